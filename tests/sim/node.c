/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "conf/settings.h"
#include "core/reload.h"
#include "sim/sim.h"

#define IFINDEX_FIRST 2
#define PROBE_INTERVAL_US SIM_S
#define PROBE_TIMEOUT_US SIM_S
#define NONE UINT32_MAX

struct addr node_address(const struct sim *sim, int node, enum addr_family family)
{
	uint8_t low = (uint8_t)(sim->seed % 200 + 1 + (unsigned)node);
	const uint8_t ipv4[4] = {10, 0, 0, low};
	const uint8_t ipv6[16] = {0xfe, 0x80, [14] = 1, [15] = low};

	return addr_from_bytes(family, family == ADDR_FAMILY_IPV4 ? ipv4 : ipv6);
}

/* IPv4 or link-local; a node that has got another one is not in the lists of unicast peers. */
struct addr node_primary(const struct node *node, enum addr_family family)
{
	int other = node->kernel.primary_changed[family] > 0 ? SIM_NODES_MAX : 0;

	return node_address(node->sim, node->id + other, family);
}

struct addr node_vip(const struct sim *sim, enum addr_family family, unsigned number)
{
	const uint8_t ipv4[4] = {10, 0, 1, (uint8_t)(SIM_VRID + number)};
	const uint8_t ipv6[16] = {0xfd, 0, [13] = 1, [15] = (uint8_t)(SIM_VRID + number)};

	(void)sim;
	return addr_from_bytes(family, family == ADDR_FAMILY_IPV4 ? ipv4 : ipv6);
}

struct instant node_clock(const struct node *node, int64_t at)
{
	return (struct instant){node->clock_offset_us + at + at / 1000 * node->clock_ppm / 1000};
}

/* The first moment at which the node's clock shows t. */
static int64_t world_time(const struct node *node, struct instant t)
{
	int64_t shown = t.us - node->clock_offset_us;
	int64_t at;

	if (instant_is_never(t))
		return SIM_NEVER;
	at = shown - shown / 1000 * node->clock_ppm / 1000;
	while (node_clock(node, at).us >= t.us)
		at--;
	while (node_clock(node, at).us < t.us)
		at++;
	return at;
}

static bool router_has_family(const struct router *router, enum addr_family family)
{
	const struct router_settings *settings = &router->settings;

	for (size_t i = 0; i < settings->address_count; i++)
		if (settings->addresses[i].family == family)
			return true;
	return false;
}

/* The router that has addresses of the family: elected in it, or carrying it along. */
struct router *node_router(const struct node *node, enum addr_family family)
{
	for (size_t i = 0; node->life == LIFE_RUNNING && i < node->engine.router_count; i++)
		if (router_has_family(node->engine.routers[i], family))
			return node->engine.routers[i];
	return NULL;
}

bool node_is_awake(const struct node *node)
{
	return node->life == LIFE_RUNNING && node->thaw_at == 0;
}

static struct kernel_address *find_address(struct kernel *kernel, const struct addr *address)
{
	for (size_t i = 0; i < kernel->address_count; i++)
		if (addr_equal(&kernel->addresses[i].address, address))
			return &kernel->addresses[i];
	return NULL;
}

bool node_holds(const struct node *node, const struct addr *address)
{
	for (size_t i = 0; i < node->kernel.address_count; i++)
		if (addr_equal(&node->kernel.addresses[i].address, address))
			return true;
	return false;
}

/* After any change of the addresses. */
void node_kernel_changed(struct node *node)
{
	struct kernel *kernel = &node->kernel;

	kernel->next_expiry = SIM_NEVER;
	for (size_t i = 0; i < kernel->address_count; i++)
		if (kernel->addresses[i].expires < kernel->next_expiry)
			kernel->next_expiry = kernel->addresses[i].expires;
	kernel->changed = true;
	check_holders(node);
	node_wake(node);
}

