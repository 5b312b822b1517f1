/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine against RFC 9568 6.4 and the rules PREEMPT, HANDOVER, ORDER, SOCKETS FIRST and
 * ANNOUNCE. A row of the table is one state and one event; the stories are what takes several
 * events; the walk checks what must hold whatever happens.
 *
 * The router under test has priority 200 when ready and 46 when not, the primary address 10.0.0.2
 * and an Advertisement_Interval of 1 s, so its Skew_Time is 56/256 s = 218,750 us (210/256 s =
 * 820,312 us when unready, 255/256 s = 996,093 us when held down).
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vrrp.h"

#define SECOND 1000000
#define READY 200
#define UNREADY 46
#define SKEW 218750
#define DOWN 3218750
#define HOLD (60 * SECOND)
#define T0 (10 * SECOND)
#define SPACING VRRP_ANNOUNCE_SPACING_US
#define TEXT_SIZE 256

#define HOST(n)                                                                                    \
	{                                                                                          \
		.family = ADDR_FAMILY_IPV4, .bytes = { 10, 0, 0, n }                               \
	}
#define EV(t)                                                                                      \
	{                                                                                          \
		.type = VRRP_EVENT_##t                                                             \
	}
#define EV_ADVERT(p, host, cs)                                                                     \
	{                                                                                          \
		.type = VRRP_EVENT_ADVERT, .advert = {                                             \
			.source = HOST(host),                                                      \
			.interval_cs = (cs),                                                       \
			.priority = (p)                                                            \
		}                                                                                  \
	}
#define EV_PRIORITY(p)                                                                             \
	{                                                                                          \
		.type = VRRP_EVENT_PRIORITY, .priority = (p)                                       \
	}
#define EV_STEP_DOWN(us)                                                                           \
	{                                                                                          \
		.type = VRRP_EVENT_STEP_DOWN, .hold_us = (us)                                      \
	}
#define EV_FAULT(r)                                                                                \
	{                                                                                          \
		.type = VRRP_EVENT_FAULT, .fault = VRRP_REASON_##r                                 \
	}
#define EV_RECOVER(host)                                                                           \
	{                                                                                          \
		.type = VRRP_EVENT_RECOVER, .primary = HOST(host)                                  \
	}
#define EVENT(...) (&(struct vrrp_event)__VA_ARGS__)

static const struct vrrp_config defaults = {
	.preempt = VRRP_PREEMPT_HEALTH,
	.advert_int_cs = 100,
	.address_refresh_us = 2 * SECOND,
	.announce_refresh_us = 30 * SECOND,
};

static struct vrrp vr;
static struct vrrp_actions out;

static struct instant at(int64_t us)
{
	return (struct instant){us};
}

/* "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)" */
static const char *actions_text(void)
{
	static char text[TEXT_SIZE];
	size_t size = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < out.count; i++) {
		const struct vrrp_action *action = &out.list[i];
		const char *space = i == 0 ? "" : " ";
		char *end = text + size;
		size_t left = sizeof(text) - size;

		switch (action->type) {
		case VRRP_ACTION_SEND_ADVERT:
			snprintf(end, left, "%sSEND(%u)", space, action->priority);
			break;
		case VRRP_ACTION_ADD_ADDRESSES:
			snprintf(end, left, "%sADD", space);
			break;
		case VRRP_ACTION_REMOVE_ADDRESSES:
			snprintf(end, left, "%sREMOVE", space);
			break;
		case VRRP_ACTION_ANNOUNCE:
			snprintf(end, left, "%sANNOUNCE", space);
			break;
		case VRRP_ACTION_NOTIFY:
			snprintf(end, left, "%sNOTIFY(%s %s)", space,
				 vrrp_state_name(action->state), vrrp_reason_name(action->reason));
			break;
		}
		size = strlen(text);
	}
	return text;
}

/* The timers that are set, as microseconds from now: "adver+750000 refresh+1750000". */
static const char *timers_text(struct instant now)
{
	static char text[TEXT_SIZE];
	const struct {
		const char *name;
		struct instant t;
	} timers[] = {
		{"down", vr.active_down}, {"adver", vr.adver},	     {"handover", vr.handover},
		{"refresh", vr.refresh},  {"announce", vr.announce}, {"retry", vr.retry},
		{"hold", vr.hold_end},
	};
	size_t size = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		if (instant_is_never(timers[i].t))
			continue;
		snprintf(text + size, sizeof(text) - size, "%s%s%+lld", size == 0 ? "" : " ",
			 timers[i].name, (long long)instant_since(timers[i].t, now));
		size = strlen(text);
	}
	return text;
}

static const char *step(int64_t us, const struct vrrp_event *event)
{
	vrrp_step(&vr, at(us), event, &out);
	ck_assert_uint_le(out.count, VRRP_ACTIONS_MAX);
	return actions_text();
}

/* Every TIMEOUT that is due before us, each at its time. */
static void advance(int64_t us)
{
	for (int i = 0; vrrp_deadline(&vr).us < us; i++) {
		ck_assert_msg(i < 10000, "the deadline does not advance");
		step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT)));
	}
}

enum setup {
	NEW,	    /* vrrp_init() only */
	CONFIGURED, /* the interface is known, not started */
	WAITING,    /* started, no interface */
	STOPPED,    /* was Backup, SHUTDOWN */
	LINK_DOWN,  /* was Backup, FAULT */
	ADD_FAILED, /* was Active, FAULT */
	BACKUP,	    /* entered at T0 */
	UNREADY_BACKUP,
	HELD_BACKUP,   /* STEP_DOWN at T0, for HOLD */
	ACTIVE,	       /* took over at T0 */
	STEPPING_DOWN, /* Active for 250 ms, STEP_DOWN at T0 */
	SHUTTING_DOWN, /* Active for 250 ms, SHUTDOWN at T0 */
};

static void start_backup(const struct vrrp_config *config, uint8_t priority, int64_t us)
{
	vrrp_init(&vr, config, priority);
	step(us, EVENT(EV_RECOVER(2)));
	step(us, EVENT(EV(STARTUP)));
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
}

