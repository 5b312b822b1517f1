/* SPDX-License-Identifier: Apache-2.0 */
#include "os/probe_log.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

#define BEGIN_US (1000 * (int64_t)SECOND_US)

static struct probe_log log_state;
static char line[LOG_TEXT_SIZE];
static enum conf_log_level level;
static unsigned lines;

static void setup(void)
{
	probe_log_init(&log_state, (struct instant){BEGIN_US});
	lines = 0;
}

/* One report, so many seconds after the start; its line, "" without one. */
static const char *reported(double second, enum health_result result, const char *stale)
{
	struct instant now = {BEGIN_US + (int64_t)(second * SECOND_US)};
	struct probe_report report = {.result = result};

	if (result != HEALTH_OK)
		snprintf(report.detail, sizeof(report.detail), "%s words",
			 health_result_name(result));
	snprintf(report.stale, sizeof(report.stale), "%s", stale);
	if (!probe_log_report(&log_state, now, &report, &level, line))
		return "";
	lines++;
	return line;
}

static const char *result_at(double second, enum health_result result)
{
	return reported(second, result, "");
}

START_TEST(failure_is_said_when_its_kind_changes)
{
	ck_assert_str_eq(result_at(0, HEALTH_OK), "");
	ck_assert_str_eq(result_at(1, HEALTH_TIMEOUT), "apiserver probe: timeout words");
	ck_assert_int_eq(level, CONF_LOG_INFO);
	for (int i = 2; i < 200; i++)
		ck_assert_str_eq(result_at(i, HEALTH_TIMEOUT), "");
	ck_assert_str_eq(result_at(200, HEALTH_STATUS), "apiserver probe: status words");
	ck_assert_str_eq(result_at(201, HEALTH_OK), "");
	ck_assert_str_eq(result_at(300, HEALTH_STATUS), "apiserver probe: status words");
}
END_TEST

/* etcd is down: ten minutes of a timeout and HTTP 500 in turn. */
START_TEST(each_kind_once_a_minute)
{
	ck_assert_str_eq(result_at(0, HEALTH_OK), "");
	for (int i = 0; i < 600; i++)
		result_at(i, i % 2 ? HEALTH_STATUS : HEALTH_TIMEOUT);
	ck_assert_uint_eq(lines, 20);
	ck_assert_str_eq(result_at(601, HEALTH_TIMEOUT),
			 "apiserver probe: timeout words (29 more in between)");
	ck_assert_str_eq(result_at(602, HEALTH_REFUSED), "apiserver probe: refused words");
}
END_TEST

/* A line that was not allowed is due as soon as it is, if the failure lasts. */
START_TEST(failure_that_lasts_is_said_later)
{
	ck_assert_str_eq(result_at(0, HEALTH_TIMEOUT), "apiserver probe: timeout words");
	ck_assert_str_eq(result_at(1, HEALTH_STATUS), "apiserver probe: status words");
	ck_assert_str_eq(result_at(2, HEALTH_OK), "");
	for (int i = 3; i < 60; i++)
		ck_assert_str_eq(result_at(i, HEALTH_TIMEOUT), "");
	ck_assert_str_eq(result_at(60, HEALTH_TIMEOUT),
			 "apiserver probe: timeout words (57 more in between)");
	ck_assert_str_eq(result_at(61, HEALTH_TIMEOUT), "");
}
END_TEST

START_TEST(warning_without_a_success)
{
	ck_assert_str_eq(result_at(0, HEALTH_CERTIFICATE), "apiserver probe: certificate words");
	ck_assert_str_eq(result_at(29.999999, HEALTH_CERTIFICATE), "");
	ck_assert_str_eq(result_at(30, HEALTH_CERTIFICATE),
			 "no apiserver probe has succeeded in 30 s: certificate words; this node "
			 "stays unready until one does");
	ck_assert_int_eq(level, CONF_LOG_WARNING);
	for (int i = 31; i < 1000; i++)
		ck_assert_str_eq(result_at(i, HEALTH_CERTIFICATE), "");
}
END_TEST

