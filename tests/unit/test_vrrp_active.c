/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a router in Active: what it says, when, and how its role ends. */
#include "test_vrrp.h"

#include <string.h>

#define SPACING ANNOUNCER_SPACING_US
#define CLAIM_EXPIRED "REMOVE NOTIFY(Backup claim_expired)"

static bool has(const char *actions, const char *action)
{
	return strstr(actions, action) != NULL;
}

/* A router that steps down alone takes the VIP again, and says its priority when the hold ends. */
START_TEST(hold_ends_while_active)
{
	begin(STEPPING_DOWN, &defaults);
	run_until(VRRP_STATE_BACKUP);
	run_until(VRRP_STATE_ACTIVE);
	while (vrrp_deadline(&vr).us < T0 + HOLD) {
		const char *actions = step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT)));

		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert(!has(actions, "SEND(200)"));
	}
	/* Between two adverts; Adver_Timer goes on. */
	ck_assert_int_ne(vr.timers[VRRP_TIMER_ADVER].us, T0 + HOLD);
	ck_assert(has(step(T0 + HOLD, EVENT(EV(TIMEOUT))), "SEND(200)"));
	ck_assert(instant_is_never(vr.timers[VRRP_TIMER_HOLD]));
}
END_TEST

/* STEP_DOWN with 0: an Active that was held advertises its own priority at once. */
START_TEST(hold_is_cancelled_while_active)
{
	begin(HELD_BACKUP, &defaults);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_str_eq(step(T0 + 5 * SECOND, EVENT(EV_STEP_DOWN(0))), "");
	ck_assert(has(step(T0 + 5 * SECOND, EVENT(EV(TIMEOUT))), "SEND(200)"));
	ck_assert(instant_is_never(vr.timers[VRRP_TIMER_HOLD]));
	ck_assert(instant_is_never(vr.timers[VRRP_TIMER_HANDOVER]));
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* A held router that is Active again does not leave: of two such routers one stays. */
START_TEST(two_held_routers)
{
	begin(HELD_BACKUP, &defaults);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_str_eq(advert_from(T0 + 4200000, LEAVING, 1, 100), "SEND(1) ANNOUNCE");
	ck_assert_str_eq(advert_from(T0 + 4300000, LEAVING, 3, 100),
			 "SEND(1) REMOVE NOTIFY(Backup higher_priority)");
}
END_TEST

/* HANDOVER: whatever happens, a router that leaves does not claim the role again. */
START_TEST(leaving_router_stays_lowest)
{
	static const enum setup setups[] = {STEPPING_DOWN, SHUTTING_DOWN};

	for (size_t i = 0; i < 2; i++) {
		begin(setups[i], &defaults);
		ck_assert_str_eq(step(T0 + 1000, EVENT(EV_PRIORITY(DOWN))), "");
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert_str_eq(step(T0 + 2000, EVENT(EV_PRIORITY(READY))), "");
		ck_assert_uint_eq(vrrp_priority(&vr), LEAVING);
		ck_assert_int_eq(vr.timers[VRRP_TIMER_HANDOVER].us, T0 + SECOND);
	}
}
END_TEST

START_TEST(shutdown_during_step_down)
{
	begin(STEPPING_DOWN, &defaults);
	ck_assert_str_eq(step(T0 + 200000, EVENT(EV(SHUTDOWN))), "");
	ck_assert(vr.started);
	advance(T0 + SECOND);
	ck_assert_str_eq(step(T0 + SECOND, EVENT(EV(TIMEOUT))),
			 "SEND(0) REMOVE NOTIFY(Initialize shutdown)");
	ck_assert(!vr.started);
	ck_assert(!vr.shutting_down);
}
END_TEST

/* HANDOVER: the addresses that cannot be added end it, and after SHUTDOWN there is no retry. */
START_TEST(addresses_cannot_be_added_while_leaving)
{
	static const enum setup setups[] = {STEPPING_DOWN, SHUTTING_DOWN};

	for (size_t i = 0; i < 2; i++) {
		begin(setups[i], &defaults);
		world.add_fails = true;
		step(T0 + 200000, EVENT(EV(ADDRESS_LOST)));
		ck_assert_str_eq(step(T0 + 200000, EVENT(EV(TIMEOUT))),
				 "ADD SEND(0) REMOVE NOTIFY(Initialize add_failed)");
		ck_assert_str_eq(timers_text(T0 + 200000),
				 i == 0 ? "retry+1000000 hold+59800000" : "");
		ck_assert_int_eq(vr.started, i == 0);
	}
}
END_TEST

/* HANDOVER: one advertisement interval is our own, the one that the others were told. */
START_TEST(handover_waits_our_own_interval)
{
	begin_backup(&defaults, READY, 0);
	advert_from(SECOND, 220, 3, 1000);
	run_until(VRRP_STATE_ACTIVE);
	step(60 * SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert_int_eq(vr.timers[VRRP_TIMER_HANDOVER].us, 61 * SECOND);
}
END_TEST

static unsigned announcements(int64_t until_us, int64_t *ret_times, unsigned max)
{
	unsigned count = 0;

	while (vrrp_deadline(&vr).us <= until_us) {
		int64_t us = vrrp_deadline(&vr).us;

		if (has(step(us, EVENT(EV(TIMEOUT))), "ANNOUNCE") && count < max)
			ret_times[count++] = us;
	}
	return count;
}

START_TEST(announce_schedule)
{
	static const int64_t schedule[] = {100000,	500000,	     2 * SECOND, 5 * SECOND,
					   35 * SECOND, 65 * SECOND, 95 * SECOND};
	int64_t times[10];
	struct vrrp_config config = defaults;
	unsigned count;

	begin(BACKUP, &defaults);
	ck_assert_str_eq(step(T0 + WAIT_READY, EVENT(EV(TIMEOUT))), TAKEOVER("active_down"));
	count = announcements(T0 + WAIT_READY + 100 * SECOND, times, 10);
	ck_assert_uint_eq(count, 7);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(times[i], T0 + WAIT_READY + schedule[i]);

	config.announce_refresh_us = 0;
	begin(ACTIVE, &config);
	count = announcements(T0 + 100 * SECOND, times, 10);
	ck_assert_uint_eq(count, 4);
}
END_TEST

/* ANNOUNCE: a losing advert, another primary, a lost address begin the schedule again. */
START_TEST(announce_schedule_begins_again)
{
	static const struct vrrp_event why[] = {EV_ADVERT(180, 3, 100), EV_PRIMARY(7),
						EV(ADDRESS_LOST)};
	static const int64_t schedule[] = {100000, 500000, 2 * SECOND, 5 * SECOND, 35 * SECOND};
	const int64_t start = T0 + 10300000;

	for (size_t i = 0; i < 3; i++) {
		const char *actions;
		int64_t times[10];

		begin(ACTIVE, &defaults);
		advance(start);
		actions = step(start, &why[i]);
		if (why[i].type == VRRP_EVENT_ADDRESS_LOST)
			actions = step(start, EVENT(EV(TIMEOUT)));
		ck_assert(has(actions, "ANNOUNCE"));
		ck_assert_uint_eq(announcements(start + 40 * SECOND, times, 10), 5);
		for (unsigned j = 0; j < 5; j++)
			ck_assert_int_eq(times[j], start + schedule[j]);
	}
}
END_TEST

START_TEST(announce_spacing)
{
	const int64_t first = T0 + 600000;

	begin(ACTIVE, &defaults);
	advance(first);
	ck_assert_str_eq(advert(first, 180), "SEND(200) ANNOUNCE");
	ck_assert_str_eq(advert(first + SPACING / 5, 180), "SEND(200)");
	ck_assert_str_eq(advert(first + SPACING - 1, 180), "SEND(200)");
	ck_assert_int_eq(vrrp_deadline(&vr).us, first + SPACING);
	ck_assert_str_eq(step(first + SPACING, EVENT(EV(TIMEOUT))), "ANNOUNCE");

	/* The announcement of the takeover counts. */
	begin(ACTIVE, &defaults);
	ck_assert_str_eq(advert(T0 + SPACING - 1, 180), "SEND(200)");
	ck_assert_str_eq(step(T0 + SPACING - 1, EVENT(EV_PRIMARY(7))), "SEND(200)");
	ck_assert_str_eq(step(T0 + SPACING, EVENT(EV(TIMEOUT))), "ANNOUNCE");
}
END_TEST

/* A storm of losing adverts neither multiplies announcements nor keeps them back. */
START_TEST(announce_storm)
{
	unsigned count = 0;

	begin(ACTIVE, &defaults);
	for (int64_t us = T0 + SPACING / 20; us < T0 + 100 * SPACING; us += SPACING / 10) {
		while (vrrp_deadline(&vr).us <= us)
			count += has(step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT))), "ANNOUNCE");
		count += has(advert(us, 180), "ANNOUNCE");
	}
	ck_assert_uint_le(count, 100);
	ck_assert_uint_ge(count, 90);
}
END_TEST

