/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "core/reload.h"

struct world w;

struct instant at(int64_t us)
{
	return (struct instant){us};
}

/* ---- What the engine asks for ---- */

static void append(char *log, const char *text)
{
	size_t used = strlen(log);

	ck_assert_uint_lt(used + strlen(text) + 2, sizeof(w.log));
	if (used > 0)
		strcat(log, " ");
	strcat(log, text);
}

static void append_remove(const struct fake_call *call)
{
	char text[ADDR_TEXT_SIZE];
	char line[2048] = "REMOVE(";

	for (size_t i = 0; i < call->remove.count; i++) {
		strcat(line, i == 0 ? "" : " ");
		strcat(line, addr_format(&call->remove.addresses[i], text));
	}
	strcat(line, ")");
	append(w.log, line);
}

static void append_notify(const struct fake_call *call)
{
	const struct vrrp_transition *what = &call->transition->what;
	char text[128];

	ck_assert_int_eq(what->to, call->router->vrrp.state);
	snprintf(text, sizeof(text), "NOTIFY(%s %s)", vrrp_state_name(what->to),
		 vrrp_why_name(what->reason, what->fault));
	append(w.log, text);
}

static void append_trace(const struct fake_call *call)
{
	static const char *const names[ENGINE_TRACE_COUNT] = {
		[ENGINE_TRACE_REFUSED] = "refused",
		[ENGINE_TRACE_INTERVAL_DIFFERS] = "interval",
		[ENGINE_TRACE_ADDRESSES_DIFFER] = "addresses",
		[ENGINE_TRACE_PRIORITY_OWNER] = "owner",
		[ENGINE_TRACE_DOUBTED] = "doubted",
		[ENGINE_TRACE_STRANGER] = "stranger",
		[ENGINE_TRACE_READDED] = "readded",
		[ENGINE_TRACE_REMOVED] = "removed",
		[ENGINE_TRACE_CLAIMED] = "claimed",
	};
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s", names[call->trace.what],
		 call->trace.what == ENGINE_TRACE_REFUSED ? ":" : "",
		 call->trace.what == ENGINE_TRACE_REFUSED ? advert_refusal_name(call->trace.refusal)
							  : "");
	append(w.traces, text);
}

/* BANDS: an advert carries 0, 1, or the router's place in a band. */
static bool is_priority_of(const struct router *router, uint8_t priority)
{
	uint8_t ready = router_ready_priority(router);

	return priority <= PRIORITY_LEAVING ||
	       priority == priority_in_band(ready, PRIORITY_BAND_DOWN) ||
	       priority == priority_in_band(ready, PRIORITY_BAND_ANSWERING) ||
	       priority == priority_in_band(ready, PRIORITY_BAND_READY);
}

static void write_down(struct fake_io *io, const struct fake_call *call)
{
	char text[32];

	ck_assert_ptr_eq(io, &w.io);
	switch (call->type) {
	case FAKE_CALL_SEND:
		ck_assert(is_priority_of(call->router, call->send.bytes[2]));
		snprintf(text, sizeof(text), "SEND%s(%u)", call->failed ? "!" : "",
			 call->send.bytes[2]);
		append(w.log, text);
		break;
	case FAKE_CALL_STATUS:
		snprintf(text, sizeof(text), "STATUS%s(%u)", call->failed ? "!" : "",
			 call->send.bytes[2]);
		append(w.log, text);
		break;
	case FAKE_CALL_ADD:
		append(w.log, call->failed ? "ADD!" : "ADD");
		break;
	case FAKE_CALL_REMOVE:
		append_remove(call);
		break;
	case FAKE_CALL_ANNOUNCE:
		append(w.log, call->failed ? "ANNOUNCE!" : "ANNOUNCE");
		break;
	case FAKE_CALL_NOTIFY:
		append_notify(call);
		break;
	case FAKE_CALL_TRACE:
		append_trace(call);
		break;
	case FAKE_CALL_STATUS_REFUSED:
		append(w.traces, "status:");
		strcat(w.traces, group_status_refusal_name(call->status_refused.refusal));
		break;
	}
}

const char *take(void)
{
	static char text[sizeof(w.log)];

	strcpy(text, w.log);
	w.log[0] = '\0';
	return text;
}

const char *take_traces(void)
{
	static char text[sizeof(w.traces)];

	strcpy(text, w.traces);
	w.traces[0] = '\0';
	return text;
}

static void assert_routers(void)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		router_assert(w.engine.routers[i]);
}

void set_up(void)
{
	memset(&w, 0, sizeof(w));
	fake_io_init(&w.io, "eth0", 2);
	w.io.after = write_down;
	w.conf = calloc(1, sizeof(*w.conf));
	ck_assert_ptr_nonnull(w.conf);
	w.conf->address_lease_s = 6;
	w.conf->announce_refresh_s = 30;
	w.now = at(T0);
	assign("10.0.0.2", 24);
	engine_init(&w.engine, &w.io.engine_io, 3, 2);
}

