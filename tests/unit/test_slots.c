/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, their owners and the walk: rule BALANCE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slots.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Member i has the address base + i and a live, ready apiserver. */
static struct slots_group group_of(uint32_t base, size_t count, uint32_t step)
{
	struct slots_group group = {.member_count = count};

	for (size_t i = 0; i < count; i++) {
		uint32_t value = base + (uint32_t)i * step;
		const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
					  (uint8_t)(value >> 8), (uint8_t)value};

		group.members[i] = (struct slots_member){
			.address = addr_from_bytes(ADDR_FAMILY_IPV4, bytes),
			.live = true,
			.band = PRIORITY_BAND_READY,
		};
	}
	return group;
}

static struct slots_group small_group(size_t count)
{
	return group_of(0x0a0a0a0b, count, 1);
}

static struct slots compute(const struct slots_group *group, size_t own)
{
	struct slots slots;

	slots_compute(group, own, SLOTS_COUNT, &slots);
	return slots;
}

static const struct addr *owner_address(const struct slots_group *group, const struct slots *slots,
					unsigned slot)
{
	ck_assert_uint_ne(slots->owner[slot], SLOTS_NONE);
	return &group->members[slots->owner[slot]].address;
}

/* The hash is part of the protocol between nodes: other versions and architectures must find the
 * same owners. */
START_TEST(owners_are_fixed)
{
	static const char wanted[] =
		"cacacaacccccbcabbacaaccbbbaacbbccababcaababbcaaababccaacaaacbcbb";
	static const char wanted6[] =
		"bbcbacccaabccaabaacbababbcbacbcaaacaccacaccabbccaccacacaabccacaa";
	struct slots_group group = small_group(3);
	char text[sizeof(wanted)] = "";
	char text6[sizeof(wanted6)] = "";

	for (unsigned slot = 0; slot < sizeof(wanted) - 1; slot++)
		text[slot] = (char)('a' + slots_owner(&group, slot, SLOTS_COUNT));
	ck_assert_str_eq(text, wanted);
	for (uint8_t i = 0; i < 3; i++) {
		const uint8_t bytes[16] = {0xfe, 0x80, [8] = 2, [15] = (uint8_t)(i + 1)};

		group.members[i].address = addr_from_bytes(ADDR_FAMILY_IPV6, bytes);
	}
	for (unsigned slot = 0; slot < sizeof(wanted6) - 1; slot++)
		text6[slot] = (char)('a' + slots_owner(&group, slot, SLOTS_COUNT));
	ck_assert_str_eq(text6, wanted6);
}
END_TEST

/* With few slots, members often have the same rank, and the rest of the score decides. With the
 * most, ranks have all their bits. */
START_TEST(owners_are_fixed_for_any_count)
{
	static const struct {
		unsigned slot_count;
		const char *wanted;
	} rows[] = {
		{2, "aaadababbcdabebbcecdaceebcaededceecdabbcbadecbaadbdebccedbbbbead"},
		{4, "cecbdcbbccecabdccdaceedeeaecdaeddeddedeadbbddddcbecbbabddddcbada"},
		{SLOTS_COUNT_MAX,
		 "ecbbbbbdabdbddbebccbaadebeacdedcdecdceecdbcbbbddaddccdccdbbbcebe"},
	};
	char text[64 + 1] = "";

	for (unsigned i = 0; i < sizeof(text) - 1; i++) {
		struct slots_group group = group_of(0x0a000001 + i * 0x01030507, 5, 1);
		unsigned slot = i % rows[_i].slot_count;

		text[i] = (char)('a' + slots_owner(&group, slot, rows[_i].slot_count));
	}
	ck_assert_str_eq(text, rows[_i].wanted);
}
END_TEST

/* Every node hears the members in an order of its own. */
START_TEST(order_of_the_list_means_nothing)
{
	struct slots_group group = small_group(7);
	struct slots_group turned = group;
	struct slots slots, other;

	group.members[2].band = turned.members[2].band = PRIORITY_BAND_DOWN;
	group.members[4].live = turned.members[4].live = false;
	for (size_t i = 0; i < 7; i++)
		turned.members[i] = group.members[(i * 3 + 5) % 7];
	slots = compute(&group, 5);
	other = compute(&turned, 0); /* the same member */
	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
		ck_assert(addr_equal(owner_address(&group, &slots, slot),
				     owner_address(&turned, &other, slot)));
		ck_assert(addr_equal(&group.members[slots.next[slot]].address,
				     &turned.members[other.next[slot]].address));
	}
	ck_assert_uint_eq(slots.live_count, 6);
	ck_assert_uint_eq(other.live_count, 6);
}
END_TEST

