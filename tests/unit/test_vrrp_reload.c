/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of vrrp_reconfigure(), in Backup and in Active. */
#include "test_vrrp.h"

static int64_t refresh_us(void)
{
	return vr.timers[VRRP_TIMER_REFRESH].us;
}

static int64_t adver_us(void)
{
	return vr.timers[VRRP_TIMER_ADVER].us;
}

/* Another interval: it is ours while no Active is known, else it limits that of the Active. */
START_TEST(reload_of_the_interval)
{
	struct vrrp_config shorter = defaults, longer = defaults;

	shorter.advert_int_cs = 10;
	longer.advert_int_cs = 500;
	begin(BACKUP, &defaults);
	vrrp_reconfigure(&vr, at(T0 + 100000), &shorter);
	check_takeover(T0 + WAIT_READY / 10, VRRP_REASON_ACTIVE_DOWN);
	vrrp_reconfigure(&vr, at(T0 + 100000), &longer);
	check_takeover(T0 + WAIT_READY * 5, VRRP_REASON_ACTIVE_DOWN);

	/* 4 x 0.1 + 3 x 0.1 + 0.1 x 56/256 s, then 4 x 0.1 x (3 + 56/256) s. */
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 220);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &shorter);
	check_takeover(T0 + SECOND + 721875, VRRP_REASON_ACTIVE_DOWN);
	advert(T0 + 1500000, 220);
	check_takeover(T0 + 1500000 + 1287500, VRRP_REASON_ACTIVE_DOWN);
	/* An Active with a shorter interval than ours is followed with its own. */
	vrrp_reconfigure(&vr, at(T0 + 1500000), &longer);
	check_takeover(T0 + 1500000 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* A takeover that is under way keeps its reason over a reload. */
START_TEST(reload_keeps_the_reason)
{
	struct vrrp_config shorter = defaults;

	shorter.advert_int_cs = 10;
	begin(BACKUP, &defaults);
	advert(T0 + 100000, PRIORITY_STOP);
	vrrp_reconfigure(&vr, at(T0 + 100000), &shorter);
	check_takeover(T0 + 100000 + SKEW_READY / 10, VRRP_REASON_ACTIVE_STOPPED);

	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &defaults);
	ck_assert_str_eq(step(T0 + SECOND + SKEW_READY, EVENT(EV(TIMEOUT))),
			 TAKEOVER("active_unready"));
}
END_TEST

START_TEST(reload_of_preempt)
{
	struct vrrp_config always = defaults;

	always.preempt = ALWAYS;
	begin(BACKUP, &defaults);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &always);
	advert(T0 + SECOND, 180);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_LOWER);
	/* The end of `always` follows the Active that was discarded, from its advert on. */
	vrrp_reconfigure(&vr, at(T0 + 2 * SECOND), &defaults);
	check_takeover(T0 + SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* A reload of preempt_delay counts from the next time that the router becomes ready. */
START_TEST(reload_of_preempt_delay)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 5 * SECOND;
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &config);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	step(T0 + SECOND, EVENT(EV_PRIORITY(DOWN)));
	step(T0 + SECOND, EVENT(EV_PRIORITY(READY)));
	check_takeover(T0 + SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* SURVIVE: a reload that changes nothing does not touch the router, whatever it is about to do. */
START_TEST(reload_of_nothing)
{
	begin(BACKUP, &defaults);
	advert(T0, DOWN);
	vrrp_reconfigure(&vr, at(T0), &defaults);
	check_takeover(T0 + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	step(T0, EVENT(EV_PRIORITY(DOWN)));
	check_takeover(T0 + WAIT_DOWN, VRRP_REASON_ACTIVE_DOWN);

	begin(DOWN_BACKUP, &defaults);
	step(T0, EVENT(EV_PRIORITY(READY)));
	vrrp_reconfigure(&vr, at(T0), &defaults);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* Adver_Timer and the next announcement never come later for a reload. */
START_TEST(reload_never_postpones_an_active)
{
	struct vrrp_config longer = defaults, shorter = defaults;

	longer.advert_int_cs = 500;
	longer.announce_refresh_us = 300 * SECOND;
	shorter.advert_int_cs = 10;
	shorter.announce_refresh_us = 10 * SECOND;

	begin(ACTIVE, &defaults);
	advance(T0 + 250000);
	vrrp_reconfigure(&vr, at(T0 + 250000), &longer);
	ck_assert_str_eq(timers_text(T0 + 250000), "adver+750000 refresh+1750000 announce+250000");
	vrrp_reconfigure(&vr, at(T0 + 250000), &shorter);
	ck_assert_str_eq(timers_text(T0 + 250000), "adver+100000 refresh+1750000 announce+250000");
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);

	/* The fifth announcement is not due to announce_refresh, so it keeps its moment. */
	begin(ACTIVE, &defaults);
	advance(T0 + 3 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 3 * SECOND), &longer);
	ck_assert_int_eq(vr.announcer.next.us, T0 + 5 * SECOND);
	advance(T0 + 20 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert_int_eq(vr.announcer.next.us, T0 + 50 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 21 * SECOND), &longer);
	ck_assert_int_eq(vr.announcer.next.us, T0 + 50 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 21 * SECOND), &shorter);
	ck_assert_int_eq(vr.announcer.next.us, T0 + 31 * SECOND);
}
END_TEST

