/* SPDX-License-Identifier: Apache-2.0 */
#include "core/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool router_settings_equal(const struct router_settings *a, const struct router_settings *b)
{
	return strcmp(a->instance, b->instance) == 0 && strcmp(a->interface, b->interface) == 0 &&
	       a->vrid == b->vrid && a->family == b->family &&
	       a->ready_priority == b->ready_priority && a->track_apiserver == b->track_apiserver &&
	       conditions_equal(&a->conditions, &b->conditions) && a->members == b->members &&
	       a->apiserver_port == b->apiserver_port && a->unicast == b->unicast &&
	       a->checksum == b->checksum && addr_equal(&a->unicast_src_ip, &b->unicast_src_ip) &&
	       vrrp_config_equal(&a->vrrp, &b->vrrp) &&
	       a->link_local_derived == b->link_local_derived &&
	       a->advertised_count == b->advertised_count &&
	       addr_lists_equal(a->addresses, a->address_count, b->addresses, b->address_count) &&
	       addr_lists_equal(a->peers, a->peer_count, b->peers, b->peer_count);
}

struct router *router_new(const struct router_settings *settings)
{
	struct router *router = calloc(1, sizeof(*router));

	if (!router)
		return NULL;
	router->settings = *settings;
	router->link_fault = VRRP_FAULT_NO_INTERFACE;
	router->own_lost_at = INSTANT_NEVER;
	claims_init(&router->claims);
	vrrp_init(&router->vrrp, &settings->vrrp,
		  priority_in_band(PRIORITY_READY_MIN, PRIORITY_BAND_DOWN));
	group_init(&router->group);
	router_assert(router);
	return router;
}

const struct addr *router_sought_address(const struct router_settings *settings)
{
	for (size_t i = 0; i < settings->advertised_count; i++)
		if (!addr_is_link_local(&settings->addresses[i]))
			return &settings->addresses[i];
	return &settings->addresses[0];
}

const char *router_interface(const struct router *router)
{
	return router->interface_name[0] ? router->interface_name : router->settings.interface;
}

uint8_t router_ready_priority(const struct router *router)
{
	if (router->settings.ready_priority)
		return router->settings.ready_priority;
	if (addr_is_unspecified(&router->auto_address))
		return PRIORITY_READY_MIN;
	return priority_auto(&router->auto_address);
}

static struct router_heard *find_heard(struct router *router, const struct addr *source)
{
	for (size_t i = 0; i < router->heard_count; i++)
		if (addr_equal(&router->heard[i].address, source))
			return &router->heard[i];
	return NULL;
}

/* The place of a router that was not heard before: of the one that was heard the longest ago. */
static struct router_heard *new_heard(struct router *router)
{
	struct router_heard *slot = &router->heard[0];

	if (router->heard_count < ROUTER_HEARD_MAX)
		return &router->heard[router->heard_count++];
	for (size_t i = 1; i < router->heard_count; i++)
		if (router->heard[i].at.us < slot->at.us)
			slot = &router->heard[i];
	return slot;
}

void router_remember(struct router *router, struct instant now, const struct addr *source,
		     uint8_t priority)
{
	int64_t interval_us = vrrp_config_interval_us(&router->settings.vrrp);
	struct router_heard *heard = find_heard(router, source);

	if (!heard) {
		heard = new_heard(router);
		heard->retracted = heard->retracted_before = INSTANT_NEVER;
	} else if (heard->priority <= PRIORITY_LEAVING && priority > PRIORITY_LEAVING &&
		   instant_since(now, heard->at) < ROUTER_RETRACT_INTERVALS * interval_us) {
		heard->retracted_before = heard->retracted;
		heard->retracted = now;
	}
	heard->address = *source;
	heard->priority = priority;
	heard->at = now;
}

bool router_doubts(const struct router *router, struct instant now, const struct addr *source)
{
	for (size_t i = 0; i < router->heard_count; i++) {
		const struct router_heard *heard = &router->heard[i];

		if (addr_equal(&heard->address, source) &&
		    !instant_is_never(heard->retracted_before))
			return instant_since(heard->retracted, heard->retracted_before) <
				       ROUTER_DOUBT_US &&
			       instant_since(now, heard->retracted) < ROUTER_DOUBT_US;
	}
	return false;
}

