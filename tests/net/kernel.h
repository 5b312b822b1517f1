/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPVRRP_TESTS_KERNEL_H
#define CPVRRP_TESTS_KERNEL_H

#include <check.h>

TCase *tcase_confine(void);

#endif
