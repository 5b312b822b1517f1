/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files to struct conf and back: what each kind of mistake is answered, line by line; the samples;
 * and that what is printed reads as the same struct, for random configurations and for samples with
 * random damage.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/file.h"

#define FOUND_SIZE 16384
#define PATH_SIZE 64

/* The lines of a run without the path, which is another one each time. */
struct found {
	const char *path;
	char text[FOUND_SIZE];
};

static void note_error(void *context, const char *line)
{
	struct found *found = context;
	size_t length = strlen(found->path);
	size_t used = strlen(found->text);

	ck_assert_msg(!strncmp(line, found->path, length) && line[length] == ':', "%s", line);
	ck_assert_ptr_null(strchr(line, '\n'));
	snprintf(found->text + used, sizeof(found->text) - used, "%s\n", line + length + 1);
}

static struct conf *read_path(const char *path, char errors[FOUND_SIZE])
{
	static struct found found;
	struct conf *conf;

	memset(&found, 0, sizeof(found));
	found.path = path;
	conf = conf_file_read(path, note_error, &found);
	ck_assert_msg((conf == NULL) == (*found.text != '\0'), "%s", found.text);
	if (errors)
		memcpy(errors, found.text, sizeof(found.text));
	return conf;
}

static struct conf *read_bytes(const void *bytes, size_t size, char errors[FOUND_SIZE])
{
	char path[PATH_SIZE];
	int fd = memfd_create("conf", MFD_CLOEXEC);
	struct conf *conf;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf = read_path(path, errors);
	close(fd);
	return conf;
}

static struct conf *read_text(const char *text, char errors[FOUND_SIZE])
{
	return read_bytes(text, strlen(text), errors);
}

static char *print(const struct conf *conf)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(stream);
	conf_file_print(conf, stream);
	fclose(stream);
	return text;
}

static void check_round_trip(const struct conf *conf)
{
	char errors[FOUND_SIZE];
	char *text = print(conf);
	struct conf *again = read_text(text, errors);

	ck_assert_msg(again != NULL, "%s%s", errors, text);
	ck_assert_msg(!memcmp(conf, again, sizeof(*conf)), "not the same:\n%s", text);
	free(again);
	free(text);
}

/* VIP stands for an instance without mistakes. */
#define VIP "vrrp_instance vip { virtual_ipaddress = { \"10.0.0.1\" } }\n"
#define NO_NAME "a name is expected here, not an empty string; what follows was not read\n"
#define RFC9568_ONLY "allowed are rfc9568, rfc5798"

