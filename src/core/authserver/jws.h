/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * jws - a JWT in the compact form (RFC 7515 7.1, RFC 7519), as strangers send it.
 *
 *  1. Its length is bounded before any of it is read; header and claims are
 *     strict JSON (no member twice), base64url is canonical.
 *  2. The algorithm is one of jwk.h's. A header that wants something understood
 *     (`crit`, `b64`) or fetched (`jku`, `x5u`), or brings a certificate
 *     (`x5c`), is refused.
 *  3. What jws_read() gives is what the sender says. Only after jws_verify()
 *     has answered OK is it known that the owner of the key has said it.
 */

#include "core/authserver/jwk.h"

enum { JWS_TEXT_MAX = 8192, JWS_SIGNATURE_MAX = 512 };

struct jws {
	enum jwk_alg alg;
	json_t *header, *claims;
	struct bytes text; /* borrowed */
	size_t signature_n;
};

/* The caller ends @ret by jws_done(). ERR_MALFORMED, ERR_TOO_LARGE, ERR_UNSUPPORTED (algorithm). */
must_check enum err jws_read(struct bytes text, struct jws *ret);
void jws_done(struct jws *jws);
/* ERR_FORGED: not by this key, or not a key for this algorithm. */
must_check enum err jws_verify(const struct jws *jws, const struct jwk *jwk);

/* Whether the header's typ is @type; "application/" before it may be left out (7515 4.1.9), and
 * case does not matter. */
bool jws_typ_is(const struct jws *jws, const char *type);
bool jws_typ_absent(const struct jws *jws);
/* A NumericDate (RFC 7519 2) in whole seconds. ERR_NOT_FOUND (absent), ERR_MALFORMED. */
must_check enum err jws_time(const struct jws *jws, const char *claim, int64_t *ret);
