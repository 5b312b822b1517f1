/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files to struct conf and back: which files are read, the samples, and that what is printed reads
 * as an equal struct, for random configurations and for samples with random damage. The answers to
 * each kind of mistake are in test_conf_parse.
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

#include "conf/check.h"
#include "conf/file.h"
#include "conf/option.h"
#include "conf/value.h"

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
	ck_assert_msg(conf_equal(conf, again), "not the same:\n%s", text);
	free(again);
	free(text);
}

/* An instance without mistakes. */
#define VIP "vrrp_instance vip { virtual_ipaddress = { \"10.0.0.1\" } }\n"

START_TEST(effective_configuration)
{
	struct conf *conf = read_text(
		"vrrp_instance vip { virtual_ipaddress { 10.0.0.1 } track_interface eth1\n"
		"track_file { \"/a b\", /run/cpvrrp/maintenance } }\n"
		"apiserver { token_file = '/a b' }",
		NULL);
	char *text = print(conf);

	ck_assert_str_eq(text, "log_level info\n"
			       "log_format text\n"
			       "control_socket /run/cpvrrp/cpvrrp.sock\n"
			       "metrics_listen \"\"\n"
			       "address_lease 5\n"
			       "announce_refresh 30\n"
			       "realtime auto\n"
			       "\n"
			       "apiserver {\n"
			       "\turl https://127.0.0.1:6443/readyz\n"
			       "\tserver_name kubernetes\n"
			       "\tca_file /etc/kubernetes/pki/ca.crt\n"
			       "\tclient_cert_file \"\"\n"
			       "\tclient_key_file \"\"\n"
			       "\ttoken_file \"/a b\"\n"
			       "\tinsecure_skip_verify false\n"
			       "\tinterval 1\n"
			       "\ttimeout 1\n"
			       "\tfall 3\n"
			       "\trise 2\n"
			       "}\n"
			       "\n"
			       "vrrp_instance vip {\n"
			       "\tvirtual_ipaddress { 10.0.0.1 }\n"
			       "\tinterface auto\n"
			       "\tvirtual_router_id 1\n"
			       "\tpriority auto\n"
			       "\tadvert_int 0.25\n"
			       "\tpreempt health\n"
			       "\tpreempt_delay 0\n"
			       "\tmembers true\n"
			       "\tbalance false\n"
			       "\tunicast_src_ip auto\n"
			       "\tchecksum rfc9568\n"
			       "\ttrack_apiserver true\n"
			       "\ttrack_file { \"/a b\" /run/cpvrrp/maintenance }\n"
			       "\ttrack_interface { eth1 }\n"
			       "}\n");
	free(text);
	free(conf);
}
END_TEST

/* Text that would be read as something else without quotes. */
START_TEST(quotes_where_they_are_needed)
{
	static const char *const paths[] = {"//a", "/a b",   "/a{",	  "/a}",  "/a,b", "/a;",
					    "/a#", "/a ! b", "/\303\244", "/a=b", "/a(b"};
	static const char *const interfaces[] = {"=a", "!a",  "#a", "{a",  "a}", ",",
						 ";",  "a;b", "$a", "+=a", "(a", "*a"};
	struct conf *conf = read_text(VIP, NULL);
	char reason[CONF_TEXT_SIZE];

	for (size_t i = 0; i < COUNT(paths); i++) {
		ck_assert(conf_option_parse(conf_option_find(CONF_SECTION_GLOBAL, "control_socket"),
					    conf, paths[i], reason));
		check_round_trip(conf);
	}
	for (size_t i = 0; i < COUNT(interfaces); i++) {
		ck_assert_msg(
			conf_option_parse(conf_option_find(CONF_SECTION_INSTANCE, "interface"),
					  conf->instances, interfaces[i], reason),
			"%s", reason);
		check_round_trip(conf);
	}
	free(conf);
}
END_TEST

/* Each error has the path before it, in the order of the lines, those of the whole file first. */
START_TEST(errors_name_file_and_line)
{
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_text("\nlog_level loud\nrealtime maybe\n", errors));
	ck_assert_str_eq(errors,
			 " vrrp_instance: at least one is needed\n"
			 "2: log_level loud: allowed are error, warning, notice, info, debug\n"
			 "3: realtime maybe: allowed are auto, true, yes, on, false, no, off\n");
}
END_TEST

