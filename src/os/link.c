/* SPDX-License-Identifier: Apache-2.0 */
#include "os/link.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>

#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/object.h>
#include <netlink/route/addr.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netlink.h"
#include "os/vip.h"

#define DUMP_TRIES 10
#define SYNC_ROUNDS 8
#define FILTER_INDEXES_MAX 255
#define FILTER_MAX (2 * FILTER_INDEXES_MAX + 2)
/* In struct ifinfomsg and in struct ifaddrmsg the interface index is at the same place. */
#define INDEX_OFFSET (NLMSG_HDRLEN + 4)

static_assert(offsetof(struct ifinfomsg, ifi_index) == 4, "see INDEX_OFFSET");
static_assert(offsetof(struct ifaddrmsg, ifa_index) == 4, "see INDEX_OFFSET");
static_assert(ROUTER_INTERFACE_SIZE == IF_NAMESIZE, "names are copied whole");

struct watched {
	struct watched *next;
	bool stale;   /* to be asked for again */
	bool pending; /* known is news to the user */
	struct interface known;
};

struct link {
	struct netlink *events;
	struct netlink *questions;
	void (*changed)(void *context, const struct interface *interface);
	void *context;
	struct watched *watched;
	bool watch_all;
	bool watch_routes; /* their events come */
	unsigned short filter_size;
	struct sock_filter filter[FILTER_MAX];
	struct interface scratch;
};

/* What a message tells of an interface. */
struct link_message {
	bool deleted;
	bool of_port; /* tells of the interface as a bridge port only */
	int index;
	bool up;
	bool port; /* see struct interface */
	char name[ROUTER_INTERFACE_SIZE];
	/* Fields that reveal a flap between two reads. */
	uint8_t mac[6]; /* zero if the address is not one of Ethernet's size */
	uint32_t carrier_changes;
};

/* What a message tells of an address. */
struct address_message {
	bool deleted;
	int ifindex; /* 0: neither IPv4 nor IPv6 */
	struct interface_address own;
};

static bool is_up(unsigned flags)
{
	/* The carrier, and the operational state (RFC 2863), which can lag behind or wait for
	 * 802.1X. The kernel shows neither unless the interface is administratively up. */
	const unsigned all = IFF_LOWER_UP | IFF_RUNNING;

	return (flags & all) == all;
}

static bool is_link(struct nl_msg *message)
{
	return nlmsg_hdr(message)->nlmsg_type == RTM_NEWLINK ||
	       nlmsg_hdr(message)->nlmsg_type == RTM_DELLINK;
}

static bool is_address(struct nl_msg *message)
{
	return nlmsg_hdr(message)->nlmsg_type == RTM_NEWADDR ||
	       nlmsg_hdr(message)->nlmsg_type == RTM_DELADDR;
}

/* Of a bridge, bond, team, Open vSwitch or the like: these take what the interface receives. A VRF
 * leaves it to the interface. */
static bool is_port(struct nlattr *const attributes[IFLA_CARRIER_CHANGES + 1])
{
	struct nlattr *master = attributes[IFLA_MASTER], *info = attributes[IFLA_LINKINFO];
	struct nlattr *kind =
		info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_KIND) : NULL;

	return master && nla_len(master) == sizeof(uint32_t) && nla_get_u32(master) != 0 &&
	       !(kind && nla_strcmp(kind, "vrf") == 0);
}

/*
 * The few attributes are read one by one. libnl-route's rtnl_link refuses a message for any detail
 * of any kind of link that it cannot read (3.7: bridge ports with a hardware mode), and an
 * interface that cannot be read would never get the VIP; it also takes a bridge for a port of one.
 */
