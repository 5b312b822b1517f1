/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interfaces that routers run on, followed by netlink events. Only watched names cost anything:
 * a socket filter on the interface index drops the events of all others in the kernel, unless a
 * watched interface does not exist yet. An overrun (ENOBUFS) leads to a full dump.
 */
#ifndef CPVRRP_OS_LINK_H
#define CPVRRP_OS_LINK_H

#include "core/router.h"
#include "os/route.h"

struct link;

/*
 * changed is called from link_watch(), always, and from link_drain(), if anything changed, with the
 * new state of one watched interface; index 0 if it does not exist. It may watch and unwatch, but
 * not drain. NULL is allowed. Returns 0 or -errno.
 */
int link_new(void (*changed)(void *context, const struct interface *interface), void *context,
	     struct link **ret_link);
void link_free(struct link *link);

/* For polling only. */
int link_fd(const struct link *link);

/*
 * Follows the interface of this name, which may be an alternative one; does nothing if it is
 * followed already. Returns 0 or -errno: -EINVAL or -ENOMEM if it is not followed, else the kernel
 * could not be asked yet and the next link_drain() asks again.
 */
int link_watch(struct link *link, const char *name);
void link_unwatch(struct link *link, const char *name);
/* Unwatches every name for which used() says no. */
void link_unwatch_unused(struct link *link, bool (*used)(void *context, const char *name),
			 void *context);

/* The last known state, valid until the next call; NULL if the name is not watched. */
const struct interface *link_get(const struct link *link, const char *name);

/* `interface = auto`: route_to_neighbour() and the name of its interface. */
int link_find(struct link *link, const struct addr *address, const struct addr *own,
	      size_t own_count, struct route *ret_route, char ret_name[ROUTER_INTERFACE_SIZE]);

/*
 * While an address is looked for in vain: with on = true the events of all interfaces and of routes
 * make the socket readable and count in link_drain(). Look once more after turning it on, for what
 * came before. Returns 0 or -errno, after which some events do not come.
 */
int link_watch_all(struct link *link, bool on);

/* Takes what the kernel has said, until the socket is empty. Returns how many messages were read,
 * or -errno, after which the next call tries again. */
int link_drain(struct link *link);

#endif
