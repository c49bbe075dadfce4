/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * form - application/x-www-form-urlencoded (WHATWG URL 5; RFC 6749 appendix B)
 * and query strings. Only '&' separates; a bad percent sequence or a NUL is an
 * error, never passed through.
 */

#include "base/dynbuf.h"

enum { FORM_PAIRS_MAX = 100 };

struct form_pair {
	struct bytes name, value; /* decoded, in the form's own memory */
};

struct form {
	struct form_pair pairs[FORM_PAIRS_MAX];
	size_t n;
	struct buf *text;
};

/* ERR_MALFORMED, ERR_TOO_LARGE (more than FORM_PAIRS_MAX pairs). */
must_check enum err form_parse(struct bytes text, struct form *ret);
/* Wipes, for a form may hold secrets. Safe on a zeroed one. */
void form_done(struct form *form);
/* p = NULL if absent. */
struct bytes form_find(const struct form *form, const char *name);
/* How often @name is there: RFC 6749 3.1 forbids more than once. */
size_t form_count(const struct form *form, const char *name);
/* Appends "name=value" with '&' before it where @out is not empty; 0-9A-Za-z*-._ stay, space is
 * '+'. */
void form_add(struct dynbuf *out, const char *name, struct bytes value);
/* One value, encoded the same way (RFC 6749 2.3.1 for client id and secret). */
void form_encode(struct bytes value, struct dynbuf *out);
/* Undoes form_encode() in place: never longer. ERR_MALFORMED */
must_check enum err form_decode(uint8_t *p, size_t n, struct bytes *ret);
