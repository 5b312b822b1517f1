/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for HTTP/1.1 on the event loop, for the few short requests that a daemon answers. A
 * connection takes one request and ends after its answer, or HTTP_TIMEOUT_S after it was accepted,
 * whatever its client does. This module knows the protocol and the limits; the caller owns the
 * socket's address and the table of paths. evhttp of libevent 2.1 has no limit on connections and
 * none on the time of one, tells nobody when one ends, and keeps one open after CONNECT.
 */
#ifndef CPVRRP_DAEMON_HTTP_H
#define CPVRRP_DAEMON_HTTP_H

#include <event2/event.h>
#include <stdbool.h>

#define HTTP_CONNECTIONS_MAX 16 /* of one server; others wait in the kernel */
#define HTTP_HEAD_MAX 8192	/* bytes of request line and headers */
#define HTTP_BODY_MAX 4096	/* bytes; no path reads them */
#define HTTP_TIMEOUT_S 5

#define HTTP_TYPE_TEXT "text/plain; charset=utf-8"
#define HTTP_TYPE_JSON "application/json"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_OTHER,
};

/* A request that waits for its answer. */
struct http_request;

struct http_route {
	const char *path;
	enum http_method method; /* HTTP_POST, or HTTP_GET, which stands for HTTP_HEAD too */
	/* Answers before it returns, once: with one of the http_reply functions. */
	void (*serve)(struct http_request *request, void *context);
};

struct http_service {
	const struct http_route *routes; /* static; the last one has no path */
	const char *unknown;		 /* static; the line that answers any other path */
	unsigned per_address_max;	 /* connections of one address; 0 = as many as there are */
	void *context;			 /* of serve() */
};

struct http_server;

/* Listens nowhere yet. Returns 0 or -ENOMEM. */
int http_new(struct event_base *base, const struct http_service *service,
	     struct http_server **ret_server);
/* Ends every connection and closes the listening socket. NULL is allowed. */
void http_free(struct http_server *server);

/*
 * Serves what connects to fd, which listens and does not block, and closes the socket served
 * before. fd belongs to the server from now on, also if this fails. Returns 0 or -ENOMEM.
 */
int http_listen(struct http_server *server, int fd);

/* The listening socket, -1 before http_listen(). */
int http_fd(const struct http_server *server);

/*
 * The value of the one parameter that a path takes; *ret_value is NULL if there is no query; free()
 * it. False if the query is anything else: a misspelt name must not mean the default.
 */
bool http_parameter(const struct http_request *request, const char *name, char **ret_value);

/* Frees body; NULL means that there was no memory for it, and is answered as that. */
void http_reply(struct http_request *request, int status, const char *type, char *body);
/* 200 with more headers, which are whole lines. body is not copied: static. */
void http_reply_static(struct http_request *request, const char *type, const char *headers,
		       const char *body);
/* The body is the line, as text; the newline is added. */
void http_reply_line(struct http_request *request, int status, const char *line);

#endif
