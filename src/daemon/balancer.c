/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/balancer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/balance.h"
#include "os/clock.h"
#include "os/connections.h"
#include "os/log.h"
#include "os/netlink.h"
#include "os/nft.h"
#include "os/nft_rules.h"

/* A daemon that starts leaves the rules of the one before as they are, until it has heard every
 * member: a walk among fewer members would end connections. Each sends a STATUS a second. */
#define SETTLE_US (2 * SECOND_US)
/* How long a router forwards after it was Active: its neighbours learn of the new one from the
 * announcements of its first five seconds. */
#define FORWARD_AFTER_US (6 * SECOND_US)
#define TAKE_OVER_WAIT_MS 20
/* Connections are counted at the request of a user, in the loop: no more often than once in a
 * second, and up to 10000, which takes about 15 ms. */
#define COUNT_EVERY_US SECOND_US
#define COUNT_MAX 10000
#define RETRY_FIRST_US SECOND_US
#define RETRY_LAST_US (32 * SECOND_US)

static_assert(NFT_VIPS_MAX >= ROUTER_ADDRESSES_MAX, "every address has a place");

/* One router that balances. */
struct spread {
	struct router *router;
	size_t port_count;
	uint16_t ports[CONF_BALANCE_PORTS_MAX];
	struct balance balance;
	bool takes_over;     /* its addresses are there, it is not Active yet */
	bool active;	     /* in the last turn */
	struct instant left; /* when it was Active last; INSTANT_NEVER: never, or it is */
	bool wanted;	     /* plan is what the kernel should have; else the router cannot yet */
	struct nft_plan plan;
	int connections;	/* of this node when they were counted; -1 = not known */
	struct instant counted; /* 0 = never */
};

struct balancer {
	struct engine *engine;
	const struct io *io;
	struct nft *nft;
	struct netlink *diag;
	struct event *event;
	unsigned lease_s;
	struct instant settled;
	size_t count;
	struct spread *spreads;

	/* What the kernel has, if `installed`; what the helper is at, if it is busy. */
	bool installed;
	bool stale;   /* what the helper is at was asked for before a reload */
	bool changes; /* what the helper is at changes rules that have to be there */
	size_t told_count, sent_count;
	struct nft_plan *told, *sent;

	struct instant now;
	struct instant renew; /* the leases */
	struct instant retry; /* after a failure; 0 = at once */
	int64_t retry_us;
	bool again; /* another turn is needed at once */
	struct log_limit losses;
	struct status_balance status;
};

/* What the helper says is taken in the turn. */
static void note_news(evutil_socket_t fd, short events, void *context)
{
	struct balancer *b = context;

	(void)fd;
	(void)events;
	b->again = true;
}

int balancer_new(struct event_base *base, struct engine *engine, const struct io *io,
		 struct balancer **ret_balancer)
{
	struct balancer *b = calloc(1, sizeof(*b));
	int error;

	if (!b)
		return -ENOMEM;
	b->engine = engine;
	b->io = io;
	b->settled = instant_add(clock_now(), SETTLE_US);
	b->renew = INSTANT_NEVER;
	b->retry_us = RETRY_FIRST_US;
	if ((error = netlink_new_diag(&b->diag)) < 0 || (error = nft_new(&b->nft)) < 0) {
		netlink_free(b->diag);
		free(b);
		return error;
	}
	b->event = event_new(base, nft_fd(b->nft), EV_READ | EV_PERSIST, note_news, b);
	if (!b->event || event_add(b->event, NULL) < 0) {
		balancer_free(b);
		return -ENOMEM;
	}
	*ret_balancer = b;
	return 0;
}

void balancer_free(struct balancer *b)
{
	if (!b)
		return;
	if (b->event)
		event_free(b->event);
	nft_free(b->nft);
	netlink_free(b->diag);
	free(b->spreads);
	free(b->told);
	free(b->sent);
	free(b);
}

/* What is known of the router's group stays over a reload. */
static void take_spread(struct balancer *b, struct router *router, const struct conf *conf,
			const struct conf_instance *instance, struct spread *ret_spread)
{
	*ret_spread = (struct spread){.left = INSTANT_NEVER};
	for (size_t i = 0; i < b->count; i++)
		if (b->spreads[i].router == router)
			*ret_spread = b->spreads[i];
	ret_spread->router = router;
	ret_spread->port_count = instance->balance_port_count;
	memcpy(ret_spread->ports, instance->balance_ports, sizeof(instance->balance_ports));
	if (ret_spread->port_count == 0)
		ret_spread->ports[ret_spread->port_count++] = conf->apiserver.port;
}

