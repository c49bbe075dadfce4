/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dynbuf.h"

#include <stdio.h>
#include <stdlib.h>

void dynbuf_init(struct dynbuf *d, size_t max)
{
	*d = (struct dynbuf){ .max = max };
}

void dynbuf_done(struct dynbuf *d)
{
	free(d->p);
	*d = (struct dynbuf){ 0 };
}

void dynbuf_reset(struct dynbuf *d)
{
	d->n = 0;
	d->err = OK;
}

uint8_t *dynbuf_grow(struct dynbuf *d, size_t n)
{
	if (d->err != OK)
		return NULL;
	if (n > d->max - d->n) {
		d->err = ERR_TOO_LARGE;
		return NULL;
	}
	if (d->n + n > d->room) {
		size_t room = d->room < 128 ? 256 : d->room * 2;
		if (room < d->n + n)
			room = d->n + n;
		if (room > d->max)
			room = d->max;
		uint8_t *p = realloc(d->p, room);
		if (p == NULL) {
			d->err = FAULT_NOMEM;
			return NULL;
		}
		d->p = p;
		d->room = room;
	}
	uint8_t *at = d->p + d->n;
	d->n += n;
	return at;
}

void dynbuf_put(struct dynbuf *d, const void *p, size_t n)
{
	if (n == 0)
		return;
	uint8_t *at = dynbuf_grow(d, n);
	if (at != NULL)
		put(at, p, n);
}

void dynbuf_u8(struct dynbuf *d, uint8_t v)
{
	dynbuf_put(d, &v, 1);
}

void dynbuf_u32(struct dynbuf *d, uint32_t v)
{
	uint8_t *at = dynbuf_grow(d, 4);

	if (at != NULL)
		put_u32(at, v);
}

void dynbuf_u64(struct dynbuf *d, uint64_t v)
{
	uint8_t *at = dynbuf_grow(d, 8);

	if (at != NULL)
		put_u64(at, v);
}

void dynbuf_str(struct dynbuf *d, const char *s)
{
	dynbuf_put(d, s, strlen(s));
}

void dynbuf_bytes(struct dynbuf *d, struct bytes b)
{
	dynbuf_put(d, b.p, b.n);
}

void dynbuf_printf(struct dynbuf *d, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	if (d->err != OK)
		return;
	va_start(ap, fmt);
	const int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		d->err = FAULT_NOMEM;
		return;
	}
	dynbuf_put(d, text, (size_t)n);
	free(text);
}

void dynbuf_shift(struct dynbuf *d, size_t n)
{
	if (n >= d->n) {
		d->n = 0;
		return;
	}
	memmove(d->p, d->p + n, d->n - n);
	d->n -= n;
}