static void put_address(struct node *node, const struct addr *address, int64_t expires)
{
	struct kernel *kernel = &node->kernel;
	struct kernel_address *slot = find_address(kernel, address);

	if (!slot) {
		assert(kernel->address_count < SIM_ADDRESSES_MAX);
		slot = &kernel->addresses[kernel->address_count++];
	}
	*slot = (struct kernel_address){
		.address = *address,
		.family = (uint8_t)address->family,
		.expires = expires,
		.lease_us = node->settings.address_lease_s * SIM_S,
	};
}

static bool drop_address(struct node *node, const struct addr *address)
{
	struct kernel *kernel = &node->kernel;
	struct kernel_address *slot = find_address(kernel, address);

	if (!slot)
		return false;
	*slot = kernel->addresses[--kernel->address_count];
	return true;
}

void node_delete_vip(struct node *node, enum addr_family family)
{
	struct addr vip = node_vip(node->sim, family, 0);

	if (!drop_address(node, &vip))
		return;
	node->kernel.meddled = true;
	node_kernel_changed(node);
}

void node_add_vip(struct node *node, enum addr_family family)
{
	struct addr vip = node_vip(node->sim, family, 0);

	if (!node->kernel.exists)
		return;
	put_address(node, &vip, SIM_NEVER);
	node->kernel.meddled = true;
	node_kernel_changed(node);
}

static struct node *node_of(struct engine_io *io)
{
	return (struct node *)io;
}

static struct message message_of(const struct addr *source, const struct addr *destination,
				 const uint8_t *bytes, size_t size)
{
	struct message message = {
		.genuine = true,
		.source = *source,
		.destination = *destination,
		.hops = ADVERT_HOPS,
		.size = size,
	};

	assert(size <= sizeof(message.bytes));
	memcpy(message.bytes, bytes, size);
	return message;
}

static bool can_send(const struct node *node, const struct router *router)
{
	int ifindex = node->socket_ifindex[router->settings.family];

	return node->kernel.send_fails == 0 && ifindex != 0 && ifindex == node->kernel.ifindex;
}

static bool io_send_advert(struct engine_io *io, const struct router *router,
			   const struct addr *source, const struct addr *destination,
			   const uint8_t *bytes, size_t size)
{
	struct node *node = node_of(io);
	struct message message = message_of(source, destination, bytes, size);
	bool sent = can_send(node, router);

	node->watch[router->settings.family].last_source = *source;
	check_send(node, router, bytes[2], sent);
	message.tenure = check_tenure_said(node, router, bytes[2]);
	trace_note(node->sim, RECORD_SEND, node, (int)router->settings.family, bytes[2],
		   (int64_t)router->vrrp.config.advert_int_cs << 16 | bytes[6] << 8 | bytes[7]);
	if (sent)
		segment_send(node->sim, node, &message);
	return sent;
}

static bool io_send_status(struct engine_io *io, const struct router *router,
			   const struct addr *source, const struct addr *destination,
			   const uint8_t *bytes, size_t size)
{
	struct node *node = node_of(io);
	struct message message = message_of(source, destination, bytes, size);
	bool sent = can_send(node, router);

	check_status_sent(node, router);
	message.serial = node->status_serial;
	if (sent)
		segment_send(node->sim, node, &message);
	return sent;
}

static void io_status_refused(struct engine_io *io, const struct router *router,
			      enum group_status_refusal refusal, const struct packet *packet)
{
	(void)io;
	(void)router;
	(void)packet;
	assert(refusal != GROUP_STATUS_OK);
}

/* The kernel notices the end of a lease a little late. */
static int64_t lease_end(struct node *node)
{
	struct sim *sim = node->sim;
	int64_t lease_us = node->settings.address_lease_s * SIM_S;
	int64_t late_us = sim->exact ? 0 : rng_range(&sim->machine, 0, SIM_EXPIRY_LATE_US);

	return lease_us > 0 ? sim->now + lease_us + late_us : SIM_NEVER;
}

