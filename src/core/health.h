/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From probe results to readiness and to the band that the node advertises (rules HEALTH and
 * DAMPING). The engine owns the one copy of it; the probe reports results and judges nothing.
 */
#ifndef CPVRRP_CORE_HEALTH_H
#define CPVRRP_CORE_HEALTH_H

#include <stdbool.h>

#include "core/instant.h"
#include "core/priority.h"

/* Everything a probe can end in. Only HEALTH_OK is a success, only HEALTH_REFUSED is a hard
 * failure. */
enum health_result {
	HEALTH_OK,	     /* HTTP 200 */
	HEALTH_REFUSED,	     /* the port refuses: nobody listens */
	HEALTH_TIMEOUT,	     /* connection, TLS and response took longer than `timeout` together */
	HEALTH_CLOSED,	     /* the connection ended before the response did */
	HEALTH_TLS,	     /* the handshake failed */
	HEALTH_CERTIFICATE,  /* the server's certificate cannot be verified */
	HEALTH_UNAUTHORIZED, /* HTTP 401 */
	HEALTH_FORBIDDEN,    /* HTTP 403 */
	HEALTH_STATUS,	     /* any other HTTP status */
	HEALTH_RESPONSE,     /* not HTTP, or a body over the limit */
	HEALTH_UNABLE,	     /* the probe could not be made: no CA file yet, no route, no memory */
};
#define HEALTH_RESULT_COUNT (HEALTH_UNABLE + 1)

/* The word in state and metrics: "ok", "refused", "timeout", ... */
const char *health_result_name(enum health_result result);

/* Whether the result shows a server that answers, though perhaps not with 200. */
bool health_is_answer(enum health_result result);

/* DAMPING: how long a loss of readiness counts, and how many count at the most: 2^5 = 32 times as
 * many successes. */
#define HEALTH_DAMPING_US (600 * SECOND_US)
#define HEALTH_LOSSES_MAX 5

struct health {
	unsigned fall; /* soft failures in a row until not ready, 1..100 */
	unsigned rise; /* successes in a row until ready, 1..100 */
	bool ready;
	unsigned losses;	 /* of readiness while Active, each within HEALTH_DAMPING_US of the
				    one before; at most HEALTH_LOSSES_MAX */
	struct instant lost_at;	 /* the last one; INSTANT_NEVER: none */
	bool succeeded_before;	 /* since start */
	bool answered_before;	 /* since start */
	unsigned since_answer;	 /* results since the last answer; saturates */
	unsigned consecutive;	 /* results of the kind of the last one, in a row; saturates */
	enum health_result last; /* meaningful once consecutive > 0 */
};

/* Not ready, nothing seen yet. */
void health_init(struct health *health, unsigned fall, unsigned rise);

/* Takes one probe result. True if readiness or the band changed. */
bool health_step(struct health *health, struct instant now, enum health_result result);

/* RESUME: an earlier process of this node has probed the same apiserver until just now and put it
 * into this band. The first results judge it as if that process went on. */
void health_resume(struct health *health, enum priority_band band);

/* DAMPING: the node has lost readiness while it was Active. The successes that it needs double for
 * HEALTH_DAMPING_US, so that an overload does not chase the VIP round the nodes. */
void health_damp(struct health *health, struct instant now);

/* When DAMPING ends; INSTANT_NEVER: no loss was counted. */
struct instant health_damped_until(const struct health *health);

/* The successes in a row that make the node ready: `rise`, more while DAMPING lasts. The very first
 * success after start counts at once. */
unsigned health_successes_needed(const struct health *health, struct instant now);

/* Ready; else answering if one of the last `fall` results was an answer; else down. */
enum priority_band health_band(const struct health *health);

#endif
