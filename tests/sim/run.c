/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sim/sim.h"

#define STABLE_US (60 * SIM_S)

struct sim *sim_new(void)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (sim)
		sim->conf = calloc(1, sizeof(*sim->conf));
	if (sim && sim->conf)
		return sim;
	free(sim);
	return NULL;
}

void sim_free(struct sim *sim)
{
	for (int i = 0; i < SIM_NODES_MAX; i++)
		node_fini(&sim->nodes[i]);
	free(sim->conf);
	free(sim);
}

void sim_reset(struct sim *sim, uint64_t seed)
{
	for (int i = 0; i < SIM_NODES_MAX; i++) {
		node_fini(&sim->nodes[i]);
		sim->nodes[i] = (struct node){0};
		node_init(sim, i);
	}
	for (unsigned i = 0; i < SIM_FAULTS_MAX; i++)
		sim->faults[i] = (struct fault){0};
	for (int i = 0; i < SIM_PORTS * SIM_PORTS; i++)
		sim->segment.links[i / SIM_PORTS][i % SIM_PORTS] = (struct link){0};
	sim->seed = seed;
	sim->now = 0;
	sim->events = 0;
	sim->phase = PHASE_FAULTS;
	sim->queue.count = 0;
	sim->queue.order = 0;
	sim->trace = (struct trace){0};
	sim->check = (struct check){0};
	rng_init(&sim->chaos, seed, 1);
	rng_init(&sim->network, seed, 2);
	rng_init(&sim->machine, seed, 3);
	rng_init(&sim->client, seed, 4);
}

/* The interval in an advert that may still be accepted. */
static int64_t interval_of(const struct message *message)
{
	/* A STATUS promises no advert. */
	return message->must_refuse || message_is_status(message) ? 0
								  : message_interval_us(message);
}

static int64_t interval_on_node_us(const struct sim *sim, const struct node *node)
{
	int64_t longest_us = node->settings.advert_int_cs * SIM_CS;

	for (unsigned f = 0; f < ADDR_FAMILY_COUNT; f++) {
		const struct router *router = node_router(node, (enum addr_family)f);
		const struct socket *socket = &node->kernel.sockets[f];
		unsigned number = socket->first;

		for (unsigned i = 0; i < socket->count; i++) {
			longest_us = max(longest_us, interval_of(&sim->segment.messages[number]));
			number = sim->segment.messages[number].next;
		}
		if (!router)
			continue;
		longest_us = max(longest_us, router->vrrp.config.advert_int_cs * SIM_CS);
		if (router->vrrp.state == VRRP_STATE_BACKUP)
			longest_us =
				max(longest_us, vrrp_active_down_interval_us(&router->vrrp) / 3);
	}
	return longest_us;
}

/* The longest interval that any router counts with now, or may because of an advert on the wire or
 * in a socket, or of a file that has not been read. */
static int64_t interval_in_effect_us(const struct sim *sim)
{
	int64_t longest_us = 0;

	for (int i = 0; i < sim->node_count; i++)
		longest_us = max(longest_us, interval_on_node_us(sim, &sim->nodes[i]));
	for (size_t i = 0; i < sim->queue.count; i++) {
		const struct event *event = &sim->queue.heap[i];

		if (event->kind == EVENT_ADVERT)
			longest_us =
				max(longest_us, interval_of(&sim->segment.messages[event->arg]));
	}
	return longest_us;
}

/* DAMPING: the successes in a row that a node may need to be ready again, the loss of readiness
 * that is under way included; one a second. */
static int64_t recovery_us(const struct node *node)
{
	const struct health *health = &node->engine.health;
	unsigned losses =
		health->losses < HEALTH_LOSSES_MAX ? health->losses + 1 : HEALTH_LOSSES_MAX;

	return node->life == LIFE_RUNNING ? (health->rise << losses) * SIM_S : 0;
}

/* How long the consequences of the faults may last: the change of health that was under way (three
 * probes of an interval and a timeout) and the recovery, a retry, the handover of a stopping node,
 * preempt_delay; and then two Active_Down_Intervals. */
static int64_t healing_us(const struct sim *sim)
{
	int64_t interval_us = interval_in_effect_us(sim);
	int64_t delay_us = 0;

	for (int i = 0; i < sim->node_count; i++)
		delay_us = max(delay_us, sim->nodes[i].settings.preempt_delay_us +
						 recovery_us(&sim->nodes[i]));
	return 7 * SIM_S + VRRP_RETRY_US + delay_us + 2 * interval_us + 2 * 4 * interval_us;
}

