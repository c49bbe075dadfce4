/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * jwk - a client's public key (RFC 7517), read member by member and made anew
 * out of what was understood: nothing else of it reaches the library.
 *
 * RSA of 2,048 to 4,096 bits with an exponent of at most 32 bits, EC on P-256
 * and P-384: what a stranger sends may cost a check of a signature, no more.
 */

#include "codec/json.h"

enum { JWK_THUMBPRINT_LEN = 32, JWK_THUMBPRINT_TEXT = 43, JWKS_KEYS_MAX = 16 };

/* In the order of jwk_algs[]. None of them is "none", none is symmetric (RFC 8725 3.1). */
enum jwk_alg { JWK_RS256 = 1, JWK_PS256, JWK_ES256, JWK_ES384, JWK_ALG_END };

struct jwk {
	json_t *key;   /* kty and the public numbers */
	unsigned algs; /* bit 1 << enum jwk_alg for each that it may be used with */
	size_t signature_n;
	uint8_t thumbprint[JWK_THUMBPRINT_LEN]; /* RFC 7638, SHA-256 */
};

/* The caller ends @ret by jwk_done(). ERR_MALFORMED (also: it holds a private member),
 * ERR_UNSUPPORTED (well formed, but of a kind, size or use that nothing is verified with). */
must_check enum err jwk_read(const json_t *json, struct jwk *ret);
void jwk_done(struct jwk *jwk);
/* A set that a client may register: 1 to JWKS_KEYS_MAX keys, none private, one usable.
 * ERR_MALFORMED */
must_check enum err jwks_check(const json_t *jwks);

/* 0 for what is not one of ours. */
enum jwk_alg jwk_alg_find(struct bytes name);
const char *jwk_alg_name(enum jwk_alg alg);
/* base64url with an end mark. */
void jwk_thumbprint_print(const uint8_t thumbprint[static JWK_THUMBPRINT_LEN],
			  char to[static JWK_THUMBPRINT_TEXT + 1]);
