/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/grants.h"

#include <stdio.h>

#include "codec/base64.h"
#include "crypto/crypto.h"

static const struct grant_scope scopes[] = {
	{ GRANTS_SCOPE_MCP, "Call the tools that the vault permits" },
	{ GRANTS_SCOPE_PROXY,
	  "Send requests of its own to the providers' APIs, as the vault permits" },
	{ GRANTS_SCOPE_EXCHANGE,
	  "Be handed the providers' own tokens, where the vault permits it" },
};

const struct grant_scope *grants_scope(size_t n)
{
	return n < ARRAY_LEN(scopes) ? &scopes[n] : NULL;
}

bool grants_scope_has(struct bytes list, const char *name)
{
	while (list.n > 0)
		if (bytes_is(bytes_cut(&list, ' '), name))
			return true;
	return false;
}

static bool is_known(struct bytes name)
{
	if (name.n == 0 || bytes_is(name, "offline_access"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		if (bytes_is(name, scopes[i].name))
			return true;
	return false;
}

enum err grants_scopes(struct bytes asked, char to[static SCOPES_MAX_BYTES + 1])
{
	struct dynbuf out = { .p = (uint8_t *)to,
			      .room = SCOPES_MAX_BYTES + 1,
			      .max = SCOPES_MAX_BYTES };

	for (struct bytes rest = asked; rest.n > 0;)
		if (!is_known(bytes_cut(&rest, ' ')))
			return ERR_INVALID_SCOPE;
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		if (!grants_scope_has(asked, scopes[i].name))
			continue;
		if (out.n > 0)
			dynbuf_u8(&out, ' ');
		dynbuf_str(&out, scopes[i].name);
	}
	if (out.n == 0)
		dynbuf_str(&out, GRANTS_SCOPE_MCP);
	to[out.n] = 0;
	return dynbuf_err(&out);
}

void grants_resource_print(const struct flow *flow, struct id vault,
			   char to[static GRANTS_RESOURCE_MAX])
{
	char id[ID_TEXT_MAX + 1];

	id_print("vault", vault, id);
	(void)snprintf(to, GRANTS_RESOURCE_MAX, "%smcp/%s", flow->settings.issuer, id);
}

enum err grants_resource(const struct flow *flow, struct bytes resource, struct id *ret)
{
	const size_t issuer_n = strlen(flow->settings.issuer);
	char own[GRANTS_RESOURCE_MAX];
	struct id id;

	if (!bytes_starts(resource, flow->settings.issuer) || resource.n < issuer_n + 4)
		return ERR_INVALID_TARGET;
	const struct bytes text = { resource.p + issuer_n + 4, resource.n - issuer_n - 4 };
	if (id_parse("vault", text, &id) != OK)
		return ERR_INVALID_TARGET;
	grants_resource_print(flow, id, own);
	if (!bytes_is(resource, own))
		return ERR_INVALID_TARGET;
	*ret = id;
	return OK;
}

enum err grants_vault(struct flow *flow, struct id tenant, struct id user, struct id agent,
		      struct id vault, struct vault_row *ret)
{
	struct vault_row row;

	const enum err err = store_vault_get(flow->store, tenant, vault, &row);
	if (err == ERR_NOT_FOUND ||
	    (err == OK && (!id_eq(row.user, user) || row.state == VAULT_DELETED ||
			   (!id_none(row.agent) && !id_eq(row.agent, agent)))))
		return ERR_INVALID_TARGET;
	TRY(err);
	*ret = row;
	return OK;
}

static void grant_record(const struct flow *flow, const struct call *call,
			 const struct grant_row *row, uint8_t kind, struct ipc_record *ret)
{
	flow_record(flow, call, kind, OUTCOME_OK, ret);
	ret->tenant = row->tenant;
	ret->user = row->user;
	ret->vault = row->vault;
	ret->agent = row->agent;
	ret->object = row->id;
	ret->scopes = row->scope;
}

static enum err note(struct flow *flow, struct call *call, const struct grant_row *row,
		     uint8_t kind)
{
	struct ipc_record record;

	grant_record(flow, call, row, kind, &record);
	return flow_event(flow, call, &record);
}

enum err grants_code(struct flow *flow, struct call *call, const struct grants_yes *yes,
		     struct token_text *ret_code)
{
	struct grant_row row = {
		.id = id_new(),
		.tenant = call->tenant,
		.agent = yes->agent,
		.user = yes->user,
		.vault = yes->vault,
		.scope = yes->scope,
		.redirect = yes->redirect,
		.redirect_sent = yes->redirect_sent,
		.state = GRANT_CODE,
		.code_until = flow->now + GRANTS_CODE_LIFE_S * USEC_PER_S,
		.created = flow->now,
	};
	uint8_t random[TOKEN_RANDOM_LEN];
	struct vault_row vault;

	TRY(grants_vault(flow, call->tenant, yes->user, yes->agent, yes->vault, &vault));
	memcpy(row.challenge, yes->challenge, sizeof row.challenge);
	if (yes->jkt != NULL)
		memcpy(row.jkt, yes->jkt, sizeof row.jkt);
	rng_fill(random, sizeof random);
	token_print(TOKEN_CODE, random, ret_code->s);
	wipe(random, sizeof random);
	TRY(store_grant_put(flow->store, &row, str(ret_code->s)));
	return note(flow, call, &row, EVENT_grant);
}

bool grants_is_bound(const struct grant_row *row)
{
	static const uint8_t none[sizeof row->jkt];

	return memcmp(row->jkt, none, sizeof none) != 0;
}

json_t *grants_cnf(const struct grant_row *row)
{
	uint8_t room[64];
	struct dynbuf text = { .p = room, .room = sizeof room, .max = sizeof room };

	base64url_print((struct bytes){ row->jkt, sizeof row->jkt }, &text);
	return json_pack("{s:s%}", "jkt", (const char *)text.p, text.n);
}

static enum err issue_one(struct flow *flow, const struct grant_row *grant,
			  enum grant_token_kind kind, struct bytes scope, struct token_text *ret)
{
	const bool access = kind == GRANT_ACCESS;
	const usec_t life_s = access ? GRANTS_ACCESS_LIFE_S : GRANTS_REFRESH_LIFE_S;
	const struct grant_token_row row = {
		.id = id_new(),
		.tenant = grant->tenant,
		.grant = grant->id,
		.kind = kind,
		.scope = scope,
		.expires = flow->now + life_s * USEC_PER_S,
		.created = flow->now,
	};
	uint8_t random[TOKEN_RANDOM_LEN];

	rng_fill(random, sizeof random);
	token_print(access ? TOKEN_AT : TOKEN_RT, random, ret->s);
	wipe(random, sizeof random);
	return store_grant_token_put(flow->store, &row, str(ret->s));
}

static enum err issue(struct flow *flow, struct call *call, const struct grant_row *row,
		      bool refreshable, struct grants_tokens *ret)
{
	ret->refresh.s[0] = 0;
	ret->vault = row->vault;
	ret->bound = grants_is_bound(row);
	TRY(issue_one(flow, row, GRANT_ACCESS, str(ret->scope), &ret->access));
	if (refreshable)
		TRY(issue_one(flow, row, GRANT_REFRESH, row->scope, &ret->refresh));
	return note(flow, call, row, EVENT_grant_token);
}

/* Used twice: whoever has it beside the client may have what came of it (RFC 9700 4.14). */
static enum err used_twice(struct flow *flow, struct call *call, struct grant_row *row)
{
	if (row->state != GRANT_REVOKED) {
		TRY(note(flow, call, row, EVENT_grant_reuse));
		TRY(grants_revoke(flow, call, row->tenant, row->id));
	}
	return ERR_INVALID_GRANT;
}

/* The key that the grant is bound to has signed for this request; a grant that is bound to none
 * takes the key that comes with its code. */
static enum err check_key(const struct grant_row *row, const uint8_t *jkt)
{
	if (!grants_is_bound(row))
		return OK;
	if (jkt == NULL)
		return ERR_INVALID_DPOP_PROOF;
	return memcmp(row->jkt, jkt, sizeof row->jkt) == 0 ? OK : ERR_INVALID_GRANT;
}

static bool verifier_ok(struct bytes verifier, const uint8_t challenge[static 32])
{
	uint8_t hash[SHA256_LEN];

	if (verifier.n < GRANTS_VERIFIER_MIN || verifier.n > GRANTS_VERIFIER_MAX)
		return false;
	for (size_t i = 0; i < verifier.n; i++) {
		const uint8_t c = verifier.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    strchr("-._~", c) == NULL)
			return false;
	}
	sha256_one(verifier, hash);
	return ct_eq((struct bytes){ hash, sizeof hash }, (struct bytes){ challenge, 32 });
}

