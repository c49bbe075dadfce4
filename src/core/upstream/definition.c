/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upstream/definition.h"

#include <string.h>

#include "codec/jcs.h"
#include "codec/utf8.h"
#include "core/upstream/params.h"
#include "crypto/crypto.h"

/* What shows nothing, or turns what stands beside it around. */
static const struct {
	uint32_t from, to;
} unseen[] = {
	{ 0x7f, 0x9f },	      { 0xad, 0xad },	    { 0x34f, 0x34f },	   { 0x61c, 0x61c },
	{ 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },	   { 0x200b, 0x200f },
	{ 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },	   { 0xe000, 0xf8ff },
	{ 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },	   { 0xfff0, 0xffff },
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

static bool is_unseen(uint32_t point)
{
	for (size_t i = 0; i < ARRAY_LEN(unseen); i++)
		if (point >= unseen[i].from && point <= unseen[i].to)
			return true;
	return false;
}

static void put_point(uint32_t point, struct dynbuf *out)
{
	if (point < 0x80)
		dynbuf_u8(out, (uint8_t)point);
	else if (point < 0x10000)
		dynbuf_printf(out, "\\u%04x", point);
	else
		dynbuf_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (point >> 10),
			      0xdc00 + (point & 0x3ff));
}

/* Canonical text escapes the quote, the backslash and control characters, nothing else: of those
 * the line's end and the tab stay. Answers how many bytes of @rest it was. */
static size_t put_escape(struct bytes rest, struct definition *d)
{
	const uint8_t c = rest.p[1];

	if (c == 'u') {
		d->hidden++;
		return 6;
	}
	if (c == 'b' || c == 'f')
		d->hidden++;
	else
		dynbuf_put(&d->text, rest.p, 2);
	return 2;
}

/* Appends canonical JSON, cleaned; of a string what goes beyond @max bytes is left out. */
static void put_clean(struct bytes rest, size_t max, struct definition *d)
{
	const size_t began = d->text.n;
	uint32_t point;

	while (rest.n > 0) {
		size_t n = rest.p[0] == '\\' ? 0 : utf8_read(rest, &point);
		if (n == 0)
			n = put_escape(rest, d);
		else if (is_unseen(point))
			d->hidden++;
		else
			put_point(point, &d->text);
		rest = (struct bytes){ rest.p + n, rest.n - n };
		if (d->text.n - began > max && rest.n > 1) {
			dynbuf_str(&d->text, " ...\"");
			return;
		}
	}
}

static bool word_ok(struct bytes word)
{
	for (size_t i = 0; i < word.n; i++) {
		const uint8_t c = word.p[i];
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return false;
	}
	return word.n > 0;
}

static bool name_ok(struct bytes name)
{
	if (name.n == 0 || name.n > DEFINITION_NAME_MAX || name.p[name.n - 1] == '.')
		return false;
	while (name.n > 0)
		if (!word_ok(bytes_cut(&name, '.')))
			return false;
	return true;
}

static bool is_kind(const struct doc *doc, uint32_t tool, const char *name, unsigned kind)
{
	const uint32_t node = doc_member(doc, tool, str(name));

	return node == DOC_NONE || doc_kind(doc, node) == kind;
}

static bool is_plain(const struct doc *doc, uint32_t name)
{
	struct bytes letters = doc_letters(doc, name);

	while (letters.n > 0) {
		const uint32_t point = doc_letter(&letters);
		if (point < ' ' || is_unseen(point))
			return false;
	}
	return true;
}

/* A member's name from which something were taken away would be another member. */
static bool names_plain(const struct doc *doc, uint32_t tool)
{
	for (uint32_t at = tool; at < doc->nodes[tool].next; at++) {
		if (doc_kind(doc, at) != DOC_OBJECT)
			continue;
		for (uint32_t name = at + 1; name < doc->nodes[at].next;
		     name = doc->nodes[name + 1].next)
			if (!is_plain(doc, name))
				return false;
	}
	return true;
}

static bool takes_object(const struct doc *doc, uint32_t tool)
{
	const uint32_t input = doc_member(doc, tool, str("inputSchema"));

	return doc_is(doc, doc_member(doc, input, str("type")), str("object"));
}

/* Whole numbers that no double holds have no canonical form: then as they stand. */
static enum err canonical(const struct doc *doc, uint32_t node, struct dynbuf *out)
{
	const size_t began = out->n;
	const enum err err = jcs_print(doc, node, JCS_ES, out);

	if (err != ERR_UNSUPPORTED)
		return err;
	out->n = began;
	return jcs_print(doc, node, JCS_AS_IS, out);
}

static void print_pin(struct bytes text, char to[static DEFINITION_PIN_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[SHA256_LEN];

	sha256_one(text, hash);
	for (size_t i = 0; i < sizeof hash; i++) {
		to[2 * i] = digits[hash[i] >> 4];
		to[2 * i + 1] = digits[hash[i] & 15];
	}
	to[DEFINITION_PIN_LEN] = 0;
}

static enum err show(const struct doc *doc, uint32_t tool, struct dynbuf *room,
		     struct definition *d)
{
	static const char *const members[] = { "annotations", "description",  "inputSchema",
					       "name",	      "outputSchema", "title" };
	bool first = true;

	dynbuf_u8(&d->text, '{');
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const uint32_t node = doc_member(doc, tool, str(members[i]));
		const bool says = i == 1;
		if (node == DOC_NONE)
			continue;
		dynbuf_reset(room);
		TRY(canonical(doc, node, room));
		dynbuf_printf(&d->text, "%s\"%s\":", first ? "" : ",", members[i]);
		put_clean(dynbuf_view(room), says ? DEFINITION_SAYS_MAX : DEFINITION_MAX, d);
		first = false;
	}
	dynbuf_u8(&d->text, '}');
	return dynbuf_err(&d->text);
}

/* Two members may have become one name. */
static enum err read_again(const struct definition *d)
{
	struct doc doc = { 0 };
	const enum err err = doc_read(dynbuf_view(&d->text), &doc);

	doc_done(&doc);
	return err;
}

enum err definition_read(const struct doc *doc, uint32_t tool, struct definition *ret)
{
	scoped(dynbuf_done) struct dynbuf room;
	const struct bytes name = doc_plain(doc, doc_member(doc, tool, str("name")));

	*ret = (struct definition){ 0 };
	dynbuf_init(&ret->text, DEFINITION_MAX);
	dynbuf_init(&room, DEFINITION_MAX);
	if (!name_ok(name) || !is_kind(doc, tool, "title", DOC_STRING) ||
	    !is_kind(doc, tool, "description", DOC_STRING) ||
	    !is_kind(doc, tool, "annotations", DOC_OBJECT) || !takes_object(doc, tool) ||
	    !names_plain(doc, tool))
		return ERR_MALFORMED;
	TRY(params_check(doc, doc_member(doc, tool, str("inputSchema"))));
	TRY(bytes_str(name, ret->name, sizeof ret->name));
	TRY(canonical(doc, tool, &room));
	print_pin(dynbuf_view(&room), ret->pin);
	TRY(show(doc, tool, &room, ret));
	return read_again(ret);
}

void definition_done(struct definition *definition)
{
	dynbuf_done(&definition->text);
}

static char plain(char c)
{
	const bool kept =
		(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

	return kept || c == 0 ? c : '_';
}

bool definition_names_meet(const char *a, const char *b)
{
	while (*a != 0 && plain(*a) == plain(*b)) {
		a++;
		b++;
	}
	return plain(*a) == plain(*b);
}
