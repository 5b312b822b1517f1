/* SPDX-License-Identifier: Apache-2.0 */
/* The clock behind every `struct instant`: CLOCK_MONOTONIC. */
#ifndef CPVRRP_OS_CLOCK_H
#define CPVRRP_OS_CLOCK_H

#include "core/instant.h"

struct instant clock_now(void);

#endif
