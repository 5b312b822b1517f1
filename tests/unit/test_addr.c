/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/addr.h"
#include "lib/ip.h"
#include "unit.h"

START_TEST(parses_and_formats)
{
	static const struct {
		const char *text;
		enum addr_family family;
		uint8_t bytes[16];
		const char *canonical;
	} rows[] = {
		{"10.10.10.10", ADDR_FAMILY_IPV4, {10, 10, 10, 10}, "10.10.10.10"},
		{"0.0.0.0", ADDR_FAMILY_IPV4, {0}, "0.0.0.0"},
		{"255.255.255.255", ADDR_FAMILY_IPV4, {255, 255, 255, 255}, "255.255.255.255"},
		{"::", ADDR_FAMILY_IPV6, {0}, "::"},
		{"::1", ADDR_FAMILY_IPV6, {[15] = 1}, "::1"},
		{"FE80::200:5EFF:FE00:020A",
		 ADDR_FAMILY_IPV6,
		 {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0x5e, 0xff, 0xfe, 0, 2, 0xa},
		 "fe80::200:5eff:fe00:20a"},
		/* RFC 5952 4.2.2: one zero field is not shortened; 4.2.3: the first of two runs. */
		{"2001:db8::1:1:1:1:1",
		 ADDR_FAMILY_IPV6,
		 {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
		 "2001:db8:0:1:1:1:1:1"},
		{"2001:db8:0:0:1:0:0:1",
		 ADDR_FAMILY_IPV6,
		 {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1},
		 "2001:db8::1:0:0:1"},
		{"::ffff:192.0.2.1",
		 ADDR_FAMILY_IPV6,
		 {[10] = 0xff, 0xff, 192, 0, 2, 1},
		 "::ffff:192.0.2.1"},
	};
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr addr;

		memset(&addr, 0xa5, sizeof(addr));
		ck_assert_msg(addr_parse(rows[i].text, &addr), "%s", rows[i].text);
		ck_assert_msg(addr.family == rows[i].family, "%s", rows[i].text);
		ck_assert_mem_eq(addr.bytes, rows[i].bytes, sizeof(addr.bytes));
		ck_assert_str_eq(addr_format(&addr, text), rows[i].canonical);
	}
}
END_TEST

START_TEST(refuses_what_is_no_address)
{
	static const char *const rows[] = {
		"",
		" ",
		"10.10.10",
		"10.10.10.10.10",
		"10.10.10.256",
		"010.1.1.1",
		"10.1.1.1 ",
		" 10.1.1.1",
		"10.1.1.1/32",
		"0x0a.1.1.1",
		"1",
		"-1.1.1.1",
		":",
		":::",
		"1::2::3",
		"fe80::1%lo",
		"[::1]",
		"::1/128",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"::12345",
		"::g",
		"localhost",
		"::1.2.3.256",
	};
	struct addr addr, before;

	memset(&addr, 0xa5, sizeof(addr));
	memcpy(&before, &addr, sizeof(addr));
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_msg(!addr_parse(rows[i], &addr), "'%s' parses", rows[i]);
		ck_assert_mem_eq(&addr, &before, sizeof(addr));
	}
}
END_TEST

START_TEST(families)
{
	ck_assert_str_eq(addr_family_name(ADDR_FAMILY_IPV4), "ipv4");
	ck_assert_str_eq(addr_family_name(ADDR_FAMILY_IPV6), "ipv6");
	ck_assert_int_eq(addr_family_other(ADDR_FAMILY_IPV4), ADDR_FAMILY_IPV6);
	ck_assert_int_eq(addr_family_other(ADDR_FAMILY_IPV6), ADDR_FAMILY_IPV4);
	ck_assert_uint_eq(addr_size(ADDR_FAMILY_IPV4), 4);
	ck_assert_uint_eq(addr_size(ADDR_FAMILY_IPV6), 16);
	ck_assert_uint_eq(addr_bits(ADDR_FAMILY_IPV4), 32);
	ck_assert_uint_eq(addr_bits(ADDR_FAMILY_IPV6), 128);
}
END_TEST

