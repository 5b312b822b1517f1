/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000
#define NO_FAULT VRRP_REASON_STARTUP

void engine_init(struct engine *engine, struct host *host)
{
	*engine = (struct engine){.host = host};
}

void engine_fini(struct engine *engine)
{
	for (size_t i = 0; i < engine->router_count; i++)
		free(engine->routers[i]);
	free(engine->routers);
	*engine = (struct engine){.host = engine->host};
}

struct router *engine_find(const struct engine *engine, int ifindex, enum addr_family family,
			   uint8_t vrid)
{
	struct router *router = engine->by_vrid[family][vrid];

	while (router && router->ifindex != ifindex)
		router = router->next_same_vrid;
	return router;
}

static void step(struct engine *engine, struct router *router, struct instant now,
		 const struct vrrp_event *event);

static void step_type(struct engine *engine, struct router *router, struct instant now,
		      enum vrrp_event_type type)
{
	step(engine, router, now, &(struct vrrp_event){.type = type});
}

static void step_fault(struct engine *engine, struct router *router, struct instant now,
		       enum vrrp_reason fault)
{
	step(engine, router, now, &(struct vrrp_event){.type = VRRP_EVENT_FAULT, .fault = fault});
}

static void step_priority(struct engine *engine, struct router *router, struct instant now)
{
	bool ready = !router->track_apiserver || engine->ready;
	uint8_t priority = health_priority(router->ready_priority, ready);

	if (priority != router->vrrp.priority)
		step(engine, router, now,
		     &(struct vrrp_event){.type = VRRP_EVENT_PRIORITY, .priority = priority});
}

static bool send_copy(struct engine *engine, const struct router *router, uint8_t priority,
		      struct addr destination)
{
	uint8_t bytes[ADVERT_HEADER_SIZE + ENGINE_ADDRESSES_MAX * 16];
	struct advert_fields fields = {
		.vrid = router->vrid,
		.priority = priority,
		.interval_cs = router->vrrp.config.advert_int_cs,
		.checksum = router->checksum,
		.address_count = (uint8_t)router->address_count,
		.addresses = router->addresses,
		.source = router->vrrp.primary,
		.destination = destination,
	};
	size_t size = advert_encode(&fields, bytes, sizeof(bytes));

	return engine->host->send_advert(engine->host, router, &fields.source, &destination, bytes,
					 size);
}

/* One multicast, or one copy for each peer. It has been sent if anybody could be sent it. */
static void send_advert(struct engine *engine, struct router *router, uint8_t priority)
{
	bool sent = false, tried = false;

	if (!router->unicast)
		sent = send_copy(engine, router, priority, advert_group(router->family));
	for (size_t i = 0; i < router->peer_count; i++) {
		if (!router->unicast || addr_equal(&router->peers[i], &router->vrrp.primary))
			continue;
		tried = true;
		sent |= send_copy(engine, router, priority, router->peers[i]);
	}
	if (sent || (router->unicast && !tried)) {
		router->send_failures_in_row = 0;
		router->counters.adverts_sent++;
		router->counters.priority_zero_sent += priority == VRRP_PRIORITY_STOP;
	} else {
		router->send_failures_in_row++;
		router->counters.send_failures++;
	}
}

static bool add_addresses(struct engine *engine, struct router *router, int64_t *ret_took_us)
{
	if (!engine->host->add(engine->host, router, ret_took_us)) {
		router->counters.add_failures++;
		return false;
	}
	for (size_t i = 0; i < router->address_count; i++)
		router->present[i] = true;
	return true;
}

static void remove_addresses(struct engine *engine, struct router *router)
{
	engine->host->remove(engine->host, router, router->addresses, router->address_count);
	memset(router->present, 0, sizeof(router->present));
}

static void announce(struct engine *engine, struct router *router)
{
	if (engine->host->announce(engine->host, router))
		router->counters.announcements++;
	else
		router->counters.announce_failures++;
}

