/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/permit.h"

#include <stdlib.h>
#include <string.h>

#include "core/flow/clients.h"
#include "core/flow/compiled.h"
#include "core/flow/grants.h"
#include "core/flow/objects.h"
#include "core/flow/refresh.h"
#include "crypto/crypto.h"

enum { STRANGERS_A_SECOND = 10, RETRY_S = 5 };

/* Refusals of one vault: each is on record, so an agent in a loop would fill the disk. */
static const struct throttle_rate refusals = { .burst = 1000, .every = USEC_PER_S / 20 };

static enum err throttled(struct flow *flow, struct permit *permit, struct id key,
			  struct throttle_rate rate)
{
	const usec_t wait = throttle_wait(&flow->throttle, key, rate, flow->boot);

	permit->mend.retry_after_s = (wait + USEC_PER_S - 1) / USEC_PER_S;
	return wait == 0 ? OK : ERR_RATE_LIMITED;
}

/* A confidential client proves itself; the vault of an agent serves that agent alone. */
static enum err check_agent(struct flow *flow, struct permit *permit,
			    const struct permit_proof *proof)
{
	struct agent_row agent;

	if (proof->client_id.p != NULL) {
		const struct client_proof shown = { .id = proof->client_id,
						    .secret = proof->client_secret };

		TRY(clients_secret(flow, &shown, proof->address, &agent,
				   &permit->mend.retry_after_s));
		return id_eq(agent.id, permit->agent) ? OK : ERR_INVALID_TOKEN;
	}
	if (!id_none(proof->agent))
		return id_eq(proof->agent, permit->agent) ? OK : ERR_INVALID_TOKEN;
	if (id_none(permit->agent))
		return OK;
	TRY(store_agent_get(flow->store, permit->vault.tenant, permit->agent, &agent));
	return agent.state == AGENT_ACTIVE ? OK : ERR_INVALID_TOKEN;
}

/* What every use of a vault asks, whoever comes with it. */
static enum err check_vault(struct flow *flow, struct permit *permit,
			    const struct permit_proof *proof)
{
	TRY(throttled(flow, permit, permit->vault.id, refusals));
	TRY(check_agent(flow, permit, proof));
	if (permit->vault.state != VAULT_ACTIVE)
		return ERR_ACCESS_PAUSED;
	if (permit->vault.expires != 0 && permit->vault.expires <= flow->now)
		return ERR_DENIED;
	return compiled_policy(flow, &permit->vault, &permit->policy);
}

static enum err take_vault(struct flow *flow, struct id tenant, struct id id, struct permit *permit)
{
	struct vault_row vault;

	const enum err err = store_vault_get(flow->store, tenant, id, &vault);
	if (err == OK && vault.state == VAULT_DELETED)
		return ERR_NOT_FOUND;
	TRY(err);
	permit->vault = vault;
	permit->agent = vault.agent;
	permit->mend.vault = vault.id;
	return OK;
}

/* An access token is for one vault, and for what the user has agreed to. */
static enum err take_grant(struct flow *flow, const struct permit_proof *proof,
			   struct permit *permit)
{
	struct grant_token_row token;
	struct grant_row grant;

	TRY(grants_live(flow, proof->token, &grant, &token));
	if (token.kind != GRANT_ACCESS)
		return ERR_INVALID_TOKEN;
	TRY(take_vault(flow, grant.tenant, grant.vault, permit));
	permit->agent = grant.agent;
	if (grants_is_bound(&grant) != (proof->jkt != NULL) ||
	    (proof->jkt != NULL && memcmp(proof->jkt, grant.jkt, sizeof grant.jkt) != 0))
		return ERR_INVALID_TOKEN;
	return proof->scope == NULL || grants_scope_has(token.scope, proof->scope)
		       ? OK
		       : ERR_TOKEN_SCOPE;
}

