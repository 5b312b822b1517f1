/* SPDX-License-Identifier: Apache-2.0 */
#include "os/clock.h"

#include <assert.h>
#include <time.h>

static int64_t read_us(clockid_t clock)
{
	struct timespec t;
	int error = clock_gettime(clock, &t);

	assert(error == 0);
	return (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

struct instant clock_now(void)
{
	return (struct instant){read_us(CLOCK_MONOTONIC)};
}

int64_t clock_slept_us(void)
{
	return read_us(CLOCK_BOOTTIME) - read_us(CLOCK_MONOTONIC);
}