START_TEST(lease_refresh_alone)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 1500000;
	begin(ACTIVE, &config);
	advance(T0 + 1500000);
	ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + 1500000);
	ck_assert_str_eq(step(T0 + 1500000, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_int_eq(vr.timers[VRRP_TIMER_REFRESH].us, T0 + 3 * SECOND);

	config.address_refresh_us = 0;
	begin(ACTIVE, &config);
	ck_assert(instant_is_never(vr.timers[VRRP_TIMER_REFRESH]));
}
END_TEST

/* RECONCILE: added and announced at the next TIMEOUT, which is due at once; a leaving router does
 * not announce. */
START_TEST(address_lost)
{
	static const enum setup setups[] = {ACTIVE, STEPPING_DOWN, SHUTTING_DOWN};

	for (size_t i = 0; i < 3; i++) {
		begin(setups[i], &defaults);
		advance(T0 + 220000);
		ck_assert_str_eq(step(T0 + 220000, EVENT(EV(ADDRESS_LOST))), "");
		ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + 220000);
		ck_assert_str_eq(step(T0 + 220000, EVENT(EV(TIMEOUT))),
				 i == 0 ? "ADD ANNOUNCE" : "ADD");
		ck_assert_int_eq(vr.timers[VRRP_TIMER_REFRESH].us, T0 + 2220000);
		ck_assert_int_eq(vr.announcer.next.us, i == 0 ? T0 + 320000 : INSTANT_NEVER.us);
	}
}
END_TEST

