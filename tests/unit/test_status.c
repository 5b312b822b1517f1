/* SPDX-License-Identifier: Apache-2.0 */
#include "report/status.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/ip.h"
#include "node.h"
#include "os/log.h"
#include "report/metrics.h"
#include "report/status_json.h"
#include "report/status_text.h"

/* The value at "key.key.0.key". */
static json_t *at(json_t *root, const char *path)
{
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while (root && (key = strsep(&rest, ".")))
		root = json_is_array(root) ? json_array_get(root, strtoul(key, NULL, 10))
					   : json_object_get(root, key);
	ck_assert_msg(root != NULL, "no %s", path);
	return root;
}

static void check(json_t *root, const char *path, const char *expected)
{
	char *value = json_dumps(at(root, path),
				 JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));

	ck_assert_msg(strcmp(value, expected) == 0, "%s is %s, not %s", path, value, expected);
	free(value);
}

START_TEST(json_values)
{
	json_t *root;

	node_probe(HEALTH_TIMEOUT, 0, 1000000, "no answer");
	root = node_parsed();
	check(root, "version", "\"" VERSION "\"");
	check(root, "pid", "4711");
	check(root, "time", "\"2026-11-22T20:31:07.123Z\"");
	check(root, "uptime_seconds", "600.0");
	check(root, "loop_late_max_seconds", "0.0015");
	check(root, "confinement.capabilities", "[\"net_admin\",\"net_raw\"]");
	check(root, "confinement.no_new_privs", "true");
	check(root, "confinement.seccomp", "\"filter\"");
	check(root, "confinement.landlock", "6");
	check(root, "confinement.memory_locked", "false");
	check(root, "confinement.realtime", "false");
	check(root, "rejected.unknown_vrid", "3");
	check(root, "rejected.checksum", "0");
	check(root, "balance.rules", "\"failed\"");
	check(root, "balance.error", "\"Operation not permitted\"");
	check(root, "balance.tcp_loose", "true");
	check(root, "balance.failures_total", "5");
	check(root, "balance.lost_total", "2");
	check(root, "virtual_routers.1.shares.0.address", "\"fe80::1\"");
	check(root, "virtual_routers.1.shares.0.self", "true");
	check(root, "virtual_routers.1.shares.1.slots", "1024");
	check(root, "virtual_routers.1.shares.1.share", "0.5");
	check(root, "virtual_routers.1.shares.0.connections", "42");
	check(root, "virtual_routers.1.shares.1.connections", "null");
	check(root, "virtual_routers.1.shares.2.walk", "false");
	check(root, "virtual_routers.1.shares.2.lingers", "true");
	check(root, "apiserver.url", "\"https://127.0.0.1:6443/readyz\"");
	check(root, "apiserver.ready", "true");
	check(root, "apiserver.since", "\"2026-11-22T20:29:07.123Z\"");
	check(root, "apiserver.last_result", "\"timeout\"");
	check(root, "apiserver.last_status", "0");
	check(root, "apiserver.last_error", "\"no answer\"");
	check(root, "apiserver.last_latency_seconds", "1.0");
	check(root, "apiserver.consecutive", "1");
	check(root, "apiserver.successes_needed", "2");
	check(root, "apiserver.damped_seconds_left", "0.0");
	check(root, "apiserver.probes_total", "2");
	check(root, "apiserver.failures_total.timeout", "1");
	check(root, "apiserver.failures_total.refused", "0");
	check(root, "virtual_routers.0.instance", "\"apiserver\"");
	check(root, "virtual_routers.0.family", "\"ipv4\"");
	check(root, "virtual_routers.0.interface", "\"eth0\"");
	check(root, "virtual_routers.0.vrid", "10");
	check(root, "virtual_routers.0.state", "\"Active\"");
	check(root, "virtual_routers.0.reason", "\"active_down\"");
	check(root, "virtual_routers.0.since", "\"2026-11-22T20:30:07.123Z\"");
	check(root, "virtual_routers.0.priority", "216");
	check(root, "virtual_routers.0.band", "\"ready\"");
	check(root, "virtual_routers.0.own_priority", "216");
	check(root, "virtual_routers.0.new_seconds_left", "0.0");
	check(root, "virtual_routers.0.step_down_seconds_left", "0.0");
	check(root, "virtual_routers.0.advert_int_seconds", "0.25");
	check(root, "virtual_routers.0.addresses",
	      "[{\"address\":\"10.10.10.10\",\"present\":true,\"elsewhere\":null}]");
	check(root, "virtual_routers.0.active_router",
	      "{\"address\":\"10.10.10.1\",\"priority\":216,\"last_advert_seconds_ago\":null,"
	      "\"self\":true,\"stranger\":false}");
	check(root, "virtual_routers.0.heard.0.address", "\"10.10.10.2\"");
	check(root, "virtual_routers.0.heard.0.priority", "177");
	check(root, "virtual_routers.0.heard.0.band", "\"ready\"");
	check(root, "virtual_routers.0.heard.0.last_seconds_ago", "0.1");
	check(root, "virtual_routers.0.counters.adverts_sent", "42");
	check(root, "virtual_routers.0.counters.transitions", "2");
	check(root, "virtual_routers.0.rejected.checksum", "7");
	check(root, "virtual_routers.0.history.1",
	      "{\"at\":\"2026-11-22T20:30:07.123Z\",\"from\":\"Backup\",\"to\":\"Active\","
	      "\"reason\":\"active_down\"}");
	check(root, "virtual_routers.1.active_router",
	      "{\"address\":\"fe80::2\",\"priority\":177,\"last_advert_seconds_ago\":0.25,"
	      "\"self\":false,\"stranger\":false}");
	check(root, "virtual_routers.1.addresses.1.present", "false");
	json_decref(root);
	strcpy(node.routers[1]->elsewhere[1], "lo");
	root = node_parsed();
	check(root, "virtual_routers.1.addresses.0.elsewhere", "null");
	check(root, "virtual_routers.1.addresses.1.elsewhere", "\"lo\"");
	json_decref(root);
}
END_TEST

