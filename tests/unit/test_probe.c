/* SPDX-License-Identifier: Apache-2.0 */
/* The probe against tests/lib/apiserver.py, whose docstring explains its modes and commands. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/probe.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MS 1000
#define NEVER_MS 60000 /* an interval whose second attempt no test waits for */
#define PATIENCE_S 20
#define REPORTS_MAX 64

static char directory[UNIT_DIRECTORY_SIZE]; /* of the certificates; made by setup_files() */

static struct {
	pid_t pid;
	FILE *commands;
	FILE *answers;
} server;

static struct event_base *base;
static struct conf_apiserver conf;
static struct probe *probe;
static struct probe_report reports[REPORTS_MAX];
static int64_t reported_us[REPORTS_MAX];
static size_t report_count;
static size_t reports_read;
static bool free_in_report;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The files are named here as one thinks of them: "ca.crt". */
static const char *file(const char *name)
{
	static char paths[4][CONF_PATH_SIZE];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	snprintf(path, CONF_PATH_SIZE, "%s/%s", directory, name);
	return path;
}

/* Atomically, as kubeadm, kubelet and certificate managers do it. */
static void put(const char *name, const char *text)
{
	FILE *stream = fopen(file("new"), "w");

	ck_assert_ptr_nonnull(stream);
	fputs(text, stream);
	ck_assert_int_eq(fclose(stream), 0);
	ck_assert_int_eq(rename(file("new"), file(name)), 0);
}

static void copy(const char *source, const char *name)
{
	char text[8192];
	FILE *stream = fopen(file(source), "r");
	size_t size;

	ck_assert_ptr_nonnull(stream);
	size = fread(text, 1, sizeof(text) - 1, stream);
	fclose(stream);
	text[size] = '\0';
	put(name, text);
}

static void point(const char *name, const char *target)
{
	unlink(file("new"));
	ck_assert_int_eq(symlink(target, file("new")), 0);
	ck_assert_int_eq(rename(file("new"), file(name)), 0);
}

static const char *answer(void)
{
	static char line[4096];

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), server.answers));
	return line;
}

static const char *ask(const char *command)
{
	fprintf(server.commands, "%s\n", command);
	fflush(server.commands);
	return answer();
}

static void tell(const char *command)
{
	const char *said = ask(command);

	ck_assert_msg(strcmp(said, "ok\n") == 0, "%s: %s", command, said);
}

/* What the server counted, as "CONNECTIONS/REQUESTS". */
static const char *counted(void)
{
	static char text[32];
	unsigned connections;
	unsigned requests;

	ck_assert_int_eq(
		sscanf(ask("count"), "connections %u requests %u", &connections, &requests), 2);
	snprintf(text, sizeof(text), "%u/%u", connections, requests);
	return text;
}

