/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/track.h"
#include "daemon/vip_check.h"
#include "os/link.h"
#include "os/log.h"

struct attach {
	struct engine *engine;
	struct sockets *sockets;
	struct link *link;
	struct event *event;
	bool readable; /* noted by the event; the turn reads */
	struct log_limit unfit;
	bool changed; /* an interface has, since auto was resolved */
	bool missing; /* auto looks for an interface in vain */

	/* Of the call in progress. */
	struct instant now;
	int error; /* the last one that netlink gave, 0 = none */
};

static void note_readable(evutil_socket_t fd, short events, void *context)
{
	struct attach *attach = context;

	(void)fd;
	(void)events;
	attach->readable = true;
}

static bool is_auto(const struct router *router)
{
	return router->settings.interface[0] == '\0';
}

/* The file has no prefix lengths, so only here a VIP is seen to be one that cannot work. */
static void warn_of_unfit(struct attach *attach, const struct router *router,
			  const struct interface *interface)
{
	const struct router_settings *settings = &router->settings;
	char text[VIP_CHECK_SIZE];
	uint64_t suppressed;

	for (size_t i = 0; i < settings->address_count; i++)
		if (!vip_check(interface, &settings->addresses[i], text) &&
		    log_allowed(&attach->unfit, attach->now, &suppressed))
			log_warning(ROUTER_FMT ": %s", ROUTER_ARG(router), text);
}

static void show(struct attach *attach, struct router *router, const struct interface *interface)
{
	engine_interface(attach->engine, attach->now, router, interface);
	warn_of_unfit(attach, router, interface);
}

static void tell(struct attach *attach, struct router *router, const char *name)
{
	static const struct interface none;
	const struct interface *interface = name[0] ? link_get(attach->link, name) : NULL;

	show(attach, router, interface ? interface : &none);
}

static void watch(struct attach *attach, const char *name)
{
	int error = link_watch(attach->link, name);

	if (error < 0)
		attach->error = error;
}

/* Before the router is told of its own interface, so that it does not start readier than it is. */
static void watch_conditions(struct attach *attach, const struct conditions *conditions)
{
	for (size_t i = 0; i < conditions->count; i++) {
		const struct condition *condition = &conditions->list[i];
		const struct interface *interface;

		if (condition->kind != CONDITION_INTERFACE)
			continue;
		watch(attach, condition->name);
		interface = link_get(attach->link, condition->name);
		if (interface)
			track_interface(attach->engine, attach->now, interface);
	}
}

/* ---- interface auto ---- */

/* Whether a prefix of the router's interface holds the address that auto looks for. Then the router
 * stays there, whatever routes say now. */
static bool is_on_link(const struct attach *attach, const struct router *router)
{
	const struct router_settings *settings = &router->settings;
	const struct interface *interface = link_get(attach->link, router->interface_name);

	for (size_t i = 0; interface && i < interface->address_count; i++) {
		const struct interface_address *own = &interface->addresses[i];

		if (!own->vip && !own->tentative &&
		    !addr_in_list(&own->address, settings->addresses, settings->address_count) &&
		    addr_in_prefix(router_sought_address(settings), &own->address,
				   own->prefix_length))
			return true;
	}
	return false;
}

/* No interface was found yet, or the network of the VIP has gone from the one that was. */
static bool needs_interface(const struct attach *attach, const struct router *router)
{
	return is_auto(router) && !is_on_link(attach, router);
}

static bool any_needs_interface(const struct attach *attach)
{
	const struct engine *engine = attach->engine;

	for (size_t i = 0; i < engine->router_count; i++)
		if (needs_interface(attach, engine->routers[i]))
			return true;
	return false;
}

static void log_choice(const struct router *router, const char *name, const struct route *route)
{
	const struct addr *sought = router_sought_address(&router->settings);
	char address[ADDR_TEXT_SIZE], prefix[ADDR_TEXT_SIZE];

	log_notice(ROUTER_FMT ": takes interface %s: the route to %s is %s/%u through it",
		   ROUTER_ARG(router), name, addr_format(sought, address),
		   addr_format(&route->prefix, prefix), route->prefix_length);
}

/* False if none is found; a router that has an interface stays on it then: its addresses and routes
 * may come back. */
