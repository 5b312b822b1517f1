/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the tests of engine, router and reload: one node, whose engine runs over a fake io
 * that writes down what it is told; packets are real ones. eth0 has index 2 and 10.0.0.2/24; the
 * instance "apiserver" has VRID 10, priority 200, advert_int 1 s and the VIP 10.10.10.10, and is
 * always ready unless a test says otherwise. After every call of the engine the invariants of all
 * routers are asserted.
 */
#ifndef CPVRRP_TESTS_WORLD_H
#define CPVRRP_TESTS_WORLD_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/engine.h"
#include "lib/fake_io.h"
#include "lib/ip.h"

#define T0 (10 * SECOND_US)
#define SKEW INT64_C(218750)	    /* Skew_Time at priority 200 */
#define DOWN (3 * SECOND_US + SKEW) /* Active_Down_Interval at priority 200 */
#define DOWN_AT_32 INT64_C(3875000) /* at 32, priority 200 in the band "down" */
#define ACTIVE_AT (T0 + DOWN)

struct world {
	struct fake_io io; /* first: the observer gets a pointer to it */
	char log[4096];
	char traces[4096];
	struct engine engine;
	struct conf *conf; /* what configure() makes the routers of */
	struct instant now;
};
extern struct world w;

/* An empty configuration and eth0 with 10.0.0.2/24. */
void set_up(void);
void tear_down(void);

struct instant at(int64_t us);

#define ck_assert_addr_eq(a, text)                                                                 \
	do {                                                                                       \
		char addr_text[ADDR_TEXT_SIZE];                                                    \
		const struct addr addr_value = (a);                                                \
		ck_assert_str_eq(addr_format(&addr_value, addr_text), text);                       \
	} while (0)

/* What the io was told since the last call: "ADD SEND(200)", with '!' after what failed. */
const char *take(void);
/* The traces since the last call: "refused:checksum interval". */
const char *take_traces(void);

/* ---- The configuration ---- */

struct conf_instance *add_instance(const char *name, uint8_t vrid);
void add_vip(struct conf_instance *instance, const char *text);
void add_peer(struct conf_instance *instance, const char *text);
struct conf_instance *add_apiserver(void);
/* "apiserver" with the peers 10.0.0.1, 10.0.0.2 and 10.0.0.3. */
struct conf_instance *add_unicast(void);

/* The routers of w.conf; false if there is no memory. */
bool try_configure(int64_t us);
void configure(int64_t us);

/* ---- The interface ---- */

void assign(const char *text, uint8_t prefix_length);
void unassign(const char *text);
bool has(const char *text);
/* 'd' deprecated, 't' tentative, 'D' duplicate, 'v' a VIP of a cpvrrp; the others end. */
void set_flags(const char *text, const char *flags);
/* When the address was made. */
void set_created(const char *text, uint32_t when);
/* The address in place of the first one of the interface. */
void replace_first(const char *text);

void link_down(void);
void no_interface(void);

/* What netlink says, to every router that is not configured for eth1. */
void netlink(void);
/* Of another interface, to the routers that are configured for it. */
void netlink_of(const struct interface *interface);
void set_socket(struct router *router, bool open);

/* ---- Time and events ---- */

/* The last part of a turn, at w.now. */
void timers(bool drained);
/* A turn of the loop with empty sockets. */
void turn(int64_t us);
/* Every turn that is due until then. */
void run(int64_t us);

void probe_answers(enum health_result result);
void step_down(int64_t hold_us);
void shut_down(void);

void start_engine(void);
/* "apiserver" as Backup at T0. */
void start_backup(void);
/* Every router Active since ACTIVE_AT; the clock is 250 ms later. */
void run_active(void);
void start_active(void);

/* ---- Packets ---- */

/* An advert of 10.0.0.host for the instance "apiserver", with our interval. */
struct advert_fields fields_of(uint8_t host, uint8_t priority);
/* The same of fe80::3. */
struct advert_fields fields6(const struct addr *addresses, uint8_t count, uint8_t priority);

void receive(int ifindex, int64_t us, const struct packet *packet);
void deliver_on(int ifindex, int64_t us, const struct advert_fields *fields);
void deliver(int64_t us, const struct advert_fields *fields);
void hear(int64_t us, uint8_t host, uint8_t priority);

const struct fake_sent *last_sent(void);
struct advert decode(const struct fake_sent *sent);

/* ---- Routers ---- */

/* On eth0, elected in IPv4 or IPv6. */
struct router *find(uint8_t vrid);
struct router *find6(uint8_t vrid);

/* The router as it is now, without the refusals it counted and its place in the index. */
struct router snapshot(const struct router *router);
bool unchanged(const struct router *before, const struct router *router);

/* The sum over all refusals. */
uint64_t sum(const uint64_t rejected[ADVERT_REFUSAL_COUNT]);

#endif
