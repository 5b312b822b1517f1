/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where on this node addresses are that belong on one interface and nowhere else (rule RECONCILE):
 * a VIP on `lo` or on another interface is answered for there, whoever is Active. Followed by
 * netlink events; a socket filter on the addresses drops all others in the kernel, so what an
 * interface says that nobody asked for costs nothing.
 */
#ifndef CPVRRP_OS_STRAY_H
#define CPVRRP_OS_STRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"

#define STRAYS_MAX 64 /* more are not kept */

/* An address, and the interface where it is no stray. */
struct stray_sought {
	struct addr address;
	int ifindex;
};

struct stray {
	struct addr address;
	unsigned prefix_length;
	int ifindex; /* where it is */
	bool vip;    /* a cpvrrp has added it (IFA_PROTO) */
};

struct stray_list {
	size_t count;
	struct stray list[STRAYS_MAX];
};

struct strays;

/* Returns 0 or -errno. */
int strays_new(struct strays **ret_strays);
/* NULL is allowed. */
void strays_free(struct strays *strays);

/* For polling only. */
int strays_fd(const struct strays *strays);

/* Looks for these from now on, which it copies. Returns 0 or -errno, after which the next
 * strays_drain() asks again. */
int strays_seek(struct strays *strays, const struct stray_sought *sought, size_t count);

/* Takes what the kernel has said. Returns 1 if the list may be another one, 0 if it is the same, or
 * -errno. */
int strays_drain(struct strays *strays);

/* Valid until the next call. */
const struct stray_list *strays_get(const struct strays *strays);

#endif