static int read_link(struct nl_msg *message, struct link_message *ret_link)
{
	static const struct nla_policy policy[IFLA_CARRIER_CHANGES + 1] = {
		[IFLA_IFNAME] = {.type = NLA_STRING, .maxlen = ROUTER_INTERFACE_SIZE},
		[IFLA_CARRIER_CHANGES] = {.type = NLA_U32},
	};
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *attributes[IFLA_CARRIER_CHANGES + 1];
	struct nlattr *mac;
	int error = netlink_error(
		nlmsg_parse(header, sizeof(*info), attributes, IFLA_CARRIER_CHANGES, policy));

	if (error < 0)
		return error;
	*ret_link = (struct link_message){
		.deleted = header->nlmsg_type == RTM_DELLINK,
		.of_port = info->ifi_family != AF_UNSPEC,
		.index = info->ifi_index,
		.up = is_up(info->ifi_flags),
	};
	if (attributes[IFLA_IFNAME])
		nla_strlcpy(ret_link->name, attributes[IFLA_IFNAME], sizeof(ret_link->name));
	ret_link->port = is_port(attributes);
	mac = attributes[IFLA_ADDRESS];
	if (mac && nla_len(mac) == (int)sizeof(ret_link->mac))
		memcpy(ret_link->mac, nla_data(mac), sizeof(ret_link->mac));
	if (attributes[IFLA_CARRIER_CHANGES])
		ret_link->carrier_changes = nla_get_u32(attributes[IFLA_CARRIER_CHANGES]);
	return 0;
}

static void read_object(struct nl_object *object, void *context)
{
	struct rtnl_addr *from = (struct rtnl_addr *)object;
	struct address_message *ret = context;
	int family_number = rtnl_addr_get_family(from);
	enum addr_family family = family_number == AF_INET ? ADDR_FAMILY_IPV4 : ADDR_FAMILY_IPV6;
	struct nl_addr *local = rtnl_addr_get_local(from);
	unsigned flags = rtnl_addr_get_flags(from);

	if ((family_number != AF_INET && family_number != AF_INET6) || !local ||
	    nl_addr_get_len(local) != addr_size(family))
		return;
	ret->ifindex = rtnl_addr_get_ifindex(from);
	ret->own = (struct interface_address){
		.address = addr_from_bytes(family, nl_addr_get_binary_addr(local)),
		.prefix_length = (uint8_t)rtnl_addr_get_prefixlen(from),
		.deprecated = (flags & IFA_F_DEPRECATED) != 0,
		.tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0,
		.duplicate = (flags & IFA_F_DADFAILED) != 0,
	};
}

/* libnl 3.7 has no IFA_PROTO, and multiplies the time of creation until it overflows. */
static void read_rest(struct nl_msg *message, struct interface_address *own)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *proto = nlmsg_find_attr(header, sizeof(struct ifaddrmsg), IFA_PROTO);
	struct nlattr *times = nlmsg_find_attr(header, sizeof(struct ifaddrmsg), IFA_CACHEINFO);
	struct ifa_cacheinfo info;

	own->vip = proto && nla_len(proto) == 1 && nla_get_u8(proto) == VIP_PROTO;
	if (times && nla_len(times) >= (int)sizeof(info)) {
		memcpy(&info, nla_data(times), sizeof(info));
		own->created = info.cstamp;
		own->leased = info.ifa_valid != UINT32_MAX;
	}
}

static int read_address(struct nl_msg *message, struct address_message *ret_address)
{
	struct address_message address = {
		.deleted = nlmsg_hdr(message)->nlmsg_type == RTM_DELADDR,
	};
	int error = netlink_error(nl_msg_parse(message, read_object, &address));

	if (error < 0)
		return error;
	read_rest(message, &address.own);
	*ret_address = address;
	return 0;
}

static bool same_state(const struct interface_address *a, const struct interface_address *b)
{
	return a->vip == b->vip && a->leased == b->leased && a->deprecated == b->deprecated &&
	       a->tentative == b->tentative && a->duplicate == b->duplicate;
}

static bool address_equal(const struct interface_address *a, const struct interface_address *b)
{
	return a->prefix_length == b->prefix_length && addr_equal(&a->address, &b->address) &&
	       same_state(a, b);
}

