/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listens for other hosts that claim an address of a virtual router (rule HOLDER): os/holder's
 * sockets in the loop. Events only note that there is something to read; the turn drains, some
 * packets at a time, and under a flood not in every turn.
 */
#ifndef CPVRRP_DAEMON_WATCH_H
#define CPVRRP_DAEMON_WATCH_H

#include <event2/event.h>

#include "core/engine.h"

struct watch;

/* Opens the sockets. engine may be initialized later. Both outlive the watch. Returns 0 or -errno.
 */
int watch_new(struct event_base *base, struct engine *engine, struct watch **ret_watch);
/* NULL is allowed. */
void watch_free(struct watch *watch);

/* The routers have changed. Returns 0 or -errno. */
int watch_configure(struct watch *watch);

/* Hands what came to engine_claim(). After the adverts of the turn: a rightful successor's
 * announcement comes before its first advert. Returns 0 or -errno. */
int watch_drain(struct watch *watch, struct instant now);

/* When the sockets are to be read again after a flood; INSTANT_NEVER: as soon as there is
 * something. */
struct instant watch_deadline(const struct watch *watch);

#endif
