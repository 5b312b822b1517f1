/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the probe: alone, and against a server that looks at what they say. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apiserver.h"
#include "os/probe.h"
#include "unit.h"

static const struct {
	const char *cert;
	const char *server_name;
	enum health_result result;
	const char *words;
} certificates[] = {
	{"server", "kubernetes", HEALTH_OK, ""},
	{"server", "127.0.0.1", HEALTH_OK, ""},
	{"server", "kubernetes.default", HEALTH_OK, ""},
	{"server", "192.0.2.1", HEALTH_CERTIFICATE, "not for 192.0.2.1"},
	{"server", "kubernete", HEALTH_CERTIFICATE, "not for kubernete"},
	{"wrong-name", "kubernetes", HEALTH_CERTIFICATE, "not for kubernetes"},
	{"expired", "kubernetes", HEALTH_CERTIFICATE, "certificate has expired"},
	{"other-server", "kubernetes", HEALTH_CERTIFICATE, "local issuer"},
	/* Signed by the CA, but for clients. */
	{"client", "kubernetes", HEALTH_CERTIFICATE, "certificate purpose"},
};

static void tell_cert_and_key(const char *cert, const char *key)
{
	char command[1024];

	snprintf(command, sizeof(command), "cert %s/%s.crt %s/%s.key", directory, cert, directory,
		 key);
	tell(command);
}

static void tell_cert(const char *name)
{
	tell_cert_and_key(name, name);
}

START_TEST(certificate_is_verified)
{
	bool ok = certificates[_i].result == HEALTH_OK;

	tell_cert(certificates[_i].cert);
	strcpy(conf.server_name, certificates[_i].server_name);
	start();
	expect(certificates[_i].result, ok ? 200 : 0, certificates[_i].words);
	if (strcmp(conf.server_name, "127.0.0.1") == 0)
		ck_assert_ptr_null(strstr(ask("last"), "\"sni\": \"1"));
	/* Not a byte of the request to a server that is not known. */
	if (!ok)
		ck_assert_str_eq(counted(), "1/0");
}
END_TEST

/* Every certificate of ca_file is an anchor, and nothing else is. */
static const struct {
	const char *ca;
	const char *cert; /* and the chain that the server sends with it */
	const char *key;
	enum health_result result;
	const char *words;
} anchors[] = {
	{"inter.crt", "inter-chain", "inter-server", HEALTH_OK, ""},
	{"inter.crt", "inter-server", "inter-server", HEALTH_OK, ""},
	{"ca.crt", "inter-chain", "inter-server", HEALTH_OK, ""},
	{"server.crt", "server", "server", HEALTH_OK, ""},
	{"ca.crt", "inter-server", "inter-server", HEALTH_CERTIFICATE, "local issuer"},
	{"inter.crt", "server", "server", HEALTH_CERTIFICATE, "local issuer"},
	{"other-ca.crt", "inter-chain", "inter-server", HEALTH_CERTIFICATE, "local issuer"},
	{"inter.crt", "other-server", "other-server", HEALTH_CERTIFICATE, "local issuer"},
	/* The anchor is for itself: it is no CA. */
	{"client.crt", "forged-chain", "forged-server", HEALTH_CERTIFICATE, "invalid CA"},
	{"client.crt", "forged-server", "forged-server", HEALTH_CERTIFICATE, "invalid CA"},
	{"expired.crt", "expired", "expired", HEALTH_CERTIFICATE, "certificate has expired"},
	{"wrong-name.crt", "wrong-name", "wrong-name", HEALTH_CERTIFICATE, "not for kubernetes"},
};

START_TEST(any_certificate_of_ca_file_is_an_anchor)
{
	bool ok = anchors[_i].result == HEALTH_OK;

	tell_cert_and_key(anchors[_i].cert, anchors[_i].key);
	set(conf.ca_file, anchors[_i].ca);
	start();
	expect(anchors[_i].result, ok ? 200 : 0, anchors[_i].words);
	if (!ok)
		ck_assert_str_eq(counted(), "1/0");
}
END_TEST

START_TEST(insecure_verifies_nothing_and_sends_no_secret)
{
	const char *last;

	tell_cert("other-server");
	strcpy(conf.ca_file, "/nonexistent");
	put("token", "secret");
	set(conf.token_file, "token");
	conf.insecure_skip_verify = true;
	start();
	expect_ok();
	last = ask("last");
	ck_assert_ptr_nonnull(strstr(last, "/readyz"));
	ck_assert_ptr_null(strstr(last, "secret"));
}
END_TEST

