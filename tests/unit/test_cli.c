/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

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

static char conf_path[128];

/* The file that a test names with --config. */
__attribute__((format(printf, 1, 2))) static void write_conf(const char *format, ...)
{
	va_list arguments;
	FILE *file;

	snprintf(conf_path, sizeof(conf_path), "%s/conf", server_directory);
	file = fopen(conf_path, "w");
	ck_assert_ptr_nonnull(file);
	va_start(arguments, format);
	vfprintf(file, format, arguments);
	va_end(arguments);
	fclose(file);
}

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
	{"cpvrrp", "--vip"},
	{"cpvrrp", "--vip=10.0.0.1", "--config=/x"},
	{"cpvrrp", "--vip=10.0.0.1", "--ready"},
	{"cpvrrp", "--strict"},
	{"cpvrrp", "--strict", "--ready"},
	{"cpvrrp", "--check-config", "--image=x"},
	{"cpvrrp", "--dump-state=xml"},
	{"cpvrrp", "--dump-state", "json"},
	{"cpvrrp", "--ready=yes"},
	{"cpvrrp", "--watch=0"},
	{"cpvrrp", "--watch=3601"},
	{"cpvrrp", "--watch", "--dump-state"},
	{"cpvrrp", "--step-down=-1"},
	{"cpvrrp", "--step-down=86401"},
	{"cpvrrp", "--step-down=5s"},
	{"cpvrrp", "--step-down= 5"},
	{"cpvrrp", "--step-down="},
	{"cpvrrp", "--step-down", "5s"},
	{"cpvrrp", "--step-down", "-5"},
	{"cpvrrp", "--step-down", ""},
	{"cpvrrp", "--step-down=5", "6"},
	{"cpvrrp", "--watch", "3601"},
	{"cpvrrp", "--ready", "5"},
	{"cpvrrp", "word", "--version"},
	{"cpvrrp", "word", "--step-down", "5"},
	{"cpvrrp", "-f"},
	{"cpvrrp", "-t", "--ready"},
	{"cpvrrp", "-v", "-h"},
	{"cpvrrp", "-t5"},
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
	ck_assert_uint_eq(helped, 14);
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

	ck_assert_int_eq(RUN(commands[_i], "--socket", server_path), CLI_EXIT_FAILED);
	snprintf(expected, sizeof(expected),
		 "cpvrrp: no daemon answers on %s: No such file or directory\n", server_path);
	ck_assert_str_eq(errors, expected);
	ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(cli_daemon)
{
	unsigned seconds;

	server_start();
	ck_assert_int_eq(RUN("--ready", "--socket", server_path), CLI_EXIT_OK);
	ck_assert_str_eq(output, "");
	ck_assert_int_eq(RUN("--dump-state", "--socket", server_path), CLI_EXIT_OK);
	ck_assert_int_eq(strncmp(output, "cpvrrp " VERSION ", pid ", 16), 0);
	ck_assert_int_eq(RUN("--dump-state=json", "--socket", server_path), CLI_EXIT_OK);
	ck_assert_int_eq(strncmp(output, "{\n", 2), 0);
	ck_assert_int_eq(RUN("--step-down", "--socket", server_path), CLI_EXIT_OK);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 60);
	ck_assert_int_eq(RUN("--step-down=86400", "--socket", server_path), CLI_EXIT_OK);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 86400);
	ck_assert_int_eq(RUN("--step-down", "600", "--socket", server_path), CLI_EXIT_OK);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 600);
	ck_assert_int_eq(RUN("--socket", server_path, "--step-down", "7"), CLI_EXIT_OK);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 7);
	ck_assert_int_eq(RUN("--socket", server_path, "--step-down=0"), CLI_EXIT_OK);
	ck_assert_int_eq(read(server_step_downs[0], &seconds, sizeof(seconds)), sizeof(seconds));
	ck_assert_uint_eq(seconds, 0);
	ck_assert_str_eq(output, "no longer stepped down\n");
}
END_TEST

