/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/advert.h"
#include "lib/hex.h"
#include "unit.h"

/*
 * Packets whose checksums were computed apart from the code under test. The first is a fixed vector
 * of keepalived's; its words add up to bbfd, the pseudo-header of the second to 0acd (c633 + 640a +
 * e000 + 0012 + 0070 + 000c, folded).
 */
static const struct vector {
	const char *source;
	const char *destination;
	const char *message;
	enum advert_checksum checksum;
	uint8_t vrid;
	uint8_t priority;
	uint16_t interval_cs;
	uint8_t address_count;
	const char *addresses[3];
} vectors[] = {
	{"198.51.100.10",
	 "224.0.0.18",
	 "3133c801 0064 4402 c0000264",
	 ADVERT_CHECKSUM_RFC9568,
	 51,
	 200,
	 100,
	 1,
	 {"192.0.2.100"}},
	{"198.51.100.10",
	 "224.0.0.18",
	 "3133c801 0064 3935 c0000264",
	 ADVERT_CHECKSUM_RFC5798,
	 51,
	 200,
	 100,
	 1,
	 {"192.0.2.100"}},
	{"192.0.2.9",
	 "192.0.2.8",
	 "31010003 0001 0df6 c0000201 c0000202 cb0071ff",
	 ADVERT_CHECKSUM_RFC9568,
	 1,
	 0,
	 1,
	 3,
	 {"192.0.2.1", "192.0.2.2", "203.0.113.255"}},
	{"fe80::1",
	 "ff02::12",
	 "310afe02 0fff 351c fe80000000000000 02005efffe00020a 20010db800000000 0000000000000064",
	 ADVERT_CHECKSUM_RFC9568,
	 10,
	 254,
	 4095,
	 2,
	 {"fe80::200:5eff:fe00:20a", "2001:db8::64"}},
};

static struct packet packet_of(const struct vector *vector, uint8_t bytes[MESSAGE_MAX])
{
	return hex_packet(vector->source, vector->destination, vector->message, bytes);
}

/* Decodes and checks that a refused packet leaves the result alone. */
static enum advert_refusal decode(const struct packet *packet, struct advert *ret)
{
	struct advert before;
	enum advert_refusal refusal;

	memset(ret, 0xa5, sizeof(*ret));
	memcpy(&before, ret, sizeof(before));
	refusal = advert_decode(packet, ret);
	if (refusal != ADVERT_OK)
		ck_assert_mem_eq(ret, &before, sizeof(before));
	return refusal;
}

START_TEST(decodes_every_field)
{
	const struct vector *vector = &vectors[_i];
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(vector, bytes);
	struct advert advert;

	ck_assert_str_eq(advert_refusal_name(decode(&packet, &advert)), "ok");
	ck_assert_int_eq(advert.family, packet.source.family);
	ck_assert_uint_eq(advert.vrid, vector->vrid);
	ck_assert_uint_eq(advert.priority, vector->priority);
	ck_assert_uint_eq(advert.interval_cs, vector->interval_cs);
	ck_assert_int_eq(advert.checksum, vector->checksum);
	ck_assert_uint_eq(advert.address_count, vector->address_count);
	for (unsigned i = 0; i < vector->address_count; i++) {
		struct addr expected = ip(vector->addresses[i]);
		struct addr decoded = advert_address(&advert, i);

		ck_assert(addr_equal(&decoded, &expected));
	}
	ck_assert_uint_eq(advert_peek_vrid(&packet), vector->vrid);
}
END_TEST

START_TEST(encodes_every_field)
{
	const struct vector *vector = &vectors[_i];
	uint8_t expected[MESSAGE_MAX], bytes[MESSAGE_MAX];
	size_t size = from_hex(vector->message, expected);
	struct addr addresses[3];
	struct advert_fields fields = {
		.vrid = vector->vrid,
		.priority = vector->priority,
		.interval_cs = vector->interval_cs,
		.checksum = vector->checksum,
		.address_count = vector->address_count,
		.addresses = addresses,
		.source = ip(vector->source),
		.destination = ip(vector->destination),
	};

	for (unsigned i = 0; i < vector->address_count; i++)
		addresses[i] = ip(vector->addresses[i]);
	memset(bytes, 0xa5, sizeof(bytes));
	ck_assert_uint_eq(advert_encode(&fields, bytes, sizeof(bytes)), size);
	ck_assert_mem_eq(bytes, expected, size);
	for (size_t room = 0; room < size; room++)
		ck_assert_uint_eq(advert_encode(&fields, bytes, room), 0);
	ck_assert_uint_eq(advert_encode(&fields, bytes, size), size);
	ck_assert_mem_eq(bytes, expected, size);
}
END_TEST

