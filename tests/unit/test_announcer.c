/* SPDX-License-Identifier: Apache-2.0 */
/* When an Active announces: rule ANNOUNCE. */
#include "core/announcer.h"
#include "unit.h"

#define T0 (10 * SECOND_US)
#define REFRESH (30 * SECOND_US)

static const int64_t schedule_us[] = {0, 100 * MILLISECOND_US, 500 * MILLISECOND_US, 2 * SECOND_US,
				      5 * SECOND_US};

static struct announcer announcer;

static struct instant at(int64_t us)
{
	return (struct instant){us};
}

/* The next announcement is due at us and not before, and is taken then. */
static void expect(int64_t us, int64_t refresh_us)
{
	ck_assert_int_eq(announcer.next.us, us);
	ck_assert(!announcer_take(&announcer, at(us - 1), refresh_us));
	ck_assert_int_eq(announcer.next.us, us);
	ck_assert(announcer_take(&announcer, at(us), refresh_us));
	ck_assert(!announcer_take(&announcer, at(us), refresh_us));
}

static void expect_schedule(int64_t from_us, int64_t refresh_us)
{
	for (size_t i = 0; i < COUNT(schedule_us); i++)
		expect(from_us + schedule_us[i], refresh_us);
}

START_TEST(five_announcements_then_a_refresh_every_so_often)
{
	announcer_start(&announcer, at(T0));
	expect_schedule(T0, REFRESH);
	for (int64_t i = 1; i <= 3; i++)
		expect(T0 + 5 * SECOND_US + i * REFRESH, REFRESH);
}
END_TEST

START_TEST(without_refresh_it_ends_after_five)
{
	announcer_start(&announcer, at(T0));
	expect_schedule(T0, 0);
	ck_assert(instant_is_never(announcer.next));
	ck_assert(!announcer_take(&announcer, at(T0 + 1000 * SECOND_US), 0));
}
END_TEST

/* A late announcement does not shorten the gap behind it. */
START_TEST(gap_counts_from_the_announcement_before)
{
	announcer_start(&announcer, at(T0));
	expect(T0, REFRESH);
	ck_assert(announcer_take(&announcer, at(T0 + SECOND_US), REFRESH));
	ck_assert_int_eq(announcer.next.us, T0 + SECOND_US + 400 * MILLISECOND_US);
}
END_TEST

START_TEST(stopped_announcer_is_silent)
{
	announcer_start(&announcer, at(T0));
	announcer_stop(&announcer);
	ck_assert(instant_is_never(announcer.next));
	ck_assert(!announcer_take(&announcer, at(T0 + 1000 * SECOND_US), REFRESH));
}
END_TEST

/* From every position the whole schedule begins again, but no sooner than ANNOUNCER_SPACING_US
 * after the last announcement. */
START_TEST(provoked_announcer_begins_again)
{
	int64_t us = T0;

	announcer_start(&announcer, at(us));
	for (int i = 0; i < _i; i++) {
		us = announcer.next.us;
		ck_assert(announcer_take(&announcer, at(us), REFRESH));
	}
	us += 20 * MILLISECOND_US;
	announcer_provoke(&announcer, at(us));
	expect_schedule(us, REFRESH);
	expect(us + 5 * SECOND_US + REFRESH, REFRESH);
}
END_TEST

START_TEST(announcements_keep_their_distance)
{
	static const struct {
		int64_t provoked_us, due_us; /* after the last announcement */
	} rows[] = {
		{0, 10000}, {1, 10000}, {9999, 10000}, {10000, 10000}, {10001, 10001},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		announcer_start(&announcer, at(T0));
		expect(T0, REFRESH);
		announcer_provoke(&announcer, at(T0 + rows[i].provoked_us));
		expect_schedule(T0 + rows[i].due_us, REFRESH);
	}
}
END_TEST

/* Another announce_refresh is for what comes after the five. */
START_TEST(other_refresh_leaves_the_schedule_alone)
{
	announcer_start(&announcer, at(T0));
	for (size_t i = 0; i < COUNT(schedule_us); i++) {
		announcer_reconfigure(&announcer, at(T0), SECOND_US);
		expect(T0 + schedule_us[i], SECOND_US);
	}
	ck_assert_int_eq(announcer.next.us, T0 + 6 * SECOND_US);
}
END_TEST

START_TEST(other_refresh_counts_from_now)
{
	static const struct {
		int64_t refresh_us, next_us;
	} rows[] = {
		{40 * SECOND_US, T0 + 35 * SECOND_US}, /* it was due sooner */
		{30 * SECOND_US, T0 + 35 * SECOND_US},
		{7 * SECOND_US, T0 + 13 * SECOND_US},
		{0, INT64_MAX},
		{7 * SECOND_US, T0 + 13 * SECOND_US}, /* there was none */
	};

	announcer_start(&announcer, at(T0));
	expect_schedule(T0, REFRESH);
	for (size_t i = 0; i < COUNT(rows); i++) {
		announcer_reconfigure(&announcer, at(T0 + 6 * SECOND_US), rows[i].refresh_us);
		ck_assert_int_eq(announcer.next.us, rows[i].next_us);
	}
}
END_TEST

Suite *suite_announcer(void)
{
	Suite *suite = suite_create("announcer");
	TCase *tcase = tcase_create("announcer");

	tcase_add_test(tcase, five_announcements_then_a_refresh_every_so_often);
	tcase_add_test(tcase, without_refresh_it_ends_after_five);
	tcase_add_test(tcase, gap_counts_from_the_announcement_before);
	tcase_add_test(tcase, stopped_announcer_is_silent);
	tcase_add_loop_test(tcase, provoked_announcer_begins_again, 1, 8);
	tcase_add_test(tcase, announcements_keep_their_distance);
	tcase_add_test(tcase, other_refresh_leaves_the_schedule_alone);
	tcase_add_test(tcase, other_refresh_counts_from_now);
	suite_add_tcase(suite, tcase);
	return suite;
}
