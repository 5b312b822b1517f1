/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock, link, vip, announce and confine against the real kernel. Each test of the network has two
 * network namespaces of its own, "node" and "peer", joined by a veth pair; they vanish with the
 * test's process. Runs as root or in a user namespace; exits 77 (skipped) where the kernel allows
 * neither.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>

#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/advert.h"
#include "core/neigh.h"
#include "kernel.h"
#include "os/announce.h"
#include "os/link.h"
#include "os/sock.h"
#include "os/vip.h"

#define SKIPPED 77
#define OUTPUT_SIZE 65536
#define WAIT_MAX_MS 5000
#define QUIET_MS 200
#define FRAME_SIZE 2048
#define LOAD_MAX 4
#define LOCAL_WAIT_MS 250
#define RTF_LOCAL 0x80000000 /* linux/ipv6_route.h, which does not go with net/if.h */

static int node_namespace;
static int peer_namespace;

/* The namespaces and the commands run in them. */

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

__attribute__((format(printf, 1, 2))) static const char *output(const char *format, ...)
{
	static char text[OUTPUT_SIZE];
	char command[512];
	va_list arguments;
	size_t size;
	FILE *pipe;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	size = fread(text, 1, sizeof(text) - 1, pipe);
	text[size] = '\0';
	ck_assert_msg(pclose(pipe) == 0, "failed: %s", command);
	return text;
}

static void enter(int namespace)
{
	ck_assert_int_eq(setns(namespace, CLONE_NEWNET), 0);
}

static int fresh_namespace(void)
{
	int fd;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	run("ip link set lo up");
	return fd;
}

static struct addr address(const char *text)
{
	struct addr result;

	ck_assert_msg(addr_parse(text, &result), "%s", text);
	return result;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The kernel tells of a carrier, and lets packets out, from a work queue. */
static bool is_running(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	memcpy(request.ifr_name, name, strlen(name));
	result = ioctl(fd, SIOCGIFFLAGS, &request);
	close(fd);
	ck_assert_int_eq(result, 0);
	return (request.ifr_flags & IFF_RUNNING) != 0;
}

/* The kernel delivers to the IPv6 address: its local route comes from a work queue as well. */
static bool is_local(const char *text)
{
	struct addr wanted = address(text);
	char line[256];
	char digits[2 * sizeof(wanted.bytes) + 1];
	bool found = false;
	FILE *routes = fopen("/proc/thread-self/net/ipv6_route", "re");

	ck_assert_ptr_nonnull(routes);
	for (size_t i = 0; i < sizeof(wanted.bytes); i++)
		snprintf(digits + 2 * i, 3, "%02x", (unsigned)wanted.bytes[i]);
	while (!found && fgets(line, sizeof(line), routes)) {
		unsigned flags;

		found = strncmp(line, digits, sizeof(digits) - 1) == 0 &&
			sscanf(line, "%*s 80 %*s %*s %*s %*s %*s %*s %x", &flags) == 1 &&
			(flags & RTF_LOCAL) != 0;
	}
	fclose(routes);
	return found;
}

static void await(bool (*holds)(const char *), const char *argument)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t end = now_ms() + WAIT_MAX_MS;

	while (!holds(argument)) {
		ck_assert_msg(now_ms() < end, "waited in vain for %s", argument);
		nanosleep(&pause, NULL);
	}
}

static void add_ipv6(const char *text, const char *name)
{
	run("ip addr replace %s/64 dev %s nodad", text, name);
	await(is_local, text);
}

/* Nothing happens on it that the test has not asked for: no addresses of the kernel's making, no
 * router solicitations. */
static void set_up(const char *name)
{
	run("echo 0 >/proc/sys/net/ipv6/conf/%s/accept_ra && "
	    "ip link set %s addrgenmode none up",
	    name, name);
}

static void add_pair(const char *here, const char *there)
{
	static unsigned index = 100;

	/* Of a device with the index of its peer the kernel tells the carrier up to a second late
	 * (linkwatch_urgent_event). */
	run("ip link add %s index %u type veth peer name %s index %u netns /proc/%d/fd/%d", here,
	    index, there, index + 1, getpid(), peer_namespace);
	index += 2;
	set_up(here);
	enter(peer_namespace);
	set_up(there);
	await(is_running, there);
	enter(node_namespace);
	await(is_running, here);
}

static void setup(void)
{
	peer_namespace = fresh_namespace();
	node_namespace = fresh_namespace();
	add_pair("va", "vb");
	run("ip addr add 192.0.2.1/24 dev va");
	add_ipv6("fe80::1", "va");
	enter(peer_namespace);
	run("ip addr add 192.0.2.2/24 dev vb");
	add_ipv6("fe80::2", "vb");
	enter(node_namespace);
}

