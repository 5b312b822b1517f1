/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/parts.h"
#include "daemon/reload.h"
#include "os/clock.h"
#include "os/confine.h"
#include "os/credentials.h"
#include "os/landlock.h"
#include "report/status_text.h"

#define LATE_WORTH_A_LINE_US (100 * MILLISECOND_US) /* RFC 9568 2.5: log our own delay */

/* True if readiness or the band changed, which is worth a line of its own. */
static bool log_change(const struct daemon *d, const struct probe_report *report, bool was_ready,
		       bool changed)
{
	const struct health *health = &d->engine.health;
	const char *band = priority_band_name(health_band(health));

	if (health->ready != was_ready && health->ready)
		log_notice("apiserver is ready");
	else if (health->ready != was_ready)
		log_notice("apiserver is not ready, band %s: %s (%u in a row); ready after %u "
			   "successes in a row",
			   band, report->detail, health->consecutive,
			   health_successes_needed(health, d->now));
	else if (changed)
		log_notice("apiserver is not ready, band %s: %s", band,
			   report->detail[0] ? report->detail : "it answers");
	return changed;
}

static void take_result(struct daemon *d, const struct probe_report *report)
{
	bool was_ready = d->engine.health.ready;
	bool changed = engine_probe_result(&d->engine, d->now, report->result);
	enum conf_log_level level;
	char line[LOG_TEXT_SIZE];
	bool said;

	status_probes_record(&d->probes, report);
	if (d->engine.health.ready != was_ready)
		d->probes.since = d->now;
	said = log_change(d, report, was_ready, changed);
	if (probe_log_report(&d->probe_log, d->now, report, &level, line) &&
	    (!said || level == CONF_LOG_WARNING))
		log_write(level, "%s", line);
}

struct conf *daemon_read_conf(const struct conf_source *source)
{
	return reload_read(source, conf_file_print_error, stderr);
}

static void note_timer(evutil_socket_t fd, short events, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)events;
	d->timer_fired = true;
}

static void note_signal(evutil_socket_t number, short events, void *context)
{
	struct daemon *d = context;

	(void)events;
	switch (number) {
	case SIGHUP:
		d->reload = true;
		break;
	case SIGUSR1:
		d->dump = true;
		break;
	default:
		d->shutdown = true;
		break;
	}
}

static void log_state(struct daemon *d)
{
	struct status status;
	char *text, *rest, *line;

	if (parts_status(d, &status) < 0)
		return;
	text = rest = status_text(&status);
	status_free(&status);
	while (text && (line = strsep(&rest, "\n")))
		if (line[0])
			log_notice("%s", line);
	free(text);
}

static void take_signals(struct daemon *d)
{
	if (d->reload) {
		notify_reloading(d->notify, d->now);
		reload(d);
	}
	if (d->dump)
		log_state(d);
	d->reload = false;
	d->dump = false;
}

static void take_requests(struct daemon *d)
{
	for (unsigned i = 0; i < d->result_count; i++)
		take_result(d, &d->results[i]);
	d->result_count = 0;
	if (d->step_down) {
		if (d->step_down_s > 0)
			log_notice("stepping down for %u s", d->step_down_s);
		else
			log_notice("no longer stepped down");
		engine_step_down(&d->engine, d->now, (int64_t)d->step_down_s * SECOND_US);
	}
	if (d->shutdown) {
		if (!d->engine.shutting_down)
			log_notice("stopping");
		engine_shutdown(&d->engine, d->now);
	}
	d->shutdown = false;
	d->step_down = false;
}

static void note_lateness(struct daemon *d, struct instant deadline)
{
	int64_t late_us = instant_since(d->now, deadline);
	uint64_t suppressed;

	if (late_us > d->late_max_us)
		d->late_max_us = late_us;
	if (late_us > LATE_WORTH_A_LINE_US && log_allowed(&d->late, d->now, &suppressed))
		log_warning("the loop was late by %lld ms", (long long)(late_us / 1000));
}

static struct instant next_deadline(const struct daemon *d)
{
	return instant_min(io_deadline(d->io),
			   instant_min(balancer_deadline(d->balancer), look_deadline(d->look)));
}

static void arm_timer(struct daemon *d)
{
	struct instant deadline = instant_min(next_deadline(d), notify_deadline(d->notify));
	struct itimerspec when = {0};

	if (!d->timer_fired && deadline.us == d->armed.us)
		return;
	if (!instant_is_never(deadline)) {
		when.it_value.tv_sec = deadline.us / SECOND_US;
		when.it_value.tv_nsec = deadline.us % SECOND_US * 1000;
	}
	timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	d->armed = deadline;
	d->timer_fired = false;
}

