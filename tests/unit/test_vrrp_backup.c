/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a router in Backup: when and why it takes over. */
#include "test_vrrp.h"

/*
 * BANDS and PREEMPT: what a Backup of each priority does when it hears each priority: S takes over
 * after Skew_Time, F follows the Active, L follows it too, but with `always` it discards the advert
 * of the lower priority (RFC 9568 6.4.2).
 */
static const uint8_t heard_priorities[] = {0, 1, 2, 86, 87, 170, 171, 254, 255};
static const struct {
	const char *what; /* for each of the above */
	uint8_t own;	  /* 1: held down */
} bands[] = {
	{"SSSSSSLFF", 200}, {"SSSSSSFFF", 171}, {"SSSSSSLFF", 254}, {"SSSSLFFFF", 116},
	{"SSSSFFFFF", 87},  {"SSSSLFFFF", 170}, {"SSLFFFFFF", 32},  {"SSLFFFFFF", 3},
	{"SSLFFFFFF", 86},  {"SFFFFFFFF", 1},
};
#define HEARD_COUNT (sizeof(heard_priorities) / sizeof(heard_priorities[0]))

static enum vrrp_reason reason_of(char what, uint8_t heard)
{
	if (what != 'S')
		return what == 'L' ? VRRP_REASON_ACTIVE_LOWER : VRRP_REASON_ACTIVE_DOWN;
	return heard == PRIORITY_STOP	   ? VRRP_REASON_ACTIVE_STOPPED
	       : heard == PRIORITY_LEAVING ? VRRP_REASON_ACTIVE_LEAVING
					   : VRRP_REASON_ACTIVE_UNREADY;
}

START_TEST(bands_of_both_sides)
{
	const uint8_t own = bands[_i].own;
	const int64_t skew_us = (256 - own) * SECOND / 256;

	for (size_t j = 0; j < 3 * HEARD_COUNT; j++) {
		const uint8_t heard = heard_priorities[j / 3];
		struct vrrp_config config = defaults;
		char what = bands[_i].what[j / 3];
		int64_t expected_us = T0 + SECOND + 3 * SECOND + skew_us;

		config.preempt = (enum vrrp_preempt)(j % 3);
		begin_backup(&config, own > LEAVING ? own : READY, T0);
		if (own == LEAVING)
			step(T0, EVENT(EV_STEP_DOWN(HOLD)));
		advert(T0 + SECOND, heard);
		if (what == 'L' && config.preempt != ALWAYS)
			what = 'F';
		if (what == 'S')
			expected_us = T0 + SECOND + skew_us;
		if (what == 'L')
			expected_us = T0 + 3 * SECOND + skew_us;
		check_takeover(expected_us, reason_of(what, heard));
	}
}
END_TEST

