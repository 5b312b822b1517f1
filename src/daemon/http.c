/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/addr.h"

#define STATUS_LINE_MAX 1024 /* with the headers of an answer */

static const struct timeval lifetime = {.tv_sec = HTTP_TIMEOUT_S};

/* After accept(2) has failed; without free descriptors it would fail again in every turn. */
static const struct timeval accept_pause = {.tv_usec = 200000};

/* The part of the request that comes next; a request goes through all of them in this order. */
enum stage {
	STAGE_LINE,
	STAGE_HEADERS,
	STAGE_BODY,
	STAGE_SERVED,
};

/* The connection and its one request. */
struct http_request {
	struct http_server *server;
	struct http_request *next;
	struct addr peer; /* unspecified on a Unix socket */
	struct bufferevent *stream;
	struct event *deadline;
	enum stage stage;
	size_t head_size; /* bytes taken so far */
	bool length_known;
	size_t body_size;
	enum http_method method;
	int version_minor;
	struct evhttp_uri *uri;
};

struct http_server {
	struct http_service service;
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *resume; /* after a failed accept(2) */
	unsigned request_count;
	struct http_request *requests;
};

/* Connections that find no place wait in the kernel until one ends. */
static void admit(struct http_server *server)
{
	assert(server->request_count <= HTTP_CONNECTIONS_MAX);
	if (server->request_count < HTTP_CONNECTIONS_MAX)
		evconnlistener_enable(server->listener);
	else
		evconnlistener_disable(server->listener);
}

static void request_free(struct http_request *request)
{
	struct http_server *server = request->server;
	struct http_request **at = &server->requests;

	while (*at && *at != request)
		at = &(*at)->next;
	assert(*at == request && server->request_count > 0);
	*at = request->next;
	server->request_count--;
	if (request->stream)
		bufferevent_free(request->stream);
	if (request->deadline)
		event_free(request->deadline);
	if (request->uri)
		evhttp_uri_free(request->uri);
	free(request);
}

static void end(struct http_request *request)
{
	struct http_server *server = request->server;

	request_free(request);
	admit(server);
}

static void expired(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	end(context);
}

/* The client has closed, or the connection has failed. */
static void ended(struct bufferevent *stream, short events, void *context)
{
	(void)stream;
	(void)events;
	end(context);
}

/* The answer is with the kernel. */
static void sent(struct bufferevent *stream, void *context)
{
	(void)stream;
	end(context);
}

static const char *phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	}
	return "Service Unavailable";
}

/*
 * Writes what comes before the body, for which there is room afterwards. headers is "", or whole
 * lines. False, with nothing written, if there is no memory.
 */
static bool begin_answer(struct http_request *request, int status, const char *type,
			 const char *headers, size_t size, size_t room)
{
	struct evbuffer *output = bufferevent_get_output(request->stream);
	char date[64];

	assert(request->stage != STAGE_SERVED);
	if (evbuffer_expand(output, STATUS_LINE_MAX + room) != 0)
		return false;
	request->stage = STAGE_SERVED;
	bufferevent_disable(request->stream, EV_READ);
	bufferevent_setcb(request->stream, NULL, sent, ended, request);
	evutil_date_rfc1123(date, sizeof(date), NULL);
	evbuffer_add_printf(output,
			    "HTTP/1.%d %d %s\r\nDate: %s\r\nContent-Type: %s\r\n"
			    "Content-Length: %zu\r\nCache-Control: no-store\r\n"
			    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n%s\r\n",
			    request->version_minor, status, phrase(status), date, type, size,
			    headers);
	return true;
}

/* Where even the answer that there is no memory finds none, the deadline ends the connection. */
static void answer(struct http_request *request, int status, const char *type, const char *headers,
		   const char *body)
{
	size_t size = strlen(body);

	if (!begin_answer(request, status, type, headers, size, size)) {
		if (status != 503)
			answer(request, 503, HTTP_TYPE_TEXT, "", "no memory\n");
		return;
	}
	if (request->method != HTTP_HEAD)
		evbuffer_add(bufferevent_get_output(request->stream), body, size);
}

void http_reply_static(struct http_request *request, const char *type, const char *headers,
		       const char *body)
{
	size_t size = strlen(body);

	if (!begin_answer(request, 200, type, headers, size, 0))
		answer(request, 503, HTTP_TYPE_TEXT, "", "no memory\n");
	else if (request->method != HTTP_HEAD)
		evbuffer_add_reference(bufferevent_get_output(request->stream), body, size, NULL,
				       NULL);
}

