/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sock.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/instant.h"
#include "os/clock.h"

#define BATCH 8
#define BUFFER_SIZE (ADVERT_SIZE_MAX + 60) /* 60: the longest IPv4 header */
#define TRAFFIC_CLASS 0xc0		   /* DSCP CS6, internetwork control */
/* The kernel doubles the value and counts about 770 bytes for a short packet. So 340 packets fit:
 * more than one from each of the 255 virtual routers of a segment. */
#define RECEIVE_BUFFER (128 * 1024)

#define FLOOD_US SECOND_US /* from sock_drain() at its bound to the end of the filter */
#define FILTER_HEAD_SIZE 9
#define FILTER_SIZE (FILTER_HEAD_SIZE + SOCK_VRIDS_MAX + 2)
#define VERSION_3 3

struct slot {
	struct sockaddr_in6 source; /* IPv6 only */
	_Alignas(struct cmsghdr)
		uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
	uint8_t data[BUFFER_SIZE];
};

struct sock {
	int fd;
	int ifindex;
	enum addr_family family;
	bool multicast;

	size_t vrid_count; /* 0: of every VRID */
	uint8_t vrids[SOCK_VRIDS_MAX];
	bool filtered; /* a filter is attached */
	struct instant filtered_until;

	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct slot slots[BATCH];
};

struct option {
	int level;
	int name;
	int value;
};

#define OPTION_COUNT 8

/* IP_TOS also sets the priority, so SO_PRIORITY comes after it; 7 is TC_PRIO_CONTROL. */
static const struct option options[ADDR_FAMILY_COUNT][OPTION_COUNT] = {
	[ADDR_FAMILY_IPV4] =
		{
			{SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER},
			{IPPROTO_IP, IP_MULTICAST_ALL, 0},
			{IPPROTO_IP, IP_MULTICAST_LOOP, 0},
			{IPPROTO_IP, IP_MULTICAST_TTL, ADVERT_HOPS},
			{IPPROTO_IP, IP_TTL, ADVERT_HOPS},
			{IPPROTO_IP, IP_TOS, TRAFFIC_CLASS},
			{IPPROTO_IP, IP_PKTINFO, 1},
			{SOL_SOCKET, SO_PRIORITY, 7},
		},
	[ADDR_FAMILY_IPV6] =
		{
			{SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER},
			{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
			{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ADVERT_HOPS},
			{IPPROTO_IPV6, IPV6_UNICAST_HOPS, ADVERT_HOPS},
			{IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS},
			{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
			{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
			{SOL_SOCKET, SO_PRIORITY, 7},
		},
};

static int set_options(int fd, enum addr_family family)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &options[family][i];

		if (option->name != 0 && setsockopt(fd, option->level, option->name, &option->value,
						    sizeof(option->value)) < 0)
			return -errno;
	}
	return 0;
}

static int set_membership(const struct sock *sock, bool member)
{
	struct addr group = advert_group(sock->family);
	struct ip_mreqn request4 = {.imr_ifindex = sock->ifindex};
	struct ipv6_mreq request6 = {.ipv6mr_interface = (unsigned)sock->ifindex};
	int error = -1;

	switch (sock->family) {
	case ADDR_FAMILY_IPV4:
		memcpy(&request4.imr_multiaddr, group.bytes, sizeof(request4.imr_multiaddr));
		error = setsockopt(sock->fd, IPPROTO_IP,
				   member ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request4,
				   sizeof(request4));
		break;
	case ADDR_FAMILY_IPV6:
		memcpy(&request6.ipv6mr_multiaddr, group.bytes, sizeof(request6.ipv6mr_multiaddr));
		error = setsockopt(sock->fd, IPPROTO_IPV6,
				   member ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP, &request6,
				   sizeof(request6));
		break;
	}
	return error < 0 ? -errno : 0;
}

int sock_rejoin(struct sock *sock)
{
	if (!sock->multicast)
		return 0;
	/* Fails if an earlier call could not join. */
	(void)set_membership(sock, false);
	return set_membership(sock, true);
}

static socklen_t destination_name(const struct sock *sock, const struct addr *destination,
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

/* RFC 3678 4.2.2: the sources that the socket listens to in its group. */
static int set_source_filter(const struct sock *sock, uint32_t mode, const struct addr *source)
{
	bool ipv4 = sock->family == ADDR_FAMILY_IPV4;
	struct addr group = advert_group(sock->family);
	struct group_filter filter = {
		.gf_interface = (uint32_t)sock->ifindex,
		.gf_fmode = mode,
		.gf_numsrc = source ? 1 : 0,
	};

	destination_name(sock, &group, &filter.gf_group);
	if (source)
		destination_name(sock, source, &filter.gf_slist[0]);
	return setsockopt(sock->fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, MCAST_MSFILTER, &filter,
			  sizeof(filter)) < 0
		       ? -errno
		       : 0;
}

/* To listen to one source alone (of RFC 5737, RFC 3849) and to all again is a change that IGMPv3
 * and MLDv2 report. The kernel gathers changes for some milliseconds, so that the report is of the
 * end: any source (RFC 3376 5.1). */
int sock_renew(struct sock *sock)
{
	static const struct addr nobody[ADDR_FAMILY_COUNT] = {
		{.family = ADDR_FAMILY_IPV4, .bytes = {192, 0, 2, 1}},
		{.family = ADDR_FAMILY_IPV6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
	};

	if (!sock->multicast)
		return 0;
	if (set_source_filter(sock, MCAST_INCLUDE, &nobody[sock->family]) < 0 ||
	    set_source_filter(sock, MCAST_EXCLUDE, NULL) < 0)
		return sock_rejoin(sock);
	return 0;
}

static void prepare_slots(struct sock *sock)
{
	for (size_t i = 0; i < BATCH; i++) {
		struct slot *slot = &sock->slots[i];

		sock->vectors[i] = (struct iovec){slot->data, sizeof(slot->data)};
		sock->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &slot->source,
			.msg_iov = &sock->vectors[i],
			.msg_iovlen = 1,
			.msg_control = slot->control,
		};
	}
}

/* SO_BINDTOIFINDEX came with Linux 5.0. Before it, a socket could be bound by name alone. */
static int bind_to_interface(int fd, int ifindex)
{
	struct ifreq request = {.ifr_ifindex = ifindex};

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex)) == 0)
		return 0;
	if (errno != ENOPROTOOPT)
		return -errno;
	if (ioctl(fd, SIOCGIFNAME, &request) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, request.ifr_name,
		       sizeof(request.ifr_name)) < 0)
		return -errno;
	return 0;
}

