/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Begins and ends faults. Each seed has its own profile: how many nodes, which settings, which
 * kinds of faults and how often, so that some runs see one kind alone and others everything at
 * once. What a fault excuses is decided in blame.c.
 */
#include "sim/sim.h"

#define REPEAT_FOREIGN_US SIM_S
#define REPEAT_FLOOD_US SIM_DRAIN_US
#define FLOOD_BURSTS_MAX 5
#define DUPLICATE_PERMILLE 300
#define PROBE_AT_ONCE_US 200 /* from the end of the held connection to the next result */

const char *fault_name(enum fault_kind kind)
{
	static const char *const names[FAULT_COUNT] = {
		[FAULT_KILL] = "kill",
		[FAULT_POWER] = "power",
		[FAULT_STOP] = "stop",
		[FAULT_STALL] = "stall",
		[FAULT_LATE] = "late",
		[FAULT_CUT] = "cut",
		[FAULT_CUT_ONE_WAY] = "cut-one-way",
		[FAULT_PARTITION] = "partition",
		[FAULT_LOSS] = "loss",
		[FAULT_DELAY] = "delay",
		[FAULT_DUPLICATE] = "duplicate",
		[FAULT_CORRUPT] = "corrupt",
		[FAULT_APISERVER] = "apiserver",
		[FAULT_ALL_APISERVERS] = "all-apiservers",
		[FAULT_FLAP] = "flap",
		[FAULT_STEP_DOWN] = "step-down",
		[FAULT_RELOAD] = "reload",
		[FAULT_ADD_FAILS] = "add-fails",
		[FAULT_ADD_SLOW] = "add-slow",
		[FAULT_SEND_FAILS] = "send-fails",
		[FAULT_SOCKET_FAILS] = "socket-fails",
		[FAULT_ANNOUNCE_FAILS] = "announce-fails",
		[FAULT_ANNOUNCE_LOST] = "announce-lost",
		[FAULT_LINK_DOWN] = "link-down",
		[FAULT_BLINK] = "blink",
		[FAULT_INTERFACE_GONE] = "interface-gone",
		[FAULT_ADDRESS_GONE] = "address-gone",
		[FAULT_ADDRESS_CHANGED] = "address-changed",
		[FAULT_VIP_DELETED] = "vip-deleted",
		[FAULT_VIP_ADDED] = "vip-added",
		[FAULT_FOREIGN] = "foreign",
		[FAULT_FLOOD] = "flood",
		[FAULT_FORGE_REFUSED] = "forge-refused",
		[FAULT_FORGE_ACCEPTED] = "forge-accepted",
		[FAULT_REPLAY] = "replay",
	};

	return names[kind];
}

static int64_t chaos(struct sim *sim, int64_t low, int64_t high)
{
	return rng_range(&sim->chaos, low, high);
}

