/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/section.h"

#include "model/scopes.h"

#define WORDS(name, ...)                                                                           \
	static const char *const name##_words[] = { __VA_ARGS__ };                                 \
	static const struct reader_words name = { ARRAY_LEN(name##_words), name##_words }

WORDS(auths, "basic", "post", "none", "secret_basic");
WORDS(bodies, "form", "json");
WORDS(classes, "none", "stable", "replaced", "grace", "strict", "until_used");
WORDS(risks, "low", "medium", "high", "critical");
/* What provider.c sets itself: a file may not say it again. */
WORDS(authorize_ours, "client_id", "redirect_uri", "state", "response_type", "scope",
      "code_challenge", "code_challenge_method");
WORDS(token_ours, "grant_type", "code", "refresh_token", "redirect_uri", "client_id",
      "client_secret", "code_verifier");

#define OAUTH(member) offsetof(struct service_oauth, member)

static struct bytes or_else(struct bytes text, const char *otherwise)
{
	return text.n > 0 ? text : str(otherwise);
}

static enum err read_pkce(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || (!bytes_is(text, "S256") && !bytes_is(text, "none")))
		return READER_REFUSE(r, node, "'pkce' must be one of: S256, none");
	*(bool *)to = bytes_is(text, "S256");
	return OK;
}

static enum err read_iss(const struct reader *r, const struct yaml_node *node,
			 const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || (!bytes_is(text, "required") && !bytes_is(text, "optional")))
		return READER_REFUSE(r, node, "'iss' must be one of: required, optional");
	*(bool *)to = bytes_is(text, "optional");
	return OK;
}

static enum err read_expiry(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "introspect", reader_template, OAUTH(introspect_url), false, NULL },
		{ "assume", reader_seconds, OAUTH(assume_s), true, NULL },
	};
	struct service_oauth *oauth = to;
	struct bytes text;

	if (yaml_str(node, &text) && (bytes_is(text, "reply") || bytes_is(text, "never"))) {
		oauth->expiry =
			bytes_is(text, "reply") ? SERVICE_EXPIRY_REPLY : SERVICE_EXPIRY_NEVER;
		return OK;
	}
	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'expiry' must be reply, never or {assume: SECONDS}");
	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), oauth));
	oauth->expiry =
		oauth->introspect_url.n > 0 ? SERVICE_EXPIRY_INTROSPECT : SERVICE_EXPIRY_ASSUME;
	return OK;
}

/* Protocols that a provider may have and this version does not speak: refused by their names. */
static enum err read_protocol(const struct reader *r, const struct yaml_node *node,
			      const struct reader_key *key, void *to)
{
	static const struct {
		const char *name, *says;
	} others[] = {
		{ "oauth1", "OAuth 1.0a, whose requests are signed" },
		{ "app_installation", "app installations, where a key of the app signs a JWT" },
		{ "service_account", "service accounts, where a key signs a JWT" },
		{ "api_key", "keys that a person pastes" },
	};
	struct bytes text;

	if (yaml_str(node, &text) && bytes_is(text, "oauth2"))
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (yaml_str(node, &text) && bytes_is(text, others[i].name))
			return READER_REFUSE(r, node, "'%s' is not supported by this version: %s",
					     others[i].name, others[i].says);
	return READER_REFUSE(r, node, "'protocol' must be oauth2");
}

static enum err read_separator(const struct reader *r, const struct yaml_node *node,
			       const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || text.n != 1 || strchr(" ,;", text.p[0]) == NULL)
		return READER_REFUSE(r, node, "'separator' must be one of: \" \" \",\" \";\"");
	*(char *)to = (char)text.p[0];
	return OK;
}

static enum err read_separators(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || text.n == 0 || text.n > 3)
		return READER_REFUSE(r, node, "'reply_separators' must be 1 to 3 of: \" ,;\"");
	for (size_t i = 0; i < text.n; i++)
		if (strchr(" ,;", text.p[i]) == NULL)
			return READER_REFUSE(r, node,
					     "'reply_separators' must be 1 to 3 of: \" ,;\"");
	*(struct bytes *)to = text;
	return OK;
}

static enum err read_scope(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "parameter", reader_name, OAUTH(scope_parameter), false, NULL },
		{ "separator", read_separator, OAUTH(scope_separator), false, NULL },
		{ "reply_separators", read_separators, OAUTH(reply_separators), false, NULL },
		{ "always", reader_list, OAUTH(scope_always), false, NULL },
		{ "default", reader_list, OAUTH(scope_default), false, NULL },
	};
	struct service_oauth *oauth = to;
	struct bytes text;

	if (yaml_str(node, &text) && bytes_is(text, "none")) {
		oauth->has_scopes = false;
		return OK;
	}
	return reader_map(r, node, keys, ARRAY_LEN(keys), oauth);
}

#define REPLY(member) offsetof(struct service_reply, member)

