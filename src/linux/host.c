/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/host.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/engine.h"
#include "linux/announce.h"
#include "linux/conf_file.h"
#include "linux/control.h"
#include "linux/link.h"
#include "linux/log.h"
#include "linux/probe.h"
#include "linux/sock.h"
#include "linux/state.h"
#include "linux/vip.h"

#define SECOND_US 1000000
#define DRAIN_MAX 256		    /* packets of one socket in one turn */
#define SOCKET_RETRY_US SECOND_US   /* between attempts to open a socket that could not be opened */
#define LATE_WORTH_A_LINE_US 100000 /* RFC 9568 2.5: log our own delay */
#define TRACE_COUNT (ENGINE_TRACE_REMOVED + 1)

/* What may go wrong again and again, beside the refusals and traces of the engine. */
enum complaint {
	COMPLAINT_SEND,
	COMPLAINT_RECEIVE,
	COMPLAINT_ANNOUNCE,
	COMPLAINT_REMOVE,
	COMPLAINT_LATE,
	COMPLAINT_NETLINK,
	COMPLAINT_COUNT
};

/* The raw socket of one interface and family, shared by the routers on it. */
struct slot {
	struct daemon *daemon;
	int ifindex;
	enum addr_family family;
	bool multicast;
	struct sock *sock;
	struct event *event;
	bool readable; /* noted by the event; the turn reads */
	struct slot *next;
};

struct daemon {
	struct host host;
	struct engine engine;
	const char *conf_path;
	const char *socket_path; /* NULL = as configured */
	struct conf *conf;

	struct event_base *base;
	int timer_fd; /* on CLOCK_MONOTONIC, as struct instant */
	struct event *timer;
	struct event *netlink;
	struct event *signals[4];
	struct link *link;
	struct vip *vip;
	struct announce *announce;
	struct control *control;
	struct probe *probe; /* NULL if no router tracks the apiserver */
	struct slot *slots;

	struct instant started;
	struct instant now;	     /* of this turn */
	struct instant armed;	     /* what the timer is set to */
	struct instant socket_retry; /* INSTANT_NEVER if all sockets are open */
	int64_t late_max_us;

	struct health health;
	struct state_apiserver apiserver;

	/* Noted by callbacks, done in the turn. */
	bool netlink_readable;
	bool timer_fired;
	unsigned shutdowns;
	bool reload;
	bool dump;
	bool ready_changed;
	unsigned step_down_s;

	struct log_limit refusals[ADVERT_REFUSAL_COUNT];
	struct log_limit traces[TRACE_COUNT];
	struct log_limit complaints[COMPLAINT_COUNT];
};

static struct instant clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){(int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000};
}

static struct daemon *daemon_of(struct host *host)
{
	return (struct daemon *)host;
}

/* "apiserver/ipv4" */
#define ROUTER_FMT "%s/%s"
#define ROUTER_ARG(router) (router)->instance, addr_family_name((router)->family)

static bool may_complain(struct daemon *d, enum complaint complaint)
{
	uint64_t suppressed;

	return log_allowed(&d->complaints[complaint], d->now, &suppressed);
}

static struct slot *find_slot(const struct daemon *d, int ifindex, enum addr_family family)
{
	struct slot *slot = d->slots;

	while (slot && (slot->ifindex != ifindex || slot->family != family))
		slot = slot->next;
	return slot;
}

static bool host_send_advert(struct host *host, const struct router *router,
			     const struct addr *source, const struct addr *destination,
			     const uint8_t *bytes, size_t size)
{
	struct daemon *d = daemon_of(host);
	struct slot *slot = find_slot(d, router->ifindex, router->family);
	char text[ADDR_TEXT_SIZE];
	int error = slot ? sock_send(slot->sock, source, destination, bytes, size) : -ENOTCONN;

	if (error < 0 && may_complain(d, COMPLAINT_SEND))
		log_warning(ROUTER_FMT ": cannot send an advert to %s: %s", ROUTER_ARG(router),
			    addr_format(destination, text), strerror(-error));
	return error == 0;
}

static void remove_one(struct daemon *d, const struct router *router, const struct addr *address,
		       unsigned prefix_length)
{
	char text[ADDR_TEXT_SIZE];
	int error = vip_remove(d->vip, router->ifindex, address, prefix_length);

	if (error < 0 && error != -EADDRNOTAVAIL && error != -ENODEV &&
	    may_complain(d, COMPLAINT_REMOVE))
		log_error("%s: cannot remove %s/%u: %s; it goes when its lease ends",
			  router->interface_name, addr_format(address, text), prefix_length,
			  strerror(-error));
}

