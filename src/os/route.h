/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's routing table, asked for one thing: through which interface it reaches an address as
 * a neighbour, that is without a gateway. Routes know what prefixes of addresses do not: a host
 * with a /32 and a route to its network, and which of two interfaces in one network the kernel
 * uses.
 */
#ifndef CPVRRP_OS_ROUTE_H
#define CPVRRP_OS_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "os/netlink.h"

/* A route without a gateway. */
struct route {
	int ifindex;
	struct addr prefix;
	uint8_t prefix_length;
};

/*
 * The route to the address: what the kernel's lookup finds, rules and all tables included. Where
 * the address is the node's own, or a broadcast address, the lookup tells no neighbour; then it is
 * the best one of the main table, without those that an address equal to one of own has brought.
 * Returns 0, -ENODEV if there is none, or another -errno.
 */
int route_to_neighbour(struct netlink *questions, const struct addr *address,
		       const struct addr *own, size_t own_count, struct route *ret_route);

#endif
