/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/graphql_lexer.h"

#include "codec/base64.h"

static bool name_start(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t peek(const struct graphql_lexer *l, size_t at)
{
	return at < l->rest.n ? l->rest.p[at] : 0;
}

static void skip(struct graphql_lexer *l, size_t n)
{
	l->rest = (struct bytes){ l->rest.p + n, l->rest.n - n };
}

/* White space, line ends, commas, comments, byte order marks: 2.1.7. */
static void skip_ignored(struct graphql_lexer *l)
{
	for (;;) {
		const uint8_t c = peek(l, 0);
		if (l->rest.n == 0)
			return;
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
			skip(l, 1);
		} else if (c == 0xef && peek(l, 1) == 0xbb && peek(l, 2) == 0xbf) {
			skip(l, 3);
		} else if (c == '#') {
			while (l->rest.n > 0 && peek(l, 0) != '\n' && peek(l, 0) != '\r')
				skip(l, 1);
		} else {
			return;
		}
	}
}

static enum err read_name(struct graphql_lexer *l)
{
	size_t n = 0;

	while (n < l->rest.n && (name_start(peek(l, n)) || is_digit(peek(l, n))))
		n++;
	l->text = (struct bytes){ l->rest.p, n };
	l->token = GRAPHQL_NAME;
	skip(l, n);
	return OK;
}

static size_t count_digits(const struct graphql_lexer *l, size_t from)
{
	size_t n = from;

	while (is_digit(peek(l, n)))
		n++;
	return n - from;
}

static enum err read_number(struct graphql_lexer *l)
{
	size_t at = peek(l, 0) == '-' ? 1 : 0;
	const size_t whole = count_digits(l, at);
	size_t more;

	if (whole == 0 || (peek(l, at) == '0' && whole > 1))
		return ERR_MALFORMED;
	at += whole;
	l->token = GRAPHQL_INT;
	if (peek(l, at) == '.') {
		more = count_digits(l, at + 1);
		if (more == 0)
			return ERR_MALFORMED;
		at += 1 + more;
		l->token = GRAPHQL_FLOAT;
	}
	if (peek(l, at) == 'e' || peek(l, at) == 'E') {
		at += peek(l, at + 1) == '+' || peek(l, at + 1) == '-' ? 2 : 1;
		more = count_digits(l, at);
		if (more == 0)
			return ERR_MALFORMED;
		at += more;
		l->token = GRAPHQL_FLOAT;
	}
	if (name_start(peek(l, at)) || peek(l, at) == '.')
		return ERR_MALFORMED;
	skip(l, at);
	return OK;
}

static bool hex4(const struct graphql_lexer *l, size_t at, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < 4; i++) {
		const int digit = hex_digit(peek(l, at + i));
		if (digit < 0)
			return false;
		*ret = *ret << 4 | (uint32_t)digit;
	}
	return true;
}

/* \u{…}: behind the brace; the length with the closing one, 0 if it is none. */
static size_t read_braced(const struct graphql_lexer *l, size_t at)
{
	uint32_t point = 0;
	size_t n = 0;

	while (hex_digit(peek(l, at + n)) >= 0 && point <= 0x10ffff) {
		point = point << 4 | (uint32_t)hex_digit(peek(l, at + n));
		n++;
	}
	if (n == 0 || peek(l, at + n) != '}' || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return n + 1;
}

/* The length of the escape at @at, 0 if it is none. */
static size_t read_escape(const struct graphql_lexer *l, size_t at)
{
	const uint8_t c = peek(l, at + 1);
	uint32_t high, low;

	if (c != 0 && strchr("\"\\/bfnrt", c) != NULL)
		return 2;
	if (c != 'u')
		return 0;
	if (peek(l, at + 2) == '{') {
		const size_t n = read_braced(l, at + 3);
		return n == 0 ? 0 : 3 + n;
	}
	if (!hex4(l, at + 2, &high) || (high >= 0xdc00 && high <= 0xdfff))
		return 0;
	if (high < 0xd800 || high > 0xdbff)
		return 6;
	if (peek(l, at + 6) != '\\' || peek(l, at + 7) != 'u' || !hex4(l, at + 8, &low))
		return 0;
	return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static enum err read_string(struct graphql_lexer *l)
{
	size_t at = 1;

	for (;;) {
		const uint8_t c = peek(l, at);
		if (at >= l->rest.n || c == '\n' || c == '\r')
			return ERR_MALFORMED;
		if (c == '"')
			break;
		const size_t n = c == '\\' ? read_escape(l, at) : 1;
		if (n == 0)
			return ERR_MALFORMED;
		at += n;
	}
	l->token = GRAPHQL_STRING;
	skip(l, at + 1);
	return OK;
}

static enum err read_block(struct graphql_lexer *l)
{
	for (size_t at = 3; at < l->rest.n; at++) {
		if (peek(l, at) == '\\' && peek(l, at + 1) == '"' && peek(l, at + 2) == '"' &&
		    peek(l, at + 3) == '"') {
			at += 3;
		} else if (peek(l, at) == '"' && peek(l, at + 1) == '"' && peek(l, at + 2) == '"') {
			l->token = GRAPHQL_STRING;
			skip(l, at + 3);
			return OK;
		}
	}
	return ERR_MALFORMED;
}

enum err graphql_lexer_next(struct graphql_lexer *l)
{
	skip_ignored(l);
	if (++l->tokens > GRAPHQL_TOKENS_MAX)
		return ERR_TOO_LARGE;
	const uint8_t c = peek(l, 0);
	if (l->rest.n == 0) {
		l->token = GRAPHQL_END;
		return OK;
	}
	if (name_start(c))
		return read_name(l);
	if (is_digit(c) || c == '-')
		return read_number(l);
	if (c == '"')
		return peek(l, 1) == '"' && peek(l, 2) == '"' ? read_block(l) : read_string(l);
	if (c == '.') {
		if (peek(l, 1) != '.' || peek(l, 2) != '.')
			return ERR_MALFORMED;
		l->token = GRAPHQL_SPREAD;
		skip(l, 3);
		return OK;
	}
	if (c == 0 || strchr("!$&():=@[]{|}", c) == NULL)
		return ERR_MALFORMED;
	l->token = (enum graphql_token)c;
	skip(l, 1);
	return OK;
}
