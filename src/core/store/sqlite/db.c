/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/db.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

static const char common_pragmas[] = "PRAGMA journal_mode = WAL;"
				     "PRAGMA foreign_keys = ON;"
				     "PRAGMA trusted_schema = OFF;"
				     "PRAGMA temp_store = MEMORY;"
				     /* Without spilling, a full disk shows at COMMIT only. */
				     "PRAGMA cache_spill = OFF;"
				     "PRAGMA wal_autocheckpoint = 0;"
				     "PRAGMA busy_timeout = 5000;";

static sqlite3_vfs vfs;
static sqlite3_vfs *vfs_base;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
	(void)self;
	return vfs_base->xOpen(vfs_base, name, file, flags, out);
}

/* The name is /proc/self/fd/…, and resolving it is what must not happen. */
static int vfs_full_path(sqlite3_vfs *self, const char *name, int room, char *out)
{
	(void)self;
	const size_t n = strlen(name) + 1;

	if (room < 0 || n > (size_t)room)
		return SQLITE_CANTOPEN;
	memcpy(out, name, n);
	return SQLITE_OK;
}

static void vfs_register(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_initialize() != SQLITE_OK)
		return;
	vfs_base = sqlite3_vfs_find("unix-excl");
	if (vfs_base == NULL)
		return;
	vfs = *vfs_base;
	vfs.pNext = NULL;
	vfs.zName = "valetkey";
	vfs.xOpen = vfs_open;
	vfs.xFullPathname = vfs_full_path;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
		vfs_base = NULL;
}

enum err db_err(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return OK;
	case SQLITE_CONSTRAINT:
		if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
			return ERR_EXISTS;
		return code == SQLITE_CONSTRAINT_FOREIGNKEY ? ERR_NOT_FOUND : FAULT_BUG;
	case SQLITE_FULL:
		return ERR_LOG_FULL;
	case SQLITE_NOMEM:
		return FAULT_NOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		log_error("the database is damaged (code %d)", code);
		return ERR_FORGED;
	default:
		log_error("the database failed (code %d)", code);
		return FAULT_STORE;
	}
}

enum err db_exec(sqlite3 *handle, const char *sql)
{
	return db_err(sqlite3_exec(handle, sql, NULL, NULL, NULL));
}

enum err db_number(sqlite3 *handle, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? ERR_NOT_FOUND : db_err(code);
}

enum err db_connect(int dir, const char *name, sqlite3 **ret)
{
	static const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				 SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	char path[DB_PATH_MAX];
	sqlite3 *handle = NULL;

	if (pthread_once(&once, vfs_register) != 0 || vfs_base == NULL)
		return FAULT_STORE;
	/* Made here, so that it and what SQLite puts beside it are ours alone. */
	const int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return FAULT_STORE;
	close(fd);
	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
	const int code = sqlite3_open_v2(path, &handle, flags, "valetkey");
	if (code != SQLITE_OK) {
		sqlite3_close(handle);
		return db_err(code);
	}
	/* Nothing that a changed file brings along may run. */
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	*ret = handle;
	return OK;
}

enum err db_migrate(sqlite3 *handle, const struct db_settings *settings, size_t upto)
{
	int64_t version = 0, application = 0;

	TRY(db_number(handle, "PRAGMA user_version", &version));
	TRY(db_number(handle, "PRAGMA application_id", &application));
	if (version < 0 || (uint64_t)version > settings->migrations_count ||
	    (version > 0 && application != settings->application))
		return ERR_UNSUPPORTED;
	for (size_t i = (size_t)version; i < upto; i++) {
		/* The text moves user_version too: a migration is there as a whole or not at all.
		 */
		enum err err = db_exec(handle, "BEGIN IMMEDIATE");
		if (err == OK)
			err = db_exec(handle, settings->migrations[i]);
		if (err == OK)
			err = db_exec(handle, "COMMIT");
		if (err != OK) {
			if (!sqlite3_get_autocommit(handle))
				err_ignore(db_exec(handle, "ROLLBACK")); /* closed next anyway */
			return err;
		}
	}
	return OK;
}

static enum err prepare(struct db *db, const struct db_settings *settings)
{
	db->statements = calloc(settings->statements_count, sizeof(sqlite3_stmt *));
	if (db->statements == NULL)
		return FAULT_NOMEM;
	db->count = settings->statements_count;
	for (size_t i = 0; i < db->count; i++) {
		const int code =
			sqlite3_prepare_v3(db->handle, settings->statements[i], -1,
					   SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL);
		if (code != SQLITE_OK) {
			log_error("statement %zu of %s: %s", i, settings->name,
				  sqlite3_errmsg(db->handle));
			return db_err(code);
		}
	}
	return OK;
}

static enum err set_up(struct db *db, int dir, const struct db_settings *settings)
{
	db->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (db->dir < 0)
		return FAULT_SYSTEM;
	TRY(db_connect(db->dir, settings->name, &db->handle));
	TRY(db_exec(db->handle, common_pragmas));
	TRY(db_exec(db->handle, settings->pragmas));
	TRY(db_migrate(db->handle, settings, settings->migrations_count));
	return prepare(db, settings);
}

enum err db_open(struct db *db, int dir, const struct db_settings *settings)
{
	*db = (struct db){ .dir = -1 };
	const enum err err = set_up(db, dir, settings);
	if (err != OK)
		db_close(db);
	return err;
}

void db_close(struct db *db)
{
	for (size_t i = 0; i < db->count; i++)
		sqlite3_finalize(db->statements[i]);
	free(db->statements);
	sqlite3_close(db->handle);
	if (db->dir >= 0)
		close(db->dir);
	*db = (struct db){ .dir = -1 };
}

enum err db_run(struct db *db, size_t statement)
{
	sqlite3_stmt *const run = db->statements[statement];
	const int code = sqlite3_step(run);

	sqlite3_reset(run);
	return db_err(code);
}
