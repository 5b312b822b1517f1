/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe against a process that listens on the apiserver's port and wants to keep the daemon
 * busy: a TLS server that sends one thing without end. Meanwhile no turn of the loop may be long,
 * and no memory may be taken. A turn is measured in CPU time, so that a busy machine does not
 * count.
 */
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "apiserver.h"
#include "unit.h"

#define FLOOD_BYTES_MAX (16 << 20) /* then the server ends the connection */
#define BATCH 500		   /* messages that are sent together */
#ifdef __SANITIZE_ADDRESS__
/* 80 ms are seen beside other work, and seconds of a probe that reads without end. */
#define TURN_MAX_US (400 * MS)
#define MEMORY_MAX_KB INT64_MAX /* what is freed is kept, so that its use is seen */
#else
#define TURN_MAX_US (50 * MS) /* 2 ms are seen, and seconds of a probe that reads without end */
#define MEMORY_MAX_KB 6144    /* 4 MB are seen for the most headers that are allowed */
#endif
#define REFUSED_RENEGOTIATION 42 /* the server's exit status */
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static pid_t server_pid;
static int64_t turn_max_us; /* the longest turn of the loop, in CPU time */

/* Sends, and throws away the answers, so that the probe can go on answering. False when the
 * connection has ended, or has had enough. */
static bool blast(int fd, const void *data, size_t size)
{
	static char junk[65536];
	static size_t sent;

	while (recv(fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	sent += size;
	return sent < FLOOD_BYTES_MAX && send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Messages of TLS itself: make() makes one more, encrypted, without sending it. */
static void flood_tls(SSL *ssl, int fd, int (*make)(SSL *))
{
	BIO *made = BIO_new(BIO_s_mem());
	char *data;
	long size;

	SSL_set0_wbio(ssl, made);
	do {
		(void)BIO_reset(made);
		for (int i = 0; i < BATCH; i++) {
			if (make(ssl) != 1 || SSL_do_handshake(ssl) != 1)
				_exit(3);
		}
		size = BIO_get_mem_data(made, &data);
	} while (blast(fd, data, (size_t)size));
}

static int make_key_update(SSL *ssl)
{
	return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
}

static void hello_requests(SSL *ssl, int fd)
{
	flood_tls(ssl, fd, SSL_renegotiate);
}

static void key_updates(SSL *ssl, int fd)
{
	flood_tls(ssl, fd, make_key_update);
}

static void session_tickets(SSL *ssl, int fd)
{
	flood_tls(ssl, fd, SSL_new_session_ticket);
}

static void flood_http(SSL *ssl, int fd, const char *first, const char *text)
{
	BIO *made = BIO_new(BIO_s_mem());
	static char block[16000];
	size_t length = strlen(text);
	size_t size = 0;
	char *data;
	long made_size;

	while (size + length <= sizeof(block)) {
		memcpy(block + size, text, length);
		size += length;
	}
	SSL_set0_wbio(ssl, made);
	SSL_write(ssl, first, (int)strlen(first));
	do {
		SSL_write(ssl, block, (int)size);
		made_size = BIO_get_mem_data(made, &data);
		if (!blast(fd, data, (size_t)made_size))
			return;
		(void)BIO_reset(made);
	} while (true);
}

static void continues(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "", "HTTP/1.1 100 Continue\r\n\r\n");
}

static void continues_with_headers(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "", "HTTP/1.1 100 C\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n");
}

static void headers(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "HTTP/1.1 200 OK\r\n", "a:\r\n");
}

static void blank_chunks(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n");
}

static void chunk_size(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x=y;");
}

static void trailers(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
		   "a:b\r\n");
}

static void tiny_body(SSL *ssl, int fd)
{
	flood_http(ssl, fd, "HTTP/1.1 200 OK\r\n\r\n", "x");
}

static void answer_and_hello_requests(SSL *ssl, int fd)
{
	SSL_write(ssl, OK, sizeof(OK) - 1);
	hello_requests(ssl, fd);
}

/* The probe's alert is what ends the server's patience. */
static void renegotiate_once(SSL *ssl, int fd)
{
	char byte;

	(void)fd;
	if (SSL_renegotiate(ssl) != 1 || SSL_do_handshake(ssl) != 1)
		_exit(3);
	SSL_write(ssl, OK, sizeof(OK) - 1);
	if (SSL_read(ssl, &byte, 1) <= 0 &&
	    ERR_GET_REASON(ERR_peek_error()) == SSL_R_NO_RENEGOTIATION)
		_exit(REFUSED_RENEGOTIATION);
	_exit(4);
}

