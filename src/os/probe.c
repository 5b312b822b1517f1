/* SPDX-License-Identifier: Apache-2.0 */
#include "os/probe.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/addr.h"
#include "core/instant.h"
#include "os/clock.h"

#define HEADERS_MAX 65536
#define BODY_MAX 65536

/*
 * Bytes from the network within one attempt, of every kind: TLS handshake, messages of TLS itself,
 * interim responses. A certificate chain of 100 KiB, which is OpenSSL's limit, with headers and a
 * body at their limits needs half of it. So many reads, two a message, are 4096 messages.
 */
#define RECEIVED_MAX (512 << 10)
#define READS_MAX 8192

/* Reads without an end, before the loop gets its turn again: below a millisecond even if each pair
 * of them brings a message that makes OpenSSL derive new keys. */
#define READS_IN_A_ROW_MAX 64

/* RFC 9110 15.2: a client takes interim responses that it did not ask for. Go's takes as many. */
#define INTERIM_RESPONSES_MAX 5

/* The status line as far as it is looked at: "HTTP/1.1 200" and what ends the number. */
#define STATUS_LINE_SIZE 13

/*
 * New connections after a closed one, within one attempt. A server of several processes that is
 * killed takes away the connection, then what waits in the backlog, and only then the port.
 */
#define RETRIES_MAX 2

/*
 * Attempts outside the cadence per interval. A server of several processes takes its connections
 * away one process after the other; and there are servers that close after each response.
 */
#define OUT_OF_TURN_MAX 4

/* A timer may fire that much too early: libevent counts from the start of the loop's turn. */
#define EARLY_US MILLISECOND_US

/* libevent's own timeout also runs while the connection is idle, so it is longer than the longest
 * interval. */
#define LIBEVENT_TIMEOUT_S 86400

static_assert(CONF_PATH_SIZE + 128 <= PROBE_DETAIL_SIZE, "the URL leaves room for a reason");

struct callbacks {
	bufferevent_data_cb read;
	bufferevent_data_cb write;
	bufferevent_event_cb event;
	void *context;
};

struct probe {
	struct event_base *base;
	struct conf_apiserver conf;
	void (*report)(void *context, const struct probe_report *report);
	void *context;

	struct event *timer;  /* the next attempt, or the end of the one under way */
	struct event *resume; /* on_resume(), outside of evhttp's callbacks: it may free evhttp */
	struct instant next;  /* the next attempt of the cadence */

	struct credentials *credentials;

	struct evhttp_connection *connection; /* NULL if none is held */
	struct callbacks evhttp;	      /* evhttp's own, while on_opened() stands in front */
	bool opening;			      /* TCP or TLS is not complete */
	bool ended;			      /* by the server; it only waits to be freed */
	unsigned reads_in_a_row;	      /* since the socket was empty, or was said to be */
	bool status_line_due;		      /* the next bytes are a status line */

	bool busy;	      /* an attempt is under way */
	unsigned out_of_turn; /* attempts outside the cadence since the last one of the cadence */
	unsigned retries;
	unsigned interim_responses; /* of the request under way */
	size_t received;	    /* bytes since the attempt began */
	unsigned reads;		    /* that brought them */
	struct instant started;
	struct instant deadline;
	bool done; /* outcome holds the result of the attempt */
	struct probe_report outcome;
};

int probe_check(const struct conf_apiserver *conf, char detail[PROBE_DETAIL_SIZE])
{
	return credentials_check(conf, detail);
}

static void connection_drop(struct probe *probe)
{
	if (probe->connection) {
		evhttp_connection_set_closecb(probe->connection, NULL, NULL);
		evhttp_connection_free(probe->connection);
	}
	probe->connection = NULL;
	probe->opening = false;
	probe->ended = false;
	probe->reads_in_a_row = 0;
}

/* Records the outcome; later calls for the same attempt are ignored. on_resume() acts on it. */
static void conclude(struct probe *probe, enum health_result result, int status, const char *detail)
{
	assert(probe->busy);
	if (probe->done)
		return;
	probe->done = true;
	probe->outcome.result = result;
	probe->outcome.http_status = status;
	snprintf(probe->outcome.detail, sizeof(probe->outcome.detail), "%s", detail);
	event_active(probe->resume, 0, 0);
}

