/* SPDX-License-Identifier: Apache-2.0 */
#include "nft_stage.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "os/announce.h"

#define SERVED_MAX 1024

int stage_segment;
int stage_client;
struct stage_node stage_nodes[STAGE_NODES];

const char *const stage_vip[ADDR_FAMILY_COUNT] = {"192.0.2.100", "2001:db8::100"};
const char *const stage_other_vip[ADDR_FAMILY_COUNT] = {"192.0.2.101", "2001:db8::101"};

static pid_t servers[STAGE_NODES];

const char *stage_address(unsigned node, enum addr_family family)
{
	static char text[ADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), family == ADDR_FAMILY_IPV4 ? "192.0.2.%u" : "2001:db8::%u",
		 11 + node);
	return text;
}

/* The echo server. */

static int listen_on(unsigned port)
{
	const struct sockaddr_in6 name = {.sin6_family = AF_INET6,
					  .sin6_port = htons((uint16_t)port)};
	const int on = 1;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	ck_assert_int_eq(listen(fd, SERVED_MAX), 0);
	return fd;
}

/* Echoes what comes; a line "big N" is answered with N bytes. */
static bool serve_one(int fd)
{
	static char bytes[65536];
	ssize_t size = recv(fd, bytes, sizeof(bytes) - 1, 0);
	unsigned wanted;

	if (size <= 0)
		return false;
	bytes[size] = '\0';
	if (sscanf(bytes, "big %u", &wanted) == 1 && wanted <= sizeof(bytes))
		size = (ssize_t)wanted;
	return send(fd, bytes, (size_t)size, MSG_NOSIGNAL) == size;
}

static _Noreturn void serve(unsigned node, const int listeners[2])
{
	static struct pollfd fds[SERVED_MAX];
	nfds_t count = 2;
	const char name = (char)('0' + node);

	for (unsigned i = 0; i < 2; i++)
		fds[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
	for (;;) {
		if (poll(fds, count, -1) < 0)
			_exit(1);
		for (nfds_t i = 2; i < count; i++)
			if (fds[i].revents && !serve_one(fds[i].fd)) {
				close(fds[i].fd);
				fds[i] = fds[--count];
				fds[i--].revents = 0;
			}
		for (unsigned i = 0; i < 2; i++)
			if (fds[i].revents && count < SERVED_MAX) {
				int fd = accept(fds[i].fd, NULL, NULL);

				if (fd < 0)
					continue;
				(void)!send(fd, &name, 1, MSG_NOSIGNAL);
				fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
			}
	}
}

static void start_server(unsigned node)
{
	int listeners[2] = {listen_on(STAGE_PORT), listen_on(STAGE_OTHER_PORT)};
	pid_t parent = getpid();

	servers[node] = fork();
	ck_assert_int_ge(servers[node], 0);
	if (servers[node] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		serve(node, listeners);
	}
	close(listeners[0]);
	close(listeners[1]);
}

/* The segment. */

/* A host named `port` at the bridge, with an interface eth0 and a hardware address of its own. */
static int new_host(const char *port, unsigned number)
{
	int host = new_namespace();

	enter(stage_segment);
	run("ip link add %s type veth peer name eth0 address 02:00:00:00:01:%02x "
	    "netns /proc/%d/fd/%d",
	    port, number, getpid(), host);
	run("ip link set %s master br0 up", port);
	enter(host);
	run("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra && "
	    "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad && "
	    "ip link set eth0 up");
	await(is_running, "eth0");
	run("ip addr add 192.0.2.%u/24 dev eth0", number);
	add_ipv6(output("printf 2001:db8::%u", number), "eth0");
	/* As hosts of a control plane often have it. */
	run("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter && "
	    "echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter");
	return host;
}

static void plan_member(struct nft_plan *plan, unsigned i)
{
	const uint8_t mac[NEIGH_MAC_SIZE] = {2, 0, 0, 0, 1, (uint8_t)(11 + i)};
	struct nft_member *member = &plan->members[i];

	memcpy(member->mac, mac, sizeof(mac));
	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++)
		member->addresses[family] = address(stage_address(i, family));
	plan->group.members[i] = (struct slots_member){
		.address = member->addresses[ADDR_FAMILY_IPV4],
		.live = true,
		.band = PRIORITY_BAND_READY,
	};
}