START_TEST(from_bytes_takes_no_more_than_the_family_has)
{
	static const uint8_t bytes[16] = {192, 0, 2, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	static const uint8_t first[16] = {192, 0, 2, 1};
	struct addr ipv4 = addr_from_bytes(ADDR_FAMILY_IPV4, bytes);
	struct addr ipv6 = addr_from_bytes(ADDR_FAMILY_IPV6, bytes);

	ck_assert_int_eq(ipv4.family, ADDR_FAMILY_IPV4);
	ck_assert_mem_eq(ipv4.bytes, first, 16);
	ck_assert_int_eq(ipv6.family, ADDR_FAMILY_IPV6);
	ck_assert_mem_eq(ipv6.bytes, bytes, 16);
}
END_TEST

START_TEST(compares_in_network_order)
{
	static const char *const ascending[] = {
		"0.0.0.0",	 "9.255.255.255", "10.0.0.1",	    "10.0.0.2", "10.0.1.0",
		"192.168.255.1", "224.0.0.18",	  "255.0.0.1",	    "::",	"::1",
		"2001:db8::1",	 "2001:db8::2",	  "2001:db8:0:1::", "fe80::1",	"ff02::12",
	};

	for (size_t i = 0; i < COUNT(ascending); i++) {
		struct addr a = ip(ascending[i]);

		for (size_t j = 0; j < COUNT(ascending); j++) {
			struct addr b = ip(ascending[j]);
			int order = addr_compare(&a, &b);

			ck_assert_msg((order > 0) == (i > j) && (order < 0) == (i < j), "%s, %s",
				      ascending[i], ascending[j]);
			ck_assert(addr_equal(&a, &b) == (i == j));
		}
	}
}
END_TEST

enum property {
	UNSPECIFIED = 1,
	LINK_LOCAL = 2,
	LOOPBACK = 4,
	MULTICAST = 8,
};

START_TEST(kinds_of_address)
{
	static const struct {
		const char *text;
		unsigned properties;
	} rows[] = {
		{"0.0.0.0", UNSPECIFIED},
		{"0.0.0.1", 0},
		{"10.10.10.10", 0},
		{"126.255.255.255", 0},
		{"127.0.0.1", LOOPBACK},
		{"127.255.255.255", LOOPBACK},
		{"128.0.0.1", 0},
		{"169.253.255.255", 0},
		{"169.254.0.0", LINK_LOCAL},
		{"169.254.255.255", LINK_LOCAL},
		{"169.255.0.0", 0},
		{"168.254.0.0", 0},
		{"223.255.255.255", 0},
		{"224.0.0.0", MULTICAST},
		{"239.255.255.255", MULTICAST},
		{"240.0.0.0", 0},
		{"255.255.255.254", 0},
		{"255.255.255.255", MULTICAST},
		{"::", UNSPECIFIED},
		{"::1", LOOPBACK},
		{"::2", 0},
		{"1::", 0},
		{"2001:db8::1", 0},
		{"fe7f:ffff::1", 0},
		{"fe80::", LINK_LOCAL},
		{"febf:ffff::1", LINK_LOCAL},
		{"fec0::", 0},
		{"ff80::", MULTICAST},
		{"ff02::12", MULTICAST},
		{"feff::", 0},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr addr = ip(rows[i].text);
		unsigned properties = (addr_is_unspecified(&addr) ? UNSPECIFIED : 0) |
				      (addr_is_link_local(&addr) ? LINK_LOCAL : 0) |
				      (addr_is_loopback(&addr) ? LOOPBACK : 0) |
				      (addr_is_multicast(&addr) ? MULTICAST : 0);

		ck_assert_msg(properties == rows[i].properties, "%s: %x", rows[i].text, properties);
	}
}
END_TEST

START_TEST(prefixes)
{
	static const struct {
		const char *addr;
		const char *network;
		unsigned length;
		bool inside;
	} rows[] = {
		{"10.10.10.10", "10.10.10.0", 24, true},
		{"10.10.10.10", "10.10.10.77", 24, true},
		{"10.10.11.10", "10.10.10.0", 24, false},
		{"10.10.11.10", "10.10.10.0", 23, true},
		{"10.10.12.10", "10.10.10.0", 23, false},
		{"1.2.3.4", "255.255.255.255", 0, true},
		{"127.0.0.1", "0.0.0.0", 1, true},
		{"128.0.0.1", "0.0.0.0", 1, false},
		{"10.0.0.1", "10.0.0.0", 31, true},
		{"10.0.0.2", "10.0.0.0", 31, false},
		{"10.0.0.1", "10.0.0.1", 32, true},
		{"10.0.0.1", "10.0.0.0", 32, false},
		{"10.0.0.1", "10.0.0.1", 33, false},
		{"2001:db8::1", "2001:db8::", 64, true},
		{"2001:db8:0:1::1", "2001:db8::", 64, false},
		{"2001:db8:0:1::1", "2001:db8::", 63, true},
		{"2001:db8::1", "2001:db8::1", 128, true},
		{"2001:db8::1", "2001:db8::", 128, false},
		{"2001:db8::1", "2001:db8::1", 129, false},
		{"::1", "ff::", 0, true},
		{"::", "0.0.0.0", 0, false},
		{"0.0.0.0", "::", 0, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr addr = ip(rows[i].addr);
		struct addr network = ip(rows[i].network);

		ck_assert_msg(addr_in_prefix(&addr, &network, rows[i].length) == rows[i].inside,
			      "%s in %s/%u", rows[i].addr, rows[i].network, rows[i].length);
	}
}
END_TEST

START_TEST(lists)
{
	const struct addr list[] = {ip("10.0.0.1"), ip("::1"), ip("10.0.0.3")};
	struct addr first = ip("10.0.0.1");
	struct addr last = ip("10.0.0.3");
	struct addr other = ip("10.0.0.2");

	ck_assert(addr_in_list(&first, list, 3));
	ck_assert(addr_in_list(&last, list, 3));
	ck_assert(!addr_in_list(&last, list, 2));
	ck_assert(!addr_in_list(&other, list, 3));
	ck_assert(!addr_in_list(&first, NULL, 0));
}
END_TEST

Suite *suite_addr(void)
{
	Suite *suite = suite_create("addr");
	TCase *tcase = tcase_create("addr");

	tcase_add_test(tcase, parses_and_formats);
	tcase_add_test(tcase, refuses_what_is_no_address);
	tcase_add_test(tcase, families);
	tcase_add_test(tcase, from_bytes_takes_no_more_than_the_family_has);
	tcase_add_test(tcase, compares_in_network_order);
	tcase_add_test(tcase, kinds_of_address);
	tcase_add_test(tcase, prefixes);
	tcase_add_test(tcase, lists);
	suite_add_tcase(suite, tcase);
	return suite;
}
