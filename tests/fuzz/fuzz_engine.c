/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All virtual routers of a node in a stream of packets, times, interface snapshots and events, over
 * a fake that keeps an interface as the kernel would. The order of calls is anybody's: what is
 * asserted holds after each of them. At the end all faults are healed and the node is alone, so
 * that every router has to become Active, and then to stop.
 *
 * The input: a configuration, then steps, each an opcode and its operands.
 */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/settings.h"
#include "core/reload.h"
#include "core/wire.h"

#define INSTANCES_MAX 2
#define HOLDERS_MAX (2 * INSTANCES_MAX) /* the old and the new of a reload */
#define STEPS_MAX 400
#define POOL 8
#define OWN_COUNT 3
/* Longer than every Active_Down_Interval: four times 40.95 s. */
#define LONG_US (200 * SECOND_US)

const unsigned fuzz_mutations = 4000;

/* Where virtual addresses are taken from; two are the node's own, by a slip in the file. */
static const char *const vip_texts[POOL] = {"10.10.10.10", "10.10.10.11", "10.0.0.2", "10.0.0.9",
					    "fd00::10",	   "fd00::11",	  "fe80::99", "fe80::2"};
/* Peers and senders; the first three are the node's own. */
static const char *const node_texts[POOL] = {"10.0.0.2", "fe80::2",  "fd00::2", "10.0.0.3",
					     "10.0.0.9", "fe80::33", "fd00::3", "192.0.2.1"};

static struct addr vips[POOL];
static struct addr nodes[POOL];

/* The fake's knowledge of a router. */
struct holder {
	const struct router *router;
	bool holds;	      /* the addresses were added and not removed since */
	uint64_t sent_before; /* adverts, before the call of the engine */
	enum vrrp_state state_before;
	bool asked_to_leave; /* since it is Active */
	struct instant
		heard; /* of it at the latest: its last advert on the wire, or its takeover */
	uint64_t sent_on_wire; /* before the call of the engine */
	bool said;	       /* since it is Active: there is another router to tell */
	uint8_t priority;      /* that it said last */
	int64_t interval_us;   /* that the last advert carried: the others count with it */
	struct addr source;    /* where it said that from */
};

static struct conf conf; /* in force; not part of w, as it is large */

static struct {
	struct engine_io io; /* first: the callbacks get a pointer to it */
	struct engine engine;
	struct instant now;
	bool add_fails;
	bool send_fails;
	bool announce_fails;
	unsigned acts;	  /* calls of the fake, without trace, since the call of the engine */
	unsigned refused; /* packets, since then */
	enum advert_refusal refusal;
	size_t holder_count;
	struct holder holders[HOLDERS_MAX];
} w;

/* The kernel's interface, and the snapshot of it that the engine was shown last. */
static struct interface kernel;
static struct interface snapshot;

static struct holder *holder_of(const struct router *router)
{
	for (size_t i = 0; i < w.holder_count; i++)
		if (w.holders[i].router == router)
			return &w.holders[i];
	assert(w.holder_count < HOLDERS_MAX);
	w.holders[w.holder_count] = (struct holder){.router = router};
	return &w.holders[w.holder_count++];
}

static struct interface_address *kernel_find(const struct addr *addr)
{
	for (size_t i = 0; i < kernel.address_count; i++)
		if (addr_equal(&kernel.addresses[i].address, addr))
			return &kernel.addresses[i];
	return NULL;
}

static void kernel_add(const struct addr *addr, bool deprecated)
{
	struct interface_address *slot = kernel_find(addr);

	if (kernel.index == 0)
		return;
	if (!slot)
		slot = &kernel.addresses[kernel.address_count++];
	*slot = (struct interface_address){
		.address = *addr, .prefix_length = 24, .deprecated = deprecated};
}

static void kernel_remove(const struct addr *addr)
{
	struct interface_address *slot = kernel_find(addr);

	if (slot)
		*slot = kernel.addresses[--kernel.address_count];
}

static bool kernel_has_all(const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (!kernel_find(&router->settings.addresses[i]))
			return false;
	return true;
}

/* Addresses that RECONCILE has to remove: of a family of which the node has an address of its own.
 */
static bool kernel_has_any(const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++) {
		const struct addr *address = &router->settings.addresses[i];

		if (kernel_find(address) && !addr_is_unspecified(&router->own[address->family]))
			return true;
	}
	return false;
}

