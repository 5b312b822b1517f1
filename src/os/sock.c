/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCK_BATCH 8
#define SOCK_BUFFER_SIZE (ADVERT_SIZE_MAX + 60) /* 60: the longest IPv4 header */
#define SOCK_TRAFFIC_CLASS 0xc0			/* DSCP CS6, internetwork control */
/* The kernel doubles it and counts about 770 bytes for a short packet: 340 of them, more than one
 * from each of the 255 virtual routers of a segment. */
#define SOCK_RECEIVE_BUFFER (128 * 1024)

struct sock_slot {
	struct sockaddr_in6 source; /* not used for IPv4 */
	_Alignas(struct cmsghdr)
		uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
	uint8_t data[SOCK_BUFFER_SIZE];
};

struct sock {
	int fd;
	int ifindex;
	enum addr_family family;
	bool multicast;
	struct mmsghdr messages[SOCK_BATCH];
	struct iovec vectors[SOCK_BATCH];
	struct sock_slot slots[SOCK_BATCH];
};

struct sock_option {
	int level;
	int name;
	int value;
};

#define SOCK_OPTION_COUNT 8

/* IP_TOS also sets the priority, so SO_PRIORITY comes after it; 7 is TC_PRIO_CONTROL. */
static const struct sock_option sock_options[ADDR_FAMILY_COUNT][SOCK_OPTION_COUNT] = {
	[ADDR_FAMILY_IPV4] =
		{
			{SOL_SOCKET, SO_RCVBUF, SOCK_RECEIVE_BUFFER},
			{IPPROTO_IP, IP_MULTICAST_ALL, 0},
			{IPPROTO_IP, IP_MULTICAST_LOOP, 0},
			{IPPROTO_IP, IP_MULTICAST_TTL, ADVERT_HOPS},
			{IPPROTO_IP, IP_TTL, ADVERT_HOPS},
			{IPPROTO_IP, IP_TOS, SOCK_TRAFFIC_CLASS},
			{IPPROTO_IP, IP_PKTINFO, 1},
			{SOL_SOCKET, SO_PRIORITY, 7},
		},
	[ADDR_FAMILY_IPV6] =
		{
			{SOL_SOCKET, SO_RCVBUF, SOCK_RECEIVE_BUFFER},
			{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
			{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ADVERT_HOPS},
			{IPPROTO_IPV6, IPV6_UNICAST_HOPS, ADVERT_HOPS},
			{IPPROTO_IPV6, IPV6_TCLASS, SOCK_TRAFFIC_CLASS},
			{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
			{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
			{SOL_SOCKET, SO_PRIORITY, 7},
		},
};

static int sock_set_options(int fd, enum addr_family family)
{
	for (size_t i = 0; i < SOCK_OPTION_COUNT; i++) {
		const struct sock_option *option = &sock_options[family][i];

		if (option->name != 0 && setsockopt(fd, option->level, option->name, &option->value,
						    sizeof(option->value)) < 0)
			return -errno;
	}
	return 0;
}

static int sock_join(int fd, int ifindex, enum addr_family family)
{
	struct addr group = advert_group(family);
	struct ip_mreqn request4 = {.imr_ifindex = ifindex};
	struct ipv6_mreq request6 = {.ipv6mr_interface = (unsigned)ifindex};
	int result = -1;

	switch (family) {
	case ADDR_FAMILY_IPV4:
		memcpy(&request4.imr_multiaddr, group.bytes, sizeof(request4.imr_multiaddr));
		result = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request4, sizeof(request4));
		break;
	case ADDR_FAMILY_IPV6:
		memcpy(&request6.ipv6mr_multiaddr, group.bytes, sizeof(request6.ipv6mr_multiaddr));
		result = setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request6,
				    sizeof(request6));
		break;
	}
	return result < 0 ? -errno : 0;
}

static void sock_prepare_slots(struct sock *sock)
{
	for (size_t i = 0; i < SOCK_BATCH; i++) {
		struct sock_slot *slot = &sock->slots[i];

		sock->vectors[i] = (struct iovec){slot->data, sizeof(slot->data)};
		sock->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &slot->source,
			.msg_iov = &sock->vectors[i],
			.msg_iovlen = 1,
			.msg_control = slot->control,
		};
	}
}