/* Addresses instead of a file: errors have no line, and nothing but addresses is taken. */
START_TEST(addresses_without_a_file)
{
	static const struct {
		const char *vip;
		const char *errors; /* "" = none */
		const char *printed;
	} cases[] = {
		{"10.0.0.1", "", "\tvirtual_ipaddress { 10.0.0.1 }\n"},
		{"10.0.0.1,2001:DB8::1 10.0.0.2/32", "",
		 "\tvirtual_ipaddress { 10.0.0.1 2001:db8::1 10.0.0.2 }\n"},
		{"", " virtual_ipaddress: the list is empty; at least one address is needed\n", ""},
		{"10.0.0", " virtual_ipaddress 10.0.0: not an IPv4 or IPv6 address\n", ""},
		{"10.0.0.0",
		 " vrrp_instance apiserver: virtual_router_id: must be given, 1 to 255: the last "
		 "byte of 10.0.0.0, its default, is 0\n",
		 ""},
		{"10.0.0.1 } priority { 200", " is a list of IPv4 and IPv6 addresses, up to 1 KB\n",
		 ""},
	};
	char name[CONF_PATH_SIZE], printed[4096];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct conf_source source = {.path = "/x", .vip = cases[i].vip};
		struct found found = {.path = "--vip"};
		struct conf *conf = conf_source_read(&source, note_error, &found);
		FILE *stream;

		ck_assert_str_eq(found.text, cases[i].errors);
		ck_assert_int_eq(conf != NULL, cases[i].errors[0] == '\0');
		if (!conf)
			continue;
		stream = fmemopen(printed, sizeof(printed), "w");
		conf_file_print(conf, stream);
		fclose(stream);
		ck_assert_ptr_nonnull(strstr(printed, "\nvrrp_instance apiserver {\n"));
		ck_assert_ptr_nonnull(strstr(printed, cases[i].printed));
		ck_assert(conf->instances[0].track_apiserver);
		free(conf);
	}
	ck_assert_str_eq(conf_source_name(&(struct conf_source){.path = "/x"}, name), "/x");
	ck_assert_str_eq(conf_source_name(&(struct conf_source){.vip = "1.1.1.1"}, name),
			 "--vip 1.1.1.1");
}
END_TEST

/* As many addresses as an instance may have, but no endless text. */
START_TEST(addresses_without_a_file_have_a_limit)
{
	char vip[2048] = "";
	const struct conf_source source = {.vip = vip};
	struct found found = {.path = "--vip"};
	struct conf *conf;

	for (unsigned i = 0; i < CONF_ADDRESSES_MAX; i++)
		snprintf(vip + strlen(vip), sizeof(vip) - strlen(vip),
			 "2001:db8:1234:5678:1234:5678:1234:56%02u,", i + 1);
	conf = conf_source_read(&source, note_error, &found);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->instances[0].address_count, CONF_ADDRESSES_MAX);
	free(conf);
	memset(vip, ' ', sizeof(vip) - 1);
	memcpy(vip, "10.0.0.1", 8);
	ck_assert_ptr_null(conf_source_read(&source, note_error, &found));
	ck_assert_str_eq(found.text, " is a list of IPv4 and IPv6 addresses, up to 1 KB\n");
}
END_TEST

/* A request finds the daemon whatever else is wrong in the file. */
START_TEST(control_socket_alone)
{
	static const struct {
		const char *text;
		const char *socket;
	} cases[] = {
		{"control_socket /x\n" VIP, "/x"},
		{"} foo 1\n'\ncontrol_socket = \"/x\"\nvrrp_instance a {", "/x"},
		{"global_defs {\n vrrp_instance a {\n}\ncontrol_socket /x\n", "/x"},
		{"control_socket /x\ncontrol_socket /y\n", "/x"},
		{"control_socket x\n" VIP, "/run/cpvrrp/cpvrrp.sock"},
		{"/* control_socket /x\n", "/run/cpvrrp/cpvrrp.sock"},
		{"", "/run/cpvrrp/cpvrrp.sock"},
	};
	char directory[UNIT_DIRECTORY_SIZE];
	char path[UNIT_DIRECTORY_SIZE + 8];
	char socket[CONF_SOCKET_SIZE];

	unit_mkdtemp(directory, "conf_file");
	snprintf(path, sizeof(path), "%s/conf", directory);
	conf_file_control_socket(path, socket);
	ck_assert_str_eq(socket, "/run/cpvrrp/cpvrrp.sock");
	for (size_t i = 0; i < COUNT(cases); i++) {
		FILE *file = fopen(path, "we");

		fputs(cases[i].text, file);
		fclose(file);
		conf_file_control_socket(path, socket);
		ck_assert_str_eq(socket, cases[i].socket);
	}
}
END_TEST

