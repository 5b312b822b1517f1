/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/option.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "core/priority.h"

#define CENTISECOND_SCALE 100

static const char *const words_log_level[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const words_log_format[] = {"text", "json", NULL};
static const char *const words_preempt[] = {"health", "always", "never", NULL};
static const char *const words_checksum[] = {"rfc9568", "rfc5798", NULL};

static_assert(CONF_LOG_ERROR == 0 && CONF_LOG_DEBUG == 4, "words_log_level is in this order");
static_assert(CONF_LOG_TEXT == 0 && CONF_LOG_JSON == 1, "words_log_format is in this order");
static_assert(VRRP_PREEMPT_HEALTH == 0 && VRRP_PREEMPT_NEVER == 2, "words_preempt is in order");
static_assert(CONF_REALTIME_AUTO == 0 && CONF_REALTIME_FALSE == 1 && CONF_REALTIME_TRUE == 2,
	      "realtime is an AUTO_BOOLEAN");
static_assert(ADVERT_CHECKSUM_RFC9568 == 0, "words_checksum is in this order");

#define IN(section, member)                                                                        \
	.offset = offsetof(struct section, member), .size = sizeof(((struct section *)0)->member)
#define GLOBAL(type_, name_) .section = CONF_SECTION_GLOBAL, .type = (type_), .name = (name_)
#define APISERVER(type_, name_) .section = CONF_SECTION_APISERVER, .type = (type_), .name = (name_)
#define INSTANCE(type_, name_) .section = CONF_SECTION_INSTANCE, .type = (type_), .name = (name_)

const struct conf_option conf_options[] = {
	{GLOBAL(CONF_TYPE_WORD, "log_level"), IN(conf, log_level), .initial = "info",
	 .words = words_log_level},
	{GLOBAL(CONF_TYPE_WORD, "log_format"), IN(conf, log_format), .initial = "text",
	 .words = words_log_format},
	{GLOBAL(CONF_TYPE_PATH, "control_socket"), IN(conf, control_socket),
	 .initial = "/run/cpvrrp/cpvrrp.sock"},
	{GLOBAL(CONF_TYPE_LISTEN, "metrics_listen"), IN(conf, metrics_listen), .initial = "",
	 .zero = ""},
	{GLOBAL(CONF_TYPE_NUMBER, "address_lease"), IN(conf, address_lease_s), .initial = "5",
	 .zero = "0", .min = 2, .max = 3600, .scale = 1, .is_time = true, .unit = "whole seconds"},
	{GLOBAL(CONF_TYPE_NUMBER, "announce_refresh"), IN(conf, announce_refresh_s),
	 .initial = "30", .min = 0, .max = 3600, .scale = 1, .is_time = true,
	 .unit = "whole seconds"},
	{GLOBAL(CONF_TYPE_AUTO_BOOLEAN, "realtime"), IN(conf, realtime), .initial = "auto",
	 .zero = "auto"},

	{APISERVER(CONF_TYPE_URL, "url"), IN(conf_apiserver, url),
	 .initial = "https://127.0.0.1:6443/readyz"},
	{APISERVER(CONF_TYPE_SERVER_NAME, "server_name"), IN(conf_apiserver, server_name),
	 .initial = "kubernetes"},
	{APISERVER(CONF_TYPE_PATH, "ca_file"), IN(conf_apiserver, ca_file),
	 .initial = "/etc/kubernetes/pki/ca.crt"},
	{APISERVER(CONF_TYPE_PATH, "client_cert_file"), IN(conf_apiserver, client_cert_file),
	 .initial = "", .zero = ""},
	{APISERVER(CONF_TYPE_PATH, "client_key_file"), IN(conf_apiserver, client_key_file),
	 .initial = "", .zero = ""},
	{APISERVER(CONF_TYPE_PATH, "token_file"), IN(conf_apiserver, token_file), .initial = "",
	 .zero = ""},
	{APISERVER(CONF_TYPE_BOOLEAN, "insecure_skip_verify"),
	 IN(conf_apiserver, insecure_skip_verify), .initial = "false"},
	{APISERVER(CONF_TYPE_NUMBER, "interval"), IN(conf_apiserver, interval_us), .initial = "1",
	 .min = 50000, .max = 60 * SECOND_US, .scale = SECOND_US, .is_time = true,
	 .unit = "seconds"},
	{APISERVER(CONF_TYPE_NUMBER, "timeout"), IN(conf_apiserver, timeout_us), .initial = "1",
	 .min = 50000, .max = 60 * SECOND_US, .scale = SECOND_US, .is_time = true,
	 .unit = "seconds"},
	{APISERVER(CONF_TYPE_NUMBER, "fall"), IN(conf_apiserver, fall), .initial = "3", .min = 1,
	 .max = 100, .scale = 1, .unit = "failures in a row"},
	{APISERVER(CONF_TYPE_NUMBER, "rise"), IN(conf_apiserver, rise), .initial = "2", .min = 1,
	 .max = 100, .scale = 1, .unit = "successes in a row"},

	{INSTANCE(CONF_TYPE_VIRTUAL_ADDRESSES, "virtual_ipaddress"), IN(conf_instance, addresses)},
	{INSTANCE(CONF_TYPE_INTERFACE, "interface"), IN(conf_instance, interface),
	 .initial = "auto", .zero = "auto"},
	{INSTANCE(CONF_TYPE_NUMBER, "virtual_router_id"), IN(conf_instance, virtual_router_id),
	 .min = 1, .max = 255, .scale = 1, .unit = ""},
	{INSTANCE(CONF_TYPE_NUMBER, "priority"), IN(conf_instance, priority), .initial = "auto",
	 .zero = "auto", .min = PRIORITY_READY_MIN, .max = PRIORITY_READY_MAX, .raised_from = 155,
	 .scale = 1, .unit = ""},
	{INSTANCE(CONF_TYPE_NUMBER, "advert_int"), IN(conf_instance, advert_int_cs),
	 .initial = "0.25", .min = 1, .max = ADVERT_INTERVAL_MAX_CS, .scale = CENTISECOND_SCALE,
	 .is_time = true, .unit = "seconds in whole centiseconds"},
	{INSTANCE(CONF_TYPE_WORD, "preempt"), IN(conf_instance, preempt), .initial = "health",
	 .words = words_preempt},
	{INSTANCE(CONF_TYPE_NUMBER, "preempt_delay"), IN(conf_instance, preempt_delay_us),
	 .initial = "0", .min = 0, .max = 1000 * SECOND_US, .scale = SECOND_US, .is_time = true,
	 .unit = "seconds"},
	{INSTANCE(CONF_TYPE_BOOLEAN, "members"), IN(conf_instance, members), .initial = "true"},
	{INSTANCE(CONF_TYPE_BOOLEAN, "balance"), IN(conf_instance, balance), .initial = "false"},
	{INSTANCE(CONF_TYPE_PORTS, "balance_port"), IN(conf_instance, balance_ports)},
	{INSTANCE(CONF_TYPE_PEERS, "unicast_peer"), IN(conf_instance, peers)},
	{INSTANCE(CONF_TYPE_ADDRESS, "unicast_src_ip"), IN(conf_instance, unicast_src_ip),
	 .initial = "auto", .zero = "auto"},
	{INSTANCE(CONF_TYPE_WORD, "checksum"), IN(conf_instance, checksum), .initial = "rfc9568",
	 .words = words_checksum},
	{INSTANCE(CONF_TYPE_BOOLEAN, "track_apiserver"), IN(conf_instance, track_apiserver),
	 .initial = "true"},
	{INSTANCE(CONF_TYPE_FILES, "track_file"), IN(conf_instance, track_files)},
	{INSTANCE(CONF_TYPE_INTERFACES, "track_interface"), IN(conf_instance, track_interfaces)},
};

const size_t conf_option_count = sizeof(conf_options) / sizeof(conf_options[0]);

const char *conf_section_name(enum conf_section section)
{
	static const char *const names[CONF_SECTION_COUNT] = {"", "apiserver", "vrrp_instance"};

	return names[section];
}

const struct conf_option *conf_option_find(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_options[i].section == section && strcmp(conf_options[i].name, name) == 0)
			return &conf_options[i];
	return NULL;
}

