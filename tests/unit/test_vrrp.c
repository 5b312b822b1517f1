/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine against RFC 9568 6.4 and the rules BANDS, PREEMPT, HANDOVER, ORDER, SOCKETS
 * FIRST, BOUNDS and ANNOUNCE. A row of the table in test_vrrp_rows.c is one state and one event;
 * the stories of test_vrrp_start.c, test_vrrp_backup.c, test_vrrp_active.c and the like
 * take several events; the walk here checks what must hold whatever happens.
 */
#include "test_vrrp.h"

#include <stdio.h>
#include <string.h>

const struct vrrp_config defaults = {
	.preempt = VRRP_PREEMPT_HEALTH,
	.advert_int_cs = 100,
	.address_refresh_us = 2 * SECOND,
	.announce_refresh_us = 30 * SECOND,
};

struct vrrp vr;
struct world world;

static char actions_text[TEXT_SIZE];

static void append_action(const struct vrrp_action *action)
{
	size_t size = strlen(actions_text);
	const char *space = size == 0 ? "" : " ";
	char *end = actions_text + size;
	size_t left = sizeof(actions_text) - size;

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
			 vrrp_state_name(action->transition.to),
			 vrrp_why_name(action->transition.reason, action->transition.fault));
		break;
	}
}

static void check_transition(const struct vrrp_transition *transition, enum vrrp_state before)
{
	ck_assert_int_eq(transition->from, before);
	ck_assert_int_eq(transition->to, vr.state);
	ck_assert_int_eq(transition->reason, vr.reason);
	ck_assert_int_eq(transition->fault, vr.fault);
	ck_assert_int_eq(transition->fault != VRRP_FAULT_NONE,
			 transition->reason == VRRP_REASON_FAULT);
}

static void carry_out(int64_t us, const struct vrrp_event *event)
{
	const enum vrrp_state before = vr.state;
	struct vrrp_actions actions;

	world.us = us;
	vrrp_step(&vr, at(us), event, &actions);
	for (unsigned i = 0; i < actions.count; i++) {
		const struct vrrp_action *action = &actions.list[i];

		append_action(action);
		if (world.watch)
			world.watch(us, action);
		if (action->type == VRRP_ACTION_NOTIFY)
			check_transition(&action->transition, before);
		if (action->type == VRRP_ACTION_SEND_ADVERT)
			carry_out(us, &(struct vrrp_event){
					      .type = world.send_fails ? VRRP_EVENT_SEND_FAILED
								       : VRRP_EVENT_SENT,
					      .priority = action->priority,
				      });
		if (action->type == VRRP_ACTION_ADD_ADDRESSES)
			carry_out(us + world.add_took_us,
				  &(struct vrrp_event){
					  .type = world.add_fails ? VRRP_EVENT_ADD_FAILED
								  : VRRP_EVENT_ADDED,
					  .took_us = world.add_took_us,
				  });
	}
}

const char *step(int64_t us, const struct vrrp_event *event)
{
	actions_text[0] = '\0';
	carry_out(us, event);
	return actions_text;
}

const char *advert_from(int64_t us, uint8_t priority, uint8_t host, uint16_t interval_cs)
{
	return step(us, EVENT(EV_ADVERT(priority, host, interval_cs)));
}

const char *advert(int64_t us, uint8_t priority)
{
	return advert_from(us, priority, 3, 100);
}

void advance(int64_t us)
{
	for (int i = 0; vrrp_deadline(&vr).us < us; i++) {
		ck_assert_msg(i < 10000, "the deadline does not advance");
		step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT)));
	}
}

void run_until(enum vrrp_state state)
{
	for (int i = 0; vr.state != state; i++) {
		ck_assert_int_lt(i, 1000);
		step(vrrp_deadline(&vr).us, EVENT(EV(TIMEOUT)));
	}
}

