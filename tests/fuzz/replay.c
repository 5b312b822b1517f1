/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over its corpus: each seed as it is, and in fuzz_mutations mutations that are
 * the same in every run. First one after the other all that change one place, or as many of them as
 * there is room for: a bit flipped, a byte changed as a length or count would be, an end cut off.
 * Then several of these at once, drawn from a generator that starts with the same number.
 * Usage: fuzz_X [FILE...], and then only these files, as they are. The corpus is that of fuzz_X
 * below $srcdir.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED_SIZE_MAX 65536
#define DATA_SIZE_MAX (SEED_SIZE_MAX + STACKED_MAX)
#define STACKED_MAX 4	     /* mutations of one place in one input; each may add a byte */
#define SEED_SECONDS_MAX 120 /* with its mutations; what takes longer hangs */

/* Mutations of each byte: one per bit, then those below, then the input ends before it. */
enum byte_mutation {
	BYTE_PLUS_ONE = 8,
	BYTE_MINUS_ONE,
	BYTE_ZERO,
	BYTE_ALL_ONES,
	BYTE_TWICE,
	BYTE_END,
};
#define BYTE_MUTATIONS (BYTE_END + 1)

static const char *name;
static uint8_t *input; /* of exactly input_size bytes, so that a sanitizer sees the end of it */
static size_t input_size;
static uint64_t random_state;

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

/* number counts the mutations of all bytes. Returns the new size. */
static size_t mutate(uint8_t *data, size_t size, size_t number)
{
	size_t at = number / BYTE_MUTATIONS;
	size_t kind = number % BYTE_MUTATIONS;

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
		memmove(data + at + 1, data + at, size++ - at);
	else
		size = at;
	return size;
}

static size_t draw(size_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state % below);
}

static void run_stacked(const uint8_t *seed, size_t size)
{
	static uint8_t data[DATA_SIZE_MAX];
	size_t left = 2 + draw(STACKED_MAX - 1);

	memcpy(data, seed, size);
	while (left-- > 0 && size > 0)
		size = mutate(data, size, draw(size * BYTE_MUTATIONS));
	run(data, size);
}

static size_t load(const char *path, uint8_t data[SEED_SIZE_MAX])
{
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file) {
		perror(path);
		exit(2);
	}
	size = fread(data, 1, SEED_SIZE_MAX, file);
	fclose(file);
	name = path;
	return size;
}

static void run_seed(const char *path)
{
	static uint8_t seed[SEED_SIZE_MAX], data[DATA_SIZE_MAX];
	size_t size = load(path, seed);
	size_t count = size * BYTE_MUTATIONS;
	size_t singles = count < fuzz_mutations ? count : fuzz_mutations;

	alarm(SEED_SECONDS_MAX);
	random_state = 1;
	run(seed, size);
	for (size_t i = 0; i < singles; i++) {
		memcpy(data, seed, size);
		run(data, mutate(data, size, i * count / singles));
	}
	for (size_t i = singles; i < fuzz_mutations && size > 0; i++)
		run_stacked(seed, size);
	printf("%s: 1 + %zu + %zu\n", path, singles, size ? fuzz_mutations - singles : 0);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_corpus(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_visible, alphasort);

	if (count <= 0 || chdir(directory) != 0) {
		fprintf(stderr, "%s: no corpus\n", directory);
		exit(2);
	}
	for (int i = 0; i < count; i++) {
		run_seed(entries[i]->d_name);
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
	const char *source = getenv("srcdir");
	char corpus[4096];

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	for (int i = 1; i < argc; i++) {
		static uint8_t data[SEED_SIZE_MAX];
		size_t size = load(argv[i], data);

		run(data, size);
	}
	snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", source ? source : ".",
		 program_invocation_short_name + strlen("fuzz_"));
	if (argc == 1)
		run_corpus(corpus);
	return 0;
}
