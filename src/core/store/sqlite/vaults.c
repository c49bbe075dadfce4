/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/row.h"
#include "crypto/crypto.h"

enum err store_vault_put(struct store *store, const struct vault_row *row)
{
	return row_write(store, STATEMENT_vault_put, &table_vault, row, NULL);
}

enum err store_vault_update(struct store *store, struct vault_row *row)
{
	return row_update(store, STATEMENT_vault_update, &table_vault, row, NULL);
}

enum err store_vault_get(struct store *store, struct id tenant, struct id id, struct vault_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_vault_get, &table_vault, args, ret, NULL);
}

enum err store_vault_list(struct store *store, struct id tenant, struct id user, struct page page,
			  store_vault_fn fn, void *ctx)
{
	const struct arg of_all[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	const struct arg of_user[] = {
		arg_id(&tenant), arg_id(&page.after), arg_id(&user), { ARG_END }
	};
	const bool all = id_none(user);
	struct row_item *item;

	TRY(row_list(store, all ? STATEMENT_vault_list : STATEMENT_vault_list_user, &table_vault,
		     all ? of_all : of_user, page.limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_policy_put(struct store *store, const struct policy_row *row)
{
	struct policy_row copy = *row;

	sha256_one(copy.yaml, copy.hash);
	return row_write(store, STATEMENT_policy_put, &table_policy, &copy, NULL);
}

enum err store_policy_get(struct store *store, struct id tenant, struct id vault, uint64_t version,
			  struct policy_row *ret)
{
	const struct arg args[] = {
		arg_id(&tenant), arg_id(&vault), arg_number(version), { ARG_END }
	};

	return row_find(store, STATEMENT_policy_get, &table_policy, args, ret, NULL);
}

enum err store_policy_list(struct store *store, struct id tenant, struct id vault,
			   store_policy_fn fn, void *ctx)
{
	enum { VERSIONS_MAX = 100 };
	const struct arg args[] = { arg_id(&tenant), arg_id(&vault), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_policy_list, &table_policy, args, VERSIONS_MAX, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_policy_hash(struct store *store, struct id tenant, struct id vault, uint64_t version,
			   uint8_t ret[static 32])
{
	const struct arg args[] = {
		arg_id(&tenant), arg_id(&vault), arg_number(version), { ARG_END }
	};
	struct policy_row row;

	TRY(row_find(store, STATEMENT_policy_hash, &table_policy_hash, args, &row, NULL));
	memcpy(ret, row.hash, sizeof row.hash);
	return OK;
}

enum err store_binding_put(struct store *store, const struct binding_row *row)
{
	struct binding_row old;

	if (row->is_default) {
		const enum err err =
			store_binding_find(store, row->tenant, row->vault, row->service,
					   (struct bytes){ NULL, 0 }, &old);
		if (err != OK && err != ERR_NOT_FOUND)
			return err;
		if (err == OK && !bytes_eq(old.alias, row->alias)) {
			old.is_default = false;
			TRY(row_write(store, STATEMENT_binding_put, &table_binding, &old, NULL));
		}
	}
	return row_write(store, STATEMENT_binding_put, &table_binding, row, NULL);
}

enum err store_binding_find(struct store *store, struct id tenant, struct id vault,
			    struct bytes service, struct bytes alias, struct binding_row *ret)
{
	const struct arg args[] = {
		arg_id(&tenant), arg_id(&vault), arg_text(service), arg_text(alias), { ARG_END }
	};
	const struct arg of_default[] = { args[0], args[1], args[2], { ARG_END } };

	if (alias.n == 0)
		return row_find(store, STATEMENT_binding_default, &table_binding, of_default, ret,
				NULL);
	return row_find(store, STATEMENT_binding_find, &table_binding, args, ret, NULL);
}

enum err store_binding_list(struct store *store, struct id tenant, struct id vault,
			    store_binding_fn fn, void *ctx)
{
	enum { BINDINGS_MAX = 10000 };
	const struct arg args[] = { arg_id(&tenant), arg_id(&vault), { ARG_END } };
	struct row_item *item;

	TRY(row_list(store, STATEMENT_binding_list, &table_binding, args, BINDINGS_MAX, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_draft_put(struct store *store, const struct policy_row *row)
{
	struct policy_row copy = *row;

	sha256_one(copy.yaml, copy.hash);
	return row_write(store, STATEMENT_draft_put, &table_draft, &copy, NULL);
}

enum err store_draft_get(struct store *store, struct id tenant, struct id vault,
			 struct policy_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&vault), { ARG_END } };

	return row_find(store, STATEMENT_draft_get, &table_draft, args, ret, NULL);
}

enum err store_draft_del(struct store *store, struct id tenant, struct id vault)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&vault), { ARG_END } };

	return row_exec(store, STATEMENT_draft_del, args);
}
