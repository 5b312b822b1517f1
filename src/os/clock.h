/* SPDX-License-Identifier: Apache-2.0 */
/* The clock behind every `struct instant`: CLOCK_MONOTONIC. */
#ifndef CPVRRP_OS_CLOCK_H
#define CPVRRP_OS_CLOCK_H

#include "core/instant.h"

struct instant clock_now(void);

/* How much further CLOCK_BOOTTIME is: how long the machine has slept. */
int64_t clock_slept_us(void);

#endif
