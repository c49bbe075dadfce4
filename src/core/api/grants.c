/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of our own: the grants of the token endpoint, revocation (RFC 7009), introspection (7662).
 */
#include "core/flow/grants.h"

#include "core/api/oauth.h"
#include "core/api/token.h"
#include "core/authserver/clientmeta.h"
#include "core/flow/clients.h"
#include "core/flow/proof.h"

static void refuse(struct flow *flow, struct call *call, enum err err, bool basic)
{
	call_reset(call);
	if (basic && err_row(err)->status == 401)
		call_header(call, "www-authenticate", str("Basic realm=\"valetkey\""));
	oauth_refuse(flow, call, err < OK ? ERR_SERVER : err, NULL);
}

/* One request of a client to one of these endpoints. */
struct asked {
	struct form form;
	struct client_proof proof;
	struct client client;
	struct proof key; /* that it signed with (RFC 9449) */
};

static void asked_done(struct asked *asked)
{
	clients_done(&asked->client);
	client_proof_done(&asked->proof);
	form_done(&asked->form);
}

/* @once: the parameters that may come once at the most, ended by NULL (RFC 6749 3.2). */
static enum err read_form(struct call *call, const char *const *once, struct asked *ret)
{
	struct bytes type = request_header(call, "content-type");

	if (!bytes_caseis(bytes_cut(&type, ';'), "application/x-www-form-urlencoded"))
		return ERR_MALFORMED;
	TRY(form_parse(call->request.body, &ret->form));
	TRY(client_proof_read(request_header(call, "authorization"), &ret->form, &ret->proof));
	for (; *once != NULL; once++)
		if (form_count(&ret->form, *once) > 1)
			return ERR_MALFORMED;
	return OK;
}

static struct grants_client client_of(const struct asked *asked)
{
	return (struct grants_client){
		.tenant = asked->client.agent.tenant,
		.agent = asked->client.agent.id,
		.jkt = asked->key.present ? asked->key.jkt : NULL,
		.confidential = asked->client.proven,
	};
}

static enum err by_code(struct flow *flow, struct call *call, const struct asked *asked,
			struct grants_tokens *ret)
{
	const struct grants_client client = client_of(asked);
	const struct grants_redemption redemption = {
		.code = form_find(&asked->form, "code"),
		.verifier = form_find(&asked->form, "code_verifier"),
		.redirect = form_find(&asked->form, "redirect_uri"),
		.resource = form_find(&asked->form, "resource"),
		.refreshable = clientmeta_grants(asked->client.meta, "refresh_token"),
	};

	if (redemption.code.p == NULL)
		return ERR_MALFORMED;
	return grants_redeem(flow, call, &client, &redemption, ret);
}

static enum err by_refresh(struct flow *flow, struct call *call, const struct asked *asked,
			   struct grants_tokens *ret)
{
	const struct grants_client client = client_of(asked);
	const struct grants_renewal renewal = {
		.token = form_find(&asked->form, "refresh_token"),
		.scope = form_find(&asked->form, "scope"),
		.resource = form_find(&asked->form, "resource"),
	};

	if (renewal.token.p == NULL)
		return ERR_MALFORMED;
	return grants_refresh(flow, call, &client, &renewal, ret);
}

static enum err by_client(struct flow *flow, struct call *call, const struct asked *asked,
			  struct grants_tokens *ret)
{
	const struct grants_client client = client_of(asked);

	return grants_client_credentials(flow, call, &client, form_find(&asked->form, "resource"),
					 form_find(&asked->form, "scope"), ret);
}

static const struct {
	const char *name;
	enum err (*fn)(struct flow *flow, struct call *call, const struct asked *asked,
		       struct grants_tokens *ret);
} grants[] = {
	{ "authorization_code", by_code },
	{ "refresh_token", by_refresh },
	{ "client_credentials", by_client },
};

bool token_is_own(const struct form *form)
{
	const struct bytes grant = form_find(form, "grant_type");

	for (size_t i = 0; i < ARRAY_LEN(grants); i++)
		if (bytes_is(grant, grants[i].name))
			return true;
	return false;
}

static enum err grant_tokens(struct flow *flow, struct call *call, const struct asked *asked,
			     struct grants_tokens *ret)
{
	const struct bytes grant = form_find(&asked->form, "grant_type");

	for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
		if (!bytes_is(grant, grants[i].name))
			continue;
		if (!clientmeta_grants(asked->client.meta, grants[i].name))
			return ERR_UNAUTHORIZED_CLIENT;
		TRY(grants[i].fn(flow, call, asked, ret));
		return clients_used(flow, asked->client.agent.tenant, asked->client.agent.id);
	}
	return ERR_UNSUPPORTED_GRANT;
}

