/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/cli.h"
#include "unit.h"

#define CONNECTIONS_MAX 16 /* as documented */
#define METRICS_PORT 9466

static char directory[UNIT_DIRECTORY_SIZE];
static char path[96];		    /* in a directory that does not exist yet */
static struct addr metrics_address; /* with METRICS_PORT: of this test alone */
static bool over_tcp;		    /* which of the two raw_connect() takes */
static pid_t server;
static int step_downs[2]; /* the server writes the seconds of each step-down */

/* The server: a daemon without anything, in a process of its own. */

static void fill_state(void *context, struct state *state)
{
	static struct engine engine;
	static struct conf conf;

	(void)context;
	*state = (struct state){.pid = getpid(), .now = {2}, .conf = &conf, .engine = &engine};
}

static void note_step_down(void *context, unsigned seconds)
{
	(void)context;
	if (write(step_downs[1], &seconds, sizeof(seconds)) != sizeof(seconds))
		abort();
}

static const struct control_calls calls = {fill_state, note_step_down, NULL};

static void stop(evutil_socket_t number, short events, void *base)
{
	(void)number;
	(void)events;
	event_base_loopbreak(base);
}

/* Exits with -error of control_new(), 0 after SIGTERM. */
static void serve(int listening)
{
	struct event_base *base = event_base_new();
	struct control *control, *metrics = NULL;
	struct event *term = evsignal_new(base, SIGTERM, stop, base);
	int error;

	signal(SIGPIPE, SIG_IGN);
	umask(0); /* the mode of the socket must not depend on it */
	event_add(term, NULL);
	error = control_new(base, path, &calls, &control);
	if (!error)
		error = control_new_metrics(base, &metrics_address, METRICS_PORT, &calls, &metrics);
	close(listening);
	if (!error) {
		event_base_dispatch(base);
		control_free(control);
		control_free(metrics);
	}
	event_free(term);
	event_base_free(base);
	exit(-error);
}

static void server_start(void)
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

