/* SPDX-License-Identifier: Apache-2.0 */
#include "report/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/priority.h"

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

/* "name{instance=...,family=..." */
static void put_series_start(FILE *out, const char *name, const struct status_router *router)
{
	fprintf(out, "%s{", name);
	put_label(out, "instance", router ? router->instance : "");
	fputc(',', out);
	put_label(out, "family", router ? addr_family_name(router->family) : "");
}

/* The same with label `key` unless it is "", and the end of the labels. */
static void put_series(FILE *out, const char *name, const struct status_router *router,
		       const char *key, const char *value)
{
	put_series_start(out, name, router);
	if (*key) {
		fputc(',', out);
		put_label(out, key, value);
	}
	fputs("} ", out);
}

/* One family of series with a value per virtual router. */
static void put_routers(FILE *out, const struct status *status, const char *const head[3],
			uint64_t (*value)(const struct status_router *router))
{
	put_head(out, head[0], head[1], head[2]);
	for (size_t i = 0; i < status->router_count; i++) {
		put_series(out, head[0], &status->routers[i], "", "");
		fprintf(out, "%" PRIu64 "\n", value(&status->routers[i]));
	}
}

static uint64_t value_active(const struct status_router *router)
{
	return router->state == VRRP_STATE_ACTIVE;
}

static uint64_t value_priority(const struct status_router *router)
{
	return router->priority;
}

static uint64_t value_sent(const struct status_router *router)
{
	return router->counters.adverts_sent;
}

static uint64_t value_received(const struct status_router *router)
{
	return router->counters.adverts_received;
}

static uint64_t value_announcements(const struct status_router *router)
{
	return router->counters.announcements;
}

static uint64_t value_status_sent(const struct status_router *router)
{
	return router->members.counters.sent;
}

static uint64_t value_status_received(const struct status_router *router)
{
	return router->members.counters.received;
}

static uint64_t value_doubted(const struct status_router *router)
{
	return router->counters.leaves_doubted;
}

static uint64_t value_stranger(const struct status_router *router)
{
	return router->active.stranger;
}

static uint64_t value_readded(const struct status_router *router)
{
	return router->counters.vip_readded;
}

static uint64_t value_claims(const struct status_router *router)
{
	return router->claim_count;
}

static const struct {
	const char *head[3];
	uint64_t (*value)(const struct status_router *router);
} per_router[] = {
	{{"cpvrrp_active", "gauge", "Whether this node is Active, and so holds the addresses."},
	 value_active},
	{{"cpvrrp_priority", "gauge",
	  "Priority on the wire; 171 and more is ready, 87 and more answering."},
	 value_priority},
	{{"cpvrrp_adverts_sent_total", "counter", "Adverts sent."}, value_sent},
	{{"cpvrrp_adverts_received_total", "counter", "Adverts accepted."}, value_received},
	{{"cpvrrp_announcements_total", "counter",
	  "Rounds of gratuitous ARP or unsolicited Neighbor Advertisements sent."},
	 value_announcements},
	{{"cpvrrp_status_sent_total", "counter", "STATUS messages sent."}, value_status_sent},
	{{"cpvrrp_status_received_total", "counter", "STATUS messages accepted."},
	 value_status_received},
	{{"cpvrrp_active_is_stranger", "gauge",
	  "Whether the Active sends no STATUS where others do."},
	 value_stranger},
	{{"cpvrrp_leaves_doubted_total", "counter",
	  "Adverts that said that a router leaves, and were not believed as it has gone on."},
	 value_doubted},
	{{"cpvrrp_vip_readded_total", "counter", "Addresses that were gone while Active."},
	 value_readded},
	{{"cpvrrp_claims_total", "counter",
	  "Times that another host claimed an address by ARP or Neighbor Advertisement."},
	 value_claims},
};

/* A state set: each band has a series, and the one that is advertised is 1. */
static void put_bands(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_band";

	put_head(out, name, "gauge", "1 for the band of the priority on the wire, else 0.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];
		enum priority_band own = priority_band(router->priority);

		for (unsigned band = 0; band < PRIORITY_BAND_COUNT; band++) {
			put_series(out, name, router, "band",
				   priority_band_name((enum priority_band)band));
			fprintf(out, "%d\n", band == own);
		}
	}
}

static void put_present(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_vip_present";

	put_head(out, name, "gauge", "Whether the address is on this node's interface.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->address_count; j++) {
			char address[ADDR_TEXT_SIZE];

			put_series(out, name, router, "address",
				   addr_format(&router->addresses[j].address, address));
			fprintf(out, "%d\n", router->addresses[j].present);
		}
	}
}

/* 0 too, so that an alert can tell of an end. */
static void put_elsewhere(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_vip_elsewhere";

	put_head(out, name, "gauge",
		 "Whether another interface of this node has the address, where it does not "
		 "belong.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->address_count; j++) {
			char address[ADDR_TEXT_SIZE];

			put_series(out, name, router, "address",
				   addr_format(&router->addresses[j].address, address));
			fprintf(out, "%d\n", router->addresses[j].elsewhere[0] != '\0');
		}
	}
}

