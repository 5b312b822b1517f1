/* SPDX-License-Identifier: Apache-2.0 */
/* HOLDER: what follows when another host claims an address, alone and in the engine. */
#include "core/claims.h"

#include <string.h>

#include "unit.h"
#include "world.h"

static struct claims claims;
static struct claims_view view;

static struct neigh_claim claim_of(uint8_t host)
{
	return (struct neigh_claim){.address = ip("10.10.10.10"), .mac = {2, 0, 0, 0, 0, host}};
}

static void become(enum claims_role role, const char *active)
{
	view = (struct claims_view){.role = role, .active = {.family = ADDR_FAMILY_IPV4}};
	if (active)
		view.active = ip(active);
}

static void hear_claim(int64_t us, uint8_t host)
{
	struct neigh_claim claim = claim_of(host);

	claims_hear(&claims, at(us), &view, &claim);
}

static enum claims_answer take_at(int64_t us)
{
	return claims_take(&claims, at(us), &view);
}

static void setup(void)
{
	set_up();
	claims_init(&claims);
	become(CLAIMS_ACTIVE, NULL);
}

/* RFC 5227 2.4 c: defended, never given up; a successor's announcement is followed by its advert
 * before the defence. */
START_TEST(claim_is_answered_after_a_moment)
{
	ck_assert(instant_is_never(claims_deadline(&claims)));
	ck_assert_int_eq(take_at(T0), CLAIMS_NOTHING);
	hear_claim(T0, 9);
	ck_assert_int_eq(claims_deadline(&claims).us, T0 + CLAIMS_DEFENCE_US);
	ck_assert_int_eq(take_at(T0 + CLAIMS_DEFENCE_US - 1), CLAIMS_NOTHING);
	ck_assert_uint_eq(claims.count, 0);
	hear_claim(T0 + 5 * MILLISECOND_US, 8);
	ck_assert_int_eq(take_at(T0 + CLAIMS_DEFENCE_US), CLAIMS_DEFEND);
	ck_assert_uint_eq(claims.count, 2);
	ck_assert_uint_eq(claims.last.mac[5], 8);
	ck_assert_int_eq(claims.at.us, T0 + 5 * MILLISECOND_US);
	ck_assert(instant_is_never(claims_deadline(&claims)));
	ck_assert_int_eq(take_at(T0 + SECOND_US), CLAIMS_NOTHING);
	hear_claim(T0 + 2 * SECOND_US, 9);
	ck_assert_int_eq(take_at(T0 + 3 * SECOND_US), CLAIMS_DEFEND);
	ck_assert_uint_eq(claims.count, 3);
}
END_TEST

/* The answers to `count` claims in each second of ten, evenly spread. */
static unsigned answers_to(unsigned count)
{
	unsigned answers = 0;

	for (int64_t us = T0; us < T0 + 10 * SECOND_US; us += MILLISECOND_US) {
		if ((us - T0) % (SECOND_US / count) == 0)
			hear_claim(us, 9);
		answers += take_at(us) == CLAIMS_DEFEND;
	}
	return answers;
}

/* Two hosts that both defend would answer each other for ever. */
START_TEST(flood_is_answered_once_a_second)
{
	static const struct {
		unsigned count, least, most;
	} rows[] = {{1, 10, 10}, {10, 100, 100}, {20, 10, 30}, {200, 10, 30}};

	tear_down();
	setup();
	ck_assert_uint_ge(answers_to(rows[_i].count), rows[_i].least);
	tear_down();
	setup();
	ck_assert_uint_le(answers_to(rows[_i].count), rows[_i].most);
}
END_TEST

/* A flood is 20 claims in this second or in the one before; a second begins with the first claim
 * after the last one. The answer is a second after the last one then. */
