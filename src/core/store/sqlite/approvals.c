/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals and authenticators: what a person decides, and what may be used once. */
#include "core/store/sqlite/row.h"

static struct arg text_kind(enum approval_text kind)
{
	return arg_number((uint64_t)kind);
}

static enum err text_put(struct store *store, const struct approval_row *row,
			 enum approval_text kind, struct bytes text)
{
	const struct approval_text_row beside = { row->id, row->tenant, kind, text };

	return row_write(store, STATEMENT_approval_text_put, &table_approval_text, &beside, NULL);
}

static enum err text_del(struct store *store, const struct approval_row *row,
			 enum approval_text kind)
{
	const struct arg args[] = {
		arg_id(&row->tenant), arg_id(&row->id), text_kind(kind), { ARG_END }
	};

	return row_exec(store, STATEMENT_approval_text_del, args);
}

enum err store_approval_text(struct store *store, const struct approval_row *row,
			     enum approval_text kind, struct bytes *ret)
{
	const struct arg args[] = {
		arg_id(&row->tenant), arg_id(&row->id), text_kind(kind), { ARG_END }
	};
	struct approval_text_row beside;

	TRY(row_find(store, STATEMENT_approval_text_get, &table_approval_text, args, &beside,
		     NULL));
	*ret = beside.text;
	return OK;
}

enum err store_approval_put(struct store *store, const struct approval_row *row,
			    struct bytes payload)
{
	struct approval_row copy = *row;

	copy.generation = store->generation;
	TRY(row_write(store, STATEMENT_approval_put, &table_approval, &copy, NULL));
	return text_put(store, row, APPROVAL_TEXT_PAYLOAD, payload);
}

enum err store_approval_get(struct store *store, struct id tenant, struct id id,
			    struct approval_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_approval_get, &table_approval, args, ret, NULL);
}

enum err store_approval_attempt(struct store *store, struct id attempt, struct approval_row *ret)
{
	const struct arg args[] = { arg_id(&attempt), { ARG_END } };

	return row_find(store, STATEMENT_approval_attempt, &table_approval, args, ret, NULL);
}

/* What stands in the way of a row that is not in the state asked for. */
static enum err state_err(enum approval_state state)
{
	switch (state) {
	case APPROVAL_PENDING:
	case APPROVAL_CANCELLED:
		return ERR_CONFLICT;
	case APPROVAL_DENIED:
		return ERR_APPROVAL_DENIED;
	case APPROVAL_EXPIRED:
		return ERR_EXPIRED;
	case APPROVAL_APPROVED:
	case APPROVAL_EXECUTED:
		break;
	}
	return ERR_USED;
}

/* The row as it stands now decides, not the one that the caller has read. */
static enum err approval_now(struct store *store, const struct approval_row *row,
			     enum approval_state expected, struct approval_row *ret)
{
	struct approval_row now;

	TRY(store_approval_get(store, row->tenant, row->id, &now));
	if (now.state != expected)
		return state_err(now.state);
	*ret = now;
	return OK;
}

static bool approval_live(const struct store *store, const struct approval_row *row, usec_t now)
{
	return row->generation == store->generation && row->expires > now;
}

static enum err approval_update(struct store *store, struct approval_row *now,
				struct approval_row *ret)
{
	const enum err err =
		row_update(store, STATEMENT_approval_update, &table_approval, now, NULL);

	if (err != OK)
		return err == ERR_CONFLICT ? ERR_USED : err;
	*ret = *now;
	return OK;
}

enum err store_approval_decide(struct store *store, struct approval_row *row,
			       enum approval_state state, usec_t at)
{
	const bool ends = state == APPROVAL_EXPIRED;
	struct approval_row now;

	if (state == APPROVAL_PENDING || state == APPROVAL_EXECUTED)
		return FAULT_BUG;
	enum err err = approval_now(store, row, APPROVAL_PENDING, &now);
	if (err == ERR_USED && ends)
		err = approval_now(store, row, APPROVAL_APPROVED, &now);
	TRY(err);
	if (!ends && !approval_live(store, &now, at))
		return ERR_EXPIRED;
	now.state = state;
	now.decided = row->decided;
	now.decider = row->decider;
	TRY(approval_update(store, &now, row));
	return state == APPROVAL_APPROVED ? OK : text_del(store, row, APPROVAL_TEXT_PAYLOAD);
}

enum err store_approval_consume(struct store *store, struct approval_row *row, usec_t at)
{
	struct approval_row now;

	TRY(approval_now(store, row, APPROVAL_APPROVED, &now));
	if (!approval_live(store, &now, at))
		return ERR_EXPIRED;
	now.state = APPROVAL_EXECUTED;
	return approval_update(store, &now, row);
}

enum err store_approval_try(struct store *store, struct approval_row *row, struct id attempt)
{
	struct approval_row now;

	TRY(approval_now(store, row, APPROVAL_EXECUTED, &now));
	if (now.outcome != APPROVAL_OPEN)
		return ERR_CONFLICT;
	now.attempt = attempt;
	return approval_update(store, &now, row);
}