/* The address does not wait for the spacing of announcements. */
START_TEST(address_lost_early)
{
	const int64_t announced = T0 + 100000;
	const int64_t lost = announced + SPACING / 2;

	begin(ACTIVE, &defaults);
	advance(lost);
	step(lost, EVENT(EV(ADDRESS_LOST)));
	ck_assert_str_eq(step(lost, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_int_eq(vrrp_deadline(&vr).us, announced + SPACING);
	ck_assert_str_eq(step(announced + SPACING, EVENT(EV(TIMEOUT))), "ANNOUNCE");
}
END_TEST

/* 6.4.3-9, fixed cadence: lateness of turns does not add up. */
START_TEST(cadence)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 0;
	begin(ACTIVE, &config);
	advance(T0 + 6 * SECOND + 1);
	for (int i = 7; i < 20; i++) {
		ck_assert_str_eq(step(T0 + i * SECOND + 30000, EVENT(EV(TIMEOUT))), "SEND(200)");
		ck_assert_int_eq(vr.timers[VRRP_TIMER_ADVER].us, T0 + (i + 1) * SECOND);
	}
	step(T0 + 20900000, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.timers[VRRP_TIMER_ADVER].us, T0 + 21 * SECOND);
	/* Later than an interval: no burst to catch up. */
	ck_assert_str_eq(step(T0 + 22100000, EVENT(EV(TIMEOUT))), "SEND(200)");
	ck_assert_int_eq(vr.timers[VRRP_TIMER_ADVER].us, T0 + 23100000);
	/* By one interval exactly. */
	ck_assert_str_eq(step(T0 + 24100000, EVENT(EV(TIMEOUT))), "SEND(200)");
	ck_assert_int_eq(vr.timers[VRRP_TIMER_ADVER].us, T0 + 25100000);
}
END_TEST

/* Active for ten seconds; the last advert was sent then. */
static void begin_old_active(const struct vrrp_config *config)
{
	begin(ACTIVE, config);
	advance(T0 + 10 * SECOND + 1);
}
#define SAID (T0 + 10 * SECOND)
#define EXPIRED (SAID + WAIT_READY)

/* SOCKETS FIRST: the claim expires Active_Down_Interval after the last advert on the wire, with the
 * interval and the priority that the advert carried. */
START_TEST(claim_expires)
{
	struct vrrp_config longer = defaults;

	begin_old_active(&defaults);
	ck_assert(!vrrp_claim_expired(&vr, at(EXPIRED - 1)));
	ck_assert(vrrp_claim_expired(&vr, at(EXPIRED)));

	/* A priority that was not said counts for nothing. */
	world.send_fails = true;
	step(SAID + 1000, EVENT(EV_PRIORITY(DOWN)));
	ck_assert(!vrrp_claim_expired(&vr, at(EXPIRED - 1)));
	ck_assert(vrrp_claim_expired(&vr, at(EXPIRED)));
	world.send_fails = false;
	step(SAID + 2000, EVENT(EV_PRIORITY(ANSWERING)));
	ck_assert(!vrrp_claim_expired(&vr, at(SAID + 2000 + WAIT_ANSWERING - 1)));
	ck_assert(vrrp_claim_expired(&vr, at(SAID + 2000 + WAIT_ANSWERING)));

	/* Nor does an interval. */
	longer.advert_int_cs = 200;
	begin_old_active(&defaults);
	vrrp_reconfigure(&vr, at(SAID + 1000), &longer);
	ck_assert(vrrp_claim_expired(&vr, at(EXPIRED)));
	advance(SAID + SECOND + 1);
	ck_assert(!vrrp_claim_expired(&vr, at(SAID + SECOND + 2 * WAIT_READY - 1)));
	ck_assert(vrrp_claim_expired(&vr, at(SAID + SECOND + 2 * WAIT_READY)));
}
END_TEST

/* At a takeover the claim begins with the takeover, also if the first advert cannot be sent. */
START_TEST(claim_begins_with_the_takeover)
{
	static const enum setup setups[] = {BACKUP, CANNOT_SEND_BACKUP, SLOW_BACKUP};

	for (size_t i = 0; i < 3; i++) {
		int64_t began_us = T0 + WAIT_READY;

		begin(setups[i], &defaults);
		/* A claim of before is forgotten. */
		vr.said.interval_cs = 1;
		vr.said.priority = 254;
		step(began_us, EVENT(EV(TIMEOUT)));
		began_us += world.add_took_us;
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert(!vrrp_claim_expired(&vr, at(began_us + WAIT_READY - 1)));
		ck_assert(vrrp_claim_expired(&vr, at(began_us + WAIT_READY)));
	}
}
END_TEST

/* It begins with the priority that the first advert would have carried. */
START_TEST(claim_of_a_held_router)
{
	begin(HELD_BACKUP, &defaults);
	advance(T0 + WAIT_LEAVING);
	world.send_fails = true;
	step(T0 + WAIT_LEAVING, EVENT(EV(TIMEOUT)));
	ck_assert(!vrrp_claim_expired(&vr, at(T0 + 2 * WAIT_LEAVING - 1)));
	ck_assert(vrrp_claim_expired(&vr, at(T0 + 2 * WAIT_LEAVING)));
}
END_TEST

/* SOCKETS FIRST: an Active that hears no other one after a stall stays, with everything anew. The
 * announcement comes once the advert is on the wire. */
START_TEST(stall_without_another_active)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 0;
	config.announce_refresh_us = 0;
	begin_old_active(&config);
	ck_assert_str_eq(step(EXPIRED - 1, EVENT(EV(TIMEOUT))), "SEND(200)");

	begin_old_active(&config);
	ck_assert_str_eq(step(EXPIRED, EVENT(EV(TIMEOUT))), "ADD SEND(200) ANNOUNCE");
	ck_assert_str_eq(timers_text(EXPIRED), "adver+1000000 announce+100000");
	ck_assert(!vrrp_claim_expired(&vr, at(EXPIRED)));

	begin_old_active(&defaults);
	step(T0 + 50 * SECOND, EVENT(EV(TIMEOUT)));
	ck_assert_str_eq(timers_text(T0 + 50 * SECOND), TAKEN_OVER);
}
END_TEST