bool router_is_stranger(const struct router *router, struct instant now, const struct addr *active)
{
	const struct member_table *members = &router->group.members;
	bool listened = instant_since(now, router->vrrp.listens_from) >= ROUTER_ACQUAINTED_US;

	return members->count > 0 && listened && !member_find(members, active);
}

void router_record(struct router *router, struct instant now,
		   const struct vrrp_transition *transition)
{
	router->since = now;
	if (transition->to == transition->from)
		return;
	router->history[router->history_count++ % ROUTER_HISTORY_MAX] =
		(struct router_transition){.at = now, .what = *transition};
	router->counters.transitions[transition->to][transition->reason]++;
	if (transition->fault != VRRP_FAULT_NONE)
		router->counters.faults[transition->fault]++;
}

/* ---- The interface ---- */

struct vips {
	bool (*is_vip)(const void *context, const struct addr *address);
	const void *context;
};

/*
 * How good a source of the family the address is, 0 = none: the one in use, so that another address
 * of the interface changes nothing; else one that is not deprecated; else one that is, from which
 * the kernel still sends (RFC 4862 5.5.4).
 */
static unsigned rank(const struct vips *vips, const struct interface_address *candidate,
		     enum addr_family family, const struct addr *current)
{
	unsigned in_use = addr_equal(&candidate->address, current) ? 1 : 0;

	if (candidate->address.family != family || candidate->tentative || candidate->vip ||
	    vips->is_vip(vips->context, &candidate->address))
		return 0;
	return candidate->deprecated ? 1 + in_use : 3 + in_use;
}

/* Whether adverts may be sent from this address of the interface (RFC 9568 7.2). */
static bool is_primary(const struct router_settings *settings, const struct addr *address)
{
	if (!settings->unicast)
		return address->family == ADDR_FAMILY_IPV4 || addr_is_link_local(address);
	if (!addr_is_unspecified(&settings->unicast_src_ip))
		return addr_equal(address, &settings->unicast_src_ip);
	return addr_in_list(address, settings->peers, settings->peer_count);
}

/* Whether announcements may be sent from it: RFC 4861 7.2.6 wants an address of the interface; a
 * link-local one always is on it. */
static bool is_announcer(const struct router_settings *settings, const struct addr *address)
{
	(void)settings;
	return address->family == ADDR_FAMILY_IPV4 || addr_is_link_local(address);
}

/* The best one that fits, the oldest of those: a second link-local address that comes later, which
 * other hosts may have too (anycast), is not taken for the node's. NULL if there is none. */
static const struct interface_address *
choose(const struct router *router, const struct interface *interface, const struct vips *vips,
       const struct addr *current,
       bool (*fits)(const struct router_settings *settings, const struct addr *address))
{
	const struct interface_address *best = NULL;
	unsigned best_rank = 0;

	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *candidate = &interface->addresses[i];
		unsigned own_rank = rank(vips, candidate, current->family, current);

		if (own_rank == 0 || !fits(&router->settings, &candidate->address) ||
		    own_rank < best_rank ||
		    (best && own_rank == best_rank && candidate->created >= best->created))
			continue;
		best = candidate;
		best_rank = own_rank;
	}
	return best;
}

/* Why the interface, which is there and up, has no primary address. */
static enum vrrp_fault explain_absence(const struct router *router,
				       const struct interface *interface, const struct vips *vips)
{
	const struct router_settings *settings = &router->settings;
	const struct addr none = {.family = settings->family};
	bool usable = false, duplicate = false;

	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		usable |= rank(vips, found, settings->family, &none) > 0;
		duplicate |= found->duplicate && found->address.family == settings->family &&
			     is_primary(settings, &found->address);
	}
	if (duplicate)
		return VRRP_FAULT_DUPLICATE_ADDRESS;
	return usable && settings->unicast && addr_is_unspecified(&settings->unicast_src_ip)
		       ? VRRP_FAULT_NOT_A_PEER
		       : VRRP_FAULT_NO_ADDRESS;
}

