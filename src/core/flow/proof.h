/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * proof - the DPoP header of a request (RFC 9449): that whoever sends it holds
 * the key that a token is, or will be, bound to.
 */

#include "core/authserver/dpop.h"
#include "core/flow/flow.h"

struct proof {
	bool present; /* there is a DPoP header; else nothing of the rest holds */
	uint8_t jkt[JWK_THUMBPRINT_LEN];
};

/* Checks the header for this very request: method, the issuer with the path, the token that came
 * along (p = NULL: at our own endpoints), age and nonce; and notes, durably, that this proof was
 * seen: it is good once. A journey that has waited may ask again for the same call.
 * ERR_INVALID_DPOP_PROOF, ERR_USE_DPOP_NONCE (then also proof_nonce()). */
must_check enum err proof_take(struct flow *flow, struct call *call, struct bytes token,
			       struct proof *ret);
/* Adds the DPoP-Nonce header: to a refusal for want of one, and to every answer where nonces are
 * demanded (8.2). Once per answer. */
void proof_nonce(const struct flow *flow, struct call *call);
