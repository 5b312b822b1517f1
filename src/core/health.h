/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From probe results to ready or unready (rule HEALTH), and from readiness to the priority on the
 * wire (rule BANDS).
 */
#ifndef CPVRRP_CORE_HEALTH_H
#define CPVRRP_CORE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

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

struct health {
	unsigned fall; /* soft failures in a row until unready, 1..100 */
	unsigned rise; /* successes in a row until ready, 1..100 */
	bool ready;
	bool succeeded_before;	 /* since start */
	unsigned consecutive;	 /* results of the kind of the last one, in a row; saturates */
	enum health_result last; /* meaningful once consecutive > 0 */
};

/* Unready, nothing seen yet. */
void health_init(struct health *health, unsigned fall, unsigned rise);

/* Takes one probe result. True if readiness changed. */
bool health_step(struct health *health, enum health_result result);

#define HEALTH_BAND_READY_MIN 155
#define HEALTH_BAND_READY_MAX 254
#define HEALTH_BAND_DISTANCE 154
#define HEALTH_BAND_UNREADY_MIN 2 /* 1 is for who leaves (VRRP_PRIORITY_LEAVING) */

enum health_band {
	HEALTH_BAND_UNREADY,
	HEALTH_BAND_READY,
};

/* "unready" or "ready". */
const char *health_band_name(enum health_band band);

/* The band of a priority heard on the wire; other implementations may use 101..154 (unready) and
 * 255 (ready). */
enum health_band health_band(uint8_t priority);

/* The priority on the wire of a node whose ready priority is 155..254; unready, 155 is as low as
 * 156. */
uint8_t health_priority(uint8_t ready_priority, bool ready);

/* `priority = auto`: 155 + (61 * n) mod 100, n the low 16 bits of the primary address. */
uint8_t health_auto_priority(const struct addr *primary);

#endif
