/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * signin - people who sign in with a password, and the browsers they do it in.
 *
 * A password is kept as Argon2id (RFC 9106). Hashing one takes core some tens
 * of milliseconds in which it serves nobody, so attempts are throttled: for one
 * user from one address, for one user, and for all together. An unknown user
 * takes the same time and gets the same answer as a wrong password.
 *
 * A session is a random text in a cookie, new at each sign-in; its keyed hash
 * is stored. It ends after SIGNIN_LIFE_S, with the password, and with the
 * generation of the store.
 */

#include "core/flow/objects.h"

enum { SIGNIN_LIFE_S = 12 * 3600, PASSWORD_MIN = 10, PASSWORD_MAX = 1024 };

/* Sets or replaces a local user's password; all sessions of the user end. ERR_NOT_FOUND,
 * ERR_MALFORMED (shorter or longer than the above) */
must_check enum err signin_password(struct flow *flow, struct call *call, struct bytes subject,
				    struct bytes password);
/* Whether the user has one. ERR_FORGED */
must_check enum err signin_needed(struct flow *flow, struct id tenant, struct id user, bool *ret);

/* What a browser is given; wipe after use. ERR_INVALID_GRANT whatever was wrong,
 * ERR_RATE_LIMITED with the seconds to wait. */
struct signin_new {
	struct token_text cookie;
	struct id user;
	uint64_t wait_s;
};
must_check enum err signin_begin(struct flow *flow, struct call *call, struct bytes subject,
				 struct bytes password, struct signin_new *ret);
/* Who is signed in. ERR_INVALID_TOKEN: nobody. */
must_check enum err signin_find(struct flow *flow, struct bytes cookie, struct user_row *ret);
must_check enum err signin_end(struct flow *flow, struct call *call, struct bytes cookie);

/* What a form of the session carries: bound to the session and to @what it is about. */
enum { SIGNIN_PROOF_TEXT = 43 };
void signin_proof(const struct flow *flow, struct bytes cookie, struct bytes what,
		  char to[static SIGNIN_PROOF_TEXT + 1]);
