/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other members of a virtual router's group, as their STATUS messages describe them (rule
 * GROUP). The router itself is not in its table.
 *
 * A member is alive for three of its intervals after its last STATUS. A member that is not alive
 * any more stays in the table, so that people see what is gone, until MEMBER_FORGET_US have passed
 * or a new member needs its place. Nothing here knows the time: it is passed in.
 */
#ifndef CPVRRP_CORE_MEMBER_H
#define CPVRRP_CORE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/group_status.h"
#include "core/instant.h"
#include "core/priority.h"
#include "core/vrrp.h"

#define MEMBER_MAX 16			   /* of a group, this router among them */
#define MEMBER_OTHERS_MAX (MEMBER_MAX - 1) /* in the table */
#define MEMBER_INTERVAL_CS 100		   /* between two STATUS messages of one router */
#define MEMBER_FORGET_US (INT64_C(86400) * SECOND_US) /* after the last STATUS */

struct member {
	struct addr address;	    /* of the elected family: the source of its messages */
	struct group_status status; /* the last one; status.heard[] is whom it hears */
	struct instant heard_at;    /* when that came */
	struct instant since;	    /* alive without a gap since then */
	bool missed;		    /* see member_miss() */
};

struct member_table {
	struct member list[MEMBER_OTHERS_MAX]; /* no two have the same address */
	size_t count;
};

/* Takes an accepted STATUS of another router. False, and nothing is changed, if the table is full
 * of members that are alive. */
bool member_take(struct member_table *table, struct instant now, const struct addr *source,
		 const struct group_status *status);

/* An advert of this source was accepted: the member, if it is one, is not missed any more. True if
 * it was. */
bool member_take_advert(struct member_table *table, const struct addr *source);

/* This router took over because no advert of the Active came any more: the Active, if it is a
 * member, is not heard until its next packet, however young its last STATUS is. */
void member_miss(struct member_table *table, const struct addr *active);

/* Frees the places of members that have been silent for MEMBER_FORGET_US. */
void member_forget(struct member_table *table, struct instant now);

/* NULL if there is none with this address. */
const struct member *member_find(const struct member_table *table, const struct addr *address);

/* Its last STATUS is younger than three intervals. A longer interval than ours is followed as
 * VRRP_INTERVAL_FACTOR times ours (BOUNDS). */
bool member_is_alive(const struct member *member, struct instant now);

/* When the first of the living members is not alive any more if none of them says anything. */
struct instant member_silence_at(const struct member_table *table, struct instant now);

/* The band of the priority that the member said last. */
enum priority_band member_band(const struct member *member);

/* This router hears the member: it is alive and not missed. */
bool member_is_heard(const struct member *member, struct instant now);

/* Whether the member's last STATUS says that it hears this address. */
bool member_hears(const struct member *member, const struct addr *address);

/* DEAF: whether the sender of an advert hears this router. It cannot be known of a router without a
 * living STATUS, of a member that is alive for less than grace_us, so that it may not have heard us
 * yet, and of a member whose list is full. */
enum vrrp_hearing member_hearing(const struct member_table *table, struct instant now,
				 const struct addr *source, const struct addr *own,
				 int64_t grace_us);

/* The addresses of the members that this router hears, in the order of the table. Returns how many.
 */
uint8_t member_list_heard(const struct member_table *table, struct instant now,
			  struct addr list[MEMBER_OTHERS_MAX]);

void member_assert(const struct member_table *table);

#endif
