/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a configuration file to struct conf, by recursive descent:
 *
 *	file      = { statement }
 *	statement = section | option
 *	section   = "apiserver" body | "vrrp_instance" WORD body
 *	body      = "{" { statement } "}"
 *	option    = NAME [ "=" | "+=" ] ( VALUE | "{" { VALUE } "}" )
 *
 * NAME, "=" and VALUE stand on one line; a brace may stand on a later one. Commas and semicolons
 * divide as blanks do. An error never ends the reading: all errors of a text are told in one run.
 * Pure, and nothing of one call is left for the next.
 */
#ifndef CPVRRP_CONF_PARSE_H
#define CPVRRP_CONF_PARSE_H

#include <stddef.h>

#include "conf/conf.h"

/*
 * Fills *conf, which is all zero, with the defaults and what the text says; what has an error is
 * left out. error is called once per error, in the order of the lines, with a clean line of text;
 * line 0 is the file as a whole. Returns 0, -EINVAL after errors, -ENOMEM with none told.
 */
int conf_parse(struct conf *conf, const char *text, size_t size,
	       void (*error)(void *context, int line, const char *message), void *context);

#endif
