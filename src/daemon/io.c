/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os/announce.h"
#include "os/link.h"
#include "os/log.h"
#include "os/sock.h"
#include "os/vip.h"
#include "report/status.h"

#define SECOND_US 1000000
#define DRAIN_MAX 256	   /* packets of one socket in one turn */
#define RETRY_US SECOND_US /* after a socket that could not be opened or netlink that failed */
#define TRACE_COUNT (ENGINE_TRACE_REMOVED + 1)

/* What may go wrong again and again, beside the refusals and traces of the engine. */
enum complaint {
	COMPLAINT_SEND,
	COMPLAINT_RECEIVE,
	COMPLAINT_ANNOUNCE,
	COMPLAINT_REMOVE,
	COMPLAINT_NETLINK,
	COMPLAINT_COUNT
};

/* The raw socket of one interface and family, shared by the routers on it. */
struct slot {
	struct linux_host *host;
	int ifindex;
	enum addr_family family;
	bool multicast;
	struct sock *sock;
	struct event *event;
	bool readable; /* noted by the event; the turn reads */
	struct slot *next;
};

struct linux_host {
	struct host host;
	struct engine engine;
	const struct conf *conf; /* the caller's */

	struct event_base *base;
	struct event *netlink;
	bool netlink_readable;
	struct link *link;
	struct vip *vip;
	struct announce *announce;
	struct slot *slots;

	struct instant now;   /* of this turn */
	struct instant retry; /* INSTANT_NEVER if nothing has failed */

	struct log_limit refusals[ADVERT_REFUSAL_COUNT];
	struct log_limit traces[TRACE_COUNT];
	struct log_limit complaints[COMPLAINT_COUNT];
};

struct instant host_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){(int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000};
}

static struct linux_host *linux_host_of(struct host *host)
{
	return (struct linux_host *)host;
}

/* "apiserver/ipv4" */
#define ROUTER_FMT "%s/%s"
#define ROUTER_ARG(router) (router)->instance, addr_family_name((router)->family)

static bool may_complain(struct linux_host *h, enum complaint complaint)
{
	uint64_t suppressed;

	return log_allowed(&h->complaints[complaint], h->now, &suppressed);
}

static struct slot *find_slot(const struct linux_host *h, int ifindex, enum addr_family family)
{
	struct slot *slot = h->slots;

	while (slot && (slot->ifindex != ifindex || slot->family != family))
		slot = slot->next;
	return slot;
}

static bool host_send_advert(struct host *host, const struct router *router,
			     const struct addr *source, const struct addr *destination,
			     const uint8_t *bytes, size_t size)
{
	struct linux_host *h = linux_host_of(host);
	struct slot *slot = find_slot(h, router->ifindex, router->family);
	char text[ADDR_TEXT_SIZE];
	int error = slot ? sock_send(slot->sock, source, destination, bytes, size) : -ENOTCONN;

	if (error < 0 && may_complain(h, COMPLAINT_SEND))
		log_warning(ROUTER_FMT ": cannot send an advert to %s: %s", ROUTER_ARG(router),
			    addr_format(destination, text), strerror(-error));
	return error == 0;
}

static void remove_one(struct linux_host *h, const struct router *router,
		       const struct addr *address, unsigned prefix_length)
{
	char text[ADDR_TEXT_SIZE];
	int error = vip_remove(h->vip, router->ifindex, address, prefix_length);

	if (error < 0 && error != -EADDRNOTAVAIL && error != -ENODEV &&
	    may_complain(h, COMPLAINT_REMOVE))
		log_error("%s: cannot remove %s/%u: %s; it goes when its lease ends",
			  router->interface_name, addr_format(address, text), prefix_length,
			  strerror(-error));
}

static void host_remove(struct host *host, const struct router *router,
			const struct addr *addresses, size_t count)
{
	struct linux_host *h = linux_host_of(host);
	const struct interface *interface = link_get(h->link, router->interface_name);

	if (router->ifindex == 0)
		return;
	for (size_t i = 0; i < count; i++)
		remove_one(h, router, &addresses[i], addr_bits(addresses[i].family));
	for (size_t i = 0; interface && i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (addr_in_list(&found->address, addresses, count) &&
		    found->prefix_length != addr_bits(found->address.family))
			remove_one(h, router, &found->address, found->prefix_length);
	}
}

