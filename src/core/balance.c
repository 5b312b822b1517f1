/* SPDX-License-Identifier: Apache-2.0 */
#include "core/balance.h"

#include <assert.h>

static_assert(BALANCE_OVERLAP_US < BALANCE_LINGER_US, "a member lingers after it left the walk");

static const struct balance_member *find(const struct balance_member *list, size_t count,
					 enum addr_family family, const struct addr *address)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(&list[i].addresses[family], address))
			return &list[i];
	return NULL;
}

static bool is_known(const struct balance *balance, enum addr_family family,
		     const struct addr *address)
{
	for (size_t i = 0; i < balance->count; i++)
		if (addr_equal(&balance->peers[i].what.addresses[family], address))
			return true;
	return false;
}

static struct instant forgotten_at(const struct balance_peer *peer)
{
	if (peer->up)
		return INSTANT_NEVER;
	return instant_add(peer->since,
			   peer->what.left ? BALANCE_LINGER_LEFT_US : BALANCE_LINGER_US);
}

/* The moment at which a peer stops to be asked in its place of the walk. */
static struct instant walks_until(const struct balance_peer *peer)
{
	return peer->up ? INSTANT_NEVER : instant_add(peer->since, BALANCE_OVERLAP_US);
}

static struct instant lingers_until(const struct balance_peer *peer)
{
	return peer->up ? instant_add(peer->since, BALANCE_RETURN_US) : forgotten_at(peer);
}

static void take_peer(struct balance_peer *peer, struct instant now,
		      const struct balance_member *heard)
{
	bool up = heard != NULL && !heard->left;

	if (heard)
		peer->what = *heard;
	if (peer->up != up)
		peer->since = now;
	peer->up = up;
}

void balance_take(struct balance *balance, struct instant now, enum addr_family family,
		  const struct balance_member *heard, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < balance->count; i++) {
		struct balance_peer *peer = &balance->peers[i];

		take_peer(peer, now, find(heard, count, family, &peer->what.addresses[family]));
		if (!instant_due(forgotten_at(peer), now))
			balance->peers[kept++] = *peer;
	}
	balance->count = kept;
	for (size_t i = 0; i < count && balance->count < BALANCE_PEERS_MAX; i++) {
		if (is_known(balance, family, &heard[i].addresses[family]))
			continue;
		/* The first that a daemon hears of a member may be that it ends. */
		balance->peers[balance->count++] =
			(struct balance_peer){.what = heard[i], .up = !heard[i].left, .since = now};
	}
	assert(balance->count <= BALANCE_PEERS_MAX);
}

void balance_view(const struct balance *balance, struct instant now, enum addr_family family,
		  const struct balance_member *own, struct balance_view *ret_view)
{
	struct balance_view *view = ret_view;

	*view = (struct balance_view){.group.member_count = balance->count + 1};
	view->members[0] = *own;
	view->group.members[0] = (struct slots_member){
		.address = own->addresses[family], .live = true, .band = own->band};
	for (size_t i = 0; i < balance->count; i++) {
		const struct balance_peer *peer = &balance->peers[i];

		view->members[i + 1] = peer->what;
		view->lingers[i + 1] = !instant_due(lingers_until(peer), now);
		view->group.members[i + 1] = (struct slots_member){
			.address = peer->what.addresses[family],
			.live = !instant_due(walks_until(peer), now),
			.band = peer->up ? peer->what.band : PRIORITY_BAND_LEAVING,
		};
	}
}

struct instant balance_deadline(const struct balance *balance, struct instant now)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < balance->count; i++) {
		const struct balance_peer *peer = &balance->peers[i];

		if (!instant_due(walks_until(peer), now))
			first = instant_min(first, walks_until(peer));
		if (!instant_due(lingers_until(peer), now))
			first = instant_min(first, lingers_until(peer));
	}
	return first;
}
