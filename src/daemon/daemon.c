/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "conf/file.h"
#include "daemon/control.h"
#include "daemon/io.h"
#include "os/confine.h"
#include "os/log.h"
#include "os/notify.h"
#include "os/probe.h"
#include "report/status.h"

#define SECOND_US 1000000
#define LATE_WORTH_A_LINE_US 100000 /* RFC 9568 2.5: log our own delay */

struct daemon {
	const char *conf_path;
	const char *socket_path; /* NULL = as configured */
	struct conf *conf;

	struct event_base *base;
	int timer_fd; /* on CLOCK_MONOTONIC, as struct instant */
	struct event *timer;
	struct event *signals[4];
	struct linux_host *host;
	struct notify *notify;
	struct control *control;
	struct control *metrics; /* NULL if metrics_listen is off */
	struct probe *probe;	 /* NULL if no router tracks the apiserver */

	struct instant started;
	struct instant now;   /* of this turn */
	struct instant armed; /* what the timer is set to */
	int64_t late_max_us;
	struct log_limit late;

	struct health health;
	struct state_apiserver apiserver;

	/* Noted by callbacks, done in the turn. */
	bool timer_fired;
	bool shutdown;
	bool reload;
	bool dump;
	bool ready_changed;
	unsigned step_down_s;
};

static void probe_reported(void *context, const struct probe_report *report)
{
	struct daemon *d = context;
	bool first = d->health.consecutive == 0 || d->health.last != report->result;
	bool changed = health_step(&d->health, report->result);

	state_apiserver_record(&d->apiserver, report);
	if (changed) {
		d->apiserver.since = host_clock();
		d->ready_changed = true;
	}
	if (changed && d->health.ready)
		log_notice("apiserver is ready");
	else if (changed)
		log_notice("apiserver is unready: %s (%u in a row)", report->detail,
			   d->health.consecutive);
	else if (first && report->result != HEALTH_OK)
		log_info("apiserver probe: %s", report->detail);
}

static int new_probe(struct daemon *d, const struct conf *conf, struct probe **ret_probe)
{
	if (!conf_tracks_apiserver(conf)) {
		*ret_probe = NULL;
		return 0;
	}
	return probe_new(d->base, &conf->apiserver, probe_reported, d, ret_probe);
}

static void print_error(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "%s\n", line);
}

static void log_reload_error(void *context, const char *line)
{
	(void)context;
	log_error("%s", line);
}

/* The file, checked with everything it names; NULL after all errors have been told. */
static struct conf *read_conf(const char *path, void (*error)(void *context, const char *line))
{
	struct conf *conf = conf_file_read(path, error, NULL);
	char detail[PROBE_DETAIL_SIZE];
	char line[CONF_PATH_SIZE + PROBE_DETAIL_SIZE];

	if (!conf || !conf_tracks_apiserver(conf) || probe_check(&conf->apiserver, detail) == 0)
		return conf;
	snprintf(line, sizeof(line), "%s: %s", path, detail);
	error(NULL, line);
	free(conf);
	return NULL;
}

struct conf *daemon_read_conf(const char *path)
{
	return read_conf(path, print_error);
}

static const char *socket_path(const struct daemon *d, const struct conf *conf)
{
	return d->socket_path ? d->socket_path : conf->control_socket;
}

static void fill_state(void *context, struct state *state)
{
	struct daemon *d = context;

	*state = (struct state){
		.pid = getpid(),
		.now = host_clock(),
		.started = d->started,
		.conf = d->conf,
		.engine = host_engine(d->host),
		.health = d->probe ? &d->health : NULL,
		.apiserver = &d->apiserver,
		.loop_late_max_us = d->late_max_us,
	};
	confine_read(&state->confinement);
	clock_gettime(CLOCK_REALTIME, &state->wall);
}

static void note_step_down(void *context, unsigned seconds)
{
	struct daemon *d = context;

	d->step_down_s = seconds;
}

static struct control_calls control_calls(struct daemon *d)
{
	return (struct control_calls){
		.state = fill_state,
		.step_down = note_step_down,
		.context = d,
	};
}

static int new_control(struct daemon *d, const struct conf *conf, struct control **ret_control)
{
	const struct control_calls calls = control_calls(d);

	return control_new(d->base, socket_path(d, conf), &calls, ret_control);
}

