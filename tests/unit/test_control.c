/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/control_client.h"
#include "server.h"

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(lstat(name, &st), 0);
	return st.st_mode & 07777;
}

static void check_request(const char *method, const char *target, int status, const char *part)
{
	char *body = NULL;
	int result = control_request(server_path, method, target, &body);

	ck_assert_msg(result == status, "%s %s: %d", method, target, result);
	ck_assert_msg(strstr(body, part) != NULL, "%s %s: %s", method, target, body);
	free(body);
}

START_TEST(socket_file)
{
	char part[128];

	server_start();
	ck_assert_uint_eq(mode_of(server_path), 0600);
	snprintf(part, sizeof(part), "%s/run", server_directory);
	ck_assert_uint_eq(mode_of(part), 0755);
	snprintf(part, sizeof(part), "%s/run/cpvrrp", server_directory);
	ck_assert_uint_eq(mode_of(part), 0700);
	check_request("GET", "/healthz", 200, "ok\n");
	ck_assert_int_eq(server_stop(), 0);
	ck_assert_int_ne(access(server_path, F_OK), 0);
}
END_TEST

/* A socket without a listener is replaced. */
START_TEST(stale_socket)
{
	server_make_directories();
	close(server_listen());
	server_start();
	check_request("GET", "/healthz", 200, "ok\n");
}
END_TEST

START_TEST(second_daemon)
{
	pid_t first;

	server_start();
	first = server;
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	server = first;
	check_request("GET", "/healthz", 200, "ok\n");
}
END_TEST

/* A daemon that is frozen with a full backlog still is one. */
START_TEST(busy_daemon)
{
	struct sockaddr_un address;
	int first, queued;

	server_make_directories();
	first = server_socket(&address);
	ck_assert_int_eq(bind(first, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(first, 0), 0);
	queued = server_connect();
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	close(queued);
	close(first);
}
END_TEST

/*
 * Another daemon is about to replace the same stale socket: it is waited for. A user who only holds
 * the lock does not keep the daemon from its socket.
 */
START_TEST(locked_directory)
{
	char part[128];
	int64_t took_ms;
	pid_t holder;
	int fd;

	server_make_directories();
	snprintf(part, sizeof(part), "%s/run/cpvrrp", server_directory);
	fd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	holder = fork();
	if (holder == 0) {
		if (_i == 0)
			nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
		else
			pause();
		_exit(0);
	}
	close(fd);
	took_ms = -now_ms();
	server_start();
	took_ms += now_ms();
	check_request("GET", "/healthz", 200, "ok\n");
	ck_assert_int_ge(took_ms, _i == 0 ? 50 : CONTROL_LOCK_WAIT_MS);
	if (_i == 0)
		ck_assert_int_lt(took_ms, CONTROL_LOCK_WAIT_MS);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}
END_TEST

START_TEST(no_socket)
{
	FILE *file;

	server_make_directories();
	file = fopen(server_path, "w");
	fputs("precious", file);
	fclose(file);
	server_start();
	ck_assert_int_eq(server_wait(), EEXIST);
	ck_assert_int_eq(access(server_path, F_OK), 0);
}
END_TEST

/* The socket was replaced behind the daemon's back: the other one is not its to remove. */
START_TEST(replaced_socket)
{
	int fd;

	server_start();
	unlink(server_path);
	fd = server_listen();
	ck_assert_int_eq(server_stop(), 0);
	ck_assert_int_eq(access(server_path, F_OK), 0);
	close(fd);
}
END_TEST

/* The socket and its directory were removed: a daemon that nobody can ask makes them again. */
START_TEST(removed_socket)
{
	char part[128], *body = NULL;
	int tries = 0;

	server_start();
	unlink(server_path);
	snprintf(part, sizeof(part), "%s/run/cpvrrp", server_directory);
	ck_assert_int_eq(rmdir(part), 0);
	while (control_request(server_path, "GET", "/healthz", &body) != 200) {
		ck_assert_int_lt(tries++, 30);
		nanosleep(&(struct timespec){.tv_nsec = CONTROL_WATCH_S * 100000000}, NULL);
	}
	free(body);
	ck_assert_uint_eq(mode_of(server_path), 0600);
	ck_assert_int_eq(server_stop(), 0);
	ck_assert_int_ne(access(server_path, F_OK), 0);
}
END_TEST

static const struct {
	const char *method;
	const char *target;
	int status;
	const char *part;
} requests[] = {
	{"GET", "/healthz", 200, "ok\n"},
	{"GET", "/metrics", 200, "# TYPE cpvrrp_build_info gauge\n"},
	{"GET", "/v1/state", 200, "\"virtual_routers\": []"},
	{"GET", "/v1/state?format=json", 200, "\"virtual_routers\": []"},
	{"GET", "/v1/state?format=text", 200, "cpvrrp " VERSION ", pid "},
	{"HEAD", "/healthz", 200, ""},
	{"HEAD", "/v1/state", 200, ""},
	{"GET", "/v1/state?format=xml", 400, "text or json\n"},
	{"GET", "/v1/state?fmt=text", 400, "text or json\n"},
	{"GET", "/v1/state?format=text&x=y", 400, "text or json\n"},
	{"GET", "/", 404, "/v1/state"},
	{"GET", "/v1/stat", 404, "/v1/state"},
	{"POST", "/v1/state", 405, "wrong method\n"},
	{"PUT", "/metrics", 405, "wrong method\n"},
	{"DELETE", "/healthz", 405, "wrong method\n"},
	{"OPTIONS", "/healthz", 405, "wrong method\n"},
	{"GET", "/v1/step-down", 405, "wrong method\n"},
	{"GET", "/v1/step-down?seconds=5", 405, "wrong method\n"},
};

START_TEST(request)
{
	unsigned seconds;

	server_start();
	check_request(requests[_i].method, requests[_i].target, requests[_i].status,
		      requests[_i].part);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), -1);
}
END_TEST

