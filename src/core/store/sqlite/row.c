/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/row.h"

#include "base/log.h"
#include "crypto/crypto.h"

enum {
	MAC_CELL_LEN = 4 + MAC_LEN,
	SEAL_EXTRA = AEAD_NONCE_LEN + AEAD_TAG_LEN,
	AAD_MAX = 128,
};

static const char row_label[] = "valetkey row 1";
static const char cell_label[] = "valetkey cell 1";

const uint8_t *row_key(const struct store *store, enum row_key which)
{
	return secret_bytes(store->keys).p + (size_t)which * ROW_KEY_LEN;
}

enum err row_ready(const struct store *store)
{
	if (store->failed != OK)
		return store->failed;
	return store->in_batch ? OK : FAULT_BUG;
}

enum err row_failed(struct store *store, int code)
{
	const enum err err = db_err(code);

	if (err != OK && store->in_batch && sqlite3_get_autocommit(store->db.handle))
		store->failed = err;
	return err;
}

void row_token_hash(const struct store *store, const char *label, struct bytes text,
		    uint8_t out[static 32])
{
	const struct bytes parts[] = { { (const uint8_t *)label, strlen(label) + 1 }, text };

	mac(row_key(store, KEY_TOKHASH), parts, ARRAY_LEN(parts), out);
}

enum err row_index(struct store *store, const char *label, const struct bytes *parts, size_t count,
		   uint8_t out[static 32])
{
	struct dynbuf *message = &store->scratch;

	dynbuf_reset(message);
	dynbuf_put(message, label, strlen(label) + 1);
	for (size_t i = 0; i < count; i++) {
		dynbuf_u32(message, (uint32_t)parts[i].n);
		dynbuf_bytes(message, parts[i]);
	}
	TRY(dynbuf_err(message));
	const struct bytes whole = dynbuf_view(message);
	mac(row_key(store, KEY_INDEX), &whole, 1, out);
	return OK;
}

static void message_begin(struct store *store, const struct table *table)
{
	dynbuf_reset(&store->scratch);
	dynbuf_put(&store->scratch, row_label, sizeof row_label);
	dynbuf_u32(&store->scratch, store->version);
	dynbuf_put(&store->scratch, table->name, strlen(table->name) + 1);
}

static enum err message_end(struct store *store, uint8_t out[static MAC_CELL_LEN])
{
	const struct bytes whole = dynbuf_view(&store->scratch);

	TRY(dynbuf_err(&store->scratch));
	mac(row_key(store, KEY_ROWMAC), &whole, 1, put_u32(out, store->version));
	return OK;
}

static void message_bytes(struct store *store, enum column_type type, struct bytes bytes)
{
	dynbuf_u8(&store->scratch, (uint8_t)type);
	if (type != COLUMN_ID && type != COLUMN_OPT && type != COLUMN_HASH)
		dynbuf_u32(&store->scratch, (uint32_t)bytes.n);
	dynbuf_bytes(&store->scratch, bytes);
}

static void message_number(struct store *store, uint64_t number)
{
	dynbuf_u8(&store->scratch, COLUMN_NUM);
	dynbuf_u64(&store->scratch, number);
}

static struct bytes cell_aad(const struct table *table, const struct column *column,
			     const uint8_t *row, uint8_t room[static AAD_MAX])
{
	uint8_t *p = put(room, cell_label, sizeof cell_label);

	p = put(p, row + table->tenant, ID_LEN);
	p = put(p, row + table->id, ID_LEN);
	p = put(p, table->name, strlen(table->name) + 1);
	p = put(p, column->name, strlen(column->name) + 1);
	return (struct bytes){ room, (size_t)(p - room) };
}

static enum err cell_seal(struct store *store, struct bytes aad, struct bytes plain,
			  struct bytes *ret)
{
	void *p = NULL;

	if (plain.n == 0) {
		*ret = (struct bytes){ NULL, 0 };
		return OK;
	}
	TRY(arena_take(&store->arena, plain.n + SEAL_EXTRA, &p));
	uint8_t *cell = p;
	rng_fill(cell, AEAD_NONCE_LEN);
	TRY(aead_seal(row_key(store, KEY_CELL), cell, aad, plain, cell + AEAD_NONCE_LEN));
	*ret = (struct bytes){ cell, plain.n + SEAL_EXTRA };
	return OK;
}

static enum err cell_open(struct store *store, struct bytes aad, struct bytes cell,
			  struct bytes *ret)
{
	void *p = NULL;

