/* SPDX-License-Identifier: Apache-2.0 */
/* os/tracked_file: whether a file exists, and its first line. */
#include "os/tracked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define LINE_SIZE 16

static char directory[] = "/tmp/cpvrrp-tracked-XXXXXX";
static char path[PATH_MAX];

static void set_up(void)
{
	strcpy(directory, "/tmp/cpvrrp-tracked-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
}

static void tear_down(void)
{
	unlink(path);
	rmdir(path);
	rmdir(directory);
}

static void write_file(const char *text, size_t size)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

/* The first line, cut to 15 bytes but never within a character, and clean. */
START_TEST(first_line)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{"", ""},
		{"\n", ""},
		{"\nkernel\n", ""},
		{"kernel", "kernel"},
		{"kernel\nmore\n", "kernel"},
		{"kernel\r\n", "kernel"},
		{"123456789012345", "123456789012345"},
		{"1234567890123456", "123456789012345"},
		{"12345678901234\303\244", "12345678901234"},
		{"1234567890123\303\244x", "1234567890123\303\244"},
		{"a\033[31mb\177", "a [31mb "},
		{"a\377b", "a?b"},
	};
	char line[LINE_SIZE];

	for (size_t i = 0; i < COUNT(rows); i++) {
		write_file(rows[i].text, strlen(rows[i].text));
		ck_assert(tracked_file_exists(path, line, sizeof(line)));
		ck_assert_str_eq(line, rows[i].line);
	}
	write_file("a\0b", 3);
	ck_assert(tracked_file_exists(path, line, sizeof(line)));
	ck_assert_str_eq(line, "a");
}
END_TEST

START_TEST(no_file)
{
	char line[LINE_SIZE] = "x", below[PATH_MAX + 8];

	ck_assert(!tracked_file_exists(path, line, sizeof(line)));
	ck_assert_str_eq(line, "");
	ck_assert(tracked_file_has_directory(path));
	write_file("x", 1);
	snprintf(below, sizeof(below), "%s/below", path);
	ck_assert(!tracked_file_exists(below, line, sizeof(line)));
	snprintf(below, sizeof(below), "%s/no/file", directory);
	ck_assert(!tracked_file_exists(below, line, sizeof(line)));
	ck_assert(!tracked_file_has_directory(below));
	/* A link to nothing. */
	unlink(path);
	ck_assert_int_eq(symlink("nothing", path), 0);
	ck_assert(!tracked_file_exists(path, line, sizeof(line)));
}
END_TEST

/* Whatever cannot be read is there all the same, and nothing is waited for. */
START_TEST(existence_alone)
{
	char line[LINE_SIZE];

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(tracked_file_exists(path, line, sizeof(line)));
	ck_assert_str_eq(line, "");
	rmdir(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert(tracked_file_exists(path, line, sizeof(line)));
	ck_assert_str_eq(line, "");
}
END_TEST

/* An unknown answer counts as a failure. */
START_TEST(what_cannot_be_looked_for_exists)
{
	char line[64];

	ck_assert_int_eq(symlink("file", path), 0);
	ck_assert(tracked_file_exists(path, line, sizeof(line)));
	ck_assert_str_eq(line, "cannot be looked for: Too many levels of symbolic links");
}
END_TEST

static bool has_event(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	bool has = poll(&poll_fd, 1, 0) == 1;

	tracked_file_drain(fd);
	return has;
}

START_TEST(events)
{
	char other[PATH_MAX];
	int fd = tracked_file_open();

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(tracked_file_watch(fd, "/no/file"), -ENOENT);
	ck_assert_int_eq(tracked_file_watch(fd, path), 0);
	ck_assert_int_eq(tracked_file_watch(fd, path), 0);
	ck_assert(!has_event(fd));
	write_file("x", 1);
	ck_assert(has_event(fd));
	ck_assert(!has_event(fd));
	snprintf(other, sizeof(other), "%s-other", directory);
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert(has_event(fd));
	ck_assert_int_eq(rename(other, path), 0);
	ck_assert(has_event(fd));
	unlink(path);
	ck_assert(has_event(fd));
	close(fd);
}
END_TEST

Suite *suite_tracked_file(void)
{
	Suite *suite = suite_create("tracked_file");
	TCase *tcase = tcase_create("file");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, first_line);
	tcase_add_test(tcase, no_file);
	tcase_add_test(tcase, existence_alone);
	tcase_add_test(tcase, what_cannot_be_looked_for_exists);
	tcase_add_test(tcase, events);
	suite_add_tcase(suite, tcase);
	return suite;
}
