/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of one router that need no other: what it sends and announces, the addresses that it
 * holds, and its timers. node.c calls them where the router acts and at the end of each turn.
 */
#include "sim/check.h"

/* How many addresses its own process has put into the kernel, and of those that an earlier one has
 * left how many are known to it. with_own: only those of families of which the node has an address
 * of its own, as RECONCILE leaves the others alone. */
static size_t count_held(const struct node *node, const struct router *router, bool with_own)
{
	size_t count = 0;

	for (size_t i = 0; i < node->kernel.address_count; i++) {
		const struct kernel_address *held = &node->kernel.addresses[i];

		count += (!with_own || !addr_is_unspecified(&router->own[held->family])) &&
			 (!held->left_over ||
			  addr_in_list(&held->address, router->settings.addresses,
				       router->settings.address_count));
	}
	return count;
}

static bool holds_all(const struct node *node, const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (!node_holds(node, &router->settings.addresses[i]))
			return false;
	return count_held(node, router, false) == router->settings.address_count;
}

/* The kernel has an address that adverts may be sent from. */
static bool has_own_address(const struct node *node, const struct router *router)
{
	enum addr_family family = router->settings.family;
	const struct kernel *kernel = &node->kernel;

	return kernel->primary_present[family] &&
	       (!node->settings.unicast || kernel->primary_changed[family] == 0);
}

/* What the process is about to learn of the address that it sends from. */
static void note_own_address(struct node *node, const struct router *router)
{
	struct watch *watch = check_watch(node, router);
	const struct kernel *kernel = &node->kernel;
	bool down = !kernel->exists || !kernel->up;
	bool hard = down || kernel->ifindex != router->ifindex ||
		    kernel->carrier_changes != kernel->carrier_seen;

	if (has_own_address(node, router) && !down) {
		watch->own_gone_at = INSTANT_NEVER;
		watch->own_gone_hard = false;
		return;
	}
	if (instant_is_never(watch->own_gone_at))
		watch->own_gone_at = node_clock(node, node->sim->now);
	watch->own_gone_hard |= hard;
}

/* An Active waits an interval for an address that may come back. */
void check_own_address_fault(struct node *node, const struct router *router,
			     const struct router_transition *transition)
{
	const struct watch *watch = check_watched(node, router);
	enum vrrp_fault fault = transition->what.fault;

	if ((fault == VRRP_FAULT_NO_ADDRESS || fault == VRRP_FAULT_NOT_A_PEER) &&
	    check_applies(node->sim, RULE_GAP, watch->own_gone_hard) &&
	    instant_since(transition->at, watch->own_gone_at) < check_interval_us(router))
		check_broken(node->sim, RULE_GAP, "n%d", node->id + 1);
}

static void check_own_address(struct node *node, const struct router *router, struct instant now,
			      bool drained)
{
	const struct watch *watch = check_watched(node, router);

	if (router->vrrp.state == VRRP_STATE_ACTIVE && !instant_is_never(watch->own_gone_at) &&
	    check_applies(node->sim, RULE_LONG_GAP, !drained) &&
	    instant_since(now, watch->own_gone_at) >= check_interval_us(router))
		check_broken(node->sim, RULE_LONG_GAP, "n%d", node->id + 1);
}

void check_interface(struct node *node)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = check_watch(node, router);

		note_own_address(node, router);
		watch->misses |= !holds_all(node, router);
		watch->disturbed |= node->kernel.carrier_changes != node->kernel.carrier_seen &&
				    router->vrrp.state == VRRP_STATE_ACTIVE;
	}
	node->kernel.carrier_seen = node->kernel.carrier_changes;
}

/* HANDOVER: a handover takes an interval at most, and a router that has stepped down sends the
 * lowest priority until its hold is over. */
