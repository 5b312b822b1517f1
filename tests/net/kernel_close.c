/* SPDX-License-Identifier: Apache-2.0 */
/* os/close, the departure of os/vip and os/connections against the real kernel: whose connections
 * end, when, and how many there are. */
#include "os/close.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "os/clock.h"
#include "os/connections.h"
#include "os/netlink.h"
#include "os/vip.h"

#define PORT 7000
#define MANY 400

static const atomic_bool no_hurry;

static struct close *open_close(void)
{
	struct close *close = NULL;

	ck_assert_int_eq(close_new(&close), 0);
	return close;
}

static struct instant in_a_while(void)
{
	return instant_add(clock_now(), WAIT_MAX_MS * MILLISECOND_US);
}

/* Listens on [::], as Go's programs do, or on 0.0.0.0. */
static int listen_on(int family)
{
	struct sockaddr_in name4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = family == AF_INET ? bind(fd, (const struct sockaddr *)&name4, sizeof(name4))
				       : bind(fd, (const struct sockaddr *)&name6, sizeof(name6));

	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(listen(fd, MANY), 0);
	return fd;
}

/* From the namespace that is entered. */
static int connect_to(const char *text)
{
	struct addr to = address(text);
	struct sockaddr_in name4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	bool ipv4 = to.family == ADDR_FAMILY_IPV4;
	int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	memcpy(&name4.sin_addr, to.bytes, 4);
	memcpy(&name6.sin6_addr, to.bytes, 16);
	result = ipv4 ? connect(fd, (const struct sockaddr *)&name4, sizeof(name4))
		      : connect(fd, (const struct sockaddr *)&name6, sizeof(name6));
	ck_assert_msg(result == 0, "%s: %s", text, strerror(errno));
	return fd;
}