void http_reply(struct http_request *request, int status, const char *type, char *body)
{
	if (body)
		answer(request, status, type, "", body);
	else
		answer(request, 503, HTTP_TYPE_TEXT, "", "no memory\n");
	free(body);
}

void http_reply_line(struct http_request *request, int status, const char *line)
{
	char *body = NULL;

	if (asprintf(&body, "%s\n", line) < 0)
		body = NULL;
	http_reply(request, status, HTTP_TYPE_TEXT, body);
}

bool http_parameter(const struct http_request *request, const char *name, char **ret_value)
{
	const char *query = evhttp_uri_get_query(request->uri);
	const struct evkeyval *first;
	struct evkeyvalq values;
	char *value = NULL;

	if (!query) {
		*ret_value = NULL;
		return true;
	}
	if (evhttp_parse_query_str(query, &values) != 0)
		return false;
	first = values.tqh_first;
	if (first && !first->next.tqe_next && strcmp(first->key, name) == 0)
		value = strdup(first->value);
	evhttp_clear_headers(&values);
	if (!value)
		return false;
	*ret_value = value;
	return true;
}

static bool allows(const struct http_route *route, enum http_method method)
{
	return method == route->method || (method == HTTP_HEAD && route->method == HTTP_GET);
}

static void serve(struct http_request *request)
{
	const struct http_service *service = &request->server->service;
	const struct http_route *route = service->routes;
	const char *path = evhttp_uri_get_path(request->uri);

	while (route->path && strcmp(route->path, path ? path : "") != 0)
		route++;
	if (!route->path)
		http_reply_line(request, 404, service->unknown);
	else if (!allows(route, request->method))
		answer(request, 405, HTTP_TYPE_TEXT,
		       route->method == HTTP_POST ? "Allow: POST\r\n" : "Allow: GET, HEAD\r\n",
		       "wrong method\n");
	else
		route->serve(request, service->context);
	assert(request->stage == STAGE_SERVED);
}

static enum http_method method_of(const char *name)
{
	if (strcmp(name, "GET") == 0)
		return HTTP_GET;
	if (strcmp(name, "HEAD") == 0)
		return HTTP_HEAD;
	return strcmp(name, "POST") == 0 ? HTTP_POST : HTTP_OTHER;
}

/* RFC 9112 3: method, target and version. Returns 0, or the status that refuses it. */
static int take_request_line(struct http_request *request, char *line)
{
	const char *method, *target, *version;

	/* 2.2: an empty line before it is ignored. */
	if (!*line)
		return 0;
	method = strsep(&line, " ");
	target = strsep(&line, " ");
	version = line;
	if (!target || !version || strncmp(version, "HTTP/1.", strlen("HTTP/1.")) != 0 ||
	    strlen(version) != strlen("HTTP/1.1"))
		return 400;
	/* 2.3: the answer has our own version, or the client's if that is lower. */
	request->version_minor = strcmp(version, "HTTP/1.0") == 0 ? 0 : 1;
	request->uri = evhttp_uri_parse(target);
	if (!request->uri)
		return 400;
	request->method = method_of(method);
	request->stage = STAGE_HEADERS;
	return 0;
}

/* RFC 9112 6.2: digits alone. */
static int take_content_length(struct http_request *request, const char *value)
{
	size_t digits;

	value += strspn(value, " \t");
	digits = strspn(value, "0123456789");
	if (request->length_known || digits == 0 || value[digits + strspn(value + digits, " \t")])
		return 400;
	/* A number that is too large for it is the largest one. */
	request->body_size = strtoul(value, NULL, 10);
	request->length_known = true;
	return request->body_size > HTTP_BODY_MAX ? 413 : 0;
}

/* An empty line ends the headers. */
static int take_header(struct http_request *request, const char *line)
{
	const char *colon = strchr(line, ':');
	size_t size = colon ? (size_t)(colon - line) : 0;

	if (!*line) {
		request->stage = STAGE_BODY;
		return 0;
	}
	if (!colon)
		return 400;
	if (strncasecmp(line, "Transfer-Encoding", size) == 0 &&
	    size == strlen("Transfer-Encoding"))
		return 411;
	if (strncasecmp(line, "Content-Length", size) == 0 && size == strlen("Content-Length"))
		return take_content_length(request, colon + 1);
	return 0;
}

