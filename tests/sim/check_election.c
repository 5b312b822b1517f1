/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of one router among others: the adverts that reach it, and its transitions. node.c
 * calls them when an advert comes into a socket, around each packet that the engine gets, and when
 * the engine notifies a transition.
 */
#include <string.h>

#include "sim/check.h"

static int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* BOUNDS: at most four times our interval counts. */
static int64_t followed_us(int64_t interval_us, const struct router *router)
{
	return min(interval_us, VRRP_INTERVAL_FACTOR * check_interval_us(router));
}

/* BOUNDS: before its second advert confirms it, an interval counts no more than ours. */
static int64_t believed_us(int64_t interval_us, bool first, const struct router *router)
{
	return min(followed_us(interval_us, router), first ? check_interval_us(router) : INT64_MAX);
}

/* BOUNDS: how long a Backup waits for an Active, without Skew_Time: three of its intervals; until
 * its second advert one of them and three of ours, if that is less. */
static int64_t patience_us(int64_t interval_us, bool first, const struct router *router)
{
	int64_t followed = followed_us(interval_us, router);

	return min(3 * followed, first ? followed + 3 * check_interval_us(router) : INT64_MAX);
}

/* How long others of a lower band do not count beside an Active. */
static int64_t beside_us(int64_t interval_us, bool first, const struct router *router)
{
	return 3 * believed_us(interval_us, first, router);
}

/* Whether the advert that reached the socket last is not read yet, or is that of the Active that
 * the Backup knows. Else another router has become the Active of a lower band, which it may when
 * the ready one has been silent for long enough. */
static bool is_active_known(const struct watch *watch)
{
	return !watch->active.read ||
	       (watch->heard.best.known &&
		addr_equal(&watch->heard.best.source, &watch->active.source));
}

/* The interval of an advert that is not read yet is believed as little as it may be. */
static bool is_active_new(const struct watch *watch)
{
	return !watch->active.read || watch->heard.best.first;
}

/* RFC 9568 6.1, computed here on its own, with the least Skew_Time that the router can have. */
static int64_t active_down_us(const struct watch *watch, const struct router *router)
{
	bool first = is_active_new(watch);
	int64_t interval_us = believed_us(watch->active.interval_us, first, router);

	return patience_us(watch->active.interval_us, first, router) +
	       (256 - watch->active.own_priority) * interval_us / 256;
}

/* An advert counts from when it is in the socket, read or not, unless timers may run although there
 * is more to read. */
static void check_silence(struct node *node, const struct router *router, struct instant now,
			  int64_t patience_us)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);
	int64_t silent_us = instant_since(now, watch->active.at);
	bool flooded = node->kernel.sockets[router->settings.family].count > 0 &&
		       node->engine.undrained >= ENGINE_UNDRAINED_MAX;
	/* Since a reload the router discards adverts that had reached the socket before. */
	bool discards = router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS &&
			watch->active.priority < router_ready_priority(router);
	bool excused = watch->active.waived || discards || flooded;

	if (((watch->active.known && is_active_known(watch)) || watch->active.waived) &&
	    check_applies(sim, RULE_READY_HEARD, excused) && silent_us < patience_us)
		check_broken(sim, RULE_READY_HEARD,
			     "n%d takes over %lld us after an advert reached its socket",
			     node->id + 1, (long long)silent_us);
}

/* RFC 9568 6.4.2: Active_Down_Timer has fired. */
static void check_timeout(struct node *node, const struct router *router, struct instant now)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);
	const struct known_active *best = &watch->heard.best;
	bool follows_unready = best->known && best->followed && best->band != PRIORITY_BAND_READY;
	bool preempts = router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS;

	check_silence(node, router, now, active_down_us(watch, router));
	if (follows_unready && check_applies(sim, RULE_UNREADY_HEARD, preempts) &&
	    instant_since(now, best->at) < patience_us(best->interval_us, best->first, router))
		check_broken(sim, RULE_UNREADY_HEARD, "n%d", node->id + 1);
}

