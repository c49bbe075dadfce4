/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upstream/params.h"

#include <string.h>

#include "codec/base64.h"

#define PREFIX	 "mcp-param-"
#define SENTINEL "=?base64?"

/* A place in the schema, and the argument at it: DOC_NONE where there is none. */
struct walk {
	const struct doc *doc, *args;
	struct bytes names[PARAMS_MAX];
	size_t names_n;
	param_fn fn; /* NULL: only looked at */
	void *ctx;
};

static bool is_name(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f ||
		    strchr("\"(),/:;<=>?@[\\]{}", name.p[i]) != NULL)
			return false;
	return name.n > 0 && name.n <= PARAM_NAME_MAX;
}

static bool same_name(struct bytes a, struct bytes b)
{
	return a.n == b.n && strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0;
}

static bool is_primitive(const struct doc *doc, uint32_t schema)
{
	const uint32_t type = doc_member(doc, schema, str("type"));

	return doc_is(doc, type, str("string")) || doc_is(doc, type, str("integer")) ||
	       doc_is(doc, type, str("boolean"));
}

static bool goes_as_it_is(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] >= 0x7f)
			return false;
	if (text.n > 0 && (text.p[0] == ' ' || text.p[text.n - 1] == ' '))
		return false;
	return !bytes_starts(text, SENTINEL);
}

static enum err print_value(const struct walk *w, uint32_t value, struct dynbuf *out)
{
	scoped(dynbuf_done) struct dynbuf text;

	dynbuf_init(&text, PARAM_VALUE_MAX);
	switch (doc_kind(w->args, value)) {
	case DOC_STRING:
		TRY(doc_string(w->args, value, &text));
		break;
	case DOC_TRUE:
	case DOC_FALSE:
	case DOC_NUMBER:
		dynbuf_bytes(&text, doc_raw(w->args, value));
		break;
	default:
		return ERR_MALFORMED;
	}
	TRY(dynbuf_err(&text));
	if (goes_as_it_is(dynbuf_view(&text))) {
		dynbuf_bytes(out, dynbuf_view(&text));
	} else {
		dynbuf_str(out, SENTINEL);
		base64_print(dynbuf_view(&text), out);
		dynbuf_str(out, "?=");
	}
	return dynbuf_err(out);
}

static enum err take_header(struct walk *w, uint32_t schema, uint32_t name_node, uint32_t value)
{
	const struct bytes name = doc_plain(w->doc, name_node);
	char header[sizeof PREFIX + PARAM_NAME_MAX] = PREFIX;
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 2 * PARAM_VALUE_MAX);
	if (!is_name(name) || !is_primitive(w->doc, schema) || w->names_n == PARAMS_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; i < w->names_n; i++)
		if (same_name(w->names[i], name))
			return ERR_MALFORMED;
	w->names[w->names_n++] = name;
	if (w->fn == NULL || value == DOC_NONE || doc_kind(w->args, value) == DOC_NULL)
		return OK;
	TRY(print_value(w, value, &out));
	TRY(bytes_str(name, header + sizeof PREFIX - 1, PARAM_NAME_MAX + 1));
	return w->fn(w->ctx, header, dynbuf_view(&out));
}

/* Nothing in here may ask for a header: no argument stands at one known place for it. */
static enum err none_in(const struct doc *doc, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (doc_is(doc, i, str("x-mcp-header")))
			return ERR_MALFORMED;
	return OK;
}

static enum err walk(struct walk *w, uint32_t schema, uint32_t value);

static enum err walk_properties(struct walk *w, uint32_t properties, uint32_t value)
{
	const struct doc *doc = w->doc;
	uint32_t at = properties + 1;

	for (uint32_t i = 0; i < doc->nodes[properties].count; i++) {
		scoped(dynbuf_done) struct dynbuf name;
		dynbuf_init(&name, PARAM_VALUE_MAX);
		TRY(doc_string(doc, at, &name));
		TRY(dynbuf_err(&name));
		const uint32_t below = value == DOC_NONE
					       ? DOC_NONE
					       : doc_member(w->args, value, dynbuf_view(&name));
		TRY(walk(w, at + 1, below));
		at = doc->nodes[at + 1].next;
	}
	return OK;
}

/* As deep as DOC_DEPTH_MAX. */
static enum err walk(struct walk *w, uint32_t schema, uint32_t value)
{
	const struct doc *doc = w->doc;

	if (doc_kind(doc, schema) != DOC_OBJECT)
		return OK;
	uint32_t at = schema + 1;
	for (uint32_t i = 0; i < doc->nodes[schema].count; i++) {
		const uint32_t member = at + 1;
		if (doc_is(doc, at, str("x-mcp-header")))
			TRY(take_header(w, schema, member, value));
		else if (doc_is(doc, at, str("properties")) && doc_kind(doc, member) == DOC_OBJECT)
			TRY(walk_properties(w, member, value));
		else
			TRY(none_in(doc, member, doc->nodes[member].next));
		at = doc->nodes[member].next;
	}
	return OK;
}

enum err params_check(const struct doc *doc, uint32_t schema)
{
	struct walk w = { .doc = doc };

	return walk(&w, schema, DOC_NONE);
}

enum err params_each(const struct doc *doc, uint32_t schema, const struct doc *args, param_fn fn,
		     void *ctx)
{
	struct walk w = { .doc = doc, .args = args, .fn = fn, .ctx = ctx };

	return walk(&w, schema, 0);
}
