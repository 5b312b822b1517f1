/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over its corpus, each seed as it is and in fuzz_mutations mutations that are
 * the same in every run: bits flipped, bytes changed as a length or count would be, ends cut off.
 * Usage: fuzz_X [FILE...], and then only these files, as they are.
 */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE_MAX 65536
#define SEED_SECONDS_MAX 120 /* with its mutations; what takes longer hangs */

/* Mutations of each byte: one per bit, then those below, then the input ends with it. */
enum byte_mutation {
	BYTE_PLUS_ONE = 8,
	BYTE_MINUS_ONE,
	BYTE_ZERO,
	BYTE_ALL_ONES,
	BYTE_TWICE,
	BYTE_LAST,
};
#define BYTE_MUTATIONS (BYTE_LAST + 1)

static const char *name;
static uint8_t *input; /* of exactly input_size bytes, so that a sanitizer sees the end of it */
static size_t input_size;

static void run(const uint8_t *data, size_t size)
{
	input = malloc(size ? size : 1);
	if (!input)
		abort();
	memcpy(input, data, size);
	input_size = size;
	LLVMFuzzerTestOneInput(input, size);
	free(input);
	input = NULL;
}

static void run_mutation(const uint8_t *seed, size_t size, size_t number)
{
	uint8_t data[FILE_SIZE_MAX + 1];
	size_t at = number / BYTE_MUTATIONS;
	size_t kind = number % BYTE_MUTATIONS;

	memcpy(data, seed, size);
	if (kind < BYTE_PLUS_ONE)
		data[at] ^= (uint8_t)(1 << kind);
	else if (kind == BYTE_PLUS_ONE)
		data[at]++;
	else if (kind == BYTE_MINUS_ONE)
		data[at]--;
	else if (kind == BYTE_ZERO)
		data[at] = 0;
	else if (kind == BYTE_ALL_ONES)
		data[at] = UINT8_MAX;
	else if (kind == BYTE_TWICE)
		memcpy(data + at + 1, seed + at, size++ - at);
	else
		size = at;
	run(data, size);
}

static size_t load(const char *path, uint8_t data[FILE_SIZE_MAX])
{
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file) {
		perror(path);
		exit(2);
	}
	size = fread(data, 1, FILE_SIZE_MAX, file);
	fclose(file);
	name = path;
	return size;
}

static void run_seed(const char *path)
{
	static uint8_t seed[FILE_SIZE_MAX];
	size_t size = load(path, seed);
	size_t count = size * BYTE_MUTATIONS;
	size_t runs = count < fuzz_mutations ? count : fuzz_mutations;

	alarm(SEED_SECONDS_MAX);
	run(seed, size);
	for (size_t i = 0; i < runs; i++)
		run_mutation(seed, size, i * count / runs);
	printf("%s: 1 + %zu\n", path, runs);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_corpus(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_visible, alphasort);

	if (count <= 0) {
		fprintf(stderr, "%s: no corpus\n", directory);
		exit(2);
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		run_seed(path);
		free(entries[i]);
	}
	free(entries);
}

/* Says which input it was: xxd -r -p makes a file of it. */
static void on_crash(int number)
{
	fprintf(stderr, "signal %d, a mutation of %s:\n", number, name);
	for (size_t i = 0; input && i < input_size; i++)
		fprintf(stderr, "%02x", input[i]);
	fprintf(stderr, "\n");
	raise(number);
}

int main(int argc, char **argv)
{
	static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	for (int i = 1; i < argc; i++) {
		static uint8_t data[FILE_SIZE_MAX];
		size_t size = load(argv[i], data);

		run(data, size);
	}
	if (argc == 1)
		run_corpus(CORPUS);
	return 0;
}