	if (cell.n == 0) {
		*ret = (struct bytes){ NULL, 0 };
		return OK;
	}
	if (cell.n <= SEAL_EXTRA)
		return ERR_FORGED;
	const struct bytes body = { cell.p + AEAD_NONCE_LEN, cell.n - AEAD_NONCE_LEN };
	TRY(arena_take(&store->arena, cell.n - SEAL_EXTRA, &p));
	TRY(aead_open(row_key(store, KEY_CELL), cell.p, aad, body, p));
	*ret = (struct bytes){ p, cell.n - SEAL_EXTRA };
	return OK;
}

static uint64_t number_get(const uint8_t *at, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, at, size); /* little-endian: the narrow ones stand at the front */
	return v;
}

/* False: it is wider than the member, so it was not we who wrote it. */
static bool number_set(uint8_t *at, size_t size, uint64_t v)
{
	if (size < sizeof v && v >> (8 * size) != 0)
		return false;
	if (size == 1 && v > 1) /* the only members of one byte are bool */
		return false;
	memcpy(at, &v, size);
	return true;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "number_get() and number_set() rely on it");

static int bind_blob(sqlite3_stmt *statement, int i, struct bytes b)
{
	/* A NULL pointer would bind NULL where an empty value is meant. */
	return sqlite3_bind_blob(statement, i, b.n == 0 ? (const void *)"" : b.p, (int)b.n,
				 SQLITE_STATIC);
}

static int bind_text(sqlite3_stmt *statement, int i, struct bytes b)
{
	return sqlite3_bind_text(statement, i, b.n == 0 ? "" : (const char *)b.p, (int)b.n,
				 SQLITE_STATIC);
}

static int bind_opt(sqlite3_stmt *statement, int i, struct bytes b, bool none)
{
	return none ? sqlite3_bind_null(statement, i) : bind_blob(statement, i, b);
}

static enum err bind_number(struct store *store, sqlite3_stmt *statement, int i, uint64_t v)
{
	if (v > INT64_MAX)
		return FAULT_BUG;
	message_number(store, v);
	return db_err(sqlite3_bind_int64(statement, i, (sqlite3_int64)v));
}

static enum err bind_column(struct store *store, sqlite3_stmt *statement, int i,
			    const struct column *column, const uint8_t *at)
{
	struct bytes b = { at, column->size };

	switch (column->type) {
	case COLUMN_NUM:
		return bind_number(store, statement, i, number_get(at, column->size));
	case COLUMN_OPT:
		message_bytes(store, column->type, b);
		return db_err(
			bind_opt(statement, i, b, id_none(*(const struct id *)(const void *)at)));
	case COLUMN_ID:
	case COLUMN_HASH:
		message_bytes(store, column->type, b);
		return db_err(bind_blob(statement, i, b));
	case COLUMN_TEXT:
		memcpy(&b, at, sizeof b);
		message_bytes(store, column->type, b);
		return db_err(bind_text(statement, i, b));
	case COLUMN_HASHED:
		memcpy(&b, at, sizeof b);
		return db_err(bind_text(statement, i, b));
	case COLUMN_BLOB:
		memcpy(&b, at, sizeof b);
		message_bytes(store, column->type, b);
		return db_err(bind_blob(statement, i, b));
	case COLUMN_SEALED:
	case COLUMN_HIDDEN:
		break;
	}
	return FAULT_BUG;
}

static enum err bind_cell(struct store *store, sqlite3_stmt *statement, int i,
			  const struct table *table, const uint8_t *row)
{
	const struct column *const column = &table->columns[i - 1];
	uint8_t room[AAD_MAX];
	struct bytes plain, cell;

	memcpy(&plain, row + column->at, sizeof plain);
	TRY(cell_seal(store, cell_aad(table, column, row, room), plain, &cell));
	message_bytes(store, column->type, cell);
	return db_err(bind_blob(statement, i, cell));
}

static struct id row_id(const struct table *table, const uint8_t *row)
{
	struct id id = { { 0 } };

	if (table->id >= 0)
		memcpy(id.b, row + table->id, ID_LEN);
	return id;
}

static enum err bind_row(struct store *store, sqlite3_stmt *statement, const struct table *table,
			 const uint8_t *row, const struct hidden *hidden)
{
	uint8_t cell[MAC_CELL_LEN];
	int i = 1;

	message_begin(store, table);
	for (const struct column *c = table->columns; c < table->columns + table->count; c++, i++) {
		if (c->type == COLUMN_SEALED) {
			TRY(bind_cell(store, statement, i, table, row));
		} else if (c->type == COLUMN_HIDDEN) {
			const struct bytes b = hidden->v[c->at];
			message_bytes(store, c->type, b);
			TRY(db_err(bind_opt(statement, i, b, b.n == 0)));
		} else {
			TRY(bind_column(store, statement, i, c, row + c->at));
		}
	}
	TRY(message_end(store, cell));
	if (table->rev >= 0) {
		store->written.id = row_id(table, row);
		store->written.rev = number_get(row + table->rev, sizeof(uint64_t));
		memcpy(store->written.digest, cell + 4, MAC_LEN);
	}
	return db_err(sqlite3_bind_blob(statement, i, cell, sizeof cell, SQLITE_TRANSIENT));
}