/* Finds the primary address, or the reason why there is none. */
static enum vrrp_fault find_primary(struct router *router, const struct interface *interface,
				    const struct vips *vips)
{
	struct addr *own = &router->own[router->settings.family];
	struct addr current = router->vrrp.primary;
	const struct interface_address *found;

	current.family = router->settings.family; /* also of the unspecified one at first */
	found = choose(router, interface, vips, &current, is_primary);
	*own = found ? found->address : (struct addr){.family = router->settings.family};
	if (interface->index == 0)
		return VRRP_FAULT_NO_INTERFACE;
	if (interface->port)
		return VRRP_FAULT_IS_PORT;
	if (!interface->up)
		return VRRP_FAULT_LINK_DOWN;
	return found ? VRRP_FAULT_NONE : explain_absence(router, interface, vips);
}

/* The node's address of the family that is carried along: announcements for it are sent from there.
 */
static void find_other_own(struct router *router, const struct interface *interface,
			   const struct vips *vips)
{
	enum addr_family other = addr_family_other(router->settings.family);
	struct addr *own = &router->own[other];
	const struct interface_address *found;

	own->family = other; /* also of the unspecified one at first */
	found = choose(router, interface, vips, own, is_announcer);
	*own = found ? found->address : (struct addr){.family = other};
}

/* interface->address_count if the address is not on the interface. */
static size_t place_of(const struct interface *interface, const struct addr *address)
{
	size_t i = 0;

	while (i < interface->address_count &&
	       !addr_equal(&interface->addresses[i].address, address))
		i++;
	return i;
}

/* True if an address is gone that was present. */
static bool take_presence(struct router *router, const struct interface *interface)
{
	bool lost = false;

	for (size_t i = 0; i < router->settings.address_count; i++) {
		size_t place = place_of(interface, &router->settings.addresses[i]);
		bool present = place < interface->address_count;
		const struct interface_address *found = &interface->addresses[place];

		router->leased[i] = present && found->vip && found->leased &&
				    found->prefix_length == addr_bits(found->address.family);
		lost |= router->present[i] && !present;
		router->present[i] = present;
		router->leaving[i] &= present;
	}
	return lost;
}

/* The address to send from is the only thing that is missing. */
static bool misses_own(enum vrrp_fault fault)
{
	return fault == VRRP_FAULT_NO_ADDRESS || fault == VRRP_FAULT_NOT_A_PEER;
}

struct instant router_grace_end(const struct router *router)
{
	int64_t grace_us = vrrp_config_interval_us(&router->settings.vrrp);

	return instant_add(router->own_lost_at,
			   router->vrrp.state == VRRP_STATE_ACTIVE ? grace_us : 0);
}

/* Whether the address that was in use is still usable; a reload may have ruled it out. */
static bool has_usable(const struct interface *interface, const struct vips *vips,
		       const struct addr *own)
{
	for (size_t i = 0; i < interface->address_count; i++)
		if (addr_equal(&interface->addresses[i].address, own) &&
		    rank(vips, &interface->addresses[i], own->family, own) > 0)
			return true;
	return false;
}

struct router_news
router_take_interface(struct router *router, struct instant now, const struct interface *interface,
		      bool (*is_vip)(const void *context, const struct addr *address),
		      const void *context)
{
	const struct vips vips = {is_vip, context};
	struct router_news news = {
		.disturbed = router->carrier_changes != interface->carrier_changes ||
			     memcmp(router->mac, interface->mac, sizeof(router->mac)) != 0,
	};
	bool may_be_back = router->ifindex == interface->index && !news.disturbed;
	bool loses_own = router->link_fault == VRRP_FAULT_NONE &&
			 !has_usable(interface, &vips, &router->own[router->settings.family]);

	router->carrier_changes = interface->carrier_changes;
	memcpy(router->mac, interface->mac, sizeof(router->mac));
	memcpy(router->interface_name, interface->name, sizeof(router->interface_name));
	router->ifindex = interface->index;
	router->link_fault = find_primary(router, interface, &vips);
	find_other_own(router, interface, &vips);
	if (!may_be_back || !misses_own(router->link_fault))
		router->own_lost_at = INSTANT_NEVER;
	else if (loses_own)
		router->own_lost_at = now;
	news.lost = take_presence(router, interface);
	router_assert(router);
	return news;
}

/* BANDS: the IPv4 address if the interface has one, else the primary one. It is kept while the
 * interface has none. */