/* Concludes with a failure of the connection or the request; the URL stands before the reason. */
__attribute__((format(printf, 4, 5))) static void
fail(struct probe *probe, enum health_result result, int status, const char *format, ...)
{
	char detail[PROBE_DETAIL_SIZE];
	va_list arguments;
	int used = snprintf(detail, sizeof(detail), "%s: ", probe->conf.url);

	va_start(arguments, format);
	vsnprintf(detail + used, sizeof(detail) - (size_t)used, format, arguments);
	va_end(arguments);
	conclude(probe, result, status, detail);
}

static SSL *connection_ssl(const struct probe *probe)
{
	return bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(probe->connection));
}

/* OpenSSL has written nothing: TCP did not connect. */
static bool connection_is_unconnected(const struct probe *probe)
{
	BIO *bio = SSL_get_wbio(connection_ssl(probe));

	return !bio || BIO_number_written(bio) == 0;
}

static void fail_unconnected(struct probe *probe, int error)
{
	const char *hint = "";

	switch (error) {
	case ECONNREFUSED:
		if (addr_is_loopback(&probe->conf.address))
			hint = ": no apiserver runs, or it listens elsewhere: if it has "
			       "--bind-address, url must name that address";
		fail(probe, HEALTH_REFUSED, 0, "the port refuses connections%s", hint);
		return;
	case ETIMEDOUT:
		fail(probe, HEALTH_TIMEOUT, 0, "no connection: %s", strerror(error));
		return;
	case ECONNRESET:
	case EPIPE:
		fail(probe, HEALTH_CLOSED, 0, "connection closed before the TLS handshake");
		return;
	}
	fail(probe, HEALTH_UNABLE, 0, "no connection: %s", strerror(error));
}

static void fail_certificate(struct probe *probe, long verify_result)
{
	const char *words = X509_verify_cert_error_string(verify_result);

	if (verify_result == X509_V_ERR_HOSTNAME_MISMATCH ||
	    verify_result == X509_V_ERR_IP_ADDRESS_MISMATCH)
		fail(probe, HEALTH_CERTIFICATE, 0, "certificate: %s, it is not for %s", words,
		     probe->conf.server_name);
	else
		fail(probe, HEALTH_CERTIFICATE, 0, "certificate: %s (verified with %s)", words,
		     probe->conf.ca_file);
}

/* 0 for an error of the socket, for which libevent stores a code of SSL_get_error(): no library. */
static unsigned long tls_error_of(struct bufferevent *bev)
{
	unsigned long error = bufferevent_get_openssl_error(bev);

	return ERR_GET_LIB(error) == 0 || ERR_SYSTEM_ERROR(error) ? 0 : error;
}

/* The connection ended with this errno. */
static void fail_ended(struct probe *probe, int error)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(probe->connection);
	unsigned long tls_error = tls_error_of(bev);
	long verify_result = SSL_get_verify_result(connection_ssl(probe));
	const char *reason = tls_error ? ERR_reason_error_string(tls_error) : NULL;
	const char *when =
		probe->opening ? "during the TLS handshake" : "before the response was complete";

	if (probe->opening && !tls_error && connection_is_unconnected(probe))
		fail_unconnected(probe, error);
	else if (probe->opening && tls_error && verify_result != X509_V_OK &&
		 !probe->conf.insecure_skip_verify)
		fail_certificate(probe, verify_result);
	else if (tls_error)
		fail(probe, HEALTH_TLS, 0, "TLS: %s", reason ? reason : "unknown error");
	else
		fail(probe, HEALTH_CLOSED, 0, "connection closed %s", when);
}

/* Stands in front of evhttp, which keeps the reason of a failed handshake to itself. */
static void on_opened(struct bufferevent *bev, short what, void *context)
{
	struct probe *probe = context;
	struct callbacks evhttp = probe->evhttp;
	int error = errno;

	if (what & BEV_EVENT_CONNECTED)
		probe->opening = false;
	else
		fail_ended(probe, error);
	bufferevent_setcb(bev, evhttp.read, evhttp.write, evhttp.event, evhttp.context);
	errno = error;
	evhttp.event(bev, what, evhttp.context);
}

