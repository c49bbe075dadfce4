/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/line.h"

#include <stddef.h>

#include "codec/base64.h"
#include "model/event.h"

typedef enum err (*take_fn)(struct bytes text, const char *kind, void *to);

static enum err take_seq(struct bytes text, const char *kind, void *to)
{
	(void)kind;
	return bytes_u64(text, INT64_MAX, to);
}

static enum err take_id(struct bytes text, const char *kind, void *to)
{
	return id_parse(kind, text, to);
}

static enum err take_kind(struct bytes text, const char *kind, void *to)
{
	(void)kind;
	return event_kind_parse(text, to) == OK ? OK : ERR_MALFORMED;
}

static enum err take_outcome(struct bytes text, const char *kind, void *to)
{
	(void)kind;
	return event_outcome_parse(text, to) == OK ? OK : ERR_MALFORMED;
}

static enum err take_service(struct bytes text, const char *kind, void *to)
{
	(void)kind;
	*(struct bytes *)to = text;
	return OK;
}

static enum err take_digest(struct bytes text, const char *kind, void *to)
{
	(void)kind;
	struct line *const line =
		(struct line *)(void *)((char *)to - offsetof(struct line, digest));

	line->has_digest = true;
	return hex_parse(text, to, sizeof line->digest);
}

/* Days since 1970 of a date of the proleptic Gregorian calendar, counted in years from March. */
static uint64_t days(uint64_t year, uint64_t month, uint64_t day)
{
	const uint64_t y = month > 2 ? year : year - 1;
	const uint64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

/* 2026-11-22T21:45:46.123456Z */
static enum err take_time(struct bytes text, const char *kind, void *to)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
	uint64_t parts[7] = { 0 };
	size_t part = 0;

	(void)kind;
	if (text.n != sizeof form - 1)
		return ERR_MALFORMED;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (form[i] != 'd') {
			if (c != form[i])
				return ERR_MALFORMED;
			part++;
		} else if (c < '0' || c > '9') {
			return ERR_MALFORMED;
		} else {
			parts[part] = parts[part] * 10 + (uint64_t)(c - '0');
		}
	}
	if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[2] > 31 ||
	    parts[3] > 23 || parts[4] > 59 || parts[5] > 60)
		return ERR_MALFORMED;
	const uint64_t hours = days(parts[0], parts[1], parts[2]) * 24 + parts[3];
	*(usec_t *)to = ((hours * 60 + parts[4]) * 60 + parts[5]) * USEC_PER_S + parts[6];
	return OK;
}

/* In the order in which keeper prints them; what stands between is of no use to a search. */
static const struct {
	const char *name;
	bool quoted;
	take_fn set;
	const char *kind;
	size_t at;
} members[] = {
	{ "seq", false, take_seq, NULL, offsetof(struct line, seq) },
	{ "time", true, take_time, NULL, offsetof(struct line, time) },
	{ "event", true, take_id, "evt", offsetof(struct line, event) },
	{ "kind", true, take_kind, NULL, offsetof(struct line, kind) },
	{ "outcome", true, take_outcome, NULL, offsetof(struct line, outcome) },
	{ "ref", true, take_id, "evt", offsetof(struct line, ref) },
	{ "tenant", true, take_id, "tenant", offsetof(struct line, tenant) },
	{ "user", true, take_id, "user", offsetof(struct line, user) },
	{ "connection", true, take_id, "conn", offsetof(struct line, connection) },
	{ "vault", true, take_id, "vault", offsetof(struct line, vault) },
	{ "agent", true, take_id, "agent", offsetof(struct line, agent) },
	{ "object", true, take_id, "obj", offsetof(struct line, object) },
	{ "service", true, take_service, NULL, offsetof(struct line, service) },
	{ "revision", false, take_seq, NULL, offsetof(struct line, revision) },
	{ "digest", true, take_digest, NULL, offsetof(struct line, digest) },
};

enum { MEMBERS_NEEDED = 5 }; /* seq to outcome are in every line */

static bool skip(struct bytes *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != (uint8_t)c)
		return false;
	rest->p++;
	rest->n--;
	return true;
}

/* What stands up to the next quotation mark, and steps behind that. */
static enum err quoted(struct bytes *rest, struct bytes *ret)
{
	if (!skip(rest, '"'))
		return ERR_MALFORMED;
	const uint8_t *const from = rest->p;
	while (rest->n > 0 && rest->p[0] != '"') {
		if (rest->p[0] < 0x20 || rest->p[0] > 0x7e || rest->p[0] == '\\')
			return ERR_MALFORMED;
		rest->p++;
		rest->n--;
	}
	*ret = (struct bytes){ from, (size_t)(rest->p - from) };
	return skip(rest, '"') ? OK : ERR_MALFORMED;
}

static enum err number(struct bytes *rest, struct bytes *ret)
{
	const uint8_t *const from = rest->p;

	while (rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9') {
		rest->p++;
		rest->n--;
	}
	*ret = (struct bytes){ from, (size_t)(rest->p - from) };
	return ret->n > 0 ? OK : ERR_MALFORMED;
}

/* One member; @next is the first in the table that may still come. */
static enum err member(struct bytes *rest, size_t *next, struct line *line)
{
	struct bytes name, value;
	size_t at = *next;

	TRY(quoted(rest, &name));
	if (!skip(rest, ':') || rest->n == 0)
		return ERR_MALFORMED;
	const bool is_quoted = rest->p[0] == '"';
	TRY(is_quoted ? quoted(rest, &value) : number(rest, &value));
	while (at < ARRAY_LEN(members) && !bytes_is(name, members[at].name))
		at++;
	if (at < ARRAY_LEN(members)) {
		if (is_quoted != members[at].quoted || (*next < MEMBERS_NEEDED && at != *next))
			return ERR_MALFORMED;
		*next = at + 1;
		return members[at].set(value, members[at].kind, (char *)line + members[at].at);
	}
	/* Not one of ours; or one that comes twice, or out of its order. */
	for (size_t i = 0; i < *next; i++)
		if (bytes_is(name, members[i].name))
			return ERR_MALFORMED;
	return *next < MEMBERS_NEEDED ? ERR_MALFORMED : OK;
}

enum err line_parse(struct bytes text, struct line *ret)
{
	struct line line = { 0 };
	size_t next = 0;

	if (text.n > LINE_MAX_BYTES || !skip(&text, '{'))
		return ERR_MALFORMED;
	do
		TRY(member(&text, &next, &line));
	while (skip(&text, ','));
	if (!skip(&text, '}') || text.n != 0 || next < MEMBERS_NEEDED)
		return ERR_MALFORMED;
	*ret = line;
	return OK;
}
