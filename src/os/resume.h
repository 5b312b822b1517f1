/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claims of the node's virtual routers, in a file that outlives the process (rule RESUME). The
 * file is mapped, so keeping a claim is no system call, and what was kept last is there however the
 * process ends. A file of another boot counts for nothing. Opened before confine(); afterwards
 * nothing here asks the kernel for anything.
 */
#ifndef CPVRRP_OS_RESUME_H
#define CPVRRP_OS_RESUME_H

#include <stddef.h>

#include "core/vrrp.h"

#define RESUME_NAME_SIZE 104 /* of a router: longer names have no claim */
#define RESUME_MAX 255	     /* as many as there can be routers */

struct resume;

/* Makes the file where it is missing, with mode 0600. What it held is for resume_find(); the file
 * itself begins anew. Returns 0 or -errno: -EPERM if it is another user's, -ENOTSUP if it is no
 * regular file. */
int resume_open(const char *path, struct resume **ret_resume);
void resume_close(struct resume *resume);

/* The claim that the process before has left under this name, on this process's clock; without an
 * interval if there is none. */
struct vrrp_claim resume_find(const struct resume *resume, const char *name);

/* Keeps the claim in place of the one before. place: where it was the last time, else any. */
void resume_keep(struct resume *resume, size_t place, const char *name,
		 const struct vrrp_claim *claim);

#endif
