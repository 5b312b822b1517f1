/* SPDX-License-Identifier: Apache-2.0 */
#include "report/status.h"

#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/metrics.h"
#include "unit.h"

#define MINUTE_US 60000000LL

/* The names of the manual or of an output. */
struct names {
	size_t count;
	char list[128][96];
};

static struct conf *conf;
static struct engine engine;
static struct health health;
static struct state_apiserver apiserver;
static struct router *routers[2];
static struct state state;

static struct addr addr(const char *text)
{
	struct addr result;

	ck_assert(addr_parse(text, &result));
	return result;
}

static struct router *router_new(const char *instance, enum addr_family family)
{
	const struct vrrp_config config = {.advert_int_cs = 25};
	struct router *router = calloc(1, sizeof(*router));

	snprintf(router->instance, sizeof(router->instance), "%s", instance);
	snprintf(router->interface_name, sizeof(router->interface_name), "eth0");
	router->family = family;
	router->vrid = 10;
	vrrp_init(&router->vrrp, &config, 216);
	router->since = (struct instant){9 * MINUTE_US};
	return router;
}

static void history_add(struct router *router, int64_t at_us, enum vrrp_state from,
			enum vrrp_state to, enum vrrp_reason reason)
{
	router->history[router->history_count++ % ENGINE_HISTORY_MAX] =
		(struct router_transition){{at_us}, from, to, reason};
	router->counters.transitions[to][reason]++;
	router->vrrp.state = to;
	router->vrrp.reason = reason;
}

static void probe(enum health_result result, int status, int64_t latency_us, const char *detail)
{
	struct probe_report report = {
		.result = result, .http_status = status, .latency_us = latency_us};

	snprintf(report.detail, sizeof(report.detail), "%s", detail);
	state_apiserver_record(&apiserver, &report);
	health_step(&health, result);
}

/* Ten minutes after start: an Active for IPv4, and a Backup for IPv6. */
static void setup(void)
{
	struct router *r;

	conf = calloc(1, sizeof(*conf));
	conf_init(conf);
	engine_init(&engine, NULL);
	engine.routers = routers;
	engine.router_count = 2;
	engine.rejected[ADVERT_UNKNOWN_VRID] = 3;
	health_init(&health, 3, 2);
	apiserver = (struct state_apiserver){.since = {8 * MINUTE_US}};

	r = routers[0] = router_new("apiserver", ADDR_FAMILY_IPV4);
	r->addresses[r->address_count++] = addr("10.10.10.10");
	r->present[0] = true;
	r->vrrp.primary = addr("10.10.10.1");
	r->heard[r->heard_count++] =
		(struct router_heard){addr("10.10.10.2"), 177, {10 * MINUTE_US - 100000}};
	r->counters.adverts_sent = 42;
	r->counters.rejected[ADVERT_CHECKSUM_WRONG] = 7;
	history_add(r, 1000, VRRP_STATE_INITIALIZE, VRRP_STATE_BACKUP, VRRP_REASON_STARTUP);
	history_add(r, 9 * MINUTE_US, VRRP_STATE_BACKUP, VRRP_STATE_ACTIVE,
		    VRRP_REASON_ACTIVE_DOWN);

	r = routers[1] = router_new("apiserver", ADDR_FAMILY_IPV6);
	r->addresses[r->address_count++] = addr("fe80::200:5eff:fe00:20a");
	r->addresses[r->address_count++] = addr("fd00::10");
	r->active_known = true;
	r->active_router = (struct router_heard){addr("fe80::2"), 177, {10 * MINUTE_US - 250000}};
	history_add(r, 1000, VRRP_STATE_INITIALIZE, VRRP_STATE_BACKUP, VRRP_REASON_STARTUP);

	state = (struct state){
		.pid = 4711,
		.now = {10 * MINUTE_US},
		.started = {0},
		.wall = {.tv_sec = 1795379467, .tv_nsec = 123456789},
		.conf = conf,
		.engine = &engine,
		.health = &health,
		.apiserver = &apiserver,
		.confinement = {.known = true,
				.capabilities = 1 << 12 | 1 << 13,
				.no_new_privs = true,
				.seccomp = STATE_SECCOMP_FILTER},
		.loop_late_max_us = 1500,
	};
}

