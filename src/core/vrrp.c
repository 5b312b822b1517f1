/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vrrp.h"

#include <assert.h>
#include <stddef.h>

#include "core/health.h"

#define CENTISECOND_US 10000

/* ANNOUNCE: at 0, 100 ms, 500 ms, 2 s and 5 s after taking over; these are the gaps between. */
static const int64_t announce_gaps_us[] = {100000, 400000, 1500000, 3000000};
#define ANNOUNCE_GAPS (sizeof(announce_gaps_us) / sizeof(announce_gaps_us[0]))

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
		[VRRP_REASON_RECOVERED] = "recovered",
		[VRRP_REASON_ACTIVE_DOWN] = "active_down",
		[VRRP_REASON_ACTIVE_STOPPED] = "active_stopped",
		[VRRP_REASON_ACTIVE_UNREADY] = "active_unready",
		[VRRP_REASON_ACTIVE_LOWER] = "active_lower",
		[VRRP_REASON_HIGHER_PRIORITY] = "higher_priority",
		[VRRP_REASON_OVERSLEPT] = "overslept",
		[VRRP_REASON_STEP_DOWN] = "step_down",
		[VRRP_REASON_SHUTDOWN] = "shutdown",
		[VRRP_REASON_NO_INTERFACE] = "no_interface",
		[VRRP_REASON_LINK_DOWN] = "link_down",
		[VRRP_REASON_NO_ADDRESS] = "no_address",
		[VRRP_REASON_NOT_A_PEER] = "not_a_peer",
		[VRRP_REASON_NO_SOCKET] = "no_socket",
		[VRRP_REASON_ADD_FAILED] = "add_failed",
		[VRRP_REASON_SEND_FAILED] = "send_failed",
	};

	return names[reason];
}

static bool is_fault(enum vrrp_reason reason)
{
	return reason >= VRRP_REASON_NO_INTERFACE;
}

static bool is_leaving(const struct vrrp *vr)
{
	return !instant_is_never(vr->handover);
}

uint8_t vrrp_priority(const struct vrrp *vr)
{
	bool held_down = !instant_is_never(vr->hold_end);

	return is_leaving(vr) || held_down ? VRRP_PRIORITY_LEAVING : vr->priority;
}

static int64_t own_interval_us(const struct vrrp *vr)
{
	return (int64_t)vr->config.advert_int_cs * CENTISECOND_US;
}

/* RFC 9568 6.1: ((256 - Priority) * Active_Adver_Interval) / 256 */
static int64_t skew_us(const struct vrrp *vr, int64_t interval_us)
{
	return (256 - vrrp_priority(vr)) * interval_us / 256;
}

int64_t vrrp_skew_time_us(const struct vrrp *vr)
{
	return skew_us(vr, (int64_t)vr->active_adver_interval_cs * CENTISECOND_US);
}

int64_t vrrp_active_down_interval_us(const struct vrrp *vr)
{
	return 3 * (int64_t)vr->active_adver_interval_cs * CENTISECOND_US + vrrp_skew_time_us(vr);
}

/*
 * SOCKETS FIRST: Active_Down_Interval has passed since the last advert by the clock; the Backups
 * have given this router up. It claims nothing before it has listened; a TIMEOUT, which is due,
 * does what is still to be done.
 */
static bool overslept(const struct vrrp *vr, struct instant now)
{
	return instant_due(vr->given_up, now);
}

/* After an advert from which the schedule goes on. The others count with the interval that it
 * carried, whatever a reload makes of ours. */
static void set_adver(struct vrrp *vr, struct instant at)
{
	int64_t interval_us = own_interval_us(vr);

	vr->adver = at;
	vr->given_up = instant_add(at, 2 * interval_us + skew_us(vr, interval_us));
}

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

/* Beside the schedule: the others begin to count anew, with the interval that it carries. It does
 * not end a nap. */
static void send_between(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	int64_t interval_us = own_interval_us(vr);

	send_advert(out, vrrp_priority(vr));
	if (!overslept(vr, now))
		vr->given_up = instant_add(now, 3 * interval_us + skew_us(vr, interval_us));
}

static void clear_timers(struct vrrp *vr)
{
	vr->active_down = INSTANT_NEVER;
	vr->adver = INSTANT_NEVER;
	vr->given_up = INSTANT_NEVER;
	vr->handover = INSTANT_NEVER;
	vr->refresh = INSTANT_NEVER;
	vr->announce = INSTANT_NEVER;
	vr->retry = INSTANT_NEVER;
}

