/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/health.h"

#define SECOND_US INT64_C(1000000)
#define CENTISECOND_SCALE 100
#define HTTPS_PORT 443
#define DNS_LABEL_MAX 63 /* RFC 1035 2.3.4 */

/* An apiserver answers this name with the certificate of its own loopback client, whatever its
 * serving certificate is (k8s.io/apiserver, SecureServingInfo). */
#define SERVER_NAME_INTERNAL "apiserver-loopback-client"

static const char *const words_log_level[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const words_log_format[] = {"text", "json", NULL};
static const char *const words_preempt[] = {"health", "always", "never", NULL};
static const char *const words_checksum[] = {"rfc9568", "rfc5798", NULL};

static_assert(CONF_LOG_ERROR == 0 && CONF_LOG_DEBUG == 4, "words_log_level is in this order");
static_assert(CONF_LOG_TEXT == 0 && CONF_LOG_JSON == 1, "words_log_format is in this order");
static_assert(VRRP_PREEMPT_HEALTH == 0 && VRRP_PREEMPT_NEVER == 2, "words_preempt is in order");
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
	 .zero = "0", .min = 2, .max = 3600, .scale = 1, .unit = "whole seconds"},
	{GLOBAL(CONF_TYPE_NUMBER, "announce_refresh"), IN(conf, announce_refresh_s),
	 .initial = "30", .min = 0, .max = 3600, .scale = 1, .unit = "whole seconds"},
	{GLOBAL(CONF_TYPE_BOOLEAN, "realtime"), IN(conf, realtime), .initial = "false"},

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
	 .min = 50000, .max = 60 * SECOND_US, .scale = SECOND_US, .unit = "seconds"},
	{APISERVER(CONF_TYPE_NUMBER, "timeout"), IN(conf_apiserver, timeout_us), .initial = "1",
	 .min = 50000, .max = 60 * SECOND_US, .scale = SECOND_US, .unit = "seconds"},
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
	 .zero = "auto", .min = HEALTH_BAND_READY_MIN, .max = HEALTH_BAND_READY_MAX, .scale = 1,
	 .unit = ""},
	{INSTANCE(CONF_TYPE_NUMBER, "advert_int"), IN(conf_instance, advert_int_cs),
	 .initial = "0.25", .min = 1, .max = ADVERT_INTERVAL_MAX_CS, .scale = CENTISECOND_SCALE,
	 .unit = "seconds in whole centiseconds"},
	{INSTANCE(CONF_TYPE_WORD, "preempt"), IN(conf_instance, preempt), .initial = "health",
	 .words = words_preempt},
	{INSTANCE(CONF_TYPE_NUMBER, "preempt_delay"), IN(conf_instance, preempt_delay_us),
	 .initial = "0", .min = 0, .max = 1000 * SECOND_US, .scale = SECOND_US, .unit = "seconds"},
	{INSTANCE(CONF_TYPE_PEERS, "unicast_peer"), IN(conf_instance, peers)},
	{INSTANCE(CONF_TYPE_ADDRESS, "unicast_src_ip"), IN(conf_instance, unicast_src_ip),
	 .initial = "auto", .zero = "auto"},
	{INSTANCE(CONF_TYPE_WORD, "checksum"), IN(conf_instance, checksum), .initial = "rfc9568",
	 .words = words_checksum},
	{INSTANCE(CONF_TYPE_BOOLEAN, "track_apiserver"), IN(conf_instance, track_apiserver),
	 .initial = "true"},
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
		if (conf_options[i].section == section && !strcmp(conf_options[i].name, name))
			return &conf_options[i];
	return NULL;
}

bool conf_option_is_list(const struct conf_option *option)
{
	return option->type == CONF_TYPE_VIRTUAL_ADDRESSES || option->type == CONF_TYPE_PEERS;
}

