/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/cpvrrp-unit.XXXXXX";
static volatile pid_t runner;

void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);

/* libcheck writes every assertion that holds to a file, to know the last one. A walk has millions,
 * which take ten times the walk, so each line is written once. */
void __wrap__mark_point(const char *file, int line)
{
	static bool written[4096];

	if (line >= (int)sizeof(written) || written[line])
		return;
	written[line] = true;
	__real__mark_point(file, line);
}

void unit_mkdtemp(char path[UNIT_DIRECTORY_SIZE], const char *name)
{
	snprintf(path, UNIT_DIRECTORY_SIZE, "%s/%s.XXXXXX", directory, name);
	ck_assert_ptr_nonnull(mkdtemp(path));
}

static int run(void)
{
	Suite *(*const suites[])(void) = {
		suite_addr,	    suite_wire,		suite_checksum,	   suite_advert,
		suite_neigh,	    suite_claims,	suite_priority,	   suite_health,
		suite_announcer,    suite_vrrp,		suite_router,	   suite_interface,
		suite_engine,	    suite_actions,	suite_refusal,	   suite_reload,
		suite_conf,	    suite_conf_parse,	suite_settings,	   suite_conf_file,
		suite_log,	    suite_small_file,	suite_credentials, suite_probe,
		suite_probe_flood,  suite_probe_log,	suite_status,	   suite_metrics,
		suite_manual,	    suite_http,		suite_control,	   suite_control_client,
		suite_cli,	    suite_vip_check,	suite_manifest,	   suite_io,
		suite_lease,	    suite_group_status, suite_member,	   suite_group,
		suite_slots,	    suite_balance,	suite_resume,	   suite_condition,
		suite_tracked_file, suite_page,
	};
	SRunner *suite_runner = srunner_create(NULL);
	int failed;

	for (size_t i = 0; i < COUNT(suites); i++)
		srunner_add_suite(suite_runner, suites[i]());
	srunner_run_all(suite_runner, CK_NORMAL);
	failed = srunner_ntests_failed(suite_runner);
	srunner_free(suite_runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *position)
{
	(void)status;
	(void)type;
	(void)position;
	return remove(path);
}

static void forward(int number)
{
	kill(runner, number);
}

/* A test that fails or is stopped does not get to clean up, so somebody else does it. */
int main(void)
{
	int status = 0;

	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	fflush(NULL);
	runner = fork();
	if (runner == 0)
		exit(run());
	signal(SIGINT, forward);
	signal(SIGTERM, forward);
	while (waitpid(runner, &status, 0) < 0)
		;
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
