/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an address can be a VIP on an interface: the file alone does not tell, because it has no
 * prefix lengths. Pure.
 */
#ifndef CPVRRP_DAEMON_VIP_CHECK_H
#define CPVRRP_DAEMON_VIP_CHECK_H

#include <stdbool.h>

#include "core/router.h"

#define VIP_CHECK_SIZE 192

/* False, with a sentence without a full stop in text, if vip is the network or broadcast address of
 * a prefix of the interface. */
bool vip_check(const struct interface *interface, const struct addr *vip,
	       char text[VIP_CHECK_SIZE]);

#endif
