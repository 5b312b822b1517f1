/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/fake_io.h"

#include <assert.h>
#include <string.h>

static struct fake_io *io_of(struct engine_io *engine_io)
{
	return (struct fake_io *)engine_io;
}

static void before(struct fake_io *io, const struct fake_call *call)
{
	if (io->before)
		io->before(io, call);
}

static void after(struct fake_io *io, const struct fake_call *call)
{
	if (io->after)
		io->after(io, call);
}

static bool is_on(const struct fake_io *io, const struct router *router)
{
	return io->index != 0 && io->index == router->ifindex;
}

/* ---- The kernel ---- */

struct fake_address *fake_io_find(struct fake_io *io, const struct addr *address)
{
	for (size_t i = 0; i < io->address_count; i++)
		if (addr_equal(&io->addresses[i].shown.address, address))
			return &io->addresses[i];
	return NULL;
}

struct fake_address *fake_io_assign(struct fake_io *io, const struct addr *address,
				    uint8_t prefix_length)
{
	struct fake_address *slot = fake_io_find(io, address);

	if (slot)
		return slot;
	assert(io->address_count < FAKE_ADDRESSES_MAX);
	slot = &io->addresses[io->address_count++];
	*slot = (struct fake_address){
		.shown = {.address = *address, .prefix_length = prefix_length},
		.expires = INSTANT_NEVER,
	};
	io->changed = true;
	return slot;
}

/* The order of the others stays: netlink shows the oldest address first. */
void fake_io_unassign(struct fake_io *io, const struct addr *address)
{
	struct fake_address *slot = fake_io_find(io, address);
	size_t behind;

	if (!slot)
		return;
	behind = (size_t)(&io->addresses[io->address_count] - slot) - 1;
	memmove(slot, slot + 1, behind * sizeof(*slot));
	io->address_count--;
	io->changed = true;
}

void fake_io_expire(struct fake_io *io, struct instant now)
{
	for (size_t i = io->address_count; i-- > 0;) {
		const struct addr address = io->addresses[i].shown.address;

		if (instant_due(io->addresses[i].expires, now))
			fake_io_unassign(io, &address);
	}
}

struct instant fake_io_next_expiry(const struct fake_io *io)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < io->address_count; i++)
		first = instant_min(first, io->addresses[i].expires);
	return first;
}

void fake_io_show(struct fake_io *io, struct interface *ret_interface)
{
	memcpy(ret_interface->name, io->name, sizeof(ret_interface->name));
	ret_interface->index = io->index;
	ret_interface->up = io->up;
	ret_interface->port = io->port;
	memcpy(ret_interface->mac, io->mac, sizeof(ret_interface->mac));
	ret_interface->carrier_changes = io->carrier_changes;
	ret_interface->address_count = io->address_count;
	for (size_t i = 0; i < io->address_count; i++)
		ret_interface->addresses[i] = io->addresses[i].shown;
	io->changed = false;
}

bool fake_io_has_all(struct fake_io *io, const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (!fake_io_find(io, &router->settings.addresses[i]))
			return false;
	return true;
}

bool fake_io_has_any(struct fake_io *io, const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (fake_io_find(io, &router->settings.addresses[i]))
			return true;
	return false;
}

/* ---- struct engine_io ---- */

/* One copy of an advert or of a STATUS, kept in *sent. */
static bool send_copy(struct fake_io *io, struct fake_call *call, struct fake_sent *sent)
{
	before(io, call);
	call->failed = io->send_fails || !is_on(io, call->router) ||
		       addr_equal(call->send.destination, &io->unreachable);
	assert(call->send.size >= ADVERT_HEADER_SIZE && call->send.size <= sizeof(sent->bytes));
	*sent = (struct fake_sent){
		.router = call->router,
		.failed = call->failed,
		.source = *call->send.source,
		.destination = *call->send.destination,
		.priority = call->send.bytes[2],
		.size = call->send.size,
	};
	memcpy(sent->bytes, call->send.bytes, call->send.size);
	after(io, call);
	return !call->failed;
}

static bool send_advert(struct engine_io *engine_io, const struct router *router,
			const struct addr *source, const struct addr *destination,
			const uint8_t *bytes, size_t size)
{
	struct fake_io *io = io_of(engine_io);
	struct fake_call call = {
		.type = FAKE_CALL_SEND,
		.router = router,
		.send = {.source = source,
			 .destination = destination,
			 .bytes = bytes,
			 .size = size},
	};

	return send_copy(io, &call, &io->sent[io->sent_count++ % FAKE_SENT_MAX]);
}

static bool send_status(struct engine_io *engine_io, const struct router *router,
			const struct addr *source, const struct addr *destination,
			const uint8_t *bytes, size_t size)
{
	struct fake_io *io = io_of(engine_io);
	struct fake_call call = {
		.type = FAKE_CALL_STATUS,
		.router = router,
		.send = {.source = source,
			 .destination = destination,
			 .bytes = bytes,
			 .size = size},
	};

	return send_copy(io, &call, &io->status_sent[io->status_count++ % FAKE_SENT_MAX]);
}

