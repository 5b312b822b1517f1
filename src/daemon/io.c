/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/reload.h"
#include "daemon/attach.h"
#include "daemon/elsewhere.h"
#include "daemon/sockets.h"
#include "daemon/track.h"
#include "daemon/watch.h"
#include "os/announce.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/resume.h"
#include "os/vip.h"
#include "report/status.h"

#define RETRY_US SECOND_US /* after a socket that could not be opened or netlink that failed */

/* Failures that may repeat in every turn, beside the refusals and traces of the engine. */
enum complaint {
	COMPLAINT_SEND,
	COMPLAINT_RECEIVE,
	COMPLAINT_ANNOUNCE,
	COMPLAINT_REMOVE,
	COMPLAINT_NETLINK,
	COMPLAINT_WATCH,
	COMPLAINT_PLACE,
	COMPLAINT_COUNT
};

struct io {
	struct engine_io engine_io; /* first: the engine's calls get a pointer to it */
	struct engine *engine;	    /* the caller's */
	unsigned lease_s;

	struct sockets *sockets;
	struct attach *attach;
	struct elsewhere *elsewhere;
	struct vip *vip;
	struct announce *announce;
	struct watch *watch;
	struct track *track;
	struct resume *resume; /* the caller's; NULL = none are kept */

	bool close_told; /* that the kernel cannot end connections */
	void (*added)(void *context, const struct router *router); /* NULL: nobody is told */
	void *added_context;

	struct instant now;   /* of this turn */
	struct instant retry; /* INSTANT_NEVER if nothing has failed */

	struct log_limit refusals[ADVERT_REFUSAL_COUNT];
	struct log_limit status_refusals[GROUP_STATUS_REFUSAL_COUNT];
	struct log_limit traces[ENGINE_TRACE_COUNT];
	struct log_limit complaints[COMPLAINT_COUNT];
};

static struct io *io_of(struct engine_io *engine_io)
{
	return (struct io *)engine_io;
}

struct engine_io *io_engine_io(struct io *io)
{
	return &io->engine_io;
}

static bool may_complain(struct io *io, enum complaint complaint)
{
	uint64_t suppressed;

	return log_allowed(&io->complaints[complaint], io->now, &suppressed);
}

/* ---- What the engine asks for ---- */

static bool send_advert(struct engine_io *engine_io, const struct router *router,
			const struct addr *source, const struct addr *destination,
			const uint8_t *bytes, size_t size)
{
	struct io *io = io_of(engine_io);
	char text[ADDR_TEXT_SIZE];
	int error = sockets_send(io->sockets, router, source, destination, bytes, size);

	if (error < 0 && may_complain(io, COMPLAINT_SEND))
		log_warning(ROUTER_FMT ": cannot send an advert to %s: %s", ROUTER_ARG(router),
			    addr_format(destination, text), strerror(-error));
	return error == 0;
}

/* An advert that cannot be sent is said; a STATUS that cannot has the same cause. */
static bool send_status(struct engine_io *engine_io, const struct router *router,
			const struct addr *source, const struct addr *destination,
			const uint8_t *bytes, size_t size)
{
	struct io *io = io_of(engine_io);

	return sockets_send(io->sockets, router, source, destination, bytes, size) == 0;
}

/* What a removal came to, or for one in the background the one before it. */
static void tell_removed(struct io *io, const struct router *router, const struct addr *address,
			 unsigned prefix_length, int error)
{
	char text[ADDR_TEXT_SIZE];

	if (error < 0 && error != -EADDRNOTAVAIL && error != -ENODEV &&
	    may_complain(io, COMPLAINT_REMOVE))
		log_error("%s: cannot remove %s/%u: %s; the kernel removes it when its lease ends",
			  router->interface_name, addr_format(address, text), prefix_length,
			  strerror(-error));
}

/* CLOSE: with its connections. */
static void depart_one(struct io *io, const struct router *router, const struct addr *address,
		       unsigned prefix_length)
{
	int error = vip_depart(io->vip, router->ifindex, address, prefix_length);

	tell_removed(io, router, address, prefix_length, error);
}

static void remove_addresses(struct engine_io *engine_io, const struct router *router,
			     const struct addr *addresses, size_t count)
{
	struct io *io = io_of(engine_io);
	const struct interface *interface = attach_interface(io->attach, router);

	if (router->ifindex == 0)
		return;
	for (size_t i = 0; i < count; i++)
		depart_one(io, router, &addresses[i], addr_bits(addresses[i].family));
	for (size_t i = 0; interface && i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (addr_in_list(&found->address, addresses, count) &&
		    found->prefix_length != addr_bits(found->address.family))
			depart_one(io, router, &found->address, found->prefix_length);
	}
}

