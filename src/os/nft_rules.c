/* SPDX-License-Identifier: Apache-2.0 */
#include "os/nft_rules.h"

#include <assert.h>
#include <string.h>

static_assert(SLOTS_COUNT == 2048, "MOD says so");
static_assert(SLOTS_MEMBERS_MAX == 16, "the rules of the walk say so");

/* The seed is the same on all nodes: a rule without one gets a random one. */
#define MOD " mod 2048 seed 0x76727270"

/* What rules say of a family: of the table, of the client that sent a packet, and of the client
 * that an ICMP error quotes. Behind the 8 bytes of ICMP stand the IP header of a member's packet,
 * without options, and its ports. */
static const struct words {
	const char *table, *type, *source, *destination, *hops, *ether;
	const char *error;	 /* an ICMP error that quotes TCP */
	const char *quoted_port; /* the source port of the quoted packet */
	const char *slot, *quoted_slot;
} families[ADDR_FAMILY_COUNT] = {
	{
		.table = "ip",
		.type = "ipv4_addr",
		.source = "ip saddr",
		.destination = "ip daddr",
		.hops = "ip ttl",
		.ether = "ip",
		.error = "icmp type { destination-unreachable, time-exceeded, parameter-problem } "
			 "@th,64,8 0x45 @th,136,8 6",
		.quoted_port = "@th,224,16",
		.slot = "jhash ip saddr . tcp sport" MOD,
		.quoted_slot = "jhash @th,192,32 . @th,240,16" MOD,
	},
	{
		.table = "ip6",
		.type = "ipv6_addr",
		.source = "ip6 saddr",
		.destination = "ip6 daddr",
		.hops = "ip6 hoplimit",
		.ether = "ip6",
		.error = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, "
			 "parameter-problem } @th,112,8 6",
		.quoted_port = "@th,384,16",
		.slot = "jhash ip6 saddr . tcp sport" MOD,
		.quoted_slot = "jhash @th,256,128 . @th,400,16" MOD,
	},
};

/* Members to whose chains the slots lead; SLOTS_NONE: to none, the packet stays. */
struct verdicts {
	uint8_t member[SLOTS_COUNT];
};

static bool has_address(const struct nft_plan *plan, size_t member, enum addr_family family)
{
	return !addr_is_unspecified(&plan->members[member].addresses[family]);
}

/* Another member that can be reached in the family. */
static bool is_peer(const struct nft_plan *plan, size_t member, enum addr_family family)
{
	return member != plan->own && has_address(plan, member, family);
}

/* There are VIPs of the family, and the node has an address to serve them at. */
static bool has_family(const struct nft_plan *plan, enum addr_family family)
{
	for (size_t i = 0; i < plan->vip_count; i++)
		if (plan->vips[i].family == family)
			return has_address(plan, plan->own, family);
	return false;
}

/* The members that packets of the family can walk to. */
static struct slots_group walkers(const struct nft_plan *plan, enum addr_family family)
{
	struct slots_group group = plan->group;

	for (size_t i = 0; i < group.member_count; i++)
		if (!has_address(plan, i, family))
			group.members[i].live = false;
	return group;
}

static unsigned count_walkers(const struct nft_plan *plan, enum addr_family family)
{
	struct slots_group group = walkers(plan, family);
	unsigned count = 0;

	for (size_t i = 0; i < group.member_count; i++)
		count += group.members[i].live;
	return count;
}

/* Where new connections go. */
static void find_owners(const struct nft_plan *plan, struct verdicts *ret_verdicts)
{
	struct slots slots;

	slots_compute(&plan->group, plan->own, SLOTS_COUNT, &slots);
	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++)
		ret_verdicts->member[slot] =
			slots.owner[slot] == plan->own ? SLOTS_NONE : slots.owner[slot];
}

/* Where walking packets go on to. */
static void find_next(const struct nft_plan *plan, enum addr_family family,
		      struct verdicts *ret_verdicts)
{
	struct slots_group group = walkers(plan, family);
	struct slots slots;

	slots_compute(&group, plan->own, SLOTS_COUNT, &slots);
	memcpy(ret_verdicts->member, slots.next, sizeof(ret_verdicts->member));
}

