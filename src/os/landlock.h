/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files the process can still use, by Landlock (landlock(7)): it reads those that it was
 * started with, makes its control socket again, and nothing else. A rule holds for a directory and
 * for all below it, not for a name, so that a file may be replaced by another of the same name.
 * os/confine calls it once, before the filter of system calls. Nothing is kept but the rules, which
 * are the kernel's.
 */
#ifndef CPVRRP_OS_LANDLOCK_H
#define CPVRRP_OS_LANDLOCK_H

#include <stdbool.h>

#define LANDLOCK_READ_MAX 8

struct landlock_files {
	/* Files that are read again. NULL and "" stand for none. Of a file that does not exist yet
	 * the nearest directory above that does is opened for reading. */
	const char *read[LANDLOCK_READ_MAX];
	const char *const *tracked;	/* more of these; the last one is NULL. NULL: none */
	const char *socket;		/* may be removed and made again in its directory */
	const char *const *directories; /* are read with all below them; the last one is NULL */
	bool abstract_sockets;		/* those of other processes may be talked to */
};

/* The version of Landlock's interface that the kernel has, 0 if it has none. Not to be asked after
 * confine(). */
int landlock_version(void);

/*
 * From here on, for this thread and those that it makes. Needs no_new_privs. Returns the version
 * that is in force, 0 where the kernel has no Landlock and nothing changes, or -errno.
 */
int landlock_restrict(const struct landlock_files *files);

/*
 * Whether the process could read the file, or once it exists the directory that it is to be in, if
 * there were no Landlock.
 */
bool landlock_hides(const char *path);

#endif
