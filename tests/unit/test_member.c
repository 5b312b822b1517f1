/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the members of a group: rule GROUP. */
#include "core/member.h"

#include <string.h>

#include "unit.h"

#define T0 (10 * SECOND_US)

static struct member_table table;

static struct instant at(int64_t us)
{
	return (struct instant){us};
}

static struct addr node(unsigned n)
{
	struct addr addr = {.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 0}};

	addr.bytes[3] = (uint8_t)n;
	return addr;
}

static struct group_status status(uint8_t priority)
{
	return (struct group_status){.vrid = 10,
				     .priority = priority,
				     .state = VRRP_STATE_BACKUP,
				     .interval_cs = MEMBER_INTERVAL_CS};
}

static bool take(unsigned n, int64_t us)
{
	struct group_status said = status(200);
	struct addr source = node(n);

	return member_take(&table, at(us), &source, &said);
}

static const struct member *find(unsigned n)
{
	struct addr address = node(n);

	return member_find(&table, &address);
}

static void setup(void)
{
	table = (struct member_table){0};
}

START_TEST(last_status_is_kept)
{
	struct group_status said = status(171);
	struct addr source = node(2), other = node(3);

	said.state = VRRP_STATE_ACTIVE;
	said.port = 6443;
	said.heard[said.heard_count++] = node(1);
	ck_assert(take(2, T0));
	ck_assert(take(3, T0));
	ck_assert(member_take(&table, at(T0 + SECOND_US), &source, &said));
	ck_assert_uint_eq(table.count, 2);
	ck_assert_uint_eq(find(2)->status.priority, 171);
	ck_assert_int_eq(find(2)->status.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(2)->status.port, 6443);
	ck_assert_int_eq(find(2)->heard_at.us, T0 + SECOND_US);
	ck_assert_int_eq(find(3)->heard_at.us, T0);
	source = node(1);
	ck_assert(member_hears(find(2), &source));
	ck_assert(!member_hears(find(3), &source));
	ck_assert(!member_hears(find(2), &other));
	ck_assert_ptr_null(find(1));
}
END_TEST

START_TEST(alive_for_three_intervals)
{
	ck_assert(take(2, T0));
	ck_assert(member_is_alive(find(2), at(T0)));
	ck_assert(member_is_alive(find(2), at(T0 + 3 * SECOND_US - 1)));
	ck_assert(!member_is_alive(find(2), at(T0 + 3 * SECOND_US)));
	ck_assert_int_eq(member_silence_at(&table, at(T0)).us, T0 + 3 * SECOND_US);
	ck_assert(instant_is_never(member_silence_at(&table, at(T0 + 3 * SECOND_US))));
}
END_TEST

/* BOUNDS: the interval that the member says, up to four times ours. */
static const struct {
	uint16_t interval_cs;
	int64_t alive_us;
} intervals[] = {
	{1, 30 * MILLISECOND_US}, {50, 1500 * MILLISECOND_US}, {200, 6 * SECOND_US},
	{400, 12 * SECOND_US},	  {401, 12 * SECOND_US},       {4095, 12 * SECOND_US},
};

START_TEST(interval_is_followed_within_bounds)
{
	struct group_status said = status(200);
	struct addr source = node(2);
	int64_t end_us = T0 + intervals[_i].alive_us;

	said.interval_cs = intervals[_i].interval_cs;
	ck_assert(member_take(&table, at(T0), &source, &said));
	ck_assert(member_is_alive(find(2), at(end_us - 1)));
	ck_assert(!member_is_alive(find(2), at(end_us)));
}
END_TEST

START_TEST(since_counts_from_the_end_of_a_gap)
{
	ck_assert(take(2, T0));
	ck_assert(take(2, T0 + 3 * SECOND_US - 1));
	ck_assert_int_eq(find(2)->since.us, T0);
	ck_assert(take(2, T0 + 6 * SECOND_US - 1));
	ck_assert_int_eq(find(2)->since.us, T0 + 6 * SECOND_US - 1);
}
END_TEST

