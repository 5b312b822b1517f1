/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vip_check.h"

#include <stdio.h>
#include <string.h>

#include "lib/ip.h"
#include "unit.h"

static struct interface_address own(const char *text, uint8_t prefix_length)
{
	return (struct interface_address){.address = ip(text), .prefix_length = prefix_length};
}

static const struct {
	const char *own; /* of eth0 */
	uint8_t prefix_length;
	const char *vip;
	const char *role; /* NULL: it fits */
} rows[] = {
	{"10.10.0.1", 24, "10.10.0.10", NULL},
	{"10.10.0.1", 24, "10.10.0.0", "the network address"},
	{"10.10.0.1", 24, "10.10.0.255", "the broadcast address"},
	{"10.10.0.1", 24, "10.10.1.255", NULL},
	{"10.10.0.1", 24, "10.10.1.0", NULL},
	{"10.10.0.1", 23, "10.10.0.255", NULL},
	{"10.10.0.1", 23, "10.10.1.0", NULL},
	{"10.10.0.1", 23, "10.10.1.255", "the broadcast address"},
	{"10.10.0.1", 25, "10.10.0.127", "the broadcast address"},
	{"10.10.0.129", 25, "10.10.0.128", "the network address"},
	{"10.0.0.1", 8, "10.0.0.0", "the network address"},
	{"10.0.0.1", 8, "10.255.255.255", "the broadcast address"},
	{"10.0.0.1", 30, "10.0.0.0", "the network address"},
	{"10.0.0.1", 30, "10.0.0.3", "the broadcast address"},
	/* RFC 3021: both addresses of a /31 are hosts. */
	{"10.0.0.1", 31, "10.0.0.0", NULL},
	{"10.0.0.1", 32, "10.0.0.0", NULL},
	{"10.0.0.1", 24, "10.0.0.1", NULL},
	{"10.0.0.1", 32, "10.0.0.1", NULL},
	{"2001:db8::1", 64, "2001:db8::", "the network address"},
	{"2001:db8::1", 64, "2001:db8::ffff:ffff:ffff:ffff", NULL},
	{"2001:db8::1", 64, "2001:db8::10", NULL},
	{"2001:db8::1", 64, "2001:db8::1", NULL},
	{"2001:db8::1", 127, "2001:db8::", NULL},
	{"10.10.0.1", 24, "2001:db8::", NULL},
};

START_TEST(row)
{
	struct interface interface = {.name = "eth0", .index = 2, .address_count = 1};
	struct addr vip = ip(rows[_i].vip);
	char text[VIP_CHECK_SIZE] = "", expected[VIP_CHECK_SIZE] = "";

	interface.addresses[0] = own(rows[_i].own, rows[_i].prefix_length);
	ck_assert_int_eq(vip_check(&interface, &vip, text), !rows[_i].role);
	if (rows[_i].role)
		snprintf(expected, sizeof(expected),
			 "%s cannot be a virtual address: it is %s of eth0, %s/%u", rows[_i].vip,
			 rows[_i].role, rows[_i].own, rows[_i].prefix_length);
	ck_assert_str_eq(text, expected);
}
END_TEST

/* Each address of the interface counts; a VIP that is installed has no prefix. */
START_TEST(all_own_addresses)
{
	struct interface interface = {.name = "eth0", .index = 2, .address_count = 2};
	struct addr vip = ip("10.10.0.255");
	char text[VIP_CHECK_SIZE];

	interface.addresses[0] = own("10.20.0.1", 24);
	interface.addresses[1] = own("10.10.0.1", 24);
	ck_assert(!vip_check(&interface, &vip, text));
	ck_assert_ptr_nonnull(strstr(text, "10.10.0.1/24"));

	interface.addresses[1] = own("10.10.0.255", 32);
	ck_assert(vip_check(&interface, &vip, text));
	interface.address_count = 0;
	ck_assert(vip_check(&interface, &vip, text));
}
END_TEST

Suite *suite_vip_check(void)
{
	Suite *suite = suite_create("vip_check");
	TCase *tcase = tcase_create("vip_check");

	tcase_add_loop_test(tcase, row, 0, COUNT(rows));
	tcase_add_test(tcase, all_own_addresses);
	suite_add_tcase(suite, tcase);
	return suite;
}
