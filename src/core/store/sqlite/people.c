/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants, users, agents, and what a tenant configures of a service. */
#include "core/store/sqlite/row.h"
#include "crypto/crypto.h"

enum err store_tenant_put(struct store *store, const struct tenant_row *row)
{
	return row_write(store, STATEMENT_tenant_put, &table_tenant, row, NULL);
}

enum err store_tenant_find(struct store *store, struct bytes name, struct tenant_row *ret)
{
	const struct arg args[] = { arg_text(name), { ARG_END } };

	return row_find(store, STATEMENT_tenant_find, &table_tenant, args, ret, NULL);
}

enum err store_tenant_get(struct store *store, struct id id, struct tenant_row *ret)
{
	const struct arg args[] = { arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_tenant_get, &table_tenant, args, ret, NULL);
}

enum err store_tenant_list(struct store *store, struct page page, store_tenant_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&page.after), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_tenant_list, &table_tenant, args, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

static enum err subject_index(struct store *store, struct id tenant, struct bytes issuer,
			      struct bytes subject, uint8_t out[static 32])
{
	const struct bytes parts[] = { id_bytes(&tenant), issuer, subject };

	return row_index(store, "users", parts, ARRAY_LEN(parts), out);
}

enum err store_user_put(struct store *store, const struct user_row *row)
{
	uint8_t index[32];
	const struct hidden hidden = { { { index, sizeof index } } };

	TRY(subject_index(store, row->tenant, row->issuer, row->subject, index));
	return row_write(store, STATEMENT_user_put, &table_user, row, &hidden);
}

enum err store_user_get(struct store *store, struct id tenant, struct id id, struct user_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_user_get, &table_user, args, ret, NULL);
}

enum err store_user_find(struct store *store, struct id tenant, struct bytes issuer,
			 struct bytes subject, struct user_row *ret)
{
	uint8_t index[32];
	const struct arg args[] = { arg_id(&tenant), arg_hash(index), { ARG_END } };

	TRY(subject_index(store, tenant, issuer, subject, index));
	return row_find(store, STATEMENT_user_find, &table_user, args, ret, NULL);
}

enum err store_user_list(struct store *store, struct id tenant, struct page page, store_user_fn fn,
			 void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_user_list, &table_user, args, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_agent_put(struct store *store, const struct agent_row *row)
{
	return row_write(store, STATEMENT_agent_put, &table_agent, row, NULL);
}

enum err store_agent_update(struct store *store, struct agent_row *row)
{
	return row_update(store, STATEMENT_agent_update, &table_agent, row, NULL);
}

enum err store_agent_get(struct store *store, struct id tenant, struct id id, struct agent_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_agent_get, &table_agent, args, ret, NULL);
}

enum err store_agent_find(struct store *store, struct bytes client_id, struct agent_row *ret)
{
	const struct arg args[] = { arg_text(client_id), { ARG_END } };

	return row_find(store, STATEMENT_agent_find, &table_agent, args, ret, NULL);
}

enum err store_agent_list(struct store *store, struct id tenant, struct page page,
			  store_agent_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_agent_list, &table_agent, args, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

/* rev 0: there must be none; else it must be the one that is there. */
static enum err put_or_update(struct store *store, enum statement insert, enum statement update,
			      const struct table *table, void *row, uint64_t *rev)
{
	if (*rev > 0)
		return row_update(store, update, table, row, NULL);
	*rev = 1;
	const enum err err = row_write(store, insert, table, row, NULL);
	if (err != OK)
		*rev = 0;
	return err == ERR_EXISTS ? ERR_CONFLICT : err;
}

enum err store_client_put(struct store *store, struct client_row *row)
{
	return put_or_update(store, STATEMENT_client_put, STATEMENT_client_update, &table_client,
			     row, &row->rev);
}

enum err store_given_put(struct store *store, struct given_row *row)
{
	return put_or_update(store, STATEMENT_given_put, STATEMENT_given_update, &table_given, row,
			     &row->rev);
}

enum err store_given_get(struct store *store, struct id tenant, struct id id, struct given_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_given_get, &table_given, args, ret, NULL);
}

enum err store_client_find(struct store *store, struct id tenant, struct bytes service,
			   struct client_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_text(service), { ARG_END } };

	return row_find(store, STATEMENT_client_find, &table_client, args, ret, NULL);
}

enum err store_client_list(struct store *store, struct id tenant, struct page page,
			   store_client_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_client_list, &table_client, args, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_service_put(struct store *store, struct service_row *row)
{
	sha256_one(row->yaml, row->hash);
	return put_or_update(store, STATEMENT_service_put, STATEMENT_service_update, &table_service,
			     row, &row->rev);
}

enum err store_service_find(struct store *store, struct id tenant, struct bytes service,
			    struct service_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_text(service), { ARG_END } };

	return row_find(store, STATEMENT_service_find, &table_service, args, ret, NULL);
}

enum err store_service_hash(struct store *store, struct id tenant, struct bytes service,
			    uint8_t ret[static 32])
{
	const struct arg args[] = { arg_id(&tenant), arg_text(service), { ARG_END } };
	struct service_row row;

	TRY(row_find(store, STATEMENT_service_hash, &table_service_hash, args, &row, NULL));
	memcpy(ret, row.hash, sizeof row.hash);
	return OK;
}

enum err store_service_list(struct store *store, struct id tenant, struct page page,
			    store_service_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_service_list, &table_service, args, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}