enum err store_approval_settle(struct store *store, struct approval_row *row,
			       enum approval_outcome outcome, struct bytes result,
			       usec_t kept_until)
{
	struct approval_row now;

	TRY(approval_now(store, row, APPROVAL_EXECUTED, &now));
	if (now.outcome != APPROVAL_OPEN)
		return ERR_USED;
	now.outcome = outcome;
	now.kept_until = kept_until;
	TRY(approval_update(store, &now, row));
	TRY(text_put(store, row, APPROVAL_TEXT_RESULT, result));
	return text_del(store, row, APPROVAL_TEXT_PAYLOAD);
}

enum err store_approval_heard(struct store *store, struct approval_row *row, usec_t kept_until)
{
	struct approval_row now;

	TRY(approval_now(store, row, APPROVAL_EXECUTED, &now));
	if (now.outcome == APPROVAL_OPEN)
		return ERR_CONFLICT;
	now.heard = true;
	now.kept_until = kept_until < now.kept_until ? kept_until : now.kept_until;
	return approval_update(store, &now, row);
}

enum err store_approval_forget(struct store *store, struct approval_row *row)
{
	struct approval_row now;

	TRY(store_approval_get(store, row->tenant, row->id, &now));
	now.kept_until = 0;
	TRY(approval_update(store, &now, row));
	return text_del(store, row, APPROVAL_TEXT_RESULT);
}

enum err store_approval_prune(struct store *store, usec_t before, unsigned limit)
{
	const struct arg args[] = { arg_number(before), arg_number(limit), { ARG_END } };

	return row_exec(store, STATEMENT_approval_prune, args);
}

static enum err each(struct store *store, enum statement which, const struct arg *args,
		     unsigned limit, store_approval_fn fn, void *ctx)
{
	struct row_item *item;

	TRY(row_list(store, which, &table_approval, args, limit, &item));
	for (; item != NULL; item = item->next)
		TRY(fn(ctx, item->row));
	return OK;
}

enum err store_approval_list(struct store *store, struct id tenant, enum approval_state state,
			     struct page page, store_approval_fn fn, void *ctx)
{
	const struct arg of_all[] = { arg_id(&tenant), arg_id(&page.after), { ARG_END } };
	const struct arg of_state[] = {
		arg_id(&tenant), arg_id(&page.after), arg_number((uint64_t)state), { ARG_END }
	};

	return state == 0
		       ? each(store, STATEMENT_approval_list, of_all, page.limit, fn, ctx)
		       : each(store, STATEMENT_approval_list_state, of_state, page.limit, fn, ctx);
}

enum err store_approval_recent(struct store *store, struct id tenant, struct id vault,
			       unsigned limit, store_approval_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&vault), { ARG_END } };

	return each(store, STATEMENT_approval_recent, args, limit, fn, ctx);
}

enum err store_approval_live(struct store *store, struct id tenant, struct id vault, unsigned limit,
			     store_approval_fn fn, void *ctx)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&vault), { ARG_END } };

	return each(store, STATEMENT_approval_live, args, limit, fn, ctx);
}

enum err store_approval_due(struct store *store, enum store_approval_due what, usec_t now,
			    unsigned limit, store_approval_fn fn, void *ctx)
{
	static const struct id none = { { 0 } };
	const struct arg by_time[] = { arg_number(now), { ARG_END } };
	const struct arg by_id[] = { arg_id(&none), { ARG_END } };
	const struct arg all[] = { { ARG_END } };

	switch (what) {
	case APPROVAL_DUE_EXPIRED:
		return each(store, STATEMENT_approval_due_expired, by_time, limit, fn, ctx);
	case APPROVAL_DUE_OPEN:
		return each(store, STATEMENT_approval_due_open, by_id, limit, fn, ctx);
	case APPROVAL_DUE_APPROVED:
		return each(store, STATEMENT_approval_due_approved, all, limit, fn, ctx);
	case APPROVAL_DUE_KEPT:
		break;
	}
	return each(store, STATEMENT_approval_due_kept, by_time, limit, fn, ctx);
}

enum err store_totp_get(struct store *store, struct id tenant, struct id user, struct totp_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&user), { ARG_END } };

	return row_find(store, STATEMENT_totp_get, &table_totp, args, ret, NULL);
}

enum err store_totp_update(struct store *store, struct totp_row *row)
{
	return row_update(store, STATEMENT_totp_update, &table_totp, row, NULL);
}

enum err store_totp_put(struct store *store, const struct totp_row *row)
{
	struct totp_row copy = *row, old;

	copy.generation = store->generation;
	const enum err err = store_totp_get(store, row->tenant, row->user, &old);
	if (err == ERR_NOT_FOUND)
		return row_write(store, STATEMENT_totp_put, &table_totp, &copy, NULL);
	TRY(err);
	copy.id = old.id;
	copy.rev = old.rev;
	return store_totp_update(store, &copy);
}
