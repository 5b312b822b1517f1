/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of the running daemon: read and checked whole before anything changes (rule
 * SURVIVE).
 */
#ifndef CPVRRP_DAEMON_RELOAD_H
#define CPVRRP_DAEMON_RELOAD_H

#include "daemon/parts.h"

/*
 * The configuration with everything that it names, as the daemon would take it; NULL after error
 * was called for each thing that is wrong. free() the result.
 */
struct conf *reload_read(const struct conf_source *source,
			 void (*error)(void *context, const char *line), void *context);

/*
 * False, and *detail says so, if a file of the section can only be read after a restart: confine()
 * has left the directories of the files that were named then. Before it all can be read.
 */
bool reload_can_read(const struct conf_apiserver *apiserver, char detail[PROBE_DETAIL_SIZE]);

/* Makes the routers those of conf. False, with nothing changed, if there is no memory. */
bool reload_network(struct daemon *d, const struct conf *conf);

/* Reads the file again and takes it over; if anything is wrong the running configuration stays, and
 * the log says what. */
void reload(struct daemon *d);

#endif
