/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of one virtual router (RFC 9568 6) with cpvrrp's rules PREEMPT, HANDOVER, ORDER
 * and ANNOUNCE. Pure: time and events come in, actions go out. The caller carries the actions out
 * in order; if an ADD_ADDRESSES fails it drops the rest and steps a FAULT, so that nobody claims
 * the role without the address.
 */
#ifndef CPVRRP_CORE_VRRP_H
#define CPVRRP_CORE_VRRP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"

enum vrrp_state {
	VRRP_STATE_INITIALIZE,
	VRRP_STATE_BACKUP,
	VRRP_STATE_ACTIVE,
};
#define VRRP_STATE_COUNT (VRRP_STATE_ACTIVE + 1)

/* "Initialize", "Backup", "Active". */
const char *vrrp_state_name(enum vrrp_state state);

enum vrrp_preempt {
	VRRP_PREEMPT_HEALTH, /* only an Active of a lower band */
	VRRP_PREEMPT_ALWAYS, /* Preempt_Mode True */
	VRRP_PREEMPT_NEVER,  /* Preempt_Mode False, but a lower band is preempted */
};

/* Why a router is in its state. The faults, from VRRP_REASON_NO_INTERFACE on, keep it in
 * Initialize. */
enum vrrp_reason {
	VRRP_REASON_STARTUP,	     /* not started yet, or just started */
	VRRP_REASON_RECOVERED,	     /* a fault has gone */
	VRRP_REASON_ACTIVE_DOWN,     /* nothing heard for Active_Down_Interval */
	VRRP_REASON_ACTIVE_STOPPED,  /* the Active sent priority 0 */
	VRRP_REASON_ACTIVE_UNREADY,  /* the Active is in a lower band */
	VRRP_REASON_ACTIVE_LOWER,    /* the Active's priority is lower, and preempt is `always` */
	VRRP_REASON_HIGHER_PRIORITY, /* a better router's advert */
	VRRP_REASON_OVERSLEPT, /* slept over Active_Down_Interval while Active, and heard another
				  Active */
	VRRP_REASON_STEP_DOWN,
	VRRP_REASON_SHUTDOWN,
	VRRP_REASON_NO_INTERFACE, /* the interface does not exist */
	VRRP_REASON_LINK_DOWN,	  /* administratively down or no carrier */
	VRRP_REASON_NO_ADDRESS,	  /* no address of the family to send from */
	VRRP_REASON_NOT_A_PEER,	  /* no address of the interface is in unicast_peer */
	VRRP_REASON_NO_SOCKET,	  /* the raw socket cannot be opened */
	VRRP_REASON_ADD_FAILED, /* an address could not be added; tried again after VRRP_RETRY_US */
	VRRP_REASON_SEND_FAILED, /* adverts could not be sent; tried again after VRRP_RETRY_US */
};
#define VRRP_REASON_COUNT (VRRP_REASON_SEND_FAILED + 1)

/* The word in state and metrics: "startup", "active_down", "no_interface", ... */
const char *vrrp_reason_name(enum vrrp_reason reason);

#define VRRP_RETRY_US 1000000	       /* Initialize after a failed action */
#define VRRP_PRIORITY_STOP 0	       /* RFC 9568 5.2.4: the Active stops */
#define VRRP_PRIORITY_LEAVING 1	       /* HANDOVER: anybody is better */
#define VRRP_ANNOUNCE_SPACING_US 10000 /* between announcements that the network provokes */

struct vrrp_config {
	enum vrrp_preempt preempt;
	uint16_t advert_int_cs;	     /* Advertisement_Interval, 1..4095 */
	int64_t preempt_delay_us;    /* after becoming ready; 0 = at once */
	int64_t address_refresh_us;  /* between refreshes of the lease; 0 = never */
	int64_t announce_refresh_us; /* after the first five; 0 = never */
};

enum vrrp_event_type {
	VRRP_EVENT_STARTUP,
	VRRP_EVENT_SHUTDOWN, /* HANDOVER, then Initialize; a second one ends the handover at once */
	VRRP_EVENT_TIMEOUT,  /* vrrp_deadline() is due */
	VRRP_EVENT_ADVERT,
	VRRP_EVENT_PRIORITY,
	VRRP_EVENT_STEP_DOWN,
	VRRP_EVENT_ADDRESS_LOST, /* an address of the Active is gone from the kernel */
	VRRP_EVENT_FAULT,
	VRRP_EVENT_RECOVER, /* the outside faults are gone, or the primary address changed */
};

