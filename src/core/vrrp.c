/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vrrp.h"

#include <assert.h>

/*
 * The machine, in the order of RFC 9568 6.4: Initialize, Backup, Active, each with what its events
 * mean, and last the step that hands an event to the state. What follows from the facts (Skew_Time,
 * Active_Down_Interval, the takeover) is in core/vrrp_facts.c; what entering a state sets and asks
 * for is in core/vrrp_transition.c.
 */

/* ---- In every state ---- */

/* A priority of a higher band begins a new preempt_delay, for a preemption under way too. */
static void set_priority(struct vrrp *vr, struct instant now, uint8_t priority)
{
	if (priority_band(priority) > priority_band(vr->priority))
		vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	vr->priority = priority;
}

static void end_if_due(struct vrrp *vr, enum vrrp_timer timer, struct instant now)
{
	if (vrrp_is_due(vr, timer, now))
		vr->timers[timer] = INSTANT_NEVER;
}

/* ---- Initialize (RFC 9568 6.4.1) ---- */

/* RFC 9568 6.4.1: on Startup set Active_Adver_Interval to Advertisement_Interval, set
 * Active_Down_Timer and become Backup. cpvrrp owns no address, so never Active at once, but it may
 * go on as Active (RESUME). */
static void initialize_startup(struct vrrp *vr, struct instant now, const struct vrrp_claim *claim,
			       struct vrrp_actions *out)
{
	if (vr->started)
		return;
	vr->started = true;
	vr->listens_from = now;
	if (vr->fault != VRRP_FAULT_NONE)
		vrrp_enter_initialize(vr, now, VRRP_REASON_FAULT, vr->fault, out);
	else if (vrrp_claim_lasts(claim, now))
		vrrp_resume(vr, now, claim, out);
	else
		vrrp_enter_backup(vr, now, VRRP_REASON_STARTUP, out);
}

static void initialize_shutdown(struct vrrp *vr)
{
	vr->started = false;
	vr->timers[VRRP_TIMER_RETRY] = INSTANT_NEVER;
	if (vr->fault == VRRP_FAULT_NONE)
		vr->reason = VRRP_REASON_SHUTDOWN;
}

static void initialize_fault(struct vrrp *vr, struct instant now, enum vrrp_fault fault,
			     struct vrrp_actions *out)
{
	bool changed = vr->fault != fault;

	vr->fault = fault;
	vr->reason = VRRP_REASON_FAULT;
	if (vr->started && changed)
		vrrp_enter_initialize(vr, now, VRRP_REASON_FAULT, fault, out);
}

static void initialize_faults_gone(struct vrrp *vr, struct instant now, struct addr primary,
				   struct vrrp_actions *out)
{
	vr->primary = primary;
	vr->listens_from = now;
	if (vr->started) {
		vrrp_enter_backup(vr, now, VRRP_REASON_RECOVERED, out);
		return;
	}
	vr->fault = VRRP_FAULT_NONE;
	vr->reason = VRRP_REASON_STARTUP;
}

static void step_initialize(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			    struct vrrp_actions *out)
{
	switch (event->type) {
	case VRRP_EVENT_STARTUP:
		initialize_startup(vr, now, &event->claim, out);
		break;
	case VRRP_EVENT_SHUTDOWN:
		initialize_shutdown(vr);
		break;
	case VRRP_EVENT_TIMEOUT:
		end_if_due(vr, VRRP_TIMER_HOLD, now);
		if (vrrp_is_due(vr, VRRP_TIMER_RETRY, now))
			vrrp_enter_backup(vr, now, VRRP_REASON_RECOVERED, out);
		break;
	case VRRP_EVENT_FAULT:
		initialize_fault(vr, now, event->fault, out);
		break;
	case VRRP_EVENT_FAULTS_GONE:
		initialize_faults_gone(vr, now, event->primary, out);
		break;
	case VRRP_EVENT_PRIMARY:
		vr->primary = event->primary;
		break;
	case VRRP_EVENT_PRIORITY:
		set_priority(vr, now, event->priority);
		break;
	case VRRP_EVENT_STEP_DOWN:
		vr->timers[VRRP_TIMER_HOLD] = instant_add(now, event->hold_us);
		break;
	case VRRP_EVENT_ADVERT:
	case VRRP_EVENT_ADDRESS_LOST:
	case VRRP_EVENT_ADDED:
	case VRRP_EVENT_ADD_FAILED:
	case VRRP_EVENT_SENT:
	case VRRP_EVENT_SEND_FAILED:
		break;
	}
}

