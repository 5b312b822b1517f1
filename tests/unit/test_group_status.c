/* SPDX-License-Identifier: Apache-2.0 */
/* The STATUS message: bytes to values and back, and its refusals (rules GROUP and REJECT). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/group_status.h"
#include "lib/hex.h"
#include "unit.h"

#define SOURCE4 "198.51.100.10"
#define GROUP4 "224.0.0.18"
#define SOURCE6 "fe80::1"
#define GROUP6 "ff02::12"
#define OTHER6 "20010db8000000000000000000000010"
#define HEARD4 "c633640b c633640c"
#define HEARD6 "fe800000000000000000000000000002"

/* Messages whose checksums were computed apart from the code under test. */
static const struct vector {
	const char *source;
	const char *destination;
	const char *message;
	enum advert_checksum form;
	struct group_status status; /* without addresses */
	const char *other;
	const char *heard[2];
} vectors[] = {
	{SOURCE4,
	 GROUP4,
	 "3f00c802 0064 5415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 ADVERT_CHECKSUM_RFC9568,
	 {.vrid = 51,
	  .priority = 200,
	  .state = VRRP_STATE_ACTIVE,
	  .balance = true,
	  .leaving = true,
	  .interval_cs = 100,
	  .port = 6443,
	  .mac = {0x02, 0x00, 0xc0, 0xa8, 0x01, 0x01},
	  .digest = 0x1234,
	  .heard_count = 2},
	 "2001:db8::10",
	 {"198.51.100.11", "198.51.100.12"}},
	{SOURCE4,
	 GROUP4,
	 "3f00c802 0064 4928 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 ADVERT_CHECKSUM_RFC5798,
	 {.vrid = 51,
	  .priority = 200,
	  .state = VRRP_STATE_ACTIVE,
	  .balance = true,
	  .leaving = true,
	  .interval_cs = 100,
	  .port = 6443,
	  .mac = {0x02, 0x00, 0xc0, 0xa8, 0x01, 0x01},
	  .digest = 0x1234,
	  .heard_count = 2},
	 "2001:db8::10",
	 {"198.51.100.11", "198.51.100.12"}},
	{SOURCE4,
	 GROUP4,
	 "3f000100 0001 befd 01010000 000000000000 0000 00000000000000000000000000000000",
	 ADVERT_CHECKSUM_RFC9568,
	 {.vrid = 1, .priority = 1, .state = VRRP_STATE_BACKUP, .interval_cs = 1},
	 "::",
	 {NULL}},
	{SOURCE6,
	 GROUP6,
	 "3f005701 0fff 33f2 ff10ffff ffffffffffff ffff 00000000000000000000ffffc633640a " HEARD6,
	 ADVERT_CHECKSUM_RFC9568,
	 {.vrid = 255,
	  .priority = 87,
	  .state = VRRP_STATE_INITIALIZE,
	  .balance = true,
	  .interval_cs = 4095,
	  .port = 65535,
	  .mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	  .digest = 0xffff,
	  .heard_count = 1},
	 "198.51.100.10",
	 {"fe80::2"}},
};

static struct group_status status_of(const struct vector *vector)
{
	struct group_status status = vector->status;

	status.other = ip(vector->other);
	if (strcmp(vector->source, SOURCE6) == 0)
		ck_assert_int_eq(status.other.family, ADDR_FAMILY_IPV4);
	for (unsigned i = 0; i < status.heard_count; i++)
		status.heard[i] = ip(vector->heard[i]);
	return status;
}

/* Decodes and checks that a refused message leaves the result alone. */
static enum group_status_refusal decode(const struct packet *packet, struct group_status *ret)
{
	struct group_status before;
	enum group_status_refusal refusal;

	memset(ret, 0xa5, sizeof(*ret));
	memcpy(&before, ret, sizeof(before));
	refusal = group_status_decode(packet, ret);
	if (refusal != GROUP_STATUS_OK)
		ck_assert_mem_eq(ret, &before, sizeof(before));
	return refusal;
}