static const struct {
	int version; /* of TLS */
	void (*run)(SSL *ssl, int fd);
	const char *words;
} floods[] = {
	{TLS1_2_VERSION, hello_requests, "512 KiB"},
	{TLS1_3_VERSION, key_updates, "512 KiB"},
	{TLS1_3_VERSION, session_tickets, "512 KiB"},
	{TLS1_3_VERSION, continues, "interim responses"},
	{TLS1_3_VERSION, continues_with_headers, "interim responses"},
	{TLS1_3_VERSION, headers, "headers up to 64 KiB"},
	{TLS1_3_VERSION, blank_chunks, "512 KiB"},
	{TLS1_3_VERSION, chunk_size, "512 KiB"},
	{TLS1_3_VERSION, trailers, "64 KiB"},
	{TLS1_3_VERSION, tiny_body, "64 KiB"},
};

static SSL_CTX *server_tls(int version)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_min_proto_version(tls, version);
	SSL_CTX_set_max_proto_version(tls, version);
	if (SSL_CTX_use_certificate_chain_file(tls, file("server.crt")) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, file("server.key"), SSL_FILETYPE_PEM) != 1)
		_exit(2);
	return tls;
}

static void serve(int listener, int version, void (*run)(SSL *, int))
{
	SSL_CTX *tls = server_tls(version);
	char request[4096];
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(tls);

		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0)
			run(ssl, fd);
		SSL_free(ssl);
		close(fd);
	}
	_exit(0);
}

static void start_server(int version, void (*run)(SSL *, int))
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, size), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
	server_pid = fork();
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener, version, run);
	}
	close(listener);
	conf_reset("127.0.0.1", ntohs(name.sin_port));
}

static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

static int64_t memory_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void run_until_report(void)
{
	size_t before = report_count;

	while (report_count == before) {
		int64_t turn_us = cpu_us();

		event_base_loop(base, EVLOOP_ONCE);
		turn_us = cpu_us() - turn_us;
		if (turn_us > turn_max_us)
			turn_max_us = turn_us;
	}
}

/* Memory that libraries allocate once does not count. */
static void warm_up(void)
{
	char detail[PROBE_DETAIL_SIZE];

	ck_assert_int_eq(probe_check(&conf, detail), 0);
}

START_TEST(flood_is_bounded)
{
	int64_t memory_before_kb;

	start_server(floods[_i].version, floods[_i].run);
	conf.timeout_us = 20000 * MS;
	warm_up();
	memory_before_kb = memory_kb();
	start();
	run_until_report();
	expect(HEALTH_RESPONSE, 0, floods[_i].words);
	ck_assert_int_lt(turn_max_us, TURN_MAX_US);
	ck_assert_int_lt(memory_kb() - memory_before_kb, MEMORY_MAX_KB);
}
END_TEST

/* The connection goes, and the server is not asked again before its turn. */
START_TEST(flood_of_an_idle_connection)
{
	start_server(TLS1_2_VERSION, answer_and_hello_requests);
	conf.interval_us = 1500 * MS;
	start();
	for (int i = 0; i < 2; i++) {
		run_until_report();
		expect_ok();
	}
	ck_assert_int_lt(turn_max_us, TURN_MAX_US);
	ck_assert_int_ge(reported_us[1] - reported_us[0], 1000 * MS);
}
END_TEST

START_TEST(renegotiation_is_refused)
{
	int status;

	start_server(TLS1_2_VERSION, renegotiate_once);
	start();
	expect_ok();
	ck_assert_int_eq(waitpid(server_pid, &status, 0), server_pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), REFUSED_RENEGOTIATION);
}
END_TEST

static void teardown(void)
{
	/* The pid of a server that has ended may be another process's. */
	if (waitpid(server_pid, NULL, WNOHANG) == 0) {
		kill(server_pid, SIGKILL);
		waitpid(server_pid, NULL, 0);
	}
	apiserver_teardown();
}

Suite *suite_probe_flood(void)
{
	Suite *suite = suite_create("probe_flood");
	TCase *tcase = tcase_create("flood");

	tcase_add_unchecked_fixture(tcase, apiserver_setup_files, NULL);
	tcase_add_checked_fixture(tcase, apiserver_setup_loop, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, flood_is_bounded, 0, COUNT(floods));
	tcase_add_test(tcase, flood_of_an_idle_connection);
	tcase_add_test(tcase, renegotiation_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
