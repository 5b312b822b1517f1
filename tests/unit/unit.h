/* SPDX-License-Identifier: Apache-2.0 */
/* One suite per module; unit.c runs them all. */
#ifndef CPVRRP_TESTS_UNIT_H
#define CPVRRP_TESTS_UNIT_H

#include <check.h>

#include "lib/count.h"

/* A new directory for files of a test; it is gone when all tests have ended, however they end. */
#define UNIT_DIRECTORY_SIZE 64
void unit_mkdtemp(char path[UNIT_DIRECTORY_SIZE], const char *name);

Suite *suite_addr(void);
Suite *suite_wire(void);
Suite *suite_checksum(void);
Suite *suite_advert(void);
Suite *suite_neigh(void);
Suite *suite_claims(void);
Suite *suite_condition(void);
Suite *suite_priority(void);
Suite *suite_health(void);
Suite *suite_announcer(void);
Suite *suite_vrrp(void);
Suite *suite_group_status(void);
Suite *suite_member(void);
Suite *suite_group(void);
Suite *suite_slots(void);
Suite *suite_balance(void);
Suite *suite_router(void);
Suite *suite_interface(void);
Suite *suite_engine(void);
Suite *suite_actions(void);
Suite *suite_refusal(void);
Suite *suite_reload(void);
Suite *suite_conf(void);
Suite *suite_conf_parse(void);
Suite *suite_settings(void);
Suite *suite_conf_file(void);
Suite *suite_log(void);
Suite *suite_resume(void);
Suite *suite_small_file(void);
Suite *suite_tracked_file(void);
Suite *suite_credentials(void);
Suite *suite_probe(void);
Suite *suite_probe_flood(void);
Suite *suite_probe_log(void);
Suite *suite_status(void);
Suite *suite_metrics(void);
Suite *suite_page(void);
Suite *suite_manual(void);
Suite *suite_http(void);
Suite *suite_control(void);
Suite *suite_control_client(void);
Suite *suite_vip_check(void);
Suite *suite_cli(void);
Suite *suite_manifest(void);
Suite *suite_io(void);
Suite *suite_lease(void);

#endif