static int index_of(const char *name)
{
	int index = (int)if_nametoindex(name);

	ck_assert_int_gt(index, 0);
	return index;
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

static const enum addr_family families[] = {ADDR_FAMILY_IPV4, ADDR_FAMILY_IPV6};
static const char *const node_text[] = {"192.0.2.1", "fe80::1"};
static const char *const peer_text[] = {"192.0.2.2", "fe80::2"};

/* sock */

struct received {
	unsigned count;
	struct packet last;
	uint8_t data[ADVERT_SIZE_MAX + 60];
};

static void receive(void *context, const struct packet *packet)
{
	struct received *received = context;

	received->count++;
	received->last = *packet;
	memcpy(received->data, packet->data, packet->size);
}

/* Waits for this many packets, and takes all that have come by then. That something does not come
 * is seen by sending another packet after it: that one comes alone. */
static struct received *take(struct sock *sock, unsigned count)
{
	static struct received received;
	int64_t end = now_ms() + WAIT_MAX_MS;

	received = (struct received){0};
	while (received.count < count && now_ms() < end) {
		readable(sock_fd(sock), WAIT_MAX_MS);
		ck_assert_int_eq(sock_drain(sock, 100, receive, &received), 1);
	}
	ck_assert_uint_eq(received.count, count);
	return &received;
}

static struct sock *open_sock(const char *name, enum addr_family family, bool multicast)
{
	struct sock *sock = NULL;

	ck_assert_int_eq(sock_new(index_of(name), family, multicast, &sock), 0);
	return sock;
}

static struct sock *open_peer_sock(const char *name, enum addr_family family, bool multicast)
{
	struct sock *sock;

	enter(peer_namespace);
	sock = open_sock(name, family, multicast);
	enter(node_namespace);
	return sock;
}

static void send_text(struct sock *sock, const char *from, const struct addr *to)
{
	struct addr source = address(from);

	ck_assert_int_eq(sock_send(sock, &source, to, "advert", 6), 0);
}

static void check_text(const struct received *received, const char *from, const struct addr *to)
{
	struct addr source = address(from);

	ck_assert(addr_equal(&received->last.source, &source));
	ck_assert(addr_equal(&received->last.destination, to));
	ck_assert_uint_eq(received->last.hops, 255);
	ck_assert(!received->last.oversized);
	ck_assert_uint_eq(received->last.size, 6);
	ck_assert_mem_eq(received->data, "advert", 6);
}

START_TEST(sock_multicast)
{
	enum addr_family family = families[_i];
	struct addr group = advert_group(family);
	struct sock *node = open_sock("va", family, true);
	struct sock *peer = open_peer_sock("vb", family, true);

	send_text(node, node_text[_i], &group);
	check_text(take(peer, 1), node_text[_i], &group);
	/* Nothing of its own comes back to the sender. */
	send_text(peer, peer_text[_i], &group);
	check_text(take(node, 1), peer_text[_i], &group);
	sock_free(node);
	sock_free(peer);
}
END_TEST

START_TEST(sock_unicast)
{
	enum addr_family family = families[_i];
	struct addr to = address(peer_text[_i]);
	struct addr group = advert_group(family);
	struct sock *node = open_sock("va", family, false);
	struct sock *peer = open_peer_sock("vb", family, false);
	struct sock *joined = open_peer_sock("vb", family, true);

	send_text(node, node_text[_i], &to);
	check_text(take(peer, 1), node_text[_i], &to);
	/* The group is not this socket's, even if another one on the interface joined it. */
	send_text(node, node_text[_i], &group);
	send_text(node, node_text[_i], &to);
	take(joined, 3);
	check_text(take(peer, 1), node_text[_i], &to);
	sock_free(node);
	sock_free(peer);
	sock_free(joined);
}
END_TEST

START_TEST(sock_source)
{
	static const char *const other_text[] = {"192.0.2.11", "2001:db8::1"};
	enum addr_family family = families[_i];
	struct addr group = advert_group(family);
	struct addr foreign = address(peer_text[_i]);
	struct sock *node = open_sock("va", family, true);
	struct sock *peer = open_peer_sock("vb", family, true);

	run("ip addr add 192.0.2.11/24 dev va");
	add_ipv6("2001:db8::1", "va");
	ck_assert_int_lt(sock_send(node, &foreign, &group, "advert", 6), 0);
	send_text(node, other_text[_i], &group);
	check_text(take(peer, 1), other_text[_i], &group);
	sock_free(node);
	sock_free(peer);
}
END_TEST

static int open_capture(int protocol)
{
	struct sockaddr_ll name = {.sll_family = AF_PACKET};
	int fd;

	enter(peer_namespace);
	name.sll_ifindex = index_of("vb");
	name.sll_protocol = htons((uint16_t)protocol);
	/* Protocol 0 until it is bound: nothing of another interface, nothing before this. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	enter(node_namespace);
	return fd;
}

/* The next frame from the other side; 0 if none comes. The kernel's own multicast listener
 * reports, which begin with hop-by-hop options, are passed over. */
static size_t capture(int fd, uint8_t frame[FRAME_SIZE], int timeout_ms)
{
	while (readable(fd, timeout_ms)) {
		const uint8_t ipv6[2] = {0x86, 0xdd};
		ssize_t received = recv(fd, frame, FRAME_SIZE, 0);

		ck_assert_int_gt(received, ETH_HLEN + 20);
		if (memcmp(frame + 12, ipv6, sizeof(ipv6)) != 0 || frame[20] != IPPROTO_HOPOPTS)
			return (size_t)received;
	}
	return 0;
}

static void check_header(enum addr_family family, const uint8_t *packet)
{
	struct iphdr header4;
	struct ip6_hdr header6;

	switch (family) {
	case ADDR_FAMILY_IPV4:
		memcpy(&header4, packet, sizeof(header4));
		ck_assert_uint_eq(header4.ttl, 255);
		ck_assert_uint_eq(header4.tos, 0xc0);
		ck_assert_uint_eq(header4.protocol, 112);
		break;
	case ADDR_FAMILY_IPV6:
		memcpy(&header6, packet, sizeof(header6));
		ck_assert_uint_eq(header6.ip6_hlim, 255);
		ck_assert_uint_eq(ntohl(header6.ip6_flow) >> 20, 0x6c0);
		ck_assert_uint_eq(header6.ip6_nxt, 112);
		break;
	}
}

START_TEST(sock_ip_header)
{
	enum addr_family family = families[_i];
	struct addr to[] = {advert_group(family), address(peer_text[_i])};
	struct sock *node = open_sock("va", family, true);
	int fd;
	uint8_t frame[FRAME_SIZE];

	run("ping -c 1 -W 5 %s%s >/dev/null", peer_text[_i], _i == 1 ? "%va" : "");
	fd = open_capture(_i == 0 ? ETH_P_IP : ETH_P_IPV6);
	for (unsigned i = 0; i < 2; i++) {
		send_text(node, node_text[_i], &to[i]);
		ck_assert_uint_gt(capture(fd, frame, WAIT_MAX_MS), ETH_HLEN);
		check_header(family, frame + ETH_HLEN);
	}
	close(fd);
	sock_free(node);
}
END_TEST

/* A socket without any of the module's care, to send what it never would. */
static int open_plain(enum addr_family family, const struct addr *to)
{
	struct sockaddr_in name4 = {.sin_family = AF_INET};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6};
	int fd = socket(family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC,
			ADVERT_PROTOCOL);

	ck_assert_int_ge(fd, 0);
	switch (family) {
	case ADDR_FAMILY_IPV4:
		memcpy(&name4.sin_addr, to->bytes, 4);
		ck_assert_int_eq(connect(fd, (const struct sockaddr *)&name4, sizeof(name4)), 0);
		break;
	case ADDR_FAMILY_IPV6:
		name6.sin6_scope_id = if_nametoindex("va");
		memcpy(&name6.sin6_addr, to->bytes, 16);
		ck_assert_int_eq(connect(fd, (const struct sockaddr *)&name6, sizeof(name6)), 0);
		break;
	}
	return fd;
}

static void set_option(int fd, int level, int name, int value)
{
	ck_assert_int_eq(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

START_TEST(sock_wrong_hops)
{
	struct addr to = address(peer_text[_i]);
	struct sock *peer = open_peer_sock("vb", families[_i], true);
	int fd = open_plain(families[_i], &to);
	const struct received *received;

	if (_i == 0)
		set_option(fd, IPPROTO_IP, IP_TTL, 3);
	else
		set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 3);
	ck_assert_int_eq(send(fd, "advert", 6, 0), 6);
	received = take(peer, 1);
	ck_assert_uint_eq(received->last.hops, 3);
	close(fd);
	sock_free(peer);
}
END_TEST

START_TEST(sock_size)
{
	static uint8_t data[ADVERT_SIZE_MAX + 1000];
	struct addr to = address(peer_text[_i]);
	struct sock *peer = open_peer_sock("vb", families[_i], true);
	int fd = open_plain(families[_i], &to);
	const struct received *received;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	ck_assert_int_eq(send(fd, data, ADVERT_SIZE_MAX, 0), ADVERT_SIZE_MAX);
	received = take(peer, 1);
	ck_assert(!received->last.oversized);
	ck_assert_uint_eq(received->last.size, ADVERT_SIZE_MAX);
	ck_assert_mem_eq(received->data, data, ADVERT_SIZE_MAX);

	ck_assert_int_eq(send(fd, data, sizeof(data), 0), sizeof(data));
	received = take(peer, 1);
	ck_assert(received->last.oversized);

	/* No message at all behind the IP header. */
	ck_assert_int_eq(send(fd, data, 0, 0), 0);
	received = take(peer, 1);
	ck_assert(!received->last.oversized);
	ck_assert_uint_eq(received->last.size, 0);
	close(fd);
	sock_free(peer);
}
END_TEST

START_TEST(sock_ipv4_options)
{
	const uint8_t router_alert[4] = {0x94, 4, 0, 0};
	struct addr to = address(peer_text[0]);
	struct sock *peer = open_peer_sock("vb", ADDR_FAMILY_IPV4, true);
	int fd = open_plain(ADDR_FAMILY_IPV4, &to);

	set_option(fd, IPPROTO_IP, IP_TTL, 255);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, router_alert, sizeof(router_alert)),
			 0);
	ck_assert_int_eq(send(fd, "advert", 6, 0), 6);
	check_text(take(peer, 1), node_text[0], &to);
	close(fd);
	sock_free(peer);
}
END_TEST

