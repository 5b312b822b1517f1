/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration for a running engine: which routers stay, which come and which go, and what
 * that does to the world. Rules SURVIVE and ONE ELECTION.
 */
#include "core/reload.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "world.h"

/* The linker lets the program's calls of calloc() come here. */
static unsigned allocations_left = UINT_MAX;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (allocations_left != UINT_MAX && allocations_left-- == 0) {
		allocations_left = UINT_MAX;
		return NULL;
	}
	return __real_calloc(count, size);
}

/* ---- Values ---- */

/* SURVIVE: a reload that changes nothing about a router does not touch it; in Backup and in Active.
 */
START_TEST(same_settings_do_not_touch_the_router)
{
	struct router before;
	struct router *router;

	add_vip(add_unicast(), "10.10.10.11");
	start_engine();
	if (_i == 1)
		run_active();
	take();
	router = find(10);
	before = snapshot(router);
	configure(w.now.us + 1000);
	ck_assert_ptr_eq(find(10), router);
	ck_assert(unchanged(&before, router));
	ck_assert_str_eq(take(), "");

	/* Nor one that adds another instance, or changes it. */
	add_vip(add_instance("second", 10), "10.10.10.20");
	strcpy(w.conf->instances[1].interface, "eth1");
	configure(w.now.us + 1000);
	w.conf->instances[1].priority = 210;
	configure(w.now.us + 1000);
	ck_assert_uint_eq(w.engine.router_count, 2);
	ck_assert_ptr_eq(find(10), router);
	ck_assert(unchanged(&before, router));
	ck_assert_ptr_null(strstr(take(), "SEND"));
}
END_TEST

/* Another way to preempt leaves the router as it is, whatever it is doing. */
START_TEST(other_preempt_mode_is_taken_in_place)
{
	static const enum vrrp_preempt modes[] = {VRRP_PREEMPT_ALWAYS, VRRP_PREEMPT_HEALTH,
						  VRRP_PREEMPT_NEVER,  VRRP_PREEMPT_ALWAYS,
						  VRRP_PREEMPT_NEVER,  VRRP_PREEMPT_HEALTH};
	struct conf_instance *instance = _i % 2 == 0 ? add_unicast() : add_apiserver();
	struct router *router;
	struct router before;
	struct instant deadline;

	start_engine();
	router = find(10);
	hear(T0 + 1000, 3, _i / 2 == 1 ? 46 : 220);
	if (_i / 2 >= 2)
		run(T0 + 1000 + DOWN + 250 * MILLISECOND_US);
	if (_i / 2 == 3)
		step_down(60 * SECOND_US);
	ck_assert_int_eq(router->vrrp.state, _i / 2 < 2 ? VRRP_STATE_BACKUP : VRRP_STATE_ACTIVE);
	take();
	deadline = engine_deadline(&w.engine);
	for (size_t i = 0; i < COUNT(modes); i++) {
		before = snapshot(router);
		before.settings.vrrp.preempt = modes[i];
		before.vrrp.config.preempt = modes[i];
		instance->preempt = modes[i];
		configure(w.now.us + 1000);
		ck_assert_ptr_eq(find(10), router);
		ck_assert(unchanged(&before, router));
		ck_assert_int_eq(engine_deadline(&w.engine).us, deadline.us);
		ck_assert_str_eq(take(), "");
	}
}
END_TEST

/* What a Backup heard counts by the mode in force: with `always` an Active of a lower priority
 * stops putting off the takeover, with `health` its last advert has put it off. */
START_TEST(other_preempt_mode_moves_the_takeover)
{
	struct conf_instance *instance;

	start_backup();
	instance = &w.conf->instances[0];
	hear(T0 + SECOND_US, 3, 180);
	instance->preempt = VRRP_PREEMPT_ALWAYS;
	configure(T0 + SECOND_US);
	hear(T0 + 2 * SECOND_US, 3, 180);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + SECOND_US + DOWN);
	instance->preempt = VRRP_PREEMPT_HEALTH;
	configure(T0 + 2 * SECOND_US);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + 2 * SECOND_US + DOWN);
}
END_TEST

START_TEST(other_priority_is_sent_at_once)
{
	struct instant adver;

	start_active();
	adver = find(10)->vrrp.timers[VRRP_TIMER_ADVER];
	w.conf->instances[0].priority = 210;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(210)");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(find(10)->vrrp.timers[VRRP_TIMER_ADVER].us, adver.us);

	w.conf->instances[0].priority = 0;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(209)");

	w.conf->instances[0].track_apiserver = true;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(41)");
}
END_TEST