/* ORDER: nobody sends who does not hold the address; and what is sent can be read. */
static bool io_send_advert(struct engine_io *io, const struct router *router,
			   const struct addr *source, const struct addr *destination,
			   const uint8_t *bytes, size_t size)
{
	const struct packet packet = {.source = *source,
				      .destination = *destination,
				      .hops = ADVERT_HOPS,
				      .data = bytes,
				      .size = size};
	const struct addr group = advert_group(router->settings.family);
	struct advert advert;

	assert(io == &w.io);
	w.acts++;
	assert(holder_of(router)->holds);
	assert(advert_decode(&packet, &advert) == ADVERT_OK);
	assert(advert.vrid == router->settings.vrid);
	assert(advert.interval_cs == router->vrrp.config.advert_int_cs);
	assert(advert.priority <= PRIORITY_READY_MAX);
	holder_of(router)->said = true;
	holder_of(router)->priority = advert.priority;
	holder_of(router)->source = *source;
	assert(advert.address_count == router->settings.advertised_count);
	for (unsigned i = 0; i < advert.address_count; i++) {
		struct addr address = advert_address(&advert, i);

		assert(addr_equal(&address, &router->settings.addresses[i]));
	}
	assert(addr_equal(source, &router->vrrp.primary) && !addr_is_unspecified(source));
	if (router->settings.unicast)
		assert(addr_in_list(destination, router->settings.peers,
				    router->settings.peer_count) &&
		       !addr_equal(destination, source));
	else
		assert(addr_equal(destination, &group));
	return !w.send_fails;
}

static bool is_renewal(const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (!router->present[i])
			return false;
	return true;
}

static bool io_add(struct engine_io *io, const struct router *router, int64_t *ret_took_us)
{
	assert(io == &w.io);
	w.acts++;
	*ret_took_us = 0;
	assert(router->vrrp.state != VRRP_STATE_INITIALIZE);
	if (w.add_fails || kernel.index == 0)
		return is_renewal(router);
	for (size_t i = 0; i < router->settings.address_count; i++)
		kernel_add(&router->settings.addresses[i], true);
	holder_of(router)->holds = true;
	return true;
}

static void io_remove(struct engine_io *io, const struct router *router,
		      const struct addr *addresses, size_t count)
{
	assert(io == &w.io);
	w.acts++;
	for (size_t i = 0; i < count; i++)
		kernel_remove(&addresses[i]);
	/* Else it is what a reload took out of the list. */
	if (addresses == router->settings.addresses)
		holder_of(router)->holds = false;
}

static bool io_announce(struct engine_io *io, const struct router *router)
{
	assert(io == &w.io);
	w.acts++;
	assert(holder_of(router)->holds);
	return !w.announce_fails;
}

static void io_notify(struct engine_io *io, const struct router *router,
		      const struct router_transition *transition)
{
	assert(io == &w.io);
	w.acts++;
	assert(transition->what.to == router->vrrp.state);
	assert(transition->what.to != VRRP_STATE_ACTIVE || holder_of(router)->holds);
}

static void io_trace(struct engine_io *io, const struct router *router, enum engine_trace what,
		     enum advert_refusal refusal, const struct packet *packet)
{
	(void)router;
	assert(io == &w.io);
	if (what != ENGINE_TRACE_REFUSED)
		return;
	assert(packet && refusal != ADVERT_OK);
	w.refused++;
	w.refusal = refusal;
}

/* GROUP: only routers that are to, and what is sent can be read. */
static bool io_send_status(struct engine_io *io, const struct router *router,
			   const struct addr *source, const struct addr *destination,
			   const uint8_t *bytes, size_t size)
{
	const struct packet packet = {.source = *source,
				      .destination = *destination,
				      .hops = ADVERT_HOPS,
				      .data = bytes,
				      .size = size};
	struct group_status status;

	assert(io == &w.io);
	assert(router->settings.members && group_status_is(&packet));
	assert(group_status_decode(&packet, &status) == GROUP_STATUS_OK);
	assert(status.vrid == router->settings.vrid && status.state == router->vrrp.state);
	assert(status.priority == vrrp_priority(&router->vrrp));
	assert(addr_equal(source, &router->vrrp.primary) && !addr_is_unspecified(source));
	assert(!addr_in_list(source, status.heard, status.heard_count));
	return !w.send_fails;
}

static void io_status_refused(struct engine_io *io, const struct router *router,
			      enum group_status_refusal refusal, const struct packet *packet)
{
	assert(io == &w.io);
	assert(router && packet && refusal != GROUP_STATUS_OK);
}

static uint64_t adverts_of(const struct router *router)
{
	return router->counters.adverts_sent + router->counters.send_failures;
}

/* Before each call of the engine. */
static void begin(void)
{
	w.acts = 0;
	w.refused = 0;
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];
		struct holder *holder = holder_of(router);

		holder->sent_before = adverts_of(router);
		holder->sent_on_wire = router->counters.adverts_sent;
		holder->state_before = router->vrrp.state;
	}
}