const char *timers_text(int64_t us)
{
	static char text[TEXT_SIZE];
	const struct {
		const char *name;
		struct instant t;
	} timers[] = {
		{"down", vr.state == VRRP_STATE_BACKUP ? vrrp_takeover(&vr).at : INSTANT_NEVER},
		{"adver", vr.timers[VRRP_TIMER_ADVER]},
		{"handover", vr.timers[VRRP_TIMER_HANDOVER]},
		{"short", vr.timers[VRRP_TIMER_TENURE_SHORT]},
		{"long", vr.timers[VRRP_TIMER_TENURE_LONG]},
		{"refresh", vr.timers[VRRP_TIMER_REFRESH]},
		{"announce", vr.announcer.next},
		{"retry", vr.timers[VRRP_TIMER_RETRY]},
		{"hold", vr.timers[VRRP_TIMER_HOLD]},
	};
	size_t size = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		if (instant_is_never(timers[i].t))
			continue;
		snprintf(text + size, sizeof(text) - size, "%s%s%+lld", size == 0 ? "" : " ",
			 timers[i].name, (long long)instant_since(timers[i].t, at(us)));
		size = strlen(text);
	}
	return text;
}

int64_t takeover_us(void)
{
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	return vrrp_takeover(&vr).at.us;
}

void check_takeover(int64_t us, enum vrrp_reason reason)
{
	ck_assert_int_eq(takeover_us(), us);
	ck_assert_int_eq(vrrp_takeover(&vr).reason, reason);
	ck_assert_int_eq(vrrp_deadline(&vr).us, us);
}

void begin_backup(const struct vrrp_config *config, uint8_t priority, int64_t us)
{
	world = (struct world){0};
	vrrp_init(&vr, config, priority);
	step(us, EVENT(EV_FAULTS_GONE(2)));
	step(us, EVENT(EV(STARTUP)));
	ck_assert_int_eq(vr.state, VRRP_STATE_BACKUP);
	/* TENURE is for tests of its own: the router has listened for long. */
	vr.listens_from = at(us - 1000 * SECOND);
}

