/* SPDX-License-Identifier: Apache-2.0 */
#include "report/status.h"

#include <cap-ng.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/log.h"

#define TEXT_COLUMNS 79
#define TEXT_INDENT 13
#define TEXT_HISTORY 5

/* Around the few milliseconds of a local apiserver; `timeout` is 1 s by default. */
const int64_t state_latency_bounds_us[STATE_LATENCY_BUCKETS] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, INT64_MAX,
};

struct counter {
	const char *name;
	size_t offset;
};

#define COUNTER(field)                                                                             \
	{                                                                                          \
#field, offsetof(struct router_counters, field)                                    \
	}
static const struct counter counters[] = {
	COUNTER(adverts_sent),
	COUNTER(adverts_received),
	COUNTER(priority_zero_sent),
	COUNTER(priority_zero_received),
	COUNTER(checksum_rfc5798_received),
	COUNTER(interval_differs),
	COUNTER(addresses_differ),
	COUNTER(send_failures),
	COUNTER(add_failures),
	COUNTER(announcements),
	COUNTER(announce_failures),
	COUNTER(vip_readded),
};
#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

void state_apiserver_record(struct state_apiserver *apiserver, const struct probe_report *report)
{
	size_t bucket = 0;

	while (report->latency_us > state_latency_bounds_us[bucket])
		bucket++;
	apiserver->latency_count[bucket]++;
	apiserver->latency_sum_us += report->latency_us;
	apiserver->last_latency_us = report->latency_us;
	apiserver->last_status = report->http_status;
	apiserver->probes[report->result]++;
	snprintf(apiserver->last_error, sizeof(apiserver->last_error), "%s", report->detail);
	log_clean(apiserver->last_error);
}

struct timespec state_wall(const struct state *state, struct instant at)
{
	int64_t us = (int64_t)state->wall.tv_sec * 1000000 + state->wall.tv_nsec / 1000 -
		     instant_since(state->now, at);

