/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vrrp.h"

#include <assert.h>
#include <stddef.h>

const char *vrrp_state_name(enum vrrp_state state)
{
	switch (state) {
	case VRRP_STATE_INITIALIZE:
		return "Initialize";
	case VRRP_STATE_BACKUP:
		return "Backup";
	case VRRP_STATE_ACTIVE:
		return "Active";
	}
	return "?";
}

const char *vrrp_reason_name(enum vrrp_reason reason)
{
	static const char *const names[VRRP_REASON_COUNT] = {
		[VRRP_REASON_STARTUP] = "startup",
		[VRRP_REASON_RESUMED] = "resumed",
		[VRRP_REASON_RECOVERED] = "recovered",
		[VRRP_REASON_ACTIVE_DOWN] = "active_down",
		[VRRP_REASON_ACTIVE_STOPPED] = "active_stopped",
		[VRRP_REASON_ACTIVE_LEAVING] = "active_leaving",
		[VRRP_REASON_ACTIVE_UNREADY] = "active_unready",
		[VRRP_REASON_ACTIVE_LOWER] = "active_lower",
		[VRRP_REASON_HIGHER_PRIORITY] = "higher_priority",
		[VRRP_REASON_CLAIM_EXPIRED] = "claim_expired",
		[VRRP_REASON_STEP_DOWN] = "step_down",
		[VRRP_REASON_SHUTDOWN] = "shutdown",
		[VRRP_REASON_FAULT] = "fault",
	};

	return names[reason];
}

const char *vrrp_fault_name(enum vrrp_fault fault)
{
	static const char *const names[VRRP_FAULT_COUNT] = {
		[VRRP_FAULT_NONE] = "none",
		[VRRP_FAULT_NO_INTERFACE] = "no_interface",
		[VRRP_FAULT_IS_PORT] = "is_port",
		[VRRP_FAULT_LINK_DOWN] = "link_down",
		[VRRP_FAULT_NO_ADDRESS] = "no_address",
		[VRRP_FAULT_DUPLICATE_ADDRESS] = "duplicate_address",
		[VRRP_FAULT_NOT_A_PEER] = "not_a_peer",
		[VRRP_FAULT_NO_SOCKET] = "no_socket",
		[VRRP_FAULT_ADD_FAILED] = "add_failed",
	};

	return names[fault];
}

const char *vrrp_why_name(enum vrrp_reason reason, enum vrrp_fault fault)
{
	return reason == VRRP_REASON_FAULT ? vrrp_fault_name(fault) : vrrp_reason_name(reason);
}

bool vrrp_config_equal(const struct vrrp_config *a, const struct vrrp_config *b)
{
	return a->preempt == b->preempt && a->advert_int_cs == b->advert_int_cs &&
	       a->preempt_delay_us == b->preempt_delay_us &&
	       a->address_refresh_us == b->address_refresh_us &&
	       a->announce_refresh_us == b->announce_refresh_us;
}

int64_t vrrp_config_interval_us(const struct vrrp_config *config)
{
	return (int64_t)config->advert_int_cs * CENTISECOND_US;
}

/* ---- Facts and what follows from them ---- */

static bool is_set(const struct vrrp *vr, enum vrrp_timer timer)
{
	return !instant_is_never(vr->timers[timer]);
}

static bool is_due(const struct vrrp *vr, enum vrrp_timer timer, struct instant now)
{
	return instant_due(vr->timers[timer], now);
}

static bool is_leaving(const struct vrrp *vr)
{
	return is_set(vr, VRRP_TIMER_HANDOVER);
}

/* What the router's timers and PREEMPT go by. */
static uint8_t own_priority(const struct vrrp *vr)
{
	return is_leaving(vr) || is_set(vr, VRRP_TIMER_HOLD) ? PRIORITY_LEAVING : vr->priority;
}

struct instant vrrp_tenure_ends(const struct vrrp *vr)
{
	return vr->timers[VRRP_TIMER_TENURE_LONG];
}