static bool interface_equal(const struct interface *a, const struct interface *b)
{
	if (a->index != b->index || a->up != b->up || a->port != b->port ||
	    a->address_count != b->address_count || memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 ||
	    a->carrier_changes != b->carrier_changes)
		return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (!address_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

static const struct interface_address *find_address(const struct interface *interface,
						    const struct interface_address *wanted)
{
	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *address = &interface->addresses[i];

		if (address->prefix_length == wanted->prefix_length &&
		    addr_equal(&address->address, &wanted->address))
			return address;
	}
	return NULL;
}

static int take_link(void *context, struct nl_msg *message)
{
	struct interface *interface = context;
	struct link_message link;
	int error;

	if (!is_link(message))
		return 0;
	error = read_link(message, &link);
	if (error < 0)
		return error;
	/* The kernel also finds interfaces by alternative names. */
	interface->index = link.index;
	interface->up = link.up;
	interface->port = link.port;
	memcpy(interface->mac, link.mac, sizeof(interface->mac));
	interface->carrier_changes = link.carrier_changes;
	return 0;
}

static int take_address(void *context, struct nl_msg *message)
{
	struct interface *interface = context;
	struct address_message address;
	int error;

	if (!is_address(message))
		return 0;
	error = read_address(message, &address);
	if (error < 0)
		return error;
	if (address.ifindex == interface->index &&
	    interface->address_count < INTERFACE_ADDRESSES_MAX)
		interface->addresses[interface->address_count++] = address.own;
	return 0;
}

/* No index if there is no interface of this name. */
static int ask_link(struct link *link, struct interface *interface)
{
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	struct nl_msg *question;
	int error;

	interface->index = 0;
	interface->up = false;
	interface->port = false;
	/* Not rtnl_link_build_get_request(): it asks for SR-IOV functions, which drivers may be
	 * slow to tell, each of them. */
	error = netlink_message(RTM_GETLINK, 0, &body, sizeof(body), &question);
	if (error < 0)
		return error;
	error = netlink_error(nla_put_string(question, IFLA_IFNAME, interface->name));
	if (error < 0) {
		nlmsg_free(question);
		return error;
	}
	error = netlink_ask(link->questions, question, take_link, interface);
	return error == -ENODEV ? 0 : error;
}

/* ifindex 0: of all interfaces. */
static int ask_addresses(struct link *link, int ifindex,
			 int (*take)(void *context, struct nl_msg *message), void *context)
{
	struct ifaddrmsg body = {.ifa_family = AF_UNSPEC, .ifa_index = (unsigned)ifindex};
	struct nl_msg *question;
	int error = netlink_message(RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body), &question);

	if (error == 0)
		error = netlink_ask(link->questions, question, take, context);
	/* The interface has gone since it was looked up; its event will say so. */
	return error == -ENODEV ? 0 : error;
}

/* Fills link->scratch. A dump that changes have interrupted is repeated. */
static int ask(struct link *link, const char name[ROUTER_INTERFACE_SIZE])
{
	struct interface *interface = &link->scratch;
	int error = -EAGAIN;

	for (unsigned i = 0; i < DUMP_TRIES && error == -EAGAIN; i++) {
		interface->address_count = 0;
		memcpy(interface->name, name, sizeof(interface->name));
		error = ask_link(link, interface);
		if (error == 0 && interface->index != 0)
			error = ask_addresses(link, interface->index, take_address, interface);
	}
	return error;
}

/* Only what is filled: the struct has room for every VIP there can be. */
static void copy(struct interface *to, const struct interface *from)
{
	memcpy(to, from,
	       offsetof(struct interface, addresses) +
		       from->address_count * sizeof(from->addresses[0]));
}

static int refresh(struct link *link)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next) {
		int error;

		if (!watched->stale)
			continue;
		error = ask(link, watched->known.name);
		if (error < 0)
			return error;
		watched->stale = false;
		if (!interface_equal(&watched->known, &link->scratch)) {
			copy(&watched->known, &link->scratch);
			watched->pending = true;
		}
	}
	return 0;
}

static void mark_all(struct link *link)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next)
		watched->stale = true;
}

/*
 * Passes the messages of the watched interfaces and drops all others, or passes everything while
 * one of them does not exist: its name cannot be compared in a filter. Returns the number of
 * instructions.
 */