void check_requests(struct node *node, struct instant now, bool band_rose)
{
	struct instant ends = instant_add(now, node->settings.advert_int_cs * SIM_CS);
	bool steps_down = node->step_down_us > 0;

	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = check_watch(node, router);

		if (band_rose)
			watch->preempt_from = instant_add(now, node->settings.preempt_delay_us);
		watch->leaving |= check_watched(node, router)->notified == VRRP_STATE_ACTIVE &&
				  (steps_down || node->shutdown);
		watch->held |= steps_down;
	}
	if (steps_down)
		node->held_until = instant_add(now, node->step_down_us);
	/* A handover that has begun keeps its end. */
	if ((steps_down || (node->shutdown && !node->engine.shutting_down)) &&
	    !instant_due(ends, node->stop_by))
		node->stop_by = ends;
}

/*
 * SOCKETS FIRST: the claim of an Active has expired when Backups may have taken over. They wait for
 * Active_Down_Interval, which is less than four intervals, after its last advert.
 */
bool check_claim_expired(const struct watch *watch, struct instant now)
{
	return instant_since(now, watch->said.left_at) >= 4 * watch->said.interval_us;
}

/* No Backup can have given the Active up: Active_Down_Interval is more than three intervals. */
bool check_claims(const struct watch *watch, struct instant now)
{
	return instant_since(now, watch->said.left_at) <= 3 * watch->said.interval_us;
}

static void check_drained(struct node *node, const struct router *router)
{
	struct instant now = node_clock(node, node->sim->now);

	if (check_watched(node, router)->notified == VRRP_STATE_ACTIVE &&
	    check_claim_expired(check_watch(node, router), now) &&
	    check_applies(node->sim, RULE_DRAINS_FIRST, false) && !node->listened)
		check_broken(node->sim, RULE_DRAINS_FIRST, "n%d", node->id + 1);
}

/* Backups restart Active_Down_Timer from each advert on the wire, with the interval that it
 * carries.
 */
static void note_advert(struct node *node, const struct router *router, uint8_t priority,
			bool taking_over, bool sent)
{
	struct watch *watch = check_watch(node, router);

	if (!taking_over && priority > PRIORITY_LEAVING && priority < watch->said.priority)
		watch->said.lowered_at = node->sim->now;
	watch->said.priority = priority;
	if (!sent && !taking_over)
		return;
	watch->said.band = priority_band(priority);
	watch->said.interval_us = check_interval_us(router);
	watch->said.at = node_clock(node, node->sim->now);
	watch->said.left_at = node_clock(node, node->sim->now + node->waited_us);
}

/* TENURE, on its own: a takeover by time-out, in less than 5 s or five intervals since the router
 * began to listen, makes a new Active. */
static bool is_new(const struct watch *watch, const struct router *router, struct instant now)
{
	int64_t listens_us = instant_since(now, watch->listens_from);

	return router->vrrp.reason == VRRP_REASON_ACTIVE_DOWN &&
	       router->vrrp.config.preempt != VRRP_PREEMPT_ALWAYS &&
	       listens_us < max(5 * SIM_S, 5 * check_interval_us(router));
}

/* The first advert comes before the transition is notified; there may be nobody to send it to. */
void check_takes_over(struct node *node, const struct router *router)
{
	struct watch *watch = check_watch(node, router);

	watch->active_from = node_clock(node, node->sim->now + node->waited_us);
	watch->tenure = is_new(watch, router, watch->active_from) ? PRIORITY_TENURE_NONE
								  : PRIORITY_TENURE_LONG;
}

/* The tenure that an Active has at that time, noticed or not. */
static enum priority_tenure tenure_at(const struct watch *watch, const struct router *router,
				      struct instant now)
{
	int64_t active_us = instant_since(now, watch->active_from);

	if (watch->tenure == PRIORITY_TENURE_LONG || active_us >= 60 * SIM_S ||
	    router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS)
		return PRIORITY_TENURE_LONG;
	return active_us >= 5 * SIM_S ? PRIORITY_TENURE_SHORT : PRIORITY_TENURE_NONE;
}

/* RESUME: the tenure goes on over the end of a process. */
void check_resumes(struct node *node, const struct router *router)
{
	struct watch *watch = check_watch(node, router);

	watch->tenure = tenure_at(watch, router, node_clock(node, node->sim->now));
}