static void expect_equal(const struct group_status *status, const struct group_status *expected)
{
	ck_assert_uint_eq(status->vrid, expected->vrid);
	ck_assert_uint_eq(status->priority, expected->priority);
	ck_assert_int_eq(status->state, expected->state);
	ck_assert_int_eq(status->balance, expected->balance);
	ck_assert_int_eq(status->leaving, expected->leaving);
	ck_assert_uint_eq(status->interval_cs, expected->interval_cs);
	ck_assert_uint_eq(status->port, expected->port);
	ck_assert_mem_eq(status->mac, expected->mac, sizeof(status->mac));
	ck_assert_uint_eq(status->digest, expected->digest);
	ck_assert(addr_equal(&status->other, &expected->other));
	ck_assert(addr_lists_equal(status->heard, status->heard_count, expected->heard,
				   expected->heard_count));
}

START_TEST(decodes_every_field)
{
	const struct vector *vector = &vectors[_i];
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet =
		hex_packet(vector->source, vector->destination, vector->message, bytes);
	struct group_status status, expected = status_of(vector);

	ck_assert_str_eq(group_status_refusal_name(decode(&packet, &status)), "ok");
	expect_equal(&status, &expected);
	ck_assert(group_status_is(&packet));
	ck_assert_uint_eq(group_status_peek_vrid(&packet), expected.vrid);
}
END_TEST

START_TEST(encodes_every_field)
{
	const struct vector *vector = &vectors[_i];
	struct group_status status = status_of(vector);
	struct addr source = ip(vector->source), destination = ip(vector->destination);
	uint8_t expected[MESSAGE_MAX], bytes[MESSAGE_MAX];
	size_t size = from_hex(vector->message, expected);

	memset(bytes, 0xa5, sizeof(bytes));
	ck_assert_uint_eq(group_status_encode(&status, vector->form, &source, &destination, bytes,
					      sizeof(bytes)),
			  size);
	ck_assert_mem_eq(bytes, expected, size);
	for (size_t room = 0; room < size; room++)
		ck_assert_uint_eq(group_status_encode(&status, vector->form, &source, &destination,
						      bytes, room),
				  0);
}
END_TEST

/* "none" has a family when it is read: the one that the packet does not have. */
START_TEST(without_an_address_of_the_other_family)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = hex_packet(SOURCE6, GROUP6,
					  "3f005701 0fff 5e30 ff10ffff ffffffffffff ffff "
					  "00000000000000000000000000000000 " HEARD6,
					  bytes);
	struct group_status status;

	ck_assert_int_eq(decode(&packet, &status), GROUP_STATUS_OK);
	ck_assert(addr_is_unspecified(&status.other));
	ck_assert_int_eq(status.other.family, ADDR_FAMILY_IPV4);
	ck_assert_uint_eq(group_status_encode(&status, ADVERT_CHECKSUM_RFC9568, &packet.source,
					      &packet.destination, (uint8_t[MESSAGE_MAX]){0},
					      MESSAGE_MAX),
			  packet.size);
}
END_TEST