START_TEST(ca_appears_later)
{
	unlink(file("live.crt"));
	set(conf.ca_file, "live.crt");
	conf.interval_us = 50 * MS;
	start();
	expect(HEALTH_UNABLE, 0, "waiting for ");
	expect(HEALTH_UNABLE, 0, "/live.crt");
	put("live.crt", "-----BEGIN CERTIFICATE-----\nhalf");
	while (strstr(await()->detail, "no certificate in PEM form") == NULL)
		ck_assert_uint_lt(reports_read, 5);
	copy("ca.crt", "live.crt");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 8);
}
END_TEST

START_TEST(ca_and_certificate_renewed)
{
	copy("ca.crt", "live.crt");
	set(conf.ca_file, "live.crt");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	/* A held connection does not end because the server has a new certificate. */
	tell_cert("new-server");
	expect_ok();
	ck_assert_int_eq(counted()[0], '1');
	/* The connection is made anew when the CA that vouched for it has changed. */
	copy("new-ca.crt", "live.crt");
	expect_ok();
	ck_assert_int_eq(counted()[0], '2');
	copy("ca.crt", "live.crt");
	expect(HEALTH_CERTIFICATE, 0, "issuer");
	copy("both-ca.crt", "live.crt");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 8);
}
END_TEST

/* The content that was read stays in use. */
START_TEST(ca_deleted_or_broken)
{
	copy("ca.crt", "live.crt");
	set(conf.ca_file, "live.crt");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	put("live.crt", "nonsense");
	expect_ok();
	expect_ok();
	unlink(file("live.crt"));
	tell("drop");
	expect_ok();
	expect_ok();
	/* And what is put there is used again. */
	copy("other-ca.crt", "live.crt");
	while (await()->result != HEALTH_CERTIFICATE)
		ck_assert_uint_lt(reports_read, 9);
}
END_TEST

enum spoiling {
	MISSING,
	EMPTY,
	DIRECTORY,
	FIFO,
	DEVICE,
	HUGE,
};
#define SPOILINGS (HUGE + 1)

static void spoil(const char *name, enum spoiling how)
{
	const char *path = file(name);
	FILE *stream = NULL;

	remove(path);
	switch (how) {
	case MISSING:
		return;
	case EMPTY:
	case HUGE:
		stream = fopen(path, "w");
		ck_assert_ptr_nonnull(stream);
		ck_assert_int_eq(ftruncate(fileno(stream), how == HUGE ? 20000000 : 0), 0);
		fclose(stream);
		return;
	case DIRECTORY:
		ck_assert_int_eq(mkdir(path, 0700), 0);
		return;
	case FIFO:
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		return;
	case DEVICE:
		ck_assert_int_eq(symlink("/dev/zero", path), 0);
		return;
	}
}

/* The words of the reports then. */
static const char *const spoiled_words[SPOILINGS] = {
	[MISSING] = "waiting for ",
	[DIRECTORY] = "is a directory, not a regular file",
	[FIFO] = "is a FIFO, device or socket, not a regular file",
	[DEVICE] = "is a FIFO, device or socket, not a regular file",
	[HUGE] = "is larger than 1 MiB",
};

static const struct {
	char *option;
	const char *name;
	const char *content;
	const char *empty_words;
} files[] = {
	{conf.ca_file, "live-ca", "ca.crt", "no certificate in PEM form"},
	{conf.client_cert_file, "live-cert", "client.crt", "no certificate in PEM form"},
	{conf.client_key_file, "live-key", "client.key", "no key in PEM form"},
	{conf.token_file, "live-token", "a-token", "the token is empty"},
};

static void restore(int i)
{
	remove(files[i].option);
	copy(files[i].content, files[i].name);
}

static void set_all_files(void)
{
	put("a-token", "secret");
	for (int i = 0; i < (int)COUNT(files); i++) {
		set(files[i].option, files[i].name);
		restore(i);
	}
	conf.interval_us = 20 * MS;
}

static void check_words(const char *text, int i, enum spoiling how)
{
	ck_assert_msg(strstr(text, files[i].option), "%s", text);
	ck_assert_msg(strstr(text, how == EMPTY ? files[i].empty_words : spoiled_words[how]), "%s",
		      text);
}

START_TEST(file_unusable_at_start)
{
	set_all_files();
	for (unsigned how = 0; how < SPOILINGS; how++) {
		spoil(files[_i].name, how);
		restart();
		expect(HEALTH_UNABLE, 0, "");
		check_words(reports[0].detail, _i, how);
		ck_assert_str_eq(reports[0].stale, "");
		restore(_i);
		while (await()->result != HEALTH_OK)
			ck_assert_uint_lt(reports_read, 6);
	}
}
END_TEST