START_TEST(json_nulls)
{
	json_t *root;

	node.source.health = NULL;
	node_hear(1, "fe80::2", PRIORITY_STOP);
	*node.routers[1]->interface_name = *node.routers[1]->settings.interface = '\0';
	root = node_parsed();
	check(root, "apiserver", "null");
	check(root, "virtual_routers.1.active_router", "null");
	check(root, "virtual_routers.1.interface", "null");
	json_decref(root);

	node.source.health = &node.engine.health;
	engine_forget_health(&node.engine, node.now);
	node.probes = (struct status_probes){.since = node.now};
	root = node_parsed();
	check(root, "apiserver.last_result", "null");
	check(root, "apiserver.last_error", "null");
	json_decref(root);
}
END_TEST

/* 10.10.10.2 hears this node and not 10.10.10.3, which hears nobody and is not ready; 10.10.10.4
 * has gone, 10.10.10.5 has left. */
static void hear_members(void)
{
	struct group_status said = {.state = VRRP_STATE_BACKUP, .priority = 177, .port = 6443};

	said.mac[5] = 4;
	said.other = ip("fd00::4");
	node.now.us -= 12 * SECOND_US;
	node_hear_status(0, "10.10.10.4", &said, NULL);
	said.leaving = true;
	node_hear_status(0, "10.10.10.5", &said, NULL);
	said.leaving = false;
	node.now.us += 12 * SECOND_US - 400 * MILLISECOND_US;
	node_hear_status(0, "10.10.10.2", &said, "10.10.10.1");
	said.other = (struct addr){.family = ADDR_FAMILY_IPV6};
	said.priority = 93;
	node_hear_status(0, "10.10.10.3", &said, NULL);
	node.now.us += 400 * MILLISECOND_US;
}

START_TEST(json_members)
{
	json_t *root;

	hear_members();
	root = node_parsed();
#define MEMBER(n) "virtual_routers.0.members." #n
	ck_assert_uint_eq(json_array_size(at(root, "virtual_routers.0.members")), 5);
	check(root, MEMBER(0.address), "\"10.10.10.1\"");
	check(root, MEMBER(0.self), "true");
	check(root, MEMBER(0.state), "\"Active\"");
	check(root, MEMBER(0.ready), "true");
	check(root, MEMBER(0.last_seconds_ago), "null");
	check(root, MEMBER(0.does_not_hear), "[]");
	check(root, MEMBER(0.apiserver_port), "6443");
	check(root, MEMBER(1.address), "\"10.10.10.4\"");
	check(root, MEMBER(1.alive), "false");
	check(root, MEMBER(1.leaving), "false");
	check(root, MEMBER(1.ready), "false");
	check(root, MEMBER(1.does_not_hear), "[]");
	check(root, MEMBER(2.leaving), "true");
	check(root, MEMBER(3.address), "\"10.10.10.2\"");
	check(root, MEMBER(3.self), "false");
	check(root, MEMBER(3.alive), "true");
	check(root, MEMBER(3.state), "\"Backup\"");
	check(root, MEMBER(3.priority), "177");
	check(root, MEMBER(3.band), "\"ready\"");
	check(root, MEMBER(3.ready), "true");
	check(root, MEMBER(3.last_seconds_ago), "0.4");
	check(root, MEMBER(3.does_not_hear), "[\"10.10.10.3\"]");
	check(root, MEMBER(3.other_address), "\"fd00::4\"");
	check(root, MEMBER(3.hardware_address), "\"00:00:00:00:00:04\"");
	check(root, MEMBER(4.ready), "false");
	check(root, MEMBER(4.does_not_hear), "[\"10.10.10.1\",\"10.10.10.2\"]");
	check(root, MEMBER(4.other_address), "null");
	check(root, "virtual_routers.0.member_messages.received", "4");
	check(root, "virtual_routers.0.member_messages.rejected.surplus", "0");
	check(root, "virtual_routers.1.members.0.address", "\"fe80::1\"");
	json_decref(root);
}
END_TEST

/* A member that others hear and this node does not is listed at this node. */
START_TEST(json_what_this_node_does_not_hear)
{
	struct group_status said = {.state = VRRP_STATE_BACKUP, .priority = 177};
	json_t *root;

	said.other.family = ADDR_FAMILY_IPV6;
	node_hear_status(0, "10.10.10.2", &said, "10.10.10.9");
	root = node_parsed();
	check(root, "virtual_routers.0.members.0.does_not_hear", "[\"10.10.10.9\"]");
	json_decref(root);
}
END_TEST

START_TEST(members_are_not_shown_where_they_are_off)
{
	json_t *root;
	char *text;

	node.routers[0]->settings.members = false;
	root = node_parsed();
	check(root, "virtual_routers.0.members", "null");
	check(root, "virtual_routers.0.member_messages", "null");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_null(strstr(text, "group of apiserver/ipv4"));
	ck_assert_ptr_nonnull(strstr(text,
				     "group of ingress/ipv6: 1 member, 1 ready\n"
				     "  fe80::1    Backup, ready, priority 216, this node\n"));
	free(text);
	node.routers[1]->vrrp.primary = ip("fe80::5054:ff:fe12:3456");
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, "\n  fe80::5054:ff:fe12:3456 Backup, ready,"));
	free(text);
}
END_TEST

