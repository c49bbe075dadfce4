/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include "base/bytes.h"

/*
 * db - one SQLite file beneath a directory that the caller holds open, its
 * settings, its migrations and its statements, which are prepared once.
 *
 * The file is opened as /proc/self/fd/<dir>/<name> and that name is not
 * resolved further, so that a process whose sandbox knows the directory only
 * by descriptor can open it, before and after the sandbox is taken. SQLite
 * then needs openat, fstat, newfstatat, fcntl, pread64, pwrite64, fsync,
 * fdatasync, ftruncate, fallocate, mmap, munmap, mremap, unlink, geteuid,
 * getpid and close; fcntl is also what locks the store's lock file.
 *
 * One process at a time: SQLite's "unix-excl" keeps the lock and holds the
 * index of the write-ahead log in memory, so a transaction costs no locking
 * calls; several connections of this process may use the file together.
 */

enum { DB_PATH_MAX = 128 };

struct db {
	sqlite3 *handle;
	sqlite3_stmt **statements;
	size_t count;
	int dir; /* owned duplicate */
};

struct db_settings {
	const char *name;	       /* of the file */
	const char *pragmas;	       /* beyond the common ones */
	const char *const *migrations; /* each moves user_version from its place to the next */
	size_t migrations_count;
	const char *const *statements;
	size_t statements_count;
	int application; /* PRAGMA application_id */
};

/* Opens or makes the file, brings its schema up to date, prepares the statements.
 * ERR_UNSUPPORTED (the schema is newer, or another program's), ERR_FORGED (not a database, or
 * damaged), ERR_LOG_FULL, FAULT_STORE. On failure @db is closed. */
must_check enum err db_open(struct db *db, int dir, const struct db_settings *settings);
void db_close(struct db *db);
/* A second connection to the same file, without statements. */
must_check enum err db_connect(int dir, const char *name, sqlite3 **ret);
/* Applies the migrations that are missing, up to the @upto first. For db_open() and tests. */
must_check enum err db_migrate(sqlite3 *handle, const struct db_settings *settings, size_t upto);

/* What a result code means: OK, ERR_EXISTS, ERR_NOT_FOUND (a reference to nothing), ERR_LOG_FULL,
 * ERR_FORGED (damaged), FAULT_NOMEM, FAULT_STORE. Faults are logged, by code alone. */
enum err db_err(int code);
/* Runs one statement that answers no rows. */
must_check enum err db_run(struct db *db, size_t statement);
/* Runs fixed SQL that answers no rows. */
must_check enum err db_exec(sqlite3 *handle, const char *sql);
/* The first column of the first row of fixed SQL. */
must_check enum err db_number(sqlite3 *handle, const char *sql, int64_t *ret);