/* Active from us on. */
static void start_active(const struct vrrp_config *config, int64_t us)
{
	start_backup(config, READY, us - DOWN);
	step(us, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
}

static void set_up(enum setup setup, const struct vrrp_config *config)
{
	switch (setup) {
	case NEW:
		vrrp_init(&vr, config, READY);
		break;
	case CONFIGURED:
		vrrp_init(&vr, config, READY);
		step(T0, EVENT(EV_RECOVER(2)));
		break;
	case WAITING:
		vrrp_init(&vr, config, READY);
		step(T0, EVENT(EV(STARTUP)));
		break;
	case STOPPED:
		start_backup(config, READY, T0);
		step(T0, EVENT(EV(SHUTDOWN)));
		break;
	case LINK_DOWN:
		start_backup(config, READY, T0);
		step(T0, EVENT(EV_FAULT(LINK_DOWN)));
		break;
	case ADD_FAILED:
		start_active(config, T0);
		step(T0, EVENT(EV_FAULT(ADD_FAILED)));
		break;
	case BACKUP:
		start_backup(config, READY, T0);
		break;
	case UNREADY_BACKUP:
		start_backup(config, UNREADY, T0);
		break;
	case HELD_BACKUP:
		start_backup(config, READY, T0);
		step(T0, EVENT(EV_STEP_DOWN(HOLD)));
		break;
	case ACTIVE:
		start_active(config, T0);
		break;
	case STEPPING_DOWN:
		start_active(config, T0 - 250000);
		advance(T0);
		step(T0, EVENT(EV_STEP_DOWN(HOLD)));
		break;
	case SHUTTING_DOWN:
		start_active(config, T0 - 250000);
		advance(T0);
		step(T0, EVENT(EV(SHUTDOWN)));
		break;
	}
}

#define HEALTH VRRP_PREEMPT_HEALTH
#define ALWAYS VRRP_PREEMPT_ALWAYS
#define NEVER VRRP_PREEMPT_NEVER

/* What an Active 250 ms after taking over has running. */
#define ACTIVE_250 "adver+750000 refresh+1750000 announce+250000"
/* What an Active 200 ms after SHUTDOWN has running. */
#define LEAVING_200 "adver+550000 handover+800000 refresh+1550000"
#define HOLD_200 " hold+59800000"
#define TAKEOVER(why) "ADD ANNOUNCE SEND(200) NOTIFY(Active " why ")"
#define TAKEN_OVER "adver+1000000 refresh+2000000 announce+100000"

struct row {
	const char *name;
	enum setup setup;
	enum vrrp_preempt preempt;
	int64_t after_us; /* the event, counted from T0 */
	struct vrrp_event event;
	enum vrrp_state state;
	const char *actions;
	const char *timers;
};

static const struct row rows[] = {
	{"Initialize, new: STARTUP waits for the interface", NEW, HEALTH, 0, EV(STARTUP),
	 VRRP_STATE_INITIALIZE, "NOTIFY(Initialize no_interface)", ""},
	{"Initialize, new: RECOVER waits for STARTUP", NEW, HEALTH, 0, EV_RECOVER(2),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, new: TIMEOUT", NEW, HEALTH, 0, EV(TIMEOUT), VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, new: ADVERT", NEW, HEALTH, 0, EV_ADVERT(100, 3, 100), VRRP_STATE_INITIALIZE,
	 "", ""},
	{"Initialize, new: SHUTDOWN", NEW, HEALTH, 0, EV(SHUTDOWN), VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, new: PRIORITY", NEW, HEALTH, 0, EV_PRIORITY(UNREADY), VRRP_STATE_INITIALIZE,
	 "", ""},
	{"Initialize, new: ADDRESS_LOST", NEW, HEALTH, 0, EV(ADDRESS_LOST), VRRP_STATE_INITIALIZE,
	 "", ""},
	{"6.4.1: STARTUP", CONFIGURED, HEALTH, 0, EV(STARTUP), VRRP_STATE_BACKUP,
	 "NOTIFY(Backup startup)", "down+3218750"},
	{"Initialize, not started: FAULT", CONFIGURED, HEALTH, 0, EV_FAULT(LINK_DOWN),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, not started: ADVERT", CONFIGURED, HEALTH, 0, EV_ADVERT(0, 3, 100),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, not started: RECOVER", CONFIGURED, HEALTH, 0, EV_RECOVER(5),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, waiting: RECOVER", WAITING, HEALTH, SECOND, EV_RECOVER(2), VRRP_STATE_BACKUP,
	 "NOTIFY(Backup recovered)", "down+3218750"},
	{"Initialize, waiting: STARTUP again", WAITING, HEALTH, SECOND, EV(STARTUP),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, stopped: RECOVER does not start it", STOPPED, HEALTH, SECOND, EV_RECOVER(2),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, stopped: STARTUP", STOPPED, HEALTH, SECOND, EV(STARTUP), VRRP_STATE_BACKUP,
	 "NOTIFY(Backup startup)", "down+3218750"},
	{"Initialize, stopped: SHUTDOWN", STOPPED, HEALTH, SECOND, EV(SHUTDOWN),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, link down: RECOVER", LINK_DOWN, HEALTH, SECOND, EV_RECOVER(2),
	 VRRP_STATE_BACKUP, "NOTIFY(Backup recovered)", "down+3218750"},
	{"Initialize, link down: STARTUP", LINK_DOWN, HEALTH, SECOND, EV(STARTUP),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, link down: TIMEOUT", LINK_DOWN, HEALTH, 5 * SECOND, EV(TIMEOUT),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, link down: ADVERT", LINK_DOWN, HEALTH, SECOND, EV_ADVERT(50, 3, 100),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, link down: PRIORITY", LINK_DOWN, HEALTH, SECOND, EV_PRIORITY(UNREADY),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, link down: ADDRESS_LOST", LINK_DOWN, HEALTH, SECOND, EV(ADDRESS_LOST),
	 VRRP_STATE_INITIALIZE, "", ""},
	{"Initialize, link down: STEP_DOWN", LINK_DOWN, HEALTH, SECOND, EV_STEP_DOWN(HOLD),
	 VRRP_STATE_INITIALIZE, "", "hold+60000000"},
	{"Initialize, add failed: before the retry", ADD_FAILED, HEALTH, 999999, EV(TIMEOUT),
	 VRRP_STATE_INITIALIZE, "", "retry+1"},
	{"Initialize, add failed: the retry", ADD_FAILED, HEALTH, SECOND, EV(TIMEOUT),
	 VRRP_STATE_BACKUP, "NOTIFY(Backup recovered)", "down+3218750"},
	{"Initialize, add failed: ADVERT", ADD_FAILED, HEALTH, 400000, EV_ADVERT(220, 3, 100),
	 VRRP_STATE_INITIALIZE, "", "retry+600000"},
	{"Initialize, add failed: SHUTDOWN", ADD_FAILED, HEALTH, 400000, EV(SHUTDOWN),
	 VRRP_STATE_INITIALIZE, "", ""},

	{"Backup: STARTUP", BACKUP, HEALTH, SECOND, EV(STARTUP), VRRP_STATE_BACKUP, "",
	 "down+2218750"},
	{"6.4.2: Backup, SHUTDOWN", BACKUP, HEALTH, SECOND, EV(SHUTDOWN), VRRP_STATE_INITIALIZE,
	 "NOTIFY(Initialize shutdown)", ""},
	{"Backup: TIMEOUT before it is due", BACKUP, HEALTH, DOWN - 1, EV(TIMEOUT),
	 VRRP_STATE_BACKUP, "", "down+1"},
	{"6.4.2, ORDER: Active_Down_Timer", BACKUP, HEALTH, DOWN, EV(TIMEOUT), VRRP_STATE_ACTIVE,
	 TAKEOVER("active_down"), TAKEN_OVER},
	{"6.4.2: priority 0 sets the timer, later too", BACKUP, HEALTH, DOWN - 1000,
	 EV_ADVERT(0, 3, 100), VRRP_STATE_BACKUP, "", "down+218750"},
	{"6.4.2: priority 0 teaches no interval", BACKUP, HEALTH, SECOND, EV_ADVERT(0, 3, 50),
	 VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT health: lower, same band", BACKUP, HEALTH, SECOND, EV_ADVERT(180, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"PREEMPT health: lowest of the ready band", BACKUP, HEALTH, SECOND, EV_ADVERT(155, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"PREEMPT health: highest of the unready band", BACKUP, HEALTH, SECOND,
	 EV_ADVERT(154, 3, 100), VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT health: lower band", BACKUP, HEALTH, SECOND, EV_ADVERT(50, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT health: one leaving", BACKUP, HEALTH, SECOND, EV_ADVERT(1, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT health: the timer is nearer than the skew", BACKUP, HEALTH, DOWN - 1000,
	 EV_ADVERT(50, 3, 100), VRRP_STATE_BACKUP, "", "down+1000"},
	{"6.4.2: equal, lower address", BACKUP, HEALTH, SECOND, EV_ADVERT(READY, 1, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"6.4.2: equal, greater address", BACKUP, HEALTH, SECOND, EV_ADVERT(READY, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"6.4.2: higher", BACKUP, HEALTH, SECOND, EV_ADVERT(220, 3, 100), VRRP_STATE_BACKUP, "",
	 "down+3218750"},
	{"6.4.2: an owner", BACKUP, HEALTH, SECOND, EV_ADVERT(255, 3, 100), VRRP_STATE_BACKUP, "",
	 "down+3218750"},
	{"6.4.2: interval adopted, shorter", BACKUP, HEALTH, SECOND, EV_ADVERT(220, 3, 50),
	 VRRP_STATE_BACKUP, "", "down+1609375"},
	{"6.4.2: interval adopted, longer", BACKUP, HEALTH, SECOND, EV_ADVERT(READY, 3, 1000),
	 VRRP_STATE_BACKUP, "", "down+32187500"},
	{"6.4.2: interval adopted without preemption", BACKUP, HEALTH, SECOND,
	 EV_ADVERT(180, 3, 50), VRRP_STATE_BACKUP, "", "down+1609375"},
	{"PREEMPT: the interval of one preempted is not adopted", BACKUP, HEALTH, SECOND,
	 EV_ADVERT(50, 3, 1000), VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT always: lower is discarded", BACKUP, ALWAYS, SECOND, EV_ADVERT(180, 3, 50),
	 VRRP_STATE_BACKUP, "", "down+2218750"},
	{"PREEMPT always: lower band", BACKUP, ALWAYS, SECOND, EV_ADVERT(50, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT always: equal", BACKUP, ALWAYS, SECOND, EV_ADVERT(READY, 1, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"PREEMPT always: higher", BACKUP, ALWAYS, SECOND, EV_ADVERT(220, 1, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"PREEMPT always: priority 0", BACKUP, ALWAYS, SECOND, EV_ADVERT(0, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT never: lower, same band", BACKUP, NEVER, SECOND, EV_ADVERT(180, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3218750"},
	{"PREEMPT never: lower band", BACKUP, NEVER, SECOND, EV_ADVERT(50, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+218750"},
	{"PREEMPT never: higher", BACKUP, NEVER, SECOND, EV_ADVERT(220, 3, 100), VRRP_STATE_BACKUP,
	 "", "down+3218750"},
	{"Backup: PRIORITY up", UNREADY_BACKUP, HEALTH, SECOND, EV_PRIORITY(READY),
	 VRRP_STATE_BACKUP, "", "down+2820312"},
	{"Backup: PRIORITY down", BACKUP, HEALTH, SECOND, EV_PRIORITY(UNREADY), VRRP_STATE_BACKUP,
	 "", "down+2218750"},
	{"Backup: STEP_DOWN", BACKUP, HEALTH, SECOND, EV_STEP_DOWN(HOLD), VRRP_STATE_BACKUP, "",
	 "down+2218750 hold+60000000"},
	{"Backup: ADDRESS_LOST", BACKUP, HEALTH, SECOND, EV(ADDRESS_LOST), VRRP_STATE_BACKUP, "",
	 "down+2218750"},
	{"Backup: FAULT", BACKUP, HEALTH, SECOND, EV_FAULT(LINK_DOWN), VRRP_STATE_INITIALIZE,
	 "NOTIFY(Initialize link_down)", ""},
	{"Backup: RECOVER, another primary", BACKUP, HEALTH, SECOND, EV_RECOVER(5),
	 VRRP_STATE_BACKUP, "", "down+2218750"},

	{"Backup, unready: Active_Down_Timer", UNREADY_BACKUP, HEALTH, 3820312, EV(TIMEOUT),
	 VRRP_STATE_ACTIVE, "ADD ANNOUNCE SEND(46) NOTIFY(Active active_down)", TAKEN_OVER},
	{"Backup, unready: lower", UNREADY_BACKUP, HEALTH, SECOND, EV_ADVERT(40, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3820312"},
	{"Backup, unready: ready", UNREADY_BACKUP, HEALTH, SECOND, EV_ADVERT(180, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3820312"},
	{"Backup, unready, never: lower", UNREADY_BACKUP, NEVER, SECOND, EV_ADVERT(40, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3820312"},
	{"Backup, unready, always: lower", UNREADY_BACKUP, ALWAYS, SECOND, EV_ADVERT(40, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+2820312"},
	{"Backup, unready: priority 0", UNREADY_BACKUP, HEALTH, SECOND, EV_ADVERT(0, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+820312"},

	{"Backup, held: a ready one", HELD_BACKUP, HEALTH, SECOND, EV_ADVERT(220, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3996093 hold+59000000"},
	{"Backup, held: does not preempt", HELD_BACKUP, HEALTH, SECOND, EV_ADVERT(50, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+3996093 hold+59000000"},
	{"Backup, held, always: does not preempt", HELD_BACKUP, ALWAYS, SECOND,
	 EV_ADVERT(50, 3, 100), VRRP_STATE_BACKUP, "", "down+3996093 hold+59000000"},
	{"Backup, held: another one held", HELD_BACKUP, HEALTH, SECOND, EV_ADVERT(1, 1, 100),
	 VRRP_STATE_BACKUP, "", "down+3996093 hold+59000000"},
	{"Backup, held: priority 0", HELD_BACKUP, HEALTH, SECOND, EV_ADVERT(0, 3, 100),
	 VRRP_STATE_BACKUP, "", "down+996093 hold+59000000"},
	{"Backup, held: nobody else, at the lowest priority", HELD_BACKUP, HEALTH, DOWN,
	 EV(TIMEOUT), VRRP_STATE_ACTIVE, "ADD ANNOUNCE SEND(1) NOTIFY(Active active_down)",
	 TAKEN_OVER " hold+56781250"},
	{"Backup, held: SHUTDOWN", HELD_BACKUP, HEALTH, SECOND, EV(SHUTDOWN), VRRP_STATE_INITIALIZE,
	 "NOTIFY(Initialize shutdown)", "hold+59000000"},

	{"Active: STARTUP", ACTIVE, HEALTH, 250000, EV(STARTUP), VRRP_STATE_ACTIVE, "", ACTIVE_250},
	{"Active: TIMEOUT before it is due", ACTIVE, HEALTH, 250000, EV(TIMEOUT), VRRP_STATE_ACTIVE,
	 "", ACTIVE_250},
	{"HANDOVER: SHUTDOWN", ACTIVE, HEALTH, 250000, EV(SHUTDOWN), VRRP_STATE_ACTIVE, "SEND(1)",
	 "adver+750000 handover+1000000 refresh+1750000"},
	{"HANDOVER: STEP_DOWN", ACTIVE, HEALTH, 250000, EV_STEP_DOWN(HOLD), VRRP_STATE_ACTIVE,
	 "SEND(1)", "adver+750000 handover+1000000 refresh+1750000 hold+60000000"},
	{"6.4.3: Adver_Timer", ACTIVE, HEALTH, SECOND, EV(TIMEOUT), VRRP_STATE_ACTIVE, "SEND(200)",
	 "adver+1000000 refresh+1000000 announce+1000000"},
	{"ANNOUNCE: the second", ACTIVE, HEALTH, 100000, EV(TIMEOUT), VRRP_STATE_ACTIVE, "ANNOUNCE",
	 "adver+900000 refresh+1900000 announce+400000"},
	{"ORDER: lease, announcement and advert due together", ACTIVE, HEALTH, 2 * SECOND,
	 EV(TIMEOUT), VRRP_STATE_ACTIVE, "ADD ANNOUNCE SEND(200)",
	 "adver+1000000 refresh+2000000 announce+3000000"},
	{"6.4.3: priority 0", ACTIVE, HEALTH, 250000, EV_ADVERT(0, 3, 100), VRRP_STATE_ACTIVE,
	 "SEND(200)", "adver+1000000 refresh+1750000 announce+250000"},
	{"6.4.3: lower", ACTIVE, HEALTH, 250000, EV_ADVERT(180, 3, 100), VRRP_STATE_ACTIVE,
	 "SEND(200) ANNOUNCE", "adver+750000 refresh+1750000 announce+100000"},
	{"6.4.3: lower band", ACTIVE, HEALTH, 250000, EV_ADVERT(50, 3, 100), VRRP_STATE_ACTIVE,
	 "SEND(200) ANNOUNCE", "adver+750000 refresh+1750000 announce+100000"},
	{"6.4.3: equal, lower address", ACTIVE, HEALTH, 250000, EV_ADVERT(READY, 1, 100),
	 VRRP_STATE_ACTIVE, "SEND(200) ANNOUNCE", "adver+750000 refresh+1750000 announce+100000"},
	{"6.4.3: equal, its own address", ACTIVE, HEALTH, 250000, EV_ADVERT(READY, 2, 100),
	 VRRP_STATE_ACTIVE, "SEND(200) ANNOUNCE", "adver+750000 refresh+1750000 announce+100000"},
	{"6.4.3: equal, greater address", ACTIVE, HEALTH, 250000, EV_ADVERT(READY, 3, 100),
	 VRRP_STATE_BACKUP, "SEND(1) REMOVE NOTIFY(Backup higher_priority)", "down+3218750"},
	{"6.4.3: higher", ACTIVE, HEALTH, 250000, EV_ADVERT(201, 1, 100), VRRP_STATE_BACKUP,
	 "SEND(1) REMOVE NOTIFY(Backup higher_priority)", "down+3218750"},
	{"6.4.3: higher, interval adopted", ACTIVE, HEALTH, 250000, EV_ADVERT(220, 1, 50),
	 VRRP_STATE_BACKUP, "SEND(1) REMOVE NOTIFY(Backup higher_priority)", "down+1609375"},
	{"6.4.3: an owner", ACTIVE, HEALTH, 250000, EV_ADVERT(255, 1, 100), VRRP_STATE_BACKUP,
	 "SEND(1) REMOVE NOTIFY(Backup higher_priority)", "down+3218750"},
	{"6.4.3: Preempt_Mode plays no part, never", ACTIVE, NEVER, 250000, EV_ADVERT(220, 1, 100),
	 VRRP_STATE_BACKUP, "SEND(1) REMOVE NOTIFY(Backup higher_priority)", "down+3218750"},
	{"6.4.3: losing advert, always", ACTIVE, ALWAYS, 250000, EV_ADVERT(180, 3, 100),
	 VRRP_STATE_ACTIVE, "SEND(200) ANNOUNCE", "adver+750000 refresh+1750000 announce+100000"},
	{"Active: PRIORITY down", ACTIVE, HEALTH, 250000, EV_PRIORITY(UNREADY), VRRP_STATE_ACTIVE,
	 "SEND(46)", ACTIVE_250},
	{"Active: PRIORITY up", ACTIVE, HEALTH, 250000, EV_PRIORITY(210), VRRP_STATE_ACTIVE,
	 "SEND(210)", ACTIVE_250},
	{"Active: FAULT", ACTIVE, HEALTH, 250000, EV_FAULT(LINK_DOWN), VRRP_STATE_INITIALIZE,
	 "REMOVE NOTIFY(Initialize link_down)", ""},
	{"ORDER: ADD_FAILED", ACTIVE, HEALTH, 250000, EV_FAULT(ADD_FAILED), VRRP_STATE_INITIALIZE,
	 "REMOVE NOTIFY(Initialize add_failed)", "retry+1000000"},
	{"Active: SEND_FAILED", ACTIVE, HEALTH, 250000, EV_FAULT(SEND_FAILED),
	 VRRP_STATE_INITIALIZE, "REMOVE NOTIFY(Initialize send_failed)", "retry+1000000"},
	{"Active: RECOVER, the same primary", ACTIVE, HEALTH, 250000, EV_RECOVER(2),
	 VRRP_STATE_ACTIVE, "", ACTIVE_250},
	{"ANNOUNCE: RECOVER, another primary", ACTIVE, HEALTH, 250000, EV_RECOVER(5),
	 VRRP_STATE_ACTIVE, "ANNOUNCE SEND(200)", "adver+750000 refresh+1750000 announce+100000"},

	{"HANDOVER: STARTUP", SHUTTING_DOWN, HEALTH, 200000, EV(STARTUP), VRRP_STATE_ACTIVE, "",
	 LEAVING_200},
	{"HANDOVER: the second SHUTDOWN", SHUTTING_DOWN, HEALTH, 200000, EV(SHUTDOWN),
	 VRRP_STATE_INITIALIZE, "SEND(0) REMOVE NOTIFY(Initialize shutdown)", ""},
	{"HANDOVER: Adver_Timer", SHUTTING_DOWN, HEALTH, 750000, EV(TIMEOUT), VRRP_STATE_ACTIVE,
	 "SEND(1)", "adver+1000000 handover+250000 refresh+1000000"},
	{"HANDOVER: nobody took over, shutdown", SHUTTING_DOWN, HEALTH, SECOND, EV(TIMEOUT),
	 VRRP_STATE_INITIALIZE, "SEND(0) REMOVE NOTIFY(Initialize shutdown)", ""},
	{"HANDOVER: nobody took over, step-down", STEPPING_DOWN, HEALTH, SECOND, EV(TIMEOUT),
	 VRRP_STATE_BACKUP, "SEND(0) REMOVE NOTIFY(Backup step_down)",
	 "down+3996093 hold+59000000"},
	{"HANDOVER: better, shutdown", SHUTTING_DOWN, HEALTH, 200000, EV_ADVERT(30, 3, 100),
	 VRRP_STATE_INITIALIZE, "REMOVE NOTIFY(Initialize shutdown)", ""},
	{"HANDOVER: better, step-down", STEPPING_DOWN, HEALTH, 200000, EV_ADVERT(180, 3, 100),
	 VRRP_STATE_BACKUP, "REMOVE NOTIFY(Backup step_down)", "down+3996093" HOLD_200},
	{"HANDOVER: better, step-down, interval adopted", STEPPING_DOWN, HEALTH, 200000,
	 EV_ADVERT(180, 3, 50), VRRP_STATE_BACKUP, "REMOVE NOTIFY(Backup step_down)",
	 "down+1998046" HOLD_200},
	{"HANDOVER: an owner", STEPPING_DOWN, HEALTH, 200000, EV_ADVERT(255, 3, 100),
	 VRRP_STATE_BACKUP, "REMOVE NOTIFY(Backup step_down)", "down+3996093" HOLD_200},
	{"HANDOVER: another one leaving, lower address", SHUTTING_DOWN, HEALTH, 200000,
	 EV_ADVERT(1, 1, 100), VRRP_STATE_ACTIVE, "", LEAVING_200},
	{"HANDOVER: another one leaving, greater address", STEPPING_DOWN, HEALTH, 200000,
	 EV_ADVERT(1, 3, 100), VRRP_STATE_ACTIVE, "", LEAVING_200 HOLD_200},
	{"HANDOVER: priority 0", SHUTTING_DOWN, HEALTH, 200000, EV_ADVERT(0, 3, 100),
	 VRRP_STATE_ACTIVE, "SEND(1)", "adver+1000000 handover+800000 refresh+1550000"},
	{"HANDOVER: STEP_DOWN does not put it off", SHUTTING_DOWN, HEALTH, 200000,
	 EV_STEP_DOWN(HOLD), VRRP_STATE_ACTIVE, "", LEAVING_200 " hold+60000000"},
	{"HANDOVER: a second STEP_DOWN does not put it off", STEPPING_DOWN, HEALTH, 200000,
	 EV_STEP_DOWN(HOLD), VRRP_STATE_ACTIVE, "", LEAVING_200 " hold+60000000"},
	{"HANDOVER: FAULT, shutdown", SHUTTING_DOWN, HEALTH, 200000, EV_FAULT(LINK_DOWN),
	 VRRP_STATE_INITIALIZE, "REMOVE NOTIFY(Initialize link_down)", ""},
	{"HANDOVER: FAULT, step-down", STEPPING_DOWN, HEALTH, 200000, EV_FAULT(LINK_DOWN),
	 VRRP_STATE_INITIALIZE, "REMOVE NOTIFY(Initialize link_down)", "hold+59800000"},
	{"HANDOVER: ADD_FAILED, shutdown, is not tried again", SHUTTING_DOWN, HEALTH, 200000,
	 EV_FAULT(ADD_FAILED), VRRP_STATE_INITIALIZE, "REMOVE NOTIFY(Initialize add_failed)", ""},
	{"HANDOVER: RECOVER, another primary", SHUTTING_DOWN, HEALTH, 200000, EV_RECOVER(5),
	 VRRP_STATE_ACTIVE, "SEND(1)", "adver+550000 handover+800000 refresh+1550000"},
};

START_TEST(test_row)
{
	const struct row *row = &rows[_i];
	struct vrrp_config config = defaults;
	const char *actions;

	config.preempt = row->preempt;
	set_up(row->setup, &config);
	advance(T0 + row->after_us);
	actions = step(T0 + row->after_us, &row->event);
	ck_assert_msg(vr.state == row->state, "%s: %s", row->name, vrrp_state_name(vr.state));
	ck_assert_msg(strcmp(actions, row->actions) == 0, "%s: \"%s\" instead of \"%s\"", row->name,
		      actions, row->actions);
	ck_assert_msg(strcmp(timers_text(at(T0 + row->after_us)), row->timers) == 0,
		      "%s: \"%s\" instead of \"%s\"", row->name,
		      timers_text(at(T0 + row->after_us)), row->timers);
}
END_TEST

static void advert(int64_t us, uint8_t priority)
{
	step(us, &(struct vrrp_event)EV_ADVERT(priority, 3, 100));
}

/* TIMEOUT until the state is the one asked for. */
static void run_until(enum vrrp_state state)
{
	for (int i = 0; vr.state != state; i++) {
		ck_assert_int_lt(i, 1000);
		step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT)));
	}
}

START_TEST(test_numbers)
{
	static const struct {
		uint8_t priority;
		uint16_t interval_cs;
		int64_t skew_us, down_us;
	} numbers[] = {
		{200, 100, 218750, 3218750},	{254, 1, 78, 30078},
		{100, 100, 609375, 3609375},	{255 - 154, 25, 151367, 901367},
		{1, 4095, 40790039, 163640039}, {128, 4095, 20475000, 143325000},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct vrrp_config config = defaults;

		config.advert_int_cs = numbers[i].interval_cs;
		start_backup(&config, numbers[i].priority, T0);
		ck_assert_int_eq(vrrp_skew_time_us(&vr), numbers[i].skew_us);
		ck_assert_int_eq(vrrp_active_down_interval_us(&vr), numbers[i].down_us);
		ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + numbers[i].down_us);
	}
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(vrrp_state_name(VRRP_STATE_INITIALIZE), "Initialize");
	ck_assert_str_eq(vrrp_state_name(VRRP_STATE_BACKUP), "Backup");
	ck_assert_str_eq(vrrp_state_name(VRRP_STATE_ACTIVE), "Active");
	ck_assert_str_eq(vrrp_reason_name(VRRP_REASON_STARTUP), "startup");
	ck_assert_str_eq(vrrp_reason_name(VRRP_REASON_SEND_FAILED), "send_failed");
	for (int i = 0; i < VRRP_REASON_COUNT; i++) {
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(vrrp_reason_name((enum vrrp_reason)i),
					 vrrp_reason_name((enum vrrp_reason)j));
	}
}
END_TEST

/* PREEMPT: the repeated adverts of an unready Active do not put the takeover off. */
START_TEST(test_preempt_is_not_postponed)
{
	set_up(BACKUP, &defaults);
	for (int64_t us = T0 + SECOND; us < T0 + SECOND + SKEW; us += 50000) {
		advert(us, 50);
		ck_assert_int_eq(vr.active_down.us, T0 + SECOND + SKEW);
	}
	ck_assert_str_eq(step(T0 + SECOND + SKEW, EVENT(EV(TIMEOUT))), TAKEOVER("active_unready"));
}
END_TEST

/* PREEMPT: why the timer fires follows what was heard last. */
START_TEST(test_takeover_reason)
{
	struct vrrp_config config = defaults;

	set_up(BACKUP, &defaults);
	advert(T0, 0);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_STOPPED);

	set_up(BACKUP, &defaults);
	advert(T0, 50);
	advert(T0 + 1, 180);
	ck_assert_int_eq(vr.active_down.us, T0 + 1 + DOWN);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_DOWN);

	set_up(BACKUP, &defaults);
	advert(T0, 0);
	advert(T0 + 1, 180);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_DOWN);

	config.preempt = ALWAYS;
	set_up(BACKUP, &config);
	advert(T0 + SECOND, 180);
	advert(T0 + 2 * SECOND, 180);
	advert(T0 + 3 * SECOND, 180);
	ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + DOWN);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_ACTIVE_LOWER);
}
END_TEST

/* PREEMPT: preempt_delay counts from becoming ready, for bands and for `always`. */
START_TEST(test_preempt_delay)
{
	struct vrrp_config config = defaults;
	static const struct {
		enum vrrp_preempt preempt;
		uint8_t priority;
	} cases[] = {{HEALTH, 50}, {NEVER, 50}, {ALWAYS, 50}, {ALWAYS, 180}};

	config.preempt_delay_us = 5 * SECOND;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t before;

		config.preempt = cases[i].preempt;
		start_backup(&config, UNREADY, T0);
		advert(T0 + 900000, 180);
		step(T0 + SECOND, EVENT(EV_PRIORITY(READY)));
		for (int64_t us = T0 + SECOND; us < T0 + 6 * SECOND; us += 900000) {
			advert(us, cases[i].priority);
			ck_assert_int_eq(vr.active_down.us, us + DOWN);
		}
		/* A change of the number within the band is no becoming ready. */
		step(T0 + 5900000, EVENT(EV_PRIORITY(210)));
		step(T0 + 5900000, EVENT(EV_PRIORITY(READY)));
		before = vr.active_down.us;
		advert(T0 + 6 * SECOND, cases[i].priority);
		ck_assert_int_eq(vr.active_down.us,
				 cases[i].priority == 180 ? before : T0 + 6 * SECOND + SKEW);
	}
}
END_TEST

START_TEST(test_preempt_delay_from_start)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 5 * SECOND;
	start_backup(&config, READY, T0);
	for (int64_t us = T0 + SECOND; us < T0 + 5 * SECOND; us += SECOND) {
		advert(us, 50);
		ck_assert_int_eq(vr.active_down.us, us + DOWN);
	}
	advert(T0 + 5 * SECOND, 50);
	ck_assert_int_eq(vr.active_down.us, T0 + 5 * SECOND + SKEW);
}
END_TEST

START_TEST(test_preempt_delay_counts_anew)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 5 * SECOND;
	start_backup(&config, READY, T0);
	advert(T0 + 2 * SECOND, 220);
	step(T0 + 4 * SECOND, EVENT(EV_PRIORITY(UNREADY)));
	advert(T0 + 4 * SECOND, 220);
	step(T0 + 4500000, EVENT(EV_PRIORITY(READY)));
	advert(T0 + 6 * SECOND, 50);
	ck_assert_int_eq(vr.active_down.us, T0 + 6 * SECOND + DOWN);
}
END_TEST

/* preempt_delay puts off preemption only, not the takeover from one that is gone. */
START_TEST(test_preempt_delay_is_for_preemption)
{
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 50 * SECOND;
	set_up(BACKUP, &config);
	ck_assert_str_eq(step(T0 + DOWN, EVENT(EV(TIMEOUT))), TAKEOVER("active_down"));

	set_up(BACKUP, &config);
	advert(T0 + SECOND, 0);
	ck_assert_str_eq(step(T0 + SECOND + SKEW, EVENT(EV(TIMEOUT))), TAKEOVER("active_stopped"));
}
END_TEST

/* Of two that speak, the ready one is the Active: what the one on its way out says moves nothing.
 */
START_TEST(test_unready_beside_a_ready_active)
{
	struct vrrp_event ready = EV_ADVERT(READY, 2, 100);
	struct vrrp_event unready = EV_ADVERT(UNREADY, 3, 100);
	struct instant before;

	set_up(BACKUP, &defaults);
	step(T0 + SECOND, &ready);
	before = vr.active_down;
	step(T0 + SECOND + 1000, &unready);
	ck_assert_int_eq(vr.active_down.us, before.us);
	ck_assert_int_eq(vr.takeover_reason, VRRP_REASON_ACTIVE_DOWN);

	/* The Active itself that becomes unready is preempted after Skew_Time. */
	unready.advert.source = ready.advert.source;
	step(T0 + SECOND + 2000, &unready);
	ck_assert_int_eq(vr.active_down.us, T0 + SECOND + 2000 + vrrp_skew_time_us(&vr));
}
END_TEST

/* Nor is it followed while preempt_delay runs, or by an unready Backup, until three intervals have
 * passed without the ready one: then it may have taken over from that one. */
START_TEST(test_unready_is_not_followed_beside_a_ready_active)
{
	struct vrrp_event ready = EV_ADVERT(READY, 2, 100);
	struct vrrp_event unready = EV_ADVERT(UNREADY, 3, 50);
	struct vrrp_config config = defaults;

	config.preempt_delay_us = 50 * SECOND;
	for (int i = 0; i < 2; i++) {
		int64_t down_us = i == 0 ? DOWN : 3820312;

		set_up(i == 0 ? BACKUP : UNREADY_BACKUP, &config);
		step(T0 + SECOND, &ready);
		step(T0 + 4 * SECOND - 1, &unready);
		ck_assert_int_eq(vr.active_down.us, T0 + SECOND + down_us);
		ck_assert_int_eq(vr.active_priority, READY);
		step(T0 + 4 * SECOND, &unready);
		ck_assert_int_eq(vr.active_down.us, T0 + 4 * SECOND + down_us / 2);
		ck_assert_int_eq(vr.active_priority, UNREADY);
	}
}
END_TEST

/* The ready Active that stops is nobody to be beside. */
START_TEST(test_unready_after_a_ready_active)
{
	struct vrrp_event unready = EV_ADVERT(UNREADY, 4, 50);

	set_up(UNREADY_BACKUP, &defaults);
	advert(T0 + SECOND, READY);
	advert(T0 + SECOND + 1000, 0);
	step(T0 + SECOND + 2000, &unready);
	ck_assert_int_eq(vr.active_down.us, T0 + SECOND + 2000 + 3820312 / 2);

	/* Nor is one that has said that it is unready too. */
	set_up(BACKUP, &defaults);
	advert(T0 + SECOND, READY);
	advert(T0 + SECOND + 1000, UNREADY);
	step(T0 + SECOND + 1500, EVENT(EV_PRIORITY(UNREADY)));
	step(T0 + SECOND + 2000, &unready);
	ck_assert_int_eq(vr.active_down.us, T0 + SECOND + 2000 + 3820312 / 2);
}
END_TEST

/*
 * When everyone is unready the VIP stays where it is: a takeover that was under way because the
 * Active was unready is called off when this router becomes unready or steps down itself.
 */
START_TEST(test_preemption_called_off)
{
	static const struct vrrp_event why[] = {EV_PRIORITY(UNREADY), EV_STEP_DOWN(HOLD)};

	for (size_t i = 0; i < 2; i++) {
		set_up(BACKUP, &defaults);
		advert(T0 + SECOND, 50);
		step(T0 + SECOND + 100000, &why[i]);
		advance(T0 + 2 * SECOND);
		ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
		advert(T0 + 2 * SECOND, 50);
		advance(T0 + 3 * SECOND);
		ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	}
}
END_TEST

/* `always`: the same for one whose priority was lower, also when it is no longer `always`. */
START_TEST(test_preemption_of_a_lower_one_called_off)
{
	static const struct vrrp_event why[] = {EV_PRIORITY(UNREADY), EV_STEP_DOWN(HOLD)};
	struct vrrp_config always = defaults;

	always.preempt = ALWAYS;
	for (size_t i = 0; i < 3; i++) {
		set_up(BACKUP, &always);
		advert(T0 + SECOND, 180);
		advert(T0 + 2 * SECOND, 180);
		advert(T0 + 3 * SECOND, 180);
		if (i < 2)
			step(T0 + 3 * SECOND + 100000, &why[i]);
		else
			vrrp_reconfigure(&vr, at(T0 + 3 * SECOND + 100000), &defaults);
		ck_assert_int_eq(vr.active_down.us,
				 T0 + 3 * SECOND + 100000 + vrrp_active_down_interval_us(&vr));
		ck_assert_int_eq(vr.takeover_reason, VRRP_REASON_ACTIVE_DOWN);
	}

	/* Who has become better goes on. */
	set_up(BACKUP, &always);
	advert(T0 + SECOND, 180);
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(READY)));
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(254)));
	ck_assert_int_eq(vr.active_down.us, T0 + DOWN);
	ck_assert_int_eq(vr.takeover_reason, VRRP_REASON_ACTIVE_LOWER);

	/* A reload of anything else leaves it as it is. */
	set_up(BACKUP, &always);
	advert(T0 + SECOND, 180);
	always.preempt_delay_us = SECOND;
	vrrp_reconfigure(&vr, at(T0 + 2 * SECOND), &always);
	ck_assert_int_eq(vr.active_down.us, T0 + DOWN);
	ck_assert_int_eq(vr.takeover_reason, VRRP_REASON_ACTIVE_LOWER);
}
END_TEST

/* HANDOVER: lowest until the hold ends, then as before. */
START_TEST(test_hold_ends)
{
	set_up(HELD_BACKUP, &defaults);
	for (int64_t us = T0 + SECOND; us < T0 + HOLD; us += SECOND) {
		advance(us);
		ck_assert_uint_eq(vrrp_priority(&vr), VRRP_PRIORITY_LEAVING);
		advert(us, 50);
		ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	}
	advance(T0 + HOLD + 1);
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
	ck_assert(instant_is_never(vr.hold_end));
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	advert(T0 + HOLD + 1, 50);
	ck_assert_int_eq(vr.active_down.us, T0 + HOLD + 1 + SKEW);
}
END_TEST

/* A lone node that steps down takes the VIP again, and says its priority when the hold ends. */
START_TEST(test_hold_ends_while_active)
{
	uint8_t last = 0;

	set_up(STEPPING_DOWN, &defaults);
	run_until(VRRP_STATE_BACKUP);
	run_until(VRRP_STATE_ACTIVE);
	while (vrrp_deadline(&vr).us <= T0 + HOLD + SECOND) {
		int64_t us = vrrp_deadline(&vr).us;

		step(us, EVENT(EV(TIMEOUT)));
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		for (unsigned i = 0; i < out.count; i++) {
			if (out.list[i].type == VRRP_ACTION_SEND_ADVERT)
				last = out.list[i].priority;
		}
		if (us < T0 + HOLD && last != 0)
			ck_assert_uint_eq(last, VRRP_PRIORITY_LEAVING);
	}
	ck_assert_uint_eq(last, READY);
}
END_TEST

/* HANDOVER: whatever happens, one that leaves does not claim the role again. */
START_TEST(test_leaving_stays_lowest)
{
	static const enum setup setups[] = {STEPPING_DOWN, SHUTTING_DOWN};

	for (size_t i = 0; i < 2; i++) {
		set_up(setups[i], &defaults);
		step(T0 + 1000, EVENT(EV_PRIORITY(UNREADY)));
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert_ptr_null(strstr(actions_text(), "SEND(46)"));
		step(T0 + 2000, EVENT(EV_PRIORITY(READY)));
		ck_assert_ptr_null(strstr(actions_text(), "SEND(200)"));
		ck_assert_uint_eq(vrrp_priority(&vr), VRRP_PRIORITY_LEAVING);
		ck_assert_int_eq(vr.handover.us, T0 + SECOND);
	}
}
END_TEST

START_TEST(test_shutdown_during_step_down)
{
	set_up(STEPPING_DOWN, &defaults);
	step(T0 + 200000, EVENT(EV(SHUTDOWN)));
	if (vr.state == VRRP_STATE_ACTIVE)
		run_until(VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_SHUTDOWN);
	ck_assert(!vr.started);
	ck_assert_ptr_nonnull(strstr(actions_text(), "SEND(0) REMOVE NOTIFY"));
}
END_TEST

/* HANDOVER: one advertisement interval is our own, the one the others were told. */
START_TEST(test_handover_waits_its_own_interval)
{
	start_backup(&defaults, READY, 0);
	step(SECOND, &(struct vrrp_event)EV_ADVERT(220, 3, 1000));
	run_until(VRRP_STATE_ACTIVE);
	step(60 * SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert_int_eq(vr.handover.us, 61 * SECOND);
}
END_TEST

static unsigned announcements(int64_t until_us, int64_t *ret_times, unsigned max)
{
	unsigned count = 0;

	while (vrrp_deadline(&vr).us <= until_us) {
		int64_t us = vrrp_deadline(&vr).us;

		step(us, EVENT(EV(TIMEOUT)));
		for (unsigned i = 0; i < out.count; i++) {
			if (out.list[i].type == VRRP_ACTION_ANNOUNCE && count < max)
				ret_times[count++] = us;
		}
	}
	return count;
}

START_TEST(test_announce_schedule)
{
	static const int64_t schedule[] = {100000,	500000,	     2 * SECOND, 5 * SECOND,
					   35 * SECOND, 65 * SECOND, 95 * SECOND};
	int64_t times[10];
	struct vrrp_config config = defaults;
	unsigned count;

	set_up(ACTIVE, &defaults);
	ck_assert_str_eq(actions_text(), TAKEOVER("active_down"));
	count = announcements(T0 + 100 * SECOND, times, 10);
	ck_assert_uint_eq(count, 7);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(times[i], T0 + schedule[i]);

	config.announce_refresh_us = 0;
	set_up(ACTIVE, &config);
	count = announcements(T0 + 100 * SECOND, times, 10);
	ck_assert_uint_eq(count, 4);
}
END_TEST

/* ANNOUNCE: a losing advert, another primary, a lost address begin the schedule again. */
START_TEST(test_announce_schedule_restarts)
{
	static const struct vrrp_event why[] = {EV_ADVERT(180, 3, 100), EV_RECOVER(7),
						EV(ADDRESS_LOST)};
	static const int64_t schedule[] = {100000, 500000, 2 * SECOND, 5 * SECOND, 35 * SECOND};
	const int64_t start = T0 + 10300000;

	for (size_t i = 0; i < 3; i++) {
		int64_t times[10];

		set_up(ACTIVE, &defaults);
		advance(start);
		step(start, &why[i]);
		if (why[i].type == VRRP_EVENT_ADDRESS_LOST)
			step(start, EVENT(EV(TIMEOUT)));
		ck_assert_ptr_nonnull(strstr(actions_text(), "ANNOUNCE"));
		ck_assert_uint_eq(announcements(start + 40 * SECOND, times, 10), 5);
		for (unsigned j = 0; j < 5; j++)
			ck_assert_int_eq(times[j], start + schedule[j]);
	}
}
END_TEST

START_TEST(test_announce_spacing)
{
	const int64_t first = T0 + 600000;

	set_up(ACTIVE, &defaults);
	advance(first);
	advert(first, 180);
	ck_assert_str_eq(actions_text(), "SEND(200) ANNOUNCE");
	advert(first + SPACING / 5, 180);
	ck_assert_str_eq(actions_text(), "SEND(200)");
	advert(first + SPACING - 1, 180);
	ck_assert_str_eq(actions_text(), "SEND(200)");
	ck_assert_int_eq(vrrp_deadline(&vr).us, first + SPACING);
	ck_assert_str_eq(step(first + SPACING, EVENT(EV(TIMEOUT))), "ANNOUNCE");
}
END_TEST

/* A storm of losing adverts neither multiplies announcements nor keeps them back. */
START_TEST(test_announce_storm)
{
	unsigned count = 0;

	set_up(ACTIVE, &defaults);
	for (int64_t us = T0 + SPACING / 20; us < T0 + 100 * SPACING; us += SPACING / 10) {
		while (vrrp_deadline(&vr).us <= us) {
			step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT)));
			count += strstr(actions_text(), "ANNOUNCE") != NULL;
		}
		advert(us, 180);
		count += strstr(actions_text(), "ANNOUNCE") != NULL;
	}
	ck_assert_uint_le(count, 100);
	ck_assert_uint_ge(count, 90);
}
END_TEST

START_TEST(test_lease_refresh_alone)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 1500000;
	set_up(ACTIVE, &config);
	advance(T0 + 1500000);
	ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + 1500000);
	ck_assert_str_eq(step(T0 + 1500000, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_int_eq(vr.refresh.us, T0 + 3 * SECOND);

	config.address_refresh_us = 0;
	set_up(ACTIVE, &config);
	ck_assert(instant_is_never(vr.refresh));
}
END_TEST

/* RECONCILE: added and announced at the next TIMEOUT, which is due at once; who leaves is silent.
 */
START_TEST(test_address_lost)
{
	static const enum setup setups[] = {ACTIVE, STEPPING_DOWN, SHUTTING_DOWN};

	for (size_t i = 0; i < 3; i++) {
		set_up(setups[i], &defaults);
		advance(T0 + 220000);
		ck_assert_str_eq(step(T0 + 220000, EVENT(EV(ADDRESS_LOST))), "");
		ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + 220000);
		ck_assert_str_eq(step(T0 + 220000, EVENT(EV(TIMEOUT))),
				 i == 0 ? "ADD ANNOUNCE" : "ADD");
		ck_assert_int_eq(vr.refresh.us, T0 + 2220000);
		ck_assert_int_eq(vr.announce.us, i == 0 ? T0 + 320000 : INSTANT_NEVER.us);
	}
}
END_TEST

/* The address does not wait for the spacing of announcements. */
START_TEST(test_address_lost_early)
{
	const int64_t announced = T0 + 100000;
	const int64_t lost = announced + SPACING / 2;

	set_up(ACTIVE, &defaults);
	advance(lost);
	step(lost, EVENT(EV(ADDRESS_LOST)));
	ck_assert_str_eq(step(lost, EVENT(EV(TIMEOUT))), "ADD");
	ck_assert_int_eq(vrrp_deadline(&vr).us, announced + SPACING);
	ck_assert_str_eq(step(announced + SPACING, EVENT(EV(TIMEOUT))), "ANNOUNCE");
}
END_TEST

/* 6.4.3-9, fixed cadence: what a turn is late by does not add up. */
START_TEST(test_cadence)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 0;
	set_up(ACTIVE, &config);
	advance(T0 + 6 * SECOND + 1);
	for (int i = 7; i < 20; i++) {
		ck_assert_str_eq(step(T0 + i * SECOND + 30000, EVENT(EV(TIMEOUT))), "SEND(200)");
		ck_assert_int_eq(vr.adver.us, T0 + (i + 1) * SECOND);
	}
	step(T0 + 20900000, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.adver.us, T0 + 21 * SECOND);
	/* Later than an interval: no burst to catch up. */
	ck_assert_str_eq(step(T0 + 22100000, EVENT(EV(TIMEOUT))), "SEND(200)");
	ck_assert_int_eq(vr.adver.us, T0 + 23100000);
}
END_TEST

/* SOCKETS FIRST: one that overslept and hears nobody stays, with everything anew. */
START_TEST(test_overslept_alone)
{
	struct vrrp_config config = defaults;

	config.address_refresh_us = 0;
	config.announce_refresh_us = 0;
	set_up(ACTIVE, &config);
	advance(T0 + 10 * SECOND);
	ck_assert_str_eq(step(T0 + 10 * SECOND + DOWN - SECOND - 1000, EVENT(EV(TIMEOUT))),
			 "SEND(200)");

	set_up(ACTIVE, &config);
	advance(T0 + 10 * SECOND);
	ck_assert_str_eq(step(T0 + 10 * SECOND + DOWN - SECOND + 1000, EVENT(EV(TIMEOUT))),
			 "ADD ANNOUNCE SEND(200)");
	ck_assert_str_eq(timers_text(at(T0 + 10 * SECOND + DOWN - SECOND + 1000)),
			 "adver+1000000 announce+100000");

	set_up(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	step(T0 + 50 * SECOND, EVENT(EV(TIMEOUT)));
	ck_assert_str_eq(timers_text(at(T0 + 50 * SECOND)), TAKEN_OVER);
}
END_TEST

/* SOCKETS FIRST: one that overslept and hears another Active lets go, whatever its priority. */
START_TEST(test_overslept_and_another_active)
{
	set_up(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	advert(T0 + 10 * SECOND + DOWN - SECOND - 1000, 180);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);

	set_up(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	advert(T0 + 10 * SECOND + DOWN - SECOND + 1000, 180);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");
	ck_assert_str_eq(timers_text(at(T0 + 10 * SECOND + DOWN - SECOND + 1000)), "down+3218750");

	set_up(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	step(T0 + 10 * SECOND + DOWN - SECOND + 1000, EVENT(EV_ADVERT(READY, 1, 50)));
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");
	ck_assert_str_eq(timers_text(at(T0 + 10 * SECOND + DOWN - SECOND + 1000)), "down+1609375");

	/* A better one does not hear a last word either: it has been the Active for long. */
	set_up(ACTIVE, &defaults);
	advert(T0 + 50 * SECOND, 220);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");

	/* One that leaves has been there all the same. */
	set_up(STEPPING_DOWN, &defaults);
	advert(T0 + 50 * SECOND, VRRP_PRIORITY_LEAVING);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");
}
END_TEST

/* SOCKETS FIRST: one that overslept says nothing before it has listened, whatever it learns first.
 */
START_TEST(test_overslept_says_nothing)
{
	static const struct vrrp_event what[] = {EV_PRIORITY(254), EV_RECOVER(5),
						 EV_ADVERT(0, 1, 100)};
	struct vrrp_config other = defaults;

	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		set_up(ACTIVE, &defaults);
		advance(T0 + 10 * SECOND);
		step(T0 + 20 * SECOND, &what[i]);
		ck_assert_str_eq(actions_text(), "");
		/* Nobody was heard. */
		step(T0 + 20 * SECOND, EVENT(EV(TIMEOUT)));
		ck_assert_str_eq(actions_text(),
				 i == 0 ? "ADD ANNOUNCE SEND(254)" : "ADD ANNOUNCE SEND(200)");
	}

	/* Told to leave it does, but is not awake: whoever is heard has taken over. */
	set_up(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	step(T0 + 20 * SECOND, &(struct vrrp_event)EV(SHUTDOWN));
	ck_assert_str_eq(actions_text(), "SEND(1)");
	advert(T0 + 20 * SECOND, 1);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Initialize shutdown)");

	/* A reload to a longer interval does not wake it: the others did not count with that. */
	other.advert_int_cs = 4000;
	set_up(ACTIVE, &defaults);
	advance(T0 + 10 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &other);
	step(T0 + 20 * SECOND, EVENT(EV_PRIORITY(254)));
	ck_assert_str_eq(actions_text(), "");
	advert(T0 + 20 * SECOND, 180);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");

	/* Nor does one to a shorter interval mean that it slept. */
	other.advert_int_cs = 10;
	set_up(ACTIVE, &defaults);
	vrrp_reconfigure(&vr, at(T0 + 2 * SECOND), &other);
	step(T0 + 2 * SECOND, EVENT(EV_PRIORITY(254)));
	ck_assert_str_eq(actions_text(), "SEND(254)");
	/* But the others count from that advert on with the interval that it carried: three and the
	 * skew of a priority of 254. */
	advert(T0 + 2 * SECOND + 300780, 180);
	ck_assert_str_eq(actions_text(), "SEND(254) ANNOUNCE");
	advert(T0 + 2 * SECOND + 300780 + 300781, 180);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");

	/* And one that changes nothing changes nothing. */
	set_up(ACTIVE, &defaults);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert_int_eq(vr.adver.us, T0 + SECOND);
}
END_TEST

/* The others follow the interval that this Active announces, not the one it once learned. */
START_TEST(test_overslept_by_its_own_interval)
{
	start_backup(&defaults, READY, 0);
	step(SECOND, &(struct vrrp_event)EV_ADVERT(220, 3, 1000));
	run_until(VRRP_STATE_ACTIVE);
	advance(100 * SECOND);
	advert(vr.adver.us + DOWN - SECOND + 1000, 180);
	ck_assert_str_eq(actions_text(), "REMOVE NOTIFY(Backup overslept)");
}
END_TEST

/* A retry is not made while something else keeps the router in Initialize. */
START_TEST(test_retry_waits_for_the_link)
{
	set_up(ADD_FAILED, &defaults);
	step(T0 + 500000, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + SECOND, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_LINK_DOWN);
	ck_assert_str_eq(step(T0 + 5 * SECOND, EVENT(EV_RECOVER(2))), "NOTIFY(Backup recovered)");
}
END_TEST

/* ORDER, however late the turn is. */
START_TEST(test_late_takeover)
{
	set_up(BACKUP, &defaults);
	ck_assert_str_eq(step(T0 + 60 * SECOND, EVENT(EV(TIMEOUT))), TAKEOVER("active_down"));
	ck_assert_str_eq(timers_text(at(T0 + 60 * SECOND)), TAKEN_OVER);
}
END_TEST

/* The reason of a router that waits is the fault of now. */
START_TEST(test_fault_after_fault)
{
	set_up(LINK_DOWN, &defaults);
	step(T0 + SECOND, EVENT(EV_FAULT(NO_INTERFACE)));
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_NO_INTERFACE);

	set_up(CONFIGURED, &defaults);
	step(T0, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0, EVENT(EV(STARTUP)));
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(vr.reason, VRRP_REASON_LINK_DOWN);
	ck_assert_str_eq(step(T0 + SECOND, EVENT(EV_RECOVER(2))), "NOTIFY(Backup recovered)");
}
END_TEST

/* 6.4.1-2: a start forgets the interval of an Active of before. */
/* The reason is what people read: why it is not running. */
START_TEST(test_reason_in_initialize)
{
	set_up(LINK_DOWN, &defaults);
	step(T0 + SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_LINK_DOWN);
	step(T0 + SECOND, EVENT(EV_RECOVER(2)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_STARTUP);
	step(T0 + SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert_int_eq(vr.reason, VRRP_REASON_SHUTDOWN);
}
END_TEST

/* Nor does it know an Active beside whom an unready one would mean nothing. */
START_TEST(test_start_forgets_the_active)
{
	struct vrrp_event unready = EV_ADVERT(UNREADY, 4, 100);

	set_up(BACKUP, &defaults);
	advert(T0 + SECOND, 220);
	step(T0 + SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + SECOND, EVENT(EV_RECOVER(2)));
	step(T0 + SECOND, &unready);
	ck_assert_str_eq(timers_text(at(T0 + SECOND)), "down+218750");
}
END_TEST

START_TEST(test_start_forgets_the_interval)
{
	set_up(BACKUP, &defaults);
	step(T0 + SECOND, &(struct vrrp_event)EV_ADVERT(220, 3, 500));
	step(T0 + 2 * SECOND, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + 3 * SECOND, EVENT(EV_RECOVER(2)));
	ck_assert_int_eq(vr.active_down.us, T0 + 3 * SECOND + DOWN);
}
END_TEST

/* PRIORITY: the timer that runs stays, the next one knows it. */
START_TEST(test_priority_in_backup)
{
	set_up(BACKUP, &defaults);
	step(T0 + SECOND, EVENT(EV_PRIORITY(UNREADY)));
	advert(T0 + 2 * SECOND, 220);
	ck_assert_int_eq(vr.active_down.us, T0 + 2 * SECOND + 3820312);
}
END_TEST

/* 6.4.3: the address that breaks the tie is the one of the last RECOVER. */
START_TEST(test_tie_by_the_new_primary)
{
	set_up(ACTIVE, &defaults);
	advance(T0 + 250000);
	step(T0 + 250000, EVENT(EV_RECOVER(5)));
	advert(T0 + 400000, READY);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
	step(T0 + 450000, EVENT(EV_ADVERT(READY, 6, 100)));
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
}
END_TEST

/* What a reload shortens is still the wait for who has stopped. */
START_TEST(test_reconfigure_keeps_the_reason)
{
	struct vrrp_config shorter = defaults;

	shorter.advert_int_cs = 10;
	set_up(BACKUP, &defaults);
	advert(T0 + SECOND, VRRP_PRIORITY_STOP);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &shorter);
	ck_assert_str_eq(step(T0 + SECOND + SKEW, EVENT(EV(TIMEOUT))), TAKEOVER("active_stopped"));
}
END_TEST

/* The first byte that differs decides, not the last one. */
START_TEST(test_tie_by_the_first_byte)
{
	static const struct {
		const char *own, *lower, *greater;
	} cases[] = {{"10.0.1.2", "10.0.0.9", "10.1.0.1"}, {"fe80::1:2", "fe80::9", "fe81::1"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vrrp_event recover = {.type = VRRP_EVENT_RECOVER};
		struct vrrp_event tie = EV_ADVERT(READY, 1, 100);

		set_up(ACTIVE, &defaults);
		ck_assert(addr_parse(cases[i].own, &recover.primary));
		step(T0 + 1000, &recover);
		ck_assert(addr_parse(cases[i].lower, &tie.advert.source));
		step(T0 + 2000, &tie);
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		ck_assert(addr_parse(cases[i].greater, &tie.advert.source));
		step(T0 + 3000, &tie);
		ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	}
}
END_TEST

START_TEST(test_reconfigure_timers_never_grow)
{
	struct vrrp_config longer = defaults, shorter = defaults;
	struct vrrp before;

	longer.advert_int_cs = 500;
	longer.address_refresh_us = 20 * SECOND;
	longer.announce_refresh_us = 300 * SECOND;
	shorter.advert_int_cs = 10;
	shorter.address_refresh_us = 500000;

	set_up(ACTIVE, &defaults);
	advance(T0 + 250000);
	before = vr;
	vrrp_reconfigure(&vr, at(T0 + 250000), &longer);
	ck_assert_int_eq(vr.adver.us, before.adver.us);
	ck_assert_int_le(vr.refresh.us, before.refresh.us);
	ck_assert_int_eq(vr.announce.us, before.announce.us);
	vrrp_reconfigure(&vr, at(T0 + 250000), &shorter);
	ck_assert_int_le(vr.adver.us, T0 + 350000);
	ck_assert_int_le(vr.refresh.us, T0 + 750000);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);

	/* The fifth announcement is not due to announce_refresh, so it keeps its point. */
	set_up(ACTIVE, &defaults);
	advance(T0 + 3 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 3 * SECOND), &longer);
	ck_assert_int_eq(vr.announce.us, T0 + 5 * SECOND);
	advance(T0 + 20 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert_int_eq(vr.announce.us, T0 + 50 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 21 * SECOND), &longer);
	ck_assert_int_eq(vr.announce.us, T0 + 50 * SECOND);

	set_up(BACKUP, &defaults);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &longer);
	ck_assert_str_eq(timers_text(at(T0 + SECOND)), "down+2218750");
}
END_TEST

/* announce_refresh 0: the first five, and no more. */
START_TEST(test_reconfigure_announce)
{
	struct vrrp_config without = defaults;

	without.announce_refresh_us = 0;
	set_up(ACTIVE, &defaults);
	advance(T0 + 3 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 3 * SECOND), &without);
	ck_assert_int_eq(vr.announce.us, T0 + 5 * SECOND);

	set_up(ACTIVE, &defaults);
	advance(T0 + 20 * SECOND);
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &without);
	ck_assert(instant_is_never(vr.announce));
}
END_TEST

/* LEASE: an address whose lease becomes one without end is told so, before it runs out. */
START_TEST(test_reconfigure_lease)
{
	struct vrrp_config forever = defaults;

	forever.address_refresh_us = 0;
	set_up(ACTIVE, &defaults);
	advance(T0 + 250000);
	vrrp_reconfigure(&vr, at(T0 + 250000), &forever);
	ck_assert_int_le(vr.refresh.us, T0 + 2 * SECOND);
	advance(T0 + 2 * SECOND + 1);
	ck_assert(instant_is_never(vr.refresh));

	set_up(ACTIVE, &forever);
	advance(T0 + 250000);
	vrrp_reconfigure(&vr, at(T0 + 250000), &defaults);
	ck_assert_int_le(vr.refresh.us, T0 + 250000 + 2 * SECOND);
}
END_TEST

/* A takeover that is under way keeps its reason; the interval is one's own while no Active is
 * known.
 */
START_TEST(test_reconfigure_in_backup)
{
	struct vrrp_config shorter = defaults;

	shorter.advert_int_cs = 10;
	set_up(BACKUP, &defaults);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &shorter);
	ck_assert_str_eq(timers_text(at(T0 + SECOND)), "down+321875");

	set_up(BACKUP, &defaults);
	advert(T0 + SECOND, 50);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &defaults);
	ck_assert_str_eq(step(T0 + SECOND + SKEW, EVENT(EV(TIMEOUT))), TAKEOVER("active_unready"));

	set_up(BACKUP, &defaults);
	advert(T0 + SECOND, 220);
	vrrp_reconfigure(&vr, at(T0 + SECOND), &shorter);
	ck_assert_str_eq(timers_text(at(T0 + SECOND)), "down+3218750");
}
END_TEST

