/* SPDX-License-Identifier: Apache-2.0 */
#include "os/small_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* mode_t: rights of the group and of everybody else. */
#define RIGHTS_OF_OTHERS (S_IRWXG | S_IRWXO)

/* One byte more than allowed: a file that fills it is too large; else it has the zero. */
#define ROOM (SMALL_FILE_SIZE_MAX + 1)

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

/* The room is a mapping of its own: only pages that the file fills are touched, and all of them go
 * back at once. malloc() would keep the megabyte in the heap. */
static int read_content(int fd, struct small_file *ret_file)
{
	void *room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct small_file file = {.data = room};
	ssize_t count;
	int error = 0;

	if (room == MAP_FAILED)
		return -errno;
	while ((count = read(fd, file.data + file.size, ROOM - file.size)) > 0)
		file.size += (size_t)count;
	assert(file.size <= ROOM);
	if (count < 0)
		error = -errno;
	else if (file.size == ROOM)
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
	if (file->data) {
		explicit_bzero(file->data, file->size);
		munmap(file->data, ROOM);
	}
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
