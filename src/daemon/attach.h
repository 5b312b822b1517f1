/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interface each router runs on: as configured, or found by `interface auto`. What netlink
 * says of those interfaces goes to engine_interface().
 */
#ifndef CPVRRP_DAEMON_ATTACH_H
#define CPVRRP_DAEMON_ATTACH_H

#include <event2/event.h>
#include <stdbool.h>

#include "core/engine.h"
#include "daemon/sockets.h"

struct attach;

/* The sockets of an interface that goes are closed at once. engine may be initialized later; it and
 * the sockets outlive the attachment. Returns 0 or -errno. */
int attach_new(struct event_base *base, struct engine *engine, struct sockets *sockets,
	       struct attach **ret_attach);
/* NULL is allowed. */
void attach_free(struct attach *attach);

/* After start, reload and a failure: tells every router what is known of its interface, and forgets
 * interfaces that no router is on. Returns 0, or -errno of what netlink could not be asked: call
 * again later. */
int attach_all(struct attach *attach, struct instant now);

/* Takes what netlink holds, if the loop found it readable or `ask` says so. Returns 1 if any router
 * may have got news, 0 if none has, or -errno as attach_all(). */
int attach_drain(struct attach *attach, struct instant now, bool ask);

/* The last known state of the router's interface, valid until the next call; NULL if there is none.
 */
const struct interface *attach_interface(const struct attach *attach, const struct router *router);

#endif
