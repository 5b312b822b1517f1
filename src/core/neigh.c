/* SPDX-License-Identifier: Apache-2.0 */
#include "core/neigh.h"

#include "core/checksum.h"
#include "core/wire.h"

#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd
#define NEXT_HEADER_ICMPV6 58
#define NA_SIZE 32 /* 24 and the option of 8 */
#define NA_TYPE 136
#define NA_ROUTER 0x80
#define NA_OVERRIDE 0x20

static void write_ethernet(struct wire_writer *w, const uint8_t *destination, const uint8_t *source,
			   uint16_t type)
{
	wire_write_bytes(w, destination, NEIGH_MAC_SIZE);
	wire_write_bytes(w, source, NEIGH_MAC_SIZE);
	wire_write_u16(w, type);
}

size_t neigh_arp(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		 const struct addr *address, enum neigh_form form)
{
	static const uint8_t broadcast[NEIGH_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t zero[NEIGH_MAC_SIZE];
	struct wire_writer w = {.at = frame, .left = NEIGH_FRAME_MAX};
	bool request = form == NEIGH_FORM_ARP_REQUEST;

	write_ethernet(&w, broadcast, mac, ETHERTYPE_ARP);
	wire_write_u16(&w, 1);	    /* ar$hrd: Ethernet */
	wire_write_u16(&w, 0x0800); /* ar$pro: IPv4 */
	wire_write_u8(&w, NEIGH_MAC_SIZE);
	wire_write_u8(&w, 4);
	wire_write_u16(&w, request ? 1 : 2);
	wire_write_bytes(&w, mac, NEIGH_MAC_SIZE);
	wire_write_bytes(&w, address->bytes, 4);
	/* RFC 5227 2.1.1: the target hardware address of a request should be zero. A reply carries
	 * our own, as RFC 9568 6.4.2 has the address itself on both sides. */
	wire_write_bytes(&w, request ? zero : mac, NEIGH_MAC_SIZE);
	wire_write_bytes(&w, address->bytes, 4);
	return NEIGH_FRAME_MAX - w.left;
}

/* RFC 4861 4.4 with the option of 4.6.1. */
static void write_na(struct wire_writer *w, const uint8_t *mac, const struct addr *address,
		     bool router, uint16_t checksum)
{
	wire_write_u8(w, NA_TYPE);
	wire_write_u8(w, 0);
	wire_write_u16(w, checksum);
	wire_write_u8(w, router ? NA_ROUTER | NA_OVERRIDE : NA_OVERRIDE);
	wire_write_bytes(w, (const uint8_t[3]){0}, 3);
	wire_write_bytes(w, address->bytes, 16);
	wire_write_u8(w, 2); /* Target Link-Layer Address */
	wire_write_u8(w, 1); /* in units of 8 bytes */
	wire_write_bytes(w, mac, NEIGH_MAC_SIZE);
}

size_t neigh_na(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		const struct addr *source, const struct addr *address, bool router)
{
	/* RFC 2464 7: 33:33 and the last four bytes of the group. */
	static const uint8_t all_nodes_mac[NEIGH_MAC_SIZE] = {0x33, 0x33, 0, 0, 0, 1};
	static const struct addr all_nodes = {.family = ADDR_FAMILY_IPV6,
					      .bytes = {0xff, 0x02, [15] = 1}};
	struct wire_writer w = {.at = frame, .left = NEIGH_FRAME_MAX};
	struct wire_writer na;
	uint32_t sum;

	write_ethernet(&w, all_nodes_mac, mac, ETHERTYPE_IPV6);
	wire_write_bytes(&w, (const uint8_t[4]){0x60}, 4);
	wire_write_u16(&w, NA_SIZE);
	wire_write_u8(&w, NEXT_HEADER_ICMPV6);
	wire_write_u8(&w, 255); /* RFC 4861 7.1.2: anything else is ignored */
	wire_write_bytes(&w, source->bytes, 16);
	wire_write_bytes(&w, all_nodes.bytes, 16);
	na = w;
	write_na(&w, mac, address, router, 0);
	sum = checksum_add_pseudo(0, source, &all_nodes, NEXT_HEADER_ICMPV6, NA_SIZE);
	sum = checksum_add(sum, na.at, NA_SIZE);
	write_na(&na, mac, address, router, checksum_finish(sum));
	return NEIGH_FRAME_MAX - w.left;
}
