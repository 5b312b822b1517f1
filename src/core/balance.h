/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members that take part in BALANCE, as one virtual router sees them over time: whom new
 * connections may go to, whom a walk asks, and who lingers.
 *
 * Nodes hear of a change at different moments, some milliseconds apart, and a walk between nodes
 * that disagree may miss a member and end a connection that lives there. So a member that falls
 * silent, or that says that it does not balance any more, gets no new connections at once, lingers
 * at once (the last member of a walk asks it, see os/nft_rules), but is left out of the walk
 * BALANCE_OVERLAP_US later; and one that comes back lingers for BALANCE_RETURN_US more. Its daemon
 * may be restarting, while its apiserver and the connections there go on.
 */
#ifndef CPVRRP_CORE_BALANCE_H
#define CPVRRP_CORE_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"
#include "core/member.h"
#include "core/neigh.h"
#include "core/priority.h"
#include "core/slots.h"

#define BALANCE_PEERS_MAX MEMBER_OTHERS_MAX
#define BALANCE_OVERLAP_US (500 * MILLISECOND_US)
#define BALANCE_RETURN_US (2 * SECOND_US)
/* How long a member lingers. Meanwhile nothing answers a packet of a connection that no member
 * knows. Where a node has died, its clients are told that late; a daemon that ended in order leaves
 * an apiserver that ends its connections itself, if it ends. */
#define BALANCE_LINGER_US (15 * SECOND_US)
#define BALANCE_LINGER_LEFT_US (60 * SECOND_US)

/* What is heard of a member now, or what the router itself is. */
struct balance_member {
	struct addr addresses[ADDR_FAMILY_COUNT]; /* unspecified: none known */
	uint8_t mac[NEIGH_MAC_SIZE];		  /* all zero: not known */
	enum priority_band band;
	bool left; /* its daemon has said that it ends */
};

struct balance_peer {
	struct balance_member what; /* as heard last */
	bool up;		    /* heard now */
	struct instant since;	    /* of up, or of not being so any more */
};

/* Zeroed at first. */
struct balance {
	size_t count;
	struct balance_peer peers[BALANCE_PEERS_MAX]; /* of which no two have the same address */
};

/* What it comes to: the router itself is number 0. */
struct balance_view {
	struct slots_group group;
	struct balance_member members[SLOTS_MEMBERS_MAX];
	bool lingers[SLOTS_MEMBERS_MAX];
};

/* The other members that are heard and balance, all of them; each has an address of the elected
 * family. Members beyond BALANCE_PEERS_MAX are left out. */
void balance_take(struct balance *balance, struct instant now, enum addr_family family,
		  const struct balance_member *heard, size_t count);

void balance_view(const struct balance *balance, struct instant now, enum addr_family family,
		  const struct balance_member *own, struct balance_view *ret_view);

/* When the view changes though nothing is heard. */
struct instant balance_deadline(const struct balance *balance, struct instant now);

#endif
