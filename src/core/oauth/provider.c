/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/provider.h"

#include "codec/uri.h"

enum { PAIRS_MAX = 40, BODY_MAX = 64 * 1024 };

/* Parameters of one message, in order; borrowed. */
struct pairs {
	size_t n;
	struct {
		struct bytes name, value;
	} at[PAIRS_MAX];
};

static void pairs_add(struct pairs *pairs, const char *name, struct bytes value)
{
	pairs->at[pairs->n].name = str(name);
	pairs->at[pairs->n++].value = value;
}

static void pairs_more(struct pairs *pairs, const struct service_pairs *more)
{
	for (size_t i = 0; i < more->n && pairs->n < PAIRS_MAX; i++) {
		pairs->at[pairs->n].name = more->at[i].name;
		pairs->at[pairs->n++].value = more->at[i].value;
	}
}

static void print_form(const struct pairs *pairs, struct dynbuf *out)
{
	for (size_t i = 0; i < pairs->n; i++) {
		if (i > 0)
			dynbuf_u8(out, '&');
		form_encode(pairs->at[i].name, out);
		dynbuf_u8(out, '=');
		form_encode(pairs->at[i].value, out);
	}
}

static void print_json(const struct pairs *pairs, struct dynbuf *out)
{
	dynbuf_u8(out, '{');
	for (size_t i = 0; i < pairs->n; i++) {
		if (i > 0)
			dynbuf_u8(out, ',');
		json_print_string(pairs->at[i].name, out);
		dynbuf_u8(out, ':');
		json_print_string(pairs->at[i].value, out);
	}
	dynbuf_u8(out, '}');
}

static void call_init(struct provider_call *call, enum service_method method)
{
	*call = (struct provider_call){ .method = method };
	dynbuf_init(&call->url, PROVIDER_URL_MAX);
	dynbuf_init(&call->body, BODY_MAX);
}

void provider_call_done(struct provider_call *call)
{
	/* A redeemed code and its verifier stood in the body. */
	if (call->body.p != NULL)
		wipe(call->body.p, call->body.n);
	dynbuf_done(&call->url);
	dynbuf_done(&call->body);
	*call = (struct provider_call){ 0 };
}

static void place(struct provider_call *call, struct provider_placement placement)
{
	call->placements[call->placements_n++] = placement;
}

static void body_print(struct provider_call *call, enum provider_body kind,
		       const struct pairs *pairs)
{
	call->kind = kind;
	if (kind == PROVIDER_BODY_JSON)
		print_json(pairs, &call->body);
	else
		print_form(pairs, &call->body);
}

struct bytes provider_value(const void *variables, struct bytes name)
{
	char text[65];

	if (bytes_str(name, text, sizeof text) != OK)
		return (struct bytes){ NULL, 0 };
	return json_str(variables, text);
}

/* What stands in an address between braces. */
struct places {
	const struct service *service;
	const struct provider_party *party;
};

static struct bytes place_find(void *ctx, struct bytes name)
{
	const struct places *places = ctx;

	if (bytes_is(name, "client_id"))
		return places->party->client_id;
	return service_value(places->service, name, provider_value, places->party->variables);
}

static enum err expand(const struct service *service, struct bytes url,
		       const struct provider_party *party, struct dynbuf *out)
{
	struct places places = { service, party };

	const enum err err = uri_expand(url, place_find, &places, out);
	return err == ERR_MALFORMED ? ERR_TOO_LARGE : err;
}

static bool is_default(const struct service_scope *scope)
{
	return scope->risk == SERVICE_RISK_LOW;
}

static enum err add_defaults(const struct service *service, bool all, struct scopes *scopes)
{
	const struct service_words *named = &service->oauth.scope_default;

	for (size_t i = 0; i < named->n; i++)
		TRY(scopes_add(scopes, named->at[i]));
	if (named->n > 0)
		return OK;
	for (size_t i = 0; i < service->oauth.scopes_n; i++)
		if (all || is_default(&service->oauth.scopes[i]))
			TRY(scopes_add(scopes, service->oauth.scopes[i].name));
	return OK;
}

enum err provider_scopes(const struct service *service, struct bytes asked, struct scopes *ret)
{
	const struct service_words *always = &service->oauth.scope_always;
	struct scopes scopes, constant = { 0 };
	enum err err = OK;

