/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A point on the monotonic clock. Core never reads a clock: every call that needs the time is given
 * it. The struct keeps points apart from durations, which are int64_t and end in _us.
 */
#ifndef CPVRRP_CORE_INSTANT_H
#define CPVRRP_CORE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

struct instant {
	int64_t us;
};

#define SECOND_US INT64_C(1000000)
#define CENTISECOND_US INT64_C(10000)
#define MILLISECOND_US INT64_C(1000)

/* Later than every point a clock can show; the value of a timer that is not set. */
#define INSTANT_NEVER ((struct instant){INT64_MAX})

static inline bool instant_is_never(struct instant t)
{
	return t.us == INT64_MAX;
}

/* INSTANT_NEVER stays what it is, whatever is added. */
static inline struct instant instant_add(struct instant t, int64_t duration_us)
{
	return instant_is_never(t) ? t : (struct instant){t.us + duration_us};
}

/* Microseconds from earlier to later; negative if they are the other way round. */
static inline int64_t instant_since(struct instant later, struct instant earlier)
{
	return later.us - earlier.us;
}

/* A timer set to t is due at now. */
static inline bool instant_due(struct instant t, struct instant now)
{
	return t.us <= now.us;
}

static inline struct instant instant_max(struct instant a, struct instant b)
{
	return a.us > b.us ? a : b;
}

static inline struct instant instant_min(struct instant a, struct instant b)
{
	return a.us < b.us ? a : b;
}

#endif
