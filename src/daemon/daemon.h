/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the daemon: signals, and the turn of its loop in the order of rule SOCKETS FIRST.
 */
#ifndef CPVRRP_DAEMON_DAEMON_H
#define CPVRRP_DAEMON_DAEMON_H

#include "conf/file.h"

/*
 * The configuration with everything that it names, as the daemon would take it; NULL after every
 * error has been written to standard error. free() the result.
 */
struct conf *daemon_read_conf(const struct conf_source *source);

/*
 * Runs in the foreground until a handover after SIGTERM or SIGINT has ended. source is read now
 * and on SIGHUP; socket_path, if not NULL, overrides control_socket. Returns 0, -EINVAL for a
 * configuration that cannot be used, or another -errno; what is wrong has been told.
 */
int daemon_run(const struct conf_source *source, const char *socket_path);

#endif