/* During an attempt on_failed() hears of it too, or the response has announced it. */
static void on_closed(struct evhttp_connection *connection, void *context)
{
	struct probe *probe = context;

	(void)connection;
	probe->ended = true;
	if (!probe->busy)
		event_active(probe->resume, 0, 0);
}

/*
 * Whether OpenSSL may read from the network. It reads on and on while messages of TLS itself come
 * (HelloRequest, KeyUpdate, session tickets), without a word to its caller. After
 * READS_IN_A_ROW_MAX reads it is told that the socket is empty: the loop gets its turn, and finds
 * the socket readable.
 */
static bool may_read(struct probe *probe, BIO *bio)
{
	BIO_clear_retry_flags(bio);
	if (probe->received >= RECEIVED_MAX || probe->reads >= READS_MAX) {
		/* A server that floods an idle connection is not asked again out of turn. */
		if (probe->busy)
			fail(probe, HEALTH_RESPONSE, 0,
			     "more than %d KiB, or %d pieces, received for one request",
			     RECEIVED_MAX / 1024, READS_MAX);
		else
			probe->out_of_turn = OUT_OF_TURN_MAX;
		return false;
	}
	if (probe->reads_in_a_row >= READS_IN_A_ROW_MAX) {
		probe->reads_in_a_row = 0;
		BIO_set_retry_read(bio);
		return false;
	}
	return true;
}

/* BIO_set_callback(3): before an operation, 0 or less prevents it; after it, returns its result. */
static long on_bio(BIO *bio, int operation, const char *data, size_t size, int argi, long argl,
		   int result, size_t *processed)
{
	struct probe *probe = (void *)BIO_get_callback_arg(bio);

	(void)data;
	(void)size;
	(void)argi;
	(void)argl;
	switch (operation) {
	case BIO_CB_READ:
		return may_read(probe, bio) ? 1 : -1;
	case BIO_CB_READ | BIO_CB_RETURN:
		if (result <= 0) {
			probe->reads_in_a_row = 0;
			return result;
		}
		probe->received += *processed;
		probe->reads++;
		probe->reads_in_a_row++;
		return result;
	}
	return operation & BIO_CB_RETURN ? result : 1;
}

static void on_failed(enum evhttp_request_error error, void *context)
{
	struct probe *probe = context;

	switch (error) {
	case EVREQ_HTTP_EOF:
		fail_ended(probe, errno);
		return;
	case EVREQ_HTTP_TIMEOUT:
		fail(probe, HEALTH_TIMEOUT, 0, "timeout");
		return;
	case EVREQ_HTTP_INVALID_HEADER:
		fail(probe, HEALTH_RESPONSE, 0, "not an HTTP response with headers up to %d KiB",
		     HEADERS_MAX / 1024);
		return;
	case EVREQ_HTTP_DATA_TOO_LONG:
		fail(probe, HEALTH_RESPONSE, 0, "the response's body is broken or over %d KiB",
		     BODY_MAX / 1024);
		return;
	case EVREQ_HTTP_BUFFER_ERROR:
	case EVREQ_HTTP_REQUEST_CANCEL:
		break;
	}
	fail(probe, HEALTH_UNABLE, 0, "the request could not be made");
}

/* The apiserver's body lists a failed check as "[-]NAME failed: reason withheld". */
static void fail_status(struct probe *probe, int status, struct evbuffer *body)
{
	char *line = NULL;

	while (!line && (line = evbuffer_readln(body, NULL, EVBUFFER_EOL_ANY))) {
		if (strncmp(line, "[-]", 3) != 0) {
			free(line);
			line = NULL;
		}
	}
	for (char *at = line; at && *at; at++) {
		if (*at < ' ' || *at > '~')
			*at = '?';
	}
	fail(probe, HEALTH_STATUS, status, "HTTP %d%s%s", status, line ? ": " : "",
	     line ? line : "");
	free(line);
}

