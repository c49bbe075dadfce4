/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/register.h"

#include "core/authserver/clientmeta.h"
#include "core/authserver/jwk.h"

/* One address: a person tries out many programs. All: what no crowd of addresses may exceed. */
static const struct throttle_rate from_one = { .burst = 30, .every = 20 * USEC_PER_S };
static const struct throttle_rate from_all = { .burst = 300, .every = 2 * USEC_PER_S };

void registered_done(struct registered *registered)
{
	json_free(&registered->meta);
	wipe(&registered->secret, sizeof registered->secret);
	wipe(&registered->manager, sizeof registered->manager);
}

/* Who has shown an admin token. */
static bool by_operator(const struct call *call)
{
	return call != NULL && !id_none(call->actor);
}

static enum err throttled(struct flow *flow, const struct call *call)
{
	static const struct id all = { "vk registrations" };
	struct id one = call->address;

	if (by_operator(call))
		return OK;
	one.b[0] ^= 0xa5; /* another bucket than that of guesses */
	if (throttle_wait(&flow->throttle, one, from_one, flow->boot) > 0 ||
	    throttle_wait(&flow->throttle, all, from_all, flow->boot) > 0)
		return ERR_RATE_LIMITED;
	throttle_take(&flow->throttle, one, from_one, flow->boot);
	throttle_take(&flow->throttle, all, from_all, flow->boot);
	return OK;
}

static enum err room_left(struct flow *flow)
{
	uint64_t n;

	TRY(store_registration_count(flow->store, &n));
	return n < REGISTER_CLIENTS_MAX ? OK : ERR_RATE_LIMITED;
}

static bool has_secret(const json_t *meta)
{
	const enum clientmeta_auth auth = clientmeta_auth(meta);

	return auth == CLIENTMETA_BASIC || auth == CLIENTMETA_POST;
}

static void join_redirects(const json_t *meta, struct dynbuf *out)
{
	const json_t *uri;
	size_t i;

	json_array_foreach(json_object_get(meta, "redirect_uris"), i, uri)
	{
		if (i > 0)
			dynbuf_u8(out, '\n');
		dynbuf_str(out, json_string_value(uri));
	}
}

/* The name and the redirects also stand in the agent's row, where the operator sees them. */
struct texts {
	struct dynbuf meta, redirects;
	struct bytes name;
};

static void texts_done(struct texts *texts)
{
	dynbuf_done(&texts->meta);
	dynbuf_done(&texts->redirects);
}

static enum err texts_of(const json_t *meta, struct texts *ret)
{
	dynbuf_init(&ret->meta, JSON_TEXT_MAX);
	dynbuf_init(&ret->redirects, JSON_TEXT_MAX);
	json_print(meta, &ret->meta);
	join_redirects(meta, &ret->redirects);
	ret->name = json_str(meta, "client_name");
	if (ret->name.n == 0)
		ret->name = str("unnamed client");
	TRY(dynbuf_err(&ret->meta));
	return dynbuf_err(&ret->redirects);
}

static enum err note(struct flow *flow, struct call *call, const struct registration_row *row,
		     uint8_t kind)
{
	struct ipc_record record;

	flow_record(flow, call, kind, OUTCOME_OK, &record);
	record.tenant = row->tenant;
	record.agent = row->agent;
	record.object = row->id;
	return flow_event(flow, call, &record);
}

/* @row: what is not in @agent and @meta. */
static enum err create(struct flow *flow, struct call *call, struct agent_row *agent,
		       const json_t *meta, struct registration_row *row)
{
	scoped(texts_done) struct texts texts = { 0 };

	if (row->origin != REGISTRATION_OPERATOR)
		TRY(room_left(flow));
	TRY(texts_of(meta, &texts));
	agent->name = texts.name;
	agent->redirect_uris = dynbuf_view(&texts.redirects);
	agent->state = AGENT_ACTIVE;
	agent->created = flow->now;
	TRY(store_agent_put(flow->store, agent));
	row->id = id_new();
	row->tenant = agent->tenant;
	row->agent = agent->id;
	row->meta = dynbuf_view(&texts.meta);
	row->created = flow->now;
	TRY(store_registration_put(flow->store, row));
	TRY(note(flow, call, row, EVENT_agent_register));
	agent->name = agent->redirect_uris = (struct bytes){ NULL, 0 }; /* they end here */
	return OK;
}