/* ---- Backup (RFC 9568 6.4.2) ---- */

/*
 * A router of a lower band that speaks beside the Active is on its way out: to follow it would be
 * to forget the Active, and to preempt it would be to take the role from the Active. That holds for
 * three intervals of the Active: after them others may have given the Active up. An interval that
 * is not believed yet does not count, so that one false advert does not hide the Active.
 */
static bool is_beside_active(const struct vrrp *vr, struct instant now,
			     const struct vrrp_event *event)
{
	const struct vrrp_heard *heard = &vr->backup.heard;
	int64_t patience_us = 3 * vrrp_believed_interval_us(vr, heard);

	return priority_band(heard->priority) > priority_band(event->advert.priority) &&
	       !addr_equal(&heard->address, &event->advert.source) &&
	       !instant_due(instant_add(heard->at, patience_us), now);
}

/* The Active stops. A takeover that is under way stays due when it was; one that preempt_delay
 * keeps waiting begins its Skew_Time now. */
static void hear_stop(struct vrrp *vr, struct instant now, const struct vrrp_event *event)
{
	if (vr->backup.doubted) /* what is due by the doubt stays due */
		vr->backup.lower_since =
			instant_min(vr->backup.lower_since,
				    instant_add(vrrp_takeover(vr).at, -vrrp_skew_time_us(vr)));
	vr->backup.doubted = false;
	vr->backup.heard = (struct vrrp_heard){
		.address = event->advert.source, .priority = PRIORITY_STOP, .at = now};
}

/* Whether it matters that the sender leaves: not to a held Backup, which follows a leaving Active,
 * and not of an Active that was leaving before. */
static bool relieves(const struct vrrp *vr, bool known)
{
	return vrrp_own_priority(vr) > PRIORITY_LEAVING &&
	       !(known && vr->backup.heard.priority == PRIORITY_LEAVING);
}

/*
 * RFC 9568 6.4.2: priority 0: set Active_Down_Timer to Skew_Time. Else, if Preempt_Mode is False or
 * the priority is no lower than ours: adopt Max Advertise Interval, compute Active_Down_Interval
 * anew and set Active_Down_Timer to it. Else discard. See note_consequences() for the choice.
 *
 * BOUNDS: if the Active has taken back several times that it leaves, somebody else says so in its
 * name. Its next advert will show it.
 */
static void backup_advert(struct vrrp *vr, struct instant now, const struct vrrp_event *event)
{
	struct vrrp_heard *heard = &vr->backup.heard;
	bool known = heard->priority != PRIORITY_STOP &&
		     addr_equal(&heard->address, &event->advert.source);

	if (event->advert.doubted && relieves(vr, known)) {
		vr->backup.doubted = known;
		vr->backup.doubted_priority = event->advert.priority;
		return;
	}
	if (event->advert.priority == PRIORITY_STOP) {
		hear_stop(vr, now, event);
		return;
	}
	if (is_beside_active(vr, now, event))
		return;
	vr->backup.doubted = false;
	*heard = (struct vrrp_heard){
		.address = event->advert.source,
		.priority = event->advert.priority,
		.interval_cs = event->advert.interval_cs,
		.first = !known,
		.at = now,
	};
}

/* The takeover begins with the addresses; the rest follows when they are there (ORDER). */
static void backup_timeout(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	end_if_due(vr, VRRP_TIMER_HOLD, now);
	if (instant_due(vrrp_takeover(vr).at, now))
		vrrp_act(out, VRRP_ACTION_ADD_ADDRESSES);
}

static void give_up_for_now(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	vrrp_act(out, VRRP_ACTION_REMOVE_ADDRESSES);
	vrrp_enter_initialize(vr, now, VRRP_REASON_FAULT, VRRP_FAULT_ADD_FAILED, out);
}