/* Writes the reason and returns false. */
__attribute__((format(printf, 2, 3))) static bool refuse(char reason[CONF_TEXT_SIZE],
							 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, CONF_TEXT_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Visible ASCII. */
static bool is_graphic(char c)
{
	return c > ' ' && c < 0x7f;
}

/* What differs in padding or behind the end of a string would make equal files unequal structs. */
static void text_store(void *field, size_t size, const char *text)
{
	size_t length = strlen(text);

	assert(length < size);
	memset(field, 0, size);
	memcpy(field, text, length);
}

static void number_store(void *field, size_t size, int64_t value)
{
	const uint8_t u8 = (uint8_t)value;
	const uint16_t u16 = (uint16_t)value;
	const uint32_t u32 = (uint32_t)value;

	if (size == sizeof(u8))
		memcpy(field, &u8, size);
	else if (size == sizeof(u16))
		memcpy(field, &u16, size);
	else if (size == sizeof(u32))
		memcpy(field, &u32, size);
	else
		memcpy(field, &value, sizeof(value));
}

static int64_t number_load(const void *field, size_t size)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	int64_t value;

	if (size == sizeof(u8)) {
		memcpy(&u8, field, size);
		return u8;
	}
	if (size == sizeof(u16)) {
		memcpy(&u16, field, size);
		return u16;
	}
	if (size == sizeof(u32)) {
		memcpy(&u32, field, size);
		return u32;
	}
	memcpy(&value, field, sizeof(value));
	return value;
}

/*
 * Decimal text to units of 1/scale, exactly: no binary fraction, no exponent, no sign, no unit. -1
 * if it is no number of that kind, INT64_MAX if it is larger than any limit or finer than a unit.
 */
static int64_t number_parse(const char *text, int64_t scale)
{
	const int64_t enough = INT64_C(1000000000);
	int64_t value = 0;
	bool fits = true;

	if (!is_digit(*text))
		return -1;
	for (; is_digit(*text); text++) {
		value = value * 10 + (*text - '0');
		fits = fits && value < enough;
		value = fits ? value : enough;
	}
	value *= scale;
	if (*text == '.' && is_digit(text[1])) {
		for (text++; is_digit(*text); text++) {
			fits = fits && (scale > 1 || *text == '0');
			scale /= 10;
			value += scale * (*text - '0');
		}
	}
	if (*text)
		return -1;
	return fits ? value : INT64_MAX;
}

/* With as few digits behind the point as it takes, without a point for none. */
static const char *number_format(int64_t value, int64_t scale, char text[CONF_TEXT_SIZE])
{
	int digits = 0;
	int end;

	for (int64_t place = scale; place > 1; place /= 10)
		digits++;
	end = snprintf(text, CONF_TEXT_SIZE, "%" PRId64 ".%0*" PRId64, value / scale, digits,
		       value % scale);
	while (text[end - 1] == '0')
		end--;
	if (text[end - 1] == '.')
		end--;
	text[end] = '\0';
	return text;
}

static bool parse_number(const struct conf_option *option, void *field, const char *text,
			 char reason[CONF_TEXT_SIZE])
{
	char min[CONF_TEXT_SIZE];
	char max[CONF_TEXT_SIZE];
	int64_t value = number_parse(text, option->scale);

	if (value >= option->min && value <= option->max) {
		number_store(field, option->size, value);
		return true;
	}
	return refuse(reason, "%sallowed are %s%s%.32s to %.32s%s%s",
		      value < 0 ? "not a plain number; " : "", option->zero ? option->zero : "",
		      option->zero ? " or " : "", number_format(option->min, option->scale, min),
		      number_format(option->max, option->scale, max), *option->unit ? " " : "",
		      option->unit);
}

static bool parse_word(const struct conf_option *option, void *field, const char *text,
		       char reason[CONF_TEXT_SIZE])
{
	int used = 0;

	for (size_t i = 0; option->words[i]; i++) {
		if (!strcmp(option->words[i], text)) {
			number_store(field, option->size, (int64_t)i);
			return true;
		}
	}
	refuse(reason, "allowed are");
	used = (int)strlen(reason);
	for (size_t i = 0; option->words[i]; i++)
		used += snprintf(reason + used, CONF_TEXT_SIZE - (size_t)used, "%s %s",
				 i ? "," : "", option->words[i]);
	return false;
}

