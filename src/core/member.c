/* SPDX-License-Identifier: Apache-2.0 */
#include "core/member.h"

#include <assert.h>

#define INTERVALS_ALIVE 3

static_assert(MEMBER_OTHERS_MAX == GROUP_STATUS_HEARD_MAX, "a STATUS can list all others");
static_assert(MEMBER_INTERVAL_CS * VRRP_INTERVAL_FACTOR <= ADVERT_INTERVAL_MAX_CS,
	      "the longest interval followed can be said");

static struct instant alive_until(const struct member *member)
{
	const int64_t most_cs = INT64_C(1) * VRRP_INTERVAL_FACTOR * MEMBER_INTERVAL_CS;
	int64_t interval_cs = member->status.interval_cs;

	if (interval_cs > most_cs)
		interval_cs = most_cs;
	return instant_add(member->heard_at, INTERVALS_ALIVE * interval_cs * CENTISECOND_US);
}

bool member_is_alive(const struct member *member, struct instant now)
{
	return !instant_due(alive_until(member), now);
}

struct instant member_silence_at(const struct member_table *table, struct instant now)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < table->count; i++)
		if (member_is_alive(&table->list[i], now))
			first = instant_min(first, alive_until(&table->list[i]));
	return first;
}

enum priority_band member_band(const struct member *member)
{
	return priority_band(member->status.priority);
}

bool member_is_heard(const struct member *member, struct instant now)
{
	return member_is_alive(member, now) && !member->missed;
}

bool member_hears(const struct member *member, const struct addr *address)
{
	return addr_in_list(address, member->status.heard, member->status.heard_count);
}

/* table->count if there is none. */
static size_t find(const struct member_table *table, const struct addr *address)
{
	size_t i = 0;

	while (i < table->count && !addr_equal(&table->list[i].address, address))
		i++;
	return i;
}

const struct member *member_find(const struct member_table *table, const struct addr *address)
{
	size_t i = find(table, address);

	return i < table->count ? &table->list[i] : NULL;
}

/* A place for a new member: a free one, else that of the member that has been silent for longest.
 * NULL if all are alive. */
static struct member *find_place(struct member_table *table, struct instant now)
{
	struct member *oldest = NULL;

	if (table->count < MEMBER_OTHERS_MAX)
		return &table->list[table->count++];
	for (size_t i = 0; i < table->count; i++) {
		struct member *member = &table->list[i];

		if (!member_is_alive(member, now) &&
		    (!oldest || member->heard_at.us < oldest->heard_at.us))
			oldest = member;
	}
	return oldest;
}

bool member_take(struct member_table *table, struct instant now, const struct addr *source,
		 const struct group_status *status)
{
	size_t i = find(table, source);
	struct member *member = i < table->count ? &table->list[i] : find_place(table, now);
	bool goes_on;

	if (!member)
		return false;
	goes_on = addr_equal(&member->address, source) && member_is_alive(member, now);
	*member = (struct member){.address = *source,
				  .status = *status,
				  .heard_at = now,
				  .since = goes_on ? member->since : now};
	member_assert(table);
	return true;
}

bool member_take_advert(struct member_table *table, const struct addr *source)
{
	size_t i = find(table, source);
	bool was_missed = i < table->count && table->list[i].missed;

	if (was_missed)
		table->list[i].missed = false;
	return was_missed;
}

void member_miss(struct member_table *table, const struct addr *active)
{
	size_t i = find(table, active);

	if (i < table->count)
		table->list[i].missed = true;
}

void member_forget(struct member_table *table, struct instant now)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->count; i++)
		if (!instant_due(instant_add(table->list[i].heard_at, MEMBER_FORGET_US), now))
			table->list[kept++] = table->list[i];
	table->count = kept;
}

enum vrrp_hearing member_hearing(const struct member_table *table, struct instant now,
				 const struct addr *source, const struct addr *own,
				 int64_t grace_us)
{
	const struct member *member = member_find(table, source);

	if (!member || !member_is_alive(member, now))
		return VRRP_HEARING_UNKNOWN;
	if (member_hears(member, own))
		return VRRP_HEARING_YES;
	if (!instant_due(instant_add(member->since, grace_us), now) ||
	    member->status.heard_count == GROUP_STATUS_HEARD_MAX)
		return VRRP_HEARING_UNKNOWN;
	return VRRP_HEARING_NO;
}

uint8_t member_list_heard(const struct member_table *table, struct instant now,
			  struct addr list[MEMBER_OTHERS_MAX])
{
	uint8_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		if (member_is_heard(&table->list[i], now))
			list[count++] = table->list[i].address;
	return count;
}

void member_assert(const struct member_table *table)
{
	assert(table->count <= MEMBER_OTHERS_MAX);
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->list[i];

		assert(member->status.vrid > 0 && member->status.interval_cs > 0);
		assert(member->status.heard_count <= GROUP_STATUS_HEARD_MAX);
		assert(member->since.us <= member->heard_at.us);
		assert(member_find(table, &member->address) == member);
	}
}