static void teardown(void)
{
	free(routers[0]);
	free(routers[1]);
	free(conf);
}

static json_t *parsed(void)
{
	char *text = state_json(&state);
	json_error_t error;
	json_t *root;

	ck_assert_ptr_nonnull(text);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(root != NULL, "%s", error.text);
	free(text);
	return root;
}

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

	probe(HEALTH_OK, 200, 3100, "");
	probe(HEALTH_TIMEOUT, 0, 1000000, "no answer");
	root = parsed();
	check(root, "version", "\"" VERSION "\"");
	check(root, "pid", "4711");
	check(root, "time", "\"2026-11-22T20:31:07.123Z\"");
	check(root, "uptime_seconds", "600.0");
	check(root, "loop_late_max_seconds", "0.0015");
	check(root, "confinement.capabilities", "[\"net_admin\",\"net_raw\"]");
	check(root, "confinement.no_new_privs", "true");
	check(root, "confinement.seccomp", "\"filter\"");
	check(root, "confinement.memory_locked", "false");
	check(root, "confinement.realtime", "false");
	check(root, "rejected.unknown_vrid", "3");
	check(root, "rejected.checksum", "0");
	check(root, "apiserver.url", "\"https://127.0.0.1:6443/readyz\"");
	check(root, "apiserver.ready", "true");
	check(root, "apiserver.since", "\"2026-11-22T20:29:07.123Z\"");
	check(root, "apiserver.last_result", "\"timeout\"");
	check(root, "apiserver.last_status", "0");
	check(root, "apiserver.last_error", "\"no answer\"");
	check(root, "apiserver.last_latency_seconds", "1.0");
	check(root, "apiserver.consecutive", "1");
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
	check(root, "virtual_routers.0.step_down_seconds_left", "0.0");
	check(root, "virtual_routers.0.advert_int_seconds", "0.25");
	check(root, "virtual_routers.0.addresses",
	      "[{\"address\":\"10.10.10.10\",\"present\":true}]");
	check(root, "virtual_routers.0.active_router",
	      "{\"address\":\"10.10.10.1\",\"priority\":216,\"last_advert_seconds_ago\":null,"
	      "\"self\":true}");
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
	      "\"self\":false}");
	check(root, "virtual_routers.1.addresses.1.present", "false");
	json_decref(root);
}
END_TEST

START_TEST(json_nulls)
{
	json_t *root;

	state.health = NULL;
	routers[1]->active_known = false;
	*routers[1]->interface_name = '\0';
	root = parsed();
	check(root, "apiserver", "null");
	check(root, "virtual_routers.1.active_router", "null");
	check(root, "virtual_routers.1.interface", "null");
	json_decref(root);

	state.health = &health;
	root = parsed();
	check(root, "apiserver.last_result", "null");
	check(root, "apiserver.last_error", "null");
	json_decref(root);
}
END_TEST

/* What a Backup remembers of an Active says nothing any more once it is in Initialize. */
START_TEST(json_initialize)
{
	json_t *root;

	history_add(routers[1], 5, VRRP_STATE_BACKUP, VRRP_STATE_INITIALIZE, VRRP_REASON_LINK_DOWN);
	root = parsed();
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

	probe(HEALTH_CERTIFICATE, 0, 1, "issued for \"a\x1b[2J\xff\"\n");
	root = parsed();
	check(root, "apiserver.last_error", "\"issued for \\\"a [2J?\\\" \"");
	json_decref(root);
	text = state_text(&state);
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

	snprintf(routers[0]->interface_name, sizeof(routers[0]->interface_name), "e\xff\x1b");
	routers[0]->vrrp.reason = VRRP_REASON_LINK_DOWN;
	root = parsed();
	check(root, "virtual_routers.0.interface", "\"e? \"");
	check(root, "virtual_routers.0.explanation", "\"waiting for carrier on e? \"");
	json_decref(root);
	text = state_text(&state);
	ck_assert_ptr_null(strchr(text, '\x1b'));
	free(text);
}
END_TEST