static void put_looks(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_answers";

	put_head(out, name, "gauge",
		 "Whether an address that clients' connections go to takes a connection.");
	for (size_t i = 0; i < status->look_count; i++) {
		const struct status_look *look = &status->looks[i];
		char text[ADDR_TEXT_SIZE];

		if (!look->known)
			continue;
		put_series_start(out, name, &status->routers[look->router]);
		fputc(',', out);
		put_label(out, "address", addr_format(&look->address, text));
		fprintf(out, ",port=\"%u\",own=\"%d\"} %d\n", look->port,
			look->place == STATUS_PLACE_OWN, look->answers);
	}
}

/* The counts of 0 too: rate() misses the first increment of a series that appears with 1. */
static void put_transitions_of(FILE *out, const char *name, const struct status_router *router)
{
	for (size_t i = 0; i < router->transition_count; i++) {
		const struct status_transition_count *entry = &router->transitions[i];

		fprintf(out, "%s{", name);
		put_label(out, "instance", router->instance);
		fprintf(out, ",family=\"%s\",to=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
			addr_family_name(router->family), vrrp_state_name(entry->to), entry->reason,
			entry->count);
	}
}

static void put_transitions(FILE *out, const struct status *status)
{
	const char *total = "cpvrrp_transitions_total";
	const char *last = "cpvrrp_last_transition_timestamp_seconds";

	put_head(out, total, "counter", "State changes by state entered and reason.");
	for (size_t i = 0; i < status->router_count; i++)
		put_transitions_of(out, total, &status->routers[i]);
	put_head(out, last, "gauge", "When the state was entered.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];
		struct timespec wall = status_wall(status, router->since);

		put_series(out, last, router, "", "");
		fprintf(out, "%lld.%03d\n", (long long)wall.tv_sec, (int)(wall.tv_nsec / 1000000));
	}
}

static void put_rejected(FILE *out, const char *name, const struct status_router *router,
			 const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++) {
		put_series(out, name, router, "reason",
			   advert_refusal_name((enum advert_refusal)i));
		fprintf(out, "%" PRIu64 "\n", rejected[i]);
	}
}

static void put_all_rejected(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_adverts_rejected_total";

	put_head(out, name, "counter",
		 "Packets refused, by reason; without instance if they belong to none.");
	put_rejected(out, name, NULL, status->rejected);
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		put_rejected(out, name, router, router->counters.rejected);
	}
}

static void put_conditions(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_condition_met";

	put_head(out, name, "gauge",
		 "0 while a tracked file exists, or a tracked interface is not up.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->conditions.count; j++) {
			const struct condition *condition = &router->conditions.list[j];

			put_series_start(out, name, router);
			fputc(',', out);
			put_label(out, "kind", condition_kind_name(condition->kind));
			fputc(',', out);
			put_label(out, "name", condition->name);
			fprintf(out, "} %d\n", !router->condition_states[j].unmet);
		}
	}
}

/* GROUP. Members that are gone have no band; those that have left in order are not listed. */
static void put_members(FILE *out, const struct status *status)
{
	const char *members = "cpvrrp_members", *alive = "cpvrrp_member_alive";

	put_head(out, members, "gauge", "Members of the group that are alive, by band.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (unsigned band = 0; router->members.on && band < PRIORITY_BAND_COUNT; band++) {
			put_series(out, members, router, "band",
				   priority_band_name((enum priority_band)band));
			fprintf(out, "%zu\n",
				members_in_band(&router->members, (enum priority_band)band));
		}
	}
	put_head(out, alive, "gauge",
		 "1 for a member that is alive, 0 for one that is gone without a word.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->members.count; j++) {
			const struct members_member *member = &router->members.list[j];
			char address[ADDR_TEXT_SIZE];

			if (!member->alive && member->leaving)
				continue;
			put_series(out, alive, router, "member",
				   addr_format(&member->address, address));
			fprintf(out, "%d\n", member->alive);
		}
	}
}

/* Of the members that are alive: whether `by` hears `member`. */
static void put_heard_by(FILE *out, const char *name, const struct status_router *router,
			 const struct members_member *by)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < router->members.count; i++) {
		const struct members_member *member = &router->members.list[i];

		if (member == by || !member->alive)
			continue;
		put_series_start(out, name, router);
		fputc(',', out);
		put_label(out, "member", addr_format(&member->address, text));
		fputc(',', out);
		put_label(out, "by", addr_format(&by->address, text));
		fprintf(out, "} %d\n",
			!addr_in_list(&member->address, by->deaf_to, by->deaf_to_count));
	}
}

static void put_heard(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_member_heard";

	put_head(
		out, name, "gauge",
		"Whether a member hears another, by its own word; 0 is a link that works one way.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->members.count; j++)
			if (router->members.list[j].alive)
				put_heard_by(out, name, router, &router->members.list[j]);
	}
}

