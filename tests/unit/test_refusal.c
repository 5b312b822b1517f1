/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets the engine accepts, for which router, and what a refused one leaves behind: rules
 * REJECT and BOUNDS. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "world.h"

static void no_fields(struct advert_fields *fields)
{
	(void)fields;
}

static void interval_zero(struct advert_fields *fields)
{
	fields->interval_cs = 0;
}

static void other_vrid(struct advert_fields *fields)
{
	fields->vrid = 99;
}

static void own_source(struct advert_fields *fields)
{
	fields->source = ip("10.0.0.2");
}

static void stranger(struct advert_fields *fields)
{
	fields->source = ip("10.0.0.9");
}

static void foreign_addresses(struct advert_fields *fields)
{
	static struct addr foreign[2];

	foreign[0] = ip("10.10.10.11");
	foreign[1] = ip("10.10.10.12");
	fields->addresses = foreign;
	fields->address_count = 2;
}

static void no_bytes(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	(void)bytes;
}

static void oversized(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->oversized = true;
}

static void hops(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->hops = 254;
}

static void truncated(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->size = 7;
}

static void version(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	bytes[0] = 0x21;
}

static void type(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	bytes[0] = 0x32;
}

static void no_addresses(struct packet *packet, uint8_t *bytes)
{
	bytes[3] = 0;
	packet->size = 8;
}

static void too_short(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->size -= 4;
}

static void too_long(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->size += 4;
}

static void checksum(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	bytes[6] ^= 1;
}

static const struct {
	enum advert_refusal refusal;
	void (*fields)(struct advert_fields *fields);
	void (*bytes)(struct packet *packet, uint8_t *bytes);
	bool of_no_router;
} refusals[] = {
	{ADVERT_OVERSIZED, no_fields, oversized, false},
	{ADVERT_HOPS_WRONG, no_fields, hops, false},
	{ADVERT_TRUNCATED, no_fields, truncated, false},
	{ADVERT_VERSION_WRONG, no_fields, version, false},
	{ADVERT_TYPE_WRONG, no_fields, type, false},
	{ADVERT_ADDRESSES_NONE, no_fields, no_addresses, false},
	{ADVERT_LENGTH_WRONG, no_fields, too_short, false},
	{ADVERT_LENGTH_WRONG, no_fields, too_long, false},
	{ADVERT_CHECKSUM_WRONG, no_fields, checksum, false},
	{ADVERT_INTERVAL_ZERO, interval_zero, no_bytes, false},
	{ADVERT_UNKNOWN_VRID, other_vrid, no_bytes, true},
	{ADVERT_UNKNOWN_VRID, other_vrid, checksum, true}, /* another check fails first */
	{ADVERT_SOURCE_OWN, own_source, no_bytes, false},
	{ADVERT_SOURCE_NOT_PEER, stranger, no_bytes, false},
	{ADVERT_ADDRESSES_FOREIGN, foreign_addresses, no_bytes, false},
};

/* REJECT: nothing changes but a counter; in Backup (even rows) and Active. */
START_TEST(refused_packet_changes_one_counter_only)
{
	size_t row = (size_t)_i / 2;
	bool names_its_check = !refusals[row].of_no_router || refusals[row].bytes == no_bytes;
	struct conf_instance *instance = add_apiserver();
	struct advert_fields fields = fields_of(3, 220);
	uint8_t bytes[ADVERT_SIZE_MAX] = {0};
	struct packet packet = {
		.destination = fields.destination, .hops = ADVERT_HOPS, .data = bytes};
	struct router before;
	struct instant deadline;
	const uint64_t *counted;
	char expected[64];

	if (refusals[row].refusal == ADVERT_SOURCE_NOT_PEER) {
		add_peer(instance, "10.0.0.2");
		add_peer(instance, "10.0.0.3");
	}
	start_engine();
	if (_i % 2 == 1)
		run_active();
	refusals[row].fields(&fields);
	packet.source = fields.source;
	packet.size = advert_encode(&fields, bytes, sizeof(bytes));
	refusals[row].bytes(&packet, bytes);

	take();
	take_traces();
	before = snapshot(find(10));
	deadline = engine_deadline(&w.engine);
	receive(2, w.now.us + 1000, &packet);

	ck_assert(unchanged(&before, find(10)));
	ck_assert_int_eq(engine_deadline(&w.engine).us, deadline.us);
	ck_assert_str_eq(take(), "");
	snprintf(expected, sizeof(expected), "refused:%s",
		 advert_refusal_name(refusals[row].refusal));
	if (names_its_check)
		ck_assert_str_eq(take_traces(), expected);
	counted = refusals[row].of_no_router ? w.engine.rejected : find(10)->counters.rejected;
	ck_assert_uint_eq(sum(w.engine.rejected) + sum(find(10)->counters.rejected), 1);
	ck_assert_uint_eq(sum(counted), 1);
	if (names_its_check)
		ck_assert_uint_eq(counted[refusals[row].refusal], 1);
}
END_TEST

