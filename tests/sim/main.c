/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/sim.h"

static int usage(void)
{
	fputs("usage: sim --seed S [--trace]	replay one run\n"
	      "       sim --seeds A..B		many; stops at the first that breaks a rule,\n"
	      "				else says how often each was evaluated\n"
	      "       sim --golden DIR		compare the golden traces\n"
	      "       sim --scenario FILE	print a golden trace as it is now\n"
	      "       sim --rules		list what is checked\n",
	      stderr);
	return 2;
}

static void print_failure(const struct sim *sim)
{
	printf("seed %" PRIu64 ": broken: %s (%s)\nthe last events:\n", sim->seed,
	       rule_name(sim->check.rule), sim->check.detail);
	trace_print_ring(sim, stdout);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_one(struct sim *sim, uint64_t seed, bool trace)
{
	struct outcome outcome = sim_run_seed(sim, seed, trace ? stdout : NULL);

	if (outcome.failed)
		print_failure(sim);
	printf("seed %" PRIu64 ": %s, hash %016" PRIx64 ", %.3f s, %" PRId64
	       " events, worst outage %.3f s\n",
	       seed, outcome.failed ? "broken" : "passed", outcome.hash,
	       (double)outcome.virtual_us / 1e6, outcome.events,
	       (double)outcome.outage_worst_us / 1e6);
	return outcome.failed;
}

static int run_many(struct sim *sim, uint64_t first, uint64_t last)
{
	double began = seconds(), took, virtual_s = 0;
	struct trace all = {0};
	int64_t events = 0, worst_us = 0;
	uint64_t worst_seed = first;

	for (uint64_t seed = first; seed <= last; seed++) {
		struct outcome outcome = sim_run_seed(sim, seed, NULL);

		if (outcome.failed) {
			print_failure(sim);
			return 1;
		}
		trace_number(&all, outcome.hash);
		virtual_s += (double)outcome.virtual_us / 1e6;
		events += outcome.events;
		if (outcome.outage_worst_us > worst_us) {
			worst_us = outcome.outage_worst_us;
			worst_seed = seed;
		}
	}
	took = seconds() - began;
	printf("seeds %" PRIu64 "..%" PRIu64 ": passed, hash %016" PRIx64 "\n", first, last,
	       all.hash);
	printf("%.1f runs/s, %.0f virtual seconds and %" PRId64
	       " events in %.1f s of CPU: %.0f x\n",
	       (double)(last - first + 1) / took, virtual_s, events, took, virtual_s / took);
	printf("worst outage %.3f s (seed %" PRIu64 ")\n", (double)worst_us / 1e6, worst_seed);
	rule_print_counts(sim->counts, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct sim *sim = sim_new();
	char *rest;
	uint64_t first, last;
	int status;

	if (!sim)
		return 1;
	if (argc >= 3 && strcmp(argv[1], "--seed") == 0) {
		status = run_one(sim, strtoull(argv[2], NULL, 10),
				 argc == 4 && strcmp(argv[3], "--trace") == 0);
	} else if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
		first = strtoull(argv[2], &rest, 10);
		last = strncmp(rest, "..", 2) == 0 ? strtoull(rest + 2, NULL, 10) : first;
		status = run_many(sim, first, last);
	} else if (argc == 3 && strcmp(argv[1], "--golden") == 0) {
		status = scenario_check(sim, argv[2]);
	} else if (argc == 3 && strcmp(argv[1], "--scenario") == 0) {
		status = scenario_print(sim, argv[2]);
	} else if (argc == 2 && strcmp(argv[1], "--rules") == 0) {
		rule_list(stdout);
		status = 0;
	} else {
		status = usage();
	}
	sim_free(sim);
	return status;
}