/* PREEMPT: a Backup relieves an Active of a lower band. */
static void check_relief(struct node *node, const struct router *router, struct instant now)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);

	if (check_applies(sim, RULE_READY_PREEMPTS, false) &&
	    priority_band(check_priority(node, router)) <= PRIORITY_BAND_DOWN)
		check_broken(sim, RULE_READY_PREEMPTS, "n%d", node->id + 1);
	if (check_applies(sim, RULE_PREEMPT_DELAY, false) && !instant_due(watch->preempt_from, now))
		check_broken(sim, RULE_PREEMPT_DELAY, "n%d", node->id + 1);
}

/* Skew_Time after priority 0, or when the takeover was due anyway. A change of the own priority
 * meanwhile moves either by less than an interval. */
static struct instant stop_until(const struct node *node, const struct router *router)
{
	const struct watch *watch = check_watched(node, router);
	const struct vrrp_heard *followed = &router->vrrp.backup.followed;
	int64_t own_us = check_interval_us(router);
	int64_t interval_us = min(followed->interval_cs * SIM_CS, VRRP_INTERVAL_FACTOR * own_us);
	uint8_t priority = check_priority(node, router);

	if (watch->before_call.hold_ends)
		priority = priority_in_band(router_ready_priority(router),
					    health_band(&node->engine.health));
	if (interval_us == 0 || followed->first)
		interval_us = interval_us == 0 ? own_us : min(interval_us, own_us);
	return instant_min(instant_add(watch->heard.stop_at, (256 - priority) * interval_us / 256),
			   instant_add(watch->heard.stop_down, -interval_us));
}

static void check_skew(struct node *node, const struct router *router, struct instant now)
{
	const struct watch *watch = check_watched(node, router);

	if (check_applies(node->sim, RULE_SKEW_TIME, false) &&
	    (!watch->heard.stop || !instant_due(stop_until(node, router), now)))
		check_broken(node->sim, RULE_SKEW_TIME, "n%d", node->id + 1);
}

static void check_takeover(struct node *node, const struct router *router,
			   const struct router_transition *transition)
{
	struct sim *sim = node->sim;
	struct watch *watch = check_watch(node, router);
	const struct known_active *best = &watch->heard.best;
	struct instant now = transition->at;
	bool relieves = transition->what.reason == VRRP_REASON_ACTIVE_UNREADY;
	bool unready = priority_band(check_priority(node, router)) != PRIORITY_BAND_READY;

	if (router_ready_priority(router) > watch->active.own_priority)
		watch->active.own_priority = router_ready_priority(router);
	if (transition->what.reason == VRRP_REASON_ACTIVE_DOWN)
		check_timeout(node, router, now);
	/* The unready router may have taken over since the ready one's last advert. */
	if (relieves && !watch->heard.stop)
		check_silence(node, router, now,
			      beside_us(watch->active.interval_us, is_active_new(watch), router));
	if ((relieves || transition->what.reason == VRRP_REASON_ACTIVE_LOWER) &&
	    check_applies(sim, RULE_PREEMPTIBLE_HEARD, false) && !watch->heard.preemptible &&
	    watch->heard.last_priority >= check_priority(node, router))
		check_broken(sim, RULE_PREEMPTIBLE_HEARD, "n%d", node->id + 1);
	if (unready && check_applies(sim, RULE_NO_RELIEF_BY_UNREADY, watch->heard.doubted) &&
	    best->known && best->band == PRIORITY_BAND_READY &&
	    instant_since(now, best->at) < beside_us(best->interval_us, best->first, router))
		check_broken(sim, RULE_NO_RELIEF_BY_UNREADY, "n%d", node->id + 1);
	if (relieves)
		check_relief(node, router, now);
	if (transition->what.reason == VRRP_REASON_ACTIVE_STOPPED)
		check_skew(node, router, now);
}