START_TEST(confinement)
{
	json_t *root;
	char *text;

	state.confinement =
		(struct state_confinement){.known = true, .memory_locked = true, .realtime = true};
	root = parsed();
	check(root, "confinement.capabilities", "[]");
	check(root, "confinement.no_new_privs", "false");
	check(root, "confinement.seccomp", "\"disabled\"");
	check(root, "confinement.memory_locked", "true");
	check(root, "confinement.realtime", "true");
	json_decref(root);
	text = state_text(&state);
	ck_assert_ptr_nonnull(
		strstr(text, "\n  confined   no capability, memory locked, realtime\n"));
	free(text);

	state.confinement.known = false;
	root = parsed();
	check(root, "confinement", "null");
	json_decref(root);
	text = state_text(&state);
	ck_assert_ptr_null(strstr(text, "confined"));
	free(text);
}
END_TEST

static void check_line(const char *expected)
{
	char text[256];

	ck_assert_str_eq(state_line(&engine, state.health, text, sizeof(text)), expected);
}

START_TEST(one_line)
{
	check_line("1 Active, 1 Backup, apiserver not ready");
	health.ready = true;
	check_line("1 Active, 1 Backup, apiserver ready");
	routers[0]->vrrp.state = VRRP_STATE_INITIALIZE;
	routers[1]->vrrp.state = VRRP_STATE_INITIALIZE;
	check_line("2 Initialize, apiserver ready");
	engine.router_count = 1;
	check_line("apiserver/ipv4 Initialize, priority 216, apiserver ready");
	state.health = NULL;
	routers[0]->vrrp.state = VRRP_STATE_ACTIVE;
	check_line("apiserver/ipv4 Active, priority 216");
}
END_TEST

START_TEST(json_numbers)
{
	char *text = state_json(&state);

	ck_assert_ptr_nonnull(strstr(text, "\"last_seconds_ago\": 0.1\n"));
	free(text);
}
END_TEST

START_TEST(step_down_left)
{
	json_t *root;
	char *text;

	routers[0]->vrrp.hold_end = (struct instant){state.now.us + 42500000};
	root = parsed();
	check(root, "virtual_routers.0.step_down_seconds_left", "42.5");
	check(root, "virtual_routers.0.priority", "1");
	check(root, "virtual_routers.0.band", "\"unready\"");
	json_decref(root);
	text = state_text(&state);
	ck_assert_ptr_nonnull(strstr(text, "1 (unready), stepped down for another 42 s"));
	free(text);

	/* Over, but the router has not had its turn yet. */
	routers[0]->vrrp.hold_end = (struct instant){state.now.us - 1};
	root = parsed();
	check(root, "virtual_routers.0.step_down_seconds_left", "0.0");
	json_decref(root);
}
END_TEST

/* The ring is full and has wrapped: the oldest is gone, the order is that of time. */
START_TEST(history_wrap)
{
	json_t *root, *history;
	char *text, *line;

	routers[0]->history_count = 0;
	for (int i = 0; i < ENGINE_HISTORY_MAX + 5; i++)
		history_add(routers[0], i * 1000000LL, VRRP_STATE_BACKUP, VRRP_STATE_ACTIVE,
			    VRRP_REASON_ACTIVE_DOWN);
	root = parsed();
	history = at(root, "virtual_routers.0.history");
	ck_assert_uint_eq(json_array_size(history), ENGINE_HISTORY_MAX);
	check(history, "0.at", "\"2026-11-22T20:21:12.123Z\"");
	check(history, "31.at", "\"2026-11-22T20:21:43.123Z\"");
	json_decref(root);

	text = state_text(&state);
	line = strstr(text, "  history    ");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(strncmp(line + 13, "2026-11-22T20:21:39.123Z", 24), 0);
	line = strstr(text, "2026-11-22T20:21:43.123Z");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(strncmp(strchr(line, '\n'), "\n\n", 2), 0);
	free(text);
}
END_TEST

