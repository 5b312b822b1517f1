/* SPDX-License-Identifier: Apache-2.0 */
#include "os/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define TIME_PATTERN "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

static int saved_stderr;
static int read_end;

/* Standard error is a pipe; read_end does not block. */
static void capture(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	read_end = fds[0];
	fcntl(read_end, F_SETFL, O_NONBLOCK);
	unsetenv("JOURNAL_STREAM");
	log_configure(CONF_LOG_INFO, CONF_LOG_TEXT);
}

static void restore(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(read_end);
	log_configure(CONF_LOG_INFO, CONF_LOG_TEXT);
}

/* All that was written since the last call. */
static const char *written(void)
{
	static char text[1 << 17];
	ssize_t size = read(read_end, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t regex;
	bool result;

	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	result = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return result;
}

START_TEST(text_line)
{
	const char *line;

	log_notice("apiserver/%s: %d", "ipv4", 7);
	line = written();
	ck_assert_msg(matches(line, "^" TIME_PATTERN " notice apiserver/ipv4: 7\n$"), "%s", line);
}
END_TEST

static void one_of_each(void)
{
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_info("d");
	log_debug("e");
}

START_TEST(levels)
{
	static const char letters[] = "abcde";
	char seen[8] = "";
	const char *line;
	size_t count = 0;

	log_configure((enum conf_log_level)_i, CONF_LOG_TEXT);
	one_of_each();
	for (line = written(); (line = strchr(line, '\n')); line++)
		seen[count++] = line[-1];
	ck_assert_uint_eq(count, (size_t)_i + 1);
	ck_assert_int_eq(strncmp(seen, letters, count), 0);
}
END_TEST

START_TEST(journal)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_configure(CONF_LOG_DEBUG, CONF_LOG_TEXT);
	one_of_each();
	ck_assert_str_eq(written(), "<3>a\n<4>b\n<5>c\n<6>d\n<7>e\n");
	/* Inherited, but standard error is something else. */
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_notice("c");
	ck_assert(matches(written(), "^" TIME_PATTERN " notice c\n$"));
	unsetenv("JOURNAL_STREAM");
}
END_TEST