/* IPv6 has one form only, whatever the configuration says for IPv4. */
START_TEST(ipv6_ignores_the_choice_of_checksum)
{
	struct addr address = ip("fe80::200:5eff:fe00:20a");
	struct advert_fields fields = {
		.vrid = 10,
		.priority = 254,
		.interval_cs = 1,
		.checksum = ADVERT_CHECKSUM_RFC5798,
		.address_count = 1,
		.addresses = &address,
		.source = ip("fe80::1"),
		.destination = advert_group(ADDR_FAMILY_IPV6),
	};
	uint8_t expected[MESSAGE_MAX], bytes[MESSAGE_MAX];
	size_t size = from_hex("310afe01 0001 7348 fe80000000000000 02005efffe00020a", expected);

	ck_assert_uint_eq(advert_encode(&fields, bytes, sizeof(bytes)), size);
	ck_assert_mem_eq(bytes, expected, size);
}
END_TEST

/* RFC 9568 5.2.6. */
START_TEST(reserved_field_is_sent_as_zero)
{
	struct addr address = ip("192.0.2.100");
	struct advert_fields fields = {
		.vrid = 51,
		.priority = 200,
		.interval_cs = 0xf064,
		.address_count = 1,
		.addresses = &address,
		.source = ip("198.51.100.10"),
		.destination = ip("224.0.0.18"),
	};
	uint8_t expected[MESSAGE_MAX], bytes[MESSAGE_MAX];
	size_t size = from_hex(vectors[0].message, expected);

	ck_assert_uint_eq(advert_encode(&fields, bytes, sizeof(bytes)), size);
	ck_assert_mem_eq(bytes, expected, size);
}
END_TEST

/*
 * One row per reason, then one per pair of neighbouring checks: of two faults the first in the
 * order of enum advert_refusal is the reason. Where the row is not about the checksum it is right,
 * so that no other check can refuse in its place.
 */
