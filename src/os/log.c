/* SPDX-License-Identifier: Apache-2.0 */
#include "os/log.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe takes PIPE_BUF bytes whole or not at all, and poll() says that so many fit. */
#define LOG_LINE_SIZE PIPE_BUF

/* JSON doubles a quote or backslash at worst, as control characters are gone by then. */
static_assert(2 * LOG_TEXT_SIZE + 128 <= LOG_LINE_SIZE, "a line fits into one write");

static const struct {
	const char *name;
	int syslog_level;
} levels[] = {
	[CONF_LOG_ERROR] = {"error", 3},   [CONF_LOG_WARNING] = {"warning", 4},
	[CONF_LOG_NOTICE] = {"notice", 5}, [CONF_LOG_INFO] = {"info", 6},
	[CONF_LOG_DEBUG] = {"debug", 7},
};

static enum conf_log_level log_level = CONF_LOG_INFO;
static enum conf_log_format log_format = CONF_LOG_TEXT;
static uint64_t dropped;

const char *log_time_format(const struct timespec *wall, char text[LOG_TIME_SIZE])
{
	struct tm tm;
	size_t used;

	if (!gmtime_r(&wall->tv_sec, &tm) ||
	    !(used = strftime(text, LOG_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm)))
		used = 0;
	snprintf(text + used, LOG_TIME_SIZE - used, ".%03dZ",
		 (int)(wall->tv_nsec / 1000 / MILLISECOND_US));
	return text;
}

/* systemd.exec(5), $JOURNAL_STREAM: device and inode number of what stderr was connected to. Each
 * line asks again, as a child inherits the variable even where its stderr is something else. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/*
 * poll() before write(): O_NONBLOCK belongs to the open file description, which the parent and
 * every other process on this stderr share. If another process fills the same pipe between the two
 * calls, write() waits until the pipe is read.
 */
static bool write_line(const char *line, size_t size)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) &&
	       write(STDERR_FILENO, line, size) == (ssize_t)size;
}

static size_t format_json(enum conf_log_level level, const char *time, const char *text,
			  char line[LOG_LINE_SIZE])
{
	json_t *object = json_pack("{s:s, s:s, s:s}", "time", time, "level", levels[level].name,
				   "message", text);
	size_t size = object ? json_dumpb(object, line, LOG_LINE_SIZE - 1, JSON_COMPACT) : 0;

	json_decref(object);
	if (size >= LOG_LINE_SIZE)
		return 0;
	line[size] = '\n';
	return size ? size + 1 : 0;
}

static size_t format_line(enum conf_log_level level, const char *text, char line[LOG_LINE_SIZE])
{
	char time[LOG_TIME_SIZE];
	struct timespec now;
	int size;

	clock_gettime(CLOCK_REALTIME, &now);
	log_time_format(&now, time);
	if (log_format == CONF_LOG_JSON)
		return format_json(level, time, text, line);
	if (is_journal())
		size = snprintf(line, LOG_LINE_SIZE, "<%d>%s\n", levels[level].syslog_level, text);
	else
		size = snprintf(line, LOG_LINE_SIZE, "%s %s %s\n", time, levels[level].name, text);
	return size > 0 ? (size_t)size : 0;
}

void log_clean(char *text)
{
	bool ascii = true;

	for (char *at = text; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c < 0x20 || c == 0x7f)
			*at = ' ';
		ascii = ascii && c < 0x80;
	}
	json_t *valid = ascii ? NULL : json_string(text);

	for (char *at = text; !ascii && !valid && *at; at++) {
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	}
	json_decref(valid);
}

static void write_text(enum conf_log_level level, char text[LOG_TEXT_SIZE])
{
	char line[LOG_LINE_SIZE];
	size_t size;

	log_clean(text);
	size = format_line(level, text, line);
	if (!size || !write_line(line, size))
		dropped++;
}

/* False if standard error still takes nothing: the line to come is lost as well. */
static bool report_dropped(void)
{
	uint64_t count = dropped;
	char text[LOG_TEXT_SIZE];

	snprintf(text, sizeof(text),
		 "%" PRIu64 " log lines were lost, as standard error took no more", count);
	write_text(CONF_LOG_WARNING, text);
	/* A lost report counts as the loss of the line to come. */
	if (dropped != count)
		return false;
	dropped = 0;
	return true;
}

void log_write(enum conf_log_level level, const char *format, ...)
{
	char text[LOG_TEXT_SIZE];
	va_list args;

	assert(level < sizeof(levels) / sizeof(levels[0]));
	if (level > log_level || (dropped && !report_dropped()))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_text(level, text);
}

void log_configure(enum conf_log_level level, enum conf_log_format format)
{
	log_level = level;
	log_format = format;
}

bool log_allowed(struct log_limit *limit, struct instant now, uint64_t *ret_suppressed)
{
	if (!instant_due(limit->next, now)) {
		limit->suppressed++;
		return false;
	}
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next = instant_add(now, LOG_REPEAT_US);
	return true;
}