/* TENURE: how long this Active has served, as far as that is in doubt. */
static enum priority_tenure tenure(const struct vrrp *vr)
{
	if (is_set(vr, VRRP_TIMER_TENURE_SHORT))
		return PRIORITY_TENURE_NONE;
	return is_set(vr, VRRP_TIMER_TENURE_LONG) ? PRIORITY_TENURE_SHORT : PRIORITY_TENURE_LONG;
}

uint8_t vrrp_priority(const struct vrrp *vr)
{
	uint8_t priority = own_priority(vr);

	if (vr->state != VRRP_STATE_ACTIVE || priority == PRIORITY_LEAVING)
		return priority;
	return priority_of_active(priority, tenure(vr));
}

static int64_t own_interval_us(const struct vrrp *vr)
{
	return vrrp_config_interval_us(&vr->config);
}

/* RFC 9568 6.1, Skew_Time: ((256 - Priority) * Active_Adver_Interval) / 256. A better Backup waits
 * less, so that it takes over first. */
static int64_t skew_us(uint8_t priority, int64_t interval_us)
{
	return (256 - priority) * interval_us / 256;
}

/* RFC 9568 6.1, Active_Down_Interval: (3 * Active_Adver_Interval) + Skew_Time. */
static int64_t down_us(uint8_t priority, int64_t interval_us)
{
	return 3 * interval_us + skew_us(priority, interval_us);
}

static bool is_expired(const struct vrrp_claim *claim, struct instant now)
{
	int64_t interval_us = (int64_t)claim->interval_cs * CENTISECOND_US;

	return instant_due(instant_add(claim->at, down_us(claim->priority, interval_us)), now);
}

bool vrrp_claim_expired(const struct vrrp *vr, struct instant now)
{
	return is_expired(&vr->said, now);
}

struct vrrp_claim vrrp_claim(const struct vrrp *vr)
{
	struct vrrp_claim claim = vr->said;

	if (vr->state != VRRP_STATE_ACTIVE || own_priority(vr) == PRIORITY_LEAVING)
		claim.interval_cs = 0;
	claim.tenure_short = vr->timers[VRRP_TIMER_TENURE_SHORT];
	claim.tenure_long = vr->timers[VRRP_TIMER_TENURE_LONG];
	return claim;
}

/* The best Backup may come after three intervals and hardly any Skew_Time, so no more than these
 * count. A claim of the future is none of this boot. */
bool vrrp_claim_lasts(const struct vrrp_claim *claim, struct instant now)
{
	int64_t interval_us = (int64_t)claim->interval_cs * CENTISECOND_US;

	return claim->interval_cs > 0 && claim->priority > PRIORITY_LEAVING &&
	       instant_due(claim->at, now) &&
	       !instant_due(instant_add(claim->at, 3 * interval_us), now);
}

/* Whether the Active that this Backup knew has sent priority 0. */
static bool has_stopped(const struct vrrp *vr)
{
	const struct vrrp_heard *heard = &vr->backup.heard;

	return heard->priority == PRIORITY_STOP && !instant_is_never(heard->at);
}

/* PREEMPT: whether the Active that this Backup knows is in a lower band. */
static bool is_lower_band(const struct vrrp *vr)
{
	uint8_t priority = vr->backup.heard.priority;

	return priority != PRIORITY_STOP &&
	       priority_band(priority) < priority_band(own_priority(vr));
}

/* PREEMPT: whether this Backup may take the role from the Active that it knows. RFC 9568 6.4.2 asks
 * for the lower priority alone when Preempt_Mode is True. */
static bool preempts(const struct vrrp *vr)
{
	uint8_t priority = vr->backup.heard.priority;

	return is_lower_band(vr) || (vr->config.preempt == VRRP_PREEMPT_ALWAYS &&
				     priority != PRIORITY_STOP && priority < own_priority(vr));
}

/* BOUNDS: the Active's interval, but not more than VRRP_INTERVAL_FACTOR times ours, so that a group
 * can change its interval node by node and one false advert does not silence a Backup for long. */
