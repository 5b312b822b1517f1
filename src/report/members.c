/* SPDX-License-Identifier: Apache-2.0 */
#include "report/members.h"

#include <assert.h>
#include <string.h>

static void take_status(struct members_member *member, const struct group_status *status)
{
	member->leaving = status->leaving;
	member->state = status->state;
	member->priority = status->priority;
	member->port = status->port;
	member->other = status->other;
	memcpy(member->mac, status->mac, sizeof(member->mac));
}

/* In ascending order, so that every node shows the same list. */
static void note_deaf_to(struct members_member *member, const struct addr *address)
{
	size_t i = member->deaf_to_count;

	if (i == MEMBER_MAX || addr_in_list(address, member->deaf_to, i))
		return;
	for (; i > 0 && addr_compare(&member->deaf_to[i - 1], address) > 0; i--)
		member->deaf_to[i] = member->deaf_to[i - 1];
	member->deaf_to[i] = *address;
	member->deaf_to_count++;
}

static void take_self(const struct router *router, struct instant now,
		      struct members_member *member)
{
	const struct group_status status = router_tell(router, now);

	take_status(member, &status);
	member->address = router->vrrp.primary;
	member->self = true;
	member->alive = true;
}

/* Another member is to hear this node and all others that are alive. */
static void note_links(const struct router *router, struct instant now, const struct member *from,
		       struct members_member *member)
{
	const struct member_table *table = &router->group.members;

	if (router_can_tell(router) && !member_hears(from, &router->vrrp.primary))
		note_deaf_to(member, &router->vrrp.primary);
	for (size_t i = 0; i < table->count; i++) {
		const struct member *to = &table->list[i];

		if (to != from && member_is_alive(to, now) && !member_hears(from, &to->address))
			note_deaf_to(member, &to->address);
	}
}

/* This node is to hear whatever a member hears. */
static void note_own_links(const struct router *router, struct instant now,
			   struct members_member *self)
{
	const struct member_table *table = &router->group.members;
	const struct group_status said = router_tell(router, now);

	for (size_t i = 0; i < table->count; i++) {
		const struct group_status *status = &table->list[i].status;

		if (!member_is_alive(&table->list[i], now))
			continue;
		for (size_t j = 0; j < status->heard_count; j++)
			if (!addr_equal(&status->heard[j], &router->vrrp.primary) &&
			    !addr_in_list(&status->heard[j], said.heard, said.heard_count))
				note_deaf_to(self, &status->heard[j]);
	}
}

void members_take(const struct router *router, struct instant now, struct members *members)
{
	const struct member_table *table = &router->group.members;

	members->on = router->settings.members;
	if (!members->on)
		return;
	members->counters = router->group.counters;
	take_self(router, now, &members->list[members->count++]);
	note_own_links(router, now, &members->list[0]);
	for (size_t i = 0; i < table->count; i++) {
		struct members_member *member = &members->list[members->count++];

		take_status(member, &table->list[i].status);
		member->address = table->list[i].address;
		member->heard = table->list[i].heard_at;
		member->alive = member_is_alive(&table->list[i], now);
		if (member->alive)
			note_links(router, now, &table->list[i], member);
	}
	members_assert(members);
}

size_t members_in_band(const struct members *members, enum priority_band band)
{
	size_t count = 0;

	for (size_t i = 0; i < members->count; i++)
		count += members->list[i].alive && priority_band(members->list[i].priority) == band;
	return count;
}

void members_assert(const struct members *members)
{
	assert(members->count <= MEMBER_MAX);
	assert(members->on == (members->count > 0));
	for (size_t i = 0; i < members->count; i++) {
		assert(members->list[i].self == (i == 0));
		assert(members->list[i].deaf_to_count <= MEMBER_MAX);
		assert(members->list[i].alive || members->list[i].deaf_to_count == 0);
	}
}
