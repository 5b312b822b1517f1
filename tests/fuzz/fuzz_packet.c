/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoders of adverts and of STATUS messages against a second reading of RFC 9568 5.2 and 7.1
 * and of core/group_status.h, and every accepted packet encoded again. The input: flags, hop limit,
 * source, destination, and the VRRP message.
 */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/advert.h"
#include "core/group_status.h"
#include "core/wire.h"

#define FLAG_IPV6 0x01
#define FLAG_OVERSIZED 0x02
#define FLAG_HOPS 0x04	 /* those of the input, else 255 */
#define FLAG_REPAIR 0x08 /* the checksum, or few inputs would come behind it */
#define FLAG_REPAIR_WITH_PSEUDO 0x10

const unsigned fuzz_mutations = 20000;

static uint64_t words(const uint8_t *bytes, size_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : (uint64_t)bytes[i] << 8;
	return sum;
}

static uint64_t pseudo_words(const struct packet *packet)
{
	size_t size = addr_size(packet->source.family);

	return words(packet->source.bytes, size) + words(packet->destination.bytes, size) +
	       ADVERT_PROTOCOL + packet->size;
}

/* RFC 1071: right if the one's complement sum is 0xffff, that is, a multiple of it. */
static bool checksum_is_right(const struct packet *packet)
{
	uint64_t sum = words(packet->data, packet->size);
	bool without_pseudo = packet->source.family == ADDR_FAMILY_IPV4 && sum % 0xffff == 0;

	return without_pseudo || (sum + pseudo_words(packet)) % 0xffff == 0;
}

static void repair_checksum(struct packet *packet, uint8_t *data, bool with_pseudo)
{
	uint64_t sum;

	if (packet->size < ADVERT_HEADER_SIZE)
		return;
	data[6] = 0;
	data[7] = 0;
	sum = words(data, packet->size) + (with_pseudo ? pseudo_words(packet) : 0);
	sum = 0xffff - sum % 0xffff;
	data[6] = (uint8_t)(sum >> 8);
	data[7] = (uint8_t)sum;
}

static enum advert_refusal expected(const struct packet *packet)
{
	const uint8_t *data = packet->data;
	size_t each = packet->source.family == ADDR_FAMILY_IPV4 ? 4 : 16;

	if (packet->oversized || packet->size > 8 + 255 * 16)
		return ADVERT_OVERSIZED;
	if (packet->hops != 255)
		return ADVERT_HOPS_WRONG;
	if (packet->size < 8)
		return ADVERT_TRUNCATED;
	if ((data[0] & 0xf0) != 0x30)
		return ADVERT_VERSION_WRONG;
	if (data[0] != 0x31)
		return ADVERT_TYPE_WRONG;
	if (data[3] == 0)
		return ADVERT_ADDRESSES_NONE;
	if (packet->size != 8 + data[3] * each)
		return ADVERT_LENGTH_WRONG;
	if (!checksum_is_right(packet))
		return ADVERT_CHECKSUM_WRONG;
	if ((data[4] & 0x0f) == 0 && data[5] == 0)
		return ADVERT_INTERVAL_ZERO;
	return ADVERT_OK;
}

static void check_fields(const struct packet *packet, const struct advert *advert)
{
	const uint8_t *data = packet->data;
	size_t each = addr_size(advert->family);

	assert(advert->family == packet->source.family);
	assert(advert->vrid == data[1]);
	assert(advert->priority == data[2]);
	assert(advert->address_count == data[3]);
	assert(advert->interval_cs == ((data[4] & 0x0f) << 8 | data[5]));
	for (unsigned i = 0; i < advert->address_count; i++) {
		struct addr address = advert_address(advert, i);

		assert(address.family == advert->family);
		assert(memcmp(address.bytes, data + 8 + i * each, each) == 0);
	}
}

