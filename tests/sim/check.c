/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true. Safety is looked at after every event; liveness once the faults are over.
 *
 * Two nodes may hold the VIP at the same time
 *
 *  - while they cannot hear each other: a cut or lossy link between them in either direction, an
 *    interface down, adverts that cannot be sent, a process dead, frozen or late, an attacker's
 *    packets. Each fault says in check_fault() until when it spoils which nodes or links.
 *  - from then on for one advertisement interval of the slower of the two, and the time a packet
 *    takes: the better one's next advert, due within its interval, makes the other let go. A
 *    handover (the new holder adds the address before the old one hears its advert) takes no more
 *    than the packet, so it needs no exception.
 *  - if one of the processes is dead or frozen, for the lease of its address and what the kernel
 *    takes to notice its end. With address_lease 0 for ever, as the manual says.
 *
 * The client must be served all the time, except that
 *
 *  - an outage no longer than grace_us is never held against anybody: the announcement and the
 *    advert of the new holder go to the client and to the old holder on different links, and either
 *    may be first. And where two take over at once, or the old holder announces just then, the
 *    loser may be heard last; the winner answers no sooner than VRRP_ANNOUNCE_SPACING_US after its
 *    own announcement.
 *  - a fault excuses it from its beginning to its end, and then for tail_us(): at worst nobody is
 *    Active when it ends and every Backup has just begun an Active_Down_Interval (less than four
 *    intervals, as the skew is less than one); then two of them take over at once and the client
 *    heard the wrong one last; the next advert of that one, an interval later, is answered with an
 *    announcement, no sooner than VRRP_ANNOUNCE_SPACING_US after the last one. A failed action adds
 *    VRRP_RETRY_US.
 *  - some node that the client could reach must hold the VIP after that. That the client sends to
 *    it may take announce_refresh longer if announcements themselves may have been lost, or if one
 *    fault came upon another: when a false Active, who could not hear the true one, is silenced,
 *    the true one cannot know that the client believes the false one.
 *  - but what must not be felt is not excused: when everything had been well for a tail (calm), a
 *    fault that does not concern the holder, a change of readiness, a reload, a planned move while
 *    a ready Backup is there, a foreign or refused packet.
 */
#include <stdarg.h>
#include <string.h>

#include "sim/sim.h"

void check_broken(struct sim *sim, const char *rule, const char *format, ...)
{
	va_list arguments;

	if (sim->check.broken)
		return;
	sim->check.broken = rule;
	va_start(arguments, format);
	vsnprintf(sim->check.detail, sizeof(sim->check.detail), format, arguments);
	va_end(arguments);
}

static int64_t tail_us(const struct sim *sim)
{
	return 5 * sim->interval_max_us + VRRP_ANNOUNCE_SPACING_US + sim->check.slack_us;
}

static int64_t interval_us(const struct router *router)
{
	return router->vrrp.config.advert_int_cs * SIM_CS;
}

/* What it has to advertise: the lowest while it leaves or is held down, else by readiness. */
static uint8_t priority_of(const struct node *node, const struct router *router)
{
	const struct watch *watch = &node->watch[router->family];

	if (watch->leaving || watch->held)
		return VRRP_PRIORITY_LEAVING;
	return health_priority(router->ready_priority, node->engine.ready);
}

/* No fault is on, and the client has been served for a tail by the only holder. */
static bool is_calm(const struct sim *sim)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const struct client *client = &sim->clients[family];
		unsigned holders = sim->check.holders[family];

		if (!(sim->families & 1u << family))
			continue;
		if (!client->served || sim->now - client->since < tail_us(sim) ||
		    (holders & (holders - 1)) != 0)
			return false;
	}
	return sim->now >= sim->check.faults_until;
}

/* Whether what happens to the node may be felt by the client. */
static bool is_involved(const struct node *node)
{
	if (node->kernel.address_count > 0)
		return true;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const struct router *router = node_router(node, (enum addr_family)family);

		if (router && router->notified == VRRP_STATE_ACTIVE)
			return true;
	}
	return false;
}

/* A Backup that must take over from a leaving Active within one skew. */
static bool is_relief(const struct node *node)
{
	struct instant now = node_clock(node, node->sim->now);

	if (!node_is_awake(node) || node->engine.shutting_down || !node->engine.ready ||
	    node->shutdown || node->clean_at > node->sim->now)
		return false;
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		const struct watch *watch = &node->watch[router->family];

		if (router->notified != VRRP_STATE_BACKUP || watch->held ||
		    !instant_due(watch->preempt_from, now))
			return false;
	}
	return true;
}

static bool has_relief(const struct sim *sim, int leaving)
{
	for (int i = 0; i < sim->node_count; i++)
		if (i != leaving && is_relief(&sim->nodes[i]))
			return true;
	return false;
}

/* 0 if an address stays for ever. */
static int64_t longest_lease_us(const struct node *node)
{
	int64_t longest_us = 0;

	for (size_t i = 0; i < node->kernel.address_count; i++) {
		if (node->kernel.addresses[i].expires == SIM_NEVER)
			return 0;
		longest_us = max(longest_us, node->kernel.addresses[i].lease_us);
	}
	return longest_us;
}