static int add_one(struct linux_host *h, const struct router *router, size_t i)
{
	unsigned lease_s = h->conf->address_lease_s;

	return (router->present[i] ? vip_renew : vip_add)(h->vip, router->ifindex,
							  &router->addresses[i], lease_s);
}

static bool add_all(struct linux_host *h, const struct router *router)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < router->address_count; i++) {
		const struct addr *address = &router->addresses[i];
		int error = add_one(h, router, i);

		if (error == 0)
			continue;
		log_error("%s: cannot %s %s/%u: %s; router " ROUTER_FMT " retries in %s",
			  router->interface_name, router->present[i] ? "refresh" : "add",
			  addr_format(address, text), addr_bits(address->family), strerror(-error),
			  ROUTER_ARG(router),
			  router->present[i] ? "the lease's next third" : "1 s");
		if (router->present[i])
			continue;
		for (size_t j = 0; j < i; j++)
			if (!router->present[j])
				remove_one(h, router, &router->addresses[j],
					   addr_bits(router->family));
		return false;
	}
	return true;
}

static bool host_add(struct host *host, const struct router *router, int64_t *ret_took_us)
{
	struct instant start = host_clock();
	bool added = add_all(linux_host_of(host), router);

	*ret_took_us = instant_since(host_clock(), start);
	return added;
}

static bool host_announce(struct host *host, const struct router *router)
{
	struct linux_host *h = linux_host_of(host);
	char text[ADDR_TEXT_SIZE];
	int first = 0;

	for (size_t i = 0; i < router->address_count; i++) {
		const struct addr *address = &router->addresses[i];
		int error =
			announce_send(h->announce, router->ifindex, &router->vrrp.primary, address);

		if (error < 0 && may_complain(h, COMPLAINT_ANNOUNCE))
			log_warning("%s: cannot announce %s: %s", router->interface_name,
				    addr_format(address, text), strerror(-error));
		first = first ? first : error;
	}
	return first == 0;
}

static void host_notify(struct host *host, const struct router *router,
			const struct router_transition *transition)
{
	char why[256];

	(void)host;
	state_explain(router, why, sizeof(why));
	if (transition->to == transition->from)
		log_notice(ROUTER_FMT ": %s: %s", ROUTER_ARG(router),
			   vrrp_state_name(transition->to), why);
	else
		log_notice(ROUTER_FMT ": %s -> %s: %s", ROUTER_ARG(router),
			   vrrp_state_name(transition->from), vrrp_state_name(transition->to), why);
}

static void log_refusal(struct linux_host *h, const struct router *router,
			enum advert_refusal refusal, const struct packet *packet)
{
	char source[ADDR_TEXT_SIZE];
	uint64_t suppressed;

	if (!log_allowed(&h->refusals[refusal], h->now, &suppressed))
		return;
	addr_format(&packet->source, source);
	if (router)
		log_warning(ROUTER_FMT ": refused an advert from %s: %s (VRID %u, %llu more since)",
			    ROUTER_ARG(router), source, advert_refusal_name(refusal), router->vrid,
			    (unsigned long long)suppressed);
	else
		log_info("refused an advert from %s: %s (VRID %u, %llu more since)", source,
			 advert_refusal_name(refusal), advert_peek_vrid(packet),
			 (unsigned long long)suppressed);
}

static void host_trace(struct host *host, const struct router *router, enum engine_trace what,
		       enum advert_refusal refusal, const struct packet *packet)
{
	struct linux_host *h = linux_host_of(host);
	char source[ADDR_TEXT_SIZE] = "";
	uint64_t suppressed;

