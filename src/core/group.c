/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group.h"

#include <assert.h>

void group_init(struct group *group)
{
	*group = (struct group){.next = INSTANT_NEVER};
}

/* The moment from which a message that the schedule does not ask for may be sent. */
static struct instant allowed_from(const struct group *group)
{
	return instant_add(group->paid_until, -(GROUP_BURST - 1) * GROUP_SPACING_US);
}

bool group_is_due(struct group *group, struct instant now, const struct group_status *status)
{
	bool scheduled = instant_due(group->next, now);

	if (scheduled || (!group->repeat && group_status_equal(&group->said, status)))
		return scheduled;
	if (instant_due(allowed_from(group), now))
		return true;
	group->next = instant_min(group->next, allowed_from(group));
	return false;
}

void group_repeat(struct group *group)
{
	group->repeat = true;
}

void group_note_sent(struct group *group, struct instant now, const struct group_status *status,
		     bool sent)
{
	group->said = *status;
	group->repeat = false;
	group->next = instant_add(now, GROUP_INTERVAL_US);
	group->paid_until = instant_add(instant_max(group->paid_until, now), GROUP_SPACING_US);
	if (sent)
		group->counters.sent++;
	else
		group->counters.send_failures++;
	group_assert(group);
}

void group_stop(struct group *group)
{
	group->said = (struct group_status){0};
	group->next = INSTANT_NEVER;
}

void group_assert(const struct group *group)
{
	assert(!instant_is_never(group->next) || group->said.interval_cs == 0);
	member_assert(&group->members);
}
