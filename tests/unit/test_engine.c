/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All virtual routers of a node: the order of what they do to the world, readiness, the Active that
 * they know, and the end. Rules ORDER, SOCKETS FIRST, ONE ELECTION, BANDS and HANDOVER.
 */
#include "core/engine.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "world.h"

/* ---- Order ---- */

START_TEST(takeover_adds_announces_and_advertises)
{
	struct advert advert;
	const struct router *router;

	start_backup();
	router = find(10);
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT);
	turn(ACTIVE_AT - 1);
	ck_assert_str_eq(take(), "");
	turn(ACTIVE_AT);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)");

	advert = decode(last_sent());
	ck_assert_ptr_eq(last_sent()->router, router);
	ck_assert_addr_eq(last_sent()->source, "10.0.0.2");
	ck_assert_addr_eq(last_sent()->destination, "224.0.0.18");
	ck_assert_uint_eq(advert.vrid, 10);
	ck_assert_uint_eq(advert.interval_cs, 100);
	ck_assert_uint_eq(advert.address_count, 1);
	ck_assert_int_eq(advert.checksum, ADVERT_CHECKSUM_RFC9568);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.10");
	ck_assert_uint_eq(router->counters.adverts_sent, 1);
	ck_assert_uint_eq(router->counters.announcements, 1);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_ACTIVE][VRRP_REASON_ACTIVE_DOWN],
			  1);
	ck_assert_int_eq(router->since.us, ACTIVE_AT);
	ck_assert(router->present[0]);

	/* The address that netlink now shows is no news. */
	netlink();
	ck_assert_str_eq(take(), "");
	ck_assert(router->present[0]);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_addr_eq(router->vrrp.primary, "10.0.0.2");
}
END_TEST

START_TEST(each_router_sends_its_own_adverts)
{
	struct conf_instance *second;
	struct advert advert;

	add_apiserver();
	second = add_instance("second", 11);
	add_vip(second, "10.10.10.11");
	second->priority = 199;
	second->advert_int_cs = 101;
	start_engine();
	turn(ACTIVE_AT + SECOND_US);
	ck_assert_uint_eq(w.io.sent_count, 2);
	advert = decode(&w.io.sent[0]);
	ck_assert_uint_eq(advert.vrid, 10);
	ck_assert_uint_eq(advert.priority, 200);
	ck_assert_uint_eq(advert.interval_cs, 100);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.10");
	advert = decode(&w.io.sent[1]);
	ck_assert_uint_eq(advert.vrid, 11);
	ck_assert_uint_eq(advert.priority, 199);
	ck_assert_uint_eq(advert.interval_cs, 101);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.11");
}
END_TEST

START_TEST(adverts_of_priority_zero_are_counted)
{
	start_active();
	hear(ACTIVE_AT + 300 * MILLISECOND_US, 3, 0);
	ck_assert_str_eq(take(), "SEND(200)");
	ck_assert_uint_eq(find(10)->counters.priority_zero_received, 1);
	hear(ACTIVE_AT + 400 * MILLISECOND_US, 3, 180);
	ck_assert_uint_eq(find(10)->counters.priority_zero_received, 1);
	shut_down();
	shut_down();
	ck_assert_uint_eq(find(10)->counters.priority_zero_sent, 1);
}
END_TEST

START_TEST(counters_add_up)
{
	struct advert_fields fields = fields_of(3, 180);

	start_active();
	fields.checksum = ADVERT_CHECKSUM_RFC5798;
	deliver(ACTIVE_AT + 300 * MILLISECOND_US, &fields);
	hear(ACTIVE_AT + 400 * MILLISECOND_US, 3, 180);
	ck_assert_uint_eq(find(10)->counters.checksum_rfc5798_received, 1);
	step_down(100 * MILLISECOND_US);
	run(ACTIVE_AT + 10 * SECOND_US);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.priority_zero_sent, 1);
	ck_assert_uint_eq(find(10)->counters.announce_failures, 0);
	w.io.announce_fails = true;
	hear(ACTIVE_AT + 10 * SECOND_US, 3, 180);
	ck_assert_uint_eq(find(10)->counters.announce_failures, 1);
}
END_TEST

/* As many addresses as there can be, and the derived one: every list is full. */
START_TEST(full_list_of_addresses_is_advertised)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	struct advert advert;
	char text[32];

	assign("fe80::2", 64);
	for (unsigned i = 0; i < CONF_ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i + 0x100);
		add_vip(instance, text);
	}
	start_engine();
	run_active();
	ck_assert_uint_eq(find6(10)->settings.address_count, ROUTER_ADDRESSES_MAX);
	ck_assert_uint_eq(last_sent()->size, ADVERT_HEADER_SIZE + 16 * ROUTER_ADDRESSES_MAX);
	advert = decode(last_sent());
	ck_assert_addr_eq(advert_address(&advert, CONF_ADDRESSES_MAX), text);
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "");
}
END_TEST