static unsigned short make_filter(const struct link *link, struct sock_filter filter[FILTER_MAX])
{
	const struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, INDEX_OFFSET);
	bool all = link->watch_all;
	unsigned short size = 0;

	filter[size++] = load;
	for (const struct watched *watched = link->watched; watched; watched = watched->next) {
		/* A load is in network order, netlink in that of the host. */
		const struct sock_filter compare = BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)watched->known.index), 0, 1);

		all |= watched->known.index == 0 || size + 3 > FILTER_MAX;
		if (all)
			break;
		filter[size++] = compare;
		filter[size++] = pass;
	}
	if (all) {
		filter[0] = pass;
		return 1;
	}
	filter[size++] = drop;
	assert(size <= FILTER_MAX);
	return size;
}

/* Sets *ret_replaced if another filter than before is in force now. */
static int set_filter(struct link *link, bool *ret_replaced)
{
	struct sock_filter filter[FILTER_MAX];
	struct sock_fprog program = {.len = make_filter(link, filter), .filter = filter};
	size_t bytes = program.len * sizeof(filter[0]);

	if (program.len == link->filter_size && memcmp(filter, link->filter, bytes) == 0)
		return 0;
	/* libnl has no socket filters. */
	if (setsockopt(netlink_fd(link->events), SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) < 0)
		return -errno;
	memcpy(link->filter, filter, bytes);
	link->filter_size = program.len;
	*ret_replaced = true;
	return 0;
}

/*
 * Brings all that is stale up to date, and the filter with it. Under another filter everything is
 * asked for again: the old one may have dropped what counts now.
 */
static int sync_all(struct link *link)
{
	for (unsigned i = 0; i < SYNC_ROUNDS; i++) {
		bool replaced = false;
		int error = refresh(link);

		if (error == 0)
			error = set_filter(link, &replaced);
		if (error < 0)
			return error;
		if (!replaced)
			return 0;
		mark_all(link);
	}
	return -EAGAIN;
}

/* Starts over after each call: the user may watch and unwatch from within. */
static void tell(struct link *link)
{
	struct watched *watched = link->watched;

	while (watched) {
		if (!watched->pending) {
			watched = watched->next;
			continue;
		}
		watched->pending = false;
		if (link->changed)
			link->changed(link->context, &watched->known);
		watched = link->watched;
	}
}

/* After a call of the user: all news is told, and an interface that does not exist has nothing. */
static void check(const struct link *link)
{
	for (const struct watched *watched = link->watched; watched; watched = watched->next) {
		const struct interface *known = &watched->known;

		assert(!watched->pending);
		assert(known->index != 0 || (!known->up && known->address_count == 0));
		assert(known->address_count <= INTERFACE_ADDRESSES_MAX);
	}
}

/* Events only say what to ask for: the answer has the kernel's own order, and no state is put
 * together from parts. */
static void event_link(struct link *link, const struct link_message *message)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next) {
		struct interface *known = &watched->known;
		bool same_name = strcmp(known->name, message->name) == 0;
		bool same_index = known->index == message->index;
		bool disturbed = memcmp(known->mac, message->mac, sizeof(known->mac)) != 0 ||
				 known->carrier_changes != message->carrier_changes;

		/* It may have got the name as an alternative one. */
		if (known->index == 0 && !message->deleted)
			watched->stale = true;
		if (!same_name && !same_index)
			continue;
		if (message->deleted || !same_name || !same_index || known->up != message->up ||
		    (!message->of_port && (disturbed || known->port != message->port)))
			watched->stale = true;
		/* Told even if another one with the same index is there by now: what was bound to
		 * the old one is dead. */
		if (message->deleted && same_index && !message->of_port) {
			known->index = 0;
			known->up = false;
			known->port = false;
			known->address_count = 0;
			watched->pending = true;
		}
	}
}

/* Most events are the renewal of a lease, which changes nothing. */
static void event_address(struct link *link, const struct address_message *message)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next) {
		const struct interface_address *known;

		if (watched->known.index != message->ifindex)
			continue;
		known = find_address(&watched->known, &message->own);
		if (message->deleted)
			watched->stale |= known != NULL;
		else if (known)
			watched->stale |= !same_state(known, &message->own);
		else
			watched->stale |= watched->known.address_count < INTERFACE_ADDRESSES_MAX;
	}
}