/* RFC 9568 6.4.3, on its own: whether the packet in progress beats the router. */
static bool is_beaten(const struct node *node, const struct router *router)
{
	const struct watch *watch = check_watched(node, router);
	uint8_t priority = message_priority(node->message);

	return priority > watch->before_packet.priority ||
	       (priority == watch->before_packet.priority &&
		memcmp(node->message->source.bytes, router->vrrp.primary.bytes, 16) > 0);
}

/*
 * Adverts cross: an Active that has just become lower hears what another one sent before it could
 * know that, and yields; the other hears what the first had sent before, and yields too. No router
 * can know. A ready Backup hears the lower priority and takes over after Skew_Time.
 */
static void excuse_crossing(struct sim *sim, const struct watch *watch)
{
	int64_t skew_us = (256 - PRIORITY_READY_MIN) * sim->interval_max_us / 256;

	if (watch->said.lowered_at > 0 && sim->now - watch->said.lowered_at <= sim->check.slack_us)
		check_excuse(sim, sim->now + skew_us + sim->check.slack_us);
}

static void check_end_of_role(struct node *node, const struct router *router,
			      const struct router_transition *transition)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);
	bool yields = transition->what.reason == VRRP_REASON_HIGHER_PRIORITY;
	bool steps_down = transition->what.reason == VRRP_REASON_STEP_DOWN;
	bool stops = transition->what.reason == VRRP_REASON_SHUTDOWN;
	bool add_failed = transition->what.fault == VRRP_FAULT_ADD_FAILED;
	int64_t slept_us = instant_since(transition->at, watch->said.left_at);

	if (yields)
		excuse_crossing(sim, watch);
	if (node->message && (yields || steps_down) &&
	    check_applies(sim, RULE_YIELDS_TO_BETTER, false) && !is_beaten(node, router))
		check_broken(sim, RULE_YIELDS_TO_BETTER, "n%d", node->id + 1);
	if (!node->message && (steps_down || stops || add_failed) &&
	    check_applies(sim, RULE_PRIORITY_ZERO_SENT, false) &&
	    watch->said.priority != PRIORITY_STOP)
		check_broken(sim, RULE_PRIORITY_ZERO_SENT, "n%d", node->id + 1);
	if (add_failed && check_applies(sim, RULE_FAILED_REFRESH, false) && watch->refresh_failed)
		check_broken(sim, RULE_FAILED_REFRESH, "n%d", node->id + 1);
	if (transition->what.reason == VRRP_REASON_CLAIM_EXPIRED &&
	    check_applies(sim, RULE_CLAIM_LASTS, false) && slept_us < 3 * watch->said.interval_us)
		check_broken(sim, RULE_CLAIM_LASTS, "n%d", node->id + 1);
}

/* Adverts concern the state that the router was in when it heard them. */
void check_forget_heard(struct watch *watch)
{
	watch->active.known = false;
	watch->active.waived = false;
	watch->heard.preemptible = false;
	watch->heard.stop = false;
	watch->heard.doubted = false;
	watch->heard.last_priority = UINT8_MAX;
	watch->heard.best.known = false;
}

/* A router whose addresses could not be added has listened all the time. */
static void note_listening(struct watch *watch, const struct vrrp_transition *what,
			   struct instant at)
{
	if (what->reason == VRRP_REASON_STARTUP || what->reason == VRRP_REASON_RESUMED ||
	    (what->reason == VRRP_REASON_RECOVERED && watch->fault != VRRP_FAULT_ADD_FAILED))
		watch->listens_from = at;
	watch->fault = what->fault;
}

