/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cut - takes the tokens out of a provider's answer, so that the rest may be
 * read by core. JSON objects and form-encoded answers (GitHub's default); what
 * was cut is removed with its name. Members called access_token, refresh_token,
 * id_token or client_secret that nobody asked for are removed as well, wherever
 * they stand: a token must not reach core because a path was forgotten.
 *
 * The rest is printed again, so that no spelling (\u0041, %41) hides a token
 * from the search that follows; a rest that still has the bytes of a token in
 * it is refused.
 */

#include "base/secret.h"
#include "ipc/capsule.h"

struct cut {
	struct secret *values[CAPSULE_VALUES_MAX]; /* found ones, in the order of the cuts */
	size_t count;
	uint32_t found; /* bit n: the n-th cut */
	struct dynbuf body;
};

/* Whether @cuts is a list of one to CAPSULE_VALUES_MAX different paths. ERR_MALFORMED. */
must_check enum err cut_check(struct bytes cuts);
/* @type: the answer's Content-Type. A cut that is absent, null or "" is not found. ERR_MALFORMED
 * (another type, not what it says it is, a token that is no printable ASCII or too long),
 * ERR_FORBIDDEN (a token would remain), FAULT_NOMEM. *@ret is to be ended in any case. */
must_check enum err cut_answer(struct bytes type, struct bytes body, struct bytes cuts,
			       struct cut *ret);
/* Whether the bytes of a token that was cut stand in @text, as they are or escaped. */
bool cut_remains(const struct cut *cut, struct bytes text);
void cut_done(struct cut *cut);
