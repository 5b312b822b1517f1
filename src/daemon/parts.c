/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "os/clock.h"

static const struct timeval retry_every = {.tv_sec = 1};
#define CLAIM_SUFFIX ".claims"

const char *parts_socket_path(const struct daemon *d, const struct conf *conf)
{
	return d->socket_path ? d->socket_path : conf->control_socket;
}

static size_t take_shares(void *context, const struct router *router,
			  struct status_share list[SLOTS_MEMBERS_MAX])
{
	return balancer_shares(context, router, list);
}

int parts_status(const struct daemon *d, struct status *ret_status)
{
	struct status_balance balance = {0};
	struct status_look looks[STATUS_LOOKS_MAX];
	const struct status_source source = {
		.conf = d->conf,
		.engine = &d->engine,
		.health = d->probe ? &d->engine.health : NULL,
		.probes = &d->probes,
		.balance = d->balancer ? &balance : NULL,
		.shares = take_shares,
		.shares_context = d->balancer,
		.looks = looks,
		.look_count = look_list(d->look, looks),
		.started = d->started,
		.loop_late_max_us = d->late_max_us,
		.connections_closed = io_connections_closed(d->io),
	};

	if (d->balancer)
		balancer_status(d->balancer, &balance);
	return status_take(&source, clock_now(), ret_status);
}

static int take_status(void *context, struct status *ret_status)
{
	return parts_status(context, ret_status);
}

static void note_step_down(void *context, unsigned seconds)
{
	struct daemon *d = context;

	d->step_down = true;
	d->step_down_s = seconds;
}

static struct control_calls control_calls(struct daemon *d)
{
	return (struct control_calls){
		.status = take_status,
		.step_down = note_step_down,
		.context = d,
	};
}

void parts_open_resume(struct daemon *d)
{
	char path[CONF_PATH_SIZE + sizeof(CLAIM_SUFFIX)];
	int error;

	snprintf(path, sizeof(path), "%s%s", parts_socket_path(d, d->conf), CLAIM_SUFFIX);
	error = resume_open(path, &d->resume);
	if (error < 0)
		log_warning("%s: %s; if the daemon is killed while Active, its next start is a "
			    "move",
			    path, strerror(-error));
	io_use_resume(d->io, d->resume);
}

int parts_new_control(struct daemon *d, const struct conf *conf, unsigned lock_wait_ms,
		      struct control **ret_control)
{
	const struct control_calls calls = control_calls(d);

	return control_new(d->base, parts_socket_path(d, conf), lock_wait_ms, &calls, ret_control);
}

int parts_new_metrics(struct daemon *d, const struct conf *conf,
		      struct metrics_listener **ret_metrics)
{
	const struct control_calls calls = control_calls(d);

	if (!conf->metrics_port) {
		*ret_metrics = NULL;
		return 0;
	}
	return metrics_listener_new(d->base, &conf->metrics_address, conf->metrics_port, &calls,
				    d->metrics, ret_metrics);
}

static bool metrics_missing(const struct daemon *d)
{
	return !d->metrics && d->conf->metrics_port;
}

static int retry_missing(struct daemon *d)
{
	if (d->control && !metrics_missing(d))
		return 0;
	return event_add(d->retry, &retry_every) == 0 ? 0 : -ENOMEM;
}

static void open_missing(evutil_socket_t fd, short events, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)events;
	if (!d->control && parts_new_control(d, d->conf, 0, &d->control) == 0)
		log_notice("%s is open now", parts_socket_path(d, d->conf));
	if (metrics_missing(d) && parts_new_metrics(d, d->conf, &d->metrics) == 0)
		log_notice("metrics_listen %s is open now", d->conf->metrics_listen);
	retry_missing(d);
}

int parts_open_listeners(struct daemon *d)
{
	int error = parts_new_control(d, d->conf, CONTROL_LOCK_WAIT_MS, &d->control);

	if (error == -EADDRINUSE)
		return error;
	if (error < 0)
		log_warning("%s cannot be opened: %s; retries each second",
			    parts_socket_path(d, d->conf), strerror(-error));
	error = parts_new_metrics(d, d->conf, &d->metrics);
	if (error < 0)
		log_warning("metrics_listen %s cannot be opened: %s; retries each second",
			    d->conf->metrics_listen, strerror(-error));
	d->retry = evtimer_new(d->base, open_missing, d);
	return d->retry ? retry_missing(d) : -ENOMEM;
}

/* SOCKETS FIRST: the result waits for its place in the turn. If there is no room, the newest result
 * takes the last place. */
static void note_result(void *context, const struct probe_report *report)
{
	struct daemon *d = context;
	unsigned place =
		d->result_count < DAEMON_RESULTS_MAX ? d->result_count++ : DAEMON_RESULTS_MAX - 1;

	d->results[place] = *report;
}

int parts_new_probe(struct daemon *d, const struct conf *conf, struct probe **ret_probe)
{
	if (!conf_tracks_apiserver(conf)) {
		*ret_probe = NULL;
		return 0;
	}
	return probe_new(d->base, &conf->apiserver, note_result, d, ret_probe);
}
