/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/log.h"
#include "report/metrics.h"

#define CONTROL_CONNECTIONS_MAX 16
#define CONTROL_HEADERS_MAX 8192
#define CONTROL_BODY_MAX 4096
#define CONTROL_TIMEOUT_S 5
#define CONTROL_RESPONSE_MAX (64 << 20) /* 510 routers with everything full are below 8 MB */

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

static const struct timeval resume_after = {.tv_usec = 200000};

static const struct timeval watch_every = {.tv_sec = CONTROL_WATCH_S};

struct control {
	struct control_calls calls;
	struct evhttp *http;
	struct evhttp_bound_socket *bound; /* http's hold on listener */
	struct evconnlistener *listener;
	struct event *resume; /* set while there are too many connections */
	struct event *watch;
	in_port_t port; /* network order; 0 = a Unix socket, which the rest is about */
	dev_t device;
	ino_t inode;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct control *next;
};

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* All there are: one of each kind, and one more while a reload changes its path or port. */
static struct control *controls;

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(ret_address->sun_path, path);
	return 0;
}

/* The directories above path; *ret_fd is the last one. */
static int open_directory(const char *path, int *ret_fd)
{
	char part[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash = part;
	int fd;

	snprintf(part, sizeof(part), "%s", path);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	slash = strrchr(part, '/');
	if (slash)
		slash[1] = '\0';
	fd = open(slash ? part : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Removes a socket that nobody listens on, and nothing else. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int err, fd = -1;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	/* EAGAIN: its backlog is full, so there is somebody. */
	if (err == 0 || err == EAGAIN)
		return -EADDRINUSE;
	if (err != ECONNREFUSED)
		return -err;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

/* The kernel gives the file the mode of the socket, less the umask: at no time can others open it.
 */
static int bind_socket(const struct sockaddr_un *address, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) == 0 &&
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	    listen(fd, CONTROL_CONNECTIONS_MAX) == 0) {
		*ret_fd = fd;
		return 0;
	}
	err = -errno;
	close(fd);
	return err;
}

/* The lock on the directory keeps two daemons that start at once from removing each other's socket.
 */
static int listen_on(const char *path, int *ret_fd)
{
	struct sockaddr_un address;
	int directory = -1;
	int err = address_of(path, &address);

	if (err)
		return err;
	err = open_directory(path, &directory);
	if (err)
		return err;
	if (flock(directory, LOCK_EX | LOCK_NB) != 0)
		err = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	if (!err)
		err = remove_stale(&address);
	if (!err)
		err = bind_socket(&address, ret_fd);
	close(directory);
	return err;
}

/*
 * One request per connection, so that CONTROL_CONNECTIONS_MAX connections are as many requests.
 * body is freed; NULL means that there was no memory for it.
 */
static void reply(struct evhttp_request *request, int status, const char *type, char *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *buffer = evhttp_request_get_output_buffer(request);

	evhttp_add_header(headers, "Connection", "close");
	if (!body || evbuffer_add(buffer, body, strlen(body)) != 0) {
		free(body);
		evhttp_send_reply(request, 503, "No memory", NULL);
		return;
	}
	free(body);
	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	/* NULL: libevent's own phrase. */
	evhttp_send_reply(request, status, NULL, NULL);
}

static void reply_line(struct evhttp_request *request, int status, const char *line)
{
	char *body = NULL;

	if (asprintf(&body, "%s\n", line) < 0)
		body = NULL;
	reply(request, status, TYPE_TEXT, body);
}

/* False, and answered, unless the method is one of methods. */
static bool is_allowed(struct evhttp_request *request, unsigned methods, const char *allow)
{
	if ((unsigned)evhttp_request_get_command(request) & methods)
		return true;
	evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allow);
	reply_line(request, 405, "wrong method");
	return false;
}

static bool is_read(struct evhttp_request *request)
{
	return is_allowed(request, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, "GET, HEAD");
}

/*
 * The value of the one parameter that a path takes, *ret_value = NULL if there is no query; free()
 * it. False, if the query is anything else: what is misspelt must not mean the default.
 */
static bool parameter(struct evhttp_request *request, const char *name, char **ret_value)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	struct evkeyvalq values;
	const struct evkeyval *first;
	char *value = NULL;

	if (query && evhttp_parse_query_str(query, &values) != 0)
		return false;
	if (query) {
		first = values.tqh_first;
		if (first && !first->next.tqe_next && strcmp(first->key, name) == 0)
			value = strdup(first->value);
		evhttp_clear_headers(&values);
	}
	*ret_value = value;
	return !query || value;
}

