/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consequences of a fault: one row of a table for each kind, read once when a fault begins. A
 * row says until when a node, links or all nodes may be disturbed, so that check_holders waits
 * longer, and until when an outage is excused, so that check_client waits longer:
 *
 *  - A fault excuses an outage from its beginning to its end, and then for check_tail_us().
 *  - The client may send to the wrong node for announce_refresh longer if announcements may have
 *    been lost, or if one fault comes upon another: when a false Active, which could not hear the
 *    true one, is silenced, the true one cannot know that the client believes the false one.
 *  - In a calm moment, when everything has been well for a tail, a harmless fault excuses nothing:
 *    one that does not concern the holder, a change of readiness, a reload, a planned move while a
 *    ready Backup is there, a foreign or refused packet.
 */
#include <assert.h>

#include "sim/check.h"

/* How long a fault is on. */
enum blame_span {
	SPAN_MOMENT = 1, /* over at once; its duration has another meaning or none */
	SPAN_ABSENCE,	 /* a node is away for the duration and comes back by itself */
	SPAN_DURATION,	 /* until EVENT_FAULT_END */
};

/* Where a fault may be felt. */
enum blame_place {
	PLACE_NOWHERE = 1,
	PLACE_NODE,
	PLACE_LINKS,
	PLACE_EVERYWHERE, /* an attacker's packet that is accepted: all overlaps count anew */
};

struct blame {
	enum blame_span span;
	enum blame_place place;

	/* After the span: */
	int64_t retry_us; /* the node tries the failed action again */
	unsigned amounts; /* actions under way take so many times the fault's amount */
	bool hands_over;  /* a handover of an interval at the latest, and the end of the process */

	/* Functions of the fault; NULL = never. */
	bool (*loses_announcements)(const struct sim *sim, const struct fault *fault);
	bool (*is_harmless)(const struct sim *sim, const struct fault *fault);
};

static bool always(const struct sim *sim, const struct fault *fault)
{
	(void)sim;
	(void)fault;
	return true;
}

/* Whether the client may feel a fault of the node. */
static bool is_involved(const struct node *node)
{
	if (node->kernel.address_count > 0)
		return true;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const struct router *router = node_router(node, (enum addr_family)family);

		if (router && check_watched(node, router)->notified == VRRP_STATE_ACTIVE)
			return true;
	}
	return false;
}

static bool is_bystander(const struct sim *sim, const struct fault *fault)
{
	return !is_involved(&sim->nodes[fault->node]);
}

/* A ready Backup that takes over from a leaving Active within one Skew_Time. */
static bool is_successor(const struct node *node)
{
	struct instant now = node_clock(node, node->sim->now);

	if (!node_is_awake(node) || node->engine.shutting_down || !node->engine.health.ready ||
	    node->shutdown || node->clean_at > node->sim->now)
		return false;
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		const struct watch *watch = check_watched(node, router);

		if (watch->notified != VRRP_STATE_BACKUP || watch->held ||
		    !instant_due(watch->preempt_from, now))
			return false;
	}
	return true;
}

/* RESUME: the process is back before its claim, the last advert of which is an interval old at the
 * most, or the lease of the addresses ends, and what is under way between two adverts is over. A
 * router that is outranked may be relieved meanwhile, as ever. */
static bool is_resumed(const struct sim *sim, const struct fault *fault)
{
	const struct node *node = &sim->nodes[fault->node];
	int64_t lease_us = check_longest_lease_us(node);
	int64_t patience_us = 2 * node->settings.advert_int_cs * SIM_CS - sim->check.slack_us;

	return is_bystander(sim, fault) ||
	       (fault->amount != SIM_KILL_LOSES_CLAIM && node->engine.health.ready &&
		fault->duration_us < patience_us &&
		(lease_us == 0 || fault->duration_us < lease_us / 2));
}

static bool is_planned(const struct sim *sim, const struct fault *fault)
{
	for (int i = 0; i < sim->node_count; i++)
		if (i != fault->node && is_successor(&sim->nodes[i]))
			return true;
	return is_bystander(sim, fault);
}

/* A second signal ends the handover at once. */
static bool is_planned_stop(const struct sim *sim, const struct fault *fault)
{
	return fault->amount < SIM_STOP_TWICE ? is_planned(sim, fault) : is_bystander(sim, fault);
}

/* Neither an advert nor the refresh of the lease is late enough to matter. */
static bool is_hardly_late(const struct sim *sim, const struct fault *fault)
{
	int64_t lease_us = check_longest_lease_us(&sim->nodes[fault->node]);

	if (is_bystander(sim, fault))
		return true;
	return fault->amount <= sim->interval_min_us &&
	       (lease_us == 0 || fault->amount < lease_us / 2);
}

/* The own address is back before the Active gives up. */
static bool is_short_gap(const struct sim *sim, const struct fault *fault)
{
	int64_t interval_us = sim->nodes[fault->node].settings.advert_int_cs * SIM_CS;

	return is_bystander(sim, fault) || fault->duration_us < interval_us - sim->check.slack_us;
}

