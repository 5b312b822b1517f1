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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/instant.h"

#define PROBE_HEADERS_MAX 65536
#define PROBE_BODY_MAX 65536
#define PROBE_TOKEN_MAX 16384

/*
 * New connections after a closed one, within one attempt. A server of several processes that is
 * killed takes away the connection, then what waits in the backlog, and only then the port.
 */
#define PROBE_RETRIES_MAX 2

/*
 * Attempts outside the cadence per interval. A server of several processes takes its connections
 * away one process after the other; and there are servers that close after each response.
 */
#define PROBE_OUT_OF_TURN_MAX 4

/* A timer may fire that much too early: libevent counts from the start of the loop's turn. */
#define PROBE_EARLY_US 1000

/* libevent's own timeout; it also runs while the connection is idle, so it has to be longer than
 * the longest interval. */
#define PROBE_LIBEVENT_TIMEOUT_S 86400

enum probe_file {
	PROBE_FILE_CA,
	PROBE_FILE_CERT,
	PROBE_FILE_KEY,
	PROBE_FILE_TOKEN,
};
#define PROBE_FILE_COUNT (PROBE_FILE_TOKEN + 1)

struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct credentials {
	SSL_CTX *tls;	     /* NULL until the files could be read once */
	char *authorization; /* the header's value, NULL without a token */
};

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
	struct event *resume; /* goes on outside of evhttp's callbacks, where it may be freed */
	struct instant next;  /* the next attempt of the cadence */

	struct credentials credentials;
	struct stamp stamps[PROBE_FILE_COUNT]; /* of the files that credentials were read from */

	struct evhttp_connection *connection; /* NULL if none is held */
	struct callbacks evhttp;	      /* what evhttp wants to hear of the handshake */
	bool opening;			      /* TCP or TLS is not complete */
	bool ended;			      /* by the server; it only waits to be freed */

	bool busy;	      /* an attempt is under way */
	unsigned out_of_turn; /* attempts outside the cadence since the last one of the cadence */
	unsigned retries;
	struct instant started;
	struct instant deadline;
	bool done; /* outcome holds what the request came to */
	struct probe_report outcome;
};

static struct instant clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

__attribute__((format(printf, 2, 3))) static void describe(char detail[PROBE_DETAIL_SIZE],
							   const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, PROBE_DETAIL_SIZE, format, arguments);
	va_end(arguments);
}

/* A key with a passphrase: without this OpenSSL would ask for it on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

/* "" for a file that is not wanted. Unverified TLS needs no CA and is given no secret. */
static const char *file_path(const struct conf_apiserver *conf, enum probe_file file)
{
	if (conf->insecure_skip_verify)
		return "";
	switch (file) {
	case PROBE_FILE_CA:
		return conf->ca_file;
	case PROBE_FILE_CERT:
		return conf->client_cert_file;
	case PROBE_FILE_KEY:
		/* kubelet-client-current.pem holds certificate and key. */
		return conf->client_key_file[0] ? conf->client_key_file : conf->client_cert_file;
	case PROBE_FILE_TOKEN:
		return conf->token_file;
	}
	return "";
}

static struct stamp stamp_read(const char *path)
{
	struct stat st;