static void serve_state(struct evhttp_request *request, void *context)
{
	struct control *control = context;
	struct state state;
	char *format = NULL;

	if (!is_read(request))
		return;
	if (!parameter(request, "format", &format) ||
	    (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)) {
		reply_line(request, 400, "format is text or json");
	} else {
		control->calls.state(control->calls.context, &state);
		if (format && strcmp(format, "text") == 0)
			reply(request, 200, TYPE_TEXT, state_text(&state));
		else
			reply(request, 200, TYPE_JSON, state_json(&state));
	}
	free(format);
}

static void serve_metrics(struct evhttp_request *request, void *context)
{
	struct control *control = context;
	struct state state;

	if (!is_read(request))
		return;
	control->calls.state(control->calls.context, &state);
	reply(request, 200, TYPE_METRICS, metrics_text(&state));
}

static void serve_health(struct evhttp_request *request, void *context)
{
	(void)context;
	if (is_read(request))
		reply_line(request, 200, "ok");
}

static void serve_step_down(struct evhttp_request *request, void *context)
{
	struct control *control = context;
	long seconds = CONTROL_STEP_DOWN_DEFAULT_S;
	char line[96], *end, *text = NULL;

	if (!is_allowed(request, EVHTTP_REQ_POST, "POST"))
		return;
	if (!parameter(request, "seconds", &text))
		seconds = 0;
	if (text) {
		seconds = strtol(text, &end, 10);
		/* strtol() takes leading spaces and signs. */
		if (*end || *text < '0' || *text > '9')
			seconds = 0;
	}
	free(text);
	if (seconds < 1 || seconds > CONTROL_STEP_DOWN_MAX_S) {
		snprintf(line, sizeof(line), "seconds is a whole number from 1 to %d",
			 CONTROL_STEP_DOWN_MAX_S);
		reply_line(request, 400, line);
		return;
	}
	control->calls.step_down(control->calls.context, (unsigned)seconds);
	snprintf(line, sizeof(line), "stepping down, lowest priority for %ld s", seconds);
	reply_line(request, 200, line);
}

static void serve_unknown(struct evhttp_request *request, void *context)
{
	const struct control *control = context;

	reply_line(request, 404,
		   control->port ? "there is /metrics and /healthz"
				 : "there is /v1/state, /metrics, /healthz and /v1/step-down");
}

struct tally {
	const struct control *control;
	unsigned count;
	evutil_socket_t seen[CONTROL_CONNECTIONS_MAX];
};

static bool is_connection(const struct control *control, evutil_socket_t fd)
{
	union address local = {.un = {.sun_family = AF_UNSPEC}};
	socklen_t size = sizeof(local);

	if (fd < 0 || fd == evconnlistener_get_fd(control->listener) ||
	    getsockname(fd, &local.any, &size) != 0)
		return false;
	if (!control->port)
		return local.any.sa_family == AF_UNIX &&
		       strcmp(local.un.sun_path, control->path) == 0;
	return (local.any.sa_family == AF_INET && local.in.sin_port == control->port) ||
	       (local.any.sa_family == AF_INET6 && local.in6.sin6_port == control->port);
}

/* A connection waits with one event or two. */
static int count_connection(const struct event_base *base, const struct event *event, void *context)
{
	struct tally *tally = context;
	evutil_socket_t fd = event_get_fd(event);

	(void)base;
	for (unsigned i = 0; i < tally->count; i++) {
		if (tally->seen[i] == fd)
			return 0;
	}
	if (is_connection(tally->control, fd))
		tally->seen[tally->count++] = fd;
	/* Not 0: enough seen. */
	return tally->count == CONTROL_CONNECTIONS_MAX;
}

static unsigned count_connections(struct control *control, struct event_base *base)
{
	struct tally tally = {.control = control};

	event_base_foreach_event(base, count_connection, &tally);
	return tally.count;
}

static void resume(evutil_socket_t fd, short events, void *context)
{
	struct control *control = context;

	(void)fd;
	(void)events;
	if (count_connections(control, event_get_base(control->resume)) < CONTROL_CONNECTIONS_MAX)
		evconnlistener_enable(control->listener);
	else
		event_add(control->resume, &resume_after);
}

/*
 * Called by evhttp for each connection, which has no event yet. libevent 2.1 neither limits the
 * connections of an evhttp nor tells when one ends, so they are counted by what waits in the loop.
 * NULL: evhttp makes the bufferevent itself.
 */