static void on_response(struct evhttp_request *request, void *context)
{
	struct probe *probe = context;
	const struct conf_apiserver *conf = &probe->conf;
	int status = request ? evhttp_request_get_response_code(request) : 0;

	switch (status) {
	case 0:
		/* evhttp found the new connection reset. */
		fail(probe, HEALTH_CLOSED, 0, "connection closed after the TLS handshake");
		return;
	case 200:
		conclude(probe, HEALTH_OK, status, "");
		return;
	case 401:
		if (conf->client_cert_file[0] || conf->token_file[0])
			fail(probe, HEALTH_UNAUTHORIZED, status,
			     "HTTP 401: the client certificate or token was not accepted");
		else
			fail(probe, HEALTH_UNAUTHORIZED, status,
			     "HTTP 401: anonymous auth is off: set client_cert_file or "
			     "token_file");
		return;
	case 403:
		fail(probe, HEALTH_FORBIDDEN, status,
		     "HTTP 403: no right to GET %s; normal for seconds while RBAC is loading, "
		     "else bind the role system:public-info-viewer",
		     conf->path);
		return;
	}
	fail_status(probe, status, evhttp_request_get_input_buffer(request));
}

/*
 * RFC 9112 4: HTTP-version SP 3DIGIT SP reason; some servers leave the last SP out. evhttp takes
 * what atoi() makes of the number: 200 of "0200", "200x" and "4294967496".
 */
static bool is_status_line(const char line[STATUS_LINE_SIZE])
{
	return memcmp(line, "HTTP/1.", 7) == 0 && isdigit((unsigned char)line[7]) &&
	       line[8] == ' ' && isdigit((unsigned char)line[9]) &&
	       isdigit((unsigned char)line[10]) && isdigit((unsigned char)line[11]) &&
	       (line[12] == ' ' || line[12] == '\r' || line[12] == '\n');
}

/* Looks at a status line that is still to be read by evhttp. */
static void check_status_line(struct probe *probe, struct evbuffer *input)
{
	char line[STATUS_LINE_SIZE];
	ev_ssize_t size;

	if (!probe->status_line_due || !probe->busy)
		return;
	size = evbuffer_copyout(input, line, sizeof(line));
	if (size < STATUS_LINE_SIZE && !memchr(line, '\n', size > 0 ? (size_t)size : 0))
		return;
	probe->status_line_due = false;
	if (size < STATUS_LINE_SIZE || !is_status_line(line))
		fail(probe, HEALTH_RESPONSE, 0, "not an HTTP response: no valid status line");
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
	if (info->n_added > 0)
		check_status_line(context, input);
}

/*
 * Interim responses. evhttp keeps the headers of each one, and then waits for the end of a write
 * before it reads on: over TLS there is none, as nothing is written.
 */
