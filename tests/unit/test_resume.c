/* SPDX-License-Identifier: Apache-2.0 */
/* RESUME: what a process leaves to the next one, whatever else the file may be. */
#include "os/resume.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "apiserver/ipv4/10/eth0"

static char directory[] = "/tmp/cpvrrp-claim-XXXXXX";
static char path[sizeof(directory) + 16];

static const struct vrrp_claim kept = {.at = {5000000},
				       .interval_cs = 25,
				       .priority = 216,
				       .tenure_short = {INT64_MAX},
				       .tenure_long = {60000000}};

static void setup(void)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/claims", directory);
}

static void teardown(void)
{
	remove(path);
	remove(directory);
}

static struct resume *opened(void)
{
	struct resume *resume;

	ck_assert_int_eq(resume_open(path, &resume), 0);
	return resume;
}

static void keep(const char *name, const struct vrrp_claim *claim)
{
	struct resume *resume = opened();

	resume_keep(resume, 0, name, claim);
	resume_close(resume);
}

static struct vrrp_claim found(const char *name)
{
	struct resume *resume = opened();
	struct vrrp_claim claim = resume_find(resume, name);

	resume_close(resume);
	return claim;
}

/* The machine may sleep in between only if it really does. */
START_TEST(claim_outlives_the_process)
{
	struct vrrp_claim claim;
	struct stat st;

	ck_assert_uint_eq(found(NAME).interval_cs, 0);
	keep(NAME, &kept);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	claim = found(NAME);
	ck_assert_int_le(llabs(claim.at.us - kept.at.us), 1000);
	ck_assert_uint_eq(claim.interval_cs, kept.interval_cs);
	ck_assert_uint_eq(claim.priority, kept.priority);
	ck_assert(instant_is_never(claim.tenure_short));
	ck_assert_int_le(llabs(claim.tenure_long.us - kept.tenure_long.us), 1000);
	/* A start that keeps nothing leaves nothing. */
	ck_assert_uint_eq(found(NAME).interval_cs, 0);
}
END_TEST

START_TEST(claim_is_of_one_router)
{
	keep(NAME, &kept);
	ck_assert_uint_eq(found("apiserver/ipv6/10/eth0").interval_cs, 0);
	keep(NAME, &kept);
	ck_assert_uint_eq(found("apiserver/ipv4/10/eth").interval_cs, 0);
}
END_TEST

START_TEST(claim_of_now_replaces_the_one_before)
{
	struct resume *resume = opened();
	struct vrrp_claim none = kept, longer = kept;

	longer.interval_cs = 100;
	resume_keep(resume, 0, NAME, &kept);
	resume_keep(resume, 7, NAME, &longer);
	resume_keep(resume, 1, "other", &kept);
	resume_close(resume);
	resume = opened();
	ck_assert_uint_eq(resume_find(resume, NAME).interval_cs, 100);
	ck_assert_uint_eq(resume_find(resume, "other").interval_cs, 25);
	/* What is kept from now on does not change what was found. */
	none.interval_cs = 0;
	resume_keep(resume, 0, NAME, &none);
	ck_assert_uint_eq(resume_find(resume, NAME).interval_cs, 100);
	resume_close(resume);
	ck_assert_uint_eq(found(NAME).interval_cs, 0);
}
END_TEST

/* As many as there can be routers; one that has gone makes room. */
START_TEST(claims_of_all_routers)
{
	struct resume *resume = opened();
	struct vrrp_claim none = kept;
	char name[32];

	none.interval_cs = 0;
	for (size_t i = 0; i < RESUME_MAX; i++) {
		snprintf(name, sizeof(name), "router%zu", i);
		resume_keep(resume, RESUME_MAX - 1 - i, name, &kept);
	}
	resume_keep(resume, 0, NAME, &kept);
	resume_keep(resume, 0, "router100", &none);
	resume_keep(resume, 0, "last", &kept);
	resume_close(resume);
	resume = opened();
	ck_assert_uint_eq(resume_find(resume, "router0").interval_cs, 25);
	ck_assert_uint_eq(resume_find(resume, "router254").interval_cs, 25);
	ck_assert_uint_eq(resume_find(resume, "router100").interval_cs, 0);
	ck_assert_uint_eq(resume_find(resume, NAME).interval_cs, 0);
	ck_assert_uint_eq(resume_find(resume, "last").interval_cs, 25);
	resume_close(resume);
}
END_TEST

START_TEST(long_name_has_no_claim)
{
	char name[RESUME_NAME_SIZE + 1];

	memset(name, 'x', sizeof(name));
	name[RESUME_NAME_SIZE] = '\0';
	keep(name, &kept);
	ck_assert_uint_eq(found(name).interval_cs, 0);
	name[RESUME_NAME_SIZE - 1] = '\0';
	keep(name, &kept);
	ck_assert_uint_eq(found(name).interval_cs, 25);
}
END_TEST

static void spoil(off_t at, const char *bytes)
{
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	close(fd);
}

/* Another version's file, one of another boot, and one that is cut short. */
START_TEST(file_that_does_not_count)
{
	keep(NAME, &kept);
	spoil(0, "other");
	ck_assert_uint_eq(found(NAME).interval_cs, 0);
	keep(NAME, &kept);
	spoil(sizeof("cpvrrp claims 1"), "00000000");
	ck_assert_uint_eq(found(NAME).interval_cs, 0);
	keep(NAME, &kept);
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_uint_eq(found(NAME).interval_cs, 0);
	keep(NAME, &kept);
	ck_assert_uint_eq(found(NAME).interval_cs, 25);
}
END_TEST

START_TEST(path_that_is_no_file)
{
	struct resume *resume;

	ck_assert_int_eq(symlink("elsewhere", path), 0);
	ck_assert_int_eq(resume_open(path, &resume), -ELOOP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(resume_open(path, &resume), -ENOTSUP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(resume_open(path, &resume), -EISDIR);
	ck_assert_int_eq(resume_open("/nowhere/claims", &resume), -ENOENT);
}
END_TEST

Suite *suite_resume(void)
{
	Suite *suite = suite_create("resume");
	TCase *tcase = tcase_create("resume");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, claim_outlives_the_process);
	tcase_add_test(tcase, claim_is_of_one_router);
	tcase_add_test(tcase, claim_of_now_replaces_the_one_before);
	tcase_add_test(tcase, claims_of_all_routers);
	tcase_add_test(tcase, long_name_has_no_claim);
	tcase_add_test(tcase, file_that_does_not_count);
	tcase_add_test(tcase, path_that_is_no_file);
	suite_add_tcase(suite, tcase);
	return suite;
}
