/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/discovery.h"

#include "codec/challenge.h"
#include "codec/uri.h"
#include "core/catalog/address.h"

static const char resource_place[] = "/.well-known/oauth-protected-resource";
static const char oauth_place[] = "/.well-known/oauth-authorization-server";
static const char openid_place[] = "/.well-known/openid-configuration";

static enum err refuse(struct discovery *d, const char *why)
{
	d->why = why;
	return ERR_PROVIDER_REFUSED;
}

/* An address that a service file may have; braces would be places for variables there. */
static bool address_ok(struct bytes text, struct uri *ret)
{
	return text.n > 0 && text.n <= DISCOVERY_URL_MAX && memchr(text.p, '{', text.n) == NULL &&
	       memchr(text.p, '}', text.n) == NULL && uri_parse(text, ret) == OK &&
	       (ret->https || address_loopback(ret->host));
}

enum err discovery_begin(struct bytes url, struct discovery *ret)
{
	struct discovery d = { 0 };
	struct uri uri;

	if (!address_ok(url, &uri))
		return ERR_MALFORMED;
	TRY(bytes_str(url, d.url, sizeof d.url));
	*ret = d;
	return OK;
}

/* Scopes as one text, each checked; false: it is none, or too many. */
static bool scopes_take(struct bytes text, char to[static SCOPES_MAX_BYTES + 1])
{
	struct scopes scopes;

	return scopes_parse(text, " ", &scopes) == OK && scopes_print(&scopes, to) == OK;
}

void discovery_challenge(struct discovery *d, struct bytes challenge)
{
	uint8_t room[SCOPES_MAX_BYTES];
	struct dynbuf value = { .p = room, .room = sizeof room, .max = sizeof room };
	struct uri uri;

	if (d->metadata[0] != 0 || !challenge_has(challenge, "Bearer"))
		return;
	if (challenge_find(challenge, "Bearer", "resource_metadata", &value) == OK &&
	    address_ok(dynbuf_view(&value), &uri) &&
	    bytes_str(dynbuf_view(&value), d->metadata, sizeof d->metadata) != OK)
		d->metadata[0] = 0;
	value.n = 0;
	value.err = OK;
	if (challenge_find(challenge, "Bearer", "scope", &value) == OK &&
	    !scopes_take(dynbuf_view(&value), d->challenged))
		d->challenged[0] = 0;
}

/* What stands behind the origin, "/" counting as nothing (RFC 9728 3.1, RFC 8414 3.1). */
static struct bytes behind(const struct uri *uri)
{
	struct bytes rest = { uri->path.p, uri->path.n };

	if (bytes_is(uri->path, "/"))
		rest.n = 0;
	while (rest.n > 0 && rest.p[rest.n - 1] == '/')
		rest.n--;
	return rest;
}

static bool place(const struct uri *uri, struct bytes before, const char *name, struct bytes after,
		  struct dynbuf *out)
{
	dynbuf_bytes(out, uri->origin);
	dynbuf_bytes(out, before);
	dynbuf_str(out, name);
	dynbuf_bytes(out, after);
	return true;
}

bool discovery_resource_url(const struct discovery *d, unsigned n, struct dynbuf *out)
{
	const struct bytes none = { NULL, 0 };
	struct uri uri;

	if (d->metadata[0] != 0) {
		dynbuf_str(out, d->metadata);
		return n == 0;
	}
	if (uri_parse(str(d->url), &uri) != OK)
		return false;
	const struct bytes path = behind(&uri);
	if (path.n > 0 && n == 0)
		return place(&uri, none, resource_place, path, out);
	return n == (path.n > 0 ? 1U : 0U) && place(&uri, none, resource_place, none, out);
}

bool discovery_server_url(const struct discovery *d, unsigned n, struct dynbuf *out)
{
	const struct bytes none = { NULL, 0 };
	struct uri uri;

	if (uri_parse(str(d->issuer), &uri) != OK)
		return false;
	const struct bytes path = behind(&uri);
	switch (n) {
	case 0:
		return place(&uri, none, oauth_place, path, out);
	case 1:
		return place(&uri, none, openid_place, path, out);
	case 2:
		return path.n > 0 && place(&uri, path, openid_place, none, out);
	default:
		return false;
	}
}