/* A node whose apiserver is down takes the role from a leaving Active after one Skew_Time. */
START_TEST(down_node_relieves_a_leaving_active)
{
	begin(DOWN_BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	advert(T0 + 2 * SECOND, LEAVING);
	advance(T0 + 2 * SECOND + SKEW_DOWN);
	ck_assert_str_eq(step(T0 + 2 * SECOND + SKEW_DOWN, EVENT(EV(TIMEOUT))),
			 "ADD ANNOUNCE SEND(32) NOTIFY(Active active_leaving)");
}
END_TEST

/* PREEMPT: the repeated adverts of an Active of a lower band do not postpone the takeover. */
START_TEST(lower_band_adverts_do_not_postpone)
{
	begin(BACKUP, &defaults);
	for (int64_t us = T0 + SECOND; us < T0 + SECOND + SKEW_READY; us += 50000) {
		advert(us, 50);
		check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	}
	/* Nor does a change from one lower band to another. */
	advert(T0 + SECOND + 210000, 120);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	ck_assert_str_eq(step(T0 + SECOND + SKEW_READY, EVENT(EV(TIMEOUT))),
			 TAKEOVER("active_unready"));
}
END_TEST

/* BOUNDS: nor do repeated adverts of priority 0, from whichever router. */
START_TEST(repeated_priority_0_does_not_postpone)
{
	begin(BACKUP, &defaults);
	advert(T0 + 500000, 220);
	for (int64_t us = T0 + SECOND; us < T0 + SECOND + SKEW_READY; us += 50000) {
		advert_from(us, PRIORITY_STOP, (uint8_t)(3 + us / 50000 % 2), 100);
		check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
	}
	ck_assert_ptr_null(vrrp_active_heard(&vr));
	ck_assert_str_eq(step(T0 + SECOND + SKEW_READY, EVENT(EV(TIMEOUT))),
			 TAKEOVER("active_stopped"));
}
END_TEST

/* BOUNDS: a leave that is doubted, and then another router's priority 0. */
START_TEST(stop_does_not_postpone_what_a_doubt_has_begun)
{
	struct vrrp_event leave = EV_ADVERT(PRIORITY_LEAVING, 3, 100);

	leave.advert.doubted = true;
	begin(BACKUP, &defaults);
	advert(T0 + 500000, 220);
	step(T0 + 900000, &leave);
	check_takeover(T0 + 1500000 + SKEW_READY, VRRP_REASON_ACTIVE_LEAVING);
	advert_from(T0 + 1600000, PRIORITY_STOP, 4, 100);
	check_takeover(T0 + 1500000 + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
}
END_TEST

/* An Active of a lower band that stops is waited for no longer than it was. */
START_TEST(stop_of_a_lower_band_keeps_the_takeover)
{
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	advert(T0 + SECOND + 100000, PRIORITY_STOP);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
}
END_TEST

/* A takeover that is near stays: its reason is that of the wait that ends first. */
START_TEST(reason_of_the_wait_that_ends_first)
{
	const int64_t us = T0 + WAIT_READY - SKEW_READY;

	begin(BACKUP, &defaults);
	advert(us + 1, 50);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);

	begin(BACKUP, &defaults);
	advert(us, 50);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_UNREADY);

	begin(BACKUP, &defaults);
	advert(us + 1, PRIORITY_STOP);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* PREEMPT: the reason of the takeover follows the advert that was heard last. */
START_TEST(takeover_reason_follows_the_last_advert)
{
	struct vrrp_config config = defaults;

	begin(BACKUP, &defaults);
	advert(T0, PRIORITY_STOP);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_STOPPED);

	begin(BACKUP, &defaults);
	advert(T0, 50);
	advert(T0 + 1, 180);
	check_takeover(T0 + 1 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_DOWN);

	begin(BACKUP, &defaults);
	advert(T0, PRIORITY_STOP);
	advert(T0 + 1, 180);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_DOWN);

	begin(BACKUP, &defaults);
	advert(T0, 50);
	advert(T0 + 1, LEAVING);
	check_takeover(T0 + SKEW_READY, VRRP_REASON_ACTIVE_LEAVING);

	config.preempt = ALWAYS;
	begin(BACKUP, &config);
	advert(T0 + SECOND, 180);
	advert(T0 + 2 * SECOND, 180);
	advert(T0 + 3 * SECOND, 180);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_LOWER);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_LOWER);
}
END_TEST

/* A takeover that is under way goes on while the Active may be preempted, also within our band. */
START_TEST(takeover_under_way_goes_on)
{
	struct vrrp_config always = defaults;

	always.preempt = ALWAYS;
	begin(BACKUP, &always);
	advert(T0 + SECOND, 50);
	advert(T0 + SECOND + 100000, 180);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_LOWER);

	/* It ends with an Active that may not be preempted; the next one begins anew. */
	advert(T0 + SECOND + 150000, 220);
	check_takeover(T0 + SECOND + 150000 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
	advert(T0 + SECOND + 200000, 50);
	check_takeover(T0 + SECOND + 200000 + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);

	/* A lower Active in our band begins none. */
	begin(BACKUP, &always);
	advert(T0 + SECOND, PRIORITY_STOP);
	advert(T0 + SECOND + 100000, 180);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_LOWER);
	begin(BACKUP, &always);
	advert(T0 + SECOND, 180);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_LOWER);
}
END_TEST