const struct fake_sent *fake_io_last_sent(const struct fake_io *io)
{
	assert(io->sent_count > 0);
	return &io->sent[(io->sent_count - 1) % FAKE_SENT_MAX];
}

const struct fake_sent *fake_io_last_status(const struct fake_io *io)
{
	assert(io->status_count > 0);
	return &io->status_sent[(io->status_count - 1) % FAKE_SENT_MAX];
}

/* As daemon/io: a call that has only leases to renew does not fail. */
static bool is_renewal(const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		if (!router->present[i])
			return false;
	return true;
}

/* LEASE: preferred_lft 0 and IFA_PROTO, so that the kernel shows it as deprecated and as a VIP. */
static void put(struct fake_io *io, const struct addr *address)
{
	struct fake_address *slot = fake_io_find(io, address);

	if (!slot) {
		slot = fake_io_assign(io, address, (uint8_t)addr_bits(address->family));
		slot->shown.deprecated = true;
		slot->shown.vip = true;
	}
	slot->expires = io->lease_end;
	slot->shown.leased = !instant_is_never(io->lease_end);
}

/* As daemon/io: of what this call has added nothing is left if one address cannot be. */
static bool add(struct engine_io *engine_io, const struct router *router, int64_t *ret_took_us)
{
	struct fake_io *io = io_of(engine_io);
	const struct router_settings *settings = &router->settings;
	struct fake_call call = {.type = FAKE_CALL_ADD, .router = router};
	bool fails;
	size_t done;

	before(io, &call);
	fails = io->add_fails || !is_on(io, router);
	done = fails ? io->add_fails_at : settings->address_count;
	for (size_t i = 0; i < done && i < settings->address_count && is_on(io, router); i++)
		put(io, &settings->addresses[i]);
	for (size_t i = 0; fails && i < done && i < settings->address_count; i++)
		if (!router->present[i])
			fake_io_unassign(io, &settings->addresses[i]);
	*ret_took_us = is_renewal(router) ? 0 : io->add_takes_us;
	call.failed = fails;
	after(io, &call);
	return !fails || is_renewal(router);
}

static void remove_addresses(struct engine_io *engine_io, const struct router *router,
			     const struct addr *addresses, size_t count)
{
	struct fake_io *io = io_of(engine_io);
	const struct fake_call call = {
		.type = FAKE_CALL_REMOVE,
		.router = router,
		.remove = {.addresses = addresses, .count = count},
	};

	before(io, &call);
	for (size_t i = 0; i < count && is_on(io, router); i++)
		fake_io_unassign(io, &addresses[i]);
	after(io, &call);
}

static bool announce(struct engine_io *engine_io, const struct router *router)
{
	struct fake_io *io = io_of(engine_io);
	struct fake_call call = {.type = FAKE_CALL_ANNOUNCE, .router = router};

	before(io, &call);
	call.failed = io->announce_fails || !is_on(io, router);
	after(io, &call);
	return !call.failed;
}

static void notify(struct engine_io *engine_io, const struct router *router,
		   const struct router_transition *transition)
{
	struct fake_io *io = io_of(engine_io);
	const struct fake_call call = {
		.type = FAKE_CALL_NOTIFY,
		.router = router,
		.transition = transition,
	};

	before(io, &call);
	after(io, &call);
}

static void trace(struct engine_io *engine_io, const struct router *router, enum engine_trace what,
		  enum advert_refusal refusal, const struct packet *packet)
{
	struct fake_io *io = io_of(engine_io);
	const struct fake_call call = {
		.type = FAKE_CALL_TRACE,
		.router = router,
		.trace = {.what = what, .refusal = refusal, .packet = packet},
	};

	assert((what == ENGINE_TRACE_REFUSED) == (refusal != ADVERT_OK));
	assert(what != ENGINE_TRACE_REFUSED || packet);
	before(io, &call);
	after(io, &call);
}

static void status_refused(struct engine_io *engine_io, const struct router *router,
			   enum group_status_refusal refusal, const struct packet *packet)
{
	struct fake_io *io = io_of(engine_io);
	const struct fake_call call = {
		.type = FAKE_CALL_STATUS_REFUSED,
		.router = router,
		.status_refused = {.refusal = refusal, .packet = packet},
	};

	assert(refusal != GROUP_STATUS_OK && packet);
	before(io, &call);
	after(io, &call);
}

void fake_io_init(struct fake_io *io, const char *name, int index)
{
	*io = (struct fake_io){
		.engine_io =
			{
				.send_advert = send_advert,
				.add = add,
				.remove = remove_addresses,
				.announce = announce,
				.notify = notify,
				.trace = trace,
				.send_status = send_status,
				.status_refused = status_refused,
			},
		.index = index,
		.up = true,
		.lease_end = INSTANT_NEVER,
	};
	assert(strlen(name) < sizeof(io->name));
	strcpy(io->name, name);
}