START_TEST(test_reconfigure_preempt)
{
	struct vrrp_config config = defaults;

	set_up(BACKUP, &defaults);
	config.preempt = ALWAYS;
	vrrp_reconfigure(&vr, at(T0 + SECOND), &config);
	advert(T0 + SECOND, 180);
	ck_assert_str_eq(timers_text(at(T0 + SECOND)), "down+2218750");
}
END_TEST

/* SURVIVE: a reload that changes nothing does not touch the router, whatever it is about to do. */
START_TEST(test_reconfigure_same)
{
	/* The unready Active is not followed; were the reason forgotten, an unready node took over.
	 */
	set_up(BACKUP, &defaults);
	advert(T0, UNREADY);
	vrrp_reconfigure(&vr, at(T0), &defaults);
	ck_assert_str_eq(timers_text(at(T0)), "down+218750");
	step(T0, EVENT(EV_PRIORITY(UNREADY)));
	ck_assert_str_eq(timers_text(at(T0)), "down+3820312");

	/* Its skew was that of its priority then. */
	set_up(UNREADY_BACKUP, &defaults);
	step(T0, EVENT(EV_PRIORITY(READY)));
	vrrp_reconfigure(&vr, at(T0), &defaults);
	ck_assert_str_eq(timers_text(at(T0)), "down+3820312");

	set_up(ACTIVE, &defaults);
	advance(T0 + 20 * SECOND);
	step(T0 + 20 * SECOND, EVENT(EV(SHUTDOWN)));
	ck_assert(instant_is_never(vr.announce));
	vrrp_reconfigure(&vr, at(T0 + 20 * SECOND), &defaults);
	ck_assert(instant_is_never(vr.announce));
}
END_TEST

