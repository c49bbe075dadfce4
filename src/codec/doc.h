/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * doc - a JSON text, checked and indexed where it lies, never converted.
 *
 *  1. What is read is one value of RFC 8259 with the demands of I-JSON (RFC 7493)
 *     that two readers could disagree about: valid UTF-8, no lone surrogate, no
 *     name twice in one object (compared unescaped).
 *  2. Numbers stay text: every digit is kept, and compared exactly. Only an
 *     exponent of more than DOC_EXPONENT_DIGITS digits is refused.
 *  3. Memory is one array of nodes in the order of the text; nothing is
 *     allocated per value.
 *
 * Node 0 is the root. The children of an array follow it; those of an object
 * are name, value, name, value. `next` steps over a whole value.
 */

#include "base/dynbuf.h"

enum doc_kind {
	DOC_NULL = 1,
	DOC_TRUE,
	DOC_FALSE,
	DOC_NUMBER,
	DOC_STRING,
	DOC_ARRAY,
	DOC_OBJECT,
};

enum {
	DOC_DEPTH_MAX = 32,
	DOC_TEXT_MAX = 4 * 1024 * 1024,
	DOC_NODES_MAX = 512 * 1024,
	DOC_EXPONENT_DIGITS = 9,
};

#define DOC_NONE UINT32_MAX

struct doc_node {
	uint32_t at, len; /* the raw slice; of a string with its quotes */
	uint32_t next;	  /* index behind the whole value */
	uint32_t count;	  /* elements of an array, members of an object */
	uint8_t kind;	  /* enum doc_kind */
	bool escaped;	  /* a string with a backslash in it */
};

struct doc {
	struct bytes text; /* borrowed */
	struct doc_node *nodes;
	size_t n;
};

/* Borrows @text. ERR_MALFORMED, ERR_TOO_LARGE (text, depth, nodes). */
must_check enum err doc_read(struct bytes text, struct doc *ret);
/* Safe on a zeroed one. */
void doc_done(struct doc *doc);

/* The following take DOC_NONE for a node and answer as for a value of another kind. */
uint32_t doc_member(const struct doc *doc, uint32_t object, struct bytes name); /* or DOC_NONE */
uint32_t doc_element(const struct doc *doc, uint32_t array, size_t n);		/* or DOC_NONE */
/* RFC 6901; DOC_NONE where it leads nowhere or is no pointer. */
uint32_t doc_pointer(const struct doc *doc, struct bytes pointer);
/* Words joined by dots, from @at on: members, and elements by number. */
uint32_t doc_follow(const struct doc *doc, uint32_t at, struct bytes path); /* or DOC_NONE */
/* 0 for DOC_NONE. */
unsigned doc_kind(const struct doc *doc, uint32_t node);
struct bytes doc_raw(const struct doc *doc, uint32_t node); /* p = NULL for DOC_NONE */

/* Appends the JSON pointer (RFC 6901) of a value, or of a member's name; errors stay in @out. */
void doc_where(const struct doc *doc, uint32_t node, struct dynbuf *out);
/* A string with exactly this text. */
bool doc_is(const struct doc *doc, uint32_t node, struct bytes text);
/* The text of a string that has no escapes, where it lies; p = NULL otherwise. */
struct bytes doc_plain(const struct doc *doc, uint32_t node);
/* A string read one code point at a time, without a copy: the letters begin with doc_letters() (p =
 * NULL: no string), and while n > 0 doc_letter() answers the next and steps over it. */
struct bytes doc_letters(const struct doc *doc, uint32_t node);
uint32_t doc_letter(struct bytes *letters);
/* Appends the text of a string, unescaped. ERR_MALFORMED (no string); @append keeps its own. */
must_check enum err doc_string(const struct doc *doc, uint32_t node, struct dynbuf *append);
/* Code points of a string; 0 of anything else. */
size_t doc_length(const struct doc *doc, uint32_t node);

/* Order of two strings (both must be) by UTF-16 code units, as RFC 8785 3.2.3 sorts; <0, 0, >0. */
int doc_string_compare(const struct doc *a, uint32_t at_a, const struct doc *b, uint32_t at_b);
/* Order of two JSON numbers by value, any number of digits: 1, 1.0 and 10e-1 are equal. */
int doc_number_compare(struct bytes a, struct bytes b);
/* Whether a JSON number has no fraction: 1.0 and 1e3 are whole. */
bool doc_number_whole(struct bytes number);
/* Whether @number is a whole multiple of @of, which is above 0 and has at most 18 digits. */
bool doc_number_multiple(struct bytes number, struct bytes of);
/* How many digits there are between the first and the last that is not 0. */
size_t doc_number_digits(struct bytes number);
/* Same JSON value: numbers by value, members in any order. Each comparison takes one from *@work;
 * ERR_TOO_LARGE when nothing is left, for wide objects in another order cost their square. */
must_check enum err doc_equal(const struct doc *a, uint32_t at_a, const struct doc *b,
			      uint32_t at_b, size_t *work, bool *ret);
