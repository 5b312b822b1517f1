/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an Active tells its neighbours where the addresses are (rule ANNOUNCE): at 0, 100 ms, 500
 * ms, 2 s and 5 s after it took over, then every announce_refresh. An event of the network begins
 * the schedule again, but two announcements are ANNOUNCER_SPACING_US apart at least. The machine of
 * the virtual router owns one announcer; nothing is sent here.
 */
#ifndef CPVRRP_CORE_ANNOUNCER_H
#define CPVRRP_CORE_ANNOUNCER_H

#include <stdbool.h>

#include "core/instant.h"

#define ANNOUNCER_SPACING_US (10 * MILLISECOND_US)

struct announcer {
	struct instant next; /* INSTANT_NEVER: silent */
	struct instant last; /* meaningful once the schedule has begun */
	unsigned step;	     /* position in the schedule */
};

/* Silent from now on. */
void announcer_stop(struct announcer *announcer);

/* Begins the schedule: the first announcement is due now. */
void announcer_start(struct announcer *announcer, struct instant now);

/* Begins the schedule again, ANNOUNCER_SPACING_US after the last announcement at the earliest. */
void announcer_provoke(struct announcer *announcer, struct instant now);

/* True if an announcement is due; then the next one is set. refresh_us: after the schedule, 0 =
 * none. */
bool announcer_take(struct announcer *announcer, struct instant now, int64_t refresh_us);

/* Another announce_refresh: the next announcement comes no later than it says. */
void announcer_reconfigure(struct announcer *announcer, struct instant now, int64_t refresh_us);

#endif