static struct bytes column_bytes(sqlite3_stmt *statement, int i)
{
	const void *const p = sqlite3_column_blob(statement, i);

	return (struct bytes){ p, (size_t)sqlite3_column_bytes(statement, i) };
}

/* Takes column @i as it stands, into the row and into the message. */
static enum err read_column(struct store *store, sqlite3_stmt *statement, int i,
			    const struct column *column, uint8_t *row)
{
	const bool null = sqlite3_column_type(statement, i) == SQLITE_NULL;
	struct bytes b;

	if (column->type == COLUMN_NUM) {
		const uint64_t v = (uint64_t)sqlite3_column_int64(statement, i);
		message_number(store, v);
		return number_set(row + column->at, column->size, v) ? OK : ERR_FORGED;
	}
	if (column->type == COLUMN_OPT && null)
		b = (struct bytes){ row + column->at, ID_LEN }; /* still zero */
	else
		b = column_bytes(statement, i);
	if (column->type == COLUMN_ID || column->type == COLUMN_OPT ||
	    column->type == COLUMN_HASH) {
		if (b.n != column->size)
			return ERR_FORGED;
		memmove(row + column->at, b.p, b.n);
		/* Zeros in place of NULL: one value, and one way to write it. */
		if (column->type == COLUMN_OPT && !null &&
		    id_none(*(const struct id *)(const void *)(row + column->at)))
			return ERR_FORGED;
	}
	if (column->type != COLUMN_HASHED)
		message_bytes(store, column->type, b);
	return OK;
}

static enum err check_mac(struct store *store, struct bytes cell)
{
	uint8_t expected[MAC_CELL_LEN];

	TRY(message_end(store, expected));
	return ct_eq(cell, (struct bytes){ expected, sizeof expected }) ? OK : ERR_FORGED;
}

static enum err check_hash(const struct table *table, const uint8_t *row, struct bytes b)
{
	uint8_t is[SHA256_LEN];

	sha256_one(b, is);
	for (const struct column *c = table->columns; c < table->columns + table->count; c++)
		if (c->type == COLUMN_HASH)
			return memcmp(row + c->at, is, sizeof is) == 0 ? OK : ERR_FORGED;
	return FAULT_BUG;
}

/* Copies what is longer than the struct, now that the MAC holds. */
static enum err keep_column(struct store *store, sqlite3_stmt *statement, int i,
			    const struct table *table, uint8_t *row)
{
	const struct column *const column = &table->columns[i];
	uint8_t room[AAD_MAX];
	struct bytes b;

	if (column->type != COLUMN_TEXT && column->type != COLUMN_BLOB &&
	    column->type != COLUMN_HASHED && column->type != COLUMN_SEALED)
		return OK;
	b = column_bytes(statement, i);
	if (column->type == COLUMN_HASHED)
		TRY(check_hash(table, row, b));
	if (column->type == COLUMN_SEALED)
		TRY(cell_open(store, cell_aad(table, column, row, room), b, &b));
	else
		TRY(arena_dup(&store->arena, b, &b));
	memcpy(row + column->at, &b, sizeof b);
	return OK;
}

static enum err read_row(struct store *store, sqlite3_stmt *statement, const struct table *table,
			 uint8_t *row, struct hidden *hidden)
{
	const int count = (int)table->count;

	memset(row, 0, table->size);
	message_begin(store, table);
	for (int i = 0; i < count; i++)
		TRY(read_column(store, statement, i, &table->columns[i], row));
	TRY(check_mac(store, column_bytes(statement, count)));
	for (int i = 0; i < count; i++) {
		const struct column *const column = &table->columns[i];
		TRY(keep_column(store, statement, i, table, row));
		if (column->type == COLUMN_HIDDEN && hidden != NULL)
			TRY(arena_dup(&store->arena, column_bytes(statement, i),
				      &hidden->v[column->at]));
	}
	return OK;
}

static enum err bind_args(sqlite3_stmt *statement, const struct arg *args)
{
	for (int i = 1; args->type != ARG_END; args++, i++) {
		int code = SQLITE_OK;
		switch (args->type) {
		case ARG_BLOB:
			code = bind_blob(statement, i, args->bytes);
			break;
		case ARG_TEXT:
			code = bind_text(statement, i, args->bytes);
			break;
		case ARG_NUMBER:
			code = sqlite3_bind_int64(statement, i, (sqlite3_int64)args->number);
			break;
		case ARG_NULL:
			code = sqlite3_bind_null(statement, i);
			break;
		case ARG_END:
			break;
		}
		TRY(db_err(code));
	}
	return OK;
}

