/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_request - what a request to a GraphQL endpoint would have executed:
 * JSON bodies, batches of them, bare documents, parameters of a GET.
 *
 * It is understood only if every server would execute the same: a member that is
 * not known (the hash or id of a persisted query, in whatever form), a document
 * that cannot be parsed, an operation that is not there leave it not understood,
 * and then it counts as a write of anything.
 */

#include "base/arena.h"
#include "codec/graphql.h"

enum { GRAPHQL_BATCH_MAX = 32, GRAPHQL_FOUND_MAX = 128, GRAPHQL_MEMORY_MAX = 1024 * 1024 };

struct graphql_found {
	enum graphql_type type;
	struct bytes name;
};

struct graphql_facts {
	bool understood;
	size_t fields_n;
	struct graphql_found fields[GRAPHQL_FOUND_MAX]; /* at the root of what is executed */
	struct arena memory;				/* owns the names */
	struct graphql document;			/* room to work in */
};

void graphql_facts_init(struct graphql_facts *facts);
void graphql_facts_done(struct graphql_facts *facts);

/* Each adds to what is known, and @facts->understood is false from the first that is not. What is
 * not understood is no error: FAULT_NOMEM alone. */
must_check enum err graphql_request_json(struct bytes body, struct graphql_facts *facts);
/* @operation p = NULL: not named. */
must_check enum err graphql_request_text(struct bytes document, struct bytes operation,
					 struct graphql_facts *facts);
/* Whether all that is executed is a query. */
bool graphql_only_reads(const struct graphql_facts *facts);
