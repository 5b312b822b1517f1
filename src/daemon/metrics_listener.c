/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/metrics_listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/http.h"
#include "report/page.h"

static_assert(METRICS_PER_ADDRESS_MAX < HTTP_CONNECTIONS_MAX, "one address leaves room for others");

struct metrics_listener {
	struct control_calls calls;
	struct http_server *http;
	uint16_t port;
};

struct endpoint {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
};

static void serve_page(struct http_request *request, void *calls)
{
	(void)calls;
	http_reply_static(request, PAGE_TYPE, page_headers(), page_html());
}

static const struct http_route routes[] = {
	{"/", HTTP_GET, serve_page},
	{"/v1/state", HTTP_GET, control_serve_state},
	{"/metrics", HTTP_GET, control_serve_metrics},
	{"/healthz", HTTP_GET, control_serve_health},
	{.path = NULL},
};

static struct endpoint endpoint_of(const struct addr *address, uint16_t port)
{
	struct endpoint endpoint = {0};

	switch (address->family) {
	case ADDR_FAMILY_IPV4:
		endpoint.size = sizeof(endpoint.address.in);
		endpoint.address.in.sin_family = AF_INET;
		endpoint.address.in.sin_port = htons(port);
		memcpy(&endpoint.address.in.sin_addr, address->bytes, 4);
		break;
	case ADDR_FAMILY_IPV6:
		endpoint.size = sizeof(endpoint.address.in6);
		endpoint.address.in6.sin6_family = AF_INET6;
		endpoint.address.in6.sin6_port = htons(port);
		memcpy(&endpoint.address.in6.sin6_addr, address->bytes, 16);
		break;
	}
	return endpoint;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* With IP_FREEBIND an address that the node does not have yet is no error (SURVIVE). */
static int set_options(int fd, const struct endpoint *endpoint)
{
	bool ipv6 = endpoint->address.any.sa_family == AF_INET6;
	int error = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (error == 0 && ipv6)
		error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (error == 0 && ipv6)
		error = set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	else if (error == 0)
		error = set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	return error;
}

/*
 * Lets a reload go from one address to another that includes it, with the same port: then both
 * sockets are open for a moment. Not set otherwise, because other processes of the same user can
 * share the port as well.
 */
static int share_port(int fd, const struct metrics_listener *replaced)
{
	int error = set(http_fd(replaced->http), SOL_SOCKET, SO_REUSEPORT, 1);

	return error == 0 ? set(fd, SOL_SOCKET, SO_REUSEPORT, 1) : error;
}

static int bind_port(const struct endpoint *endpoint, const struct metrics_listener *shared,
		     int *ret_fd)
{
	int fd = socket(endpoint->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	int error;

	if (fd < 0)
		return -errno;
	error = set_options(fd, endpoint);
	if (error == 0 && shared)
		error = share_port(fd, shared);
	if (error == 0 && bind(fd, &endpoint->address.any, endpoint->size) != 0)
		error = -errno;
	if (error == 0 && listen(fd, HTTP_CONNECTIONS_MAX) != 0)
		error = -errno;
	if (error < 0) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int metrics_listener_new(struct event_base *base, const struct addr *address, uint16_t port,
			 const struct control_calls *calls, const struct metrics_listener *replaced,
			 struct metrics_listener **ret_listener)
{
	struct metrics_listener *listener = calloc(1, sizeof(*listener));
	struct endpoint endpoint = endpoint_of(address, port);
	const struct metrics_listener *shared =
		replaced && replaced->port == port ? replaced : NULL;
	struct http_service service = {
		.routes = routes,
		.unknown = "there is /, /v1/state, /metrics and /healthz",
		.per_address_max = METRICS_PER_ADDRESS_MAX,
	};
	int error, fd = -1;

	if (!listener)
		return -ENOMEM;
	listener->calls = *calls;
	listener->port = port;
	service.context = &listener->calls;
	error = http_new(base, &service, &listener->http);
	if (error == 0)
		error = bind_port(&endpoint, shared, &fd);
	if (error == 0)
		error = http_listen(listener->http, fd);
	if (error < 0) {
		metrics_listener_free(listener);
		return error;
	}
	*ret_listener = listener;
	return 0;
}

void metrics_listener_free(struct metrics_listener *listener)
{
	if (!listener)
		return;
	http_free(listener->http);
	free(listener);
}