START_TEST(text_group)
{
	static const char expected[] =
		"\ngroup of apiserver/ipv4: 3 members, 2 ready\n"
		"  10.10.10.1 Active, ready, priority 216, this node\n"
		"  10.10.10.4 gone, last heard 12 s ago\n"
		"  10.10.10.5 has left, last heard 12 s ago\n"
		"  10.10.10.2 Backup, ready, priority 177, 0.4 s ago; does not hear 10.10.10.3\n"
		"  10.10.10.3 Backup, not ready: its apiserver answers, but not with 200, or a\n"
		"             tracked file or interface holds it back, priority 93, 0.4 s ago;\n"
		"             does not hear 10.10.10.1, 10.10.10.2\n";
	struct group_status said = {.state = VRRP_STATE_BACKUP, .leaving = true};
	char *text;

	hear_members();
	text = node_printed(status_text);
	ck_assert_msg(strstr(text, expected) != NULL, "%s", text);
	free(text);
	said.other.family = ADDR_FAMILY_IPV6;
	node_hear_status(0, "10.10.10.2", &said, NULL);
	said.leaving = false;
	said.priority = 1;
	node_hear_status(0, "10.10.10.3", &said, NULL);
	said.priority = 9;
	node_hear_status(0, "10.10.10.4", &said, NULL);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, "10.10.10.2 Backup, leaving: its daemon ends,"));
	ck_assert_ptr_nonnull(strstr(text, "10.10.10.3 Backup, leaving: it has stepped down,"));
	ck_assert_ptr_nonnull(
		strstr(text, "10.10.10.4 Backup, not ready: its apiserver does not answer,"));
	free(text);
}
END_TEST

/* A router in Initialize knows no Active, though its machine remembers one. */
START_TEST(json_initialize)
{
	json_t *root;

	node_link(1, false);
	ck_assert_uint_eq(node.routers[1]->vrrp.backup.heard.priority, 177);
	root = node_parsed();
	check(root, "virtual_routers.1.state", "\"Initialize\"");
	check(root, "virtual_routers.1.reason", "\"link_down\"");
	check(root, "virtual_routers.1.counters.transitions", "2");
	check(root, "virtual_routers.1.history.1.reason", "\"link_down\"");
	check(root, "virtual_routers.1.active_router", "null");
	check(root, "virtual_routers.1.explanation", "\"waiting for carrier on eth0\"");
	json_decref(root);
}
END_TEST

/* Bytes of a server or a certificate cannot break the document or steer a terminal. */
START_TEST(hostile_error)
{
	json_t *root;
	char *text;

	node_probe(HEALTH_CERTIFICATE, 0, 1, "issued for \"a\x1b[2J\xff\"\n");
	root = node_parsed();
	check(root, "apiserver.last_error", "\"issued for \\\"a [2J?\\\" \"");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_null(strchr(text, '\x1b'));
	ck_assert_ptr_nonnull(strstr(text, "issued for \"a [2J?\""));
	free(text);
}
END_TEST

/* The kernel takes every byte in the name of an interface. */
START_TEST(hostile_interface)
{
	json_t *root;
	char *text;

	snprintf(node.io.name, sizeof(node.io.name), "e\xff\x1b");
	node_link(0, false);
	root = node_parsed();
	check(root, "virtual_routers.0.interface", "\"e? \"");
	check(root, "virtual_routers.0.explanation", "\"waiting for carrier on e? \"");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_null(strchr(text, '\x1b'));
	free(text);
}
END_TEST

START_TEST(confinement)
{
	json_t *root;
	char *text;

	node.confinement =
		(struct confinement){.known = true, .memory_locked = true, .realtime = true};
	root = node_parsed();
	check(root, "confinement.capabilities", "[]");
	check(root, "confinement.no_new_privs", "false");
	check(root, "confinement.seccomp", "\"disabled\"");
	check(root, "confinement.landlock", "0");
	check(root, "confinement.memory_locked", "true");
	check(root, "confinement.realtime", "true");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(
		strstr(text, "\n  confined   no capability, memory locked, realtime\n"));
	free(text);

	node.confinement.known = false;
	root = node_parsed();
	check(root, "confinement", "null");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_null(strstr(text, "confined"));
	free(text);
}
END_TEST

/* Both forms say this of the first router's Active. */
static void check_active(const char *json, const char *text)
{
	json_t *root = node_parsed();
	char *forms = node_printed(status_text), line[128];

	check(root, "virtual_routers.0.active_router", json);
	json_decref(root);
	snprintf(line, sizeof(line), "\n  Active     %s\n", text);
	ck_assert_msg(strstr(forms, line) != NULL, "no \"%s\" in\n%s", line, forms);
	free(forms);
}

/* A Backup hears a router that loses to the Active: neither form names it as Active. */
START_TEST(followed_active)
{
	const int64_t now_us = node.now.us;

	node.now.us = now_us - 100 * MILLISECOND_US;
	node_link(0, false);
	node_link(0, true);
	ck_assert_int_eq(node.routers[0]->vrrp.state, VRRP_STATE_BACKUP);
	check_active("null", "not known");

	node_hear(0, "10.0.0.2", 200);
	node.now.us = now_us - 50 * MILLISECOND_US;
	node_hear(0, "10.0.0.3", PRIORITY_LEAVING);
	node.now.us = now_us;
	check_active("{\"address\":\"10.0.0.2\",\"priority\":200,"
		     "\"last_advert_seconds_ago\":0.1,\"self\":false,\"stranger\":false}",
		     "10.0.0.2, priority 200 (ready)");
	node_hear(0, "10.0.0.2", PRIORITY_STOP);
	check_active("null", "not known");
}
END_TEST