static bool is_set_within(struct instant timer, int64_t duration_us)
{
	return !instant_is_never(timer) && instant_since(timer, w.now) <= duration_us;
}

static bool has_audience(const struct router *router)
{
	for (size_t i = 0; i < router->settings.peer_count; i++)
		if (!addr_equal(&router->settings.peers[i], &router->vrrp.primary))
			return true;
	return !router->settings.unicast;
}

static void note_what_was_said(const struct router *router, struct holder *holder)
{
	bool took_over = router->vrrp.state == VRRP_STATE_ACTIVE &&
			 holder->state_before != VRRP_STATE_ACTIVE;

	if (took_over || router->counters.adverts_sent != holder->sent_on_wire) {
		holder->heard = w.now;
		holder->interval_us = router->vrrp.config.advert_int_cs * CENTISECOND_US;
	}
	if (router->vrrp.state != VRRP_STATE_ACTIVE)
		holder->asked_to_leave = false;
	if (router->vrrp.state != VRRP_STATE_ACTIVE || !has_audience(router))
		holder->said = false;
}

/* Invariants that vrrp_assert() cannot check without the time: no timer lies further away than what
 * it counts. */
static void check_timers(const struct router *router)
{
	const struct vrrp *vr = &router->vrrp;
	int64_t own_us = vr->config.advert_int_cs * CENTISECOND_US;

	if (vr->state == VRRP_STATE_INITIALIZE && vr->fault == VRRP_FAULT_ADD_FAILED && vr->started)
		assert(is_set_within(vr->timers[VRRP_TIMER_RETRY], VRRP_RETRY_US));
	if (vr->state == VRRP_STATE_BACKUP)
		assert(is_set_within(vrrp_takeover(vr).at, 4 * VRRP_INTERVAL_FACTOR * own_us));
	if (vr->state == VRRP_STATE_ACTIVE)
		assert(is_set_within(vr->timers[VRRP_TIMER_ADVER], own_us));
}

static void check_state(const struct router *router)
{
	const struct vrrp *vr = &router->vrrp;
	enum priority_band band = router->settings.track_apiserver ? health_band(&w.engine.health)
								   : PRIORITY_BAND_READY;

	router_assert(router);
	if (vr->state != VRRP_STATE_INITIALIZE && instant_is_never(router_grace_end(router))) {
		assert(router_fault(router) == VRRP_FAULT_NONE);
		assert(addr_equal(&router->own[router->settings.family], &vr->primary));
	}
	assert(vr->priority == priority_in_band(router_ready_priority(router), band));
}

/* After each call of the engine. */
static void check(uint64_t adverts_max)
{
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];
		struct holder *holder = holder_of(router);
		uint64_t sent = adverts_of(router) - holder->sent_before;

		check_state(router);
		check_timers(router);
		assert(holder->holds == (router->vrrp.state == VRRP_STATE_ACTIVE));
		assert(sent <= adverts_max);
		if (holder->state_before != VRRP_STATE_ACTIVE &&
		    router->vrrp.state != VRRP_STATE_ACTIVE)
			assert(sent == 0);
		note_what_was_said(router, holder);
	}
}

/* A router that gives up its role without a successor sends priority 0, and does so before the
 * addresses go: without them it does not send. A router whose own address has not come back in time
 * cannot. Called before check(), which forgets what was said. */
static void check_goodbyes(void)
{
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];
		const struct holder *holder = holder_of(router);
		bool mute = router_fault(router) != VRRP_FAULT_NONE;

		if (holder->state_before == VRRP_STATE_ACTIVE && !holder->holds && holder->said &&
		    !mute)
			assert(holder->priority == PRIORITY_STOP);
	}
}

/* Only a timer makes a router Active. */
static void check_none_took_over(void)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		assert(w.engine.routers[i]->vrrp.state != VRRP_STATE_ACTIVE ||
		       holder_of(w.engine.routers[i])->state_before == VRRP_STATE_ACTIVE);
}

static void take_snapshot(void)
{
	memcpy(snapshot.name, kernel.name, sizeof(snapshot.name));
	memcpy(snapshot.mac, kernel.mac, sizeof(snapshot.mac));
	snapshot.index = kernel.index;
	snapshot.up = kernel.up;
	snapshot.carrier_changes = kernel.carrier_changes;
	snapshot.address_count = kernel.address_count;
	memcpy(snapshot.addresses, kernel.addresses,
	       kernel.address_count * sizeof(kernel.addresses[0]));
}

static void show_interface(bool fresh)
{
	if (fresh)
		take_snapshot();
	for (size_t i = 0; i < w.engine.router_count; i++) {
		begin();
		engine_interface(&w.engine, w.now, w.engine.routers[i], &snapshot);
		check(2);
		check_none_took_over();
	}
}

