/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void engine_init(struct engine *engine, struct engine_io *io, unsigned fall, unsigned rise)
{
	*engine = (struct engine){.io = io};
	health_init(&engine->health, fall, rise);
}

void engine_fini(struct engine *engine)
{
	for (size_t i = 0; i < engine->router_count; i++)
		free(engine->routers[i]);
	engine->router_count = 0;
	memset(engine->by_vrid, 0, sizeof(engine->by_vrid));
}

void engine_index(struct engine *engine)
{
	memset(engine->by_vrid, 0, sizeof(engine->by_vrid));
	for (size_t i = engine->router_count; i-- > 0;) {
		struct router *router = engine->routers[i];
		const struct router_settings *settings = &router->settings;
		struct router **head = &engine->by_vrid[settings->family][settings->vrid];

		router->next_same_vrid = *head;
		*head = router;
	}
}

struct router *engine_find(const struct engine *engine, int ifindex, enum addr_family family,
			   uint8_t vrid)
{
	struct router *router = engine->by_vrid[family][vrid];

	while (router && router->ifindex != ifindex)
		router = router->next_same_vrid;
	return router;
}

/* ---- Actions, carried out and reported ---- */

/* What goes to the group: an advert, or a STATUS. */
struct message {
	uint8_t priority;		   /* of the advert */
	const struct group_status *status; /* NULL: an advert */
};

static bool send_advert_to(struct engine *engine, const struct router *router, uint8_t priority,
			   struct addr destination)
{
	const struct router_settings *settings = &router->settings;
	uint8_t bytes[ADVERT_HEADER_SIZE + ROUTER_ADDRESSES_MAX * 16];
	struct advert_fields fields = {
		.vrid = settings->vrid,
		.priority = priority,
		.interval_cs = settings->vrrp.advert_int_cs,
		.checksum = settings->checksum,
		.address_count = (uint8_t)settings->advertised_count,
		.addresses = settings->addresses,
		.source = router->vrrp.primary,
		.destination = destination,
	};
	size_t size = advert_encode(&fields, bytes, sizeof(bytes));

	assert(size > 0);
	return engine->io->send_advert(engine->io, router, &fields.source, &destination, bytes,
				       size);
}

static bool send_status_to(struct engine *engine, const struct router *router,
			   const struct group_status *status, struct addr destination)
{
	uint8_t bytes[GROUP_STATUS_SIZE_MAX];
	struct addr source = router->vrrp.primary;
	size_t size = group_status_encode(status, router->settings.checksum, &source, &destination,
					  bytes, sizeof(bytes));

	assert(size > 0);
	return engine->io->send_status(engine->io, router, &source, &destination, bytes, size);
}

static bool send_copy(struct engine *engine, const struct router *router,
		      const struct message *message, struct addr destination)
{
	if (message->status)
		return send_status_to(engine, router, message->status, destination);
	return send_advert_to(engine, router, message->priority, destination);
}

/* One multicast, or one copy for each peer. True if the kernel took any copy, or if there is no
 * peer but this router. */
static bool send_message(struct engine *engine, const struct router *router,
			 const struct message *message)
{
	const struct router_settings *settings = &router->settings;
	bool sent = false, tried = false;

	if (!settings->unicast)
		return send_copy(engine, router, message, advert_group(settings->family));
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (addr_equal(&settings->peers[i], &router->vrrp.primary))
			continue;
		tried = true;
		sent |= send_copy(engine, router, message, settings->peers[i]);
	}
	return sent || !tried;
}

static bool send_advert(struct engine *engine, struct router *router, uint8_t priority)
{
	if (!send_message(engine, router, &(struct message){.priority = priority})) {
		router->counters.send_failures++;
		return false;
	}
	router->counters.adverts_sent++;
	router->counters.priority_zero_sent += priority == PRIORITY_STOP;
	return true;
}

static void send_status(struct engine *engine, struct router *router, struct instant now,
			const struct group_status *status)
{
	bool sent = send_message(engine, router, &(struct message){.status = status});

	group_note_sent(&router->group, now, status, sent);
}