START_TEST(seconds_of_a_flood)
{
	static const struct {
		unsigned count;	  /* of claims at T0 */
		int64_t taken_us; /* when they are answered, */
		int64_t us;	  /* another one comes, */
		int64_t due_us;	  /* and is to be answered, after T0 */
	} rows[] = {
		{19, 500 * MILLISECOND_US, SECOND_US - 1, 1500 * MILLISECOND_US},
		{18, 500 * MILLISECOND_US, SECOND_US - 1, 1010 * MILLISECOND_US - 1},
		{19, 500 * MILLISECOND_US, SECOND_US, 1010 * MILLISECOND_US},
		{20, 500 * MILLISECOND_US, SECOND_US, 1500 * MILLISECOND_US},
		{19, 1500 * MILLISECOND_US, 2 * SECOND_US - 1, 2010 * MILLISECOND_US - 1},
		{20, 1500 * MILLISECOND_US, 2 * SECOND_US - 1, 2500 * MILLISECOND_US},
		{20, 1500 * MILLISECOND_US, 2 * SECOND_US, 2010 * MILLISECOND_US},
	};

	for (unsigned i = 0; i < rows[_i].count; i++)
		hear_claim(T0, 9);
	ck_assert_int_eq(take_at(T0 + rows[_i].taken_us), CLAIMS_DEFEND);
	hear_claim(T0 + rows[_i].us, 9);
	ck_assert_int_eq(claims_deadline(&claims).us, T0 + rows[_i].due_us);
}
END_TEST

START_TEST(flood_that_has_ended_is_forgotten)
{
	answers_to(200);
	take_at(T0 + 12 * SECOND_US);
	hear_claim(T0 + 13 * SECOND_US, 9);
	ck_assert_int_eq(claims_deadline(&claims).us, T0 + 13 * SECOND_US + CLAIMS_DEFENCE_US);
}
END_TEST

/* Whoever leaves, or has lost the role meanwhile, says nothing. */
START_TEST(claim_of_a_successor_is_none)
{
	if (_i == 0)
		become(CLAIMS_DEAF, NULL);
	hear_claim(T0, 9);
	become(_i == 1 ? CLAIMS_BACKUP : CLAIMS_DEAF, "10.0.0.3");
	ck_assert_int_eq(take_at(T0 + SECOND_US), CLAIMS_NOTHING);
	ck_assert_uint_eq(claims.count, 0);
	ck_assert(instant_is_never(claims_deadline(&claims)));
}
END_TEST

START_TEST(deaf_router_takes_no_claim)
{
	become(CLAIMS_DEAF, NULL);
	hear_claim(T0, 9);
	ck_assert(instant_is_never(claims_deadline(&claims)));
	ck_assert_int_eq(take_at(T0 + 2 * SECOND_US), CLAIMS_NOTHING);
}
END_TEST

/* The Active's own announcements. */
START_TEST(backup_takes_the_first_for_the_active)
{
	become(CLAIMS_BACKUP, "10.0.0.3");
	for (unsigned i = 0; i < 3; i++)
		hear_claim(T0 + i * SECOND_US, 3);
	ck_assert(instant_is_never(claims_deadline(&claims)));
	ck_assert_int_eq(take_at(T0 + 9 * SECOND_US), CLAIMS_NOTHING);
	ck_assert_uint_eq(claims.count, 0);
}
END_TEST

START_TEST(backup_tells_of_a_second_holder)
{
	become(CLAIMS_BACKUP, "10.0.0.3");
	hear_claim(T0, 3);
	hear_claim(T0 + SECOND_US, 9);
	hear_claim(T0 + SECOND_US + 1, 3);
	ck_assert_int_eq(take_at(T0 + 2 * SECOND_US - 1), CLAIMS_NOTHING);
	ck_assert_int_eq(take_at(T0 + 2 * SECOND_US), CLAIMS_TELL);
	ck_assert_uint_eq(claims.count, 1);
	ck_assert_uint_eq(claims.last.mac[5], 9);
	ck_assert_uint_eq(claims.usual[5], 3);
}
END_TEST

/* The new Active announces before its first advert, when the Backup still follows the old one. */
START_TEST(backup_follows_another_active)
{
	become(CLAIMS_BACKUP, "10.0.0.3");
	hear_claim(T0, 3);
	hear_claim(T0 + SECOND_US, 4);
	become(CLAIMS_BACKUP, "10.0.0.4");
	ck_assert_int_eq(take_at(T0 + 2 * SECOND_US), CLAIMS_NOTHING);
	hear_claim(T0 + 2 * SECOND_US, 4);
	ck_assert_int_eq(take_at(T0 + 9 * SECOND_US), CLAIMS_NOTHING);
	ck_assert_uint_eq(claims.count, 0);
}
END_TEST

