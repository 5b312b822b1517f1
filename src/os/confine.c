/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/advert.h"

/* The capabilities of the daemon. */
#define KEPT (UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW)

#define STATUS_SIZE 8192 /* a status is below 2 kB */

#define ANY(call)                                                                                  \
	{                                                                                          \
		.name = (call)                                                                     \
	}
#define IF(call, ...)                                                                              \
	{                                                                                          \
		.name = (call), .conditions = { __VA_ARGS__ }                                      \
	}
#define BITS(argument_, mask_, value_)                                                             \
	{                                                                                          \
		.check = CONFINE_MASKED, .argument = (argument_), .mask = (mask_),                 \
		.value = (value_)                                                                  \
	}
/* For an int, of which the kernel takes 32 bits, and for a pointer. */
#define IS(argument_, value_) BITS(argument_, UINT32_MAX, (uint64_t)(value_))
#define IS_NULL(argument_) BITS(argument_, UINT64_MAX, 0)
#define IS_SELF(argument_)                                                                         \
	{                                                                                          \
		.check = CONFINE_SELF, .argument = (argument_)                                     \
	}

#define SOCKET_FLAGS ((uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
#define SOCKET(family, type, protocol)                                                             \
	IF("socket", IS(0, family), BITS(1, UINT32_MAX & ~SOCKET_FLAGS, type), IS(2, protocol))
#define OPTION(level, option) IF("setsockopt", IS(1, level), IS(2, option))

/* The flags of open(2) by which a file is written, made or emptied. */
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC)
/* The bits of a mode that let others in, or hand on rights. */
#define MODE_OPENS (S_ISUID | S_ISGID | S_ISVTX | S_IWGRP | S_IWOTH)
#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |              \
	 CLONE_NEWUSER | CLONE_NEWUTS)

/*
 * One line for each call, or for each use of it. A call with other arguments is refused as one that
 * is not here. The filter sees the numbers in the arguments, but not what pointers lead to:
 * Landlock judges paths, and nothing judges the addresses of sockets. What a line lets code inside
 * do is said in doc/confinement.md.
 */
