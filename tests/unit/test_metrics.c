/* SPDX-License-Identifier: Apache-2.0 */
#include "report/metrics.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

static unsigned long long value_of(const char *text, const char *series)
{
	char start[160];
	const char *found;

	snprintf(start, sizeof(start), "\n%s ", series);
	found = strstr(text, start);
	ck_assert_msg(found != NULL, "no %s", series);
	return strtoull(found + strlen(start), NULL, 10);
}

START_TEST(metrics_values)
{
	char *text;

	node_probe(HEALTH_TIMEOUT, 0, 2000000, "no answer");
	strcpy(node.routers[1]->elsewhere[1], "lo");
	text = node_printed(metrics_text);
	ck_assert_uint_eq(value_of(text, "cpvrrp_build_info{version=\"" VERSION "\"}"), 1);
#define V4 "instance=\"apiserver\",family=\"ipv4\""
#define V6 "instance=\"ingress\",family=\"ipv6\""
	ck_assert_uint_eq(value_of(text, "cpvrrp_active{" V4 "}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_active{" V6 "}"), 0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_priority{" V6 "}"), 216);
	ck_assert_uint_eq(value_of(text, "cpvrrp_adverts_sent_total{" V4 "}"), 42);
	ck_assert_uint_eq(value_of(text, "cpvrrp_vip_present{" V4 ",address=\"10.10.10.10\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_vip_present{" V6 ",address=\"fd00::10\"}"), 0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_vip_elsewhere{" V4 ",address=\"10.10.10.10\"}"),
			  0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_vip_elsewhere{" V6 ",address=\"fd00::10\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_transitions_total{" V4
					 ",to=\"Active\",reason=\"active_down\"}"),
			  1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_transitions_total{" V4
					 ",to=\"Active\",reason=\"active_stopped\"}"),
			  0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_last_transition_timestamp_seconds{" V4 "}"),
			  1795379407);
	ck_assert_uint_eq(
		value_of(text, "cpvrrp_adverts_rejected_total{" V4 ",reason=\"checksum\"}"), 7);
	ck_assert_uint_eq(value_of(text, "cpvrrp_adverts_rejected_total{instance=\"\",family=\"\","
					 "reason=\"unknown_vrid\"}"),
			  3);
	ck_assert_uint_eq(value_of(text, "cpvrrp_apiserver_ready"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_apiserver_probes_total{result=\"timeout\"}"), 1);
#define DURATION "cpvrrp_apiserver_probe_duration_seconds"
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"0.0025\"}"), 0);
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"0.005\"}"), 1);
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"1\"}"), 1);
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"+Inf\"}"), 2);
	ck_assert_uint_eq(value_of(text, DURATION "_count"), 2);
	ck_assert_ptr_nonnull(strstr(text, "\n" DURATION "_sum 2.003100\n"));
	ck_assert_uint_eq(value_of(text, "cpvrrp_balance_rules"), 0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_balance_failures_total"), 5);
	ck_assert_uint_eq(value_of(text, "cpvrrp_balance_lost_total"), 2);
	ck_assert_uint_eq(value_of(text, "cpvrrp_balance_connections{instance=\"ingress\","
					 "family=\"ipv6\",member=\"fe80::1\"}"),
			  42);
	ck_assert_ptr_null(strstr(text, "cpvrrp_balance_connections{instance=\"ingress\","
					"family=\"ipv6\",member=\"fe80::2\""));
	ck_assert_uint_eq(value_of(text, "cpvrrp_balance_slots{instance=\"ingress\","
					 "family=\"ipv6\",member=\"fe80::2\"}"),
			  1024);
	ck_assert_ptr_nonnull(strstr(text, "\ncpvrrp_loop_late_seconds_max 0.001500\n"));
	free(text);
}
END_TEST

START_TEST(metrics_conditions)
{
	char *text;

	node_condition(1, 1, "is down");
	text = node_printed(metrics_text);
	ck_assert_uint_eq(value_of(text, "cpvrrp_condition_met{" V6
					 ",kind=\"file\",name=\"/run/cpvrrp/maintenance\"}"),
			  1);
	ck_assert_uint_eq(
		value_of(text, "cpvrrp_condition_met{" V6 ",kind=\"interface\",name=\"eth1\"}"), 0);
	ck_assert_ptr_null(strstr(text, "cpvrrp_condition_met{" V4));
	free(text);
}
END_TEST

/* Each line as the format has it, each family with its HELP and TYPE before, counters in _total. */
START_TEST(metrics_format)
{
	static const char sample[] = "^[a-z_]+(\\{[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\""
				     "(,[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\")*\\})? [0-9.]+$";
	char family[64] = "", type[16] = "", *text, *rest, *line;
	regex_t regex;

	ck_assert_int_eq(regcomp(&regex, sample, REG_EXTENDED | REG_NOSUB), 0);
	text = rest = node_printed(metrics_text);
	while ((line = strsep(&rest, "\n")) && rest) {
		if (sscanf(line, "# HELP %63s", family) == 1)
			continue;
		if (*line == '#') {
			char name[64];

			ck_assert_int_eq(sscanf(line, "# TYPE %63s %15s", name, type), 2);
			ck_assert_str_eq(name, family);
			ck_assert_int_eq(strcmp(type, "counter") == 0,
					 strlen(name) > 6 &&
						 strcmp(name + strlen(name) - 6, "_total") == 0);
			continue;
		}
		ck_assert_msg(regexec(&regex, line, 0, NULL, 0) == 0, "%s", line);
		ck_assert_int_eq(strncmp(line, family, strlen(family)), 0);
	}
	ck_assert_str_eq(line, "");
	regfree(&regex);
	free(text);
}
END_TEST

