/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "conf/value.h"
#include "unit.h"

static struct conf *conf;
static struct conf_source source;
static struct manifest manifest;
static char *text;
static char errors[2048];

static void setup(void)
{
	char reason[CONF_TEXT_SIZE];

	conf = calloc(1, sizeof(*conf));
	conf_init(conf);
	ck_assert(conf_instance_add(conf, "a", reason));
	manifest = (struct manifest){.conf = conf, .source = &source, .image = "image"};
	source = (struct conf_source){.path = "/etc/cpvrrp/cpvrrp.conf"};
}

static void teardown(void)
{
	free(text);
	text = NULL;
	free(conf);
}

static bool print(void)
{
	size_t size;
	FILE *out, *err;
	bool printed;

	free(text);
	memset(errors, 0, sizeof(errors));
	out = open_memstream(&text, &size);
	err = fmemopen(errors, sizeof(errors), "w");
	printed = manifest_print(&manifest, out, err);
	fclose(out);
	fclose(err);
	ck_assert_msg(printed == !*errors, "%s", errors);
	ck_assert(printed || !*text);
	return printed;
}

/* "PATH TYPE" for each volume, with "rw" behind if its mount is not read-only. */
static const char *volumes(void)
{
	static char list[2048];
	char *at, path[512], type[32], mount[600];

	ck_assert_msg(print(), "%s", errors);
	list[0] = '\0';
	at = strstr(text, "\n  volumes:\n");
	ck_assert_ptr_nonnull(at);
	while ((at = strstr(at, "    hostPath:\n"))) {
		const char *mounted;

		ck_assert_int_eq(
			sscanf(at, " hostPath: path: \"%511[^\"]\" type: %31s", path, type), 2);
		snprintf(mount, sizeof(mount), "mountPath: \"%s\"\n      readOnly: ", path);
		mounted = strstr(text, mount);
		ck_assert_ptr_nonnull(mounted);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s %s%s\n", path, type,
			 mounted[strlen(mount)] == 'f' ? " rw" : "");
		at++;
	}
	return list;
}

#define SET(field, value) snprintf(field, sizeof(field), "%s", value)

START_TEST(manifest_defaults)
{
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/etc/kubernetes/pki/ca.crt File\n");
}
END_TEST

/* The keys of the CAs are there: the pod sees what is named, and nothing beside it. */
START_TEST(manifest_beside_the_ca)
{
	struct conf_apiserver *apiserver = &conf->apiserver;

	SET(apiserver->client_cert_file, "/etc/kubernetes//pki/client.crt");
	SET(apiserver->client_key_file, "/etc/kubernetes/pki/./client.key");
	SET(apiserver->token_file, "/etc/kubernetes/pki/token/token");
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/etc/kubernetes/pki/ca.crt File\n"
				    "/etc/kubernetes/pki/client.crt File\n"
				    "/etc/kubernetes/pki/client.key File\n"
				    "/etc/kubernetes/pki/token DirectoryOrCreate\n");
	SET(apiserver->client_cert_file, "/etc/kubernetes/pki/ca.crt");
	SET(apiserver->client_key_file, "/etc/kubernetes/client.key");
	SET(apiserver->token_file, "");
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/etc/kubernetes DirectoryOrCreate\n");
}
END_TEST

/* Without a file the addresses are arguments of the pod, and nothing is mounted for them. */
START_TEST(manifest_without_file)
{
	source.vip = "10.10.10.10,2001:db8::1";
	ck_assert_str_eq(volumes(), "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/etc/kubernetes/pki/ca.crt File\n");
	ck_assert_ptr_nonnull(strstr(text, "    - --vip\n    - \"10.10.10.10,2001:db8::1\"\n"));
	ck_assert_ptr_null(strstr(text, "--config"));
}
END_TEST