void router_take_auto_address(struct router *router, const struct interface *interface,
			      bool (*is_vip)(const void *context, const struct addr *address),
			      const void *context)
{
	const struct vips vips = {is_vip, context};
	struct addr current = {.family = ADDR_FAMILY_IPV4};
	const struct interface_address *found;

	if (router->auto_address.family == ADDR_FAMILY_IPV4)
		current = router->auto_address;
	found = choose(router, interface, &vips, &current, is_announcer);
	if (found)
		router->auto_address = found->address;
	else if (!addr_is_unspecified(&router->own[router->settings.family]))
		router->auto_address = router->own[router->settings.family];
}

bool router_is_before_own(const struct router *router, const struct interface *interface,
			  const struct addr *address)
{
	size_t own = place_of(interface, &router->own[ADDR_FAMILY_IPV4]);

	return address->family == ADDR_FAMILY_IPV4 && own < interface->address_count &&
	       place_of(interface, address) < own;
}

enum vrrp_fault router_fault(const struct router *router)
{
	if (router->link_fault == VRRP_FAULT_NONE && router->socket_closed)
		return VRRP_FAULT_NO_SOCKET;
	return router->link_fault;
}

enum priority_band router_band(const struct router *router, enum priority_band apiserver)
{
	const struct router_settings *settings = &router->settings;
	enum priority_band band = settings->track_apiserver ? apiserver : PRIORITY_BAND_READY;
	bool met = conditions_first_unmet(&settings->conditions, router->conditions) ==
		   settings->conditions.count;

	return met || band < PRIORITY_BAND_ANSWERING ? band : PRIORITY_BAND_ANSWERING;
}

bool router_can_tell(const struct router *router)
{
	return router->settings.members && router_fault(router) == VRRP_FAULT_NONE &&
	       !addr_is_unspecified(&router->vrrp.primary);
}

/* The same for every order of the list. The derived link-local address is that of every router with
 * the VRID. */
uint16_t router_digest(const struct router_settings *settings)
{
	const struct addr *least = router_sought_address(settings);

	for (size_t i = 0; i < settings->advertised_count; i++) {
		const struct addr *address = &settings->addresses[i];

		if (!addr_is_link_local(address) && addr_compare(address, least) < 0)
			least = address;
	}
	return group_status_digest(least);
}

/* A router whose adverts come is heard, though its first STATUS may not have come yet. */
static void append_advertisers(const struct router *router, struct instant now,
			       struct group_status *status)
{
	int64_t fresh_us = 3 * vrrp_config_interval_us(&router->settings.vrrp);

	for (size_t i = 0; i < router->heard_count; i++) {
		const struct router_heard *heard = &router->heard[i];

		if (status->heard_count < GROUP_STATUS_HEARD_MAX &&
		    instant_since(now, heard->at) < fresh_us &&
		    !addr_in_list(&heard->address, status->heard, status->heard_count))
			status->heard[status->heard_count++] = heard->address;
	}
}

struct group_status router_tell(const struct router *router, struct instant now)
{
	const struct router_settings *settings = &router->settings;
	const struct vrrp *vr = &router->vrrp;
	struct group_status status = {
		.vrid = settings->vrid,
		.priority = vrrp_priority(vr),
		.state = vr->state,
		.balance = router->balances,
		.leaving = vr->shutting_down || !vr->started,
		.interval_cs = MEMBER_INTERVAL_CS,
		.port = settings->apiserver_port,
		.digest = router_digest(settings),
		.other = router->own[addr_family_other(settings->family)],
	};

	memcpy(status.mac, router->mac, sizeof(status.mac));
	status.heard_count = member_list_heard(&router->group.members, now, status.heard);
	append_advertisers(router, now, &status);
	return status;
}

void router_assert(const struct router *router)
{
	const struct router_settings *settings = &router->settings;

	assert(settings->vrid > 0);
	assert(settings->advertised_count > 0 &&
	       settings->advertised_count <= settings->address_count &&
	       settings->address_count <= ROUTER_ADDRESSES_MAX);
	for (size_t i = 0; i < settings->advertised_count; i++)
		assert(settings->addresses[i].family == settings->family);
	assert(router->link_fault != VRRP_FAULT_NONE ||
	       !addr_is_unspecified(&router->own[settings->family]));
	assert(instant_is_never(router->own_lost_at) || misses_own(router->link_fault));
	vrrp_assert(&router->vrrp);
	group_assert(&router->group);
}