START_TEST(sock_bound)
{
	struct addr group = advert_group(families[_i]);
	struct sock *node = open_sock("va", families[_i], true);
	/* The kernel serves the newest socket first: what this one has, the other one has. */
	struct sock *arrived = open_peer_sock("vb", families[_i], true);
	struct sock *peer = open_peer_sock("vb", families[_i], true);
	struct received received = {0};

	for (unsigned i = 0; i < 20; i++)
		send_text(node, node_text[_i], &group);
	take(arrived, 20);
	ck_assert_int_eq(sock_drain(peer, 5, receive, &received), 0);
	ck_assert_uint_eq(received.count, 5);
	ck_assert_int_eq(sock_drain(peer, 15, receive, &received), 0);
	ck_assert_uint_eq(received.count, 20);
	ck_assert_int_eq(sock_drain(peer, 15, receive, &received), 1);
	ck_assert_uint_eq(received.count, 20);
	for (unsigned i = 0; i < 20; i++)
		send_text(node, node_text[_i], &group);
	take(arrived, 20);
	ck_assert_int_eq(sock_drain(peer, 100, receive, &received), 1);
	ck_assert_uint_eq(received.count, 40);
	sock_free(node);
	sock_free(peer);
	sock_free(arrived);
}
END_TEST

/* Sends to the address until it is killed. */
static pid_t start_flood(const char *to_text)
{
	struct addr to = address(to_text);
	pid_t parent = getpid();
	pid_t child = fork();
	int fd;

	ck_assert_int_ge(child, 0);
	if (child > 0)
		return child;
	enter(peer_namespace);
	fd = open_plain(to.family, &to);
	while (getppid() == parent)
		(void)!send(fd, "foreign", 7, 0);
	_exit(0);
}

