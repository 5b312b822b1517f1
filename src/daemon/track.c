/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/track.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/log.h"
#include "os/tracked_file.h"
#include "report/status.h"

#define LOOK_US SECOND_US
/* After an event: `echo REASON >FILE` makes the file before it writes the line. It also bounds how
 * often a busy directory is looked at. */
#define SETTLE_US (20 * MILLISECOND_US)

struct track {
	struct event_base *base;
	struct engine *engine;
	int fd; /* inotify; -1 = none */
	struct event *event;
	bool readable;
	struct instant next; /* INSTANT_NEVER: no file is tracked */
	struct instant now;  /* of the look in progress */
};

static void each(struct engine *engine, enum condition_kind kind,
		 void (*visit)(void *context, struct router *router, size_t i), void *context)
{
	for (size_t r = 0; r < engine->router_count; r++) {
		struct router *router = engine->routers[r];

		for (size_t i = 0; i < router->settings.conditions.count; i++)
			if (router->settings.conditions.list[i].kind == kind)
				visit(context, router, i);
	}
}

/* A reason that only changes is in the state: a program may write the time into the file. */
static void tell(struct engine *engine, struct instant now, struct router *router, size_t i,
		 const struct condition_state *state)
{
	const struct condition *condition = &router->settings.conditions.list[i];
	const struct condition_state before = router->conditions[i];
	char text[STATUS_CONDITION_SIZE];

	if (!engine_condition(engine, now, router, i, state))
		return;
	status_condition(condition, state, text);
	if (state->unmet && (!before.unmet || before.reason[0] == '\0'))
		log_notice(ROUTER_FMT ": not ready: %s", ROUTER_ARG(router), text);
	else if (!state->unmet)
		log_notice(ROUTER_FMT ": no longer held back: %s", ROUTER_ARG(router), text);
}

/* ---- Files ---- */

static void look_at(void *context, struct router *router, size_t i)
{
	struct track *track = context;
	const char *path = router->settings.conditions.list[i].name;
	struct condition_state state = {.unmet = false};

	/* Before the look, which then sees what the watch would miss. A directory that is not there
	 * yet, or is another one by now, is tried again with each look. */
	if (track->fd >= 0)
		(void)tracked_file_watch(track->fd, path);
	state.unmet = tracked_file_exists(path, state.reason, sizeof(state.reason));
	tell(track->engine, track->now, router, i, &state);
	track->next = instant_add(track->now, LOOK_US);
}

static void note_readable(evutil_socket_t fd, short events, void *context)
{
	struct track *track = context;

	(void)fd;
	(void)events;
	track->readable = true;
}

static void close_inotify(struct track *track)
{
	if (track->event)
		event_free(track->event);
	if (track->fd >= 0)
		close(track->fd);
	track->event = NULL;
	track->fd = -1;
	track->readable = false;
}

static int open_inotify(struct track *track)
{
	track->fd = tracked_file_open();
	if (track->fd < 0)
		return track->fd;
	track->event =
		event_new(track->base, track->fd, EV_READ | EV_PERSIST, note_readable, track);
	return track->event && event_add(track->event, NULL) == 0 ? 0 : -ENOMEM;
}

static void note_file(void *context, struct router *router, size_t i)
{
	bool *any = context;

	(void)router;
	(void)i;
	*any = true;
}

void track_configure(struct track *track, struct instant now)
{
	bool any = false;
	int error;

	close_inotify(track);
	track->next = INSTANT_NEVER;
	each(track->engine, CONDITION_FILE, note_file, &any);
	if (!any)
		return;
	error = open_inotify(track);
	if (error < 0) {
		close_inotify(track);
		log_warning("inotify is not available: %s; files of track_file are looked at each "
			    "second",
			    strerror(-error));
	}
	track->now = now;
	each(track->engine, CONDITION_FILE, look_at, track);
}

void track_files(struct track *track, struct instant now)
{
	if (track->readable) {
		track->readable = false;
		tracked_file_drain(track->fd);
		track->next = instant_min(track->next, instant_add(now, SETTLE_US));
	}
	if (!instant_due(track->next, now))
		return;
	track->now = now;
	each(track->engine, CONDITION_FILE, look_at, track);
}

struct instant track_deadline(const struct track *track)
{
	return track->next;
}

/* ---- Interfaces ---- */

struct sight {
	struct engine *engine;
	struct instant now;
	const struct interface *interface;
};

static void compare(void *context, struct router *router, size_t i)
{
	const struct sight *sight = context;
	const struct interface *interface = sight->interface;
	struct condition_state state = {.unmet = !interface->up};

	if (strcmp(router->settings.conditions.list[i].name, interface->name) != 0)
		return;
	if (state.unmet)
		snprintf(state.reason, sizeof(state.reason), "%s",
			 interface->index == 0 ? "does not exist" : "is down");
	tell(sight->engine, sight->now, router, i, &state);
}

void track_interface(struct engine *engine, struct instant now, const struct interface *interface)
{
	struct sight sight = {engine, now, interface};

	each(engine, CONDITION_INTERFACE, compare, &sight);
}

/* ---- Life ---- */

int track_new(struct event_base *base, struct engine *engine, struct track **ret_track)
{
	struct track *track = calloc(1, sizeof(*track));

	if (!track)
		return -ENOMEM;
	track->base = base;
	track->engine = engine;
	track->fd = -1;
	track->next = INSTANT_NEVER;
	*ret_track = track;
	return 0;
}

void track_free(struct track *track)
{
	if (!track)
		return;
	close_inotify(track);
	free(track);
}