/* The earliest of all routers, and all that are due in one turn. */
START_TEST(deadline_is_the_earliest_of_all_routers)
{
	struct conf_instance *second;

	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	add_apiserver();
	second = add_instance("second", 11);
	add_vip(second, "10.10.10.11");
	second->advert_int_cs = 50;
	start_engine();
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + DOWN / 2);
	turn(ACTIVE_AT + 1000);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(find(11)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT + 101000);
}
END_TEST

START_TEST(fini_leaves_an_empty_engine)
{
	start_active();
	engine_fini(&w.engine);
	ck_assert_uint_eq(w.engine.router_count, 0);
	ck_assert_ptr_null(find(10));
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	ck_assert_ptr_eq(w.engine.io, &w.io.engine_io);
	ck_assert_str_eq(take(), "");
}
END_TEST

/* ---- ONE ELECTION ---- */

static void start_dual_stack(void)
{
	assign("fe80::2", 64);
	add_vip(add_apiserver(), "2001:db8::100");
	start_engine();
	ck_assert_uint_eq(w.engine.router_count, 1);
	take();
}

/* One advert, which lists the elected family; both families come and go together. */
START_TEST(carried_addresses_move_with_the_others)
{
	struct advert advert;

	start_dual_stack();
	run(ACTIVE_AT);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)");
	ck_assert_uint_eq(w.io.sent_count, 1);
	ck_assert_addr_eq(last_sent()->destination, "224.0.0.18");
	advert = decode(last_sent());
	ck_assert_uint_eq(advert.address_count, 1);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.10");
	ck_assert(has("10.10.10.10") && has("2001:db8::100"));
	/* Nothing is derived for a family that is not advertised. */
	ck_assert(!has("fe80::200:5eff:fe00:20a"));
	netlink();
	ck_assert_str_eq(take(), "");

	hear(ACTIVE_AT + 1000, 3, 220);
	ck_assert_str_eq(take(), "SEND(1) REMOVE(10.10.10.10 2001:db8::100) "
				 "NOTIFY(Backup higher_priority)");
	ck_assert(!has("10.10.10.10") && !has("2001:db8::100"));
}
END_TEST

START_TEST(ipv4_is_carried_along_with_ipv6)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	struct advert advert;

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "10.10.10.10");
	start_engine();
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_ptr_null(find(10));
	ck_assert_ptr_nonnull(find6(10));
	take();
	run(ACTIVE_AT);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)");
	ck_assert_addr_eq(last_sent()->source, "fe80::2");
	ck_assert_addr_eq(last_sent()->destination, "ff02::12");
	advert = decode(last_sent());
	ck_assert_uint_eq(advert.address_count, 2);
	ck_assert_addr_eq(advert_address(&advert, 0), "fe80::200:5eff:fe00:20a");
	ck_assert_addr_eq(advert_address(&advert, 1), "2001:db8::100");
	ck_assert(has("fe80::200:5eff:fe00:20a") && has("2001:db8::100") && has("10.10.10.10"));

	shut_down();
	run(ACTIVE_AT + SECOND_US);
	ck_assert_str_eq(take(), "SEND(1) SEND(0) "
				 "REMOVE(fe80::200:5eff:fe00:20a 2001:db8::100 10.10.10.10) "
				 "NOTIFY(Initialize shutdown)");
	ck_assert(!has("10.10.10.10"));
}
END_TEST

/* Both families on one node, or none: a carried address that cannot be added keeps the router from
 * the role. */
START_TEST(carried_address_that_cannot_be_added)
{
	start_dual_stack();
	w.io.add_fails = true;
	w.io.add_fails_at = 1;
	turn(ACTIVE_AT);
	ck_assert_str_eq(take(), "ADD! REMOVE(10.10.10.10 2001:db8::100) "
				 "NOTIFY(Initialize add_failed)");
	ck_assert_uint_eq(w.io.sent_count, 0);
	ck_assert(!has("10.10.10.10"));
	ck_assert_int_eq(find(10)->vrrp.fault, VRRP_FAULT_ADD_FAILED);

	w.io.add_fails = false;
	run(ACTIVE_AT + SECOND_US + DOWN);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert(has("10.10.10.10") && has("2001:db8::100"));
	take();

	/* Nor is the role kept without it. */
	netlink();
	unassign("2001:db8::100");
	w.io.add_fails = true;
	turn(w.now.us);
	ck_assert_str_eq(take(), "ADD! SEND(0) REMOVE(10.10.10.10 2001:db8::100) "
				 "NOTIFY(Initialize add_failed)");
	ck_assert(!has("10.10.10.10"));
}
END_TEST

/* ---- SOCKETS FIRST ---- */