/* Every router that the file changes is changed, not the first one alone. */
START_TEST(values_of_every_router_are_taken)
{
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	add_vip(add_instance("third", 12), "10.10.10.12");
	start_engine();
	for (size_t i = 0; i < 3; i++)
		w.conf->instances[i].priority = 210;
	configure(T0 + 1000);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(w.engine.routers[i]->vrrp.priority, 210);
}
END_TEST

/* BANDS: readiness belongs to the node, so a router that a reload adds has its band at once, while
 * its interface is not known yet. */
START_TEST(added_router_has_the_band_of_the_node)
{
	start_backup();
	probe_answers(HEALTH_OK);
	w.conf->instance_count = 0;
	add_apiserver()->track_apiserver = true;
	add_vip(add_instance("second", 11), "10.10.10.11");
	w.conf->instances[1].track_apiserver = true;
	configure(T0 + 1000);
	ck_assert_int_eq(w.engine.routers[1]->ifindex, 0);
	ck_assert_uint_eq(w.engine.routers[1]->vrrp.priority, 200);
}
END_TEST

START_TEST(other_values_are_taken_in_place)
{
	struct conf_instance *instance;
	const struct vrrp_config *config;

	start_active();
	instance = &w.conf->instances[0];
	instance->advert_int_cs = 20;
	instance->preempt = VRRP_PREEMPT_ALWAYS;
	instance->preempt_delay_us = 3 * SECOND_US;
	instance->checksum = ADVERT_CHECKSUM_RFC5798;
	w.conf->address_lease_s = 3;
	w.conf->announce_refresh_s = 7;
	configure(w.now.us + 1000);
	config = &find(10)->vrrp.config;
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(config->advert_int_cs, 20);
	ck_assert_int_eq(config->preempt, VRRP_PREEMPT_ALWAYS);
	ck_assert_int_eq(config->preempt_delay_us, 3 * SECOND_US);
	ck_assert_int_eq(config->address_refresh_us, SECOND_US);
	ck_assert_int_eq(config->announce_refresh_us, 7 * SECOND_US);
	ck_assert_ptr_null(strstr(take(), "NOTIFY"));
	run(w.now.us + 200 * MILLISECOND_US);
	ck_assert_uint_eq(decode(last_sent()).interval_cs, 20);
	ck_assert_int_eq(decode(last_sent()).checksum, ADVERT_CHECKSUM_RFC5798);
	ck_assert_uint_gt(find(10)->history_count, 0);
}
END_TEST

/* A shorter interval is no stall: the claim counts with the interval that the last advert carried.
 */