static uint16_t server_start(const char *listen)
{
	int in[2];
	int out[2];
	unsigned port;

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	server.pid = fork();
	if (server.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("python3", "python3", "-IS", TESTS_DIR "/lib/apiserver.py", "--listen",
		       listen, "--cert", file("server.crt"), "--key", file("server.key"),
		       (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server.commands = fdopen(in[1], "w");
	server.answers = fdopen(out[0], "r");
	ck_assert_int_eq(sscanf(answer(), "listening %u", &port), 1);
	return (uint16_t)port;
}

static void server_kill(void)
{
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
	fclose(server.commands);
	fclose(server.answers);
	server.pid = 0;
}

static void conf_reset(const char *address, uint16_t port)
{
	conf = (struct conf_apiserver){
		.port = port,
		.path = "/readyz",
		.server_name = "kubernetes",
		.interval_us = NEVER_MS * MS,
		.timeout_us = 2000 * MS,
		.fall = 3,
		.rise = 2,
	};
	ck_assert(addr_parse(address, &conf.address));
	strcpy(conf.ca_file, file("ca.crt"));
}

static void set(char path[CONF_PATH_SIZE], const char *name)
{
	snprintf(path, CONF_PATH_SIZE, "%s", file(name));
}

static void setup_files(void)
{
	char command[512];

	unit_mkdtemp(directory, "probe");
	snprintf(command, sizeof(command), "'%s/lib/make-certs' '%s'", TESTS_DIR, directory);
	ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
	struct event_config *config = event_config_new();

	signal(SIGPIPE, SIG_IGN);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(config);
	event_config_free(config);
	report_count = 0;
	reports_read = 0;
	free_in_report = false;
	conf_reset("127.0.0.1", server_start("127.0.0.1:0"));
}

static void teardown(void)
{
	probe_free(probe);
	probe = NULL;
	event_base_free(base);
	if (server.pid)
		server_kill();
}

static void reported(void *context, const struct probe_report *report)
{
	ck_assert_ptr_eq(context, &conf);
	ck_assert_uint_lt(report_count, REPORTS_MAX);
	reported_us[report_count] = now_us();
	reports[report_count++] = *report;
	if (free_in_report) {
		probe_free(probe);
		probe = NULL;
	}
}

static void start(void)
{
	ck_assert_int_eq(probe_new(base, &conf, reported, &conf, &probe), 0);
}

static void out_of_patience(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	ck_abort_msg("no report within %d s", PATIENCE_S);
}

/* The next report. */
static const struct probe_report *await(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct event *guard = evtimer_new(base, out_of_patience, NULL);

	event_add(guard, &patience);
	while (reports_read == report_count)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(guard);
	return &reports[reports_read++];
}

static void expect(enum health_result result, int status, const char *words)
{
	const struct probe_report *report = await();

	ck_assert_msg(report->result == result && report->http_status == status &&
			      strstr(report->detail, words),
		      "result %d, status %d, \"%s\"; wanted %d, %d, \"%s\"", report->result,
		      report->http_status, report->detail, result, status, words);
	ck_assert_int_ge(report->latency_us, 0);
	ck_assert_int_lt(report->latency_us, conf.timeout_us + 1000 * MS);
	if (result == HEALTH_OK)
		ck_assert_str_eq(report->detail, "");
}

static void expect_ok(void)
{
	expect(HEALTH_OK, 200, "");
}

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

START_TEST(failure_has_its_words_and_heals)
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

START_TEST(port_refuses)
{
	server_kill();
	start();
	expect(HEALTH_REFUSED, 0, "refuses");
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
	server_kill();
	conf_reset("::1", server_start("[::1]:0"));
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
	server_kill();
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
	server_kill();
	expect(HEALTH_REFUSED, 0, "refuses");
	ck_assert_int_lt(reports[0].latency_us, 5000 * MS);
}
END_TEST

/* The process lives, nobody accepts: the kernel takes the connection. */
START_TEST(stopped_and_continued)
{
	conf.interval_us = 200 * MS;
	conf.timeout_us = 200 * MS;
	kill(server.pid, SIGSTOP);
	start();
	expect(HEALTH_TIMEOUT, 0, "TLS handshake");
	kill(server.pid, SIGCONT);
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 4);
}
END_TEST

static const struct {
	const char *cert;
	const char *server_name;
	enum health_result result;
	const char *words;
} certificates[] = {
	{"server", "kubernetes", HEALTH_OK, ""},
	{"server", "127.0.0.1", HEALTH_OK, ""},
	{"server", "kubernetes.default", HEALTH_OK, ""},
	{"server", "192.0.2.1", HEALTH_CERTIFICATE, "not for 192.0.2.1"},
	{"server", "kubernete", HEALTH_CERTIFICATE, "not for kubernete"},
	{"wrong-name", "kubernetes", HEALTH_CERTIFICATE, "not for kubernetes"},
	{"expired", "kubernetes", HEALTH_CERTIFICATE, "certificate has expired"},
	{"other-server", "kubernetes", HEALTH_CERTIFICATE, "local issuer"},
	/* Signed by the CA, but for clients. */
	{"client", "kubernetes", HEALTH_CERTIFICATE, "certificate purpose"},
};

static void tell_cert(const char *name)
{
	char command[1024];

	snprintf(command, sizeof(command), "cert %s/%s.crt %s/%s.key", directory, name, directory,
		 name);
	tell(command);
}

START_TEST(certificate_is_verified)
{
	bool ok = certificates[_i].result == HEALTH_OK;

	tell_cert(certificates[_i].cert);
	strcpy(conf.server_name, certificates[_i].server_name);
	start();
	expect(certificates[_i].result, ok ? 200 : 0, certificates[_i].words);
	if (strcmp(conf.server_name, "127.0.0.1") == 0)
		ck_assert_ptr_null(strstr(ask("last"), "\"sni\": \"1"));
	/* Not a byte of the request to a server that is not known. */
	if (!ok)
		ck_assert_str_eq(counted(), "1/0");
}
END_TEST

START_TEST(insecure_verifies_nothing_and_sends_no_secret)
{
	const char *last;

	tell_cert("other-server");
	strcpy(conf.ca_file, "/nonexistent");
	put("token", "secret");
	set(conf.token_file, "token");
	conf.insecure_skip_verify = true;
	start();
	expect_ok();
	last = ask("last");
	ck_assert_ptr_nonnull(strstr(last, "/readyz"));
	ck_assert_ptr_null(strstr(last, "secret"));
}
END_TEST

START_TEST(ca_appears_later)
{
	unlink(file("live.crt"));
	set(conf.ca_file, "live.crt");
	conf.interval_us = 50 * MS;
	start();
	expect(HEALTH_UNABLE, 0, "waiting for ");
	expect(HEALTH_UNABLE, 0, "/live.crt");
	put("live.crt", "-----BEGIN CERTIFICATE-----\nhalf");
	while (strstr(await()->detail, "no certificate in PEM form") == NULL)
		ck_assert_uint_lt(reports_read, 5);
	copy("ca.crt", "live.crt");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 8);
}
END_TEST

START_TEST(ca_and_certificate_renewed)
{
	copy("ca.crt", "live.crt");
	set(conf.ca_file, "live.crt");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	/* A held connection does not end because the server has a new certificate. */
	tell_cert("new-server");
	expect_ok();
	ck_assert_int_eq(counted()[0], '1');
	/* It does when the CA that vouched for it has changed. */
	copy("new-ca.crt", "live.crt");
	expect_ok();
	ck_assert_int_eq(counted()[0], '2');
	copy("ca.crt", "live.crt");
	expect(HEALTH_CERTIFICATE, 0, "issuer");
	copy("both-ca.crt", "live.crt");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 8);
}
END_TEST

