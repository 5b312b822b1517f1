/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BALANCE: which member of the group gets a client's connection, and where a packet goes on to
 * whose connection lives elsewhere. A connection belongs to a slot, a hash of the client's address
 * and port. Each slot has an order of all members (rendezvous hashing), which depends on their
 * addresses alone; so every node computes the same table from the same facts, in whatever order it
 * has heard them, and a member that leaves or returns moves no slot but its own.
 *
 * The owner of a slot gets its new connections. The walk looks for the connection of a packet that
 * begins none: each live member that does not know it passes it on to the next in the slot's order,
 * from the last one to the first. Its hops are counted in the packet (slots_hops()), so a walk ends
 * even where nodes have heard different facts.
 *
 * Everything is a function of the facts; nothing is kept and nothing is allocated.
 */
#ifndef CPVRRP_CORE_SLOTS_H
#define CPVRRP_CORE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/priority.h"

#define SLOTS_MEMBERS_MAX 16

/*
 * The slots of every group. 1,000 groups of random addresses each, the member that is furthest from
 * an even share: with three members 7 % at most; with five 4 % in the median, 9 % in the 99th
 * percentile; with seven 6 % and 11 %. With 256 slots groups of three are 7 and 17 % off, groups of
 * seven 18 and 34 %.
 */
#define SLOTS_COUNT 2048
#define SLOTS_COUNT_MAX 4096

#define SLOTS_NONE UINT8_MAX

struct slots_member {
	struct addr address;	 /* of the elected family; the member's identity */
	bool live;		 /* this node, or heard within its time */
	enum priority_band band; /* of its apiserver */
};

/* The facts. The addresses differ from each other. */
struct slots_group {
	size_t member_count; /* up to SLOTS_MEMBERS_MAX */
	struct slots_member members[SLOTS_MEMBERS_MAX];
};

/* The table of one node. Members are numbers in the group that it was computed from. */
struct slots {
	unsigned slot_count;
	unsigned live_count;
	uint8_t owner[SLOTS_COUNT_MAX]; /* SLOTS_NONE: its connections stay with the Active */
	uint8_t next[SLOTS_COUNT_MAX];	/* for this node; SLOTS_NONE if no other member is live */
	unsigned share[SLOTS_MEMBERS_MAX]; /* owned slots */
};

/* The owner of one slot: the first live member of its order that is ready; if none is, the first
 * that answers; if none does, SLOTS_NONE. slot_count is a power of two, 2..SLOTS_COUNT_MAX. */
uint8_t slots_owner(const struct slots_group *group, unsigned slot, unsigned slot_count);

/* The live member after own in the slot's order, the first after the last; SLOTS_NONE if there is
 * no other. own need not be live. */
uint8_t slots_next(const struct slots_group *group, unsigned slot, unsigned slot_count, size_t own);

/* All slots at once, for the node that is member number own. */
void slots_compute(const struct slots_group *group, size_t own, unsigned slot_count,
		   struct slots *ret_slots);

/*
 * The hops that a packet on its walk has left where it arrives with this TTL or hop limit. A packet
 * that still has its sender's value begins the walk and gets one hop for each live member. With 1
 * left it stays; else it goes on with one less. Members' hosts send with 64 or more, so that no
 * packet within a network segment begins with SLOTS_MEMBERS_MAX or less.
 */
unsigned slots_hops(unsigned ttl, unsigned live_count);

#endif
