/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/rule.h"

#include <assert.h>
#include <inttypes.h>

struct rule {
	const char *name;
	const char *sentence;
};

/* Words: the claim of an Active expires when every Backup may have taken over, Active_Down_Interval
 * after the last advert. An advert is preemptible for a Backup that may take the role from its
 * sender. Names in capitals are the rules of doc/design.md. */
static const struct rule rules[] = {
	[RULE_HOLDER_IN_REACH] =
		{
			"a node that the client reaches holds the VIP",
			"The client need not know it. An outage may last for a grace, or as long "
			"as a fault excuses it.",
		},
	[RULE_SERVED] =
		{
			"the client is served",
			"The node whose announcement the client heard last holds the VIP and "
			"answers, with the same exceptions.",
		},
	[RULE_SERVED_IN_SUM] =
		{
			"all outages together last one grace per cause at most",
			"Causes are faults, their ends and their repetitions. Excused outages do "
			"not count.",
		},
	[RULE_SERVED_AT_END] =
		{
			"the client is served at the end",
			"The faults are over and healed, and some node reaches the client.",
		},

	[RULE_LEASE_ENDS] =
		{
			"a dead node holds the VIP beside another for one lease at most",
			"The kernel removes the addresses of a dead or frozen process when their "
			"lease ends (LEASE).",
		},
	[RULE_TWO_HOLDERS] =
		{
			"two nodes that hear each other do not both hold the VIP",
			"Both may for one advertisement interval of the slower one, until the "
			"better one's advert arrives.",
		},
	[RULE_ONE_ACTIVE] =
		{
			"each connected part has exactly one Active",
			"The faults are over and healed: at the beginning and at the end of the "
			"stable phase.",
		},
	[RULE_BEST_ACTIVE] =
		{
			"no node of a connected part would preempt its Active",
			"The Active is ready if any node of the part is (PREEMPT).",
		},

	[RULE_ACTIVE_SENDS] =
		{
			"only an Active sends adverts",
			"A Backup sends none but the advert of its takeover (RFC 9568 6.4.2).",
		},
	[RULE_ACTIVE_ANNOUNCES] =
		{
			"only an Active that is not leaving announces",
			"The successor's announcement must be the last one that neighbours hear "
			"(HANDOVER).",
		},
	[RULE_ANNOUNCES_FIRST] =
		{
			"a takeover announces before it sends its first advert",
			"Neighbours know the new holder when the advert makes the old one let go "
			"(ORDER).",
		},
	[RULE_ADVERT_HOLDS] =
		{
			"a router that sends an advert holds the addresses",
			"A router claims the role only while it can answer for the VIP (ORDER).",
		},
	[RULE_ANNOUNCEMENT_HOLDS] =
		{
			"a router that announces holds the addresses",
			"A router attracts clients only while it can answer them (ORDER).",
		},
	[RULE_DRAINS_FIRST] =
		{
			"an Active whose claim has expired sends nothing before it drains its "
			"sockets",
			"Another router may be Active by now. Announcements count too (SOCKETS "
			"FIRST).",
		},
	[RULE_STAYS_LOWEST] =
		{
			"a router that has stepped down sends the lowest priority until its hold "
			"is over",
			"Every other router is better meanwhile (HANDOVER).",
		},
	[RULE_FOLLOWS_READINESS] =
		{
			"an advert carries the priority of the node's readiness",
			"A new Active's is the lowest or second lowest of the band (TENURE); 0 "
			"and 1 are right too: the router stops, leaves or is held down (BANDS).",
		},
	[RULE_MUTE_IS_SILENT] =
		{
			"an Active whose claim has expired announces only after an advert",
			"Another router may be Active, and where this one cannot send, the other "
			"cannot answer (SOCKETS FIRST).",
		},
	[RULE_ADVERT_PER_EVENT] =
		{
			"an event makes a router send one advert at most",
			"Events are a packet, a timeout, a reload, a change of readiness and the "
			"like.",
		},
	[RULE_ADVERT_PER_INTERVAL] =
		{
			"Adver_Timer sends one advert per interval at most",
			"A late advert does not move the following ones.",
		},
	[RULE_NEW_PRIORITY] =
		{
			"an Active sends a new priority at once",
			"The Skew_Time of a ready Backup starts from the advert of an Active "
			"that has become unready (BANDS).",
		},
	[RULE_NEW_SOURCE] =
		{
			"an Active sends from a new primary address at once",
			"The primary address is the source of each advert (RFC 9568 7.2).",
		},
	[RULE_DISTURBED] =
		{
			"an Active announces again after its carrier came back",
			"A switch may have forgotten the port (ANNOUNCE).",
		},

	[RULE_ACTIVE_HOLDS] =
		{
			"an Active holds every address",
			"After each turn that has seen everything that others did to the "
			"addresses (RECONCILE).",
		},
	[RULE_OTHERS_DO_NOT_HOLD] =
		{
			"only an Active holds an address",
			"After such a turn. Without a primary address a router leaves the "
			"addresses alone (RECONCILE); a Backup that has heard no Active leaves "
			"those of the process before (RESUME).",
		},
	[RULE_LEASE_REFRESHED] =
		{
			"an Active refreshes its addresses before their lease ends",
			"A lease that ends on a node that was awake for as long leaves nothing "
			"missing (LEASE).",
		},

	[RULE_GAP] =
		{
			"an own address that is gone for less than an interval ends no role",
			"Unless the interface goes or its carrier changes too.",
		},
	[RULE_LONG_GAP] =
		{
			"an Active gives up when its own address has been gone for an interval",
			"It has nothing to send adverts from (RFC 9568 7.2).",
		},

	[RULE_DEADLINE] =
		{
			"a router has a deadline",
			"Only a router that waits in Initialize for news from outside has none.",
		},
	[RULE_BACKUP_WAITS] =
		{
			"a Backup waits for one Active_Down_Interval at most",
			"Active_Down_Interval is less than four intervals of the Active (RFC "
			"9568 6.1).",
		},
	[RULE_ADVER_TIMER] =
		{
			"an Active's next advert is due within an interval",
			"Adver_Timer is set to Advertisement_Interval at most (RFC 9568 6.4.3).",
		},
	[RULE_NOTHING_LEFT_DUE] =
		{
			"two turns do not leave a deadline in the past",
			"One turn may: a second timer that is due waits for the next turn.",
		},
	[RULE_FLOOD] =
		{
			"a flood holds timers up for less than ENGINE_UNDRAINED_MAX turns",
			"Timers run in that turn although there is more to read (SOCKETS FIRST).",
		},
	[RULE_SHUTDOWN_ENDS] =
		{
			"a shutdown is over after one interval",
			"There may be no successor to wait for (HANDOVER).",
		},
	[RULE_NOTIFIED] =
		{
			"every transition is notified",
			"After each turn the state that was notified last is the state of the "
			"machine.",
		},
	[RULE_MEMORY] =
		{
			"a reload has the memory that it needs",
			"No fault takes memory away.",
		},

	[RULE_VALID_ACCEPTED] =
		{
			"a valid advert is accepted",
			"The advert of another node, unchanged on its way, passes every check "
			"(REJECT).",
		},
	[RULE_INVALID_REFUSED] =
		{
			"an invalid advert is refused",
			"Adverts with a defect or a flipped bit, and the node's own, do not pass "
			"(REJECT).",
		},
	[RULE_REFUSED_CHANGES_NOTHING] =
		{
			"a refused advert changes nothing but a counter",
			"No timer, no state and no learned value changes (REJECT).",
		},
	[RULE_NEVER_POSTPONED] =
		{
			"a preemptible advert never postpones the takeover",
			"Active_Down_Timer becomes min(what is left, Skew_Time) (PREEMPT).",
		},
	[RULE_PRIORITY_ZERO_HEARD] =
		{
			"after priority 0 a takeover is due within an interval",
			"Active_Down_Timer becomes Skew_Time (RFC 9568 6.4.2).",
		},
	[RULE_EXPIRED_YIELDS] =
		{
			"an Active whose claim has expired yields in silence to any advert",
			"Its sender may have taken over. Priority 0 leaves nobody to yield to "
			"(SOCKETS FIRST).",
		},
	[RULE_STOP_NEVER_POSTPONES] =
		{
			"priority 0 never postpones the takeover",
			"min(remaining, Skew_Time): the end of a role is no reason to wait "
			"(BOUNDS).",
		},

	[RULE_READY_HEARD] =
		{
			"no takeover from a ready Active that is heard",
			"From its last advert a Backup waits for Active_Down_Interval, and for "
			"three intervals before it preempts an unready router beside it (RFC "
			"9568 6.4.2).",
		},
	[RULE_UNREADY_HEARD] =
		{
			"no timeout takes over from an unready Active that is heard",
			"A Backup that does not preempt it waits for three intervals at least "
			"(RFC 9568 6.4.2).",
		},
	[RULE_PREEMPTIBLE_HEARD] =
		{
			"no preemption without a preemptible advert",
			"Such an advert has arrived since the router became Backup (PREEMPT).",
		},
	[RULE_NO_RELIEF_BY_UNREADY] =
		{
			"an unready node does not take over from a ready Active",
			"The ready one is alive for three intervals after its last advert "
			"(PREEMPT).",
		},
	[RULE_READY_PREEMPTS] =
		{
			"an Active is preempted by a Backup of a higher band only",
			"Between nodes of one band the VIP stays where it is (PREEMPT).",
		},
	[RULE_PREEMPT_DELAY] =
		{
			"no node preempts an unready Active before its preempt_delay is over",
			"The delay counts from the start or from becoming ready (PREEMPT).",
		},
	[RULE_SKEW_TIME] =
		{
			"after priority 0 a Backup waits Skew_Time",
			"The best Backup is the first one to take over (RFC 9568 6.4.2).",
		},

	[RULE_YIELDS_TO_BETTER] =
		{
			"an Active yields only to a better router",
			"A better one has a greater priority, or the same and a greater address "
			"(RFC 9568 6.4.3).",
		},
	[RULE_TENURE] =
		{
			"an Active does not yield to a newer one of its band",
			"An Active that took over by time-out soon after it began to listen may "
			"have been deaf (TENURE).",
		},
	[RULE_DOUBT] =
		{
			"that a router leaves is doubted once it has taken it back twice",
			"Within a minute: then somebody else says so in its name (BOUNDS). An "
			"Active that has gone on once may have called a step-down off.",
		},
	[RULE_DEAF] =
		{
			"an Active does not yield to one of its band that does not hear it",
			"By its living STATUS, which the Active has got for three intervals "
			"(DEAF).",
		},
	[RULE_YIELDS] =
		{
			"an Active yields to any other better router",
			"A better one has a greater priority, or the same and a greater address "
			"(RFC 9568 6.4.3).",
		},
	[RULE_PRIORITY_ZERO_SENT] =
		{
			"an Active that leaves without a successor sends priority 0",
			"Backups then wait for Skew_Time instead of Active_Down_Interval (RFC "
			"9568 6.4.3).",
		},
	[RULE_FAILED_REFRESH] =
		{
			"a failed refresh of the lease does not end the role",
			"All addresses are there, and there is time for another attempt (LEASE).",
		},
	[RULE_CLAIM_LASTS] =
		{
			"a claim does not expire within three intervals of an advert",
			"Backups wait for more than three intervals (SOCKETS FIRST).",
		},
	[RULE_STATE_CHANGES] =
		{
			"a transition changes the state",
			"Only a transition from Initialize to Initialize need not: it names "
			"another fault.",
		},
	[RULE_STABLE] =
		{
			"nothing changes when all is well",
			"No router has a transition in the stable phase.",
		},

	[RULE_RESUMED] =
		{
			"only an Active that was killed less than three intervals after an advert "
			"resumes",
			"Nobody can have taken over. It goes on in the band that the advert said "
			"(RESUME).",
		},
	[RULE_RESUMES] =
		{
			"an Active that starts again while its claim lasts resumes",
			"Unless the file with the claim is gone, or the router lacks something "
			"(RESUME).",
		},
	[RULE_RESUMED_SPEAKS] =
		{
			"a resumed Active announces and advertises in its first turn",
			"Backups count from its last advert, and neighbours may have asked in vain "
			"(RESUME).",
		},

	[RULE_DAMPED] =
		{
			"a node is not ready before the successes that DAMPING asks for",
			"`rise`, doubled for each loss of readiness as Active within ten minutes, "
			"up to 32 times; the very first success counts at once (HEALTH, DAMPING).",
		},
	[RULE_READY_AGAIN] =
		{
			"a node is ready after these successes",
			"No more of them are asked for (HEALTH, DAMPING).",
		},

	[RULE_STATUS_CHANGES_GROUP] =
		{
			"a STATUS changes what is known of the group, and nothing else",
			"No timer, no state, no advert (GROUP).",
		},
	[RULE_STATUS_RATE] =
		{
			"a node sends no storm of STATUS messages",
			"One a second, and changes are damped (GROUP).",
		},
	[RULE_MEMBERS_KNOWN] =
		{
			"every node knows all nodes of its connected part",
			"Role and priority of each, and that they hear each other: at the "
			"beginning "
			"and at the end of the stable phase.",
		},

	[RULE_CONNECTION_KEPT] =
		{
			"no connection ends whose own member lives",
			"Whichever node its packets come to, they find it (BALANCE); "
			"check_connection.c has the excuses.",
		},
	[RULE_WALK_ENDS] =
		{
			"a packet is passed on once for each live member at most",
			"Nodes that have heard different facts do not pass it on for ever "
			"(BALANCE).",
		},
	[RULE_CONNECTION_GOES_ON] =
		{
			"an open connection goes on when all is well",
			"Its next packet comes to its own member: at the beginning and at the end "
			"of the stable phase (BALANCE).",
		},
	[RULE_CONNECTION_NEW] =
		{
			"a new connection comes to a member of the best band",
			"A ready one, if any of the part is: at the beginning and at the end of "
			"the "
			"stable phase (BALANCE).",
		},

	[RULE_NO_STORM] =
		{
			"there is no storm of adverts",
			"Adverts do not provoke each other without end: fewer than "
			"SIM_MESSAGES_MAX are under way.",
		},
};
static_assert(sizeof(rules) / sizeof(rules[0]) == RULE_COUNT, "each rule has a row");

const char *rule_name(enum sim_rule rule)
{
	return rules[rule].name;
}

void rule_list(FILE *file)
{
	for (unsigned rule = 0; rule < RULE_COUNT; rule++)
		fprintf(file, "%s\n\t%s\n", rules[rule].name, rules[rule].sentence);
}

void rule_print_counts(const struct rule_count counts[RULE_COUNT], FILE *file)
{
	fprintf(file, "%12s %12s %8s  %s\n", "evaluated", "excused", "percent", "rule");
	for (unsigned rule = 0; rule < RULE_COUNT; rule++) {
		uint64_t evaluated = counts[rule].evaluated, excused = counts[rule].excused;

		fprintf(file, "%12" PRIu64 " %12" PRIu64 " %8.2f  %s\n", evaluated, excused,
			evaluated > 0 ? 100.0 * (double)excused / (double)evaluated : 0.0,
			rules[rule].name);
	}
}