static void step_backup(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			struct vrrp_actions *out)
{
	switch (event->type) {
	case VRRP_EVENT_SHUTDOWN:
		/* RFC 9568 6.4.2: cancel Active_Down_Timer, become Initialize. */
		vr->started = false;
		vrrp_enter_initialize(vr, now, VRRP_REASON_SHUTDOWN, VRRP_FAULT_NONE, out);
		break;
	case VRRP_EVENT_TIMEOUT:
		backup_timeout(vr, now, out);
		break;
	case VRRP_EVENT_ADDED:
		/* RFC 9568 6.4.2, Active_Down_Timer fires: send an ADVERTISEMENT, become Active. */
		vrrp_enter_active(vr, now, out);
		break;
	case VRRP_EVENT_ADD_FAILED:
		give_up_for_now(vr, now, out);
		break;
	case VRRP_EVENT_ADVERT:
		backup_advert(vr, now, event);
		break;
	case VRRP_EVENT_PRIORITY:
		set_priority(vr, now, event->priority);
		break;
	case VRRP_EVENT_STEP_DOWN:
		vr->timers[VRRP_TIMER_HOLD] = instant_add(now, event->hold_us);
		break;
	case VRRP_EVENT_FAULT:
		vrrp_enter_initialize(vr, now, VRRP_REASON_FAULT, event->fault, out);
		break;
	case VRRP_EVENT_PRIMARY:
		vr->primary = event->primary;
		break;
	case VRRP_EVENT_STARTUP:
	case VRRP_EVENT_FAULTS_GONE:
	case VRRP_EVENT_ADDRESS_LOST:
	case VRRP_EVENT_SENT:
	case VRRP_EVENT_SEND_FAILED:
		break;
	}
}

/*
 * After every event, the one place that says what the Active that was heard last means for this
 * Backup. A change of either side's priority, the end of a hold, a reload and a new Active all come
 * here. An Active that may not be preempted is followed: Active_Down_Timer counts from its advert.
 * A takeover that is under way goes on while the Active may be preempted, be it in our band again.
 */
static void note_consequences(struct vrrp *vr, struct instant now)
{
	struct instant *since = &vr->backup.lower_since;
	bool delayed = !vrrp_has_stopped(vr) && !instant_due(vr->preempt_from, now);
	bool under_way = !instant_is_never(*since) && vrrp_preempts(vr);

	if (vr->state != VRRP_STATE_BACKUP) {
		*since = INSTANT_NEVER;
		return;
	}
	if (!vrrp_has_stopped(vr) && !vrrp_is_lower_band(vr) && !under_way)
		*since = INSTANT_NEVER;
	else if (delayed)
		*since = vr->preempt_from;
	else
		*since = instant_min(*since, now);
	if (vr->backup.heard.priority != PRIORITY_STOP && (!vrrp_preempts(vr) || delayed))
		vr->backup.followed = vr->backup.heard;
}

/* ---- Active (RFC 9568 6.4.3) ---- */

static void announce_if_due(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (announcer_take(&vr->announcer, now, vr->config.announce_refresh_us))
		vrrp_act(out, VRRP_ACTION_ANNOUNCE);
}

/* A leaving router does not announce: the successor's announcement must be the last one that
 * neighbours hear. */
static void provoke_announcement(struct vrrp *vr, struct instant now)
{
	if (!vrrp_is_leaving(vr))
		announcer_provoke(&vr->announcer, now);
}

/* HANDOVER: nobody has taken over. ORDER: priority 0 before the addresses go. RFC 9568 6.4.3,
 * Shutdown: cancel Adver_Timer, send priority 0, become Initialize. */
static void stop_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	vrrp_send_advert(out, PRIORITY_STOP);
	vrrp_leave_active(vr, now, VRRP_REASON_STEP_DOWN, out);
}

static void begin_handover(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (vrrp_is_leaving(vr))
		return;
	vr->timers[VRRP_TIMER_HANDOVER] = instant_add(now, vrrp_own_interval_us(vr));
	announcer_stop(&vr->announcer);
	vrrp_send_advert(out, vrrp_priority(vr));
}