/* The words of cfg_parse_boolean() in libconfuse. */
static bool parse_boolean(void *field, const char *text, char reason[CONF_TEXT_SIZE])
{
	static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};

	for (int value = 0; value < 2; value++) {
		for (int i = 0; i < 3; i++) {
			if (!strcasecmp(words[value][i], text)) {
				number_store(field, sizeof(bool), value);
				return true;
			}
		}
	}
	return refuse(reason, "allowed are true, yes, on, false, no, off");
}

/* Quotes and backslashes are refused so that every value can be printed between quotes as it is. */
static bool parse_path(const struct conf_option *option, void *field, const char *text,
		       char reason[CONF_TEXT_SIZE])
{
	if (*text != '/')
		return refuse(reason, "must be an absolute path");
	if (strlen(text) >= option->size)
		return refuse(reason, "a path of up to %zu bytes is allowed", option->size - 1);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || strchr("\"'\\", *c))
			return refuse(reason, "control characters, quotes and backslashes are not "
					      "allowed in a path");
	text_store(field, option->size, text);
	return true;
}

/* The host of the URL, up to the port or path. Returns where it ends, NULL if it is no address. */
static const char *parse_host(const char *text, struct addr *ret)
{
	char host[ADDR_TEXT_SIZE];
	bool bracket = *text == '[';
	size_t length;
	struct addr addr;

	text += bracket;
	length = strcspn(text, bracket ? "]" : ":/?");
	if (length >= sizeof(host) || (bracket && text[length] != ']'))
		return NULL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!addr_parse(host, &addr) || bracket != (addr.family == ADDR_FAMILY_IPV6))
		return NULL;
	*ret = addr;
	return text + length + bracket;
}

/* ":port" or nothing. Returns where it ends, NULL if it is no port. */
static const char *parse_port(const char *text, uint16_t *ret)
{
	unsigned port = 0;

	if (*text != ':') {
		*ret = HTTPS_PORT;
		return text;
	}
	for (text++; is_digit(*text) && port <= UINT16_MAX; text++)
		port = port * 10 + (unsigned)(*text - '0');
	if (port == 0 || port > UINT16_MAX)
		return NULL;
	*ret = (uint16_t)port;
	return text;
}

static bool parse_url(struct conf_apiserver *apiserver, const char *text,
		      char reason[CONF_TEXT_SIZE])
{
	static const char scheme[] = "https://";
	struct addr address;
	uint16_t port = 0;
	const char *rest;

	if (strlen(text) >= sizeof(apiserver->url) - 1)
		return refuse(reason, "a URL of up to %zu bytes is allowed",
			      sizeof(apiserver->url) - 2);
	for (const char *c = text; *c; c++)
		if (!is_graphic(*c) || strchr("\"'\\#", *c))
			return refuse(reason, "spaces, quotes, backslashes, # and bytes outside "
					      "ASCII are not allowed in a URL");
	if (strncmp(text, scheme, strlen(scheme)) != 0)
		return refuse(reason, "only https:// is allowed");
	rest = parse_host(text + strlen(scheme), &address);
	if (!rest)
		return refuse(reason, "the host must be an address, such as 127.0.0.1 or [::1]: "
				      "the probe does not depend on a resolver");
	if (addr_is_unspecified(&address) || addr_is_multicast(&address))
		return refuse(reason, "the host must be an address that can be connected to");
	rest = parse_port(rest, &port);
	if (!rest)
		return refuse(reason, "allowed ports are 1 to 65535");
	if (*rest && *rest != '/' && *rest != '?')
		return refuse(reason, "must be https://ADDRESS[:PORT][/PATH]");

	text_store(apiserver->url, sizeof(apiserver->url), text);
	apiserver->address = address;
	apiserver->port = port;
	memset(apiserver->path, 0, sizeof(apiserver->path));
	snprintf(apiserver->path, sizeof(apiserver->path), "%s%s", *rest == '/' ? "" : "/", rest);
	return true;
}