/* A node's table has for each slot what the two questions for one slot answer, whatever was asked
 * before. */
START_TEST(table_and_questions_agree)
{
	struct slots_group group = small_group(5);
	struct slots_group other = group_of(0xc0a80001, 5, 1);
	struct slots slots;
	unsigned share[SLOTS_MEMBERS_MAX] = {0};

	group.members[1].band = PRIORITY_BAND_ANSWERING;
	slots = compute(&group, 1);
	ck_assert_uint_eq(slots.slot_count, SLOTS_COUNT);
	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
		ck_assert_uint_eq(slots.owner[slot], slots_owner(&group, slot, SLOTS_COUNT));
		slots_owner(&other, slot, SLOTS_COUNT);
		ck_assert_uint_eq(slots.next[slot], slots_next(&group, slot, SLOTS_COUNT, 1));
		share[slots.owner[slot]]++;
	}
	ck_assert_mem_eq(share, slots.share, sizeof(share));
	ck_assert_uint_eq(slots.share[1], 0);
}
END_TEST

/* BALANCE: ready before answering; with neither the connections stay with the Active. */
START_TEST(owner_is_the_first_ready)
{
	static const struct {
		enum priority_band bands[3];
		bool live[3];
		const char *owners; /* all of them, and no other */
	} rows[] = {
#define D PRIORITY_BAND_DOWN
#define A PRIORITY_BAND_ANSWERING
#define R PRIORITY_BAND_READY
#define L PRIORITY_BAND_LEAVING
		{{R, R, R}, {true, true, true}, "abc"}, {{R, A, R}, {true, true, true}, "ac"},
		{{D, A, R}, {true, true, true}, "c"},	{{R, R, R}, {true, false, true}, "ac"},
		{{A, A, D}, {true, true, true}, "ab"},	{{A, R, D}, {true, false, true}, "a"},
		{{L, A, R}, {true, true, false}, "b"},	{{D, D, D}, {true, true, true}, "-"},
		{{D, L, R}, {true, true, false}, "-"},
#undef D
#undef A
#undef R
#undef L
	};
	struct slots_group group = small_group(3);
	struct slots slots;

	for (unsigned i = 0; i < 3; i++) {
		group.members[i].band = rows[_i].bands[i];
		group.members[i].live = rows[_i].live[i];
	}
	slots = compute(&group, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(slots.share[i] > 0,
				 strchr(rows[_i].owners, (int)('a' + i)) != NULL);
	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++)
		ck_assert_int_eq(slots.owner[slot] == SLOTS_NONE, rows[_i].owners[0] == '-');
}
END_TEST
#define OWNER_ROWS 9

/* Whatever becomes of a member, a slot changes its owner only from that member or to it. */
START_TEST(only_own_slots_move)
{
	struct slots_group group = small_group(7);
	struct slots before = compute(&group, 0);

	for (size_t changed = 1; changed < 7; changed++) {
		struct slots_group without = group;
		struct slots unready, dead, gone;
		unsigned moved = 0;

		without.members[changed].band = PRIORITY_BAND_DOWN;
		unready = compute(&without, 0);
		without.members[changed].live = false;
		dead = compute(&without, 0);
		without.members[changed] = without.members[--without.member_count];
		gone = compute(&without, 0);
		for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
			bool same = addr_equal(owner_address(&group, &before, slot),
					       owner_address(&without, &gone, slot));

			ck_assert_int_eq(same, before.owner[slot] != changed);
			ck_assert_uint_eq(unready.owner[slot], dead.owner[slot]);
			ck_assert(addr_equal(owner_address(&group, &unready, slot),
					     owner_address(&without, &gone, slot)));
			moved += !same;
		}
		ck_assert_uint_eq(moved, before.share[changed]);
	}
}
END_TEST

/* A member's ranks are a permutation, so two members alone own half of the slots each, nearly. */
static unsigned deviation_permille(const struct slots_group *group)
{
	struct slots slots = compute(group, 0);
	unsigned worst = 0;

	for (size_t i = 0; i < group->member_count; i++) {
		int even = (int)(SLOTS_COUNT * 1000 / group->member_count);
		int off = abs((int)slots.share[i] * 1000 - even);
		unsigned permille = (unsigned)((int64_t)off * 1000 / even);

		worst = permille > worst ? permille : worst;
	}
	return worst;
}

