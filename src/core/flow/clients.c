/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/clients.h"

#include "core/authserver/assertion.h"
#include "core/authserver/clientmeta.h"
#include "core/flow/objects.h"
#include "core/flow/register.h"
#include "crypto/crypto.h"

/* RFC 6749 10.10: guesses at a client's secret, from one address. */
static const struct throttle_rate guesses = { .burst = 30, .every = 2 * USEC_PER_S };

void clients_done(struct client *client)
{
	json_free(&client->meta);
}

static enum err not_throttled(struct flow *flow, struct id key, uint64_t *ret_wait_s)
{
	const usec_t wait = throttle_wait(&flow->throttle, key, guesses, flow->boot);

	*ret_wait_s = (wait + USEC_PER_S - 1) / USEC_PER_S;
	return wait == 0 ? OK : ERR_RATE_LIMITED;
}

static enum err check_secret(struct flow *flow, const struct client_proof *proof,
			     struct agent_row *ret)
{
	struct own_token_row secret;
	struct agent_row agent;

	const enum err err = store_agent_find(flow->store, proof->id, &agent);
	if (err == ERR_NOT_FOUND)
		return ERR_INVALID_CLIENT;
	TRY(err);
	if (token_check(flow, proof->secret, OWN_CLIENT, &secret) != OK ||
	    !id_eq(secret.object, agent.id) || agent.state != AGENT_ACTIVE)
		return ERR_INVALID_CLIENT;
	*ret = agent;
	return OK;
}

enum err clients_secret(struct flow *flow, const struct client_proof *proof, struct id address,
			struct agent_row *ret, uint64_t *ret_wait_s)
{
	const struct id key = throttle_key("client", id_bytes(&address), proof->id);

	TRY(not_throttled(flow, key, ret_wait_s));
	const enum err err = check_secret(flow, proof, ret);
	if (err == ERR_INVALID_CLIENT)
		throttle_take(&flow->throttle, key, guesses, flow->boot);
	return err;
}

/* What holds for an agent that the operator added. */
static json_t *operator_meta(const struct agent_row *row)
{
	struct bytes uris = row->redirect_uris;
	json_t *list = json_array();

	while (uris.n > 0)
		json_array_append_new(list, json_of(bytes_cut(&uris, '\n')));
	return json_pack("{s:o,s:o,s:s,s:[s,s,s],s:[s],s:s}", "client_name", json_of(row->name),
			 "redirect_uris", list, "token_endpoint_auth_method", "client_secret_basic",
			 "grant_types", "authorization_code", "refresh_token", "client_credentials",
			 "response_types", "code", "scope", "mcp:tools proxy exchange");
}

static enum err fill(struct flow *flow, const struct agent_row *agent, struct client *ret,
		     struct registration_row *ret_row)
{
	struct registration_row row = { 0 };

	if (agent->state != AGENT_ACTIVE)
		return ERR_INVALID_CLIENT;
	const enum err err = store_registration_find(flow->store, agent->tenant, agent->id, &row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	ret->agent = *agent;
	ret->origin = err == ERR_NOT_FOUND || row.origin == REGISTRATION_OPERATOR ? CLIENT_OPERATOR
		      : row.origin == REGISTRATION_DOCUMENT			  ? CLIENT_DOCUMENT
										  : CLIENT_DYNAMIC;
	if (err == OK)
		TRY(json_parse(row.meta, &json_request_limits, &ret->meta));
	else
		ret->meta = operator_meta(agent);
	if (ret->meta == NULL)
		return FAULT_NOMEM;
	ret->changed = row.changed;
	*ret_row = row;
	return OK;
}

struct finding {
	struct flow *flow;
	struct call *call;
	fetch_again_fn again;
	bool *waits;
	bool old_does; /* what is known is enough, however old */
};

static enum err fetch_for(const struct finding *finding, const struct fetch_want *want)
{
	const enum err err = fetch_join(finding->flow, finding->call, want, finding->again);

	*finding->waits = err == OK;
	return err;
}

static enum err find(const struct finding *finding, struct bytes client_id, struct client *ret,
		     struct registration_row *ret_row)
{
	struct flow *flow = finding->flow;
	struct agent_row agent;
	const bool document = bytes_starts(client_id, "https://");

	if (client_id.n == 0 ||
	    (document && (!flow->settings.client_documents || !clientmeta_address_ok(client_id))))
		return ERR_INVALID_CLIENT;
	enum err err = store_agent_find(flow->store, client_id, &agent);
	if (err == OK)
		err = fill(flow, &agent, ret, ret_row);
	if (err == ERR_NOT_FOUND)
		err = document ? OK : ERR_INVALID_CLIENT;
	TRY(err);
	if (!document ||
	    (ret->meta != NULL && (finding->old_does || ret_row->meta_until > flow->now)))
		return OK;
	const struct fetch_want want = {
		.url = client_id,
		.max = CLIENTMETA_TEXT_MAX,
		.agent = ret->agent.id,
		.store = register_document,
	};
	return fetch_for(finding, &want);
}

enum err clients_find(struct flow *flow, struct call *call, struct bytes client_id,
		      fetch_again_fn again, struct client *ret, bool *ret_waits)
{
	const struct finding finding = { flow, call, again, ret_waits, false };
	struct registration_row row = { 0 };

	*ret = (struct client){ 0 };
	*ret_waits = false;
	return find(&finding, client_id, ret, &row);
}

/* The keys of a client: its own, or those that its jwks_uri gave. NULL: they are to be fetched. */
static enum err keys_of(const struct flow *flow, const struct client *client,
			const struct registration_row *row, json_t **ret)
{
	json_t *inline_keys = json_object_get(client->meta, "jwks");

	*ret = NULL;
	if (inline_keys != NULL) {
		*ret = json_incref(inline_keys);
		return OK;
	}
	if (row->jwks.n == 0 || row->jwks_until <= flow->now)
		return OK;
	return json_parse(row->jwks, &json_request_limits, ret);
}

static enum err fetch_keys(const struct finding *finding, const struct client *client)
{
	const struct fetch_want want = {
		.url = json_str(client->meta, "jwks_uri"),
		.max = FETCH_KEYS_MAX,
		.agent = client->agent.id,
		.store = register_keys,
	};

