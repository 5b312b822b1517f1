/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/elsewhere.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "os/log.h"

#define WAIT_US SECOND_US

struct elsewhere {
	struct engine *engine;
	struct strays *strays;
	struct event *event;
	bool readable; /* noted by the event; the turn reads */
	size_t sought_count;
	struct stray_sought *sought;
	struct instant due;	/* when changes are said; INSTANT_NEVER: there are none */
	struct stray_list told; /* what has been said */
	struct log_limit limits[2];
};

static void note_readable(evutil_socket_t fd, short events, void *context)
{
	struct elsewhere *elsewhere = context;

	(void)fd;
	(void)events;
	elsewhere->readable = true;
}

int elsewhere_new(struct event_base *base, struct engine *engine, struct elsewhere **ret_elsewhere)
{
	struct elsewhere *elsewhere = calloc(1, sizeof(*elsewhere));
	int error;

	if (!elsewhere)
		return -ENOMEM;
	elsewhere->engine = engine;
	elsewhere->due = INSTANT_NEVER;
	error = strays_new(&elsewhere->strays);
	if (error < 0)
		goto fail;
	elsewhere->event = event_new(base, strays_fd(elsewhere->strays), EV_READ | EV_PERSIST,
				     note_readable, elsewhere);
	error = -ENOMEM;
	if (!elsewhere->event || event_add(elsewhere->event, NULL) < 0)
		goto fail;
	*ret_elsewhere = elsewhere;
	return 0;

fail:
	elsewhere_free(elsewhere);
	return error;
}

void elsewhere_free(struct elsewhere *elsewhere)
{
	if (!elsewhere)
		return;
	if (elsewhere->event)
		event_free(elsewhere->event);
	strays_free(elsewhere->strays);
	free(elsewhere->sought);
	free(elsewhere);
}

const struct stray_list *elsewhere_found(const struct elsewhere *elsewhere)
{
	return strays_get(elsewhere->strays);
}

/* A link-local address is one of its link alone, and may be on each. */
static void append_sought(const struct router *router, struct stray_sought *list, size_t *count)
{
	const struct router_settings *settings = &router->settings;

	for (size_t i = 0; router->ifindex != 0 && i < settings->address_count; i++)
		if (!addr_is_link_local(&settings->addresses[i]))
			list[(*count)++] =
				(struct stray_sought){settings->addresses[i], router->ifindex};
}

static bool sought_equal(const struct stray_sought *a, const struct stray_sought *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (a[i].ifindex != b[i].ifindex || !addr_equal(&a[i].address, &b[i].address))
			return false;
	return true;
}

static bool is_on(const struct stray_list *list, const struct stray *stray)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->list[i].ifindex == stray->ifindex &&
		    list->list[i].prefix_length == stray->prefix_length &&
		    addr_equal(&list->list[i].address, &stray->address))
			return true;
	return false;
}

static void log_change(struct elsewhere *elsewhere, struct instant now, const struct stray *stray,
		       bool appeared)
{
	char address[ADDR_TEXT_SIZE], name[IF_NAMESIZE];
	uint64_t suppressed;

	if (!log_allowed(&elsewhere->limits[appeared], now, &suppressed))
		return;
	addr_format(&stray->address, address);
	if (!if_indextoname((unsigned)stray->ifindex, name))
		strcpy(name, "its interface");
	if (appeared)
		log_warning("%s/%u is on %s too, where this daemon has not put it: this node "
			    "answers for it, Active or not; to remove it: ip addr del %s/%u dev %s",
			    address, stray->prefix_length, name, address, stray->prefix_length,
			    name);
	else
		log_notice("%s/%u is no longer on %s", address, stray->prefix_length, name);
}

/* The first place that is found is shown. */
static void show(const struct elsewhere *elsewhere, struct router *router)
{
	memset(router->elsewhere, 0, sizeof(router->elsewhere));
	for (size_t i = 0; i < router->settings.address_count; i++)
		for (size_t j = elsewhere->told.count; j-- > 0;) {
			const struct stray *stray = &elsewhere->told.list[j];

			if (stray->ifindex != router->ifindex &&
			    addr_equal(&stray->address, &router->settings.addresses[i]))
				(void)if_indextoname((unsigned)stray->ifindex,
						     router->elsewhere[i]);
		}
}

static void show_all(const struct elsewhere *elsewhere)
{
	for (size_t i = 0; i < elsewhere->engine->router_count; i++)
		show(elsewhere, elsewhere->engine->routers[i]);
}

static void expect_change(struct elsewhere *elsewhere, struct instant now)
{
	if (instant_is_never(elsewhere->due))
		elsewhere->due = instant_add(now, WAIT_US);
}

int elsewhere_sync(struct elsewhere *elsewhere, struct instant now)
{
	const struct engine *engine = elsewhere->engine;
	struct stray_sought *sought =
		calloc(engine->router_count * ROUTER_ADDRESSES_MAX + 1, sizeof(*sought));
	size_t count = 0;
	int error;

	if (!sought)
		return -ENOMEM;
	for (size_t i = 0; i < engine->router_count; i++)
		append_sought(engine->routers[i], sought, &count);
	if (count == elsewhere->sought_count && sought_equal(sought, elsewhere->sought, count)) {
		free(sought);
		return 0;
	}
	free(elsewhere->sought);
	elsewhere->sought = sought;
	elsewhere->sought_count = count;
	expect_change(elsewhere, now);
	show_all(elsewhere);
	error = strays_seek(elsewhere->strays, sought, count);
	if (error < 0)
		elsewhere->sought_count = 0; /* so that the next call seeks again */
	return error;
}

int elsewhere_drain(struct elsewhere *elsewhere, struct instant now)
{
	int news;

	if (!elsewhere->readable)
		return 0;
	news = strays_drain(elsewhere->strays);
	elsewhere->readable = news < 0;
	if (news != 0)
		expect_change(elsewhere, now);
	return news < 0 ? news : 0;
}

void elsewhere_timers(struct elsewhere *elsewhere, struct instant now)
{
	const struct stray_list *found = elsewhere_found(elsewhere);

	if (!instant_due(elsewhere->due, now))
		return;
	elsewhere->due = INSTANT_NEVER;
	for (size_t i = 0; i < elsewhere->told.count; i++)
		if (!is_on(found, &elsewhere->told.list[i]))
			log_change(elsewhere, now, &elsewhere->told.list[i], false);
	for (size_t i = 0; i < found->count; i++)
		if (!is_on(&elsewhere->told, &found->list[i]))
			log_change(elsewhere, now, &found->list[i], true);
	elsewhere->told = *found;
	show_all(elsewhere);
}

struct instant elsewhere_deadline(const struct elsewhere *elsewhere)
{
	return elsewhere->due;
}