/* The answer to its question who has the address comes before the takeover, which does not wait. */
START_TEST(claim_before_a_takeover_without_an_active_counts)
{
	become(CLAIMS_BACKUP, NULL);
	hear_claim(T0, 9);
	become(CLAIMS_ACTIVE, NULL);
	view.alone = true;
	ck_assert_int_eq(take_at(T0 + CLAIMS_CONFIRM_US - 1), CLAIMS_NOTHING);
	ck_assert_int_eq(take_at(T0 + CLAIMS_CONFIRM_US), CLAIMS_DEFEND);
	ck_assert_uint_eq(claims.count, 1);
	ck_assert_uint_eq(claims.last.mac[5], 9);

	/* An Active that was heard meanwhile, and has gone, may have answered. */
	become(CLAIMS_BACKUP, NULL);
	hear_claim(T0 + 2 * SECOND_US, 8);
	become(CLAIMS_ACTIVE, NULL);
	ck_assert_int_eq(take_at(T0 + 9 * SECOND_US), CLAIMS_NOTHING);
	ck_assert_uint_eq(claims.count, 1);
}
END_TEST

/* None is known, and yet a host has the address. */
START_TEST(backup_without_active_tells_of_any)
{
	become(CLAIMS_BACKUP, NULL);
	hear_claim(T0, 3);
	ck_assert_int_eq(take_at(T0 + SECOND_US), CLAIMS_TELL);
	ck_assert(!claims.has_usual);
}
END_TEST

/* ---- In the engine ---- */

static void claim_on(int ifindex, const char *text, uint8_t host)
{
	struct neigh_claim claim = {.address = ip(text), .mac = {2, 0, 0, 0, 0, host}};

	engine_claim(&w.engine, w.now, ifindex, &claim);
}

START_TEST(active_defends)
{
	start_active();
	take();
	claim_on(2, "10.10.10.10", 9);
	turn(w.now.us + CLAIMS_DEFENCE_US);
	ck_assert_str_eq(take(), "ANNOUNCE");
	ck_assert_str_eq(take_traces(), "claimed");
	ck_assert_uint_eq(find(10)->claims.count, 1);
}
END_TEST

