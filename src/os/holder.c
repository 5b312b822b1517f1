/* SPDX-License-Identifier: Apache-2.0 */
#include "os/holder.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_SIZE 256 /* beyond the fields of a claim nothing is read */
#define BUFFER_SIZE 65536
/* More addresses than this are not told apart in the kernel: a program has 4096 steps. */
#define FILTERED_MAX 400
#define STEPS_IPV6 9 /* of one address */
#define STEPS_MAX (FILTERED_MAX * STEPS_IPV6 + 8)
#define ARP_SENDER 14	 /* offset of the sender's IPv4 address */
#define NA_TARGET 8	 /* offset of the target */
#define HOP_LIMIT 7	 /* offset in the IPv6 header */
#define NA_HOP_LIMIT 255 /* RFC 4861 7.1.2 */
#define PASS UINT32_MAX	 /* the whole packet */

static_assert(STEPS_MAX <= BPF_MAXINSNS, "see FILTERED_MAX");

struct pair {
	int fds[ADDR_FAMILY_COUNT]; /* -1: closed */
};

struct holder {
	struct pair narrow; /* for the first list of addresses */
	struct pair wide;   /* for any */
	bool is_wide;	    /* in use */
	/* Of the narrow filter; none: it is not set yet. */
	size_t count;
	struct addr *addresses;
};

/* A program for the kernel under construction. */
struct program {
	unsigned short size;
	struct sock_filter steps[STEPS_MAX];
};

static void step(struct program *program, uint16_t code, uint8_t match, uint8_t otherwise,
		 uint32_t k)
{
	assert(program->size < STEPS_MAX);
	program->steps[program->size++] =
		(struct sock_filter){.code = code, .jt = match, .jf = otherwise, .k = k};
}

static uint32_t word(const struct addr *address, unsigned i)
{
	uint32_t value;

	memcpy(&value, address->bytes + sizeof(value) * i, sizeof(value));
	return ntohl(value);
}

/* Passes the packet if it has the address at the offset. */
static void step_address(struct program *program, const struct addr *address, uint32_t offset)
{
	unsigned words = (unsigned)addr_size(address->family) / 4;

	for (unsigned i = 0; i < words; i++) {
		step(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset + 4 * i);
		/* To the next address. */
		step(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * (words - i) - 1),
		     word(address, i));
	}
	step(program, BPF_RET | BPF_K, 0, 0, PASS);
}

static void build(struct program *program, enum addr_family family, const struct addr *addresses,
		  size_t count)
{
	uint32_t offset = family == ADDR_FAMILY_IPV4 ? ARP_SENDER : NA_TARGET;

	program->size = 0;
	if (family == ADDR_FAMILY_IPV6) {
		step(program, BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + HOP_LIMIT);
		step(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NA_HOP_LIMIT);
		step(program, BPF_RET | BPF_K, 0, 0, 0);
	}
	for (size_t i = 0; i < count && count <= FILTERED_MAX; i++)
		if (addresses[i].family == family)
			step_address(program, &addresses[i], offset);
	step(program, BPF_RET | BPF_K, 0, 0, count <= FILTERED_MAX ? 0 : PASS);
}

static int set_filter(int fd, enum addr_family family, const struct addr *addresses, size_t count)
{
	struct program program;
	const int on = 1;
	struct sock_fprog filter = {.filter = program.steps};

	build(&program, family, addresses, count);
	filter.len = program.size;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

/* A raw socket receives as soon as it is there, a packet socket of protocol 0 does not. */
static int open_one(enum addr_family family)
{
	struct icmp6_filter nothing;
	const int size = BUFFER_SIZE;
	const int on = 1;
	int fd;

	if (family == ADDR_FAMILY_IPV4)
		fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	else
		fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	if (fd < 0)
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&nothing);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (family == ADDR_FAMILY_IPV6 &&
	    (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &nothing, sizeof(nothing)) < 0 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* On all interfaces: the caller tells them apart. */
static int begin(int fd, enum addr_family family)
{
	const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
	struct icmp6_filter advertisements;
	int result;

	if (family == ADDR_FAMILY_IPV4) {
		result = bind(fd, (const struct sockaddr *)&all, sizeof(all));
	} else {
		ICMP6_FILTER_SETBLOCKALL(&advertisements);
		ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &advertisements);
		result = setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &advertisements,
				    sizeof(advertisements));
	}
	return result < 0 ? -errno : 0;
}

static void close_pair(struct pair *pair)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		if (pair->fds[family] >= 0)
			close(pair->fds[family]);
		pair->fds[family] = -1;
	}
}

/* A kernel without IPv6 has no Neighbor Advertisements. */
static int open_pair(struct pair *pair)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		int fd = open_one((enum addr_family)family);

		if (fd < 0 && !(fd == -EAFNOSUPPORT && family == ADDR_FAMILY_IPV6))
			return fd;
		pair->fds[family] = fd < 0 ? -1 : fd;
	}
	return 0;
}

