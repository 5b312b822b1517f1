/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/vip.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define VIP_ANSWER_SIZE 4096
#define VIP_TIMEOUT_S 2
#define VIP_FOREVER UINT32_MAX /* the kernel's INFINITY_LIFE_TIME */

struct vip {
	int fd;
	uint32_t sequence;
	union {
		struct nlmsghdr header;
		uint8_t bytes[VIP_ANSWER_SIZE];
	} answer;
};

int vip_new(struct vip **ret_vip)
{
	const struct timeval timeout = {.tv_sec = VIP_TIMEOUT_S};
	struct vip *vip = calloc(1, sizeof(*vip));
	int result = 0;

	if (!vip)
		return -ENOMEM;
	vip->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (vip->fd < 0 ||
	    setsockopt(vip->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		result = -errno;
		vip_free(vip);
		return result;
	}
	*ret_vip = vip;
	return 0;
}

void vip_free(struct vip *vip)
{
	if (!vip)
		return;
	if (vip->fd >= 0)
		close(vip->fd);
	free(vip);
}

/* The error in the kernel's acknowledgement, which is 0 or -errno. An answer with another sequence
 * number belongs to a request that was given up. */
static int vip_wait(struct vip *vip)
{
	for (;;) {
		ssize_t size = recv(vip->fd, &vip->answer, sizeof(vip->answer), 0);
		const struct nlmsghdr *header = &vip->answer.header;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (nlmsg_ok(header, (int)size) && header->nlmsg_seq == vip->sequence &&
		    header->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)nlmsg_data(header))->error;
	}
}

static int vip_send(struct vip *vip, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);

	header->nlmsg_seq = ++vip->sequence;
	if (send(vip->fd, header, header->nlmsg_len, 0) < 0)
		return -errno;
	return vip_wait(vip);
}

/* NULL without memory. */
static struct nl_msg *vip_message(int type, int flags, int ifindex, const struct addr *address,
				  unsigned prefix_length)
{
	struct ifaddrmsg body = {
		.ifa_family = address->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
		.ifa_prefixlen = (uint8_t)prefix_length,
		.ifa_scope = RT_SCOPE_UNIVERSE, /* the kernel knows the scope of IPv6 ones itself */
		.ifa_index = (unsigned)ifindex,
	};
	int size = (int)addr_size(address->family);
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	/* RTM_DELADDR compares the prefix length of IPv4 only if IFA_ADDRESS is there. */
	if (message && (nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
			nla_put(message, IFA_LOCAL, size, address->bytes) < 0 ||
			nla_put(message, IFA_ADDRESS, size, address->bytes) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	/* Preferred lifetime 0: deprecated, so nobody picks it as a source address. */
	const struct ifa_cacheinfo lifetime = {
		.ifa_prefered = 0,
		.ifa_valid = lease_s == 0 ? VIP_FOREVER : lease_s,
	};
	uint32_t flags = IFA_F_NOPREFIXROUTE;
	struct nl_msg *message = vip_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex,
					     address, addr_bits(address->family));
	int result = -ENOMEM;

	if (!message)
		return -ENOMEM;
	/* Another node may still hold it for a moment (rule HANDOVER); IPv4 has no DAD to skip. */
	if (address->family == ADDR_FAMILY_IPV6)
		flags |= IFA_F_NODAD;
	if (nla_put(message, IFA_CACHEINFO, sizeof(lifetime), &lifetime) == 0 &&
	    nla_put_u32(message, IFA_FLAGS, flags) == 0 &&
	    nla_put_u8(message, IFA_PROTO, VIP_PROTO) == 0)
		result = vip_send(vip, message);
	nlmsg_free(message);
	return result;
}

int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	struct nl_msg *message = vip_message(RTM_DELADDR, 0, ifindex, address, prefix_length);
	int result;

	if (!message)
		return -ENOMEM;
	result = vip_send(vip, message);
	nlmsg_free(message);
	return result;
}
