/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/clientmeta.h"

#include "codec/uri.h"
#include "codec/utf8.h"
#include "core/authserver/jwk.h"
#include "crypto/crypto.h"

struct reading {
	const json_t *sent;
	enum clientmeta_from from;
	struct clientmeta *meta;
	const char **why;
};

static const struct {
	const char *name;
	enum clientmeta_auth auth;
} methods[] = {
	{ "none", CLIENTMETA_NONE },
	{ "client_secret_basic", CLIENTMETA_BASIC },
	{ "client_secret_post", CLIENTMETA_POST },
	{ "private_key_jwt", CLIENTMETA_KEY },
};

static const char *const grants[] = { "authorization_code", "refresh_token", "client_credentials" };
enum { SCOPE_MAX = 64 };
static const char *const scopes[] = { CLIENTMETA_SCOPE, "proxy", "exchange" };
static const char *const texts[] = { "client_name", "software_id", "software_version" };
static const char *const addresses[] = { "client_uri", "logo_uri", "tos_uri", "policy_uri" };
static const char *const flags[] = { "dpop_bound_access_tokens",
				     "require_pushed_authorization_requests" };

static enum err refuse(const struct reading *r, const char *why)
{
	*r->why = why;
	return ERR_INVALID_METADATA;
}

static enum err keep(const struct reading *r, const char *name, json_t *value)
{
	return json_object_set_new(r->meta->json, name, value) == 0 ? OK : FAULT_NOMEM;
}

static const json_t *sent(const struct reading *r, const char *name)
{
	return json_object_get(r->sent, name);
}

/* What is not seen, or turns the direction of what stands beside it: the name is shown to the
 * person who decides. */
static const struct {
	uint32_t from, to;
} hidden[] = {
	{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0xad, 0xad },	    { 0x61c, 0x61c },
	{ 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
};

static bool is_plain(struct bytes text)
{
	uint32_t point;

	while (text.n > 0) {
		const size_t n = utf8_read(text, &point);
		if (n == 0)
			return false;
		for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
			if (point >= hidden[i].from && point <= hidden[i].to)
				return false;
		text.p += n;
		text.n -= n;
	}
	return true;
}

static enum err read_texts(const struct reading *r)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const json_t *value = sent(r, texts[i]);
		const struct bytes text = json_str(r->sent, texts[i]);
		if (value == NULL)
			continue;
		if (text.n == 0 || text.n > CLIENTMETA_NAME_MAX || !is_plain(text))
			return refuse(r, "A name is empty, longer than 128 bytes, or not plain.");
		TRY(keep(r, texts[i], json_deep_copy(value)));
	}
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		const json_t *value = sent(r, addresses[i]);
		const struct bytes text = json_str(r->sent, addresses[i]);
		struct uri uri;
		if (value == NULL)
			continue;
		if (text.n > CLIENTMETA_URL_MAX || uri_parse(text, &uri) != OK)
			return refuse(r, "The address of a page or picture is none.");
		TRY(keep(r, addresses[i], json_deep_copy(value)));
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		const json_t *value = sent(r, flags[i]);
		if (value != NULL && !json_is_boolean(value))
			return refuse(r, "A yes or no is something else.");
		if (json_is_true(value))
			TRY(keep(r, flags[i], json_true()));
	}
	return OK;
}

static enum err read_kind(const struct reading *r)
{
	const struct bytes kind = json_str(r->sent, "application_type");

	if (sent(r, "application_type") == NULL)
		return OK;
	if (!bytes_is(kind, "native") && !bytes_is(kind, "web"))
		return refuse(r, "application_type is native or web.");
	return keep(r, "application_type", json_of(kind));
}

static enum err read_redirects(const struct reading *r)
{
	const json_t *list = sent(r, "redirect_uris");
	const json_t *uri;
	size_t i;

	if (list == NULL)
		return OK;
	*r->why = "A redirect URI is https, http on the loopback, or of a private scheme; at most "
		  "16.";
	if (!json_is_array(list) || json_array_size(list) > CLIENTMETA_REDIRECTS_MAX)
		return ERR_INVALID_REDIRECT;
	json_array_foreach(list, i, uri)
	{
		const struct bytes text = { (const uint8_t *)json_string_value(uri),
					    json_string_length(uri) };
		if (!json_is_string(uri) || redirect_check(text, REDIRECT_BY_CLIENT) != OK)
			return ERR_INVALID_REDIRECT;
	}
	return json_array_size(list) == 0 ? OK : keep(r, "redirect_uris", json_deep_copy(list));
}

