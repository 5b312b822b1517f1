/* SPDX-License-Identifier: Apache-2.0 */
#include "os/notify.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_SIZE (NOTIFY_STATUS_SIZE + 64)
#define RETRY_US SECOND_US

struct notify {
	int fd; /* -1 without NOTIFY_SOCKET */
	struct sockaddr_un address;
	socklen_t address_size;
	int64_t watchdog_us; /* between two WATCHDOG=1, 0 for none */
	struct instant due;  /* the next WATCHDOG=1, or the retry of a message that found no room */

	/* The last message to the manager. */
	bool ready;
	bool stopping;
	char status[NOTIFY_STATUS_SIZE];
};

/* text is a path, or a name in the abstract namespace behind '@'. */
static int parse_address(struct notify *notify, const char *text)
{
	size_t length = strlen(text);

	if (text[0] != '/' && text[0] != '@')
		return -EAFNOSUPPORT;
	if (length >= sizeof(notify->address.sun_path))
		return -ENAMETOOLONG;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, text, length);
	if (text[0] == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return 0;
}

static int64_t variable(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoll(text, NULL, 10) : 0;
}

/* Half of the time that the manager allows (sd_watchdog_enabled(3)). */
static int64_t watchdog_us(void)
{
	int64_t pid = variable("WATCHDOG_PID");
	int64_t usec = variable("WATCHDOG_USEC");

	return usec > 1 && (pid == 0 || pid == getpid()) ? usec / 2 : 0;
}

int notify_new(struct notify **ret_notify)
{
	struct notify *notify = calloc(1, sizeof(*notify));
	const char *path = getenv("NOTIFY_SOCKET");
	int error = 0;

	if (!notify)
		return -ENOMEM;
	notify->fd = -1;
	notify->due = INSTANT_NEVER;
	if (path && *path) {
		notify->watchdog_us = watchdog_us();
		error = parse_address(notify, path);
		if (error == 0)
			notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (error == 0 && notify->fd < 0)
			error = -errno;
	}
	if (error < 0) {
		notify_free(notify);
		return error;
	}
	*ret_notify = notify;
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify);
}

bool notify_is_on(const struct notify *notify)
{
	return notify && notify->fd >= 0;
}

static bool tell(const struct notify *notify, const char *message)
{
	return sendto(notify->fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&notify->address, notify->address_size) >= 0;
}

void notify_reloading(struct notify *notify, struct instant now)
{
	char message[MESSAGE_SIZE];

	if (!notify_is_on(notify))
		return;
	/* From the time systemd 253 knows this reload from an earlier one (Type=notify-reload). */
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n", now.us);
	tell(notify, message);
	notify->ready = false;
}

void notify_turn(struct notify *notify, struct instant now, bool stopping, const char *status)
{
	bool new_status, alive;
	char message[MESSAGE_SIZE];

	assert(strlen(status) < NOTIFY_STATUS_SIZE);
	if (!notify_is_on(notify))
		return;
	assert(stopping || !notify->stopping);
	new_status = strcmp(notify->status, status) != 0;
	alive = notify->watchdog_us > 0 && (!notify->ready || instant_due(notify->due, now));
	if (notify->ready && notify->stopping == stopping && !new_status && !alive)
		return;
	snprintf(message, sizeof(message), "%s%s%s%s%s%s",
		 stopping && !notify->stopping ? "STOPPING=1\n" : "",
		 !notify->ready && !stopping ? "READY=1\n" : "", alive ? "WATCHDOG=1\n" : "",
		 new_status ? "STATUS=" : "", new_status ? status : "", new_status ? "\n" : "");
	if (!tell(notify, message)) {
		notify->due = instant_add(now, RETRY_US);
		return;
	}
	notify->ready = true;
	notify->stopping = stopping;
	snprintf(notify->status, sizeof(notify->status), "%s", status);
	if (notify->watchdog_us == 0)
		notify->due = INSTANT_NEVER;
	else if (alive)
		notify->due = instant_add(now, notify->watchdog_us);
}

struct instant notify_deadline(const struct notify *notify)
{
	return notify ? notify->due : INSTANT_NEVER;
}