static const struct {
	const char *text;
	const char *errors;
} mistakes[] = {
	/* Each kind of value, with key, value, and what is allowed. */
	{"\nvrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n\tadvert_int = 0.001\n}",
	 "4: advert_int = 0.001: allowed are 0.01 to 40.95 seconds in whole centiseconds\n"},
	{"log_level = loud\n" VIP,
	 "1: log_level = loud: allowed are error, warning, notice, info, debug\n"},
	{"address_lease = 1s\n" VIP,
	 "1: address_lease = 1s: not a plain number; allowed are 0 or 2 to 3600 whole seconds\n"},
	{"apiserver { ca_file = \"\" }\n" VIP, "1: ca_file = \"\": must be an absolute path\n"},

	/* All of them, in the order of the lines, those of the cross checks among them. */
	{"log_level = a\nlog_format = b\napiserver {\n\tfall = 0\n\ttoken_file = /t\n"
	 "\tinsecure_skip_verify = yes\n}\nvrrp_instance a {\n\tpriority = 255\n}\n"
	 "vrrp_instance b {\n\tvirtual_ipaddress = { 10.0.0.0 }\n\tchecksum = x\n}\n",
	 "1: log_level = a: allowed are error, warning, notice, info, debug\n"
	 "2: log_format = b: allowed are text, json\n"
	 "4: fall = 0: allowed are 1 to 100 failures in a row\n"
	 "6: insecure_skip_verify: not together with token_file: a token is sent only to a "
	 "verified server\n"
	 "8: vrrp_instance a: virtual_ipaddress: must be given, 1 to 20 addresses\n"
	 "9: priority = 255: allowed are auto or 155 to 254\n"
	 "11: vrrp_instance b: virtual_router_id: must be given, 1 to 255: the last byte of "
	 "10.0.0.0, its default, is 0\n"
	 "13: checksum = x: " RFC9568_ONLY "\n"},

	/* Unknown options, all of them, whatever their value. */
	{"foo = 1\nbar = { a, b }\nfoo = \"2\"\napiserver { baz = 3 }\nvrrp_instance a {\n"
	 "\tvirtual_ipaddress = { 10.0.0.1 }\n\tbaz = 4\n\tqux = {}\n\tfall = 3\n}\n",
	 "1: foo: unknown option\n2: bar: unknown option\n3: foo: unknown option\n"
	 "4: baz: unknown option in section apiserver\n"
	 "7: baz: unknown option in section vrrp_instance\n"
	 "8: qux: unknown option in section vrrp_instance\n"
	 "9: fall: unknown option in section vrrp_instance\n"},
	{"metrics_listen = \"9466\"\n" VIP,
	 "1: metrics_listen = 9466: must be ADDRESS:PORT, such as 127.0.0.1:9466 or [::]:9466\n"},
	{"foo = 1\nglobal_defs {\n\trouter_id = x\n}\n" VIP,
	 "1: foo: unknown option\n"
	 "2: global_defs: unknown option or section; what follows was not read\n"},
	{"include(\"/etc/passwd\")\n" VIP,
	 "1: include: unknown option or section; what follows was not read\n"},
	{VIP "apiserver { url = \"https://10.0.0.2/\" }\n\"apiserver|url\" = x\n",
	 "3: url: unknown option\n"},

	/* Twice. */
	{"log_level = info\n\nlog_level = debug\n" VIP,
	 "3: log_level: is given twice, first in line 1\n"},
	{"apiserver { }\napiserver { }\n" VIP, "2: apiserver: is given twice, first in line 1\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n"
	 "\tvirtual_ipaddress = { 10.0.0.2 }\n}\n",
	 "3: virtual_ipaddress: is given twice, first in line 2\n"},
	{VIP VIP, "2: vrrp_instance vip: another instance has this name\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = {\n\t\t10.0.0.1,\n\t\t10.0.0.1/32\n\t}\n}\n",
	 "4: virtual_ipaddress = 10.0.0.1/32: is in the list twice\n"},
	{VIP "vrrp_instance b {\n\tvirtual_router_id = 2\n\tvirtual_ipaddress = 10.0.0.1\n}\n",
	 "4: vrrp_instance b: virtual_ipaddress: 10.0.0.1 is an address of instance vip, too\n"},

	/* What follows from a refused value is no mistake of its own. */
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.0 }\n\tvirtual_router_id = 256\n}\n",
	 "3: virtual_router_id = 256: allowed are 1 to 255\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0 }\n}\n",
	 "2: virtual_ipaddress = 10.0.0: not an IPv4 or IPv6 address\n"},
	{"vrrp_instance a b {\n}\n",
	 "1: missing opening brace for section 'vrrp_instance'; what follows was not read\n"},
	{"vrrp_instance \"a b\" {\n}\n",
	 "1: vrrp_instance a b: a name has 1 to 63 letters, digits, underscores, dots and "
	 "hyphens\n"},

	/* Empty. */
	{"", " vrrp_instance: at least one is needed\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n\tunicast_peer = { }\n}\n",
	 "3: unicast_peer: the list is empty; name every node, or leave it out for multicast\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { }\n}\n",
	 "2: virtual_ipaddress: the list is empty; at least one address is needed\n"},
	{VIP "vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.2 }\n}\nvrrp_instance b {\n"
	     "\tvirtual_ipaddress = { 10.0.0.3 } unicast_peer # x\n=\n{\n}\n}\n",
	 "6: unicast_peer: the list is empty; name every node, or leave it out for multicast\n"},

	/* Braces, quotes and comments that do not end, values that are missing. */
	{"\nvrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n",
	 "2: vrrp_instance: the closing brace is missing\n"},
	{"apiserver {\n\tfall = 2\n" VIP,
	 "3: vrrp_instance: not allowed within apiserver, whose closing brace may be missing; "
	 "what follows was not read\n"},
	{VIP "}\n", "2: unexpected closing brace; what follows was not read\n"},
	{VIP "\nlog_level = \"info\nlog_format = text\n",
	 "3: the string that starts here does not end in its line; what follows was not read\n"},
	{VIP "log_level = 'info",
	 "2: the string that starts here does not end in its line; what follows was not read\n"},
	{VIP "/* vrrp_instance b {\n",
	 "2: the comment that starts here does not end; what follows was not read\n"},
	{VIP "log_level =", "2: log_level: the file ends before its value\n"},
	{VIP "vrrp_instance b { virtual_ipaddress = { 10.0.0.2\n",
	 "3: the file ends too early; what follows was not read\n"},
	{VIP "log_level info\n",
	 "2: missing equal sign after option 'log_level'; what follows was not read\n"},
	{VIP "log_level = { info }\n", "2: unexpected token '{'; what follows was not read\n"},
	{"vrrp_instance {\n}\n",
	 "1: vrrp_instance: its name is missing, as in vrrp_instance apiserver { ... }; what "
	 "follows was not read\n"},

	/* libconfuse gives up at an empty name and says nothing. */
	{VIP "\"\" log_level = loud\n" VIP, "2: " NO_NAME},
	{"foo = 1\n" VIP "log_level = loud\n''\n",
	 "1: foo: unknown option\n"
	 "3: log_level = loud: allowed are error, warning, notice, info, debug\n"
	 "4: " NO_NAME},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n\t\"\"\n\tadvert_int = 99\n}\n",
	 "3: " NO_NAME},

	{"/* a\n * b */ # c\nlog_level = \"info\n",
	 "3: the string that starts here does not end in its line; what follows was not read\n"},

	/* Nothing of libconfuse that surprises. */
	{VIP "control_socket = \"${HOME}/x\"\n",
	 "2: ${...} is not allowed: a value does not depend on the environment; what follows was "
	 "not read\n"},
	{VIP "log_level = ${LEVEL:-info}\n",
	 "2: ${...} is not allowed: a value does not depend on the environment; what follows was "
	 "not read\n"},
	{VIP "control_socket = \"/run/\\x41\"\n",
	 "2: backslashes are not allowed; what follows was not read\n"},
	{VIP "control_socket = ~/x\n", "2: control_socket = ~/x: must be an absolute path\n"},

	/* Lines count, whatever stands between. */
	{"# a\n/* b\n c */ // d\n/* e */ log_level = a # f\n\n# g\nlog_format = b\r\n" VIP,
	 "4: log_level = a: allowed are error, warning, notice, info, debug\n"
	 "7: log_format = b: allowed are text, json\n"},
};
#define MISTAKE_COUNT (sizeof(mistakes) / sizeof(mistakes[0]))