static int64_t followed_interval_us(const struct vrrp *vr, const struct vrrp_heard *heard)
{
	int64_t own_us = own_interval_us(vr);
	int64_t interval_us = (int64_t)heard->interval_cs * CENTISECOND_US;

	if (interval_us == 0)
		return own_us;
	return interval_us < VRRP_INTERVAL_FACTOR * own_us ? interval_us
							   : VRRP_INTERVAL_FACTOR * own_us;
}

/* BOUNDS: the shorter of the Active's interval and ours until its second advert, then the Active's.
 */
static int64_t believed_interval_us(const struct vrrp *vr, const struct vrrp_heard *heard)
{
	int64_t interval_us = followed_interval_us(vr, heard);

	return heard->first && own_interval_us(vr) < interval_us ? own_interval_us(vr)
								 : interval_us;
}

int64_t vrrp_skew_time_us(const struct vrrp *vr)
{
	return skew_us(own_priority(vr), believed_interval_us(vr, &vr->backup.followed));
}

/* BOUNDS: until its second advert a new Active is waited for one interval of its own and then as
 * long as for a lost Active with our interval. */
int64_t vrrp_active_down_interval_us(const struct vrrp *vr)
{
	const struct vrrp_heard *from = &vr->backup.followed;
	int64_t interval_us = followed_interval_us(vr, from);
	int64_t own_us = own_interval_us(vr);

	if (from->first && interval_us + 3 * own_us < 3 * interval_us)
		return interval_us + 3 * own_us + vrrp_skew_time_us(vr);
	return 3 * interval_us + vrrp_skew_time_us(vr);
}

/* PREEMPT always: whether adverts of a lower Active have been discarded, as RFC 9568 6.4.2 has it.
 */
static bool discards(const struct vrrp *vr)
{
	return preempts(vr) && !is_lower_band(vr) &&
	       vr->backup.heard.at.us > vr->backup.followed.at.us;
}

/* Why a Backup does not wait for the Active that it heard last. */
static enum vrrp_reason reason_of_heard(const struct vrrp *vr)
{
	switch (vr->backup.heard.priority) {
	case PRIORITY_STOP:
		return VRRP_REASON_ACTIVE_STOPPED;
	case PRIORITY_LEAVING:
		return VRRP_REASON_ACTIVE_LEAVING;
	}
	return is_lower_band(vr) ? VRRP_REASON_ACTIVE_UNREADY : VRRP_REASON_ACTIVE_LOWER;
}

/*
 * RFC 9568 6.4.2. Active_Down_Timer runs for Active_Down_Interval from the last advert of the
 * Active; an Active that stops (priority 0) is waited for Skew_Time only. PREEMPT: nor is an Active
 * of a lower band waited for any longer. Neither ever puts off a takeover.
 */
struct vrrp_takeover vrrp_takeover(const struct vrrp *vr)
{
	struct instant after_skew = instant_add(vr->backup.lower_since, vrrp_skew_time_us(vr));
	struct vrrp_takeover takeover = {
		.at = instant_add(vr->backup.followed.at, vrrp_active_down_interval_us(vr)),
		.reason = discards(vr) ? VRRP_REASON_ACTIVE_LOWER : VRRP_REASON_ACTIVE_DOWN,
	};

	if (after_skew.us > takeover.at.us)
		return takeover;
	return (struct vrrp_takeover){after_skew, reason_of_heard(vr)};
}

const struct vrrp_heard *vrrp_active_heard(const struct vrrp *vr)
{
	bool known = vr->state == VRRP_STATE_BACKUP && vr->backup.heard.priority != PRIORITY_STOP;

	return known ? &vr->backup.heard : NULL;
}

struct instant vrrp_deadline(const struct vrrp *vr)
{
	struct instant first = INSTANT_NEVER;

