/* SPDX-License-Identifier: Apache-2.0 */
/* From an instance of the file to the settings of its virtual router: rule ONE ELECTION. */
#include "conf/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ip.h"
#include "unit.h"

static struct conf *conf;
static struct conf_instance *instance;
static struct router_settings settings;

static void set_up(void)
{
	conf = calloc(1, sizeof(*conf));
	ck_assert_ptr_nonnull(conf);
	conf->address_lease_s = 6;
	conf->announce_refresh_s = 30;
	conf->instance_count = 2;
	strcpy(conf->instances[0].name, "other");
	conf->instances[0].addresses[0] = ip("10.10.10.99");
	conf->instances[0].address_count = 1;
	instance = &conf->instances[1];
	strcpy(instance->name, "apiserver");
	instance->virtual_router_id = 10;
	instance->advert_int_cs = 25;
}

static void tear_down(void)
{
	free(conf);
}

static void add(const char *text)
{
	instance->addresses[instance->address_count++] = ip(text);
}

static void add_peer(const char *text)
{
	instance->unicast = true;
	instance->peers[instance->peer_count++] = ip(text);
}

static void make(void)
{
	memset(&settings, 0xa5, sizeof(settings));
	settings_of_instance(conf, 1, &settings);
}

static const char *list(const struct addr *addresses, size_t count)
{
	static char text[2048];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char one[ADDR_TEXT_SIZE];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 addr_format(&addresses[i], one));
	}
	return text;
}

#define DERIVED "fe80::200:5eff:fe00:20a" /* of VRID 10 */

/* The family of the first address is elected in; its addresses come first, in the order of the
 * file, and are advertised; those of the other family follow. */
static const struct {
	const char *file[5];
	enum addr_family family;
	size_t advertised;
	const char *addresses;
	bool derived;
} rows[] = {
	{{"10.0.0.1"}, ADDR_FAMILY_IPV4, 1, "10.0.0.1", false},
	{{"10.0.0.2", "10.0.0.1"}, ADDR_FAMILY_IPV4, 2, "10.0.0.2 10.0.0.1", false},
	{{"10.0.0.1", "2001:db8::1"}, ADDR_FAMILY_IPV4, 1, "10.0.0.1 2001:db8::1", false},
	{{"10.0.0.1", "2001:db8::1", "10.0.0.2"},
	 ADDR_FAMILY_IPV4,
	 2,
	 "10.0.0.1 10.0.0.2 2001:db8::1",
	 false},
	/* A link-local address that is carried along is not advertised, so none is derived. */
	{{"10.0.0.1", "2001:db8::1", "fe80::1"},
	 ADDR_FAMILY_IPV4,
	 1,
	 "10.0.0.1 2001:db8::1 fe80::1",
	 false},
	{{"2001:db8::1"}, ADDR_FAMILY_IPV6, 2, DERIVED " 2001:db8::1", true},
	{{"2001:db8::1", "10.0.0.1"}, ADDR_FAMILY_IPV6, 2, DERIVED " 2001:db8::1 10.0.0.1", true},
	{{"2001:db8::1", "10.0.0.1", "2001:db8::2", "10.0.0.2"},
	 ADDR_FAMILY_IPV6,
	 3,
	 DERIVED " 2001:db8::1 2001:db8::2 10.0.0.1 10.0.0.2",
	 true},
	/* RFC 9568 5.2.9: the link-local address comes first, wherever the file has it. */
	{{"2001:db8::1", "2001:db8::2", "fe80::100"},
	 ADDR_FAMILY_IPV6,
	 3,
	 "fe80::100 2001:db8::1 2001:db8::2",
	 false},
	{{"fe80::100", "2001:db8::1"}, ADDR_FAMILY_IPV6, 2, "fe80::100 2001:db8::1", false},
	{{"fe80::100"}, ADDR_FAMILY_IPV6, 1, "fe80::100", false},
	{{"2001:db8::1", "fe80::100", "fe80::200"},
	 ADDR_FAMILY_IPV6,
	 3,
	 "fe80::100 2001:db8::1 fe80::200",
	 false},
	/* A derived address that the file gives too. */
	{{DERIVED, "2001:db8::1"}, ADDR_FAMILY_IPV6, 2, DERIVED " 2001:db8::1", false},
};

