/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * bearer - the token in a request's Authorization header, at the places that
 * serve a vault: a vault's own token, or an access token of ours (RFC 6750), by
 * the scheme DPoP with a proof where it is bound to a key (RFC 9449 7). Never in
 * the query.
 */

#include "core/flow/grants.h"
#include "core/flow/permit.h"

/* As permit_vault(). @scope: what an access token must be for (GRANTS_SCOPE_…).
 * ERR_UNAUTHORIZED: no token came. ERR_TOKEN_PROOF, ERR_TOKEN_NONCE. */
must_check enum err bearer_permit(struct flow *flow, struct call *call, const char *scope,
				  struct permit *permit);

/* The WWW-Authenticate of an answer 401 or 403 (RFC 6750 3, RFC 9449 7.1, RFC 9728 5.1): where the
 * metadata of
 * @resource (a path of ours without its first slash, or "") stands, and which scope is wanted. */
void bearer_challenge(const struct flow *flow, struct call *call, enum err err,
		      struct bytes resource, const char *scope);
