/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtual router asks of its caller (actions), and the transitions between its states: what
 * is set, and what is asked for, when it enters a state or its role ends. core/vrrp decides when
 * that happens, and only core/vrrp calls the functions.
 */
#ifndef CPVRRP_CORE_VRRP_TRANSITION_H
#define CPVRRP_CORE_VRRP_TRANSITION_H

#include <stdint.h>

#include "core/instant.h"
#include "core/vrrp_facts.h"

enum vrrp_action_type {
	VRRP_ACTION_SEND_ADVERT,
	VRRP_ACTION_ADD_ADDRESSES, /* idempotent: also refreshes the lease */
	VRRP_ACTION_REMOVE_ADDRESSES,
	VRRP_ACTION_ANNOUNCE,
	VRRP_ACTION_NOTIFY, /* the state or its fault has changed */
};

struct vrrp_transition {
	enum vrrp_state from;
	enum vrrp_state to;
	enum vrrp_reason reason;
	enum vrrp_fault fault; /* NONE unless reason is FAULT */
};

struct vrrp_action {
	enum vrrp_action_type type;
	uint8_t priority;		   /* SEND_ADVERT */
	struct vrrp_transition transition; /* NOTIFY */
};

#define VRRP_ACTIONS_MAX 3

struct vrrp_actions {
	unsigned count;
	struct vrrp_action list[VRRP_ACTIONS_MAX];
};

/* Appends an action, which the caller fills. */
struct vrrp_action *vrrp_act(struct vrrp_actions *out, enum vrrp_action_type type);
void vrrp_send_advert(struct vrrp_actions *out, uint8_t priority);

/* The fault is NONE unless the reason is FAULT. While shutting down the router ends. */
void vrrp_enter_initialize(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
			   enum vrrp_fault fault, struct vrrp_actions *out);

/* Active_Down_Timer begins anew: what was heard before is forgotten. */
void vrrp_enter_backup(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
		       struct vrrp_actions *out);

/* From Backup, when the addresses are there. */
void vrrp_enter_active(struct vrrp *vr, struct instant now, struct vrrp_actions *out);

/* RESUME: from Initialize, while the claim lasts. */
void vrrp_resume(struct vrrp *vr, struct instant now, const struct vrrp_claim *claim,
		 struct vrrp_actions *out);

/* The role ends: for good while shutting down, else as Backup. */
void vrrp_leave_active(struct vrrp *vr, struct instant now, enum vrrp_reason reason,
		       struct vrrp_actions *out);

/* LEASE: the next refresh. */
void vrrp_set_refresh(struct vrrp *vr, struct instant now);

/* RFC 9568 6.4: set Adver_Timer to Advertisement_Interval. */
void vrrp_set_adver(struct vrrp *vr, struct instant now);

/* What others count from: an advert is on the wire, or this router has taken over. */
void vrrp_say(struct vrrp *vr, struct instant now);

#endif