void check_notify(struct node *node, const struct router *router,
		  const struct router_transition *transition)
{
	struct sim *sim = node->sim;
	struct watch *watch = check_watch(node, router);

	watch->notified = transition->what.to;
	note_listening(watch, &transition->what, transition->at);
	if (transition->what.to == VRRP_STATE_ACTIVE) {
		if (transition->what.reason == VRRP_REASON_RESUMED) {
			check_resumed(node, router, transition->at);
		} else {
			check_takes_over(node, router);
			check_takeover(node, router, transition);
		}
		watch->schedule.adverts = 0;
		watch->schedule.from = node_clock(node, sim->now);
		watch->schedule.interval_us = check_interval_us(router);
	}
	if (transition->what.from == VRRP_STATE_ACTIVE) {
		check_end_of_role(node, router, transition);
		check_own_address_fault(node, router, transition);
	}
	watch->leaving = false;
	if (transition->what.from == VRRP_STATE_INITIALIZE)
		watch->preempt_from = instant_add(transition->at, node->settings.preempt_delay_us);
	if (transition->what.to != VRRP_STATE_INITIALIZE &&
	    check_applies(sim, RULE_STATE_CHANGES, false) &&
	    transition->what.to == transition->what.from)
		check_broken(sim, RULE_STATE_CHANGES, "n%d", node->id + 1);
	check_forget_heard(watch);
	if (sim->phase == PHASE_STABLE)
		check_broken(sim, RULE_STABLE, "n%d", node->id + 1);
}

/*
 * An advert reaches the socket of a Backup, which follows it if it is that of a ready Active. Only
 * the Active itself undoes that, by a lower priority; or priority 0, whoever sent it (6.4.2); or an
 * advert that preempt `always` discards, which it does not while preempt_delay runs. An advert that
 * no node of ours has just sent waives the rule: it may have undone anything.
 */
void check_heard(struct node *node, const struct message *message)
{
	const struct router *router = node_router(node, message->source.family);
	uint8_t priority = message_priority(message);
	bool ready = priority_band(priority) == PRIORITY_BAND_READY;
	bool undone, discarded;
	struct watch *watch;

	if (message->must_refuse || !router ||
	    check_watched(node, router)->notified != VRRP_STATE_BACKUP)
		return;
	watch = check_watch(node, router);
	undone = priority == PRIORITY_STOP ||
		 (!ready && addr_equal(&message->source, &watch->active.source));
	discarded = ready && router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS &&
		    priority < router_ready_priority(router);
	if (!message->genuine) {
		check_waive_heard(watch);
	} else if (undone || discarded) {
		watch->active.known = false;
		watch->active.waived = false;
	} else if (ready) {
		watch->active.known = true;
		watch->active.waived = false;
		watch->active.source = message->source;
		watch->active.at = node_clock(node, node->sim->now);
		watch->active.interval_us = message_interval_us(message);
		watch->active.priority = priority;
		watch->active.own_priority = 0;
		watch->active.read = false;
	}
}

void check_waive_heard(struct watch *watch)
{
	watch->active.waived |= watch->active.known;
	watch->active.known = false;
}

/* PREEMPT, on its own: whether the router may take the role from the sender. */
static bool may_preempt(const struct watch *watch, const struct router *router, struct instant now,
			uint8_t priority)
{
	uint8_t own = watch->before_packet.priority;

	if (router->vrrp.state != VRRP_STATE_BACKUP || priority == PRIORITY_STOP ||
	    priority >= own || !instant_due(watch->preempt_from, now))
		return false;
	return router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS ||
	       priority_band(priority) < priority_band(own);
}

void check_packet_before(struct node *node, struct instant now, const struct message *message)
{
	const struct router *router = node_router(node, message->source.family);
	struct watch *watch;

	node->refusal = ADVERT_OK;
	node->doubted = false;
	node->message = message;
	if (!router)
		return;
	watch = check_watch(node, router);
	watch->before_call.adverts = check_adverts_of(router);
	watch->before_packet.priority = check_priority(node, router);
	watch->before_packet.state = watch->notified;
	watch->before_packet.active_down = vrrp_takeover(&router->vrrp).at;
	watch->before_packet.expired =
		router->vrrp.state == VRRP_STATE_ACTIVE && check_claim_expired(watch, now);
	watch->before_packet.may_expire =
		router->vrrp.state == VRRP_STATE_ACTIVE && !check_claims(watch, now);
	watch->before_packet.leaving = watch->leaving;
	watch->before_packet.preempts = may_preempt(watch, router, now, message_priority(message));
	if (!message->genuine)
		memcpy(&node->sim->before, router, sizeof(*router));
}