/* The tenure that an advert with this priority shows: the one that the router has just now, or that
 * it has noticed last. */
enum priority_tenure check_tenure_said(const struct node *node, const struct router *router,
				       uint8_t priority)
{
	const struct watch *watch = check_watched(node, router);
	struct instant left_at = node_clock(node, node->sim->now + node->waited_us);
	enum priority_tenure now = tenure_at(watch, router, left_at);

	return priority == check_priority_at(node, router, now) ? now : watch->tenure;
}

static bool is_priority_of(const struct node *node, const struct router *router, uint8_t priority)
{
	enum priority_tenure tenure = check_tenure_said(node, router, priority);

	return priority == check_priority_at(node, router, tenure);
}

static void check_priority_sent(struct node *node, const struct router *router, uint8_t priority)
{
	struct sim *sim = node->sim;
	bool lowest = priority <= PRIORITY_LEAVING; /* the router stops, leaves or is held */
	/* What a router sends when it has waited for the kernel it sends that much later. */
	struct instant left_at = node_clock(node, sim->now + node->waited_us);
	bool hold_is_over = instant_due(node->held_until, left_at);

	if (!hold_is_over && check_applies(sim, RULE_STAYS_LOWEST, false) && !lowest)
		check_broken(sim, RULE_STAYS_LOWEST, "n%d sends %u", node->id + 1, priority);
	if (check_applies(sim, RULE_FOLLOWS_READINESS, lowest) &&
	    !is_priority_of(node, router, priority))
		check_broken(sim, RULE_FOLLOWS_READINESS, "n%d sends %u", node->id + 1, priority);
}

void check_send(struct node *node, const struct router *router, uint8_t priority, bool sent)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);
	bool active = router->vrrp.state == VRRP_STATE_ACTIVE;
	bool taking_over = active && check_watched(node, router)->notified == VRRP_STATE_BACKUP;
	/* A router that has just found an address missing adds it again later in the turn, when the
	 * sockets are drained. */
	bool may_miss = node->kernel.meddled || (!taking_over && watch->misses);

	if (check_applies(sim, RULE_ACTIVE_SENDS, false) &&
	    check_watched(node, router)->notified != VRRP_STATE_ACTIVE && !taking_over)
		check_broken(sim, RULE_ACTIVE_SENDS, "n%d", node->id + 1);
	if (taking_over && check_applies(sim, RULE_ANNOUNCES_FIRST, false) && !watch->announced)
		check_broken(sim, RULE_ANNOUNCES_FIRST, "n%d", node->id + 1);
	if (check_applies(sim, RULE_ADVERT_HOLDS, may_miss) && !holds_all(node, router))
		check_broken(sim, RULE_ADVERT_HOLDS, "n%d", node->id + 1);
	if (priority > PRIORITY_LEAVING)
		check_drained(node, router);
	if (taking_over)
		check_takes_over(node, router);
	note_advert(node, router, priority, taking_over, sent);
	check_priority_sent(node, router, priority);
}

void check_add_failed(struct node *node, const struct router *router)
{
	check_watch(node, router)->refresh_failed = holds_all(node, router);
}

void check_announce(struct node *node, const struct router *router)
{
	struct sim *sim = node->sim;
	struct watch *watch = check_watch(node, router);

	watch->announced_at = node_clock(node, sim->now);
	check_drained(node, router);
	if (check_applies(sim, RULE_ACTIVE_ANNOUNCES, false) &&
	    (router->vrrp.state != VRRP_STATE_ACTIVE || watch->leaving))
		check_broken(sim, RULE_ACTIVE_ANNOUNCES, "n%d", node->id + 1);
	if (watch->notified == VRRP_STATE_ACTIVE &&
	    check_applies(sim, RULE_MUTE_IS_SILENT, false) &&
	    check_claim_expired(watch, node_clock(node, sim->now)))
		check_broken(sim, RULE_MUTE_IS_SILENT, "n%d", node->id + 1);
	if (check_applies(sim, RULE_ANNOUNCEMENT_HOLDS, node->kernel.meddled || watch->misses) &&
	    !holds_all(node, router))
		check_broken(sim, RULE_ANNOUNCEMENT_HOLDS, "n%d", node->id + 1);
}