START_TEST(shorter_interval_does_not_end_the_claim)
{
	start_active();
	w.conf->instances[0].advert_int_cs = 1;
	w.now = at(ACTIVE_AT + 900 * MILLISECOND_US);
	configure(w.now.us);
	take();
	hear(w.now.us, 3, 180);
	ck_assert_str_eq(take(), "SEND(200) ANNOUNCE");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* A hold, a handover and preempt_delay that are under way go on as they were. */
START_TEST(hold_handover_and_delay_go_on)
{
	const struct vrrp *vr;
	int64_t preempt_from;

	start_active();
	vr = &find(10)->vrrp;
	step_down(60 * SECOND_US);
	ck_assert_str_eq(take(), "SEND(1)");
	w.conf->instances[0].advert_int_cs = 50;
	w.conf->instances[0].preempt = VRRP_PREEMPT_ALWAYS;
	configure(w.now.us + 1000);
	ck_assert_int_eq(vr->timers[VRRP_TIMER_HANDOVER].us, ACTIVE_AT + 1250 * MILLISECOND_US);
	hear(w.now.us + 1000, 3, 180);
	ck_assert_int_eq(vr->state, VRRP_STATE_BACKUP);
	preempt_from = vr->preempt_from.us;
	w.conf->instances[0].advert_int_cs = 100;
	w.conf->instances[0].preempt_delay_us = SECOND_US;
	configure(w.now.us + 1000);
	ck_assert_int_eq(vr->timers[VRRP_TIMER_HOLD].us,
			 ACTIVE_AT + 250 * MILLISECOND_US + 60 * SECOND_US);
	ck_assert_int_eq(vr->preempt_from.us, preempt_from);
}
END_TEST

/* The list of peers changes in place; a node that is no longer in it says so, at once: its address
 * is still there, though not as the first one. */
START_TEST(other_peers_are_taken_in_place)
{
	struct conf_instance *instance = add_unicast();

	replace_first("10.0.0.8");
	assign("10.0.0.2", 24);
	start_engine();
	run_active();
	instance->peers[2] = ip("10.0.0.4");
	configure(w.now.us + 1000);
	run(ACTIVE_AT + SECOND_US);
	ck_assert_addr_eq(last_sent()->destination, "10.0.0.4");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	take();
	instance->peers[1] = ip("10.0.0.5");
	configure(w.now.us + 1000);
	netlink();
	ck_assert_ptr_nonnull(strstr(take(), "NOTIFY(Initialize not_a_peer)"));
}
END_TEST

/* ---- Addresses ---- */

START_TEST(address_is_exchanged)
{
	struct conf_instance *instance = add_apiserver();
	struct advert advert;

	add_vip(instance, "10.10.10.11");
	start_engine();
	run_active();
	instance->addresses[1] = ip("10.10.10.12");
	configure(ACTIVE_AT + 260 * MILLISECOND_US);
	turn(ACTIVE_AT + 260 * MILLISECOND_US);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.11) ADD ANNOUNCE");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(w.io.address_count, 3);
	ck_assert(has("10.10.10.10") && has("10.10.10.12"));
	run(ACTIVE_AT + SECOND_US);
	advert = decode(last_sent());
	ck_assert_addr_eq(advert_address(&advert, 1), "10.10.10.12");
	take();

	/* The address is not put back when netlink shows that it is gone. */
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(first_address_is_exchanged)
{
	struct conf_instance *instance = add_apiserver();

	add_vip(instance, "10.10.10.11");
	start_engine();
	run_active();
	instance->addresses[0] = ip("10.10.10.12");
	configure(ACTIVE_AT + 260 * MILLISECOND_US);
	ck_assert(!find(10)->present[0]);
	ck_assert(find(10)->present[1]);
	turn(ACTIVE_AT + 260 * MILLISECOND_US);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) ADD ANNOUNCE");
}
END_TEST

/* An advert that the reload itself sends lists the addresses that are still there. */
START_TEST(other_priority_and_addresses_at_once)
{
	struct conf_instance *instance;
	struct advert advert;

	start_active();
	instance = &w.conf->instances[0];
	instance->priority = 210;
	add_vip(instance, "10.10.10.11");
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(210)");
	advert = decode(last_sent());
	ck_assert_uint_eq(advert.address_count, 1);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.10");
	turn(w.now.us);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert(has("10.10.10.11"));
}
END_TEST

/* The list in another order moves nothing; the adverts follow it. */
START_TEST(addresses_in_another_order)
{
	struct conf_instance *instance = add_apiserver();
	struct advert advert;

	add_vip(instance, "2001:db8::100");
	add_vip(instance, "10.10.10.11");
	assign("fe80::2", 64);
	start_engine();
	run_active();
	instance->addresses[0] = ip("10.10.10.11");
	instance->addresses[1] = ip("10.10.10.10");
	instance->addresses[2] = ip("2001:db8::100");
	configure(w.now.us + 1000);
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "");
	run(ACTIVE_AT + SECOND_US);
	advert = decode(last_sent());
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.11");
	ck_assert_addr_eq(advert_address(&advert, 1), "10.10.10.10");
}
END_TEST

START_TEST(address_is_added_in_backup)
{
	start_backup();
	add_vip(&w.conf->instances[0], "10.10.10.11");
	configure(T0 + SECOND_US);
	turn(T0 + SECOND_US);
	ck_assert_ptr_null(strstr(take(), "ADD"));
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(vrrp_takeover(&find(10)->vrrp).at.us, ACTIVE_AT);
	run(ACTIVE_AT);
	ck_assert_uint_eq(decode(last_sent()).address_count, 2);
}
END_TEST

/* A VIP that the node already has for other reasons is not left in place by a reload. */
START_TEST(added_address_is_a_leftover)
{
	start_backup();
	assign("10.10.10.11", 24);
	turn(T0 + SECOND_US);
	ck_assert_str_eq(take(), "");
	add_vip(&w.conf->instances[0], "10.10.10.11");
	configure(T0 + SECOND_US);
	netlink();
	turn(T0 + SECOND_US);
	ck_assert_ptr_nonnull(strstr(take(), "10.10.10.11"));
	ck_assert_uint_eq(w.io.address_count, 1);
}
END_TEST

