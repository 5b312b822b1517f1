/* SPDX-License-Identifier: Apache-2.0 */
/* os/vip against the real kernel. */
#include "os/vip.h"

#include <check.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"

#define LOAD_MAX 4
#define LOCAL_WAIT_MS 250

static struct vip *open_vip(void)
{
	struct vip *vip = NULL;

	ck_assert_int_eq(vip_new(&vip), 0);
	ck_assert_int_eq(vip_start(vip), 0);
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

/* Once on a quiet machine, once on a busy one. vip_add() gives up after LOCAL_WAIT_MS. */
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

/* How long it takes to add the address, which is removed again. */
static int64_t add_ms(struct vip *vip, const struct addr *wanted)
{
	int index = index_of("va");
	int64_t begin = now_ms();
	int64_t took_ms;

	ck_assert_int_eq(vip_add(vip, index, wanted, 5), 0);
	took_ms = now_ms() - begin;
	ck_assert_int_eq(vip_remove(vip, index, wanted, 128), 0);
	return took_ms;
}

/* An address that never became local, as while a link goes down or the machine is too busy, is no
 * reason to announce later ones before the kernel delivers to them; but the other addresses of the
 * same role are not waited for. */
START_TEST(vip_waited_for_in_vain)
{
	const struct timespec pause = {.tv_sec = 1, .tv_nsec = 100000000};
	struct addr wanted = address(vip_text[1]);
	struct addr other = address("2001:db8::101");
	struct vip *vip = open_vip();
	int64_t took_ms;

	/* Hides the local table: without a rule of one's own the kernel looks into it all the same.
	 */
	run("ip -6 rule add pref 1 lookup main && ip -6 rule del pref 0");
	for (unsigned i = 0; i < 2; i++) {
		took_ms = add_ms(vip, &wanted);
		ck_assert_int_ge(took_ms, LOCAL_WAIT_MS - 1);
		ck_assert_int_lt(took_ms, 2 * LOCAL_WAIT_MS);
		ck_assert_int_lt(add_ms(vip, &other), LOCAL_WAIT_MS / 2);
		nanosleep(&pause, NULL);
	}
	vip_free(vip);
}
END_TEST

static bool answers(const char *text)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	struct addr wanted = address(text);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	memcpy(&name.sin_addr, wanted.bytes, 4);
	result = bind(fd, (const struct sockaddr *)&name, sizeof(name));
	close(fd);
	return result == 0;
}

/* LEASE: an own address that went and came back is the source again, and the kernel's local route
 * was there all the time. */
START_TEST(vip_placed_last)
{
	struct addr wanted = address(vip_text[0]);
	struct vip *vip = open_vip();
	pid_t child;
	int status;

	ck_assert_int_eq(vip_add(vip, index_of("va"), &wanted, 5), 0);
	run("ip addr del 192.0.2.1/24 dev va && ip addr add 192.0.2.1/24 dev va");
	ck_assert_ptr_nonnull(strstr(output("ip route get 224.0.0.251 oif va"), "src 192.0.2.100"));
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		int64_t end = now_ms() + 300;

		while (now_ms() < end)
			if (!answers(vip_text[0]))
				_exit(1);
		_exit(0);
	}
	for (unsigned i = 0; i < 50; i++)
		ck_assert_int_eq(vip_place_last(vip, index_of("va"), &wanted, 5), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(status == 0, "the address was away");
	ck_assert_ptr_nonnull(strstr(output("ip route get 224.0.0.251 oif va"), "src 192.0.2.1 "));
	ck_assert_str_ne(show("192.0.2.100/32"), "");
	ck_assert_ptr_null(strstr(show("192.0.2.100/32"), "/31"));
	check_lifetime(vip_text[0], 5);
	vip_free(vip);
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

/* LEASE: without a thread the caller renews the lease, and is told of errors at once. */
START_TEST(vip_renewed_without_thread)
{
	struct addr wanted = address(vip_text[_i]);
	int index = index_of("va");
	struct vip *vip = NULL;

	ck_assert_int_eq(vip_new(&vip), 0);
	ck_assert_int_eq(vip_add(vip, index, &wanted, 5), 0);
	ck_assert_int_eq(vip_renew(vip, index, &wanted, 3600), 0);
	check_lifetime(vip_text[_i], 3600);
	check_shown(vip_text[_i], "noprefixroute");
	ck_assert_int_eq(vip_remove(vip, index, &wanted, addr_bits(families[_i])), 0);
	ck_assert_int_eq(vip_renew(vip, 9999, &wanted, 3600), 0);
	run("sysctl -qw net.ipv6.conf.va.disable_ipv6=1");
	ck_assert_int_eq(vip_renew(vip, index, &wanted, 3600), _i == 0 ? 0 : -EACCES);
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

	/* An address added by hand for ever gets a lease. */
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

void add_vip_tests(TCase *vip)
{
	tcase_add_loop_test(vip, vip_as_wanted, 0, 2);
	tcase_add_test(vip, vip_link_local);
	tcase_add_loop_test(vip, vip_usable_at_once, 0, 2);
	tcase_add_loop_test(vip, vip_local_at_once, 0, 2);
	tcase_add_test(vip, vip_waited_for_in_vain);
	tcase_add_test(vip, vip_placed_last);
	tcase_add_loop_test(vip, vip_removed, 0, 2);
	tcase_add_loop_test(vip, vip_renewed, 0, 2);
	tcase_add_loop_test(vip, vip_not_renewed_after_removal, 0, 2);
	tcase_add_loop_test(vip, vip_renewed_with_another_lease, 0, 2);
	tcase_add_loop_test(vip, vip_renewed_without_thread, 0, 2);
	tcase_add_test(vip, vip_renewal_fails);
	tcase_add_test(vip, vip_lease);
}
