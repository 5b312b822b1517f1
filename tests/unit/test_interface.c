/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The news of an interface, and what its virtual router makes of them: presence of its addresses,
 * the source of its adverts, and faults. Rules RECONCILE, SURVIVE and ONE ELECTION.
 */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "world.h"

/* ---- RECONCILE ---- */

/* ANNOUNCE: another hardware address, or a carrier that went and came back unseen. */
START_TEST(disturbed_interface_is_announced_again)
{
	start_active();
	run(ACTIVE_AT + SECOND_US);
	take();
	w.io.mac[5]++;
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "");
	run(ACTIVE_AT + SECOND_US + 50 * MILLISECOND_US);
	w.io.carrier_changes += 2;
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 0);
}
END_TEST

START_TEST(lost_vip_is_added_again)
{
	start_active();
	unassign("10.10.10.10");
	netlink();
	ck_assert_str_eq(take(), "");
	ck_assert(instant_due(engine_deadline(&w.engine), w.now));
	timers(true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert_str_eq(take_traces(), "readded");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
}
END_TEST

/* The first dump after a takeover may be from before the address was added. */
START_TEST(vip_that_netlink_does_not_show_yet_is_not_given_up)
{
	start_backup();
	turn(ACTIVE_AT);
	take();
	unassign("10.10.10.10");
	netlink();
	timers(true);
	ck_assert_ptr_null(strstr(take(), "REMOVE"));
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

START_TEST(one_of_two_vips_is_lost)
{
	add_vip(add_apiserver(), "10.10.10.11");
	start_engine();
	run_active();
	unassign("10.10.10.11");
	turn(ACTIVE_AT + 260 * MILLISECOND_US);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert(has("10.10.10.11"));
}
END_TEST

/* ONE ELECTION: a carried address is reconciled as the others. */
START_TEST(lost_carried_address_is_added_again)
{
	assign("fe80::2", 64);
	add_vip(add_apiserver(), "2001:db8::100");
	start_engine();
	run_active();
	unassign("2001:db8::100");
	turn(ACTIVE_AT + 260 * MILLISECOND_US);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert(has("2001:db8::100"));
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
}
END_TEST

/* A leftover of a crash, or an address added by hand, with whatever prefix length. */
START_TEST(leftover_vip_is_removed)
{
	static const uint8_t lengths[] = {32, 24, 8};

	for (size_t i = 0; i < COUNT(lengths); i++) {
		tear_down();
		set_up();
		assign("10.10.10.10", lengths[i]);
		assign("10.0.0.50", 24);
		add_apiserver();
		start_engine();
		turn(T0);
		ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
		ck_assert_str_eq(take_traces(), "removed");
		ck_assert_uint_eq(w.io.address_count, 2);
		ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
		ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.2");

		assign("10.10.10.10", lengths[i]);
		turn(T0 + SECOND_US);
		ck_assert_str_eq(take(), "REMOVE(10.10.10.10)");
	}
}
END_TEST

static struct fake_address *leave_vip(bool vip, bool leased)
{
	struct addr address = ip("10.10.10.10");
	struct fake_address *left;

	assign("10.10.10.10", 32);
	left = fake_io_find(&w.io, &address);
	left->shown.vip = vip;
	left->shown.leased = leased;
	return left;
}

/* RESUME: what the process before has left, with its lease, stays until an Active is heard, ... */
START_TEST(own_leftover_stays_until_an_active_is_heard)
{
	add_apiserver();
	leave_vip(true, true);
	start_engine();
	turn(T0);
	netlink();
	timers(true);
	ck_assert_ptr_null(strstr(take(), "REMOVE"));
	ck_assert_str_eq(take_traces(), "");
	hear(w.now.us, 3, 254);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10)");
	ck_assert_str_eq(take_traces(), "removed");
}
END_TEST

/* ... or can no longer be heard, ... */
START_TEST(own_leftover_goes_with_a_fault)
{
	add_apiserver();
	leave_vip(true, true);
	start_engine();
	turn(T0);
	take();
	engine_socket(&w.engine, w.now, find(10), false);
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
}
END_TEST

/* ... or the process ends, ... */
START_TEST(own_leftover_goes_with_the_end)
{
	add_apiserver();
	leave_vip(true, true);
	start_engine();
	turn(T0);
	take();
	engine_shutdown(&w.engine, w.now);
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE"));
}
END_TEST

/* ... or until the router is Active itself, without a gap, ... */
START_TEST(own_leftover_stays_for_the_takeover)
{
	add_apiserver();
	leave_vip(true, true);
	start_engine();
	run(ACTIVE_AT + 250 * MILLISECOND_US);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_ptr_null(strstr(take(), "REMOVE"));
	ck_assert(has("10.10.10.10"));
}
END_TEST

/* ... but nothing that another program has put there, or that would stay for ever, or that another
 * prefix length tells from ours. */
START_TEST(other_leftovers_go_at_once)
{
	for (unsigned i = 0; i < 3; i++) {
		struct fake_address *left;

		tear_down();
		set_up();
		add_apiserver();
		left = leave_vip(i != 0, i != 1);
		if (i == 2)
			left->shown.prefix_length = 24;
		start_engine();
		turn(T0);
		ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
	}
}
END_TEST

/* CLOSE: an address goes in the background, so the interface may still show it when the role has
 * ended. Only one that comes back after it was gone has been added by another program. */
START_TEST(leaving_address_is_no_leftover)
{
	start_active();
	hear(w.now.us, 3, 254);
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
	assign("10.10.10.10", 32);
	for (unsigned i = 0; i < 2; i++) {
		turn(w.now.us + MILLISECOND_US);
		ck_assert_str_eq(take_traces(), "");
		/* Asked for again, in case the first time has failed. */
		ck_assert_str_eq(take(), i == 0 ? "REMOVE(10.10.10.10)" : "");
	}
	assign("10.10.10.10", 32);
	turn(w.now.us + MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "removed");
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10)");
}
END_TEST

