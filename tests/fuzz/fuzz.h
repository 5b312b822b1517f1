/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target: one per file fuzz_X.c, its seeds in corpus/X. libFuzzer drives it (configure
 * --enable-fuzzing, make fuzz), or replay.c with a normal compiler (make check). What must hold is
 * asserted.
 */
#ifndef CPVRRP_TESTS_FUZZ_H
#define CPVRRP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* How many mutations of each seed the replay runs: as many as fit into a second or so. */
extern const unsigned fuzz_mutations;

/* libFuzzer's name. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