/* ORDER: the lease has ended during the stall, and the addresses cannot be added again. */
START_TEST(addresses_cannot_be_added_after_a_stall)
{
	begin_old_active(&defaults);
	world.add_fails = true;
	ck_assert_str_eq(step(EXPIRED, EVENT(EV(TIMEOUT))),
			 "ADD SEND(0) REMOVE NOTIFY(Initialize add_failed)");
	ck_assert_str_eq(timers_text(EXPIRED), "retry+1000000");
}
END_TEST

/* An addition that is slow after a stall adds none: the sockets were drained before it. */
START_TEST(slow_addition_after_a_stall)
{
	begin_old_active(&defaults);
	world.add_took_us = 700000;
	ck_assert_str_eq(step(EXPIRED, EVENT(EV(TIMEOUT))), "ADD SEND(200) ANNOUNCE");
	ck_assert_str_eq(timers_text(EXPIRED + 700000), TAKEN_OVER);
}
END_TEST

/* SOCKETS FIRST: an Active that hears another one after a stall yields, whatever the priority of
 * the other is, without a word: the other has been Active for long. */
START_TEST(stall_and_another_active)
{
	static const uint8_t priorities[] = {LEAVING, DOWN, 180, READY, 220, PRIORITY_OWNER};

	begin_old_active(&defaults);
	advert(EXPIRED - 1, 180);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);

	for (size_t i = 0; i < sizeof(priorities); i++) {
		begin_old_active(&defaults);
		ck_assert_str_eq(advert_from(EXPIRED, priorities[i], 1, 50), CLAIM_EXPIRED);
		ck_assert_str_eq(timers_text(EXPIRED),
				 priorities[i] < 171 ? "down+218750" : "down+1609375");
	}

	/* A router that leaves has been Active all the same. */
	begin(STEPPING_DOWN, &defaults);
	ck_assert_str_eq(advert(T0 + 50 * SECOND, LEAVING), CLAIM_EXPIRED);
	begin(SHUTTING_DOWN, &defaults);
	ck_assert_str_eq(advert(T0 + 50 * SECOND, LEAVING), "REMOVE NOTIFY(Initialize shutdown)");
}
END_TEST

