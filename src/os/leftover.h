/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses that a daemon which does not run any more has left in the kernel: those with
 * IFA_PROTO 112, whatever their interface. Without IFA_PROTO (before Linux 5.18) there is nothing
 * to know them by, and they stay until their lease ends.
 */
#ifndef CPVRRP_OS_LEFTOVER_H
#define CPVRRP_OS_LEFTOVER_H

#include "core/addr.h"

/* Removes them all and tells of each, with 0 or -errno. Returns 0, or -errno if the kernel does not
 * list its addresses. */
int leftover_remove(void (*removed)(void *context, int ifindex, const struct addr *address,
				    int error),
		    void *context);

#endif