static void run_timers(bool drained)
{
	begin();
	engine_timers(&w.engine, w.now, drained);
	check_goodbyes();
	check(1);
}

/* RECONCILE: after a turn the address is there if and only if the router is Active. Without a
 * primary address the engine leaves alone what may be the node's own. */
static void turn(void)
{
	show_interface(true);
	run_timers(true);
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];

		if (router->vrrp.state == VRRP_STATE_ACTIVE)
			assert(kernel_has_all(router));
		else
			assert(!kernel_has_any(router));
	}
}

/* Of the router. */
static const struct conf_instance *instance_of(const struct router *router)
{
	size_t i = 0;

	while (strcmp(conf.instances[i].name, router->settings.instance) != 0)
		i++;
	assert(i < conf.instance_count);
	return &conf.instances[i];
}

/* BOUNDS and RFC 9568 7.1, by the file and the bytes alone. */
static void check_acceptable(const struct router *router, const struct packet *packet)
{
	const struct conf_instance *instance = instance_of(router);
	enum addr_family family = packet->source.family;
	size_t size = addr_size(family);
	unsigned interval_cs = (packet->data[4] & 0x0fU) << 8 | packet->data[5];
	bool shared = false;

	assert(packet->hops == ADVERT_HOPS && !packet->oversized && packet->data[0] == 0x31);
	assert(packet->size == ADVERT_HEADER_SIZE + packet->data[3] * size);
	assert(interval_cs >= 1);
	assert(!addr_equal(&packet->source, &router->vrrp.primary));
	if (instance->unicast)
		assert(addr_in_list(&packet->source, instance->peers, instance->peer_count));
	for (unsigned i = 0; i < packet->data[3]; i++) {
		struct addr address =
			addr_from_bytes(family, packet->data + ADVERT_HEADER_SIZE + i * size);

		shared |= addr_in_list(&address, instance->addresses, instance->address_count);
	}
	assert(shared);
}

/* DEAF: a member that is alive, has had the time to hear this router, and lists others. */
static bool is_deaf(const struct router *router, uint8_t priority, const struct packet *packet)
{
	const struct member *member = member_find(&router->group.members, &packet->source);
	int64_t alive_us, cs = CENTISECOND_US;

	if (!member || priority_band(priority) != priority_band(packet->data[2]))
		return false;
	alive_us = 3 * cs * (member->status.interval_cs < 400 ? member->status.interval_cs : 400);
	return instant_since(w.now, member->heard_at) < alive_us &&
	       instant_since(w.now, member->since) >= 3 * cs * router->vrrp.config.advert_int_cs &&
	       member->status.heard_count < 15 &&
	       !addr_in_list(&router->vrrp.primary, member->status.heard,
			     member->status.heard_count);
}

/* RFC 9568 6.4.3, HANDOVER and SOCKETS FIRST: whether who was Active yields to an advert, by what
 * it had said on the wire and when. Between three and four intervals it is for the unit tests to
 * say whether its claim has expired. */
static void check_answer(const struct router *router, const struct router *router_before,
			 const struct holder *before, const struct packet *packet)
{
	bool yields = router->vrrp.state != VRRP_STATE_ACTIVE;
	bool deaf = is_deaf(router_before, before->priority, packet);
	uint8_t priority = packet->data[2];
	bool better =
		priority > before->priority || (priority == before->priority &&
						addr_compare(&packet->source, &before->source) > 0);
	bool leaves_too = before->asked_to_leave && priority == PRIORITY_LEAVING;

	if (priority == PRIORITY_STOP)
		assert(!yields);
	else if (instant_since(w.now, before->heard) >= 4 * before->interval_us)
		assert(yields);
	else if (before->said && instant_since(w.now, before->heard) <= 3 * before->interval_us)
		assert(yields == (better && !leaves_too && !deaf));
}

static void check_accepted(const struct router *router, const struct router *before,
			   const struct holder *holder_before, const struct packet *packet)
{
	assert(router->counters.adverts_received == before->counters.adverts_received + 1);
	check_acceptable(router, packet);
	if (before->vrrp.state != VRRP_STATE_ACTIVE)
		return;
	check_answer(router, before, holder_before, packet);
}

