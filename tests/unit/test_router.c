/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual router by itself: the names and addresses it goes by, its priority (rule BANDS), what
 * it remembers of other routers and of itself, and its settings.
 */
#include "core/router.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "world.h"

/* ---- The interface in use ---- */

/* The address that `auto` looks for: every interface has the link-local prefix. */
START_TEST(sought_address_is_not_link_local)
{
	static const struct {
		const char *addresses[3];
		size_t advertised;
		const char *sought;
	} rows[] = {
		{{"10.10.10.10", "10.10.10.11", "2001:db8::100"}, 2, "10.10.10.10"},
		{{"fe80::200:5eff:fe00:20a", "2001:db8::100", "10.10.10.10"}, 2, "2001:db8::100"},
		{{"169.254.0.1", "10.10.10.10", "2001:db8::100"}, 2, "10.10.10.10"},
		{{"fe80::100", "10.10.10.10", "10.10.10.11"}, 1, "fe80::100"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct router_settings settings = {.advertised_count = rows[i].advertised,
						   .address_count = COUNT(rows[i].addresses)};

		for (size_t j = 0; j < settings.address_count; j++)
			settings.addresses[j] = ip(rows[i].addresses[j]);
		ck_assert_addr_eq(*router_sought_address(&settings), rows[i].sought);
	}
}
END_TEST

START_TEST(auto_takes_the_interface_it_is_told)
{
	strcpy(add_apiserver()->interface, "");
	configure(T0);
	ck_assert_str_eq(router_interface(w.engine.routers[0]), "");
	netlink();
	ck_assert_str_eq(find(10)->interface_name, "eth0");
	ck_assert_str_eq(router_interface(find(10)), "eth0");
	ck_assert(find(10)->vrrp.started);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* The name of the file is shown while the interface does not exist. */
START_TEST(configured_interface_has_its_name_before_it_exists)
{
	add_apiserver();
	configure(T0);
	ck_assert_str_eq(router_interface(w.engine.routers[0]), "eth0");
}
END_TEST

/* Even where `auto` has found an interface whose name is a single letter. */
START_TEST(found_interface_has_its_name)
{
	strcpy(w.io.name, "e");
	strcpy(add_apiserver()->interface, "");
	start_engine();
	ck_assert_str_eq(router_interface(find(10)), "e");
}
END_TEST

/* Announcements for carried addresses are sent from the first address of their family. */
START_TEST(own_address_of_the_carried_family)
{
	add_apiserver();
	configure(T0);
	assign("fe80::77", 64);
	assign("fe80::78", 64);
	netlink();
	ck_assert_addr_eq(find(10)->own[ADDR_FAMILY_IPV6], "fe80::77");
}
END_TEST

/* A router whose interface was not told yet waits for the interface, whatever its socket does. */
START_TEST(new_router_has_no_interface)
{
	add_apiserver();
	configure(T0);
	ck_assert_int_eq(router_fault(w.engine.routers[0]), VRRP_FAULT_NO_INTERFACE);
	set_socket(w.engine.routers[0], false);
	ck_assert_int_eq(router_fault(w.engine.routers[0]), VRRP_FAULT_NO_INTERFACE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_INTERFACE);
}
END_TEST

/* ---- BANDS ---- */

/* A router starts in the lowest place of "down": nothing is known of its apiserver. */
START_TEST(new_router_is_in_the_band_down)
{
	const struct router_settings settings = {
		.vrid = 10,
		.ready_priority = 200,
		.vrrp = {.advert_int_cs = 100},
		.advertised_count = 1,
		.address_count = 1,
	};
	struct router *router = router_new(&settings);

	ck_assert_ptr_nonnull(router);
	ck_assert_uint_eq(router->vrrp.priority, 3);
	free(router);
}
END_TEST

/* The IPv4 address gives the priority, whichever family is elected in: 209 for 10.0.0.2, 186 for
 * 10.0.0.3. */
START_TEST(auto_priority_counts_from_the_ipv4_address)
{
	struct conf_instance *instance = add_apiserver();
	const struct router *router;

	if (_i == 1)
		instance->addresses[0] = ip("2001:db8::100");
	add_vip(instance, _i == 0 ? "2001:db8::100" : "10.10.10.10");
	instance->priority = 0;
	instance->track_apiserver = true;
	assign("fe80::77", 64);
	start_engine();
	router = _i == 0 ? find(10) : find6(10);
	ck_assert_uint_eq(router_ready_priority(router), 209);
	ck_assert_uint_eq(router->vrrp.priority, 209 - 168);
	probe_answers(HEALTH_OK);
	ck_assert_uint_eq(router->vrrp.priority, 209);

	replace_first("10.0.0.3");
	netlink();
	ck_assert_uint_eq(router->vrrp.priority, 186);

	/* The priority is kept while there is no address. */
	unassign("10.0.0.3");
	netlink();
	ck_assert_uint_eq(router_ready_priority(router), _i == 0 ? 186 : 171 + 61 * 0x77 % 84);
}
END_TEST

/* The node's address gives it, not the VIP that happens to be listed before. */
START_TEST(auto_priority_does_not_count_from_a_vip)
{
	struct conf_instance *instance = add_apiserver();

	unassign("10.0.0.2");
	assign("10.10.10.10", 32);
	assign("10.0.0.1", 24);
	instance->priority = 0;
	start_engine();
	ck_assert_uint_eq(find(10)->vrrp.priority, 232);
	run(T0 + 4 * SECOND_US);
	netlink();
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->vrrp.priority, 232);
}
END_TEST

/* Wherever netlink lists it. */
START_TEST(auto_priority_finds_the_ipv4_address_behind_ipv6)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	instance->priority = 0;
	unassign("10.0.0.2");
	assign("fe80::7", 64);
	assign("10.0.0.2", 24);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "10.10.10.10");
	start_engine();
	ck_assert_uint_eq(find6(10)->vrrp.priority, 209);
}
END_TEST