/* A leftover whose removal takes a while is told once, and one that appears beside it is told. */
START_TEST(leftover_is_told_once)
{
	add_vip(add_apiserver(), "10.10.10.11");
	start_engine();
	assign("10.10.10.11", 32);
	turn(T0 + MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "removed");
	assign("10.10.10.11", 32);
	turn(T0 + 2 * MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "");
	assign("10.10.10.10", 32);
	assign("10.10.10.11", 32);
	turn(T0 + 3 * MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "removed");
}
END_TEST

/* Each address of a list leaves by itself, of the longest list, too. */
START_TEST(leaving_addresses_are_no_leftovers)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	char vip[ADDR_TEXT_SIZE];

	for (unsigned i = 1; i <= CONF_ADDRESSES_MAX; i++) {
		snprintf(vip, sizeof(vip), "2001:db8::%u", i);
		add_vip(instance, vip);
	}
	assign("fe80::2", 64);
	start_engine();
	run_active();
	shut_down();
	shut_down();
	for (unsigned i = 1; i <= CONF_ADDRESSES_MAX; i++) {
		snprintf(vip, sizeof(vip), "2001:db8::%u", i);
		assign(vip, 128);
	}
	take_traces();
	netlink();
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

/* A takeover brings it back; if it is lost then, that is news as ever. */
START_TEST(leaving_address_comes_back)
{
	start_active();
	hear(w.now.us, 3, 254);
	assign("10.10.10.10", 32);
	turn(w.now.us + MILLISECOND_US);
	run(w.now.us + DOWN + SECOND_US);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	take_traces();
	unassign("10.10.10.10");
	turn(w.now.us + MILLISECOND_US);
	ck_assert_str_eq(take_traces(), "readded");
}
END_TEST

/* LEASE: behind the node's own address, wherever others are; without one there is no source to
 * lose, and IPv6 has its own means. */
START_TEST(vip_is_before_the_own_address)
{
	static struct interface interface;
	struct addr vip = ip("10.10.10.10"), absent = ip("10.10.10.11"), vip6 = ip("fd00::10");

	start_active();
	fake_io_show(&w.io, &interface);
	ck_assert(!router_is_before_own(find(10), &interface, &vip));
	assign("fd00::10", 128);
	unassign("10.0.0.2");
	fake_io_show(&w.io, &interface);
	ck_assert(!router_is_before_own(find(10), &interface, &vip));
	assign("10.0.0.2", 24);
	assign("10.0.0.3", 24);
	fake_io_show(&w.io, &interface);
	ck_assert(router_is_before_own(find(10), &interface, &vip));
	ck_assert(!router_is_before_own(find(10), &interface, &absent));
	ck_assert(!router_is_before_own(find(10), &interface, &vip6));
}
END_TEST

/* A link that is down is no reason to keep it. */
START_TEST(leftover_vip_is_removed_in_initialize)
{
	start_backup();
	link_down();
	assign("10.10.10.10", 32);
	turn(T0 + SECOND_US);
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
}
END_TEST