/* Whoever else changes the network holds the lock that an addition waits for; a renewal does not
 * wait in the process. */
static int64_t wait_for_kernel(struct node *node, const struct router *router)
{
	struct kernel *kernel = &node->kernel;
	int64_t from = node->sim->now + node->waited_us, until = from;

	for (size_t i = 0; i < router->settings.address_count && kernel->add_slow_max_us > 0; i++)
		if (!router->present[i])
			until = from + rng_range(&node->sim->machine, 0, kernel->add_slow_max_us);
	node->waited_us += until - from;
	node->busy_until = until;
	return instant_since(node_clock(node, until), node_clock(node, from));
}

static bool is_renewal(const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (!router->present[i])
			return false;
	return true;
}

/* As daemon/io: of what this call has added nothing is left if one address cannot be. */
static bool io_add(struct engine_io *io, const struct router *router, int64_t *ret_took_us)
{
	struct node *node = node_of(io);
	struct kernel *kernel = &node->kernel;
	int64_t expires = lease_end(node);
	bool fails = kernel->add_fails > 0 || !kernel->exists || kernel->ifindex != router->ifindex;
	size_t count = router->settings.address_count;

	*ret_took_us = wait_for_kernel(node, router);
	if (fails)
		check_add_failed(node, router);

	if (fails && count > 0)
		count = (size_t)(kernel->exists && !node->sim->exact
					 ? rng_range(&node->sim->machine, 0, (int64_t)count - 1)
					 : 0);
	for (size_t i = 0; i < count; i++)
		put_address(node, &router->settings.addresses[i], expires);
	for (size_t i = 0; fails && i < count; i++)
		if (!router->present[i])
			drop_address(node, &router->settings.addresses[i]);
	trace_note(node->sim, fails ? RECORD_ADD_FAILED : RECORD_ADD, node,
		   (int)router->settings.family, (int64_t)count, 0);
	node->watch[router->settings.family].announced = false;
	node->watch[router->settings.family].misses &= fails;
	node_kernel_changed(node);
	if (!fails)
		balancer_take_over(node);
	return !fails || is_renewal(router);
}

static void io_remove(struct engine_io *io, const struct router *router,
		      const struct addr *addresses, size_t count)
{
	struct node *node = node_of(io);
	bool removed = false;

	for (size_t i = 0; i < count; i++)
		removed |= drop_address(node, &addresses[i]);
	trace_note(node->sim, RECORD_REMOVE, node, (int)router->settings.family, (int64_t)count, 0);
	if (removed)
		node_kernel_changed(node);
}

static bool io_announce(struct engine_io *io, const struct router *router)
{
	struct node *node = node_of(io);
	bool fails = node->kernel.announce_fails > 0 || !node->kernel.exists;

	trace_note(node->sim, fails ? RECORD_ANNOUNCE_FAILED : RECORD_ANNOUNCE, node,
		   (int)router->settings.family, 0, 0);
	node->watch[router->settings.family].announced = true;
	check_announce(node, router);
	for (unsigned family = 0; !fails && family < ADDR_FAMILY_COUNT; family++)
		if (router_has_family(router, (enum addr_family)family))
			segment_announce(node->sim, node, (enum addr_family)family);
	return !fails;
}

static void io_notify(struct engine_io *io, const struct router *router,
		      const struct router_transition *transition)
{
	struct node *node = node_of(io);

	/* A role that has ended is no claim from now on. */
	if (transition->what.from == VRRP_STATE_ACTIVE)
		node->claim = vrrp_claim(&router->vrrp);
	trace_note(node->sim, RECORD_STATE, node, (int)router->settings.family,
		   (int64_t)transition->what.from * 8 + (int64_t)transition->what.to,
		   (int64_t)transition->what.reason * 16 + (int64_t)transition->what.fault);
	check_notify(node, router, transition);
}

static void io_trace(struct engine_io *io, const struct router *router, enum engine_trace what,
		     enum advert_refusal refusal, const struct packet *packet)
{
	struct node *node = node_of(io);
	int family = router ? (int)router->settings.family : (int)packet->source.family;

