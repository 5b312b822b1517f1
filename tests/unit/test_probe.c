/* SPDX-License-Identifier: Apache-2.0 */
#include "os/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "apiserver.h"
#include "unit.h"

START_TEST(one_connection_is_kept)
{
	const char *last;

	conf.interval_us = 50 * MS;
	start();
	for (int i = 0; i < 5; i++)
		expect_ok();
	ck_assert_str_eq(counted(), "1/5");
	last = ask("last");
	ck_assert_ptr_nonnull(strstr(last, "\"GET /readyz HTTP/1.1\""));
	ck_assert_ptr_nonnull(strstr(last, "\"host\": \"kubernetes\""));
	ck_assert_ptr_nonnull(strstr(last, "\"user-agent\": \"cpvrrp/" VERSION "\""));
	ck_assert_ptr_nonnull(strstr(last, "\"sni\": \"kubernetes\""));
	ck_assert_ptr_nonnull(strstr(last, "\"alpn\": \"http/1.1\""));
	ck_assert_ptr_null(strstr(last, "authorization"));
}
END_TEST

/* Whatever the status is, the body is read to its end and the connection stays. */
static const struct {
	const char *mode;
	enum health_result result;
	int status;
	const char *words;
} answers[] = {
	{"mode unready", HEALTH_STATUS, 500, "HTTP 500: [-]etcd failed: reason withheld"},
	{"mode status 401", HEALTH_UNAUTHORIZED, 401,
	 "anonymous auth is off: set client_cert_file or token_file"},
	{"mode status 403", HEALTH_FORBIDDEN, 403, "RBAC"},
	{"mode status 404", HEALTH_STATUS, 404, "HTTP 404"},
	{"mode status 302", HEALTH_STATUS, 302, "HTTP 302"},
	{"mode status 503", HEALTH_STATUS, 503, "HTTP 503"},
	{"mode status 201", HEALTH_STATUS, 201, "HTTP 201"},
};

START_TEST(only_200_is_healthy)
{
	conf.interval_us = 50 * MS;
	tell(answers[_i].mode);
	start();
	expect(answers[_i].result, answers[_i].status, answers[_i].words);
	expect(answers[_i].result, answers[_i].status, answers[_i].words);
	tell("mode ok");
	expect_ok();
	ck_assert_str_eq(counted(), "1/3");
}
END_TEST

/* One attempt, and how many connections the server saw of it: a closed one is tried again, twice.
 */
static const struct {
	const char *mode;
	enum health_result result;
	const char *words;
	const char *counted;
} failures[] = {
	{"mode silent-tls", HEALTH_TIMEOUT, "TLS handshake", "1/0"},
	{"mode silent", HEALTH_TIMEOUT, "no complete response", "1/1"},
	{"mode stall", HEALTH_TIMEOUT, "no complete response", "1/1"},
	{"mode late 5", HEALTH_TIMEOUT, "no complete response", "1/1"},
	{"mode eof", HEALTH_CLOSED, "before the response", "3/3"},
	{"mode reset", HEALTH_CLOSED, "before the response", "3/3"},
	{"mode eof-tls", HEALTH_CLOSED, "TLS handshake", "3/0"},
	{"mode reset-tls", HEALTH_CLOSED, "TLS handshake", "3/0"},
	{"mode garbage", HEALTH_RESPONSE, "not an HTTP response", "1/1"},
	{"mode huge-headers", HEALTH_RESPONSE, "headers up to 64 KiB", "1/1"},
	{"mode huge-body", HEALTH_RESPONSE, "over 64 KiB", "1/1"},
	{"mode huge-chunks", HEALTH_RESPONSE, "over 64 KiB", "1/1"},
	{"mode h2", HEALTH_TIMEOUT, "no complete response", "1/1"},
	{"mode plain", HEALTH_TLS, "wrong version number", "1/0"},
	{"mode tls1.1", HEALTH_TLS, "protocol version", "1/0"},
};