/* What a reader that waits is told: ECONNRESET, ECONNABORTED, or 0 for nothing. */
static int told(int fd, int timeout_ms)
{
	char byte;

	if (!readable(fd, timeout_ms))
		return 0;
	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

static int accept_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* The peer reaches the VIP and the node's other address of the family. */
static void add_addresses(int number)
{
	run("ip addr add %s/%d dev va%s", vip_text[number], number == 0 ? 32 : 128,
	    number == 0 ? "" : " nodad");
	run("ip addr add %s/%d dev va%s", number == 0 ? "192.0.2.3" : "2001:db8::3",
	    number == 0 ? 24 : 64, number == 0 ? "" : " nodad");
	enter(peer_namespace);
	if (number == 1)
		add_ipv6("2001:db8::2", "vb");
	enter(node_namespace);
}

static const char *other(int number)
{
	return number == 0 ? "192.0.2.3" : "2001:db8::3";
}

START_TEST(close_supported)
{
	struct close *close = open_close();

	ck_assert_int_eq(close_check(close), 0);
	ck_assert_uint_eq(close_count(close), 0);
	close_free(close);
}
END_TEST

/* By number: IPv4 in sockets of IPv4, IPv4 in sockets of IPv6, IPv6. */
START_TEST(close_ends_both_sides)
{
	int number = _i == 2;
	int listener = listen_on(_i == 0 ? AF_INET : AF_INET6);
	struct addr vip = address(vip_text[number]);
	struct close *closer = open_close();
	int remote, served, kept;

	add_addresses(number);
	enter(peer_namespace);
	remote = connect_to(vip_text[number]);
	served = accept_one(listener);
	kept = connect_to(other(number));
	enter(node_namespace);
	ck_assert_int_eq(close_connections(closer, index_of("va"), &vip, in_a_while(), &no_hurry),
			 0);
	ck_assert_int_eq(told(remote, WAIT_MAX_MS), ECONNRESET);
	ck_assert_int_eq(told(served, WAIT_MAX_MS), ECONNABORTED);
	ck_assert_int_eq(told(kept, 100), 0);
	ck_assert_uint_eq(close_count(closer), 1);
	/* Who listens goes on. */
	enter(peer_namespace);
	close(connect_to(vip_text[number]));
	enter(node_namespace);
	close_free(closer);
	close(listener);
}
END_TEST

/* Derived link-local addresses are the same on every interface with the VRID. */
START_TEST(close_link_local_of_one_interface)
{
	struct addr vip = address("fe80::1");
	struct close *closer = open_close();
	int listener = listen_on(AF_INET6);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	int fd;

	enter(peer_namespace);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(&to.sin6_addr, vip.bytes, 16);
	to.sin6_scope_id = (uint32_t)index_of("vb");
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	enter(node_namespace);
	ck_assert_int_eq(close_connections(closer, index_of("lo"), &vip, in_a_while(), &no_hurry),
			 0);
	ck_assert_uint_eq(close_count(closer), 0);
	ck_assert_int_eq(close_connections(closer, index_of("va"), &vip, in_a_while(), &no_hurry),
			 0);
	ck_assert_int_eq(told(fd, WAIT_MAX_MS), ECONNRESET);
	close(listener);
	close_free(closer);
}
END_TEST

/* As many as a dump does not hold in one message; each is told. */
START_TEST(close_ends_many)
{
	static int remotes[MANY];
	int listener = listen_on(AF_INET6);
	struct addr vip = address(vip_text[0]);
	struct close *closer = open_close();

	add_addresses(0);
	enter(peer_namespace);
	for (unsigned i = 0; i < MANY; i++)
		remotes[i] = connect_to(vip_text[0]);
	enter(node_namespace);
	ck_assert_int_eq(close_connections(closer, index_of("va"), &vip, in_a_while(), &no_hurry),
			 0);
	ck_assert_uint_eq(close_count(closer), MANY);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(told(remotes[i], WAIT_MAX_MS), ECONNRESET);
	close_free(closer);
	close(listener);
}
END_TEST

/* Neither after the end nor in a hurry. */
START_TEST(close_bounded)
{
	const atomic_bool hurry = _i == 1;
	struct instant end = _i == 0 ? clock_now() : in_a_while();
	int listener = listen_on(AF_INET6);
	struct addr vip = address(vip_text[0]);
	struct close *closer = open_close();
	int remote;

	add_addresses(0);
	enter(peer_namespace);
	remote = connect_to(vip_text[0]);
	enter(node_namespace);
	ck_assert_int_eq(close_connections(closer, index_of("va"), &vip, end, &hurry), 0);
	ck_assert_uint_eq(close_count(closer), 0);
	ck_assert_int_eq(told(remote, 100), 0);
	close_free(closer);
	close(listener);
}
END_TEST

static bool is_gone(const char *text)
{
	return output("ip -o addr show dev va to %s", text)[0] == '\0';
}

/* CLOSE: the RST gets out before the address goes. A program on the node that connects again at
 * once, while the address is there, is told too. */
START_TEST(vip_departs_with_its_connections)
{
	struct addr vip_address = address(vip_text[_i]);
	int listener = listen_on(AF_INET6);
	struct vip *vip = NULL;
	int remote, local;

	ck_assert_int_eq(vip_new(&vip), 0);
	ck_assert_int_eq(vip_start(vip), 0);
	ck_assert_int_eq(vip_close_connections(vip), 0);
	ck_assert_int_eq(vip_close_connections(vip), 0);
	add_addresses(_i);
	ck_assert_int_eq(vip_add(vip, index_of("va"), &vip_address, 5), 0);
	enter(peer_namespace);
	remote = connect_to(vip_text[_i]);
	enter(node_namespace);
	local = connect_to(vip_text[_i]);
	ck_assert_int_eq(
		vip_depart(vip, index_of("va"), &vip_address, addr_bits(vip_address.family)), 0);
	ck_assert_int_eq(told(remote, WAIT_MAX_MS), ECONNRESET);
	ck_assert_int_ne(told(local, WAIT_MAX_MS), 0);
	await(is_gone, vip_text[_i]);
	ck_assert_uint_ge(vip_closed_count(vip), 2);
	/* It comes back as if it had never gone. */
	ck_assert_int_eq(vip_add(vip, index_of("va"), &vip_address, 5), 0);
	ck_assert(!is_gone(vip_text[_i]));
	vip_free(vip);
	close(listener);
}
END_TEST

/* What the daemon has asked for is done when it ends. */
START_TEST(vip_freed_after_departure)
{
	struct addr vip_address = address(vip_text[_i]);
	struct vip *vip = NULL;

	ck_assert_int_eq(vip_new(&vip), 0);
	ck_assert_int_eq(vip_start(vip), 0);
	ck_assert_int_eq(vip_close_connections(vip), 0);
	ck_assert_int_eq(vip_add(vip, index_of("va"), &vip_address, 5), 0);
	ck_assert_int_eq(
		vip_depart(vip, index_of("va"), &vip_address, addr_bits(vip_address.family)), 0);
	vip_free(vip);
	ck_assert(is_gone(vip_text[_i]));
}
END_TEST

static unsigned counted(struct netlink *diag, const char *text, uint16_t port, unsigned limit)
{
	struct addr at = address(text);
	unsigned count = 0;

	ck_assert_int_eq(connections_count(diag, &at, port, limit, &count), 0);
	return count;
}

/* By number as close_ends_both_sides. Neither the listener nor the client's side of a connection
 * counts, nor one that is over. */
START_TEST(connections_counted)
{
	int number = _i == 2;
	int listener = listen_on(_i == 0 ? AF_INET : AF_INET6);
	struct netlink *diag = NULL;
	int first, second, served;

	ck_assert_int_eq(netlink_new_diag(&diag), 0);
	add_addresses(number);
	ck_assert_uint_eq(counted(diag, vip_text[number], PORT, 10), 0);
	enter(peer_namespace);
	first = connect_to(vip_text[number]);
	second = connect_to(vip_text[number]);
	connect_to(other(number));
	enter(node_namespace);
	ck_assert_uint_eq(counted(diag, vip_text[number], PORT, 10), 2);
	ck_assert_uint_eq(counted(diag, other(number), PORT, 10), 1);
	ck_assert_uint_eq(counted(diag, vip_text[number], PORT + 1, 10), 0);
	/* A dump that was given up spoils no later one. */
	ck_assert_uint_eq(counted(diag, vip_text[number], PORT, 1), 1);
	ck_assert_uint_eq(counted(diag, vip_text[number], PORT, 10), 2);
	served = accept_one(listener);
	close(first);
	ck_assert_int_eq(readable(served, WAIT_MAX_MS), true);
	ck_assert_uint_eq(counted(diag, vip_text[number], PORT, 10), 1);
	close(second);
	netlink_free(diag);
	close(listener);
}
END_TEST

void add_close_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, connections_counted, 0, 3);
	tcase_add_test(tcase, close_supported);
	tcase_add_loop_test(tcase, close_ends_both_sides, 0, 3);
	tcase_add_test(tcase, close_link_local_of_one_interface);
	tcase_add_test(tcase, close_ends_many);
	tcase_add_loop_test(tcase, close_bounded, 0, 2);
	tcase_add_loop_test(tcase, vip_departs_with_its_connections, 0, 2);
	tcase_add_loop_test(tcase, vip_freed_after_departure, 0, 2);
}
