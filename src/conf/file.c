/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/file.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERRORS_MAX 100
#define UNKNOWN_MAX 32 /* different names; each costs one more pass over the file */
#define UNKNOWN_SIZE 64
#define OPTIONS_MAX 40 /* of the table */
#define TOKEN_MAX 1024 /* flex takes quadratic time for a long one */

/* Names of options that are ours, not the user's: an unquoted word of libconfuse has no brackets.
 * MARK_BEGIN has a default that libconfuse parses whenever it makes a section, so its callback
 * tells where the section begins. MARK_END is appended to the file: if it is seen anywhere but
 * outside all sections, a closing brace is missing, which libconfuse 3.3 does not notice. */
#define MARK_BEGIN "(begin)"
#define MARK_END "(end)"
#define TAIL " \"" MARK_END "\" = 1\n"

static_assert(CONF_FILE_SIZE_MAX >= CONF_INSTANCES_MAX * (CONF_ADDRESSES_MAX + CONF_PEERS_MAX) *
					    (ADDR_TEXT_SIZE + 4),
	      "the largest configuration can be printed and read again");

struct file_error {
	int line; /* 0 = the file as a whole */
	size_t order;
	char text[CONF_TEXT_SIZE * 2];
};

/* An option that was given, and where. */
struct given {
	int line; /* 0 = it was not */
	bool bad;
};

struct unknown {
	enum conf_section section;
	char name[UNKNOWN_SIZE];
	int line;
	bool told;
};

struct section {
	int line;
	struct given options[OPTIONS_MAX];
};

/* The global section, the apiserver, the instances, and one for an instance that cannot be one. */
#define SECTIONS_MAX (2 + CONF_INSTANCES_MAX + 1)

struct reader {
	struct conf *conf;
	const char *text;
	size_t error_count;
	struct file_error errors[ERRORS_MAX];
	size_t unknown_count;
	struct unknown unknown[UNKNOWN_MAX];
	bool again; /* another unknown option was found: the pass has to be repeated */
	bool stop;
	bool explained; /* libconfuse has said why it gave up */
	bool instance_refused;
	struct section sections[SECTIONS_MAX];
	const cfg_t *open; /* the section being read, if it is not the global one */
	size_t instance_section;
	struct conf_instance *instance;
	struct conf_instance refused; /* takes the options of an instance that cannot be one */
};

/* libconfuse's callbacks carry no context, and its scanner is one per process anyway. */
static struct reader *reader;

/* NULL, and the reading has to stop, if there is no room. */
static struct file_error *new_error(int line)
{
	struct file_error *error = &reader->errors[reader->error_count];

	if (reader->error_count == ERRORS_MAX) {
		reader->stop = true;
		return NULL;
	}
	error->line = line;
	error->order = reader->error_count++;
	return error;
}

/* One line for the terminal, whatever is in the file. */
__attribute__((format(printf, 2, 3))) static void add_error(int line, const char *format, ...)
{
	struct file_error *error = new_error(line);
	char text[sizeof(error->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (error)
		memcpy(error->text, text, sizeof(text));
}

static enum conf_section section_of(const cfg_t *cfg)
{
	for (unsigned i = 1; i < CONF_SECTION_COUNT; i++)
		if (!strcmp(cfg->name, conf_section_name((enum conf_section)i)))
			return (enum conf_section)i;
	return CONF_SECTION_GLOBAL;
}

static struct section *section_read(enum conf_section section)
{
	return &reader->sections[section == CONF_SECTION_INSTANCE ? reader->instance_section
								  : (size_t)section];
}

static void *section_fields(enum conf_section section)
{
	switch (section) {
	case CONF_SECTION_GLOBAL:
		return reader->conf;
	case CONF_SECTION_APISERVER:
		return &reader->conf->apiserver;
	case CONF_SECTION_INSTANCE:
		return reader->instance;
	}
	return NULL;
}

static struct unknown *unknown_find(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < reader->unknown_count; i++)
		if (reader->unknown[i].section == section && !strcmp(reader->unknown[i].name, name))
			return &reader->unknown[i];
	return NULL;
}

static void tell_unknown(enum conf_section section, const char *name, int line)
{
	struct unknown *unknown = unknown_find(section, name);

	add_error(line, "%s: unknown option%s%s", name,
		  section == CONF_SECTION_GLOBAL ? "" : " in section ", conf_section_name(section));
	if (unknown)
		unknown->told = true;
}

/* One value of an option; errors are collected, so it succeeds as long as there is room. */
static int take_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	enum conf_section section = section_of(cfg);
	const struct conf_option *option = conf_option_find(section, opt->name);
	char reason[CONF_TEXT_SIZE];
	struct given *given;

	*(const char **)result = "";
	if (!option) {
		if (cfg_opt_size(opt) <= 1)
			tell_unknown(section, opt->name, cfg->line);
		return reader->stop;
	}
	given = &section_read(section)->options[option - conf_options];
	if (!strcmp(text, MARK_END)) {
		add_error(cfg->line, "%s: the file ends before its value", opt->name);
		reader->stop = true;
	} else if (given->line && (!conf_option_is_list(option) || cfg_opt_size(opt) == 1)) {
		add_error(cfg->line, "%s: is given twice, first in line %d", opt->name,
			  given->line);
	} else {
		given->line = given->line ? given->line : cfg->line;
		if (!conf_option_parse(option, section_fields(section), text, reason)) {
			given->bad = true;
			add_error(cfg->line, "%s = %.100s: %s", opt->name, *text ? text : "\"\"",
				  reason);
		}
	}
	return reader->stop;
}

