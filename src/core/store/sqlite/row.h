/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * row - between the structs of model/rows.h and the rows of SQLite.
 *
 * Each row ends with a MAC: version of the key (4), HMAC-SHA256 (32) under
 * K_rowmac over
 *
 *     "valetkey row 1" 0, version (4), table's name 0, and for each column in
 *     the order of columns.def its type (1) and
 *         ID, OPT          16 bytes, zero for none
 *         NUM              8 bytes
 *         HASH             32 bytes
 *         TEXT BLOB SEALED HIDDEN   length (4) and the bytes as stored
 *         HASHED           nothing: the HASH beside it is SHA-256 of it
 *
 * A SEALED cell is empty, or nonce (24) and XChaCha20-Poly1305 under
 * kdf(K_text, "valetkey cell") with the associated data
 *     "valetkey cell 1" 0, tenant (16), id (16), table 0, column 0.
 *
 * Adding a column changes the message: such a migration has to write the MACs
 * of the table anew.
 */

#include <sys/types.h>

#include "base/arena.h"
#include "base/dynbuf.h"
#include "base/secret.h"
#include "core/store/sqlite/db.h"
#include "core/store/store.h"

enum column_type {
	COLUMN_ID = 1,
	COLUMN_OPT,
	COLUMN_NUM,
	COLUMN_TEXT,
	COLUMN_BLOB,
	COLUMN_SEALED,
	COLUMN_HASH,
	COLUMN_HASHED,
	COLUMN_HIDDEN,
};

struct column {
	const char *name;
	enum column_type type;
	size_t at, size; /* in the struct; of HIDDEN: its place in struct hidden */
};

struct table {
	const char *name;
	const struct column *columns;
	size_t count;
	size_t size;		 /* of the struct */
	ssize_t id, tenant, rev; /* where they are in the struct; -1: it has none */
};

extern const struct table table_tenant, table_user, table_agent, table_client, table_service,
	table_service_hash, table_vault, table_policy, table_policy_hash, table_draft,
	table_counter, table_binding, table_connection, table_token, table_consent, table_given,
	table_approval, table_approval_text, table_totp, table_registration, table_pushed,
	table_seen, table_password, table_grant, table_grant_token, table_outbox, table_meta;

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "core/store/sqlite/statements.def"
#undef STATEMENT
	STATEMENT_COUNT
};

enum { HIDDEN_MAX = 3, ROW_KEY_LEN = 32 };

/* Keyed hashes in a row that are no member of its struct. Empty: NULL. */
struct hidden {
	struct bytes v[HIDDEN_MAX];
};

struct meta_row {
	struct bytes name;
	uint64_t value;
};

enum row_key { KEY_TOKHASH, KEY_ROWMAC, KEY_CELL, KEY_INDEX, KEY_COUNT };

struct store {
	struct db db;
	struct secret *keys;
	uint32_t version;
	uint64_t generation;
	struct arena arena;
	struct dynbuf scratch;
	struct row_version written; /* see store_written() */
	uint64_t undone;	    /* savepoints that were gone back to */
	bool in_batch;
	enum err failed; /* the batch came to an end by itself; or FAULT_SYNC, for good */
	int wal_pages;	 /* in the write-ahead log since the last checkpoint */
	int lock;
	dev_t device;
	ino_t inode;
};

/* Arguments of a statement, ended by one of type ARG_END. */
enum arg_type { ARG_END, ARG_BLOB, ARG_TEXT, ARG_NUMBER, ARG_NULL };

struct arg {
	enum arg_type type;
	struct bytes bytes;
	uint64_t number;
};

static inline struct arg arg_id(const struct id *id)
{
	return (struct arg){ .type = ARG_BLOB, .bytes = id_bytes(id) };
}

static inline struct arg arg_hash(const uint8_t hash[static 32])
{
	return (struct arg){ .type = ARG_BLOB, .bytes = { hash, 32 } };
}

static inline struct arg arg_text(struct bytes text)
{
	return (struct arg){ .type = ARG_TEXT, .bytes = text };
}

static inline struct arg arg_number(uint64_t number)
{
	return (struct arg){ .type = ARG_NUMBER, .number = number };
}

const uint8_t *row_key(const struct store *store, enum row_key which);

/* The first row, its MAC checked, its text opened, its bytes in the arena. @ret_hidden may be NULL.
 * ERR_NOT_FOUND, ERR_FORGED */
must_check enum err row_find(struct store *store, enum statement which, const struct table *table,
			     const struct arg *args, void *ret_row, struct hidden *ret_hidden);

struct row_item {
	struct row_item *next;
	void *row;
};

/* At most @limit rows that hold; the others are named in the operator's log and left out. */
must_check enum err row_list(struct store *store, enum statement which, const struct table *table,
			     const struct arg *args, unsigned limit, struct row_item **ret);
/* INSERT, or an UPDATE whose condition may fail. ERR_CONFLICT (nothing was changed), ERR_EXISTS,
 * ERR_NOT_FOUND (it refers to nothing) */
must_check enum err row_write(struct store *store, enum statement which, const struct table *table,
			      const void *row, const struct hidden *hidden);
/* An UPDATE of a row whose rev still fits; adds one to it. ERR_CONFLICT */
must_check enum err row_update(struct store *store, enum statement which, const struct table *table,
			       void *row, const struct hidden *hidden);
must_check enum err row_exec(struct store *store, enum statement which, const struct arg *args);
/* Calls @fn with what each row of the table answers when read. */
typedef void (*row_check_fn)(void *ctx, const struct table *table, struct id id, enum err err);
must_check enum err row_check(struct store *store, enum statement which, const struct table *table,
			      row_check_fn fn, void *ctx);

/* Whether the batch may go on: FAULT_BUG outside of one. */
must_check enum err row_ready(const struct store *store);
/* Notes a result code; a batch that SQLite has ended by itself is failed as a whole. */
enum err row_failed(struct store *store, int code);

/* The keyed hash of a token of ours. */
void row_token_hash(const struct store *store, const char *label, struct bytes text,
		    uint8_t out[static 32]);
/* The keyed index of personal text; the parts are told apart by their lengths. */
must_check enum err row_index(struct store *store, const char *label, const struct bytes *parts,
			      size_t count, uint8_t out[static 32]);