START_TEST(addresses_of_the_elected_family_come_first)
{
	for (size_t i = 0; i < COUNT(rows[_i].file) && rows[_i].file[i]; i++)
		add(rows[_i].file[i]);
	make();
	ck_assert_int_eq(settings.family, rows[_i].family);
	ck_assert_str_eq(list(settings.addresses, settings.address_count), rows[_i].addresses);
	ck_assert_uint_eq(settings.advertised_count, rows[_i].advertised);
	ck_assert(settings.link_local_derived == rows[_i].derived);
}
END_TEST

/* The last byte of the derived address is the VRID. */
START_TEST(derived_address_is_made_of_the_vrid)
{
	add("2001:db8::1");
	instance->virtual_router_id = 255;
	make();
	ck_assert_str_eq(list(settings.addresses, 1), "fe80::200:5eff:fe00:2ff");
}
END_TEST

START_TEST(full_list_and_a_derived_address_fit)
{
	char text[ADDR_TEXT_SIZE];

	for (unsigned i = 0; i < CONF_ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i + 0x100);
		add(text);
	}
	make();
	ck_assert_uint_eq(settings.address_count, ROUTER_ADDRESSES_MAX);
	ck_assert_uint_eq(settings.advertised_count, ROUTER_ADDRESSES_MAX);
	ck_assert_str_eq(list(&settings.addresses[ROUTER_ADDRESSES_MAX - 1], 1), text);
}
END_TEST

/* Peers and source are of the elected family: adverts go there. */
START_TEST(unicast_takes_the_elected_family)
{
	add("10.0.0.1");
	add("2001:db8::1");
	add_peer("10.0.0.2");
	add_peer("2001:db8::2");
	add_peer("10.0.0.3");
	instance->unicast_src_ip = ip("10.0.0.2");
	make();
	ck_assert(settings.unicast);
	ck_assert_str_eq(list(settings.peers, settings.peer_count), "10.0.0.2 10.0.0.3");
	ck_assert_str_eq(list(&settings.unicast_src_ip, 1), "10.0.0.2");

	instance->addresses[0] = ip("2001:db8::9");
	make();
	ck_assert_str_eq(list(settings.peers, settings.peer_count), "2001:db8::2");
	ck_assert_str_eq(list(&settings.unicast_src_ip, 1), "::");
	instance->unicast_src_ip = ip("2001:db8::2");
	make();
	ck_assert_str_eq(list(&settings.unicast_src_ip, 1), "2001:db8::2");
}
END_TEST

/* Every file and every interface that an instance may have fits. */
START_TEST(conditions_are_files_and_interfaces)
{
	add("10.0.0.1");
	make();
	ck_assert_uint_eq(settings.conditions.count, 0);
	for (unsigned i = 0; i < CONF_TRACKED_MAX; i++) {
		snprintf(instance->track_files[i], CONF_PATH_SIZE, "/run/%u", i);
		snprintf(instance->track_interfaces[i], CONF_INTERFACE_SIZE, "eth%u", i);
	}
	instance->track_file_count = CONF_TRACKED_MAX;
	instance->track_interface_count = CONF_TRACKED_MAX;
	make();
	ck_assert_uint_eq(settings.conditions.count, CONDITIONS_MAX);
	ck_assert_int_eq(settings.conditions.list[7].kind, CONDITION_FILE);
	ck_assert_str_eq(settings.conditions.list[7].name, "/run/7");
	ck_assert_int_eq(settings.conditions.list[8].kind, CONDITION_INTERFACE);
	ck_assert_str_eq(settings.conditions.list[8].name, "eth0");
}
END_TEST

START_TEST(multicast_has_no_peers)
{
	add("2001:db8::1");
	make();
	ck_assert(!settings.unicast);
	ck_assert_uint_eq(settings.peer_count, 0);
	ck_assert_str_eq(list(&settings.unicast_src_ip, 1), "::");
}
END_TEST