static enum err document_read(struct bytes document, json_t **ret)
{
	scoped(json_free) json_t *json = NULL;

	const enum err err = document.n > DISCOVERY_DOCUMENT_MAX
				     ? ERR_NOT_FOUND
				     : json_parse(document, &json_request_limits, &json);
	if (err == FAULT_NOMEM)
		return err;
	if (err != OK || !json_is_object(json))
		return ERR_NOT_FOUND;
	*ret = take(json);
	return OK;
}

/* Whether @list, where it is there at all, has @word. */
static bool lists(const json_t *object, const char *name, const char *word, bool otherwise)
{
	const json_t *list = json_object_get(object, name);

	if (list == NULL)
		return otherwise;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text != NULL && strcmp(text, word) == 0)
			return true;
	}
	return false;
}

static bool whole_path(struct bytes path, struct bytes before)
{
	return before.n == 0 || path.n == before.n || path.p[before.n] == '/';
}

/* RFC 9728 3.3 asks for equality with what was asked for; MCP lets a server name the origin or a
 * folder that it stands in. */
static bool resource_fits(const struct discovery *d, struct bytes resource)
{
	struct uri own, named;

	if (uri_parse(str(d->url), &own) != OK || !address_ok(resource, &named) ||
	    !uri_same_origin(&own, &named))
		return false;
	if (named.query.p != NULL)
		return bytes_is(resource, d->url);
	const struct bytes before = behind(&named);
	return own.path.n >= before.n && bytes_eq(before, (struct bytes){ own.path.p, before.n }) &&
	       whole_path(own.path, before);
}

/* RFC 9728 2, RFC 8414 2: an issuer has no query, and no fragment. */
static bool issuer_take(struct bytes text, discovery_url to)
{
	struct uri uri;

	return address_ok(text, &uri) && uri.query.p == NULL &&
	       bytes_str(text, to, DISCOVERY_URL_MAX + 1) == OK;
}

static enum err scopes_read(struct discovery *d, const json_t *list)
{
	struct scopes scopes = { 0 };

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const struct bytes name = { (const uint8_t *)json_string_value(item),
					    json_string_length(item) };
		/* It belongs to the authorization server, not to a resource. */
		if (bytes_is(name, "offline_access"))
			continue;
		if (!json_is_string(item) || scopes_add(&scopes, name) != OK)
			return refuse(d, "The server's metadata lists scopes that are none, or too "
					 "many.");
	}
	return scopes_print(&scopes, d->supported) == OK
		       ? OK
		       : refuse(d, "The server's metadata lists too many scopes.");
}

enum err discovery_resource_read(struct discovery *d, struct bytes document)
{
	scoped(json_free) json_t *json = NULL;

	TRY(document_read(document, &json));
	const struct bytes resource = json_str(json, "resource");
	const json_t *servers = json_object_get(json, "authorization_servers");
	const json_t *first = json_array_get(servers, 0);

	if (!resource_fits(d, resource))
		return refuse(d, "The server's metadata is about another resource.");
	if (!lists(json, "bearer_methods_supported", "header", true))
		return refuse(d, "The server takes no token in a header.");
	if (!json_is_string(first) ||
	    !issuer_take((struct bytes){ (const uint8_t *)json_string_value(first),
					 json_string_length(first) },
			 d->issuer))
		return refuse(d, "The server's metadata names no authorization server that can be "
				 "used.");
	TRY(scopes_read(d, json_object_get(json, "scopes_supported")));
	return bytes_str(resource, d->resource, sizeof d->resource);
}

enum err discovery_no_resource(struct discovery *d)
{
	struct uri uri;

