/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPVRRP_TESTS_COUNT_H
#define CPVRRP_TESTS_COUNT_H

/* How many elements an array has. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
