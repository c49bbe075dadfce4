/* SPDX-License-Identifier: Apache-2.0 */
/* Own tokens and connect flows: what is known by its text, and what may be used up. */
#include "base/secret.h"
#include "core/store/sqlite/row.h"

enum { TICKET, BROWSER, STATE }; /* places in struct hidden, as in columns.def */

enum err store_token_put(struct store *store, const struct own_token_row *row, struct bytes text)
{
	struct own_token_row copy = *row;
	uint8_t hash[32];
	const struct hidden hidden = { { { hash, sizeof hash } } };

	copy.generation = store->generation;
	row_token_hash(store, "token", text, hash);
	return row_write(store, STATEMENT_token_put, &table_token, &copy, &hidden);
}

enum err store_token_find(struct store *store, struct bytes text, usec_t now,
			  struct own_token_row *ret)
{
	struct own_token_row row;
	uint8_t hash[32];
	const struct arg args[] = { arg_hash(hash), { ARG_END } };

	row_token_hash(store, "token", text, hash);
	TRY(row_find(store, STATEMENT_token_find, &table_token, args, &row, NULL));
	if (row.revoked)
		return ERR_NOT_FOUND;
	/* A standing credential holds in another generation too: else a restore locks all out. */
	if (row.expires != 0 && row.expires <= now)
		return ERR_EXPIRED;
	*ret = row;
	return OK;
}

enum err store_token_revoke(struct store *store, struct id tenant, enum own_token_kind kind,
			    struct id object)
{
	const struct arg none = { .type = ARG_NULL };
	const struct arg args[] = { id_none(tenant) ? none : arg_id(&tenant),
				    id_none(object) ? none : arg_id(&object),
				    arg_number(kind),
				    { ARG_END } };

	/* Not a mark in each row: one that was changed outside must not keep the others alive. */
	return row_exec(store, STATEMENT_token_revoke, args);
}

enum err store_consent_put(struct store *store, const struct consent_row *row, struct bytes ticket)
{
	struct consent_row copy = *row;
	uint8_t hash[32];
	const struct hidden hidden = { { { hash, sizeof hash } } };

	copy.generation = store->generation;
	row_token_hash(store, "ticket", ticket, hash);
	return row_write(store, STATEMENT_consent_put, &table_consent, &copy, &hidden);
}

static bool consent_live(const struct store *store, const struct consent_row *row, usec_t now)
{
	return row->generation == store->generation && row->expires > now;
}

enum err store_consent_find(struct store *store, struct bytes ticket, usec_t now,
			    struct consent_row *ret)
{
	struct consent_row row;
	uint8_t hash[32];
	const struct arg args[] = { arg_hash(hash), { ARG_END } };

	row_token_hash(store, "ticket", ticket, hash);
	TRY(row_find(store, STATEMENT_consent_find, &table_consent, args, &row, NULL));
	if (!consent_live(store, &row, now))
		return ERR_EXPIRED;
	*ret = row;
	return OK;
}

enum err store_consent_get(struct store *store, struct id tenant, struct id id,
			   struct consent_row *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&id), { ARG_END } };

	return row_find(store, STATEMENT_consent_get, &table_consent, args, ret, NULL);
}

/* The row as it stands now, with the hashes that callers do not see. */
static enum err consent_now(struct store *store, const struct consent_row *row,
			    struct consent_row *ret, struct hidden *ret_hidden)
{
	const struct arg args[] = { arg_id(&row->tenant), arg_id(&row->id), { ARG_END } };

	return row_find(store, STATEMENT_consent_get, &table_consent, args, ret, ret_hidden);
}

static bool is_browser(const struct hidden *hidden, const uint8_t hash[static 32])
{
	return ct_eq(hidden->v[BROWSER], (struct bytes){ hash, 32 });
}

enum err store_consent_open(struct store *store, struct consent_row *row, struct bytes browser)
{
	struct consent_row now;
	struct hidden hidden;
	uint8_t hash[32];

	row_token_hash(store, "browser", browser, hash);
	TRY(consent_now(store, row, &now, &hidden));
	if (now.state == CONSENT_NEW) {
		now.state = CONSENT_OPENED;
		hidden.v[BROWSER] = (struct bytes){ hash, sizeof hash };
		TRY(row_update(store, STATEMENT_consent_update, &table_consent, &now, &hidden));
	} else if ((now.state != CONSENT_OPENED && now.state != CONSENT_SENT) ||
		   !is_browser(&hidden, hash)) {
		return ERR_USED;
	}
	*row = now;
	return OK;
}

enum err store_consent_send(struct store *store, struct consent_row *row, struct bytes browser,
			    struct bytes state)
{
	struct consent_row now;
	struct hidden hidden;
	uint8_t hash[32], state_hash[32];

	row_token_hash(store, "browser", browser, hash);
	row_token_hash(store, "state", state, state_hash);
	TRY(consent_now(store, row, &now, &hidden));
	if ((now.state != CONSENT_OPENED && now.state != CONSENT_SENT) ||
	    !is_browser(&hidden, hash))
		return ERR_USED;
	now.state = CONSENT_SENT;
	now.verifier = row->verifier;
	hidden.v[STATE] = (struct bytes){ state_hash, sizeof state_hash };
	TRY(row_update(store, STATEMENT_consent_update, &table_consent, &now, &hidden));
	*row = now;
	return OK;
}

enum err store_consent_return(struct store *store, struct bytes state, struct bytes browser,
			      usec_t now, struct consent_row *ret)
{
	struct consent_row row;
	struct hidden hidden;
	uint8_t hash[32], state_hash[32];
	const struct arg args[] = { arg_hash(state_hash), { ARG_END } };

	row_token_hash(store, "browser", browser, hash);
	row_token_hash(store, "state", state, state_hash);
	TRY(row_find(store, STATEMENT_consent_state, &table_consent, args, &row, &hidden));
	if (!is_browser(&hidden, hash))
		return ERR_NOT_FOUND;
	if (row.state != CONSENT_SENT)
		return ERR_USED;
	if (!consent_live(store, &row, now))
		return ERR_EXPIRED;
	row.state = CONSENT_RETURNED;
	const enum err err =
		row_update(store, STATEMENT_consent_update, &table_consent, &row, &hidden);
	if (err != OK)
		return err == ERR_CONFLICT ? ERR_USED : err;
	*ret = row;
	return OK;
}

enum err store_consent_end(struct store *store, struct consent_row *row)
{
	struct consent_row now;
	struct hidden hidden;

	if (row->state != CONSENT_DONE && row->state != CONSENT_FAILED)
		return FAULT_BUG;
	TRY(consent_now(store, row, &now, &hidden));
	if (now.rev != row->rev || now.state == CONSENT_DONE || now.state == CONSENT_FAILED)
		return ERR_CONFLICT;
	now.state = row->state;
	now.err = row->err;
	now.connection = row->connection;
	now.verifier = (struct bytes){ NULL, 0 }; /* of no use to anybody any more */
	TRY(row_update(store, STATEMENT_consent_update, &table_consent, &now, &hidden));
	*row = now;
	return OK;
}