START_TEST(each_failure_is_explained_and_heals)
{
	conf.timeout_us = 300 * MS;
	conf.interval_us = 300 * MS;
	tell(failures[_i].mode);
	start();
	expect(failures[_i].result, 0, failures[_i].words);
	ck_assert_str_eq(counted(), failures[_i].counted);
	tell("mode ok");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 5);
}
END_TEST

#define INTERIM "HTTP/1.1 100 Continue\\r\\n\\r\\n"
#define BODY "\\r\\nContent-Length: 2\\r\\n\\r\\nok"

/* Whole responses; each comes in one piece, and byte by byte. */
static const struct {
	const char *text;
	enum health_result result;
	const char *words;
} responses[] = {
	{"HTTP/1.1 200 OK" BODY, HEALTH_OK, ""},
	{"HTTP/1.1 200 " BODY, HEALTH_OK, ""},
	{"HTTP/1.1 200" BODY, HEALTH_OK, ""},
	{"HTTP/1.0 200 OK" BODY, HEALTH_OK, ""},
	{INTERIM "HTTP/1.1 200 OK" BODY, HEALTH_OK, ""},
	{INTERIM INTERIM INTERIM INTERIM INTERIM "HTTP/1.1 200 OK" BODY, HEALTH_OK, ""},
	{INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM "HTTP/1.1 200 OK" BODY, HEALTH_RESPONSE,
	 "more than 5 interim responses"},
	{"HTTP/1.1 0200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1 4294967496 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1 +200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1 200x OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1 200:OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1 2000" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1 20" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.1  200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/1.10 200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/0.9 200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"HTTP/2 200" BODY, HEALTH_RESPONSE, "no valid status line"},
	{"200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
	{INTERIM "HTTP/1.1 0200 OK" BODY, HEALTH_RESPONSE, "no valid status line"},
};

START_TEST(status_line_is_read_strictly)
{
	char command[512];

	conf.interval_us = 10 * MS;
	for (size_t i = 0; i < COUNT(responses); i++) {
		bool ok = responses[i].result == HEALTH_OK;

		snprintf(command, sizeof(command), "mode %s %s", _i ? "drip" : "raw",
			 responses[i].text);
		tell(command);
		restart();
		expect(responses[i].result, ok ? 200 : 0, responses[i].words);
		expect(responses[i].result, ok ? 200 : 0, responses[i].words);
	}
}
END_TEST

START_TEST(tls_1_2_is_enough)
{
	tell("mode tls1.2");
	start();
	expect_ok();
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"tls\": \"TLSv1.2\""));
}
END_TEST

START_TEST(end_of_connection_is_end_of_body)
{
	tell("mode until-eof");
	start();
	expect_ok();
}
END_TEST

/* An apiserver with --bind-address refuses on every other address, as the default url's. */
static const struct {
	const char *address;
	bool hint;
} refusing[] = {
	{"127.0.0.1", true},
	{"::1", true},
	{"127.1.2.3", true},
	/* Linux connects to itself, as to any address of the node. */
	{"0.0.0.0", false},
};

START_TEST(port_refuses)
{
	apiserver_kill();
	conf_reset(refusing[_i].address, conf.port);
	start();
	expect(HEALTH_REFUSED, 0, "/readyz: the port refuses connections");
	ck_assert_int_eq(strstr(reports[0].detail, "--bind-address") != NULL, refusing[_i].hint);
}
END_TEST

static int nonblocking_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(backlog_is_full)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	int listener = nonblocking_socket();
	int fillers[4];

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, size), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
	for (size_t i = 0; i < COUNT(fillers); i++) {
		fillers[i] = nonblocking_socket();
		connect(fillers[i], (struct sockaddr *)&name, size);
	}
	conf.port = ntohs(name.sin_port);
	conf.timeout_us = 200 * MS;
	start();
	expect(HEALTH_TIMEOUT, 0, "TCP connection not answered");
	for (size_t i = 0; i < COUNT(fillers); i++)
		close(fillers[i]);
	close(listener);
}
END_TEST

