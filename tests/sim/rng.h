/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only source of chance: xoshiro256** (Blackman and Vigna), seeded with splitmix64. The same
 * numbers on every machine and compiler.
 */
#ifndef CPVRRP_SIM_RNG_H
#define CPVRRP_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state[4];
};

/* Streams of the same seed are independent. */
void rng_init(struct rng *rng, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *rng);

/* low..high, both included. */
int64_t rng_range(struct rng *rng, int64_t low, int64_t high);

/* True in so many of a thousand cases; a permille of 0 draws no number. */
bool rng_chance(struct rng *rng, unsigned permille);

#endif
