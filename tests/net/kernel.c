/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/ against the real kernel: announce here, the others in kernel_*.c. Each test of the
 * network has two network namespaces of its own, "node" and "peer", joined by a veth pair; they
 * vanish with the test's process. Runs as root or in a user namespace; exits 77 (skipped) where the
 * kernel allows neither.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/neigh.h"
#include "kernel.h"
#include "os/announce.h"

#define SKIPPED 77
#define OUTPUT_SIZE (1 << 19)
#define QUIET_MS 200
#define RTF_LOCAL 0x80000000 /* linux/ipv6_route.h, which does not go with net/if.h */

int node_namespace;
int peer_namespace;

const enum addr_family families[2] = {ADDR_FAMILY_IPV4, ADDR_FAMILY_IPV6};
const char *const node_text[2] = {"192.0.2.1", "fe80::1"};
const char *const peer_text[2] = {"192.0.2.2", "fe80::2"};
const char *const vip_text[2] = {"192.0.2.100", "2001:db8::100"};

/* The namespaces and the commands run in them. */

void run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

const char *output(const char *format, ...)
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

void enter(int namespace)
{
	ck_assert_int_eq(setns(namespace, CLONE_NEWNET), 0);
}

int new_namespace(void)
{
	int fd;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	run("ip link set lo up");
	return fd;
}

struct addr address(const char *text)
{
	struct addr result;

	ck_assert_msg(addr_parse(text, &result), "%s", text);
	return result;
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool is_running(const char *name)
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

bool is_local(const char *text)
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

void await(bool (*holds)(const char *), const char *argument)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t end = now_ms() + WAIT_MAX_MS;

	while (!holds(argument)) {
		ck_assert_msg(now_ms() < end, "waited in vain for %s", argument);
		nanosleep(&pause, NULL);
	}
}

void add_ipv6(const char *text, const char *name)
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

void add_pair(const char *here, const char *there)
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
	peer_namespace = new_namespace();
	node_namespace = new_namespace();
	add_pair("va", "vb");
	run("ip addr add 192.0.2.1/24 dev va");
	add_ipv6("fe80::1", "va");
	enter(peer_namespace);
	run("ip addr add 192.0.2.2/24 dev vb");
	add_ipv6("fe80::2", "vb");
	enter(node_namespace);
}

int index_of(const char *name)
{
	int index = (int)if_nametoindex(name);

	ck_assert_int_gt(index, 0);
	return index;
}

bool readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

int open_capture(int protocol)
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

size_t capture(int fd, uint8_t frame[FRAME_SIZE], int timeout_ms)
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

/* announce */

static struct announce *open_announce(void)
{
	struct announce *announce = NULL;

	ck_assert_int_eq(announce_new(&announce), 0);
	return announce;
}

/* The peer receives what core/neigh makes with this hardware address. */
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

/* ANNOUNCE: a question from the VIP for the gateway of the interface; another interface's gateway
 * is none of it. Without one IPv4 asks for its own address, which nobody answers, and IPv6 for
 * none. */
START_TEST(announce_question)
{
	static const char *const gateways[] = {"192.0.2.254", "fe80::254"};
	struct announce *announce = open_announce();
	struct addr source = address(node_text[_i]);
	struct addr wanted = address(vip_text[_i]);
	struct addr gateway = address(gateways[_i]);
	uint8_t expected[NEIGH_FRAME_MAX], got[FRAME_SIZE];
	size_t size;
	int fd;

	run("ip link set va address 02:00:00:00:00:51");
	add_pair("other", "there");
	run("ip -%d route add default via %s dev other onlink metric 1", _i == 0 ? 4 : 6,
	    _i == 0 ? "198.51.100.1" : "fe80::99");
	fd = open_capture(_i == 0 ? ETH_P_ARP : ETH_P_IPV6);
	ck_assert_int_eq(announce_send(announce, index_of("va"), &source, &wanted), 0);
	for (unsigned i = 0; i < (_i == 0 ? 2 : 1); i++)
		ck_assert_uint_gt(capture(fd, got, WAIT_MAX_MS), 0);
	if (_i == 0) {
		size = neigh_arp_question(expected, first_mac, &wanted, &source);
		ck_assert_uint_eq(capture(fd, got, WAIT_MAX_MS), size);
		ck_assert_mem_eq(got, expected, size);
	}
	check_silent(fd);

	run("ip -%d route add default via %s dev va metric 2", _i == 0 ? 4 : 6, gateways[_i]);
	ck_assert_int_eq(announce_send(announce, index_of("va"), &source, &wanted), 0);
	for (unsigned i = 0; i < (_i == 0 ? 2 : 1); i++)
		ck_assert_uint_gt(capture(fd, got, WAIT_MAX_MS), 0);
	size = _i == 0 ? neigh_arp_question(expected, first_mac, &wanted, &gateway)
		       : neigh_ns(expected, first_mac, &wanted, &gateway);
	ck_assert_uint_eq(capture(fd, got, WAIT_MAX_MS), size);
	ck_assert_mem_eq(got, expected, size);
	check_silent(fd);
	close(fd);
	announce_free(announce);
}
END_TEST

/* The socket cannot be made to hear anything, not even bound to a protocol. */
START_TEST(announce_is_deaf)
{
	struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_fprog filter = {.len = 1, .filter = &all};
	int before = dup(0), fd;
	struct announce *announce = open_announce();

	/* The descriptor after the last one. */
	fd = before + 1;
	close(before);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), -1);
	ck_assert_int_eq(errno, EPERM);
	run("ping -c 1 -W 1 192.0.2.2 >/dev/null || true");
	ck_assert(!readable(fd, QUIET_MS));
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

TCase *new_case(Suite *suite, const char *name)
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
	TCase *netlink = new_case(suite, "netlink");
	TCase *link = new_case(suite, "link");
	TCase *vip = new_case(suite, "vip");
	TCase *close = new_case(suite, "close");
	TCase *holder = new_case(suite, "holder");
	TCase *announce = new_case(suite, "announce");
	TCase *lock = new_case(suite, "vrid_lock");

	add_sock_tests(sock);
	add_netlink_tests(netlink);
	add_link_tests(link);
	add_vip_tests(vip);
	add_vrid_lock_tests(lock);
	add_close_tests(close);
	add_holder_tests(holder);

	/* Twice: for IPv4 and for IPv6. */
	tcase_add_loop_test(announce, announce_frames, 0, 2);
	tcase_add_test(announce, announce_router_flag);
	tcase_add_loop_test(announce, announce_question, 0, 2);
	tcase_add_test(announce, announce_is_deaf);
	tcase_add_loop_test(announce, announce_errors, 0, 2);

	suite_add_tcase(suite, tcase_confine());
	suite_add_tcase(suite, tcase_inside());
	suite_add_tcase(suite, tcase_landlock());
	if (system("nft --version >/dev/null 2>&1") == 0) {
		add_nft_helper_tests(new_case(suite, "nft_helper"));
		suite_add_tcase(suite, tcase_nft());
	} else {
		printf("os/nft is not tried: no nft(8)\n");
	}
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
