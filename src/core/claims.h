/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows when another host says by ARP or Neighbor Advertisement that it has an address of a
 * virtual router (rule HOLDER): whether that is worth telling, and when the Active announces again
 * (RFC 5227 2.4 c: it never gives the address up). Time comes in with every call; nothing is sent
 * and nothing is logged here. A router embeds one struct claims; the engine calls.
 *
 * In Active a claim is one by another hardware address. It waits for CLAIMS_DEFENCE_US: a rightful
 * successor announces just before its first advert, and announcing after it would lead the
 * neighbours astray.
 *
 * A Backup knows its Active by the source address of adverts, not by its hardware address. The
 * first hardware address that claims while one router is Active counts as that router's; another
 * one is told once that router has stayed Active for CLAIMS_CONFIRM_US. Where no advert has
 * ever been heard, a claim still counts when the Backup takes over: that is the answer to its
 * question who has the address.
 */
#ifndef CPVRRP_CORE_CLAIMS_H
#define CPVRRP_CORE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"
#include "core/neigh.h"

#define CLAIMS_DEFENCE_US (10 * MILLISECOND_US) /* between defences at least */
#define CLAIMS_FLOOD 20				/* claims in a second, from which on ... */
#define CLAIMS_FLOOD_DEFENCE_US SECOND_US	/* ... defences are as far apart as this */
#define CLAIMS_CONFIRM_US SECOND_US

/* The router at the moment of a call. */
struct claims_view {
	enum claims_role {
		CLAIMS_DEAF,   /* Initialize, or leaving: another holder is what is waited for */
		CLAIMS_BACKUP, /* follows `active` */
		CLAIMS_ACTIVE,
	} role;
	struct addr active; /* unspecified: none is known */
	bool alone;	    /* no advert has ever been heard */
};

struct claims {
	/* What has been told. */
	uint64_t count;		 /* claims of other holders; the rest means nothing while it is 0 */
	struct neigh_claim last; /* the newest one */
	struct instant at;	 /* when it came */

	/* What is heard now. */
	struct claims_view view; /* when it was heard */
	bool has_usual;
	uint8_t usual[NEIGH_MAC_SIZE]; /* Backup: taken for the Active's */
	unsigned waiting;	       /* claims that are not told yet */
	struct neigh_claim newest;     /* of these */
	struct instant newest_at;
	struct instant due; /* when they are told; INSTANT_NEVER if there are none */

	/* Active. */
	struct instant answered; /* the last defence; 0: none yet, which is long ago */
	struct instant second;	 /* the begin of the second in which claims are counted */
	unsigned in_second, in_second_before;
};

enum claims_answer {
	CLAIMS_NOTHING,
	CLAIMS_TELL,   /* the state has changed: say so */
	CLAIMS_DEFEND, /* the same, and announce */
};

void claims_init(struct claims *claims);

/* A claim by another hardware address than the router's own. */
void claims_hear(struct claims *claims, struct instant now, const struct claims_view *view,
		 const struct neigh_claim *claim);

/* When claims_take() has something to do; INSTANT_NEVER if it has not. */
struct instant claims_deadline(const struct claims *claims);

/* What is to be done now. */
enum claims_answer claims_take(struct claims *claims, struct instant now,
			       const struct claims_view *view);

#endif