/* RFC 9568 6.4.3: the priority is greater, or equal and the primary address is greater. */
static bool is_better(const struct vrrp *vr, const struct vrrp_event *event)
{
	uint8_t own = vrrp_priority(vr);

	return event->advert.priority > own ||
	       (event->advert.priority == own &&
		addr_compare(&event->advert.source, &vr->primary) > 0);
}

static void yield_to(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
		     enum vrrp_reason reason, struct vrrp_actions *out)
{
	vrrp_leave_active(vr, now, reason, out);
	if (vr->state == VRRP_STATE_BACKUP)
		backup_advert(vr, now, event);
}

/*
 * RFC 9568 6.4.3: a greater priority: set Active_Down_Timer, become Backup. Beyond it, the loser
 * says once that it was Active: after a partition the winner may never hear this router, whose
 * clients would go on sending here; so the winner announces again. The loser says so with priority
 * 1, so that a winner that has just become less ready does not yield to a router that has left.
 */
static void yield_to_better(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			    struct vrrp_actions *out)
{
	if (!vrrp_is_leaving(vr))
		vrrp_send_advert(out, PRIORITY_LEAVING);
	yield_to(vr, now, event,
		 vrrp_is_leaving(vr) ? VRRP_REASON_STEP_DOWN : VRRP_REASON_HIGHER_PRIORITY, out);
}

/* DEAF: the sender does not hear this router, so it took over because it hears nothing. An Active
 * of a higher band is yielded to all the same. */
static bool is_deaf(const struct vrrp *vr, const struct vrrp_event *event)
{
	return event->advert.hearing == VRRP_HEARING_NO &&
	       priority_band(event->advert.priority) == priority_band(vrrp_priority(vr));
}

/* DEAF: a better Active that cannot hear takes nothing: a router that can send but not receive
 * would hold addresses at which nobody is served. The announcement undoes what it tells the
 * neighbours. It may hear again, so it is answered, but not at once each time, as it answers too.
 */
static void resist_deaf(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	provoke_announcement(vr, now);
	if (instant_since(now, vr->said.at) >= ANNOUNCER_SPACING_US)
		vrrp_send_advert(out, vrrp_priority(vr));
	else
		announce_if_due(vr, now, out);
}

static void active_advert(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			  struct vrrp_actions *out)
{
	uint8_t priority = event->advert.priority;

	if (vrrp_claim_expired(vr, now)) {
		/* SOCKETS FIRST: the other Active took over while this one was silent. */
		if (priority != PRIORITY_STOP)
			yield_to(vr, now, event, VRRP_REASON_CLAIM_EXPIRED, out);
	} else if (priority == PRIORITY_STOP) {
		/* 6.4.3: send an ADVERTISEMENT, set Adver_Timer to Advertisement_Interval. */
		vrrp_send_advert(out, vrrp_priority(vr));
		vrrp_set_adver(vr, now);
	} else if (vrrp_is_leaving(vr) && priority == PRIORITY_LEAVING) {
		/* HANDOVER: the sender leaves too, or has left (see yield_to_better()). It relieves
		 * nobody, and an answer would provoke one. */
	} else if (is_better(vr, event) && is_deaf(vr, event)) {
		resist_deaf(vr, now, out);
	} else if (is_better(vr, event)) {
		yield_to_better(vr, now, event, out);
	} else {
		/* 6.4.3: discard and send an ADVERTISEMENT at once. When it is on the wire, the
		 * announcement undoes what the loser has told the neighbours. */
		provoke_announcement(vr, now);
		vrrp_send_advert(out, vrrp_priority(vr));
	}
}

/* The schedule stays on its grid unless a whole interval was missed. */
static void advance_adver(struct vrrp *vr, struct instant now)
{
	struct instant next = instant_add(vr->timers[VRRP_TIMER_ADVER], vrrp_own_interval_us(vr));

	vr->timers[VRRP_TIMER_ADVER] = next;
	if (instant_due(next, now))
		vrrp_set_adver(vr, now);
}

/* What is due of an Active whose addresses are there. A router whose claim has expired announces
 * nothing until an advert is on the wire (see active_sent()): another router may be Active, and if
 * this one cannot send, the other cannot answer. */
