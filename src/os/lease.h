/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on addresses in the background: the renewal of leases (rule LEASE), and the departure of an
 * address, which first ends its connections (rule CLOSE). A renewal waits for the kernel's rtnl
 * lock, which others (a network plugin that makes or removes pods) may hold for 100 ms and more; a
 * departure takes as long as there are connections; adverts must not be that late. This module has
 * the thread and the queue; what is done to an address is the caller's.
 *
 * One thread may call, the one that called lease_new().
 */
#ifndef CPVRRP_OS_LEASE_H
#define CPVRRP_OS_LEASE_H

#include <stdatomic.h>

#include "core/addr.h"
#include "core/instant.h"

struct lease;

/* The module's thread calls them, one call at a time; if there is no thread, lease_renew() and
 * lease_depart() do. */
struct lease_calls {
	/* Renews one address. Returns 0 or -errno. */
	int (*renew)(void *context, int ifindex, const struct addr *address, unsigned lease_s);
	/* Removes one address with this prefix length; what it does before is over at `end`, or as
	 * soon as *hurry is true. Returns 0 or -errno. */
	int (*depart)(void *context, int ifindex, const struct addr *address,
		      unsigned prefix_length, struct instant end, const atomic_bool *hurry);
};

/* Returns 0 or -errno. */
int lease_new(const struct lease_calls *calls, void *context, struct lease **ret_lease);

/* Drops the renewals that wait; waits for the work under way, and until every departure is over.
 * NULL is allowed. */
void lease_free(struct lease *lease);

/*
 * Makes the thread, if there is none yet; to be called once the process is confined (os/confine),
 * since a thread from before would not be. Returns 0 or -errno, after which the work keeps the
 * caller waiting.
 */
int lease_start(struct lease *lease);

/*
 * Renews the lease of an address that is present, in the background. Waits only for a renewal of
 * the same address with another lease_s, which would undo this one, and for its departure.
 *
 * Returns the result of the previous renewal (0 or -errno), -EBUSY if that one has not finished, in
 * which case this one is left out, or -ENOMEM. Without a thread it returns the result of this
 * renewal. -ENODEV is never returned: that the interface has gone is told by its event.
 */
int lease_renew(struct lease *lease, int ifindex, const struct addr *address, unsigned lease_s);

/*
 * Removes the address in the background. Drops its renewal, or waits for it if it is under way:
 * when this returns, no renewal can bring the address back.
 *
 * Returns the result of the previous departure with this prefix length if it failed, or -ENOMEM,
 * else 0. Without a thread it returns the result of this one. Neither -ENODEV nor -EADDRNOTAVAIL is
 * ever returned: the address is gone.
 */
int lease_depart(struct lease *lease, int ifindex, const struct addr *address,
		 unsigned prefix_length, struct instant end);

/* Drops the renewal and the departures of the address, or waits for the one under way, a departure
 * being told to hurry. When this returns, the caller alone works on the address. */
void lease_cancel(struct lease *lease, int ifindex, const struct addr *address);

#endif