static enum err read_reply(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "access_token", reader_path, REPLY(access_token), false, NULL },
		{ "refresh_token", reader_path, REPLY(refresh_token), false, NULL },
		{ "expires_in", reader_path, REPLY(expires_in), false, NULL },
		{ "expires_at", reader_path, REPLY(expires_at), false, NULL },
		{ "refresh_expires_in", reader_path, REPLY(refresh_expires_in), false, NULL },
		{ "scope", reader_path, REPLY(scope), false, NULL },
		{ "token_type", reader_path, REPLY(token_type), false, NULL },
		{ "token_types", reader_list, REPLY(token_types), false, NULL },
	};

	return reader_map(r, node, keys, ARRAY_LEN(keys), to);
}

static enum err read_errors(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "member", section_error_member, 0, false, NULL },
		{ "ok", reader_path, offsetof(struct service_errors, ok), false, NULL },
		{ "terminal", reader_list, offsetof(struct service_errors, terminal), false, NULL },
		{ "config", reader_list, offsetof(struct service_errors, config), false, NULL },
		{ "interaction", reader_list, offsetof(struct service_errors, interaction), false,
		  NULL },
		{ "transient", reader_list, offsetof(struct service_errors, transient), false,
		  NULL },
	};

	return reader_map(r, node, keys, ARRAY_LEN(keys), to);
}

static enum err read_refresh(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "class", reader_enum, OAUTH(class), true, &classes },
		{ "retry_within", reader_seconds, OAUTH(retry_within_s), false, NULL },
		{ "reply", read_reply, OAUTH(refresh_reply), false, NULL },
		{ "kills_access", reader_bool, OAUTH(kills_access), false, NULL },
		{ "redirect_uri", reader_bool, OAUTH(refresh_redirect), false, NULL },
		{ "lives", reader_seconds, OAUTH(lives_s), false, NULL },
		{ "idle", reader_seconds, OAUTH(idle_s), false, NULL },
	};
	struct service_oauth *oauth = to;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), oauth));
	if ((oauth->class == SERVICE_CLASS_GRACE) != (oauth->retry_within_s > 0))
		return READER_REFUSE(r, node,
				     "'retry_within' goes with class grace, and only with it");
	return OK;
}

static enum err read_scopes(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "says", reader_text, offsetof(struct service_scope, says), true, NULL },
		{ "risk", reader_enum, offsetof(struct service_scope, risk), true, &risks },
		{ "parameter", reader_name, offsetof(struct service_scope, parameter), false,
		  NULL },
	};
	struct service_oauth *oauth = to;

	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'scopes' must map scopes to {says, risk}");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		struct service_scope *scope = &oauth->scopes[oauth->scopes_n];
		if (oauth->scopes_n == SERVICE_SCOPES_MAX)
			return READER_REFUSE(r, child, "more than %d scopes", SERVICE_SCOPES_MAX);
		if (!scope_ok(child->name))
			return READER_REFUSE(r, child,
					     "this is not a scope (RFC 6749 section 3.3)");
		TRY(reader_map(r, child, keys, ARRAY_LEN(keys), scope));
		scope->name = child->name;
		oauth->scopes_n++;
	}
	return OK;
}

/* The short form: RFC 7009. */
static enum err read_revoke_url(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to)
{
	struct service_revoke *revoke = to;

	if (revoke->url.n > 0)
		return READER_REFUSE(r, node, "'revoke_url' and 'revoke' say the same thing twice");
	return reader_template(r, node, key, &revoke->url);
}

static const struct reader_key oauth_keys[] = {
	{ "protocol", read_protocol, 0, false, NULL },
	{ "authorize_url", reader_template, OAUTH(authorize_url), true, NULL },
	{ "token_url", reader_template, OAUTH(token_url), true, NULL },
	{ "refresh_url", reader_template, OAUTH(refresh_url), false, NULL },
	{ "revoke_url", read_revoke_url, OAUTH(revoke), false, NULL },
	{ "revoke", section_revoke, OAUTH(revoke), false, NULL },
	{ "issuer", reader_url, OAUTH(issuer), false, NULL },
	{ "iss", read_iss, OAUTH(iss_optional), false, NULL },
	{ "client_auth", reader_enum, OAUTH(auth), true, &auths },
	{ "body", reader_enum, OAUTH(body), false, &bodies },
	{ "pkce", read_pkce, OAUTH(pkce), true, NULL },
	{ "authorize_params", reader_pairs, OAUTH(authorize_params), false, &authorize_ours },
	{ "authorize_omit", reader_list, OAUTH(authorize_omit), false, NULL },
	{ "token_params", reader_pairs, OAUTH(token_params), false, &token_ours },
	{ "refresh_params", reader_pairs, OAUTH(refresh_params), false, &token_ours },
	{ "headers", reader_headers, OAUTH(headers), false, NULL },
	{ "scope", read_scope, 0, false, NULL },
	{ "reply", read_reply, OAUTH(reply), false, NULL },
	{ "expiry", read_expiry, 0, false, NULL },
	{ "errors", read_errors, OAUTH(errors), false, NULL },
	{ "refresh", read_refresh, 0, false, NULL },
	{ "variables", section_variables, 0, false, NULL },
	{ "discover", section_discover, OAUTH(discover), false, NULL },
	{ "account", section_account, OAUTH(account), true, NULL },
	{ "probe", section_probe, OAUTH(probe), false, NULL },
	{ "scopes", read_scopes, 0, false, NULL },
};