/* What a grant stands for may have ended since: its vault, its client. */
static enum err still_stands(struct flow *flow, const struct grant_row *row)
{
	struct agent_row agent;
	struct vault_row vault;

	enum err err = store_agent_get(flow->store, row->tenant, row->agent, &agent);
	if (err == OK && agent.state != AGENT_ACTIVE)
		err = ERR_NOT_FOUND;
	if (err == OK)
		err = grants_vault(flow, row->tenant, row->user, row->agent, row->vault, &vault);
	return err == ERR_NOT_FOUND || err == ERR_INVALID_TARGET ? ERR_INVALID_GRANT : err;
}

/* RFC 8707 2.2: a token is for what was consented to. */
static enum err check_resource(const struct flow *flow, const struct grant_row *row,
			       struct bytes resource)
{
	struct id vault;

	if (resource.p == NULL)
		return OK;
	TRY(grants_resource(flow, resource, &vault));
	return id_eq(vault, row->vault) ? OK : ERR_INVALID_TARGET;
}

static enum err check_code(struct flow *flow, const struct grants_client *client,
			   const struct grants_redemption *r, const struct grant_row *row)
{
	if (!id_eq(row->agent, client->agent) || row->code_until <= flow->now ||
	    row->generation != flow->generation || !verifier_ok(r->verifier, row->challenge))
		return ERR_INVALID_GRANT;
	if (r->redirect.p != NULL && !bytes_eq(r->redirect, row->redirect))
		return ERR_INVALID_GRANT;
	TRY(still_stands(flow, row));
	TRY(check_resource(flow, row, r->resource));
	return check_key(row, client->jkt);
}

