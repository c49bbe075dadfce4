/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/doc.h"

#include "codec/doc_text.h"

/* UTF-16 puts what needs a surrogate pair before U+E000. */
static uint32_t utf16_rank(uint32_t point)
{
	if (point >= 0x10000)
		return point - 0x10000 + 0xe000;
	return point >= 0xe000 ? point + 0x110000 : point;
}

int doc_string_compare(const struct doc *a, uint32_t at_a, const struct doc *b, uint32_t at_b)
{
	struct bytes x = doc_inside(a, at_a), y = doc_inside(b, at_b);

	while (x.n > 0 && y.n > 0) {
		if (x.p[0] == y.p[0] && x.p[0] < 0x80 && x.p[0] != '\\') {
			x = (struct bytes){ x.p + 1, x.n - 1 };
			y = (struct bytes){ y.p + 1, y.n - 1 };
			continue;
		}
		const uint32_t p = utf16_rank(doc_text_next(&x)), q = utf16_rank(doc_text_next(&y));
		if (p != q)
			return p < q ? -1 : 1;
	}
	return x.n > 0 ? 1 : y.n > 0 ? -1 : 0;
}

/* A number as sign, digits without zeros at either end, and the place of the point: its value is
 * 0.DIGITS times ten to the @exponent. */
struct decimal {
	bool negative;
	struct bytes whole, fraction; /* together the digits */
	size_t first, count;	      /* which of them count; 0: the number is zero */
	int64_t exponent;
};

static uint8_t digit_at(const struct decimal *d, size_t i)
{
	return i < d->whole.n ? d->whole.p[i] : d->fraction.p[i - d->whole.n];
}

static struct decimal decimal_of(struct bytes text)
{
	struct decimal d = { .negative = text.n > 0 && text.p[0] == '-' };
	const uint8_t *p = text.p + d.negative, *end = text.p + text.n;
	int64_t shift = 0;

	const uint8_t *at = doc_text_digits(p, end);
	d.whole = (struct bytes){ p, (size_t)(at - p) };
	if (at < end && *at == '.') {
		p = at + 1;
		at = doc_text_digits(p, end);
		d.fraction = (struct bytes){ p, (size_t)(at - p) };
	}
	if (at < end) {
		const bool down = at[1] == '-';
		at += at[1] == '-' || at[1] == '+' ? 2 : 1;
		for (; at < end; at++)
			shift = shift * 10 + (*at - '0');
		shift = down ? -shift : shift;
	}
	const size_t n = d.whole.n + d.fraction.n;
	while (d.first < n && digit_at(&d, d.first) == '0')
		d.first++;
	d.count = n - d.first;
	while (d.count > 0 && digit_at(&d, d.first + d.count - 1) == '0')
		d.count--;
	d.exponent = (int64_t)d.whole.n - (int64_t)d.first + shift;
	return d;
}

static int magnitude_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->count == 0 || b->count == 0)
		return (a->count > 0) - (b->count > 0);
	if (a->exponent != b->exponent)
		return a->exponent < b->exponent ? -1 : 1;
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		const int difference = digit_at(a, a->first + i) - digit_at(b, b->first + i);
		if (difference != 0)
			return difference < 0 ? -1 : 1;
	}
	return (a->count > b->count) - (a->count < b->count);
}

int doc_number_compare(struct bytes a, struct bytes b)
{
	const struct decimal x = decimal_of(a), y = decimal_of(b);

	if (x.count == 0 && y.count == 0)
		return 0;
	const bool x_below = x.negative && x.count > 0, y_below = y.negative && y.count > 0;
	if (x_below != y_below)
		return x_below ? -1 : 1;
	return x_below ? magnitude_compare(&y, &x) : magnitude_compare(&x, &y);
}

bool doc_number_whole(struct bytes number)
{
	const struct decimal d = decimal_of(number);

	return d.count == 0 || d.exponent >= (int64_t)d.count;
}

size_t doc_number_digits(struct bytes number)
{
	return decimal_of(number).count;
}

static uint64_t times_mod(uint64_t a, uint64_t b, uint64_t mod)
{
	return (uint64_t)((unsigned __int128)a * b % mod);
}

