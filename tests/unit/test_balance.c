/* SPDX-License-Identifier: Apache-2.0 */
/* Who takes part in BALANCE, over time. */
#include "core/balance.h"
#include "unit.h"

#define FAMILY ADDR_FAMILY_IPV4

static struct balance balance;
static struct balance_view view;

static struct instant at_ms(int64_t ms)
{
	return (struct instant){SECOND_US + ms * MILLISECOND_US};
}

static struct balance_member member(uint8_t number)
{
	const uint8_t bytes[4] = {10, 0, 0, number};

	return (struct balance_member){
		.addresses[FAMILY] = addr_from_bytes(FAMILY, bytes),
		.addresses[ADDR_FAMILY_IPV6].family = ADDR_FAMILY_IPV6,
		.mac = {2, 0, 0, 0, 0, number},
		.band = PRIORITY_BAND_READY,
	};
}

/* What is heard at the time: members 2 and up, as many as there are bands; '-' is not heard, 'l'
 * has left. The router itself is member 1, and ready. */
static void hear(int64_t ms, const char *bands)
{
	struct balance_member heard[SLOTS_MEMBERS_MAX + 1];
	struct balance_member own = member(1);
	size_t count = 0;

	for (uint8_t i = 0; bands[i]; i++) {
		if (bands[i] == '-')
			continue;
		heard[count] = member((uint8_t)(i + 2));
		heard[count].left = bands[i] == 'l';
		heard[count++].band = bands[i] == 'r'	? PRIORITY_BAND_READY
				      : bands[i] == 'a' ? PRIORITY_BAND_ANSWERING
							: PRIORITY_BAND_DOWN;
	}
	heard[count] = member(2); /* behind the list */
	balance_take(&balance, at_ms(ms), FAMILY, heard, count);
	balance_view(&balance, at_ms(ms), FAMILY, &own, &view);
}

static void check(size_t number, bool live, bool lingers, enum priority_band band)
{
	ck_assert_uint_lt(number, view.group.member_count);
	ck_assert_int_eq(view.group.members[number].live, live);
	ck_assert_int_eq(view.lingers[number], lingers);
	ck_assert_int_eq(view.group.members[number].band, band);
}

static void begin(void)
{
	balance = (struct balance){0};
	hear(0, "rr");
	hear(5000, "rr");
}

START_TEST(router_itself_is_the_first)
{
	const struct balance_member own = member(1);

	hear(0, "");
	ck_assert_uint_eq(view.group.member_count, 1);
	check(0, true, false, PRIORITY_BAND_READY);
	ck_assert(addr_equal(&view.group.members[0].address, &own.addresses[FAMILY]));
	ck_assert_mem_eq(view.members[0].mac, own.mac, sizeof(own.mac));
	ck_assert(instant_is_never(balance_deadline(&balance, at_ms(0))));
}
END_TEST

START_TEST(others_are_as_they_are_heard)
{
	const struct balance_member second = member(3);

	begin();
	hear(6000, "ad");
	ck_assert_uint_eq(view.group.member_count, 3);
	check(1, true, false, PRIORITY_BAND_ANSWERING);
	check(2, true, false, PRIORITY_BAND_DOWN);
	ck_assert_mem_eq(view.members[2].mac, second.mac, sizeof(second.mac));
	ck_assert(addr_equal(&view.group.members[2].address, &second.addresses[FAMILY]));
}
END_TEST

/* A silent member lingers before it leaves the walk, and has no new connections from the start. */
START_TEST(silent_member)
{
	begin();
	hear(6000, "r-");
	check(2, true, true, PRIORITY_BAND_LEAVING);
	ck_assert_int_eq(balance_deadline(&balance, at_ms(6000)).us, at_ms(6500).us);
	hear(6499, "r-");
	check(2, true, true, PRIORITY_BAND_LEAVING);
	hear(6500, "r-");
	check(2, false, true, PRIORITY_BAND_LEAVING);
	ck_assert_int_eq(balance_deadline(&balance, at_ms(6500)).us, at_ms(21000).us);
	hear(20999, "r-");
	check(2, false, true, PRIORITY_BAND_LEAVING);
	check(1, true, false, PRIORITY_BAND_READY);
	hear(21000, "r-");
	ck_assert_uint_eq(view.group.member_count, 2);
	ck_assert(instant_is_never(balance_deadline(&balance, at_ms(21000))));
	hear(22000, "rr");
	ck_assert_uint_eq(view.group.member_count, 3);
	check(2, true, true, PRIORITY_BAND_READY);
}
END_TEST

/* A member that is back walks at once, and lingers until all nodes know. */
START_TEST(member_is_back)
{
	begin();
	hear(6000, "-r");
	hear(8000, "-r");
	check(1, false, true, PRIORITY_BAND_LEAVING);
	hear(9000, "dr");
	check(1, true, true, PRIORITY_BAND_DOWN);
	ck_assert_int_eq(balance_deadline(&balance, at_ms(9000)).us, at_ms(11000).us);
	hear(10999, "rr");
	check(1, true, true, PRIORITY_BAND_READY);
	hear(11000, "rr");
	check(1, true, false, PRIORITY_BAND_READY);
}
END_TEST

/* A daemon that has ended in order may be upgraded: its member lingers for longer. */
START_TEST(member_has_left)
{
	begin();
	hear(6000, "rl");
	check(2, true, true, PRIORITY_BAND_LEAVING);
	hear(6500, "r-");
	check(2, false, true, PRIORITY_BAND_LEAVING);
	hear(65999, "r-");
	check(2, false, true, PRIORITY_BAND_LEAVING);
	hear(66000, "r-");
	ck_assert_uint_eq(view.group.member_count, 2);
	/* This daemon has just started, or has missed what the member said before. */
	hear(67000, "r-l");
	check(2, true, true, PRIORITY_BAND_LEAVING);
	hear(67500, "r-");
	check(2, false, true, PRIORITY_BAND_LEAVING);
}
END_TEST

/* All of a group of sixteen fit; a seventeenth does not. */
START_TEST(largest_group)
{
	balance = (struct balance){0};
	hear(0, "rrrrrrrrrrrrrrrr");
	ck_assert_uint_eq(view.group.member_count, SLOTS_MEMBERS_MAX);
	for (size_t i = 1; i < SLOTS_MEMBERS_MAX; i++)
		check(i, true, true, PRIORITY_BAND_READY);
	hear(1000, "-rrrrrrrrrrrrrrr");
	hear(16000, "-rrrrrrrrrrrrrrr");
	ck_assert_uint_eq(view.group.member_count, SLOTS_MEMBERS_MAX);
}
END_TEST

Suite *suite_balance(void)
{
	Suite *suite = suite_create("balance");
	TCase *tcase = tcase_create("balance");

	tcase_add_test(tcase, router_itself_is_the_first);
	tcase_add_test(tcase, others_are_as_they_are_heard);
	tcase_add_test(tcase, silent_member);
	tcase_add_test(tcase, member_is_back);
	tcase_add_test(tcase, member_has_left);
	tcase_add_test(tcase, largest_group);
	suite_add_tcase(suite, tcase);
	return suite;
}