/* REJECT. A packet for an unknown VRID belongs to no router and leaves nothing to compare. */
static void check_refused(struct node *node, const struct router *router,
			  const struct message *message, bool unknown)
{
	struct sim *sim = node->sim;

	if (message->genuine || !check_applies(sim, RULE_REFUSED_CHANGES_NOTHING, unknown))
		return;
	sim->before.counters = router->counters;
	if (memcmp(&sim->before, router, sizeof(*router)) != 0)
		check_broken(sim, RULE_REFUSED_CHANGES_NOTHING, "n%d: %s", node->id + 1,
			     advert_refusal_name(node->refusal));
}

/* The sender of an advert is the Active that the router knows from now on, unless it speaks beside
 * a better one: from another source, in a lower band, less than three intervals after it. */
static void note_best(struct watch *watch, const struct router *router, struct instant now,
		      const struct message *message)
{
	struct known_active *best = &watch->heard.best;
	uint8_t priority = message_priority(message);
	enum priority_band band = priority_band(priority);
	bool again = best->known && addr_equal(&message->source, &best->source);
	bool beside =
		best->known && !again && band < best->band &&
		instant_since(now, best->at) < beside_us(best->interval_us, best->first, router);

	watch->active.read |=
		addr_equal(&message->source, &watch->active.source) && band == PRIORITY_BAND_READY;
	if (priority == PRIORITY_STOP) {
		best->known = false;
	} else if (!beside) {
		watch->heard.doubted = false;
		*best = (struct known_active){
			.known = true,
			.source = message->source,
			.band = band,
			.interval_us = message_interval_us(message),
			.at = now,
			.first = !again,
			.followed = !watch->before_packet.preempts,
		};
	}
}

/* RFC 9568 6.4.2: priority 0 sets Active_Down_Timer to Skew_Time. BOUNDS: unless less is left. */
static void check_priority_zero(struct node *node, const struct router *router, struct instant now)
{
	struct sim *sim = node->sim;
	struct watch *watch = check_watch(node, router);
	struct instant takeover = vrrp_takeover(&router->vrrp).at;
	int64_t longest_us = VRRP_INTERVAL_FACTOR * check_interval_us(router);

	/* A leave that is doubted counts later. */
	if (!watch->heard.stop || !instant_due(watch->heard.stop_at, now)) {
		watch->heard.stop_at = now;
		watch->heard.stop_down = watch->before_packet.active_down;
	}
	watch->heard.stop = true;
	if (check_applies(sim, RULE_PRIORITY_ZERO_HEARD, false) &&
	    instant_since(takeover, now) > longest_us)
		check_broken(sim, RULE_PRIORITY_ZERO_HEARD, "n%d", node->id + 1);
	if (check_applies(sim, RULE_STOP_NEVER_POSTPONES, false) &&
	    takeover.us > watch->before_packet.active_down.us)
		check_broken(sim, RULE_STOP_NEVER_POSTPONES, "n%d", node->id + 1);
}

#define MINUTE_US (60 * SECOND_US)

/* Whether the source has taken back twice within a minute that it leaves, the last time less than a
 * minute ago. It takes back what it said less than three intervals ago. */