static int new_metrics(struct daemon *d, const struct conf *conf, struct control **ret_metrics)
{
	const struct control_calls calls = control_calls(d);

	if (!conf->metrics_port) {
		*ret_metrics = NULL;
		return 0;
	}
	return control_new_metrics(d->base, &conf->metrics_address, conf->metrics_port, &calls,
				   ret_metrics);
}

static bool metrics_equal(const struct conf *a, const struct conf *b)
{
	return a->metrics_port == b->metrics_port &&
	       addr_equal(&a->metrics_address, &b->metrics_address);
}

/* What a reload may replace. */
struct parts {
	struct probe *probe;
	struct control *control;
	struct control *metrics;
};

/* Frees what is in parts and not in others. */
static void free_parts(const struct parts *parts, const struct parts *others)
{
	if (parts->probe != others->probe)
		probe_free(parts->probe);
	if (parts->control != others->control)
		control_free(parts->control);
	if (parts->metrics != others->metrics)
		control_free(parts->metrics);
}

/* Opens first what the new configuration needs; then nothing can fail any more. */
static const char *prepare_reload(struct daemon *d, const struct conf *conf, struct parts *parts)
{
	if (strcmp(socket_path(d, d->conf), socket_path(d, conf)) &&
	    new_control(d, conf, &parts->control) < 0)
		return "its control_socket cannot be opened";
	if (!metrics_equal(d->conf, conf) && new_metrics(d, conf, &parts->metrics) < 0)
		return "its metrics_listen cannot be opened";
	if ((!d->probe || !conf_tracks_apiserver(conf) ||
	     !conf_apiserver_equal(&d->conf->apiserver, &conf->apiserver)) &&
	    new_probe(d, conf, &parts->probe) < 0)
		return "its probe cannot be started";
	return NULL;
}

static void do_reload(struct daemon *d)
{
	const struct parts old = {d->probe, d->control, d->metrics};
	struct conf *conf = read_conf(d->conf_path, log_reload_error);
	struct conf *before = d->conf;
	struct parts new = old;
	const char *problem;

	if (!conf) {
		log_error("%s has errors; the running configuration stays", d->conf_path);
		return;
	}
	problem = prepare_reload(d, conf, &new);
	d->conf = conf;
	if (!problem && !host_configure(d->host, d->now, conf))
		problem = "there is no memory for it";
	if (problem) {
		d->conf = before;
		free_parts(&new, &old);
		free(conf);
		log_error("%s: %s; the running configuration stays", d->conf_path, problem);
		return;
	}
	free_parts(&old, &new);
	if (!d->probe && new.probe) {
		health_init(&d->health, conf->apiserver.fall, conf->apiserver.rise);
		d->apiserver.since = d->now;
		d->ready_changed = true;
	}
	d->probe = new.probe;
	d->control = new.control;
	d->metrics = new.metrics;
	d->health.fall = conf->apiserver.fall;
	d->health.rise = conf->apiserver.rise;
	log_configure(conf->log_level, conf->log_format);
	if (conf->realtime != before->realtime)
		log_warning("realtime changes with the next start");
	free(before);
	log_notice("%s has been read again", d->conf_path);
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
	struct state state;
	char *text, *rest, *line;

	fill_state(d, &state);
	text = rest = state_text(&state);
	while (text && (line = strsep(&rest, "\n")))
		if (line[0])
			log_notice("%s", line);
	free(text);
}

static void take_signals(struct daemon *d)
{
	if (d->reload) {
		notify_reloading(d->notify, d->now);
		do_reload(d);
	}
	if (d->dump)
		log_state(d);
	d->reload = false;
	d->dump = false;
}