/* Only what is there is removed, and the rest of the list is not asked for. */
START_TEST(only_the_leftovers_are_removed)
{
	add_vip(add_apiserver(), "10.10.10.11");
	start_engine();
	take();
	assign("10.10.10.11", 24);
	turn(T0 + SECOND_US);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.11)");
	for (size_t i = 0; i < find(10)->settings.address_count; i++)
		ck_assert(!find(10)->present[i]);
}
END_TEST

/* ONE ELECTION: leftovers of the carried family go too, but only if the node has an own address of
 * that family: else the "VIP" may be the node's only one, by a slip in the file. */
START_TEST(leftover_of_the_carried_family)
{
	static const struct {
		const char *own;
		const char *removed;
	} rows[] = {
		{"fe80::2", "REMOVE(2001:db8::100)"},
		{NULL, ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tear_down();
		set_up();
		if (rows[i].own)
			assign(rows[i].own, 64);
		add_vip(add_apiserver(), "2001:db8::100");
		start_engine();
		take();
		assign("2001:db8::100", 64);
		turn(T0 + SECOND_US);
		ck_assert_str_eq(take(), rows[i].removed);
		ck_assert(has("2001:db8::100") == (*rows[i].removed == '\0'));
	}
}
END_TEST

START_TEST(leftover_of_the_carried_family_beside_ipv6)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "10.10.10.10");
	start_engine();
	take();
	assign("10.10.10.10", 24);
	turn(T0 + SECOND_US);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10)");

	unassign("10.0.0.2");
	assign("10.10.10.10", 24);
	turn(T0 + 2 * SECOND_US);
	ck_assert_str_eq(take(), "");
	ck_assert(has("10.10.10.10"));
}
END_TEST

/* Added, and gone before netlink has shown it. */
START_TEST(vip_is_lost_before_netlink_shows_it)
{
	add_vip(add_apiserver(), "10.10.10.11");
	start_engine();
	w.now = at(ACTIVE_AT);
	timers(true);
	take();
	unassign("10.10.10.11");
	netlink();
	run(w.now.us);
	ck_assert_str_eq(take(), "ADD");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
}
END_TEST

/* The first address that netlink shows counts as the last one. */
START_TEST(vip_is_the_first_of_the_interface)
{
	start_active();
	unassign("10.0.0.2");
	assign("10.0.0.2", 24);
	netlink();
	ck_assert_uint_eq(find(10)->counters.vip_readded, 0);
}
END_TEST

/* RECONCILE leaves the addresses alone also when the primary one has gone, not only before it came.
 */
START_TEST(leftover_stays_without_a_primary_address)
{
	start_active();
	unassign("10.0.0.2");
	netlink();
	run(ACTIVE_AT + SECOND_US / 4 + SECOND_US);
	ck_assert_str_eq(take(),
			 "ANNOUNCE SEND(200) REMOVE(10.10.10.10) NOTIFY(Initialize no_address)");
	assign("10.10.10.10", 32);
	netlink();
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(node_with_the_vip_alone_has_no_address)
{
	unassign("10.0.0.2");
	assign("10.10.10.10", 24);
	add_apiserver();
	start_engine();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_ADDRESS);
	ck_assert(addr_is_unspecified(&w.engine.routers[0]->own[ADDR_FAMILY_IPV4]));
	ck_assert(has("10.10.10.10"));
}
END_TEST

/* ---- The primary address ---- */

START_TEST(primary_is_no_vip_of_any_router)
{
	unassign("10.0.0.2");
	assign("10.10.10.11", 32);
	assign("10.10.10.10", 24);
	assign("10.10.10.12", 24);
	assign("10.0.0.2", 24);
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	/* Carried along by another one. */
	add_vip(add_instance("third", 12), "2001:db8::100");
	add_vip(&w.conf->instances[2], "10.10.10.12");
	start_engine();
	ck_assert_addr_eq(find(11)->vrrp.primary, "10.0.0.2");
	ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.2");
}
END_TEST

/* Which address adverts are sent from, by the flags of 10.0.0.2, which is in use, and of 10.0.0.7,
 * which comes: 'd' deprecated, 't' tentative, 'D' duplicate, 'v' a VIP of a cpvrrp, '-' gone. */