static void notify(struct engine *engine, struct router *router, struct instant now,
		   const struct vrrp_action *action)
{
	struct router_transition transition = {
		.at = now,
		.from = router->notified,
		.to = action->state,
		.reason = action->reason,
	};

	if (transition.to != transition.from) {
		router->history[router->history_count++ % ENGINE_HISTORY_MAX] = transition;
		router->counters.transitions[transition.to][transition.reason]++;
	}
	if (transition.to == VRRP_STATE_ACTIVE)
		router->active_known = false;
	router->notified = transition.to;
	router->since = now;
	engine->host->notify(engine->host, router, &transition);
}

/* ORDER: priority 0 before the address goes, if the role had been claimed. */
static void give_up(struct engine *engine, struct router *router)
{
	if (router->notified == VRRP_STATE_ACTIVE)
		send_advert(engine, router, VRRP_PRIORITY_STOP);
}

/* An Active that asserts its role to another one and is not heard, as so often before. */
static bool cannot_answer(const struct router *router)
{
	return router->vrrp.state == VRRP_STATE_ACTIVE &&
	       router->send_failures_in_row > ENGINE_SEND_FAILURES_MAX;
}

/*
 * Carries out what the machine asked for, in order. Without the address nothing after it happens
 * (ORDER); an advert that cannot be sent only matters when it happens again and again, since the
 * next one is due soon, and when there is another Active: then it must not be announced over.
 */
static void perform(struct engine *engine, struct router *router, struct instant now,
		    const struct vrrp_event *event, const struct vrrp_actions *actions)
{
	int64_t late_us = 0;

	for (unsigned i = 0; i < actions->count; i++) {
		const struct vrrp_action *action = &actions->list[i];

		switch (action->type) {
		case VRRP_ACTION_SEND_ADVERT:
			send_advert(engine, router, action->priority);
			if (event->type == VRRP_EVENT_ADVERT && cannot_answer(router)) {
				step_fault(engine, router, now, VRRP_REASON_SEND_FAILED);
				return;
			}
			vrrp_delayed(&router->vrrp, late_us);
			break;
		case VRRP_ACTION_ADD_ADDRESSES:
			if (!add_addresses(engine, router, &late_us)) {
				give_up(engine, router);
				step_fault(engine, router, now, VRRP_REASON_ADD_FAILED);
				return;
			}
			break;
		case VRRP_ACTION_REMOVE_ADDRESSES:
			remove_addresses(engine, router);
			break;
		case VRRP_ACTION_ANNOUNCE:
			announce(engine, router);
			break;
		case VRRP_ACTION_NOTIFY:
			notify(engine, router, now, action);
			break;
		}
	}
}

static void step(struct engine *engine, struct router *router, struct instant now,
		 const struct vrrp_event *event)
{
	struct vrrp_actions actions;

	vrrp_step(&router->vrrp, now, event, &actions);
	perform(engine, router, now, event, &actions);
}

/* The addresses of the instance's family; for IPv6 the link-local one comes first (RFC 9568 5.2.9).
 */
static void take_addresses(struct router *router, const struct conf_instance *instance)
{
	struct addr first = {
		.family = ADDR_FAMILY_IPV6,
		.bytes = {0xfe, 0x80, [8] = 2, 0, 0x5e, 0xff, 0xfe, 0, 2, router->vrid}};
	size_t count = 0;

	router->link_local_derived = router->family == ADDR_FAMILY_IPV6;
	if (router->family == ADDR_FAMILY_IPV6) {
		for (size_t i = instance->address_count; i-- > 0;)
			if (instance->addresses[i].family == ADDR_FAMILY_IPV6 &&
			    addr_is_link_local(&instance->addresses[i])) {
				first = instance->addresses[i];
				router->link_local_derived = false;
			}
		router->addresses[count++] = first;
	}
	for (size_t i = 0; i < instance->address_count; i++) {
		const struct addr *address = &instance->addresses[i];

		if (address->family == router->family &&
		    !addr_in_list(address, router->addresses, count))
			router->addresses[count++] = *address;
	}
	router->address_count = count;
}

