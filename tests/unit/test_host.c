/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon/io does when the kernel refuses or keeps it waiting; a vip and an announce of its
 * own stand for those of the kernel. */
#include "daemon/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "os/announce.h"
#include "os/vip.h"
#include "unit.h"

static struct event_base *base;
static struct linux_host *host;
static struct router router;
static int add_result, renew_result;
static char calls[256];

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

int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	(void)vip;
	(void)ifindex;
	(void)lease_s;
	return note("add", address, add_result);
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

int announce_new(struct announce **ret_announce)
{
	*ret_announce = NULL;
	return 0;
}

void announce_free(struct announce *announce)
{
	(void)announce;
}

int announce_send(struct announce *announce, int ifindex, const struct addr *source,
		  const struct addr *address)
{
	(void)announce;
	(void)ifindex;
	(void)source;
	(void)address;
	return 0;
}

static void setup(void)
{
	static const char *const texts[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
	static const struct conf conf;

	base = event_base_new();
	ck_assert_int_eq(host_new(base, &host), 0);
	ck_assert(host_configure(host, host_clock(), &conf));
	router = (struct router){.ifindex = 7, .address_count = 3, .interface_name = "eth0"};
	for (size_t i = 0; i < router.address_count; i++)
		ck_assert(addr_parse(texts[i], &router.addresses[i]));
	add_result = renew_result = 0;
	*calls = '\0';
}

static void teardown(void)
{
	host_free(host);
	event_base_free(base);
}

static bool add(void)
{
	struct host *calls_of = host_engine(host)->host;
	int64_t took_us;

	return calls_of->add(calls_of, &router, &took_us);
}

/* LEASE: a renewal that failed, or that still waits for the kernel, is no reason to leave another
 * address out, and none to give the role up. */
START_TEST(test_renewal_fails)
{
	static const int results[] = {-EBUSY, -ENOBUFS};

	renew_result = results[_i];
	router.present[0] = router.present[2] = true;
	ck_assert(add());
	ck_assert_str_eq(calls, "renew 192.0.2.1, add 192.0.2.2, renew 192.0.2.3");
}
END_TEST

START_TEST(test_add_fails)
{
	router.present[1] = true;
	add_result = -EPERM;
	ck_assert(!add());
	ck_assert_str_eq(calls, "add 192.0.2.1");
}
END_TEST

/* Of what was there before, nothing is removed. */
START_TEST(test_add_fails_later)
{
	router.present[0] = true;
	add_result = -EPERM;
	ck_assert(!add());
	ck_assert_str_eq(calls, "renew 192.0.2.1, add 192.0.2.2");
}
END_TEST

Suite *suite_host(void)
{
	Suite *suite = suite_create("host");
	TCase *tcase = tcase_create("add");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_renewal_fails, 0, 2);
	tcase_add_test(tcase, test_add_fails);
	tcase_add_test(tcase, test_add_fails_later);
	suite_add_tcase(suite, tcase);
	return suite;
}
