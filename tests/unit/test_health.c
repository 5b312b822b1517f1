/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "core/health.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Rule HEALTH as traces: what each probe ends in ('+' success, '!' refused, 't' timeout, 's'
 * status, 'c' closed) and whether the node is ready after it ('R') or not ('.'). */
static const struct {
	const char *what;
	unsigned fall;
	unsigned rise;
	const char *results;
	const char *ready;
} traces[] = {
	{"the very first success counts at once", 3, 5, "+", "R"},
	{"so it does after failures", 3, 5, "t!s+", "...R"},
	{"a second time `rise` in a row are needed", 1, 3, "+t+++", "R...R"},
	{"rise 1", 1, 1, "+t+", "R.R"},
	{"a failure restarts the count of successes", 1, 3, "+t++t+++", "R......R"},
	{"`fall` soft failures in a row", 3, 2, "+ttt", "RRR."},
	{"fall 1", 1, 2, "+t", "R."},
	{"kinds of soft failure count together", 3, 2, "+tsc", "RRR."},
	{"a success restarts the count of failures", 3, 2, "+tt+ttt", "RRRRRR."},
	{"one refusal is enough", 100, 2, "+!", "R."},
	{"a refusal among soft failures", 100, 2, "+tt!", "RRR."},
	{"after a refusal `rise` successes", 100, 2, "+!++", "R..R"},
	{"unready stays unready", 2, 2, "tt!tt", "....."},
	{"ready stays ready", 2, 2, "++++", "RRRR"},
	{"one success does not make a flapping node ready", 1, 2, "+t+t+t+t", "R......."},
};

static enum health_result result_of(char c)
{
	switch (c) {
	case '+':
		return HEALTH_OK;
	case '!':
		return HEALTH_REFUSED;
	case 't':
		return HEALTH_TIMEOUT;
	case 's':
		return HEALTH_STATUS;
	case 'c':
		return HEALTH_CLOSED;
	}
	ck_abort_msg("no such result: %c", c);
}

START_TEST(follows_the_trace)
{
	struct health health;

	memset(&health, 0xa5, sizeof(health));
	health_init(&health, traces[_i].fall, traces[_i].rise);
	ck_assert(!health.ready);
	for (size_t i = 0; i < strlen(traces[_i].results); i++) {
		bool before = health.ready;
		bool changed = health_step(&health, result_of(traces[_i].results[i]));

		ck_assert_msg(health.ready == (traces[_i].ready[i] == 'R'), "%s: step %zu",
			      traces[_i].what, i);
		ck_assert(changed == (health.ready != before));
		ck_assert_int_eq(health.last, result_of(traces[_i].results[i]));
	}
}
END_TEST

/* Every result is exactly one of success, hard failure and soft failure. */
START_TEST(kinds_of_result)
{
	enum health_result result = (enum health_result)_i;
	struct health health;

	health_init(&health, 2, 1);
	ck_assert(health_step(&health, result) == (result == HEALTH_OK));

	health_init(&health, 2, 1);
	health_step(&health, HEALTH_OK);
	health_step(&health, result);
	ck_assert(health.ready == (result != HEALTH_REFUSED));
	health_step(&health, result);
	ck_assert(health.ready == (result == HEALTH_OK));
}
END_TEST

START_TEST(counts_results_of_one_kind)
{
	static const struct {
		enum health_result result;
		unsigned consecutive;
	} rows[] = {
		{HEALTH_TIMEOUT, 1}, {HEALTH_REFUSED, 2}, {HEALTH_UNABLE, 3}, {HEALTH_OK, 1},
		{HEALTH_OK, 2},	     {HEALTH_OK, 3},	  {HEALTH_TLS, 1},
	};
	struct health health;

	health_init(&health, 3, 2);
	ck_assert_uint_eq(health.consecutive, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		health_step(&health, rows[i].result);
		ck_assert_uint_eq(health.consecutive, rows[i].consecutive);
	}
}
END_TEST

