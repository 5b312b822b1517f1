/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sim/sim.h"

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void queue_push(struct queue *queue, int64_t at, enum event_kind kind, unsigned arg)
{
	struct event event = {.at = at, .order = queue->order++, .kind = kind, .arg = arg};
	size_t i = queue->count++;

	assert(queue->count < sizeof(queue->heap) / sizeof(queue->heap[0]));
	while (i > 0 && is_before(&event, &queue->heap[(i - 1) / 2])) {
		queue->heap[i] = queue->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	queue->heap[i] = event;
}

int64_t queue_next(const struct queue *queue)
{
	return queue->count > 0 ? queue->heap[0].at : SIM_NEVER;
}

struct event queue_pop(struct queue *queue)
{
	struct event first = queue->heap[0];
	struct event moved = queue->heap[--queue->count];
	size_t i = 0;

	for (size_t child = 1; child < queue->count; child = 2 * i + 1) {
		if (child + 1 < queue->count &&
		    is_before(&queue->heap[child + 1], &queue->heap[child]))
			child++;
		if (!is_before(&queue->heap[child], &moved))
			break;
		queue->heap[i] = queue->heap[child];
		i = child;
	}
	queue->heap[i] = moved;
	return first;
}