static bool note_leave(struct watch *watch, const struct router *router, struct instant now,
		       const struct message *message)
{
	struct leave *leave =
		&watch->leaves[message->source.bytes[addr_size(message->source.family) - 1]];
	bool leaves = message_priority(message) <= PRIORITY_LEAVING;
	bool doubted = leaves && !instant_is_never(leave->retracted_before) &&
		       instant_since(leave->retracted, leave->retracted_before) < MINUTE_US &&
		       instant_since(now, leave->retracted) < MINUTE_US;

	if (!leaves && !instant_is_never(leave->at) &&
	    instant_since(now, leave->at) < 3 * check_interval_us(router)) {
		leave->retracted_before = leave->retracted;
		leave->retracted = now;
	}
	leave->at = leaves ? now : INSTANT_NEVER;
	return doubted;
}

/* The effect of an accepted advert on the Active_Down_Timer of a Backup. */
static void check_accepted(struct node *node, const struct router *router, struct instant now,
			   const struct message *message)
{
	struct sim *sim = node->sim;
	struct watch *watch = check_watch(node, router);
	const struct vrrp *vr = &router->vrrp;
	bool doubted = watch->heard.doubted;

	if (router_ready_priority(router) > watch->active.own_priority)
		watch->active.own_priority = router_ready_priority(router);
	watch->heard.last_priority = message_priority(message);
	watch->heard.preemptible |= message_priority(message) != PRIORITY_STOP &&
				    (watch->before_packet.preempts ||
				     priority_band(message_priority(message)) <
					     priority_band(watch->before_packet.priority));
	note_best(watch, router, now, message);
	if (vr->state != VRRP_STATE_BACKUP)
		return;
	/* Unless it shows that the Active does not leave. */
	if (watch->before_packet.preempts && check_applies(sim, RULE_NEVER_POSTPONED, doubted) &&
	    vrrp_takeover(vr).at.us > watch->before_packet.active_down.us)
		check_broken(sim, RULE_NEVER_POSTPONED, "n%d", node->id + 1);
	if (message_priority(message) == PRIORITY_STOP)
		check_priority_zero(node, router, now);
}

/* A held Backup relieves nobody, and an Active that was leaving before is followed or relieved. */
static bool relieves(const struct watch *watch, const struct message *message)
{
	const struct known_active *best = &watch->heard.best;
	bool left = best->known && addr_equal(&message->source, &best->source) &&
		    best->band == PRIORITY_BAND_LEAVING;

	return watch->before_packet.state == VRRP_STATE_BACKUP &&
	       watch->before_packet.priority > PRIORITY_LEAVING && !left;
}

/* The next advert of the Active, which is due within an interval of the last one, shows whether it
 * leaves. If it does, its handover may end a Skew_Time before the takeover. */
static void check_doubted(struct node *node, const struct router *router,
			  const struct message *message)
{
	struct watch *watch = check_watch(node, router);
	const struct known_active *best = &watch->heard.best;

	if (!best->known || !addr_equal(&message->source, &best->source))
		return;
	watch->heard.doubted = true;
	watch->heard.preemptible = true;
	check_excuse(node->sim,
		     node->sim->now + 2 * node->sim->interval_max_us + node->sim->check.slack_us);
	if (watch->heard.stop)
		return;
	watch->heard.stop = true;
	watch->heard.stop_at =
		instant_add(best->at, believed_us(best->interval_us, best->first, router));
	watch->heard.stop_down = INSTANT_NEVER;
}

/* An Active that hears another router yields if its claim has expired (SOCKETS FIRST). */
static void check_rival(struct node *node, const struct router *router,
			const struct message *message)
{
	struct sim *sim = node->sim;
	const struct watch *watch = check_watched(node, router);
	bool active = router->vrrp.state == VRRP_STATE_ACTIVE;
	bool answers = check_adverts_since(node, router) > 0;

	if (watch->before_packet.expired && message_priority(message) != PRIORITY_STOP &&
	    check_applies(sim, RULE_EXPIRED_YIELDS, false) && (active || answers))
		check_broken(sim, RULE_EXPIRED_YIELDS, "n%d", node->id + 1);
}

