/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>

#include "base/bytes.h"

/*
 * dynbuf - bytes that grow up to a ceiling named when they begin.
 *
 * The first failure (no memory, ceiling reached) is kept: later appends do
 * nothing and dynbuf_err() answers it, so that a printer may append ten times
 * and ask once. A zeroed dynbuf has the ceiling 0 and takes nothing.
 */
struct dynbuf {
	uint8_t *p;
	size_t n, room, max;
	enum err err;
};

void dynbuf_init(struct dynbuf *d, size_t max);
/* Frees; safe on a zeroed one. Does not wipe: secrets live in struct secret. */
void dynbuf_done(struct dynbuf *d);
/* Empties it and keeps its memory. */
void dynbuf_reset(struct dynbuf *d);
void dynbuf_put(struct dynbuf *d, const void *p, size_t n);
void dynbuf_u8(struct dynbuf *d, uint8_t v);
void dynbuf_u32(struct dynbuf *d, uint32_t v);
void dynbuf_u64(struct dynbuf *d, uint64_t v);
void dynbuf_str(struct dynbuf *d, const char *s);
void dynbuf_bytes(struct dynbuf *d, struct bytes b);
void dynbuf_printf(struct dynbuf *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for @n more bytes, to be filled by the caller; NULL after a failure. */
uint8_t *dynbuf_grow(struct dynbuf *d, size_t n);
/* Drops the first @n bytes. */
void dynbuf_shift(struct dynbuf *d, size_t n);

/* What went wrong so far: OK, FAULT_NOMEM, ERR_TOO_LARGE. */
must_check static inline enum err dynbuf_err(const struct dynbuf *d)
{
	return d->err;
}

static inline struct bytes dynbuf_view(const struct dynbuf *d)
{
	return (struct bytes){ d->p, d->n };
}
