/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "keeper/note.h"
#include "sys/file.h"

static const uint8_t magic[7] = "vklogf";

enum {
	VERSION = 1,
	SEGMENT_MAX = 64 * 1024 * 1024,
	BATCH_MAX = 32 * 1024 * 1024,
	CHECKPOINT_RECORDS = 1000000, /* else once a second */
	READ_BYTES = 1024 * 1024,
	FRONTIER_FIXED = sizeof magic + 1 + 5 * 8 + 1 + 1,
	FRONTIER_MAX = FRONTIER_FIXED + MERKLE_LEVELS * SHA256_LEN + NOTE_MAX,
};

enum { HEADS_MAX = 2 };

struct log {
	int dir, witness, fd;
	struct log_head {
		uint64_t size;
		uint8_t root[SHA256_LEN];
	} heads[HEADS_MAX]; /* signed before: what is read at start has to continue them */
	size_t heads_n;
	struct merkle tree, durable_tree;
	usec_t time, durable_time;
	uint64_t change, durable_change; /* the highest that a record named */
	bool accepted, durable_accepted; /* see struct log_state */
	uint64_t segment, segment_bytes; /* durable */
	struct dynbuf batch;
	uint64_t checkpoint_size;
	usec_t checkpoint_at; /* boot clock */
	bool directory_dirty;
	struct note_key key;
	uint8_t secret[SIGN_SECRET_LEN];
};

static void segment_name(uint64_t first, char to[static 32])
{
	snprintf(to, 32, "%020llu.jsonl", (unsigned long long)first);
}

void log_close(struct log **logp)
{
	struct log *log = *logp;

	if (log == NULL)
		return;
	*logp = NULL;
	if (log->fd >= 0)
		close(log->fd);
	dynbuf_done(&log->batch);
	wipe(log->secret, sizeof log->secret);
	free(log);
}

static enum err segment_open(struct log *log, bool create)
{
	char name[32];

	if (log->fd >= 0)
		close(log->fd);
	segment_name(log->segment, name);
	log->fd = openat(log->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0),
			 0600);
	if (log->fd < 0)
		return errno == ENOENT	 ? ERR_NOT_FOUND
		       : errno == ENOSPC ? ERR_LOG_FULL
					 : FAULT_SYSTEM;
	log->directory_dirty = log->directory_dirty || create;
	return OK;
}

/* Digits stand where record_print() has put them: after "seq" comes the time. */
static enum err line_time(struct bytes line, uint64_t seq, usec_t *ret)
{
	char head[48];
	struct tm tm = { 0 };
	unsigned micro;
	int end = 0;

	snprintf(head, sizeof head, "{\"seq\":%llu,\"time\":\"", (unsigned long long)seq);
	if (!bytes_starts(line, head) || line.n < strlen(head) + CLOCK_TEXT_LEN + 1)
		return ERR_MALFORMED;
	char text[CLOCK_TEXT_LEN + 1];
	memcpy(text, line.p + strlen(head), CLOCK_TEXT_LEN);
	text[CLOCK_TEXT_LEN] = 0;
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6uZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micro, &end) != 7 ||
	    end != CLOCK_TEXT_LEN)
		return ERR_MALFORMED;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = (usec_t)timegm(&tm) * USEC_PER_S + micro;
	return OK;
}

/* The number after "change", 0 where the line has none. No text in a line can look like it: quotes
 * are refused in every value. */
static uint64_t line_change(struct bytes line)
{
	static const char member[] = ",\"change\":";
	const uint8_t *at = memmem(line.p, line.n, member, sizeof member - 1);
	uint64_t change = 0;

	for (at = at == NULL ? line.p + line.n : at + sizeof member - 1;
	     at < line.p + line.n && *at >= '0' && *at <= '9'; at++)
		change = change * 10 + (uint64_t)(*at - '0');
	return change;
}

static void change_seen(struct log *log, uint64_t change)
{
	if (change > log->change)
		log->change = change;
}

static bool heads_hold(const struct log *log)
{
	uint8_t root[SHA256_LEN];

	for (size_t i = 0; i < log->heads_n; i++) {
		if (log->heads[i].size != log->tree.size)
			continue;
		merkle_root(&log->tree, root);
		if (memcmp(root, log->heads[i].root, sizeof root) != 0)
			return false;
	}
	return true;
}

/* An acceptance holds for the next start of core and no other: what is put back later is another
 * matter. */
