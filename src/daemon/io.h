/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine on Linux: what virtual routers do (`struct host` of core/engine) goes to raw sockets,
 * netlink and the packet socket; what interfaces and sockets say goes to the engine. Callbacks of
 * the event loop only note what is readable; the daemon's turn calls host_receive() and
 * host_timers().
 */
#ifndef CPVRRP_DAEMON_IO_H
#define CPVRRP_DAEMON_IO_H

#include <event2/event.h>
#include <stdbool.h>

#include "core/engine.h"

struct linux_host;

/* The clock of every `now`: CLOCK_MONOTONIC. */
struct instant host_clock(void);

/* Opens netlink and the packet socket; no routers yet. Returns 0 or -errno. */
int host_new(struct event_base *base, struct linux_host **ret_host);
/* Does nothing to the addresses: the engine has to be stopped before. NULL is allowed. */
void host_free(struct linux_host *host);

/* Valid as long as the host. */
struct engine *host_engine(struct linux_host *host);

/*
 * engine_configure(), and then every router is told of its interface and has its socket. conf stays
 * in use until the next successful call. False, with nothing changed, if there is no memory.
 */
bool host_configure(struct linux_host *host, struct instant now, const struct conf *conf);

/* Takes what netlink and then what the sockets hold (rule SOCKETS FIRST). True if the sockets are
 * empty now. */
bool host_receive(struct linux_host *host, struct instant now);

/* Last in a turn: engine_timers(), and sockets that could not be opened are tried again. */
void host_timers(struct linux_host *host, struct instant now, bool drained);

/* When the next turn is due at the latest. */
struct instant host_deadline(const struct linux_host *host);

#endif
