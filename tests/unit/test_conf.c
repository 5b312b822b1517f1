/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table against the manual and the design: a row per option with its default and what is
 * allowed and refused; the values as they are kept; the checks that span options.
 */
#include "unit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/option.h"
#include "conf/value.h"

#define GLOBAL CONF_SECTION_GLOBAL
#define APISERVER CONF_SECTION_APISERVER
#define INSTANCE CONF_SECTION_INSTANCE
#define VALUES_MAX 24
#define LONG_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_256 LONG_64 LONG_64 LONG_64 LONG_64

/* The end of a name of 253 characters, the longest of DNS. */
#define LABEL_62 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_252 LABEL_62 "." LABEL_62 "." LABEL_62 "." LABEL_62 "."

struct row {
	enum conf_section section;
	const char *name;
	const char *initial;
	const char *allowed[VALUES_MAX]; /* "as written" or "as written>as printed" */
	const char *refused[VALUES_MAX];
	const char *reason; /* part of what the last refused value is answered */
};

static const struct row rows[] = {
	{GLOBAL,
	 "log_level",
	 "info",
	 {"error", "warning", "notice", "info", "debug"},
	 {"", "INFO", "info ", "trace", "0", "loud"},
	 "allowed are error, warning, notice, info, debug"},
	{GLOBAL, "log_format", "text", {"text", "json"}, {"", "xml"}, "allowed are text, json"},
	{GLOBAL,
	 "control_socket",
	 "/run/cpvrrp/cpvrrp.sock",
	 {"/a", "/ !~", "/run/\303\244", "/" LONG_64 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	 {"", "a", "run/x", "/a\nb", "/a\"b", "/a'b", "/a\\b", "/a\177", "/a\037",
	  "/" LONG_64 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	 "up to 107 bytes"},
	{GLOBAL,
	 "metrics_listen",
	 "",
	 {"", "127.0.0.1:9466", "0.0.0.0:1", "[::]:65535",
	  "[2001:db8:1234:5678:1234:5678:1234:5678]:9466", "10.0.0.1:09466"},
	 {"9466", ":9466", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "::1:9466",
	  "[10.0.0.1]:9466", "[::1]9466", "node:9466", "10.0.0.1:9466/metrics", "10.0.0.1:x",
	  "10.0.0.1:0000000000000000000000000000000000000000000000000000000000001",
	  "10.0.0.1:0000000000000000000000000000000000000000000000000000001", "224.0.0.1:9466",
	  "169.254.0.1:9466", "[fe80::1]:9466"},
	 "a multicast or link-local address is not allowed"},
	{GLOBAL,
	 "address_lease",
	 "5",
	 {"0", "2", "3600", "5.000>5", "0003>3"},
	 {"", "1", "3601", "2.5", "-2", "1s", "5 s", " 5", "auto", "0x5", "5e1", "nan", "inf",
	  "18446744073709551621", "5."},
	 "not a plain number; allowed are 0 or 2 to 3600 whole seconds"},
	{GLOBAL,
	 "announce_refresh",
	 "30",
	 {"0", "1", "3600"},
	 {"", "-1", "0.5", "30s", "3601"},
	 "allowed are 0 to 3600 whole seconds"},
	{GLOBAL,
	 "realtime",
	 "auto",
	 {"auto", "true", "false", "Yes>true", "off>false"},
	 {"", "1", "rr", "Auto"},
	 "allowed are auto, true, yes, on, false, no, off"},

	{APISERVER,
	 "url",
	 "https://127.0.0.1:6443/readyz",
	 {"https://10.0.0.1", "https://10.0.0.1:1", "https://[2001:db8::1]:65535/readyz?verbose",
	  "https://[::1]/", "https://10.0.0.1?x=1&y=%20", "https://10.0.0.1/!~"},
	 {"",
	  "http://127.0.0.1/",
	  "HTTPS://127.0.0.1",
	  "https://",
	  "https://localhost:6443/readyz",
	  "https://::1/",
	  "https://[127.0.0.1]/",
	  "https://[::1",
	  "https://1.1.1.1111111111111111111111111111111111111111",
	  "https://1.1.1.111111111111111111111111111111111111111111111111111111111111111111111111",
	  "https://127.0.0.1:0/",
	  "https://127.0.0.1:65536/",
	  "https://127.0.0.1:4294967297/",
	  "https://127.0.0.1:/",
	  "https://127.0.0.1:6443readyz",
	  "https://u@127.0.0.1/",
	  "https://127.0.0.1/a b",
	  "https://127.0.0.1/\"",
	  "https://127.0.0.1/#x",
	  "https://0.0.0.0/",
	  "https://224.0.0.1/",
	  "https://[fe80::1%1]/"},
	 "the host must be an address"},
	{APISERVER,
	 "server_name",
	 "kubernetes",
	 {"k", "kubernetes.default.svc.cluster.local", "10.0.0.1", "2001:db8::1", "a_b-c.d",
	  NAME_252 "a", LABEL_62 "a", "azAZ09"},
	 {"", ".", "a..b", "a.", "-a", "a-", "a b", "*.example.org", "\303\244", LONG_64,
	  NAME_252 "ab", "a`", "a{", "a@", "a[", "a/", "a:", "apiserver-loopback-client",
	  "Apiserver-Loopback-Client"},
	 "private loopback certificate"},
	{APISERVER,
	 "ca_file",
	 "/etc/kubernetes/pki/ca.crt",
	 {"/x"},
	 {"", "x", "/" LONG_256},
	 "up to 255"},
	{APISERVER, "client_cert_file", "", {"", "/x"}, {"x"}, "absolute"},
	{APISERVER, "client_key_file", "", {"", "/x"}, {"x"}, "absolute"},
	{APISERVER, "token_file", "", {"", "/x"}, {"x"}, "absolute"},
	{APISERVER,
	 "insecure_skip_verify",
	 "false",
	 {"true", "yes>true", "on>true", "False>false", "no>false", "OFF>false"},
	 {"", "1", "0", "2", "maybe"},
	 "allowed are true, yes, on, false, no, off"},
	{APISERVER,
	 "interval",
	 "1",
	 {"0.05", "60", "0.050000>0.05", "0.0500010>0.050001", "1.000001"},
	 {"", "0", "0.049999", "60.000001", "1000ms", ".5", "1.0000001", "1,5", "0.04"},
	 "allowed are 0.05 to 60 seconds"},
	{APISERVER, "timeout", "1", {"0.05", "60"}, {"0.04", "1s", "60.1"}, "0.05 to 60 seconds"},
	{APISERVER,
	 "fall",
	 "3",
	 {"1", "100"},
	 {"0", "1.5", "three", "101"},
	 "allowed are 1 to 100"},
	{APISERVER, "rise", "2", {"1", "100"}, {"0", "1.5", "two", "101"}, "allowed are 1 to 100"},

	{INSTANCE,
	 "virtual_ipaddress",
	 NULL,
	 {"10.10.10.10", "10.10.10.11/32>10.10.10.11", "2001:DB8:0::1>2001:db8::1",
	  "2001:db8::2/128>2001:db8::2", "fe80::1"},
	 {"",
	  "10.10.10.10",
	  "10.10.10",
	  "10.10.10.10.10",
	  "010.1.1.1",
	  "vip",
	  "eth0",
	  "10.0.0.1/",
	  "10.0.0.1/0",
	  "10.0.0.1/33",
	  "1.1.1.1111111111111111111111111111111111111111",
	  "10.0.0.1/32x",
	  "2001:db8::3/32",
	  "2001:db8::3/64",
	  "0.0.0.0",
	  "::",
	  "127.0.0.1",
	  "::1",
	  "fe80::2%eth0",
	  "10.0.0.1/24"},
	 "only /32 is allowed"},
	{INSTANCE,
	 "interface",
	 "auto",
	 {"auto", "eth0", "br-lan.100", "aaaaaaaaaaaaaaa", "l", "lo0"},
	 {"", "aaaaaaaaaaaaaaaa", "a/b", "a b", "a\tb", "a:1", ".", "..", "a\"", "a'", "\303\244",
	  "lo"},
	 "nothing that is sent on lo leaves the node"},
	{INSTANCE,
	 "virtual_router_id",
	 NULL,
	 {"1", "255"},
	 {"", "0", "256", "auto", "0x1"},
	 "not a plain number; allowed are 1 to 255"},
	{INSTANCE,
	 "priority",
	 "auto",
	 {"auto", "171", "254", "155>171", "170>171"},
	 {"", "0", "1", "100", "154", "AUTO", "255"},
	 "allowed are auto or 171 to 254"},
	{INSTANCE,
	 "advert_int",
	 "0.25",
	 {"0.01", "40.95", "1", "0.250>0.25"},
	 {"", "0", "40.96", "0.015", "0.010000001", "100ms", "1e-1", "-1", "99999999999999999999",
	  "0.001"},
	 "allowed are 0.01 to 40.95 seconds in whole centiseconds"},
	{INSTANCE,
	 "preempt",
	 "health",
	 {"health", "always", "never"},
	 {"", "true"},
	 "health, always, never"},
	{INSTANCE,
	 "preempt_delay",
	 "0",
	 {"0", "0.5", "1000"},
	 {"-1", "5m", "1000.1"},
	 "allowed are 0 to 1000 seconds"},
	{INSTANCE, "members", "true", {"true", "false"}, {"", "1"}, "true, yes, on"},
	{INSTANCE, "balance", "false", {"true", "false"}, {"", "1"}, "true, yes, on"},
	{INSTANCE,
	 "balance_port",
	 NULL,
	 {"6443", "1", "65535"},
	 {"", "6443", "0", "65536", "-1", "443.5", "https", "6443/tcp"},
	 "allowed are ports, 1 to 65535"},
	{INSTANCE,
	 "unicast_peer",
	 NULL,
	 {"10.0.0.1", "169.254.0.1", "2001:db8::1", "fe80::1"},
	 {"", "10.0.0.1", "10.0.0.1/24", "10.0.0.2/32", "node1", "0.0.0.0", "::", "127.0.0.1",
	  "::1", "255.255.255.255", "ff02::12", "224.0.0.18"},
	 "multicast"},
	{INSTANCE,
	 "unicast_src_ip",
	 "auto",
	 {"auto", "10.0.0.1", "2001:db8::1"},
	 {"", "10.0.0.1/32", "0.0.0.0", "::1", "224.0.0.18"},
	 "multicast"},
	{INSTANCE, "checksum", "rfc9568", {"rfc9568", "rfc5798"}, {"", "9568"}, "rfc9568, rfc5798"},
	{INSTANCE, "track_apiserver", "true", {"true", "false"}, {"", "1"}, "true, yes, on"},
	{INSTANCE,
	 "track_file",
	 NULL,
	 {"/run/cpvrrp/maintenance", "/a b", "/run/\303\244"},
	 {"", "maintenance", "run/x", "/a b", "/a\"b", "/a\nb", "/a\\b", "/" LONG_256},
	 "up to 255 bytes"},
	{INSTANCE,
	 "track_interface",
	 NULL,
	 {"eth1", "lo", "auto", "bond0.7", "aaaaaaaaaaaaaaa"},
	 {"", "eth1", "a b", "a/b", "a:b", ".", "..", "aaaaaaaaaaaaaaaa"},
	 "must be a name of 1 to 15 bytes"},
};

static struct conf *conf;

static void setup(void)
{
	char reason[CONF_TEXT_SIZE];

	conf = calloc(1, sizeof(*conf));
	ck_assert_ptr_nonnull(conf);
	conf_init(conf);
	ck_assert(conf_instance_add(conf, "a", reason));
}

static void teardown(void)
{
	free(conf);
}

static void *fields_of(enum conf_section section)
{
	switch (section) {
	case CONF_SECTION_GLOBAL:
		return conf;
	case CONF_SECTION_APISERVER:
		return &conf->apiserver;
	case CONF_SECTION_INSTANCE:
		return &conf->instances[conf->instance_count - 1];
	}
	return NULL;
}

/* The text of the field, or of the last one of a list. */
static const char *printed(const struct conf_option *option, char text[CONF_TEXT_SIZE])
{
	const struct conf_instance *instance = &conf->instances[0];

	if (option->type == CONF_TYPE_VIRTUAL_ADDRESSES)
		return addr_format(&instance->addresses[instance->address_count - 1], text);
	if (option->type == CONF_TYPE_PEERS)
		return addr_format(&instance->peers[instance->peer_count - 1], text);
	if (option->type == CONF_TYPE_PORTS) {
		snprintf(text, CONF_TEXT_SIZE, "%u",
			 (unsigned)instance->balance_ports[instance->balance_port_count - 1]);
		return text;
	}
	if (option->type == CONF_TYPE_FILES)
		return instance->track_files[instance->track_file_count - 1];
	if (option->type == CONF_TYPE_INTERFACES)
		return instance->track_interfaces[instance->track_interface_count - 1];
	return conf_option_format(option, fields_of(option->section), text);
}

START_TEST(option_row)
{
	const struct row *row = &rows[_i];
	const struct conf_option *option = conf_option_find(row->section, row->name);
	char reason[CONF_TEXT_SIZE] = "";
	char text[CONF_TEXT_SIZE];
	char written[CONF_TEXT_SIZE * 2];

	ck_assert_msg(option != NULL, "%s is not in the table", row->name);
	ck_assert_pstr_eq(option->initial, row->initial);
	if (row->initial)
		ck_assert_str_eq(printed(option, text), row->initial);
	for (size_t i = 0; i < VALUES_MAX && row->allowed[i]; i++) {
		const char *expected = row->allowed[i];

		snprintf(written, sizeof(written), "%s", row->allowed[i]);
		if (strchr(written, '>')) {
			expected = strchr(row->allowed[i], '>') + 1;
			*strchr(written, '>') = '\0';
		}
		ck_assert_msg(conf_option_parse(option, fields_of(row->section), written, reason),
			      "%s = %s: %s", row->name, written, reason);
		ck_assert_str_eq(printed(option, text), expected);
	}
	for (size_t i = 0; i < VALUES_MAX && row->refused[i]; i++) {
		struct conf *before = malloc(sizeof(*before));

		memcpy(before, conf, sizeof(*before));
		ck_assert_msg(!conf_option_parse(option, fields_of(row->section), row->refused[i],
						 reason),
			      "%s = %s is allowed", row->name, row->refused[i]);
		ck_assert_msg(conf_equal(before, conf), "%s = %s changed something", row->name,
			      row->refused[i]);
		free(before);
	}
	ck_assert_msg(strstr(reason, row->reason) != NULL, "%s: %s", row->name, reason);
}
END_TEST

START_TEST(every_option_has_a_row)
{
	ck_assert_uint_eq(conf_option_count, COUNT(rows));
	for (size_t i = 0; i < conf_option_count; i++) {
		ck_assert_str_eq(conf_options[i].name, rows[i].name);
		ck_assert_uint_eq(conf_options[i].section, rows[i].section);
	}
}
END_TEST

START_TEST(values_are_kept_in_their_units)
{
	const struct conf_instance *instance = &conf->instances[0];

	ck_assert_uint_eq(conf->log_level, CONF_LOG_INFO);
	ck_assert_uint_eq(conf->address_lease_s, 5);
	ck_assert_uint_eq(conf->metrics_port, 0);
	ck_assert_uint_eq(conf->announce_refresh_s, 30);
	ck_assert_int_eq(conf->apiserver.interval_us, 1000000);
	ck_assert_int_eq(conf->apiserver.timeout_us, 1000000);
	ck_assert_uint_eq(conf->apiserver.fall, 3);
	ck_assert_uint_eq(conf->apiserver.rise, 2);
	ck_assert(!conf->apiserver.insecure_skip_verify);
	ck_assert_str_eq(conf->apiserver.token_file, "");
	ck_assert_str_eq(instance->name, "a");
	ck_assert_str_eq(instance->interface, "");
	ck_assert_uint_eq(instance->priority, 0);
	ck_assert_uint_eq(instance->advert_int_cs, 25);
	ck_assert_uint_eq(instance->preempt, VRRP_PREEMPT_HEALTH);
	ck_assert_int_eq(instance->preempt_delay_us, 0);
	ck_assert_uint_eq(instance->checksum, ADVERT_CHECKSUM_RFC9568);
	ck_assert(instance->track_apiserver);
	ck_assert(instance->members);
	ck_assert(!instance->balance);
	ck_assert_uint_eq(instance->balance_port_count, 0);
	ck_assert(!instance->unicast);
	ck_assert(addr_is_unspecified(&instance->unicast_src_ip));
}
END_TEST

static bool set(const char *section_option, const char *text)
{
	char reason[CONF_TEXT_SIZE];

	for (unsigned i = 0; i < CONF_SECTION_COUNT; i++) {
		enum conf_section section = (enum conf_section)i;
		const struct conf_option *option = conf_option_find(section, section_option);

		if (option)
			return conf_option_parse(option, fields_of(section), text, reason);
	}
	return false;
}

START_TEST(words_and_numbers_become_values)
{
	const struct conf_instance *instance = &conf->instances[0];

	ck_assert(set("log_level", "error") && conf->log_level == CONF_LOG_ERROR);
	ck_assert(set("log_level", "warning") && conf->log_level == CONF_LOG_WARNING);
	ck_assert(set("log_level", "notice") && conf->log_level == CONF_LOG_NOTICE);
	ck_assert(set("log_level", "debug") && conf->log_level == CONF_LOG_DEBUG);
	ck_assert(set("log_format", "json") && conf->log_format == CONF_LOG_JSON);
	ck_assert(set("preempt", "always") && instance->preempt == VRRP_PREEMPT_ALWAYS);
	ck_assert(set("preempt", "never") && instance->preempt == VRRP_PREEMPT_NEVER);
	ck_assert(set("checksum", "rfc5798") && instance->checksum == ADVERT_CHECKSUM_RFC5798);
	ck_assert(set("advert_int", "40.95") && instance->advert_int_cs == 4095);
	ck_assert(set("preempt_delay", "0.5") && instance->preempt_delay_us == 500000);
	ck_assert(set("interval", "0.050001") && conf->apiserver.interval_us == 50001);
	ck_assert(set("priority", "254") && instance->priority == 254);
	ck_assert(set("address_lease", "0") && conf->address_lease_s == 0);
	ck_assert_int_eq(conf_address_refresh_us(conf), 0);
	ck_assert(set("address_lease", "3") && conf_address_refresh_us(conf) == 1000000);
}
END_TEST

static const struct {
	const char *url;
	const char *address;
	unsigned port;
	const char *path;
} urls[] = {
	{"https://127.0.0.1:6443/readyz", "127.0.0.1", 6443, "/readyz"},
	{"https://10.0.0.1", "10.0.0.1", 443, "/"},
	{"https://10.0.0.1/", "10.0.0.1", 443, "/"},
	{"https://10.0.0.1?a=b", "10.0.0.1", 443, "/?a=b"},
	{"https://[::1]:8443/livez?verbose&exclude=etcd", "::1", 8443,
	 "/livez?verbose&exclude=etcd"},
	{"https://[2001:db8::1]", "2001:db8::1", 443, "/"},
};

START_TEST(url_is_taken_apart)
{
	char text[ADDR_TEXT_SIZE];

	ck_assert(set("url", urls[_i].url));
	ck_assert_str_eq(conf->apiserver.url, urls[_i].url);
	ck_assert_str_eq(addr_format(&conf->apiserver.address, text), urls[_i].address);
	ck_assert_uint_eq(conf->apiserver.port, urls[_i].port);
	ck_assert_str_eq(conf->apiserver.path, urls[_i].path);
}
END_TEST

/* A port that is too large is one, however many digits it has. */
START_TEST(url_port_has_its_own_reason)
{
	static const char *const values[] = {"https://1.1.1.1:65536", "https://1.1.1.1:655350/"};
	const struct conf_option *option = conf_option_find(APISERVER, "url");

	for (size_t i = 0; i < 2; i++) {
		char reason[CONF_TEXT_SIZE] = "";

		ck_assert(!conf_option_parse(option, &conf->apiserver, values[i], reason));
		ck_assert_str_eq(reason, "allowed ports are 1 to 65535");
	}
}
END_TEST

/* The longest one has to fit with the slash that may be put before its query. */
START_TEST(url_has_a_limit)
{
	char url[CONF_PATH_SIZE + 1], reason[CONF_TEXT_SIZE], expected[CONF_TEXT_SIZE];

	memset(url, 'a', sizeof(url));
	memcpy(url, "https://1.1.1.1?", 16);
	url[CONF_PATH_SIZE - 2] = '\0';
	ck_assert(set("url", url));
	ck_assert_uint_eq(strlen(conf->apiserver.path), CONF_PATH_SIZE - 2 - 15 + 1);
	memset(url + CONF_PATH_SIZE - 2, 'a', 2);
	url[CONF_PATH_SIZE - 1] = '\0';
	ck_assert(!conf_option_parse(conf_option_find(APISERVER, "url"), &conf->apiserver, url,
				     reason));
	snprintf(expected, sizeof(expected), "a URL of up to %d bytes is allowed",
		 CONF_PATH_SIZE - 2);
	ck_assert_str_eq(reason, expected);
}
END_TEST

START_TEST(listen_is_taken_apart)
{
	char text[ADDR_TEXT_SIZE];

	ck_assert(set("metrics_listen", "[2001:db8::1]:9466"));
	ck_assert_str_eq(addr_format(&conf->metrics_address, text), "2001:db8::1");
	ck_assert_uint_eq(conf->metrics_port, 9466);
}
END_TEST

/* The limit that an error tells is the limit that counts. */
START_TEST(limits_are_told)
{
	static const struct {
		enum conf_section section;
		const char *option, *value, *reason;
	} cases[] = {
		{INSTANCE, "interface", "aaaaaaaaaaaaaaaa",
		 "must be auto or a name of 1 to 15 bytes"},
		{APISERVER, "ca_file", "/" LONG_256, "a path of up to 255 bytes is allowed"},
		{APISERVER, "fall", "0", "allowed are 1 to 100 failures in a row"},
		{APISERVER, "fall", "x",
		 "not a plain number; allowed are 1 to 100 failures in a row"},
		{INSTANCE, "virtual_router_id", "0", "allowed are 1 to 255"},
		/* Where the text is a value of the option but for its unit, what to write is told.
		 */
		{INSTANCE, "advert_int", "250ms",
		 "has no unit here: write 0.25; allowed are 0.01 to 40.95 seconds in whole "
		 "centiseconds"},
		{INSTANCE, "advert_int", "1S",
		 "has no unit here: write 1; allowed are 0.01 to 40.95 seconds in whole "
		 "centiseconds"},
		{INSTANCE, "advert_int", "10000us",
		 "has no unit here: write 0.01; allowed are 0.01 to 40.95 seconds in whole "
		 "centiseconds"},
		{INSTANCE, "advert_int", "15ms",
		 "not a plain number; allowed are 0.01 to 40.95 seconds in whole centiseconds"},
		{INSTANCE, "advert_int", "41s",
		 "not a plain number; allowed are 0.01 to 40.95 seconds in whole centiseconds"},
		{INSTANCE, "advert_int", "ms",
		 "not a plain number; allowed are 0.01 to 40.95 seconds in whole centiseconds"},
		{INSTANCE, "advert_int", "000000000000.25s",
		 "has no unit here: write 0.25; allowed are 0.01 to 40.95 seconds in whole "
		 "centiseconds"},
		{INSTANCE, "preempt_delay", "0s",
		 "has no unit here: write 0; allowed are 0 to 1000 seconds"},
		{INSTANCE, "advert_int", "0000000000000.25s",
		 "not a plain number; allowed are 0.01 to 40.95 seconds in whole centiseconds"},
		{INSTANCE, "advert_int", "1.5.s",
		 "not a plain number; allowed are 0.01 to 40.95 seconds in whole centiseconds"},
		{APISERVER, "interval", "0.5 sec",
		 "has no unit here: write 0.5; allowed are 0.05 to 60 seconds"},
		{APISERVER, "interval", "50001us",
		 "has no unit here: write 0.050001; allowed are 0.05 to 60 seconds"},
		{INSTANCE, "preempt_delay", "1.5m",
		 "has no unit here: write 90; allowed are 0 to 1000 seconds"},
		{INSTANCE, "preempt_delay", "5min",
		 "has no unit here: write 300; allowed are 0 to 1000 seconds"},
		{INSTANCE, "preempt_delay", "999999999999m",
		 "not a plain number; allowed are 0 to 1000 seconds"},
		{GLOBAL, "address_lease", "3600s",
		 "has no unit here: write 3600; allowed are 0 or 2 to 3600 whole seconds"},
		{GLOBAL, "address_lease", "1s",
		 "not a plain number; allowed are 0 or 2 to 3600 whole seconds"},
		{GLOBAL, "address_lease", "2500ms",
		 "not a plain number; allowed are 0 or 2 to 3600 whole seconds"},
		{APISERVER, "fall", "3s",
		 "not a plain number; allowed are 1 to 100 failures in a row"},
		/* For every kind of value. */
		{GLOBAL, "control_socket", "/\\", "backslashes are not allowed"},
		{INSTANCE, "interface", "${IF}",
		 "${...} is not allowed: a value does not depend on the environment"},
	};
	char reason[CONF_TEXT_SIZE];

	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_assert(!conf_option_parse(conf_option_find(cases[i].section, cases[i].option),
					     fields_of(cases[i].section), cases[i].value, reason));
		ck_assert_str_eq(reason, cases[i].reason);
	}
	ck_assert(!conf_instance_add(conf, "", reason));
	ck_assert_str_eq(reason,
			 "a name has 1 to 63 letters, digits, underscores, dots and hyphens");
}
END_TEST

START_TEST(lists_have_a_limit)
{
	char text[CONF_TEXT_SIZE];

	for (int i = 1; i <= CONF_PEERS_MAX + 1; i++) {
		snprintf(text, sizeof(text), "10.0.%d.1", i);
		ck_assert_int_eq(set("virtual_ipaddress", text), i <= CONF_ADDRESSES_MAX);
		snprintf(text, sizeof(text), "10.0.%d.2", i);
		ck_assert_int_eq(set("unicast_peer", text), i <= CONF_PEERS_MAX);
	}
	for (int i = 1; i <= CONF_BALANCE_PORTS_MAX + 1; i++) {
		snprintf(text, sizeof(text), "%d", i);
		ck_assert_int_eq(set("balance_port", text), i <= CONF_BALANCE_PORTS_MAX);
	}
	ck_assert_uint_eq(conf->instances[0].balance_port_count, CONF_BALANCE_PORTS_MAX);
	for (int i = 1; i <= CONF_TRACKED_MAX + 1; i++) {
		snprintf(text, sizeof(text), "/%d", i);
		ck_assert_int_eq(set("track_file", text), i <= CONF_TRACKED_MAX);
		ck_assert_int_eq(set("track_interface", text + 1), i <= CONF_TRACKED_MAX);
	}
	ck_assert_uint_eq(conf->instances[0].track_file_count, 8);
	ck_assert_uint_eq(conf->instances[0].track_interface_count, 8);
	ck_assert_uint_eq(CONF_ADDRESSES_MAX, 20);
	ck_assert_uint_eq(conf->instances[0].address_count, CONF_ADDRESSES_MAX);
	ck_assert_uint_eq(conf->instances[0].peer_count, CONF_PEERS_MAX);
	ck_assert(conf->instances[0].unicast);
}
END_TEST

START_TEST(instances_have_names_and_a_limit)
{
	char reason[CONF_TEXT_SIZE];
	char name[CONF_NAME_SIZE + 1];

	ck_assert(conf_instance_add(conf, "A-z_0.9", reason));
	ck_assert(!conf_instance_add(conf, "a", reason));
	ck_assert(!conf_instance_add(conf, "A-z_0.9", reason));
	ck_assert(!conf_instance_add(conf, "", reason));
	ck_assert(!conf_instance_add(conf, "a b", reason));
	ck_assert(!conf_instance_add(conf, "a/b", reason));
	ck_assert(!conf_instance_add(conf, "/a", reason));
	ck_assert(!conf_instance_add(conf, "\303\244", reason));
	memset(name, 'n', sizeof(name));
	name[CONF_NAME_SIZE] = '\0';
	ck_assert(!conf_instance_add(conf, name, reason));
	name[CONF_NAME_SIZE - 1] = '\0';
	ck_assert(conf_instance_add(conf, name, reason));
	ck_assert_uint_eq(conf->instance_count, 3);
	for (unsigned i = 4; i <= CONF_INSTANCES_MAX + 1; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		ck_assert_int_eq(conf_instance_add(conf, name, reason), i <= CONF_INSTANCES_MAX);
	}
	ck_assert_str_eq(reason, "up to 255 instances are allowed");
}
END_TEST

/* Words in pairs, an option and its value, and "+ NAME" for another instance; the first is "a". */
static const struct {
	const char *given;
	const char *violations; /* each as "INSTANCE option;", the instance - outside instances, and
				   the family that it is about */
} checks[] = {
	{"virtual_ipaddress 10.0.0.1", ""},
	{"", "a virtual_ipaddress;"},
	{"virtual_ipaddress 10.0.0.0", "a virtual_router_id;"},
	{"virtual_ipaddress 2001:db8::", "a virtual_router_id;"},
	{"virtual_ipaddress 10.0.0.0 virtual_router_id 7", ""},
	{"virtual_ipaddress 10.0.0.0 virtual_ipaddress 10.0.0.1", "a virtual_router_id;"},

	{"virtual_ipaddress 10.0.0.1 + b virtual_ipaddress 10.0.0.2", ""},
	{"virtual_ipaddress 10.0.0.1 + b virtual_ipaddress 10.0.1.1", "b virtual_router_id;"},
	{"virtual_ipaddress 10.0.0.1 + b virtual_ipaddress 10.0.0.2 virtual_router_id 1",
	 "b virtual_router_id;"},
	{"virtual_ipaddress 10.0.0.1 interface eth0 + b virtual_ipaddress 10.0.1.1 interface eth0",
	 "b virtual_router_id;"},
	{"virtual_ipaddress 10.0.0.1 interface eth0 + b virtual_ipaddress 10.0.1.1 interface eth1",
	 ""},
	{"virtual_ipaddress 10.0.0.1 interface x + b virtual_ipaddress 10.0.1.1 interface eth0",
	 ""},
	{"virtual_ipaddress 10.0.0.1 interface eth0 + b virtual_ipaddress 10.0.1.1 interface x",
	 ""},
	{"virtual_ipaddress 10.0.0.1 + b virtual_ipaddress 2001:db8::1", ""},
	/* ONE ELECTION: adverts of the carried family are not sent. */
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::2 "
	 "+ b virtual_ipaddress 2001:db8::1",
	 ""},
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::2 "
	 "+ b virtual_ipaddress 2001:db8::1 virtual_ipaddress 10.0.0.2",
	 ""},
	{"virtual_ipaddress 2001:db8::1 virtual_ipaddress 10.0.0.1 "
	 "+ b virtual_ipaddress 2001:db8::101 virtual_router_id 1",
	 "b virtual_router_id;"},
	{"virtual_router_id 1 + b virtual_ipaddress 10.0.0.1", "a virtual_ipaddress;"},
	{"virtual_ipaddress 10.0.0.1 + b virtual_router_id 1", "b virtual_ipaddress;"},
	{"virtual_ipaddress 10.0.0.1 + b virtual_ipaddress 10.0.0.2 virtual_ipaddress 10.0.0.1",
	 "b virtual_ipaddress;"},
	{"virtual_ipaddress 10.0.0.0 + b virtual_ipaddress 10.0.1.0",
	 "a virtual_router_id;b virtual_router_id;"},

	{"virtual_ipaddress 10.0.0.1 + b virtual_ipaddress 10.0.0.2 + c virtual_ipaddress 10.0.1.2",
	 "c virtual_router_id;"},

	{"virtual_ipaddress fe80::1", "a interface;"},
	{"virtual_ipaddress fe80::1 interface eth0", ""},
	{"virtual_ipaddress 2001:db8::1 virtual_ipaddress fe80::1", ""},

	{"virtual_ipaddress 10.0.0.1 balance yes members yes", ""},
	{"virtual_ipaddress 10.0.0.1 balance yes members no", "a balance;"},
	{"virtual_ipaddress 10.0.0.1 members no", ""},
	{"virtual_ipaddress 10.0.0.1 unicast_peer 10.0.0.2", ""},
	{"virtual_ipaddress 10.0.0.1 unicast_peer 10.0.0.2 unicast_peer 10.0.0.1",
	 "a unicast_peer;"},
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::1 unicast_peer 10.0.0.2", ""},
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::1 unicast_peer 2001:db8::2",
	 "a unicast_peer no IPv4;"},
	{"virtual_ipaddress 2001:db8::1 virtual_ipaddress 10.0.0.1 unicast_peer 2001:db8::2", ""},
	{"virtual_ipaddress 2001:db8::1 virtual_ipaddress 10.0.0.1 unicast_peer 10.0.0.2",
	 "a unicast_peer no IPv6;"},
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::1 unicast_peer 2001:db8::2 "
	 "unicast_peer 10.0.0.2",
	 ""},
	{"virtual_ipaddress 10.0.0.1 unicast_peer 10.0.0.2 unicast_peer 2001:db8::2",
	 "a unicast_peer an IPv6;"},
	{"virtual_ipaddress 2001:db8::1 unicast_peer 10.0.0.2",
	 "a unicast_peer no IPv6;a unicast_peer an IPv4;"},
	{"virtual_ipaddress 10.0.0.1 unicast_src_ip 10.0.0.2", "a unicast_src_ip;"},
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::1 unicast_peer 10.0.0.2 "
	 "unicast_peer 2001:db8::2 unicast_src_ip 10.0.0.2",
	 ""},
	{"virtual_ipaddress 10.0.0.1 virtual_ipaddress 2001:db8::1 unicast_peer 10.0.0.2 "
	 "unicast_peer 2001:db8::2 unicast_src_ip 2001:db8::2",
	 "a unicast_src_ip an IPv4;"},
	{"virtual_ipaddress 10.0.0.1 unicast_src_ip 10.0.0.2 unicast_peer 10.0.0.2", ""},
	{"virtual_ipaddress 10.0.0.1 unicast_src_ip 10.0.0.3 unicast_peer 10.0.0.2",
	 "a unicast_src_ip;"},

	{"virtual_ipaddress 10.0.0.1 client_cert_file /c client_key_file /k", ""},
	{"virtual_ipaddress 10.0.0.1 client_cert_file /c", "- client_cert_file;"},
	{"virtual_ipaddress 10.0.0.1 client_key_file /k", "- client_key_file;"},
	{"virtual_ipaddress 10.0.0.1 insecure_skip_verify yes", ""},
	{"virtual_ipaddress 10.0.0.1 insecure_skip_verify yes client_cert_file /c "
	 "client_key_file /c",
	 "- insecure_skip_verify;"},
	{"virtual_ipaddress 10.0.0.1 insecure_skip_verify yes client_cert_file /c",
	 "- client_cert_file;- insecure_skip_verify;"},
	{"virtual_ipaddress 10.0.0.1 insecure_skip_verify yes token_file /t",
	 "- insecure_skip_verify;"},
	{"virtual_ipaddress 10.0.0.1 token_file /t timeout 5 interval 1", ""},
	{"virtual_ipaddress 10.0.0.1 url https://10.0.0.1:6443/readyz", "- url;"},
	{"virtual_ipaddress 10.0.0.1 url https://10.0.0.1:6443/readyz track_apiserver no", ""},
};

