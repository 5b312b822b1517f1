/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "os/log.h"
#include "report/metrics.h"
#include "report/status_json.h"
#include "report/status_text.h"

#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define LOCK_PAUSE_MS 10
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

static const struct timeval watch_every = {.tv_sec = CONTROL_WATCH_S};

struct control {
	struct control_calls calls;
	struct http_server *http;
	struct event *watch;
	char path[PATH_SIZE]; /* "" until it listens */
	dev_t device;	      /* of the socket's file; so inode */
	ino_t inode;
};

/* Answers with a snapshot as print() shows it. */
static void reply_status(struct http_request *request, const struct control_calls *calls,
			 const char *type, char *(*print)(const struct status *status))
{
	struct status status;
	char *text = NULL;

	if (calls->status(calls->context, &status) == 0) {
		text = print(&status);
		status_free(&status);
	}
	http_reply(request, 200, type, text);
}

void control_serve_state(struct http_request *request, void *calls)
{
	char *format = NULL;

	if (!http_parameter(request, "format", &format) ||
	    (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0))
		http_reply_line(request, 400, "format is text or json");
	else if (format && strcmp(format, "text") == 0)
		reply_status(request, calls, HTTP_TYPE_TEXT, status_text);
	else
		reply_status(request, calls, HTTP_TYPE_JSON, status_json);
	free(format);
}

void control_serve_metrics(struct http_request *request, void *calls)
{
	reply_status(request, calls, TYPE_METRICS, metrics_text);
}

void control_serve_health(struct http_request *request, void *calls)
{
	(void)calls;
	http_reply_line(request, 200, "ok");
}

int control_parse_seconds(const char *text, int min, int max)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	/* strtol() takes leading spaces and signs. */
	if (*end || *text < '0' || *text > '9' || seconds < min || seconds > max)
		return -1;
	return (int)seconds;
}

static void serve_step_down(struct http_request *request, void *context)
{
	const struct control_calls *calls = context;
	int seconds = CONTROL_STEP_DOWN_DEFAULT_S;
	char line[96], *text = NULL;

	if (!http_parameter(request, "seconds", &text))
		seconds = -1;
	else if (text)
		seconds = control_parse_seconds(text, 0, CONTROL_STEP_DOWN_MAX_S);
	free(text);
	if (seconds < 0) {
		snprintf(line, sizeof(line), "seconds is a whole number from 0 to %d",
			 CONTROL_STEP_DOWN_MAX_S);
		http_reply_line(request, 400, line);
		return;
	}
	assert(seconds <= CONTROL_STEP_DOWN_MAX_S);
	calls->step_down(calls->context, (unsigned)seconds);
	if (seconds == 0)
		snprintf(line, sizeof(line), "no longer stepped down");
	else
		snprintf(line, sizeof(line), "stepping down, lowest priority for %d s", seconds);
	http_reply_line(request, 200, line);
}

static const struct http_route routes[] = {
	{"/v1/state", HTTP_GET, control_serve_state},
	{"/metrics", HTTP_GET, control_serve_metrics},
	{"/healthz", HTTP_GET, control_serve_health},
	{"/v1/step-down", HTTP_POST, serve_step_down},
	{.path = NULL},
};

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(ret_address->sun_path, path);
	return 0;
}

/* Makes the directories of path that are missing; *ret_fd is the last one. */
static int open_directory(const char *path, int *ret_fd)
{
	char part[PATH_SIZE];
	char *slash = part;
	int fd;

	snprintf(part, sizeof(part), "%s", path);
	while ((slash = strchr(slash + 1, '/'))) {
		mode_t mode = strchr(slash + 1, '/') ? 0755 : 0700;

		*slash = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
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
	int error, fd = -1;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
	close(fd);
	/* EAGAIN: the backlog of a daemon is full. */
	if (error == 0 || error == -EAGAIN)
		return -EADDRINUSE;
	if (error != -ECONNREFUSED)
		return error;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

/* The kernel gives the file the mode of the socket, less the umask: at no time can others open it.
 */
static int bind_socket(const struct sockaddr_un *address, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) != 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
	    listen(fd, HTTP_CONNECTIONS_MAX) != 0)
		error = -errno;
	if (error < 0) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

/*
 * The lock on the directory keeps two daemons that start at once from removing each other's socket.
 * Whoever holds it for longer is no such daemon, and it is done without.
 */
static void lock(int directory, unsigned wait_ms)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};

	for (unsigned waited_ms = 0; flock(directory, LOCK_EX | LOCK_NB) != 0 &&
				     errno == EWOULDBLOCK && waited_ms < wait_ms;
	     waited_ms += LOCK_PAUSE_MS)
		nanosleep(&pause, NULL);
}

static int listen_on(const char *path, unsigned lock_wait_ms, int *ret_fd)
{
	struct sockaddr_un address;
	int directory = -1;
	int error = address_of(path, &address);

	if (error < 0)
		return error;
	error = open_directory(path, &directory);
	if (error < 0)
		return error;
	lock(directory, lock_wait_ms);
	error = remove_stale(&address);
	if (error == 0)
		error = bind_socket(&address, ret_fd);
	close(directory);
	return error;
}

static int attach(struct control *control, const char *path, unsigned lock_wait_ms)
{
	struct stat st;
	int fd = -1;
	int error = listen_on(path, lock_wait_ms, &fd);

	if (error < 0)
		return error;
	if (path != control->path)
		snprintf(control->path, sizeof(control->path), "%s", path);
	if (lstat(path, &st) == 0) {
		control->device = st.st_dev;
		control->inode = st.st_ino;
	}
	return http_listen(control->http, fd);
}

/* A file that was put in the socket's place is not ours to remove. */
static void watch(evutil_socket_t fd, short events, void *context)
{
	struct control *control = context;
	struct stat st;

	(void)fd;
	(void)events;
	if (lstat(control->path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return;
	if (attach(control, control->path, 0) == 0)
		log_warning("%s was gone; it has been made again", control->path);
}

int control_new(struct event_base *base, const char *path, unsigned lock_wait_ms,
		const struct control_calls *calls, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	struct http_service service = {
		.routes = routes,
		.unknown = "there is /v1/state, /metrics, /healthz and /v1/step-down",
	};
	int error;

	if (!control)
		return -ENOMEM;
	control->calls = *calls;
	service.context = &control->calls;
	control->watch = event_new(base, -1, EV_PERSIST, watch, control);
	error = control->watch ? http_new(base, &service, &control->http) : -ENOMEM;
	if (error == 0)
		error = attach(control, path, lock_wait_ms);
	if (error == 0 && event_add(control->watch, &watch_every) != 0)
		error = -ENOMEM;
	if (error < 0) {
		control_free(control);
		return error;
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
	http_free(control->http);
	if (control->watch)
		event_free(control->watch);
	free(control);
}
