/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire.h"
#include "unit.h"

START_TEST(reads_in_network_order)
{
	static const uint8_t data[] = {1, 0x82, 0x83, 4, 5};
	struct wire_reader r = {.at = data, .left = sizeof(data)};

	ck_assert_uint_eq(wire_read_u8(&r), 1);
	ck_assert_uint_eq(wire_read_u16(&r), 0x8283);
	ck_assert_ptr_eq(wire_read_bytes(&r, 2), data + 3);
	ck_assert_uint_eq(r.left, 0);
	ck_assert(!r.failed);
}
END_TEST

START_TEST(read_past_the_end_fails_for_good)
{
	static const uint8_t data[] = {1, 2, 3};
	struct wire_reader r = {.at = data, .left = 1};

	ck_assert_uint_eq(wire_read_u16(&r), 0);
	ck_assert(r.failed);
	ck_assert_uint_eq(wire_read_u8(&r), 0);
	ck_assert_ptr_null(wire_read_bytes(&r, 0));

	r = (struct wire_reader){.at = data, .left = 2};
	ck_assert_ptr_null(wire_read_bytes(&r, 3));
	ck_assert(r.failed);

	r = (struct wire_reader){.at = data, .left = 0};
	ck_assert_uint_eq(wire_read_u8(&r), 0);
	ck_assert(r.failed);
}
END_TEST

START_TEST(writes_in_network_order)
{
	static const uint8_t expected[] = {1, 0x82, 0x83, 4, 5, 0xa5};
	uint8_t data[] = {0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5};
	struct wire_writer w = {.at = data, .left = 5};

	wire_write_u8(&w, 1);
	wire_write_u16(&w, 0x8283);
	wire_write_bytes(&w, expected + 3, 2);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.left, 0);
	ck_assert_mem_eq(data, expected, sizeof(expected));
}
END_TEST

START_TEST(write_past_the_end_changes_nothing_for_good)
{
	static const uint8_t untouched[] = {0xa5, 0xa5, 0xa5};
	uint8_t data[] = {0xa5, 0xa5, 0xa5};
	struct wire_writer w = {.at = data, .left = 1};

	wire_write_u16(&w, 0x0102);
	ck_assert(w.failed);
	wire_write_u8(&w, 1);
	ck_assert(w.failed);

	w = (struct wire_writer){.at = data, .left = 2};
	wire_write_bytes(&w, "abc", 3);
	ck_assert(w.failed);

	w = (struct wire_writer){.at = data, .left = 0};
	wire_write_u8(&w, 1);
	ck_assert(w.failed);
	ck_assert_mem_eq(data, untouched, sizeof(data));
}
END_TEST

Suite *suite_wire(void)
{
	Suite *suite = suite_create("wire");
	TCase *tcase = tcase_create("wire");

	tcase_add_test(tcase, reads_in_network_order);
	tcase_add_test(tcase, read_past_the_end_fails_for_good);
	tcase_add_test(tcase, writes_in_network_order);
	tcase_add_test(tcase, write_past_the_end_changes_nothing_for_good);
	suite_add_tcase(suite, tcase);
	return suite;
}
