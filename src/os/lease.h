/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The renewal of leases in the background (rule LEASE). A renewal waits for the kernel's rtnl lock,
 * which others (a network plugin that makes or removes pods) may hold for 100 ms and more; adverts
 * must not be that late. This module has the thread and the queue of renewals; how an address is
 * renewed is the caller's.
 *
 * One thread may call, the one that called lease_new().
 */
#ifndef CPVRRP_OS_LEASE_H
#define CPVRRP_OS_LEASE_H

#include "core/addr.h"

struct lease;

/* renew() renews one address and returns 0 or -errno. The module's thread calls it, one call at a
 * time; if there is no thread, lease_renew() does. Returns 0 or -errno. */
int lease_new(int (*renew)(void *context, int ifindex, const struct addr *address,
			   unsigned lease_s),
	      void *context, struct lease **ret_lease);

/* Drops the renewals that wait, and waits for the one under way. NULL is allowed. */
void lease_free(struct lease *lease);

/*
 * Makes the thread, if there is none yet; to be called once the process is confined (os/confine),
 * since a thread from before would not be. Returns 0 or -errno, after which renewals keep the
 * caller waiting.
 */
int lease_start(struct lease *lease);

/*
 * Renews the lease of an address that is present, in the background. Waits only for a renewal of
 * the same address with another lease_s, which would undo this one.
 *
 * Returns the result of the previous renewal (0 or -errno), -EBUSY if that one has not finished, in
 * which case this one is left out, or -ENOMEM. Without a thread it returns the result of this
 * renewal. -ENODEV is never returned: that the interface has gone is told by its event.
 */
int lease_renew(struct lease *lease, int ifindex, const struct addr *address, unsigned lease_s);

/* The address is to be removed: drops its renewal, or waits for it if it is under way. When this
 * returns, no renewal can bring the address back. */
void lease_cancel(struct lease *lease, int ifindex, const struct addr *address);

#endif