struct vrrp_event {
	enum vrrp_event_type type;
	union {
		struct {
			struct addr source;
			uint16_t interval_cs; /* not 0 */
			uint8_t priority;
		} advert;
		uint8_t priority;	/* PRIORITY: 1..254 */
		int64_t hold_us;	/* STEP_DOWN: stay lowest for so long */
		enum vrrp_reason fault; /* FAULT: VRRP_REASON_NO_INTERFACE or later */
		struct addr primary;	/* RECOVER: the address that adverts are sent from */
	};
};

enum vrrp_action_type {
	VRRP_ACTION_SEND_ADVERT,
	VRRP_ACTION_ADD_ADDRESSES, /* idempotent: also refreshes the lease */
	VRRP_ACTION_REMOVE_ADDRESSES,
	VRRP_ACTION_ANNOUNCE,
	VRRP_ACTION_NOTIFY,
};

struct vrrp_action {
	enum vrrp_action_type type;
	uint8_t priority;	 /* SEND_ADVERT */
	enum vrrp_state state;	 /* NOTIFY: the state entered */
	enum vrrp_reason reason; /* NOTIFY */
};

#define VRRP_ACTIONS_MAX 6

struct vrrp_actions {
	unsigned count;
	struct vrrp_action list[VRRP_ACTIONS_MAX];
};

struct vrrp {
	struct vrrp_config config;
	enum vrrp_state state;
	enum vrrp_reason reason;
	bool started;	     /* between STARTUP and SHUTDOWN */
	bool shutting_down;  /* Active, and the handover ends in Initialize */
	uint8_t priority;    /* by readiness; see vrrp_priority() for what is advertised */
	struct addr primary; /* unspecified until the first RECOVER */
	uint16_t active_adver_interval_cs;
	/* Backup: the Active that is followed, and when it spoke last; priority 0 = there is none.
	 */
	uint8_t active_priority;
	struct addr active_address;
	struct instant active_heard;

	/* Timers; INSTANT_NEVER when not set. */
	struct instant active_down; /* Backup: Active_Down_Timer */
	struct instant adver;	    /* Active: Adver_Timer */
	struct instant given_up;    /* Active: Active_Down_Interval after the last advert */
	struct instant handover;    /* Active, leaving: nobody has taken over by then */
	struct instant refresh;	    /* Active: the lease */
	struct instant announce;    /* Active: the next announcement */
	struct instant retry;	    /* Initialize after a failed action */
	struct instant hold_end;    /* after STEP_DOWN: lowest until then */

	unsigned announce_step;		  /* position in the schedule of ANNOUNCE */
	struct instant announced;	  /* the last announcement; meaningful while Active */
	struct instant preempt_from;	  /* preempt_delay is over */
	enum vrrp_reason takeover_reason; /* why active_down will fire */
};

/* In Initialize, not started, with NO_INTERFACE until the first RECOVER. priority is 1..254. */
void vrrp_init(struct vrrp *vr, const struct vrrp_config *config, uint8_t priority);

/* Takes other limits and timers without a change of state; running timers keep their points but
 * never grow. */
void vrrp_reconfigure(struct vrrp *vr, struct instant now, const struct vrrp_config *config);

/* One event. *out is overwritten. */
void vrrp_step(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
	       struct vrrp_actions *out);

/* When a TIMEOUT is due; INSTANT_NEVER if no timer is set. */
struct instant vrrp_deadline(const struct vrrp *vr);

/* The priority on the wire: VRRP_PRIORITY_LEAVING while leaving or held down, else vr->priority. */
uint8_t vrrp_priority(const struct vrrp *vr);

/* ADD_ADDRESSES took so long, and so much later the advert behind it was sent: a router that waited
 * for the kernel has not overslept. Without an advert behind it nothing moves. */
void vrrp_delayed(struct vrrp *vr, int64_t us);

/* RFC 9568 6.1, in microseconds, with the Active's interval as this router knows it. */
int64_t vrrp_skew_time_us(const struct vrrp *vr);
int64_t vrrp_active_down_interval_us(const struct vrrp *vr);

#endif