/* In a calm moment: whether the client must not feel the fault at all. */
static bool is_harmless(const struct sim *sim, const struct fault *fault)
{
	const struct node *node = &sim->nodes[fault->node];

	switch (fault->kind) {
	case FAULT_KILL:
	case FAULT_POWER:
	case FAULT_STALL:
	case FAULT_ADD_FAILS:
	case FAULT_ADDRESS_GONE:
		return !is_involved(node);
	case FAULT_LATE:
		return !is_involved(node) || (fault->amount <= sim->interval_min_us &&
					      (longest_lease_us(node) == 0 ||
					       fault->amount < longest_lease_us(node) / 2));
	case FAULT_STOP:
		/* A second signal ends the handover at once. */
		return !is_involved(node) || (fault->amount < 2 && has_relief(sim, fault->node));
	case FAULT_STEP_DOWN:
		return !is_involved(node) || has_relief(sim, fault->node);
	case FAULT_APISERVER:
	case FAULT_ALL_APISERVERS:
	case FAULT_FLAP:
	case FAULT_RELOAD:
	case FAULT_VIP_DELETED:
	case FAULT_BLINK:
	case FAULT_VIP_ADDED:
	case FAULT_FOREIGN:
	case FAULT_FLOOD:
	case FAULT_FORGE_REFUSED:
		return true;
	case FAULT_ADDRESS_CHANGED:
		return !node->settings.unicast || !is_involved(node);
	case FAULT_LINK_DOWN:
	case FAULT_INTERFACE_GONE:
		/* Back on the segment it has heard nobody yet, but waits as at start. */
		return !is_involved(node);
	case FAULT_CUT:
	case FAULT_CUT_ONE_WAY:
	case FAULT_PARTITION:
	case FAULT_LOSS:
	case FAULT_DELAY:
	case FAULT_DUPLICATE:
	case FAULT_CORRUPT:
	case FAULT_ADD_SLOW:
	case FAULT_SEND_FAILS:
	case FAULT_SOCKET_FAILS:
	case FAULT_ANNOUNCE_FAILS:
	case FAULT_ANNOUNCE_LOST:
	case FAULT_FORGE_ACCEPTED:
	case FAULT_REPLAY:
		return false;
	}
	return false;
}

/* Until when the fault spoils the node, and every link from or to it. */
static void spoil_node(struct sim *sim, int node, int64_t until)
{
	sim->nodes[node].clean_at = max(sim->nodes[node].clean_at, until);
}

static void spoil_links(struct sim *sim, const struct fault *fault, int64_t until)
{
	for (int i = 0; i < SIM_PORTS; i++)
		for (int j = 0; j < SIM_PORTS; j++) {
			bool between = (i == fault->node && j == fault->other) ||
				       (j == fault->node && i == fault->other);
			bool across = (fault->side >> i & 1) != (fault->side >> j & 1);

			if (fault->side == 0 ? between || fault->other < 0 : across)
				sim->check.links_clean_at[i][j] =
					max(sim->check.links_clean_at[i][j], until);
		}
}

/* The client is cut off, from one node or from all of them: who takes over meanwhile tells it in
 * vain. */
static bool cuts_off_client(const struct sim *sim, const struct fault *fault)
{
	unsigned nodes = (1u << sim->node_count) - 1;
	bool inside = fault->side >> SIM_CLIENT & 1;

	if (fault->kind == FAULT_PARTITION)
		return (fault->side & nodes) == (inside ? 0 : nodes);
	return (fault->kind == FAULT_CUT || fault->kind == FAULT_CUT_ONE_WAY) &&
	       fault->other == SIM_CLIENT;
}

static bool may_lose_announcements(const struct sim *sim, const struct fault *fault)
{
	if (cuts_off_client(sim, fault))
		return true;
	/* Between two nodes: what a false Active says, and the true one would have answered. */
	if (fault->kind == FAULT_LOSS || fault->kind == FAULT_CORRUPT ||
	    fault->kind == FAULT_SEND_FAILS || fault->kind == FAULT_SOCKET_FAILS)
		return true;
	if (fault->kind == FAULT_DELAY || fault->kind == FAULT_DUPLICATE)
		return fault->other < 0 || fault->other == SIM_CLIENT;
	return fault->kind == FAULT_ANNOUNCE_FAILS || fault->kind == FAULT_ANNOUNCE_LOST;
}

static int64_t refresh_us(const struct sim *sim)
{
	int64_t longest = 0;

	for (int i = 0; i < sim->node_count; i++)
		longest = max(longest, sim->nodes[i].settings.announce_refresh_s * SIM_S);
	return longest;
}

static int64_t extra_us(const struct fault *fault)
{
	if (fault->kind == FAULT_ADD_FAILS || fault->kind == FAULT_SEND_FAILS)
		return VRRP_RETRY_US;
	/* For both families, one after the other. */
	if (fault->kind == FAULT_ADD_SLOW)
		return 2 * fault->amount;
	if (fault->kind == FAULT_SOCKET_FAILS || fault->kind == FAULT_INTERFACE_GONE)
		return SIM_SOCKET_RETRY_US;
	/* What is under way when the delay ends still comes late, and so does the next turn. */
	return fault->kind == FAULT_DELAY || fault->kind == FAULT_DUPLICATE ||
			       fault->kind == FAULT_LATE
		       ? fault->amount
		       : 0;
}

/* What happens in a moment has a duration too, that of the hold or one that nobody reads. A node
 * that stops or freezes is away until it goes on. */
static bool is_over_at_once(enum fault_kind kind)
{
	return !fault_ends(kind) && kind != FAULT_STOP && kind != FAULT_STALL;
}

void check_fault(struct sim *sim, const struct fault *fault)
{
	struct check *check = &sim->check;
	bool calm = is_calm(sim);
	bool lasting = fault->duration_us == SIM_NEVER;
	bool at_once = is_over_at_once(fault->kind);
	int64_t until = sim->now + (lasting || at_once ? 0 : fault->duration_us) + extra_us(fault);

	check_cause(sim);
	if (fault->kind == FAULT_PARTITION || fault->kind == FAULT_CUT ||
	    fault->kind == FAULT_CUT_ONE_WAY || fault->kind == FAULT_LOSS ||
	    fault->kind == FAULT_DELAY || fault->kind == FAULT_DUPLICATE ||
	    fault->kind == FAULT_CORRUPT)
		spoil_links(sim, fault, lasting ? SIM_NEVER : until);
	else if (fault->kind == FAULT_FORGE_ACCEPTED || fault->kind == FAULT_REPLAY)
		check->meddled_at = sim->now;
	else if (fault->kind != FAULT_FOREIGN && fault->kind != FAULT_FORGE_REFUSED)
		spoil_node(sim, fault->node, until);
	/* The handover ends by itself after one interval at the latest, the process later. */
	if (fault->kind == FAULT_STOP || fault->kind == FAULT_STEP_DOWN)
		until += 2 * sim->interval_max_us;
	until += tail_us(sim);
	check->faults_until = max(check->faults_until, until);
	if (calm && is_harmless(sim, fault)) {
		check->held_from = check->served_from = sim->now;
		return;
	}
	check->held_from = max(check->held_from, check->faults_until);
	check->served_from = max(check->served_from, check->held_from);
	if (!calm || may_lose_announcements(sim, fault))
		check->served_from = max(check->served_from, check->faults_until + refresh_us(sim));
}