/* The letters mean what they mean to keepalived. */
START_TEST(cli_letters)
{
	static const char *const pairs[][2] = {
		{"-v", "--version"}, {"-h", "--help"}, {"-t", "--check-config"}};
	char before[sizeof(output)];

	write_conf(
		"vrrp_instance a { virtual_ipaddress = { \"10.10.10.10\" } track_apiserver = false "
		"}\n");
	for (size_t i = 0; i < COUNT(pairs); i++) {
		ck_assert_int_eq(RUN(pairs[i][0], "-f", conf_path), CLI_EXIT_OK);
		snprintf(before, sizeof(before), "%s", output);
		ck_assert_int_eq(RUN(pairs[i][1], "--config", conf_path), CLI_EXIT_OK);
		ck_assert_str_eq(output, before);
	}
	ck_assert_ptr_nonnull(strstr(output, "10.10.10.10"));
	unlink(conf_path);
}
END_TEST

/* Bytes that steer a terminal do not reach it, in an answer and in a refusal. */
static const struct {
	const char *command;
	const char *answer;
	const char *output;
	const char *errors; /* behind the name of the socket */
} hostile[] = {
	{"--dump-state",
	 "HTTP/1.0 200 OK\r\n\r\na\x1b[2Jb\a\nc\xc2\x9b"
	 "1m\r\n\xff\n\xc3\xa4\n",
	 "a [2Jb \nc  1m \n?\n\xc3\xa4\n", ""},
	{"--dump-state=json", "HTTP/1.0 200 OK\r\n\r\n{\x1b}\n", "{ }\n", ""},
	{"--step-down", "HTTP/1.0 400 no\r\n\r\nno\x1b]0;x\a\n", "",
	 " answers POST /v1/step-down?seconds=60 with 400: no ]0;x \n"},
};

START_TEST(cli_clean)
{
	char expected[256] = "";

	server_fake(hostile[_i].answer);
	RUN(hostile[_i].command, "--socket", server_path);
	ck_assert_str_eq(output, hostile[_i].output);
	if (*hostile[_i].errors)
		snprintf(expected, sizeof(expected), "cpvrrp: the daemon on %s%s", server_path,
			 hostile[_i].errors);
	ck_assert_str_eq(errors, expected);
	ck_assert_int_eq(server_wait(), 0);
}
END_TEST

/* The socket of root's daemon; only root can become another user. */
START_TEST(cli_another_user)
{
	char expected[256];

	if (geteuid() != 0)
		return;
	server_start();
	ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(RUN("--ready", "--socket", server_path), CLI_EXIT_FAILED);
	ck_assert_int_eq(seteuid(0), 0);
	snprintf(expected, sizeof(expected),
		 "cpvrrp: %s belongs to another user (root): Permission denied\n", server_path);
	ck_assert_str_eq(errors, expected);
}
END_TEST

START_TEST(cli_foreign_process)
{
	char expected[256];

	if (geteuid() != 0)
		return;
	server_fake_as(65534, "HTTP/1.0 200 OK\r\n\r\nok\n");
	ck_assert_int_eq(RUN("--ready", "--socket", server_path), CLI_EXIT_FAILED);
	snprintf(expected, sizeof(expected),
		 "cpvrrp: not the daemon but another user's process answers on %s; its answer is "
		 "ignored\n",
		 server_path);
	ck_assert_str_eq(errors, expected);
	ck_assert_int_eq(server_wait(), 1);
}
END_TEST

/* The socket that is asked is the one that the configuration names. */
START_TEST(cli_configured_socket)
{
	write_conf(
		"control_socket = \"%s\"\n"
		"vrrp_instance a { virtual_ipaddress = { \"10.10.10.10\" } track_apiserver = false "
		"}\n",
		server_path);
	server_start();
	ck_assert_int_eq(RUN("--ready", "--config", conf_path), CLI_EXIT_OK);
	ck_assert_int_eq(RUN("--check-config", "--config", conf_path), CLI_EXIT_OK);
	ck_assert_ptr_nonnull(strstr(output, server_path));
	unlink(conf_path);
}
END_TEST

/* Without a file: an instance with these addresses and every default. */
START_TEST(cli_vip)
{
	ck_assert_int_eq(RUN("--manifest", "--vip", "10.10.10.10"), CLI_EXIT_OK);
	ck_assert_str_eq(errors, "");
	ck_assert_ptr_nonnull(strstr(output, "    - --vip\n    - \"10.10.10.10\"\n"));
	ck_assert_int_eq(RUN("--check-config", "--vip", "10.10.10.10,2001:db8::1"), CLI_EXIT_OK);
	ck_assert_ptr_nonnull(strstr(output, "\nvrrp_instance apiserver {\n"
					     "\tvirtual_ipaddress { 10.10.10.10 2001:db8::1 }\n"));
	ck_assert_int_eq(RUN("--manifest", "--vip", "10.10.10"), CLI_EXIT_CONFIG);
	ck_assert_str_eq(output, "");
	ck_assert_str_eq(errors,
			 "--vip: virtual_ipaddress 10.10.10: not an IPv4 or IPv6 address\n");
}
END_TEST

