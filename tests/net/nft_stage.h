/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three members of a group and a client on one segment, each a network namespace: what the tests of
 * os/nft send their connections through. Each member has an echo server that says at first which
 * member it is. The test plays the daemons: it moves the VIP and tells the members' kernels.
 */
#ifndef CPVRRP_TESTS_NFT_STAGE_H
#define CPVRRP_TESTS_NFT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "os/nft.h"
#include "os/nft_rules.h"

#define STAGE_NODES 3
#define STAGE_PORT 6443
#define STAGE_OTHER_PORT 8443
#define STAGE_ANSWER_MS 1000
#define STAGE_CONNECTIONS_MAX 600

struct stage_node {
	int namespace;
	struct nft *nft;
	struct announce *announce;
	bool installed; /* the kernel has what `told` asks for */
	struct nft_plan told;
	struct nft_plan plan; /* what is to be told next */
};

extern int stage_segment;
extern int stage_client;
extern struct stage_node stage_nodes[STAGE_NODES];
/* "192.0.2.100", "2001:db8::100", and a second VIP of each family. */
extern const char *const stage_vip[ADDR_FAMILY_COUNT];
extern const char *const stage_other_vip[ADDR_FAMILY_COUNT];

/* Namespaces, addresses, servers and helpers. Node 0 becomes Active with stage_activate(). */
void stage_set_up(void);
void stage_tear_down(void);

/* A client two hops away, behind a router whose link to it takes packets of 1300 bytes. Enters it.
 */
void stage_add_distant_client(void);

/* Waits for the answer of a node's helper to what was committed; what it was. */
enum nft_news stage_answer(struct stage_node *node, char reason[NFT_REASON_SIZE]);

/* Brings the plan of one node, or of all, to their kernels. */
void stage_tell(struct stage_node *node);
void stage_tell_all(void);

/* On a node: the VIPs, its rules and then its announcement; or the VIPs away, its rules stay. */
void stage_activate(unsigned node);
void stage_passivate(unsigned node);
/* The VIP moves. */
void stage_move(unsigned from, unsigned to);
/* What all nodes have heard of one node's apiserver. */
void stage_band(unsigned node, enum priority_band band);
/* What the other members make of one: it is live or not, and lingers or not. */
void stage_live(unsigned node, bool live, bool lingers);

/* The node's cable is cut, and nobody has heard of it. */
void stage_cut(unsigned node);

/* An address of the node, "192.0.2.11" for node 0. */
const char *stage_address(unsigned node, enum addr_family family);

/* A connection from the namespace that is entered; the node that serves it is *ret_node. -1 if
 * there is no answer in time. */
int stage_connect(const char *address, unsigned port, unsigned *ret_node);
/* Whether the connection still answers. */
bool stage_alive(int fd);
/* Whether so many bytes come when they are asked for. */
bool stage_download(int fd, unsigned size);

/* Connections that are kept open. */
struct stage_connections {
	size_t count;
	int fds[STAGE_CONNECTIONS_MAX];
	unsigned served[STAGE_NODES];
};
void stage_open(struct stage_connections *connections, const char *address, unsigned port,
		size_t count);
/* How many still answer. */
size_t stage_count_alive(const struct stage_connections *connections);

#endif
