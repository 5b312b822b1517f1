/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The STATUS message, by which the routers of a group say what they are and whom they hear (rule
 * GROUP): bytes to values and back, and the one reason why a message is refused. Nothing here
 * knows a virtual router; the reasons that need one (from GROUP_STATUS_UNKNOWN_VRID on) are given
 * by engine.
 *
 * The message goes where adverts go: same protocol, groups, TTL and checksum. Its header is that of
 * a VRRPv3 message with type 15 and VRID 0, so a router of RFC 9568 discards it, twice: 7.1 asks
 * for type 1 and for a VRID that is configured. Bytes:
 *
 *	0	version 3, type 15
 *	1	0
 *	2	priority, as an advert would carry it now
 *	3	count of addresses heard, where an advert counts its addresses
 *	4	interval of STATUS messages, centiseconds (the low 12 bits)
 *	6	checksum
 *	8	VRID of the virtual router
 *	9	flags (high four bits: 1 balance, 2 leaving), state (low four bits: 0 Initialize,
 *		1 Backup, 2 Active)
 *	10	port of the sender's apiserver
 *	12	hardware address
 *	18	digest of the virtual router's addresses; 0: not given
 *	20	the sender's address of the other family (16 bytes), :: if it has none; an IPv4
 *		address as ::ffff:a.b.c.d
 *	36	addresses of the members that the sender hears, of the packet's family
 *
 * Unknown flags and whatever follows the addresses are accepted: room to grow.
 */
#ifndef CPVRRP_CORE_GROUP_STATUS_H
#define CPVRRP_CORE_GROUP_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/advert.h"
#include "core/neigh.h"
#include "core/vrrp.h"

#define GROUP_STATUS_TYPE 15
#define GROUP_STATUS_FIXED_SIZE 36
#define GROUP_STATUS_HEARD_MAX 15 /* the others of a group of 16; more are not kept */
#define GROUP_STATUS_SIZE_MAX (GROUP_STATUS_FIXED_SIZE + GROUP_STATUS_HEARD_MAX * 16)

struct group_status {
	uint8_t vrid;
	uint8_t priority;
	enum vrrp_state state;
	bool balance; /* the sender takes part in BALANCE */
	bool leaving; /* the sender's daemon ends */
	uint16_t interval_cs;
	uint16_t port; /* 0 = unknown */
	uint8_t mac[NEIGH_MAC_SIZE];
	uint16_t digest;   /* see group_status_digest(); 0 = not given */
	struct addr other; /* of the other family; unspecified = none */
	uint8_t heard_count;
	struct addr heard[GROUP_STATUS_HEARD_MAX]; /* of the packet's family */
};

/* Why a message is refused, in the order of the checks; zero is acceptance. Each has a counter per
 * virtual router. */
enum group_status_refusal {
	GROUP_STATUS_OK,
	GROUP_STATUS_OVERSIZED,	     /* larger than the receiver's buffer */
	GROUP_STATUS_HOPS_WRONG,     /* TTL or hop limit is not 255 */
	GROUP_STATUS_TRUNCATED,	     /* shorter than the fixed fields */
	GROUP_STATUS_VERSION_WRONG,  /* not 3 */
	GROUP_STATUS_TYPE_WRONG,     /* not 15 */
	GROUP_STATUS_HEADER_VRID,    /* the header's VRID is not 0 */
	GROUP_STATUS_LENGTH_WRONG,   /* shorter than its list of addresses */
	GROUP_STATUS_CHECKSUM_WRONG, /* neither form verifies */
	GROUP_STATUS_INTERVAL_ZERO,
	GROUP_STATUS_VRID_ZERO,	      /* the body's VRID is 0, which is none */
	GROUP_STATUS_STATE_WRONG,     /* none of RFC 9568 6.4 */
	GROUP_STATUS_ADDRESS_WRONG,   /* of the other family: no address of a host */
	GROUP_STATUS_UNKNOWN_VRID,    /* no such virtual router on the interface, or it has
					 `members = false` */
	GROUP_STATUS_SOURCE_OWN,      /* our own address: a loop, or another host uses it */
	GROUP_STATUS_SOURCE_NOT_PEER, /* unicast, and not in unicast_peer */
	GROUP_STATUS_DIGEST_FOREIGN,  /* another virtual router with our VRID */
	GROUP_STATUS_SURPLUS,	      /* the table of members is full */
};
#define GROUP_STATUS_REFUSAL_COUNT (GROUP_STATUS_SURPLUS + 1)

/* The word in state and metrics, "checksum" for GROUP_STATUS_CHECKSUM_WRONG. */
const char *group_status_refusal_name(enum group_status_refusal refusal);

/* Whether a packet is a STATUS message rather than an advert: type 15 and VRID 0. Nothing else is
 * checked. */
bool group_status_is(const struct packet *packet);

/* The VRID of the body if the packet is long enough to have one, else 0, which is no VRID. */
uint8_t group_status_peek_vrid(const struct packet *packet);

/* *ret is untouched unless GROUP_STATUS_OK is returned. */
enum group_status_refusal group_status_decode(const struct packet *packet,
					      struct group_status *ret);

/* Writes the message into buffer and returns its size, 0 if it does not fit. heard[] and `other`
 * have the family of source and the other one. */
size_t group_status_encode(const struct group_status *status, enum advert_checksum form,
			   const struct addr *source, const struct addr *destination,
			   uint8_t *buffer, size_t size);

bool group_status_equal(const struct group_status *a, const struct group_status *b);

/* Sixteen bits of an address, never 0: routers with the same VRID and another first address are
 * another group. */
uint16_t group_status_digest(const struct addr *address);

#endif
