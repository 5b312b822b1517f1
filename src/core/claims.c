/* SPDX-License-Identifier: Apache-2.0 */
#include "core/claims.h"

#include <assert.h>
#include <string.h>

void claims_init(struct claims *claims)
{
	*claims = (struct claims){.due = INSTANT_NEVER};
}

static bool view_equal(const struct claims_view *a, const struct claims_view *b)
{
	return a->role == b->role && addr_equal(&a->active, &b->active);
}

/* With another role, or another Active, earlier claims may have been rightful; but not those that a
 * router that has heard no other has heard before it took over. */
static void look(struct claims *claims, const struct claims_view *view)
{
	bool takes_over = claims->view.role == CLAIMS_BACKUP && view->role == CLAIMS_ACTIVE;

	if (view_equal(&claims->view, view))
		return;
	claims->view = *view;
	claims->has_usual = false;
	if (takes_over && view->alone)
		return;
	claims->waiting = 0;
	claims->due = INSTANT_NEVER;
}

static void count_in_second(struct claims *claims, struct instant now)
{
	int64_t since_us = instant_since(now, claims->second);

	if (since_us >= SECOND_US) {
		claims->in_second_before = since_us < 2 * SECOND_US ? claims->in_second : 0;
		claims->in_second = 0;
		claims->second = now;
	}
	claims->in_second++;
}

/* Of a Backup: whether the claim may be its Active's. */
static bool is_usual(struct claims *claims, const struct neigh_claim *claim)
{
	if (addr_is_unspecified(&claims->view.active))
		return false;
	if (!claims->has_usual)
		memcpy(claims->usual, claim->mac, sizeof(claims->usual));
	claims->has_usual = true;
	return memcmp(claims->usual, claim->mac, sizeof(claims->usual)) == 0;
}

/* RFC 5227 2.4 c: the host defends its address indefinitely. So do two hosts that both do; hence
 * the limit. */
static struct instant answer_at(const struct claims *claims, struct instant now)
{
	bool flood = claims->in_second >= CLAIMS_FLOOD || claims->in_second_before >= CLAIMS_FLOOD;
	struct instant earliest = instant_add(now, CLAIMS_DEFENCE_US);
	struct instant apart =
		instant_add(claims->answered, flood ? CLAIMS_FLOOD_DEFENCE_US : CLAIMS_DEFENCE_US);

	return instant_max(apart, earliest);
}

void claims_hear(struct claims *claims, struct instant now, const struct claims_view *view,
		 const struct neigh_claim *claim)
{
	look(claims, view);
	switch (view->role) {
	case CLAIMS_DEAF:
		return;
	case CLAIMS_BACKUP:
		if (is_usual(claims, claim))
			return;
		if (claims->waiting == 0)
			claims->due = instant_add(now, CLAIMS_CONFIRM_US);
		break;
	case CLAIMS_ACTIVE:
		count_in_second(claims, now);
		if (claims->waiting == 0)
			claims->due = answer_at(claims, now);
		break;
	}
	claims->waiting++;
	claims->newest = *claim;
	claims->newest_at = now;
	assert(!instant_is_never(claims->due));
}

struct instant claims_deadline(const struct claims *claims)
{
	return claims->due;
}

enum claims_answer claims_take(struct claims *claims, struct instant now,
			       const struct claims_view *view)
{
	look(claims, view);
	assert(instant_is_never(claims->due) == (claims->waiting == 0));
	if (!instant_due(claims->due, now))
		return CLAIMS_NOTHING;
	claims->count += claims->waiting;
	claims->last = claims->newest;
	claims->at = claims->newest_at;
	claims->waiting = 0;
	claims->due = INSTANT_NEVER;
	if (view->role != CLAIMS_ACTIVE)
		return CLAIMS_TELL;
	claims->answered = now;
	return CLAIMS_DEFEND;
}
