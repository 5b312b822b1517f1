/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's part of BALANCE as text for nft(8): what a plan asks for becomes the contents of the
 * tables `cpvrrp` (families netdev, ip and ip6), as one transaction. Pure; os/nft brings the text
 * to the kernel.
 *
 * At the ingress of the VIP's interface the Active sends each packet for VIP:port on to the owner
 * of its slot. Every member takes VIP:port as its own address, so a connection is bound to nothing
 * that moves. A packet that belongs to no connection of the node goes on its walk (core/slots).
 *
 * The rules match elements of sets that have the lease as timeout. The daemon renews the elements
 * alone; when it is gone they run out, and packets are taken as without BALANCE. The chains stay:
 * the kernel translates the addresses of open connections only while a chain of type nat exists.
 */
#ifndef CPVRRP_OS_NFT_RULES_H
#define CPVRRP_OS_NFT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"
#include "core/addr.h"
#include "core/neigh.h"
#include "core/router.h"
#include "core/slots.h"

#define NFT_TABLE "cpvrrp"
#define NFT_VIPS_MAX 21
/* A lease that does not end. */
#define NFT_FOREVER_S 0

struct nft_member {
	struct addr addresses[ADDR_FAMILY_COUNT]; /* unspecified: none known */
	uint8_t mac[NEIGH_MAC_SIZE];		  /* all zero: not known */
	/*
	 * The last member of a walk sends it a copy instead of answering with RST: of late it was
	 * silent, but its apiserver may go on while its daemon restarts. Nodes do not hear of it at
	 * the same moment, and a walk between nodes that count other members live may miss it: it
	 * has to linger at all of them before the first one counts it dead, and until the last one
	 * counts it live again.
	 */
	bool lingers;
};

/* What one virtual router asks of the kernel. */
struct nft_plan {
	unsigned number; /* of the virtual router: no two plans of a node have the same */
	char interface[ROUTER_INTERFACE_SIZE];
	size_t vip_count;
	struct addr vips[NFT_VIPS_MAX];
	size_t port_count; /* at least one */
	uint16_t ports[CONF_BALANCE_PORTS_MAX];
	struct slots_group group;		      /* group.members[own] is live */
	struct nft_member members[SLOTS_MEMBERS_MAX]; /* in the order of the group */
	size_t own;				      /* this node's number in the group */
	bool forwards;				      /* while Active, and for some seconds after */
	unsigned forward_s; /* how long its packets are sent on unless it is renewed */
	bool local;	    /* the node's own clients use its own apiserver */
	unsigned lease_s;
};

/* The parts of nftables that the rules need, in the order in which the kernel is asked. */
enum nft_part {
	NFT_PART_HASH, /* jhash */
	NFT_PART_FWD,
	NFT_PART_DUP,
	NFT_PART_CONNTRACK,
	NFT_PART_TIMEOUT,
	NFT_PART_NAT,
};
#define NFT_PART_COUNT (NFT_PART_NAT + 1)

/* "jhash", "fwd", "dup", "ct", "ct timeout", "nat". */
const char *nft_part_name(enum nft_part part);

/* A transaction that needs this part alone, to be tried and not to be kept. */
void nft_rules_part(FILE *text, enum nft_part part);

/* The tables with what the plans ask for, in place of what they had. Without plans: no tables. */
void nft_rules_replace(FILE *text, const struct nft_plan *plans, size_t count);

/* Whether nft_rules_update() leads from one plan to the other; else the tables are to be replaced.
 */
bool nft_rules_can_update(const struct nft_plan *from, const struct nft_plan *to);

/* What has changed, in tables that have what `from` asks for: elements and the hops of the walk. */
void nft_rules_update(FILE *text, const struct nft_plan *from, const struct nft_plan *to);

/* The leases of the plan anew. */
void nft_rules_renew(FILE *text, const struct nft_plan *plan);

#endif