static void take_requests(struct daemon *d)
{
	if (d->ready_changed)
		engine_ready(host_engine(d->host), d->now, d->health.ready);
	if (d->step_down_s > 0) {
		log_notice("stepping down for %u s", d->step_down_s);
		engine_step_down(host_engine(d->host), d->now, (int64_t)d->step_down_s * SECOND_US);
	}
	if (d->shutdown) {
		if (!host_engine(d->host)->shutting_down)
			log_notice("stopping");
		engine_shutdown(host_engine(d->host), d->now);
	}
	d->shutdown = false;
	d->ready_changed = false;
	d->step_down_s = 0;
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

static void arm_timer(struct daemon *d)
{
	struct instant deadline = instant_min(host_deadline(d->host), notify_deadline(d->notify));
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
	const struct engine *engine = host_engine(d->host);
	char line[NOTIFY_STATUS_SIZE];

	if (notify_is_on(d->notify))
		notify_turn(d->notify, d->now, engine->shutting_down,
			    state_line(engine, d->probe ? &d->health : NULL, line, sizeof(line)));
}

/* SOCKETS FIRST: the clock is read before anything else, so that nothing expires which could not be
 * heard. */
static void turn(struct daemon *d)
{
	struct instant deadline = host_deadline(d->host);
	bool drained;

	d->now = host_clock();
	note_lateness(d, deadline);
	take_signals(d);
	drained = host_receive(d->host, d->now);
	take_requests(d);
	host_timers(d->host, d->now, drained);
	tell_manager(d);
	arm_timer(d);
}

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define SIGNALS (sizeof(signal_numbers) / sizeof(signal_numbers[0]))

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

	if (severity >= EVENT_LOG_WARN && log_allowed(&limit, host_clock(), &suppressed))
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

/* What makes the daemon run better but is not needed. */
static void ask_for_more(const struct conf *conf)
{
	int error = conf->realtime ? confine_realtime() : 0;

	if (error < 0)
		log_warning("realtime: %s; it runs without", strerror(-error));
	error = confine_lock_memory();
	if (error < 0)
		log_info("memory is not locked: %s", strerror(-error));
}

/* Everything that a daemon cannot start without. True, or false after one line that says why. */
static bool open_all(struct daemon *d)
{
	const char *path = socket_path(d, d->conf);
	const char *what = "event loop";
	int error;

	if (!open_loop(d)) {
		error = -ENOMEM;
		goto fail;
	}
	error = new_control(d, d->conf, &d->control);
	if (error == -EADDRINUSE) {
		log_error("another daemon answers on %s", path);
		return false;
	}
	what = path;
	if (error < 0)
		goto fail;
	what = "metrics_listen";
	error = new_metrics(d, d->conf, &d->metrics);
	if (error < 0)
		goto fail;
	what = "network";
	error = host_new(d->base, &d->host);
	if (error < 0)
		goto fail;
	what = "probe";
	error = new_probe(d, d->conf, &d->probe);
	if (error < 0)
		goto fail;
	error = notify_new(&d->notify);
	if (error < 0)
		log_warning("NOTIFY_SOCKET cannot be used: %s", strerror(-error));
	ask_for_more(d->conf);
	error = confine(&what);
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
	control_free(d->metrics);
	for (size_t i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->timer)
		event_free(d->timer);
	if (d->timer_fd >= 0)
		close(d->timer_fd);
	host_free(d->host);
	notify_free(d->notify);
	if (d->base)
		event_base_free(d->base);
	free(d->conf);
	free(d);
}

static int run(struct daemon *d)
{
	health_init(&d->health, d->conf->apiserver.fall, d->conf->apiserver.rise);
	d->started = d->now = host_clock();
	d->armed = INSTANT_NEVER;
	d->timer_fd = -1;
	d->apiserver.since = d->started;
	if (!open_all(d))
		return -ECANCELED;
	log_notice("cpvrrp " VERSION " started");
	if (!host_configure(d->host, d->now, d->conf)) {
		log_error("cannot start: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	tell_manager(d);
	arm_timer(d);
	while (!host_engine(d->host)->shutting_down || !engine_stopped(host_engine(d->host))) {
		event_base_loop(d->base, EVLOOP_ONCE);
		turn(d);
	}
	log_notice("stopped");
	return 0;
}

int daemon_run(const char *conf_path, const char *path)
{
	const char *missing = confine_missing();
	struct daemon *d = calloc(1, sizeof(*d));
	int status;

	hold_signals(SIG_BLOCK);
	if (!d)
		return -ENOMEM;
	d->conf_path = conf_path;
	d->socket_path = path;
	d->conf = daemon_read_conf(conf_path);
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
