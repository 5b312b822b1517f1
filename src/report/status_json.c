/* SPDX-License-Identifier: Apache-2.0 */
#include "report/status_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "os/log.h"

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
	COUNTER(leaves_doubted),
	COUNTER(send_failures),
	COUNTER(add_failures),
	COUNTER(announcements),
	COUNTER(announce_failures),
	COUNTER(vip_readded),
};
#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter_value(const struct router_counters *values, const struct counter *counter)
{
	return *(const uint64_t *)(const void *)((const char *)values + counter->offset);
}

static json_t *json_time(const struct status *status, struct instant at)
{
	struct timespec wall = status_wall(status, at);
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
	return json_real((double)duration_us / SECOND_US);
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

static json_t *json_failures(const struct status_probes *probes)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		if (i != HEALTH_OK)
			json_object_set_new(object, health_result_name((enum health_result)i),
					    json_count(probes->results[i]));
	return object;
}

static json_t *json_apiserver(const struct status *status)
{
	const struct status_apiserver *apiserver = &status->apiserver;
	const struct status_probes *probes = &apiserver->probes;
	const char *last = health_result_name(apiserver->last_result);
	json_t *object;

	if (!apiserver->tracked)
		return json_null();
	object = json_object();
	json_object_set_new(object, "url", json_text(apiserver->url));
	json_object_set_new(object, "ready", json_boolean(apiserver->ready));
	json_object_set_new(object, "since", json_time(status, probes->since));
	json_object_set_new(object, "last_result",
			    apiserver->total ? json_string(last) : json_null());
	json_object_set_new(object, "last_status", json_integer(probes->last_status));
	json_object_set_new(object, "last_error", json_text(probes->last_error));
	json_object_set_new(object, "last_latency_seconds", json_seconds(probes->last_latency_us));
	json_object_set_new(object, "consecutive", json_integer(apiserver->consecutive));
	json_object_set_new(object, "successes_needed", json_integer(apiserver->successes_needed));
	json_object_set_new(object, "damped_seconds_left", json_seconds(apiserver->damped_left_us));
	json_object_set_new(object, "probes_total", json_count(apiserver->total));
	json_object_set_new(object, "failures_total", json_failures(probes));
	return object;
}

static const char *seccomp_name(enum confine_seccomp seccomp)
{
	switch (seccomp) {
	case CONFINE_SECCOMP_DISABLED:
		return "disabled";
	case CONFINE_SECCOMP_STRICT:
		return "strict";
	case CONFINE_SECCOMP_FILTER:
		return "filter";
	}
	return "";
}

static json_t *json_confinement(const struct confinement *confinement)
{
	const char *name;
	json_t *names;

	if (!confinement->known)
		return json_null();
	names = json_array();
	for (unsigned i = 0; (name = status_capability(confinement, i)); i++)
		if (*name)
			json_array_append_new(names, json_string(name));
	return json_pack("{s:o, s:b, s:s, s:I, s:b, s:b}", "capabilities", names, "no_new_privs",
			 confinement->no_new_privs, "seccomp", seccomp_name(confinement->seccomp),
			 "landlock", (json_int_t)confinement->landlock, "memory_locked",
			 confinement->memory_locked, "realtime", confinement->realtime);
}

static json_t *json_addresses(const struct status_router *router)
{
	json_t *array = json_array();

	for (size_t i = 0; i < router->address_count; i++) {
		const struct status_address *address = &router->addresses[i];

		json_array_append_new(array, json_pack("{s:o, s:b, s:o}", "address",
						       json_address(&address->address), "present",
						       address->present, "elsewhere",
						       json_text(address->elsewhere)));
	}
	return array;
}

static json_t *json_active(const struct status *status, const struct status_active *active)
{
	if (!active->known)
		return json_null();
	return json_pack("{s:o, s:i, s:o, s:b, s:b}", "address", json_address(&active->address),
			 "priority", active->priority, "last_advert_seconds_ago",
			 active->self ? json_null()
				      : json_seconds(status_age_us(status, active->heard)),
			 "self", active->self, "stranger", active->stranger);
}

static json_t *json_conditions(const struct status_router *router)
{
	json_t *array = json_array();

	for (size_t i = 0; i < router->conditions.count; i++) {
		const struct condition *condition = &router->conditions.list[i];
		const struct condition_state *state = &router->condition_states[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:o, s:b, s:o}", "kind",
						condition_kind_name(condition->kind), "name",
						json_text(condition->name), "met", !state->unmet,
						"reason", json_text(state->reason)));
	}
	return array;
}

