/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/host_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "daemon/holder_check.h"
#include "daemon/vip_check.h"
#include "os/clock.h"
#include "os/link.h"
#include "os/tracked_file.h"
#include "report/status.h"

struct host_check {
	FILE *stream;
	FILE *errors;
	unsigned warnings;
	struct link *link;
	size_t count;
	struct router_settings *settings; /* of every instance */
};

__attribute__((format(printf, 2, 3))) static void warn(struct host_check *check, const char *format,
						       ...)
{
	va_list arguments;

	fputs("cpvrrp: ", check->errors);
	va_start(arguments, format);
	vfprintf(check->errors, format, arguments);
	va_end(arguments);
	fputc('\n', check->errors);
	check->warnings++;
}

static bool is_vip(const void *context, const struct addr *address)
{
	const struct host_check *check = context;

	for (size_t i = 0; i < check->count; i++)
		if (addr_in_list(address, check->settings[i].addresses,
				 check->settings[i].address_count))
			return true;
	return false;
}

/* The name of the router's interface, "" if auto finds none. Returns 0 or -errno. */
static int find_name(struct host_check *check, const struct router_settings *settings,
		     char ret_name[ROUTER_INTERFACE_SIZE])
{
	struct route route;
	int error = 0;

	if (settings->interface[0] != '\0')
		strcpy(ret_name, settings->interface);
	else
		error = link_find(check->link, router_sought_address(settings), settings->addresses,
				  settings->address_count, &route, ret_name);
	if (error == -ENODEV)
		ret_name[0] = '\0';
	return error == -ENODEV ? 0 : error;
}

/* Whether somebody else has put the VIP on the interface; a VIP that a daemon has put there is
 * deprecated. */
static void check_free(struct host_check *check, const struct router *router,
		       const struct interface *interface, const struct addr *vip)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *own = &interface->addresses[i];

		if (!own->vip && !own->deprecated && addr_equal(&own->address, vip))
			warn(check,
			     ROUTER_FMT ": %s/%u is on %s already; a virtual address must be free",
			     ROUTER_ARG(router), addr_format(vip, text), own->prefix_length,
			     interface->name);
	}
}

/* Whether another host has the VIP, and no Active of the group is there that may. */
static void check_holders(struct host_check *check, const struct router *router)
{
	struct neigh_claim claims[ROUTER_ADDRESSES_MAX];
	size_t count = holder_check(router, claims);
	char text[ADDR_TEXT_SIZE], mac[STATUS_MAC_SIZE];

	for (size_t i = 0; i < count; i++)
		warn(check, ROUTER_FMT ": another host has %s, at %s, and no advert is heard",
		     ROUTER_ARG(router), addr_format(&claims[i].address, text),
		     status_mac(claims[i].mac, mac));
}

/* Whether hosts look for the address on the interface. */
static void check_network(struct host_check *check, const struct router *router,
			  const struct addr *address)
{
	const struct router_settings *settings = &router->settings;
	char name[ROUTER_INTERFACE_SIZE], text[ADDR_TEXT_SIZE];
	struct route route;
	int error = link_find(check->link, address, settings->addresses, settings->address_count,
			      &route, name);

	addr_format(address, text);
	if (error == -ENODEV)
		warn(check, ROUTER_FMT ": %s is in no network of this node", ROUTER_ARG(router),
		     text);
	else if (error == 0 && strcmp(name, router->interface_name) != 0)
		warn(check, ROUTER_FMT ": %s is in the network of %s, not in that of %s",
		     ROUTER_ARG(router), text, name, router->interface_name);
}

static void check_addresses(struct host_check *check, const struct router *router,
			    const struct interface *interface)
{
	const struct router_settings *settings = &router->settings;
	bool fits[ROUTER_ADDRESSES_MAX] = {false};
	char text[VIP_CHECK_SIZE];

	for (size_t i = 0; i < settings->address_count; i++) {
		check_free(check, router, interface, &settings->addresses[i]);
		fits[i] = vip_check(interface, &settings->addresses[i], text);
		if (!fits[i])
			warn(check, ROUTER_FMT ": %s", ROUTER_ARG(router), text);
	}
	/* Only now: interface is valid until the next question. */
	for (size_t i = 0; i < settings->address_count; i++)
		if (fits[i] && !addr_is_link_local(&settings->addresses[i]))
			check_network(check, router, &settings->addresses[i]);
}

