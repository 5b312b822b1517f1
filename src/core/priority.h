/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number line of the VRRP Priority field (RFC 9568 5.2.4), all of it in one place (rule BANDS):
 *
 *	0		the Active stops (RFC 9568)
 *	1		leaving: the router hands its role over (rule HANDOVER)
 *	2..86		band "down"; cpvrrp itself uses 3..86
 *	87..170		band "answering"
 *	171..254	band "ready"
 *	255		an address owner (RFC 9568); cpvrrp never is one. Counts as ready.
 *
 * A router's place within a band is the same in each: a higher band outranks a lower one whatever
 * the configuration says. Values that other implementations send fall into the band of their
 * number. The two lowest places are those of a new Active (rule TENURE): an Active whose own place
 * is one of them advertises the third.
 */
#ifndef CPVRRP_CORE_PRIORITY_H
#define CPVRRP_CORE_PRIORITY_H

#include <stdint.h>

#include "core/addr.h"

#define PRIORITY_STOP 0
#define PRIORITY_LEAVING 1
#define PRIORITY_BAND_SIZE 84
#define PRIORITY_ANSWERING_MIN 87
#define PRIORITY_READY_MIN 171
#define PRIORITY_READY_MAX 254
#define PRIORITY_OWNER 255

/* In ascending order of rank. */
enum priority_band {
	PRIORITY_BAND_LEAVING, /* 0 and 1: any other router is better */
	PRIORITY_BAND_DOWN,
	PRIORITY_BAND_ANSWERING,
	PRIORITY_BAND_READY,
};
#define PRIORITY_BAND_COUNT (PRIORITY_BAND_READY + 1)

/* "leaving", "down", "answering", "ready". */
const char *priority_band_name(enum priority_band band);

/* The band of a priority on the wire. */
enum priority_band priority_band(uint8_t priority);

/* The priority that a node advertises: ready_priority is its place in the band "ready", 171..254.
 * Not for PRIORITY_BAND_LEAVING. */
uint8_t priority_in_band(uint8_t ready_priority, enum priority_band band);

/* The priority that an Active advertises in place of its own. tenure is how long it has served:
 * PRIORITY_TENURE_NONE and PRIORITY_TENURE_SHORT give the two lowest priorities of the band. */
enum priority_tenure {
	PRIORITY_TENURE_NONE,
	PRIORITY_TENURE_SHORT,
	PRIORITY_TENURE_LONG, /* or never in doubt: its own */
};
uint8_t priority_of_active(uint8_t priority, enum priority_tenure tenure);

/* `priority = auto`: 171 + (61 * n) mod 84, n = the low 16 bits of the primary address. 61 and 84
 * have no common factor, so 84 neighbouring addresses have different priorities. */
uint8_t priority_auto(const struct addr *primary);

#endif
