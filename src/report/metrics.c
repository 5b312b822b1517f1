/* SPDX-License-Identifier: Apache-2.0 */
#include "report/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Prometheus exposition format 0.0.4: what a label value escapes. */
static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* "name{instance=...,family=..." with label `key` unless it is "", and the end of the labels. */
static void put_series(FILE *out, const char *name, const struct router *router, const char *key,
		       const char *value)
{
	fprintf(out, "%s{", name);
	put_label(out, "instance", router ? router->instance : "");
	fputc(',', out);
	put_label(out, "family", router ? addr_family_name(router->family) : "");
	if (*key) {
		fputc(',', out);
		put_label(out, key, value);
	}
	fputs("} ", out);
}

/* One family of series with a value per virtual router. */
static void put_routers(FILE *out, const struct state *state, const char *const head[3],
			uint64_t (*value)(const struct router *router))
{
	put_head(out, head[0], head[1], head[2]);
	for (size_t i = 0; i < state->engine->router_count; i++) {
		put_series(out, head[0], state->engine->routers[i], "", "");
		fprintf(out, "%" PRIu64 "\n", value(state->engine->routers[i]));
	}
}

static uint64_t value_active(const struct router *router)
{
	return router->vrrp.state == VRRP_STATE_ACTIVE;
}

static uint64_t value_priority(const struct router *router)
{
	return vrrp_priority(&router->vrrp);
}

static uint64_t value_sent(const struct router *router)
{
	return router->counters.adverts_sent;
}

static uint64_t value_received(const struct router *router)
{
	return router->counters.adverts_received;
}

static uint64_t value_announcements(const struct router *router)
{
	return router->counters.announcements;
}

static uint64_t value_readded(const struct router *router)
{
	return router->counters.vip_readded;
}

static const struct {
	const char *head[3];
	uint64_t (*value)(const struct router *router);
} per_router[] = {
	{{"cpvrrp_active", "gauge", "Whether this node is Active, and so holds the addresses."},
	 value_active},
	{{"cpvrrp_priority", "gauge", "Priority on the wire; 155 and more is the ready band."},
	 value_priority},
	{{"cpvrrp_adverts_sent_total", "counter", "Adverts sent."}, value_sent},
	{{"cpvrrp_adverts_received_total", "counter", "Adverts accepted."}, value_received},
	{{"cpvrrp_announcements_total", "counter",
	  "Rounds of gratuitous ARP or unsolicited Neighbor Advertisements sent."},
	 value_announcements},
	{{"cpvrrp_vip_readded_total", "counter", "Addresses that were gone while Active."},
	 value_readded},
};

static void put_present(FILE *out, const struct state *state)
{
	const char *name = "cpvrrp_vip_present";

	put_head(out, name, "gauge", "Whether the address is on this node's interface.");
	for (size_t i = 0; i < state->engine->router_count; i++) {
		const struct router *router = state->engine->routers[i];

		for (size_t j = 0; j < router->address_count; j++) {
			char address[ADDR_TEXT_SIZE];

			put_series(out, name, router, "address",
				   addr_format(&router->addresses[j], address));
			fprintf(out, "%d\n", router->present[j]);
		}
	}
}

/* The state that a change for this reason enters. */
static enum vrrp_state entered_for(enum vrrp_reason reason)
{
	switch (reason) {
	case VRRP_REASON_ACTIVE_DOWN:
	case VRRP_REASON_ACTIVE_STOPPED:
	case VRRP_REASON_ACTIVE_UNREADY:
	case VRRP_REASON_ACTIVE_LOWER:
		return VRRP_STATE_ACTIVE;
	case VRRP_REASON_STARTUP:
	case VRRP_REASON_RECOVERED:
	case VRRP_REASON_HIGHER_PRIORITY:
	case VRRP_REASON_OVERSLEPT:
	case VRRP_REASON_STEP_DOWN:
		return VRRP_STATE_BACKUP;
	case VRRP_REASON_SHUTDOWN:
	case VRRP_REASON_NO_INTERFACE:
	case VRRP_REASON_LINK_DOWN:
	case VRRP_REASON_NO_ADDRESS:
	case VRRP_REASON_NOT_A_PEER:
	case VRRP_REASON_NO_SOCKET:
	case VRRP_REASON_ADD_FAILED:
	case VRRP_REASON_SEND_FAILED:
		return VRRP_STATE_INITIALIZE;
	}
	return VRRP_STATE_INITIALIZE;
}