	if (d->metadata[0] != 0)
		return refuse(d, "The metadata that the server's challenge names is not there.");
	if (!d->refused)
		return ERR_UNSUPPORTED;
	TRY(uri_parse(str(d->url), &uri));
	d->legacy = true;
	memcpy(d->resource, d->url, sizeof d->resource);
	return bytes_str(uri.origin, d->issuer, sizeof d->issuer);
}

static bool address_take(const json_t *object, const char *name, discovery_url to)
{
	const struct bytes text = json_str(object, name);
	struct uri uri;

	return address_ok(text, &uri) && bytes_str(text, to, DISCOVERY_URL_MAX + 1) == OK;
}

static bool is_there(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value != NULL && !json_is_null(value);
}

static bool is_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

static enum err endpoints_read(struct discovery *d, const json_t *json)
{
	if (!address_take(json, "authorization_endpoint", d->authorize) ||
	    !address_take(json, "token_endpoint", d->token))
		return refuse(d, "The authorization server's metadata has no endpoints that can be "
				 "used.");
	if ((is_there(json, "registration_endpoint") &&
	     !address_take(json, "registration_endpoint", d->registration)) ||
	    (is_there(json, "revocation_endpoint") &&
	     !address_take(json, "revocation_endpoint", d->revocation)))
		return refuse(d, "The authorization server's metadata has an endpoint that cannot "
				 "be used.");
	return OK;
}

enum err discovery_server_read(struct discovery *d, struct bytes document)
{
	static const char methods[] = "token_endpoint_auth_methods_supported";
	scoped(json_free) json_t *json = NULL;

	TRY(document_read(document, &json));
	if (!bytes_is(json_str(json, "issuer"), d->issuer))
		return refuse(d, "The authorization server's metadata names another issuer.");
	if (!lists(json, "code_challenge_methods_supported", "S256", false))
		return refuse(d, "The authorization server does not announce PKCE with S256.");
	if (!lists(json, "response_types_supported", "code", true) ||
	    !lists(json, "grant_types_supported", "authorization_code", true))
		return refuse(d, "The authorization server has no authorization code grant.");
	TRY(endpoints_read(d, json));
	d->basic = lists(json, methods, "client_secret_basic", true);
	d->post = lists(json, methods, "client_secret_post", false);
	d->none = lists(json, methods, "none", false);
	d->offline = lists(json, "scopes_supported", "offline_access", false);
	d->iss = is_true(json, "authorization_response_iss_parameter_supported");
	d->documents = is_true(json, "client_id_metadata_document_supported");
	return OK;
}

static void fixed_place(const struct discovery *d, const char *path, discovery_url to)
{
	struct dynbuf out = { .p = (uint8_t *)to,
			      .room = DISCOVERY_URL_MAX,
			      .max = DISCOVERY_URL_MAX };

	dynbuf_str(&out, d->issuer);
	dynbuf_str(&out, path);
	to[out.n] = 0;
}

enum err discovery_no_server(struct discovery *d)
{
	if (!d->legacy)
		return refuse(d, "The authorization server does not publish its metadata.");
	fixed_place(d, "/authorize", d->authorize);
	fixed_place(d, "/token", d->token);
	fixed_place(d, "/register", d->registration);
	d->basic = d->post = d->none = true;
	return OK;
}

enum err discovery_auth(struct discovery *d, struct bytes asked, enum service_auth *ret)
{
	const struct {
		const char *name;
		enum service_auth auth;
		bool there;
	} ways[] = {
		{ "basic", SERVICE_AUTH_BASIC, d->basic },
		{ "post", SERVICE_AUTH_POST, d->post },
		{ "none", SERVICE_AUTH_NONE, d->none },
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (!ways[i].there || (asked.n > 0 && !bytes_is(asked, ways[i].name)))
			continue;
		*ret = ways[i].auth;
		return OK;
	}
	return refuse(d, "The authorization server takes no proof of a client that Valetkey has: "
			 "client_secret_basic, client_secret_post or none.");
}

bool discovery_takes_document(const struct discovery *d)
{
	return d->documents && d->none;
}