static void kind_seen(struct log *log, uint8_t kind)
{
	if (kind == EVENT_rollback_accept || kind == EVENT_restore)
		log->accepted = true;
	else if (kind == EVENT_start)
		log->accepted = false;
}

static uint8_t line_kind(struct bytes line)
{
	static const char member[] = ",\"kind\":\"";
	const uint8_t *at = memmem(line.p, line.n, member, sizeof member - 1);
	uint8_t kind = 0;

	if (at == NULL)
		return 0;
	at += sizeof member - 1;
	struct bytes rest = { at, line.n - (size_t)(at - line.p) };
	return event_kind_parse(bytes_cut(&rest, '"'), &kind) == OK ? kind : 0;
}

/* Takes whole lines of the open segment from segment_bytes on. *@ret_rest: bytes after the last. */
static enum err segment_follow(struct log *log, size_t *ret_rest)
{
	scoped(buf_free) struct buf *room = NULL;
	uint8_t leaf[SHA256_LEN];
	size_t have = 0;

	TRY(buf_new(READ_BYTES, &room));
	for (;;) {
		const ssize_t n = pread(log->fd, room->p + have, room->n - have,
					(off_t)(log->segment_bytes + have));
		if (n < 0)
			return FAULT_SYSTEM;
		have += (size_t)n;
		struct bytes rest = { room->p, have };
		while (rest.n > 0 && memchr(rest.p, '\n', rest.n) != NULL) {
			const struct bytes line = bytes_cut(&rest, '\n');
			TRY(line_time(line, log->tree.size, &log->time));
			change_seen(log, line_change(line));
			kind_seen(log, line_kind(line));
			merkle_leaf(line, leaf);
			merkle_append(&log->tree, leaf);
			log->segment_bytes += line.n + 1;
			if (!heads_hold(log))
				return ERR_ROLLBACK;
		}
		if (n == 0 || rest.n == room->n) {
			*ret_rest = rest.n;
			return OK;
		}
		memmove(room->p, rest.p, rest.n);
		have = rest.n;
	}
}

/* From where the frontier stands to the end: also segments begun since. */
static enum err log_follow(struct log *log)
{
	size_t rest = 0;