	switch (what) {
	case ENGINE_TRACE_REFUSED:
		node->refusal = refusal;
		trace_note(node->sim, RECORD_REFUSED, node, family, refusal,
			   packet->source.bytes[addr_size(packet->source.family) - 1]);
		break;
	case ENGINE_TRACE_READDED:
		trace_note(node->sim, RECORD_READDED, node, family, 0, 0);
		break;
	case ENGINE_TRACE_REMOVED:
		trace_note(node->sim, RECORD_REMOVED, node, family, 0, 0);
		break;
	case ENGINE_TRACE_DOUBTED:
		node->doubted = true;
		break;
	case ENGINE_TRACE_INTERVAL_DIFFERS:
	case ENGINE_TRACE_ADDRESSES_DIFFER:
	case ENGINE_TRACE_PRIORITY_OWNER:
	case ENGINE_TRACE_STRANGER:
	case ENGINE_TRACE_CLAIMED:
		break;
	}
}

void node_init(struct sim *sim, int id)
{
	struct node *node = &sim->nodes[id];

	node->io = (struct engine_io){
		.send_advert = io_send_advert,
		.add = io_add,
		.remove = io_remove,
		.announce = io_announce,
		.notify = io_notify,
		.trace = io_trace,
		.send_status = io_send_status,
		.status_refused = io_status_refused,
	};
	node->sim = sim;
	node->id = id;
	node->life = LIFE_OFF;
	node->kernel.exists = true;
	node->kernel.up = true;
	node->kernel.ifindex = IFINDEX_FIRST;
	node->kernel.next_expiry = SIM_NEVER;
	node->next = SIM_NEVER;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		node->kernel.primary_present[family] = true;
		node->kernel.sockets[family] = (struct socket){NONE, NONE, 0};
		node->watch[family].holds_since = SIM_NEVER;
	}
}

void node_schedule(struct node *node)
{
	int64_t next = SIM_NEVER;

	if (node->life == LIFE_RUNNING) {
		next = node->wake_at < node->probe_at ? node->wake_at : node->probe_at;
		if (node->thaw_at > 0)
			next = node->thaw_at;
	}
	node->next = next < node->kernel.next_expiry ? next : node->kernel.next_expiry;
}

void node_wake(struct node *node)
{
	struct sim *sim = node->sim;
	int64_t at = sim->now + (sim->exact ? 0 : rng_range(&sim->machine, 5, 60));

	at = at < node->busy_until ? node->busy_until : at;
	if (node->life == LIFE_RUNNING && at < node->wake_at)
		node->wake_at = at;
	node_schedule(node);
}

enum addr_family node_elected(const struct sim *sim)
{
	unsigned first = sim->exact ? 0 : sim->seed >> 1 & 1;

	return (enum addr_family)(sim->families >> first & 1 ? first : !first);
}

bool node_tells(const struct node *node)
{
	return !node->sim->exact && (node->sim->seed >> 2 & 1);
}

static void fill_conf(const struct node *node, struct conf *conf)
{
	const struct settings *settings = &node->settings;
	struct conf_instance *instance = &conf->instances[0];
	unsigned elected = node->sim->exact ? 0 : node->sim->seed >> 1 & 1;

	conf->address_lease_s = settings->address_lease_s;
	conf->announce_refresh_s = settings->announce_refresh_s;
	conf->instance_count = 1;
	*instance = (struct conf_instance){
		.name = "sim",
		.interface = "eth0",
		.virtual_router_id = SIM_VRID,
		.priority = settings->priority,
		.advert_int_cs = settings->advert_int_cs,
		.preempt = settings->preempt,
		.preempt_delay_us = settings->preempt_delay_us,
		.checksum = settings->checksum,
		.track_apiserver = true,
		/* Half of the seeds; the golden traces are without. */
		.members = node_tells(node),
		.unicast = settings->unicast,
	};
	/* The first address decides in which family a dual-stack router is elected. */
	for (unsigned i = 0; i < ADDR_FAMILY_COUNT; i++) {
		enum addr_family family = (enum addr_family)(i ^ elected);

		if (!(node->sim->families & 1u << family))
			continue;
		for (unsigned n = 0; n < settings->vip_count; n++)
			instance->addresses[instance->address_count++] =
				node_vip(node->sim, family, n);
		for (int peer = 0; settings->unicast && peer < node->sim->node_count; peer++)
			instance->peers[instance->peer_count++] =
				node_address(node->sim, peer, family);
	}
}