	if (path[0] == '\0' || stat(path, &st) < 0)
		return (struct stamp){0};
	return (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/*
 * 0, -EINVAL if the file cannot be read, or -ENOENT if it is not there: what a node has only after
 * it has joined its cluster is waited for.
 */
static int file_check(const char *path, char detail[PROBE_DETAIL_SIZE])
{
	if (access(path, R_OK) == 0)
		return 0;
	if (errno == ENOENT) {
		describe(detail, "waiting for %s", path);
		return -ENOENT;
	}
	describe(detail, "%s: %s", path, strerror(errno));
	return -EINVAL;
}

static int client_cert_load(SSL_CTX *tls, const char *cert, const char *key,
			    char detail[PROBE_DETAIL_SIZE])
{
	int error = file_check(cert, detail);

	if (!error)
		error = file_check(key, detail);
	if (error)
		return error;
	if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
		describe(detail, "%s: no certificate in PEM form", cert);
	else if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		describe(detail, "%s: no key in PEM form without passphrase that belongs to %s",
			 key, cert);
	else if (SSL_CTX_check_private_key(tls) != 1)
		describe(detail, "%s: the key does not belong to %s", key, cert);
	else
		return 0;
	return -EINVAL;
}

static int ca_load(SSL_CTX *tls, const char *path, char detail[PROBE_DETAIL_SIZE])
{
	int error = file_check(path, detail);

	if (error)
		return error;
	if (SSL_CTX_load_verify_file(tls, path) != 1) {
		describe(detail, "%s: no certificate in PEM form", path);
		return -EINVAL;
	}
	return 0;
}

static int token_load(const char *path, char **ret_authorization, char detail[PROBE_DETAIL_SIZE])
{
	char text[PROBE_TOKEN_MAX];
	char *token = text;
	int error = file_check(path, detail);
	FILE *file = error ? NULL : fopen(path, "re");
	size_t size = 0;
	bool failed = true;

	if (error)
		return error;
	if (file) {
		size = fread(text, 1, sizeof(text), file);
		failed = ferror(file);
	}
	if (failed)
		describe(detail, "%s: %s", path, strerror(errno));
	if (file)
		fclose(file);
	if (failed)
		return -EINVAL;
	if (size == sizeof(text)) {
		describe(detail, "%s: the token is longer than %d bytes", path,
			 PROBE_TOKEN_MAX - 1);
		return -EINVAL;
	}
	while (size > 0 && isspace((unsigned char)token[size - 1]))
		size--;
	while (size > 0 && isspace((unsigned char)*token)) {
		token++;
		size--;
	}
	if (size == 0) {
		describe(detail, "%s: the token is empty", path);
		return -EINVAL;
	}
	for (size_t i = 0; i < size; i++) {
		if (!isgraph((unsigned char)token[i])) {
			describe(detail, "%s: the token holds a space or control character", path);
			return -EINVAL;
		}
	}
	if (asprintf(ret_authorization, "Bearer %.*s", (int)size, token) < 0) {
		describe(detail, "%s", strerror(ENOMEM));
		return -EINVAL;
	}
	return 0;
}

/* What is verified is server_name, an address among the certificate's addresses, else a DNS name.
 */
static bool verify_name_set(SSL_CTX *tls, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls);
	struct addr literal;

	if (addr_parse(name, &literal))
		return X509_VERIFY_PARAM_set1_ip(param, literal.bytes, addr_size(literal.family)) ==
		       1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static SSL_CTX *tls_new(const struct conf_apiserver *conf)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls)
		return NULL;
	/* The end of a connection is judged by HTTP: an answer that is complete without
	 * close_notify is complete. */
	SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
	SSL_CTX_set_verify(tls, conf->insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
			   NULL);
	if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(tls, alpn, sizeof(alpn) - 1) != 0 ||
	    !verify_name_set(tls, conf->server_name)) {
		SSL_CTX_free(tls);
		return NULL;
	}
	return tls;
}

static void credentials_free(struct credentials *credentials)
{
	SSL_CTX_free(credentials->tls);
	free(credentials->authorization);
	*credentials = (struct credentials){0};
}

static int worse(int error, int other)
{
	static_assert(-EINVAL < -ENOENT, "what cannot be used counts more than what is awaited");

	return error < other ? error : other;
}

/* 0, -ENOENT if a file is not there yet and all others are usable, or -EINVAL. */
static int credentials_load(const struct conf_apiserver *conf, struct credentials *ret_credentials,
			    char detail[PROBE_DETAIL_SIZE])
{
	const char *cert = file_path(conf, PROBE_FILE_CERT);
	const char *key = file_path(conf, PROBE_FILE_KEY);
	const char *token = file_path(conf, PROBE_FILE_TOKEN);
	const char *ca = file_path(conf, PROBE_FILE_CA);
	struct credentials credentials = {.tls = tls_new(conf)};
	int error = 0;

	if (!credentials.tls) {
		describe(detail, "cannot set up TLS");
		error = -EINVAL;
	}
	if (!error && cert[0])
		error = client_cert_load(credentials.tls, cert, key, detail);
	if (error != -EINVAL && token[0])
		error = worse(error, token_load(token, &credentials.authorization, detail));
	if (error != -EINVAL && !conf->insecure_skip_verify)
		error = worse(error, ca_load(credentials.tls, ca, detail));
	/* What is left in the queue would be taken for an error of the connection. */
	ERR_clear_error();
	if (error)
		credentials_free(&credentials);
	else
		*ret_credentials = credentials;
	return error;
}

int probe_check(const struct conf_apiserver *conf, char detail[PROBE_DETAIL_SIZE])
{
	struct credentials credentials = {0};
	int error;

	detail[0] = '\0';
	if (conf->client_key_file[0] && !conf->client_cert_file[0]) {
		describe(detail, "client_key_file is of no use without client_cert_file");
		return -EINVAL;
	}
	error = credentials_load(conf, &credentials, detail);
	credentials_free(&credentials);
	return error == -ENOENT ? 0 : error;
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
}

