/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of one virtual router: its configuration, its state, what it heard, what it said and
 * since when. What follows from them is computed here: the priority on the wire, Skew_Time and
 * Active_Down_Interval (RFC 9568 6.1), when and why a Backup takes over, whether the claim of an
 * Active has expired. No function here changes a router; core/vrrp and core/vrrp_transition do.
 */
#ifndef CPVRRP_CORE_VRRP_FACTS_H
#define CPVRRP_CORE_VRRP_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/announcer.h"
#include "core/instant.h"
#include "core/priority.h"

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

/* Why a router is in its state, for people: the machine never asks. */
enum vrrp_reason {
	VRRP_REASON_STARTUP,	     /* not started yet, or just started */
	VRRP_REASON_RESUMED,	     /* started while the claim of an earlier process lasts */
	VRRP_REASON_RECOVERED,	     /* a fault has gone */
	VRRP_REASON_ACTIVE_DOWN,     /* nothing heard for Active_Down_Interval */
	VRRP_REASON_ACTIVE_STOPPED,  /* the Active sent priority 0 */
	VRRP_REASON_ACTIVE_LEAVING,  /* the Active sent priority 1 */
	VRRP_REASON_ACTIVE_UNREADY,  /* the Active is in a lower band */
	VRRP_REASON_ACTIVE_LOWER,    /* the Active's priority is lower, and preempt is `always` */
	VRRP_REASON_HIGHER_PRIORITY, /* a better router's advert */
	VRRP_REASON_CLAIM_EXPIRED,   /* silent for Active_Down_Interval while Active, and another
					Active was heard */
	VRRP_REASON_STEP_DOWN,
	VRRP_REASON_SHUTDOWN,
	VRRP_REASON_FAULT, /* see enum vrrp_fault */
};
#define VRRP_REASON_COUNT (VRRP_REASON_FAULT + 1)

/* The word in state and metrics: "startup", "active_down", ... */
const char *vrrp_reason_name(enum vrrp_reason reason);

/* What keeps a router in Initialize. */
enum vrrp_fault {
	VRRP_FAULT_NONE,
	VRRP_FAULT_NO_INTERFACE, /* the interface does not exist */
	VRRP_FAULT_IS_PORT,	 /* of a bridge or bond, which takes what the interface receives */
	VRRP_FAULT_LINK_DOWN,	 /* administratively down or no carrier */
	VRRP_FAULT_NO_ADDRESS,	 /* no address of the family to send from */
	VRRP_FAULT_DUPLICATE_ADDRESS, /* another host has the address to send from */
	VRRP_FAULT_NOT_A_PEER,	      /* no address of the interface is in unicast_peer */
	VRRP_FAULT_NO_SOCKET,	      /* the raw socket cannot be opened */
	VRRP_FAULT_ADD_FAILED, /* an address could not be added; tried again after VRRP_RETRY_US */
};
#define VRRP_FAULT_COUNT (VRRP_FAULT_ADD_FAILED + 1)

/* The word in state and metrics: "none", "no_interface", ... */
const char *vrrp_fault_name(enum vrrp_fault fault);

/* The fault's word if the reason is FAULT, else the reason's. */
const char *vrrp_why_name(enum vrrp_reason reason, enum vrrp_fault fault);

#define VRRP_RETRY_US SECOND_US /* Initialize after ADD_FAILED */
#define VRRP_INTERVAL_FACTOR 4	/* BOUNDS: a longer interval is followed as so many times ours */

/* TENURE: a takeover by time-out so soon after the router began to listen makes a new Active: the
 * longer of these two. The first time-out comes before the fourth interval. */
#define VRRP_NEW_US (5 * SECOND_US)
#define VRRP_NEW_INTERVALS 5
/* How long a new Active advertises the lowest and the second lowest priority of its band. */
#define VRRP_TENURE_SHORT_US (5 * SECOND_US)
#define VRRP_TENURE_LONG_US (60 * SECOND_US)

struct vrrp_config {
	enum vrrp_preempt preempt;
	uint16_t advert_int_cs;	     /* Advertisement_Interval, 1..4095 */
	int64_t preempt_delay_us;    /* after becoming ready; 0 = at once */
	int64_t address_refresh_us;  /* between refreshes of the lease; 0 = never */
	int64_t announce_refresh_us; /* after the first five; 0 = never */
};

bool vrrp_config_equal(const struct vrrp_config *a, const struct vrrp_config *b);

/* Advertisement_Interval. */
int64_t vrrp_config_interval_us(const struct vrrp_config *config);

/* What gives an Active the right to its role until Active_Down_Interval after it. A process that
 * starts again gets the one of the process before it (rule RESUME). */
struct vrrp_claim {
	struct instant at;    /* the last advert on the wire; the takeover, before the first one */
	uint16_t interval_cs; /* that it carried; 0 = there is no claim */
	uint8_t priority;     /* of the router's timers then, which TENURE leaves alone */
	/* The ends of a new Active's tenure; INSTANT_NEVER = over. */
	struct instant tenure_short;
	struct instant tenure_long;
};