/* GROUP: a STATUS changes what is known of the members, and nothing else of any router. */
static void hear_status(const struct packet *packet)
{
	static struct router before[HOLDERS_MAX];

	for (size_t i = 0; i < w.engine.router_count; i++)
		before[i] = *w.engine.routers[i];
	begin();
	engine_packet(&w.engine, w.now, kernel.index, packet);
	check(1);
	check_none_took_over();
	assert(w.refused == 0 && w.acts == 0);
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];

		if (router->settings.members && router->settings.vrid == packet->data[8])
			before[i].group = router->group;
		memcpy(before[i].group.counters.rejected, router->group.counters.rejected,
		       sizeof(before[i].group.counters.rejected));
		assert(memcmp(router, &before[i], sizeof(before[i])) == 0);
	}
}

static void hear(const struct packet *packet)
{
	static struct holder holders[HOLDERS_MAX];
	static struct router before[HOLDERS_MAX];
	const struct router *belongs = engine_find(&w.engine, kernel.index, packet->source.family,
						   packet->size > 1 ? packet->data[1] : 0);

	if (group_status_is(packet)) {
		hear_status(packet);
		return;
	}
	for (size_t i = 0; i < w.engine.router_count; i++) {
		before[i] = *w.engine.routers[i];
		holders[i] = *holder_of(w.engine.routers[i]);
	}
	begin();
	engine_packet(&w.engine, w.now, kernel.index, packet);
	check(1);
	check_none_took_over();
	assert(w.refused <= 1);
	assert(w.refused == 0 || w.acts == 0);
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];

		if (router == belongs && w.refused)
			before[i].counters.rejected[w.refusal]++;
		/* A member that was missed is heard again. */
		if (router == belongs && !w.refused)
			check_accepted(router, &before[i], &holders[i], packet);
		else /* REJECT */
			assert(memcmp(router, &before[i], sizeof(before[i])) == 0);
	}
}

static struct addr take_sender(uint8_t choice, const struct router *router)
{
	struct addr sender = nodes[choice % POOL];

	if (sender.family != router->settings.family)
		sender = addr_from_bytes(router->settings.family,
					 "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x44");
	if (choice & 0x80)
		sender.bytes[addr_size(sender.family) - 1] ^= choice;
	return sender;
}

/* An advert of another node of the same virtual router, with a few things wrong if flags say. */
static void step_advert(struct wire_reader *in)
{
	uint8_t bytes[ADVERT_SIZE_MAX];
	uint8_t flags = wire_read_u8(in);
	uint8_t choice = wire_read_u8(in);
	const struct router *router;
	struct advert_fields fields = {0};
	struct packet packet = {.hops = ADVERT_HOPS, .data = bytes};

	if (w.engine.router_count == 0)
		return;
	router = w.engine.routers[flags % w.engine.router_count];
	fields.vrid = router->settings.vrid;
	fields.priority = wire_read_u8(in);
	fields.interval_cs = router->vrrp.config.advert_int_cs;
	fields.checksum = flags & 0x08 ? ADVERT_CHECKSUM_RFC5798 : ADVERT_CHECKSUM_RFC9568;
	fields.address_count = (uint8_t)router->settings.address_count;
	fields.addresses = router->settings.addresses;
	fields.source = take_sender(choice, router);
	fields.destination = advert_group(router->settings.family);
	if (flags & 0x10)
		fields.interval_cs = wire_read_u16(in);
	if (flags & 0x20)
		fields.address_count = wire_read_u8(in) % fields.address_count;
	packet.size = advert_encode(&fields, bytes, sizeof(bytes));
	packet.source = fields.source;
	packet.destination = fields.destination;
	if (flags & 0x40)
		bytes[wire_read_u8(in) % packet.size] ^= wire_read_u8(in);
	if (flags & 0x80)
		packet.hops = wire_read_u8(in);
	hear(&packet);
}

/* A STATUS of another member of the same virtual router. */
static void step_status(struct wire_reader *in)
{
	uint8_t bytes[GROUP_STATUS_SIZE_MAX];
	uint8_t flags = wire_read_u8(in);
	uint8_t choice = wire_read_u8(in);
	const struct router *router;
	struct group_status status = {.interval_cs = MEMBER_INTERVAL_CS};
	struct packet packet = {.hops = ADVERT_HOPS, .data = bytes};

	if (w.engine.router_count == 0)
		return;
	router = w.engine.routers[flags % w.engine.router_count];
	status.vrid = router->settings.vrid;
	status.priority = wire_read_u8(in);
	status.state = (enum vrrp_state)((flags >> 1 & 3) % VRRP_STATE_COUNT);
	packet.source = take_sender(choice, router);
	packet.destination = advert_group(router->settings.family);
	if (flags & 0x08)
		status.heard[status.heard_count++] = router->vrrp.primary;
	if (flags & 0x10)
		status.heard[status.heard_count++] = take_sender(wire_read_u8(in), router);
	if (flags & 0x20)
		status.interval_cs = (uint16_t)(wire_read_u8(in) + 1);
	if (flags & 0x40)
		status.digest = wire_read_u8(in);
	packet.size = group_status_encode(&status, ADVERT_CHECKSUM_RFC9568, &packet.source,
					  &packet.destination, bytes, sizeof(bytes));
	if (flags & 0x80)
		bytes[wire_read_u8(in) % packet.size] ^= wire_read_u8(in);
	hear(&packet);
}

