/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 64 * 1024 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, room;
	alignas(max_align_t) uint8_t p[];
};

void arena_init(struct arena *arena, size_t max)
{
	*arena = (struct arena){ .max = max };
}

static void chunk_free(struct arena_chunk *chunk)
{
	wipe(chunk->p, chunk->used);
	free(chunk);
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *keep = NULL;

	while (arena->chunks != NULL) {
		struct arena_chunk *chunk = arena->chunks;
		arena->chunks = chunk->next;
		if (keep == NULL && chunk->room == CHUNK_BYTES)
			keep = chunk;
		else
			chunk_free(chunk);
	}
	arena->held = 0;
	if (keep == NULL)
		return;
	wipe(keep->p, keep->used);
	keep->used = 0;
	keep->next = NULL;
	arena->chunks = keep;
	arena->held = keep->room;
}

void arena_done(struct arena *arena)
{
	arena_reset(arena);
	if (arena->chunks != NULL)
		chunk_free(arena->chunks);
	*arena = (struct arena){ 0 };
}

static enum err chunk_new(struct arena *arena, size_t n)
{
	const size_t room = n > CHUNK_BYTES ? n : CHUNK_BYTES;

	if (room > arena->max - arena->held)
		return ERR_TOO_LARGE;
	struct arena_chunk *chunk = malloc(sizeof *chunk + room);
	if (chunk == NULL)
		return FAULT_NOMEM;
	*chunk = (struct arena_chunk){ .next = arena->chunks, .room = room };
	arena->chunks = chunk;
	arena->held += room;
	return OK;
}

enum err arena_take(struct arena *arena, size_t n, void **ret)
{
	const size_t align = alignof(max_align_t);

	if (n > arena->max)
		return ERR_TOO_LARGE;
	n = (n + align - 1) / align * align;
	if (arena->chunks == NULL || arena->chunks->room - arena->chunks->used < n)
		TRY(chunk_new(arena, n));
	*ret = arena->chunks->p + arena->chunks->used;
	arena->chunks->used += n;
	return OK;
}

enum err arena_dup(struct arena *arena, struct bytes from, struct bytes *ret)
{
	void *p = NULL;

	if (from.n > 0) {
		TRY(arena_take(arena, from.n, &p));
		memcpy(p, from.p, from.n);
	}
	*ret = (struct bytes){ p, from.n };
	return OK;
}