	if (scopes_parse(asked, " ", &scopes) != OK)
		return ERR_INVALID_SCOPE;
	for (size_t i = 0; err == OK && i < always->n; i++)
		err = scopes_add(&constant, always->at[i]);
	for (size_t i = 0; err == OK && i < scopes.n; i++)
		if (service_scope_find(service, scopes.at[i]) == NULL &&
		    !scopes_has(&constant, scopes.at[i]))
			err = ERR_INVALID_SCOPE;
	if (err == OK && asked.n == 0)
		err = add_defaults(service, false, &scopes);
	if (err == OK && asked.n == 0 && scopes.n == 0)
		err = add_defaults(service, true, &scopes);
	for (size_t i = 0; err == OK && i < constant.n; i++)
		err = scopes_add(&scopes, constant.at[i]);
	if (err != OK)
		return ERR_INVALID_SCOPE;
	*ret = scopes;
	return OK;
}

static struct bytes parameter_of(const struct service *service, struct bytes scope)
{
	const struct service_scope *row = service_scope_find(service, scope);

	return row == NULL || row->parameter.n == 0 ? service->oauth.scope_parameter
						    : row->parameter;
}

/* One parameter for all scopes that go there, for each such parameter. */
static enum err add_scopes(const struct service *service, const struct scopes *scopes,
			   struct dynbuf *query)
{
	bool done[SCOPES_MAX] = { false };

	for (size_t i = 0; i < scopes->n; i++) {
		const struct bytes parameter = parameter_of(service, scopes->at[i]);
		uint8_t room[SCOPES_MAX_BYTES];
		struct dynbuf value = { .p = room, .room = sizeof room, .max = sizeof room };
		if (done[i])
			continue;
		for (size_t k = i; k < scopes->n; k++) {
			if (!bytes_eq(parameter_of(service, scopes->at[k]), parameter))
				continue;
			if (value.n > 0)
				dynbuf_u8(&value, (uint8_t)service->oauth.scope_separator);
			dynbuf_bytes(&value, scopes->at[k]);
			done[k] = true;
		}
		TRY(dynbuf_err(&value));
		dynbuf_u8(query, '&');
		form_encode(parameter, query);
		dynbuf_u8(query, '=');
		form_encode(dynbuf_view(&value), query);
	}
	return OK;
}

static bool is_omitted(const struct service *service, const char *name)
{
	for (size_t i = 0; i < service->oauth.authorize_omit.n; i++)
		if (bytes_is(service->oauth.authorize_omit.at[i], name))
			return true;
	return false;
}

enum err provider_authorize_url(const struct service *service, const json_t *variables,
				struct dynbuf *out)
{
	const struct provider_party party = { .variables = variables };

	return expand(service, service->oauth.authorize_url, &party, out);
}

enum err provider_authorize(const struct service *service, const struct provider_party *party,
			    const struct provider_consent *consent, struct dynbuf *out)
{
	const struct bytes url = service->oauth.authorize_url;
	struct pairs pairs = { 0 };

	pairs_add(&pairs, "client_id", party->client_id);
	pairs_add(&pairs, "redirect_uri", party->redirect_uri);
	pairs_add(&pairs, "state", consent->state);
	if (!is_omitted(service, "response_type"))
		pairs_add(&pairs, "response_type", str("code"));
	if (service->oauth.pkce) {
		pairs_add(&pairs, "code_challenge", consent->challenge);
		pairs_add(&pairs, "code_challenge_method", str("S256"));
	}
	pairs_more(&pairs, &service->oauth.authorize_params);
	TRY(expand(service, url, party, out));
	dynbuf_u8(out, memchr(url.p, '?', url.n) == NULL ? '?' : '&');
	print_form(&pairs, out);
	if (service->oauth.has_scopes)
		TRY(add_scopes(service, consent->scopes, out));
	return dynbuf_err(out);
}

