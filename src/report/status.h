/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One snapshot, by value, of what a user may ask the daemon. status_json, status_text and metrics
 * print it and read nothing else, so that two forms of one moment cannot disagree. Of the report
 * this module alone reads the engine, its routers and their machines; the sentences that explain a
 * state are here too. A snapshot belongs to its caller and stays the same while the daemon goes on.
 */
#ifndef CPVRRP_REPORT_STATUS_H
#define CPVRRP_REPORT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "conf/conf.h"
#include "core/addr.h"
#include "core/advert.h"
#include "core/condition.h"
#include "core/engine.h"
#include "core/health.h"
#include "core/instant.h"
#include "core/neigh.h"
#include "core/slots.h"
#include "core/vrrp.h"
#include "os/confine.h"
#include "os/probe.h"
#include "report/members.h"

#define STATUS_ROUTERS_MAX ROUTERS_MAX
#define STATUS_LATENCY_BUCKETS 10 /* with the last one for +Inf */

/* Upper bounds of the probe's latency histogram, in microseconds; the last one is INT64_MAX. */
extern const int64_t status_latency_bounds_us[STATUS_LATENCY_BUCKETS];

/* The daemon's record of its probes. */
struct status_probes {
	struct instant since;		    /* of the present readiness */
	int last_status;		    /* HTTP, 0 if none */
	char last_error[PROBE_DETAIL_SIZE]; /* of the last probe; "" if it succeeded */
	int64_t last_latency_us;
	uint64_t results[HEALTH_RESULT_COUNT];
	uint64_t latency_count[STATUS_LATENCY_BUCKETS]; /* not cumulative */
	int64_t latency_sum_us;
};

/* Adds a probe that has ended. The caller sets `since`, because it knows when readiness changes. */
void status_probes_record(struct status_probes *probes, const struct probe_report *report);

struct status_apiserver {
	bool tracked; /* by a virtual router; the rest means nothing if not */
	char url[CONF_PATH_SIZE];
	bool ready;
	unsigned consecutive;		/* results of the kind of the last one, in a row */
	enum health_result last_result; /* meaningful once total > 0 */
	unsigned successes_needed;	/* in a row, to be ready */
	int64_t damped_left_us;		/* 0 = DAMPING does not count now */
	uint64_t total;			/* probes that have ended */
	struct status_probes probes;
};

/* BALANCE: whether the kernel has the rules. */
enum status_rules {
	STATUS_RULES_WAITING, /* to hear the group, or for an interface */
	STATUS_RULES_IN_PLACE,
	STATUS_RULES_FAILED, /* see reason */
	STATUS_RULES_ENDED,  /* the helper process has; see reason */
};
#define STATUS_RULES_COUNT (STATUS_RULES_ENDED + 1)

#define STATUS_REASON_SIZE 256

struct status_balance {
	bool on; /* a router balances; the rest means nothing if not */
	enum status_rules rules;
	char reason[STATUS_REASON_SIZE]; /* "" while nothing is wrong; clean */
	bool stuck;	   /* the kernel does not take up connections in mid-stream (tcp_loose) */
	uint64_t failures; /* transactions that the kernel did not take */
	uint64_t lost;	   /* times that another program has changed the rules */
};

/* What of a virtual router's connections one member gets. */
struct status_share {
	struct addr address;
	bool self;
	bool live;	 /* walks ask it in its turn */
	bool lingers;	 /* walks ask it at last */
	unsigned slots;	 /* of SLOTS_COUNT, for new connections */
	int connections; /* open at its address and ports; -1 = not known, as of other members */
};

struct status_address {
	struct addr address;
	bool present;			     /* on the router's interface */
	char elsewhere[CONF_INTERFACE_SIZE]; /* another one that has it; "" = none */
};

/* The Active as the state machine knows it: this node, or the router that this Backup follows. */
struct status_active {
	bool known;
	bool self;
	struct addr address;
	uint8_t priority;
	bool stranger;	      /* sends no STATUS, where others do */
	struct instant heard; /* the last advert; means nothing for this node */
};

/* A state change. The word of its reason is static, as all words here are. */
struct status_transition {
	struct instant at;
	enum vrrp_state from;
	enum vrrp_state to;
	const char *reason;
};

/* How often a state was entered for a reason. */
struct status_transition_count {
	enum vrrp_state to;
	const char *reason;
	uint64_t count;
};
#define STATUS_TRANSITION_COUNTS_MAX (VRRP_STATE_COUNT * VRRP_REASON_COUNT + VRRP_FAULT_COUNT)

/* Whether clients would get a connection, as daemon/look has seen it. */
enum status_place {
	STATUS_PLACE_HERE,    /* the Active's own look at its VIP */
	STATUS_PLACE_NETWORK, /* a Backup's look at the Active's VIP */
	STATUS_PLACE_OWN,     /* the node's address that BALANCE sends connections to */
};

struct status_look {
	size_t router; /* its place in struct status */
	enum status_place place;
	struct addr address;
	uint16_t port;
	bool known; /* the rest means nothing before */
	bool answers;
	int error; /* -errno; 0 if it answers */
};
#define STATUS_LOOKS_MAX 64
#define STATUS_LOOK_SIZE 256

#define STATUS_EXPLAIN_SIZE 128