/* PREEMPT: preempt_delay counts from becoming ready, for bands and for `always`. */
START_TEST(preempt_delay_from_readiness)
{
	struct vrrp_config config = defaults;
	static const struct {
		enum vrrp_preempt preempt;
		uint8_t priority;
	} cases[] = {{HEALTH, 50}, {NEVER, 50}, {ALWAYS, 50}, {ALWAYS, 180}};

	config.preempt_delay_us = 5 * SECOND;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool lower_band = cases[i].priority == 50;
		const int64_t preempts_us = T0 + 6 * SECOND + SKEW_READY;
		int64_t us = T0 + SECOND;

		config.preempt = cases[i].preempt;
		begin_backup(&config, DOWN, T0);
		advert(T0 + 900000, 180);
		step(T0 + SECOND, EVENT(EV_PRIORITY(READY)));
		for (; us < T0 + 6 * SECOND; us += 900000) {
			advert(us, cases[i].priority);
			ck_assert_int_eq(takeover_us(), lower_band && preempts_us < us + WAIT_READY
								? preempts_us
								: us + WAIT_READY);
		}
		us -= 900000;
		/* A change of the priority within the band is no becoming ready. */
		step(T0 + 5900000, EVENT(EV_PRIORITY(210)));
		step(T0 + 5900000, EVENT(EV_PRIORITY(READY)));
		/* The end of the delay needs no advert. From then on none postpones. */
		ck_assert_int_eq(takeover_us(), lower_band ? preempts_us : us + WAIT_READY);
		advert(T0 + 6 * SECOND, cases[i].priority);
		check_takeover(lower_band ? preempts_us : us + WAIT_READY,
			       lower_band ? VRRP_REASON_ACTIVE_UNREADY : VRRP_REASON_ACTIVE_LOWER);
	}
}
END_TEST

/* The last moment of preempt_delay follows, the first one after it does not. */
START_TEST(preempt_delay_to_the_microsecond)
{
	struct vrrp_config config = defaults;

	config.preempt = ALWAYS;
	config.preempt_delay_us = 2 * SECOND;
	begin(BACKUP, &config);
	advert(T0 + 2 * SECOND - 1, 180);
	check_takeover(T0 + 2 * SECOND - 1 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);

	begin(BACKUP, &config);
	advert(T0 + 2 * SECOND, 180);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_LOWER);
}
END_TEST