static void tell_manager(struct daemon *d)
{
	const struct engine *engine = &d->engine;
	char line[NOTIFY_STATUS_SIZE];

	if (notify_is_on(d->notify))
		notify_turn(d->notify, d->now, engine->shutting_down,
			    status_line(engine, d->probe ? &d->engine.health : NULL, line,
					sizeof(line)));
}

/* SOCKETS FIRST: the clock is read before anything else, so that nothing expires which could not be
 * heard. */
static void turn(struct daemon *d)
{
	struct instant deadline = next_deadline(d);
	bool drained;

	d->now = clock_now();
	note_lateness(d, deadline);
	take_signals(d);
	drained = io_receive(d->io, d->now);
	take_requests(d);
	io_timers(d->io, d->now, drained);
	balancer_turn(d->balancer, d->now);
	look_turn(d->look, d->now);
	tell_manager(d);
	arm_timer(d);
}

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define SIGNALS (sizeof(signal_numbers) / sizeof(signal_numbers[0]))
static_assert(SIGNALS == DAEMON_SIGNALS, "each signal has its event");

/* Until somebody takes them they wait: one would end the program, or be lost where it is process 1.
 */
static void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&set, signal_numbers[i]);
	sigprocmask(how, &set, NULL);
}

static bool add_signals(struct daemon *d)
{
	/* libevent and OpenSSL write to peers that may have gone. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < SIGNALS; i++) {
		d->signals[i] = evsignal_new(d->base, signal_numbers[i], note_signal, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL) < 0)
			return false;
	}
	hold_signals(SIG_UNBLOCK);
	return true;
}

/* libevent's own would write to standard error, in its own form, and wait for a full pipe. */
static void log_libevent(int severity, const char *message)
{
	static struct log_limit limit;
	uint64_t suppressed;

	if (severity >= EVENT_LOG_WARN && log_allowed(&limit, clock_now(), &suppressed))
		log_warning("libevent: %s", message);
}

/* With the change list, what a probe adds and deletes in one turn costs no epoll_ctl(2). No
 * descriptor here is a copy. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

/* libevent's timers round to a millisecond and cost a system call in every turn, so the protocol
 * has its own. */
static bool open_loop(struct daemon *d)
{
	event_set_log_callback(log_libevent);
	d->base = new_base();
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!d->base || d->timer_fd < 0)
		return false;
	d->timer = event_new(d->base, d->timer_fd, EV_READ | EV_PERSIST, note_timer, d);
	return d->timer && event_add(d->timer, NULL) == 0 && add_signals(d);
}

/* What makes the daemon run better. Returns -errno if the file insists on what is refused. */
static int ask_for_more(const struct conf *conf)
{
	int error = confine_lock_memory();

	if (error < 0)
		log_debug("memory is not locked: %s", strerror(-error));
	if (conf->realtime == CONF_REALTIME_FALSE)
		return 0;
	error = confine_realtime();
	if (error < 0 && conf->realtime == CONF_REALTIME_AUTO) {
		log_debug("the daemon does not run in real time: %s", strerror(-error));
		return 0;
	}
	return error;
}

/* Every file of track_file, with a NULL at the end. free() it; NULL if there is no memory. */
static const char **list_tracked(const struct conf *conf)
{
	const char **list = calloc(conf->instance_count * CONF_TRACKED_MAX + 1, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; list && i < conf->instance_count; i++)
		for (size_t j = 0; j < conf->instances[i].track_file_count; j++)
			list[count++] = conf->instances[i].track_files[j];
	return list;
}

/* From here on the directories of the files that are named now, and the control socket's. */
static int confine_daemon(const struct daemon *d, const char **ret_what)
{
	const struct conf_apiserver *apiserver = &d->conf->apiserver;
	const char *manager = getenv("NOTIFY_SOCKET");
	const char **tracked = list_tracked(d->conf);
	const struct landlock_files files = {
		.read = {d->source.vip ? "" : d->source.path, apiserver->ca_file,
			 apiserver->client_cert_file, apiserver->client_key_file,
			 apiserver->token_file},
		.tracked = tracked,
		.socket = parts_socket_path(d, d->conf),
		.abstract_sockets = manager && manager[0] == '@',
	};
	char detail[PROBE_DETAIL_SIZE];
	int error;

	if (!tracked)
		return -ENOMEM;
	credentials_init_library();
	if (landlock_version() == 0)
		log_info("the kernel has no Landlock: only modes and owners keep files from the "
			 "daemon");
	error = confine(&files, ret_what);
	free(tracked);
	if (error == 0 && conf_tracks_apiserver(d->conf) && !reload_can_read(apiserver, detail))
		log_warning("%s", detail);
	return error;
}