/* The word of each band, of this node and of another one. */
START_TEST(bands)
{
	json_t *root;
	char *text;

	node_hear(0, "10.10.10.3", 170);
	node_hear(0, "10.10.10.4", 86);
	node_hear(0, "10.10.10.5", PRIORITY_LEAVING);
	root = node_parsed();
	check(root, "virtual_routers.0.heard.0.band", "\"ready\"");
	check(root, "virtual_routers.0.heard.1.band", "\"answering\"");
	check(root, "virtual_routers.0.heard.2.band", "\"down\"");
	check(root, "virtual_routers.0.heard.3.band", "\"leaving\"");
	json_decref(root);

	for (int i = 0; i < 3; i++)
		node_probe(HEALTH_STATUS, 500, 3100, "status 500");
	root = node_parsed();
	check(root, "virtual_routers.0.priority", "132");
	check(root, "virtual_routers.0.band", "\"answering\"");
	json_decref(root);
	node_probe(HEALTH_REFUSED, 0, 3100, "refused");
	node_probe(HEALTH_REFUSED, 0, 3100, "refused");
	node_probe(HEALTH_REFUSED, 0, 3100, "refused");
	root = node_parsed();
	check(root, "virtual_routers.0.priority", "48");
	check(root, "virtual_routers.0.band", "\"down\"");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, "\n  priority   48 (down)\n"));
	free(text);
}
END_TEST

/* ONE ELECTION: the addresses that are advertised, then those of the other family. */
START_TEST(carried_addresses)
{
	struct conf_instance *instance = &node.conf->instances[0];
	json_t *root;

	instance->addresses[instance->address_count++] = ip("fd00::20");
	instance->addresses[instance->address_count++] = ip("10.10.10.11");
	node_reload(NODE_ROUTERS);
	node_timers();
	root = node_parsed();
	check(root, "virtual_routers.0.family", "\"ipv4\"");
	check(root, "virtual_routers.0.addresses",
	      "[{\"address\":\"10.10.10.10\",\"present\":true,\"elsewhere\":null},"
	      "{\"address\":\"10.10.10.11\",\"present\":true,\"elsewhere\":null},"
	      "{\"address\":\"fd00::20\",\"present\":true,\"elsewhere\":null}]");
	ck_assert_uint_eq(json_array_size(at(root, "virtual_routers")), 2);
	json_decref(root);
}
END_TEST

/* What is probed is what is served: one VIP that refuses, one that nobody has looked at yet, and
 * the node's own address, which answers. */
START_TEST(looks)
{
	const struct status_look seen[] = {
		{.router = 0,
		 .place = STATUS_PLACE_HERE,
		 .address = ip("10.10.10.10"),
		 .port = 6443,
		 .known = true,
		 .error = -ECONNREFUSED},
		{.router = 1,
		 .place = STATUS_PLACE_OWN,
		 .address = ip("fd00::2"),
		 .port = 6443,
		 .known = true,
		 .answers = true},
		{.router = 1,
		 .place = STATUS_PLACE_NETWORK,
		 .address = ip("fd00::10"),
		 .port = 6443},
	};
	struct status_look silent = {.place = STATUS_PLACE_NETWORK,
				     .address = ip("fd00::10"),
				     .port = 6443,
				     .known = true,
				     .error = -ETIMEDOUT};
	char line[STATUS_LOOK_SIZE], *text;
	json_t *root = node_parsed();

	check(root, "virtual_routers.0.vip_answers", "null");
	check(root, "virtual_routers.0.looks", "[]");
	json_decref(root);
	node.source.looks = seen;
	node.source.look_count = COUNT(seen);
	root = node_parsed();
	check(root, "virtual_routers.0.vip_answers", "false");
	check(root, "virtual_routers.0.looks",
	      "[{\"address\":\"10.10.10.10\",\"port\":6443,\"own\":false,\"answers\":false,"
	      "\"error\":\"Connection refused\"}]");
	check(root, "virtual_routers.1.vip_answers", "null");
	check(root, "virtual_routers.1.looks",
	      "[{\"address\":\"fd00::2\",\"port\":6443,\"own\":true,\"answers\":true,"
	      "\"error\":null}]");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(
		text,
		"\n  look       10.10.10.10:6443: connections are refused, though the apiserver "
		"is\n"
		"             ready: it may listen on another address alone (--bind-address)\n"));
	ck_assert_ptr_null(strstr(text, "[fd00::2]"));
	free(text);
	text = node_printed(metrics_text);
	ck_assert_ptr_nonnull(
		strstr(text, ",address=\"10.10.10.10\",port=\"6443\",own=\"0\"} 0\n"));
	ck_assert_ptr_nonnull(strstr(text, ",address=\"fd00::2\",port=\"6443\",own=\"1\"} 1\n"));
	ck_assert_ptr_null(strstr(text, "cpvrrp_answers{instance=\"ingress\",family=\"ipv6\","
					"address=\"fd00::10\""));
	free(text);
	ck_assert_str_eq(
		status_look_text(&silent, line),
		"[fd00::10]:6443: no answer (Connection timed out), though the "
		"apiserver is ready: a firewall of the Active, or the network itself, lets "
		"nothing of this address through (port security)");
	silent = (struct status_look){.place = STATUS_PLACE_OWN,
				      .address = ip("10.10.10.1"),
				      .port = 7000,
				      .known = true,
				      .answers = true};
	ck_assert_str_eq(
		status_look_text(&silent, line),
		"10.10.10.1:7000, where balance sends connections to: connections are taken");
}
END_TEST

