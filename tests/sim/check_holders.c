/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes may hold the VIP at the same time
 *
 *  - while they cannot hear each other: a cut or lossy link between them in either direction, an
 *    interface down, adverts that cannot be sent, a process dead, frozen or late, an attacker's
 *    packets. Each fault says in blame_fault() until when it spoils which nodes or links.
 *  - from then on for one advertisement interval of the slower of the two, and the time a packet
 *    takes: the better one's next advert, due within its interval, makes the other let go. DEAF: if
 *    the other one took it for deaf, its STATUS may be damped first (GROUP). A
 *    handover (the new holder adds the address before the old one hears its advert) takes no more
 *    than the packet, so it needs no exception.
 *  - if one of the processes is dead or frozen, for the lease of its address and what the kernel
 *    takes to notice its end. With address_lease 0 for ever, as the manual says.
 */
#include "sim/check.h"

int64_t check_longest_lease_us(const struct node *node)
{
	int64_t longest_us = 0;

	for (size_t i = 0; i < node->kernel.address_count; i++) {
		if (node->kernel.addresses[i].expires == SIM_NEVER)
			return 0;
		longest_us = max(longest_us, node->kernel.addresses[i].lease_us);
	}
	return longest_us;
}

/* How long both may hold the VIP once they hear each other. */
static int64_t overlap_bound_us(const struct node *a, const struct node *b)
{
	uint16_t slower_cs = a->settings.advert_int_cs > b->settings.advert_int_cs
				     ? a->settings.advert_int_cs
				     : b->settings.advert_int_cs;

	return slower_cs * SIM_CS + a->sim->check.slack_us +
	       (node_tells(a) || node_tells(b) ? GROUP_SPACING_US : 0);
}

/* While leaving, a router ignores other leaving routers. The end of the handover is fixed when it
 * begins, whatever a reload changes. */
static bool hands_over(const struct node *node, enum addr_family family, int64_t next)
{
	struct instant now = node_clock(node, next - node->sim->check.slack_us);
	const struct router *router = node_router(node, family);

	return router && check_watched(node, router)->leaving && !instant_due(node->stop_by, now);
}

/* RESUME: a Backup that has heard no Active leaves the addresses of the process before, until it
 * takes over or hears one. */
static bool holds_leftover(const struct node *node, enum addr_family family)
{
	const struct router *router = node_router(node, family);

	return router && router->vrrp.state == VRRP_STATE_BACKUP &&
	       !vrrp_active_heard(&router->vrrp);
}

static void check_dead_holder(const struct node *dead, int64_t both_since, int64_t next)
{
	struct sim *sim = dead->sim;
	int64_t lease_us = check_longest_lease_us(dead);
	int64_t since = max(both_since, dead->frozen_at);

	if (check_applies(sim, RULE_LEASE_ENDS, lease_us == 0) &&
	    next > since + lease_us + SIM_EXPIRY_LATE_US)
		check_broken(sim, RULE_LEASE_ENDS,
			     "n%d is dead or frozen and has held the VIP since %lld us",
			     dead->id + 1, (long long)since);
}

/* From when no fault keeps one from hearing the other. */
static int64_t hear_each_other_since(const struct node *a, const struct node *b)
{
	const struct check *check = &a->sim->check;
	int64_t since = max(a->clean_at, b->clean_at);

	since = max(since, max(a->thawed_at, b->thawed_at));
	since = max(since, check->links_clean_at[a->id][b->id]);
	since = max(since, check->links_clean_at[b->id][a->id]);
	return max(since, check->meddled_at);
}

