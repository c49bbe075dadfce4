/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/doc_text.h"
#include "codec/schema_rule.h"

enum { TEXT_MAX = 2048 };

static bool digits(struct bytes text, size_t at, size_t n, unsigned *ret)
{
	unsigned v = 0;

	if (text.n < at + n)
		return false;
	for (size_t i = at; i < at + n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(text.p[i] - '0');
	}
	*ret = v;
	return true;
}

static bool letter_is(struct bytes text, size_t at, char c)
{
	return at < text.n && text.p[at] == (uint8_t)c;
}

/* RFC 3339 5.6 full-date at the beginning of @text. */
static bool begins_date(struct bytes text)
{
	static const unsigned days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;

	if (!digits(text, 0, 4, &year) || !letter_is(text, 4, '-') || !digits(text, 5, 2, &month) ||
	    !letter_is(text, 7, '-') || !digits(text, 8, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month != 2 || day < 29 || leap;
}

static bool is_date(struct bytes text)
{
	return text.n == 10 && begins_date(text);
}

/* The rest behind the seconds: a fraction, then Z or an offset. */
static bool is_offset(struct bytes text, size_t at)
{
	unsigned hour, minute;

	if (letter_is(text, at, '.')) {
		const size_t from = ++at;
		while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9')
			at++;
		if (at == from)
			return false;
	}
	if (letter_is(text, at, 'Z') || letter_is(text, at, 'z'))
		return at + 1 == text.n;
	return (letter_is(text, at, '+') || letter_is(text, at, '-')) && text.n == at + 6 &&
	       digits(text, at + 1, 2, &hour) && letter_is(text, at + 3, ':') &&
	       digits(text, at + 4, 2, &minute) && hour < 24 && minute < 60;
}

/* A leap second is none that every provider reads. */
static bool is_date_time(struct bytes text)
{
	unsigned hour, minute, second;

	return begins_date(text) && (letter_is(text, 10, 'T') || letter_is(text, 10, 't')) &&
	       digits(text, 11, 2, &hour) && letter_is(text, 13, ':') &&
	       digits(text, 14, 2, &minute) && letter_is(text, 16, ':') &&
	       digits(text, 17, 2, &second) && hour < 24 && minute < 60 && second < 60 &&
	       is_offset(text, 19);
}

static bool alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_domain(struct bytes text)
{
	size_t labels = 0;

	if (text.n == 0 || text.n > 253 || text.p[text.n - 1] == '.')
		return false;
	for (; text.n > 0; labels++) {
		const struct bytes label = bytes_cut(&text, '.');
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!alnum(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return labels > 0;
}

/* A dot-atom, an at sign, a domain: no quoting, no comments. */
static bool is_email(struct bytes text)
{
	struct bytes rest = text;
	const struct bytes local = bytes_cut(&rest, '@');
	bool dot = true;

	if (local.n == 0 || local.n == text.n || local.n > 64 || !is_domain(rest))
		return false;
	for (size_t i = 0; i < local.n; i++) {
		const uint8_t c = local.p[i];
		if (c == '.' ? dot
			     : !alnum(c) && (c == 0 || strchr("!#$%&'*+/=?^_`{|}~-", c) == NULL))
			return false;
		dot = c == '.';
	}
	return !dot;
}

static bool is_ipv4(struct bytes text)
{
	uint64_t part;
	size_t parts = 0;

	if (text.n == 0 || text.p[text.n - 1] == '.')
		return false;
	for (; text.n > 0; parts++)
		if (bytes_u64(bytes_cut(&text, '.'), 255, &part) != OK)
			return false;
	return parts == 4;
}

static bool hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 3986: a scheme and characters that a URI may have. */
static bool is_uri(struct bytes text)
{
	size_t i = 0;

	while (i < text.n && (alnum(text.p[i]) || (i > 0 && strchr("+-.", text.p[i]) != NULL)))
		i++;
	if (i == 0 || i + 1 >= text.n || text.p[i] != ':' || (text.p[0] >= '0' && text.p[0] <= '9'))
		return false;
	for (; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
			return false;
		if (c == '%' && (i + 2 >= text.n || !hex(text.p[i + 1]) || !hex(text.p[i + 2])))
			return false;
	}
	return true;
}

static bool is_uuid(struct bytes text)
{
	if (text.n != 36)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text.p[i] != '-' : !hex(text.p[i]))
			return false;
	}
	return true;
}

static const struct {
	const char *name;
	bool (*is)(struct bytes text);
} formats[] = {
	{ "date", is_date },   { "date-time", is_date_time },
	{ "email", is_email }, { "ipv4", is_ipv4 },
	{ "uri", is_uri },     { "uuid", is_uuid },
};

bool schema_format_find(const struct doc *doc, uint32_t name, uint64_t *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (doc_is(doc, name, str(formats[i].name))) {
			*ret = i;
			return true;
		}
	return false;
}

/* None of them needs an escape but for '/', which some writers escape. */
bool schema_format_ok(uint64_t format, const struct doc *doc, uint32_t node)
{
	uint8_t text[TEXT_MAX + 4];
	struct bytes plain = doc_plain(doc, node);

	if (plain.p == NULL) {
		size_t n = 0;
		for (struct bytes rest = doc_inside(doc, node); rest.n > 0 && n <= TEXT_MAX;)
			n += doc_text_put(doc_text_next(&rest), text + n);
		if (n > TEXT_MAX)
			return false;
		plain = (struct bytes){ text, n };
	}
	return plain.n > 0 && formats[format].is(plain);
}