/* The server's exit status. */
static int server_wait(void)
{
	int status;

	ck_assert_int_eq(waitpid(server, &status, 0), server);
	server = 0;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int server_stop(void)
{
	kill(server, SIGTERM);
	return server_wait();
}

static void setup(void)
{
	unit_mkdtemp(directory, "control");
	snprintf(path, sizeof(path), "%s/run/cpvrrp/socket", directory);
	metrics_address = addr_from_bytes(
		ADDR_FAMILY_IPV4, (const uint8_t[]){127, (uint8_t)(getpid() >> 16),
						    (uint8_t)(getpid() >> 8), (uint8_t)getpid()});
	ck_assert_int_eq(pipe2(step_downs, O_NONBLOCK), 0);
}

static void teardown(void)
{
	if (server > 0)
		server_stop();
}

static void make_directories(void)
{
	char part[128];

	snprintf(part, sizeof(part), "%s/run", directory);
	mkdir(part, 0700);
	snprintf(part, sizeof(part), "%s/run/cpvrrp", directory);
	mkdir(part, 0700);
}

static int raw_socket(struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", path);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int raw_metrics_socket(struct sockaddr_in *ret_address)
{
	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(METRICS_PORT)};
	memcpy(&ret_address->sin_addr, metrics_address.bytes, sizeof(ret_address->sin_addr));
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int raw_connect(void)
{
	struct sockaddr_in metrics;
	struct sockaddr_un address;
	int fd;

	if (over_tcp) {
		fd = raw_metrics_socket(&metrics);
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&metrics, sizeof(metrics)), 0);
		return fd;
	}
	fd = raw_socket(&address);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int raw_listen(void)
{
	struct sockaddr_un address;
	int fd = raw_socket(&address);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(lstat(name, &st), 0);
	return st.st_mode & 07777;
}

static void check_request(const char *method, const char *target, int status, const char *part)
{
	char *body = NULL;
	int result = control_request(path, method, target, &body);

	ck_assert_msg(result == status, "%s %s: %d", method, target, result);
	ck_assert_msg(strstr(body, part) != NULL, "%s %s: %s", method, target, body);
	free(body);
}

START_TEST(socket_file)
{
	char part[128];

	server_start();
	ck_assert_uint_eq(mode_of(path), 0600);
	snprintf(part, sizeof(part), "%s/run", directory);
	ck_assert_uint_eq(mode_of(part), 0755);
	check_request("GET", "/healthz", 200, "ok\n");
	ck_assert_int_eq(server_stop(), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* Nobody listens any more: what is left is replaced. */
START_TEST(stale_socket)
{
	make_directories();
	close(raw_listen());
	server_start();
	check_request("GET", "/healthz", 200, "ok\n");
}
END_TEST

START_TEST(second_daemon)
{
	pid_t first;

	server_start();
	first = server;
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	server = first;
	check_request("GET", "/healthz", 200, "ok\n");
}
END_TEST

/* A daemon that is frozen with a full backlog still is one. */
START_TEST(busy_daemon)
{
	struct sockaddr_un address;
	int first, queued;

	make_directories();
	first = raw_socket(&address);
	ck_assert_int_eq(bind(first, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(first, 0), 0);
	queued = raw_connect();
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	close(queued);
	close(first);
}
END_TEST

/* Another daemon is about to replace the same stale socket. */
START_TEST(starting_daemon)
{
	char part[128];
	int fd;

	make_directories();
	snprintf(part, sizeof(part), "%s/run/cpvrrp", directory);
	fd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	close(fd);
}
END_TEST

START_TEST(no_socket)
{
	FILE *file;

	make_directories();
	file = fopen(path, "w");
	fputs("precious", file);
	fclose(file);
	server_start();
	ck_assert_int_eq(server_wait(), EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* The socket was replaced behind the daemon's back: the other one is not its to remove. */
START_TEST(replaced_socket)
{
	int fd;

	server_start();
	unlink(path);
	fd = raw_listen();
	ck_assert_int_eq(server_stop(), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(fd);
}
END_TEST

/* The socket and its directory were removed: a daemon that nobody can ask makes them again. */
START_TEST(removed_socket)
{
	char part[128], *body = NULL;
	int tries = 0;

	server_start();
	unlink(path);
	snprintf(part, sizeof(part), "%s/run/cpvrrp", directory);
	ck_assert_int_eq(rmdir(part), 0);
	while (control_request(path, "GET", "/healthz", &body) != 200) {
		ck_assert_int_lt(tries++, 30);
		nanosleep(&(struct timespec){.tv_nsec = CONTROL_WATCH_S * 100000000}, NULL);
	}
	free(body);
	ck_assert_uint_eq(mode_of(path), 0600);
	ck_assert_int_eq(server_stop(), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(long_path)
{
	char *body;

	memset(path, 'x', sizeof(path) - 1);
	ck_assert_int_eq(control_request(path, "GET", "/healthz", &body), -ENOENT);
	ck_assert_int_eq(
		control_request("/tmp/"
				"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
				"GET", "/healthz", &body),
		-ENAMETOOLONG);
}
END_TEST

static const struct {
	const char *method;
	const char *target;
	int status;
	const char *part;
} requests[] = {
	{"GET", "/healthz", 200, "ok\n"},
	{"GET", "/metrics", 200, "# TYPE cpvrrp_build_info gauge\n"},
	{"GET", "/v1/state", 200, "\"virtual_routers\": []"},
	{"GET", "/v1/state?format=json", 200, "\"virtual_routers\": []"},
	{"GET", "/v1/state?format=text", 200, "cpvrrp " VERSION ", pid "},
	{"HEAD", "/healthz", 200, ""},
	{"HEAD", "/v1/state", 200, ""},
	{"GET", "/v1/state?format=xml", 400, "text or json\n"},
	{"GET", "/v1/state?fmt=text", 400, "text or json\n"},
	{"GET", "/v1/state?format=text&x=y", 400, "text or json\n"},
	{"GET", "/", 404, "/v1/state"},
	{"GET", "/v1/stat", 404, "/v1/state"},
	{"POST", "/v1/state", 405, "wrong method\n"},
	{"PUT", "/metrics", 405, "wrong method\n"},
	{"DELETE", "/healthz", 405, "wrong method\n"},
	{"OPTIONS", "/healthz", 405, "wrong method\n"},
	{"GET", "/v1/step-down", 405, "wrong method\n"},
	{"GET", "/v1/step-down?seconds=5", 405, "wrong method\n"},
};

START_TEST(request)
{
	unsigned seconds;

	server_start();
	check_request(requests[_i].method, requests[_i].target, requests[_i].status,
		      requests[_i].part);
	ck_assert_int_eq(read(step_downs[0], &seconds, sizeof(seconds)), -1);
}
END_TEST

static const struct {
	const char *target;
	unsigned seconds; /* 0 = refused */
} step_down_requests[] = {
	{"/v1/step-down", 60},
	{"/v1/step-down?seconds=1", 1},
	{"/v1/step-down?seconds=86400", 86400},
	{"/v1/step-down?seconds=0", 0},
	{"/v1/step-down?seconds=86401", 0},
	{"/v1/step-down?seconds=-1", 0},
	{"/v1/step-down?seconds=%205", 0},
	{"/v1/step-down?seconds=5s", 0},
	{"/v1/step-down?seconds=1.5", 0},
	{"/v1/step-down?seconds=", 0},
	{"/v1/step-down?seconds=99999999999999999999", 0},
	{"/v1/step-down?second=5", 0},
	{"/v1/step-down?seconds", 0},
};

START_TEST(step_down)
{
	unsigned expected = step_down_requests[_i].seconds, seconds = 0;
	ssize_t size;

	server_start();
	if (expected)
		check_request("POST", step_down_requests[_i].target, 200, "stepping down");
	else
		check_request("POST", step_down_requests[_i].target, 400,
			      "a whole number from 1 to 86400\n");
	size = read(step_downs[0], &seconds, sizeof(seconds));
	ck_assert_int_eq(size, expected ? (ssize_t)sizeof(seconds) : -1);
	ck_assert_uint_eq(seconds, expected);
}
END_TEST

static const struct {
	const char *request;
	const char *answer;
	const char *part;
} metrics_requests[] = {
	{"GET /metrics", "HTTP/1.0 200 OK\r\n", "# TYPE cpvrrp_build_info gauge\n"},
	{"GET /healthz", "HTTP/1.0 200 OK\r\n", "\r\n\r\nok\n"},
	{"HEAD /metrics", "HTTP/1.0 200 OK\r\n", "\r\n\r\n"},
	{"POST /metrics", "HTTP/1.0 405 ", "wrong method\n"},
	{"GET /v1/state", "HTTP/1.0 404 ", "there is /metrics and /healthz\n"},
	{"POST /v1/step-down", "HTTP/1.0 404 ", "there is /metrics and /healthz\n"},
	{"GET /", "HTTP/1.0 404 ", "there is /metrics and /healthz\n"},
};

/* Who can reach the port sees the metrics and can do nothing. */
START_TEST(metrics_request)
{
	char answer[65536] = "";
	ssize_t size = 1, used = 0;
	unsigned seconds;
	int fd;

	server_start();
	over_tcp = true;
	fd = raw_connect();
	dprintf(fd, "%s HTTP/1.0\r\n\r\n", metrics_requests[_i].request);
	while (size > 0) {
		size = read(fd, answer + used, sizeof(answer) - 1 - (size_t)used);
		used += size;
	}
	ck_assert_int_eq(size, 0);
	answer[used] = '\0';
	ck_assert_msg(strncmp(answer, metrics_requests[_i].answer,
			      strlen(metrics_requests[_i].answer)) == 0,
		      "%s", answer);
	ck_assert_msg(strstr(answer, metrics_requests[_i].part) != NULL, "%s", answer);
	ck_assert_int_eq(read(step_downs[0], &seconds, sizeof(seconds)), -1);
	close(fd);
}
END_TEST

/* FAIL CLOSED. */
START_TEST(metrics_port_in_use)
{
	struct sockaddr_in address;
	int fd = raw_metrics_socket(&address);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	server_start();
	ck_assert_int_eq(server_wait(), EADDRINUSE);
	close(fd);
}
END_TEST

/* Sends bytes and returns the status of the answer, 0 if there is none. */
static int raw_request(const char *start, size_t padding, const char *end)
{
	char *filler = malloc(padding + 1);
	char answer[64] = "";
	int fd = raw_connect(), status = 0;

	memset(filler, 'a', padding);
	filler[padding] = '\0';
	dprintf(fd, "%s%s%s", start, filler, end);
	if (recv(fd, answer, sizeof(answer) - 1, 0) > 0)
		ck_assert_int_eq(sscanf(answer, "HTTP/1.%*d %d", &status), 1);
	close(fd);
	free(filler);
	return status;
}

START_TEST(limits)
{
	unsigned seconds;

	server_start();
	over_tcp = _i;
	signal(SIGPIPE, SIG_IGN);
	/* Again and again: no request must be served with what is left of another one. */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(raw_request("GET /healthz HTTP/1.1\r\nX: ", 8100, "\r\n\r\n"),
				 200);
		ck_assert_int_eq(raw_request("GET /healthz HTTP/1.1\r\nX: ", 8200, "\r\n\r\n"),
				 400);
		ck_assert_int_eq(raw_request("GET /healthz?", 40000, " HTTP/1.1\r\n\r\n"), 400);
		ck_assert_int_eq(raw_request("POST /v1/step-down HTTP/1.1\r\n"
					     "Content-Length: 5000\r\n\r\n",
					     5000, ""),
				 413);
		ck_assert_int_eq(raw_request("\x16\x03\x01", 600, "\r\n\r\n"), 400);
	}
	ck_assert_int_eq(read(step_downs[0], &seconds, sizeof(seconds)), -1);
	check_request("GET", "/healthz", 200, "ok\n");
}
END_TEST

/* A client of HTTP/1.1 that would keep the connection must not hold one of the few places. */
START_TEST(one_request)
{
	char answer[512];
	struct pollfd readable;
	ssize_t size = 1;

	server_start();
	readable = (struct pollfd){.fd = raw_connect(), .events = POLLIN};
	dprintf(readable.fd, "GET /healthz HTTP/1.1\r\n\r\n");
	while (size > 0) {
		ck_assert_int_eq(poll(&readable, 1, 2000), 1);
		size = read(readable.fd, answer, sizeof(answer));
	}
	ck_assert_int_eq(size, 0);
	close(readable.fd);
}
END_TEST

static unsigned server_files(void)
{
	char name[64];
	unsigned count = 0;
	DIR *files;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)server);
	files = opendir(name);
	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Those that only connect get CONNECTIONS_MAX places and lose them after 5 s; then others have
 * their turn. */
START_TEST(connections)
{
	int fds[CONNECTIONS_MAX + 8];
	unsigned idle, count = sizeof(fds) / sizeof(fds[0]);
	struct pollfd first;

	server_start();
	over_tcp = _i;
	check_request("GET", "/healthz", 200, "ok\n");
	sleep_ms(500);
	idle = server_files();
	for (unsigned i = 0; i < count; i++)
		fds[i] = raw_connect();
	sleep_ms(500);
	ck_assert_uint_eq(server_files(), idle + CONNECTIONS_MAX);
	if (over_tcp)
		check_request("GET", "/healthz", 200, "ok\n");
	first = (struct pollfd){.fd = fds[0], .events = POLLIN};
	ck_assert_int_eq(poll(&first, 1, 3000), 0);
	ck_assert_int_eq(poll(&first, 1, 3000), 1);
	sleep_ms(500);
	ck_assert_uint_eq(server_files(), idle + count - CONNECTIONS_MAX);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	check_request("GET", "/healthz", 200, "ok\n");
	sleep_ms(500);
	ck_assert_uint_eq(server_files(), idle);
}
END_TEST

START_TEST(no_daemon)
{
	char *body;

	ck_assert_int_eq(control_request(path, "GET", "/healthz", &body), -ENOENT);
	make_directories();
	close(raw_listen());
	ck_assert_int_eq(control_request(path, "GET", "/healthz", &body), -ECONNREFUSED);
}
END_TEST

/* A daemon that is frozen: its kernel accepts. */
START_TEST(silent_daemon)
{
	struct timespec before, after;
	char *body;
	int fd;

	make_directories();
	fd = raw_listen();
	clock_gettime(CLOCK_MONOTONIC, &before);
	ck_assert_int_eq(control_request(path, "GET", "/healthz", &body), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge(after.tv_sec - before.tv_sec, 4);
	ck_assert_int_le(after.tv_sec - before.tv_sec, 6);
	close(fd);
}
END_TEST

static const struct {
	const char *answer;
	int result;
} answers[] = {
	{"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\nmore", 200},
	{"HTTP/1.0 503 No memory\r\n\r\n", 503},
	{"", -EPROTO},
	{"SSH-2.0-OpenSSH_9.2\r\n", -EPROTO},
	{"HTTP/1.1 OK\r\n\r\n", -EPROTO},
	{"HTTP/1.1 20\r\n\r\n", -EPROTO},
	{"HTTP/1.1 200 OK\r\nA: b\r\n", -EPROTO},
	{"HTTP/1.1 200 OK", -EPROTO},
};

START_TEST(answer)
{
	char buffer[256], *body = NULL;
	int fd, result;

	make_directories();
	fd = raw_listen();
	server = fork();
	if (server == 0) {
		int connection = accept(fd, NULL, NULL);
		ssize_t size = read(connection, buffer, sizeof(buffer));

		dprintf(connection, "%s", answers[_i].answer);
		exit(size <= 0);
	}
	result = control_request(path, "GET", "/healthz", &body);
	ck_assert_int_eq(result, answers[_i].result);
	if (_i == 0)
		ck_assert_str_eq(body, "body\r\n\r\nmore");
	free(body);
	close(fd);
	ck_assert_int_eq(server_wait(), 0);
}
END_TEST

/* cli_main() with its output and its errors in files. */

static char output[1 << 16];
static char errors[1 << 12];

static void read_back(FILE *file, char *text, size_t size)
{
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static int run(const char *const arguments[])
{
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
	char *argv[16], copies[16][128];
	int argc = 0, result;

	for (const char *const *at = arguments; *at; at++, argc++) {
		snprintf(copies[argc], sizeof(copies[argc]), "%s", *at);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	optind = 0; /* getopt_long() starts anew */
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	result = cli_main(argc, argv);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	read_back(out, output, sizeof(output));
	read_back(err, errors, sizeof(errors));
	return result;
}
#define RUN(...) run((const char *const[]){"cpvrrp", __VA_ARGS__, NULL})

static const char *const wrong[][4] = {
	{"cpvrrp", "--nonsense"},
	{"cpvrrp", "-x"},
	{"cpvrrp", "something"},
	{"cpvrrp", "--config"},
	{"cpvrrp", "--socket"},
	{"cpvrrp", "--ready", "--step-down"},
	{"cpvrrp", "--check-config", "--dump-state"},
	{"cpvrrp", "--check-config", "--socket=/x"},
	{"cpvrrp", "--manifest", "--check-config"},
	{"cpvrrp", "--image=x"},
	{"cpvrrp", "--check-config", "--image=x"},
	{"cpvrrp", "--dump-state=xml"},
	{"cpvrrp", "--dump-state", "json"},
	{"cpvrrp", "--ready=yes"},
	{"cpvrrp", "--watch=0"},
	{"cpvrrp", "--watch=3601"},
	{"cpvrrp", "--watch", "--dump-state"},
	{"cpvrrp", "--step-down=0"},
	{"cpvrrp", "--step-down=86401"},
	{"cpvrrp", "--step-down=5s"},
	{"cpvrrp", "--step-down= 5"},
	{"cpvrrp", "--step-down="},
	{"cpvrrp", "--step-down", "5"},
};

START_TEST(cli_usage)
{
	ck_assert_int_eq(run(wrong[_i]), CLI_EXIT_USAGE);
	ck_assert_str_eq(output, "");
	ck_assert_ptr_nonnull(strstr(errors, "\nusage: cpvrrp "));
}
END_TEST

/* Also: the manual names the same long options. */
START_TEST(cli_help)
{
	FILE *manual = fopen(TESTS_DIR "/../doc/cpvrrp.8", "r");
	char *rest = output, *line, name[32], item[64], text[256];
	unsigned helped = 0, documented = 0;

	ck_assert_int_eq(RUN("--help"), CLI_EXIT_OK);
	ck_assert_str_eq(errors, "");
	ck_assert_ptr_nonnull(manual);
	while ((line = strsep(&rest, "\n"))) {
		bool found = false;

		ck_assert_uint_le(strlen(line), 80);
		if (sscanf(line, "  --%31[a-z-]", name) != 1)
			continue;
		helped++;
		snprintf(item, sizeof(item), ".It Fl Fl %s", name);
		rewind(manual);
		while (fgets(text, sizeof(text), manual))
			found |= strncmp(text, item, strlen(item)) == 0 &&
				 strchr(" \n", text[strlen(item)]);
		ck_assert_msg(found, "the manual lacks --%s", name);
	}
	rewind(manual);
	while (fgets(text, sizeof(text), manual))
		documented += strncmp(text, ".It Fl Fl ", 10) == 0;
	fclose(manual);
	ck_assert_uint_eq(documented, helped);
	ck_assert_uint_eq(helped, 11);
}
END_TEST

START_TEST(cli_version)
{
	ck_assert_int_eq(RUN("--version"), CLI_EXIT_OK);
	ck_assert_str_eq(output, "cpvrrp " VERSION "\n");
}
END_TEST

START_TEST(cli_no_daemon)
{
	static const char *const commands[] = {"--dump-state", "--dump-state=json", "--ready",
					       "--step-down"};
	char expected[256];

	ck_assert_int_eq(RUN(commands[_i], "--socket", path), CLI_EXIT_FAILED);
	snprintf(expected, sizeof(expected),
		 "cpvrrp: no daemon answers on %s: No such file or directory\n", path);
	ck_assert_str_eq(errors, expected);
	ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(cli_daemon)
{
	unsigned seconds;

	server_start();
	ck_assert_int_eq(RUN("--ready", "--socket", path), CLI_EXIT_OK);
	ck_assert_str_eq(output, "");
	ck_assert_int_eq(RUN("--dump-state", "--socket", path), CLI_EXIT_OK);
	ck_assert_int_eq(strncmp(output, "cpvrrp " VERSION ", pid ", 16), 0);
	ck_assert_int_eq(RUN("--dump-state=json", "--socket", path), CLI_EXIT_OK);
	ck_assert_int_eq(strncmp(output, "{\n", 2), 0);
	ck_assert_int_eq(RUN("--step-down", "--socket", path), CLI_EXIT_OK);
	ck_assert_int_eq(read(step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 60);
	ck_assert_int_eq(RUN("--step-down=86400", "--socket", path), CLI_EXIT_OK);
	ck_assert_int_eq(read(step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 86400);
}
END_TEST

/* The socket that is asked is the one that the configuration names. */
START_TEST(cli_configured_socket)
{
	char name[128];
	FILE *file;

	snprintf(name, sizeof(name), "%s/conf", directory);
	file = fopen(name, "w");
	fprintf(file,
		"control_socket = \"%s\"\n"
		"vrrp_instance a { virtual_ipaddress = { \"10.10.10.10\" } track_apiserver = false "
		"}\n",
		path);
	fclose(file);
	server_start();
	ck_assert_int_eq(RUN("--ready", "--config", name), CLI_EXIT_OK);
	ck_assert_int_eq(RUN("--check-config", "--config", name), CLI_EXIT_OK);
	ck_assert_str_eq(errors, "");
	ck_assert_ptr_nonnull(strstr(output, path));
	unlink(name);
}
END_TEST

static const struct {
	const char *before;
	const char *after;
} broken[] = {
	{"", "nonsense = 1\n"},
	{"nonsense = 1\nvrrp_instance a { priority = 300 }\n", ""},
	{"", "vrrp_instance a {\n"},
	{"", "log_level = \"info\nlog_format = text # x\n"},
};

/* A file that somebody is editing: the daemon runs with what it has, and is still there to be
 * asked.
 */
START_TEST(cli_broken_config)
{
	char name[128];
	FILE *file;

	snprintf(name, sizeof(name), "%s/conf", directory);
	file = fopen(name, "w");
	fprintf(file, "%scontrol_socket = \"%s\" # x\n%s", broken[_i].before, path,
		broken[_i].after);
	fclose(file);
	server_start();
	ck_assert_int_eq(RUN("--check-config", "--config", name), CLI_EXIT_CONFIG);
	ck_assert_int_eq(RUN("--ready", "--config", name), CLI_EXIT_OK);
	ck_assert_str_eq(errors, "");
	unlink(name);
}
END_TEST

START_TEST(cli_wrong_config)
{
	static const char text[] = "nonsense = 1\nvrrp_instance a {\n\tpriority = 300\n}\n";
	char name[128], start[160];
	unsigned lines = 0;
	FILE *file;

	snprintf(name, sizeof(name), "%s/conf", directory);
	file = fopen(name, "w");
	fputs(text, file);
	fclose(file);
	ck_assert_int_eq(RUN("--check-config", "--config", name), CLI_EXIT_CONFIG);
	ck_assert_str_eq(output, "");
	for (char *at = errors; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_ge(lines, 2);
	snprintf(start, sizeof(start), "%s:1: ", name);
	ck_assert_msg(strncmp(errors, start, strlen(start)) == 0, "%s", errors);
	unlink(name);
	ck_assert_int_eq(RUN("--check-config", "--config", name), CLI_EXIT_CONFIG);
	ck_assert_str_ne(errors, "");
}
END_TEST

/* FAIL CLOSED: a key that cannot be used is an error of the configuration. */
START_TEST(cli_wrong_key)
{
	char name[128];
	FILE *file;

	snprintf(name, sizeof(name), "%s/conf", directory);
	file = fopen(name, "w");
	fprintf(file,
		"apiserver { token_file = \"%s/conf/missing\" }\n"
		"vrrp_instance a { virtual_ipaddress = { \"10.10.10.10\" } }\n",
		directory);
	fclose(file);
	ck_assert_int_eq(RUN("--check-config", "--config", name), CLI_EXIT_CONFIG);
	ck_assert_str_eq(output, "");
	ck_assert_ptr_nonnull(strstr(errors, "/missing"));
	unlink(name);
}
END_TEST

/* What was not written must not look like success. */
START_TEST(cli_full_disk)
{
	char *argv[] = {(char[]){"cpvrrp"}, (char[]){"--version"}, NULL};
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), result;

	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	dup2(full, STDERR_FILENO);
	optind = 0;
	result = cli_main(2, argv);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	clearerr(stdout);
	close(full);
	close(saved_out);
	close(saved_err);
	ck_assert_int_eq(result, CLI_EXIT_FAILED);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *suite_control(void)
{
	Suite *suite = suite_create("control");
	TCase *tcase = tcase_create("control");
	TCase *cli = tcase_create("cli");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, socket_file);
	tcase_add_test(tcase, stale_socket);
	tcase_add_test(tcase, second_daemon);
	tcase_add_test(tcase, busy_daemon);
	tcase_add_test(tcase, starting_daemon);
	tcase_add_test(tcase, no_socket);
	tcase_add_test(tcase, replaced_socket);
	tcase_add_test(tcase, removed_socket);
	tcase_add_test(tcase, long_path);
	tcase_add_loop_test(tcase, metrics_request, 0, COUNT(metrics_requests));
	tcase_add_test(tcase, metrics_port_in_use);
	tcase_add_loop_test(tcase, request, 0, COUNT(requests));
	tcase_add_loop_test(tcase, step_down, 0, COUNT(step_down_requests));
	tcase_add_loop_test(tcase, limits, 0, 2);
	tcase_add_test(tcase, one_request);
	tcase_add_loop_test(tcase, connections, 0, 2);
	tcase_add_test(tcase, no_daemon);
	tcase_add_test(tcase, silent_daemon);
	tcase_add_loop_test(tcase, answer, 0, COUNT(answers));
	suite_add_tcase(suite, tcase);

	tcase_set_timeout(cli, 20);
	tcase_add_checked_fixture(cli, setup, teardown);
	tcase_add_loop_test(cli, cli_usage, 0, COUNT(wrong));
	tcase_add_test(cli, cli_help);
	tcase_add_test(cli, cli_version);
	tcase_add_loop_test(cli, cli_no_daemon, 0, 4);
	tcase_add_test(cli, cli_daemon);
	tcase_add_test(cli, cli_configured_socket);
	tcase_add_loop_test(cli, cli_broken_config, 0, COUNT(broken));
	tcase_add_test(cli, cli_wrong_config);
	tcase_add_test(cli, cli_wrong_key);
	tcase_add_test(cli, cli_full_disk);
	suite_add_tcase(suite, cli);
	return suite;
}