START_TEST(mistake)
{
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_text(mistakes[_i].text, errors));
	ck_assert_str_eq(errors, mistakes[_i].errors);
}
END_TEST

/* A mistake in one file is not remembered in the next. */
START_TEST(a_good_file_after_each_mistake)
{
	for (size_t i = 0; i < MISTAKE_COUNT; i++) {
		struct conf *conf = read_text(mistakes[i].text, NULL);

		ck_assert_ptr_null(conf);
		conf = read_text(VIP, NULL);
		ck_assert_ptr_nonnull(conf);
		free(conf);
	}
}
END_TEST

START_TEST(whatever_libconfuse_allows)
{
	struct conf *conf = read_text("# first\r\n"
				      "log_level=debug log_format = 'json'\n"
				      "apiserver { url = https://[::1]:6443/readyz // c\n }\n"
				      "vrrp_instance \"a\" {\n"
				      "\tvirtual_ipaddress = { # the VIP\n"
				      "\t\t10.0.0.1/32, /* and */ '10.0.0.2', // and\n"
				      "\t\t\"2001:db8::1/128\",\n"
				      "\t}\n"
				      "\tunicast_peer = { 10.0.0.7, 2001:db8::7 }\n"
				      "}\n"
				      "vrrp_instance b { virtual_ipaddress = 10.0.0.9 }",
				      NULL);

	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->log_level, CONF_LOG_DEBUG);
	ck_assert_uint_eq(conf->log_format, CONF_LOG_JSON);
	ck_assert_str_eq(conf->apiserver.path, "/readyz");
	ck_assert_uint_eq(conf->instance_count, 2);
	ck_assert_str_eq(conf->instances[0].name, "a");
	ck_assert_uint_eq(conf->instances[0].address_count, 3);
	ck_assert_uint_eq(conf->instances[0].peer_count, 2);
	ck_assert(conf->instances[0].unicast);
	ck_assert_uint_eq(conf->instances[0].virtual_router_id, 1);
	ck_assert_uint_eq(conf->instances[1].virtual_router_id, 9);
	ck_assert(!conf->instances[1].unicast);
	check_round_trip(conf);
	free(conf);
}
END_TEST

