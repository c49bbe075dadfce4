/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * wiped - a dynbuf for bytes that may be secret: it grows without leaving a copy
 * behind, and its memory is wiped when it ends. Codecs that print into a dynbuf
 * get one whose room was reserved, so that they never make it grow.
 */

#include "base/dynbuf.h"

/* Makes room for @n more bytes; a failure is kept in @d. */
void wiped_reserve(struct dynbuf *d, size_t n);
void wiped_put(struct dynbuf *d, struct bytes from);
/* Cleanup; safe on a zeroed one. */
void wiped_done(struct dynbuf *d);

/* malloc's family with a free that wipes, for libraries that take one. */
void *wiped_malloc(size_t n);
void *wiped_calloc(size_t n, size_t size);
void *wiped_realloc(void *p, size_t n);
char *wiped_strdup(const char *s);
void wiped_free(void *p);