static const struct {
	const char *in_use, *other;
	const char *primary;
	enum vrrp_fault fault;
} sources[] = {
	{"", "", "10.0.0.2", VRRP_FAULT_NONE},
	{"d", "", "10.0.0.7", VRRP_FAULT_NONE},
	{"d", "d", "10.0.0.2", VRRP_FAULT_NONE},
	{"d", "t", "10.0.0.2", VRRP_FAULT_NONE},
	{"d", "v", "10.0.0.2", VRRP_FAULT_NONE},
	{"d", "-", "10.0.0.2", VRRP_FAULT_NONE},
	{"t", "", "10.0.0.7", VRRP_FAULT_NONE},
	{"t", "d", "10.0.0.7", VRRP_FAULT_NONE},
	{"td", "d", "10.0.0.7", VRRP_FAULT_NONE},
	{"tD", "", "10.0.0.7", VRRP_FAULT_NONE},
	{"v", "", "10.0.0.7", VRRP_FAULT_NONE},
	{"-", "d", "10.0.0.7", VRRP_FAULT_NONE},
	{"t", "t", NULL, VRRP_FAULT_NO_ADDRESS},
	{"t", "v", NULL, VRRP_FAULT_NO_ADDRESS},
	{"v", "-", NULL, VRRP_FAULT_NO_ADDRESS},
	{"tD", "t", NULL, VRRP_FAULT_DUPLICATE_ADDRESS},
	{"tD", "-", NULL, VRRP_FAULT_DUPLICATE_ADDRESS},
	{"-", "tD", NULL, VRRP_FAULT_DUPLICATE_ADDRESS},
};

static void flag(const char *address, const char *flags)
{
	if (strchr(flags, '-'))
		unassign(address);
	else
		set_flags(address, flags);
}

START_TEST(primary_by_flags)
{
	const struct router *router;

	start_active();
	router = find(10);
	assign("10.0.0.7", 24);
	flag("10.0.0.2", sources[_i].in_use);
	flag("10.0.0.7", sources[_i].other);
	netlink();
	run(w.now.us + SECOND_US);
	ck_assert_int_eq(router->vrrp.fault, sources[_i].fault);
	ck_assert_int_eq(router->vrrp.state,
			 sources[_i].primary ? VRRP_STATE_ACTIVE : VRRP_STATE_INITIALIZE);
	if (sources[_i].primary) {
		ck_assert_addr_eq(router->vrrp.primary, sources[_i].primary);
		ck_assert_addr_eq(last_sent()->source, sources[_i].primary);
	}
}
END_TEST

/* A deprecated address of the node is one of its own as well: it is the list that lacks it. */
START_TEST(deprecated_address_is_not_a_peer)
{
	add_unicast()->peers[1] = ip("10.0.0.9");
	set_flags("10.0.0.2", "d");
	start_engine();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NOT_A_PEER);
	set_flags("10.0.0.2", "t");
	netlink();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_ADDRESS);
}
END_TEST

/* The kernel shows the newest IPv6 address first. Adverts go on from the one in use; at first they
 * come from the oldest one. */
START_TEST(newer_link_local_address_is_not_taken)
{
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	assign("fe80::ff", 64);
	assign("fe80::2", 64);
	assign("fe80::fe", 64);
	set_created("fe80::ff", 300);
	set_created("fe80::2", 100);
	set_created("fe80::fe", 200);
	start_engine();
	ck_assert_addr_eq(find6(10)->vrrp.primary, "fe80::2");
	set_created("fe80::2", 400);
	netlink();
	ck_assert_addr_eq(find6(10)->vrrp.primary, "fe80::2");
	unassign("fe80::2");
	netlink();
	ck_assert_addr_eq(find6(10)->vrrp.primary, "fe80::fe");
}
END_TEST

/* Announcements for carried addresses and priority = auto keep their address as well. */
START_TEST(other_addresses_in_use_are_kept)
{
	struct conf_instance *instance = add_apiserver();

	add_vip(instance, "2001:db8::100");
	instance->priority = 0;
	assign("fe80::2", 64);
	start_engine();
	assign("fe80::ff", 64);
	assign("10.0.0.3", 24);
	set_created("fe80::2", 100);
	set_created("10.0.0.2", 100);
	netlink();
	ck_assert_addr_eq(find(10)->own[ADDR_FAMILY_IPV6], "fe80::2");
	ck_assert_uint_eq(find(10)->vrrp.priority, 209);
	set_flags("fe80::2", "d");
	set_flags("10.0.0.2", "d");
	netlink();
	ck_assert_addr_eq(find(10)->own[ADDR_FAMILY_IPV6], "fe80::ff");
	ck_assert_uint_eq(find(10)->vrrp.priority, 186);
}
END_TEST