static void take_peers(struct router *router, const struct conf_instance *instance)
{
	router->peer_count = 0;
	for (size_t i = 0; i < instance->peer_count; i++)
		if (instance->peers[i].family == router->family)
			router->peers[router->peer_count++] = instance->peers[i];
}

static struct vrrp_config vrrp_config_of(const struct conf *conf,
					 const struct conf_instance *instance)
{
	return (struct vrrp_config){
		.preempt = instance->preempt,
		.advert_int_cs = instance->advert_int_cs,
		.preempt_delay_us = instance->preempt_delay_us,
		.address_refresh_us = conf_address_refresh_us(conf),
		.announce_refresh_us = (int64_t)conf->announce_refresh_s * SECOND_US,
	};
}

static uint8_t ready_priority_of(const struct router *router)
{
	if (router->ready_priority_configured)
		return router->ready_priority_configured;
	if (addr_is_unspecified(&router->auto_address))
		return HEALTH_BAND_READY_MIN;
	return health_auto_priority(&router->auto_address);
}

/* What may change in place. */
static void take_values(struct router *router, const struct conf_instance *instance)
{
	bool source_fits = instance->unicast_src_ip.family == router->family;

	memcpy(router->interface, instance->interface, sizeof(router->interface));
	router->ready_priority_configured = instance->priority;
	router->track_apiserver = instance->track_apiserver;
	router->unicast = instance->unicast;
	router->checksum = instance->checksum;
	router->unicast_src_ip =
		source_fits ? instance->unicast_src_ip : (struct addr){.family = router->family};
	router->ready_priority = ready_priority_of(router);
	take_peers(router, instance);
}

/* What may change comes with router_change(). */
static struct router *router_new(const struct conf *conf, const struct conf_instance *instance,
				 enum addr_family family)
{
	struct router *router = calloc(1, sizeof(*router));
	struct vrrp_config config = vrrp_config_of(conf, instance);

	if (!router)
		return NULL;
	memcpy(router->instance, instance->name, sizeof(router->instance));
	router->family = family;
	router->vrid = instance->virtual_router_id;
	vrrp_init(&router->vrrp, &config, VRRP_PRIORITY_LEAVING);
	return router;
}

/* The new list of addresses in place: what has gone goes from the kernel, what is new comes as if
 * it had been lost. */
static void change_addresses(struct engine *engine, struct router *router, struct instant now,
			     const struct conf_instance *instance)
{
	struct addr before[ENGINE_ADDRESSES_MAX], gone[ENGINE_ADDRESSES_MAX];
	bool present_before[ENGINE_ADDRESSES_MAX];
	size_t before_count = router->address_count, gone_count = 0;
	bool added = false;

	memcpy(before, router->addresses, sizeof(before));
	memcpy(present_before, router->present, sizeof(present_before));
	memset(router->present, 0, sizeof(router->present));
	take_addresses(router, instance);
	for (size_t i = 0; i < before_count; i++)
		if (!addr_in_list(&before[i], router->addresses, router->address_count))
			gone[gone_count++] = before[i];
	for (size_t i = 0; i < router->address_count; i++) {
		bool old = false;

		for (size_t j = 0; j < before_count; j++)
			if (addr_equal(&router->addresses[i], &before[j])) {
				router->present[i] = present_before[j];
				old = true;
			}
		added |= !old;
	}
	if (gone_count > 0)
		engine->host->remove(engine->host, router, gone, gone_count);
	if (added)
		step_type(engine, router, now, VRRP_EVENT_ADDRESS_LOST);
}

static void router_change(struct engine *engine, struct router *router, struct instant now,
			  const struct conf *conf, const struct conf_instance *instance)
{
	struct vrrp_config config = vrrp_config_of(conf, instance);

	take_values(router, instance);
	vrrp_reconfigure(&router->vrrp, now, &config);
	/* An advert that this sends still lists the addresses that are there. */
	step_priority(engine, router, now);
	change_addresses(engine, router, now, instance);
}

