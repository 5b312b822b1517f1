/* SPDX-License-Identifier: Apache-2.0 */
#include "report/status.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/log.h"

/* Around the few milliseconds of a local apiserver; `timeout` is 1 s by default. */
const int64_t status_latency_bounds_us[STATUS_LATENCY_BUCKETS] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, INT64_MAX,
};

void status_probes_record(struct status_probes *probes, const struct probe_report *report)
{
	size_t bucket = 0;

	while (report->latency_us > status_latency_bounds_us[bucket])
		bucket++;
	probes->latency_count[bucket]++;
	probes->latency_sum_us += report->latency_us;
	probes->last_latency_us = report->latency_us;
	probes->last_status = report->http_status;
	probes->results[report->result]++;
	snprintf(probes->last_error, sizeof(probes->last_error), "%s", report->detail);
	log_clean(probes->last_error);
}

int64_t status_age_us(const struct status *status, struct instant at)
{
	return instant_since(status->now, at);
}

struct timespec status_wall(const struct status *status, struct instant at)
{
	int64_t us = (int64_t)status->wall.tv_sec * SECOND_US + status->wall.tv_nsec / 1000 -
		     status_age_us(status, at);

	return (struct timespec){.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000};
}

const char *status_band(uint8_t priority)
{
	return priority_band_name(priority_band(priority));
}

const char *status_refusal(enum advert_refusal refusal)
{
	static const char *const sentences[ADVERT_REFUSAL_COUNT] = {
		[ADVERT_OVERSIZED] = "it is larger than any advert",
		[ADVERT_HOPS_WRONG] = "its TTL or hop limit is not 255, so it was forwarded",
		[ADVERT_TRUNCATED] = "it is shorter than an advert",
		[ADVERT_VERSION_WRONG] = "it is not VRRP version 3",
		[ADVERT_TYPE_WRONG] = "it is no advert",
		[ADVERT_ADDRESSES_NONE] = "no address is in it",
		[ADVERT_LENGTH_WRONG] = "its length does not fit its list of addresses",
		[ADVERT_CHECKSUM_WRONG] = "neither form of the checksum fits",
		[ADVERT_INTERVAL_ZERO] = "it says interval 0",
		[ADVERT_UNKNOWN_VRID] = "no instance here has this virtual_router_id",
		[ADVERT_SOURCE_OWN] = "it comes from an address of this node",
		[ADVERT_SOURCE_NOT_PEER] = "the sender is not in unicast_peer",
		[ADVERT_ADDRESSES_FOREIGN] =
			"no address of ours is in it: another group on the segment has this VRID",
	};

	assert(sentences[refusal]);
	return sentences[refusal];
}

