/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulator of a whole segment: the daemon's engine, decoder and order of work behind `struct
 * engine_io`, on a virtual network in virtual time. A seed decides everything that happens; the
 * same seed and the same source give the same run, event for event, whatever the compiler.
 *
 *	rng		chance
 *	queue		what will happen, in order of time
 *	trace		what has happened: its hash, the last of it, its text
 *	segment		links between the nodes, and the client that uses the VIP
 *	node		one machine: kernel, apiserver, and the process with its turn
 *	rule		the names of what must be true
 *	fault		what goes wrong
 *	balancer	a node's part of BALANCE: the daemon's plan, the kernel's rules
 *	connection	the client's connections, and the way of their packets
 *	forge		adverts that no node has just sent
 *	blame		until when a fault may be felt, and where
 *	check		what must be true: safety after every event, liveness once all is well; the
 *			rules are in check_client, check_holders, check_router, check_election,
 *			check_start, check_health and check_connection
 *	run		one seed from beginning to end
 *	scenario	a run whose faults come from a text file, and its golden trace
 *
 * Times are world time in microseconds; a node has its own clock, which drifts.
 */
#ifndef CPVRRP_SIM_SIM_H
#define CPVRRP_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"
#include "core/balance.h"
#include "core/engine.h"
#include "sim/rng.h"
#include "sim/rule.h"

#define SIM_NODES_MAX 9
#define SIM_CLIENT SIM_NODES_MAX /* the client's place among the ports of the segment */
#define SIM_PORTS (SIM_NODES_MAX + 1)
#define SIM_ALL_PORTS (-1)
#define SIM_NEVER INT64_MAX
#define SIM_VRID 10
#define SIM_INTERVAL_SPREAD 4 /* the longest advert_int of a seed over its shortest */
#define SIM_MS INT64_C(1000)
#define SIM_S INT64_C(1000000)
#define SIM_CS INT64_C(10000)

#define SIM_ADDRESSES_MAX 8	  /* VIPs that an interface can hold */
#define SIM_RECEIVE_MAX 340	  /* packets in a socket: the receive buffer of os/sock */
#define SIM_DRAIN_MAX 256	  /* packets of one socket in one turn: DRAIN_MAX of daemon/io */
#define SIM_DRAIN_US SIM_MS	  /* how long it takes to read so many */
#define SIM_SOCKET_RETRY_US SIM_S /* RETRY_US of daemon/io */
#define SIM_MESSAGES_MAX 16384	  /* on the wire and in sockets */
#define SIM_STATUS_MAX 13
#define SIM_MESSAGE_SIZE GROUP_STATUS_SIZE_MAX
#define SIM_REPLAY_MAX 4 /* adverts that are kept for FAULT_REPLAY */
#define SIM_RESULTS_MAX 8
#define SIM_CONNECTIONS 8
#define SIM_FALL 3 /* of the section apiserver */
#define SIM_RISE 2
#define SIM_FAULTS_MAX 64 /* at the same time */
#define SIM_RING 40	  /* records shown when a rule is broken */
/* How late the kernel may notice that a lease is over. */
#define SIM_EXPIRY_LATE_US (100 * SIM_MS)

struct sim;

static inline int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* An event of the trace. The meaning of the numbers a and b is in trace.c. */
enum record_kind {
	RECORD_START,
	RECORD_STOPPED,
	RECORD_KILLED,
	RECORD_POWER_OFF,
	RECORD_STALL,
	RECORD_THAW,
	RECORD_SEND,
	RECORD_RECEIVE,
	RECORD_REFUSED,
	RECORD_DROPPED,
	RECORD_ADD,
	RECORD_ADD_FAILED,
	RECORD_REMOVE,
	RECORD_ANNOUNCE,
	RECORD_ANNOUNCE_FAILED,
	RECORD_STATE,
	RECORD_READDED,
	RECORD_REMOVED,
	RECORD_READY,
	RECORD_EXPIRED,
	RECORD_LEARNED,
	RECORD_SERVED,
	RECORD_OPENED,
	RECORD_RESET,
	RECORD_FAULT,
	RECORD_FAULT_END,
	RECORD_PHASE,
};
#define RECORD_COUNT (RECORD_PHASE + 1)

struct record {
	int64_t at;
	enum record_kind kind;
	int node; /* -1 = none */
	int family;
	int64_t a;
	int64_t b;
};

struct trace {
	uint64_t hash;
	uint64_t count;
	struct record ring[SIM_RING];
	FILE *file;					     /* every record as text; NULL = none */
	bool brief;					     /* without repetitions */
	int last_priority[SIM_NODES_MAX][ADDR_FAMILY_COUNT]; /* brief: last one shown, -1 = none */
	int64_t last_sent[SIM_NODES_MAX][ADDR_FAMILY_COUNT];
};

enum event_kind {
	EVENT_ADVERT,	    /* arg: the message */
	EVENT_ANNOUNCEMENT, /* arg: node * 2 + family, for the client */
	EVENT_START,	    /* arg: node */
	EVENT_NEXT_FAULT,
	EVENT_FAULT_END,    /* arg: the fault */
	EVENT_FAULT_REPEAT, /* arg: the fault */
	EVENT_SIGNAL,	    /* arg: node; a second SIGTERM */
	EVENT_SCRIPT,	    /* arg: the command */
	EVENT_CLIENT,	    /* its connections */
	EVENT_PHASE,
};

struct event {
	int64_t at;
	uint32_t order; /* of equals, the first pushed is the first popped */
	enum event_kind kind;
	unsigned arg;
};

struct queue {
	size_t count;
	uint32_t order;
	struct event heap[SIM_MESSAGES_MAX + 4 * SIM_FAULTS_MAX];
};

/* One copy of an advert, on the wire or in a socket. */
struct message {
	int to;
	unsigned next;		     /* in the free list, or in the socket */
	bool genuine;		     /* as a node of ours has just sent it */
	bool must_refuse;	     /* an acceptance would be wrong */
	enum priority_tenure tenure; /* of the Active that sent it; meaningful if it is genuine */
	uint64_t serial;	     /* of a STATUS: the number of its sender's */
	struct addr source;
	struct addr destination;
	unsigned hops;
	bool oversized;
	size_t size;
	uint8_t bytes[SIM_MESSAGE_SIZE];
};

/* GROUP */
static inline bool message_is_status(const struct message *message)
{
	return message->bytes[0] % 16 == 15 && message->bytes[1] == 0;
}

/* As RFC 9568 5.2 has them, read here on their own. */
static inline uint8_t message_priority(const struct message *message)
{
	return message->bytes[2];
}

static inline int64_t message_interval_us(const struct message *message)
{
	return (message->bytes[4] << 8 | message->bytes[5]) * SIM_CS;
}

struct link {
	bool cut;
	unsigned loss; /* permille, and so the next two */
	unsigned duplicate;
	unsigned corrupt;
	int64_t delay_us;
	int64_t jitter_us;
	bool reorders;
	int64_t last_at; /* the last arrival; unless the link reorders, the next one is later */
};

/* A client of the VIP beyond the nodes. A client believes the last announcement that it heard and
 * never asks again, so that every announcement that matters must reach it. */
struct client {
	int entry; /* the node it sends to, -1 = none yet */
	bool served;
	int64_t since; /* it is, or is not */
	bool held;     /* by some node that it could reach, whether it knows or not */
	int64_t held_since;
};

/* BALANCE: a connection of the client to the VIP of the elected family. */
struct connection {
	int server; /* the node that it lives on, -1 = it is not open */
	unsigned slot;
};

struct segment {
	int64_t delay_us;
	int64_t jitter_us;
	struct link links[SIM_PORTS][SIM_PORTS]; /* [from][to] */
	struct message messages[SIM_MESSAGES_MAX];
	unsigned free;
	unsigned replay_count; /* ever; the last SIM_REPLAY_MAX are kept */
	struct message replay[SIM_REPLAY_MAX];
};

struct kernel_address {
	struct addr address;
	uint8_t family;
	int64_t expires; /* SIM_NEVER = it stays */
	int64_t lease_us;
	bool left_over; /* of an earlier process, which may have had another file */
};

struct socket {
	unsigned first;
	unsigned last;
	unsigned count;
};

/* Everything outside the process. */
struct kernel {
	bool exists; /* the interface */
	int ifindex;
	bool up;
	unsigned downs; /* the number of faults that keep it down */
	uint32_t carrier_changes;
	uint32_t carrier_seen; /* by the process */
	bool primary_present[ADDR_FAMILY_COUNT];
	unsigned primary_changed[ADDR_FAMILY_COUNT]; /* the number of faults that make it another */
	size_t address_count;
	struct kernel_address addresses[SIM_ADDRESSES_MAX];
	bool changed; /* a netlink message waits for the process */
	bool meddled; /* changed, and not by the process itself */
	int64_t next_expiry;
	int64_t expired_lease_us; /* of the address whose lease was over last */
	int64_t add_slow_max_us;  /* 0 = it is not */
	unsigned add_fails;	  /* the number of faults that make it so; and so the next */
	unsigned send_fails;
	unsigned socket_fails;
	unsigned announce_fails; /* and the process is told */
	unsigned announce_lost;	 /* and it is not */
	struct socket sockets[ADDR_FAMILY_COUNT];
};

enum apiserver {
	APISERVER_UP,
	APISERVER_REFUSED,
	APISERVER_HANGING,
	APISERVER_ERROR,
};
#define APISERVER_COUNT (APISERVER_ERROR + 1)

enum life {
	LIFE_OFF,     /* no power */
	LIFE_KILLED,  /* the machine runs, the process does not */
	LIFE_RUNNING, /* perhaps frozen */
};

/* The file of a node. */
struct settings {
	uint16_t advert_int_cs;
	uint8_t priority; /* 0 = auto */
	enum vrrp_preempt preempt;
	int64_t preempt_delay_us;
	enum advert_checksum checksum;
	unsigned address_lease_s;
	unsigned announce_refresh_s;
	unsigned vip_count; /* of each family */
	bool unicast;
};

/* The Active that a Backup knows, by its last advert that counts: all that the Backup read since it
 * entered its state, but for those of a lower band beside a better Active. */
struct known_active {
	/* The following fields are meaningful: there is one, and no priority 0 came since. */
	bool known;
	struct addr source;
	enum priority_band band;
	int64_t interval_us;
	struct instant at;
	/* The first advert of a new Active: its interval is not believed yet (BOUNDS). */
	bool first;
	/* Active_Down_Timer counts from the advert: the Backup could not preempt the sender. */
	bool followed;
};

/* What a source has said of its end (rule BOUNDS), by the reader's clock; INSTANT_NEVER = not. */
struct leave {
	struct instant at; /* it stopped or leaves, and has said nothing else since */
	struct instant retracted, retracted_before;
};

/* The memory of check_router and check_election about a router. */
struct watch {
	/* The state that the router notified last. */
	enum vrrp_state notified;
	/* The source of the last advert; noted by node.c, as are the next two. */
	struct addr last_source;
	/* The router has announced the addresses since it added them. */
	bool announced;
	/* An address is missing and the process knows: it was taken away, or the file is new. */
	bool misses;

	/* By the last byte of the source. */
	struct leave leaves[256];

	/* The router leaves (HANDOVER). */
	bool leaving;
	/* The router has stepped down and has not noticed the end of the hold. */
	bool held;
	/* preempt_delay is over, counted from the start or from becoming ready. */
	struct instant preempt_from;
	/* The fault that the router notified last. */
	enum vrrp_fault fault;
	/* It began to listen: it has started, or a fault has gone that kept it from hearing. */
	struct instant listens_from;
	/* How long this Active has served, as far as it has noticed (TENURE). */
	enum priority_tenure tenure;
	/* The takeover; meaningful unless tenure is long. */
	struct instant active_from;
	/* World time; SIM_NEVER = the node does not hold the VIP. */
	int64_t holds_since;
	/* The process that ended last was killed as Active, and did not leave. */
	bool killed_active;
	/* RESUME: the router goes on as Active and has not had a turn since. */
	bool resumed;

	/* As it was before the call in progress. */
	struct {
		/* The adverts that were sent or failed. */
		uint64_t adverts;
		bool leaving;
		/* The hold is over, and the call makes the router notice. */
		bool hold_ends;
		/* The router is Active, with this tenure. */
		bool active;
		enum priority_tenure tenure;
	} before_call;

	/* As it was before the packet in progress. */
	struct {
		/* The router's own, on the wire. */
		uint8_t priority;
		struct instant active_down;
		/* An Active whose claim has expired; or may have. */
		bool expired;
		bool may_expire;
		bool leaving;
		/* A Backup that may preempt the sender. */
		bool preempts;
		enum vrrp_state state;
	} before_packet;

	/* The last advert on the wire; at a takeover, the takeover itself if the advert failed. The
	 * priority is that of the last attempt. */
	struct {
		uint8_t priority;
		/* The interval that it carried. */
		int64_t interval_us;
		/* The time of the turn that sent it. */
		struct instant at;
		/* The same, and how long the turn had waited for the kernel before it. */
		struct instant left_at;
		/* Of the last advert on the wire. */
		enum priority_band band;
		/* World time of an Active's last advert with a lower priority than the one before,
		 * but for 0 and 1; 0 = there was none. */
		int64_t lowered_at;
	} said;

	/* The adverts of Adver_Timer, since the takeover or a change of the interval. */
	struct {
		int64_t adverts;
		struct instant from;
		int64_t interval_us;
	} schedule;

	/* The router's last announcement. */
	struct instant announced_at;
	/* The carrier of an Active went and came back, seen in this turn. */
	bool disturbed;
	/* The last addition that failed was a refresh: all addresses were there. */
	bool refresh_failed;
	/* Since when the process knows that the address to send from is gone; never: it is there.
	 */
	struct instant own_gone_at;
	/* The interface went or blinked meanwhile. */
	bool own_gone_hard;

	/* A deadline that is in the past when a turn ends. */
	struct {
		/* Turns in a row that had drained the sockets and left one. */
		unsigned drained_turns;
		/* Turns in a row, drained or not, that left the same one. */
		unsigned turns;
		/* The one that the last turn left, or the next one. */
		struct instant deadline;
	} overdue;

	/* The last advert of a ready Active that is in the socket of this Backup or was read. */
	struct {
		/* The following fields are meaningful; nothing has undone the advert. */
		bool known;
		/* There was one, and an excuse has undone it. */
		bool waived;
		/* The advert was read; heard.best tells what it meant. */
		bool read;
		struct addr source;
		struct instant at;
		int64_t interval_us;
		uint8_t priority;
		/* The highest ready priority of this router since then. */
		uint8_t own_priority;
	} active;

	/* The adverts that were read since the router entered its state. */
	struct {
		/* One was preemptible for this Backup. */
		bool preemptible;
		/* One carried priority 0. */
		bool stop;
		/* The first of those. */
		struct instant stop_at;
		/* The best one is said to leave since it was heard, which is doubted. */
		bool doubted;
		/* When the takeover was due before it. */
		struct instant stop_down;
		/* The priority of the last advert; UINT8_MAX = there was none. */
		uint8_t last_priority;
		struct known_active best;
	} heard;
};

/* BALANCE: the rules of a kernel. */
struct rules {
	bool in_place;
	struct balance_view view; /* this node is number 0 */
	bool forwards;
	int64_t forward_us;	/* while nothing renews them */
	int64_t forwards_until; /* the ends of the leases, in world time */
	int64_t serves_until;	/* of walk and translation */
};

/* daemon/balancer */
struct balancer {
	struct balance balance;
	struct instant settled;
	bool active;
	bool takes_over;
	struct instant left;
	bool installed; /* the rules are those of this process */
	bool again;	/* another turn is needed at once */
	struct instant renew;
	bool busy;    /* the process waits for the helper */
	bool sending; /* the kernel has not got it yet */
	int64_t busy_until;
	int64_t stuck_at; /* the last turn without an own address; 0 = none */
	struct rules plan;
	struct rules sent;
};

/* The memory of check_group about the last STATUS that a process accepted from one address. */
struct told {
	struct addr source;
	uint64_t serial;
	struct instant at;
	/* STATUS messages came without a gap since then. */
	struct instant since;
	/* The addresses that it lists, by their last byte. */
	unsigned heard_count;
	uint8_t heard[GROUP_STATUS_HEARD_MAX];
	/* The last one that said that its sender balances; never: none did. */
	struct instant balanced_at;
};

struct heard {
	unsigned count;
	struct told list[2 * SIM_NODES_MAX]; /* a node may have two addresses */
};

/* The memory of check_health about a process. */
struct probe_watch {
	/* No result was a success yet. */
	bool first;
	/* Successes in a row. */
	unsigned successes;
	/* DAMPING: losses of readiness while Active, each within ten minutes of the one before. */
	unsigned losses;
	struct instant lost_at;
	/* As it was before the result in progress. */
	bool was_ready;
	bool was_active;
};

struct node {
	struct engine_io io; /* first */
	struct sim *sim;
	int id;
	enum life life;
	struct settings settings;
	struct kernel kernel;
	enum apiserver apiserver;
	int64_t clock_offset_us;
	int64_t clock_ppm;

	/* The process. */
	struct engine engine;
	int64_t thaw_at;    /* frozen until then; 0 = it is not */
	int64_t frozen_at;  /* or dead */
	int64_t thawed_at;  /* or started */
	int64_t changed_at; /* started, ended, frozen or thawed */
	int64_t moved_at;   /* its own address has become another one; 0 = never */
	int64_t wake_at;    /* the next turn */
	int64_t probe_at;   /* the next result */
	int socket_ifindex[ADDR_FAMILY_COUNT]; /* the raw socket's; 0 = closed */
	struct instant socket_retry;
	int64_t late_max_us;	       /* by a fault; 0 = by none */
	enum advert_refusal refusal;   /* of the last packet */
	bool doubted;		       /* the last packet was not believed (BOUNDS) */
	const struct message *message; /* in progress; NULL = none */
	int64_t waited_us;	       /* for the kernel, in this turn */
	bool listened;		       /* the sockets have been read in this turn, or need not be */
	int64_t busy_until;	       /* and so the turn goes on until then */

	/* Noted for the next turn. */
	bool reload;
	unsigned result_count; /* of the probe */
	enum health_result results[SIM_RESULTS_MAX];
	int64_t step_down_us;
	bool shutdown;
	int64_t restart_at;	   /* or later, when it has stopped */
	struct vrrp_claim claim;   /* os/resume: in the file; interval_cs 0 = none */
	bool claim_lost;	   /* the file is gone, or of another boot */
	struct instant held_until; /* it has stepped down */
	struct instant stop_by;	   /* it shuts down */

	int64_t next;	  /* when something happens here */
	int64_t clean_at; /* no fault of its own from then on */
	struct watch watch[ADDR_FAMILY_COUNT];
	struct probe_watch probed;
	struct balancer balancer;
	struct rules rules;
	struct heard told;
	struct heard told_before; /* of the process that made the rules, if not of this one */
	uint64_t status_told;	  /* of the last message, by the counters */
	uint64_t status_serial;
	unsigned status_count;		   /* STATUS messages ever */
	int64_t status_at[SIM_STATUS_MAX]; /* when the last ones were sent */
};

enum fault_kind {
	FAULT_KILL,
	FAULT_POWER,
	FAULT_STOP,
	FAULT_STALL,
	FAULT_LATE,
	FAULT_CUT,
	FAULT_CUT_ONE_WAY,
	FAULT_PARTITION,
	FAULT_LOSS,
	FAULT_DELAY,
	FAULT_DUPLICATE,
	FAULT_CORRUPT,
	FAULT_APISERVER,
	FAULT_ALL_APISERVERS,
	FAULT_FLAP,
	FAULT_STEP_DOWN,
	FAULT_RELOAD,
	FAULT_ADD_FAILS,
	FAULT_ADD_SLOW,
	FAULT_SEND_FAILS,
	FAULT_SOCKET_FAILS,
	FAULT_ANNOUNCE_FAILS,
	FAULT_ANNOUNCE_LOST,
	FAULT_LINK_DOWN,
	FAULT_BLINK,
	FAULT_INTERFACE_GONE,
	FAULT_ADDRESS_GONE,
	FAULT_ADDRESS_CHANGED,
	FAULT_VIP_DELETED,
	FAULT_VIP_ADDED,
	FAULT_FOREIGN,
	FAULT_FLOOD,
	FAULT_FORGE_REFUSED,
	FAULT_FORGE_ACCEPTED,
	FAULT_REPLAY,
};
#define FAULT_COUNT (FAULT_REPLAY + 1)

struct fault {
	bool on;
	enum fault_kind kind;
	int node;
	int other;     /* another port, or SIM_ALL_PORTS */
	unsigned side; /* PARTITION: the ports of one side, as bits */
	int64_t duration_us;
	int64_t amount; /* kind-specific: permille, microseconds, enum apiserver, or as follows */
	unsigned family;
};

/* The amount of FAULT_STOP: whether a second SIGTERM comes, of FAULT_KILL: whether the file with
 * the claim is gone too, and of FAULT_LINK_DOWN: whether the interface is set down, or has no
 * carrier. */
#define SIM_STOP_TWICE 2
#define SIM_KILL_LOSES_CLAIM 2
#define SIM_LINK_SET_DOWN 1
/* The amount of FAULT_CUT_ONE_WAY: one link, or all that lead to a node or from it. */
#define SIM_CUT_LINK 1
#define SIM_CUT_DEAF 2
#define SIM_CUT_MUTE 3

/* The amount of FAULT_RELOAD: a set of what the new file changes. */
enum reload_change {
	RELOAD_ADVERT_INT = 1 << 0,
	RELOAD_PRIORITY = 1 << 1,
	RELOAD_PREEMPT = 1 << 2,
	RELOAD_ADDRESSES = 1 << 3,
	RELOAD_PREEMPT_DELAY = 1 << 4,
	RELOAD_ADDRESS_LEASE = 1 << 5,
	RELOAD_ANNOUNCE_REFRESH = 1 << 6,
};
#define RELOAD_EVERYTHING (2 * RELOAD_ANNOUNCE_REFRESH - 1)

/* The amount of FAULT_FORGE_REFUSED: what is wrong with the advert. */
enum forge_defect {
	FORGE_ADDRESSES, /* of another virtual router */
	FORGE_HOPS,
	FORGE_CUT_SHORT,
	FORGE_VERSION,
	FORGE_CHECKSUM,
	FORGE_OVERSIZED,
	FORGE_TINY,
	FORGE_INTERVAL,
	FORGE_NOT_A_PEER,
	FORGE_VRID,
	FORGE_NOTHING, /* of other kinds of faults only */
};

enum phase {
	PHASE_FAULTS,
	PHASE_HEALING, /* no new faults; the consequences of the old ones wear off */
	PHASE_STABLE,
	PHASE_OVER,
};

struct check {
	bool broken;
	enum sim_rule rule; /* meaningful once one is broken */
	char detail[160];
	int64_t held_from;    /* some node must hold the VIP from then on, */
	int64_t served_from;  /* and the client must send to it */
	int64_t faults_until; /* the last fault that has begun is over */
	int64_t slack_us;     /* for packets and wake-ups on a healthy segment */
	int64_t grace_us;     /* an outage that needs no excuse */
	int64_t links_clean_at[SIM_PORTS][SIM_PORTS];
	int64_t meddled_at;			 /* the last packet from an attacker */
	unsigned holders[ADDR_FAMILY_COUNT];	 /* nodes that hold the VIP, as bits */
	int64_t unexcused_us[ADDR_FAMILY_COUNT]; /* not served, in all */
	int64_t causes;				 /* events that may have made the VIP move */
	int64_t outage_worst_us;
};

struct scenario;

struct sim {
	uint64_t seed;
	int64_t now;
	enum phase phase;
	int64_t interval_max_us; /* that any router may count with */
	int64_t interval_min_us;
	uint16_t interval_base_cs;
	unsigned families; /* as bits */
	int node_count;
	bool exact; /* scenario: no chance anywhere */
	struct rng network;
	struct rng machine;
	struct rng chaos;
	struct rng client;
	struct queue queue;
	struct trace trace;
	struct segment segment;
	struct client clients[ADDR_FAMILY_COUNT];
	struct connection connections[SIM_CONNECTIONS];
	struct node nodes[SIM_NODES_MAX];
	struct fault faults[SIM_FAULTS_MAX];
	unsigned fault_weight[FAULT_COUNT];
	int64_t fault_gap_us;
	int64_t faults_end;
	int64_t events;
	const struct scenario *scenario;
	struct check check;
	struct rule_count counts[RULE_COUNT]; /* since sim_new() */
	struct conf *conf;		      /* scratch */
	struct router before;		      /* scratch */
	struct interface view;		      /* scratch */
};

/* queue */
void queue_push(struct queue *queue, int64_t at, enum event_kind kind, unsigned arg);
int64_t queue_next(const struct queue *queue); /* SIM_NEVER if it is empty */
struct event queue_pop(struct queue *queue);

/* trace */
void trace_note(struct sim *sim, enum record_kind kind, const struct node *node, int family,
		int64_t a, int64_t b);
void trace_number(struct trace *trace, uint64_t number); /* into the hash only */
void trace_print_ring(const struct sim *sim, FILE *file);

/* segment */
void segment_init(struct sim *sim);
void segment_release(struct sim *sim, unsigned message);
void segment_send(struct sim *sim, const struct node *from, const struct message *message);
void segment_put(struct sim *sim, const struct message *message, int64_t at);
void segment_announce(struct sim *sim, const struct node *from, enum addr_family family);
void segment_learn(struct sim *sim, int node, enum addr_family family);
void segment_look(struct sim *sim); /* whether the client is served now */
bool segment_hears(const struct sim *sim, int from, int to);

/* node */
struct addr node_address(const struct sim *sim, int node, enum addr_family family);
struct addr node_primary(const struct node *node, enum addr_family family); /* now */
struct addr node_vip(const struct sim *sim, enum addr_family family, unsigned number);
void node_init(struct sim *sim, int id);
void node_start(struct node *node);
void node_kill(struct node *node);
void node_lose_claim(struct node *node); /* the file of os/resume */
void node_power_off(struct node *node);
void node_freeze(struct node *node, int64_t until);
void node_signal(struct node *node);   /* SIGTERM */
void node_wake(struct node *node);     /* soon: something waits for the process */
void node_schedule(struct node *node); /* after any change of what it waits for */
void node_run(struct node *node);      /* what is due on it */
void node_receive(struct node *node, unsigned message);
void node_fini(struct node *node);
struct instant node_clock(const struct node *node, int64_t at);
struct router *node_router(const struct node *node, enum addr_family family);
bool node_is_awake(const struct node *node);
enum addr_family node_elected(const struct sim *sim); /* of every router */
bool node_tells(const struct node *node);	      /* GROUP: it sends STATUS messages */
void node_delete_vip(struct node *node, enum addr_family family);
void node_add_vip(struct node *node, enum addr_family family);
void node_kernel_changed(struct node *node);
bool node_holds(const struct node *node, const struct addr *address);

/* balancer */
bool balancer_is_on(const struct node *node);
void balancer_start(struct node *node, struct instant now);
void balancer_turn(struct node *node, struct instant now); /* last in a turn */
void balancer_take_over(struct node *node);		   /* before the announcement */
struct instant balancer_deadline(const struct node *node, struct instant now);
const struct rules *balancer_rules(struct node *node); /* of the kernel, now */
bool rules_forward(const struct rules *rules, int64_t now);
bool rules_serve(const struct rules *rules, int64_t now);

/* connection */
void connection_begin(struct sim *sim);
void connection_turn(struct sim *sim); /* the client sends something on each */
void connection_end_all(struct sim *sim, const struct node *node); /* those that live there */
bool connection_goes_on(struct sim *sim, unsigned number); /* its next packet is delivered */
int connection_would_open(struct sim *sim, unsigned slot); /* on which node, -1 = none */

/* fault */
const char *fault_name(enum fault_kind kind);
void fault_profile(struct sim *sim); /* everything that the seed decides beforehand */
void fault_next(struct sim *sim);
void fault_begin(struct sim *sim, const struct fault *fault);
void fault_repeat(struct sim *sim, unsigned number);
void fault_end(struct sim *sim, unsigned number);
void fault_links(struct sim *sim); /* the state of all links, from the faults that are on */

/* forge */
void forge_adverts(struct sim *sim, const struct fault *fault); /* one for each family */
void forge_replay(struct sim *sim, const struct fault *fault);

/* blame */
void blame_fault(struct sim *sim, const struct fault *fault); /* it is about to begin */
bool blame_lasts(enum fault_kind kind);			      /* until EVENT_FAULT_END */
bool blame_is_on_links(enum fault_kind kind);

/* check */
void check_broken(struct sim *sim, enum sim_rule rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Counts an evaluation of the rule; false, and counted too, if it is excused. */
static inline bool check_applies(struct sim *sim, enum sim_rule rule, bool excused)
{
	struct rule_count *count = &sim->counts[rule];

	count->evaluated++;
	count->excused += excused;
	return !excused;
}
void check_init(struct sim *sim, int64_t started); /* when the last node has */
void check_cause(struct sim *sim);		   /* the VIP may move: a grace more */
void check_excuse(struct sim *sim, int64_t until); /* any outage */
void check_time(struct sim *sim, int64_t next);	   /* nothing happens until then */
void check_send(struct node *node, const struct router *router, uint8_t priority, bool sent);
enum priority_tenure check_tenure_said(const struct node *node, const struct router *router,
				       uint8_t priority);
void check_announce(struct node *node, const struct router *router);
void check_add_failed(struct node *node, const struct router *router);
void check_notify(struct node *node, const struct router *router,
		  const struct router_transition *transition);
void check_killed(struct node *node); /* about to be */
void check_starts(struct node *node); /* about to */
void check_started(struct node *node, struct instant now);
void check_heard(struct node *node, const struct message *message);
void check_waive_heard(struct watch *watch); /* a reload may undo the last advert */
void check_packet_before(struct node *node, struct instant now, const struct message *message);
void check_packet_after(struct node *node, struct instant now, const struct message *message);
/* Around calls that may each make a router send one advert per event. */
void check_adverts_begin(struct node *node, struct instant now);
void check_adverts_end(struct node *node, unsigned events);
void check_timers_end(struct node *node, struct instant now);
/* About to be carried out; band_rose: by the results of the probe, which have been. */
void check_requests(struct node *node, struct instant now, bool band_rose);
void check_probe_starts(struct node *node);
/* Around a result of the probe. */
void check_probe_before(struct node *node);
void check_probe_after(struct node *node, struct instant now, enum health_result result);
void check_turn_end(struct node *node, struct instant now, bool drained);
void check_expired(struct node *node);
void check_interface(struct node *node); /* the process is about to learn what the kernel has */
void check_status(struct node *node, struct instant now, const struct packet *packet,
		  uint64_t serial);
void check_status_sent(struct node *node, const struct router *router);
/* A packet of an open connection arrived; visited: the nodes that it came by, as bits; last: the
 * one that answered, with RST if it is not the connection's own. */
void check_packet_kept(struct sim *sim, const struct connection *connection, unsigned visited,
		       int last);
/* It went from node to node so often; most: as the first one that did not know it counts. */
void check_walk(struct sim *sim, unsigned passed, unsigned most);
void check_connections(struct sim *sim); /* all is well */
void check_holders(struct node *node);
void check_stable_begin(struct sim *sim);
void check_stable_end(struct sim *sim);

/* run */
struct outcome {
	bool failed;
	uint64_t hash;
	int64_t virtual_us;
	int64_t events;
	int64_t outage_worst_us;
};

struct sim *sim_new(void);
void sim_free(struct sim *sim);
struct outcome sim_run_seed(struct sim *sim, uint64_t seed, FILE *trace);
void sim_reset(struct sim *sim, uint64_t seed);
void sim_run_until(struct sim *sim, int64_t end);
/* Every golden scenario of a directory; 0 if all traces are what they were. */
int scenario_check(struct sim *sim, const char *directory);
/* One scenario with its trace on standard output, as a golden file. */
int scenario_print(struct sim *sim, const char *path);
void scenario_command(struct sim *sim, unsigned number);

#endif