/* The lease of an address that is there is renewed in the background: a failure has time until the
 * next refresh. */
static void renew_one(struct io *io, const struct router *router, const struct addr *address)
{
	char text[ADDR_TEXT_SIZE];
	int error = vip_renew(io->vip, router->ifindex, address, io->lease_s);

	if (error < 0)
		log_error("%s: cannot refresh %s/%u: %s; router " ROUTER_FMT
			  " retries at the next lease refresh",
			  router->interface_name, addr_format(address, text),
			  addr_bits(address->family), strerror(-error), ROUTER_ARG(router));
}

static bool add_one(struct io *io, const struct router *router, const struct addr *address)
{
	char text[ADDR_TEXT_SIZE];
	int error = vip_add(io->vip, router->ifindex, address, io->lease_s);

	if (error < 0)
		log_error("%s: cannot add %s/%u: %s; router " ROUTER_FMT " retries in 1 s",
			  router->interface_name, addr_format(address, text),
			  addr_bits(address->family), strerror(-error), ROUTER_ARG(router));
	return error == 0;
}

/* Those that were added before another one could not be. */
static void take_back(struct io *io, const struct router *router, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct addr *address = &router->settings.addresses[i];
		unsigned bits = addr_bits(address->family);

		if (!router->present[i])
			tell_removed(io, router, address, bits,
				     vip_remove(io->vip, router->ifindex, address, bits));
	}
}

static bool add_all(struct io *io, const struct router *router)
{
	const struct router_settings *settings = &router->settings;

	for (size_t i = 0; i < settings->address_count; i++) {
		if (router->present[i]) {
			renew_one(io, router, &settings->addresses[i]);
			continue;
		}
		if (add_one(io, router, &settings->addresses[i]))
			continue;
		take_back(io, router, i);
		return false;
	}
	return true;
}

static bool add_addresses(struct engine_io *engine_io, const struct router *router,
			  int64_t *ret_took_us)
{
	struct instant start = clock_now();
	struct io *io = io_of(engine_io);
	bool added = add_all(io, router);

	if (added && io->added)
		io->added(io->added_context, router);
	*ret_took_us = instant_since(clock_now(), start);
	return added;
}

/* An address whose family has no own address on the interface announces itself. */
static int announce_one(struct io *io, const struct router *router, const struct addr *address)
{
	const struct addr *own = &router->own[address->family];

	return announce_send(io->announce, router->ifindex,
			     addr_is_unspecified(own) ? address : own, address);
}

static bool announce(struct engine_io *engine_io, const struct router *router)
{
	struct io *io = io_of(engine_io);
	char text[ADDR_TEXT_SIZE];
	bool announced = true;

	for (size_t i = 0; i < router->settings.address_count; i++) {
		const struct addr *address = &router->settings.addresses[i];
		int error = announce_one(io, router, address);

		if (error < 0 && may_complain(io, COMPLAINT_ANNOUNCE))
			log_warning("%s: cannot announce %s: %s", router->interface_name,
				    addr_format(address, text), strerror(-error));
		announced &= error == 0;
	}
	return announced;
}

/* ---- Claims (RESUME) ---- */

static const char *claim_name(const struct router *router, char name[RESUME_NAME_SIZE])
{
	const struct router_settings *settings = &router->settings;

	snprintf(name, RESUME_NAME_SIZE, "%s/%s/%u/%s", settings->instance,
		 addr_family_name(settings->family), settings->vrid, settings->interface);
	return name;
}

static void keep_claim(struct io *io, size_t place, const struct router *router)
{
	const struct vrrp_claim claim = vrrp_claim(&router->vrrp);
	char name[RESUME_NAME_SIZE];

	if (io->resume)
		resume_keep(io->resume, place, claim_name(router, name), &claim);
}

static void find_inherited(struct io *io)
{
	char name[RESUME_NAME_SIZE];

	for (size_t i = 0; io->resume && i < io->engine->router_count; i++) {
		struct router *router = io->engine->routers[i];

		if (!router->vrrp.started)
			router->inherited = resume_find(io->resume, claim_name(router, name));
	}
}

/* ---- What the engine tells ---- */

/* HOLDER: who has the addresses, before this router may take them. Nothing waits for the answer,
 * and where nobody can be asked nobody answers. */
static void ask_holders(struct io *io, const struct router *router)
{
	for (size_t i = 0; i < router->settings.address_count; i++)
		(void)announce_ask(io->announce, router->ifindex, &router->settings.addresses[i]);
}

