/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <errno.h>
#include <seccomp.h>

const struct confine_call confine_calls_extra[] = {{.name = NULL}};
const char *const confine_directories_extra[] = {NULL};

/*
 * They fail as on a kernel that does not have them, which libraries are prepared for, and the
 * kernel logs them. To kill for one would let a new habit of a library end the daemon on every node
 * at once.
 */
const uint32_t confine_refusal = SCMP_ACT_ERRNO(ENOSYS);
