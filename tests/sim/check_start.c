/* SPDX-License-Identifier: Apache-2.0 */
/* Rule RESUME: what a process that was killed hands on to the one that starts. The claim is judged
 * by what the router has said on the wire, not by what the file holds. */
#include "sim/check.h"

void check_killed(struct node *node)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = check_watch(node, router);

		watch->killed_active = watch->notified == VRRP_STATE_ACTIVE && !watch->leaving &&
				       !watch->held && !watch->resumed;
	}
}

/* What is known of the process before does not hold for the next one, but for what it said. */
void check_starts(struct node *node)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		struct watch *watch = &node->watch[family];

		watch->held = watch->leaving = watch->resumed = false;
		watch->notified = VRRP_STATE_INITIALIZE;
		watch->fault = VRRP_FAULT_NONE;
		watch->own_gone_at = INSTANT_NEVER;
		check_forget_heard(watch);
	}
	if (node->balancer.installed)
		node->told_before = node->told;
	node->told.count = 0;
}

/* Nobody can have given the router up (RFC 9568 6.1: more than three intervals). */
static bool claim_lasts(const struct watch *watch, struct instant now)
{
	return watch->killed_active &&
	       instant_since(now, watch->said.left_at) < 3 * watch->said.interval_us;
}

void check_resumed(struct node *node, const struct router *router, struct instant now)
{
	struct watch *watch = check_watch(node, router);
	enum priority_band band = health_band(&node->engine.health);

	if (check_applies(node->sim, RULE_RESUMED, false) &&
	    (!claim_lasts(watch, now) || band != watch->said.band))
		check_broken(node->sim, RULE_RESUMED, "n%d in band %d", node->id + 1, (int)band);
	check_resumes(node, router);
	watch->resumed = true;
}

void check_started(struct node *node, struct instant now)
{
	bool resumed = false;

	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = check_watch(node, router);

		if (claim_lasts(watch, now) &&
		    check_applies(node->sim, RULE_RESUMES,
				  node->claim_lost || router_fault(router) != VRRP_FAULT_NONE) &&
		    !watch->resumed)
			check_broken(node->sim, RULE_RESUMES, "n%d", node->id + 1);
		watch->killed_active = false;
		resumed |= watch->resumed;
	}
	/* What is due of a resumed Active waits for the sockets. */
	check_turn_end(node, now, !resumed);
}

void check_resumed_speaks(struct node *node, const struct router *router, bool drained)
{
	struct watch *watch = check_watch(node, router);
	struct instant left_at = node_clock(node, node->sim->now + node->waited_us);
	uint64_t announced = router->counters.announcements + router->counters.announce_failures;

	if (!watch->resumed || !node->listened)
		return;
	watch->resumed = false;
	if (router->vrrp.state == VRRP_STATE_ACTIVE && drained &&
	    check_applies(node->sim, RULE_RESUMED_SPEAKS, !check_claims(watch, left_at)) &&
	    (announced == 0 || check_adverts_of(router) == 0))
		check_broken(node->sim, RULE_RESUMED_SPEAKS, "n%d", node->id + 1);
}
