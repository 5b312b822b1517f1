/* SPDX-License-Identifier: Apache-2.0 */
#include "core/announcer.h"

#include <assert.h>

/* Between the five announcements at 0, 100 ms, 500 ms, 2 s and 5 s. */
static const int64_t gaps_us[] = {100 * MILLISECOND_US, 400 * MILLISECOND_US, 1500 * MILLISECOND_US,
				  3000 * MILLISECOND_US};
#define GAPS (sizeof(gaps_us) / sizeof(gaps_us[0]))

void announcer_stop(struct announcer *announcer)
{
	announcer->next = INSTANT_NEVER;
}

void announcer_start(struct announcer *announcer, struct instant now)
{
	announcer->step = 0;
	announcer->next = now;
}

void announcer_provoke(struct announcer *announcer, struct instant now)
{
	struct instant earliest = instant_add(announcer->last, ANNOUNCER_SPACING_US);

	announcer_start(announcer, instant_due(earliest, now) ? now : earliest);
}

bool announcer_take(struct announcer *announcer, struct instant now, int64_t refresh_us)
{
	int64_t gap_us = announcer->step < GAPS ? gaps_us[announcer->step] : refresh_us;

	assert(announcer->step <= GAPS + 1);
	if (!instant_due(announcer->next, now))
		return false;
	if (announcer->step <= GAPS)
		announcer->step++;
	announcer->last = now;
	announcer->next = gap_us > 0 ? instant_add(now, gap_us) : INSTANT_NEVER;
	assert(!instant_due(announcer->next, now));
	return true;
}

void announcer_reconfigure(struct announcer *announcer, struct instant now, int64_t refresh_us)
{
	if (announcer->step <= GAPS)
		return;
	announcer->next = refresh_us > 0
				  ? instant_min(announcer->next, instant_add(now, refresh_us))
				  : INSTANT_NEVER;
}
