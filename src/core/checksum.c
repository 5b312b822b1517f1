/* SPDX-License-Identifier: Apache-2.0 */
#include "core/checksum.h"

#include <assert.h>

/* Ones' complement addition of 16 bits: the carry comes round, so the sum never leaves them. */
static uint32_t add16(uint32_t sum, unsigned high, unsigned low)
{
	sum += high << 8 | low;
	return (sum & 0xffff) + (sum >> 16);
}

uint32_t checksum_add(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum = add16(sum, bytes[i], bytes[i + 1]);
	if (size % 2 != 0)
		sum = add16(sum, bytes[size - 1], 0);
	return sum;
}

uint32_t checksum_add_pseudo(uint32_t sum, const struct addr *source,
			     const struct addr *destination, uint8_t protocol, size_t size)
{
	/* As in IPv4. The layout of IPv6 has the same sum, for a packet's size fits 16 bits. */
	const uint8_t tail[4] = {0, protocol, (uint8_t)(size >> 8), (uint8_t)size};

	assert(size <= UINT16_MAX && source->family == destination->family);
	sum = checksum_add(sum, source->bytes, addr_size(source->family));
	sum = checksum_add(sum, destination->bytes, addr_size(destination->family));
	return checksum_add(sum, tail, sizeof(tail));
}

uint16_t checksum_finish(uint32_t sum)
{
	assert(sum <= UINT16_MAX);
	return (uint16_t)~sum;
}
