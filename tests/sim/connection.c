/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's connections to the VIP of the elected family, and the way of their packets by the
 * rules that the kernels have (os/nft_rules, doc/balance.md): to the node that the client's ARP
 * entry names, by its ingress to the owner of the slot, and from member to member until one knows
 * the connection. A packet takes no time. An answer goes to the client directly. A connection ends
 * with its node, its apiserver or the address that it is bound to.
 */
#include "sim/check.h"

#define TURN_MIN_US (5 * SIM_MS)
#define TURN_MAX_US (150 * SIM_MS)
#define CLOSED_PERMILLE 10 /* in a turn */
#define SENDER_TTL 64
#define NOBODY (-1)

enum fate {
	FATE_LOST,	/* the client sends it again */
	FATE_DELIVERED, /* or accepted */
	FATE_RESET,
};

struct walk {
	const struct connection *connection;
	bool begins; /* it is a SYN */
	int at;	     /* the node that has it */
	int from;    /* NOBODY = the client */
	unsigned ttl;
	unsigned visited; /* as bits */
	unsigned passed;  /* from member to member */
	unsigned most; /* the first one that did not know it lets it go on so often; 0 = none yet */
};

static bool reaches(const struct sim *sim, int from, int to)
{
	const struct node *node = &sim->nodes[to];

	return node->life != LIFE_OFF && node->kernel.exists && node->kernel.up &&
	       !sim->segment.links[from][to].cut;
}

/* Packets are lost on their way from time to time; not on the one that only asks for the way. */
static bool arrives(struct sim *sim, int from, int to, bool for_sure)
{
	return reaches(sim, from, to) &&
	       (for_sure || !rng_chance(&sim->client, sim->segment.links[from][to].loss));
}

/* The node that has the address of a member now. */
static int node_of(const struct sim *sim, const struct addr *address)
{
	for (int i = 0; i < sim->node_count; i++) {
		struct addr primary = node_primary(&sim->nodes[i], address->family);

		if (sim->nodes[i].kernel.primary_present[address->family] &&
		    addr_equal(&primary, address))
			return i;
	}
	return NOBODY;
}

/* The hardware address of the packet's sender is that of a member. */
static bool is_from_member(const struct sim *sim, const struct rules *rules, int from)
{
	for (size_t i = 1; from != NOBODY && i < rules->view.group.member_count; i++)
		if (node_of(sim, &rules->view.group.members[i].address) == from)
			return true;
	return false;
}

static bool pass(struct sim *sim, struct walk *walk, const struct addr *address, bool for_sure)
{
	int to = node_of(sim, address);

	walk->from = walk->at;
	walk->at = to;
	if (walk->most > 0)
		walk->passed++;
	return to != NOBODY && arrives(sim, walk->from, to, for_sure);
}

/* The copies for those that were silent of late: with no hop left. */
static enum fate ask_lingering(struct sim *sim, const struct walk *walk, const struct rules *rules)
{
	const struct balance_view *view = &rules->view;
	enum fate fate = FATE_RESET;

	for (size_t i = 1; i < view->group.member_count; i++) {
		int to = view->lingers[i] ? node_of(sim, &view->group.members[i].address) : NOBODY;

		if (view->lingers[i] && fate == FATE_RESET)
			fate = FATE_LOST;
		if (to == walk->connection->server && to != NOBODY && reaches(sim, walk->at, to))
			fate = FATE_DELIVERED;
	}
	return fate;
}

/* A packet in mid-stream at a member that does not know its connection. */
static enum fate hop(struct sim *sim, struct walk *walk, const struct rules *rules, bool for_sure)
{
	const struct slots_group *group = &rules->view.group;
	unsigned live = 0, hops;
	uint8_t next;

	for (size_t i = 0; i < group->member_count; i++)
		live += group->members[i].live;
	hops = slots_hops(walk->ttl, live);
	if (walk->most == 0)
		walk->most = live;
	if (hops == 0)
		return FATE_LOST;
	next = slots_next(group, walk->connection->slot, SLOTS_COUNT, 0);
	if (hops == 1 || next == SLOTS_NONE)
		return ask_lingering(sim, walk, rules);
	walk->ttl = hops - 1;
	if (!pass(sim, walk, &group->members[next].address, for_sure))
		walk->at = NOBODY;
	return FATE_LOST;
}

/* The node takes the packet for itself. */
static enum fate take(struct sim *sim, struct walk *walk, const struct rules *rules, bool for_sure)
{
	struct node *node = &sim->nodes[walk->at];
	enum addr_family family = node_elected(sim);
	bool serves = rules_serve(rules, sim->now);
	int here = walk->at;

