/* SPDX-License-Identifier: Apache-2.0 */
#include "os/leftover.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "os/netlink.h"
#include "os/vip.h"

/* Every VIP there can be: 255 instances with 21 addresses. */
#define FOUND_MAX ((size_t)255 * 21)

struct leftover {
	struct ifaddrmsg body;
	struct addr address;
};

struct found {
	size_t count;
	struct leftover list[FOUND_MAX];
};

static int take_address(void *context, struct nl_msg *message)
{
	struct found *found = context;
	const struct nlmsghdr *header = nlmsg_hdr(message);
	const struct ifaddrmsg *body = nlmsg_data(header);
	struct nlattr *proto, *local;
	enum addr_family family;

	if (header->nlmsg_type != RTM_NEWADDR ||
	    (body->ifa_family != AF_INET && body->ifa_family != AF_INET6))
		return 0;
	family = body->ifa_family == AF_INET ? ADDR_FAMILY_IPV4 : ADDR_FAMILY_IPV6;
	proto = nlmsg_find_attr(nlmsg_hdr(message), sizeof(*body), IFA_PROTO);
	/* IPv6 addresses without a peer have no IFA_LOCAL. */
	local = nlmsg_find_attr(nlmsg_hdr(message), sizeof(*body), IFA_LOCAL);
	if (!local)
		local = nlmsg_find_attr(nlmsg_hdr(message), sizeof(*body), IFA_ADDRESS);
	if (!proto || nla_get_u8(proto) != VIP_PROTO || !local ||
	    nla_len(local) < (int)addr_size(family) || found->count == FOUND_MAX)
		return 0;
	found->list[found->count++] = (struct leftover){
		.body = *body,
		.address = addr_from_bytes(family, nla_data(local)),
	};
	return 0;
}

static int list(struct netlink *netlink, struct found *found)
{
	struct ifaddrmsg body = {.ifa_family = AF_UNSPEC};
	struct nl_msg *question;
	int error = netlink_message(RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body), &question);

	if (error < 0)
		return error;
	return netlink_ask(netlink, question, take_address, found);
}

static int remove_one(struct netlink *netlink, const struct leftover *leftover)
{
	struct ifaddrmsg body = leftover->body;
	struct nl_msg *message;
	int size = (int)addr_size(leftover->address.family);
	int error = netlink_message(RTM_DELADDR, 0, &body, sizeof(body), &message);

	if (error < 0)
		return error;
	if (nla_put(message, IFA_LOCAL, size, leftover->address.bytes) < 0 ||
	    nla_put(message, IFA_ADDRESS, size, leftover->address.bytes) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return netlink_ask(netlink, message, NULL, NULL);
}

int leftover_remove(void (*removed)(void *context, int ifindex, const struct addr *address,
				    int error),
		    void *context)
{
	struct found *found = calloc(1, sizeof(*found));
	struct netlink *netlink = NULL;
	int error = found ? netlink_new(&netlink) : -ENOMEM;

	if (error == 0)
		error = list(netlink, found);
	for (size_t i = 0; error == 0 && i < found->count; i++)
		removed(context, (int)found->list[i].body.ifa_index, &found->list[i].address,
			remove_one(netlink, &found->list[i]));
	netlink_free(netlink);
	free(found);
	return error;
}