static int64_t pick(struct sim *sim, const int64_t *list, size_t count)
{
	return list[chaos(sim, 0, (int64_t)count - 1)];
}
#define PICK(sim, ...)                                                                             \
	pick((sim), (const int64_t[]){__VA_ARGS__},                                                \
	     sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static enum vrrp_preempt pick_preempt(struct sim *sim)
{
	return (enum vrrp_preempt)chaos(sim, VRRP_PREEMPT_HEALTH, VRRP_PREEMPT_NEVER);
}

static enum apiserver pick_bad_apiserver(struct sim *sim)
{
	return (enum apiserver)chaos(sim, APISERVER_REFUSED, APISERVER_COUNT - 1);
}

static uint16_t pick_interval(struct sim *sim, bool mixed)
{
	return (uint16_t)(sim->interval_base_cs *
			  (mixed ? PICK(sim, 1, 1, 2, SIM_INTERVAL_SPREAD) : 1));
}

static void profile_settings(struct sim *sim)
{
	bool mixed = rng_chance(&sim->chaos, 150), mixed_preempt = rng_chance(&sim->chaos, 100);
	enum vrrp_preempt preempt = (enum vrrp_preempt)PICK(sim, 0, 0, 0, 1, 2);
	int64_t equal = PICK(sim, 0, 0, 0, 200, -1);
	bool unicast = rng_chance(&sim->chaos, 250);

	for (int i = 0; i < sim->node_count; i++) {
		struct node *node = &sim->nodes[i];

		node->settings = (struct settings){
			.advert_int_cs = pick_interval(sim, mixed),
			.priority = (uint8_t)(equal >= 0 ? equal
							 : chaos(sim, PRIORITY_READY_MIN,
								 PRIORITY_READY_MAX)),
			.preempt = mixed_preempt ? pick_preempt(sim) : preempt,
			.preempt_delay_us = PICK(sim, 0, 0, 0, 0, SIM_S, 3 * SIM_S),
			.checksum = (enum advert_checksum)PICK(sim, 0, 0, 0, 1),
			.address_lease_s = (unsigned)PICK(sim, 2, 5, 5, 5, 10, 0),
			.announce_refresh_s = (unsigned)PICK(sim, 10, 30),
			.vip_count = (unsigned)PICK(sim, 1, 1, 2),
			.unicast = unicast,
		};
		node->clock_offset_us = chaos(sim, 1, 1000000 * SIM_S);
		node->clock_ppm = chaos(sim, -500, 500);
		node->apiserver =
			rng_chance(&sim->chaos, 850) ? APISERVER_UP : pick_bad_apiserver(sim);
	}
}

static void profile_faults(struct sim *sim)
{
	unsigned likely = (unsigned)PICK(sim, 0, 100, 300, 600);
	enum fault_kind always = (enum fault_kind)chaos(sim, 0, FAULT_COUNT - 1);

	for (unsigned i = 0; i < FAULT_COUNT; i++)
		sim->fault_weight[i] = i == always || rng_chance(&sim->chaos, likely)
					       ? (unsigned)chaos(sim, 1, 4)
					       : 0;
	sim->fault_gap_us = PICK(sim, 200 * SIM_MS, SIM_S, 4 * SIM_S, 12 * SIM_S, 25 * SIM_S);
	sim->faults_end = chaos(sim, 30, 90) * SIM_S;
}

void fault_profile(struct sim *sim)
{
	sim->node_count = (int)PICK(sim, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7, 8, 9);
	sim->families = (unsigned)PICK(sim, 1, 1, 1, 1, 1, 2, 3);
	sim->segment.delay_us = chaos(sim, 20, 300);
	sim->segment.jitter_us = chaos(sim, 0, 200);
	sim->interval_base_cs = (uint16_t)PICK(sim, 25, 25, 25, 25, 25, 25, 50, 50, 50, 100, 100,
					       100, 100, 10, 200);
	if (rng_chance(&sim->chaos, 20))
		sim->interval_base_cs = (uint16_t)PICK(sim, 1, 2, 5, 400);
	profile_settings(sim);
	profile_faults(sim);
	sim->interval_min_us = sim->interval_base_cs * SIM_CS;
	sim->interval_max_us = SIM_INTERVAL_SPREAD * sim->interval_min_us;
	if (sim->fault_weight[FAULT_RELOAD] == 0) {
		sim->interval_max_us = 0;
		for (int i = 0; i < sim->node_count; i++) {
			int64_t own_us = sim->nodes[i].settings.advert_int_cs * SIM_CS;

			if (own_us > sim->interval_max_us)
				sim->interval_max_us = own_us;
		}
	}
	if (sim->fault_weight[FAULT_FORGE_ACCEPTED] > 0)
		sim->interval_max_us *= VRRP_INTERVAL_FACTOR;
}

static bool cuts_links(enum fault_kind kind)
{
	return kind == FAULT_CUT || kind == FAULT_CUT_ONE_WAY || kind == FAULT_PARTITION;
}

static void apply_to_link(struct link *link, const struct fault *fault)
{
	link->cut |= cuts_links(fault->kind);
	if (fault->kind == FAULT_LOSS)
		link->loss = (unsigned)fault->amount;
	if (fault->kind == FAULT_CORRUPT)
		link->corrupt = (unsigned)fault->amount;
	if (fault->kind == FAULT_DUPLICATE)
		link->duplicate = DUPLICATE_PERMILLE;
	if (fault->kind == FAULT_DELAY || fault->kind == FAULT_DUPLICATE) {
		link->jitter_us = fault->amount;
		link->reorders = true;
	}
}

static bool concerns_link(const struct fault *fault, int from, int to)
{
	if (fault->side != 0)
		return (fault->side >> from & 1) != (fault->side >> to & 1);
	if (fault->kind == FAULT_CUT_ONE_WAY && fault->amount != SIM_CUT_LINK)
		return fault->node == (fault->amount == SIM_CUT_DEAF ? to : from);
	if (fault->other == SIM_ALL_PORTS || (from == fault->node && to == fault->other))
		return true;
	return fault->kind != FAULT_CUT_ONE_WAY && from == fault->other && to == fault->node;
}

void fault_links(struct sim *sim)
{
	for (int from = 0; from < SIM_PORTS; from++)
		for (int to = 0; to < SIM_PORTS; to++) {
			struct link *link = &sim->segment.links[from][to];

			*link = (struct link){
				.delay_us = sim->segment.delay_us,
				.jitter_us = sim->segment.jitter_us,
				.last_at = link->last_at,
			};
		}
	for (unsigned i = 0; i < SIM_FAULTS_MAX; i++) {
		const struct fault *fault = &sim->faults[i];

		if (!fault->on || !blame_is_on_links(fault->kind))
			continue;
		for (int port = 0; port < SIM_PORTS * SIM_PORTS; port++) {
			int from = port / SIM_PORTS, to = port % SIM_PORTS;

			if (from != to && concerns_link(fault, from, to))
				apply_to_link(&sim->segment.links[from][to], fault);
		}
	}
}

static void set_apiserver(struct node *node, enum apiserver apiserver)
{
	node->apiserver = apiserver;
	if (apiserver == APISERVER_REFUSED) /* it has ended */
		connection_end_all(node->sim, node);
	/* The held connection closes: HEALTH looks at once. */
	if (apiserver == APISERVER_REFUSED && node->life == LIFE_RUNNING &&
	    node->probe_at > node->sim->now + PROBE_AT_ONCE_US) {
		node->probe_at = node->sim->now + PROBE_AT_ONCE_US;
		node_schedule(node);
	}
}

static void set_interface(struct node *node, bool exists)
{
	struct kernel *kernel = &node->kernel;

	if (exists && !kernel->exists)
		kernel->ifindex++;
	kernel->exists = exists;
	kernel->address_count = 0;
	node->rules.in_place = false;
	connection_end_all(node->sim, node);
	kernel->meddled = true;
	node_kernel_changed(node);
}

/* Without carrier the addresses stay; set down, the interface loses those of IPv6. */
static void lose_ipv6_addresses(struct kernel *kernel)
{
	for (size_t i = kernel->address_count; i-- > 0;)
		if (kernel->addresses[i].family == ADDR_FAMILY_IPV6)
			kernel->addresses[i] = kernel->addresses[--kernel->address_count];
}

static void set_link(struct node *node, const struct fault *fault, bool down)
{
	struct kernel *kernel = &node->kernel;

	if (down)
		kernel->downs++;
	else
		kernel->downs--;
	kernel->up = kernel->downs == 0;
	kernel->carrier_changes++;
	if (down && fault->amount == SIM_LINK_SET_DOWN)
		lose_ipv6_addresses(kernel);
	kernel->meddled = true;
	node_kernel_changed(node);
}

static void set_primary(struct node *node, const struct fault *fault, bool present)
{
	node->kernel.primary_present[fault->family] = present;
	connection_end_all(node->sim, node);
	node_kernel_changed(node);
}

static void change_primary(struct node *node, const struct fault *fault, bool changed)
{
	unsigned *faults = &node->kernel.primary_changed[fault->family];

	if (changed)
		(*faults)++;
	else
		(*faults)--;
	node->moved_at = node->sim->now;
	connection_end_all(node->sim, node);
	node_kernel_changed(node);
}

static void reload(struct node *node, const struct fault *fault)
{
	struct settings *settings = &node->settings;
	struct sim *sim = node->sim;

	if (fault->amount & RELOAD_ADVERT_INT)
		settings->advert_int_cs = pick_interval(sim, true);
	if (fault->amount & RELOAD_PRIORITY)
		settings->priority = (uint8_t)PICK(sim, 0, 180, 200, 200, 254);
	if (fault->amount & RELOAD_PREEMPT)
		settings->preempt = pick_preempt(sim);
	if (fault->amount & RELOAD_ADDRESSES)
		settings->vip_count = (unsigned)PICK(sim, 1, 2);
	if (fault->amount & RELOAD_PREEMPT_DELAY)
		settings->preempt_delay_us = PICK(sim, 0, SIM_S, 3 * SIM_S);
	if (fault->amount & RELOAD_ADDRESS_LEASE)
		settings->address_lease_s = (unsigned)PICK(sim, 2, 5, 10);
	if (fault->amount & RELOAD_ANNOUNCE_REFRESH)
		settings->announce_refresh_s = (unsigned)PICK(sim, 10, 30);
	if (node->life != LIFE_RUNNING)
		return;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		check_waive_heard(&node->watch[family]);
	node->reload = true;
	node_wake(node);
}

static void stop(struct node *node, const struct fault *fault)
{
	if (node->life != LIFE_RUNNING)
		return;
	if (fault->amount == SIM_STOP_TWICE)
		queue_push(&node->sim->queue,
			   node->sim->now + chaos(node->sim, 0, node->sim->interval_min_us),
			   EVENT_SIGNAL, (unsigned)node->id);
	node->restart_at =
		fault->duration_us == SIM_NEVER ? SIM_NEVER : node->sim->now + fault->duration_us;
	node_signal(node);
}

/* The longest one of the faults that are on. */
static int64_t longest_amount(const struct node *node, enum fault_kind kind)
{
	int64_t longest = 0;

	for (unsigned i = 0; i < SIM_FAULTS_MAX; i++) {
		const struct fault *fault = &node->sim->faults[i];

		if (fault->on && fault->kind == kind && fault->node == node->id)
			longest = max(longest, fault->amount);
	}
	return longest;
}

/* How many faults make the kernel fail in this way; NULL = the kind is another one. */
static unsigned *failures_of(struct kernel *kernel, enum fault_kind kind)
{
	if (kind == FAULT_ADD_FAILS)
		return &kernel->add_fails;
	if (kind == FAULT_SEND_FAILS)
		return &kernel->send_fails;
	if (kind == FAULT_SOCKET_FAILS)
		return &kernel->socket_fails;
	if (kind == FAULT_ANNOUNCE_FAILS)
		return &kernel->announce_fails;
	return kind == FAULT_ANNOUNCE_LOST ? &kernel->announce_lost : NULL;
}

static void begin_on_kernel(struct node *node, const struct fault *fault)
{
	struct kernel *kernel = &node->kernel;
	unsigned *failures = failures_of(kernel, fault->kind);

	if (failures)
		(*failures)++;
	kernel->add_slow_max_us = longest_amount(node, FAULT_ADD_SLOW);
	if (fault->kind == FAULT_LINK_DOWN)
		set_link(node, fault, true);
	if (fault->kind == FAULT_BLINK) {
		/* The carrier goes and comes before the process can look. */
		kernel->carrier_changes += 2;
		node_kernel_changed(node);
	}
	if (fault->kind == FAULT_INTERFACE_GONE)
		set_interface(node, false);
	if (fault->kind == FAULT_ADDRESS_GONE)
		set_primary(node, fault, false);
	if (fault->kind == FAULT_ADDRESS_CHANGED)
		change_primary(node, fault, true);
	if (fault->kind == FAULT_VIP_DELETED)
		node_delete_vip(node, (enum addr_family)fault->family);
	if (fault->kind == FAULT_VIP_ADDED)
		node_add_vip(node, (enum addr_family)fault->family);
}

static void end_on_kernel(struct node *node, const struct fault *fault)
{
	struct kernel *kernel = &node->kernel;
	unsigned *failures = failures_of(kernel, fault->kind);

	if (failures)
		(*failures)--;
	kernel->add_slow_max_us = longest_amount(node, FAULT_ADD_SLOW);
	if (fault->kind == FAULT_LINK_DOWN)
		set_link(node, fault, false);
	if (fault->kind == FAULT_INTERFACE_GONE)
		set_interface(node, true);
	if (fault->kind == FAULT_ADDRESS_GONE)
		set_primary(node, fault, true);
	if (fault->kind == FAULT_ADDRESS_CHANGED)
		change_primary(node, fault, false);
}

static void do_again(struct sim *sim, const struct fault *fault)
{
	struct node *node = &sim->nodes[fault->node];

	if (fault->kind == FAULT_FOREIGN)
		forge_adverts(sim, fault);
	if (fault->kind == FAULT_FLOOD)
		for (int64_t i = chaos(sim, SIM_DRAIN_MAX / 2, SIM_RECEIVE_MAX + 10); i > 0; i--)
			forge_adverts(sim, fault);
	if (fault->kind == FAULT_FLAP)
		set_apiserver(node, node->apiserver == APISERVER_UP ? pick_bad_apiserver(sim)
								    : APISERVER_UP);
}

void fault_repeat(struct sim *sim, unsigned number)
{
	struct fault *fault = &sim->faults[number];
	int64_t gap_us;

	if (!fault->on)
		return;
	if (fault->kind == FAULT_FLOOD)
		gap_us = REPEAT_FLOOD_US;
	else if (fault->kind == FAULT_FOREIGN)
		gap_us = REPEAT_FOREIGN_US;
	else
		gap_us = chaos(sim, 100 * SIM_MS, 5 * SIM_S);
	check_cause(sim);
	do_again(sim, fault);
	queue_push(&sim->queue, sim->now + gap_us, EVENT_FAULT_REPEAT, number);
}

static void begin(struct sim *sim, const struct fault *fault)
{
	struct node *node = &sim->nodes[fault->node];

	switch (fault->kind) {
	case FAULT_KILL:
		node_kill(node);
		if (fault->amount == SIM_KILL_LOSES_CLAIM)
			node_lose_claim(node);
		break;
	case FAULT_POWER:
		node_power_off(node);
		break;
	case FAULT_STOP:
		stop(node, fault);
		break;
	case FAULT_STALL:
		node_freeze(node, sim->now + fault->duration_us);
		break;
	case FAULT_LATE:
		node->late_max_us = longest_amount(node, FAULT_LATE);
		break;
	case FAULT_CUT:
	case FAULT_CUT_ONE_WAY:
	case FAULT_PARTITION:
	case FAULT_LOSS:
	case FAULT_DELAY:
	case FAULT_DUPLICATE:
	case FAULT_CORRUPT:
		fault_links(sim);
		break;
	case FAULT_APISERVER:
		set_apiserver(node, (enum apiserver)fault->amount);
		break;
	case FAULT_ALL_APISERVERS:
		for (int i = 0; i < sim->node_count; i++)
			set_apiserver(&sim->nodes[i], (enum apiserver)fault->amount);
		break;
	case FAULT_FOREIGN:
	case FAULT_FLOOD:
	case FAULT_FLAP:
		fault_repeat(sim, (unsigned)(fault - sim->faults));
		break;
	case FAULT_STEP_DOWN:
		node->step_down_us = node->life == LIFE_RUNNING ? fault->duration_us : 0;
		node_wake(node);
		break;
	case FAULT_RELOAD:
		reload(node, fault);
		break;
	case FAULT_ADD_FAILS:
	case FAULT_ADD_SLOW:
	case FAULT_SEND_FAILS:
	case FAULT_SOCKET_FAILS:
	case FAULT_ANNOUNCE_FAILS:
	case FAULT_ANNOUNCE_LOST:
	case FAULT_LINK_DOWN:
	case FAULT_BLINK:
	case FAULT_INTERFACE_GONE:
	case FAULT_ADDRESS_GONE:
	case FAULT_ADDRESS_CHANGED:
	case FAULT_VIP_DELETED:
	case FAULT_VIP_ADDED:
		begin_on_kernel(node, fault);
		break;
	case FAULT_FORGE_REFUSED:
	case FAULT_FORGE_ACCEPTED:
		forge_adverts(sim, fault);
		break;
	case FAULT_REPLAY:
		forge_replay(sim, fault);
		break;
	}
}

void fault_begin(struct sim *sim, const struct fault *wanted)
{
	unsigned number = 0;
	struct fault *fault;

	while (number < SIM_FAULTS_MAX && sim->faults[number].on)
		number++;
	if (number == SIM_FAULTS_MAX)
		return;
	fault = &sim->faults[number];
	*fault = *wanted;
	trace_note(sim, RECORD_FAULT, &sim->nodes[fault->node], 0, (int64_t)fault->kind,
		   fault->duration_us);
	blame_fault(sim, fault);
	fault->on = blame_lasts(fault->kind);
	begin(sim, fault);
	if (fault->on && fault->duration_us != SIM_NEVER)
		queue_push(&sim->queue, sim->now + fault->duration_us, EVENT_FAULT_END, number);
}

void fault_end(struct sim *sim, unsigned number)
{
	struct fault *fault = &sim->faults[number];
	struct node *node = &sim->nodes[fault->node];

	fault->on = false;
	check_cause(sim);
	trace_note(sim, RECORD_FAULT_END, node, 0, (int64_t)fault->kind, 0);
	if (fault->kind == FAULT_KILL || fault->kind == FAULT_POWER)
		node_start(node);
	else if (fault->kind == FAULT_LATE)
		node->late_max_us = longest_amount(node, FAULT_LATE);
	else if (blame_is_on_links(fault->kind))
		fault_links(sim);
	else if (fault->kind == FAULT_APISERVER || fault->kind == FAULT_FLAP)
		set_apiserver(node, APISERVER_UP);
	else if (fault->kind == FAULT_ALL_APISERVERS)
		for (int i = 0; i < sim->node_count; i++)
			set_apiserver(&sim->nodes[i], APISERVER_UP);
	else
		end_on_kernel(node, fault);
}

static enum fault_kind pick_kind(struct sim *sim)
{
	int64_t sum = 0, at;
	unsigned kind = 0;

	for (unsigned i = 0; i < FAULT_COUNT; i++)
		sum += sim->fault_weight[i];
	at = chaos(sim, 0, sum - 1);
	while (at >= (int64_t)sim->fault_weight[kind])
		at -= sim->fault_weight[kind++];
	return (enum fault_kind)kind;
}

/* Near the times that matter: the spacing of adverts, Active_Down_Interval, the lease. */
static int64_t pick_duration(struct sim *sim)
{
	int64_t interval_us = sim->interval_min_us;

	switch (chaos(sim, 0, 3)) {
	case 0:
		return chaos(sim, SIM_MS, 2 * interval_us);
	case 1:
		return chaos(sim, 2 * interval_us, 5 * interval_us);
	case 2:
		return chaos(sim, SIM_MS, 8 * SIM_S);
	}
	return chaos(sim, SIM_S, 20 * SIM_S);
}

static void pick_amount(struct sim *sim, struct fault *fault)
{
	if (fault->kind == FAULT_LATE)
		fault->amount = chaos(sim, SIM_MS, PICK(sim, sim->interval_min_us, 300 * SIM_MS));
	else if (fault->kind == FAULT_ADD_SLOW)
		fault->amount = chaos(sim, SIM_MS, PICK(sim, 20 * SIM_MS, 300 * SIM_MS));
	else if (fault->kind == FAULT_LOSS || fault->kind == FAULT_CORRUPT)
		fault->amount = chaos(sim, 50, 900);
	else if (fault->kind == FAULT_DELAY || fault->kind == FAULT_DUPLICATE)
		fault->amount =
			chaos(sim, SIM_MS, PICK(sim, 20 * SIM_MS, 2 * sim->interval_min_us));
	else if (fault->kind == FAULT_RELOAD)
		fault->amount = chaos(sim, 0, RELOAD_EVERYTHING);
	else if (fault->kind == FAULT_FORGE_REFUSED)
		fault->amount = chaos(sim, 0, FORGE_VRID);
	else if (fault->kind == FAULT_APISERVER || fault->kind == FAULT_ALL_APISERVERS)
		fault->amount = pick_bad_apiserver(sim);
	else
		fault->amount = PICK(sim, 1, 1, 1, 2);
}

/* About every second time the node that the client sends to. */
static int pick_node(struct sim *sim)
{
	int node = (int)chaos(sim, 0, sim->node_count - 1);

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		if (sim->clients[family].entry >= 0 && rng_chance(&sim->chaos, 400))
			node = sim->clients[family].entry;
	return node;
}

static unsigned pick_family(struct sim *sim)
{
	if (sim->families == 1u << ADDR_FAMILY_IPV4)
		return ADDR_FAMILY_IPV4;
	if (sim->families == 1u << ADDR_FAMILY_IPV6)
		return ADDR_FAMILY_IPV6;
	return (unsigned)chaos(sim, 0, ADDR_FAMILY_COUNT - 1);
}

/* A frozen process does not answer on its control socket, so that nobody can make it step down. */
static bool is_possible(const struct sim *sim, const struct fault *fault)
{
	const struct node *node = &sim->nodes[fault->node];
	enum fault_kind kind = fault->kind;
	bool runs = node->life == LIFE_RUNNING && !node->engine.shutting_down && !node->shutdown;

	if (kind == FAULT_INTERFACE_GONE || kind == FAULT_VIP_ADDED)
		return node->kernel.exists && node->life != LIFE_OFF;
	if (kind == FAULT_STEP_DOWN)
		return runs && node_is_awake(node);
	if (kind == FAULT_KILL || kind == FAULT_POWER || kind == FAULT_STOP || kind == FAULT_STALL)
		return runs;
	return true;
}

void fault_next(struct sim *sim)
{
	int64_t left_us = sim->faults_end - sim->now;
	struct fault fault = {.kind = pick_kind(sim), .node = pick_node(sim)};

	if (left_us <= SIM_MS)
		return;
	fault.duration_us = pick_duration(sim);
	if (fault.duration_us > left_us)
		fault.duration_us = left_us;
	fault.other = (int)chaos(sim, 0, sim->node_count);
	if (fault.other == sim->node_count || fault.other == fault.node)
		fault.other = SIM_CLIENT;
	if (blame_is_on_links(fault.kind) && !cuts_links(fault.kind) &&
	    rng_chance(&sim->chaos, 400))
		fault.other = SIM_ALL_PORTS;
	if (fault.kind == FAULT_PARTITION) {
		fault.side = (unsigned)chaos(sim, 1, (1 << sim->node_count) - 1);
		fault.side |= rng_chance(&sim->chaos, 500) ? 1u << SIM_CLIENT : 0;
	}
	fault.family = pick_family(sim);
	/* A flood is shorter than any interval, so that a full socket drops one
	 * advert of each router at most. */
	if (fault.kind == FAULT_FLOOD)
		fault.duration_us = REPEAT_FLOOD_US * chaos(sim, 1, FLOOD_BURSTS_MAX);
	pick_amount(sim, &fault);
	if (fault.kind == FAULT_CUT_ONE_WAY && fault.amount != SIM_CUT_LINK) {
		fault.amount = fault.other % 2 ? SIM_CUT_DEAF : SIM_CUT_MUTE;
		fault.other = SIM_ALL_PORTS;
	}
	if (is_possible(sim, &fault))
		fault_begin(sim, &fault);
	queue_push(&sim->queue, sim->now + chaos(sim, sim->fault_gap_us / 2, 2 * sim->fault_gap_us),
		   EVENT_NEXT_FAULT, 0);
}
