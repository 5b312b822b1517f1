/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hears who claims an address on the segments of this node (rule HOLDER): a packet socket for ARP
 * and a raw socket for Neighbor Advertisements. A filter in the kernel, which nothing can take off
 * again, passes only claims of the addresses that are asked for, so the daemon does not wake up for
 * the rest of the segment's ARP.
 *
 * The sockets are opened once, as a confined process cannot open them (os/confine). Since their
 * filter is fixed from the first holder_watch() on, there is a second pair, which passes all claims
 * and is used instead when other addresses are asked for later.
 */
#ifndef CPVRRP_OS_HOLDER_H
#define CPVRRP_OS_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"
#include "core/neigh.h"

#define HOLDER_FDS 2

struct holder;

/* Opens the sockets, which receive nothing yet. Returns 0 or -errno. */
int holder_new(struct holder **ret_holder);
/* NULL is allowed. */
void holder_free(struct holder *holder);

/* Receives claims of these addresses from now on, of others perhaps too. Returns 0 or -errno. */
int holder_watch(struct holder *holder, const struct addr *addresses, size_t count);

/* For polling: the sockets in use, until the next holder_watch(). Returns how many. */
unsigned holder_fds(const struct holder *holder, int fds[HOLDER_FDS]);

/* Hands up to max packets of each socket to take(), claims of this node's own perhaps among them.
 * Returns 1 if the sockets are empty now, else 0; or -errno. */
int holder_drain(struct holder *holder, unsigned max,
		 void (*take)(void *context, int ifindex, const struct neigh_claim *claim),
		 void *context);

#endif