static void step_raw_packet(struct wire_reader *in)
{
	uint8_t choice = wire_read_u8(in);
	size_t size = wire_read_u8(in);
	const uint8_t *bytes = wire_read_bytes(in, size);
	struct packet packet = {
		.source = nodes[choice % POOL],
		.destination = advert_group(nodes[choice % POOL].family),
		.hops = ADVERT_HOPS,
		.oversized = choice & 0x80,
		.data = bytes ? bytes : in->at,
		.size = bytes ? size : 0,
	};

	hear(&packet);
}

static void step_time(struct wire_reader *in)
{
	uint8_t choice = wire_read_u8(in);
	struct instant deadline = engine_deadline(&w.engine);
	struct instant now = w.now;

	switch (choice % 4) {
	case 0:
		now = instant_add(now, (choice / 4) * 200);
		break;
	case 1:
		now = instant_add(now, wire_read_u8(in) * 10 * MILLISECOND_US);
		break;
	case 2:
		now = instant_add(now, wire_read_u16(in) * MILLISECOND_US);
		break;
	case 3:
		if (!instant_is_never(deadline))
			now = instant_add(deadline, choice & 0x04 ? -1 : 0);
		break;
	}
	if (now.us > w.now.us)
		w.now = now;
}

static void step_kernel(struct wire_reader *in)
{
	uint8_t choice = wire_read_u8(in);
	unsigned number = choice >> 3;

	switch (choice & 7) {
	case 0:
		kernel.index = (int)(number % 3); /* does not exist, or was replaced */
		kernel.address_count = 0;
		break;
	case 1:
		kernel.up = number & 1;
		break;
	case 2:
		kernel_add(&nodes[number % OWN_COUNT], number & 0x10);
		break;
	case 3:
		kernel_remove(&nodes[number % OWN_COUNT]);
		break;
	case 4:
		kernel_add(&vips[number % POOL], number & 0x10);
		break;
	case 5:
		kernel_remove(&vips[number % POOL]);
		break;
	case 6:
		w.add_fails = number & 1;
		w.send_fails = number & 2;
		w.announce_fails = number & 4;
		break;
	case 7:
		kernel.carrier_changes += number & 1;
		kernel.mac[5] = (uint8_t)(kernel.mac[5] + (number >> 1 & 1));
		break;
	}
}

static void step_socket(struct wire_reader *in)
{
	uint8_t choice = wire_read_u8(in);

	if (w.engine.router_count == 0)
		return;
	begin();
	engine_socket(&w.engine, w.now, w.engine.routers[(choice >> 1) % w.engine.router_count],
		      choice & 1);
	check(1);
	check_none_took_over();
}

static void on_violation(void *context, const struct conf_instance *instance, const char *option,
			 const char *message)
{
	bool *valid = context;

	(void)instance;
	(void)option;
	(void)message;
	*valid = false;
}

static void take_instance(struct wire_reader *in, struct conf_instance *instance)
{
	static const uint16_t intervals_cs[8] = {1,   2,   25,	100,
						 100, 409, 410, ADVERT_INTERVAL_MAX_CS};
	uint8_t choice = wire_read_u8(in);
	uint8_t flags = wire_read_u8(in);
	uint8_t addresses = wire_read_u8(in);
	uint8_t peers = flags & 0x01 ? wire_read_u8(in) : 0;

	strcpy(instance->interface, flags & 0x02 ? "eth0" : "");
	instance->virtual_router_id = flags & 0x04 ? (uint8_t)(10 + (flags >> 3 & 1)) : 0;
	instance->track_apiserver = flags & 0x10;
	instance->members = choice & 0x40;
	instance->checksum = flags & 0x20 ? ADVERT_CHECKSUM_RFC5798 : ADVERT_CHECKSUM_RFC9568;
	instance->preempt_delay_us = flags & 0x40 ? 3 * SECOND_US : 0;
	instance->priority =
		flags & 0x80 ? (uint8_t)(PRIORITY_READY_MIN + choice % PRIORITY_BAND_SIZE) : 0;
	instance->advert_int_cs = intervals_cs[choice & 7];
	instance->preempt = (enum vrrp_preempt)((choice >> 3) % 3);
	for (unsigned i = 0; i < POOL; i++) {
		if (addresses >> i & 1)
			instance->addresses[instance->address_count++] = vips[i];
		if (peers >> i & 1)
			instance->peers[instance->peer_count++] = nodes[i];
	}
	instance->unicast = instance->peer_count > 0;
	if (instance->unicast && choice & 0x80)
		instance->unicast_src_ip = nodes[choice >> 5 & 3];
}