/* The adverts in the queue are heard before the timer is looked at. */
START_TEST(advert_is_heard_before_timers_run)
{
	start_backup();
	hear(ACTIVE_AT + SECOND_US, 3, 220);
	timers(true);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(timers_wait_for_the_sockets)
{
	start_backup();
	for (int i = 1; i < ENGINE_UNDRAINED_MAX; i++) {
		w.now = at(ACTIVE_AT + i);
		timers(false);
		ck_assert_str_eq(take(), "");
		ck_assert(instant_due(engine_deadline(&w.engine), w.now));
	}
	w.now = at(ACTIVE_AT + 10);
	timers(false);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* Only turns in a row count. */
START_TEST(drained_turn_resets_the_undrained_counter)
{
	start_backup();
	w.now = at(T0 + 1);
	timers(false);
	timers(false);
	timers(true);
	for (int i = 1; i < ENGINE_UNDRAINED_MAX; i++) {
		w.now = at(ACTIVE_AT + i);
		timers(false);
		ck_assert_str_eq(take(), "");
	}
	w.now = at(ACTIVE_AT + 5);
	timers(true);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* An Active whose claim has expired yields to any other Active, without a word. */
START_TEST(stalled_active_yields_silently)
{
	start_active();
	run(ACTIVE_AT + 6 * SECOND_US);
	take();
	hear(ACTIVE_AT + 20 * SECOND_US, 3, 180);
	timers(true);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Backup claim_expired)");
}
END_TEST

/* If none is heard it goes on: the lease may have ended, so the addresses come first, and the
 * neighbours are told when the advert is on the wire. */
START_TEST(stalled_active_goes_on_alone)
{
	start_active();
	run(ACTIVE_AT + 6 * SECOND_US);
	take();
	turn(ACTIVE_AT + 20 * SECOND_US);
	ck_assert_str_eq(take(), "ADD SEND(200) ANNOUNCE");
	/* The whole schedule begins again. */
	run(ACTIVE_AT + 20 * SECOND_US + 600 * MILLISECOND_US);
	ck_assert_str_eq(take(), "ANNOUNCE ANNOUNCE");
	hear(ACTIVE_AT + 20 * SECOND_US + 700 * MILLISECOND_US, 3, 180);
	ck_assert_str_eq(take(), "SEND(200) ANNOUNCE");
}
END_TEST

START_TEST(stalled_active_whose_lease_has_ended)
{
	start_active();
	run(ACTIVE_AT + 6 * SECOND_US);
	take();
	unassign("10.10.10.10");
	turn(ACTIVE_AT + 20 * SECOND_US);
	ck_assert_str_eq(take(), "ADD SEND(200) ANNOUNCE");
	ck_assert(has("10.10.10.10"));
}
END_TEST

/* No event before the timers of a turn makes the router speak: another Active may be in the
 * sockets' queues. */
START_TEST(stalled_active_waits_for_its_timers)
{
	add_apiserver()->track_apiserver = true;
	probe_answers(HEALTH_OK);
	start_engine();
	run_active();
	run(ACTIVE_AT + 6 * SECOND_US);
	take();
	w.now = at(ACTIVE_AT + 20 * SECOND_US);
	replace_first("10.0.0.7");
	w.io.mac[5]++;
	netlink();
	probe_answers(HEALTH_REFUSED);
	ck_assert_str_eq(take(), "");
	timers(true);
	ck_assert_str_eq(take(), "ADD SEND(116) ANNOUNCE");
	ck_assert_addr_eq(last_sent()->source, "10.0.0.7");
}
END_TEST

/* Time that the kernel takes to add an address is no stall: the takeover, and all that counts from
 * it, is as late as the addresses are. */
START_TEST(slow_add_is_not_a_stall)
{
	const struct vrrp *vr;

	start_backup();
	vr = &find(10)->vrrp;
	w.io.add_takes_us = 5 * SECOND_US;
	run(ACTIVE_AT);
	w.io.add_takes_us = 0;
	take();
	ck_assert_int_eq(vr->timers[VRRP_TIMER_ADVER].us, ACTIVE_AT + 6 * SECOND_US);
	ck_assert_int_eq(find(10)->since.us, ACTIVE_AT + 5 * SECOND_US);
	hear(ACTIVE_AT + 5 * SECOND_US, 3, 180);
	ck_assert_int_eq(vr->state, VRRP_STATE_ACTIVE);
	hear(ACTIVE_AT + 5 * SECOND_US + DOWN + 1000, 3, 180);
	ck_assert_int_eq(vr->state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(vr->reason, VRRP_REASON_CLAIM_EXPIRED);
}
END_TEST

/* An Active that waited for the kernel sends the advert that has become due meanwhile. */
START_TEST(advert_due_during_a_slow_add_is_sent_behind_it)
{
	start_active();
	run(ACTIVE_AT + 2 * SECOND_US);
	unassign("10.10.10.10");
	w.now.us += SECOND_US / 4;
	netlink();
	w.io.add_takes_us = 5 * SECOND_US / 2;
	take();
	timers(true);
	w.io.add_takes_us = 0;
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200)");
	ck_assert_int_eq(find(10)->vrrp.said.at.us, ACTIVE_AT + 19 * SECOND_US / 4);
	ck_assert_int_eq(engine_deadline(&w.engine).us,
			 ACTIVE_AT + 19 * SECOND_US / 4 + 100 * MILLISECOND_US);
}
END_TEST

/* ---- Readiness ---- */

/* HEALTH and BANDS: 200 ready, 116 answering, 32 down; an Active says so at once. */
START_TEST(priority_follows_the_probe)
{
	static const struct {
		enum health_result result;
		bool changed;
		const char *told;
	} rows[] = {
		{HEALTH_OK, true, "SEND(200)"},
		{HEALTH_OK, false, ""},
		{HEALTH_REFUSED, true, "SEND(116)"},
		{HEALTH_REFUSED, false, ""},
		{HEALTH_REFUSED, true, "SEND(32)"},
		{HEALTH_TIMEOUT, false, ""},
		{HEALTH_FORBIDDEN, true, "SEND(116)"},
		{HEALTH_OK, false, ""},
		{HEALTH_OK, false, ""},
		{HEALTH_OK, false, ""},
		{HEALTH_OK, true, "SEND(200)"},
	};

	add_apiserver()->track_apiserver = true;
	start_engine();
	ck_assert_uint_eq(find(10)->vrrp.priority, 32);
	run(T0 + DOWN_AT_32);
	ck_assert_uint_eq(last_sent()->priority, 32);
	take();
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert(engine_probe_result(&w.engine, w.now, rows[i].result) == rows[i].changed);
		ck_assert_str_eq(take(), rows[i].told);
		router_assert(find(10));
	}
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* RESUME: the process before was Active and ready, so no advert says otherwise before a result
 * does. */
START_TEST(claim_of_the_process_before)
{
	static const struct {
		uint8_t priority;
		const char *told;
	} rows[] = {{200, "SEND(200)"}, {116, "SEND(116)"}, {32, "SEND(32)"}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tear_down();
		set_up();
		add_apiserver()->track_apiserver = true;
		configure(T0);
		w.engine.routers[0]->inherited = (struct vrrp_claim){.at = {T0 - SECOND_US},
								     .interval_cs = 100,
								     .priority = rows[i].priority,
								     .tenure_short = INSTANT_NEVER,
								     .tenure_long = INSTANT_NEVER};
		assign("10.10.10.10", 32);
		netlink();
		ck_assert_str_eq(take(), "NOTIFY(Active resumed)");
		ck_assert(has("10.10.10.10"));
		turn(T0);
		ck_assert_ptr_nonnull(strstr(take(), rows[i].told));
		ck_assert_str_eq(take_traces(), "");
	}
	/* The first results judge as if the process had gone on. */
	probe_answers(HEALTH_OK);
	ck_assert(w.engine.health.ready);
	probe_answers(HEALTH_REFUSED);
	ck_assert(!w.engine.health.ready);
}
END_TEST

/* Readiness that came before the routers counts for them. */
START_TEST(readiness_is_kept_for_routers_to_come)
{
	add_apiserver()->track_apiserver = true;
	probe_answers(HEALTH_OK);
	start_engine();
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
}
END_TEST

START_TEST(every_router_follows_the_probe)
{
	struct conf_instance *second;

	add_apiserver()->track_apiserver = true;
	second = add_instance("second", 11);
	add_vip(second, "10.10.10.11");
	second->track_apiserver = true;
	start_engine();
	ck_assert_uint_eq(find(11)->vrrp.priority, 32);
	probe_answers(HEALTH_OK);
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
	ck_assert_uint_eq(find(11)->vrrp.priority, 200);
}
END_TEST

START_TEST(untracked_router_is_always_ready)
{
	start_active();
	probe_answers(HEALTH_OK);
	probe_answers(HEALTH_REFUSED);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
}
END_TEST

/* PREEMPT: one Skew_Time after the first advert of an Active of a lower band. */
START_TEST(active_of_a_lower_band_is_preempted)
{
	static const struct {
		enum health_result own;
		uint8_t theirs;
		int64_t skew_us;
		const char *told;
	} rows[] = {
		{HEALTH_OK, 60, SKEW, "ADD ANNOUNCE SEND(200) NOTIFY(Active active_unready)"},
		{HEALTH_OK, 170, SKEW, "ADD ANNOUNCE SEND(200) NOTIFY(Active active_unready)"},
		{HEALTH_OK, 171, SKEW, ""},
		{HEALTH_STATUS, 86, 546875, "ADD ANNOUNCE SEND(116) NOTIFY(Active active_unready)"},
		{HEALTH_STATUS, 87, 546875, ""},
		{HEALTH_REFUSED, 2, 875000, ""},
		{HEALTH_REFUSED, 1, 875000, "ADD ANNOUNCE SEND(32) NOTIFY(Active active_leaving)"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tear_down();
		set_up();
		add_apiserver()->track_apiserver = true;
		start_engine();
		probe_answers(rows[i].own);
		take();
		hear(T0 + SECOND_US, 3, rows[i].theirs);
		hear(T0 + SECOND_US + 100 * MILLISECOND_US, 3, rows[i].theirs);
		run(T0 + SECOND_US + rows[i].skew_us - 1);
		ck_assert_str_eq(take(), "");
		run(T0 + SECOND_US + rows[i].skew_us);
		ck_assert_str_eq(take(), rows[i].told);
	}
}
END_TEST

/* The moment of the takeover is computed: a Backup that becomes ready preempts an Active that it
 * has heard before. */
START_TEST(backup_that_becomes_ready_preempts)
{
	add_apiserver()->track_apiserver = true;
	start_engine();
	take();
	hear(T0 + SECOND_US, 3, 60);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + SECOND_US + DOWN_AT_32);
	w.now = at(T0 + 3 * SECOND_US / 2);
	probe_answers(HEALTH_OK);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + 3 * SECOND_US / 2 + SKEW);
	probe_answers(HEALTH_REFUSED);
	probe_answers(HEALTH_REFUSED);
	probe_answers(HEALTH_REFUSED);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + SECOND_US + DOWN_AT_32);
	ck_assert_str_eq(take(), "");
}
END_TEST

