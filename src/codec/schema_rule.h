/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* schema_rule - what a schema is compiled to; for schema*.c alone. */

#include "codec/schema.h"

enum schema_keyword {
	SCHEMA_NOTE = 1, /* tells people something */
	SCHEMA_TYPE,
	SCHEMA_ENUM,
	SCHEMA_CONST,
	SCHEMA_MINIMUM,
	SCHEMA_MAXIMUM,
	SCHEMA_ABOVE,
	SCHEMA_BELOW,
	SCHEMA_MULTIPLE,
	SCHEMA_MIN_LENGTH,
	SCHEMA_MAX_LENGTH,
	SCHEMA_FORMAT,
	SCHEMA_ITEMS,
	SCHEMA_PREFIX,
	SCHEMA_MIN_ITEMS,
	SCHEMA_MAX_ITEMS,
	SCHEMA_UNIQUE,
	SCHEMA_PROPERTIES,
	SCHEMA_REQUIRED,
	SCHEMA_ADDITIONAL,
	SCHEMA_NAMES,
	SCHEMA_MIN_PROPERTIES,
	SCHEMA_MAX_PROPERTIES,
	SCHEMA_DEPENDENT,
	SCHEMA_ALL,
	SCHEMA_ANY,
	SCHEMA_ONE,
	SCHEMA_NOT,
	SCHEMA_IF,
	SCHEMA_BRANCH, /* then, else: read with their `if` */
	SCHEMA_REF,
	SCHEMA_DEFS,
};

/* One keyword of one schema. */
struct schema_rule {
	enum schema_keyword keyword;
	uint32_t value;	 /* node in the schema's text */
	uint64_t number; /* a count; bits of types; index of a format; of REF the node it names */
	uint32_t beside[2]; /* nodes: prefixItems of items, properties of additional…, then and else
			     */
};

/* The rules of the schema at one node of the text; those of true and false are none. */
struct schema_part {
	uint32_t first, count;
	uint8_t seen; /* while cycles are looked for */
};

struct schema {
	struct buf *text;
	struct doc doc;
	struct schema_part *parts; /* by node */
	struct schema_rule *rules;
	size_t rules_n;
};

/* Bits of types: those of enum doc_kind, and integer. */
enum { SCHEMA_INTEGER_BIT = 1 };

bool schema_format_find(const struct doc *doc, uint32_t name, uint64_t *ret);
bool schema_format_ok(uint64_t format, const struct doc *doc, uint32_t node);
