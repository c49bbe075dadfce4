/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/projection.h"

enum { SEEKS_MAX = 50000 }; /* about 0.1 s */

struct search {
	struct events *events;
	const struct event_filter *filter;
	uint64_t keys[DIMENSION_COUNT];
	size_t n;
	uint64_t low, high; /* both may match */
	unsigned seeks;
};

/* The nearest record of that key from @from on, in the order asked for. ERR_NOT_FOUND */
static enum err seek(struct search *search, uint64_t key, uint64_t from, uint64_t *ret)
{
	const bool down = search->filter->descending;
	sqlite3_stmt *const statement =
		search->events->db.statements[down ? PROJECTION_DOWN : PROJECTION_UP];

	if (++search->seeks > SEEKS_MAX)
		return ERR_TOO_LARGE;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)key);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)from);
	const int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? ERR_NOT_FOUND : db_err(code);
}

/* The nearest record that is in all lists: each list jumps to where the others are. */
static enum err seek_all(struct search *search, uint64_t from, uint64_t *ret)
{
	uint64_t at = from, found = 0;
	size_t agreed = 0;

	for (size_t i = 0; agreed < search->n; i = (i + 1) % search->n) {
		TRY(seek(search, search->keys[i], at, &found));
		if (found < search->low || found > search->high)
			return ERR_NOT_FOUND;
		agreed = found == at ? agreed + 1 : 1;
		at = found;
	}
	*ret = at;
	return OK;
}

/* The first record at or after @time; records' times never decrease. */
static enum err seq_at(struct events *events, usec_t time, uint64_t upto, uint64_t *ret)
{
	sqlite3_stmt *const from = events->db.statements[PROJECTION_EVENT_FROM];
	uint64_t low = 0, high = upto;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;
		sqlite3_bind_int64(from, 1, (sqlite3_int64)middle);
		const int code = sqlite3_step(from);
		const uint64_t seq =
			code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(from, 0) : upto;
		const bool before =
			code == SQLITE_ROW && (usec_t)sqlite3_column_int64(from, 1) < time;
		sqlite3_reset(from);
		TRY(db_err(code));
		if (before)
			low = seq + 1;
		else
			high = middle;
	}
	*ret = low;
	return OK;
}

static void add_key(struct search *search, enum dimension dimension, struct bytes value)
{
	search->keys[search->n++] = projection_key(dimension, search->filter->tenant, value);
}

static void add_id(struct search *search, enum dimension dimension, const struct id *id)
{
	if (!id_none(*id))
		add_key(search, dimension, id_bytes(id));
}

static void add_byte(struct search *search, enum dimension dimension, const uint8_t *byte)
{
	if (*byte != 0)
		add_key(search, dimension, (struct bytes){ byte, 1 });
}

/* The short lists first: they make the long jumps. */
static void add_keys(struct search *search)
{
	const struct event_filter *const filter = search->filter;

	add_id(search, DIMENSION_CONNECTION, &filter->connection);
	add_id(search, DIMENSION_VAULT, &filter->vault);
	add_id(search, DIMENSION_USER, &filter->user);
	add_id(search, DIMENSION_AGENT, &filter->agent);
	add_byte(search, DIMENSION_KIND, &filter->kind);
	add_byte(search, DIMENSION_OUTCOME, &filter->outcome);
	if (filter->service.n > 0)
		add_key(search, DIMENSION_SERVICE, filter->service);
	if (search->n == 0)
		add_key(search, DIMENSION_TENANT, (struct bytes){ NULL, 0 });
}

static enum err set_range(struct search *search)
{
	const struct event_filter *const filter = search->filter;
	const uint64_t upto = events_upto(search->events);

	if (upto == 0)
		return ERR_NOT_FOUND;
	search->high = upto - 1;
	if (filter->from > 0)
		TRY(seq_at(search->events, filter->from, upto, &search->low));
	if (filter->to > 0) {
		uint64_t end = 0;
		TRY(seq_at(search->events, filter->to + 1, upto, &end));
		if (end == 0)
			return ERR_NOT_FOUND;
		search->high = end - 1;
	}
	if (filter->after > 0 && filter->descending && filter->after - 1 < search->high)
		search->high = filter->after - 1;
	if (filter->after > 0 && !filter->descending && filter->after + 1 > search->low)
		search->low = filter->after + 1;
	return search->low <= search->high ? OK : ERR_NOT_FOUND;
}

static bool id_fits(struct id wanted, struct id is)
{
	return id_none(wanted) || id_eq(wanted, is);
}