/* FRR announces with the virtual router's hardware address, and advertises a second later. */
START_TEST(claim_by_the_virtual_mac_is_the_groups)
{
	static const struct {
		uint8_t mac[NEIGH_MAC_SIZE];
		const char *answer;
	} rows[] = {
		{{0x00, 0x00, 0x5e, 0x00, 0x01, 10}, ""},
		{{0x00, 0x00, 0x5e, 0x00, 0x02, 10}, ""},
		{{0x00, 0x00, 0x5e, 0x00, 0x00, 10}, "ANNOUNCE"},
		{{0x00, 0x00, 0x5e, 0x00, 0x03, 10}, "ANNOUNCE"},
		{{0x00, 0x00, 0x5e, 0x00, 0x01, 11}, "ANNOUNCE"},
		{{0x00, 0x00, 0x5e, 0x01, 0x01, 10}, "ANNOUNCE"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct neigh_claim claim = {.address = ip("10.10.10.10")};

		memcpy(claim.mac, rows[i].mac, sizeof(claim.mac));
		if (i > 0) {
			tear_down();
			set_up();
		}
		start_active();
		take();
		engine_claim(&w.engine, w.now, 2, &claim);
		turn(w.now.us + CLAIMS_DEFENCE_US);
		ck_assert_str_eq(take(), rows[i].answer);
	}
}
END_TEST

/* The Active that a Backup hears has the address. */
START_TEST(claim_of_the_active_that_is_heard)
{
	start_backup();
	hear(w.now.us, 3, 220);
	claim_on(2, "10.10.10.10", 3);
	hear(w.now.us + SECOND_US, 3, 220);
	turn(w.now.us + 1);
	ck_assert_str_eq(take_traces(), "");
	ck_assert_uint_eq(find(10)->claims.count, 0);
}
END_TEST

START_TEST(claim_is_that_of_the_router_with_the_address)
{
	add_apiserver();
	add_vip(add_instance("other", 20), "10.10.10.20");
	start_engine();
	run_active();
	claim_on(2, "10.10.10.20", 9);
	turn(w.now.us + CLAIMS_DEFENCE_US);
	ck_assert_uint_eq(find(10)->claims.count, 0);
	ck_assert_uint_eq(find(20)->claims.count, 1);
}
END_TEST

/* Not of this router, not on its segment, or its own packet that came back. */
START_TEST(foreign_claims_are_nothing)
{
	start_active();
	memcpy(w.io.mac, (const uint8_t[]){2, 0, 0, 0, 0, 2}, sizeof(w.io.mac));
	netlink();
	timers(true);
	run(w.now.us + SECOND_US);
	take();
	claim_on(3, "10.10.10.10", 9);
	claim_on(2, "10.10.10.11", 9);
	claim_on(2, "10.10.10.10", 2);
	turn(w.now.us + CLAIMS_DEFENCE_US);
	ck_assert_str_eq(take(), "");
	ck_assert_str_eq(take_traces(), "");
	ck_assert_uint_eq(find(10)->claims.count, 0);
}
END_TEST

/* HANDOVER: the successor's announcement must be the last one that neighbours hear. */
START_TEST(leaving_active_does_not_defend)
{
	start_active();
	step_down(60 * SECOND_US);
	take();
	claim_on(2, "10.10.10.10", 9);
	turn(w.now.us + CLAIMS_DEFENCE_US);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(find(10)->claims.count, 0);
}
END_TEST

/* A better router announces and then advertises. */
START_TEST(preempted_active_does_not_defend)
{
	start_active();
	take();
	claim_on(2, "10.10.10.10", 3);
	hear(w.now.us, 3, 254);
	take();
	turn(w.now.us + CLAIMS_DEFENCE_US);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(find(10)->claims.count, 0);
}
END_TEST

/* SOCKETS FIRST: a stalled Active may have been followed by another one. */
START_TEST(expired_claim_is_not_defended)
{
	start_active();
	w.io.send_fails = true;
	run(w.now.us + 2 * DOWN);
	take();
	claim_on(2, "10.10.10.10", 9);
	w.now.us += CLAIMS_DEFENCE_US;
	timers(true);
	ck_assert_ptr_null(strstr(take(), "ANNOUNCE"));
	ck_assert_uint_eq(find(10)->claims.count, 1);
}
END_TEST

START_TEST(backup_tells_only)
{
	start_backup();
	hear(w.now.us, 3, 210);
	take();
	claim_on(2, "10.10.10.10", 3);
	claim_on(2, "10.10.10.10", 9);
	for (unsigned i = 0; i < 8; i++)
		hear(w.now.us + SECOND_US / 4, 3, 210);
	turn(w.now.us);
	ck_assert_str_eq(take(), "");
	ck_assert_str_eq(take_traces(), "claimed");
}
END_TEST

Suite *suite_claims(void)
{
	Suite *suite = suite_create("claims");
	TCase *tcase = tcase_create("claims");

	tcase_add_checked_fixture(tcase, setup, tear_down);
	tcase_add_test(tcase, claim_is_answered_after_a_moment);
	tcase_add_loop_test(tcase, flood_is_answered_once_a_second, 0, 4);
	tcase_add_loop_test(tcase, seconds_of_a_flood, 0, 7);
	tcase_add_test(tcase, flood_that_has_ended_is_forgotten);
	tcase_add_loop_test(tcase, claim_of_a_successor_is_none, 0, 3);
	tcase_add_test(tcase, deaf_router_takes_no_claim);
	tcase_add_test(tcase, backup_takes_the_first_for_the_active);
	tcase_add_test(tcase, backup_tells_of_a_second_holder);
	tcase_add_test(tcase, backup_follows_another_active);
	tcase_add_test(tcase, claim_before_a_takeover_without_an_active_counts);
	tcase_add_test(tcase, backup_without_active_tells_of_any);
	tcase_add_test(tcase, active_defends);
	tcase_add_test(tcase, claim_by_the_virtual_mac_is_the_groups);
	tcase_add_test(tcase, claim_of_the_active_that_is_heard);
	tcase_add_test(tcase, claim_is_that_of_the_router_with_the_address);
	tcase_add_test(tcase, foreign_claims_are_nothing);
	tcase_add_test(tcase, leaving_active_does_not_defend);
	tcase_add_test(tcase, preempted_active_does_not_defend);
	tcase_add_test(tcase, expired_claim_is_not_defended);
	tcase_add_test(tcase, backup_tells_only);
	suite_add_tcase(suite, tcase);
	return suite;
}
