/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6 addresses as values. All zero is the unspecified address and means "none known".
 */
#ifndef CPVRRP_CORE_ADDR_H
#define CPVRRP_CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family {
	ADDR_FAMILY_IPV4,
	ADDR_FAMILY_IPV6,
};
#define ADDR_FAMILY_COUNT 2

/* IPv4 uses the first four bytes, network order; the rest is zero. */
struct addr {
	enum addr_family family;
	uint8_t bytes[16];
};

#define ADDR_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

/* "ipv4" or "ipv6". */
const char *addr_family_name(enum addr_family family);

enum addr_family addr_family_other(enum addr_family family);

/* 4 or 16 bytes. */
size_t addr_size(enum addr_family family);

/* 32 or 128: the prefix length of a single address, in bits. */
unsigned addr_bits(enum addr_family family);

/* The first addr_size(family) bytes at data. */
struct addr addr_from_bytes(enum addr_family family, const void *data);

/* Numeric text without prefix length or zone. False, and *ret untouched, if text is not exactly an
 * address. */
bool addr_parse(const char *text, struct addr *ret);

/* Writes the canonical form (RFC 5952 for IPv6) and returns text. */
const char *addr_format(const struct addr *addr, char text[ADDR_TEXT_SIZE]);

/* As memcmp over the address in network order, "greater" as in RFC 9568 6.4.3. IPv4 sorts before
 * IPv6. */
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_equal(const struct addr *a, const struct addr *b);
/* The same addresses in the same order. */
bool addr_lists_equal(const struct addr *a, size_t a_count, const struct addr *b, size_t b_count);

bool addr_is_unspecified(const struct addr *addr);
/* 169.254.0.0/16 or fe80::/10. */
bool addr_is_link_local(const struct addr *addr);
/* 127.0.0.0/8 or ::1. */
bool addr_is_loopback(const struct addr *addr);
/* 224.0.0.0/4, 255.255.255.255 or ff00::/8. */
bool addr_is_multicast(const struct addr *addr);

/* The first prefix_length bits of both agree; false for different families. */
bool addr_in_prefix(const struct addr *addr, const struct addr *network, unsigned prefix_length);

/* Whether addr is one of the count addresses in list. */
bool addr_in_list(const struct addr *addr, const struct addr *list, size_t count);

#endif
