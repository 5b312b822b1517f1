/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario is a text file: comments, settings, faults at fixed times, the line "---", and the
 * trace that it must give. No chance is at work: every packet takes a millisecond, every timer is
 * on time, every clock is right.
 *
 *	nodes 3				their addresses are 10.0.0.1, .2, ...
 *	advert_int 100			centiseconds
 *	preempt always			or never; health is the default
 *	priority n1 200			auto is the default
 *	start n2 1.5			seconds; 0 is the default
 *	apiserver n1 refused		from the start; also hanging, error
 *	at 5 power n1 for 10		a fault of fault.c, with its node, and for so many seconds
 *	at 5 cut n1 n2 for 10
 *	at 5 partition n1 n2 for 10	from the others and the client
 *	at 5 apiserver n1 hanging for 5
 *	end 30
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define COMMANDS_MAX 32
#define TEXT_MAX 65536
#define BLANKS " \t\n"

struct scenario {
	unsigned count;
	struct fault faults[COMMANDS_MAX];
	int64_t at[COMMANDS_MAX];
	int64_t started; /* the last node */
	int64_t end;
};

static int64_t parse_seconds(const char *text)
{
	return text ? (int64_t)(strtod(text, NULL) * 1e6 + 0.5) : -1;
}

/* -1 if it is no node. */
static int parse_node(const struct sim *sim, const char *text)
{
	int number = text && text[0] == 'n' ? atoi(text + 1) : 0;

	return number >= 1 && number <= sim->node_count ? number - 1 : -1;
}

static int64_t parse_amount(const char *text)
{
	static const char *const words[] = {"up", "refused", "hanging", "error"};

	for (int i = 0; i < APISERVER_COUNT; i++)
		if (!strcmp(text, words[i]))
			return i;
	return atoi(text);
}

static bool parse_kind(const char *text, enum fault_kind *ret)
{
	for (int kind = 0; text && kind < FAULT_COUNT; kind++)
		if (!strcmp(text, fault_name((enum fault_kind)kind))) {
			*ret = (enum fault_kind)kind;
			return true;
		}
	return false;
}

/* at SECONDS KIND [NODE ...] [AMOUNT] [for SECONDS] */
static bool parse_fault(struct sim *sim, struct scenario *scenario)
{
	struct fault fault = {
		.node = -1, .other = SIM_ALL_PORTS, .amount = 1, .duration_us = SIM_S};
	int64_t at = parse_seconds(strtok(NULL, BLANKS));

	if (!parse_kind(strtok(NULL, BLANKS), &fault.kind) || scenario->count == COMMANDS_MAX)
		return false;
	for (const char *word = strtok(NULL, BLANKS); word; word = strtok(NULL, BLANKS)) {
		int port = strcmp(word, "client") ? parse_node(sim, word) : SIM_CLIENT;

		if (!strcmp(word, "for"))
			fault.duration_us = parse_seconds(strtok(NULL, BLANKS));
		else if (port < 0)
			fault.amount = parse_amount(word);
		else if (fault.kind == FAULT_PARTITION)
			fault.side |= 1u << port;
		else if (fault.node < 0)
			fault.node = port;
		else
			fault.other = port;
	}
	fault.node = fault.node < 0 ? 0 : fault.node;
	scenario->faults[scenario->count] = fault;
	scenario->at[scenario->count] = at;
	queue_push(&sim->queue, at, EVENT_SCRIPT, scenario->count++);
	return true;
}

static bool parse_preempt(struct sim *sim, const char *word)
{
	enum vrrp_preempt preempt;

	if (!word)
		return false;
	if (!strcmp(word, "always"))
		preempt = VRRP_PREEMPT_ALWAYS;
	else if (!strcmp(word, "never"))
		preempt = VRRP_PREEMPT_NEVER;
	else
		return false;
	for (int i = 0; i < SIM_NODES_MAX; i++)
		sim->nodes[i].settings.preempt = preempt;
	return true;
}

static bool parse_of_node(struct sim *sim, const char *key, int64_t start[SIM_NODES_MAX])
{
	int id = parse_node(sim, strtok(NULL, BLANKS));
	const char *value = strtok(NULL, BLANKS);

	if (id < 0 || !value)
		return false;
	if (!strcmp(key, "priority"))
		sim->nodes[id].settings.priority = (uint8_t)atoi(value);
	else if (!strcmp(key, "start"))
		start[id] = parse_seconds(value);
	else if (!strcmp(key, "apiserver"))
		sim->nodes[id].apiserver = (enum apiserver)parse_amount(value);
	else
		return false;
	return true;
}