static bool add_addresses(struct engine *engine, struct router *router, int64_t *ret_took_us)
{
	if (!engine->io->add(engine->io, router, ret_took_us)) {
		router->counters.add_failures++;
		return false;
	}
	for (size_t i = 0; i < router->settings.address_count; i++)
		router->present[i] = true;
	return true;
}

static void remove_addresses(struct engine *engine, struct router *router)
{
	engine->io->remove(engine->io, router, router->settings.addresses,
			   router->settings.address_count);
	for (size_t i = 0; i < router->settings.address_count; i++) {
		router->leaving[i] = router->present[i];
		router->present[i] = false;
	}
}

static void announce(struct engine *engine, struct router *router)
{
	if (engine->io->announce(engine->io, router))
		router->counters.announcements++;
	else
		router->counters.announce_failures++;
}

/* GROUP: what is due at the end of a turn, a change within it included. */
void engine_tell_group(struct engine *engine, struct router *router, struct instant now)
{
	struct group_status status;

	if (!router->vrrp.started || !router_can_tell(router)) {
		group_stop(&router->group);
		return;
	}
	status = router_tell(router, now);
	if (!group_is_due(&router->group, now, &status))
		return;
	member_forget(&router->group.members, now);
	send_status(engine, router, now, &status);
}

/* GROUP: the router has ended, with its daemon or by a reload. */
static void send_last_status(struct engine *engine, struct router *router, struct instant now)
{
	struct group_status status;

	if (router_can_tell(router)) {
		status = router_tell(router, now);
		send_status(engine, router, now, &status);
	}
	group_stop(&router->group);
}

static void notify(struct engine *engine, struct router *router, struct instant now,
		   const struct vrrp_transition *what)
{
	const struct router_transition transition = {.at = now, .what = *what};

	router_record(router, now, what);
	engine->io->notify(engine->io, router, &transition);
	if (!router->vrrp.started)
		send_last_status(engine, router, now);
}

void engine_step_type(struct engine *engine, struct router *router, struct instant now,
		      enum vrrp_event_type type)
{
	engine_step(engine, router, now, &(struct vrrp_event){.type = type});
}

/* DEAF: a Backup that takes over because the Active is silent does not hear it. The STATUS says so
 * before the first advert, so that an Active which is there after all knows why. */
static void tell_silence(struct engine *engine, struct router *router, struct instant now)
{
	const struct vrrp *vr = &router->vrrp;

	if (vr->state != VRRP_STATE_BACKUP || vrrp_takeover(vr).reason != VRRP_REASON_ACTIVE_DOWN)
		return;
	member_miss(&router->group.members, &vr->backup.heard.address);
	engine_tell_group(engine, router, now);
}

static void perform(struct engine *engine, struct router *router, struct instant now,
		    const struct vrrp_action *action)
{
	int64_t took_us;
	bool done;

	switch (action->type) {
	case VRRP_ACTION_SEND_ADVERT:
		done = send_advert(engine, router, action->priority);
		engine_step(engine, router, now,
			    &(struct vrrp_event){
				    .type = done ? VRRP_EVENT_SENT : VRRP_EVENT_SEND_FAILED,
				    .priority = action->priority,
			    });
		break;
	case VRRP_ACTION_ADD_ADDRESSES:
		/* What follows happens that much later than the turn began. */
		done = add_addresses(engine, router, &took_us);
		if (done)
			tell_silence(engine, router, now);
		engine_step(engine, router, instant_add(now, took_us),
			    &(struct vrrp_event){
				    .type = done ? VRRP_EVENT_ADDED : VRRP_EVENT_ADD_FAILED,
				    .took_us = took_us,
			    });
		break;
	case VRRP_ACTION_REMOVE_ADDRESSES:
		remove_addresses(engine, router);
		break;
	case VRRP_ACTION_ANNOUNCE:
		announce(engine, router);
		break;
	case VRRP_ACTION_NOTIFY:
		notify(engine, router, now, &action->transition);
		break;
	}
}