static void note_violation(void *context, const struct conf_instance *instance, const char *option,
			   const char *message)
{
	static const char *const families[] = {"no IPv4", "no IPv6", "an IPv4", "an IPv6"};
	char *found = context;

	ck_assert_str_ne(message, "");
	strcat(found, instance ? instance->name : "-");
	strcat(found, " ");
	strcat(found, option);
	for (size_t i = 0; i < COUNT(families); i++)
		if (strstr(message, families[i])) {
			strcat(found, " ");
			strcat(found, families[i]);
		}
	strcat(found, ";");
}

START_TEST(cross_check)
{
	char given[CONF_TEXT_SIZE];
	char found[CONF_TEXT_SIZE] = "";
	char reason[CONF_TEXT_SIZE];
	char *rest = NULL;

	snprintf(given, sizeof(given), "%s", checks[_i].given);
	for (char *word = strtok_r(given, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		const char *value = strtok_r(NULL, " ", &rest);

		if (!strcmp(word, "+"))
			ck_assert(conf_instance_add(conf, value, reason));
		else
			ck_assert_msg(set(word, value), "%s %s", word, value);
	}
	conf_complete(conf, note_violation, found);
	ck_assert_msg(!strcmp(found, checks[_i].violations), "%s: found %s", checks[_i].given,
		      found);
}
END_TEST

/* The probe is needed as soon as one of them asks for it. */
START_TEST(tracks_apiserver)
{
	char reason[CONF_TEXT_SIZE];

	ck_assert(set("track_apiserver", "yes"));
	ck_assert(conf_tracks_apiserver(conf));
	ck_assert(set("track_apiserver", "no"));
	ck_assert(!conf_tracks_apiserver(conf));
	ck_assert(conf_instance_add(conf, "b", reason));
	ck_assert(conf_instance_add(conf, "c", reason));
	conf->instances[1].track_apiserver = false;
	ck_assert(conf_tracks_apiserver(conf));
	conf->instances[2].track_apiserver = false;
	ck_assert(!conf_tracks_apiserver(conf));
}
END_TEST

/* The helper process is needed as soon as one of them balances. */
START_TEST(balances)
{
	char reason[CONF_TEXT_SIZE];

	ck_assert(!conf_balances(conf));
	ck_assert(set("balance", "yes"));
	ck_assert(conf_balances(conf));
	ck_assert(set("balance", "no"));
	ck_assert(conf_instance_add(conf, "b", reason));
	ck_assert_ptr_eq(conf_instance_find(conf, conf->instances[0].name), &conf->instances[0]);
	ck_assert_ptr_eq(conf_instance_find(conf, "b"), &conf->instances[1]);
	ck_assert_ptr_null(conf_instance_find(conf, "c"));
	ck_assert(!conf_balances(conf));
	conf->instances[1].balance = true;
	ck_assert(conf_balances(conf));
}
END_TEST

START_TEST(every_balance_port_counts)
{
	struct conf_instance other;

	conf->instances[0].balance_port_count = 2;
	other = conf->instances[0];
	ck_assert(conf_instance_equal(&conf->instances[0], &other));
	other.balance_ports[1] = 9346;
	ck_assert(!conf_instance_equal(&conf->instances[0], &other));
}
END_TEST

START_TEST(every_tracked_name_counts)
{
	struct conf_instance other;

	ck_assert(set("track_file", "/1") && set("track_file", "/2"));
	ck_assert(set("track_interface", "eth1") && set("track_interface", "eth2"));
	other = conf->instances[0];
	ck_assert(conf_instance_equal(&conf->instances[0], &other));
	other.track_files[1][1] = '3';
	ck_assert(!conf_instance_equal(&conf->instances[0], &other));
	other = conf->instances[0];
	other.track_interfaces[1][3] = '3';
	ck_assert(!conf_instance_equal(&conf->instances[0], &other));
}
END_TEST

START_TEST(no_instance_is_a_violation)
{
	char found[CONF_TEXT_SIZE] = "";

	conf->instance_count = 0;
	conf_complete(conf, note_violation, found);
	ck_assert_str_eq(found, "- vrrp_instance;");
}
END_TEST

START_TEST(vrid_is_the_last_byte_of_the_first_address)
{
	char found[CONF_TEXT_SIZE] = "";

	ck_assert(set("virtual_ipaddress", "2001:db8::1234"));
	ck_assert(set("virtual_ipaddress", "10.0.0.1"));
	conf_complete(conf, note_violation, found);
	ck_assert_str_eq(found, "");
	ck_assert_uint_eq(conf->instances[0].virtual_router_id, 0x34);
	ck_assert(conf->instances[0].derived_vrid);
	conf->instances[0].derived_vrid = false;
	conf_complete(conf, note_violation, found);
	ck_assert(!conf->instances[0].derived_vrid);
}
END_TEST

/* A change of any option makes configurations unequal, one of the probe its section too. */
START_TEST(equal)
{
	static const struct {
		const char *option;
		const char *value;
	} changes[] = {
		{"log_level", "debug"},
		{"log_format", "json"},
		{"control_socket", "/x"},
		{"metrics_listen", "127.0.0.1:9466"},
		{"address_lease", "6"},
		{"announce_refresh", "31"},
		{"realtime", "true"},
		{"url", "https://127.0.0.1:6443/livez"},
		{"server_name", "x"},
		{"ca_file", "/x"},
		{"client_cert_file", "/x"},
		{"client_key_file", "/x"},
		{"token_file", "/x"},
		{"insecure_skip_verify", "true"},
		{"interval", "2"},
		{"timeout", "2"},
		{"fall", "1"},
		{"rise", "1"},
		{"virtual_ipaddress", "10.0.0.2"},
		{"interface", "x"},
		{"virtual_router_id", "1"},
		{"priority", "200"},
		{"advert_int", "1"},
		{"preempt", "never"},
		{"preempt_delay", "1"},
		{"members", "no"},
		{"balance", "yes"},
		{"balance_port", "443"},
		{"unicast_peer", "10.0.0.2"},
		{"unicast_src_ip", "10.0.0.2"},
		{"checksum", "rfc5798"},
		{"track_apiserver", "no"},
		{"track_file", "/x"},
		{"track_interface", "eth1"},
	};
	struct conf *before = malloc(sizeof(*before));

	static_assert(COUNT(changes) == COUNT(rows), "every option");
	memcpy(before, conf, sizeof(*before));
	ck_assert(conf_equal(before, conf));
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_str_eq(changes[i].option, rows[i].name);
		ck_assert(set(changes[i].option, changes[i].value));
		ck_assert_msg(!conf_equal(before, conf), "%s", changes[i].option);
		ck_assert_int_eq(conf_apiserver_equal(&before->apiserver, &conf->apiserver),
				 rows[i].section != APISERVER);
		ck_assert_int_eq(conf_instance_equal(before->instances, conf->instances),
				 rows[i].section != INSTANCE);
		memcpy(conf, before, sizeof(*conf));
	}
	free(before);
}
END_TEST

