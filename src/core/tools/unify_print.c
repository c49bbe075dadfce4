/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/jcs.h"
#include "codec/utf8.h"
#include "core/tools/unify.h"

static bool is_number(struct bytes text, bool fraction)
{
	size_t i = text.n > 0 && text.p[0] == '-' ? 1 : 0;
	const size_t first = i;

	while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
		i++;
	if (i == first || (text.p[first] == '0' && i > first + 1))
		return false;
	if (i == text.n)
		return !bytes_is(text, "-0");
	if (!fraction || text.p[i] != '.' || i + 1 == text.n)
		return false;
	for (i++; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	return !doc_number_whole(text);
}

/* A text as what its schema says it is. */
static enum err put_text(const struct yaml_node *schema, struct bytes text, bool nested,
			 struct dynbuf *out)
{
	const struct yaml_node *type = yaml_find(schema, "type");
	const struct bytes name = type == NULL ? str("") : type->text;

	if (bytes_is(name, "string")) {
		if (!utf8_ok(text))
			return ERR_MALFORMED;
		jcs_string(text, out);
		return OK;
	}
	if (bytes_is(name, "array") && !nested) {
		const struct yaml_node *items = yaml_find(schema, "items");
		bool more = true;
		dynbuf_u8(out, '[');
		for (bool first = true; more; first = false) {
			const size_t before = text.n;
			const struct bytes element = bytes_cut(&text, ',');
			more = element.n < before;
			if (!first)
				dynbuf_u8(out, ',');
			TRY(put_text(items, element, true, out));
		}
		dynbuf_u8(out, ']');
		return OK;
	}
	if ((bytes_is(name, "integer") && is_number(text, false)) ||
	    (bytes_is(name, "number") && is_number(text, true)) ||
	    (bytes_is(name, "boolean") && (bytes_is(text, "true") || bytes_is(text, "false")))) {
		dynbuf_bytes(out, text);
		return OK;
	}
	return ERR_MALFORMED;
}

static int compare_captures(const void *a, const void *b)
{
	const struct unify_capture *x = a, *y = b;
	const size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	const int order = memcmp(x->name.p, y->name.p, n);

	if (order != 0)
		return order;
	if (x->name.n != y->name.n)
		return x->name.n < y->name.n ? -1 : 1;
	/* elements keep their order: they lie in the request one behind the other */
	return (x->text.p > y->text.p) - (x->text.p < y->text.p);
}

static enum err put_capture(struct unify *unify, size_t i, size_t count, struct dynbuf *out)
{
	const struct unify_capture *capture = &unify->captures[i];
	const struct yaml_node *schema = value_property(unify->tool, capture->name);
	const struct yaml_node *items = yaml_find(schema, "items");

	jcs_string(capture->name, out);
	dynbuf_u8(out, ':');
	if (capture->node != DOC_NONE)
		return jcs_print(unify->body, capture->node, JCS_AS_IS, out);
	if (!capture->element)
		return put_text(schema, capture->text, false, out);
	dynbuf_u8(out, '[');
	for (size_t k = 0; k < count; k++) {
		if (k > 0)
			dynbuf_u8(out, ',');
		TRY(put_text(items, capture[k].text, true, out));
	}
	dynbuf_u8(out, ']');
	return OK;
}

enum err unify_print(struct unify *unify, struct dynbuf *out)
{
	struct unify_capture *captures = unify->captures;

	qsort(captures, unify->captures_n, sizeof *captures, compare_captures);
	dynbuf_u8(out, '{');
	for (size_t i = 0; i < unify->captures_n;) {
		size_t count = 1;
		while (i + count < unify->captures_n &&
		       bytes_eq(captures[i].name, captures[i + count].name))
			count++;
		/* one argument, several places, and only some of them lists */
		for (size_t k = 0; count > 1 && k < count; k++)
			if (!captures[i + k].element)
				return ERR_MALFORMED;
		if (i > 0)
			dynbuf_u8(out, ',');
		TRY(put_capture(unify, i, count, out));
		i += count;
	}
	dynbuf_u8(out, '}');
	return dynbuf_err(out);
}