void engine_step(struct engine *engine, struct router *router, struct instant now,
		 const struct vrrp_event *event)
{
	bool listened = router->vrrp.state == VRRP_STATE_BACKUP;
	struct vrrp_actions actions;

	vrrp_step(&router->vrrp, now, event, &actions);
	for (unsigned i = 0; i < actions.count; i++)
		perform(engine, router, now, &actions.list[i]);
	/* RESUME: it does not listen for an Active any more. */
	if (listened && router->vrrp.state == VRRP_STATE_INITIALIZE)
		engine_remove_leftovers(engine, router);
}

void engine_step_priority(struct engine *engine, struct router *router, struct instant now)
{
	enum priority_band band = router_band(router, health_band(&engine->health));
	uint8_t priority = priority_in_band(router_ready_priority(router), band);

	if (priority != router->vrrp.priority)
		engine_step(
			engine, router, now,
			&(struct vrrp_event){.type = VRRP_EVENT_PRIORITY, .priority = priority});
}

static void step_priorities(struct engine *engine, struct instant now)
{
	for (size_t i = 0; i < engine->router_count; i++)
		engine_step_priority(engine, engine->routers[i], now);
}

/* ---- The interface ---- */

static bool is_vip(const void *context, const struct addr *address)
{
	const struct engine *engine = context;

	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router_settings *settings = &engine->routers[i]->settings;

		if (addr_in_list(address, settings->addresses, settings->address_count))
			return true;
	}
	return false;
}

static void step_primary(struct engine *engine, struct router *router, struct instant now,
			 enum vrrp_event_type type)
{
	/* The next STATUS has another source, so it is news. */
	group_stop(&router->group);
	engine_step(engine, router, now,
		    &(struct vrrp_event){
			    .type = type,
			    .primary = router->own[router->settings.family],
		    });
}

/* Tells the machine what keeps the router from working, that nothing does any more, or that adverts
 * come from another address; nothing while the own address may come back (router_grace_end()). A
 * fault of the machine's own (ADD_FAILED) is the machine's to end. */
static void evaluate(struct engine *engine, struct router *router, struct instant now)
{
	const struct vrrp *vr = &router->vrrp;
	bool faulty_before = vr->fault != VRRP_FAULT_NONE && vr->fault != VRRP_FAULT_ADD_FAILED;
	enum vrrp_fault fault = router_fault(router);
	struct instant grace_end = router_grace_end(router);

	if (!instant_is_never(grace_end) && !instant_due(grace_end, now))
		return;
	router->own_lost_at = INSTANT_NEVER;
	if (fault != VRRP_FAULT_NONE && vr->fault != fault)
		engine_step(engine, router, now,
			    &(struct vrrp_event){.type = VRRP_EVENT_FAULT, .fault = fault});
	else if (fault == VRRP_FAULT_NONE && faulty_before)
		step_primary(engine, router, now, VRRP_EVENT_FAULTS_GONE);
	else if (fault == VRRP_FAULT_NONE &&
		 !addr_equal(&router->own[router->settings.family], &vr->primary))
		step_primary(engine, router, now, VRRP_EVENT_PRIMARY);
}

static void trace(struct engine *engine, const struct router *router, enum engine_trace what)
{
	engine->io->trace(engine->io, router, what, ADVERT_OK, NULL);
}

/* RESUME: what the process before has left stays until an Active is heard or its lease ends. If
 * nobody holds the address it goes on to answer until this router is Active again. */
static bool is_kept(const struct router *router, size_t number)
{
	return router->leased[number] && !router->leaving[number] &&
	       router->vrrp.state == VRRP_STATE_BACKUP && !vrrp_active_heard(&router->vrrp);
}

/* RECONCILE, not Active: without an own address of the family a "VIP" may be the node's only
 * address, by a slip in the file, so it stays. */
