/* SPDX-License-Identifier: Apache-2.0 */
#include "os/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

#define PATIENCE_S 5 /* a read that waits for a writer ends the test */

static char directory[UNIT_DIRECTORY_SIZE];
static char path[UNIT_DIRECTORY_SIZE + 16];

static void setup(void)
{
	unit_mkdtemp(directory, "small-file");
	snprintf(path, sizeof(path), "%s/file", directory);
	alarm(PATIENCE_S);
}

static void put(size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < size; i++)
		ck_assert_int_eq(write(fd, &"0123456789"[i % 10], 1), 1);
	close(fd);
}

static void put_sparse(off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
}

static int descriptors(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

/* Nothing stays open, and the result is left alone. */
static void check_refused(const char *name, enum small_file_access access, int error)
{
	struct small_file file = {.data = path, .size = 7};
	int before = descriptors();

	ck_assert_int_eq(small_file_read(name, access, &file), error);
	ck_assert_ptr_eq(file.data, path);
	ck_assert_uint_eq(file.size, 7);
	ck_assert_int_eq(descriptors(), before);
}

START_TEST(content)
{
	static const size_t sizes[] = {0, 1, 25};
	struct small_file file;
	int before;

	put(sizes[_i]);
	before = descriptors();
	ck_assert_int_eq(small_file_read(path, SMALL_FILE_SHARED, &file), 0);
	ck_assert_uint_eq(file.size, sizes[_i]);
	ck_assert_mem_eq(file.data, "0123456789012345678901234", sizes[_i]);
	ck_assert_int_eq(file.data[file.size], '\0');
	ck_assert_int_eq(descriptors(), before);
	small_file_free(&file);
	ck_assert_ptr_null(file.data);
	ck_assert_uint_eq(file.size, 0);
}
END_TEST

START_TEST(largest_and_one_byte_more)
{
	struct small_file file;

	put_sparse(SMALL_FILE_SIZE_MAX);
	ck_assert_int_eq(small_file_read(path, SMALL_FILE_SHARED, &file), 0);
	ck_assert_uint_eq(file.size, SMALL_FILE_SIZE_MAX);
	small_file_free(&file);
	put_sparse(SMALL_FILE_SIZE_MAX + 1);
	check_refused(path, SMALL_FILE_SHARED, -EFBIG);
}
END_TEST

/* For stat(2) the files in /proc have no size, whatever can be read: as a file that grows. */
START_TEST(content_is_what_can_be_read)
{
	struct small_file file;

	ck_assert_int_eq(small_file_read("/proc/self/status", SMALL_FILE_SHARED, &file), 0);
	ck_assert_uint_gt(file.size, 100);
	small_file_free(&file);
	if (access("/proc/kallsyms", R_OK) == 0)
		check_refused("/proc/kallsyms", SMALL_FILE_SHARED, -EFBIG);
}
END_TEST

START_TEST(symbolic_link)
{
	char link[sizeof(path) + 8];
	struct small_file file;

	put(3);
	snprintf(link, sizeof(link), "%s.link", path);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(small_file_read(link, SMALL_FILE_SHARED, &file), 0);
	ck_assert_uint_eq(file.size, 3);
	small_file_free(&file);
}
END_TEST

static void make_directory(void)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void make_fifo(void)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void make_device(void)
{
	ck_assert_int_eq(symlink("/dev/zero", path), 0);
}

static void make_terminal(void)
{
	ck_assert_int_eq(symlink("/dev/ptmx", path), 0);
}

static void make_socket(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
}

static void make_loop(void)
{
	ck_assert_int_eq(symlink(path, path), 0);
}

static void make_huge(void)
{
	put_sparse((off_t)1 << 40);
}

static void make_nothing(void)
{
}

static const struct {
	void (*make)(void);
	int error;
	const char *words;
} refusals[] = {
	{make_directory, -EISDIR, "directory"}, {make_fifo, -ENODEV, "FIFO"},
	{make_device, -ENODEV, "device"},	{make_terminal, -ENODEV, "device"},
	{make_socket, -ENODEV, "socket"},	{make_loop, -ELOOP, "symbolic links"},
	{make_huge, -EFBIG, "1 MiB"},		{make_nothing, -ENOENT, "No such file"},
};

START_TEST(only_regular_files)
{
	refusals[_i].make();
	check_refused(path, SMALL_FILE_SHARED, refusals[_i].error);
	ck_assert_ptr_nonnull(strstr(small_file_error(refusals[_i].error), refusals[_i].words));
}
END_TEST

static void *write_to_fifo(void *opened)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	__atomic_store_n((bool *)opened, true, __ATOMIC_SEQ_CST);
	return fd < 0 ? NULL : opened;
}

