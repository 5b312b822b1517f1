/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sockets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/log.h"
#include "os/sock.h"
#include "os/vrid_lock.h"

#define DRAIN_MAX 256		  /* packets of one socket in one turn */
#define RENEW_US (60 * SECOND_US) /* well within what a switch waits for a report, 260 s */

/* The raw socket of one interface and family. */
struct slot {
	struct sockets *sockets;
	int ifindex;
	enum addr_family family;
	bool joined; /* the group */
	bool lapsed; /* the interface has lost what the membership needs, perhaps that too */
	struct sock *sock;
	struct event *event;
	bool readable; /* noted by the event; the turn reads */
	struct instant renewed_at;
	struct slot *next;
};

/* That no other daemon of this node runs the virtual router. */
struct hold {
	int ifindex;
	enum addr_family family;
	uint8_t vrid;
	int fd; /* -1 if there is no lock to be had, and the router runs without */
	struct hold *next;
};

struct sockets {
	struct event_base *base;
	struct engine *engine;
	struct slot *slots;
	struct hold *holds;
	struct instant now; /* of the drain in progress */
};

struct sockets *sockets_new(struct event_base *base, struct engine *engine)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return NULL;
	sockets->base = base;
	sockets->engine = engine;
	return sockets;
}

static void slot_free(struct slot *slot)
{
	if (slot->event)
		event_free(slot->event);
	if (slot->sock)
		sock_free(slot->sock);
	free(slot);
}

static void hold_free(struct hold *hold)
{
	if (hold->fd >= 0)
		close(hold->fd);
	free(hold);
}

void sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	while (sockets->slots) {
		struct slot *slot = sockets->slots;

		sockets->slots = slot->next;
		slot_free(slot);
	}
	while (sockets->holds) {
		struct hold *hold = sockets->holds;

		sockets->holds = hold->next;
		hold_free(hold);
	}
	free(sockets);
}

static struct slot *find(const struct sockets *sockets, int ifindex, enum addr_family family)
{
	struct slot *slot = sockets->slots;

	while (slot && (slot->ifindex != ifindex || slot->family != family))
		slot = slot->next;
	return slot;
}

static void note_readable(evutil_socket_t fd, short events, void *context)
{
	struct slot *slot = context;

	(void)fd;
	(void)events;
	slot->readable = true;
}

/* In unicast mode the group is joined too, if that is possible: while a running group changes node
 * by node, the peers that still multicast are heard. */
static int open_sock(struct slot *slot, bool needs_group)
{
	int error = sock_new(slot->ifindex, slot->family, true, &slot->sock);

	slot->joined = error == 0;
	if (error < 0 && !needs_group)
		error = sock_new(slot->ifindex, slot->family, false, &slot->sock);
	return error;
}

static int open_slot(struct sockets *sockets, const struct router *router)
{
	struct slot *slot = calloc(1, sizeof(*slot));
	int error;

	if (!slot)
		return -ENOMEM;
	slot->sockets = sockets;
	slot->ifindex = router->ifindex;
	slot->family = router->settings.family;
	error = open_sock(slot, !router->settings.unicast);
	if (error < 0)
		goto fail;
	slot->event = event_new(sockets->base, sock_fd(slot->sock), EV_READ | EV_PERSIST,
				note_readable, slot);
	error = -ENOMEM;
	if (!slot->event || event_add(slot->event, NULL) < 0)
		goto fail;
	slot->next = sockets->slots;
	sockets->slots = slot;
	return 0;

fail:
	slot_free(slot);
	return error;
}

/* Whether any router uses the socket, and none needs the group that it could not join. */
static bool is_wanted(const struct sockets *sockets, const struct slot *slot)
{
	const struct engine *engine = sockets->engine;
	bool wanted = false, multicast = false;

	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router *router = engine->routers[i];

		if (router->ifindex != slot->ifindex || router->settings.family != slot->family)
			continue;
		wanted = true;
		multicast |= !router->settings.unicast;
	}
	return wanted && (slot->joined || !multicast);
}

