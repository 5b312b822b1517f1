/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager: sd_notify(3). A message is one datagram to the socket that
 * NOTIFY_SOCKET names; libsystemd would bring compression and cryptography into the daemon for it.
 * No call waits: a message that finds no room is sent again in a later turn. Without NOTIFY_SOCKET
 * every call does nothing.
 */
#ifndef CPVRRP_OS_NOTIFY_H
#define CPVRRP_OS_NOTIFY_H

#include <stdbool.h>

#include "core/instant.h"

#define NOTIFY_STATUS_SIZE 256

struct notify;

/* Reads the environment. Returns 0, or -errno if NOTIFY_SOCKET names no usable socket. */
int notify_new(struct notify **ret_notify);
/* NULL is allowed. */
void notify_free(struct notify *notify);

/* False without NOTIFY_SOCKET: the caller may spare itself the status. */
bool notify_is_on(const struct notify *notify);

/* A reload has begun; the next notify_turn() says that it is over. */
void notify_reloading(struct notify *notify, struct instant now);

/*
 * The daemon calls this last in every turn, from the first turn in which everything is open. Sends
 * that the daemon is ready or stops, a new status, and that the loop runs (WATCHDOG_USEC). stopping
 * stays true once it was. status is shorter than NOTIFY_STATUS_SIZE.
 */
void notify_turn(struct notify *notify, struct instant now, bool stopping, const char *status);

/* When notify_turn() must be called at the latest. */
struct instant notify_deadline(const struct notify *notify);

#endif