/* A snapshot stays the same, whatever becomes of the daemon. */
START_TEST(by_value)
{
	struct engine engine = node.engine;
	struct status status;
	char *before, *after;

	node_probe(HEALTH_TIMEOUT, 0, 1000000, "no answer");
	ck_assert_int_eq(status_take(&node.source, node.now, &status), 0);
	before = status_json(&status);
	memset(node.routers[0], 0xff, sizeof(*node.routers[0]));
	memset(node.routers[1], 0xff, sizeof(*node.routers[1]));
	memset(&node.engine, 0xff, sizeof(node.engine));
	memset(node.conf, 0xff, sizeof(*node.conf));
	memset(&node.probes, 0xff, sizeof(node.probes));
	after = status_json(&status);
	node.engine = engine;
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(status.pid, getpid());
	ck_assert_str_eq(status.version, VERSION);
	ck_assert(status.confinement.known);
	ck_assert_int_le(time(NULL) - status.wall.tv_sec, 10);
	status_free(&status);
	ck_assert_ptr_null(status.routers);
	free(before);
	free(after);
}
END_TEST

static void check_line(const char *expected)
{
	char text[256];

	ck_assert_str_eq(status_line(&node.engine, node.source.health, text, sizeof(text)),
			 expected);
}

START_TEST(one_line)
{
	node_probe(HEALTH_REFUSED, 0, 3100, "refused");
	check_line("1 Active, 1 Backup, apiserver not ready");
	for (int i = 0; i < 4; i++)
		node_probe(HEALTH_OK, 200, 3100, "");
	check_line("1 Active, 1 Backup, apiserver ready");
	node_link(0, false);
	node_link(1, false);
	check_line("2 Initialize, apiserver ready");
	node_reload(1);
	check_line("apiserver/ipv4 Initialize, priority 216, apiserver ready");
	node.source.health = NULL;
	node_link(0, true);
	node.now = instant_add(node.now, SECOND_US);
	node_timers();
	/* As a new Active. */
	check_line("apiserver/ipv4 Active, priority 171");
}
END_TEST

/* A mistake of the configuration, where people look first. */
START_TEST(no_probe_has_succeeded)
{
	char *text;

	node.probes = (struct status_probes){.since = {0}};
	engine_forget_health(&node.engine, node.now);
	check_line("1 Active, 1 Backup, apiserver not ready");
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, ", pid 4711, up 10 min 0 s\n"));
	free(text);
	node_probe(HEALTH_CERTIFICATE, 0, 3100, "words");
	check_line("1 Active, 1 Backup, apiserver not ready: no probe has succeeded yet");
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, ", pid 4711, up 10 min 0 s; no apiserver probe has "
					   "succeeded yet\n"));
	free(text);
	node_probe(HEALTH_OK, 200, 3100, "");
	node_probe(HEALTH_REFUSED, 0, 3100, "words");
	check_line("1 Active, 1 Backup, apiserver not ready");
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, ", pid 4711, up 10 min 0 s\n"));
	free(text);
}
END_TEST

START_TEST(line_of_a_node_that_is_held_back)
{
	char reason[CONDITION_REASON_SIZE], text[96], cleaned[96];

	node_condition(1, 1, "is down");
	check_line("1 Active, 1 Backup, apiserver ready, held back: eth1 is down");
	node_condition(1, 0, "");
	check_line("1 Active, 1 Backup, apiserver ready, held back: /run/cpvrrp/maintenance "
		   "exists");
	node_condition(1, 0, "new kernel");
	check_line("1 Active, 1 Backup, apiserver ready, held back: /run/cpvrrp/maintenance: new "
		   "kernel");
	/* What is cut may be cut within a character. */
	memset(reason, 0, sizeof(reason));
	for (size_t i = 0; i + 2 < sizeof(reason); i += 2)
		memcpy(reason + i, "\303\244", 2);
	for (size_t size = sizeof(text) - 1; size <= sizeof(text); size++) {
		node_condition(1, 0, NULL);
		node_condition(1, 1, reason);
		status_line(&node.engine, node.source.health, text, size);
		strcpy(cleaned, text);
		log_clean(cleaned);
		ck_assert_str_eq(text, cleaned);
	}
}
END_TEST

/* The words of each condition, in text and JSON, met and not. */
START_TEST(conditions)
{
	json_t *root = node_parsed();
	char *text = node_printed(status_text);

	ck_assert_ptr_nonnull(strstr(text,
				     "\n  conditions met: /run/cpvrrp/maintenance does not exist\n"
				     "             met: eth1 is up\n"));
	free(text);
	check(root, "virtual_routers.0.conditions", "[]");
	check(root, "virtual_routers.1.conditions",
	      "[{\"kind\":\"file\",\"name\":\"/run/cpvrrp/maintenance\",\"met\":true,"
	      "\"reason\":null},{\"kind\":\"interface\",\"name\":\"eth1\",\"met\":true,"
	      "\"reason\":null}]");
	json_decref(root);

	node_condition(1, 0, "new kernel");
	node_condition(1, 1, "does not exist");
	text = node_printed(status_text);
	ck_assert_msg(strstr(text, "\n  priority   132 (answering)\n"
				   "  conditions not met: /run/cpvrrp/maintenance: new kernel\n"
				   "             not met: eth1 does not exist\n") != NULL,
		      "%s", text);
	/* In the group, too. */
	ck_assert_msg(strstr(text, "\n  fe80::1    Backup, not ready: /run/cpvrrp/maintenance: new "
				   "kernel, priority\n             132, this node\n") != NULL,
		      "%s", text);
	free(text);
	root = node_parsed();
	check(root, "virtual_routers.1.band", "\"answering\"");
	check(root, "virtual_routers.1.conditions.0.met", "false");
	check(root, "virtual_routers.1.conditions.0.reason", "\"new kernel\"");
	check(root, "virtual_routers.1.conditions.1.reason", "\"does not exist\"");
	json_decref(root);
}
END_TEST

