/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file. What is accepted is printed and read again, and is the same; what is
 * refused is refused with words, each a clean line.
 */
#include "fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux/conf_file.h"

const unsigned fuzz_mutations = 3000;

struct file {
	int fd;
	char path[64];
};

static struct file file_new(const char *name)
{
	struct file file = {.fd = memfd_create(name, MFD_CLOEXEC)};

	assert(file.fd >= 0);
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	return file;
}

static void file_write(const struct file *file, const void *data, size_t size)
{
	ssize_t written;

	assert(ftruncate(file->fd, 0) == 0);
	written = pwrite(file->fd, data, size, 0);
	assert(written == (ssize_t)size);
}

struct errors {
	const char *path;
	unsigned count;
};

static void on_error(void *context, const char *line)
{
	struct errors *errors = context;

	errors->count++;
	assert(strncmp(line, errors->path, strlen(errors->path)) == 0);
	assert(strlen(line) > strlen(errors->path) + 2);
	for (const char *c = line; *c; c++)
		assert(!iscntrl((unsigned char)*c));
}

static struct conf *read_file(const struct file *file)
{
	struct errors errors = {.path = file->path};
	struct conf *conf = conf_file_read(file->path, on_error, &errors);

	assert((conf == NULL) == (errors.count > 0));
	return conf;
}

static void check_round_trip(const struct conf *conf, const struct file *file)
{
	struct conf *again;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert(stream);
	conf_file_print(conf, stream);
	assert(fclose(stream) == 0);
	assert(size <= CONF_FILE_SIZE_MAX);
	file_write(file, text, size);
	again = read_file(file);
	assert(again);
	assert(memcmp(conf, again, sizeof(*conf)) == 0);
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct conf *conf;

	if (!file.path[0])
		file = file_new("conf");
	file_write(&file, data, size);
	conf = read_file(&file);
	if (conf)
		check_round_trip(conf, &file);
	free(conf);
	return 0;
}