START_TEST(text_lines)
{
	static const char *const expected[] = {
		"cpvrrp " VERSION ", pid 4711, up 10 min 0 s\n",
		"\n  confined   net_admin, net_raw, no new privileges, seccomp\n",
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
		"  rejected   checksum 7\n"
		"  history    2026-11-22T20:21:07.124Z Initialize -> Backup (startup)\n"
		"             2026-11-22T20:30:07.123Z Backup -> Active (active_down)\n",
		"\napiserver/ipv6: Backup since ",
		"\n  Active     fe80::2, priority 177 (ready)\n",
		"\n  addresses  fe80::200:5eff:fe00:20a not here\n",
		"\n             fd00::10 not here\n",
		"\n  heard      nobody\n",
	};
	char *text;

	probe(HEALTH_OK, 200, 3100, "");
	probe(HEALTH_TIMEOUT, 0, 1000000, "no answer");
	text = state_text(&state);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_msg(strstr(text, expected[i]) != NULL, "no \"%s\" in\n%s", expected[i],
			      text);
	free(text);
}
END_TEST

/* Of several routers first what each of them is; one alone needs no table. */
START_TEST(text_summary)
{
	char *text = state_text(&state);

	ck_assert_msg(strstr(text,
			     "\n\n  apiserver/ipv4  Active\n"
			     "  apiserver/ipv6  Backup, fe80::2 is Active\n\napiserver: ") != NULL,
		      "%s", text);
	free(text);
	routers[1]->vrrp.state = VRRP_STATE_INITIALIZE;
	routers[1]->vrrp.reason = VRRP_REASON_LINK_DOWN;
	text = state_text(&state);
	ck_assert_msg(strstr(text, "\n  apiserver/ipv6  waiting for carrier on eth0\n") != NULL,
		      "%s", text);
	free(text);
	engine.router_count = 1;
	text = state_text(&state);
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
	probe(HEALTH_STATUS, 500, 3100, detail);
	for (unsigned i = 0; i < ADVERT_REFUSAL_COUNT; i++)
		routers[0]->counters.rejected[i] = engine.rejected[i] = 1234567890123;
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		apiserver.probes[i] = 1234567890123;
	routers[1]->heard_count = 1;
	routers[1]->heard[0] =
		(struct router_heard){addr("2001:db8:1111:2222:3333:4444:5555:6666"), 177, {0}};
	text = rest = state_text(&state);
	while ((line = strsep(&rest, "\n")))
		ck_assert_msg(strlen(line) < 80, "%s", line);
	free(text);
}
END_TEST

START_TEST(text_untracked)
{
	char *text;

	state.health = NULL;
	text = state_text(&state);
	ck_assert_ptr_nonnull(strstr(text, "\napiserver: not tracked by any virtual router\n"));
	free(text);
}
END_TEST