bool doc_number_multiple(struct bytes number, struct bytes of)
{
	const struct decimal d = decimal_of(number), m = decimal_of(of);
	uint64_t mod = 0, left = 0, ten;

	if (d.count == 0 || m.count == 0)
		return d.count == 0;
	/* both as whole numbers without zeros at their end, times a power of ten */
	int64_t power = (d.exponent - (int64_t)d.count) - (m.exponent - (int64_t)m.count);
	if (power < 0)
		return false;
	for (size_t i = 0; i < m.count; i++)
		mod = mod * 10 + (uint64_t)(digit_at(&m, m.first + i) - '0');
	for (size_t i = 0; i < d.count; i++)
		left = (times_mod(left, 10, mod) + (uint64_t)(digit_at(&d, d.first + i) - '0')) %
		       mod;
	for (ten = 10 % mod; power > 0; power /= 2, ten = times_mod(ten, ten, mod))
		if (power % 2 == 1)
			left = times_mod(left, ten, mod);
	return left == 0;
}

struct twins {
	const struct doc *a, *b;
	size_t *work;
};

static enum err equal(const struct twins *t, uint32_t x, uint32_t y, bool *ret);

static enum err equal_arrays(const struct twins *t, uint32_t x, uint32_t y, bool *ret)
{
	const uint32_t end = t->a->nodes[x].next;

	for (x++, y++; x < end && *ret; x = t->a->nodes[x].next, y = t->b->nodes[y].next)
		TRY(equal(t, x, y, ret));
	return OK;
}

/* Where the member of @object with the name at @name of the other text is; it is most often where
 * it is there. */
static enum err find_twin(const struct twins *t, uint32_t name, uint32_t object, uint32_t *at)
{
	const uint32_t begin = object + 1, end = t->b->nodes[object].next, from = *at;

	do {
		if (*t->work == 0)
			return ERR_TOO_LARGE;
		--*t->work;
		if (doc_string_compare(t->a, name, t->b, *at) == 0)
			return OK;
		*at = t->b->nodes[*at + 1].next;
		if (*at == end)
			*at = begin;
	} while (*at != from);
	*at = DOC_NONE;
	return OK;
}

static enum err equal_objects(const struct twins *t, uint32_t x, uint32_t y, bool *ret)
{
	const uint32_t end = t->a->nodes[x].next, end_y = t->b->nodes[y].next;
	uint32_t twin = y + 1;

	for (uint32_t name = x + 1; name < end && *ret; name = t->a->nodes[name + 1].next) {
		TRY(find_twin(t, name, y, &twin));
		if (twin == DOC_NONE) {
			*ret = false;
			return OK;
		}
		TRY(equal(t, name + 1, twin + 1, ret));
		twin = t->b->nodes[twin + 1].next;
		if (twin == end_y)
			twin = y + 1;
	}
	return OK;
}

static enum err equal(const struct twins *t, uint32_t x, uint32_t y, bool *ret)
{
	const struct doc_node *a = &t->a->nodes[x], *b = &t->b->nodes[y];

	if (*t->work == 0)
		return ERR_TOO_LARGE;
	--*t->work;
	*ret = a->kind == b->kind && a->count == b->count;
	if (!*ret)
		return OK;
	switch ((enum doc_kind)a->kind) {
	case DOC_NULL:
	case DOC_TRUE:
	case DOC_FALSE:
		return OK;
	case DOC_NUMBER:
		*ret = doc_number_compare(doc_raw(t->a, x), doc_raw(t->b, y)) == 0;
		return OK;
	case DOC_STRING:
		*ret = doc_string_compare(t->a, x, t->b, y) == 0;
		return OK;
	case DOC_ARRAY:
		return equal_arrays(t, x, y, ret);
	case DOC_OBJECT:
		return equal_objects(t, x, y, ret);
	}
	return FAULT_BUG;
}

enum err doc_equal(const struct doc *a, uint32_t at_a, const struct doc *b, uint32_t at_b,
		   size_t *work, bool *ret)
{
	const struct twins t = { a, b, work };
	bool same = true;

	if (at_a >= a->n || at_b >= b->n)
		same = false;
	else
		TRY(equal(&t, at_a, at_b, &same));
	*ret = same;
	return OK;
}
