/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All virtual routers of the node and the readiness of its apiserver: which router a packet belongs
 * to, whether it is refused, and what follows. The engine owns the routers and the health; what
 * they do to the world goes through `struct engine_io`, which daemon/io and the simulator
 * implement. The engine carries actions out and reports their outcome; the machine of the router
 * decides.
 *
 * The order of a turn (rule SOCKETS FIRST) is the caller's: engine_interface() for what netlink
 * said, engine_packet() for everything the sockets hold, engine_probe_result(), engine_step_down()
 * and engine_shutdown(), and engine_timers() last.
 */
#ifndef CPVRRP_CORE_ENGINE_H
#define CPVRRP_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/advert.h"
#include "core/condition.h"
#include "core/group_status.h"
#include "core/health.h"
#include "core/instant.h"
#include "core/neigh.h"
#include "core/router.h"

/* Turns that may end at the receive bound before timers run all the same. */
#define ENGINE_UNDRAINED_MAX 3

/* Things worth a line in the log that are no transition. */
enum engine_trace {
	ENGINE_TRACE_REFUSED,	       /* see refusal */
	ENGINE_TRACE_INTERVAL_DIFFERS, /* accepted, RFC 9568 7.1 */
	ENGINE_TRACE_ADDRESSES_DIFFER, /* accepted, RFC 9568 7.1 */
	ENGINE_TRACE_PRIORITY_OWNER,   /* 255 heard: an address owner, or two of them (8.3.2) */
	ENGINE_TRACE_DOUBTED,	       /* see router_doubts() */
	ENGINE_TRACE_STRANGER,	       /* the Active is no member of the group */
	ENGINE_TRACE_READDED,	       /* an address was gone and is back */
	ENGINE_TRACE_REMOVED,	       /* an address was there while not Active */
	ENGINE_TRACE_CLAIMED,	       /* another host claims an address, see router->claims */
};
#define ENGINE_TRACE_COUNT (ENGINE_TRACE_CLAIMED + 1)

/*
 * What a virtual router can do to the world. All calls are synchronous, but for the renewal of
 * leases. packet is NULL where there is none. router is NULL for a packet that belongs to no
 * virtual router.
 */
struct engine_io {
	/* One copy of an advert; false if the kernel did not take it. */
	bool (*send_advert)(struct engine_io *io, const struct router *router,
			    const struct addr *source, const struct addr *destination,
			    const uint8_t *bytes, size_t size);
	/* Adds every address that is not present; false, with none added by this call left, if one
	 * cannot be. Renews the lease of the others, on which nothing depends yet: there is time
	 * for another attempt. *ret_took_us is how long either kept the caller waiting. */
	bool (*add)(struct engine_io *io, const struct router *router, int64_t *ret_took_us);
	/* Removes these addresses where they are on the router's interface, whatever the prefix
	 * length. That may go on in the background, so that they are still seen for a while, unless
	 * an add comes meanwhile. */
	void (*remove)(struct engine_io *io, const struct router *router,
		       const struct addr *addresses, size_t count);
	/* Tells the neighbours about every address; false if one could not be told. */
	bool (*announce)(struct engine_io *io, const struct router *router);
	void (*notify)(struct engine_io *io, const struct router *router,
		       const struct router_transition *transition);
	void (*trace)(struct engine_io *io, const struct router *router, enum engine_trace what,
		      enum advert_refusal refusal, const struct packet *packet);
	/* GROUP: one copy of a STATUS; as send_advert. */
	bool (*send_status)(struct engine_io *io, const struct router *router,
			    const struct addr *source, const struct addr *destination,
			    const uint8_t *bytes, size_t size);
	/* A STATUS for the router was refused. */
	void (*status_refused)(struct engine_io *io, const struct router *router,
			       enum group_status_refusal refusal, const struct packet *packet);
};

struct engine {
	struct engine_io *io;
	size_t router_count;
	/* Owned; a pointer stays valid until a reload drops the router. */
	struct router *routers[ROUTERS_MAX];
	struct router *by_vrid[ADDR_FAMILY_COUNT][256];
	struct health health; /* of the local apiserver */
	bool shutting_down;
	unsigned undrained; /* turns in a row */
	/* Of packets that belong to no virtual router. */
	uint64_t rejected[ADVERT_REFUSAL_COUNT];
	uint64_t status_rejected[GROUP_STATUS_REFUSAL_COUNT];
};

/* No routers yet, the apiserver not ready. io outlives the engine. fall and rise as in health. */
void engine_init(struct engine *engine, struct engine_io *io, unsigned fall, unsigned rise);
/* Frees the routers; does nothing to the world. */
void engine_fini(struct engine *engine);

/* What is known of the interface of one router: at first, after every change, and after
 * reload_routers(). */
void engine_interface(struct engine *engine, struct instant now, struct router *router,
		      const struct interface *interface);

/* The raw socket of the router's interface and family could not be opened, or now could. */
void engine_socket(struct engine *engine, struct instant now, struct router *router, bool open);

/* A packet for protocol 112 received on the interface (core/engine_packet.c). */
void engine_packet(struct engine *engine, struct instant now, int ifindex,
		   const struct packet *packet);

/* HOLDER: a host on the interface claims an address, this node perhaps. */
void engine_claim(struct engine *engine, struct instant now, int ifindex,
		  const struct neigh_claim *claim);

/* HEALTH and DAMPING: one result of the probe. True if readiness or the band changed. */
bool engine_probe_result(struct engine *engine, struct instant now, enum health_result result);

/* Whether condition i of the router is met, as far as can be seen now. It changes what the router
 * advertises, but not the health: a node that is taken out of service has lost no readiness
 * (DAMPING). True if the state is another than before. */
bool engine_condition(struct engine *engine, struct instant now, struct router *router, size_t i,
		      const struct condition_state *state);

/* Other limits (see health.h); they count from the next result on. */
void engine_limit_health(struct engine *engine, unsigned fall, unsigned rise);

/* Forgets all results: the probe begins, or another apiserver is probed. */
void engine_forget_health(struct engine *engine, struct instant now);

/* HANDOVER of every router; each stays lowest for hold_us. 0 is no handover: it ends the hold of an
 * earlier one. */
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

/* For core/reload and core/engine_packet: one event for one router, actions and their outcome
 * included; of a type that carries nothing, or any. */
void engine_step_type(struct engine *engine, struct router *router, struct instant now,
		      enum vrrp_event_type type);
void engine_step(struct engine *engine, struct router *router, struct instant now,
		 const struct vrrp_event *event);

/* For core/engine_packet, RECONCILE: of a router that is not Active. */
void engine_remove_leftovers(struct engine *engine, struct router *router);

/* For core/engine_packet, GROUP: sends a STATUS if one is due. */
void engine_tell_group(struct engine *engine, struct router *router, struct instant now);

/* For core/reload: the priority that the band and the settings give. */
void engine_step_priority(struct engine *engine, struct router *router, struct instant now);

/* For core/reload: the routers have changed. */
void engine_index(struct engine *engine);

#endif