static const struct {
	enum vrrp_reason reason;
	const char *interface;
	const char *sentence;
} sentences[] = {
	{VRRP_REASON_STARTUP, "eth0", "just started"},
	{VRRP_REASON_RECOVERED, "eth0", "what was wrong is over"},
	{VRRP_REASON_ACTIVE_DOWN, "eth0",
	 "nothing heard from an Active for the Active_Down_Interval"},
	{VRRP_REASON_ACTIVE_STOPPED, "eth0", "the Active stopped: it sent priority 0"},
	{VRRP_REASON_ACTIVE_UNREADY, "eth0",
	 "the Active is not ready or is leaving, this node is ready"},
	{VRRP_REASON_ACTIVE_LOWER, "eth0",
	 "the Active's priority was lower, and preempt is always"},
	{VRRP_REASON_HIGHER_PRIORITY, "eth0", "a better router's advert was heard"},
	{VRRP_REASON_OVERSLEPT, "eth0",
	 "slept over its Active_Down_Interval, and another router is Active"},
	{VRRP_REASON_STEP_DOWN, "eth0", "stepped down when asked to"},
	{VRRP_REASON_SHUTDOWN, "eth0", "stopped"},
	{VRRP_REASON_NO_INTERFACE, "eth0", "waiting for interface eth0"},
	{VRRP_REASON_NO_INTERFACE, "", "waiting for an interface in the network of fd00::10"},
	{VRRP_REASON_LINK_DOWN, "eth0", "waiting for carrier on eth0"},
	{VRRP_REASON_NO_ADDRESS, "eth0", "waiting for an address on eth0"},
	{VRRP_REASON_NOT_A_PEER, "eth0", "no address of eth0 is in unicast_peer"},
	{VRRP_REASON_NO_SOCKET, "eth0",
	 "cannot open a raw socket on eth0; tried again every second"},
	{VRRP_REASON_ADD_FAILED, "eth0", "cannot add an address; Backup again after a second"},
	{VRRP_REASON_SEND_FAILED, "eth0", "cannot send adverts; Backup again after a second"},
};
#define SENTENCE_COUNT (sizeof(sentences) / sizeof(sentences[0]))

START_TEST(explain)
{
	struct router *router = routers[1];
	char text[STATE_EXPLAIN_SIZE];
	unsigned seen = 0;

	for (size_t i = 0; i < SENTENCE_COUNT; i++) {
		snprintf(router->interface_name, sizeof(router->interface_name), "%s",
			 sentences[i].interface);
		router->vrrp.reason = sentences[i].reason;
		ck_assert_str_eq(state_explain(router, text, sizeof(text)), sentences[i].sentence);
		seen |= 1u << sentences[i].reason;
	}
	ck_assert_uint_eq(seen, (1u << VRRP_REASON_COUNT) - 1);
}
END_TEST

START_TEST(latency)
{
	static const int64_t us[] = {0, 1000, 1001, 250000, 1000000, 1000001, 61000000};
	static const uint64_t counts[STATE_LATENCY_BUCKETS] = {2, 1, 0, 0, 0, 0, 0, 1, 1, 2};

	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
		probe(HEALTH_OK, 200, us[i], "");
	for (size_t i = 0; i < STATE_LATENCY_BUCKETS; i++)
		ck_assert_uint_eq(apiserver.latency_count[i], counts[i]);
	ck_assert_int_eq(apiserver.latency_sum_us, 63252002);
}
END_TEST

static unsigned long long value_of(const char *text, const char *series)
{
	char start[160];
	const char *found;

	snprintf(start, sizeof(start), "\n%s ", series);
	found = strstr(text, start);
	ck_assert_msg(found != NULL, "no %s", series);
	return strtoull(found + strlen(start), NULL, 10);
}

