/* SPDX-License-Identifier: Apache-2.0 */
/* Names and numbers, and stories of a router in Initialize: faults, retries, starts. */
#include "test_vrrp.h"

START_TEST(skew_time_and_active_down_interval)
{
	static const struct {
		uint8_t priority;
		uint16_t interval_cs;
		int64_t skew_us, down_us;
	} numbers[] = {
		{200, 100, 218750, 3218750},	{254, 1, 78, 30078},
		{100, 100, 609375, 3609375},	{101, 25, 151367, 901367},
		{3, 4095, 40470117, 163320117}, {128, 4095, 20475000, 143325000},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct vrrp_config config = defaults;

		config.advert_int_cs = numbers[i].interval_cs;
		begin_backup(&config, numbers[i].priority, T0);
		ck_assert_int_eq(vrrp_skew_time_us(&vr), numbers[i].skew_us);
		ck_assert_int_eq(vrrp_active_down_interval_us(&vr), numbers[i].down_us);
		check_takeover(T0 + numbers[i].down_us, VRRP_REASON_ACTIVE_DOWN);
	}
}
END_TEST

START_TEST(names)
{
	static const char *const faults[VRRP_FAULT_COUNT] = {
		"none",	      "no_interface", "is_port",
		"link_down",  "no_address",   "duplicate_address",
		"not_a_peer", "no_socket",    "add_failed",
	};
	static const char *const reasons[VRRP_REASON_COUNT] = {
		"startup",	   "resumed",	     "recovered",      "active_down",
		"active_stopped",  "active_leaving", "active_unready", "active_lower",
		"higher_priority", "claim_expired",  "step_down",      "shutdown",
		"fault",
	};

	ck_assert_str_eq(vrrp_state_name(VRRP_STATE_INITIALIZE), "Initialize");
	ck_assert_str_eq(vrrp_state_name(VRRP_STATE_BACKUP), "Backup");
	ck_assert_str_eq(vrrp_state_name(VRRP_STATE_ACTIVE), "Active");
	for (int i = 0; i < VRRP_FAULT_COUNT; i++) {
		ck_assert_str_eq(vrrp_fault_name((enum vrrp_fault)i), faults[i]);
		ck_assert_str_eq(vrrp_why_name(VRRP_REASON_FAULT, (enum vrrp_fault)i), faults[i]);
	}
	for (int i = 0; i < VRRP_REASON_COUNT; i++) {
		ck_assert_str_eq(vrrp_reason_name((enum vrrp_reason)i), reasons[i]);
		if (i != VRRP_REASON_FAULT)
			ck_assert_str_eq(vrrp_why_name((enum vrrp_reason)i, VRRP_FAULT_LINK_DOWN),
					 reasons[i]);
	}
}
END_TEST

START_TEST(configs_are_equal)
{
	struct vrrp_config other = defaults;

	ck_assert(vrrp_config_equal(&defaults, &other));
	other.preempt = NEVER;
	ck_assert(!vrrp_config_equal(&defaults, &other));
	other = defaults;
	other.advert_int_cs++;
	ck_assert(!vrrp_config_equal(&defaults, &other));
	other = defaults;
	other.preempt_delay_us++;
	ck_assert(!vrrp_config_equal(&defaults, &other));
	other = defaults;
	other.address_refresh_us++;
	ck_assert(!vrrp_config_equal(&defaults, &other));
	other = defaults;
	other.announce_refresh_us++;
	ck_assert(!vrrp_config_equal(&defaults, &other));
}
END_TEST

/* A stop forgets the retry, a start sets it again. */
START_TEST(start_after_a_failed_addition)
{
	begin(ADD_FAILED, &defaults);
	step(T0 + 500000, EVENT(EV(SHUTDOWN)));
	ck_assert_str_eq(step(T0 + SECOND, EVENT(EV(STARTUP))), "NOTIFY(Initialize add_failed)");
	ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + SECOND + VRRP_RETRY_US);
}
END_TEST

