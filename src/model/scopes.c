/* SPDX-License-Identifier: Apache-2.0 */
#include "model/scopes.h"

bool scope_ok(struct bytes name)
{
	if (name.n == 0 || name.n > SCOPE_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f || name.p[i] == '"' || name.p[i] == '\\')
			return false;
	return true;
}

static int compare(struct bytes a, struct bytes b)
{
	const int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

enum err scopes_add(struct scopes *scopes, struct bytes name)
{
	size_t at = 0;

	if (!scope_ok(name))
		return ERR_MALFORMED;
	while (at < scopes->n && compare(scopes->at[at], name) < 0)
		at++;
	if (at < scopes->n && bytes_eq(scopes->at[at], name))
		return OK;
	if (scopes->n == SCOPES_MAX)
		return ERR_TOO_LARGE;
	memmove(&scopes->at[at + 1], &scopes->at[at], (scopes->n - at) * sizeof scopes->at[0]);
	scopes->at[at] = name;
	scopes->n++;
	return OK;
}

enum err scopes_parse(struct bytes text, const char *separators, struct scopes *ret)
{
	struct scopes scopes = { 0 };
	size_t from = 0;

	for (size_t i = 0; i <= text.n; i++) {
		if (i < text.n && (text.p[i] == 0 || strchr(separators, text.p[i]) == NULL))
			continue;
		if (i > from)
			TRY(scopes_add(&scopes, (struct bytes){ text.p + from, i - from }));
		from = i + 1;
	}
	*ret = scopes;
	return OK;
}

bool scopes_has(const struct scopes *scopes, struct bytes name)
{
	for (size_t i = 0; i < scopes->n; i++)
		if (bytes_eq(scopes->at[i], name))
			return true;
	return false;
}

/* Those of @a that are in @b, or that are not. A part of a sorted set is sorted. */
static void filter(const struct scopes *a, const struct scopes *b, bool in, struct scopes *ret)
{
	struct scopes scopes = { 0 };

	for (size_t i = 0; i < a->n; i++)
		if (scopes_has(b, a->at[i]) == in)
			scopes.at[scopes.n++] = a->at[i];
	*ret = scopes;
}

void scopes_meet(const struct scopes *a, const struct scopes *b, struct scopes *ret)
{
	filter(a, b, true, ret);
}

void scopes_without(const struct scopes *a, const struct scopes *b, struct scopes *ret)
{
	filter(a, b, false, ret);
}

enum err scopes_print(const struct scopes *scopes, char to[static SCOPES_MAX_BYTES + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < scopes->n; i++)
		n += scopes->at[i].n + (i > 0);
	if (n > SCOPES_MAX_BYTES)
		return ERR_TOO_LARGE;
	uint8_t *end = (uint8_t *)to;
	for (size_t i = 0; i < scopes->n; i++) {
		if (i > 0)
			*end++ = ' ';
		end = put(end, scopes->at[i].p, scopes->at[i].n);
	}
	*end = 0;
	return OK;
}
