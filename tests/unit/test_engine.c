/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All virtual routers of a node over a host that records what it is told and keeps an interface as
 * the kernel would; packets are real ones. eth0 has index 2 and 10.0.0.2/24; the instance
 * "apiserver" has VRID 10, priority 200, advert_int 1 s and the VIP 10.10.10.10, and is always
 * ready unless a test says otherwise.
 */
#include "unit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"

#define SECOND 1000000
#define T0 (10 * SECOND)
#define DOWN 3218750	     /* Active_Down_Interval at priority 200 */
#define DOWN_UNREADY 3820312 /* at 46 */
#define SKEW 218750
#define ACTIVE_AT (T0 + DOWN)
#define SENT_MAX 64

struct sent {
	const struct router *router;
	struct addr source, destination;
	uint8_t bytes[ADVERT_SIZE_MAX];
	size_t size;
	uint8_t priority;
};

/* The world as the engine sees it. */
/* The linker lets the program's calls of calloc() come here. */
static unsigned allocations_left = UINT_MAX;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (allocations_left != UINT_MAX && allocations_left-- == 0) {
		allocations_left = UINT_MAX;
		return NULL;
	}
	return __real_calloc(count, size);
}

static struct {
	struct host host; /* first: the callbacks get a pointer to it */
	char log[4096];
	char traces[4096];
	unsigned sent_count; /* ever; the last SENT_MAX are kept */
	struct sent sent[SENT_MAX];
	bool add_fails;
	int64_t add_took_us;
	bool send_fails;
	bool announce_fails;
	struct addr unreachable; /* a destination that cannot be sent to */
	struct interface interface;
	bool interface_changed;
	struct engine engine;
	struct conf *conf;
	struct instant now;
} w;

static struct instant at(int64_t us)
{
	return (struct instant){us};
}

static struct addr ip(const char *text)
{
	struct addr addr = {.family = ADDR_FAMILY_IPV4};

	ck_assert_msg(addr_parse(text, &addr), "%s", text);
	return addr;
}

static void append(char *log, const char *text)
{
	const size_t used = strlen(log);

	ck_assert_uint_lt(used + strlen(text) + 2, sizeof(w.log));
	if (used > 0)
		strcat(log, " ");
	strcat(log, text);
}

/* What the host was told since the last call. */
static const char *take(void)
{
	static char text[sizeof(w.log)];

	strcpy(text, w.log);
	w.log[0] = '\0';
	return text;
}

static const char *take_traces(void)
{
	static char text[sizeof(w.traces)];

	strcpy(text, w.traces);
	w.traces[0] = '\0';
	return text;
}

static bool host_send_advert(struct host *host, const struct router *router,
			     const struct addr *source, const struct addr *destination,
			     const uint8_t *bytes, size_t size)
{
	const bool fails = w.send_fails || addr_equal(destination, &w.unreachable);
	struct sent *sent = &w.sent[w.sent_count++ % SENT_MAX];
	char text[32];

	ck_assert_ptr_eq(host, &w.host);
	ck_assert_uint_le(size, sizeof(sent->bytes));
	sent->router = router;
	sent->source = *source;
	sent->destination = *destination;
	memcpy(sent->bytes, bytes, size);
	sent->size = size;
	sent->priority = bytes[2];
	snprintf(text, sizeof(text), "SEND%s(%u)", fails ? "!" : "", bytes[2]);
	append(w.log, text);
	return !fails;
}

static struct interface_address *on_interface(const struct addr *addr)
{
	for (size_t i = 0; i < w.interface.address_count; i++) {
		if (addr_equal(&w.interface.addresses[i].address, addr))
			return &w.interface.addresses[i];
	}
	return NULL;
}

static struct interface_address *assign(const char *text, uint8_t prefix_length)
{
	struct interface_address *slot = &w.interface.addresses[w.interface.address_count++];

	*slot = (struct interface_address){.address = ip(text), .prefix_length = prefix_length};
	w.interface_changed = true;
	return slot;
}

static void unassign(const struct addr *addr)
{
	struct interface_address *found = on_interface(addr);

	if (found == NULL)
		return;
	w.interface.address_count--;
	memmove(found, found + 1,
		(size_t)(&w.interface.addresses[w.interface.address_count] - found) *
			sizeof(*found));
	w.interface_changed = true;
}

static void unassign_text(const char *text)
{
	const struct addr addr = ip(text);

	unassign(&addr);
}

static bool is_renewal(const struct router *router)
{
	for (size_t i = 0; i < router->address_count; i++)
		if (!router->present[i])
			return false;
	return true;
}

static bool host_add(struct host *host, const struct router *router, int64_t *ret_took_us)
{
	(void)host;
	append(w.log, w.add_fails ? "ADD!" : "ADD");
	*ret_took_us = w.add_took_us;
	if (w.add_fails)
		return is_renewal(router);
	for (size_t i = 0; i < router->address_count; i++) {
		char text[ADDR_TEXT_SIZE];

		if (on_interface(&router->addresses[i]) != NULL)
			continue;
		/* LEASE: preferred_lft 0. */
		assign(addr_format(&router->addresses[i], text), (uint8_t)addr_bits(router->family))
			->deprecated = true;
	}
	return true;
}

static void host_remove(struct host *host, const struct router *router,
			const struct addr *addresses, size_t count)
{
	char text[ADDR_TEXT_SIZE];
	char line[2048] = "REMOVE(";

	(void)host;
	(void)router;
	for (size_t i = 0; i < count; i++) {
		strcat(line, i == 0 ? "" : " ");
		strcat(line, addr_format(&addresses[i], text));
		unassign(&addresses[i]);
	}
	strcat(line, ")");
	append(w.log, line);
}

static bool host_announce(struct host *host, const struct router *router)
{
	(void)host;
	(void)router;
	append(w.log, "ANNOUNCE");
	return !w.announce_fails;
}

static void host_notify(struct host *host, const struct router *router,
			const struct router_transition *transition)
{
	char text[128];

	(void)host;
	ck_assert_int_eq(transition->to, router->vrrp.state);
	snprintf(text, sizeof(text), "NOTIFY(%s %s)", vrrp_state_name(transition->to),
		 vrrp_reason_name(transition->reason));
	append(w.log, text);
}

static void host_trace(struct host *host, const struct router *router, enum engine_trace what,
		       enum advert_refusal refusal, const struct packet *packet)
{
	static const char *const names[] = {"refused", "interval", "addresses",
					    "owner",   "readded",  "removed"};
	char text[64];

	(void)host;
	(void)router;
	if (what == ENGINE_TRACE_REFUSED) {
		ck_assert_ptr_nonnull(packet);
		snprintf(text, sizeof(text), "refused:%s", advert_refusal_name(refusal));
	} else {
		ck_assert_int_eq(refusal, ADVERT_OK);
		snprintf(text, sizeof(text), "%s", names[what]);
	}
	append(w.traces, text);
}

/* An empty configuration and eth0 with 10.0.0.2/24. */
static void set_up(void)
{
	memset(&w, 0, sizeof(w));
	w.host = (struct host){.send_advert = host_send_advert,
			       .add = host_add,
			       .remove = host_remove,
			       .announce = host_announce,
			       .notify = host_notify,
			       .trace = host_trace};
	w.conf = calloc(1, sizeof(*w.conf));
	ck_assert_ptr_nonnull(w.conf);
	w.conf->address_lease_s = 6;
	w.conf->announce_refresh_s = 30;
	w.interface = (struct interface){.name = "eth0", .index = 2, .up = true};
	assign("10.0.0.2", 24);
	engine_init(&w.engine, &w.host);
}

static void tear_down(void)
{
	engine_fini(&w.engine);
	free(w.conf);
}

static void add_vip(struct conf_instance *instance, const char *text)
{
	instance->addresses[instance->address_count++] = ip(text);
}

static void add_peer(struct conf_instance *instance, const char *text)
{
	instance->unicast = true;
	instance->peers[instance->peer_count++] = ip(text);
}

static struct conf_instance *add_instance(const char *name, uint8_t vrid)
{
	struct conf_instance *instance = &w.conf->instances[w.conf->instance_count++];

	strcpy(instance->name, name);
	strcpy(instance->interface, "eth0");
	instance->virtual_router_id = vrid;
	instance->priority = 200;
	instance->advert_int_cs = 100;
	return instance;
}

static struct conf_instance *add_apiserver(void)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	add_vip(instance, "10.10.10.10");
	return instance;
}

/* What netlink says, to every router on eth0. */
static void netlink(void)
{
	w.interface_changed = false;
	for (size_t i = 0; i < w.engine.router_count; i++) {
		if (strcmp(w.engine.routers[i]->interface, "eth1") != 0)
			engine_interface(&w.engine, w.now, w.engine.routers[i], &w.interface);
	}
}

static void configure(int64_t us)
{
	w.now = at(us);
	ck_assert(engine_configure(&w.engine, w.now, w.conf));
}

static void start(void)
{
	configure(T0);
	netlink();
}

static struct router *find(uint8_t vrid)
{
	return engine_find(&w.engine, 2, ADDR_FAMILY_IPV4, vrid);
}

static struct router *find6(uint8_t vrid)
{
	return engine_find(&w.engine, 2, ADDR_FAMILY_IPV6, vrid);
}

/* A turn of the loop with empty sockets. */
static void turn(int64_t us)
{
	w.now = at(us);
	if (w.interface_changed)
		netlink();
	engine_timers(&w.engine, w.now, true);
}

/* Every turn that is due until then. */
static void run(int64_t us)
{
	for (int i = 0; engine_deadline(&w.engine).us <= us; i++) {
		ck_assert_int_lt(i, 10000);
		turn(engine_deadline(&w.engine).us > w.now.us ? engine_deadline(&w.engine).us
							      : w.now.us);
	}
	w.now = at(us);
}

static void start_backup(void)
{
	add_apiserver();
	start();
	ck_assert_ptr_nonnull(find(10));
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	take();
	take_traces();
}

/* Active since ACTIVE_AT; the clock is 250 ms later. */
static void run_active(void)
{
	run(ACTIVE_AT);
	for (size_t i = 0; i < w.engine.router_count; i++)
		ck_assert_int_eq(w.engine.routers[i]->vrrp.state, VRRP_STATE_ACTIVE);
	run(ACTIVE_AT + 250000);
	netlink();
	take();
	take_traces();
}

static void start_active(void)
{
	start_backup();
	run_active();
}

/* An advert of 10.0.0.host for the instance "apiserver". */
static struct advert_fields fields_of(uint8_t host, uint8_t priority)
{
	static struct addr vip;
	struct advert_fields fields = {
		.vrid = 10,
		.priority = priority,
		.interval_cs = 100,
		.address_count = 1,
		.addresses = &vip,
		.destination = advert_group(ADDR_FAMILY_IPV4),
	};
	char source[16];

	vip = ip("10.10.10.10");
	snprintf(source, sizeof(source), "10.0.0.%u", host);
	fields.source = ip(source);
	return fields;
}

static void deliver_on(int ifindex, int64_t us, const struct advert_fields *fields)
{
	uint8_t bytes[ADVERT_SIZE_MAX];
	const size_t size = advert_encode(fields, bytes, sizeof(bytes));
	/* No longer than the packet, so that sanitizers notice what is read behind it. */
	uint8_t *data = malloc(size);
	const struct packet packet = {.source = fields->source,
				      .destination = fields->destination,
				      .hops = 255,
				      .data = data,
				      .size = size};

	ck_assert_uint_ne(size, 0);
	memcpy(data, bytes, size);
	w.now = at(us);
	engine_packet(&w.engine, w.now, ifindex, &packet);
	free(data);
}

