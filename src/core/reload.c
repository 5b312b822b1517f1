/* SPDX-License-Identifier: Apache-2.0 */
#include "core/reload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void step_type(struct engine *engine, struct router *router, struct instant now,
		      enum vrrp_event_type type)
{
	engine_step(engine, router, now, &(struct vrrp_event){.type = type});
}

static size_t index_of(const struct router_settings *settings, const struct addr *address)
{
	size_t i = 0;

	while (i < settings->address_count && !addr_equal(&settings->addresses[i], address))
		i++;
	return i;
}

/* Takes the new list of addresses. An address that the list lacks goes from the kernel; an added
 * one counts as lost, so that an Active adds it. */
static void change_addresses(struct engine *engine, struct router *router, struct instant now,
			     const struct router_settings *settings)
{
	struct router_settings *current = &router->settings;
	struct addr gone[ROUTER_ADDRESSES_MAX];
	bool present[ROUTER_ADDRESSES_MAX] = {false};
	size_t gone_count = 0;
	bool added = false;

	for (size_t i = 0; i < current->address_count; i++)
		if (index_of(settings, &current->addresses[i]) == settings->address_count)
			gone[gone_count++] = current->addresses[i];
	for (size_t i = 0; i < settings->address_count; i++) {
		size_t before = index_of(current, &settings->addresses[i]);
		bool known = before < current->address_count;

		present[i] = known && router->present[before];
		added |= !known;
	}
	memcpy(current->addresses, settings->addresses, sizeof(current->addresses));
	current->address_count = settings->address_count;
	current->advertised_count = settings->advertised_count;
	current->link_local_derived = settings->link_local_derived;
	memcpy(router->present, present, sizeof(router->present));
	if (gone_count > 0)
		engine->io->remove(engine->io, router, gone, gone_count);
	if (added)
		step_type(engine, router, now, VRRP_EVENT_ADDRESS_LOST);
}

static void change(struct engine *engine, struct router *router, struct instant now,
		   const struct router_settings *settings)
{
	struct router_settings without_addresses = *settings;

	if (router_settings_equal(&router->settings, settings)) {
		/* A new router has no priority yet. */
		engine_step_priority(engine, router, now);
		return;
	}
	memcpy(without_addresses.addresses, router->settings.addresses,
	       sizeof(without_addresses.addresses));
	without_addresses.address_count = router->settings.address_count;
	without_addresses.advertised_count = router->settings.advertised_count;
	without_addresses.link_local_derived = router->settings.link_local_derived;
	router->settings = without_addresses;
	vrrp_reconfigure(&router->vrrp, now, &settings->vrrp);
	/* An advert that this sends still lists the addresses that are there. */
	engine_step_priority(engine, router, now);
	change_addresses(engine, router, now, settings);
	router_assert(router);
}

/* No handover: the router is gone from the configuration, so priority 0 is sent and the role ends
 * now. */
static void drop(struct engine *engine, struct router *router, struct instant now)
{
	step_type(engine, router, now, VRRP_EVENT_SHUTDOWN);
	if (router->vrrp.started)
		step_type(engine, router, now, VRRP_EVENT_SHUTDOWN);
	assert(!router->vrrp.started);
	free(router);
}

/* `auto` and the name of the interface that auto has found are the same interface. */
static bool is_same_interface(const struct router *router, const struct router_settings *settings)
{
	const char *configured = router->settings.interface;

	if (strcmp(configured, settings->interface) == 0)
		return true;
	if (configured[0] == '\0')
		return strcmp(router->interface_name, settings->interface) == 0;
	return settings->interface[0] == '\0' && router->interface_name[0] != '\0';
}

static struct router *find_same(const struct engine *engine, const struct router_settings *settings)
{
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];

		if (router->settings.family == settings->family &&
		    router->settings.vrid == settings->vrid &&
		    strcmp(router->settings.instance, settings->instance) == 0 &&
		    is_same_interface(router, settings))
			return router;
	}
	return NULL;
}

static bool contains(struct router *const *routers, size_t count, const struct router *router)
{
	for (size_t i = 0; i < count; i++)
		if (routers[i] == router)
			return true;
	return false;
}

/* The old routers where they are the same, else new ones; NULL, with nothing changed, if there is
 * no memory. */
static struct router **make_routers(const struct engine *engine,
				    const struct router_settings *settings, size_t count)
{
	/* One more: calloc() may answer NULL to a size of 0. */
	struct router **routers = calloc(count + 1, sizeof(struct router *));
	struct router **made = calloc(count + 1, sizeof(struct router *));
	size_t made_count = 0;

	if (!routers || !made)
		goto no_memory;
	for (size_t i = 0; i < count; i++) {
		routers[i] = find_same(engine, &settings[i]);
		if (routers[i])
			continue;
		made[made_count] = router_new(&settings[i]);
		if (!made[made_count])
			goto no_memory;
		routers[i] = made[made_count++];
	}
	free(made);
	return routers;

no_memory:
	for (size_t i = 0; i < made_count; i++)
		free(made[i]);
	free(made);
	free(routers);
	return NULL;
}

bool reload_routers(struct engine *engine, struct instant now,
		    const struct router_settings *settings, size_t count)
{
	struct router **routers = make_routers(engine, settings, count);

	if (!routers)
		return false;
	for (size_t i = 0; i < engine->router_count; i++)
		if (!contains(routers, count, engine->routers[i]))
			drop(engine, engine->routers[i], now);
	for (size_t i = 0; i < count; i++)
		change(engine, routers[i], now, &settings[i]);
	free(engine->routers);
	engine->routers = routers;
	engine->router_count = count;
	engine_index(engine);
	return true;
}
