/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_packet(): a packet for protocol 112, an advert or a STATUS. Finds its virtual router,
 * decides whether the packet is refused (rule REJECT), counts it, and hands on what it says.
 */
#include "core/engine.h"

/* The derived link-local address does not count as shared: every router with this VRID has it. */
static bool shares_address(const struct router_settings *settings, const struct advert *advert,
			   bool *ret_same)
{
	size_t first = settings->link_local_derived ? 1 : 0;
	unsigned known = 0;
	bool shares = false;

	for (unsigned i = 0; i < advert->address_count; i++) {
		struct addr address = advert_address(advert, i);

		known += addr_in_list(&address, settings->addresses, settings->advertised_count);
		shares |= addr_in_list(&address, settings->addresses + first,
				       settings->advertised_count - first);
	}
	*ret_same = known == advert->address_count && known == settings->advertised_count;
	return shares;
}

/* The rest of the REJECT chain: what the packet alone could not answer. */
static enum advert_refusal examine_advert(const struct router *router, const struct packet *packet,
					  const struct advert *advert, bool *ret_same_addresses)
{
	const struct router_settings *settings;
	bool same;

	if (!router)
		return ADVERT_UNKNOWN_VRID;
	settings = &router->settings;
	if (addr_equal(&packet->source, &router->vrrp.primary))
		return ADVERT_SOURCE_OWN;
	if (settings->unicast &&
	    !addr_in_list(&packet->source, settings->peers, settings->peer_count))
		return ADVERT_SOURCE_NOT_PEER;
	if (!shares_address(settings, advert, &same))
		return ADVERT_ADDRESSES_FOREIGN;
	*ret_same_addresses = same;
	return ADVERT_OK;
}

static void trace(struct engine *engine, const struct router *router, enum engine_trace what,
		  const struct packet *packet)
{
	engine->io->trace(engine->io, router, what, ADVERT_OK, packet);
}

static void count_accepted(struct engine *engine, struct router *router,
			   const struct packet *packet, const struct advert *advert,
			   bool same_addresses)
{
	struct router_counters *counters = &router->counters;

	counters->adverts_received++;
	counters->priority_zero_received += advert->priority == PRIORITY_STOP;
	counters->checksum_rfc5798_received += advert->checksum == ADVERT_CHECKSUM_RFC5798;
	if (advert->interval_cs != router->settings.vrrp.advert_int_cs) {
		counters->interval_differs++;
		trace(engine, router, ENGINE_TRACE_INTERVAL_DIFFERS, packet);
	}
	if (!same_addresses) {
		counters->addresses_differ++;
		trace(engine, router, ENGINE_TRACE_ADDRESSES_DIFFER, packet);
	}
	if (advert->priority == PRIORITY_OWNER)
		trace(engine, router, ENGINE_TRACE_PRIORITY_OWNER, packet);
}

/* DEAF. A new member has as long to hear us as a Backup waits for an Active. */
static enum vrrp_hearing hearing_of(const struct router *router, struct instant now,
				    const struct addr *source)
{
	int64_t grace_us = 3 * vrrp_config_interval_us(&router->settings.vrrp);

	return member_hearing(&router->group.members, now, source, &router->vrrp.primary, grace_us);
}

/* DEAF: this Active is no worse, so the sender that is Active too may think that it is not heard.
 */
static bool is_rival(const struct router *router, uint8_t priority)
{
	return router->vrrp.state == VRRP_STATE_ACTIVE && priority > PRIORITY_LEAVING &&
	       priority <= vrrp_priority(&router->vrrp);
}

/* BOUNDS: an advert that says that its sender leaves, of one that goes on. */
static bool is_doubted(struct engine *engine, struct router *router, struct instant now,
		       const struct packet *packet, uint8_t priority)
{
	if (priority > PRIORITY_LEAVING || !router_doubts(router, now, &packet->source))
		return false;
	router->counters.leaves_doubted++;
	trace(engine, router, ENGINE_TRACE_DOUBTED, packet);
	return true;
}

/* A new Active, which is followed from now on, and sends no STATUS where others do. */
static bool is_stranger(const struct router *router, struct instant now, const struct addr *before)
{
	const struct vrrp_heard *heard = vrrp_active_heard(&router->vrrp);

	return heard && !addr_equal(&heard->address, before) &&
	       router_is_stranger(router, now, &heard->address);
}

