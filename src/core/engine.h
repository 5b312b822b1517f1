/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All virtual routers of the node: which one a packet belongs to, whether it is refused, what its
 * state machine does, and the counters and history of it. It owns the routers; what they do to the
 * world goes through `struct host`, which daemon/io and the simulator implement.
 *
 * The order of a turn (rule SOCKETS FIRST) is the caller's: engine_interface() for what netlink
 * said, engine_packet() for everything the sockets hold, engine_ready(), engine_step_down() and
 * engine_shutdown(), and engine_timers() last.
 */
#ifndef CPVRRP_CORE_ENGINE_H
#define CPVRRP_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/addr.h"
#include "core/advert.h"
#include "core/health.h"
#include "core/instant.h"
#include "core/vrrp.h"

#define ENGINE_ADDRESSES_MAX (CONF_ADDRESSES_MAX + 1) /* the derived link-local one */
#define ENGINE_HEARD_MAX 16
#define ENGINE_HISTORY_MAX 32
#define ENGINE_UNDRAINED_MAX                                                                       \
	3 /* turns that may end at the receive bound before timers run all the same */
#define ENGINE_SEND_FAILURES_MAX                                                                   \
	3 /* adverts in a row that could not be sent; if another Active cannot be answered then,   \
	     the role is given up */
#define ENGINE_INTERVAL_FACTOR 10 /* BOUNDS: an interval up to so many times our own is adopted */
/* Every VIP there can be, and the node's own addresses. */
#define ENGINE_INTERFACE_ADDRESSES_MAX (CONF_INSTANCES_MAX * ENGINE_ADDRESSES_MAX + 128)

/* An interface as netlink shows it. */
struct interface_address {
	struct addr address;
	uint8_t prefix_length;
	bool deprecated; /* or tentative: not to be used as a source */
};

struct interface {
	char name[CONF_INTERFACE_SIZE];
	int index; /* 0 = does not exist (yet) */
	bool up;   /* administratively up, with carrier */
	uint8_t mac[6];
	uint32_t carrier_changes; /* IFLA_CARRIER_CHANGES */
	size_t address_count;
	struct interface_address addresses[ENGINE_INTERFACE_ADDRESSES_MAX];
};

struct router_counters {
	uint64_t adverts_sent;
	uint64_t adverts_received; /* accepted */
	uint64_t priority_zero_sent;
	uint64_t priority_zero_received;
	uint64_t checksum_rfc5798_received;
	uint64_t interval_differs; /* accepted, with another interval than ours (RFC 9568 7.1) */
	uint64_t addresses_differ; /* accepted, with another list than ours (RFC 9568 7.1) */
	uint64_t send_failures;
	uint64_t add_failures;
	uint64_t announcements;
	uint64_t announce_failures;
	uint64_t vip_readded;
	uint64_t transitions[VRRP_STATE_COUNT][VRRP_REASON_COUNT]; /* by the state entered */
	uint64_t rejected[ADVERT_REFUSAL_COUNT];
};

/* Another router whose adverts were accepted. */
struct router_heard {
	struct addr address;
	uint8_t priority;
	struct instant at;
};

struct router_transition {
	struct instant at;
	enum vrrp_state from;
	enum vrrp_state to;
	enum vrrp_reason reason;
};

struct router {
	/* Identity: a change of any of these makes another router. */
	char instance[CONF_NAME_SIZE];
	char interface[CONF_INTERFACE_SIZE]; /* as configured, "" = auto */
	enum addr_family family;
	uint8_t vrid;

	/* The rest of the configuration; changes in place. */
	uint8_t ready_priority_configured; /* 0 = auto */
	bool track_apiserver;
	bool unicast;
	enum advert_checksum checksum;
	struct addr unicast_src_ip;
	size_t address_count;
	struct addr addresses[ENGINE_ADDRESSES_MAX];
	bool link_local_derived; /* the first address is, and not from the file */
	size_t peer_count;
	struct addr peers[CONF_PEERS_MAX]; /* of this family */

	/* The interface in use. */
	char interface_name[CONF_INTERFACE_SIZE]; /* "" while auto has found none */
	int ifindex;
	uint8_t mac[6];
	uint32_t carrier_changes;
	bool interface_known;	     /* engine_interface() was called */
	enum vrrp_reason link_fault; /* of the interface; VRRP_REASON_STARTUP = none */
	bool socket_closed;	     /* the raw socket could not be opened */
	struct addr primary;	     /* found on it; unspecified = none */
	struct addr auto_address;    /* what priority = auto is made of; unspecified = none yet */

	struct vrrp vrrp;
	uint8_t ready_priority; /* 155..254 */
	bool present[ENGINE_ADDRESSES_MAX];
	unsigned send_failures_in_row;

