/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parts.h"

#include "os/clock.h"

const char *parts_socket_path(const struct daemon *d, const struct conf *conf)
{
	return d->socket_path ? d->socket_path : conf->control_socket;
}

int parts_status(const struct daemon *d, struct status *ret_status)
{
	const struct status_source source = {
		.conf = d->conf,
		.engine = &d->engine,
		.health = d->probe ? &d->engine.health : NULL,
		.probes = &d->probes,
		.started = d->started,
		.loop_late_max_us = d->late_max_us,
		.connections_closed = io_connections_closed(d->io),
	};

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

int parts_new_control(struct daemon *d, const struct conf *conf, struct control **ret_control)
{
	const struct control_calls calls = control_calls(d);

	return control_new(d->base, parts_socket_path(d, conf), &calls, ret_control);
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