static struct nft_plan first_plan(unsigned own)
{
	struct nft_plan plan = {
		.number = 0,
		.interface = "eth0",
		.vip_count = 2,
		.port_count = 1,
		.ports = {STAGE_PORT, STAGE_OTHER_PORT},
		.group.member_count = STAGE_NODES,
		.own = own,
		.local = true,
		.lease_s = 60,
	};

	for (enum addr_family family = 0; family < ADDR_FAMILY_COUNT; family++) {
		plan.vips[family] = address(stage_vip[family]);
		plan.vips[2 + family] = address(stage_other_vip[family]);
	}
	for (unsigned i = 0; i < STAGE_NODES; i++)
		plan_member(&plan, i);
	return plan;
}

void stage_set_up(void)
{
	stage_segment = new_namespace();
	run("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up");
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		struct stage_node *node = &stage_nodes[i];
		char port[8];

		snprintf(port, sizeof(port), "n%u", i);
		*node = (struct stage_node){.namespace = new_host(port, 11 + i)};
		/* As nodes of Kubernetes have it. */
		run("echo 1 >/proc/sys/net/ipv4/ip_forward");
		node->plan = first_plan(i);
		start_server(i);
		ck_assert_int_eq(nft_new(&node->nft), 0);
		ck_assert_int_eq(announce_new(&node->announce), 0);
	}
	stage_client = new_host("c", 50);
}

void stage_tear_down(void)
{
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		nft_free(stage_nodes[i].nft);
		announce_free(stage_nodes[i].announce);
		if (servers[i] > 0)
			kill(servers[i], SIGKILL);
	}
}

void stage_add_distant_client(void)
{
	int router = new_host("r", 60);
	int distant = new_namespace();

	enter(router);
	run("ip link add far type veth peer name eth0 netns /proc/%d/fd/%d", getpid(), distant);
	run("echo 1 >/proc/sys/net/ipv4/ip_forward && "
	    "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding && ip link set far mtu 1300 up");
	run("ip addr add 198.51.100.1/24 dev far && ip addr add 2001:db8:1::1/64 dev far nodad");
	enter(distant);
	run("ip link set eth0 up && ip addr add 198.51.100.2/24 dev eth0 && "
	    "ip addr add 2001:db8:1::2/64 dev eth0 nodad");
	await(is_running, "eth0");
	run("ip route add default via 198.51.100.1 && ip -6 route add default via 2001:db8:1::1");
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		enter(stage_nodes[i].namespace);
		run("ip route add default via 192.0.2.60 && ip -6 route add default via "
		    "2001:db8::60");
	}
	stage_client = distant;
	enter(distant);
}

/* The daemons. */

enum nft_news stage_answer(struct stage_node *node, char reason[NFT_REASON_SIZE])
{
	enum nft_news news;

	do {
		ck_assert(nft_wait(node->nft, WAIT_MAX_MS));
		news = nft_receive(node->nft, reason);
	} while (news == NFT_NEWS_LOST || news == NFT_NEWS_NONE);
	return news;
}

void stage_tell(struct stage_node *node)
{
	char reason[NFT_REASON_SIZE] = "";
	FILE *text = nft_begin(node->nft);

	ck_assert_ptr_nonnull(text);
	if (node->installed && nft_rules_can_update(&node->told, &node->plan))
		nft_rules_update(text, &node->told, &node->plan);
	else
		nft_rules_replace(text, &node->plan, 1);
	ck_assert_int_eq(nft_commit(node->nft, text), 0);
	ck_assert_msg(stage_answer(node, reason) == NFT_NEWS_DONE, "%s", reason);
	node->told = node->plan;
	node->installed = true;
}

void stage_tell_all(void)
{
	for (unsigned i = 0; i < STAGE_NODES; i++)
		stage_tell(&stage_nodes[i]);
}

static void announce_all(struct stage_node *node)
{
	struct addr source = address(stage_address((unsigned)(node - stage_nodes), 1));

	enter(node->namespace);
	for (size_t i = 0; i < node->plan.vip_count; i++)
		ck_assert_int_eq(announce_send(node->announce, index_of("eth0"), &source,
					       &node->plan.vips[i]),
				 0);
}