/* RFC 6749 5.1. */
static void reply_tokens(struct flow *flow, struct call *call, const struct grants_tokens *tokens)
{
	json_t *o = json_object();

	json_object_set_new(o, "access_token", json_string(tokens->access.s));
	json_object_set_new(o, "token_type", json_string(tokens->bound ? "DPoP" : "Bearer"));
	set_int(o, "expires_in", GRANTS_ACCESS_LIFE_S);
	set_bytes(o, "refresh_token", str(tokens->refresh.s));
	set_bytes(o, "scope", str(tokens->scope));
	if (tokens->bound && flow->settings.dpop_nonce)
		proof_nonce(flow, call); /* RFC 9449 8.2 */
	oauth_reply(flow, call, 200, o);
}

/* RFC 9449 5; a client may have said that it always signs (5.2). */
static enum err take_key(struct flow *flow, struct call *call, struct asked *asked)
{
	TRY(proof_take(flow, call, (struct bytes){ NULL, 0 }, &asked->key));
	return !asked->key.present && json_is_true(json_object_get(asked->client.meta,
								   "dpop_bound_access_tokens"))
		       ? ERR_INVALID_DPOP_PROOF
		       : OK;
}

static void tokens_again(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		token_grant(flow, call);
	else
		refuse(flow, call, err, false);
}

void token_grant(struct flow *flow, struct call *call)
{
	static const char *const once[] = { "grant_type",    "code",
					    "code_verifier", "scope",
					    "redirect_uri",  "refresh_token",
					    "resource",	     NULL };
	scoped(asked_done) struct asked asked = { 0 };
	struct grants_tokens tokens;
	bool waits = false;

	enum err err = read_form(call, once, &asked);
	if (err == OK)
		err = clients_prove(flow, call, &asked.proof, tokens_again, &asked.client, &waits);
	if (err == OK && waits)
		return;
	if (err == OK)
		err = take_key(flow, call, &asked);
	if (err == OK)
		err = grant_tokens(flow, call, &asked, &tokens);
	if (err == OK)
		reply_tokens(flow, call, &tokens);
	else
		refuse(flow, call, err, asked.proof.basic);
	wipe(&tokens, sizeof tokens);
}

static void revoke_run(struct flow *flow, struct call *call);

static void revoke_again(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		revoke_run(flow, call);
	else
		refuse(flow, call, err, false);
}

/* RFC 7009 2.1: what is not known, or has ended, is as good as revoked; what is another client's is
 * refused. One token of a grant stands for all of them. */
static enum err revoke(struct flow *flow, struct call *call, const struct asked *asked)
{
	struct grant_token_row token;
	struct grant_row grant;

	const struct bytes text = form_find(&asked->form, "token");
	if (text.p == NULL)
		return ERR_MALFORMED;
	const enum err err = grants_live(flow, text, &grant, &token);
	if (err == ERR_INVALID_TOKEN)
		return OK;
	TRY(err);
	if (!id_eq(grant.agent, asked->client.agent.id))
		return ERR_INVALID_GRANT;
	return grants_revoke(flow, call, grant.tenant, grant.id);
}

static const char *const once_token[] = { "token", "token_type_hint", NULL };

static void revoke_run(struct flow *flow, struct call *call)
{
	scoped(asked_done) struct asked asked = { 0 };
	bool waits = false;

	enum err err = read_form(call, once_token, &asked);
	if (err == OK)
		err = clients_prove(flow, call, &asked.proof, revoke_again, &asked.client, &waits);
	if (err == OK && waits)
		return;
	if (err == OK)
		err = revoke(flow, call, &asked);
	if (err != OK) {
		refuse(flow, call, err, asked.proof.basic);
		return;
	}
	oauth_reply(flow, call, 200, json_object());
}

enum err post_revoke(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in; /* nothing is taken from the query */
	revoke_run(flow, call);
	return OK;
}

/* RFC 7662 2.2 about one live access token. */
static json_t *active(struct flow *flow, const struct grant_row *grant,
		      const struct grant_token_row *token)
{
	char resource[GRANTS_RESOURCE_MAX];
	json_t *o = json_object();

	grants_resource_print(flow, grant->vault, resource);
	json_object_set_new(o, "active", json_true());
	set_bytes(o, "scope", token->scope);
	set_id(o, "client_id", "agent", grant->agent);
	set_id(o, "sub", "user", grant->user);
	json_object_set_new(o, "aud", json_string(resource));
	json_object_set_new(o, "iss", json_string(flow->settings.issuer));
	json_object_set_new(o, "token_type",
			    json_string(grants_is_bound(grant) ? "DPoP" : "Bearer"));
	set_int(o, "exp", token->expires / USEC_PER_S);
	set_int(o, "iat", token->created / USEC_PER_S);
	if (grants_is_bound(grant))
		json_object_set_new(o, "cnf", grants_cnf(grant));
	return o;
}

