/* SPDX-License-Identifier: Apache-2.0 */
#include "os/landlock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The header of Debian 12 ends with version 2. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define READ_FILE ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define READ_BELOW (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* The directory is read to lock it, and made with those above it where one is missing. */
#define MAKE_SOCKET                                                                                \
	((uint64_t)LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |                    \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* struct landlock_ruleset_attr of version 6. Older kernels take it as long as they find zeros where
 * their own has ended. */
struct ruleset {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

static_assert(offsetof(struct ruleset, files) ==
		      offsetof(struct landlock_ruleset_attr, handled_access_fs),
	      "the same as the kernel's");

/* What os/announce reads, and what jansson takes the seed of its hashes from. */
static const char *const always[] = {"/proc/sys/net/ipv6/conf", "/dev/urandom"};

int landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

/* Whatever the version can refuse is refused, unless a rule allows it. */
static struct ruleset ruleset_of(int version, bool abstract_sockets)
{
	struct ruleset ruleset = {.files = ((uint64_t)LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

	if (version >= 2)
		ruleset.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		ruleset.files |= ACCESS_TRUNCATE;
	if (version >= 5)
		ruleset.files |= ACCESS_IOCTL_DEV;
	if (version >= 6)
		ruleset.scopes = SCOPE_SIGNAL | (abstract_sockets ? 0 : SCOPE_ABSTRACT_UNIX_SOCKET);
	return ruleset;
}

/* The rule holds for what the path leads to now; if that is nothing there is no rule. */
static int allow(int ruleset, const char *path, uint64_t rights, bool keep_open)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
	struct stat st;
	int error = 0;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= READ_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		error = -errno;
	if (!keep_open)
		close(fd);
	return error;
}

/* Shortens the path by its last component: "/a/b" to "/a", "/a" to "/", "a" to ".". */
static void cut(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (!slash)
		strcpy(path, ".");
	else if (slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
}

static bool ends(const char *path)
{
	return strcmp(path, "/") == 0 || strcmp(path, ".") == 0;
}

/* To the nearest directory above that exists. */
static void climb(char path[PATH_MAX])
{
	do
		cut(path);
	while (!ends(path) && access(path, F_OK) < 0);
}

/* A rule for the root would allow everything: of a file that is there, the rule is for the file. */
static int allow_around(int ruleset, const char *file, uint64_t rights)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", file);
	climb(path);
	return allow(ruleset, strcmp(path, "/") == 0 ? file : path, rights, false);
}

/* The file may be a link into another directory, and what replaces it may be in either. */
static int allow_reading(int ruleset, const char *file)
{
	char target[PATH_MAX];
	int error = allow_around(ruleset, file, READ_BELOW);

	if (error == 0 && realpath(file, target))
		error = allow_around(ruleset, target, READ_BELOW);
	return error;
}

static int allow_all(int ruleset, const struct landlock_files *files)
{
	int error = allow_around(ruleset, files->socket, MAKE_SOCKET);

	for (size_t i = 0; i < LANDLOCK_READ_MAX && error == 0; i++)
		if (files->read[i] && files->read[i][0])
			error = allow_reading(ruleset, files->read[i]);
	for (const char *const *at = files->tracked; at && *at && error == 0; at++)
		error = allow_reading(ruleset, *at);
	for (const char *const *at = files->directories; *at && error == 0; at++)
		error = allow(ruleset, *at, READ_BELOW, false);
	/* These stay open: procfs forgets a directory that nobody has open, and makes a new one
	 * when it is looked up again, for which there is no rule. */
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]) && error == 0; i++)
		error = allow(ruleset, always[i], READ_FILE, true);
	return error;
}

int landlock_restrict(const struct landlock_files *files)
{
	int version = landlock_version();
	struct ruleset attributes = ruleset_of(version, files->abstract_sockets);
	int ruleset, error;

	assert(files->socket && files->socket[0] && files->directories);
	if (version == 0)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	if (ruleset < 0)
		return -errno;
	error = allow_all(ruleset, files);
	if (error == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		error = -errno;
	close(ruleset);
	/* No rule allows the root, so this tells whether the rules are in force. */
	if (error == 0 && !landlock_hides("/"))
		error = -EPERM;
	return error < 0 ? error : version;
}

static bool hides(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int error = errno;

	if (fd >= 0)
		close(fd);
	/* access(2) is not Landlock's. */
	return fd < 0 && error == EACCES && access(path, R_OK) == 0;
}

bool landlock_hides(const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", file);
	if (access(path, F_OK) < 0)
		climb(path);
	return hides(path);
}
