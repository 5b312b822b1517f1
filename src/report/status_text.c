/* SPDX-License-Identifier: Apache-2.0 */
#include "report/status_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/log.h"

#define COLUMNS 79
#define INDENT 13
#define HISTORY_LINES 5
#define DURATION_SIZE 32
#define NAME_SIZE (CONF_NAME_SIZE + sizeof("/ipv4"))

/* "0.3 s", "45 s", "2 min 3 s", "3 h 4 min", "5 d 6 h". */
static const char *duration(int64_t us, char text[DURATION_SIZE])
{
	long long s = us / SECOND_US;

	if (us < 10 * SECOND_US)
		snprintf(text, DURATION_SIZE, "%.1f s", us < 0 ? 0.0 : (double)us / SECOND_US);
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
static void put_since(FILE *out, const struct status *status, struct instant since)
{
	struct timespec wall = status_wall(status, since);
	char time[LOG_TIME_SIZE], age[DURATION_SIZE];

	fprintf(out, "since %s (%s)", log_time_format(&wall, time),
		duration(status_age_us(status, since), age));
}

/* One field, its words wrapped; an empty label continues the field before. */
__attribute__((format(printf, 3, 4))) static void put_field(FILE *out, const char *label,
							    const char *format, ...)
{
	char text[LOG_TEXT_SIZE], *rest = text, *word;
	int column = INDENT;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_clean(text);
	fprintf(out, "  %-*s", INDENT - 2, label);
	while ((word = strsep(&rest, " "))) {
		int width = (int)strlen(word);

		if (column > INDENT && column + 1 + width > COLUMNS) {
			fprintf(out, "\n%*s", INDENT, "");
			column = INDENT;
		}
		column += fprintf(out, "%s%s", column > INDENT ? " " : "", word);
	}
	fputc('\n', out);
}

/* Appends "name value" to a list, unless the value is 0. */
static void append_count(char *list, size_t size, const char *name, uint64_t value)
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
		append_count(list, sizeof(list), advert_refusal_name((enum advert_refusal)i),
			     rejected[i]);
	if (*list)
		put_field(out, label, "%s", list);
}

static void put_confinement(FILE *out, const struct confinement *confinement)
{
	char list[LOG_TEXT_SIZE] = "no capability";
	const char *name;
	size_t used = 0;

	if (!confinement->known)
		return;
	for (unsigned i = 0; (name = status_capability(confinement, i)); i++)
		if (*name)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 used ? ", " : "", name);
	put_field(out, "confined", "%s%s%s%s%s%s", list,
		  confinement->no_new_privs ? ", no new privileges" : "",
		  confinement->seccomp == CONFINE_SECCOMP_FILTER ? ", seccomp" : "",
		  confinement->landlock > 0 ? ", Landlock" : "",
		  confinement->memory_locked ? ", memory locked" : "",
		  confinement->realtime ? ", realtime" : "");
}

static void put_apiserver(FILE *out, const struct status *status)
{
	const struct status_apiserver *apiserver = &status->apiserver;
	const struct status_probes *probes = &apiserver->probes;
	char list[LOG_TEXT_SIZE] = "", left[DURATION_SIZE];

	if (!apiserver->tracked) {
		fputs("\napiserver: not tracked by any virtual router\n", out);
		return;
	}
	fprintf(out, "\napiserver: %s ", apiserver->ready ? "ready" : "not ready");
	put_since(out, status, probes->since);
	fputc('\n', out);
	put_field(out, "url", "%s", apiserver->url);
	if (!apiserver->total) {
		put_field(out, "last probe", "none has ended yet");
		return;
	}
	put_field(out, "last probe", "%s after %.1f ms; %u %s in a row",
		  health_result_name(apiserver->last_result),
		  (double)probes->last_latency_us / MILLISECOND_US, apiserver->consecutive,
		  apiserver->last_result == HEALTH_OK ? "ok" : "failed");
	if (*probes->last_error)
		put_field(out, "error", "%s", probes->last_error);
	if (apiserver->damped_left_us > 0)
		put_field(out, "damped",
			  "ready needs %u successes in a row, because readiness was lost while "
			  "Active; for another %s",
			  apiserver->successes_needed, duration(apiserver->damped_left_us, left));
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		append_count(list, sizeof(list), health_result_name((enum health_result)i),
			     probes->results[i]);
	put_field(out, "probes", "%s", list);
}