START_TEST(preempt_delay_from_start)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 5 * SECOND;
	begin_backup(&config, READY, T0);
	advert(T0 + SECOND, 50);
	check_takeover(T0 + SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
	for (int64_t us = T0 + 2 * SECOND; us < T0 + 5 * SECOND; us += SECOND) {
		advert(us, 50);
		check_takeover(T0 + 5 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	}
	advert(T0 + 5 * SECOND, 50);
	check_takeover(T0 + 5 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);

	/* Each start of the Backup, but not the end of a time as Active. */
	step(T0 + 5 * SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + 6 * SECOND, EVENT(EV_FAULTS_GONE(2)));
	advert(T0 + 9 * SECOND, 50);
	check_takeover(T0 + 11 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	run_until(VRRP_STATE_ACTIVE);
	advert(T0 + 12 * SECOND, 220);
	advert(T0 + 12 * SECOND, 50);
	check_takeover(T0 + 12 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
}
END_TEST

/* BOUNDS: an Active that is preempted in any case is preempted for its band, said to leave or not.
 */
START_TEST(preempt_delay_and_doubt_end_together)
{
	const struct vrrp_event leaves = {.type = VRRP_EVENT_ADVERT,
					  .advert = {.source = HOST(3),
						     .interval_cs = 100,
						     .priority = LEAVING,
						     .doubted = true}};
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 2 * SECOND;
	begin_backup(&config, READY, T0);
	advert_from(T0 + SECOND / 2, DOWN, 3, 100);
	step(T0 + SECOND, &leaves);
	ck_assert(vr.backup.doubted);
	check_takeover(T0 + 2 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
}
END_TEST

START_TEST(preempt_delay_begins_again_with_readiness)
{
	static const struct {
		uint8_t from, to;
		bool begins;
	} cases[] = {{DOWN, READY, true},	{DOWN, ANSWERING, true}, {ANSWERING, READY, true},
		     {READY, ANSWERING, false}, {READY, 210, false},	 {ANSWERING, DOWN, false}};
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 5 * SECOND;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_backup(&config, cases[i].from, T0);
		advert(T0 + 4 * SECOND - 1, 220);
		step(T0 + 4 * SECOND, EVENT(EV_PRIORITY(cases[i].to)));
		ck_assert_int_eq(vr.preempt_from.us, T0 + (cases[i].begins ? 9 : 5) * SECOND);
	}

	/* A preemption that is under way begins its wait anew. */
	begin_backup(&config, ANSWERING, T0);
	advert(T0 + 5 * SECOND, 220);
	advert(T0 + 6 * SECOND, 50);
	check_takeover(T0 + 6 * SECOND + SKEW_ANSWERING, VRRP_REASON_ACTIVE_UNREADY);
	step(T0 + 6100000, EVENT(EV_PRIORITY(READY)));
	check_takeover(T0 + 6 * SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
	advert(T0 + 9 * SECOND, 50);
	check_takeover(T0 + 11100000 + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);

	/* Nor does a held router become ready. */
	begin(HELD_BACKUP, &config);
	step(T0 + SECOND, EVENT(EV_PRIORITY(210)));
	ck_assert_int_eq(vr.preempt_from.us, T0 + 5 * SECOND);

	begin_backup(&config, READY, T0);
	advert(T0 + 2 * SECOND, 220);
	step(T0 + 4 * SECOND, EVENT(EV_PRIORITY(DOWN)));
	advert(T0 + 4 * SECOND, 220);
	step(T0 + 4500000, EVENT(EV_PRIORITY(READY)));
	advert(T0 + 6 * SECOND, 50);
	check_takeover(T0 + 6 * SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* preempt_delay postpones preemption only, not the takeover from an Active that is gone. */
START_TEST(preempt_delay_is_for_preemption)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 50 * SECOND;
	begin(BACKUP, &config);
	ck_assert_str_eq(step(T0 + WAIT_READY, EVENT(EV(TIMEOUT))), TAKEOVER("active_down"));

	begin(BACKUP, &config);
	advert(T0 + SECOND, PRIORITY_STOP);
	ck_assert_str_eq(step(T0 + SECOND + SKEW_READY, EVENT(EV(TIMEOUT))),
			 TAKEOVER("active_stopped"));

	/* The takeover that the delay kept waiting begins with the stop. */
	begin(BACKUP, &config);
	advert(T0 + SECOND, 50);
	advert(T0 + 2 * SECOND, 50);
	advert(T0 + 3 * SECOND, PRIORITY_STOP);
	check_takeover(T0 + 3 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
	/* A second priority 0 does not begin it again. */
	advert(T0 + 3 * SECOND + 100000, PRIORITY_STOP);
	check_takeover(T0 + 3 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
}
END_TEST

/* Of two routers that speak, the one of the higher band is the Active: the adverts of the other
 * one, which is on its way out, move nothing. */
START_TEST(lower_band_beside_the_active_moves_nothing)
{
	static const uint8_t priorities[] = {LEAVING, DOWN, ANSWERING};

	for (size_t i = 0; i < 3; i++) {
		begin(BACKUP, &defaults);
		advert_from(T0 + SECOND, READY, 4, 100);
		advert_from(T0 + SECOND + 1000, priorities[i], 3, 100);
		check_takeover(T0 + SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);

		/* The Active itself that becomes less ready is preempted after Skew_Time. */
		advert_from(T0 + SECOND + 2000, priorities[i], 4, 100);
		ck_assert_int_eq(takeover_us(), T0 + SECOND + 2000 + SKEW_READY);
	}

	/* A router of the same band takes the place of the Active. */
	begin(BACKUP, &defaults);
	advert_from(T0 + SECOND, READY, 4, 100);
	advert_from(T0 + SECOND + 1000, 171, 3, 100);
	check_takeover(T0 + SECOND + 1000 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* Nor is it followed while preempt_delay runs, or by a Backup that is down, until three intervals
 * have passed without the Active: then it may have taken over from the Active. */
START_TEST(lower_band_is_followed_after_three_intervals)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 50 * SECOND;
	for (int i = 0; i < 2; i++) {
		int64_t wait_us = i == 0 ? WAIT_READY : WAIT_DOWN;

		begin(i == 0 ? BACKUP : DOWN_BACKUP, &config);
		advert_from(T0 + SECOND, READY, 4, 100);
		advert_from(T0 + 4 * SECOND - 1, DOWN, 3, 50);
		check_takeover(T0 + SECOND + wait_us, VRRP_REASON_ACTIVE_DOWN);
		ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, READY);
		advert_from(T0 + 4 * SECOND, DOWN, 3, 50);
		check_takeover(T0 + 4 * SECOND + wait_us / 2, VRRP_REASON_ACTIVE_DOWN);
		ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, DOWN);
	}

	/* Also of an Active that is heard but not followed: 3 x 0.5 s. */
	config.preempt = ALWAYS;
	config.preempt_delay_us = 0;
	begin(BACKUP, &config);
	advert_from(T0 + SECOND, 180, 4, 50);
	advert_from(T0 + 2500000 - 1, DOWN, 3, 100);
	ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, 180);
	advert_from(T0 + 2500000, DOWN, 3, 100);
	ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, DOWN);

	/* Three intervals of that Active, as this router follows them: 3 x 4 s. */
	begin(DOWN_BACKUP, &defaults);
	advert_from(T0 + SECOND, READY, 4, 1000);
	advert_from(T0 + 2 * SECOND, READY, 4, 1000);
	advert_from(T0 + 14 * SECOND - 1, DOWN, 3, 100);
	ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, READY);
	advert_from(T0 + 14 * SECOND, DOWN, 3, 100);
	ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, DOWN);
}
END_TEST

/* BOUNDS: the interval of one advert, forged or mistaken, does not hide the Active for as long as
 * it takes to take over beside it. */
START_TEST(one_long_interval_does_not_hide_the_active)
{
	begin(DOWN_BACKUP, &defaults);
	for (int64_t us = T0 + 500000; us < T0 + 20 * SECOND; us += SECOND) {
		advance(us);
		advert_from(us, 116, 3, 100);
		if (us == T0 + 500000)
			advert_from(T0 + SECOND, 255, 9, 400);
		ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	}
}
END_TEST

/* BOUNDS: Skew_Time follows the interval that is believed. */
START_TEST(skew_time_of_a_new_active)
{
	begin(BACKUP, &defaults);
	advert_from(T0 + SECOND, 220, 3, 400);
	advert_from(T0 + SECOND, PRIORITY_STOP, 3, 400);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
}
END_TEST

/* The Active that has stopped is no Active that another router could speak beside. */
START_TEST(lower_band_after_the_active)
{
	begin(DOWN_BACKUP, &defaults);
	advert(T0 + SECOND, READY);
	advert(T0 + SECOND + 1000, PRIORITY_STOP);
	advert_from(T0 + SECOND + 2000, DOWN, 4, 50);
	check_takeover(T0 + SECOND + 2000 + WAIT_DOWN / 2, VRRP_REASON_ACTIVE_DOWN);

	/* Nor is an Active that has become less ready itself. */
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, READY);
	advert(T0 + SECOND + 1000, DOWN);
	step(T0 + SECOND + 1500, EVENT(EV_PRIORITY(DOWN)));
	advert_from(T0 + SECOND + 2000, DOWN, 4, 50);
	check_takeover(T0 + SECOND + 2000 + WAIT_DOWN / 2, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/*
 * When all nodes are in one band the VIP stays where it is: a takeover that was under way because
 * the Active was in a lower band is called off when this router joins that band or steps down.
 * Active_Down_Timer counts from the advert that was heard last.
 */
START_TEST(preemption_called_off)
{
	static const struct {
		struct vrrp_event event;
		uint8_t active;
		int64_t wait_us;
	} cases[] = {{EV_PRIORITY(DOWN), 50, WAIT_DOWN},
		     {EV_PRIORITY(ANSWERING), 100, WAIT_ANSWERING},
		     {EV_STEP_DOWN(HOLD), 50, WAIT_LEAVING}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(BACKUP, &defaults);
		advert(T0 + SECOND, cases[i].active);
		step(T0 + SECOND + 100000, &cases[i].event);
		check_takeover(T0 + SECOND + cases[i].wait_us, VRRP_REASON_ACTIVE_DOWN);
		advance(T0 + 2 * SECOND);
		advert(T0 + 2 * SECOND, cases[i].active);
		check_takeover(T0 + 2 * SECOND + cases[i].wait_us, VRRP_REASON_ACTIVE_DOWN);
	}

	/* A router that becomes ready again begins another one then. */
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	step(T0 + SECOND + 100000, EVENT(EV_PRIORITY(DOWN)));
	step(T0 + SECOND + 200000, EVENT(EV_PRIORITY(READY)));
	check_takeover(T0 + SECOND + 200000 + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);

	/* A router that only falls to a band between goes on, with the Skew_Time of now. */
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	step(T0 + SECOND + 100000, EVENT(EV_PRIORITY(ANSWERING)));
	check_takeover(T0 + SECOND + SKEW_ANSWERING, VRRP_REASON_ACTIVE_UNREADY);
}
END_TEST

/* `always`: the same for an Active whose priority was lower, also when a reload ends `always`. */
START_TEST(preemption_of_a_lower_priority_called_off)
{
	static const struct vrrp_event why[] = {EV_PRIORITY(DOWN), EV_STEP_DOWN(HOLD)};
	static const int64_t waits_us[] = {WAIT_DOWN, WAIT_LEAVING, WAIT_READY};
	struct vrrp_config always = defaults;

	always.preempt = ALWAYS;
	for (size_t i = 0; i < 3; i++) {
		begin(BACKUP, &always);
		advert(T0 + SECOND, 180);
		advert(T0 + 2 * SECOND, 180);
		advert(T0 + 3 * SECOND, 180);
		if (i < 2)
			step(T0 + 3 * SECOND + 100000, &why[i]);
		else
			vrrp_reconfigure(&vr, at(T0 + 3 * SECOND + 100000), &defaults);
		check_takeover(T0 + 3 * SECOND + waits_us[i], VRRP_REASON_ACTIVE_DOWN);
	}

	/* A router that has become better goes on. 254: 2/256 s = 7,812 us. */
	begin(BACKUP, &always);
	advert(T0 + SECOND, 180);
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(READY)));
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(254)));
	check_takeover(T0 + 3007812, VRRP_REASON_ACTIVE_LOWER);

	/* A reload of anything else leaves it as it is. */
	begin(BACKUP, &always);
	advert(T0 + SECOND, 180);
	always.preempt_delay_us = SECOND;
	vrrp_reconfigure(&vr, at(T0 + 2 * SECOND), &always);
	check_takeover(T0 + WAIT_READY, VRRP_REASON_ACTIVE_LOWER);
}
END_TEST