START_TEST(effective_configuration)
{
	struct conf *conf = read_text(VIP, NULL);
	char *text = print(conf);

	ck_assert_str_eq(text, "log_level = info\n"
			       "log_format = text\n"
			       "control_socket = \"/run/cpvrrp/cpvrrp.sock\"\n"
			       "metrics_listen = \"\"\n"
			       "address_lease = 5\n"
			       "announce_refresh = 30\n"
			       "realtime = false\n"
			       "\n"
			       "apiserver {\n"
			       "\turl = \"https://127.0.0.1:6443/readyz\"\n"
			       "\tserver_name = \"kubernetes\"\n"
			       "\tca_file = \"/etc/kubernetes/pki/ca.crt\"\n"
			       "\tclient_cert_file = \"\"\n"
			       "\tclient_key_file = \"\"\n"
			       "\ttoken_file = \"\"\n"
			       "\tinsecure_skip_verify = false\n"
			       "\tinterval = 1\n"
			       "\ttimeout = 1\n"
			       "\tfall = 3\n"
			       "\trise = 2\n"
			       "}\n"
			       "\n"
			       "vrrp_instance vip {\n"
			       "\tvirtual_ipaddress = { \"10.0.0.1\" }\n"
			       "\tinterface = auto\n"
			       "\tvirtual_router_id = 1\n"
			       "\tpriority = auto\n"
			       "\tadvert_int = 0.25\n"
			       "\tpreempt = health\n"
			       "\tpreempt_delay = 0\n"
			       "\tunicast_src_ip = auto\n"
			       "\tchecksum = rfc9568\n"
			       "\ttrack_apiserver = true\n"
			       "}\n");
	free(text);
	free(conf);
}
END_TEST

static void expect_unreadable(const char *path, const char *error)
{
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_path(path, errors));
	ck_assert_str_eq(errors, error);
}

START_TEST(what_is_no_file)
{
	char directory[UNIT_DIRECTORY_SIZE];
	char path[UNIT_DIRECTORY_SIZE + 8];

	unit_mkdtemp(directory, "conf_file");
	expect_unreadable(directory, " Is a directory\n");
	snprintf(path, sizeof(path), "%s/fifo", directory);
	expect_unreadable(path, " No such file or directory\n");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_unreadable(path, " not a regular file\n");
}
END_TEST