static enum err same_consent(const json_t *old, const json_t *new, bool *ret)
{
	uint8_t a[32], b[32];

	TRY(clientmeta_fingerprint(old, a));
	TRY(clientmeta_fingerprint(new, b));
	*ret = memcmp(a, b, sizeof a) == 0;
	return OK;
}

/* From @old to @new. */
static enum err change(struct flow *flow, struct call *call, struct agent_row *agent,
		       const json_t *old, const json_t *new, struct registration_row *row)
{
	scoped(texts_done) struct texts texts = { 0 };
	bool same;

	TRY(same_consent(old, new, &same));
	if (!same)
		row->changed = flow->now;
	TRY(texts_of(new, &texts));
	agent->name = texts.name;
	agent->redirect_uris = dynbuf_view(&texts.redirects);
	TRY(store_agent_update(flow->store, agent));
	row->meta = dynbuf_view(&texts.meta);
	row->jwks = (struct bytes){ NULL, 0 };
	row->jwks_at = row->jwks_until = 0;
	TRY(store_registration_update(flow->store, row));
	TRY(note(flow, call, row, EVENT_agent_change));
	agent->name = agent->redirect_uris = (struct bytes){ NULL, 0 };
	return OK;
}

static enum err issue(struct flow *flow, const struct agent_row *agent, const json_t *meta,
		      struct registered *ret)
{
	if (has_secret(meta))
		TRY(token_issue(flow, OWN_CLIENT, agent->tenant, agent->id, 0, &ret->secret));
	return token_issue(flow, OWN_REGISTRATION, agent->tenant, agent->id, 0, &ret->manager);
}

static enum err client_new(struct flow *flow, struct call *call, const json_t *meta,
			   struct registered *ret)
{
	struct agent_row agent = { .id = id_new(), .tenant = call->tenant };
	struct registration_row row = { .origin = by_operator(call) ? REGISTRATION_OPERATOR
								    : REGISTRATION_DYNAMIC };
	char client_id[ID_TEXT_MAX + 1];

	agent.client_id = str(id_print("agent", agent.id, client_id));
	TRY(create(flow, call, &agent, meta, &row));
	TRY(issue(flow, &agent, meta, ret));
	agent.client_id = (struct bytes){ NULL, 0 }; /* it is the id, printed */
	ret->agent = agent;
	ret->created = agent.created;
	return OK;
}

enum err register_client(struct flow *flow, struct call *call, const json_t *sent,
			 struct registered *ret, const char **ret_why)
{
	scoped(clientmeta_done) struct clientmeta meta = { 0 };

	*ret_why = NULL;
	TRY(throttled(flow, call));
	TRY(clientmeta_read(sent, CLIENTMETA_REGISTERED, (struct bytes){ NULL, 0 }, &meta,
			    ret_why));
	TRY(store_savepoint(flow->store));
	const enum err err = client_new(flow, call, meta.json, ret);
	if (err != OK)
		flow_request_undo(flow);
	TRY(store_savepoint_end(flow->store, err == OK));
	TRY(err);
	ret->meta = take(meta.json);
	return OK;
}

enum err register_manager(struct flow *flow, struct bytes token, struct bytes client_id,
			  struct agent_row *ret)
{
	struct own_token_row row;
	struct agent_row agent;

