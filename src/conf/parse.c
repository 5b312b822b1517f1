/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/keepalived.h"
#include "conf/option.h"
#include "conf/scan.h"
#include "conf/value.h"

#define ERRORS_MAX 100
#define OPTIONS_MAX 40 /* of the table */

struct error {
	int line; /* 0 = the file as a whole */
	int order;
	char text[CONF_TEXT_SIZE * 2];
};

/* Where an option was given, and whether its value was refused. */
struct given {
	int line; /* 0 = nowhere */
	bool bad;
};

struct section {
	int line;
	struct given options[OPTIONS_MAX];
};

/* The global section, the apiserver, the instances, and one for an instance that cannot be one. */
#define SECTIONS_MAX (2 + CONF_INSTANCES_MAX + 1)

struct parser {
	const char *text;
	struct scan scan;
	struct conf *conf;
	size_t error_count; /* kept and not kept */
	struct error errors[ERRORS_MAX];
	struct section sections[SECTIONS_MAX];
	size_t instance_section;
	struct conf_instance *instance;
	struct conf_instance refused; /* takes the options of an instance that cannot be one */
	bool instance_refused;
	int value_line;		 /* the line of the last value without braces, */
	const char *value_owner; /* and the option that it was given to */
};

/* The text is clean, whatever is in the file: a terminal may show it. */
__attribute__((format(printf, 3, 4))) static void add_error(struct parser *p, int line,
							    const char *format, ...)
{
	struct error *error;
	va_list arguments;

	if (p->error_count++ >= ERRORS_MAX)
		return;
	error = &p->errors[p->error_count - 1];
	error->line = line;
	error->order = (int)p->error_count;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	for (char *c = error->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/* A brace that a string or comment without an end may hide is no error of its own. */
static void tell_open(struct parser *p, const char *name, int line)
{
	if (!p->scan.open_string && !p->scan.open_comment)
		add_error(p, line, "%s: the closing brace is missing", name);
}

static void skip_block(struct parser *p)
{
	int line = p->scan.line;

	if (!scan_skip_block(&p->scan))
		tell_open(p, "{", line);
}

static bool find_section(const char *name, enum conf_section *ret_section)
{
	for (unsigned i = CONF_SECTION_GLOBAL + 1; i < CONF_SECTION_COUNT; i++)
		if (strcmp(name, conf_section_name((enum conf_section)i)) == 0) {
			*ret_section = (enum conf_section)i;
			return true;
		}
	return false;
}

/* Whether name begins a section, of cpvrrp or of keepalived. */
static bool begins_section(const char *name)
{
	enum conf_section section;
	enum keepalived_place inside;

	return find_section(name, &section) || keepalived_section(name, &inside);
}

static struct section *section_read(struct parser *p, enum conf_section section)
{
	return &p->sections[section == CONF_SECTION_INSTANCE ? p->instance_section
							     : (size_t)section];
}

static void *section_fields(struct parser *p, enum conf_section section)
{
	switch (section) {
	case CONF_SECTION_GLOBAL:
		return p->conf;
	case CONF_SECTION_APISERVER:
		return &p->conf->apiserver;
	case CONF_SECTION_INSTANCE:
		return p->instance;
	}
	return NULL;
}

static struct given *given_of(struct parser *p, const struct conf_option *option)
{
	return &section_read(p, option->section)->options[option - conf_options];
}

/* NULL if the value is taken, else why it is not. */
static const char *take_value(struct parser *p, const struct conf_option *option,
			      struct scan_word word, char reason[CONF_TEXT_SIZE])
{
	char text[SCAN_TEXT_SIZE];

	if (word.fault)
		return word.fault;
	if (conf_option_parse(option, section_fields(p, option->section), scan_copy(word, text),
			      reason))
		return NULL;
	return reason;
}

static void refuse_value(struct parser *p, const struct conf_option *option, const char *sign,
			 struct scan_word word, const char *fault)
{
	char text[SCAN_TEXT_SIZE];

	scan_copy(word, text);
	given_of(p, option)->bad = true;
	add_error(p, word.line, "%s%s%.100s: %s", option->name, sign, *text ? text : "\"\"", fault);
}

static bool is_tracked(const struct conf_option *option)
{
	return option->type == CONF_TYPE_FILES || option->type == CONF_TYPE_INTERFACES;
}

/* keepalived's words behind an item, with a value. */
static enum keepalived_place attributes_of(const struct conf_option *option)
{
	if (is_tracked(option))
		return KEEPALIVED_TRACKED;
	return option->type == CONF_TYPE_PEERS ? KEEPALIVED_PEER : KEEPALIVED_ADDRESS;
}

/* keepalived allows words behind an item. False if text is none of them. */
static bool take_attribute(struct parser *p, const struct conf_option *option, const char *text,
			   int line)
{
	const char *answer = keepalived_answer(attributes_of(option), text);
	char value[SCAN_TEXT_SIZE] = "";
	bool valued = answer != NULL;

	if (!answer && is_tracked(option))
		answer = keepalived_answer(KEEPALIVED_TRACKED_FLAG, text);
	else if (!answer && option->type == CONF_TYPE_VIRTUAL_ADDRESSES)
		answer = keepalived_answer(KEEPALIVED_ADDRESS_FLAG, text);
	if (!answer)
		return false;
	if (valued && scan_has_word(&p->scan))
		scan_copy(scan_word(&p->scan, SCAN_VALUE), value);
	given_of(p, option)->bad = true;
	add_error(p, line, "%s%s%.100s: %s", text, *value ? " " : "", value, answer);
	return true;
}

/* Whether text is a name of the section around the list, whose closing brace is missing then. A
 * variable of keepalived is meant as a value. */
static bool ends_list(const struct conf_option *option, const char *text)
{
	return conf_option_find(option->section, text) || begins_section(text) ||
	       (!strchr("$@~", *text) &&
		keepalived_answer((enum keepalived_place)option->section, text));
}

/* Takes one value of a list. False, and the word is still next, if the list was to end before it.
 */
static bool take_item(struct parser *p, const struct conf_option *option, const char *sign)
{
	struct scan *scan = &p->scan;
	const char *at = scan->at;
	struct scan_word word;
	char text[SCAN_TEXT_SIZE];
	char reason[CONF_TEXT_SIZE];
	const char *fault;

	if (*at == '{') {
		given_of(p, option)->bad = true;
		add_error(p, scan->line, "%s: braces within braces", option->name);
		skip_block(p);
		return true;
	}
	word = scan_word(scan, SCAN_ITEM);
	/* Also the name of an interface could be one of them. */
	if (is_tracked(option) && take_attribute(p, option, scan_copy(word, text), word.line))
		return true;
	fault = take_value(p, option, word, reason);
	if (!fault || take_attribute(p, option, scan_copy(word, text), word.line))
		return true;
	if (ends_list(option, text)) {
		scan->at = at;
		return false;
	}
	refuse_value(p, option, sign, word, fault);
	return true;
}

/* From the opening brace, which is next, to the closing one. */
static void take_list(struct parser *p, const struct conf_option *option, const char *sign)
{
	struct scan *scan = &p->scan;
	int line = scan->line;
	bool empty = true;

	scan->at++;
	scan_skip(scan, true);
	while (scan->at < scan->end && *scan->at != '}' && take_item(p, option, sign)) {
		empty = false;
		scan_skip(scan, true);
	}
	if (scan_peek(scan) != '}') {
		given_of(p, option)->bad = true;
		tell_open(p, option->name, line);
		return;
	}
	scan->at++;
	if (!empty)
		return;
	given_of(p, option)->bad = true;
	add_error(p, line, "%s: the list is empty; %s", option->name,
		  option->type == CONF_TYPE_PEERS ? "name every node, or leave it out for multicast"
		  : option->type == CONF_TYPE_PORTS ? "leave it out for the port of url"
		  : is_tracked(option)		    ? "leave it out to track none"
						    : "at least one address is needed");
}

static void tell_missing(struct parser *p, const struct conf_option *option, int line)
{
	char reason[CONF_TEXT_SIZE];
	const char *answer =
		keepalived_answer((enum keepalived_place)option->section, option->name);

	if (answer)
		snprintf(reason, sizeof(reason), "%s", answer);
	else if (conf_option_parse(option, section_fields(p, option->section), "", reason))
		snprintf(reason, sizeof(reason), "none is written \"\"");
	given_of(p, option)->bad = true;
	add_error(p, line, "%s: its value is missing in this line; %s", option->name, reason);
}

static void parse_option(struct parser *p, const struct conf_option *option, int line)
{
	const char *sign = scan_sign(&p->scan);
	bool list = conf_option_is_list(option);
	bool append = strcmp(sign, " += ") == 0;
	struct given *given = given_of(p, option);
	char reason[CONF_TEXT_SIZE];
	struct scan_word word;
	const char *fault;

	if (append ? !list : given->line != 0) {
		if (append)
			add_error(p, line, "%s: += is for lists only", option->name);
		else
			add_error(p, line, "%s: is given twice, first in line %d", option->name,
				  given->line);
		if (scan_has_word(&p->scan))
			scan_word(&p->scan, SCAN_VALUE);
		else if (scan_has_block(&p->scan))
			skip_block(p);
		return;
	}
	given->line = given->line ? given->line : line;
	if (scan_has_word(&p->scan)) {
		word = scan_word(&p->scan, SCAN_VALUE);
		fault = take_value(p, option, word, reason);
		if (fault)
			refuse_value(p, option, sign, word, fault);
		p->value_line = line;
		p->value_owner = option->name;
	} else if (!scan_has_block(&p->scan)) {
		tell_missing(p, option, line);
	} else if (list) {
		take_list(p, option, sign);
	} else {
		given->bad = true;
		add_error(p, line, "%s: one value is allowed, without braces", option->name);
		skip_block(p);
	}
}

static void begin_instance(struct parser *p, struct scan_word title)
{
	struct conf *conf = p->conf;
	char name[SCAN_TEXT_SIZE];
	char reason[CONF_TEXT_SIZE];
	bool full = conf->instance_count == CONF_INSTANCES_MAX;
	const char *fault = title.fault;

	scan_copy(title, name);
	if (!fault && !conf_instance_add(conf, name, reason))
		fault = reason;
	if (!fault) {
		p->instance = &conf->instances[conf->instance_count - 1];
		p->instance_section = 1 + conf->instance_count;
	} else {
		/* The first instance too many is told, the others are not. */
		if (!full || p->instance != &p->refused)
			add_error(p, title.line, "%s%s%.100s: %s",
				  conf_section_name(CONF_SECTION_INSTANCE), *name ? " " : "", name,
				  fault);
		p->instance_refused = true;
		memset(&p->refused, 0, sizeof(p->refused));
		p->instance = &p->refused;
		p->instance_section = SECTIONS_MAX - 1;
	}
	memset(&p->sections[p->instance_section], 0, sizeof(struct section));
	p->sections[p->instance_section].line = title.line;
}

static void parse_statements(struct parser *p, enum keepalived_place place);

/* From the opening brace, which is next, to the closing one. */
static void parse_body(struct parser *p, enum keepalived_place place, const char *name, int line)
{
	const char *at;
	char other[SCAN_TEXT_SIZE];

	p->scan.at++;
	p->value_line = 0;
	parse_statements(p, place);
	p->value_line = 0;
	if (p->scan.at == p->scan.end) {
		tell_open(p, name, line);
	} else if (*p->scan.at == '}') {
		p->scan.at++;
	} else {
		at = p->scan.at;
		scan_copy(scan_word(&p->scan, SCAN_NAME), other);
		p->scan.at = at;
		add_error(p, p->scan.line,
			  "%s: not allowed within %s, whose closing brace may be missing", other,
			  name);
	}
}

static void parse_section(struct parser *p, enum conf_section section, int line)
{
	const char *name = conf_section_name(section);
	struct section *apiserver = &p->sections[CONF_SECTION_APISERVER];
	struct scan_word title = {
		.start = "",
		.line = line,
		.fault = "its name is missing, as in vrrp_instance apiserver { ... }",
	};
	char extra[SCAN_TEXT_SIZE] = "";
	bool open;

	if (section == CONF_SECTION_INSTANCE && scan_has_word(&p->scan))
		title = scan_word(&p->scan, SCAN_VALUE);
	if (scan_has_word(&p->scan))
		scan_copy(scan_word(&p->scan, SCAN_VALUE), extra);
	scan_skip_words(&p->scan);
	open = scan_has_block(&p->scan);
	if (*extra || !open)
		add_error(p, line, "%s: an opening brace is expected%s%.100s", name,
			  *extra ? ", not " : "", extra);
	if (!open) {
		p->instance_refused = true;
		return;
	}
	if (section == CONF_SECTION_INSTANCE)
		begin_instance(p, title);
	else if (apiserver->line)
		add_error(p, line, "%s: is given twice, first in line %d", name, apiserver->line);
	else
		apiserver->line = line;
	parse_body(p, (enum keepalived_place)section, name, line);
}

static void tell_unknown(struct parser *p, enum conf_section section, const char *name, int line)
{
	const char *nearest = conf_option_nearest(section, name);
	char hint[CONF_TEXT_SIZE] = "";

	if (nearest)
		snprintf(hint, sizeof(hint), "; the nearest is %s", nearest);
	for (unsigned i = 0; i < CONF_SECTION_COUNT; i++)
		if (conf_option_find((enum conf_section)i, name))
			snprintf(hint, sizeof(hint), "; it belongs %s%s",
				 i == CONF_SECTION_GLOBAL ? "outside of all sections"
							  : "into section ",
				 conf_section_name((enum conf_section)i));
	if (section == CONF_SECTION_GLOBAL)
		add_error(p, line, "%.100s: unknown option or section%s", name, hint);
	else
		add_error(p, line, "%.100s: unknown option in section %s%s", name,
			  conf_section_name(section), hint);
}

/* A name that is no option here; keepalived's are answered. Skips `NAME = VALUE`, or else the whole
 * line and a block. */
static void parse_unknown(struct parser *p, enum keepalived_place place, const char *name, int line)
{
	struct scan *scan = &p->scan;
	const char *answer = keepalived_answer(place, name);
	const char *sign = scan_sign(scan);
	bool signless = strcmp(sign, " ") == 0;
	bool valued = scan_has_word(scan);
	char value[SCAN_TEXT_SIZE] = "";
	enum keepalived_place inside;

	if (valued)
		scan_copy(scan_word(scan, SCAN_VALUE), value);
	if (answer)
		add_error(p, line, "%s%s%.100s: %s", name, valued ? sign : "", value, answer);
	else if (line == p->value_line && signless)
		add_error(p, line,
			  "%.100s: follows the value of %s; a value with blanks needs quotes, "
			  "several addresses need braces",
			  name, p->value_owner);
	else if (place <= KEEPALIVED_INSTANCE)
		tell_unknown(p, (enum conf_section)place, name, line);
	if (valued && !signless)
		return;
	scan_skip_words(scan);
	if (!scan_has_block(scan))
		return;
	if (place == KEEPALIVED_GLOBAL && keepalived_section(name, &inside)) {
		parse_body(p, inside, name, line);
	} else {
		/* A misspelt vrrp_instance is not a missing one. */
		p->instance_refused = p->instance_refused || place == KEEPALIVED_GLOBAL;
		skip_block(p);
	}
}

static void parse_named(struct parser *p, enum keepalived_place place, struct scan_word word)
{
	const struct conf_option *option = NULL;
	enum conf_section section;
	char name[SCAN_TEXT_SIZE];

	scan_copy(word, name);
	if (place <= KEEPALIVED_INSTANCE)
		option = conf_option_find((enum conf_section)place, name);
	if (word.fault || word.length == 0 || strchr("=+(", *name)) {
		add_error(p, word.line, "%.100s: %s", *name ? name : "\"\"",
			  word.fault ? word.fault : "a name is expected here");
		scan_skip_words(&p->scan);
		if (scan_has_block(&p->scan))
			skip_block(p);
	} else if (option) {
		parse_option(p, option, word.line);
	} else if (place == KEEPALIVED_GLOBAL && find_section(name, &section)) {
		parse_section(p, section, word.line);
	} else {
		parse_unknown(p, place, name, word.line);
	}
}

/* Reads up to the closing brace of the section, or to a section within the section, whose closing
 * brace is missing then, or to the end. What ended the reading is next. */
static void parse_statements(struct parser *p, enum keepalived_place place)
{
	for (scan_skip(&p->scan, true); p->scan.at < p->scan.end; scan_skip(&p->scan, true)) {
		const char *at = p->scan.at;
		char name[SCAN_TEXT_SIZE];
		struct scan_word word;

		if (*at == '}' && place != KEEPALIVED_GLOBAL)
			return;
		if (*at == '{' || *at == '}') {
			add_error(p, p->scan.line, "unexpected %s brace",
				  *at == '{' ? "opening" : "closing");
			p->scan.at++;
			p->value_line = 0;
		} else {
			word = scan_word(&p->scan, SCAN_NAME);
			if (place != KEEPALIVED_GLOBAL && begins_section(scan_copy(word, name))) {
				p->scan.at = at;
				return;
			}
			parse_named(p, place, word);
		}
	}
}

/* The line in which an instance is commented out, as in the file of the package; 0 = none. */
static int commented_instance(const struct parser *p)
{
	const char *name = conf_section_name(CONF_SECTION_INSTANCE);
	size_t length = strlen(name);
	bool commented = false;
	int line = 1;

	for (const char *at = p->text; at + length < p->scan.end; at++) {
		if (commented && memcmp(at, name, length) == 0)
			return line;
		line += *at == '\n';
		commented = *at == '#' || (commented && (*at == ' ' || *at == '\t'));
	}
	return 0;
}

static void tell_no_instance(struct parser *p, const char *name, const char *message)
{
	int line = commented_instance(p);

	add_error(p, line, "%s: %s%s", name, message,
		  line ? "; remove the # from this line and from the others of the instance" : "");
}

static void take_violation(void *context, const struct conf_instance *instance, const char *name,
			   const char *message)
{
	struct parser *p = context;
	enum conf_section kind = instance ? CONF_SECTION_INSTANCE : CONF_SECTION_APISERVER;
	const struct conf_option *option = conf_option_find(kind, name);
	const struct section *section = &p->sections[kind];
	const struct given *given;

	if (!option) {
		if (!p->instance_refused)
			tell_no_instance(p, name, message);
		return;
	}
	if (instance)
		section += instance - p->conf->instances;
	given = &section->options[option - conf_options];
	/* A consequence of a refused value is no error of its own. */
	if (given->bad)
		return;
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_option_is_list(&conf_options[i]) && section->options[i].bad)
			return;
	if (instance)
		add_error(p, given->line ? given->line : section->line, "%s %s: %s: %s",
			  conf_section_name(kind), instance->name, name, message);
	else
		add_error(p, given->line, "%s: %s", name, message);
}

static void parse_text(struct parser *p)
{
	struct scan *scan = &p->scan;
	const char *zero = memchr(scan->at, '\0', (size_t)(scan->end - scan->at));

	if (zero) {
		for (; scan->at < zero; scan->at++)
			scan->line += *scan->at == '\n';
		add_error(p, scan->line, "has a zero byte, so it is no text");
		return;
	}
	if (scan->end - scan->at >= 3 && memcmp(scan->at, "\xef\xbb\xbf", 3) == 0)
		scan->at += 3; /* a byte order mark */
	parse_statements(p, KEEPALIVED_GLOBAL);
	assert(scan->at == scan->end);
	if (scan->open_comment)
		add_error(p, scan->open_comment, "the comment that starts here does not end");
	else
		conf_complete(p->conf, take_violation, p);
	assert(p->error_count > 0 || !scan->open_string);
}

static int compare_errors(const void *a, const void *b)
{
	const struct error *x = a;
	const struct error *y = b;

	return x->line != y->line ? x->line - y->line : x->order - y->order;
}

int conf_parse(struct conf *conf, const char *text, size_t size,
	       void (*error)(void *context, int line, const char *message), void *context)
{
	struct parser *p = calloc(1, sizeof(*p));
	size_t kept;
	int result;

	if (!p)
		return -ENOMEM;
	assert(conf_option_count <= OPTIONS_MAX);
	conf_init(conf);
	p->text = text;
	p->scan = (struct scan){.at = text, .end = text + size, .line = 1};
	p->conf = conf;
	parse_text(p);
	kept = p->error_count < ERRORS_MAX ? p->error_count : ERRORS_MAX;
	qsort(p->errors, kept, sizeof(p->errors[0]), compare_errors);
	for (size_t i = 0; i < kept; i++)
		error(context, p->errors[i].line, p->errors[i].text);
	if (p->error_count > ERRORS_MAX) {
		snprintf(p->errors[0].text, sizeof(p->errors[0].text), "more than %d errors",
			 ERRORS_MAX);
		error(context, 0, p->errors[0].text);
	}
	result = p->error_count > 0 ? -EINVAL : 0;
	free(p);
	return result;
}