static void begin_instance(const cfg_t *cfg)
{
	struct conf *conf = reader->conf;
	char reason[CONF_TEXT_SIZE];

	if (conf_instance_add(conf, cfg->title, reason)) {
		reader->instance = &conf->instances[conf->instance_count - 1];
		reader->instance_section = 1 + conf->instance_count;
	} else {
		add_error(cfg->line, "%s %.100s: %s", cfg->name, cfg->title, reason);
		reader->stop = reader->stop || conf->instance_count == CONF_INSTANCES_MAX;
		reader->instance_refused = true;
		memset(&reader->refused, 0, sizeof(reader->refused));
		reader->instance = &reader->refused;
		reader->instance_section = SECTIONS_MAX - 1;
	}
	memset(&reader->sections[reader->instance_section], 0, sizeof(struct section));
	reader->sections[reader->instance_section].line = cfg->line;
}

/* Must succeed: libconfuse aborts the process if a default cannot be parsed. */
static int take_begin(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct section *apiserver = &reader->sections[CONF_SECTION_APISERVER];

	(void)opt;
	(void)text;
	*(const char **)result = "";
	reader->open = cfg;
	if (section_of(cfg) == CONF_SECTION_INSTANCE)
		begin_instance(cfg);
	else if (apiserver->line)
		add_error(cfg->line, "%s: is given twice, first in line %d", cfg->name,
			  apiserver->line);
	else
		apiserver->line = cfg->line;
	return 0;
}

static int take_end(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	(void)cfg;
	(void)opt;
	(void)text;
	*(const char **)result = "";
	return 0;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t\r\n");
}

/* Whether text is `NAME = {}`, as libconfuse takes it. */
static bool is_empty_list(const char *text, const char *name)
{
	if (strncmp(text, name, strlen(name)) != 0)
		return false;
	text = skip_blanks(text + strlen(name));
	text += *text == '+';
	if (*text != '=')
		return false;
	text = skip_blanks(text + 1);
	return *text == '{' && *skip_blanks(text + 1) == '}';
}

/* libconfuse does not say where it read an empty list; the section begins in line from. */
static int empty_list_line(const char *name, int from)
{
	const char *text = reader->text;

	for (int line = 1; *text; line += *text++ == '\n')
		if (line >= from && is_empty_list(text, name))
			return line;
	return from;
}

/* A section was closed. An empty list made no call of take_value(). */
static int close_section(cfg_t *cfg, cfg_opt_t *opt)
{
	enum conf_section section = section_of(reader->open);

	(void)cfg;
	(void)opt;
	for (cfg_opt_t *list = reader->open->opts; list->name; list++) {
		const struct conf_option *option = conf_option_find(section, list->name);

		if (option && (list->flags & CFGF_MODIFIED) && cfg_opt_size(list) == 0) {
			struct section *read = section_read(section);

			read->options[option - conf_options].bad = true;
			add_error(empty_list_line(list->name, read->line),
				  "%s: the list is empty; %s", list->name,
				  option->type == CONF_TYPE_PEERS
					  ? "name every node, or leave it out for multicast"
					  : "at least one address is needed");
		}
	}
	return reader->stop;
}