static int on_headers(struct evhttp_request *request, void *context)
{
	struct probe *probe = context;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(probe->connection);

	if (evhttp_request_get_response_code(request) != 100)
		return 0;
	if (++probe->interim_responses > INTERIM_RESPONSES_MAX) {
		fail(probe, HEALTH_RESPONSE, 0, "more than %d interim responses",
		     INTERIM_RESPONSES_MAX);
		return -1;
	}
	evhttp_clear_headers(evhttp_request_get_input_headers(request));
	bufferevent_trigger(bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	probe->status_line_due = true;
	check_status_line(probe, bufferevent_get_input(bev));
	return 0;
}

/* One connection per SSL object: a used one cannot connect again. */
static struct evhttp_connection *connection_new(struct probe *probe)
{
	const struct conf_apiserver *conf = &probe->conf;
	const struct timeval timeout = {.tv_sec = LIBEVENT_TIMEOUT_S};
	struct evhttp_connection *connection;
	char address[ADDR_TEXT_SIZE];
	struct bufferevent *bev;
	SSL *ssl = credentials_ssl(probe->credentials);

	if (!ssl)
		return NULL;
	bev = bufferevent_openssl_socket_new(probe->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
					     BEV_OPT_CLOSE_ON_FREE);
	if (!bev)
		return NULL;
	connection = evhttp_connection_base_bufferevent_new(
		probe->base, NULL, bev, addr_format(&conf->address, address), conf->port);
	if (!connection) {
		bufferevent_free(bev);
		return NULL;
	}
	evhttp_connection_set_family(connection,
				     conf->address.family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6);
	evhttp_connection_set_retries(connection, 0);
	evhttp_connection_set_timeout_tv(connection, &timeout);
	evhttp_connection_set_max_headers_size(connection, HEADERS_MAX);
	evhttp_connection_set_max_body_size(connection, BODY_MAX);
	evhttp_connection_set_closecb(connection, on_closed, probe);
	evbuffer_add_cb(bufferevent_get_input(bev), on_input, probe);
	return connection;
}

static bool headers_add(const struct probe *probe, struct evkeyvalq *headers)
{
	const char *name = probe->conf.server_name;
	const char *authorization = credentials_authorization(probe->credentials);
	char host[CONF_HOST_SIZE + 2];
	bool bracket = strchr(name, ':') != NULL; /* RFC 3986 3.2.2 */

	snprintf(host, sizeof(host), bracket ? "[%s]" : "%s", name);
	return evhttp_add_header(headers, "Host", host) == 0 &&
	       evhttp_add_header(headers, "User-Agent", "cpvrrp/" VERSION) == 0 &&
	       (!authorization || evhttp_add_header(headers, "Authorization", authorization) == 0);
}

/*
 * Hooks the bufferevent, so that we see handshake errors that evhttp hides, and the socket's BIO,
 * which exists from connect() on. Not needed if connect() failed synchronously.
 */
static void connection_watch(struct probe *probe)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(probe->connection);
	BIO *bio = SSL_get_rbio(connection_ssl(probe));
	struct callbacks *evhttp = &probe->evhttp;

	if (probe->done)
		return;
	evutil_make_socket_closeonexec(bufferevent_getfd(bev));
	BIO_set_callback_ex(bio, on_bio);
	BIO_set_callback_arg(bio, (char *)probe);
	bufferevent_getcb(bev, &evhttp->read, &evhttp->write, &evhttp->event, &evhttp->context);
	bufferevent_setcb(bev, evhttp->read, evhttp->write, on_opened, probe);
}

static void request_send(struct probe *probe)
{
	struct evhttp_request *request;

	probe->done = false;
	probe->interim_responses = 0;
	probe->status_line_due = true;
	if (!probe->connection) {
		probe->connection = connection_new(probe);
		probe->opening = true;
	}
	request = evhttp_request_new(on_response, probe);
	if (!probe->connection || !request ||
	    !headers_add(probe, evhttp_request_get_output_headers(request))) {
		if (request)
			evhttp_request_free(request);
		fail(probe, HEALTH_UNABLE, 0, "%s", strerror(ENOMEM));
		return;
	}
	evhttp_request_set_error_cb(request, on_failed);
	evhttp_request_set_header_cb(request, on_headers);
	if (evhttp_make_request(probe->connection, request, EVHTTP_REQ_GET, probe->conf.path) < 0)
		fail(probe, HEALTH_UNABLE, 0, "%s", strerror(ENOMEM));
	if (probe->opening)
		connection_watch(probe);
}

/* Arms the timer: for the end of the attempt under way, else for the next one. */
static void timer_set(struct probe *probe, struct instant now)
{
	struct instant at = probe->busy ? probe->deadline : probe->next;
	int64_t left_us = instant_due(at, now) ? 0 : instant_since(at, now);
	struct timeval tv = {.tv_sec = left_us / SECOND_US, .tv_usec = left_us % SECOND_US};

	event_add(probe->timer, &tv);
}

static void attempt_start(struct probe *probe, struct instant now)
{
	char detail[PROBE_DETAIL_SIZE];
	int changed;

	assert(!probe->busy);
	if (probe->ended)
		connection_drop(probe);
	probe->busy = true;
	probe->retries = 0;
	probe->received = 0;
	probe->reads = 0;
	probe->done = false;
	probe->started = now;
	probe->deadline = instant_add(now, probe->conf.timeout_us);
	timer_set(probe, now);
	changed = credentials_refresh(probe->credentials, detail);
	if (changed < 0) {
		conclude(probe, HEALTH_UNABLE, 0, detail);
		return;
	}
	/* The held connection stands for what the files said before. */
	if (changed > 0)
		connection_drop(probe);
	request_send(probe);
}

