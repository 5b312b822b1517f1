/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who on the segment has the VIPs (rule HOLDER), for --check-config: asks once, as a host that does
 * not have them, and listens for a second, and if one is claimed for advert_int more. A VIP that is
 * in use belongs to the Active of the group, if an advert of one is heard meanwhile.
 */
#ifndef CPVRRP_DAEMON_HOLDER_CHECK_H
#define CPVRRP_DAEMON_HOLDER_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/neigh.h"
#include "core/router.h"

/*
 * The claims of others to addresses of the router, each address once, to list, which has
 * ROUTER_ADDRESSES_MAX places. Returns how many; none if an Active of the group is heard, or if
 * this process may not ask.
 */
size_t holder_check(const struct router *router, struct neigh_claim *ret_list);

#endif
