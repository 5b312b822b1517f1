/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/option.h"

/* Where the cross checks report to. */
struct check {
	struct conf *conf;
	void (*error)(void *context, const struct conf_instance *instance, const char *option,
		      const char *message);
	void *context;
};

__attribute__((format(printf, 4, 5))) static void violation(const struct check *check,
							    const struct conf_instance *instance,
							    const char *option, const char *format,
							    ...)
{
	char message[CONF_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	check->error(check->context, instance, option, message);
}

static void check_apiserver(const struct check *check)
{
	const struct conf_apiserver *apiserver = &check->conf->apiserver;
	bool cert = *apiserver->client_cert_file;
	bool key = *apiserver->client_key_file;

	if (cert && !key)
		violation(check, NULL, "client_cert_file",
			  "needs client_key_file (one PEM file may hold both)");
	if (key && !cert)
		violation(check, NULL, "client_key_file",
			  "needs client_cert_file (one PEM file may hold both)");
	if (apiserver->insecure_skip_verify && (cert || key))
		violation(check, NULL, "insecure_skip_verify",
			  "not together with client_cert_file and client_key_file: a client "
			  "certificate is shown only to a verified server");
	if (apiserver->insecure_skip_verify && *apiserver->token_file)
		violation(check, NULL, "insecure_skip_verify",
			  "not together with token_file: a token is sent only to a verified "
			  "server");
}

/* ONE ELECTION: the family of the first address. */
static enum addr_family elected_family(const struct conf_instance *instance)
{
	return instance->addresses[0].family;
}

static const char *family_text(enum addr_family family)
{
	return family == ADDR_FAMILY_IPV4 ? "IPv4" : "IPv6";
}

static bool has_family(const struct addr *list, size_t count, enum addr_family family)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].family == family)
			return true;
	return false;
}

/* Only peers of the elected family are sent adverts. Those of the carried family are allowed:
 * release 0.1.0 held an election in each family and wanted them. */
static void check_peers(const struct check *check, const struct conf_instance *instance)
{
	enum addr_family elected = elected_family(instance);
	enum addr_family other = addr_family_other(elected);
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < instance->peer_count; i++) {
		const struct addr *peer = &instance->peers[i];

		if (addr_in_list(peer, instance->addresses, instance->address_count))
			violation(check, instance, "unicast_peer",
				  "%s is a virtual address; the nodes' own addresses are needed",
				  addr_format(peer, text));
	}
	if (!has_family(instance->peers, instance->peer_count, elected))
		violation(check, instance, "unicast_peer",
			  "has no %s address, but the first of virtual_ipaddress is one",
			  family_text(elected));
	if (has_family(instance->peers, instance->peer_count, other) &&
	    !has_family(instance->addresses, instance->address_count, other))
		violation(check, instance, "unicast_peer",
			  "has an %s address, but virtual_ipaddress has none", family_text(other));
}

static void check_unicast(const struct check *check, const struct conf_instance *instance)
{
	const struct addr *source = &instance->unicast_src_ip;

	if (instance->unicast)
		check_peers(check, instance);
	if (addr_is_unspecified(source))
		return;
	if (!addr_in_list(source, instance->peers, instance->peer_count))
		violation(check, instance, "unicast_src_ip",
			  "must be one of unicast_peer, which lists every node");
	else if (source->family != elected_family(instance))
		violation(check, instance, "unicast_src_ip",
			  "must be an %s address, as the first of virtual_ipaddress is one",
			  family_text(elected_family(instance)));
}

/* The default of virtual_router_id follows from the first address. */
static void complete_vrid(const struct check *check, struct conf_instance *instance)
{
	const struct addr *first = &instance->addresses[0];
	char text[ADDR_TEXT_SIZE];

	if (instance->virtual_router_id != 0)
		return;
	instance->virtual_router_id = first->bytes[addr_size(first->family) - 1];
	instance->derived_vrid = true;
	if (instance->virtual_router_id == 0)
		violation(check, instance, "virtual_router_id",
			  "must be given, 1 to 255: the last byte of %s, its default, is 0",
			  addr_format(first, text));
}

static void check_instance(const struct check *check, struct conf_instance *instance)
{
	const struct addr *first = &instance->addresses[0];
	char text[ADDR_TEXT_SIZE];

	assert(instance->address_count <= CONF_ADDRESSES_MAX);
	assert(instance->peer_count <= CONF_PEERS_MAX);
	assert(instance->unicast == (instance->peer_count > 0));
	if (instance->address_count == 0) {
		violation(check, instance, "virtual_ipaddress", "must be given, 1 to %d addresses",
			  CONF_ADDRESSES_MAX);
		return;
	}
	complete_vrid(check, instance);
	check_unicast(check, instance);
	if (instance->balance && !instance->members)
		violation(check, instance, "balance",
			  "needs members true: STATUS messages tell who is ready");
	if (addr_is_link_local(first) && !*instance->interface)
		violation(check, instance, "interface",
			  "must be given: the link-local address %s is on-link on every interface",
			  addr_format(first, text));
	if (instance->track_apiserver && addr_in_list(&check->conf->apiserver.address,
						      instance->addresses, instance->address_count))
		violation(check, NULL, "url",
			  "%s is a virtual address of instance %s; each node asks its own "
			  "apiserver",
			  addr_format(&check->conf->apiserver.address, text), instance->name);
}

/* Whether adverts of both would be of one family, if both have an address. */
static bool share_family(const struct conf_instance *a, const struct conf_instance *b)
{
	return a->address_count > 0 && b->address_count > 0 &&
	       elected_family(a) == elected_family(b);
}

/* An instance with `auto` may find itself on any interface. */
static bool may_share_interface(const struct conf_instance *a, const struct conf_instance *b)
{
	return !a->interface[0] || !b->interface[0] || strcmp(a->interface, b->interface) == 0;
}

static void check_pair(const struct check *check, const struct conf_instance *instance,
		       const struct conf_instance *other)
{
	char text[ADDR_TEXT_SIZE];

	if (instance->virtual_router_id != 0 &&
	    instance->virtual_router_id == other->virtual_router_id &&
	    may_share_interface(instance, other) && share_family(instance, other))
		violation(check, instance, "virtual_router_id",
			  "%u is that of instance %s, too, and both may be on one interface",
			  instance->virtual_router_id, other->name);
	for (size_t i = 0; i < instance->address_count; i++)
		if (addr_in_list(&instance->addresses[i], other->addresses, other->address_count))
			violation(check, instance, "virtual_ipaddress",
				  "%s is an address of instance %s, too",
				  addr_format(&instance->addresses[i], text), other->name);
}

void conf_complete(struct conf *conf,
		   void (*error)(void *context, const struct conf_instance *instance,
				 const char *option, const char *message),
		   void *context)
{
	const struct check check = {.conf = conf, .error = error, .context = context};

	check_apiserver(&check);
	if (conf->instance_count == 0)
		violation(&check, NULL, conf_section_name(CONF_SECTION_INSTANCE),
			  "at least one is needed");
	for (size_t i = 0; i < conf->instance_count; i++) {
		check_instance(&check, &conf->instances[i]);
		for (size_t j = 0; j < i; j++)
			check_pair(&check, &conf->instances[i], &conf->instances[j]);
	}
}