START_TEST(warning_has_the_reason_of_its_moment)
{
	ck_assert_str_eq(result_at(0, HEALTH_UNABLE), "apiserver probe: unable words");
	ck_assert_ptr_nonnull(strstr(result_at(60, HEALTH_TIMEOUT), "in 60 s: timeout words"));
	ck_assert_str_eq(result_at(61, HEALTH_TIMEOUT), "");
}
END_TEST

START_TEST(no_warning_after_a_success)
{
	ck_assert_str_eq(result_at(29, HEALTH_OK), "");
	ck_assert_str_eq(result_at(31, HEALTH_TIMEOUT), "apiserver probe: timeout words");
	ck_assert_str_eq(result_at(1000, HEALTH_TIMEOUT), "");
}
END_TEST

START_TEST(overdue)
{
	const struct instant before = {BEGIN_US + PROBE_LOG_PATIENCE_US - 1};
	const struct instant from = {BEGIN_US + PROBE_LOG_PATIENCE_US};

	ck_assert(!probe_log_is_overdue(&log_state, before));
	ck_assert(probe_log_is_overdue(&log_state, from));
	result_at(1, HEALTH_STATUS);
	ck_assert(probe_log_is_overdue(&log_state, from));
	result_at(40, HEALTH_OK);
	ck_assert(!probe_log_is_overdue(&log_state, from));
	result_at(41, HEALTH_STATUS);
	ck_assert(!probe_log_is_overdue(&log_state, from));
}
END_TEST

START_TEST(unusable_file)
{
	ck_assert_str_eq(reported(0, HEALTH_OK, ""), "");
	ck_assert_str_eq(reported(1, HEALTH_OK, "ca is bad"), "apiserver probe: ca is bad");
	ck_assert_int_eq(level, CONF_LOG_WARNING);
	ck_assert_str_eq(reported(2, HEALTH_OK, "ca is bad"), "");
	/* A failure does not get lost behind it. */
	ck_assert_str_eq(reported(3, HEALTH_STATUS, "ca is bad"), "apiserver probe: status words");
	ck_assert_str_eq(reported(4, HEALTH_STATUS, "ca is worse"), "");
	ck_assert_str_eq(reported(61, HEALTH_STATUS, "ca is worse"),
			 "apiserver probe: ca is worse");
	ck_assert_str_eq(reported(62, HEALTH_TIMEOUT, ""), "apiserver probe: timeout words");
	for (int i = 63; i < 121; i++)
		ck_assert_str_eq(reported(i, HEALTH_TIMEOUT, i % 2 ? "ca is bad" : ""), "");
	ck_assert_str_eq(reported(121, HEALTH_TIMEOUT, "ca is bad"), "apiserver probe: ca is bad");
}
END_TEST

START_TEST(failure_beside_an_unusable_file)
{
	ck_assert_str_eq(reported(1, HEALTH_STATUS, "ca is bad"), "apiserver probe: ca is bad");
	ck_assert_str_eq(reported(2, HEALTH_STATUS, "ca is bad"), "apiserver probe: status words");
	ck_assert_str_eq(reported(3, HEALTH_STATUS, "ca is bad"), "");
}
END_TEST

Suite *suite_probe_log(void)
{
	Suite *suite = suite_create("probe_log");
	TCase *tcase = tcase_create("probe_log");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, failure_is_said_when_its_kind_changes);
	tcase_add_test(tcase, each_kind_once_a_minute);
	tcase_add_test(tcase, failure_that_lasts_is_said_later);
	tcase_add_test(tcase, warning_without_a_success);
	tcase_add_test(tcase, warning_has_the_reason_of_its_moment);
	tcase_add_test(tcase, no_warning_after_a_success);
	tcase_add_test(tcase, overdue);
	tcase_add_test(tcase, unusable_file);
	tcase_add_test(tcase, failure_beside_an_unusable_file);
	suite_add_tcase(suite, tcase);
	return suite;
}
