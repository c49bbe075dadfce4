/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * dpop - proofs that the sender of a request holds a private key (RFC 9449).
 *
 * dpop_verify() does every check of section 4.3 but one: that a `jti` was not
 * seen before is the store's to say, with what is in dpop_proof. Nonces (8, 9)
 * are stateless: a time and a MAC over it, valid in every process and after a
 * restart for NONCE_LIFE_S.
 */

#include "base/clock.h"
#include "core/authserver/jws.h"

enum {
	DPOP_AGE_MAX_S = 60,   /* of a proof, by its own iat */
	DPOP_AHEAD_MAX_S = 15, /* a client's clock may be fast */
	DPOP_JTI_MAX = 256,
	DPOP_NONCE_TEXT = 32,
	DPOP_NONCE_LIFE_S = 300,
};

struct dpop_request {
	struct bytes proof; /* of the one DPoP header; that there is one is the caller's to see */
	struct bytes method;
	struct bytes url;   /* ours, as clients know it: issuer and path */
	struct bytes token; /* the access token that came with it; p = NULL at our own endpoints */
	const uint8_t *nonce_key; /* 32 bytes; NULL: proofs with a nonce are taken as they are */
	bool nonce_required;
	usec_t now;
};

struct dpop_proof {
	uint8_t thumbprint[JWK_THUMBPRINT_LEN]; /* of the key that signed it */
	uint8_t once[32];			/* stands for key and jti: may be seen once */
	usec_t until;				/* after that it is refused for its age alone */
};

/* ERR_INVALID_DPOP_PROOF; ERR_USE_DPOP_NONCE: as it should be but for its nonce. */
must_check enum err dpop_verify(const struct dpop_request *request, struct dpop_proof *ret);

void dpop_nonce_print(const uint8_t key[static 32], usec_t now,
		      char to[static DPOP_NONCE_TEXT + 1]);
bool dpop_nonce_ok(const uint8_t key[static 32], usec_t now, struct bytes nonce);