static bool is_section_name(const char *name)
{
	for (unsigned i = 1; i < CONF_SECTION_COUNT; i++)
		if (!strcmp(name, conf_section_name((enum conf_section)i)))
			return true;
	return false;
}

/* The next pass knows the option and complains of it where it stands. False if it was known. */
static bool learn_unknown(enum conf_section section, const char *name, int line)
{
	struct unknown *unknown = &reader->unknown[reader->unknown_count];

	if (strlen(name) >= UNKNOWN_SIZE || reader->unknown_count == UNKNOWN_MAX ||
	    is_section_name(name) || conf_option_find(section, name) || unknown_find(section, name))
		return false;
	*unknown = (struct unknown){.section = section, .line = line};
	memcpy(unknown->name, name, strlen(name));
	reader->unknown_count++;
	reader->again = true;
	return true;
}

/* A name that is no option where it stands. */
static void take_strange_name(const cfg_t *cfg, const char *name)
{
	enum conf_section section = section_of(cfg);

	if (!strcmp(name, MARK_END))
		add_error(section_read(section)->line, "%s: the closing brace is missing",
			  cfg->name);
	else if (is_section_name(name))
		add_error(cfg->line,
			  "%s: not allowed within %s, whose closing brace may be missing; what "
			  "follows was not read",
			  name, cfg->name);
	else if (!learn_unknown(section, name, cfg->line))
		add_error(cfg->line, "%.100s: unknown option; what follows was not read", name);
}

/* What libconfuse has to say; it gives up after this. */
__attribute__((format(printf, 2, 0))) static void take_error(cfg_t *cfg, const char *format,
							     va_list arguments)
{
	char text[CONF_TEXT_SIZE];

	reader->explained = true;
	if (!strcmp(format, "no such option '%s'")) {
		take_strange_name(cfg, va_arg(arguments, const char *));
		return;
	}
	if (!strcmp(format, "missing title for section '%s'")) {
		add_error(cfg->line,
			  "%s: its name is missing, as in %s apiserver { ... }; what follows was "
			  "not read",
			  conf_section_name(CONF_SECTION_INSTANCE),
			  conf_section_name(CONF_SECTION_INSTANCE));
		return;
	}
	vsnprintf(text, sizeof(text), format, arguments);
	if (strstr(text, MARK_END))
		snprintf(text, sizeof(text), "the file ends too early");
	add_error(cfg->line, "%s; what follows was not read", text);
}

/* FAIL CLOSED: libconfuse 3.3 gives up without a word at a name that is empty. A section counts its
 * lines on its own until it ends. */
static void tell_silent_end(const cfg_t *root)
{
	int line = root->line;

	if (reader->open && reader->open->line > line)
		line = reader->open->line;
	add_error(line, "a name is expected here, not an empty string; what follows was not read");
}

/* The length of the comment that starts here, without the newline behind it; 0 if none does. */
static size_t comment_length(const char *text)
{
	const char *end;

	if (text[0] == '#' || (text[0] == '/' && text[1] == '/'))
		return strcspn(text, "\n");
	if (text[0] != '/' || text[1] != '*')
		return 0;
	end = strstr(text + 2, "*/");
	return end ? (size_t)(end + 2 - text) : 0;
}

/* Keeps the newlines; returns how many they are. */
static int blank(char *text, size_t length)
{
	int lines = 0;

	for (size_t i = 0; i < length; i++) {
		lines += text[i] == '\n';
		text[i] = text[i] == '\n' ? '\n' : ' ';
	}
	return lines;
}

/* The length of the string or word that starts here, or 1. */
static size_t token_length(const char *text)
{
	size_t length = strcspn(text, " \t\r\n={}(),\"'#");

	if (*text == '"' || *text == '\'')
		length = 1 + strcspn(text + 1, *text == '"' ? "\"\n" : "'\n") + 1;
	return length ? length : 1;
}

/* Why the token is refused, or NULL. */
static const char *token_fault(const char *text, size_t length)
{
	if ((*text == '"' || *text == '\'') && text[length - 1] != *text)
		return "the string that starts here does not end in its line";
	if (length > TOKEN_MAX)
		return "the word or string that starts here is too long";
	if (memchr(text, '\\', length))
		return "backslashes are not allowed";
	if (memmem(text, length + 1, "${", 2)) /* a brace ends a word */
		return "${...} is not allowed: a value does not depend on the environment";
	if (!strncmp(text, "/*", 2))
		return "the comment that starts here does not end";
	return NULL;
}

