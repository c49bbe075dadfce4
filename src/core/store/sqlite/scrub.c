/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/row.h"

static const struct {
	enum statement all;
	const struct table *table;
} scrubbed[] = {
	{ STATEMENT_all_tenants, &table_tenant },
	{ STATEMENT_all_users, &table_user },
	{ STATEMENT_all_agents, &table_agent },
	{ STATEMENT_all_clients, &table_client },
	{ STATEMENT_all_services, &table_service },
	{ STATEMENT_all_vaults, &table_vault },
	{ STATEMENT_all_policies, &table_policy },
	{ STATEMENT_all_drafts, &table_draft },
	{ STATEMENT_all_counters, &table_counter },
	{ STATEMENT_all_bindings, &table_binding },
	{ STATEMENT_all_connections, &table_connection },
	{ STATEMENT_all_tokens, &table_token },
	{ STATEMENT_all_consents, &table_consent },
	{ STATEMENT_all_given, &table_given },
	{ STATEMENT_all_approvals, &table_approval },
	{ STATEMENT_all_approval_texts, &table_approval_text },
	{ STATEMENT_all_totps, &table_totp },
	{ STATEMENT_all_registrations, &table_registration },
	{ STATEMENT_all_passwords, &table_password },
	{ STATEMENT_all_grants, &table_grant },
	{ STATEMENT_all_grant_tokens, &table_grant_token },
	{ STATEMENT_all_pushed, &table_pushed },
	{ STATEMENT_all_seen, &table_seen },
	{ STATEMENT_all_outbox, &table_outbox },
	{ STATEMENT_all_meta, &table_meta },
};

static const struct {
	enum statement count;
	const char *name;
} references[] = {
	{ STATEMENT_scrub_bindings, "bindings" },
	{ STATEMENT_scrub_references, "references" },
};

struct scrub {
	store_scrub_fn fn;
	void *ctx;
	uint64_t bad;
};

static void checked(void *ctx, const struct table *table, struct id id, enum err err)
{
	struct scrub *const scrub = ctx;

	if (err == OK)
		return;
	scrub->bad++;
	scrub->fn(scrub->ctx, table->name, id, err);
}

static enum err count_rows(struct store *store, enum statement which, uint64_t *ret)
{
	sqlite3_stmt *const statement = store->db.statements[which];
	const int code = sqlite3_step(statement);
	const uint64_t n = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;

	sqlite3_reset(statement);
	if (code != SQLITE_ROW)
		return row_failed(store, code);
	*ret = n;
	return OK;
}

enum err store_scrub(struct store *store, store_scrub_fn fn, void *ctx, uint64_t *ret_bad)
{
	struct scrub scrub = { fn, ctx, 0 };
	uint64_t n = 0;

	TRY(row_ready(store));
	for (size_t i = 0; i < ARRAY_LEN(scrubbed); i++)
		TRY(row_check(store, scrubbed[i].all, scrubbed[i].table, checked, &scrub));
	for (size_t i = 0; i < ARRAY_LEN(references); i++) {
		TRY(count_rows(store, references[i].count, &n));
		scrub.bad += n;
		if (n > 0)
			fn(ctx, references[i].name, (struct id){ { 0 } }, ERR_FORGED);
	}
	*ret_bad = scrub.bad;
	return OK;
}
