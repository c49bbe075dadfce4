/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that registered themselves, what they push, and what may be seen once. */
#include "core/store/sqlite/row.h"

enum { IDLE_AT_ONCE = 100 };

enum err store_registration_put(struct store *store, const struct registration_row *row)
{
	return row_write(store, STATEMENT_registration_put, &table_registration, row, NULL);
}

enum err store_registration_update(struct store *store, struct registration_row *row)
{
	return row_update(store, STATEMENT_registration_update, &table_registration, row, NULL);
}

enum err store_registration_find(struct store *store, struct id tenant, struct id agent,
				 struct registration_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&agent), { ARG_END } };

	return row_find(store, STATEMENT_registration_find, &table_registration, args, ret, NULL);
}

enum err store_registration_count(struct store *store, uint64_t *ret)
{
	sqlite3_stmt *const statement = store->db.statements[STATEMENT_registration_count];

	TRY(row_ready(store));
	const int code = sqlite3_step(statement);
	const uint64_t n = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	if (code != SQLITE_ROW)
		return row_failed(store, code);
	*ret = n;
	return OK;
}

enum err store_registration_idle(struct store *store, usec_t made, usec_t used,
				 store_registration_fn fn, void *ctx)
{
	const struct arg args[] = { arg_number(made), arg_number(used), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_registration_idle, &table_registration, args, IDLE_AT_ONCE,
		     &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_registration_del(struct store *store, struct id tenant, struct id agent)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&agent), { ARG_END } };

	TRY(row_exec(store, STATEMENT_registration_del, args));
	const enum err err = row_exec(store, STATEMENT_agent_del, args);
	return err == ERR_NOT_FOUND ? OK : err; /* a vault or an approval is still about it */
}

enum err store_pushed_put(struct store *store, const struct pushed_row *row, struct bytes ticket)
{
	struct pushed_row copy = *row;
	uint8_t hash[32];
	const struct hidden hidden = { { { hash, sizeof hash } } };

	copy.generation = store->generation;
	row_token_hash(store, "pushed", ticket, hash);
	return row_write(store, STATEMENT_pushed_put, &table_pushed, &copy, &hidden);
}

static enum err find_pushed(struct store *store, struct bytes ticket, usec_t now,
			    struct pushed_row *ret, uint8_t ret_hash[static 32])
{
	const struct arg args[] = { arg_hash(ret_hash), { ARG_END } };

	row_token_hash(store, "pushed", ticket, ret_hash);
	TRY(row_find(store, STATEMENT_pushed_find, &table_pushed, args, ret, NULL));
	if (ret->used)
		return ERR_USED;
	return ret->generation == store->generation && ret->expires > now ? OK : ERR_EXPIRED;
}

enum err store_pushed_find(struct store *store, struct bytes ticket, usec_t now,
			   struct pushed_row *ret)
{
	struct pushed_row row;
	uint8_t hash[32];

	TRY(find_pushed(store, ticket, now, &row, hash));
	*ret = row;
	return OK;
}

enum err store_pushed_use(struct store *store, struct bytes ticket, usec_t now)
{
	struct pushed_row row;
	uint8_t hash[32];
	const struct hidden hidden = { { { hash, sizeof hash } } };

	TRY(find_pushed(store, ticket, now, &row, hash));
	row.used = true;
	row.text = (struct bytes){ NULL, 0 }; /* of no use to anybody any more */
	const enum err err =
		row_update(store, STATEMENT_pushed_update, &table_pushed, &row, &hidden);
	return err == ERR_CONFLICT ? ERR_USED : err;
}

enum err store_seen(struct store *store, const uint8_t hash[static 32], usec_t until)
{
	const struct seen_row row = { .until = until };
	const struct hidden hidden = { { { hash, 32 } } };

	const enum err err = row_write(store, STATEMENT_seen_put, &table_seen, &row, &hidden);
	return err == ERR_EXISTS ? ERR_USED : err;
}

enum err store_seen_sweep(struct store *store, usec_t now)
{
	const struct arg args[] = { arg_number(now), { ARG_END } };

	TRY(row_exec(store, STATEMENT_seen_sweep, args));
	return row_exec(store, STATEMENT_pushed_sweep, args);
}
