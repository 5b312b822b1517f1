/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HTTPS_PORT 443
#define DNS_LABEL_MAX 63 /* RFC 1035 2.3.4 */

/* An apiserver answers this name with the certificate of its own loopback client, whatever its
 * serving certificate is (k8s.io/apiserver, SecureServingInfo). */
#define SERVER_NAME_INTERNAL "apiserver-loopback-client"

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

static void text_store(void *field, size_t size, const char *text)
{
	size_t length = strlen(text);

	assert(length < size);
	memcpy(field, text, length + 1);
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

/* Text without the unit at its end, if that makes a value of the option: "250ms" is 0.25 seconds.
 */
static bool without_unit(const struct conf_option *option, const char *text,
			 char ret_number[CONF_TEXT_SIZE])
{
	static const struct {
		const char *name;
		int64_t us;
	} units[] = {{"us", 1},		 {"ms", 1000},		{"s", SECOND_US},
		     {"sec", SECOND_US}, {"m", 60 * SECOND_US}, {"min", 60 * SECOND_US}};
	size_t length = strspn(text, "0123456789.");
	char number[16];
	int64_t value;

	if (!option->is_time || length >= sizeof(number))
		return false;
	memcpy(number, text, length);
	number[length] = '\0';
	text += length + strspn(text + length, " ");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(units[i].name, text) != 0)
			continue;
		value = number_parse(number, units[i].us);
		if (value < 0 || value > INT64_MAX / option->scale ||
		    value * option->scale % SECOND_US != 0)
			return false;
		value = value * option->scale / SECOND_US;
		number_format(value, option->scale, ret_number);
		return value >= option->min && value <= option->max;
	}
	return false;
}

static bool parse_number(const struct conf_option *option, void *field, const char *text,
			 char reason[CONF_TEXT_SIZE])
{
	char min[CONF_TEXT_SIZE];
	char max[CONF_TEXT_SIZE];
	char number[CONF_TEXT_SIZE];
	int64_t value = number_parse(text, option->scale);
	int used = 0;

	if (option->raised_from > 0 && value >= option->raised_from && value < option->min)
		value = option->min;
	if (value >= option->min && value <= option->max) {
		number_store(field, option->size, value);
		return true;
	}
	if (without_unit(option, text, number))
		used = snprintf(reason, CONF_TEXT_SIZE, "has no unit here: write %.32s; ", number);
	else if (value < 0)
		used = snprintf(reason, CONF_TEXT_SIZE, "not a plain number; ");
	snprintf(reason + used, (size_t)(CONF_TEXT_SIZE - used),
		 "allowed are %s%s%.32s to %.32s%s%s", option->zero ? option->zero : "",
		 option->zero ? " or " : "", number_format(option->min, option->scale, min),
		 number_format(option->max, option->scale, max), *option->unit ? " " : "",
		 option->unit);
	return false;
}