/* Other limits count from the next result on, also if that is a result like the one before. */
START_TEST(other_limits_count_from_the_next_result)
{
	static const struct {
		unsigned fall;
		uint8_t before, after;
	} rows[] = {{1, 116, 32}, {100, 32, 116}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tear_down();
		set_up();
		add_apiserver()->track_apiserver = true;
		start_engine();
		probe_answers(HEALTH_STATUS);
		for (unsigned j = 0; j < (i == 0 ? 1 : 3); j++)
			probe_answers(HEALTH_REFUSED);
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].before);
		engine_limit_health(&w.engine, rows[i].fall, 1);
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].before);
		probe_answers(HEALTH_REFUSED);
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].after);
	}
}
END_TEST

START_TEST(forgotten_results_leave_the_node_down)
{
	add_apiserver()->track_apiserver = true;
	start_engine();
	probe_answers(HEALTH_OK);
	engine_limit_health(&w.engine, 7, 5);
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
	engine_forget_health(&w.engine, w.now);
	ck_assert_uint_eq(find(10)->vrrp.priority, 32);
	/* The very first success counts at once again; the limits stay. */
	probe_answers(HEALTH_OK);
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
	ck_assert_uint_eq(w.engine.health.fall, 7);
	ck_assert_uint_eq(w.engine.health.rise, 5);
}
END_TEST