/* The packet that the rows above break is a good one. */
START_TEST(good_advert_is_accepted)
{
	start_backup();
	hear(T0 + SECOND_US, 3, 220);
	ck_assert_int_eq(vrrp_takeover(&find(10)->vrrp).at.us, T0 + SECOND_US + DOWN);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(sum(find(10)->counters.rejected), 0);
	ck_assert_uint_eq(find(10)->counters.interval_differs, 0);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 0);
	ck_assert_uint_eq(find(10)->counters.checksum_rfc5798_received, 0);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

START_TEST(advert_reaches_the_router_of_its_vrid_and_interface)
{
	struct conf_instance *instance;
	struct interface eth1 = {.name = "eth1", .index = 3, .up = true, .address_count = 1};
	const struct router *other_vrid_router, *other_interface;
	struct advert_fields fields = fields_of(3, 220);

	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.10");
	instance = add_instance("third", 10);
	strcpy(instance->interface, "eth1");
	add_vip(instance, "10.10.10.10");
	start_engine();
	ck_assert_uint_eq(w.engine.router_count, 3);
	eth1.addresses[0].address = ip("10.0.0.4");
	eth1.addresses[0].prefix_length = 24;
	netlink_of(&eth1);
	other_vrid_router = find(11);
	other_interface = engine_find(&w.engine, 3, ADDR_FAMILY_IPV4, 10);
	ck_assert_str_eq(find(10)->settings.instance, "apiserver");
	ck_assert_str_eq(other_vrid_router->settings.instance, "second");
	ck_assert_str_eq(other_interface->settings.instance, "third");
	ck_assert_ptr_null(engine_find(&w.engine, 3, ADDR_FAMILY_IPV4, 11));
	ck_assert_ptr_null(engine_find(&w.engine, 2, ADDR_FAMILY_IPV6, 10));
	ck_assert_ptr_null(engine_find(&w.engine, 9, ADDR_FAMILY_IPV4, 10));

	deliver_on(2, T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	deliver_on(3, T0 + SECOND_US, &fields);
	ck_assert_uint_eq(other_interface->counters.adverts_received, 1);
	fields.vrid = 11;
	deliver_on(2, T0 + SECOND_US, &fields);
	ck_assert_uint_eq(other_vrid_router->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(other_interface->counters.adverts_received, 1);

	deliver_on(3, T0 + SECOND_US, &fields);
	deliver_on(9, T0 + SECOND_US, &fields);
	ck_assert_uint_eq(w.engine.rejected[ADVERT_UNKNOWN_VRID], 2);
}
END_TEST

/* ONE ELECTION: two elections on one interface are two instances, which may share a VRID if they
 * are elected in different families. */
START_TEST(one_vrid_in_two_families_is_two_routers)
{
	const struct addr vip6[2] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::100")};
	struct advert_fields six = fields6(vip6, 2, 220);

	assign("fe80::2", 64);
	add_apiserver();
	add_vip(add_instance("six", 10), "2001:db8::100");
	start_engine();
	ck_assert_uint_eq(w.engine.router_count, 2);
	ck_assert_str_eq(find(10)->settings.instance, "apiserver");
	ck_assert_str_eq(find6(10)->settings.instance, "six");
	deliver(T0 + SECOND_US, &six);
	ck_assert_uint_eq(find6(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 0);
	hear(T0 + SECOND_US, 3, 220);
	ck_assert_uint_eq(find6(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);

	/* Each has its own election. */
	run(ACTIVE_AT);
	take();
	hear(T0 + 4 * SECOND_US, 3, 220);
	run(T0 + SECOND_US + DOWN);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(find6(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* ONE ELECTION: nobody advertises the family that is carried along, so an advert of it belongs to
 * no router, whatever it lists. */
START_TEST(advert_of_the_carried_family_is_refused)
{
	const struct addr vip6[2] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::100")};
	struct advert_fields six = fields6(vip6, 2, 220);
	struct router before;

	assign("fe80::2", 64);
	add_vip(add_apiserver(), "2001:db8::100");
	start_engine();
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_ptr_null(find6(10));
	before = snapshot(find(10));
	deliver(T0 + SECOND_US, &six);
	ck_assert(unchanged(&before, find(10)));
	ck_assert_uint_eq(w.engine.rejected[ADVERT_UNKNOWN_VRID], 1);
	ck_assert_str_eq(take_traces(), "refused:unknown_vrid");
}
END_TEST

/* BOUNDS: a longer interval than ours is followed from the second advert on, and never as more than
 * four times ours; a shorter one at once. No interval is refused. */
START_TEST(interval_is_followed_within_bounds)
{
	static const struct {
		uint16_t own_cs, theirs_cs;
		int64_t first_us, second_us; /* Active_Down_Interval after that advert */
	} rows[] = {
		{100, 1, 32187, 32187},
		{100, 50, DOWN / 2, DOWN / 2},
		{100, 100, DOWN, DOWN},
		/* 120 cs: three of its intervals are less than one of its and three of ours. */
		{100, 120, 3600000 + SKEW, 3862500},
		{100, 200, 2 * SECOND_US + DOWN, 2 * DOWN},
		{100, 400, 4 * SECOND_US + DOWN, 4 * DOWN},
		{100, 401, 4 * SECOND_US + DOWN, 4 * DOWN},
		{100, 4095, 4 * SECOND_US + DOWN, 4 * DOWN},
		{25, 100, SECOND_US + 804687, DOWN},
		{25, 101, SECOND_US + 804687, DOWN},
		{1, 4095, 72187, 128750},
		{4095, 1, 32187, 32187},
		{4095, 4095, 131807812, 131807812},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct advert_fields fields = fields_of(3, 220);
		bool differs = rows[i].theirs_cs != rows[i].own_cs;
		const struct router *router;

		tear_down();
		set_up();
		add_apiserver()->advert_int_cs = rows[i].own_cs;
		start_engine();
		router = find(10);
		fields.interval_cs = rows[i].theirs_cs;
		deliver(T0 + 1, &fields);
		ck_assert_uint_eq(router->counters.adverts_received, 1);
		ck_assert_uint_eq(router->counters.interval_differs, differs);
		ck_assert_str_eq(take_traces(), differs ? "interval" : "");
		ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + 1 + rows[i].first_us);
		deliver(T0 + 2, &fields);
		ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + 2 + rows[i].second_us);
	}
}
END_TEST

/* BOUNDS; RFC 9568 7.1: a difference is logged. */
START_TEST(one_common_address_is_enough)
{
	const struct addr theirs[2] = {ip("10.10.10.99"), ip("10.10.10.10")};
	struct advert_fields fields = fields_of(3, 220);

	start_backup();
	fields.addresses = theirs;
	fields.address_count = 2;
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 1);
	ck_assert_str_eq(take_traces(), "addresses");
}
END_TEST

START_TEST(order_of_addresses_does_not_matter)
{
	const struct addr theirs[2] = {ip("10.10.10.11"), ip("10.10.10.10")};
	struct advert_fields fields = fields_of(3, 220);

	add_vip(add_apiserver(), "10.10.10.11");
	start_engine();
	fields.addresses = theirs;
	fields.address_count = 2;
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 0);
	fields.address_count = 1;
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 1);
}
END_TEST

/* ONE ELECTION: the list that is compared is that of the elected family. */
START_TEST(carried_addresses_are_not_missed_in_an_advert)
{
	add_vip(add_apiserver(), "2001:db8::100");
	start_engine();
	hear(T0 + SECOND_US, 3, 220);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 0);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

START_TEST(both_checksum_forms_are_accepted)
{
	struct advert_fields fields = fields_of(3, 220);

	start_backup();
	fields.checksum = ADVERT_CHECKSUM_RFC5798;
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.checksum_rfc5798_received, 1);
	ck_assert_int_eq(vrrp_takeover(&find(10)->vrrp).at.us, T0 + SECOND_US + DOWN);
}
END_TEST

START_TEST(priority_of_an_owner_is_traced)
{
	start_backup();
	hear(T0 + SECOND_US, 3, 255);
	ck_assert_str_eq(take_traces(), "owner");
	ck_assert_int_eq(vrrp_takeover(&find(10)->vrrp).at.us, T0 + SECOND_US + DOWN);
	hear(T0 + SECOND_US, 3, 254);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

/* BOUNDS in IPv6: the derived link-local address is the same for every virtual router with this
 * VRID, so it does not tell to which one an advert belongs. */
START_TEST(derived_link_local_address_alone_is_foreign)
{
	const struct addr theirs[3] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::200"),
				       ip("::")};
	struct advert_fields fields = fields6(theirs, 3, 220);

	assign("fe80::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	start_engine();
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find6(10)->counters.rejected[ADVERT_ADDRESSES_FOREIGN], 1);
}
END_TEST

/* A link-local address of the file is a VIP like another: an advert that lists it shares an
 * address. */
START_TEST(configured_link_local_address_is_shared)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	const struct addr theirs[1] = {ip("fe80::100")};
	struct advert_fields fields = fields6(theirs, 1, 220);

	assign("fe80::2", 64);
	add_vip(instance, "fe80::100");
	add_vip(instance, "2001:db8::100");
	start_engine();
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find6(10)->counters.adverts_received, 1);
}
END_TEST