START_TEST(sock_other_interface)
{
	struct sock *flooded;
	unsigned count = 0;
	pid_t child;

	add_pair("va2", "vb2");
	run("ip addr add 198.51.100.1/24 dev va2");
	enter(peer_namespace);
	run("ip addr add 198.51.100.2/24 dev vb2");
	enter(node_namespace);
	flooded = open_sock("va2", ADDR_FAMILY_IPV4, false);
	child = start_flood("198.51.100.1");
	ck_assert(readable(sock_fd(flooded), WAIT_MAX_MS));
	sock_free(flooded);
	/* A socket takes everything between its creation and its binding. */
	for (unsigned i = 0; i < 300; i++) {
		struct sock *sock = open_sock("va", ADDR_FAMILY_IPV4, i % 2 == 0);
		struct received received = {0};

		ck_assert_int_eq(sock_drain(sock, 1000, receive, &received), 1);
		count += received.count;
		sock_free(sock);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(sock_link_down)
{
	struct addr group = advert_group(families[_i]);
	struct addr source = address(node_text[_i]);
	struct sock *node = open_sock("va", families[_i], true);
	struct sock *peer = open_peer_sock("vb", families[_i], true);
	struct received received = {0};

	/* IPv6 forgets its addresses when it goes down. */
	run("ip link set va down");
	ck_assert_int_lt(sock_send(node, &source, &group, "advert", 6), 0);
	sock_drain(node, 10, receive, &received);
	run("ip link set va up");
	await(is_running, "va");
	add_ipv6("fe80::1", "va");
	send_text(node, node_text[_i], &group);
	check_text(take(peer, 1), node_text[_i], &group);
	enter(peer_namespace);
	await(is_running, "vb");
	enter(node_namespace);
	send_text(peer, peer_text[_i], &group);
	check_text(take(node, 1), peer_text[_i], &group);

	run("ip link del va");
	ck_assert_int_lt(sock_send(node, &source, &group, "advert", 6), 0);
	sock_drain(node, 10, receive, &received);
	ck_assert_uint_eq(received.count, 0);
	ck_assert_int_lt(sock_new(9999, families[_i], true, &peer), 0);
	sock_free(node);
	sock_free(peer);
}
END_TEST

/* link */

struct told {
	unsigned count;
	struct interface last;
};

static void changed(void *context, const struct interface *interface)
{
	struct told *told = context;

	told->count++;
	told->last = *interface;
}

static struct told told;

static struct link *open_link(const char *watched)
{
	struct link *link = NULL;

	told = (struct told){0};
	ck_assert_int_eq(link_new(changed, &told, &link), 0);
	if (watched)
		ck_assert_int_eq(link_watch(link, watched), 0);
	return link;
}

/* The kernel has told what a command did before the command ends, except for what it does in a
 * work queue: carriers and IPv6 addresses, for which await() waits. */
static int drain(struct link *link)
{
	int count = link_drain(link);

	ck_assert_int_ge(count, 0);
	return count;
}

/* Drains until the interface has this index and is or is not up. */
static const struct interface *expect(struct link *link, const char *name, int index, bool up)
{
	int64_t end = now_ms() + WAIT_MAX_MS;
	const struct interface *interface = link_get(link, name);

	while ((interface->index != index || interface->up != up) && now_ms() < end) {
		if (readable(link_fd(link), 50))
			drain(link);
		interface = link_get(link, name);
	}
	ck_assert_str_eq(interface->name, name);
	ck_assert_int_eq(interface->index, index);
	ck_assert_int_eq(interface->up, up);
	return interface;
}

/* The address is there; whether it is deprecated. */
static bool deprecated(const struct interface *interface, const char *text, unsigned prefix_length)
{
	struct addr wanted = address(text);

	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (addr_equal(&found->address, &wanted) && found->prefix_length == prefix_length)
			return found->deprecated;
	}
	ck_abort_msg("%s/%u is not known", text, prefix_length);
}

START_TEST(link_watch_existing)
{
	struct link *link = open_link("va");
	const struct interface *interface = link_get(link, "va");

	ck_assert_uint_eq(told.count, 1);
	ck_assert_int_eq(told.last.index, index_of("va"));
	ck_assert(interface->up);
	ck_assert_uint_eq(interface->address_count, 2);
	ck_assert(!deprecated(interface, "192.0.2.1", 24));
	ck_assert(!deprecated(interface, "fe80::1", 64));
	ck_assert_int_eq(link_watch(link, "va"), 0);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_int_eq(link_watch(link, "longer-than-15-characters"), -EINVAL);
	ck_assert_ptr_null(link_get(link, "lo"));

	link_unwatch(link, "va");
	run("ip link set va down");
	drain(link);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_ptr_null(link_get(link, "va"));
	link_free(link);
}
END_TEST

START_TEST(link_created_later)
{
	struct link *link = open_link("va2");

	ck_assert_uint_eq(told.count, 1);
	ck_assert_str_eq(told.last.name, "va2");
	ck_assert_int_eq(told.last.index, 0);
	ck_assert(!told.last.up);
	run("ip link add va2 type veth peer name vb2");
	expect(link, "va2", index_of("va2"), false);
	run("ip link set va2 up && ip link set vb2 up");
	expect(link, "va2", index_of("va2"), true);
	run("ip addr add 198.51.100.1/24 dev va2");
	drain(link);
	ck_assert(!deprecated(link_get(link, "va2"), "198.51.100.1", 24));
	ck_assert_int_eq(told.last.index, index_of("va2"));
	link_free(link);
}
END_TEST

START_TEST(link_renamed)
{
	struct link *link = open_link("va");
	int index = index_of("va");

	run("ip link set va name vx");
	expect(link, "va", 0, false);
	ck_assert_uint_eq(link_get(link, "va")->address_count, 0);
	ck_assert_int_eq(link_watch(link, "vx"), 0);
	ck_assert_uint_eq(expect(link, "vx", index, true)->address_count, 2);
	run("ip link set vx name va");
	ck_assert_uint_eq(expect(link, "va", index, true)->address_count, 2);
	expect(link, "vx", 0, false);
	link_free(link);
}
END_TEST

START_TEST(link_deleted_and_recreated)
{
	struct link *link = open_link("va");
	int index = index_of("va");

	/* One that is down already: the deletion is the only thing to be told. */
	run("ip addr flush dev va && ip link set va down");
	expect(link, "va", index, false);
	run("ip link del va");
	expect(link, "va", 0, false);
	add_pair("va", "vb");
	ck_assert_int_ne(index_of("va"), index);
	expect(link, "va", index_of("va"), true);

	/* Both within one drain: the end of the old one is told too, also if the index is the same.
	 */
	told.count = 0;
	index = index_of("va");
	run("ip link del va");
	add_pair("va", "vb");
	ck_assert_int_gt(drain(link), 0);
	ck_assert_uint_eq(told.count, 2);
	ck_assert_int_ne(told.last.index, index);
	ck_assert_int_eq(told.last.index, index_of("va"));

	/* Under the filter for the new index nothing is lost. */
	run("ip addr add 192.0.2.9/24 dev va");
	drain(link);
	ck_assert(!deprecated(link_get(link, "va"), "192.0.2.9", 24));
	link_free(link);
}
END_TEST

static void set_peer(const char *state)
{
	enter(peer_namespace);
	run("ip link set vb %s", state);
	enter(node_namespace);
}

START_TEST(link_down_and_up)
{
	struct link *link = open_link("va");
	int index = index_of("va");

	run("ip link set va down");
	expect(link, "va", index, false);
	run("ip link set va up");
	expect(link, "va", index, true);
	set_peer("down");
	expect(link, "va", index, false);
	set_peer("up");
	expect(link, "va", index, true);
	link_free(link);
}
END_TEST

START_TEST(link_addresses)
{
	struct link *link = open_link("va");
	const struct interface *va = link_get(link, "va");
	struct addr first;

	run("ip addr add 192.0.2.50/24 dev va");
	add_ipv6("2001:db8::1", "va");
	drain(link);
	ck_assert_uint_eq(va->address_count, 4);
	ck_assert(!deprecated(va, "192.0.2.50", 24));
	ck_assert(!deprecated(va, "2001:db8::1", 64));
	/* The kernel's order: what was there first stays first. */
	first = address("192.0.2.1");
	ck_assert(addr_equal(&va->addresses[0].address, &first));

	run("ip addr change 192.0.2.50/24 dev va valid_lft 100 preferred_lft 0");
	run("ip addr change 2001:db8::1/64 dev va valid_lft 100 preferred_lft 0");
	drain(link);
	ck_assert(deprecated(va, "192.0.2.50", 24));
	ck_assert(deprecated(va, "2001:db8::1", 64));

	run("ip addr del 192.0.2.50/24 dev va && ip addr del 2001:db8::1/64 dev va");
	drain(link);
	ck_assert_uint_eq(va->address_count, 2);

	run("ip addr add 10.9.9.1 peer 10.8.8.1/32 dev va");
	drain(link);
	ck_assert(!deprecated(va, "10.9.9.1", 32));
	link_free(link);
}
END_TEST

static bool has_failed(const char *text)
{
	return strstr(output("ip addr show dev va to %s", text), "dadfailed") != NULL;
}

START_TEST(link_tentative_address)
{
	struct link *link = open_link("va");
	const struct interface *va = link_get(link, "va");
	int index = index_of("va");
	int64_t end;

	/* Duplicate address detection is quick here, and waits for a carrier. */
	run("echo 0 >/proc/sys/net/ipv6/conf/va/router_solicitation_delay && "
	    "echo 100 >/proc/sys/net/ipv6/neigh/va/retrans_time_ms");
	set_peer("down");
	expect(link, "va", index, false);
	run("ip addr add 2001:db8::1/64 dev va");
	ck_assert_int_gt(drain(link), 0);
	ck_assert(deprecated(va, "2001:db8::1", 64));
	set_peer("up");
	expect(link, "va", index, true);
	end = now_ms() + WAIT_MAX_MS;
	while (deprecated(va, "2001:db8::1", 64) && now_ms() < end) {
		readable(link_fd(link), WAIT_MAX_MS);
		drain(link);
	}
	ck_assert(!deprecated(va, "2001:db8::1", 64));

	enter(peer_namespace);
	add_ipv6("2001:db8::2", "vb");
	enter(node_namespace);
	run("ip addr add 2001:db8::2/64 dev va");
	await(has_failed, "2001:db8::2");
	drain(link);
	ck_assert(deprecated(va, "2001:db8::2", 64));
	link_free(link);
}
END_TEST

START_TEST(link_many_addresses)
{
	struct link *link = open_link("va");

	/* More than fit: the rest is ignored. */
	run("for i in $(seq %d); do echo addr add 10.0.$((i / 250)).$((i %% 250))/32 dev va; done "
	    "| "
	    "ip -batch -",
	    ENGINE_INTERFACE_ADDRESSES_MAX + 20);
	drain(link);
	ck_assert_uint_eq(link_get(link, "va")->address_count, ENGINE_INTERFACE_ADDRESSES_MAX);
	ck_assert(!deprecated(link_get(link, "va"), "192.0.2.1", 24));
	run("ip addr flush dev va to 10.0.0.0/8");
	drain(link);
	ck_assert_uint_eq(link_get(link, "va")->address_count, 2);
	link_free(link);
}
END_TEST

static void churn(void)
{
	run("for i in $(seq 10); do echo link add x$i type veth peer name y$i; "
	    "echo link set x$i up; echo addr add 198.51.100.$i/32 dev x$i; "
	    "echo link del x$i; done | ip -batch -");
}

START_TEST(link_foreign_events)
{
	struct link *link = open_link("va");

	told.count = 0;
	churn();
	ck_assert(!readable(link_fd(link), 0));
	ck_assert_int_eq(link_drain(link), 0);

	link_watch_all(link, true);
	churn();
	ck_assert_int_gt(drain(link), 0);
	link_watch_all(link, false);
	churn();
	ck_assert_int_eq(drain(link), 0);

	ck_assert_int_eq(link_watch(link, "absent"), 0);
	churn();
	ck_assert_int_gt(drain(link), 0);
	ck_assert_uint_eq(told.count, 1);
	link_unwatch(link, "absent");
	ck_assert_int_eq(link_drain(link), 0);
	churn();
	ck_assert_int_eq(drain(link), 0);

	/* Events of the watched one still come. */
	run("ip addr add 192.0.2.9/24 dev va");
	ck_assert_int_eq(drain(link), 1);
	ck_assert_uint_eq(told.count, 2);
	link_free(link);
}
END_TEST

START_TEST(link_nothing_changed)
{
	struct link *link = open_link("va");

	told.count = 0;
	run("ip addr replace 192.0.2.1/24 dev va");
	drain(link);
	run("ip addr add 192.0.2.9/24 dev va && ip addr del 192.0.2.9/24 dev va");
	ck_assert_int_gt(drain(link), 0);
	/* Leaving a bridge is told with RTM_DELLINK for the port. */
	run("ip link add br0 type bridge && ip link set va master br0 && ip link set va nomaster");
	drain(link);
	ck_assert_uint_eq(told.count, 0);
	link_free(link);
}
END_TEST

/* It is as it was, but the neighbours have to be told again. */
START_TEST(link_disturbed)
{
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 0x99};
	struct link *link = open_link("va");
	uint32_t changes = told.last.carrier_changes;

	told.count = 0;
	run("ip link set va address 02:00:00:00:00:99");
	ck_assert_int_gt(drain(link), 0);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_mem_eq(told.last.mac, mac, sizeof(mac));
	run("ip link set va down && ip link set va up");
	while (!told.last.up || told.last.carrier_changes == changes) {
		readable(link_fd(link), WAIT_MAX_MS);
		drain(link);
	}
	link_free(link);
}
END_TEST

