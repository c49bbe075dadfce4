/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jcs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/doc_text.h"

enum { NUMBER_MAX_BYTES = 400, DIGITS_MAX = 17, TEXT_MAX = DIGITS_MAX + 16, FEW_MEMBERS = 32 };

struct printer {
	const struct doc *doc;
	struct dynbuf *out;
	enum jcs_numbers numbers;
};

static void put_control(uint8_t c, struct dynbuf *out)
{
	static const char from[] = "\b\t\n\f\r";
	static const char to[] = "btnfr";
	static const char hex[] = "0123456789abcdef";
	const char *at = c == 0 ? NULL : strchr(from, c);

	dynbuf_u8(out, '\\');
	if (at != NULL) {
		dynbuf_u8(out, (uint8_t)to[at - from]);
		return;
	}
	dynbuf_str(out, "u00");
	dynbuf_u8(out, (uint8_t)hex[c >> 4]);
	dynbuf_u8(out, (uint8_t)hex[c & 15]);
}

void jcs_string(struct bytes text, struct dynbuf *out)
{
	size_t from = 0;

	dynbuf_u8(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		dynbuf_put(out, text.p + from, i - from);
		from = i + 1;
		if (c < 0x20) {
			put_control(c, out);
		} else {
			dynbuf_u8(out, '\\');
			dynbuf_u8(out, c);
		}
	}
	dynbuf_put(out, text.p + from, text.n - from);
	dynbuf_u8(out, '"');
}

static void put_point(uint32_t point, struct dynbuf *out)
{
	uint8_t utf8[4];
	const size_t n = doc_text_put(point, utf8);

	if (point < 0x20) {
		put_control((uint8_t)point, out);
		return;
	}
	if (point == '"' || point == '\\')
		dynbuf_u8(out, '\\');
	dynbuf_put(out, utf8, n);
}

static void put_string(const struct printer *p, uint32_t node)
{
	if (!p->doc->nodes[node].escaped) {
		dynbuf_bytes(p->out, doc_raw(p->doc, node));
		return;
	}
	dynbuf_u8(p->out, '"');
	for (struct bytes rest = doc_inside(p->doc, node); rest.n > 0;)
		put_point(doc_text_next(&rest), p->out);
	dynbuf_u8(p->out, '"');
}

static bool leads_back(const char *text, double value)
{
	const double back = strtod(text, NULL);

	return back >= value && back <= value;
}

/* Adds one to the last digit of "d.ddde…"; false where that would make another digit. */
static bool round_up(char *text)
{
	char *last = strchr(text, 'e') - 1;

	while (last > text && (*last == '9' || *last == '.')) {
		if (*last == '9')
			*last = '0';
		last--;
	}
	if (*last == '9')
		return false;
	++*last;
	return true;
}

/* As few digits as lead back to @value. Above a power of two doubles lie further apart than below:
 * there a number that is not the nearest of its length may be the only one. */
static void shortest_text(double value, char text[static TEXT_MAX])
{
	char above[TEXT_MAX];
	int exponent;
	const double half = frexp(value, &exponent);
	const bool edge = half <= 0.5;

	for (int n = 0; n < DIGITS_MAX; n++) {
		snprintf(text, TEXT_MAX, "%.*e", n, value);
		if (leads_back(text, value))
			return;
		put((uint8_t *)above, text, TEXT_MAX);
		if (edge && round_up(above) && leads_back(above, value)) {
			put((uint8_t *)text, above, TEXT_MAX);
			return;
		}
	}
}

/* The digits of @value without the point, and the power of ten of the first one. @value is above
 * zero. */
static int shortest_digits(double value, char digits[static DIGITS_MAX + 1])
{
	char text[TEXT_MAX];
	size_t n = 0;

	shortest_text(value, text);
	char *mark = strchr(text, 'e');
	for (const char *p = text; p < mark; p++)
		if (*p != '.')
			digits[n++] = *p;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = 0;
	return atoi(mark + 1);
}

static void put_zeros(struct dynbuf *out, int n)
{
	for (int i = 0; i < n; i++)
		dynbuf_u8(out, '0');
}