/* Fails until the node is not ready, then succeeds until it is. Returns how many successes that
 * took. */
static unsigned successes_after_a_loss(void)
{
	unsigned count = 0;

	probe_answers(HEALTH_REFUSED);
	ck_assert(!w.engine.health.ready);
	for (; !w.engine.health.ready; count++)
		probe_answers(HEALTH_OK);
	return count;
}

/* DAMPING: an Active that loses readiness again and again needs more successes each time. */
START_TEST(active_that_loses_readiness_is_damped)
{
	static const unsigned needed[] = {4, 8, 16, 32, 64, 64};

	add_apiserver()->track_apiserver = true;
	probe_answers(HEALTH_OK);
	start_engine();
	run_active();
	for (size_t i = 0; i < COUNT(needed); i++) {
		ck_assert_uint_eq(successes_after_a_loss(), needed[i]);
		w.now.us += 599 * SECOND_US;
	}
	w.now.us += SECOND_US;
	ck_assert_uint_eq(successes_after_a_loss(), 4);
}
END_TEST

/* Whichever of the node's routers it is. */
START_TEST(any_active_that_loses_readiness_is_damped)
{
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	w.conf->instances[1].track_apiserver = true;
	probe_answers(HEALTH_OK);
	start_engine();
	run_active();
	ck_assert_uint_eq(successes_after_a_loss(), 4);
}
END_TEST

/* A Backup's readiness moves no VIP, nor does an Active's that does not track it. */
START_TEST(readiness_of_no_active_is_not_damped)
{
	for (int tracked = 0; tracked < 2; tracked++) {
		tear_down();
		set_up();
		add_apiserver()->track_apiserver = tracked;
		start_engine();
		probe_answers(HEALTH_OK);
		if (!tracked)
			run_active();
		for (int i = 0; i < 3; i++)
			ck_assert_uint_eq(successes_after_a_loss(), 2);
	}
}
END_TEST

/* The loss counts once, however long the node stays unready, and the band alone is none. */
START_TEST(one_loss_counts_once)
{
	add_apiserver()->track_apiserver = true;
	probe_answers(HEALTH_OK);
	start_engine();
	run_active();
	for (int i = 0; i < 10; i++)
		probe_answers(i % 4 ? HEALTH_REFUSED : HEALTH_STATUS);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(health_successes_needed(&w.engine.health, w.now), 4);
	engine_forget_health(&w.engine, w.now);
	ck_assert_uint_eq(health_successes_needed(&w.engine.health, w.now), 2);
}
END_TEST

/* ---- The Active that a Backup knows ---- */

static void assert_active_is(const char *address, uint8_t priority, int64_t us)
{
	const struct vrrp_heard *active = vrrp_active_heard(&find(10)->vrrp);

	ck_assert_ptr_nonnull(active);
	ck_assert_addr_eq(active->address, address);
	ck_assert_uint_eq(active->priority, priority);
	ck_assert_int_eq(active->at.us, us);
}