static void deliver(int64_t us, const struct advert_fields *fields)
{
	deliver_on(2, us, fields);
}

static void hear(int64_t us, uint8_t host, uint8_t priority)
{
	const struct advert_fields fields = fields_of(host, priority);

	deliver(us, &fields);
}

static const struct sent *last_sent(void)
{
	ck_assert_uint_gt(w.sent_count, 0);
	return &w.sent[(w.sent_count - 1) % SENT_MAX];
}

static struct advert decode(const struct sent *sent)
{
	const struct packet packet = {.source = sent->source,
				      .destination = sent->destination,
				      .hops = 255,
				      .data = sent->bytes,
				      .size = sent->size};
	struct advert advert;

	ck_assert_int_eq(advert_decode(&packet, &advert), ADVERT_OK);
	return advert;
}

#define ck_assert_addr_eq(a, text)                                                                 \
	do {                                                                                       \
		char addr_text[ADDR_TEXT_SIZE];                                                    \
		const struct addr addr_value = (a);                                                \
		ck_assert_str_eq(addr_format(&addr_value, addr_text), text);                       \
	} while (0)

/* Every byte of a router but the refusals it counted, its place in the index and padding. */
static struct router snapshot(const struct router *router)
{
	const struct vrrp_config *config = &router->vrrp.config;
	struct vrrp_config *packed;
	struct router copy;

	memcpy(&copy, router, sizeof(copy));
	memset(copy.counters.rejected, 0, sizeof(copy.counters.rejected));
	copy.next_same_vrid = NULL;
	packed = &copy.vrrp.config;
	memset(packed, 0, sizeof(*packed));
	packed->preempt = config->preempt;
	packed->advert_int_cs = config->advert_int_cs;
	packed->preempt_delay_us = config->preempt_delay_us;
	packed->address_refresh_us = config->address_refresh_us;
	packed->announce_refresh_us = config->announce_refresh_us;
	return copy;
}

static bool unchanged(const struct router *before, const struct router *router)
{
	const struct router after = snapshot(router);

	return memcmp(before, &after, sizeof(after)) == 0;
}

static void no_fields(struct advert_fields *fields)
{
	(void)fields;
}

static void interval_zero(struct advert_fields *fields)
{
	fields->interval_cs = 0;
}

static void other_vrid(struct advert_fields *fields)
{
	fields->vrid = 99;
}

static void own_source(struct advert_fields *fields)
{
	fields->source = ip("10.0.0.2");
}

static void stranger(struct advert_fields *fields)
{
	fields->source = ip("10.0.0.9");
}

static void foreign_addresses(struct advert_fields *fields)
{
	static struct addr foreign[2];

	foreign[0] = ip("10.10.10.11");
	foreign[1] = ip("10.10.10.12");
	fields->addresses = foreign;
	fields->address_count = 2;
}

static void interval_excessive(struct advert_fields *fields)
{
	fields->interval_cs = 1001;
}

static void no_bytes(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	(void)bytes;
}

static void oversized(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->oversized = true;
}

static void hops(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->hops = 254;
}

static void truncated(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->size = 7;
}

static void version(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	bytes[0] = 0x21;
}

static void type(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	bytes[0] = 0x32;
}

static void no_addresses(struct packet *packet, uint8_t *bytes)
{
	bytes[3] = 0;
	packet->size = 8;
}

static void too_short(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->size -= 4;
}

static void too_long(struct packet *packet, uint8_t *bytes)
{
	(void)bytes;
	packet->size += 4;
}

static void checksum(struct packet *packet, uint8_t *bytes)
{
	(void)packet;
	bytes[6] ^= 1;
}

static const struct {
	enum advert_refusal refusal;
	void (*fields)(struct advert_fields *fields);
	void (*bytes)(struct packet *packet, uint8_t *bytes);
	bool of_no_router;
} refusals[] = {
	{ADVERT_OVERSIZED, no_fields, oversized, false},
	{ADVERT_HOPS_WRONG, no_fields, hops, false},
	{ADVERT_TRUNCATED, no_fields, truncated, false},
	{ADVERT_VERSION_WRONG, no_fields, version, false},
	{ADVERT_TYPE_WRONG, no_fields, type, false},
	{ADVERT_ADDRESSES_NONE, no_fields, no_addresses, false},
	{ADVERT_LENGTH_WRONG, no_fields, too_short, false},
	{ADVERT_LENGTH_WRONG, no_fields, too_long, false},
	{ADVERT_CHECKSUM_WRONG, no_fields, checksum, false},
	{ADVERT_INTERVAL_ZERO, interval_zero, no_bytes, false},
	{ADVERT_UNKNOWN_VRID, other_vrid, no_bytes, true},
	{ADVERT_UNKNOWN_VRID, other_vrid, checksum, true}, /* whatever else is wrong with it */
	{ADVERT_SOURCE_OWN, own_source, no_bytes, false},
	{ADVERT_SOURCE_NOT_PEER, stranger, no_bytes, false},
	{ADVERT_ADDRESSES_FOREIGN, foreign_addresses, no_bytes, false},
	{ADVERT_INTERVAL_EXCESSIVE, interval_excessive, no_bytes, false},
};

static uint64_t sum(const uint64_t rejected[ADVERT_REFUSAL_COUNT])
{
	uint64_t total = 0;

	for (int i = 0; i < ADVERT_REFUSAL_COUNT; i++)
		total += rejected[i];
	return total;
}

/* REJECT: nothing changes but a counter; in Backup (even rows) and Active. */
START_TEST(test_refusal)
{
	const size_t row = (size_t)_i / 2;
	struct conf_instance *instance = add_apiserver();
	struct advert_fields fields = fields_of(3, 220);
	uint8_t bytes[ADVERT_SIZE_MAX] = {0};
	struct packet packet = {.destination = fields.destination, .hops = 255, .data = bytes};
	struct router before;
	struct instant deadline;
	const uint64_t *counted;
	char expected[64];

	if (refusals[row].refusal == ADVERT_SOURCE_NOT_PEER) {
		add_peer(instance, "10.0.0.2");
		add_peer(instance, "10.0.0.3");
	}
	start();
	if (_i % 2 == 1)
		run_active();
	refusals[row].fields(&fields);
	packet.source = fields.source;
	packet.size = advert_encode(&fields, bytes, sizeof(bytes));
	refusals[row].bytes(&packet, bytes);

	take();
	take_traces();
	before = snapshot(find(10));
	deadline = engine_deadline(&w.engine);
	engine_packet(&w.engine, at(w.now.us + 1000), 2, &packet);

	ck_assert(unchanged(&before, find(10)));
	ck_assert_int_eq(engine_deadline(&w.engine).us, deadline.us);
	ck_assert_str_eq(take(), "");
	snprintf(expected, sizeof(expected), "refused:%s",
		 refusals[row].of_no_router ? "unknown_vrid"
					    : advert_refusal_name(refusals[row].refusal));
	/* The words of a packet that belongs to no router are those of the check it fails first. */
	if (!refusals[row].of_no_router || refusals[row].bytes == no_bytes)
		ck_assert_str_eq(take_traces(), expected);
	counted = refusals[row].of_no_router ? w.engine.rejected : find(10)->counters.rejected;
	ck_assert_uint_eq(sum(w.engine.rejected) + sum(find(10)->counters.rejected), 1);
	ck_assert_uint_eq(sum(counted), 1);
	if (!refusals[row].of_no_router || refusals[row].bytes == no_bytes)
		ck_assert_uint_eq(counted[refusals[row].refusal], 1);
}
END_TEST

/* The packet that the rows above break is a good one. */
START_TEST(test_accepted)
{
	start_backup();
	hear(T0 + SECOND, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.active_down.us, T0 + SECOND + DOWN);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(sum(find(10)->counters.rejected), 0);
	ck_assert_uint_eq(find(10)->counters.interval_differs, 0);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 0);
	ck_assert_uint_eq(find(10)->counters.checksum_rfc5798_received, 0);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

START_TEST(test_dispatch)
{
	struct conf_instance *instance;
	struct interface eth1 = {.name = "eth1", .index = 3, .up = true, .address_count = 1};
	const struct router *other_vrid_router, *other_interface;
	struct advert_fields fields = fields_of(3, 220);

	add_apiserver();
	instance = add_instance("second", 11);
	add_vip(instance, "10.10.10.10");
	instance = add_instance("third", 10);
	strcpy(instance->interface, "eth1");
	add_vip(instance, "10.10.10.10");
	start();
	ck_assert_uint_eq(w.engine.router_count, 3);
	eth1.addresses[0].address = ip("10.0.0.4");
	eth1.addresses[0].prefix_length = 24;
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(w.engine.routers[i]->interface, "eth1") == 0)
			engine_interface(&w.engine, w.now, w.engine.routers[i], &eth1);
	}
	other_vrid_router = find(11);
	other_interface = engine_find(&w.engine, 3, ADDR_FAMILY_IPV4, 10);
	ck_assert_str_eq(find(10)->instance, "apiserver");
	ck_assert_str_eq(other_vrid_router->instance, "second");
	ck_assert_str_eq(other_interface->instance, "third");
	ck_assert_ptr_null(engine_find(&w.engine, 3, ADDR_FAMILY_IPV4, 11));
	ck_assert_ptr_null(engine_find(&w.engine, 2, ADDR_FAMILY_IPV6, 10));
	ck_assert_ptr_null(engine_find(&w.engine, 9, ADDR_FAMILY_IPV4, 10));

	deliver_on(2, T0 + SECOND, &fields);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	deliver_on(3, T0 + SECOND, &fields);
	ck_assert_uint_eq(other_interface->counters.adverts_received, 1);
	fields.vrid = 11;
	deliver_on(2, T0 + SECOND, &fields);
	ck_assert_uint_eq(other_vrid_router->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(other_interface->counters.adverts_received, 1);

	deliver_on(3, T0 + SECOND, &fields);
	deliver_on(9, T0 + SECOND, &fields);
	ck_assert_uint_eq(w.engine.rejected[ADVERT_UNKNOWN_VRID], 2);
}
END_TEST

static struct advert_fields fields6(const struct addr *addresses, uint8_t count, uint8_t priority)
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