/* Opening a device or a FIFO may act on its other end. */
START_TEST(fifo_is_not_opened)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	bool opened = false;
	pthread_t writer;

	make_fifo();
	ck_assert_int_eq(pthread_create(&writer, NULL, write_to_fifo, &opened), 0);
	nanosleep(&pause, NULL);
	check_refused(path, SMALL_FILE_SHARED, -ENODEV);
	nanosleep(&pause, NULL);
	ck_assert(!__atomic_load_n(&opened, __ATOMIC_SEQ_CST));
}
END_TEST

/* The file that was checked becomes a FIFO before it is opened, and the other way round. */
static void *exchange(void *stop)
{
	char other[sizeof(path) + 8];

	snprintf(other, sizeof(other), "%s.fifo", path);
	while (!__atomic_load_n((bool *)stop, __ATOMIC_SEQ_CST))
		renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE);
	return NULL;
}

START_TEST(file_and_fifo_exchanged)
{
	char other[sizeof(path) + 8];
	unsigned results[2] = {0};
	bool stop = false;
	pthread_t exchanger;

	put(3);
	snprintf(other, sizeof(other), "%s.fifo", path);
	ck_assert_int_eq(mkfifo(other, 0600), 0);
	ck_assert_int_eq(pthread_create(&exchanger, NULL, exchange, &stop), 0);
	for (unsigned i = 0; i < 20000; i++) {
		struct small_file file = {0};
		int error = small_file_read(path, SMALL_FILE_SHARED, &file);

		ck_assert(error == 0 || error == -ENODEV);
		ck_assert_uint_eq(file.size, error == 0 ? 3 : 0);
		results[error == 0]++;
		small_file_free(&file);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	pthread_join(exchanger, NULL);
	ck_assert_uint_gt(results[0], 0);
	ck_assert_uint_gt(results[1], 0);
}
END_TEST

static const struct {
	mode_t mode;
	uid_t owner; /* 0: of the test's user */
	int error;
} secrets[] = {
	{0600, 0, 0},	   {0400, 0, 0},	  {0640, 0, -EPERM},
	{0660, 0, -EPERM}, {0604, 0, -EPERM},	  {0601, 0, -EPERM},
	{0644, 0, -EPERM}, {0600, 12345, -EPERM}, {0400, 12345, -EPERM},
};

START_TEST(private_file)
{
	struct small_file file;

	put(32);
	ck_assert_int_eq(chmod(path, secrets[_i].mode), 0);
	if (secrets[_i].owner != 0 && chown(path, secrets[_i].owner, (gid_t)-1) != 0)
		return;
	if (secrets[_i].error < 0) {
		check_refused(path, SMALL_FILE_PRIVATE, secrets[_i].error);
		ck_assert_ptr_nonnull(strstr(small_file_error(secrets[_i].error), "chmod 0600"));
	}
	if (secrets[_i].error == 0 || geteuid() == 0) {
		ck_assert_int_eq(small_file_read(path,
						 secrets[_i].error < 0 ? SMALL_FILE_SHARED
								       : SMALL_FILE_PRIVATE,
						 &file),
				 0);
		ck_assert_uint_eq(file.size, 32);
		small_file_free(&file);
	}
}
END_TEST

Suite *suite_small_file(void)
{
	Suite *suite = suite_create("small_file");
	TCase *tcase = tcase_create("small_file");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, content, 0, 3);
	tcase_add_test(tcase, largest_and_one_byte_more);
	tcase_add_test(tcase, content_is_what_can_be_read);
	tcase_add_test(tcase, symbolic_link);
	tcase_add_loop_test(tcase, only_regular_files, 0, COUNT(refusals));
	tcase_add_test(tcase, fifo_is_not_opened);
	tcase_add_test(tcase, file_and_fifo_exchanged);
	tcase_add_loop_test(tcase, private_file, 0, COUNT(secrets));
	suite_add_tcase(suite, tcase);
	return suite;
}