/* An event that cannot be read may tell of anything. */
static int take_event(void *context, struct nl_msg *message)
{
	struct link *link = context;
	struct address_message address;
	struct link_message about;
	int error = 0;

	if (is_link(message) && (error = read_link(message, &about)) == 0)
		event_link(link, &about);
	else if (is_address(message) && (error = read_address(message, &address)) == 0 &&
		 address.ifindex != 0)
		event_address(link, &address);
	if (error < 0)
		mark_all(link);
	return 0;
}

int link_new(void (*changed)(void *context, const struct interface *interface), void *context,
	     struct link **ret_link)
{
	struct link *link = calloc(1, sizeof(*link));
	int error;

	if (!link)
		return -ENOMEM;
	link->changed = changed;
	link->context = context;
	if ((error = netlink_new_events(&link->events)) < 0 ||
	    (error = netlink_new(&link->questions)) < 0 || (error = sync_all(link)) < 0) {
		link_free(link);
		return error;
	}
	*ret_link = link;
	return 0;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	while (link->watched) {
		struct watched *next = link->watched->next;

		free(link->watched);
		link->watched = next;
	}
	netlink_free(link->questions);
	netlink_free(link->events);
	free(link);
}

int link_fd(const struct link *link)
{
	return netlink_fd(link->events);
}

static struct watched *find(const struct link *link, const char *name)
{
	struct watched *watched = link->watched;

	while (watched && strcmp(watched->known.name, name) != 0)
		watched = watched->next;
	return watched;
}

int link_watch(struct link *link, const char *name)
{
	size_t size = strlen(name) + 1;
	struct watched *watched;
	int error;

	if (find(link, name))
		return 0;
	if (size > sizeof(watched->known.name))
		return -EINVAL;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return -ENOMEM;
	memcpy(watched->known.name, name, size);
	watched->stale = true;
	watched->pending = true;
	watched->next = link->watched;
	link->watched = watched;
	error = sync_all(link);
	tell(link);
	check(link);
	return error;
}

/* The next link_drain() narrows the filter; until then there are only more events. */
static void drop(struct watched **at)
{
	struct watched *watched = *at;

	*at = watched->next;
	free(watched);
}

void link_unwatch(struct link *link, const char *name)
{
	for (struct watched **at = &link->watched; *at; at = &(*at)->next)
		if (strcmp((*at)->known.name, name) == 0) {
			drop(at);
			return;
		}
}

void link_unwatch_unused(struct link *link, bool (*used)(void *context, const char *name),
			 void *context)
{
	for (struct watched **at = &link->watched; *at;)
		if (used(context, (*at)->known.name))
			at = &(*at)->next;
		else
			drop(at);
}

const struct interface *link_get(const struct link *link, const char *name)
{
	const struct watched *watched = find(link, name);

	return watched ? &watched->known : NULL;
}

int link_find(struct link *link, const struct addr *address, const struct addr *own,
	      size_t own_count, struct route *ret_route, char ret_name[ROUTER_INTERFACE_SIZE])
{
	char name[ROUTER_INTERFACE_SIZE];
	struct route route;
	int error = route_to_neighbour(link->questions, address, own, own_count, &route);

	if (error < 0)
		return error;
	if (!if_indextoname((unsigned)route.ifindex, name))
		return -ENODEV;
	*ret_route = route;
	memcpy(ret_name, name, sizeof(name));
	return 0;
}

int link_watch_all(struct link *link, bool on)
{
	bool replaced = false;
	int error = 0;

	if (link->watch_routes != on)
		error = netlink_follow_routes(link->events, on);
	if (error == 0)
		link->watch_routes = on;
	link->watch_all = on;
	/* Nothing is missed of the watched ones, which both filters pass. If there is no memory for
	 * the filter now, the next link_drain() sets it. */
	(void)set_filter(link, &replaced);
	return error;
}

int link_drain(struct link *link)
{
	int count = 0;
	int result;

	while ((result = netlink_receive(link->events, take_event, link)) != -EAGAIN) {
		if (result >= 0) {
			count += result;
			continue;
		}
		/* Events were lost, or cannot be read now. */
		mark_all(link);
		if (result != -ENOBUFS)
			return result;
	}
	tell(link);
	result = sync_all(link);
	tell(link);
	check(link);
	return result < 0 ? result : count;
}
