/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/metrics_listener.h"

char server_directory[UNIT_DIRECTORY_SIZE];
char server_path[96];
struct addr server_metrics_address;
int server_step_downs[2];
pid_t server;
bool server_without_memory;

static int take_status(void *context, struct status *ret_status)
{
	static struct engine engine;
	static struct conf conf;
	static struct status_probes probes;

	(void)context;
	if (server_without_memory)
		return -ENOMEM;
	return status_take(
		&(struct status_source){.conf = &conf, .engine = &engine, .probes = &probes},
		(struct instant){2}, ret_status);
}

static void note_step_down(void *context, unsigned seconds)
{
	(void)context;
	if (write(server_step_downs[1], &seconds, sizeof(seconds)) != sizeof(seconds))
		abort();
}

static const struct control_calls calls = {take_status, note_step_down, NULL};

static void stop(evutil_socket_t number, short events, void *base)
{
	(void)number;
	(void)events;
	event_base_loopbreak(base);
}

static void serve(int listening)
{
	struct event_base *base = event_base_new();
	struct metrics_listener *metrics = NULL;
	struct control *control;
	struct event *term = evsignal_new(base, SIGTERM, stop, base);
	int error;

	signal(SIGPIPE, SIG_IGN);
	umask(0); /* the mode of the socket must not depend on it */
	event_add(term, NULL);
	error = control_new(base, server_path, CONTROL_LOCK_WAIT_MS, &calls, &control);
	if (!error)
		error = metrics_listener_new(base, &server_metrics_address, SERVER_METRICS_PORT,
					     &calls, NULL, &metrics);
	close(listening);
	if (!error) {
		event_base_dispatch(base);
		control_free(control);
		metrics_listener_free(metrics);
	}
	event_free(term);
	event_base_free(base);
	exit(-error);
}

void server_start(void)
{
	int listening[2];
	char byte;

	ck_assert_int_eq(pipe(listening), 0);
	server = fork();
	if (server == 0) {
		close(listening[0]);
		serve(listening[1]);
	}
	close(listening[1]);
	ck_assert_int_eq(read(listening[0], &byte, 1), 0);
	close(listening[0]);
}

int server_wait(void)
{
	int status;

	ck_assert_int_eq(waitpid(server, &status, 0), server);
	server = 0;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int server_stop(void)
{
	kill(server, SIGTERM);
	return server_wait();
}

void server_setup(void)
{
	unit_mkdtemp(server_directory, "control");
	snprintf(server_path, sizeof(server_path), "%s/run/cpvrrp/socket", server_directory);
	server_metrics_address = addr_from_bytes(
		ADDR_FAMILY_IPV4, (const uint8_t[]){127, (uint8_t)(getpid() >> 16),
						    (uint8_t)(getpid() >> 8), (uint8_t)getpid()});
	ck_assert_int_eq(pipe2(server_step_downs, O_NONBLOCK), 0);
}

void server_teardown(void)
{
	if (server > 0)
		server_stop();
}

void server_make_directories(void)
{
	char part[128];

	snprintf(part, sizeof(part), "%s/run", server_directory);
	mkdir(part, 0700);
	snprintf(part, sizeof(part), "%s/run/cpvrrp", server_directory);
	mkdir(part, 0700);
}

int server_connect(void)
{
	struct sockaddr_un address;
	int fd = server_socket(&address);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

int server_metrics_socket(struct sockaddr_in *ret_address)
{
	*ret_address =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(SERVER_METRICS_PORT)};
	memcpy(&ret_address->sin_addr, server_metrics_address.bytes, sizeof(ret_address->sin_addr));
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int server_connect_metrics(uint8_t source)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to;
	int fd = server_metrics_socket(&to);

	from.sin_addr.s_addr = htonl(0x7f010100U + source);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

int server_socket(struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", server_path);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int bound_socket(void)
{
	struct sockaddr_un address;
	int fd = server_socket(&address);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

int server_listen(void)
{
	int fd = bound_socket();

	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

static void answer_once(int fd, const char *answer)
{
	char buffer[256];
	int connection = accept(fd, NULL, NULL);

	if (read(connection, buffer, sizeof(buffer)) <= 0)
		exit(1);
	dprintf(connection, "%s", answer);
	exit(0);
}

void server_fake(const char *answer)
{
	int fd;

	server_make_directories();
	fd = server_listen();
	server = fork();
	if (server == 0)
		answer_once(fd, answer);
	close(fd);
}

/* A client sees the user who has called listen(2). */
void server_fake_as(uid_t user, const char *answer)
{
	int fd;

	server_make_directories();
	fd = bound_socket();
	ck_assert_int_eq(seteuid(user), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(seteuid(0), 0);
	server = fork();
	if (server == 0)
		answer_once(fd, answer);
	close(fd);
}