/* ECMAScript's Number::toString. */
static void put_double(double value, struct dynbuf *out)
{
	char digits[DIGITS_MAX + 1];

	if (value < 0) {
		dynbuf_u8(out, '-');
		value = -value;
	}
	if (value <= 0) {
		dynbuf_u8(out, '0');
		return;
	}
	const int power = shortest_digits(value, digits), count = (int)strlen(digits);
	if (power >= 21 || power < -6) {
		dynbuf_u8(out, (uint8_t)digits[0]);
		if (count > 1)
			dynbuf_printf(out, ".%s", digits + 1);
		dynbuf_printf(out, "e%c%d", power < 0 ? '-' : '+', abs(power));
	} else if (power < 0) {
		dynbuf_str(out, "0.");
		put_zeros(out, -power - 1);
		dynbuf_str(out, digits);
	} else if (count <= power + 1) {
		dynbuf_str(out, digits);
		put_zeros(out, power + 1 - count);
	} else {
		dynbuf_put(out, digits, (size_t)power + 1);
		dynbuf_printf(out, ".%s", digits + power + 1);
	}
}

static enum err put_number(const struct printer *p, uint32_t node)
{
	const struct bytes raw = doc_raw(p->doc, node);
	char text[NUMBER_MAX_BYTES + 1];

	if (p->numbers == JCS_AS_IS) {
		dynbuf_bytes(p->out, raw);
		return OK;
	}
	if (bytes_str(raw, text, sizeof text) != OK)
		return ERR_UNSUPPORTED;
	const double value = strtod(text, NULL);
	if (!isfinite(value))
		return ERR_UNSUPPORTED;
	const size_t before = p->out->n;
	put_double(value + 0.0, p->out);
	TRY(dynbuf_err(p->out));
	const struct bytes printed = { p->out->p + before, p->out->n - before };
	if (doc_number_whole(raw) && doc_number_compare(raw, printed) != 0)
		return ERR_UNSUPPORTED;
	return OK;
}

static int compare_names(const void *a, const void *b, void *printer)
{
	const struct doc *doc = ((const struct printer *)printer)->doc;

	return doc_string_compare(doc, *(const uint32_t *)a, doc, *(const uint32_t *)b);
}

static enum err put_value(const struct printer *p, uint32_t node);

static enum err put_sorted(const struct printer *p, uint32_t object, uint32_t *names)
{
	const uint32_t count = p->doc->nodes[object].count;
	uint32_t at = object + 1;
	struct printer copy = *p;

	for (uint32_t i = 0; i < count; i++) {
		names[i] = at;
		at = p->doc->nodes[at + 1].next;
	}
	qsort_r(names, count, sizeof *names, compare_names, &copy);
	dynbuf_u8(p->out, '{');
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			dynbuf_u8(p->out, ',');
		put_string(p, names[i]);
		dynbuf_u8(p->out, ':');
		TRY(put_value(p, names[i] + 1));
	}
	dynbuf_u8(p->out, '}');
	return OK;
}

static enum err put_object(const struct printer *p, uint32_t object)
{
	const uint32_t count = p->doc->nodes[object].count;
	uint32_t few[FEW_MEMBERS];

	if (count <= FEW_MEMBERS)
		return put_sorted(p, object, few);
	uint32_t *many = calloc(count, sizeof *many);
	if (many == NULL)
		return FAULT_NOMEM;
	const enum err err = put_sorted(p, object, many);
	free(many);
	return err;
}

static enum err put_array(const struct printer *p, uint32_t array)
{
	const uint32_t end = p->doc->nodes[array].next;

	dynbuf_u8(p->out, '[');
	for (uint32_t at = array + 1; at < end; at = p->doc->nodes[at].next) {
		if (at != array + 1)
			dynbuf_u8(p->out, ',');
		TRY(put_value(p, at));
	}
	dynbuf_u8(p->out, ']');
	return dynbuf_err(p->out);
}

static enum err put_value(const struct printer *p, uint32_t node)
{
	switch ((enum doc_kind)p->doc->nodes[node].kind) {
	case DOC_NULL:
	case DOC_TRUE:
	case DOC_FALSE:
		dynbuf_bytes(p->out, doc_raw(p->doc, node));
		return OK;
	case DOC_NUMBER:
		return put_number(p, node);
	case DOC_STRING:
		put_string(p, node);
		return OK;
	case DOC_ARRAY:
		return put_array(p, node);
	case DOC_OBJECT:
		return put_object(p, node);
	}
	return FAULT_BUG;
}

enum err jcs_print(const struct doc *doc, uint32_t node, enum jcs_numbers numbers,
		   struct dynbuf *out)
{
	const struct printer p = { doc, out, numbers };

	if (node >= doc->n)
		return FAULT_BUG;
	TRY(put_value(&p, node));
	return dynbuf_err(out);
}
