/* SPDX-License-Identifier: Apache-2.0 */
/* `cpvrrp --cleanup`: what a daemon that has stopped, or was killed, may have left in the kernel.
 */
#ifndef CPVRRP_DAEMON_CLEANUP_H
#define CPVRRP_DAEMON_CLEANUP_H

#include <stdbool.h>
#include <stdio.h>

/* Removes the virtual addresses and the nftables tables, and says so on out. False, and said on
 * err, if something may be left. No daemon may be running. */
bool cleanup_run(FILE *out, FILE *err);

#endif
