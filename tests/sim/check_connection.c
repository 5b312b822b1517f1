/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BALANCE: no connection ends whose own member lives, except where one of these holds:
 *
 *  - The node that answers has no rules: its daemon has been away for longer than the lease of the
 *    addresses, or has never had them.
 *  - The node that answers has heard for LINGER_US from no daemon of the member that it
 *    balances, so that the member counts as gone; or not at all since its own daemon started.
 *  - It has heard the member for the first time in a while just now.
 *  - The nodes on the way heard of a member at moments that are too far apart: one of them missed a
 *    STATUS, or has just started. They go by different facts for longer than OVERLAP_US,
 *    which is there for what takes its time on a healthy segment.
 *  - An attacker has replayed a STATUS, which counts until the next one, a second later.
 *  - A node on the way does not hear another one on the way, so that it is no member for it, whose
 *    packets are sent on already.
 *  - A node on the way lacked its own address until just now, and so left its rules as they were.
 *  - The own address of a node on the way has become another one: for others it is two members
 * until the first is silent for long enough.
 *  - The daemon of a node on the way is away, frozen, or has just started, so that its node goes by
 *    what was known before; and meanwhile the same has happened to another one.
 */
#include "sim/check.h"

/* What the members' turns and helpers take of the overlap. */
#define TURNS_US (50 * SIM_MS)

/* Of core/balance: said here on its own. */
#define STATUS_ALIVE_US (3 * SIM_S)
#define OVERLAP_US (500 * SIM_MS)
#define LINGER_US (15 * SIM_S)
#define REPLAYED_US (3 * SIM_S)
#define MOVED_US (4 * SIM_S)

/* The rules of a node are up to date until then. */
static int64_t up_to_date_at(const struct node *node)
{
	return node_is_awake(node) && node->balancer.installed ? node->sim->now : node->frozen_at;
}

static int64_t since(const struct node *node, struct instant at)
{
	return instant_is_never(at) ? SIM_NEVER
				    : instant_since(node_clock(node, up_to_date_at(node)), at);
}

static int64_t unbalanced_us(struct node *node, const struct addr *address)
{
	const struct told *told = check_told(node, address);

	return told ? since(node, told->balanced_at) : SIM_NEVER;
}

static bool is_meddled(const struct sim *sim)
{
	return sim->check.meddled_at > 0 && sim->now - sim->check.meddled_at < REPLAYED_US;
}

static bool is_news(struct node *node, const struct addr *address)
{
	const struct told *told = check_told(node, address);

	return told && since(node, told->since) < TURNS_US;
}

/* What the nodes on the way have of a member's STATUS messages. */
struct echo {
	uint64_t oldest; /* the last ones that they got; 0 = none */
	uint64_t newest;
	int64_t newest_us; /* how long ago the first of them got the newest */
	int64_t least_us;  /* how long ago each got its last one */
	int64_t most_us;
	int64_t unbalanced_us; /* the longest since one that said that the member balances */
};

static void add_echo(struct echo *echo, struct node *node, const struct addr *address)
{
	const struct told *told = check_told(node, address);
	uint64_t serial = told ? told->serial : 0;
	int64_t silent_us = told ? since(node, told->at) : SIM_NEVER;

	if (serial == echo->newest)
		echo->newest_us = max(echo->newest_us, silent_us);
	if (serial > echo->newest)
		echo->newest_us = silent_us;
	echo->newest = serial > echo->newest ? serial : echo->newest;
	echo->oldest = serial < echo->oldest ? serial : echo->oldest;
	echo->most_us = max(echo->most_us, silent_us);
	echo->least_us = silent_us < echo->least_us ? silent_us : echo->least_us;
	echo->unbalanced_us = max(echo->unbalanced_us, unbalanced_us(node, address));
}

/* Whether the nodes on the way go by the same STATUS of a member, or may not do so yet. */
static bool agree_on(struct sim *sim, unsigned visited, int member)
{
	struct addr address = node_primary(&sim->nodes[member], node_elected(sim));
	struct echo echo = {.oldest = UINT64_MAX, .least_us = SIM_NEVER};

	for (int i = 0; i < sim->node_count; i++)
		if (visited >> i & 1 && i != member)
			add_echo(&echo, &sim->nodes[i], &address);
	if (echo.newest == 0)
		return true;
	if (visited >> member & 1 && echo.unbalanced_us >= STATUS_ALIVE_US)
		return false;
	if (echo.oldest < echo.newest && echo.newest_us >= OVERLAP_US - TURNS_US)
		return false;
	return echo.most_us - echo.least_us < OVERLAP_US - TURNS_US;
}

