/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/projection.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static const char *const migrations[] = {
	"PRAGMA application_id = 1986749745;"
	"CREATE TABLE events("
	" seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, segment INTEGER NOT NULL,"
	" offset INTEGER NOT NULL, length INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE postings("
	" key INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(key, seq)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE intents("
	" seq INTEGER PRIMARY KEY, event BLOB NOT NULL UNIQUE"
	") STRICT;"
	"CREATE TABLE position("
	" one INTEGER PRIMARY KEY CHECK(one = 1), next INTEGER NOT NULL,"
	" segment INTEGER NOT NULL, offset INTEGER NOT NULL"
	") STRICT;"
	"INSERT INTO position VALUES(1, 0, 0, 0);"
	"PRAGMA user_version = 1;",
	"CREATE TABLE heads("
	" object BLOB NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, digest BLOB NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"DELETE FROM events;"
	"DELETE FROM postings;"
	"DELETE FROM intents;"
	"UPDATE position SET next = 0, segment = 0, offset = 0;"
	"PRAGMA user_version = 2;",
};

static const char *const statements[] = {
	[PROJECTION_BEGIN] = "BEGIN IMMEDIATE",
	[PROJECTION_COMMIT] = "COMMIT",
	[PROJECTION_ROLLBACK] = "ROLLBACK",
	[PROJECTION_POSITION] = "SELECT next, segment, offset FROM position",
	[PROJECTION_POSITION_SET] = "UPDATE position SET next = ?1, segment = ?2, offset = ?3",
	[PROJECTION_EVENT_PUT] = "INSERT INTO events(seq, time, segment, offset, length)"
				 " VALUES(?1, ?2, ?3, ?4, ?5)",
	[PROJECTION_POSTING_PUT] = "INSERT INTO postings(key, seq) VALUES(?1, ?2)",
	[PROJECTION_INTENT_PUT] = "INSERT OR REPLACE INTO intents(seq, event) VALUES(?1, ?2)",
	[PROJECTION_INTENT_DEL] = "DELETE FROM intents WHERE event = ?1",
	[PROJECTION_INTENT_NEXT] = "SELECT seq FROM intents WHERE seq >= ?1 ORDER BY seq LIMIT 1",
	[PROJECTION_EVENT_GET] = "SELECT time, segment, offset, length FROM events WHERE seq = ?1",
	[PROJECTION_EVENT_FROM] =
		"SELECT seq, time FROM events WHERE seq >= ?1 ORDER BY seq LIMIT 1",
	[PROJECTION_UP] = "SELECT seq FROM postings WHERE key = ?1 AND seq >= ?2"
			  " ORDER BY seq LIMIT 1",
	[PROJECTION_DOWN] = "SELECT seq FROM postings WHERE key = ?1 AND seq <= ?2"
			    " ORDER BY seq DESC LIMIT 1",
	[PROJECTION_HEAD_PUT] = "INSERT INTO heads(object, revision, digest) VALUES(?1, ?2, ?3)"
				" ON CONFLICT(object) DO UPDATE SET revision = ?2, digest = ?3"
				" WHERE revision < ?2",
	[PROJECTION_HEAD_NONE] = "DELETE FROM heads",
	[PROJECTION_HEAD_NEXT] = "SELECT object, revision, digest FROM heads WHERE object > ?1"
				 " ORDER BY object LIMIT 1",
};

const struct db_settings projection_settings = {
	.name = "events.db",
	.pragmas = "PRAGMA synchronous = NORMAL;"
		   "PRAGMA cache_size = -16384;"
		   "PRAGMA mmap_size = 1073741824;"
		   /* The leaves of all lists are written again and again: seldom is cheaper. */
		   "PRAGMA wal_autocheckpoint = 16000;",
	.migrations = migrations,
	.migrations_count = ARRAY_LEN(migrations),
	.statements = statements,
	.statements_count = ARRAY_LEN(statements),
	.application = 0x766b6531, /* "vke1" */
};

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;

/* What is damaged or of another version is of no use: the log says it all again. */
static enum err open_or_replace(struct db *db, int dir)
{
	enum err err = db_open(db, dir, &projection_settings);

	if (err == ERR_FORGED || err == ERR_UNSUPPORTED) {
		log_warn("the projection of the log is damaged and is built again");
		(void)unlinkat(dir, "events.db", 0);
		(void)unlinkat(dir, "events.db-wal", 0);
		err = db_open(db, dir, &projection_settings);
	}
	return err;
}