/* /etc itself is not for the pod. */
START_TEST(manifest_file_in_etc)
{
	source.path = "/etc//./cpvrrp.conf";
	SET(conf->apiserver.ca_file, "/ca.crt");
	ck_assert_str_eq(volumes(), "/etc/cpvrrp.conf File\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/ca.crt File\n");
	ck_assert_ptr_nonnull(strstr(text, "    - --config\n    - \"/etc//./cpvrrp.conf\"\n"));
}
END_TEST

START_TEST(manifest_credentials)
{
	struct conf_apiserver *apiserver = &conf->apiserver;

	SET(apiserver->ca_file, "/etc/cpvrrp/pki/ca.crt"); /* within the file's directory */
	SET(apiserver->client_cert_file, "/var/lib/kubelet/pki/kubelet.pem");
	SET(apiserver->client_key_file, "/var/lib//kubelet/pki/kubelet.pem");
	SET(apiserver->token_file, "/var/lib/kubelet/pkitoken/token");
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/var/lib/kubelet/pki DirectoryOrCreate\n"
				    "/var/lib/kubelet/pkitoken DirectoryOrCreate\n");
	apiserver->insecure_skip_verify = true;
	SET(apiserver->ca_file, "/not/used");
	ck_assert_ptr_null(strstr(volumes(), "/not"));
	conf->instances[0].track_apiserver = false;
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n");
}
END_TEST

/* A mount that can be written to is never replaced by one that cannot. */
START_TEST(manifest_socket)
{
	conf->instances[0].track_apiserver = false;
	SET(conf->control_socket, "/etc/cpvrrp/socket");
	ck_assert_str_eq(volumes(), "/etc/cpvrrp DirectoryOrCreate rw\n");
	SET(conf->control_socket, "/etc/cpvrrp/run/socket");
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/etc/cpvrrp/run DirectoryOrCreate rw\n");
	manifest.socket_path = "/run/other/socket";
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/other DirectoryOrCreate rw\n");
	ck_assert_ptr_nonnull(strstr(text, "    - --socket\n    - \"/run/other/socket\"\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "        - --socket\n        - \"/run/other/socket\"\n"));
}
END_TEST

static void track(const char *directory, unsigned number)
{
	struct conf_instance *instance = &conf->instances[conf->instance_count - 1];

	snprintf(instance->track_files[instance->track_file_count++], CONF_PATH_SIZE, "%s/%u",
		 directory, number);
}

/* The file may come later, so the pod sees its directory; each directory is mounted once. */
START_TEST(manifest_tracked_files)
{
	char reason[CONF_TEXT_SIZE], directory[32];

	track("/run/cpvrrp", 0);
	track("/run/ops", 1);
	track("/run//ops", 2);
	track("/etc/cpvrrp", 3);
	track("/srv/out/here", 4);
	ck_assert_str_eq(volumes(), "/etc/cpvrrp Directory\n"
				    "/run/cpvrrp DirectoryOrCreate rw\n"
				    "/etc/kubernetes/pki/ca.crt File\n"
				    "/run/ops DirectoryOrCreate\n"
				    "/srv/out/here DirectoryOrCreate\n");
	ck_assert_ptr_nonnull(strstr(text, "  - name: track-1\n"));
	track("/srv", 5);
	ck_assert(!print());
	ck_assert_str_eq(errors,
			 "track_file: /srv/5 is not in a directory of its own, and a pod must "
			 "not have the one it is in\n");
	/* One more than 16. */
	conf->instances[0].track_file_count = 5;
	for (unsigned i = 0; i < 15; i++) {
		if (i % CONF_TRACKED_MAX == 0)
			ck_assert(conf_instance_add(conf, i ? "c" : "b", reason));
		snprintf(directory, sizeof(directory), "/run/a/%u", i);
		track(directory, i);
	}
	ck_assert(!print());
	ck_assert_str_eq(errors, "track_file: the pod can mount 16 directories\n");
	conf->instances[2].track_file_count--;
	ck_assert(print());
}
END_TEST