int sock_new(int ifindex, enum addr_family family, bool multicast, struct sock **ret_sock)
{
	struct sock *sock = calloc(1, sizeof(*sock));
	int result = 0;

	if (!sock)
		return -ENOMEM;
	sock->ifindex = ifindex;
	sock->family = family;
	sock->multicast = multicast;
	sock_prepare_slots(sock);
	sock->fd = socket(family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
			  SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, ADVERT_PROTOCOL);
	if (sock->fd < 0)
		result = -errno;
	if (result == 0)
		result = sock_set_options(sock->fd, family);
	if (result == 0 &&
	    setsockopt(sock->fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex)) < 0)
		result = -errno;
	if (result == 0 && multicast)
		result = sock_join(sock->fd, ifindex, family);
	if (result < 0) {
		sock_free(sock);
		return result;
	}
	*ret_sock = sock;
	return 0;
}

void sock_free(struct sock *sock)
{
	if (!sock)
		return;
	if (sock->fd >= 0)
		close(sock->fd);
	free(sock);
}

int sock_fd(const struct sock *sock)
{
	return sock->fd;
}

/* The source address goes with the packet (RFC 3542 6.2, ip(7) IP_PKTINFO): routers that share the
 * socket may use different ones. */
static void sock_set_source(const struct sock *sock, const struct addr *source,
			    struct msghdr *message)
{
	struct in_pktinfo info4 = {.ipi_ifindex = sock->ifindex};
	struct in6_pktinfo info6 = {.ipi6_ifindex = (unsigned)sock->ifindex};
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	switch (sock->family) {
	case ADDR_FAMILY_IPV4:
		memcpy(&info4.ipi_spec_dst, source->bytes, sizeof(info4.ipi_spec_dst));
		control->cmsg_level = IPPROTO_IP;
		control->cmsg_type = IP_PKTINFO;
		control->cmsg_len = CMSG_LEN(sizeof(info4));
		memcpy(CMSG_DATA(control), &info4, sizeof(info4));
		message->msg_controllen = CMSG_SPACE(sizeof(info4));
		break;
	case ADDR_FAMILY_IPV6:
		memcpy(&info6.ipi6_addr, source->bytes, sizeof(info6.ipi6_addr));
		control->cmsg_level = IPPROTO_IPV6;
		control->cmsg_type = IPV6_PKTINFO;
		control->cmsg_len = CMSG_LEN(sizeof(info6));
		memcpy(CMSG_DATA(control), &info6, sizeof(info6));
		message->msg_controllen = CMSG_SPACE(sizeof(info6));
		break;
	}
}

static socklen_t sock_destination(const struct sock *sock, const struct addr *destination,
				  struct sockaddr_storage *ret_name)
{
	struct sockaddr_in name4 = {.sin_family = AF_INET};
	struct sockaddr_in6 name6 = {
		.sin6_family = AF_INET6,
		.sin6_scope_id = addr_is_link_local(destination) || addr_is_multicast(destination)
					 ? (uint32_t)sock->ifindex
					 : 0,
	};

	switch (sock->family) {
	case ADDR_FAMILY_IPV4:
		memcpy(&name4.sin_addr, destination->bytes, sizeof(name4.sin_addr));
		memcpy(ret_name, &name4, sizeof(name4));
		return sizeof(name4);
	case ADDR_FAMILY_IPV6:
		memcpy(&name6.sin6_addr, destination->bytes, sizeof(name6.sin6_addr));
		memcpy(ret_name, &name6, sizeof(name6));
		return sizeof(name6);
	}
	return 0;
}

