/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * json - RFC 8259 over jansson, strict and bounded: one value and nothing
 * after it, no byte order mark, valid UTF-8, no duplicate member, no NUL in a
 * string or name, no number that does not fit (integers are 64 bit; a real
 * must be finite). jansson's own type is used as it is; this header is how
 * text becomes one and back.
 */

#include <jansson.h>

#include "base/dynbuf.h"

enum { JSON_DEPTH_MAX = 32, JSON_STRINGS_MAX = 1000, JSON_TEXT_MAX = 1024 * 1024 };

struct json_limits {
	size_t text_max, strings_max;
	unsigned depth_max;
};

/* What requests get: depth 32, 1,000 strings and names, 1 MiB. */
extern const struct json_limits json_request_limits;

/* Cleanup for scoped(json_free) json_t *. */
static inline void json_free(json_t **valuep)
{
	json_decref(*valuep);
	*valuep = NULL;
}

/* Checks depth and count before it allocates. ERR_MALFORMED, ERR_TOO_LARGE. */
must_check enum err json_parse(struct bytes text, const struct json_limits *limits, json_t **ret);
/* Compact, members in the order they were set. Errors are kept in @out. */
void json_print(const json_t *value, struct dynbuf *out);
/* @text as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void json_print_string(struct bytes text, struct dynbuf *out);

/* Members of an object; absent and of another type are the same. Borrowed. */
struct bytes json_str(const json_t *object, const char *name); /* p = NULL if none */
bool json_int(const json_t *object, const char *name, int64_t *ret);
/* Follows "a.b.c" through objects; NULL if it leads nowhere. Borrowed. */
json_t *json_at(const json_t *object, struct bytes path);
json_t *json_of(struct bytes text); /* a new JSON string; NULL if no memory or no UTF-8 */

/* Answers the first member of @object that is not in @names, or NULL. */
const char *json_unknown(const json_t *object, const char *const *names, size_t count);
