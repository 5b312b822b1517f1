/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPVRRP_TESTS_HEX_H
#define CPVRRP_TESTS_HEX_H

#include <check.h>
#include <stdlib.h>

#include "core/advert.h"
#include "lib/ip.h"

#define MESSAGE_MAX 320

/* Pairs of hexadecimal digits; blanks between fields. Returns the size. */
static inline size_t from_hex(const char *hex, uint8_t bytes[MESSAGE_MAX])
{
	size_t size = 0;

	for (; *hex != '\0'; hex += *hex == ' ' ? 1 : 2) {
		if (*hex == ' ')
			continue;
		ck_assert_uint_lt(size, MESSAGE_MAX);
		bytes[size++] = (uint8_t)strtoul((const char[3]){hex[0], hex[1]}, NULL, 16);
	}
	return size;
}

/* The message as a router of the segment would receive it, in bytes. */
static inline struct packet hex_packet(const char *source, const char *destination,
				       const char *message, uint8_t bytes[MESSAGE_MAX])
{
	return (struct packet){
		.source = ip(source),
		.destination = ip(destination),
		.hops = ADVERT_HOPS,
		.data = bytes,
		.size = from_hex(message, bytes),
	};
}

#endif