START_TEST(link_overrun)
{
	struct link *link = open_link("va");
	const int events = 4000;

	/* Events without news, so that only the overrun can lead to the last one, which is lost. */
	told.count = 0;
	run("(for i in $(seq %d); do echo addr replace 192.0.2.1/24 dev va; done; "
	    "echo addr add 192.0.2.9/24 dev va) | ip -batch -",
	    events);
	ck_assert_int_lt(link_drain(link), events);
	ck_assert_uint_eq(told.count, 1);
	ck_assert(!deprecated(link_get(link, "va"), "192.0.2.9", 24));
	run("ip addr del 192.0.2.9/24 dev va");
	ck_assert_int_eq(drain(link), 1);
	ck_assert_uint_eq(told.count, 2);
	link_free(link);
}
END_TEST

START_TEST(link_forged)
{
	struct link *link = open_link("va");
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body;
	} message = {
		.header = {.nlmsg_len = sizeof(message), .nlmsg_type = RTM_DELLINK},
		.body = {.ifi_index = index_of("va")},
	};
	struct sockaddr_nl name;
	socklen_t size = sizeof(name);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	ck_assert_int_eq(getsockname(link_fd(link), (struct sockaddr *)&name, &size), 0);
	name.nl_groups = 0;
	ck_assert_int_eq(sendto(fd, &message, sizeof(message), 0, (const struct sockaddr *)&name,
				sizeof(name)),
			 sizeof(message));
	ck_assert(readable(link_fd(link), WAIT_MAX_MS));
	ck_assert_int_eq(link_drain(link), 0);
	close(fd);
	link_free(link);
}
END_TEST

struct search {
	const char *address;
	const char *found; /* NULL = -ENODEV */
};

START_TEST(link_find_interface)
{
	static const struct search searches[] = {
		{"192.0.2.200", "d1"},	  /* the longest prefix */
		{"192.0.2.100", "va"},	  /* the only one */
		{"203.0.113.9", NULL},	  /* none */
		{"10.10.10.10", NULL},	  /* only on lo */
		{"198.51.100.10", NULL},  /* only what is left of the address itself */
		{"198.51.100.130", NULL}, /* only a deprecated address */
		{"10.8.8.7", "d1"},	  /* point-to-point: the prefix is the other side's */
		{"10.9.9.7", NULL},	  {"2001:db8::10", "va"},
		{"2001:db8:1::10", NULL}, /* tentative */
	};
	struct addr own[2] = {address("192.0.2.200"), address("198.51.100.10")};
	struct link *link = open_link(NULL);

	add_ipv6("2001:db8::1", "va");
	run("echo 100 >/proc/sys/net/ipv6/conf/va/dad_transmits && "
	    "ip addr add 2001:db8:1::1/64 dev va && ip addr add 10.10.10.1/24 dev lo");
	add_pair("d1", "d2");
	run("ip addr add 192.0.2.129/25 dev d1 && ip addr add 10.9.9.1 peer 10.8.8.1/24 dev d1 && "
	    "ip addr add 198.51.100.10/32 dev d1 && ip addr add 192.0.2.200/32 dev va && "
	    "ip addr add 198.51.100.129/25 dev d1 valid_lft 100 preferred_lft 0");
	for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
		struct addr wanted = address(searches[i].address);
		char name[CONF_INTERFACE_SIZE] = "untouched";
		int result = link_find(link, &wanted, own, 2, name);

		ck_assert_msg(result == (searches[i].found ? 0 : -ENODEV), "%s: %d",
			      searches[i].address, result);
		ck_assert_str_eq(name, searches[i].found ? searches[i].found : "untouched");
	}
	link_free(link);
}
END_TEST