START_TEST(the_count_saturates)
{
	struct health health;

	health_init(&health, 3, 2);
	health_step(&health, HEALTH_OK);
	health.consecutive = UINT_MAX - 1;
	health_step(&health, HEALTH_OK);
	ck_assert_uint_eq(health.consecutive, UINT_MAX);
	health_step(&health, HEALTH_OK);
	ck_assert_uint_eq(health.consecutive, UINT_MAX);
}
END_TEST

/* Rule BANDS. */
START_TEST(bands)
{
	static const struct {
		uint8_t priority;
		enum health_band band;
	} rows[] = {
		{0, HEALTH_BAND_UNREADY},   {1, HEALTH_BAND_UNREADY},	{100, HEALTH_BAND_UNREADY},
		{101, HEALTH_BAND_UNREADY}, {154, HEALTH_BAND_UNREADY}, {155, HEALTH_BAND_READY},
		{254, HEALTH_BAND_READY},   {255, HEALTH_BAND_READY},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(health_band(rows[i].priority) == rows[i].band, "%u",
			      rows[i].priority);
	ck_assert_str_eq(health_band_name(HEALTH_BAND_READY), "ready");
	ck_assert_str_eq(health_band_name(HEALTH_BAND_UNREADY), "unready");
}
END_TEST

START_TEST(every_ready_node_outranks_every_unready_one)
{
	for (unsigned priority = 155; priority <= 254; priority++) {
		uint8_t unready = health_priority((uint8_t)priority, false);

		ck_assert_uint_eq(health_priority((uint8_t)priority, true), priority);
		ck_assert_uint_eq(unready, priority == 155 ? 2 : priority - 154);
		ck_assert_uint_le(unready, 100);
	}
}
END_TEST

START_TEST(auto_priority)
{
	static const struct {
		const char *address;
		uint8_t priority;
	} rows[] = {
		/* n = 1, 2, 3: 61, 122 and 183 mod 100. */
		{"192.168.0.1", 216},
		{"192.168.0.2", 177},
		{"192.168.0.3", 238},
		{"10.1.0.0", 155},
		{"10.1.0.100", 155},
		/* n = 10 * 256 + 1: 61 * 2561 = 156221. */
		{"10.10.10.1", 176},
		{"172.16.10.1", 176},
		/* n = 65535: 61 * 65535 = 3997635. */
		{"10.0.255.255", 190},
		{"2001:db8::1", 216},
		{"fe80::5eff:fe10:a01", 176},
		{"fe80::5eff:fe10:ffff", 190},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr addr;

		ck_assert(addr_parse(rows[i].address, &addr));
		ck_assert_msg(health_auto_priority(&addr) == rows[i].priority, "%s: %u",
			      rows[i].address, health_auto_priority(&addr));
	}
}
END_TEST

START_TEST(result_names)
{
	static const char *const names[] = {
		"ok",		"refused",   "timeout", "closed",   "tls",    "certificate",
		"unauthorized", "forbidden", "status",	"response", "unable",
	};

	ck_assert_uint_eq(COUNT(names), HEALTH_RESULT_COUNT);
	for (unsigned i = 0; i < COUNT(names); i++)
		ck_assert_str_eq(health_result_name((enum health_result)i), names[i]);
}
END_TEST

Suite *suite_health(void)
{
	Suite *suite = suite_create("health");
	TCase *tcase = tcase_create("health");

	tcase_add_loop_test(tcase, follows_the_trace, 0, (int)COUNT(traces));
	tcase_add_loop_test(tcase, kinds_of_result, 0, HEALTH_RESULT_COUNT);
	tcase_add_test(tcase, counts_results_of_one_kind);
	tcase_add_test(tcase, the_count_saturates);
	tcase_add_test(tcase, bands);
	tcase_add_test(tcase, every_ready_node_outranks_every_unready_one);
	tcase_add_test(tcase, auto_priority);
	tcase_add_test(tcase, result_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