/* The content that was read stays in use, and the reports say why. */
START_TEST(file_unusable_later)
{
	set_all_files();
	for (unsigned how = 0; how < SPOILINGS; how++) {
		const struct probe_report *report;

		restart();
		expect_ok();
		ck_assert_str_eq(reports[0].stale, "");
		spoil(files[_i].name, how);
		while (!(report = await())->stale[0])
			ck_assert_uint_lt(reports_read, 6);
		check_words(report->stale, _i, how);
		ck_assert_ptr_nonnull(strstr(report->stale, "; what was read before stays in use"));
		ck_assert_int_eq(report->result, HEALTH_OK);
		tell("drop");
		expect_ok();
		expect_ok();
		restore(_i);
		while ((report = await())->stale[0])
			ck_assert_uint_lt(reports_read, 12);
		ck_assert_int_eq(report->result, HEALTH_OK);
	}
}
END_TEST

/* The file itself has not changed, so that it is not read again. */
START_TEST(link_away_and_back)
{
	point("link", "ca.crt");
	set(conf.ca_file, "link");
	conf.interval_us = 20 * MS;
	start();
	expect_ok();
	point("link", "missing");
	while (!await()->stale[0])
		ck_assert_uint_lt(reports_read, 6);
	point("link", "ca.crt");
	while (await()->stale[0])
		ck_assert_uint_lt(reports_read, 12);
	ck_assert_int_eq(counted()[0], '1');
}
END_TEST

static void tell_client_ca(void)
{
	char command[1024];

	snprintf(command, sizeof(command), "client-ca %s/ca.crt", directory);
	tell(command);
}

/* Certificate and key in one file behind a symbolic link, as the kubelet has them. */
START_TEST(client_certificate_rotated)
{
	tell_client_ca();
	tell("require on");
	point("current.pem", "client.pem");
	set(conf.client_cert_file, "current.pem");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"client\": \"cpvrrp\""));
	point("current.pem", "client2.pem");
	do {
		ck_assert_uint_lt(reports_read, 5);
		expect_ok();
	} while (!strstr(ask("last"), "\"client\": \"cpvrrp-2\""));
}
END_TEST

/* A node has them only after it has joined its cluster. */
START_TEST(credentials_appear_later)
{
	tell_client_ca();
	tell("require on");
	unlink(file("late.pem"));
	unlink(file("token"));
	set(conf.client_cert_file, "late.pem");
	set(conf.token_file, "token");
	conf.interval_us = 50 * MS;
	start();
	expect(HEALTH_UNABLE, 0, "waiting for ");
	put("token", "secret");
	while (strstr(await()->detail, "/late.pem") == NULL)
		ck_assert_uint_lt(reports_read, 5);
	copy("client.pem", "late.pem");
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 8);
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"client\": \"cpvrrp\""));
	ck_assert_ptr_nonnull(strstr(ask("last"), "secret"));
}
END_TEST

/* Certificate and key are replaced one after the other: in between they do not match. */
START_TEST(client_certificate_rotated_in_two_steps)
{
	tell_client_ca();
	copy("client.crt", "live.crt");
	copy("client.key", "live.key");
	set(conf.client_cert_file, "live.crt");
	set(conf.client_key_file, "live.key");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	copy("client2.crt", "live.crt");
	expect_ok();
	expect_ok();
	ck_assert_ptr_nonnull(strstr(ask("last"), "\"client\": \"cpvrrp\""));
	copy("client2.key", "live.key");
	do {
		ck_assert_uint_lt(reports_read, 7);
		expect_ok();
	} while (!strstr(ask("last"), "\"client\": \"cpvrrp-2\""));
}
END_TEST

START_TEST(client_certificate_missing)
{
	tell_client_ca();
	start();
	expect(HEALTH_UNAUTHORIZED, 401, "set client_cert_file or token_file");
}
END_TEST

/* In TLS 1.2, where the server's alert is part of the handshake: in TLS 1.3 it comes after it, and
 * may be lost with the reset that follows. */
START_TEST(client_certificate_missing_in_tls)
{
	tell("mode tls1.2");
	tell_client_ca();
	tell("require on");
	start();
	expect(HEALTH_TLS, 0, "alert");
}
END_TEST

START_TEST(client_certificate_of_another_ca)
{
	tell("mode tls1.2");
	tell_client_ca();
	set(conf.client_cert_file, "other-client.crt");
	set(conf.client_key_file, "other-client.key");
	start();
	expect(HEALTH_TLS, 0, "unknown ca");
}
END_TEST

static void token_by_rename(void)
{
	put("token", "other\n");
}

