/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses in the kernel (rule LEASE): /32 or /128, with a lifetime, deprecated from the
 * start so that nobody picks them as a source, without prefix route, IPv6 without duplicate address
 * detection, marked IFA_PROTO 112. Every call waits for the kernel's answer.
 */
#ifndef CPVRRP_LINUX_VIP_H
#define CPVRRP_LINUX_VIP_H

#include "core/addr.h"

#define VIP_PROTO 112 /* IFA_PROTO */

struct vip;

/* Returns 0 or -errno. */
int vip_new(struct vip **ret_vip);
void vip_free(struct vip *vip);

/* Adds the address or, if it is there, starts its lease again. lease_s = 0: forever. Returns 0 or
 * -errno. */
int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s);

/* Removes it with this prefix length. Returns 0 or -errno; -EADDRNOTAVAIL if it was not there. */
int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length);

#endif
