/* SPDX-License-Identifier: Apache-2.0 */
#include "core/neigh.h"

#include <assert.h>
#include <string.h>

#include "core/checksum.h"
#include "core/wire.h"

#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd
#define NEXT_HEADER_ICMPV6 58
#define MESSAGE_SIZE 24 /* without the option */
#define NS_TYPE 135
#define NA_TYPE 136
#define NA_ROUTER 0x80
#define NA_OVERRIDE 0x20
#define OPTION_SOURCE 1 /* Source Link-Layer Address */
#define OPTION_TARGET 2 /* Target Link-Layer Address, RFC 4861 4.6.1 */
#define OPTION_UNIT 8	/* of an option's length */
#define ARP_ETHERNET 1
#define ARP_IPV4 0x0800
#define ARP_REQUEST 1
#define ARP_REPLY 2

static void write_ethernet(struct wire_writer *w, const uint8_t *destination, const uint8_t *source,
			   uint16_t type)
{
	wire_write_bytes(w, destination, NEIGH_MAC_SIZE);
	wire_write_bytes(w, source, NEIGH_MAC_SIZE);
	wire_write_u16(w, type);
}

static const uint8_t broadcast[NEIGH_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t zero[NEIGH_MAC_SIZE];

static size_t write_arp(uint8_t frame[NEIGH_FRAME_MAX], uint16_t operation, const uint8_t *mac,
			const struct addr *sender, const uint8_t *target_mac,
			const struct addr *target)
{
	struct wire_writer w = {.at = frame, .left = NEIGH_FRAME_MAX};

	write_ethernet(&w, broadcast, mac, ETHERTYPE_ARP);
	wire_write_u16(&w, ARP_ETHERNET);
	wire_write_u16(&w, ARP_IPV4);
	wire_write_u8(&w, NEIGH_MAC_SIZE);
	wire_write_u8(&w, 4);
	wire_write_u16(&w, operation);
	wire_write_bytes(&w, mac, NEIGH_MAC_SIZE);
	wire_write_bytes(&w, sender->bytes, 4);
	wire_write_bytes(&w, target_mac, NEIGH_MAC_SIZE);
	wire_write_bytes(&w, target->bytes, 4);
	assert(!w.failed);
	return NEIGH_FRAME_MAX - w.left;
}

size_t neigh_arp(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		 const struct addr *address, enum neigh_form form)
{
	/* RFC 5227 2.1.1: the target hardware address of a request should be zero. A reply carries
	 * our own, as RFC 9568 6.4.2 has the address itself on both sides. */
	if (form == NEIGH_FORM_ARP_REQUEST)
		return write_arp(frame, ARP_REQUEST, mac, address, zero, address);
	return write_arp(frame, ARP_REPLY, mac, address, mac, address);
}

size_t neigh_arp_question(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
			  const struct addr *address, const struct addr *target)
{
	return write_arp(frame, ARP_REQUEST, mac, address, zero, target);
}

/* RFC 4861 4.3 or 4.4 with the option of 4.6.1, which has the same place in both. */
struct message {
	uint8_t type;
	uint8_t flags;
	uint8_t option; /* 0: none */
	const struct addr *target;
	const uint8_t *mac;
};

static void write_message(struct wire_writer *w, const struct message *message, uint16_t checksum)
{
	wire_write_u8(w, message->type);
	wire_write_u8(w, 0);
	wire_write_u16(w, checksum);
	wire_write_u8(w, message->flags);
	wire_write_bytes(w, (const uint8_t[3]){0}, 3);
	wire_write_bytes(w, message->target->bytes, 16);
	if (message->option == 0)
		return;
	wire_write_u8(w, message->option);
	wire_write_u8(w, 1); /* unit */
	wire_write_bytes(w, message->mac, NEIGH_MAC_SIZE);
}

static size_t write_icmp(uint8_t frame[NEIGH_FRAME_MAX], const struct addr *source,
			 const struct addr *group, const struct message *message)
{
	/* RFC 2464 7: 33:33 and the last four bytes of the group. */
	const uint8_t group_mac[NEIGH_MAC_SIZE] = {
		0x33, 0x33, group->bytes[12], group->bytes[13], group->bytes[14], group->bytes[15]};
	const uint16_t size = MESSAGE_SIZE + (message->option ? OPTION_UNIT : 0);
	struct wire_writer w = {.at = frame, .left = NEIGH_FRAME_MAX};
	struct wire_writer body;
	uint32_t sum;

	write_ethernet(&w, group_mac, message->mac, ETHERTYPE_IPV6);
	wire_write_bytes(&w, (const uint8_t[4]){0x60}, 4);
	wire_write_u16(&w, size);
	wire_write_u8(&w, NEXT_HEADER_ICMPV6);
	wire_write_u8(&w, 255); /* RFC 4861 7.1: anything else is ignored */
	wire_write_bytes(&w, source->bytes, 16);
	wire_write_bytes(&w, group->bytes, 16);
	body = w;
	write_message(&w, message, 0);
	assert(!w.failed && w.at == body.at + size);
	sum = checksum_add_pseudo(0, source, group, NEXT_HEADER_ICMPV6, size);
	sum = checksum_add(sum, body.at, size);
	write_message(&body, message, checksum_finish(sum));
	return NEIGH_FRAME_MAX - w.left;
}

size_t neigh_na(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		const struct addr *source, const struct addr *address, bool router)
{
	static const struct addr all_nodes = {.family = ADDR_FAMILY_IPV6,
					      .bytes = {0xff, 0x02, [15] = 1}};
	const struct message message = {
		.type = NA_TYPE,
		.flags = router ? NA_ROUTER | NA_OVERRIDE : NA_OVERRIDE,
		.option = OPTION_TARGET,
		.target = address,
		.mac = mac,
	};

	return write_icmp(frame, source, &all_nodes, &message);
}

size_t neigh_ns(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		const struct addr *address, const struct addr *target)
{
	/* RFC 4291 2.7.1: the solicited-node group. */
	struct addr group = {.family = ADDR_FAMILY_IPV6,
			     .bytes = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
	const struct message message = {
		.type = NS_TYPE,
		.option = addr_is_unspecified(address) ? 0 : OPTION_SOURCE,
		.target = target,
		.mac = mac,
	};

	memcpy(group.bytes + 13, target->bytes + 13, 3);
	return write_icmp(frame, address, &group, &message);
}

bool neigh_is_virtual_mac(const uint8_t mac[NEIGH_MAC_SIZE], uint8_t vrid)
{
	static const uint8_t prefix[4] = {0x00, 0x00, 0x5e, 0x00};
	bool family = mac[4] == 1 || mac[4] == 2; /* IPv4, IPv6 */

	return memcmp(mac, prefix, sizeof(prefix)) == 0 && family && mac[5] == vrid;
}

bool neigh_arp_claim(const uint8_t *bytes, size_t size, struct neigh_claim *ret_claim)
{
	struct wire_reader r = {.at = bytes, .left = size};
	struct neigh_claim claim = {.address.family = ADDR_FAMILY_IPV4};
	bool ours = wire_read_u16(&r) == ARP_ETHERNET;
	const uint8_t *mac, *sender;
	uint16_t operation;

	ours &= wire_read_u16(&r) == ARP_IPV4;
	ours &= wire_read_u8(&r) == NEIGH_MAC_SIZE;
	ours &= wire_read_u8(&r) == 4;
	operation = wire_read_u16(&r);
	mac = wire_read_bytes(&r, NEIGH_MAC_SIZE);
	sender = wire_read_bytes(&r, 4);
	if (r.failed || !ours || (operation != ARP_REQUEST && operation != ARP_REPLY))
		return false;
	memcpy(claim.mac, mac, NEIGH_MAC_SIZE);
	memcpy(claim.address.bytes, sender, 4);
	if (addr_is_unspecified(&claim.address))
		return false;
	*ret_claim = claim;
	return true;
}

/* RFC 4861 4.6: an option of length 0 makes the packet invalid. */
static const uint8_t *find_target_option(struct wire_reader *r)
{
	while (r->left > 0) {
		uint8_t type = wire_read_u8(r);
		uint8_t units = wire_read_u8(r);
		const uint8_t *body = NULL;

		if (units > 0)
			body = wire_read_bytes(r, (size_t)units * OPTION_UNIT - 2);
		if (!body)
			return NULL;
		if (type == OPTION_TARGET && units == 1)
			return body;
	}
	return NULL;
}

bool neigh_na_claim(const uint8_t *bytes, size_t size, struct neigh_claim *ret_claim)
{
	struct wire_reader r = {.at = bytes, .left = size};
	struct neigh_claim claim = {.address.family = ADDR_FAMILY_IPV6};
	bool ours = wire_read_u8(&r) == NA_TYPE;
	const uint8_t *target, *mac;

	ours &= wire_read_u8(&r) == 0;
	wire_read_bytes(&r, 6); /* checksum, flags */
	target = wire_read_bytes(&r, sizeof(claim.address.bytes));
	if (r.failed || !ours)
		return false;
	mac = find_target_option(&r);
	if (!mac)
		return false;
	memcpy(claim.address.bytes, target, sizeof(claim.address.bytes));
	memcpy(claim.mac, mac, NEIGH_MAC_SIZE);
	*ret_claim = claim;
	return true;
}