static void enter(struct vrrp *vr, enum vrrp_state state, enum vrrp_reason reason,
		  struct vrrp_actions *out)
{
	struct vrrp_action *notify = act(out, VRRP_ACTION_NOTIFY);

	vr->state = state;
	vr->reason = reason;
	notify->state = state;
	notify->reason = reason;
}

static void enter_initialize(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			     struct vrrp_actions *out)
{
	clear_timers(vr);
	if (vr->shutting_down)
		vr->started = false;
	vr->shutting_down = false;
	if (vr->started && (reason == VRRP_REASON_ADD_FAILED || reason == VRRP_REASON_SEND_FAILED))
		vr->retry = instant_add(now, VRRP_RETRY_US);
	enter(vr, VRRP_STATE_INITIALIZE, reason, out);
}

static void set_active_down(struct vrrp *vr, struct instant at, enum vrrp_reason reason)
{
	vr->active_down = at;
	vr->takeover_reason = reason;
}

static void await(struct vrrp *vr, struct instant now, uint16_t interval_cs)
{
	vr->active_adver_interval_cs = interval_cs;
	set_active_down(vr, instant_add(now, vrrp_active_down_interval_us(vr)),
			VRRP_REASON_ACTIVE_DOWN);
}

static void follow(struct vrrp *vr, struct instant now, const struct vrrp_event *event)
{
	vr->active_address = event->advert.source;
	vr->active_priority = event->advert.priority;
	vr->active_heard = now;
	await(vr, now, event->advert.interval_cs);
}

static void enter_backup(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			 struct vrrp_actions *out)
{
	if (vr->state == VRRP_STATE_INITIALIZE)
		vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	clear_timers(vr);
	vr->active_priority = VRRP_PRIORITY_STOP;
	await(vr, now, vr->config.advert_int_cs);
	enter(vr, VRRP_STATE_BACKUP, reason, out);
}

static void announce(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	int64_t gap_us = vr->config.announce_refresh_us;

	if (vr->announce_step < ANNOUNCE_GAPS)
		gap_us = announce_gaps_us[vr->announce_step];
	if (vr->announce_step <= ANNOUNCE_GAPS)
		vr->announce_step++;
	vr->announced = now;
	vr->announce = gap_us > 0 ? instant_add(now, gap_us) : INSTANT_NEVER;
	act(out, VRRP_ACTION_ANNOUNCE);
}

/* Begins the schedule of ANNOUNCE again, but lets the network provoke no more than one per spacing.
 */
static void restart_announcing(struct vrrp *vr, struct instant now)
{
	struct instant earliest = instant_add(vr->announced, VRRP_ANNOUNCE_SPACING_US);

	vr->announce_step = 0;
	vr->announce = instant_due(earliest, now) ? now : earliest;
}

/* Who leaves is silent: the last word to the neighbours belongs to the successor. */
static void announce_if_due(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (is_leaving(vr))
		vr->announce = INSTANT_NEVER;
	else if (instant_due(vr->announce, now))
		announce(vr, now, out);
}

static void set_refresh(struct vrrp *vr, struct instant now)
{
	int64_t period_us = vr->config.address_refresh_us;

	vr->refresh = period_us > 0 ? instant_add(now, period_us) : INSTANT_NEVER;
}

/* RFC 9568 6.4.2 sends the advert first; ORDER: nobody claims the role without holding the address.
 */
static void enter_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	enum vrrp_reason reason = vr->takeover_reason;

	clear_timers(vr);
	act(out, VRRP_ACTION_ADD_ADDRESSES);
	set_refresh(vr, now);
	vr->announce_step = 0;
	announce(vr, now, out);
	send_advert(out, vrrp_priority(vr));
	set_adver(vr, instant_add(now, own_interval_us(vr)));
	enter(vr, VRRP_STATE_ACTIVE, reason, out);
}

/* The end of the role: for good after SHUTDOWN, else as Backup. */
static void leave_active(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			 struct vrrp_actions *out)
{
	act(out, VRRP_ACTION_REMOVE_ADDRESSES);
	if (vr->shutting_down)
		enter_initialize(vr, now, VRRP_REASON_SHUTDOWN, out);
	else
		enter_backup(vr, now, reason, out);
}

/* HANDOVER: nobody has taken over. Priority 0 before the address goes (ORDER). */
static void stop_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	send_advert(out, VRRP_PRIORITY_STOP);
	leave_active(vr, now, VRRP_REASON_STEP_DOWN, out);
}

