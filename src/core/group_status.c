/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group_status.h"

#include <assert.h>
#include <string.h>

#include "core/wire.h"

#define FLAG_BALANCE 0x01
#define FLAG_LEAVING 0x02
#define FLAGS_SHIFT 4
#define STATE_MASK 0x0f
#define CHECKSUM_OFFSET 6
#define VRID_OFFSET ADVERT_HEADER_SIZE
#define OTHER_SIZE 16

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */

const char *group_status_refusal_name(enum group_status_refusal refusal)
{
	static const char *const names[GROUP_STATUS_REFUSAL_COUNT] = {
		[GROUP_STATUS_OK] = "ok",
		[GROUP_STATUS_OVERSIZED] = "oversized",
		[GROUP_STATUS_HOPS_WRONG] = "hops",
		[GROUP_STATUS_TRUNCATED] = "truncated",
		[GROUP_STATUS_VERSION_WRONG] = "version",
		[GROUP_STATUS_TYPE_WRONG] = "type",
		[GROUP_STATUS_HEADER_VRID] = "header_vrid",
		[GROUP_STATUS_LENGTH_WRONG] = "length",
		[GROUP_STATUS_CHECKSUM_WRONG] = "checksum",
		[GROUP_STATUS_INTERVAL_ZERO] = "interval_zero",
		[GROUP_STATUS_VRID_ZERO] = "vrid_zero",
		[GROUP_STATUS_STATE_WRONG] = "state",
		[GROUP_STATUS_ADDRESS_WRONG] = "address",
		[GROUP_STATUS_UNKNOWN_VRID] = "unknown_vrid",
		[GROUP_STATUS_SOURCE_OWN] = "source_own",
		[GROUP_STATUS_SOURCE_NOT_PEER] = "source_not_peer",
		[GROUP_STATUS_DIGEST_FOREIGN] = "digest_foreign",
		[GROUP_STATUS_SURPLUS] = "surplus",
	};

	return names[refusal];
}

bool group_status_is(const struct packet *packet)
{
	return packet->size >= 2 && (packet->data[0] & 0x0f) == GROUP_STATUS_TYPE &&
	       advert_peek_vrid(packet) == 0;
}

uint8_t group_status_peek_vrid(const struct packet *packet)
{
	return packet->size > VRID_OFFSET ? packet->data[VRID_OFFSET] : 0;
}

/* An address of the family that the packet does not have. False for bytes that are none, or none
 * that a host can have. */
static bool parse_other(const uint8_t bytes[OTHER_SIZE], enum addr_family packet_family,
			struct addr *ret)
{
	struct addr other = addr_from_bytes(ADDR_FAMILY_IPV6, bytes);
	bool mapped = memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;

	if (packet_family == ADDR_FAMILY_IPV6) {
		if (!mapped && !addr_is_unspecified(&other))
			return false;
		other = addr_from_bytes(ADDR_FAMILY_IPV4, bytes + sizeof(mapped_prefix));
	} else if (mapped) {
		return false;
	}
	if (addr_is_multicast(&other) || addr_is_loopback(&other))
		return false;
	*ret = other;
	return true;
}

static void write_other(struct wire_writer *w, const struct addr *other)
{
	static const uint8_t none[OTHER_SIZE];

	if (addr_is_unspecified(other)) {
		wire_write_bytes(w, none, sizeof(none));
		return;
	}
	if (other->family == ADDR_FAMILY_IPV4)
		wire_write_bytes(w, mapped_prefix, sizeof(mapped_prefix));
	wire_write_bytes(w, other->bytes, addr_size(other->family));
}

/* The fixed fields behind the VRID of the header; whether they make sense is for the caller to ask.
 * *ret_other is NULL if the packet ends before them. */
static void read_fixed(struct wire_reader *r, struct group_status *status, uint8_t *ret_state,
		       const uint8_t **ret_other)
{
	uint8_t flags_state;
	const uint8_t *mac;

	status->priority = wire_read_u8(r);
	status->heard_count = wire_read_u8(r);
	status->interval_cs = wire_read_u16(r) & ADVERT_INTERVAL_MAX_CS;
	wire_read_u16(r); /* the checksum */
	status->vrid = wire_read_u8(r);
	flags_state = wire_read_u8(r);
	status->balance = flags_state >> FLAGS_SHIFT & FLAG_BALANCE;
	status->leaving = flags_state >> FLAGS_SHIFT & FLAG_LEAVING;
	*ret_state = flags_state & STATE_MASK;
	status->port = wire_read_u16(r);
	mac = wire_read_bytes(r, NEIGH_MAC_SIZE);
	if (mac)
		memcpy(status->mac, mac, NEIGH_MAC_SIZE);
	status->digest = wire_read_u16(r);
	*ret_other = wire_read_bytes(r, OTHER_SIZE);
}