static void write_elements(FILE *text, const struct nft_plan *plan, const char *map,
			   const struct verdicts *from, const struct verdicts *to)
{
	const char *separator = "";

	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
		if (from->member[slot] == to->member[slot] || from->member[slot] == SLOTS_NONE)
			continue;
		if (!separator[0])
			fprintf(text, "delete element %s { ", map);
		fprintf(text, "%s%u", separator, slot);
		separator = ", ";
	}
	fputs(separator[0] ? " }\n" : "", text);
	separator = "";
	for (unsigned slot = 0; slot < SLOTS_COUNT; slot++) {
		if (from->member[slot] == to->member[slot] || to->member[slot] == SLOTS_NONE)
			continue;
		if (!separator[0])
			fprintf(text, "add element %s { ", map);
		fprintf(text, "%s%u : goto r%u_m%u", separator, slot, plan->number,
			(unsigned)to->member[slot]);
		separator = ", ";
	}
	fputs(separator[0] ? " }\n" : "", text);
}

/* The maps from slots to members, from what `from` has (NULL: nothing) to what `to` has. */
static void write_maps(FILE *text, const struct nft_plan *from, const struct nft_plan *to)
{
	struct verdicts before, after;
	char map[64];

	memset(&before, SLOTS_NONE, sizeof(before));
	if (from)
		find_owners(from, &before);
	find_owners(to, &after);
	snprintf(map, sizeof(map), "netdev " NFT_TABLE " r%u_to", to->number);
	write_elements(text, to, map, &before, &after);
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		if (!has_family(to, family))
			continue;
		memset(&before, SLOTS_NONE, sizeof(before));
		if (from)
			find_next(from, family, &before);
		find_next(to, family, &after);
		snprintf(map, sizeof(map), "%s " NFT_TABLE " r%u_next", families[family].table,
			 to->number);
		write_elements(text, to, map, &before, &after);
	}
}

static void write_timeout(FILE *text, unsigned timeout_s)
{
	if (timeout_s != NFT_FOREVER_S)
		fprintf(text, " timeout %us", timeout_s);
}

/* One of the leased sets anew: of the family's VIPs, alone or with each port; or nothing. */
static void write_set(FILE *text, const struct nft_plan *plan, enum addr_family family,
		      const char *set, unsigned timeout_s, bool with_ports, bool filled)
{
	size_t ports = with_ports ? plan->port_count : 1;
	const char *separator = "";
	char address[ADDR_TEXT_SIZE];

	fprintf(text, "flush set %s\n", set);
	if (!filled)
		return;
	fprintf(text, "add element %s { ", set);
	for (size_t i = 0; i < plan->vip_count; i++) {
		if (plan->vips[i].family != family)
			continue;
		for (size_t j = 0; j < ports; j++) {
			fprintf(text, "%s%s", separator, addr_format(&plan->vips[i], address));
			if (with_ports)
				fprintf(text, " . %u", (unsigned)plan->ports[j]);
			write_timeout(text, timeout_s);
			separator = ", ";
		}
	}
	fputs(" }\n", text);
}

void nft_rules_renew(FILE *text, const struct nft_plan *plan)
{
	char set[64];

	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const char *table = families[family].table;

		if (!has_family(plan, family))
			continue;
		snprintf(set, sizeof(set), "netdev " NFT_TABLE " r%u_%s_port", plan->number, table);
		write_set(text, plan, family, set, plan->forward_s, true, plan->forwards);
		snprintf(set, sizeof(set), "%s " NFT_TABLE " r%u_port", table, plan->number);
		write_set(text, plan, family, set, plan->lease_s, true, true);
		snprintf(set, sizeof(set), "%s " NFT_TABLE " r%u_vip", table, plan->number);
		write_set(text, plan, family, set, plan->lease_s, false, true);
		snprintf(set, sizeof(set), "%s " NFT_TABLE " r%u_local", table, plan->number);
		write_set(text, plan, family, set, plan->lease_s, true, plan->local);
	}
}