	return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

static const char *interface_name(const struct router *router)
{
	return *router->interface_name ? router->interface_name : router->interface;
}

static void explain_no_interface(const struct router *router, char *text, size_t size)
{
	char address[ADDR_TEXT_SIZE];
	size_t i = 0;

	if (*interface_name(router)) {
		snprintf(text, size, "waiting for interface %s", interface_name(router));
		return;
	}
	/* The derived link-local address says nothing about the network. */
	while (i + 1 < router->address_count && addr_is_link_local(&router->addresses[i]))
		i++;
	snprintf(text, size, "waiting for an interface in the network of %s",
		 addr_format(&router->addresses[i], address));
}

/* The sentence; %s, where there is one, is the interface. NULL: explain_no_interface(). */
static const char *explanation(enum vrrp_reason reason)
{
	switch (reason) {
	case VRRP_REASON_STARTUP:
		return "just started";
	case VRRP_REASON_RECOVERED:
		return "what was wrong is over";
	case VRRP_REASON_ACTIVE_DOWN:
		return "nothing heard from an Active for the Active_Down_Interval";
	case VRRP_REASON_ACTIVE_STOPPED:
		return "the Active stopped: it sent priority 0";
	case VRRP_REASON_ACTIVE_UNREADY:
		return "the Active is not ready or is leaving, this node is ready";
	case VRRP_REASON_ACTIVE_LOWER:
		return "the Active's priority was lower, and preempt is always";
	case VRRP_REASON_HIGHER_PRIORITY:
		return "a better router's advert was heard";
	case VRRP_REASON_OVERSLEPT:
		return "slept over its Active_Down_Interval, and another router is Active";
	case VRRP_REASON_STEP_DOWN:
		return "stepped down when asked to";
	case VRRP_REASON_SHUTDOWN:
		return "stopped";
	case VRRP_REASON_NO_INTERFACE:
		return NULL;
	case VRRP_REASON_LINK_DOWN:
		return "waiting for carrier on %s";
	case VRRP_REASON_NO_ADDRESS:
		return "waiting for an address on %s";
	case VRRP_REASON_NOT_A_PEER:
		return "no address of %s is in unicast_peer";
	case VRRP_REASON_NO_SOCKET:
		return "cannot open a raw socket on %s; tried again every second";
	case VRRP_REASON_ADD_FAILED:
		return "cannot add an address; Backup again after a second";
	case VRRP_REASON_SEND_FAILED:
		return "cannot send adverts; Backup again after a second";
	}
	return "";
}

const char *state_explain(const struct router *router, char *text, size_t size)
{
	const char *sentence = explanation(router->vrrp.reason);
	const char *name = sentence ? strstr(sentence, "%s") : NULL;

	if (!sentence)
		explain_no_interface(router, text, size);
	else if (name)
		snprintf(text, size, "%.*s%s%s", (int)(name - sentence), sentence,
			 interface_name(router), name + 2);
	else
		snprintf(text, size, "%s", sentence);
	return text;
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
							 const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

const char *state_line(const struct engine *engine, const struct health *health, char *text,
		       size_t size)
{
	unsigned in_state[VRRP_STATE_COUNT] = {0};

	text[0] = '\0';
	for (size_t i = 0; i < engine->router_count; i++)
		in_state[engine->routers[i]->vrrp.state]++;
	for (unsigned i = VRRP_STATE_COUNT; engine->router_count > 1 && i-- > 0;)
		if (in_state[i] > 0)
			append(text, size, "%s%u %s", *text ? ", " : "", in_state[i],
			       vrrp_state_name((enum vrrp_state)i));
	if (engine->router_count == 1)
		append(text, size, "%s/%s %s, priority %u", engine->routers[0]->instance,
		       addr_family_name(engine->routers[0]->family),
		       vrrp_state_name(engine->routers[0]->vrrp.state),
		       vrrp_priority(&engine->routers[0]->vrrp));
	if (health)
		append(text, size, ", apiserver %s", health->ready ? "ready" : "not ready");
	return text;
}

/* The transition number i of those kept, the oldest first; NULL past the last one. */
static const struct router_transition *history_at(const struct router *router, uint64_t i)
{
	uint64_t first = router->history_count > ENGINE_HISTORY_MAX
				 ? router->history_count - ENGINE_HISTORY_MAX
				 : 0;

	return first + i < router->history_count
		       ? &router->history[(first + i) % ENGINE_HISTORY_MAX]
		       : NULL;
}

static uint64_t counter_value(const struct router_counters *values, const struct counter *counter)
{
	return *(const uint64_t *)(const void *)((const char *)values + counter->offset);
}

static uint64_t transitions_total(const struct router_counters *values)
{
	uint64_t total = 0;

	for (unsigned to = 0; to < VRRP_STATE_COUNT; to++)
		for (unsigned reason = 0; reason < VRRP_REASON_COUNT; reason++)
			total += values->transitions[to][reason];
	return total;
}

static int64_t hold_left_us(const struct state *state, const struct router *router)
{
	struct instant end = router->vrrp.hold_end;

	return instant_is_never(end) || instant_due(end, state->now)
		       ? 0
		       : instant_since(end, state->now);
}

/* The Active as this router knows it; NULL if it does not know one or is it. */
static const struct router_heard *active_of(const struct router *router)
{
	return router->vrrp.state == VRRP_STATE_BACKUP && router->active_known
		       ? &router->active_router
		       : NULL;
}

static json_t *json_time(const struct state *state, struct instant at)
{
	struct timespec wall = state_wall(state, at);
	char text[LOG_TIME_SIZE];

	return json_string(log_time_format(&wall, text));
}

static json_t *json_address(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return json_string(addr_format(addr, text));
}

/* null for the empty string; otherwise valid whatever the bytes are. */
static json_t *json_text(const char *text)
{
	char copy[PROBE_DETAIL_SIZE];

	snprintf(copy, sizeof(copy), "%s", text);
	log_clean(copy);
	return *copy ? json_string(copy) : json_null();
}

static json_t *json_seconds(int64_t duration_us)
{
	return json_real((double)duration_us / 1e6);
}

static json_t *json_count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *json_rejected(const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	json_t *object = json_object();

	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++)
		json_object_set_new(object, advert_refusal_name((enum advert_refusal)i),
				    json_count(rejected[i]));
	return object;
}

static json_t *json_apiserver(const struct state *state)
{
	const struct state_apiserver *apiserver = state->apiserver;
	const struct health *health = state->health;
	json_t *object, *failures;
	uint64_t total = 0;

	if (!health)
		return json_null();
	object = json_object();
	failures = json_object();
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++) {
		total += apiserver->probes[i];
		if (i != HEALTH_OK)
			json_object_set_new(failures, health_result_name((enum health_result)i),
					    json_count(apiserver->probes[i]));
	}
	json_object_set_new(object, "url", json_text(state->conf->apiserver.url));
	json_object_set_new(object, "ready", json_boolean(health->ready));
	json_object_set_new(object, "since", json_time(state, apiserver->since));
	json_object_set_new(object, "last_result",
			    total ? json_string(health_result_name(health->last)) : json_null());
	json_object_set_new(object, "last_status", json_integer(apiserver->last_status));
	json_object_set_new(object, "last_error", json_text(apiserver->last_error));
	json_object_set_new(object, "last_latency_seconds",
			    json_seconds(apiserver->last_latency_us));
	json_object_set_new(object, "consecutive", json_integer(health->consecutive));
	json_object_set_new(object, "probes_total", json_count(total));
	json_object_set_new(object, "failures_total", failures);
	return object;
}