/* The same bytes but for the reserved bits and what they do to the checksum, which holds again. */
static void check_round_trip(const struct packet *packet, const struct advert *advert)
{
	struct addr addresses[255];
	uint8_t bytes[ADVERT_SIZE_MAX];
	struct advert_fields fields = {
		.vrid = advert->vrid,
		.priority = advert->priority,
		.interval_cs = advert->interval_cs,
		.checksum = advert->checksum,
		.address_count = advert->address_count,
		.addresses = addresses,
		.source = packet->source,
		.destination = packet->destination,
	};
	struct packet again = *packet;
	struct advert advert_again;

	for (unsigned i = 0; i < advert->address_count; i++)
		addresses[i] = advert_address(advert, i);
	again.data = bytes;
	assert(advert_encode(&fields, bytes, packet->size - 1) == 0);
	again.size = advert_encode(&fields, bytes, packet->size);
	assert(again.size == packet->size);
	assert(advert_decode(&again, &advert_again) == ADVERT_OK);
	check_fields(&again, &advert_again);
	assert(advert_again.checksum == advert->checksum);
	assert(memcmp(bytes, packet->data, 4) == 0);
	assert(bytes[4] == (packet->data[4] & 0x0f) && bytes[5] == packet->data[5]);
	assert(memcmp(bytes + 8, packet->data + 8, packet->size - 8) == 0);
}

static struct addr take_address(struct wire_reader *r, enum addr_family family)
{
	const uint8_t *bytes = wire_read_bytes(r, addr_size(family));

	return bytes ? addr_from_bytes(family, bytes) : advert_group(family);
}

/* A packet whose data the caller frees: of its own, so that a read before or behind it is found. */
static struct packet take_packet(struct wire_reader *r, uint8_t **ret_data)
{
	struct packet packet = {0};
	uint8_t flags = wire_read_u8(r);
	uint8_t hops = wire_read_u8(r);
	enum addr_family family = flags & FLAG_IPV6 ? ADDR_FAMILY_IPV6 : ADDR_FAMILY_IPV4;
	uint8_t *data;

	packet.oversized = flags & FLAG_OVERSIZED;
	packet.hops = flags & FLAG_HOPS ? hops : ADVERT_HOPS;
	packet.source = take_address(r, family);
	packet.destination = take_address(r, family);
	packet.size = r->left;
	data = malloc(packet.size ? packet.size : 1);
	if (!data)
		abort();
	if (packet.size)
		memcpy(data, r->at, packet.size);
	packet.data = data;
	if (flags & FLAG_REPAIR)
		repair_checksum(&packet, data,
				family == ADDR_FAMILY_IPV6 || flags & FLAG_REPAIR_WITH_PSEUDO);
	*ret_data = data;
	return packet;
}

/* ---- STATUS ---- */

/* What the 16 bytes of the other family's address are: nothing, an address, or wrong. */
static bool other_is_right(const struct packet *packet)
{
	static const uint8_t none[16];
	static const uint8_t loopback[16] = {[15] = 1};
	const uint8_t *other = packet->data + 20;
	bool mapped = memcmp(other, none, 10) == 0 && other[10] == 0xff && other[11] == 0xff;

	if (packet->source.family == ADDR_FAMILY_IPV4)
		return !mapped && other[0] != 0xff && memcmp(other, loopback, 16) != 0;
	if (memcmp(other, none, 16) == 0)
		return true;
	return mapped && other[12] != 127 && (other[12] & 0xf0) != 0xe0 &&
	       memcmp(other + 12, "\xff\xff\xff\xff", 4) != 0;
}

static enum group_status_refusal expected_status(const struct packet *packet)
{
	const uint8_t *data = packet->data;
	size_t each = packet->source.family == ADDR_FAMILY_IPV4 ? 4 : 16;

	if (packet->oversized || packet->size > 8 + 255 * 16)
		return GROUP_STATUS_OVERSIZED;
	if (packet->hops != 255)
		return GROUP_STATUS_HOPS_WRONG;
	if (packet->size < 36)
		return GROUP_STATUS_TRUNCATED;
	if ((data[0] & 0xf0) != 0x30)
		return GROUP_STATUS_VERSION_WRONG;
	if (data[0] != 0x3f)
		return GROUP_STATUS_TYPE_WRONG;
	if (data[1] != 0)
		return GROUP_STATUS_HEADER_VRID;
	if (packet->size < 36 + data[3] * each)
		return GROUP_STATUS_LENGTH_WRONG;
	if (!checksum_is_right(packet))
		return GROUP_STATUS_CHECKSUM_WRONG;
	if ((data[4] & 0x0f) == 0 && data[5] == 0)
		return GROUP_STATUS_INTERVAL_ZERO;
	if (data[8] == 0)
		return GROUP_STATUS_VRID_ZERO;
	if ((data[9] & 0x0f) > 2)
		return GROUP_STATUS_STATE_WRONG;
	return other_is_right(packet) ? GROUP_STATUS_OK : GROUP_STATUS_ADDRESS_WRONG;
}