int sock_send(struct sock *sock, const struct addr *source, const struct addr *destination,
	      const void *data, size_t size)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	struct sockaddr_storage name;
	struct iovec vector = {.iov_len = size};
	struct msghdr message = {
		.msg_name = &name,
		.msg_namelen = sock_destination(sock, destination, &name),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	/* sendmsg() only reads, but struct iovec has no const. */
	memcpy(&vector.iov_base, &data, sizeof(data));
	sock_set_source(sock, source, &message);
	return sendmsg(sock->fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A raw IPv4 socket delivers the IP header, which the kernel has checked, before the message. */
static void sock_read_ipv4(const struct mmsghdr *received, struct packet *packet)
{
	const uint8_t *data = received->msg_hdr.msg_iov->iov_base;
	size_t size = received->msg_len;
	size_t header_size = (size_t)(data[0] & 0x0f) * 4;
	struct iphdr header;

	memcpy(&header, data, sizeof(header));
	if (header_size > size)
		header_size = size;
	packet->source = addr_from_bytes(ADDR_FAMILY_IPV4, &header.saddr);
	packet->destination = addr_from_bytes(ADDR_FAMILY_IPV4, &header.daddr);
	packet->hops = header.ttl;
	packet->data = data + header_size;
	packet->size = size - header_size;
}

static void sock_read_ipv6(const struct mmsghdr *received, struct packet *packet)
{
	const struct sockaddr_in6 *source = received->msg_hdr.msg_name;

	packet->source = addr_from_bytes(ADDR_FAMILY_IPV6, &source->sin6_addr);
	packet->data = received->msg_hdr.msg_iov->iov_base;
	packet->size = received->msg_len;
}

/* What the kernel adds to the data. Returns the interface that the packet came through, 0 if
 * unknown. */
static int sock_read_control(struct msghdr *header, struct packet *packet)
{
	int ifindex = 0;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
	     control = CMSG_NXTHDR(header, control)) {
		struct in_pktinfo info4;
		struct in6_pktinfo info6;
		int hops;

		if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(control), sizeof(info4));
			ifindex = info4.ipi_ifindex;
		} else if (control->cmsg_level != IPPROTO_IPV6) {
			continue;
		} else if (control->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(control), sizeof(info6));
			ifindex = (int)info6.ipi6_ifindex;
			packet->destination = addr_from_bytes(ADDR_FAMILY_IPV6, &info6.ipi6_addr);
		} else if (control->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&hops, CMSG_DATA(control), sizeof(hops));
			packet->hops = (unsigned)hops;
		}
	}
	return ifindex;
}

/*
 * False for a packet that is not for this socket: between socket() and SO_BINDTODEVICE it takes
 * those of every interface, and a raw IPv6 socket that is bound to no address receives every group
 * that anybody on the interface has joined (IPV6_MULTICAST_ALL does not count for it).
 */
static bool sock_packet(const struct sock *sock, struct mmsghdr *received, struct packet *packet)
{
	struct addr group = advert_group(sock->family);

	*packet = (struct packet){.oversized = (received->msg_hdr.msg_flags & MSG_TRUNC) != 0};
	switch (sock->family) {
	case ADDR_FAMILY_IPV4:
		sock_read_ipv4(received, packet);
		break;
	case ADDR_FAMILY_IPV6:
		sock_read_ipv6(received, packet);
		break;
	}
	if (sock_read_control(&received->msg_hdr, packet) != sock->ifindex)
		return false;
	return !addr_is_multicast(&packet->destination) ||
	       (sock->multicast && addr_equal(&packet->destination, &group));
}

int sock_drain(struct sock *sock, unsigned bound,
	       void (*receive)(void *context, const struct packet *packet), void *context)
{
	while (bound > 0) {
		unsigned wanted = bound < SOCK_BATCH ? bound : SOCK_BATCH;
		int count;

		for (unsigned i = 0; i < wanted; i++) {
			sock->messages[i].msg_hdr.msg_namelen = sizeof(sock->slots[i].source);
			sock->messages[i].msg_hdr.msg_controllen = sizeof(sock->slots[i].control);
		}
		count = recvmmsg(sock->fd, sock->messages, wanted, MSG_DONTWAIT, NULL);
		if (count < 0)
			return errno == EAGAIN ? 1 : -errno;
		for (int i = 0; i < count; i++) {
			struct packet packet;

			if (sock_packet(sock, &sock->messages[i], &packet))
				receive(context, &packet);
		}
		/* Fewer than asked for: the kernel had no more, and one call is saved. */
		if ((unsigned)count < wanted)
			return 1;
		bound -= (unsigned)count;
	}
	return 0;
}
