/* SPDX-License-Identifier: Apache-2.0 */
/* The manual names what JSON and metrics have, and nothing else. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "report/metrics.h"

/* The names of the manual or of an output. */
struct names {
	size_t count;
	char list[192][96];
};

static bool names_have(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], name) == 0)
			return true;
	}
	return false;
}

static void names_add(struct names *names, const char *name)
{
	if (names_have(names, name))
		return;
	ck_assert_uint_lt(names->count, sizeof(names->list) / sizeof(names->list[0]));
	snprintf(names->list[names->count++], sizeof(names->list[0]), "%s", name);
}

/* "virtual_routers[].heard[].priority", as for jq. Keys that are reasons are named in lists of
 * their own. */
static void names_add_json(struct names *names, const char *path, json_t *value)
{
	char longer[96];
	const char *key;
	json_t *child;
	size_t i;

	if (*path && path[strlen(path) - 1] != ']')
		names_add(names, path);
	if (strstr(path, "rejected") || strstr(path, "failures_total"))
		return;
	json_object_foreach(value, key, child)
	{
		snprintf(longer, sizeof(longer), "%s%s%s", path, *path ? "." : "", key);
		names_add_json(names, longer, child);
	}
	json_array_foreach(value, i, child)
	{
		snprintf(longer, sizeof(longer), "%s[]", path);
		names_add_json(names, longer, child);
	}
}

/* The items of the manual whose macro is as given. */
static void names_of_manual(const char *macro, struct names *names)
{
	FILE *file = fopen(TESTS_DIR "/../doc/cpvrrp.8", "r");
	char line[256], name[96], start[16];

	ck_assert_ptr_nonnull(file);
	snprintf(start, sizeof(start), ".It %s ", macro);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, start, strlen(start)) == 0 &&
		    sscanf(line + strlen(start), "%95s", name) == 1)
			names_add(names, name);
	}
	fclose(file);
}

static void check_manual(const char *macro, const struct names *real)
{
	struct names manual = {0};

	names_of_manual(macro, &manual);
	for (size_t i = 0; i < real->count; i++)
		ck_assert_msg(names_have(&manual, real->list[i]), "cpvrrp.8 lacks %s",
			      real->list[i]);
	for (size_t i = 0; i < manual.count; i++)
		ck_assert_msg(names_have(real, manual.list[i]), "cpvrrp.8 has %s", manual.list[i]);
}

START_TEST(manual_names)
{
	static const struct status_look look = {.known = true, .answers = true};
	struct names real = {0};
	char *text, *rest, *line, name[96];
	json_t *root;

	node.source.looks = &look;
	node.source.look_count = 1;
	root = node_parsed();
	text = rest = node_printed(metrics_text);
	names_add_json(&real, "", root);
	json_decref(root);
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "# TYPE %95s", name) == 1)
			names_add(&real, name);
	}
	free(text);
	check_manual("Va", &real);
}
END_TEST

START_TEST(manual_words)
{
	struct names real = {0};

	for (unsigned i = 0; i < VRRP_REASON_FAULT; i++)
		names_add(&real, vrrp_reason_name((enum vrrp_reason)i));
	for (unsigned i = VRRP_FAULT_NONE + 1; i < VRRP_FAULT_COUNT; i++)
		names_add(&real, vrrp_fault_name((enum vrrp_fault)i));
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_REFUSAL_COUNT; i++)
		names_add(&real, advert_refusal_name((enum advert_refusal)i));
	for (unsigned i = GROUP_STATUS_OK + 1; i < GROUP_STATUS_REFUSAL_COUNT; i++)
		names_add(&real, group_status_refusal_name((enum group_status_refusal)i));
	for (unsigned i = 0; i < HEALTH_RESULT_COUNT; i++)
		names_add(&real, health_result_name((enum health_result)i));
	for (unsigned i = 0; i < VRRP_STATE_COUNT; i++)
		names_add(&real, vrrp_state_name((enum vrrp_state)i));
	check_manual("Cm", &real);
}
END_TEST

Suite *suite_manual(void)
{
	Suite *suite = suite_create("manual");
	TCase *tcase = tcase_create("manual");

	tcase_add_checked_fixture(tcase, node_setup, node_teardown);
	tcase_add_test(tcase, manual_names);
	tcase_add_test(tcase, manual_words);
	suite_add_tcase(suite, tcase);
	return suite;
}
