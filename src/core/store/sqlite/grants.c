/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of users, and what users let clients of ours do. */
#include "core/store/sqlite/row.h"

enum err store_password_put(struct store *store, const struct password_row *row)
{
	return row_write(store, STATEMENT_password_put, &table_password, row, NULL);
}

enum err store_password_update(struct store *store, struct password_row *row)
{
	return row_update(store, STATEMENT_password_update, &table_password, row, NULL);
}

enum err store_password_get(struct store *store, struct id tenant, struct id user,
			    struct password_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&user), { ARG_END } };

	return row_find(store, STATEMENT_password_get, &table_password, args, ret, NULL);
}

enum err store_grant_put(struct store *store, const struct grant_row *row, struct bytes code)
{
	struct grant_row copy = *row;
	struct hidden hidden = { 0 };
	uint8_t hash[32];

	copy.generation = store->generation;
	if (code.n > 0) {
		row_token_hash(store, "code", code, hash);
		hidden.v[0] = (struct bytes){ hash, sizeof hash };
	}
	return row_write(store, STATEMENT_grant_put, &table_grant, &copy, &hidden);
}

enum err store_grant_find(struct store *store, struct bytes code, struct grant_row *ret)
{
	uint8_t hash[32];
	const struct arg args[] = { arg_hash(hash), { ARG_END } };

	row_token_hash(store, "code", code, hash);
	return row_find(store, STATEMENT_grant_find, &table_grant, args, ret, NULL);
}

enum err store_grant_get(struct store *store, struct id tenant, struct id id, struct grant_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_grant_get, &table_grant, args, ret, NULL);
}

enum err store_grant_update(struct store *store, struct grant_row *row)
{
	const struct arg args[] = { arg_id(&row->tenant), arg_id(&row->id), { ARG_END } };
	struct grant_row now;
	struct hidden hidden;

	TRY(row_find(store, STATEMENT_grant_get, &table_grant, args, &now, &hidden));
	if (now.rev != row->rev)
		return ERR_CONFLICT;
	return row_update(store, STATEMENT_grant_update, &table_grant, row, &hidden);
}

enum err store_grant_list(struct store *store, struct id tenant, struct page page,
			  store_grant_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_grant_list, &table_grant, args, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_grant_token_put(struct store *store, const struct grant_token_row *row,
			       struct bytes text)
{
	struct grant_token_row copy = *row;
	uint8_t hash[32];
	const struct hidden hidden = { { { hash, sizeof hash } } };

	copy.generation = store->generation;
	row_token_hash(store, "grant", text, hash);
	return row_write(store, STATEMENT_grant_token_put, &table_grant_token, &copy, &hidden);
}

static enum err token_now(struct store *store, struct bytes text, struct grant_token_row *ret,
			  struct hidden *ret_hidden)
{
	uint8_t hash[32];
	const struct arg args[] = { arg_hash(hash), { ARG_END } };

	row_token_hash(store, "grant", text, hash);
	return row_find(store, STATEMENT_grant_token_find, &table_grant_token, args, ret,
			ret_hidden);
}

enum err store_grant_token_find(struct store *store, struct bytes text, struct grant_token_row *ret)
{
	return token_now(store, text, ret, NULL);
}

enum err store_grant_token_spend(struct store *store, struct bytes text)
{
	struct grant_token_row now;
	struct hidden hidden;

	TRY(token_now(store, text, &now, &hidden));
	if (now.spent)
		return ERR_USED;
	now.spent = true;
	const enum err err =
		row_update(store, STATEMENT_grant_token_update, &table_grant_token, &now, &hidden);
	return err == ERR_CONFLICT ? ERR_USED : err;
}

enum err store_grant_tokens_end(struct store *store, struct id tenant, struct id grant)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&grant), { ARG_END } };

	return row_exec(store, STATEMENT_grant_tokens_end, args);
}

enum err store_grant_sweep(struct store *store, usec_t now, usec_t made)
{
	const struct arg expired[] = { arg_number(now), { ARG_END } };
	const struct arg old[] = { arg_number(made), { ARG_END } };

	TRY(row_exec(store, STATEMENT_grant_token_sweep, expired));
	TRY(row_exec(store, STATEMENT_token_sweep, expired));
	return row_exec(store, STATEMENT_grant_sweep, old);
}

enum err store_token_end(struct store *store, struct bytes text)
{
	uint8_t hash[32];
	const struct arg args[] = { arg_hash(hash), { ARG_END } };

	row_token_hash(store, "token", text, hash);
	return row_exec(store, STATEMENT_token_end, args);
}