enum err events_open(int state_dir, int log_dir, bool writer, struct events **ret)
{
	scoped(events_close) struct events *events = calloc(1, sizeof *events);

	(void)writer; /* the buffer of a writer is made when it first writes */
	if (events == NULL)
		return FAULT_NOMEM;
	events->db.dir = -1;
	events->segment = -1;
	events->log_dir = fcntl(log_dir, F_DUPFD_CLOEXEC, 3);
	if (events->log_dir < 0)
		return FAULT_SYSTEM;
	pthread_mutex_lock(&open_lock);
	const enum err err = open_or_replace(&events->db, state_dir);
	pthread_mutex_unlock(&open_lock);
	TRY(err);
	*ret = take(events);
	return OK;
}

void events_close(struct events **eventsp)
{
	struct events *const events = *eventsp;

	if (events == NULL)
		return;
	*eventsp = NULL;
	db_close(&events->db);
	if (events->segment >= 0)
		close(events->segment);
	if (events->log_dir >= 0)
		close(events->log_dir);
	free(events->buffer);
	free(events);
}

static uint64_t mix(uint64_t h, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		h = (h ^ p[i]) * 0x100000001b3u;
		h ^= h >> 29;
	}
	return h;
}

uint64_t projection_key(enum dimension dimension, struct id tenant, struct bytes value)
{
	const uint8_t first = (uint8_t)dimension;
	uint64_t h = mix(0xcbf29ce484222325u, &first, 1);

	h = mix(h, tenant.b, ID_LEN);
	h = mix(h, value.p, value.n);
	h ^= h >> 32;
	return (h * 0x9e3779b97f4a7c15u) >> 17; /* 47 bits take six bytes in the file */
}

uint64_t projection_event_key(struct id event)
{
	return (uint64_t)1 << 62 | get_u64(event.b) >> 2;
}

enum err projection_position(const struct events *events, struct position *ret)
{
	sqlite3_stmt *const get = events->db.statements[PROJECTION_POSITION];
	const int code = sqlite3_step(get);

	if (code == SQLITE_ROW)
		*ret = (struct position){
			(uint64_t)sqlite3_column_int64(get, 0),
			(uint64_t)sqlite3_column_int64(get, 1),
			(uint64_t)sqlite3_column_int64(get, 2),
		};
	sqlite3_reset(get);
	return code == SQLITE_DONE ? ERR_FORGED : db_err(code);
}

uint64_t events_upto(const struct events *events)
{
	struct position position = { 0 };

	err_ignore(projection_position(events, &position)); /* then nothing is known to be there */
	return position.next;
}

enum err projection_segment(struct events *events, uint64_t first)
{
	char name[32];

	if (events->segment >= 0 && events->first == first)
		return OK;
	snprintf(name, sizeof name, "%020llu.jsonl", (unsigned long long)first);
	const int fd = openat(events->log_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_NOT_FOUND;
	if (events->segment >= 0)
		close(events->segment);
	events->segment = fd;
	events->first = first;
	return OK;
}

static enum err row_get(struct events *events, uint64_t seq, struct event_row *ret)
{
	sqlite3_stmt *const get = events->db.statements[PROJECTION_EVENT_GET];

	sqlite3_bind_int64(get, 1, (sqlite3_int64)seq);
	const int code = sqlite3_step(get);
	if (code == SQLITE_ROW)
		*ret = (struct event_row){
			.seq = seq,
			.time = (usec_t)sqlite3_column_int64(get, 0),
			.segment = (uint64_t)sqlite3_column_int64(get, 1),
			.offset = (uint64_t)sqlite3_column_int64(get, 2),
			.length = (uint32_t)sqlite3_column_int64(get, 3),
		};
	sqlite3_reset(get);
	return code == SQLITE_DONE ? ERR_NOT_FOUND : db_err(code);
}

enum err projection_line(struct events *events, uint64_t seq, struct event_row *ret_row,
			 struct bytes *ret_text, struct line *ret_line)
{
	struct event_row row = { 0 };

	TRY(row_get(events, seq, &row));
	*ret_row = row;
	*ret_text = (struct bytes){ NULL, 0 };
	if (row.length > sizeof events->text || projection_segment(events, row.segment) != OK)
		return OK;
	const ssize_t n = pread(events->segment, events->text, row.length, (off_t)row.offset);
	const struct bytes text = { events->text, row.length };
	if (n != (ssize_t)row.length || line_parse(text, ret_line) != OK || ret_line->seq != seq) {
		log_error("line %llu of the log is not what it was", (unsigned long long)seq);
		return OK;
	}
	*ret_text = text;
	return OK;
}
