/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on standard error: text with a time of day, the journal's level prefix where standard error
 * is the journal (JOURNAL_STREAM), or one JSON object per line. A line is one write(2), and one
 * that would block is dropped and counted.
 */
#ifndef CPVRRP_OS_LOG_H
#define CPVRRP_OS_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "conf/conf.h"
#include "core/instant.h"

/* At start and on reload. Before the first call: info, text. */
void log_configure(enum conf_log_level level, enum conf_log_format format);

/*
 * Writes one line if log_configure() allows its level: printf format without the newline, cut at
 * LOG_TEXT_SIZE - 1 bytes and then cleaned as by log_clean().
 */
#define LOG_TEXT_SIZE 1024
void log_write(enum conf_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(CONF_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(CONF_LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(CONF_LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(CONF_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(CONF_LOG_DEBUG, __VA_ARGS__)

/* Makes text from certificates, servers and files safe for a terminal and for JSON: control
 * characters become spaces, and every non-ASCII byte '?' unless all is UTF-8. */
void log_clean(char *text);

/* RFC 3339 in UTC with milliseconds: "2026-11-22T20:31:07.123Z". Returns text. */
#define LOG_TIME_SIZE 32
const char *log_time_format(const struct timespec *wall, char text[LOG_TIME_SIZE]);

/* Limits a repeating reason to one line per LOG_REPEAT_US. Zeroed at first; one per reason. */
#define LOG_REPEAT_US (60 * SECOND_US)
struct log_limit {
	struct instant next;
	uint64_t suppressed; /* since the last line */
};

/* True if a line may be written now; *ret_suppressed counts those refused since the last one. */
bool log_allowed(struct log_limit *limit, struct instant now, uint64_t *ret_suppressed);

#endif