struct walk {
	uint64_t random;
	int64_t us;
	int64_t began_us; /* since when Active */
	int64_t announced_us;
	int64_t sent;	  /* adverts of this time as Active */
	int64_t provoked; /* and events that may each have caused one */
	bool holds_vip;
};

static uint64_t xorshift(struct walk *walk)
{
	walk->random ^= walk->random << 13;
	walk->random ^= walk->random >> 7;
	walk->random ^= walk->random << 17;
	return walk->random;
}

static int64_t below(struct walk *walk, int64_t n)
{
	return (int64_t)(xorshift(walk) % (uint64_t)n);
}

static void random_event(struct walk *walk, struct vrrp_event *event)
{
	static const uint8_t priorities[] = {0, 1, 46, 50, 101, 154, 155, 180, 200, 220, 254, 255};
	static const enum vrrp_reason faults[] = {VRRP_REASON_NO_INTERFACE, VRRP_REASON_LINK_DOWN,
						  VRRP_REASON_ADD_FAILED, VRRP_REASON_SEND_FAILED};

	memset(event, 0, sizeof(*event));
	switch (below(walk, 24)) {
	case 0:
		event->type = VRRP_EVENT_STARTUP;
		break;
	case 1:
		event->type = below(walk, 4) == 0 ? VRRP_EVENT_SHUTDOWN : VRRP_EVENT_STARTUP;
		break;
	case 2:
		event->type = VRRP_EVENT_STEP_DOWN;
		event->hold_us = below(walk, 10 * SECOND);
		break;
	case 3:
		event->type = VRRP_EVENT_FAULT;
		event->fault = faults[below(walk, 4)];
		break;
	case 4:
	case 5:
		event->type = VRRP_EVENT_RECOVER;
		event->primary = (struct addr)HOST((uint8_t)(2 + below(walk, 2)));
		break;
	case 6:
	case 7:
		event->type = VRRP_EVENT_PRIORITY;
		event->priority = below(walk, 2) == 0 ? READY : UNREADY;
		break;
	case 8:
		event->type = VRRP_EVENT_ADDRESS_LOST;
		break;
	case 9:
	case 10:
	case 11:
		event->type = VRRP_EVENT_ADVERT;
		event->advert.source = (struct addr)HOST((uint8_t)(5 * below(walk, 2) + 1));
		event->advert.priority = priorities[below(walk, 12)];
		event->advert.interval_cs = (uint16_t)(1 + below(walk, 200));
		break;
	default:
		event->type = VRRP_EVENT_TIMEOUT;
		break;
	}
}

