/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "core/store/sqlite/projection.h"
#include "model/event.h"

enum {
	FOLLOW_BYTES = 512 * 1024,
	LINES_MAX = 20000,
};

struct posting {
	uint64_t key, seq;
};

struct follow {
	struct events *events;
	struct position at;
	uint64_t size; /* records below are durable */
	unsigned lines, taken;
	struct posting *postings;
	size_t n;
};

static int posting_order(const void *a, const void *b)
{
	const struct posting *const x = a, *const y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static enum err run(struct events *events, enum projection_statement which)
{
	sqlite3_stmt *const statement = events->db.statements[which];
	const int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return db_err(code);
}

static void bind(struct events *events, enum projection_statement which, const uint64_t *numbers,
		 int count)
{
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(events->db.statements[which], i + 1, (sqlite3_int64)numbers[i]);
}

static void note(struct follow *follow, enum dimension dimension, const struct line *line,
		 struct bytes value)
{
	follow->postings[follow->n++] = (struct posting){
		projection_key(dimension, line->tenant, value),
		line->seq,
	};
}

static void note_id(struct follow *follow, enum dimension dimension, const struct line *line,
		    const struct id *id)
{
	if (!id_none(*id))
		note(follow, dimension, line, id_bytes(id));
}

static void note_line(struct follow *follow, const struct line *line)
{
	note(follow, DIMENSION_TENANT, line, (struct bytes){ NULL, 0 });
	note_id(follow, DIMENSION_USER, line, &line->user);
	note_id(follow, DIMENSION_VAULT, line, &line->vault);
	note_id(follow, DIMENSION_CONNECTION, line, &line->connection);
	note_id(follow, DIMENSION_AGENT, line, &line->agent);
	if (line->service.n > 0)
		note(follow, DIMENSION_SERVICE, line, line->service);
	note(follow, DIMENSION_KIND, line, (struct bytes){ &line->kind, 1 });
	note(follow, DIMENSION_OUTCOME, line, (struct bytes){ &line->outcome, 1 });
	follow->postings[follow->n++] =
		(struct posting){ projection_event_key(line->event), line->seq };
}

static enum err note_intent(struct events *events, const struct line *line)
{
	if (line->outcome == OUTCOME_INTENT) {
		sqlite3_stmt *const put = events->db.statements[PROJECTION_INTENT_PUT];
		sqlite3_bind_int64(put, 1, (sqlite3_int64)line->seq);
		sqlite3_bind_blob(put, 2, line->event.b, ID_LEN, SQLITE_STATIC);
		TRY(run(events, PROJECTION_INTENT_PUT));
	}
	if (!id_none(line->ref)) {
		sqlite3_stmt *const del = events->db.statements[PROJECTION_INTENT_DEL];
		sqlite3_bind_blob(del, 1, line->ref.b, ID_LEN, SQLITE_STATIC);
		TRY(run(events, PROJECTION_INTENT_DEL));
	}
	return OK;
}

/* The row that revision and digest are of is the most particular one that the record names. */
static enum err note_head(struct events *events, const struct line *line)
{
	const struct id *const named[] = { &line->object, &line->connection, &line->vault,
					   &line->agent, &line->user };
	sqlite3_stmt *const put = events->db.statements[PROJECTION_HEAD_PUT];
	size_t i = 0;

	/* From here on the rows are what an operator has put back, and accepted. */
	if (line->kind == EVENT_rollback_accept || line->kind == EVENT_restore)
		return run(events, PROJECTION_HEAD_NONE);
	if (!line->has_digest)
		return OK;
	while (i < ARRAY_LEN(named) && id_none(*named[i]))
		i++;
	if (i == ARRAY_LEN(named))
		return OK;
	sqlite3_bind_blob(put, 1, named[i]->b, ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(put, 2, (sqlite3_int64)line->revision);
	sqlite3_bind_blob(put, 3, line->digest, sizeof line->digest, SQLITE_STATIC);
	return run(events, PROJECTION_HEAD_PUT);
}

static enum err follow_line(struct follow *follow, struct bytes text)
{
	struct line line;

	if (line_parse(text, &line) != OK || line.seq != follow->at.next) {
		log_error("line %llu of the log is not one of ours",
			  (unsigned long long)follow->at.next);
		return ERR_FORGED;
	}
	const uint64_t row[] = { line.seq, line.time, follow->at.segment, follow->at.offset,
				 text.n };
	bind(follow->events, PROJECTION_EVENT_PUT, row, ARRAY_LEN(row));
	TRY(run(follow->events, PROJECTION_EVENT_PUT));
	TRY(note_intent(follow->events, &line));
	TRY(note_head(follow->events, &line));
	note_line(follow, &line);
	follow->at.next++;
	follow->at.offset += text.n + 1;
	follow->taken++;
	return OK;
}

/* Takes the whole lines of @rest. */
static enum err follow_lines(struct follow *follow, struct bytes rest)
{
	while (follow->taken < follow->lines && follow->at.next < follow->size && rest.n > 0) {
		const uint8_t *const end = memchr(rest.p, '\n', rest.n);
		if (end == NULL)
			return rest.n > LINE_MAX_BYTES ? ERR_FORGED : OK;
		const size_t n = (size_t)(end - rest.p);
		TRY(follow_line(follow, (struct bytes){ rest.p, n }));
		rest.p += n + 1;
		rest.n -= n + 1;
	}
	return OK;
}

/* The first segment that begins at @from or later; the ones between were pruned. */
static enum err segment_after(struct events *events, uint64_t from, uint64_t *ret)
{
	const int fd = openat(events->log_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *const dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t best = UINT64_MAX;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return FAULT_SYSTEM;
	}
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		const char *const name = entry->d_name;
		if (strlen(name) != 26 || strspn(name, "0123456789") != 20 ||
		    strcmp(name + 20, ".jsonl") != 0)
			continue;
		const uint64_t first = strtoull(name, NULL, 10);
		if (first >= from && first < best)
			best = first;
	}
	closedir(dir);
	if (best == UINT64_MAX)
		return ERR_NOT_FOUND;
	*ret = best;
	return OK;
}

/* Moves to the segment that holds the next line, if there is one. ERR_NOT_FOUND */
static enum err next_segment(struct follow *follow)
{
	uint64_t first = 0;

	TRY(segment_after(follow->events, follow->at.next, &first));
	if (first == follow->at.segment) /* nothing in it yet */
		return ERR_NOT_FOUND;
	if (first > follow->at.next && projection_segment(follow->events, follow->at.segment) == OK)
		return ERR_NOT_FOUND; /* this one still grows */
	follow->at = (struct position){ .next = first, .segment = first };
	return OK;
}

static enum err follow_files(struct follow *follow)
{
	struct events *const events = follow->events;

	while (follow->taken < follow->lines && follow->at.next < follow->size) {
		const unsigned before = follow->taken;
		if (projection_segment(events, follow->at.segment) == OK) {
			const ssize_t n = pread(events->segment, events->buffer, FOLLOW_BYTES,
						(off_t)follow->at.offset);
			if (n < 0)
				return FAULT_SYSTEM;
			TRY(follow_lines(follow, (struct bytes){ events->buffer, (size_t)n }));
		}
		if (follow->taken > before)
			continue;
		const enum err err = next_segment(follow);
		if (err == ERR_NOT_FOUND)
			return OK;
		TRY(err);
	}
	return OK;
}

static enum err put_postings(struct follow *follow)
{
	qsort(follow->postings, follow->n, sizeof *follow->postings, posting_order);
	for (size_t i = 0; i < follow->n; i++) {
		const uint64_t row[] = { follow->postings[i].key, follow->postings[i].seq };
		/* Two dimensions of a record may share a key by chance. */
		if (i > 0 && posting_order(&follow->postings[i - 1], &follow->postings[i]) == 0)
			continue;
		bind(follow->events, PROJECTION_POSTING_PUT, row, ARRAY_LEN(row));
		TRY(run(follow->events, PROJECTION_POSTING_PUT));
	}
	return OK;
}

static enum err set_position(struct events *events, const struct position *at)
{
	const uint64_t row[] = { at->next, at->segment, at->offset };

	bind(events, PROJECTION_POSITION_SET, row, ARRAY_LEN(row));
	return run(events, PROJECTION_POSITION_SET);
}

/* A log that was put back is not the one that was read: then everything is read again. */
static enum err check_position(struct events *events, struct position *at, uint64_t size)
{
	struct event_row row;
	struct bytes text = { NULL, 0 };
	struct line line;
	bool there = true;

	if (at->next == 0 || (events->checked && at->next <= size))
		return OK;
	if (projection_segment(events, at->segment) == OK && at->next <= size && at->offset > 0) {
		const enum err err = projection_line(events, at->next - 1, &row, &text, &line);
		if (err != OK && err != ERR_NOT_FOUND)
			return err;
		if (err == OK && text.n > 0)
			TRY(events_has(events, line.event, &there));
		there = there && err == OK && text.n > 0;
	}
	events->checked = true;
	if (there && at->next <= size)
		return OK;
	log_warn("the projection holds what the log does not and is built again");
	TRY(db_exec(events->db.handle, "DELETE FROM events; DELETE FROM postings;"
				       "DELETE FROM intents; DELETE FROM heads;"));
	*at = (struct position){ 0 };
	return OK;
}

static enum err follow_batch(struct follow *follow)
{
	TRY(projection_position(follow->events, &follow->at));
	TRY(check_position(follow->events, &follow->at, follow->size));
	TRY(follow_files(follow));
	TRY(put_postings(follow));
	return set_position(follow->events, &follow->at);
}

enum err events_follow(struct events *events, uint64_t size, unsigned lines, unsigned *ret_taken)
{
	struct follow follow = {
		.events = events,
		.size = size,
		.lines = lines < LINES_MAX ? lines : LINES_MAX,
	};

	if (events->buffer == NULL)
		events->buffer = malloc(FOLLOW_BYTES);
	follow.postings = malloc((size_t)follow.lines * POSTINGS_OF_LINE * sizeof *follow.postings);
	if (events->buffer == NULL || follow.postings == NULL) {
		free(follow.postings);
		return FAULT_NOMEM;
	}
	enum err err = run(events, PROJECTION_BEGIN);
	if (err == OK)
		err = follow_batch(&follow);
	if (err == OK)
		err = run(events, PROJECTION_COMMIT);
	free(follow.postings);
	if (err != OK) {
		if (!sqlite3_get_autocommit(events->db.handle))
			err_ignore(run(events, PROJECTION_ROLLBACK)); /* the next BEGIN tells */
		return err;
	}
	*ret_taken = follow.taken;
	return OK;
}
