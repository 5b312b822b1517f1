/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `struct engine_io` on Linux: what virtual routers do goes to raw sockets, netlink and the packet
 * socket, and what interfaces and sockets say goes to the engine. Events of the loop only note what
 * is readable; the daemon's turn calls io_receive() and io_timers().
 */
#ifndef CPVRRP_DAEMON_IO_H
#define CPVRRP_DAEMON_IO_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/engine.h"
#include "os/resume.h"

struct io;

/* Opens netlink and the packet socket. engine is the caller's; it is initialized with
 * io_engine_io() before any other call, and outlives io. Returns 0 or -errno. */
int io_new(struct event_base *base, struct engine *engine, struct io **ret_io);
/* Does nothing to the addresses: the engine has to be stopped before. NULL is allowed. */
void io_free(struct io *io);

/* RESUME: where claims are kept and found; they outlive io. NULL: nowhere. */
void io_use_resume(struct io *io, struct resume *resume);

/* Valid as long as io. */
struct engine_io *io_engine_io(struct io *io);

/*
 * reload_routers(), and then every router is told of its interface and has its socket. lease_s: the
 * lifetime of added addresses in seconds, 0 = for ever. False, with nothing changed, if there is no
 * memory.
 */
bool io_configure(struct io *io, struct instant now, const struct router_settings *settings,
		  size_t count, unsigned lease_s);

/* The router's interface as netlink shows it; NULL if it has none. */
const struct interface *io_interface(const struct io *io, const struct router *router);

/* ORDER: called when a router has its addresses and is to announce them. */
void io_set_added(struct io *io, void (*added)(void *context, const struct router *router),
		  void *context);

/* Takes what netlink and then what the sockets hold (rule SOCKETS FIRST). True if the sockets are
 * empty now. */
bool io_receive(struct io *io, struct instant now);

/* Last in a turn: engine_timers(), and what could not be opened or asked is tried again. */
void io_timers(struct io *io, struct instant now, bool drained);

/* How many connections of addresses that left have been ended (rule CLOSE). */
uint64_t io_connections_closed(const struct io *io);

/* When the next turn is due at the latest. */
struct instant io_deadline(const struct io *io);

#endif