/* What netlink would say about the interface now. */
static const struct interface *look_at_interface(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	struct interface *view = &node->sim->view;

	memcpy(view->name, "eth0", sizeof("eth0"));
	view->index = kernel->exists ? kernel->ifindex : 0;
	view->up = kernel->exists && kernel->up;
	view->carrier_changes = kernel->carrier_changes;
	view->address_count = 0;
	for (unsigned family = 0; kernel->exists && family < ADDR_FAMILY_COUNT; family++)
		if (kernel->primary_present[family])
			view->addresses[view->address_count++] = (struct interface_address){
				.address = node_primary(node, (enum addr_family)family),
				.prefix_length = 24};
	for (size_t i = 0; kernel->exists && i < kernel->address_count; i++) {
		const struct addr *address = &kernel->addresses[i].address;

		view->addresses[view->address_count++] = (struct interface_address){
			.address = *address,
			.prefix_length = (uint8_t)addr_bits(address->family),
			.vip = true,
			.leased = kernel->addresses[i].expires != SIM_NEVER,
			.deprecated = true};
	}
	kernel->changed = false;
	kernel->meddled = false;
	return view;
}

static void close_socket(struct node *node, enum addr_family family)
{
	struct socket *socket = &node->kernel.sockets[family];

	while (socket->first != NONE) {
		unsigned number = socket->first;

		socket->first = node->sim->segment.messages[number].next;
		segment_release(node->sim, number);
	}
	*socket = (struct socket){NONE, NONE, 0};
	node->socket_ifindex[family] = 0;
}

/* sync_sockets() of daemon/io */
static void sync_sockets(struct node *node, struct instant now)
{
	node->socket_retry = INSTANT_NEVER;
	for (size_t i = 0; i < node->engine.router_count; i++) {
		struct router *router = node->engine.routers[i];
		int *ifindex = &node->socket_ifindex[router->settings.family];
		bool open = true;

		if (*ifindex != router->ifindex)
			close_socket(node, router->settings.family);
		if (router->ifindex == 0)
			continue;
		if (*ifindex == 0 && node->kernel.socket_fails > 0) {
			open = false;
			node->socket_retry = instant_add(now, SIM_SOCKET_RETRY_US);
		} else {
			*ifindex = router->ifindex;
		}
		engine_socket(&node->engine, now, router, open);
	}
}

/* attach_interfaces() of daemon/io, and what its drain_netlink() comes to */
static void tell_interface(struct node *node, struct instant now)
{
	const struct interface *view = look_at_interface(node);

	check_interface(node);
	for (size_t i = 0; i < node->engine.router_count; i++)
		engine_interface(&node->engine, now, node->engine.routers[i], view);
	sync_sockets(node, now);
}

static bool configure(struct node *node, struct instant now)
{
	struct router_settings settings;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		node->watch[family].misses = true;
	fill_conf(node, node->sim->conf);
	check_applies(node->sim, RULE_MEMORY, false);
	settings_of_instance(node->sim->conf, 0, &settings);
	if (!reload_routers(&node->engine, now, &settings, 1))
		return false;
	if (!node->engine.routers[0]->vrrp.started) {
		node->engine.routers[0]->inherited = node->claim;
		node->claim.interval_cs = 0;
	}
	tell_interface(node, now);
	return true;
}