static enum err take_token(struct flow *flow, const struct permit_proof *proof,
			   struct permit *permit)
{
	struct own_token_row token;
	enum token_kind kind;

	if (token_parse(proof->token, &kind) != OK)
		return ERR_INVALID_TOKEN;
	if (kind == TOKEN_AT)
		return take_grant(flow, proof, permit);
	TRY(token_check(flow, proof->token, OWN_VAULT, &token));
	return take_vault(flow, token.tenant, token.object, permit);
}

enum err permit_vault(struct flow *flow, const struct permit_proof *proof, struct permit *permit)
{
	const enum err err = take_token(flow, proof, permit);
	if (err == ERR_NOT_FOUND)
		return ERR_INVALID_TOKEN;
	TRY(err);
	return check_vault(flow, permit, proof);
}

enum err permit_again(struct flow *flow, struct id tenant, struct id vault, struct permit *permit)
{
	const struct permit_proof proven = { 0 };

	TRY(take_vault(flow, tenant, vault, permit));
	return check_vault(flow, permit, &proven);
}

struct candidates {
	size_t n;
	struct connection_row row;
};

static enum err candidate(void *ctx, const struct connection_row *row)
{
	struct candidates *candidates = ctx;

	if (row->state != CONNECTION_REMOVED) {
		candidates->n++;
		candidates->row = *row;
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

static enum err pick_by_id(struct flow *flow, const struct permit *permit, struct bytes service,
			   struct id id, struct connection_row *ret)
{
	struct bound bound = { .service = service, .wanted = id };

	TRY(store_binding_list(flow->store, permit->vault.tenant, permit->vault.id, bound_one,
			       &bound));
	if (bound.any && !bound.found)
		return ERR_NOT_CONNECTED;
	return store_connection_get(flow->store, permit->vault.tenant, id, ret);
}

/* The account asked for by id or alias; else the vault's default; else the user's only one. */
static enum err pick(struct flow *flow, const struct permit *permit, struct bytes service,
		     struct bytes wanted, struct connection_row *ret)
{
	struct candidates candidates = { 0 };
	struct binding_row binding;
	struct id id;

	if (wanted.n > 0 && id_parse("conn", wanted, &id) == OK)
		return pick_by_id(flow, permit, service, id, ret);
	const enum err err = store_binding_find(flow->store, permit->vault.tenant, permit->vault.id,
						service, wanted, &binding);
	if (err == OK)
		return store_connection_get(flow->store, permit->vault.tenant, binding.connection,
					    ret);
	if (err != ERR_NOT_FOUND || wanted.n > 0)
		return err == ERR_NOT_FOUND ? ERR_NOT_CONNECTED : err;
	TRY(store_connection_list(flow->store, permit->vault.tenant, permit->vault.user, service,
				  (struct page){ .limit = 500 }, candidate, &candidates));
	if (candidates.n != 1)
		return candidates.n == 0 ? ERR_NOT_CONNECTED : ERR_SEVERAL_ACCOUNTS;
	*ret = candidates.row;
	return OK;
}

enum err permit_account(struct flow *flow, struct permit *permit, struct bytes service,
			struct bytes wanted)
{
	struct connection_row row;

	if (bytes_str(service, permit->mend.service, sizeof permit->mend.service) != OK) {
		permit->mend.service[0] = 0;
		return ERR_INVALID_TARGET;
	}
	const enum err err = pick(flow, permit, service, wanted, &row);
	/* Another user's connection answers like one that does not exist (I7). */
	if (err == ERR_NOT_FOUND ||
	    (err == OK && (!id_eq(row.user, permit->vault.user) ||
			   !bytes_eq(row.service, service) || row.state == CONNECTION_REMOVED)))
		return ERR_NOT_CONNECTED;
	TRY(err);
	permit->connection = row;
	permit->mend.connection = row.id;
	switch (row.state) {
	case CONNECTION_CONNECTED:
		return row.access.n == 0 ? ERR_REAUTH_REQUIRED : OK;
	case CONNECTION_PAUSED:
		return ERR_ACCESS_PAUSED;
	case CONNECTION_REAUTH_REQUIRED:
		return ERR_REAUTH_REQUIRED;
	case CONNECTION_REMOVED:
		break;
	}
	return ERR_NOT_CONNECTED;
}

/* Whoever holds no token of ours, or is throttled, could fill the disk with refusals: some a second
 * are written down, all are counted and refused. */
static bool stranger_is_noted(struct flow *flow)
{
	if (flow->boot >= flow->strangers_since + USEC_PER_S) {
		flow->strangers_since = flow->boot;
		flow->strangers_noted = 0;
	}
	return flow->strangers_noted++ < STRANGERS_A_SECOND;
}

void permit_record(const struct flow *flow, const struct call *call, const struct permit *permit,
		   uint8_t kind, uint8_t outcome, struct ipc_record *ret)
{
	flow_record(flow, call, kind, outcome, ret);
	if (!id_none(permit->vault.tenant))
		ret->tenant = permit->vault.tenant;
	ret->user = permit->vault.user;
	ret->vault = permit->vault.id;
	ret->agent = permit->agent;
	ret->connection = permit->mend.connection;
	ret->policy = permit->vault.policy_version;
	ret->service = str(permit->mend.service);
}

enum err permit_deny(struct flow *flow, struct call *call, const struct permit *permit,
		     struct ipc_record *record, enum err err)
{
	flow->count[COUNT_DENIALS]++;
	/* A token that is nobody's has no tenant to be noted under: it is counted, and noted as
	 * such. */
	if (id_none(permit->vault.id))
		record->kind = EVENT_auth_failed;
	record->reason = err > OK ? (uint16_t)err : ERR_SERVER;
	if (!id_none(permit->vault.id) && err != ERR_RATE_LIMITED)
		throttle_take(&flow->throttle, permit->vault.id, refusals, flow->boot);
	else if (!stranger_is_noted(flow))
		return err;
	/* an unrecorded refusal is still a refusal */
	return flow_note(flow, call, record) == OK ? err : ERR_OVERLOADED;
}

struct wait {
	struct call *call;
	struct permit *permit;
	permit_again_fn again;
};

static void on_refreshed(struct flow *flow, void *ctx, enum err err)
{
	const struct wait wait = *(struct wait *)ctx;

	free(ctx);
	wait.permit->refreshed = true;
	/* Whatever came of it, the rows decide: another one may have refreshed meanwhile. */
	if (err != OK)
		wait.permit->mend.retry_after_s = RETRY_S;
	wait.again(flow, wait.call);
}

static enum err wait_for_refresh(struct flow *flow, struct call *call, struct permit *permit,
				 permit_again_fn again)
{
	struct wait *wait = malloc(sizeof *wait);

	if (wait == NULL)
		return FAULT_NOMEM;
	*wait = (struct wait){ call, permit, again };
	enum err err = call_keep(call);
	if (err == OK)
		err = refresh_join(flow, &permit->connection, on_refreshed, wait);
	if (err != OK)
		free(wait);
	return err;
}

enum err permit_fresh(struct flow *flow, struct call *call, struct permit *permit,
		      permit_again_fn again, bool *ret_waits)
{
	enum refresh_need need;

	*ret_waits = false;
	TRY(refresh_needed(flow, &permit->connection, &need));
	if (need == REFRESH_NOW && permit->refreshed)
		return ERR_PROVIDER_UNAVAILABLE;
	if (need == REFRESH_NOW) {
		TRY(wait_for_refresh(flow, call, permit, again));
		*ret_waits = true;
	} else if (need == REFRESH_SOON) {
		/* The token still serves; the new one is fetched behind this answer. */
		err_ignore(refresh_join(flow, &permit->connection, NULL, NULL));
	}
	return OK;
}