/* What was read stays in use. */
START_TEST(ca_deleted_or_broken)
{
	copy("ca.crt", "live.crt");
	set(conf.ca_file, "live.crt");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	put("live.crt", "nonsense");
	expect_ok();
	expect_ok();
	unlink(file("live.crt"));
	tell("drop");
	expect_ok();
	expect_ok();
	/* And what is put there is used again. */
	copy("other-ca.crt", "live.crt");
	while (await()->result != HEALTH_CERTIFICATE)
		ck_assert_uint_lt(reports_read, 9);
}
END_TEST

static void tell_client_ca(void)
{
	char command[1024];

	snprintf(command, sizeof(command), "client-ca %s/ca.crt", directory);
	tell(command);
}

/* Certificate and key in one file behind a symbolic link, as the kubelet has them. */
START_TEST(client_certificate_rotated)
{
	tell_client_ca();
	tell("require on");
	point("current.pem", "client.pem");
	set(conf.client_cert_file, "current.pem");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"client\": \"cpvrrp\""));
	point("current.pem", "client2.pem");
	do {
		ck_assert_uint_lt(reports_read, 5);
		expect_ok();
	} while (!strstr(ask("last"), "\"client\": \"cpvrrp-2\""));
}
END_TEST

/* A node has them only after it has joined its cluster. */
START_TEST(credentials_appear_later)
{
	tell_client_ca();
	tell("require on");
	unlink(file("late.pem"));
	unlink(file("token"));
	set(conf.client_cert_file, "late.pem");
	set(conf.token_file, "token");
	conf.interval_us = 50 * MS;
	start();
	expect(HEALTH_UNABLE, 0, "waiting for ");
	put("token", "secret");
	while (strstr(await()->detail, "/late.pem") == NULL)
		ck_assert_uint_lt(reports_read, 5);
	copy("client.pem", "late.pem");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 8);
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"client\": \"cpvrrp\""));
	ck_assert_ptr_nonnull(strstr(ask("last"), "secret"));
}
END_TEST