START_TEST(band_is_that_of_the_priority)
{
	static const struct {
		uint8_t priority;
		enum priority_band band;
	} rows[] = {{254, PRIORITY_BAND_READY},
		    {170, PRIORITY_BAND_ANSWERING},
		    {86, PRIORITY_BAND_DOWN},
		    {1, PRIORITY_BAND_LEAVING}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct group_status said = status(rows[i].priority);
		struct addr source = node(2);

		ck_assert(member_take(&table, at(T0), &source, &said));
		ck_assert_int_eq(member_band(find(2)), rows[i].band);
	}
}
END_TEST

/* 16 with this router: the 17th is not kept while the others are alive. */
START_TEST(seventeenth_is_not_kept)
{
	static struct member_table before;

	for (unsigned n = 2; n < 2 + MEMBER_OTHERS_MAX; n++)
		ck_assert(take(n, T0 + n));
	memcpy(&before, &table, sizeof(table));
	ck_assert(!take(100, T0 + SECOND_US));
	ck_assert_mem_eq(&table, &before, sizeof(table));
	/* Those that are kept go on. */
	ck_assert(take(2, T0 + SECOND_US));
	ck_assert(take(16, T0 + SECOND_US));
}
END_TEST

/* Nothing lies behind the last place. */
START_TEST(stranger_to_a_full_table)
{
	struct addr stranger = node(100), list[MEMBER_OTHERS_MAX];

	for (unsigned n = 2; n < 2 + MEMBER_OTHERS_MAX; n++)
		ck_assert(take(n, T0));
	member_take_advert(&table, &stranger);
	member_miss(&table, &stranger);
	member_forget(&table, at(T0));
	ck_assert_ptr_null(find(100));
	ck_assert_uint_eq(member_list_heard(&table, at(T0), list), MEMBER_OTHERS_MAX);
}
END_TEST

START_TEST(longest_silent_member_makes_room)
{
	for (unsigned n = 2; n < 2 + MEMBER_OTHERS_MAX; n++)
		ck_assert(take(n, n == 5 ? T0 - 1 : n == 9 ? T0 - 2 : T0));
	ck_assert(!take(100, T0 - 2 + 3 * SECOND_US - 1));
	ck_assert(take(100, T0 - 1 + 3 * SECOND_US));
	ck_assert_ptr_null(find(9));
	ck_assert_ptr_nonnull(find(5));
	ck_assert_int_eq(find(100)->since.us, T0 - 1 + 3 * SECOND_US);
	ck_assert(take(101, T0 - 1 + 3 * SECOND_US));
	ck_assert_ptr_null(find(5));
	ck_assert(!take(102, T0 - 1 + 3 * SECOND_US));
	ck_assert_uint_eq(table.count, MEMBER_OTHERS_MAX);
}
END_TEST

/* Another member's place gives the new one nothing of the old one's. */
START_TEST(new_member_starts_afresh)
{
	for (unsigned n = 2; n < 2 + MEMBER_OTHERS_MAX; n++)
		ck_assert(take(n, T0));
	member_miss(&table, &(struct addr){.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 0, 2}});
	ck_assert(take(100, T0 + 3 * SECOND_US));
	ck_assert_ptr_null(find(2));
	ck_assert(member_is_heard(find(100), at(T0 + 3 * SECOND_US)));
}
END_TEST

START_TEST(silent_for_a_day_is_forgotten)
{
	ck_assert(take(2, T0));
	ck_assert(take(3, T0 + 1));
	ck_assert(take(4, T0));
	member_forget(&table, at(T0 + MEMBER_FORGET_US - 1));
	ck_assert_uint_eq(table.count, 3);
	member_forget(&table, at(T0 + MEMBER_FORGET_US));
	ck_assert_uint_eq(table.count, 1);
	ck_assert_ptr_nonnull(find(3));
}
END_TEST