static bool find_interface(struct attach *attach, struct router *router)
{
	const struct router_settings *settings = &router->settings;
	struct route route = {.ifindex = 0};
	char name[ROUTER_INTERFACE_SIZE] = "";
	int error = link_find(attach->link, router_sought_address(settings), settings->addresses,
			      settings->address_count, &route, name);
	bool other = strcmp(name, router->interface_name) != 0;

	if (error < 0 && error != -ENODEV)
		attach->error = error;
	if (error < 0 && router->ifindex != 0)
		return false;
	if (error == 0)
		watch(attach, name);
	if (error == 0 && other)
		log_choice(router, name, &route);
	if (router->ifindex == 0 || other)
		tell(attach, router, name);
	return error == 0;
}

static void watch_all(struct attach *attach, bool on)
{
	int error = link_watch_all(attach->link, on);

	if (error < 0)
		attach->error = error;
}

/* The events of all interfaces and routes count from before the search on, so that none is missed
 * meanwhile. */
static void resolve_auto(struct attach *attach)
{
	struct engine *engine = attach->engine;

	attach->changed = false;
	attach->missing = false;
	watch_all(attach, any_needs_interface(attach));
	for (size_t i = 0; i < engine->router_count; i++)
		if (needs_interface(attach, engine->routers[i]))
			attach->missing |= !find_interface(attach, engine->routers[i]);
	watch_all(attach, attach->missing);
}

/* ---- Netlink ---- */

static void interface_changed(void *context, const struct interface *interface)
{
	struct attach *attach = context;
	struct engine *engine = attach->engine;

	attach->changed = true;
	track_interface(engine, attach->now, interface);
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];
		const char *name =
			is_auto(router) ? router->interface_name : router->settings.interface;

		if (strcmp(name, interface->name) == 0)
			show(attach, router, interface);
	}
	if (interface->index == 0)
		sockets_close_unwanted(attach->sockets);
}

static bool is_tracked(const struct conditions *conditions, const char *name)
{
	for (size_t i = 0; i < conditions->count; i++)
		if (conditions->list[i].kind == CONDITION_INTERFACE &&
		    strcmp(conditions->list[i].name, name) == 0)
			return true;
	return false;
}

static bool is_used(void *context, const char *name)
{
	const struct attach *attach = context;
	const struct engine *engine = attach->engine;

	for (size_t i = 0; i < engine->router_count; i++)
		if (strcmp(engine->routers[i]->settings.interface, name) == 0 ||
		    strcmp(engine->routers[i]->interface_name, name) == 0 ||
		    is_tracked(&engine->routers[i]->settings.conditions, name))
			return true;
	return false;
}

int attach_all(struct attach *attach, struct instant now)
{
	struct engine *engine = attach->engine;

	attach->now = now;
	attach->error = 0;
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];
		const char *name =
			is_auto(router) ? router->interface_name : router->settings.interface;

		watch_conditions(attach, &router->settings.conditions);
		if (name[0] == '\0')
			continue;
		watch(attach, name);
		tell(attach, router, name);
	}
	resolve_auto(attach);
	link_unwatch_unused(attach->link, is_used, attach);
	return attach->error;
}

int attach_drain(struct attach *attach, struct instant now, bool ask)
{
	int count;

	if (!attach->readable && !ask)
		return 0;
	attach->readable = false;
	attach->now = now;
	attach->error = 0;
	count = link_drain(attach->link);
	if (count == 0)
		return 0;
	/* Most news are the renewal of a lease, which moves no router. */
	if (attach->changed || attach->missing)
		resolve_auto(attach);
	if (count < 0)
		return count;
	return attach->error < 0 ? attach->error : 1;
}

const struct interface *attach_interface(const struct attach *attach, const struct router *router)
{
	return link_get(attach->link, router->interface_name);
}

int attach_new(struct event_base *base, struct engine *engine, struct sockets *sockets,
	       struct attach **ret_attach)
{
	struct attach *attach = calloc(1, sizeof(*attach));
	int error;

	if (!attach)
		return -ENOMEM;
	attach->engine = engine;
	attach->sockets = sockets;
	error = link_new(interface_changed, attach, &attach->link);
	if (error < 0)
		goto fail;
	attach->event =
		event_new(base, link_fd(attach->link), EV_READ | EV_PERSIST, note_readable, attach);
	error = -ENOMEM;
	if (!attach->event || event_add(attach->event, NULL) < 0)
		goto fail;
	*ret_attach = attach;
	return 0;

fail:
	attach_free(attach);
	return error;
}

void attach_free(struct attach *attach)
{
	if (!attach)
		return;
	if (attach->event)
		event_free(attach->event);
	link_free(attach->link);
	free(attach);
}