/*
 * Reads the files again if one has changed; then the held connection goes, as it stands for what
 * they said before. While they cannot be used (half written, certificate and key from different
 * times, deleted) the previous ones stay.
 */
static int credentials_refresh(struct probe *probe, char detail[PROBE_DETAIL_SIZE])
{
	struct stamp stamps[PROBE_FILE_COUNT];
	struct credentials credentials;
	bool changed = probe->credentials.tls == NULL;
	int error;

	for (unsigned i = 0; i < PROBE_FILE_COUNT; i++) {
		stamps[i] = stamp_read(file_path(&probe->conf, i));
		changed = changed || !stamp_equal(&stamps[i], &probe->stamps[i]);
	}
	if (!changed)
		return 0;
	error = credentials_load(&probe->conf, &credentials, detail);
	if (error)
		return probe->credentials.tls ? 0 : error;
	connection_drop(probe);
	credentials_free(&probe->credentials);
	probe->credentials = credentials;
	memcpy(probe->stamps, stamps, sizeof(stamps));
	return 0;
}

/* What the request came to; the first word counts. Acted on by on_resume(). */
__attribute__((format(printf, 4, 5))) static void
conclude(struct probe *probe, enum health_result result, int status, const char *format, ...)
{
	va_list arguments;

	if (probe->done)
		return;
	probe->done = true;
	probe->outcome.result = result;
	probe->outcome.http_status = status;
	va_start(arguments, format);
	vsnprintf(probe->outcome.detail, sizeof(probe->outcome.detail), format, arguments);
	va_end(arguments);
	event_active(probe->resume, 0, 0);
}

static SSL *connection_ssl(const struct probe *probe)
{
	return bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(probe->connection));
}

/* Nothing was written on it, so TCP did not come about. */
static bool connection_is_unconnected(const struct probe *probe)
{
	BIO *bio = SSL_get_wbio(connection_ssl(probe));

	return !bio || BIO_number_written(bio) == 0;
}

static void conclude_unconnected(struct probe *probe, int error)
{
	switch (error) {
	case ECONNREFUSED:
		conclude(probe, HEALTH_REFUSED, 0, "the port refuses connections");
		return;
	case ETIMEDOUT:
		conclude(probe, HEALTH_TIMEOUT, 0, "no connection: %s", strerror(error));
		return;
	case ECONNRESET:
	case EPIPE:
		conclude(probe, HEALTH_CLOSED, 0, "connection closed before the TLS handshake");
		return;
	}
	conclude(probe, HEALTH_UNABLE, 0, "no connection: %s", strerror(error));
}

static void conclude_certificate(struct probe *probe, long verify_result)
{
	const char *words = X509_verify_cert_error_string(verify_result);

	if (verify_result == X509_V_ERR_HOSTNAME_MISMATCH ||
	    verify_result == X509_V_ERR_IP_ADDRESS_MISMATCH)
		conclude(probe, HEALTH_CERTIFICATE, 0, "certificate: %s, it is not for %s", words,
			 probe->conf.server_name);
	else
		conclude(probe, HEALTH_CERTIFICATE, 0, "certificate: %s (verified with %s)", words,
			 probe->conf.ca_file);
}

/* 0 for an error of the socket, for which libevent stores a code of SSL_get_error(): no library. */
static unsigned long tls_error_of(struct bufferevent *bev)
{
	unsigned long error = bufferevent_get_openssl_error(bev);

	return ERR_GET_LIB(error) == 0 || ERR_SYSTEM_ERROR(error) ? 0 : error;
}

/* The connection ended, error is the errno of it. */
static void conclude_ended(struct probe *probe, int error)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(probe->connection);
	unsigned long tls_error = tls_error_of(bev);
	long verify_result = SSL_get_verify_result(connection_ssl(probe));
	const char *reason = tls_error ? ERR_reason_error_string(tls_error) : NULL;
	const char *when =
		probe->opening ? "during the TLS handshake" : "before the response was complete";

	if (probe->opening && !tls_error && connection_is_unconnected(probe))
		conclude_unconnected(probe, error);
	else if (probe->opening && tls_error && verify_result != X509_V_OK &&
		 !probe->conf.insecure_skip_verify)
		conclude_certificate(probe, verify_result);
	else if (tls_error)
		conclude(probe, HEALTH_TLS, 0, "TLS: %s", reason ? reason : "unknown error");
	else
		conclude(probe, HEALTH_CLOSED, 0, "connection closed %s", when);
}