/* An address that is leaving is known as such, wherever the new list has it. */
START_TEST(leaving_address_at_another_place)
{
	struct conf_instance *instance = add_apiserver();

	add_vip(instance, "10.10.10.11");
	start_engine();
	run_active();
	hear(w.now.us, 3, 254);
	take_traces();
	assign("10.10.10.11", 32);
	turn(w.now.us + MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "");
	instance->addresses[0] = ip("10.10.10.11");
	instance->address_count = 1;
	configure(w.now.us);
	assign("10.10.10.11", 32);
	turn(w.now.us + MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

/* ONE ELECTION: the family that is carried along comes and goes like an address; the role and the
 * adverts of the elected family stay. */
START_TEST(carried_family_comes_and_goes)
{
	struct conf_instance *instance;
	struct router *router;

	assign("fe80::2", 64);
	start_active();
	router = find(10);
	instance = &w.conf->instances[0];
	add_vip(instance, "2001:db8::100");
	configure(w.now.us + 1000);
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_ptr_eq(find(10), router);
	turn(w.now.us);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert(has("2001:db8::100"));
	run(ACTIVE_AT + SECOND_US);
	ck_assert_uint_eq(decode(last_sent()).address_count, 1);
	netlink();
	take();

	instance->address_count = 1;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "REMOVE(2001:db8::100)");
	ck_assert(!has("2001:db8::100") && has("10.10.10.10"));
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "");
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(router->counters.priority_zero_sent, 0);
}
END_TEST

/* An address of the elected family goes between those of the other one: each keeps its presence. */
START_TEST(advertised_address_is_added_before_carried_ones)
{
	struct conf_instance *instance = add_apiserver();

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	start_engine();
	run_active();
	add_vip(instance, "10.10.10.11");
	configure(w.now.us + 1000);
	ck_assert(find(10)->present[0]);
	ck_assert(!find(10)->present[1]);
	ck_assert(find(10)->present[2]);
	ck_assert_uint_eq(find(10)->settings.advertised_count, 2);
	turn(w.now.us);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 0);
}
END_TEST

START_TEST(derived_address_gives_way_to_one_of_the_file)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	start_engine();
	run_active();
	ck_assert(find6(10)->settings.link_local_derived);
	add_vip(instance, "fe80::100");
	configure(w.now.us + 1000);
	turn(w.now.us);
	ck_assert_str_eq(take(), "REMOVE(fe80::200:5eff:fe00:20a) ADD ANNOUNCE");
	ck_assert(!find6(10)->settings.link_local_derived);
	ck_assert(has("fe80::100"));
}
END_TEST

/* ---- Routers ---- */

static void on_another_interface(struct conf_instance *instance)
{
	strcpy(instance->interface, "eth1");
}

static void another_vrid(struct conf_instance *instance)
{
	instance->virtual_router_id = 20;
}

static void another_family(struct conf_instance *instance)
{
	instance->addresses[0] = ip("2001:db8::100");
}

/* The same addresses, elected in the other family. */
static void family_first(struct conf_instance *instance)
{
	instance->addresses[0] = ip("2001:db8::100");
	add_vip(instance, "10.10.10.10");
}

static void another_name(struct conf_instance *instance)
{
	strcpy(instance->name, "other");
}

static const struct {
	void (*change)(struct conf_instance *instance);
	bool same_find; /* find(10) finds a router after netlink has been asked */
} identities[] = {
	{on_another_interface, false}, {another_vrid, false}, {another_family, false},
	{family_first, false},	       {another_name, true},
};

/* A change of what a router is makes another one; the old one leaves without a handover. */
START_TEST(other_identity_is_another_router)
{
	start_active();
	identities[_i].change(&w.conf->instances[0]);
	configure(w.now.us + 1000);
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_str_eq(take(), "SEND(1) SEND(0) REMOVE(10.10.10.10) "
				 "NOTIFY(Initialize shutdown)");
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_uint_eq(w.engine.routers[0]->counters.adverts_sent, 0);
	ck_assert_ptr_null(find(10));
	hear(w.now.us + 1000, 3, 220);
	netlink();
	ck_assert((find(10) != NULL) == identities[_i].same_find);
}
END_TEST