/* SOCKETS FIRST: an Active whose claim has expired sends nothing before its sockets are drained,
 * whatever it learns first. */
START_TEST(expired_claim_is_silent)
{
	static const struct vrrp_event what[] = {EV_PRIORITY(254), EV_PRIMARY(5),
						 EV_ADVERT(0, 1, 100), EV(ADDRESS_LOST),
						 EV(STARTUP)};

	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		begin_old_active(&defaults);
		ck_assert_str_eq(step(EXPIRED, &what[i]), "");
		ck_assert_str_eq(step(EXPIRED, EVENT(EV(TIMEOUT))),
				 i == 0 ? "ADD SEND(254) ANNOUNCE" : "ADD SEND(200) ANNOUNCE");
	}

	/* SHUTDOWN is obeyed; a leaving router does not announce. */
	begin_old_active(&defaults);
	ck_assert_str_eq(step(EXPIRED, EVENT(EV(SHUTDOWN))), "SEND(1)");
	ck_assert_str_eq(advert(EXPIRED, DOWN), "REMOVE NOTIFY(Initialize shutdown)");
	begin_old_active(&defaults);
	step(EXPIRED, EVENT(EV_STEP_DOWN(HOLD)));
	ck_assert_str_eq(timers_text(EXPIRED),
			 "adver-2218750 handover+1000000 refresh-1218750 hold+60000000");
	ck_assert_str_eq(step(EXPIRED, EVENT(EV(TIMEOUT))), "ADD SEND(1)");

	/* A reload does not renew the claim. */
	begin_old_active(&defaults);
	vrrp_reconfigure(&vr, at(EXPIRED), &(struct vrrp_config){.advert_int_cs = 4000});
	ck_assert_str_eq(step(EXPIRED, EVENT(EV_PRIORITY(254))), "");
	ck_assert_str_eq(advert(EXPIRED, 180), CLAIM_EXPIRED);
}
END_TEST