/* Stops at once: a handover of a router that the file no longer names would be news to nobody. */
static void router_drop(struct engine *engine, struct router *router, struct instant now)
{
	step_type(engine, router, now, VRRP_EVENT_SHUTDOWN);
	if (router->vrrp.started)
		step_type(engine, router, now, VRRP_EVENT_SHUTDOWN);
	free(router);
}

static struct router *find_same(const struct engine *engine, const struct conf_instance *instance,
				enum addr_family family)
{
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];

		if (router->family == family && router->vrid == instance->virtual_router_id &&
		    !strcmp(router->instance, instance->name) &&
		    (!strcmp(router->interface, instance->interface) ||
		     (!router->interface[0] &&
		      !strcmp(router->interface_name, instance->interface)) ||
		     (router->interface_name[0] && !instance->interface[0])))
			return router;
	}
	return NULL;
}

static void index_by_vrid(struct engine *engine)
{
	memset(engine->by_vrid, 0, sizeof(engine->by_vrid));
	for (size_t i = engine->router_count; i-- > 0;) {
		struct router *router = engine->routers[i];
		struct router **head = &engine->by_vrid[router->family][router->vrid];

		router->next_same_vrid = *head;
		*head = router;
	}
}

static bool contains(struct router *const *routers, size_t count, const struct router *router)
{
	for (size_t i = 0; i < count; i++)
		if (routers[i] == router)
			return true;
	return false;
}

/* Routers for conf, the old ones where they are the same; NULL, with nothing changed, if there is
 * no memory. */
static struct router **make_routers(const struct engine *engine, const struct conf *conf,
				    size_t *ret_count)
{
	size_t count = 0;
	struct router **routers =
		calloc(conf->instance_count * ADDR_FAMILY_COUNT + 1, sizeof(struct router *));

	if (!routers)
		return NULL;
	for (size_t i = 0; i < conf->instance_count * ADDR_FAMILY_COUNT; i++) {
		const struct conf_instance *instance = &conf->instances[i / ADDR_FAMILY_COUNT];
		enum addr_family family = (enum addr_family)(i % ADDR_FAMILY_COUNT);
		struct router *router;

		if (!conf_instance_has_family(instance, family))
			continue;
		router = find_same(engine, instance, family);
		if (!router)
			router = router_new(conf, instance, family);
		if (!router)
			goto no_memory;
		routers[count++] = router;
	}
	*ret_count = count;
	return routers;

no_memory:
	for (size_t i = 0; i < count; i++)
		if (!contains(engine->routers, engine->router_count, routers[i]))
			free(routers[i]);
	free(routers);
	return NULL;
}

bool engine_configure(struct engine *engine, struct instant now, const struct conf *conf)
{
	size_t count = 0;
	struct router **routers = make_routers(engine, conf, &count);

	if (!routers)
		return false;
	for (size_t i = 0; i < engine->router_count; i++)
		if (!contains(routers, count, engine->routers[i]))
			router_drop(engine, engine->routers[i], now);
	for (size_t i = 0; i < count; i++)
		router_change(engine, routers[i], now, conf,
			      conf_instance_find(conf, routers[i]->instance));
	free(engine->routers);
	engine->routers = routers;
	engine->router_count = count;
	index_by_vrid(engine);
	return true;
}

static bool is_vip(const struct engine *engine, const struct addr *address)
{
	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router *router = engine->routers[i];

		if (addr_in_list(address, router->addresses, router->address_count))
			return true;
	}
	return false;
}

/* The node's own address, fit to be a source. */
static bool is_usable(const struct engine *engine, const struct interface_address *candidate,
		      enum addr_family family)
{
	return candidate->address.family == family && !candidate->deprecated &&
	       !is_vip(engine, &candidate->address);
}

/* Whether adverts may be sent from this address of the interface (RFC 9568 7.2). */
static bool is_primary(const struct router *router, const struct addr *address)
{
	if (!router->unicast)
		return router->family == ADDR_FAMILY_IPV4 || addr_is_link_local(address);
	if (!addr_is_unspecified(&router->unicast_src_ip))
		return addr_equal(address, &router->unicast_src_ip);
	return addr_in_list(address, router->peers, router->peer_count);
}