/* Both families of an instance are two virtual routers with the same VRID. */
START_TEST(test_dispatch_by_family)
{
	const struct addr vip6[2] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::100")};
	const struct advert_fields six = fields6(vip6, 2, 220);

	assign("fe80::2", 64);
	add_vip(add_apiserver(), "2001:db8::100");
	start();
	ck_assert_uint_eq(w.engine.router_count, 2);
	deliver(T0 + SECOND, &six);
	ck_assert_uint_eq(find6(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 0);
	hear(T0 + SECOND, 3, 220);
	ck_assert_uint_eq(find6(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
}
END_TEST

/* BOUNDS: 1 cs to ten times our own, both included. */
START_TEST(test_bounds_interval)
{
	static const struct {
		uint16_t own_cs, theirs_cs;
		bool accepted;
	} cases[] = {{100, 1, true},  {100, 1000, true}, {100, 1001, false},
		     {25, 250, true}, {25, 251, false},	 {1, 10, true},
		     {1, 11, false},  {410, 4095, true}, {409, 4091, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct advert_fields fields = fields_of(3, 220);

		tear_down();
		set_up();
		add_apiserver()->advert_int_cs = cases[i].own_cs;
		start();
		fields.interval_cs = cases[i].theirs_cs;
		deliver(T0 + 1, &fields);
		ck_assert_uint_eq(find(10)->counters.adverts_received, cases[i].accepted);
		ck_assert_uint_eq(find(10)->vrrp.active_adver_interval_cs,
				  cases[i].accepted ? cases[i].theirs_cs : cases[i].own_cs);
		ck_assert_uint_eq(find(10)->counters.interval_differs, cases[i].accepted);
		if (cases[i].accepted)
			ck_assert_str_eq(take_traces(), "interval");
	}
}
END_TEST

/* BOUNDS: one address in common is enough; RFC 9568 7.1: a difference is logged. */
START_TEST(test_bounds_addresses)
{
	const struct addr theirs[2] = {ip("10.10.10.99"), ip("10.10.10.10")};
	struct advert_fields fields = fields_of(3, 220);

	start_backup();
	fields.addresses = theirs;
	fields.address_count = 2;
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 1);
	ck_assert_str_eq(take_traces(), "addresses");
}
END_TEST

/* The order of the list says nothing. */
START_TEST(test_address_order)
{
	const struct addr theirs[2] = {ip("10.10.10.11"), ip("10.10.10.10")};
	struct advert_fields fields = fields_of(3, 220);

	add_vip(add_apiserver(), "10.10.10.11");
	start();
	fields.addresses = theirs;
	fields.address_count = 2;
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 0);
	fields.address_count = 1;
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find(10)->counters.addresses_differ, 1);
}
END_TEST

START_TEST(test_checksum_forms)
{
	struct advert_fields fields = fields_of(3, 220);

	start_backup();
	fields.checksum = ADVERT_CHECKSUM_RFC5798;
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find(10)->counters.adverts_received, 1);
	ck_assert_uint_eq(find(10)->counters.checksum_rfc5798_received, 1);
	ck_assert_int_eq(find(10)->vrrp.active_down.us, T0 + SECOND + DOWN);
}
END_TEST

START_TEST(test_priority_owner_is_traced)
{
	start_backup();
	hear(T0 + SECOND, 3, 255);
	ck_assert_str_eq(take_traces(), "owner");
	ck_assert_int_eq(find(10)->vrrp.active_down.us, T0 + SECOND + DOWN);
	hear(T0 + SECOND, 3, 254);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

START_TEST(test_takeover)
{
	struct advert advert;
	const struct router *router;

	start_backup();
	router = find(10);
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT);
	turn(ACTIVE_AT - 1);
	ck_assert_str_eq(take(), "");
	turn(ACTIVE_AT);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)");

	advert = decode(last_sent());
	ck_assert_ptr_eq(last_sent()->router, router);
	ck_assert_addr_eq(last_sent()->source, "10.0.0.2");
	ck_assert_addr_eq(last_sent()->destination, "224.0.0.18");
	ck_assert_uint_eq(advert.vrid, 10);
	ck_assert_uint_eq(advert.interval_cs, 100);
	ck_assert_uint_eq(advert.address_count, 1);
	ck_assert_int_eq(advert.checksum, ADVERT_CHECKSUM_RFC9568);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.10");
	ck_assert_uint_eq(router->counters.adverts_sent, 1);
	ck_assert_uint_eq(router->counters.announcements, 1);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_ACTIVE][VRRP_REASON_ACTIVE_DOWN],
			  1);
	ck_assert_int_eq(router->since.us, ACTIVE_AT);
	ck_assert_int_eq(router->notified, VRRP_STATE_ACTIVE);
	ck_assert(router->present[0]);

	/* The address that netlink now shows is no news. */
	netlink();
	ck_assert_str_eq(take(), "");
	ck_assert(router->present[0]);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_addr_eq(router->primary, "10.0.0.2");
}
END_TEST

START_TEST(test_each_sends_its_own)
{
	struct conf_instance *second;
	struct advert advert;

	add_apiserver();
	second = add_instance("second", 11);
	add_vip(second, "10.10.10.11");
	second->priority = 199;
	second->advert_int_cs = 101;
	start();
	turn(ACTIVE_AT + SECOND);
	ck_assert_uint_eq(w.sent_count, 2);
	advert = decode(&w.sent[0]);
	ck_assert_uint_eq(advert.vrid, 10);
	ck_assert_uint_eq(advert.priority, 200);
	ck_assert_uint_eq(advert.interval_cs, 100);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.10");
	advert = decode(&w.sent[1]);
	ck_assert_uint_eq(advert.vrid, 11);
	ck_assert_uint_eq(advert.priority, 199);
	ck_assert_uint_eq(advert.interval_cs, 101);
	ck_assert_addr_eq(advert_address(&advert, 0), "10.10.10.11");
}
END_TEST

START_TEST(test_zero_priority_counters)
{
	start_active();
	hear(ACTIVE_AT + 300000, 3, 0);
	ck_assert_str_eq(take(), "SEND(200)");
	ck_assert_uint_eq(find(10)->counters.priority_zero_received, 1);
	hear(ACTIVE_AT + 400000, 3, 180);
	ck_assert_uint_eq(find(10)->counters.priority_zero_received, 1);
	engine_shutdown(&w.engine, w.now);
	engine_shutdown(&w.engine, w.now);
	ck_assert_uint_eq(find(10)->counters.priority_zero_sent, 1);
}
END_TEST

START_TEST(test_counters_add_up)
{
	struct advert_fields fields = fields_of(3, 180);

	start_active();
	fields.checksum = ADVERT_CHECKSUM_RFC5798;
	deliver(ACTIVE_AT + 300000, &fields);
	hear(ACTIVE_AT + 400000, 3, 180);
	ck_assert_uint_eq(find(10)->counters.checksum_rfc5798_received, 1);
	engine_step_down(&w.engine, w.now, 100000);
	run(ACTIVE_AT + 10 * SECOND);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.priority_zero_sent, 1);
	ck_assert_uint_eq(find(10)->counters.announce_failures, 0);
	w.announce_fails = true;
	hear(ACTIVE_AT + 10 * SECOND, 3, 180);
	ck_assert_uint_eq(find(10)->counters.announce_failures, 1);
}
END_TEST

/* As many addresses as there can be, and the derived one: every list is full. */
START_TEST(test_full_list)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	struct advert advert;
	char text[32];

	assign("fe80::2", 64);
	for (unsigned i = 0; i < CONF_ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i + 0x100);
		add_vip(instance, text);
	}
	start();
	run_active();
	ck_assert_uint_eq(find6(10)->address_count, ENGINE_ADDRESSES_MAX);
	ck_assert_uint_eq(last_sent()->size, ADVERT_HEADER_SIZE + 16 * ENGINE_ADDRESSES_MAX);
	advert = decode(last_sent());
	ck_assert_addr_eq(advert_address(&advert, CONF_ADDRESSES_MAX), text);
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "");
}
END_TEST

/* SOCKETS FIRST: what the queue holds is heard before the timer is looked at. */
START_TEST(test_advert_before_timer)
{
	start_backup();
	hear(ACTIVE_AT + SECOND, 3, 220);
	engine_timers(&w.engine, w.now, true);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(test_timers_wait_for_the_sockets)
{
	start_backup();
	for (int i = 1; i < ENGINE_UNDRAINED_MAX; i++) {
		engine_timers(&w.engine, at(ACTIVE_AT + i), false);
		ck_assert_str_eq(take(), "");
		ck_assert(instant_due(engine_deadline(&w.engine), at(ACTIVE_AT + i)));
	}
	engine_timers(&w.engine, at(ACTIVE_AT + 10), false);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* Only turns in a row count. */
START_TEST(test_a_drained_turn_begins_anew)
{
	start_backup();
	engine_timers(&w.engine, at(T0 + 1), false);
	engine_timers(&w.engine, at(T0 + 2), false);
	engine_timers(&w.engine, at(T0 + 3), true);
	for (int i = 1; i < ENGINE_UNDRAINED_MAX; i++) {
		engine_timers(&w.engine, at(ACTIVE_AT + i), false);
		ck_assert_str_eq(take(), "");
	}
	engine_timers(&w.engine, at(ACTIVE_AT + 5), true);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

START_TEST(test_overslept)
{
	start_active();
	run(ACTIVE_AT + 6 * SECOND);
	take();
	hear(ACTIVE_AT + 20 * SECOND, 3, 160);
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Backup overslept)");
}
END_TEST

/* Who waited for the kernel has not slept: the advert behind the addresses is as late as they are.
 */
START_TEST(test_waited_for_the_kernel)
{
	start_backup();
	w.add_took_us = 5 * SECOND;
	run(ACTIVE_AT);
	w.add_took_us = 0;
	take();
	ck_assert_int_eq(find(10)->vrrp.adver.us, ACTIVE_AT + 6 * SECOND);
	hear(ACTIVE_AT + 5 * SECOND, 3, 160);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	hear(ACTIVE_AT + 5 * SECOND + DOWN + 1000, 3, 160);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(find(10)->vrrp.reason, VRRP_REASON_OVERSLEPT);
}
END_TEST

/* Nor may it be silent for longer than it had to: the others count from its last advert. */
START_TEST(test_waited_between_adverts)
{
	start_active();
	run(ACTIVE_AT + 2 * SECOND);
	unassign_text("10.10.10.10");
	w.now.us += SECOND / 4;
	netlink();
	w.add_took_us = 5 * SECOND / 2;
	take();
	engine_timers(&w.engine, w.now, true);
	w.add_took_us = 0;
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	w.now.us += 5 * SECOND / 2;
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200)");
}
END_TEST

/* ANNOUNCE: another hardware address, or a carrier that went and came back unseen. */
START_TEST(test_disturbed_while_active)
{
	start_active();
	run(ACTIVE_AT + SECOND);
	take();
	w.interface.mac[5]++;
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "");
	run(ACTIVE_AT + SECOND + 50000);
	w.interface.carrier_changes += 2;
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 0);
}
END_TEST

START_TEST(test_vip_gone_while_active)
{
	start_active();
	unassign_text("10.10.10.10");
	netlink();
	ck_assert_str_eq(take(), "");
	ck_assert(instant_due(engine_deadline(&w.engine), w.now));
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert_str_eq(take_traces(), "readded");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
}
END_TEST

