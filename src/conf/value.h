/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of one value to its field and back, and the defaults. Each value is judged alone;
 * conf/check judges them together.
 */
#ifndef CPVRRP_CONF_VALUE_H
#define CPVRRP_CONF_VALUE_H

#include <stdbool.h>

#include "conf/conf.h"
#include "conf/option.h"

/*
 * Sets the field of the section's struct from text, or appends text to a list. False, with the
 * reason and what is allowed in reason and nothing set, if it is not allowed.
 */
bool conf_option_parse(const struct conf_option *option, void *section, const char *text,
		       char reason[CONF_TEXT_SIZE]);

/* Writes the value as conf_option_parse() takes it and returns text; not for lists. */
const char *conf_option_format(const struct conf_option *option, const void *section,
			       char text[CONF_TEXT_SIZE]);

/* *conf is all zero; sets the defaults of everything outside instances. */
void conf_init(struct conf *conf);

/* Appends an instance with the defaults and this name. False, with the reason, if the name is not
 * allowed or used, or there are CONF_INSTANCES_MAX. */
bool conf_instance_add(struct conf *conf, const char *name, char reason[CONF_TEXT_SIZE]);

#endif