static void speak(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	bool scheduled = vrrp_is_due(vr, VRRP_TIMER_ADVER, now);
	uint8_t before = vrrp_priority(vr);

	end_if_due(vr, VRRP_TIMER_HOLD, now);
	end_if_due(vr, VRRP_TIMER_TENURE_SHORT, now);
	end_if_due(vr, VRRP_TIMER_TENURE_LONG, now);
	if (vrrp_claim_expired(vr, now))
		announcer_stop(&vr->announcer);
	announce_if_due(vr, now, out);
	if (scheduled || vrrp_priority(vr) != before)
		vrrp_send_advert(out, vrrp_priority(vr));
	if (scheduled)
		advance_adver(vr, now);
}

/* RFC 9568 6.4.3, Adver_Timer fires: send an ADVERTISEMENT, set Adver_Timer again. After a silence
 * the lease may have ended, so the addresses come first. */
static void active_timeout(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (vrrp_is_due(vr, VRRP_TIMER_HANDOVER, now))
		stop_active(vr, now, out);
	else if (vrrp_claim_expired(vr, now) || vrrp_is_due(vr, VRRP_TIMER_REFRESH, now))
		vrrp_act(out, VRRP_ACTION_ADD_ADDRESSES);
	else
		speak(vr, now, out);
}

/* SOCKETS FIRST: a claim that has expired while the kernel added the addresses is no longer this
 * router's to make. The next turn drains the sockets; Adver_Timer has fired by then, unless the
 * last adverts could not be sent, which is no reason to send more than one an interval. */
static void active_added(struct vrrp *vr, struct instant now, int64_t took_us,
			 struct vrrp_actions *out)
{
	vrrp_set_refresh(vr, now);
	if (!vrrp_claim_expired(vr, now) || vrrp_claim_expired(vr, instant_add(now, -took_us)))
		speak(vr, now, out);
}

/* The advert is on the wire: Backups count from now on, with the interval that it carries. After a
 * silence another router may have announced itself, so this one does again. */
static void active_sent(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (vrrp_claim_expired(vr, now))
		provoke_announcement(vr, now);
	announce_if_due(vr, now, out);
}

static void active_add_failed(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	vrrp_send_advert(out, PRIORITY_STOP);
	give_up_for_now(vr, now, out);
}

/* PREEMPT: an Active whose priority changes sends an advert at once. */
static void active_priority(struct vrrp *vr, struct instant now, uint8_t priority,
			    struct vrrp_actions *out)
{
	uint8_t before = vrrp_priority(vr);

	set_priority(vr, now, priority);
	if (vrrp_priority(vr) != before && !vrrp_claim_expired(vr, now))
		vrrp_send_advert(out, vrrp_priority(vr));
}

static void active_primary(struct vrrp *vr, struct instant now, struct addr primary,
			   struct vrrp_actions *out)
{
	vr->primary = primary;
	if (vrrp_claim_expired(vr, now))
		return;
	provoke_announcement(vr, now);
	announce_if_due(vr, now, out);
	vrrp_send_advert(out, vrrp_priority(vr));
}

static void step_active(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			struct vrrp_actions *out)
{
	switch (event->type) {
	case VRRP_EVENT_SHUTDOWN:
		if (vr->shutting_down)
			stop_active(vr, now, out);
		else
			begin_handover(vr, now, out);
		vr->shutting_down = vr->state == VRRP_STATE_ACTIVE;
		break;
	case VRRP_EVENT_STEP_DOWN:
		if (event->hold_us > 0)
			begin_handover(vr, now, out);
		vr->timers[VRRP_TIMER_HOLD] = instant_add(now, event->hold_us);
		break;
	case VRRP_EVENT_TIMEOUT:
		active_timeout(vr, now, out);
		break;
	case VRRP_EVENT_ADDED:
		active_added(vr, now, event->took_us, out);
		break;
	case VRRP_EVENT_ADD_FAILED:
		active_add_failed(vr, now, out);
		break;
	case VRRP_EVENT_SENT:
		active_sent(vr, now, out);
		break;
	case VRRP_EVENT_ADVERT:
		active_advert(vr, now, event, out);
		break;
	case VRRP_EVENT_PRIORITY:
		active_priority(vr, now, event->priority, out);
		break;
	case VRRP_EVENT_ADDRESS_LOST:
		vr->timers[VRRP_TIMER_REFRESH] = now;
		provoke_announcement(vr, now);
		break;
	case VRRP_EVENT_FAULT:
		vrrp_act(out, VRRP_ACTION_REMOVE_ADDRESSES);
		vrrp_enter_initialize(vr, now, VRRP_REASON_FAULT, event->fault, out);
		break;
	case VRRP_EVENT_PRIMARY:
		active_primary(vr, now, event->primary, out);
		break;
	case VRRP_EVENT_STARTUP:
	case VRRP_EVENT_FAULTS_GONE:
	case VRRP_EVENT_SEND_FAILED:
		break;
	}
}