/* The client's own proof, at the token or revocation endpoint. */
static void add_client(enum service_auth auth, struct bytes client_id, struct pairs *pairs,
		       struct provider_call *call)
{
	if (auth == SERVICE_AUTH_POST || auth == SERVICE_AUTH_NONE)
		pairs_add(pairs, "client_id", client_id);
	if (auth == SERVICE_AUTH_POST)
		place(call, (struct provider_placement){ .secret = PROVIDER_CLIENT_SECRET,
							 .how = PROVIDER_MEMBER,
							 .name = str("client_secret") });
	if (auth == SERVICE_AUTH_BASIC)
		place(call, (struct provider_placement){ .secret = PROVIDER_CLIENT_SECRET,
							 .how = PROVIDER_BASIC,
							 .user = client_id });
	if (auth == SERVICE_AUTH_SECRET_BASIC)
		place(call, (struct provider_placement){ .secret = PROVIDER_CLIENT_SECRET,
							 .how = PROVIDER_BASIC_USER });
}

/* A provider that can answer in several formats is asked for the one we read. */
static void add_headers(const struct service_pairs *headers, struct provider_call *call)
{
	bool accept = false;

	call->headers = *headers;
	for (size_t i = 0; i < headers->n; i++)
		accept = accept || bytes_caseis(headers->at[i].name, "Accept");
	if (accept || headers->n == SERVICE_PAIRS_MAX)
		return;
	call->headers.at[call->headers.n].name = str("Accept");
	call->headers.at[call->headers.n++].value = str("application/json");
}

static void token_call(const struct service *service, const struct service_reply *reply,
		       const struct pairs *pairs, struct provider_call *call)
{
	body_print(call,
		   service->oauth.body == SERVICE_BODY_JSON ? PROVIDER_BODY_JSON
							    : PROVIDER_BODY_FORM,
		   pairs);
	add_headers(&service->oauth.headers, call);
	call->cuts[0] = reply->access_token;
	call->cuts[1] = reply->refresh_token;
	call->cuts_n = 2;
}

static enum err call_err(const struct provider_call *call)
{
	TRY(dynbuf_err(&call->url));
	return dynbuf_err(&call->body);
}

enum err provider_call_code(const struct service *service, const struct provider_party *party,
			    struct bytes code, struct bytes verifier, struct provider_call *ret)
{
	struct pairs pairs = { 0 };

	call_init(ret, SERVICE_POST);
	TRY(expand(service, service->oauth.token_url, party, &ret->url));
	pairs_add(&pairs, "grant_type", str("authorization_code"));
	pairs_add(&pairs, "code", code);
	pairs_add(&pairs, "redirect_uri", party->redirect_uri);
	if (service->oauth.pkce)
		pairs_add(&pairs, "code_verifier", verifier);
	add_client(service->oauth.auth, party->client_id, &pairs, ret);
	pairs_more(&pairs, &service->oauth.token_params);
	token_call(service, &service->oauth.reply, &pairs, ret);
	return call_err(ret);
}

enum err provider_call_refresh(const struct service *service, const struct provider_party *party,
			       struct provider_call *ret)
{
	struct pairs pairs = { 0 };

	call_init(ret, SERVICE_POST);
	TRY(expand(service, service->oauth.refresh_url, party, &ret->url));
	pairs_add(&pairs, "grant_type", str("refresh_token"));
	add_client(service->oauth.auth, party->client_id, &pairs, ret);
	place(ret, (struct provider_placement){ .secret = PROVIDER_REFRESH,
						.how = PROVIDER_MEMBER,
						.name = str("refresh_token") });
	if (service->oauth.refresh_redirect)
		pairs_add(&pairs, "redirect_uri", party->redirect_uri);
	pairs_more(&pairs, &service->oauth.refresh_params);
	token_call(service, &service->oauth.refresh_reply, &pairs, ret);
	return call_err(ret);
}

