/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/bytes.h"

/*
 * arena - memory with one common end: taken piece by piece, given back all at
 * once. What was in it is wiped when it ends, for rows hold people's names.
 */
struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t held, max;
};

void arena_init(struct arena *arena, size_t max);
void arena_done(struct arena *arena);
/* Ends everything taken; keeps one chunk of the ordinary size. */
void arena_reset(struct arena *arena);
/* Aligned for any object, not zeroed. FAULT_NOMEM, ERR_TOO_LARGE (the ceiling). */
must_check enum err arena_take(struct arena *arena, size_t n, void **ret);
must_check enum err arena_dup(struct arena *arena, struct bytes from, struct bytes *ret);
