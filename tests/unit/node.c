/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/settings.h"
#include "conf/value.h"
#include "core/reload.h"
#include "lib/ip.h"
#include "report/status_json.h"

#define IFINDEX 2
#define ADVERT_INT_US (250 * MILLISECOND_US)

struct node node;

/* ---- Events ---- */

void node_hear(unsigned i, const char *source, uint8_t priority)
{
	const struct router_settings *settings = &node.routers[i]->settings;
	const struct advert_fields fields = {
		.vrid = settings->vrid,
		.priority = priority,
		.interval_cs = settings->vrrp.advert_int_cs,
		.address_count = (uint8_t)settings->advertised_count,
		.addresses = settings->addresses,
		.source = ip(source),
		.destination = advert_group(settings->family),
	};
	uint8_t bytes[ADVERT_SIZE_MAX];
	const struct packet packet = {
		.source = fields.source,
		.destination = fields.destination,
		.hops = ADVERT_HOPS,
		.data = bytes,
		.size = advert_encode(&fields, bytes, sizeof(bytes)),
	};

	engine_packet(&node.engine, node.now, IFINDEX, &packet);
}

void node_hear_status(unsigned i, const char *source, const struct group_status *status,
		      const char *heard)
{
	const struct router_settings *settings = &node.routers[i]->settings;
	struct group_status said = *status;
	uint8_t bytes[GROUP_STATUS_SIZE_MAX];
	struct packet packet = {
		.source = ip(source),
		.destination = advert_group(settings->family),
		.hops = ADVERT_HOPS,
		.data = bytes,
	};

	said.vrid = settings->vrid;
	said.interval_cs = MEMBER_INTERVAL_CS;
	if (heard)
		said.heard[said.heard_count++] = ip(heard);
	packet.size = group_status_encode(&said, ADVERT_CHECKSUM_RFC9568, &packet.source,
					  &packet.destination, bytes, sizeof(bytes));
	engine_packet(&node.engine, node.now, IFINDEX, &packet);
}

void node_link(unsigned i, bool up)
{
	static struct interface shown;

	node.io.up = up;
	fake_io_show(&node.io, &shown);
	engine_interface(&node.engine, node.now, node.routers[i], &shown);
}

void node_condition(unsigned router, size_t i, const char *reason)
{
	struct condition_state state = {.unmet = reason != NULL};

	snprintf(state.reason, sizeof(state.reason), "%s", reason ? reason : "");
	engine_condition(&node.engine, node.now, node.routers[router], i, &state);
}

void node_timers(void)
{
	engine_timers(&node.engine, node.now, true);
}

void node_probe(enum health_result result, int status, int64_t latency_us, const char *detail)
{
	struct probe_report report = {
		.result = result, .http_status = status, .latency_us = latency_us};

	snprintf(report.detail, sizeof(report.detail), "%s", detail);
	status_probes_record(&node.probes, &report);
	if (engine_probe_result(&node.engine, node.now, result))
		node.probes.since = node.now;
}

void node_reload(size_t count)
{
	static struct router_settings settings[NODE_ROUTERS];

	for (size_t i = 0; i < count; i++)
		settings_of_instance(node.conf, i, &settings[i]);
	ck_assert(reload_routers(&node.engine, node.now, settings, count));
	node.routers = node.engine.routers;
}

/* ---- The fixture ---- */

static void add_instance(const char *name, const char *address)
{
	char reason[CONF_TEXT_SIZE];
	struct conf_instance *instance;

	ck_assert(conf_instance_add(node.conf, name, reason));
	instance = &node.conf->instances[node.conf->instance_count - 1];
	snprintf(instance->interface, sizeof(instance->interface), "eth0");
	instance->virtual_router_id = 10;
	instance->priority = 216;
	instance->addresses[instance->address_count++] = ip(address);
}

static void track(struct conf_instance *instance, const char *file, const char *interface)
{
	snprintf(instance->track_files[0], CONF_PATH_SIZE, "%s", file);
	snprintf(instance->track_interfaces[0], CONF_INTERFACE_SIZE, "%s", interface);
	instance->track_file_count = instance->track_interface_count = 1;
}