enum err grants_redeem(struct flow *flow, struct call *call, const struct grants_client *client,
		       const struct grants_redemption *r, struct grants_tokens *ret)
{
	enum token_kind kind;
	struct grant_row row;

	if (token_parse(r->code, &kind) != OK || kind != TOKEN_CODE)
		return ERR_INVALID_GRANT;
	const enum err found = store_grant_find(flow->store, r->code, &row);
	if (found == ERR_NOT_FOUND)
		return ERR_INVALID_GRANT;
	TRY(found);
	/* Another client's code is not this one's to use up, nor to revoke. */
	if (row.state != GRANT_CODE && id_eq(row.agent, client->agent))
		return used_twice(flow, call, &row);
	TRY(check_code(flow, client, r, &row));
	row.state = GRANT_ACTIVE;
	if (client->jkt != NULL)
		memcpy(row.jkt, client->jkt, sizeof row.jkt);
	const enum err err = store_grant_update(flow->store, &row);
	if (err == ERR_CONFLICT)
		return ERR_INVALID_GRANT;
	TRY(err);
	TRY(bytes_str(row.scope, ret->scope, sizeof ret->scope));
	return issue(flow, call, &row, r->refreshable, ret);
}

/* RFC 6749 6: the same or less; the refresh token keeps what was granted. */
static enum err narrow(const struct grant_row *row, struct bytes asked,
		       char to[static SCOPES_MAX_BYTES + 1])
{
	if (asked.n == 0)
		return bytes_str(row->scope, to, SCOPES_MAX_BYTES + 1);
	TRY(grants_scopes(asked, to));
	for (struct bytes rest = str(to); rest.n > 0;) {
		const struct bytes one = bytes_cut(&rest, ' ');
		for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
			if (bytes_is(one, scopes[i].name) &&
			    !grants_scope_has(row->scope, scopes[i].name))
				return ERR_INVALID_SCOPE;
	}
	return OK;
}