static void token_in_place(void)
{
	FILE *stream = fopen(conf.token_file, "r+");

	ck_assert_ptr_nonnull(stream);
	fputs("other\n", stream);
	ck_assert_int_eq(fclose(stream), 0);
}

/* To a file of the same size and age. */
static void token_by_link(void)
{
	struct stat st;

	ck_assert_int_eq(stat(conf.token_file, &st), 0);
	put("token-2", "other\n");
	ck_assert_int_eq(utimensat(AT_FDCWD, file("token-2"),
				   (struct timespec[]){st.st_atim, st.st_mtim}, 0),
			 0);
	point("token", "token-2");
}

static void (*const token_changes[])(void) = {token_by_rename, token_in_place, token_by_link};

START_TEST(token_changed)
{
	tell("token first");
	put("token-1", "first\n");
	point("token", "token-1");
	set(conf.token_file, "token");
	conf.interval_us = 50 * MS;
	start();
	expect_ok();
	tell("token other");
	expect(HEALTH_UNAUTHORIZED, 401, "not accepted");
	token_changes[_i]();
	while (await()->result != HEALTH_OK)
		ck_assert_uint_lt(reports_read, 6);
}
END_TEST

/* FAIL CLOSED. Files by name, "" for none; `token` is the content of token_file. */
static const struct {
	const char *ca;
	const char *cert;
	const char *key;
	const char *token;
	const char *words; /* "": can be used */
} checks[] = {
	{"ca.crt", "", "", NULL, ""},
	{"missing", "", "", NULL, "waiting for"},
	{"both-ca.crt", "client.crt", "client.key", "abc.def-ghi", ""},
	{"ca.crt", "client.pem", "", " abc\r\n", ""},
	{"server.key", "", "", NULL, "server.key: no certificate"},
	{".", "", "", NULL, "is a directory, not a regular file"},
	{"fifo", "", "", NULL, "fifo: is a FIFO, device or socket, not a regular file"},
	{"ca.crt", "fifo", "client.key", NULL, "fifo: is a FIFO"},
	{"ca.crt", "client.crt", "fifo", NULL, "fifo: is a FIFO"},
	{"huge", "", "", NULL, "huge: is larger than 1 MiB"},
	{"half-ca.crt", "", "", NULL, "half-ca.crt: no certificate in PEM form"},
	{"ca.crt", "half-client.crt", "client.key", NULL, "half-client.crt: no certificate"},
	{"ca.crt", "chain.pem", "", NULL, ""},
	{"256.crt", "", "", NULL, ""},
	{"257.crt", "", "", NULL, "257.crt: more than 256 certificates"},
	{"ca.crt", "missing", "client.key", NULL, "waiting for"},
	{"ca.crt", "client.crt", "missing", NULL, "waiting for"},
	{"missing", "missing", "missing", NULL, "waiting for"},
	{"ca.crt", "client.crt/missing", "client.key", NULL, "client.crt/missing: Not a directory"},
	{"missing", "client.crt", "client2.key", NULL, "client2.key: no key"},
	{"server.key", "missing", "missing", NULL, "server.key: no certificate"},
	{"ca.crt", "missing", "missing", "", "empty"},
	{"ca.crt", "client.key", "client.key", NULL, "client.key: no certificate"},
	{"ca.crt", "client.crt", "client.crt", NULL, "client.crt: no key"},
	{"ca.crt", "client.crt", "client2.key", NULL, "client2.key: no key"},
	{"ca.crt", "client.crt", "locked.key", NULL, "without passphrase"},
	{"ca.crt", "client.crt", "", NULL, "client.crt: no key"},
	{"ca.crt", "", "client.key", NULL, "without client_cert_file"},
	{"ca.crt", "", "", "", "empty"},
	{"ca.crt", "", "", " \n\t\n", "empty"},
	{"ca.crt", "", "", "abc\ndef\n", "control character"},
	{"ca.crt", "", "", "abc\x01", "control character"},
	{"ca.crt", "", "", "abc def", "space"},
	{"missing", "", "", "", "empty"},
};

START_TEST(unusable_file_is_refused)
{
	char detail[PROBE_DETAIL_SIZE] = "untouched";
	bool waits;
	int error;

	conf_reset("127.0.0.1", 1);
	set(conf.ca_file, checks[_i].ca);
	if (checks[_i].cert[0])
		set(conf.client_cert_file, checks[_i].cert);
	if (checks[_i].key[0])
		set(conf.client_key_file, checks[_i].key);
	if (checks[_i].token) {
		put("token", checks[_i].token);
		set(conf.token_file, "token");
	}
	error = probe_check(&conf, detail);
	waits = strncmp(checks[_i].words, "waiting", 7) == 0;
	ck_assert_msg(strstr(detail, checks[_i].words), "%s", detail);
	ck_assert_int_eq(checks[_i].words[0] == '\0', detail[0] == '\0');
	ck_assert_int_eq(error, waits || detail[0] == '\0' ? 0 : -EINVAL);
}
END_TEST