/* One row per reason, then one per pair of neighbouring checks, as in test_advert.c. */
static const struct {
	const char *what;
	const char *message;
	unsigned hops;
	bool oversized;
	enum group_status_refusal expected;
} refusals[] = {
	{"the receiver's buffer was too small",
	 "3f00c802 0064 5415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, true,
	 GROUP_STATUS_OVERSIZED},
	{"one router on the way", "3f00c802 0064 5415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 254, false, GROUP_STATUS_HOPS_WRONG},
	{"hops of more than a byte", "3f00c802 0064 5415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 511, false, GROUP_STATUS_HOPS_WRONG},
	{"empty", "", 255, false, GROUP_STATUS_TRUNCATED},
	{"a header alone", "3f000100 0001 c0fe", 255, false, GROUP_STATUS_TRUNCATED},
	{"one byte less than the fixed fields",
	 "3f000100 0001 befd 01010000 000000000000 0000 000000000000000000000000000000", 255, false,
	 GROUP_STATUS_TRUNCATED},
	{"version 2", "2f00c802 0064 6415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_VERSION_WRONG},
	{"version 4", "4f00c802 0064 4415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_VERSION_WRONG},
	{"type 1", "3100c802 0064 6215 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_TYPE_WRONG},
	{"type 14", "3e00c802 0064 5515 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_TYPE_WRONG},
	{"its own VRID in the header",
	 "3f33c802 0064 53e2 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_HEADER_VRID},
	{"count 2, one address", "3f00c802 0064 7e55 3332192b 0200c0a80101 1234 " OTHER6 "c633640b",
	 255, false, GROUP_STATUS_LENGTH_WRONG},
	{"half an address", "3f00c802 0064 b821 3332192b 0200c0a80101 1234 " OTHER6 "c633640b c633",
	 255, false, GROUP_STATUS_LENGTH_WRONG},
	{"checksum one off", "3f00c802 0064 5416 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255,
	 false, GROUP_STATUS_CHECKSUM_WRONG},
	{"checksum zero", "3f00c802 0064 0000 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255,
	 false, GROUP_STATUS_CHECKSUM_WRONG},
	{"interval 0", "3f00c802 0000 5479 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_INTERVAL_ZERO},
	{"interval 0, reserved bits set",
	 "3f00c802 f000 6478 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_INTERVAL_ZERO},
	{"VRID 0 in the body", "3f00c802 0064 8715 0032192b 0200c0a80101 1234 " OTHER6 HEARD4, 255,
	 false, GROUP_STATUS_VRID_ZERO},
	{"state 3", "3f00c802 0064 5414 3333192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_STATE_WRONG},
	{"state 15", "3f00c802 0064 5408 333f192b 0200c0a80101 1234 " OTHER6 HEARD4, 255, false,
	 GROUP_STATUS_STATE_WRONG},
	{"a group as the other address",
	 "3f00c802 0064 82da 3332192b 0200c0a80101 1234 ff020000000000000000000000000001 " HEARD4,
	 255, false, GROUP_STATUS_ADDRESS_WRONG},
	{"the loopback address as the other one",
	 "3f00c802 0064 81dd 3332192b 0200c0a80101 1234 00000000000000000000000000000001 " HEARD4,
	 255, false, GROUP_STATUS_ADDRESS_WRONG},
	{"an IPv4 address beside IPv4",
	 "3f00c802 0064 77dd 3332192b 0200c0a80101 1234 00000000000000000000ffff0a000001 " HEARD4,
	 255, false, GROUP_STATUS_ADDRESS_WRONG},

	{"oversized before hops", "3f00c802 0064 5415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 254, true, GROUP_STATUS_OVERSIZED},
	{"hops before truncated", "3f00", 254, false, GROUP_STATUS_HOPS_WRONG},
	{"truncated before version", "2f00", 255, false, GROUP_STATUS_TRUNCATED},
	{"version before type", "2100c802 0064 7215 3332192b 0200c0a80101 1234 " OTHER6 HEARD4, 255,
	 false, GROUP_STATUS_VERSION_WRONG},
	{"type before header VRID", "3133c802 0064 61e2 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 255, false, GROUP_STATUS_TYPE_WRONG},
	{"header VRID before length", "3f33c802 0064 a861 3332192b 0200c0a80101 1234 " OTHER6, 255,
	 false, GROUP_STATUS_HEADER_VRID},
	{"length before checksum", "3f00c802 0064 a893 3332192b 0200c0a80101 1234 " OTHER6, 255,
	 false, GROUP_STATUS_LENGTH_WRONG},
	{"checksum before interval", "3f00c802 0000 547a 3332192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 255, false, GROUP_STATUS_CHECKSUM_WRONG},
	{"interval before VRID", "3f00c802 0000 8779 0032192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 255, false, GROUP_STATUS_INTERVAL_ZERO},
	{"VRID before state", "3f00c802 0064 8714 0033192b 0200c0a80101 1234 " OTHER6 HEARD4, 255,
	 false, GROUP_STATUS_VRID_ZERO},
	{"state before address",
	 "3f00c802 0064 82d9 3333192b 0200c0a80101 1234 ff020000000000000000000000000001 " HEARD4,
	 255, false, GROUP_STATUS_STATE_WRONG},
};

START_TEST(refuses_with_the_first_reason)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = hex_packet(SOURCE4, GROUP4, refusals[_i].message, bytes);
	struct group_status status;
	enum group_status_refusal refusal;

	packet.hops = refusals[_i].hops;
	packet.oversized = refusals[_i].oversized;
	refusal = decode(&packet, &status);
	ck_assert_msg(refusal == refusals[_i].expected, "%s: %s", refusals[_i].what,
		      group_status_refusal_name(refusal));
}
END_TEST

/* Of IPv6 packets: the other address is an IPv4 one, in the form of RFC 4291 2.5.5.2. */
static const struct {
	const char *checksum_and_other;
	const char *what;
} other4_refusals[] = {
	{"7e1d ff10ffff ffffffffffff ffff 00000000000000000000ffffe0000012 ", "a group"},
	{"df2e ff10ffff ffffffffffff ffff 00000000000000000000ffff7f000001 ", "loopback"},
	{"5e30 ff10ffff ffffffffffff ffff 00000000000000000000ffffffffffff ", "broadcast"},
	{"3076 ff10ffff ffffffffffff ffff 20010db8000000000000000000000001 ", "IPv6"},
	{"542f ff10ffff ffffffffffff ffff 0000000000000000000000000a000001 ", "not mapped"},
};

START_TEST(refuses_another_address_beside_ipv6)
{
	char message[2 * MESSAGE_MAX];
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet;
	struct group_status status;

	snprintf(message, sizeof(message), "3f005701 0fff %s" HEARD6,
		 other4_refusals[_i].checksum_and_other);
	packet = hex_packet(SOURCE6, GROUP6, message, bytes);
	ck_assert_msg(decode(&packet, &status) == GROUP_STATUS_ADDRESS_WRONG, "%s",
		      other4_refusals[_i].what);
}
END_TEST

/* GROUP, room to grow: flags that have no meaning yet, and what follows the list. */
static const struct {
	const char *what;
	const char *message;
	bool balance;
} newer[] = {
	{"28 bytes behind the list",
	 "3f00c802 0064 5415 3332192b 0200c0a80101 1234 " OTHER6 HEARD4
	 "0000000000000000000000000000 0000000000000000000000000000",
	 true},
	{"one byte behind the list",
	 "3f00c802 0064 5315 3332192b 0200c0a80101 1234 " OTHER6 HEARD4 "01", true},
	{"flags of a later version", "3f00c802 0064 5385 33c2192b 0200c0a80101 1234 " OTHER6 HEARD4,
	 false},
};

START_TEST(accepts_what_a_later_version_adds)
{
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet = hex_packet(SOURCE4, GROUP4, newer[_i].message, bytes);
	struct group_status status, expected = status_of(&vectors[0]);

	expected.balance = newer[_i].balance;
	expected.leaving = newer[_i].balance;
	ck_assert_msg(decode(&packet, &status) == GROUP_STATUS_OK, "%s", newer[_i].what);
	expect_equal(&status, &expected);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	const struct vector *vector = &vectors[_i];
	uint8_t bytes[MESSAGE_MAX];
	struct packet packet =
		hex_packet(vector->source, vector->destination, vector->message, bytes);
	struct group_status status;

	for (size_t bit = 0; bit < packet.size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(decode(&packet, &status) != GROUP_STATUS_OK, "bit %zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(decode(&packet, &status), GROUP_STATUS_OK);
}
END_TEST

/* As many as the count can say; a larger packet than any advert is refused. */
START_TEST(the_longest_list_and_the_largest_packet)
{
	static uint8_t bytes[ADVERT_SIZE_MAX + 1];
	struct group_status status = status_of(&vectors[3]), again;
	struct packet packet = {.source = ip(SOURCE6),
				.destination = ip(GROUP6),
				.hops = ADVERT_HOPS,
				.data = bytes};

	status.heard_count = GROUP_STATUS_HEARD_MAX;
	for (unsigned i = 0; i < GROUP_STATUS_HEARD_MAX; i++) {
		status.heard[i] = ip("fe80::1:0");
		status.heard[i].bytes[15] = (uint8_t)i;
	}
	packet.size = group_status_encode(&status, ADVERT_CHECKSUM_RFC9568, &packet.source,
					  &packet.destination, bytes, sizeof(bytes));
	ck_assert_uint_eq(packet.size, GROUP_STATUS_SIZE_MAX);
	ck_assert_int_eq(decode(&packet, &again), GROUP_STATUS_OK);
	expect_equal(&again, &status);
	/* One address more is read over. It undoes what the count and the length add. */
	bytes[3]++;
	bytes[packet.size + 14] = 0xff;
	bytes[packet.size + 15] = 0xee;
	packet.size += 16;
	ck_assert_int_eq(decode(&packet, &again), GROUP_STATUS_OK);
	expect_equal(&again, &status);
	packet.size = ADVERT_SIZE_MAX;
	ck_assert_int_eq(decode(&packet, &again), GROUP_STATUS_CHECKSUM_WRONG);
	packet.size = ADVERT_SIZE_MAX + 1;
	ck_assert_int_eq(decode(&packet, &again), GROUP_STATUS_OVERSIZED);
}
END_TEST

START_TEST(status_is_told_from_an_advert)
{
	uint8_t data[9] = {0x3f, 0, [8] = 7};
	struct packet packet = {.data = data, .size = 9};

	ck_assert(group_status_is(&packet));
	ck_assert_uint_eq(group_status_peek_vrid(&packet), 7);
	data[0] = 0x2f; /* the version is for group_status_decode() to refuse */
	ck_assert(group_status_is(&packet));
	data[0] = 0x31;
	ck_assert(!group_status_is(&packet));
	data[0] = 0x3f;
	data[1] = 7;
	ck_assert(!group_status_is(&packet));
	data[1] = 0;
	packet.size = 8;
	ck_assert_uint_eq(group_status_peek_vrid(&packet), 0);
	packet.size = 2;
	ck_assert(group_status_is(&packet));
	packet.size = 1;
	ck_assert(!group_status_is(&packet));
}
END_TEST

START_TEST(digests)
{
	struct addr address = ip("10.10.10.10"), other = ip("2001:db8::64");

	ck_assert_uint_eq(group_status_digest(&address), 40101);
	ck_assert_uint_eq(group_status_digest(&other), 47552);
	/* 0 would say that none is given; this address has 0 before that. */
	address = ip("10.0.45.195");
	ck_assert_uint_eq(group_status_digest(&address), 1);
	for (unsigned i = 0; i < 1 << 18; i++) {
		address.bytes[1] = (uint8_t)(i >> 16);
		address.bytes[2] = (uint8_t)(i >> 8);
		address.bytes[3] = (uint8_t)i;
		if (group_status_digest(&address) == 0)
			ck_abort_msg("the digest of number %u is 0", i);
	}
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
		"header_vrid",
		"length",
		"checksum",
		"interval_zero",
		"vrid_zero",
		"state",
		"address",
		"unknown_vrid",
		"source_own",
		"source_not_peer",
		"digest_foreign",
		"surplus",
	};

	ck_assert_uint_eq(COUNT(names), GROUP_STATUS_REFUSAL_COUNT);
	for (unsigned i = 0; i < COUNT(names); i++)
		ck_assert_str_eq(group_status_refusal_name((enum group_status_refusal)i), names[i]);
}
END_TEST

Suite *suite_group_status(void)
{
	Suite *suite = suite_create("group_status");
	TCase *tcase = tcase_create("group_status");
	int all = (int)COUNT(vectors);

	tcase_add_loop_test(tcase, decodes_every_field, 0, all);
	tcase_add_loop_test(tcase, encodes_every_field, 0, all);
	tcase_add_test(tcase, without_an_address_of_the_other_family);
	tcase_add_loop_test(tcase, refuses_with_the_first_reason, 0, (int)COUNT(refusals));
	tcase_add_loop_test(tcase, refuses_another_address_beside_ipv6, 0,
			    (int)COUNT(other4_refusals));
	tcase_add_loop_test(tcase, accepts_what_a_later_version_adds, 0, (int)COUNT(newer));
	tcase_add_loop_test(tcase, every_flipped_bit_is_refused, 0, all);
	tcase_add_test(tcase, the_longest_list_and_the_largest_packet);
	tcase_add_test(tcase, status_is_told_from_an_advert);
	tcase_add_test(tcase, digests);
	tcase_add_test(tcase, refusal_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