void stage_activate(unsigned number)
{
	struct stage_node *node = &stage_nodes[number];
	char text[ADDR_TEXT_SIZE];

	enter(node->namespace);
	for (size_t i = 0; i < node->plan.vip_count; i++) {
		const struct addr *vip = &node->plan.vips[i];

		run("ip addr add %s/%u dev eth0 noprefixroute %s", addr_format(vip, text),
		    addr_bits(vip->family),
		    vip->family == ADDR_FAMILY_IPV6 ? "nodad preferred_lft 0" : "");
		if (vip->family == ADDR_FAMILY_IPV6)
			await(is_local, text);
	}
	node->plan.forwards = true;
	node->plan.forward_s = 60;
	stage_tell(node);
	announce_all(node);
	enter(stage_client);
}

/* It forwards as long as the successor announces. */
void stage_passivate(unsigned number)
{
	struct stage_node *node = &stage_nodes[number];
	char text[ADDR_TEXT_SIZE];

	enter(node->namespace);
	for (size_t i = 0; i < node->plan.vip_count; i++)
		run("ip addr del %s/%u dev eth0", addr_format(&node->plan.vips[i], text),
		    addr_bits(node->plan.vips[i].family));
	node->plan.forwards = true;
	node->plan.forward_s = 6;
	stage_tell(node);
	enter(stage_client);
}

void stage_move(unsigned from, unsigned to)
{
	stage_passivate(from);
	stage_activate(to);
}

void stage_band(unsigned number, enum priority_band band)
{
	for (unsigned i = 0; i < STAGE_NODES; i++)
		stage_nodes[i].plan.group.members[number].band = band;
	stage_nodes[number].plan.local = band == PRIORITY_BAND_READY;
	stage_tell_all();
}

void stage_live(unsigned number, bool live, bool lingers)
{
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		if (i == number)
			continue;
		stage_nodes[i].plan.group.members[number].live = live;
		stage_nodes[i].plan.members[number].lingers = lingers;
		stage_tell(&stage_nodes[i]);
	}
}

void stage_cut(unsigned number)
{
	enter(stage_segment);
	run("ip link set n%u down", number);
	enter(stage_client);
}

/* The client. */

int stage_connect(const char *text, unsigned port, unsigned *ret_node)
{
	struct addr to = address(text);
	struct sockaddr_in name4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct pollfd poll_fd = {.events = POLLOUT};
	char digit;
	int fd;

	memcpy(&name4.sin_addr, to.bytes, 4);
	memcpy(&name6.sin6_addr, to.bytes, 16);
	fd = socket(to.family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	poll_fd.fd = fd;
	if (to.family == ADDR_FAMILY_IPV4)
		(void)connect(fd, (const struct sockaddr *)&name4, sizeof(name4));
	else
		(void)connect(fd, (const struct sockaddr *)&name6, sizeof(name6));
	if (poll(&poll_fd, 1, STAGE_ANSWER_MS) == 1 && readable(fd, STAGE_ANSWER_MS) &&
	    recv(fd, &digit, 1, 0) == 1) {
		*ret_node = (unsigned)(digit - '0');
		return fd;
	}
	close(fd);
	return -1;
}

bool stage_alive(int fd)
{
	char byte = 'x';

	return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && readable(fd, STAGE_ANSWER_MS) &&
	       recv(fd, &byte, 1, 0) == 1;
}

bool stage_download(int fd, unsigned size)
{
	static char bytes[65536];
	int length = snprintf(bytes, sizeof(bytes), "big %u", size);
	size_t got = 0;

	if (send(fd, bytes, (size_t)length, MSG_NOSIGNAL) != length)
		return false;
	while (got < size && readable(fd, 3 * STAGE_ANSWER_MS)) {
		ssize_t part = recv(fd, bytes, sizeof(bytes), 0);

		if (part <= 0)
			return false;
		got += (size_t)part;
	}
	return got == size;
}

void stage_open(struct stage_connections *connections, const char *text, unsigned port,
		size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned node;
		int fd = stage_connect(text, port, &node);

		ck_assert_msg(fd >= 0, "connection %zu to %s: %s", i, text, strerror(errno));
		ck_assert_uint_lt(connections->count, STAGE_CONNECTIONS_MAX);
		connections->served[node]++;
		connections->fds[connections->count++] = fd;
	}
}

size_t stage_count_alive(const struct stage_connections *connections)
{
	size_t alive = 0;

	for (size_t i = 0; i < connections->count; i++)
		alive += stage_alive(connections->fds[i]);
	return alive;
}