static void check_action(struct walk *walk, const struct vrrp_action *action,
			 enum vrrp_state before)
{
	switch (action->type) {
	case VRRP_ACTION_SEND_ADVERT:
		/* ORDER: nobody claims the role, or says that it stops, without the address. */
		ck_assert(walk->holds_vip);
		/* Who leaves says that it stops, or to a better one that it was there too. */
		if (vr.state != VRRP_STATE_ACTIVE)
			ck_assert_uint_eq(action->priority, vr.reason == VRRP_REASON_HIGHER_PRIORITY
								    ? VRRP_PRIORITY_LEAVING
								    : VRRP_PRIORITY_STOP);
		else
			ck_assert_uint_eq(action->priority, vrrp_priority(&vr));
		walk->sent++;
		break;
	case VRRP_ACTION_ADD_ADDRESSES:
		ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
		walk->holds_vip = true;
		break;
	case VRRP_ACTION_REMOVE_ADDRESSES:
		ck_assert(walk->holds_vip);
		ck_assert_int_ne(vr.state, VRRP_STATE_ACTIVE);
		walk->holds_vip = false;
		break;
	case VRRP_ACTION_ANNOUNCE:
		ck_assert(walk->holds_vip);
		if (before == VRRP_STATE_ACTIVE)
			ck_assert_int_ge(walk->us - walk->announced_us, VRRP_ANNOUNCE_SPACING_US);
		walk->announced_us = walk->us;
		break;
	case VRRP_ACTION_NOTIFY:
		ck_assert_int_eq(action->state, vr.state);
		ck_assert_int_eq(action->reason, vr.reason);
		break;
	}
}