bool balancer_configure(struct balancer *b, struct instant now, const struct conf *conf)
{
	size_t most = b->engine->router_count;
	struct spread *spreads = calloc(most + 1, sizeof(*spreads));
	struct nft_plan *told = calloc(most + 1, sizeof(*told));
	struct nft_plan *sent = calloc(most + 1, sizeof(*sent));
	size_t count = 0;

	if (!spreads || !told || !sent) {
		free(spreads);
		free(told);
		free(sent);
		return false;
	}
	for (size_t i = 0; i < most; i++) {
		struct router *router = b->engine->routers[i];
		const struct conf_instance *instance =
			conf_instance_find(conf, router->settings.instance);

		router->balances = false;
		if (instance && instance->balance)
			take_spread(b, router, conf, instance, &spreads[count++]);
	}
	free(b->spreads);
	free(b->told);
	free(b->sent);
	b->spreads = spreads;
	b->count = count;
	b->told = told;
	b->sent = sent;
	b->told_count = b->sent_count = 0;
	b->stale = nft_is_busy(b->nft);
	b->installed = false;
	b->lease_s = conf->address_lease_s;
	b->now = now;
	b->again = true;
	return true;
}

/* Of IPv6 a global one, as the node's own clients use, where there is one. */
struct addr balancer_own_address(const struct balancer *b, const struct router *router,
				 enum addr_family family)
{
	const struct interface *interface = io_interface(b->io, router);

	if (family == ADDR_FAMILY_IPV4 || !interface)
		return router->own[family];
	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (found->address.family == family && !found->deprecated &&
		    !addr_is_link_local(&found->address) &&
		    !addr_in_list(&found->address, router->settings.addresses,
				  router->settings.address_count))
			return found->address;
	}
	return router->own[family];
}

/* As the others hear it. */
static struct balance_member own_member(const struct router *router, struct instant now)
{
	struct balance_member own = {
		.band = priority_band(router_tell(router, now).priority),
	};

	memcpy(own.addresses, router->own, sizeof(own.addresses));
	memcpy(own.mac, router->mac, sizeof(own.mac));
	return own;
}

/* The members that are heard and have their rules in place. A member whose adverts have ceased gets
 * no new connections from then on. */
static size_t list_heard(const struct router *router, struct instant now,
			 struct balance_member list[MEMBER_OTHERS_MAX])
{
	enum addr_family family = router->settings.family;
	const struct member_table *table = &router->group.members;
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->list[i];
		struct balance_member *heard = &list[count];

		if (!member->status.balance || !member_is_alive(member, now))
			continue;
		*heard = (struct balance_member){
			.band = member_is_heard(member, now) ? member_band(member)
							     : PRIORITY_BAND_DOWN,
			.left = member->status.leaving,
		};
		heard->addresses[family] = member->address;
		heard->addresses[addr_family_other(family)] = member->status.other;
		memcpy(heard->mac, member->status.mac, sizeof(heard->mac));
		count++;
	}
	return count;
}

static void note_role(struct spread *spread, struct instant now)
{
	bool active = spread->router->vrrp.state == VRRP_STATE_ACTIVE;

	if (active) {
		spread->takes_over = false;
		spread->left = INSTANT_NEVER;
	} else if (spread->active) {
		spread->takes_over = false;
		spread->left = now;
	}
	spread->active = active;
}

static struct instant forwards_until(const struct spread *spread)
{
	if (instant_is_never(spread->left))
		return (struct instant){0};
	return instant_add(spread->left, FORWARD_AFTER_US);
}

static void plan_role(const struct balancer *b, const struct spread *spread, struct instant now,
		      struct nft_plan *plan)
{
	const struct router *router = spread->router;
	int64_t left_us = instant_since(forwards_until(spread), now);
	bool here = spread->active || spread->takes_over;

	plan->lease_s = plan->forward_s = b->lease_s;
	plan->forwards = here || left_us > 0;
	if (!here && left_us > 0)
		plan->forward_s = (unsigned)((left_us + SECOND_US - 1) / SECOND_US);
	plan->local = here || !router->settings.track_apiserver || b->engine->health.ready;
}

