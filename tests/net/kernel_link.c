/* SPDX-License-Identifier: Apache-2.0 */
/* os/link against the real kernel. */
#include "os/link.h"

#include <check.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "os/vip.h"

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

static const struct interface_address *known(const struct interface *interface, const char *text,
					     unsigned prefix_length)
{
	struct addr wanted = address(text);

	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (addr_equal(&found->address, &wanted) && found->prefix_length == prefix_length)
			return found;
	}
	ck_abort_msg("%s/%u is not known", text, prefix_length);
}

/* The address is there; whether it is deprecated, or tentative. */
static bool deprecated(const struct interface *interface, const char *text, unsigned prefix_length)
{
	return known(interface, text, prefix_length)->deprecated;
}

static bool tentative(const struct interface *interface, const char *text, unsigned prefix_length)
{
	return known(interface, text, prefix_length)->tentative;
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

/* A bridge is an interface as any other; only its ports have messages that tell of less. */
START_TEST(link_bridge)
{
	struct link *link;
	int index;

	run("ip link add br0 index 50 type bridge && ip link set br0 up && "
	    "ip link set va master br0");
	await(is_running, "br0");
	link = open_link("br0");
	index = index_of("br0");
	ck_assert_int_eq(told.last.index, index);
	ck_assert(told.last.up);
	run("ip link set va nomaster");
	expect(link, "br0", index, false);

	/* Both within one drain: the end of the old one is told although the new one has its index.
	 */
	told.count = 0;
	run("ip link del br0 && ip link add br0 index 50 type bridge");
	ck_assert_int_gt(drain(link), 0);
	ck_assert_uint_eq(told.count, 2);
	ck_assert_int_eq(told.last.index, index);
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
	ck_assert(tentative(va, "2001:db8::1", 64));
	ck_assert(!deprecated(va, "2001:db8::1", 64));
	set_peer("up");
	expect(link, "va", index, true);
	end = now_ms() + WAIT_MAX_MS;
	while (tentative(va, "2001:db8::1", 64) && now_ms() < end) {
		readable(link_fd(link), WAIT_MAX_MS);
		drain(link);
	}
	ck_assert(!tentative(va, "2001:db8::1", 64));

	enter(peer_namespace);
	add_ipv6("2001:db8::2", "vb");
	enter(node_namespace);
	run("ip addr add 2001:db8::2/64 dev va");
	await(has_failed, "2001:db8::2");
	drain(link);
	ck_assert(tentative(va, "2001:db8::2", 64));
	ck_assert(known(va, "2001:db8::2", 64)->duplicate);
	ck_assert(!known(va, "2001:db8::1", 64)->duplicate);
	link_free(link);
}
END_TEST

/* IFA_PROTO says that a cpvrrp has added it; IFA_CACHEINFO, when the address was made, whatever the
 * order in which the kernel shows them. */
START_TEST(link_origin_of_addresses)
{
	struct link *link = open_link("va");
	const struct interface *va = link_get(link, "va");
	const struct interface_address *older, *newer;
	const struct addr added = address("192.0.2.60");
	struct vip *vip = NULL;

	ck_assert_int_eq(vip_new(&vip), 0);
	ck_assert_int_eq(vip_add(vip, index_of("va"), &added, 0), 0);
	add_ipv6("fe80::7", "va");
	run("sleep 0.05");
	add_ipv6("fe80::8", "va");
	drain(link);
	ck_assert(known(va, "192.0.2.60", 32)->vip);
	ck_assert(!known(va, "192.0.2.1", 24)->vip);
	older = known(va, "fe80::7", 64);
	newer = known(va, "fe80::8", 64);
	ck_assert_uint_lt(older->created, newer->created);
	vip_free(vip);
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
	    INTERFACE_ADDRESSES_MAX + 20);
	drain(link);
	ck_assert_uint_eq(link_get(link, "va")->address_count, INTERFACE_ADDRESSES_MAX);
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
		{"203.0.113.200", NULL},  /* behind a gateway */
		{"172.16.0.9", "d1"},	  /* a route to the network, no address in it */
		{"172.16.1.9", "d1"},	  /* two routes: that with the lower metric */
		{"172.16.1.5", "d1"},	  /* the same where the address is there already */
		{"192.0.2.0", "va"},	  /* what the kernel takes for a broadcast */
		{"10.10.10.10", NULL},	  /* only on lo */
		{"198.51.100.10", NULL},  /* only what is left of the address itself */
		{"198.51.100.130", "d1"}, /* a deprecated address */
		{"10.8.8.7", "d1"},	  /* point-to-point: the prefix is the other side's */
		{"10.9.9.7", NULL},	  {"2001:db8::10", "va"},
		{"2001:db8:1::10", "va"}, /* tentative, but the route is there */
	};
	struct addr own[3] = {address("192.0.2.200"), address("198.51.100.10"),
			      address("172.16.1.5")};
	struct link *link = open_link(NULL);

	add_ipv6("2001:db8::1", "va");
	run("echo 100 >/proc/sys/net/ipv6/conf/va/dad_transmits && "
	    "ip addr add 2001:db8:1::1/64 dev va && ip addr add 10.10.10.1/24 dev lo");
	add_pair("d1", "d2");
	run("ip addr add 192.0.2.129/25 dev d1 && ip addr add 10.9.9.1 peer 10.8.8.1/24 dev d1 && "
	    "ip addr add 198.51.100.10/32 dev d1 && ip addr add 192.0.2.200/32 dev va && "
	    "ip addr add 198.51.100.129/25 dev d1 valid_lft 100 preferred_lft 0 && "
	    "ip route add 203.0.113.192/26 via 192.0.2.3 && ip route add 172.16.0.0/24 dev d1 && "
	    "ip route add 172.16.1.0/24 dev va metric 20 && "
	    "ip route add 172.16.1.0/24 dev d1 metric 10 && "
	    "ip addr add 172.16.1.5/32 dev va");
	for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
		struct addr wanted = address(searches[i].address);
		char name[ROUTER_INTERFACE_SIZE] = "untouched";
		struct route route;
		int result = link_find(link, &wanted, own, 3, &route, name);

		ck_assert_msg(result == (searches[i].found ? 0 : -ENODEV), "%s: %d",
			      searches[i].address, result);
		ck_assert_msg(strcmp(name, searches[i].found ? searches[i].found : "untouched") ==
				      0,
			      "%s: %s", searches[i].address, name);
	}
	link_free(link);
}
END_TEST

