/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon gives up before its loop, which reads what strangers send: capabilities, new
 * privileges, core dumps, files and system calls. And what it asks for: to run first, with memory
 * that is not paged out. Done once, by a process of one thread; threads that are made later are
 * confined as it is. doc/confinement.md has what code that runs inside could still do.
 */
#ifndef CPVRRP_OS_CONFINE_H
#define CPVRRP_OS_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/landlock.h"

/* As in /proc/PID/status. */
enum confine_seccomp {
	CONFINE_SECCOMP_DISABLED,
	CONFINE_SECCOMP_STRICT,
	CONFINE_SECCOMP_FILTER,
};

/* What is in force. */
struct confinement {
	bool known;
	uint64_t capabilities; /* permitted, a bit for each */
	bool no_new_privs;
	enum confine_seccomp seccomp;
	unsigned landlock; /* its version, 0 if files are not restricted */
	bool memory_locked;
	bool realtime;
};

/* The name of a capability that is needed and missing (capabilities(7)), or NULL. */
const char *confine_missing(void);

/*
 * SCHED_RR priority 1: the process runs before every SCHED_OTHER task. Needs CAP_SYS_NICE or
 * RLIMIT_RTPRIO. Returns 0 or -errno.
 */
int confine_realtime(void);

/*
 * Memory, present and future, stays where it is once it is used, so that on a node that is short of
 * it no advert waits for a disk. Only where RLIMIT_MEMLOCK can be infinite: with another limit an
 * allocation could fail later. Returns 0 or -errno.
 */
int confine_lock_memory(void);

/*
 * From here on CAP_NET_ADMIN and CAP_NET_RAW alone, no new privileges, no core dump, only these
 * files (where the kernel has Landlock) and only the system calls of the table. files->directories
 * is left out: it depends on the kind of build. Returns 0 when the kernel has confirmed it, or
 * -errno and in *ret_what what was refused.
 */
int confine(const struct landlock_files *files, const char **ret_what);

/* Keeps these capabilities alone, a bit for each. Returns 0 or -errno. */
int confine_capabilities(uint64_t kept);

/* What is in force, as the kernel tells. Returns 0 or -errno. */
int confine_read(struct confinement *ret_confinement);

/* What an argument of a system call must be. */
struct confine_condition {
	enum confine_check {
		CONFINE_NOTHING, /* there is no more condition */
		CONFINE_MASKED,	 /* (argument & mask) == value */
		CONFINE_SELF,	 /* this process */
	} check;
	unsigned argument; /* its number, from 0 */
	uint64_t mask;
	uint64_t value;
};

#define CONFINE_CONDITIONS_MAX 3

/* A system call that is allowed where all conditions hold. Several with one name add up. */
struct confine_call {
	const char *name; /* one that the architecture does not have is left out */
	struct confine_condition conditions[CONFINE_CONDITIONS_MAX];
};

/* What this kind of build needs besides; the last one has no name. */
extern const struct confine_call confine_calls_extra[];

/* What this kind of build reads besides, with all that is below; the last one is NULL. */
extern const char *const confine_directories_extra[];

/* What it does with other calls: an action of libseccomp. */
extern const uint32_t confine_refusal;

#endif