static const struct confine_call calls[] = {
	/* The loop. */
	ANY("epoll_ctl"),
	ANY("epoll_pwait"),
	ANY("epoll_pwait2"),
	ANY("epoll_wait"),
	ANY("poll"),
	ANY("ppoll"),
	ANY("timerfd_settime"),

	/* Sockets that a reload or a new interface needs. The packet socket is open already. */
	SOCKET(AF_INET, SOCK_RAW, ADVERT_PROTOCOL),
	SOCKET(AF_INET6, SOCK_RAW, ADVERT_PROTOCOL),
	SOCKET(AF_INET, SOCK_STREAM, 0), /* the probe, metrics_listen */
	SOCKET(AF_INET6, SOCK_STREAM, 0),
	SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
	SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), /* os/connections */
	SOCKET(AF_UNIX, SOCK_STREAM, 0),		 /* the control socket */
	SOCKET(AF_UNIX, SOCK_DGRAM, 0),			 /* if_indextoname(3), for its ioctl */
	ANY("accept4"),
	ANY("bind"),
	ANY("connect"),
	ANY("getpeername"),
	ANY("getsockname"),
	ANY("listen"),
	ANY("recvfrom"),
	ANY("recvmmsg"),
	ANY("recvmsg"),
	ANY("sendmmsg"),
	ANY("sendmsg"),
	ANY("sendto"),
	ANY("shutdown"),

	/* Options. With others of IP, code inside could replace the tables of iptables and IPVS. */
	IF("getsockopt", IS(1, SOL_SOCKET)),
	OPTION(SOL_SOCKET, SO_ATTACH_FILTER),
	OPTION(SOL_SOCKET, SO_BINDTODEVICE),
	OPTION(SOL_SOCKET, SO_BINDTOIFINDEX),
	OPTION(SOL_SOCKET, SO_DETACH_FILTER),
	OPTION(SOL_SOCKET, SO_LOCK_FILTER),
	OPTION(SOL_SOCKET, SO_PRIORITY),
	OPTION(SOL_SOCKET, SO_RCVBUF),
	OPTION(SOL_SOCKET, SO_RCVTIMEO),
	OPTION(SOL_SOCKET, SO_REUSEADDR),
	OPTION(SOL_SOCKET, SO_REUSEPORT),
	OPTION(SOL_SOCKET, SO_SNDBUF),
	OPTION(IPPROTO_IP, IP_ADD_MEMBERSHIP),
	OPTION(IPPROTO_IP, IP_DROP_MEMBERSHIP),
	OPTION(IPPROTO_IP, IP_FREEBIND),
	OPTION(IPPROTO_IP, MCAST_MSFILTER),
	OPTION(IPPROTO_IP, IP_MULTICAST_ALL),
	OPTION(IPPROTO_IP, IP_MULTICAST_LOOP),
	OPTION(IPPROTO_IP, IP_MULTICAST_TTL),
	OPTION(IPPROTO_IP, IP_PKTINFO),
	OPTION(IPPROTO_IP, IP_TOS),
	OPTION(IPPROTO_IP, IP_TTL),
	OPTION(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP),
	OPTION(IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP),
	OPTION(IPPROTO_IPV6, MCAST_MSFILTER),
	OPTION(IPPROTO_IPV6, IPV6_FREEBIND),
	OPTION(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
	OPTION(IPPROTO_IPV6, IPV6_MULTICAST_LOOP),
	OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS),
	OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
	OPTION(IPPROTO_ICMPV6, ICMP6_FILTER), /* os/holder */
	OPTION(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP),
	OPTION(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP),
	OPTION(SOL_NETLINK, NETLINK_GET_STRICT_CHK),
	IF("ioctl", IS(1, FIONREAD)),
	IF("ioctl", IS(1, SIOCGIFHWADDR)),
	IF("ioctl", IS(1, SIOCGIFINDEX)),
	IF("ioctl", IS(1, SIOCGIFNAME)),

	/* Files: the configuration, certificates and keys, /proc; the control socket's place. */
	IF("open", BITS(1, OPEN_WRITES, O_RDONLY)),
	IF("openat", BITS(2, OPEN_WRITES, O_RDONLY)),
	ANY("access"),
	ANY("close"),
	ANY("faccessat"),
	ANY("faccessat2"),
	IF("fchmod", IS(1, 0600)), /* the control socket, before it has a name */
	IF("fcntl", IS(1, F_GETFD)),
	IF("fcntl", IS(1, F_GETFL)),
	IF("fcntl", IS(1, F_SETFD)),
	IF("fcntl", IS(1, F_SETFL)),
	ANY("flock"),
	ANY("inotify_add_watch"), /* os/tracked_file, and after a reload the next */
	IF("inotify_init1", IS(0, IN_NONBLOCK | IN_CLOEXEC)),
	ANY("fstat"),
	ANY("lseek"),
	ANY("lstat"),
	IF("mkdir", BITS(1, MODE_OPENS, 0)),
	IF("mkdirat", BITS(2, MODE_OPENS, 0)),
	ANY("newfstatat"),
	ANY("pread64"),
	ANY("read"),
	ANY("readv"),
	ANY("stat"),
	ANY("statx"),
	ANY("unlink"),
	IF("unlinkat", IS(2, 0)), /* no directory */
	ANY("write"),
	ANY("writev"),

	/* Memory, none of it executable. Libraries are all loaded. */
	ANY("brk"),
	ANY("madvise"),
	IF("mmap", BITS(2, PROT_EXEC, 0)),
	IF("mprotect", BITS(2, PROT_EXEC, 0)),
	ANY("mremap"),
	ANY("munmap"),

	/* Threads, but no processes. */
	IF("clone", BITS(0, CLONE_THREAD | CLONE_NAMESPACES, CLONE_THREAD)),
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
	IF("tgkill", IS_SELF(0)),

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
	IF("prlimit64", IS(0, 0), IS_NULL(2)), /* tells its own limit and sets none */
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

