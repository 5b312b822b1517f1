/* SPDX-License-Identifier: Apache-2.0 */
/* The page of metrics_listen: what a browser may run of it, and how it is served. tests/net/page
 * has a browser look at it. */
#include "report/page.h"

#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

#define ANSWER_SIZE 65536

/* What stands between <name> and </name>, of which there is one. */
static const char *element(const char *name, size_t *ret_size)
{
	char open[16], close[16];
	const char *start, *end;

	snprintf(open, sizeof(open), "<%s>\n", name);
	snprintf(close, sizeof(close), "</%s>", name);
	start = strstr(page_html(), open);
	ck_assert_ptr_nonnull(start);
	start += strlen(open) - 1;
	end = strstr(start, close);
	ck_assert_ptr_nonnull(end);
	ck_assert_ptr_null(strstr(end + 1, close));
	*ret_size = (size_t)(end - start);
	return start;
}

static const char *const hashed[] = {"style", "script"};

/* A browser runs the style and the script of the page, and no other. */
START_TEST(page_hashes)
{
	unsigned char digest[EVP_MAX_MD_SIZE], text[64];
	char source[128];
	unsigned digest_size;
	size_t size;
	const char *start = element(hashed[_i], &size);

	ck_assert_int_eq(EVP_Digest(start, size, digest, &digest_size, EVP_sha256(), NULL), 1);
	EVP_EncodeBlock(text, digest, (int)digest_size);
	snprintf(source, sizeof(source), "; %s-src 'sha256-%s';", hashed[_i], text);
	ck_assert_msg(strstr(page_headers(), source) != NULL, "page.c lacks %s", source);
}
END_TEST

/* What would need more than the policy allows, load something from elsewhere, or make markup of the
 * state's text. */
static const char *const forbidden[] = {
	" style=",   " onclick=",      " onload=",	 ".style.",	"//www",
	"http:",     "https:",	       " src=",		 "<link",	"@import",
	"innerHTML", "outerHTML",      "insertAdjacent", "eval(",	"Function(",
	"DOMParser", "document.write", "setHTML",	 "javascript:", "url(",
};

START_TEST(page_is_plain)
{
	ck_assert_msg(!strstr(page_html(), forbidden[_i]), "the page has %s", forbidden[_i]);
}
END_TEST

static const char *ask(const char *request)
{
	static char answer[ANSWER_SIZE];
	int fd = server_connect_metrics(1);
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	ssize_t size = 1, used = 0;

	dprintf(fd, "%s HTTP/1.1\r\n\r\n", request);
	while (size > 0) {
		ck_assert_int_eq(poll(&readable, 1, 2000), 1);
		size = read(fd, answer + used, sizeof(answer) - 1 - (size_t)used);
		used += size > 0 ? size : 0;
	}
	answer[used] = '\0';
	close(fd);
	return answer;
}

static const struct {
	const char *request, *status, *head;
	const char *body; /* how it begins; NULL = it is the page */
} answers[] = {
	{"GET /", "200 OK", "\r\nContent-Type: text/html; charset=utf-8\r\n", NULL},
	{"GET /?a=b", "200 OK", "\r\nContent-Type: text/html; charset=utf-8\r\n", NULL},
	{"GET /", "200 OK", "\r\nContent-Security-Policy: default-src 'none'; ", NULL},
	{"GET /", "200 OK",
	 "; connect-src 'self'; base-uri 'none'; form-action 'none'; "
	 "frame-ancestors 'none'\r\n",
	 NULL},
	{"GET /", "200 OK", "\r\nX-Content-Type-Options: nosniff\r\n", NULL},
	{"GET /", "200 OK", "\r\nReferrer-Policy: no-referrer\r\n", NULL},
	{"GET /", "200 OK", "\r\nCache-Control: no-store\r\n", NULL},
	{"HEAD /", "200 OK", "\r\nContent-Security-Policy: default-src 'none'; ", ""},
	{"POST /", "405 Method Not Allowed", "\r\nAllow: GET, HEAD\r\n", "wrong method\n"},
	{"GET /page.html", "404 Not Found", "\r\nContent-Type: text/plain; charset=utf-8\r\n",
	 "there is /, /v1/state, /metrics and /healthz\n"},
	{"GET /v1/state", "200 OK", "\r\nContent-Type: application/json\r\n", "{\n  \"version\": "},
	{"GET /v1/state", "200 OK", "\r\nX-Content-Type-Options: nosniff\r\n", "{\n"},
	{"GET /v1/state?format=text", "200 OK", "\r\nContent-Type: text/plain; charset=utf-8\r\n",
	 "cpvrrp " VERSION ", pid "},
	{"GET /v1/state?format=yaml", "400 Bad Request",
	 "\r\nContent-Type: text/plain; charset=utf-8\r\n", "format is text or json\n"},
	{"HEAD /v1/state", "200 OK", "\r\nContent-Type: application/json\r\n", ""},
	{"POST /v1/state", "405 Method Not Allowed", "\r\nAllow: GET, HEAD\r\n", "wrong method\n"},
	{"POST /v1/step-down", "404 Not Found", "\r\n\r\n", "there is /, "},
	{"GET /v1/step-down", "404 Not Found", "\r\n\r\n", "there is /, "},
};

START_TEST(page_served)
{
	const char *wanted = answers[_i].body ? answers[_i].body : page_html();
	const char *answer, *body;
	char length[64];

	server_start();
	answer = ask(answers[_i].request);
	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 ", 9), 0);
	ck_assert_msg(strncmp(answer + 9, answers[_i].status, strlen(answers[_i].status)) == 0,
		      "%s", answer);
	body = strstr(answer, "\r\n\r\n");
	ck_assert_ptr_nonnull(body);
	body += 4;
	ck_assert_msg(strstr(answer, answers[_i].head) != NULL &&
			      strstr(answer, answers[_i].head) < body,
		      "%s", answer);
	ck_assert_msg(strncmp(body, wanted, strlen(wanted)) == 0, "%s", answer);
	if (*wanted) {
		snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", strlen(body));
		ck_assert_ptr_nonnull(strstr(answer, length));
	} else {
		ck_assert_str_eq(body, "");
		ck_assert_ptr_null(strstr(answer, "\r\nContent-Length: 0\r\n"));
	}
}
END_TEST

/* On the control socket there is none. */
START_TEST(page_not_on_the_socket)
{
	char start[32] = "";
	int fd;

	server_start();
	fd = server_connect();
	dprintf(fd, "GET / HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(read(fd, start, 12), 12);
	ck_assert_str_eq(start, "HTTP/1.1 404");
	close(fd);
}
END_TEST

Suite *suite_page(void)
{
	Suite *suite = suite_create("page");
	TCase *tcase = tcase_create("page");
	TCase *served = tcase_create("served");

	tcase_add_loop_test(tcase, page_hashes, 0, COUNT(hashed));
	tcase_add_loop_test(tcase, page_is_plain, 0, COUNT(forbidden));
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(served, 20);
	tcase_add_checked_fixture(served, server_setup, server_teardown);
	tcase_add_loop_test(served, page_served, 0, COUNT(answers));
	tcase_add_test(served, page_not_on_the_socket);
	suite_add_tcase(suite, served);
	return suite;
}