static const struct {
	const char *what;
	const char *message;
	unsigned hops;
	bool oversized;
	enum advert_refusal expected;
} refusals[] = {
	{"the receiver's buffer was too small", "3133c801 0064 4402 c0000264", 255, true,
	 ADVERT_OVERSIZED},
	{"one router on the way", "3133c801 0064 4402 c0000264", 254, false, ADVERT_HOPS_WRONG},
	{"no hops", "3133c801 0064 4402 c0000264", 0, false, ADVERT_HOPS_WRONG},
	{"hops of more than a byte", "3133c801 0064 4402 c0000264", 511, false, ADVERT_HOPS_WRONG},
	{"empty", "", 255, false, ADVERT_TRUNCATED},
	{"one byte", "31", 255, false, ADVERT_TRUNCATED},
	{"cut in the fixed fields", "3133c801 0064 44", 255, false, ADVERT_TRUNCATED},
	{"VRRPv2", "2133c801 0064 5402 c0000264", 255, false, ADVERT_VERSION_WRONG},
	{"version 4", "4133c801 0064 3402 c0000264", 255, false, ADVERT_VERSION_WRONG},
	{"type 2", "3233c801 0064 4302 c0000264", 255, false, ADVERT_TYPE_WRONG},
	{"type 0", "3033c801 0064 4502 c0000264", 255, false, ADVERT_TYPE_WRONG},
	{"no address", "3133c800 0064 0668", 255, false, ADVERT_ADDRESSES_NONE},
	{"count 2, one address", "3133c802 0064 4401 c0000264", 255, false, ADVERT_LENGTH_WRONG},
	{"count 1, two addresses", "3133c801 0064 819c c0000264 c0000265", 255, false,
	 ADVERT_LENGTH_WRONG},
	{"no list", "3133c801 0064 0667", 255, false, ADVERT_LENGTH_WRONG},
	{"half an address", "3133c801 0064 4466 c000", 255, false, ADVERT_LENGTH_WRONG},
	{"a zero behind it", "3133c801 0064 4402 c0000264 00", 255, false, ADVERT_LENGTH_WRONG},
	{"authentication data", "3133c801 0064 4402 c0000264 0000000000000000", 255, false,
	 ADVERT_LENGTH_WRONG},
	{"checksum one off", "3133c801 0064 4403 c0000264", 255, false, ADVERT_CHECKSUM_WRONG},
	{"checksum not computed", "3133c801 0064 0000 c0000264", 255, false, ADVERT_CHECKSUM_WRONG},
	{"interval 0", "3133c801 0000 4466 c0000264", 255, false, ADVERT_INTERVAL_ZERO},
	{"interval 0, reserved bits set", "3133c801 f000 5465 c0000264", 255, false,
	 ADVERT_INTERVAL_ZERO},

	{"oversized, hops", "3133c801 0064 4402 c0000264", 1, true, ADVERT_OVERSIZED},
	{"hops, truncated", "3133c8", 1, false, ADVERT_HOPS_WRONG},
	{"truncated, version", "2133c801 0064 54", 255, false, ADVERT_TRUNCATED},
	{"version, type", "2233c801 0064 5302 c0000264", 255, false, ADVERT_VERSION_WRONG},
	{"type, no address", "3233c800 0064 0568", 255, false, ADVERT_TYPE_WRONG},
	{"no address, length", "3133c800 0064 4403 c0000264", 255, false, ADVERT_ADDRESSES_NONE},
	{"length, checksum", "3133c802 0064 4402 c0000264", 255, false, ADVERT_LENGTH_WRONG},
	{"checksum, interval", "3133c801 0000 4467 c0000264", 255, false, ADVERT_CHECKSUM_WRONG},

	{"priority 0", "31330001 0064 0c03 c0000264", 255, false, ADVERT_OK},
	{"priority 255", "3133ff01 0064 0d02 c0000264", 255, false, ADVERT_OK},
	{"VRID 255", "31ffc801 0064 4336 c0000264", 255, false, ADVERT_OK},
	{"shortest interval", "3133c801 0001 4465 c0000264", 255, false, ADVERT_OK},
	{"longest interval", "3133c801 0fff 3467 c0000264", 255, false, ADVERT_OK},
};

START_TEST(refuses_with_the_first_reason)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[0], bytes);
	struct advert advert;
	enum advert_refusal refusal;

	packet.size = from_hex(refusals[_i].message, bytes);
	packet.hops = refusals[_i].hops;
	packet.oversized = refusals[_i].oversized;
	refusal = decode(&packet, &advert);
	ck_assert_msg(refusal == refusals[_i].expected, "%s: %s", refusals[_i].what,
		      advert_refusal_name(refusal));
}
END_TEST

START_TEST(any_other_hops_are_refused)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[_i], bytes);
	struct advert advert;

	for (packet.hops = 0; packet.hops < 1024; packet.hops++)
		ck_assert_msg(decode(&packet, &advert) ==
				      (packet.hops == 255 ? ADVERT_OK : ADVERT_HOPS_WRONG),
			      "%u", packet.hops);
}
END_TEST

/* RFC 9568 5.2.6. */
START_TEST(reserved_field_is_ignored)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[0], bytes);
	struct advert advert;

	packet.size = from_hex("3133c801 f064 5401 c0000264", bytes);
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OK);
	ck_assert_uint_eq(advert.interval_cs, 100);
}
END_TEST

START_TEST(address_list_is_of_the_family_of_the_packet)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[0], bytes);
	struct advert advert;

	packet.source = ip("fe80::1");
	packet.destination = ip("ff02::12");
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_LENGTH_WRONG);

	packet = packet_of(&vectors[3], bytes);
	packet.source = ip("198.51.100.10");
	packet.destination = ip("224.0.0.18");
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_LENGTH_WRONG);
}
END_TEST