static void put_member_messages(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_status_rejected_total";

	put_head(out, name, "counter", "STATUS messages refused, by reason.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (unsigned j = GROUP_STATUS_OK + 1;
		     router->members.on && j < GROUP_STATUS_REFUSAL_COUNT; j++) {
			put_series(out, name, router, "reason",
				   group_status_refusal_name((enum group_status_refusal)j));
			fprintf(out, "%" PRIu64 "\n", router->members.counters.rejected[j]);
		}
	}
}

static void put_duration(FILE *out, const struct status_probes *probes)
{
	const char *name = "cpvrrp_apiserver_probe_duration_seconds";
	uint64_t count = 0;

	put_head(out, name, "histogram", "Time of one probe, connection included.");
	for (unsigned i = 0; i < STATUS_LATENCY_BUCKETS; i++) {
		count += probes->latency_count[i];
		if (i + 1 < STATUS_LATENCY_BUCKETS)
			fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
				(double)status_latency_bounds_us[i] / SECOND_US, count);
	}
	fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n",
		name, count, name, (double)probes->latency_sum_us / SECOND_US, name, count);
}

static void put_apiserver(FILE *out, const struct status_apiserver *apiserver)
{
	const char *results = "cpvrrp_apiserver_probes_total";
	const char *needed = "cpvrrp_apiserver_successes_needed";

	put_head(out, "cpvrrp_apiserver_ready", "gauge", "Whether the local apiserver is ready.");
	fprintf(out, "cpvrrp_apiserver_ready %d\n", apiserver->ready);
	put_head(out, needed, "gauge",
		 "Successes in a row that make it ready; above `rise` after losses while Active.");
	fprintf(out, "%s %u\n", needed, apiserver->successes_needed);
	put_head(out, results, "counter", "Probes of the local apiserver by result.");
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		fprintf(out, "%s{result=\"%s\"} %" PRIu64 "\n", results,
			health_result_name((enum health_result)i), apiserver->probes.results[i]);
	put_duration(out, &apiserver->probes);
}

/* Of this node: the others count their own. */
static void put_connections(FILE *out, const struct status *status)
{
	const char *name = "cpvrrp_balance_connections";

	put_head(out, name, "gauge", "Open connections at this node's address and ports.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->share_count; j++) {
			char address[ADDR_TEXT_SIZE];

			if (router->shares[j].connections < 0)
				continue;
			put_series(out, name, router, "member",
				   addr_format(&router->shares[j].address, address));
			fprintf(out, "%d\n", router->shares[j].connections);
		}
	}
}

static void put_balance(FILE *out, const struct status *status)
{
	const char *rules = "cpvrrp_balance_rules";
	const char *slots = "cpvrrp_balance_slots";

	put_head(out, rules, "gauge", "Whether the kernel has the rules of balance.");
	fprintf(out, "%s %d\n", rules, status->balance.rules == STATUS_RULES_IN_PLACE);
	put_head(out, "cpvrrp_balance_failures_total", "counter",
		 "Times that the kernel did not take the rules.");
	fprintf(out, "cpvrrp_balance_failures_total %" PRIu64 "\n", status->balance.failures);
	put_head(out, "cpvrrp_balance_lost_total", "counter",
		 "Times that another program has changed the rules.");
	fprintf(out, "cpvrrp_balance_lost_total %" PRIu64 "\n", status->balance.lost);
	put_head(out, slots, "gauge", "Of 2048 shares of new connections, how many a member gets.");
	for (size_t i = 0; i < status->router_count; i++) {
		const struct status_router *router = &status->routers[i];

		for (size_t j = 0; j < router->share_count; j++) {
			char address[ADDR_TEXT_SIZE];

			put_series(out, slots, router, "member",
				   addr_format(&router->shares[j].address, address));
			fprintf(out, "%u\n", router->shares[j].slots);
		}
	}
	put_connections(out, status);
}

char *metrics_text(const struct status *status)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	status_assert(status);
	if (!out)
		return NULL;
	put_head(out, "cpvrrp_build_info", "gauge", "The running version.");
	fprintf(out, "cpvrrp_build_info{version=\"%s\"} 1\n", status->version);
	for (size_t i = 0; i < sizeof(per_router) / sizeof(per_router[0]); i++)
		put_routers(out, status, per_router[i].head, per_router[i].value);
	put_bands(out, status);
	put_conditions(out, status);
	put_present(out, status);
	put_elsewhere(out, status);
	put_looks(out, status);
	put_members(out, status);
	put_heard(out, status);
	put_member_messages(out, status);
	put_transitions(out, status);
	put_all_rejected(out, status);
	if (status->apiserver.tracked)
		put_apiserver(out, &status->apiserver);
	put_head(out, "cpvrrp_connections_closed_total", "counter",
		 "Connections of addresses that left this node, ended with it.");
	fprintf(out, "cpvrrp_connections_closed_total %" PRIu64 "\n", status->connections_closed);
	if (status->balance.on)
		put_balance(out, status);
	put_head(out, "cpvrrp_loop_late_seconds_max", "gauge",
		 "How late a deadline was served at worst since start.");
	fprintf(out, "cpvrrp_loop_late_seconds_max %.6f\n",
		(double)status->loop_late_max_us / SECOND_US);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
