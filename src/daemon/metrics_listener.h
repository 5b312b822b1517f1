/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option metrics_listen: on a TCP port, for whoever can reach it, GET / (the page), GET
 * /v1/state, GET /metrics and GET /healthz, and nothing that changes anything. No secret is in
 * them: the state holds no key and no token. A client cannot shut others out: an address has
 * METRICS_PER_ADDRESS_MAX connections at once.
 */
#ifndef CPVRRP_DAEMON_METRICS_LISTENER_H
#define CPVRRP_DAEMON_METRICS_LISTENER_H

#include <event2/event.h>
#include <stdint.h>

#include "core/addr.h"
#include "daemon/control.h"

#define METRICS_PER_ADDRESS_MAX 4

struct metrics_listener;

/*
 * Listens on the port of the address, which need not be there yet; the unspecified one is all, that
 * of IPv6 with those of IPv4. replaced, unless NULL, is a listener that the caller frees when this
 * one serves; both may be on the same port meanwhile. Returns 0 or -errno.
 */
int metrics_listener_new(struct event_base *base, const struct addr *address, uint16_t port,
			 const struct control_calls *calls, const struct metrics_listener *replaced,
			 struct metrics_listener **ret_listener);
/* NULL is allowed. */
void metrics_listener_free(struct metrics_listener *listener);

#endif