static int64_t lateness(struct node *node)
{
	struct sim *sim = node->sim;

	if (sim->exact)
		return 0;
	return rng_range(&sim->machine, 0, node->late_max_us > 0 ? node->late_max_us : 100);
}

static void arm_timer(struct node *node)
{
	struct instant deadline = instant_min(engine_deadline(&node->engine), node->socket_retry);
	struct instant balancer = balancer_deadline(node, node_clock(node, node->sim->now));
	int64_t at = world_time(node, instant_min(deadline, balancer));
	bool unread = false;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		unread |= node->kernel.sockets[family].count > 0;
	node->wake_at = at == SIM_NEVER ? at : at + lateness(node);
	if (node->wake_at < node->busy_until)
		node->wake_at = node->busy_until;
	if (node->wake_at <= node->sim->now)
		node->wake_at = node->sim->now + 1;
	if (node->kernel.changed || unread)
		node_wake(node);
}

static bool drain_socket(struct node *node, struct instant now, enum addr_family family)
{
	struct socket *socket = &node->kernel.sockets[family];
	struct sim *sim = node->sim;

	for (unsigned count = 0; count < SIM_DRAIN_MAX && socket->first != NONE; count++) {
		unsigned number = socket->first;
		struct message *message = &sim->segment.messages[number];
		const struct packet packet = {
			.source = message->source,
			.destination = message->destination,
			.hops = message->hops,
			.oversized = message->oversized,
			.data = message->bytes,
			.size = message->size,
		};

		socket->first = message->next;
		socket->count--;
		if (socket->first == NONE)
			socket->last = NONE;
		if (!group_status_is(&packet))
			trace_note(sim, RECORD_RECEIVE, node, (int)family, message->bytes[2],
				   message->source.bytes[addr_size(family) - 1]);
		if (group_status_is(&packet)) {
			check_status(node, now, &packet, message->serial);
			segment_release(sim, number);
			continue;
		}
		check_packet_before(node, now, message);
		engine_packet(&node->engine, now, node->socket_ifindex[family], &packet);
		check_packet_after(node, now, message);
		segment_release(sim, number);
	}
	return socket->first == NONE;
}

/* What of the signals and netlink may make a router send: with a reload its priority, with the
 * interface its priority and its primary address, and the same after a reload. */
static void take_news(struct node *node, struct instant now)
{
	unsigned events = (node->reload ? 4u : 0) + (node->kernel.changed ? 3u : 0);

	if (events == 0)
		return;
	check_adverts_begin(node, now);
	if (node->reload && !configure(node, now))
		check_broken(node->sim, RULE_MEMORY, "n%d", node->id + 1);
	node->reload = false;
	if (node->kernel.changed)
		tell_interface(node, now);
	check_adverts_end(node, events);
}

static void take_requests(struct node *node, struct instant now)
{
	enum priority_band band = health_band(&node->engine.health);
	unsigned events = (node->result_count) + (node->step_down_us > 0 ? 1u : 0) +
			  (node->shutdown ? 1u : 0);

	if (events == 0)
		return;
	check_adverts_begin(node, now);
	for (unsigned i = 0; i < node->result_count; i++) {
		bool was_ready = node->engine.health.ready;

		check_probe_before(node);
		engine_probe_result(&node->engine, now, node->results[i]);
		check_probe_after(node, now, node->results[i]);
		if (node->engine.health.ready != was_ready)
			trace_note(node->sim, RECORD_READY, node, 0, node->engine.health.ready, 0);
	}
	check_requests(node, now, health_band(&node->engine.health) > band);
	if (node->step_down_us > 0)
		engine_step_down(&node->engine, now, node->step_down_us);
	if (node->shutdown)
		engine_shutdown(&node->engine, now);
	node->shutdown = false;
	node->result_count = 0;
	node->step_down_us = 0;
	check_adverts_end(node, events);
}