/* A wrong ca_file, url or server_name shows in the first line. */
static bool never_succeeded(const struct status_apiserver *apiserver)
{
	return apiserver->total > 0 && apiserver->probes.results[HEALTH_OK] == 0;
}

static void put_priority(FILE *out, const struct status_router *router)
{
	const char *band = status_band(router->priority);
	char left[DURATION_SIZE];

	if (router->step_down_left_us > 0)
		put_field(out, "priority", "%u (%s), stepped down for another %s", router->priority,
			  band, duration(router->step_down_left_us, left));
	else if (router->new_left_us > 0 && router->priority > PRIORITY_LEAVING)
		put_field(out, "priority", "%u (%s), as a new Active; its own is %u, in %s",
			  router->priority, band, router->own_priority,
			  duration(router->new_left_us, left));
	else
		put_field(out, "priority", "%u (%s)", router->priority, band);
}

static void put_conditions(FILE *out, const struct status_router *router)
{
	char text[STATUS_CONDITION_SIZE];

	for (size_t i = 0; i < router->conditions.count; i++) {
		const struct condition_state *state = &router->condition_states[i];

		put_field(out, i ? "" : "conditions", "%s: %s", state->unmet ? "not met" : "met",
			  status_condition(&router->conditions.list[i], state, text));
	}
}

static void put_heard(FILE *out, const struct status *status, const struct status_router *router)
{
	if (!router->heard_count)
		put_field(out, "heard", "nobody");
	for (size_t i = 0; i < router->heard_count; i++) {
		const struct router_heard *heard = &router->heard[i];
		char address[ADDR_TEXT_SIZE], age[DURATION_SIZE];

		put_field(out, i ? "" : "heard", "%s, priority %u (%s), %s ago",
			  addr_format(&heard->address, address), heard->priority,
			  status_band(heard->priority),
			  duration(status_age_us(status, heard->at), age));
	}
}

/* HOLDER: one that claims an address now and then stays in sight. */
static void put_other_holder(FILE *out, const struct status *status,
			     const struct status_router *router)
{
	char address[ADDR_TEXT_SIZE], mac[STATUS_MAC_SIZE], age[DURATION_SIZE];

	if (router->claim_count > 0)
		put_field(out, "claimed", "%s by %s, %s ago; %" PRIu64 " so far",
			  addr_format(&router->claim.address, address),
			  status_mac(router->claim.mac, mac),
			  duration(status_age_us(status, router->claimed), age),
			  router->claim_count);
}

/* What answers is no news. */
static void put_looks(FILE *out, const struct status *status, const struct status_router *router)
{
	char text[STATUS_LOOK_SIZE];

	for (size_t i = 0; i < status->look_count; i++) {
		const struct status_look *look = &status->looks[i];

		if (&status->routers[look->router] == router && look->known && !look->answers)
			put_field(out, "look", "%s", status_look_text(look, text));
	}
}

static void put_active(FILE *out, const struct status_active *active)
{
	char address[ADDR_TEXT_SIZE];

	if (!active->known)
		put_field(out, "Active", "not known");
	else if (active->self)
		put_field(out, "Active", "this node, %s", addr_format(&active->address, address));
	else
		put_field(out, "Active", "%s, priority %u (%s)%s",
			  addr_format(&active->address, address), active->priority,
			  status_band(active->priority),
			  active->stranger ? "; it sends no STATUS as the members do" : "");
}

/* The sentence for the rules of BALANCE. */
static void put_balance(FILE *out, const struct status_balance *balance)
{
	if (!balance->on)
		return;
	switch (balance->rules) {
	case STATUS_RULES_WAITING:
		fputs("\nbalance: waits until it has heard the group, or for an interface\n", out);
		break;
	case STATUS_RULES_IN_PLACE:
		fputs("\nbalance: the rules are in place\n", out);
		break;
	case STATUS_RULES_FAILED:
		fputs("\nbalance: the kernel does not take the rules; the virtual addresses work "
		      "without\n",
		      out);
		break;
	case STATUS_RULES_ENDED:
		fputs("\nbalance: ended until the daemon is started again; the virtual addresses "
		      "work without\n",
		      out);
		break;
	}
	if (*balance->reason)
		put_field(out, "error", "%s", balance->reason);
	if (balance->stuck)
		put_field(out, "tcp_loose",
			  "0: connections end when their slot gets another owner or the addresses "
			  "move");
	if (balance->lost)
		put_field(out, "lost", "%" PRIu64 " times another program has changed the rules",
			  balance->lost);
}