START_TEST(metrics_values)
{
	char *text;

	probe(HEALTH_OK, 200, 3100, "");
	probe(HEALTH_TIMEOUT, 0, 2000000, "no answer");
	text = metrics_text(&state);
	ck_assert_uint_eq(value_of(text, "cpvrrp_build_info{version=\"" VERSION "\"}"), 1);
#define V4 "instance=\"apiserver\",family=\"ipv4\""
#define V6 "instance=\"apiserver\",family=\"ipv6\""
	ck_assert_uint_eq(value_of(text, "cpvrrp_active{" V4 "}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_active{" V6 "}"), 0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_priority{" V6 "}"), 216);
	ck_assert_uint_eq(value_of(text, "cpvrrp_adverts_sent_total{" V4 "}"), 42);
	ck_assert_uint_eq(value_of(text, "cpvrrp_vip_present{" V4 ",address=\"10.10.10.10\"}"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_vip_present{" V6 ",address=\"fd00::10\"}"), 0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_transitions_total{" V4
					 ",to=\"Active\",reason=\"active_down\"}"),
			  1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_transitions_total{" V4
					 ",to=\"Active\",reason=\"active_stopped\"}"),
			  0);
	ck_assert_uint_eq(value_of(text, "cpvrrp_last_transition_timestamp_seconds{" V4 "}"),
			  1795379407);
	ck_assert_uint_eq(
		value_of(text, "cpvrrp_adverts_rejected_total{" V4 ",reason=\"checksum\"}"), 7);
	ck_assert_uint_eq(value_of(text, "cpvrrp_adverts_rejected_total{instance=\"\",family=\"\","
					 "reason=\"unknown_vrid\"}"),
			  3);
	ck_assert_uint_eq(value_of(text, "cpvrrp_apiserver_ready"), 1);
	ck_assert_uint_eq(value_of(text, "cpvrrp_apiserver_probes_total{result=\"timeout\"}"), 1);
#define DURATION "cpvrrp_apiserver_probe_duration_seconds"
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"0.0025\"}"), 0);
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"0.005\"}"), 1);
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"1\"}"), 1);
	ck_assert_uint_eq(value_of(text, DURATION "_bucket{le=\"+Inf\"}"), 2);
	ck_assert_uint_eq(value_of(text, DURATION "_count"), 2);
	ck_assert_ptr_nonnull(strstr(text, "\n" DURATION "_sum 2.003100\n"));
	ck_assert_ptr_nonnull(strstr(text, "\ncpvrrp_loop_late_seconds_max 0.001500\n"));
	free(text);
}
END_TEST

/* Each line as the format has it, each family with its HELP and TYPE before, counters in _total. */
START_TEST(metrics_format)
{
	static const char sample[] = "^[a-z_]+(\\{[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\""
				     "(,[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\")*\\})? [0-9.]+$";
	char family[64] = "", type[16] = "", *text, *rest, *line;
	regex_t regex;

	probe(HEALTH_OK, 200, 3100, "");
	ck_assert_int_eq(regcomp(&regex, sample, REG_EXTENDED | REG_NOSUB), 0);
	text = rest = metrics_text(&state);
	while ((line = strsep(&rest, "\n")) && rest) {
		if (sscanf(line, "# HELP %63s", family) == 1)
			continue;
		if (*line == '#') {
			char name[64];

			ck_assert_int_eq(sscanf(line, "# TYPE %63s %15s", name, type), 2);
			ck_assert_str_eq(name, family);
			ck_assert_int_eq(strcmp(type, "counter") == 0,
					 strlen(name) > 6 &&
						 strcmp(name + strlen(name) - 6, "_total") == 0);
			continue;
		}
		ck_assert_msg(regexec(&regex, line, 0, NULL, 0) == 0, "%s", line);
		ck_assert_int_eq(strncmp(line, family, strlen(family)), 0);
	}
	ck_assert_str_eq(line, "");
	regfree(&regex);
	free(text);
}
END_TEST

START_TEST(metrics_escape)
{
	char *text;

	snprintf(routers[0]->instance, sizeof(routers[0]->instance), "a\"b\\c\nd");
	text = metrics_text(&state);
	ck_assert_ptr_nonnull(
		strstr(text, "\ncpvrrp_active{instance=\"a\\\"b\\\\c\\nd\",family=\"ipv4\"} 1\n"));
	free(text);
}
END_TEST

START_TEST(metrics_untracked)
{
	char *text;

	state.health = NULL;
	text = metrics_text(&state);
	ck_assert_ptr_null(strstr(text, "cpvrrp_apiserver"));
	ck_assert_ptr_nonnull(strstr(text, "\ncpvrrp_active"));
	free(text);
}
END_TEST

static bool names_have(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], name) == 0)
			return true;
	}
	return false;
}

static void names_add(struct names *names, const char *name)
{
	if (names_have(names, name))
		return;
	ck_assert_uint_lt(names->count, sizeof(names->list) / sizeof(names->list[0]));
	snprintf(names->list[names->count++], sizeof(names->list[0]), "%s", name);
}