enum err provider_call_revoke(const struct service *service, const struct provider_party *party,
			      bool has_refresh, struct provider_call *ret)
{
	const struct service_revoke *revoke = &service->oauth.revoke;
	const bool bearer = revoke->place == SERVICE_AS_BEARER;
	struct pairs pairs = { 0 };

	call_init(ret, revoke->method);
	if (revoke->url.n == 0)
		return ERR_UNSUPPORTED;
	TRY(expand(service, revoke->url, party, &ret->url));
	place(ret, (struct provider_placement){
			   .secret = revoke->prefers_refresh && has_refresh ? PROVIDER_REFRESH
									    : PROVIDER_ACCESS,
			   .how = bearer ? PROVIDER_BEARER : PROVIDER_MEMBER,
			   .name = bearer ? (struct bytes){ NULL, 0 } : revoke->member });
	add_headers(&revoke->headers, ret);
	if (bearer)
		return call_err(ret);
	/* RFC 7009 2.1: a public client names itself; one whose proof is not wanted need not. */
	if (revoke->auth != SERVICE_AUTH_NONE || service->oauth.auth == SERVICE_AUTH_NONE)
		add_client(revoke->auth, party->client_id, &pairs, ret);
	body_print(ret, revoke->place == SERVICE_IN_JSON ? PROVIDER_BODY_JSON : PROVIDER_BODY_FORM,
		   &pairs);
	return call_err(ret);
}

enum err provider_call_introspect(const struct service *service, const struct provider_party *party,
				  struct provider_call *ret)
{
	struct pairs pairs = { 0 };

	call_init(ret, SERVICE_POST);
	if (service->oauth.expiry != SERVICE_EXPIRY_INTROSPECT)
		return ERR_UNSUPPORTED;
	TRY(expand(service, service->oauth.introspect_url, party, &ret->url));
	pairs_add(&pairs, "token_type_hint", str("access_token"));
	add_client(service->oauth.auth, party->client_id, &pairs, ret);
	place(ret, (struct provider_placement){ .secret = PROVIDER_ACCESS,
						.how = PROVIDER_MEMBER,
						.name = str("token") });
	body_print(ret, PROVIDER_BODY_FORM, &pairs);
	add_headers(&service->oauth.headers, ret);
	return call_err(ret);
}

/* Stands in an address until courier puts the secret there: no text of ours contains it. */
static const char url_mark[] = "~valetkey~secret~";

size_t provider_credentials(const struct service *service, struct dynbuf *url,
			    struct provider_placement ret[static PROVIDER_CREDENTIALS_MAX])
{
	const struct service_api *api = &service->api;
	size_t n = 0;

	ret[n] = (struct provider_placement){ .secret = PROVIDER_ACCESS, .how = PROVIDER_BEARER };
	if (api->query.n > 0) {
		const struct bytes before = dynbuf_view(url);
		ret[n].how = PROVIDER_URL;
		ret[n].name = str(url_mark);
		dynbuf_u8(url,
			  before.n == 0 || memchr(before.p, '?', before.n) == NULL ? '?' : '&');
		form_encode(api->query, url);
		dynbuf_u8(url, '=');
		dynbuf_str(url, url_mark);
	} else if (api->header.n > 0) {
		ret[n].how = PROVIDER_HEADER;
		ret[n].name = api->header;
		ret[n].user = api->prefix;
	}
	n++;
	if (api->secret_header.n > 0)
		ret[n++] = (struct provider_placement){ .secret = PROVIDER_CLIENT_SECRET,
							.how = PROVIDER_HEADER,
							.name = api->secret_header };
	return n;
}

static enum err lookup_call(const struct service *service, const struct service_lookup *lookup,
			    const json_t *variables, struct provider_call *ret)
{
	const struct provider_party party = { .variables = variables };
	struct pairs pairs = { 0 };

	call_init(ret, lookup->method);
	if (lookup->url.n == 0)
		return ERR_UNSUPPORTED;
	TRY(expand(service, lookup->url, &party, &ret->url));
	pairs_add(&pairs, "query", lookup->graphql);
	if (lookup->graphql.n > 0)
		body_print(ret, PROVIDER_BODY_JSON, &pairs);
	ret->placements_n = provider_credentials(service, &ret->url, ret->placements);
	add_headers(&lookup->headers, ret);
	return call_err(ret);
}

enum err provider_call_discover(const struct service *service, const json_t *variables,
				struct provider_call *ret)
{
	return lookup_call(service, &service->oauth.discover, variables, ret);
}

enum err provider_call_account(const struct service *service, const json_t *variables,
			       struct provider_call *ret)
{
	return lookup_call(service, &service->oauth.account.lookup, variables, ret);
}

enum err provider_call_probe(const struct service *service, const json_t *variables,
			     struct provider_call *ret)
{
	return lookup_call(service, &service->oauth.probe.lookup, variables, ret);
}
