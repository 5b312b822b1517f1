/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_client.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/instant.h"
#include "os/clock.h"

#define RESPONSE_MAX (64 << 20) /* bytes; 510 routers with everything full are below 8 MB */

/*
 * Root and this user are believed, and so is the owner of the socket's directory, whom root chose:
 * that user decides what the path leads to anyway. Anybody else has put a socket where the daemon's
 * should be.
 */
static int check_peer(int fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return -errno;
	if (peer.uid == 0 || peer.uid == geteuid())
		return 0;
	snprintf(directory, sizeof(directory), "%.*s.", slash ? (int)(slash + 1 - path) : 0, path);
	return stat(directory, &st) == 0 && st.st_uid == peer.uid ? 0 : -EPERM;
}

static int connect_to(const char *path, int *ret_fd)
{
	static const struct timeval timeout = {.tv_sec = CONTROL_CLIENT_TIMEOUT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error = 0;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The timeout for sending is also that of connect(). */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0)
		error = -errno;
	else if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		error = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (error == 0)
		error = check_peer(fd, path);
	if (error < 0) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

/* Waits until there is something to read, or the daemon has closed. */
static int await(int fd, struct instant deadline)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	int64_t left_us = instant_since(deadline, clock_now());
	int count;

	if (left_us <= 0)
		return -ETIMEDOUT;
	count = poll(&readable, 1, (int)(left_us / MILLISECOND_US) + 1);
	if (count < 0)
		return -errno;
	return count > 0 ? 0 : -ETIMEDOUT;
}

/* Sends text and reads until the daemon closes. */
static int exchange(int fd, const char *text, struct instant deadline, struct evbuffer *response)
{
	int error, size;

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	do {
		error = await(fd, deadline);
		if (error < 0)
			return error;
		size = evbuffer_read(response, fd, -1);
		if (size < 0)
			return -errno;
		if (evbuffer_get_length(response) > RESPONSE_MAX)
			return -EPROTO;
	} while (size > 0);
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
	struct instant deadline = instant_add(clock_now(), CONTROL_CLIENT_TIMEOUT_S * SECOND_US);
	struct evbuffer *response;
	char *text;
	int fd = -1, result = connect_to(path, &fd);

	if (result < 0)
		return result;
	response = evbuffer_new();
	if (!response || asprintf(&text, "%s %s HTTP/1.0\r\n\r\n", method, target) < 0)
		text = NULL;
	result = response && text ? exchange(fd, text, deadline, response) : -ENOMEM;
	if (result == 0)
		result = parse_response(response, ret_body);
	assert(result < 0 || result >= 100);
	if (response)
		evbuffer_free(response);
	free(text);
	close(fd);
	return result;
}
