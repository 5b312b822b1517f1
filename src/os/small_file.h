/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a whole small file: certificates, keys, tokens. A path that names no regular file (FIFO,
 * directory, device, socket) is refused before it is opened, as opening a device may act on it. The
 * read never waits for a writer, and ends at SMALL_FILE_SIZE_MAX also if the file grows meanwhile.
 * What is checked and what is read is the same open file, whatever happens to the path.
 */
#ifndef CPVRRP_OS_SMALL_FILE_H
#define CPVRRP_OS_SMALL_FILE_H

#include <stddef.h>

#define SMALL_FILE_SIZE_MAX (1 << 20)

enum small_file_access {
	SMALL_FILE_SHARED,  /* whoever can read it */
	SMALL_FILE_PRIVATE, /* owned by root or the daemon's user, without any right for others */
};

struct small_file {
	char *data; /* size bytes, and a zero byte behind them */
	size_t size;
};

/*
 * Returns 0, or -errno: -EISDIR or -ENODEV for what is no regular file, -EFBIG for one that is too
 * large, -EPERM for one that is not as private as wanted, or the error of stat(2), open(2) or
 * read(2). Free the file with small_file_free().
 */
int small_file_read(const char *path, enum small_file_access access, struct small_file *ret_file);

/* Overwrites the content first, as it may be a secret. */
void small_file_free(struct small_file *file);

/* The reason in words, to stand behind "PATH: ". */
const char *small_file_error(int error);

#endif
