/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "os/holder.h"

#define DRAIN_MAX 64 /* packets of one socket in one turn */
#define PAUSE_US (100 * MILLISECOND_US)

struct watch {
	struct event_base *base;
	struct engine *engine;
	struct holder *holder;
	unsigned event_count;
	struct event *events[HOLDER_FDS];
	bool readable;
	struct instant resume; /* the events are off until then; INSTANT_NEVER: they are on */
	struct instant now;    /* of the drain in progress */
};

static void note_readable(evutil_socket_t fd, short events, void *context)
{
	struct watch *watch = context;

	(void)fd;
	(void)events;
	watch->readable = true;
}

int watch_new(struct event_base *base, struct engine *engine, struct watch **ret_watch)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (!watch)
		return -ENOMEM;
	watch->base = base;
	watch->engine = engine;
	watch->resume = INSTANT_NEVER;
	error = holder_new(&watch->holder);
	if (error < 0) {
		free(watch);
		return error;
	}
	*ret_watch = watch;
	return 0;
}

static void free_events(struct watch *watch)
{
	while (watch->event_count > 0)
		event_free(watch->events[--watch->event_count]);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	free_events(watch);
	holder_free(watch->holder);
	free(watch);
}

/* Every address once. The caller frees the list; NULL if there is no memory. */
static struct addr *list_addresses(const struct engine *engine, size_t *ret_count)
{
	struct addr *list = calloc(engine->router_count * ROUTER_ADDRESSES_MAX + 1, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; list && i < engine->router_count; i++) {
		const struct router_settings *settings = &engine->routers[i]->settings;

		for (size_t j = 0; j < settings->address_count; j++)
			if (!addr_in_list(&settings->addresses[j], list, count))
				list[count++] = settings->addresses[j];
	}
	*ret_count = count;
	return list;
}

static int add_events(struct watch *watch)
{
	int fds[HOLDER_FDS];
	unsigned count = holder_fds(watch->holder, fds);

	for (unsigned i = 0; i < count; i++) {
		struct event *event =
			event_new(watch->base, fds[i], EV_READ | EV_PERSIST, note_readable, watch);

		if (!event)
			return -ENOMEM;
		watch->events[watch->event_count++] = event;
		if (event_add(event, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

int watch_configure(struct watch *watch)
{
	size_t count;
	struct addr *list = list_addresses(watch->engine, &count);
	int error;

	if (!list)
		return -ENOMEM;
	/* The sockets may be others afterwards. */
	free_events(watch);
	watch->resume = INSTANT_NEVER;
	error = holder_watch(watch->holder, list, count);
	free(list);
	return error < 0 ? error : add_events(watch);
}

static void take(void *context, int ifindex, const struct neigh_claim *claim)
{
	struct watch *watch = context;

	engine_claim(watch->engine, watch->now, ifindex, claim);
}

static void set_events(struct watch *watch, bool on)
{
	for (unsigned i = 0; i < watch->event_count; i++)
		(void)(on ? event_add(watch->events[i], NULL) : event_del(watch->events[i]));
}

int watch_drain(struct watch *watch, struct instant now)
{
	int result;

	if (instant_due(watch->resume, now)) {
		watch->resume = INSTANT_NEVER;
		watch->readable = true;
		set_events(watch, true);
	}
	if (!watch->readable || !instant_is_never(watch->resume))
		return 0;
	watch->readable = false;
	watch->now = now;
	result = holder_drain(watch->holder, DRAIN_MAX, take, watch);
	if (result == 0) {
		/* Whoever floods the segment with claims gets no more of the loop than this. */
		watch->resume = instant_add(now, PAUSE_US);
		set_events(watch, false);
	}
	return result < 0 ? result : 0;
}

struct instant watch_deadline(const struct watch *watch)
{
	return watch->resume;
}