static json_t *json_heard(const struct status *status, const struct status_router *router)
{
	json_t *array = json_array();

	for (size_t i = 0; i < router->heard_count; i++) {
		const struct router_heard *heard = &router->heard[i];

		json_array_append_new(
			array, json_pack("{s:o, s:i, s:s, s:o}", "address",
					 json_address(&heard->address), "priority", heard->priority,
					 "band", status_band(heard->priority), "last_seconds_ago",
					 json_seconds(status_age_us(status, heard->at))));
	}
	return array;
}

static json_t *json_other_holder(const struct status *status, const struct status_router *router)
{
	char mac[STATUS_MAC_SIZE];

	if (router->claim_count == 0)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o}", "address", json_address(&router->claim.address),
			 "mac", status_mac(router->claim.mac, mac), "last_seconds_ago",
			 json_seconds(status_age_us(status, router->claimed)), "claims",
			 json_count(router->claim_count));
}

/* null for an address that is not known. */
static json_t *json_known_address(const struct addr *addr)
{
	return addr_is_unspecified(addr) ? json_null() : json_address(addr);
}

static json_t *json_member(const struct status *status, const struct members_member *member)
{
	json_t *object = json_object(), *deaf_to = json_array();
	enum priority_band band = priority_band(member->priority);
	char mac[STATUS_MAC_SIZE];

	for (size_t i = 0; i < member->deaf_to_count; i++)
		json_array_append_new(deaf_to, json_address(&member->deaf_to[i]));
	json_object_set_new(object, "address", json_known_address(&member->address));
	json_object_set_new(object, "self", json_boolean(member->self));
	json_object_set_new(object, "alive", json_boolean(member->alive));
	json_object_set_new(object, "leaving", json_boolean(member->leaving));
	json_object_set_new(object, "state", json_string(vrrp_state_name(member->state)));
	json_object_set_new(object, "priority", json_integer(member->priority));
	json_object_set_new(object, "band", json_string(status_band(member->priority)));
	json_object_set_new(object, "ready",
			    json_boolean(member->alive && band == PRIORITY_BAND_READY));
	json_object_set_new(object, "last_seconds_ago",
			    member->self ? json_null()
					 : json_seconds(status_age_us(status, member->heard)));
	json_object_set_new(object, "does_not_hear", deaf_to);
	json_object_set_new(object, "apiserver_port", json_integer(member->port));
	json_object_set_new(object, "other_address", json_known_address(&member->other));
	json_object_set_new(object, "hardware_address", json_string(status_mac(member->mac, mac)));
	return object;
}

/* null if `members` is false. */
static json_t *json_members(const struct status *status, const struct members *members)
{
	json_t *array;

	if (!members->on)
		return json_null();
	array = json_array();
	for (size_t i = 0; i < members->count; i++)
		json_array_append_new(array, json_member(status, &members->list[i]));
	return array;
}

static json_t *json_group_counters(const struct members *members)
{
	const struct group_counters *values = &members->counters;
	json_t *rejected;

	if (!members->on)
		return json_null();
	rejected = json_object();
	for (unsigned i = GROUP_STATUS_OK + 1; i < GROUP_STATUS_REFUSAL_COUNT; i++)
		json_object_set_new(rejected,
				    group_status_refusal_name((enum group_status_refusal)i),
				    json_count(values->rejected[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "sent", json_count(values->sent), "received",
			 json_count(values->received), "send_failures",
			 json_count(values->send_failures), "rejected", rejected);
}

/* null without BALANCE. */
static json_t *json_balance(const struct status_balance *balance)
{
	if (!balance->on)
		return json_null();
	return json_pack("{s:s, s:o, s:b, s:o, s:o}", "rules", status_rules_name(balance->rules),
			 "error", json_text(balance->reason), "tcp_loose", !balance->stuck,
			 "failures_total", json_count(balance->failures), "lost_total",
			 json_count(balance->lost));
}

static json_t *json_connections(const struct status_share *share)
{
	return share->connections < 0 ? json_null() : json_integer(share->connections);
}

static json_t *json_shares(const struct status_router *router)
{
	json_t *list = json_array();

	for (size_t i = 0; i < router->share_count; i++) {
		const struct status_share *share = &router->shares[i];

		json_array_append_new(list,
				      json_pack("{s:o, s:b, s:i, s:f, s:o, s:b, s:b}", "address",
						json_address(&share->address), "self", share->self,
						"slots", (int)share->slots, "share",
						(double)share->slots / SLOTS_COUNT, "connections",
						json_connections(share), "walk", share->live,
						"lingers", share->lingers));
	}
	return list;
}

/* vip_answers: null before the VIP has been looked at, or where it is not. */
static void set_looks(json_t *object, const struct status *status, size_t number)
{
	json_t *list = json_array(), *answers = json_null();

	for (size_t i = 0; i < status->look_count; i++) {
		const struct status_look *look = &status->looks[i];

		if (look->router != number || !look->known)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:o, s:i, s:b, s:b, s:o}", "address",
				  json_address(&look->address), "port", look->port, "own",
				  look->place == STATUS_PLACE_OWN, "answers", look->answers,
				  "error", json_text(look->answers ? "" : strerror(-look->error))));
		if (look->place != STATUS_PLACE_OWN && !json_is_false(answers))
			answers = json_boolean(look->answers);
	}
	json_object_set_new(object, "vip_answers", answers);
	json_object_set_new(object, "looks", list);
}