START_TEST(backup_knows_the_active_it_heard)
{
	start_backup();
	ck_assert_ptr_null(vrrp_active_heard(&find(10)->vrrp));
	hear(T0 + 1000, 3, 220);
	assert_active_is("10.0.0.3", 220, T0 + 1000);
	hear(T0 + 2000, 4, 230);
	assert_active_is("10.0.0.4", 230, T0 + 2000);
	hear(T0 + 3000, 4, 0);
	ck_assert_ptr_null(vrrp_active_heard(&find(10)->vrrp));
}
END_TEST

/* An advert that the machine does not follow names no other Active: the last word of a router that
 * lost the role, or a deaf router of a lower band beside the Active. */
START_TEST(router_beside_the_active_is_not_the_active)
{
	static const uint8_t beside[] = {1, 32, 116};

	for (size_t i = 0; i < COUNT(beside); i++) {
		tear_down();
		set_up();
		start_backup();
		hear(T0 + 1000, 3, 220);
		hear(T0 + 2000, 4, beside[i]);
		assert_active_is("10.0.0.3", 220, T0 + 1000);
		ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + 1000 + DOWN);
		/* The Active itself may become less ready. */
		hear(T0 + 3000, 3, beside[i]);
		assert_active_is("10.0.0.3", beside[i], T0 + 3000);
	}

	/* After three intervals of silence it may be the Active. */
	tear_down();
	set_up();
	start_backup();
	hear(T0 + 1000, 3, 220);
	hear(T0 + 1000 + 3 * SECOND_US - 1, 4, 32);
	assert_active_is("10.0.0.3", 220, T0 + 1000);
	hear(T0 + 1000 + 3 * SECOND_US, 4, 32);
	assert_active_is("10.0.0.4", 32, T0 + 1000 + 3 * SECOND_US);
}
END_TEST

/* The router that made this one leave the role. */
START_TEST(loser_knows_the_active_it_lost_to)
{
	struct advert_fields fields = fields_of(3, 220);

	start_active();
	fields.interval_cs = 200;
	deliver(ACTIVE_AT + 300 * MILLISECOND_US, &fields);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	assert_active_is("10.0.0.3", 220, ACTIVE_AT + 300 * MILLISECOND_US);
	/* 6.4.3: the interval is that of the advert, and so is what is computed from it; BOUNDS:
	 * from the second one on. */
	ck_assert_int_eq(engine_deadline(&w.engine).us,
			 ACTIVE_AT + 300 * MILLISECOND_US + 2 * SECOND_US + DOWN);
	deliver(ACTIVE_AT + 400 * MILLISECOND_US, &fields);
	ck_assert_int_eq(engine_deadline(&w.engine).us,
			 ACTIVE_AT + 400 * MILLISECOND_US + 2 * DOWN);
}
END_TEST

/* A router that loses to this one is not the Active. */
START_TEST(active_knows_no_other_active)
{
	start_backup();
	hear(T0 + 1000, 3, 220);
	run(T0 + 1000 + DOWN);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_ptr_null(vrrp_active_heard(&find(10)->vrrp));
	hear(w.now.us + 1000, 3, 180);
	ck_assert_ptr_null(vrrp_active_heard(&find(10)->vrrp));
	ck_assert_uint_eq(find(10)->heard_count, 1);
	ck_assert_uint_eq(find(10)->heard[0].priority, 180);
}
END_TEST

/* The Active takes back at T0 + 2 s and T0 + 4 s that it leaves. */
static void hear_two_retractions(uint8_t priority)
{
	hear(T0 + SECOND_US, 3, 220);
	hear(T0 + SECOND_US + 1, 3, priority);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + SECOND_US + 1 + SKEW);
	hear(T0 + SECOND_US + 2, 3, 220);
	hear(T0 + 2 * SECOND_US, 3, priority);
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + 2 * SECOND_US + SKEW);
	hear(T0 + 2 * SECOND_US + 1, 3, 220);
	ck_assert_str_eq(take_traces(), "");
}

/* BOUNDS: somebody says in the Active's name that it leaves. */
START_TEST(retracted_leave_is_doubted)
{
	const uint8_t priority = _i == 0 ? PRIORITY_STOP : PRIORITY_LEAVING;
	const int64_t us = T0 + 2 * SECOND_US + 1;

	start_backup();
	hear_two_retractions(priority);
	hear(us + 1, 3, priority);
	ck_assert_str_eq(take_traces(), "doubted");
	ck_assert_uint_eq(find(10)->counters.leaves_doubted, 1);
	/* Its next advert, which is due by then, shows that it stays. */
	ck_assert_int_eq(engine_deadline(&w.engine).us, us + SECOND_US + SKEW);
	assert_active_is("10.0.0.3", 220, us);
	hear(us + 2, 3, 220);
	ck_assert_int_eq(engine_deadline(&w.engine).us, us + 2 + DOWN);
	/* It does not come: the router has left. */
	hear(us + 3, 3, priority);
	run(us + 2 + SECOND_US + SKEW);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(find(10)->vrrp.reason, priority == PRIORITY_STOP
							? VRRP_REASON_ACTIVE_STOPPED
							: VRRP_REASON_ACTIVE_LEAVING);
}
END_TEST

