/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VRRPv3 ADVERTISEMENT (RFC 9568 5.2): bytes to values and back, and the one reason why a
 * packet is refused. Nothing here knows a virtual router; the reasons that need one (from
 * ADVERT_UNKNOWN_VRID on) are given by engine.
 */
#ifndef CPVRRP_CORE_ADVERT_H
#define CPVRRP_CORE_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define ADVERT_PROTOCOL 112 /* IPPROTO_VRRP */
#define ADVERT_VERSION 3
#define ADVERT_HOPS 255 /* TTL and hop limit, RFC 9568 5.1.1.3, 5.1.2.3 */
#define ADVERT_HEADER_SIZE 8
#define ADVERT_INTERVAL_MAX_CS 4095 /* 12 bits, RFC 9568 5.2.7 */
#define ADVERT_SIZE_MAX (ADVERT_HEADER_SIZE + 255 * 16)

/* A packet as it was received. The data belongs to the receiver and lives for the call. */
struct packet {
	struct addr source;
	struct addr destination;
	unsigned hops;	     /* TTL or hop limit */
	bool oversized;	     /* the receiver's buffer could not hold it */
	const uint8_t *data; /* the VRRP message, without IP header */
	size_t size;
};

/* What the IPv4 checksum covers. RFC 5798: the pseudo-header too; RFC 9568 5.2.8: the message only.
 */
enum advert_checksum {
	ADVERT_CHECKSUM_RFC9568,
	ADVERT_CHECKSUM_RFC5798,
};

struct advert {
	uint8_t vrid;
	uint8_t priority;
	uint16_t interval_cs; /* Max Advertise Interval, centiseconds */
	uint8_t address_count;
	enum advert_checksum
		checksum; /* the form that verified; for IPv6 always ADVERT_CHECKSUM_RFC9568 */
	enum addr_family family;
	const uint8_t *addresses; /* a view of the packet's list; see advert_address() */
};

/* Why a packet is refused, in the order of the checks; zero is acceptance. Each has a counter per
 * virtual router. */
enum advert_refusal {
	ADVERT_OK,
	ADVERT_OVERSIZED,	  /* larger than ADVERT_SIZE_MAX */
	ADVERT_HOPS_WRONG,	  /* TTL or hop limit is not 255 */
	ADVERT_TRUNCATED,	  /* shorter than the fixed fields */
	ADVERT_VERSION_WRONG,	  /* not 3 */
	ADVERT_TYPE_WRONG,	  /* not 1 */
	ADVERT_ADDRESSES_NONE,	  /* count 0 (erratum 8299) */
	ADVERT_LENGTH_WRONG,	  /* not exactly the fixed fields and the address list */
	ADVERT_CHECKSUM_WRONG,	  /* neither form verifies */
	ADVERT_INTERVAL_ZERO,	  /* erratum 8301 */
	ADVERT_UNKNOWN_VRID,	  /* no such virtual router on the interface */
	ADVERT_SOURCE_OWN,	  /* our own address: a loop, or another host uses it */
	ADVERT_SOURCE_NOT_PEER,	  /* unicast, and not in unicast_peer */
	ADVERT_ADDRESSES_FOREIGN, /* no address in common: another virtual router with our VRID */
};
#define ADVERT_REFUSAL_COUNT (ADVERT_ADDRESSES_FOREIGN + 1)

/* The word in state and metrics, "checksum" for ADVERT_CHECKSUM_WRONG. */
const char *advert_refusal_name(enum advert_refusal refusal);

/* The checks of RFC 9568 7.1 that the packet itself answers. *ret is untouched unless ADVERT_OK is
 * returned. */
enum advert_refusal advert_decode(const struct packet *packet, struct advert *ret);

/* Whether the checksum of a whole message is right, and in *ret in which form; see `checksum` of
 * struct advert. */
bool advert_checksum_verifies(const struct packet *packet, enum advert_checksum *ret);

/* The value for the checksum field of a message in which that field is zero. IPv6 has one form
 * only. */
uint16_t advert_checksum_field(enum advert_checksum form, const struct addr *source,
			       const struct addr *destination, const uint8_t *data, size_t size);

/* The VRID field if the packet is long enough to have one, else 0, which is no VRID. Nothing is
 * checked. */
uint8_t advert_peek_vrid(const struct packet *packet);

/* Address number i < address_count. */
struct addr advert_address(const struct advert *advert, unsigned i);

/* What advert_encode() writes. */
struct advert_fields {
	uint8_t vrid;
	uint8_t priority;
	uint16_t interval_cs;
	enum advert_checksum checksum;
	uint8_t address_count;
	const struct addr *addresses; /* all of one family, that of source and destination */
	struct addr source;
	struct addr destination;
};

/* Writes the message into buffer and returns its size, 0 if it does not fit. */
size_t advert_encode(const struct advert_fields *fields, uint8_t *buffer, size_t size);

/* The group that adverts go to: 224.0.0.18 or ff02::12. */
struct addr advert_group(enum addr_family family);

#endif