/* `auto` and the name of the interface that it has found are the same. */
START_TEST(auto_and_the_interface_it_found_are_the_same)
{
	static const struct {
		const char *before, *found, *after;
		bool same;
	} rows[] = {
		{"", "eth0", "eth0", true},  {"eth0", "eth0", "", true},
		{"", "eth0", "eth1", false}, {"eth0", "eth0", "x", false},
		{"x", "x", "", true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf_instance *instance;

		tear_down();
		set_up();
		instance = add_apiserver();
		strcpy(instance->interface, rows[i].before);
		strcpy(w.io.name, rows[i].found);
		start_engine();
		run_active();
		strcpy(instance->interface, rows[i].after);
		configure(ACTIVE_AT + 260 * MILLISECOND_US);
		ck_assert_int_eq(w.engine.routers[0]->vrrp.state,
				 rows[i].same ? VRRP_STATE_ACTIVE : VRRP_STATE_INITIALIZE);
	}
	/* `auto` is not the same as a name whose interface is not known yet: the hold of the old
	 * router is gone. */
	tear_down();
	set_up();
	add_apiserver();
	configure(T0);
	step_down(60 * SECOND_US);
	ck_assert_str_eq(w.engine.routers[0]->interface_name, "");
	strcpy(w.conf->instances[0].interface, "");
	configure(T0);
	ck_assert_str_eq(w.engine.routers[0]->settings.interface, "");
	ck_assert(instant_is_never(w.engine.routers[0]->vrrp.timers[VRRP_TIMER_HOLD]));
}
END_TEST

/* A reload without memory changes nothing, at whichever allocation it happens. */
START_TEST(reload_without_memory_changes_nothing)
{
	struct router before;

	start_active();
	before = snapshot(find(10));
	add_vip(add_instance("second", 11), "10.10.10.11");
	add_vip(add_instance("third", 12), "10.10.10.12");
	add_vip(add_instance("fourth", 13), "10.10.10.13");
	for (unsigned i = 0; i < 3; i++) {
		allocations_left = i;
		ck_assert(!try_configure(w.now.us));
		ck_assert_uint_eq(w.engine.router_count, 1);
		ck_assert(unchanged(&before, find(10)));
	}
	ck_assert_str_eq(take(), "");
	configure(w.now.us);
	ck_assert_uint_eq(w.engine.router_count, 4);

	/* Nor are the first ones kept when there were none. */
	tear_down();
	set_up();
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	allocations_left = 1;
	ck_assert(!try_configure(T0));
	ck_assert_uint_eq(w.engine.router_count, 0);
}
END_TEST

START_TEST(removed_instance_leaves)
{
	struct router before;

	add_vip(add_instance("second", 11), "10.10.10.11");
	add_apiserver();
	start_engine();
	run_active();
	before = snapshot(find(10));
	memmove(&w.conf->instances[0], &w.conf->instances[1], sizeof(w.conf->instances[0]));
	w.conf->instance_count = 1;
	configure(w.now.us + 1000);
	ck_assert_ptr_nonnull(strstr(w.log, "SEND(0) REMOVE(10.10.10.11)"));
	ck_assert_ptr_null(strstr(take(), "10.10.10.10"));
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_ptr_null(find(11));
	ck_assert(unchanged(&before, find(10)));

	w.conf->instance_count = 0;
	configure(w.now.us + 1000);
	ck_assert_uint_eq(w.engine.router_count, 0);
	ck_assert_ptr_null(find(10));
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
}
END_TEST

static unsigned sends_seen;

static void see_no_dropped_router(struct fake_io *io, const struct fake_call *call)
{
	if (call->type != FAKE_CALL_SEND)
		return;
	ck_assert_ptr_eq(io, &w.io);
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_str_eq(w.engine.routers[0]->settings.instance, "apiserver");
	ck_assert_ptr_null(find(11));
	sends_seen++;
}

/* While a reload lets one router go and changes another, the engine names the new routers only. */
START_TEST(dropped_router_is_found_by_nobody)
{
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	start_engine();
	run_active();
	w.conf->instance_count = 1;
	w.conf->instances[0].priority = 210;
	w.io.after = see_no_dropped_router;
	sends_seen = 0;
	configure(w.now.us + 1000);
	/* 1 and 0 of the one that goes, 210 of the other. */
	ck_assert_uint_eq(sends_seen, 3);
}
END_TEST

/* Of the largest file, too, nothing is left of the routers before. */
START_TEST(every_router_of_the_largest_file_is_exchanged)
{
	for (unsigned round = 0; round < 2; round++) {
		w.conf->instance_count = 0;
		for (unsigned i = 0; i < ROUTERS_MAX; i++) {
			char name[CONF_NAME_SIZE], vip[ADDR_TEXT_SIZE];

			snprintf(name, sizeof(name), "n%u-%u", round, i);
			snprintf(vip, sizeof(vip), "10.10.10.%u", i);
			add_vip(add_instance(name, (uint8_t)(i + 1)), vip);
		}
		configure(T0 + round);
		ck_assert_uint_eq(w.engine.router_count, ROUTERS_MAX);
		for (unsigned i = 0; i < ROUTERS_MAX; i++)
			ck_assert_str_eq(w.engine.routers[i]->settings.instance,
					 w.conf->instances[i].name);
	}
}
END_TEST

/* A Backup that is removed has nothing to say. */
START_TEST(removed_backup_is_silent)
{
	start_backup();
	w.conf->instance_count = 0;
	configure(T0 + SECOND_US);
	ck_assert_ptr_null(strstr(take(), "SEND"));
	ck_assert_uint_eq(w.engine.router_count, 0);
}
END_TEST

/* Two elections are two instances: the end of one does not touch the other. */
START_TEST(removed_instance_of_the_other_family)
{
	struct router before;

	assign("fe80::2", 64);
	add_apiserver();
	add_vip(add_instance("six", 10), "2001:db8::100");
	start_engine();
	run_active();
	before = snapshot(find(10));
	w.conf->instance_count = 1;
	configure(w.now.us + 1000);
	ck_assert_ptr_nonnull(
		strstr(take(), "SEND(0) REMOVE(fe80::200:5eff:fe00:20a 2001:db8::100)"));
	ck_assert_ptr_null(find6(10));
	ck_assert(unchanged(&before, find(10)));
}
END_TEST

static void add_values(Suite *suite)
{
	TCase *tcase = tcase_create("values");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, same_settings_do_not_touch_the_router, 0, 2);
	tcase_add_loop_test(tcase, other_preempt_mode_is_taken_in_place, 0, 8);
	tcase_add_test(tcase, other_preempt_mode_moves_the_takeover);
	tcase_add_test(tcase, other_priority_is_sent_at_once);
	tcase_add_test(tcase, values_of_every_router_are_taken);
	tcase_add_test(tcase, added_router_has_the_band_of_the_node);
	tcase_add_test(tcase, other_values_are_taken_in_place);
	tcase_add_test(tcase, shorter_interval_does_not_end_the_claim);
	tcase_add_test(tcase, hold_handover_and_delay_go_on);
	tcase_add_test(tcase, other_peers_are_taken_in_place);
	suite_add_tcase(suite, tcase);
}

