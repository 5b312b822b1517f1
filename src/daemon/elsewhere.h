/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RECONCILE: VIPs of this node on other interfaces than their router's. Each is said once in the
 * log when it appears and when it has gone, and router->elsewhere tells the state. An address that
 * comes and goes within a second, as with a reload that moves a router, is not said.
 */
#ifndef CPVRRP_DAEMON_ELSEWHERE_H
#define CPVRRP_DAEMON_ELSEWHERE_H

#include <event2/event.h>

#include "core/engine.h"
#include "os/stray.h"

struct elsewhere;

/* engine may be initialized later, and outlives it. Returns 0 or -errno. */
int elsewhere_new(struct event_base *base, struct engine *engine, struct elsewhere **ret_elsewhere);
/* NULL is allowed. */
void elsewhere_free(struct elsewhere *elsewhere);

/* The routers, or their interfaces, may have changed. Returns 0 or -errno. */
int elsewhere_sync(struct elsewhere *elsewhere, struct instant now);

/* Takes what netlink holds, if the loop found it readable. Returns 0 or -errno. */
int elsewhere_drain(struct elsewhere *elsewhere, struct instant now);

/* Says what is due. */
void elsewhere_timers(struct elsewhere *elsewhere, struct instant now);
struct instant elsewhere_deadline(const struct elsewhere *elsewhere);

/* What there is at the moment, said or not; valid until the next call. */
const struct stray_list *elsewhere_found(const struct elsewhere *elsewhere);

#endif
