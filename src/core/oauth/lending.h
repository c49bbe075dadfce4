/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * lending - RFC 8693 at our token endpoint: a vault token in, a provider's token
 * out. Reads the request, prints the answer and the refusals.
 */

#include "base/dynbuf.h"
#include "codec/form.h"

struct lending_request {
	struct bytes subject_token;
	struct bytes audience; /* service id */
	struct bytes scope;    /* empty: not said */
	struct bytes
		connection; /* id or alias of the account, also from `resource`; empty: default */
};

/*
 * ERR_MALFORMED (2.1: a required parameter is absent, one is there twice, an unknown token type, an
 * actor), ERR_UNSUPPORTED_GRANT, ERR_INVALID_TARGET (no audience or one that is no service id; a
 * resource of another form), ERR_INVALID_SCOPE. A request without a subject token is never anything
 * else than malformed.
 */
must_check enum err lending_request_read(const struct form *form, struct lending_request *ret);

/* 2.2.1. @ret_at is where in @out the token belongs: between the quotes of access_token. */
must_check enum err lending_answer_print(struct bytes scope, uint64_t expires_in_s,
					 struct dynbuf *out, size_t *ret_at);

/* What an agent can act on; members without a value are left out, never null. */
struct lending_refusal {
	enum err err;
	struct bytes error_uri; /* the page where a person can mend it */
	struct bytes scope;	/* the missing scopes */
};

/* 6749 5.2: {"error", "error_description", …}; lending_status() is the HTTP status. Both as
 * errors.def says, but for a bad subject token, which 8693 2.2.2 wants as invalid_request with 400.
 */
must_check enum err lending_refusal_print(const struct lending_refusal *refusal,
					  struct dynbuf *out);
int lending_status(enum err err);
