/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/summary.h"

#include "codec/utf8.h"

struct range {
	uint32_t from, to;
};

/* Code points that a person does not see, or that change what stands beside them: Unicode's
 * categories Cc, Cf, Zl and Zp, fillers, and variation selectors that carry hidden text. */
static const struct range hidden[] = {
	{ 0x0, 0x1f },	      { 0x7f, 0x9f },	     { 0xad, 0xad },	   { 0x34f, 0x34f },
	{ 0x600, 0x605 },     { 0x61c, 0x61c },	     { 0x6dd, 0x6dd },	   { 0x70f, 0x70f },
	{ 0x890, 0x891 },     { 0x8e2, 0x8e2 },	     { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f },   { 0x200b, 0x200f },    { 0x2028, 0x202e },   { 0x2060, 0x206f },
	{ 0x2800, 0x2800 },   { 0x3164, 0x3164 },    { 0xfe00, 0xfe0e },   { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },    { 0xfffe, 0xffff },   { 0x110bd, 0x110bd },
	{ 0x110cd, 0x110cd }, { 0x13430, 0x1343f },  { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

static bool is_hidden(uint32_t point)
{
	for (size_t i = 0; i < ARRAY_LEN(hidden) && point >= hidden[i].from; i++)
		if (point <= hidden[i].to)
			return true;
	return false;
}

static size_t count_points(struct bytes text)
{
	size_t count = 0;
	uint32_t point;

	for (; text.n > 0; count++) {
		size_t n = utf8_read(text, &point);
		n = n == 0 ? 1 : n;
		text = (struct bytes){ text.p + n, text.n - n };
	}
	return count;
}

void tools_visible(struct bytes text, size_t max, struct dynbuf *out)
{
	uint32_t point = 0;

	for (size_t shown = 0; text.n > 0; shown++) {
		if (shown == max) {
			dynbuf_printf(out, "\xe2\x80\xa6 [%zu more characters]",
				      count_points(text));
			return;
		}
		size_t n = utf8_read(text, &point);
		if (n == 0) {
			dynbuf_printf(out, "[byte %02X]", text.p[0]);
			n = 1;
		} else if (point == '\n') {
			dynbuf_str(out, "\xe2\x8f\x8e"); /* a return sign */
		} else if (is_hidden(point)) {
			dynbuf_printf(out, "[U+%04X]", (unsigned)point);
		} else {
			dynbuf_put(out, text.p, n);
		}
		text = (struct bytes){ text.p + n, text.n - n };
	}
}

static enum err put_place(const struct value_scope *scope, const struct template_part *part,
			  struct dynbuf *out)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = DOC_TEXT_MAX };
	struct value value;

	TRY(value_find(scope, part, &value));
	if (value.kind == VALUE_ABSENT) {
		dynbuf_str(out, "\xe2\x80\x93");
		return OK;
	}
	if (value.kind == VALUE_DOC && doc_kind(value.doc, value.node) != DOC_STRING) {
		tools_visible(doc_raw(value.doc, value.node), SUMMARY_VALUE_MAX, out);
		return OK;
	}
	TRY(value_text(&value, NULL, &text));
	TRY(dynbuf_err(&text));
	tools_visible(dynbuf_view(&text), SUMMARY_VALUE_MAX, out);
	return OK;
}

enum err tools_summary(const struct service_tool *tool, const struct doc *args, struct dynbuf *out)
{
	const struct tools_values values = { .args = args };
	const struct value_scope scope = { .tool = tool, .values = &values };
	struct bytes rest = tool->summary;
	struct template_part part;

	while (rest.n > 0) {
		if (template_next(&rest, &part) != OK)
			return FAULT_BUG;
		if (part.kind == TEMPLATE_LITERAL)
			dynbuf_bytes(out, part.text);
		else if (part.kind == TEMPLATE_NAME && value_property(tool, part.text) != NULL)
			TRY(put_place(&scope, &part, out));
		else
			return FAULT_BUG;
	}
	return dynbuf_err(out);
}
