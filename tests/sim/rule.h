/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that the check holds the nodes to: one enumerator each, with a name and a sentence in
 * rule.c. The rule itself is where check_applies() counts it and check_broken() names it.
 */
#ifndef CPVRRP_SIM_RULE_H
#define CPVRRP_SIM_RULE_H

#include <stdint.h>
#include <stdio.h>

enum sim_rule {
	/* check_client */
	RULE_HOLDER_IN_REACH,
	RULE_SERVED,
	RULE_SERVED_IN_SUM,
	RULE_SERVED_AT_END,

	/* check_holders */
	RULE_LEASE_ENDS,
	RULE_TWO_HOLDERS,
	RULE_ONE_ACTIVE,
	RULE_BEST_ACTIVE,

	/* check_router: adverts and announcements */
	RULE_ACTIVE_SENDS,
	RULE_ACTIVE_ANNOUNCES,
	RULE_ANNOUNCES_FIRST,
	RULE_ADVERT_HOLDS,
	RULE_ANNOUNCEMENT_HOLDS,
	RULE_DRAINS_FIRST,
	RULE_STAYS_LOWEST,
	RULE_FOLLOWS_READINESS,
	RULE_MUTE_IS_SILENT,
	RULE_ADVERT_PER_EVENT,
	RULE_ADVERT_PER_INTERVAL,
	RULE_NEW_PRIORITY,
	RULE_NEW_SOURCE,
	RULE_DISTURBED,

	/* check_router: addresses */
	RULE_ACTIVE_HOLDS,
	RULE_OTHERS_DO_NOT_HOLD,
	RULE_LEASE_REFRESHED,
	RULE_GAP,
	RULE_LONG_GAP,

	/* check_router: timers and the turn */
	RULE_DEADLINE,
	RULE_BACKUP_WAITS,
	RULE_ADVER_TIMER,
	RULE_NOTHING_LEFT_DUE,
	RULE_FLOOD,
	RULE_SHUTDOWN_ENDS,
	RULE_NOTIFIED,
	RULE_MEMORY,

	/* check_election: packets */
	RULE_VALID_ACCEPTED,
	RULE_INVALID_REFUSED,
	RULE_REFUSED_CHANGES_NOTHING,
	RULE_NEVER_POSTPONED,
	RULE_PRIORITY_ZERO_HEARD,
	RULE_EXPIRED_YIELDS,
	RULE_STOP_NEVER_POSTPONES,

	/* check_election: takeovers */
	RULE_READY_HEARD,
	RULE_UNREADY_HEARD,
	RULE_PREEMPTIBLE_HEARD,
	RULE_NO_RELIEF_BY_UNREADY,
	RULE_READY_PREEMPTS,
	RULE_PREEMPT_DELAY,
	RULE_SKEW_TIME,

	/* check_election: the end of the role, and any transition */
	RULE_YIELDS_TO_BETTER,
	RULE_TENURE,
	RULE_DOUBT,
	RULE_DEAF,
	RULE_YIELDS,
	RULE_PRIORITY_ZERO_SENT,
	RULE_FAILED_REFRESH,
	RULE_CLAIM_LASTS,
	RULE_STATE_CHANGES,
	RULE_STABLE,

	/* check_start */
	RULE_RESUMED,
	RULE_RESUMES,
	RULE_RESUMED_SPEAKS,

	/* check_health */
	RULE_DAMPED,
	RULE_READY_AGAIN,

	/* the group */
	RULE_STATUS_CHANGES_GROUP,
	RULE_STATUS_RATE,
	RULE_MEMBERS_KNOWN,

	/* check_connection */
	RULE_CONNECTION_KEPT,
	RULE_WALK_ENDS,
	RULE_CONNECTION_GOES_ON,
	RULE_CONNECTION_NEW,

	/* segment */
	RULE_NO_STORM,
};
#define RULE_COUNT (RULE_NO_STORM + 1)

/* Over all seeds of a run. */
struct rule_count {
	/* How often the situation was there that the rule speaks of. */
	uint64_t evaluated;
	/* How often of these an excuse held, so that nothing could have broken the rule. */
	uint64_t excused;
};

/* "the client is served" */
const char *rule_name(enum sim_rule rule);

/* Every name with its sentence. */
void rule_list(FILE *file);

/* A table of how often each rule was evaluated and excused. */
void rule_print_counts(const struct rule_count counts[RULE_COUNT], FILE *file);

#endif
