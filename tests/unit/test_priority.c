/* SPDX-License-Identifier: Apache-2.0 */
/* The number line of the VRRP Priority field: rule BANDS. */
#include "core/priority.h"
#include "unit.h"

/* Each end of each band, other implementations' values included. */
START_TEST(band_of_every_number)
{
	static const struct {
		unsigned first, last;
		enum priority_band band;
	} rows[] = {
		{0, 1, PRIORITY_BAND_LEAVING},
		{2, 86, PRIORITY_BAND_DOWN},
		{87, 170, PRIORITY_BAND_ANSWERING},
		{171, 255, PRIORITY_BAND_READY},
	};
	unsigned next = 0;

	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_uint_eq(rows[i].first, next);
		for (; next <= rows[i].last; next++)
			ck_assert_msg(priority_band((uint8_t)next) == rows[i].band, "%u", next);
	}
	ck_assert_uint_eq(next, 256);
}
END_TEST

START_TEST(bands_rise_in_rank)
{
	ck_assert_int_lt(PRIORITY_BAND_LEAVING, PRIORITY_BAND_DOWN);
	ck_assert_int_lt(PRIORITY_BAND_DOWN, PRIORITY_BAND_ANSWERING);
	ck_assert_int_lt(PRIORITY_BAND_ANSWERING, PRIORITY_BAND_READY);
	ck_assert_uint_eq(PRIORITY_BAND_COUNT, 4);
}
END_TEST

/* A node's place is the same in each band, so a higher band outranks a lower one whatever the
 * configuration says, and within a band the configuration decides. */
START_TEST(every_higher_band_outranks_every_lower_one)
{
	for (unsigned ready = 171; ready <= 254; ready++) {
		uint8_t place = (uint8_t)ready;

		ck_assert_uint_eq(priority_in_band(place, PRIORITY_BAND_READY), ready);
		ck_assert_uint_eq(priority_in_band(place, PRIORITY_BAND_ANSWERING), ready - 84);
		ck_assert_uint_eq(priority_in_band(place, PRIORITY_BAND_DOWN), ready - 168);
		for (unsigned band = PRIORITY_BAND_DOWN; band < PRIORITY_BAND_COUNT; band++)
			ck_assert_uint_eq(
				priority_band(priority_in_band(place, (enum priority_band)band)),
				band);
	}
	ck_assert_uint_lt(priority_in_band(254, PRIORITY_BAND_ANSWERING),
			  priority_in_band(171, PRIORITY_BAND_READY));
	ck_assert_uint_lt(priority_in_band(254, PRIORITY_BAND_DOWN),
			  priority_in_band(171, PRIORITY_BAND_ANSWERING));
	ck_assert_uint_gt(priority_in_band(171, PRIORITY_BAND_DOWN), PRIORITY_LEAVING);
}
END_TEST

/* TENURE: the band stays, and no place is as low as that of a newer Active. */
START_TEST(priority_of_an_active)
{
	for (unsigned priority = 3; priority <= 254; priority++) {
		uint8_t own = (uint8_t)priority;
		enum priority_band band = priority_band(own);
		uint8_t new = priority_of_active(own, PRIORITY_TENURE_NONE);
		uint8_t newish = priority_of_active(own, PRIORITY_TENURE_SHORT);
		uint8_t old = priority_of_active(own, PRIORITY_TENURE_LONG);

		ck_assert_int_eq(priority_band(new), band);
		ck_assert_int_eq(priority_band(old), band);
		ck_assert_uint_lt(new, newish);
		ck_assert_uint_lt(newish, old);
		ck_assert_uint_ge(old, own);
		ck_assert_uint_le(old - own, 2);
	}
	ck_assert_uint_eq(priority_of_active(200, PRIORITY_TENURE_NONE), 171);
	ck_assert_uint_eq(priority_of_active(116, PRIORITY_TENURE_NONE), 87);
	ck_assert_uint_eq(priority_of_active(32, PRIORITY_TENURE_NONE), 3);
}
END_TEST

START_TEST(auto_priority)
{
	static const struct {
		const char *address;
		uint8_t priority;
	} rows[] = {
		/* n = 1, 2, 3: 61, 38 and 15 = 61 n mod 84. */
		{"192.168.0.1", 232},
		{"192.168.0.2", 209},
		{"192.168.0.3", 186},
		{"10.1.0.0", 171},
		{"10.1.0.84", 171},
		/* n = 10 * 256 + 1: 61 * 2561 = 156221 = 1859 * 84 + 65. */
		{"10.10.10.1", 236},
		{"172.16.10.1", 236},
		/* n = 65535: 61 * 65535 = 3997635 = 47590 * 84 + 75. */
		{"10.0.255.255", 246},
		{"2001:db8::1", 232},
		{"fe80::5eff:fe10:a01", 236},
		{"fe80::5eff:fe10:ffff", 246},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr addr;

		ck_assert(addr_parse(rows[i].address, &addr));
		ck_assert_msg(priority_auto(&addr) == rows[i].priority, "%s: %u", rows[i].address,
			      priority_auto(&addr));
	}
}
END_TEST

/* 61 and 84 have no common factor. */
START_TEST(neighbouring_addresses_have_different_priorities)
{
	unsigned seen[256] = {0};

	for (unsigned n = 0; n < PRIORITY_BAND_SIZE; n++) {
		const uint8_t bytes[4] = {10, 0, 0, (uint8_t)(100 + n)};
		struct addr addr = addr_from_bytes(ADDR_FAMILY_IPV4, bytes);
		uint8_t priority = priority_auto(&addr);

		ck_assert_uint_ge(priority, PRIORITY_READY_MIN);
		ck_assert_uint_le(priority, PRIORITY_READY_MAX);
		ck_assert_uint_eq(seen[priority]++, 0);
	}
}
END_TEST

START_TEST(band_names)
{
	static const char *const names[] = {"leaving", "down", "answering", "ready"};

	ck_assert_uint_eq(COUNT(names), PRIORITY_BAND_COUNT);
	for (unsigned i = 0; i < COUNT(names); i++)
		ck_assert_str_eq(priority_band_name((enum priority_band)i), names[i]);
}
END_TEST

Suite *suite_priority(void)
{
	Suite *suite = suite_create("priority");
	TCase *tcase = tcase_create("priority");

	tcase_add_test(tcase, band_of_every_number);
	tcase_add_test(tcase, bands_rise_in_rank);
	tcase_add_test(tcase, every_higher_band_outranks_every_lower_one);
	tcase_add_test(tcase, priority_of_an_active);
	tcase_add_test(tcase, auto_priority);
	tcase_add_test(tcase, neighbouring_addresses_have_different_priorities);
	tcase_add_test(tcase, band_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