START_TEST(json_lines)
{
	static const char *const words[] = {"error", "warning", "notice", "info", "debug"};
	const char *at, *time, *level, *message;
	json_error_t error;

	log_configure(CONF_LOG_DEBUG, CONF_LOG_JSON);
	log_error("%s", "quote \" backslash \\ newline\n umlaut \xc3\xa4 bad \xff");
	one_of_each();
	at = written();
	for (unsigned i = 0; i < 6; i++) {
		const char *end = strchr(at, '\n');
		json_t *object;

		ck_assert_ptr_nonnull(end);
		object = json_loadb(at, (size_t)(end - at), 0, &error);
		ck_assert_msg(object != NULL, "%s in %s", error.text, at);
		ck_assert_int_eq(json_unpack(object, "{s:s, s:s, s:s !}", "time", &time, "level",
					     &level, "message", &message),
				 0);
		ck_assert(matches(time, "^" TIME_PATTERN "$"));
		ck_assert_str_eq(level, words[i ? i - 1 : 0]);
		if (!i)
			ck_assert_str_eq(message, "quote \" backslash \\ newline  umlaut ?? bad ?");
		json_decref(object);
		at = end + 1;
	}
	ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(clean)
{
	char steering[] = "a\x1b[31mb\r\n\tc\x7f";
	char valid[] = "\xc3\xa4\xe2\x82\xac";
	char invalid[] = "\xc3\xa4 \xc3";

	log_clean(steering);
	ck_assert_str_eq(steering, "a [31mb   c ");
	log_clean(valid);
	ck_assert_str_eq(valid, "\xc3\xa4\xe2\x82\xac");
	log_clean(invalid);
	ck_assert_str_eq(invalid, "?? ?");
}
END_TEST

/* As long as a line gets, also when every byte of it is doubled. */
START_TEST(long_line)
{
	char quotes[4 * LOG_TEXT_SIZE];
	const char *line;

	memset(quotes, '"', sizeof(quotes) - 1);
	quotes[sizeof(quotes) - 1] = '\0';
	log_configure(CONF_LOG_INFO, _i ? CONF_LOG_JSON : CONF_LOG_TEXT);
	log_error("%s", quotes);
	line = written();
	ck_assert_uint_gt(strlen(line), LOG_TEXT_SIZE);
	ck_assert_uint_le(strlen(line), PIPE_BUF);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

/* A reader that does not read must not stop the daemon. */
START_TEST(full_pipe)
{
	const char *line, *lost;
	unsigned lines = 0;

	fcntl(STDERR_FILENO, F_SETPIPE_SZ, 8192);
	alarm(3);
	for (int i = 0; i < 1000; i++)
		log_error("line %d", i);
	alarm(0);
	ck_assert(!(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK));
	for (line = written(); (line = strchr(line, '\n')); line++)
		lines++;
	ck_assert_uint_gt(lines, 0);
	ck_assert_uint_lt(lines, 1000);
	log_error("again");
	lost = written();
	ck_assert_msg(matches(lost, " warning [0-9]+ log lines were lost, .*\n.* error again\n$"),
		      "%s", lost);
	ck_assert_uint_eq(strtoul(strstr(lost, "warning ") + 8, NULL, 10), 1000 - lines);
	log_error("and again");
	ck_assert(matches(written(), "^" TIME_PATTERN " error and again\n$"));
}
END_TEST

START_TEST(closed_stderr)
{
	int fd = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	log_error("nobody sees it");
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_error("seen");
	ck_assert(matches(written(), "warning 1 log lines were lost.*\n.* error seen\n$"));
}
END_TEST

START_TEST(time_format)
{
	struct timespec wall = {.tv_sec = 1795379467, .tv_nsec = 123999999};
	char text[LOG_TIME_SIZE];

	ck_assert_str_eq(log_time_format(&wall, text), "2026-11-22T20:31:07.123Z");
	wall = (struct timespec){.tv_sec = 0};
	ck_assert_str_eq(log_time_format(&wall, text), "1970-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(limit)
{
	struct log_limit one = {0};
	struct instant now = {5};
	uint64_t suppressed = 99;

	ck_assert(log_allowed(&one, now, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	for (int i = 0; i < 3; i++)
		ck_assert(!log_allowed(&one, now, &suppressed));
	now = instant_add(now, LOG_REPEAT_US - 1);
	ck_assert(!log_allowed(&one, now, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	now = instant_add(now, 1);
	ck_assert(log_allowed(&one, now, &suppressed));
	ck_assert_uint_eq(suppressed, 4);
	ck_assert(!log_allowed(&one, now, &suppressed));
	now = instant_add(now, LOG_REPEAT_US);
	ck_assert(log_allowed(&one, now, &suppressed));
	ck_assert_uint_eq(suppressed, 1);
}
END_TEST

Suite *suite_log(void)
{
	Suite *suite = suite_create("log");
	TCase *lines = tcase_create("lines");
	TCase *values = tcase_create("values");

	tcase_add_checked_fixture(lines, capture, restore);
	tcase_add_test(lines, text_line);
	tcase_add_loop_test(lines, levels, CONF_LOG_ERROR, CONF_LOG_DEBUG + 1);
	tcase_add_test(lines, journal);
	tcase_add_test(lines, json_lines);
	tcase_add_loop_test(lines, long_line, 0, 2);
	tcase_add_test(lines, full_pipe);
	tcase_add_test(lines, closed_stderr);
	suite_add_tcase(suite, lines);
	tcase_add_test(values, clean);
	tcase_add_test(values, time_format);
	tcase_add_test(values, limit);
	suite_add_tcase(suite, values);
	return suite;
}