static int open_socket(struct sock *sock)
{
	int error;

	sock->fd = socket(sock->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
			  SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, ADVERT_PROTOCOL);
	if (sock->fd < 0)
		return -errno;
	error = set_options(sock->fd, sock->family);
	if (error == 0)
		error = bind_to_interface(sock->fd, sock->ifindex);
	if (error == 0 && sock->multicast)
		error = set_membership(sock, true);
	return error;
}

int sock_new(int ifindex, enum addr_family family, bool multicast, struct sock **ret_sock)
{
	struct sock *sock = calloc(1, sizeof(*sock));
	int error;

	assert(ifindex > 0);
	if (!sock)
		return -ENOMEM;
	sock->ifindex = ifindex;
	sock->family = family;
	sock->multicast = multicast;
	prepare_slots(sock);
	error = open_socket(sock);
	if (error < 0) {
		sock_free(sock);
		return error;
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

/* Sends the source address with the packet (RFC 3542 6.2, ip(7) IP_PKTINFO): routers that share the
 * socket may have different ones. */
static void set_source(const struct sock *sock, const struct addr *source, struct msghdr *message)
{
	struct in_pktinfo info4 = {.ipi_ifindex = sock->ifindex};
	struct in6_pktinfo info6 = {.ipi6_ifindex = (unsigned)sock->ifindex};
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	assert(source->family == sock->family);
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

int sock_send(struct sock *sock, const struct addr *source, const struct addr *destination,
	      const void *data, size_t size)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	struct sockaddr_storage name;
	struct iovec vector = {.iov_len = size};
	struct msghdr message = {
		.msg_name = &name,
		.msg_namelen = destination_name(sock, destination, &name),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	/* sendmsg() only reads, but struct iovec has no const. */
	memcpy(&vector.iov_base, &data, sizeof(data));
	set_source(sock, source, &message);
	return sendmsg(sock->fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A raw IPv4 socket delivers the IP header, checked by the kernel, before the message. */
static void read_ipv4(const struct mmsghdr *received, struct packet *packet)
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

static void read_ipv6(const struct mmsghdr *received, struct packet *packet)
{
	const struct sockaddr_in6 *source = received->msg_hdr.msg_name;

	packet->source = addr_from_bytes(ADDR_FAMILY_IPV6, &source->sin6_addr);
	packet->data = received->msg_hdr.msg_iov->iov_base;
	packet->size = received->msg_len;
}

/* Reads the ancillary data. Returns the interface that the packet came through, 0 if unknown. */
static int read_control(struct msghdr *header, struct packet *packet)
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
 * False for a packet that is not for this socket. Until it is bound to its interface, the socket
 * receives the packets of every interface. A raw IPv6 socket that is bound to no address receives
 * every group that any socket of the interface has joined, whatever IPV6_MULTICAST_ALL says.
 */
static bool read_packet(const struct sock *sock, struct mmsghdr *received, struct packet *packet)
{
	struct addr group = advert_group(sock->family);

	*packet = (struct packet){.oversized = (received->msg_hdr.msg_flags & MSG_TRUNC) != 0};
	switch (sock->family) {
	case ADDR_FAMILY_IPV4:
		read_ipv4(received, packet);
		break;
	case ADDR_FAMILY_IPV6:
		read_ipv6(received, packet);
		break;
	}
	if (read_control(&received->msg_hdr, packet) != sock->ifindex)
		return false;
	return !addr_is_multicast(&packet->destination) ||
	       (sock->multicast && addr_equal(&packet->destination, &group));
}

/*
 * Attaches, or replaces, a socket filter (socket(7) SO_ATTACH_FILTER) that takes adverts with TTL
 * or hop limit 255, version 3 and a VRID of the list. A load behind the end of a packet drops it.
 * Where the kernel refuses the filter, the socket works on without it.
 */
static void attach_filter(struct sock *sock)
{
	const bool ipv4 = sock->family == ADDR_FAMILY_IPV4;
	const int hops_at =
		ipv4 ? (int)offsetof(struct iphdr, ttl) : (int)offsetof(struct ip6_hdr, ip6_hlim);
	struct sock_filter program[FILTER_SIZE] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_NET_OFF + hops_at)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADVERT_HOPS, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		/* The advert begins behind the header for IPv4, with the data for IPv6. */
		ipv4 ? (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
		     : (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VERSION_3, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1),
	};
	size_t size = FILTER_HEAD_SIZE;
	struct sock_fprog filter = {.filter = program};

	/* Each VRID jumps to the acceptance behind the last one, which fails into the drop. */
	for (size_t left = sock->vrid_count; left > 0; left--)
		program[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							       sock->vrids[left - 1],
							       (uint8_t)(left - 1), left == 1);
	program[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	program[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	assert(size <= FILTER_SIZE);
	filter.len = (unsigned short)size;
	sock->filtered =
		setsockopt(sock->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
}

/* A flood is what makes sock_drain() reach its bound. */
static void mind_flood(struct sock *sock, bool flooded)
{
	const int ignored = 0;
	struct instant now;

	if (!flooded && !sock->filtered)
		return;
	now = clock_now();
	if (flooded) {
		sock->filtered_until = instant_add(now, FLOOD_US);
		if (!sock->filtered)
			attach_filter(sock);
	} else if (instant_due(sock->filtered_until, now)) {
		setsockopt(sock->fd, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof(ignored));
		sock->filtered = false;
	}
}

void sock_expect(struct sock *sock, const uint8_t *vrids, size_t count)
{
	assert(count <= SOCK_VRIDS_MAX);
	memcpy(sock->vrids, vrids, count);
	sock->vrid_count = count;
	if (sock->filtered)
		attach_filter(sock);
}

static int drain(struct sock *sock, unsigned bound,
		 void (*receive)(void *context, const struct packet *packet), void *context)
{
	while (bound > 0) {
		unsigned wanted = bound < BATCH ? bound : BATCH;
		int count;

		for (unsigned i = 0; i < wanted; i++) {
			sock->messages[i].msg_hdr.msg_namelen = sizeof(sock->slots[i].source);
			sock->messages[i].msg_hdr.msg_controllen = sizeof(sock->slots[i].control);
		}
		count = recvmmsg(sock->fd, sock->messages, wanted, MSG_DONTWAIT, NULL);
		if (count < 0)
			return errno == EAGAIN ? 1 : -errno;
		assert((unsigned)count <= wanted);
		for (int i = 0; i < count; i++) {
			struct packet packet;

			if (read_packet(sock, &sock->messages[i], &packet))
				receive(context, &packet);
		}
		/* Fewer than asked for: the socket is empty, and the call that says so is saved. */
		if ((unsigned)count < wanted)
			return 1;
		bound -= (unsigned)count;
	}
	return 0;
}

int sock_drain(struct sock *sock, unsigned bound,
	       void (*receive)(void *context, const struct packet *packet), void *context)
{
	int result = drain(sock, bound, receive, context);

	mind_flood(sock, result == 0);
	return result;
}
