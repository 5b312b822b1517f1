/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration for a running engine: which routers stay, which come and which go.
 */
#ifndef CPVRRP_CORE_RELOAD_H
#define CPVRRP_CORE_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/engine.h"

/*
 * Makes the engine's routers those of settings; at start and on reload. A router whose settings are
 * the same is not touched; one of the same identity keeps its state; one that is gone sends
 * priority 0 and leaves. False if there is no memory: then nothing has changed.
 *
 * The caller tells engine_interface() of every router afterwards.
 */
bool reload_routers(struct engine *engine, struct instant now,
		    const struct router_settings *settings, size_t count);

#endif