static bool is_held_for(const struct hold *hold, const struct router *router)
{
	return router->ifindex == hold->ifindex && router->settings.family == hold->family &&
	       router->settings.vrid == hold->vrid;
}

static void release_unwanted(struct sockets *sockets)
{
	const struct engine *engine = sockets->engine;
	struct hold **at = &sockets->holds;

	while (*at) {
		struct hold *hold = *at;
		bool wanted = false;

		for (size_t i = 0; i < engine->router_count; i++)
			wanted |= is_held_for(hold, engine->routers[i]);
		if (wanted) {
			at = &hold->next;
			continue;
		}
		*at = hold->next;
		hold_free(hold);
	}
}

/* Returns 0, or -EADDRINUSE if another daemon of this node runs the router, or -ENOMEM. */
static int hold_for(struct sockets *sockets, const struct router *router)
{
	struct hold *hold = sockets->holds;
	int error;

	while (hold && !is_held_for(hold, router))
		hold = hold->next;
	if (hold)
		return 0;
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return -ENOMEM;
	*hold = (struct hold){router->ifindex, router->settings.family, router->settings.vrid, -1,
			      sockets->holds};
	error = vrid_lock(hold->ifindex, hold->family, hold->vrid, &hold->fd);
	if (error == -EADDRINUSE) {
		hold_free(hold);
		return error;
	}
	if (error < 0)
		log_warning(ROUTER_FMT ": another daemon of this node would not be noticed: %s",
			    ROUTER_ARG(router), strerror(-error));
	sockets->holds = hold;
	return 0;
}

void sockets_close_unwanted(struct sockets *sockets)
{
	struct slot **at = &sockets->slots;

	release_unwanted(sockets);
	while (*at) {
		struct slot *slot = *at;

		if (is_wanted(sockets, slot)) {
			at = &slot->next;
			continue;
		}
		*at = slot->next;
		slot_free(slot);
	}
}

/* Opens the router's socket, or joins its group again after a fault of the interface. Returns 0 or
 * -errno; -EADDRINUSE if another daemon of this node runs the router. */
static int open_for(struct sockets *sockets, const struct router *router)
{
	struct slot *slot = find(sockets, router->ifindex, router->settings.family);
	int error = hold_for(sockets, router);

	if (error < 0)
		return error;
	if (!slot)
		return open_slot(sockets, router);
	if (router->link_fault != VRRP_FAULT_NONE) {
		slot->lapsed = true;
	} else if (slot->lapsed) {
		error = sock_rejoin(slot->sock);
		slot->lapsed = error < 0;
	}
	return router->settings.unicast ? 0 : error;
}

/* When a Backup has missed adverts, with half of Active_Down_Interval to go: the switch may have
 * forgotten its membership, and the report brings the next advert. INSTANT_NEVER: it has not. */
static struct instant misses_at(const struct router *router)
{
	const struct vrrp *vr = &router->vrrp;
	struct vrrp_takeover takeover;

	if (vr->state != VRRP_STATE_BACKUP || router->settings.unicast)
		return INSTANT_NEVER;
	takeover = vrrp_takeover(vr);
	if (takeover.reason != VRRP_REASON_ACTIVE_DOWN)
		return INSTANT_NEVER;
	return instant_add(takeover.at, -vrrp_active_down_interval_us(vr) / 2);
}

/* When the slot's membership is renewed next because of a Backup that misses adverts. */
static struct instant renew_at(const struct sockets *sockets, const struct slot *slot)
{
	const struct engine *engine = sockets->engine;
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router *router = engine->routers[i];
		struct instant at = misses_at(router);

		if (router->ifindex == slot->ifindex && router->settings.family == slot->family &&
		    slot->renewed_at.us < at.us)
			first = instant_min(first, at);
	}
	return first;
}