static void plan_members(const struct balancer *b, const struct spread *spread, struct instant now,
			 struct nft_plan *plan)
{
	const struct router *router = spread->router;
	struct balance_member own = own_member(router, now);
	struct balance_view view;

	balance_view(&spread->balance, now, router->settings.family, &own, &view);
	plan->group = view.group;
	plan->own = 0;
	for (size_t i = 0; i < view.group.member_count; i++) {
		plan->members[i] = (struct nft_member){.lingers = view.lingers[i]};
		memcpy(plan->members[i].addresses, view.members[i].addresses,
		       sizeof(plan->members[i].addresses));
		memcpy(plan->members[i].mac, view.members[i].mac, NEIGH_MAC_SIZE);
	}
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++)
		plan->members[plan->own].addresses[family] =
			balancer_own_address(b, router, family);
}

/* What the router asks for. Without an interface it asks for nothing. */
static void plan_spread(struct balancer *b, size_t number, struct instant now)
{
	struct spread *spread = &b->spreads[number];
	const struct router *router = spread->router;
	const struct router_settings *settings = &router->settings;
	struct balance_member heard[MEMBER_OTHERS_MAX];
	struct nft_plan *plan = &spread->plan;

	note_role(spread, now);
	balance_take(&spread->balance, now, settings->family, heard,
		     list_heard(router, now, heard));
	/* Rules stay while an address of the node is replaced: connections may live on. */
	if (router->ifindex == 0)
		spread->wanted = false;
	if (router->ifindex == 0 || addr_is_unspecified(&router->own[settings->family]))
		return;
	spread->wanted = true;
	*plan = (struct nft_plan){.number = (unsigned)number};
	snprintf(plan->interface, sizeof(plan->interface), "%s", router->interface_name);
	plan->vip_count = settings->address_count;
	memcpy(plan->vips, settings->addresses, plan->vip_count * sizeof(plan->vips[0]));
	plan->port_count = spread->port_count;
	memcpy(plan->ports, spread->ports, sizeof(plan->ports));
	plan_members(b, spread, now, plan);
	plan_role(b, spread, now, plan);
}

static bool plans_equal(const struct nft_plan *a, const struct nft_plan *b)
{
	if (a->forwards != b->forwards || a->local != b->local || a->lease_s != b->lease_s)
		return false;
	for (size_t i = 0; i < a->group.member_count; i++)
		if (a->group.members[i].live != b->group.members[i].live ||
		    a->group.members[i].band != b->group.members[i].band ||
		    a->members[i].lingers != b->members[i].lingers)
			return false;
	return true;
}

/* What is to be done with the kernel's rules. */
enum work {
	WORK_NONE,
	WORK_RENEW,
	WORK_UPDATE,
	WORK_REPLACE,
};

static enum work find_work(const struct balancer *b, struct instant now)
{
	enum work work = WORK_NONE;
	size_t place = 0;

	if (!b->installed)
		return WORK_REPLACE;
	if (instant_due(b->renew, now))
		work = WORK_RENEW;
	for (size_t i = 0; i < b->count; i++) {
		const struct nft_plan *plan = &b->spreads[i].plan;

		if (!b->spreads[i].wanted)
			continue;
		if (place >= b->told_count || !nft_rules_can_update(&b->told[place], plan))
			return WORK_REPLACE;
		if (!plans_equal(&b->told[place++], plan))
			work = WORK_UPDATE;
	}
	return place == b->told_count ? work : WORK_REPLACE;
}

static void write_work(struct balancer *b, FILE *text, enum work work)
{
	b->sent_count = 0;
	for (size_t i = 0; i < b->count; i++)
		if (b->spreads[i].wanted)
			b->sent[b->sent_count++] = b->spreads[i].plan;
	switch (work) {
	case WORK_NONE:
		break;
	case WORK_RENEW:
		for (size_t i = 0; i < b->sent_count; i++)
			nft_rules_renew(text, &b->sent[i]);
		break;
	case WORK_UPDATE:
		for (size_t i = 0; i < b->sent_count; i++)
			nft_rules_update(text, &b->told[i], &b->sent[i]);
		break;
	case WORK_REPLACE:
		nft_rules_replace(text, b->sent, b->sent_count);
		break;
	}
}