static void begin_handover(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	if (is_leaving(vr))
		return;
	vr->handover = instant_add(now, own_interval_us(vr));
	vr->announce = INSTANT_NEVER;
	send_between(vr, now, out);
}

/* PREEMPT: whether this Backup takes the role from an Active of that priority. */
static bool preempts(const struct vrrp *vr, struct instant now, uint8_t priority)
{
	uint8_t own = vrrp_priority(vr);

	if (priority >= own || !instant_due(vr->preempt_from, now))
		return false;
	return vr->config.preempt == VRRP_PREEMPT_ALWAYS ||
	       health_band(priority) < health_band(own);
}

/*
 * An unready router that speaks beside a ready Active is on its way out: neither followed, for then
 * the ready one would be forgotten, nor a reason to take the role. That is until three intervals
 * have passed without the ready one: then others may have given it up.
 */
static bool follows_another(const struct vrrp *vr, struct instant now,
			    const struct vrrp_event *event)
{
	int64_t patience_us = 3 * (int64_t)vr->active_adver_interval_cs * CENTISECOND_US;

	return health_band(vr->active_priority) > health_band(event->advert.priority) &&
	       !addr_equal(&vr->active_address, &event->advert.source) &&
	       !instant_due(instant_add(vr->active_heard, patience_us), now);
}

static void backup_advert(struct vrrp *vr, struct instant now, const struct vrrp_event *event)
{
	uint8_t priority = event->advert.priority;
	struct instant after_skew = instant_add(now, vrrp_skew_time_us(vr));

	if (priority == VRRP_PRIORITY_STOP) {
		vr->active_priority = VRRP_PRIORITY_STOP;
		set_active_down(vr, after_skew, VRRP_REASON_ACTIVE_STOPPED);
		return;
	}
	if (follows_another(vr, now, event))
		return;
	if (!preempts(vr, now, priority)) {
		follow(vr, now, event);
	} else if (health_band(priority) == health_band(vrrp_priority(vr))) {
		/* 6.4.2: Preempt_Mode is True and the priority is lower: discard. */
		vr->takeover_reason = VRRP_REASON_ACTIVE_LOWER;
	} else {
		if (addr_equal(&event->advert.source, &vr->active_address))
			vr->active_priority = priority;
		set_active_down(vr, instant_min(vr->active_down, after_skew),
				VRRP_REASON_ACTIVE_UNREADY);
	}
}

/* RFC 9568 6.4.3: greater priority, or equal and a greater primary address. */
static bool is_better(const struct vrrp *vr, const struct vrrp_event *event)
{
	uint8_t own = vrrp_priority(vr);

	return event->advert.priority > own ||
	       (event->advert.priority == own &&
		addr_compare(&event->advert.source, &vr->primary) > 0);
}

/*
 * After a partition the winner may never hear this router, and its clients would go on sending
 * here. So the loser says once that it was Active too; the winner answers by announcing again. It
 * says so with the lowest priority: a winner that has become unready meanwhile must not yield to
 * who has just gone. Not after a nap, when it was Active in name only.
 */
static void yield_to(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
		     enum vrrp_reason reason, struct vrrp_actions *out)
{
	if (reason == VRRP_REASON_HIGHER_PRIORITY)
		send_advert(out, VRRP_PRIORITY_LEAVING);
	leave_active(vr, now, reason, out);
	if (vr->state == VRRP_STATE_BACKUP)
		follow(vr, now, event);
}

static void active_advert(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			  struct vrrp_actions *out)
{
	if (overslept(vr, now)) {
		if (event->advert.priority != VRRP_PRIORITY_STOP)
			yield_to(vr, now, event, VRRP_REASON_OVERSLEPT, out);
	} else if (event->advert.priority == VRRP_PRIORITY_STOP) {
		send_advert(out, vrrp_priority(vr));
		set_adver(vr, instant_add(now, own_interval_us(vr)));
	} else if (is_leaving(vr) && event->advert.priority == VRRP_PRIORITY_LEAVING) {
		/* HANDOVER: it leaves too, has left with its last word (see yield_to()), or is held
		 * down. It relieves nobody, and an answer would provoke one. */
	} else if (is_better(vr, event)) {
		yield_to(vr, now, event,
			 is_leaving(vr) ? VRRP_REASON_STEP_DOWN : VRRP_REASON_HIGHER_PRIORITY, out);
	} else {
		/* 6.4.3: discard and assert the role at once. What the loser told the neighbours is
		 * undone too. */
		send_between(vr, now, out);
		restart_announcing(vr, now);
		announce_if_due(vr, now, out);
	}
}