/* The first dump after taking over may be from before the address was added. */
START_TEST(test_vip_not_seen_yet)
{
	start_backup();
	turn(ACTIVE_AT);
	take();
	unassign_text("10.10.10.10");
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_ptr_null(strstr(take(), "REMOVE"));
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

START_TEST(test_one_of_two_vips_gone)
{
	add_vip(add_apiserver(), "10.10.10.11");
	start();
	run_active();
	unassign_text("10.10.10.11");
	turn(ACTIVE_AT + 260000);
	ck_assert_str_eq(take(), "ADD ANNOUNCE");
	ck_assert_ptr_nonnull(on_interface(&find(10)->addresses[1]));
}
END_TEST

/* RECONCILE: left over from a crash or added by hand, with whatever prefix length. */
START_TEST(test_vip_present_while_not_active)
{
	static const uint8_t lengths[] = {32, 24, 8};

	for (size_t i = 0; i < sizeof(lengths); i++) {
		tear_down();
		set_up();
		assign("10.10.10.10", lengths[i]);
		assign("10.0.0.50", 24);
		add_apiserver();
		start();
		turn(T0);
		ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
		ck_assert_str_eq(take_traces(), "removed");
		ck_assert_uint_eq(w.interface.address_count, 2);
		ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
		ck_assert_addr_eq(find(10)->primary, "10.0.0.2");

		assign("10.10.10.10", lengths[i]);
		turn(T0 + SECOND);
		ck_assert_str_eq(take(), "REMOVE(10.10.10.10)");
	}
}
END_TEST

/* A link that is down is no reason to keep it. */
START_TEST(test_vip_present_in_initialize)
{
	start_backup();
	w.interface.up = false;
	assign("10.10.10.10", 32);
	turn(T0 + SECOND);
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
}
END_TEST

/* Added, and gone before netlink has shown it. */
START_TEST(test_vip_gone_before_it_is_seen)
{
	add_vip(add_apiserver(), "10.10.10.11");
	start();
	w.now = at(ACTIVE_AT);
	engine_timers(&w.engine, w.now, true);
	take();
	unassign_text("10.10.10.11");
	netlink();
	run(w.now.us);
	ck_assert_str_eq(take(), "ADD");
	ck_assert_uint_eq(find(10)->counters.vip_readded, 1);
}
END_TEST

/* What netlink shows first counts as what it shows last. */
START_TEST(test_vip_is_the_first_of_the_interface)
{
	start_active();
	unassign_text("10.0.0.2");
	assign("10.0.0.2", 24);
	netlink();
	ck_assert_uint_eq(find(10)->counters.vip_readded, 0);
}
END_TEST

/* RECONCILE leaves the addresses alone also when the primary one has gone, not only before it came.
 */
START_TEST(test_primary_gone)
{
	start_active();
	unassign_text("10.0.0.2");
	netlink();
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Initialize no_address)");
	assign("10.10.10.10", 32);
	netlink();
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(test_only_the_vip_is_there)
{
	unassign_text("10.0.0.2");
	assign("10.10.10.10", 24);
	add_apiserver();
	start();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.reason, VRRP_REASON_NO_ADDRESS);
	ck_assert(addr_is_unspecified(&w.engine.routers[0]->primary));
}
END_TEST

START_TEST(test_primary_is_no_vip)
{
	struct conf_instance *second;

	unassign_text("10.0.0.2");
	assign("10.10.10.11", 32);
	assign("10.10.10.10", 24);
	assign("10.0.0.2", 24);
	add_apiserver();
	second = add_instance("second", 11);
	add_vip(second, "10.10.10.11");
	start();
	ck_assert_addr_eq(find(11)->primary, "10.0.0.2");
	ck_assert_addr_eq(find(10)->primary, "10.0.0.2");
}
END_TEST

START_TEST(test_primary_is_not_deprecated)
{
	start_backup();
	assign("10.0.0.7", 24);
	w.interface.addresses[0].deprecated = true;
	netlink();
	ck_assert_addr_eq(find(10)->primary, "10.0.0.7");
}
END_TEST

/* RFC 9568 7.2: the adverts come from the primary address, and the neighbours are told again. */
START_TEST(test_primary_changes_while_active)
{
	start_active();
	w.interface.addresses[0].address = ip("10.0.0.7");
	netlink();
	ck_assert_ptr_nonnull(strstr(take(), "ANNOUNCE"));
	run(ACTIVE_AT + SECOND);
	ck_assert_addr_eq(last_sent()->source, "10.0.0.7");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.7");
}
END_TEST

/* Also the one that says the priority which the new address makes. */
START_TEST(test_primary_and_priority_change_while_active)
{
	unsigned before;

	add_apiserver()->priority = 0;
	start();
	run(T0 + 4 * SECOND);
	take();
	before = w.sent_count;
	w.interface.addresses[0].address = ip("10.0.0.7");
	netlink();
	run(T0 + 6 * SECOND);
	ck_assert_uint_gt(w.sent_count, before);
	for (unsigned i = before; i < w.sent_count; i++)
		ck_assert_addr_eq(w.sent[i].source, "10.0.0.7");
	ck_assert_uint_eq(last_sent()->priority, 155 + 61 * 7 % 100);
}
END_TEST

START_TEST(test_ipv6_source_is_link_local)
{
	struct advert advert;

	assign("2001:db8::2", 64);
	assign("fe80::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	start();
	ck_assert_addr_eq(find6(10)->primary, "fe80::2");
	run(ACTIVE_AT);
	ck_assert_addr_eq(last_sent()->source, "fe80::2");
	ck_assert_addr_eq(last_sent()->destination, "ff02::12");
	advert = decode(last_sent());
	ck_assert_uint_eq(advert.address_count, 2);
	ck_assert_addr_eq(advert_address(&advert, 0), "fe80::200:5eff:fe00:20a");
	ck_assert_addr_eq(advert_address(&advert, 1), "2001:db8::100");

	/* Its own link-local address is one of the VIPs, not its source. */
	netlink();
	ck_assert_addr_eq(find6(10)->primary, "fe80::2");
}
END_TEST

START_TEST(test_ipv6_link_local_of_the_file)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "2001:db8::101");
	add_vip(instance, "fe80::100");
	start();
	ck_assert_uint_eq(find6(10)->address_count, 3);
	ck_assert_addr_eq(find6(10)->addresses[0], "fe80::100");
	ck_assert_addr_eq(find6(10)->addresses[1], "2001:db8::100");
	ck_assert_addr_eq(find6(10)->addresses[2], "2001:db8::101");
}
END_TEST

START_TEST(test_ipv6_without_link_local)
{
	assign("2001:db8::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	start();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.reason, VRRP_REASON_NO_ADDRESS);
}
END_TEST

/* BOUNDS in IPv6: the derived link-local address is the same for every virtual router with this
 * VRID, so it says nothing about whose it is. */
/* It is a VIP like another: who has it shares an address. */
START_TEST(test_ipv6_link_local_alone)
{
	struct conf_instance *instance = add_instance("apiserver", 10);
	const struct addr theirs[1] = {ip("fe80::100")};
	const struct advert_fields fields = fields6(theirs, 1, 220);

	assign("fe80::2", 64);
	add_vip(instance, "fe80::100");
	add_vip(instance, "2001:db8::100");
	start();
	ck_assert_uint_eq(find6(10)->address_count, 2);
	ck_assert_addr_eq(find6(10)->addresses[0], "fe80::100");
	ck_assert(!find6(10)->link_local_derived);
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find6(10)->counters.adverts_received, 1);
}
END_TEST

/* What the list had before a reload is no longer shared. */
START_TEST(test_ipv6_address_given_up)
{
	const struct addr theirs[2] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::101")};
	const struct advert_fields fields = fields6(theirs, 2, 220);
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	add_vip(instance, "2001:db8::101");
	start();
	instance->address_count = 1;
	configure(T0);
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find6(10)->counters.rejected[ADVERT_ADDRESSES_FOREIGN], 1);
}
END_TEST

START_TEST(test_ipv6_vrid_clash)
{
	const struct addr theirs[3] = {ip("fe80::200:5eff:fe00:20a"), ip("2001:db8::200"),
				       ip("::")};
	const struct advert_fields fields = fields6(theirs, 3, 220);

	assign("fe80::2", 64);
	add_vip(add_instance("apiserver", 10), "2001:db8::100");
	start();
	deliver(T0 + SECOND, &fields);
	ck_assert_uint_eq(find6(10)->counters.rejected[ADVERT_ADDRESSES_FOREIGN], 1);
}
END_TEST

static struct conf_instance *add_unicast(void)
{
	struct conf_instance *instance = add_apiserver();

	add_peer(instance, "10.0.0.1");
	add_peer(instance, "10.0.0.2");
	add_peer(instance, "10.0.0.3");
	return instance;
}

START_TEST(test_unicast)
{
	static const char *const destinations[] = {"10.0.0.1", "10.0.0.3"};

	add_unicast();
	start();
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.sent_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_addr_eq(w.sent[i].destination, destinations[i]);
		ck_assert_addr_eq(w.sent[i].source, "10.0.0.2");
		ck_assert_int_eq(decode(&w.sent[i]).checksum, ADVERT_CHECKSUM_RFC9568);
	}
	hear(ACTIVE_AT + 1000, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* HANDOVER: every peer hears that nobody is Active any more. */
START_TEST(test_unicast_priority_zero)
{
	add_unicast();
	start();
	run(ACTIVE_AT);
	engine_shutdown(&w.engine, w.now);
	w.sent_count = 0;
	engine_shutdown(&w.engine, w.now);
	ck_assert_uint_eq(w.sent_count, 2);
	ck_assert_uint_eq(w.sent[0].priority, VRRP_PRIORITY_STOP);
	ck_assert_addr_eq(w.sent[0].destination, "10.0.0.1");
	ck_assert_uint_eq(w.sent[1].priority, VRRP_PRIORITY_STOP);
	ck_assert_addr_eq(w.sent[1].destination, "10.0.0.3");
}
END_TEST

/* The pseudo-header holds the destination. */
START_TEST(test_unicast_checksum_rfc5798)
{
	add_unicast()->checksum = ADVERT_CHECKSUM_RFC5798;
	start();
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.sent_count, 2);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(decode(&w.sent[i]).checksum, ADVERT_CHECKSUM_RFC5798);
}
END_TEST

START_TEST(test_multicast_checksum_rfc5798)
{
	add_apiserver()->checksum = ADVERT_CHECKSUM_RFC5798;
	start();
	run(ACTIVE_AT);
	ck_assert_int_eq(decode(last_sent()).checksum, ADVERT_CHECKSUM_RFC5798);
}
END_TEST

START_TEST(test_unicast_source)
{
	unassign_text("10.0.0.2");
	assign("10.0.0.77", 24);
	assign("10.0.0.2", 24);
	add_unicast();
	start();
	ck_assert_addr_eq(find(10)->primary, "10.0.0.2");
}
END_TEST

START_TEST(test_unicast_src_ip)
{
	struct conf_instance *instance = add_unicast();

	assign("10.0.0.3", 24);
	instance->unicast_src_ip = ip("10.0.0.3");
	start();
	ck_assert_addr_eq(find(10)->primary, "10.0.0.3");

	unassign_text("10.0.0.3");
	turn(T0 + SECOND);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
}
END_TEST

START_TEST(test_unicast_ipv6)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	assign("2001:db8::9", 64);
	assign("2001:db8::2", 64);
	add_vip(instance, "2001:db8::100");
	add_peer(instance, "2001:db8::1");
	add_peer(instance, "2001:db8::2");
	start();
	ck_assert_addr_eq(find6(10)->primary, "2001:db8::2");
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.sent_count, 1);
	ck_assert_addr_eq(w.sent[0].destination, "2001:db8::1");
	ck_assert_addr_eq(w.sent[0].source, "2001:db8::2");
}
END_TEST

/* Each router takes the peers of its own family. */
/* Of one family only: the other one looks for its own. */
START_TEST(test_unicast_src_ip_of_the_other_family)
{
	struct conf_instance *instance = add_unicast();

	assign("2001:db8::2", 64);
	add_vip(instance, "2001:db8::100");
	add_peer(instance, "2001:db8::1");
	add_peer(instance, "2001:db8::2");
	instance->unicast_src_ip = ip("10.0.0.2");
	start();
	ck_assert_addr_eq(find(10)->unicast_src_ip, "10.0.0.2");
	ck_assert(addr_is_unspecified(&find6(10)->unicast_src_ip));
	ck_assert_addr_eq(find6(10)->primary, "2001:db8::2");
}
END_TEST