/* Finds *ret_primary, or the reason why there is none. */
static enum vrrp_reason examine(const struct engine *engine, const struct router *router,
				const struct interface *interface, struct addr *ret_primary)
{
	bool usable = false;

	if (interface->index == 0)
		return VRRP_REASON_NO_INTERFACE;
	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *candidate = &interface->addresses[i];

		if (!is_usable(engine, candidate, router->family))
			continue;
		if (is_primary(router, &candidate->address)) {
			*ret_primary = candidate->address;
			return interface->up ? NO_FAULT : VRRP_REASON_LINK_DOWN;
		}
		usable = true;
	}
	if (!interface->up)
		return VRRP_REASON_LINK_DOWN;
	return usable && router->unicast && addr_is_unspecified(&router->unicast_src_ip)
		       ? VRRP_REASON_NOT_A_PEER
		       : VRRP_REASON_NO_ADDRESS;
}

/* BANDS: the IPv4 address if the interface has one, for both families, else the IPv6 one. */
static void find_auto_address(const struct engine *engine, struct router *router,
			      const struct interface *interface)
{
	struct addr found = router->primary;

	for (size_t i = 0; i < interface->address_count; i++)
		if (is_usable(engine, &interface->addresses[i], ADDR_FAMILY_IPV4)) {
			found = interface->addresses[i].address;
			break;
		}
	if (!addr_is_unspecified(&found))
		router->auto_address = found;
	router->ready_priority = ready_priority_of(router);
}

static bool is_present(const struct interface *interface, const struct addr *address)
{
	for (size_t i = 0; i < interface->address_count; i++)
		if (addr_equal(&interface->addresses[i].address, address))
			return true;
	return false;
}

/* Takes over what the kernel shows of the addresses. True if one was lost that had been there. */
static bool compare_presence(struct router *router, const struct interface *interface)
{
	bool lost = false;

	for (size_t i = 0; i < router->address_count; i++) {
		bool present = is_present(interface, &router->addresses[i]);

		lost |= router->present[i] && !present;
		router->present[i] = present;
	}
	return lost;
}

static bool any_present(const struct router *router)
{
	for (size_t i = 0; i < router->address_count; i++)
		if (router->present[i])
			return true;
	return false;
}

/* Tells the machine what keeps the router from working, or that nothing does and where adverts come
 * from. */
static void evaluate(struct engine *engine, struct router *router, struct instant now)
{
	struct vrrp *vr = &router->vrrp;
	bool faulty_before =
		vr->reason >= VRRP_REASON_NO_INTERFACE && vr->reason < VRRP_REASON_ADD_FAILED;
	enum vrrp_reason fault = router->link_fault;

	if (fault == NO_FAULT && router->socket_closed)
		fault = VRRP_REASON_NO_SOCKET;
	if (fault != NO_FAULT && vr->reason != fault)
		step_fault(engine, router, now, fault);
	else if (fault == NO_FAULT &&
		 (faulty_before || !addr_equal(&router->primary, &vr->primary)))
		step(engine, router, now,
		     &(struct vrrp_event){.type = VRRP_EVENT_RECOVER, .primary = router->primary});
}

static void trace(struct engine *engine, const struct router *router, enum engine_trace what,
		  const struct packet *packet)
{
	engine->host->trace(engine->host, router, what, ADVERT_OK, packet);
}

/* RECONCILE */
static void reconcile(struct engine *engine, struct router *router, struct instant now, bool lost,
		      bool disturbed)
{
	if (router->vrrp.state == VRRP_STATE_ACTIVE) {
		if (disturbed && !lost)
			step_type(engine, router, now, VRRP_EVENT_ADDRESS_LOST);
		if (!lost)
			return;
		router->counters.vip_readded++;
		trace(engine, router, ENGINE_TRACE_READDED, NULL);
		step_type(engine, router, now, VRRP_EVENT_ADDRESS_LOST);
	} else if (!addr_is_unspecified(&router->primary) && any_present(router)) {
		/* Without a primary address the "VIP" may be the node's only address, by a slip in
		 * the file. */
		trace(engine, router, ENGINE_TRACE_REMOVED, NULL);
		remove_addresses(engine, router);
	}
}