static void tell_routers(struct balancer *b, bool in_place)
{
	for (size_t i = 0; i < b->count; i++) {
		bool balances = in_place && b->spreads[i].wanted;

		b->again |= b->spreads[i].router->balances != balances;
		b->spreads[i].router->balances = balances;
	}
}

static void take_loss(struct balancer *b)
{
	uint64_t suppressed;

	b->status.lost++;
	if (log_allowed(&b->losses, b->now, &suppressed))
		log_warning("balance: another program has changed the rules; they are put back");
	b->installed = false;
}

static void take_failure(struct balancer *b, const char *reason)
{
	if (b->stale) {
		b->stale = false;
		return;
	}
	/* The rules that it was to change have gone. The helper may have said so already. */
	if (b->changes) {
		if (b->installed)
			take_loss(b);
		return;
	}
	if (b->status.rules != STATUS_RULES_FAILED || strcmp(b->status.reason, reason) != 0)
		log_error("balance: the kernel does not take the rules: %s; the virtual addresses "
			  "work without balance; retries in %lld s",
			  reason, (long long)(b->retry_us / SECOND_US));
	snprintf(b->status.reason, sizeof(b->status.reason), "%s", reason);
	log_clean(b->status.reason);
	b->status.rules = STATUS_RULES_FAILED;
	b->status.failures++;
	b->installed = false;
	b->retry = instant_add(b->now, b->retry_us);
	b->retry_us = b->retry_us < RETRY_LAST_US ? 2 * b->retry_us : RETRY_LAST_US;
	tell_routers(b, false);
}

/* The walk begins with packets that the kernel takes up in mid-stream. */
static void check_loose(struct balancer *b)
{
	bool stuck = nft_is_stuck(b->nft);

	if (stuck && !b->status.stuck)
		log_warning("balance: net.netfilter.nf_conntrack_tcp_loose is 0: connections end "
			    "when their slot gets another owner or the addresses move");
	b->status.stuck = stuck;
}

static void take_success(struct balancer *b)
{
	struct nft_plan *told = b->told;

	if (b->stale) {
		b->stale = false;
		return;
	}
	/* Changed rules that were lost meanwhile: not all of them are there. */
	if (b->changes && !b->installed)
		return;
	if (b->status.rules != STATUS_RULES_IN_PLACE && b->sent_count > 0)
		log_notice("balance: the rules are in place");
	b->told = b->sent;
	b->told_count = b->sent_count;
	b->sent = told;
	b->installed = true;
	b->status.rules = b->told_count > 0 ? STATUS_RULES_IN_PLACE : STATUS_RULES_WAITING;
	b->status.reason[0] = '\0';
	b->retry = (struct instant){0};
	b->retry_us = RETRY_FIRST_US;
	check_loose(b);
	tell_routers(b, true);
}

static void take_end(struct balancer *b, const char *reason)
{
	log_error("balance: %s; the virtual addresses work without balance until the daemon is "
		  "started again",
		  reason);
	snprintf(b->status.reason, sizeof(b->status.reason), "%s", reason);
	b->status.rules = STATUS_RULES_ENDED;
	b->installed = false;
	event_del(b->event);
	tell_routers(b, false);
}

static void take_news(struct balancer *b)
{
	char reason[NFT_REASON_SIZE] = "";

	for (;;) {
		switch (nft_receive(b->nft, reason)) {
		case NFT_NEWS_NONE:
			return;
		case NFT_NEWS_DONE:
			take_success(b);
			break;
		case NFT_NEWS_FAILED:
			take_failure(b, reason);
			break;
		case NFT_NEWS_LOST:
			if (b->installed)
				take_loss(b);
			break;
		case NFT_NEWS_ENDED:
			take_end(b, reason);
			return;
		}
	}
}

/* Hands the helper what is to be done, if it is free. */
static void send_work(struct balancer *b, struct instant now)
{
	enum work work;
	FILE *text;
	int error;

	if (nft_is_busy(b->nft) || !instant_due(b->settled, now) || !instant_due(b->retry, now))
		return;
	work = find_work(b, now);
	if (work == WORK_NONE)
		return;
	text = nft_begin(b->nft);
	if (!text) {
		b->retry = instant_add(now, RETRY_FIRST_US);
		return;
	}
	write_work(b, text, work);
	error = nft_commit(b->nft, text);
	b->changes = error == 0 && work != WORK_REPLACE;
	if (error < 0)
		take_failure(b, error == -EFBIG ? "they are too many" : strerror(-error));
	b->renew = b->lease_s == 0 ? INSTANT_NEVER
				   : instant_add(now, (int64_t)b->lease_s * SECOND_US / 3);
}

