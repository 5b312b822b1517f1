/* SPDX-License-Identifier: Apache-2.0 */
#include "core/priority.h"

#include <assert.h>

static_assert(PRIORITY_READY_MIN + PRIORITY_BAND_SIZE - 1 == PRIORITY_READY_MAX,
	      "the band \"ready\" ends below the owner");
static_assert(PRIORITY_ANSWERING_MIN + PRIORITY_BAND_SIZE == PRIORITY_READY_MIN,
	      "the bands \"answering\" and \"ready\" touch");
static_assert(PRIORITY_READY_MIN - 2 * PRIORITY_BAND_SIZE > PRIORITY_LEAVING,
	      "the band \"down\" begins above the values with a meaning of their own");

const char *priority_band_name(enum priority_band band)
{
	switch (band) {
	case PRIORITY_BAND_LEAVING:
		return "leaving";
	case PRIORITY_BAND_DOWN:
		return "down";
	case PRIORITY_BAND_ANSWERING:
		return "answering";
	case PRIORITY_BAND_READY:
		return "ready";
	}
	return "?";
}

enum priority_band priority_band(uint8_t priority)
{
	if (priority >= PRIORITY_READY_MIN)
		return PRIORITY_BAND_READY;
	if (priority >= PRIORITY_ANSWERING_MIN)
		return PRIORITY_BAND_ANSWERING;
	return priority > PRIORITY_LEAVING ? PRIORITY_BAND_DOWN : PRIORITY_BAND_LEAVING;
}

uint8_t priority_in_band(uint8_t ready_priority, enum priority_band band)
{
	int below = (PRIORITY_BAND_READY - (int)band) * PRIORITY_BAND_SIZE;

	assert(ready_priority >= PRIORITY_READY_MIN && ready_priority <= PRIORITY_READY_MAX);
	assert(band != PRIORITY_BAND_LEAVING);
	return (uint8_t)(ready_priority - below);
}

uint8_t priority_of_active(uint8_t priority, enum priority_tenure tenure)
{
	uint8_t lowest = priority_in_band(PRIORITY_READY_MIN, priority_band(priority));
	uint8_t place = (uint8_t)(lowest + tenure);

	return tenure == PRIORITY_TENURE_LONG && priority > place ? priority : place;
}

uint8_t priority_auto(const struct addr *primary)
{
	const uint8_t *low = primary->bytes + addr_size(primary->family) - 2;
	unsigned n = (unsigned)low[0] << 8 | low[1];

	return (uint8_t)(PRIORITY_READY_MIN + 61 * n % PRIORITY_BAND_SIZE);
}
