/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/challenge.h"

/* Where a reader is, and the value that it read last: slices of the header. */
struct at {
	struct bytes rest;
	struct bytes value;
	bool quoted;
};

static bool is_tchar(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool next_is(const struct at *at, uint8_t c)
{
	return at->rest.n > 0 && at->rest.p[0] == c;
}

static void step(struct at *at, size_t n)
{
	at->rest = (struct bytes){ at->rest.p + n, at->rest.n - n };
}

static void skip(struct at *at, bool commas)
{
	while (next_is(at, ' ') || next_is(at, '\t') || (commas && next_is(at, ',')))
		step(at, 1);
}

static struct bytes token(struct at *at)
{
	size_t n = 0;

	while (n < at->rest.n && is_tchar(at->rest.p[n]))
		n++;
	const struct bytes token = { at->rest.p, n };
	step(at, n);
	return token;
}

static enum err quoted(struct at *at)
{
	size_t n = 1;

	while (n < at->rest.n && at->rest.p[n] != '"') {
		if (at->rest.p[n] == '\\')
			n++;
		n++;
	}
	if (n >= at->rest.n)
		return ERR_MALFORMED;
	at->value = (struct bytes){ at->rest.p + 1, n - 1 };
	at->quoted = true;
	step(at, n + 1);
	return OK;
}

/* "=" and what follows; ERR_NOT_FOUND where the token before was no parameter's name. */
static enum err value(struct at *at)
{
	const struct at before = *at;

	skip(at, false);
	if (!next_is(at, '=')) {
		*at = before;
		return ERR_NOT_FOUND;
	}
	step(at, 1);
	skip(at, false);
	if (next_is(at, '"'))
		return quoted(at);
	at->value = token(at);
	at->quoted = false;
	return at->value.n > 0 ? OK : ERR_MALFORMED;
}

/* The rest of a token68 (RFC 9110 11.2), such as that of Negotiate. False: it is none. */
static bool token68(struct at *at)
{
	struct at look = *at;

	while (look.rest.n > 0 && (is_tchar(look.rest.p[0]) || next_is(&look, '/')))
		step(&look, 1);
	while (next_is(&look, '='))
		step(&look, 1);
	skip(&look, false);
	if (look.rest.n > 0 && !next_is(&look, ','))
		return false;
	*at = look;
	return true;
}

static void unquote(const struct at *at, struct dynbuf *out)
{
	for (size_t i = 0; i < at->value.n; i++) {
		if (at->quoted && at->value.p[i] == '\\')
			i++;
		dynbuf_u8(out, at->value.p[i]);
	}
}

/* What is looked for, and what was found. */
struct search {
	const char *scheme, *name; /* name NULL: the scheme alone */
	bool here;		   /* within the first challenge of that scheme */
	unsigned schemes, found;
	struct at last;
};

static void enter(struct search *search, struct bytes scheme)
{
	search->here = bytes_caseis(scheme, search->scheme) && search->schemes++ == 0;
}

static enum err read_one(struct at *at, struct search *search)
{
	const struct bytes word = token(at);

	if (word.n == 0)
		return ERR_MALFORMED;
	const enum err err = value(at);
	if (err == OK) {
		if (search->here && search->name != NULL && bytes_caseis(word, search->name)) {
			search->found++;
			search->last = *at;
		}
		return OK;
	}
	if (err != ERR_NOT_FOUND)
		return err;
	enter(search, word);
	if (!next_is(at, ' ') && !next_is(at, ',') && at->rest.n > 0)
		return ERR_MALFORMED;
	skip(at, false);
	(void)token68(at);
	return OK;
}

static enum err search(struct bytes header, struct search *search)
{
	struct at at = { .rest = header };

	for (skip(&at, true); at.rest.n > 0; skip(&at, true))
		TRY(read_one(&at, search));
	return OK;
}

enum err challenge_find(struct bytes header, const char *scheme, const char *name,
			struct dynbuf *out)
{
	struct search wanted = { .scheme = scheme, .name = name };

	TRY(search(header, &wanted));
	if (wanted.found == 0)
		return ERR_NOT_FOUND;
	if (wanted.found > 1)
		return ERR_MALFORMED;
	unquote(&wanted.last, out);
	return dynbuf_err(out);
}

bool challenge_has(struct bytes header, const char *scheme)
{
	struct search wanted = { .scheme = scheme };

	return search(header, &wanted) == OK && wanted.schemes > 0;
}