static void statement_end(sqlite3_stmt **statement)
{
	sqlite3_reset(*statement);
	sqlite3_clear_bindings(*statement);
}

enum err row_find(struct store *store, enum statement which, const struct table *table,
		  const struct arg *args, void *ret_row, struct hidden *ret_hidden)
{
	TRY(row_ready(store));
	scoped(statement_end) sqlite3_stmt *statement = store->db.statements[which];
	TRY(bind_args(statement, args));
	const int code = sqlite3_step(statement);
	if (code == SQLITE_DONE)
		return ERR_NOT_FOUND;
	if (code != SQLITE_ROW)
		return row_failed(store, code);
	const enum err err = read_row(store, statement, table, ret_row, ret_hidden);
	if (err == ERR_FORGED)
		log_error("a row of %s was changed outside Valetkey and is refused", table->name);
	if (err != OK)
		memset(ret_row, 0, table->size);
	return err;
}

static enum err list_one(struct store *store, sqlite3_stmt *statement, const struct table *table,
			 struct row_item **ret)
{
	void *p = NULL, *row = NULL;

	TRY(arena_take(&store->arena, sizeof **ret, &p));
	TRY(arena_take(&store->arena, table->size, &row));
	TRY(read_row(store, statement, table, row, NULL));
	*ret = p;
	**ret = (struct row_item){ NULL, row };
	return OK;
}

enum err row_list(struct store *store, enum statement which, const struct table *table,
		  const struct arg *args, unsigned limit, struct row_item **ret)
{
	struct row_item *first = NULL, **end = &first;
	int code = SQLITE_ROW;

	TRY(row_ready(store));
	scoped(statement_end) sqlite3_stmt *statement = store->db.statements[which];
	TRY(bind_args(statement, args));
	for (unsigned n = 0; n < limit && (code = sqlite3_step(statement)) == SQLITE_ROW;) {
		const enum err err = list_one(store, statement, table, end);
		if (err == ERR_FORGED) {
			log_error("a row of %s was changed outside Valetkey and is left out",
				  table->name);
			continue;
		}
		TRY(err);
		end = &(*end)->next;
		n++;
	}
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return row_failed(store, code);
	*ret = first;
	return OK;
}

enum err row_write(struct store *store, enum statement which, const struct table *table,
		   const void *row, const struct hidden *hidden)
{
	TRY(row_ready(store));
	scoped(statement_end) sqlite3_stmt *statement = store->db.statements[which];
	TRY(bind_row(store, statement, table, row, hidden));
	const int code = sqlite3_step(statement);
	if (code != SQLITE_DONE)
		return row_failed(store, code);
	return sqlite3_changes(store->db.handle) == 1 ? OK : ERR_CONFLICT;
}

enum err row_update(struct store *store, enum statement which, const struct table *table, void *row,
		    const struct hidden *hidden)
{
	uint8_t *const at = (uint8_t *)row + table->rev;
	uint64_t rev = number_get(at, sizeof rev) + 1;

	memcpy(at, &rev, sizeof rev);
	const enum err err = row_write(store, which, table, row, hidden);
	rev--;
	if (err != OK)
		memcpy(at, &rev, sizeof rev);
	return err;
}

enum err row_exec(struct store *store, enum statement which, const struct arg *args)
{
	TRY(row_ready(store));
	scoped(statement_end) sqlite3_stmt *statement = store->db.statements[which];
	TRY(bind_args(statement, args));
	const int code = sqlite3_step(statement);
	return code == SQLITE_DONE ? OK : row_failed(store, code);
}

enum err row_check(struct store *store, enum statement which, const struct table *table,
		   row_check_fn fn, void *ctx)
{
	const struct arena kept = store->arena;
	void *row = NULL;
	int code;

	TRY(row_ready(store));
	scoped(statement_end) sqlite3_stmt *statement = store->db.statements[which];
	arena_init(&store->arena, kept.max);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		arena_reset(&store->arena);
		enum err err = arena_take(&store->arena, table->size, &row);
		if (err == OK)
			err = read_row(store, statement, table, row, NULL);
		fn(ctx, table, row == NULL ? (struct id){ { 0 } } : row_id(table, row), err);
		row = NULL;
	}
	arena_done(&store->arena);
	store->arena = kept;
	return code == SQLITE_DONE ? OK : row_failed(store, code);
}