static void notify(struct engine_io *engine_io, const struct router *router,
		   const struct router_transition *transition)
{
	const struct vrrp_transition *what = &transition->what;
	char why[STATUS_EXPLAIN_SIZE];

	if (what->from == VRRP_STATE_INITIALIZE && what->to == VRRP_STATE_BACKUP)
		ask_holders(io_of(engine_io), router);
	/* A role that has ended is no claim from now on. */
	if (what->from == VRRP_STATE_ACTIVE)
		keep_claim(io_of(engine_io), 0, router);
	status_explain(router, why, sizeof(why));
	if (what->to == what->from)
		log_notice(ROUTER_FMT ": %s: %s", ROUTER_ARG(router), vrrp_state_name(what->to),
			   why);
	else
		log_notice(ROUTER_FMT ": %s -> %s: %s", ROUTER_ARG(router),
			   vrrp_state_name(what->from), vrrp_state_name(what->to), why);
}

static void log_refusal(struct io *io, const struct router *router, enum advert_refusal refusal,
			const struct packet *packet)
{
	char source[ADDR_TEXT_SIZE];
	uint64_t suppressed;

	if (!log_allowed(&io->refusals[refusal], io->now, &suppressed))
		return;
	addr_format(&packet->source, source);
	if (router)
		log_warning(ROUTER_FMT
			    ": refused an advert from %s: %s (VRID %u, %llu more since): %s",
			    ROUTER_ARG(router), source, advert_refusal_name(refusal),
			    router->settings.vrid, (unsigned long long)suppressed,
			    status_refusal(refusal));
	else
		log_info("refused an advert from %s: %s (VRID %u, %llu more since): %s", source,
			 advert_refusal_name(refusal), advert_peek_vrid(packet),
			 (unsigned long long)suppressed, status_refusal(refusal));
}

static void log_claim(const struct router *router)
{
	const struct claims *claims = &router->claims;
	char address[ADDR_TEXT_SIZE], mac[STATUS_MAC_SIZE], usual[STATUS_MAC_SIZE];

	addr_format(&claims->last.address, address);
	status_mac(claims->last.mac, mac);
	if (router->vrrp.state == VRRP_STATE_ACTIVE)
		log_warning(ROUTER_FMT
			    ": another host has %s too, at %s (claim %llu); announced again. If it "
			    "runs cpvrrp, this node does not hear it: is IP protocol 112 let in?",
			    ROUTER_ARG(router), address, mac, (unsigned long long)claims->count);
	else if (claims->has_usual)
		log_warning(ROUTER_FMT
			    ": two hosts have %s, at %s and %s; the Active is one of them",
			    ROUTER_ARG(router), address, status_mac(claims->usual, usual), mac);
	else
		log_warning(ROUTER_FMT ": a host has %s, at %s, whose adverts are not heard",
			    ROUTER_ARG(router), address, mac);
}

static void status_refused(struct engine_io *engine_io, const struct router *router,
			   enum group_status_refusal refusal, const struct packet *packet)
{
	struct io *io = io_of(engine_io);
	char source[ADDR_TEXT_SIZE];
	uint64_t suppressed;

	if (!log_allowed(&io->status_refusals[refusal], io->now, &suppressed))
		return;
	log_warning(ROUTER_FMT ": refused a STATUS from %s: %s (VRID %u, %llu more since)",
		    ROUTER_ARG(router), addr_format(&packet->source, source),
		    group_status_refusal_name(refusal), router->settings.vrid,
		    (unsigned long long)suppressed);
}