static void append(const char *source, size_t size, const char *name)
{
	char text[4096] = "";
	FILE *from = fopen(file(source), "r");
	FILE *to = fopen(file(name), "a");

	ck_assert_ptr_nonnull(from);
	ck_assert_ptr_nonnull(to);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, from), size);
	fwrite(text, 1, size ? size : strlen(text), to);
	fclose(from);
	fclose(to);
}

/* Beside those of make-certs: what is no file, and what a writer has not finished. */
static void setup_checks(void)
{
	apiserver_setup_files();
	spoil("fifo", FIFO);
	spoil("huge", HUGE);
	append("ca.crt", 0, "half-ca.crt");
	append("new-ca.crt", 200, "half-ca.crt");
	append("client.crt", 0, "half-client.crt");
	append("ca.crt", 200, "half-client.crt");
	for (int i = 0; i < 257; i++)
		append("ca.crt", 0, i < 256 ? "256.crt" : "257.crt");
	for (int i = 0; i < 256; i++)
		append("ca.crt", 0, "257.crt");
	append("client.key", 0, "chain.pem");
	append("client.crt", 0, "chain.pem");
	append("ca.crt", 0, "chain.pem");
}

static void put_bytes(const char *name, char byte, size_t count)
{
	FILE *stream = fopen(file(name), "w");

	ck_assert_ptr_nonnull(stream);
	for (size_t i = 0; i < count; i++)
		fputc(byte, stream);
	ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(unusable_token_is_refused)
{
	char detail[PROBE_DETAIL_SIZE];

	conf_reset("127.0.0.1", 1);
	set(conf.token_file, "token");
	put_bytes("token", '\0', 4);
	ck_assert_int_eq(probe_check(&conf, detail), -EINVAL);
	put_bytes("token", 'x', 65536);
	ck_assert_int_eq(probe_check(&conf, detail), -EINVAL);
	ck_assert_ptr_nonnull(strstr(detail, "longer than"));
	put_bytes("token", 'x', 16000);
	ck_assert_int_eq(probe_check(&conf, detail), 0);
	set(conf.token_file, "missing");
	ck_assert_int_eq(probe_check(&conf, detail), 0);
	set(conf.token_file, "fifo");
	ck_assert_int_eq(probe_check(&conf, detail), -EINVAL);
	ck_assert_ptr_nonnull(strstr(detail, "fifo: is a FIFO"));
}
END_TEST

Suite *suite_credentials(void)
{
	Suite *suite = suite_create("credentials");
	TCase *alone = tcase_create("files");
	TCase *talk = tcase_create("server");

	tcase_add_unchecked_fixture(alone, setup_checks, NULL);
	tcase_add_loop_test(alone, unusable_file_is_refused, 0, COUNT(checks));
	tcase_add_test(alone, unusable_token_is_refused);
	suite_add_tcase(suite, alone);

	tcase_add_unchecked_fixture(talk, apiserver_setup_files, NULL);
	tcase_add_checked_fixture(talk, apiserver_setup, apiserver_teardown);
	tcase_set_timeout(talk, 60);
	tcase_add_loop_test(talk, certificate_is_verified, 0, COUNT(certificates));
	tcase_add_loop_test(talk, any_certificate_of_ca_file_is_an_anchor, 0, COUNT(anchors));
	tcase_add_test(talk, insecure_verifies_nothing_and_sends_no_secret);
	tcase_add_test(talk, ca_appears_later);
	tcase_add_test(talk, ca_and_certificate_renewed);
	tcase_add_test(talk, ca_deleted_or_broken);
	tcase_add_loop_test(talk, file_unusable_at_start, 0, COUNT(files));
	tcase_add_loop_test(talk, file_unusable_later, 0, COUNT(files));
	tcase_add_test(talk, link_away_and_back);
	tcase_add_test(talk, client_certificate_rotated);
	tcase_add_test(talk, client_certificate_rotated_in_two_steps);
	tcase_add_test(talk, credentials_appear_later);
	tcase_add_test(talk, client_certificate_missing);
	tcase_add_test(talk, client_certificate_missing_in_tls);
	tcase_add_test(talk, client_certificate_of_another_ca);
	tcase_add_loop_test(talk, token_changed, 0, COUNT(token_changes));
	suite_add_tcase(suite, talk);
	return suite;
}
