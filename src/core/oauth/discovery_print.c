/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uri.h"
#include "core/catalog/address.h"
#include "core/oauth/discovery.h"

static const char *const auth_words[] = {
	[SERVICE_AUTH_BASIC] = "client_secret_basic",
	[SERVICE_AUTH_POST] = "client_secret_post",
	[SERVICE_AUTH_NONE] = "none",
};

static const char *const file_words[] = {
	[SERVICE_AUTH_BASIC] = "basic",
	[SERVICE_AUTH_POST] = "post",
	[SERVICE_AUTH_NONE] = "none",
};

/* OpenID Connect Registration 2: one that browsers return to over http on their own machine is no
 * web application. */
static const char *application_type(struct bytes redirect_uri)
{
	struct uri uri;

	return uri_parse(redirect_uri, &uri) == OK && uri.https ? "web" : "native";
}

json_t *discovery_client(struct bytes client_id, struct bytes redirect_uri, enum service_auth auth)
{
	json_t *client = json_object();

	if (client_id.n > 0)
		json_object_set_new(client, "client_id", json_of(client_id));
	json_object_set_new(client, "client_name", json_string("Valetkey"));
	json_object_set_new(client, "redirect_uris", json_pack("[o]", json_of(redirect_uri)));
	json_object_set_new(client, "grant_types",
			    json_pack("[s,s]", "authorization_code", "refresh_token"));
	json_object_set_new(client, "response_types", json_pack("[s]", "code"));
	json_object_set_new(client, "token_endpoint_auth_method", json_string(auth_words[auth]));
	json_object_set_new(client, "application_type",
			    json_string(application_type(redirect_uri)));
	return client;
}

/* Those that are asked for where nobody says what. */
static struct bytes usual_scopes(const struct discovery *d)
{
	return str(d->challenged[0] != 0 ? d->challenged : d->supported);
}

json_t *discovery_registration(const struct discovery *d, struct bytes redirect_uri,
			       enum service_auth auth)
{
	json_t *client = discovery_client((struct bytes){ NULL, 0 }, redirect_uri, auth);
	char text[2 * SCOPES_MAX_BYTES + 32];
	struct dynbuf scope = { .p = (uint8_t *)text, .room = sizeof text, .max = sizeof text };

	if (usual_scopes(d).n == 0)
		return client;
	dynbuf_bytes(&scope, usual_scopes(d));
	if (d->offline)
		dynbuf_str(&scope, " offline_access");
	json_object_set_new(client, "scope", json_of(dynbuf_view(&scope)));
	return client;
}

static bool printable(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	return text.n > 0;
}

/* RFC 7591 3.2.1: the answer says what was registered, which may be something else. */
static bool auth_read(const json_t *json, enum service_auth asked, enum service_auth *ret)
{
	const struct bytes named = json_str(json, "token_endpoint_auth_method");

	*ret = asked;
	if (named.n == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(auth_words); i++) {
		if (auth_words[i] == NULL || !bytes_is(named, auth_words[i]))
			continue;
		*ret = (enum service_auth)i;
		return true;
	}
	return false;
}

enum err discovery_registered(struct discovery *d, struct bytes answer, bool secret,
			      enum service_auth asked, struct discovery_registered *ret)
{
	struct discovery_registered registered = { .auth = asked };
	scoped(json_free) json_t *json = NULL;

	d->why = "The authorization server's answer to the registration cannot be used.";
	const enum err err = json_parse(answer, &json_request_limits, &json);
	if (err != OK)
		return err == FAULT_NOMEM ? err : ERR_PROVIDER_REFUSED;
	const struct bytes client_id = json_str(json, "client_id");
	if (!printable(client_id) ||
	    bytes_str(client_id, registered.client_id, sizeof registered.client_id) != OK ||
	    !auth_read(json, asked, &registered.auth) ||
	    (registered.auth != SERVICE_AUTH_NONE && !secret))
		return ERR_PROVIDER_REFUSED;
	d->why = NULL;
	*ret = registered;
	return OK;
}