void balancer_turn(struct balancer *b, struct instant now)
{
	if (!b)
		return;
	b->now = now;
	b->again = false;
	take_news(b);
	for (size_t i = 0; i < b->count; i++)
		plan_spread(b, i, now);
	send_work(b, now);
}

void balancer_take_over(struct balancer *b, struct instant now, const struct router *router)
{
	struct instant end = instant_add(now, TAKE_OVER_WAIT_MS * MILLISECOND_US);
	bool found = false;

	for (size_t i = 0; b && i < b->count; i++) {
		struct spread *spread = &b->spreads[i];

		if (spread->router != router || spread->active || spread->takes_over)
			continue;
		spread->takes_over = true;
		found = true;
	}
	if (!found || !b->installed)
		return;
	/* Once for what the helper is at, and once for this. */
	balancer_turn(b, now);
	while (nft_is_busy(b->nft) && !instant_due(end, clock_now())) {
		if (!nft_wait(b->nft, TAKE_OVER_WAIT_MS))
			break;
		balancer_turn(b, now);
	}
}

struct instant balancer_deadline(const struct balancer *b)
{
	struct instant first = INSTANT_NEVER;

	if (!b || b->status.rules == STATUS_RULES_ENDED)
		return first;
	if (b->again)
		return b->now;
	if (!b->installed)
		first = instant_max(b->settled, b->retry);
	else
		first = b->renew;
	if (nft_is_busy(b->nft))
		first = INSTANT_NEVER;
	for (size_t i = 0; i < b->count; i++) {
		const struct spread *spread = &b->spreads[i];
		struct instant until = forwards_until(spread);

		first = instant_min(first, balance_deadline(&spread->balance, b->now));
		first = instant_min(first,
				    member_silence_at(&spread->router->group.members, b->now));
		if (!instant_due(until, b->now))
			first = instant_min(first, until);
	}
	return first;
}

size_t balancer_ports(const struct balancer *b, const struct router *router,
		      uint16_t ports[CONF_BALANCE_PORTS_MAX])
{
	for (size_t i = 0; b && i < b->count; i++)
		if (b->spreads[i].router == router) {
			memcpy(ports, b->spreads[i].ports, sizeof(b->spreads[i].ports));
			return b->spreads[i].port_count;
		}
	return 0;
}

void balancer_status(const struct balancer *b, struct status_balance *ret_status)
{
	*ret_status = b->status;
	ret_status->on = b->count > 0;
}

/* At the addresses and ports that the rules turn those of the VIP into. */
static int count_connections(struct balancer *b, struct spread *spread)
{
	const struct nft_member *own = &spread->plan.members[spread->plan.own];
	struct instant now = clock_now();
	unsigned count = 0;

	if (instant_since(now, spread->counted) < COUNT_EVERY_US)
		return spread->connections;
	spread->counted = now;
	spread->connections = -1;
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++)
		for (size_t i = 0; i < spread->port_count; i++)
			if (!addr_is_unspecified(&own->addresses[family]) &&
			    connections_count(b->diag, &own->addresses[family], spread->ports[i],
					      COUNT_MAX, &count) < 0)
				return spread->connections;
	spread->connections = (int)count;
	return spread->connections;
}

static struct spread *find_spread(const struct balancer *b, const struct router *router)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->spreads[i].router == router && b->spreads[i].wanted)
			return &b->spreads[i];
	return NULL;
}

size_t balancer_shares(struct balancer *b, const struct router *router,
		       struct status_share list[SLOTS_MEMBERS_MAX])
{
	struct spread *spread = find_spread(b, router);
	const struct nft_plan *plan;
	struct slots slots;

	if (!spread || !b->installed)
		return 0;
	plan = &spread->plan;
	slots_compute(&plan->group, plan->own, SLOTS_COUNT, &slots);
	for (size_t i = 0; i < plan->group.member_count; i++)
		list[i] = (struct status_share){
			.address = plan->group.members[i].address,
			.self = i == plan->own,
			.live = plan->group.members[i].live,
			.lingers = plan->members[i].lingers,
			.slots = slots.share[i],
			.connections = i == plan->own ? count_connections(b, spread) : -1,
		};
	return plan->group.member_count;
}
