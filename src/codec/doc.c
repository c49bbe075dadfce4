/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/doc.h"

#include <stdlib.h>

#include "codec/doc_text.h"

enum { PAIRWISE_MAX = 24 }; /* members whose names are compared each with each */

struct reader {
	const uint8_t *p, *end, *text;
	struct doc *doc;
	size_t room;
	unsigned depth;
};

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static bool next_is(struct reader *r, uint8_t c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static enum err new_node(struct reader *r, enum doc_kind kind, uint32_t *ret)
{
	struct doc *doc = r->doc;

	if (doc->n == r->room) {
		if (r->room == DOC_NODES_MAX)
			return ERR_TOO_LARGE;
		size_t room = r->room == 0 ? (size_t)(r->end - r->text) / 16 + 16 : r->room * 2;
		if (room > DOC_NODES_MAX)
			room = DOC_NODES_MAX;
		struct doc_node *nodes = realloc(doc->nodes, room * sizeof *nodes);
		if (nodes == NULL)
			return FAULT_NOMEM;
		doc->nodes = nodes;
		r->room = room;
	}
	doc->nodes[doc->n] =
		(struct doc_node){ .at = (uint32_t)(r->p - r->text), .kind = (uint8_t)kind };
	*ret = (uint32_t)doc->n++;
	return OK;
}

static void end_node(struct reader *r, uint32_t at)
{
	struct doc_node *node = &r->doc->nodes[at];

	node->len = (uint32_t)(r->p - r->text) - node->at;
	node->next = (uint32_t)r->doc->n;
}

static enum err read_string(struct reader *r, uint32_t *ret)
{
	uint32_t at, point;
	bool escaped = false;

	TRY(new_node(r, DOC_STRING, &at));
	r->p++;
	for (;;) {
		r->p = doc_text_plain(r->p, r->end);
		if (r->p == r->end || *r->p < 0x20)
			return ERR_MALFORMED;
		if (*r->p == '"')
			break;
		if (*r->p == '\\') {
			r->p++;
			escaped = true;
			if (!doc_text_escape(&r->p, r->end, &point))
				return ERR_MALFORMED;
		} else if (!doc_text_utf8(&r->p, r->end, &point)) {
			return ERR_MALFORMED;
		}
	}
	r->p++;
	r->doc->nodes[at].escaped = escaped;
	end_node(r, at);
	*ret = at;
	return OK;
}

static enum err read_word(struct reader *r, const char *word, enum doc_kind kind)
{
	const size_t n = strlen(word);
	uint32_t at;

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return ERR_MALFORMED;
	TRY(new_node(r, kind, &at));
	r->p += n;
	end_node(r, at);
	return OK;
}

static enum err read_number(struct reader *r)
{
	const uint8_t *end = doc_text_number(r->p, r->end);
	uint32_t at;

	if (end == NULL)
		return ERR_MALFORMED;
	TRY(new_node(r, DOC_NUMBER, &at));
	r->p = end;
	end_node(r, at);
	return OK;
}

static int compare_names(const void *a, const void *b, void *doc)
{
	return doc_string_compare(doc, *(const uint32_t *)a, doc, *(const uint32_t *)b);
}

static enum err wide_names_differ(const struct doc *doc, uint32_t object, uint32_t count)
{
	uint32_t *names = calloc(count, sizeof *names);
	uint32_t at = object + 1;
	enum err err = OK;

	if (names == NULL)
		return FAULT_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		names[i] = at;
		at = doc->nodes[at + 1].next;
	}
	struct doc copy = *doc;
	qsort_r(names, count, sizeof *names, compare_names, &copy);
	for (uint32_t i = 1; i < count && err == OK; i++)
		if (doc_string_compare(doc, names[i - 1], doc, names[i]) == 0)
			err = ERR_MALFORMED;
	free(names);
	return err;
}

static bool same_name(const struct doc *doc, uint32_t a, uint32_t b)
{
	const struct doc_node *x = &doc->nodes[a], *y = &doc->nodes[b];

	if (!x->escaped && !y->escaped)
		return x->len == y->len &&
		       memcmp(doc->text.p + x->at, doc->text.p + y->at, x->len) == 0;
	return doc_string_compare(doc, a, doc, b) == 0;
}

static enum err names_differ(const struct doc *doc, uint32_t object, uint32_t count)
{
	uint32_t names[PAIRWISE_MAX];
	uint32_t at = object + 1;

	if (count > PAIRWISE_MAX)
		return wide_names_differ(doc, object, count);
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < i; j++)
			if (same_name(doc, at, names[j]))
				return ERR_MALFORMED;
		names[i] = at;
		at = doc->nodes[at + 1].next;
	}
	return OK;
}

static enum err read_value(struct reader *r);

static enum err read_array(struct reader *r, uint32_t at)
{
	uint32_t count = 0;