/* The name of capability i, "" if it is not permitted, NULL past the last one. */
static const char *capability(const struct state_confinement *confinement, unsigned i)
{
	const char *name = capng_capability_to_name(i);

	return name && !(confinement->capabilities >> i & 1) ? "" : name;
}

static json_t *json_confinement(const struct state_confinement *confinement)
{
	static const char *const seccomp[] = {"disabled", "strict", "filter"};
	const char *name;
	json_t *names;

	if (!confinement->known)
		return json_null();
	names = json_array();
	for (unsigned i = 0; (name = capability(confinement, i)); i++)
		if (*name)
			json_array_append_new(names, json_string(name));
	return json_pack("{s:o, s:b, s:s, s:b, s:b}", "capabilities", names, "no_new_privs",
			 confinement->no_new_privs, "seccomp", seccomp[confinement->seccomp],
			 "memory_locked", confinement->memory_locked, "realtime",
			 confinement->realtime);
}

static json_t *json_addresses(const struct router *router)
{
	json_t *array = json_array();

	for (size_t i = 0; i < router->address_count; i++)
		json_array_append_new(array, json_pack("{s:o, s:b}", "address",
						       json_address(&router->addresses[i]),
						       "present", router->present[i]));
	return array;
}

static json_t *json_active(const struct state *state, const struct router *router)
{
	const struct router_heard *active = active_of(router);

	if (router->vrrp.state == VRRP_STATE_ACTIVE)
		return json_pack("{s:o, s:i, s:n, s:b}", "address",
				 json_address(&router->vrrp.primary), "priority",
				 vrrp_priority(&router->vrrp), "last_advert_seconds_ago", "self",
				 1);
	if (!active)
		return json_null();
	return json_pack("{s:o, s:i, s:o, s:b}", "address", json_address(&active->address),
			 "priority", active->priority, "last_advert_seconds_ago",
			 json_seconds(instant_since(state->now, active->at)), "self", 0);
}

static json_t *json_heard(const struct state *state, const struct router *router)
{
	json_t *array = json_array();

	for (size_t i = 0; i < router->heard_count; i++) {
		const struct router_heard *heard = &router->heard[i];
		const char *band = health_band_name(health_band(heard->priority));

		json_array_append_new(
			array,
			json_pack("{s:o, s:i, s:s, s:o}", "address", json_address(&heard->address),
				  "priority", heard->priority, "band", band, "last_seconds_ago",
				  json_seconds(instant_since(state->now, heard->at))));
	}
	return array;
}

static json_t *json_counters(const struct router *router)
{
	json_t *object = json_object();

	for (size_t i = 0; i < COUNTER_COUNT; i++)
		json_object_set_new(object, counters[i].name,
				    json_count(counter_value(&router->counters, &counters[i])));
	json_object_set_new(object, "transitions",
			    json_count(transitions_total(&router->counters)));
	return object;
}

static json_t *json_history(const struct state *state, const struct router *router)
{
	const struct router_transition *entry;
	json_t *array = json_array();

	for (uint64_t i = 0; (entry = history_at(router, i)); i++)
		json_array_append_new(array, json_pack("{s:o, s:s, s:s, s:s}", "at",
						       json_time(state, entry->at), "from",
						       vrrp_state_name(entry->from), "to",
						       vrrp_state_name(entry->to), "reason",
						       vrrp_reason_name(entry->reason)));
	return array;
}