static void add_set(FILE *text, const char *table, unsigned number, const char *name,
		    const char *type)
{
	fprintf(text, "add set %s " NFT_TABLE " r%u_%s { type %s; flags timeout; }\n", table,
		number, name, type);
}

static void add_map(FILE *text, const char *table, unsigned number, const char *name)
{
	/* A map's key has the type of the expression that is looked up. Of jhash nft 1.0.6 cannot
	 * list that type; this one is the same, an integer of 32 bits. */
	fprintf(text, "add map %s " NFT_TABLE " r%u_%s { typeof meta length : verdict; }\n", table,
		number, name);
}

/*
 * The walk's last rules: a packet goes on as often as it says, from the first member that does not
 * know its connection; see slots_hops(). The last member sends a copy to each that lingers. The
 * copy has no hop left: where its connection is not known either, nothing answers it, since another
 * one may have the connection.
 */
static void write_hop(FILE *text, const struct nft_plan *plan, enum addr_family family,
		      const char *chain, const char *slot)
{
	const struct words *words = &families[family];
	char address[ADDR_TEXT_SIZE];
	bool lingers = false;

	fprintf(text, "flush chain %s\n", chain);
	fprintf(text, "add rule %s %s 0 drop\n", chain, words->hops);
	fprintf(text, "add rule %s %s > 16 %s set %u\n", chain, words->hops, words->hops,
		count_walkers(plan, family));
	fprintf(text, "add rule %s %s > 1 %s vmap @r%u_next\n", chain, words->hops, slot,
		plan->number);
	for (size_t i = 0; i < plan->group.member_count; i++) {
		if (!plan->members[i].lingers || !is_peer(plan, i, family))
			continue;
		fprintf(text, "add rule %s dup to %s device \"%s\"\n", chain,
			addr_format(&plan->members[i].addresses[family], address), plan->interface);
		lingers = true;
	}
	if (lingers)
		fprintf(text, "add rule %s drop\n", chain);
}

static void write_hops(FILE *text, const struct nft_plan *plan)
{
	char chain[64];

	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const struct words *words = &families[family];

		if (!has_family(plan, family))
			continue;
		snprintf(chain, sizeof(chain), "%s " NFT_TABLE " r%u_hop", words->table,
			 plan->number);
		write_hop(text, plan, family, chain, words->slot);
		/* At its last member only a packet that begins something is answered. */
		fprintf(text, "add rule %s ct state invalid drop\n", chain);
		snprintf(chain, sizeof(chain), "%s " NFT_TABLE " r%u_error_hop", words->table,
			 plan->number);
		write_hop(text, plan, family, chain, words->quoted_slot);
		fprintf(text, "add rule %s drop\n", chain);
	}
}

static void write_ports(FILE *text, const struct nft_plan *plan)
{
	for (size_t i = 0; i < plan->port_count; i++)
		fprintf(text, "%s%u", i > 0 ? ", " : "", (unsigned)plan->ports[i]);
}

/* An ICMP error about what a member has sent from VIP:port. The Active does not send it on: it
 * walks. */
static void write_error(FILE *text, const struct nft_plan *plan, enum addr_family family)
{
	const struct words *words = &families[family];

	fprintf(text, "%s @r%u_vip %s %s { ", words->destination, plan->number, words->error,
		words->quoted_port);
	write_ports(text, plan);
	fputs(" }", text);
}

/* A packet of another member has been sent on already, or comes from its own client, which the
 * Active serves. */