/* What will not work on this host is a warning, and with --strict a failure. */
START_TEST(cli_warnings)
{
	write_conf("vrrp_instance a { virtual_ipaddress 192.0.2.10 interface no-such-name "
		   "track_apiserver no }\n");
	ck_assert_int_eq(RUN("--check-config", "--config", conf_path), CLI_EXIT_OK);
	ck_assert_str_eq(errors, "cpvrrp: a/ipv4: waiting for interface no-such-name\n");
	ck_assert_ptr_nonnull(strstr(output, "\n# a/ipv4: no interface, virtual_router_id 10\n"));
	ck_assert_int_eq(RUN("-t", "--strict", "-f", conf_path), CLI_EXIT_FAILED);
	ck_assert_ptr_nonnull(strstr(output, "\nvrrp_instance a {\n"));
	unlink(conf_path);
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
	write_conf("%scontrol_socket = \"%s\" # x\n%s", broken[_i].before, server_path,
		   broken[_i].after);
	server_start();
	ck_assert_int_eq(RUN("--check-config", "--config", conf_path), CLI_EXIT_CONFIG);
	ck_assert_int_eq(RUN("--ready", "--config", conf_path), CLI_EXIT_OK);
	ck_assert_str_eq(errors, "");
	unlink(conf_path);
}
END_TEST

START_TEST(cli_wrong_config)
{
	static const char text[] = "nonsense = 1\nvrrp_instance a {\n\tpriority = 300\n}\n";
	char start[160];
	unsigned lines = 0;

	write_conf("%s", text);
	ck_assert_int_eq(RUN("--check-config", "--config", conf_path), CLI_EXIT_CONFIG);
	ck_assert_str_eq(output, "");
	for (char *at = errors; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_ge(lines, 2);
	snprintf(start, sizeof(start), "%s:1: ", conf_path);
	ck_assert_msg(strncmp(errors, start, strlen(start)) == 0, "%s", errors);
	unlink(conf_path);
	ck_assert_int_eq(RUN("--check-config", "--config", conf_path), CLI_EXIT_CONFIG);
	ck_assert_str_ne(errors, "");
}
END_TEST

/* FAIL CLOSED: a key that cannot be used is an error of the configuration. */
START_TEST(cli_wrong_key)
{
	write_conf("apiserver { token_file = \"%s/conf/missing\" }\n"
		   "vrrp_instance a { virtual_ipaddress = { \"10.10.10.10\" } }\n",
		   server_directory);
	ck_assert_int_eq(RUN("--check-config", "--config", conf_path), CLI_EXIT_CONFIG);
	ck_assert_str_eq(output, "");
	ck_assert_ptr_nonnull(strstr(errors, "/missing"));
	unlink(conf_path);
}
END_TEST

/* A full disk must not look like success. */
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

Suite *suite_cli(void)
{
	Suite *suite = suite_create("cli");
	TCase *tcase = tcase_create("cli");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, server_setup, server_teardown);
	tcase_add_loop_test(tcase, cli_usage, 0, COUNT(wrong));
	tcase_add_test(tcase, cli_help);
	tcase_add_test(tcase, cli_version);
	tcase_add_loop_test(tcase, cli_no_daemon, 0, 4);
	tcase_add_test(tcase, cli_daemon);
	tcase_add_test(tcase, cli_letters);
	tcase_add_test(tcase, cli_configured_socket);
	tcase_add_test(tcase, cli_vip);
	tcase_add_test(tcase, cli_warnings);
	tcase_add_loop_test(tcase, cli_broken_config, 0, COUNT(broken));
	tcase_add_test(tcase, cli_wrong_config);
	tcase_add_test(tcase, cli_wrong_key);
	tcase_add_test(tcase, cli_full_disk);
	tcase_add_loop_test(tcase, cli_clean, 0, COUNT(hostile));
	tcase_add_test(tcase, cli_another_user);
	tcase_add_test(tcase, cli_foreign_process);
	suite_add_tcase(suite, tcase);
	return suite;
}
