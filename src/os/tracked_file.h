/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose existence counts, whatever is in them: whether one is there and what its first line
 * says, and inotify(7) events from the directories of a set of them. Events may be missing (a
 * directory that is mounted over, a network file system, no inotify instance left), so the caller
 * also looks from time to time.
 */
#ifndef CPVRRP_OS_TRACKED_FILE_H
#define CPVRRP_OS_TRACKED_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether anything is at the path; also true if that cannot be found out, as when a directory may
 * not be searched: nobody could take such a node out of service. line gets the first line, cut to
 * size - 1 bytes and clean; "" if there is none that can be read; or why it cannot be found out.
 */
bool tracked_file_exists(const char *path, char *line, size_t size);

/* Whether the directory that the file would be in exists. */
bool tracked_file_has_directory(const char *path);

/* A new inotify instance, for polling, tracked_file_watch() and tracked_file_drain(). close(2) it.
 * Returns a descriptor or -errno. */
int tracked_file_open(void);

/* Has events come when a file of this directory appears, is written or disappears. Nothing changes
 * for a directory that is watched already. Returns 0 or -errno: -ENOENT if there is none yet. */
int tracked_file_watch(int fd, const char *path);

/* Forgets what has come. */
void tracked_file_drain(int fd);

#endif