const char *status_rules_name(enum status_rules rules)
{
	switch (rules) {
	case STATUS_RULES_WAITING:
		return "waiting";
	case STATUS_RULES_IN_PLACE:
		return "in_place";
	case STATUS_RULES_FAILED:
		return "failed";
	case STATUS_RULES_ENDED:
		return "ended";
	}
	return "?";
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

const char *status_look_text(const struct status_look *look, char text[STATUS_LOOK_SIZE])
{
	bool refused = look->error == -ECONNREFUSED,
	     ipv6 = look->address.family == ADDR_FAMILY_IPV6;
	char address[ADDR_TEXT_SIZE];
	const char *where = "";

	addr_format(&look->address, address);
	if (look->place == STATUS_PLACE_OWN)
		where = ", where balance sends connections to";
	snprintf(text, STATUS_LOOK_SIZE, "%s%s%s:%u%s", ipv6 ? "[" : "", address, ipv6 ? "]" : "",
		 look->port, where);
	if (look->answers)
		append(text, STATUS_LOOK_SIZE, ": connections are taken");
	else if (refused)
		append(text, STATUS_LOOK_SIZE,
		       ": connections are refused, though the apiserver is ready: it may listen on "
		       "another address alone (--bind-address)");
	else
		append(text, STATUS_LOOK_SIZE,
		       ": no answer (%s), though the apiserver is ready: %s",
		       strerror(-look->error),
		       look->place == STATUS_PLACE_NETWORK
			       ? "a firewall of the Active, or the network itself, lets nothing "
				 "of this address through (port security)"
			       : "a firewall of this node");
	return text;
}

const char *status_capability(const struct confinement *confinement, unsigned i)
{
	const char *name = capng_capability_to_name(i);

	return name && !(confinement->capabilities >> i & 1) ? "" : name;
}

static void explain_no_interface(const struct router *router, char *text, size_t size)
{
	char address[ADDR_TEXT_SIZE];

	if (*router_interface(router))
		snprintf(text, size, "waiting for interface %s", router_interface(router));
	else
		snprintf(text, size, "waiting for an interface in the network of %s",
			 addr_format(router_sought_address(&router->settings), address));
}

static const char *explanation(enum vrrp_reason reason)
{
	switch (reason) {
	case VRRP_REASON_STARTUP:
		return "just started";
	case VRRP_REASON_RESUMED:
		return "started again before any router could take over";
	case VRRP_REASON_RECOVERED:
		return "recovered from a fault";
	case VRRP_REASON_ACTIVE_DOWN:
		return "nothing heard from an Active for the Active_Down_Interval";
	case VRRP_REASON_ACTIVE_STOPPED:
		return "the Active stopped: it sent priority 0";
	case VRRP_REASON_ACTIVE_LEAVING:
		return "the Active is leaving: it sent priority 1";
	case VRRP_REASON_ACTIVE_UNREADY:
		return "the Active is less ready than this node";
	case VRRP_REASON_ACTIVE_LOWER:
		return "the Active's priority was lower, and preempt is always";
	case VRRP_REASON_HIGHER_PRIORITY:
		return "a better router's advert was heard";
	case VRRP_REASON_CLAIM_EXPIRED:
		return "was silent for its Active_Down_Interval, and another router is Active";
	case VRRP_REASON_STEP_DOWN:
		return "stepped down when asked to";
	case VRRP_REASON_SHUTDOWN:
		return "stopped";
	case VRRP_REASON_FAULT:
		break;
	}
	return "";
}

static void explain_fault(const struct router *router, char *text, size_t size)
{
	const char *name = router_interface(router);

	switch (router->vrrp.fault) {
	case VRRP_FAULT_NONE:
		break;
	case VRRP_FAULT_NO_INTERFACE:
		explain_no_interface(router, text, size);
		break;
	case VRRP_FAULT_IS_PORT:
		snprintf(text, size,
			 "%s is a port of a bridge or bond, which takes what it receives", name);
		break;
	case VRRP_FAULT_LINK_DOWN:
		snprintf(text, size, "waiting for carrier on %s", name);
		break;
	case VRRP_FAULT_NO_ADDRESS:
		snprintf(text, size, "waiting for an address on %s", name);
		break;
	case VRRP_FAULT_DUPLICATE_ADDRESS:
		snprintf(text, size, "another host has the address of %s to send from", name);
		break;
	case VRRP_FAULT_NOT_A_PEER:
		snprintf(text, size, "no address of %s is in unicast_peer", name);
		break;
	case VRRP_FAULT_NO_SOCKET:
		snprintf(text, size, "cannot open a raw socket on %s; retries every second", name);
		break;
	case VRRP_FAULT_ADD_FAILED:
		snprintf(text, size, "cannot add an address; Backup again after a second");
		break;
	}
}

const char *status_explain(const struct router *router, char *text, size_t size)
{
	snprintf(text, size, "%s", explanation(router->vrrp.reason));
	if (router->vrrp.reason == VRRP_REASON_FAULT)
		explain_fault(router, text, size);
	return text;
}

const char *status_condition(const struct condition *condition, const struct condition_state *state,
			     char text[STATUS_CONDITION_SIZE])
{
	const char *name = condition->name;

	switch (condition->kind) {
	case CONDITION_FILE:
		snprintf(text, STATUS_CONDITION_SIZE, "%s%s%s", name,
			 state->reason[0] ? ": "
			 : state->unmet	  ? " exists"
					  : " does not exist",
			 state->reason);
		break;
	case CONDITION_INTERFACE:
		snprintf(text, STATUS_CONDITION_SIZE, "%s %s", name,
			 state->unmet ? state->reason : "is up");
		break;
	}
	log_clean(text);
	return text;
}

const char *status_held_back(const struct conditions *conditions,
			     const struct condition_state states[CONDITIONS_MAX],
			     char text[STATUS_CONDITION_SIZE])
{
	size_t i = conditions_first_unmet(conditions, states);

	text[0] = '\0';
	return i < conditions->count ? status_condition(&conditions->list[i], &states[i], text)
				     : text;
}

static const char *readiness(const struct health *health)
{
	if (health->ready)
		return "ready";
	if (health->consecutive > 0 && !health->succeeded_before)
		return "not ready: no probe has succeeded yet";
	return "not ready";
}

const char *status_line(const struct engine *engine, const struct health *health, char *text,
			size_t size)
{
	unsigned in_state[VRRP_STATE_COUNT] = {0};
	char held_back[STATUS_CONDITION_SIZE] = "";

	text[0] = '\0';
	for (size_t i = 0; i < engine->router_count; i++)
		in_state[engine->routers[i]->vrrp.state]++;
	for (size_t i = 0; i < engine->router_count && !*held_back; i++)
		status_held_back(&engine->routers[i]->settings.conditions,
				 engine->routers[i]->conditions, held_back);
	for (unsigned i = VRRP_STATE_COUNT; engine->router_count > 1 && i-- > 0;)
		if (in_state[i] > 0)
			append(text, size, "%s%u %s", *text ? ", " : "", in_state[i],
			       vrrp_state_name((enum vrrp_state)i));
	if (engine->router_count == 1)
		append(text, size, "%s/%s %s, priority %u", engine->routers[0]->settings.instance,
		       addr_family_name(engine->routers[0]->settings.family),
		       vrrp_state_name(engine->routers[0]->vrrp.state),
		       vrrp_priority(&engine->routers[0]->vrrp));
	if (health)
		append(text, size, ", apiserver %s", readiness(health));
	if (*held_back)
		append(text, size, ", held back: %s", held_back);
	log_clean(text); /* it may be cut */
	return text;
}

static int64_t left_us(struct instant end, struct instant now)
{
	return instant_is_never(end) || instant_due(end, now) ? 0 : instant_since(end, now);
}

static void take_apiserver(const struct status_source *source, struct instant now,
			   struct status_apiserver *apiserver)
{
	const struct health *health = source->health;

	*apiserver = (struct status_apiserver){.tracked = health, .probes = *source->probes};
	snprintf(apiserver->url, sizeof(apiserver->url), "%s", source->conf->apiserver.url);
	if (!health)
		return;
	apiserver->ready = health->ready;
	apiserver->consecutive = health->consecutive;
	apiserver->last_result = health->last;
	apiserver->successes_needed = health_successes_needed(health, now);
	apiserver->damped_left_us = left_us(health_damped_until(health), now);
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		apiserver->total += source->probes->results[i];
}

/* The router that the machine follows, not the last one heard: an accepted advert may come from a
 * router that loses to the Active. */
static struct status_active active_of(const struct router *router, struct instant now)
{
	const struct vrrp *vrrp = &router->vrrp;
	const struct vrrp_heard *heard = vrrp_active_heard(vrrp);

	if (vrrp->state == VRRP_STATE_ACTIVE)
		return (struct status_active){.known = true,
					      .self = true,
					      .address = vrrp->primary,
					      .priority = vrrp_priority(vrrp)};
	if (!heard)
		return (struct status_active){.known = false};
	return (struct status_active){.known = true,
				      .address = heard->address,
				      .priority = heard->priority,
				      .stranger = router_is_stranger(router, now, &heard->address),
				      .heard = heard->at};
}

/* The engine keeps a ring. */
static void take_history(const struct router *router, struct status_router *status)
{
	uint64_t end = router->history_count;
	uint64_t first = end > ROUTER_HISTORY_MAX ? end - ROUTER_HISTORY_MAX : 0;

	for (uint64_t i = first; i < end; i++) {
		const struct router_transition *entry = &router->history[i % ROUTER_HISTORY_MAX];

		status->history[status->history_count++] = (struct status_transition){
			entry->at, entry->what.from, entry->what.to,
			vrrp_why_name(entry->what.reason, entry->what.fault)};
	}
}

/* The state that a change for this reason enters. */
static enum vrrp_state entered_for(enum vrrp_reason reason)
{
	switch (reason) {
	case VRRP_REASON_ACTIVE_DOWN:
	case VRRP_REASON_ACTIVE_STOPPED:
	case VRRP_REASON_ACTIVE_LEAVING:
	case VRRP_REASON_ACTIVE_UNREADY:
	case VRRP_REASON_ACTIVE_LOWER:
	case VRRP_REASON_RESUMED:
		return VRRP_STATE_ACTIVE;
	case VRRP_REASON_STARTUP:
	case VRRP_REASON_RECOVERED:
	case VRRP_REASON_HIGHER_PRIORITY:
	case VRRP_REASON_CLAIM_EXPIRED:
	case VRRP_REASON_STEP_DOWN:
		return VRRP_STATE_BACKUP;
	case VRRP_REASON_SHUTDOWN:
	case VRRP_REASON_FAULT:
		return VRRP_STATE_INITIALIZE;
	}
	return VRRP_STATE_INITIALIZE;
}

static void count_transition(struct status_router *status, enum vrrp_state to, const char *reason,
			     uint64_t count)
{
	status->transitions[status->transition_count++] =
		(struct status_transition_count){to, reason, count};
}

/* A fault is a reason of its own. */
static void take_transitions(const struct router *router, struct status_router *status)
{
	const struct router_counters *counters = &router->counters;

	for (unsigned to = 0; to < VRRP_STATE_COUNT; to++) {
		for (unsigned reason = 0; reason < VRRP_REASON_FAULT; reason++) {
			uint64_t count = counters->transitions[to][reason];

			if (count > 0 || to == entered_for((enum vrrp_reason)reason))
				count_transition(status, (enum vrrp_state)to,
						 vrrp_reason_name((enum vrrp_reason)reason), count);
		}
	}
	for (unsigned fault = VRRP_FAULT_NONE + 1; fault < VRRP_FAULT_COUNT; fault++)
		count_transition(status, VRRP_STATE_INITIALIZE,
				 vrrp_fault_name((enum vrrp_fault)fault), counters->faults[fault]);
}

const char *status_mac(const uint8_t mac[NEIGH_MAC_SIZE], char text[STATUS_MAC_SIZE])
{
	snprintf(text, STATUS_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

static void take_conditions(const struct router *router, struct status_router *status)
{
	status->conditions = router->settings.conditions;
	for (size_t i = 0; i < status->conditions.count; i++)
		log_clean(status->conditions.list[i].name);
	memcpy(status->condition_states, router->conditions, sizeof(status->condition_states));
}

static void take_addresses(const struct router *router, struct status_router *status)
{
	status->address_count = router->settings.address_count;
	for (size_t i = 0; i < status->address_count; i++) {
		struct status_address *address = &status->addresses[i];

		address->address = router->settings.addresses[i];
		address->present = router->present[i];
		snprintf(address->elsewhere, sizeof(address->elsewhere), "%s",
			 router->elsewhere[i]);
	}
}

/* *status is all zero. */
static void take_router(const struct router *router, struct instant now,
			struct status_router *status)
{
	snprintf(status->instance, sizeof(status->instance), "%s", router->settings.instance);
	snprintf(status->interface, sizeof(status->interface), "%s", router_interface(router));
	status->family = router->settings.family;
	status->vrid = router->settings.vrid;
	status->state = router->vrrp.state;
	status->reason = vrrp_why_name(router->vrrp.reason, router->vrrp.fault);
	status_explain(router, status->explanation, sizeof(status->explanation));
	log_clean(status->explanation);
	status->since = router->since;
	status->priority = vrrp_priority(&router->vrrp);
	status->own_priority = router->vrrp.priority;
	status->new_left_us = left_us(vrrp_tenure_ends(&router->vrrp), now);
	status->step_down_left_us = left_us(router->vrrp.timers[VRRP_TIMER_HOLD], now);
	status->advert_int_us = vrrp_config_interval_us(&router->settings.vrrp);
	take_addresses(router, status);
	status->active = active_of(router, now);
	take_conditions(router, status);
	status->heard_count = router->heard_count;
	memcpy(status->heard, router->heard, sizeof(status->heard));
	status->claim_count = router->claims.count;
	status->claim = router->claims.last;
	status->claimed = router->claims.at;
	members_take(router, now, &status->members);
	status->counters = router->counters;
	take_transitions(router, status);
	take_history(router, status);
}

static void assert_router(const struct status_router *router)
{
	assert(router->share_count <= SLOTS_MEMBERS_MAX);
	assert(router->address_count <= ROUTER_ADDRESSES_MAX);
	assert(router->conditions.count <= CONDITIONS_MAX);
	assert(router->heard_count <= ROUTER_HEARD_MAX);
	assert(router->history_count <= ROUTER_HISTORY_MAX);
	assert(router->transition_count <= STATUS_TRANSITION_COUNTS_MAX);
	assert(router->step_down_left_us >= 0 && router->new_left_us >= 0);
	assert(router->active.known || !router->active.self);
	assert(router->active.self == (router->state == VRRP_STATE_ACTIVE));
	assert(!router->active.known || router->state != VRRP_STATE_INITIALIZE);
	members_assert(&router->members);
}

void status_assert(const struct status *status)
{
	const struct status_apiserver *apiserver = &status->apiserver;

	assert(status->router_count <= STATUS_ROUTERS_MAX);
	assert(status->router_count == 0 || status->routers);
	assert(apiserver->tracked || apiserver->total == 0);
	assert(apiserver->total > 0 || apiserver->consecutive == 0);
	assert(apiserver->damped_left_us >= 0 && apiserver->damped_left_us <= HEALTH_DAMPING_US);
	assert(apiserver->successes_needed > 0 || !apiserver->tracked);
	for (size_t i = 0; i < status->router_count; i++)
		assert_router(&status->routers[i]);
}

int status_take(const struct status_source *source, struct instant now, struct status *ret_status)
{
	const struct engine *engine = source->engine;
	struct status_router *routers = NULL;

	assert(engine->router_count <= STATUS_ROUTERS_MAX);
	if (engine->router_count > 0) {
		routers = calloc(engine->router_count, sizeof(*routers));
		if (!routers)
			return -ENOMEM;
	}
	*ret_status = (struct status){
		.version = VERSION,
		.pid = getpid(),
		.now = now,
		.started = source->started,
		.loop_late_max_us = source->loop_late_max_us,
		.connections_closed = source->connections_closed,
		.router_count = engine->router_count,
		.routers = routers,
	};
	clock_gettime(CLOCK_REALTIME, &ret_status->wall);
	confine_read(&ret_status->confinement);
	take_apiserver(source, now, &ret_status->apiserver);
	memcpy(ret_status->rejected, engine->rejected, sizeof(ret_status->rejected));
	if (source->balance)
		ret_status->balance = *source->balance;
	ret_status->look_count = source->look_count;
	if (source->look_count > 0)
		memcpy(ret_status->looks, source->looks,
		       source->look_count * sizeof(source->looks[0]));
	for (size_t i = 0; i < engine->router_count; i++) {
		take_router(engine->routers[i], now, &routers[i]);
		if (source->balance)
			routers[i].share_count = source->shares(
				source->shares_context, engine->routers[i], routers[i].shares);
	}
	status_assert(ret_status);
	return 0;
}

void status_free(struct status *status)
{
	free(status->routers);
	status->routers = NULL;
	status->router_count = 0;
}