void check_init(struct sim *sim, int64_t started)
{
	struct check *check = &sim->check;

	*check = (struct check){0};
	check->slack_us = 2 * (sim->segment.delay_us + sim->segment.jitter_us) + 2 * SIM_MS;
	check->grace_us = check->slack_us + VRRP_ANNOUNCE_SPACING_US;
	check->faults_until = started + sim->interval_max_us + tail_us(sim);
	check->held_from = check->faults_until;
	check->served_from = check->faults_until;
}

void check_cause(struct sim *sim)
{
	sim->check.causes++;
}

/* What is no single outage too long may be too long in all: one grace for each cause. */
static void check_sum(struct sim *sim, enum addr_family family, int64_t next)
{
	struct check *check = &sim->check;
	int64_t from = max(sim->now, check->served_from);
	int64_t bound_us = (1 + check->causes) * check->grace_us;

	if (sim->clients[family].served || next <= from)
		return;
	check->unexcused_us[family] += next - from;
	if (check->unexcused_us[family] > bound_us)
		check_broken(sim, "the client is served but for what the faults account for",
			     "%s: not for %lld us in all, %lld causes", addr_family_name(family),
			     (long long)check->unexcused_us[family], (long long)check->causes);
}

static void check_outage(struct sim *sim, enum addr_family family, int64_t next)
{
	const struct client *client = &sim->clients[family];
	const struct check *check = &sim->check;

	if (!(sim->families & 1u << family))
		return;
	if (!client->held && next > max(check->held_from, client->held_since + check->grace_us))
		check_broken(sim, "a node holds the VIP",
			     "%s: none since %lld us, excused until %lld us",
			     addr_family_name(family), (long long)client->held_since,
			     (long long)check->held_from);
	if (!client->served && next > max(check->served_from, client->since + check->grace_us))
		check_broken(sim, "the client is served",
			     "%s: not since %lld us, excused until %lld us",
			     addr_family_name(family), (long long)client->since,
			     (long long)check->served_from);
	check_sum(sim, family, next);
}

/* How long both may hold the VIP from `since` on. */
static int64_t overlap_bound_us(const struct node *a, const struct node *b)
{
	uint16_t slower_cs = a->settings.advert_int_cs > b->settings.advert_int_cs
				     ? a->settings.advert_int_cs
				     : b->settings.advert_int_cs;

	return slower_cs * SIM_CS + a->sim->check.slack_us;
}

/* It listens to nobody who is lowest too until its handover is over, which keeps its end although a
 * reload may have made the interval shorter. */
static bool hands_over(const struct node *node, enum addr_family family, int64_t next)
{
	struct instant now = node_clock(node, next - node->sim->check.slack_us);

	return node->watch[family].leaving && !instant_due(node->stop_by, now);
}

static void check_dead_holder(const struct node *dead, int64_t both_since, int64_t next)
{
	int64_t lease_us = longest_lease_us(dead);

	int64_t since = max(both_since, dead->frozen_at);

	if (lease_us > 0 && next > since + lease_us + SIM_EXPIRY_LATE_US)
		check_broken(dead->sim, "no two holders for longer than the lease",
			     "n%d is dead or frozen and has held the VIP since %lld us",
			     dead->id + 1, (long long)since);
}

static void check_pair(struct sim *sim, int i, int j, enum addr_family family, int64_t next)
{
	const struct node *a = &sim->nodes[i], *b = &sim->nodes[j];
	int64_t since = max(a->watch[family].holds_since, b->watch[family].holds_since);

	if (!node_is_awake(a))
		check_dead_holder(a, since, next);
	if (!node_is_awake(b))
		check_dead_holder(b, since, next);
	if (!node_is_awake(a) || !node_is_awake(b))
		return;
	since = max(since, max(a->clean_at, b->clean_at));
	since = max(since, max(a->thawed_at, b->thawed_at));
	since = max(since, max(sim->check.links_clean_at[i][j], sim->check.links_clean_at[j][i]));
	since = max(since, sim->check.meddled_at);
	if (since < SIM_NEVER && next - since > overlap_bound_us(a, b) &&
	    !hands_over(a, family, next) && !hands_over(b, family, next))
		check_broken(sim, "no two holders that hear each other",
			     "%s: n%d and n%d since %lld us", addr_family_name(family), i + 1,
			     j + 1, (long long)since);
}

void check_time(struct sim *sim, int64_t next)
{
	for (unsigned f = 0; f < ADDR_FAMILY_COUNT; f++) {
		unsigned holders = sim->check.holders[f];

		check_outage(sim, (enum addr_family)f, next);
		if ((holders & (holders - 1)) == 0)
			continue;
		for (int i = 0; i < sim->node_count; i++)
			for (int j = i + 1; j < sim->node_count; j++)
				if (holders >> i & 1 && holders >> j & 1)
					check_pair(sim, i, j, (enum addr_family)f, next);
	}
}

void check_holders(struct node *node)
{
	struct sim *sim = node->sim;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		struct addr vip = node_vip(sim, (enum addr_family)family, 0);
		struct watch *watch = &node->watch[family];
		bool holds = node->kernel.exists && node_holds(node, &vip);

		if (holds && watch->holds_since == SIM_NEVER)
			watch->holds_since = sim->now;
		if (!holds)
			watch->holds_since = SIM_NEVER;
		sim->check.holders[family] &= ~(1u << node->id);
		sim->check.holders[family] |= (unsigned)holds << node->id;
	}
}

/* How many addresses of the router's family its own process has put into the kernel, and of those
 * that an earlier one has left how many are known to it. */
static size_t count_held(const struct node *node, const struct router *router)
{
	size_t count = 0;

	for (size_t i = 0; i < node->kernel.address_count; i++) {
		const struct kernel_address *held = &node->kernel.addresses[i];

		count += held->family == router->family &&
			 (!held->left_over ||
			  addr_in_list(&held->address, router->addresses, router->address_count));
	}
	return count;
}

