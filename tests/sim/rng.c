/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/rng.h"

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

void rng_init(struct rng *rng, uint64_t seed, uint64_t stream)
{
	uint64_t state = seed;

	state = splitmix(&state) ^ stream;
	for (unsigned i = 0; i < 4; i++)
		rng->state[i] = splitmix(&state);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

int64_t rng_range(struct rng *rng, int64_t low, int64_t high)
{
	uint64_t span = (uint64_t)(high - low) + 1;

	if (span <= UINT32_MAX)
		return low + (int64_t)((rng_next(rng) >> 32) * span >> 32);
	return low + (int64_t)(rng_next(rng) % span);
}

bool rng_chance(struct rng *rng, unsigned permille)
{
	return permille > 0 && rng_range(rng, 0, 999) < (int64_t)permille;
}
