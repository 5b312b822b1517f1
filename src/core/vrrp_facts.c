/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vrrp_facts.h"

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

bool vrrp_is_set(const struct vrrp *vr, enum vrrp_timer timer)
{
	return !instant_is_never(vr->timers[timer]);
}

bool vrrp_is_due(const struct vrrp *vr, enum vrrp_timer timer, struct instant now)
{
	return instant_due(vr->timers[timer], now);
}

bool vrrp_is_leaving(const struct vrrp *vr)
{
	return vrrp_is_set(vr, VRRP_TIMER_HANDOVER);
}

uint8_t vrrp_own_priority(const struct vrrp *vr)
{
	return vrrp_is_leaving(vr) || vrrp_is_set(vr, VRRP_TIMER_HOLD) ? PRIORITY_LEAVING
								       : vr->priority;
}

struct instant vrrp_tenure_ends(const struct vrrp *vr)
{
	return vr->timers[VRRP_TIMER_TENURE_LONG];
}

/* TENURE: how long this Active has served, as far as that is in doubt. */
static enum priority_tenure tenure(const struct vrrp *vr)
{
	if (vrrp_is_set(vr, VRRP_TIMER_TENURE_SHORT))
		return PRIORITY_TENURE_NONE;
	return vrrp_is_set(vr, VRRP_TIMER_TENURE_LONG) ? PRIORITY_TENURE_SHORT
						       : PRIORITY_TENURE_LONG;
}

uint8_t vrrp_priority(const struct vrrp *vr)
{
	uint8_t priority = vrrp_own_priority(vr);

	if (vr->state != VRRP_STATE_ACTIVE || priority == PRIORITY_LEAVING)
		return priority;
	return priority_of_active(priority, tenure(vr));
}

int64_t vrrp_own_interval_us(const struct vrrp *vr)
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

	if (vr->state != VRRP_STATE_ACTIVE || vrrp_own_priority(vr) == PRIORITY_LEAVING)
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

bool vrrp_has_stopped(const struct vrrp *vr)
{
	const struct vrrp_heard *heard = &vr->backup.heard;

	return heard->priority == PRIORITY_STOP && !instant_is_never(heard->at);
}

bool vrrp_is_lower_band(const struct vrrp *vr)
{
	uint8_t priority = vr->backup.heard.priority;

	return priority != PRIORITY_STOP &&
	       priority_band(priority) < priority_band(vrrp_own_priority(vr));
}

/* PREEMPT: whether this Backup may take the role from the Active that it knows. RFC 9568 6.4.2 asks
 * for the lower priority alone when Preempt_Mode is True. */
bool vrrp_preempts(const struct vrrp *vr)
{
	uint8_t priority = vr->backup.heard.priority;

	return vrrp_is_lower_band(vr) ||
	       (vr->config.preempt == VRRP_PREEMPT_ALWAYS && priority != PRIORITY_STOP &&
		priority < vrrp_own_priority(vr));
}

/* BOUNDS: the Active's interval, but not more than VRRP_INTERVAL_FACTOR times ours, so that a group
 * can change its interval node by node and one false advert does not silence a Backup for long. */
static int64_t followed_interval_us(const struct vrrp *vr, const struct vrrp_heard *heard)
{
	int64_t own_us = vrrp_own_interval_us(vr);
	int64_t interval_us = (int64_t)heard->interval_cs * CENTISECOND_US;

	if (interval_us == 0)
		return own_us;
	return interval_us < VRRP_INTERVAL_FACTOR * own_us ? interval_us
							   : VRRP_INTERVAL_FACTOR * own_us;
}

/* BOUNDS: the shorter of the Active's interval and ours until its second advert, then the Active's.
 */
int64_t vrrp_believed_interval_us(const struct vrrp *vr, const struct vrrp_heard *heard)
{
	int64_t interval_us = followed_interval_us(vr, heard);

	return heard->first && vrrp_own_interval_us(vr) < interval_us ? vrrp_own_interval_us(vr)
								      : interval_us;
}

int64_t vrrp_skew_time_us(const struct vrrp *vr)
{
	return skew_us(vrrp_own_priority(vr), vrrp_believed_interval_us(vr, &vr->backup.followed));
}

/* BOUNDS: until its second advert a new Active is waited for one interval of its own and then as
 * long as for a lost Active with our interval. */
int64_t vrrp_active_down_interval_us(const struct vrrp *vr)
{
	const struct vrrp_heard *from = &vr->backup.followed;
	int64_t interval_us = followed_interval_us(vr, from);
	int64_t own_us = vrrp_own_interval_us(vr);

	if (from->first && interval_us + 3 * own_us < 3 * interval_us)
		return interval_us + 3 * own_us + vrrp_skew_time_us(vr);
	return 3 * interval_us + vrrp_skew_time_us(vr);
}