static bool holds_all(const struct node *node, const struct router *router)
{
	for (size_t i = 0; i < router->address_count; i++)
		if (!node_holds(node, &router->addresses[i]))
			return false;
	return count_held(node, router) == router->address_count;
}

void check_interface(struct node *node)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];

		struct watch *watch = &node->watch[router->family];

		watch->misses |= !holds_all(node, router);
		watch->disturbed |= node->kernel.carrier_changes != node->kernel.carrier_seen &&
				    router->vrrp.state == VRRP_STATE_ACTIVE;
	}
	node->kernel.carrier_seen = node->kernel.carrier_changes;
}

/* With another interval, who waits and hears nobody waits its Active_Down_Interval at most. */
void check_reload(struct node *node, struct instant now)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = &node->watch[router->family];
		int64_t new_us = node->settings.advert_int_cs * SIM_CS;
		int64_t skew_us = (256 - priority_of(node, router)) * new_us / 256;

		if (new_us != interval_us(router))
			watch->stop_until = instant_min(watch->stop_until,
							instant_add(now, 3 * new_us + skew_us));
	}
}

/* HANDOVER takes an interval at most, and who has stepped down stays lowest. */
void check_requests(struct node *node, struct instant now)
{
	struct instant ends = instant_add(now, node->settings.advert_int_cs * SIM_CS);

	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = &node->watch[router->family];

		if (node->ready_changed && node->health.ready)
			watch->preempt_from = instant_add(now, node->settings.preempt_delay_us);
		watch->leaving |= router->notified == VRRP_STATE_ACTIVE &&
				  (node->step_down_us > 0 || node->shutdown);
		watch->held |= node->step_down_us > 0;
	}
	if (node->step_down_us > 0)
		node->held_until = instant_add(now, node->step_down_us);
	/* A handover that has begun keeps its end. */
	if ((node->step_down_us > 0 || (node->shutdown && !node->engine.shutting_down)) &&
	    !instant_due(ends, node->stop_by))
		node->stop_by = ends;
}

/*
 * SOCKETS FIRST: an Active whose last advert is four intervals old has been given up, as
 * Active_Down_Interval is less than that.
 */
static bool has_napped(const struct watch *watch, struct instant now)
{
	return instant_since(now, watch->sent_by) >= 4 * watch->advertised_us;
}

/* Whatever provokes it. */
static void check_listened(struct node *node, const struct router *router)
{
	struct instant now = node_clock(node, node->sim->now);

	if (!node->listened && router->notified == VRRP_STATE_ACTIVE &&
	    has_napped(&node->watch[router->family], now))
		check_broken(node->sim, "who has overslept is silent until it has listened", "n%d",
			     node->id + 1);
}

/* From each advert on the others count anew, with the interval that it carries. */
static void note_advert(struct node *node, const struct router *router)
{
	struct watch *watch = &node->watch[router->family];

	watch->sent_at = node_clock(node, node->sim->now);
	watch->sent_by = node_clock(node, node->sim->now + node->waited_us);
	watch->advertised_us = interval_us(router);
}

void check_send(struct node *node, const struct router *router, uint8_t priority)
{
	bool active = router->vrrp.state == VRRP_STATE_ACTIVE;
	bool taking_over = active && router->notified == VRRP_STATE_BACKUP;
	bool right = priority == VRRP_PRIORITY_STOP || priority == VRRP_PRIORITY_LEAVING ||
		     priority == health_priority(router->ready_priority, node->engine.ready);

	if (router->notified != VRRP_STATE_ACTIVE && !taking_over)
		check_broken(node->sim, "only an Active sends", "n%d", node->id + 1);
	if (taking_over && !node->watch[router->family].announced)
		check_broken(node->sim, "the announcement comes before the advert", "n%d",
			     node->id + 1);
	/* What has just been found missing is added again later in the turn, when the sockets have
	 * been heard. */
	if (!node->kernel.meddled && !holds_all(node, router) &&
	    (taking_over || !node->watch[router->family].misses))
		check_broken(node->sim, "who advertises holds the addresses", "n%d", node->id + 1);
	if (!taking_over && priority > VRRP_PRIORITY_LEAVING &&
	    priority < node->watch[router->family].last_sent)
		node->watch[router->family].lowered_at = node->sim->now;
	node->watch[router->family].last_sent = priority;
	if (priority > VRRP_PRIORITY_LEAVING)
		check_listened(node, router);
	note_advert(node, router);
	if (priority > VRRP_PRIORITY_LEAVING &&
	    !instant_due(node->held_until, node_clock(node, node->sim->now)))
		check_broken(node->sim, "who has stepped down stays lowest", "n%d sends %u",
			     node->id + 1, priority);
	if (!right)
		check_broken(node->sim, "the priority follows readiness", "n%d sends %u",
			     node->id + 1, priority);
}

/* RFC 9568 6.1, computed here on its own, with the least Skew_Time that the router can have. */
static int64_t active_down_us(const struct watch *watch)
{
	int64_t interval_us = watch->heard_interval_us;

	return 3 * interval_us + (256 - watch->priority) * interval_us / 256;
}

/* What has reached the socket counts, read or not, unless timers may run although there is more. */
static void check_silence(struct node *node, const struct router *router, struct instant now,
			  int64_t patience_us)
{
	const struct watch *watch = &node->watch[router->family];
	int64_t silent_us = instant_since(now, watch->heard_at);
	bool unread = node->kernel.sockets[router->family].count > 0;
	/* Since a reload it discards what had reached the socket before. */
	bool discards = router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS &&
			watch->heard_priority < router->ready_priority;

	if (!watch->heard || discards || (unread && node->engine.undrained >= ENGINE_UNDRAINED_MAX))
		return;
	if (silent_us < patience_us)
		check_broken(node->sim, "no takeover from an Active that is heard",
			     "n%d takes over %lld us after an advert reached its socket",
			     node->id + 1, (long long)silent_us);
}