static bool parse_line(struct sim *sim, struct scenario *scenario, char *line,
		       int64_t start[SIM_NODES_MAX])
{
	const char *key = strtok(line, BLANKS), *value;

	if (!key || key[0] == '#')
		return true;
	if (!strcmp(key, "at"))
		return parse_fault(sim, scenario);
	if (!strcmp(key, "preempt"))
		return parse_preempt(sim, strtok(NULL, BLANKS));
	if (strcmp(key, "nodes") && strcmp(key, "advert_int") && strcmp(key, "end"))
		return parse_of_node(sim, key, start);
	value = strtok(NULL, BLANKS);
	if (!value)
		return false;
	if (!strcmp(key, "nodes"))
		sim->node_count = atoi(value);
	else if (!strcmp(key, "end"))
		scenario->end = parse_seconds(value);
	for (int i = 0; i < SIM_NODES_MAX && !strcmp(key, "advert_int"); i++)
		sim->nodes[i].settings.advert_int_cs = (uint16_t)atoi(value);
	return sim->node_count >= 1 && sim->node_count <= SIM_NODES_MAX;
}

static void prepare(struct sim *sim)
{
	sim_reset(sim, 0);
	sim->exact = true;
	sim->node_count = 3;
	sim->families = 1;
	sim->segment.delay_us = SIM_MS;
	sim->segment.jitter_us = 0;
	memset(sim->fault_weight, 0, sizeof(sim->fault_weight));
	for (int i = 0; i < SIM_NODES_MAX; i++)
		sim->nodes[i].settings = (struct settings){
			.advert_int_cs = 100,
			.address_lease_s = 5,
			.announce_refresh_s = 30,
			.vip_count = 1,
		};
}

/* Reads up to "---" or the end of the file. */
static bool load(struct sim *sim, struct scenario *scenario, FILE *file)
{
	int64_t start[SIM_NODES_MAX] = {0};
	char line[256];

	while (fgets(line, sizeof(line), file) && strcmp(line, "---\n"))
		if (!parse_line(sim, scenario, line, start)) {
			fprintf(stderr, "cannot understand the line that begins with %s\n", line);
			return false;
		}
	sim->interval_min_us = sim->nodes[0].settings.advert_int_cs * SIM_CS;
	sim->interval_max_us = sim->interval_min_us;
	for (int i = 0; i < sim->node_count; i++) {
		queue_push(&sim->queue, start[i], EVENT_START, (unsigned)i);
		if (start[i] > scenario->started)
			scenario->started = start[i];
	}
	return true;
}

void scenario_command(struct sim *sim, unsigned number)
{
	fault_begin(sim, &sim->scenario->faults[number]);
}

/* The trace as text; false if the file is wrong or a rule is broken. */
static bool play(struct sim *sim, FILE *file, char text[TEXT_MAX])
{
	struct scenario scenario = {0};
	FILE *trace = fmemopen(text, TEXT_MAX, "w");
	bool good;

	if (!trace)
		return false;
	prepare(sim);
	good = load(sim, &scenario, file);
	if (good) {
		sim->scenario = &scenario;
		sim->trace.file = trace;
		sim->trace.brief = true;
		memset(sim->trace.last_priority, 0xff, sizeof(sim->trace.last_priority));
		segment_init(sim);
		check_init(sim, scenario.started);
		sim_run_until(sim, scenario.end);
		good = !sim->check.broken;
		if (!good)
			fprintf(stderr, "broken: %s (%s)\n", rule_name(sim->check.rule),
				sim->check.detail);
	}
	sim->scenario = NULL;
	sim->trace.file = NULL;
	fclose(trace);
	return good;
}

int scenario_print(struct sim *sim, const char *path)
{
	static char text[TEXT_MAX];
	char line[256];
	FILE *file = fopen(path, "re");
	int status = 1;

	if (!file)
		return 1;
	if (play(sim, file, text)) {
		rewind(file);
		while (fgets(line, sizeof(line), file) && strcmp(line, "---\n"))
			fputs(line, stdout);
		printf("---\n%s", text);
		status = 0;
	}
	fclose(file);
	return status;
}

/* Says where the two part. */
static bool same(const char *name, const char *expected, const char *found)
{
	size_t line = 0, i = 0;

	while (expected[i] && expected[i] == found[i]) {
		if (expected[i] == '\n')
			line = i + 1;
		i++;
	}
	if (expected[i] == found[i])
		return true;
	printf("%s:\n  expected %.*s\n  found    %.*s\n", name, (int)strcspn(expected + line, "\n"),
	       expected + line, (int)strcspn(found + line, "\n"), found + line);
	return false;
}

static bool check_one(struct sim *sim, const char *path)
{
	static char expected[TEXT_MAX], found[TEXT_MAX];
	FILE *file = fopen(path, "re");
	size_t size;
	bool good;

	if (!file)
		return false;
	good = play(sim, file, found);
	size = fread(expected, 1, sizeof(expected) - 1, file);
	expected[size] = '\0';
	fclose(file);
	return good && same(path, expected, found);
}

static int is_scenario(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && !strcmp(entry->d_name + length - 4, ".txt");
}

int scenario_check(struct sim *sim, const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_scenario, alphasort);
	int failures = 0;

	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (!check_one(sim, path)) {
			printf("%s differs\n", path);
			failures++;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	printf("golden: %d traces, %d differ\n", count, failures);
	return count <= 0 || failures > 0;
}