static void default_reply(struct service_reply *reply, const struct service_reply *otherwise)
{
	struct bytes *const paths[] = {
		&reply->access_token,	   &reply->refresh_token, &reply->expires_in,
		&reply->expires_at,	   &reply->scope,	  &reply->token_type,
		&reply->refresh_expires_in
	};
	const struct bytes others[] = {
		otherwise->access_token,      otherwise->refresh_token, otherwise->expires_in,
		otherwise->expires_at,	      otherwise->scope,		otherwise->token_type,
		otherwise->refresh_expires_in
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (paths[i]->n == 0)
			*paths[i] = others[i];
	if (reply->token_types.n == 0)
		reply->token_types = otherwise->token_types;
}

static void default_oauth(struct service_oauth *oauth)
{
	const struct service_reply standard = {
		.access_token = str("access_token"),
		.refresh_token = str("refresh_token"),
		.expires_in = str("expires_in"),
		.scope = str("scope"),
		.token_type = str("token_type"),
	};
	struct service_revoke *revoke = &oauth->revoke;

	if (oauth->refresh_url.n == 0)
		oauth->refresh_url = oauth->token_url;
	oauth->scope_parameter = or_else(oauth->scope_parameter, "scope");
	oauth->reply_separators = or_else(oauth->reply_separators, " ,");
	if (oauth->errors.member_n == 0)
		oauth->errors.member[oauth->errors.member_n++] = str("error");
	default_reply(&oauth->reply, &standard);
	default_reply(&oauth->refresh_reply, &oauth->reply);
	if (revoke->method == 0)
		revoke->method = SERVICE_POST;
	if (revoke->place == 0)
		revoke->place = SERVICE_IN_FORM;
	if (revoke->auth == 0)
		revoke->auth = oauth->auth;
	revoke->member = or_else(revoke->member, "token");
	if (oauth->probe.lookup.url.n == 0)
		oauth->probe.lookup = oauth->account.lookup;
	if (oauth->probe.dead == 0)
		oauth->probe.dead = 401;
}

static bool has_scope(const struct service_oauth *oauth, struct bytes name)
{
	for (size_t i = 0; i < oauth->scopes_n; i++)
		if (bytes_eq(oauth->scopes[i].name, name))
			return true;
	return false;
}

static enum err check_oauth(const struct reader *r, const struct yaml_node *node,
			    const struct service_oauth *oauth)
{
	if (oauth->has_scopes && oauth->scopes_n == 0)
		return READER_REFUSE(r, node,
				     "'scopes' is missing here; without scopes say 'scope: none'");
	if (!oauth->has_scopes && oauth->scopes_n > 0)
		return READER_REFUSE(r, yaml_find(node, "scopes"),
				     "'scope: none' and 'scopes' contradict each other");
	if (oauth->iss_optional && oauth->issuer.n == 0)
		return READER_REFUSE(r, node, "'iss' goes with 'issuer'");
	for (size_t i = 0; i < oauth->scope_default.n; i++)
		if (!has_scope(oauth, oauth->scope_default.at[i]))
			return READER_REFUSE(r, yaml_find(node, "scope"),
					     "'default' names a scope that 'scopes' does not have");
	if (oauth->auth == SERVICE_AUTH_NONE && !oauth->pkce)
		return READER_REFUSE(r, node, "a client without a secret needs 'pkce: S256'");
	if (oauth->revoke.place == SERVICE_IN_JSON && oauth->revoke.method == SERVICE_GET)
		return READER_REFUSE(r, yaml_find(node, "revoke"), "a GET has no body");
	return OK;
}

enum err section_oauth(const struct reader *r, const struct yaml_node *node,
		       const struct reader_key *key, void *to)
{
	struct service_oauth *oauth = to;

	/* A service that says nothing about refreshing gets the class that never tries a token
	 * twice. */
	oauth->class = SERVICE_CLASS_STRICT;
	oauth->body = SERVICE_BODY_FORM;
	oauth->expiry = SERVICE_EXPIRY_REPLY;
	oauth->has_scopes = true;
	oauth->scope_separator = ' ';
	oauth->revoke.prefers_refresh = true;
	TRY(reader_map(r, node, oauth_keys, ARRAY_LEN(oauth_keys), oauth));
	default_oauth(oauth);
	return check_oauth(r, node, oauth);
}
