/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/bearer.h"

#include <stdio.h>
#include <string.h>

/* GitHub's own clients call it "token"; the proxy is for the clients that the service has. */
static bool is_scheme(struct bytes scheme, const char *scope)
{
	return bytes_caseis(scheme, "bearer") ||
	       (strcmp(scope, GRANTS_SCOPE_PROXY) == 0 && bytes_caseis(scheme, "token"));
}

enum err bearer_permit(struct flow *flow, const struct call *call, const char *scope,
		       struct permit *permit)
{
	struct bytes value = ipc_headers_find(call->request.headers, "authorization");
	const struct bytes scheme = bytes_cut(&value, ' ');
	const struct permit_proof proof = { .token = value,
					    .address = call->address,
					    .scope = scope };

	if (!is_scheme(scheme, scope))
		return ERR_UNAUTHORIZED;
	return permit_vault(flow, &proof, permit);
}

void bearer_challenge(const struct flow *flow, struct call *call, enum err err,
		      struct bytes resource, const char *scope)
{
	const char *const error = err == ERR_TOKEN_SCOPE     ? "insufficient_scope"
				  : err == ERR_INVALID_TOKEN ? "invalid_token"
							     : NULL;
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
}
