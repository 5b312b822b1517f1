/* SPDX-License-Identifier: Apache-2.0 */
#include "core/condition.h"

#include <assert.h>
#include <string.h>

const char *condition_kind_name(enum condition_kind kind)
{
	switch (kind) {
	case CONDITION_FILE:
		return "file";
	case CONDITION_INTERFACE:
		return "interface";
	}
	return "?";
}

static bool is_same(const struct condition *a, const struct condition *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

bool conditions_equal(const struct conditions *a, const struct conditions *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!is_same(&a->list[i], &b->list[i]))
			return false;
	return true;
}

void conditions_carry(const struct conditions *from, const struct conditions *to,
		      struct condition_state states[CONDITIONS_MAX])
{
	struct condition_state before[CONDITIONS_MAX];

	assert(from->count <= CONDITIONS_MAX && to->count <= CONDITIONS_MAX);
	memcpy(before, states, sizeof(before));
	memset(states, 0, sizeof(before));
	for (size_t i = 0; i < to->count; i++)
		for (size_t j = 0; j < from->count; j++)
			if (is_same(&to->list[i], &from->list[j]))
				states[i] = before[j];
}

size_t conditions_first_unmet(const struct conditions *conditions,
			      const struct condition_state states[CONDITIONS_MAX])
{
	size_t i = 0;

	while (i < conditions->count && !states[i].unmet)
		i++;
	return i;
}