/* HANDOVER: lowest until the hold ends, then as before; the end needs no advert. */
START_TEST(hold_ends)
{
	begin(HELD_BACKUP, &defaults);
	for (int64_t us = T0 + SECOND; us < T0 + HOLD; us += SECOND) {
		advance(us);
		ck_assert_uint_eq(vrrp_priority(&vr), LEAVING);
		advert(us, 50);
		ck_assert_int_eq(takeover_us(), us + WAIT_LEAVING);
	}
	advance(T0 + HOLD + 1);
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
	check_takeover(T0 + HOLD + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
	advert(T0 + HOLD + 1, 50);
	check_takeover(T0 + HOLD + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
}
END_TEST

/* A second STEP_DOWN counts anew; a hold ends in Initialize too. */
START_TEST(hold_counts_anew)
{
	begin(HELD_BACKUP, &defaults);
	step(T0 + SECOND, EVENT(EV_STEP_DOWN(HOLD)));
	ck_assert_str_eq(timers_text(T0 + SECOND), "down+2996093 hold+60000000");
	step(T0 + 2 * SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	advance(T0 + SECOND + HOLD);
	ck_assert_uint_eq(vrrp_priority(&vr), LEAVING);
	step(T0 + SECOND + HOLD, EVENT(EV(TIMEOUT)));
	ck_assert_str_eq(timers_text(T0 + SECOND + HOLD), "");
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
}
END_TEST

/* STEP_DOWN with 0 ends the hold of an earlier one at once, in Initialize too. */
START_TEST(hold_is_cancelled)
{
	begin(HELD_BACKUP, &defaults);
	step(T0 + SECOND, EVENT(EV_STEP_DOWN(0)));
	ck_assert_str_eq(step(T0 + SECOND, EVENT(EV(TIMEOUT))), "");
	ck_assert_str_eq(timers_text(T0 + SECOND), "down+2218750");
	ck_assert_uint_eq(vrrp_priority(&vr), READY);

	begin(HELD_BACKUP, &defaults);
	step(T0 + SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + SECOND, EVENT(EV_STEP_DOWN(0)));
	step(T0 + SECOND, EVENT(EV(TIMEOUT)));
	ck_assert_str_eq(timers_text(T0 + SECOND), "");
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
}
END_TEST

/* The hold ends at the moment of the takeover: the first advert has the priority of now. */
START_TEST(hold_ends_with_the_takeover)
{
	begin_backup(&defaults, READY, T0);
	step(T0, EVENT(EV_STEP_DOWN(SECOND)));
	ck_assert_str_eq(step(T0 + WAIT_LEAVING, EVENT(EV(TIMEOUT))), TAKEOVER("active_down"));
	ck_assert_str_eq(timers_text(T0 + WAIT_LEAVING),
			 "adver+1000000 refresh+2000000 announce+100000");
}
END_TEST

/* BOUNDS: a new Active is waited for at most one interval of its own, three of ours and Skew_Time;
 * from its second advert on three intervals of its own and Skew_Time. */
START_TEST(interval_is_believed_with_the_second_advert)
{
	static const struct {
		uint16_t interval_cs;
		int64_t first_us, second_us;
	} cases[] = {
		/* 4 + 3 + 56/256 s; 4 x (3 + 56/256) s */
		{4095, 7218750, 12875000},
		{401, 7218750, 12875000},
		{400, 7218750, 12875000},
		{399, 7208750, 12842812},
		{200, 5218750, 6437500},
		/* 1.51 + 3 + 56/256 s; 3 x 1.51 would be more */
		{151, 4728750, 4860312},
		/* here it is the same, and here less */
		{150, 4718750, 4828125},
		{149, 4688750, 4795937},
		{120, 3818750, 3862500},
		{100, WAIT_READY, WAIT_READY},
		{50, WAIT_READY / 2, WAIT_READY / 2},
		/* 30,000 + 56/256 x 10,000 = 2,187 */
		{1, 32187, 32187},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(BACKUP, &defaults);
		advert_from(T0 + SECOND, 220, 3, cases[i].interval_cs);
		ck_assert_int_eq(takeover_us(), T0 + SECOND + cases[i].first_us);
		advert_from(T0 + SECOND + 1000, 220, 3, cases[i].interval_cs);
		ck_assert_int_eq(takeover_us(), T0 + SECOND + 1000 + cases[i].second_us);
	}
}
END_TEST

/* BOUNDS: two routers that take turns are new each time. */
START_TEST(alternating_sources_are_new_each_time)
{
	begin(BACKUP, &defaults);
	for (int64_t i = 0; i < 6; i++) {
		const int64_t us = T0 + SECOND + i * 500000;

		advert_from(us, 220, (uint8_t)(3 + i % 2), 400);
		ck_assert_int_eq(takeover_us(), us + 7218750);
	}

	/* A router beside the Active does not make the Active new. */
	advert_from(T0 + 5 * SECOND, 220, 3, 400);
	advert_from(T0 + 5 * SECOND, 50, 4, 400);
	advert_from(T0 + 6 * SECOND, 220, 3, 400);
	ck_assert_int_eq(takeover_us(), T0 + 6 * SECOND + 12875000);

	/* An Active that has stopped is new when it comes again. */
	advert_from(T0 + 6 * SECOND, PRIORITY_STOP, 3, 400);
	advert_from(T0 + 7 * SECOND, 220, 3, 400);
	ck_assert_int_eq(takeover_us(), T0 + 7 * SECOND + 7218750);
}
END_TEST

/* Skew_Time of a stopped Active is that of its interval as it was followed, at most 4 s. */
START_TEST(skew_time_of_the_followed_interval)
{
	begin(BACKUP, &defaults);
	advert_from(T0 + SECOND, 220, 3, 1000);
	advert_from(T0 + 2 * SECOND, 220, 3, 1000);
	ck_assert_int_eq(vrrp_skew_time_us(&vr), 875000);
	ck_assert_int_eq(vrrp_active_down_interval_us(&vr), 12875000);
	advert(T0 + 3 * SECOND, PRIORITY_STOP);
	check_takeover(T0 + 3 * SECOND + 875000, VRRP_REASON_ACTIVE_STOPPED);
}
END_TEST

/* Which Active a Backup knows. */
START_TEST(active_heard)
{
	const struct vrrp_heard *heard;

	begin(BACKUP, &defaults);
	ck_assert_ptr_null(vrrp_active_heard(&vr));
	advert_from(T0 + SECOND, 220, 7, 40);
	heard = vrrp_active_heard(&vr);
	ck_assert(addr_equal(&heard->address, &(struct addr)HOST(7)));
	ck_assert_uint_eq(heard->priority, 220);
	ck_assert_uint_eq(heard->interval_cs, 40);
	ck_assert_int_eq(heard->at.us, T0 + SECOND);
	/* An Active that is about to be preempted is the Active. */
	advert_from(T0 + 2 * SECOND, 50, 7, 40);
	ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, 50);
	advert_from(T0 + 2 * SECOND, PRIORITY_STOP, 7, 40);
	ck_assert_ptr_null(vrrp_active_heard(&vr));

	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 220);
	step(T0 + SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	ck_assert_ptr_null(vrrp_active_heard(&vr));
	step(T0 + SECOND, EVENT(EV_FAULTS_GONE(2)));
	ck_assert_ptr_null(vrrp_active_heard(&vr));

	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_ptr_null(vrrp_active_heard(&vr));
	/* The winner of an Active is known at once. */
	advert(T0 + 3 * SECOND, 220);
	ck_assert_uint_eq(vrrp_active_heard(&vr)->priority, 220);
}
END_TEST

/* ORDER, however late the turn is. */
START_TEST(late_takeover)
{
	begin(BACKUP, &defaults);
	ck_assert_str_eq(step(T0 + 60 * SECOND, EVENT(EV(TIMEOUT))), TAKEOVER("active_down"));
	ck_assert_str_eq(timers_text(T0 + 60 * SECOND),
			 "adver+1000000 refresh+2000000 announce+100000");
}
END_TEST

/* PRIORITY: Skew_Time is that of now, for the wait that runs and for the next one. */
START_TEST(priority_moves_the_takeover)
{
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 220);
	step(T0 + 1500000, EVENT(EV_PRIORITY(DOWN)));
	check_takeover(T0 + SECOND + WAIT_DOWN, VRRP_REASON_ACTIVE_DOWN);
	advert(T0 + 2 * SECOND, 220);
	check_takeover(T0 + 2 * SECOND + WAIT_DOWN, VRRP_REASON_ACTIVE_DOWN);
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(ANSWERING)));
	check_takeover(T0 + 2 * SECOND + WAIT_ANSWERING, VRRP_REASON_ACTIVE_DOWN);

	/* A better priority than that of the Active in the same band changes no wait. */
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(254)));
	check_takeover(T0 + 5007812, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* A stopped Active is waited for Skew_Time of now, from the stop on. */
START_TEST(priority_after_a_stop)
{
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, PRIORITY_STOP);
	step(T0 + SECOND + 100000, EVENT(EV_PRIORITY(DOWN)));
	check_takeover(T0 + SECOND + SKEW_DOWN, VRRP_REASON_ACTIVE_STOPPED);
	step(T0 + SECOND + 200000, EVENT(EV_STEP_DOWN(HOLD)));
	check_takeover(T0 + SECOND + SKEW_LEAVING, VRRP_REASON_ACTIVE_STOPPED);
	step(T0 + SECOND + 200000, EVENT(EV_FAULT(LINK_DOWN)));
	ck_assert(instant_is_never(vr.backup.lower_since));
}
END_TEST

