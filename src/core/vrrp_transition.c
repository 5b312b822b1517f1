/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vrrp_transition.h"

#include <assert.h>

struct vrrp_action *vrrp_act(struct vrrp_actions *out, enum vrrp_action_type type)
{
	struct vrrp_action *action = &out->list[out->count++];

	assert(out->count <= VRRP_ACTIONS_MAX);
	*action = (struct vrrp_action){.type = type};
	return action;
}

void vrrp_send_advert(struct vrrp_actions *out, uint8_t priority)
{
	vrrp_act(out, VRRP_ACTION_SEND_ADVERT)->priority = priority;
}

static void enter(struct vrrp *vr, enum vrrp_state state, enum vrrp_reason reason,
		  enum vrrp_fault fault, struct vrrp_actions *out)
{
	vrrp_act(out, VRRP_ACTION_NOTIFY)->transition = (struct vrrp_transition){
		.from = vr->state, .to = state, .reason = reason, .fault = fault};
	vr->state = state;
	vr->reason = reason;
	vr->fault = fault;
	for (unsigned i = 0; i < VRRP_TIMER_COUNT; i++)
		if (i != VRRP_TIMER_HOLD)
			vr->timers[i] = INSTANT_NEVER;
	announcer_stop(&vr->announcer);
}

void vrrp_enter_initialize(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			   enum vrrp_fault fault, struct vrrp_actions *out)
{
	if (vr->shutting_down)
		vr->started = false;
	vr->shutting_down = false;
	enter(vr, VRRP_STATE_INITIALIZE, reason, fault, out);
	if (vr->started && fault == VRRP_FAULT_ADD_FAILED)
		vr->timers[VRRP_TIMER_RETRY] = instant_add(now, VRRP_RETRY_US);
}

void vrrp_enter_backup(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
		       struct vrrp_actions *out)
{
	if (vr->state == VRRP_STATE_INITIALIZE)
		vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	vr->backup.heard = (struct vrrp_heard){.at = INSTANT_NEVER};
	vr->backup.followed = (struct vrrp_heard){.at = now};
	vr->backup.doubted = false;
	enter(vr, VRRP_STATE_BACKUP, reason, VRRP_FAULT_NONE, out);
}

void vrrp_set_refresh(struct vrrp *vr, struct instant now)
{
	int64_t period_us = vr->config.address_refresh_us;

	vr->timers[VRRP_TIMER_REFRESH] =
		period_us > 0 ? instant_add(now, period_us) : INSTANT_NEVER;
}

void vrrp_set_adver(struct vrrp *vr, struct instant now)
{
	vr->timers[VRRP_TIMER_ADVER] = instant_add(now, vrrp_own_interval_us(vr));
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
		instant_add(vr->listens_from, VRRP_NEW_INTERVALS * vrrp_own_interval_us(vr)));

	return reason == VRRP_REASON_ACTIVE_DOWN && vr->config.preempt != VRRP_PREEMPT_ALWAYS &&
	       !instant_due(until, now);
}

static void set_tenure(struct vrrp *vr, struct instant now)
{
	vr->timers[VRRP_TIMER_TENURE_SHORT] = instant_add(now, VRRP_TENURE_SHORT_US);
	vr->timers[VRRP_TIMER_TENURE_LONG] = instant_add(now, VRRP_TENURE_LONG_US);
}

void vrrp_say(struct vrrp *vr, struct instant now)
{
	vr->said.at = now;
	vr->said.interval_cs = vr->config.advert_int_cs;
	vr->said.priority = vrrp_own_priority(vr);
}

/*
 * RFC 9568 6.4.2, Active_Down_Timer fires: send an ADVERTISEMENT, announce the addresses, set
 * Adver_Timer to Advertisement_Interval, become Active. ORDER: the addresses have been added, and
 * the advert comes last, so that no router claims a role that it does not fill.
 */
void vrrp_enter_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out)
{
	enum vrrp_reason reason = vrrp_takeover(vr).reason;
	struct vrrp_action *advert;

	vrrp_act(out, VRRP_ACTION_ANNOUNCE);
	advert = vrrp_act(out, VRRP_ACTION_SEND_ADVERT);
	enter(vr, VRRP_STATE_ACTIVE, reason, VRRP_FAULT_NONE, out);
	announcer_start(&vr->announcer, now);
	announcer_take(&vr->announcer, now, vr->config.announce_refresh_us);
	vrrp_set_refresh(vr, now);
	vrrp_set_adver(vr, now);
	if (is_new(vr, now, reason))
		set_tenure(vr, now);
	vrrp_say(vr, now);
	advert->priority = vrrp_priority(vr);
}

void vrrp_leave_active(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
		       struct vrrp_actions *out)
{
	vrrp_act(out, VRRP_ACTION_REMOVE_ADDRESSES);
	if (vr->shutting_down)
		vrrp_enter_initialize(vr, now, VRRP_REASON_SHUTDOWN, VRRP_FAULT_NONE, out);
	else
		vrrp_enter_backup(vr, now, reason, out);
}

static struct instant unless_due(struct instant t, struct instant now)
{
	return instant_due(t, now) ? INSTANT_NEVER : t;
}

/* RESUME: the process before this one was Active and nobody can have taken over yet, so this one
 * goes on. Everything is due: the addresses, which may still be there, the announcement and the
 * advert, in this order and after the sockets are drained. */
void vrrp_resume(struct vrrp *vr, struct instant now, const struct vrrp_claim *claim,
		 struct vrrp_actions *out)
{
	vr->said = *claim;
	vr->preempt_from = instant_add(now, vr->config.preempt_delay_us);
	enter(vr, VRRP_STATE_ACTIVE, VRRP_REASON_RESUMED, VRRP_FAULT_NONE, out);
	announcer_start(&vr->announcer, now);
	vr->timers[VRRP_TIMER_REFRESH] = now;
	vr->timers[VRRP_TIMER_ADVER] = now;
	if (vr->config.preempt == VRRP_PREEMPT_ALWAYS) /* since now, perhaps */
		return;
	vr->timers[VRRP_TIMER_TENURE_SHORT] = unless_due(claim->tenure_short, now);
	vr->timers[VRRP_TIMER_TENURE_LONG] = unless_due(claim->tenure_long, now);
}