static void check_takeover(struct node *node, const struct router *router,
			   const struct router_transition *transition)
{
	const struct watch *watch = &node->watch[router->family];

	if (transition->reason == VRRP_REASON_ACTIVE_DOWN)
		check_silence(node, router, transition->at, active_down_us(watch));
	/* From then on the unready one may have taken over. */
	if (transition->reason == VRRP_REASON_ACTIVE_UNREADY && !watch->stop_heard)
		check_silence(node, router, transition->at, 3 * watch->heard_interval_us);
	if (transition->reason == VRRP_REASON_ACTIVE_DOWN &&
	    router->vrrp.config.preempt != VRRP_PREEMPT_ALWAYS &&
	    !instant_due(watch->unready_until, transition->at))
		check_broken(node->sim, "no takeover from an unready Active that is heard", "n%d",
			     node->id + 1);
	if ((transition->reason == VRRP_REASON_ACTIVE_UNREADY ||
	     transition->reason == VRRP_REASON_ACTIVE_LOWER) &&
	    !watch->lower_heard)
		check_broken(node->sim, "no takeover while nothing better exists", "n%d",
			     node->id + 1);
	if (health_band(priority_of(node, router)) == HEALTH_BAND_UNREADY &&
	    !instant_due(watch->no_relief_until, transition->at))
		check_broken(node->sim, "an unready node does not relieve a ready Active", "n%d",
			     node->id + 1);
	if (transition->reason == VRRP_REASON_ACTIVE_UNREADY &&
	    health_band(priority_of(node, router)) == HEALTH_BAND_UNREADY)
		check_broken(node->sim, "only a ready node takes over from an unready one", "n%d",
			     node->id + 1);
	if (transition->reason == VRRP_REASON_ACTIVE_UNREADY &&
	    !instant_due(watch->preempt_from, transition->at))
		check_broken(node->sim, "nobody preempts before preempt_delay is over", "n%d",
			     node->id + 1);
	if (transition->reason == VRRP_REASON_ACTIVE_STOPPED &&
	    (!watch->stop_heard || !instant_due(watch->stop_until, transition->at)))
		check_broken(node->sim, "Skew_Time after priority 0", "n%d", node->id + 1);
}

/* RFC 9568 6.4.3, on its own: whether the packet in progress beats the router. */
static bool is_beaten(const struct node *node, const struct router *router)
{
	const struct watch *watch = &node->watch[router->family];
	uint8_t priority = node->message->bytes[2];

	return priority > watch->own ||
	       (priority == watch->own &&
		memcmp(node->message->source.bytes, router->vrrp.primary.bytes, 16) > 0);
}

/*
 * Adverts cross: an Active that has just become lower hears what another one sent before it heard
 * that, and gives way; so does the other, to what had been said before. No router can know. A ready
 * Backup hears the lower priority and takes over after Skew_Time.
 */
static void excuse_crossing(struct sim *sim, const struct watch *watch)
{
	int64_t skew_us = (256 - HEALTH_BAND_READY_MIN) * sim->interval_max_us / 256;

	if (sim->now - watch->lowered_at > sim->check.slack_us)
		return;
	sim->check.held_from = max(sim->check.held_from, sim->now + skew_us + sim->check.slack_us);
	sim->check.served_from = max(sim->check.served_from, sim->check.held_from);
}

static void check_end_of_role(struct node *node, const struct router *router,
			      const struct router_transition *transition)
{
	const struct watch *watch = &node->watch[router->family];
	bool planned = transition->reason == VRRP_REASON_STEP_DOWN ||
		       transition->reason == VRRP_REASON_SHUTDOWN;
	bool beaten = transition->reason == VRRP_REASON_HIGHER_PRIORITY ||
		      transition->reason == VRRP_REASON_STEP_DOWN;
	int64_t slept_us = instant_since(transition->at, watch->sent_at);

	if (transition->reason == VRRP_REASON_HIGHER_PRIORITY && watch->lowered_at > 0)
		excuse_crossing(node->sim, watch);
	if (node->message && beaten && !is_beaten(node, router))
		check_broken(node->sim, "an Active yields only to a better one", "n%d",
			     node->id + 1);
	if (!node->message && (planned || transition->reason == VRRP_REASON_ADD_FAILED) &&
	    watch->last_sent != VRRP_PRIORITY_STOP)
		check_broken(node->sim, "who leaves without a successor sends priority 0", "n%d",
			     node->id + 1);
	if (transition->reason == VRRP_REASON_ADD_FAILED && watch->refresh_failed)
		check_broken(node->sim, "a failed refresh is no loss yet", "n%d", node->id + 1);
	if (transition->reason == VRRP_REASON_OVERSLEPT && slept_us < 2 * watch->advertised_us)
		check_broken(node->sim, "who was awake has not overslept", "n%d", node->id + 1);
}

void check_notify(struct node *node, const struct router *router,
		  const struct router_transition *transition)
{
	struct watch *watch = &node->watch[router->family];

	if (transition->to == VRRP_STATE_ACTIVE) {
		check_takeover(node, router, transition);
		watch->scheduled = 0;
		watch->scheduled_from = transition->at;
		watch->scheduled_interval_us = interval_us(router);
	}
	if (transition->from == VRRP_STATE_ACTIVE)
		check_end_of_role(node, router, transition);
	watch->leaving = false;
	if (transition->from == VRRP_STATE_INITIALIZE)
		watch->preempt_from = instant_add(transition->at, node->settings.preempt_delay_us);
	if (transition->to == transition->from && transition->to != VRRP_STATE_INITIALIZE)
		check_broken(node->sim, "a transition changes the state", "n%d", node->id + 1);
	watch->heard = false;
	watch->lower_heard = false;
	watch->stop_heard = false;
	watch->unready_until.us = 0;
	watch->ready_read_until.us = 0;
	watch->no_relief_until.us = 0;
	if (node->sim->phase == PHASE_STABLE)
		check_broken(node->sim, "nothing changes when all is well", "n%d", node->id + 1);
}

void check_add_failed(struct node *node, const struct router *router)
{
	node->watch[router->family].refresh_failed = holds_all(node, router);
}

/* Failures since an advert could be sent last. */
static uint64_t failures_in_row(struct node *node, const struct router *router)
{
	struct watch *watch = &node->watch[router->family];

	if (router->counters.adverts_sent != watch->sent) {
		watch->sent = router->counters.adverts_sent;
		watch->failures_before = router->counters.send_failures;
	}
	return router->counters.send_failures - watch->failures_before;
}