void engine_remove_leftovers(struct engine *engine, struct router *router)
{
	struct addr leftovers[ROUTER_ADDRESSES_MAX];
	size_t count = 0;
	bool news = false;

	for (size_t i = 0; i < router->settings.address_count; i++) {
		const struct addr *address = &router->settings.addresses[i];

		if (!router->present[i] || addr_is_unspecified(&router->own[address->family]) ||
		    is_kept(router, i))
			continue;
		leftovers[count++] = *address;
		news |= !router->leaving[i];
		router->leaving[i] = true;
		router->present[i] = false;
	}
	if (count == 0)
		return;
	if (news)
		trace(engine, router, ENGINE_TRACE_REMOVED);
	engine->io->remove(engine->io, router, leftovers, count);
}

/* RECONCILE */
static void reconcile(struct engine *engine, struct router *router, struct instant now,
		      struct router_news news)
{
	bool active = router->vrrp.state == VRRP_STATE_ACTIVE;

	if (!active)
		engine_remove_leftovers(engine, router);
	if (active && news.lost) {
		router->counters.vip_readded++;
		trace(engine, router, ENGINE_TRACE_READDED);
	}
	if (active && (news.lost || news.disturbed))
		engine_step_type(engine, router, now, VRRP_EVENT_ADDRESS_LOST);
}

/* RESUME: with the claim, the router takes over what the process before knew of the apiserver, so
 * that no advert says otherwise before the first result. */
static void start(struct engine *engine, struct router *router, struct instant now)
{
	const struct vrrp_event event = {.type = VRRP_EVENT_STARTUP, .claim = router->inherited};

	if (router->settings.track_apiserver && router_fault(router) == VRRP_FAULT_NONE &&
	    vrrp_claim_lasts(&router->inherited, now) && !engine->health.answered_before) {
		health_resume(&engine->health, priority_band(router->inherited.priority));
		step_priorities(engine, now);
	}
	engine_step(engine, router, now, &event);
	router->inherited = (struct vrrp_claim){0};
}

void engine_interface(struct engine *engine, struct instant now, struct router *router,
		      const struct interface *interface)
{
	bool replaced = router->ifindex != 0 && interface->index != router->ifindex;
	struct router_news news;

	/* The addresses go from the old interface, so its fault comes first. */
	if (replaced)
		engine_step(engine, router, now,
			    &(struct vrrp_event){.type = VRRP_EVENT_FAULT,
						 .fault = VRRP_FAULT_NO_INTERFACE});
	news = router_take_interface(router, now, interface, is_vip, engine);
	evaluate(engine, router, now);
	router_take_auto_address(router, interface, is_vip, engine);
	engine_step_priority(engine, router, now);
	/* Before what the process before has left is removed: it may be this one's role again. */
	if (!router->vrrp.started && !engine->shutting_down)
		start(engine, router, now);
	reconcile(engine, router, now, news);
}

void engine_socket(struct engine *engine, struct instant now, struct router *router, bool open)
{
	if (router->socket_closed == !open)
		return;
	router->socket_closed = !open;
	evaluate(engine, router, now);
}

/* ---- Claims ---- */

/* A leaving or held router waits for another holder. */
static struct claims_view view_of(const struct router *router)
{
	const struct vrrp *vr = &router->vrrp;
	const struct vrrp_heard *heard = vrrp_active_heard(vr);
	struct claims_view view = {.role = CLAIMS_DEAF, .alone = router->heard_count == 0};

	view.active = heard ? heard->address : (struct addr){.family = router->settings.family};
	switch (vr->state) {
	case VRRP_STATE_INITIALIZE:
		break;
	case VRRP_STATE_BACKUP:
		view.role = CLAIMS_BACKUP;
		break;
	case VRRP_STATE_ACTIVE:
		if (vrrp_priority(vr) != PRIORITY_LEAVING)
			view.role = CLAIMS_ACTIVE;
		break;
	}
	return view;
}

/* The virtual router's own hardware address is that of a router of the group, whose adverts say
 * what its role is: FRR announces a second before its first advert, and must not be contradicted.
 */
