/* SPDX-License-Identifier: Apache-2.0 */
#include "core/health.h"

#include <assert.h>
#include <limits.h>

const char *health_result_name(enum health_result result)
{
	static const char *const names[HEALTH_RESULT_COUNT] = {
		[HEALTH_OK] = "ok",
		[HEALTH_REFUSED] = "refused",
		[HEALTH_TIMEOUT] = "timeout",
		[HEALTH_CLOSED] = "closed",
		[HEALTH_TLS] = "tls",
		[HEALTH_CERTIFICATE] = "certificate",
		[HEALTH_UNAUTHORIZED] = "unauthorized",
		[HEALTH_FORBIDDEN] = "forbidden",
		[HEALTH_STATUS] = "status",
		[HEALTH_RESPONSE] = "response",
		[HEALTH_UNABLE] = "unable",
	};

	return names[result];
}

bool health_is_answer(enum health_result result)
{
	switch (result) {
	case HEALTH_OK:
	case HEALTH_TLS:
	case HEALTH_CERTIFICATE:
	case HEALTH_UNAUTHORIZED:
	case HEALTH_FORBIDDEN:
	case HEALTH_STATUS:
	case HEALTH_RESPONSE:
		return true;
	case HEALTH_REFUSED:
	case HEALTH_TIMEOUT:
	case HEALTH_CLOSED:
	case HEALTH_UNABLE:
		return false;
	}
	return false;
}

void health_init(struct health *health, unsigned fall, unsigned rise)
{
	*health = (struct health){.fall = fall, .rise = rise, .lost_at = INSTANT_NEVER};
}

void health_resume(struct health *health, enum priority_band band)
{
	health->ready = health->succeeded_before = band == PRIORITY_BAND_READY;
	health->answered_before = band >= PRIORITY_BAND_ANSWERING;
	health->since_answer = 0;
}

static void count(struct health *health, enum health_result result)
{
	bool same = (result == HEALTH_OK) == (health->last == HEALTH_OK);

	if (!same)
		health->consecutive = 0;
	if (health->consecutive < UINT_MAX)
		health->consecutive++;
	health->last = result;
	if (health_is_answer(result)) {
		health->answered_before = true;
		health->since_answer = 0;
	} else if (health->since_answer < UINT_MAX) {
		health->since_answer++;
	}
}

struct instant health_damped_until(const struct health *health)
{
	return instant_add(health->lost_at, HEALTH_DAMPING_US);
}

static bool is_damped(const struct health *health, struct instant now)
{
	return health->losses > 0 && !instant_due(health_damped_until(health), now);
}

unsigned health_successes_needed(const struct health *health, struct instant now)
{
	return is_damped(health, now) ? health->rise << health->losses : health->rise;
}

void health_damp(struct health *health, struct instant now)
{
	assert(!health->ready);
	if (!is_damped(health, now))
		health->losses = 0;
	if (health->losses < HEALTH_LOSSES_MAX)
		health->losses++;
	health->lost_at = now;
}

bool health_step(struct health *health, struct instant now, enum health_result result)
{
	enum priority_band before = health_band(health);

	assert(health->fall > 0 && health->rise > 0);
	assert(health->losses <= HEALTH_LOSSES_MAX);
	assert(health->losses == 0 || !instant_is_never(health->lost_at));
	count(health, result);
	if (result == HEALTH_OK) {
		if (!health->succeeded_before ||
		    health->consecutive >= health_successes_needed(health, now))
			health->ready = true;
		health->succeeded_before = true;
	} else if (result == HEALTH_REFUSED || health->consecutive >= health->fall) {
		health->ready = false;
	}
	return health_band(health) != before;
}

enum priority_band health_band(const struct health *health)
{
	if (health->ready)
		return PRIORITY_BAND_READY;
	return health->answered_before && health->since_answer < health->fall
		       ? PRIORITY_BAND_ANSWERING
		       : PRIORITY_BAND_DOWN;
}
