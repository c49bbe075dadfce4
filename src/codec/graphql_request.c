/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/graphql_request.h"

#include "codec/doc.h"

void graphql_facts_init(struct graphql_facts *facts)
{
	facts->understood = true;
	facts->fields_n = 0;
	arena_init(&facts->memory, GRAPHQL_MEMORY_MAX);
}

void graphql_facts_done(struct graphql_facts *facts)
{
	arena_done(&facts->memory);
}

static enum err add_field(struct graphql_facts *facts, enum graphql_type type, struct bytes name)
{
	struct graphql_found *to = &facts->fields[facts->fields_n];

	for (size_t i = 0; i < facts->fields_n; i++)
		if (facts->fields[i].type == type && bytes_eq(facts->fields[i].name, name))
			return OK;
	if (facts->fields_n == GRAPHQL_FOUND_MAX)
		return ERR_TOO_LARGE;
	to->type = type;
	TRY(arena_dup(&facts->memory, name, &to->name));
	facts->fields_n++;
	return OK;
}

/* Without a name every operation counts: a server refuses, or takes one of them. */
static enum err add_document(struct bytes text, struct bytes operation, struct graphql_facts *facts)
{
	struct graphql *document = &facts->document;
	size_t executed = 0;

	TRY(graphql_parse(text, document));
	if (!document->sound)
		return ERR_MALFORMED;
	for (size_t i = 0; i < document->operations_n; i++) {
		const struct graphql_operation *from = &document->operations[i];
		if (operation.p != NULL && !bytes_eq(from->name, operation))
			continue;
		executed++;
		for (size_t k = 0; k < from->fields_n; k++)
			TRY(add_field(facts, from->type, from->fields[k]));
	}
	return executed > 0 ? OK : ERR_MALFORMED;
}

/* Every answer that is no fault means: not understood. */
static enum err note(struct graphql_facts *facts, enum err err)
{
	if (err > OK) {
		facts->understood = false;
		return OK;
	}
	return err;
}

enum err graphql_request_text(struct bytes document, struct bytes operation,
			      struct graphql_facts *facts)
{
	return note(facts, add_document(document, operation, facts));
}

static bool is_known(const struct doc *doc, uint32_t name)
{
	static const char *const members[] = { "query", "variables", "operationName" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (doc_is(doc, name, str(members[i])))
			return true;
	/* clients send it empty; with anything in it, it may say what to execute instead */
	return doc_is(doc, name, str("extensions")) &&
	       (doc_kind(doc, name + 1) == DOC_NULL ||
		(doc_kind(doc, name + 1) == DOC_OBJECT && doc->nodes[name + 1].count == 0));
}

static enum err read_name(const struct doc *doc, uint32_t node, struct dynbuf *text,
			  struct bytes *ret)
{
	*ret = (struct bytes){ NULL, 0 };
	if (node == DOC_NONE || doc_kind(doc, node) == DOC_NULL)
		return OK;
	TRY(doc_string(doc, node, text));
	TRY(dynbuf_err(text));
	/* an empty name is none for some servers and an unknown one for others */
	if (text->n == 0)
		return ERR_MALFORMED;
	*ret = dynbuf_view(text);
	return OK;
}

static enum err add_object(const struct doc *doc, uint32_t object, struct graphql_facts *facts)
{
	scoped(dynbuf_done) struct dynbuf query = { .max = GRAPHQL_TEXT_MAX };
	scoped(dynbuf_done) struct dynbuf name = { .max = 1024 };
	struct bytes operation;

	if (doc_kind(doc, object) != DOC_OBJECT)
		return ERR_MALFORMED;
	for (uint32_t at = object + 1; at < doc->nodes[object].next; at = doc->nodes[at + 1].next)
		if (!is_known(doc, at))
			return ERR_UNSUPPORTED;
	TRY(doc_string(doc, doc_member(doc, object, str("query")), &query));
	TRY(dynbuf_err(&query));
	TRY(read_name(doc, doc_member(doc, object, str("operationName")), &name, &operation));
	return add_document(dynbuf_view(&query), operation, facts);
}

static enum err add_json(struct bytes body, struct graphql_facts *facts)
{
	scoped(doc_done) struct doc doc = { 0 };

	TRY(doc_read(body, &doc));
	if (doc_kind(&doc, 0) != DOC_ARRAY)
		return add_object(&doc, 0, facts);
	if (doc.nodes[0].count == 0 || doc.nodes[0].count > GRAPHQL_BATCH_MAX)
		return ERR_MALFORMED;
	for (uint32_t at = 1; at < doc.n; at = doc.nodes[at].next)
		TRY(add_object(&doc, at, facts));
	return OK;
}

enum err graphql_request_json(struct bytes body, struct graphql_facts *facts)
{
	return note(facts, add_json(body, facts));
}

bool graphql_only_reads(const struct graphql_facts *facts)
{
	if (!facts->understood || facts->fields_n == 0)
		return false;
	for (size_t i = 0; i < facts->fields_n; i++)
		if (facts->fields[i].type != GRAPHQL_QUERY)
			return false;
	return true;
}