static void write_member_macs(FILE *text, const struct nft_plan *plan)
{
	static const uint8_t none[NEIGH_MAC_SIZE];
	const char *separator = "";

	for (size_t i = 0; i < plan->group.member_count; i++) {
		const uint8_t *mac = plan->members[i].mac;

		if (i == plan->own || memcmp(mac, none, sizeof(none)) == 0)
			continue;
		if (!separator[0])
			fprintf(text, "add rule netdev " NFT_TABLE " r%u_in ether saddr { ",
				plan->number);
		fprintf(text, "%s%02x:%02x:%02x:%02x:%02x:%02x", separator, mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
		separator = ", ";
	}
	fputs(separator[0] ? " } accept\n" : "", text);
}

/* The chain that sends a packet on to one member. */
static void write_forward(FILE *text, const struct nft_plan *plan, size_t member)
{
	unsigned number = plan->number;
	char address[ADDR_TEXT_SIZE];

	fprintf(text, "add chain netdev " NFT_TABLE " r%u_m%zu\n", number, member);
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const char *ether = families[family].ether;

		if (is_peer(plan, member, family))
			fprintf(text,
				"add rule netdev " NFT_TABLE
				" r%u_m%zu ether type %s fwd %s to %s device \"%s\"\n",
				number, member, ether, ether,
				addr_format(&plan->members[member].addresses[family], address),
				plan->interface);
	}
}

static void write_ingress(FILE *text, const struct nft_plan *plan)
{
	unsigned number = plan->number;
	char name[32], type[64];

	add_map(text, "netdev", number, "to");
	fprintf(text,
		"add chain netdev " NFT_TABLE
		" r%u_in { type filter hook ingress device \"%s\" priority 0; }\n",
		number, plan->interface);
	for (size_t i = 0; i < plan->group.member_count; i++)
		write_forward(text, plan, i);
	write_member_macs(text, plan);
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const struct words *words = &families[family];

		if (!has_family(plan, family))
			continue;
		snprintf(name, sizeof(name), "%s_port", words->table);
		snprintf(type, sizeof(type), "%s . inet_service", words->type);
		add_set(text, "netdev", number, name, type);
		fprintf(text,
			"add rule netdev " NFT_TABLE
			" r%u_in %s . tcp dport @r%u_%s_port %s vmap @r%u_to\n",
			number, words->destination, number, words->table, words->slot, number);
	}
}

static void add_sets(FILE *text, const struct nft_plan *plan, enum addr_family family)
{
	const struct words *words = &families[family];
	char type[64];

	snprintf(type, sizeof(type), "%s . inet_service", words->type);
	add_set(text, words->table, plan->number, "port", type);
	add_set(text, words->table, plan->number, "local", type);
	add_set(text, words->table, plan->number, "vip", words->type);
	add_map(text, words->table, plan->number, "next");
}

/* The chains of a family that send a walking packet on, each to one member. */
static void write_walk_members(FILE *text, const struct nft_plan *plan, enum addr_family family)
{
	const char *table = families[family].table;
	unsigned number = plan->number;
	char address[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < plan->group.member_count; i++) {
		fprintf(text, "add chain %s " NFT_TABLE " r%u_m%zu\n", table, number, i);
		if (!is_peer(plan, i, family))
			continue;
		fprintf(text, "add rule %s " NFT_TABLE " r%u_m%zu dup to %s device \"%s\"\n", table,
			number, i, addr_format(&plan->members[i].addresses[family], address),
			plan->interface);
		fprintf(text, "add rule %s " NFT_TABLE " r%u_m%zu drop\n", table, number, i);
	}
}

/*
 * How long the kernel remembers a connection that has ended: it takes a packet of a later one, from
 * the same address and port of a client, for one of the old. If that one lives on another member
 * the packet would not walk. A client opens the same again after a minute (TIME_WAIT), or at once
 * after a RST, and the kernel remembers for two minutes, or ten seconds.
 */
static void write_timeout_policy(FILE *text, const char *table, const char *name)
{
	fprintf(text,
		"add ct timeout %s " NFT_TABLE "%s { protocol tcp; l3proto %s; "
		"policy = { last_ack: 5, time_wait: 1, close: 1 }; }\n",
		table, name, table);
}

/*
 * Which packets walk, after the kernel has looked for their connection and before it translates
 * addresses:
 * - those that begin no connection and belong to none here. The kernel takes them for new ones, in
 *   mid-stream; a FIN or RST of an unknown connection it calls invalid;
 * - those of the node's own clients that come back from another member: their connection lives
 *   elsewhere, whatever the kernel knows of it.
 * Other invalid packets are late ones, or outside the window of a connection that lives here: they
 * stay, since another member would answer them with RST, and go no further, since the kernel would
 * not translate their address.
 */
