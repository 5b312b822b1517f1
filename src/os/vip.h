/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses in the kernel (rule LEASE): /32 or /128, with a lifetime, deprecated from the
 * start so that no program gets one as its source, without prefix route, IPv6 without duplicate
 * address detection, marked IFA_PROTO 112.
 *
 * A call waits for the kernel's rtnl lock. Only a takeover is worth that: leases are renewed, and
 * addresses leave, in the background (os/lease), with their connections (os/close). One thread may
 * call, the one that called vip_new().
 */
#ifndef CPVRRP_OS_VIP_H
#define CPVRRP_OS_VIP_H

#include <stdint.h>

#include "core/addr.h"

#define VIP_PROTO 112 /* IFA_PROTO */

struct vip;

/* Returns 0 or -errno. */
int vip_new(struct vip **ret_vip);
/* NULL is allowed. Removes no address, but waits until those that leave have gone. */
void vip_free(struct vip *vip);

/* lease_start(): returns 0, or -errno, after which renewals and departures keep the caller waiting.
 */
int vip_start(struct vip *vip);

/*
 * CLOSE: from now on an address that departs takes its connections along. Before the first address
 * departs. Returns 0 or -errno: -EOPNOTSUPP if the kernel cannot do it.
 */
int vip_close_connections(struct vip *vip);

/* How many connections have been ended so. */
uint64_t vip_closed_count(const struct vip *vip);

/*
 * Adds the address or, if it is present, renews its lease. Waits for the kernel, and with IPv6
 * until the kernel delivers to the address, 250 ms at most. lease_s = 0: forever. Returns 0 or
 * -errno.
 */
int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s);

/*
 * Puts an IPv4 address that is present behind all others of its interface, without a moment in
 * which it is not there: of equal addresses the kernel takes the first as the source, deprecated or
 * not. Returns 0 or -errno, after which the address is there all the same.
 */
int vip_place_last(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s);

/* Renews the lease of an address that is present: lease_renew(). */
int vip_renew(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s);

/* Removes it with this prefix length, at once, and leaves connections alone: for one that has just
 * been added. Returns 0 or -errno; -EADDRNOTAVAIL if it was not there. */
int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length);

/* Ends its connections, for 100 ms at most, and removes it: lease_depart(). vip_add() brings the
 * address back. */
int vip_depart(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length);

#endif
