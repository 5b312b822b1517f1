/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that must hold: safety after every event, liveness once the faults are over.
 *
 *	check_client	the client is served
 *	check_holders	who holds the VIP, and who is Active, at the same time
 *	check_group	the group: STATUS messages, and who knows whom
 *	check_router	one router: its timers, addresses, adverts and announcements
 *	check_election	one router: the adverts that reach it, and its transitions
 *	check_start	a process that starts after another one
 *	check_health	how many successes make a node ready
 *	check_connection	no connection ends whose own member lives
 *	blame		until when a fault may be felt, and where
 */
#include <stdarg.h>

#include "sim/check.h"

void check_broken(struct sim *sim, enum sim_rule rule, const char *format, ...)
{
	va_list arguments;

	if (sim->check.broken)
		return;
	sim->check.broken = true;
	sim->check.rule = rule;
	va_start(arguments, format);
	vsnprintf(sim->check.detail, sizeof(sim->check.detail), format, arguments);
	va_end(arguments);
}

int64_t check_tail_us(const struct sim *sim)
{
	return 5 * sim->interval_max_us + ANNOUNCER_SPACING_US + sim->check.slack_us;
}

int64_t check_interval_us(const struct router *router)
{
	return router->vrrp.config.advert_int_cs * SIM_CS;
}

/* TENURE: the two lowest priorities of a band are those of new Actives. */
uint8_t check_priority_at(const struct node *node, const struct router *router,
			  enum priority_tenure tenure)
{
	static const uint8_t lowest[PRIORITY_BAND_COUNT] = {[PRIORITY_BAND_DOWN] = 3,
							    [PRIORITY_BAND_ANSWERING] = 87,
							    [PRIORITY_BAND_READY] = 171};
	enum priority_band band = health_band(&node->engine.health);
	uint8_t own = priority_in_band(router_ready_priority(router), band);
	uint8_t least = (uint8_t)(lowest[band] + (unsigned)tenure);

	return tenure < PRIORITY_TENURE_LONG || own < least ? least : own;
}

/* The lowest while the router leaves or is held down, else by readiness. */
uint8_t check_priority(const struct node *node, const struct router *router)
{
	const struct watch *watch = check_watched(node, router);

	if (watch->leaving || watch->held)
		return PRIORITY_LEAVING;
	if (watch->notified == VRRP_STATE_ACTIVE)
		return check_priority_at(node, router, watch->tenure);
	return priority_in_band(router_ready_priority(router), health_band(&node->engine.health));
}

void check_init(struct sim *sim, int64_t started)
{
	struct check *check = &sim->check;

	*check = (struct check){0};
	check->slack_us = 2 * (sim->segment.delay_us + sim->segment.jitter_us) + 2 * SIM_MS;
	check->grace_us = check->slack_us + ANNOUNCER_SPACING_US;
	check->faults_until = started + sim->interval_max_us + check_tail_us(sim);
	check->held_from = check->faults_until;
	check->served_from = check->faults_until;
}

void check_time(struct sim *sim, int64_t next)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		unsigned holders = sim->check.holders[family];

		if (!(sim->families & 1u << family))
			continue;
		check_outage(sim, (enum addr_family)family, next);
		if ((holders & (holders - 1)) != 0)
			check_pairs(sim, (enum addr_family)family, next);
	}
}

void check_stable_end(struct sim *sim)
{
	check_client_at_end(sim);
	check_stable_begin(sim);
}