void discovery_id(const struct discovery *d, char to[static SERVICE_ID_LEN + 1])
{
	static const char *const common[] = { "mcp.", "www.", "api." };
	struct dynbuf out = { .p = (uint8_t *)to, .room = SERVICE_ID_LEN, .max = SERVICE_ID_LEN };
	struct uri uri;

	to[0] = 0;
	if (uri_parse(str(d->url), &uri) != OK)
		return;
	struct bytes host = uri.host;
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (bytes_starts(host, common[i]) && host.n > 4) {
			host = (struct bytes){ host.p + 4, host.n - 4 };
			break;
		}
	if (host.p[0] < 'a' || host.p[0] > 'z')
		dynbuf_str(&out, "mcp-");
	for (size_t i = 0; i < host.n && out.n < SERVICE_ID_LEN; i++) {
		const uint8_t c = host.p[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		dynbuf_u8(&out, plain ? c : '-');
	}
	to[out.n] = 0;
}

/* Only the server knows what they permit. */
static json_t *scope_row(const char *name)
{
	char says[SCOPE_MAX_BYTES + 64];
	struct dynbuf text = { .p = (uint8_t *)says, .room = sizeof says, .max = sizeof says };

	if (strcmp(name, "offline_access") == 0)
		dynbuf_str(&text, "Keep the access while you are away");
	else
		dynbuf_printf(&text, "What the server calls '%s'", name);
	return json_pack("{s:o,s:s}", "says", json_of(dynbuf_view(&text)), "risk", "medium");
}

static void add_rows(struct bytes scopes, json_t *rows)
{
	char name[SCOPE_MAX_BYTES + 1];

	while (scopes.n > 0)
		if (bytes_str(bytes_cut(&scopes, ' '), name, sizeof name) == OK)
			json_object_set_new(rows, name, scope_row(name));
}

static json_t *words(struct bytes text)
{
	json_t *list = json_array();

	while (text.n > 0)
		json_array_append_new(list, json_of(bytes_cut(&text, ' ')));
	return list;
}

static void add_scopes(const struct discovery *d, json_t *oauth)
{
	json_t *rows = json_object(), *scope = json_object();

	if (usual_scopes(d).n == 0) {
		json_decref(rows);
		json_decref(scope);
		json_object_set_new(oauth, "scope", json_string("none"));
		return;
	}
	add_rows(str(d->supported), rows);
	add_rows(str(d->challenged), rows);
	if (d->challenged[0] != 0)
		json_object_set_new(scope, "default", words(str(d->challenged)));
	if (d->offline) {
		add_rows(str("offline_access"), rows);
		json_object_set_new(scope, "always", words(str("offline_access")));
		/* OpenID Connect Core 11: without it the scope is ignored. */
		json_object_set_new(json_object_get(oauth, "authorize_params"), "prompt",
				    json_string("consent"));
	}
	json_object_set_new(oauth, "scope", scope);
	json_object_set_new(oauth, "scopes", rows);
}

static json_t *oauth_part(const struct discovery *d, enum service_auth auth)
{
	static const char *const calls[] = { "authorize_params", "token_params", "refresh_params" };
	json_t *oauth = json_object();

	json_object_set_new(oauth, "authorize_url", json_string(d->authorize));
	json_object_set_new(oauth, "token_url", json_string(d->token));
	if (d->revocation[0] != 0)
		json_object_set_new(oauth, "revoke_url", json_string(d->revocation));
	json_object_set_new(oauth, "issuer", json_string(d->issuer));
	json_object_set_new(oauth, "iss", json_string(d->iss ? "required" : "optional"));
	json_object_set_new(oauth, "client_auth", json_string(file_words[auth]));
	json_object_set_new(oauth, "pkce", json_string("S256"));
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		json_object_set_new(oauth, calls[i], json_pack("{s:s}", "resource", d->resource));
	json_object_set_new(oauth, "refresh", json_pack("{s:s}", "class", "strict"));
	json_object_set_new(oauth, "account", json_string("none"));
	add_scopes(d, oauth);
	return oauth;
}

enum err discovery_print(const struct discovery *d, const struct discovery_naming *naming,
			 enum service_auth auth, struct dynbuf *out)
{
	scoped(json_free) json_t *file = json_object();
	char id[SERVICE_ID_LEN + 1];
	struct uri uri;

	if (file == NULL)
		return FAULT_NOMEM;
	TRY(uri_parse(str(d->url), &uri));
	discovery_id(d, id);
	json_object_set_new(file, "id", naming->id.n > 0 ? json_of(naming->id) : json_string(id));
	json_object_set_new(file, "name", json_of(naming->name.n > 0 ? naming->name : uri.host));
	json_object_set_new(file, "mcp", json_pack("{s:s}", "url", d->url));
	if (!d->open)
		json_object_set_new(file, "oauth", oauth_part(d, auth));
	json_object_set_new(
		file, "api",
		json_pack("{s:[o],s:s}", "hosts", json_of(uri.origin), "auth", "bearer"));
	json_object_set_new(file, "tools", json_array());
	json_print(file, out);
	return dynbuf_err(out);
}