/* TENURE: of two Actives of one band the newer one yields. */
static void check_newer(struct node *node, const struct router *router,
			const struct message *message)
{
	const struct watch *watch = check_watched(node, router);
	uint8_t own = watch->before_packet.priority, other = message_priority(message);
	bool newer = message->genuine && message->tenure < watch->tenure;

	if (newer && watch->before_packet.state == VRRP_STATE_ACTIVE &&
	    !watch->before_packet.expired && other > PRIORITY_LEAVING &&
	    priority_band(other) == priority_band(own) &&
	    check_applies(node->sim, RULE_TENURE, false) && watch->notified != VRRP_STATE_ACTIVE &&
	    router->vrrp.reason == VRRP_REASON_HIGHER_PRIORITY)
		check_broken(node->sim, RULE_TENURE, "n%d", node->id + 1);
}

/* DEAF: an Active stays beside a better one of its band that does not hear it, and yields to any
 * other better one. */
static void check_better(struct node *node, const struct router *router, struct instant now,
			 const struct message *message)
{
	const struct watch *watch = check_watched(node, router);
	uint8_t own = watch->before_packet.priority, other = message_priority(message);
	bool yields = watch->notified != VRRP_STATE_ACTIVE;
	bool beats = other > own ||
		     (other == own && addr_compare(&message->source, &router->vrrp.primary) > 0);
	bool deaf = check_is_deaf(node, router, now, &message->source) &&
		    priority_band(other) == priority_band(own);

	if (watch->before_packet.state != VRRP_STATE_ACTIVE || watch->before_packet.may_expire ||
	    !beats || other == PRIORITY_STOP ||
	    (watch->before_packet.leaving && other == PRIORITY_LEAVING))
		return;
	if (deaf && check_applies(node->sim, RULE_DEAF, false) && yields)
		check_broken(node->sim, RULE_DEAF, "n%d", node->id + 1);
	if (!deaf && check_applies(node->sim, RULE_YIELDS, false) && !yields)
		check_broken(node->sim, RULE_YIELDS, "n%d", node->id + 1);
}

void check_packet_after(struct node *node, struct instant now, const struct message *message)
{
	struct sim *sim = node->sim;
	const struct router *router = node_router(node, message->source.family);
	bool refused = node->refusal != ADVERT_OK;
	bool unknown = node->refusal == ADVERT_UNKNOWN_VRID;
	bool doubted;

	node->message = NULL;
	if (!router)
		return;
	if (check_applies(sim, RULE_ADVERT_PER_EVENT, unknown) &&
	    check_adverts_since(node, router) > !refused)
		check_broken(sim, RULE_ADVERT_PER_EVENT, "n%d answers a packet with %llu",
			     node->id + 1, (unsigned long long)check_adverts_since(node, router));
	if (message->must_refuse && check_applies(sim, RULE_INVALID_REFUSED, false) && !refused)
		check_broken(sim, RULE_INVALID_REFUSED, "n%d", node->id + 1);
	if (message->genuine && check_applies(sim, RULE_VALID_ACCEPTED, unknown) && refused)
		check_broken(sim, RULE_VALID_ACCEPTED, "n%d refuses it: %s", node->id + 1,
			     advert_refusal_name(node->refusal));
	if (refused) {
		check_refused(node, router, message, unknown);
		return;
	}
	doubted = note_leave(check_watch(node, router), router, now, message);
	if (check_applies(sim, RULE_DOUBT, false) && doubted != node->doubted)
		check_broken(sim, RULE_DOUBT, "n%d %s", node->id + 1,
			     doubted ? "believes" : "does not believe");
	if (doubted && relieves(check_watched(node, router), message))
		check_doubted(node, router, message);
	else
		check_accepted(node, router, now, message);
	check_rival(node, router, message);
	check_newer(node, router, message);
	check_better(node, router, now, message);
}