void check_announce(struct node *node, const struct router *router)
{
	node->watch[router->family].announced_at = node_clock(node, node->sim->now);
	check_listened(node, router);
	if (router->vrrp.state != VRRP_STATE_ACTIVE || node->watch[router->family].leaving)
		check_broken(node->sim, "only an Active that stays announces", "n%d", node->id + 1);
	if (node->message && failures_in_row(node, router) > ENGINE_SEND_FAILURES_MAX)
		check_broken(node->sim, "who cannot send and hears another does not announce",
			     "n%d", node->id + 1);
	if (!node->kernel.meddled && !node->watch[router->family].misses &&
	    !holds_all(node, router))
		check_broken(node->sim, "who announces holds the addresses", "n%d", node->id + 1);
}

/*
 * An advert reaches the socket. That of a ready Active is followed, and nobody but itself can undo
 * that. All bets are off after one that is not genuine, priority 0 from anybody, or one that
 * preempt `always` discards except while preempt_delay runs.
 */
void check_heard(struct node *node, const struct message *message)
{
	const struct router *router = node_router(node, message->source.family);
	struct watch *watch = &node->watch[message->source.family];
	uint8_t priority = message->bytes[2];
	int64_t interval = (message->bytes[4] << 8 | message->bytes[5]) * SIM_CS;
	bool ready = health_band(priority) == HEALTH_BAND_READY;

	if (message->must_refuse || !router || router->notified != VRRP_STATE_BACKUP)
		return;
	if (!message->genuine || priority == VRRP_PRIORITY_STOP ||
	    (!ready && addr_equal(&message->source, &watch->heard_from)) ||
	    (ready && router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS &&
	     priority < router->ready_priority)) {
		watch->heard = false;
	} else if (ready) {
		watch->heard = true;
		watch->heard_from = message->source;
		watch->priority = 0;
		watch->heard_at = node_clock(node, node->sim->now);
		watch->heard_interval_us = interval;
		watch->heard_priority = priority;
	}
}

static uint64_t adverts_of(const struct router *router)
{
	return router->counters.adverts_sent + router->counters.send_failures;
}

void check_adverts_begin(struct node *node, struct instant now)
{
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];
		struct watch *watch = &node->watch[router->family];

		watch->adverts = adverts_of(router);
		watch->was_leaving = watch->leaving;
		watch->hold_ends = watch->held && instant_due(node->held_until, now);
	}
}

static uint64_t adverts_since(const struct node *node, const struct router *router)
{
	return adverts_of(router) - node->watch[router->family].adverts;
}

void check_adverts_end(struct node *node, unsigned events)
{
	for (size_t i = 0; i < node->engine.router_count; i++)
		if (adverts_since(node, node->engine.routers[i]) > events)
			check_broken(
				node->sim, "one advert per event", "n%d sends %llu in %u",
				node->id + 1,
				(unsigned long long)adverts_since(node, node->engine.routers[i]),
				events);
}

/* The adverts by the clock lie on a grid from the takeover on: late ones do not move the later
 * ones. Beside them there is one when a hold ends, and priority 0 at the end. */
static void check_schedule(struct node *node, const struct router *router, struct instant now)
{
	struct watch *watch = &node->watch[router->family];
	int64_t elapsed_us;

	if (router->vrrp.state != VRRP_STATE_ACTIVE)
		return;
	if (watch->scheduled_interval_us != interval_us(router)) {
		watch->scheduled = 0;
		/* The grid goes on from the last advert that was due, which may have been late. */
		watch->scheduled_from = instant_add(now, -interval_us(router));
		watch->scheduled_interval_us = interval_us(router);
	}
	elapsed_us = instant_since(now, watch->scheduled_from);
	if (!watch->hold_ends)
		watch->scheduled += (int64_t)adverts_since(node, router);
	if (watch->scheduled > 1 + elapsed_us / watch->scheduled_interval_us)
		check_broken(node->sim, "one advert per interval", "n%d: %lld in %lld us",
			     node->id + 1, (long long)watch->scheduled, (long long)elapsed_us);
}

/* The end of a handover comes before that of a hold, which has to wait for the next turn then. */
static void check_hold_end(struct node *node, const struct router *router)
{
	struct watch *watch = &node->watch[router->family];

	if (watch->hold_ends && node->engine.undrained % ENGINE_UNDRAINED_MAX == 0 &&
	    watch->was_leaving == watch->leaving)
		watch->held = false;
}

void check_timers_end(struct node *node, struct instant now)
{
	check_adverts_end(node, 1);
	for (size_t i = 0; i < node->engine.router_count; i++) {
		check_schedule(node, node->engine.routers[i], now);
		check_hold_end(node, node->engine.routers[i]);
	}
}

void check_packet_before(struct node *node, struct instant now, const struct message *message)
{
	const struct router *router = node_router(node, message->source.family);
	uint8_t priority = message->bytes[2];
	struct watch *watch;

	node->refusal = ADVERT_OK;
	node->message = message;
	if (!router)
		return;
	watch = &node->watch[router->family];
	watch->adverts = adverts_of(router);
	watch->own = priority_of(node, router);
	watch->active_down = router->vrrp.active_down;
	watch->napped = router->vrrp.state == VRRP_STATE_ACTIVE && has_napped(watch, now);
	watch->may_preempt = router->vrrp.state == VRRP_STATE_BACKUP &&
			     priority != VRRP_PRIORITY_STOP && priority < watch->own &&
			     instant_due(watch->preempt_from, now) &&
			     (router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS ||
			      health_band(priority) < health_band(watch->own));
	if (!message->genuine)
		memcpy(&node->sim->before, router, sizeof(*router));
}

static void check_refused(struct node *node, const struct router *router,
			  const struct message *message)
{
	struct router *before = &node->sim->before;

	if (message->genuine) {
		check_broken(node->sim, "a good advert is accepted", "n%d refuses it: %s",
			     node->id + 1, advert_refusal_name(node->refusal));
		return;
	}
	before->counters = router->counters;
	if (memcmp(before, router, sizeof(*router)) != 0)
		check_broken(node->sim, "a refused advert changes nothing but a counter", "n%d: %s",
			     node->id + 1, advert_refusal_name(node->refusal));
}

