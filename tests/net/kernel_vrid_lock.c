/* SPDX-License-Identifier: Apache-2.0 */
/* os/vrid_lock against the real kernel: who has a lock, and who has not. */
#include "os/vrid_lock.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

#define STRANGER 65534
#define NO_STRANGER 1

START_TEST(lock_is_exclusive)
{
	int first = -1, others[4], fd = -1;

	enter(node_namespace);
	ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV4, 10, &first), 0);
	ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV4, 10, &fd), -EADDRINUSE);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(vrid_lock(3, ADDR_FAMILY_IPV4, 10, &others[0]), 0);
	ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV6, 10, &others[1]), 0);
	ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV4, 1, &others[2]), 0);
	enter(peer_namespace);
	ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV4, 10, &others[3]), 0);
	enter(node_namespace);
	close(first);
	ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV4, 10, &first), 0);
	close(first);
	for (size_t i = 0; i < 4; i++)
		close(others[i]);
}
END_TEST

/* Takes the name as any user can, tells so and holds it until the pipe ends. */
static void hold_as(unsigned uid, int told, int over)
{
	static const char name[] = "\0cpvrrp/2/ipv4/10";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char byte = 0;
	int fd;

	if (setresuid(uid, uid, uid) < 0)
		_exit(NO_STRANGER);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, name, sizeof(name) - 1);
	if (bind(fd, (const struct sockaddr *)&address,
		 offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1) < 0 ||
	    write(told, &byte, 1) != 1)
		_exit(2);
	_exit(read(over, &byte, 1) == 0 ? 0 : 3);
}

/* A name that a stranger has is no lock; that of the service's user is one. */
START_TEST(lock_of_another_user)
{
	static const struct {
		unsigned uid;
		int error;
	} users[] = {{STRANGER, -EPERM}, {1000, -EPERM}, {999, -EADDRINUSE}};
	int told[2], over[2], fd = -1, status;
	char byte;
	pid_t pid;

	enter(node_namespace);
	ck_assert_int_eq(pipe(told), 0);
	ck_assert_int_eq(pipe(over), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(over[1]);
		hold_as(users[_i].uid, told[1], over[0]);
	}
	close(told[1]);
	/* In a user namespace there may be no other user. */
	if (read(told[0], &byte, 1) == 1)
		ck_assert_int_eq(vrid_lock(2, ADDR_FAMILY_IPV4, 10, &fd), users[_i].error);
	close(over[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) <= NO_STRANGER);
}
END_TEST

void add_vrid_lock_tests(TCase *lock)
{
	tcase_add_test(lock, lock_is_exclusive);
	tcase_add_loop_test(lock, lock_of_another_user, 0, 3);
}
