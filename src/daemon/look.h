/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether clients would get a connection, which the probe of `url` cannot tell: every ten seconds
 * the daemon connects to the addresses that clients' connections go to, and says so when one does
 * not answer though the apiserver there is ready. No election hears of it.
 *
 *	Active		VIP:port, here; with BALANCE the node's own address
 *	Backup		VIP:port, through the network; with BALANCE the node's own address too
 */
#ifndef CPVRRP_DAEMON_LOOK_H
#define CPVRRP_DAEMON_LOOK_H

#include <event2/event.h>

#include "core/engine.h"
#include "daemon/balancer.h"
#include "report/status.h"

struct look;

/* NULL if there is no memory. engine outlives it. */
struct look *look_new(struct event_base *base, const struct engine *engine);
/* NULL is allowed. */
void look_free(struct look *look);

/* The routers are others, or balance differently: forgets what has been seen. balancer may be NULL.
 */
void look_configure(struct look *look, struct instant now, const struct balancer *balancer);

/* A router takes over: looks soon. */
void look_soon(struct look *look, struct instant now);

/* Last in a turn. */
void look_turn(struct look *look, struct instant now);
struct instant look_deadline(const struct look *look);

/* What a user may ask. Returns how many. */
size_t look_list(const struct look *look, struct status_look list[STATUS_LOOKS_MAX]);

#endif