/* It has been sent if anybody could be sent it, whoever that is. */
START_TEST(test_unicast_send_fails)
{
	const char *const unreachable[] = {"10.0.0.1", "10.0.0.3"};

	for (int i = 0; i < 2; i++) {
		tear_down();
		set_up();
		add_unicast();
		w.unreachable = ip(unreachable[i]);
		start();
		run_active();
		ck_assert_uint_eq(find(10)->counters.adverts_sent, 1);
		ck_assert_uint_eq(find(10)->counters.send_failures, 0);
	}
	w.send_fails = true;
	run(ACTIVE_AT + SECOND);
	ck_assert_uint_eq(find(10)->counters.adverts_sent, 1);
	ck_assert_uint_eq(find(10)->counters.send_failures, 1);
}
END_TEST

START_TEST(test_unicast_dual_stack)
{
	struct conf_instance *instance = add_unicast();

	assign("fe80::2", 64);
	assign("2001:db8::2", 64);
	add_vip(instance, "2001:db8::100");
	add_peer(instance, "2001:db8::1");
	add_peer(instance, "2001:db8::2");
	start();
	ck_assert_uint_eq(find(10)->peer_count, 3);
	ck_assert_uint_eq(find6(10)->peer_count, 2);
	ck_assert_addr_eq(find(10)->primary, "10.0.0.2");
	ck_assert_addr_eq(find6(10)->primary, "2001:db8::2");
}
END_TEST

/* A list of one node, and one peer that cannot be reached: no reason to give up the role. */
START_TEST(test_unicast_nobody_there)
{
	add_peer(add_apiserver(), "10.0.0.2");
	start();
	run_active();
	run(ACTIVE_AT + 10 * SECOND);
	ck_assert_uint_eq(w.sent_count, 0);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.adverts_sent, 11);
	ck_assert_uint_eq(find(10)->counters.send_failures, 0);

	tear_down();
	set_up();
	add_unicast();
	w.unreachable = ip("10.0.0.1");
	start();
	run_active();
	run(ACTIVE_AT + 10 * SECOND);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_ptr_nonnull(strstr(take(), "SEND!(200) SEND(200)"));
}
END_TEST

static void no_interface(void)
{
	w.interface.index = 0;
	w.interface.up = false;
	w.interface.address_count = 0;
}

static void link_down(void)
{
	w.interface.up = false;
}

/* The kernel flushes IPv6 addresses then. */
static void link_down_without_address(void)
{
	w.interface.up = false;
	unassign_text("10.0.0.2");
}

static void no_address(void)
{
	unassign_text("10.0.0.2");
}

static void not_a_peer(void)
{
	w.interface.addresses[0].address = ip("10.0.0.9");
}

static void no_socket(void)
{
	engine_socket(&w.engine, w.now, w.engine.routers[0], false);
}

static const struct {
	enum vrrp_reason reason;
	void (*happen)(void);
} faults[] = {
	{VRRP_REASON_NO_INTERFACE, no_interface},
	{VRRP_REASON_LINK_DOWN, link_down},
	{VRRP_REASON_LINK_DOWN, link_down_without_address},
	{VRRP_REASON_NO_ADDRESS, no_address},
	{VRRP_REASON_NOT_A_PEER, not_a_peer},
	{VRRP_REASON_NO_SOCKET, no_socket},
};

/* SURVIVE: a visible state that heals itself; from Backup (even rows) and from Active. */
START_TEST(test_fault)
{
	const size_t row = (size_t)_i / 2;
	const bool active = _i % 2 == 1;
	char expected[128];
	const struct router *router;
	struct interface healthy;

	add_unicast();
	start();
	router = w.engine.routers[0];
	if (active)
		run_active();
	take();
	healthy = w.interface;
	faults[row].happen();
	netlink();
	engine_timers(&w.engine, w.now, true);
	snprintf(expected, sizeof(expected), "%sNOTIFY(Initialize %s)",
		 active ? "REMOVE(10.10.10.10) " : "", vrrp_reason_name(faults[row].reason));
	ck_assert_str_eq(take(), expected);
	ck_assert_int_eq(router->vrrp.reason, faults[row].reason);

	/* It stays so, however long. */
	run(w.now.us + 60 * SECOND);
	ck_assert_str_eq(take(), "");

	w.interface = healthy;
	unassign_text("10.10.10.10");
	netlink();
	engine_socket(&w.engine, w.now, w.engine.routers[0], true);
	ck_assert_str_eq(take(), "NOTIFY(Backup recovered)");
	ck_assert_int_eq(router->vrrp.active_down.us, w.now.us + DOWN);
}
END_TEST

START_TEST(test_faults_together)
{
	start_backup();
	engine_socket(&w.engine, w.now, w.engine.routers[0], false);
	link_down();
	netlink();
	engine_socket(&w.engine, w.now, w.engine.routers[0], true);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.reason, VRRP_REASON_LINK_DOWN);
	engine_socket(&w.engine, w.now, w.engine.routers[0], false);
	w.interface.up = true;
	netlink();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.reason, VRRP_REASON_NO_SOCKET);
	engine_socket(&w.engine, w.now, w.engine.routers[0], true);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

START_TEST(test_before_the_interface_is_known)
{
	add_apiserver();
	configure(T0);
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_int_eq(w.engine.routers[0]->vrrp.reason, VRRP_REASON_NO_INTERFACE);
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	take();
	netlink();
	ck_assert_str_eq(take(), "NOTIFY(Backup startup)");
}
END_TEST

/* An interface that is created anew has another index, and nothing of what the old one had; netlink
 * may show it gone first (row 1) or not. */
START_TEST(test_interface_created_again)
{
	const struct router *router;

	start_active();
	router = w.engine.routers[0];
	if (_i == 1) {
		no_interface();
		netlink();
		ck_assert_int_eq(router->vrrp.reason, VRRP_REASON_NO_INTERFACE);
	}
	w.interface = (struct interface){.name = "eth0", .index = 7, .up = true};
	assign("10.0.0.2", 24);
	netlink();
	ck_assert_ptr_null(find(10));
	ck_assert_ptr_eq(engine_find(&w.engine, 7, ADDR_FAMILY_IPV4, 10), router);
	ck_assert_int_eq(router->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(router->vrrp.reason, VRRP_REASON_RECOVERED);
}
END_TEST

START_TEST(test_interface_auto)
{
	strcpy(add_apiserver()->interface, "");
	start();
	ck_assert_str_eq(find(10)->interface_name, "eth0");
	ck_assert(find(10)->interface_known);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* What netlink repeats is no event. */
START_TEST(test_interface_unchanged)
{
	struct router before;

	start_active();
	before = snapshot(find(10));
	netlink();
	netlink();
	ck_assert(unchanged(&before, find(10)));
	ck_assert_str_eq(take(), "");
}
END_TEST

/* ORDER: nobody claims the role without holding the address. */
START_TEST(test_add_fails)
{
	start_backup();
	w.add_fails = true;
	turn(ACTIVE_AT);
	ck_assert_uint_eq(w.sent_count, 0);
	ck_assert_ptr_null(strstr(w.log, "ANNOUNCE"));
	ck_assert_ptr_null(strstr(w.log, "Active"));
	ck_assert_ptr_nonnull(strstr(take(), "NOTIFY(Initialize add_failed)"));
	ck_assert_uint_eq(find(10)->counters.add_failures, 1);
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT + SECOND);

	/* What else changes about the interface does not make the retry come sooner. */
	assign("10.0.0.50", 24);
	turn(ACTIVE_AT + 1000);
	ck_assert_str_eq(take(), "");

	w.add_fails = false;
	turn(ACTIVE_AT + SECOND);
	ck_assert_str_eq(take(), "NOTIFY(Backup recovered)");
	run(ACTIVE_AT + SECOND + DOWN);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)");
}
END_TEST

START_TEST(test_refresh_fails)
{
	start_active();
	run(ACTIVE_AT + 2 * SECOND - 1);
	take();
	w.add_fails = true;
	run(ACTIVE_AT + 2 * SECOND);
	/* The lease still runs, and there will be another refresh before its end. */
	ck_assert_str_eq(take(), "ADD! ANNOUNCE SEND(200)");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.add_failures, 0);

	/* It was not refreshed in time: the others need not wait. */
	unassign_text("10.10.10.10");
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "ADD! SEND(0) REMOVE(10.10.10.10) NOTIFY(Initialize add_failed)");
}
END_TEST

START_TEST(test_send_fails)
{
	start_active();
	w.send_fails = true;
	run(ACTIVE_AT + 2 * SECOND);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.send_failures, 2);
	/* Alone it keeps the role: nobody would take it. */
	run(ACTIVE_AT + 5 * SECOND);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	take();
	/* Another one took over from a router that it does not hear. */
	hear(ACTIVE_AT + 5 * SECOND + 100000, 3, 180);
	ck_assert_str_eq(take(), "SEND!(200) REMOVE(10.10.10.10) NOTIFY(Initialize send_failed)");
	w.send_fails = false;
	run(ACTIVE_AT + 6 * SECOND + 100000);
	ck_assert_str_eq(take(), "NOTIFY(Backup recovered)");
}
END_TEST

/* What is heard may have been sent long ago, to be read after a freeze: who can send again answers
 * as ever. Were that taken for lost, two of them would both give way. */
START_TEST(test_sends_again)
{
	start_active();
	w.send_fails = true;
	run(ACTIVE_AT + 5 * SECOND);
	w.send_fails = false;
	take();
	hear(ACTIVE_AT + 5 * SECOND + 100000, 3, 180);
	ck_assert_str_eq(take(), "SEND(200) ANNOUNCE");
	ck_assert_uint_eq(find(10)->send_failures_in_row, 0);
}
END_TEST

/* To a better one it yields as ever, heard or not. */
START_TEST(test_send_fails_and_better)
{
	start_active();
	w.send_fails = true;
	run(ACTIVE_AT + 5 * SECOND);
	take();
	hear(ACTIVE_AT + 5 * SECOND + 100000, 3, 220);
	ck_assert_str_eq(take(), "SEND!(1) REMOVE(10.10.10.10) NOTIFY(Backup higher_priority)");
}
END_TEST

/* In a row: one that gets through begins the count anew. */
START_TEST(test_send_fails_now_and_then)
{
	start_active();
	for (int i = 1; i < 10; i++) {
		w.send_fails = i % 3 != 0;
		run(ACTIVE_AT + i * SECOND);
		ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	}
	ck_assert_uint_eq(find(10)->counters.send_failures, 6);
}
END_TEST

/* Three in a row, and not fewer, however many have failed before. */
START_TEST(test_send_failures_in_row)
{
	start_active();
	for (int i = 0; i < 2; i++) {
		int64_t us = ACTIVE_AT + 10 * i * SECOND;

		run(us + SECOND);
		w.send_fails = true;
		run(us + 3 * SECOND);
		hear(us + 3 * SECOND, 3, 180);
		ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
		ck_assert_uint_eq(find(10)->send_failures_in_row, 3);
		w.send_fails = false;
	}
}
END_TEST

