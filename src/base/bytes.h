/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* Borrowed bytes. Passed by value, never freed. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/* Owned bytes of a fixed size. */
struct buf {
	size_t n;
	uint8_t p[];
};

must_check enum err buf_new(size_t n, struct buf **ret);
must_check enum err buf_dup(struct bytes from, struct buf **ret);
void buf_free(struct buf **bufp);

/* Zeroes @n bytes in a way the optimiser keeps. */
void wipe(void *p, size_t n);

/* The bytes of a C string, without its end. NULL is empty. */
static inline struct bytes str(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, s == NULL ? 0 : strlen(s) };
}

static inline struct bytes buf_bytes(const struct buf *buf)
{
	return buf == NULL ? (struct bytes){ NULL, 0 } : (struct bytes){ buf->p, buf->n };
}

/* Compares what is not secret; for secrets there is secret_eq() and ct_eq(). */
static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_is(struct bytes a, const char *s)
{
	return bytes_eq(a, str(s));
}

/* Like strncasecmp over ASCII, whole length. */
bool bytes_caseis(struct bytes a, const char *s);
bool bytes_starts(struct bytes a, const char *prefix);

/* Splits @rest at the first @sep: answers what stands before it and moves @rest behind it. */
struct bytes bytes_cut(struct bytes *rest, uint8_t sep);

/* Copies into @to with an end mark. ERR_TOO_LARGE, ERR_MALFORMED (it holds a NUL). */
must_check enum err bytes_str(struct bytes from, char *to, size_t size);

/* A decimal number without sign or leading zeros, at most @max. ERR_MALFORMED. */
must_check enum err bytes_u64(struct bytes from, uint64_t max, uint64_t *ret);

/* Appends @n bytes at @to and returns the end. */
static inline uint8_t *put(uint8_t *to, const void *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n);
	return to + n;
}

static inline uint8_t *put_u32(uint8_t *to, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*to++ = (uint8_t)(v >> shift);
	return to;
}

static inline uint8_t *put_u64(uint8_t *to, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*to++ = (uint8_t)(v >> shift);
	return to;
}

static inline uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get_u64(const uint8_t *p)
{
	return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
}
