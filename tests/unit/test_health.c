/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "core/health.h"
#include "unit.h"

#define T0 ((struct instant){SECOND_US})

/*
 * Rule HEALTH as traces: the result of each probe ('+' success, '!' refused, 't' timeout, 'c'
 * closed, 's' status, 'u' 401) and the band after it ('R' ready, 'A' answering, '.' down).
 */
static const struct {
	const char *what;
	unsigned fall;
	unsigned rise;
	const char *results;
	const char *bands;
} traces[] = {
	{"the very first success counts at once", 3, 5, "+", "R"},
	{"so it does after failures", 3, 5, "t!s+", "..AR"},
	{"a second time `rise` in a row are needed", 1, 3, "+t+++", "R.AAR"},
	{"rise 1", 1, 1, "+t+", "R.R"},
	{"a failure restarts the count of successes", 1, 3, "+t++t+++", "R.AA.AAR"},
	{"`fall` soft failures in a row", 3, 2, "+ttt", "RRR."},
	{"fall 1", 1, 2, "+t", "R."},
	{"kinds of soft failure count together", 3, 2, "+tsc", "RRRA"},
	{"a success restarts the count of failures", 3, 2, "+tt+ttt", "RRRRRR."},
	{"one refusal is enough", 100, 2, "+!", "RA"},
	{"a refusal among soft failures", 100, 2, "+tt!", "RRRA"},
	{"after a refusal `rise` successes", 100, 2, "+!++", "RAAR"},
	{"not ready stays not ready", 2, 2, "tt!tt", "....."},
	{"ready stays ready", 2, 2, "++++", "RRRR"},
	{"one success does not make a flapping node ready", 1, 2, "+t+t+t+t", "R.A.A.A."},

	/* BANDS: answering if one of the last `fall` results was an answer. */
	{"nothing but refusals is down", 3, 2, "!!!", "..."},
	{"an answer that is not 200", 3, 2, "u", "A"},
	{"it counts for `fall` results", 3, 2, "uttt", "AAA."},
	{"fall 1: for its own", 1, 2, "ut", "A."},
	{"one answer among `fall` results is enough", 3, 2, "uttsttt", "AAAAAA."},
	{"ready goes to answering", 3, 2, "+uuu", "RRRA"},
	{"a success that does not make it ready is an answer", 3, 3, "+!!!+", "RAA.A"},
	{"after a refusal the last success is remembered", 2, 2, "+!t", "RA."},
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
	case 'u':
		return HEALTH_UNAUTHORIZED;
	}
	ck_abort_msg("no such result: %c", c);
}

static enum priority_band band_of(char c)
{
	switch (c) {
	case 'R':
		return PRIORITY_BAND_READY;
	case 'A':
		return PRIORITY_BAND_ANSWERING;
	case '.':
		return PRIORITY_BAND_DOWN;
	}
	ck_abort_msg("no such band: %c", c);
}

START_TEST(follows_the_trace)
{
	struct health health;

	memset(&health, 0xa5, sizeof(health));
	health_init(&health, traces[_i].fall, traces[_i].rise);
	ck_assert(!health.ready);
	ck_assert_int_eq(health_band(&health), PRIORITY_BAND_DOWN);
	ck_assert_uint_eq(strlen(traces[_i].results), strlen(traces[_i].bands));
	for (size_t i = 0; i < strlen(traces[_i].results); i++) {
		enum priority_band before = health_band(&health);
		bool changed = health_step(&health, T0, result_of(traces[_i].results[i]));

		ck_assert_msg(health_band(&health) == band_of(traces[_i].bands[i]), "%s: step %zu",
			      traces[_i].what, i);
		ck_assert(changed == (health_band(&health) != before));
		ck_assert(health.ready == (health_band(&health) == PRIORITY_BAND_READY));
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
	ck_assert(health_step(&health, T0, result) == health_is_answer(result));
	ck_assert(health.ready == (result == HEALTH_OK));

	health_init(&health, 2, 1);
	health_step(&health, T0, HEALTH_OK);
	health_step(&health, T0, result);
	ck_assert(health.ready == (result != HEALTH_REFUSED));
	health_step(&health, T0, result);
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
		health_step(&health, T0, rows[i].result);
		ck_assert_uint_eq(health.consecutive, rows[i].consecutive);
	}
}
END_TEST

START_TEST(the_count_saturates)
{
	struct health health;

	health_init(&health, 3, 2);
	health_step(&health, T0, HEALTH_OK);
	health.consecutive = UINT_MAX - 1;
	health_step(&health, T0, HEALTH_OK);
	ck_assert_uint_eq(health.consecutive, UINT_MAX);
	health_step(&health, T0, HEALTH_OK);
	ck_assert_uint_eq(health.consecutive, UINT_MAX);
}
END_TEST

/* However long the apiserver has been gone, its last answer does not come back. */
START_TEST(the_count_since_the_last_answer_saturates)
{
	struct health health;

	health_init(&health, 3, 2);
	health_step(&health, T0, HEALTH_STATUS);
	health.since_answer = UINT_MAX - 1;
	health_step(&health, T0, HEALTH_TIMEOUT);
	ck_assert_uint_eq(health.since_answer, UINT_MAX);
	health_step(&health, T0, HEALTH_TIMEOUT);
	ck_assert_uint_eq(health.since_answer, UINT_MAX);
	ck_assert_int_eq(health_band(&health), PRIORITY_BAND_DOWN);
}
END_TEST

/* An answer comes from a server that speaks TLS at least; a connection that ends or hangs, a
 * refusal and a probe that could not be made are none. */