	if (what == ENGINE_TRACE_REFUSED) {
		log_refusal(h, router, refusal, packet);
		return;
	}
	if (!log_allowed(&h->traces[what], h->now, &suppressed))
		return;
	if (packet)
		addr_format(&packet->source, source);
	switch (what) {
	case ENGINE_TRACE_REFUSED:
		break;
	case ENGINE_TRACE_INTERVAL_DIFFERS:
		log_warning(ROUTER_FMT ": %s advertises another advert_int than ours",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_ADDRESSES_DIFFER:
		log_warning(ROUTER_FMT ": %s advertises another list of addresses than ours",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_PRIORITY_OWNER:
		log_warning(ROUTER_FMT ": %s advertises priority 255, as if it owned the address",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_READDED:
		log_warning(
			ROUTER_FMT
			": %s has lost an address of ours (removed by somebody else, or its lease "
			"has ended)",
			ROUTER_ARG(router), router->interface_name);
		break;
	case ENGINE_TRACE_REMOVED:
		log_warning(ROUTER_FMT ": %s had an address of ours while not Active; removed",
			    ROUTER_ARG(router), router->interface_name);
		break;
	}
}

static void note(evutil_socket_t fd, short events, void *context)
{
	bool *noted = context;

	(void)fd;
	(void)events;
	*noted = true;
}

static void slot_free(struct slot *slot)
{
	if (slot->event)
		event_free(slot->event);
	sock_free(slot->sock);
	free(slot);
}

static int slot_open(struct linux_host *h, const struct router *router, bool multicast)
{
	struct slot *slot = calloc(1, sizeof(*slot));
	int error;

	if (!slot)
		return -ENOMEM;
	slot->host = h;
	slot->ifindex = router->ifindex;
	slot->family = router->family;
	slot->multicast = multicast;
	error = sock_new(slot->ifindex, slot->family, multicast, &slot->sock);
	if (error < 0)
		goto fail;
	slot->event = event_new(h->base, sock_fd(slot->sock), EV_READ | EV_PERSIST, note,
				&slot->readable);
	if (!slot->event || event_add(slot->event, NULL) < 0) {
		error = -ENOMEM;
		goto fail;
	}
	slot->next = h->slots;
	h->slots = slot;
	return 0;

fail:
	if (slot->sock)
		slot_free(slot);
	else
		free(slot);
	return error;
}

/* Whether any router uses the slot, and whether one of them needs the group. */
static bool slot_wanted(const struct linux_host *h, int ifindex, enum addr_family family,
			bool *ret_multicast)
{
	bool wanted = false, multicast = false;

	for (size_t i = 0; i < h->engine.router_count; i++) {
		const struct router *router = h->engine.routers[i];

		if (router->ifindex != ifindex || router->family != family)
			continue;
		wanted = true;
		multicast |= !router->unicast;
	}
	*ret_multicast = multicast;
	return wanted;
}

static void close_unwanted(struct linux_host *h)
{
	for (struct slot **at = &h->slots; *at;) {
		struct slot *slot = *at;
		bool multicast;

		if (slot_wanted(h, slot->ifindex, slot->family, &multicast) &&
		    slot->multicast == multicast) {
			at = &slot->next;
			continue;
		}
		*at = slot->next;
		slot_free(slot);
	}
}

/* One socket for each interface and family that a router is on, and none beside. */
static void sync_sockets(struct linux_host *h)
{
	close_unwanted(h);
	for (size_t i = 0; i < h->engine.router_count; i++) {
		struct router *router = h->engine.routers[i];
		bool multicast;
		int error = 0;

		if (router->ifindex == 0)
			continue;
		slot_wanted(h, router->ifindex, router->family, &multicast);
		if (!find_slot(h, router->ifindex, router->family))
			error = slot_open(h, router, multicast);
		if (error < 0) {
			if (!router->socket_closed)
				log_error(ROUTER_FMT
					  ": cannot open a socket on %s: %s; tried again "
					  "every second",
					  ROUTER_ARG(router), router->interface_name,
					  strerror(-error));
			h->retry = instant_add(h->now, RETRY_US);
		}
		engine_socket(&h->engine, h->now, router, error == 0);
	}
}

static void receive(void *context, const struct packet *packet)
{
	struct slot *slot = context;

	engine_packet(&slot->host->engine, slot->host->now, slot->ifindex, packet);
}

/*
 * True if every socket is empty now. One that the loop did not find readable may have become so
 * since then, which only matters when a timer is due.
 */
static bool drain_sockets(struct linux_host *h, bool timer_due)
{
	bool drained = true;

	for (struct slot *slot = h->slots; slot; slot = slot->next) {
		int result = 1;

		if (slot->readable || timer_due)
			result = sock_drain(slot->sock, DRAIN_MAX, receive, slot);
		slot->readable = false;
		if (result == 0)
			drained = false;
		else if (result < 0 && may_complain(h, COMPLAINT_RECEIVE))
			log_warning("cannot receive adverts: %s", strerror(-result));
	}
	return drained;
}

static void tell_interface(struct linux_host *h, struct router *router, const char *name)
{
	static const struct interface none;
	const struct interface *interface = name[0] ? link_get(h->link, name) : NULL;

	engine_interface(&h->engine, h->now, router, interface ? interface : &none);
}

static void netlink_failed(struct linux_host *h, int error)
{
	h->retry = instant_add(h->now, RETRY_US);
	if (may_complain(h, COMPLAINT_NETLINK))
		log_error("cannot ask netlink for interfaces: %s; tried again every second",
			  strerror(-error));
}

static void watch(struct linux_host *h, const char *name)
{
	int error = link_watch(h->link, name);

	if (error < 0)
		netlink_failed(h, error);
}

/* Whether a prefix of the interface still holds the first VIP (rule of `interface = auto`). */
static bool is_on_link(const struct linux_host *h, const struct router *router)
{
	const struct conf_instance *instance = conf_instance_find(h->conf, router->instance);
	const struct interface *interface = link_get(h->link, router->interface_name);

	for (size_t i = 0; interface && i < interface->address_count; i++) {
		const struct interface_address *own = &interface->addresses[i];

		if (!own->deprecated &&
		    !addr_in_list(&own->address, instance->addresses, instance->address_count) &&
		    addr_in_prefix(&instance->addresses[0], &own->address, own->prefix_length))
			return true;
	}
	return false;
}

/* `interface = auto`, and none found yet, or the network of the VIP has gone from it. */
static bool needs_interface(const struct linux_host *h, const struct router *router)
{
	return !router->interface[0] && (!router->interface_known || !is_on_link(h, router));
}

static bool any_needs_interface(const struct linux_host *h)
{
	for (size_t i = 0; i < h->engine.router_count; i++)
		if (needs_interface(h, h->engine.routers[i]))
			return true;
	return false;
}

static void find_interface(struct linux_host *h, struct router *router)
{
	const struct conf_instance *instance = conf_instance_find(h->conf, router->instance);
	char name[CONF_INTERFACE_SIZE] = "";
	int error = link_find(h->link, &instance->addresses[0], instance->addresses,
			      instance->address_count, name);

	if (error < 0 && error != -ENODEV)
		netlink_failed(h, error);
	if (error == 0)
		watch(h, name);
	else if (router->interface_known)
		return;
	if (!router->interface_known || strcmp(name, router->interface_name))
		tell_interface(h, router, name);
}

/* All events count from before the search on, so that what comes meanwhile is not missed. */
static void resolve_auto(struct linux_host *h)
{
	link_watch_all(h->link, any_needs_interface(h));
	for (size_t i = 0; i < h->engine.router_count; i++)
		if (needs_interface(h, h->engine.routers[i]))
			find_interface(h, h->engine.routers[i]);
	link_watch_all(h->link, any_needs_interface(h));
}

static void interface_changed(void *context, const struct interface *interface)
{
	struct linux_host *h = context;

	for (size_t i = 0; i < h->engine.router_count; i++) {
		struct router *router = h->engine.routers[i];

		if (!strcmp(router->interface, interface->name) ||
		    (!router->interface[0] && !strcmp(router->interface_name, interface->name)))
			engine_interface(&h->engine, h->now, router, interface);
	}
	/* A new interface may have the old one's index, but not its group membership. */
	if (interface->index == 0)
		close_unwanted(h);
}

/* After start, reload and a failure: every router is told what is known of its interface. */
static void attach_interfaces(struct linux_host *h)
{
	for (size_t i = 0; i < h->engine.router_count; i++) {
		struct router *router = h->engine.routers[i];
		const char *name =
			router->interface[0] ? router->interface : router->interface_name;

		if (!name[0])
			continue;
		watch(h, name);
		tell_interface(h, router, name);
	}
	resolve_auto(h);
	sync_sockets(h);
}

static void drain_netlink(struct linux_host *h)
{
	int count = h->netlink_readable ? link_drain(h->link) : 0;

	h->netlink_readable = false;
	if (count < 0)
		netlink_failed(h, count);
	if (count == 0)
		return;
	resolve_auto(h);
	sync_sockets(h);
}

static bool is_used(void *context, const char *name)
{
	const struct linux_host *h = context;

	for (size_t i = 0; i < h->engine.router_count; i++)
		if (!strcmp(h->engine.routers[i]->interface, name) ||
		    !strcmp(h->engine.routers[i]->interface_name, name))
			return true;
	return false;
}

int host_new(struct event_base *base, struct linux_host **ret_host)
{
	struct linux_host *h = calloc(1, sizeof(*h));
	int error;

	if (!h)
		return -ENOMEM;
	h->host = (struct host){
		.send_advert = host_send_advert,
		.add = host_add,
		.remove = host_remove,
		.announce = host_announce,
		.notify = host_notify,
		.trace = host_trace,
	};
	h->base = base;
	h->retry = INSTANT_NEVER;
	engine_init(&h->engine, &h->host);
	if ((error = link_new(interface_changed, h, &h->link)) < 0 ||
	    (error = vip_new(&h->vip)) < 0 || (error = announce_new(&h->announce)) < 0)
		goto fail;
	h->netlink =
		event_new(base, link_fd(h->link), EV_READ | EV_PERSIST, note, &h->netlink_readable);
	error = -ENOMEM;
	if (!h->netlink || event_add(h->netlink, NULL) < 0)
		goto fail;
	*ret_host = h;
	return 0;

fail:
	host_free(h);
	return error;
}

void host_free(struct linux_host *h)
{
	if (!h)
		return;
	while (h->slots) {
		struct slot *slot = h->slots;

		h->slots = slot->next;
		slot_free(slot);
	}
	if (h->netlink)
		event_free(h->netlink);
	announce_free(h->announce);
	vip_free(h->vip);
	link_free(h->link);
	engine_fini(&h->engine);
	free(h);
}

struct engine *host_engine(struct linux_host *h)
{
	return &h->engine;
}

bool host_configure(struct linux_host *h, struct instant now, const struct conf *conf)
{
	const struct conf *before = h->conf;

	h->now = now;
	/* What the kernel has said meanwhile, so that nothing is compared with the past. */
	h->netlink_readable = before != NULL;
	drain_netlink(h);
	h->conf = conf;
	if (!engine_configure(&h->engine, now, conf)) {
		h->conf = before;
		return false;
	}
	attach_interfaces(h);
	link_unwatch_unused(h->link, is_used, h);
	return true;
}

bool host_receive(struct linux_host *h, struct instant now)
{
	bool timer_due = instant_due(host_deadline(h), now);

	h->now = now;
	drain_netlink(h);
	return drain_sockets(h, timer_due);
}

void host_timers(struct linux_host *h, struct instant now, bool drained)
{
	engine_timers(&h->engine, now, drained);
	if (!instant_due(h->retry, now))
		return;
	h->retry = INSTANT_NEVER;
	h->netlink_readable = true;
	drain_netlink(h);
	attach_interfaces(h);
}

struct instant host_deadline(const struct linux_host *h)
{
	return instant_min(engine_deadline(&h->engine), h->retry);
}