/* The families that none of the addresses has stay silent. */
static int begin_pair(struct pair *pair, const struct addr *addresses, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		enum addr_family family = addresses[i].family;

		if (pair->fds[family] >= 0)
			error = begin(pair->fds[family], family);
	}
	return error;
}

static int lock_pair(struct pair *pair, const struct addr *addresses, size_t count)
{
	int error = 0;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT && error == 0; family++)
		if (pair->fds[family] >= 0)
			error = set_filter(pair->fds[family], (enum addr_family)family, addresses,
					   count);
	return error;
}

int holder_new(struct holder **ret_holder)
{
	struct holder *holder = calloc(1, sizeof(*holder));
	int error;

	if (!holder)
		return -ENOMEM;
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		holder->narrow.fds[family] = holder->wide.fds[family] = -1;
	if ((error = open_pair(&holder->narrow)) < 0 || (error = open_pair(&holder->wide)) < 0 ||
	    (error = lock_pair(&holder->wide, NULL, FILTERED_MAX + 1)) < 0) {
		holder_free(holder);
		return error;
	}
	*ret_holder = holder;
	return 0;
}

void holder_free(struct holder *holder)
{
	if (!holder)
		return;
	close_pair(&holder->narrow);
	close_pair(&holder->wide);
	free(holder->addresses);
	free(holder);
}

static bool passes(const struct holder *holder, const struct addr *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!addr_in_list(&addresses[i], holder->addresses, holder->count))
			return false;
	return true;
}

static int narrow(struct holder *holder, const struct addr *addresses, size_t count)
{
	int error;

	holder->addresses = calloc(count, sizeof(*addresses));
	if (!holder->addresses)
		return -ENOMEM;
	error = lock_pair(&holder->narrow, addresses, count);
	if (error < 0) {
		free(holder->addresses);
		holder->addresses = NULL;
		return error;
	}
	memcpy(holder->addresses, addresses, count * sizeof(*addresses));
	holder->count = count;
	return 0;
}

int holder_watch(struct holder *holder, const struct addr *addresses, size_t count)
{
	int error;

	if (holder->count == 0 && count > 0) {
		error = narrow(holder, addresses, count);
		if (error < 0)
			return error;
	}
	if (!holder->is_wide && !passes(holder, addresses, count)) {
		holder->is_wide = true;
		close_pair(&holder->narrow);
	}
	return begin_pair(holder->is_wide ? &holder->wide : &holder->narrow, addresses, count);
}

static const struct pair *in_use(const struct holder *holder)
{
	return holder->is_wide ? &holder->wide : &holder->narrow;
}

unsigned holder_fds(const struct holder *holder, int fds[HOLDER_FDS])
{
	unsigned count = 0;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		if (in_use(holder)->fds[family] >= 0)
			fds[count++] = in_use(holder)->fds[family];
	return count;
}

static int read_ifindex(struct msghdr *message, enum addr_family family)
{
	const struct sockaddr_ll *from = message->msg_name;
	struct in6_pktinfo info = {.ipi6_ifindex = 0};

	if (family == ADDR_FAMILY_IPV4)
		return from->sll_ifindex;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
		if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO)
			memcpy(&info, CMSG_DATA(part), sizeof(info));
	return (int)info.ipi6_ifindex;
}

/* One packet; 1 if it is a claim, 0 if not, or -errno. */
static int receive(int fd, enum addr_family family, int *ret_ifindex, struct neigh_claim *ret_claim)
{
	uint8_t bytes[PACKET_SIZE];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct sockaddr_storage from;
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t size = recvmsg(fd, &message, 0);
	bool claimed;

	if (size < 0)
		return -errno;
	claimed = family == ADDR_FAMILY_IPV4 ? neigh_arp_claim(bytes, (size_t)size, ret_claim)
					     : neigh_na_claim(bytes, (size_t)size, ret_claim);
	*ret_ifindex = read_ifindex(&message, family);
	return claimed;
}

/* An interface that goes down is an error of packet sockets, told once; its event tells of it. */
static int drain_one(int fd, enum addr_family family, unsigned max,
		     void (*take)(void *context, int ifindex, const struct neigh_claim *claim),
		     void *context)
{
	for (unsigned i = 0; i < max; i++) {
		struct neigh_claim claim;
		int ifindex = 0;
		int result = receive(fd, family, &ifindex, &claim);

		if (result == -EAGAIN)
			return 1;
		if (result < 0 && result != -ENETDOWN && result != -EINTR)
			return result;
		if (result > 0)
			take(context, ifindex, &claim);
	}
	return 0;
}

int holder_drain(struct holder *holder, unsigned max,
		 void (*take)(void *context, int ifindex, const struct neigh_claim *claim),
		 void *context)
{
	int worst = 1;

	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		int fd = in_use(holder)->fds[family];
		int result =
			fd < 0 ? 1 : drain_one(fd, (enum addr_family)family, max, take, context);

		if (result < worst)
			worst = result;
	}
	return worst;
}