/* Certificate and key are replaced one after the other: in between they do not match. */
START_TEST(client_certificate_rotated_in_two_steps)
{
	tell_client_ca();
	copy("client.crt", "live.crt");
	copy("client.key", "live.key");
	set(conf.client_cert_file, "live.crt");
	set(conf.client_key_file, "live.key");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	copy("client2.crt", "live.crt");
	expect_ok();
	expect_ok();
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"client\": \"cpvrrp\""));
	copy("client2.key", "live.key");
	do {
		ck_assert_uint_lt(reports_read, 7);
		expect_ok();
	} while (!strstr(ask("last"), "\"client\": \"cpvrrp-2\""));
}
END_TEST

START_TEST(client_certificate_missing)
{
	tell_client_ca();
	start();
	expect(HEALTH_UNAUTHORIZED, 401, "set client_cert_file or token_file");
}
END_TEST

/* In TLS 1.2, where the server's alert is part of the handshake: in TLS 1.3 it comes after it, and
 * may be lost with the reset that follows. */
START_TEST(client_certificate_missing_in_tls)
{
	tell("mode tls1.2");
	tell_client_ca();
	tell("require on");
	start();
	expect(HEALTH_TLS, 0, "alert");
}
END_TEST

START_TEST(client_certificate_of_another_ca)
{
	tell("mode tls1.2");
	tell_client_ca();
	set(conf.client_cert_file, "other-client.crt");
	set(conf.client_key_file, "other-client.key");
	start();
	expect(HEALTH_TLS, 0, "unknown ca");
}
END_TEST

static void token_by_rename(void)
{
	put("token", "other\n");
}

static void token_in_place(void)
{
	FILE *stream = fopen(conf.token_file, "r+");

	ck_assert_ptr_nonnull(stream);
	fputs("other\n", stream);
	ck_assert_int_eq(fclose(stream), 0);
}

/* To a file of the same size and age. */
static void token_by_link(void)
{
	struct stat st;

	ck_assert_int_eq(stat(conf.token_file, &st), 0);
	put("token-2", "other\n");
	ck_assert_int_eq(utimensat(AT_FDCWD, file("token-2"),
				   (struct timespec[]){st.st_atim, st.st_mtim}, 0),
			 0);
	point("token", "token-2");
}

static void (*const token_changes[])(void) = {token_by_rename, token_in_place, token_by_link};

START_TEST(token_changed)
{
	tell("token first");
	put("token-1", "first\n");
	point("token", "token-1");
	set(conf.token_file, "token");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	tell("token other");
	expect(HEALTH_UNAUTHORIZED, 401, "not accepted");
	token_changes[_i]();
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 6);
}
END_TEST

/* FAIL CLOSED. Files by name, "" for none; `token` is the content of token_file. */
static const struct {
	const char *ca;
	const char *cert;
	const char *key;
	const char *token;
	const char *words; /* "": can be used */
} checks[] = {
	{"ca.crt", "", "", NULL, ""},
	{"missing", "", "", NULL, "waiting for"},
	{"both-ca.crt", "client.crt", "client.key", "abc.def-ghi", ""},
	{"ca.crt", "client.pem", "", " abc\r\n", ""},
	{"server.key", "", "", NULL, "server.key: no certificate"},
	{".", "", "", NULL, "no certificate"},
	{"ca.crt", "missing", "client.key", NULL, "waiting for"},
	{"ca.crt", "client.crt", "missing", NULL, "waiting for"},
	{"missing", "missing", "missing", NULL, "waiting for"},
	{"ca.crt", "client.crt/missing", "client.key", NULL, "client.crt/missing: Not a directory"},
	{"missing", "client.crt", "client2.key", NULL, "client2.key: no key"},
	{"server.key", "missing", "missing", NULL, "server.key: no certificate"},
	{"ca.crt", "missing", "missing", "", "empty"},
	{"ca.crt", "client.key", "client.key", NULL, "client.key: no certificate"},
	{"ca.crt", "client.crt", "client.crt", NULL, "client.crt: no key"},
	{"ca.crt", "client.crt", "client2.key", NULL, "client2.key: no key"},
	{"ca.crt", "client.crt", "locked.key", NULL, "without passphrase"},
	{"ca.crt", "client.crt", "", NULL, "client.crt: no key"},
	{"ca.crt", "", "client.key", NULL, "without client_cert_file"},
	{"ca.crt", "", "", "", "empty"},
	{"ca.crt", "", "", " \n\t\n", "empty"},
	{"ca.crt", "", "", "abc\ndef\n", "control character"},
	{"ca.crt", "", "", "abc\x01", "control character"},
	{"ca.crt", "", "", "abc def", "space"},
	{"missing", "", "", "", "empty"},
};

