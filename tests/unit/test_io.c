/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon/io does when the kernel refuses; a fake os/vip and a fake os/announce stand for the
 * kernel. */
#include "daemon/io.h"
#include "daemon/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/ip.h"
#include "os/announce.h"
#include "os/clock.h"
#include "os/vip.h"
#include "unit.h"

static struct event_base *base;
static struct engine engine;
static struct io *io;
static struct router router;
static struct addr refused; /* vip_add() fails for it alone; unspecified = none */
static int start_result, close_result, add_result, renew_result, depart_result, announce_result,
	watch_result;
static char calls[512];

static int note(const char *what, const struct addr *address, int result)
{
	size_t used = strlen(calls);
	char text[ADDR_TEXT_SIZE];

	snprintf(calls + used, sizeof(calls) - used, "%s%s %s", used ? ", " : "", what,
		 addr_format(address, text));
	return result;
}

int vip_new(struct vip **ret_vip)
{
	*ret_vip = NULL;
	return 0;
}

void vip_free(struct vip *vip)
{
	(void)vip;
}

int vip_start(struct vip *vip)
{
	(void)vip;
	return start_result;
}

int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	(void)vip;
	(void)ifindex;
	(void)lease_s;
	return note("add", address, addr_equal(address, &refused) ? -EPERM : add_result);
}

int vip_renew(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	(void)vip;
	(void)ifindex;
	(void)lease_s;
	return note("renew", address, renew_result);
}

int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	(void)vip;
	(void)ifindex;
	(void)prefix_length;
	return note("remove", address, 0);
}

int vip_depart(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	(void)vip;
	(void)ifindex;
	(void)prefix_length;
	return note("depart", address, depart_result);
}

int vip_place_last(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	(void)vip;
	(void)ifindex;
	(void)lease_s;
	return note("place", address, 0);
}

int vip_close_connections(struct vip *vip)
{
	(void)vip;
	return close_result;
}

uint64_t vip_closed_count(const struct vip *vip)
{
	(void)vip;
	return 42;
}

int watch_new(struct event_base *of, struct engine *heard_by, struct watch **ret_watch)
{
	(void)of;
	(void)heard_by;
	*ret_watch = NULL;
	return 0;
}

void watch_free(struct watch *watch)
{
	(void)watch;
}

int watch_configure(struct watch *watch)
{
	(void)watch;
	return watch_result;
}

int watch_drain(struct watch *watch, struct instant now)
{
	(void)watch;
	(void)now;
	return watch_result;
}

struct instant watch_deadline(const struct watch *watch)
{
	(void)watch;
	return INSTANT_NEVER;
}

int announce_new(struct announce **ret_announce)
{
	*ret_announce = NULL;
	return 0;
}

void announce_free(struct announce *announce)
{
	(void)announce;
}

int announce_ask(struct announce *announce, int ifindex, const struct addr *address)
{
	(void)announce;
	(void)ifindex;
	return note("ask", address, announce_result);
}

int announce_send(struct announce *announce, int ifindex, const struct addr *source,
		  const struct addr *address)
{
	char text[ADDR_TEXT_SIZE + 16];

	(void)announce;
	(void)ifindex;
	snprintf(text, sizeof(text), "announce from ");
	addr_format(source, text + strlen(text));
	return note(text, address, announce_result);
}

