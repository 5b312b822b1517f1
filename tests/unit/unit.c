/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "unit.h"

int main(void)
{
	Suite *(*const suites[])(void) = {
		suite_addr,   suite_wire,  suite_checksum, suite_advert,  suite_neigh,
		suite_health, suite_vrrp,  suite_conf,	   suite_engine,  suite_conf_file,
		suite_log,    suite_probe, suite_state,	   suite_control, suite_manifest,
	};
	SRunner *runner = srunner_create(NULL);
	int failed;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