START_TEST(json_numbers)
{
	char *text = node_printed(status_json);

	ck_assert_ptr_nonnull(strstr(text, "\"last_seconds_ago\": 0.1\n"));
	free(text);
}
END_TEST

/* TENURE: the priority on the wire, and why it is not the node's own. */
START_TEST(new_active)
{
	json_t *root;
	char *text;

	node_link(0, false);
	node_link(0, true);
	node.now = instant_add(node.now, SECOND_US);
	node_timers();
	node.now = instant_add(node.now, 17500 * MILLISECOND_US);
	root = node_parsed();
	check(root, "virtual_routers.0.state", "\"Active\"");
	check(root, "virtual_routers.0.priority", "171");
	check(root, "virtual_routers.0.band", "\"ready\"");
	check(root, "virtual_routers.0.own_priority", "216");
	check(root, "virtual_routers.0.new_seconds_left", "42.5");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(
		strstr(text, "171 (ready), as a new Active; its own is 216, in 42 s\n"));
	free(text);

	/* A leaving router is lowest for another reason. */
	engine_shutdown(&node.engine, node.now);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, "1 (leaving)\n"));
	free(text);
}
END_TEST

START_TEST(step_down_left)
{
	json_t *root;
	char *text;

	engine_step_down(&node.engine, node.now, 42500 * MILLISECOND_US);
	root = node_parsed();
	check(root, "virtual_routers.0.step_down_seconds_left", "42.5");
	check(root, "virtual_routers.0.priority", "1");
	check(root, "virtual_routers.0.band", "\"leaving\"");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, "1 (leaving), stepped down for another 42 s"));
	free(text);

	/* Over, but the router has not had its turn yet. */
	node.now = instant_add(node.now, 42500 * MILLISECOND_US + 1);
	root = node_parsed();
	check(root, "virtual_routers.0.step_down_seconds_left", "0.0");
	json_decref(root);
}
END_TEST

/* DAMPING: how many successes are needed, and why. */
START_TEST(damped)
{
	json_t *root;
	char *text;

	node_probe(HEALTH_REFUSED, 0, 3100, "refused");
	node.now = instant_add(node.now, 10 * SECOND_US);
	root = node_parsed();
	check(root, "apiserver.successes_needed", "4");
	check(root, "apiserver.damped_seconds_left", "590.0");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_msg(strstr(text, "\n  damped     ready needs 4 successes in a row, because "
				   "readiness was lost while\n"
				   "             Active; for another 9 min 50 s\n"),
		      "%s", text);
	free(text);
	text = node_printed(metrics_text);
	ck_assert_ptr_nonnull(strstr(text, "\ncpvrrp_apiserver_successes_needed 4\n"));
	free(text);

	node.now = instant_add(node.now, 590 * SECOND_US);
	root = node_parsed();
	check(root, "apiserver.successes_needed", "2");
	check(root, "apiserver.damped_seconds_left", "0.0");
	json_decref(root);
	text = node_printed(status_text);
	ck_assert_ptr_null(strstr(text, "damped"));
	free(text);
}
END_TEST

/* The ring is full and has wrapped: the oldest is gone, the order is that of time. */
START_TEST(history_wrap)
{
	const struct vrrp_transition change = {VRRP_STATE_BACKUP, VRRP_STATE_ACTIVE,
					       VRRP_REASON_ACTIVE_DOWN, VRRP_FAULT_NONE};
	json_t *root, *history;
	char *text, *line;

	node.routers[0]->history_count = 0;
	for (int i = 0; i < ROUTER_HISTORY_MAX + 5; i++)
		router_record(node.routers[0], (struct instant){i * SECOND_US}, &change);
	root = node_parsed();
	history = at(root, "virtual_routers.0.history");
	ck_assert_uint_eq(json_array_size(history), ROUTER_HISTORY_MAX);
	check(history, "0.at", "\"2026-11-22T20:21:12.123Z\"");
	check(history, "31.at", "\"2026-11-22T20:21:43.123Z\"");
	json_decref(root);

	text = node_printed(status_text);
	line = strstr(text, "  history    ");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(strncmp(line + 13, "2026-11-22T20:21:39.123Z", 24), 0);
	line = strstr(line, "2026-11-22T20:21:43.123Z");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(strncmp(strchr(line, '\n'), "\n\n", 2), 0);
	free(text);
}
END_TEST

