/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BALANCE in the daemon: what the engine knows of the groups becomes plans (core/balance), and the
 * plans become rules of the kernel (os/nft_rules, os/nft). It keeps the rules as they should be:
 * new ones when a member or this node changes, their leases, and all of them anew when something
 * else has flushed them. Nothing waits for the kernel, but a router that takes over for its rules.
 *
 * The routers of the engine are told whether their rules are in place; their STATUS says so.
 */
#ifndef CPVRRP_DAEMON_BALANCER_H
#define CPVRRP_DAEMON_BALANCER_H

#include <event2/event.h>

#include "conf/conf.h"
#include "core/engine.h"
#include "daemon/io.h"
#include "report/status.h"

struct balancer;

/* Starts the helper process: before the daemon is confined. engine and io outlive it. Returns 0 or
 * -errno. */
int balancer_new(struct event_base *base, struct engine *engine, const struct io *io,
		 struct balancer **ret_balancer);

/* The rules stay, for the connections that go on. NULL is allowed. */
void balancer_free(struct balancer *balancer);

/* Which routers balance, and which ports: after every change of the engine's routers. False, with
 * nothing changed, if there is no memory. */
bool balancer_configure(struct balancer *balancer, struct instant now, const struct conf *conf);

/* ORDER: the router is about to announce itself as Active. Returns once its rules say so, or after
 * some milliseconds. NULL is allowed, as in the rest. */
void balancer_take_over(struct balancer *balancer, struct instant now, const struct router *router);

/* Last in a turn. */
void balancer_turn(struct balancer *balancer, struct instant now);

/* When the next turn is due at the latest. */
struct instant balancer_deadline(const struct balancer *balancer);

/* The ports that the router balances; 0 if it does not. */
size_t balancer_ports(const struct balancer *balancer, const struct router *router,
		      uint16_t ports[CONF_BALANCE_PORTS_MAX]);
/* The node's address that connections are sent to; unspecified if it has none. */
struct addr balancer_own_address(const struct balancer *balancer, const struct router *router,
				 enum addr_family family);

/* What a user may ask. */
void balancer_status(const struct balancer *balancer, struct status_balance *ret_status);
/* The shares of a router's members; 0 if it does not balance or has no rules. This node's
 * connections are counted for it, if that was not done within the last second. */
size_t balancer_shares(struct balancer *balancer, const struct router *router,
		       struct status_share list[SLOTS_MEMBERS_MAX]);

#endif
