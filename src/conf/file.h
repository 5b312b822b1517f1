/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/cpvrrp.conf: from a path to struct conf and back to text. Owns the opening and reading of
 * the file; what the text means is the parser's matter (conf/parse).
 */
#ifndef CPVRRP_CONF_FILE_H
#define CPVRRP_CONF_FILE_H

#include <stdio.h>

#include "conf/conf.h"

#define CONF_FILE_SIZE_MAX (2 << 20)

/*
 * Reads a regular file into a new struct conf; free() it. error is called once per error with a
 * whole line, "FILE:LINE: ..." without newline. Returns NULL if there was any. Never waits,
 * whatever path is.
 */
struct conf *conf_file_read(const char *path, void (*error)(void *context, const char *line),
			    void *context);

/* Where a configuration comes from. */
struct conf_source {
	const char *path; /* of the file */
	/* Instead of a file: the addresses of its only instance, divided by blanks or commas. NULL:
	 * the file. */
	const char *vip;
};

/* The path, or "--vip ADDRESSES" as far as it fits; returns text. */
const char *conf_source_name(const struct conf_source *source, char text[CONF_PATH_SIZE]);

/* As conf_file_read(), from either source. */
struct conf *conf_source_read(const struct conf_source *source,
			      void (*error)(void *context, const char *line), void *context);

/* An `error` for both: a line to a FILE. */
void conf_file_print_error(void *stream, const char *line);

/*
 * The control_socket of path alone, also if the file has errors elsewhere: a request to the daemon
 * must not fail for what the daemon did not take over. The default if the file says none that can
 * be read.
 */
void conf_file_control_socket(const char *path, char ret_socket[CONF_SOCKET_SIZE]);

/* Writes the effective configuration, defaults filled in, so that reading it again gives an equal
 * struct conf. */
void conf_file_print(const struct conf *conf, FILE *stream);

#endif
