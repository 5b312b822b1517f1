/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the state machine share: the router under test, a world that carries its
 * actions out, and texts of both.
 *
 * The router has priority 200 when ready, 116 when answering and 32 when down, the primary address
 * 10.0.0.2 and an Advertisement_Interval of 1 s. RFC 9568 6.1: Skew_Time is (256 - priority) / 256
 * of the interval, Active_Down_Interval three intervals more.
 */
#ifndef CPVRRP_TESTS_TEST_VRRP_H
#define CPVRRP_TESTS_TEST_VRRP_H

#include "unit.h"

#include "core/vrrp.h"

#define SECOND SECOND_US
#define READY 200
#define ANSWERING 116
#define DOWN 32
#define LEAVING PRIORITY_LEAVING
#define SKEW_READY 218750     /* 56/256 s */
#define SKEW_ANSWERING 546875 /* 140/256 s */
#define SKEW_DOWN 875000      /* 224/256 s */
#define SKEW_LEAVING 996093   /* 255/256 s */
/* Active_Down_Interval of each. */
#define WAIT_READY (3 * SECOND + SKEW_READY)
#define WAIT_ANSWERING (3 * SECOND + SKEW_ANSWERING)
#define WAIT_DOWN (3 * SECOND + SKEW_DOWN)
#define WAIT_LEAVING (3 * SECOND + SKEW_LEAVING)
#define HOLD (60 * SECOND)
#define T0 (10 * SECOND)
#define TEXT_SIZE 256

/* The actions of a takeover, and the timers of the new Active. */
#define TAKEOVER(why) "ADD ANNOUNCE SEND(200) NOTIFY(Active " why ")"
#define TAKEN_OVER "adver+1000000 refresh+2000000 announce+100000"

#define HEALTH VRRP_PREEMPT_HEALTH
#define ALWAYS VRRP_PREEMPT_ALWAYS
#define NEVER VRRP_PREEMPT_NEVER

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
#define EV_ADVERT_OF_DEAF(p, host)                                                                 \
	{                                                                                          \
		.type = VRRP_EVENT_ADVERT, .advert = {                                             \
			.source = HOST(host),                                                      \
			.interval_cs = 100,                                                        \
			.priority = (p),                                                           \
			.hearing = VRRP_HEARING_NO                                                 \
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
#define EV_FAULT(f)                                                                                \
	{                                                                                          \
		.type = VRRP_EVENT_FAULT, .fault = VRRP_FAULT_##f                                  \
	}
#define EV_FAULTS_GONE(host)                                                                       \
	{                                                                                          \
		.type = VRRP_EVENT_FAULTS_GONE, .primary = HOST(host)                              \
	}
#define EV_PRIMARY(host)                                                                           \
	{                                                                                          \
		.type = VRRP_EVENT_PRIMARY, .primary = HOST(host)                                  \
	}
#define EVENT(...) (&(struct vrrp_event)__VA_ARGS__)

/* How the world answers actions. */
struct world {
	bool add_fails;
	bool send_fails;
	int64_t add_took_us;
	int64_t us; /* the time of the last outcome */
	/* Sees each action before its outcome; NULL: nobody looks. */
	void (*watch)(int64_t us, const struct vrrp_action *action);
};

enum setup {
	NEW,	    /* vrrp_init() only */
	CONFIGURED, /* nothing keeps it from working, not started */
	WAITING,    /* started, no interface */
	STOPPED,    /* was Backup, SHUTDOWN */
	LINK_DOWN,  /* was Backup, FAULT */
	ADD_FAILED, /* was Active, the refresh at T0 failed */
	BACKUP,	    /* entered at T0 */
	ANSWERING_BACKUP,
	DOWN_BACKUP,
	HELD_BACKUP,	    /* STEP_DOWN at T0, for HOLD */
	CANNOT_ADD_BACKUP,  /* from T0 on no address can be added */
	CANNOT_SEND_BACKUP, /* from T0 on no advert can be sent */
	SLOW_BACKUP,	    /* adding the addresses takes 700 ms */
	ACTIVE,		    /* took over at T0 */
	CANNOT_ADD_ACTIVE,  /* after T0 no address can be added */
	CANNOT_SEND_ACTIVE, /* after T0 no advert can be sent */
	STEPPING_DOWN,	    /* Active for 250 ms, STEP_DOWN at T0 */
	SHUTTING_DOWN,	    /* Active for 250 ms, SHUTDOWN at T0 */
};

extern const struct vrrp_config defaults;
extern struct vrrp vr;
extern struct world world;

static inline struct instant at(int64_t us)
{
	return (struct instant){us};
}

/* Begins with a world in which everything succeeds at once. */
void begin(enum setup setup, const struct vrrp_config *config);
void begin_backup(const struct vrrp_config *config, uint8_t priority, int64_t us);
void begin_active(const struct vrrp_config *config, int64_t us);

/* One event and all that follows from it. Returns the actions in order:
 * "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)". */
const char *step(int64_t us, const struct vrrp_event *event);

/* An advert of 10.0.0.3 with an interval of 1 s. */
const char *advert(int64_t us, uint8_t priority);
const char *advert_from(int64_t us, uint8_t priority, uint8_t host, uint16_t interval_cs);

/* Every TIMEOUT that is due before us, each at its time. */
void advance(int64_t us);

/* TIMEOUT until the router is in the state. */
void run_until(enum vrrp_state state);

/* What the router waits for, in microseconds from us: "adver+750000 refresh+1750000"; "down" is
 * Active_Down_Timer. */
const char *timers_text(int64_t us);

/* When this Backup takes over if it hears nothing more. */
int64_t takeover_us(void);

/* The takeover, which is also the next thing that the router waits for. */
void check_takeover(int64_t us, enum vrrp_reason reason);

void vrrp_add_rows(Suite *suite);
void vrrp_add_start(Suite *suite);
void vrrp_add_backup(Suite *suite);
void vrrp_add_active(Suite *suite);
void vrrp_add_reload(Suite *suite);
void vrrp_add_tenure(Suite *suite);

#endif
