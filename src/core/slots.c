/* SPDX-License-Identifier: Apache-2.0 */
#include "core/slots.h"

#include <assert.h>
#include <string.h>

static_assert(SLOTS_MEMBERS_MAX < SLOTS_NONE, "no member has the number that means none");
static_assert(SLOTS_COUNT <= SLOTS_COUNT_MAX, "the table has room");
static_assert((SLOTS_COUNT & (SLOTS_COUNT - 1)) == 0, "ranks are permutations of a power of two");

/* The finalizer of splitmix64: every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Network order, so that architectures agree. */
static uint64_t read_word(const uint8_t *bytes)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word = word << 8 | bytes[i];
	return word;
}

static uint64_t member_key(const struct addr *address)
{
	uint64_t key = mix(UINT64_C(0x9e3779b97f4a7c15) + address->family);

	key = mix(key ^ read_word(address->bytes));
	return mix(key ^ read_word(address->bytes + 8));
}

/*
 * The rank of a slot for one member: a permutation of 0..slot_count - 1, by steps that each can be
 * undone (add, multiply by an odd number, exclusive or of the upper half into the lower one).
 * Members that rank at random share the slots with two thirds of the deviation that independent
 * random scores would have.
 */
static uint64_t slot_rank(uint64_t key, unsigned slot, unsigned slot_count)
{
	uint64_t mask = slot_count - 1;
	uint64_t rank = slot;
	unsigned half = 1;

	while (mask >> (2 * half))
		half++;
	for (unsigned round = 0; round < 4; round++) {
		rank = (rank + key) & mask;
		rank ^= rank >> half;
		rank = rank * (key >> 24 | 1) & mask;
		rank ^= rank >> half;
		key = mix(key);
	}
	return rank;
}

/* Unequal for all members but for one case in 2^52, where the address decides. */
static uint64_t score(uint64_t key, unsigned slot, unsigned slot_count)
{
	return slot_rank(key, slot, slot_count) << 52 | mix(key ^ slot) >> 12;
}

struct ranking {
	uint64_t keys[SLOTS_MEMBERS_MAX];
	uint64_t scores[SLOTS_MEMBERS_MAX]; /* of one slot */
};

static void rank_members(const struct slots_group *group, struct ranking *ret_ranking)
{
	assert(group->member_count <= SLOTS_MEMBERS_MAX);
	for (size_t i = 0; i < group->member_count; i++)
		ret_ranking->keys[i] = member_key(&group->members[i].address);
}

static void rank_slot(const struct slots_group *group, unsigned slot, unsigned slot_count,
		      struct ranking *ranking)
{
	assert(slot_count >= 2 && slot_count <= SLOTS_COUNT_MAX);
	assert((slot_count & (slot_count - 1)) == 0);
	assert(slot < slot_count);
	for (size_t i = 0; i < group->member_count; i++)
		ranking->scores[i] = score(ranking->keys[i], slot, slot_count);
}

/* Member a comes before member b. */
static bool precedes(const struct slots_group *group, const struct ranking *ranking, size_t a,
		     size_t b)
{
	if (ranking->scores[a] != ranking->scores[b])
		return ranking->scores[a] > ranking->scores[b];
	return addr_compare(&group->members[a].address, &group->members[b].address) < 0;
}

static uint8_t find_owner(const struct slots_group *group, const struct ranking *ranking)
{
	uint8_t owner = SLOTS_NONE;

	for (uint8_t i = 0; i < group->member_count; i++) {
		const struct slots_member *member = &group->members[i];

		if (!member->live || member->band < PRIORITY_BAND_ANSWERING)
			continue;
		if (owner == SLOTS_NONE || member->band > group->members[owner].band ||
		    (member->band == group->members[owner].band &&
		     precedes(group, ranking, i, owner)))
			owner = i;
	}
	return owner;
}

static uint8_t find_next(const struct slots_group *group, const struct ranking *ranking, size_t own)
{
	uint8_t after = SLOTS_NONE;
	uint8_t first = SLOTS_NONE;

	assert(own < group->member_count);
	for (uint8_t i = 0; i < group->member_count; i++) {
		if (!group->members[i].live || i == own)
			continue;
		if (first == SLOTS_NONE || precedes(group, ranking, i, first))
			first = i;
		if (precedes(group, ranking, own, i) &&
		    (after == SLOTS_NONE || precedes(group, ranking, i, after)))
			after = i;
	}
	return after != SLOTS_NONE ? after : first;
}

uint8_t slots_owner(const struct slots_group *group, unsigned slot, unsigned slot_count)
{
	struct ranking ranking;

	rank_members(group, &ranking);
	rank_slot(group, slot, slot_count, &ranking);
	return find_owner(group, &ranking);
}

uint8_t slots_next(const struct slots_group *group, unsigned slot, unsigned slot_count, size_t own)
{
	struct ranking ranking;

	rank_members(group, &ranking);
	rank_slot(group, slot, slot_count, &ranking);
	return find_next(group, &ranking, own);
}

void slots_compute(const struct slots_group *group, size_t own, unsigned slot_count,
		   struct slots *ret_slots)
{
	struct slots *slots = ret_slots;
	struct ranking ranking;

	slots->slot_count = slot_count;
	slots->live_count = 0;
	memset(slots->share, 0, sizeof(slots->share));
	for (size_t i = 0; i < group->member_count; i++)
		slots->live_count += group->members[i].live;
	rank_members(group, &ranking);
	for (unsigned slot = 0; slot < slot_count; slot++) {
		rank_slot(group, slot, slot_count, &ranking);
		slots->owner[slot] = find_owner(group, &ranking);
		slots->next[slot] = find_next(group, &ranking, own);
		if (slots->owner[slot] != SLOTS_NONE)
			slots->share[slots->owner[slot]]++;
	}
}

unsigned slots_hops(unsigned ttl, unsigned live_count)
{
	assert(live_count <= SLOTS_MEMBERS_MAX);
	return ttl > SLOTS_MEMBERS_MAX ? live_count : ttl;
}
