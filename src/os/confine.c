/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATUS_SIZE 8192 /* a status is below 2 kB */

#define ANY(call)                                                                                  \
	{                                                                                          \
		.name = (call), .check = CONFINE_ANY                                               \
	}
#define MASKED(call, argument_, mask_, value_)                                                     \
	{                                                                                          \
		.name = (call), .check = CONFINE_MASKED, .argument = (argument_), .mask = (mask_), \
		.value = (value_)                                                                  \
	}
#define EQUAL(call, argument_, value_) MASKED(call, argument_, UINT32_MAX, (uint64_t)(value_))
#define SELF(call, argument_)                                                                      \
	{                                                                                          \
		.name = (call), .check = CONFINE_SELF, .argument = (argument_)                     \
	}

/* The flags of open(2) by which a file is written, made or emptied. */
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct confine_call calls[] = {
	/* The loop. */
	ANY("epoll_ctl"),
	ANY("epoll_pwait"),
	ANY("epoll_pwait2"),
	ANY("epoll_wait"),
	ANY("poll"),
	ANY("ppoll"),
	ANY("timerfd_settime"),

	/* Sockets: packets, netlink, probe, control; a reload opens others. The packet socket and
	 * the timer are open already. */
	EQUAL("socket", 0, AF_INET),
	EQUAL("socket", 0, AF_INET6),
	EQUAL("socket", 0, AF_NETLINK),
	EQUAL("socket", 0, AF_UNIX),
	ANY("accept4"),
	ANY("bind"),
	ANY("connect"),
	ANY("getpeername"),
	ANY("getsockname"),
	ANY("getsockopt"),
	ANY("listen"),
	ANY("recvfrom"),
	ANY("recvmmsg"),
	ANY("recvmsg"),
	ANY("sendmmsg"),
	ANY("sendmsg"),
	ANY("sendto"),
	ANY("setsockopt"),
	ANY("shutdown"),
	EQUAL("ioctl", 1, FIONREAD),
	EQUAL("ioctl", 1, SIOCGIFHWADDR),
	EQUAL("ioctl", 1, SIOCGIFINDEX),
	EQUAL("ioctl", 1, SIOCGIFNAME),

	/* Files: the configuration, certificates and keys, /proc; the control socket's place. */
	MASKED("open", 1, OPEN_WRITES, O_RDONLY),
	MASKED("openat", 2, OPEN_WRITES, O_RDONLY),
	ANY("access"),
	ANY("close"),
	ANY("faccessat"),
	ANY("faccessat2"),
	ANY("fchmod"),
	EQUAL("fcntl", 1, F_GETFD),
	EQUAL("fcntl", 1, F_GETFL),
	EQUAL("fcntl", 1, F_SETFD),
	EQUAL("fcntl", 1, F_SETFL),
	ANY("flock"),
	ANY("fstat"),
	ANY("lseek"),
	ANY("lstat"),
	ANY("mkdir"),
	ANY("mkdirat"),
	ANY("newfstatat"),
	ANY("pread64"),
	ANY("read"),
	ANY("readv"),
	ANY("stat"),
	ANY("statx"),
	ANY("unlink"),
	ANY("unlinkat"),
	ANY("write"),
	ANY("writev"),

	/* Memory. What is executable was never writable: a library may still be loaded. */
	ANY("brk"),
	ANY("madvise"),
	MASKED("mmap", 2, PROT_EXEC, 0),
	MASKED("mmap", 2, PROT_WRITE, 0),
	MASKED("mprotect", 2, PROT_EXEC, 0),
	ANY("mremap"),
	ANY("munmap"),

	/* Threads, but no processes. */
	MASKED("clone", 0, CLONE_THREAD, CLONE_THREAD),
	ANY("clone3"), /* hide_clone3() */
	ANY("exit"),
	ANY("futex"),
	ANY("gettid"),
	ANY("rseq"),
	ANY("sched_getaffinity"),
	ANY("sched_yield"),
	ANY("set_robust_list"),

	/* Signals; abort(3) is one to itself. */
	ANY("exit_group"),
	ANY("restart_syscall"),
	ANY("rt_sigaction"),
	ANY("rt_sigprocmask"),
	ANY("rt_sigreturn"),
	SELF("tgkill", 0),

	/* What libraries want to know. */
	ANY("clock_getres"),
	ANY("clock_gettime"),
	ANY("clock_nanosleep"),
	ANY("getegid"),
	ANY("geteuid"),
	ANY("getgid"),
	ANY("getpid"),
	ANY("getrandom"),
	ANY("gettimeofday"),
	ANY("getuid"),
	EQUAL("prlimit64", 2, 0), /* tells a limit and sets none */
	ANY("sched_getscheduler"),
	ANY("sysinfo"),
	ANY("uname"),
	{.name = NULL},
};