static void add_addresses(Suite *suite)
{
	TCase *tcase = tcase_create("addresses");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, address_is_exchanged);
	tcase_add_test(tcase, first_address_is_exchanged);
	tcase_add_test(tcase, other_priority_and_addresses_at_once);
	tcase_add_test(tcase, addresses_in_another_order);
	tcase_add_test(tcase, address_is_added_in_backup);
	tcase_add_test(tcase, added_address_is_a_leftover);
	tcase_add_test(tcase, leaving_address_at_another_place);
	tcase_add_test(tcase, carried_family_comes_and_goes);
	tcase_add_test(tcase, advertised_address_is_added_before_carried_ones);
	tcase_add_test(tcase, derived_address_gives_way_to_one_of_the_file);
	suite_add_tcase(suite, tcase);
}

static void add_routers(Suite *suite)
{
	TCase *tcase = tcase_create("routers");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, other_identity_is_another_router, 0, (int)COUNT(identities));
	tcase_add_test(tcase, auto_and_the_interface_it_found_are_the_same);
	tcase_add_test(tcase, reload_without_memory_changes_nothing);
	tcase_add_test(tcase, removed_instance_leaves);
	tcase_add_test(tcase, dropped_router_is_found_by_nobody);
	tcase_add_test(tcase, every_router_of_the_largest_file_is_exchanged);
	tcase_add_test(tcase, removed_backup_is_silent);
	tcase_add_test(tcase, removed_instance_of_the_other_family);
	suite_add_tcase(suite, tcase);
}

Suite *suite_reload(void)
{
	Suite *suite = suite_create("reload");

	add_values(suite);
	add_addresses(suite);
	add_routers(suite);
	return suite;
}
