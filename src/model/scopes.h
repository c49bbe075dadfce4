/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scopes - a set of OAuth scopes (RFC 6749 3.3), sorted by their bytes, each
 * once. Borrows the text it was parsed from.
 */

#include "base/bytes.h"
#include "model/rows.h"

enum { SCOPES_MAX = 64, SCOPE_MAX_BYTES = 256 };

struct scopes {
	size_t n;
	struct bytes at[SCOPES_MAX];
};

/* 1*( %x21 / %x23-5B / %x5D-7E ), at most SCOPE_MAX_BYTES. */
bool scope_ok(struct bytes name);
/* @separators: any of these bytes, also several in a row. ERR_MALFORMED, ERR_TOO_LARGE. */
must_check enum err scopes_parse(struct bytes text, const char *separators, struct scopes *ret);
/* ERR_MALFORMED, ERR_TOO_LARGE; one that is there already is OK. */
must_check enum err scopes_add(struct scopes *scopes, struct bytes name);
bool scopes_has(const struct scopes *scopes, struct bytes name);
void scopes_meet(const struct scopes *a, const struct scopes *b, struct scopes *ret);
/* What is in @a and not in @b. */
void scopes_without(const struct scopes *a, const struct scopes *b, struct scopes *ret);
/* With spaces and an end mark. ERR_TOO_LARGE. */
must_check enum err scopes_print(const struct scopes *scopes, char to[static SCOPES_MAX_BYTES + 1]);
