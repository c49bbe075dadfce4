/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* doc_text - the letters of JSON, for doc and its neighbours in this folder only. */

#include "codec/doc.h"

/* What stands between the quotes of a string. */
static inline struct bytes doc_inside(const struct doc *doc, uint32_t node)
{
	return (struct bytes){ doc->text.p + doc->nodes[node].at + 1, doc->nodes[node].len - 2 };
}

/* Steps over bytes that a string holds as they are. */
const uint8_t *doc_text_plain(const uint8_t *p, const uint8_t *end);
const uint8_t *doc_text_digits(const uint8_t *p, const uint8_t *end);
/* Where a number that begins at @p ends; NULL if none does. */
const uint8_t *doc_text_number(const uint8_t *p, const uint8_t *end);
/* Behind a backslash: one code point, of a pair where it begins one. */
bool doc_text_escape(const uint8_t **p, const uint8_t *end, uint32_t *ret);
/* One code point of more than one byte. */
bool doc_text_utf8(const uint8_t **p, const uint8_t *end, uint32_t *ret);
/* The next code point of what is inside a string that doc_read() has checked. */
uint32_t doc_text_next(struct bytes *rest);
/* Writes @point as UTF-8 and answers its length. */
size_t doc_text_put(uint32_t point, uint8_t to[static 4]);