static void write_walk(FILE *text, const struct nft_plan *plan, enum addr_family family)
{
	const struct words *words = &families[family];
	char address[ADDR_TEXT_SIZE];
	unsigned number = plan->number;
	char tcp[64], walk[64], name[32];

	write_walk_members(text, plan, family);
	snprintf(tcp, sizeof(tcp), "%s " NFT_TABLE " r%u_tcp", words->table, number);
	snprintf(walk, sizeof(walk), "%s " NFT_TABLE " r%u_walk", words->table, number);
	fprintf(text, "add chain %s " NFT_TABLE " r%u_hop\n", words->table, number);
	fprintf(text, "add chain %s " NFT_TABLE " r%u_error_hop\n", words->table, number);
	fprintf(text, "add chain %s\n", tcp);
	fprintf(text, "add rule %s %s %s goto r%u_hop\n", tcp, words->source,
		addr_format(&plan->members[plan->own].addresses[family], address), number);
	fprintf(text,
		"add rule %s tcp flags & (fin|syn|rst|ack) != syn ct state new goto r%u_hop\n", tcp,
		number);
	fprintf(text, "add rule %s tcp flags & (fin|rst) != 0 ct state invalid goto r%u_hop\n", tcp,
		number);
	fprintf(text, "add rule %s ct state invalid drop\n", tcp);
	snprintf(name, sizeof(name), " r%u_ended", number);
	write_timeout_policy(text, words->table, name);
	fprintf(text,
		"add rule %s tcp flags & (fin|syn|rst|ack) == syn ct state new ct timeout set "
		"\"r%u_ended\"\n",
		tcp, number);
	fprintf(text, "add chain %s { type filter hook prerouting priority -150; }\n", walk);
	fprintf(text, "add rule %s iifname \"%s\" %s . tcp dport @r%u_port goto r%u_tcp\n", walk,
		plan->interface, words->destination, number, number);
	fprintf(text, "add rule %s iifname \"%s\" ", walk, plan->interface);
	write_error(text, plan, family);
	fprintf(text, " ct state invalid goto r%u_error_hop\n", number);
}

/* VIP:port is an address of the node itself: for whatever comes in by the VIP's interface, and for
 * the node's own clients and pods while the apiserver is theirs. */
static void write_translation(FILE *text, const struct nft_plan *plan, enum addr_family family)
{
	const struct words *words = &families[family];
	char address[ADDR_TEXT_SIZE];
	unsigned number = plan->number;
	char chain[64];

	addr_format(&plan->members[plan->own].addresses[family], address);
	snprintf(chain, sizeof(chain), "%s " NFT_TABLE " r%u_prerouting", words->table, number);
	fprintf(text, "add chain %s { type nat hook prerouting priority -100; }\n", chain);
	fprintf(text, "add rule %s iifname \"%s\" %s . tcp dport @r%u_port dnat to %s\n", chain,
		plan->interface, words->destination, number, address);
	fprintf(text, "add rule %s %s . tcp dport @r%u_local dnat to %s\n", chain,
		words->destination, number, address);
	snprintf(chain, sizeof(chain), "%s " NFT_TABLE " r%u_output", words->table, number);
	fprintf(text, "add chain %s { type nat hook output priority -100; }\n", chain);
	/* Not a look of the daemon's own at the VIP (os/dial). */
	fprintf(text, "add rule %s %s dscp != cs6 %s . tcp dport @r%u_local dnat to %s\n", chain,
		words->table, words->destination, number, address);
}

static void check_plan(const struct nft_plan *plan)
{
	assert(plan->vip_count >= 1 && plan->vip_count <= NFT_VIPS_MAX);
	assert(plan->port_count >= 1 && plan->port_count <= CONF_BALANCE_PORTS_MAX);
	assert(plan->own < plan->group.member_count);
	assert(plan->group.members[plan->own].live);
	assert(plan->interface[0] && memchr(plan->interface, '\0', sizeof(plan->interface)));
}