/* False, and nothing changed, if that is no configuration. */
static bool take_conf(struct wire_reader *in)
{
	static const char *const names[] = {"a", "b", "c"};
	static struct conf next;
	uint8_t choice = wire_read_u8(in);
	size_t count = 1 + (choice & 1);
	bool valid = true;

	memset(next.instances, 0, INSTANCES_MAX * sizeof(next.instances[0]));
	next.instance_count = count;
	next.address_lease_s = choice >> 1 & 3 ? 1U << (choice >> 1 & 3) : 0;
	next.announce_refresh_s = (choice >> 3 & 3) * 10;
	for (size_t i = 0; i < count; i++) {
		strcpy(next.instances[i].name, names[(i + (choice >> 5)) % 3]);
		take_instance(in, &next.instances[i]);
	}
	conf_complete(&next, on_violation, &valid);
	if (!valid)
		return false;
	conf.instance_count = next.instance_count;
	conf.address_lease_s = next.address_lease_s;
	conf.announce_refresh_s = next.announce_refresh_s;
	memcpy(conf.instances, next.instances, INSTANCES_MAX * sizeof(next.instances[0]));
	return true;
}

static bool is_router(const struct router *router)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		if (w.engine.routers[i] == router)
			return true;
	return false;
}

static bool reload(void)
{
	static struct router_settings settings[INSTANCES_MAX];

	for (size_t i = 0; i < conf.instance_count; i++)
		settings_of_instance(&conf, i, &settings[i]);
	return reload_routers(&w.engine, w.now, settings, conf.instance_count);
}

static void configure(void)
{
	begin();
	assert(reload());
	for (size_t i = w.holder_count; i-- > 0;) {
		if (is_router(w.holders[i].router))
			continue;
		assert(!w.holders[i].holds);
		assert(!w.holders[i].said || w.holders[i].priority == PRIORITY_STOP);
		w.holders[i] = w.holders[--w.holder_count];
	}
	check(1);
	check_none_took_over();
	show_interface(true);
}

/* SURVIVE: a reload that changes nothing does not touch a router. */
static void reload_same(void)
{
	static struct router before[HOLDERS_MAX];
	size_t count = w.engine.router_count;

	for (size_t i = 0; i < count; i++)
		before[i] = *w.engine.routers[i];
	begin();
	assert(reload());
	assert(w.acts == 0 && w.engine.router_count == count);
	for (size_t i = 0; i < count; i++)
		assert(memcmp(w.engine.routers[i], &before[i], sizeof(before[i])) == 0);
}

static void note_wish_to_leave(void)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		holder_of(w.engine.routers[i])->asked_to_leave = true;
}

static void shut_down(void)
{
	begin();
	engine_shutdown(&w.engine, w.now);
	check_goodbyes();
	note_wish_to_leave();
	check(1);
	check_none_took_over();
}

static void step_probe_result(struct wire_reader *in)
{
	begin();
	engine_probe_result(&w.engine, w.now,
			    (enum health_result)(wire_read_u8(in) % HEALTH_RESULT_COUNT));
	check(1);
	check_none_took_over();
}

static void step_step_down(struct wire_reader *in)
{
	begin();
	engine_step_down(&w.engine, w.now, (int64_t)(1 + wire_read_u8(in)) * SECOND_US / 2);
	note_wish_to_leave();
	check(1);
	check_none_took_over();
}

enum op {
	OP_ADVERT,
	OP_ADVERT_AND_TURN,
	OP_RAW_PACKET,
	OP_TIME,
	OP_TIME_AND_TURN,
	OP_TIMERS_DRAINED,
	OP_TIMERS_UNDRAINED,
	OP_TURN,
	OP_KERNEL,
	OP_KERNEL_AND_TURN,
	OP_INTERFACE,
	OP_INTERFACE_STALE,
	OP_SOCKET,
	OP_PROBE_RESULT,
	OP_STEP_DOWN,
	OP_RELOAD_SAME,
	OP_RELOAD,
	OP_SHUTDOWN,
	OP_STATUS,
};
#define OP_COUNT (OP_STATUS + 1)