/* A duplicate that adverts would not come from is no matter. */
START_TEST(duplicate_that_is_not_needed)
{
	start_backup();
	assign("fe80::2", 64);
	assign("2001:db8::2", 64);
	set_flags("fe80::2", "tD");
	set_flags("2001:db8::2", "tD");
	netlink();
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	link_down();
	netlink();
	ck_assert_int_eq(find(10)->vrrp.fault, VRRP_FAULT_LINK_DOWN);
}
END_TEST

/* RFC 9568 7.2: the adverts come from the primary address, and the neighbours are told again. */
START_TEST(primary_changes_while_active)
{
	start_active();
	replace_first("10.0.0.7");
	netlink();
	ck_assert_ptr_nonnull(strstr(take(), "ANNOUNCE"));
	run(ACTIVE_AT + SECOND_US);
	ck_assert_addr_eq(last_sent()->source, "10.0.0.7");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.7");
}
END_TEST

/* Also the advert that carries the priority which the new address gives. */
START_TEST(primary_and_priority_change_while_active)
{
	unsigned before;

	add_apiserver()->priority = 0;
	start_engine();
	run(T0 + 4 * SECOND_US);
	take();
	before = w.io.sent_count;
	replace_first("10.0.0.7");
	netlink();
	run(T0 + 6 * SECOND_US);
	ck_assert_uint_gt(w.io.sent_count, before);
	ck_assert_uint_le(w.io.sent_count, FAKE_SENT_MAX);
	for (unsigned i = before; i < w.io.sent_count; i++)
		ck_assert_addr_eq(w.io.sent[i].source, "10.0.0.7");
	ck_assert_uint_eq(last_sent()->priority, 171 + 61 * 7 % 84);
}
END_TEST

START_TEST(ipv6_source_is_link_local)
{
	struct advert advert;

	assign("2001:db8::2", 64);
	assign("fe80::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	start_engine();
	ck_assert_addr_eq(find6(10)->vrrp.primary, "fe80::2");
	run(ACTIVE_AT);
	ck_assert_addr_eq(last_sent()->source, "fe80::2");
	ck_assert_addr_eq(last_sent()->destination, "ff02::12");
	advert = decode(last_sent());
	ck_assert_uint_eq(advert.address_count, 2);
	ck_assert_addr_eq(advert_address(&advert, 0), "fe80::200:5eff:fe00:20a");
	ck_assert_addr_eq(advert_address(&advert, 1), "2001:db8::100");

	/* The virtual router's link-local address is one of the VIPs, not the source. */
	netlink();
	ck_assert_addr_eq(find6(10)->vrrp.primary, "fe80::2");
}
END_TEST

START_TEST(configured_link_local_address_is_no_source)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	struct advert advert;

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "2001:db8::101");
	add_vip(instance, "fe80::1");
	start_engine();
	run(ACTIVE_AT);
	netlink();
	ck_assert_addr_eq(last_sent()->source, "fe80::2");
	advert = decode(last_sent());
	ck_assert_uint_eq(advert.address_count, 3);
	ck_assert_addr_eq(advert_address(&advert, 0), "fe80::1");
	ck_assert_addr_eq(advert_address(&advert, 1), "2001:db8::100");
	ck_assert_addr_eq(advert_address(&advert, 2), "2001:db8::101");
}
END_TEST

START_TEST(ipv6_without_link_local_address_has_no_address)
{
	assign("2001:db8::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	start_engine();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_ADDRESS);
}
END_TEST

START_TEST(unicast_source_is_a_peer)
{
	unassign("10.0.0.2");
	assign("10.0.0.77", 24);
	assign("10.0.0.2", 24);
	add_unicast();
	start_engine();
	ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.2");
}
END_TEST

START_TEST(unicast_src_ip_is_the_source)
{
	struct conf_instance *instance = add_unicast();

	assign("10.0.0.3", 24);
	instance->unicast_src_ip = ip("10.0.0.3");
	start_engine();
	ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.3");

	unassign("10.0.0.3");
	turn(T0 + SECOND_US);
	turn(T0 + 2 * SECOND_US);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_ADDRESS);
}
END_TEST