void vrrp_add_backup(Suite *suite)
{
	TCase *stories = tcase_create("backup");

	tcase_add_loop_test(stories, bands_of_both_sides, 0,
			    (int)(sizeof(bands) / sizeof(bands[0])));
	tcase_add_test(stories, down_node_relieves_a_leaving_active);
	tcase_add_test(stories, lower_band_adverts_do_not_postpone);
	tcase_add_test(stories, repeated_priority_0_does_not_postpone);
	tcase_add_test(stories, stop_does_not_postpone_what_a_doubt_has_begun);
	tcase_add_test(stories, stop_of_a_lower_band_keeps_the_takeover);
	tcase_add_test(stories, reason_of_the_wait_that_ends_first);
	tcase_add_test(stories, takeover_reason_follows_the_last_advert);
	tcase_add_test(stories, takeover_under_way_goes_on);
	tcase_add_test(stories, preempt_delay_from_readiness);
	tcase_add_test(stories, preempt_delay_to_the_microsecond);
	tcase_add_test(stories, preempt_delay_and_doubt_end_together);
	tcase_add_test(stories, preempt_delay_from_start);
	tcase_add_test(stories, preempt_delay_begins_again_with_readiness);
	tcase_add_test(stories, preempt_delay_is_for_preemption);
	tcase_add_test(stories, lower_band_beside_the_active_moves_nothing);
	tcase_add_test(stories, lower_band_is_followed_after_three_intervals);
	tcase_add_test(stories, lower_band_after_the_active);
	tcase_add_test(stories, one_long_interval_does_not_hide_the_active);
	tcase_add_test(stories, skew_time_of_a_new_active);
	tcase_add_test(stories, preemption_called_off);
	tcase_add_test(stories, preemption_of_a_lower_priority_called_off);
	tcase_add_test(stories, hold_ends);
	tcase_add_test(stories, hold_counts_anew);
	tcase_add_test(stories, hold_is_cancelled);
	tcase_add_test(stories, hold_ends_with_the_takeover);
	tcase_add_test(stories, interval_is_believed_with_the_second_advert);
	tcase_add_test(stories, alternating_sources_are_new_each_time);
	tcase_add_test(stories, skew_time_of_the_followed_interval);
	tcase_add_test(stories, active_heard);
	tcase_add_test(stories, late_takeover);
	tcase_add_test(stories, priority_moves_the_takeover);
	tcase_add_test(stories, priority_after_a_stop);
	suite_add_tcase(suite, stories);
}
