/* SPDX-License-Identifier: Apache-2.0 */
#include "core/health.h"

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

void health_init(struct health *health, unsigned fall, unsigned rise)
{
	*health = (struct health){.fall = fall, .rise = rise};
}

static void count(struct health *health, enum health_result result)
{
	bool same = (result == HEALTH_OK) == (health->last == HEALTH_OK);

	if (!same)
		health->consecutive = 0;
	if (health->consecutive < UINT_MAX)
		health->consecutive++;
	health->last = result;
}

bool health_step(struct health *health, enum health_result result)
{
	bool before = health->ready;

	count(health, result);
	if (result == HEALTH_OK) {
		if (!health->succeeded_before || health->consecutive >= health->rise)
			health->ready = true;
		health->succeeded_before = true;
	} else if (result == HEALTH_REFUSED || health->consecutive >= health->fall) {
		health->ready = false;
	}
	return health->ready != before;
}

const char *health_band_name(enum health_band band)
{
	return band == HEALTH_BAND_READY ? "ready" : "unready";
}

enum health_band health_band(uint8_t priority)
{
	return priority >= HEALTH_BAND_READY_MIN ? HEALTH_BAND_READY : HEALTH_BAND_UNREADY;
}

uint8_t health_priority(uint8_t ready_priority, bool ready)
{
	if (ready)
		return ready_priority;
	if (ready_priority == HEALTH_BAND_READY_MIN)
		return HEALTH_BAND_UNREADY_MIN;
	return (uint8_t)(ready_priority - HEALTH_BAND_DISTANCE);
}

uint8_t health_auto_priority(const struct addr *primary)
{
	const uint8_t *low = primary->bytes + addr_size(primary->family) - 2;
	unsigned n = (unsigned)low[0] << 8 | low[1];

	return (uint8_t)(HEALTH_BAND_READY_MIN + 61 * n % 100);
}