uint64_t check_adverts_of(const struct router *router)
{
	return router->counters.adverts_sent + router->counters.send_failures;
}

void check_adverts_begin(struct node *node, struct instant now)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = check_watch(node, router);

		watch->before_call.adverts = check_adverts_of(router);
		watch->before_call.leaving = watch->leaving;
		watch->before_call.hold_ends = watch->held && instant_due(node->held_until, now);
		watch->before_call.active = watch->notified == VRRP_STATE_ACTIVE;
		watch->before_call.tenure = tenure_at(watch, router, now);
	}
}

uint64_t check_adverts_since(const struct node *node, const struct router *router)
{
	return check_adverts_of(router) - check_watched(node, router)->before_call.adverts;
}

void check_adverts_end(struct node *node, unsigned events)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		uint64_t adverts = check_adverts_since(node, node->engine.routers[i]);

		if (check_applies(node->sim, RULE_ADVERT_PER_EVENT, false) && adverts > events)
			check_broken(node->sim, RULE_ADVERT_PER_EVENT, "n%d sends %llu in %u",
				     node->id + 1, (unsigned long long)adverts, events);
	}
}

/* The adverts of Adver_Timer lie on a grid from the takeover on. Beside them a router sends one
 * when a hold ends or its tenure makes its priority rise, and priority 0 when a handover ends. */
static void check_schedule(struct node *node, const struct router *router, struct instant now,
			   bool beside)
{
	struct watch *watch = check_watch(node, router);
	int64_t elapsed_us;

	if (router->vrrp.state != VRRP_STATE_ACTIVE)
		return;
	if (watch->schedule.interval_us != check_interval_us(router)) {
		watch->schedule.adverts = 0;
		/* The grid goes on from the last advert that was due, which may have been late. */
		watch->schedule.from = instant_add(now, -check_interval_us(router));
		watch->schedule.interval_us = check_interval_us(router);
	}
	/* The time that an addition took is gone for the schedule too. */
	elapsed_us = instant_since(node_clock(node, node->sim->now + node->waited_us),
				   watch->schedule.from);
	if (!beside)
		watch->schedule.adverts += (int64_t)check_adverts_since(node, router);
	if (check_applies(node->sim, RULE_ADVERT_PER_INTERVAL, beside) &&
	    watch->schedule.adverts > 1 + elapsed_us / watch->schedule.interval_us)
		check_broken(node->sim, RULE_ADVERT_PER_INTERVAL, "n%d: %lld in %lld us",
			     node->id + 1, (long long)watch->schedule.adverts,
			     (long long)elapsed_us);
}

/* The router notices the end of a hold in a timeout; where a handover ends in the same turn, the
 * hold waits for the next one. A hold that ends while the kernel adds the addresses may be noticed
 * at the end of that or in the next turn. */
static bool notice_hold_end(struct node *node, const struct router *router)
{
	struct watch *watch = check_watch(node, router);
	struct instant left_at = node_clock(node, node->sim->now + node->waited_us);

	if (node->engine.undrained % ENGINE_UNDRAINED_MAX != 0 ||
	    watch->before_call.leaving != watch->leaving)
		return false;
	if (!watch->before_call.hold_ends &&
	    (!watch->held || !instant_due(node->held_until, left_at) ||
	     !instant_is_never(router->vrrp.timers[VRRP_TIMER_HOLD])))
		return false;
	watch->held = false;
	return true;
}

/* As the end of a hold. */
static bool notice_tenure(struct node *node, const struct router *router)
{
	struct watch *watch = check_watch(node, router);
	struct instant left_at = node_clock(node, node->sim->now + node->waited_us);
	enum priority_tenure before = watch->tenure;
	const struct instant *timers = router->vrrp.timers;

	if (node->engine.undrained % ENGINE_UNDRAINED_MAX != 0 || !watch->before_call.active)
		return false;
	watch->tenure = watch->before_call.tenure;
	if (node->waited_us > 0 && instant_is_never(timers[VRRP_TIMER_TENURE_SHORT]))
		watch->tenure = tenure_at(watch, router, left_at);
	return watch->tenure != before;
}