	return want.url.n == 0 ? ERR_INVALID_CLIENT : fetch_for(finding, &want);
}

/* A set is asked for again where a key is missing in it, but not for each such assertion. */
static bool may_be_old(const struct flow *flow, const struct client *client,
		       const struct registration_row *row)
{
	return json_object_get(client->meta, "jwks_uri") != NULL &&
	       row->jwks_at + CLIENTS_KEYS_AGAIN_S * USEC_PER_S <= flow->now;
}

static enum err check_assertion(const struct finding *finding, const struct assertion *assertion,
				const struct registration_row *row, struct client *client)
{
	struct flow *flow = finding->flow;
	scoped(json_free) json_t *jwks = NULL;
	struct assertion_use use;

	TRY(keys_of(flow, client, row, &jwks));
	if (jwks == NULL)
		return fetch_keys(finding, client);
	const struct assertion_rules rules = {
		.issuer = str(flow->settings.issuer),
		.jwks = jwks,
		.alg = jwk_alg_find(json_str(client->meta, "token_endpoint_auth_signing_alg")),
		.now = flow->now,
	};
	enum err err = assertion_verify(assertion, &rules, &use);
	if (err == ERR_NOT_FOUND)
		return may_be_old(flow, client, row) ? fetch_keys(finding, client)
						     : ERR_INVALID_CLIENT;
	TRY(err);
	err = store_seen(flow->store, use.once, use.until);
	if (err == OK)
		client->proven = true;
	return err == ERR_USED ? ERR_INVALID_CLIENT : err;
}

static enum err by_assertion(const struct finding *finding, const struct client_proof *proof,
			     struct client *ret)
{
	struct flow *flow = finding->flow;
	scoped(assertion_done) struct assertion assertion = { 0 };
	struct registration_row row = { 0 };
	uint64_t wait_s;

	TRY(assertion_read(proof->assertion, &assertion));
	if (proof->id.p != NULL && !bytes_eq(proof->id, assertion.client_id))
		return ERR_INVALID_CLIENT;
	const struct id key =
		throttle_key("client", id_bytes(&finding->call->address), assertion.client_id);
	TRY(not_throttled(flow, key, &wait_s));
	TRY(find(finding, assertion.client_id, ret, &row));
	if (*finding->waits)
		return OK;
	const enum err err = clientmeta_auth(ret->meta) == CLIENTMETA_KEY
				     ? check_assertion(finding, &assertion, &row, ret)
				     : ERR_INVALID_CLIENT;
	if (err == ERR_INVALID_CLIENT)
		throttle_take(&flow->throttle, key, guesses, flow->boot);
	return err;
}

static enum err by_secret(const struct finding *finding, const struct client_proof *proof,
			  struct client *ret)
{
	struct registration_row row;
	struct agent_row agent;
	uint64_t wait_s;

	TRY(clients_secret(finding->flow, proof, finding->call->address, &agent, &wait_s));
	TRY(fill(finding->flow, &agent, ret, &row));
	ret->proven = true;
	return OK;
}

static enum err by_name(const struct finding *finding, const struct client_proof *proof,
			struct client *ret)
{
	struct registration_row row = { 0 };

	TRY(find(finding, proof->id, ret, &row));
	if (*finding->waits || clientmeta_auth(ret->meta) == CLIENTMETA_NONE)
		return OK;
	return ERR_INVALID_CLIENT;
}

enum err clients_prove(struct flow *flow, struct call *call, const struct client_proof *proof,
		       fetch_again_fn again, struct client *ret, bool *ret_waits)
{
	/* Without a proof there is nothing that a newer document could take back: what it may be
	 * answered at was decided when it was sent there. */
	const struct finding finding = { flow, call, again, ret_waits, proof->assertion.p == NULL };

	*ret = (struct client){ 0 };
	*ret_waits = false;
	if (proof->assertion.p != NULL)
		return by_assertion(&finding, proof, ret);
	return proof->secret.p != NULL ? by_secret(&finding, proof, ret)
				       : by_name(&finding, proof, ret);
}

enum err clients_used(struct flow *flow, struct id tenant, struct id agent)
{
	struct registration_row row;

	const enum err err = store_registration_find(flow->store, tenant, agent, &row);
	if (err == ERR_NOT_FOUND)
		return OK;
	TRY(err);
	if (row.used + CLIENTS_USED_EVERY_S * USEC_PER_S > flow->now)
		return OK;
	row.used = flow->now;
	return store_registration_update(flow->store, &row);
}

const char *clients_algorithm(size_t n)
{
	return n + 1 < JWK_ALG_END ? jwk_alg_name((enum jwk_alg)(n + 1)) : NULL;
}
