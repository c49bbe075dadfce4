/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "codec/graphql_request.h"
#include "codec/jcs.h"
#include "codec/schema.h"

/*
 * codec_harness - our codecs for peers.test.mjs, which compares them with those
 * of others. A line is a word and texts in hexadecimal; the answer is one line:
 *
 *   jcs VALUE             the canonical form in hexadecimal, or an error's name
 *   schema SCHEMA VALUE   valid, invalid, or an error's name
 *   graphql DOCUMENT      "sound|unsound TYPE:NAME:FIELD,FIELD …", or an error's name
 *   request BODY          "understood TYPE:FIELD …", or "unclear"
 */

static struct buf *text_of(struct bytes hex)
{
	struct buf *text = NULL;

	if (buf_new(hex.n / 2, &text) != OK || hex_parse(hex, text->p, text->n) != OK)
		abort();
	return text;
}

static void say_error(enum err err)
{
	puts(err_row(err)->name);
}

static void jcs(struct bytes value)
{
	scoped(doc_done) struct doc doc = { 0 };
	scoped(dynbuf_done) struct dynbuf out = { .max = DOC_TEXT_MAX };
	scoped(dynbuf_done) struct dynbuf hex = { .max = 2 * DOC_TEXT_MAX };
	enum err err = doc_read(value, &doc);

	if (err == OK)
		err = jcs_print(&doc, 0, JCS_ES, &out);
	if (err != OK) {
		say_error(err);
		return;
	}
	hex_print(dynbuf_view(&out), &hex);
	printf("%.*s\n", (int)hex.n, (const char *)hex.p);
}

static void schema(struct bytes text, struct bytes value)
{
	scoped(schema_free) struct schema *compiled = NULL;
	scoped(doc_done) struct doc doc = { 0 };
	enum err err = schema_compile(text, NULL, &compiled);

	if (err != OK) {
		say_error(err);
		return;
	}
	err = doc_read(value, &doc);
	if (err == OK)
		err = schema_check(compiled, &doc, 0, NULL);
	if (err == OK || err == ERR_MALFORMED)
		puts(err == OK ? "valid" : "invalid");
	else
		say_error(err);
}

static void graphql(struct bytes text)
{
	static struct graphql parsed;
	const enum err err = graphql_parse(text, &parsed);

	if (err != OK) {
		say_error(err);
		return;
	}
	fputs(parsed.sound ? "sound" : "unsound", stdout);
	for (size_t i = 0; i < parsed.operations_n; i++) {
		const struct graphql_operation *op = &parsed.operations[i];
		printf(" %s:%.*s:", graphql_type_name(op->type), (int)op->name.n,
		       op->name.n == 0 ? "" : (const char *)op->name.p);
		for (size_t k = 0; k < op->fields_n; k++)
			printf("%s%.*s", k == 0 ? "" : ",", (int)op->fields[k].n,
			       (const char *)op->fields[k].p);
	}
	puts("");
}

static void request(struct bytes body)
{
	static struct graphql_facts facts;

	graphql_facts_init(&facts);
	if (graphql_request_json(body, &facts) != OK)
		abort();
	fputs(facts.understood ? "understood" : "unclear", stdout);
	for (size_t i = 0; facts.understood && i < facts.fields_n; i++)
		printf(" %s:%.*s", graphql_type_name(facts.fields[i].type),
		       (int)facts.fields[i].name.n, (const char *)facts.fields[i].name.p);
	puts("");
	graphql_facts_done(&facts);
}

static void answer(struct bytes line)
{
	const struct bytes word = bytes_cut(&line, ' ');
	struct buf *first = text_of(bytes_cut(&line, ' ')), *second = text_of(line);

	if (bytes_is(word, "jcs"))
		jcs(buf_bytes(first));
	else if (bytes_is(word, "schema"))
		schema(buf_bytes(first), buf_bytes(second));
	else if (bytes_is(word, "request"))
		request(buf_bytes(first));
	else
		graphql(buf_bytes(first));
	buf_free(&first);
	buf_free(&second);
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, stdin)) > 0)
		answer((struct bytes){ (const uint8_t *)line, (size_t)n - (line[n - 1] == '\n') });
	free(line);
	return 0;
}
