/* SPDX-License-Identifier: Apache-2.0 */
#include "core/advert.h"

#include <assert.h>

#include "core/checksum.h"
#include "core/wire.h"

#define ADVERT_TYPE 1
#define ADVERT_VRID_OFFSET 1

const char *advert_refusal_name(enum advert_refusal refusal)
{
	static const char *const names[ADVERT_REFUSAL_COUNT] = {
		[ADVERT_OK] = "ok",
		[ADVERT_OVERSIZED] = "oversized",
		[ADVERT_HOPS_WRONG] = "hops",
		[ADVERT_TRUNCATED] = "truncated",
		[ADVERT_VERSION_WRONG] = "version",
		[ADVERT_TYPE_WRONG] = "type",
		[ADVERT_ADDRESSES_NONE] = "addresses_none",
		[ADVERT_LENGTH_WRONG] = "length",
		[ADVERT_CHECKSUM_WRONG] = "checksum",
		[ADVERT_INTERVAL_ZERO] = "interval_zero",
		[ADVERT_UNKNOWN_VRID] = "unknown_vrid",
		[ADVERT_SOURCE_OWN] = "source_own",
		[ADVERT_SOURCE_NOT_PEER] = "source_not_peer",
		[ADVERT_ADDRESSES_FOREIGN] = "addresses_foreign",
	};

	return names[refusal];
}

/* RFC 9568 5.2.8: over the message for IPv4, with the pseudo-header for IPv6. RFC 5798 5.2.8 has
 * the pseudo-header for both. */
bool advert_checksum_verifies(const struct packet *packet, enum advert_checksum *ret)
{
	uint32_t message = checksum_add(0, packet->data, packet->size);
	uint32_t whole = checksum_add_pseudo(message, &packet->source, &packet->destination,
					     ADVERT_PROTOCOL, packet->size);
	bool ipv4 = packet->source.family == ADDR_FAMILY_IPV4;

	if (ipv4 && checksum_finish(message) == 0) {
		*ret = ADVERT_CHECKSUM_RFC9568;
		return true;
	}
	if (checksum_finish(whole) != 0)
		return false;
	*ret = ipv4 ? ADVERT_CHECKSUM_RFC5798 : ADVERT_CHECKSUM_RFC9568;
	return true;
}

enum advert_refusal advert_decode(const struct packet *packet, struct advert *ret)
{
	struct wire_reader r = {.at = packet->data, .left = packet->size};
	struct advert advert = {.family = packet->source.family};
	uint8_t version_type = wire_read_u8(&r);

	advert.vrid = wire_read_u8(&r);
	advert.priority = wire_read_u8(&r);
	advert.address_count = wire_read_u8(&r);
	/* RFC 9568 5.2.6: the four reserved bits are ignored. */
	advert.interval_cs = wire_read_u16(&r) & ADVERT_INTERVAL_MAX_CS;
	wire_read_u16(&r);
	advert.addresses = r.at;

	if (packet->oversized || packet->size > ADVERT_SIZE_MAX)
		return ADVERT_OVERSIZED;
	if (packet->hops != ADVERT_HOPS)
		return ADVERT_HOPS_WRONG;
	if (r.failed)
		return ADVERT_TRUNCATED;
	if (version_type >> 4 != ADVERT_VERSION)
		return ADVERT_VERSION_WRONG;
	if ((version_type & 0x0f) != ADVERT_TYPE)
		return ADVERT_TYPE_WRONG;
	if (advert.address_count == 0)
		return ADVERT_ADDRESSES_NONE;
	if (r.left != advert.address_count * addr_size(advert.family))
		return ADVERT_LENGTH_WRONG;
	if (!advert_checksum_verifies(packet, &advert.checksum))
		return ADVERT_CHECKSUM_WRONG;
	if (advert.interval_cs == 0)
		return ADVERT_INTERVAL_ZERO;
	*ret = advert;
	return ADVERT_OK;
}

uint8_t advert_peek_vrid(const struct packet *packet)
{
	return packet->size > ADVERT_VRID_OFFSET ? packet->data[ADVERT_VRID_OFFSET] : 0;
}

struct addr advert_address(const struct advert *advert, unsigned i)
{
	return addr_from_bytes(advert->family, advert->addresses + i * addr_size(advert->family));
}

uint16_t advert_checksum_field(enum advert_checksum form, const struct addr *source,
			       const struct addr *destination, const uint8_t *data, size_t size)
{
	uint32_t sum = checksum_add(0, data, size);

	if (source->family == ADDR_FAMILY_IPV6 || form == ADVERT_CHECKSUM_RFC5798)
		sum = checksum_add_pseudo(sum, source, destination, ADVERT_PROTOCOL, size);
	return checksum_finish(sum);
}

size_t advert_encode(const struct advert_fields *fields, uint8_t *buffer, size_t size)
{
	struct wire_writer w = {.at = buffer, .left = size};
	struct wire_writer checksum;
	size_t written;

	assert(fields->source.family == fields->destination.family);
	wire_write_u8(&w, ADVERT_VERSION << 4 | ADVERT_TYPE);
	wire_write_u8(&w, fields->vrid);
	wire_write_u8(&w, fields->priority);
	wire_write_u8(&w, fields->address_count);
	/* RFC 9568 5.2.6: the four reserved bits are sent as zero. */
	wire_write_u16(&w, fields->interval_cs & ADVERT_INTERVAL_MAX_CS);
	checksum = w;
	wire_write_u16(&w, 0);
	for (unsigned i = 0; i < fields->address_count; i++)
		wire_write_bytes(&w, fields->addresses[i].bytes, addr_size(fields->source.family));
	if (w.failed)
		return 0;
	written = size - w.left;
	wire_write_u16(&checksum, advert_checksum_field(fields->checksum, &fields->source,
							&fields->destination, buffer, written));
	return written;
}

struct addr advert_group(enum addr_family family)
{
	static const uint8_t ipv4[4] = {224, 0, 0, 18};
	static const uint8_t ipv6[16] = {0xff, 0x02, [15] = 0x12};

	return addr_from_bytes(family, family == ADDR_FAMILY_IPV4 ? ipv4 : ipv6);
}