START_TEST(text_lines)
{
	static const char *const expected[] = {
		"cpvrrp " VERSION ", pid 4711, up 10 min 0 s\n",
		"\n  confined   net_admin, net_raw, no new privileges, seccomp, Landlock\n",
		"\n  unclaimed  unknown_vrid 3\n",
		"\napiserver: ready since 2026-11-22T20:29:07.123Z (2 min 0 s)\n",
		"\n  last probe timeout after 1000.0 ms; 1 failed in a row\n",
		"\n  error      no answer\n",
		"\n  probes     ok 1, timeout 1\n",
		"\napiserver/ipv4: Active since 2026-11-22T20:30:07.123Z (1 min 0 s)\n"
		"  why        nothing heard from an Active for the Active_Down_Interval\n"
		"  Active     this node, 10.10.10.1\n"
		"  addresses  10.10.10.10 present\n"
		"  priority   216 (ready)\n"
		"  interface  eth0, VRID 10, advert_int 0.25 s\n"
		"  heard      10.10.10.2, priority 177 (ready), 0.1 s ago\n"
		"  claimed    10.10.10.10 by 02:00:00:00:00:fe, 30 s ago; 12 so far\n"
		"  rejected   checksum 7\n"
		"  history    2026-11-22T20:21:07.124Z Initialize -> Backup (startup)\n"
		"             2026-11-22T20:30:07.123Z Backup -> Active (active_down)\n",
		"\nbalance: the kernel does not take the rules; the virtual addresses work "
		"without\n"
		"  error      Operation not permitted\n"
		"  tcp_loose  0: connections end when their slot gets another owner or the\n"
		"             addresses move\n"
		"  lost       2 times another program has changed the rules\n",
		"\ningress/ipv6: Backup since ",
		"\n  shares     fe80::1 50.0 %, this node, 42 open connections\n"
		"             fe80::2 50.0 %\n"
		"             fe80::3 0.0 %, silent; its connections may go on\n",
		"\n  Active     fe80::2, priority 177 (ready)\n",
		"\n  addresses  fe80::200:5eff:fe00:20a not here\n",
		"\n             fd00::10 not here; wrongly on lo\n",
		"\n  heard      nobody\n",
	};
	char *text;

	node_probe(HEALTH_TIMEOUT, 0, 1000000, "no answer");
	node.routers[1]->heard_count = 0;
	strcpy(node.routers[1]->elsewhere[1], "lo");
	node.balance.stuck = true;
	text = node_printed(status_text);
	for (size_t i = 0; i < COUNT(expected); i++)
		ck_assert_msg(strstr(text, expected[i]) != NULL, "no \"%s\" in\n%s", expected[i],
			      text);
	free(text);
}
END_TEST

/* Of several routers first what each of them is; one alone needs no table. */
START_TEST(text_summary)
{
	char *text = node_printed(status_text);

	ck_assert_msg(strstr(text, "\n\n  apiserver/ipv4  Active\n"
				   "  ingress/ipv6    Backup, fe80::2 is Active\n\n"
				   "group of apiserver/ipv4: ") != NULL,
		      "%s", text);
	free(text);
	node_link(1, false);
	text = node_printed(status_text);
	ck_assert_msg(strstr(text, "\n  ingress/ipv6    waiting for carrier on eth0\n") != NULL,
		      "%s", text);
	free(text);
	node_reload(1);
	text = node_printed(status_text);
	ck_assert_ptr_null(strstr(text, "\n  apiserver/ipv4  Active\n"));
	free(text);
}
END_TEST

/* With everything as long as it gets. */
START_TEST(text_columns)
{
	char detail[PROBE_DETAIL_SIZE];
	char *text, *line, *rest;

	for (size_t i = 0; i < sizeof(detail) - 1; i++)
		detail[i] = i % 9 == 8 ? ' ' : 'x';
	detail[sizeof(detail) - 1] = '\0';
	node_probe(HEALTH_STATUS, 500, 3100, detail);
	for (unsigned i = 0; i < ADVERT_REFUSAL_COUNT; i++)
		node.routers[0]->counters.rejected[i] = node.engine.rejected[i] = 1234567890123;
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		node.probes.results[i] = 1234567890123;
	node.routers[1]->heard_count = 1;
	node.routers[1]->heard[0] = (struct router_heard){
		.address = ip("2001:db8:1111:2222:3333:4444:5555:6666"), .priority = 177};
	text = rest = node_printed(status_text);
	while ((line = strsep(&rest, "\n")))
		ck_assert_msg(strlen(line) < 80, "%s", line);
	free(text);
}
END_TEST

START_TEST(text_untracked)
{
	char *text;

	node.source.health = NULL;
	text = node_printed(status_text);
	ck_assert_ptr_nonnull(strstr(text, "\napiserver: not tracked by any virtual router\n"));
	free(text);
}
END_TEST