/* Listens in between the TLS bufferevent and evhttp, which keeps the reason of a failure to itself.
 */
static void on_opened(struct bufferevent *bev, short what, void *context)
{
	struct probe *probe = context;
	struct callbacks evhttp = probe->evhttp;
	int error = errno;

	if (what & BEV_EVENT_CONNECTED)
		probe->opening = false;
	else
		conclude_ended(probe, error);
	bufferevent_setcb(bev, evhttp.read, evhttp.write, evhttp.event, evhttp.context);
	errno = error;
	evhttp.event(bev, what, evhttp.context);
}

/* During an attempt this is its failure, or the end that the response has announced. */
static void on_closed(struct evhttp_connection *connection, void *context)
{
	struct probe *probe = context;

	(void)connection;
	probe->ended = true;
	if (!probe->busy)
		event_active(probe->resume, 0, 0);
}

static void on_failed(enum evhttp_request_error error, void *context)
{
	struct probe *probe = context;

	switch (error) {
	case EVREQ_HTTP_EOF:
		conclude_ended(probe, errno);
		return;
	case EVREQ_HTTP_TIMEOUT:
		conclude(probe, HEALTH_TIMEOUT, 0, "timeout");
		return;
	case EVREQ_HTTP_INVALID_HEADER:
		conclude(probe, HEALTH_RESPONSE, 0,
			 "not an HTTP response with headers up to %d KiB",
			 PROBE_HEADERS_MAX / 1024);
		return;
	case EVREQ_HTTP_DATA_TOO_LONG:
		conclude(probe, HEALTH_RESPONSE, 0, "the response's body is broken or over %d KiB",
			 PROBE_BODY_MAX / 1024);
		return;
	case EVREQ_HTTP_BUFFER_ERROR:
	case EVREQ_HTTP_REQUEST_CANCEL:
		break;
	}
	conclude(probe, HEALTH_UNABLE, 0, "the request could not be made");
}

/* The apiserver's body lists a failed check as "[-]NAME failed: reason withheld". */
static void conclude_status(struct probe *probe, int status, struct evbuffer *body)
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
	conclude(probe, HEALTH_STATUS, status, "HTTP %d%s%s", status, line ? ": " : "",
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
		conclude(probe, HEALTH_CLOSED, 0, "connection closed after the TLS handshake");
		return;
	case 200:
		conclude(probe, HEALTH_OK, status, "%s", "");
		return;
	case 401:
		if (conf->client_cert_file[0] || conf->token_file[0])
			conclude(probe, HEALTH_UNAUTHORIZED, status,
				 "HTTP 401: the client certificate or token was not accepted");
		else
			conclude(probe, HEALTH_UNAUTHORIZED, status,
				 "HTTP 401: anonymous auth is off: set client_cert_file or "
				 "token_file");
		return;
	case 403:
		conclude(probe, HEALTH_FORBIDDEN, status,
			 "HTTP 403: no right to GET %s; normal for seconds while RBAC is loading, "
			 "else bind the role system:public-info-viewer",
			 conf->path);
		return;
	}
	conclude_status(probe, status, evhttp_request_get_input_buffer(request));
}

/* One connection per SSL object: a used one cannot connect again. */
static struct evhttp_connection *connection_new(struct probe *probe)
{
	const struct conf_apiserver *conf = &probe->conf;
	const struct timeval timeout = {.tv_sec = PROBE_LIBEVENT_TIMEOUT_S};
	struct evhttp_connection *connection;
	char address[ADDR_TEXT_SIZE];
	struct bufferevent *bev;
	struct addr literal;
	SSL *ssl = SSL_new(probe->credentials.tls);

	if (!ssl)
		return NULL;
	/* RFC 6066 3: no address in SNI. */
	if (!addr_parse(conf->server_name, &literal))
		SSL_set_tlsext_host_name(ssl, probe->conf.server_name);
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
	evhttp_connection_set_max_headers_size(connection, PROBE_HEADERS_MAX);
	evhttp_connection_set_max_body_size(connection, PROBE_BODY_MAX);
	evhttp_connection_set_closecb(connection, on_closed, probe);
	return connection;
}