static void put_shares(FILE *out, const struct status_router *router)
{
	char address[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < router->share_count; i++) {
		const struct status_share *share = &router->shares[i];
		char open[48] = "";

		if (share->connections >= 0)
			snprintf(open, sizeof(open), ", %d open connections", share->connections);
		put_field(out, i ? "" : "shares", "%s %.1f %%%s%s%s",
			  addr_format(&share->address, address), 100.0 * share->slots / SLOTS_COUNT,
			  share->self ? ", this node" : "", open,
			  share->live	   ? ""
			  : share->lingers ? ", silent; its connections may go on"
					   : ", silent");
	}
}

static void put_history(FILE *out, const struct status *status, const struct status_router *router)
{
	size_t first =
		router->history_count > HISTORY_LINES ? router->history_count - HISTORY_LINES : 0;

	for (size_t i = first; i < router->history_count; i++) {
		const struct status_transition *entry = &router->history[i];
		struct timespec wall = status_wall(status, entry->at);
		char time[LOG_TIME_SIZE];

		put_field(out, i == first ? "history" : "", "%s %s -> %s (%s)",
			  log_time_format(&wall, time), vrrp_state_name(entry->from),
			  vrrp_state_name(entry->to), entry->reason);
	}
}

static const char *router_name(const struct status_router *router, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s/%s", router->instance, addr_family_name(router->family));
	return name;
}

/* What keeps a member from being ready, by what it advertises. "answering" is also the band of one
 * with a condition that is not met. */
static const char *explain_band(const struct members_member *member)
{
	if (member->leaving)
		return "leaving: its daemon ends";
	switch (priority_band(member->priority)) {
	case PRIORITY_BAND_LEAVING:
		return "leaving: it has stepped down";
	case PRIORITY_BAND_DOWN:
		return "not ready: its apiserver does not answer";
	case PRIORITY_BAND_ANSWERING:
		return "not ready: its apiserver answers, but not with 200, or a tracked file or "
		       "interface holds it back";
	case PRIORITY_BAND_READY:
		break;
	}
	return "ready";
}

static void append_deaf_to(char *list, size_t size, const struct members_member *member)
{
	char address[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < member->deaf_to_count; i++) {
		size_t used = strlen(list);

		snprintf(list + used, size - used, "%s%s", i ? ", " : "; does not hear ",
			 addr_format(&member->deaf_to[i], address));
	}
}

#define WHY_SIZE (STATUS_CONDITION_SIZE + 16)

/* Of itself this node knows more than others do. */
static const char *explain_member(const struct status_router *router,
				  const struct members_member *member, char text[WHY_SIZE])
{
	char condition[STATUS_CONDITION_SIZE];

	if (!member->self || priority_band(member->priority) != PRIORITY_BAND_ANSWERING ||
	    !*status_held_back(&router->conditions, router->condition_states, condition))
		return explain_band(member);
	snprintf(text, WHY_SIZE, "not ready: %s", condition);
	return text;
}

static void put_member(FILE *out, const struct status *status, const struct status_router *router,
		       const struct members_member *member)
{
	char why[WHY_SIZE];
	char deaf_to[LOG_TEXT_SIZE] = "", address[ADDR_TEXT_SIZE], age[DURATION_SIZE];
	char label[ADDR_TEXT_SIZE + 1]; /* a blank follows the longest address too */
	const char *when = member->self ? "this node" : age;

	duration(status_age_us(status, member->heard), age);
	append_deaf_to(deaf_to, sizeof(deaf_to), member);
	snprintf(label, sizeof(label), "%s ", addr_format(&member->address, address));
	if (!member->alive)
		put_field(out, label, "%s, last heard %s ago",
			  member->leaving ? "has left" : "gone", age);
	else
		put_field(out, label, "%s, %s, priority %u, %s%s%s", vrrp_state_name(member->state),
			  explain_member(router, member, why), member->priority, when,
			  member->self ? "" : " ago", deaf_to);
}