/* In unicast the new address is in no list of peers. */
static bool is_known_to_peers(const struct sim *sim, const struct fault *fault)
{
	return !sim->nodes[fault->node].settings.unicast || is_bystander(sim, fault);
}

/* The client is cut off from one node: if that takes over meanwhile, its announcement is lost. */
static bool is_link_of_client(const struct sim *sim, const struct fault *fault)
{
	(void)sim;
	return fault->other == SIM_CLIENT;
}

static bool is_any_link_of_client(const struct sim *sim, const struct fault *fault)
{
	return fault->other == SIM_ALL_PORTS || is_link_of_client(sim, fault);
}

/* The client is cut off from all nodes. */
static bool isolates_client(const struct sim *sim, const struct fault *fault)
{
	unsigned nodes = (1u << sim->node_count) - 1;
	bool inside = fault->side >> SIM_CLIENT & 1;

	return (fault->side & nodes) == (inside ? 0 : nodes);
}

static const struct blame blames[] = {
	[FAULT_KILL] = {SPAN_DURATION, PLACE_NODE, .is_harmless = is_resumed},
	[FAULT_POWER] = {SPAN_DURATION, PLACE_NODE, .is_harmless = is_bystander},
	[FAULT_STOP] = {SPAN_ABSENCE, PLACE_NODE, .hands_over = true,
			.is_harmless = is_planned_stop},
	[FAULT_STALL] = {SPAN_ABSENCE, PLACE_NODE, .is_harmless = is_bystander},
	/* A turn that is late when the fault ends stays late. */
	[FAULT_LATE] = {SPAN_DURATION, PLACE_NODE, .amounts = 1, .is_harmless = is_hardly_late},
	[FAULT_CUT] = {SPAN_DURATION, PLACE_LINKS, .loses_announcements = is_link_of_client},
	[FAULT_CUT_ONE_WAY] = {SPAN_DURATION, PLACE_LINKS,
			       .loses_announcements = is_any_link_of_client},
	[FAULT_PARTITION] = {SPAN_DURATION, PLACE_LINKS, .loses_announcements = isolates_client},
	/* Between two nodes, too: the announcement of a false Active, which the true one would have
	 * answered if it had heard the advert. */
	[FAULT_LOSS] = {SPAN_DURATION, PLACE_LINKS, .loses_announcements = always},
	[FAULT_CORRUPT] = {SPAN_DURATION, PLACE_LINKS, .loses_announcements = always},
	/* Packets that are under way when the fault ends still come late. */
	[FAULT_DELAY] = {SPAN_DURATION, PLACE_LINKS, .amounts = 1,
			 .loses_announcements = is_any_link_of_client},
	[FAULT_DUPLICATE] = {SPAN_DURATION, PLACE_LINKS, .amounts = 1,
			     .loses_announcements = is_any_link_of_client},
	[FAULT_APISERVER] = {SPAN_DURATION, PLACE_NODE, .is_harmless = always},
	[FAULT_ALL_APISERVERS] = {SPAN_DURATION, PLACE_NODE, .is_harmless = always},
	[FAULT_FLAP] = {SPAN_DURATION, PLACE_NODE, .is_harmless = always},
	/* The duration is that of the hold. */
	[FAULT_STEP_DOWN] = {SPAN_MOMENT, PLACE_NODE, .hands_over = true,
			     .is_harmless = is_planned},
	[FAULT_RELOAD] = {SPAN_MOMENT, PLACE_NODE, .is_harmless = always},
	[FAULT_ADD_FAILS] = {SPAN_DURATION, PLACE_NODE, .retry_us = VRRP_RETRY_US,
			     .is_harmless = is_bystander},
	/* Once for each family. */
	[FAULT_ADD_SLOW] = {SPAN_DURATION, PLACE_NODE, .amounts = ADDR_FAMILY_COUNT},
	[FAULT_SEND_FAILS] = {SPAN_DURATION, PLACE_NODE, .retry_us = VRRP_RETRY_US,
			      .loses_announcements = always},
	[FAULT_SOCKET_FAILS] = {SPAN_DURATION, PLACE_NODE, .retry_us = SIM_SOCKET_RETRY_US,
				.loses_announcements = always},
	[FAULT_ANNOUNCE_FAILS] = {SPAN_DURATION, PLACE_NODE, .loses_announcements = always},
	[FAULT_ANNOUNCE_LOST] = {SPAN_DURATION, PLACE_NODE, .loses_announcements = always},
	/* Back on the segment, a node has heard no advert yet, but waits as at its start. */
	[FAULT_LINK_DOWN] = {SPAN_DURATION, PLACE_NODE, .is_harmless = is_bystander},
	[FAULT_INTERFACE_GONE] = {SPAN_DURATION, PLACE_NODE, .retry_us = SIM_SOCKET_RETRY_US,
				  .is_harmless = is_bystander},
	[FAULT_BLINK] = {SPAN_MOMENT, PLACE_NODE, .is_harmless = always},
	[FAULT_ADDRESS_GONE] = {SPAN_DURATION, PLACE_NODE, .is_harmless = is_short_gap},
	[FAULT_ADDRESS_CHANGED] = {SPAN_DURATION, PLACE_NODE, .is_harmless = is_known_to_peers},
	[FAULT_VIP_DELETED] = {SPAN_MOMENT, PLACE_NODE, .is_harmless = always},
	[FAULT_VIP_ADDED] = {SPAN_MOMENT, PLACE_NODE, .is_harmless = always},
	[FAULT_FOREIGN] = {SPAN_DURATION, PLACE_NOWHERE, .is_harmless = always},
	[FAULT_FLOOD] = {SPAN_DURATION, PLACE_NODE, .is_harmless = always},
	[FAULT_FORGE_REFUSED] = {SPAN_MOMENT, PLACE_NOWHERE, .is_harmless = always},
	[FAULT_FORGE_ACCEPTED] = {SPAN_MOMENT, PLACE_EVERYWHERE, .is_harmless = NULL},
	[FAULT_REPLAY] = {SPAN_MOMENT, PLACE_EVERYWHERE, .is_harmless = NULL},
};
static_assert(sizeof(blames) / sizeof(blames[0]) == FAULT_COUNT, "each kind has a row");