static void check_timers(const struct walk *walk, const struct vrrp_event *event)
{
	const struct instant deadline = vrrp_deadline(&vr);
	const bool active = vr.state == VRRP_STATE_ACTIVE;

	if (vr.state != VRRP_STATE_INITIALIZE)
		ck_assert(!instant_is_never(deadline));
	/* No loop that turns without getting on: a second TIMEOUT finds nothing left to do. */
	if (event->type == VRRP_EVENT_TIMEOUT && instant_due(deadline, at(walk->us))) {
		struct vrrp again = vr;
		struct vrrp_actions ignored;

		vrrp_step(&again, at(walk->us), event, &ignored);
		ck_assert_int_gt(vrrp_deadline(&again).us, walk->us);
	}
	ck_assert_int_eq(active, !instant_is_never(vr.adver));
	ck_assert_int_eq(vr.state == VRRP_STATE_BACKUP, !instant_is_never(vr.active_down));
	if (!active) {
		ck_assert(instant_is_never(vr.handover));
		ck_assert(instant_is_never(vr.announce));
		ck_assert(instant_is_never(vr.refresh));
	}
	if (vr.state != VRRP_STATE_INITIALIZE)
		ck_assert(instant_is_never(vr.retry));
	/* The point of every timer is at most what it counts away. */
	if (active)
		ck_assert_int_le(vr.adver.us - walk->us, vr.config.advert_int_cs * 10000);
}