	for (unsigned i = 0; i < VRRP_TIMER_COUNT; i++)
		first = instant_min(first, vr->timers[i]);
	if (vr->state == VRRP_STATE_BACKUP)
		first = instant_min(first, vrrp_takeover(vr).at);
	if (vr->state == VRRP_STATE_ACTIVE)
		first = instant_min(first, vr->announcer.next);
	return first;
}

/* ---- Actions and transitions ---- */

static struct vrrp_action *act(struct vrrp_actions *out, enum vrrp_action_type type)
{
	struct vrrp_action *action = &out->list[out->count++];

	assert(out->count <= VRRP_ACTIONS_MAX);
	*action = (struct vrrp_action){.type = type};
	return action;
}

static void send_advert(struct vrrp_actions *out, uint8_t priority)
{
	act(out, VRRP_ACTION_SEND_ADVERT)->priority = priority;
}

static void enter(struct vrrp *vr, enum vrrp_state state, enum vrrp_reason reason,
		  enum vrrp_fault fault, struct vrrp_actions *out)
{
	act(out, VRRP_ACTION_NOTIFY)->transition = (struct vrrp_transition){
		.from = vr->state, .to = state, .reason = reason, .fault = fault};
	vr->state = state;
	vr->reason = reason;
	vr->fault = fault;
	for (unsigned i = 0; i < VRRP_TIMER_COUNT; i++)
		if (i != VRRP_TIMER_HOLD)
			vr->timers[i] = INSTANT_NEVER;
	announcer_stop(&vr->announcer);
}

static void enter_initialize(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			     enum vrrp_fault fault, struct vrrp_actions *out)
{
	if (vr->shutting_down)
		vr->started = false;
	vr->shutting_down = false;
	enter(vr, VRRP_STATE_INITIALIZE, reason, fault, out);
	if (vr->started && fault == VRRP_FAULT_ADD_FAILED)
		vr->timers[VRRP_TIMER_RETRY] = instant_add(now, VRRP_RETRY_US);
}

static void enter_backup(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			 struct vrrp_actions *out)
{
	if (vr->state == VRRP_STATE_INITIALIZE)
		vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	vr->backup.heard = (struct vrrp_heard){.at = INSTANT_NEVER};
	vr->backup.followed = (struct vrrp_heard){.at = now};
	enter(vr, VRRP_STATE_BACKUP, reason, VRRP_FAULT_NONE, out);
}

static void set_refresh(struct vrrp *vr, struct instant now)
{
	int64_t period_us = vr->config.address_refresh_us;

	vr->timers[VRRP_TIMER_REFRESH] =
		period_us > 0 ? instant_add(now, period_us) : INSTANT_NEVER;
}

static void set_adver(struct vrrp *vr, struct instant now)
{
	vr->timers[VRRP_TIMER_ADVER] = instant_add(now, own_interval_us(vr));
}

static void announce_if_due(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (announcer_take(&vr->announcer, now, vr->config.announce_refresh_us))
		act(out, VRRP_ACTION_ANNOUNCE);
}

/* A leaving router does not announce: the successor's announcement must be the last one that
 * neighbours hear. */
static void provoke_announcement(struct vrrp *vr, struct instant now)
{
	if (!is_leaving(vr))
		announcer_provoke(&vr->announcer, now);
}

/*
 * TENURE: a router that has just begun to listen and hears no Active may be deaf: the port of a
 * switch opens some seconds after its carrier (spanning tree, 802.1X, LACP). Where two Actives meet
 * then, the one that has served for longer must stay, so this one is easily beaten meanwhile. An
 * administrator who wants Preempt_Mode True wants the best router in any case.
 */
static bool is_new(const struct vrrp *vr, struct instant now, enum vrrp_reason reason)
{
	struct instant until = instant_max(
		instant_add(vr->listens_from, VRRP_NEW_US),
		instant_add(vr->listens_from, VRRP_NEW_INTERVALS * own_interval_us(vr)));

	return reason == VRRP_REASON_ACTIVE_DOWN && vr->config.preempt != VRRP_PREEMPT_ALWAYS &&
	       !instant_due(until, now);
}

