/* SPDX-License-Identifier: Apache-2.0 */
#include "os/small_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* mode_t: rights of the group and of everybody else. */
#define RIGHTS_OF_OTHERS (S_IRWXG | S_IRWXO)

static int check(const struct stat *status, enum small_file_access access)
{
	if (S_ISDIR(status->st_mode))
		return -EISDIR;
	if (!S_ISREG(status->st_mode))
		return -ENODEV;
	if (status->st_size > SMALL_FILE_SIZE_MAX)
		return -EFBIG;
	if (access == SMALL_FILE_PRIVATE && ((status->st_mode & RIGHTS_OF_OTHERS) != 0 ||
					     (status->st_uid != 0 && status->st_uid != geteuid())))
		return -EPERM;
	return 0;
}

static int read_content(int fd, struct small_file *ret_file)
{
	/* One byte more than allowed: a file that fills it is too large; else it has the zero. */
	const size_t room = SMALL_FILE_SIZE_MAX + 1;
	struct small_file file = {.data = malloc(room)};
	ssize_t count;
	int error = 0;

	if (!file.data)
		return -ENOMEM;
	while ((count = read(fd, file.data + file.size, room - file.size)) > 0)
		file.size += (size_t)count;
	assert(file.size <= room);
	if (count < 0)
		error = -errno;
	else if (file.size == room)
		error = -EFBIG;
	if (error < 0) {
		small_file_free(&file);
		return error;
	}
	file.data[file.size] = '\0';
	*ret_file = file;
	return 0;
}

int small_file_read(const char *path, enum small_file_access access, struct small_file *ret_file)
{
	struct stat status;
	int error;
	int fd;

	if (stat(path, &status) < 0)
		return -errno;
	error = check(&status, access);
	if (error < 0)
		return error;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	error = fstat(fd, &status) < 0 ? -errno : check(&status, access);
	if (error == 0)
		error = read_content(fd, ret_file);
	close(fd);
	return error;
}

void small_file_free(struct small_file *file)
{
	if (file->data)
		explicit_bzero(file->data, file->size);
	free(file->data);
	*file = (struct small_file){0};
}

const char *small_file_error(int error)
{
	static_assert(SMALL_FILE_SIZE_MAX == 1048576, "as the words for -EFBIG say");

	assert(error < 0);
	switch (error) {
	case -EISDIR:
		return "is a directory, not a regular file";
	case -ENODEV:
		return "is a FIFO, device or socket, not a regular file";
	case -EFBIG:
		return "is larger than 1 MiB";
	case -EPERM:
		return "is a secret that must belong to root or to the user that runs cpvrrp, with "
		       "no rights for others (chmod 0600)";
	}
	return strerror(-error);
}