/* vip */

static const char *const vip_text[] = {"192.0.2.100", "2001:db8::100"};

static struct vip *open_vip(void)
{
	struct vip *vip = NULL;

	ck_assert_int_eq(vip_new(&vip), 0);
	return vip;
}

static const char *show(const char *text)
{
	return output("ip -d -o addr show dev va to %s", text);
}

static int open_monitor(enum addr_family family)
{
	static const unsigned groups[] = {RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR};
	struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = groups[family]};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void check_shown(const char *text, const char *wanted)
{
	const char *shown = show(text);

	ck_assert_msg(strstr(shown, wanted) != NULL, "%s has no \"%s\"", shown, wanted);
}

static void check_lifetime(const char *text, unsigned lease_s)
{
	const char *shown;
	unsigned valid_s;

	if (lease_s == 0) {
		check_shown(text, "valid_lft forever");
		return;
	}
	check_shown(text, "preferred_lft 0sec");
	shown = strstr(show(text), "valid_lft ");
	ck_assert(shown && sscanf(shown, "valid_lft %usec", &valid_s) == 1);
	ck_assert_uint_le(valid_s, lease_s);
	ck_assert_uint_gt(valid_s, lease_s - WAIT_MAX_MS / 1000);
}

/* iproute2 does not show it before 6.3. */
static void check_proto(int fd)
{
	union {
		struct nlmsghdr header;
		char bytes[8192];
	} message;
	struct nlattr *proto;

	/* For IPv6 it may come after the acknowledgement. */
	ck_assert(readable(fd, WAIT_MAX_MS));
	ck_assert_int_gt(recv(fd, &message, sizeof(message), 0), 0);
	ck_assert_uint_eq(message.header.nlmsg_type, RTM_NEWADDR);
	proto = nlmsg_find_attr(&message.header, sizeof(struct ifaddrmsg), IFA_PROTO);
	ck_assert_ptr_nonnull(proto);
	ck_assert_uint_eq(nla_get_u8(proto), VIP_PROTO);
}

START_TEST(vip_as_wanted)
{
	static const unsigned leases[] = {3600, 0};
	struct addr wanted = address(vip_text[_i]);
	struct vip *vip = open_vip();
	int fd = open_monitor(families[_i]);

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(vip_add(vip, index_of("va"), &wanted, leases[i]), 0);
		check_proto(fd);
		check_shown(vip_text[_i], _i == 0 ? "192.0.2.100/32" : "2001:db8::100/128");
		check_lifetime(vip_text[_i], leases[i]);
		check_shown(vip_text[_i], "scope global");
		check_shown(vip_text[_i], "deprecated");
		check_shown(vip_text[_i], "noprefixroute");
		if (_i == 1)
			check_shown(vip_text[_i], "nodad");
		ck_assert_ptr_null(strstr(show(vip_text[_i]), "tentative"));
		ck_assert_str_eq(output("ip -%d route show %s", _i == 0 ? 4 : 6, vip_text[_i]), "");
	}
	close(fd);
	vip_free(vip);
}
END_TEST

START_TEST(vip_link_local)
{
	struct addr wanted = address("fe80::200:5eff:fe00:207");
	struct vip *vip = open_vip();

	ck_assert_int_eq(vip_add(vip, index_of("va"), &wanted, 5), 0);
	check_shown("fe80::200:5eff:fe00:207", "fe80::200:5eff:fe00:207/128 scope link");
	vip_free(vip);
}
END_TEST

START_TEST(vip_usable_at_once)
{
	struct addr wanted = address(vip_text[_i]);
	struct sockaddr_in name4 = {.sin_family = AF_INET};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6};
	int fd = socket(_i == 0 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct vip *vip = open_vip();
	int result;

	memcpy(&name4.sin_addr, wanted.bytes, 4);
	memcpy(&name6.sin6_addr, wanted.bytes, 16);
	ck_assert_int_eq(vip_add(vip, index_of("va"), &wanted, 5), 0);
	/* bind() refuses a tentative address. */
	result = _i == 0 ? bind(fd, (const struct sockaddr *)&name4, sizeof(name4))
			 : bind(fd, (const struct sockaddr *)&name6, sizeof(name6));
	ck_assert_int_eq(result, 0);
	close(fd);
	vip_free(vip);
}
END_TEST

static pid_t start_load(void)
{
	pid_t parent = getpid();
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	while (child == 0) {
		if (getppid() != parent)
			_exit(0);
	}
	return child;
}

/* Once on a quiet machine, once on a busy one. vip_add() gives up after LOCAL_WAIT_MS, and then
 * waits no more. */
START_TEST(vip_local_at_once)
{
	const char *text = vip_text[1];
	struct addr wanted = address(text);
	int index = index_of("va");
	pid_t load[LOAD_MAX];
	unsigned late = 0;

	for (unsigned i = 0; i < LOAD_MAX && _i == 1; i++)
		load[i] = start_load();
	for (unsigned i = 0; i < 200; i++) {
		struct vip *vip = open_vip();
		int64_t begin = now_ms();

		ck_assert_int_eq(vip_add(vip, index, &wanted, 5), 0);
		if (!is_local(text) && now_ms() - begin < LOCAL_WAIT_MS)
			late++;
		ck_assert_int_eq(vip_remove(vip, index, &wanted, 128), 0);
		ck_assert(!is_local(text));
		vip_free(vip);
	}
	for (unsigned i = 0; i < LOAD_MAX && _i == 1; i++) {
		kill(load[i], SIGKILL);
		waitpid(load[i], NULL, 0);
	}
	ck_assert_uint_eq(late, 0);
}
END_TEST

START_TEST(vip_removed)
{
	struct addr wanted = address(vip_text[_i]);
	unsigned bits = addr_bits(families[_i]);
	int index = index_of("va");
	struct vip *vip = open_vip();

	ck_assert_int_eq(vip_remove(vip, index, &wanted, bits), -EADDRNOTAVAIL);
	ck_assert_int_eq(vip_add(vip, index, &wanted, 5), 0);
	ck_assert_int_eq(vip_remove(vip, index, &wanted, bits - 8), -EADDRNOTAVAIL);
	ck_assert_int_eq(vip_remove(vip, index, &wanted, bits), 0);
	ck_assert_str_eq(show(vip_text[_i]), "");

	run("ip addr add %s/%u dev va", vip_text[_i], bits - 8);
	ck_assert_int_eq(vip_remove(vip, index, &wanted, bits - 8), 0);
	ck_assert_str_eq(show(vip_text[_i]), "");
	ck_assert_int_eq(vip_add(vip, 9999, &wanted, 5), -ENODEV);
	vip_free(vip);
}
END_TEST