START_TEST(ipv6_checksum_needs_the_pseudo_header)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[3], bytes);
	struct advert advert;

	packet.size = from_hex("310afe01 0001 7348 fe80000000000000 02005efffe00020a", bytes);
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OK);
	packet.size = from_hex("310afe01 0001 7167 fe80000000000000 02005efffe00020a", bytes);
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_CHECKSUM_WRONG);
}
END_TEST

/* c000 + 0201 + 3d82 + 0070 + 000c = ffff: this pseudo-header changes no checksum. */
START_TEST(if_both_forms_verify_it_is_rfc9568)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[0], bytes);
	struct advert advert;

	packet.source = ip("192.0.2.1");
	packet.destination = ip("61.130.0.0");
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OK);
	ck_assert_int_eq(advert.checksum, ADVERT_CHECKSUM_RFC9568);
}
END_TEST

START_TEST(every_flipped_bit_of_the_message_is_refused)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[_i], bytes);
	struct advert advert;

	for (size_t bit = 0; bit < packet.size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(decode(&packet, &advert) != ADVERT_OK, "bit %zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OK);
}
END_TEST

static void flip_address(struct packet *packet, struct addr *addr, enum advert_refusal expected)
{
	struct advert advert;

	for (size_t bit = 0; bit < addr_bits(addr->family); bit++) {
		addr->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(decode(packet, &advert) == expected, "bit %zu", bit);
		addr->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

START_TEST(every_flipped_bit_of_a_covered_address_is_refused)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = packet_of(&vectors[_i], bytes);
	bool covered = vectors[_i].checksum == ADVERT_CHECKSUM_RFC5798 ||
		       packet.source.family == ADDR_FAMILY_IPV6;
	enum advert_refusal expected = covered ? ADVERT_CHECKSUM_WRONG : ADVERT_OK;

	flip_address(&packet, &packet.source, expected);
	flip_address(&packet, &packet.destination, expected);
}
END_TEST

START_TEST(the_largest_advert_and_one_byte_more)
{
	static uint8_t bytes[ADVERT_SIZE_MAX + 1];
	static struct addr addresses[255];
	struct advert_fields fields = {
		.vrid = 10,
		.priority = 254,
		.interval_cs = 25,
		.address_count = 255,
		.addresses = addresses,
		.source = ip("fe80::1"),
		.destination = advert_group(ADDR_FAMILY_IPV6),
	};
	struct packet packet = {
		.source = fields.source,
		.destination = fields.destination,
		.hops = ADVERT_HOPS,
		.data = bytes,
		.size = ADVERT_SIZE_MAX,
	};
	struct advert advert;

	for (unsigned i = 0; i < 255; i++) {
		addresses[i] = ip("2001:db8::");
		addresses[i].bytes[15] = (uint8_t)i;
	}
	ck_assert_uint_eq(advert_encode(&fields, bytes, sizeof(bytes)), ADVERT_SIZE_MAX);
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OK);
	ck_assert_uint_eq(advert_address(&advert, 254).bytes[15], 254);
	packet.size++;
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OVERSIZED);
}
END_TEST

static void round_trip(enum addr_family family, enum advert_checksum checksum, unsigned count)
{
	struct addr addresses[20];
	struct advert_fields fields = {
		.vrid = (uint8_t)(count + 200),
		.priority = (uint8_t)count,
		.interval_cs = (uint16_t)(count * 200),
		.checksum = checksum,
		.address_count = (uint8_t)count,
		.addresses = addresses,
		.source = ip(family == ADDR_FAMILY_IPV4 ? "10.0.0.1" : "fe80::1"),
		.destination = advert_group(family),
	};
	struct packet packet = {
		.source = fields.source, .destination = fields.destination, .hops = ADVERT_HOPS};
	uint8_t bytes[ADVERT_HEADER_SIZE + 20 * 16];
	struct advert advert;

	for (unsigned i = 0; i < count; i++) {
		addresses[i] = ip(family == ADDR_FAMILY_IPV4 ? "10.9.8.0" : "2001:db8::");
		addresses[i].bytes[addr_size(family) - 1] = (uint8_t)(i + 1);
	}
	packet.data = bytes;
	packet.size = advert_encode(&fields, bytes, sizeof(bytes));
	ck_assert_uint_eq(packet.size, ADVERT_HEADER_SIZE + count * addr_size(family));
	ck_assert_int_eq(decode(&packet, &advert), ADVERT_OK);
	ck_assert_int_eq(advert.checksum, checksum);
	ck_assert_uint_eq(advert.vrid, fields.vrid);
	ck_assert_uint_eq(advert.priority, fields.priority);
	ck_assert_uint_eq(advert.interval_cs, fields.interval_cs);
	ck_assert_uint_eq(advert.address_count, count);
	for (unsigned i = 0; i < count; i++) {
		struct addr decoded = advert_address(&advert, i);

		ck_assert(addr_equal(&decoded, &addresses[i]));
	}
}