START_TEST(network_is_unreachable)
{
	/* No TCP to a broadcast address; nothing is sent. */
	ck_assert(addr_parse("255.255.255.255", &conf.address));
	start();
	expect(HEALTH_UNABLE, 0, strerror(ENETUNREACH));
}
END_TEST

START_TEST(no_descriptor_left)
{
	struct rlimit saved;
	struct rlimit none;

	start();
	expect_ok();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &saved), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = saved.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	tell("drop");
	expect(HEALTH_UNABLE, 0, strerror(EMFILE));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &saved), 0);
}
END_TEST

START_TEST(ipv6)
{
	apiserver_kill();
	conf_reset("::1", apiserver_start("[::1]:0"));
	strcpy(conf.server_name, "::1");
	start();
	expect_ok();
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"host\": \"[::1]\""));
}
END_TEST

static int64_t started_us(size_t i)
{
	return reported_us[i] - reports[i].latency_us;
}

/*
 * Each attempt that times out is followed by the next one without a gap, not by a left out turn.
 * On a busy machine some ends are so late that the turn is over; how many does not matter.
 */
START_TEST(cadence_with_timeouts)
{
	int prompt = 0;

	tell("mode silent");
	conf.interval_us = 200 * MS;
	conf.timeout_us = 200 * MS;
	start();
	expect(HEALTH_TIMEOUT, 0, "");
	while (prompt < 5) {
		expect(HEALTH_TIMEOUT, 0, "");
		ck_assert_int_ge(reports[reports_read - 1].latency_us, 190 * MS);
		prompt += started_us(reports_read - 1) - reported_us[reports_read - 2] < 50 * MS;
	}
}
END_TEST

/* An attempt longer than the interval: one in flight, turns are left out, no drift. */
START_TEST(cadence_with_slow_answers)
{
	int64_t began_us;

	tell("mode late 0.35");
	conf.interval_us = 200 * MS;
	began_us = now_us();
	start();
	for (int i = 0; i < 5; i++)
		expect_ok();
	ck_assert_int_ge(started_us(4) - began_us, 1590 * MS);
	ck_assert_str_eq(counted(), "1/5");
}
END_TEST

/* A close that was announced is none. */
START_TEST(close_announced)
{
	int64_t began_us;

	tell("mode close-announced");
	conf.interval_us = 100 * MS;
	began_us = now_us();
	start();
	for (int i = 0; i < 5; i++)
		expect_ok();
	ck_assert_int_ge(started_us(4) - began_us, 390 * MS);
	ck_assert_str_eq(counted(), "5/5");
}
END_TEST

/* Each close is looked into, but not more than four times per interval. */
START_TEST(close_after_each_response)
{
	tell("mode close");
	conf.interval_us = 1000 * MS;
	start();
	for (int i = 0; i < 6; i++)
		expect_ok();
	ck_assert_int_lt(reported_us[4] - reported_us[0], 900 * MS);
	ck_assert_int_ge(started_us(5) - started_us(0), 500 * MS);
	ck_assert_str_eq(counted(), "6/6");
}
END_TEST

START_TEST(idle_connection_dropped)
{
	start();
	expect_ok();
	tell("drop");
	expect_ok();
	ck_assert_str_eq(counted(), "2/2");
}
END_TEST

/* The loop stood still; the end of the connection and the next turn are seen together. */
START_TEST(late_turn)
{
	const struct timespec pause = {.tv_nsec = 650000000};

	conf.interval_us = 100 * MS;
	conf.timeout_us = 400 * MS;
	start();
	expect_ok();
	tell("drop");
	nanosleep(&pause, NULL);
	for (int i = 0; i < 4; i++)
		expect_ok();
	ck_assert_str_eq(counted(), "2/5");
	/* The turns of the pause are not made up for: four intervals, of which one report may be
	 * late. */
	ck_assert_int_ge(reported_us[4] - reported_us[1], 110 * MS);
}
END_TEST