static void walk_step(struct walk *walk, const struct vrrp_event *event)
{
	const enum vrrp_state before = vr.state;
	const struct addr primary = event->type == VRRP_EVENT_RECOVER ? event->primary : vr.primary;
	const uint8_t priority = event->type == VRRP_EVENT_PRIORITY ? event->priority : vr.priority;
	unsigned notified = 0;

	step(walk->us, event);
	/* No event does what another one is for. */
	ck_assert(addr_equal(&vr.primary, &primary));
	ck_assert_uint_eq(vr.priority, priority);
	if (before != VRRP_STATE_ACTIVE && vr.state == VRRP_STATE_ACTIVE) {
		ck_assert_int_eq(event->type, VRRP_EVENT_TIMEOUT);
		ck_assert_uint_eq(out.count, 4);
		walk->began_us = walk->us;
		walk->sent = 0;
		walk->provoked = 2; /* this one, and a hold that ends */
	}
	/* A step-down or shutdown also ends the handover and the hold with an advert. */
	if (event->type == VRRP_EVENT_STEP_DOWN || event->type == VRRP_EVENT_SHUTDOWN)
		walk->provoked += 3;
	else if (event->type != VRRP_EVENT_TIMEOUT)
		walk->provoked++;
	for (unsigned i = 0; i < out.count; i++) {
		check_action(walk, &out.list[i], before);
		notified += out.list[i].type == VRRP_ACTION_NOTIFY;
	}
	/* Initialize also says which fault it waits for. */
	if (vr.state != before)
		ck_assert_uint_eq(notified, 1);
	else
		ck_assert_uint_le(notified, vr.state == VRRP_STATE_INITIALIZE);
	/* RECONCILE: present <=> Active. */
	ck_assert_int_eq(walk->holds_vip, vr.state == VRRP_STATE_ACTIVE);
	ck_assert_int_le(walk->sent, walk->provoked + (walk->us - walk->began_us) /
							      (vr.config.advert_int_cs * 10000));
	if (!vr.started)
		ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
	check_timers(walk, event);
}

