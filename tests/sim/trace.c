/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "sim/sim.h"

#define TEXT_SIZE 128

void trace_number(struct trace *trace, uint64_t number)
{
	uint64_t hash = (trace->hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);

	trace->hash = hash ^ hash >> 29;
}

static const char *plain_words(enum record_kind kind)
{
	static const char *const words[RECORD_COUNT] = {
		[RECORD_START] = "starts",
		[RECORD_STOPPED] = "has stopped",
		[RECORD_KILLED] = "is killed",
		[RECORD_POWER_OFF] = "loses power",
		[RECORD_STALL] = "freezes",
		[RECORD_THAW] = "goes on",
		[RECORD_DROPPED] = "drops an advert: its socket is full",
		[RECORD_ADD] = "adds the addresses",
		[RECORD_ADD_FAILED] = "cannot add the addresses",
		[RECORD_REMOVE] = "removes the addresses",
		[RECORD_ANNOUNCE] = "announces",
		[RECORD_ANNOUNCE_FAILED] = "cannot announce",
		[RECORD_READDED] = "misses an address",
		[RECORD_REMOVED] = "finds an address that should not be there",
		[RECORD_EXPIRED] = "kernel: the lease of an address is over",
		[RECORD_OPENED] = "accepts",
		[RECORD_RESET] = "does not know",
		[RECORD_LEARNED] = "is where the client sends to now",
		[RECORD_FAULT_END] = "over: ",
		[RECORD_FAULT] = "fault: ",
	};

	return words[kind] ? words[kind] : "";
}

static void describe(const struct record *record, char text[TEXT_SIZE])
{
	static const char *const phases[] = {"faults", "healing", "stable", "over"};
	int64_t a = record->a, b = record->b;

	switch (record->kind) {
	case RECORD_SEND:
		snprintf(text, TEXT_SIZE, "sends priority %" PRId64 " interval %" PRId64 " cs", a,
			 b >> 16);
		break;
	case RECORD_RECEIVE:
		snprintf(text, TEXT_SIZE, "receives priority %" PRId64 " from .%" PRId64, a, b);
		break;
	case RECORD_REFUSED:
		snprintf(text, TEXT_SIZE, "refuses an advert from .%" PRId64 ": %s", b,
			 advert_refusal_name((enum advert_refusal)a));
		break;
	case RECORD_STATE:
		snprintf(text, TEXT_SIZE, "%s -> %s (%s)",
			 vrrp_state_name((enum vrrp_state)(a / 8)),
			 vrrp_state_name((enum vrrp_state)(a % 8)),
			 vrrp_why_name((enum vrrp_reason)(b / 16), (enum vrrp_fault)(b % 16)));
		break;
	case RECORD_READY:
		snprintf(text, TEXT_SIZE, "apiserver is %s", a ? "ready" : "unready");
		break;
	case RECORD_SERVED:
		snprintf(text, TEXT_SIZE, "client is %s", a ? "served" : "not served");
		break;
	case RECORD_OPENED:
	case RECORD_RESET:
		snprintf(text, TEXT_SIZE, "%s connection %" PRId64 " of slot %" PRId64,
			 plain_words(record->kind), a, b);
		break;
	case RECORD_FAULT:
	case RECORD_FAULT_END:
		snprintf(text, TEXT_SIZE, "%s%s", plain_words(record->kind),
			 fault_name((enum fault_kind)a));
		break;
	case RECORD_PHASE:
		snprintf(text, TEXT_SIZE, "phase: %s", phases[a]);
		break;
	case RECORD_START:
	case RECORD_STOPPED:
	case RECORD_KILLED:
	case RECORD_POWER_OFF:
	case RECORD_STALL:
	case RECORD_THAW:
	case RECORD_DROPPED:
	case RECORD_ADD:
	case RECORD_ADD_FAILED:
	case RECORD_REMOVE:
	case RECORD_ANNOUNCE:
	case RECORD_ANNOUNCE_FAILED:
	case RECORD_READDED:
	case RECORD_REMOVED:
	case RECORD_EXPIRED:
	case RECORD_LEARNED:
		snprintf(text, TEXT_SIZE, "%s", plain_words(record->kind));
		break;
	}
}

static void print(const struct record *record, FILE *file)
{
	char text[TEXT_SIZE], who[20] = "-";

	if (record->node >= 0 && record->family == ADDR_FAMILY_IPV6)
		snprintf(who, sizeof(who), "n%d/ipv6", record->node + 1);
	else if (record->node >= 0)
		snprintf(who, sizeof(who), "n%d", record->node + 1);
	describe(record, text);
	fprintf(file, "%6" PRId64 ".%06" PRId64 "  %-7s %s\n", record->at / SIM_S,
		record->at % SIM_S, who, text);
}

/* Golden traces leave out records that come again and again while nothing changes. */
static bool is_repetition(struct sim *sim, const struct record *record, const struct node *node)
{
	int *last = node ? &sim->trace.last_priority[node->id][record->family] : NULL;
	const struct router *router;
	int64_t due;

	if (record->kind == RECORD_RECEIVE)
		return true;
	if (record->kind == RECORD_STATE)
		*last = -1;
	if (record->kind == RECORD_ADD) {
		router = node_router(node, (enum addr_family)record->family);
		return node->watch[router->settings.family].notified == VRRP_STATE_ACTIVE &&
		       !node->watch[router->settings.family].misses;
	}
	if (record->kind != RECORD_SEND)
		return false;
	due = sim->trace.last_sent[node->id][record->family] + (record->b >> 16) * SIM_CS;
	sim->trace.last_sent[node->id][record->family] = record->at;
	if (*last == (int)record->a && record->at >= due)
		return true;
	*last = (int)record->a;
	return false;
}

void trace_note(struct sim *sim, enum record_kind kind, const struct node *node, int family,
		int64_t a, int64_t b)
{
	struct trace *trace = &sim->trace;
	struct record *record = &trace->ring[trace->count++ % SIM_RING];

	*record = (struct record){sim->now, kind, node ? node->id : -1, family, a, b};
	trace_number(trace, (uint64_t)record->at);
	trace_number(trace,
		     (uint64_t)kind << 32 | (uint64_t)(record->node + 1) << 8 | (uint64_t)family);
	trace_number(trace, (uint64_t)a << 40 ^ (uint64_t)b);
	if (trace->file && !(trace->brief && is_repetition(sim, record, node)))
		print(record, trace->file);
}

void trace_print_ring(const struct sim *sim, FILE *file)
{
	const struct trace *trace = &sim->trace;
	uint64_t first = trace->count > SIM_RING ? trace->count - SIM_RING : 0;

	for (uint64_t i = first; i < trace->count; i++)
		print(&trace->ring[i % SIM_RING], file);
}