static json_t *json_router(const struct state *state, const struct router *router)
{
	uint8_t priority = vrrp_priority(&router->vrrp);
	int64_t advert_int_us = (int64_t)router->vrrp.config.advert_int_cs * 10000;
	json_t *object = json_object();
	char why[STATE_EXPLAIN_SIZE];

	json_object_set_new(object, "instance", json_text(router->instance));
	json_object_set_new(object, "family", json_string(addr_family_name(router->family)));
	json_object_set_new(object, "interface", json_text(interface_name(router)));
	json_object_set_new(object, "vrid", json_integer(router->vrid));
	json_object_set_new(object, "state", json_string(vrrp_state_name(router->vrrp.state)));
	json_object_set_new(object, "reason", json_string(vrrp_reason_name(router->vrrp.reason)));
	json_object_set_new(object, "explanation",
			    json_text(state_explain(router, why, sizeof(why))));
	json_object_set_new(object, "since", json_time(state, router->since));
	json_object_set_new(object, "priority", json_integer(priority));
	json_object_set_new(object, "band", json_string(health_band_name(health_band(priority))));
	json_object_set_new(object, "step_down_seconds_left",
			    json_seconds(hold_left_us(state, router)));
	json_object_set_new(object, "advert_int_seconds", json_seconds(advert_int_us));
	json_object_set_new(object, "addresses", json_addresses(router));
	json_object_set_new(object, "active_router", json_active(state, router));
	json_object_set_new(object, "heard", json_heard(state, router));
	json_object_set_new(object, "counters", json_counters(router));
	json_object_set_new(object, "rejected", json_rejected(router->counters.rejected));
	json_object_set_new(object, "history", json_history(state, router));
	return object;
}

char *state_json(const struct state *state)
{
	json_t *root = json_object();
	json_t *routers = json_array();
	char *text;

	for (size_t i = 0; i < state->engine->router_count; i++)
		json_array_append_new(routers, json_router(state, state->engine->routers[i]));
	json_object_set_new(root, "version", json_string(VERSION));
	json_object_set_new(root, "pid", json_integer(state->pid));
	json_object_set_new(root, "time", json_time(state, state->now));
	json_object_set_new(root, "uptime_seconds",
			    json_seconds(instant_since(state->now, state->started)));
	json_object_set_new(root, "loop_late_max_seconds", json_seconds(state->loop_late_max_us));
	json_object_set_new(root, "confinement", json_confinement(&state->confinement));
	json_object_set_new(root, "apiserver", json_apiserver(state));
	json_object_set_new(root, "virtual_routers", routers);
	json_object_set_new(root, "rejected", json_rejected(state->engine->rejected));
	/* A double holds 15 digits exactly: 0.25, not 0.25000000000000001. */
	text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
	json_decref(root);
	return text;
}

/* "0.3 s", "45 s", "2 min 3 s", "3 h 4 min", "5 d 6 h". */
#define DURATION_SIZE 32
static const char *duration(int64_t us, char text[DURATION_SIZE])
{
	long long s = us / 1000000;

	if (us < 10000000)
		snprintf(text, DURATION_SIZE, "%.1f s", us < 0 ? 0.0 : (double)us / 1e6);
	else if (s < 60)
		snprintf(text, DURATION_SIZE, "%lld s", s);
	else if (s < 3600)
		snprintf(text, DURATION_SIZE, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, DURATION_SIZE, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(text, DURATION_SIZE, "%lld d %lld h", s / 86400, s / 3600 % 24);
	return text;
}

/* "2026-11-22T20:31:07.123Z (2 min 3 s)" */
static void put_since(FILE *out, const struct state *state, struct instant since)
{
	struct timespec wall = state_wall(state, since);
	char time[LOG_TIME_SIZE], age[DURATION_SIZE];

	fprintf(out, "since %s (%s)", log_time_format(&wall, time),
		duration(instant_since(state->now, since), age));
}

/* One field, its words wrapped; an empty label continues the field before. */
__attribute__((format(printf, 3, 4))) static void put_field(FILE *out, const char *label,
							    const char *format, ...)
{
	char text[LOG_TEXT_SIZE], *rest = text, *word;
	int column = TEXT_INDENT;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_clean(text);
	fprintf(out, "  %-*s", TEXT_INDENT - 2, label);
	while ((word = strsep(&rest, " "))) {
		int width = (int)strlen(word);

		if (column > TEXT_INDENT && column + 1 + width > TEXT_COLUMNS) {
			fprintf(out, "\n%*s", TEXT_INDENT, "");
			column = TEXT_INDENT;
		}
		column += fprintf(out, "%s%s", column > TEXT_INDENT ? " " : "", word);
	}
	fputc('\n', out);
}

static void put_names(char *list, size_t size, const char *name, uint64_t value)
{
	size_t used = strlen(list);

	if (value)
		snprintf(list + used, size - used, "%s%s %" PRIu64, used ? ", " : "", name, value);
}

static void put_rejected(FILE *out, const char *label,
			 const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	char list[LOG_TEXT_SIZE] = "";

	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++)
		put_names(list, sizeof(list), advert_refusal_name((enum advert_refusal)i),
			  rejected[i]);
	if (*list)
		put_field(out, label, "%s", list);
}

