/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code that runs inside a confined daemon might try, and where it ends: one row for each line
 * of doc/confinement.md, in its order. kernel_inside.c tries them.
 */
#ifndef CPVRRP_TESTS_ATTEMPTS_H
#define CPVRRP_TESTS_ATTEMPTS_H

#include <stdbool.h>

/* Where an attempt ends. */
enum stop {
	ALLOWED,
	FILTER,	  /* of system calls */
	LANDLOCK, /* where the kernel has it */
	MODE,	  /* of the file */
	LOCK,	  /* of the filter of a packet socket */
	STOPS,
};

struct attempt {
	const char *what;
	enum stop as_root, as_user;
	long (*attempt)(void); /* below 0, with errno, if it is refused */
	long call;	       /* without an attempt: one more than its number */
	bool of_sanitizers;    /* they need it themselves */
	int version;	       /* the first one of Landlock that has it */
};

/* The last one has no text. */
extern const struct attempt attempts[];

/* What they are made on: a directory with the files of a node, sockets of others, and a network
 * that has nothing but lo. In the directory, the daemon knows etc/cpvrrp.conf, pki/ca.crt and
 * run/socket.
 */
void place_make(void);
void place_remove(void);

#define PLACE_PATH_SIZE 64
/* The path of a file in it. */
void place_path(char path[PLACE_PATH_SIZE], const char *name);

#endif
