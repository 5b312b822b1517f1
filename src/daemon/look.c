/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/look.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/dial.h"
#include "os/log.h"

#define EVERY_US (10 * SECOND_US)
#define SOON_US (500 * MILLISECOND_US)
#define AGAIN_US SECOND_US /* after a first failure, which a move may explain */
#define FAILURES 2	   /* in a row, before one is said */

/* An address to look at, and what was seen. */
struct target {
	const struct router *router;
	struct status_look seen;
	unsigned failures; /* in a row, up to FAILURES */
};

struct look {
	const struct engine *engine;
	const struct balancer *balancer; /* NULL: no router balances */
	struct dial *dial;
	struct instant due; /* the next round */
	bool under_way;
	size_t count;
	size_t next; /* of the round */
	struct target targets[STATUS_LOOKS_MAX];
	struct target before[STATUS_LOOKS_MAX]; /* of begin_round() */
};

struct look *look_new(struct event_base *base, const struct engine *engine)
{
	struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return NULL;
	look->engine = engine;
	look->due = INSTANT_NEVER;
	look->dial = dial_new(base);
	if (look->dial)
		return look;
	free(look);
	return NULL;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	dial_free(look->dial);
	free(look);
}

void look_configure(struct look *look, struct instant now, const struct balancer *balancer)
{
	look->balancer = balancer;
	look->count = look->next = 0;
	look->under_way = false;
	look->due = instant_add(now, SOON_US);
}

void look_soon(struct look *look, struct instant now)
{
	look->due = instant_min(look->due, instant_add(now, SOON_US));
}

/* ---- What to look at ---- */

static bool target_equal(const struct target *a, const struct target *b)
{
	return a->router == b->router && a->seen.place == b->seen.place &&
	       a->seen.port == b->seen.port && addr_equal(&a->seen.address, &b->seen.address);
}

/* Keeps what was seen of it in the round before. */
static void append(struct look *look, size_t before_count, const struct target *target)
{
	if (look->count == STATUS_LOOKS_MAX)
		return;
	look->targets[look->count] = *target;
	for (size_t i = 0; i < before_count; i++)
		if (target_equal(&look->before[i], target))
			look->targets[look->count] = look->before[i];
	look->count++;
}

static bool is_ready(const struct look *look, const struct router *router)
{
	return !router->settings.track_apiserver || look->engine->health.ready;
}

/* Whether the router's VIPs should answer; ret_place says where they are looked at from. */
static bool vip_should_answer(const struct look *look, const struct router *router, bool balances,
			      enum status_place *ret_place)
{
	const struct vrrp_heard *heard = vrrp_active_heard(&router->vrrp);

	*ret_place = STATUS_PLACE_HERE;
	if (router->vrrp.state == VRRP_STATE_ACTIVE)
		return !balances && is_ready(look, router);
	*ret_place = STATUS_PLACE_NETWORK;
	return router->vrrp.state == VRRP_STATE_BACKUP && heard &&
	       priority_band(heard->priority) == PRIORITY_BAND_READY;
}

static bool has_family(const struct router_settings *settings, enum addr_family family)
{
	for (size_t i = 0; i < settings->address_count; i++)
		if (settings->addresses[i].family == family)
			return true;
	return false;
}

static void append_port(struct look *look, size_t before_count, const struct router *router,
			bool balances, uint16_t port)
{
	const struct router_settings *settings = &router->settings;
	struct target target = {.router = router, .seen.port = port};

	if (vip_should_answer(look, router, balances, &target.seen.place))
		for (size_t i = 0; i < settings->address_count; i++) {
			target.seen.address = settings->addresses[i];
			if (!addr_is_link_local(&target.seen.address))
				append(look, before_count, &target);
		}
	target.seen.place = STATUS_PLACE_OWN;
	for (enum addr_family family = 0; balances && family < ADDR_FAMILY_COUNT; family++) {
		target.seen.address = balancer_own_address(look->balancer, router, family);
		if (is_ready(look, router) && has_family(settings, family) &&
		    !addr_is_unspecified(&target.seen.address) &&
		    !addr_is_link_local(&target.seen.address))
			append(look, before_count, &target);
	}
}

static void begin_round(struct look *look)
{
	const struct engine *engine = look->engine;
	size_t before_count = look->count;

	memcpy(look->before, look->targets, look->count * sizeof(look->before[0]));
	look->count = look->next = 0;
	look->due = INSTANT_NEVER;
	look->under_way = true;
	for (size_t i = 0; i < engine->router_count && !engine->shutting_down; i++) {
		const struct router *router = engine->routers[i];
		uint16_t ports[CONF_BALANCE_PORTS_MAX];
		size_t count = balancer_ports(look->balancer, router, ports);
		bool balances = count > 0;

		if (!balances && router->settings.track_apiserver)
			ports[count++] = router->settings.apiserver_port;
		for (size_t j = 0; j < count; j++)
			append_port(look, before_count, router, balances, ports[j]);
	}
}

/* ---- What was seen ---- */

static void tell(const struct target *target)
{
	char text[STATUS_LOOK_SIZE];

	status_look_text(&target->seen, text);
	if (target->seen.answers)
		log_notice(ROUTER_FMT ": %s", ROUTER_ARG(target->router), text);
	else
		log_warning(ROUTER_FMT ": %s", ROUTER_ARG(target->router), text);
}

static void note(struct target *target, int error)
{
	bool said = target->seen.known && !target->seen.answers;

	if (error < 0 && ++target->failures < FAILURES)
		return;
	target->failures = error < 0 ? FAILURES : 0;
	target->seen.known = true;
	target->seen.answers = error == 0;
	target->seen.error = error;
	if (said != (error < 0))
		tell(target);
}

static void end_round(struct look *look, struct instant now)
{
	int64_t wait_us = EVERY_US;

	for (size_t i = 0; i < look->count; i++)
		if (look->targets[i].failures > 0 && look->targets[i].failures < FAILURES)
			wait_us = AGAIN_US;
	look->under_way = false;
	look->due = instant_min(look->due, instant_add(now, wait_us));
}

/* The target that was dialled last; a reload forgets it, but not the attempt. */
static void take(struct look *look, struct instant now)
{
	int error;

	if (dial_take(look->dial, now, &error) && look->next > 0)
		note(&look->targets[look->next - 1], error);
}

void look_turn(struct look *look, struct instant now)
{
	take(look, now);
	if (!dial_is_busy(look->dial) && instant_due(look->due, now))
		begin_round(look);
	while (look->next < look->count && !dial_is_busy(look->dial)) {
		const struct status_look *wanted = &look->targets[look->next++].seen;

		dial_start(look->dial, now, &wanted->address, wanted->port);
		take(look, now);
	}
	if (look->under_way && !dial_is_busy(look->dial))
		end_round(look, now);
}

struct instant look_deadline(const struct look *look)
{
	return dial_is_busy(look->dial) ? dial_deadline(look->dial) : look->due;
}

size_t look_list(const struct look *look, struct status_look list[STATUS_LOOKS_MAX])
{
	for (size_t i = 0; i < look->count; i++) {
		list[i] = look->targets[i].seen;
		while (look->engine->routers[list[i].router] != look->targets[i].router)
			list[i].router++;
	}
	return look->count;
}
