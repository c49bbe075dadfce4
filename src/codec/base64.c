/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t printed(size_t n, bool pad)
{
	return pad ? (n + 2) / 3 * 4 : n / 3 * 4 + (n % 3 == 0 ? 0 : n % 3 + 1);
}

static void print(struct bytes from, const char *alphabet, bool pad, struct dynbuf *out)
{
	const size_t whole = from.n / 3 * 3, left = from.n - whole;
	uint8_t *p = dynbuf_grow(out, printed(from.n, pad));

	if (p == NULL)
		return;
	for (size_t i = 0; i < whole; i += 3, p += 4) {
		const uint32_t v =
			(uint32_t)from.p[i] << 16 | (uint32_t)from.p[i + 1] << 8 | from.p[i + 2];
		for (unsigned k = 0; k < 4; k++)
			p[k] = (uint8_t)alphabet[v >> (18 - 6 * k) & 63];
	}
	if (left > 0) {
		const uint32_t v = (uint32_t)from.p[whole] << 16 |
				   (left > 1 ? (uint32_t)from.p[whole + 1] << 8 : 0);
		for (unsigned k = 0; k < left + 1; k++)
			p[k] = (uint8_t)alphabet[v >> (18 - 6 * k) & 63];
		for (size_t k = left + 1; pad && k < 4; k++)
			p[k] = '=';
	}
}

void base64_print(struct bytes from, struct dynbuf *out)
{
	print(from, standard, true, out);
}

void base64url_print(struct bytes from, struct dynbuf *out)
{
	print(from, url_safe, false, out);
}

/* @text without padding. */
static enum err parse(struct bytes text, const char *alphabet, uint8_t *to, size_t room,
		      size_t *ret_n)
{
	const size_t n = text.n / 4 * 3 + (text.n % 4 == 0 ? 0 : text.n % 4 - 1);
	uint32_t v = 0;
	size_t at = 0;

	if (text.n % 4 == 1)
		return ERR_MALFORMED;
	if (n > room)
		return ERR_TOO_LARGE;
	for (size_t i = 0; i < text.n; i++) {
		const char *digit = text.p[i] == 0 ? NULL : strchr(alphabet, text.p[i]);
		if (digit == NULL)
			return ERR_MALFORMED;
		v = v << 6 | (uint32_t)(digit - alphabet);
		if (i % 4 != 0)
			to[at++] = (uint8_t)(v >> (6 - 2 * (i % 4)));
	}
	/* Bits left over must be zero, or several texts would mean the same bytes. */
	const unsigned left = text.n % 4 == 2 ? 4 : text.n % 4 == 3 ? 2 : 0;
	if ((v & ((1u << left) - 1)) != 0)
		return ERR_MALFORMED;
	*ret_n = n;
	return OK;
}

enum err base64_parse(struct bytes text, uint8_t *to, size_t room, size_t *ret_n)
{
	if (text.n % 4 != 0)
		return ERR_MALFORMED;
	for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
		text.n--;
	return parse(text, standard, to, room, ret_n);
}

enum err base64url_parse(struct bytes text, uint8_t *to, size_t room, size_t *ret_n)
{
	return parse(text, url_safe, to, room, ret_n);
}

void hex_print(struct bytes from, struct dynbuf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *p = dynbuf_grow(out, from.n * 2);

	for (size_t i = 0; p != NULL && i < from.n; i++) {
		*p++ = (uint8_t)digits[from.p[i] >> 4];
		*p++ = (uint8_t)digits[from.p[i] & 15];
	}
}

int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum err hex_parse(struct bytes text, uint8_t *to, size_t n)
{
	if (text.n != 2 * n)
		return ERR_MALFORMED;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		const int v = c >= '0' && c <= '9'   ? c - '0'
			      : c >= 'a' && c <= 'f' ? c - 'a' + 10
						     : -1;
		if (v < 0)
			return ERR_MALFORMED;
		to[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : to[i / 2] | v);
	}
	return OK;
}