static void read_heard(struct wire_reader *r, enum addr_family family, struct group_status *status)
{
	unsigned count = status->heard_count;

	status->heard_count = 0;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *bytes = wire_read_bytes(r, addr_size(family));

		if (bytes && i < GROUP_STATUS_HEARD_MAX)
			status->heard[status->heard_count++] = addr_from_bytes(family, bytes);
	}
}

enum group_status_refusal group_status_decode(const struct packet *packet, struct group_status *ret)
{
	struct wire_reader r = {.at = packet->data, .left = packet->size};
	enum addr_family family = packet->source.family;
	struct group_status status = {0};
	enum advert_checksum form;
	const uint8_t *other;
	uint8_t version_type = wire_read_u8(&r);
	uint8_t header_vrid = wire_read_u8(&r);
	uint8_t state;

	read_fixed(&r, &status, &state, &other);
	read_heard(&r, family, &status);

	if (packet->oversized || packet->size > ADVERT_SIZE_MAX)
		return GROUP_STATUS_OVERSIZED;
	if (packet->hops != ADVERT_HOPS)
		return GROUP_STATUS_HOPS_WRONG;
	if (!other)
		return GROUP_STATUS_TRUNCATED;
	if (version_type >> 4 != ADVERT_VERSION)
		return GROUP_STATUS_VERSION_WRONG;
	if ((version_type & 0x0f) != GROUP_STATUS_TYPE)
		return GROUP_STATUS_TYPE_WRONG;
	if (header_vrid != 0)
		return GROUP_STATUS_HEADER_VRID;
	if (r.failed)
		return GROUP_STATUS_LENGTH_WRONG;
	if (!advert_checksum_verifies(packet, &form))
		return GROUP_STATUS_CHECKSUM_WRONG;
	if (status.interval_cs == 0)
		return GROUP_STATUS_INTERVAL_ZERO;
	if (status.vrid == 0)
		return GROUP_STATUS_VRID_ZERO;
	if (state >= VRRP_STATE_COUNT)
		return GROUP_STATUS_STATE_WRONG;
	if (!parse_other(other, family, &status.other))
		return GROUP_STATUS_ADDRESS_WRONG;
	status.state = (enum vrrp_state)state;
	*ret = status;
	return GROUP_STATUS_OK;
}

static void write_message(struct wire_writer *w, const struct group_status *status,
			  enum addr_family family)
{
	unsigned flags =
		(status->balance ? FLAG_BALANCE : 0) | (status->leaving ? FLAG_LEAVING : 0);

	wire_write_u8(w, ADVERT_VERSION << 4 | GROUP_STATUS_TYPE);
	wire_write_u8(w, 0);
	wire_write_u8(w, status->priority);
	wire_write_u8(w, status->heard_count);
	wire_write_u16(w, status->interval_cs);
	wire_write_u16(w, 0);
	wire_write_u8(w, status->vrid);
	wire_write_u8(w, (uint8_t)(flags << FLAGS_SHIFT | (unsigned)status->state));
	wire_write_u16(w, status->port);
	wire_write_bytes(w, status->mac, sizeof(status->mac));
	wire_write_u16(w, status->digest);
	write_other(w, &status->other);
	for (unsigned i = 0; i < status->heard_count; i++)
		wire_write_bytes(w, status->heard[i].bytes, addr_size(family));
}

size_t group_status_encode(const struct group_status *status, enum advert_checksum form,
			   const struct addr *source, const struct addr *destination,
			   uint8_t *buffer, size_t size)
{
	struct wire_writer w = {.at = buffer, .left = size};
	size_t written;
	uint16_t checksum;

	assert(status->vrid > 0 && status->interval_cs > 0);
	assert(status->interval_cs <= ADVERT_INTERVAL_MAX_CS);
	assert(status->heard_count <= GROUP_STATUS_HEARD_MAX);
	write_message(&w, status, source->family);
	if (w.failed)
		return 0;
	written = size - w.left;
	checksum = advert_checksum_field(form, source, destination, buffer, written);
	buffer[CHECKSUM_OFFSET] = (uint8_t)(checksum >> 8);
	buffer[CHECKSUM_OFFSET + 1] = (uint8_t)checksum;
	return written;
}

bool group_status_equal(const struct group_status *a, const struct group_status *b)
{
	return a->vrid == b->vrid && a->priority == b->priority && a->state == b->state &&
	       a->balance == b->balance && a->leaving == b->leaving &&
	       a->interval_cs == b->interval_cs && a->port == b->port &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->digest == b->digest &&
	       addr_equal(&a->other, &b->other) &&
	       addr_lists_equal(a->heard, a->heard_count, b->heard, b->heard_count);
}

/* FNV-1a over the address, folded. */
uint16_t group_status_digest(const struct addr *address)
{
	uint32_t hash = 2166136261;
	uint16_t folded;

	for (size_t i = 0; i < addr_size(address->family); i++)
		hash = (hash ^ address->bytes[i]) * 16777619;
	folded = (uint16_t)(hash >> 16 ^ hash);
	return folded ? folded : 1;
}