/* An advert of an unready Active is followed by who is unready too, unless a ready one was heard
 * less than three intervals before: see follows_another() of the machine. */
static void check_unready(struct node *node, const struct router *router, struct instant now,
			  const struct message *message)
{
	struct watch *watch = &node->watch[router->family];
	int64_t interval_us = (message->bytes[4] << 8 | message->bytes[5]) * SIM_CS;
	int64_t adopted_us = router->vrrp.active_adver_interval_cs * SIM_CS;
	int64_t patience_us = adopted_us < interval_us ? adopted_us : interval_us;

	if (!message->genuine || message->bytes[2] == VRRP_PRIORITY_STOP ||
	    addr_equal(&message->source, &watch->ready_from))
		watch->no_relief_until.us = 0;
	if (health_band(message->bytes[2]) == HEALTH_BAND_READY) {
		watch->ready_from = message->source;
		watch->ready_read_until = instant_add(now, 3 * interval_us);
		if (message->genuine)
			watch->no_relief_until = instant_add(now, 3 * patience_us);
		watch->unready_until.us = 0;
	} else if (!message->genuine || message->bytes[2] == VRRP_PRIORITY_STOP ||
		   watch->may_preempt) {
		watch->unready_until.us = 0;
	} else if (instant_due(watch->ready_read_until, now)) {
		watch->unready_until = instant_add(now, 3 * interval_us);
	}
}

/* What a Backup that has heard priority 0, or an Active that it may preempt, does with its
 * Active_Down_Timer. */
static void check_followed(struct node *node, const struct router *router, struct instant now,
			   const struct message *message)
{
	struct watch *watch = &node->watch[router->family];
	const struct vrrp *vr = &router->vrrp;

	if (router->ready_priority > watch->priority)
		watch->priority = router->ready_priority;
	watch->lower_heard |= watch->may_preempt;
	check_unready(node, router, now, message);
	if (vr->state != VRRP_STATE_BACKUP)
		return;
	if (watch->may_preempt && vr->active_down.us > watch->active_down.us)
		check_broken(node->sim, "who may be preempted does not put it off", "n%d",
			     node->id + 1);
	if (message->bytes[2] != VRRP_PRIORITY_STOP)
		return;
	watch->stop_heard = true;
	watch->stop_until = instant_add(now, (256 - watch->own) *
						     (vr->active_adver_interval_cs * SIM_CS) / 256);
	if (instant_since(vr->active_down, now) > vr->active_adver_interval_cs * SIM_CS)
		check_broken(node->sim, "priority 0 is followed by a takeover", "n%d",
			     node->id + 1);
}

/* SOCKETS FIRST: who has overslept lets go of what another has taken, and says nothing. */
static void check_after_nap(struct node *node, const struct router *router,
			    const struct message *message)
{
	struct watch *watch = &node->watch[router->family];

	/* Priority 0 leaves nobody to yield to. */
	if (message->bytes[2] == VRRP_PRIORITY_STOP || !watch->napped)
		return;
	if (router->vrrp.state == VRRP_STATE_ACTIVE || adverts_since(node, router) > 0)
		check_broken(node->sim, "who has overslept and hears another lets go silently",
			     "n%d", node->id + 1);
}

void check_packet_after(struct node *node, struct instant now, const struct message *message)
{
	const struct router *router = node_router(node, message->source.family);
	bool refused = node->refusal != ADVERT_OK;

	node->message = NULL;
	if (!router || node->refusal == ADVERT_UNKNOWN_VRID)
		return;
	if (adverts_since(node, router) > !refused)
		check_broken(node->sim, "one advert per event", "n%d answers a packet with %llu",
			     node->id + 1, (unsigned long long)adverts_since(node, router));
	if (message->must_refuse && !refused)
		check_broken(node->sim, "a bad advert is refused", "n%d", node->id + 1);
	if (refused) {
		check_refused(node, router, message);
		return;
	}
	check_followed(node, router, now, message);
	check_after_nap(node, router, message);
	if (router->vrrp.state == VRRP_STATE_ACTIVE && adverts_since(node, router) > 0 &&
	    failures_in_row(node, router) > ENGINE_SEND_FAILURES_MAX)
		check_broken(node->sim, "who hears another and cannot send gives way", "n%d",
			     node->id + 1);
}

/* VIP present iff Active, after the process has seen what others did to it. Without a primary
 * address RECONCILE leaves the addresses alone. */
static void check_presence(struct node *node, const struct router *router, bool drained)
{
	if (node->kernel.meddled || !drained || !node->kernel.exists)
		return;
	if (router->vrrp.state == VRRP_STATE_ACTIVE) {
		if (!holds_all(node, router))
			check_broken(node->sim, "an Active holds the addresses", "n%d/%s",
				     node->id + 1, addr_family_name(router->family));
	} else if (!addr_is_unspecified(&router->primary) && count_held(node, router) > 0) {
		check_broken(node->sim, "only an Active holds an address", "n%d/%s", node->id + 1,
			     addr_family_name(router->family));
	}
}

