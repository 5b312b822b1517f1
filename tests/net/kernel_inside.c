/* SPDX-License-Identifier: Apache-2.0 */
/* Each line of doc/confinement.md is tried, as root without its rights and as a user of its own. */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempts.h"
#include "kernel.h"
#include "os/confine.h"

#define USER 65534 /* any that is not root */

/* As the document names them, and their errno. */
static const struct {
	const char *word;
	int error;
} stops[STOPS] = {
	[ALLOWED] = {"**allowed**", 0},	   [FILTER] = {"filter", ENOSYS},
	[LANDLOCK] = {"Landlock", EACCES}, [MODE] = {"file mode", EACCES},
	[LOCK] = {"locked filter", EPERM},
};

/* As the unit starts it. False where there is no such user. */
static bool become_user(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (setgroups(0, NULL) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0)
		return false;
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE,
		      CAP_NET_ADMIN, CAP_NET_RAW, -1);
	return capng_apply(CAPNG_SELECT_CAPS) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0;
}

#define NO_USER 254
#define NOT_CONFINED 255

/* In a process of its own: the status that it ends with is the errno. */
static void try(const struct attempt *attempt, bool as_user)
{
	char configuration[PLACE_PATH_SIZE], certificate[PLACE_PATH_SIZE], control[PLACE_PATH_SIZE];
	const struct landlock_files files = {.read = {configuration, certificate},
					     .socket = control};
	const char *what = "";
	long result;

	place_path(configuration, "etc/cpvrrp.conf");
	place_path(certificate, "pki/ca.crt");
	place_path(control, "run/socket");
	if (as_user && !become_user())
		_exit(NO_USER);
	if (confine(&files, &what) < 0)
		_exit(NOT_CONFINED);
	errno = 0;
	result = attempt->attempt ? attempt->attempt() : syscall(attempt->call - 1, 0, 0, 0, 0, 0);
	_exit(result < 0 ? errno : 0);
}

static bool is_as(enum stop stop, int status)
{
	bool sanitizers = confine_calls_extra[0].name != NULL;

	if (sanitizers && stop == FILTER && WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS;
	return WIFEXITED(status) && WEXITSTATUS(status) == stops[stop].error;
}

START_TEST(attempt_ends_as_documented)
{
	const struct attempt *attempt = &attempts[_i / 2];
	bool sanitizers = confine_calls_extra[0].name != NULL;
	bool as_user = _i % 2 == 1;
	enum stop stop = as_user ? attempt->as_user : attempt->as_root;
	int status, version = attempt->version ? attempt->version : 1;
	char directory[PLACE_PATH_SIZE];
	pid_t pid;

	if ((stop == LANDLOCK && landlock_version() < version) ||
	    (sanitizers && attempt->of_sanitizers))
		return;
	place_path(directory, "run");
	if (as_user && chown(directory, USER, USER) < 0)
		return;
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		try(attempt, as_user);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (as_user && WIFEXITED(status) && WEXITSTATUS(status) == NO_USER)
		return;
	ck_assert_msg(is_as(stop, status), "%s, %s: %x", attempt->what,
		      as_user ? "as a user" : "as root", (unsigned)status);
}
END_TEST

/* The next line of its tables, without the heads; NULL at the end. */
static char *next_line(FILE *file, char line[256])
{
	while (fgets(line, 256, file))
		if (strncmp(line, "| ", 2) == 0 && strncmp(line, "| what ", 7) != 0)
			return line;
	return NULL;
}

START_TEST(document_has_each_attempt)
{
	const char *directory = getenv("srcdir");
	char path[512], line[256], expected[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/doc/confinement.md", directory ? directory : ".");
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	for (const struct attempt *attempt = attempts; attempt->what; attempt++) {
		snprintf(expected, sizeof(expected), "| %s | %s | %s |\n", attempt->what,
			 stops[attempt->as_root].word, stops[attempt->as_user].word);
		ck_assert_msg(next_line(file, line) != NULL, "it lacks %s", expected);
		ck_assert_str_eq(line, expected);
	}
	ck_assert_msg(next_line(file, line) == NULL, "nobody tries %s", line);
	fclose(file);
}
END_TEST

TCase *tcase_inside(void)
{
	TCase *tcase = tcase_create("inside");
	int count = 0;

	while (attempts[count].what)
		count++;
	tcase_add_checked_fixture(tcase, place_make, place_remove);
	tcase_add_loop_test(tcase, attempt_ends_as_documented, 0, 2 * count);
	tcase_add_test(tcase, document_has_each_attempt);
	return tcase;
}
