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

#include "conf/file.h"

#define SECOND_US 1000000

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

static bool is_within(int64_t value, int64_t low, int64_t high)
{
	return value >= low && value <= high;
}

/* The limits once more, as cpvrrp.conf(5) gives them. */
static void check_instance_limits(const struct conf_instance *instance)
{
	assert(instance->virtual_router_id != 0);
	assert(instance->priority == 0 || is_within(instance->priority, 155, 254));
	assert(is_within(instance->advert_int_cs, 1, 4095));
	assert(is_within(instance->preempt_delay_us, 0, 1000 * SECOND_US));
	assert(is_within((int64_t)instance->address_count, 1, 20));
	assert(is_within((int64_t)instance->peer_count, 0, 64));
	assert(instance->unicast == (instance->peer_count > 0));
}

static void check_limits(const struct conf *conf)
{
	const struct conf_apiserver *apiserver = &conf->apiserver;

	assert(conf->address_lease_s == 0 || is_within(conf->address_lease_s, 2, 3600));
	assert(is_within(conf->announce_refresh_s, 0, 3600));
	assert((conf->metrics_listen[0] != '\0') == (conf->metrics_port != 0));
	assert(!addr_is_multicast(&conf->metrics_address));
	assert(strncmp(apiserver->url, "https://", 8) == 0 && apiserver->path[0] == '/');
	assert(apiserver->port != 0 && !addr_is_unspecified(&apiserver->address));
	assert(is_within(apiserver->interval_us, SECOND_US / 20, 60 * SECOND_US));
	assert(is_within(apiserver->timeout_us, SECOND_US / 20, 60 * SECOND_US));
	assert(is_within(apiserver->fall, 1, 100) && is_within(apiserver->rise, 1, 100));
	assert(!(apiserver->insecure_skip_verify && apiserver->token_file[0]));
	assert(is_within((int64_t)conf->instance_count, 1, CONF_INSTANCES_MAX));
	for (size_t i = 0; i < conf->instance_count; i++)
		check_instance_limits(&conf->instances[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct conf *conf;

	if (!file.path[0])
		file = file_new("conf");
	file_write(&file, data, size);
	conf = read_file(&file);
	if (conf) {
		check_limits(conf);
		check_round_trip(conf, &file);
	}
	free(conf);
	return 0;
}
