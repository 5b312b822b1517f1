/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon can read after its start, while others replace its files. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempts.h"
#include "kernel.h"
#include "lib/count.h"
#include "os/landlock.h"

#define COMMAND_SIZE 1024

/* By the shell, in the place. */
static void in_place(const char *command)
{
	char line[COMMAND_SIZE], directory[PLACE_PATH_SIZE];

	place_path(directory, "");
	snprintf(line, sizeof(line), "cd %s && { %s; }", directory, command);
	ck_assert_msg(system(line) == 0, "failed: %s", line);
}

/* Whether the file is one of track_file. */
static bool tracked;

static void restrict_to(const char *file)
{
	char path[PLACE_PATH_SIZE], control[PLACE_PATH_SIZE];
	const char *const none = NULL, *named = file[0] == '/' ? file : path;
	const char *const list[] = {tracked ? named : NULL, NULL};
	const struct landlock_files files = {
		.read = {NULL, "", tracked ? NULL : named},
		.tracked = list,
		.socket = control,
		.directories = &none,
	};

	int version = landlock_version();

	place_path(path, file);
	place_path(control, "run/socket");
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(landlock_restrict(&files), version);
}

/* One daemon, started with the file. Returns the errno of reading path after others have carried
 * out the command, and whether landlock_hides() says the same. */
static int read_later(const char *file, const char *command, const char *path, bool *ret_hidden)
{
	int ready[2], over[2], status;
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(over, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(over[1]);
		restrict_to(file);
		ck_assert_int_eq(write(ready[1], "", 1), 1);
		ck_assert_int_eq(read(over[0], &byte, 1), 0);
		status = open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
		_exit(status | (landlock_hides(path) ? 0x80 : 0));
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	in_place(command);
	close(over[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	*ret_hidden = WEXITSTATUS(status) & 0x80;
	return WEXITSTATUS(status) & 0x7f;
}

static const struct {
	const char *before;
	const char *file; /* that the daemon is started with */
	const char *while_it_runs;
	const char *read;
	int error;
	bool hidden;
} cases[] = {
	{":", "pki/ca.crt", ":", "pki/ca.crt", 0, false},
	{":", "pki/ca.crt", "echo >pki/new; mv pki/new pki/ca.crt", "pki/ca.crt", 0, false},
	{":", "pki/ca.crt", ":", "pki/another", ENOENT, false},
	{":", "pki/ca.crt", ":", "other/file", EACCES, true},
	{":", "pki/ca.crt", ":", "other/none", ENOENT, true},
	{":", "pki/ca.crt", ":", "other/none/at/all", ENOENT, true},

	/* Of a file that comes later, the directory may come later, too. */
	{"rm pki/ca.crt", "pki/ca.crt", "echo >pki/ca.crt", "pki/ca.crt", 0, false},
	{":", "pki/a/b/ca.crt", ":", "pki/a/b/ca.crt", ENOENT, false},
	{":", "pki/a/b/ca.crt", "mkdir -p pki/a/b; echo >pki/a/b/ca.crt", "pki/a/b/ca.crt", 0,
	 false},
	{":", "pki/a/b/ca.crt", ":", "other/file", EACCES, true},

	/* As a Secret is mounted, and as the kubelet's certificate is renewed. */
	{"mkdir pki/..1; echo >pki/..1/a; ln -s ..1 pki/..data; ln -s ..data/a pki/a", "pki/a",
	 "mkdir pki/..2; echo >pki/..2/a; ln -s ..2 pki/..new; mv -T pki/..new pki/..data; rm -r "
	 "pki/..1",
	 "pki/a", 0, false},
	{"ln -s ../other/file pki/current", "pki/current",
	 "echo >other/new; ln -sf ../other/new pki/current", "pki/current", 0, false},
	{":", "pki/ca.crt", "ln -sf ../other/file pki/ca.crt", "pki/ca.crt", EACCES, true},
};

START_TEST(files_are_replaced)
{
	const size_t i = (size_t)_i % COUNT(cases);
	char path[PLACE_PATH_SIZE];
	bool hidden;

	tracked = (size_t)_i >= COUNT(cases);
	if (landlock_version() == 0)
		return;
	in_place(cases[i].before);
	place_path(path, cases[i].read);
	ck_assert_int_eq(read_later(cases[i].file, cases[i].while_it_runs, path, &hidden),
			 cases[i].error);
	ck_assert_int_eq(hidden, cases[i].hidden);
}
END_TEST

/* A file of the root brings the root with it no more than a directory that is not there does. */
START_TEST(root_is_nobodys)
{
	static const char *const files[] = {"/file", "/none/at/all/file"};
	bool hidden;

	if (landlock_version() == 0)
		return;
	ck_assert_int_eq(read_later(files[_i], ":", "/", &hidden), EACCES);
	ck_assert(hidden);
	ck_assert_int_eq(read_later(files[_i], ":", files[_i], &hidden), ENOENT);
	ck_assert(hidden);
}
END_TEST

/* What was looked up before is forgotten when the kernel needs its memory. */
START_TEST(procfs_is_remembered)
{
	bool hidden;

	if (landlock_version() == 0 || access("/proc/sys/vm/drop_caches", W_OK) < 0)
		return;
	ck_assert_int_eq(read_later("pki/ca.crt", "echo 2 >/proc/sys/vm/drop_caches",
				    "/proc/sys/net/ipv6/conf/lo/forwarding", &hidden),
			 0);
	ck_assert(!hidden);
}
END_TEST

/* It is no error. The filter answers as such a kernel, or as one where it is switched off. */
START_TEST(kernel_without_landlock)
{
	static const unsigned answers[] = {ENOSYS, EOPNOTSUPP, EPERM};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char path[PLACE_PATH_SIZE];
	bool hidden;

	ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(answers[_i]),
					  SCMP_SYS(landlock_create_ruleset), 0),
			 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
	ck_assert_int_eq(landlock_version(), 0);
	place_path(path, "other/file");
	ck_assert_int_eq(read_later("pki/ca.crt", ":", path, &hidden), 0);
	ck_assert(!hidden);
}
END_TEST

TCase *tcase_landlock(void)
{
	TCase *tcase = tcase_create("landlock");

	tcase_add_checked_fixture(tcase, place_make, place_remove);
	tcase_add_loop_test(tcase, files_are_replaced, 0, 2 * COUNT(cases));
	tcase_add_loop_test(tcase, root_is_nobodys, 0, 2);
	tcase_add_test(tcase, procfs_is_remembered);
	tcase_add_loop_test(tcase, kernel_without_landlock, 0, 3);
	return tcase;
}