START_TEST(zero_byte)
{
	static const char bytes[] = VIP "#\0\n";
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_bytes(bytes, sizeof(bytes) - 1, errors));
	ck_assert_str_eq(errors, " has a zero byte, so it is no text\n");
}
END_TEST

/* A file of the largest size is read, one byte more is not. */
START_TEST(size_limit)
{
	size_t size = CONF_FILE_SIZE_MAX + 1;
	char *text = malloc(size);
	char errors[FOUND_SIZE];
	struct conf *conf;

	memset(text, '\n', size);
	memcpy(text, VIP, strlen(VIP));
	conf = read_bytes(text, size - 1, errors);
	ck_assert_msg(conf != NULL, "%s", errors);
	free(conf);
	ck_assert_ptr_null(read_bytes(text, size, errors));
	ck_assert_str_eq(errors, " larger than 2 MiB\n");
	free(text);
}
END_TEST

/* flex takes quadratic time for a long word. */
START_TEST(word_limit)
{
	size_t size = 1 << 20;
	char *text = malloc(size);
	char errors[FOUND_SIZE];

	memset(text, 'a', size);
	ck_assert_ptr_null(read_bytes(text, size, errors));
	ck_assert_str_eq(errors, "1: the word or string that starts here is too long; what follows "
				 "was not read\n");
	free(text);
}
END_TEST

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* Errors have a limit, and so have unknown names and instances. */
START_TEST(limits_of_mistakes)
{
	static char errors[FOUND_SIZE];
	char *text = calloc(1, 1 << 20);
	size_t used = 0;

	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used, "foo = 1\n");
	ck_assert_ptr_null(read_text(text, errors));
	ck_assert_uint_eq(count_lines(errors), 101);
	ck_assert_ptr_nonnull(strstr(errors, "\n more than 100 errors\n"));

	used = 0;
	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used, "foo%d = 1\n", i);
	ck_assert_ptr_null(read_text(text, errors));
	ck_assert_uint_eq(count_lines(errors), 33);
	ck_assert_ptr_nonnull(strstr(errors, "33: foo32: unknown option; what follows"));

	used = 0;
	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used,
					"vrrp_instance a%d { virtual_ipaddress = 10.0.%d.%d\n"
					"interface = eth%d }\n",
					i, i / 100, i % 100 + 1, i);
	ck_assert_ptr_null(read_text(text, errors));
	ck_assert_str_eq(errors, "511: vrrp_instance a255: up to 255 instances are allowed\n");
	free(text);
}
END_TEST

START_TEST(samples_parse)
{
	glob_t samples;

	ck_assert_int_eq(glob(TESTS_DIR "/../conf/*.conf", 0, NULL, &samples), 0);
	ck_assert_uint_ge(samples.gl_pathc, 4);
	for (size_t i = 0; i < samples.gl_pathc; i++) {
		char errors[FOUND_SIZE];
		struct conf *conf = read_path(samples.gl_pathv[i], errors);

		ck_assert_msg(conf != NULL, "%s:%s", samples.gl_pathv[i], errors);
		check_round_trip(conf);
		free(conf);
	}
	globfree(&samples);
}
END_TEST

/* xorshift64*, so that a seed gives the same run everywhere. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static unsigned random_below(uint64_t *state, unsigned limit)
{
	return (unsigned)((random_next(state) >> 32) % limit);
}

/* The field as the table allows it, at random; lists are left alone. */
static void set_randomly(const struct conf_option *option, void *fields, uint64_t *state)
{
	static const char *const texts[] = {
		"/x",	       "/etc/a b/c", "https://[2001:db8::77]/x?y",
		"example.org", "eth0",	     "br-lan.7",
		"auto",	       "",	     "true",
		"off"};
	char reason[CONF_TEXT_SIZE];
	struct conf_option plain = *option;
	char text[CONF_TEXT_SIZE];
	int64_t value;
	unsigned words = 0;

	if (option->type == CONF_TYPE_NUMBER) {
		value = option->min +
			(int64_t)(random_next(state) % (uint64_t)(option->max - option->min + 1));
		plain.offset = 0;
		plain.size = sizeof(value);
		plain.zero = NULL;
		conf_option_format(&plain, &value, text);
		ck_assert(conf_option_parse(option, fields, text, reason));
	} else if (option->type == CONF_TYPE_WORD) {
		while (option->words[words])
			words++;
		conf_option_parse(option, fields, option->words[random_below(state, words)],
				  reason);
	} else if (option->type != CONF_TYPE_ADDRESS && !conf_option_is_list(option)) {
		conf_option_parse(
			option, fields,
			texts[random_below(state, (unsigned)(sizeof(texts) / sizeof(texts[0])))],
			reason);
	}
}

