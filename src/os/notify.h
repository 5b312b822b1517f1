/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told: sd_notify(3). Each message is one datagram to a socket named in
 * the environment; libsystemd would bring compression and cryptography into the daemon for it.
 * Nothing here waits: what finds no room is told in a later turn. Without NOTIFY_SOCKET, everything
 * does nothing.
 */
#ifndef CPVRRP_OS_NOTIFY_H
#define CPVRRP_OS_NOTIFY_H

#include <stdbool.h>

#include "core/instant.h"

#define NOTIFY_STATUS_SIZE 256

struct notify;

/* Reads the environment. Returns 0 or -errno: the socket is not one that can be used. */
int notify_new(struct notify **ret_notify);
/* NULL is allowed. */
void notify_free(struct notify *notify);

/* False if nobody listens, so that no status needs to be made. */
bool notify_is_on(const struct notify *notify);

/* A reload has begun; the next turn tells that it is over. */
void notify_reloading(struct notify *notify, struct instant now);

/*
 * Last in every turn, from the first one on which everything is open: that the daemon is ready or
 * stops, a new status, and that the loop runs (WATCHDOG_USEC).
 */
void notify_turn(struct notify *notify, struct instant now, bool stopping, const char *status);

/* When the manager waits for the next turn at the latest. */
struct instant notify_deadline(const struct notify *notify);

#endif
