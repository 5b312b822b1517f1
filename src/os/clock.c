/* SPDX-License-Identifier: Apache-2.0 */
#include "os/clock.h"

#include <time.h>

struct instant clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){(int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000};
}