static bool headers_add(const struct probe *probe, struct evkeyvalq *headers)
{
	const char *name = probe->conf.server_name;
	const char *authorization = probe->credentials.authorization;
	char host[CONF_HOST_SIZE + 2];
	bool bracket = strchr(name, ':') != NULL; /* RFC 3986 3.2.2 */

	snprintf(host, sizeof(host), bracket ? "[%s]" : "%s", name);
	return evhttp_add_header(headers, "Host", host) == 0 &&
	       evhttp_add_header(headers, "User-Agent", "cpvrrp/" VERSION) == 0 &&
	       (!authorization || evhttp_add_header(headers, "Authorization", authorization) == 0);
}

/* Hears of the handshake before evhttp does; a connection that failed at once has been heard of. */
static void connection_watch(struct probe *probe)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(probe->connection);
	struct callbacks *evhttp = &probe->evhttp;

	if (probe->done)
		return;
	evutil_make_socket_closeonexec(bufferevent_getfd(bev));
	bufferevent_getcb(bev, &evhttp->read, &evhttp->write, &evhttp->event, &evhttp->context);
	bufferevent_setcb(bev, evhttp->read, evhttp->write, on_opened, probe);
}

static void request_send(struct probe *probe)
{
	struct evhttp_request *request;

	probe->done = false;
	if (!probe->connection) {
		probe->connection = connection_new(probe);
		probe->opening = true;
	}
	request = evhttp_request_new(on_response, probe);
	if (!probe->connection || !request ||
	    !headers_add(probe, evhttp_request_get_output_headers(request))) {
		if (request)
			evhttp_request_free(request);
		conclude(probe, HEALTH_UNABLE, 0, "%s", strerror(ENOMEM));
		return;
	}
	evhttp_request_set_error_cb(request, on_failed);
	if (evhttp_make_request(probe->connection, request, EVHTTP_REQ_GET, probe->conf.path) < 0)
		conclude(probe, HEALTH_UNABLE, 0, "%s", strerror(ENOMEM));
	if (probe->opening)
		connection_watch(probe);
}

/* Sets the timer to what it is for. */
static void timer_set(struct probe *probe, struct instant now)
{
	struct instant at = probe->busy ? probe->deadline : probe->next;
	int64_t left_us = instant_due(at, now) ? 0 : instant_since(at, now);
	struct timeval tv = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};

	event_add(probe->timer, &tv);
}

static void attempt_start(struct probe *probe, struct instant now)
{
	char detail[PROBE_DETAIL_SIZE];

	if (probe->ended)
		connection_drop(probe);
	probe->busy = true;
	probe->retries = 0;
	probe->done = false;
	probe->started = now;
	probe->deadline = instant_add(now, probe->conf.timeout_us);
	timer_set(probe, now);
	if (credentials_refresh(probe, detail) < 0)
		conclude(probe, HEALTH_UNABLE, 0, "%s", detail);
	else
		request_send(probe);
}

/*
 * Reports; the probe may be gone afterwards. An attempt that outlasted its interval leaves out what
 * it missed of the cadence, except the latest if that is less than half an interval ago: where
 * timeout and interval are the same, a hung server does not cost every other turn.
 */
static void attempt_finish(struct probe *probe, struct instant now)
{
	struct probe_report report = probe->outcome;
	int64_t interval_us = probe->conf.interval_us;
	int64_t late_us = instant_since(now, probe->next) + interval_us / 2;

	report.latency_us = instant_since(now, probe->started);
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
	struct instant early = instant_add(now, PROBE_EARLY_US);

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
		conclude(probe, HEALTH_TIMEOUT, 0, "timeout: no complete response");
	else if (connection_is_unconnected(probe))
		conclude(probe, HEALTH_TIMEOUT, 0, "timeout: TCP connection not answered");
	else
		conclude(probe, HEALTH_TIMEOUT, 0, "timeout: TLS handshake not answered");
}

/* HEALTH: the end of the held connection is looked into at once. */
static void on_idle_closed(struct probe *probe, struct instant now)
{
	connection_drop(probe);
	if (probe->out_of_turn == PROBE_OUT_OF_TURN_MAX)
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
	if (probe->outcome.result == HEALTH_CLOSED && probe->retries < PROBE_RETRIES_MAX) {
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

	if (!probe)
		return -ENOMEM;
	probe->base = base;
	probe->conf = *conf;
	probe->report = report;
	probe->context = context;
	probe->next = clock_now();
	probe->timer = evtimer_new(base, on_timer, probe);
	probe->resume = event_new(base, -1, 0, on_resume, probe);
	if (!probe->timer || !probe->resume) {
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
	credentials_free(&probe->credentials);
	if (probe->timer)
		event_free(probe->timer);
	if (probe->resume)
		event_free(probe->resume);
	free(probe);
}
