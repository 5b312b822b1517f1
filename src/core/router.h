/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual router: its settings, what it knows of its interface, its state machine, and the
 * counters and history of it. The engine owns the routers and drives them; nothing here calls out.
 *
 * An instance is one router: elected in the family of its first address, which its adverts list
 * (rule ONE ELECTION). Addresses of the other family are carried along: added, announced and
 * removed together with the others.
 */
#ifndef CPVRRP_CORE_ROUTER_H
#define CPVRRP_CORE_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/advert.h"
#include "core/claims.h"
#include "core/condition.h"
#include "core/group.h"
#include "core/instant.h"
#include "core/vrrp.h"

#define ROUTER_ADDRESSES_MAX 21 /* 20 of the file and a derived link-local one */
#define ROUTER_PEERS_MAX 64
#define ROUTER_NAME_SIZE 64
#define ROUTER_INTERFACE_SIZE 16 /* IFNAMSIZ */
#define ROUTER_HEARD_MAX 16
#define ROUTER_HISTORY_MAX 32
#define ROUTERS_MAX 255
/* Every VIP there can be, and the node's own addresses. */
#define INTERFACE_ADDRESSES_MAX (ROUTERS_MAX * ROUTER_ADDRESSES_MAX + 128)

/* An interface as netlink shows it. */
struct interface_address {
	struct addr address;
	uint8_t prefix_length;
	uint32_t created; /* the lower, the older; not part of the address's state */
	bool vip;	  /* a cpvrrp has added it (IFA_PROTO): never the node's own */
	bool leased;	  /* its lifetime ends (rule LEASE) */
	bool deprecated;  /* its preferred lifetime is over: a source of second choice */
	bool tentative;	  /* no source yet (RFC 4862 5.4), or a duplicate */
	bool duplicate;	  /* another host has it (RFC 4862 5.4.5) */
};

struct interface {
	char name[ROUTER_INTERFACE_SIZE];
	int index; /* 0 = does not exist (yet) */
	bool up;   /* administratively up, with carrier */
	bool port; /* of a bridge, bond or the like, which takes what the interface receives */
	uint8_t mac[NEIGH_MAC_SIZE];
	uint32_t carrier_changes; /* IFLA_CARRIER_CHANGES */
	size_t address_count;
	struct interface_address addresses[INTERFACE_ADDRESSES_MAX];
};

/* What the configuration says of one router. */
struct router_settings {
	/* Identity: a change of any of these, or of the elected family, makes another router. */
	char instance[ROUTER_NAME_SIZE];
	char interface[ROUTER_INTERFACE_SIZE]; /* "" = auto */
	uint8_t vrid;
	enum addr_family family; /* that it is elected in */

	/* The rest changes in place. */
	uint8_t ready_priority; /* 171..254; 0 = auto */
	bool track_apiserver;
	struct conditions conditions; /* for the node to be ready, besides the apiserver */
	bool members;		      /* GROUP: sends STATUS and listens to it */
	uint16_t apiserver_port;      /* for STATUS */
	bool unicast;
	enum advert_checksum checksum;
	struct addr unicast_src_ip; /* of the family; unspecified = auto */
	struct vrrp_config vrrp;
	bool link_local_derived; /* the first address is, and not from the file */
	size_t advertised_count; /* the first addresses are of the family */
	size_t address_count;
	struct addr addresses[ROUTER_ADDRESSES_MAX]; /* no two are equal */
	size_t peer_count;
	struct addr peers[ROUTER_PEERS_MAX]; /* of the family */
};

bool router_settings_equal(const struct router_settings *a, const struct router_settings *b);

struct router_counters {
	uint64_t adverts_sent;
	uint64_t adverts_received; /* accepted */
	uint64_t priority_zero_sent;
	uint64_t priority_zero_received;
	uint64_t checksum_rfc5798_received;
	uint64_t interval_differs; /* accepted, with another interval than ours (RFC 9568 7.1) */
	uint64_t addresses_differ; /* accepted, with another list than ours (RFC 9568 7.1) */
	uint64_t leaves_doubted;   /* accepted, see router_doubts() */
	uint64_t send_failures;
	uint64_t add_failures;
	uint64_t announcements;
	uint64_t announce_failures;
	uint64_t vip_readded;
	uint64_t transitions[VRRP_STATE_COUNT][VRRP_REASON_COUNT]; /* by the state entered */
	uint64_t faults[VRRP_FAULT_COUNT];			   /* entered Initialize for it */
	uint64_t rejected[ADVERT_REFUSAL_COUNT];
};

/* BOUNDS: a router that advertises as before within so many intervals of a priority of 0 or 1 takes
 * it back: another host may have sent it. */
#define ROUTER_RETRACT_INTERVALS 3
/* A router that has taken one back twice within this time is doubted for as long. */
#define ROUTER_DOUBT_US (60 * SECOND_US)

/* GROUP: a router knows its group once it has listened for three STATUS messages of each member. */
#define ROUTER_ACQUAINTED_US (3 * (MEMBER_INTERVAL_CS * CENTISECOND_US))

/* Another router whose adverts were accepted. */
struct router_heard {
	struct addr address;
	uint8_t priority;
	struct instant at;
	/* It took back that it leaves: the last time and the one before; INSTANT_NEVER = none. */
	struct instant retracted, retracted_before;
};

struct router_transition {
	struct instant at;
	struct vrrp_transition what;
};

struct router {
	struct router_settings settings;

