/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/option.h"
#include "conf/parse.h"
#include "conf/value.h"

#define VIP_TEXT_SIZE 1024

static_assert(CONF_FILE_SIZE_MAX >=
		      CONF_INSTANCES_MAX *
			      ((CONF_ADDRESSES_MAX + CONF_PEERS_MAX) * (ADDR_TEXT_SIZE + 4) +
			       CONF_TRACKED_MAX * (CONF_PATH_SIZE + CONF_INTERFACE_SIZE + 8)),
	      "the largest configuration can be printed and read again");

/* The bytes of an open file; free() them. Returns 0 or -errno. */
static int read_descriptor(int fd, char **ret_text, size_t *ret_size)
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
	text = calloc(1, (size_t)status.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (got > 0 && size < (size_t)status.st_size) {
		got = read(fd, text + size, (size_t)status.st_size - size);
		size += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		int error = -errno;

		free(text);
		return error;
	}
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static int read_text(const char *path, char **ret_text, size_t *ret_size)
{
	/* O_NONBLOCK: opening a FIFO must not hold up a running daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int error;

	if (fd < 0)
		return -errno;
	error = read_descriptor(fd, ret_text, ret_size);
	close(fd);
	return error;
}

static const char *reason_of(int error)
{
	if (error == -EINVAL)
		return "not a regular file";
	if (error == -EFBIG)
		return "larger than 2 MiB";
	return strerrordesc_np(-error);
}

/* Puts the path before what the parser says. */
struct teller {
	const char *path;
	void (*error)(void *context, const char *line);
	void *context;
};

static void tell(void *context, int line, const char *message)
{
	const struct teller *teller = context;
	char text[CONF_TEXT_SIZE * 4];

	if (line)
		snprintf(text, sizeof(text), "%.400s:%d: %s", teller->path, line, message);
	else
		snprintf(text, sizeof(text), "%.400s: %s", teller->path, message);
	teller->error(teller->context, text);
}

/* NULL after errors; if partly is set, what could be read in spite of them. */
static struct conf *read_file(const char *path, bool partly,
			      void (*error)(void *context, const char *line), void *context)
{
	struct teller teller = {.path = path, .error = error, .context = context};
	struct conf *conf = calloc(1, sizeof(*conf));
	char *text = NULL;
	size_t size = 0;
	int result = conf ? read_text(path, &text, &size) : -ENOMEM;
	bool read = result == 0;

	if (read)
		result = conf_parse(conf, text, size, tell, &teller);
	if (!read || result == -ENOMEM)
		tell(&teller, 0, reason_of(result));
	free(text);
	if (read && (partly || result == 0))
		return conf;
	free(conf);
	return NULL;
}

struct conf *conf_file_read(const char *path, void (*error)(void *context, const char *line),
			    void *context)
{
	return read_file(path, false, error, context);
}

const char *conf_source_name(const struct conf_source *source, char text[CONF_PATH_SIZE])
{
	snprintf(text, CONF_PATH_SIZE, "%s%s", source->vip ? "--vip " : "",
		 source->vip ? source->vip : source->path);
	return text;
}

/* The text has one line, and the user has written none. */
static void tell_without_line(void *context, int line, const char *message)
{
	(void)line;
	tell(context, 0, message);
}

/* The smallest complete file, with these addresses. */
static struct conf *make(const char *vip, void (*error)(void *context, const char *line),
			 void *context)
{
	struct teller teller = {.path = "--vip", .error = error, .context = context};
	struct conf *conf = calloc(1, sizeof(*conf));
	char text[VIP_TEXT_SIZE];
	int size = snprintf(text, sizeof(text),
			    "vrrp_instance apiserver { virtual_ipaddress { %s } }", vip);
	int result = -EINVAL;

	if (!conf)
		result = -ENOMEM;
	else if (vip[strspn(vip, "0123456789abcdefABCDEF:./, ")] || (size_t)size >= sizeof(text))
		tell(&teller, 0, "is a list of IPv4 and IPv6 addresses, up to 1 KB");
	else
		result = conf_parse(conf, text, (size_t)size, tell_without_line, &teller);
	if (result == -ENOMEM)
		tell(&teller, 0, reason_of(result));
	if (result == 0)
		return conf;
	free(conf);
	return NULL;
}

struct conf *conf_source_read(const struct conf_source *source,
			      void (*error)(void *context, const char *line), void *context)
{
	return source->vip ? make(source->vip, error, context)
			   : conf_file_read(source->path, error, context);
}

void conf_file_print_error(void *stream, const char *line)
{
	fprintf(stream, "%s\n", line);
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
	fprintf(stream, "\t%s {", option->name);
	for (size_t i = 0; i < count; i++)
		fprintf(stream, " %s", addr_format(&list[i], text));
	fprintf(stream, " }\n");
}

/* Whether the parser takes the text for one word. */
static bool is_word(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-:/[]?&%=";

	return *text != '\0' && *text != '=' && text[strspn(text, letters)] == '\0' &&
	       strncmp(text, "//", 2) != 0;
}

static void print_word(const char *text, FILE *stream)
{
	const char *quote = is_word(text) ? "" : "\"";

	fprintf(stream, " %s%s%s", quote, text, quote);
}

/* A list of texts, each of size bytes. */
static void print_texts(const struct conf_option *option, const char *list, size_t size,
			size_t count, FILE *stream)
{
	if (count == 0)
		return;
	fprintf(stream, "\t%s {", option->name);
	for (size_t i = 0; i < count; i++)
		print_word(list + i * size, stream);
	fprintf(stream, " }\n");
}

static void print_value(const struct conf_option *option, const void *fields, FILE *stream)
{
	char text[CONF_TEXT_SIZE];
	const char *indent = option->section == CONF_SECTION_GLOBAL ? "" : "\t";

	fprintf(stream, "%s%s", indent, option->name);
	print_word(conf_option_format(option, fields, text), stream);
	fputc('\n', stream);
}

/* Without a list the port is that of url. */
static void print_ports(const struct conf_option *option, const struct conf_instance *instance,
			FILE *stream)
{
	if (instance->balance_port_count == 0)
		return;
	fprintf(stream, "\t%s {", option->name);
	for (size_t i = 0; i < instance->balance_port_count; i++)
		fprintf(stream, " %u", (unsigned)instance->balance_ports[i]);
	fprintf(stream, " }\n");
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
		else if (option->type == CONF_TYPE_PORTS)
			print_ports(option, instance, stream);
		else if (option->type == CONF_TYPE_FILES)
			print_texts(option, instance->track_files[0], CONF_PATH_SIZE,
				    instance->track_file_count, stream);
		else if (option->type == CONF_TYPE_INTERFACES)
			print_texts(option, instance->track_interfaces[0], CONF_INTERFACE_SIZE,
				    instance->track_interface_count, stream);
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