	enum vrrp_state notified; /* the state last told to the host */
	struct instant since;
	struct router_counters counters;
	size_t heard_count;
	struct router_heard heard[ENGINE_HEARD_MAX];
	bool active_known;
	struct router_heard active_router; /* the last one whose advert this Backup followed */
	uint64_t history_count;		   /* ever; the last ENGINE_HISTORY_MAX are kept */
	struct router_transition history[ENGINE_HISTORY_MAX];

	struct router *next_same_vrid;
};

/* Things worth a line in the log that are no transition. */
enum engine_trace {
	ENGINE_TRACE_REFUSED,	       /* see refusal */
	ENGINE_TRACE_INTERVAL_DIFFERS, /* accepted, RFC 9568 7.1 */
	ENGINE_TRACE_ADDRESSES_DIFFER, /* accepted, RFC 9568 7.1 */
	ENGINE_TRACE_PRIORITY_OWNER,   /* 255 heard: an address owner, or two of them (8.3.2) */
	ENGINE_TRACE_READDED,	       /* an address was gone and is back */
	ENGINE_TRACE_REMOVED,	       /* an address was there while not Active */
};

/*
 * What a virtual router can do to the world. All calls are synchronous, but for the renewal of
 * leases. packet is NULL where there is none. router is NULL for a packet that belongs to no
 * virtual router.
 */
struct host {
	/* One copy of an advert; false if the kernel did not take it. */
	bool (*send_advert)(struct host *host, const struct router *router,
			    const struct addr *source, const struct addr *destination,
			    const uint8_t *bytes, size_t size);
	/* Adds every address that is not present; false, with none added by this call left, if one
	 * cannot be. Renews the lease of the others, on which nothing depends yet: there is time
	 * for another attempt. *ret_took_us is how long that kept the caller waiting. */
	bool (*add)(struct host *host, const struct router *router, int64_t *ret_took_us);
	/* Removes these addresses where they are on the router's interface, whatever the prefix
	 * length. */
	void (*remove)(struct host *host, const struct router *router, const struct addr *addresses,
		       size_t count);
	/* Tells the neighbours about every address; false if one could not be told. */
	bool (*announce)(struct host *host, const struct router *router);
	void (*notify)(struct host *host, const struct router *router,
		       const struct router_transition *transition);
	void (*trace)(struct host *host, const struct router *router, enum engine_trace what,
		      enum advert_refusal refusal, const struct packet *packet);
};

struct engine {
	struct host *host;
	size_t router_count;
	struct router *
		*routers; /* owned; a pointer stays valid until the router is dropped by a reload */
	struct router *by_vrid[ADDR_FAMILY_COUNT][256];
	bool ready; /* of the local apiserver */
	bool shutting_down;
	unsigned undrained;			 /* turns in a row */
	uint64_t rejected[ADVERT_REFUSAL_COUNT]; /* of packets that belong to no virtual router */
};

/* No routers yet. host outlives the engine. */
void engine_init(struct engine *engine, struct host *host);
/* Frees the routers; does nothing to the world. */
void engine_fini(struct engine *engine);

/*
 * Makes the routers those of conf; at start and on reload. A router whose configuration is the same
 * is not touched; one that only changed its values keeps its state; one that is gone sends priority
 * 0 and leaves. False if there is no memory: then nothing has changed.
 */
bool engine_configure(struct engine *engine, struct instant now, const struct conf *conf);

/* What is known of the interface of one router: at first, after every change, and after
 * engine_configure(). */
void engine_interface(struct engine *engine, struct instant now, struct router *router,
		      const struct interface *interface);

/* The raw socket of the router's interface and family could not be opened, or now could. */
void engine_socket(struct engine *engine, struct instant now, struct router *router, bool open);

/* A packet for protocol 112 received on the interface. */
void engine_packet(struct engine *engine, struct instant now, int ifindex,
		   const struct packet *packet);

/* Readiness of the local apiserver; nothing happens if it is what it was. */
void engine_ready(struct engine *engine, struct instant now, bool ready);

/* HANDOVER of every router; each stays lowest for hold_us. */
void engine_step_down(struct engine *engine, struct instant now, int64_t hold_us);

/* HANDOVER of every router, then Initialize; engine_stopped() tells when. A second call ends it at
 * once. */
void engine_shutdown(struct engine *engine, struct instant now);
bool engine_stopped(const struct engine *engine);

/* Last in a turn. drained: the sockets were read until they were empty. */
void engine_timers(struct engine *engine, struct instant now, bool drained);

/* When the next turn is due at the latest. */
struct instant engine_deadline(const struct engine *engine);

/* NULL if there is none. */
struct router *engine_find(const struct engine *engine, int ifindex, enum addr_family family,
			   uint8_t vrid);

#endif
