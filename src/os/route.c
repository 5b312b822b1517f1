/* SPDX-License-Identifier: Apache-2.0 */
#include "os/route.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/object.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdbool.h>
#include <sys/socket.h>

#define DUMP_TRIES 10
#define LOOPBACK_INDEX 1 /* of lo in every network namespace */

struct search {
	const struct addr *address;
	const struct addr *own;
	size_t own_count;
	bool is_neighbour; /* the kernel takes the address for that of another host */
	struct route best; /* ifindex 0: none so far */
	uint32_t metric;
};

static int family_number(const struct addr *address)
{
	return address->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static struct addr read_addr(const struct search *search, struct nl_addr *from)
{
	enum addr_family family = search->address->family;
	struct addr addr = {.family = family};

	/* The default route has none. */
	if (from && nl_addr_get_len(from) == addr_size(family))
		addr = addr_from_bytes(family, nl_addr_get_binary_addr(from));
	return addr;
}

/* The interface of a route without a gateway; 0 if it is no such route. */
static int interface_of(struct rtnl_route *route)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
	int ifindex;

	if (rtnl_route_get_type(route) != RTN_UNICAST || rtnl_route_get_nnexthops(route) != 1 ||
	    rtnl_route_nh_get_gateway(hop) || rtnl_route_nh_get_via(hop))
		return 0;
	ifindex = rtnl_route_nh_get_ifindex(hop);
	return ifindex == LOOPBACK_INDEX ? 0 : ifindex;
}

static void consider(struct nl_object *object, void *context)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct search *search = context;
	struct nl_addr *to = rtnl_route_get_dst(route);
	struct addr source = read_addr(search, rtnl_route_get_pref_src(route));
	struct route found = {
		.ifindex = interface_of(route),
		.prefix = read_addr(search, to),
		.prefix_length = (uint8_t)(to ? nl_addr_get_prefixlen(to) : 0),
	};
	uint32_t metric = rtnl_route_get_priority(route);
	bool better =
		search->best.ifindex == 0 || found.prefix_length > search->best.prefix_length ||
		(found.prefix_length == search->best.prefix_length && metric < search->metric);

	search->is_neighbour |= rtnl_route_get_type(route) == RTN_UNICAST;
	if (found.ifindex == 0 || !better ||
	    !addr_in_prefix(search->address, &found.prefix, found.prefix_length) ||
	    addr_in_list(&source, search->own, search->own_count))
		return;
	search->best = found;
	search->metric = metric;
}

static int take(void *context, struct nl_msg *message)
{
	const struct nlmsghdr *header = nlmsg_hdr(message);
	const struct rtmsg *body = nlmsg_data(header);

	/* Before Linux 4.20 a dump has all tables. */
	if (header->nlmsg_type != RTM_NEWROUTE ||
	    (body->rtm_table != RT_TABLE_MAIN && header->nlmsg_flags & NLM_F_MULTI))
		return 0;
	return netlink_error(nl_msg_parse(message, consider, context));
}

static int lookup(struct netlink *questions, struct search *search)
{
	const struct addr *address = search->address;
	struct rtmsg body = {
		.rtm_family = (unsigned char)family_number(address),
		.rtm_dst_len = (unsigned char)addr_bits(address->family),
		.rtm_flags = RTM_F_FIB_MATCH, /* the route, not what follows from it */
	};
	struct nl_msg *question;
	int error = netlink_message(RTM_GETROUTE, 0, &body, sizeof(body), &question);

	if (error < 0)
		return error;
	error = netlink_error(
		nla_put(question, RTA_DST, (int)addr_size(address->family), address->bytes));
	if (error < 0) {
		nlmsg_free(question);
		return error;
	}
	return netlink_ask(questions, question, take, search);
}

static int dump(struct netlink *questions, struct search *search)
{
	struct rtmsg body = {
		.rtm_family = (unsigned char)family_number(search->address),
		.rtm_table = RT_TABLE_MAIN,
	};
	struct nl_msg *question;
	int error = netlink_message(RTM_GETROUTE, NLM_F_DUMP, &body, sizeof(body), &question);

	return error < 0 ? error : netlink_ask(questions, question, take, search);
}

/* What the kernel answers where no route leads to the address, or one that forbids it; EINVAL tells
 * of a blackhole. */
static bool is_unreachable(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES ||
	       error == -EINVAL || error == -ENOENT;
}

int route_to_neighbour(struct netlink *questions, const struct addr *address,
		       const struct addr *own, size_t own_count, struct route *ret_route)
{
	const struct search start = {.address = address, .own = own, .own_count = own_count};
	struct search search = start;
	int error = lookup(questions, &search);

	if (error < 0 && !is_unreachable(error))
		return error;
	if (error == 0 && !search.is_neighbour) {
		error = -EAGAIN;
		for (unsigned i = 0; i < DUMP_TRIES && error == -EAGAIN; i++) {
			search = start;
			error = dump(questions, &search);
		}
		if (error < 0 && !is_unreachable(error))
			return error;
	}
	if (search.best.ifindex == 0)
		return -ENODEV;
	assert(addr_in_prefix(address, &search.best.prefix, search.best.prefix_length));
	*ret_route = search.best;
	return 0;
}