/* Those that have not occurred too, since a rate does not see the first of a new series. */
static void put_transitions_of(FILE *out, const char *name, const struct router *router)
{
	for (unsigned to = 0; to < VRRP_STATE_COUNT; to++) {
		for (unsigned reason = 0; reason < VRRP_REASON_COUNT; reason++) {
			uint64_t count = router->counters.transitions[to][reason];

			if (!count && to != entered_for((enum vrrp_reason)reason))
				continue;
			fprintf(out, "%s{", name);
			put_label(out, "instance", router->instance);
			fprintf(out, ",family=\"%s\",to=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
				addr_family_name(router->family),
				vrrp_state_name((enum vrrp_state)to),
				vrrp_reason_name((enum vrrp_reason)reason), count);
		}
	}
}

static void put_transitions(FILE *out, const struct state *state)
{
	const char *total = "cpvrrp_transitions_total";
	const char *last = "cpvrrp_last_transition_timestamp_seconds";

	put_head(out, total, "counter", "State changes by state entered and reason.");
	for (size_t i = 0; i < state->engine->router_count; i++)
		put_transitions_of(out, total, state->engine->routers[i]);
	put_head(out, last, "gauge", "When the state was entered.");
	for (size_t i = 0; i < state->engine->router_count; i++) {
		const struct router *router = state->engine->routers[i];
		struct timespec wall = state_wall(state, router->since);

		put_series(out, last, router, "", "");
		fprintf(out, "%lld.%03d\n", (long long)wall.tv_sec, (int)(wall.tv_nsec / 1000000));
	}
}

static void put_rejected(FILE *out, const char *name, const struct router *router,
			 const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++) {
		put_series(out, name, router, "reason",
			   advert_refusal_name((enum advert_refusal)i));
		fprintf(out, "%" PRIu64 "\n", rejected[i]);
	}
}

static void put_all_rejected(FILE *out, const struct state *state)
{
	const char *name = "cpvrrp_adverts_rejected_total";

	put_head(out, name, "counter",
		 "Packets refused, by reason; without instance if they belong to none.");
	put_rejected(out, name, NULL, state->engine->rejected);
	for (size_t i = 0; i < state->engine->router_count; i++) {
		const struct router *router = state->engine->routers[i];

		put_rejected(out, name, router, router->counters.rejected);
	}
}

static void put_duration(FILE *out, const struct state_apiserver *apiserver)
{
	const char *name = "cpvrrp_apiserver_probe_duration_seconds";
	uint64_t count = 0;

	put_head(out, name, "histogram", "Time of one probe, connection included.");
	for (unsigned i = 0; i < STATE_LATENCY_BUCKETS; i++) {
		count += apiserver->latency_count[i];
		if (i + 1 < STATE_LATENCY_BUCKETS)
			fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
				(double)state_latency_bounds_us[i] / 1e6, count);
	}
	fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n",
		name, count, name, (double)apiserver->latency_sum_us / 1e6, name, count);
}

static void put_apiserver(FILE *out, const struct state *state)
{
	const char *probes = "cpvrrp_apiserver_probes_total";

	put_head(out, "cpvrrp_apiserver_ready", "gauge", "Whether the local apiserver is ready.");
	fprintf(out, "cpvrrp_apiserver_ready %d\n", state->health->ready);
	put_head(out, probes, "counter", "Probes of the local apiserver by result.");
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		fprintf(out, "%s{result=\"%s\"} %" PRIu64 "\n", probes,
			health_result_name((enum health_result)i), state->apiserver->probes[i]);
	put_duration(out, state->apiserver);
}

char *metrics_text(const struct state *state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put_head(out, "cpvrrp_build_info", "gauge", "The running version.");
	fprintf(out, "cpvrrp_build_info{version=\"%s\"} 1\n", VERSION);
	for (size_t i = 0; i < sizeof(per_router) / sizeof(per_router[0]); i++)
		put_routers(out, state, per_router[i].head, per_router[i].value);
	put_present(out, state);
	put_transitions(out, state);
	put_all_rejected(out, state);
	if (state->health)
		put_apiserver(out, state);
	put_head(out, "cpvrrp_loop_late_seconds_max", "gauge",
		 "How late a deadline was served at worst since start.");
	fprintf(out, "cpvrrp_loop_late_seconds_max %.6f\n", (double)state->loop_late_max_us / 1e6);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