START_TEST(answers)
{
	static const bool rows[HEALTH_RESULT_COUNT] = {
		[HEALTH_OK] = true,	      [HEALTH_REFUSED] = false,
		[HEALTH_TIMEOUT] = false,     [HEALTH_CLOSED] = false,
		[HEALTH_TLS] = true,	      [HEALTH_CERTIFICATE] = true,
		[HEALTH_UNAUTHORIZED] = true, [HEALTH_FORBIDDEN] = true,
		[HEALTH_STATUS] = true,	      [HEALTH_RESPONSE] = true,
		[HEALTH_UNABLE] = false,
	};
	enum health_result result = (enum health_result)_i;
	struct health health;

	ck_assert(health_is_answer(result) == rows[result]);
	health_init(&health, 2, 2);
	health_step(&health, T0, HEALTH_OK);
	health_step(&health, T0, result);
	health_step(&health, T0, result);
	if (result != HEALTH_OK)
		ck_assert_int_eq(health_band(&health),
				 rows[result] ? PRIORITY_BAND_ANSWERING : PRIORITY_BAND_DOWN);
}
END_TEST

/* DAMPING as traces: results as above, 'L' a loss of readiness while Active
 * (after a refusal), '*' six successes, ':' a minute without a result. */
static const struct {
	const char *what;
	unsigned rise;
	const char *trace;
	unsigned needed;
	bool ready;
} dampings[] = {
	{"no loss", 2, "+", 2, true},
	{"a loss doubles", 2, "+!L", 4, false},
	{"three successes are too few", 2, "+!L+++", 4, false},
	{"four are enough", 2, "+!L++++", 4, true},
	{"a failure restarts the count", 2, "+!L+++t+++", 4, false},
	{"a second loss doubles again", 2, "+!L++++!L", 8, false},
	{"seven successes are too few", 2, "+!L++++!L*+", 8, false},
	{"eight are enough", 2, "+!L++++!L*++", 8, true},
	{"five losses", 1, "+!LLLLL", 32, false},
	{"32 times is the most", 1, "+!LLLLLL", 32, false},
	{"rise 100", 100, "+!LLLLL", 3200, false},
	{"it lasts for ten minutes", 2, "+!L:::::::::", 4, false},
	{"and no longer", 2, "+!L::::::::::", 2, false},
	{"the next success counts what came before", 2, "+!L+++::::::::::+", 2, true},
	{"each loss begins ten minutes", 2, "+!L:::::::::L:::::::::", 8, false},
	{"after ten minutes a loss is the first one", 2, "+!LLL::::::::::L", 4, false},
};

START_TEST(damping)
{
	struct instant now = T0;
	struct health health;

	health_init(&health, 3, dampings[_i].rise);
	for (const char *c = dampings[_i].trace; *c; c++) {
		now = instant_add(now, *c == ':' ? 60 * SECOND_US : 0);
		if (*c == 'L')
			health_damp(&health, now);
		for (int i = 0; i < 6 && *c == '*'; i++)
			health_step(&health, now, HEALTH_OK);
		if (!strchr("L*:", *c))
			health_step(&health, now, result_of(*c));
	}
	ck_assert_msg(health_successes_needed(&health, now) == dampings[_i].needed,
		      "%s: %u successes", dampings[_i].what, health_successes_needed(&health, now));
	ck_assert_msg(health.ready == dampings[_i].ready, "%s", dampings[_i].what);
}
END_TEST

START_TEST(damping_ends)
{
	struct health health;

	health_init(&health, 3, 2);
	ck_assert(instant_is_never(health_damped_until(&health)));
	health_step(&health, T0, HEALTH_OK);
	health_step(&health, T0, HEALTH_REFUSED);
	health_damp(&health, T0);
	ck_assert_int_eq(health_damped_until(&health).us, T0.us + 600 * SECOND_US);
	ck_assert_uint_eq(health_successes_needed(&health, instant_add(T0, 600 * SECOND_US - 1)),
			  4);
	ck_assert_uint_eq(health_successes_needed(&health, instant_add(T0, 600 * SECOND_US)), 2);
	health_init(&health, 3, 2);
	ck_assert_uint_eq(health_successes_needed(&health, T0), 2);
}
END_TEST

/* RESUME: the band of the process before counts as the newest answer, whatever failed since. */
START_TEST(resumed_band_lasts_for_fall_results)
{
	struct health health;

	health_init(&health, 3, 2);
	for (unsigned i = 0; i < 3; i++)
		health_step(&health, T0, HEALTH_TIMEOUT);
	health_resume(&health, PRIORITY_BAND_ANSWERING);
	ck_assert_int_eq(health_band(&health), PRIORITY_BAND_ANSWERING);
	for (unsigned i = 0; i < 2; i++)
		health_step(&health, T0, HEALTH_TIMEOUT);
	ck_assert_int_eq(health_band(&health), PRIORITY_BAND_ANSWERING);
	health_step(&health, T0, HEALTH_TIMEOUT);
	ck_assert_int_eq(health_band(&health), PRIORITY_BAND_DOWN);
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
	tcase_add_test(tcase, the_count_since_the_last_answer_saturates);
	tcase_add_loop_test(tcase, answers, 0, HEALTH_RESULT_COUNT);
	tcase_add_loop_test(tcase, damping, 0, (int)COUNT(dampings));
	tcase_add_test(tcase, damping_ends);
	tcase_add_test(tcase, resumed_band_lasts_for_fall_results);
	tcase_add_test(tcase, result_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