/* BANDS: 1, 2, 3 -> 216, 177, 238, for both families. */
START_TEST(test_priority_auto)
{
	struct conf_instance *instance = add_apiserver();

	instance->priority = 0;
	instance->track_apiserver = true;
	add_vip(instance, "2001:db8::100");
	assign("fe80::77", 64);
	start();
	ck_assert_uint_eq(find(10)->ready_priority, 177);
	ck_assert_uint_eq(find6(10)->ready_priority, 177);
	ck_assert_uint_eq(find(10)->vrrp.priority, 23);
	engine_ready(&w.engine, w.now, true);
	ck_assert_uint_eq(find(10)->vrrp.priority, 177);
	ck_assert_uint_eq(find6(10)->vrrp.priority, 177);

	w.interface.addresses[0].address = ip("10.0.0.3");
	netlink();
	ck_assert_uint_eq(find(10)->vrrp.priority, 238);
	ck_assert_uint_eq(find6(10)->vrrp.priority, 238);
}
END_TEST

/* It is the node's address, not the VIP that happens to be listed before it. */
START_TEST(test_priority_auto_is_of_no_vip)
{
	struct conf_instance *instance = add_apiserver();

	unassign_text("10.0.0.2");
	assign("10.10.10.10", 32);
	assign("10.0.0.1", 24);
	instance->priority = 0;
	start();
	ck_assert_uint_eq(find(10)->vrrp.priority, 216);
	run(T0 + 4 * SECOND);
	netlink();
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->vrrp.priority, 216);
}
END_TEST

/* Wherever netlink lists it. */
START_TEST(test_priority_auto_behind_ipv6)
{
	struct conf_instance *instance = add_apiserver();

	instance->priority = 0;
	instance->track_apiserver = false;
	unassign_text("10.0.0.2");
	assign("fe80::7", 64);
	assign("10.0.0.2", 24);
	add_vip(instance, "2001:db8::100");
	start();
	ck_assert_uint_eq(find6(10)->vrrp.priority, 177);
}
END_TEST

START_TEST(test_priority_auto_without_ipv4)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	unassign_text("10.0.0.2");
	assign("fe80::3", 64);
	instance->priority = 0;
	add_vip(instance, "2001:db8::100");
	start();
	ck_assert_uint_eq(find6(10)->vrrp.priority, 238);
}
END_TEST

START_TEST(test_ready)
{
	add_apiserver()->track_apiserver = true;
	start();
	ck_assert_uint_eq(find(10)->vrrp.priority, 46);
	run(T0 + DOWN_UNREADY);
	ck_assert_uint_eq(last_sent()->priority, 46);
	take();
	engine_ready(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "SEND(200)");
	engine_ready(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "");
	engine_ready(&w.engine, w.now, false);
	ck_assert_str_eq(take(), "SEND(46)");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
}
END_TEST

/* Readiness that came before the routers counts for them. */
START_TEST(test_ready_before_configure)
{
	add_apiserver()->track_apiserver = true;
	engine_ready(&w.engine, at(T0), true);
	start();
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
}
END_TEST

START_TEST(test_untracked_is_always_ready)
{
	start_active();
	engine_ready(&w.engine, w.now, true);
	engine_ready(&w.engine, w.now, false);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
}
END_TEST

START_TEST(test_unready_active_is_preempted)
{
	add_apiserver()->track_apiserver = true;
	start();
	engine_ready(&w.engine, w.now, true);
	take();
	hear(T0 + SECOND, 3, 60);
	hear(T0 + SECOND + 100000, 3, 60);
	run(T0 + SECOND + SKEW);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_unready)");
}
END_TEST

/* SURVIVE: a reload that changes nothing about a router does not touch it. */
START_TEST(test_reload_unchanged)
{
	struct router before;
	struct router *router;
	struct conf *same = malloc(sizeof(*same));

	ck_assert_ptr_nonnull(same);
	add_vip(add_unicast(), "10.10.10.11");
	start();
	if (_i == 1)
		run_active();
	take();
	router = find(10);
	before = snapshot(router);
	memcpy(same, w.conf, sizeof(*same));
	ck_assert(engine_configure(&w.engine, at(w.now.us + 1000), same));
	ck_assert_ptr_eq(find(10), router);
	ck_assert(unchanged(&before, router));
	ck_assert_str_eq(take(), "");

	/* Nor one that adds another instance, or changes it. */
	add_vip(add_instance("second", 10), "10.10.10.20");
	strcpy(w.conf->instances[1].interface, "eth1");
	ck_assert(engine_configure(&w.engine, at(w.now.us + 2000), w.conf));
	ck_assert_uint_eq(w.engine.router_count, 2);
	ck_assert_ptr_eq(find(10), router);
	ck_assert(unchanged(&before, router));
	ck_assert_ptr_null(strstr(take(), "SEND"));
	free(same);
}
END_TEST

/* Another way to preempt is for the next advert: the router goes on, whatever it is doing. */
START_TEST(test_reload_preempt)
{
	static const enum vrrp_preempt modes[] = {VRRP_PREEMPT_ALWAYS, VRRP_PREEMPT_HEALTH,
						  VRRP_PREEMPT_NEVER,  VRRP_PREEMPT_ALWAYS,
						  VRRP_PREEMPT_NEVER,  VRRP_PREEMPT_HEALTH};
	struct conf_instance *instance = _i % 2 == 0 ? add_unicast() : add_apiserver();
	struct router *router;
	struct router before;

	start();
	router = find(10);
	hear(T0 + 1000, 3, _i / 2 == 1 ? 46 : 220);
	if (_i / 2 >= 2)
		run(T0 + 1000 + DOWN + 250000);
	if (_i / 2 == 3)
		engine_step_down(&w.engine, w.now, 60 * SECOND);
	ck_assert_int_eq(router->vrrp.state, _i / 2 < 2 ? VRRP_STATE_BACKUP : VRRP_STATE_ACTIVE);
	take();
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		before = snapshot(router);
		before.vrrp.config.preempt = modes[i];
		instance->preempt = modes[i];
		configure(w.now.us + 1000);
		ck_assert_ptr_eq(find(10), router);
		ck_assert(unchanged(&before, router));
		ck_assert_str_eq(take(), "");
	}
}
END_TEST

START_TEST(test_reload_priority)
{
	struct instant adver;

	start_active();
	adver = find(10)->vrrp.adver;
	w.conf->instances[0].priority = 210;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(210)");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(find(10)->vrrp.adver.us, adver.us);

	w.conf->instances[0].priority = 0;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(177)");

	w.conf->instances[0].track_apiserver = true;
	configure(w.now.us + 1000);
	ck_assert_str_eq(take(), "SEND(23)");
}
END_TEST

START_TEST(test_reload_values)
{
	struct conf_instance *instance;

	start_active();
	instance = &w.conf->instances[0];
	instance->advert_int_cs = 20;
	instance->preempt = VRRP_PREEMPT_ALWAYS;
	instance->preempt_delay_us = 3 * SECOND;
	instance->checksum = ADVERT_CHECKSUM_RFC5798;
	w.conf->address_lease_s = 3;
	w.conf->announce_refresh_s = 7;
	configure(w.now.us + 1000);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->vrrp.config.advert_int_cs, 20);
	ck_assert_int_eq(find(10)->vrrp.config.preempt, VRRP_PREEMPT_ALWAYS);
	ck_assert_int_eq(find(10)->vrrp.config.preempt_delay_us, 3 * SECOND);
	ck_assert_int_eq(find(10)->vrrp.config.address_refresh_us, SECOND);
	ck_assert_int_eq(find(10)->vrrp.config.announce_refresh_us, 7 * SECOND);
	ck_assert_ptr_null(strstr(take(), "NOTIFY"));
	run(w.now.us + 200000);
	ck_assert_uint_eq(decode(last_sent()).interval_cs, 20);
	ck_assert_int_eq(decode(last_sent()).checksum, ADVERT_CHECKSUM_RFC5798);
	ck_assert_uint_eq(find(10)->history_count > 0, 1);
}
END_TEST

/* A hold, a handover and preempt_delay that are under way go on as they were. */
START_TEST(test_reload_while_held_or_leaving)
{
	int64_t preempt_from;

	start_active();
	engine_step_down(&w.engine, w.now, 60 * SECOND);
	ck_assert_str_eq(take(), "SEND(1)");
	w.conf->instances[0].advert_int_cs = 50;
	w.conf->instances[0].preempt = VRRP_PREEMPT_ALWAYS;
	configure(w.now.us + 1000);
	ck_assert_int_eq(find(10)->vrrp.handover.us, ACTIVE_AT + 1250000);
	hear(w.now.us + 1000, 3, 180);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	preempt_from = find(10)->vrrp.preempt_from.us;
	w.conf->instances[0].advert_int_cs = 100;
	w.conf->instances[0].preempt_delay_us = SECOND;
	configure(w.now.us + 1000);
	ck_assert_int_eq(find(10)->vrrp.hold_end.us, ACTIVE_AT + 250000 + 60 * SECOND);
	ck_assert_int_eq(find(10)->vrrp.preempt_from.us, preempt_from);
}
END_TEST

START_TEST(test_reload_vip_list)
{
	struct conf_instance *instance = add_apiserver();
	struct advert advert;

	add_vip(instance, "10.10.10.11");
	start();
	run_active();
	instance->addresses[1] = ip("10.10.10.12");
	configure(ACTIVE_AT + 260000);
	turn(ACTIVE_AT + 260000);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.11) ADD ANNOUNCE");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(w.interface.address_count, 3);
	ck_assert_ptr_nonnull(on_interface(&instance->addresses[0]));
	ck_assert_ptr_nonnull(on_interface(&instance->addresses[1]));
	run(ACTIVE_AT + SECOND);
	advert = decode(last_sent());
	ck_assert_addr_eq(advert_address(&advert, 1), "10.10.10.12");
	take();

	/* It is not put back when netlink shows that it is gone. */
	netlink();
	engine_timers(&w.engine, w.now, true);
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(test_reload_vip_list_in_backup)
{
	start_backup();
	add_vip(&w.conf->instances[0], "10.10.10.11");
	configure(T0 + SECOND);
	turn(T0 + SECOND);
	ck_assert_ptr_null(strstr(take(), "ADD"));
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert_int_eq(find(10)->vrrp.active_down.us, ACTIVE_AT);
	run(ACTIVE_AT);
	ck_assert_uint_eq(decode(last_sent()).address_count, 2);
}
END_TEST

/* A VIP that the node already has for other reasons is not left in place by a reload. */
START_TEST(test_reload_adds_vip_that_is_there)
{
	start_backup();
	assign("10.10.10.11", 24);
	turn(T0 + SECOND);
	ck_assert_str_eq(take(), "");
	add_vip(&w.conf->instances[0], "10.10.10.11");
	configure(T0 + SECOND);
	netlink();
	turn(T0 + SECOND);
	ck_assert_ptr_nonnull(strstr(take(), "10.10.10.11"));
	ck_assert_uint_eq(w.interface.address_count, 1);
}
END_TEST

/* The list of peers changes in place; a node that is no longer in it says so. */
START_TEST(test_reload_peers)
{
	struct conf_instance *instance = add_unicast();

	start();
	run_active();
	instance->peers[2] = ip("10.0.0.4");
	configure(w.now.us + 1000);
	run(ACTIVE_AT + SECOND);
	ck_assert_addr_eq(last_sent()->destination, "10.0.0.4");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	take();
	instance->peers[1] = ip("10.0.0.5");
	configure(w.now.us + 1000);
	netlink();
	ck_assert_ptr_nonnull(strstr(take(), "NOTIFY(Initialize not_a_peer)"));
}
END_TEST

static void other_interface(struct conf_instance *instance)
{
	strcpy(instance->interface, "eth1");
}

static void another_vrid(struct conf_instance *instance)
{
	instance->virtual_router_id = 20;
}

