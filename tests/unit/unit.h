/* SPDX-License-Identifier: Apache-2.0 */
/* One suite per module; unit.c runs them all. */
#ifndef CPVRRP_TESTS_UNIT_H
#define CPVRRP_TESTS_UNIT_H

#include <check.h>

/* A new directory for files of a test; it is gone when all tests have ended, however they end. */
#define UNIT_DIRECTORY_SIZE 64
void unit_mkdtemp(char path[UNIT_DIRECTORY_SIZE], const char *name);

Suite *suite_addr(void);
Suite *suite_wire(void);
Suite *suite_checksum(void);
Suite *suite_advert(void);
Suite *suite_neigh(void);
Suite *suite_health(void);
Suite *suite_vrrp(void);
Suite *suite_conf(void);
Suite *suite_engine(void);
Suite *suite_conf_file(void);
Suite *suite_log(void);
Suite *suite_probe(void);
Suite *suite_state(void);
Suite *suite_control(void);
Suite *suite_manifest(void);
Suite *suite_host(void);

#endif