bool conf_option_is_list(const struct conf_option *option)
{
	return option->type == CONF_TYPE_VIRTUAL_ADDRESSES || option->type == CONF_TYPE_PEERS ||
	       option->type == CONF_TYPE_PORTS || option->type == CONF_TYPE_FILES ||
	       option->type == CONF_TYPE_INTERFACES;
}

/* How many bytes have to be added, removed or changed to make b of a (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
	size_t row[CONF_NAME_SIZE] = {0};
	size_t length = strlen(b);

	assert(length < CONF_NAME_SIZE);
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0]++;

		for (size_t j = 1; j <= length; j++) {
			size_t change = diagonal + (a[i] != b[j - 1]);
			size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = change < step ? change : step;
		}
	}
	return row[length];
}

const char *conf_option_nearest(enum conf_section section, const char *name)
{
	size_t limit = strlen(name) / 3 + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < conf_option_count + CONF_SECTION_COUNT; i++) {
		bool is_option = i < conf_option_count;
		enum conf_section where = is_option ? conf_options[i].section : CONF_SECTION_GLOBAL;
		const char *other =
			is_option ? conf_options[i].name
				  : conf_section_name((enum conf_section)(i - conf_option_count));
		size_t steps = where == section ? distance(name, other) : SIZE_MAX;

		if (where == section && strcasecmp(name, other) == 0)
			return other;
		if (steps <= limit && steps < strlen(name)) {
			limit = steps;
			nearest = other;
		}
	}
	return nearest;
}