static int compare_numbers(const void *a, const void *b)
{
	const unsigned *first = a, *second = b;

	return *first < *second ? -1 : *first > *second;
}

/* The spread of many groups with addresses as nodes have them: neighbouring ones, and far apart. */
START_TEST(spread_is_even)
{
	static const struct {
		size_t members;
		unsigned median_permille, most_permille; /* of all but one in a hundred */
	} rows[] = {{2, 15, 40},  {3, 30, 70},	{4, 45, 90},
		    {5, 55, 105}, {6, 65, 120}, {7, 75, 130}};
	static const uint32_t steps[] = {1, 2, 0x100, 0x10001};
	unsigned deviations[200];

	for (unsigned i = 0; i < COUNT(deviations); i++) {
		struct slots_group group = group_of(0x0a000001 + i * 0x01030507, rows[_i].members,
						    steps[i % COUNT(steps)]);

		deviations[i] = deviation_permille(&group);
	}
	qsort(deviations, COUNT(deviations), sizeof(deviations[0]), compare_numbers);
	printf("%zu members: furthest from even: median %u, 99th percentile %u permille\n",
	       rows[_i].members, deviations[COUNT(deviations) / 2],
	       deviations[COUNT(deviations) * 99 / 100]);
	ck_assert_uint_le(deviations[COUNT(deviations) / 2], rows[_i].median_permille);
	ck_assert_uint_le(deviations[COUNT(deviations) * 99 / 100], rows[_i].most_permille);
}
END_TEST
#define SPREAD_ROWS 6

/* A lost member's slots go to all others, not to one of them. */
START_TEST(lost_slots_are_shared)
{
	struct slots_group group = small_group(5);
	struct slots before = compute(&group, 0);
	struct slots after;

	group.members[2].live = false;
	after = compute(&group, 0);
	for (unsigned i = 0; i < 5; i++)
		if (i != 2)
			ck_assert_uint_gt(after.share[i] - before.share[i],
					  before.share[2] / 4 * 7 / 10);
}
END_TEST

/* From the member where it begins a packet comes to each live member once, and stays at the last.
 */
START_TEST(walk_meets_every_live_member_once)
{
	struct slots_group group = small_group(7);

	group.members[1].live = false;
	group.members[4].band = PRIORITY_BAND_DOWN; /* connections may live there still */
	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
		unsigned met[SLOTS_MEMBERS_MAX] = {0};
		size_t at = slot % 7 == 1 ? 0 : slot % 7;
		unsigned ttl = 64;
		unsigned hops;

		for (;;) {
			met[at]++;
			hops = slots_hops(ttl, 6);
			if (hops <= 1)
				break;
			at = slots_next(&group, slot, SLOTS_COUNT, at);
			ck_assert_uint_ne(at, SLOTS_NONE);
			ttl = hops - 1;
		}
		for (size_t i = 0; i < 7; i++)
			ck_assert_uint_eq(met[i], group.members[i].live);
	}
}
END_TEST

/* The order in which the walk meets the members is the order in which they would own the slot. */
START_TEST(walk_goes_by_the_order)
{
	struct slots_group group = small_group(4);

	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
		struct slots_group left = group;
		uint8_t at = slots_owner(&left, slot, SLOTS_COUNT);

		for (unsigned i = 0; i < 3; i++) {
			uint8_t next = slots_next(&group, slot, SLOTS_COUNT, at);

			left.members[at].live = false;
			ck_assert_uint_eq(next, slots_owner(&left, slot, SLOTS_COUNT));
			at = next;
		}
	}
}
END_TEST

START_TEST(walk_of_a_lone_member_ends_at_once)
{
	struct slots_group group = small_group(3);

	group.members[1].live = group.members[2].live = false;
	ck_assert_uint_eq(slots_next(&group, 7, SLOTS_COUNT, 0), SLOTS_NONE);
	ck_assert_uint_eq(slots_hops(64, compute(&group, 0).live_count), 1);
	/* A member that the others believe dead passes on all the same. */
	ck_assert_uint_eq(slots_next(&group, 7, SLOTS_COUNT, 1), 0);
}
END_TEST

