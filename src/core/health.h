/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From probe results to readiness and to the band that the node advertises (rule HEALTH). The
 * engine owns the one copy of it; the probe reports results and judges nothing.
 */
#ifndef CPVRRP_CORE_HEALTH_H
#define CPVRRP_CORE_HEALTH_H

#include <stdbool.h>

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

struct health {
	unsigned fall; /* soft failures in a row until not ready, 1..100 */
	unsigned rise; /* successes in a row until ready, 1..100 */
	bool ready;
	bool succeeded_before;	 /* since start */
	bool answered_before;	 /* since start */
	unsigned since_answer;	 /* results since the last answer; saturates */
	unsigned consecutive;	 /* results of the kind of the last one, in a row; saturates */
	enum health_result last; /* meaningful once consecutive > 0 */
};

/* Not ready, nothing seen yet. */
void health_init(struct health *health, unsigned fall, unsigned rise);

/* Takes one probe result. True if readiness or the band changed. */
bool health_step(struct health *health, enum health_result result);

/* Ready; else answering if one of the last `fall` results was an answer; else down. */
enum priority_band health_band(const struct health *health);

#endif