START_TEST(auto_priority_without_ipv4_counts_from_ipv6)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	unassign("10.0.0.2");
	assign("fe80::3", 64);
	instance->priority = 0;
	add_vip(instance, "2001:db8::100");
	start_engine();
	ck_assert_uint_eq(find6(10)->vrrp.priority, 186);

	/* From the IPv4 address as soon as there is one. */
	assign("10.0.0.2", 24);
	netlink();
	ck_assert_uint_eq(find6(10)->vrrp.priority, 209);
}
END_TEST

START_TEST(auto_priority_before_any_address_is_the_lowest_place)
{
	add_apiserver()->priority = 0;
	unassign("10.0.0.2");
	start_engine();
	ck_assert_uint_eq(router_ready_priority(w.engine.routers[0]), 171);
	ck_assert_uint_eq(w.engine.routers[0]->vrrp.priority, 171);
}
END_TEST

/* ---- Memory ---- */

START_TEST(history_keeps_the_last_transitions)
{
	const struct router *router;
	int64_t us = T0;

	start_backup();
	router = w.engine.routers[0];
	for (int i = 0; i < 20; i++) {
		w.io.up = false;
		turn(us += 1000);
		netlink();
		w.io.up = true;
		w.now = at(us += 1000);
		netlink();
	}
	ck_assert_uint_eq(router->history_count, 41);
	for (uint64_t i = 41 - ROUTER_HISTORY_MAX; i < 41; i++) {
		const struct router_transition *entry = &router->history[i % ROUTER_HISTORY_MAX];
		bool down = i % 2 == 1;

		/* The first is the start; then down at the odd, up at the even ones. */
		ck_assert_int_eq(entry->at.us, T0 + (int64_t)i * 1000);
		ck_assert_int_eq(entry->what.to, down ? VRRP_STATE_INITIALIZE : VRRP_STATE_BACKUP);
		ck_assert_int_eq(entry->what.from,
				 down ? VRRP_STATE_BACKUP : VRRP_STATE_INITIALIZE);
		ck_assert_int_eq(entry->what.reason,
				 down ? VRRP_REASON_FAULT : VRRP_REASON_RECOVERED);
		ck_assert_int_eq(entry->what.fault, down ? VRRP_FAULT_LINK_DOWN : VRRP_FAULT_NONE);
	}
	ck_assert_int_eq(router->since.us, us);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_INITIALIZE][VRRP_REASON_FAULT],
			  20);
	ck_assert_uint_eq(router->counters.faults[VRRP_FAULT_LINK_DOWN], 20);
	ck_assert_uint_eq(router->counters.faults[VRRP_FAULT_NONE], 0);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_BACKUP][VRRP_REASON_RECOVERED],
			  20);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_BACKUP][VRRP_REASON_STARTUP], 1);
}
END_TEST

