/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to hold besides the apiserver for a node to be ready: that a file does not exist, that
 * an interface is up. While a condition of its router is not met, the node advertises the band
 * "answering" at the best, so every ready node outranks it. The engine is told what is met; nothing
 * here looks.
 */
#ifndef CPVRRP_CORE_CONDITION_H
#define CPVRRP_CORE_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#define CONDITIONS_MAX 16 /* 8 files and 8 interfaces */
#define CONDITION_NAME_SIZE 256
#define CONDITION_REASON_SIZE 81

enum condition_kind {
	CONDITION_FILE,	     /* does not exist */
	CONDITION_INTERFACE, /* exists, is up and has carrier */
};

/* "file", "interface". */
const char *condition_kind_name(enum condition_kind kind);

struct condition {
	enum condition_kind kind;
	char name[CONDITION_NAME_SIZE]; /* the path, or the name of the interface */
};

struct conditions {
	size_t count;
	struct condition list[CONDITIONS_MAX];
};

/* What is known of one. Met until it is told otherwise. */
struct condition_state {
	bool unmet;
	char reason[CONDITION_REASON_SIZE]; /* FILE: its first line, "" = none that can be read.
					       INTERFACE: "is down" */
};

bool conditions_equal(const struct conditions *a, const struct conditions *b);

/* Puts the states of `from` into the order of `to`: a reload forgets nothing of a condition that
 * stays. */
void conditions_carry(const struct conditions *from, const struct conditions *to,
		      struct condition_state states[CONDITIONS_MAX]);

/* The first one that is not met; the count if all are. */
size_t conditions_first_unmet(const struct conditions *conditions,
			      const struct condition_state states[CONDITIONS_MAX]);

#endif
