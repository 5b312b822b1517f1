/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw socket of one interface and family for IP protocol 112, shared by all virtual routers on
 * that interface. Sends with TTL or hop limit 255 and DSCP CS6 from a given source address;
 * receives whole messages with the addresses and the TTL of their IP header.
 */
#ifndef CPVRRP_OS_SOCK_H
#define CPVRRP_OS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/advert.h"

struct sock;

/* Opens the socket bound to the interface and joins the VRRP group if multicast. Returns 0 or
 * -errno. */
int sock_new(int ifindex, enum addr_family family, bool multicast, struct sock **ret_sock);
void sock_free(struct sock *sock);

/*
 * Joins the group anew, if sock_new() did. The kernel forgets a membership with the interface's
 * state (a small MTU, disable_ipv6), and a switch one that no report renews (queries that a
 * firewall drops); the socket does not notice either. Returns 0, or -errno, after which the socket
 * is in no group until a later call succeeds.
 */
int sock_rejoin(struct sock *sock);

/*
 * Tells the switch that the socket is in its group, without a report that it leaves, for which some
 * switches cut the port off for a moment. With IGMPv2 or MLDv1, which the kernel speaks where it
 * hears such queries, it tells nothing: the answers to the queries do. Joins anew if the kernel has
 * forgotten the membership. Returns as sock_rejoin().
 */
int sock_renew(struct sock *sock);

/* For polling only. */
int sock_fd(const struct sock *sock);

/* One datagram. Returns 0 or -errno; never blocks. */
int sock_send(struct sock *sock, const struct addr *source, const struct addr *destination,
	      const void *data, size_t size);

/*
 * The VRIDs of the virtual routers that share the socket, and any other one that the caller wants
 * to hear. While sock_drain() reaches its bound, and for a second after it, the kernel drops the
 * adverts of all other VRIDs, of another version than 3 and with another TTL than 255, so that they
 * neither wake the loop nor fill the receive buffer; refusal counters do not see them. Without this
 * call every VRID is heard.
 */
#define SOCK_VRIDS_MAX 256
void sock_expect(struct sock *sock, const uint8_t *vrids, size_t count);

/*
 * Calls receive for up to `bound` received packets; the packet lives for the call. Returns 1 if the
 * socket is empty now, 0 if the bound was reached, or -errno (-ENETDOWN, ...), after which the
 * socket may be used again.
 */
int sock_drain(struct sock *sock, unsigned bound,
	       void (*receive)(void *context, const struct packet *packet), void *context);

#endif