static void advance_adver(struct vrrp *vr, struct instant now)
{
	struct instant next = instant_add(vr->adver, own_interval_us(vr));

	set_adver(vr, instant_due(next, now) ? instant_add(now, own_interval_us(vr)) : next);
}

static void active_timeout(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	bool asleep = overslept(vr, now);
	bool released = instant_due(vr->hold_end, now);

	if (instant_due(vr->handover, now)) {
		stop_active(vr, now, out);
		return;
	}
	if (released)
		vr->hold_end = INSTANT_NEVER;
	if (asleep)
		restart_announcing(vr, now);
	if (asleep || instant_due(vr->refresh, now)) {
		act(out, VRRP_ACTION_ADD_ADDRESSES);
		set_refresh(vr, now);
	}
	announce_if_due(vr, now, out);
	if (released || instant_due(vr->adver, now))
		send_between(vr, now, out);
	if (instant_due(vr->adver, now))
		advance_adver(vr, now);
}

static void set_priority(struct vrrp *vr, struct instant now, uint8_t priority)
{
	if (health_band(priority) > health_band(vr->priority))
		vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	vr->priority = priority;
}

/*
 * A Backup calls off the takeover that it would no longer make. Whether one that is lower than
 * before still is better than the Active that it discarded is not remembered: the next advert
 * tells.
 */
static void reconsider_preemption(struct vrrp *vr, struct instant now, uint8_t priority_before)
{
	uint8_t priority = vrrp_priority(vr);
	bool discards = vr->config.preempt == VRRP_PREEMPT_ALWAYS && priority >= priority_before;
	bool is_unready = health_band(priority) == HEALTH_BAND_UNREADY;

	if ((vr->takeover_reason == VRRP_REASON_ACTIVE_LOWER && !discards) ||
	    (vr->takeover_reason == VRRP_REASON_ACTIVE_UNREADY && is_unready))
		await(vr, now, vr->active_adver_interval_cs);
}

static void step_initialize(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			    struct vrrp_actions *out)
{
	switch (event->type) {
	case VRRP_EVENT_STARTUP:
		if (vr->started)
			break;
		vr->started = true;
		if (is_fault(vr->reason))
			enter_initialize(vr, now, vr->reason, out);
		else
			enter_backup(vr, now, VRRP_REASON_STARTUP, out);
		break;
	case VRRP_EVENT_SHUTDOWN:
		vr->started = false;
		vr->retry = INSTANT_NEVER;
		vr->reason = is_fault(vr->reason) ? vr->reason : VRRP_REASON_SHUTDOWN;
		break;
	case VRRP_EVENT_TIMEOUT:
		if (instant_due(vr->hold_end, now))
			vr->hold_end = INSTANT_NEVER;
		if (instant_due(vr->retry, now))
			enter_backup(vr, now, VRRP_REASON_RECOVERED, out);
		break;
	case VRRP_EVENT_RECOVER:
		vr->primary = event->primary;
		if (vr->started)
			enter_backup(vr, now, VRRP_REASON_RECOVERED, out);
		else
			vr->reason = VRRP_REASON_STARTUP;
		break;
	case VRRP_EVENT_FAULT:
		if (vr->started && vr->reason != event->fault)
			enter_initialize(vr, now, event->fault, out);
		vr->reason = event->fault;
		break;
	case VRRP_EVENT_PRIORITY:
		set_priority(vr, now, event->priority);
		break;
	case VRRP_EVENT_STEP_DOWN:
		vr->hold_end = instant_add(now, event->hold_us);
		break;
	case VRRP_EVENT_ADVERT:
	case VRRP_EVENT_ADDRESS_LOST:
		break;
	}
}

static void step_backup(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
			struct vrrp_actions *out)
{
	uint8_t before = vrrp_priority(vr);

	switch (event->type) {
	case VRRP_EVENT_SHUTDOWN:
		vr->started = false;
		enter_initialize(vr, now, VRRP_REASON_SHUTDOWN, out);
		break;
	case VRRP_EVENT_TIMEOUT:
		if (instant_due(vr->hold_end, now))
			vr->hold_end = INSTANT_NEVER;
		if (instant_due(vr->active_down, now))
			enter_active(vr, now, out);
		break;
	case VRRP_EVENT_ADVERT:
		backup_advert(vr, now, event);
		break;
	case VRRP_EVENT_PRIORITY:
		set_priority(vr, now, event->priority);
		reconsider_preemption(vr, now, before);
		break;
	case VRRP_EVENT_STEP_DOWN:
		vr->hold_end = instant_add(now, event->hold_us);
		reconsider_preemption(vr, now, before);
		break;
	case VRRP_EVENT_FAULT:
		enter_initialize(vr, now, event->fault, out);
		break;
	case VRRP_EVENT_RECOVER:
		vr->primary = event->primary;
		break;
	case VRRP_EVENT_STARTUP:
	case VRRP_EVENT_ADDRESS_LOST:
		break;
	}
}