static void put_confinement(FILE *out, const struct state_confinement *confinement)
{
	char list[LOG_TEXT_SIZE] = "no capability";
	const char *name;
	size_t used = 0;

	if (!confinement->known)
		return;
	for (unsigned i = 0; (name = capability(confinement, i)); i++)
		if (*name)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 used ? ", " : "", name);
	put_field(out, "confined", "%s%s%s%s%s", list,
		  confinement->no_new_privs ? ", no new privileges" : "",
		  confinement->seccomp == STATE_SECCOMP_FILTER ? ", seccomp" : "",
		  confinement->memory_locked ? ", memory locked" : "",
		  confinement->realtime ? ", realtime" : "");
}

static void put_apiserver(FILE *out, const struct state *state)
{
	const struct state_apiserver *apiserver = state->apiserver;
	const struct health *health = state->health;
	char list[LOG_TEXT_SIZE] = "";
	uint64_t total = 0;

	if (!health) {
		fputs("\napiserver: not tracked by any virtual router\n", out);
		return;
	}
	fprintf(out, "\napiserver: %s ", health->ready ? "ready" : "not ready");
	put_since(out, state, apiserver->since);
	fputc('\n', out);
	put_field(out, "url", "%s", state->conf->apiserver.url);
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++) {
		total += apiserver->probes[i];
		put_names(list, sizeof(list), health_result_name((enum health_result)i),
			  apiserver->probes[i]);
	}
	if (!total) {
		put_field(out, "last probe", "none has ended yet");
		return;
	}
	put_field(out, "last probe", "%s after %.1f ms; %u %s in a row",
		  health_result_name(health->last), (double)apiserver->last_latency_us / 1e3,
		  health->consecutive, health->last == HEALTH_OK ? "ok" : "failed");
	if (*apiserver->last_error)
		put_field(out, "error", "%s", apiserver->last_error);
	put_field(out, "probes", "%s", list);
}

static void put_priority(FILE *out, const struct state *state, const struct router *router)
{
	uint8_t priority = vrrp_priority(&router->vrrp);
	const char *band = health_band_name(health_band(priority));
	int64_t left_us = hold_left_us(state, router);
	char left[DURATION_SIZE];

	if (left_us > 0)
		put_field(out, "priority", "%u (%s), stepped down for another %s", priority, band,
			  duration(left_us, left));
	else
		put_field(out, "priority", "%u (%s)", priority, band);
}

static void put_heard(FILE *out, const struct state *state, const struct router *router)
{
	if (!router->heard_count)
		put_field(out, "heard", "nobody");
	for (size_t i = 0; i < router->heard_count; i++) {
		const struct router_heard *heard = &router->heard[i];
		char address[ADDR_TEXT_SIZE], age[DURATION_SIZE];

		put_field(out, i ? "" : "heard", "%s, priority %u (%s), %s ago",
			  addr_format(&heard->address, address), heard->priority,
			  health_band_name(health_band(heard->priority)),
			  duration(instant_since(state->now, heard->at), age));
	}
}