/* While all is watched, a route that comes makes the socket readable. */
START_TEST(link_routes_are_news)
{
	struct addr wanted = address("172.16.0.9");
	struct link *link = open_link("va");
	char name[ROUTER_INTERFACE_SIZE];
	struct route route;

	ck_assert_int_eq(link_find(link, &wanted, NULL, 0, &route, name), -ENODEV);
	run("ip route add 172.16.9.0/24 dev va");
	ck_assert_int_eq(drain(link), 0);
	ck_assert_int_eq(link_watch_all(link, true), 0);
	run("ip route add 172.16.0.0/24 dev va");
	ck_assert_int_gt(drain(link), 0);
	ck_assert_int_eq(link_find(link, &wanted, NULL, 0, &route, name), 0);
	ck_assert_str_eq(name, "va");
	ck_assert_uint_eq(route.prefix_length, 24);
	ck_assert_int_eq(link_watch_all(link, false), 0);
	run("ip route del 172.16.0.0/24 dev va");
	ck_assert_int_eq(drain(link), 0);
	link_free(link);
}
END_TEST

START_TEST(link_alternative_name)
{
	struct link *link = open_link("alias");

	ck_assert_int_eq(link_get(link, "alias")->index, 0);
	run("ip link property add dev va altname alias");
	drain(link);
	ck_assert_str_eq(told.last.name, "alias");
	ck_assert_int_eq(told.last.index, index_of("va"));
	ck_assert(told.last.up);
	run("ip addr add 192.0.2.50/24 dev va");
	drain(link);
	ck_assert_uint_eq(told.last.address_count, 3);
	run("ip link property del dev va altname alias");
	drain(link);
	ck_assert_int_eq(told.last.index, 0);
	link_free(link);
}
END_TEST

/* What the interface receives goes to a bridge or bond, not so to a VRF. */
START_TEST(link_port)
{
	struct link *link = open_link("va");

	run("ip link add br0 type bridge && ip link set va master br0");
	drain(link);
	ck_assert(told.last.port);
	ck_assert_int_eq(told.last.index, index_of("va"));
	run("ip link set va nomaster");
	drain(link);
	ck_assert(!told.last.port);
	/* Not every kernel has VRFs. */
	if (*output("ip link add vrf0 type vrf table 7 2>/dev/null && echo made || :")) {
		run("ip link set va master vrf0");
		drain(link);
		ck_assert(!told.last.port);
	}
	link_free(link);
}
END_TEST

void add_link_tests(TCase *link)
{
	tcase_add_test(link, link_watch_existing);
	tcase_add_test(link, link_created_later);
	tcase_add_test(link, link_renamed);
	tcase_add_test(link, link_deleted_and_recreated);
	tcase_add_test(link, link_bridge);
	tcase_add_test(link, link_down_and_up);
	tcase_add_test(link, link_addresses);
	tcase_add_test(link, link_tentative_address);
	tcase_add_test(link, link_origin_of_addresses);
	tcase_add_test(link, link_many_addresses);
	tcase_add_test(link, link_foreign_events);
	tcase_add_test(link, link_nothing_changed);
	tcase_add_test(link, link_disturbed);
	tcase_add_test(link, link_overrun);
	tcase_add_test(link, link_forged);
	tcase_add_test(link, link_find_interface);
	tcase_add_test(link, link_routes_are_news);
	tcase_add_test(link, link_alternative_name);
	tcase_add_test(link, link_port);
}
