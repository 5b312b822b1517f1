/* SPDX-License-Identifier: Apache-2.0 */
/* Rule GROUP: what a STATUS changes, how often one is sent, and what every node knows in the end.
 */
#include <assert.h>
#include <string.h>

#include "sim/check.h"

/* Five changes in a row, five more within the second, the schedule, the last one and its drift. */
#define STATUS_PER_SECOND_MAX 13
#define STATUS_ALIVE_US (3 * SIM_S)
#define STATUS_FLAGS 9
#define STATUS_LIST 36 /* the bytes before the addresses that its sender hears */

static struct told *find_told(struct heard *heard, const struct addr *source)
{
	for (unsigned i = 0; i < heard->count; i++)
		if (addr_equal(&heard->list[i].source, source))
			return &heard->list[i];
	return NULL;
}

static bool is_young(const struct told *told, struct instant now)
{
	return instant_since(now, told->at) < STATUS_ALIVE_US;
}

/* Reads the list of a STATUS on its own: the count, and the addresses at the end. */
static void note_told(struct node *node, struct instant now, const struct packet *packet,
		      uint64_t serial)
{
	struct told *told = find_told(&node->told, &packet->source);
	size_t size = addr_size(packet->source.family);

	if (!told) {
		assert(node->told.count < 2 * SIM_NODES_MAX);
		told = &node->told.list[node->told.count++];
		*told = (struct told){
			.source = packet->source, .since = now, .balanced_at = INSTANT_NEVER};
	} else if (!is_young(told, now)) {
		told->since = now;
	}
	told->at = now;
	told->serial = serial;
	if ((packet->data[STATUS_FLAGS] >> 4 & 1) != 0)
		told->balanced_at = now;
	told->heard_count = packet->data[3];
	for (unsigned i = 0; i < told->heard_count; i++)
		told->heard[i] = packet->data[STATUS_LIST + (i + 1) * size - 1];
}

static bool lists(const struct told *told, const struct addr *address)
{
	uint8_t last = address->bytes[addr_size(address->family) - 1];

	return memchr(told->heard, last, told->heard_count) != NULL;
}

const struct told *check_told(struct node *node, const struct addr *source)
{
	return find_told(node->balancer.installed ? &node->told : &node->told_before, source);
}

bool check_is_deaf(struct node *node, const struct router *router, struct instant now,
		   const struct addr *source)
{
	const struct told *told = find_told(&node->told, source);

	return told && is_young(told, now) && !lists(told, &router->vrrp.primary) &&
	       told->heard_count < GROUP_STATUS_HEARD_MAX &&
	       instant_since(now, told->since) >= 3 * check_interval_us(router);
}

/* What stands before and behind the group in a router. */
static const size_t group_at = offsetof(struct router, group);
static const size_t group_end = offsetof(struct router, group) + sizeof(struct group);

static void remember(struct sim *sim, const struct router *router)
{
	memcpy(&sim->before, router, group_at);
	memcpy((char *)&sim->before + group_end, (const char *)router + group_end,
	       sizeof(*router) - group_end);
}

static bool is_unchanged(const struct sim *sim, const struct router *router)
{
	return memcmp(&sim->before, router, group_at) == 0 &&
	       memcmp((const char *)&sim->before + group_end, (const char *)router + group_end,
		      sizeof(*router) - group_end) == 0;
}

/* A STATUS changes what is known of the group. */
void check_status(struct node *node, struct instant now, const struct packet *packet,
		  uint64_t serial)
{
	struct sim *sim = node->sim;
	const struct router *router = node_router(node, packet->source.family);
	uint64_t accepted = router ? router->group.counters.received : 0;

	if (router)
		remember(sim, router);
	engine_packet(&node->engine, now, node->socket_ifindex[packet->source.family], packet);
	if (!router || !check_applies(sim, RULE_STATUS_CHANGES_GROUP, false))
		return;
	if (router->group.counters.received > accepted)
		note_told(node, now, packet, serial);
	if (!is_unchanged(sim, router))
		check_broken(sim, RULE_STATUS_CHANGES_GROUP, "n%d", node->id + 1);
}

void check_status_sent(struct node *node, const struct router *router)
{
	struct sim *sim = node->sim;
	uint64_t told = router->group.counters.sent + router->group.counters.send_failures + 1;
	int64_t *oldest = &node->status_at[node->status_count % SIM_STATUS_MAX];
	bool young = node->status_count >= SIM_STATUS_MAX && sim->now - *oldest < SIM_S;

	static_assert(SIM_STATUS_MAX == STATUS_PER_SECOND_MAX, "the ring is the bound");
	if (told == node->status_told) /* another copy, for another peer */
		return;
	node->status_told = told;
	node->status_count++;
	node->status_serial++;
	*oldest = sim->now;
	if (check_applies(sim, RULE_STATUS_RATE, false) && young)
		check_broken(sim, RULE_STATUS_RATE, "n%d", node->id + 1);
}

static void check_knows(struct node *node, const struct router *router, const struct node *other,
			const struct router *of_other)
{
	struct sim *sim = node->sim;
	const struct addr address = of_other->vrrp.primary;
	const struct member *member = member_find(&router->group.members, &address);
	struct instant now = node_clock(node, sim->now);

	if (!check_applies(sim, RULE_MEMBERS_KNOWN, false))
		return;
	if (!member || !member_is_heard(member, now) ||
	    !member_hears(member, &router->vrrp.primary) ||
	    member->status.state != of_other->vrrp.state ||
	    member->status.priority != vrrp_priority(&of_other->vrrp))
		check_broken(sim, RULE_MEMBERS_KNOWN, "n%d of n%d", node->id + 1, other->id + 1);
}

void check_members(struct sim *sim, unsigned nodes, enum addr_family family)
{
	for (int i = 0; i < sim->node_count; i++) {
		const struct router *router = node_router(&sim->nodes[i], family);

		if (!(nodes >> i & 1) || !router->settings.members ||
		    router->settings.family != family)
			continue;
		for (int j = 0; j < sim->node_count; j++)
			if (j != i && nodes >> j & 1)
				check_knows(&sim->nodes[i], router, &sim->nodes[j],
					    node_router(&sim->nodes[j], family));
	}
}