static void set_tenure(struct vrrp *vr, struct instant now)
{
	vr->timers[VRRP_TIMER_TENURE_SHORT] = instant_add(now, VRRP_TENURE_SHORT_US);
	vr->timers[VRRP_TIMER_TENURE_LONG] = instant_add(now, VRRP_TENURE_LONG_US);
}

static void end_tenure_at(struct vrrp *vr, struct instant end)
{
	struct instant *timers = vr->timers;

	if (!is_set(vr, VRRP_TIMER_TENURE_LONG))
		return;
	timers[VRRP_TIMER_TENURE_LONG] = end;
	if (is_set(vr, VRRP_TIMER_TENURE_SHORT))
		timers[VRRP_TIMER_TENURE_SHORT] = end;
}

/* What others count from: an advert is on the wire, or this router has taken over. */
static void say(struct vrrp *vr, struct instant now)
{
	vr->said.at = now;
	vr->said.interval_cs = vr->config.advert_int_cs;
	vr->said.priority = own_priority(vr);
}

/*
 * RFC 9568 6.4.2, Active_Down_Timer fires: send an ADVERTISEMENT, announce the addresses, set
 * Adver_Timer to Advertisement_Interval, become Active. ORDER: the addresses have been added, and
 * the advert comes last, so that no router claims a role that it does not fill.
 */
static void enter_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	enum vrrp_reason reason = vrrp_takeover(vr).reason;
	struct vrrp_action *advert;

	act(out, VRRP_ACTION_ANNOUNCE);
	advert = act(out, VRRP_ACTION_SEND_ADVERT);
	enter(vr, VRRP_STATE_ACTIVE, reason, VRRP_FAULT_NONE, out);
	announcer_start(&vr->announcer, now);
	announcer_take(&vr->announcer, now, vr->config.announce_refresh_us);
	set_refresh(vr, now);
	set_adver(vr, now);
	if (is_new(vr, now, reason))
		set_tenure(vr, now);
	say(vr, now);
	advert->priority = vrrp_priority(vr);
}

/* The role ends: for good after SHUTDOWN, else as Backup. */
static void leave_active(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			 struct vrrp_actions *out)
{
	act(out, VRRP_ACTION_REMOVE_ADDRESSES);
	if (vr->shutting_down)
		enter_initialize(vr, now, VRRP_REASON_SHUTDOWN, VRRP_FAULT_NONE, out);
	else
		enter_backup(vr, now, reason, out);
}

/* A priority of a higher band begins a new preempt_delay, for a preemption under way too. */
static void set_priority(struct vrrp *vr, struct instant now, uint8_t priority)
{
	if (priority_band(priority) > priority_band(vr->priority))
		vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	vr->priority = priority;
}

static void end_if_due(struct vrrp *vr, enum vrrp_timer timer, struct instant now)
{
	if (is_due(vr, timer, now))
		vr->timers[timer] = INSTANT_NEVER;
}

/* ---- Initialize (RFC 9568 6.4.1) ---- */

static struct instant unless_due(struct instant t, struct instant now)
{
	return instant_due(t, now) ? INSTANT_NEVER : t;
}

/* RESUME: the process before this one was Active and nobody can have taken over yet, so this one
 * goes on. Everything is due: the addresses, which may still be there, the announcement and the
 * advert, in this order and after the sockets are drained. */
static void resume(struct vrrp *vr, struct instant now, const struct vrrp_claim *claim,
		   struct vrrp_actions *out)
{
	vr->said = *claim;
	vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	enter(vr, VRRP_STATE_ACTIVE, VRRP_REASON_RESUMED, VRRP_FAULT_NONE, out);
	announcer_start(&vr->announcer, now);
	vr->timers[VRRP_TIMER_REFRESH] = now;
	vr->timers[VRRP_TIMER_ADVER] = now;
	vr->timers[VRRP_TIMER_TENURE_SHORT] = unless_due(claim->tenure_short, now);
	vr->timers[VRRP_TIMER_TENURE_LONG] = unless_due(claim->tenure_long, now);
}

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
		enter_initialize(vr, now, VRRP_REASON_FAULT, vr->fault, out);
	else if (vrrp_claim_lasts(claim, now))
		resume(vr, now, claim, out);
	else
		enter_backup(vr, now, VRRP_REASON_STARTUP, out);
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
		enter_initialize(vr, now, VRRP_REASON_FAULT, fault, out);
}