	if (!walk->begins && walk->connection->server == here) {
		walk->at = NOBODY;
		return FATE_DELIVERED;
	}
	if (serves && !walk->begins) {
		enum fate fate = hop(sim, walk, rules, for_sure);

		if (fate != FATE_LOST || walk->at == here)
			walk->from = here, walk->at = NOBODY;
		return fate;
	}
	walk->at = NOBODY;
	if (serves && node->kernel.primary_present[family])
		return node->apiserver == APISERVER_REFUSED ? FATE_RESET : FATE_DELIVERED;
	return !serves && !walk->begins && (sim->check.holders[family] >> here & 1) ? FATE_RESET
										    : FATE_LOST;
}

/* The way of one packet; walk->last is the node that answers. */
static enum fate send_packet(struct sim *sim, struct walk *walk, int *ret_last, bool for_sure)
{
	int entry = sim->clients[node_elected(sim)].entry;
	enum fate fate = FATE_LOST;

	walk->at = entry;
	if (entry == NOBODY || !arrives(sim, SIM_CLIENT, entry, for_sure))
		return FATE_LOST;
	while (walk->at != NOBODY && walk->passed <= 2 * SLOTS_MEMBERS_MAX) {
		struct node *node = &sim->nodes[walk->at];
		const struct rules *rules = balancer_rules(node);
		const struct slots_group *group = &rules->view.group;
		uint8_t owner = SLOTS_NONE;

		walk->visited |= 1u << walk->at;
		*ret_last = walk->at;
		if (rules_forward(rules, sim->now) && !is_from_member(sim, rules, walk->from))
			owner = slots_owner(group, walk->connection->slot, SLOTS_COUNT);
		if (owner == SLOTS_NONE || owner == 0) {
			fate = take(sim, walk, rules, for_sure);
			continue;
		}
		if (walk->ttl-- <= 1 || !pass(sim, walk, &group->members[owner].address, for_sure))
			return FATE_LOST;
	}
	check_walk(sim, walk->passed, walk->most);
	return fate;
}

static struct walk walk_of(const struct connection *connection, bool begins)
{
	return (struct walk){
		.connection = connection, .begins = begins, .from = NOBODY, .ttl = SENDER_TTL};
}

static bool answers(struct sim *sim, int node)
{
	return node != NOBODY && sim->nodes[node].kernel.up && sim->nodes[node].kernel.exists &&
	       !sim->segment.links[node][SIM_CLIENT].cut;
}

static void open(struct sim *sim, unsigned number)
{
	struct connection *connection = &sim->connections[number];
	struct walk walk;
	int last = NOBODY;

	connection->slot = (unsigned)rng_range(&sim->client, 0, SLOTS_COUNT - 1);
	walk = walk_of(connection, true);
	if (send_packet(sim, &walk, &last, false) != FATE_DELIVERED || !answers(sim, last))
		return;
	connection->server = last;
	trace_note(sim, RECORD_OPENED, &sim->nodes[last], (int)node_elected(sim), number,
		   connection->slot);
}

static void use(struct sim *sim, unsigned number)
{
	struct connection *connection = &sim->connections[number];
	struct walk walk = walk_of(connection, false);
	int last = NOBODY;
	enum fate fate = send_packet(sim, &walk, &last, false);

	if (fate == FATE_LOST)
		return;
	if (fate == FATE_RESET)
		trace_note(sim, RECORD_RESET, &sim->nodes[last], (int)node_elected(sim), number,
			   connection->slot);
	check_packet_kept(sim, connection, walk.visited, fate == FATE_RESET ? last : NOBODY);
	if (fate == FATE_RESET)
		connection->server = NOBODY;
}

void connection_turn(struct sim *sim)
{
	for (unsigned i = 0; i < SIM_CONNECTIONS; i++) {
		struct connection *connection = &sim->connections[i];

		if (connection->server == NOBODY)
			open(sim, i);
		else if (rng_chance(&sim->client, CLOSED_PERMILLE))
			connection->server = NOBODY;
		else
			use(sim, i);
	}
	queue_push(&sim->queue, sim->now + rng_range(&sim->client, TURN_MIN_US, TURN_MAX_US),
		   EVENT_CLIENT, 0);
}

void connection_begin(struct sim *sim)
{
	for (unsigned i = 0; i < SIM_CONNECTIONS; i++)
		sim->connections[i].server = NOBODY;
	if (balancer_is_on(&sim->nodes[0]))
		queue_push(&sim->queue, TURN_MAX_US, EVENT_CLIENT, 0);
}

void connection_end_all(struct sim *sim, const struct node *node)
{
	for (unsigned i = 0; i < SIM_CONNECTIONS; i++)
		if (sim->connections[i].server == node->id)
			sim->connections[i].server = NOBODY;
}

bool connection_goes_on(struct sim *sim, unsigned number)
{
	struct walk walk = walk_of(&sim->connections[number], false);
	int last;

	return send_packet(sim, &walk, &last, true) == FATE_DELIVERED;
}

int connection_would_open(struct sim *sim, unsigned slot)
{
	const struct connection connection = {.server = NOBODY, .slot = slot};
	struct walk walk = walk_of(&connection, true);
	int last = NOBODY;

	return send_packet(sim, &walk, &last, true) == FATE_DELIVERED ? last : NOBODY;
}
