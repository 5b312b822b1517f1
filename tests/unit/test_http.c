/* SPDX-License-Identifier: Apache-2.0 */
/* The server of the control socket and of the metrics, byte by byte. A loop of two is over a Unix
 * socket and over TCP. */
#include "daemon/http.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/metrics_listener.h"
#include "server.h"

#define ANSWER_SIZE 65536

static bool over_tcp; /* where connect_from() connects to */

static int connect_from(uint8_t source)
{
	return over_tcp ? server_connect_metrics(source) : server_connect();
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* All that comes until the server closes, which it does within 2 s. */
static const char *receive_all(int fd)
{
	static char answer[ANSWER_SIZE];
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	ssize_t size = 1, used = 0;

	while (size > 0) {
		ck_assert_int_eq(poll(&readable, 1, 2000), 1);
		size = read(fd, answer + used, sizeof(answer) - 1 - (size_t)used);
		used += size > 0 ? size : 0;
	}
	answer[used] = '\0';
	close(fd);
	return answer;
}

static int status_of(const char *answer)
{
	int status = 0;

	if (*answer)
		ck_assert_int_eq(sscanf(answer, "HTTP/1.%*d %d", &status), 1);
	return status;
}

/* Sends bytes and returns the status of the answer, 0 if there is none. */
static int ask(const char *start, size_t padding, const char *end)
{
	char *filler = malloc(padding + 1);
	int fd = connect_from(1);

	memset(filler, 'a', padding);
	filler[padding] = '\0';
	dprintf(fd, "%s%s%s", start, filler, end);
	free(filler);
	return status_of(receive_all(fd));
}

static void check_no_step_down(void)
{
	unsigned seconds;

	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), -1);
}

START_TEST(limits)
{
	server_start();
	over_tcp = _i;
	signal(SIGPIPE, SIG_IGN);
	/* Again and again: no request must be served with what is left of another one. */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\nX: ", 8100, "\r\n\r\n"), 200);
		ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\nX: ", 8162, "\r\n\r\n"), 200);
		ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\nX: ", 8163, "\r\n\r\n"), 400);
		ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\nX: ", 8200, "\r\n\r\n"), 400);
		ck_assert_int_eq(ask("GET /healthz?", 40000, " HTTP/1.1\r\n\r\n"), 400);
		ck_assert_int_eq(ask("POST /v1/step-down HTTP/1.1\r\n"
				     "Content-Length: 5000\r\n\r\n",
				     5000, ""),
				 413);
		ck_assert_int_eq(ask("\x16\x03\x01", 600, "\r\n\r\n"), 400);
	}
	check_no_step_down();
	ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\n\r\n", 0, ""), 200);
}
END_TEST

