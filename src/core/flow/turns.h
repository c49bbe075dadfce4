/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * turns - how many of one kind are at it at a time; the others wait in the
 * order in which they came. A key is a kind; what is under no key any more
 * takes no memory.
 */

#include <stdbool.h>

#include "base/map.h"

struct turn_queue;

/* Part of what has a turn, and owned by it. */
struct turn {
	struct turn *next;
	struct turn_queue *queue; /* NULL: has no turn and waits for none */
};

/* *@ret_now: it may begin; else turn_leave() of another one will name it. @max is the same for all
 * of a key. FAULT_NOMEM, ERR_TOO_LARGE (the map's ceiling of keys). */
must_check enum err turn_take(struct map *turns, uint64_t key, size_t max, struct turn *turn,
			      bool *ret_now);
/* @turn, which was at it, is over. Whose turn it is now, and who is at it from here on; NULL: no
 * other waits. */
struct turn *turn_leave(struct map *turns, struct turn *turn);
/* Forgets all of them. */
void turns_done(struct map *turns);