static struct bufferevent *accepted(struct event_base *base, void *context)
{
	struct control *control = context;

	if (count_connections(control, base) + 1 >= CONTROL_CONNECTIONS_MAX) {
		evconnlistener_disable(control->listener);
		event_add(control->resume, &resume_after);
	}
	return NULL;
}

/*
 * accept(2) fails without free descriptors, and would again in every turn. The context is evhttp's,
 * which does not know its control.
 */
static void not_accepted(struct evconnlistener *listener, void *http)
{
	struct control *control = controls;

	(void)http;
	while (control->listener != listener)
		control = control->next;
	evconnlistener_disable(listener);
	event_add(control->resume, &resume_after);
}

/* From now on http serves what comes to fd, which it closes, and nothing else. */
static int attach(struct control *control, struct event_base *base, int fd)
{
	/* Backlog 0: it listens already. */
	struct evconnlistener *listener =
		evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	struct evhttp_bound_socket *bound;

	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(listener, not_accepted);
	bound = evhttp_bind_listener(control->http, listener);
	if (!bound) {
		evconnlistener_free(listener);
		return -ENOMEM;
	}
	if (control->bound)
		evhttp_del_accept_socket(control->http, control->bound);
	control->bound = bound;
	control->listener = listener;
	return 0;
}

static int attach_path(struct control *control, struct event_base *base, const char *path)
{
	struct stat st;
	int fd = -1, err = listen_on(path, &fd);

	if (!err)
		err = attach(control, base, fd);
	if (err)
		return err;
	if (path != control->path)
		snprintf(control->path, sizeof(control->path), "%s", path);
	if (lstat(path, &st) == 0) {
		control->device = st.st_dev;
		control->inode = st.st_ino;
	}
	return 0;
}

