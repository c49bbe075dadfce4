/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/vaults.h"

#include <stdio.h>

#include "core/flow/compiled.h"
#include "core/policy/policy.h"
#include "crypto/crypto.h"

static enum err vault_event(struct flow *flow, struct call *call, const struct vault_row *row,
			    uint8_t kind)
{
	struct ipc_record record;

	flow->vaults_changed++;
	flow_record(flow, call, kind, OUTCOME_OK, &record);
	record.user = row->user;
	record.vault = row->id;
	record.agent = row->agent;
	record.policy = row->policy_version;
	return flow_event(flow, call, &record);
}

static enum err policy_put(struct flow *flow, const struct vault_row *vault, struct bytes yaml)
{
	struct policy_row row = {
		.vault = vault->id,
		.tenant = vault->tenant,
		.version = vault->policy_version,
		.yaml = yaml,
		.created = flow->now,
	};

	sha256_one(yaml, row.hash);
	return store_policy_put(flow->store, &row);
}

enum err vault_create(struct flow *flow, struct call *call, const struct vault_new *new,
		      struct complaint *complaint, struct vault_row *ret,
		      struct token_text *ret_token)
{
	struct vault_row row = {
		.id = id_new(),
		.tenant = call->tenant,
		.agent = new->agent,
		.name = new->name,
		.state = VAULT_ACTIVE,
		.policy_version = 1,
		.created = flow->now,
	};
	const struct policy *policy;
	struct user_row user;
	struct agent_row agent;

	if (!name_ok(new->name, NAME_MAX_BYTES)) {
		snprintf(complaint->text, sizeof complaint->text, "name: 1 to %d printable bytes",
			 NAME_MAX_BYTES);
		return ERR_MALFORMED;
	}
	TRY(store_user_find(flow->store, call->tenant, str("local"), new->user, &user));
	row.user = user.id;
	if (!id_none(new->agent))
		TRY(store_agent_get(flow->store, call->tenant, new->agent, &agent));
	TRY(compiled_policy_text(flow, call->tenant, new->policy, complaint, &policy));
	row.expires = policy_expires(policy, flow->now);
	TRY(store_vault_put(flow->store, &row));
	TRY(policy_put(flow, &row, new->policy));
	TRY(token_issue(flow, OWN_VAULT, row.tenant, row.id, 0, ret_token));
	TRY(vault_event(flow, call, &row, EVENT_vault_create));
	*ret = row;
	return OK;
}

static enum err vault_live(struct flow *flow, struct call *call, struct id id,
			   struct vault_row *ret)
{
	struct vault_row row;

	TRY(store_vault_get(flow->store, call->tenant, id, &row));
	if (row.state == VAULT_DELETED)
		return ERR_CONFLICT;
	*ret = row;
	return OK;
}

enum err vault_policy_set(struct flow *flow, struct call *call, struct id id, struct bytes yaml,
			  struct complaint *complaint, struct vault_row *ret)
{
	const struct policy *policy;
	struct vault_row row;

	TRY(vault_live(flow, call, id, &row));
	TRY(compiled_policy_text(flow, call->tenant, yaml, complaint, &policy));
	row.policy_version++;
	row.expires = policy_expires(policy, flow->now);
	TRY(store_vault_update(flow->store, &row));
	TRY(policy_put(flow, &row, yaml));
	TRY(vault_event(flow, call, &row, EVENT_vault_policy));
	*ret = row;
	return OK;
}

enum err vault_rotate_token(struct flow *flow, struct call *call, struct id id,
			    struct vault_row *ret, struct token_text *ret_token)
{
	struct vault_row row;

	TRY(vault_live(flow, call, id, &row));
	TRY(store_token_revoke(flow->store, row.tenant, OWN_VAULT, row.id));
	TRY(token_issue(flow, OWN_VAULT, row.tenant, row.id, 0, ret_token));
	TRY(vault_event(flow, call, &row, EVENT_vault_token));
	*ret = row;
	return OK;
}

enum err vault_state_set(struct flow *flow, struct call *call, struct id id, enum vault_state state,
			 struct vault_row *ret)
{
	static const uint8_t kinds[] = {
		[VAULT_ACTIVE] = EVENT_vault_resume,
		[VAULT_PAUSED] = EVENT_vault_pause,
		[VAULT_DELETED] = EVENT_vault_delete,
	};
	struct vault_row row;

	TRY(vault_live(flow, call, id, &row));
	row.state = state;
	TRY(store_vault_update(flow->store, &row));
	if (state == VAULT_DELETED)
		TRY(store_token_revoke(flow->store, row.tenant, OWN_VAULT, row.id));
	TRY(vault_event(flow, call, &row, kinds[state]));
	*ret = row;
	return OK;
}

enum err vault_bind(struct flow *flow, struct call *call, struct id id,
		    const struct binding_row *binding)
{
	struct binding_row row = *binding;
	struct connection_row connection;
	struct ipc_record record;
	struct vault_row vault;

	if (!name_ok(row.alias, ALIAS_MAX_BYTES))
		return ERR_MALFORMED;
	TRY(vault_live(flow, call, id, &vault));
	TRY(store_connection_get(flow->store, call->tenant, row.connection, &connection));
	if (!id_eq(connection.user, vault.user) || !bytes_eq(connection.service, row.service) ||
	    connection.state == CONNECTION_REMOVED)
		return ERR_NOT_FOUND;
	row.vault = vault.id;
	row.tenant = vault.tenant;
	TRY(store_binding_put(flow->store, &row));
	flow_record(flow, call, EVENT_vault_bind, OUTCOME_OK, &record);
	record.user = vault.user;
	record.vault = vault.id;
	record.connection = connection.id;
	record.service = connection.service;
	return flow_event(flow, call, &record);
}