START_TEST(leave_of_another_is_not_doubted)
{
	const int64_t us = T0 + 2 * SECOND_US + 1;

	start_backup();
	hear_two_retractions(PRIORITY_STOP);
	hear(us + 2, 4, PRIORITY_STOP);
	ck_assert_int_eq(engine_deadline(&w.engine).us, us + 2 + SKEW);
}
END_TEST

START_TEST(doubt_ends)
{
	const int64_t us = T0 + 2 * SECOND_US + 1;

	start_backup();
	hear_two_retractions(PRIORITY_STOP);
	for (int64_t t = us + SECOND_US; t < us + ROUTER_DOUBT_US; t += SECOND_US)
		hear(t, 3, 220);
	hear(us + ROUTER_DOUBT_US - 1, 3, PRIORITY_STOP);
	ck_assert_uint_eq(find(10)->counters.leaves_doubted, 1);
	hear(us + ROUTER_DOUBT_US, 3, PRIORITY_STOP);
	ck_assert_uint_eq(find(10)->counters.leaves_doubted, 1);
	ck_assert_int_eq(engine_deadline(&w.engine).us, us + ROUTER_DOUBT_US + SKEW);
}
END_TEST

/* A router that stops, and is Active again later, takes nothing back; nor do two times that lie a
 * minute apart make a doubt. */
START_TEST(leave_is_believed_as_a_rule)
{
	static const struct {
		int64_t back_us, again_us;
		bool doubted;
	} rows[] = {
		{3 * SECOND_US - 1, 10 * SECOND_US, true},
		{3 * SECOND_US, 10 * SECOND_US, false},
		{SECOND_US, ROUTER_DOUBT_US - 1, true},
		{SECOND_US, ROUTER_DOUBT_US, false},
	};

	start_backup();
	for (size_t i = 0; i < COUNT(rows); i++) {
		const uint8_t host = (uint8_t)(3 + i);
		const struct addr source = {.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 0, host}};
		const int64_t stopped_us = T0 + 1000 * (int64_t)(i + 1) * SECOND_US;
		const int64_t again_us = stopped_us + rows[i].again_us;

		hear(stopped_us, host, PRIORITY_STOP);
		hear(stopped_us + rows[i].back_us, host, 220);
		hear(again_us, host, PRIORITY_STOP);
		hear(again_us + rows[i].back_us, host, 220);
		ck_assert_int_eq(router_doubts(find(10), at(again_us + rows[i].back_us), &source),
				 rows[i].doubted);
	}
}
END_TEST

/* ---- The end ---- */

static void start_two_active(void)
{
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	start_engine();
	run_active();
}

START_TEST(step_down_of_all_routers)
{
	start_two_active();
	step_down(60 * SECOND_US);
	ck_assert_str_eq(take(), "SEND(1) SEND(1)");
	hear(w.now.us + 1000, 3, 180);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Backup step_down)");
	ck_assert_int_eq(find(11)->vrrp.state, VRRP_STATE_ACTIVE);
	run(ACTIVE_AT + 1250 * MILLISECOND_US - 1);
	ck_assert_ptr_null(strstr(take(), "SEND(0)"));
	run(ACTIVE_AT + 1250 * MILLISECOND_US);
	ck_assert_str_eq(take(), "SEND(0) REMOVE(10.10.10.11) NOTIFY(Backup step_down)");
	ck_assert(!engine_stopped(&w.engine));
}
END_TEST

START_TEST(shutdown_hands_over)
{
	start_two_active();
	ck_assert(!engine_stopped(&w.engine));
	shut_down();
	ck_assert_str_eq(take(), "SEND(1) SEND(1)");
	ck_assert(!engine_stopped(&w.engine));
	hear(w.now.us + 1000, 3, 180);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Initialize shutdown)");
	ck_assert(!engine_stopped(&w.engine));
	run(ACTIVE_AT + 1250 * MILLISECOND_US);
	ck_assert_ptr_nonnull(
		strstr(take(), "SEND(0) REMOVE(10.10.10.11) NOTIFY(Initialize shutdown)"));
	ck_assert(engine_stopped(&w.engine));

	/* Late news from netlink do not start the router again. */
	link_down();
	netlink();
	w.io.up = true;
	netlink();
	ck_assert(engine_stopped(&w.engine));
	ck_assert_ptr_null(strstr(take(), "Backup"));
}
END_TEST

START_TEST(second_shutdown_ends_the_handover)
{
	start_two_active();
	shut_down();
	take();
	shut_down();
	ck_assert_str_eq(take(), "SEND(0) REMOVE(10.10.10.10) NOTIFY(Initialize shutdown) "
				 "SEND(0) REMOVE(10.10.10.11) NOTIFY(Initialize shutdown)");
	ck_assert(engine_stopped(&w.engine));
}
END_TEST

START_TEST(shutdown_of_a_backup)
{
	start_backup();
	shut_down();
	ck_assert_str_eq(take(), "NOTIFY(Initialize shutdown)");
	ck_assert(engine_stopped(&w.engine));
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	turn(ACTIVE_AT);
	ck_assert_str_eq(take(), "");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_INITIALIZE);
}
END_TEST