static bool was_stuck(const struct node *node)
{
	int64_t now = node->sim->now;

	return (node->balancer.stuck_at > 0 && now - node->balancer.stuck_at < TURNS_US) ||
	       (node->moved_at > 0 && now - node->moved_at < MOVED_US);
}

static bool others_changed(const struct node *node)
{
	const struct sim *sim = node->sim;
	int64_t at = up_to_date_at(node);

	for (int i = 0; i < sim->node_count; i++)
		if (i != node->id && at < sim->now && sim->nodes[i].changed_at >= at - SIM_S)
			return true;
	return false;
}

static bool is_excused(struct sim *sim, const struct connection *connection, unsigned visited,
		       int last)
{
	struct node *node = &sim->nodes[last];
	struct addr address = node_primary(&sim->nodes[connection->server], node_elected(sim));

	if (!rules_serve(balancer_rules(node), sim->now) || is_meddled(sim) ||
	    unbalanced_us(node, &address) >= LINGER_US || is_news(node, &address))
		return true;
	for (int i = 0; i < sim->node_count; i++)
		if (!agree_on(sim, visited, i) ||
		    (visited >> i & 1 &&
		     (others_changed(&sim->nodes[i]) || was_stuck(&sim->nodes[i]))))
			return true;
	return false;
}

void check_packet_kept(struct sim *sim, const struct connection *connection, unsigned visited,
		       int last)
{
	bool reset = last >= 0;
	bool excused = reset && is_excused(sim, connection, visited, last);

	if (check_applies(sim, RULE_CONNECTION_KEPT, excused) && reset)
		check_broken(sim, RULE_CONNECTION_KEPT, "n%d answers for n%d, slot %u", last + 1,
			     connection->server + 1, connection->slot);
}

void check_walk(struct sim *sim, unsigned passed, unsigned most)
{
	if (most > 0 && check_applies(sim, RULE_WALK_ENDS, false) && passed >= most)
		check_broken(sim, RULE_WALK_ENDS, "%u times, %u are live", passed, most);
}

/* The nodes that hear each other, and the client, as node i does. */
static unsigned part_of(const struct sim *sim, int i)
{
	enum addr_family family = node_elected(sim);
	unsigned nodes = 0;

	for (int j = 0; j < sim->node_count; j++)
		if (node_router(&sim->nodes[j], family) && segment_hears(sim, i, j))
			nodes |= 1u << j;
	return nodes;
}

static enum priority_band best_band(const struct sim *sim, unsigned nodes)
{
	enum priority_band best = PRIORITY_BAND_DOWN;

	for (int i = 0; i < sim->node_count; i++)
		if (nodes >> i & 1 && health_band(&sim->nodes[i].engine.health) > best)
			best = health_band(&sim->nodes[i].engine.health);
	return best;
}

static void check_open(struct sim *sim, unsigned nodes)
{
	for (unsigned i = 0; i < SIM_CONNECTIONS; i++) {
		int server = sim->connections[i].server;

		if (server >= 0 &&
		    check_applies(sim, RULE_CONNECTION_GOES_ON, !(nodes >> server & 1)) &&
		    !connection_goes_on(sim, i))
			check_broken(sim, RULE_CONNECTION_GOES_ON, "slot %u of n%d",
				     sim->connections[i].slot, server + 1);
	}
}

/* Where no apiserver answers, the Active's own would take it. */
static void check_new(struct sim *sim, unsigned nodes)
{
	enum priority_band band = best_band(sim, nodes);

	for (unsigned slot = 0; slot < SLOTS_COUNT; slot += SLOTS_COUNT / 8) {
		int server = connection_would_open(sim, slot);

		if (check_applies(sim, RULE_CONNECTION_NEW, band < PRIORITY_BAND_ANSWERING) &&
		    (server < 0 || health_band(&sim->nodes[server].engine.health) != band))
			check_broken(sim, RULE_CONNECTION_NEW, "slot %u: n%d", slot, server + 1);
	}
}

void check_connections(struct sim *sim)
{
	int entry = sim->clients[node_elected(sim)].entry;

	unsigned nodes;

	if (!balancer_is_on(&sim->nodes[0]) || entry < 0 || !segment_hears(sim, SIM_CLIENT, entry))
		return;
	nodes = part_of(sim, entry);
	if (!(nodes >> entry & 1)) /* it has no power */
		return;
	check_open(sim, nodes);
	if (sim->clients[node_elected(sim)].served)
		check_new(sim, nodes);
}
