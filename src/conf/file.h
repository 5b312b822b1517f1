/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/cpvrrp.conf: libconfuse's syntax to struct conf and back. Every error of a file is reported,
 * each with file and line, the value and what is allowed.
 */
#ifndef CPVRRP_CONF_FILE_H
#define CPVRRP_CONF_FILE_H

#include <stdio.h>

#include "conf/conf.h"

#define CONF_FILE_SIZE_MAX (2 << 20)

/*
 * Reads path into a new struct conf. error is called once per error with a whole line, "FILE:LINE:
 * ..." without newline. Returns NULL if there was any. free() the result.
 */
struct conf *conf_file_read(const char *path, void (*error)(void *context, const char *line),
			    void *context);

/*
 * The control_socket of path alone, also if the file has errors elsewhere: who asks the daemon must
 * not fail for what the daemon did not take over. The default if the file says none that can be
 * read.
 */
void conf_file_control_socket(const char *path, char ret_socket[CONF_SOCKET_SIZE]);

/* Writes the effective configuration, defaults filled in, so that reading it again gives the same
 * struct conf. */
void conf_file_print(const struct conf *conf, FILE *stream);

#endif