static void note_added(void *context, const struct router *router)
{
	struct daemon *d = context;

	balancer_take_over(d->balancer, d->now, router);
	look_soon(d->look, d->now);
}

/* Everything that a daemon cannot start without. True, or false after one line that says why. */
static bool open_all(struct daemon *d)
{
	const char *what = "event loop";
	int error;

	if (!open_loop(d)) {
		error = -ENOMEM;
		goto fail;
	}
	error = parts_open_listeners(d);
	if (error == -EADDRINUSE) {
		log_error("another daemon answers on %s", parts_socket_path(d, d->conf));
		return false;
	}
	if (error < 0)
		goto fail;
	what = "network";
	error = io_new(d->base, &d->engine, &d->io);
	if (error < 0)
		goto fail;
	parts_open_resume(d);
	what = "probe";
	error = parts_new_probe(d, d->conf, &d->probe);
	if (error < 0)
		goto fail;
	what = "balance";
	error = conf_balances(d->conf) ? balancer_new(d->base, &d->engine, d->io, &d->balancer) : 0;
	if (error < 0)
		goto fail;
	io_set_added(d->io, note_added, d);
	what = "look";
	d->look = look_new(d->base, &d->engine);
	error = -ENOMEM;
	if (!d->look)
		goto fail;
	error = notify_new(&d->notify);
	if (error < 0)
		log_warning("NOTIFY_SOCKET cannot be used: %s", strerror(-error));
	what = "realtime";
	error = ask_for_more(d->conf);
	if (error < 0)
		goto fail;
	error = confine_daemon(d, &what);
	if (error < 0)
		goto fail;
	return true;

fail:
	log_error("cannot start: %s: %s", what, strerror(-error));
	return false;
}

static void close_all(struct daemon *d)
{
	/* Without its event a signal would end the process, with a status of its own. */
	hold_signals(SIG_BLOCK);
	probe_free(d->probe);
	control_free(d->control);
	metrics_listener_free(d->metrics);
	if (d->retry)
		event_free(d->retry);
	for (size_t i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->timer)
		event_free(d->timer);
	if (d->timer_fd >= 0)
		close(d->timer_fd);
	look_free(d->look);
	balancer_free(d->balancer);
	io_free(d->io);
	resume_close(d->resume);
	engine_fini(&d->engine);
	notify_free(d->notify);
	if (d->base)
		event_base_free(d->base);
	free(d->conf);
	free(d);
}

static int run(struct daemon *d)
{
	d->started = d->now = clock_now();
	d->armed = INSTANT_NEVER;
	d->timer_fd = -1;
	d->probes.since = d->started;
	probe_log_init(&d->probe_log, d->started);
	if (!open_all(d))
		return -ECANCELED;
	log_notice("cpvrrp " VERSION " started");
	engine_init(&d->engine, io_engine_io(d->io), d->conf->apiserver.fall,
		    d->conf->apiserver.rise);
	if (!reload_network(d, d->conf)) {
		log_error("cannot start: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	tell_manager(d);
	arm_timer(d);
	while (!d->engine.shutting_down || !engine_stopped(&d->engine)) {
		event_base_loop(d->base, EVLOOP_ONCE);
		turn(d);
	}
	log_notice("stopped");
	return 0;
}

int daemon_run(const struct conf_source *source, const char *path)
{
	const char *missing = confine_missing();
	struct daemon *d = calloc(1, sizeof(*d));
	int status;

	hold_signals(SIG_BLOCK);
	if (!d)
		return -ENOMEM;
	d->source = *source;
	d->socket_path = path;
	d->conf = daemon_read_conf(source);
	if (!d->conf) {
		free(d);
		return -EINVAL;
	}
	if (missing) {
		fprintf(stderr,
			"cpvrrp: %s is missing: run it as root or with CAP_NET_ADMIN and "
			"CAP_NET_RAW\n",
			missing);
		free(d->conf);
		free(d);
		return -EPERM;
	}
	log_configure(d->conf->log_level, d->conf->log_format);
	status = run(d);
	close_all(d);
	return status;
}