static void initialize_faults_gone(struct vrrp *vr, struct instant now, struct addr primary,
				   struct vrrp_actions *out)
{
	vr->primary = primary;
	vr->listens_from = now;
	if (vr->started) {
		enter_backup(vr, now, VRRP_REASON_RECOVERED, out);
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
		if (is_due(vr, VRRP_TIMER_RETRY, now))
			enter_backup(vr, now, VRRP_REASON_RECOVERED, out);
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
	int64_t patience_us = 3 * believed_interval_us(vr, heard);

	return priority_band(heard->priority) > priority_band(event->advert.priority) &&
	       !addr_equal(&heard->address, &event->advert.source) &&
	       !instant_due(instant_add(heard->at, patience_us), now);
}

/* The Active stops. A takeover that is under way stays due when it was; one that preempt_delay
 * keeps waiting begins its Skew_Time now. */
static void hear_stop(struct vrrp *vr, struct instant now, const struct vrrp_event *event)
{
	vr->backup.heard = (struct vrrp_heard){
		.address = event->advert.source, .priority = PRIORITY_STOP, .at = now};
}

/*
 * RFC 9568 6.4.2: priority 0: set Active_Down_Timer to Skew_Time. Else, if Preempt_Mode is False or
 * the priority is no lower than ours: adopt Max Advertise Interval, compute Active_Down_Interval
 * anew and set Active_Down_Timer to it. Else discard. See note_consequences() for the choice.
 */
static void backup_advert(struct vrrp *vr, struct instant now, const struct vrrp_event *event)
{
	struct vrrp_heard *heard = &vr->backup.heard;
	bool known = heard->priority != PRIORITY_STOP &&
		     addr_equal(&heard->address, &event->advert.source);

	if (event->advert.priority == PRIORITY_STOP) {
		hear_stop(vr, now, event);
		return;
	}
	if (is_beside_active(vr, now, event))
		return;
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
		act(out, VRRP_ACTION_ADD_ADDRESSES);
}

static void give_up_for_now(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	act(out, VRRP_ACTION_REMOVE_ADDRESSES);
	enter_initialize(vr, now, VRRP_REASON_FAULT, VRRP_FAULT_ADD_FAILED, out);
}

static void step_backup(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			struct vrrp_actions *out)
{
	switch (event->type) {
	case VRRP_EVENT_SHUTDOWN:
		/* RFC 9568 6.4.2: cancel Active_Down_Timer, become Initialize. */
		vr->started = false;
		enter_initialize(vr, now, VRRP_REASON_SHUTDOWN, VRRP_FAULT_NONE, out);
		break;
	case VRRP_EVENT_TIMEOUT:
		backup_timeout(vr, now, out);
		break;
	case VRRP_EVENT_ADDED:
		enter_active(vr, now, out);
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
		enter_initialize(vr, now, VRRP_REASON_FAULT, event->fault, out);
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
	bool delayed = !has_stopped(vr) && !instant_due(vr->preempt_from, now);
	bool under_way = !instant_is_never(*since) && preempts(vr);

	if (vr->state != VRRP_STATE_BACKUP) {
		*since = INSTANT_NEVER;
		return;
	}
	if (!has_stopped(vr) && !is_lower_band(vr) && !under_way)
		*since = INSTANT_NEVER;
	else if (delayed)
		*since = vr->preempt_from;
	else
		*since = instant_min(*since, now);
	if (vr->backup.heard.priority != PRIORITY_STOP && (!preempts(vr) || delayed))
		vr->backup.followed = vr->backup.heard;
}

/* ---- Active (RFC 9568 6.4.3) ---- */

/* HANDOVER: nobody has taken over. ORDER: priority 0 before the addresses go. RFC 9568 6.4.3,
 * Shutdown: cancel Adver_Timer, send priority 0, become Initialize. */
static void stop_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	send_advert(out, PRIORITY_STOP);
	leave_active(vr, now, VRRP_REASON_STEP_DOWN, out);
}

static void begin_handover(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (is_leaving(vr))
		return;
	vr->timers[VRRP_TIMER_HANDOVER] = instant_add(now, own_interval_us(vr));
	announcer_stop(&vr->announcer);
	send_advert(out, vrrp_priority(vr));
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
	leave_active(vr, now, reason, out);
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
	if (!is_leaving(vr))
		send_advert(out, PRIORITY_LEAVING);
	yield_to(vr, now, event,
		 is_leaving(vr) ? VRRP_REASON_STEP_DOWN : VRRP_REASON_HIGHER_PRIORITY, out);
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
		send_advert(out, vrrp_priority(vr));
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
		send_advert(out, vrrp_priority(vr));
		set_adver(vr, now);
	} else if (is_leaving(vr) && priority == PRIORITY_LEAVING) {
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
		send_advert(out, vrrp_priority(vr));
	}
}

