/* SPDX-License-Identifier: Apache-2.0 */
#include "os/announce.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/neigh.h"
#include "os/netlink.h"

struct announce {
	int fd;
	struct netlink *netlink; /* asks for the gateway */
};

/* The socket is for sending. Nothing that gets hold of the process can listen with it: the filter
 * lets nothing in and cannot be taken off. */
static int deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog filter = {.len = 1, .filter = &drop};
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

int announce_new(struct announce **ret_announce)
{
	struct announce *announce = calloc(1, sizeof(*announce));
	int error;

	if (!announce)
		return -ENOMEM;
	/* Protocol 0 receives nothing either, until it is bound to another one. */
	announce->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = announce->fd < 0 ? -errno : deafen(announce->fd);
	if (error == 0)
		error = netlink_new(&announce->netlink);
	if (error < 0) {
		announce_free(announce);
		return error;
	}
	*ret_announce = announce;
	return 0;
}

void announce_free(struct announce *announce)
{
	if (!announce)
		return;
	if (announce->fd >= 0)
		close(announce->fd);
	netlink_free(announce->netlink);
	free(announce);
}

/* The interface's present name and hardware address. */
static int read_hardware(int fd, int ifindex, struct ifreq *ret_request)
{
	struct ifreq request = {.ifr_ifindex = ifindex};

	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	*ret_request = request;
	return 0;
}

/* The R flag of a Neighbor Advertisement says whether the node is a router (RFC 4861 4.4). Linux
 * takes a node for a router on an interface whose forwarding setting is not 0. */
static bool is_router(const char *name)
{
	char path[sizeof("/proc/sys/net/ipv6/conf//forwarding") + IFNAMSIZ];
	FILE *file;
	int value;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%.*s/forwarding", IFNAMSIZ, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	value = getc(file);
	fclose(file);
	return value != EOF && value != '0';
}

static int send_frame(int fd, int ifindex, const uint8_t *frame, size_t size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

	assert(size > ETHER_HDR_LEN && size <= NEIGH_FRAME_MAX);
	/* Queueing disciplines look at the Ethernet type here. */
	memcpy(&to.sll_protocol, frame + offsetof(struct ether_header, ether_type),
	       sizeof(to.sll_protocol));
	if (sendto(fd, frame, size, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

/* Sends both forms, as neighbours differ in which one they learn from (RFC 5227 3). The first error
 * counts, after both have been tried. */
static int send_arp(int fd, int ifindex, const uint8_t mac[NEIGH_MAC_SIZE],
		    const struct addr *address)
{
	static const enum neigh_form forms[] = {NEIGH_FORM_ARP_REQUEST, NEIGH_FORM_ARP_REPLY};
	uint8_t frame[NEIGH_FRAME_MAX];
	int error = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t size = neigh_arp(frame, mac, address, forms[i]);
		int sent = send_frame(fd, ifindex, frame, size);

		if (error == 0)
			error = sent;
	}
	return error;
}

static int take_gateway(void *context, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct addr *gateway = context;
	struct nlattr *found;

	if (header->nlmsg_type != RTM_NEWROUTE || !nlmsg_valid_hdr(header, sizeof(struct rtmsg)))
		return 0;
	found = nlmsg_find_attr(header, sizeof(struct rtmsg), RTA_GATEWAY);
	if (found && nla_len(found) == (int)addr_size(gateway->family))
		memcpy(gateway->bytes, nla_data(found), addr_size(gateway->family));
	return 0;
}

/*
 * The gateway by which the node leaves its networks through the interface; unspecified if it has
 * none or the kernel cannot be asked. One question, not a dump: a node may have thousands of
 * routes. It is for an address that no network has (RFC 5737, RFC 3849).
 */
static struct addr find_gateway(struct netlink *netlink, int ifindex, enum addr_family family)
{
	static const struct addr outside[ADDR_FAMILY_COUNT] = {
		{.family = ADDR_FAMILY_IPV4, .bytes = {203, 0, 113, 1}},
		{.family = ADDR_FAMILY_IPV6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
	};
	struct rtmsg body = {.rtm_family = family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
			     .rtm_dst_len = (unsigned char)addr_bits(family)};
	struct addr gateway = {.family = family};
	struct nl_msg *message;

	if (netlink_message(RTM_GETROUTE, 0, &body, sizeof(body), &message) < 0)
		return gateway;
	if (nla_put(message, RTA_DST, (int)addr_size(family), outside[family].bytes) < 0 ||
	    nla_put_u32(message, RTA_OIF, (uint32_t)ifindex) < 0)
		nlmsg_free(message);
	else
		(void)netlink_ask(netlink, message, take_gateway, &gateway);
	return gateway;
}

/*
 * Teaches neighbours that ignore gratuitous announcements: a question from the address that a
 * gateway has to answer. Every host on the segment hears it where it is ARP; so without a gateway
 * it is for the node's own address, which nobody answers.
 */
static int send_question(struct announce *announce, int ifindex, const uint8_t mac[NEIGH_MAC_SIZE],
			 const struct addr *source, const struct addr *address)
{
	struct addr target = find_gateway(announce->netlink, ifindex, address->family);
	uint8_t frame[NEIGH_FRAME_MAX];
	size_t size;

	if (addr_is_unspecified(&target) && address->family == ADDR_FAMILY_IPV4 &&
	    source->family == ADDR_FAMILY_IPV4)
		target = *source;
	if (addr_is_unspecified(&target) || addr_equal(&target, address))
		return 0;
	size = address->family == ADDR_FAMILY_IPV4
		       ? neigh_arp_question(frame, mac, address, &target)
		       : neigh_ns(frame, mac, address, &target);
	return send_frame(announce->fd, ifindex, frame, size);
}

/* As neigh.h has it for each family, without the question. */
static int send_unasked(struct announce *announce, int ifindex, const struct ifreq *hardware,
			const struct addr *source, const struct addr *address)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	uint8_t mac[NEIGH_MAC_SIZE];
	size_t size;

	memcpy(mac, hardware->ifr_hwaddr.sa_data, sizeof(mac));
	if (address->family == ADDR_FAMILY_IPV4)
		return send_arp(announce->fd, ifindex, mac, address);
	size = neigh_na(frame, mac, source, address, is_router(hardware->ifr_name));
	return send_frame(announce->fd, ifindex, frame, size);
}

int announce_send(struct announce *announce, int ifindex, const struct addr *source,
		  const struct addr *address)
{
	uint8_t mac[NEIGH_MAC_SIZE];
	struct ifreq hardware;
	int error = read_hardware(announce->fd, ifindex, &hardware);
	int asked;

	if (error < 0)
		return error;
	memcpy(mac, hardware.ifr_hwaddr.sa_data, sizeof(mac));
	error = send_unasked(announce, ifindex, &hardware, source, address);
	asked = send_question(announce, ifindex, mac, source, address);
	return error < 0 ? error : asked;
}

int announce_ask(struct announce *announce, int ifindex, const struct addr *address)
{
	const struct addr nobody = {.family = address->family};
	uint8_t frame[NEIGH_FRAME_MAX], mac[NEIGH_MAC_SIZE];
	struct ifreq hardware;
	int error = read_hardware(announce->fd, ifindex, &hardware);
	size_t size;

	if (error < 0)
		return error;
	memcpy(mac, hardware.ifr_hwaddr.sa_data, sizeof(mac));
	size = address->family == ADDR_FAMILY_IPV4
		       ? neigh_arp_question(frame, mac, &nobody, address)
		       : neigh_ns(frame, mac, &nobody, address);
	return send_frame(announce->fd, ifindex, frame, size);
}
