/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node for the tests of the report: a real engine over a fake io. Ten minutes after its start the
 * apiserver is ready since two minutes, the router "apiserver" is Active for IPv4 since one minute,
 * and the router "ingress" is Backup for IPv6. Each call of the engine happens at node.now.
 */
#ifndef CPVRRP_TESTS_NODE_H
#define CPVRRP_TESTS_NODE_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/fake_io.h"
#include "report/status.h"
#include "unit.h"

#define MINUTE_US (60 * SECOND_US)
#define NODE_ROUTERS 2

extern struct node {
	struct conf *conf;
	struct fake_io io;
	struct engine engine;
	struct router **routers; /* the engine's */
	struct status_probes probes;
	struct confinement confinement;
	struct status_source source;
	struct status_balance balance;
	struct instant now;
} node;

/* The fixture. */
void node_setup(void);
void node_teardown(void);

/* Router number i hears an advert with our interval and addresses. */
void node_hear(unsigned i, const char *source, uint8_t priority);
/* A STATUS of another member for router i; heard is an address or NULL. */
void node_hear_status(unsigned i, const char *source, const struct group_status *status,
		      const char *heard);
/* Netlink shows router number i an interface with or without carrier. */
void node_link(unsigned i, bool up);
/* Condition i of a router is not met for this reason; NULL: it is met. */
void node_condition(unsigned router, size_t i, const char *reason);
/* Every timer that is due. */
void node_timers(void);
/* A probe has ended. */
void node_probe(enum health_result result, int status, int64_t latency_us, const char *detail);
/* A reload after which only the first so many instances are left. */
void node_reload(size_t count);

/* A snapshot as print() shows it; its process and its time of day are always the same. */
char *node_printed(char *(*print)(const struct status *status));
/* The JSON of a snapshot. */
json_t *node_parsed(void);

#endif
