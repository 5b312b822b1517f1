/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames that tell neighbours where an address is, both ways: gratuitous ARP (RFC 5227, RFC
 * 9568 6.4.2 with errata 7947 and 7949: the address is both sender and target) and the unsolicited
 * Neighbor Advertisement (RFC 4861 7.2.6). Whole Ethernet frames, ready for a packet socket;
 * nothing is sent here. And what others say: who claims an address.
 */
#ifndef CPVRRP_CORE_NEIGH_H
#define CPVRRP_CORE_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define NEIGH_MAC_SIZE 6
#define NEIGH_FRAME_MAX 86 /* Ethernet 14, IPv6 40, Neighbor Advertisement 24, option 8 */

enum neigh_form {
	NEIGH_FORM_ARP_REQUEST,
	NEIGH_FORM_ARP_REPLY,
};

/* A host says that it has the address. */
struct neigh_claim {
	struct addr address;
	uint8_t mac[NEIGH_MAC_SIZE];
};

/* Whether the hardware address is the one that routers with this VRID share (RFC 9568 7.3). cpvrrp
 * uses none; keepalived with use_vmac and FRR do. */
bool neigh_is_virtual_mac(const uint8_t mac[NEIGH_MAC_SIZE], uint8_t vrid);

/*
 * Whether an ARP packet, without its Ethernet header, claims an address: its sender has it (RFC
 * 5227 2.4), whatever the packet is for. A probe, whose sender is 0.0.0.0, does not.
 */
bool neigh_arp_claim(const uint8_t *bytes, size_t size, struct neigh_claim *ret_claim);

/* The same of an ICMPv6 packet whose checksum and hop limit have been seen to be right: a Neighbor
 * Advertisement with the target link-layer option. */
bool neigh_na_claim(const uint8_t *bytes, size_t size, struct neigh_claim *ret_claim);

/* Gratuitous ARP for an IPv4 address, broadcast. Returns the size written. */
size_t neigh_arp(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		 const struct addr *address, enum neigh_form form);

/*
 * An ARP request for target from the address, broadcast: a neighbour that ignores gratuitous ARP
 * takes the sender's hardware address from it (RFC 826), and the target, which has to answer, does
 * so even if it did not know the address. From 0.0.0.0 it is a probe (RFC 5227 1.1), which teaches
 * nobody anything. Returns the size written.
 */
size_t neigh_arp_question(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
			  const struct addr *address, const struct addr *target);

/* The same for IPv6: a Neighbor Solicitation to the target's solicited-node group (RFC 4861 7.2.2),
 * which the target alone hears. From :: it is answered to all nodes (RFC 4862 5.4.2, RFC 4861
 * 7.2.4). */
size_t neigh_ns(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		const struct addr *address, const struct addr *target);

/*
 * Unsolicited Neighbor Advertisement for an IPv6 address to ff02::1 with Override set, Solicited
 * clear and the target link-layer option. source is an address of the interface; router sets the R
 * flag. Returns the size written.
 */
size_t neigh_na(uint8_t frame[NEIGH_FRAME_MAX], const uint8_t mac[NEIGH_MAC_SIZE],
		const struct addr *source, const struct addr *address, bool router);

#endif
