/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/vip.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VIP_ANSWER_SIZE 4096
#define VIP_TIMEOUT_S 2
#define VIP_LOCAL_PAUSE_NS 200000
#define VIP_LOCAL_TRIES 1250   /* 250 ms; 77 ms were seen at a load of 7 on two cores */
#define VIP_FOREVER UINT32_MAX /* the kernel's INFINITY_LIFE_TIME */

struct vip {
	int fd;
	uint32_t sequence;
	bool never_local; /* the local route of an address never showed */
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

/* Waits for the answer of type `wanted`, which is then in vip->answer, or for an error. An
 * acknowledgement is an error of 0. An answer with another sequence number belongs to a request
 * that was given up. */
static int vip_wait(struct vip *vip, int wanted)
{
	for (;;) {
		ssize_t size = recv(vip->fd, &vip->answer, sizeof(vip->answer), 0);
		const struct nlmsghdr *header = &vip->answer.header;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!nlmsg_ok(header, (int)size) || header->nlmsg_seq != vip->sequence)
			continue;
		if (header->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)nlmsg_data(header))->error;
		if (header->nlmsg_type == wanted)
			return 0;
	}
}

static int vip_send(struct vip *vip, struct nl_msg *message, int wanted)
{
	struct nlmsghdr *header = nlmsg_hdr(message);

	header->nlmsg_seq = ++vip->sequence;
	if (send(vip->fd, header, header->nlmsg_len, 0) < 0)
		return -errno;
	return vip_wait(vip, wanted);
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

static int vip_new_address(struct vip *vip, int flags, int ifindex, const struct addr *address,
			   unsigned lease_s)
{
	/* Preferred lifetime 0: deprecated, so nobody picks it as a source address. */
	const struct ifa_cacheinfo lifetime = {
		.ifa_prefered = 0,
		.ifa_valid = lease_s == 0 ? VIP_FOREVER : lease_s,
	};
	uint32_t address_flags = IFA_F_NOPREFIXROUTE;
	struct nl_msg *message = vip_message(RTM_NEWADDR, NLM_F_CREATE | flags, ifindex, address,
					     addr_bits(address->family));
	int result = -ENOMEM;

	if (!message)
		return -ENOMEM;
	/* Another node may still hold it for a moment (rule HANDOVER); IPv4 has no DAD to skip. */
	if (address->family == ADDR_FAMILY_IPV6)
		address_flags |= IFA_F_NODAD;
	if (nla_put(message, IFA_CACHEINFO, sizeof(lifetime), &lifetime) == 0 &&
	    nla_put_u32(message, IFA_FLAGS, address_flags) == 0 &&
	    nla_put_u8(message, IFA_PROTO, VIP_PROTO) == 0)
		result = vip_send(vip, message, NLMSG_ERROR);
	nlmsg_free(message);
	return result;
}

static bool vip_is_local(struct vip *vip, int ifindex, const struct addr *address)
{
	struct rtmsg body = {.rtm_family = AF_INET6, .rtm_dst_len = 128};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
	bool local = false;

	if (!message)
		return false;
	if (nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO) == 0 &&
	    nla_put(message, RTA_DST, (int)addr_size(address->family), address->bytes) == 0 &&
	    nla_put_u32(message, RTA_OIF, (uint32_t)ifindex) == 0 &&
	    vip_send(vip, message, RTM_NEWROUTE) == 0)
		local = ((const struct rtmsg *)nlmsg_data(&vip->answer.header))->rtm_type ==
			RTN_LOCAL;
	nlmsg_free(message);
	return local;
}

/*
 * The kernel acknowledges an IPv6 address before it has the local route for it, which a work queue
 * adds (net/ipv6/ addrconf.c, addrconf_dad_work). Who announces in between sends the neighbours to
 * an address that does not answer.
 */
static void vip_wait_local(struct vip *vip, int ifindex, const struct addr *address)
{
	const struct timespec pause = {.tv_nsec = VIP_LOCAL_PAUSE_NS};

	for (unsigned i = 0; !vip->never_local && !vip_is_local(vip, ifindex, address); i++) {
		/* Routing rules of somebody else's may hide the local table; that is no reason to
		 * wait again. */
		vip->never_local = i == VIP_LOCAL_TRIES;
		nanosleep(&pause, NULL);
	}
}

int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	int result;

	if (address->family == ADDR_FAMILY_IPV4)
		return vip_new_address(vip, NLM_F_REPLACE, ifindex, address, lease_s);
	result = vip_new_address(vip, NLM_F_EXCL, ifindex, address, lease_s);
	if (result == 0)
		vip_wait_local(vip, ifindex, address);
	else if (result == -EEXIST)
		result = vip_new_address(vip, NLM_F_REPLACE, ifindex, address, lease_s);
	return result;
}

int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	struct nl_msg *message = vip_message(RTM_DELADDR, 0, ifindex, address, prefix_length);
	int result;

	if (!message)
		return -ENOMEM;
	result = vip_send(vip, message, NLMSG_ERROR);
	nlmsg_free(message);
	return result;
}
