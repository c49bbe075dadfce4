/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wiped.h"

#include <malloc.h>
#include <stdlib.h>

void wiped_reserve(struct dynbuf *d, size_t n)
{
	if (d->err != OK || d->room - d->n >= n)
		return;
	if (n > d->max - d->n) {
		d->err = ERR_TOO_LARGE;
		return;
	}
	size_t room = d->room < 1024 ? 1024 : d->room;
	while (room - d->n < n)
		room *= 2;
	uint8_t *p = malloc(room);
	if (p == NULL) {
		d->err = FAULT_NOMEM;
		return;
	}
	(void)put(p, d->p, d->n);
	if (d->p != NULL)
		wipe(d->p, d->n);
	free(d->p);
	d->p = p;
	d->room = room;
}

void wiped_put(struct dynbuf *d, struct bytes from)
{
	wiped_reserve(d, from.n);
	dynbuf_bytes(d, from);
}

void wiped_done(struct dynbuf *d)
{
	if (d->p != NULL)
		wipe(d->p, d->room);
	dynbuf_done(d);
}

void *wiped_malloc(size_t n)
{
	return malloc(n);
}

void *wiped_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void *wiped_realloc(void *p, size_t n)
{
	if (p == NULL)
		return malloc(n);
	const size_t old = malloc_usable_size(p);
	if (n <= old && n > old / 2)
		return p;
	void *fresh = malloc(n);
	if (fresh == NULL)
		return NULL;
	memcpy(fresh, p, old < n ? old : n);
	wiped_free(p);
	return fresh;
}

char *wiped_strdup(const char *s)
{
	return strdup(s);
}

void wiped_free(void *p)
{
	if (p != NULL)
		wipe(p, malloc_usable_size(p));
	free(p);
}