enum vrrp_timer {
	VRRP_TIMER_ADVER,	 /* Active: Adver_Timer */
	VRRP_TIMER_REFRESH,	 /* Active: the lease */
	VRRP_TIMER_HANDOVER,	 /* Active, leaving: nobody has taken over by then */
	VRRP_TIMER_TENURE_SHORT, /* Active, new: lowest of its band until then, */
	VRRP_TIMER_TENURE_LONG,	 /* and second lowest until then */
	VRRP_TIMER_RETRY,	 /* Initialize after ADD_FAILED */
	VRRP_TIMER_HOLD,	 /* any state, after STEP_DOWN: lowest until then */
};
#define VRRP_TIMER_COUNT (VRRP_TIMER_HOLD + 1)

/* An advert of another router. */
struct vrrp_heard {
	struct addr address;
	uint8_t priority;
	uint16_t interval_cs;
	bool first; /* of a new Active: its interval is not believed yet (BOUNDS) */
	struct instant at;
};

struct vrrp {
	struct vrrp_config config;
	enum vrrp_state state;
	enum vrrp_reason reason;
	enum vrrp_fault fault;	     /* NONE in Backup and Active */
	bool started;		     /* between STARTUP and the end of SHUTDOWN */
	bool shutting_down;	     /* Active, and the handover ends in Initialize */
	uint8_t priority;	     /* by readiness; see vrrp_priority() for what is advertised */
	struct instant preempt_from; /* the end of preempt_delay */
	struct instant listens_from; /* STARTUP, or FAULTS_GONE if that came later */
	struct addr primary;	     /* unspecified until the first FAULTS_GONE */
	struct instant timers[VRRP_TIMER_COUNT]; /* INSTANT_NEVER when not set */

	struct vrrp_claim said; /* without tenure, which is in the timers */

	/* Meaningful in Backup. */
	struct {
		/* The last advert of the Active; priority 0: it has stopped, or, with `at` never,
		 * none was heard. */
		struct vrrp_heard heard;
		/* What Active_Down_Timer counts from: the last advert that spoke against a
		 * takeover, or, with interval_cs 0, the entry into the state. */
		struct vrrp_heard followed;
		/* Since when the Active has stopped, or is in a lower band with preempt_delay over
		 * (which may lie ahead); INSTANT_NEVER: neither. */
		struct instant lower_since;
		/* BOUNDS: since `heard` that Active is said to leave, which is doubted. */
		bool doubted;
		uint8_t doubted_priority; /* 0 or 1; meaningful if doubted */
	} backup;

	/* Meaningful in Active. */
	struct announcer announcer;
};

/* When a TIMEOUT is due; INSTANT_NEVER if nothing is waited for. */
struct instant vrrp_deadline(const struct vrrp *vr);

/* The priority on the wire: PRIORITY_LEAVING while leaving or held down; a new Active's by its
 * tenure; else vr->priority. */
uint8_t vrrp_priority(const struct vrrp *vr);

/* When a new Active advertises its own priority; INSTANT_NEVER if it does, and in other states. */
struct instant vrrp_tenure_ends(const struct vrrp *vr);

/* When and why this Backup takes over if it hears nothing more (Active_Down_Timer). */
struct vrrp_takeover {
	struct instant at;
	enum vrrp_reason reason;
};
struct vrrp_takeover vrrp_takeover(const struct vrrp *vr);

/* The Active that this Backup knows; NULL in other states or if it knows none. */
const struct vrrp_heard *vrrp_active_heard(const struct vrrp *vr);

/* SOCKETS FIRST: whether Active_Down_Interval has passed since the last advert on the wire, so that
 * a Backup may have taken over. Of an Active alone. */
bool vrrp_claim_expired(const struct vrrp *vr, struct instant now);

/* RESUME: the claim of this router to hand on; none unless it is Active and does not leave. */
struct vrrp_claim vrrp_claim(const struct vrrp *vr);

/* RESUME: whether nobody can have taken over, so that a router that starts goes on as Active. */
bool vrrp_claim_lasts(const struct vrrp_claim *claim, struct instant now);

/* RFC 9568 6.1, in microseconds, with the Active's interval as this router follows it. */
int64_t vrrp_skew_time_us(const struct vrrp *vr);
int64_t vrrp_active_down_interval_us(const struct vrrp *vr);

/* The invariants, as asserts; after every step. */
void vrrp_assert(const struct vrrp *vr);

/* The rest is for core/vrrp and core/vrrp_transition. */

bool vrrp_is_set(const struct vrrp *vr, enum vrrp_timer timer);
bool vrrp_is_due(const struct vrrp *vr, enum vrrp_timer timer, struct instant now);

/* HANDOVER: whether the Active advertises priority 1 until another router has taken over. */
bool vrrp_is_leaving(const struct vrrp *vr);

/* What the router's timers and PREEMPT go by: vrrp_priority() without TENURE. */
uint8_t vrrp_own_priority(const struct vrrp *vr);

/* Advertisement_Interval. */
int64_t vrrp_own_interval_us(const struct vrrp *vr);

/* Of a Backup: whether the Active that it knew has sent priority 0. */
bool vrrp_has_stopped(const struct vrrp *vr);

/* PREEMPT, of a Backup: whether the Active that it knows is in a lower band, and whether this
 * router may take the role from it. */
bool vrrp_is_lower_band(const struct vrrp *vr);
bool vrrp_preempts(const struct vrrp *vr);

/* BOUNDS: the interval of the Active, as far as this router believes it. */
int64_t vrrp_believed_interval_us(const struct vrrp *vr, const struct vrrp_heard *heard);

#endif
