/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/checksum.h"
#include "unit.h"

/* RFC 1071 3: the sum of these is 2ddf0, folded ddf2. */
static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

START_TEST(rfc1071_example)
{
	ck_assert_uint_eq(checksum_finish(checksum_add(0, rfc1071, sizeof(rfc1071))), 0x220d);
}
END_TEST

START_TEST(data_with_its_checksum_gives_zero)
{
	uint8_t data[sizeof(rfc1071) + 2];

	memcpy(data, rfc1071, sizeof(rfc1071));
	memcpy(data + sizeof(rfc1071), "\x22\x0d", 2);
	ck_assert_uint_eq(checksum_finish(checksum_add(0, data, sizeof(data))), 0);
	data[0] ^= 0x80;
	ck_assert_uint_ne(checksum_finish(checksum_add(0, data, sizeof(data))), 0);
}
END_TEST

START_TEST(pieces_add_up)
{
	for (size_t first = 0; first <= sizeof(rfc1071); first += 2) {
		uint32_t sum = checksum_add(0, rfc1071, first);

		sum = checksum_add(sum, rfc1071 + first, sizeof(rfc1071) - first);
		ck_assert_uint_eq(checksum_finish(sum), 0x220d);
	}
}
END_TEST

START_TEST(odd_size_is_padded_with_zero)
{
	/* 0102 + 0304 + 0506 + 0700 = 100c */
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 0xff};

	ck_assert_uint_eq(checksum_finish(checksum_add(0, data, 7)), 0xeff3);
}
END_TEST

START_TEST(extremes)
{
	static uint8_t ones[65535];

	ck_assert_uint_eq(checksum_finish(checksum_add(0, NULL, 0)), 0xffff);
	ck_assert_uint_eq(checksum_finish(checksum_add(0, ones, sizeof(ones))), 0xffff);
	/* Every word is minus zero, and so is their sum. */
	memset(ones, 0xff, sizeof(ones));
	ck_assert_uint_eq(checksum_finish(checksum_add(0, ones, 65534)), 0);
	/* ffff + ff00 */
	ck_assert_uint_eq(checksum_finish(checksum_add(0, ones, 65535)), 0x00ff);
}
END_TEST

START_TEST(pseudo_headers)
{
	struct addr source, destination;

	/* c000 + 0201 + e000 + 0012 + 0070 + 000c = 1a28f, folded a290 */
	addr_parse("192.0.2.1", &source);
	addr_parse("224.0.0.18", &destination);
	ck_assert_uint_eq(checksum_finish(checksum_add_pseudo(0, &source, &destination, 112, 12)),
			  0x5d6f);
	/* ... + 0404 for 12 = 1a687, folded a688 */
	ck_assert_uint_eq(
		checksum_finish(checksum_add_pseudo(0, &source, &destination, 112, 0x0404)),
		0x5977);

	/* fe80 + 0001 + ff02 + 0012 + 0070 + 0018 = 1fe1d, folded fe1e */
	addr_parse("fe80::1", &source);
	addr_parse("ff02::12", &destination);
	ck_assert_uint_eq(checksum_finish(checksum_add_pseudo(0, &source, &destination, 112, 24)),
			  0x01e1);
	/* The sum of the example goes on: fe1e + ddf2 = 1dc10, folded dc11 */
	ck_assert_uint_eq(
		checksum_finish(checksum_add_pseudo(checksum_add(0, rfc1071, sizeof(rfc1071)),
						    &source, &destination, 112, 24)),
		0x23ee);
}
END_TEST

Suite *suite_checksum(void)
{
	Suite *suite = suite_create("checksum");
	TCase *tcase = tcase_create("checksum");

	tcase_add_test(tcase, rfc1071_example);
	tcase_add_test(tcase, data_with_its_checksum_gives_zero);
	tcase_add_test(tcase, pieces_add_up);
	tcase_add_test(tcase, odd_size_is_padded_with_zero);
	tcase_add_test(tcase, extremes);
	tcase_add_test(tcase, pseudo_headers);
	suite_add_tcase(suite, tcase);
	return suite;
}