/* What has been put in the socket's place is not ours to remove. */
static void watch(evutil_socket_t fd, short events, void *context)
{
	struct control *control = context;
	struct stat st;

	(void)fd;
	(void)events;
	if (lstat(control->path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return;
	if (attach_path(control, event_get_base(control->watch), control->path) == 0)
		log_warning("%s was gone; it has been made again", control->path);
}

static bool add_paths(struct control *control)
{
	struct evhttp *http = control->http;

	evhttp_set_gencb(http, serve_unknown, control);
	if (evhttp_set_cb(http, "/metrics", serve_metrics, control) != 0 ||
	    evhttp_set_cb(http, "/healthz", serve_health, NULL) != 0)
		return false;
	return control->port ||
	       (evhttp_set_cb(http, "/v1/state", serve_state, control) == 0 &&
		evhttp_set_cb(http, "/v1/step-down", serve_step_down, control) == 0);
}

/* One that listens nowhere yet; port is 0 for a Unix socket. */
static struct control *new_control(struct event_base *base, const struct control_calls *calls,
				   in_port_t port)
{
	struct control *control = calloc(1, sizeof(*control));
	struct evhttp *http;

	if (!control)
		return NULL;
	control->calls = *calls;
	control->port = port;
	control->next = controls;
	controls = control;
	http = control->http = evhttp_new(base);
	control->resume = event_new(base, -1, 0, resume, control);
	control->watch = event_new(base, -1, EV_PERSIST, watch, control);
	if (!http || !control->resume || !control->watch || !add_paths(control)) {
		control_free(control);
		return NULL;
	}
	evhttp_set_bevcb(http, accepted, control);
	evhttp_set_timeout(http, CONTROL_TIMEOUT_S);
	evhttp_set_max_headers_size(http, CONTROL_HEADERS_MAX);
	evhttp_set_max_body_size(http, CONTROL_BODY_MAX);
	/* All that it can parse: a method that a path does not take is answered 405 here. */
	evhttp_set_allowed_methods(http, UINT16_MAX);
	return control;
}

int control_new(struct event_base *base, const char *path, const struct control_calls *calls,
		struct control **ret_control)
{
	struct control *control = new_control(base, calls, 0);
	int err = control ? attach_path(control, base, path) : -ENOMEM;

	if (!err && event_add(control->watch, &watch_every) != 0)
		err = -ENOMEM;
	if (err) {
		control_free(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

/*
 * With IP_FREEBIND an address that the node does not have yet is no error (SURVIVE). A reload from
 * one address to another that includes it, with the same port, has both sockets for a moment.
 */
static int bind_port(const union address *address, int *ret_fd)
{
	static const int on = 1, off = 0;
	bool ipv6 = address->any.sa_family == AF_INET6;
	in_port_t port = ipv6 ? address->in6.sin6_port : address->in.sin_port;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : 0;

	if (err)
		return err;
	for (const struct control *other = controls; other; other = other->next) {
		if (!other->listener || other->port != port)
			continue;
		setsockopt(evconnlistener_get_fd(other->listener), SOL_SOCKET, SO_REUSEPORT, &on,
			   sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) ||
	    setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_FREEBIND : IP_FREEBIND,
		       &on, sizeof(on)) != 0 ||
	    bind(fd, &address->any, ipv6 ? sizeof(address->in6) : sizeof(address->in)) != 0 ||
	    listen(fd, CONTROL_CONNECTIONS_MAX) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int control_new_metrics(struct event_base *base, const struct addr *address, uint16_t port,
			const struct control_calls *calls, struct control **ret_control)
{
	union address bound = {.un = {.sun_family = AF_UNSPEC}};
	struct control *control = new_control(base, calls, htons(port));
	int fd = -1, err = control ? 0 : -ENOMEM;

	if (address->family == ADDR_FAMILY_IPV4) {
		bound.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&bound.in.sin_addr, address->bytes, sizeof(bound.in.sin_addr));
	} else {
		bound.in6 =
			(struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		memcpy(&bound.in6.sin6_addr, address->bytes, sizeof(bound.in6.sin6_addr));
	}
	if (!err)
		err = bind_port(&bound, &fd);
	if (!err)
		err = attach(control, base, fd);
	if (err) {
		control_free(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

void control_free(struct control *control)
{
	struct stat st;

	if (!control)
		return;
	/* Another daemon may have replaced the socket since. */
	if (*control->path && lstat(control->path, &st) == 0 && st.st_dev == control->device &&
	    st.st_ino == control->inode)
		unlink(control->path);
	/* With the listener. */
	if (control->http)
		evhttp_free(control->http);
	if (control->resume)
		event_free(control->resume);
	if (control->watch)
		event_free(control->watch);
	for (struct control **at = &controls; *at; at = &(*at)->next)
		if (*at == control) {
			*at = control->next;
			break;
		}
	free(control);
}

static int connect_to(const char *path, int *ret_fd)
{
	static const struct timeval timeout = {.tv_sec = CONTROL_TIMEOUT_S};
	struct sockaddr_un address;
	int err = address_of(path, &address);
	int fd;

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The timeout for sending is also that of connect(). */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		*ret_fd = fd;
		return 0;
	}
	err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return err;
}

/* Sends text and reads until the daemon closes. */
static int exchange(int fd, const char *text, struct evbuffer *response)
{
	int size;

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	while ((size = evbuffer_read(response, fd, -1)) > 0) {
		if (evbuffer_get_length(response) > CONTROL_RESPONSE_MAX)
			return -EPROTO;
	}
	if (size < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

/*
 * The status and the body, which ends with the connection (RFC 9112 6.3). By hand, because
 * libevent's client closes a connection that it was given and can make none to a Unix socket
 * itself.
 */
static int parse_response(struct evbuffer *response, char **ret_body)
{
	char *line = evbuffer_readln(response, NULL, EVBUFFER_EOL_CRLF);
	int status = 0;
	size_t size;
	char *body;

	if (!line || sscanf(line, "HTTP/1.%*1d %3d", &status) != 1 || status < 100)
		status = -EPROTO;
	/* The headers, up to an empty line. */
	while (status > 0 && line && *line) {
		free(line);
		line = evbuffer_readln(response, NULL, EVBUFFER_EOL_CRLF);
	}
	if (!line)
		status = -EPROTO;
	free(line);
	if (status < 0)
		return status;
	size = evbuffer_get_length(response);
	body = malloc(size + 1);
	if (!body)
		return -ENOMEM;
	evbuffer_remove(response, body, size);
	body[size] = '\0';
	*ret_body = body;
	return status;
}

int control_request(const char *path, const char *method, const char *target, char **ret_body)
{
	struct evbuffer *response;
	char *text;
	int fd = -1, result = connect_to(path, &fd);

	if (result)
		return result;
	response = evbuffer_new();
	if (!response || asprintf(&text, "%s %s HTTP/1.0\r\n\r\n", method, target) < 0)
		text = NULL;
	result = response && text ? exchange(fd, text, response) : -ENOMEM;
	if (!result)
		result = parse_response(response, ret_body);
	if (response)
		evbuffer_free(response);
	free(text);
	close(fd);
	return result;
}