static void put_active(FILE *out, const struct router *router)
{
	const struct router_heard *active = active_of(router);
	char address[ADDR_TEXT_SIZE];

	if (router->vrrp.state == VRRP_STATE_ACTIVE)
		put_field(out, "Active", "this node, %s",
			  addr_format(&router->vrrp.primary, address));
	else if (active)
		put_field(out, "Active", "%s, priority %u (%s)",
			  addr_format(&active->address, address), active->priority,
			  health_band_name(health_band(active->priority)));
	else
		put_field(out, "Active", "not known");
}

static void put_history(FILE *out, const struct state *state, const struct router *router)
{
	uint64_t kept = router->history_count < ENGINE_HISTORY_MAX ? router->history_count
								   : ENGINE_HISTORY_MAX;
	uint64_t first = kept > TEXT_HISTORY ? kept - TEXT_HISTORY : 0;
	const struct router_transition *entry;

	for (uint64_t i = first; (entry = history_at(router, i)); i++) {
		struct timespec wall = state_wall(state, entry->at);
		char time[LOG_TIME_SIZE];

		put_field(out, i == first ? "history" : "", "%s %s -> %s (%s)",
			  log_time_format(&wall, time), vrrp_state_name(entry->from),
			  vrrp_state_name(entry->to), vrrp_reason_name(entry->reason));
	}
}

static void put_router(FILE *out, const struct state *state, const struct router *router)
{
	char address[ADDR_TEXT_SIZE], why[STATE_EXPLAIN_SIZE];
	const char *name = interface_name(router);

	fprintf(out, "\n%s/%s: %s ", router->instance, addr_family_name(router->family),
		vrrp_state_name(router->vrrp.state));
	put_since(out, state, router->since);
	fputc('\n', out);
	put_field(out, "why", "%s", state_explain(router, why, sizeof(why)));
	put_active(out, router);
	for (size_t i = 0; i < router->address_count; i++)
		put_field(out, i ? "" : "addresses", "%s %s",
			  addr_format(&router->addresses[i], address),
			  router->present[i] ? "present" : "not here");
	put_priority(out, state, router);
	put_field(out, "interface", "%s, VRID %u, advert_int %g s", *name ? name : "none yet",
		  router->vrid, (double)router->vrrp.config.advert_int_cs / 100);
	put_heard(out, state, router);
	put_rejected(out, "rejected", router->counters.rejected);
	put_history(out, state, router);
}

#define ROUTER_NAME_SIZE (sizeof(((struct router *)0)->instance) + sizeof("/ipv4"))

static const char *router_name(const struct router *router, char name[ROUTER_NAME_SIZE])
{
	snprintf(name, ROUTER_NAME_SIZE, "%s/%s", router->instance,
		 addr_family_name(router->family));
	return name;
}

static void put_summary_line(FILE *out, const struct router *router, int width)
{
	const struct router_heard *active = active_of(router);
	char name[ROUTER_NAME_SIZE], address[ADDR_TEXT_SIZE], why[STATE_EXPLAIN_SIZE];

	fprintf(out, "  %-*s  ", width, router_name(router, name));
	if (router->vrrp.state == VRRP_STATE_INITIALIZE)
		fprintf(out, "%s\n", state_explain(router, why, sizeof(why)));
	else if (active)
		fprintf(out, "Backup, %s is Active\n", addr_format(&active->address, address));
	else
		fprintf(out, "%s\n", vrrp_state_name(router->vrrp.state));
}

/* Of several routers: a line for each before all that is known of them. */
static void put_summary(FILE *out, const struct state *state)
{
	char name[ROUTER_NAME_SIZE];
	int width = 0;

	for (size_t i = 0; i < state->engine->router_count; i++) {
		int length = (int)strlen(router_name(state->engine->routers[i], name));

		width = length > width ? length : width;
	}
	fputc('\n', out);
	for (size_t i = 0; i < state->engine->router_count; i++)
		put_summary_line(out, state->engine->routers[i], width);
}

char *state_text(const struct state *state)
{
	char *text = NULL, age[DURATION_SIZE];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "cpvrrp %s, pid %d, up %s\n", VERSION, (int)state->pid,
		duration(instant_since(state->now, state->started), age));
	put_confinement(out, &state->confinement);
	put_rejected(out, "unclaimed", state->engine->rejected);
	if (state->engine->router_count > 1)
		put_summary(out, state);
	put_apiserver(out, state);
	for (size_t i = 0; i < state->engine->router_count; i++)
		put_router(out, state, state->engine->routers[i]);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