static void check_status_fields(const struct packet *packet, const struct group_status *status)
{
	const uint8_t *data = packet->data;
	size_t each = addr_size(packet->source.family);

	assert(status->priority == data[2]);
	assert(status->balance == (data[9] >> 4 & 1) && status->leaving == (data[9] >> 5 & 1));
	assert(status->interval_cs == ((data[4] & 0x0f) << 8 | data[5]));
	assert(status->vrid == data[8] && (int)status->state == (data[9] & 0x0f));
	assert(status->port == (data[10] << 8 | data[11]));
	assert(memcmp(status->mac, data + 12, 6) == 0);
	assert(status->digest == (data[18] << 8 | data[19]));
	assert(status->other.family != packet->source.family);
	assert(memcmp(status->other.bytes, data + (each == 16 ? 32 : 20), 20 - each) == 0);
	assert(status->heard_count == (data[3] < 15 ? data[3] : 15));
	for (unsigned i = 0; i < status->heard_count; i++) {
		assert(status->heard[i].family == packet->source.family);
		assert(memcmp(status->heard[i].bytes, data + 36 + i * each, each) == 0);
	}
}

static void check_status_round_trip(const struct packet *packet, const struct group_status *status)
{
	uint8_t bytes[GROUP_STATUS_SIZE_MAX];
	size_t size = 36 + status->heard_count * addr_size(packet->source.family);
	struct packet again = *packet;
	struct group_status status_again;

	again.data = bytes;
	assert(group_status_encode(status, ADVERT_CHECKSUM_RFC9568, &packet->source,
				   &packet->destination, bytes, size - 1) == 0);
	again.size = group_status_encode(status, ADVERT_CHECKSUM_RFC9568, &packet->source,
					 &packet->destination, bytes, size);
	assert(again.size == size);
	assert(group_status_decode(&again, &status_again) == GROUP_STATUS_OK);
	check_status_fields(&again, &status_again);
	/* All but the flags and the length that a later version may have added. */
	assert(memcmp(bytes + 10, packet->data + 10, 10) == 0);
	assert(memcmp(bytes + 36, packet->data + 36, size - 36) == 0);
}

static void check_status(const struct packet *packet)
{
	struct group_status status, untouched;
	enum group_status_refusal refusal;

	memset(&untouched, 0xa5, sizeof(untouched));
	memset(&status, 0xa5, sizeof(status));
	assert(group_status_peek_vrid(packet) == (packet->size > 8 ? packet->data[8] : 0));
	assert(group_status_is(packet) ==
	       (packet->size > 1 && packet->data[0] % 16 == 15 && packet->data[1] == 0));
	refusal = group_status_decode(packet, &status);
	assert(refusal == expected_status(packet));
	if (refusal == GROUP_STATUS_OK) {
		check_status_fields(packet, &status);
		check_status_round_trip(packet, &status);
	} else {
		assert(memcmp(&status, &untouched, sizeof(status)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct wire_reader r = {.at = input, .left = size};
	uint8_t *data = NULL;
	struct packet packet = take_packet(&r, &data);
	struct advert advert, untouched;
	enum advert_refusal refusal;

	memset(&untouched, 0xa5, sizeof(untouched));
	memset(&advert, 0xa5, sizeof(advert));
	assert(advert_peek_vrid(&packet) == (packet.size > 1 ? data[1] : 0));
	refusal = advert_decode(&packet, &advert);
	assert(refusal == expected(&packet));
	if (refusal == ADVERT_OK) {
		check_fields(&packet, &advert);
		check_round_trip(&packet, &advert);
	} else {
		assert(memcmp(&advert, &untouched, sizeof(advert)) == 0);
	}
	check_status(&packet);
	free(data);
	return 0;
}
