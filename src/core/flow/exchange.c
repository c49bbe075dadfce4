/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/exchange.h"

#include <stdlib.h>

#include "core/flow/ask.h"
#include "core/flow/compiled.h"
#include "core/flow/objects.h"
#include "core/flow/refresh.h"
#include "core/policy/policy.h"

enum { LIFE_OF_ENDLESS_S = 600, TEXT_MAX = 2048, STRANGERS_A_SECOND = 10 };

/* An exchange under way; freed when the call is answered. */
struct exchange {
	struct exchange_mend mend;	 /* first: call->mine points here */
	struct exchange_request request; /* its bytes stand in text */
	struct dynbuf text;
	uint8_t room[TEXT_MAX];
	bool refreshed;
	struct own_token_row token;
	struct vault_row vault;
	struct connection_row connection;
	usec_t expires;
	char scope[SCOPES_MAX_BYTES + 1];
};

static void exchange_refuse(struct flow *flow, struct call *call, struct exchange *x, enum err err);

/* A confidential client proves itself; the vault of an agent serves that agent alone. */
static enum err check_agent(struct flow *flow, const struct exchange *x)
{
	const struct exchange_request *request = &x->request;
	struct own_token_row secret;
	struct agent_row agent;

	if (request->client_id.p != NULL) {
		const enum err err = store_agent_find(flow->store, request->client_id, &agent);
		if (err == ERR_NOT_FOUND)
			return ERR_INVALID_CLIENT;
		TRY(err);
		if (token_check(flow, request->client_secret, OWN_CLIENT, &secret) != OK ||
		    !id_eq(secret.object, agent.id) || agent.state != AGENT_ACTIVE)
			return ERR_INVALID_CLIENT;
		return id_eq(agent.id, x->vault.agent) ? OK : ERR_INVALID_TOKEN;
	}
	if (id_none(x->vault.agent))
		return OK;
	TRY(store_agent_get(flow->store, x->vault.tenant, x->vault.agent, &agent));
	return agent.state == AGENT_ACTIVE ? OK : ERR_INVALID_TOKEN;
}

static enum err check_vault(struct flow *flow, struct exchange *x)
{
	TRY(token_check(flow, x->request.subject_token, OWN_VAULT, &x->token));
	const enum err err =
		store_vault_get(flow->store, x->token.tenant, x->token.object, &x->vault);
	if (err == ERR_NOT_FOUND || (err == OK && x->vault.state == VAULT_DELETED))
		return ERR_INVALID_TOKEN;
	TRY(err);
	x->mend.vault = x->vault.id;
	TRY(check_agent(flow, x));
	if (x->vault.state != VAULT_ACTIVE)
		return ERR_ACCESS_PAUSED;
	if (x->vault.expires != 0 && x->vault.expires <= flow->now)
		return ERR_DENIED;
	return OK;
}

struct candidates {
	size_t n;
	struct id id;
};

static enum err candidate(void *ctx, const struct connection_row *row)
{
	struct candidates *candidates = ctx;

	if (row->state != CONNECTION_REMOVED) {
		candidates->n++;
		candidates->id = row->id;
	}
	return OK;
}

/* A vault that is bound for a service reaches the bound accounts alone, also by their ids. */
struct bound {
	struct bytes service;
	struct id wanted;
	bool any, found;
};

static enum err bound_one(void *ctx, const struct binding_row *row)
{
	struct bound *bound = ctx;

	if (bytes_eq(row->service, bound->service)) {
		bound->any = true;
		bound->found = bound->found || id_eq(row->connection, bound->wanted);
	}
	return OK;
}

static enum err pick_by_id(struct flow *flow, const struct exchange *x, struct id id,
			   struct id *ret)
{
	struct bound bound = { .service = x->request.audience, .wanted = id };

	TRY(store_binding_list(flow->store, x->vault.tenant, x->vault.id, bound_one, &bound));
	if (bound.any && !bound.found)
		return ERR_NOT_CONNECTED;
	*ret = id;
	return OK;
}

/* The account asked for by id or alias; else the vault's default; else the user's only one. */
static enum err pick(struct flow *flow, struct exchange *x, struct id *ret)
{
	const struct bytes service = x->request.audience, wanted = x->request.connection;
	struct candidates candidates = { 0 };
	struct binding_row binding;
	struct id id;

	if (wanted.n > 0 && id_parse("conn", wanted, &id) == OK)
		return pick_by_id(flow, x, id, ret);
	const enum err err = store_binding_find(flow->store, x->vault.tenant, x->vault.id, service,
						wanted, &binding);
	if (err == OK) {
		*ret = binding.connection;
		return OK;
	}
	if (err != ERR_NOT_FOUND || wanted.n > 0)
		return err == ERR_NOT_FOUND ? ERR_NOT_CONNECTED : err;
	TRY(store_connection_list(flow->store, x->vault.tenant, x->vault.user, service,
				  (struct page){ .limit = 500 }, candidate, &candidates));
	if (candidates.n != 1)
		return candidates.n == 0 ? ERR_NOT_CONNECTED : ERR_SEVERAL_ACCOUNTS;
	*ret = candidates.id;
	return OK;
}

