/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/bearer.h"

#include <stdio.h>
#include <string.h>

#include "core/flow/proof.h"

/* GitHub's own clients call it "token"; the proxy is for the clients that the service has. */
static bool is_scheme(struct bytes scheme, const char *scope)
{
	return bytes_caseis(scheme, "bearer") ||
	       (strcmp(scope, GRANTS_SCOPE_PROXY) == 0 && bytes_caseis(scheme, "token"));
}

/* RFC 9449 7.1: what comes by this scheme is an access token bound to the key of the proof. Nothing
 * is kept of a proof that comes with no live token. */
static enum err take_proof(struct flow *flow, struct call *call, struct bytes token,
			   struct proof *ret)
{
	struct grant_token_row row;
	struct grant_row grant;
	enum token_kind kind;

	if (token_parse(token, &kind) != OK || kind != TOKEN_AT)
		return ERR_INVALID_TOKEN;
	TRY(grants_live(flow, token, &grant, &row));
	const enum err err = proof_take(flow, call, token, ret);
	if (err == ERR_INVALID_DPOP_PROOF || (err == OK && !ret->present))
		return ERR_TOKEN_PROOF;
	return err == ERR_USE_DPOP_NONCE ? ERR_TOKEN_NONCE : err;
}

enum err bearer_permit(struct flow *flow, struct call *call, const char *scope,
		       struct permit *permit)
{
	struct bytes value = ipc_headers_find(call->request.headers, "authorization");
	const struct bytes scheme = bytes_cut(&value, ' ');
	const bool bound = bytes_caseis(scheme, "dpop");
	struct proof key;
	struct permit_proof proof = { .token = value, .address = call->address, .scope = scope };

	if (!bound && !is_scheme(scheme, scope))
		return ERR_UNAUTHORIZED;
	if (bound) {
		TRY(take_proof(flow, call, value, &key));
		proof.jkt = key.jkt;
	}
	return permit_vault(flow, &proof, permit);
}

static const char *error_of(enum err err)
{
	static const struct {
		enum err err;
		const char *name;
	} errors[] = {
		{ ERR_TOKEN_SCOPE, "insufficient_scope" },
		{ ERR_INVALID_TOKEN, "invalid_token" },
		{ ERR_TOKEN_PROOF, "invalid_dpop_proof" },
		{ ERR_TOKEN_NONCE, "use_dpop_nonce" },
	};

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].err == err)
			return errors[i].name;
	return NULL;
}

/* RFC 9449 7.1, to who came by this scheme. */
static void challenge_dpop(const struct flow *flow, struct call *call, enum err err,
			   const char *scope)
{
	const char *const error = error_of(err);
	uint8_t room[512];
	struct dynbuf out = { .p = room, .room = sizeof room, .max = sizeof room };

	dynbuf_str(&out, "DPoP algs=\"");
	for (enum jwk_alg alg = 1; alg < JWK_ALG_END; alg++)
		dynbuf_printf(&out, "%s%s", alg == 1 ? "" : " ", jwk_alg_name(alg));
	dynbuf_printf(&out, "\", scope=\"%s\"", scope);
	if (error != NULL)
		dynbuf_printf(&out, ", error=\"%s\"", error);
	call_header(call, "www-authenticate", dynbuf_view(&out));
	if (err == ERR_TOKEN_NONCE)
		proof_nonce(flow, call);
}

void bearer_challenge(const struct flow *flow, struct call *call, enum err err,
		      struct bytes resource, const char *scope)
{
	struct bytes value = ipc_headers_find(call->request.headers, "authorization");
	const bool came = value.p != NULL;
	const bool bound = bytes_caseis(bytes_cut(&value, ' '), "dpop");
	/* RFC 6750 3.1: nothing is wrong with what did not come. */
	const char *const error = bound || !came ? NULL : error_of(err);
	uint8_t room[1024];
	struct dynbuf out = { .p = room, .room = sizeof room, .max = sizeof room };

	dynbuf_str(&out, "Bearer realm=\"valetkey\"");
	if (error != NULL)
		dynbuf_printf(&out, ", error=\"%s\"", error);
	dynbuf_printf(&out, ", scope=\"%s\", resource_metadata=\"%s%s", scope,
		      flow->settings.issuer, ".well-known/oauth-protected-resource");
	if (resource.n > 0) {
		dynbuf_u8(&out, '/');
		dynbuf_bytes(&out, resource);
	}
	dynbuf_u8(&out, '"');
	if (dynbuf_err(&out) == OK)
		call_header(call, "www-authenticate", dynbuf_view(&out));
	if (bound)
		challenge_dpop(flow, call, err, scope);
}
