/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client must be served all the time, except that
 *
 *  - an outage no longer than grace_us breaks no rule: the announcement and the advert of the new
 *    holder go to the client and to the old holder on different links, and either may arrive first.
 *    And where two routers take over at once, or the old holder announces just then, the loser may
 *    be heard last; the winner answers no sooner than ANNOUNCER_SPACING_US after its own
 *    announcement.
 *  - a fault excuses an outage, unless it is harmless; blame.c says until when.
 *  - check_tail_us() of it follows from the worst case: when the fault ends, no router is Active
 * and every Backup has just begun an Active_Down_Interval (less than four intervals, as Skew_Time
 * is less than one). Then two of them take over at once, and the client heard the wrong one last.
 *    The next advert of that one, an interval later, is answered with an announcement, no sooner
 *    than ANNOUNCER_SPACING_US after the last one.
 *
 * After held_from some node within reach must hold the VIP; after served_from the client must send
 * to it.
 */
#include "sim/check.h"

void check_cause(struct sim *sim)
{
	sim->check.causes++;
}

void check_excuse(struct sim *sim, int64_t until)
{
	struct check *check = &sim->check;

	check->held_from = max(check->held_from, until);
	check->served_from = max(check->served_from, check->held_from);
}

void check_excuse_entry(struct sim *sim, int64_t until)
{
	sim->check.served_from = max(sim->check.served_from, until);
}

void check_excuse_nothing(struct sim *sim)
{
	sim->check.held_from = sim->now;
	sim->check.served_from = sim->now;
}

/* Outages that are short enough one by one may be too long in all: each cause makes one grace. */
static void check_sum(struct sim *sim, enum addr_family family, int64_t next)
{
	struct check *check = &sim->check;
	int64_t *sum_us = &check->unexcused_us[family];
	int64_t bound_us = (1 + check->causes) * check->grace_us;

	if (sim->clients[family].served ||
	    !check_applies(sim, RULE_SERVED_IN_SUM, next <= check->served_from))
		return;
	*sum_us += next - max(sim->now, check->served_from);
	if (*sum_us > bound_us)
		check_broken(sim, RULE_SERVED_IN_SUM, "%s: not for %lld us in all, %lld causes",
			     addr_family_name(family), (long long)*sum_us,
			     (long long)check->causes);
}

void check_outage(struct sim *sim, enum addr_family family, int64_t next)
{
	const struct client *client = &sim->clients[family];
	const struct check *check = &sim->check;

	if (check_applies(sim, RULE_HOLDER_IN_REACH, next <= check->held_from) && !client->held &&
	    next > client->held_since + check->grace_us)
		check_broken(sim, RULE_HOLDER_IN_REACH,
			     "%s: none since %lld us, excused until %lld us",
			     addr_family_name(family), (long long)client->held_since,
			     (long long)check->held_from);
	if (check_applies(sim, RULE_SERVED, next <= check->served_from) && !client->served &&
	    next > client->since + check->grace_us)
		check_broken(sim, RULE_SERVED, "%s: not since %lld us, excused until %lld us",
			     addr_family_name(family), (long long)client->since,
			     (long long)check->served_from);
	check_sum(sim, family, next);
}

/* The client's part of the segment may have no node. */
void check_client_at_end(struct sim *sim)
{
	for (unsigned f = 0; f < ADDR_FAMILY_COUNT; f++) {
		enum addr_family family = (enum addr_family)f;
		bool reachable = false;

		for (int i = 0; i < sim->node_count; i++)
			reachable |= node_router(&sim->nodes[i], family) &&
				     segment_hears(sim, i, SIM_CLIENT);
		if (sim->families & 1u << f && check_applies(sim, RULE_SERVED_AT_END, !reachable) &&
		    !sim->clients[family].served)
			check_broken(sim, RULE_SERVED_AT_END, "%s: n%d", addr_family_name(family),
				     sim->clients[family].entry + 1);
	}
}