static json_t *json_counters(const struct status_router *router)
{
	json_t *object = json_object();
	uint64_t transitions = 0;

	for (size_t i = 0; i < COUNTER_COUNT; i++)
		json_object_set_new(object, counters[i].name,
				    json_count(counter_value(&router->counters, &counters[i])));
	for (size_t i = 0; i < router->transition_count; i++)
		transitions += router->transitions[i].count;
	json_object_set_new(object, "transitions", json_count(transitions));
	return object;
}

static json_t *json_history(const struct status *status, const struct status_router *router)
{
	json_t *array = json_array();

	for (size_t i = 0; i < router->history_count; i++) {
		const struct status_transition *entry = &router->history[i];

		json_array_append_new(
			array, json_pack("{s:o, s:s, s:s, s:s}", "at", json_time(status, entry->at),
					 "from", vrrp_state_name(entry->from), "to",
					 vrrp_state_name(entry->to), "reason", entry->reason));
	}
	return array;
}

static json_t *json_router(const struct status *status, size_t number)
{
	const struct status_router *router = &status->routers[number];
	json_t *object = json_object();

	json_object_set_new(object, "instance", json_string(router->instance));
	json_object_set_new(object, "family", json_string(addr_family_name(router->family)));
	json_object_set_new(object, "interface", json_text(router->interface));
	json_object_set_new(object, "vrid", json_integer(router->vrid));
	json_object_set_new(object, "state", json_string(vrrp_state_name(router->state)));
	json_object_set_new(object, "reason", json_string(router->reason));
	json_object_set_new(object, "explanation", json_text(router->explanation));
	json_object_set_new(object, "since", json_time(status, router->since));
	json_object_set_new(object, "priority", json_integer(router->priority));
	json_object_set_new(object, "band", json_string(status_band(router->priority)));
	json_object_set_new(object, "own_priority", json_integer(router->own_priority));
	json_object_set_new(object, "new_seconds_left", json_seconds(router->new_left_us));
	json_object_set_new(object, "step_down_seconds_left",
			    json_seconds(router->step_down_left_us));
	json_object_set_new(object, "advert_int_seconds", json_seconds(router->advert_int_us));
	json_object_set_new(object, "addresses", json_addresses(router));
	json_object_set_new(object, "conditions", json_conditions(router));
	json_object_set_new(object, "active_router", json_active(status, &router->active));
	json_object_set_new(object, "members", json_members(status, &router->members));
	json_object_set_new(object, "member_messages", json_group_counters(&router->members));
	json_object_set_new(object, "heard", json_heard(status, router));
	json_object_set_new(object, "other_holder", json_other_holder(status, router));
	set_looks(object, status, number);
	json_object_set_new(object, "shares", json_shares(router));
	json_object_set_new(object, "counters", json_counters(router));
	json_object_set_new(object, "rejected", json_rejected(router->counters.rejected));
	json_object_set_new(object, "history", json_history(status, router));
	return object;
}

char *status_json(const struct status *status)
{
	json_t *root = json_object();
	json_t *routers = json_array();
	char *text;

	status_assert(status);
	for (size_t i = 0; i < status->router_count; i++)
		json_array_append_new(routers, json_router(status, i));
	json_object_set_new(root, "version", json_string(status->version));
	json_object_set_new(root, "pid", json_integer(status->pid));
	json_object_set_new(root, "time", json_time(status, status->now));
	json_object_set_new(root, "uptime_seconds",
			    json_seconds(status_age_us(status, status->started)));
	json_object_set_new(root, "loop_late_max_seconds", json_seconds(status->loop_late_max_us));
	json_object_set_new(root, "connections_closed", json_count(status->connections_closed));
	json_object_set_new(root, "confinement", json_confinement(&status->confinement));
	json_object_set_new(root, "apiserver", json_apiserver(status));
	json_object_set_new(root, "balance", json_balance(&status->balance));
	json_object_set_new(root, "virtual_routers", routers);
	json_object_set_new(root, "rejected", json_rejected(status->rejected));
	/* A double holds 15 digits exactly: 0.25, not 0.25000000000000001. */
	text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
	json_decref(root);
	return text;
}