static void setup(void)
{
	base = event_base_new();
	ck_assert_int_eq(io_new(base, &engine, &io), 0);
	engine_init(&engine, io_engine_io(io), 3, 2);
	ck_assert(io_configure(io, clock_now(), NULL, 0, 5));
	router = (struct router){
		.settings = {.instance = "apiserver",
			     .advertised_count = 3,
			     .address_count = 3,
			     .addresses = {ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")}},
		.ifindex = 7,
		.interface_name = "eth0",
		.own = {{.family = ADDR_FAMILY_IPV4}, {.family = ADDR_FAMILY_IPV6}},
	};
	refused = (struct addr){.family = ADDR_FAMILY_IPV4};
	start_result = close_result = add_result = renew_result = depart_result = 0;
	announce_result = watch_result = 0;
	*calls = '\0';
}

static void teardown(void)
{
	io_free(io);
	engine_fini(&engine);
	event_base_free(base);
}

static bool add(void)
{
	int64_t took_us = -1;
	bool added = engine.io->add(engine.io, &router, &took_us);

	ck_assert_int_ge(took_us, 0);
	return added;
}

START_TEST(absent_addresses_are_added)
{
	ck_assert(add());
	ck_assert_str_eq(calls, "add 192.0.2.1, add 192.0.2.2, add 192.0.2.3");
}
END_TEST

/* LEASE: a renewal that failed, or that still waits for the kernel, is no reason to leave another
 * address out, and none to give the role up. */
START_TEST(failed_renewal_is_no_failure)
{
	static const int results[] = {-EBUSY, -ENOBUFS};

	renew_result = results[_i];
	router.present[0] = router.present[2] = true;
	ck_assert(add());
	ck_assert_str_eq(calls, "renew 192.0.2.1, add 192.0.2.2, renew 192.0.2.3");
}
END_TEST

/* Without the thread that renews leases the daemon runs all the same. */
START_TEST(refused_thread_is_no_failure)
{
	start_result = -EAGAIN;
	ck_assert(io_configure(io, clock_now(), NULL, 0, 5));
	router.present[0] = router.present[1] = router.present[2] = true;
	ck_assert(add());
	ck_assert_str_eq(calls, "renew 192.0.2.1, renew 192.0.2.2, renew 192.0.2.3");
}
END_TEST

/* CLOSE: on a kernel that cannot end connections addresses leave all the same. */
START_TEST(connections_left_alone_is_no_failure)
{
	close_result = -EOPNOTSUPP;
	ck_assert(io_configure(io, clock_now(), NULL, 0, 5));
	engine.io->remove(engine.io, &router, router.settings.addresses, 1);
	ck_assert_str_eq(calls, "depart 192.0.2.1");
	ck_assert_uint_eq(io_connections_closed(io), 42);
}
END_TEST

/* What one departure came to is told with the next, and is no reason to leave an address out. */
START_TEST(failed_departure_is_no_end)
{
	depart_result = -EPERM;
	engine.io->remove(engine.io, &router, router.settings.addresses, 3);
	ck_assert_str_eq(calls, "depart 192.0.2.1, depart 192.0.2.2, depart 192.0.2.3");
}
END_TEST

/* HOLDER: a node that cannot hear claims is a node all the same. */
START_TEST(deaf_to_claims_is_no_failure)
{
	watch_result = -ENOMEM;
	ck_assert(io_configure(io, clock_now(), NULL, 0, 5));
	ck_assert(io_receive(io, clock_now()));
	ck_assert(add());
}
END_TEST

START_TEST(failed_add_leaves_nothing_behind)
{
	router.present[1] = true;
	add_result = -EPERM;
	ck_assert(!add());
	ck_assert_str_eq(calls, "add 192.0.2.1");
}
END_TEST

/* Of what was there before, nothing is removed. */
START_TEST(failed_add_leaves_present_addresses_alone)
{
	router.present[0] = true;
	add_result = -EPERM;
	ck_assert(!add());
	ck_assert_str_eq(calls, "renew 192.0.2.1, add 192.0.2.2");
}
END_TEST

/* ONE ELECTION: a carried address that cannot be added takes the others back. */
START_TEST(failed_add_of_the_last_address_removes_the_others)
{
	router.settings.addresses[2] = ip("2001:db8::1");
	router.settings.advertised_count = 2;
	router.present[1] = true;
	refused = ip("2001:db8::1");
	ck_assert(!add());
	ck_assert_str_eq(calls, "add 192.0.2.1, renew 192.0.2.2, add 2001:db8::1, "
				"remove 192.0.2.1");
}
END_TEST

/* An address is announced from the node's own address of its family; without one, from itself. */
START_TEST(announcements_come_from_an_own_address)
{
	router.settings.addresses[2] = ip("2001:db8::1");
	router.own[ADDR_FAMILY_IPV4] = ip("192.0.2.99");
	ck_assert(engine.io->announce(engine.io, &router));
	ck_assert_str_eq(calls, "announce from 192.0.2.99 192.0.2.1, "
				"announce from 192.0.2.99 192.0.2.2, "
				"announce from 2001:db8::1 2001:db8::1");
	*calls = '\0';
	router.own[ADDR_FAMILY_IPV6] = ip("fe80::2");
	ck_assert(engine.io->announce(engine.io, &router));
	ck_assert_ptr_nonnull(strstr(calls, "announce from fe80::2 2001:db8::1"));
}
END_TEST

/* Every address is announced, and one that cannot be is told. */
START_TEST(failed_announcement_is_told)
{
	announce_result = -ENOBUFS;
	ck_assert(!engine.io->announce(engine.io, &router));
	ck_assert_ptr_nonnull(strstr(calls, "192.0.2.1, "));
	ck_assert_ptr_nonnull(strstr(calls, " 192.0.2.3"));
}
END_TEST

START_TEST(nothing_is_removed_without_an_interface)
{
	engine.io->remove(engine.io, &router, router.settings.addresses, 2);
	ck_assert_str_eq(calls, "depart 192.0.2.1, depart 192.0.2.2");
	*calls = '\0';
	router.ifindex = 0;
	engine.io->remove(engine.io, &router, router.settings.addresses, 2);
	ck_assert_str_eq(calls, "");
}
END_TEST

Suite *suite_io(void)
{
	Suite *suite = suite_create("io");
	TCase *tcase = tcase_create("io");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, absent_addresses_are_added);
	tcase_add_loop_test(tcase, failed_renewal_is_no_failure, 0, 2);
	tcase_add_test(tcase, refused_thread_is_no_failure);
	tcase_add_test(tcase, connections_left_alone_is_no_failure);
	tcase_add_test(tcase, failed_departure_is_no_end);
	tcase_add_test(tcase, deaf_to_claims_is_no_failure);
	tcase_add_test(tcase, failed_add_leaves_nothing_behind);
	tcase_add_test(tcase, failed_add_leaves_present_addresses_alone);
	tcase_add_test(tcase, failed_add_of_the_last_address_removes_the_others);
	tcase_add_test(tcase, announcements_come_from_an_own_address);
	tcase_add_test(tcase, failed_announcement_is_told);
	tcase_add_test(tcase, nothing_is_removed_without_an_interface);
	suite_add_tcase(suite, tcase);
	return suite;
}
