/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "core/store/sqlite/row.h"
#include "core/store/sqlite/schema.h"
#include "crypto/crypto.h"

enum {
	ARENA_MAX = 256 * 1024 * 1024,
	SCRATCH_MAX = 1024 * 1024,
	CHECKPOINT_PAGES = 2000,
};

static enum err lock_take(int dir, int *ret)
{
	/* Of the open file, so that it also keeps out a second store of this process. */
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const int fd = openat(dir, "state.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return FAULT_SYSTEM;
	if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
		const enum err err =
			errno == EAGAIN || errno == EACCES ? ERR_CONFLICT : FAULT_SYSTEM;
		close(fd);
		return err;
	}
	*ret = fd;
	return OK;
}

static enum err keys_set(struct store *store, const struct store_keys *keys)
{
	TRY(secret_new((size_t)KEY_COUNT * ROW_KEY_LEN, &store->keys));
	uint8_t *const p = secret_fill(store->keys);
	memcpy(p + (size_t)KEY_TOKHASH * ROW_KEY_LEN, keys->tokhash, ROW_KEY_LEN);
	memcpy(p + (size_t)KEY_ROWMAC * ROW_KEY_LEN, keys->rowmac, ROW_KEY_LEN);
	kdf_label(keys->text, "valetkey cell", p + (size_t)KEY_CELL * ROW_KEY_LEN);
	kdf_label(keys->text, "valetkey index", p + (size_t)KEY_INDEX * ROW_KEY_LEN);
	store->version = keys->version;
	store->generation = keys->generation;
	return OK;
}