/*
 * Reports, and the callback may free the probe. After an attempt that outlasted its interval the
 * turns that were missed are left out, except the latest if it is less than half an interval ago:
 * where timeout and interval are the same, a hung server does not cost every second turn.
 */
static void attempt_finish(struct probe *probe, struct instant now)
{
	struct probe_report report = probe->outcome;
	int64_t interval_us = probe->conf.interval_us;
	int64_t late_us = instant_since(now, probe->next) + interval_us / 2;

	assert((report.result == HEALTH_OK) == (report.detail[0] == '\0'));
	report.latency_us = instant_since(now, probe->started);
	snprintf(report.stale, sizeof(report.stale), "%s", credentials_stale(probe->credentials));
	if (report.http_status == 0 || probe->ended)
		connection_drop(probe);
	if (late_us > interval_us)
		probe->next = instant_add(probe->next, late_us / interval_us * interval_us);
	probe->busy = false;
	timer_set(probe, now);
	probe->report(probe->context, &report);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct probe *probe = context;
	struct instant now = clock_now();
	struct instant early = instant_add(now, EARLY_US);

	(void)fd;
	(void)what;
	if (!instant_due(probe->busy ? probe->deadline : probe->next, early)) {
		timer_set(probe, now);
		return;
	}
	if (!probe->busy) {
		probe->next = instant_add(probe->next, probe->conf.interval_us);
		probe->out_of_turn = 0;
		attempt_start(probe, now);
		return;
	}
	if (probe->done)
		return;
	if (!probe->opening)
		fail(probe, HEALTH_TIMEOUT, 0, "timeout: no complete response");
	else if (connection_is_unconnected(probe))
		fail(probe, HEALTH_TIMEOUT, 0, "timeout: TCP connection not answered");
	else
		fail(probe, HEALTH_TIMEOUT, 0, "timeout: TLS handshake not answered");
}

/* HEALTH: after the server has closed the held connection, an attempt begins at once. */
static void on_idle_closed(struct probe *probe, struct instant now)
{
	connection_drop(probe);
	if (probe->out_of_turn == OUT_OF_TURN_MAX)
		return;
	probe->out_of_turn++;
	attempt_start(probe, now);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct probe *probe = context;
	struct instant now = clock_now();

	(void)fd;
	(void)what;
	if (!probe->busy) {
		if (probe->ended)
			on_idle_closed(probe, now);
		return;
	}
	if (!probe->done)
		return;
	if (probe->outcome.result == HEALTH_CLOSED && probe->retries < RETRIES_MAX) {
		probe->retries++;
		connection_drop(probe);
		request_send(probe);
		return;
	}
	attempt_finish(probe, now);
}

int probe_new(struct event_base *base, const struct conf_apiserver *conf,
	      void (*report)(void *context, const struct probe_report *report), void *context,
	      struct probe **ret_probe)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	assert(conf->url[0] && conf->interval_us > 0 && conf->timeout_us > 0);
	if (!probe)
		return -ENOMEM;
	probe->base = base;
	probe->conf = *conf;
	probe->report = report;
	probe->context = context;
	probe->next = clock_now();
	probe->timer = evtimer_new(base, on_timer, probe);
	probe->resume = event_new(base, -1, 0, on_resume, probe);
	if (!probe->timer || !probe->resume ||
	    credentials_new(&probe->conf, &probe->credentials) < 0) {
		probe_free(probe);
		return -ENOMEM;
	}
	timer_set(probe, probe->next);
	*ret_probe = probe;
	return 0;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	connection_drop(probe);
	credentials_free(probe->credentials);
	if (probe->timer)
		event_free(probe->timer);
	if (probe->resume)
		event_free(probe->resume);
	free(probe);
}