/* A link-local address would need an interface to be bound to. */
static bool parse_listen(struct conf *conf, const char *text, char reason[CONF_TEXT_SIZE])
{
	struct addr address;
	uint16_t port = 0;
	const char *rest = parse_host(text, &address);

	if (!rest || *rest != ':' || strlen(text) >= sizeof(conf->metrics_listen))
		return refuse(reason, "must be ADDRESS:PORT, such as 127.0.0.1:9466 or [::]:9466");
	rest = parse_port(rest, &port);
	if (!rest || *rest)
		return refuse(reason, "allowed ports are 1 to 65535");
	if (addr_is_multicast(&address) || addr_is_link_local(&address))
		return refuse(reason, "a multicast or link-local address is not allowed");
	text_store(conf->metrics_listen, sizeof(conf->metrics_listen), text);
	conf->metrics_address = address;
	conf->metrics_port = port;
	return true;
}

/* RFC 1123 2.1, and the underscore that DNS allows. */
static bool is_dns_name(const char *text)
{
	for (;;) {
		size_t length = strcspn(text, ".");

		if (length == 0 || length > DNS_LABEL_MAX)
			return false;
		if (text[0] == '-' || text[length - 1] == '-')
			return false;
		for (size_t i = 0; i < length; i++)
			if (!is_alphanumeric(text[i]) && text[i] != '-' && text[i] != '_')
				return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool parse_server_name(void *field, const char *text, char reason[CONF_TEXT_SIZE])
{
	struct addr address;

	if (!strcasecmp(text, SERVER_NAME_INTERNAL))
		return refuse(reason, "to this name an apiserver shows its private loopback "
				      "certificate, never its serving certificate");
	if (strlen(text) >= CONF_HOST_SIZE || (!is_dns_name(text) && !addr_parse(text, &address)))
		return refuse(reason, "must be a DNS name or an address");
	text_store(field, CONF_HOST_SIZE, text);
	return true;
}

/* dev_valid_name() of the kernel. */
static bool parse_interface(void *field, const char *text, char reason[CONF_TEXT_SIZE])
{
	size_t length = strlen(text);

	if (length == 0 || length >= CONF_INTERFACE_SIZE)
		return refuse(reason, "must be auto or a name of 1 to %d bytes",
			      CONF_INTERFACE_SIZE - 1);
	for (const char *c = text; *c; c++)
		if (!is_graphic(*c) || strchr("/:\"'\\", *c))
			return refuse(reason, "spaces, slashes, colons, quotes, backslashes and "
					      "bytes outside ASCII are not allowed in a name");
	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return refuse(reason, "is not the name of an interface");
	text_store(field, CONF_INTERFACE_SIZE, text);
	return true;
}

/* An address that a node can have and others can send to. */
static bool parse_address(const char *text, struct addr *ret, char reason[CONF_TEXT_SIZE])
{
	struct addr address = {0};

	if (!addr_parse(text, &address))
		return refuse(reason, "not an IPv4 or IPv6 address");
	if (addr_is_unspecified(&address))
		return refuse(reason, "the unspecified address is not allowed");
	if (addr_is_loopback(&address))
		return refuse(reason, "a loopback address is not allowed");
	if (addr_is_multicast(&address))
		return refuse(reason, "a multicast or broadcast address is not allowed");
	*ret = address;
	return true;
}

static bool append_address(struct addr *list, size_t *count, size_t max, const struct addr *address,
			   char reason[CONF_TEXT_SIZE])
{
	if (addr_in_list(address, list, *count))
		return refuse(reason, "is in the list twice");
	if (*count == max)
		return refuse(reason, "1 to %zu addresses are allowed", max);
	list[(*count)++] = *address;
	return true;
}

static bool parse_virtual_address(struct conf_instance *instance, const char *text,
				  char reason[CONF_TEXT_SIZE])
{
	char plain[ADDR_TEXT_SIZE];
	size_t length = strcspn(text, "/");
	struct addr address = {0};

	if (length >= sizeof(plain))
		return refuse(reason, "not an IPv4 or IPv6 address");
	memcpy(plain, text, length);
	plain[length] = '\0';
	if (!parse_address(plain, &address, reason))
		return false;
	if (text[length] &&
	    number_parse(text + length + 1, 1) != (int64_t)addr_bits(address.family))
		return refuse(reason,
			      "only /%u is allowed: the network of the interface is that of its "
			      "own address, and a virtual address must not bring another route",
			      addr_bits(address.family));
	return append_address(instance->addresses, &instance->address_count, CONF_ADDRESSES_MAX,
			      &address, reason);
}

static bool parse_peer(struct conf_instance *instance, const char *text,
		       char reason[CONF_TEXT_SIZE])
{
	struct addr address;

	if (!parse_address(text, &address, reason) ||
	    !append_address(instance->peers, &instance->peer_count, CONF_PEERS_MAX, &address,
			    reason))
		return false;
	instance->unicast = true;
	return true;
}

bool conf_option_parse(const struct conf_option *option, void *section, const char *text,
		       char reason[CONF_TEXT_SIZE])
{
	void *field = (char *)section + option->offset;

	if (option->zero && !strcmp(text, option->zero)) {
		memset(field, 0, option->size);
		return true;
	}
	switch (option->type) {
	case CONF_TYPE_BOOLEAN:
		return parse_boolean(field, text, reason);
	case CONF_TYPE_NUMBER:
		return parse_number(option, field, text, reason);
	case CONF_TYPE_WORD:
		return parse_word(option, field, text, reason);
	case CONF_TYPE_PATH:
		return parse_path(option, field, text, reason);
	case CONF_TYPE_URL:
		return parse_url(section, text, reason);
	case CONF_TYPE_LISTEN:
		return parse_listen(section, text, reason);
	case CONF_TYPE_SERVER_NAME:
		return parse_server_name(field, text, reason);
	case CONF_TYPE_INTERFACE:
		return parse_interface(field, text, reason);
	case CONF_TYPE_ADDRESS:
		return parse_address(text, field, reason);
	case CONF_TYPE_VIRTUAL_ADDRESSES:
		return parse_virtual_address(section, text, reason);
	case CONF_TYPE_PEERS:
		return parse_peer(section, text, reason);
	}
	return refuse(reason, "unknown type");
}

static bool is_zero(const char *field, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (field[i])
			return false;
	return true;
}

const char *conf_option_format(const struct conf_option *option, const void *section,
			       char text[CONF_TEXT_SIZE])
{
	const char *field = (const char *)section + option->offset;
	const char *word = "";

	switch (option->type) {
	case CONF_TYPE_BOOLEAN:
		word = number_load(field, option->size) ? "true" : "false";
		break;
	case CONF_TYPE_NUMBER:
		word = number_format(number_load(field, option->size), option->scale, text);
		break;
	case CONF_TYPE_WORD:
		word = option->words[number_load(field, option->size)];
		break;
	case CONF_TYPE_PATH:
	case CONF_TYPE_URL:
	case CONF_TYPE_LISTEN:
	case CONF_TYPE_SERVER_NAME:
	case CONF_TYPE_INTERFACE:
		word = field;
		break;
	case CONF_TYPE_ADDRESS:
		word = addr_format((const struct addr *)(const void *)field, text);
		break;
	case CONF_TYPE_VIRTUAL_ADDRESSES:
	case CONF_TYPE_PEERS:
		break;
	}
	if (option->zero && is_zero(field, option->size))
		word = option->zero;
	if (word != text)
		text_store(text, CONF_TEXT_SIZE, word);
	return text;
}

static void set_defaults(enum conf_section section, void *fields)
{
	char reason[CONF_TEXT_SIZE];

	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];

		if (option->section == section && option->initial) {
			bool allowed = conf_option_parse(option, fields, option->initial, reason);

			assert(allowed);
		}
	}
}