static void check_timers(struct node *node, const struct router *router, struct instant now,
			 bool drained)
{
	const struct vrrp *vr = &router->vrrp;
	struct watch *watch = &node->watch[router->family];
	unsigned *behind = &watch->behind;
	bool retries = vr->started && (vr->reason == VRRP_REASON_ADD_FAILED ||
				       vr->reason == VRRP_REASON_SEND_FAILED);

	if (instant_is_never(vrrp_deadline(vr)) && (vr->state != VRRP_STATE_INITIALIZE || retries))
		check_broken(node->sim, "a deadline is set", "n%d in %s", node->id + 1,
			     vrrp_state_name(vr->state));
	/* One more turn for a second timer that was due is no harm, a loop is. */
	*behind = drained && instant_due(vrrp_deadline(vr), now) ? *behind + 1 : 0;
	if (*behind > 1)
		check_broken(node->sim, "no deadline is left behind", "n%d in %s", node->id + 1,
			     vrrp_state_name(vr->state));
	if (!instant_due(vrrp_deadline(vr), now) ||
	    vrrp_deadline(vr).us != watch->put_off_deadline.us)
		watch->put_off = 0;
	watch->put_off_deadline = vrrp_deadline(vr);
	watch->put_off += instant_due(vrrp_deadline(vr), now);
	if (watch->put_off >= ENGINE_UNDRAINED_MAX)
		check_broken(node->sim, "a flood does not put timers off for ever", "n%d in %s",
			     node->id + 1, vrrp_state_name(vr->state));
	if (vr->state == VRRP_STATE_BACKUP &&
	    instant_since(vr->active_down, now) > 4 * vr->active_adver_interval_cs * SIM_CS)
		check_broken(node->sim, "a Backup waits an Active_Down_Interval at most", "n%d",
			     node->id + 1);
	if (vr->state == VRRP_STATE_ACTIVE &&
	    instant_since(vr->adver, node_clock(node, node->sim->now + node->waited_us)) >
		    interval_us(router))
		check_broken(node->sim, "the next advert is due within an interval", "n%d",
			     node->id + 1);
}

static void check_disturbed(struct node *node, const struct router *router, struct instant now)
{
	struct watch *watch = &node->watch[router->family];
	const struct vrrp *vr = &router->vrrp;
	bool stays = vr->state == VRRP_STATE_ACTIVE && !watch->leaving;

	if (watch->disturbed && stays && watch->announced_at.us != now.us &&
	    instant_since(vr->announce, now) > VRRP_ANNOUNCE_SPACING_US)
		check_broken(node->sim, "a disturbance is followed by an announcement", "n%d",
			     node->id + 1);
	watch->disturbed = false;
}

/* A turn that a flood cuts short is silent after a nap. */
static void check_source(struct node *node, const struct router *router)
{
	struct addr primary;

	if (router->vrrp.state != VRRP_STATE_ACTIVE)
		return;
	primary = node_primary(node, router->family);
	if (!node->kernel.changed && node->listened &&
	    !addr_equal(&node->watch[router->family].last_source, &primary))
		check_broken(node->sim, "a new address is advertised from at once", "n%d",
			     node->id + 1);
}

void check_turn_end(struct node *node, struct instant now, bool drained)
{
	if (drained && node->engine.shutting_down && instant_due(node->stop_by, now) &&
	    !engine_stopped(&node->engine))
		check_broken(node->sim, "who shuts down has ended after an interval", "n%d",
			     node->id + 1);
	for (size_t i = 0; i < node->engine.router_count; i++) {
		const struct router *router = node->engine.routers[i];

		failures_in_row(node, router);
		check_disturbed(node, router, now);
		if (router->vrrp.state == VRRP_STATE_ACTIVE && node->listened &&
		    node->watch[router->family].last_sent != priority_of(node, router))
			check_broken(node->sim, "a new priority is advertised at once", "n%d",
				     node->id + 1);
		check_source(node, router);
		check_timers(node, router, now, drained);
		check_presence(node, router, drained);
		if (router->notified != router->vrrp.state)
			check_broken(node->sim, "every transition is told", "n%d", node->id + 1);
	}
}

void check_expired(struct node *node)
{
	if (!node_is_awake(node) ||
	    node->sim->now - max(node->thawed_at, node->clean_at) <= node->kernel.expired_lease_us)
		return;
	for (size_t i = 0; i < node->engine.router_count; i++)
		if (node->engine.routers[i]->notified == VRRP_STATE_ACTIVE &&
		    !holds_all(node, node->engine.routers[i]))
			check_broken(node->sim, "the lease of an Active is refreshed", "n%d",
				     node->id + 1);
}

/* The nodes that take part and that node i hears. */
static unsigned component_of(const struct sim *sim, int i, enum addr_family family)
{
	unsigned nodes = 0;

	for (int j = 0; j < sim->node_count; j++)
		if (node_router(&sim->nodes[j], family) && segment_hears(sim, i, j))
			nodes |= 1u << j;
	return nodes;
}

static bool may_be_better(const struct node *node, const struct router *router, uint8_t other)
{
	uint8_t own = priority_of(node, router);

	if (router->vrrp.config.preempt == VRRP_PREEMPT_ALWAYS)
		return own > other;
	return health_band(own) > health_band(other);
}

static void check_component(struct sim *sim, unsigned nodes, enum addr_family family)
{
	uint8_t priority = 0; /* the Active's */
	int count = 0;

	for (int i = 0; i < sim->node_count; i++) {
		const struct router *router = node_router(&sim->nodes[i], family);

		if (!(nodes >> i & 1) || router->vrrp.state != VRRP_STATE_ACTIVE)
			continue;
		priority = priority_of(&sim->nodes[i], router);
		count++;
	}
	if (count != 1) {
		check_broken(sim, "exactly one Active in each connected part",
			     "%s: %d among the nodes %#x", addr_family_name(family), count, nodes);
		return;
	}
	for (int i = 0; i < sim->node_count; i++)
		if (nodes >> i & 1 &&
		    may_be_better(&sim->nodes[i], node_router(&sim->nodes[i], family), priority))
			check_broken(sim, "the Active is a ready one if there is one",
				     "%s: n%d is better", addr_family_name(family), i + 1);
}

void check_stable_begin(struct sim *sim)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		for (int i = 0; i < sim->node_count; i++) {
			unsigned nodes = component_of(sim, i, (enum addr_family)family);

			if (nodes >> i & 1)
				check_component(sim, nodes, (enum addr_family)family);
		}
}

void check_stable_end(struct sim *sim)
{
	for (unsigned f = 0; f < ADDR_FAMILY_COUNT; f++) {
		enum addr_family family = (enum addr_family)f;
		bool reachable = false;

		for (int i = 0; i < sim->node_count; i++)
			reachable |= node_router(&sim->nodes[i], family) &&
				     segment_hears(sim, i, SIM_CLIENT);
		if (reachable && !sim->clients[family].served)
			check_broken(sim, "the client's entry points at the Active", "%s: n%d",
				     addr_family_name(family), sim->clients[family].entry + 1);
	}
	check_stable_begin(sim);
}