	for (;;) {
		enum err err = segment_open(log, false);
		if (err == ERR_NOT_FOUND && log->segment_bytes > 0)
			return ERR_ROLLBACK;
		if (err == ERR_NOT_FOUND)
			return OK;
		TRY(err);
		const uint64_t first = log->segment;
		err = segment_follow(log, &rest);
		if (err == ERR_MALFORMED)
			return ERR_ROLLBACK;
		TRY(err);
		char name[32];
		segment_name(log->tree.size, name);
		if (log->tree.size == first ||
		    faccessat(log->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			break;
		if (rest > 0)
			return ERR_ROLLBACK;
		log->segment = log->tree.size;
		log->segment_bytes = 0;
	}
	/* What no sync has covered may be half a line, or blocks of zeros. */
	if (rest > 0 && (ftruncate(log->fd, (off_t)log->segment_bytes) != 0 || fsync(log->fd) != 0))
		return FAULT_SYNC;
	return OK;
}

static enum err frontier_read(struct log *log, struct bytes file)
{
	uint8_t want[SHA256_LEN], root[SHA256_LEN];
	const uint8_t *p = file.p + sizeof magic + 1;
	uint64_t size;

	if (file.n < FRONTIER_FIXED || memcmp(file.p, magic, sizeof magic) != 0 ||
	    file.p[sizeof magic] != VERSION)
		return ERR_MALFORMED;
	log->tree.size = get_u64(p);
	log->segment = get_u64(p + 8);
	log->segment_bytes = get_u64(p + 16);
	log->time = get_u64(p + 24);
	log->change = get_u64(p + 32);
	log->accepted = p[40] == 1;
	const size_t count = p[41];
	p += 42;
	if (count != (size_t)__builtin_popcountll(log->tree.size) ||
	    file.n < FRONTIER_FIXED + count * SHA256_LEN)
		return ERR_MALFORMED;
	for (size_t level = 0; level < MERKLE_LEVELS; level++) {
		if ((log->tree.size >> level & 1) == 0)
			continue;
		memcpy(log->tree.stack[level], p, SHA256_LEN);
		p += SHA256_LEN;
	}
	const struct bytes note = { p, file.n - (size_t)(p - file.p) };
	TRY(note_parse(&log->key, note, &size, want));
	merkle_root(&log->tree, root);
	return size == log->tree.size && memcmp(root, want, sizeof root) == 0 ? OK : ERR_FORGED;
}

static enum err frontier_load(struct log *log)
{
	scoped(buf_free) struct buf *file = NULL;
	struct stat st;
	char name[32];

	const enum err err = file_read(log->dir, "frontier", FRONTIER_MAX, &file);
	if (err == ERR_NOT_FOUND)
		return OK;
	TRY(err);
	const enum err read = frontier_read(log, buf_bytes(file));
	if (read != OK)
		return ERR_ROLLBACK;
	log->checkpoint_size = log->tree.size;
	segment_name(log->segment, name);
	if (fstatat(log->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return log->segment_bytes > 0 ? ERR_ROLLBACK : OK;
	return (uint64_t)st.st_size < log->segment_bytes ? ERR_ROLLBACK : OK;
}

/* The frontier may be gone, or be of another day; a checkpoint says so, here or at the witness. */
static enum err head_load(struct log *log, int dir)
{
	scoped(buf_free) struct buf *file = NULL;
	struct log_head *head = &log->heads[log->heads_n];

	const enum err err = file_read(dir, "checkpoint", NOTE_MAX, &file);
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err == ERR_TOO_LARGE)
		return ERR_ROLLBACK;
	TRY(err);
	if (note_parse(&log->key, buf_bytes(file), &head->size, head->root) != OK)
		return ERR_ROLLBACK;
	log->heads_n++;
	return OK;
}

static enum err log_read(struct log *log)
{
	TRY(head_load(log, log->dir));
	if (log->witness >= 0)
		TRY(head_load(log, log->witness));
	TRY(frontier_load(log));
	if (!heads_hold(log))
		return ERR_ROLLBACK;
	TRY(log_follow(log));
	for (size_t i = 0; i < log->heads_n; i++)
		if (log->heads[i].size > log->tree.size)
			return ERR_ROLLBACK;
	return OK;
}

static void log_settled(struct log *log)
{
	log->durable_tree = log->tree;
	log->durable_time = log->time;
	log->durable_change = log->change;
	log->durable_accepted = log->accepted;
	dynbuf_reset(&log->batch);
}

enum err log_open(int dir, int witness, const uint8_t seed[static SIGN_SEED_LEN], struct log **ret)
{
	struct log *log = calloc(1, sizeof *log);
	uint8_t public[SIGN_PUBLIC_LEN];

	if (log == NULL)
		return FAULT_NOMEM;
	log->dir = dir;
	log->witness = witness;
	log->fd = -1;
	dynbuf_init(&log->batch, BATCH_MAX);
	sign_keypair(seed, public, log->secret);
	note_key_init(&log->key, public);
	const enum err err = log_read(log);
	log_settled(log);
	if (err != OK && err != ERR_ROLLBACK) {
		log_close(&log);
		return err;
	}
	*ret = log;
	return err;
}

/* Reads everything that is there from its beginning and goes on from that. */
enum err log_accept(struct log *log)
{
	memset(&log->tree, 0, sizeof log->tree);
	log->segment = log->segment_bytes = log->change = 0;
	log->checkpoint_size = log->heads_n = 0;
	TRY(log_follow(log));
	log_settled(log);
	return OK;
}

enum err log_append(struct log *log, const struct ipc_record *record, uint64_t *ret_seq,
		    usec_t *ret_time)
{
	const size_t before = log->batch.n;
	const usec_t now = clock_wall();
	uint8_t leaf[SHA256_LEN];

	TRY(record_check(record));
	if (BATCH_MAX - before < RECORD_LINE_MAX)
		return ERR_LOG_FULL;
	/* The log's time never decreases, whatever happens to the clock. */
	const usec_t time = now > log->time ? now : log->time;
	record_print(record, log->tree.size, time, &log->batch);
	if (dynbuf_err(&log->batch) != OK) {
		log->batch.n = before;
		log->batch.err = OK;
		return FAULT_NOMEM;
	}
	merkle_leaf((struct bytes){ log->batch.p + before, log->batch.n - before - 1 }, leaf);
	*ret_seq = log->tree.size;
	*ret_time = log->time = time;
	change_seen(log, record->change);
	kind_seen(log, record->kind);
	merkle_append(&log->tree, leaf);
	return OK;
}

static enum err batch_undo(struct log *log)
{
	log->tree = log->durable_tree;
	log->time = log->durable_time;
	log->change = log->durable_change;
	log->accepted = log->durable_accepted;
	dynbuf_reset(&log->batch);
	if (log->fd >= 0 && ftruncate(log->fd, (off_t)log->segment_bytes) != 0)
		return FAULT_SYNC;
	return ERR_LOG_FULL;
}

static enum err segment_ready(struct log *log)
{
	if (log->fd >= 0 && log->segment_bytes < SEGMENT_MAX)
		return OK;
	if (log->segment_bytes >= SEGMENT_MAX) {
		log->segment = log->durable_tree.size;
		log->segment_bytes = 0;
	}
	return segment_open(log, true);
}

enum err log_sync(struct log *log)
{
	struct bytes rest = dynbuf_view(&log->batch);

	if (rest.n == 0)
		return OK;
	const enum err ready = segment_ready(log);
	if (ready != OK)
		return ready == ERR_LOG_FULL ? batch_undo(log) : ready;
	for (off_t at = (off_t)log->segment_bytes; rest.n > 0;) {
		const ssize_t n = pwrite(log->fd, rest.p, rest.n, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EDQUOT || errno == EFBIG
				       ? batch_undo(log)
				       : FAULT_SYNC;
		rest.p += n;
		rest.n -= (size_t)n;
		at += n;
	}
	/* A first sync that fails may be followed by one that lies: never again after a failure. */
	if (fdatasync(log->fd) != 0)
		return errno == ENOSPC || errno == EDQUOT ? batch_undo(log) : FAULT_SYNC;
	if (log->directory_dirty && fsync(log->dir) != 0)
		return FAULT_SYNC;
	log->directory_dirty = false;
	log->segment_bytes += log->batch.n;
	log_settled(log);
	return OK;
}

static void frontier_print(const struct log *log, struct bytes note, struct dynbuf *out)
{
	dynbuf_put(out, magic, sizeof magic);
	dynbuf_u8(out, VERSION);
	dynbuf_u64(out, log->durable_tree.size);
	dynbuf_u64(out, log->segment);
	dynbuf_u64(out, log->segment_bytes);
	dynbuf_u64(out, log->durable_time);
	dynbuf_u64(out, log->durable_change);
	dynbuf_u8(out, log->durable_accepted);
	dynbuf_u8(out, (uint8_t)__builtin_popcountll(log->durable_tree.size));
	for (size_t level = 0; level < MERKLE_LEVELS; level++)
		if ((log->durable_tree.size >> level & 1) != 0)
			dynbuf_put(out, log->durable_tree.stack[level], SHA256_LEN);
	dynbuf_bytes(out, note);
}

enum err log_checkpoint(struct log *log, bool force)
{
	scoped(dynbuf_done) struct dynbuf note, frontier;
	uint8_t root[SHA256_LEN];
	const usec_t now = clock_boot();
	const uint64_t grown = log->durable_tree.size - log->checkpoint_size;

	dynbuf_init(&note, NOTE_MAX);
	dynbuf_init(&frontier, FRONTIER_MAX);
	if (grown == 0 ||
	    (!force && grown < CHECKPOINT_RECORDS && now < log->checkpoint_at + USEC_PER_S))
		return OK;
	merkle_root(&log->durable_tree, root);
	note_print(&log->key, log->secret, log->durable_tree.size, root, &note);
	frontier_print(log, dynbuf_view(&note), &frontier);
	TRY(dynbuf_err(&note));
	TRY(dynbuf_err(&frontier));
	enum err err = file_replace(log->dir, "frontier", dynbuf_view(&frontier));
	if (err == OK)
		err = file_replace(log->dir, "checkpoint", dynbuf_view(&note));
	/* A full disk only makes the next start longer. */
	if (err != OK && err != ERR_LOG_FULL)
		return err;
	/* What keeps an auditor's copy may be away for a while; the next checkpoint tries again. */
	if (log->witness >= 0 && file_replace(log->witness, "checkpoint", dynbuf_view(&note)) != OK)
		log_warn("the checkpoint's copy could not be written to log.witness_path");
	log->checkpoint_size = log->durable_tree.size;
	log->checkpoint_at = now;
	return OK;
}

void log_state(const struct log *log, struct log_state *ret)
{
	*ret = (struct log_state){ .size = log->durable_tree.size,
				   .segment = log->segment,
				   .segment_bytes = log->segment_bytes,
				   .change = log->durable_change,
				   .accepted = log->durable_accepted,
				   .time = log->durable_time };
	merkle_root(&log->durable_tree, ret->root);
	memcpy(ret->key, log->key.public, SIGN_PUBLIC_LEN);
}