static enum err check_connection(struct flow *flow, struct exchange *x)
{
	struct id id;

	TRY(pick(flow, x, &id));
	const enum err err = store_connection_get(flow->store, x->vault.tenant, id, &x->connection);
	/* Another user's connection answers like one that does not exist (I7). */
	if (err == ERR_NOT_FOUND ||
	    (err == OK && (!id_eq(x->connection.user, x->vault.user) ||
			   !bytes_eq(x->connection.service, x->request.audience) ||
			   x->connection.state == CONNECTION_REMOVED)))
		return ERR_NOT_CONNECTED;
	TRY(err);
	x->mend.connection = x->connection.id;
	switch (x->connection.state) {
	case CONNECTION_CONNECTED:
		return OK;
	case CONNECTION_PAUSED:
		return ERR_ACCESS_PAUSED;
	case CONNECTION_REAUTH_REQUIRED:
		return ERR_REAUTH_REQUIRED;
	case CONNECTION_REMOVED:
		break;
	}
	return ERR_NOT_CONNECTED;
}

/* The policy comes first: what it forbids is refused whether or not an account is there. */
static enum err check_policy(struct flow *flow, struct exchange *x, bool with_grant)
{
	struct policy_facts facts = {
		.service = x->request.audience,
		.asked = x->request.scope,
		.now = flow->now,
	};
	struct policy_decision decision;
	const struct policy *policy;

	TRY(compiled_policy(flow, &x->vault, &policy));
	if (with_grant) {
		facts.granted = x->connection.scopes;
		facts.granted_known = true;
	}
	const enum err err = policy_decide_exchange(policy, &facts, &decision);
	if (err == ERR_INSUFFICIENT_SCOPE)
		err_ignore(bytes_str(str(decision.missing), x->mend.missing,
				     sizeof x->mend.missing)); /* both hold as much */
	TRY(err);
	return bytes_str(str(decision.scopes), x->scope, sizeof x->scope);
}

static enum err exchange_decide(struct flow *flow, struct exchange *x)
{
	TRY(check_vault(flow, x));
	TRY(check_policy(flow, x, false));
	TRY(check_connection(flow, x));
	TRY(check_policy(flow, x, true));
	return x->connection.access.n == 0 ? ERR_REAUTH_REQUIRED : OK;
}

static void exchange_record(const struct flow *flow, const struct call *call,
			    const struct exchange *x, uint8_t outcome, struct ipc_record *ret)
{
	flow_record(flow, call, EVENT_exchange, outcome, ret);
	if (!id_none(x->vault.tenant))
		ret->tenant = x->vault.tenant;
	ret->user = x->vault.user;
	ret->vault = x->vault.id;
	ret->agent = x->vault.agent;
	ret->connection = x->mend.connection;
	ret->policy = x->vault.policy_version;
	ret->service = str(x->mend.service);
	ret->scopes = str(x->scope);
}

static uint64_t life_s(const struct flow *flow, usec_t expires)
{
	if (expires == 0)
		return LIFE_OF_ENDLESS_S;
	return expires <= flow->now ? 0 : (expires - flow->now) / USEC_PER_S;
}

static void on_released(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct call *call = ctx;
	struct exchange *x = call->mine;
	struct ipc_keeper_refused refused;
	struct ipc_released released;

	if (frame != NULL && frame->type == IPC_TYPE_released &&
	    ipc_released_decode(frame->payload, &released) == OK) {
		const struct exchange_result result = {
			.capsule = released.capsule,
			.scope = str(x->scope),
			.expires_in_s = life_s(flow, x->expires),
		};
		flow->count[COUNT_EXCHANGES]++;
		call->done(flow, call, OK, &result);
		return;
	}
	enum err err = ERR_SERVER;
	if (frame != NULL && frame->type == IPC_TYPE_keeper_refused &&
	    ipc_keeper_refused_decode(frame->payload, &refused) == OK && refused.err > OK &&
	    refused.err < ERR_COUNT)
		err = (enum err)refused.err;
	/* Keeper has written what it could: no second record of the same refusal. */
	call->done(flow, call, err, NULL);
}

static enum err stage_release(struct flow *flow, struct call *call, struct exchange *x)
{
	const struct connection_row *connection = &x->connection;
	const struct ipc_place place = {
		.field = PLACE_ACCESS_TOKEN,
		.tenant = connection->tenant,
		.user = connection->user,
		.object = connection->id,
		.version = connection->version,
	};
	uint8_t place_room[128], record_room[IPC_RECORD_MAX];
	struct dynbuf place_out = { .p = place_room,
				    .room = sizeof place_room,
				    .max = sizeof place_room };
	struct dynbuf record_out = { .p = record_room,
				     .room = sizeof record_room,
				     .max = sizeof record_room };
	struct ipc_record record;
	struct dynbuf list;
	uint64_t id;

