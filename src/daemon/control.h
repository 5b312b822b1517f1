/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 on the control socket, mode 0600: GET /v1/state (?format=text for people), GET /metrics,
 * GET /healthz, POST /v1/step-down?seconds=N. On a TCP port, if one is asked for, GET /metrics and
 * GET /healthz alone. Requests are served from the event loop and change nothing by themselves.
 */
#ifndef CPVRRP_DAEMON_CONTROL_H
#define CPVRRP_DAEMON_CONTROL_H

#include <event2/event.h>
#include <stdint.h>

#include "core/addr.h"
#include "report/status.h"

#define CONTROL_STEP_DOWN_DEFAULT_S 60
#define CONTROL_STEP_DOWN_MAX_S 86400

/* How often it is looked whether the socket is still in the file system. */
#define CONTROL_WATCH_S 5

struct control;

struct control_calls {
	/* Fills *state with the present. */
	void (*state)(void *context, struct state *state);
	/* seconds is 1..CONTROL_STEP_DOWN_MAX_S. */
	void (*step_down)(void *context, unsigned seconds);
	void *context;
};

/*
 * Listens on the Unix socket path; a stale socket is replaced, missing directories of the path are
 * made (0755). If somebody removes the socket, it is made again. Returns 0, -EADDRINUSE if a daemon
 * answers on it, or -errno.
 */
int control_new(struct event_base *base, const char *path, const struct control_calls *calls,
		struct control **ret_control);
/*
 * The metrics on a TCP port. The address need not be there yet; the unspecified one is all, that of
 * IPv6 with those of IPv4. Another struct control may be on the port meanwhile. Returns 0 or
 * -errno.
 */
int control_new_metrics(struct event_base *base, const struct addr *address, uint16_t port,
			const struct control_calls *calls, struct control **ret_control);
/* Removes the socket. NULL is allowed. */
void control_free(struct control *control);

/*
 * The client's side: one request, waiting up to 5 s. *ret_body is the body, ended with a zero byte;
 * free() it. Returns the HTTP status, or -errno (-ENOENT, -ECONNREFUSED: no daemon; -EPROTO: no
 * HTTP).
 */
int control_request(const char *path, const char *method, const char *target, char **ret_body);

#endif