/* announce_refresh 0: the first five, and no more. */
START_TEST(reload_of_announce_refresh)
{
	struct vrrp_config without = defaults;

	without.announce_refresh_us = 0;
	begin(ACTIVE, &defaults);
	advance(T0 + 3 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 3 * SECOND), &without);
	ck_assert_int_eq(vr.announcer.next.us, T0 + 5 * SECOND);

	begin(ACTIVE, &defaults);
	advance(T0 + 20 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &without);
	ck_assert(instant_is_never(vr.announcer.next));
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert_int_eq(vr.announcer.next.us, T0 + 50 * SECOND);
}
END_TEST

/* LEASE: an address whose lease changes, also to one without end, is refreshed at once. */
START_TEST(reload_of_the_lease)
{
	struct vrrp_config forever = defaults;

	forever.address_refresh_us = 0;
	begin(ACTIVE, &defaults);
	advance(T0 + 250000);
	vrrp_reconfigure(&vr, at(T0 + 250000), &forever);
	ck_assert_int_eq(refresh_us(), T0 + 250000);
	ck_assert_str_eq(step(T0 + 250000, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert(instant_is_never(vr.timers[VRRP_TIMER_REFRESH]));

	begin(ACTIVE, &forever);
	advance(T0 + 250000);
	vrrp_reconfigure(&vr, at(T0 + 250000), &defaults);
	ck_assert_int_eq(refresh_us(), T0 + 250000);
	ck_assert_str_eq(step(T0 + 250000, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_int_eq(refresh_us(), T0 + 2250000);
}
END_TEST

/* Backups count with the interval that the last advert carried, whatever a reload makes of ours. */
START_TEST(reload_leaves_the_claim)
{
	const int64_t us = T0 + 1900000;
	struct vrrp_config other = defaults;

	other.advert_int_cs = 4000;
	begin(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &other);
	ck_assert_str_eq(step(T0 + 20 * SECOND, EVENT(EV_PRIORITY(254))), "");
	ck_assert_str_eq(advert(T0 + 20 * SECOND, 180), "REMOVE NOTIFY(Backup claim_expired)");

	/* A reload to a shorter interval is no stall. */
	other.advert_int_cs = 10;
	begin(ACTIVE, &defaults);
	advance(us);
	vrrp_reconfigure(&vr, at(us), &other);
	ck_assert_str_eq(step(us, EVENT(EV_PRIORITY(254))), "SEND(254)");
	/* Backups count from that advert on with the interval that it carried: three of 100 ms and
	 * the Skew_Time of a priority of 254, 2/256 of 100 ms = 781 us. */
	ck_assert_str_eq(advert(us + 300780, 180), "SEND(254) ANNOUNCE");
	ck_assert_str_eq(advert(us + 300780 + 300781, 180), "REMOVE NOTIFY(Backup claim_expired)");
}
END_TEST

/* SURVIVE: a reload that changes nothing does not touch an Active. */
START_TEST(reload_of_nothing_in_active)
{
	begin(ACTIVE, &defaults);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert_int_eq(adver_us(), T0 + SECOND);
	ck_assert_int_eq(refresh_us(), T0 + 2 * SECOND);

	/* A leaving router does not announce. */
	begin(ACTIVE, &defaults);
	advance(T0 + 20 * SECOND);
	step(T0 + 20 * SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert(instant_is_never(vr.announcer.next));
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert(instant_is_never(vr.announcer.next));
}
END_TEST

/* A reload sets no timer in Backup or Initialize. */
START_TEST(reload_sets_no_timer_but_in_active)
{
	struct vrrp_config other = defaults;

	other.address_refresh_us = SECOND;
	other.announce_refresh_us = SECOND;
	begin(BACKUP, &defaults);
	vrrp_reconfigure(&vr, at(T0), &other);
	ck_assert_str_eq(timers_text(T0), "down+3218750");
	begin(LINK_DOWN, &defaults);
	vrrp_reconfigure(&vr, at(T0), &other);
	ck_assert_str_eq(timers_text(T0), "");
}
END_TEST

void vrrp_add_reload(Suite *suite)
{
	TCase *stories = tcase_create("reload");

	tcase_add_test(stories, reload_of_the_interval);
	tcase_add_test(stories, reload_keeps_the_reason);
	tcase_add_test(stories, reload_of_preempt);
	tcase_add_test(stories, reload_of_preempt_delay);
	tcase_add_test(stories, reload_of_nothing);
	tcase_add_test(stories, reload_never_postpones_an_active);
	tcase_add_test(stories, reload_of_announce_refresh);
	tcase_add_test(stories, reload_of_the_lease);
	tcase_add_test(stories, reload_leaves_the_claim);
	tcase_add_test(stories, reload_of_nothing_in_active);
	tcase_add_test(stories, reload_sets_no_timer_but_in_active);
	suite_add_tcase(suite, stories);
}
