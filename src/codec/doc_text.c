/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/doc_text.h"

#include "codec/base64.h"
#include "codec/utf8.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool hex4(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
	uint32_t v = 0;

	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		const int digit = hex_digit(p[i]);
		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*ret = v;
	return true;
}

/* Behind the backslash and the u: one code point, of a pair where it begins one. */
static bool read_unicode(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
	uint32_t high, low;

	if (!hex4(*p, end, &high))
		return false;
	*p += 4;
	*ret = high;
	if (high < 0xd800 || high > 0xdfff)
		return true;
	if (high > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
	    !hex4(*p + 2, end, &low) || low < 0xdc00 || low > 0xdfff)
		return false;
	*p += 6;
	*ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

bool doc_text_escape(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";

	if (*p == end)
		return false;
	const uint8_t c = *(*p)++;
	if (c == 'u')
		return read_unicode(p, end, ret);
	const char *at = c == 0 ? NULL : strchr(from, c);
	if (at == NULL)
		return false;
	*ret = (uint32_t)to[at - from];
	return true;
}

bool doc_text_utf8(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
	const size_t n = utf8_read((struct bytes){ *p, (size_t)(end - *p) }, ret);

	*p += n;
	return n > 0;
}

/* Steps over bytes that a string holds as they are, eight at a time. */
const uint8_t *doc_text_plain(const uint8_t *p, const uint8_t *end)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;

	while (end - p >= 8) {
		uint64_t v;
		put((uint8_t *)&v, p, 8);
		const uint64_t quote = v ^ (ones * '"'), back = v ^ (ones * '\\');
		if (((v | (v - ones * 0x20) | (quote - ones) | (back - ones)) & tops) != 0)
			break;
		p += 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

const uint8_t *doc_text_digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* Where a number that begins at @p ends; NULL if none does. */
const uint8_t *doc_text_number(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *from;

	if (p < end && *p == '-')
		p++;
	from = p;
	p = doc_text_digits(p, end);
	if (p == from || (*from == '0' && p - from > 1))
		return NULL;
	if (p < end && *p == '.') {
		from = ++p;
		p = doc_text_digits(p, end);
		if (p == from)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		from = p;
		p = doc_text_digits(p, end);
		if (p == from || p - from > DOC_EXPONENT_DIGITS)
			return NULL;
	}
	return p;
}

/* The next code point of a string that doc_read() has checked. */
uint32_t doc_text_next(struct bytes *rest)
{
	const uint8_t *p = rest->p, *end = rest->p + rest->n;
	uint32_t point = *p;
	bool good = true;

	if (point == '\\') {
		p++;
		good = doc_text_escape(&p, end, &point);
	} else if (point >= 0x80) {
		good = doc_text_utf8(&p, end, &point);
	} else {
		p++;
	}
	*rest = good ? (struct bytes){ p, (size_t)(end - p) } : (struct bytes){ end, 0 };
	return good ? point : 0xfffd;
}

size_t doc_text_put(uint32_t point, uint8_t to[static 4])
{
	if (point < 0x80) {
		to[0] = (uint8_t)point;
		return 1;
	}
	const size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--) {
		to[i] = (uint8_t)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	to[0] = (uint8_t)(lead[n] | point);
	return n;
}