/*
 * Makes blanks of comments: behind one, libconfuse 3.3 counts lines wrongly, and it takes none
 * within a list (its issue 150). Refuses what would surprise: values that depend on the environment
 * of whoever reads the file, escapes, and strings that go on in the next line because their end was
 * forgotten. Returns where there was an error, NULL if there was none.
 */
static char *scan(char *text)
{
	int line = 1;

	while (*text) {
		size_t length = comment_length(text);
		const char *fault;

		if (length) {
			line += blank(text, length);
		} else {
			length = token_length(text);
			fault = token_fault(text, length);
			if (fault) {
				add_error(line, "%s; what follows was not read", fault);
				return text;
			}
			line += *text == '\n';
		}
		text += length;
	}
	return NULL;
}

/* The text of an open file, ended with a zero byte and with room for TAIL. Returns 0 or -errno. */
static int read_descriptor(int fd, char **ret_text)
{
	struct stat status;
	char *text;
	ssize_t got = 1;
	size_t size = 0;

	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	if (status.st_size > CONF_FILE_SIZE_MAX)
		return -EFBIG;
	text = calloc(1, (size_t)status.st_size + sizeof(TAIL));
	if (!text)
		return -ENOMEM;
	while (got > 0 && size < (size_t)status.st_size) {
		got = read(fd, text + size, (size_t)status.st_size - size);
		size += got > 0 ? (size_t)got : 0;
	}
	if (got < 0 || memchr(text, '\0', size)) {
		int error = got < 0 ? -errno : -EILSEQ;

		free(text);
		return error;
	}
	*ret_text = text;
	return 0;
}

static int read_text(const char *path, char **ret_text)
{
	/* O_NONBLOCK: opening a FIFO must not hold up a running daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int result;

	if (fd < 0)
		return -errno;
	result = read_descriptor(fd, ret_text);
	close(fd);
	return result;
}

static void report_unreadable(const char *path, int error, void (*tell)(void *, const char *),
			      void *context)
{
	char line[CONF_TEXT_SIZE * 3];
	const char *why = strerrordesc_np(-error);

	if (error == -EINVAL)
		why = "not a regular file";
	else if (error == -EFBIG)
		why = "larger than 2 MiB";
	else if (error == -EILSEQ)
		why = "has a zero byte, so it is no text";
	snprintf(line, sizeof(line), "%s: %s", path, why);
	tell(context, line);
}

/* Room for the table's options of one section, the unknown ones, a mark, sections and the end. */
#define CFG_OPTIONS_MAX (OPTIONS_MAX + UNKNOWN_MAX + 1 + CONF_SECTION_COUNT + 1)

/* The options of a section as libconfuse wants them. All are text to it: conf_option_parse() says
 * better than libconfuse why a value is not allowed. Returns how many. */
static size_t fill_options(enum conf_section section, cfg_opt_t options[CFG_OPTIONS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_options[i].section == section)
			options[count++] = (cfg_opt_t){
				.name = conf_options[i].name,
				.type = CFGT_STR,
				.flags = CFGF_NODEFAULT |
					 (conf_option_is_list(&conf_options[i]) ? CFGF_LIST : 0),
				.parsecb = take_value,
			};
	for (size_t i = 0; i < reader->unknown_count; i++)
		if (reader->unknown[i].section == section)
			options[count++] = (cfg_opt_t){
				.name = reader->unknown[i].name,
				.type = CFGT_STR,
				.flags = CFGF_NODEFAULT | CFGF_LIST,
				.parsecb = take_value,
			};
	return count;
}

/*
 * One run of libconfuse over the text. In the library a section that occurs once exists from the
 * start and is the same when it occurs again, so both kinds are declared as if they could occur
 * often: each occurrence is then made anew and seen by take_begin(). Returns false if libconfuse
 * gave up.
 */
static bool run_pass(const char *text)
{
	static char one[] = "1";
	cfg_opt_t options[CONF_SECTION_COUNT][CFG_OPTIONS_MAX] = {0};
	cfg_opt_t *root = options[CONF_SECTION_GLOBAL];
	size_t count = fill_options(CONF_SECTION_GLOBAL, root);
	bool complete;
	cfg_t *cfg;

	for (unsigned i = CONF_SECTION_GLOBAL + 1; i < CONF_SECTION_COUNT; i++) {
		options[i][fill_options((enum conf_section)i, options[i])] = (cfg_opt_t){
			.name = MARK_BEGIN,
			.type = CFGT_STR,
			.def.parsed = one,
			.parsecb = take_begin,
		};
		root[count++] = (cfg_opt_t){
			.name = conf_section_name((enum conf_section)i),
			.type = CFGT_SEC,
			.flags = CFGF_NODEFAULT | CFGF_MULTI |
				 (i == CONF_SECTION_INSTANCE ? CFGF_TITLE : 0),
			.subopts = options[i],
			.validcb = close_section,
		};
	}
	root[count] = (cfg_opt_t){
		.name = MARK_END, .type = CFGT_STR, .flags = CFGF_NODEFAULT, .parsecb = take_end};

	cfg = cfg_init(root, CFGF_NONE);
	if (!cfg) {
		add_error(0, "%s", strerrordesc_np(ENOMEM));
		return false;
	}
	cfg_set_error_function(cfg, take_error);
	complete = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
	if (!complete && !reader->explained && !reader->stop)
		tell_silent_end(cfg);
	cfg_free(cfg);
	return complete;
}

static void take_violation(void *context, const struct conf_instance *instance, const char *name,
			   const char *message)
{
	enum conf_section kind = instance ? CONF_SECTION_INSTANCE : CONF_SECTION_APISERVER;
	const struct conf_option *option = conf_option_find(kind, name);
	const struct section *section = &reader->sections[kind];
	const struct given *given;

	(void)context;
	if (!option) {
		if (!reader->instance_refused)
			add_error(0, "%s: %s", name, message);
		return;
	}
	if (instance)
		section += instance - reader->conf->instances;
	given = &section->options[option - conf_options];
	/* What follows from a value that was refused is no error of its own. */
	if (given->bad)
		return;
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_option_is_list(&conf_options[i]) && section->options[i].bad)
			return;
	if (instance)
		add_error(given->line ? given->line : section->line, "%s %s: %s: %s",
			  conf_section_name(kind), instance->name, name, message);
	else
		add_error(given->line ? given->line : section->line, "%s: %s", name, message);
}