/* Takes the next line of the head. Returns 0, a status that refuses it, or -EAGAIN if the line is
 * not whole yet. */
static int take_line(struct http_request *request, struct evbuffer *input)
{
	size_t waiting = evbuffer_get_length(input), size;
	char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_CRLF);
	int status;

	request->head_size += waiting - evbuffer_get_length(input);
	if (!line)
		return request->head_size + waiting > HTTP_HEAD_MAX ? 400 : -EAGAIN;
	if (request->head_size > HTTP_HEAD_MAX || strlen(line) != size)
		status = 400;
	else if (request->stage == STAGE_LINE)
		status = take_request_line(request, line);
	else
		status = take_header(request, line);
	free(line);
	return status;
}

static void received(struct bufferevent *stream, void *context)
{
	struct http_request *request = context;
	struct evbuffer *input = bufferevent_get_input(stream);
	int status = 0;

	while (status == 0 && request->stage < STAGE_BODY)
		status = take_line(request, input);
	if (status > 0)
		http_reply_line(request, status, phrase(status));
	else if (status == 0 && evbuffer_get_length(input) >= request->body_size)
		serve(request);
}

static struct addr address_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return addr_from_bytes(
			ADDR_FAMILY_IPV4,
			&((const struct sockaddr_in *)(const void *)address)->sin_addr);
	if (address->sa_family == AF_INET6)
		return addr_from_bytes(
			ADDR_FAMILY_IPV6,
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return (struct addr){.family = ADDR_FAMILY_IPV4};
}

static bool is_crowded(const struct http_server *server, const struct addr *peer)
{
	unsigned count = 0;

	for (const struct http_request *other = server->requests; other; other = other->next)
		count += addr_equal(&other->peer, peer);
	return server->service.per_address_max > 0 && count >= server->service.per_address_max;
}

/* fd belongs to the request from now on. */
static void request_new(struct http_server *server, int fd, const struct addr *peer)
{
	struct http_request *request = calloc(1, sizeof(*request));

	if (!request) {
		close(fd);
		return;
	}
	request->server = server;
	request->peer = *peer;
	request->version_minor = 1;
	request->next = server->requests;
	server->requests = request;
	server->request_count++;
	request->deadline = event_new(server->base, -1, 0, expired, request);
	request->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!request->stream)
		close(fd);
	if (!request->stream || !request->deadline ||
	    event_add(request->deadline, &lifetime) != 0) {
		request_free(request);
		return;
	}
	bufferevent_setwatermark(request->stream, EV_READ, 0, HTTP_HEAD_MAX + HTTP_BODY_MAX);
	bufferevent_setcb(request->stream, received, NULL, ended, request);
	bufferevent_enable(request->stream, EV_READ);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		     int size, void *context)
{
	struct http_server *server = context;
	struct addr peer = address_of(address);

	(void)listener;
	(void)size;
	if (is_crowded(server, &peer))
		close(fd);
	else
		request_new(server, fd, &peer);
	admit(server);
}

static void not_accepted(struct evconnlistener *listener, void *context)
{
	struct http_server *server = context;

	evconnlistener_disable(listener);
	event_add(server->resume, &accept_pause);
}

static void resume(evutil_socket_t fd, short events, void *context)
{
	(void)fd;
	(void)events;
	admit(context);
}

int http_new(struct event_base *base, const struct http_service *service,
	     struct http_server **ret_server)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->service = *service;
	server->base = base;
	server->resume = event_new(base, -1, 0, resume, server);
	if (!server->resume) {
		free(server);
		return -ENOMEM;
	}
	*ret_server = server;
	return 0;
}

void http_free(struct http_server *server)
{
	if (!server)
		return;
	for (struct http_request *request = server->requests, *next; request; request = next) {
		next = request->next;
		request_free(request);
	}
	if (server->listener)
		evconnlistener_free(server->listener);
	event_free(server->resume);
	free(server);
}

int http_listen(struct http_server *server, int fd)
{
	/* Backlog 0: it listens already. */
	struct evconnlistener *listener =
		evconnlistener_new(server->base, accepted, server,
				   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);

	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(listener, not_accepted);
	if (server->listener)
		evconnlistener_free(server->listener);
	server->listener = listener;
	admit(server);
	return 0;
}

int http_fd(const struct http_server *server)
{
	return server->listener ? evconnlistener_get_fd(server->listener) : -1;
}