struct status_router {
	char instance[CONF_NAME_SIZE];
	enum addr_family family;
	char interface[CONF_INTERFACE_SIZE]; /* in use, else as configured; "" = not known yet */
	uint8_t vrid;
	enum vrrp_state state;
	const char *reason;
	char explanation[STATUS_EXPLAIN_SIZE]; /* the reason as a sentence, clean */
	struct instant since;		       /* of the state */
	uint8_t priority;		       /* on the wire */
	uint8_t own_priority;		       /* by readiness alone */
	int64_t new_left_us;	   /* a new Active until then (TENURE); 0 = it is none */
	int64_t step_down_left_us; /* 0 = not stepped down */
	int64_t advert_int_us;
	size_t address_count;
	struct status_address addresses[ROUTER_ADDRESSES_MAX];
	struct status_active active;
	struct conditions conditions; /* besides the apiserver; the names are clean */
	struct condition_state condition_states[CONDITIONS_MAX]; /* the reasons are clean */
	size_t heard_count;
	struct router_heard heard[ROUTER_HEARD_MAX];
	/* Other hosts that have an address (rule HOLDER): how many claims, and the last one. */
	uint64_t claim_count;
	struct neigh_claim claim;
	struct instant claimed;
	struct members members; /* the group */
	size_t share_count;	/* 0 if it does not balance, or has no rules yet */
	struct status_share shares[SLOTS_MEMBERS_MAX];
	struct router_counters counters;
	/* The changes that can occur, and any other that has. */
	size_t transition_count;
	struct status_transition_count transitions[STATUS_TRANSITION_COUNTS_MAX];
	size_t history_count;
	struct status_transition history[ROUTER_HISTORY_MAX]; /* the oldest first */
};

struct status {
	const char *version; /* static */
	pid_t pid;
	struct instant now;   /* when the snapshot was taken */
	struct timespec wall; /* CLOCK_REALTIME at that moment */
	struct instant started;
	int64_t loop_late_max_us;    /* how late a deadline was served at worst (RFC 9568 2.5) */
	uint64_t connections_closed; /* of addresses that left (rule CLOSE) */
	struct confinement confinement;
	struct status_apiserver apiserver;
	struct status_balance balance;
	uint64_t rejected[ADVERT_REFUSAL_COUNT]; /* packets that belong to no virtual router */
	size_t look_count;
	struct status_look looks[STATUS_LOOKS_MAX];
	size_t router_count;	       /* 0..STATUS_ROUTERS_MAX */
	struct status_router *routers; /* owned; NULL if there are none */
};

/* The parts of the daemon that a snapshot is taken of. */
struct status_source {
	const struct conf *conf;
	const struct engine *engine;
	const struct health *health; /* NULL if no router tracks the apiserver */
	const struct status_probes *probes;
	const struct status_balance *balance; /* NULL if no router balances */
	/* The shares of a router's members; 0 if it does not balance. */
	size_t (*shares)(void *context, const struct router *router,
			 struct status_share list[SLOTS_MEMBERS_MAX]);
	void *shares_context;
	const struct status_look *looks;
	size_t look_count;
	struct instant started;
	int64_t loop_late_max_us;
	uint64_t connections_closed;
};

/* Takes a snapshot, which keeps nothing of source. Returns 0, or -ENOMEM. */
int status_take(const struct status_source *source, struct instant now, struct status *ret_status);
/* Frees what status_take() has allocated; status itself is the caller's. */
void status_free(struct status *status);

/* Asserts what must hold of any snapshot; the printers rely on it. */
void status_assert(const struct status *status);

/* A point on the monotonic clock as CLOCK_REALTIME, which may have been set since. */
struct timespec status_wall(const struct status *status, struct instant at);

/* The time from a point on the monotonic clock to the snapshot. */
int64_t status_age_us(const struct status *status, struct instant at);

#define STATUS_MAC_SIZE 18
/* "02:00:00:00:00:01". Returns text. */
const char *status_mac(const uint8_t mac[NEIGH_MAC_SIZE], char text[STATUS_MAC_SIZE]);
/* "waiting", "in_place", "failed", "ended". */
const char *status_rules_name(enum status_rules rules);

/* The word for the band of a priority on the wire: "ready", "answering", "down", "leaving". */
const char *status_band(uint8_t priority);

/* What the word of a refusal says, without a full stop: "none of our addresses is in it: ...". Not
 * for ADVERT_OK. */
const char *status_refusal(enum advert_refusal refusal);

#define STATUS_CONDITION_SIZE (CONDITION_NAME_SIZE + CONDITION_REASON_SIZE + 16)
/* A sentence without a full stop: "/run/cpvrrp/maintenance: new kernel", the file's first line, or
 * "... exists" if it has none; "eth1 is down"; "eth1 is up" if the condition is met. Clean. Returns
 * text. */
const char *status_condition(const struct condition *condition, const struct condition_state *state,
			     char text[STATUS_CONDITION_SIZE]);

/* The sentence of the first condition of the router that is not met; "" if all are. */
const char *status_held_back(const struct conditions *conditions,
			     const struct condition_state states[CONDITIONS_MAX],
			     char text[STATUS_CONDITION_SIZE]);
/* A sentence without a full stop on what was seen, and what may help. Returns text. */
const char *status_look_text(const struct status_look *look, char text[STATUS_LOOK_SIZE]);

/* The name of capability number i, "" if it is not permitted, NULL past the last one. */
const char *status_capability(const struct confinement *confinement, unsigned i);

/*
 * One sentence on why the router is in its state, without a full stop: "waiting for carrier on
 * eth0". Writes at most size bytes, of which STATUS_EXPLAIN_SIZE are enough, and returns text.
 */
const char *status_explain(const struct router *router, char *text, size_t size);

/*
 * The state in one line, for the service manager: "apiserver/ipv4 Active, priority 216, apiserver
 * ready", or with several routers "1 Active, 1 Backup, apiserver ready". Taken straight from the
 * engine, because it is asked for in every turn of the loop. Writes at most size bytes and returns
 * text. health as in struct status_source.
 */
const char *status_line(const struct engine *engine, const struct health *health, char *text,
			size_t size);

#endif