/* GROUP: what the nodes say of themselves. */
static void put_group(FILE *out, const struct status *status, const struct status_router *router)
{
	const struct members *members = &router->members;
	size_t alive = 0;
	char name[NAME_SIZE];

	if (!members->on)
		return;
	for (unsigned band = 0; band < PRIORITY_BAND_COUNT; band++)
		alive += members_in_band(members, (enum priority_band)band);
	fprintf(out, "\ngroup of %s: %zu member%s, %zu ready\n", router_name(router, name), alive,
		alive == 1 ? "" : "s", members_in_band(members, PRIORITY_BAND_READY));
	for (size_t i = 0; i < members->count; i++)
		put_member(out, status, router, &members->list[i]);
}

static void put_router(FILE *out, const struct status *status, const struct status_router *router)
{
	char address[ADDR_TEXT_SIZE], name[NAME_SIZE];

	fprintf(out, "\n%s: %s ", router_name(router, name), vrrp_state_name(router->state));
	put_since(out, status, router->since);
	fputc('\n', out);
	put_field(out, "why", "%s", router->explanation);
	put_active(out, &router->active);
	for (size_t i = 0; i < router->address_count; i++) {
		const struct status_address *found = &router->addresses[i];

		put_field(out, i ? "" : "addresses", "%s %s%s%s",
			  addr_format(&found->address, address),
			  found->present ? "present" : "not here",
			  *found->elsewhere ? "; wrongly on " : "", found->elsewhere);
	}
	put_priority(out, router);
	put_conditions(out, router);
	put_field(out, "interface", "%s, VRID %u, advert_int %g s",
		  *router->interface ? router->interface : "none yet", router->vrid,
		  (double)router->advert_int_us / SECOND_US);
	put_heard(out, status, router);
	put_other_holder(out, status, router);
	put_looks(out, status, router);
	put_shares(out, router);
	put_rejected(out, "rejected", router->counters.rejected);
	put_history(out, status, router);
}

static void put_summary_line(FILE *out, const struct status_router *router, int width)
{
	char name[NAME_SIZE], address[ADDR_TEXT_SIZE];

	fprintf(out, "  %-*s  ", width, router_name(router, name));
	if (router->state == VRRP_STATE_INITIALIZE)
		fprintf(out, "%s\n", router->explanation);
	else if (router->active.known && !router->active.self)
		fprintf(out, "Backup, %s is Active\n",
			addr_format(&router->active.address, address));
	else
		fprintf(out, "%s\n", vrrp_state_name(router->state));
}

/* Several routers get a line each before the details. */
static void put_summary(FILE *out, const struct status *status)
{
	char name[NAME_SIZE];
	int width = 0;

	for (size_t i = 0; i < status->router_count; i++) {
		int length = (int)strlen(router_name(&status->routers[i], name));

		width = length > width ? length : width;
	}
	fputc('\n', out);
	for (size_t i = 0; i < status->router_count; i++)
		put_summary_line(out, &status->routers[i], width);
}

char *status_text(const struct status *status)
{
	char *text = NULL, age[DURATION_SIZE];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	status_assert(status);
	if (!out)
		return NULL;
	fprintf(out, "cpvrrp %s, pid %d, up %s%s\n", status->version, (int)status->pid,
		duration(status_age_us(status, status->started), age),
		never_succeeded(&status->apiserver) ? "; no apiserver probe has succeeded yet"
						    : "");
	put_confinement(out, &status->confinement);
	put_rejected(out, "unclaimed", status->rejected);
	if (status->router_count > 1)
		put_summary(out, status);
	for (size_t i = 0; i < status->router_count; i++)
		put_group(out, status, &status->routers[i]);
	put_apiserver(out, status);
	put_balance(out, &status->balance);
	for (size_t i = 0; i < status->router_count; i++)
		put_router(out, status, &status->routers[i]);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