static bool lists(const json_t *list, const char *name)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i,
			   value) if (json_is_string(value) &&
				      strcmp(json_string_value(value), name) == 0) return true;
	return false;
}

static enum err read_method(const struct reading *r)
{
	const json_t *said = sent(r, "token_endpoint_auth_method");
	const char *fallback = r->from == CLIENTMETA_DOCUMENT ? "none" : "client_secret_basic";
	const char *name = said == NULL ? fallback : json_string_value(said);

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (name != NULL && strcmp(name, methods[i].name) == 0)
			r->meta->auth = methods[i].auth;
	if (r->meta->auth == 0)
		return refuse(r, "token_endpoint_auth_method is one that the metadata lists.");
	const bool secret = r->meta->auth == CLIENTMETA_BASIC || r->meta->auth == CLIENTMETA_POST;
	if (r->from == CLIENTMETA_DOCUMENT && (secret || sent(r, "client_secret") != NULL ||
					       sent(r, "client_secret_expires_at") != NULL))
		return refuse(r, "What anybody can read cannot share a secret with us.");
	return keep(r, "token_endpoint_auth_method", json_string(name));
}

static enum err read_grants(const struct reading *r)
{
	const json_t *said = sent(r, "grant_types");
	json_t *kept = json_array();

	TRY(keep(r, "grant_types", kept));
	if (said != NULL && !json_is_array(said))
		return refuse(r, "grant_types is a list.");
	for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
		const bool wanted = said == NULL ? i == 0 : lists(said, grants[i]);
		if (wanted && json_array_append_new(kept, json_string(grants[i])) != 0)
			return FAULT_NOMEM;
	}
	if (json_array_size(kept) == 0 ||
	    (json_array_size(kept) == 1 && lists(kept, "refresh_token")))
		return refuse(r, "None of the grant types is supported alone.");
	if (lists(kept, "client_credentials") && r->meta->auth == CLIENTMETA_NONE)
		return refuse(r, "client_credentials needs a client that can prove itself.");
	return OK;
}

static enum err read_responses(const struct reading *r)
{
	const json_t *said = sent(r, "response_types");
	const bool code =
		lists(json_object_get(r->meta->json, "grant_types"), "authorization_code");

	if (said != NULL && (!json_is_array(said) || (code && !lists(said, "code"))))
		return refuse(r, "The only response type is code.");
	if (code && json_object_get(r->meta->json, "redirect_uris") == NULL) {
		*r->why = "authorization_code needs redirect_uris.";
		return ERR_INVALID_REDIRECT;
	}
	return keep(r, "response_types", code ? json_pack("[s]", "code") : json_array());
}

/* 7591 2 lets a server replace what was asked for: what is not ours is left out, and who asks for
 * nothing is given what an MCP client needs. */
static enum err read_scope(const struct reading *r)
{
	struct bytes asked = json_str(r->sent, "scope"), word;
	char kept[SCOPE_MAX] = "";

	if (sent(r, "scope") != NULL && !json_is_string(sent(r, "scope")))
		return refuse(r, "scope is one text.");
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		for (struct bytes rest = asked; rest.n > 0;) {
			word = bytes_cut(&rest, ' ');
			if (!bytes_is(word, scopes[i]))
				continue;
			strcat(kept, kept[0] == 0 ? "" : " ");
			strcat(kept, scopes[i]);
			break;
		}
	}
	return keep(r, "scope", json_string(kept[0] == 0 ? scopes[0] : kept));
}

static enum err read_keys(const struct reading *r)
{
	const json_t *jwks = sent(r, "jwks");
	const json_t *address = sent(r, "jwks_uri");
	const json_t *alg = sent(r, "token_endpoint_auth_signing_alg");
	const struct bytes url = json_str(r->sent, "jwks_uri");
	struct uri uri;

