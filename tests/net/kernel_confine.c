/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/advert.h"
#include "kernel.h"
#include "os/confine.h"

#define CAPABILITIES (UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW)

static int restricted(const char **ret_what)
{
	const struct landlock_files files = {.read = {"/tmp/cpvrrp-confined.conf"},
					     .socket = "/tmp/cpvrrp-confined.sock"};

	return confine(&files, ret_what);
}

static void confined(void)
{
	const char *what = "";
	int error = restricted(&what);

	ck_assert_msg(error == 0, "%s: %s", what, strerror(-error));
}

struct meeting {
	int tell, wait;
};

static void *say_and_wait(void *context)
{
	const struct meeting *meeting = context;
	pid_t id = gettid();
	char byte;

	if (write(meeting->tell, &id, sizeof(id)) == sizeof(id))
		(void)!read(meeting->wait, &byte, 1);
	return NULL;
}

/* The line of a status(5) of proc that starts with key. */
static const char *status_line(FILE *file, const char *key)
{
	static char line[128];

	ck_assert_ptr_nonnull(file);
	rewind(file);
	while (fgets(line, sizeof(line), file) && strncmp(line, key, strlen(key)) != 0)
		;
	return line;
}

/* As os/vip makes it; seen from outside, where /proc can be read. */
START_TEST(threads_confined)
{
	int told[2], over[2];
	char path[64];
	FILE *status;
	pid_t pid, thread;

	ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(over, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct meeting meeting = {told[1], over[0]};
		pthread_t id;

		close(over[1]);
		confined();
		ck_assert_int_eq(pthread_create(&id, NULL, say_and_wait, &meeting), 0);
		_exit(pthread_join(id, NULL));
	}
	ck_assert_int_eq(read(told[0], &thread, sizeof(thread)), sizeof(thread));
	ck_assert_int_ne(thread, pid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)thread);
	status = fopen(path, "re");
	ck_assert_str_eq(status_line(status, "CapPrm"), "CapPrm:\t0000000000003000\n");
	ck_assert_str_eq(status_line(status, "NoNewPrivs"), "NoNewPrivs:\t1\n");
	ck_assert_str_eq(status_line(status, "Seccomp:"), "Seccomp:\t2\n");
	fclose(status);
	close(over[1]);
	waitpid(pid, NULL, 0);
}
END_TEST

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
	/* By announcements and by jansson. */
	static const char *const read_by_others[] = {"/proc/sys/net/ipv6/conf/lo/forwarding",
						     "/dev/urandom"};
	const char *path = "/tmp/cpvrrp-confined.sock";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	char byte;
	int fd;

	confined();
	for (size_t i = 0; i < sizeof(read_by_others) / sizeof(read_by_others[0]); i++) {
		fd = open(read_by_others[i], O_RDONLY | O_CLOEXEC);
		ck_assert_msg(fd >= 0, "%s: %s", read_by_others[i], strerror(errno));
		ck_assert_int_eq(read(fd, &byte, 1), 1);
		close(fd);
	}
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

static void in_force(void)
{
	struct confinement now = {.known = false};
	FILE *status = fopen("/proc/self/status", "re");
	int version = landlock_version();
	struct rlimit core;

	ck_assert_int_eq(confine_read(&now), 0);
	ck_assert(now.known);
	ck_assert_uint_eq(now.capabilities & CAPABILITIES, CAPABILITIES);
	ck_assert_uint_ne(now.capabilities, CAPABILITIES);
	ck_assert_uint_eq(now.landlock, 0);
	ck_assert(!now.memory_locked);
	ck_assert(!now.realtime);

	confined();
	ck_assert_int_eq(confine_read(&now), 0);
	ck_assert_uint_eq(now.capabilities, CAPABILITIES);
	ck_assert(now.no_new_privs);
	ck_assert_int_eq(now.seccomp, CONFINE_SECCOMP_FILTER);
	ck_assert_int_eq(now.landlock, version);
	ck_assert_str_eq(status_line(status, "CapEff"), "CapEff:\t0000000000003000\n");
	ck_assert_str_eq(status_line(status, "CapInh"), "CapInh:\t0000000000000000\n");
	ck_assert_str_eq(status_line(status, "CapAmb"), "CapAmb:\t0000000000000000\n");
	ck_assert_str_eq(status_line(status, "CapBnd"), "CapBnd:\t0000000000000000\n");
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
	ck_assert_int_eq(restricted(&what), -EBUSY);
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
	ck_assert_int_lt(restricted(&what), 0);
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
	sockets_allowed, files_allowed, in_force, realtime, locked_memory,
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

	tcase_add_test(tcase, threads_confined);
	tcase_add_loop_test(tcase, as_confined, 0, sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_test_raise_signal(tcase, abort_allowed, SIGABRT);
	tcase_add_loop_test(tcase, memory_is_private, 0, 2);
	tcase_add_test(tcase, second_thread_refused);
	tcase_add_test(tcase, missing_refused);
	return tcase;
}