/* A source of one family is none for a router of the other one: that finds its own. */
START_TEST(unicast_src_ip_of_the_carried_family_is_ignored)
{
	struct conf_instance *instance = add_unicast();

	assign("2001:db8::2", 64);
	instance->addresses[0] = ip("2001:db8::100");
	add_vip(instance, "10.10.10.10");
	add_peer(instance, "2001:db8::1");
	add_peer(instance, "2001:db8::2");
	instance->unicast_src_ip = ip("10.0.0.2");
	start_engine();
	ck_assert(addr_is_unspecified(&find6(10)->settings.unicast_src_ip));
	ck_assert_addr_eq(find6(10)->vrrp.primary, "2001:db8::2");
}
END_TEST

/* ONE ELECTION: announcements of the carried addresses are sent from an address of their family;
 * its absence is no fault. */
START_TEST(own_address_of_the_carried_family)
{
	const struct router *router;

	assign("2001:db8::2", 64);
	assign("fe80::99", 64);
	assign("fe80::2", 64);
	set_flags("fe80::99", "t");
	add_vip(add_apiserver(), "2001:db8::100");
	start_engine();
	router = find(10);
	ck_assert_addr_eq(router->own[ADDR_FAMILY_IPV4], "10.0.0.2");
	ck_assert_addr_eq(router->own[ADDR_FAMILY_IPV6], "fe80::2");
	unassign("fe80::2");
	netlink();
	ck_assert(addr_is_unspecified(&router->own[ADDR_FAMILY_IPV6]));
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_BACKUP);

	tear_down();
	set_up();
	assign("fe80::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	add_vip(&w.conf->instances[0], "10.10.10.10");
	start_engine();
	router = find6(10);
	ck_assert_addr_eq(router->own[ADDR_FAMILY_IPV6], "fe80::2");
	ck_assert_addr_eq(router->own[ADDR_FAMILY_IPV4], "10.0.0.2");
	run_active();
	ck_assert_addr_eq(router->own[ADDR_FAMILY_IPV4], "10.0.0.2");
	unassign("10.0.0.2");
	netlink();
	ck_assert(addr_is_unspecified(&router->own[ADDR_FAMILY_IPV4]));
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* ---- Faults ---- */

/* The kernel flushes IPv6 addresses then. */
static void link_down_without_address(void)
{
	link_down();
	unassign("10.0.0.2");
}

/* Of a bridge that has no carrier yet. */
static void port(void)
{
	link_down();
	w.io.port = true;
}

static void no_address(void)
{
	unassign("10.0.0.2");
}

/* The carrier went and came back unseen. */
static void no_address_and_disturbed(void)
{
	unassign("10.0.0.2");
	w.io.carrier_changes += 2;
}

static void not_a_peer(void)
{
	replace_first("10.0.0.9");
}

static void no_socket(void)
{
	set_socket(w.engine.routers[0], false);
}

static const struct {
	enum vrrp_fault fault;
	void (*happen)(void);
	bool grace; /* for an Active: it may be over soon */
} faults[] = {
	{VRRP_FAULT_NO_INTERFACE, no_interface, false},
	{VRRP_FAULT_LINK_DOWN, link_down, false},
	{VRRP_FAULT_LINK_DOWN, link_down_without_address, false},
	{VRRP_FAULT_IS_PORT, port, false},
	{VRRP_FAULT_NO_ADDRESS, no_address, true},
	{VRRP_FAULT_NO_ADDRESS, no_address_and_disturbed, false},
	{VRRP_FAULT_NOT_A_PEER, not_a_peer, true},
	{VRRP_FAULT_NO_SOCKET, no_socket, false},
};

/* SURVIVE: a visible state that heals itself; from Backup (even rows) and from Active. */
START_TEST(fault_is_shown_and_heals)
{
	static struct fake_io healthy;
	size_t row = (size_t)_i / 2;
	bool active = _i % 2 == 1;
	char expected[128];
	const struct router *router;

	add_unicast();
	start_engine();
	router = w.engine.routers[0];
	if (active)
		run_active();
	take();
	healthy = w.io;
	faults[row].happen();
	netlink();
	if (active && faults[row].grace) {
		run(w.now.us + SECOND_US - 1);
		ck_assert_ptr_null(strstr(take(), "NOTIFY"));
		w.now.us++;
	}
	timers(true);
	snprintf(expected, sizeof(expected), "%sNOTIFY(Initialize %s)",
		 active ? "REMOVE(10.10.10.10) " : "", vrrp_fault_name(faults[row].fault));
	ck_assert_str_eq(take(), expected);
	ck_assert_int_eq(router->vrrp.fault, faults[row].fault);
	ck_assert_int_eq(router->vrrp.reason, VRRP_REASON_FAULT);
	ck_assert_uint_eq(router->counters.faults[faults[row].fault], 1);

	/* The fault stays, however long. */
	run(w.now.us + 60 * SECOND_US);
	ck_assert_str_eq(take(), "");

	w.io = healthy;
	unassign("10.10.10.10");
	netlink();
	set_socket(w.engine.routers[0], true);
	ck_assert_str_eq(take(), "NOTIFY(Backup recovered)");
	ck_assert_int_eq(vrrp_takeover(&router->vrrp).at.us, w.now.us + DOWN);
}
END_TEST

/* The own address is gone for less than an interval (a renewed DHCP lease, a restarted network
 * manager): an Active keeps its role. */
START_TEST(own_address_that_comes_back_is_no_fault)
{
	const struct router *router;

	start_active();
	router = find(10);
	for (int i = 0; i < 3; i++) {
		unassign("10.0.0.2");
		netlink();
		ck_assert_int_eq(router_grace_end(router).us, w.now.us + SECOND_US);
		run(w.now.us + SECOND_US / 2);
		netlink();
		run(w.now.us + SECOND_US / 2 - 1);
		assign("10.0.0.2", 24);
		netlink();
		ck_assert(instant_is_never(router_grace_end(router)));
	}
	ck_assert_ptr_null(strstr(take(), "REMOVE"));
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_addr_eq(router->vrrp.primary, "10.0.0.2");
}
END_TEST

/* What others say meanwhile counts. A Backup has no grace: it could take over without a word. */
START_TEST(backup_has_no_grace)
{
	const struct router *router;

	start_active();
	router = find(10);
	unassign("10.0.0.2");
	netlink();
	hear(w.now.us, 3, 254);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert(instant_due(engine_deadline(&w.engine), w.now));
	timers(true);
	ck_assert_int_eq(router->vrrp.fault, VRRP_FAULT_NO_ADDRESS);
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
}
END_TEST

/* The grace is for an address that goes, not for one that never was; a fault of another kind ends
 * it. */
START_TEST(no_grace_without_a_loss)
{
	unassign("10.0.0.2");
	add_apiserver();
	start_engine();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_ADDRESS);

	tear_down();
	set_up();
	start_active();
	unassign("10.0.0.2");
	netlink();
	link_down();
	netlink();
	ck_assert_int_eq(find(10)->vrrp.fault, VRRP_FAULT_LINK_DOWN);
	w.io.up = true;
	netlink();
	ck_assert_int_eq(find(10)->vrrp.fault, VRRP_FAULT_NO_ADDRESS);
}
END_TEST

