/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api/oauth.h"

#include "core/flow/proof.h"

void oauth_reply(struct flow *flow, struct call *call, unsigned status, json_t *body)
{
	call_header(call, "cache-control", str("no-store"));
	call_header(call, "pragma", str("no-cache"));
	reply_json(flow, call, status, body);
}

void oauth_refuse(struct flow *flow, struct call *call, enum err err, const char *why)
{
	const struct err_row *row = err_row(err);
	json_t *o = json_object();

	if (err == ERR_USE_DPOP_NONCE)
		proof_nonce(flow, call);
	dynbuf_reset(&call->body);
	if (err == ERR_UNAUTHORIZED)
		call_header(call, "www-authenticate", str("Bearer realm=\"valetkey\""));
	else if (err == ERR_INVALID_TOKEN)
		call_header(call, "www-authenticate",
			    str("Bearer realm=\"valetkey\", error=\"invalid_token\""));
	if (row->status == 503 || row->status == 429)
		call_header(call, "retry-after", str("20"));
	json_object_set_new(o, "error", json_string(row->oauth));
	json_object_set_new(o, "error_description", json_string(why != NULL ? why : row->says));
	oauth_reply(flow, call, (unsigned)row->status, o);
}