/* As before the first pass, but for the unknown options. */
static void start_over(void)
{
	memset(reader->conf, 0, sizeof(*reader->conf));
	memset(reader->sections, 0, sizeof(reader->sections));
	reader->error_count = 0;
	reader->again = false;
	reader->stop = false;
	reader->explained = false;
	reader->open = NULL;
	reader->instance_refused = false;
	for (size_t i = 0; i < reader->unknown_count; i++)
		reader->unknown[i].told = false;
}

/* An unknown option that no pass saw with a value: an empty list, or a section, at which libconfuse
 * gave up. */
static void tell_without_value(const struct unknown *unknown, bool complete)
{
	size_t last = reader->error_count - 1;

	if (complete) {
		tell_unknown(unknown->section, unknown->name, unknown->line);
		return;
	}
	if (reader->error_count && reader->errors[last].line == unknown->line)
		reader->error_count--;
	add_error(unknown->line, "%s: unknown option or section; what follows was not read",
		  unknown->name);
}

/* Runs passes until none finds another unknown option, and then the cross checks. */
static void parse(const char *text)
{
	bool complete;

	for (;;) {
		conf_init(reader->conf);
		complete = run_pass(text);
		if (!reader->again)
			break;
		start_over();
	}
	for (size_t i = 0; i < reader->unknown_count; i++)
		if (!reader->unknown[i].told && !reader->stop)
			tell_without_value(&reader->unknown[i], complete);
	if (complete)
		conf_complete(reader->conf, take_violation, NULL);
}