static void host_remove(struct host *host, const struct router *router,
			const struct addr *addresses, size_t count)
{
	struct daemon *d = daemon_of(host);
	const struct interface *interface = link_get(d->link, router->interface_name);

	if (router->ifindex == 0)
		return;
	for (size_t i = 0; i < count; i++)
		remove_one(d, router, &addresses[i], addr_bits(addresses[i].family));
	for (size_t i = 0; interface && i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (addr_in_list(&found->address, addresses, count) &&
		    found->prefix_length != addr_bits(found->address.family))
			remove_one(d, router, &found->address, found->prefix_length);
	}
}

static bool host_add(struct host *host, const struct router *router)
{
	struct daemon *d = daemon_of(host);
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < router->address_count; i++) {
		const struct addr *address = &router->addresses[i];
		int error = vip_add(d->vip, router->ifindex, address, d->conf->address_lease_s);

		if (error == 0)
			continue;
		log_error("%s: cannot add %s/%u: %s; router " ROUTER_FMT " retries in %d s",
			  router->interface_name, addr_format(address, text),
			  addr_bits(address->family), strerror(-error), ROUTER_ARG(router),
			  VRRP_RETRY_US / SECOND_US);
		for (size_t j = 0; j < i; j++)
			if (!router->present[j])
				remove_one(d, router, &router->addresses[j],
					   addr_bits(router->family));
		return false;
	}
	return true;
}

static bool host_announce(struct host *host, const struct router *router)
{
	struct daemon *d = daemon_of(host);
	char text[ADDR_TEXT_SIZE];
	int first = 0;

	for (size_t i = 0; i < router->address_count; i++) {
		const struct addr *address = &router->addresses[i];
		int error =
			announce_send(d->announce, router->ifindex, &router->vrrp.primary, address);

		if (error < 0 && may_complain(d, COMPLAINT_ANNOUNCE))
			log_warning("%s: cannot announce %s: %s", router->interface_name,
				    addr_format(address, text), strerror(-error));
		first = first ? first : error;
	}
	return first == 0;
}

static void host_notify(struct host *host, const struct router *router,
			const struct router_transition *transition)
{
	char why[256];

	(void)host;
	state_explain(router, why, sizeof(why));
	if (transition->to == transition->from)
		log_notice(ROUTER_FMT ": %s: %s", ROUTER_ARG(router),
			   vrrp_state_name(transition->to), why);
	else
		log_notice(ROUTER_FMT ": %s -> %s: %s", ROUTER_ARG(router),
			   vrrp_state_name(transition->from), vrrp_state_name(transition->to), why);
}

static void log_refusal(struct daemon *d, const struct router *router, enum advert_refusal refusal,
			const struct packet *packet)
{
	char source[ADDR_TEXT_SIZE];
	uint64_t suppressed;

	if (!log_allowed(&d->refusals[refusal], d->now, &suppressed))
		return;
	addr_format(&packet->source, source);
	if (router)
		log_warning(ROUTER_FMT ": refused an advert from %s: %s (VRID %u, %llu more since)",
			    ROUTER_ARG(router), source, advert_refusal_name(refusal), router->vrid,
			    (unsigned long long)suppressed);
	else
		log_info("refused an advert from %s: %s (VRID %u, %llu more since)", source,
			 advert_refusal_name(refusal), advert_peek_vrid(packet),
			 (unsigned long long)suppressed);
}

static void host_trace(struct host *host, const struct router *router, enum engine_trace what,
		       enum advert_refusal refusal, const struct packet *packet)
{
	struct daemon *d = daemon_of(host);
	char source[ADDR_TEXT_SIZE] = "";
	uint64_t suppressed;

