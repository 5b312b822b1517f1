/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dial.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRAFFIC_CLASS 0xc0 /* DSCP CS6 */

struct dial {
	struct event_base *base;
	struct event *event; /* NULL unless it waits for the connection */
	int fd;
	bool busy;
	bool ended;
	int error; /* once it has ended */
	struct instant until;
};

struct dial *dial_new(struct event_base *base)
{
	struct dial *dial = calloc(1, sizeof(*dial));

	if (!dial)
		return NULL;
	dial->base = base;
	dial->fd = -1;
	return dial;
}

/* To connect to nothing ends the connection with a RST, so that neither side keeps it for a while
 * (connect(2)). */
static void hang_up(struct dial *dial)
{
	const struct sockaddr nothing = {.sa_family = AF_UNSPEC};

	if (dial->event)
		event_free(dial->event);
	dial->event = NULL;
	if (dial->fd < 0)
		return;
	(void)connect(dial->fd, &nothing, sizeof(nothing));
	close(dial->fd);
	dial->fd = -1;
}

void dial_free(struct dial *dial)
{
	if (!dial)
		return;
	hang_up(dial);
	free(dial);
}

static void end(struct dial *dial, int error)
{
	hang_up(dial);
	dial->ended = true;
	dial->error = error;
}

static void note_writable(evutil_socket_t fd, short events, void *context)
{
	struct dial *dial = context;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	end(dial, -error);
}

static socklen_t make_name(const struct addr *address, uint16_t port,
			   struct sockaddr_storage *ret_name)
{
	struct sockaddr_in name4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (address->family == ADDR_FAMILY_IPV4) {
		memcpy(&name4.sin_addr, address->bytes, sizeof(name4.sin_addr));
		memcpy(ret_name, &name4, sizeof(name4));
		return sizeof(name4);
	}
	memcpy(&name6.sin6_addr, address->bytes, sizeof(name6.sin6_addr));
	memcpy(ret_name, &name6, sizeof(name6));
	return sizeof(name6);
}

static int set_class(int fd, enum addr_family family)
{
	const int class = TRAFFIC_CLASS;

	return family == ADDR_FAMILY_IPV4
		       ? setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof(class))
		       : setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
}

/* Returns 0 if the connection is there or under way, or -errno. */
static int begin(struct dial *dial, const struct addr *address, uint16_t port)
{
	struct sockaddr_storage name;
	socklen_t size = make_name(address, port, &name);

	dial->fd = socket(address->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
			  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dial->fd < 0 || set_class(dial->fd, address->family) < 0)
		return -errno;
	if (connect(dial->fd, (const struct sockaddr *)&name, size) < 0 && errno != EINPROGRESS)
		return -errno;
	dial->event = event_new(dial->base, dial->fd, EV_WRITE, note_writable, dial);
	return dial->event && event_add(dial->event, NULL) == 0 ? 0 : -ENOMEM;
}

void dial_start(struct dial *dial, struct instant now, const struct addr *address, uint16_t port)
{
	int error;

	assert(!dial->busy && dial->fd < 0);
	dial->busy = true;
	dial->ended = false;
	dial->until = instant_add(now, DIAL_LIMIT_US);
	error = begin(dial, address, port);
	if (error < 0)
		end(dial, error);
}

bool dial_is_busy(const struct dial *dial)
{
	return dial->busy;
}

bool dial_take(struct dial *dial, struct instant now, int *ret_error)
{
	if (!dial->busy)
		return false;
	if (!dial->ended && instant_due(dial->until, now))
		end(dial, -ETIMEDOUT);
	if (!dial->ended)
		return false;
	dial->busy = false;
	*ret_error = dial->error;
	return true;
}

struct instant dial_deadline(const struct dial *dial)
{
	return dial->busy ? dial->until : INSTANT_NEVER;
}
