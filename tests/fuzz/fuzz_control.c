/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the control server on its socket, over one connection. The input is what the client
 * sends; "%%" and a newline separate what it sends in one piece. Each connection ends, is answered
 * only if there was a line or too much without one, costs the server nothing that stays, steps down
 * at most once and then because of a POST, and the server goes on answering.
 */
#include "fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"

#define SEPARATOR "%%\n"
#define TURNS_MAX 64 /* of the loop, for what needs a few */
#define RESPONSE_SIZE 65536

const unsigned fuzz_mutations = 2000;

static struct event_base *base;
static struct control *control;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char directory[] = "/tmp/cpvrrp-fuzz.XXXXXX";
static unsigned step_downs;

static int take_status(void *context, struct status *ret_status)
{
	static struct engine engine;
	static struct conf conf;
	static struct status_probes probes;

	(void)context;
	return status_take(
		&(struct status_source){.conf = &conf, .engine = &engine, .probes = &probes},
		(struct instant){2}, ret_status);
}

static void on_step_down(void *context, unsigned seconds)
{
	(void)context;
	assert(seconds <= CONTROL_STEP_DOWN_MAX_S);
	step_downs++;
}

static void quiet(int severity, const char *message)
{
	(void)severity;
	(void)message;
}

static void tear_down(void)
{
	control_free(control);
	event_base_free(base);
	rmdir(directory);
}

static void set_up(void)
{
	static const struct control_calls calls = {take_status, on_step_down, NULL};

	event_set_log_callback(quiet);
	base = event_base_new();
	assert(base && mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	assert(control_new(base, address.sun_path, 0, &calls, &control) == 0);
	atexit(tear_down);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* False if the server has closed. */
static bool send_piece(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		}
		turn();
	}
	turn();
	return true;
}

/* Where the next piece begins, NULL behind the last one. *ret_size is the size of this one. */
static const uint8_t *next_piece(const uint8_t *data, size_t size, size_t *ret_size)
{
	const uint8_t *end = memmem(data, size, SEPARATOR, strlen(SEPARATOR));

	*ret_size = end ? (size_t)(end - data) : size;
	return end ? end + strlen(SEPARATOR) : NULL;
}

static void send_pieces(int fd, const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	while (data) {
		size_t piece;
		const uint8_t *next = next_piece(data, (size_t)(end - data), &piece);

		if (!send_piece(fd, data, piece))
			return;
		data = next;
	}
}

/* Whether text is in what is sent, wherever its pieces end. */
static bool sends(const uint8_t *data, size_t size, const char *text)
{
	const uint8_t *end = data + size;
	size_t matched = 0;

	while (data) {
		size_t piece;
		const uint8_t *next = next_piece(data, (size_t)(end - data), &piece);

		for (size_t i = 0; i < piece && text[matched]; i++)
			matched = data[i] == text[matched] ? matched + 1 : data[i] == text[0];
		data = next;
	}
	return text[matched] == '\0';
}

/* All that the server sends until it closes, which it does without a wait: it has seen our end. */
static size_t receive_all(int fd, char response[RESPONSE_SIZE])
{
	size_t size = 0;

	for (unsigned i = 0; i < TURNS_MAX; i++) {
		ssize_t got = recv(fd, response + size, RESPONSE_SIZE - 1 - size, MSG_DONTWAIT);

		/* It may close before it has read everything. */
		if (got == 0 || (got < 0 && errno == ECONNRESET)) {
			response[size] = '\0';
			return size;
		}
		if (got > 0)
			size += (size_t)got;
		turn();
	}
	fprintf(stderr, "the connection does not end\n");
	abort();
}

static int connect_client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	assert(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
	turn();
	return fd;
}

/* One connection from its begin to its end. */
static size_t talk(const uint8_t *data, size_t size, char response[RESPONSE_SIZE])
{
	int events = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
	int fd = connect_client();
	size_t received;

	send_pieces(fd, data, size);
	shutdown(fd, SHUT_WR);
	received = receive_all(fd, response);
	close(fd);
	turn();
	assert(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) == events);
	return received;
}

/* Nothing, or a status line and headers. The version is what the client said. */
static void check_response(const char *response, size_t size)
{
	const char *status = strchr(response, ' ');

	if (size == 0)
		return;
	assert(strncmp(response, "HTTP/", strlen("HTTP/")) == 0);
	assert(status && status[1] >= '1' && status[1] <= '5');
	assert(isdigit((unsigned char)status[2]) && isdigit((unsigned char)status[3]));
	assert(status[4] == ' ');
	assert(strstr(response, "\r\n\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char question[] = "GET /healthz HTTP/1.1\r\n\r\n";
	static char response[RESPONSE_SIZE];
	size_t received;

	if (!base)
		set_up();
	step_downs = 0;
	received = talk(data, size, response);
	check_response(response, received);
	assert(received == 0 || sends(data, size, "\n") || size > HTTP_HEAD_MAX);
	assert(step_downs <= 1);
	assert(step_downs == 0 || sends(data, size, "POST"));
	talk((const uint8_t *)question, strlen(question), response);
	assert(strncmp(response, "HTTP/1.1 200 ", 13) == 0);
	return 0;
}
