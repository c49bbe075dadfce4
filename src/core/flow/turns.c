/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/turns.h"

#include <stdlib.h>

struct turn_queue {
	uint64_t key;
	size_t at_it;
	struct turn *first, **end;
};

static enum err queue_of(struct map *turns, uint64_t key, struct turn_queue **ret)
{
	struct turn_queue *queue = map_find(turns, key);

	if (queue == NULL) {
		queue = malloc(sizeof *queue);
		if (queue == NULL)
			return FAULT_NOMEM;
		*queue = (struct turn_queue){ .key = key, .end = &queue->first };
		const enum err err = map_put(turns, key, queue);
		if (err != OK) {
			free(queue);
			return err;
		}
	}
	*ret = queue;
	return OK;
}

enum err turn_take(struct map *turns, uint64_t key, size_t max, struct turn *turn, bool *ret_now)
{
	struct turn_queue *queue;

	TRY(queue_of(turns, key, &queue));
	*turn = (struct turn){ .queue = queue };
	*ret_now = queue->at_it < max;
	if (*ret_now) {
		queue->at_it++;
		return OK;
	}
	*queue->end = turn;
	queue->end = &turn->next;
	return OK;
}

struct turn *turn_leave(struct map *turns, struct turn *turn)
{
	struct turn_queue *queue = turn->queue;
	struct turn *const next = queue->first;

	turn->queue = NULL;
	if (next != NULL) {
		queue->first = next->next;
		next->next = NULL;
		if (queue->first == NULL)
			queue->end = &queue->first;
	} else if (--queue->at_it == 0) {
		(void)map_del(turns, queue->key);
		free(queue);
	}
	return next;
}

void turns_done(struct map *turns)
{
	size_t at = 0;

	for (struct turn_queue *queue; (queue = map_next(turns, &at)) != NULL;)
		free(queue);
	map_done(turns);
}
