/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of one virtual router (RFC 9568 6) with cpvrrp's rules PREEMPT, HANDOVER, ORDER
 * and SOCKETS FIRST. Pure: time and events come in, actions go out.
 *
 * The machine remembers facts (what it heard, what it said, since when) and computes what follows:
 * when it takes over (vrrp_takeover()) and whether others may have given it up are functions of the
 * facts and the configuration, so a change of either needs no code of its own.
 *
 * The caller carries the actions out in order. The outcome of an action comes back as an event, at
 * once and before the next action: ADDED or ADD_FAILED after ADD_ADDRESSES (which is always the
 * last one of its list), SENT or SEND_FAILED after SEND_ADVERT.
 */
#ifndef CPVRRP_CORE_VRRP_H
#define CPVRRP_CORE_VRRP_H

#include <stdint.h>

#include "core/addr.h"
#include "core/instant.h"
#include "core/vrrp_facts.h"
#include "core/vrrp_transition.h"

/* DEAF: whether the sender of an advert hears this router, by its STATUS. */
enum vrrp_hearing {
	VRRP_HEARING_UNKNOWN, /* no STATUS: another implementation, or a new member */
	VRRP_HEARING_YES,
	VRRP_HEARING_NO,
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
	VRRP_EVENT_FAULTS_GONE, /* nothing outside keeps the router from working any more */
	VRRP_EVENT_PRIMARY,	/* the primary address changed */
	VRRP_EVENT_ADDED,	/* every address is on the interface */
	VRRP_EVENT_ADD_FAILED,	/* one could not be added; none that was missing before is left */
	VRRP_EVENT_SENT,	/* the advert is on the wire */
	VRRP_EVENT_SEND_FAILED,
};

struct vrrp_event {
	enum vrrp_event_type type;
	union {
		struct {
			struct addr source;
			uint16_t interval_cs; /* not 0 */
			uint8_t priority;
			enum vrrp_hearing hearing;
			bool doubted; /* BOUNDS: the sender may not have sent it */
		} advert;
		struct vrrp_claim claim; /* STARTUP: of the process before */
		uint8_t priority;	 /* PRIORITY: 3..254, by readiness. SENT: what was sent */
		int64_t hold_us;	 /* STEP_DOWN: stay lowest for so long; 0 ends that of an
					    earlier one, but no handover under way */
		enum vrrp_fault fault;	 /* FAULT: any but NONE and ADD_FAILED */
		struct addr primary;	 /* FAULTS_GONE, PRIMARY: adverts are sent from it */
		int64_t took_us;	 /* ADDED: the kernel kept the caller waiting until now */
	};
};

/* In Initialize, not started, with NO_INTERFACE until the first FAULTS_GONE. priority is 3..254. */
void vrrp_init(struct vrrp *vr, const struct vrrp_config *config, uint8_t priority);

/* Takes other limits and intervals without a change of state. */
void vrrp_reconfigure(struct vrrp *vr, struct instant now, const struct vrrp_config *config);

/* One event. *out is overwritten. */
void vrrp_step(struct vrrp *vr, struct instant now, const struct vrrp_event *event,
	       struct vrrp_actions *out);

#endif