	/* The interface in use, as engine_interface() told it last. */
	char interface_name[ROUTER_INTERFACE_SIZE]; /* "" while auto has found none */
	int ifindex;				    /* 0 = none */
	uint8_t mac[NEIGH_MAC_SIZE];
	uint32_t carrier_changes;
	enum vrrp_fault link_fault;	    /* of the interface */
	struct instant own_lost_at;	    /* the address to send from went, and has not come back;
					       INSTANT_NEVER: it is there, or another fault counts */
	bool socket_closed;		    /* the raw socket could not be opened */
	struct addr own[ADDR_FAMILY_COUNT]; /* the node's address of each family that adverts and
					       announcements are sent from; unspecified = none */
	struct addr auto_address; /* priority = auto counts from it; unspecified = none yet */
	bool present[ROUTER_ADDRESSES_MAX]; /* settings.addresses[i] is on the interface */
	bool leased[ROUTER_ADDRESSES_MAX]; /* as a cpvrrp has put it there, and it ends by itself */
	/* Another interface of this node that has it (rule RECONCILE); "" = none. */
	char elsewhere[ROUTER_ADDRESSES_MAX][ROUTER_INTERFACE_SIZE];
	bool leaving[ROUTER_ADDRESSES_MAX]; /* it was, when its removal was asked for, and has not
					       been seen gone since */

	struct vrrp_claim inherited; /* RESUME: of the process before, until STARTUP */
	struct vrrp vrrp;
	struct group group;
	struct condition_state conditions[CONDITIONS_MAX]; /* of settings.conditions */
	bool balances;	      /* BALANCE: the kernel has the rules; STATUS says so */
	struct instant since; /* the state is what it is */
	struct router_counters counters;
	size_t heard_count;
	struct router_heard heard[ROUTER_HEARD_MAX];
	struct claims claims;	/* of other hosts to its addresses */
	uint64_t history_count; /* ever; the last ROUTER_HISTORY_MAX are kept */
	struct router_transition history[ROUTER_HISTORY_MAX];

	struct router *next_same_vrid;
};

/* "apiserver/ipv4", for printf. */
#define ROUTER_FMT "%s/%s"
#define ROUTER_ARG(router) (router)->settings.instance, addr_family_name((router)->settings.family)

/* On the heap; NULL if there is no memory. Not started, no interface yet, and in the band "down"
 * until its priority is told (rule BANDS). free() it. */
struct router *router_new(const struct router_settings *settings);

/* The address that `interface = auto` looks for: the first one that is not link-local, as every
 * interface has the link-local prefix. */
const struct addr *router_sought_address(const struct router_settings *settings);

/* "name" of the interface in use: found by auto, or as configured. */
const char *router_interface(const struct router *router);

/* The priority of the router's place in the band "ready", 171..254. */
uint8_t router_ready_priority(const struct router *router);

/* Another router's advert was accepted; the one that was silent for longest makes room. */
void router_remember(struct router *router, struct instant now, const struct addr *source,
		     uint8_t priority);

/* BOUNDS: whether a priority of 0 or 1 from this source is not believed, as it has taken two back
 * of late. */
bool router_doubts(const struct router *router, struct instant now, const struct addr *source);

/* GROUP: whether this Active is no member where there are others: another implementation, or a host
 * that does not belong here. A new member's first STATUS may come after its first advert. */
bool router_is_stranger(const struct router *router, struct instant now, const struct addr *active);

/* Counts the transition and keeps it in the history. */
void router_record(struct router *router, struct instant now,
		   const struct vrrp_transition *transition);

/* What an interface's news came to. */
struct router_news {
	bool disturbed; /* another hardware address, or the carrier went and came back */
	bool lost;	/* an address is gone that was present */
};

/* Of the interface's news, the address that priority = auto counts from; after the machine has been
 * told of the primary address, so that no advert carries a priority that the machine does not know.
 * is_vip as in router_take_interface(). */
void router_take_auto_address(struct router *router, const struct interface *interface,
			      bool (*is_vip)(const void *context, const struct addr *address),
			      const void *context);

/* Takes over what the kernel shows of the router's interface. is_vip says of an address whether any
 * virtual router of the node has it: such an address is never the node's own. */
struct router_news
router_take_interface(struct router *router, struct instant now, const struct interface *interface,
		      bool (*is_vip)(const void *context, const struct addr *address),
		      const void *context);

/*
 * When the absence of the own address becomes a fault. An Active keeps its role for one
 * Advertisement_Interval while interface and carrier stay: a DHCP client, or a move of the address,
 * takes it away for milliseconds, and Backups miss an advert or two. A Backup, which could take
 * over but not say so, has no grace. INSTANT_NEVER: it is not absent, or is a fault already.
 */
struct instant router_grace_end(const struct router *router);

/* LEASE: whether an address of the router is on the interface before the node's own one, which the
 * kernel then does not take as the source. IPv4 alone: IPv6 has the preferred lifetime for that. */
bool router_is_before_own(const struct router *router, const struct interface *interface,
			  const struct addr *address);

/* What keeps the router from working, seen from outside the machine; NONE if nothing does. */
enum vrrp_fault router_fault(const struct router *router);

/* BANDS: the band of the router, with the apiserver in this one. A condition that is not met leaves
 * it "answering" at the best. */
enum priority_band router_band(const struct router *router, enum priority_band apiserver);

/* GROUP: whether a STATUS can be sent. */
bool router_can_tell(const struct router *router);

/* GROUP: the digest of a STATUS, by which routers of one virtual router know each other: that of
 * the least advertised address that is not link-local. */
uint16_t router_digest(const struct router_settings *settings);

/* GROUP: what a STATUS says now. */
struct group_status router_tell(const struct router *router, struct instant now);

void router_assert(const struct router *router);

#endif