/* The end does not wait for a router that has nothing, or for one that cannot send priority 0. */
START_TEST(shutdown_with_faults)
{
	configure(T0);
	shut_down();
	ck_assert(engine_stopped(&w.engine));

	tear_down();
	set_up();
	add_apiserver();
	configure(T0);
	shut_down();
	ck_assert(engine_stopped(&w.engine));
	netlink();
	ck_assert(engine_stopped(&w.engine));
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);

	tear_down();
	set_up();
	start_active();
	w.io.send_fails = true;
	w.io.add_fails = true;
	shut_down();
	run(w.now.us + SECOND_US);
	ck_assert(engine_stopped(&w.engine));
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
	run(w.now.us + 60 * SECOND_US);
	ck_assert(engine_stopped(&w.engine));
}
END_TEST

static void add_order(Suite *suite)
{
	TCase *tcase = tcase_create("order");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, takeover_adds_announces_and_advertises);
	tcase_add_test(tcase, each_router_sends_its_own_adverts);
	tcase_add_test(tcase, adverts_of_priority_zero_are_counted);
	tcase_add_test(tcase, counters_add_up);
	tcase_add_test(tcase, full_list_of_addresses_is_advertised);
	tcase_add_test(tcase, deadline_is_the_earliest_of_all_routers);
	tcase_add_test(tcase, fini_leaves_an_empty_engine);
	suite_add_tcase(suite, tcase);
}

static void add_one_election(Suite *suite)
{
	TCase *tcase = tcase_create("one election");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, carried_addresses_move_with_the_others);
	tcase_add_test(tcase, ipv4_is_carried_along_with_ipv6);
	tcase_add_test(tcase, carried_address_that_cannot_be_added);
	suite_add_tcase(suite, tcase);
}

static void add_sockets_first(Suite *suite)
{
	TCase *tcase = tcase_create("sockets first");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, advert_is_heard_before_timers_run);
	tcase_add_test(tcase, timers_wait_for_the_sockets);
	tcase_add_test(tcase, drained_turn_resets_the_undrained_counter);
	tcase_add_test(tcase, stalled_active_yields_silently);
	tcase_add_test(tcase, stalled_active_goes_on_alone);
	tcase_add_test(tcase, stalled_active_whose_lease_has_ended);
	tcase_add_test(tcase, stalled_active_waits_for_its_timers);
	tcase_add_test(tcase, slow_add_is_not_a_stall);
	tcase_add_test(tcase, advert_due_during_a_slow_add_is_sent_behind_it);
	suite_add_tcase(suite, tcase);
}

static void add_readiness(Suite *suite)
{
	TCase *tcase = tcase_create("readiness");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, priority_follows_the_probe);
	tcase_add_test(tcase, readiness_is_kept_for_routers_to_come);
	tcase_add_test(tcase, claim_of_the_process_before);
	tcase_add_test(tcase, every_router_follows_the_probe);
	tcase_add_test(tcase, untracked_router_is_always_ready);
	tcase_add_test(tcase, active_of_a_lower_band_is_preempted);
	tcase_add_test(tcase, backup_that_becomes_ready_preempts);
	tcase_add_test(tcase, other_limits_count_from_the_next_result);
	tcase_add_test(tcase, forgotten_results_leave_the_node_down);
	tcase_add_test(tcase, active_that_loses_readiness_is_damped);
	tcase_add_test(tcase, any_active_that_loses_readiness_is_damped);
	tcase_add_test(tcase, readiness_of_no_active_is_not_damped);
	tcase_add_test(tcase, one_loss_counts_once);
	suite_add_tcase(suite, tcase);
}

static void add_active(Suite *suite)
{
	TCase *tcase = tcase_create("the active that a backup knows");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, backup_knows_the_active_it_heard);
	tcase_add_test(tcase, router_beside_the_active_is_not_the_active);
	tcase_add_test(tcase, loser_knows_the_active_it_lost_to);
	tcase_add_test(tcase, active_knows_no_other_active);
	tcase_add_loop_test(tcase, retracted_leave_is_doubted, 0, 2);
	tcase_add_test(tcase, leave_of_another_is_not_doubted);
	tcase_add_test(tcase, doubt_ends);
	tcase_add_test(tcase, leave_is_believed_as_a_rule);
	suite_add_tcase(suite, tcase);
}

static void add_end(Suite *suite)
{
	TCase *tcase = tcase_create("the end");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, step_down_of_all_routers);
	tcase_add_test(tcase, shutdown_hands_over);
	tcase_add_test(tcase, second_shutdown_ends_the_handover);
	tcase_add_test(tcase, shutdown_of_a_backup);
	tcase_add_test(tcase, shutdown_with_faults);
	suite_add_tcase(suite, tcase);
}

Suite *suite_engine(void)
{
	Suite *suite = suite_create("engine");

	add_order(suite);
	add_one_election(suite);
	add_sockets_first(suite);
	add_readiness(suite);
	add_active(suite);
	add_end(suite);
	return suite;
}
