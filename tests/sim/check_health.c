/* SPDX-License-Identifier: Apache-2.0 */
/* Rules HEALTH and DAMPING: how many successes in a row make a node ready, by a count of its own.
 */
#include "sim/check.h"

#define DAMPING_US (600 * SIM_S)
#define LOSSES_MAX 5 /* 2^5 = 32 times `rise` */

static bool is_active(const struct node *node)
{
	for (size_t i = 0; i < node->engine.router_count; i++)
		if (check_watched(node, node->engine.routers[i])->notified == VRRP_STATE_ACTIVE)
			return true;
	return false;
}

static bool is_damped(const struct probe_watch *watch, struct instant now)
{
	return watch->losses > 0 && instant_since(now, watch->lost_at) < DAMPING_US;
}

static unsigned successes_needed(const struct probe_watch *watch, struct instant now)
{
	if (watch->first)
		return 1;
	return is_damped(watch, now) ? (unsigned)SIM_RISE << watch->losses : SIM_RISE;
}

static void note_loss(struct probe_watch *watch, struct instant now)
{
	if (!is_damped(watch, now))
		watch->losses = 0;
	if (watch->losses < LOSSES_MAX)
		watch->losses++;
	watch->lost_at = now;
}

void check_probe_before(struct node *node)
{
	node->probed.was_ready = node->engine.health.ready;
	node->probed.was_active = is_active(node);
}

void check_probe_after(struct node *node, struct instant now, enum health_result result)
{
	struct probe_watch *watch = &node->probed;
	bool ready = node->engine.health.ready;
	unsigned needed = successes_needed(watch, now);
	bool enough;

	watch->successes = result == HEALTH_OK ? watch->successes + 1 : 0;
	enough = watch->successes >= needed;
	if (!watch->was_ready && result == HEALTH_OK) {
		if (check_applies(node->sim, RULE_DAMPED, false) && ready && !enough)
			check_broken(node->sim, RULE_DAMPED, "n%d after %u of %u", node->id + 1,
				     watch->successes, needed);
		if (check_applies(node->sim, RULE_READY_AGAIN, !enough) && !ready)
			check_broken(node->sim, RULE_READY_AGAIN, "n%d after %u of %u",
				     node->id + 1, watch->successes, needed);
	}
	watch->first &= result != HEALTH_OK;
	if (watch->was_ready && !ready && watch->was_active)
		note_loss(watch, now);
}

/* A process that resumes as ready has had its first success. */
void check_probe_starts(struct node *node)
{
	node->probed = (struct probe_watch){.first = !node->engine.health.ready};
}
