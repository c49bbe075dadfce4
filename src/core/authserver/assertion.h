/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * assertion - a client proves who it is by a JWT under its own key (RFC 7523 3
 * with what draft-ietf-oauth-rfc7523bis tightens: one audience, our issuer).
 *
 * First assertion_read(), which says whom to look up; then assertion_verify()
 * with that client's keys. That its jti was not seen before is the store's to
 * say, with what is in assertion_use.
 */

#include "base/clock.h"
#include "core/authserver/jws.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

enum {
	ASSERTION_LIFE_MAX_S = 300,
	ASSERTION_AHEAD_MAX_S = 10, /* a client's clock may be fast */
	ASSERTION_JTI_MAX = 256,
};

struct assertion {
	struct jws jws;
	struct bytes client_id; /* iss and sub, which are the same; its word until verified */
};

struct assertion_rules {
	struct bytes issuer;
	const json_t *jwks;
	enum jwk_alg alg; /* that the client has registered; 0: any of ours */
	usec_t now;
};

struct assertion_use {
	uint8_t once[32]; /* stands for client and jti: may be seen once */
	usec_t until;	  /* after that it has expired */
	bool untyped;	  /* without typ, as before 7523bis */
};

/* The caller ends @ret by assertion_done(). ERR_INVALID_CLIENT */
must_check enum err assertion_read(struct bytes text, struct assertion *ret);
void assertion_done(struct assertion *assertion);
/* ERR_INVALID_CLIENT; ERR_NOT_FOUND: nothing is wrong but that no key of the set fits, so that a
 * newer set may help. */
must_check enum err assertion_verify(const struct assertion *assertion,
				     const struct assertion_rules *rules,
				     struct assertion_use *ret);