/* HANDOVER: the end that a stall has passed by comes first; it is said in any case. */
START_TEST(handover_that_ends_after_a_stall)
{
	begin(SHUTTING_DOWN, &defaults);
	ck_assert_str_eq(step(T0 + 50 * SECOND, EVENT(EV(TIMEOUT))),
			 "SEND(0) REMOVE NOTIFY(Initialize shutdown)");
}
END_TEST

/* The claim of an Active is that of the interval that it sends, not of the one it once learned. */
START_TEST(claim_has_our_own_interval)
{
	begin_backup(&defaults, READY, 0);
	advert_from(SECOND, 220, 3, 300);
	advert_from(SECOND, 220, 3, 300);
	run_until(VRRP_STATE_ACTIVE);
	advance(100 * SECOND);
	ck_assert_str_eq(advert(vr.said.at.us + WAIT_READY, 180), CLAIM_EXPIRED);
}
END_TEST

/* An Active that cannot send goes on trying each interval, announces nothing once its claim has
 * expired, and announces again when a send succeeds. */
START_TEST(active_cannot_send)
{
	int64_t us = T0 + 4 * SECOND;

	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + WAIT_READY);
	while (us < T0 + 40 * SECOND) {
		ck_assert_str_eq(step(us, EVENT(EV(TIMEOUT))), "ADD SEND(200)");
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert(instant_is_never(vr.announcer.next));
		us += SECOND;
		ck_assert_int_eq(vrrp_deadline(&vr).us, us);
	}
	world.send_fails = false;
	ck_assert_str_eq(step(us, EVENT(EV(TIMEOUT))), "ADD SEND(200) ANNOUNCE");
	ck_assert_str_eq(timers_text(us), TAKEN_OVER);
}
END_TEST

/* While its claim holds it announces on schedule; its role ends only with a router it hears. */
START_TEST(active_cannot_send_yet)
{
	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + 2 * SECOND);
	ck_assert_str_eq(step(T0 + 2 * SECOND, EVENT(EV(TIMEOUT))), "ADD ANNOUNCE SEND(200)");
	ck_assert_str_eq(advert(T0 + 2500000, 180), "SEND(200)");
	/* The announcement against the loser does not depend on the advert. */
	ck_assert_str_eq(step(T0 + 2500000, EVENT(EV(TIMEOUT))), "ANNOUNCE");
	ck_assert_str_eq(step(T0 + 2600000, EVENT(EV_PRIMARY(5))), "ANNOUNCE SEND(200)");

	ck_assert_str_eq(advert(T0 + WAIT_READY - 1, 180), "SEND(200)");
	ck_assert_str_eq(advert(T0 + WAIT_READY, DOWN), CLAIM_EXPIRED);

	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + 20 * SECOND);
	ck_assert_str_eq(advert(T0 + 20 * SECOND, PRIORITY_STOP), "");
	ck_assert_str_eq(advert(T0 + 20 * SECOND, 220), CLAIM_EXPIRED);

	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + 2 * SECOND);
	ck_assert_str_eq(advert(T0 + 2 * SECOND, 220),
			 "SEND(1) REMOVE NOTIFY(Backup higher_priority)");
}
END_TEST

/* An Active that cannot send leaves as any other one; the failure renews no claim. */
START_TEST(leaving_router_cannot_send)
{
	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + WAIT_READY);
	ck_assert_str_eq(step(T0 + WAIT_READY, EVENT(EV(SHUTDOWN))), "SEND(1)");
	ck_assert_str_eq(advert(T0 + WAIT_READY, LEAVING), "REMOVE NOTIFY(Initialize shutdown)");

	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + WAIT_READY);
	step(T0 + WAIT_READY, EVENT(EV(SHUTDOWN)));
	advance(T0 + WAIT_READY + SECOND);
	ck_assert_str_eq(step(T0 + WAIT_READY + SECOND, EVENT(EV(TIMEOUT))),
			 "SEND(0) REMOVE NOTIFY(Initialize shutdown)");
}
END_TEST

