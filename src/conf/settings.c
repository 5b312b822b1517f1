/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/settings.h"

#include <assert.h>
#include <string.h>

static_assert(CONF_ADDRESSES_MAX + 1 <= ROUTER_ADDRESSES_MAX, "and a derived link-local address");
static_assert(CONF_PEERS_MAX <= ROUTER_PEERS_MAX, "every peer has a place");
static_assert(CONF_NAME_SIZE == ROUTER_NAME_SIZE, "names are copied whole");
static_assert(CONF_INTERFACE_SIZE == ROUTER_INTERFACE_SIZE, "names are copied whole");
static_assert(CONF_INSTANCES_MAX <= ROUTERS_MAX, "every instance has a router");
static_assert(2 * CONF_TRACKED_MAX <= CONDITIONS_MAX, "every file and interface has a place");
static_assert(CONF_PATH_SIZE <= CONDITION_NAME_SIZE, "paths are copied whole");

static void append(struct router_settings *settings, const struct addr *address)
{
	if (!addr_in_list(address, settings->addresses, settings->address_count))
		settings->addresses[settings->address_count++] = *address;
}

static void append_family(struct router_settings *settings, const struct conf_instance *instance,
			  enum addr_family family)
{
	for (size_t i = 0; i < instance->address_count; i++)
		if (instance->addresses[i].family == family)
			append(settings, &instance->addresses[i]);
}

/* RFC 9568 5.2.9: the first IPv6 address of an advert is the link-local one of the virtual router.
 * If the file gives none it is made of the VRID. */
static void append_link_local(struct router_settings *settings,
			      const struct conf_instance *instance)
{
	const struct addr derived = {
		.family = ADDR_FAMILY_IPV6,
		.bytes = {0xfe, 0x80, [8] = 2, 0, 0x5e, 0xff, 0xfe, 0, 2, settings->vrid}};

	for (size_t i = 0; i < instance->address_count; i++) {
		const struct addr *address = &instance->addresses[i];

		if (address->family == ADDR_FAMILY_IPV6 && addr_is_link_local(address)) {
			append(settings, address);
			return;
		}
	}
	append(settings, &derived);
	settings->link_local_derived = true;
}

/* ONE ELECTION: the family of the first address is elected in and advertised, the other one is
 * carried along. */
static void take_addresses(struct router_settings *settings, const struct conf_instance *instance)
{
	if (settings->family == ADDR_FAMILY_IPV6)
		append_link_local(settings, instance);
	append_family(settings, instance, settings->family);
	settings->advertised_count = settings->address_count;
	append_family(settings, instance, addr_family_other(settings->family));
}

static void take_unicast(struct router_settings *settings, const struct conf_instance *instance)
{
	settings->unicast = instance->unicast;
	settings->unicast_src_ip.family = settings->family;
	if (instance->unicast_src_ip.family == settings->family)
		settings->unicast_src_ip = instance->unicast_src_ip;
	for (size_t i = 0; i < instance->peer_count; i++)
		if (instance->peers[i].family == settings->family)
			settings->peers[settings->peer_count++] = instance->peers[i];
}

static void append_condition(struct conditions *conditions, enum condition_kind kind,
			     const char *name)
{
	struct condition *condition = &conditions->list[conditions->count++];

	condition->kind = kind;
	memcpy(condition->name, name, strlen(name) + 1);
}

static void take_conditions(struct router_settings *settings, const struct conf_instance *instance)
{
	for (size_t i = 0; i < instance->track_file_count; i++)
		append_condition(&settings->conditions, CONDITION_FILE, instance->track_files[i]);
	for (size_t i = 0; i < instance->track_interface_count; i++)
		append_condition(&settings->conditions, CONDITION_INTERFACE,
				 instance->track_interfaces[i]);
}

void settings_of_instance(const struct conf *conf, size_t i, struct router_settings *ret_settings)
{
	const struct conf_instance *instance = &conf->instances[i];

	assert(i < conf->instance_count && instance->address_count > 0);
	*ret_settings = (struct router_settings){
		.vrid = instance->virtual_router_id,
		.family = instance->addresses[0].family,
		.ready_priority = instance->priority,
		.track_apiserver = instance->track_apiserver,
		.members = instance->members,
		.apiserver_port = conf->apiserver.port,
		.checksum = instance->checksum,
		.vrrp =
			{
				.preempt = instance->preempt,
				.advert_int_cs = instance->advert_int_cs,
				.preempt_delay_us = instance->preempt_delay_us,
				.address_refresh_us = conf_address_refresh_us(conf),
				.announce_refresh_us =
					(int64_t)conf->announce_refresh_s * SECOND_US,
			},
	};
	memcpy(ret_settings->instance, instance->name, sizeof(ret_settings->instance));
	memcpy(ret_settings->interface, instance->interface, sizeof(ret_settings->interface));
	take_conditions(ret_settings, instance);
	take_unicast(ret_settings, instance);
	take_addresses(ret_settings, instance);
}