void conf_init(struct conf *conf)
{
	set_defaults(CONF_SECTION_GLOBAL, conf);
	set_defaults(CONF_SECTION_APISERVER, &conf->apiserver);
}

bool conf_instance_add(struct conf *conf, const char *name, char reason[CONF_TEXT_SIZE])
{
	size_t length = strlen(name);
	struct conf_instance *instance;

	if (conf->instance_count == CONF_INSTANCES_MAX)
		return refuse(reason, "up to %d instances are allowed", CONF_INSTANCES_MAX);
	for (size_t i = 0; i < length; i++)
		if (!is_alphanumeric(name[i]) && !strchr("_.-", name[i]))
			length = 0;
	if (length == 0 || length >= CONF_NAME_SIZE)
		return refuse(reason,
			      "a name has 1 to %d letters, digits, underscores, dots and hyphens",
			      CONF_NAME_SIZE - 1);
	for (size_t i = 0; i < conf->instance_count; i++)
		if (!strcmp(conf->instances[i].name, name))
			return refuse(reason, "another instance has this name");

	instance = &conf->instances[conf->instance_count++];
	text_store(instance->name, sizeof(instance->name), name);
	set_defaults(CONF_SECTION_INSTANCE, instance);
	return true;
}

/* Where the cross checks report to. */
struct check {
	struct conf *conf;
	void (*error)(void *context, const struct conf_instance *instance, const char *option,
		      const char *message);
	void *context;
};