/* A failure is mended with the next fault that ends, or in a minute. */
static void renew_memberships(struct sockets *sockets, struct instant now)
{
	for (struct slot *slot = sockets->slots; slot; slot = slot->next) {
		if (!instant_due(instant_add(slot->renewed_at, RENEW_US), now) &&
		    !instant_due(renew_at(sockets, slot), now))
			continue;
		if (sock_renew(slot->sock) < 0)
			slot->lapsed = true;
		slot->renewed_at = now;
	}
}

struct instant sockets_deadline(const struct sockets *sockets)
{
	struct instant first = INSTANT_NEVER;

	for (const struct slot *slot = sockets->slots; slot; slot = slot->next)
		first = instant_min(first, renew_at(sockets, slot));
	return first;
}

/* For the filter against a flood: adverts of other VRIDs are nobody's here. A STATUS has VRID 0. */
static void expect_vrids(const struct sockets *sockets, struct slot *slot)
{
	const struct engine *engine = sockets->engine;
	uint8_t vrids[SOCK_VRIDS_MAX];
	bool members = false;
	size_t count = 0;

	static_assert(SOCK_VRIDS_MAX >= ROUTERS_MAX + 1, "each router has room, and VRID 0");
	for (size_t i = 0; i < engine->router_count; i++) {
		const struct router *router = engine->routers[i];

		if (router->ifindex != slot->ifindex || router->settings.family != slot->family)
			continue;
		vrids[count++] = router->settings.vrid;
		members |= router->settings.members;
	}
	if (members)
		vrids[count++] = 0;
	sock_expect(slot->sock, vrids, count);
}

bool sockets_sync(struct sockets *sockets, struct instant now)
{
	struct engine *engine = sockets->engine;
	bool all_open = true;

	sockets_close_unwanted(sockets);
	for (size_t i = 0; i < engine->router_count; i++) {
		struct router *router = engine->routers[i];
		int error;

		if (router->ifindex == 0)
			continue;
		error = open_for(sockets, router);
		if (error == -EADDRINUSE && !router->socket_closed)
			log_error(ROUTER_FMT ": another daemon of this node runs VRID %u on %s; "
					     "retries in 1 s",
				  ROUTER_ARG(router), (unsigned)router->settings.vrid,
				  router->interface_name);
		else if (error < 0 && !router->socket_closed)
			log_error(ROUTER_FMT ": cannot open a socket on %s: %s; retries in 1 s",
				  ROUTER_ARG(router), router->interface_name, strerror(-error));
		all_open &= error == 0;
		engine_socket(engine, now, router, error == 0);
	}
	for (struct slot *slot = sockets->slots; slot; slot = slot->next)
		expect_vrids(sockets, slot);
	return all_open;
}

int sockets_send(struct sockets *sockets, const struct router *router, const struct addr *source,
		 const struct addr *destination, const uint8_t *bytes, size_t size)
{
	struct slot *slot = find(sockets, router->ifindex, router->settings.family);

	return slot ? sock_send(slot->sock, source, destination, bytes, size) : -ENOTCONN;
}

static void receive(void *context, const struct packet *packet)
{
	struct slot *slot = context;
	struct sockets *sockets = slot->sockets;

	assert(packet->source.family == slot->family);
	engine_packet(sockets->engine, sockets->now, slot->ifindex, packet);
}

int sockets_drain(struct sockets *sockets, struct instant now, bool all)
{
	bool bounded = false;
	int error = 0;

	sockets->now = now;
	for (struct slot *slot = sockets->slots; slot; slot = slot->next) {
		int result = 1;

		if (slot->readable || all)
			result = sock_drain(slot->sock, DRAIN_MAX, receive, slot);
		slot->readable = false;
		bounded |= result == 0;
		if (result < 0)
			error = result;
	}
	if (!bounded)
		renew_memberships(sockets, now);
	if (bounded)
		return 0;
	return error < 0 ? error : 1;
}