static void assign(const char *address, uint8_t prefix_length)
{
	const struct addr addr = ip(address);

	fake_io_assign(&node.io, &addr, prefix_length);
}

/* BALANCE: the second router has three members, one of them silent. */
static size_t shares(void *context, const struct router *router,
		     struct status_share list[SLOTS_MEMBERS_MAX])
{
	(void)context;
	if (router != node.engine.routers[1])
		return 0;
	list[0] = (struct status_share){.address = ip("fe80::1"),
					.self = true,
					.live = true,
					.slots = 1024,
					.connections = 42};
	list[1] = (struct status_share){
		.address = ip("fe80::2"), .live = true, .slots = 1024, .connections = -1};
	list[2] =
		(struct status_share){.address = ip("fe80::3"), .lingers = true, .connections = -1};
	return 3;
}

static void make_node(void)
{
	node = (struct node){.conf = calloc(1, sizeof(*node.conf)), .now = {1000}};
	ck_assert_ptr_nonnull(node.conf);
	conf_init(node.conf);
	add_instance("apiserver", "10.10.10.10");
	add_instance("ingress", "fd00::10");
	track(&node.conf->instances[1], "/run/cpvrrp/maintenance", "eth1");
	fake_io_init(&node.io, "eth0", IFINDEX);
	assign("10.10.10.1", 24);
	assign("fe80::1", 64);
	engine_init(&node.engine, &node.io.engine_io, 3, 2);
	node_reload(NODE_ROUTERS);
	node.source = (struct status_source){.conf = node.conf,
					     .engine = &node.engine,
					     .health = &node.engine.health,
					     .probes = &node.probes,
					     .balance = &node.balance,
					     .shares = shares,
					     .started = {0},
					     .loop_late_max_us = 1500};
	node.balance = (struct status_balance){.on = true,
					       .rules = STATUS_RULES_FAILED,
					       .reason = "Operation not permitted",
					       .failures = 5,
					       .lost = 2};
	node.confinement = (struct confinement){.known = true,
						.capabilities = 1 << 12 | 1 << 13,
						.no_new_privs = true,
						.seccomp = CONFINE_SECCOMP_FILTER,
						.landlock = 6};
}

void node_setup(void)
{
	make_node();
	node_link(0, true);
	node_link(1, true);
	node.now = (struct instant){8 * MINUTE_US};
	node_probe(HEALTH_OK, 200, 3100, "");
	for (int64_t us = 9 * MINUTE_US; us < 10 * MINUTE_US; us += ADVERT_INT_US) {
		node.now = (struct instant){us};
		node_hear(1, "fe80::2", 177);
		node_timers();
	}
	node.now = (struct instant){10 * MINUTE_US - 100 * MILLISECOND_US};
	node_hear(0, "10.10.10.2", 177);
	node.now = (struct instant){10 * MINUTE_US};
	node.routers[0]->counters.adverts_sent = 42;
	node.routers[0]->claims.count = 12;
	node.routers[0]->claims.last =
		(struct neigh_claim){.address = ip("10.10.10.10"), .mac = {2, 0, 0, 0, 0, 0xfe}};
	node.routers[0]->claims.at = (struct instant){10 * MINUTE_US - 30 * SECOND_US};
	node.routers[0]->counters.rejected[ADVERT_CHECKSUM_WRONG] = 7;
	node.engine.rejected[ADVERT_UNKNOWN_VRID] = 3;
}

void node_teardown(void)
{
	engine_fini(&node.engine);
	free(node.conf);
}

char *node_printed(char *(*print)(const struct status *status))
{
	struct status status;
	char *text;

	ck_assert_int_eq(status_take(&node.source, node.now, &status), 0);
	status.pid = 4711;
	status.wall = (struct timespec){.tv_sec = 1795379467, .tv_nsec = 123456789};
	status.confinement = node.confinement;
	text = print(&status);
	ck_assert_ptr_nonnull(text);
	status_free(&status);
	return text;
}

json_t *node_parsed(void)
{
	char *text = node_printed(status_json);
	json_error_t error;
	json_t *root;

	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(root != NULL, "%s", error.text);
	free(text);
	return root;
}