	exchange_record(flow, call, x, OUTCOME_OK, &record);
	ipc_record_encode(&record, &record_out);
	ipc_place_encode(&place, &place_out);
	TRY(dynbuf_err(&record_out));
	TRY(dynbuf_err(&place_out));
	const struct ipc_item item = { .place = dynbuf_view(&place_out),
				       .blob = connection->access };
	dynbuf_init(&list, IPC_CAPSULE_MAX);
	IPC_LIST_ADD(&list, item, &item);
	enum err err = dynbuf_err(&list);
	if (err == OK)
		err = flow_expect(flow, PEER_KEEPER, on_released, call, &id);
	if (err == OK) {
		const struct ipc_release release = { .receiver = RECEIVER_GATE,
						     .record = dynbuf_view(&record_out),
						     .items = dynbuf_view(&list) };
		FRAME_PUT(&flow->staged[PEER_KEEPER], id, release, &release);
		err = dynbuf_err(&flow->staged[PEER_KEEPER]);
	}
	dynbuf_done(&list);
	return err;
}

/* Whoever holds no token of ours could fill the disk with refusals: some a second are written down,
 * all are counted and refused. */
static bool stranger_is_noted(struct flow *flow)
{
	if (flow->boot >= flow->strangers_since + USEC_PER_S) {
		flow->strangers_since = flow->boot;
		flow->strangers_noted = 0;
	}
	return flow->strangers_noted++ < STRANGERS_A_SECOND;
}

static void exchange_refuse(struct flow *flow, struct call *call, struct exchange *x, enum err err)
{
	struct ipc_record record;

	flow->count[COUNT_DENIALS]++;
	/* A token that is nobody's has no tenant to be noted under: it is counted, and noted as
	 * such. */
	exchange_record(flow, call, x, OUTCOME_DENIED, &record);
	if (id_none(x->vault.id))
		record.kind = EVENT_auth_failed;
	record.scopes = (struct bytes){ NULL, 0 };
	record.reason = err > OK ? (uint16_t)err : ERR_SERVER;
	const bool noted = !id_none(x->vault.id) || stranger_is_noted(flow);
	if (noted && flow_note(flow, call, &record) != OK)
		err = ERR_OVERLOADED; /* an unrecorded refusal is still a refusal */
	call->done(flow, call, err, NULL);
}

static void exchange_run(struct flow *flow, struct call *call, struct exchange *x);

static void on_refreshed(struct flow *flow, void *ctx, enum err err)
{
	struct call *call = ctx;
	struct exchange *x = call->mine;

	x->refreshed = true;
	/* Whatever came of it, the rows decide: another one may have refreshed meanwhile. */
	if (err != OK)
		x->mend.retry_after_s = 5;
	exchange_run(flow, call, x);
}

static void exchange_run(struct flow *flow, struct call *call, struct exchange *x)
{
	enum refresh_need need;
	enum err err = exchange_decide(flow, x);

	if (err == OK)
		err = refresh_needed(flow, &x->connection, &need);
	if (err == OK && need == REFRESH_NOW && x->refreshed)
		err = ERR_PROVIDER_UNAVAILABLE;
	if (err == OK && need == REFRESH_NOW) {
		err = call_keep(call);
		if (err == OK)
			err = refresh_join(flow, &x->connection, on_refreshed, call);
		if (err == OK)
			return;
	} else if (err == OK && need == REFRESH_SOON) {
		/* The token still serves; the new one is fetched behind this answer. */
		err_ignore(refresh_join(flow, &x->connection, NULL, NULL));
	}
	if (err == OK) {
		x->expires = x->connection.expires;
		err = stage_release(flow, call, x);
	}
	if (err != OK)
		exchange_refuse(flow, call, x, err);
}

/* The exchange may outlive the frame that brought it. */
static struct bytes exchange_own(struct exchange *x, struct bytes from)
{
	uint8_t *p = dynbuf_grow(&x->text, from.n);

	if (p == NULL || from.p == NULL)
		return (struct bytes){ NULL, 0 };
	put(p, from.p, from.n);
	return (struct bytes){ p, from.n };
}

static enum err exchange_take(struct exchange *x, const struct exchange_request *from)
{
	x->text = (struct dynbuf){ .p = x->room, .room = sizeof x->room, .max = sizeof x->room };
	x->request = (struct exchange_request){
		.subject_token = exchange_own(x, from->subject_token),
		.audience = exchange_own(x, from->audience),
		.scope = exchange_own(x, from->scope),
		.connection = exchange_own(x, from->connection),
		.client_id = exchange_own(x, from->client_id),
		.client_secret = exchange_own(x, from->client_secret),
	};
	return dynbuf_err(&x->text);
}

void exchange_begin(struct flow *flow, struct call *call, const struct exchange_request *request)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x == NULL) {
		call->done(flow, call, FAULT_NOMEM, NULL);
		return;
	}
	call->mine = x;
	call->mine_n = sizeof *x;
	if (exchange_take(x, request) != OK ||
	    bytes_str(request->audience, x->mend.service, sizeof x->mend.service) != OK) {
		x->mend.service[0] = 0;
		exchange_refuse(flow, call, x, ERR_INVALID_TARGET);
		return;
	}
	exchange_run(flow, call, x);
}
