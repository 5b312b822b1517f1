/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BALANCE on a node: the plan that daemon/balancer makes in each turn, and the rules that the
 * kernel has by os/nft_rules. The helper takes some milliseconds for a transaction. The rules stay
 * when the process ends, and their leases run out.
 */
#include <string.h>

#include "sim/sim.h"

#define SETTLE_US (2 * SIM_S)	     /* SETTLE_US of daemon/balancer, */
#define FORWARD_AFTER_US (6 * SIM_S) /* and FORWARD_AFTER_US */
#define HELPER_US (8 * SIM_MS)	     /* the longest transaction */

bool balancer_is_on(const struct node *node)
{
	return node_tells(node) && (node->sim->seed >> 3 & 1);
}

static struct router *router_of(const struct node *node)
{
	return node->engine.routers[0];
}

void balancer_start(struct node *node, struct instant now)
{
	node->balancer = (struct balancer){
		.settled = instant_add(now, SETTLE_US),
		.left = INSTANT_NEVER,
		.renew = INSTANT_NEVER,
	};
}

/* The kernel has the rules from busy_until on, whatever the process does. */
const struct rules *balancer_rules(struct node *node)
{
	struct balancer *b = &node->balancer;

	if (b->sending && node->sim->now >= b->busy_until) {
		b->sending = false;
		node->rules = b->sent;
	}
	return &node->rules;
}

bool rules_serve(const struct rules *rules, int64_t now)
{
	return rules->in_place && now < rules->serves_until;
}

bool rules_forward(const struct rules *rules, int64_t now)
{
	return rules->in_place && rules->forwards && now < rules->forwards_until;
}

/* list_heard() */
static size_t list_heard(const struct router *router, struct instant now,
			 struct balance_member list[MEMBER_OTHERS_MAX])
{
	enum addr_family family = router->settings.family;
	const struct member_table *table = &router->group.members;
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->list[i];

		if (!member->status.balance || !member_is_alive(member, now))
			continue;
		list[count] = (struct balance_member){
			.band = member_is_heard(member, now) ? member_band(member)
							     : PRIORITY_BAND_DOWN,
			.left = member->status.leaving,
		};
		list[count++].addresses[family] = member->address;
	}
	return count;
}

/* note_role() */
static void note_role(struct balancer *b, const struct router *router, struct instant now)
{
	bool active = router->vrrp.state == VRRP_STATE_ACTIVE;

	if (active || b->active)
		b->takes_over = false;
	if (active)
		b->left = INSTANT_NEVER;
	else if (b->active)
		b->left = now;
	b->active = active;
}

static struct instant forwards_until(const struct balancer *b)
{
	return instant_is_never(b->left) ? (struct instant){0}
					 : instant_add(b->left, FORWARD_AFTER_US);
}

static int64_t lease_us(const struct node *node)
{
	return node->settings.address_lease_s > 0 ? node->settings.address_lease_s * SIM_S
						  : SIM_NEVER / 2;
}

/* plan_role() */
static void plan_role(const struct node *node, struct instant now, struct rules *plan)
{
	const struct balancer *b = &node->balancer;
	int64_t left_us = instant_since(forwards_until(b), now);
	bool here = b->active || b->takes_over;

	plan->forwards = here || left_us > 0;
	plan->forward_us =
		here || left_us <= 0 ? lease_us(node) : (left_us + SIM_S - 1) / SIM_S * SIM_S;
}

/* plan_spread() */
static void make_plan(struct node *node, struct instant now)
{
	struct balancer *b = &node->balancer;
	struct rules *plan = &b->plan;
	const struct router *router = router_of(node);
	enum addr_family family = router->settings.family;
	struct balance_member heard[MEMBER_OTHERS_MAX];
	struct balance_member own = {.band = priority_band(vrrp_priority(&router->vrrp))};

	note_role(b, router, now);
	balance_take(&b->balance, now, family, heard, list_heard(router, now, heard));
	if (router->ifindex == 0)
		plan->in_place = false;
	if (addr_is_unspecified(&router->own[family]))
		b->stuck_at = node->sim->now;
	if (router->ifindex == 0 || addr_is_unspecified(&router->own[family]))
		return;
	plan->in_place = true;
	memcpy(own.addresses, router->own, sizeof(own.addresses));
	balance_view(&b->balance, now, family, &own, &plan->view);
	plan_role(node, now, plan);
}

static bool views_equal(const struct balance_view *a, const struct balance_view *b)
{
	if (a->group.member_count != b->group.member_count)
		return false;
	for (size_t i = 0; i < a->group.member_count; i++) {
		const struct slots_member *first = &a->group.members[i];
		const struct slots_member *second = &b->group.members[i];

		if (!addr_equal(&first->address, &second->address) || first->live != second->live ||
		    first->band != second->band || a->lingers[i] != b->lingers[i])
			return false;
	}
	return true;
}

static void send_plan(struct node *node, struct instant now, int64_t takes_us)
{
	struct balancer *b = &node->balancer;

	b->sent = b->plan;
	b->sent.serves_until = node->sim->now + lease_us(node);
	b->sent.forwards_until = node->sim->now + b->plan.forward_us;
	b->sending = b->busy = true;
	b->busy_until = node->sim->now + takes_us;
	b->renew = node->settings.address_lease_s == 0 ? INSTANT_NEVER
						       : instant_add(now, lease_us(node) / 3);
}

static void take_news(struct node *node)
{
	struct balancer *b = &node->balancer;
	struct router *router = router_of(node);

	balancer_rules(node);
	if (b->busy && !b->sending) {
		b->busy = false;
		b->installed = true;
		b->again |= router->balances != b->plan.in_place;
		router->balances = b->plan.in_place;
	}
}

static void work(struct node *node, struct instant now, int64_t takes_us)
{
	struct balancer *b = &node->balancer;
	const struct rules *plan = &b->plan;
	bool same;

	b->again = false;
	take_news(node);
	make_plan(node, now);
	if (b->busy || !instant_due(b->settled, now))
		return;
	same = b->installed && plan->in_place == node->rules.in_place &&
	       (!plan->in_place || (plan->forwards == node->rules.forwards &&
				    views_equal(&plan->view, &node->rules.view)));
	if (!same || instant_due(b->renew, now))
		send_plan(node, now, takes_us);
}

/* balancer_turn() */
void balancer_turn(struct node *node, struct instant now)
{
	if (balancer_is_on(node))
		work(node, now, rng_range(&node->sim->client, SIM_MS, HELPER_US));
}

/* balancer_take_over(), which waits for the helper: before the announcement. */
void balancer_take_over(struct node *node)
{
	struct balancer *b = &node->balancer;
	struct instant now = node_clock(node, node->sim->now + node->waited_us);

	if (!balancer_is_on(node) || b->active || b->takes_over)
		return;
	b->takes_over = true;
	if (!b->installed)
		return;
	if (b->sending)
		b->busy_until = node->sim->now;
	work(node, now, 0);
	take_news(node);
}

struct instant balancer_deadline(const struct node *node, struct instant now)
{
	const struct balancer *b = &node->balancer;
	struct instant first = INSTANT_NEVER;
	struct instant until = forwards_until(b);

	if (!balancer_is_on(node))
		return first;
	if (b->again)
		return now;
	if (b->busy)
		first = node_clock(node, b->busy_until);
	else
		first = b->installed ? b->renew : b->settled;
	first = instant_min(first, balance_deadline(&b->balance, now));
	first = instant_min(first, member_silence_at(&router_of(node)->group.members, now));
	return instant_due(until, now) ? first : instant_min(first, until);
}
