/* SPDX-License-Identifier: Apache-2.0 */
/* What programs may find out about this server: RFC 8414, OpenID Connect Discovery 1.0, RFC 9728.
 */
#include <stdio.h>

#include "core/api/reply.h"
#include "core/flow/clients.h"
#include "core/flow/grants.h"
#include "core/flow/proof.h"

static void set_url(json_t *o, const struct flow *flow, const char *name, const char *path)
{
	char url[sizeof flow->settings.issuer + 64];

	snprintf(url, sizeof url, "%s%s", flow->settings.issuer, path);
	json_object_set_new(o, name, json_string(url));
}

static json_t *algorithms(void)
{
	json_t *list = json_array();

	for (size_t i = 0; clients_algorithm(i) != NULL; i++)
		json_array_append_new(list, json_string(clients_algorithm(i)));
	return list;
}

static json_t *dpop_algorithms(void)
{
	json_t *list = json_array();

	for (enum jwk_alg alg = 1; alg < JWK_ALG_END; alg++)
		json_array_append_new(list, json_string(jwk_alg_name(alg)));
	return list;
}

static json_t *scopes(void)
{
	json_t *list = json_array();

	for (size_t i = 0; grants_scope(i) != NULL; i++)
		json_array_append_new(list, json_string(grants_scope(i)->name));
	return list;
}

/* RFC 8414 section 2. Only what works is named; section 3.2 leaves empty lists out. */
enum err get_metadata(struct flow *flow, struct call *call, const struct api_in *in)
{
	json_t *o = json_object();

	(void)in;
	json_object_set_new(o, "issuer", json_string(flow->settings.issuer));
	set_url(o, flow, "authorization_endpoint", "authorize");
	set_url(o, flow, "token_endpoint", "oauth/token");
	set_url(o, flow, "revocation_endpoint", "oauth/revoke");
	set_url(o, flow, "introspection_endpoint", "oauth/introspect");
	json_object_set_new(o, "response_types_supported", json_pack("[s]", "code"));
	json_object_set_new(o, "response_modes_supported", json_pack("[s]", "query"));
	json_object_set_new(o, "code_challenge_methods_supported", json_pack("[s]", "S256"));
	json_object_set_new(o, "authorization_response_iss_parameter_supported", json_true());
	json_object_set_new(o, "scopes_supported", scopes());
	json_object_set_new(o, "grant_types_supported",
			    json_pack("[s,s,s,s]", "authorization_code", "refresh_token",
				      "client_credentials",
				      "urn:ietf:params:oauth:grant-type:token-exchange"));
	json_object_set_new(o, "token_endpoint_auth_methods_supported",
			    json_pack("[s,s,s,s]", "client_secret_basic", "client_secret_post",
				      "private_key_jwt", "none"));
	json_object_set_new(o, "token_endpoint_auth_signing_alg_values_supported", algorithms());
	set_url(o, flow, "pushed_authorization_request_endpoint", "oauth/par");
	json_object_set_new(o, "dpop_signing_alg_values_supported", dpop_algorithms());
	if (flow->settings.client_documents && flow->documents_from <= flow->boot)
		json_object_set_new(o, "client_id_metadata_document_supported", json_true());
	if (flow->settings.registration_open)
		set_url(o, flow, "registration_endpoint", "oauth/register");
	reply_json(flow, call, 200, o);
	return OK;
}

/* RFC 9728 2, of the resource that the path behind the well-known one names: a vault's MCP
 * endpoint, known or not: it says nothing about whether there is such a vault. */
static enum err reply_resource(struct flow *flow, struct call *call, const char *resource)
{
	json_t *o = json_object();

	json_object_set_new(o, "resource", json_string(resource));
	json_object_set_new(o, "authorization_servers", json_pack("[s]", flow->settings.issuer));
	json_object_set_new(o, "scopes_supported", json_pack("[s]", GRANTS_SCOPE_MCP));
	json_object_set_new(o, "bearer_methods_supported", json_pack("[s]", "header"));
	json_object_set_new(o, "dpop_signing_alg_values_supported", dpop_algorithms());
	json_object_set_new(o, "resource_name", json_string("Valetkey"));
	reply_json(flow, call, 200, o);
	return OK;
}

enum err get_resource_metadata(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	return reply_resource(flow, call, flow->settings.issuer);
}

enum err get_mcp_metadata(struct flow *flow, struct call *call, const struct api_in *in)
{
	char resource[GRANTS_RESOURCE_MAX];
	struct id vault;

	if (id_parse("vault", in->vars[0], &vault) != OK)
		return ERR_NO_ROUTE;
	grants_resource_print(flow, vault, resource);
	return reply_resource(flow, call, resource);
}