static int on_wal(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	struct store *const store = ctx;

	(void)handle;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

static enum err set_up(struct store *store, int dir, const struct store_keys *keys)
{
	struct stat st;

	TRY(lock_take(dir, &store->lock));
	TRY(keys_set(store, keys));
	TRY(db_open(&store->db, dir, &schema_settings));
	if (fstatat(store->db.dir, schema_settings.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return FAULT_SYSTEM;
	store->device = st.st_dev;
	store->inode = st.st_ino;
	sqlite3_wal_hook(store->db.handle, on_wal, store);
	return OK;
}

enum err store_open(int dir, const struct store_keys *keys, struct store **ret)
{
	scoped(store_close) struct store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return FAULT_NOMEM;
	store->lock = -1;
	store->db.dir = -1;
	arena_init(&store->arena, ARENA_MAX);
	dynbuf_init(&store->scratch, SCRATCH_MAX);
	TRY(set_up(store, dir, keys));
	*ret = take(store);
	return OK;
}

void store_close(struct store **storep)
{
	struct store *const store = *storep;

	if (store == NULL)
		return;
	*storep = NULL;
	store_rollback(store);
	db_close(&store->db);
	secret_free(&store->keys);
	arena_done(&store->arena);
	if (store->scratch.n > 0)
		wipe(store->scratch.p, store->scratch.n);
	dynbuf_done(&store->scratch);
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}

/* A file that was deleted or replaced would take writes that nobody finds again. */
static enum err check_file(const struct store *store)
{
	struct stat st;

	if (fstatat(store->db.dir, schema_settings.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == store->device && st.st_ino == store->inode)
		return OK;
	log_error("the database file was deleted or replaced while it was open");
	return FAULT_STORE;
}

enum err store_begin(struct store *store)
{
	if (store->failed != OK)
		return store->failed;
	if (store->in_batch)
		return FAULT_BUG;
	TRY(check_file(store));
	TRY(db_run(&store->db, STATEMENT_begin));
	store->in_batch = true;
	return OK;
}

static void batch_over(struct store *store)
{
	store->in_batch = false;
	store->failed = OK;
	arena_reset(&store->arena);
}

static void transaction_end(struct store *store)
{
	/* If it fails, SQLite has rolled back already, or the next BEGIN fails. */
	if (!sqlite3_get_autocommit(store->db.handle))
		err_ignore(db_run(&store->db, STATEMENT_rollback));
	batch_over(store);
}

/* The log grows until its content is moved into the file. A failed sync here is as bad as one in a
 * commit: what the system then drops would be believed to be in the file. */
static enum err checkpoint(struct store *store)
{
	if (store->wal_pages < CHECKPOINT_PAGES)
		return OK;
	const int code = sqlite3_wal_checkpoint_v2(store->db.handle, NULL,
						   SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	store->wal_pages = 0;
	if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_FULL)
		return OK;
	log_error("the database's log could not be moved into its file (code %d)", code);
	store->failed = FAULT_SYNC;
	return FAULT_SYNC;
}

static enum err commit_failed(struct store *store, int code)
{
	const bool full = (code & 0xff) == SQLITE_FULL;

	transaction_end(store);
	if (full)
		return ERR_LOG_FULL;
	log_error("a commit failed with an unknown outcome (code %d)", code);
	store->failed = FAULT_SYNC;
	return FAULT_SYNC;
}

enum err store_commit(struct store *store)
{
	if (!store->in_batch)
		return store->failed != OK ? store->failed : FAULT_BUG;
	if (store->failed != OK) { /* it has ended by itself, and nothing of it was written */
		const enum err err = store->failed;
		batch_over(store);
		return err;
	}
	sqlite3_stmt *const commit = store->db.statements[STATEMENT_commit];
	const int code = sqlite3_step(commit);
	sqlite3_reset(commit);
	if (code != SQLITE_DONE)
		return commit_failed(store, code);
	batch_over(store);
	return checkpoint(store);
}

void store_rollback(struct store *store)
{
	if (!store->in_batch)
		return;
	transaction_end(store);
}

enum err store_savepoint(struct store *store)
{
	TRY(row_ready(store));
	store->written = (struct row_version){ 0 };
	return db_run(&store->db, STATEMENT_savepoint);
}

enum err store_savepoint_end(struct store *store, bool keep)
{
	TRY(row_ready(store));
	store->undone += !keep;
	if (!keep)
		TRY(db_run(&store->db, STATEMENT_savepoint_back));
	return db_run(&store->db, STATEMENT_savepoint_keep);
}

uint64_t store_changes(const struct store *store)
{
	return (uint64_t)sqlite3_total_changes64(store->db.handle) + store->undone;
}

bool store_written(struct store *store, struct row_version *ret)
{
	*ret = store->written;
	store->written = (struct row_version){ 0 };
	return !id_none(ret->id);
}

enum err store_version_get(struct store *store, struct id id, struct row_version *ret)
{
	sqlite3_stmt *const statement = store->db.statements[STATEMENT_version_get];
	enum err err = ERR_FORGED;

	TRY(row_ready(store));
	sqlite3_bind_blob(statement, 1, id.b, ID_LEN, SQLITE_STATIC);
	const int code = sqlite3_step(statement);
	if (code == SQLITE_DONE)
		err = ERR_NOT_FOUND;
	else if (code != SQLITE_ROW)
		err = row_failed(store, code);
	else if (sqlite3_column_bytes(statement, 1) == (int)sizeof ret->digest) {
		ret->id = id;
		ret->rev = (uint64_t)sqlite3_column_int64(statement, 0);
		memcpy(ret->digest, sqlite3_column_blob(statement, 1), sizeof ret->digest);
		err = OK;
	}
	sqlite3_reset(statement);
	return err;
}

enum err store_meta_get(struct store *store, const char *name, uint64_t *ret)
{
	const struct arg args[] = { arg_text(str(name)), { ARG_END } };
	struct meta_row row;

	TRY(row_find(store, STATEMENT_meta_get, &table_meta, args, &row, NULL));
	*ret = row.value;
	return OK;
}

enum err store_meta_put(struct store *store, const char *name, uint64_t value)
{
	const struct meta_row row = { str(name), value };

	return row_write(store, STATEMENT_meta_put, &table_meta, &row, NULL);
}

enum err store_outbox_put(struct store *store, struct id event, struct bytes record)
{
	const struct outbox_row row = { event, record };

	return row_write(store, STATEMENT_outbox_put, &table_outbox, &row, NULL);
}

enum err store_outbox_del(struct store *store, struct id event)
{
	const struct arg args[] = { arg_id(&event), { ARG_END } };

	return row_exec(store, STATEMENT_outbox_del, args);
}

enum err store_outbox_list(struct store *store, store_outbox_fn fn, void *ctx)
{
	enum { PAGE = 500 };
	struct id after = { { 0 } };
	unsigned n = PAGE;

	while (n == PAGE) {
		const struct arg args[] = { arg_id(&after), { ARG_END } };
		struct row_item *item;
		n = 0;
		TRY(row_list(store, STATEMENT_outbox_list, &table_outbox, args, PAGE, &item));
		for (; item != NULL; item = item->next, n++) {
			const struct outbox_row *const row = item->row;
			after = row->event;
			TRY(fn(ctx, row));
		}
	}
	return OK;
}

static enum err copy_all(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *const backup = sqlite3_backup_init(to, "main", from, "main");

	if (backup == NULL)
		return db_err(sqlite3_errcode(to));
	const int code = sqlite3_backup_step(backup, -1);
	const int end = sqlite3_backup_finish(backup);
	if (code != SQLITE_DONE)
		return code == SQLITE_BUSY || code == SQLITE_LOCKED ? FAULT_STORE : db_err(code);
	return db_err(end);
}

static void handle_close(sqlite3 **handlep)
{
	sqlite3_close(*handlep);
	*handlep = NULL;
}

enum err store_backup(struct store *store, int dir, const char *name)
{
	scoped(handle_close) sqlite3 *from = NULL;
	scoped(handle_close) sqlite3 *to = NULL;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return ERR_EXISTS;
	/* A connection of its own sees what is committed, whatever this batch has written. */
	TRY(db_connect(store->db.dir, schema_settings.name, &from));
	TRY(db_connect(dir, name, &to));
	TRY(db_exec(to, "PRAGMA synchronous = FULL"));
	enum err err = copy_all(from, to);
	if (err == OK) /* one file, without a log beside it */
		err = db_exec(to, "PRAGMA journal_mode = DELETE");
	if (err == OK && fsync(dir) != 0)
		err = FAULT_SYNC;
	if (err != OK)
		(void)unlinkat(dir, name, 0);
	return err;
}