void tear_down(void)
{
	engine_fini(&w.engine);
	free(w.conf);
}

/* ---- The configuration ---- */

void add_vip(struct conf_instance *instance, const char *text)
{
	instance->addresses[instance->address_count++] = ip(text);
}

void add_peer(struct conf_instance *instance, const char *text)
{
	instance->unicast = true;
	instance->peers[instance->peer_count++] = ip(text);
}

struct conf_instance *add_instance(const char *name, uint8_t vrid)
{
	struct conf_instance *instance = &w.conf->instances[w.conf->instance_count++];

	strcpy(instance->name, name);
	strcpy(instance->interface, "eth0");
	instance->virtual_router_id = vrid;
	instance->priority = 200;
	instance->advert_int_cs = 100;
	return instance;
}

struct conf_instance *add_apiserver(void)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	add_vip(instance, "10.10.10.10");
	return instance;
}

struct conf_instance *add_unicast(void)
{
	struct conf_instance *instance = add_apiserver();

	add_peer(instance, "10.0.0.1");
	add_peer(instance, "10.0.0.2");
	add_peer(instance, "10.0.0.3");
	return instance;
}

bool try_configure(int64_t us)
{
	static struct router_settings settings[CONF_INSTANCES_MAX];
	bool done;

	w.now = at(us);
	for (size_t i = 0; i < w.conf->instance_count; i++)
		settings_of_instance(w.conf, i, &settings[i]);
	done = reload_routers(&w.engine, w.now, settings, w.conf->instance_count);
	assert_routers();
	return done;
}

void configure(int64_t us)
{
	ck_assert(try_configure(us));
}

/* ---- The interface ---- */

void assign(const char *text, uint8_t prefix_length)
{
	struct addr address = ip(text);

	fake_io_assign(&w.io, &address, prefix_length);
}

void unassign(const char *text)
{
	struct addr address = ip(text);

	fake_io_unassign(&w.io, &address);
}

bool has(const char *text)
{
	struct addr address = ip(text);

	return fake_io_find(&w.io, &address);
}

void set_flags(const char *text, const char *flags)
{
	struct addr address = ip(text);
	struct interface_address *shown = &fake_io_find(&w.io, &address)->shown;

	shown->deprecated = strchr(flags, 'd');
	shown->tentative = strchr(flags, 't');
	shown->duplicate = strchr(flags, 'D');
	shown->vip = strchr(flags, 'v');
}

void set_created(const char *text, uint32_t when)
{
	struct addr address = ip(text);

	fake_io_find(&w.io, &address)->shown.created = when;
}

void replace_first(const char *text)
{
	w.io.addresses[0].shown.address = ip(text);
	w.io.changed = true;
}

void link_down(void)
{
	w.io.up = false;
}

void no_interface(void)
{
	w.io.index = 0;
	w.io.up = false;
	w.io.address_count = 0;
}

/* TENURE has tests of its own: in the others every router has listened for long. */
static void let_listen(void)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		w.engine.routers[i]->vrrp.listens_from = at(-1000 * SECOND_US);
}

void netlink(void)
{
	static struct interface shown;

	fake_io_show(&w.io, &shown);
	for (size_t i = 0; i < w.engine.router_count; i++)
		if (strcmp(w.engine.routers[i]->settings.interface, "eth1") != 0)
			engine_interface(&w.engine, w.now, w.engine.routers[i], &shown);
	let_listen();
	assert_routers();
}

void netlink_of(const struct interface *interface)
{
	for (size_t i = 0; i < w.engine.router_count; i++)
		if (strcmp(w.engine.routers[i]->settings.interface, interface->name) == 0)
			engine_interface(&w.engine, w.now, w.engine.routers[i], interface);
	let_listen();
	assert_routers();
}

void set_socket(struct router *router, bool open)
{
	engine_socket(&w.engine, w.now, router, open);
	let_listen();
	assert_routers();
}

/* ---- Time and events ---- */

void timers(bool drained)
{
	engine_timers(&w.engine, w.now, drained);
	assert_routers();
}

void turn(int64_t us)
{
	w.now = at(us);
	if (w.io.changed)
		netlink();
	timers(true);
}

void run(int64_t us)
{
	for (int i = 0; engine_deadline(&w.engine).us <= us; i++) {
		int64_t due_us = engine_deadline(&w.engine).us;

		ck_assert_int_lt(i, 10000);
		turn(due_us > w.now.us ? due_us : w.now.us);
	}
	w.now = at(us);
}

void probe_answers(enum health_result result)
{
	engine_probe_result(&w.engine, w.now, result);
	assert_routers();
}

void step_down(int64_t hold_us)
{
	engine_step_down(&w.engine, w.now, hold_us);
	assert_routers();
}

void shut_down(void)
{
	engine_shutdown(&w.engine, w.now);
	assert_routers();
}