/* A retry is not made while something else keeps the router in Initialize. */
START_TEST(retry_waits_for_the_link)
{
	begin(ADD_FAILED, &defaults);
	step(T0 + 500000, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + SECOND, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(vr.fault, VRRP_FAULT_LINK_DOWN);
	ck_assert_str_eq(step(T0 + 5 * SECOND, EVENT(EV_FAULTS_GONE(2))),
			 "NOTIFY(Backup recovered)");
}
END_TEST

/* ORDER: the addresses fail again with each takeover, and each failure is retried. */
START_TEST(addresses_that_can_never_be_added)
{
	begin(CANNOT_ADD_BACKUP, &defaults);
	for (int64_t us = T0 + WAIT_READY; us < T0 + HOLD; us += SECOND + WAIT_READY) {
		advance(us);
		ck_assert_str_eq(step(us, EVENT(EV(TIMEOUT))),
				 "ADD REMOVE NOTIFY(Initialize add_failed)");
		ck_assert_str_eq(timers_text(us), "retry+1000000");
	}
}
END_TEST

/* The retry counts from the moment at which the addition failed. */
START_TEST(slow_addition_that_fails)
{
	begin(SLOW_BACKUP, &defaults);
	world.add_fails = true;
	step(T0 + WAIT_READY, EVENT(EV(TIMEOUT)));
	ck_assert_str_eq(timers_text(T0 + WAIT_READY), "retry+1700000");
}
END_TEST

/* The reason of a router that waits is the fault of now. */
START_TEST(fault_after_fault)
{
	begin(LINK_DOWN, &defaults);
	step(T0 + SECOND, EVENT(EV_FAULT(NO_INTERFACE)));
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_FAULT);
	ck_assert_int_eq(vr.fault, VRRP_FAULT_NO_INTERFACE);

	begin(CONFIGURED, &defaults);
	step(T0, EVENT(EV_FAULT(LINK_DOWN)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_FAULT);
	ck_assert_int_eq(vr.fault, VRRP_FAULT_LINK_DOWN);
	ck_assert_str_eq(step(T0, EVENT(EV(STARTUP))), "NOTIFY(Initialize link_down)");
	ck_assert_str_eq(step(T0 + SECOND, EVENT(EV_FAULTS_GONE(2))), "NOTIFY(Backup recovered)");
	ck_assert_int_eq(vr.fault, VRRP_FAULT_NONE);
}
END_TEST

/* The reason is what people read: why the router does not run. */
START_TEST(reason_in_initialize)
{
	begin(NEW, &defaults);
	ck_assert_int_eq(vr.reason, VRRP_REASON_FAULT);
	ck_assert_int_eq(vr.fault, VRRP_FAULT_NO_INTERFACE);

	begin(LINK_DOWN, &defaults);
	step(T0 + SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_FAULT);
	ck_assert_int_eq(vr.fault, VRRP_FAULT_LINK_DOWN);
	step(T0 + SECOND, EVENT(EV_FAULTS_GONE(2)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_STARTUP);
	ck_assert_int_eq(vr.fault, VRRP_FAULT_NONE);
	step(T0 + SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_SHUTDOWN);
}
END_TEST

/* What a router learns while it waits counts for its start. */
START_TEST(priority_and_primary_in_initialize)
{
	begin(LINK_DOWN, &defaults);
	step(T0 + SECOND, EVENT(EV_PRIORITY(DOWN)));
	step(T0 + SECOND, EVENT(EV_FAULTS_GONE(5)));
	check_takeover(T0 + SECOND + WAIT_DOWN, VRRP_REASON_ACTIVE_DOWN);
	ck_assert(addr_equal(&vr.primary, &(struct addr)HOST(5)));

	step(T0 + 2 * SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	ck_assert(addr_equal(&vr.primary, &(struct addr)HOST(5)));

	begin(ADD_FAILED, &defaults);
	step(T0, EVENT(EV_PRIMARY(6)));
	ck_assert(addr_equal(&vr.primary, &(struct addr)HOST(6)));
}
END_TEST

/* A start forgets the Active of before: beside it a router of a lower band would mean nothing. */
START_TEST(start_forgets_the_active)
{
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, 220);
	step(T0 + SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + SECOND, EVENT(EV_FAULTS_GONE(2)));
	advert_from(T0 + SECOND, DOWN, 4, 100);
	check_takeover(T0 + SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);

	/* And that it had stopped or was in a lower band. */
	begin(BACKUP, &defaults);
	advert(T0 + SECOND, PRIORITY_STOP);
	step(T0 + SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + 2 * SECOND, EVENT(EV_FAULTS_GONE(2)));
	check_takeover(T0 + 2 * SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
	advert(T0 + 3 * SECOND, PRIORITY_STOP);
	check_takeover(T0 + 3 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_STOPPED);
}
END_TEST

/* 6.4.1-2: a start forgets the interval of an Active of before. */
START_TEST(start_forgets_the_interval)
{
	begin(BACKUP, &defaults);
	advert_from(T0 + SECOND, 220, 3, 300);
	advert_from(T0 + SECOND, 220, 3, 300);
	step(T0 + 2 * SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + 3 * SECOND, EVENT(EV_FAULTS_GONE(2)));
	check_takeover(T0 + 3 * SECOND + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
}
END_TEST

/* RESUME: the claim of a process that said priority 200 at T0, with an interval of 1 s. */
static struct vrrp_event startup_with(struct vrrp_claim claim)
{
	return (struct vrrp_event){.type = VRRP_EVENT_STARTUP, .claim = claim};
}

static const struct vrrp_claim claim_of_t0 = {.at = {T0},
					      .interval_cs = 100,
					      .priority = READY,
					      .tenure_short = {INT64_MAX},
					      .tenure_long = {INT64_MAX}};

START_TEST(resume)
{
	const struct vrrp_event event = startup_with(claim_of_t0);

	begin(CONFIGURED, &defaults);
	ck_assert_str_eq(step(T0 + 200000, &event), "NOTIFY(Active resumed)");
	ck_assert_str_eq(timers_text(T0 + 200000), "adver+0 refresh+0 announce+0");
	ck_assert(!vrrp_claim_expired(&vr, at(T0 + WAIT_READY - 1)));
	ck_assert_str_eq(step(T0 + 200000, EVENT(EV(TIMEOUT))), "ADD ANNOUNCE SEND(200)");
	ck_assert_str_eq(timers_text(T0 + 200000), TAKEN_OVER);

	/* SOCKETS FIRST: what the sockets hold comes before that. */
	begin(CONFIGURED, &defaults);
	step(T0 + 200000, &event);
	ck_assert_str_eq(advert(T0 + 200000, 220), "SEND(1) REMOVE NOTIFY(Backup higher_priority)");

	/* A process that cannot add the addresses does not go on. */
	begin(CONFIGURED, &defaults);
	step(T0 + 200000, &event);
	world.add_fails = true;
	ck_assert_str_eq(step(T0 + 200000, EVENT(EV(TIMEOUT))),
			 "ADD SEND(0) REMOVE NOTIFY(Initialize add_failed)");
}
END_TEST

/* preempt_delay counts from the start of this process. */
START_TEST(preempt_delay_after_resume)
{
	const struct vrrp_event event = startup_with(claim_of_t0);
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 5 * SECOND;
	begin(CONFIGURED, &config);
	step(T0 + 200000, &event);
	advert(T0 + 200000, 220);
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	advert(T0 + 300000, ANSWERING);
	check_takeover(T0 + 300000 + WAIT_READY, VRRP_REASON_ACTIVE_DOWN);
	advert(T0 + 3 * SECOND, ANSWERING);
	check_takeover(T0 + 200000 + 5 * SECOND + SKEW_READY, VRRP_REASON_ACTIVE_UNREADY);
}
END_TEST

/* Three intervals after the last advert the best Backup takes over, if its priority is high. */
START_TEST(claims_that_do_not_last)
{
	static const struct {
		int64_t after_us;
		uint16_t interval_cs;
		uint8_t priority;
		bool lasts;
	} rows[] = {
		{0, 100, READY, true},
		{-1, 100, READY, false},
		{2999999, 100, READY, true},
		{3000000, 100, READY, false},
		{29999, 1, READY, true},
		{30000, 1, READY, false},
		{200000, 0, READY, false},
		{200000, 100, LEAVING, false},
		{200000, 100, PRIORITY_STOP, false},
		{200000, 100, DOWN, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vrrp_claim claim = claim_of_t0;
		const int64_t us = T0 + rows[i].after_us;
		struct vrrp_event event;

		claim.interval_cs = rows[i].interval_cs;
		claim.priority = rows[i].priority;
		event = startup_with(claim);
		begin(CONFIGURED, &defaults);
		step(us, &event);
		ck_assert_int_eq(vr.state, rows[i].lasts ? VRRP_STATE_ACTIVE : VRRP_STATE_BACKUP);
		if (!rows[i].lasts)
			ck_assert_int_eq(takeover_us(), us + WAIT_READY);
	}

	/* Nor does a fault wait for it. */
	begin(NEW, &defaults);
	step(T0 + 200000, &(struct vrrp_event){.type = VRRP_EVENT_STARTUP, .claim = claim_of_t0});
	step(T0 + 300000, EVENT(EV_FAULTS_GONE(2)));
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
}
END_TEST

/* What a router hands on: only an Active that does not leave has a claim. */
START_TEST(claim_to_hand_on)
{
	struct vrrp_claim claim;

	begin(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND + 1);
	claim = vrrp_claim(&vr);
	ck_assert_int_eq(claim.at.us, T0 + 10 * SECOND);
	ck_assert_uint_eq(claim.interval_cs, 100);
	ck_assert_uint_eq(claim.priority, READY);
	ck_assert(instant_is_never(claim.tenure_long));
	world.send_fails = true;
	advance(T0 + 11 * SECOND + 1);
	ck_assert_int_eq(vrrp_claim(&vr).at.us, T0 + 10 * SECOND);

	begin(STEPPING_DOWN, &defaults);
	ck_assert_uint_eq(vrrp_claim(&vr).interval_cs, 0);
	begin(SHUTTING_DOWN, &defaults);
	ck_assert_uint_eq(vrrp_claim(&vr).interval_cs, 0);
	begin(BACKUP, &defaults);
	ck_assert_uint_eq(vrrp_claim(&vr).interval_cs, 0);
	begin(LINK_DOWN, &defaults);
	ck_assert_uint_eq(vrrp_claim(&vr).interval_cs, 0);
}
END_TEST

/* TENURE goes on where it was. */
START_TEST(resume_of_a_new_active)
{
	struct vrrp_claim claim = claim_of_t0;
	struct vrrp_config config = defaults;

	claim.tenure_short = at(T0 + 100000);
	claim.tenure_long = at(T0 + 50 * SECOND);
	begin(CONFIGURED, &defaults);
	step(T0 + 50000, &(struct vrrp_event){.type = VRRP_EVENT_STARTUP, .claim = claim});
	ck_assert_str_eq(timers_text(T0 + 50000),
			 "adver+0 short+50000 long+49950000 refresh+0 announce+0");
	ck_assert_uint_eq(vrrp_priority(&vr), 171);
	begin(CONFIGURED, &defaults);
	step(T0 + 200000, &(struct vrrp_event){.type = VRRP_EVENT_STARTUP, .claim = claim});
	ck_assert_str_eq(timers_text(T0 + 200000), "adver+0 long+49800000 refresh+0 announce+0");
	ck_assert_uint_eq(vrrp_priority(&vr), 172);

	/* The file says `preempt always` now. */
	config.preempt = VRRP_PREEMPT_ALWAYS;
	begin(CONFIGURED, &config);
	step(T0 + 50000, &(struct vrrp_event){.type = VRRP_EVENT_STARTUP, .claim = claim});
	ck_assert_str_eq(timers_text(T0 + 50000), "adver+0 refresh+0 announce+0");
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
}
END_TEST

void vrrp_add_start(Suite *suite)
{
	TCase *stories = tcase_create("start");

	tcase_add_test(stories, skew_time_and_active_down_interval);
	tcase_add_test(stories, names);
	tcase_add_test(stories, configs_are_equal);
	tcase_add_test(stories, retry_waits_for_the_link);
	tcase_add_test(stories, start_after_a_failed_addition);
	tcase_add_test(stories, addresses_that_can_never_be_added);
	tcase_add_test(stories, slow_addition_that_fails);
	tcase_add_test(stories, fault_after_fault);
	tcase_add_test(stories, reason_in_initialize);
	tcase_add_test(stories, start_forgets_the_active);
	tcase_add_test(stories, start_forgets_the_interval);
	tcase_add_test(stories, priority_and_primary_in_initialize);
	tcase_add_test(stories, resume);
	tcase_add_test(stories, preempt_delay_after_resume);
	tcase_add_test(stories, claims_that_do_not_last);
	tcase_add_test(stories, claim_to_hand_on);
	tcase_add_test(stories, resume_of_a_new_active);
	suite_add_tcase(suite, stories);
}