	if (next_is(r, ']'))
		return OK;
	do {
		TRY(read_value(r));
		count++;
	} while (next_is(r, ','));
	r->doc->nodes[at].count = count;
	return next_is(r, ']') ? OK : ERR_MALFORMED;
}

static enum err read_object(struct reader *r, uint32_t at)
{
	uint32_t count = 0, name;

	if (next_is(r, '}'))
		return OK;
	do {
		skip_space(r);
		if (r->p == r->end || *r->p != '"')
			return ERR_MALFORMED;
		TRY(read_string(r, &name));
		if (!next_is(r, ':'))
			return ERR_MALFORMED;
		TRY(read_value(r));
		count++;
	} while (next_is(r, ','));
	r->doc->nodes[at].count = count;
	return next_is(r, '}') ? names_differ(r->doc, at, count) : ERR_MALFORMED;
}

static enum err read_container(struct reader *r)
{
	const bool object = *r->p == '{';
	uint32_t at;

	if (r->depth == DOC_DEPTH_MAX)
		return ERR_TOO_LARGE;
	r->depth++;
	TRY(new_node(r, object ? DOC_OBJECT : DOC_ARRAY, &at));
	r->p++;
	TRY(object ? read_object(r, at) : read_array(r, at));
	r->depth--;
	end_node(r, at);
	return OK;
}

static enum err read_value(struct reader *r)
{
	uint32_t at;

	skip_space(r);
	if (r->p == r->end)
		return ERR_MALFORMED;
	switch (*r->p) {
	case '"':
		return read_string(r, &at);
	case '{':
	case '[':
		return read_container(r);
	case 't':
		return read_word(r, "true", DOC_TRUE);
	case 'f':
		return read_word(r, "false", DOC_FALSE);
	case 'n':
		return read_word(r, "null", DOC_NULL);
	default:
		return read_number(r);
	}
}

enum err doc_read(struct bytes text, struct doc *ret)
{
	struct doc doc = { .text = text };
	struct reader r = { .p = text.p, .end = text.p + text.n, .text = text.p, .doc = &doc };

	if (text.n > DOC_TEXT_MAX)
		return ERR_TOO_LARGE;
	if (text.n == 0)
		return ERR_MALFORMED;
	enum err err = read_value(&r);
	if (err == OK) {
		skip_space(&r);
		if (r.p != r.end)
			err = ERR_MALFORMED;
	}
	if (err != OK) {
		doc_done(&doc);
		return err;
	}
	*ret = doc;
	return OK;
}

void doc_done(struct doc *doc)
{
	free(doc->nodes);
	*doc = (struct doc){ 0 };
}

unsigned doc_kind(const struct doc *doc, uint32_t node)
{
	return node < doc->n ? doc->nodes[node].kind : 0;
}

struct bytes doc_raw(const struct doc *doc, uint32_t node)
{
	if (node >= doc->n)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ doc->text.p + doc->nodes[node].at, doc->nodes[node].len };
}

struct bytes doc_plain(const struct doc *doc, uint32_t node)
{
	if (doc_kind(doc, node) != DOC_STRING || doc->nodes[node].escaped)
		return (struct bytes){ NULL, 0 };
	return doc_inside(doc, node);
}

bool doc_is(const struct doc *doc, uint32_t node, struct bytes text)
{
	uint8_t out[4];

	if (doc_kind(doc, node) != DOC_STRING)
		return false;
	struct bytes rest = doc_inside(doc, node);
	if (!doc->nodes[node].escaped)
		return bytes_eq(rest, text);
	while (rest.n > 0) {
		const size_t n = doc_text_put(doc_text_next(&rest), out);
		if (text.n < n || memcmp(text.p, out, n) != 0)
			return false;
		text = (struct bytes){ text.p + n, text.n - n };
	}
	return text.n == 0;
}

enum err doc_string(const struct doc *doc, uint32_t node, struct dynbuf *append)
{
	uint8_t out[4];

	if (doc_kind(doc, node) != DOC_STRING)
		return ERR_MALFORMED;
	struct bytes rest = doc_inside(doc, node);
	if (!doc->nodes[node].escaped)
		dynbuf_bytes(append, rest);
	else
		while (rest.n > 0)
			dynbuf_put(append, out, doc_text_put(doc_text_next(&rest), out));
	return OK;
}

struct bytes doc_letters(const struct doc *doc, uint32_t node)
{
	return doc_kind(doc, node) == DOC_STRING ? doc_inside(doc, node)
						 : (struct bytes){ NULL, 0 };
}

uint32_t doc_letter(struct bytes *letters)
{
	return doc_text_next(letters);
}

size_t doc_length(const struct doc *doc, uint32_t node)
{
	size_t n = 0;

	if (doc_kind(doc, node) != DOC_STRING)
		return 0;
	for (struct bytes rest = doc_inside(doc, node); rest.n > 0; n++)
		doc_text_next(&rest);
	return n;
}