/* As many addresses as an instance may have, and the derived one before them. */
START_TEST(full_list_of_addresses_fits)
{
	char text[ADDR_TEXT_SIZE];

	for (unsigned i = 1; i <= CONF_ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8::%u", i);
		add(text);
	}
	make();
	ck_assert_uint_eq(settings.address_count, CONF_ADDRESSES_MAX + 1);
	ck_assert_uint_eq(settings.advertised_count, CONF_ADDRESSES_MAX + 1);
	ck_assert_str_eq(addr_format(&settings.addresses[0], text), DERIVED);
	ck_assert_str_eq(addr_format(&settings.addresses[CONF_ADDRESSES_MAX], text),
			 "2001:db8::20");
}
END_TEST

START_TEST(full_list_of_peers_fits)
{
	char text[ADDR_TEXT_SIZE];

	add("10.0.0.1");
	for (unsigned i = 0; i < CONF_PEERS_MAX; i++) {
		snprintf(text, sizeof(text), "10.1.0.%u", i + 1);
		add_peer(text);
	}
	make();
	ck_assert_uint_eq(settings.peer_count, ROUTER_PEERS_MAX);
	ck_assert_str_eq(list(&settings.peers[ROUTER_PEERS_MAX - 1], 1), text);
}
END_TEST

START_TEST(values_are_those_of_the_instance)
{
	add("10.0.0.1");
	strcpy(instance->interface, "eth7");
	instance->priority = 201;
	instance->track_apiserver = true;
	instance->members = true;
	conf->apiserver.port = 7443;
	instance->checksum = ADVERT_CHECKSUM_RFC5798;
	instance->preempt = VRRP_PREEMPT_NEVER;
	instance->preempt_delay_us = 3 * SECOND_US;
	make();
	ck_assert_str_eq(settings.instance, "apiserver");
	ck_assert_str_eq(settings.interface, "eth7");
	ck_assert_uint_eq(settings.vrid, 10);
	ck_assert_uint_eq(settings.ready_priority, 201);
	ck_assert(settings.track_apiserver);
	ck_assert(settings.members);
	ck_assert_uint_eq(settings.apiserver_port, 7443);
	ck_assert_int_eq(settings.checksum, ADVERT_CHECKSUM_RFC5798);
	ck_assert_int_eq(settings.vrrp.preempt, VRRP_PREEMPT_NEVER);
	ck_assert_uint_eq(settings.vrrp.advert_int_cs, 25);
	ck_assert_int_eq(settings.vrrp.preempt_delay_us, 3 * SECOND_US);
	ck_assert_int_eq(settings.vrrp.address_refresh_us, 2 * SECOND_US);
	ck_assert_int_eq(settings.vrrp.announce_refresh_us, 30 * SECOND_US);
}
END_TEST

/* 0 switches the lease and the announcements after the first five off, and leaves the priority to
 * the address. */
START_TEST(zeroes_stay_zeroes)
{
	add("10.0.0.1");
	conf->address_lease_s = 0;
	conf->announce_refresh_s = 0;
	make();
	ck_assert_int_eq(settings.vrrp.address_refresh_us, 0);
	ck_assert_int_eq(settings.vrrp.announce_refresh_us, 0);
	ck_assert_uint_eq(settings.ready_priority, 0);
	ck_assert_str_eq(settings.interface, "");
	ck_assert(!settings.track_apiserver);
	ck_assert(!settings.members);
}
END_TEST

Suite *suite_settings(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, addresses_of_the_elected_family_come_first, 0, (int)COUNT(rows));
	tcase_add_test(tcase, derived_address_is_made_of_the_vrid);
	tcase_add_test(tcase, full_list_and_a_derived_address_fit);
	tcase_add_test(tcase, unicast_takes_the_elected_family);
	tcase_add_test(tcase, multicast_has_no_peers);
	tcase_add_test(tcase, conditions_are_files_and_interfaces);
	tcase_add_test(tcase, full_list_of_addresses_fits);
	tcase_add_test(tcase, full_list_of_peers_fits);
	tcase_add_test(tcase, values_are_those_of_the_instance);
	tcase_add_test(tcase, zeroes_stay_zeroes);
	suite_add_tcase(suite, tcase);
	return suite;
}
