/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A `struct engine_io` for tests: one interface with the addresses that a kernel would keep,
 * failures and delays to inject, and a record of the adverts. Unit tests, fuzzer and simulator use
 * the same fake; what only one of them wants to see or to check goes through the two observers.
 * Nothing here knows the time: the owner says when leases end.
 */
#ifndef CPVRRP_TESTS_FAKE_IO_H
#define CPVRRP_TESTS_FAKE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/engine.h"

#define FAKE_ADDRESSES_MAX 64
#define FAKE_SENT_MAX 32
#define FAKE_SENT_SIZE (ADVERT_HEADER_SIZE + ROUTER_ADDRESSES_MAX * 16) /* a STATUS is smaller */

enum fake_call_type {
	FAKE_CALL_SEND,
	FAKE_CALL_STATUS, /* GROUP; the fields of SEND */
	FAKE_CALL_ADD,
	FAKE_CALL_REMOVE,
	FAKE_CALL_ANNOUNCE,
	FAKE_CALL_NOTIFY,
	FAKE_CALL_TRACE,
	FAKE_CALL_STATUS_REFUSED,
};

/* What the engine asked for or told. Only the fields of its type are meaningful. */
struct fake_call {
	enum fake_call_type type;
	const struct router *router; /* NULL: a packet that belongs to no router */
	bool failed;		     /* SEND, ADD, ANNOUNCE; known to the observer `after` */
	struct {
		const struct addr *source, *destination;
		const uint8_t *bytes;
		size_t size;
	} send;
	struct {
		const struct addr *addresses;
		size_t count;
	} remove;
	const struct router_transition *transition; /* NOTIFY */
	struct {
		enum engine_trace what;
		enum advert_refusal refusal;
		const struct packet *packet;
	} trace;
	struct {
		enum group_status_refusal refusal;
		const struct packet *packet;
	} status_refused;
};

struct fake_address {
	struct interface_address shown; /* as netlink shows it */
	struct instant expires;		/* INSTANT_NEVER: no lease */
};

struct fake_sent {
	const struct router *router;
	bool failed;
	struct addr source, destination;
	uint8_t priority;
	size_t size;
	uint8_t bytes[FAKE_SENT_SIZE];
};

struct fake_io {
	struct engine_io engine_io; /* first: the engine's calls get a pointer to it */

	/* NULL is allowed. `before` may still set the failures and delays of this call. */
	void (*before)(struct fake_io *io, const struct fake_call *call);
	void (*after)(struct fake_io *io, const struct fake_call *call);

	/* The interface. While its index is 0, or not that of the router, nothing is sent, added,
	 * removed or announced. */
	char name[ROUTER_INTERFACE_SIZE];
	int index;
	bool up;
	bool port;
	uint8_t mac[NEIGH_MAC_SIZE];
	uint32_t carrier_changes;
	size_t address_count;
	struct fake_address addresses[FAKE_ADDRESSES_MAX];
	bool changed; /* an address came or went since fake_io_show() */

	bool send_fails;
	struct addr unreachable; /* no advert gets to this destination; unspecified = none */
	bool add_fails;
	size_t add_fails_at;	  /* the first so many addresses of the router would succeed */
	int64_t add_takes_us;	  /* an addition keeps the caller waiting; a renewal does not */
	struct instant lease_end; /* of what is added from now on; INSTANT_NEVER = no lease */
	bool announce_fails;

	unsigned sent_count; /* ever; the last FAKE_SENT_MAX are kept */
	struct fake_sent sent[FAKE_SENT_MAX];
	unsigned status_count; /* as sent_count */
	struct fake_sent status_sent[FAKE_SENT_MAX];
};

/* An interface of this name and index that is up, without addresses; no failures, no leases. */
void fake_io_init(struct fake_io *io, const char *name, int index);

/* NULL if the interface does not have it. */
struct fake_address *fake_io_find(struct fake_io *io, const struct addr *address);

/* Another program adds or removes an address. The prefix length of an address that is there stays.
 */
struct fake_address *fake_io_assign(struct fake_io *io, const struct addr *address,
				    uint8_t prefix_length);
void fake_io_unassign(struct fake_io *io, const struct addr *address);

/* Removes what has reached the end of its lease. */
void fake_io_expire(struct fake_io *io, struct instant now);
/* When the next lease ends. */
struct instant fake_io_next_expiry(const struct fake_io *io);

/* Writes what netlink would show now. */
void fake_io_show(struct fake_io *io, struct interface *ret_interface);

/* Whether every address of the router, or any, is on the interface. */
bool fake_io_has_all(struct fake_io *io, const struct router *router);
bool fake_io_has_any(struct fake_io *io, const struct router *router);

/* The last advert, the last STATUS; the caller has seen that there is one. */
const struct fake_sent *fake_io_last_sent(const struct fake_io *io);
const struct fake_sent *fake_io_last_status(const struct fake_io *io);

#endif