static void fill_instance(struct conf_instance *instance, unsigned number, uint64_t *state)
{
	const struct conf_option *vip =
		conf_option_find(CONF_SECTION_INSTANCE, "virtual_ipaddress");
	const struct conf_option *peer = conf_option_find(CONF_SECTION_INSTANCE, "unicast_peer");
	const struct conf_option *source =
		conf_option_find(CONF_SECTION_INSTANCE, "unicast_src_ip");
	bool ipv6 = random_below(state, 2);
	bool unicast = random_below(state, 2);
	unsigned count = 1 + random_below(state, CONF_ADDRESSES_MAX);
	char reason[CONF_TEXT_SIZE];
	char text[CONF_TEXT_SIZE];

	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), ipv6 ? "2001:db8:%x::%x" : "10.%u.%u.1", number, i);
		ck_assert(conf_option_parse(vip, instance, text, reason));
	}
	for (unsigned i = 0; unicast && i < count; i++) {
		snprintf(text, sizeof(text), ipv6 ? "2001:db9:%x::%x" : "11.%u.%u.1", number, i);
		ck_assert(conf_option_parse(peer, instance, text, reason));
	}
	if (unicast && random_below(state, 2))
		ck_assert(conf_option_parse(source, instance, text, reason));
	instance->virtual_router_id = (uint8_t)(number + 1);
}

static void ignore_violation(void *context, const struct conf_instance *instance,
			     const char *option, const char *message)
{
	(void)instance;
	(void)option;
	(void)message;
	*(bool *)context = true;
}

static bool make_random(struct conf *conf, uint64_t *state)
{
	bool violated = false;
	char reason[CONF_TEXT_SIZE];
	char name[CONF_NAME_SIZE];

	conf_init(conf);
	for (unsigned i = 0; i < 1 + random_below(state, 8); i++) {
		snprintf(name, sizeof(name), "n%u", i);
		ck_assert(conf_instance_add(conf, name, reason));
	}
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *option = &conf_options[i];

		if (option->section == CONF_SECTION_GLOBAL)
			set_randomly(option, conf, state);
		if (option->section == CONF_SECTION_APISERVER)
			set_randomly(option, &conf->apiserver, state);
		for (size_t j = 0;
		     option->section == CONF_SECTION_INSTANCE && j < conf->instance_count; j++)
			set_randomly(option, &conf->instances[j], state);
	}
	for (unsigned i = 0; i < conf->instance_count; i++)
		fill_instance(&conf->instances[i], i, state);
	conf_complete(conf, ignore_violation, &violated);
	return !violated;
}

START_TEST(random_configurations_come_back)
{
	unsigned tried = 0;

	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct conf *conf = calloc(1, sizeof(*conf));
		uint64_t state = seed;

		if (make_random(conf, &state)) {
			check_round_trip(conf);
			tried++;
		}
		free(conf);
	}
	ck_assert_uint_ge(tried, 100);
}
END_TEST

