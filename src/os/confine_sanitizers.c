/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <seccomp.h>

/* At the end LeakSanitizer stops the process from another one, which traces it. */
const struct confine_call confine_calls_extra[] = {
	{.name = "clone"},    {.name = "getdents"},   {.name = "getdents64"},
	{.name = "getppid"},  {.name = "prctl"},      {.name = "ptrace"},
	{.name = "readlink"}, {.name = "readlinkat"}, {.name = "sigaltstack"},
	{.name = "wait4"},    {.name = NULL},
};

/* LeakSanitizer finds the threads and the memory of the process there. */
const char *const confine_directories_extra[] = {"/proc", NULL};

/* The tests shall see every call that the table lacks. */
const uint32_t confine_refusal = SCMP_ACT_KILL_PROCESS;