static void end_process(struct node *node, enum record_kind why)
{
	trace_note(node->sim, why, node, 0, 0, 0);
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		close_socket(node, (enum addr_family)family);
		node->watch[family].active.known = false;
	}
	engine_fini(&node->engine);
	node->life = LIFE_KILLED;
	node->frozen_at = node->changed_at = node->sim->now;
	node->thaw_at = 0;
	node->shutdown = false;
	node->step_down_us = 0;
	node->reload = false;
	node->result_count = 0;
	node_schedule(node);
}

/* turn() of daemon/daemon */
static void turn(struct node *node)
{
	struct sim *sim = node->sim;
	struct instant now = node_clock(node, sim->now);
	bool drained = true;

	node->waited_us = 0;
	node->listened = false;
	take_news(node, now);
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		drained &= drain_socket(node, now, (enum addr_family)family);
	if (!drained)
		node->busy_until = sim->now + SIM_DRAIN_US;
	node->listened = drained || (node->engine.undrained + 1) % ENGINE_UNDRAINED_MAX == 0;
	take_requests(node, now);
	check_adverts_begin(node, now);
	engine_timers(&node->engine, now, drained);
	check_timers_end(node, now);
	node->claim = vrrp_claim(&node->engine.routers[0]->vrrp);
	if (instant_due(node->socket_retry, now))
		sync_sockets(node, now);
	check_turn_end(node, now, drained);
	balancer_turn(node, now);
	if (node->engine.shutting_down && engine_stopped(&node->engine)) {
		end_process(node, RECORD_STOPPED);
		if (node->restart_at != SIM_NEVER)
			queue_push(&sim->queue,
				   node->restart_at > sim->now ? node->restart_at : sim->now,
				   EVENT_START, (unsigned)node->id);
		return;
	}
	arm_timer(node);
}

static void forget_leaves(struct watch *watch)
{
	for (size_t i = 0; i < sizeof(watch->leaves) / sizeof(watch->leaves[0]); i++)
		watch->leaves[i] = (struct leave){INSTANT_NEVER, INSTANT_NEVER, INSTANT_NEVER};
}

void node_start(struct node *node)
{
	struct sim *sim = node->sim;
	struct instant now = node_clock(node, sim->now);

	if (node->life == LIFE_RUNNING)
		return;
	trace_note(sim, RECORD_START, node, 0, 0, 0);
	node->life = LIFE_RUNNING;
	node->thawed_at = node->changed_at = sim->now;
	node->waited_us = 0;
	node->listened = false;
	node->busy_until = 0;
	node->held_until.us = 0;
	node->status_told = node->status_count = 0;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		forget_leaves(&node->watch[family]);
	check_starts(node);
	node->clean_at = sim->now > node->clean_at ? sim->now : node->clean_at;
	node->probe_at = sim->now + (sim->exact ? 0 : rng_range(&sim->machine, 0, 50 * SIM_MS));
	node->wake_at = SIM_NEVER;
	node->socket_retry = INSTANT_NEVER;
	for (size_t i = 0; i < node->kernel.address_count; i++)
		node->kernel.addresses[i].left_over = true;
	balancer_start(node, now);
	engine_init(&node->engine, &node->io, SIM_FALL, SIM_RISE);
	if (!configure(node, now))
		check_broken(sim, RULE_MEMORY, "n%d", node->id + 1);
	check_started(node, now);
	check_probe_starts(node);
	node->claim_lost = false;
	arm_timer(node);
	node_schedule(node);
}

void node_kill(struct node *node)
{
	if (node->life != LIFE_RUNNING)
		return;
	check_killed(node);
	end_process(node, RECORD_KILLED);
}

void node_lose_claim(struct node *node)
{
	node->claim.interval_cs = 0;
	node->claim_lost = true;
}

void node_power_off(struct node *node)
{
	node_kill(node);
	trace_note(node->sim, RECORD_POWER_OFF, node, 0, 0, 0);
	node->life = LIFE_OFF;
	node_lose_claim(node);
	node->rules.in_place = false;
	connection_end_all(node->sim, node);
	node->kernel.address_count = 0;
	node_kernel_changed(node);
}

