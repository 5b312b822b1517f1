/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses in the kernel (rule LEASE): /32 or /128, with a lifetime, deprecated from the
 * start so that nobody picks them as a source, without prefix route, IPv6 without duplicate address
 * detection, marked IFA_PROTO 112.
 *
 * What waits for the kernel waits for its rtnl lock, which others (a network plugin that makes or
 * removes pods) may hold for 100 ms and more. Only a change of role is worth that: leases are
 * renewed by a thread, which the first renewal starts. One thread may call, the one that called
 * vip_new().
 */
#ifndef CPVRRP_OS_VIP_H
#define CPVRRP_OS_VIP_H

#include "core/addr.h"

#define VIP_PROTO 112 /* IFA_PROTO */

struct vip;

/* Returns 0 or -errno. */
int vip_new(struct vip **ret_vip);
void vip_free(struct vip *vip);

/* Adds the address or, if it is there, starts its lease again, and waits for it. lease_s = 0:
 * forever. Returns 0 or -errno. */
int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s);

/* Starts the lease of an address that is there again, without waiting, unless one with another
 * lease is under way. Returns 0, -EBUSY if the last renewal is still under way, or -errno: what the
 * last one has met, though this one is under way. */
int vip_renew(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s);

/* Removes it with this prefix length. Returns 0 or -errno; -EADDRNOTAVAIL if it was not there. */
int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length);

#endif