/* HANDOVER takes one advertisement interval, of the slowest instance. */
START_TEST(manifest_grace)
{
	char reason[CONF_TEXT_SIZE];

	ck_assert(print());
	ck_assert_ptr_nonnull(strstr(text, "terminationGracePeriodSeconds: 6\n"));
	ck_assert(conf_instance_add(conf, "b", reason));
	conf->instances[1].advert_int_cs = 4095;
	ck_assert(print());
	ck_assert_ptr_nonnull(strstr(text, "terminationGracePeriodSeconds: 46\n"));
}
END_TEST

START_TEST(manifest_metrics)
{
	ck_assert(print());
	ck_assert_ptr_null(strstr(text, "ports:"));
	conf->metrics_port = 9466;
	ck_assert(print());
	ck_assert_ptr_nonnull(
		strstr(text, "    ports:\n    - name: metrics\n      containerPort: 9466\n"));
}
END_TEST

START_TEST(manifest_refused)
{
	char long_path[CONF_PATH_SIZE + 1];

	memset(long_path, 'a', sizeof(long_path));
	long_path[0] = '/';
	long_path[CONF_PATH_SIZE] = '\0';
	source.path = "relative/cpvrrp.conf";
	SET(conf->control_socket, "/run/cpvrrp.sock");
	SET(conf->apiserver.ca_file, "/a:b/ca");
	SET(conf->apiserver.client_cert_file, "/a/../ca");
	SET(conf->apiserver.client_key_file, "/a/b/..");
	SET(conf->apiserver.token_file, "/a/\xff/ca");
	manifest.image = "";
	ck_assert(!print());
	ck_assert_str_eq(
		errors,
		"--config: relative/cpvrrp.conf must be an absolute path, the one on the nodes\n"
		"control_socket: /run/cpvrrp.sock is not in a directory of its own, and a pod must "
		"not have the one it is in\n"
		"ca_file: /a:b/ca has a colon, which a mount in a pod must not have\n"
		"client_cert_file: /a/../ca has the component .., which a mount in a pod must not "
		"have\n"
		"client_key_file: /a/b/.. has the component .., which a mount in a pod must not "
		"have\n"
		"token_file: /a/\xff/ca is not UTF-8, as YAML has to be\n"
		"--image:  is not the name of an image\n");
	source.path = long_path;
	ck_assert(!print());
	ck_assert_ptr_nonnull(strstr(errors, "is too long\n"));
}
END_TEST

/* "..a" and "a.." are names as any other. */
START_TEST(manifest_dots)
{
	source.path = "/etc/..a/b../.c/cpvrrp.conf";
	ck_assert_ptr_nonnull(strstr(volumes(), "/etc/..a/b../.c Directory\n"));
}
END_TEST

START_TEST(manifest_quotes)
{
	manifest.image = "a\"b\\c\n\t\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80: #";
	ck_assert(print());
	ck_assert_ptr_nonnull(strstr(text, "image: \"a\\\"b\\\\c\\U0000000A\\U00000009\\U0000007F"
					   "\\U000000E9\\U00002028\\U0001F600: #\"\n"));
}
END_TEST

Suite *suite_manifest(void)
{
	Suite *suite = suite_create("manifest");
	TCase *tcase = tcase_create("manifest");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, manifest_defaults);
	tcase_add_test(tcase, manifest_beside_the_ca);
	tcase_add_test(tcase, manifest_without_file);
	tcase_add_test(tcase, manifest_file_in_etc);
	tcase_add_test(tcase, manifest_credentials);
	tcase_add_test(tcase, manifest_socket);
	tcase_add_test(tcase, manifest_tracked_files);
	tcase_add_test(tcase, manifest_grace);
	tcase_add_test(tcase, manifest_metrics);
	tcase_add_test(tcase, manifest_refused);
	tcase_add_test(tcase, manifest_dots);
	tcase_add_test(tcase, manifest_quotes);
	suite_add_tcase(suite, tcase);
	return suite;
}