START_TEST(largest_configuration_comes_back)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	const struct conf_option *vip =
		conf_option_find(CONF_SECTION_INSTANCE, "virtual_ipaddress");
	const struct conf_option *peer = conf_option_find(CONF_SECTION_INSTANCE, "unicast_peer");
	char reason[CONF_TEXT_SIZE];
	char text[CONF_TEXT_SIZE];

	conf_init(conf);
	for (unsigned i = 0; i < CONF_INSTANCES_MAX; i++) {
		snprintf(text, sizeof(text), "%063u", i);
		ck_assert(conf_instance_add(conf, text, reason));
		for (unsigned j = 0; j < CONF_PEERS_MAX; j++) {
			snprintf(text, sizeof(text), "2001:db8:1111:1111:1111:1111:1%03x:1%03x", i,
				 j);
			if (j < CONF_ADDRESSES_MAX)
				ck_assert(
					conf_option_parse(vip, &conf->instances[i], text, reason));
			text[7] = '9';
			ck_assert(conf_option_parse(peer, &conf->instances[i], text, reason));
		}
		conf->instances[i].virtual_router_id = (uint8_t)(i + 1);
	}
	check_round_trip(conf);
	free(conf);
}
END_TEST

static size_t damage(char *text, size_t size, uint64_t *state)
{
	static const char bytes[] = "{}=\"'#/*,+$\\ \n0a\r\t|()\200";
	unsigned at = random_below(state, (unsigned)size);
	unsigned length = random_below(state, 8) + 1;

	switch (random_below(state, 3)) {
	case 0:
		text[at] = bytes[random_below(state, sizeof(bytes) - 1)];
		return size;
	case 1:
		if (at + length > size)
			return size;
		memmove(text + at, text + at + length, size - at - length);
		return size - length;
	default:
		memmove(text + at + 1, text + at, size - at);
		text[at] = bytes[random_below(state, sizeof(bytes) - 1)];
		return size + 1;
	}
}

/* Damage is refused with a line, or what it says comes back as all others do. */
START_TEST(damaged_files_do_no_harm)
{
	static const char whole[] =
		"log_level = info # c\napiserver {\n\turl = \"https://10.0.0.3:6443/readyz\"\n"
		"\tinterval = 0.5 // c\n}\nvrrp_instance a {\n\tvirtual_ipaddress = {\n"
		"\t\t\"10.0.0.1\", /* c\n\t c */ 2001:db8::1 }\n\tunicast_peer = { 10.0.0.7, "
		"'2001:db8::7' }\n}\nvrrp_instance b {\n\tvirtual_ipaddress = 10.0.0.9\n\tpreempt "
		"= "
		"always\n\tadvert_int = 0.01\n}\n";
	unsigned accepted = 0;

	for (uint64_t seed = 1; seed <= 3000; seed++) {
		char text[sizeof(whole) + 8];
		size_t size = sizeof(whole) - 1;
		uint64_t state = seed;
		struct conf *conf;

		memcpy(text, whole, size);
		for (unsigned i = 0; i <= seed % 4; i++)
			size = damage(text, size, &state);
		conf = read_bytes(text, size, NULL);
		if (conf) {
			check_round_trip(conf);
			accepted++;
		}
		free(conf);
	}
	ck_assert_uint_ge(accepted, 50);
}
END_TEST

Suite *suite_conf_file(void)
{
	Suite *suite = suite_create("conf_file");
	TCase *tcase = tcase_create("conf_file");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, mistake, 0, (int)MISTAKE_COUNT);
	tcase_add_test(tcase, a_good_file_after_each_mistake);
	tcase_add_test(tcase, whatever_libconfuse_allows);
	tcase_add_test(tcase, effective_configuration);
	tcase_add_test(tcase, what_is_no_file);
	tcase_add_test(tcase, zero_byte);
	tcase_add_test(tcase, size_limit);
	tcase_add_test(tcase, word_limit);
	tcase_add_test(tcase, limits_of_mistakes);
	tcase_add_test(tcase, samples_parse);
	tcase_add_test(tcase, random_configurations_come_back);
	tcase_add_test(tcase, largest_configuration_comes_back);
	tcase_add_test(tcase, damaged_files_do_no_harm);
	suite_add_tcase(suite, tcase);
	return suite;
}
