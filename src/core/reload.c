/* SPDX-License-Identifier: Apache-2.0 */
#include "core/reload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
	bool was_present[ROUTER_ADDRESSES_MAX], was_leaving[ROUTER_ADDRESSES_MAX];
	size_t gone_count = 0;
	bool added = false;

	memcpy(was_present, router->present, sizeof(was_present));
	memcpy(was_leaving, router->leaving, sizeof(was_leaving));
	for (size_t i = 0; i < current->address_count; i++)
		if (index_of(settings, &current->addresses[i]) == settings->address_count)
			gone[gone_count++] = current->addresses[i];
	for (size_t i = 0; i < settings->address_count; i++) {
		size_t before = index_of(current, &settings->addresses[i]);
		bool known = before < current->address_count;

		router->present[i] = known && was_present[before];
		router->leaving[i] = known && was_leaving[before];
		added |= !known;
	}
	memcpy(current->addresses, settings->addresses, sizeof(current->addresses));
	current->address_count = settings->address_count;
	current->advertised_count = settings->advertised_count;
	if (gone_count > 0)
		engine->io->remove(engine->io, router, gone, gone_count);
	if (added)
		engine_step_type(engine, router, now, VRRP_EVENT_ADDRESS_LOST);
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
	conditions_carry(&router->settings.conditions, &settings->conditions, router->conditions);
	router->settings = without_addresses;
	vrrp_reconfigure(&router->vrrp, now, &settings->vrrp);
	if (!settings->members)
		router->group.members.count = 0;
	/* An advert that this sends still lists the addresses that are there. */
	engine_step_priority(engine, router, now);
	change_addresses(engine, router, now, settings);
	router_assert(router);
}

/* No handover: the router is gone from the configuration, so priority 0 is sent and the role ends
 * now. */
static void drop(struct engine *engine, struct router *router, struct instant now)
{
	engine_step_type(engine, router, now, VRRP_EVENT_SHUTDOWN);
	if (router->vrrp.started)
		engine_step_type(engine, router, now, VRRP_EVENT_SHUTDOWN);
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

/* Fills routers: an old one where it is the same, else a new one. False, with no new one left, if
 * there is no memory. */
static bool take_routers(const struct engine *engine, const struct router_settings *settings,
			 size_t count, struct router *routers[ROUTERS_MAX])
{
	struct router *made[ROUTERS_MAX];
	size_t made_count = 0;

	for (size_t i = 0; i < count; i++) {
		routers[i] = find_same(engine, &settings[i]);
		if (routers[i])
			continue;
		made[made_count] = router_new(&settings[i]);
		if (!made[made_count])
			goto no_memory;
		routers[i] = made[made_count++];
	}
	return true;

no_memory:
	for (size_t i = 0; i < made_count; i++)
		free(made[i]);
	return false;
}

bool reload_routers(struct engine *engine, struct instant now,
		    const struct router_settings *settings, size_t count)
{
	struct router *routers[ROUTERS_MAX], *before[ROUTERS_MAX];
	size_t before_count = engine->router_count;

	assert(count <= ROUTERS_MAX);
	if (!take_routers(engine, settings, count, routers))
		return false;
	memcpy(before, engine->routers, before_count * sizeof(struct router *));
	memcpy(engine->routers, routers, count * sizeof(struct router *));
	engine->router_count = count;
	engine_index(engine);
	/* From here on nobody finds a router that goes, and only its own last actions name it. */
	for (size_t i = 0; i < before_count; i++)
		if (!contains(routers, count, before[i]))
			drop(engine, before[i], now);
	for (size_t i = 0; i < count; i++)
		change(engine, routers[i], now, &settings[i]);
	return true;
}