/* A condition that is not met now may be meant so; one that cannot be met, or never fails to be, is
 * a mistake. */
static int check_condition(struct host_check *check, const struct router *router,
			   const struct condition *condition)
{
	char text[STATUS_CONDITION_SIZE];
	struct condition_state state = {.unmet = false};
	const struct interface *interface;
	int error;

	switch (condition->kind) {
	case CONDITION_FILE:
		state.unmet =
			tracked_file_exists(condition->name, state.reason, sizeof(state.reason));
		if (!state.unmet && !tracked_file_has_directory(condition->name))
			warn(check, ROUTER_FMT ": track_file %s: its directory does not exist",
			     ROUTER_ARG(router), condition->name);
		break;
	case CONDITION_INTERFACE:
		error = link_watch(check->link, condition->name);
		if (error < 0)
			return error;
		interface = link_get(check->link, condition->name);
		state.unmet = !interface->up;
		strcpy(state.reason, interface->index == 0 ? "does not exist" : "is down");
		break;
	}
	if (state.unmet)
		warn(check, ROUTER_FMT ": the node is not ready: %s", ROUTER_ARG(router),
		     status_condition(condition, &state, text));
	return 0;
}

static void show(const struct host_check *check, const struct router *router)
{
	const struct addr *own = &router->own[router->settings.family];
	char text[ADDR_TEXT_SIZE];

	fprintf(check->stream, "# " ROUTER_FMT ": ", ROUTER_ARG(router));
	if (router->ifindex == 0)
		fprintf(check->stream, "no interface, ");
	else
		fprintf(check->stream, "interface %s, own address %s, priority %u, ",
			router->interface_name,
			addr_is_unspecified(own) ? "none" : addr_format(own, text),
			router_ready_priority(router));
	fprintf(check->stream, "virtual_router_id %u\n", router->settings.vrid);
}

/* Returns 0 or -errno. */
static int check_router(struct host_check *check, struct router *router)
{
	static const struct interface none;
	const struct interface *interface = &none;
	char name[ROUTER_INTERFACE_SIZE] = "", text[STATUS_EXPLAIN_SIZE];
	int error = find_name(check, &router->settings, name);

	if (error == 0 && name[0] != '\0')
		error = link_watch(check->link, name);
	if (error < 0)
		return error;
	if (name[0] != '\0')
		interface = link_get(check->link, name);
	router_take_interface(router, clock_now(), interface, is_vip, check);
	router_take_auto_address(router, interface, is_vip, check);
	router->vrrp.fault = router_fault(router);
	show(check, router);
	if (router->vrrp.fault != VRRP_FAULT_NONE)
		warn(check, ROUTER_FMT ": %s", ROUTER_ARG(router),
		     status_explain(router, text, sizeof(text)));
	if (interface->index != 0)
		check_addresses(check, router, interface);
	for (size_t i = 0; error == 0 && i < router->settings.conditions.count; i++)
		error = check_condition(check, router, &router->settings.conditions.list[i]);
	if (error == 0 && router->vrrp.fault == VRRP_FAULT_NONE)
		check_holders(check, router);
	return error;
}

static int check_all(struct host_check *check)
{
	int error = link_new(NULL, NULL, &check->link);

	for (size_t i = 0; error == 0 && i < check->count; i++) {
		struct router *router = router_new(&check->settings[i]);

		error = router ? check_router(check, router) : -ENOMEM;
		free(router);
	}
	return error;
}

unsigned host_check(const struct conf *conf, FILE *stream, FILE *errors)
{
	struct host_check check = {
		.stream = stream,
		.errors = errors,
		.count = conf->instance_count,
		.settings = calloc(conf->instance_count, sizeof(*check.settings)),
	};
	int error = check.settings ? 0 : -ENOMEM;

	for (size_t i = 0; error == 0 && i < check.count; i++)
		settings_of_instance(conf, i, &check.settings[i]);
	if (error == 0) {
		fputs("\n# On this node:\n", stream);
		error = check_all(&check);
	}
	if (error < 0)
		warn(&check, "cannot look at the interfaces of this node: %s", strerror(-error));
	link_free(check.link);
	free(check.settings);
	return check.warnings;
}