/* An Active whose adverts do not come is not heard, though its STATUS is young. */
START_TEST(missed_until_its_next_packet)
{
	struct addr active = node(2), stranger = node(9);

	ck_assert(take(2, T0));
	ck_assert(take(3, T0));
	ck_assert(member_is_heard(find(2), at(T0)));
	member_miss(&table, &active);
	member_miss(&table, &stranger);
	ck_assert(!member_is_heard(find(2), at(T0)));
	ck_assert(member_is_alive(find(2), at(T0)));
	ck_assert(member_is_heard(find(3), at(T0)));
	member_take_advert(&table, &stranger);
	ck_assert(!member_is_heard(find(2), at(T0)));
	member_take_advert(&table, &active);
	ck_assert(member_is_heard(find(2), at(T0)));
	member_miss(&table, &active);
	ck_assert(take(2, T0 + 1));
	ck_assert(member_is_heard(find(2), at(T0 + 1)));
	ck_assert_uint_eq(table.count, 2);
}
END_TEST

/* DEAF */
START_TEST(whether_a_member_hears_this_router)
{
	const struct addr own = node(1), source = node(2), stranger = node(9);
	struct group_status said = status(200);
	const int64_t grace_us = 750 * MILLISECOND_US;

	ck_assert_int_eq(member_hearing(&table, at(T0), &stranger, &own, grace_us),
			 VRRP_HEARING_UNKNOWN);
	ck_assert(take(2, T0));
	ck_assert_int_eq(member_hearing(&table, at(T0 + grace_us - 1), &source, &own, grace_us),
			 VRRP_HEARING_UNKNOWN);
	ck_assert_int_eq(member_hearing(&table, at(T0 + grace_us), &source, &own, grace_us),
			 VRRP_HEARING_NO);
	ck_assert_int_eq(member_hearing(&table, at(T0 + 3 * SECOND_US), &source, &own, grace_us),
			 VRRP_HEARING_UNKNOWN);
	said.heard[0] = own;
	said.heard_count = 1;
	ck_assert(member_take(&table, at(T0), &source, &said));
	ck_assert_int_eq(member_hearing(&table, at(T0), &source, &own, grace_us), VRRP_HEARING_YES);
	/* A full list may lack us. */
	for (unsigned n = 0; n < GROUP_STATUS_HEARD_MAX; n++)
		said.heard[n] = node(100 + n);
	said.heard_count = GROUP_STATUS_HEARD_MAX;
	ck_assert(member_take(&table, at(T0), &source, &said));
	ck_assert_int_eq(member_hearing(&table, at(T0 + grace_us), &source, &own, grace_us),
			 VRRP_HEARING_UNKNOWN);
}
END_TEST

START_TEST(list_of_those_heard)
{
	struct addr missed = node(3), list[MEMBER_OTHERS_MAX];
	struct addr expected[] = {node(4), node(5)};

	ck_assert(take(2, T0));
	ck_assert(take(3, T0 + SECOND_US));
	ck_assert(take(4, T0 + SECOND_US));
	ck_assert(take(5, T0 + SECOND_US));
	member_miss(&table, &missed);
	ck_assert_uint_eq(member_list_heard(&table, at(T0), list), 3);
	ck_assert_uint_eq(member_list_heard(&table, at(T0 + 3 * SECOND_US), list), 2);
	ck_assert(addr_lists_equal(list, 2, expected, 2));
}
END_TEST

Suite *suite_member(void)
{
	Suite *suite = suite_create("member");
	TCase *tcase = tcase_create("member");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, last_status_is_kept);
	tcase_add_test(tcase, alive_for_three_intervals);
	tcase_add_loop_test(tcase, interval_is_followed_within_bounds, 0,
			    (int)(sizeof(intervals) / sizeof(intervals[0])));
	tcase_add_test(tcase, since_counts_from_the_end_of_a_gap);
	tcase_add_test(tcase, band_is_that_of_the_priority);
	tcase_add_test(tcase, seventeenth_is_not_kept);
	tcase_add_test(tcase, stranger_to_a_full_table);
	tcase_add_test(tcase, longest_silent_member_makes_room);
	tcase_add_test(tcase, new_member_starts_afresh);
	tcase_add_test(tcase, silent_for_a_day_is_forgotten);
	tcase_add_test(tcase, missed_until_its_next_packet);
	tcase_add_test(tcase, whether_a_member_hears_this_router);
	tcase_add_test(tcase, list_of_those_heard);
	suite_add_tcase(suite, tcase);
	return suite;
}