/* A lease that is refreshed while the claim has expired sends nothing outside Adver_Timer. */
START_TEST(refresh_of_an_expired_claim)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 300000;
	begin(CANNOT_SEND_ACTIVE, &config);
	advance(T0 + 10 * SECOND + 1);
	ck_assert_str_eq(step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_int_lt(vr.timers[VRRP_TIMER_REFRESH].us, T0 + 11 * SECOND);
}
END_TEST

/* A claim that expires during a slow addition gives a router that cannot send no advert outside
 * Adver_Timer. */
START_TEST(slow_addition_while_adverts_fail)
{
	begin(CANNOT_SEND_ACTIVE, &defaults);
	advance(T0 + 3100000);
	step(T0 + 3100000, EVENT(EV(ADDRESS_LOST)));
	world.add_took_us = 200000;
	ck_assert_str_eq(step(T0 + 3100000, EVENT(EV(TIMEOUT))), "ADD");
	world.add_took_us = 0;
	ck_assert_str_eq(step(T0 + 3300000, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_str_eq(timers_text(T0 + 3300000), "adver+700000 refresh+2000000");
	ck_assert_str_eq(step(T0 + 4 * SECOND, EVENT(EV(TIMEOUT))), "ADD SEND(200)");
}
END_TEST

/* A slow addition is not a stall: what follows it counts from its end. */
START_TEST(slow_refresh_is_no_stall)
{
	struct vrrp_config config = defaults;

	begin_old_active(&defaults);
	advance(T0 + 12 * SECOND);
	world.add_took_us = 700000;
	ck_assert_str_eq(step(T0 + 12 * SECOND, EVENT(EV(TIMEOUT))), "ADD SEND(200)");
	ck_assert_str_eq(timers_text(T0 + 12 * SECOND),
			 "adver+1000000 refresh+2700000 announce+23000000");
	ck_assert_int_eq(vr.said.at.us, T0 + 12700000);

	/* Longer than Active_Down_Interval: another router may have taken over meanwhile, so that
	 * the sockets are drained before this one sends. */
	config.address_refresh_us = 2500000;
	for (int i = 0; i < 2; i++) {
		begin(ACTIVE, &config);
		advance(T0 + 2500000);
		world.add_took_us = 5 * SECOND;
		ck_assert_str_eq(step(T0 + 2500000, EVENT(EV(TIMEOUT))), "ADD");
		ck_assert_str_eq(timers_text(T0 + 7500000),
				 "adver-4500000 refresh+2500000 announce-2500000");
		world.add_took_us = 0;
		if (i == 0)
			ck_assert_str_eq(step(T0 + 7500000, EVENT(EV(TIMEOUT))),
					 "ADD SEND(200) ANNOUNCE");
		else
			ck_assert_str_eq(advert(T0 + 7500000, 180), CLAIM_EXPIRED);
	}

	/* By one microsecond: the advert of T0 + 2 s, refreshed at T0 + 2.5 s. */
	for (int64_t late_us = 0; late_us < 2; late_us++) {
		begin(ACTIVE, &config);
		advance(T0 + 2500000);
		world.add_took_us = 2 * SECOND + WAIT_READY - 2500000 - 1 + late_us;
		ck_assert_str_eq(step(T0 + 2500000, EVENT(EV(TIMEOUT))),
				 late_us == 0 ? "ADD ANNOUNCE SEND(200)" : "ADD");
	}
}
END_TEST

/* 6.4.3: the address that breaks the tie is the primary of now. */
START_TEST(tie_by_the_new_primary)
{
	begin(ACTIVE, &defaults);
	advance(T0 + 250000);
	step(T0 + 250000, EVENT(EV_PRIMARY(5)));
	advert(T0 + 400000, READY);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
	advert_from(T0 + 450000, READY, 6, 100);
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);

	begin(BACKUP, &defaults);
	step(T0, EVENT(EV_PRIMARY(5)));
	run_until(VRRP_STATE_ACTIVE);
	advert(T0 + 4 * SECOND, READY);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* The first byte that differs decides, not the last one. */
START_TEST(tie_by_the_first_byte)
{
	static const struct {
		const char *own, *lower, *greater;
	} cases[] = {{"10.0.1.2", "10.0.0.9", "10.1.0.1"}, {"fe80::1:2", "fe80::9", "fe81::1"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vrrp_event primary = {.type = VRRP_EVENT_PRIMARY};
		struct vrrp_event tie = EV_ADVERT(READY, 1, 100);

		begin(ACTIVE, &defaults);
		ck_assert(addr_parse(cases[i].own, &primary.primary));
		step(T0 + 1000, &primary);
		ck_assert(addr_parse(cases[i].lower, &tie.advert.source));
		step(T0 + 2000, &tie);
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert(addr_parse(cases[i].greater, &tie.advert.source));
		step(T0 + 3000, &tie);
		ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	}
}
END_TEST

/* The timers of a role end with it: the next one begins anew. */
START_TEST(second_role_begins_anew)
{
	begin(STEPPING_DOWN, &defaults);
	advert(T0 + 200000, 220);
	advance(T0 + HOLD + 1);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
	advert(T0 + HOLD + 1, 220);
	ck_assert_str_eq(timers_text(T0 + HOLD + 1), "down+3218750");
	ck_assert(instant_is_never(vr.announcer.next));
	ck_assert_str_eq(step(T0 + HOLD + 1 + WAIT_READY, EVENT(EV(TIMEOUT))),
			 TAKEOVER("active_down"));
	ck_assert_str_eq(timers_text(T0 + HOLD + 1 + WAIT_READY), TAKEN_OVER);
}
END_TEST

/* DEAF protects a role among equals: readiness comes first. */
START_TEST(deaf_router_of_a_higher_band_gets_the_role)
{
	begin(ACTIVE, &defaults);
	step(T0 + 1, EVENT(EV_PRIORITY(ANSWERING)));
	ck_assert_str_eq(step(T0 + 250000, EVENT(EV_ADVERT_OF_DEAF(201, 1))),
			 "SEND(1) REMOVE NOTIFY(Backup higher_priority)");
}
END_TEST

void vrrp_add_active(Suite *suite)
{
	TCase *stories = tcase_create("active");

	tcase_add_test(stories, hold_ends_while_active);
	tcase_add_test(stories, hold_is_cancelled_while_active);
	tcase_add_test(stories, leaving_router_stays_lowest);
	tcase_add_test(stories, shutdown_during_step_down);
	tcase_add_test(stories, addresses_cannot_be_added_while_leaving);
	tcase_add_test(stories, handover_waits_our_own_interval);
	tcase_add_test(stories, announce_schedule);
	tcase_add_test(stories, announce_schedule_begins_again);
	tcase_add_test(stories, announce_spacing);
	tcase_add_test(stories, announce_storm);
	tcase_add_test(stories, lease_refresh_alone);
	tcase_add_test(stories, address_lost);
	tcase_add_test(stories, address_lost_early);
	tcase_add_test(stories, cadence);
	tcase_add_test(stories, claim_expires);
	tcase_add_test(stories, claim_begins_with_the_takeover);
	tcase_add_test(stories, deaf_router_of_a_higher_band_gets_the_role);
	tcase_add_test(stories, stall_without_another_active);
	tcase_add_test(stories, stall_and_another_active);
	tcase_add_test(stories, expired_claim_is_silent);
	tcase_add_test(stories, handover_that_ends_after_a_stall);
	tcase_add_test(stories, claim_has_our_own_interval);
	tcase_add_test(stories, active_cannot_send);
	tcase_add_test(stories, active_cannot_send_yet);
	tcase_add_test(stories, leaving_router_cannot_send);
	tcase_add_test(stories, refresh_of_an_expired_claim);
	tcase_add_test(stories, slow_refresh_is_no_stall);
	tcase_add_test(stories, slow_addition_while_adverts_fail);
	tcase_add_test(stories, tie_by_the_new_primary);
	tcase_add_test(stories, tie_by_the_first_byte);
	tcase_add_test(stories, second_role_begins_anew);
	tcase_add_test(stories, claim_of_a_held_router);
	tcase_add_test(stories, addresses_cannot_be_added_after_a_stall);
	tcase_add_test(stories, two_held_routers);
	tcase_add_test(stories, slow_addition_after_a_stall);
	suite_add_tcase(suite, stories);
}
