/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of options: the one place that says which options the file has, where their values are
 * kept, their limits and defaults. Parser, printer, defaults and the check that the manual is
 * complete read it.
 */
#ifndef CPVRRP_CONF_OPTION_H
#define CPVRRP_CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

enum conf_section {
	CONF_SECTION_GLOBAL,	/* struct conf */
	CONF_SECTION_APISERVER, /* struct conf_apiserver */
	CONF_SECTION_INSTANCE,	/* struct conf_instance */
};
#define CONF_SECTION_COUNT (CONF_SECTION_INSTANCE + 1)

/* The keyword of the section in the file; "" for CONF_SECTION_GLOBAL. */
const char *conf_section_name(enum conf_section section);

enum conf_type {
	CONF_TYPE_BOOLEAN,
	CONF_TYPE_AUTO_BOOLEAN, /* "auto" or a boolean; the field is 0, or 1 more than that */
	CONF_TYPE_NUMBER,
	CONF_TYPE_WORD,	  /* one of words; the field is its position */
	CONF_TYPE_PATH,	  /* absolute */
	CONF_TYPE_URL,	  /* also fills address, port and path */
	CONF_TYPE_LISTEN, /* also fills metrics_address and metrics_port */
	CONF_TYPE_SERVER_NAME,
	CONF_TYPE_INTERFACE,
	CONF_TYPE_ADDRESS,
	CONF_TYPE_VIRTUAL_ADDRESSES, /* a list; so the next */
	CONF_TYPE_PEERS,
	CONF_TYPE_PORTS,
	CONF_TYPE_FILES,
	CONF_TYPE_INTERFACES,
};

/* One option of the file: everything that parser, printer and the check of the manual know of it.
 */
struct conf_option {
	enum conf_section section;
	enum conf_type type;
	const char *name;
	const char *initial; /* the default as it is written; NULL = none */
	const char *zero; /* how a field of zeros is written; NULL if it is a value like others */
	size_t offset;	  /* of the field in the section's struct */
	size_t size;
	int64_t min; /* NUMBER: in units of the field */
	int64_t max;
	/* NUMBER: release 0.1.0 allowed values from here on; those below min are taken as min. 0 =
	 * no. */
	int64_t raised_from;
	int64_t scale; /* NUMBER: what one, as written, is in units of the field; a power of 10 */
	bool is_time;  /* NUMBER: one, as written, is a second */
	const char *unit;	  /* NUMBER: for people */
	const char *const *words; /* ended with NULL */
};

extern const struct conf_option conf_options[];
extern const size_t conf_option_count;

/* NULL if there is none. */
const struct conf_option *conf_option_find(enum conf_section section, const char *name);

/* The option of the section that a name with a mistake may mean; among the global ones a section,
 * too. NULL if none is close. */
const char *conf_option_nearest(enum conf_section section, const char *name);

bool conf_option_is_list(const struct conf_option *option);

#endif
