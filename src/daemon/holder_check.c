/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/holder_check.h"

#include <poll.h>
#include <string.h>

#include "core/instant.h"
#include "os/announce.h"
#include "os/clock.h"
#include "os/holder.h"
#include "os/sock.h"

#define LISTEN_US SECOND_US
#define PACKETS_MAX 64 /* read at once */

struct check {
	const struct router *router;
	bool has_active; /* an advert with our VRID was heard */
	size_t count;
	struct neigh_claim *list;
};

static void take_claim(void *context, int ifindex, const struct neigh_claim *claim)
{
	struct check *check = context;
	const struct router *router = check->router;
	const struct router_settings *settings = &router->settings;

	if (ifindex != router->ifindex ||
	    memcmp(claim->mac, router->mac, sizeof(router->mac)) == 0 ||
	    neigh_is_virtual_mac(claim->mac, settings->vrid) ||
	    !addr_in_list(&claim->address, settings->addresses, settings->address_count))
		return;
	for (size_t i = 0; i < check->count; i++)
		if (addr_equal(&check->list[i].address, &claim->address))
			return;
	check->list[check->count++] = *claim;
}

static void take_packet(void *context, const struct packet *packet)
{
	struct check *check = context;
	struct advert advert;

	check->has_active |= advert_decode(packet, &advert) == ADVERT_OK &&
			     advert.vrid == check->router->settings.vrid;
}

static void listen_for_both(struct check *check, struct holder *holder, struct sock *sock)
{
	struct instant end = instant_add(clock_now(), LISTEN_US);
	struct instant end_of_claimed =
		instant_add(end, vrrp_config_interval_us(&check->router->settings.vrrp));
	struct pollfd polled[HOLDER_FDS + 1];
	int fds[HOLDER_FDS];
	unsigned count = holder_fds(holder, fds);
	struct instant now;

	for (unsigned i = 0; i < count; i++)
		polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	polled[count] = (struct pollfd){.fd = sock_fd(sock), .events = POLLIN};
	for (;;) {
		/* The claim may be the Active's, whose advert comes once in an interval. */
		if (check->count > 0)
			end = end_of_claimed;
		now = clock_now();
		if (check->has_active || instant_due(end, now))
			return;
		(void)poll(polled, count + 1, (int)(instant_since(end, now) / 1000) + 1);
		if (holder_drain(holder, PACKETS_MAX, take_claim, check) < 0 ||
		    sock_drain(sock, PACKETS_MAX, take_packet, check) < 0)
			return;
	}
}

size_t holder_check(const struct router *router, struct neigh_claim *ret_list)
{
	const struct router_settings *settings = &router->settings;
	struct check check = {.router = router, .list = ret_list};
	struct announce *announce = NULL;
	struct holder *holder = NULL;
	struct sock *sock = NULL;

	if (holder_new(&holder) == 0 &&
	    holder_watch(holder, settings->addresses, settings->address_count) == 0 &&
	    announce_new(&announce) == 0 &&
	    sock_new(router->ifindex, settings->family, true, &sock) == 0) {
		for (size_t i = 0; i < settings->address_count; i++)
			(void)announce_ask(announce, router->ifindex, &settings->addresses[i]);
		listen_for_both(&check, holder, sock);
	}
	if (sock)
		sock_free(sock);
	if (announce)
		announce_free(announce);
	holder_free(holder);
	return check.has_active ? 0 : check.count;
}