	if (what == ENGINE_TRACE_REFUSED) {
		log_refusal(d, router, refusal, packet);
		return;
	}
	if (!log_allowed(&d->traces[what], d->now, &suppressed))
		return;
	if (packet)
		addr_format(&packet->source, source);
	switch (what) {
	case ENGINE_TRACE_REFUSED:
		break;
	case ENGINE_TRACE_INTERVAL_DIFFERS:
		log_warning(ROUTER_FMT ": %s advertises another advert_int than ours",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_ADDRESSES_DIFFER:
		log_warning(ROUTER_FMT ": %s advertises another list of addresses than ours",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_PRIORITY_OWNER:
		log_warning(ROUTER_FMT ": %s advertises priority 255, as if it owned the address",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_READDED:
		log_warning(
			ROUTER_FMT
			": %s has lost an address of ours (removed by somebody else, or its lease "
			"has ended)",
			ROUTER_ARG(router), router->interface_name);
		break;
	case ENGINE_TRACE_REMOVED:
		log_warning(ROUTER_FMT ": %s had an address of ours while not Active; removed",
			    ROUTER_ARG(router), router->interface_name);
		break;
	}
}

static void note(evutil_socket_t fd, short events, void *context)
{
	bool *noted = context;

	(void)fd;
	(void)events;
	*noted = true;
}

static void slot_free(struct slot *slot)
{
	if (slot->event)
		event_free(slot->event);
	sock_free(slot->sock);
	free(slot);
}

static int slot_open(struct daemon *d, const struct router *router, bool multicast)
{
	struct slot *slot = calloc(1, sizeof(*slot));
	int error;

	if (!slot)
		return -ENOMEM;
	slot->daemon = d;
	slot->ifindex = router->ifindex;
	slot->family = router->family;
	slot->multicast = multicast;
	error = sock_new(slot->ifindex, slot->family, multicast, &slot->sock);
	if (error < 0)
		goto fail;
	slot->event = event_new(d->base, sock_fd(slot->sock), EV_READ | EV_PERSIST, note,
				&slot->readable);
	if (!slot->event || event_add(slot->event, NULL) < 0) {
		error = -ENOMEM;
		goto fail;
	}
	slot->next = d->slots;
	d->slots = slot;
	return 0;

fail:
	if (slot->sock)
		slot_free(slot);
	else
		free(slot);
	return error;
}

/* Whether any router uses the slot, and whether one of them needs the group. */
static bool slot_wanted(const struct daemon *d, int ifindex, enum addr_family family,
			bool *ret_multicast)
{
	bool wanted = false, multicast = false;

	for (size_t i = 0; i < d->engine.router_count; i++) {
		const struct router *router = d->engine.routers[i];

		if (router->ifindex != ifindex || router->family != family)
			continue;
		wanted = true;
		multicast |= !router->unicast;
	}
	*ret_multicast = multicast;
	return wanted;
}

static void close_unwanted(struct daemon *d)
{
	for (struct slot **at = &d->slots; *at;) {
		struct slot *slot = *at;
		bool multicast;

		if (slot_wanted(d, slot->ifindex, slot->family, &multicast) &&
		    slot->multicast == multicast) {
			at = &slot->next;
			continue;
		}
		*at = slot->next;
		slot_free(slot);
	}
}

/* One socket for each interface and family that a router is on, and none beside. */
static void sync_sockets(struct daemon *d)
{
	close_unwanted(d);
	d->socket_retry = INSTANT_NEVER;
	for (size_t i = 0; i < d->engine.router_count; i++) {
		struct router *router = d->engine.routers[i];
		bool multicast;
		int error = 0;

		if (router->ifindex == 0)
			continue;
		slot_wanted(d, router->ifindex, router->family, &multicast);
		if (!find_slot(d, router->ifindex, router->family))
			error = slot_open(d, router, multicast);
		if (error < 0) {
			if (!router->socket_closed)
				log_error(ROUTER_FMT
					  ": cannot open a socket on %s: %s; tried again "
					  "every second",
					  ROUTER_ARG(router), router->interface_name,
					  strerror(-error));
			d->socket_retry = instant_add(d->now, SOCKET_RETRY_US);
		}
		engine_socket(&d->engine, d->now, router, error == 0);
	}
}

static void receive(void *context, const struct packet *packet)
{
	struct slot *slot = context;

	engine_packet(&slot->daemon->engine, slot->daemon->now, slot->ifindex, packet);
}

/*
 * True if every socket is empty now. One that the loop did not find readable may have become so
 * since then, which only matters when a timer is due.
 */
static bool drain_sockets(struct daemon *d, bool timer_due)
{
	bool drained = true;

	for (struct slot *slot = d->slots; slot; slot = slot->next) {
		int result = 1;

		if (slot->readable || timer_due)
			result = sock_drain(slot->sock, DRAIN_MAX, receive, slot);
		slot->readable = false;
		if (result == 0)
			drained = false;
		else if (result < 0 && may_complain(d, COMPLAINT_RECEIVE))
			log_warning("cannot receive adverts: %s", strerror(-result));
	}
	return drained;
}

static void tell_interface(struct daemon *d, struct router *router, const char *name)
{
	static const struct interface none;
	const struct interface *interface = name[0] ? link_get(d->link, name) : NULL;

	engine_interface(&d->engine, d->now, router, interface ? interface : &none);
}

static void watch(struct daemon *d, const char *name)
{
	int error = link_watch(d->link, name);

	if (error < 0 && may_complain(d, COMPLAINT_NETLINK))
		log_error("cannot watch interface %s: %s", name, strerror(-error));
}

/* `interface = auto`, and no interface yet or none that serves: the address may have gone to
 * another one. */
static bool needs_interface(const struct router *router)
{
	return !router->interface[0] &&
	       (!router->interface_known || router->link_fault != VRRP_REASON_STARTUP);
}

static bool any_needs_interface(const struct daemon *d)
{
	for (size_t i = 0; i < d->engine.router_count; i++)
		if (needs_interface(d->engine.routers[i]))
			return true;
	return false;
}

static void find_interface(struct daemon *d, struct router *router)
{
	const struct conf_instance *instance = conf_instance_find(d->conf, router->instance);
	char name[CONF_INTERFACE_SIZE] = "";

	if (link_find(d->link, &instance->addresses[0], instance->addresses,
		      instance->address_count, name) == 0)
		watch(d, name);
	else if (router->interface_known)
		return;
	if (!router->interface_known || strcmp(name, router->interface_name))
		tell_interface(d, router, name);
}

/* All events count from before the search on, so that what comes meanwhile is not missed. */
static void resolve_auto(struct daemon *d)
{
	link_watch_all(d->link, any_needs_interface(d));
	for (size_t i = 0; i < d->engine.router_count; i++)
		if (needs_interface(d->engine.routers[i]))
			find_interface(d, d->engine.routers[i]);
	link_watch_all(d->link, any_needs_interface(d));
}

static void interface_changed(void *context, const struct interface *interface)
{
	struct daemon *d = context;

	for (size_t i = 0; i < d->engine.router_count; i++) {
		struct router *router = d->engine.routers[i];

		if (!strcmp(router->interface, interface->name) ||
		    (!router->interface[0] && !strcmp(router->interface_name, interface->name)))
			engine_interface(&d->engine, d->now, router, interface);
	}
}

/* After start and reload: every router is told what is known of its interface. */
static void attach_interfaces(struct daemon *d)
{
	for (size_t i = 0; i < d->engine.router_count; i++) {
		struct router *router = d->engine.routers[i];
		const char *name =
			router->interface[0] ? router->interface : router->interface_name;

		if (!name[0])
			continue;
		watch(d, name);
		tell_interface(d, router, name);
	}
	resolve_auto(d);
	sync_sockets(d);
}

static void drain_netlink(struct daemon *d)
{
	int count = d->netlink_readable ? link_drain(d->link) : 0;

	d->netlink_readable = count < 0; /* then what is stale is asked for in the next turn */
	if (count < 0 && may_complain(d, COMPLAINT_NETLINK))
		log_error("cannot read netlink events: %s", strerror(-count));
	if (count == 0)
		return;
	resolve_auto(d);
	sync_sockets(d);
}

static void probe_reported(void *context, const struct probe_report *report)
{
	struct daemon *d = context;
	bool first = d->health.consecutive == 0 || d->health.last != report->result;
	bool changed = health_step(&d->health, report->result);

	state_apiserver_record(&d->apiserver, report);
	if (changed) {
		d->apiserver.since = clock_now();
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

static bool needs_probe(const struct conf *conf)
{
	for (size_t i = 0; i < conf->instance_count; i++)
		if (conf->instances[i].track_apiserver)
			return true;
	return false;
}

static int new_probe(struct daemon *d, const struct conf *conf, struct probe **ret_probe)
{
	if (!needs_probe(conf)) {
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

	if (!conf || !needs_probe(conf) || probe_check(&conf->apiserver, detail) == 0)
		return conf;
	snprintf(line, sizeof(line), "%s: %s", path, detail);
	error(NULL, line);
	free(conf);
	return NULL;
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
		.now = clock_now(),
		.started = d->started,
		.conf = d->conf,
		.engine = &d->engine,
		.health = d->probe ? &d->health : NULL,
		.apiserver = &d->apiserver,
		.loop_late_max_us = d->late_max_us,
	};
	clock_gettime(CLOCK_REALTIME, &state->wall);
}

static void note_step_down(void *context, unsigned seconds)
{
	struct daemon *d = context;

	d->step_down_s = seconds;
}

static int new_control(struct daemon *d, const struct conf *conf, struct control **ret_control)
{
	const struct control_calls calls = {
		.state = fill_state,
		.step_down = note_step_down,
		.context = d,
	};

	return control_new(d->base, socket_path(d, conf), &calls, ret_control);
}

static void unwatch_unused(struct daemon *d, const struct conf *before)
{
	for (size_t i = 0; i < before->instance_count; i++) {
		const char *name = before->instances[i].interface;
		bool used = false;

		for (size_t j = 0; j < d->engine.router_count; j++)
			used |= !strcmp(d->engine.routers[j]->interface, name) ||
				!strcmp(d->engine.routers[j]->interface_name, name);
		if (name[0] && !used)
			link_unwatch(d->link, name);
	}
}

/* Opens first what the new configuration needs; then nothing can fail any more. */
static const char *prepare_reload(struct daemon *d, const struct conf *conf, struct probe **probe,
				  struct control **control)
{
	if (strcmp(socket_path(d, d->conf), socket_path(d, conf)) &&
	    new_control(d, conf, control) < 0)
		return "its control_socket cannot be opened";
	if ((!d->probe || !needs_probe(conf) ||
	     !conf_apiserver_equal(&d->conf->apiserver, &conf->apiserver)) &&
	    new_probe(d, conf, probe) < 0)
		return "its probe cannot be started";
	return NULL;
}

static void do_reload(struct daemon *d)
{
	struct conf *conf = read_conf(d->conf_path, log_reload_error);
	struct conf *before = d->conf;
	struct probe *probe = d->probe;
	struct control *control = d->control;
	const char *problem;

	if (!conf) {
		log_error("%s has errors; the running configuration stays", d->conf_path);
		return;
	}
	problem = prepare_reload(d, conf, &probe, &control);
	d->conf = conf;
	if (!problem && !engine_configure(&d->engine, d->now, conf))
		problem = "there is no memory for it";
	if (problem) {
		d->conf = before;
		if (probe != d->probe)
			probe_free(probe);
		if (control != d->control)
			control_free(control);
		free(conf);
		log_error("%s: %s; the running configuration stays", d->conf_path, problem);
		return;
	}
	if (probe != d->probe)
		probe_free(d->probe);
	if (control != d->control)
		control_free(d->control);
	d->probe = probe;
	d->control = control;
	d->health.fall = conf->apiserver.fall;
	d->health.rise = conf->apiserver.rise;
	log_configure(conf->log_level, conf->log_format);
	attach_interfaces(d);
	unwatch_unused(d, before);
	free(before);
	log_notice("%s has been read again", d->conf_path);
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
		d->shutdowns++;
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
	if (d->reload)
		do_reload(d);
	if (d->dump)
		log_state(d);
	d->reload = false;
	d->dump = false;
}

static void take_requests(struct daemon *d)
{
	if (d->ready_changed)
		engine_ready(&d->engine, d->now, d->health.ready);
	if (d->step_down_s > 0) {
		log_notice("stepping down for %u s", d->step_down_s);
		engine_step_down(&d->engine, d->now, (int64_t)d->step_down_s * SECOND_US);
	}
	for (; d->shutdowns > 0; d->shutdowns--) {
		if (!d->engine.shutting_down)
			log_notice("stopping");
		engine_shutdown(&d->engine, d->now);
	}
	d->ready_changed = false;
	d->step_down_s = 0;
}

static struct instant next_deadline(const struct daemon *d)
{
	return instant_min(engine_deadline(&d->engine), d->socket_retry);
}

static void note_lateness(struct daemon *d, struct instant deadline)
{
	int64_t late_us = instant_since(d->now, deadline);

	if (late_us > d->late_max_us)
		d->late_max_us = late_us;
	if (late_us > LATE_WORTH_A_LINE_US && may_complain(d, COMPLAINT_LATE))
		log_warning("the loop was late by %lld ms", (long long)(late_us / 1000));
}

static void arm_timer(struct daemon *d)
{
	struct instant deadline = next_deadline(d);
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

/* SOCKETS FIRST: the clock is read before anything else, so that nothing expires which could not be
 * heard. */
static void turn(struct daemon *d)
{
	struct instant deadline = next_deadline(d);
	bool drained;

	d->now = clock_now();
	note_lateness(d, deadline);
	take_signals(d);
	drain_netlink(d);
	drained = drain_sockets(d, instant_due(deadline, d->now));
	take_requests(d);
	engine_timers(&d->engine, d->now, drained);
	if (instant_due(d->socket_retry, d->now))
		sync_sockets(d);
	arm_timer(d);
}

/* The name of a capability that is needed and missing (capabilities(7)), or NULL. */
static const char *missing_capability(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return NULL;
	if (!(data[0].effective & 1U << CAP_NET_ADMIN))
		return "CAP_NET_ADMIN";
	if (!(data[0].effective & 1U << CAP_NET_RAW))
		return "CAP_NET_RAW";
	return NULL;
}

static bool add_signals(struct daemon *d)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		d->signals[i] = evsignal_new(d->base, numbers[i], note_signal, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL) < 0)
			return false;
	}
	return true;
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
	d->base = new_base();
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!d->base || d->timer_fd < 0)
		return false;
	d->timer = event_new(d->base, d->timer_fd, EV_READ | EV_PERSIST, note, &d->timer_fired);
	return d->timer && event_add(d->timer, NULL) == 0 && add_signals(d);
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
	what = "netlink";
	if ((error = link_new(interface_changed, d, &d->link)) < 0 ||
	    (error = vip_new(&d->vip)) < 0)
		goto fail;
	what = "packet socket";
	if ((error = announce_new(&d->announce)) < 0)
		goto fail;
	d->netlink = event_new(d->base, link_fd(d->link), EV_READ | EV_PERSIST, note,
			       &d->netlink_readable);
	what = "event loop";
	error = -ENOMEM;
	if (!d->netlink || event_add(d->netlink, NULL) < 0)
		goto fail;
	what = "probe";
	error = new_probe(d, d->conf, &d->probe);
	if (error < 0)
		goto fail;
	return true;

fail:
	log_error("cannot start: %s: %s", what, strerror(-error));
	return false;
}

static void close_all(struct daemon *d)
{
	probe_free(d->probe);
	control_free(d->control);
	while (d->slots) {
		struct slot *slot = d->slots;

		d->slots = slot->next;
		slot_free(slot);
	}
	for (size_t i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->netlink)
		event_free(d->netlink);
	if (d->timer)
		event_free(d->timer);
	if (d->timer_fd >= 0)
		close(d->timer_fd);
	announce_free(d->announce);
	vip_free(d->vip);
	link_free(d->link);
	engine_fini(&d->engine);
	if (d->base)
		event_base_free(d->base);
	free(d->conf);
	free(d);
}

static int run(struct daemon *d)
{
	engine_init(&d->engine, &d->host);
	health_init(&d->health, d->conf->apiserver.fall, d->conf->apiserver.rise);
	d->started = d->now = clock_now();
	d->armed = INSTANT_NEVER;
	d->timer_fd = -1;
	d->socket_retry = INSTANT_NEVER;
	d->apiserver.since = d->started;
	if (!open_all(d))
		return -ECANCELED;
	if (!engine_configure(&d->engine, d->now, d->conf)) {
		log_error("cannot start: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	log_notice("cpvrrp " VERSION " started");
	attach_interfaces(d);
	arm_timer(d);
	while (!d->engine.shutting_down || !engine_stopped(&d->engine)) {
		event_base_loop(d->base, EVLOOP_ONCE);
		turn(d);
	}
	log_notice("stopped");
	return 0;
}

int host_run(const char *conf_path, const char *path)
{
	const char *missing = missing_capability();
	struct daemon *d = calloc(1, sizeof(*d));
	int status;

	if (!d)
		return -ENOMEM;
	d->host = (struct host){
		.send_advert = host_send_advert,
		.add = host_add,
		.remove = host_remove,
		.announce = host_announce,
		.notify = host_notify,
		.trace = host_trace,
	};
	d->conf_path = conf_path;
	d->socket_path = path;
	d->conf = read_conf(conf_path, print_error);
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
