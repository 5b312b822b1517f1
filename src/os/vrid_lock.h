/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps two daemons of one node from running the same virtual router on one interface: they would
 * send adverts of one VRID from one address, and the VIP would move with each. The lock is an
 * abstract Unix socket, whose names belong to the network namespace and end with their process.
 *
 * Any user can take such a name, so only that of a user who may run a daemon is a lock: the user of
 * this process, root, or a system user (uid below 1000), as the service has.
 */
#ifndef CPVRRP_OS_VRID_LOCK_H
#define CPVRRP_OS_VRID_LOCK_H

#include <stdint.h>

#include "core/addr.h"

/*
 * The lock is held until *ret_fd is closed. Returns 0, -EADDRINUSE if another daemon of this node
 * runs the virtual router, -EPERM if a user who may run none has taken the name or the kernel does
 * not tell who has, or another -errno.
 */
int vrid_lock(int ifindex, enum addr_family family, uint8_t vrid, int *ret_fd);

#endif
