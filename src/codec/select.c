/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/select.h"

#include "codec/doc.h"

enum { WORDS_MAX = 16, NAME_MAX_BYTES = 128 };

/* Letters that need no escape in a JSON string, and no space. */
static bool is_word(struct bytes text)
{
	if (text.n == 0 || text.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '"' || text.p[i] == '\\')
			return false;
	return true;
}

static bool is_path(struct bytes text)
{
	size_t words = 0;

	if (!is_word(text) || text.p[text.n - 1] == '.')
		return false;
	while (text.n > 0)
		if (bytes_cut(&text, '.').n == 0 || ++words > WORDS_MAX)
			return false;
	return true;
}

static enum err add_field(struct select_fields *fields, struct bytes rest)
{
	const struct bytes name = bytes_cut(&rest, ' ');

	if (!is_word(name) || !is_path(rest))
		return ERR_MALFORMED;
	if (fields->n == SELECT_FIELDS_MAX)
		return ERR_TOO_LARGE;
	for (size_t i = 0; i < fields->n; i++)
		if (bytes_eq(fields->at[i].name, name))
			return ERR_MALFORMED;
	fields->at[fields->n++] = (struct select_field){ name, rest };
	return OK;
}

static enum err add_line(struct select *select, struct bytes line)
{
	const struct bytes word = bytes_cut(&line, ' ');

	if (bytes_is(word, "field"))
		return add_field(&select->fields, line);
	if (bytes_is(word, "beside"))
		return add_field(&select->beside, line);
	if (!bytes_is(word, "from") || select->from.n > 0 || select->fields.n > 0 ||
	    select->beside.n > 0 || !is_path(line))
		return ERR_MALFORMED;
	select->from = line;
	return OK;
}

enum err select_parse(struct bytes text, struct select *ret)
{
	if (text.n > SELECT_TEXT_MAX)
		return ERR_TOO_LARGE;
	*ret = (struct select){ 0 };
	while (text.n > 0)
		TRY(add_line(ret, bytes_cut(&text, '\n')));
	for (size_t i = 0; i < ret->beside.n; i++)
		if (bytes_is(ret->beside.at[i].name, "items"))
			return ERR_MALFORMED;
	return ret->fields.n > 0 ? OK : ERR_MALFORMED;
}

/* Members without the braces; @first says whether a comma comes before the first one. */
static void put_fields(const struct doc *doc, uint32_t at, const struct select_fields *fields,
		       struct dynbuf *out, bool first)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct select_field *field = &fields->at[i];
		const uint32_t value = doc_follow(doc, at, field->path);
		if (value == DOC_NONE)
			continue;
		dynbuf_str(out, first ? "\"" : ",\"");
		dynbuf_bytes(out, field->name);
		dynbuf_str(out, "\":");
		dynbuf_bytes(out, doc_raw(doc, value));
		first = false;
	}
}

static void put_object(const struct doc *doc, uint32_t at, const struct select_fields *fields,
		       struct dynbuf *out)
{
	dynbuf_u8(out, '{');
	put_fields(doc, at, fields, out, true);
	dynbuf_u8(out, '}');
}

static void put_selected(const struct doc *doc, const struct select *select, struct dynbuf *out)
{
	const uint32_t from = doc_follow(doc, 0, select->from);
	const unsigned kind = doc_kind(doc, from);

	if (kind == DOC_OBJECT) {
		put_object(doc, from, &select->fields, out);
		return;
	}
	if (kind != DOC_ARRAY) {
		dynbuf_str(out, "null");
		return;
	}
	dynbuf_u8(out, '[');
	for (uint32_t at = from + 1; at < doc->nodes[from].next && dynbuf_err(out) == OK;
	     at = doc->nodes[at].next) {
		if (at != from + 1)
			dynbuf_u8(out, ',');
		put_object(doc, at, &select->fields, out);
	}
	dynbuf_u8(out, ']');
}

enum err select_run(const struct select *select, struct bytes answer, struct dynbuf *out)
{
	scoped(doc_done) struct doc doc = { 0 };

	TRY(doc_read(answer, &doc));
	if (select->beside.n == 0) {
		put_selected(&doc, select, out);
		return dynbuf_err(out);
	}
	dynbuf_str(out, "{\"items\":");
	put_selected(&doc, select, out);
	put_fields(&doc, 0, &select->beside, out, false);
	dynbuf_u8(out, '}');
	return dynbuf_err(out);
}