	if (jwks != NULL && address != NULL)
		return refuse(r, "jwks and jwks_uri do not go together.");
	if (r->meta->auth == CLIENTMETA_KEY && jwks == NULL && address == NULL)
		return refuse(r, "private_key_jwt needs jwks or jwks_uri.");
	if (jwks != NULL) {
		const enum err err = jwks_check(jwks);
		if (err < 0)
			return err;
		if (err != OK)
			return refuse(r, "jwks holds 1 to 16 public keys, of which one is usable.");
		TRY(keep(r, "jwks", json_deep_copy(jwks)));
	}
	if (address != NULL) {
		if (url.n > CLIENTMETA_URL_MAX || uri_parse(url, &uri) != OK || !uri.https)
			return refuse(r, "jwks_uri is an https address.");
		TRY(keep(r, "jwks_uri", json_of(url)));
	}
	if (alg == NULL)
		return OK;
	if (jwk_alg_find(json_str(r->sent, "token_endpoint_auth_signing_alg")) == 0)
		return refuse(r, "token_endpoint_auth_signing_alg is one that the metadata lists.");
	return keep(r, "token_endpoint_auth_signing_alg", json_deep_copy(alg));
}

static enum err read_address(const struct reading *r, struct bytes address)
{
	if (r->from != CLIENTMETA_DOCUMENT)
		return OK;
	if (!bytes_eq(json_str(r->sent, "client_id"), address))
		return refuse(r, "The document names another client_id than its own address.");
	if (sent(r, "client_name") == NULL)
		return refuse(r, "A document has a client_name.");
	return keep(r, "client_id", json_of(address));
}

static enum err read_all(const struct reading *r, struct bytes address)
{
	static enum err (*const readers[])(const struct reading *) = {
		read_texts,  read_kind,	     read_redirects, read_method,
		read_grants, read_responses, read_scope,     read_keys,
	};

	if (!json_is_object(r->sent))
		return refuse(r, "Client metadata is a JSON object.");
	TRY(read_address(r, address));
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		TRY(readers[i](r));
	return OK;
}

enum err clientmeta_read(const json_t *json, enum clientmeta_from from, struct bytes address,
			 struct clientmeta *ret, const char **ret_why)
{
	struct clientmeta meta = { .json = json_object() };
	const struct reading reading = { json, from, &meta, ret_why };

	if (meta.json == NULL)
		return FAULT_NOMEM;
	const enum err err = read_all(&reading, address);
	if (err != OK) {
		clientmeta_done(&meta);
		return err;
	}
	*ret = meta;
	return OK;
}

void clientmeta_done(struct clientmeta *meta)
{
	json_free(&meta->json);
}

bool clientmeta_address_ok(struct bytes url)
{
	struct uri uri;

	return url.n <= CLIENTMETA_URL_MAX && uri_parse(url, &uri) == OK && uri.https &&
	       uri.path.n > 1;
}

enum clientmeta_auth clientmeta_auth(const json_t *kept)
{
	const struct bytes name = json_str(kept, "token_endpoint_auth_method");

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (bytes_is(name, methods[i].name))
			return methods[i].auth;
	return CLIENTMETA_NONE;
}

bool clientmeta_grants(const json_t *kept, const char *grant_type)
{
	return lists(json_object_get(kept, "grant_types"), grant_type);
}

bool clientmeta_flag(const json_t *kept, const char *name)
{
	return json_is_true(json_object_get(kept, name));
}

bool clientmeta_redirects(const json_t *kept, struct bytes asked)
{
	const json_t *uri;
	size_t i;

	json_array_foreach(
		json_object_get(kept, "redirect_uris"), i,
		uri) if (redirect_allowed((struct bytes){ (const uint8_t *)json_string_value(uri),
							  json_string_length(uri) },
					  asked)) return true;
	return false;
}

enum err clientmeta_fingerprint(const json_t *kept, uint8_t ret[static 32])
{
	static const char *const bound[] = { "redirect_uris", "jwks", "jwks_uri",
					     "token_endpoint_auth_method" };
	scoped(dynbuf_done) struct dynbuf text = { .max = 64 * 1024 };

	for (size_t i = 0; i < ARRAY_LEN(bound); i++) {
		const json_t *value = json_object_get(kept, bound[i]);
		dynbuf_u8(&text, '\n');
		if (value != NULL)
			json_print(value, &text);
	}
	TRY(dynbuf_err(&text));
	sha256_one(dynbuf_view(&text), ret);
	return OK;
}