static void check_pair(struct sim *sim, int i, int j, enum addr_family family, int64_t next)
{
	const struct node *a = &sim->nodes[i], *b = &sim->nodes[j];
	int64_t both_since = max(a->watch[family].holds_since, b->watch[family].holds_since);
	int64_t since;
	bool long_enough, excused;

	if (!node_is_awake(a))
		check_dead_holder(a, both_since, next);
	if (!node_is_awake(b))
		check_dead_holder(b, both_since, next);
	if (!node_is_awake(a) || !node_is_awake(b))
		return;
	since = max(both_since, hear_each_other_since(a, b));
	long_enough = next - since > overlap_bound_us(a, b);
	excused = (since > both_since && !long_enough) || hands_over(a, family, next) ||
		  hands_over(b, family, next) || holds_leftover(a, family) ||
		  holds_leftover(b, family);
	if (check_applies(sim, RULE_TWO_HOLDERS, excused) && long_enough)
		check_broken(sim, RULE_TWO_HOLDERS, "%s: n%d and n%d since %lld us",
			     addr_family_name(family), i + 1, j + 1, (long long)since);
}

void check_pairs(struct sim *sim, enum addr_family family, int64_t next)
{
	unsigned holders = sim->check.holders[family];

	for (int i = 0; i < sim->node_count; i++) {
		if (!(holders >> i & 1))
			continue;
		for (int j = i + 1; j < sim->node_count; j++)
			if (holders >> j & 1)
				check_pair(sim, i, j, family, next);
	}
}

void check_holders(struct node *node)
{
	struct sim *sim = node->sim;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		struct addr vip = node_vip(sim, (enum addr_family)family, 0);
		struct watch *watch = &node->watch[family];
		bool holds = node->kernel.exists && node_holds(node, &vip);

		if (holds && watch->holds_since == SIM_NEVER)
			watch->holds_since = sim->now;
		if (!holds)
			watch->holds_since = SIM_NEVER;
		sim->check.holders[family] &= ~(1u << node->id);
		sim->check.holders[family] |= (unsigned)holds << node->id;
	}
}

/* The nodes that take part and that node i hears. */
static unsigned component_of(const struct sim *sim, int i, enum addr_family family)
{
	unsigned nodes = 0;

	for (int j = 0; j < sim->node_count; j++)
		if (node_router(&sim->nodes[j], family) && segment_hears(sim, i, j))
			nodes |= 1u << j;
	return nodes;
}

static bool may_be_better(const struct node *node, const struct router *router, uint8_t other)
{
	uint8_t own = check_priority(node, router);

	if (router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS)
		return own > other;
	return priority_band(own) > priority_band(other);
}

static void check_best(struct sim *sim, unsigned nodes, enum addr_family family, uint8_t priority)
{
	for (int i = 0; i < sim->node_count; i++) {
		const struct node *node = &sim->nodes[i];

		if (nodes >> i & 1 && check_applies(sim, RULE_BEST_ACTIVE, false) &&
		    may_be_better(node, node_router(node, family), priority))
			check_broken(sim, RULE_BEST_ACTIVE, "%s: n%d is better",
				     addr_family_name(family), i + 1);
	}
}

static void check_component(struct sim *sim, unsigned nodes, enum addr_family family)
{
	uint8_t priority = 0; /* the Active's */
	int count = 0;

	for (int i = 0; i < sim->node_count; i++) {
		const struct router *router = node_router(&sim->nodes[i], family);

		if (!(nodes >> i & 1) || router->vrrp.state != VRRP_STATE_ACTIVE)
			continue;
		priority = check_priority(&sim->nodes[i], router);
		count++;
	}
	check_members(sim, nodes, family);
	if (check_applies(sim, RULE_ONE_ACTIVE, false) && count != 1) {
		check_broken(sim, RULE_ONE_ACTIVE, "%s: %d among the nodes %#x",
			     addr_family_name(family), count, nodes);
		return;
	}
	check_best(sim, nodes, family, priority);
}

void check_stable_begin(struct sim *sim)
{
	check_connections(sim);
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		for (int i = 0; i < sim->node_count; i++) {
			unsigned nodes = component_of(sim, i, (enum addr_family)family);

			if (nodes >> i & 1)
				check_component(sim, nodes, (enum addr_family)family);
		}
}
