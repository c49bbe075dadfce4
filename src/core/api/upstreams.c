/* SPDX-License-Identifier: Apache-2.0 */
/* Remote MCP servers as services, and what we publish to be a client of theirs. */
#include "core/api/reply.h"
#include "core/flow/upstream.h"
#include "core/oauth/discovery.h"

static void added(struct flow *flow, struct call *call, enum err err, const void *result)
{
	static const char *const hows[] = {
		[UPSTREAM_CLIENT_MISSING] = "missing",
		[UPSTREAM_CLIENT_GIVEN] = "given",
		[UPSTREAM_CLIENT_KEPT] = "kept",
		[UPSTREAM_CLIENT_DOCUMENT] = "document",
		[UPSTREAM_CLIENT_REGISTERED] = "registered",
		[UPSTREAM_CLIENT_NONE] = "none",
	};
	const struct upstream_added *made = result;
	json_t *o;

	if (err == OK)
		err = services_json(flow, call, str(made->service), &o);
	if (err != OK) {
		reply_problem(flow, call, err, call->detail);
		return;
	}
	json_object_set_new(o, "registration", json_string(hows[made->client]));
	reply_json(flow, call, 201, o);
}

enum err post_mcp_service(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "url",	  "id",		 "name",
					     "client_id", "client_auth", "dynamic" };
	scoped(json_free) json_t *body = NULL;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	const struct upstream_new new = {
		.url = json_str(body, "url"),
		.id = json_str(body, "id"),
		.name = json_str(body, "name"),
		.client_id = json_str(body, "client_id"),
		.client_auth = json_str(body, "client_auth"),
		.dynamic = json_is_true(json_object_get(body, "dynamic")),
	};
	call->done = added;
	return upstream_add(flow, call, &new);
}

enum err get_client_document(struct flow *flow, struct call *call, const struct api_in *in)
{
	char url[UPSTREAM_URL_MAX], redirect[FLOW_REDIRECT_MAX];

	(void)in;
	if (!upstream_has_document(flow))
		return ERR_NO_ROUTE;
	upstream_document(flow, url);
	flow_redirect_uri(flow, redirect);
	json_t *document = discovery_client(str(url), str(redirect), SERVICE_AUTH_NONE);
	if (document == NULL)
		return FAULT_NOMEM;
	json_object_set_new(document, "client_uri", json_string(flow->settings.issuer));
	call_header(call, "cache-control", str("max-age=3600"));
	reply_json(flow, call, 200, document);
	return OK;
}
