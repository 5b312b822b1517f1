/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conditions of the routers besides the apiserver (track_file, track_interface): looks at the
 * files, when inotify tells of them and each second, and hands what was seen to engine_condition().
 * What is news goes to the log. daemon/attach follows the interfaces.
 */
#ifndef CPVRRP_DAEMON_TRACK_H
#define CPVRRP_DAEMON_TRACK_H

#include <event2/event.h>

#include "core/engine.h"

struct track;

/* Opens nothing yet. engine may be initialized later. Both outlive it. Returns 0 or -errno. */
int track_new(struct event_base *base, struct engine *engine, struct track **ret_track);
/* NULL is allowed. */
void track_free(struct track *track);

/* The routers have changed: looks at every file, before the routers are told of their interfaces,
 * so that none starts readier than it is. */
void track_configure(struct track *track, struct instant now);

/* In each turn: looks at the files if it is time to. */
void track_files(struct track *track, struct instant now);

/* When it is; INSTANT_NEVER without a file. */
struct instant track_deadline(const struct track *track);

/* The state of an interface that routers may track. */
void track_interface(struct engine *engine, struct instant now, const struct interface *interface);

#endif