/* Each option that is a time says how a number with a unit is written. */
START_TEST(times_have_no_unit)
{
	char reason[CONF_TEXT_SIZE];

	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];
		bool is_time = option->type == CONF_TYPE_NUMBER && strstr(option->unit, "seconds");

		ck_assert_int_eq(option->is_time, is_time);
		if (!is_time)
			continue;
		ck_assert(!conf_option_parse(option, fields_of(option->section), "3000ms", reason));
		ck_assert_msg(strncmp(reason, "has no unit here: write 3; ", 27) == 0, "%s: %s",
			      option->name, reason);
	}
}
END_TEST

/* The name that is meant by one with a mistake, or none. */
START_TEST(option_nearest)
{
	static const struct {
		enum conf_section section;
		const char *name;
		const char *nearest;
	} cases[] = {
		{INSTANCE, "intreface", "interface"},
		{INSTANCE, "interfaces", "interface"},
		{INSTANCE, "nterface", "interface"},
		{INSTANCE, "interfacf", "interface"},
		{INSTANCE, "virtual_ip_address", "virtual_ipaddress"},
		{INSTANCE, "virtual_ipadress", "virtual_ipaddress"},
		{INSTANCE, "PREEMPT", "preempt"},
		{INSTANCE, "preempt_dela", "preempt_delay"},
		{INSTANCE, "prempt", "preempt"},
		{INSTANCE, "advert_interval", "advert_int"},
		{INSTANCE, "advert_intervalsX", NULL},
		{INSTANCE, "unicast_peers", "unicast_peer"},
		{INSTANCE, "url", NULL},
		{INSTANCE, "apiserver", NULL},
		{INSTANCE, "vip", NULL},
		{INSTANCE, "face", NULL},
		{INSTANCE, "", NULL},
		{APISERVER, "rize", "rise"},
		{APISERVER, "wall", "fall"},
		{APISERVER, "wael", "fall"},
		{APISERVER, "client_cert_fil", "client_cert_file"},
		{APISERVER, "tall", "fall"},
		{APISERVER, "uri", "url"},
		{APISERVER, "ca", NULL},
		{GLOBAL, "Apiserver", "apiserver"},
		{GLOBAL, "vrrp_instnce", "vrrp_instance"},
		{GLOBAL, "loglevel", "log_level"},
		{GLOBAL, "interface", NULL},
		{GLOBAL, "a", NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_pstr_eq(conf_option_nearest(cases[i].section, cases[i].name),
				  cases[i].nearest);
}
END_TEST

/* Fields that no option sets alone, or that only differ behind the first address. */
START_TEST(equal_to_the_last_field)
{
	struct conf *before = malloc(sizeof(*before));
	char reason[CONF_TEXT_SIZE];

	ck_assert(set("virtual_ipaddress", "10.0.0.1") && set("virtual_ipaddress", "10.0.0.2"));
	ck_assert(set("unicast_peer", "10.0.0.3") && set("unicast_peer", "10.0.0.4"));
	memcpy(before, conf, sizeof(*before));
	conf->instances[0].addresses[0].bytes[3]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->instances[0].addresses[1].bytes[3]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->instances[0].peers[1].bytes[3]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->instances[0].name[0]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->instances[0].unicast = false;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->metrics_address.bytes[3]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->metrics_port++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->apiserver.address.bytes[3]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->apiserver.port++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	conf->apiserver.path[1]++;
	ck_assert(!conf_equal(before, conf));
	memcpy(conf, before, sizeof(*conf));
	ck_assert(conf_instance_add(conf, "b", reason));
	ck_assert(!conf_equal(before, conf));
	memcpy(before, conf, sizeof(*before));
	conf->instances[1].priority++;
	ck_assert(!conf_equal(before, conf));
	free(before);
}
END_TEST

/* A value that was replaced leaves nothing behind. */
START_TEST(values_leave_no_trace)
{
	static const struct {
		const char *option;
		const char *value;
		const char *other;
	} changes[] = {
		{"url", "https://10.0.0.1/a", "https://[2001:db8::1]:8443/long"},
		{"server_name", "a", "long"},
		{"interface", "a", "long"},
		{"interface", "auto", "long"},
		{"metrics_listen", "", "[2001:db8::1]:9466"},
		{"unicast_src_ip", "auto", "2001:db8::1"},
		{"unicast_src_ip", "10.0.0.1", "2001:db8::1"},
		{"priority", "auto", "254"},
	};
	struct conf *before = malloc(sizeof(*before));

	for (size_t i = 0; i < COUNT(changes); i++) {
		ck_assert(set(changes[i].option, changes[i].value));
		memcpy(before, conf, sizeof(*before));
		ck_assert(set(changes[i].option, changes[i].other));
		ck_assert_msg(!conf_equal(before, conf), "%s", changes[i].option);
		ck_assert(set(changes[i].option, changes[i].value));
		ck_assert_msg(conf_equal(before, conf), "%s", changes[i].option);
	}
	free(before);
}
END_TEST

/* What the manual says of an option, from its .It to the next; NULL if it has none. */
static char *manual_entry(const char *manual, const struct conf_option *option)
{
	char heading[CONF_TEXT_SIZE];
	const char *start;
	const char *end;

	snprintf(heading, sizeof(heading), "\n.It Ic %s\n", option->name);
	start = strstr(manual, heading);
	if (!start)
		return NULL;
	start += 1;
	end = strstr(start, "\n.It Ic ");
	if (!end)
		end = strstr(start, "\n.El");
	ck_assert_ptr_nonnull(end);
	return strndup(start, (size_t)(end - start));
}

static char *read_manual(void)
{
	FILE *file = fopen(TESTS_DIR "/../doc/cpvrrp.conf.5", "re");
	const size_t size_max = 100000;
	char *text = calloc(1, size_max);

	ck_assert_msg(file && text, "no manual");
	ck_assert_uint_gt(fread(text, 1, size_max - 1, file), 0);
	ck_assert(feof(file));
	fclose(file);
	return text;
}

/* The text between words is not compared, only that the figures of the table stand there. */
static void check_entry(const char *entry, const struct conf_option *option)
{
	char text[CONF_TEXT_SIZE];
	struct conf_option limits = *option;

	limits.offset = 0;
	limits.size = sizeof(int64_t);
	limits.zero = NULL;
	if (option->initial && *option->initial)
		ck_assert_msg(strstr(entry, option->initial) != NULL, "%s: default %s",
			      option->name, option->initial);
	for (size_t i = 0; option->words && option->words[i]; i++)
		ck_assert_msg(strstr(entry, option->words[i]) != NULL, "%s: %s", option->name,
			      option->words[i]);
	if (option->type != CONF_TYPE_NUMBER)
		return;
	conf_option_format(&limits, &option->min, text);
	ck_assert_msg(strstr(entry, text) != NULL, "%s: minimum %s", option->name, text);
	conf_option_format(&limits, &option->max, text);
	ck_assert_msg(strstr(entry, text) != NULL, "%s: maximum %s", option->name, text);
}

START_TEST(manual_names_every_option_and_nothing_else)
{
	char *manual = read_manual();
	size_t entries = 0;

	for (size_t i = 0; i < conf_option_count; i++) {
		char *entry = manual_entry(manual, &conf_options[i]);

		ck_assert_msg(entry != NULL, "the manual has no %s", conf_options[i].name);
		check_entry(entry, &conf_options[i]);
		free(entry);
	}
	for (const char *at = manual; (at = strstr(at, "\n.It Ic ")); at++)
		entries++;
	ck_assert_uint_eq(entries, conf_option_count);
	free(manual);
}
END_TEST

Suite *suite_conf(void)
{
	Suite *suite = suite_create("conf");
	TCase *tcase = tcase_create("conf");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, option_row, 0, COUNT(rows));
	tcase_add_test(tcase, every_option_has_a_row);
	tcase_add_test(tcase, values_are_kept_in_their_units);
	tcase_add_test(tcase, words_and_numbers_become_values);
	tcase_add_loop_test(tcase, url_is_taken_apart, 0, COUNT(urls));
	tcase_add_test(tcase, url_port_has_its_own_reason);
	tcase_add_test(tcase, url_has_a_limit);
	tcase_add_test(tcase, listen_is_taken_apart);
	tcase_add_test(tcase, limits_are_told);
	tcase_add_test(tcase, lists_have_a_limit);
	tcase_add_test(tcase, instances_have_names_and_a_limit);
	tcase_add_loop_test(tcase, cross_check, 0, COUNT(checks));
	tcase_add_test(tcase, tracks_apiserver);
	tcase_add_test(tcase, balances);
	tcase_add_test(tcase, every_balance_port_counts);
	tcase_add_test(tcase, every_tracked_name_counts);
	tcase_add_test(tcase, no_instance_is_a_violation);
	tcase_add_test(tcase, vrid_is_the_last_byte_of_the_first_address);
	tcase_add_test(tcase, equal);
	tcase_add_test(tcase, equal_to_the_last_field);
	tcase_add_test(tcase, times_have_no_unit);
	tcase_add_test(tcase, option_nearest);
	tcase_add_test(tcase, values_leave_no_trace);
	tcase_add_test(tcase, manual_names_every_option_and_nothing_else);
	suite_add_tcase(suite, tcase);
	return suite;
}