static void another_family(struct conf_instance *instance)
{
	instance->addresses[0] = ip("2001:db8::100");
}

static void another_name(struct conf_instance *instance)
{
	strcpy(instance->name, "other");
}

/* A change of what a router is makes another one. */
/* The first of the list goes, another comes before the one that stays. */
START_TEST(test_reload_first_vip)
{
	struct conf_instance *instance = add_apiserver();

	add_vip(instance, "10.10.10.11");
	start();
	run_active();
	instance->addresses[0] = ip("10.10.10.12");
	configure(ACTIVE_AT + 260000);
	ck_assert(!find(10)->present[0]);
	ck_assert(find(10)->present[1]);
	turn(ACTIVE_AT + 260000);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) ADD ANNOUNCE");
}
END_TEST

/* `auto` and the name of the interface that it has found are the same. */
START_TEST(test_reload_interface_auto)
{
	static const struct {
		const char *before, *found, *after;
		bool same;
	} cases[] = {
		{"", "eth0", "eth0", true},  {"eth0", "eth0", "", true},
		{"", "eth0", "eth1", false}, {"eth0", "eth0", "x", false},
		{"x", "x", "", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_instance *instance;

		tear_down();
		set_up();
		instance = add_apiserver();
		strcpy(instance->interface, cases[i].before);
		strcpy(w.interface.name, cases[i].found);
		start();
		run_active();
		strcpy(instance->interface, cases[i].after);
		configure(ACTIVE_AT + 260000);
		ck_assert_int_eq(w.engine.routers[0]->vrrp.state,
				 cases[i].same ? VRRP_STATE_ACTIVE : VRRP_STATE_INITIALIZE);
	}
	/* Where `auto` has found nothing yet it is nobody's. */
	tear_down();
	set_up();
	add_apiserver();
	configure(T0);
	ck_assert_str_eq(w.engine.routers[0]->interface_name, "");
	strcpy(w.conf->instances[0].interface, "");
	configure(T0);
	ck_assert_str_eq(w.engine.routers[0]->interface, "");
}
END_TEST

/* A reload without memory changes nothing, at whichever allocation it happens. */
START_TEST(test_reload_without_memory)
{
	struct router before;

	start_active();
	before = snapshot(find(10));
	add_vip(add_instance("second", 11), "10.10.10.11");
	add_vip(add_instance("third", 12), "10.10.10.12");
	for (unsigned i = 0; i < 3; i++) {
		allocations_left = i;
		ck_assert(!engine_configure(&w.engine, w.now, w.conf));
		ck_assert_uint_eq(w.engine.router_count, 1);
		ck_assert(unchanged(&before, find(10)));
	}
	ck_assert_str_eq(take(), "");
	configure(w.now.us);
	ck_assert_uint_eq(w.engine.router_count, 3);

	/* Nor are the first ones kept when there were none. */
	tear_down();
	set_up();
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	allocations_left = 2;
	ck_assert(!engine_configure(&w.engine, at(T0), w.conf));
	ck_assert_uint_eq(w.engine.router_count, 0);
}
END_TEST

START_TEST(test_fini)
{
	start_active();
	engine_fini(&w.engine);
	ck_assert_uint_eq(w.engine.router_count, 0);
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	ck_assert_ptr_eq(w.engine.host, &w.host);
}
END_TEST

START_TEST(test_reload_identity)
{
	static void (*const changes[])(struct conf_instance *) = {other_interface, another_vrid,
								  another_family, another_name};

	start_active();
	changes[_i](&w.conf->instances[0]);
	configure(w.now.us + 1000);
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_ptr_nonnull(strstr(w.log, "SEND(0) REMOVE(10.10.10.10)"));
	take();
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);
	ck_assert_uint_eq(w.engine.routers[0]->counters.adverts_sent, 0);
	if (_i == 2)
		ck_assert_ptr_null(find(10));
	hear(w.now.us + 1000, 3, 220);
}
END_TEST

START_TEST(test_reload_removes_instance)
{
	struct router before;

	add_vip(add_instance("second", 11), "10.10.10.11");
	add_apiserver();
	start();
	run_active();
	before = snapshot(find(10));
	memmove(&w.conf->instances[0], &w.conf->instances[1], sizeof(w.conf->instances[0]));
	w.conf->instance_count = 1;
	configure(w.now.us + 1000);
	ck_assert_ptr_nonnull(strstr(w.log, "SEND(0) REMOVE(10.10.10.11)"));
	ck_assert_ptr_null(strstr(take(), "10.10.10.10"));
	ck_assert_uint_eq(w.engine.router_count, 1);
	ck_assert_ptr_null(find(11));
	ck_assert(unchanged(&before, find(10)));

	w.conf->instance_count = 0;
	configure(w.now.us + 1000);
	ck_assert_uint_eq(w.engine.router_count, 0);
	ck_assert_ptr_null(find(10));
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
}
END_TEST

/* One that is removed while Backup has nothing to say. */
START_TEST(test_reload_removes_backup)
{
	start_backup();
	w.conf->instance_count = 0;
	configure(T0 + SECOND);
	ck_assert_ptr_null(strstr(take(), "SEND"));
	ck_assert_uint_eq(w.engine.router_count, 0);
}
END_TEST

START_TEST(test_reload_removes_family)
{
	struct conf_instance *instance = add_apiserver();
	struct router before;

	assign("fe80::2", 64);
	add_vip(instance, "2001:db8::100");
	start();
	run_active();
	before = snapshot(find(10));
	instance->address_count = 1;
	configure(w.now.us + 1000);
	ck_assert_ptr_nonnull(
		strstr(take(), "SEND(0) REMOVE(fe80::200:5eff:fe00:20a 2001:db8::100)"));
	ck_assert_ptr_null(find6(10));
	ck_assert(unchanged(&before, find(10)));
}
END_TEST

static void start_two_active(void)
{
	add_apiserver();
	add_vip(add_instance("second", 11), "10.10.10.11");
	start();
	run_active();
}

START_TEST(test_step_down)
{
	start_two_active();
	engine_step_down(&w.engine, w.now, 60 * SECOND);
	ck_assert_str_eq(take(), "SEND(1) SEND(1)");
	hear(w.now.us + 1000, 3, 180);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Backup step_down)");
	ck_assert_int_eq(find(11)->vrrp.state, VRRP_STATE_ACTIVE);
	run(ACTIVE_AT + 1250000 - 1);
	ck_assert_ptr_null(strstr(take(), "SEND(0)"));
	run(ACTIVE_AT + 1250000);
	ck_assert_str_eq(take(), "SEND(0) REMOVE(10.10.10.11) NOTIFY(Backup step_down)");
	ck_assert(!engine_stopped(&w.engine));
}
END_TEST

START_TEST(test_shutdown)
{
	start_two_active();
	ck_assert(!engine_stopped(&w.engine));
	engine_shutdown(&w.engine, w.now);
	ck_assert_str_eq(take(), "SEND(1) SEND(1)");
	ck_assert(!engine_stopped(&w.engine));
	hear(w.now.us + 1000, 3, 180);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Initialize shutdown)");
	ck_assert(!engine_stopped(&w.engine));
	run(ACTIVE_AT + 1250000);
	ck_assert_ptr_nonnull(
		strstr(take(), "SEND(0) REMOVE(10.10.10.11) NOTIFY(Initialize shutdown)"));
	ck_assert(engine_stopped(&w.engine));

	/* What netlink still has to say does not start it again. */
	link_down();
	netlink();
	w.interface.up = true;
	netlink();
	ck_assert(engine_stopped(&w.engine));
	ck_assert_ptr_null(strstr(take(), "Backup"));
}
END_TEST

START_TEST(test_second_shutdown)
{
	start_two_active();
	engine_shutdown(&w.engine, w.now);
	take();
	engine_shutdown(&w.engine, w.now);
	ck_assert_str_eq(take(), "SEND(0) REMOVE(10.10.10.10) NOTIFY(Initialize shutdown) "
				 "SEND(0) REMOVE(10.10.10.11) NOTIFY(Initialize shutdown)");
	ck_assert(engine_stopped(&w.engine));
}
END_TEST

START_TEST(test_shutdown_of_a_backup)
{
	start_backup();
	engine_shutdown(&w.engine, w.now);
	ck_assert_str_eq(take(), "NOTIFY(Initialize shutdown)");
	ck_assert(engine_stopped(&w.engine));
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	turn(ACTIVE_AT);
	ck_assert_str_eq(take(), "");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_INITIALIZE);
}
END_TEST

/* Nobody waits for a router that has nothing, or for one that fails to say goodbye. */
START_TEST(test_shutdown_with_faults)
{
	configure(T0);
	engine_shutdown(&w.engine, w.now);
	ck_assert(engine_stopped(&w.engine));

	tear_down();
	set_up();
	add_apiserver();
	configure(T0);
	engine_shutdown(&w.engine, w.now);
	ck_assert(engine_stopped(&w.engine));
	netlink();
	ck_assert(engine_stopped(&w.engine));
	ck_assert_int_eq(w.engine.routers[0]->vrrp.state, VRRP_STATE_INITIALIZE);

	tear_down();
	set_up();
	start_active();
	w.send_fails = true;
	w.add_fails = true;
	engine_shutdown(&w.engine, w.now);
	run(w.now.us + 1 * SECOND);
	ck_assert(engine_stopped(&w.engine));
	ck_assert_ptr_nonnull(strstr(take(), "REMOVE(10.10.10.10)"));
	run(w.now.us + 60 * SECOND);
	ck_assert(engine_stopped(&w.engine));
}
END_TEST

START_TEST(test_history)
{
	const struct router *router;
	int64_t us = T0;

	start_backup();
	router = w.engine.routers[0];
	for (int i = 0; i < 20; i++) {
		w.interface.up = false;
		turn(us += 1000);
		netlink();
		w.interface.up = true;
		w.now = at(us += 1000);
		netlink();
	}
	ck_assert_uint_eq(router->history_count, 41);
	for (uint64_t i = 41 - ENGINE_HISTORY_MAX; i < 41; i++) {
		const struct router_transition *entry = &router->history[i % ENGINE_HISTORY_MAX];

		/* The first is the start; then down at the odd, up at the even ones. */
		ck_assert_int_eq(entry->at.us, T0 + (int64_t)i * 1000);
		ck_assert_int_eq(entry->to, i % 2 == 1 ? VRRP_STATE_INITIALIZE : VRRP_STATE_BACKUP);
		ck_assert_int_eq(entry->from,
				 i % 2 == 1 ? VRRP_STATE_BACKUP : VRRP_STATE_INITIALIZE);
		ck_assert_int_eq(entry->reason,
				 i % 2 == 1 ? VRRP_REASON_LINK_DOWN : VRRP_REASON_RECOVERED);
	}
	ck_assert_int_eq(router->since.us, us);
	ck_assert_uint_eq(
		router->counters.transitions[VRRP_STATE_INITIALIZE][VRRP_REASON_LINK_DOWN], 20);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_BACKUP][VRRP_REASON_RECOVERED],
			  20);
	ck_assert_uint_eq(router->counters.transitions[VRRP_STATE_BACKUP][VRRP_REASON_STARTUP], 1);
}
END_TEST

/* Nothing but zeroes if it is not in the table. */
static struct router_heard heard_of(const struct router *router, uint8_t host)
{
	for (size_t i = 0; i < router->heard_count; i++) {
		if (router->heard[i].address.bytes[3] == host)
			return router->heard[i];
	}
	return (struct router_heard){.priority = 0};
}