/* The schedule stays on its grid unless a whole interval was missed. */
static void advance_adver(struct vrrp *vr, struct instant now)
{
	struct instant next = instant_add(vr->timers[VRRP_TIMER_ADVER], own_interval_us(vr));

	vr->timers[VRRP_TIMER_ADVER] = next;
	if (instant_due(next, now))
		set_adver(vr, now);
}

/* What is due of an Active whose addresses are there. A router whose claim has expired announces
 * nothing until an advert is on the wire (see active_sent()): another router may be Active, and if
 * this one cannot send, the other cannot answer. */
static void speak(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	bool scheduled = is_due(vr, VRRP_TIMER_ADVER, now);
	uint8_t before = vrrp_priority(vr);

	end_if_due(vr, VRRP_TIMER_HOLD, now);
	end_if_due(vr, VRRP_TIMER_TENURE_SHORT, now);
	end_if_due(vr, VRRP_TIMER_TENURE_LONG, now);
	if (vrrp_claim_expired(vr, now))
		announcer_stop(&vr->announcer);
	announce_if_due(vr, now, out);
	if (scheduled || vrrp_priority(vr) != before)
		send_advert(out, vrrp_priority(vr));
	if (scheduled)
		advance_adver(vr, now);
}

/* RFC 9568 6.4.3, Adver_Timer fires: send an ADVERTISEMENT, set Adver_Timer again. After a silence
 * the lease may have ended, so the addresses come first. */
static void active_timeout(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (is_due(vr, VRRP_TIMER_HANDOVER, now))
		stop_active(vr, now, out);
	else if (vrrp_claim_expired(vr, now) || is_due(vr, VRRP_TIMER_REFRESH, now))
		act(out, VRRP_ACTION_ADD_ADDRESSES);
	else
		speak(vr, now, out);
}

/* SOCKETS FIRST: a claim that has expired while the kernel added the addresses is no longer this
 * router's to make. The next turn drains the sockets; Adver_Timer has fired by then, unless the
 * last adverts could not be sent, which is no reason to send more than one an interval. */
static void active_added(struct vrrp *vr, struct instant now, int64_t took_us,
			 struct vrrp_actions *out)
{
	set_refresh(vr, now);
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
	send_advert(out, PRIORITY_STOP);
	give_up_for_now(vr, now, out);
}

/* PREEMPT: an Active whose priority changes sends an advert at once. */
static void active_priority(struct vrrp *vr, struct instant now, uint8_t priority,
			    struct vrrp_actions *out)
{
	uint8_t before = vrrp_priority(vr);

	set_priority(vr, now, priority);
	if (vrrp_priority(vr) != before && !vrrp_claim_expired(vr, now))
		send_advert(out, vrrp_priority(vr));
}