/* "virtual_routers[].heard[].priority", as for jq. Keys that are reasons are named in lists of
 * their own. */
static void names_add_json(struct names *names, const char *path, json_t *value)
{
	char longer[96];
	const char *key;
	json_t *child;
	size_t i;

	if (*path && path[strlen(path) - 1] != ']')
		names_add(names, path);
	if (strstr(path, "rejected") || strstr(path, "failures_total"))
		return;
	json_object_foreach(value, key, child)
	{
		snprintf(longer, sizeof(longer), "%s%s%s", path, *path ? "." : "", key);
		names_add_json(names, longer, child);
	}
	json_array_foreach(value, i, child)
	{
		snprintf(longer, sizeof(longer), "%s[]", path);
		names_add_json(names, longer, child);
	}
}

/* The items of the manual whose macro is as given. */
static void names_of_manual(const char *macro, struct names *names)
{
	FILE *file = fopen(TESTS_DIR "/../doc/cpvrrp.8", "r");
	char line[256], name[96], start[16];

	ck_assert_ptr_nonnull(file);
	snprintf(start, sizeof(start), ".It %s ", macro);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, start, strlen(start)) == 0 &&
		    sscanf(line + strlen(start), "%95s", name) == 1)
			names_add(names, name);
	}
	fclose(file);
}

static void check_manual(const char *macro, const struct names *real)
{
	struct names manual = {0};

	names_of_manual(macro, &manual);
	for (size_t i = 0; i < real->count; i++)
		ck_assert_msg(names_have(&manual, real->list[i]), "cpvrrp.8 lacks %s",
			      real->list[i]);
	for (size_t i = 0; i < manual.count; i++)
		ck_assert_msg(names_have(real, manual.list[i]), "cpvrrp.8 has %s", manual.list[i]);
}

START_TEST(manual_names)
{
	struct names real = {0};
	json_t *root = parsed();
	char *text = metrics_text(&state), *rest = text, *line, name[96];

	names_add_json(&real, "", root);
	json_decref(root);
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "# TYPE %95s", name) == 1)
			names_add(&real, name);
	}
	free(text);
	check_manual("Va", &real);
}
END_TEST

START_TEST(manual_words)
{
	struct names real = {0};

	for (unsigned i = 0; i < VRRP_REASON_COUNT; i++)
		names_add(&real, vrrp_reason_name((enum vrrp_reason)i));
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++)
		names_add(&real, advert_refusal_name((enum advert_refusal)i));
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		names_add(&real, health_result_name((enum health_result)i));
	for (unsigned i = 0; i < VRRP_STATE_COUNT; i++)
		names_add(&real, vrrp_state_name((enum vrrp_state)i));
	check_manual("Cm", &real);
}
END_TEST

Suite *suite_state(void)
{
	Suite *suite = suite_create("state");
	TCase *tcase = tcase_create("state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, json_values);
	tcase_add_test(tcase, json_nulls);
	tcase_add_test(tcase, json_initialize);
	tcase_add_test(tcase, hostile_error);
	tcase_add_test(tcase, hostile_interface);
	tcase_add_test(tcase, confinement);
	tcase_add_test(tcase, one_line);
	tcase_add_test(tcase, json_numbers);
	tcase_add_test(tcase, step_down_left);
	tcase_add_test(tcase, history_wrap);
	tcase_add_test(tcase, text_lines);
	tcase_add_test(tcase, text_summary);
	tcase_add_test(tcase, text_columns);
	tcase_add_test(tcase, text_untracked);
	tcase_add_test(tcase, explain);
	tcase_add_test(tcase, latency);
	tcase_add_test(tcase, metrics_values);
	tcase_add_test(tcase, metrics_format);
	tcase_add_test(tcase, metrics_escape);
	tcase_add_test(tcase, metrics_untracked);
	tcase_add_test(tcase, manual_names);
	tcase_add_test(tcase, manual_words);
	suite_add_tcase(suite, tcase);
	return suite;
}
