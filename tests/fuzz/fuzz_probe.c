/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses to the probe, over TLS on loopback from a server in the same event loop. The input is
 * what the server answers to one request after the other, separated by "%%" and a newline; behind
 * the last one, or when neither side has more to say, it closes. An input that begins with "raw"
 * and a newline is sent instead of a TLS handshake. Nothing but a 200 is ever reported as one, and
 * every report says in clean words what happened.
 */
#include "fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "os/probe.h"

#define SEPARATOR "%%\n"
#define RAW "raw\n"
#define REPORTS_MAX 8
#define IDLE_TURNS_MAX 50 /* of the loop: nobody has more to say */

const unsigned fuzz_mutations = 60;

static struct event_base *base;
static SSL_CTX *server_tls;
static struct evconnlistener *listener;
static struct conf_apiserver conf;

static struct {
	const uint8_t *data; /* not sent yet; NULL behind the last response */
	size_t size;
	struct bufferevent *connection;
	bool active; /* in this turn of the loop */
	bool finished;
	unsigned reports;
	unsigned ok;
} w;

static void close_connection(void)
{
	if (w.connection)
		bufferevent_free(w.connection);
	w.connection = NULL;
}

static void on_written(struct bufferevent *bev, void *context)
{
	(void)context;
	if (!w.data && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		close_connection();
}

static void answer(struct bufferevent *bev)
{
	const uint8_t *end = memmem(w.data, w.size, SEPARATOR, strlen(SEPARATOR));
	size_t size = end ? (size_t)(end - w.data) : w.size;

	bufferevent_write(bev, w.data, size);
	w.data = end ? end + strlen(SEPARATOR) : NULL;
	w.size -= end ? size + strlen(SEPARATOR) : size;
}

static void on_request(struct bufferevent *bev, void *context)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);

	w.active = true;
	if (end.pos < 0)
		return;
	evbuffer_drain(input, evbuffer_get_length(input));
	if (w.data)
		answer(bev);
	on_written(bev, context);
}

static void on_event(struct bufferevent *bev, short what, void *context)
{
	(void)bev;
	(void)context;
	w.active = true;
	if (!(what & BEV_EVENT_CONNECTED))
		close_connection();
}

static void on_accept(struct evconnlistener *from, evutil_socket_t fd, struct sockaddr *peer,
		      int size, void *context)
{
	const int on = 1;

	(void)from;
	(void)peer;
	(void)size;
	(void)context;
	w.active = true;
	close_connection();
	/* Or the response waits until what ends the handshake is acknowledged. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!w.data) {
		evutil_closesocket(fd);
	} else if (w.size >= strlen(RAW) && memcmp(w.data, RAW, strlen(RAW)) == 0) {
		send(fd, w.data + strlen(RAW), w.size - strlen(RAW), MSG_NOSIGNAL);
		w.data = NULL;
		shutdown(fd, SHUT_WR);
		evutil_closesocket(fd);
	} else {
		w.connection = bufferevent_openssl_socket_new(base, fd, SSL_new(server_tls),
							      BUFFEREVENT_SSL_ACCEPTING,
							      BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(w.connection, on_request, on_written, on_event, NULL);
		bufferevent_enable(w.connection, EV_READ | EV_WRITE);
	}
}

/* Until the last report; an incomplete response would wait for the probe's timeout. */
static void run(void)
{
	unsigned idle = 0;

	while (!w.finished) {
		w.active = false;
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		idle = w.active ? 0 : idle + 1;
		if (idle == IDLE_TURNS_MAX) {
			w.data = NULL;
			close_connection();
		}
	}
}

static void on_report(void *context, const struct probe_report *report)
{
	const char *detail = report->detail;

	(void)context;
	w.active = true;
	assert(report->result >= 0 && report->result < HEALTH_RESULT_COUNT);
	assert(report->result != HEALTH_UNABLE && report->result != HEALTH_CERTIFICATE);
	assert(memchr(detail, '\0', PROBE_DETAIL_SIZE));
	assert((report->result == HEALTH_OK) == (detail[0] == '\0'));
	for (const char *c = detail; *c; c++)
		assert(isprint((unsigned char)*c));
	assert((report->result == HEALTH_OK) == (report->http_status == 200));
	assert((report->result == HEALTH_UNAUTHORIZED) == (report->http_status == 401));
	assert((report->result == HEALTH_FORBIDDEN) == (report->http_status == 403));
	assert(report->result != HEALTH_STATUS || report->http_status != 0);
	if (report->result == HEALTH_OK)
		w.ok++;
	w.finished = ++w.reports == REPORTS_MAX || !w.data;
}

/* A certificate for nobody: the probe does not verify it here. */
static SSL_CTX *server_tls_new(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *certificate = X509_new();

	assert(tls && key && certificate);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	SSL_CTX_use_certificate(tls, certificate);
	SSL_CTX_use_PrivateKey(tls, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}

static void quiet(int severity, const char *message)
{
	(void)severity;
	(void)message;
}

static void set_up(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(quiet);
	base = event_base_new();
	server_tls = server_tls_new();
	listener = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 16,
					   (struct sockaddr *)&address, sizeof(address));
	assert(listener);
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &size);
	conf = (struct conf_apiserver){
		.port = ntohs(address.sin_port),
		.url = "https://127.0.0.1/readyz",
		.path = "/readyz",
		.server_name = "kubernetes",
		.insecure_skip_verify = true,
		.interval_us = 1, /* one attempt after the other */
		.timeout_us = 30 * SECOND_US,
	};
	conf.address = addr_from_bytes(ADDR_FAMILY_IPV4, &address.sin_addr);
}

/* A status line of RFC 9112 4 that says 200, as strict as the probe. */
static bool has_ok(const uint8_t *data, size_t size)
{
	const char *end = (const char *)data + size;
	const char *at = (const char *)data;

	while ((at = memmem(at, (size_t)(end - at), "HTTP/1.", 7)) && end - at >= 13) {
		if (isdigit((unsigned char)at[7]) && memcmp(at + 8, " 200", 4) == 0 &&
		    memchr(" \r\n", at[12], 3))
			return true;
		at++;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe *probe;
	int events;

	if (!base)
		set_up();
	memset(&w, 0, sizeof(w));
	w.data = data;
	w.size = size;
	events = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
	assert(probe_new(base, &conf, on_report, NULL, &probe) == 0);
	run();
	probe_free(probe);
	close_connection();
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) == events);
	assert(w.ok == 0 || has_ok(data, size));
	return 0;
}
