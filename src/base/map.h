/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * map - from a number that is never zero to a pointer it does not own. Open
 * addressing; grows up to the ceiling named when it begins.
 */
struct map {
	struct map_slot *slots;
	size_t n, room, max;
};

struct map_slot {
	uint64_t key; /* 0: empty */
	void *value;
};

void map_init(struct map *map, size_t max);
void map_done(struct map *map);
/* NULL when it is not there. */
void *map_find(const struct map *map, uint64_t key);
/* Adds or replaces. ERR_TOO_LARGE at the ceiling. */
must_check enum err map_put(struct map *map, uint64_t key, void *value);
/* Removes and answers what was there, or NULL. */
void *map_del(struct map *map, uint64_t key);
/* Visits: start with *at = 0; NULL at the end. No put or del meanwhile. */
void *map_next(const struct map *map, size_t *at);