__attribute__((format(printf, 4, 5))) static void violation(const struct check *check,
							    const struct conf_instance *instance,
							    const char *option, const char *format,
							    ...)
{
	char message[CONF_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	check->error(check->context, instance, option, message);
}

static void check_apiserver(const struct check *check)
{
	const struct conf_apiserver *apiserver = &check->conf->apiserver;
	bool cert = *apiserver->client_cert_file;
	bool key = *apiserver->client_key_file;

	if (cert && !key)
		violation(check, NULL, "client_cert_file",
			  "needs client_key_file (one PEM file may hold both)");
	if (key && !cert)
		violation(check, NULL, "client_key_file",
			  "needs client_cert_file (one PEM file may hold both)");
	if (apiserver->insecure_skip_verify && (cert || key))
		violation(check, NULL, "insecure_skip_verify",
			  "not together with client_cert_file and client_key_file: a client "
			  "certificate is shown only to a verified server");
	if (apiserver->insecure_skip_verify && *apiserver->token_file)
		violation(check, NULL, "insecure_skip_verify",
			  "not together with token_file: a token is sent only to a verified "
			  "server");
}

static void check_peers(const struct check *check, const struct conf_instance *instance)
{
	char text[ADDR_TEXT_SIZE];
	bool in_addresses[ADDR_FAMILY_COUNT] = {false};
	bool in_peers[ADDR_FAMILY_COUNT] = {false};

	for (size_t i = 0; i < instance->address_count; i++)
		in_addresses[instance->addresses[i].family] = true;
	for (size_t i = 0; i < instance->peer_count; i++) {
		const struct addr *peer = &instance->peers[i];

		in_peers[peer->family] = true;
		if (addr_in_list(peer, instance->addresses, instance->address_count))
			violation(check, instance, "unicast_peer",
				  "%s is a virtual address; the nodes' own addresses are needed",
				  addr_format(peer, text));
	}
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++) {
		const char *name = family == ADDR_FAMILY_IPV4 ? "IPv4" : "IPv6";

		if (in_addresses[family] && !in_peers[family])
			violation(check, instance, "unicast_peer",
				  "has no %s address, but virtual_ipaddress has one", name);
		if (in_peers[family] && !in_addresses[family] && instance->address_count > 0)
			violation(check, instance, "unicast_peer",
				  "has an %s address, but virtual_ipaddress has none", name);
	}
}

static void check_unicast(const struct check *check, const struct conf_instance *instance)
{
	bool source = !addr_is_unspecified(&instance->unicast_src_ip);

	if (instance->unicast)
		check_peers(check, instance);
	if (source &&
	    !addr_in_list(&instance->unicast_src_ip, instance->peers, instance->peer_count))
		violation(check, instance, "unicast_src_ip",
			  "must be one of unicast_peer, which lists every node");
}

/* virtual_router_id may have to be derived; returns false if it cannot be. */
static void complete_vrid(const struct check *check, struct conf_instance *instance)
{
	const struct addr *first = &instance->addresses[0];
	char text[ADDR_TEXT_SIZE];

	if (instance->virtual_router_id != 0)
		return;
	instance->virtual_router_id = first->bytes[addr_size(first->family) - 1];
	if (instance->virtual_router_id == 0)
		violation(check, instance, "virtual_router_id",
			  "must be given, 1 to 255: the last byte of %s, its default, is 0",
			  addr_format(first, text));
}