/* A snapshot for which there is no memory is no success. */
START_TEST(no_memory)
{
	server_without_memory = true;
	server_start();
	check_request("GET", "/v1/state", 503, "no memory\n");
	check_request("GET", "/metrics", 503, "no memory\n");
	check_request("GET", "/healthz", 200, "ok\n");
}
END_TEST

static const struct {
	const char *target;
	int seconds; /* -1 = refused */
} step_down_requests[] = {
	{"/v1/step-down", 60},
	{"/v1/step-down?seconds=1", 1},
	{"/v1/step-down?seconds=86400", 86400},
	{"/v1/step-down?seconds=0", 0},
	{"/v1/step-down?seconds=86401", -1},
	{"/v1/step-down?seconds=-1", -1},
	{"/v1/step-down?seconds=%205", -1},
	{"/v1/step-down?seconds=5s", -1},
	{"/v1/step-down?seconds=1.5", -1},
	{"/v1/step-down?seconds=", -1},
	{"/v1/step-down?seconds=99999999999999999999", -1},
	{"/v1/step-down?second=5", -1},
	{"/v1/step-down?seconds", -1},
};

START_TEST(step_down)
{
	int expected = step_down_requests[_i].seconds;
	unsigned seconds = 0;
	ssize_t size;

	server_start();
	if (expected > 0)
		check_request("POST", step_down_requests[_i].target, 200, "stepping down");
	else if (expected == 0)
		check_request("POST", step_down_requests[_i].target, 200, "no longer");
	else
		check_request("POST", step_down_requests[_i].target, 400,
			      "a whole number from 0 to 86400\n");
	size = read(server_step_downs[0], &seconds, sizeof(seconds));
	ck_assert_int_eq(size, expected >= 0 ? (ssize_t)sizeof(seconds) : -1);
	ck_assert_uint_eq(seconds, expected >= 0 ? (unsigned)expected : 0);
}
END_TEST

static const struct {
	const char *request;
	const char *answer;
	const char *part;
} metrics_requests[] = {
	{"GET /metrics", "HTTP/1.0 200 OK\r\n", "# TYPE cpvrrp_build_info gauge\n"},
	{"GET /healthz", "HTTP/1.0 200 OK\r\n", "\r\n\r\nok\n"},
	{"HEAD /metrics", "HTTP/1.0 200 OK\r\n", "\r\n\r\n"},
	{"POST /metrics", "HTTP/1.0 405 ", "wrong method\n"},
	{"GET /v1/state", "HTTP/1.0 200 OK\r\n", "\"virtual_routers\": "},
	{"POST /v1/step-down", "HTTP/1.0 404 ", "there is /, /v1/state, /metrics and /healthz\n"},
	{"GET /", "HTTP/1.0 200 OK\r\n", "<!DOCTYPE html>\n"},
};

/* A client of the port sees metrics, state and page and can change nothing. */
START_TEST(metrics_request)
{
	char answer[65536] = "";
	ssize_t size = 1, used = 0;
	unsigned seconds;
	int fd;

	server_start();
	fd = server_connect_metrics(1);
	dprintf(fd, "%s HTTP/1.0\r\n\r\n", metrics_requests[_i].request);
	while (size > 0) {
		size = read(fd, answer + used, sizeof(answer) - 1 - (size_t)used);
		used += size;
	}
	ck_assert_int_eq(size, 0);
	answer[used] = '\0';
	ck_assert_msg(strncmp(answer, metrics_requests[_i].answer,
			      strlen(metrics_requests[_i].answer)) == 0,
		      "%s", answer);
	ck_assert_msg(strstr(answer, metrics_requests[_i].part) != NULL, "%s", answer);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), -1);
	close(fd);
}
END_TEST

/* FAIL CLOSED. */
START_TEST(metrics_port_in_use)
{
	struct sockaddr_in address;
	int fd = server_metrics_socket(&address);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	close(fd);
}
END_TEST

Suite *suite_control(void)
{
	Suite *suite = suite_create("control");
	TCase *tcase = tcase_create("control");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, server_setup, server_teardown);
	tcase_add_test(tcase, socket_file);
	tcase_add_test(tcase, stale_socket);
	tcase_add_test(tcase, second_daemon);
	tcase_add_test(tcase, busy_daemon);
	tcase_add_loop_test(tcase, locked_directory, 0, 2);
	tcase_add_test(tcase, no_socket);
	tcase_add_test(tcase, replaced_socket);
	tcase_add_test(tcase, removed_socket);
	tcase_add_loop_test(tcase, metrics_request, 0, COUNT(metrics_requests));
	tcase_add_test(tcase, metrics_port_in_use);
	tcase_add_loop_test(tcase, request, 0, COUNT(requests));
	tcase_add_loop_test(tcase, step_down, 0, COUNT(step_down_requests));
	tcase_add_test(tcase, no_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}