static void active_primary(struct vrrp *vr, struct instant now, struct addr primary,
			   struct vrrp_actions *out)
{
	vr->primary = primary;
	if (vrrp_claim_expired(vr, now))
		return;
	provoke_announcement(vr, now);
	announce_if_due(vr, now, out);
	send_advert(out, vrrp_priority(vr));
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
		act(out, VRRP_ACTION_REMOVE_ADDRESSES);
		enter_initialize(vr, now, VRRP_REASON_FAULT, event->fault, out);
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

void vrrp_reconfigure(struct vrrp *vr, struct instant now, const struct vrrp_config *config)
{
	bool lease_changed = vr->config.address_refresh_us != config->address_refresh_us;

	vr->config = *config;
	if (vr->state == VRRP_STATE_ACTIVE) {
		struct instant *adver = &vr->timers[VRRP_TIMER_ADVER];

		*adver = instant_min(*adver, instant_add(now, own_interval_us(vr)));
		if (lease_changed)
			vr->timers[VRRP_TIMER_REFRESH] = now;
		if (config->preempt == VRRP_PREEMPT_ALWAYS)
			end_tenure_at(vr, now);
		if (!is_leaving(vr))
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
		say(vr, now);
	note_consequences(vr, now);
	vrrp_assert(vr);
	assert_actions(out);
}

static void assert_initialize(const struct vrrp *vr)
{
	bool retries = vr->started && vr->fault == VRRP_FAULT_ADD_FAILED;

	assert(!vr->shutting_down);
	assert(!vr->started || vr->fault != VRRP_FAULT_NONE);
	assert(is_set(vr, VRRP_TIMER_RETRY) == retries);
	assert(!is_set(vr, VRRP_TIMER_ADVER) && !is_set(vr, VRRP_TIMER_REFRESH) && !is_leaving(vr));
	assert(tenure(vr) == PRIORITY_TENURE_LONG);
}

static void assert_backup(const struct vrrp *vr)
{
	const struct vrrp_heard *heard = &vr->backup.heard;

	assert(vr->started && !vr->shutting_down && vr->fault == VRRP_FAULT_NONE);
	assert(!is_set(vr, VRRP_TIMER_ADVER) && !is_set(vr, VRRP_TIMER_REFRESH) &&
	       !is_set(vr, VRRP_TIMER_RETRY) && !is_leaving(vr));
	assert(tenure(vr) == PRIORITY_TENURE_LONG);
	assert(!instant_is_never(vr->backup.followed.at));
	assert(heard->priority == PRIORITY_STOP || vr->backup.followed.at.us <= heard->at.us);
	assert(instant_is_never(vr->backup.lower_since) || has_stopped(vr) || preempts(vr));
	assert(!instant_is_never(vr->backup.lower_since) ||
	       !(has_stopped(vr) || is_lower_band(vr)));
}

static void assert_active(const struct vrrp *vr)
{
	assert(vr->started && vr->fault == VRRP_FAULT_NONE);
	assert(is_set(vr, VRRP_TIMER_ADVER) && !is_set(vr, VRRP_TIMER_RETRY));
	assert(!vr->shutting_down || is_leaving(vr));
	assert(!is_leaving(vr) || instant_is_never(vr->announcer.next));
	assert(vr->said.interval_cs > 0);
	assert(!is_set(vr, VRRP_TIMER_TENURE_SHORT) || is_set(vr, VRRP_TIMER_TENURE_LONG));
}

void vrrp_assert(const struct vrrp *vr)
{
	assert(vr->priority > PRIORITY_LEAVING && vr->priority <= PRIORITY_READY_MAX);
	assert(vr->config.advert_int_cs > 0);
	switch (vr->state) {
	case VRRP_STATE_INITIALIZE:
		assert_initialize(vr);
		break;
	case VRRP_STATE_BACKUP:
		assert_backup(vr);
		break;
	case VRRP_STATE_ACTIVE:
		assert_active(vr);
		break;
	}
}
