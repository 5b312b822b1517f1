/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends the TCP connections of an address that leaves the node (rule CLOSE): their peers and the
 * programs here learn at once that they are over, not after minutes of silence. The kernel does it
 * (SOCK_DESTROY of sock_diag(7), CONFIG_INET_DIAG_DESTROY), one socket after the other, with an RST
 * to the peer as long as the address is there. Listening sockets stay.
 *
 * A struct close belongs to one thread at a time, except close_count().
 */
#ifndef CPVRRP_OS_CLOSE_H
#define CPVRRP_OS_CLOSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"

struct close;

/* Opens its netlink sockets. Returns 0 or -errno. */
int close_new(struct close **ret_close);
/* NULL is allowed. */
void close_free(struct close *close);

/* Whether the kernel can do it. Returns 0, -EOPNOTSUPP if it cannot, or another -errno. */
int close_check(struct close *close);

/*
 * Ends the connections whose address here is this one, those of IPv6 sockets with the IPv4-mapped
 * form of it too; with a link-local address only those on the interface. Stops at `end`, or as soon
 * as *hurry is true. Returns 0 or -errno.
 */
int close_connections(struct close *close, int ifindex, const struct addr *address,
		      struct instant end, const atomic_bool *hurry);

/* How many connections have been ended. Any thread may ask. */
uint64_t close_count(const struct close *close);

#endif