void engine_claim(struct engine *engine, struct instant now, int ifindex,
		  const struct neigh_claim *claim)
{
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];
		const struct router_settings *settings = &router->settings;
		struct claims_view view = view_of(router);

		if (router->ifindex == ifindex &&
		    memcmp(router->mac, claim->mac, sizeof(router->mac)) != 0 &&
		    !neigh_is_virtual_mac(claim->mac, settings->vrid) &&
		    addr_in_list(&claim->address, settings->addresses, settings->address_count))
			claims_hear(&router->claims, now, &view, claim);
	}
}

/* SOCKETS FIRST: an Active whose claim has expired announces nothing; claims go on to come. */
static void answer_claims(struct engine *engine, struct router *router, struct instant now)
{
	struct claims_view view = view_of(router);
	enum claims_answer answer = claims_take(&router->claims, now, &view);

	if (answer == CLAIMS_NOTHING)
		return;
	trace(engine, router, ENGINE_TRACE_CLAIMED);
	if (answer == CLAIMS_DEFEND && !vrrp_claim_expired(&router->vrrp, now))
		announce(engine, router);
}

/* ---- Readiness, requests and time ---- */

/* Whether the VIP of a router that follows the probe is here. What happens to an apiserver that is
 * out of service already tells nothing. */
static bool any_tracking_active(const struct engine *engine)
{
	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router *router = engine->routers[i];

		if (router->settings.track_apiserver && router->vrrp.state == VRRP_STATE_ACTIVE &&
		    router_band(router, PRIORITY_BAND_READY) == PRIORITY_BAND_READY)
			return true;
	}
	return false;
}

bool engine_probe_result(struct engine *engine, struct instant now, enum health_result result)
{
	bool was_ready = engine->health.ready;
	bool changed = health_step(&engine->health, now, result);

	if (was_ready && !engine->health.ready && any_tracking_active(engine))
		health_damp(&engine->health, now);
	/* The band may also have changed since the last result, with the limits. */
	step_priorities(engine, now);
	return changed;
}

void engine_limit_health(struct engine *engine, unsigned fall, unsigned rise)
{
	assert(fall > 0 && rise > 0);
	engine->health.fall = fall;
	engine->health.rise = rise;
}

void engine_forget_health(struct engine *engine, struct instant now)
{
	health_init(&engine->health, engine->health.fall, engine->health.rise);
	step_priorities(engine, now);
}

bool engine_condition(struct engine *engine, struct instant now, struct router *router, size_t i,
		      const struct condition_state *state)
{
	struct condition_state *known = &router->conditions[i];
	bool news = known->unmet != state->unmet || strcmp(known->reason, state->reason) != 0;

	assert(i < router->settings.conditions.count);
	assert(state->unmet || state->reason[0] == '\0');
	*known = *state;
	engine_step_priority(engine, router, now);
	return news;
}

void engine_step_down(struct engine *engine, struct instant now, int64_t hold_us)
{
	struct vrrp_event event = {.type = VRRP_EVENT_STEP_DOWN, .hold_us = hold_us};

	for (size_t i = 0; i < engine->router_count; i++)
		engine_step(engine, engine->routers[i], now, &event);
}

void engine_shutdown(struct engine *engine, struct instant now)
{
	engine->shutting_down = true;
	for (size_t i = 0; i < engine->router_count; i++)
		engine_step_type(engine, engine->routers[i], now, VRRP_EVENT_SHUTDOWN);
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
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];

		if (instant_due(router_grace_end(router), now))
			evaluate(engine, router, now);
		if (instant_due(vrrp_deadline(&router->vrrp), now))
			engine_step_type(engine, router, now, VRRP_EVENT_TIMEOUT);
		if (instant_due(claims_deadline(&router->claims), now))
			answer_claims(engine, router, now);
	}
	for (size_t i = 0; i < engine->router_count; i++)
		engine_tell_group(engine, engine->routers[i], now);
}

struct instant engine_deadline(const struct engine *engine)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router *router = engine->routers[i];

		first = instant_min(first, vrrp_deadline(&router->vrrp));
		first = instant_min(first, router_grace_end(router));
		first = instant_min(first, claims_deadline(&router->claims));
		first = instant_min(first, router->group.next);
	}
	return first;
}