static const struct {
	enum vrrp_reason reason;
	enum vrrp_fault fault;
	const char *interface;
	const char *sentence;
} sentences[] = {
	{VRRP_REASON_STARTUP, VRRP_FAULT_NONE, "eth0", "just started"},
	{VRRP_REASON_RESUMED, VRRP_FAULT_NONE, "eth0",
	 "started again before any router could take over"},
	{VRRP_REASON_RECOVERED, VRRP_FAULT_NONE, "eth0", "recovered from a fault"},
	{VRRP_REASON_ACTIVE_DOWN, VRRP_FAULT_NONE, "eth0",
	 "nothing heard from an Active for the Active_Down_Interval"},
	{VRRP_REASON_ACTIVE_STOPPED, VRRP_FAULT_NONE, "eth0",
	 "the Active stopped: it sent priority 0"},
	{VRRP_REASON_ACTIVE_LEAVING, VRRP_FAULT_NONE, "eth0",
	 "the Active is leaving: it sent priority 1"},
	{VRRP_REASON_ACTIVE_UNREADY, VRRP_FAULT_NONE, "eth0",
	 "the Active is less ready than this node"},
	{VRRP_REASON_ACTIVE_LOWER, VRRP_FAULT_NONE, "eth0",
	 "the Active's priority was lower, and preempt is always"},
	{VRRP_REASON_HIGHER_PRIORITY, VRRP_FAULT_NONE, "eth0",
	 "a better router's advert was heard"},
	{VRRP_REASON_CLAIM_EXPIRED, VRRP_FAULT_NONE, "eth0",
	 "was silent for its Active_Down_Interval, and another router is Active"},
	{VRRP_REASON_STEP_DOWN, VRRP_FAULT_NONE, "eth0", "stepped down when asked to"},
	{VRRP_REASON_SHUTDOWN, VRRP_FAULT_NONE, "eth0", "stopped"},
	{VRRP_REASON_FAULT, VRRP_FAULT_NO_INTERFACE, "eth0", "waiting for interface eth0"},
	{VRRP_REASON_FAULT, VRRP_FAULT_NO_INTERFACE, "",
	 "waiting for an interface in the network of fd00::10"},
	{VRRP_REASON_FAULT, VRRP_FAULT_IS_PORT, "eth0",
	 "eth0 is a port of a bridge or bond, which takes what it receives"},
	{VRRP_REASON_FAULT, VRRP_FAULT_LINK_DOWN, "eth0", "waiting for carrier on eth0"},
	{VRRP_REASON_FAULT, VRRP_FAULT_NO_ADDRESS, "eth0", "waiting for an address on eth0"},
	{VRRP_REASON_FAULT, VRRP_FAULT_DUPLICATE_ADDRESS, "eth0",
	 "another host has the address of eth0 to send from"},
	{VRRP_REASON_FAULT, VRRP_FAULT_NOT_A_PEER, "eth0", "no address of eth0 is in unicast_peer"},
	{VRRP_REASON_FAULT, VRRP_FAULT_NO_SOCKET, "eth0",
	 "cannot open a raw socket on eth0; retries every second"},
	{VRRP_REASON_FAULT, VRRP_FAULT_ADD_FAILED, "eth0",
	 "cannot add an address; Backup again after a second"},
};

START_TEST(explain)
{
	struct router *router = node.routers[1];
	char text[STATUS_EXPLAIN_SIZE];
	unsigned reasons = 0, faults = 0;

	*router->settings.interface = '\0';
	for (size_t i = 0; i < COUNT(sentences); i++) {
		snprintf(router->interface_name, sizeof(router->interface_name), "%s",
			 sentences[i].interface);
		router->vrrp.reason = sentences[i].reason;
		router->vrrp.fault = sentences[i].fault;
		ck_assert_str_eq(status_explain(router, text, sizeof(text)), sentences[i].sentence);
		reasons |= 1u << sentences[i].reason;
		faults |= 1u << sentences[i].fault;
	}
	ck_assert_uint_eq(reasons, (1u << VRRP_REASON_COUNT) - 1);
	ck_assert_uint_eq(faults, (1u << VRRP_FAULT_COUNT) - 1);
}
END_TEST

/* The log says what the word of each refusal means. */
START_TEST(every_refusal_has_a_sentence)
{
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++)
		ck_assert_uint_gt(strlen(status_refusal((enum advert_refusal)i)), 10);
	ck_assert_str_eq(status_refusal(ADVERT_ADDRESSES_FOREIGN),
			 "no address of ours is in it: another group on the segment has this VRID");
}
END_TEST

START_TEST(latency)
{
	static const int64_t us[] = {0, 1000, 1001, 250000, 1000000, 1000001, 61000000};
	static const uint64_t counts[STATUS_LATENCY_BUCKETS] = {2, 1, 0, 0, 0, 0, 0, 1, 1, 2};

	node.probes = (struct status_probes){.since = node.now};
	for (size_t i = 0; i < COUNT(us); i++)
		node_probe(HEALTH_OK, 200, us[i], "");
	for (size_t i = 0; i < STATUS_LATENCY_BUCKETS; i++)
		ck_assert_uint_eq(node.probes.latency_count[i], counts[i]);
	ck_assert_int_eq(node.probes.latency_sum_us, 63252002);
}
END_TEST

Suite *suite_status(void)
{
	Suite *suite = suite_create("status");
	TCase *tcase = tcase_create("status");

	tcase_add_checked_fixture(tcase, node_setup, node_teardown);
	tcase_add_test(tcase, json_values);
	tcase_add_test(tcase, json_nulls);
	tcase_add_test(tcase, json_members);
	tcase_add_test(tcase, json_what_this_node_does_not_hear);
	tcase_add_test(tcase, members_are_not_shown_where_they_are_off);
	tcase_add_test(tcase, text_group);
	tcase_add_test(tcase, json_initialize);
	tcase_add_test(tcase, hostile_error);
	tcase_add_test(tcase, hostile_interface);
	tcase_add_test(tcase, confinement);
	tcase_add_test(tcase, followed_active);
	tcase_add_test(tcase, bands);
	tcase_add_test(tcase, carried_addresses);
	tcase_add_test(tcase, looks);
	tcase_add_test(tcase, by_value);
	tcase_add_test(tcase, one_line);
	tcase_add_test(tcase, no_probe_has_succeeded);
	tcase_add_test(tcase, line_of_a_node_that_is_held_back);
	tcase_add_test(tcase, conditions);
	tcase_add_test(tcase, json_numbers);
	tcase_add_test(tcase, new_active);
	tcase_add_test(tcase, step_down_left);
	tcase_add_test(tcase, damped);
	tcase_add_test(tcase, history_wrap);
	tcase_add_test(tcase, text_lines);
	tcase_add_test(tcase, text_summary);
	tcase_add_test(tcase, text_columns);
	tcase_add_test(tcase, text_untracked);
	tcase_add_test(tcase, explain);
	tcase_add_test(tcase, every_refusal_has_a_sentence);
	tcase_add_test(tcase, latency);
	suite_add_tcase(suite, tcase);
	return suite;
}
