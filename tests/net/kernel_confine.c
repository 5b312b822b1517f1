/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/advert.h"
#include "kernel.h"
#include "os/confine.h"

#define CAPABILITIES (UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW)

static void confined(void)
{
	const char *what = "";
	int error = confine(&what);

	ck_assert_msg(error == 0, "%s: %s", what, strerror(-error));
}

/* Each does what the daemon must not; below 0 with errno if it is refused. */

static long execute(void)
{
	char *arguments[] = {(char[]){"true"}, NULL};

	return execv("/bin/true", arguments);
}

static long make_process(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long make_process_newly(void)
{
	return syscall(SYS_clone3, NULL, 0);
}

static long trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long write_memory_of_others(void)
{
	return syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0);
}

static long open_for_writing(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static long open_for_both(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static long make_file(void)
{
	return open("/tmp/cpvrrp-confined", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long empty_file(void)
{
	return open("/dev/null", O_RDONLY | O_TRUNC | O_CLOEXEC);
}

static long open_newly(void)
{
	return syscall(SYS_openat2, AT_FDCWD, "/dev/null", NULL, 0);
}

static long rename_file(void)
{
	return rename("/dev/null", "/dev/null");
}

static long change_owner(void)
{
	return chown("/dev/null", 0, 0);
}

static long open_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static long open_netfilter(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

static long open_icmp(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}

static long open_datagrams(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* 64: IPT_SO_SET_REPLACE of linux/netfilter_ipv4/ip_tables.h. */
static long replace_iptables(void)
{
	return setsockopt(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, ADVERT_PROTOCOL), IPPROTO_IP, 64,
			  NULL, 0);
}

static long make_setuid(void)
{
	return fchmod(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 04755);
}

static long make_directory_for_all(void)
{
	return mkdir("/tmp/cpvrrp-confined", 01777);
}

static long open_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long type_into_terminal(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "");
}

static long signal_others(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long kill_others(void)
{
	return kill(getppid(), 0);
}

static long signal_by_file(void)
{
	return fcntl(STDIN_FILENO, F_SETOWN, getppid());
}

static long map_writable_code(void)
{
	void *map = mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? -1 : 0;
}

static long map_code(void)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? -1 : 0;
}

static long make_code(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return setrlimit(RLIMIT_NOFILE, &limit);
}

/* At an address whose lower half is zero, as that of no pointer. */
static long raise_limit_by_pointer(void)
{
	const uintptr_t low = UINT64_C(1) << 45;
	struct rlimit *limit = mmap((void *)low, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (limit == MAP_FAILED)
		return 0;
	*limit = (struct rlimit){64, 64};
	return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, limit, NULL);
}

static long leave_namespace(void)
{
	return unshare(CLONE_NEWNS);
}

static long become_other(void)
{
	return setuid(getuid());
}

static const struct refused {
	const char *name;
	long (*attempt)(void);
	bool of_sanitizers; /* they need it themselves */
} refused[] = {
	{"execve", execute, false},
	{"clone", make_process, true},
	{"clone3", make_process_newly, false},
	{"ptrace", trace, true},
	{"process_vm_writev", write_memory_of_others, false},
	{"open O_WRONLY", open_for_writing, false},
	{"open O_RDWR", open_for_both, false},
	{"open O_CREAT", make_file, false},
	{"open O_TRUNC", empty_file, false},
	{"openat2", open_newly, false},
	{"rename", rename_file, false},
	{"chown", change_owner, false},
	{"socket AF_PACKET", open_packet_socket, false},
	{"socket AF_VSOCK", open_vsock, false},
	{"socket NETLINK_NETFILTER", open_netfilter, false},
	{"socket IPPROTO_ICMP", open_icmp, false},
	{"socket SOCK_DGRAM", open_datagrams, false},
	{"setsockopt IPT_SO_SET_REPLACE", replace_iptables, false},
	{"fchmod 04755", make_setuid, false},
	{"mkdir 01777", make_directory_for_all, false},
	{"ioctl TIOCSTI", type_into_terminal, false},
	{"tgkill of another", signal_others, false},
	{"kill", kill_others, false},
	{"fcntl F_SETOWN", signal_by_file, false},
	{"mmap PROT_WRITE and PROT_EXEC", map_writable_code, false},
	{"mmap PROT_EXEC", map_code, false},
	{"mprotect PROT_EXEC", make_code, false},
	{"setrlimit", raise_limit, false},
	{"prlimit64", raise_limit_by_pointer, false},
	{"unshare", leave_namespace, false},
	{"setuid", become_other, false},
};

/* Without confinement it would not fail with ENOSYS. A sanitizer's build is killed for it. */
START_TEST(calls_refused)
{
	const struct refused *r = &refused[_i];
	bool sanitizers = confine_calls_extra[0].name != NULL;
	pid_t pid;
	int status;

	if (sanitizers && r->of_sanitizers)
		return;
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		confined();
		errno = 0;
		_exit(r->attempt() < 0 ? errno : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg((WIFEXITED(status) && WEXITSTATUS(status) == ENOSYS) ||
			      (sanitizers && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS),
		      "%s: %x", r->name, (unsigned)status);
}
END_TEST

static void *thread(void *context)
{
	uint64_t *permitted = context;
	char line[128];
	FILE *file = fopen("/proc/thread-self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapPrm: %lx", permitted) == 1)
			break;
	if (file)
		fclose(file);
	return NULL;
}

/* As os/vip does. */
static void threads_confined(void)
{
	uint64_t permitted = 0;
	pthread_t id;

	confined();
	ck_assert_int_eq(pthread_create(&id, NULL, thread, &permitted), 0);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
	ck_assert_uint_eq(permitted, CAPABILITIES);
}

static void sockets_allowed(void)
{
	static const struct {
		int family, type, protocol;
	} sockets[] = {
		{AF_INET, SOCK_RAW, ADVERT_PROTOCOL},
		{AF_INET6, SOCK_RAW, ADVERT_PROTOCOL},
		{AF_INET, SOCK_STREAM, 0},
		{AF_NETLINK, SOCK_RAW, 0},
		{AF_UNIX, SOCK_STREAM, 0},
	};

	confined();
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		int fd = socket(sockets[i].family, sockets[i].type | SOCK_CLOEXEC,
				sockets[i].protocol);

		ck_assert_msg(fd >= 0, "socket %zu: %s", i, strerror(errno));
		close(fd);
	}
}

static void files_allowed(void)
{
	const char *path = "/tmp/cpvrrp-confined.sock";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	char byte;
	int fd;

	confined();
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	close(fd);
	ck_assert_int_eq(access("/nowhere", R_OK), -1);
	ck_assert_int_eq(errno, ENOENT);

	unlink(path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(fchmod(fd, 0600), 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(unlink(path), 0);
	close(fd);
}

/* An assertion that fails says so and ends the process. */
START_TEST(abort_allowed)
{
	confined();
	abort();
}
END_TEST

/* The line of /proc/self/status that starts with key. */
static const char *status_line(const char *key)
{
	static char line[128];
	FILE *file = fopen("/proc/self/status", "re");

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) && strncmp(line, key, strlen(key)) != 0)
		;
	fclose(file);
	return line;
}

static void in_force(void)
{
	struct confinement now = {.known = false};
	struct rlimit core;

	ck_assert_int_eq(confine_read(&now), 0);
	ck_assert(now.known);
	ck_assert_uint_eq(now.capabilities & CAPABILITIES, CAPABILITIES);
	ck_assert_uint_ne(now.capabilities, CAPABILITIES);
	ck_assert(!now.memory_locked);
	ck_assert(!now.realtime);

	confined();
	ck_assert_int_eq(confine_read(&now), 0);
	ck_assert_uint_eq(now.capabilities, CAPABILITIES);
	ck_assert(now.no_new_privs);
	ck_assert_int_eq(now.seccomp, CONFINE_SECCOMP_FILTER);
	ck_assert_str_eq(status_line("CapEff"), "CapEff:\t0000000000003000\n");
	ck_assert_str_eq(status_line("CapInh"), "CapInh:\t0000000000000000\n");
	ck_assert_str_eq(status_line("CapAmb"), "CapAmb:\t0000000000000000\n");
	ck_assert_str_eq(status_line("CapBnd"), "CapBnd:\t0000000000000000\n");
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert_uint_eq(core.rlim_cur, 0);
	ck_assert_uint_eq(core.rlim_max, 0);
}

static void drop_to(uint64_t capabilities)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned i = 0; i < 64; i++)
		if (capabilities >> i & 1)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
	ck_assert_int_eq(capng_apply(CAPNG_SELECT_CAPS), 0);
}

/* Keys are in its memory: a process of the same user and the same capabilities cannot read it. */
START_TEST(memory_is_private)
{
	int ready[2], over[2], fd;
	char path[64], byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(over, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(over[1]);
		if (_i > 0)
			confined();
		else
			drop_to(CAPABILITIES);
		ck_assert_int_eq(write(ready[1], "", 1), 1);
		_exit(read(over[0], &byte, 1) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	drop_to(CAPABILITIES);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fd<0, _i> 0);
	close(fd);
	close(over[1]);
	waitpid(pid, NULL, 0);
}
END_TEST

static void *wait_for_end(void *context)
{
	char byte;

	(void)!read(*(int *)context, &byte, 1);
	return NULL;
}

/* Its capabilities would stay. */
START_TEST(second_thread_refused)
{
	const char *what = "";
	int over[2];
	pthread_t id;

	ck_assert_int_eq(pipe2(over, O_CLOEXEC), 0);
	ck_assert_int_eq(pthread_create(&id, NULL, wait_for_end, &over[0]), 0);
	ck_assert_int_eq(confine(&what), -EBUSY);
	ck_assert_str_eq(what, "threads");
	close(over[1]);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
}
END_TEST

START_TEST(missing_refused)
{
	const char *what = "";

	ck_assert_ptr_null(confine_missing());
	drop_to(UINT64_C(1) << CAP_NET_ADMIN);
	ck_assert_str_eq(confine_missing(), "CAP_NET_RAW");
	ck_assert_int_lt(confine(&what), 0);
	ck_assert_str_eq(what, "capabilities");
}
END_TEST

static void realtime(void)
{
	struct confinement now;
	int error = confine_realtime();

	confined();
	ck_assert_int_eq(confine_read(&now), 0);
	ck_assert(error == 0 || error == -EPERM);
	ck_assert_int_eq(now.realtime, error == 0);
}

/* Whether it may or not, memory can be had afterwards. */
static void locked_memory(void)
{
	struct confinement now;
	int error = confine_lock_memory();

	confined();
	ck_assert_int_eq(confine_read(&now), 0);
	ck_assert(error == 0 || error == -EPERM);
	if (confine_calls_extra[0].name == NULL) /* AddressSanitizer leaves mlockall(2) out */
		ck_assert_int_eq(now.memory_locked, error == 0);
	ck_assert_ptr_ne(
		mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		MAP_FAILED);
}

/* Each confines its process and ends with it: libcheck needs more when a test is over. */
static void (*const bodies[])(void) = {
	threads_confined, sockets_allowed, files_allowed, in_force, realtime, locked_memory,
};

START_TEST(as_confined)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		bodies[_i]();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "body %d: %x", _i, (unsigned)status);
}
END_TEST

TCase *tcase_confine(void)
{
	TCase *tcase = tcase_create("confine");

	tcase_add_loop_test(tcase, calls_refused, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(tcase, as_confined, 0, sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_test_raise_signal(tcase, abort_allowed, SIGABRT);
	tcase_add_loop_test(tcase, memory_is_private, 0, 2);
	tcase_add_test(tcase, second_thread_refused);
	tcase_add_test(tcase, missing_refused);
	return tcase;
}