/* A fault that follows another one in Initialize is told, but is no transition. */
START_TEST(history_has_no_change_of_the_fault_alone)
{
	const struct router *router;

	start_backup();
	router = w.engine.routers[0];
	link_down();
	netlink();
	ck_assert_uint_eq(router->history_count, 2);
	take();
	no_interface();
	turn(T0 + SECOND_US);
	netlink();
	ck_assert_str_eq(take(), "NOTIFY(Initialize no_interface)");
	ck_assert_uint_eq(router->history_count, 2);
	ck_assert_int_eq(router->since.us, T0 + SECOND_US);
	ck_assert_uint_eq(router->counters.faults[VRRP_FAULT_NO_INTERFACE], 0);
}
END_TEST

/* All zero if the router is not in the table. */
static struct router_heard heard_of(const struct router *router, uint8_t host)
{
	for (size_t i = 0; i < router->heard_count; i++)
		if (router->heard[i].address.bytes[3] == host)
			return router->heard[i];
	return (struct router_heard){.priority = 0};
}

START_TEST(heard_routers_are_remembered)
{
	const struct router *router;

	start_backup();
	router = find(10);
	for (uint8_t i = 0; i < ROUTER_HEARD_MAX; i++)
		hear(T0 + 1000 * i, (uint8_t)(100 + i), 220);
	ck_assert_uint_eq(router->heard_count, ROUTER_HEARD_MAX);
	hear(T0 + 20000, 105, 180);
	hear(T0 + 20001, 100, 190);
	ck_assert_uint_eq(router->heard_count, ROUTER_HEARD_MAX);
	ck_assert_int_eq(heard_of(router, 105).at.us, T0 + 20000);
	ck_assert_uint_eq(heard_of(router, 105).priority, 180);
	ck_assert_uint_eq(heard_of(router, 101).priority, 220);

	/* 101 is now the one heard longest ago. */
	hear(T0 + 21000, 200, 230);
	ck_assert_uint_eq(router->heard_count, ROUTER_HEARD_MAX);
	ck_assert_uint_eq(heard_of(router, 101).priority, 0);
	ck_assert_uint_eq(heard_of(router, 100).priority, 190);
	ck_assert_uint_eq(heard_of(router, 200).priority, 230);
}
END_TEST

/* Wherever in the list it is. */
START_TEST(router_heard_longest_ago_makes_room)
{
	for (uint8_t oldest = 0; oldest < ROUTER_HEARD_MAX; oldest++) {
		tear_down();
		set_up();
		start_backup();
		for (uint8_t i = 0; i < ROUTER_HEARD_MAX; i++)
			hear(w.now.us + 1000, (uint8_t)(100 + i), 220);
		for (uint8_t i = 0; i < ROUTER_HEARD_MAX; i++)
			if (i != oldest)
				hear(w.now.us + 1000, (uint8_t)(100 + i), 220);
		hear(w.now.us + 1000, 200, 230);
		ck_assert_uint_eq(heard_of(find(10), (uint8_t)(100 + oldest)).priority, 0);
		ck_assert_uint_eq(heard_of(find(10), 200).priority, 230);
	}
}
END_TEST

/* ---- Settings ---- */

static struct router_settings full_settings(void)
{
	return (struct router_settings){
		.instance = "a",
		.interface = "eth0",
		.vrid = 10,
		.ready_priority = 200,
		.vrrp = {.advert_int_cs = 100},
		.advertised_count = 1,
		.address_count = 2,
		.addresses = {ip("10.10.10.10"), ip("2001:db8::100")},
		.peer_count = 2,
		.peers = {ip("10.0.0.2"), ip("10.0.0.3")},
	};
}

