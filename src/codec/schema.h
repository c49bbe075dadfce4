/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * schema - JSON Schema 2020-12, the part that describes arguments, compiled once
 * and checked against values as doc has them, to the last digit.
 *
 *  1. Keywords: type enum const; minimum maximum exclusiveMinimum exclusiveMaximum
 *     multipleOf; minLength maxLength format; items prefixItems minItems maxItems
 *     uniqueItems; properties required additionalProperties propertyNames
 *     minProperties maxProperties dependentRequired; allOf anyOf oneOf not
 *     if/then/else; $defs and $ref to "#" or "#/…" inside the same schema; and what
 *     only tells people something. Every other keyword is refused when compiled:
 *     one that were ignored would look as if it protected. No regular expression.
 *  2. Formats: date date-time email ipv4 uri uuid, and they are asserted.
 *  3. Checking ends: work and depth are bounded, and a $ref that leads back to
 *     itself without going deeper into the value is refused.
 */

#include "codec/doc.h"

enum {
	SCHEMA_TEXT_MAX = 256 * 1024,
	SCHEMA_DEPTH_MAX = 100,	  /* schemas applied inside each other */
	SCHEMA_WORK_MAX = 500000, /* rules and comparisons of one check */
	SCHEMA_WHERE_MAX = 256,
	SCHEMA_WHY_MAX = 256,
};

struct schema;

/* What is wrong, for a person or a model. */
struct schema_fault {
	char where[SCHEMA_WHERE_MAX]; /* JSON pointer, in the value or in the schema; cut with … */
	char why[SCHEMA_WHY_MAX];
};

/* Copies @text. ERR_MALFORMED (no schema), ERR_UNSUPPORTED (a keyword, format or reference that is
 * not known here), both with @fault filled; ERR_TOO_LARGE. */
must_check enum err schema_compile(struct bytes text, struct schema_fault *fault,
				   struct schema **ret);
void schema_free(struct schema **schemap);
/* As it was compiled. */
struct bytes schema_text(const struct schema *schema);

/* ERR_MALFORMED: the value is not valid, @fault says where and why first. ERR_TOO_LARGE: it would
 * take too much work. What is valid is checked without allocation. */
must_check enum err schema_check(const struct schema *schema, const struct doc *doc, uint32_t node,
				 struct schema_fault *fault);
