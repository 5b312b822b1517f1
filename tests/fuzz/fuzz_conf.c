/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a configuration. What is accepted is printed and read again, and is the same; what is
 * refused is refused with words, each a clean line that names a line of the text.
 */
#include "fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/file.h"
#include "conf/parse.h"

const unsigned fuzz_mutations = 3000;

struct errors {
	int lines; /* of the text */
	int last;
	unsigned count;
};

static void on_error(void *context, int line, const char *message)
{
	struct errors *errors = context;

	errors->count++;
	assert(errors->count <= 101);
	assert(line <= errors->lines);
	assert(line >= errors->last || (line == 0 && errors->count == 101));
	errors->last = line;
	assert(*message);
	for (const char *c = message; *c; c++)
		assert(!iscntrl((unsigned char)*c));
}

static struct conf *parse(const void *data, size_t size)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct errors errors = {.lines = 1};
	const char *text = data;
	int error;

	for (size_t i = 0; i < size; i++)
		errors.lines += text[i] == '\n';
	error = conf_parse(conf, text, size, on_error, &errors);
	assert(error == (errors.count > 0 ? -EINVAL : 0));
	if (error == 0)
		return conf;
	free(conf);
	return NULL;
}

static void check_round_trip(const struct conf *conf)
{
	struct conf *again;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert(stream);
	conf_file_print(conf, stream);
	assert(fclose(stream) == 0);
	assert(size <= CONF_FILE_SIZE_MAX);
	again = parse(text, size);
	assert(again);
	assert(conf_equal(conf, again));
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
	struct conf *conf = parse(data, size);

	if (conf) {
		check_limits(conf);
		check_round_trip(conf);
	}
	free(conf);
	return 0;
}