static bool parse_word(const struct conf_option *option, void *field, const char *text,
		       char reason[CONF_TEXT_SIZE])
{
	int used = 0;

	for (size_t i = 0; option->words[i]; i++) {
		if (strcmp(option->words[i], text) == 0) {
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

static bool parse_boolean(const struct conf_option *option, void *field, const char *text,
			  char reason[CONF_TEXT_SIZE])
{
	int first = option->type == CONF_TYPE_AUTO_BOOLEAN ? 1 : 0;
	static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};

	for (int value = 0; value < 2; value++) {
		for (int i = 0; i < 3; i++) {
			if (strcasecmp(words[value][i], text) == 0) {
				number_store(field, option->size, first + value);
				return true;
			}
		}
	}
	return refuse(reason, "allowed are %s%strue, yes, on, false, no, off",
		      option->zero ? option->zero : "", option->zero ? ", " : "");
}

/* Without quotes, so that every path can be printed between quotes. */
static bool parse_path(void *field, size_t size, const char *text, char reason[CONF_TEXT_SIZE])
{
	if (*text != '/')
		return refuse(reason, "must be an absolute path");
	if (strlen(text) >= size)
		return refuse(reason, "a path of up to %zu bytes is allowed", size - 1);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || strchr("\"'", *c))
			return refuse(reason,
				      "control characters and quotes are not allowed in a path");
	text_store(field, size, text);
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
		if (!is_graphic(*c) || strchr("\"'#", *c))
			return refuse(reason, "spaces, quotes, # and bytes outside ASCII are not "
					      "allowed in a URL");
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
	snprintf(apiserver->path, sizeof(apiserver->path), "%s%s", *rest == '/' ? "" : "/", rest);
	return true;
}

/* A link-local address would need an interface to be bound to. */
static bool parse_listen(struct conf *conf, const char *text, char reason[CONF_TEXT_SIZE])
{
	struct addr address = {0};
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

	if (strcasecmp(text, SERVER_NAME_INTERNAL) == 0)
		return refuse(reason, "to this name an apiserver shows its private loopback "
				      "certificate, never its serving certificate");
	if (strlen(text) >= CONF_HOST_SIZE || (!is_dns_name(text) && !addr_parse(text, &address)))
		return refuse(reason, "must be a DNS name or an address");
	text_store(field, CONF_HOST_SIZE, text);
	return true;
}

/* dev_valid_name() of the kernel. */
static bool parse_name(void *field, const char *text, const char * or, char reason[CONF_TEXT_SIZE])
{
	size_t length = strlen(text);

	if (length == 0 || length >= CONF_INTERFACE_SIZE)
		return refuse(reason, "must be %sa name of 1 to %d bytes", or,
			      CONF_INTERFACE_SIZE - 1);
	for (const char *c = text; *c; c++)
		if (!is_graphic(*c) || strchr("/:\"'", *c))
			return refuse(reason, "spaces, slashes, colons, quotes and bytes outside "
					      "ASCII are not allowed in a name");
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return refuse(reason, "is not the name of an interface");
	text_store(field, CONF_INTERFACE_SIZE, text);
	return true;
}

static bool parse_interface(void *field, const char *text, char reason[CONF_TEXT_SIZE])
{
	if (strcmp(text, "lo") == 0)
		return refuse(reason, "nothing that is sent on lo leaves the node, so that every "
				      "node would hold the address");
	return parse_name(field, text, "auto or ", reason);
}

/* Appends what has been parsed into the place behind the last one of a list of texts. */
static bool append_text(char *list, size_t size, size_t *count, char reason[CONF_TEXT_SIZE])
{
	const char *text = list + *count * size;

	for (size_t i = 0; i < *count; i++)
		if (strcmp(list + i * size, text) == 0)
			return refuse(reason, "is in the list twice");
	(*count)++;
	return true;
}

static bool parse_tracked_file(struct conf_instance *instance, const char *text,
			       char reason[CONF_TEXT_SIZE])
{
	if (*text != '/')
		return refuse(reason, "must be an absolute path, which needs no section and no "
				      "other name");
	if (instance->track_file_count == CONF_TRACKED_MAX)
		return refuse(reason, "1 to %d files are allowed", CONF_TRACKED_MAX);
	return parse_path(instance->track_files[instance->track_file_count], CONF_PATH_SIZE, text,
			  reason) &&
	       append_text(instance->track_files[0], CONF_PATH_SIZE, &instance->track_file_count,
			   reason);
}

static bool parse_tracked_interface(struct conf_instance *instance, const char *text,
				    char reason[CONF_TEXT_SIZE])
{
	if (instance->track_interface_count == CONF_TRACKED_MAX)
		return refuse(reason, "1 to %d interfaces are allowed", CONF_TRACKED_MAX);
	return parse_name(instance->track_interfaces[instance->track_interface_count], text, "",
			  reason) &&
	       append_text(instance->track_interfaces[0], CONF_INTERFACE_SIZE,
			   &instance->track_interface_count, reason);
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

static bool parse_balance_port(struct conf_instance *instance, const char *text,
			       char reason[CONF_TEXT_SIZE])
{
	int64_t port = number_parse(text, 1);

	if (port < 1 || port > UINT16_MAX)
		return refuse(reason, "allowed are ports, 1 to 65535");
	for (size_t i = 0; i < instance->balance_port_count; i++)
		if (instance->balance_ports[i] == port)
			return refuse(reason, "is in the list twice");
	if (instance->balance_port_count == CONF_BALANCE_PORTS_MAX)
		return refuse(reason, "1 to %d ports are allowed", CONF_BALANCE_PORTS_MAX);
	instance->balance_ports[instance->balance_port_count++] = (uint16_t)port;
	return true;
}

/* Sets the value that option->zero names. */
static void clear(const struct conf_option *option, void *section)
{
	memset((char *)section + option->offset, 0, option->size);
	if (option->type == CONF_TYPE_LISTEN) {
		struct conf *conf = section;

		conf->metrics_address = (struct addr){0};
		conf->metrics_port = 0;
	}
}

bool conf_option_parse(const struct conf_option *option, void *section, const char *text,
		       char reason[CONF_TEXT_SIZE])
{
	void *field = (char *)section + option->offset;

	/* A value depends on the file alone, and can be printed as it is. */
	if (strchr(text, '\\'))
		return refuse(reason, "backslashes are not allowed");
	if (strstr(text, "${"))
		return refuse(reason, "${...} is not allowed: a value does not depend on the "
				      "environment");
	if (option->zero && strcmp(text, option->zero) == 0) {
		clear(option, section);
		return true;
	}
	switch (option->type) {
	case CONF_TYPE_BOOLEAN:
	case CONF_TYPE_AUTO_BOOLEAN:
		return parse_boolean(option, field, text, reason);
	case CONF_TYPE_NUMBER:
		return parse_number(option, field, text, reason);
	case CONF_TYPE_WORD:
		return parse_word(option, field, text, reason);
	case CONF_TYPE_PATH:
		return parse_path(field, option->size, text, reason);
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
	case CONF_TYPE_PORTS:
		return parse_balance_port(section, text, reason);
	case CONF_TYPE_FILES:
		return parse_tracked_file(section, text, reason);
	case CONF_TYPE_INTERFACES:
		return parse_tracked_interface(section, text, reason);
	}
	return refuse(reason, "unknown type");
}

/* Whether the field holds what option->zero names. */
static bool is_clear(const struct conf_option *option, const char *field)
{
	switch (option->type) {
	case CONF_TYPE_BOOLEAN:
	case CONF_TYPE_AUTO_BOOLEAN:
	case CONF_TYPE_NUMBER:
	case CONF_TYPE_WORD:
		return number_load(field, option->size) == 0;
	case CONF_TYPE_ADDRESS:
		return addr_is_unspecified((const struct addr *)(const void *)field);
	case CONF_TYPE_PATH:
	case CONF_TYPE_URL:
	case CONF_TYPE_LISTEN:
	case CONF_TYPE_SERVER_NAME:
	case CONF_TYPE_INTERFACE:
		return *field == '\0';
	case CONF_TYPE_VIRTUAL_ADDRESSES:
	case CONF_TYPE_PEERS:
	case CONF_TYPE_PORTS:
	case CONF_TYPE_FILES:
	case CONF_TYPE_INTERFACES:
		break;
	}
	return false;
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
	case CONF_TYPE_AUTO_BOOLEAN:
		word = number_load(field, option->size) > 1 ? "true" : "false";
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
	case CONF_TYPE_PORTS:
	case CONF_TYPE_FILES:
	case CONF_TYPE_INTERFACES:
		break;
	}
	if (option->zero && is_clear(option, field))
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
		if (strcmp(conf->instances[i].name, name) == 0)
			return refuse(reason, "another instance has this name");

	instance = &conf->instances[conf->instance_count++];
	text_store(instance->name, sizeof(instance->name), name);
	set_defaults(CONF_SECTION_INSTANCE, instance);
	return true;
}
