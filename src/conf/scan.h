/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words, signs and braces of the text of a configuration file; blanks and comments lie between
 * them. What the words mean is the parser's matter.
 */
#ifndef CPVRRP_CONF_SCAN_H
#define CPVRRP_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* A place in a text without zero bytes; at its start line is 1 and the last two fields are zero. */
struct scan {
	const char *at;
	const char *end;
	int line;
	int open_comment; /* the line of the comment that hides the rest of the text; 0 = none */
	bool open_string; /* a string without an end was taken; a brace may be in it */
};

#define SCAN_WORD_MAX 1024
#define SCAN_TEXT_SIZE (SCAN_WORD_MAX + 1)

/* A word or string, without its quotes. */
struct scan_word {
	const char *start;
	size_t length;
	int line;
	const char *fault; /* why the word cannot be used; NULL = it can */
};

/* What ends a name and what an item of a list, apart from all that ends a value. */
#define SCAN_NAME "=+("
#define SCAN_ITEM ";"
#define SCAN_VALUE ""

/* The next byte, or '\0' at the end. */
char scan_peek(const struct scan *scan);

/* Skips blanks and comments; if lines is set, also the ends of lines, commas and semicolons. */
void scan_skip(struct scan *scan, bool lines);

/* Whether a word follows in this line; it is next then. */
bool scan_has_word(struct scan *scan);

/* Whether an opening brace follows, maybe in a later line. Goes to what follows in either case. */
bool scan_has_block(struct scan *scan);

/* Takes the word that is next: not the end, a blank or a brace. ends is one of the above. */
struct scan_word scan_word(struct scan *scan, const char *ends);

/* Takes the sign between a name and its value: " = ", " += " or, for none, " ". */
const char *scan_sign(struct scan *scan);

/* Skips the words that are left in this line. */
void scan_skip_words(struct scan *scan);

/* Skips what the brace that is next encloses. False if it is not closed. */
bool scan_skip_block(struct scan *scan);

/* The word as a string, which ends after SCAN_WORD_MAX bytes. Returns text. */
const char *scan_copy(struct scan_word word, char text[SCAN_TEXT_SIZE]);

#endif