START_TEST(one_to_twenty_addresses_round_trip)
{
	unsigned count = (unsigned)_i;

	round_trip(ADDR_FAMILY_IPV4, ADVERT_CHECKSUM_RFC9568, count);
	round_trip(ADDR_FAMILY_IPV4, ADVERT_CHECKSUM_RFC5798, count);
	round_trip(ADDR_FAMILY_IPV6, ADVERT_CHECKSUM_RFC9568, count);
}
END_TEST

START_TEST(peek_reads_the_vrid_and_checks_nothing)
{
	static const uint8_t data[] = {0xff, 7};
	struct packet packet = {.data = data, .size = 2};

	ck_assert_uint_eq(advert_peek_vrid(&packet), 7);
	packet.size = 1;
	ck_assert_uint_eq(advert_peek_vrid(&packet), 0);
	packet = (struct packet){0};
	ck_assert_uint_eq(advert_peek_vrid(&packet), 0);
}
END_TEST

START_TEST(refusal_names)
{
	static const char *const names[] = {
		"ok",
		"oversized",
		"hops",
		"truncated",
		"version",
		"type",
		"addresses_none",
		"length",
		"checksum",
		"interval_zero",
		"unknown_vrid",
		"source_own",
		"source_not_peer",
		"addresses_foreign",
	};

	ck_assert_uint_eq(COUNT(names), ADVERT_REFUSAL_COUNT);
	for (unsigned i = 0; i < COUNT(names); i++)
		ck_assert_str_eq(advert_refusal_name((enum advert_refusal)i), names[i]);
}
END_TEST

START_TEST(groups)
{
	struct addr ipv4 = ip("224.0.0.18");
	struct addr ipv6 = ip("ff02::12");
	struct addr group = advert_group(ADDR_FAMILY_IPV4);

	ck_assert(addr_equal(&group, &ipv4));
	group = advert_group(ADDR_FAMILY_IPV6);
	ck_assert(addr_equal(&group, &ipv6));
}
END_TEST

Suite *suite_advert(void)
{
	Suite *suite = suite_create("advert");
	TCase *tcase = tcase_create("advert");
	int all = (int)COUNT(vectors);

	tcase_add_loop_test(tcase, decodes_every_field, 0, all);
	tcase_add_loop_test(tcase, encodes_every_field, 0, all);
	tcase_add_test(tcase, ipv6_ignores_the_choice_of_checksum);
	tcase_add_test(tcase, reserved_field_is_sent_as_zero);
	tcase_add_loop_test(tcase, refuses_with_the_first_reason, 0, (int)COUNT(refusals));
	tcase_add_loop_test(tcase, any_other_hops_are_refused, 0, all);
	tcase_add_test(tcase, reserved_field_is_ignored);
	tcase_add_test(tcase, address_list_is_of_the_family_of_the_packet);
	tcase_add_test(tcase, ipv6_checksum_needs_the_pseudo_header);
	tcase_add_test(tcase, if_both_forms_verify_it_is_rfc9568);
	tcase_add_loop_test(tcase, every_flipped_bit_of_the_message_is_refused, 0, all);
	tcase_add_loop_test(tcase, every_flipped_bit_of_a_covered_address_is_refused, 0, all);
	tcase_add_test(tcase, the_largest_advert_and_one_byte_more);
	tcase_add_loop_test(tcase, one_to_twenty_addresses_round_trip, 1, 21);
	tcase_add_test(tcase, peek_reads_the_vrid_and_checks_nothing);
	tcase_add_test(tcase, refusal_names);
	tcase_add_test(tcase, groups);
	suite_add_tcase(suite, tcase);
	return suite;
}
