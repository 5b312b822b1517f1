/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends core/neigh's frames (rule ANNOUNCE): for IPv4 gratuitous ARP in request and reply form, for
 * IPv6 an unsolicited Neighbor Advertisement whose R flag is the interface's forwarding setting.
 * Beside them a question from the address for the interface's gateway, if it has one.
 * Each call reads the hardware address anew.
 */
#ifndef CPVRRP_OS_ANNOUNCE_H
#define CPVRRP_OS_ANNOUNCE_H

#include "core/addr.h"

struct announce;

/* Opens the packet socket, which receives nothing, for good. Returns 0 or -errno. */
int announce_new(struct announce **ret_announce);
void announce_free(struct announce *announce);

/*
 * Announces one address. source is an address of the interface: IPv6 sends from it, and IPv4 asks
 * for it where there is no gateway. Returns 0 or
 * -errno; -EOPNOTSUPP for an interface that is not Ethernet.
 */
int announce_send(struct announce *announce, int ifindex, const struct addr *source,
		  const struct addr *address);

/* Asks who has the address, as a host that does not have it yet: no neighbour learns from it. The
 * answer is a claim (os/holder). Returns as announce_send(). */
int announce_ask(struct announce *announce, int ifindex, const struct addr *address);

#endif