/* Faults that last to the end: nodes without power, apiservers down, a segment in two parts. */
static void leave_as_is(struct sim *sim)
{
	bool excused = true;

	for (int i = 0; i < sim->node_count; i++) {
		struct fault fault = {.node = i, .other = SIM_ALL_PORTS, .duration_us = SIM_NEVER};

		if (rng_chance(&sim->chaos, 200)) {
			fault.kind = FAULT_APISERVER;
			fault.amount = rng_range(&sim->chaos, 0, APISERVER_COUNT - 1);
			fault_begin(sim, &fault);
		}
		if (rng_chance(&sim->chaos, 100)) {
			fault.kind = FAULT_POWER;
			fault_begin(sim, &fault);
		}
		excused &= sim->nodes[i].life == LIFE_OFF;
	}
	if (rng_chance(&sim->chaos, 200)) {
		struct fault fault = {.kind = FAULT_PARTITION, .duration_us = SIM_NEVER};

		fault.side = (unsigned)rng_range(&sim->chaos, 1, (1 << sim->node_count) - 1);
		fault_begin(sim, &fault);
		excused = true;
	}
	/* The client's side may have no node; check_client_at_end() looks. */
	if (excused)
		check_excuse(sim, SIM_NEVER);
}

static void next_phase(struct sim *sim)
{
	sim->phase++;
	trace_note(sim, RECORD_PHASE, NULL, 0, (int64_t)sim->phase, 0);
	switch (sim->phase) {
	case PHASE_FAULTS:
		break;
	case PHASE_HEALING:
		leave_as_is(sim);
		queue_push(&sim->queue, sim->now + healing_us(sim), EVENT_PHASE, 0);
		break;
	case PHASE_STABLE:
		check_stable_begin(sim);
		queue_push(&sim->queue, sim->now + STABLE_US, EVENT_PHASE, 0);
		break;
	case PHASE_OVER:
		check_stable_end(sim);
		break;
	}
}

static void handle(struct sim *sim, const struct event *event)
{
	switch (event->kind) {
	case EVENT_ADVERT:
		node_receive(&sim->nodes[sim->segment.messages[event->arg].to], event->arg);
		break;
	case EVENT_ANNOUNCEMENT:
		segment_learn(sim, (int)event->arg / 2, (enum addr_family)(event->arg % 2));
		break;
	case EVENT_START:
		node_start(&sim->nodes[event->arg]);
		break;
	case EVENT_NEXT_FAULT:
		fault_next(sim);
		break;
	case EVENT_FAULT_END:
		fault_end(sim, event->arg);
		break;
	case EVENT_FAULT_REPEAT:
		fault_repeat(sim, event->arg);
		break;
	case EVENT_SIGNAL:
		node_signal(&sim->nodes[event->arg]);
		break;
	case EVENT_SCRIPT:
		scenario_command(sim, event->arg);
		break;
	case EVENT_CLIENT:
		connection_turn(sim);
		break;
	case EVENT_PHASE:
		next_phase(sim);
		break;
	}
}

/* The earlier of the next event and the next thing that happens on a node. */
static void step(struct sim *sim)
{
	int64_t at = queue_next(&sim->queue);
	struct node *next = NULL;
	struct event event;

	for (int i = 0; i < sim->node_count; i++)
		if (sim->nodes[i].next < at) {
			next = &sim->nodes[i];
			at = next->next;
		}
	check_time(sim, at);
	sim->now = at;
	sim->events++;
	if (next) {
		node_run(next);
	} else {
		event = queue_pop(&sim->queue);
		handle(sim, &event);
	}
	segment_look(sim);
}

static void loop(struct sim *sim)
{
	while (sim->phase != PHASE_OVER && !sim->check.broken)
		step(sim);
}

void sim_run_until(struct sim *sim, int64_t end)
{
	while (sim->now < end && !sim->check.broken)
		step(sim);
}

static void hash_routers(struct sim *sim)
{
	for (int i = 0; i < sim->node_count; i++)
		for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
			const struct router *router =
				node_router(&sim->nodes[i], (enum addr_family)family);

			if (!router)
				continue;
			trace_number(&sim->trace, (uint64_t)router->vrrp.state);
			trace_number(&sim->trace, (uint64_t)vrrp_deadline(&router->vrrp).us);
			trace_number(&sim->trace, router->counters.adverts_sent);
			trace_number(&sim->trace, router->counters.adverts_received);
			trace_number(&sim->trace, router->history_count);
		}
}

static void begin(struct sim *sim)
{
	int64_t last = 0;

	fault_profile(sim);
	segment_init(sim);
	for (int i = 0; i < sim->node_count; i++) {
		int64_t at = rng_range(&sim->chaos, 0, 3 * SIM_S);

		queue_push(&sim->queue, at, EVENT_START, (unsigned)i);
		last = at > last ? at : last;
	}
	check_init(sim, last);
	connection_begin(sim);
	queue_push(&sim->queue, rng_range(&sim->chaos, 0, 10 * SIM_S), EVENT_NEXT_FAULT, 0);
	queue_push(&sim->queue, sim->faults_end, EVENT_PHASE, 0);
}

struct outcome sim_run_seed(struct sim *sim, uint64_t seed, FILE *trace)
{
	sim_reset(sim, seed);
	sim->exact = false;
	sim->trace.file = trace;
	begin(sim);
	loop(sim);
	hash_routers(sim);
	return (struct outcome){
		.failed = sim->check.broken,
		.hash = sim->trace.hash,
		.virtual_us = sim->now,
		.events = sim->events,
		.outage_worst_us = sim->check.outage_worst_us,
	};
}