/* True if the neighbours have to be told again: another hardware address, or the carrier went and
 * came back. */
static bool take_link(struct router *router, const struct interface *interface)
{
	bool changed = router->carrier_changes != interface->carrier_changes ||
		       memcmp(router->mac, interface->mac, sizeof(router->mac)) != 0;

	router->carrier_changes = interface->carrier_changes;
	memcpy(router->mac, interface->mac, sizeof(router->mac));
	return changed;
}

void engine_interface(struct engine *engine, struct instant now, struct router *router,
		      const struct interface *interface)
{
	bool replaced = router->ifindex != 0 && interface->index != router->ifindex;
	bool disturbed = take_link(router, interface);
	bool lost;

	if (replaced)
		step_fault(engine, router, now, VRRP_REASON_NO_INTERFACE);
	router->primary = (struct addr){.family = router->family};
	router->link_fault = examine(engine, router, interface, &router->primary);
	memcpy(router->interface_name, interface->name, sizeof(router->interface_name));
	router->ifindex = interface->index;
	lost = compare_presence(router, interface);
	evaluate(engine, router, now);
	find_auto_address(engine, router, interface);
	step_priority(engine, router, now);
	reconcile(engine, router, now, lost, disturbed);
	if (!router->interface_known && !engine->shutting_down) {
		router->interface_known = true;
		step_type(engine, router, now, VRRP_EVENT_STARTUP);
	}
}

void engine_socket(struct engine *engine, struct instant now, struct router *router, bool open)
{
	if (router->socket_closed == !open)
		return;
	router->socket_closed = !open;
	evaluate(engine, router, now);
}

/* The derived link-local address does not count as shared: everybody with this VRID has it. */
static bool shares_address(const struct router *router, const struct advert *advert, bool *ret_same)
{
	size_t first = router->link_local_derived ? 1 : 0;
	unsigned known = 0;
	bool shares = false;

	for (unsigned i = 0; i < advert->address_count; i++) {
		struct addr address = advert_address(advert, i);

		known += addr_in_list(&address, router->addresses, router->address_count);
		shares |= addr_in_list(&address, router->addresses + first,
				       router->address_count - first);
	}
	*ret_same = known == advert->address_count && known == router->address_count;
	return shares;
}

/* The rest of the REJECT chain: what the packet alone could not answer. */
static enum advert_refusal examine_advert(const struct router *router, const struct packet *packet,
					  const struct advert *advert, bool *ret_same_addresses)
{
	bool same;

	if (!router)
		return ADVERT_UNKNOWN_VRID;
	if (addr_equal(&packet->source, &router->vrrp.primary))
		return ADVERT_SOURCE_OWN;
	if (router->unicast && !addr_in_list(&packet->source, router->peers, router->peer_count))
		return ADVERT_SOURCE_NOT_PEER;
	if (!shares_address(router, advert, &same))
		return ADVERT_ADDRESSES_FOREIGN;
	if (advert->interval_cs > ENGINE_INTERVAL_FACTOR * router->vrrp.config.advert_int_cs)
		return ADVERT_INTERVAL_EXCESSIVE;
	*ret_same_addresses = same;
	return ADVERT_OK;
}

static void remember(struct router *router, struct instant now, const struct packet *packet,
		     uint8_t priority)
{
	struct router_heard *slot = NULL;

	for (size_t i = 0; i < router->heard_count; i++)
		if (addr_equal(&router->heard[i].address, &packet->source))
			slot = &router->heard[i];
	if (!slot && router->heard_count < ENGINE_HEARD_MAX)
		slot = &router->heard[router->heard_count++];
	if (!slot) {
		slot = &router->heard[0];
		for (size_t i = 1; i < router->heard_count; i++)
			if (router->heard[i].at.us < slot->at.us)
				slot = &router->heard[i];
	}
	*slot = (struct router_heard){.address = packet->source, .priority = priority, .at = now};
}

