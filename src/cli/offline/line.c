/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/line.h"

#include "base/id.h"

enum shape { SHAPE_ID, SHAPE_WORD, SHAPE_NAME, SHAPE_SCOPES, SHAPE_NUMBER, SHAPE_HASH };

/* In the order of the line. Those that are always there say so. */
static const struct member {
	const char *name;
	enum shape shape;
	const char *kind;
	bool always;
} members[] = {
	{ "event", SHAPE_ID, "evt", true },	   { "kind", SHAPE_WORD, NULL, true },
	{ "outcome", SHAPE_WORD, NULL, true },	   { "reason", SHAPE_WORD, NULL, false },
	{ "ref", SHAPE_ID, "evt", false },	   { "tenant", SHAPE_ID, "tenant", false },
	{ "user", SHAPE_ID, "user", false },	   { "connection", SHAPE_ID, "conn", false },
	{ "vault", SHAPE_ID, "vault", false },	   { "agent", SHAPE_ID, "agent", false },
	{ "actor", SHAPE_ID, "tok", false },	   { "object", SHAPE_ID, "obj", false },
	{ "address", SHAPE_ID, "addr", false },	   { "service", SHAPE_NAME, NULL, false },
	{ "tool", SHAPE_NAME, NULL, false },	   { "scopes", SHAPE_SCOPES, NULL, false },
	{ "version", SHAPE_NUMBER, NULL, false },  { "change", SHAPE_NUMBER, NULL, false },
	{ "policy", SHAPE_NUMBER, NULL, false },   { "status", SHAPE_NUMBER, NULL, false },
	{ "bytes", SHAPE_NUMBER, NULL, false },	   { "duration_us", SHAPE_NUMBER, NULL, false },
	{ "revision", SHAPE_NUMBER, NULL, false }, { "digest", SHAPE_HASH, NULL, false },
	{ "detail", SHAPE_HASH, NULL, false },
};

static bool eat(struct bytes *rest, const char *text)
{
	if (!bytes_starts(*rest, text))
		return false;
	rest->p += strlen(text);
	rest->n -= strlen(text);
	return true;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!(text.p[i] >= 'a' && text.p[i] <= 'z') && text.p[i] != '_')
			return false;
	return text.n > 0;
}

static bool is_name(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != '-' && c != '_' && c != '.')
			return false;
	}
	return text.n > 0;
}

static bool is_scopes(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e || text.p[i] == '\\')
			return false;
	return text.n > 0;
}

static bool is_hash(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_digit(text.p[i]) && !(text.p[i] >= 'a' && text.p[i] <= 'f'))
			return false;
	return text.n == 64;
}

static bool is_id(struct bytes text, const char *kind)
{
	char canonical[ID_TEXT_MAX + 1];
	struct id id;

	return id_parse(kind, text, &id) == OK && bytes_is(text, id_print(kind, id, canonical));
}

static bool is_time(struct bytes text)
{
	static const char form[] = "0000-00-00T00:00:00.000000Z";

	for (size_t i = 0; i < CLOCK_TEXT_LEN; i++)
		if (form[i] == '0' ? !is_digit(text.p[i]) : text.p[i] != (uint8_t)form[i])
			return false;
	return true;
}

/* A number that is not zero: zeros are left out. */
static bool eat_number(struct bytes *rest)
{
	struct bytes digits = { rest->p, 0 };
	uint64_t v;

	while (digits.n < rest->n && is_digit(rest->p[digits.n]))
		digits.n++;
	rest->p += digits.n;
	rest->n -= digits.n;
	return bytes_u64(digits, UINT64_MAX, &v) == OK && v > 0;
}

static bool eat_value(struct bytes *rest, const struct member *member)
{
	if (member->shape == SHAPE_NUMBER)
		return eat_number(rest);
	if (!eat(rest, "\"") || memchr(rest->p, '"', rest->n) == NULL)
		return false;
	const struct bytes text = bytes_cut(rest, '"');
	switch (member->shape) {
	case SHAPE_ID:
		return is_id(text, member->kind);
	case SHAPE_WORD:
		return is_word(text);
	case SHAPE_NAME:
		return is_name(text);
	case SHAPE_SCOPES:
		return is_scopes(text);
	case SHAPE_HASH:
		return is_hash(text);
	case SHAPE_NUMBER:
		break;
	}
	return false;
}

/* ,"name": */
static bool eat_name(struct bytes *rest, const char *name)
{
	struct bytes at = *rest;

	if (!eat(&at, ",\"") || !eat(&at, name) || !eat(&at, "\":"))
		return false;
	*rest = at;
	return true;
}

enum err line_check(struct bytes line, uint64_t seq, char ret_time[static CLOCK_TEXT_LEN + 1])
{
	struct bytes digits = line, time;
	uint64_t number;

	if (!eat(&digits, "{\"seq\":"))
		return ERR_MALFORMED;
	struct bytes rest = digits;
	digits = bytes_cut(&rest, ',');
	TRY(bytes_u64(digits, UINT64_MAX, &number));
	if (!eat(&rest, "\"time\":\"") || rest.n < CLOCK_TEXT_LEN || !is_time(rest))
		return ERR_MALFORMED;
	time = (struct bytes){ rest.p, CLOCK_TEXT_LEN };
	rest.p += CLOCK_TEXT_LEN;
	rest.n -= CLOCK_TEXT_LEN;
	if (!eat(&rest, "\""))
		return ERR_MALFORMED;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const bool there = eat_name(&rest, members[i].name);
		if (there ? !eat_value(&rest, &members[i]) : members[i].always)
			return ERR_MALFORMED;
	}
	if (!bytes_is(rest, "}"))
		return ERR_MALFORMED;
	if (number != seq)
		return ERR_CONFLICT;
	return bytes_str(time, ret_time, CLOCK_TEXT_LEN + 1);
}