/* What holds whatever happens, in whatever order. */
START_TEST(test_walk)
{
	struct walk walk = {.random = 0x9e3779b97f4a7c15u * (unsigned)(_i + 1)};
	struct vrrp_config config = defaults;
	unsigned visits[VRRP_STATE_COUNT] = {0};

	config.preempt = (enum vrrp_preempt)(_i % 3);
	config.advert_int_cs = (uint16_t)(_i % 2 == 0 ? 100 : 25);
	config.preempt_delay_us = _i % 4 == 3 ? 2 * SECOND : 0;
	vrrp_init(&vr, &config, READY);
	for (int i = 0; i < 50000; i++) {
		const int64_t until = vrrp_deadline(&vr).us;
		struct vrrp_event event;

		random_event(&walk, &event);
		/* Mostly on time, some events between, some turns late, few much too late. */
		if (event.type == VRRP_EVENT_TIMEOUT && until != INSTANT_NEVER.us &&
		    until > walk.us)
			walk.us = until;
		else if (until != INSTANT_NEVER.us && until > walk.us)
			walk.us += below(&walk, until - walk.us + 1);
		if (below(&walk, 50) == 0)
			walk.us += below(&walk, 3 * SECOND);
		if (below(&walk, 500) == 0)
			walk.us += below(&walk, 30 * SECOND);
		walk_step(&walk, &event);
		visits[vr.state]++;
	}
	for (int i = 0; i < VRRP_STATE_COUNT; i++)
		ck_assert_uint_gt(visits[i], 1000);
}
END_TEST

Suite *suite_vrrp(void)
{
	Suite *suite = suite_create("vrrp");
	TCase *table = tcase_create("state x event");
	TCase *stories = tcase_create("stories");
	TCase *walk = tcase_create("walk");

	tcase_add_loop_test(table, test_row, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(suite, table);

	tcase_add_test(stories, test_numbers);
	tcase_add_test(stories, test_names);
	tcase_add_test(stories, test_preempt_is_not_postponed);
	tcase_add_test(stories, test_takeover_reason);
	tcase_add_test(stories, test_preempt_delay);
	tcase_add_test(stories, test_preempt_delay_from_start);
	tcase_add_test(stories, test_preempt_delay_counts_anew);
	tcase_add_test(stories, test_preempt_delay_is_for_preemption);
	tcase_add_test(stories, test_unready_beside_a_ready_active);
	tcase_add_test(stories, test_unready_is_not_followed_beside_a_ready_active);
	tcase_add_test(stories, test_unready_after_a_ready_active);
	tcase_add_test(stories, test_preemption_called_off);
	tcase_add_test(stories, test_preemption_of_a_lower_one_called_off);
	tcase_add_test(stories, test_hold_ends);
	tcase_add_test(stories, test_hold_ends_while_active);
	tcase_add_test(stories, test_leaving_stays_lowest);
	tcase_add_test(stories, test_shutdown_during_step_down);
	tcase_add_test(stories, test_handover_waits_its_own_interval);
	tcase_add_test(stories, test_announce_schedule);
	tcase_add_test(stories, test_announce_schedule_restarts);
	tcase_add_test(stories, test_announce_spacing);
	tcase_add_test(stories, test_announce_storm);
	tcase_add_test(stories, test_lease_refresh_alone);
	tcase_add_test(stories, test_address_lost);
	tcase_add_test(stories, test_address_lost_early);
	tcase_add_test(stories, test_cadence);
	tcase_add_test(stories, test_overslept_alone);
	tcase_add_test(stories, test_overslept_and_another_active);
	tcase_add_test(stories, test_overslept_says_nothing);
	tcase_add_test(stories, test_overslept_by_its_own_interval);
	tcase_add_test(stories, test_retry_waits_for_the_link);
	tcase_add_test(stories, test_late_takeover);
	tcase_add_test(stories, test_fault_after_fault);
	tcase_add_test(stories, test_reason_in_initialize);
	tcase_add_test(stories, test_start_forgets_the_active);
	tcase_add_test(stories, test_start_forgets_the_interval);
	tcase_add_test(stories, test_priority_in_backup);
	tcase_add_test(stories, test_tie_by_the_new_primary);
	tcase_add_test(stories, test_tie_by_the_first_byte);
	tcase_add_test(stories, test_reconfigure_keeps_the_reason);
	tcase_add_test(stories, test_reconfigure_timers_never_grow);
	tcase_add_test(stories, test_reconfigure_announce);
	tcase_add_test(stories, test_reconfigure_lease);
	tcase_add_test(stories, test_reconfigure_in_backup);
	tcase_add_test(stories, test_reconfigure_preempt);
	tcase_add_test(stories, test_reconfigure_same);
	suite_add_tcase(suite, stories);

	tcase_add_loop_test(walk, test_walk, 0, 12);
	suite_add_tcase(suite, walk);
	return suite;
}