void node_freeze(struct node *node, int64_t until)
{
	if (node->life != LIFE_RUNNING)
		return;
	trace_note(node->sim, RECORD_STALL, node, 0, until, 0);
	if (node->thaw_at == 0)
		node->frozen_at = node->changed_at = node->sim->now;
	if (until > node->thaw_at)
		node->thaw_at = until;
	node_schedule(node);
}

void node_signal(struct node *node)
{
	if (node->life != LIFE_RUNNING)
		return;
	node->shutdown = true;
	node_wake(node);
}

/* What the probe of os/probe would report now. */
static void probe(struct node *node)
{
	static const enum health_result results[APISERVER_COUNT] = {
		[APISERVER_UP] = HEALTH_OK,
		[APISERVER_REFUSED] = HEALTH_REFUSED,
		[APISERVER_HANGING] = HEALTH_TIMEOUT,
		[APISERVER_ERROR] = HEALTH_STATUS,
	};
	int64_t wait_us = PROBE_INTERVAL_US;

	if (node->apiserver == APISERVER_HANGING)
		wait_us += PROBE_TIMEOUT_US;
	node->probe_at = node->sim->now + wait_us;
	if (node->result_count < SIM_RESULTS_MAX)
		node->result_count++;
	node->results[node->result_count - 1] = results[node->apiserver];
	node->wake_at = node->sim->now < node->busy_until ? node->busy_until : node->sim->now;
}

static void expire(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	int64_t now = node->sim->now;

	trace_note(node->sim, RECORD_EXPIRED, node, 0, 0, 0);
	for (size_t i = kernel->address_count; i-- > 0;)
		if (kernel->addresses[i].expires <= now) {
			kernel->expired_lease_us = kernel->addresses[i].lease_us;
			kernel->addresses[i] = kernel->addresses[--kernel->address_count];
		}
	kernel->meddled = true;
	node_kernel_changed(node);
	check_expired(node);
}

void node_run(struct node *node)
{
	int64_t now = node->sim->now;

	if (node->kernel.next_expiry <= now)
		expire(node);
	if (node->thaw_at > 0 && node->thaw_at <= now) {
		trace_note(node->sim, RECORD_THAW, node, 0, 0, 0);
		node->thaw_at = 0;
		node->thawed_at = node->changed_at = now;
		if (node->wake_at < SIM_NEVER)
			node->wake_at = now < node->busy_until ? node->busy_until : now;
	}
	if (node_is_awake(node) && node->probe_at <= now)
		probe(node);
	if (node_is_awake(node) && node->wake_at <= now)
		turn(node);
	node_schedule(node);
}

void node_receive(struct node *node, unsigned number)
{
	struct sim *sim = node->sim;
	struct message *message = &sim->segment.messages[number];
	enum addr_family family = message->source.family;
	struct socket *socket = &node->kernel.sockets[family];
	struct kernel *kernel = &node->kernel;
	int ifindex = node->socket_ifindex[family];

	if (node->life != LIFE_RUNNING || ifindex == 0 || ifindex != kernel->ifindex ||
	    !kernel->exists || !kernel->up) {
		segment_release(sim, number);
		return;
	}
	if (socket->count >= SIM_RECEIVE_MAX) {
		trace_note(sim, RECORD_DROPPED, node, (int)family, 0, 0);
		segment_release(sim, number);
		return;
	}
	if (!message_is_status(message))
		check_heard(node, message);
	message->next = NONE;
	if (socket->first == NONE)
		socket->first = number;
	else
		sim->segment.messages[socket->last].next = number;
	socket->last = number;
	socket->count++;
	node_wake(node);
}

void node_fini(struct node *node)
{
	if (node->life == LIFE_RUNNING)
		engine_fini(&node->engine);
	node->life = LIFE_OFF;
}
