/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries whether a TCP connection to an address comes about, and ends it at once. One at a time.
 * Packets have the class of adverts (DSCP CS6), by which the rules of BALANCE leave such a
 * connection of the node's own alone (os/nft_rules).
 */
#ifndef CPVRRP_OS_DIAL_H
#define CPVRRP_OS_DIAL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"

#define DIAL_LIMIT_US (2 * SECOND_US)

struct dial;

/* Its event only wakes the loop. NULL if there is no memory. */
struct dial *dial_new(struct event_base *base);
/* NULL is allowed. */
void dial_free(struct dial *dial);

/* Begins. The one before has been taken. */
void dial_start(struct dial *dial, struct instant now, const struct addr *address, uint16_t port);

/* From dial_start() until dial_take() says true. */
bool dial_is_busy(const struct dial *dial);

/* True if it has ended: *ret_error is 0 if it came about, else -errno; -ETIMEDOUT after
 * DIAL_LIMIT_US. */
bool dial_take(struct dial *dial, struct instant now, int *ret_error);

/* When it ends at the latest; INSTANT_NEVER if none is under way. */
struct instant dial_deadline(const struct dial *dial);

#endif