static void follow(struct router *router, struct instant now, const struct packet *packet,
		   uint8_t priority)
{
	router->active_known = priority != VRRP_PRIORITY_STOP;
	router->active_router =
		(struct router_heard){.address = packet->source, .priority = priority, .at = now};
}

static void count_accepted(struct engine *engine, struct router *router,
			   const struct packet *packet, const struct advert *advert,
			   bool same_addresses)
{
	struct router_counters *counters = &router->counters;

	counters->adverts_received++;
	counters->priority_zero_received += advert->priority == VRRP_PRIORITY_STOP;
	counters->checksum_rfc5798_received += advert->checksum == ADVERT_CHECKSUM_RFC5798;
	if (advert->interval_cs != router->vrrp.config.advert_int_cs) {
		counters->interval_differs++;
		trace(engine, router, ENGINE_TRACE_INTERVAL_DIFFERS, packet);
	}
	if (!same_addresses) {
		counters->addresses_differ++;
		trace(engine, router, ENGINE_TRACE_ADDRESSES_DIFFER, packet);
	}
	if (advert->priority > HEALTH_BAND_READY_MAX)
		trace(engine, router, ENGINE_TRACE_PRIORITY_OWNER, packet);
}

void engine_packet(struct engine *engine, struct instant now, int ifindex,
		   const struct packet *packet)
{
	struct router *router =
		engine_find(engine, ifindex, packet->source.family, advert_peek_vrid(packet));
	struct advert advert;
	bool same_addresses = false;
	enum advert_refusal refusal = advert_decode(packet, &advert);

	if (refusal == ADVERT_OK)
		refusal = examine_advert(router, packet, &advert, &same_addresses);
	if (refusal != ADVERT_OK) {
		(router ? router->counters.rejected : engine->rejected)[refusal]++;
		engine->host->trace(engine->host, router, ENGINE_TRACE_REFUSED, refusal, packet);
		return;
	}
	count_accepted(engine, router, packet, &advert, same_addresses);
	remember(router, now, packet, advert.priority);
	step(engine, router, now,
	     &(struct vrrp_event){
		     .type = VRRP_EVENT_ADVERT,
		     .advert = {.source = packet->source,
				.interval_cs = advert.interval_cs,
				.priority = advert.priority},
	     });
	if (router->vrrp.state == VRRP_STATE_BACKUP)
		follow(router, now, packet, advert.priority);
}

void engine_ready(struct engine *engine, struct instant now, bool ready)
{
	engine->ready = ready;
	for (size_t i = 0; i < engine->router_count; i++)
		step_priority(engine, engine->routers[i], now);
}

void engine_step_down(struct engine *engine, struct instant now, int64_t hold_us)
{
	struct vrrp_event event = {.type = VRRP_EVENT_STEP_DOWN, .hold_us = hold_us};

	for (size_t i = 0; i < engine->router_count; i++)
		step(engine, engine->routers[i], now, &event);
}

void engine_shutdown(struct engine *engine, struct instant now)
{
	engine->shutting_down = true;
	for (size_t i = 0; i < engine->router_count; i++)
		step_type(engine, engine->routers[i], now, VRRP_EVENT_SHUTDOWN);
}

bool engine_stopped(const struct engine *engine)
{
	for (size_t i = 0; i < engine->router_count; i++)
		if (engine->routers[i]->vrrp.started)
			return false;
	return true;
}

void engine_timers(struct engine *engine, struct instant now, bool drained)
{
	engine->undrained = drained ? 0 : engine->undrained + 1;
	if (engine->undrained % ENGINE_UNDRAINED_MAX != 0)
		return;
	for (size_t i = 0; i < engine->router_count; i++)
		if (instant_due(vrrp_deadline(&engine->routers[i]->vrrp), now))
			step_type(engine, engine->routers[i], now, VRRP_EVENT_TIMEOUT);
}

struct instant engine_deadline(const struct engine *engine)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < engine->router_count; i++)
		first = instant_min(first, vrrp_deadline(&engine->routers[i]->vrrp));
	return first;
}