START_TEST(killed_while_idle)
{
	int64_t killed_us;

	start();
	expect_ok();
	killed_us = now_us();
	apiserver_kill();
	expect(HEALTH_REFUSED, 0, "refuses");
	/* A few milliseconds; the bound is for a busy machine. */
	ck_assert_int_lt(reported_us[1] - killed_us, 1000 * MS);
}
END_TEST

START_TEST(killed_in_flight)
{
	conf.timeout_us = 10000 * MS;
	tell("mode silent");
	start();
	while (strcmp(counted(), "1/1") != 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	apiserver_kill();
	expect(HEALTH_REFUSED, 0, "refuses");
	ck_assert_int_lt(reports[0].latency_us, 5000 * MS);
}
END_TEST

/* The process lives, nobody accepts: the kernel takes the connection. */
START_TEST(stopped_and_continued)
{
	conf.interval_us = 200 * MS;
	conf.timeout_us = 200 * MS;
	apiserver_signal(SIGSTOP);
	start();
	expect(HEALTH_TIMEOUT, 0, "TLS handshake");
	apiserver_signal(SIGCONT);
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 4);
}
END_TEST

static const char *const stages[] = {
	"mode ok",	  "mode silent-tls", "mode silent",    "mode stall",	 "mode close",
	"mode eof",	  "mode reset",	     "mode garbage",   "mode huge-body", "mode unready",
	"mode reset-tls", "mode plain",	     "mode until-eof", "mode tls1.1",
};

/* In any turn of the loop; what the sanitizers and valgrind say of it counts. */
START_TEST(freed_at_any_time)
{
	conf.timeout_us = 50 * MS;
	tell(stages[_i]);
	for (int turns = 0; turns < 12; turns++) {
		size_t before;

		start();
		for (int turn = 0; turn < turns && report_count == 0; turn++)
			event_base_loop(base, EVLOOP_ONCE);
		probe_free(probe);
		probe = NULL;
		before = report_count;
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_eq(report_count, before);
		report_count = 0;
	}
}
END_TEST

START_TEST(freed_in_report)
{
	conf.timeout_us = 50 * MS;
	tell(stages[_i]);
	free_in_report = true;
	start();
	await();
	ck_assert_ptr_null(probe);
	event_base_dispatch(base);
	ck_assert_uint_eq(report_count, 1);
	probe_free(NULL);
}
END_TEST

Suite *suite_probe(void)
{
	Suite *suite = suite_create("probe");
	TCase *talk = tcase_create("server");

	tcase_add_unchecked_fixture(talk, apiserver_setup_files, NULL);
	tcase_add_checked_fixture(talk, apiserver_setup, apiserver_teardown);
	tcase_set_timeout(talk, 60);
	tcase_add_test(talk, one_connection_is_kept);
	tcase_add_loop_test(talk, only_200_is_healthy, 0, COUNT(answers));
	tcase_add_loop_test(talk, each_failure_is_explained_and_heals, 0, COUNT(failures));
	tcase_add_loop_test(talk, status_line_is_read_strictly, 0, 2);
	tcase_add_test(talk, tls_1_2_is_enough);
	tcase_add_test(talk, end_of_connection_is_end_of_body);
	tcase_add_loop_test(talk, port_refuses, 0, COUNT(refusing));
	tcase_add_test(talk, backlog_is_full);
	tcase_add_test(talk, network_is_unreachable);
	tcase_add_test(talk, no_descriptor_left);
	tcase_add_test(talk, ipv6);
	tcase_add_test(talk, cadence_with_timeouts);
	tcase_add_test(talk, cadence_with_slow_answers);
	tcase_add_test(talk, close_announced);
	tcase_add_test(talk, close_after_each_response);
	tcase_add_test(talk, idle_connection_dropped);
	tcase_add_test(talk, late_turn);
	tcase_add_test(talk, killed_while_idle);
	tcase_add_test(talk, killed_in_flight);
	tcase_add_test(talk, stopped_and_continued);
	tcase_add_loop_test(talk, freed_at_any_time, 0, COUNT(stages));
	tcase_add_loop_test(talk, freed_in_report, 0, COUNT(stages));
	suite_add_tcase(suite, talk);
	return suite;
}