static void log_trace(const struct router *router, enum engine_trace what, const char *source)
{
	switch (what) {
	case ENGINE_TRACE_REFUSED:
		break;
	case ENGINE_TRACE_INTERVAL_DIFFERS:
		log_warning(ROUTER_FMT ": %s advertises another advert_int than ours",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_ADDRESSES_DIFFER:
		log_warning(ROUTER_FMT ": %s advertises another list of addresses than ours",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_PRIORITY_OWNER:
		log_warning(ROUTER_FMT ": %s advertises priority 255, as if it owned the address",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_DOUBTED:
		log_warning(ROUTER_FMT
			    ": %s says that it leaves and goes on: another host may speak "
			    "in its name; not believed for %lld s",
			    ROUTER_ARG(router), source, (long long)(ROUTER_DOUBT_US / SECOND_US));
		break;
	case ENGINE_TRACE_STRANGER:
		log_warning(ROUTER_FMT
			    ": the Active is now %s, which sends no STATUS as the members "
			    "do: another implementation, or a host that does not belong here",
			    ROUTER_ARG(router), source);
		break;
	case ENGINE_TRACE_READDED:
		log_warning(ROUTER_FMT
			    ": %s has lost an address of ours (removed by another program, or its "
			    "lease has ended)",
			    ROUTER_ARG(router), router->interface_name);
		break;
	case ENGINE_TRACE_REMOVED:
		log_warning(ROUTER_FMT ": %s had an address of ours while not Active; removed",
			    ROUTER_ARG(router), router->interface_name);
		break;
	case ENGINE_TRACE_CLAIMED:
		log_claim(router);
		break;
	}
}

static void trace(struct engine_io *engine_io, const struct router *router, enum engine_trace what,
		  enum advert_refusal refusal, const struct packet *packet)
{
	struct io *io = io_of(engine_io);
	char source[ADDR_TEXT_SIZE] = "";
	uint64_t suppressed;

	if (what == ENGINE_TRACE_REFUSED) {
		log_refusal(io, router, refusal, packet);
		return;
	}
	if (!log_allowed(&io->traces[what], io->now, &suppressed))
		return;
	if (packet)
		addr_format(&packet->source, source);
	log_trace(router, what, source);
}

/* ---- The parts of a turn ---- */

static void take_netlink_result(struct io *io, int error)
{
	if (error >= 0)
		return;
	io->retry = instant_add(io->now, RETRY_US);
	if (may_complain(io, COMPLAINT_NETLINK))
		log_error("cannot ask netlink for interfaces: %s; retries in 1 s",
			  strerror(-error));
}

static void sync_sockets(struct io *io)
{
	if (!sockets_sync(io->sockets, io->now))
		io->retry = instant_add(io->now, RETRY_US);
}

/* LEASE: an own address that went and came back is behind the VIP, from which the node would speak
 * now. */
static void place_addresses(struct io *io, const struct router *router)
{
	const struct interface *interface = attach_interface(io->attach, router);
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; interface && i < router->settings.address_count; i++) {
		const struct addr *address = &router->settings.addresses[i];
		int error;

		if (!router->present[i] || !router_is_before_own(router, interface, address))
			continue;
		error = vip_place_last(io->vip, router->ifindex, address, io->lease_s);
		if (error < 0 && may_complain(io, COMPLAINT_PLACE))
			log_warning("%s: cannot put %s behind the node's own address, and the "
				    "node may speak from it: %s",
				    router->interface_name, addr_format(address, text),
				    strerror(-error));
	}
}

static void drain_netlink(struct io *io, bool ask)
{
	int news = attach_drain(io->attach, io->now, ask);

	take_netlink_result(io, news);
	if (news == 0)
		return;
	sync_sockets(io);
	take_netlink_result(io, elsewhere_sync(io->elsewhere, io->now));
	for (size_t i = 0; i < io->engine->router_count; i++)
		if (io->engine->routers[i]->vrrp.state == VRRP_STATE_ACTIVE)
			place_addresses(io, io->engine->routers[i]);
}

/* The kernel's modules may be there later, so a reload asks again. */
static void start_vip(struct io *io)
{
	int error = vip_start(io->vip);

	if (error < 0)
		log_warning("cannot make the thread that renews leases: %s; the loop renews them",
			    strerror(-error));
	error = vip_close_connections(io->vip);
	if (error < 0 && !io->close_told)
		log_warning("cannot end the connections of an address that leaves: %s%s; their "
			    "clients have to notice by themselves",
			    strerror(-error),
			    error == -EOPNOTSUPP
				    ? " (the kernel is without CONFIG_INET_DIAG_DESTROY)"
				    : "");
	io->close_told |= error < 0;
}

static void watch_routers(struct io *io)
{
	int error = watch_configure(io->watch);

	if (error < 0)
		log_warning("cannot listen for other holders of the addresses: %s",
			    strerror(-error));
}

/* RECONCILE: what a daemon before this one has left on an interface that its router was on then.
 * Once only: of two daemons with the address neither may take it from the other for ever. */
static void remove_strays(struct io *io)
{
	const struct stray_list *found = elsewhere_found(io->elsewhere);
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < found->count; i++) {
		const struct stray *stray = &found->list[i];

		if (!stray->vip)
			continue;
		log_warning("%s/%u was left on another interface by a cpvrrp; removed",
			    addr_format(&stray->address, text), stray->prefix_length);
		(void)vip_depart(io->vip, stray->ifindex, &stray->address, stray->prefix_length);
	}
}

bool io_configure(struct io *io, struct instant now, const struct router_settings *settings,
		  size_t count, unsigned lease_s)
{
	bool first = io->engine->router_count == 0;

	start_vip(io);
	io->now = now;
	/* Takes what the kernel has said meanwhile, so that nothing is compared with the past. */
	drain_netlink(io, io->engine->router_count > 0);
	if (!reload_routers(io->engine, now, settings, count))
		return false;
	io->lease_s = lease_s;
	find_inherited(io);
	track_configure(io->track, now);
	/* Before a router starts, which asks who has its addresses. */
	watch_routers(io);
	take_netlink_result(io, attach_all(io->attach, now));
	sync_sockets(io);
	take_netlink_result(io, elsewhere_sync(io->elsewhere, now));
	if (first)
		remove_strays(io);
	return true;
}

bool io_receive(struct io *io, struct instant now)
{
	bool timer_due = instant_due(io_deadline(io), now);
	int result, error;

	io->now = now;
	drain_netlink(io, false);
	track_files(io->track, now);
	take_netlink_result(io, elsewhere_drain(io->elsewhere, now));
	result = sockets_drain(io->sockets, now, timer_due);
	if (result < 0 && may_complain(io, COMPLAINT_RECEIVE))
		log_warning("cannot receive adverts: %s", strerror(-result));
	error = watch_drain(io->watch, now);
	if (error < 0 && may_complain(io, COMPLAINT_WATCH))
		log_warning("cannot receive claims: %s", strerror(-error));
	return result != 0;
}

uint64_t io_connections_closed(const struct io *io)
{
	return vip_closed_count(io->vip);
}

void io_timers(struct io *io, struct instant now, bool drained)
{
	engine_timers(io->engine, now, drained);
	elsewhere_timers(io->elsewhere, now);
	for (size_t i = 0; i < io->engine->router_count; i++)
		keep_claim(io, i, io->engine->routers[i]);
	if (!instant_due(io->retry, now))
		return;
	io->retry = INSTANT_NEVER;
	drain_netlink(io, true);
	take_netlink_result(io, attach_all(io->attach, now));
	sync_sockets(io);
	take_netlink_result(io, elsewhere_sync(io->elsewhere, now));
}

struct instant io_deadline(const struct io *io)
{
	struct instant first = instant_min(engine_deadline(io->engine), io->retry);

	first = instant_min(first, watch_deadline(io->watch));
	first = instant_min(first, track_deadline(io->track));
	first = instant_min(first, sockets_deadline(io->sockets));
	return instant_min(first, elsewhere_deadline(io->elsewhere));
}

const struct interface *io_interface(const struct io *io, const struct router *router)
{
	return attach_interface(io->attach, router);
}

void io_set_added(struct io *io, void (*added)(void *context, const struct router *router),
		  void *context)
{
	io->added = added;
	io->added_context = context;
}

int io_new(struct event_base *base, struct engine *engine, struct io **ret_io)
{
	struct io *io = calloc(1, sizeof(*io));
	int error = -ENOMEM;

	if (!io)
		return -ENOMEM;
	io->engine_io = (struct engine_io){
		.send_advert = send_advert,
		.add = add_addresses,
		.remove = remove_addresses,
		.announce = announce,
		.notify = notify,
		.trace = trace,
		.send_status = send_status,
		.status_refused = status_refused,
	};
	io->engine = engine;
	io->retry = INSTANT_NEVER;
	io->sockets = sockets_new(base, engine);
	if (!io->sockets)
		goto fail;
	error = attach_new(base, engine, io->sockets, &io->attach);
	if (error < 0)
		goto fail;
	error = elsewhere_new(base, engine, &io->elsewhere);
	if (error < 0)
		goto fail;
	error = vip_new(&io->vip);
	if (error < 0)
		goto fail;
	error = announce_new(&io->announce);
	if (error < 0)
		goto fail;
	error = watch_new(base, engine, &io->watch);
	if (error < 0)
		goto fail;
	error = track_new(base, engine, &io->track);
	if (error < 0)
		goto fail;
	*ret_io = io;
	return 0;

fail:
	io_free(io);
	return error;
}

void io_use_resume(struct io *io, struct resume *resume)
{
	io->resume = resume;
}

void io_free(struct io *io)
{
	if (!io)
		return;
	track_free(io->track);
	watch_free(io->watch);
	announce_free(io->announce);
	vip_free(io->vip);
	elsewhere_free(io->elsewhere);
	attach_free(io->attach);
	sockets_free(io->sockets);
	free(io);
}
