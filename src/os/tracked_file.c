/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tracked_file.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/log.h"
#include "os/small_file.h"

#define EVENTS                                                                                     \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR |       \
	 IN_EXCL_UNLINK)
#define READS_MAX 16 /* of tracked_file_drain(); what is left comes with the next turn */
#define READ_SIZE 4096

/* Cuts between the characters of UTF-8, so that the rest is still UTF-8. */
static size_t cut(const char *text, size_t length, size_t max)
{
	if (length <= max)
		return length;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void read_line(const char *path, char *line, size_t size)
{
	struct small_file file;
	size_t length;

	if (small_file_read(path, SMALL_FILE_SHARED, &file) < 0)
		return;
	length = cut(file.data, strcspn(file.data, "\r\n"), size - 1);
	memcpy(line, file.data, length);
	line[length] = '\0';
	log_clean(line);
	small_file_free(&file);
}

bool tracked_file_exists(const char *path, char *line, size_t size)
{
	struct stat st;

	line[0] = '\0';
	if (stat(path, &st) == 0)
		read_line(path, line, size);
	else if (errno == ENOENT || errno == ENOTDIR)
		return false;
	else
		snprintf(line, size, "cannot be looked for: %s", strerror(errno));
	return true;
}

int tracked_file_open(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* With the slash at its end. */
static const char *directory_of(const char *path, char directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	assert(slash && slash - path + 1 < PATH_MAX);
	snprintf(directory, PATH_MAX, "%.*s", (int)(slash - path + 1), path);
	return directory;
}

bool tracked_file_has_directory(const char *path)
{
	char directory[PATH_MAX];

	return access(directory_of(path, directory), F_OK) == 0;
}

int tracked_file_watch(int fd, const char *path)
{
	char directory[PATH_MAX];

	directory_of(path, directory);
	return inotify_add_watch(fd, directory, EVENTS) < 0 ? -errno : 0;
}

void tracked_file_drain(int fd)
{
	char events[READ_SIZE];

	for (unsigned i = 0; i < READS_MAX && read(fd, events, sizeof(events)) > 0; i++)
		continue;
}