/* PREEMPT always: whether adverts of a lower Active have been discarded, as RFC 9568 6.4.2 has it.
 */
static bool discards(const struct vrrp *vr)
{
	return vrrp_preempts(vr) && !vrrp_is_lower_band(vr) &&
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
	return vrrp_is_lower_band(vr) ? VRRP_REASON_ACTIVE_UNREADY : VRRP_REASON_ACTIVE_LOWER;
}

/* BOUNDS: when the Active's next advert shows whether it leaves, at the latest. preempt_delay holds
 * for a leaving Active, as for any of a lower band. A held Backup relieves nobody. */
static struct vrrp_takeover takeover_by_doubt(const struct vrrp *vr)
{
	const struct vrrp_heard *heard = &vr->backup.heard;
	struct instant shown = instant_add(heard->at, vrrp_believed_interval_us(vr, heard));

	if (!vr->backup.doubted || vrrp_own_priority(vr) == PRIORITY_LEAVING)
		return (struct vrrp_takeover){.at = INSTANT_NEVER};
	if (vr->backup.doubted_priority == PRIORITY_STOP)
		return (struct vrrp_takeover){shown, VRRP_REASON_ACTIVE_STOPPED};
	return (struct vrrp_takeover){instant_max(shown, vr->preempt_from),
				      VRRP_REASON_ACTIVE_LEAVING};
}

/*
 * RFC 9568 6.4.2. Active_Down_Timer runs for Active_Down_Interval from the last advert of the
 * Active; an Active that stops (priority 0) is waited for Skew_Time only. PREEMPT: nor is an Active
 * of a lower band waited for any longer. Neither ever puts off a takeover.
 */
struct vrrp_takeover vrrp_takeover(const struct vrrp *vr)
{
	struct vrrp_takeover silent = {
		.at = instant_add(vr->backup.followed.at, vrrp_active_down_interval_us(vr)),
		.reason = discards(vr) ? VRRP_REASON_ACTIVE_LOWER : VRRP_REASON_ACTIVE_DOWN,
	};
	struct vrrp_takeover told = {vr->backup.lower_since, reason_of_heard(vr)};
	struct vrrp_takeover doubted = takeover_by_doubt(vr);

	if (doubted.at.us < told.at.us)
		told = doubted;
	told.at = instant_add(told.at, vrrp_skew_time_us(vr));
	return told.at.us > silent.at.us ? silent : told;
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

static void assert_initialize(const struct vrrp *vr)
{
	bool retries = vr->started && vr->fault == VRRP_FAULT_ADD_FAILED;

	assert(!vr->shutting_down);
	assert(!vr->started || vr->fault != VRRP_FAULT_NONE);
	assert(vrrp_is_set(vr, VRRP_TIMER_RETRY) == retries);
	assert(!vrrp_is_set(vr, VRRP_TIMER_ADVER) && !vrrp_is_set(vr, VRRP_TIMER_REFRESH) &&
	       !vrrp_is_leaving(vr));
	assert(tenure(vr) == PRIORITY_TENURE_LONG);
}

static void assert_backup(const struct vrrp *vr)
{
	const struct vrrp_heard *heard = &vr->backup.heard;

	assert(vr->started && !vr->shutting_down && vr->fault == VRRP_FAULT_NONE);
	assert(!vrrp_is_set(vr, VRRP_TIMER_ADVER) && !vrrp_is_set(vr, VRRP_TIMER_REFRESH) &&
	       !vrrp_is_set(vr, VRRP_TIMER_RETRY) && !vrrp_is_leaving(vr));
	assert(tenure(vr) == PRIORITY_TENURE_LONG);
	assert(!instant_is_never(vr->backup.followed.at));
	assert(heard->priority == PRIORITY_STOP || vr->backup.followed.at.us <= heard->at.us);
	assert(instant_is_never(vr->backup.lower_since) || vrrp_has_stopped(vr) ||
	       vrrp_preempts(vr));
	assert(!instant_is_never(vr->backup.lower_since) ||
	       !(vrrp_has_stopped(vr) || vrrp_is_lower_band(vr)));
}

static void assert_active(const struct vrrp *vr)
{
	assert(vr->started && vr->fault == VRRP_FAULT_NONE);
	assert(vrrp_is_set(vr, VRRP_TIMER_ADVER) && !vrrp_is_set(vr, VRRP_TIMER_RETRY));
	assert(!vr->shutting_down || vrrp_is_leaving(vr));
	assert(!vrrp_is_leaving(vr) || instant_is_never(vr->announcer.next));
	assert(vr->said.interval_cs > 0);
	assert(!vrrp_is_set(vr, VRRP_TIMER_TENURE_SHORT) ||
	       vrrp_is_set(vr, VRRP_TIMER_TENURE_LONG));
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