void begin_active(const struct vrrp_config *config, int64_t us)
{
	begin_backup(config, READY, us - WAIT_READY);
	step(us, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
}

static void begin_failing_active(const struct vrrp_config *config, bool add_fails, bool send_fails)
{
	begin_active(config, T0);
	world.add_fails = add_fails;
	world.send_fails = send_fails;
}

static void begin_leaving(const struct vrrp_config *config, const struct vrrp_event *event)
{
	begin_active(config, T0 - 250000);
	advance(T0);
	step(T0, event);
}

static void begin_add_failed(const struct vrrp_config *config)
{
	begin_active(config, T0 - 2 * SECOND);
	advance(T0);
	world.add_fails = true;
	step(T0, EVENT(EV(TIMEOUT)));
	world.add_fails = false;
	ck_assert_int_eq(vr.state, VRRP_STATE_INITIALIZE);
}

void begin(enum setup setup, const struct vrrp_config *config)
{
	world = (struct world){0};
	vrrp_init(&vr, config, READY);
	switch (setup) {
	case NEW:
		break;
	case CONFIGURED:
		step(T0, EVENT(EV_FAULTS_GONE(2)));
		break;
	case WAITING:
		step(T0, EVENT(EV(STARTUP)));
		break;
	case STOPPED:
		begin_backup(config, READY, T0);
		step(T0, EVENT(EV(SHUTDOWN)));
		break;
	case LINK_DOWN:
		begin_backup(config, READY, T0);
		step(T0, EVENT(EV_FAULT(LINK_DOWN)));
		break;
	case ADD_FAILED:
		begin_add_failed(config);
		break;
	case BACKUP:
	case CANNOT_ADD_BACKUP:
	case CANNOT_SEND_BACKUP:
	case SLOW_BACKUP:
		begin_backup(config, READY, T0);
		world.add_fails = setup == CANNOT_ADD_BACKUP;
		world.send_fails = setup == CANNOT_SEND_BACKUP;
		world.add_took_us = setup == SLOW_BACKUP ? 700000 : 0;
		break;
	case ANSWERING_BACKUP:
		begin_backup(config, ANSWERING, T0);
		break;
	case DOWN_BACKUP:
		begin_backup(config, DOWN, T0);
		break;
	case HELD_BACKUP:
		begin_backup(config, READY, T0);
		step(T0, EVENT(EV_STEP_DOWN(HOLD)));
		break;
	case ACTIVE:
	case CANNOT_ADD_ACTIVE:
	case CANNOT_SEND_ACTIVE:
		begin_failing_active(config, setup == CANNOT_ADD_ACTIVE,
				     setup == CANNOT_SEND_ACTIVE);
		break;
	case STEPPING_DOWN:
		begin_leaving(config, EVENT(EV_STEP_DOWN(HOLD)));
		break;
	case SHUTTING_DOWN:
		begin_leaving(config, EVENT(EV(SHUTDOWN)));
		break;
	}
}

/* ---- The walk ---- */

static struct walk {
	uint64_t random;
	int64_t us;
	int64_t began_us;     /* since when Active */
	int64_t announced_us; /* of this time as Active */
	int64_t sent;	      /* adverts of this time as Active */
	int64_t provoked;     /* and events that may each have caused one */
	unsigned notified;    /* by this event */
	bool holds_vip;
} walk;

static uint64_t xorshift(void)
{
	walk.random ^= walk.random << 13;
	walk.random ^= walk.random >> 7;
	walk.random ^= walk.random << 17;
	return walk.random;
}

static int64_t below(int64_t n)
{
	return (int64_t)(xorshift() % (uint64_t)n);
}

static void random_advert(struct vrrp_event *event)
{
	static const uint8_t priorities[] = {0,	  1,   2,   32,	 50,  86,  87,	116,
					     170, 171, 180, 200, 220, 254, 255, 0};

	event->type = VRRP_EVENT_ADVERT;
	event->advert.source = (struct addr)HOST((uint8_t)(5 * below(2) + 1));
	event->advert.priority = priorities[below(16)];
	event->advert.interval_cs = (uint16_t)(1 + below(below(4) == 0 ? 4095 : 200));
}

static void random_event(struct vrrp_event *event)
{
	static const uint8_t priorities[] = {READY, ANSWERING, DOWN};
	static const enum vrrp_fault faults[] = {VRRP_FAULT_NO_INTERFACE, VRRP_FAULT_LINK_DOWN,
						 VRRP_FAULT_NO_ADDRESS};

	memset(event, 0, sizeof(*event));
	switch (below(24)) {
	case 0:
		event->type = VRRP_EVENT_STARTUP;
		break;
	case 1:
		event->type = below(4) == 0 ? VRRP_EVENT_SHUTDOWN : VRRP_EVENT_STARTUP;
		break;
	case 2:
		event->type = VRRP_EVENT_STEP_DOWN;
		event->hold_us = below(10 * SECOND);
		break;
	case 3:
		event->type = VRRP_EVENT_FAULT;
		event->fault = faults[below(3)];
		break;
	case 4:
	case 5:
		event->type = below(2) == 0 ? VRRP_EVENT_FAULTS_GONE : VRRP_EVENT_PRIMARY;
		event->primary = (struct addr)HOST((uint8_t)(2 + below(2)));
		break;
	case 6:
	case 7:
		event->type = VRRP_EVENT_PRIORITY;
		event->priority = priorities[below(3)];
		break;
	case 8:
		event->type = VRRP_EVENT_ADDRESS_LOST;
		break;
	case 9:
	case 10:
	case 11:
		random_advert(event);
		break;
	default:
		event->type = VRRP_EVENT_TIMEOUT;
		break;
	}
}

static void check_sent(uint8_t priority)
{
	/* ORDER: no router claims the role, or says that it stops, without the address. */
	ck_assert(walk.holds_vip);
	/* A router that leaves the role says that it stops, or to a better Active that it was
	 * Active too. */
	if (vr.state == VRRP_STATE_ACTIVE)
		ck_assert_uint_eq(priority, vrrp_priority(&vr));
	else if (vr.reason == VRRP_REASON_HIGHER_PRIORITY)
		ck_assert_uint_eq(priority, PRIORITY_LEAVING);
	else
		ck_assert_uint_eq(priority, PRIORITY_STOP);
	walk.sent++;
}

static void check_announced(int64_t us)
{
	ck_assert(walk.holds_vip);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
	/* SOCKETS FIRST */
	ck_assert(!vrrp_claim_expired(&vr, at(us)));
	ck_assert_int_ge(us - walk.announced_us, ANNOUNCER_SPACING_US);
	walk.announced_us = us;
}

static void check_action(int64_t us, const struct vrrp_action *action)
{
	switch (action->type) {
	case VRRP_ACTION_SEND_ADVERT:
		check_sent(action->priority);
		break;
	case VRRP_ACTION_ADD_ADDRESSES:
		ck_assert_int_ne(vr.state, VRRP_STATE_INITIALIZE);
		if (vr.state == VRRP_STATE_BACKUP) {
			ck_assert(instant_due(vrrp_takeover(&vr).at, at(us)));
			walk.began_us = us;
			walk.announced_us = us - SECOND;
			walk.sent = 0;
			walk.provoked = 2; /* the takeover, and a hold that ends */
			walk.holds_vip = !world.add_fails;
		}
		break;
	case VRRP_ACTION_REMOVE_ADDRESSES:
		ck_assert(walk.holds_vip || vr.fault == VRRP_FAULT_ADD_FAILED);
		ck_assert_int_ne(vr.state, VRRP_STATE_ACTIVE);
		walk.holds_vip = false;
		break;
	case VRRP_ACTION_ANNOUNCE:
		check_announced(us);
		break;
	case VRRP_ACTION_NOTIFY:
		walk.notified++;
		break;
	}
}

/* A caller that waits for the deadline neither spins nor sleeps for ever. */
static void check_deadline(const struct vrrp_event *event)
{
	if (vr.state != VRRP_STATE_INITIALIZE)
		ck_assert(!instant_is_never(vrrp_deadline(&vr)));
	/* After a slow addition, the end of a handover and the end of a hold nothing is left. */
	if (event->type == VRRP_EVENT_TIMEOUT && instant_due(vrrp_deadline(&vr), at(walk.us))) {
		const struct vrrp saved = vr;

		world = (struct world){.send_fails = world.send_fails};
		for (int i = 0; i < 2; i++)
			step(walk.us, event);
		ck_assert_int_gt(vrrp_deadline(&vr).us, walk.us);
		vr = saved;
	}
}

/* The limits of what a router waits for. */
static void check_waits(const struct vrrp_event *event, const struct vrrp *before)
{
	const int64_t interval_us = vr.config.advert_int_cs * CENTISECOND_US;

	if (vr.state == VRRP_STATE_ACTIVE)
		ck_assert_int_le(vr.timers[VRRP_TIMER_ADVER].us - walk.us, interval_us);
	if (vr.state != VRRP_STATE_BACKUP)
		return;
	/* BOUNDS: three intervals and Skew_Time, each at most four times ours. */
	ck_assert_int_le(vrrp_takeover(&vr).at.us - walk.us, 16 * interval_us);
	/* BOUNDS: an advert that ends a role never postpones a takeover. */
	if (before->state == VRRP_STATE_BACKUP && event->type == VRRP_EVENT_ADVERT &&
	    event->advert.priority == PRIORITY_STOP)
		ck_assert_int_le(vrrp_takeover(&vr).at.us, vrrp_takeover(before).at.us);
}

static void walk_step(const struct vrrp_event *event)
{
	const struct vrrp before = vr;
	const bool carries_primary =
		event->type == VRRP_EVENT_PRIMARY ||
		(event->type == VRRP_EVENT_FAULTS_GONE && vr.state == VRRP_STATE_INITIALIZE);
	const struct addr primary = carries_primary ? event->primary : vr.primary;
	const uint8_t priority = event->type == VRRP_EVENT_PRIORITY ? event->priority : vr.priority;

	walk.notified = 0;
	/* A STEP_DOWN or SHUTDOWN also ends the handover and the hold with an advert. */
	if (event->type == VRRP_EVENT_STEP_DOWN || event->type == VRRP_EVENT_SHUTDOWN)
		walk.provoked += 3;
	else if (event->type != VRRP_EVENT_TIMEOUT || world.add_fails)
		walk.provoked++;
	world.watch = check_action;
	step(walk.us, event);
	world.watch = NULL;
	walk.us = world.us > walk.us ? world.us : walk.us;
	/* No event does what another one is for. */
	ck_assert(addr_equal(&vr.primary, &primary));
	ck_assert_uint_eq(vr.priority, priority);
	if (before.state != VRRP_STATE_ACTIVE && vr.state == VRRP_STATE_ACTIVE)
		ck_assert_int_eq(event->type, VRRP_EVENT_TIMEOUT);
	/* Initialize also says which fault it waits for. */
	if (vr.state != before.state)
		ck_assert_uint_eq(walk.notified, 1);
	else
		ck_assert_uint_le(walk.notified, vr.state == VRRP_STATE_INITIALIZE);
	/* RECONCILE: present <=> Active. */
	ck_assert_int_eq(walk.holds_vip, vr.state == VRRP_STATE_ACTIVE);
	ck_assert_int_le(walk.sent,
			 walk.provoked + (walk.us - walk.began_us) /
						 (vr.config.advert_int_cs * CENTISECOND_US));
	check_waits(event, &before);
	check_deadline(event);
}

/* Mostly on time, some events between, some turns late, few much too late. */
static void pass_time(const struct vrrp_event *event)
{
	const int64_t until = vrrp_deadline(&vr).us;

	if (until != INSTANT_NEVER.us && until > walk.us)
		walk.us = event->type == VRRP_EVENT_TIMEOUT ? until
							    : walk.us + below(until - walk.us + 1);
	if (below(50) == 0)
		walk.us += below(3 * SECOND);
	if (below(500) == 0)
		walk.us += below(30 * SECOND);
}

static void change_world(void)
{
	if (below(40) == 0)
		world.send_fails = below(3) == 0;
	world.add_fails = below(60) == 0;
	world.add_took_us = below(20) == 0 ? below(2 * SECOND) : 0;
}

/* Invariants for any events in any order. vrrp_assert() is called after every step. */
START_TEST(random_walk)
{
	struct vrrp_config config = defaults;
	unsigned visits[VRRP_STATE_COUNT] = {0};

	walk = (struct walk){.random = 0x9e3779b97f4a7c15u * (unsigned)(_i + 1)};
	world = (struct world){0};
	config.preempt = (enum vrrp_preempt)(_i % 3);
	config.advert_int_cs = (uint16_t)(_i % 2 == 0 ? 100 : 25);
	config.preempt_delay_us = _i % 4 == 3 ? 2 * SECOND : 0;
	vrrp_init(&vr, &config, READY);
	for (int i = 0; i < 50000; i++) {
		struct vrrp_event event;

		random_event(&event);
		pass_time(&event);
		change_world();
		walk_step(&event);
		if (below(200) == 0) {
			config.preempt = (enum vrrp_preempt)below(3);
			config.announce_refresh_us = below(2) * 30 * SECOND;
			config.address_refresh_us = below(3) * SECOND;
			vrrp_reconfigure(&vr, at(walk.us), &config);
		}
		visits[vr.state]++;
	}
	for (int i = 0; i < VRRP_STATE_COUNT; i++)
		ck_assert_uint_gt(visits[i], 1000);
}
END_TEST

Suite *suite_vrrp(void)
{
	Suite *suite = suite_create("vrrp");
	TCase *walks = tcase_create("walk");

	vrrp_add_rows(suite);
	vrrp_add_start(suite);
	vrrp_add_backup(suite);
	vrrp_add_active(suite);
	vrrp_add_reload(suite);
	vrrp_add_tenure(suite);
	tcase_add_loop_test(walks, random_walk, 0, 12);
	suite_add_tcase(suite, walks);
	return suite;
}
