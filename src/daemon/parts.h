/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon is made of, and those of its parts that a reload may replace. Callbacks of the
 * event loop only note what the turn has to do.
 */
#ifndef CPVRRP_DAEMON_PARTS_H
#define CPVRRP_DAEMON_PARTS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/file.h"
#include "core/engine.h"
#include "daemon/balancer.h"
#include "daemon/control.h"
#include "daemon/io.h"
#include "daemon/look.h"
#include "daemon/metrics_listener.h"
#include "os/log.h"
#include "os/notify.h"
#include "os/probe.h"
#include "os/probe_log.h"
#include "os/resume.h"
#include "report/status.h"

#define DAEMON_SIGNALS 4
/* One probe is in flight at a time; a turn that waits for the kernel may find several ended. */
#define DAEMON_RESULTS_MAX 8

struct daemon {
	struct conf_source source;
	const char *socket_path; /* NULL = as configured */
	struct conf *conf;

	struct event_base *base;
	int timer_fd; /* on CLOCK_MONOTONIC, as struct instant */
	struct event *timer;
	struct event *signals[DAEMON_SIGNALS];
	struct engine engine;
	struct io *io;
	struct balancer *balancer; /* NULL if no router balanced at the start */
	struct look *look;
	struct resume *resume; /* NULL if there is no file for them */
	struct notify *notify;
	struct control *control;	  /* NULL until it can be opened */
	struct metrics_listener *metrics; /* the same, or if metrics_listen is off */
	struct event *retry;		  /* opens what is missing of these two */
	struct probe *probe;		  /* NULL if no router tracks the apiserver */

	struct instant started;
	struct instant now;   /* of this turn */
	struct instant armed; /* what the timer is set to */
	int64_t late_max_us;
	struct log_limit late;

	struct status_probes probes;
	struct probe_log probe_log;

	/* Noted by callbacks, done in the turn. */
	bool timer_fired;
	bool shutdown;
	bool reload;
	bool dump;
	bool step_down;
	unsigned step_down_s;
	unsigned result_count;
	struct probe_report results[DAEMON_RESULTS_MAX];
};

/* The control socket: as given on the command line, or as conf says. */
const char *parts_socket_path(const struct daemon *d, const struct conf *conf);

/* RESUME: opens the claims beside the control socket; without them a restart is a move. */
void parts_open_resume(struct daemon *d);

/* Each returns 0 or -errno; the part is NULL if conf asks for none. */
int parts_new_probe(struct daemon *d, const struct conf *conf, struct probe **ret_probe);
int parts_new_control(struct daemon *d, const struct conf *conf, unsigned lock_wait_ms,
		      struct control **ret_control);
int parts_new_metrics(struct daemon *d, const struct conf *conf,
		      struct metrics_listener **ret_metrics);

/*
 * SURVIVE: opens control socket and metrics_listen for a start. One that cannot be opened is logged
 * and tried again each second. Returns 0, -EADDRINUSE if another daemon answers on the control
 * socket, or -ENOMEM.
 */
int parts_open_listeners(struct daemon *d);

/* What a user may ask, as it is now; status_free() it. Returns 0 or -ENOMEM. */
int parts_status(const struct daemon *d, struct status *ret_status);

#endif