void check_timers_end(struct node *node, struct instant now)
{
	check_adverts_end(node, 1);
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		bool beside = check_watched(node, router)->before_call.hold_ends;

		beside |= notice_hold_end(node, router);
		beside |= notice_tenure(node, router);
		check_schedule(node, router, now, beside);
	}
}

/* RECONCILE: the addresses are there if and only if the router is Active, once the process has seen
 * what others did to them. */
static void check_presence(struct node *node, const struct router *router, bool drained)
{
	struct sim *sim = node->sim;
	bool excused = node->kernel.meddled || !drained || !node->kernel.exists;

	if (router->vrrp.state == VRRP_STATE_ACTIVE) {
		if (check_applies(sim, RULE_ACTIVE_HOLDS, excused) && !holds_all(node, router))
			check_broken(sim, RULE_ACTIVE_HOLDS, "n%d/%s", node->id + 1,
				     addr_family_name(router->settings.family));
		return;
	}
	/* RESUME: what the process before has left stays until an Active is heard. */
	excused |= router->vrrp.state == VRRP_STATE_BACKUP && !vrrp_active_heard(&router->vrrp);
	if (check_applies(sim, RULE_OTHERS_DO_NOT_HOLD, excused) &&
	    count_held(node, router, true) > 0)
		check_broken(sim, RULE_OTHERS_DO_NOT_HOLD, "n%d/%s", node->id + 1,
			     addr_family_name(router->settings.family));
}

/* Invariants of the state machine alone, between two events. */
static void check_machine(struct node *node, const struct router *router, struct instant now)
{
	struct sim *sim = node->sim;
	const struct vrrp *vr = &router->vrrp;
	bool retries = vr->started && vr->fault == VRRP_FAULT_ADD_FAILED;

	if ((vr->state != VRRP_STATE_INITIALIZE || retries) &&
	    check_applies(sim, RULE_DEADLINE, false) && instant_is_never(vrrp_deadline(vr)))
		check_broken(sim, RULE_DEADLINE, "n%d in %s", node->id + 1,
			     vrrp_state_name(vr->state));
	if (vr->state == VRRP_STATE_BACKUP && check_applies(sim, RULE_BACKUP_WAITS, false) &&
	    instant_since(vrrp_takeover(vr).at, now) >
		    4 * VRRP_INTERVAL_FACTOR * check_interval_us(router))
		check_broken(sim, RULE_BACKUP_WAITS, "n%d", node->id + 1);
	/* The advert of a takeover leaves when the addresses are there, which may take a while. */
	if (vr->state == VRRP_STATE_ACTIVE && check_applies(sim, RULE_ADVER_TIMER, false) &&
	    instant_since(vr->timers[VRRP_TIMER_ADVER],
			  node_clock(node, sim->now + node->waited_us)) > check_interval_us(router))
		check_broken(sim, RULE_ADVER_TIMER, "n%d", node->id + 1);
}

/* A turn that has drained the sockets may leave a second timer in the past, which the next turn
 * serves; a flood may make a few turns leave the same one. */
static void check_overdue(struct node *node, const struct router *router, struct instant now,
			  bool drained)
{
	struct sim *sim = node->sim;
	struct watch *watch = check_watch(node, router);
	struct instant deadline = vrrp_deadline(&router->vrrp);
	bool due = instant_due(deadline, now);

	watch->overdue.drained_turns = drained && due ? watch->overdue.drained_turns + 1 : 0;
	if (check_applies(sim, RULE_NOTHING_LEFT_DUE, !drained) && watch->overdue.drained_turns > 1)
		check_broken(sim, RULE_NOTHING_LEFT_DUE, "n%d in %s", node->id + 1,
			     vrrp_state_name(router->vrrp.state));
	if (!due || deadline.us != watch->overdue.deadline.us)
		watch->overdue.turns = 0;
	watch->overdue.deadline = deadline;
	watch->overdue.turns += due;
	if (due && check_applies(sim, RULE_FLOOD, false) &&
	    watch->overdue.turns >= ENGINE_UNDRAINED_MAX)
		check_broken(sim, RULE_FLOOD, "n%d in %s", node->id + 1,
			     vrrp_state_name(router->vrrp.state));
}