/* An address that a reload took from the list is no longer shared. */
START_TEST(address_given_up_by_a_reload_is_foreign)
{
	const struct addr theirs[2] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::101")};
	struct advert_fields fields = fields6(theirs, 2, 220);
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "2001:db8::101");
	start_engine();
	instance->address_count = 1;
	configure(T0);
	deliver(T0 + SECOND_US, &fields);
	ck_assert_uint_eq(find6(10)->counters.rejected[ADVERT_ADDRESSES_FOREIGN], 1);
}
END_TEST

Suite *suite_refusal(void)
{
	Suite *suite = suite_create("refusal");
	TCase *tcase = tcase_create("refusal");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, refused_packet_changes_one_counter_only, 0,
			    (int)(2 * COUNT(refusals)));
	tcase_add_test(tcase, good_advert_is_accepted);
	tcase_add_test(tcase, advert_reaches_the_router_of_its_vrid_and_interface);
	tcase_add_test(tcase, one_vrid_in_two_families_is_two_routers);
	tcase_add_test(tcase, advert_of_the_carried_family_is_refused);
	tcase_add_test(tcase, interval_is_followed_within_bounds);
	tcase_add_test(tcase, one_common_address_is_enough);
	tcase_add_test(tcase, order_of_addresses_does_not_matter);
	tcase_add_test(tcase, carried_addresses_are_not_missed_in_an_advert);
	tcase_add_test(tcase, both_checksum_forms_are_accepted);
	tcase_add_test(tcase, priority_of_an_owner_is_traced);
	tcase_add_test(tcase, derived_link_local_address_alone_is_foreign);
	tcase_add_test(tcase, configured_link_local_address_is_shared);
	tcase_add_test(tcase, address_given_up_by_a_reload_is_foreign);
	suite_add_tcase(suite, tcase);
	return suite;
}