/* Of /proc/self/status. confine() opens it, as with Landlock nobody can later. -1 before. */
static int status_fd = -1;

/* The version of Landlock that confine() has put in force; the kernel does not tell it later. */
static unsigned landlock;

static int open_status(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* The text ends with a zero byte. */
static int read_status(char text[STATUS_SIZE])
{
	int fd = status_fd < 0 ? open_status() : status_fd;
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = pread(fd, text, STATUS_SIZE - 1, 0);
	if (size < 0)
		size = -errno;
	if (fd != status_fd)
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
		.landlock = landlock,
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
int confine_capabilities(uint64_t kept)
{
	capng_select_t sets = CAPNG_SELECT_CAPS;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		sets = CAPNG_SELECT_BOTH;
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if ((kept >> i & 1) != 0 &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i) < 0)
			return -EPERM;
	return capng_apply(sets) < 0 ? -EPERM : 0;
}

static int drop_capabilities(void)
{
	return confine_capabilities(KEPT);
}

static int keep_status(void)
{
	status_fd = open_status();
	return status_fd < 0 ? -errno : 0;
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

/* The conditions of a call, as libseccomp takes them. Returns how many there are. */
static unsigned comparisons(const struct confine_call *call,
			    struct scmp_arg_cmp ret_list[CONFINE_CONDITIONS_MAX])
{
	unsigned count = 0;

	for (; count < CONFINE_CONDITIONS_MAX; count++) {
		const struct confine_condition *condition = &call->conditions[count];
		struct scmp_arg_cmp *compare = &ret_list[count];

		*compare = (struct scmp_arg_cmp){condition->argument, SCMP_CMP_MASKED_EQ,
						 condition->mask, condition->value};
		switch (condition->check) {
		case CONFINE_NOTHING:
			return count;
		case CONFINE_MASKED:
			/* Else no argument would do. */
			assert((condition->value & ~condition->mask) == 0);
			break;
		case CONFINE_SELF:
			compare->datum_a = UINT32_MAX;
			compare->datum_b = (scmp_datum_t)getpid();
			break;
		}
	}
	return count;
}

static int allow(scmp_filter_ctx filter, const struct confine_call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);
	struct scmp_arg_cmp list[CONFINE_CONDITIONS_MAX];
	unsigned count = comparisons(call, list);

	/* Pseudo numbers, which are negative, stand for calls of other architectures. */
	if (number < 0)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, list);
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
	struct confinement now;
	int error = confine_read(&now);

	if (error < 0)
		return error;
	return now.capabilities == KEPT && now.no_new_privs && now.seccomp == CONFINE_SECCOMP_FILTER
		       ? 0
		       : -EPERM;
}

struct step {
	const char *what;
	int (*take)(void);
};

/* Takes steps until one is refused, whose name is then in *ret_what. The last has no name. */
static int take_steps(const struct step *step, const char **ret_what)
{
	int error = 0;

	for (; step->what && error == 0; step++) {
		error = step->take();
		if (error < 0)
			*ret_what = step->what;
	}
	return error;
}

int confine(const struct landlock_files *files, const char **ret_what)
{
	static const struct step before[] = {
		{"threads", check_alone},
		{"/proc/self/status", keep_status},
		{"capabilities", drop_capabilities},
		{"no_new_privs", forbid_new_privileges},
		{"core limit", forbid_core},
		{NULL, NULL},
	};
	static const struct step after[] = {
		{"seccomp", hide_clone3},
		{"seccomp", filter_calls},
		{"confinement", confirm},
		{NULL, NULL},
	};
	struct landlock_files all = *files;
	int error = take_steps(before, ret_what);

	if (error < 0)
		return error;
	all.directories = confine_directories_extra;
	error = landlock_restrict(&all);
	if (error < 0) {
		*ret_what = "Landlock";
		return error;
	}
	landlock = (unsigned)error;
	return take_steps(after, ret_what);
}
