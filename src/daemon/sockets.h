/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw sockets of the daemon: one for each interface and family that a router is on, shared by
 * the routers there, and the locks by which no two daemons of a node run one router. Events of the
 * loop only note which one is readable; the turn drains.
 */
#ifndef CPVRRP_DAEMON_SOCKETS_H
#define CPVRRP_DAEMON_SOCKETS_H

#include <event2/event.h>
#include <stdbool.h>

#include "core/engine.h"

struct sockets;

/* engine may be initialized later. Both outlive the sockets. NULL if there is no memory. */
struct sockets *sockets_new(struct event_base *base, struct engine *engine);
/* NULL is allowed. */
void sockets_free(struct sockets *sockets);

/* Opens and closes, so that each router has its socket and no other one is left, and tells
 * engine_socket(). False if one could not be opened: call again later. */
bool sockets_sync(struct sockets *sockets, struct instant now);

/* Closes what no router needs: a new interface may have the old one's index, but not its group
 * membership. */
void sockets_close_unwanted(struct sockets *sockets);

/* Sends from the socket of the router. Returns 0 or -errno; -ENOTCONN if there is none. */
int sockets_send(struct sockets *sockets, const struct router *router, const struct addr *source,
		 const struct addr *destination, const uint8_t *bytes, size_t size);

/*
 * Hands every packet of the sockets that are readable to engine_packet(); of all sockets if all,
 * since one that the loop did not find readable may have become so. Returns 1 if every socket is
 * empty now, 0 if the bound was reached, or the -errno of the last one that failed (the others are
 * drained all the same).
 */
int sockets_drain(struct sockets *sockets, struct instant now, bool all);

/* When sockets_drain() is due at the latest, for a membership that may have been forgotten. */
struct instant sockets_deadline(const struct sockets *sockets);

#endif
