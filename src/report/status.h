/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a user may ask the daemon, as one struct, and its two forms: JSON (doc/cpvrrp.8
 * documents the shape, which only grows) and text for people. report/metrics makes the third one
 * from the same struct.
 */
#ifndef CPVRRP_REPORT_STATUS_H
#define CPVRRP_REPORT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "conf/conf.h"
#include "core/engine.h"
#include "core/health.h"
#include "core/instant.h"
#include "os/probe.h"

#define STATE_LATENCY_BUCKETS 10 /* with the last one for +Inf */

/* Upper bounds of the probe's latency histogram, in microseconds; the last one is INT64_MAX. */
extern const int64_t state_latency_bounds_us[STATE_LATENCY_BUCKETS];

/* What the daemon remembers of the probe; the host feeds it. */
struct state_apiserver {
	struct instant since;		    /* readiness is what it is since then */
	int last_status;		    /* HTTP, 0 if none */
	char last_error[PROBE_DETAIL_SIZE]; /* of the last probe; "" if it succeeded */
	int64_t last_latency_us;
	uint64_t probes[HEALTH_RESULT_COUNT];
	uint64_t latency_count[STATE_LATENCY_BUCKETS]; /* not cumulative */
	int64_t latency_sum_us;
};

void state_apiserver_record(struct state_apiserver *apiserver, const struct probe_report *report);

/* As in /proc/PID/status. */
enum state_seccomp {
	STATE_SECCOMP_DISABLED,
	STATE_SECCOMP_STRICT,
	STATE_SECCOMP_FILTER,
};

/* What os/confine has found in force. */
struct state_confinement {
	bool known;
	uint64_t capabilities; /* permitted, a bit for each */
	bool no_new_privs;
	enum state_seccomp seccomp;
	bool memory_locked;
	bool realtime;
};

/* A view of the daemon at one moment; owns nothing. */
struct state {
	pid_t pid;
	struct instant now;
	struct instant started;
	struct timespec wall; /* CLOCK_REALTIME at now */
	const struct conf *conf;
	const struct engine *engine;
	const struct health *health; /* NULL if no router tracks the apiserver */
	const struct state_apiserver *apiserver;
	struct state_confinement confinement;
	int64_t loop_late_max_us; /* how late a deadline was served at worst (RFC 9568 2.5) */
};

/* What CLOCK_REALTIME would have shown at a point on the monotonic clock. */
struct timespec state_wall(const struct state *state, struct instant at);

/*
 * One sentence on why the router is in its state, without a full stop: "waiting for carrier on
 * eth0". Writes at most size bytes and returns text. STATE_EXPLAIN_SIZE is enough for all.
 */
#define STATE_EXPLAIN_SIZE 128
const char *state_explain(const struct router *router, char *text, size_t size);

/*
 * All of it in one line, for the service manager: "apiserver/ipv4 Active, priority 216, apiserver
 * ready", or with several routers "1 Active, 1 Backup, apiserver ready". Writes at most size bytes
 * and returns text. health as in struct state.
 */
const char *state_line(const struct engine *engine, const struct health *health, char *text,
		       size_t size);

/* free() the result; NULL without memory. */
char *state_json(const struct state *state);
char *state_text(const struct state *state);

#endif