/* With a refresh token that was spent before, whoever brings it. */
static enum err check_refresh(struct flow *flow, struct call *call,
			      const struct grants_client *client,
			      const struct grant_token_row *token, struct grant_row *row)
{
	const enum err err = store_grant_get(flow->store, token->tenant, token->grant, row);
	if (err == ERR_NOT_FOUND || (err == OK && !id_eq(row->agent, client->agent)))
		return ERR_INVALID_GRANT;
	TRY(err);
	if (token->spent)
		return used_twice(flow, call, row);
	if (row->state != GRANT_ACTIVE || token->generation != flow->generation ||
	    token->expires <= flow->now)
		return ERR_INVALID_GRANT;
	TRY(still_stands(flow, row));
	return check_key(row, client->jkt);
}

enum err grants_refresh(struct flow *flow, struct call *call, const struct grants_client *client,
			const struct grants_renewal *renewal, struct grants_tokens *ret)
{
	const struct bytes text = renewal->token;
	struct grant_token_row token;
	struct grant_row row;

	const enum err found = store_grant_token_find(flow->store, text, &token);
	if (found == ERR_NOT_FOUND || (found == OK && token.kind != GRANT_REFRESH))
		return ERR_INVALID_GRANT;
	TRY(found);
	TRY(check_refresh(flow, call, client, &token, &row));
	TRY(check_resource(flow, &row, renewal->resource));
	TRY(narrow(&row, renewal->scope, ret->scope));
	const enum err spent = store_grant_token_spend(flow->store, text);
	if (spent == ERR_USED)
		return used_twice(flow, call, &row);
	TRY(spent);
	return issue(flow, call, &row, true, ret);
}

enum err grants_client_credentials(struct flow *flow, struct call *call,
				   const struct grants_client *client, struct bytes resource,
				   struct bytes scope, struct grants_tokens *ret)
{
	struct grant_row row = {
		.id = id_new(),
		.tenant = client->tenant,
		.agent = client->agent,
		.state = GRANT_ACTIVE,
		.created = flow->now,
	};
	struct vault_row vault;

	if (!client->confidential)
		return ERR_UNAUTHORIZED_CLIENT;
	TRY(grants_scopes(scope, ret->scope));
	TRY(grants_resource(flow, resource, &row.vault));
	const enum err err = store_vault_get(flow->store, row.tenant, row.vault, &vault);
	if (err == ERR_NOT_FOUND ||
	    (err == OK && (vault.state == VAULT_DELETED || !id_eq(vault.agent, client->agent))))
		return ERR_INVALID_TARGET;
	TRY(err);
	row.user = vault.user;
	row.scope = str(ret->scope);
	if (client->jkt != NULL)
		memcpy(row.jkt, client->jkt, sizeof row.jkt);
	TRY(store_grant_put(flow->store, &row, (struct bytes){ NULL, 0 }));
	return issue(flow, call, &row, false, ret);
}

enum err grants_live(struct flow *flow, struct bytes text, struct grant_row *ret,
		     struct grant_token_row *ret_token)
{
	struct grant_token_row token;
	struct grant_row row;

	enum err err = store_grant_token_find(flow->store, text, &token);
	if (err == OK &&
	    (token.spent || token.generation != flow->generation || token.expires <= flow->now))
		err = ERR_NOT_FOUND;
	if (err == OK)
		err = store_grant_get(flow->store, token.tenant, token.grant, &row);
	if (err == OK && row.state != GRANT_ACTIVE)
		err = ERR_NOT_FOUND;
	if (err == OK)
		err = still_stands(flow, &row);
	if (err == ERR_NOT_FOUND || err == ERR_INVALID_GRANT)
		return ERR_INVALID_TOKEN;
	TRY(err);
	*ret = row;
	*ret_token = token;
	return OK;
}

enum err grants_revoke(struct flow *flow, struct call *call, struct id tenant, struct id grant)
{
	struct grant_row row;

	TRY(store_grant_get(flow->store, tenant, grant, &row));
	if (row.state == GRANT_REVOKED)
		return OK;
	row.state = GRANT_REVOKED;
	TRY(store_grant_update(flow->store, &row));
	TRY(store_grant_tokens_end(flow->store, tenant, grant));
	return note(flow, call, &row, EVENT_grant_revoke);
}

enum err grants_sweep(struct flow *flow)
{
	const usec_t day = 24 * 3600 * USEC_PER_S;

	return store_grant_sweep(flow->store, flow->now, flow->now > day ? flow->now - day : 0);
}
