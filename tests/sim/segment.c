/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#define NONE UINT32_MAX

void segment_init(struct sim *sim)
{
	struct segment *segment = &sim->segment;

	for (unsigned i = 0; i < SIM_MESSAGES_MAX; i++)
		segment->messages[i].next = i + 1 < SIM_MESSAGES_MAX ? i + 1 : NONE;
	segment->free = 0;
	segment->replay_count = 0;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		sim->clients[family] = (struct client){.entry = -1};
	fault_links(sim);
}

void segment_release(struct sim *sim, unsigned message)
{
	sim->segment.messages[message].next = sim->segment.free;
	sim->segment.free = message;
}

bool segment_hears(const struct sim *sim, int from, int to)
{
	return !sim->segment.links[from][to].cut;
}

/* When something arrives. A healthy segment keeps the order of what one host sends
 * to another. */
static int64_t arrival(struct sim *sim, struct link *link, int64_t sent_at)
{
	int64_t at = sent_at + link->delay_us;

	if (link->jitter_us > 0)
		at += rng_range(&sim->network, 0, link->jitter_us);
	if (!link->reorders && at < link->last_at)
		at = link->last_at;
	link->last_at = at;
	return at;
}

void segment_put(struct sim *sim, const struct message *message, int64_t at)
{
	unsigned number = sim->segment.free;

	if (check_applies(sim, RULE_NO_STORM, false) && number == NONE) {
		check_broken(sim, RULE_NO_STORM, "%d are under way", SIM_MESSAGES_MAX);
		return;
	}
	sim->segment.free = sim->segment.messages[number].next;
	sim->segment.messages[number] = *message;
	queue_push(&sim->queue, at, EVENT_ADVERT, number);
}

/* One bit of the message or of the hop limit: the checksum, or the hop limit's own check, must
 * find it. */
static void corrupt(struct sim *sim, struct message *message)
{
	unsigned bit = (unsigned)rng_range(&sim->network, 0, (int64_t)message->size * 8 + 7);

	message->genuine = false;
	message->must_refuse = true;
	if (bit < message->size * 8)
		message->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	else
		message->hops ^= 1u << bit % 8;
}

static void carry(struct sim *sim, const struct node *from, const struct message *message, int to)
{
	struct link *link = &sim->segment.links[from->id][to];
	int64_t sent_at = sim->now + from->waited_us;
	struct message copy = *message;

	if (link->cut || rng_chance(&sim->network, link->loss))
		return;
	copy.to = to;
	if (rng_chance(&sim->network, link->corrupt))
		corrupt(sim, &copy);
	segment_put(sim, &copy, arrival(sim, link, sent_at));
	if (rng_chance(&sim->network, link->duplicate)) {
		copy.genuine = false;
		segment_put(sim, &copy, arrival(sim, link, sent_at));
	}
}

/* Keeps one advert in sixteen for FAULT_REPLAY. */
static void keep(struct sim *sim, const struct message *message)
{
	struct segment *segment = &sim->segment;

	if (!sim->exact && rng_chance(&sim->network, 60))
		segment->replay[segment->replay_count++ % SIM_REPLAY_MAX] = *message;
}

void segment_send(struct sim *sim, const struct node *from, const struct message *message)
{
	bool group = addr_is_multicast(&message->destination);

	if (!from->kernel.up)
		return;
	if (sim->fault_weight[FAULT_REPLAY] > 0)
		keep(sim, message);
	for (int to = 0; to < sim->node_count; to++) {
		struct addr address;

		if (to == from->id)
			continue;
		if (!group)
			address = node_primary(&sim->nodes[to], message->source.family);
		if (group || addr_equal(&address, &message->destination))
			carry(sim, from, message, to);
	}
}

void segment_announce(struct sim *sim, const struct node *from, enum addr_family family)
{
	struct link *link = &sim->segment.links[from->id][SIM_CLIENT];

	if (!from->kernel.up || from->kernel.announce_lost > 0 || link->cut ||
	    rng_chance(&sim->network, link->loss))
		return;
	queue_push(&sim->queue, arrival(sim, link, sim->now + from->waited_us), EVENT_ANNOUNCEMENT,
		   (unsigned)from->id * 2 + family);
}

void segment_learn(struct sim *sim, int node, enum addr_family family)
{
	struct client *client = &sim->clients[family];

	if (client->entry != node)
		trace_note(sim, RECORD_LEARNED, &sim->nodes[node], (int)family, 0, 0);
	client->entry = node;
}

/* A packet of the client to the VIP would be answered by the node, be its process dead or not. */
static bool answers(const struct sim *sim, int id, unsigned family)
{
	const struct node *node = &sim->nodes[id];

	return (sim->check.holders[family] & 1u << id) && node->life != LIFE_OFF &&
	       node->kernel.exists && node->kernel.up && segment_hears(sim, SIM_CLIENT, id) &&
	       segment_hears(sim, id, SIM_CLIENT);
}

static void look_for_holder(struct sim *sim, unsigned family)
{
	struct client *client = &sim->clients[family];
	bool held = client->served;

	for (int id = 0; !held && id < sim->node_count; id++)
		held = answers(sim, id, family);
	if (held != client->held)
		client->held_since = sim->now;
	client->held = held;
}

void segment_look(struct sim *sim)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		struct client *client = &sim->clients[family];
		bool served = client->entry >= 0 && answers(sim, client->entry, family);

		if (served == client->served) {
			look_for_holder(sim, family);
			continue;
		}
		if (served) {
			int64_t outage_us = sim->now - client->since;

			if (outage_us > sim->check.outage_worst_us)
				sim->check.outage_worst_us = outage_us;
		}
		client->served = served;
		client->since = sim->now;
		look_for_holder(sim, family);
		trace_note(sim, RECORD_SERVED, NULL, (int)family, served, 0);
	}
}