static const struct blame *blame_of(enum fault_kind kind)
{
	const struct blame *blame = &blames[kind];

	assert(blame->span != 0 && blame->place != 0);
	return blame;
}

bool blame_lasts(enum fault_kind kind)
{
	return blame_of(kind)->span == SPAN_DURATION;
}

bool blame_is_on_links(enum fault_kind kind)
{
	return blame_of(kind)->place == PLACE_LINKS;
}

/* No fault is felt any more, and the client has been served for a tail by the only holder. */
static bool is_calm(const struct sim *sim)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const struct client *client = &sim->clients[family];
		unsigned holders = sim->check.holders[family];

		if (!(sim->families & 1u << family))
			continue;
		if (!client->served || sim->now - client->since < check_tail_us(sim) ||
		    (holders & (holders - 1)) != 0)
			return false;
	}
	return sim->now >= sim->check.faults_until;
}

static void spoil_links(struct sim *sim, const struct fault *fault, int64_t until)
{
	for (int i = 0; i < SIM_PORTS; i++)
		for (int j = 0; j < SIM_PORTS; j++) {
			bool between = (i == fault->node && j == fault->other) ||
				       (j == fault->node && i == fault->other);
			bool across = (fault->side >> i & 1) != (fault->side >> j & 1);
			bool at_node = i == fault->node || j == fault->node;
			bool all = fault->other == SIM_ALL_PORTS &&
				   (fault->kind != FAULT_CUT_ONE_WAY || at_node);
			int64_t *clean_at = &sim->check.links_clean_at[i][j];

			if (fault->side == 0 ? between || all : across)
				*clean_at = max(*clean_at, until);
		}
}

static void spoil(struct sim *sim, const struct fault *fault, int64_t until)
{
	struct node *node = &sim->nodes[fault->node];

	switch (blame_of(fault->kind)->place) {
	case PLACE_NOWHERE:
		break;
	case PLACE_NODE:
		node->clean_at = max(node->clean_at, until);
		break;
	case PLACE_LINKS:
		spoil_links(sim, fault, fault->duration_us == SIM_NEVER ? SIM_NEVER : until);
		break;
	case PLACE_EVERYWHERE:
		sim->check.meddled_at = sim->now;
		break;
	}
}

/* The end of the fault and of the actions that it delays. A fault that lasts to the end of the run
 * counts from its beginning; run.c excuses the rest. */
static int64_t end_of(const struct sim *sim, const struct fault *fault)
{
	const struct blame *blame = blame_of(fault->kind);
	int64_t end = sim->now + blame->retry_us + blame->amounts * fault->amount;

	if (blame->span == SPAN_MOMENT || fault->duration_us == SIM_NEVER)
		return end;
	return end + fault->duration_us;
}

static int64_t longest_refresh_us(const struct sim *sim)
{
	int64_t longest_us = 0;

	for (int i = 0; i < sim->node_count; i++)
		longest_us = max(longest_us, sim->nodes[i].settings.announce_refresh_s * SIM_S);
	return longest_us;
}

void blame_fault(struct sim *sim, const struct fault *fault)
{
	const struct blame *blame = blame_of(fault->kind);
	struct check *check = &sim->check;
	bool calm = is_calm(sim);
	int64_t until = end_of(sim, fault);

	check_cause(sim);
	spoil(sim, fault, until);
	if (blame->hands_over)
		until += 2 * sim->interval_max_us;
	check->faults_until = max(check->faults_until, until + check_tail_us(sim));
	if (calm && blame->is_harmless && blame->is_harmless(sim, fault)) {
		check_excuse_nothing(sim);
		return;
	}
	check_excuse(sim, check->faults_until);
	if (!calm || (blame->loses_announcements && blame->loses_announcements(sim, fault)))
		check_excuse_entry(sim, check->faults_until + longest_refresh_us(sim));
}
