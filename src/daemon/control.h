/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: HTTP/1.1 on a Unix socket, mode 0600, with GET /v1/state (?format=text for
 * people), GET /metrics, GET /healthz and POST /v1/step-down?seconds=N. Requests are served from
 * the event loop and change nothing by themselves.
 */
#ifndef CPVRRP_DAEMON_CONTROL_H
#define CPVRRP_DAEMON_CONTROL_H

#include <event2/event.h>

#include "daemon/http.h"
#include "report/status.h"

#define CONTROL_STEP_DOWN_DEFAULT_S 60
#define CONTROL_STEP_DOWN_MAX_S 86400

/*
 * How long a start waits for another daemon that is replacing a stale socket in the same directory.
 * Any user who can open the directory can hold its lock, so it is not waited for without end.
 */
#define CONTROL_LOCK_WAIT_MS 500

/* How often the daemon looks whether the socket is still in the file system. */
#define CONTROL_WATCH_S 5

struct control;

struct control_calls {
	/* As status_take(). */
	int (*status)(void *context, struct status *ret_status);
	/* seconds is 0..CONTROL_STEP_DOWN_MAX_S; 0 ends an earlier one. */
	void (*step_down)(void *context, unsigned seconds);
	void *context;
};

/* A number of seconds for people: digits alone. -1 if text is none or is not from min to max. */
int control_parse_seconds(const char *text, int min, int max);

/*
 * Listens on the Unix socket path; a stale socket is replaced, missing directories of the path are
 * made: the last one, which holds the socket, 0700, those above it 0755. If somebody removes the
 * socket, it is made again. Within the loop lock_wait_ms is 0, at the start CONTROL_LOCK_WAIT_MS.
 * Returns 0, -EADDRINUSE if a daemon answers on it, or -errno.
 */
int control_new(struct event_base *base, const char *path, unsigned lock_wait_ms,
		const struct control_calls *calls, struct control **ret_control);
/* Removes the socket. NULL is allowed. */
void control_free(struct control *control);

/* Paths that metrics_listener serves too. calls is a const struct control_calls. */
void control_serve_state(struct http_request *request, void *calls);
void control_serve_metrics(struct http_request *request, void *calls);
void control_serve_health(struct http_request *request, void *calls);

#endif