START_TEST(unusable_file_is_refused)
{
	char detail[PROBE_DETAIL_SIZE] = "untouched";
	bool waits;
	int error;

	conf_reset("127.0.0.1", 1);
	set(conf.ca_file, checks[_i].ca);
	if (checks[_i].cert[0])
		set(conf.client_cert_file, checks[_i].cert);
	if (checks[_i].key[0])
		set(conf.client_key_file, checks[_i].key);
	if (checks[_i].token) {
		put("token", checks[_i].token);
		set(conf.token_file, "token");
	}
	error = probe_check(&conf, detail);
	waits = strncmp(checks[_i].words, "waiting", 7) == 0;
	ck_assert_msg(strstr(detail, checks[_i].words), "%s", detail);
	ck_assert_int_eq(checks[_i].words[0] == '\0', detail[0] == '\0');
	ck_assert_int_eq(error, waits || detail[0] == '\0' ? 0 : -EINVAL);
}
END_TEST

static void put_bytes(const char *name, char byte, size_t count)
{
	FILE *stream = fopen(file(name), "w");

	ck_assert_ptr_nonnull(stream);
	for (size_t i = 0; i < count; i++)
		fputc(byte, stream);
	ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(unusable_token_is_refused)
{
	char detail[PROBE_DETAIL_SIZE];

	conf_reset("127.0.0.1", 1);
	set(conf.token_file, "token");
	put_bytes("token", '\0', 4);
	ck_assert_int_eq(probe_check(&conf, detail), -EINVAL);
	put_bytes("token", 'x', 65536);
	ck_assert_int_eq(probe_check(&conf, detail), -EINVAL);
	ck_assert_ptr_nonnull(strstr(detail, "longer than"));
	put_bytes("token", 'x', 16000);
	ck_assert_int_eq(probe_check(&conf, detail), 0);
	set(conf.token_file, "missing");
	ck_assert_int_eq(probe_check(&conf, detail), 0);
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
	TCase *files = tcase_create("files");
	TCase *talk = tcase_create("server");

	tcase_add_unchecked_fixture(files, setup_files, NULL);
	tcase_add_loop_test(files, unusable_file_is_refused, 0, COUNT(checks));
	tcase_add_test(files, unusable_token_is_refused);
	suite_add_tcase(suite, files);

	tcase_add_unchecked_fixture(talk, setup_files, NULL);
	tcase_add_checked_fixture(talk, setup, teardown);
	tcase_set_timeout(talk, 60);
	tcase_add_test(talk, one_connection_is_kept);
	tcase_add_loop_test(talk, only_200_is_healthy, 0, COUNT(answers));
	tcase_add_loop_test(talk, failure_has_its_words_and_heals, 0, COUNT(failures));
	tcase_add_test(talk, tls_1_2_is_enough);
	tcase_add_test(talk, end_of_connection_is_end_of_body);
	tcase_add_test(talk, port_refuses);
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
	tcase_add_loop_test(talk, certificate_is_verified, 0, COUNT(certificates));
	tcase_add_test(talk, insecure_verifies_nothing_and_sends_no_secret);
	tcase_add_test(talk, ca_appears_later);
	tcase_add_test(talk, ca_and_certificate_renewed);
	tcase_add_test(talk, ca_deleted_or_broken);
	tcase_add_test(talk, client_certificate_rotated);
	tcase_add_test(talk, client_certificate_rotated_in_two_steps);
	tcase_add_test(talk, credentials_appear_later);
	tcase_add_test(talk, client_certificate_missing);
	tcase_add_test(talk, client_certificate_missing_in_tls);
	tcase_add_test(talk, client_certificate_of_another_ca);
	tcase_add_loop_test(talk, token_changed, 0, COUNT(token_changes));
	tcase_add_loop_test(talk, freed_at_any_time, 0, COUNT(stages));
	tcase_add_loop_test(talk, freed_in_report, 0, COUNT(stages));
	suite_add_tcase(suite, talk);
	return suite;
}