static void active_priority(struct vrrp *vr, struct instant now, uint8_t priority,
			    struct vrrp_actions *out)
{
	uint8_t before = vrrp_priority(vr);

	set_priority(vr, now, priority);
	if (vrrp_priority(vr) != before && !overslept(vr, now))
		send_between(vr, now, out);
}

static void active_recover(struct vrrp *vr, struct instant now, struct addr primary,
			   struct vrrp_actions *out)
{
	if (addr_equal(&primary, &vr->primary))
		return;
	vr->primary = primary;
	if (overslept(vr, now))
		return;
	restart_announcing(vr, now);
	announce_if_due(vr, now, out);
	send_between(vr, now, out);
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
		begin_handover(vr, now, out);
		vr->hold_end = instant_add(now, event->hold_us);
		break;
	case VRRP_EVENT_TIMEOUT:
		active_timeout(vr, now, out);
		break;
	case VRRP_EVENT_ADVERT:
		active_advert(vr, now, event, out);
		break;
	case VRRP_EVENT_PRIORITY:
		active_priority(vr, now, event->priority, out);
		break;
	case VRRP_EVENT_ADDRESS_LOST:
		vr->refresh = now;
		restart_announcing(vr, now);
		break;
	case VRRP_EVENT_FAULT:
		act(out, VRRP_ACTION_REMOVE_ADDRESSES);
		enter_initialize(vr, now, event->fault, out);
		break;
	case VRRP_EVENT_RECOVER:
		active_recover(vr, now, event->primary, out);
		break;
	case VRRP_EVENT_STARTUP:
		break;
	}
}

void vrrp_init(struct vrrp *vr, const struct vrrp_config *config, uint8_t priority)
{
	*vr = (struct vrrp){
		.config = *config,
		.state = VRRP_STATE_INITIALIZE,
		.reason = VRRP_REASON_NO_INTERFACE,
		.priority = priority,
		.active_adver_interval_cs = config->advert_int_cs,
		.hold_end = INSTANT_NEVER,
	};
	clear_timers(vr);
}

void vrrp_reconfigure(struct vrrp *vr, struct instant now, const struct vrrp_config *config)
{
	bool lease_changed = vr->config.address_refresh_us != config->address_refresh_us;
	bool interval_changed = vr->config.advert_int_cs != config->advert_int_cs;
	bool preempt_changed = vr->config.preempt != config->preempt;
	int64_t announce_us = config->announce_refresh_us;

	vr->config = *config;
	if (interval_changed && vr->state == VRRP_STATE_BACKUP &&
	    vr->active_priority == VRRP_PRIORITY_STOP) {
		vr->active_adver_interval_cs = config->advert_int_cs;
		vr->active_down = instant_min(vr->active_down,
					      instant_add(now, vrrp_active_down_interval_us(vr)));
	}
	if (preempt_changed && vr->state == VRRP_STATE_BACKUP)
		reconsider_preemption(vr, now, vrrp_priority(vr));
	if (vr->state != VRRP_STATE_ACTIVE)
		return;
	vr->adver = instant_min(vr->adver, instant_add(now, own_interval_us(vr)));
	if (lease_changed)
		vr->refresh = now;
	if (vr->announce_step > ANNOUNCE_GAPS && !is_leaving(vr))
		vr->announce = announce_us > 0
				       ? instant_min(vr->announce, instant_add(now, announce_us))
				       : INSTANT_NEVER;
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
}

void vrrp_delayed(struct vrrp *vr, int64_t us)
{
	if (vr->state != VRRP_STATE_ACTIVE)
		return;
	vr->adver = instant_add(vr->adver, us);
	vr->given_up = instant_add(vr->given_up, us);
}

struct instant vrrp_deadline(const struct vrrp *vr)
{
	const struct instant timers[] = {vr->active_down, vr->adver, vr->handover, vr->refresh,
					 vr->announce,	  vr->retry, vr->hold_end};
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		first = instant_min(first, timers[i]);
	return first;
}