void start_engine(void)
{
	configure(T0);
	netlink();
}

void start_backup(void)
{
	add_apiserver();
	start_engine();
	ck_assert_ptr_nonnull(find(10));
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	take();
	take_traces();
}

void run_active(void)
{
	run(ACTIVE_AT);
	for (size_t i = 0; i < w.engine.router_count; i++)
		ck_assert_int_eq(w.engine.routers[i]->vrrp.state, VRRP_STATE_ACTIVE);
	run(ACTIVE_AT + 250 * MILLISECOND_US);
	netlink();
	take();
	take_traces();
}

void start_active(void)
{
	start_backup();
	run_active();
}

/* ---- Packets ---- */

struct advert_fields fields_of(uint8_t host, uint8_t priority)
{
	static struct addr vip;
	char source[16];

	vip = ip("10.10.10.10");
	snprintf(source, sizeof(source), "10.0.0.%u", host);
	return (struct advert_fields){
		.vrid = 10,
		.priority = priority,
		.interval_cs = 100,
		.address_count = 1,
		.addresses = &vip,
		.source = ip(source),
		.destination = advert_group(ADDR_FAMILY_IPV4),
	};
}

struct advert_fields fields6(const struct addr *addresses, uint8_t count, uint8_t priority)
{
	return (struct advert_fields){
		.vrid = 10,
		.priority = priority,
		.interval_cs = 100,
		.address_count = count,
		.addresses = addresses,
		.source = ip("fe80::3"),
		.destination = advert_group(ADDR_FAMILY_IPV6),
	};
}

void receive(int ifindex, int64_t us, const struct packet *packet)
{
	w.now = at(us);
	engine_packet(&w.engine, w.now, ifindex, packet);
	assert_routers();
}

void deliver_on(int ifindex, int64_t us, const struct advert_fields *fields)
{
	uint8_t bytes[ADVERT_SIZE_MAX];
	size_t size = advert_encode(fields, bytes, sizeof(bytes));
	/* No longer than the packet, so that sanitizers notice a read behind it. */
	uint8_t *data = malloc(size);
	const struct packet packet = {.source = fields->source,
				      .destination = fields->destination,
				      .hops = ADVERT_HOPS,
				      .data = data,
				      .size = size};

	ck_assert_uint_ne(size, 0);
	ck_assert_ptr_nonnull(data);
	memcpy(data, bytes, size);
	receive(ifindex, us, &packet);
	free(data);
}

void deliver(int64_t us, const struct advert_fields *fields)
{
	deliver_on(2, us, fields);
}

void hear(int64_t us, uint8_t host, uint8_t priority)
{
	struct advert_fields fields = fields_of(host, priority);

	deliver(us, &fields);
}

const struct fake_sent *last_sent(void)
{
	ck_assert_uint_gt(w.io.sent_count, 0);
	return fake_io_last_sent(&w.io);
}

struct advert decode(const struct fake_sent *sent)
{
	const struct packet packet = {.source = sent->source,
				      .destination = sent->destination,
				      .hops = ADVERT_HOPS,
				      .data = sent->bytes,
				      .size = sent->size};
	struct advert advert;

	ck_assert_int_eq(advert_decode(&packet, &advert), ADVERT_OK);
	return advert;
}

/* ---- Routers ---- */

struct router *find(uint8_t vrid)
{
	return engine_find(&w.engine, 2, ADDR_FAMILY_IPV4, vrid);
}

struct router *find6(uint8_t vrid)
{
	return engine_find(&w.engine, 2, ADDR_FAMILY_IPV6, vrid);
}

struct router snapshot(const struct router *router)
{
	struct router copy;

	memcpy(&copy, router, sizeof(copy));
	memset(copy.counters.rejected, 0, sizeof(copy.counters.rejected));
	memset(copy.group.counters.rejected, 0, sizeof(copy.group.counters.rejected));
	copy.next_same_vrid = NULL;
	return copy;
}

/* The values of the configuration are compared by value, as a reload may copy them again; of the
 * rest every byte is, so that no field is forgotten. */
bool unchanged(const struct router *before, const struct router *router)
{
	struct router a, b = snapshot(router);
	bool equal = router_settings_equal(&before->settings, &b.settings) &&
		     vrrp_config_equal(&before->vrrp.config, &b.vrrp.config);

	memcpy(&a, before, sizeof(a));
	memset(&a.settings, 0, sizeof(a.settings));
	memset(&b.settings, 0, sizeof(b.settings));
	memset(&a.vrrp.config, 0, sizeof(a.vrrp.config));
	memset(&b.vrrp.config, 0, sizeof(b.vrrp.config));
	return equal && memcmp(&a, &b, sizeof(a)) == 0;
}

uint64_t sum(const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	uint64_t total = 0;

	for (int i = 0; i < ADVERT_REFUSAL_COUNT; i++)
		total += rejected[i];
	return total;
}