/* ---- The machine ---- */

void vrrp_init(struct vrrp *vr, const struct vrrp_config *config, uint8_t priority)
{
	*vr = (struct vrrp){
		.config = *config,
		.state = VRRP_STATE_INITIALIZE,
		.reason = VRRP_REASON_FAULT,
		.fault = VRRP_FAULT_NO_INTERFACE,
		.priority = priority,
	};
	for (unsigned i = 0; i < VRRP_TIMER_COUNT; i++)
		vr->timers[i] = INSTANT_NEVER;
	vr->backup.heard.at = INSTANT_NEVER;
	vr->backup.lower_since = INSTANT_NEVER;
	announcer_stop(&vr->announcer);
	vrrp_assert(vr);
}

static void end_tenure_at(struct vrrp *vr, struct instant end)
{
	struct instant *timers = vr->timers;

	if (!vrrp_is_set(vr, VRRP_TIMER_TENURE_LONG))
		return;
	timers[VRRP_TIMER_TENURE_LONG] = end;
	if (vrrp_is_set(vr, VRRP_TIMER_TENURE_SHORT))
		timers[VRRP_TIMER_TENURE_SHORT] = end;
}

void vrrp_reconfigure(struct vrrp *vr, struct instant now, const struct vrrp_config *config)
{
	bool lease_changed = vr->config.address_refresh_us != config->address_refresh_us;

	vr->config = *config;
	if (vr->state == VRRP_STATE_ACTIVE) {
		struct instant *adver = &vr->timers[VRRP_TIMER_ADVER];

		*adver = instant_min(*adver, instant_add(now, vrrp_own_interval_us(vr)));
		if (lease_changed)
			vr->timers[VRRP_TIMER_REFRESH] = now;
		if (config->preempt == VRRP_PREEMPT_ALWAYS)
			end_tenure_at(vr, now);
		if (!vrrp_is_leaving(vr))
			announcer_reconfigure(&vr->announcer, now, config->announce_refresh_us);
	}
	note_consequences(vr, now);
	vrrp_assert(vr);
}

/* The lists of actions keep ORDER: nothing follows ADD_ADDRESSES but its outcome, and no address
 * goes before the last advert. */
static void assert_actions(const struct vrrp_actions *actions)
{
	bool removed = false;

	for (unsigned i = 0; i < actions->count; i++) {
		enum vrrp_action_type type = actions->list[i].type;

		assert(type != VRRP_ACTION_ADD_ADDRESSES || i + 1 == actions->count);
		assert(type != VRRP_ACTION_SEND_ADVERT || !removed);
		removed |= type == VRRP_ACTION_REMOVE_ADDRESSES;
	}
}

void vrrp_step(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
	       struct vrrp_actions *out)
{
	out->count = 0;
	switch (vr->state) {
	case VRRP_STATE_INITIALIZE:
		step_initialize(vr, now, event, out);
		break;
	case VRRP_STATE_BACKUP:
		step_backup(vr, now, event, out);
		break;
	case VRRP_STATE_ACTIVE:
		step_active(vr, now, event, out);
		break;
	}
	if (event->type == VRRP_EVENT_SENT)
		vrrp_say(vr, now);
	note_consequences(vr, now);
	vrrp_assert(vr);
	assert_actions(out);
}
