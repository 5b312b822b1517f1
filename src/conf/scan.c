/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/scan.h"

#include <assert.h>
#include <string.h>

#define VARIABLE_MAX 64 /* ${NAME} */

static char peek(const struct scan *scan, size_t ahead)
{
	if (ahead < (size_t)(scan->end - scan->at))
		return scan->at[ahead];
	return '\0';
}

char scan_peek(const struct scan *scan)
{
	return peek(scan, 0);
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool is_blank(char c)
{
	return is_one_of(c, " \t\r\v\f");
}

static void skip_line(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\n')
		scan->at++;
}

static void skip_comment(struct scan *scan)
{
	int line = scan->line;

	for (scan->at += 2; scan->at < scan->end; scan->at++) {
		if (*scan->at == '*' && peek(scan, 1) == '/') {
			scan->at += 2;
			return;
		}
		scan->line += *scan->at == '\n';
	}
	scan->open_comment = line;
}

void scan_skip(struct scan *scan, bool lines)
{
	for (;;) {
		char c = peek(scan, 0);

		if (is_one_of(c, "#!") || (c == '/' && peek(scan, 1) == '/')) {
			skip_line(scan);
		} else if (c == '/' && peek(scan, 1) == '*') {
			skip_comment(scan);
		} else if (is_blank(c) || (lines && is_one_of(c, "\n,;"))) {
			scan->line += c == '\n';
			scan->at++;
		} else {
			return;
		}
	}
}

bool scan_has_word(struct scan *scan)
{
	scan_skip(scan, false);
	return scan->at < scan->end && !is_one_of(*scan->at, "\n{},;");
}

bool scan_has_block(struct scan *scan)
{
	scan_skip(scan, true);
	return peek(scan, 0) == '{';
}

/* A semicolon ends a word if another end follows: within a word it may be part of a URL. */
static bool ends_word(const struct scan *scan, const char *ends)
{
	char c = peek(scan, 0);

	if (is_one_of(c, ends))
		return true;
	if (c == ';') {
		c = peek(scan, 1);
		return c == '\0' || is_blank(c) || is_one_of(c, "\n;{},\"'#");
	}
	return c == '\0' || is_blank(c) || is_one_of(c, "\n{},\"'#");
}

/* A quote behind a backslash does not end the string, so that the backslash is what is refused. */
static struct scan_word take_string(struct scan *scan)
{
	struct scan_word word = {.start = scan->at + 1, .line = scan->line};
	char quote = *scan->at++;

	while (scan->at < scan->end && *scan->at != quote && *scan->at != '\n')
		scan->at += *scan->at == '\\' && is_one_of(peek(scan, 1), "\"'\\") ? 2 : 1;
	word.length = (size_t)(scan->at - word.start);
	if (peek(scan, 0) == quote) {
		scan->at++;
		return word;
	}
	if (word.length > 0 && word.start[word.length - 1] == '\r')
		word.length--;
	word.fault = memchr(word.start, '\\', word.length)
			     ? "backslashes are not allowed"
			     : "the string that starts here does not end in its line";
	scan->open_string = true;
	return word;
}

/* The length of ${NAME}, which is refused as a value and whose braces open nothing; else 1. */
static size_t step(const struct scan *scan)
{
	if (peek(scan, 0) != '$' || peek(scan, 1) != '{')
		return 1;
	for (size_t i = 2; i < VARIABLE_MAX && !is_one_of(peek(scan, i), "\n{"); i++)
		if (peek(scan, i) == '}')
			return i + 1;
	return 1;
}

struct scan_word scan_word(struct scan *scan, const char *ends)
{
	struct scan_word word = {.start = scan->at, .line = scan->line};

	assert(scan->at < scan->end);
	if (is_one_of(*scan->at, "\"'")) {
		word = take_string(scan);
	} else {
		do
			scan->at += step(scan);
		while (!ends_word(scan, ends));
		word.length = (size_t)(scan->at - word.start);
	}
	if (!word.fault && word.length > SCAN_WORD_MAX)
		word.fault = "the word that starts here is longer than 1024 bytes";
	return word;
}

const char *scan_sign(struct scan *scan)
{
	scan_skip(scan, false);
	if (peek(scan, 0) == '+' && peek(scan, 1) == '=') {
		scan->at += 2;
		return " += ";
	}
	if (peek(scan, 0) != '=')
		return " ";
	scan->at++;
	return " = ";
}

void scan_skip_words(struct scan *scan)
{
	while (scan_has_word(scan))
		scan_word(scan, SCAN_VALUE);
}

bool scan_skip_block(struct scan *scan)
{
	size_t depth = 0;

	assert(peek(scan, 0) == '{');
	do {
		char c = peek(scan, 0);

		if (c == '\0')
			return false;
		depth += c == '{';
		depth -= c == '}';
		if (is_one_of(c, "{}"))
			scan->at++;
		else
			scan_word(scan, SCAN_VALUE);
		if (depth > 0)
			scan_skip(scan, true);
	} while (depth > 0);
	return true;
}

const char *scan_copy(struct scan_word word, char text[SCAN_TEXT_SIZE])
{
	size_t length = word.length < SCAN_WORD_MAX ? word.length : SCAN_WORD_MAX;

	memcpy(text, word.start, length);
	text[length] = '\0';
	return text;
}