static void step(struct wire_reader *in)
{
	switch ((enum op)(wire_read_u8(in) % OP_COUNT)) {
	case OP_ADVERT:
		step_advert(in);
		break;
	case OP_ADVERT_AND_TURN:
		step_advert(in);
		turn();
		break;
	case OP_RAW_PACKET:
		step_raw_packet(in);
		break;
	case OP_TIME:
		step_time(in);
		break;
	case OP_TIME_AND_TURN:
		step_time(in);
		turn();
		break;
	case OP_TIMERS_DRAINED:
		run_timers(true);
		break;
	case OP_TIMERS_UNDRAINED:
		run_timers(false);
		break;
	case OP_TURN:
		turn();
		break;
	case OP_KERNEL:
		step_kernel(in);
		break;
	case OP_KERNEL_AND_TURN:
		step_kernel(in);
		turn();
		break;
	case OP_INTERFACE:
		show_interface(true);
		break;
	case OP_INTERFACE_STALE:
		show_interface(false);
		break;
	case OP_SOCKET:
		step_socket(in);
		break;
	case OP_PROBE_RESULT:
		step_probe_result(in);
		break;
	case OP_STEP_DOWN:
		step_step_down(in);
		break;
	case OP_RELOAD_SAME:
		reload_same();
		break;
	case OP_RELOAD:
		if (take_conf(in))
			configure();
		break;
	case OP_SHUTDOWN:
		shut_down();
		break;
	case OP_STATUS:
		step_status(in);
		break;
	}
}

static void heal(void)
{
	w.add_fails = false;
	w.send_fails = false;
	w.announce_fails = false;
	kernel.index = kernel.index ? kernel.index : 1;
	kernel.up = true;
	for (unsigned i = 0; i < OWN_COUNT; i++)
		kernel_add(&nodes[i], false);
	for (size_t i = 0; i < w.engine.router_count; i++)
		engine_socket(&w.engine, w.now, w.engine.routers[i], true);
}

static bool is_vip(const struct addr *addr)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		if (addr_in_list(addr, w.engine.routers[i]->settings.addresses,
				 w.engine.routers[i]->settings.address_count))
			return true;
	return false;
}

/* A configuration can deprive a router of its source: this node does not have it, or it is a VIP.
 */
static bool is_without_source(const struct router *router)
{
	bool own_is_vip = is_vip(&nodes[0]) || is_vip(&nodes[1]) || is_vip(&nodes[2]);

	return (router->settings.unicast && router->vrrp.fault == VRRP_FAULT_NOT_A_PEER) ||
	       ((router->settings.unicast || own_is_vip) &&
		router->vrrp.fault == VRRP_FAULT_NO_ADDRESS);
}

static void check_history(const struct router *router)
{
	uint64_t transitions = 0;

	for (unsigned state = 0; state < VRRP_STATE_COUNT; state++)
		for (unsigned reason = 0; reason < VRRP_REASON_COUNT; reason++)
			transitions += router->counters.transitions[state][reason];
	assert(transitions == router->history_count);
}

/* Alone and without a fault: first what is under way ends, then everybody takes over. */
static void check_liveness(void)
{
	heal();
	for (unsigned i = 0; i < 4; i++) {
		w.now = instant_add(w.now, LONG_US);
		turn();
	}
	for (size_t i = 0; i < w.engine.router_count; i++) {
		const struct router *router = w.engine.routers[i];

		check_history(router);
		assert(router->vrrp.state == VRRP_STATE_ACTIVE || w.engine.shutting_down ||
		       is_without_source(router));
	}
	if (!w.engine.shutting_down)
		shut_down();
	w.now = instant_add(w.now, LONG_US);
	turn();
	assert(engine_stopped(&w.engine));
}

static void set_up(void)
{
	static const struct engine_io io = {io_send_advert, io_add,	      io_remove,
					    io_announce,    io_notify,	      io_trace,
					    io_send_status, io_status_refused};

	if (addr_is_unspecified(&vips[0])) {
		for (unsigned i = 0; i < POOL; i++) {
			bool parsed = addr_parse(vip_texts[i], &vips[i]) &&
				      addr_parse(node_texts[i], &nodes[i]);

			assert(parsed);
		}
	}
	memset(&w, 0, sizeof(w));
	w.io = io;
	w.now = (struct instant){10 * SECOND_US};
	kernel.index = 1;
	kernel.up = true;
	kernel.carrier_changes = 1;
	memset(kernel.mac, 0, sizeof(kernel.mac));
	kernel.address_count = 0;
	strcpy(kernel.name, "eth0");
	for (unsigned i = 0; i < OWN_COUNT; i++)
		kernel_add(&nodes[i], false);
	engine_init(&w.engine, &w.io, 3, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reader in = {.at = data, .left = size};

	set_up();
	if (!take_conf(&in))
		return 0;
	configure();
	for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++)
		step(&in);
	check_liveness();
	engine_fini(&w.engine);
	return 0;
}