static void check_instance(const struct check *check, struct conf_instance *instance)
{
	const struct addr *first = &instance->addresses[0];
	char text[ADDR_TEXT_SIZE];

	if (instance->address_count == 0) {
		violation(check, instance, "virtual_ipaddress", "must be given, 1 to %d addresses",
			  CONF_ADDRESSES_MAX);
		return;
	}
	complete_vrid(check, instance);
	check_unicast(check, instance);
	if (addr_is_link_local(first) && !*instance->interface)
		violation(check, instance, "interface",
			  "must be given: the link-local address %s is on-link on every interface",
			  addr_format(first, text));
	if (instance->track_apiserver && addr_in_list(&check->conf->apiserver.address,
						      instance->addresses, instance->address_count))
		violation(check, NULL, "url",
			  "%s is a virtual address of instance %s; each node asks its own "
			  "apiserver",
			  addr_format(&check->conf->apiserver.address, text), instance->name);
}

static bool share_family(const struct conf_instance *a, const struct conf_instance *b)
{
	for (unsigned family = 0; family < ADDR_FAMILY_COUNT; family++)
		if (conf_instance_has_family(a, (enum addr_family)family) &&
		    conf_instance_has_family(b, (enum addr_family)family))
			return true;
	return false;
}

/* An instance with `auto` may find itself on any interface. */
static bool may_share_interface(const struct conf_instance *a, const struct conf_instance *b)
{
	return !a->interface[0] || !b->interface[0] || !strcmp(a->interface, b->interface);
}

static void check_pair(const struct check *check, const struct conf_instance *instance,
		       const struct conf_instance *other)
{
	char text[ADDR_TEXT_SIZE];

	if (instance->virtual_router_id != 0 &&
	    instance->virtual_router_id == other->virtual_router_id &&
	    may_share_interface(instance, other) && share_family(instance, other))
		violation(check, instance, "virtual_router_id",
			  "%u is that of instance %s, too, and both may be on one interface",
			  instance->virtual_router_id, other->name);
	for (size_t i = 0; i < instance->address_count; i++)
		if (addr_in_list(&instance->addresses[i], other->addresses, other->address_count))
			violation(check, instance, "virtual_ipaddress",
				  "%s is an address of instance %s, too",
				  addr_format(&instance->addresses[i], text), other->name);
}

void conf_complete(struct conf *conf,
		   void (*error)(void *context, const struct conf_instance *instance,
				 const char *option, const char *message),
		   void *context)
{
	const struct check check = {.conf = conf, .error = error, .context = context};

	check_apiserver(&check);
	if (conf->instance_count == 0)
		violation(&check, NULL, conf_section_name(CONF_SECTION_INSTANCE),
			  "at least one is needed");
	for (size_t i = 0; i < conf->instance_count; i++) {
		check_instance(&check, &conf->instances[i]);
		for (size_t j = 0; j < i; j++)
			check_pair(&check, &conf->instances[i], &conf->instances[j]);
	}
}

bool conf_tracks_apiserver(const struct conf *conf)
{
	for (size_t i = 0; i < conf->instance_count; i++)
		if (conf->instances[i].track_apiserver)
			return true;
	return false;
}

bool conf_apiserver_equal(const struct conf_apiserver *a, const struct conf_apiserver *b)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];

		if (option->section == CONF_SECTION_APISERVER &&
		    memcmp((const char *)a + option->offset, (const char *)b + option->offset,
			   option->size) != 0)
			return false;
	}
	return true;
}

int64_t conf_address_refresh_us(const struct conf *conf)
{
	return (int64_t)conf->address_lease_s * SECOND_US / 3;
}

const struct conf_instance *conf_instance_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->instance_count; i++)
		if (strcmp(conf->instances[i].name, name) == 0)
			return &conf->instances[i];
	return NULL;
}

bool conf_instance_has_family(const struct conf_instance *instance, enum addr_family family)
{
	for (size_t i = 0; i < instance->address_count; i++)
		if (instance->addresses[i].family == family)
			return true;
	return false;
}
