/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/row.h"

/* Empty where the account is not known or the connection is removed: then it may come again. */
static enum err account_index(struct store *store, const struct connection_row *row,
			      uint8_t room[static 32], struct hidden *ret)
{
	const struct bytes parts[] = { id_bytes(&row->tenant), id_bytes(&row->user), row->service,
				       row->account_id };

	*ret = (struct hidden){ 0 };
	if (row->account_id.n == 0 || row->state == CONNECTION_REMOVED)
		return OK;
	TRY(row_index(store, "connections", parts, ARRAY_LEN(parts), room));
	ret->v[0] = (struct bytes){ room, 32 };
	return OK;
}

enum err store_connection_put(struct store *store, const struct connection_row *row)
{
	uint8_t index[32];
	struct hidden hidden;

	TRY(account_index(store, row, index, &hidden));
	return row_write(store, STATEMENT_connection_put, &table_connection, row, &hidden);
}

enum err store_connection_update(struct store *store, struct connection_row *row)
{
	uint8_t index[32];
	struct hidden hidden;

	TRY(account_index(store, row, index, &hidden));
	return row_update(store, STATEMENT_connection_update, &table_connection, row, &hidden);
}

enum err store_connection_get(struct store *store, struct id tenant, struct id id,
			      struct connection_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_connection_get, &table_connection, args, ret, NULL);
}

enum err store_connection_find(struct store *store, struct id tenant, struct id user,
			       struct bytes service, struct bytes account_id,
			       struct connection_row *ret)
{
	const struct connection_row key = {
		.tenant = tenant,
		.user = user,
		.service = service,
		.account_id = account_id,
	};
	uint8_t index[32];
	struct hidden hidden;

	TRY(account_index(store, &key, index, &hidden));
	if (hidden.v[0].n == 0)
		return ERR_NOT_FOUND;
	const struct arg args[] = { arg_id(&tenant), arg_hash(index), { ARG_END } };
	return row_find(store, STATEMENT_connection_find, &table_connection, args, ret, NULL);
}

static enum err each(struct row_item *item, store_connection_fn fn, void *ctx)
{
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_connection_list(struct store *store, struct id tenant, struct id user,
			       struct bytes service, struct page page, store_connection_fn fn,
			       void *ctx)
{
	static const enum statement which[2][2] = {
		{ STATEMENT_connection_list, STATEMENT_connection_list_service },
		{ STATEMENT_connection_list_user, STATEMENT_connection_list_both },
	};
	const bool by_user = !id_none(user), by_service = service.n > 0;
	struct arg args[5] = { arg_id(&tenant), arg_id(&page.after) };
	struct row_item *item;
	size_t n = 2;

	if (by_user)
		args[n++] = arg_id(&user);
	if (by_service)
		args[n++] = arg_text(service);
	TRY(row_list(store, which[by_user][by_service], &table_connection, args, page.limit,
		     &item));
	return each(item, fn, ctx);
}

enum err store_connection_due(struct store *store, enum store_due what, usec_t now, unsigned limit,
			      store_connection_fn fn, void *ctx)
{
	static const struct {
		enum statement statement;
		unsigned times; /* how often it asks for the time */
	} dues[] = {
		[DUE_REFRESH_OPEN] = { STATEMENT_connection_due_open, 0 },
		[DUE_REVOKE] = { STATEMENT_connection_due_revoke, 1 },
		[DUE_REFRESH_SOON] = { STATEMENT_connection_due_refresh, 2 },
	};
	struct arg args[3] = { { ARG_END } };
	struct row_item *item;

	if ((size_t)what >= ARRAY_LEN(dues))
		return FAULT_BUG;
	for (unsigned i = 0; i < dues[what].times; i++)
		args[i] = arg_number(now);
	TRY(row_list(store, dues[what].statement, &table_connection, args, limit, &item));
	return each(item, fn, ctx);
}

enum err store_refresh_begin(struct store *store, struct connection_row *row, struct id attempt)
{
	struct connection_row next = *row;

	if (row->refresh_state == REFRESH_INTENT || row->state == CONNECTION_REMOVED)
		return ERR_CONFLICT;
	next.refresh_state = REFRESH_INTENT;
	next.fence++;
	next.attempt = attempt;
	TRY(store_connection_update(store, &next));
	*row = next;
	return OK;
}

/* What a refresh decides goes over what stands there now. What people decide meanwhile stays: a
 * pause must not be undone by an answer that was under way. */
static void refresh_merge(struct connection_row *now, const struct connection_row *row)
{
	now->scopes = row->scopes;
	now->variables = row->variables;
	now->access = row->access;
	now->refresh = row->refresh;
	now->version = row->version;
	now->refresh_version = row->refresh_version;
	now->expires = row->expires;
	now->obtained = row->obtained;
	now->refresh_state = row->refresh_state;
	now->attempt = row->attempt;
	now->refresh_at = row->refresh_at;
	now->refresh_failures = row->refresh_failures;
	now->refresh_err = row->refresh_err;
	if (row->state == CONNECTION_REAUTH_REQUIRED && now->state != CONNECTION_REMOVED) {
		now->was_paused = now->was_paused || now->state == CONNECTION_PAUSED;
		now->state = CONNECTION_REAUTH_REQUIRED;
	}
}

/* The answer came after the removal. New tokens are kept for one thing: to be revoked as well. */
static void removed_merge(struct connection_row *now, const struct connection_row *row)
{
	if (row->refresh_state == REFRESH_STORED && now->revoked != FACT_UNSUPPORTED) {
		refresh_merge(now, row);
		now->revoked = FACT_PENDING;
		now->revoke_at = 1;
		now->revoke_failures = 0;
		return;
	}
	now->refresh_state = row->refresh_state;
	now->attempt = row->attempt;
	now->refresh_err = row->refresh_err;
}

enum err store_refresh_end(struct store *store, struct connection_row *row)
{
	struct connection_row now;

	TRY(store_connection_get(store, row->tenant, row->id, &now));
	if (now.refresh_state != REFRESH_INTENT || now.fence != row->fence)
		return ERR_CONFLICT;
	if (now.rev == row->rev && now.state != CONNECTION_REMOVED)
		return store_connection_update(store, row);
	if (now.state == CONNECTION_REMOVED)
		removed_merge(&now, row);
	else
		refresh_merge(&now, row);
	TRY(store_connection_update(store, &now));
	*row = now;
	return OK;
}