/* The thread is through with it: the next renewal tells how it ended. */
static int renewed(struct vip *vip, int index, const struct addr *wanted)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t end = now_ms() + WAIT_MAX_MS;
	int result;

	while ((result = vip_renew(vip, index, wanted, 3600)) == -EBUSY && now_ms() < end)
		nanosleep(&pause, NULL);
	return result;
}

START_TEST(vip_renewed)
{
	struct addr wanted = address(vip_text[_i]);
	int index = index_of("va");
	struct vip *vip = open_vip();
	unsigned busy = 0;
	int fd;

	ck_assert_int_eq(vip_add(vip, index, &wanted, 5), 0);
	fd = open_monitor(families[_i]);
	ck_assert_int_eq(vip_renew(vip, index, &wanted, 3600), 0);
	check_proto(fd);
	check_shown(vip_text[_i], "deprecated");
	check_shown(vip_text[_i], "noprefixroute");
	check_lifetime(vip_text[_i], 3600);
	ck_assert_int_eq(renewed(vip, index, &wanted), 0);
	/* The caller is not kept waiting, so some find the one before still under way. */
	for (unsigned i = 0; i < 1000; i++)
		busy += vip_renew(vip, index, &wanted, 3600) == -EBUSY;
	ck_assert_uint_gt(busy, 0);
	close(fd);
	vip_free(vip);
}
END_TEST

/* RECONCILE: what was under way when the address had to go must not bring it back. */
START_TEST(vip_not_renewed_after_removal)
{
	struct addr wanted = address(vip_text[_i]);
	unsigned bits = addr_bits(families[_i]);
	int index = index_of("va");
	const struct timespec pause = {.tv_nsec = 10000000};
	struct vip *vip = open_vip();

	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(vip_add(vip, index, &wanted, 5), 0);
		/* What keeps the thread busy until after the removal. */
		for (uint8_t j = 0; j < 20; j++) {
			struct addr other = wanted;

			other.bytes[addr_size(other.family) - 1] ^= (uint8_t)(0x80 + j);
			vip_renew(vip, index, &other, 3600);
		}
		ck_assert_int_eq(vip_renew(vip, index, &wanted, 3600), 0);
		ck_assert_int_eq(vip_remove(vip, index, &wanted, bits), 0);
		nanosleep(&pause, NULL);
		ck_assert_str_eq(show(vip_text[_i]), "");
	}
	vip_free(vip);
}
END_TEST

/* A reload with another lease must not be undone by a renewal that was asked for before it. */
START_TEST(vip_renewed_with_another_lease)
{
	struct addr wanted = address(vip_text[_i]);
	int index = index_of("va");
	const struct timespec pause = {.tv_nsec = 1000000};
	struct vip *vip = open_vip();

	for (unsigned i = 0; i < 20; i++) {
		/* What keeps the thread busy until both have been asked for. */
		for (uint8_t j = 0; j < 20; j++) {
			struct addr other = wanted;

			other.bytes[addr_size(other.family) - 1] ^= (uint8_t)(0x80 + j);
			vip_renew(vip, index, &other, 3600);
		}
		vip_renew(vip, index, &wanted, 5);
		ck_assert_int_eq(vip_renew(vip, index, &wanted, 0), 0);
		while (vip_renew(vip, index, &wanted, 0) == -EBUSY)
			nanosleep(&pause, NULL);
		ck_assert_ptr_nonnull(strstr(show(vip_text[_i]), "valid_lft forever"));
	}
	vip_free(vip);
}
END_TEST

/* The error of one renewal is told by the next; a good one forgets it. */
START_TEST(vip_renewal_fails)
{
	struct addr wanted = address(vip_text[1]);
	struct addr good = address(vip_text[0]);
	int index = index_of("va");
	struct vip *vip = open_vip();

	run("sysctl -qw net.ipv6.conf.va.disable_ipv6=1");
	ck_assert_int_eq(vip_renew(vip, index, &wanted, 3600), 0);
	ck_assert_int_eq(renewed(vip, index, &wanted), -EACCES);
	ck_assert_int_eq(renewed(vip, index, &good), 0);
	run("sysctl -qw net.ipv6.conf.va.disable_ipv6=0");
	renewed(vip, index, &wanted); /* one of before or after */
	ck_assert_int_eq(renewed(vip, index, &wanted), 0);
	vip_free(vip);
}
END_TEST

/* How many messages of the type came within the time; stops at the first if it is to be awaited. */
static unsigned monitor(int fd, int type, int64_t duration_ms, bool first)
{
	int64_t end = now_ms() + duration_ms;
	unsigned count = 0;
	int64_t left;

	while ((left = end - now_ms()) > 0 && !(first && count > 0)) {
		union {
			struct nlmsghdr header;
			char bytes[8192];
		} message;

		if (readable(fd, (int)left) && recv(fd, &message, sizeof(message), 0) > 0 &&
		    message.header.nlmsg_type == type)
			count++;
	}
	return count;
}

static void check_ended(int fd, enum addr_family family, unsigned lease_s, int64_t refreshed)
{
	int64_t late;

	ck_assert_uint_eq(monitor(fd, RTM_DELADDR, WAIT_MAX_MS, true), 1);
	late = now_ms() - refreshed - lease_s * 1000;
	printf("%s: the kernel ended a lease of %u s %lld ms late\n", addr_family_name(family),
	       lease_s, (long long)late);
	ck_assert_int_ge(late, -20);
	ck_assert_int_lt(late, 2000);
	ck_assert_str_eq(show(vip_text[family]), "");
}

START_TEST(vip_lease)
{
	const unsigned lease_s = 2;
	struct vip *vip = open_vip();
	int fds[2];
	int64_t refreshed[2];

	/* One made by hand for ever becomes one on lease. */
	for (unsigned i = 0; i < 2; i++) {
		struct addr wanted = address(vip_text[i]);

		run("ip addr add %s/%u dev va", vip_text[i], addr_bits(families[i]));
		ck_assert_int_eq(vip_add(vip, index_of("va"), &wanted, lease_s), 0);
		fds[i] = open_monitor(families[i]);
	}
	ck_assert_uint_eq(monitor(fds[0], RTM_DELADDR, 1500, false), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct addr wanted = address(vip_text[i]);

		ck_assert_uint_eq(monitor(fds[i], RTM_DELADDR, 1, false), 0);
		refreshed[i] = now_ms();
		ck_assert_int_eq(vip_add(vip, index_of("va"), &wanted, lease_s), 0);
	}
	/* The kernel ends it, nobody else. */
	vip_free(vip);
	for (unsigned i = 0; i < 2; i++) {
		check_ended(fds[i], families[i], lease_s, refreshed[i]);
		close(fds[i]);
	}
}
END_TEST

