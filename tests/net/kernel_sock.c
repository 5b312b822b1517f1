/* SPDX-License-Identifier: Apache-2.0 */
/* os/sock against the real kernel. */
#include "os/sock.h"

#include <check.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/advert.h"
#include "daemon/sockets.h"
#include "kernel.h"

/* Version 3 and type 1, as an advert begins. */
#define ADVERT_TEXT "1dvert"

/* Linux before 5.0. */
static bool kernel_is_old;

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	if (kernel_is_old && level == SOL_SOCKET && name == SO_BINDTOIFINDEX) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return __real_setsockopt(fd, level, name, value, size);
}

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

	ck_assert_int_eq(sock_send(sock, &source, to, ADVERT_TEXT, 6), 0);
}

static void check_text(const struct received *received, const char *from, const struct addr *to)
{
	struct addr source = address(from);

	ck_assert(addr_equal(&received->last.source, &source));
	ck_assert(addr_equal(&received->last.destination, to));
	ck_assert_uint_eq(received->last.hops, 255);
	ck_assert(!received->last.oversized);
	ck_assert_uint_eq(received->last.size, 6);
	ck_assert_mem_eq(received->data, ADVERT_TEXT, 6);
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

static bool is_member(const char *name)
{
	return strstr(output("ip maddr show dev %s", name), "ff02::12") != NULL;
}

/* A small MTU takes the interface's IPv6 state, with the membership; the socket holds to it. */
START_TEST(sock_rejoins)
{
	struct sock *node = open_sock("va", ADDR_FAMILY_IPV6, true);
	struct sock *unicast = open_sock("va", ADDR_FAMILY_IPV6, false);

	ck_assert(is_member("va"));
	run("ip link set va mtu 1200");
	ck_assert_int_lt(sock_rejoin(node), 0);
	run("ip link set va mtu 1500");
	ck_assert(!is_member("va"));
	ck_assert_int_eq(sock_rejoin(unicast), 0);
	ck_assert_int_eq(sock_renew(unicast), 0);
	ck_assert(!is_member("va"));
	ck_assert_int_eq(sock_renew(node), 0);
	ck_assert(is_member("va"));
	sock_free(unicast);
	sock_free(node);
}
END_TEST

/* Frames with hop-by-hop options, of multicast listeners, or IGMP within ms: whether one of this
 * type tells of the group of adverts. MLDv2 and IGMPv3 count by the type of their record. */
static bool is_reported(int fd, enum addr_family family, uint8_t old_type, uint8_t record_type,
			int ms)
{
	const struct addr group = advert_group(family);
	int64_t end = now_ms() + ms;
	uint8_t frame[FRAME_SIZE];
	bool reported = false;

	while (now_ms() < end) {
		const uint8_t *message = frame + (family == ADDR_FAMILY_IPV4 ? 38 : 62);
		size_t size = addr_size(family), at = family == ADDR_FAMILY_IPV4 ? 4 : 8;
		ssize_t received;

		if (!readable(fd, (int)(end - now_ms())))
			break;
		memset(frame, 0, sizeof(frame));
		received = recv(fd, frame, sizeof(frame), 0);
		if (received < (family == ADDR_FAMILY_IPV4 ? 46 : 86))
			continue;
		if (family == ADDR_FAMILY_IPV4 ? frame[23] != IPPROTO_IGMP : frame[20] != 0)
			continue;
		reported |= message[0] == old_type && memcmp(message + at, group.bytes, size) == 0;
		reported |=
			message[8] == record_type && memcmp(message + 12, group.bytes, size) == 0;
	}
	return reported;
}

/* A report of joining with the versions of today, and with none of them one of leaving. */
START_TEST(sock_renews_without_leaving)
{
	static const struct {
		const char *old_version;
		uint8_t join, leave; /* IGMPv2, MLDv1 */
		int protocol;
	} by_family[] = {
		{"net.ipv4.conf.va.force_igmp_version=2", 0x16, 0x17, ETH_P_IP},
		{"net.ipv6.conf.va.force_mld_version=1", 131, 132, ETH_P_IPV6},
	};
	enum addr_family family = families[_i];
	struct sock *node = open_sock("va", family, true);
	int fd = open_capture(by_family[_i].protocol);

	ck_assert(is_reported(fd, family, by_family[_i].join, 4, 2000));
	ck_assert_int_eq(sock_renew(node), 0);
	ck_assert(is_reported(fd, family, by_family[_i].join, 4, 500));
	sock_free(node);
	run("sysctl -qw %s", by_family[_i].old_version);
	node = open_sock("va", family, true);
	ck_assert(is_reported(fd, family, by_family[_i].join, 4, 500));
	ck_assert_int_eq(sock_renew(node), 0);
	ck_assert(!is_reported(fd, family, by_family[_i].leave, 3, 500));
	close(fd);
	sock_free(node);
}
END_TEST

START_TEST(sock_rejoined_socket_hears)
{
	enum addr_family family = families[_i];
	struct addr group = advert_group(family);
	struct sock *node = open_sock("va", family, true);
	struct sock *peer = open_peer_sock("vb", family, true);

	ck_assert_int_eq(sock_rejoin(node), 0);
	ck_assert_int_eq(sock_rejoin(node), 0);
	ck_assert_int_eq(sock_renew(node), 0);
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
	ck_assert_int_lt(sock_send(node, &foreign, &group, ADVERT_TEXT, 6), 0);
	send_text(node, other_text[_i], &group);
	check_text(take(peer, 1), other_text[_i], &group);
	sock_free(node);
	sock_free(peer);
}
END_TEST

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

static void set_hops(int fd, enum addr_family family, int hops)
{
	if (family == ADDR_FAMILY_IPV4)
		set_option(fd, IPPROTO_IP, IP_TTL, hops);
	else
		set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
}

START_TEST(sock_wrong_hops)
{
	struct addr to = address(peer_text[_i]);
	struct sock *peer = open_peer_sock("vb", families[_i], true);
	int fd = open_plain(families[_i], &to);
	const struct received *received;

	set_hops(fd, families[_i], 3);
	ck_assert_int_eq(send(fd, ADVERT_TEXT, 6, 0), 6);
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
	ck_assert_int_eq(send(fd, ADVERT_TEXT, 6, 0), 6);
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
	ck_assert_int_lt(sock_send(node, &source, &group, ADVERT_TEXT, 6), 0);
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
	ck_assert_int_lt(sock_send(node, &source, &group, ADVERT_TEXT, 6), 0);
	sock_drain(node, 10, receive, &received);
	ck_assert_uint_eq(received.count, 0);
	ck_assert_int_lt(sock_new(9999, families[_i], true, &peer), 0);
	sock_free(node);
	sock_free(peer);
}
END_TEST

START_TEST(sock_kernel_before_5_0)
{
	struct addr group = advert_group(families[_i]);
	int bound = 0;
	socklen_t size = sizeof(bound);
	struct sock *node, *peer;

	kernel_is_old = true;
	node = open_sock("va", families[_i], true);
	peer = open_peer_sock("vb", families[_i], true);
	ck_assert_int_eq(getsockopt(sock_fd(node), SOL_SOCKET, SO_BINDTOIFINDEX, &bound, &size), 0);
	ck_assert_int_eq(bound, index_of("va"));
	send_text(node, node_text[_i], &group);
	check_text(take(peer, 1), node_text[_i], &group);
	sock_free(peer);
	ck_assert_int_eq(sock_new(9999, families[_i], true, &peer), -ENODEV);
	sock_free(node);
}
END_TEST

/* The first bytes of adverts: version and type, then the VRID. */
#define OURS "\x31\x0a......"
#define OTHER_VRID "\x31\x0b......"
#define OTHER_VERSION "\x21\x0a......"
#define STATUS_VRID "\x31\x00......" /* of a STATUS; as an advert it is refused */
#define NO_VRID "\x31"

static const uint8_t our_vrids[] = {200, 10};
static const uint8_t other_vrids[] = {11};

static void send_bytes(int fd, const char *data, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(send(fd, data, strlen(data), 0), (ssize_t)strlen(data));
}

/* witness, on the same interface, tells what has arrived: the kernel serves it last. */
struct flooded {
	int fd;
	struct sock *witness;
	struct sock *sock;
};

/* The drain reaches its bound, and then empties the socket. */
static struct flooded flood(enum addr_family family, const struct addr *to)
{
	struct flooded f = {.fd = open_plain(family, to)};
	struct received received = {0};

	f.witness = open_peer_sock("vb", family, true);
	f.sock = open_peer_sock("vb", family, true);
	sock_expect(f.sock, our_vrids, COUNT(our_vrids));
	set_hops(f.fd, family, 255);
	send_bytes(f.fd, OTHER_VRID, 20);
	take(f.witness, 20);
	ck_assert_int_eq(sock_drain(f.sock, 16, receive, &received), 0);
	ck_assert_int_eq(sock_drain(f.sock, 16, receive, &received), 1);
	ck_assert_uint_eq(received.count, 20);
	return f;
}

static void end_flood(struct flooded *f)
{
	close(f->fd);
	sock_free(f->sock);
	sock_free(f->witness);
}

START_TEST(sock_flood_does_not_wake)
{
	struct addr to = address(peer_text[_i]);
	struct flooded f = flood(families[_i], &to);

	send_bytes(f.fd, OTHER_VRID, 1);
	send_bytes(f.fd, OTHER_VERSION, 1);
	send_bytes(f.fd, NO_VRID, 1);
	set_hops(f.fd, families[_i], 254);
	send_bytes(f.fd, OURS, 1);
	take(f.witness, 4);
	ck_assert(!readable(sock_fd(f.sock), 0));

	set_hops(f.fd, families[_i], 255);
	send_bytes(f.fd, OURS, 1);
	take(f.witness, 1);
	ck_assert_mem_eq(take(f.sock, 1)->data, OURS, strlen(OURS));
	end_flood(&f);
}
END_TEST

START_TEST(sock_flood_behind_ipv4_options)
{
	const uint8_t router_alert[4] = {0x94, 4, 0, 0};
	struct addr to = address(peer_text[0]);
	struct flooded f = flood(ADDR_FAMILY_IPV4, &to);

	ck_assert_int_eq(
		setsockopt(f.fd, IPPROTO_IP, IP_OPTIONS, router_alert, sizeof(router_alert)), 0);
	send_bytes(f.fd, OTHER_VRID, 1);
	take(f.witness, 1);
	ck_assert(!readable(sock_fd(f.sock), 0));
	send_bytes(f.fd, OURS, 1);
	take(f.sock, 1);
	end_flood(&f);
}
END_TEST

START_TEST(sock_flood_and_new_vrids)
{
	struct addr to = address(peer_text[_i]);
	struct flooded f = flood(families[_i], &to);

	sock_expect(f.sock, other_vrids, COUNT(other_vrids));
	send_bytes(f.fd, OURS, 1);
	take(f.witness, 1);
	ck_assert(!readable(sock_fd(f.sock), 0));
	send_bytes(f.fd, OTHER_VRID, 1);
	take(f.sock, 1);
	end_flood(&f);
}
END_TEST

START_TEST(sock_flood_ends)
{
	const struct timespec longer_than_the_filter = {.tv_sec = 1, .tv_nsec = 100000000};
	struct addr to = address(peer_text[_i]);
	struct flooded f = flood(families[_i], &to);

	nanosleep(&longer_than_the_filter, NULL);
	send_bytes(f.fd, OURS, 1);
	take(f.sock, 1);
	send_bytes(f.fd, OTHER_VRID, 1);
	take(f.sock, 1);
	end_flood(&f);
}
END_TEST

static void ignore_trace(struct engine_io *io, const struct router *router, enum engine_trace what,
			 enum advert_refusal refusal, const struct packet *packet)
{
	(void)io;
	(void)router;
	(void)what;
	(void)refusal;
	(void)packet;
}

static uint64_t sum(const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	uint64_t count = 0;

	for (unsigned i = 0; i < ADVERT_REFUSAL_COUNT; i++)
		count += rejected[i];
	return count;
}

/* The sockets of an engine with one router of VRID 10 on vb. */
START_TEST(sock_flood_spares_vrids_of_routers)
{
	static struct engine_io io = {.trace = ignore_trace};
	static struct engine engine;
	struct router_settings settings = {
		.vrid = 10,
		.family = families[_i],
		.vrrp.advert_int_cs = 25,
		.address_count = 1,
		.advertised_count = 1,
		.addresses = {address(node_text[_i])},
		.members = true,
	};
	struct event_base *base = event_base_new();
	struct addr to = address(peer_text[_i]);
	int fd = open_plain(families[_i], &to);
	struct sock *witness = open_peer_sock("vb", families[_i], true);
	const struct instant now = {SECOND_US};
	struct sockets *sockets;

	engine_init(&engine, &io, 3, 2);
	engine.routers[0] = router_new(&settings);
	engine.router_count = 1;
	engine.routers[0]->socket_closed = false;
	enter(peer_namespace);
	engine.routers[0]->ifindex = index_of("vb");
	engine_index(&engine);
	sockets = sockets_new(base, &engine);
	ck_assert(sockets_sync(sockets, now));
	enter(node_namespace);
	set_hops(fd, families[_i], 255);
	for (unsigned i = 0; i < 3; i++) {
		send_bytes(fd, OTHER_VRID, 90);
		take(witness, 90);
	}
	ck_assert_int_eq(sockets_drain(sockets, now, true), 0);
	ck_assert_int_eq(sockets_drain(sockets, now, true), 1);
	ck_assert_uint_eq(sum(engine.rejected), 270);

	send_bytes(fd, OTHER_VRID, 1);
	send_bytes(fd, OURS, 1);
	ck_assert_int_eq(send(fd, STATUS_VRID, sizeof(STATUS_VRID) - 1, 0),
			 sizeof(STATUS_VRID) - 1);
	take(witness, 3);
	ck_assert_int_eq(sockets_drain(sockets, now, true), 1);
	ck_assert_uint_eq(sum(engine.rejected), 271);
	ck_assert_uint_eq(sum(engine.routers[0]->counters.rejected), 1);
	sockets_free(sockets);
	engine_fini(&engine);
	event_base_free(base);
	sock_free(witness);
	close(fd);
}
END_TEST

void add_sock_tests(TCase *sock)
{
	/* Twice: for IPv4 and for IPv6. */
	tcase_add_loop_test(sock, sock_multicast, 0, 2);
	tcase_add_test(sock, sock_rejoins);
	tcase_add_loop_test(sock, sock_renews_without_leaving, 0, 2);
	tcase_add_loop_test(sock, sock_rejoined_socket_hears, 0, 2);
	tcase_add_loop_test(sock, sock_unicast, 0, 2);
	tcase_add_loop_test(sock, sock_source, 0, 2);
	tcase_add_loop_test(sock, sock_ip_header, 0, 2);
	tcase_add_loop_test(sock, sock_wrong_hops, 0, 2);
	tcase_add_loop_test(sock, sock_size, 0, 2);
	tcase_add_test(sock, sock_ipv4_options);
	tcase_add_loop_test(sock, sock_bound, 0, 2);
	tcase_add_test(sock, sock_other_interface);
	tcase_add_loop_test(sock, sock_link_down, 0, 2);
	tcase_add_loop_test(sock, sock_kernel_before_5_0, 0, 2);
	tcase_add_loop_test(sock, sock_flood_does_not_wake, 0, 2);
	tcase_add_test(sock, sock_flood_behind_ipv4_options);
	tcase_add_loop_test(sock, sock_flood_and_new_vrids, 0, 2);
	tcase_add_loop_test(sock, sock_flood_ends, 0, 2);
	tcase_add_loop_test(sock, sock_flood_spares_vrids_of_routers, 0, 2);
}