static void write_plan(FILE *text, const struct nft_plan *plan)
{
	check_plan(plan);
	write_ingress(text, plan);
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		if (!has_family(plan, family))
			continue;
		add_sets(text, plan, family);
		write_walk(text, plan, family);
		write_translation(text, plan, family);
	}
	write_hops(text, plan);
	write_maps(text, NULL, plan);
	nft_rules_renew(text, plan);
}

void nft_rules_replace(FILE *text, const struct nft_plan *plans, size_t count)
{
	static const char *const tables[] = {"netdev", "ip", "ip6"};

	/* To add a table that is there changes nothing, and to delete one that is not is an error.
	 */
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		fprintf(text, "add table %s " NFT_TABLE "\n", tables[i]);
		fprintf(text, "delete table %s " NFT_TABLE "\n", tables[i]);
		if (count > 0)
			fprintf(text, "add table %s " NFT_TABLE "\n", tables[i]);
	}
	for (size_t i = 0; i < count; i++)
		write_plan(text, &plans[i]);
}

static bool members_equal(const struct nft_plan *a, const struct nft_plan *b)
{
	for (size_t i = 0; i < a->group.member_count; i++) {
		const struct nft_member *first = &a->members[i];
		const struct nft_member *second = &b->members[i];

		if (!addr_equal(&a->group.members[i].address, &b->group.members[i].address) ||
		    !addr_lists_equal(first->addresses, ADDR_FAMILY_COUNT, second->addresses,
				      ADDR_FAMILY_COUNT) ||
		    memcmp(first->mac, second->mac, sizeof(first->mac)) != 0)
			return false;
	}
	return true;
}

bool nft_rules_can_update(const struct nft_plan *from, const struct nft_plan *to)
{
	return from->number == to->number && strcmp(from->interface, to->interface) == 0 &&
	       addr_lists_equal(from->vips, from->vip_count, to->vips, to->vip_count) &&
	       from->port_count == to->port_count &&
	       memcmp(from->ports, to->ports, from->port_count * sizeof(from->ports[0])) == 0 &&
	       from->own == to->own && from->group.member_count == to->group.member_count &&
	       members_equal(from, to);
}

static bool walks_equal(const struct nft_plan *a, const struct nft_plan *b)
{
	for (size_t i = 0; i < a->group.member_count; i++)
		if (a->group.members[i].live != b->group.members[i].live ||
		    a->members[i].lingers != b->members[i].lingers)
			return false;
	return true;
}

void nft_rules_update(FILE *text, const struct nft_plan *from, const struct nft_plan *to)
{
	assert(nft_rules_can_update(from, to));
	check_plan(to);
	if (!walks_equal(from, to))
		write_hops(text, to);
	write_maps(text, from, to);
	nft_rules_renew(text, to);
}

const char *nft_part_name(enum nft_part part)
{
	switch (part) {
	case NFT_PART_HASH:
		return "jhash";
	case NFT_PART_FWD:
		return "fwd";
	case NFT_PART_DUP:
		return "dup";
	case NFT_PART_CONNTRACK:
		return "ct";
	case NFT_PART_TIMEOUT:
		return "ct timeout";
	case NFT_PART_NAT:
		return "nat";
	}
	return "?";
}

void nft_rules_part(FILE *text, enum nft_part part)
{
	static const struct {
		const char *table, *chain, *rule;
	} parts[NFT_PART_COUNT] = {
		{"ip", "", "jhash ip saddr mod 2 seed 0x1 0"},
		{"netdev", "", "fwd ip to 127.0.0.1 device \"lo\""},
		{"ip", "", "dup to 127.0.0.1 device \"lo\""},
		{"ip", "", "ct state new"},
		{"ip", "", "ct timeout set \"t\""},
		{"ip", " { type nat hook prerouting priority -100; }", "dnat to 127.0.0.1"},
	};
	const char *table = parts[part].table;

	fprintf(text, "add table %s " NFT_TABLE "_try\n", table);
	if (part == NFT_PART_TIMEOUT)
		write_timeout_policy(text, table, "_try t");
	fprintf(text, "add chain %s " NFT_TABLE "_try c%s\n", table, parts[part].chain);
	fprintf(text, "add rule %s " NFT_TABLE "_try c %s\n", table, parts[part].rule);
}
