/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

START_TEST(long_path)
{
	char *body;

	memset(server_path, 'x', sizeof(server_path) - 1);
	ck_assert_int_eq(control_request(server_path, "GET", "/healthz", &body), -ENOENT);
	ck_assert_int_eq(
		control_request("/tmp/"
				"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
				"GET", "/healthz", &body),
		-ENAMETOOLONG);
}
END_TEST

START_TEST(no_daemon)
{
	char *body;

	ck_assert_int_eq(control_request(server_path, "GET", "/healthz", &body), -ENOENT);
	server_make_directories();
	close(server_listen());
	ck_assert_int_eq(control_request(server_path, "GET", "/healthz", &body), -ECONNREFUSED);
}
END_TEST

static void check_timeout(void)
{
	struct timespec before, after;
	char *body;

	clock_gettime(CLOCK_MONOTONIC, &before);
	ck_assert_int_eq(control_request(server_path, "GET", "/healthz", &body), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge(after.tv_sec - before.tv_sec, CONTROL_CLIENT_TIMEOUT_S - 1);
	ck_assert_int_le(after.tv_sec - before.tv_sec, CONTROL_CLIENT_TIMEOUT_S + 1);
}

/* A daemon that is frozen: its kernel accepts. */
START_TEST(silent_daemon)
{
	int fd;

	server_make_directories();
	fd = server_listen();
	check_timeout();
	close(fd);
}
END_TEST

/* The 5 seconds are for the whole answer, not for each piece of it. */
START_TEST(dripping_daemon)
{
	int fd;

	server_make_directories();
	fd = server_listen();
	server = fork();
	if (server == 0) {
		int connection = accept(fd, NULL, NULL);

		signal(SIGPIPE, SIG_IGN);
		while (write(connection, "H", 1) == 1)
			nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
		exit(0);
	}
	close(fd);
	check_timeout();
	ck_assert_int_eq(server_wait(), 0);
}
END_TEST

/* Another user's process is believed only where that user owns the directory of the socket. */
START_TEST(foreign_process)
{
	char part[128], *body = NULL;
	int status;

	if (geteuid() != 0)
		return;
	server_fake_as(65534, "HTTP/1.0 200 OK\r\n\r\nok\n");
	snprintf(part, sizeof(part), "%s/run/cpvrrp", server_directory);
	ck_assert_int_eq(chown(part, _i == 0 ? 65533 : 65534, 0), 0);
	status = control_request(server_path, "GET", "/healthz", &body);
	ck_assert_int_eq(status, _i == 0 ? -EPERM : 200);
	free(body);
	/* A process that is not believed is not asked. */
	ck_assert_int_eq(server_wait(), _i == 0);
}
END_TEST

static const struct {
	const char *answer;
	int result;
} answers[] = {
	{"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\nmore", 200},
	{"HTTP/1.0 503 No memory\r\n\r\n", 503},
	{"", -EPROTO},
	{"SSH-2.0-OpenSSH_9.2\r\n", -EPROTO},
	{"HTTP/1.1 OK\r\n\r\n", -EPROTO},
	{"HTTP/1.1 20\r\n\r\n", -EPROTO},
	{"HTTP/1.1 200 OK\r\nA: b\r\n", -EPROTO},
	{"HTTP/1.1 200 OK", -EPROTO},
};

START_TEST(answer)
{
	char *body = NULL;

	server_fake(answers[_i].answer);
	ck_assert_int_eq(control_request(server_path, "GET", "/healthz", &body),
			 answers[_i].result);
	if (_i == 0)
		ck_assert_str_eq(body, "body\r\n\r\nmore");
	free(body);
	ck_assert_int_eq(server_wait(), 0);
}
END_TEST

Suite *suite_control_client(void)
{
	Suite *suite = suite_create("control_client");
	TCase *tcase = tcase_create("control_client");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, server_setup, server_teardown);
	tcase_add_test(tcase, long_path);
	tcase_add_test(tcase, no_daemon);
	tcase_add_test(tcase, silent_daemon);
	tcase_add_test(tcase, dripping_daemon);
	tcase_add_loop_test(tcase, foreign_process, 0, 2);
	tcase_add_loop_test(tcase, answer, 0, COUNT(answers));
	suite_add_tcase(suite, tcase);
	return suite;
}