/* Facts of a node's own: each bit of the number is one fact of one member. */
static struct slots_group random_facts(size_t count, size_t own, uint32_t bits)
{
	struct slots_group group = small_group(count);

	for (size_t i = 0; i < count; i++) {
		group.members[i].live = i == own || (bits >> (2 * i) & 1) != 0;
		group.members[i].band =
			bits >> (2 * i + 1) & 1 ? PRIORITY_BAND_READY : PRIORITY_BAND_DOWN;
	}
	return group;
}

static unsigned count_live(const struct slots_group *group)
{
	unsigned count = 0;

	for (size_t i = 0; i < group->member_count; i++)
		count += group->members[i].live;
	return count;
}

/* Nodes that disagree about all of it may miss a member, but a packet makes as many hops as its
 * first member counts live ones, at most. */
START_TEST(walk_ends_between_nodes_that_disagree)
{
	uint32_t random = 1;

	for (unsigned i = 0; i < 5000; i++) {
		struct slots_group facts[6];
		size_t at = i % 6;
		unsigned ttl = 255;
		unsigned steps = 0;

		for (size_t node = 0; node < 6; node++) {
			random = random * 1664525 + 1013904223;
			facts[node] = random_facts(6, node, random >> 8);
		}
		for (;;) {
			unsigned hops = slots_hops(ttl, count_live(&facts[at]));

			if (hops <= 1)
				break;
			ck_assert_uint_le(++steps, 5);
			ttl = hops - 1;
			at = slots_next(&facts[at], i % SLOTS_COUNT, SLOTS_COUNT, at);
			/* A member that counts itself alone passes nothing on. */
			if (at == SLOTS_NONE)
				break;
		}
	}
}
END_TEST

START_TEST(hops_of_a_walk)
{
	ck_assert_uint_eq(slots_hops(255, 3), 3);
	ck_assert_uint_eq(slots_hops(64, 3), 3);
	ck_assert_uint_eq(slots_hops(SLOTS_MEMBERS_MAX + 1, 3), 3);
	ck_assert_uint_eq(slots_hops(SLOTS_MEMBERS_MAX, 3), SLOTS_MEMBERS_MAX);
	ck_assert_uint_eq(slots_hops(2, 16), 2);
	ck_assert_uint_eq(slots_hops(1, 3), 1);
	ck_assert_uint_eq(slots_hops(0, 3), 0);
}
END_TEST

START_TEST(largest_group)
{
	struct slots_group group = small_group(SLOTS_MEMBERS_MAX);
	struct slots slots;
	unsigned sum = 0;

	slots_compute(&group, SLOTS_MEMBERS_MAX - 1, SLOTS_COUNT_MAX, &slots);
	for (unsigned i = 0; i < SLOTS_MEMBERS_MAX; i++) {
		ck_assert_uint_gt(slots.share[i], 0);
		sum += slots.share[i];
	}
	ck_assert_uint_eq(sum, SLOTS_COUNT_MAX);
	ck_assert_uint_eq(slots.live_count, SLOTS_MEMBERS_MAX);
	slots_compute(&group, 0, 2, &slots);
	ck_assert_uint_eq(slots.slot_count, 2);
}
END_TEST

Suite *suite_slots(void)
{
	Suite *suite = suite_create("slots");
	TCase *tcase = tcase_create("slots");

	tcase_add_test(tcase, owners_are_fixed);
	tcase_add_loop_test(tcase, owners_are_fixed_for_any_count, 0, 3);
	tcase_add_test(tcase, order_of_the_list_means_nothing);
	tcase_add_test(tcase, table_and_questions_agree);
	tcase_add_loop_test(tcase, owner_is_the_first_ready, 0, OWNER_ROWS);
	tcase_add_test(tcase, only_own_slots_move);
	tcase_add_loop_test(tcase, spread_is_even, 0, SPREAD_ROWS);
	tcase_add_test(tcase, lost_slots_are_shared);
	tcase_add_test(tcase, walk_meets_every_live_member_once);
	tcase_add_test(tcase, walk_goes_by_the_order);
	tcase_add_test(tcase, walk_of_a_lone_member_ends_at_once);
	tcase_add_test(tcase, walk_ends_between_nodes_that_disagree);
	tcase_add_test(tcase, hops_of_a_walk);
	tcase_add_test(tcase, largest_group);
	suite_add_tcase(suite, tcase);
	return suite;
}