static const struct {
	const char *request;
	int status; /* 0 = none before the client closes */
} requests[] = {
	{"GET /healthz HTTP/1.1\r\n\r\n", 200},
	{"GET /healthz HTTP/1.0\r\n\r\n", 200},
	{"GET /healthz HTTP/1.9\r\n\r\n", 200},
	{"GET /healthz HTTP/1.1\n\n", 200},
	{"\r\nGET /healthz HTTP/1.1\r\n\r\n", 200},
	{"GET http://localhost/healthz HTTP/1.1\r\n\r\n", 200},
	{"GET /healthz HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", 200},
	{"GET /healthz HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", 200},
	{"GET /healthz HTTP/1.1\r\ncontent-LENGTH:\t 0 \r\n\r\n", 200},
	{"GET /healthz HTTP/1.1\r\nContent-Length-: x\r\n\r\n", 200},
	{"GET /healthz HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n", 200},
	{"GET /healthz HTTP/2.0\r\n\r\n", 400},
	{"GET /healthz HTTP/1.11\r\n\r\n", 400},
	{"GET /healthz http/1.1\r\n\r\n", 400},
	{"GET /healthz\r\n\r\n", 400},
	{"GET\r\n\r\n", 400},
	{"GET /a b HTTP/1.1\r\n\r\n", 400},
	{"GET //[ HTTP/1.1\r\n\r\n", 400},
	{"GET /healthz HTTP/1.1\r\nno header\r\n\r\n", 400},
	{"GET /healthz HTTP/1.1\r\nContent-Length: 4x\r\n\r\nbody", 400},
	{"GET /healthz HTTP/1.1\r\nContent-Length: -4\r\n\r\nbody", 400},
	{"GET /healthz HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
	{"GET /healthz HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", 400},
	{"GET /healthz HTTP/1.1\r\nContent-Length: 4097\r\n\r\n", 413},
	{"GET /healthz HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
	{"POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
	{"PUT /healthz HTTP/1.1\r\n\r\n", 405},
	{"get /healthz HTTP/1.1\r\n\r\n", 405},
	{"TRACE /healthz HTTP/1.1\r\n\r\n", 405},
	{"CONNECT /healthz HTTP/1.1\r\n\r\n", 405},
	{"CONNECT localhost:443 HTTP/1.1\r\n\r\n", 404},
	{"OPTIONS * HTTP/1.1\r\n\r\n", 404},
	{"GET /nothing HTTP/1.1\r\n\r\n", 404},
	{"GET http://localhost HTTP/1.1\r\n\r\n", 404},
	{"", 0},
	{"GET /healthz HTTP/1.1\r\nHost: a\r\n", 0},
	{"POST /v1/step-down HTTP/1.1\r\nContent-Length: 4\r\n\r\nbod", 0},
};

/* Every request has at most one answer, and then the connection ends. */
START_TEST(one_request)
{
	server_start();
	for (int i = 0; i < 2; i++) {
		int fd;

		over_tcp = i;
		fd = connect_from(1);
		dprintf(fd, "%s", requests[_i].request);
		if (!requests[_i].status)
			shutdown(fd, SHUT_WR);
		ck_assert_int_eq(status_of(receive_all(fd)), requests[_i].status);
	}
	check_no_step_down();
}
END_TEST

/* In whichever pieces a request comes. */
START_TEST(pieces)
{
	static const char text[] = "POST /healthz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
	int fd;

	server_start();
	fd = server_connect();
	for (const char *at = text; *at; at++) {
		ck_assert_int_eq(write(fd, at, 1), 1);
		sleep_ms(2);
	}
	ck_assert_int_eq(status_of(receive_all(fd)), 405);
}
END_TEST

static void check_answer(const char *request, const char *start, const char *header,
			 const char *body)
{
	int fd = server_connect();
	const char *answer, *end;

	dprintf(fd, "%s\r\n\r\n", request);
	answer = receive_all(fd);
	end = strstr(answer, "\r\n\r\n");
	ck_assert_msg(strncmp(answer, start, strlen(start)) == 0, "%s", answer);
	ck_assert_msg(end && strcmp(end + 4, body) == 0, "%s", answer);
	ck_assert_msg(strstr(answer, header) != NULL && strstr(answer, header) < end, "%s", answer);
	ck_assert_ptr_nonnull(strstr(answer, "\r\nConnection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nDate: "));
}

START_TEST(headers)
{
	server_start();
	check_answer("GET /healthz HTTP/1.1", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 3\r\n",
		     "ok\n");
	check_answer("GET /healthz HTTP/1.0", "HTTP/1.0 200 OK\r\n", "\r\nContent-Length: 3\r\n",
		     "ok\n");
	check_answer("HEAD /healthz HTTP/1.1", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 3\r\n",
		     "");
	check_answer("POST /healthz HTTP/1.1", "HTTP/1.1 405 Method Not Allowed\r\n",
		     "\r\nAllow: GET, HEAD\r\n", "wrong method\n");
	check_answer("GET /v1/step-down HTTP/1.1", "HTTP/1.1 405 Method Not Allowed\r\n",
		     "\r\nAllow: POST\r\n", "wrong method\n");
	check_answer("PUT /nothing HTTP/1.1", "HTTP/1.1 404 Not Found\r\n",
		     "\r\nContent-Type: text/plain; charset=utf-8\r\n",
		     "there is /v1/state, /metrics, /healthz and /v1/step-down\n");
}
END_TEST

static unsigned server_files(void)
{
	char name[64];
	unsigned count = 0;
	DIR *files;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)server);
	files = opendir(name);
	while (readdir(files))
		count++;
	count -= 2; /* . and .. */
	closedir(files);
	return count;
}

/* Silent clients get HTTP_CONNECTIONS_MAX places and lose them after 5 s; then others have their
 * turn. */
START_TEST(connections)
{
	int fds[HTTP_CONNECTIONS_MAX + 8];
	unsigned idle, count = sizeof(fds) / sizeof(fds[0]);
	struct pollfd first;

	server_start();
	over_tcp = _i;
	ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\n\r\n", 0, ""), 200);
	sleep_ms(500);
	idle = server_files();
	for (unsigned i = 0; i < count; i++)
		fds[i] = connect_from((uint8_t)(1 + i / METRICS_PER_ADDRESS_MAX));
	sleep_ms(500);
	ck_assert_uint_eq(server_files(), idle + HTTP_CONNECTIONS_MAX);
	first = (struct pollfd){.fd = fds[0], .events = POLLIN};
	ck_assert_int_eq(poll(&first, 1, 3000), 0);
	ck_assert_int_eq(poll(&first, 1, 3000), 1);
	sleep_ms(500);
	ck_assert_uint_eq(server_files(), idle + count - HTTP_CONNECTIONS_MAX);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\n\r\n", 0, ""), 200);
	sleep_ms(500);
	ck_assert_uint_eq(server_files(), idle);
}
END_TEST

/* A place is free again as soon as its connection ends, whichever side ends it. */
START_TEST(places)
{
	int fds[HTTP_CONNECTIONS_MAX];

	server_start();
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		fds[i] = server_connect();
	sleep_ms(100);
	close(fds[0]);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\n\r\n", 0, ""), 200);
	for (unsigned i = 1; i < HTTP_CONNECTIONS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* One address of the network cannot take the places of the others. */
START_TEST(places_of_one_address)
{
	int fds[METRICS_PER_ADDRESS_MAX];

	server_start();
	over_tcp = true;
	for (unsigned i = 0; i < METRICS_PER_ADDRESS_MAX; i++)
		fds[i] = connect_from(1);
	sleep_ms(100);
	for (int i = 0; i < 20; i++) {
		int fd = connect_from(2);

		ck_assert_str_eq(receive_all(connect_from(1)), "");
		dprintf(fd, "GET /healthz HTTP/1.1\r\n\r\n");
		ck_assert_int_eq(status_of(receive_all(fd)), 200);
	}
	close(fds[0]);
	sleep_ms(100);
	ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\n\r\n", 0, ""), 200);
	for (unsigned i = 1; i < METRICS_PER_ADDRESS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* The 5 s are for the connection, however much it sends meanwhile. */
START_TEST(lifetime)
{
	struct timespec before, after;
	int fd;

	server_start();
	over_tcp = _i;
	signal(SIGPIPE, SIG_IGN);
	clock_gettime(CLOCK_MONOTONIC, &before);
	fd = connect_from(1);
	while (send(fd, "G", 1, MSG_NOSIGNAL) == 1)
		sleep_ms(100);
	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge(after.tv_sec - before.tv_sec, HTTP_TIMEOUT_S - 1);
	ck_assert_int_le(after.tv_sec - before.tv_sec, HTTP_TIMEOUT_S + 1);
}
END_TEST

/* Leaves the server room for so many descriptors more: 0 or 1. */
static void limit_server(unsigned more)
{
	struct rlimit limit;
	char name[64];

	ck_assert_int_eq(prlimit(server, RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = 0;
	do
		snprintf(name, sizeof(name), "/proc/%d/fd/%u", (int)server,
			 (unsigned)limit.rlim_cur++);
	while (faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	limit.rlim_cur = limit.rlim_cur - 1 + more;
	ck_assert_int_eq(prlimit(server, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Without free descriptors the server neither spins nor gives up: it goes on when one is free. */
START_TEST(no_descriptors)
{
	struct timespec used = {0};
	unsigned idle;
	clockid_t clock;
	int fds[4];

	server_start();
	limit_server(1);
	idle = server_files();
	for (int i = 0; i < 4; i++)
		fds[i] = server_connect();
	sleep_ms(1000);
	ck_assert_uint_eq(server_files(), idle + 1);
	ck_assert_int_eq(clock_getcpuclockid(server, &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &used), 0);
	ck_assert_msg(used.tv_sec == 0 && used.tv_nsec < 200000000, "%ld ns", used.tv_nsec);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	ck_assert_int_eq(ask("GET /healthz HTTP/1.1\r\n\r\n", 0, ""), 200);
}
END_TEST

/* The same while there is no connection whose end would free one. */
START_TEST(no_descriptor)
{
	int fd;

	server_start();
	limit_server(0);
	fd = server_connect();
	dprintf(fd, "GET /healthz HTTP/1.1\r\n\r\n");
	sleep_ms(500);
	limit_server(1);
	ck_assert_int_eq(status_of(receive_all(fd)), 200);
}
END_TEST

Suite *suite_http(void)
{
	Suite *suite = suite_create("http");
	TCase *tcase = tcase_create("http");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, server_setup, server_teardown);
	tcase_add_loop_test(tcase, limits, 0, 2);
	tcase_add_loop_test(tcase, one_request, 0, COUNT(requests));
	tcase_add_test(tcase, pieces);
	tcase_add_test(tcase, headers);
	tcase_add_loop_test(tcase, connections, 0, 2);
	tcase_add_test(tcase, places);
	tcase_add_test(tcase, places_of_one_address);
	tcase_add_loop_test(tcase, lifetime, 0, 2);
	tcase_add_test(tcase, no_descriptors);
	tcase_add_test(tcase, no_descriptor);
	suite_add_tcase(suite, tcase);
	return suite;
}
