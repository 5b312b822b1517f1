/* SPDX-License-Identifier: Apache-2.0 */
#include "core/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <sys/socket.h>

static_assert(ADDR_TEXT_SIZE == INET6_ADDRSTRLEN, "inet_ntop needs the room");

const char *addr_family_name(enum addr_family family)
{
	return family == ADDR_FAMILY_IPV4 ? "ipv4" : "ipv6";
}

enum addr_family addr_family_other(enum addr_family family)
{
	return family == ADDR_FAMILY_IPV4 ? ADDR_FAMILY_IPV6 : ADDR_FAMILY_IPV4;
}

size_t addr_size(enum addr_family family)
{
	return family == ADDR_FAMILY_IPV4 ? 4 : 16;
}

unsigned addr_bits(enum addr_family family)
{
	return family == ADDR_FAMILY_IPV4 ? 32 : 128;
}

struct addr addr_from_bytes(enum addr_family family, const void *data)
{
	struct addr addr = {.family = family};

	memcpy(addr.bytes, data, addr_size(family));
	return addr;
}

bool addr_parse(const char *text, struct addr *ret)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret = addr_from_bytes(ADDR_FAMILY_IPV4, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret = addr_from_bytes(ADDR_FAMILY_IPV6, bytes);
	else
		return false;
	return true;
}

const char *addr_format(const struct addr *addr, char text[ADDR_TEXT_SIZE])
{
	int family = addr->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6;

	return inet_ntop(family, addr->bytes, text, ADDR_TEXT_SIZE);
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family == ADDR_FAMILY_IPV4 ? -1 : 1;
	return memcmp(a->bytes, b->bytes, addr_size(a->family));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

bool addr_lists_equal(const struct addr *a, size_t a_count, const struct addr *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!addr_equal(&a[i], &b[i]))
			return false;
	return true;
}

bool addr_is_unspecified(const struct addr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, addr_size(addr->family)) == 0;
}

bool addr_is_link_local(const struct addr *addr)
{
	if (addr->family == ADDR_FAMILY_IPV4)
		return addr->bytes[0] == 169 && addr->bytes[1] == 254;
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

bool addr_is_loopback(const struct addr *addr)
{
	static const uint8_t one[16] = {[15] = 1};

	if (addr->family == ADDR_FAMILY_IPV4)
		return addr->bytes[0] == 127;
	return memcmp(addr->bytes, one, sizeof(one)) == 0;
}

bool addr_is_multicast(const struct addr *addr)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	if (addr->family == ADDR_FAMILY_IPV4)
		return (addr->bytes[0] & 0xf0) == 0xe0 ||
		       memcmp(addr->bytes, broadcast, sizeof(broadcast)) == 0;
	return addr->bytes[0] == 0xff;
}

bool addr_in_prefix(const struct addr *addr, const struct addr *network, unsigned prefix_length)
{
	unsigned whole = prefix_length / 8;
	unsigned rest = prefix_length % 8;

	if (addr->family != network->family || prefix_length > addr_bits(addr->family))
		return false;
	if (memcmp(addr->bytes, network->bytes, whole) != 0)
		return false;
	return rest == 0 || (addr->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

bool addr_in_list(const struct addr *addr, const struct addr *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_equal(addr, &list[i]))
			return true;
	}
	return false;
}