/* Two values may share a key; what is answered is what the line says. */
static bool fits(const struct event_filter *filter, const struct line *line)
{
	return id_eq(filter->tenant, line->tenant) && id_fits(filter->user, line->user) &&
	       id_fits(filter->vault, line->vault) &&
	       id_fits(filter->connection, line->connection) &&
	       id_fits(filter->agent, line->agent) &&
	       (filter->service.n == 0 || bytes_eq(filter->service, line->service)) &&
	       (filter->kind == 0 || filter->kind == line->kind) &&
	       (filter->outcome == 0 || filter->outcome == line->outcome);
}

static enum err answer(struct search *search, uint64_t seq, events_line_fn fn, void *ctx,
		       unsigned *count)
{
	struct event_row row;
	struct bytes text;
	struct line line;

	TRY(projection_line(search->events, seq, &row, &text, &line));
	if (text.n > 0 && !fits(search->filter, &line))
		return OK;
	++*count;
	return fn(ctx, &row, text);
}

enum err events_search(struct events *events, const struct event_filter *filter, events_line_fn fn,
		       void *ctx)
{
	struct search search = { .events = events, .filter = filter };
	uint64_t seq = 0;
	unsigned count = 0;

	add_keys(&search);
	enum err err = set_range(&search);
	uint64_t from = filter->descending ? search.high : search.low;
	while (err == OK && count < filter->limit) {
		err = seek_all(&search, from, &seq);
		if (err != OK)
			break;
		TRY(answer(&search, seq, fn, ctx, &count));
		if (seq == (filter->descending ? search.low : search.high))
			break;
		from = filter->descending ? seq - 1 : seq + 1;
	}
	return err == ERR_NOT_FOUND ? OK : err;
}

enum err events_has(struct events *events, struct id event, bool *ret)
{
	const uint64_t key = projection_event_key(event);
	const struct event_filter any = { 0 };
	struct search search = { .events = events, .filter = &any };
	struct event_row row;
	struct bytes text;
	struct line line;
	uint64_t seq = 0;

	for (uint64_t from = 0;; from = seq + 1) {
		const enum err err = seek(&search, key, from, &seq);
		if (err == ERR_NOT_FOUND) {
			*ret = false;
			return OK;
		}
		TRY(err);
		TRY(projection_line(events, seq, &row, &text, &line));
		/* A pruned line cannot be compared; 62 bits of its id agree. */
		if (text.n == 0 || id_eq(line.event, event)) {
			*ret = true;
			return OK;
		}
	}
}

enum err events_open_intents(struct events *events, events_intent_fn fn, void *ctx)
{
	sqlite3_stmt *const next = events->db.statements[PROJECTION_INTENT_NEXT];
	struct event_row row;
	struct bytes text;
	struct line line;

	for (uint64_t from = 0;; from++) {
		sqlite3_bind_int64(next, 1, (sqlite3_int64)from);
		const int code = sqlite3_step(next);
		from = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(next, 0) : 0;
		sqlite3_reset(next);
		if (code != SQLITE_ROW)
			return db_err(code);
		TRY(projection_line(events, from, &row, &text, &line));
		if (text.n == 0)
			continue;
		const struct event_intent intent = { line.event,      line.tenant, line.user,
						     line.connection, line.vault,  line.agent,
						     line.service,    line.kind,   line.time };
		TRY(fn(ctx, &intent));
	}
}

enum err events_heads(struct events *events, struct id after, unsigned limit, events_head_fn fn,
		      void *ctx)
{
	sqlite3_stmt *const next = events->db.statements[PROJECTION_HEAD_NEXT];
	struct row_version head = { .id = after };

	for (; limit > 0; limit--) {
		sqlite3_bind_blob(next, 1, head.id.b, ID_LEN, SQLITE_STATIC);
		const int code = sqlite3_step(next);
		const bool whole = code == SQLITE_ROW && sqlite3_column_bytes(next, 0) == ID_LEN &&
				   sqlite3_column_bytes(next, 2) == (int)sizeof head.digest;
		if (whole) {
			memcpy(head.id.b, sqlite3_column_blob(next, 0), ID_LEN);
			head.rev = (uint64_t)sqlite3_column_int64(next, 1);
			memcpy(head.digest, sqlite3_column_blob(next, 2), sizeof head.digest);
		}
		sqlite3_reset(next);
		if (!whole)
			return code == SQLITE_ROW ? ERR_FORGED : db_err(code);
		TRY(fn(ctx, &head));
	}
	return OK;
}