START_TEST(test_heard)
{
	const struct router *router;

	start_backup();
	router = find(10);
	for (uint8_t i = 0; i < ENGINE_HEARD_MAX; i++)
		hear(T0 + 1000 * i, (uint8_t)(100 + i), 220);
	ck_assert_uint_eq(router->heard_count, ENGINE_HEARD_MAX);
	hear(T0 + 20000, 105, 160);
	hear(T0 + 20001, 100, 170);
	ck_assert_uint_eq(router->heard_count, ENGINE_HEARD_MAX);
	ck_assert_int_eq(heard_of(router, 105).at.us, T0 + 20000);
	ck_assert_uint_eq(heard_of(router, 105).priority, 160);
	ck_assert_uint_eq(heard_of(router, 101).priority, 220);

	/* 101 is now the one heard longest ago. */
	hear(T0 + 21000, 200, 230);
	ck_assert_uint_eq(router->heard_count, ENGINE_HEARD_MAX);
	ck_assert_uint_eq(heard_of(router, 101).priority, 0);
	ck_assert_uint_eq(heard_of(router, 100).priority, 170);
	ck_assert_uint_eq(heard_of(router, 200).priority, 230);
}
END_TEST

/* Whoever was heard longest ago makes room, wherever in the list it is. */
START_TEST(test_heard_longest_ago)
{
	for (uint8_t oldest = 0; oldest < ENGINE_HEARD_MAX; oldest++) {
		tear_down();
		set_up();
		start_backup();
		for (uint8_t i = 0; i < ENGINE_HEARD_MAX; i++)
			hear(w.now.us + 1000, (uint8_t)(100 + i), 220);
		for (uint8_t i = 0; i < ENGINE_HEARD_MAX; i++)
			if (i != oldest)
				hear(w.now.us + 1000, (uint8_t)(100 + i), 220);
		hear(w.now.us + 1000, 200, 230);
		ck_assert_uint_eq(heard_of(find(10), (uint8_t)(100 + oldest)).priority, 0);
		ck_assert_uint_eq(heard_of(find(10), 200).priority, 230);
	}
}
END_TEST

START_TEST(test_active_router)
{
	const struct router *router;

	start_backup();
	router = find(10);
	ck_assert(!router->active_known);
	hear(T0 + 1000, 3, 220);
	ck_assert(router->active_known);
	ck_assert_addr_eq(router->active_router.address, "10.0.0.3");
	ck_assert_uint_eq(router->active_router.priority, 220);
	ck_assert_int_eq(router->active_router.at.us, T0 + 1000);
	hear(T0 + 2000, 4, 230);
	ck_assert_addr_eq(router->active_router.address, "10.0.0.4");
}
END_TEST

/* The one that made this router leave the role. */
START_TEST(test_active_router_after_losing)
{
	struct advert_fields fields = fields_of(3, 220);

	start_active();
	fields.interval_cs = 200;
	deliver(ACTIVE_AT + 300000, &fields);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
	ck_assert(find(10)->active_known);
	ck_assert_addr_eq(find(10)->active_router.address, "10.0.0.3");
	/* 6.4.3: the interval is its, and so is what is computed from it. */
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT + 300000 + 2 * DOWN);
}
END_TEST

/* One that loses to this router is not the Active. */
START_TEST(test_active_router_while_active)
{
	start_backup();
	hear(T0 + 1000, 3, 220);
	run(T0 + 1000 + DOWN);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert(!find(10)->active_known);
	hear(w.now.us + 1000, 3, 180);
	ck_assert(!find(10)->active_known);
	ck_assert_uint_eq(heard_of(find(10), 3).priority, 180);
}
END_TEST

/* The earliest of all routers, and all that are due in one turn. */
START_TEST(test_deadline)
{
	struct conf_instance *second;

	add_apiserver();
	second = add_instance("second", 11);
	add_vip(second, "10.10.10.11");
	second->advert_int_cs = 50;
	start();
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + DOWN / 2);
	turn(ACTIVE_AT + 1000);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(find(11)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT + 101000);
}
END_TEST

static void add_refusals(Suite *suite)
{
	TCase *tcase = tcase_create("refusals");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_refusal, 0,
			    (int)(2 * sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(tcase, test_accepted);
	tcase_add_test(tcase, test_dispatch);
	tcase_add_test(tcase, test_dispatch_by_family);
	tcase_add_test(tcase, test_bounds_interval);
	tcase_add_test(tcase, test_bounds_addresses);
	tcase_add_test(tcase, test_address_order);
	tcase_add_test(tcase, test_checksum_forms);
	tcase_add_test(tcase, test_priority_owner_is_traced);
	suite_add_tcase(suite, tcase);
}

static void add_order(Suite *suite)
{
	TCase *tcase = tcase_create("order");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_takeover);
	tcase_add_test(tcase, test_each_sends_its_own);
	tcase_add_test(tcase, test_zero_priority_counters);
	tcase_add_test(tcase, test_counters_add_up);
	tcase_add_test(tcase, test_full_list);
	tcase_add_test(tcase, test_advert_before_timer);
	tcase_add_test(tcase, test_timers_wait_for_the_sockets);
	tcase_add_test(tcase, test_a_drained_turn_begins_anew);
	tcase_add_test(tcase, test_overslept);
	tcase_add_test(tcase, test_waited_for_the_kernel);
	tcase_add_test(tcase, test_waited_between_adverts);
	tcase_add_test(tcase, test_deadline);
	tcase_add_test(tcase, test_add_fails);
	tcase_add_test(tcase, test_refresh_fails);
	tcase_add_test(tcase, test_send_fails);
	tcase_add_test(tcase, test_sends_again);
	tcase_add_test(tcase, test_send_fails_and_better);
	tcase_add_test(tcase, test_send_fails_now_and_then);
	tcase_add_test(tcase, test_send_failures_in_row);
	suite_add_tcase(suite, tcase);
}

static void add_interface(Suite *suite)
{
	TCase *tcase = tcase_create("interface");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_disturbed_while_active);
	tcase_add_test(tcase, test_vip_gone_while_active);
	tcase_add_test(tcase, test_vip_not_seen_yet);
	tcase_add_test(tcase, test_vip_gone_before_it_is_seen);
	tcase_add_test(tcase, test_vip_is_the_first_of_the_interface);
	tcase_add_test(tcase, test_primary_gone);
	tcase_add_test(tcase, test_one_of_two_vips_gone);
	tcase_add_test(tcase, test_vip_present_while_not_active);
	tcase_add_test(tcase, test_vip_present_in_initialize);
	tcase_add_test(tcase, test_only_the_vip_is_there);
	tcase_add_test(tcase, test_primary_is_no_vip);
	tcase_add_test(tcase, test_primary_is_not_deprecated);
	tcase_add_test(tcase, test_primary_changes_while_active);
	tcase_add_test(tcase, test_primary_and_priority_change_while_active);
	tcase_add_test(tcase, test_ipv6_source_is_link_local);
	tcase_add_test(tcase, test_ipv6_link_local_of_the_file);
	tcase_add_test(tcase, test_ipv6_without_link_local);
	tcase_add_test(tcase, test_ipv6_link_local_alone);
	tcase_add_test(tcase, test_ipv6_address_given_up);
	tcase_add_test(tcase, test_ipv6_vrid_clash);
	tcase_add_loop_test(tcase, test_fault, 0, (int)(2 * sizeof(faults) / sizeof(faults[0])));
	tcase_add_test(tcase, test_faults_together);
	tcase_add_test(tcase, test_before_the_interface_is_known);
	tcase_add_loop_test(tcase, test_interface_created_again, 0, 2);
	tcase_add_test(tcase, test_interface_auto);
	tcase_add_test(tcase, test_interface_unchanged);
	suite_add_tcase(suite, tcase);
}

static void add_unicast_tests(Suite *suite)
{
	TCase *tcase = tcase_create("unicast");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_unicast);
	tcase_add_test(tcase, test_unicast_priority_zero);
	tcase_add_test(tcase, test_unicast_checksum_rfc5798);
	tcase_add_test(tcase, test_multicast_checksum_rfc5798);
	tcase_add_test(tcase, test_unicast_source);
	tcase_add_test(tcase, test_unicast_src_ip);
	tcase_add_test(tcase, test_unicast_ipv6);
	tcase_add_test(tcase, test_unicast_src_ip_of_the_other_family);
	tcase_add_test(tcase, test_unicast_send_fails);
	tcase_add_test(tcase, test_unicast_dual_stack);
	tcase_add_test(tcase, test_unicast_nobody_there);
	suite_add_tcase(suite, tcase);
}

static void add_bands(Suite *suite)
{
	TCase *tcase = tcase_create("bands");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_priority_auto);
	tcase_add_test(tcase, test_priority_auto_is_of_no_vip);
	tcase_add_test(tcase, test_priority_auto_behind_ipv6);
	tcase_add_test(tcase, test_priority_auto_without_ipv4);
	tcase_add_test(tcase, test_ready);
	tcase_add_test(tcase, test_ready_before_configure);
	tcase_add_test(tcase, test_untracked_is_always_ready);
	tcase_add_test(tcase, test_unready_active_is_preempted);
	suite_add_tcase(suite, tcase);
}

static void add_reload(Suite *suite)
{
	TCase *tcase = tcase_create("reload");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_reload_unchanged, 0, 2);
	tcase_add_loop_test(tcase, test_reload_preempt, 0, 8);
	tcase_add_test(tcase, test_reload_priority);
	tcase_add_test(tcase, test_reload_values);
	tcase_add_test(tcase, test_reload_while_held_or_leaving);
	tcase_add_test(tcase, test_reload_vip_list);
	tcase_add_test(tcase, test_reload_vip_list_in_backup);
	tcase_add_test(tcase, test_reload_adds_vip_that_is_there);
	tcase_add_test(tcase, test_reload_first_vip);
	tcase_add_test(tcase, test_reload_interface_auto);
	tcase_add_test(tcase, test_reload_without_memory);
	tcase_add_test(tcase, test_reload_peers);
	tcase_add_loop_test(tcase, test_reload_identity, 0, 4);
	tcase_add_test(tcase, test_reload_removes_instance);
	tcase_add_test(tcase, test_reload_removes_backup);
	tcase_add_test(tcase, test_reload_removes_family);
	suite_add_tcase(suite, tcase);
}

static void add_end(Suite *suite)
{
	TCase *tcase = tcase_create("end and record");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_step_down);
	tcase_add_test(tcase, test_shutdown);
	tcase_add_test(tcase, test_second_shutdown);
	tcase_add_test(tcase, test_shutdown_of_a_backup);
	tcase_add_test(tcase, test_shutdown_with_faults);
	tcase_add_test(tcase, test_history);
	tcase_add_test(tcase, test_heard);
	tcase_add_test(tcase, test_heard_longest_ago);
	tcase_add_test(tcase, test_fini);
	tcase_add_test(tcase, test_active_router);
	tcase_add_test(tcase, test_active_router_after_losing);
	tcase_add_test(tcase, test_active_router_while_active);
	suite_add_tcase(suite, tcase);
}

Suite *suite_engine(void)
{
	Suite *suite = suite_create("engine");

	add_refusals(suite);
	add_order(suite);
	add_interface(suite);
	add_unicast_tests(suite);
	add_bands(suite);
	add_reload(suite);
	add_end(suite);
	return suite;
}