/* One change for each value that the file can give. */
static void change_setting(struct router_settings *settings, int i)
{
	switch (i) {
	case 0:
		strcpy(settings->instance, "b");
		break;
	case 1:
		strcpy(settings->interface, "eth1");
		break;
	case 2:
		settings->vrid = 11;
		break;
	case 3:
		settings->family = ADDR_FAMILY_IPV6;
		break;
	case 4:
		settings->ready_priority = 0;
		break;
	case 5:
		settings->track_apiserver = true;
		break;
	case 6:
		settings->unicast = true;
		break;
	case 7:
		settings->checksum = ADVERT_CHECKSUM_RFC5798;
		break;
	case 8:
		settings->unicast_src_ip = ip("10.0.0.2");
		break;
	case 9:
		settings->link_local_derived = true;
		break;
	case 10:
		settings->advertised_count = 2;
		break;
	case 11:
		settings->address_count = 1;
		break;
	case 12:
		settings->addresses[1] = ip("2001:db8::101");
		break;
	case 13:
		settings->peer_count = 1;
		break;
	case 14:
		settings->peers[0] = ip("10.0.0.4");
		break;
	case 15:
		settings->vrrp.preempt = VRRP_PREEMPT_NEVER;
		break;
	case 16:
		settings->vrrp.advert_int_cs = 101;
		break;
	case 17:
		settings->vrrp.preempt_delay_us = 1;
		break;
	case 18:
		settings->vrrp.address_refresh_us = 1;
		break;
	case 19:
		settings->vrrp.announce_refresh_us = 1;
		break;
	}
}

START_TEST(every_setting_counts_when_settings_are_compared)
{
	struct router_settings a = full_settings();
	struct router_settings b = full_settings();

	ck_assert(router_settings_equal(&a, &b));
	change_setting(&b, _i);
	ck_assert(!router_settings_equal(&a, &b));
	ck_assert(!router_settings_equal(&b, &a));
	change_setting(&a, _i);
	ck_assert(router_settings_equal(&a, &b));
}
END_TEST

START_TEST(addresses_behind_the_list_do_not_count)
{
	struct router_settings a = full_settings();
	struct router_settings b = full_settings();

	b.addresses[2] = ip("10.10.10.12");
	b.peers[2] = ip("10.0.0.9");
	ck_assert(router_settings_equal(&a, &b));
}
END_TEST

static void add_names(Suite *suite)
{
	TCase *tcase = tcase_create("names");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, sought_address_is_not_link_local);
	tcase_add_test(tcase, auto_takes_the_interface_it_is_told);
	tcase_add_test(tcase, configured_interface_has_its_name_before_it_exists);
	tcase_add_test(tcase, found_interface_has_its_name);
	tcase_add_test(tcase, own_address_of_the_carried_family);
	tcase_add_test(tcase, new_router_has_no_interface);
	suite_add_tcase(suite, tcase);
}

static void add_bands(Suite *suite)
{
	TCase *tcase = tcase_create("bands");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, new_router_is_in_the_band_down);
	tcase_add_loop_test(tcase, auto_priority_counts_from_the_ipv4_address, 0, 2);
	tcase_add_test(tcase, auto_priority_does_not_count_from_a_vip);
	tcase_add_test(tcase, auto_priority_finds_the_ipv4_address_behind_ipv6);
	tcase_add_test(tcase, auto_priority_without_ipv4_counts_from_ipv6);
	tcase_add_test(tcase, auto_priority_before_any_address_is_the_lowest_place);
	suite_add_tcase(suite, tcase);
}

static void add_memory(Suite *suite)
{
	TCase *tcase = tcase_create("memory");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, history_keeps_the_last_transitions);
	tcase_add_test(tcase, history_has_no_change_of_the_fault_alone);
	tcase_add_test(tcase, heard_routers_are_remembered);
	tcase_add_test(tcase, router_heard_longest_ago_makes_room);
	suite_add_tcase(suite, tcase);
}

static void add_settings(Suite *suite)
{
	TCase *tcase = tcase_create("settings");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, every_setting_counts_when_settings_are_compared, 0, 20);
	tcase_add_test(tcase, addresses_behind_the_list_do_not_count);
	suite_add_tcase(suite, tcase);
}

Suite *suite_router(void)
{
	Suite *suite = suite_create("router");

	add_names(suite);
	add_bands(suite);
	add_memory(suite);
	add_settings(suite);
	return suite;
}
