/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group of one virtual router for a snapshot (see status.h): this node and the other members as
 * their STATUS messages describe them (rule GROUP), and which links between them work one way only.
 */
#ifndef CPVRRP_REPORT_MEMBERS_H
#define CPVRRP_REPORT_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"
#include "core/router.h"

struct members_member {
	struct addr address; /* of the elected family; unspecified: this node has none yet */
	bool self;
	bool alive; /* this node always is */
	bool leaving;
	enum vrrp_state state;
	uint8_t priority; /* on the wire */
	uint16_t port;	  /* of its apiserver; 0 = not known */
	struct addr other;
	uint8_t mac[NEIGH_MAC_SIZE];
	struct instant heard; /* its last STATUS; means nothing for this node */
	/* What it does not hear though it is there: a link that works one way. */
	size_t deaf_to_count;
	struct addr deaf_to[MEMBER_MAX];
};

struct members {
	bool on;      /* `members` is true; the rest means nothing if not */
	size_t count; /* this node comes first */
	struct members_member list[MEMBER_MAX];
	struct group_counters counters;
};

/* *members is all zero. */
void members_take(const struct router *router, struct instant now, struct members *members);

/* How many members are alive and in this band. */
size_t members_in_band(const struct members *members, enum priority_band band);

/* Asserts what must hold of any snapshot. */
void members_assert(const struct members *members);

#endif