static int compare_errors(const void *a, const void *b)
{
	const struct file_error *x = a;
	const struct file_error *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void report(const char *path, void (*tell)(void *, const char *), void *context)
{
	char line[CONF_TEXT_SIZE * 4];

	qsort(reader->errors, reader->error_count, sizeof(reader->errors[0]), compare_errors);
	for (size_t i = 0; i < reader->error_count; i++) {
		const struct file_error *error = &reader->errors[i];

		if (error->line)
			snprintf(line, sizeof(line), "%s:%d: %s", path, error->line, error->text);
		else
			snprintf(line, sizeof(line), "%s: %s", path, error->text);
		tell(context, line);
	}
	if (reader->stop && reader->error_count == ERRORS_MAX) {
		snprintf(line, sizeof(line), "%s: more than %d errors", path, ERRORS_MAX);
		tell(context, line);
	}
}

/* If there were errors, NULL; but if partly is set, what could be read nevertheless. */
static struct conf *read_file(const char *path, bool partly,
			      void (*error)(void *context, const char *line), void *context)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	char *fault, *text = NULL;
	int code;

	assert(conf_option_count <= OPTIONS_MAX);
	reader = calloc(1, sizeof(*reader));
	code = conf && reader ? read_text(path, &text) : -ENOMEM;
	if (!text) {
		report_unreadable(path, code, error, context);
		free(reader);
		free(conf);
		return NULL;
	}
	reader->conf = conf;
	reader->text = text;
	fault = scan(text);
	if (fault && partly)
		*fault = '\0';
	if (!fault || partly) {
		memcpy(text + strlen(text), TAIL, sizeof(TAIL));
		parse(text);
	}
	report(path, error, context);
	if (reader->error_count && !partly) {
		free(conf);
		conf = NULL;
	}
	free(text);
	free(reader);
	reader = NULL;
	return conf;
}

struct conf *conf_file_read(const char *path, void (*error)(void *context, const char *line),
			    void *context)
{
	return read_file(path, false, error, context);
}

static void ignore_error(void *context, const char *line)
{
	(void)context;
	(void)line;
}

void conf_file_control_socket(const char *path, char ret_socket[CONF_SOCKET_SIZE])
{
	struct conf *conf = read_file(path, true, ignore_error, NULL);
	const struct conf_option *option = conf_option_find(CONF_SECTION_GLOBAL, "control_socket");

	snprintf(ret_socket, CONF_SOCKET_SIZE, "%s", conf ? conf->control_socket : option->initial);
	free(conf);
}

static void print_list(const struct conf_option *option, const struct addr *list, size_t count,
		       FILE *stream)
{
	char text[ADDR_TEXT_SIZE];

	if (count == 0)
		return;
	fprintf(stream, "\t%s = {", option->name);
	for (size_t i = 0; i < count; i++)
		fprintf(stream, "%s \"%s\"", i ? "," : "", addr_format(&list[i], text));
	fprintf(stream, " }\n");
}

/* A number or word stands as it is, text between quotes. */
static void print_value(const struct conf_option *option, const void *fields, FILE *stream)
{
	char text[CONF_TEXT_SIZE];
	const char *quote = "\"";
	const char *indent = option->section == CONF_SECTION_GLOBAL ? "" : "\t";

	conf_option_format(option, fields, text);
	if (option->type == CONF_TYPE_BOOLEAN || option->type == CONF_TYPE_NUMBER ||
	    option->type == CONF_TYPE_WORD ||
	    (option->zero && *text && !strcmp(text, option->zero)))
		quote = "";
	fprintf(stream, "%s%s = %s%s%s\n", indent, option->name, quote, text, quote);
}

static void print_options(enum conf_section section, const void *fields, FILE *stream)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		const struct conf_instance *instance = fields;

		if (option->section != section)
			continue;
		if (option->type == CONF_TYPE_VIRTUAL_ADDRESSES)
			print_list(option, instance->addresses, instance->address_count, stream);
		else if (option->type == CONF_TYPE_PEERS)
			print_list(option, instance->peers, instance->peer_count, stream);
		else
			print_value(option, fields, stream);
	}
}

void conf_file_print(const struct conf *conf, FILE *stream)
{
	print_options(CONF_SECTION_GLOBAL, conf, stream);
	fprintf(stream, "\n%s {\n", conf_section_name(CONF_SECTION_APISERVER));
	print_options(CONF_SECTION_APISERVER, &conf->apiserver, stream);
	fprintf(stream, "}\n");
	for (size_t i = 0; i < conf->instance_count; i++) {
		fprintf(stream, "\n%s %s {\n", conf_section_name(CONF_SECTION_INSTANCE),
			conf->instances[i].name);
		print_options(CONF_SECTION_INSTANCE, &conf->instances[i], stream);
		fprintf(stream, "}\n");
	}
}