START_TEST(metrics_members)
{
	struct group_status said = {.state = VRRP_STATE_BACKUP, .priority = 177};
	char *text;

	said.other.family = ADDR_FAMILY_IPV6;
	node.now.us -= 12 * SECOND_US;
	node_hear_status(0, "10.10.10.4", &said, NULL);
	said.leaving = true;
	node_hear_status(0, "10.10.10.5", &said, NULL);
	said.leaving = false;
	node.now.us += 12 * SECOND_US;
	node_hear_status(0, "10.10.10.2", &said, "10.10.10.1");
	said.priority = 9;
	node_hear_status(0, "10.10.10.3", &said, NULL);
	text = node_printed(metrics_text);
	ck_assert_uint_eq(value_of(text, "cpvrrp_members{" V4 ",band=\"ready\"}"), 2);
	ck_assert_uint_eq(value_of(text, "cpvrrp_members{" V4 ",band=\"down\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_members{" V4 ",band=\"answering\"}"), 0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_members{" V6 ",band=\"ready\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_member_alive{" V4 ",member=\"10.10.10.1\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_member_alive{" V4 ",member=\"10.10.10.2\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_member_alive{" V4 ",member=\"10.10.10.4\"}"), 0);
	ck_assert_ptr_null(strstr(text, "10.10.10.5"));
#define HEARD(m, b) "cpvrrp_member_heard{" V4 ",member=\"10.10.10." m "\",by=\"10.10.10." b "\"}"
	ck_assert_uint_eq(value_of(text, HEARD("1", "2")), 1);
	ck_assert_uint_eq(value_of(text, HEARD("1", "3")), 0);
	ck_assert_uint_eq(value_of(text, HEARD("3", "2")), 0);
	ck_assert_uint_eq(value_of(text, HEARD("2", "1")), 1);
	ck_assert_ptr_null(strstr(text, ",by=\"10.10.10.4\""));
	ck_assert_ptr_null(strstr(text, "member=\"10.10.10.4\",by"));
	ck_assert_uint_eq(value_of(text, "cpvrrp_status_received_total{" V4 "}"), 4);
	ck_assert_uint_eq(value_of(text, "cpvrrp_status_rejected_total{" V4 ",reason=\"surplus\"}"),
			  0);
	free(text);
	node.routers[0]->settings.members = false;
	text = node_printed(metrics_text);
	ck_assert_ptr_null(strstr(text, "cpvrrp_members{" V4));
	ck_assert_ptr_null(strstr(text, "cpvrrp_status_rejected_total{" V4));
	free(text);
}
END_TEST

/* The band that is advertised is 1, every other one 0. */
static void check_bands(const char *router, const char *band)
{
	static const char *const bands[] = {"leaving", "down", "answering", "ready"};
	char *text = node_printed(metrics_text), series[160];

	for (size_t i = 0; i < COUNT(bands); i++) {
		snprintf(series, sizeof(series), "cpvrrp_band{%s,band=\"%s\"}", router, bands[i]);
		ck_assert_uint_eq(value_of(text, series), strcmp(bands[i], band) == 0);
	}
	free(text);
}

START_TEST(metrics_band)
{
	check_bands(V4, "ready");
	check_bands(V6, "ready");
	for (int i = 0; i < 3; i++)
		node_probe(HEALTH_STATUS, 500, 3100, "status 500");
	check_bands(V4, "answering");
	for (int i = 0; i < 3; i++)
		node_probe(HEALTH_REFUSED, 0, 3100, "refused");
	check_bands(V6, "down");
	engine_step_down(&node.engine, node.now, SECOND_US);
	check_bands(V4, "leaving");
}
END_TEST

START_TEST(metrics_escape)
{
	char *text;

	snprintf(node.routers[0]->settings.instance, sizeof(node.routers[0]->settings.instance),
		 "a\"b\\c\nd");
	text = node_printed(metrics_text);
	ck_assert_ptr_nonnull(
		strstr(text, "\ncpvrrp_active{instance=\"a\\\"b\\\\c\\nd\",family=\"ipv4\"} 1\n"));
	free(text);
}
END_TEST

START_TEST(metrics_untracked)
{
	char *text;

	node.source.health = NULL;
	text = node_printed(metrics_text);
	ck_assert_ptr_null(strstr(text, "cpvrrp_apiserver"));
	ck_assert_ptr_nonnull(strstr(text, "\ncpvrrp_active"));
	free(text);
}
END_TEST

Suite *suite_metrics(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("metrics");

	tcase_add_checked_fixture(tcase, node_setup, node_teardown);
	tcase_add_test(tcase, metrics_values);
	tcase_add_test(tcase, metrics_conditions);
	tcase_add_test(tcase, metrics_format);
	tcase_add_test(tcase, metrics_members);
	tcase_add_test(tcase, metrics_band);
	tcase_add_test(tcase, metrics_escape);
	tcase_add_test(tcase, metrics_untracked);
	suite_add_tcase(suite, tcase);
	return suite;
}