static void expect_unreadable(const char *path, const char *error)
{
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_path(path, errors));
	ck_assert_str_eq(errors, error);
}

START_TEST(path_without_a_regular_file)
{
	char directory[UNIT_DIRECTORY_SIZE];
	char path[UNIT_DIRECTORY_SIZE + 8];

	unit_mkdtemp(directory, "conf_file");
	expect_unreadable(directory, " Is a directory\n");
	snprintf(path, sizeof(path), "%s/fifo", directory);
	expect_unreadable(path, " No such file or directory\n");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_unreadable(path, " not a regular file\n");
	expect_unreadable("/dev/zero", " not a regular file\n");
}
END_TEST

/* A file of sysfs says 4096 bytes and has fewer; where there is no sysfs the path is an error. */
START_TEST(file_that_is_shorter_than_it_says)
{
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_path("/sys/kernel/uevent_seqnum", errors));
	ck_assert_str_ne(errors, "");
}
END_TEST

START_TEST(zero_byte)
{
	static const char bytes[] = VIP "#\0\n";
	char errors[FOUND_SIZE];

	ck_assert_ptr_null(read_bytes(bytes, sizeof(bytes) - 1, errors));
	ck_assert_str_eq(errors, "2: has a zero byte, so it is no text\n");
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
		"off",	       "//x",	     "{a,b;}",
		"#!"};
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
		conf_option_parse(option, fields, texts[random_below(state, COUNT(texts))], reason);
	}
}

static void fill_instance(struct conf_instance *instance, unsigned number, uint64_t *state)
{
	const struct conf_option *vip =
		conf_option_find(CONF_SECTION_INSTANCE, "virtual_ipaddress");
	const struct conf_option *peer = conf_option_find(CONF_SECTION_INSTANCE, "unicast_peer");
	const struct conf_option *source =
		conf_option_find(CONF_SECTION_INSTANCE, "unicast_src_ip");
	const struct conf_option *port = conf_option_find(CONF_SECTION_INSTANCE, "balance_port");
	const struct conf_option *file = conf_option_find(CONF_SECTION_INSTANCE, "track_file");
	const struct conf_option *interface =
		conf_option_find(CONF_SECTION_INSTANCE, "track_interface");
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
	for (unsigned i = 0; ipv6 && i < count && i < CONF_BALANCE_PORTS_MAX; i++) {
		snprintf(text, sizeof(text), "%u", 6443 + i);
		ck_assert(conf_option_parse(port, instance, text, reason));
	}
	for (unsigned i = 0; unicast && i < count && i < CONF_TRACKED_MAX; i++) {
		snprintf(text, sizeof(text), "/a{%u b/weight", i);
		ck_assert(conf_option_parse(file, instance, text, reason));
		snprintf(text, sizeof(text), "eth;%u", i);
		ck_assert(conf_option_parse(interface, instance, text, reason));
	}
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
	static const char bytes[] = "{}=\"'#/*,+$\\ \n0a\r\t|()!;\200";
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
		"'2001:db8::7' }\n}\nvrrp_instance b {\n\tvirtual_ipaddress { 10.0.0.9 } ! c\n"
		"\tpreempt always;\n\tadvert_int 0.01\n}\n";
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
	tcase_add_test(tcase, effective_configuration);
	tcase_add_test(tcase, quotes_where_they_are_needed);
	tcase_add_test(tcase, errors_name_file_and_line);
	tcase_add_test(tcase, addresses_without_a_file);
	tcase_add_test(tcase, addresses_without_a_file_have_a_limit);
	tcase_add_test(tcase, control_socket_alone);
	tcase_add_test(tcase, path_without_a_regular_file);
	tcase_add_test(tcase, file_that_is_shorter_than_it_says);
	tcase_add_test(tcase, zero_byte);
	tcase_add_test(tcase, size_limit);
	tcase_add_test(tcase, samples_parse);
	tcase_add_test(tcase, random_configurations_come_back);
	tcase_add_test(tcase, largest_configuration_comes_back);
	tcase_add_test(tcase, damaged_files_do_no_harm);
	suite_add_tcase(suite, tcase);
	return suite;
}