START_TEST(two_faults_end_one_by_one)
{
	struct router *router;

	start_backup();
	router = w.engine.routers[0];
	set_socket(router, false);
	ck_assert_int_eq(router->vrrp.fault, VRRP_FAULT_NO_SOCKET);
	link_down();
	netlink();
	/* The interface's fault comes first: a socket may be missing for it. */
	ck_assert_int_eq(router->vrrp.fault, VRRP_FAULT_LINK_DOWN);
	set_socket(router, true);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(router->vrrp.fault, VRRP_FAULT_LINK_DOWN);
	set_socket(router, false);
	w.io.up = true;
	netlink();
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(router->vrrp.fault, VRRP_FAULT_NO_SOCKET);
	set_socket(router, true);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* 6.4.1: nothing starts before the interface is known. */
START_TEST(router_waits_for_its_interface)
{
	add_apiserver();
	configure(T0);
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.fault, VRRP_FAULT_NO_INTERFACE);
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	take();
	netlink();
	ck_assert_str_eq(take(), "NOTIFY(Backup startup)");
}
END_TEST

/* An interface that is created anew has another index, and nothing of what the old one had; netlink
 * may show it gone first (row 1) or not. */
START_TEST(interface_is_created_again)
{
	const struct router *router;

	start_active();
	router = w.engine.routers[0];
	if (_i == 1) {
		no_interface();
		netlink();
		ck_assert_int_eq(router->vrrp.fault, VRRP_FAULT_NO_INTERFACE);
	}
	w.io.index = 7;
	w.io.up = true;
	w.io.address_count = 0;
	assign("10.0.0.2", 24);
	netlink();
	ck_assert_ptr_null(find(10));
	ck_assert_ptr_eq(engine_find(&w.engine, 7, ADDR_FAMILY_IPV4, 10), router);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(router->vrrp.reason, VRRP_REASON_RECOVERED);
}
END_TEST