uint32_t doc_member(const struct doc *doc, uint32_t object, struct bytes name)
{
	if (doc_kind(doc, object) != DOC_OBJECT)
		return DOC_NONE;
	for (uint32_t at = object + 1; at < doc->nodes[object].next; at = doc->nodes[at + 1].next)
		if (doc_is(doc, at, name))
			return at + 1;
	return DOC_NONE;
}

uint32_t doc_element(const struct doc *doc, uint32_t array, size_t n)
{
	if (doc_kind(doc, array) != DOC_ARRAY || n >= doc->nodes[array].count)
		return DOC_NONE;
	uint32_t at = array + 1;
	while (n-- > 0)
		at = doc->nodes[at].next;
	return at;
}

/* The next byte of a pointer's part; -1 at its end, -2 for a '~' that escapes nothing. */
static int pointer_byte(struct bytes *part)
{
	if (part->n == 0)
		return -1;
	const uint8_t c = part->p[0];
	const size_t n = c == '~' ? 2 : 1;
	if (part->n < n || (c == '~' && part->p[1] != '0' && part->p[1] != '1'))
		return -2;
	const int byte = c != '~' ? c : part->p[1] == '0' ? '~' : '/';
	*part = (struct bytes){ part->p + n, part->n - n };
	return byte;
}

static bool name_is_part(const struct doc *doc, uint32_t node, struct bytes part)
{
	uint8_t out[4];

	for (struct bytes rest = doc_inside(doc, node); rest.n > 0;) {
		const size_t n = doc_text_put(doc_text_next(&rest), out);
		for (size_t i = 0; i < n; i++)
			if (pointer_byte(&part) != out[i])
				return false;
	}
	return part.n == 0;
}

static uint32_t pointer_step(const struct doc *doc, uint32_t at, struct bytes part)
{
	uint64_t n;

	if (doc_kind(doc, at) == DOC_ARRAY)
		return bytes_u64(part, DOC_NODES_MAX, &n) == OK ? doc_element(doc, at, (size_t)n)
								: DOC_NONE;
	if (doc_kind(doc, at) != DOC_OBJECT)
		return DOC_NONE;
	if (part.n == 0 || memchr(part.p, '~', part.n) == NULL)
		return doc_member(doc, at, part);
	for (uint32_t name = at + 1; name < doc->nodes[at].next; name = doc->nodes[name + 1].next)
		if (name_is_part(doc, name, part))
			return name + 1;
	return DOC_NONE;
}

uint32_t doc_pointer(const struct doc *doc, struct bytes pointer)
{
	uint32_t at = 0;

	if (doc->n == 0 || (pointer.n > 0 && pointer.p[0] != '/'))
		return DOC_NONE;
	while (pointer.n > 0 && at != DOC_NONE) {
		pointer = (struct bytes){ pointer.p + 1, pointer.n - 1 };
		size_t n = 0;
		while (n < pointer.n && pointer.p[n] != '/')
			n++;
		at = pointer_step(doc, at, (struct bytes){ pointer.p, n });
		pointer = (struct bytes){ pointer.p + n, pointer.n - n };
	}
	return at;
}

uint32_t doc_follow(const struct doc *doc, uint32_t at, struct bytes path)
{
	uint64_t n;

	while (path.n > 0 && at != DOC_NONE) {
		const struct bytes word = bytes_cut(&path, '.');
		if (doc_kind(doc, at) != DOC_ARRAY)
			at = doc_member(doc, at, word);
		else if (bytes_u64(word, DOC_NODES_MAX, &n) == OK)
			at = doc_element(doc, at, (size_t)n);
		else
			at = DOC_NONE;
	}
	return at;
}

static void put_step(const struct doc *doc, uint32_t name, struct dynbuf *out)
{
	uint8_t utf8[4];

	dynbuf_u8(out, '/');
	for (struct bytes rest = doc_inside(doc, name); rest.n > 0;) {
		const size_t n = doc_text_put(doc_text_next(&rest), utf8);
		if (utf8[0] == '~' || utf8[0] == '/')
			dynbuf_str(out, utf8[0] == '~' ? "~0" : "~1");
		else
			dynbuf_put(out, utf8, n);
	}
}

void doc_where(const struct doc *doc, uint32_t node, struct dynbuf *out)
{
	uint32_t at = 0;

	while (at < node && node < doc->nodes[at].next) {
		const bool object = doc->nodes[at].kind == DOC_OBJECT;
		uint32_t child = at + 1;
		for (uint32_t n = 0;; n++) {
			const uint32_t value = child + object;
			if (node < doc->nodes[value].next) {
				if (object)
					put_step(doc, child, out);
				else
					dynbuf_printf(out, "/%u", n);
				at = value;
				break;
			}
			child = doc->nodes[value].next;
		}
	}
}