static void take_advert(struct engine *engine, struct instant now, int ifindex,
			const struct packet *packet)
{
	struct router *router =
		engine_find(engine, ifindex, packet->source.family, advert_peek_vrid(packet));
	const struct vrrp_heard *followed;
	struct addr before;
	struct advert advert;
	bool same_addresses = false;
	enum advert_refusal refusal = advert_decode(packet, &advert);

	if (refusal == ADVERT_OK)
		refusal = examine_advert(router, packet, &advert, &same_addresses);
	if (refusal != ADVERT_OK) {
		uint64_t *rejected = router ? router->counters.rejected : engine->rejected;

		rejected[refusal]++;
		engine->io->trace(engine->io, router, ENGINE_TRACE_REFUSED, refusal, packet);
		return;
	}
	count_accepted(engine, router, packet, &advert, same_addresses);
	router_remember(router, now, &packet->source, advert.priority);
	/* DEAF: the sender knows that it is heard before it gets the answer. */
	if (is_rival(router, advert.priority))
		group_repeat(&router->group);
	if (member_take_advert(&router->group.members, &packet->source) || router->group.repeat)
		engine_tell_group(engine, router, now);
	followed = vrrp_active_heard(&router->vrrp);
	before = followed ? followed->address : (struct addr){0};
	engine_step(engine, router, now,
		    &(struct vrrp_event){
			    .type = VRRP_EVENT_ADVERT,
			    .advert = {.source = packet->source,
				       .interval_cs = advert.interval_cs,
				       .priority = advert.priority,
				       .hearing = hearing_of(router, now, &packet->source),
				       .doubted = is_doubted(engine, router, now, packet,
							     advert.priority)},
		    });
	if (is_stranger(router, now, &before))
		trace(engine, router, ENGINE_TRACE_STRANGER, packet);
	if (router->vrrp.state != VRRP_STATE_ACTIVE)
		engine_remove_leftovers(engine, router);
	router_assert(router);
}

/* The rest of the REJECT chain of a STATUS. A STATUS lists no addresses of the virtual router, so
 * its digest tells another cluster that has our VRID. */
static enum group_status_refusal examine_status(const struct router *router,
						const struct packet *packet,
						const struct group_status *status)
{
	const struct router_settings *settings;

	if (!router || !router->settings.members)
		return GROUP_STATUS_UNKNOWN_VRID;
	settings = &router->settings;
	if (addr_equal(&packet->source, &router->vrrp.primary))
		return GROUP_STATUS_SOURCE_OWN;
	if (settings->unicast &&
	    !addr_in_list(&packet->source, settings->peers, settings->peer_count))
		return GROUP_STATUS_SOURCE_NOT_PEER;
	if (status->digest != 0 && status->digest != router_digest(settings))
		return GROUP_STATUS_DIGEST_FOREIGN;
	return GROUP_STATUS_OK;
}

/* GROUP: a STATUS changes the table of members and nothing else. */
static void take_status(struct engine *engine, struct instant now, int ifindex,
			const struct packet *packet)
{
	struct router *router =
		engine_find(engine, ifindex, packet->source.family, group_status_peek_vrid(packet));
	struct group_status status;
	enum group_status_refusal refusal = group_status_decode(packet, &status);

	if (refusal == GROUP_STATUS_OK)
		refusal = examine_status(router, packet, &status);
	if (refusal == GROUP_STATUS_OK &&
	    !member_take(&router->group.members, now, &packet->source, &status))
		refusal = GROUP_STATUS_SURPLUS;
	if (!router) {
		engine->status_rejected[refusal]++;
	} else if (refusal != GROUP_STATUS_OK) {
		router->group.counters.rejected[refusal]++;
		if (refusal != GROUP_STATUS_UNKNOWN_VRID)
			engine->io->status_refused(engine->io, router, refusal, packet);
	} else {
		router->group.counters.received++;
		router_assert(router);
	}
}

void engine_packet(struct engine *engine, struct instant now, int ifindex,
		   const struct packet *packet)
{
	if (group_status_is(packet))
		take_status(engine, now, ifindex, packet);
	else
		take_advert(engine, now, ifindex, packet);
}