static void check_disturbed(struct node *node, const struct router *router, struct instant now)
{
	struct watch *watch = check_watch(node, router);
	const struct vrrp *vr = &router->vrrp;
	bool stays = vr->state == VRRP_STATE_ACTIVE && !watch->leaving;

	if (watch->disturbed &&
	    check_applies(node->sim, RULE_DISTURBED, !stays || !check_claims(watch, now)) &&
	    watch->announced_at.us != now.us &&
	    instant_since(vr->announcer.next, now) > ANNOUNCER_SPACING_US)
		check_broken(node->sim, RULE_DISTURBED, "n%d", node->id + 1);
	watch->disturbed = false;
}

/* The last advert of an Active is up to date. A turn that a flood cuts short sends none if the
 * claim has expired. */
static void check_said(struct node *node, const struct router *router, struct instant now)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);
	bool silent = !node->listened || !check_claims(watch, now);
	struct addr primary;

	if (router->vrrp.state != VRRP_STATE_ACTIVE)
		return;
	if (check_applies(sim, RULE_NEW_PRIORITY, silent) &&
	    watch->said.priority != check_priority(node, router))
		check_broken(sim, RULE_NEW_PRIORITY, "n%d", node->id + 1);
	primary = node_primary(node, router->settings.family);
	if (check_applies(sim, RULE_NEW_SOURCE,
			  node->kernel.changed || silent ||
				  !instant_is_never(router_grace_end(router))) &&
	    !addr_equal(&watch->last_source, &primary))
		check_broken(sim, RULE_NEW_SOURCE, "n%d", node->id + 1);
}

static void check_shutdown(struct node *node, struct instant now, bool drained)
{
	if (node->engine.shutting_down && instant_due(node->stop_by, now) &&
	    check_applies(node->sim, RULE_SHUTDOWN_ENDS, !drained) &&
	    !engine_stopped(&node->engine))
		check_broken(node->sim, RULE_SHUTDOWN_ENDS, "n%d", node->id + 1);
}

/* Rules that an event between two turns breaks: check_expired() and check_notify(). */
static void count_turn(struct node *node, const struct router *router)
{
	struct sim *sim = node->sim;

	if (router->vrrp.state == VRRP_STATE_ACTIVE && node->kernel.next_expiry < SIM_NEVER)
		check_applies(sim, RULE_LEASE_REFRESHED, false);
	if (sim->phase == PHASE_STABLE)
		check_applies(sim, RULE_STABLE, false);
}

void check_turn_end(struct node *node, struct instant now, bool drained)
{
	struct sim *sim = node->sim;

	check_shutdown(node, now, drained);
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];

		check_disturbed(node, router, now);
		check_resumed_speaks(node, router, drained);
		check_said(node, router, now);
		check_own_address(node, router, now, drained);
		check_machine(node, router, now);
		check_overdue(node, router, now, drained);
		check_presence(node, router, drained);
		if (check_applies(sim, RULE_NOTIFIED, false) &&
		    check_watched(node, router)->notified != router->vrrp.state)
			check_broken(sim, RULE_NOTIFIED, "n%d", node->id + 1);
		count_turn(node, router);
	}
}

void check_expired(struct node *node)
{
	struct sim *sim = node->sim;
	int64_t awake_us = sim->now - max(node->thawed_at, node->clean_at);
	bool excused = !node_is_awake(node) || awake_us <= node->kernel.expired_lease_us;

	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];

		if (check_watched(node, router)->notified == VRRP_STATE_ACTIVE &&
		    check_applies(sim, RULE_LEASE_REFRESHED, excused) && !holds_all(node, router))
			check_broken(sim, RULE_LEASE_REFRESHED, "n%d", node->id + 1);
	}
}