/* announce */

static struct announce *open_announce(void)
{
	struct announce *announce = NULL;

	ck_assert_int_eq(announce_new(&announce), 0);
	return announce;
}

/* What arrives at the peer is what core/neigh makes with this hardware address. */
static void check_announced(struct announce *announce, int fd, const uint8_t mac[NEIGH_MAC_SIZE],
			    const char *text, bool router)
{
	struct addr source = address(node_text[1]);
	struct addr wanted = address(text);
	uint8_t frames[2][NEIGH_FRAME_MAX];
	uint8_t got[FRAME_SIZE];
	size_t sizes[2] = {0};

	switch (wanted.family) {
	case ADDR_FAMILY_IPV4:
		sizes[0] = neigh_arp(frames[0], mac, &wanted, NEIGH_FORM_ARP_REQUEST);
		sizes[1] = neigh_arp(frames[1], mac, &wanted, NEIGH_FORM_ARP_REPLY);
		break;
	case ADDR_FAMILY_IPV6:
		sizes[0] = neigh_na(frames[0], mac, &source, &wanted, router);
		break;
	}
	ck_assert_int_eq(announce_send(announce, index_of("va"), &source, &wanted), 0);
	for (unsigned i = 0; i < 2 && sizes[i] > 0; i++) {
		ck_assert_uint_eq(capture(fd, got, WAIT_MAX_MS), sizes[i]);
		ck_assert_mem_eq(got, frames[i], sizes[i]);
	}
}

static void check_silent(int fd)
{
	uint8_t got[FRAME_SIZE];

	ck_assert_uint_eq(capture(fd, got, QUIET_MS), 0);
}

static const uint8_t first_mac[NEIGH_MAC_SIZE] = {2, 0, 0, 0, 0, 0x51};
static const uint8_t second_mac[NEIGH_MAC_SIZE] = {2, 0, 0, 0, 0, 0x52};

START_TEST(announce_frames)
{
	struct announce *announce = open_announce();
	int fd = open_capture(_i == 0 ? ETH_P_ARP : ETH_P_IPV6);

	run("ip link set va address 02:00:00:00:00:51");
	check_announced(announce, fd, first_mac, vip_text[_i], false);
	run("ip link set va address 02:00:00:00:00:52");
	check_announced(announce, fd, second_mac, vip_text[_i], false);
	check_silent(fd);
	close(fd);
	announce_free(announce);
}
END_TEST

START_TEST(announce_router_flag)
{
	struct announce *announce = open_announce();
	int fd;

	run("ip link set va address 02:00:00:00:00:51");
	run("echo 1 >/proc/sys/net/ipv6/conf/va/forwarding");
	fd = open_capture(ETH_P_IPV6);
	check_announced(announce, fd, first_mac, vip_text[1], true);
	run("echo 0 >/proc/sys/net/ipv6/conf/va/forwarding");
	check_announced(announce, fd, first_mac, vip_text[1], false);
	check_silent(fd);
	close(fd);
	announce_free(announce);
}
END_TEST

START_TEST(announce_errors)
{
	struct announce *announce = open_announce();
	struct addr source = address(node_text[_i]);
	struct addr wanted = address(vip_text[_i]);
	int index = index_of("va");

	ck_assert_int_eq(announce_send(announce, index_of("lo"), &source, &wanted), -EOPNOTSUPP);
	run("ip link set va down");
	ck_assert_int_eq(announce_send(announce, index, &source, &wanted), -ENETDOWN);
	run("ip link del va");
	ck_assert_int_eq(announce_send(announce, index, &source, &wanted), -ENODEV);
	announce_free(announce);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *suite_kernel(void)
{
	Suite *suite = suite_create("kernel");
	TCase *sock = new_case(suite, "sock");
	TCase *link = new_case(suite, "link");
	TCase *vip = new_case(suite, "vip");
	TCase *announce = new_case(suite, "announce");

	/* Twice: for IPv4 and for IPv6. */
	tcase_add_loop_test(sock, sock_multicast, 0, 2);
	tcase_add_loop_test(sock, sock_unicast, 0, 2);
	tcase_add_loop_test(sock, sock_source, 0, 2);
	tcase_add_loop_test(sock, sock_ip_header, 0, 2);
	tcase_add_loop_test(sock, sock_wrong_hops, 0, 2);
	tcase_add_loop_test(sock, sock_size, 0, 2);
	tcase_add_test(sock, sock_ipv4_options);
	tcase_add_loop_test(sock, sock_bound, 0, 2);
	tcase_add_test(sock, sock_other_interface);
	tcase_add_loop_test(sock, sock_link_down, 0, 2);

	tcase_add_test(link, link_watch_existing);
	tcase_add_test(link, link_created_later);
	tcase_add_test(link, link_renamed);
	tcase_add_test(link, link_deleted_and_recreated);
	tcase_add_test(link, link_down_and_up);
	tcase_add_test(link, link_addresses);
	tcase_add_test(link, link_tentative_address);
	tcase_add_test(link, link_many_addresses);
	tcase_add_test(link, link_foreign_events);
	tcase_add_test(link, link_nothing_changed);
	tcase_add_test(link, link_disturbed);
	tcase_add_test(link, link_overrun);
	tcase_add_test(link, link_forged);
	tcase_add_test(link, link_find_interface);

	tcase_add_loop_test(vip, vip_as_wanted, 0, 2);
	tcase_add_test(vip, vip_link_local);
	tcase_add_loop_test(vip, vip_usable_at_once, 0, 2);
	tcase_add_loop_test(vip, vip_local_at_once, 0, 2);
	tcase_add_loop_test(vip, vip_removed, 0, 2);
	tcase_add_loop_test(vip, vip_renewed, 0, 2);
	tcase_add_loop_test(vip, vip_not_renewed_after_removal, 0, 2);
	tcase_add_loop_test(vip, vip_renewed_with_another_lease, 0, 2);
	tcase_add_test(vip, vip_renewal_fails);
	tcase_add_test(vip, vip_lease);

	tcase_add_loop_test(announce, announce_frames, 0, 2);
	tcase_add_test(announce, announce_router_flag);
	tcase_add_loop_test(announce, announce_errors, 0, 2);

	suite_add_tcase(suite, tcase_confine());
	return suite;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* Root in a user namespace, if it is not root already. */
static bool become_root(void)
{
	unsigned uid = geteuid();
	unsigned gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

int main(void)
{
	SRunner *runner;
	int failed;

	if (!become_root()) {
		printf("skipped: no network namespace: %s\n", strerror(errno));
		return SKIPPED;
	}
	if (system("ip link show >/dev/null") != 0) {
		printf("skipped: no iproute2\n");
		return SKIPPED;
	}
	runner = srunner_create(suite_kernel());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