	TRY(token_check(flow, token, OWN_REGISTRATION, &row));
	const enum err err = store_agent_get(flow->store, row.tenant, row.object, &agent);
	if (err == ERR_NOT_FOUND)
		return ERR_INVALID_TOKEN;
	TRY(err);
	if (!bytes_eq(agent.client_id, client_id))
		return ERR_INVALID_TOKEN;
	if (agent.state != AGENT_ACTIVE)
		return ERR_FORBIDDEN;
	*ret = agent;
	return OK;
}

enum err register_read(struct flow *flow, const struct agent_row *agent, struct registered *ret)
{
	struct registration_row row;

	TRY(store_registration_find(flow->store, agent->tenant, agent->id, &row));
	TRY(json_parse(row.meta, &json_request_limits, &ret->meta));
	ret->agent = *agent;
	ret->created = row.created;
	return OK;
}

/* A secret comes and goes with the way the client proves itself. */
static enum err exchange_secret(struct flow *flow, const struct agent_row *agent, bool had,
				bool has, struct registered *ret)
{
	if (had && !has)
		return store_token_revoke(flow->store, agent->tenant, OWN_CLIENT, agent->id);
	return had || !has
		       ? OK
		       : token_issue(flow, OWN_CLIENT, agent->tenant, agent->id, 0, &ret->secret);
}

static enum err change_all(struct flow *flow, struct call *call, const struct agent_row *agent,
			   const json_t *meta, struct registered *ret)
{
	scoped(json_free) json_t *old = NULL;
	struct registration_row row;

	TRY(store_registration_find(flow->store, agent->tenant, agent->id, &row));
	TRY(json_parse(row.meta, &json_request_limits, &old));
	ret->agent = *agent;
	ret->created = row.created;
	TRY(change(flow, call, &ret->agent, old, meta, &row));
	return exchange_secret(flow, agent, has_secret(old), has_secret(meta), ret);
}

enum err register_change(struct flow *flow, struct call *call, const struct agent_row *agent,
			 const json_t *sent, struct registered *ret, const char **ret_why)
{
	scoped(clientmeta_done) struct clientmeta meta = { 0 };

	*ret_why = NULL;
	TRY(throttled(flow, call));
	TRY(clientmeta_read(sent, CLIENTMETA_REGISTERED, (struct bytes){ NULL, 0 }, &meta,
			    ret_why));
	TRY(store_savepoint(flow->store));
	const enum err err = change_all(flow, call, agent, meta.json, ret);
	if (err != OK)
		flow_request_undo(flow);
	TRY(store_savepoint_end(flow->store, err == OK));
	TRY(err);
	ret->meta = take(meta.json);
	return OK;
}

/* Disabled first: what cannot be deleted, because a grant names it, is then refused everywhere. */
static enum err remove_all(struct flow *flow, struct call *call, const struct agent_row *agent)
{
	struct ipc_record record;
	struct agent_row row = *agent;

	row.state = AGENT_DISABLED;
	TRY(store_agent_update(flow->store, &row));
	flow_record(flow, call, EVENT_agent_remove, OUTCOME_OK, &record);
	record.tenant = row.tenant;
	record.agent = row.id;
	TRY(flow_event(flow, call, &record));
	TRY(store_token_revoke(flow->store, row.tenant, OWN_CLIENT, row.id));
	TRY(store_token_revoke(flow->store, row.tenant, OWN_REGISTRATION, row.id));
	return store_registration_del(flow->store, row.tenant, row.id);
}

enum err register_remove(struct flow *flow, struct call *call, const struct agent_row *agent)
{
	TRY(store_savepoint(flow->store));
	const enum err err = remove_all(flow, call, agent);
	if (err != OK)
		flow_request_undo(flow);
	const enum err ended = store_savepoint_end(flow->store, err == OK);
	return err != OK ? err : ended;
}

