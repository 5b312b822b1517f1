/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw socket of one interface and family for IP protocol 112: all routers on it share it. Sends
 * with TTL or hop limit 255 and DSCP CS6 from a given source address; receives whole messages with
 * what the IP header said of them.
 */
#ifndef CPVRRP_OS_SOCK_H
#define CPVRRP_OS_SOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"
#include "core/advert.h"

struct sock;

/* Opens the socket bound to the interface and joins the VRRP group if multicast. Returns 0 or
 * -errno. */
int sock_new(int ifindex, enum addr_family family, bool multicast, struct sock **ret_sock);
void sock_free(struct sock *sock);

/* For polling only. */
int sock_fd(const struct sock *sock);

/* One datagram. Returns 0 or -errno; never blocks. */
int sock_send(struct sock *sock, const struct addr *source, const struct addr *destination,
	      const void *data, size_t size);

/*
 * Hands over what has been received, up to `bound` packets. The packet lives for the call. Returns
 * 1 if the socket is empty now, 0 if the bound was reached, or -errno (-ENETDOWN, ...), after which
 * the socket may be used again.
 */
int sock_drain(struct sock *sock, unsigned bound,
	       void (*receive)(void *context, const struct packet *packet), void *context);

#endif