const char *confine_missing(void)
{
	if (capng_get_caps_process() < 0)
		return NULL;
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return "CAP_NET_ADMIN";
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW))
		return "CAP_NET_RAW";
	return NULL;
}

/* There is no RLIMIT_RTTIME: whoever floods the segment with packets keeps the loop from sleeping,
 * and must not get it killed. The kernel leaves others 5 % of the time (sched(7)). */
int confine_realtime(void)
{
	const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	return sched_setscheduler(0, SCHED_RR, &lowest) < 0 ? -errno : 0;
}

int confine_lock_memory(void)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		return -errno;
	return 0;
}

/* /proc/self/status, ended with a zero byte. */
static int read_status(char text[STATUS_SIZE])
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, text, STATUS_SIZE - 1);
	if (size < 0)
		size = -errno;
	close(fd);
	if (size >= 0)
		text[size] = '\0';
	return size < 0 ? (int)size : 0;
}

/* key is "\nName:". */
static uint64_t status_value(const char *status, const char *key, int base)
{
	const char *line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, base) : 0;
}

int confine_read(struct confinement *ret_confinement)
{
	char status[STATUS_SIZE];
	int error = read_status(status);

	if (error < 0)
		return error;
	*ret_confinement = (struct confinement){
		.known = true,
		.capabilities = status_value(status, "\nCapPrm:", 16),
		.no_new_privs = status_value(status, "\nNoNewPrivs:", 10) == 1,
		.seccomp = (enum confine_seccomp)status_value(status, "\nSeccomp:", 10),
		.memory_locked = status_value(status, "\nVmLck:", 10) > 0,
		.realtime = sched_getscheduler(0) == SCHED_RR,
	};
	return 0;
}

/* Capabilities belong to threads, not to the process. */
static int check_alone(void)
{
	char status[STATUS_SIZE];
	int error = read_status(status);

	if (error < 0)
		return error;
	return status_value(status, "\nThreads:", 10) == 1 ? 0 : -EBUSY;
}

/* Clearing the inheritable ones clears the ambient ones. Without CAP_SETPCAP the bounding set
 * stays; it only counts for execve(2). */
static int drop_capabilities(void)
{
	capng_select_t sets = CAPNG_SELECT_CAPS;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		sets = CAPNG_SELECT_BOTH;
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW,
			  -1) < 0 ||
	    capng_apply(sets) < 0)
		return -EPERM;
	return 0;
}

static int forbid_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Keys and tokens are in memory. A core_pattern that is a pipe ignores the limit (core(5)). */
static int forbid_core(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int allow(scmp_filter_ctx filter, const struct confine_call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);
	struct scmp_arg_cmp argument = {.arg = call->argument, .op = SCMP_CMP_MASKED_EQ};

	/* Pseudo numbers, which are negative, stand for calls of other architectures. */
	if (number < 0)
		return 0;
	argument.datum_a = call->check == CONFINE_SELF ? UINT32_MAX : call->mask;
	argument.datum_b = call->check == CONFINE_SELF ? (scmp_datum_t)getpid() : call->value;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number,
				      call->check == CONFINE_ANY ? 0 : 1, &argument);
}

static int allow_all(scmp_filter_ctx filter, const struct confine_call *list)
{
	int error = 0;

	for (; list->name && error == 0; list++)
		error = allow(filter, list);
	return error;
}

/* A filter cannot see the flags of clone3(2), so glibc has to take clone(2). As this happens in
 * every start it gets a filter of its own, which the kernel does not log. */
static int hide_clone3(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error;

	if (!filter)
		return -ENOMEM;
	error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(confine_refusal);
	int error;

	if (!filter)
		return -ENOMEM;
	/* Both are missing in old kernels or libraries, and the filter is the same without. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	error = allow_all(filter, calls);
	if (error == 0)
		error = allow_all(filter, confine_calls_extra);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

static int confirm(void)
{
	const uint64_t wanted = UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW;
	struct confinement now;
	int error = confine_read(&now);

	if (error < 0)
		return error;
	return now.capabilities == wanted && now.no_new_privs &&
			       now.seccomp == CONFINE_SECCOMP_FILTER
		       ? 0
		       : -EPERM;
}

int confine(const char **ret_what)
{
	static const struct {
		const char *what;
		int (*take)(void);
	} steps[] = {
		{"threads", check_alone},
		{"capabilities", drop_capabilities},
		{"no_new_privs", forbid_new_privileges},
		{"core limit", forbid_core},
		{"seccomp", hide_clone3},
		{"seccomp", filter_calls},
		{"confinement", confirm},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int error = steps[i].take();

		if (error < 0) {
			*ret_what = steps[i].what;
			return error;
		}
	}
	return 0;
}
