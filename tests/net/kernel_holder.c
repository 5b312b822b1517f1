/* SPDX-License-Identifier: Apache-2.0 */
/* os/holder against the real kernel: which packets of the peer are claims, and what the locked
 * filters keep out. */
#include "os/holder.h"

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "os/announce.h"

static const uint8_t peer_mac[NEIGH_MAC_SIZE] = {2, 0, 0, 0, 0, 0xfe};

static unsigned taken;
static int last_ifindex;
static struct neigh_claim last;

static void take(void *context, int ifindex, const struct neigh_claim *claim)
{
	(void)context;
	taken++;
	last_ifindex = ifindex;
	last = *claim;
}

static struct holder *open_holder(const char *text)
{
	struct addr wanted = address(text);
	struct holder *holder = NULL;

	ck_assert_int_eq(holder_new(&holder), 0);
	ck_assert_int_eq(holder_watch(holder, &wanted, 1), 0);
	enter(peer_namespace);
	run("ip link set vb address 02:00:00:00:00:fe");
	enter(node_namespace);
	taken = 0;
	return holder;
}

/* As the peer would. */
static void claim(const char *text)
{
	struct addr source = address(peer_text[1]);
	struct addr claimed = address(text);
	struct announce *announce = NULL;

	enter(peer_namespace);
	ck_assert_int_eq(announce_new(&announce), 0);
	ck_assert_int_eq(announce_send(announce, index_of("vb"), &source, &claimed), 0);
	announce_free(announce);
	enter(node_namespace);
}

static unsigned drained(struct holder *holder, int timeout_ms)
{
	int fds[HOLDER_FDS];
	unsigned count = holder_fds(holder, fds);

	ck_assert_uint_eq(count, 2);
	for (unsigned i = 0; i < count; i++)
		(void)readable(fds[i], i == 0 && timeout_ms > 0 ? timeout_ms / 2 : timeout_ms);
	taken = 0;
	ck_assert_int_eq(holder_drain(holder, 64, take, NULL), 1);
	return taken;
}

START_TEST(holder_hears_claims)
{
	struct holder *holder = open_holder(vip_text[_i]);
	struct addr wanted = address(vip_text[_i]);

	claim(vip_text[_i]);
	ck_assert_uint_eq(drained(holder, 200), _i == 0 ? 2 : 1);
	ck_assert(addr_equal(&last.address, &wanted));
	ck_assert_mem_eq(last.mac, peer_mac, sizeof(peer_mac));
	ck_assert_int_eq(last_ifindex, index_of("va"));
	holder_free(holder);
}
END_TEST

/* Neither another address nor what this node says itself. */
START_TEST(holder_hears_no_others)
{
	struct holder *holder = open_holder(vip_text[_i]);
	struct addr source = address(node_text[1]);
	struct addr wanted = address(vip_text[_i]);
	struct announce *announce = NULL;

	claim(_i == 0 ? "192.0.2.101" : "2001:db8::101");
	ck_assert_int_eq(announce_new(&announce), 0);
	ck_assert_int_eq(announce_send(announce, index_of("va"), &source, &wanted), 0);
	ck_assert_uint_eq(drained(holder, 200), 0);
	announce_free(announce);
	holder_free(holder);
}
END_TEST

/* Nothing before it is asked for, and a router that has not been there at first. */
START_TEST(holder_watches_another_address)
{
	struct addr other = address(vip_text[_i]);
	struct holder *holder = open_holder(vip_text[1 - _i]);

	claim(vip_text[_i]);
	ck_assert_uint_eq(drained(holder, 200), 0);
	ck_assert_int_eq(holder_watch(holder, &other, 1), 0);
	claim(vip_text[_i]);
	ck_assert_uint_gt(drained(holder, 200), 0);
	ck_assert(addr_equal(&last.address, &other));
	holder_free(holder);
}
END_TEST

START_TEST(holder_bounded)
{
	struct holder *holder = open_holder(vip_text[0]);
	int fds[HOLDER_FDS];

	claim(vip_text[0]);
	claim(vip_text[0]);
	holder_fds(holder, fds);
	ck_assert(readable(fds[0], WAIT_MAX_MS));
	ck_assert_int_eq(holder_drain(holder, 1, take, NULL), 0);
	ck_assert_uint_eq(taken, 1);
	ck_assert_uint_eq(drained(holder, 200), 3);
	holder_free(holder);
}
END_TEST

/* RFC 4861 7.1.2: a router lets no Neighbor Advertisement of another link in with hop limit 255. */
START_TEST(holder_ignores_forwarded_advertisements)
{
	struct holder *holder = open_holder(vip_text[1]);
	struct addr vip = address(vip_text[1]);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6};
	uint8_t bytes[32] = {ND_NEIGHBOR_ADVERT, [24] = 2, 1, 2, 0, 0, 0, 0, 0xfe};
	int hops = _i == 0 ? 255 : 254;
	int fd;

	memcpy(bytes + 8, vip.bytes, 16);
	enter(peer_namespace);
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops)), 0);
	memcpy(&to.sin6_addr, address(node_text[1]).bytes, 16);
	to.sin6_scope_id = (uint32_t)index_of("vb");
	ck_assert_int_eq(
		sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&to, sizeof(to)),
		sizeof(bytes));
	close(fd);
	enter(node_namespace);
	ck_assert_uint_eq(drained(holder, 200), _i == 0 ? 1 : 0);
	holder_free(holder);
}
END_TEST

/* Nothing that gets hold of the process can listen to the segment with its sockets. */
START_TEST(holder_filter_is_locked)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_fprog filter = {.len = 1, .filter = &all};
	struct holder *holder = open_holder(vip_text[0]);
	struct addr other = address("192.0.2.101");
	int fds[HOLDER_FDS];

	if (_i == 1)
		ck_assert_int_eq(holder_watch(holder, &other, 1), 0);
	for (unsigned i = 0; i < holder_fds(holder, fds); i++) {
		ck_assert_int_eq(
			setsockopt(fds[i], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)),
			-1);
		ck_assert_int_eq(errno, EPERM);
		ck_assert_int_eq(
			setsockopt(fds[i], SOL_SOCKET, SO_DETACH_FILTER, &filter.len, sizeof(int)),
			-1);
		ck_assert_int_eq(errno, EPERM);
	}
	holder_free(holder);
}
END_TEST

void add_holder_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, holder_hears_claims, 0, 2);
	tcase_add_loop_test(tcase, holder_hears_no_others, 0, 2);
	tcase_add_loop_test(tcase, holder_watches_another_address, 0, 2);
	tcase_add_test(tcase, holder_bounded);
	tcase_add_loop_test(tcase, holder_ignores_forwarded_advertisements, 0, 2);
	tcase_add_loop_test(tcase, holder_filter_is_locked, 0, 2);
}
