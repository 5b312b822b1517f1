/* SPDX-License-Identifier: Apache-2.0 */
#include "apiserver.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "unit.h"

#define PATIENCE_S 20

char directory[UNIT_DIRECTORY_SIZE];

static struct {
	pid_t pid;
	FILE *commands;
	FILE *answers;
} server;

struct event_base *base;
struct conf_apiserver conf;
struct probe *probe;
struct probe_report reports[REPORTS_MAX];
int64_t reported_us[REPORTS_MAX];
size_t report_count;
size_t reports_read;
bool free_in_report;

int64_t now_us(void)
{
	return clock_now().us;
}

const char *file(const char *name)
{
	static char paths[4][CONF_PATH_SIZE];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	snprintf(path, CONF_PATH_SIZE, "%s/%s", directory, name);
	return path;
}

void put(const char *name, const char *text)
{
	FILE *stream = fopen(file("new"), "w");

	ck_assert_ptr_nonnull(stream);
	fputs(text, stream);
	ck_assert_int_eq(fclose(stream), 0);
	ck_assert_int_eq(rename(file("new"), file(name)), 0);
}

void copy(const char *source, const char *name)
{
	char text[8192];
	FILE *stream = fopen(file(source), "r");
	size_t size;

	ck_assert_ptr_nonnull(stream);
	size = fread(text, 1, sizeof(text) - 1, stream);
	fclose(stream);
	text[size] = '\0';
	put(name, text);
}

void point(const char *name, const char *target)
{
	unlink(file("new"));
	ck_assert_int_eq(symlink(target, file("new")), 0);
	ck_assert_int_eq(rename(file("new"), file(name)), 0);
}

static const char *answer(void)
{
	static char line[4096];

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), server.answers));
	return line;
}

const char *ask(const char *command)
{
	fprintf(server.commands, "%s\n", command);
	fflush(server.commands);
	return answer();
}

void tell(const char *command)
{
	const char *said = ask(command);

	ck_assert_msg(strcmp(said, "ok\n") == 0, "%s: %s", command, said);
}

const char *counted(void)
{
	static char text[32];
	unsigned connections;
	unsigned requests;

	ck_assert_int_eq(
		sscanf(ask("count"), "connections %u requests %u", &connections, &requests), 2);
	snprintf(text, sizeof(text), "%u/%u", connections, requests);
	return text;
}

uint16_t apiserver_start(const char *listen)
{
	int in[2];
	int out[2];
	unsigned port;

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	server.pid = fork();
	if (server.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("python3", "python3", "-IS", TESTS_DIR "/lib/apiserver.py", "--listen",
		       listen, "--cert", file("server.crt"), "--key", file("server.key"),
		       (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server.commands = fdopen(in[1], "w");
	server.answers = fdopen(out[0], "r");
	ck_assert_int_eq(sscanf(answer(), "listening %u", &port), 1);
	return (uint16_t)port;
}

void apiserver_kill(void)
{
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
	fclose(server.commands);
	fclose(server.answers);
	server.pid = 0;
}

void apiserver_signal(int number)
{
	kill(server.pid, number);
}

void conf_reset(const char *address, uint16_t port)
{
	conf = (struct conf_apiserver){
		.port = port,
		.path = "/readyz",
		.server_name = "kubernetes",
		.interval_us = NEVER_MS * MS,
		.timeout_us = 2000 * MS,
		.fall = 3,
		.rise = 2,
	};
	ck_assert(addr_parse(address, &conf.address));
	snprintf(conf.url, sizeof(conf.url),
		 strchr(address, ':') ? "https://[%s]:%u/readyz" : "https://%s:%u/readyz", address,
		 port);
	strcpy(conf.ca_file, file("ca.crt"));
}

void set(char path[CONF_PATH_SIZE], const char *name)
{
	snprintf(path, CONF_PATH_SIZE, "%s", file(name));
}

void apiserver_setup_files(void)
{
	char command[512];

	unit_mkdtemp(directory, "probe");
	snprintf(command, sizeof(command), "'%s/lib/make-certs' '%s'", TESTS_DIR, directory);
	ck_assert_int_eq(system(command), 0);
}

void apiserver_setup_loop(void)
{
	struct event_config *config = event_config_new();

	signal(SIGPIPE, SIG_IGN);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(config);
	event_config_free(config);
	report_count = 0;
	reports_read = 0;
	free_in_report = false;
}

void apiserver_setup(void)
{
	apiserver_setup_loop();
	conf_reset("127.0.0.1", apiserver_start("127.0.0.1:0"));
}

void apiserver_teardown(void)
{
	probe_free(probe);
	probe = NULL;
	event_base_free(base);
	if (server.pid)
		apiserver_kill();
}

static void reported(void *context, const struct probe_report *report)
{
	ck_assert_ptr_eq(context, &conf);
	ck_assert_uint_lt(report_count, REPORTS_MAX);
	reported_us[report_count] = now_us();
	reports[report_count++] = *report;
	if (free_in_report) {
		probe_free(probe);
		probe = NULL;
	}
}

void start(void)
{
	ck_assert_int_eq(probe_new(base, &conf, reported, &conf, &probe), 0);
}

void restart(void)
{
	probe_free(probe);
	probe = NULL;
	report_count = 0;
	reports_read = 0;
	start();
}

static void out_of_patience(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	ck_abort_msg("no report within %d s", PATIENCE_S);
}

const struct probe_report *await(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct event *guard = evtimer_new(base, out_of_patience, NULL);

	event_add(guard, &patience);
	while (reports_read == report_count)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(guard);
	return &reports[reports_read++];
}

void expect(enum health_result result, int status, const char *words)
{
	const struct probe_report *report = await();

	ck_assert_msg(report->result == result && report->http_status == status &&
			      strstr(report->detail, words),
		      "result %d, status %d, \"%s\"; wanted %d, %d, \"%s\"", report->result,
		      report->http_status, report->detail, result, status, words);
	/* A failure of the connection or of the request names the URL. */
	if (result != HEALTH_OK && result != HEALTH_UNABLE)
		ck_assert_int_eq(strncmp(report->detail, conf.url, strlen(conf.url)), 0);
	ck_assert_int_ge(report->latency_us, 0);
	ck_assert_int_lt(report->latency_us, conf.timeout_us + 1000 * MS);
	if (result == HEALTH_OK)
		ck_assert_str_eq(report->detail, "");
}

void expect_ok(void)
{
	expect(HEALTH_OK, 200, "");
}