static enum err document_new(struct flow *flow, struct bytes url, const json_t *meta, usec_t until)
{
	struct agent_row agent = { .id = id_new(),
				   .tenant = flow->tenant_default,
				   .client_id = url };
	struct registration_row row = { .origin = REGISTRATION_DOCUMENT, .meta_until = until };

	return create(flow, NULL, &agent, meta, &row);
}

/* A document that says the same as before is only good for longer. */
static enum err document_again(struct flow *flow, struct agent_row *agent, const json_t *meta,
			       usec_t until)
{
	scoped(json_free) json_t *old = NULL;
	struct registration_row row;

	if (agent->state != AGENT_ACTIVE)
		return ERR_INVALID_CLIENT;
	TRY(store_registration_find(flow->store, agent->tenant, agent->id, &row));
	TRY(json_parse(row.meta, &json_request_limits, &old));
	row.meta_until = until;
	if (json_equal(old, meta))
		return store_registration_update(flow->store, &row);
	return change(flow, NULL, agent, old, meta, &row);
}

static enum err read_json(struct bytes text, json_t **ret)
{
	const enum err err = json_parse(text, &json_request_limits, ret);

	return err > OK ? ERR_INVALID_CLIENT : err;
}

enum err register_document(struct flow *flow, struct bytes url, struct id id,
			   const struct fetched *fetched)
{
	scoped(json_free) json_t *json = NULL;
	scoped(clientmeta_done) struct clientmeta meta = { 0 };
	struct agent_row agent;
	const char *why;

	(void)id; /* somebody else may have made it meanwhile */
	if (fetched->body.n > CLIENTMETA_TEXT_MAX)
		return ERR_INVALID_CLIENT;
	TRY(read_json(fetched->body, &json));
	enum err err = clientmeta_read(json, CLIENTMETA_DOCUMENT, url, &meta, &why);
	if (err != OK)
		return err < OK ? err : ERR_INVALID_CLIENT;
	err = store_agent_find(flow->store, url, &agent);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	TRY(store_savepoint(flow->store));
	err = err == OK ? document_again(flow, &agent, meta.json, fetched->until)
			: document_new(flow, url, meta.json, fetched->until);
	const enum err ended = store_savepoint_end(flow->store, err == OK);
	return err != OK ? err : ended;
}

enum err register_keys(struct flow *flow, struct bytes url, struct id id,
		       const struct fetched *fetched)
{
	scoped(json_free) json_t *json = NULL;
	scoped(json_free) json_t *meta = NULL;
	scoped(dynbuf_done) struct dynbuf text = { .max = FETCH_KEYS_MAX };
	struct registration_row row;

	TRY(read_json(fetched->body, &json));
	enum err err = jwks_check(json);
	if (err != OK)
		return err < OK ? err : ERR_INVALID_CLIENT;
	err = store_registration_find(flow->store, flow->tenant_default, id, &row);
	if (err != OK)
		return err == ERR_NOT_FOUND ? ERR_INVALID_CLIENT : err;
	TRY(json_parse(row.meta, &json_request_limits, &meta));
	if (!bytes_eq(json_str(meta, "jwks_uri"), url))
		return ERR_INVALID_CLIENT; /* it has changed meanwhile */
	json_print(json, &text);
	TRY(dynbuf_err(&text));
	row.jwks = dynbuf_view(&text);
	row.jwks_at = flow->now;
	row.jwks_until = fetched->until;
	return store_registration_update(flow->store, &row);
}

static enum err sweep_one(void *ctx, const struct registration_row *row)
{
	struct flow *flow = ctx;
	struct agent_row agent;

	TRY(store_agent_get(flow->store, row->tenant, row->agent, &agent));
	return remove_all(flow, NULL, &agent);
}

enum err register_sweep(struct flow *flow)
{
	return store_registration_idle(flow->store, flow->now - REGISTER_UNUSED_S * USEC_PER_S,
				       flow->now - (usec_t)REGISTER_IDLE_S * USEC_PER_S, sweep_one,
				       flow);
}