/* News that netlink repeats are no event. */
START_TEST(repeated_news_change_nothing)
{
	struct router before;

	start_active();
	before = snapshot(find(10));
	netlink();
	netlink();
	ck_assert(unchanged(&before, find(10)));
	ck_assert_str_eq(take(), "");
}
END_TEST

static void add_reconcile(Suite *suite)
{
	TCase *tcase = tcase_create("reconcile");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, disturbed_interface_is_announced_again);
	tcase_add_test(tcase, lost_vip_is_added_again);
	tcase_add_test(tcase, vip_that_netlink_does_not_show_yet_is_not_given_up);
	tcase_add_test(tcase, one_of_two_vips_is_lost);
	tcase_add_test(tcase, lost_carried_address_is_added_again);
	tcase_add_test(tcase, leftover_vip_is_removed);
	tcase_add_test(tcase, own_leftover_stays_until_an_active_is_heard);
	tcase_add_test(tcase, own_leftover_goes_with_a_fault);
	tcase_add_test(tcase, own_leftover_goes_with_the_end);
	tcase_add_test(tcase, own_leftover_stays_for_the_takeover);
	tcase_add_test(tcase, other_leftovers_go_at_once);
	tcase_add_test(tcase, leaving_address_is_no_leftover);
	tcase_add_test(tcase, leftover_is_told_once);
	tcase_add_test(tcase, leaving_addresses_are_no_leftovers);
	tcase_add_test(tcase, leaving_address_comes_back);
	tcase_add_test(tcase, vip_is_before_the_own_address);
	tcase_add_test(tcase, leftover_vip_is_removed_in_initialize);
	tcase_add_test(tcase, only_the_leftovers_are_removed);
	tcase_add_test(tcase, leftover_of_the_carried_family);
	tcase_add_test(tcase, leftover_of_the_carried_family_beside_ipv6);
	tcase_add_test(tcase, vip_is_lost_before_netlink_shows_it);
	tcase_add_test(tcase, vip_is_the_first_of_the_interface);
	tcase_add_test(tcase, leftover_stays_without_a_primary_address);
	tcase_add_test(tcase, node_with_the_vip_alone_has_no_address);
	suite_add_tcase(suite, tcase);
}

static void add_primary(Suite *suite)
{
	TCase *tcase = tcase_create("the primary address");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, primary_is_no_vip_of_any_router);
	tcase_add_loop_test(tcase, primary_by_flags, 0, (int)COUNT(sources));
	tcase_add_test(tcase, deprecated_address_is_not_a_peer);
	tcase_add_test(tcase, newer_link_local_address_is_not_taken);
	tcase_add_test(tcase, other_addresses_in_use_are_kept);
	tcase_add_test(tcase, duplicate_that_is_not_needed);
	tcase_add_test(tcase, primary_changes_while_active);
	tcase_add_test(tcase, primary_and_priority_change_while_active);
	tcase_add_test(tcase, ipv6_source_is_link_local);
	tcase_add_test(tcase, configured_link_local_address_is_no_source);
	tcase_add_test(tcase, ipv6_without_link_local_address_has_no_address);
	tcase_add_test(tcase, unicast_source_is_a_peer);
	tcase_add_test(tcase, unicast_src_ip_is_the_source);
	tcase_add_test(tcase, unicast_src_ip_of_the_carried_family_is_ignored);
	tcase_add_test(tcase, own_address_of_the_carried_family);
	suite_add_tcase(suite, tcase);
}

static void add_faults(Suite *suite)
{
	TCase *tcase = tcase_create("faults");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, fault_is_shown_and_heals, 0, (int)(2 * COUNT(faults)));
	tcase_add_test(tcase, own_address_that_comes_back_is_no_fault);
	tcase_add_test(tcase, backup_has_no_grace);
	tcase_add_test(tcase, no_grace_without_a_loss);
	tcase_add_test(tcase, two_faults_end_one_by_one);
	tcase_add_test(tcase, router_waits_for_its_interface);
	tcase_add_loop_test(tcase, interface_is_created_again, 0, 2);
	tcase_add_test(tcase, repeated_news_change_nothing);
	suite_add_tcase(suite, tcase);
}

Suite *suite_interface(void)
{
	Suite *suite = suite_create("interface");

	add_reconcile(suite);
	add_primary(suite);
	add_faults(suite);
	return suite;
}
