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
		"startup",	  "recovered",	    "active_down",  "active_stopped",
		"active_leaving", "active_unready", "active_lower", "higher_priority",
		"claim_expired",  "step_down",	    "shutdown",	    "fault",
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
	suite_add_tcase(suite, stories);
}
