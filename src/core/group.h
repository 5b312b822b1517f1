/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual router's part in its group (rule GROUP): the other members, when the next STATUS
 * message is due, and the counters of these messages. Each router has one. The engine sends and
 * receives.
 *
 * A STATUS is due every MEMBER_INTERVAL_CS, and at once when it would say something else than the
 * last one. Changes are damped: after GROUP_BURST messages in a row the next ones come
 * GROUP_SPACING_US apart, so that a flapping router sends no storm.
 */
#ifndef CPVRRP_CORE_GROUP_H
#define CPVRRP_CORE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/group_status.h"
#include "core/instant.h"
#include "core/member.h"

#define GROUP_INTERVAL_US (MEMBER_INTERVAL_CS * CENTISECOND_US)
#define GROUP_SPACING_US (200 * MILLISECOND_US)
#define GROUP_BURST 5

struct group_counters {
	uint64_t sent;
	uint64_t send_failures;
	uint64_t received; /* accepted */
	uint64_t rejected[GROUP_STATUS_REFUSAL_COUNT];
};

struct group {
	struct member_table members;
	struct group_status said;  /* the last STATUS; interval 0: none since group_stop() */
	struct instant next;	   /* when one is due at the latest; INSTANT_NEVER: none is */
	bool repeat;		   /* see group_repeat() */
	struct instant paid_until; /* GROUP_SPACING_US later with each message */
	struct group_counters counters;
};

/* No member, silent. */
void group_init(struct group *group);

/* Whether a STATUS is due that would say this. If not, `next` is when to ask again at the latest.
 */
bool group_is_due(struct group *group, struct instant now, const struct group_status *status);

/* The next question finds a STATUS due though it says nothing new: a member may not have got it. */
void group_repeat(struct group *group);

/* The STATUS has been sent, or could not be: the next one is due an interval later. */
void group_note_sent(struct group *group, struct instant now, const struct group_status *status,
		     bool sent);

/* The router cannot send, or is not to: no STATUS is due until group_is_due() is asked again. */
void group_stop(struct group *group);

void group_assert(const struct group *group);

#endif
