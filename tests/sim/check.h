/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the check: check, check_client, check_holders, check_router,
 * check_election, check_start and blame. */
#ifndef CPVRRP_SIM_CHECK_H
#define CPVRRP_SIM_CHECK_H

#include "sim/sim.h"

/* Whose watch a router has is known here only. */
static inline struct watch *check_watch(struct node *node, const struct router *router)
{
	return &node->watch[router->settings.family];
}

static inline const struct watch *check_watched(const struct node *node,
						const struct router *router)
{
	return &node->watch[router->settings.family];
}

/* check */
int64_t check_tail_us(const struct sim *sim); /* how long a fault is felt after its end */
int64_t check_interval_us(const struct router *router);
uint8_t check_priority(const struct node *node, const struct router *router); /* on the wire */
uint8_t check_priority_at(const struct node *node, const struct router *router,
			  enum priority_tenure tenure); /* of an Active that does not leave */

/* check_client */
void check_excuse_entry(struct sim *sim, int64_t until); /* the client sends to a wrong node */
void check_excuse_nothing(struct sim *sim);		 /* any more */
void check_outage(struct sim *sim, enum addr_family family, int64_t next);
void check_client_at_end(struct sim *sim);

/* check_holders */
int64_t check_longest_lease_us(const struct node *node); /* 0 if an address stays for ever */
void check_pairs(struct sim *sim, enum addr_family family, int64_t next);

/* check_group: at the moment, of the nodes of a connected part */
void check_members(struct sim *sim, unsigned nodes, enum addr_family family);
/* The last STATUS of the address that the process accepted that made the node's rules; NULL: none.
 */
const struct told *check_told(struct node *node, const struct addr *source);
/* By its last STATUS the sender does not hear the router (DEAF). */
bool check_is_deaf(struct node *node, const struct router *router, struct instant now,
		   const struct addr *source);

/* check_election */
void check_forget_heard(struct watch *watch);

/* check_start */
void check_resumed(struct node *node, const struct router *router, struct instant now);
void check_resumed_speaks(struct node *node, const struct router *router, bool drained);

/* check_router */
bool check_claim_expired(const struct watch *watch, struct instant now); /* certainly */
bool check_claims(const struct watch *watch, struct instant now);	 /* certainly */
void check_own_address_fault(struct node *node, const struct router *router,
			     const struct router_transition *transition);
void check_takes_over(struct node *node, const struct router *router);
void check_resumes(struct node *node, const struct router *router);
uint64_t check_adverts_of(const struct router *router);
uint64_t check_adverts_since(const struct node *node, const struct router *router);

#endif
