/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql - executable documents of GraphQL (October 2021), parsed in full, and
 * what a policy needs to know of them: operations, their types, and the fields
 * at their root with aliases and fragments resolved.
 *
 *  1. The whole grammar of section 2 is checked; what is accepted here, a server
 *     accepts as the same document. Type system definitions are refused.
 *  2. Depth, tokens, definitions and fields are bounded.
 *  3. @skip and @include change nothing: a field that may be executed counts.
 */

#include "base/bytes.h"

enum {
	GRAPHQL_TEXT_MAX = 256 * 1024,
	GRAPHQL_TOKENS_MAX = 20000,
	GRAPHQL_DEPTH_MAX = 64,
	GRAPHQL_OPERATIONS_MAX = 16,
	GRAPHQL_FRAGMENTS_MAX = 512, /* a client made by a generator sends 150 */
	GRAPHQL_FIELDS_MAX = 64,     /* different ones at the root of one operation */
};

enum graphql_type { GRAPHQL_QUERY = 1, GRAPHQL_MUTATION, GRAPHQL_SUBSCRIPTION };

struct graphql_operation {
	enum graphql_type type;
	struct bytes name; /* n = 0: anonymous */
	size_t fields_n;
	struct bytes fields[GRAPHQL_FIELDS_MAX]; /* each once, in the order they are met */
};

struct graphql {
	/* No server executes a document that is not: it names a fragment that is not there, a name
	 * is there twice, or an anonymous operation is not alone (5.2.1, 5.2.2, 5.5.1.1, 5.5.2.1).
	 * Fields are then those that could be found. */
	bool sound;
	size_t operations_n;
	struct graphql_operation
		operations[GRAPHQL_OPERATIONS_MAX]; /* names borrow from the text */
};

/* @text is UTF-8. ERR_MALFORMED, ERR_UNSUPPORTED (a type system definition), ERR_TOO_LARGE. */
must_check enum err graphql_parse(struct bytes text, struct graphql *ret);
const char *graphql_type_name(enum graphql_type type);