static void introspect_run(struct flow *flow, struct call *call);

static void introspect_again(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		introspect_run(flow, call);
	else
		refuse(flow, call, err, false);
}

/* Of tokens that are not the client's to know about: nobody tries them by the thousand (RFC 7662
 * 4). */
static const struct throttle_rate misses = { .burst = 300, .every = USEC_PER_S };

/* A client learns about access tokens that it was given, or that are for a vault of its own; about
 * all others it learns that they are not active (RFC 7662 4). */
static enum err introspect(struct flow *flow, const struct asked *asked, json_t **ret)
{
	struct grant_token_row token;
	struct grant_row grant;
	struct vault_row vault;

	const struct bytes text = form_find(&asked->form, "token");
	if (text.p == NULL)
		return ERR_MALFORMED;
	if (!asked->client.proven)
		return ERR_INVALID_CLIENT;
	const struct id key = throttle_key("introspect", id_bytes(&asked->client.agent.id),
					   (struct bytes){ NULL, 0 });
	if (throttle_wait(&flow->throttle, key, misses, flow->boot) > 0)
		return ERR_RATE_LIMITED;
	enum err err = grants_live(flow, text, &grant, &token);
	if (err == OK && token.kind != GRANT_ACCESS)
		err = ERR_INVALID_TOKEN;
	if (err == OK)
		err = store_vault_get(flow->store, grant.tenant, grant.vault, &vault);
	if (err == OK && (!id_eq(grant.tenant, asked->client.agent.tenant) ||
			  (!id_eq(grant.agent, asked->client.agent.id) &&
			   !id_eq(vault.agent, asked->client.agent.id)) ||
			  vault.state != VAULT_ACTIVE))
		err = ERR_INVALID_TOKEN;
	if (err != OK && err != ERR_INVALID_TOKEN && err != ERR_NOT_FOUND)
		return err;
	if (err != OK)
		throttle_take(&flow->throttle, key, misses, flow->boot);
	*ret = err == OK ? active(flow, &grant, &token) : json_pack("{s:b}", "active", 0);
	return *ret == NULL ? FAULT_NOMEM : OK;
}

static void introspect_run(struct flow *flow, struct call *call)
{
	scoped(asked_done) struct asked asked = { 0 };
	json_t *answer = NULL;
	bool waits = false;

	enum err err = read_form(call, once_token, &asked);
	if (err == OK)
		err = clients_prove(flow, call, &asked.proof, introspect_again, &asked.client,
				    &waits);
	if (err == OK && waits)
		return;
	if (err == OK)
		err = introspect(flow, &asked, &answer);
	if (err != OK)
		refuse(flow, call, err, asked.proof.basic);
	else
		oauth_reply(flow, call, 200, answer);
}

enum err post_introspect(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	introspect_run(flow, call);
	return OK;
}

struct grant_listing {
	struct listing listing;
	struct flow *flow;
};

static enum err grant_item(void *ctx, const struct grant_row *row)
{
	struct grant_listing *listing = ctx;
	struct agent_row agent;
	struct user_row user;
	json_t *o = json_object();

	set_id(o, "id", "grant", row->id);
	if (store_agent_get(listing->flow->store, row->tenant, row->agent, &agent) == OK)
		set_bytes(o, "client", agent.name);
	set_id(o, "agent", "agent", row->agent);
	if (store_user_get(listing->flow->store, row->tenant, row->user, &user) == OK)
		set_bytes(o, "user", user.subject);
	set_id(o, "vault", "vault", row->vault);
	set_bytes(o, "scope", row->scope);
	set_time(o, "created", row->created);
	return listing_add(&listing->listing, row->id, o);
}

enum err list_grants(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct grant_listing listing = { .flow = flow };
	struct page page;

	TRY(read_page(in, "grant", &page));
	listing_begin(&listing.listing, "grant", &page);
	TRY(store_grant_list(flow->store, call->tenant, page, grant_item, &listing));
	listing_reply(flow, call, &listing.listing);
	return OK;
}

enum err delete_grant(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct id id;

	if (id_parse("grant", in->vars[0], &id) != OK)
		return ERR_NOT_FOUND;
	TRY(grants_revoke(flow, call, call->tenant, id));
	json_t *o = json_object();
	set_id(o, "id", "grant", id);
	json_object_set_new(o, "state", json_string("revoked"));
	reply_json(flow, call, 200, o);
	return OK;
}
