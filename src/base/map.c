/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

void map_init(struct map *map, size_t max)
{
	*map = (struct map){ .max = max };
}

void map_done(struct map *map)
{
	free(map->slots);
	*map = (struct map){ 0 };
}

static size_t home(const struct map *map, uint64_t key)
{
	return (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (map->room - 1);
}

static struct map_slot *slot(const struct map *map, uint64_t key)
{
	size_t i = home(map, key);

	while (map->slots[i].key != 0 && map->slots[i].key != key)
		i = (i + 1) & (map->room - 1);
	return &map->slots[i];
}

void *map_find(const struct map *map, uint64_t key)
{
	return map->room == 0 ? NULL : slot(map, key)->value;
}

static enum err map_rehash(struct map *map)
{
	struct map bigger = { .room = map->room == 0 ? 64 : map->room * 2, .max = map->max };

	bigger.slots = calloc(bigger.room, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return FAULT_NOMEM;
	for (size_t i = 0; i < map->room; i++)
		if (map->slots[i].key != 0)
			*slot(&bigger, map->slots[i].key) = map->slots[i];
	bigger.n = map->n;
	free(map->slots);
	*map = bigger;
	return OK;
}

enum err map_put(struct map *map, uint64_t key, void *value)
{
	if (map->n >= map->max && map_find(map, key) == NULL)
		return ERR_TOO_LARGE;
	if (map->n * 4 >= map->room * 3)
		TRY(map_rehash(map));
	struct map_slot *s = slot(map, key);
	map->n += s->key == 0;
	*s = (struct map_slot){ key, value };
	return OK;
}

void *map_del(struct map *map, uint64_t key)
{
	if (map->room == 0)
		return NULL;
	struct map_slot *gone = slot(map, key);
	void *value = gone->value;
	if (gone->key == 0)
		return NULL;
	*gone = (struct map_slot){ 0 };
	map->n--;
	/* What follows in the run may have been pushed past the hole: put it back. */
	for (size_t i = ((size_t)(gone - map->slots) + 1) & (map->room - 1); map->slots[i].key != 0;
	     i = (i + 1) & (map->room - 1)) {
		const struct map_slot moved = map->slots[i];
		map->slots[i] = (struct map_slot){ 0 };
		*slot(map, moved.key) = moved;
	}
	return value;
}

void *map_next(const struct map *map, size_t *at)
{
	while (*at < map->room)
		if (map->slots[(*at)++].key != 0)
			return map->slots[*at - 1].value;
	return NULL;
}
