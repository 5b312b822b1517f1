/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the control socket, for the command line. */
#ifndef CPVRRP_DAEMON_CONTROL_CLIENT_H
#define CPVRRP_DAEMON_CONTROL_CLIENT_H

#define CONTROL_CLIENT_TIMEOUT_S 5

/*
 * One request, which takes CONTROL_CLIENT_TIMEOUT_S at most from its begin to its end. *ret_body is
 * the body, ended with a zero byte; free() it. Returns the HTTP status, or -errno: -ENOENT and
 * -ECONNREFUSED, no daemon; -EACCES, the socket belongs to another user; -EPERM, a process that
 * this user has no reason to believe answers on it; -EPROTO, no HTTP.
 */
int control_request(const char *path, const char *method, const char *target, char **ret_body);

#endif
