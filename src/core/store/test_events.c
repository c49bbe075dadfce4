/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store/test_home.h"

#include "core/store/events.h"
#include "crypto/crypto.h"
#include "model/event.h"

enum { RECORDS = 900, SEGMENT = 400, USERS = 7, VAULTS = 5 };

static const usec_t start = 1763847946000000u;

struct logged {
	struct home *home;
	int dir;
	struct events *events;
	struct id tenants[2], users[USERS], vaults[VAULTS], ids[RECORDS];
	struct dynbuf seen; /* "seq " of each answer */
};

static void put_id(struct dynbuf *out, const char *name, const char *kind, struct id id)
{
	char text[ID_TEXT_MAX + 1];

	dynbuf_printf(out, ",\"%s\":\"%s\"", name, id_print(kind, id, text));
}

static usec_t time_of(unsigned seq)
{
	return start + (usec_t)seq / 2 * 1000003;
}

/* As keeper prints: record 10*k+1 closes record 10*k, which is an intent. */
static void put_line(struct logged *l, unsigned seq, struct dynbuf *out)
{
	char time[CLOCK_TEXT_LEN + 1];

	clock_print(time_of(seq), time);
	dynbuf_printf(out, "{\"seq\":%u,\"time\":\"%s\"", seq, time);
	put_id(out, "event", "evt", l->ids[seq]);
	dynbuf_printf(out, ",\"kind\":\"%s\",\"outcome\":\"%s\"",
		      seq % 3 == 0 ? "exchange" : "refresh",
		      seq % 10 == 0  ? "intent"
		      : seq % 4 == 0 ? "denied"
				     : "ok");
	if (seq % 10 == 1)
		put_id(out, "ref", "evt", l->ids[seq - 1]);
	put_id(out, "tenant", "tenant", l->tenants[seq % 50 == 49]);
	put_id(out, "user", "user", l->users[seq % USERS]);
	put_id(out, "vault", "vault", l->vaults[seq % VAULTS]);
	dynbuf_printf(out,
		      ",\"actor\":\"none\",\"service\":\"%s\",\"bytes\":12,\"revision\":%u,"
		      "\"digest\":\"%064x\"}\n",
		      seq % 2 == 0 ? "github" : "slack", seq, seq);
}

static void write_segment(struct logged *l, unsigned first, unsigned end)
{
	char name[32];
	struct dynbuf out;

	dynbuf_init(&out, 1 << 20);
	for (unsigned seq = first; seq < end; seq++)
		put_line(l, seq, &out);
	snprintf(name, sizeof name, "%020u.jsonl", first);
	const int fd = openat(l->dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, out.p, out.n), out.n);
	close(fd);
	dynbuf_done(&out);
}

static int open_log(void **state)
{
	struct logged *l = calloc(1, sizeof *l);
	void *home = NULL;

	home_open(&home);
	l->home = home;
	for (int i = 0; i < 2; i++)
		l->tenants[i] = id_new();
	for (int i = 0; i < USERS; i++)
		l->users[i] = id_new();
	for (int i = 0; i < VAULTS; i++)
		l->vaults[i] = id_new();
	for (int i = 0; i < RECORDS; i++)
		l->ids[i] = id_new();
	assert_int_equal(mkdirat(l->home->dir, "log", 0700), 0);
	l->dir = openat(l->home->dir, "log", O_RDONLY | O_DIRECTORY);
	dynbuf_init(&l->seen, 1 << 20);
	write_segment(l, 0, SEGMENT);
	write_segment(l, SEGMENT, RECORDS);
	must(events_open(l->home->dir, l->dir, true, &l->events));
	*state = l;
	return 0;
}

static int close_log(void **state)
{
	struct logged *l = *state;
	void *home = l->home;

	events_close(&l->events);
	close(l->dir);
	dynbuf_done(&l->seen);
	free(l);
	return home_close(&home);
}

static void follow_all(struct logged *l, uint64_t size)
{
	unsigned taken = 1;

	while (taken > 0)
		must(events_follow(l->events, size, 150, &taken));
	assert_int_equal(events_upto(l->events), size);
}

static enum err see(void *ctx, const struct event_row *row, struct bytes line)
{
	struct logged *l = ctx;
	char begin[32];

	snprintf(begin, sizeof begin, "{\"seq\":%llu,", (unsigned long long)row->seq);
	assert_true(line.n == 0 || bytes_starts(line, begin));
	dynbuf_printf(&l->seen, "%llu%s ", (unsigned long long)row->seq, line.n == 0 ? "!" : "");
	return OK;
}

/* The same question asked of what was written, in the slow way. */
static bool fits(const struct logged *l, const struct event_filter *f, unsigned seq)
{
	const uint8_t kind = seq % 3 == 0 ? EVENT_exchange : EVENT_refresh;
	const uint8_t outcome = seq % 10 == 0  ? OUTCOME_INTENT
				: seq % 4 == 0 ? OUTCOME_DENIED
					       : OUTCOME_OK;

	return id_eq(f->tenant, l->tenants[seq % 50 == 49]) &&
	       (id_none(f->user) || id_eq(f->user, l->users[seq % USERS])) &&
	       (id_none(f->vault) || id_eq(f->vault, l->vaults[seq % VAULTS])) &&
	       (f->service.n == 0 || bytes_is(f->service, seq % 2 == 0 ? "github" : "slack")) &&
	       (f->kind == 0 || f->kind == kind) && (f->outcome == 0 || f->outcome == outcome) &&
	       (f->from == 0 || time_of(seq) >= f->from) && (f->to == 0 || time_of(seq) <= f->to) &&
	       (f->after == 0 || (f->descending ? seq < f->after : seq > f->after));
}

static void check(struct logged *l, const struct event_filter *f)
{
	struct dynbuf expected;
	unsigned n = 0;

	dynbuf_init(&expected, 1 << 20);
	for (unsigned i = 0; i < RECORDS && n < f->limit; i++) {
		const unsigned seq = f->descending ? RECORDS - 1 - i : i;
		if (fits(l, f, seq)) {
			dynbuf_printf(&expected, "%u ", seq);
			n++;
		}
	}
	dynbuf_reset(&l->seen);
	must(events_search(l->events, f, see, l));
	dynbuf_u8(&expected, 0);
	dynbuf_u8(&l->seen, 0);
	assert_string_equal((const char *)l->seen.p, (const char *)expected.p);
	dynbuf_done(&expected);
}

static void a_search_answers_what_a_slow_one_would(void **state)
{
	struct logged *l = *state;

	follow_all(l, RECORDS);
	for (unsigned i = 0; i < 4096; i++) {
		const struct event_filter f = {
			.tenant = l->tenants[i & 1],
			.user = i & 2 ? l->users[i % USERS] : (struct id){ { 0 } },
			.vault = i & 4 ? l->vaults[i % VAULTS] : (struct id){ { 0 } },
			.service = i & 8 ? str("slack") : str(""),
			.kind = i & 16 ? EVENT_exchange : 0,
			.outcome = i & 32 ? OUTCOME_DENIED : 0,
			.descending = (i & 64) != 0,
			.from = i & 128 ? time_of(i % 512) : 0,
			.to = i & 256 ? time_of(300 + i % 512) : 0,
			.after = i & 512 ? i % 300 : 0,
			.limit = i & 1024 ? 500 : 7,
		};
		check(l, &f);
	}
}

static void it_takes_only_whole_durable_lines(void **state)
{
	struct logged *l = *state;
	struct dynbuf out;
	unsigned taken;

	must(events_follow(l->events, 10, 1000, &taken));
	assert_int_equal(taken, 10);
	must(events_follow(l->events, 10, 1000, &taken));
	assert_int_equal(taken, 0);
	const int fd = openat(l->dir, "00000000000000000400.jsonl", O_WRONLY | O_TRUNC);
	dynbuf_init(&out, 10000);
	put_line(l, SEGMENT, &out);
	assert_int_equal(write(fd, out.p, out.n - 1), out.n - 1);
	must(events_follow(l->events, RECORDS, 1000, &taken));
	assert_int_equal(taken, SEGMENT - 10);
	must(events_follow(l->events, RECORDS, 1000, &taken));
	assert_int_equal(taken, 0);
	assert_int_equal(write(fd, "\n", 1), 1);
	must(events_follow(l->events, RECORDS, 1000, &taken));
	assert_int_equal(taken, 1);
	dynbuf_done(&out);
	close(fd);
}

static enum err the_only_one(void *ctx, const struct event_intent *intent)
{
	struct event_intent *open = ctx;

	assert_true(id_none(open->event));
	*open = *intent;
	return OK;
}

static void it_knows_the_ids_of_records_and_the_open_intents(void **state)
{
	struct logged *l = *state;
	bool there;

	follow_all(l, 501);
	must(events_has(l->events, l->ids[0], &there));
	assert_true(there);
	must(events_has(l->events, l->ids[500], &there));
	assert_true(there);
	must(events_has(l->events, l->ids[501], &there));
	assert_false(there);
	struct event_intent open = { 0 };
	must(events_open_intents(l->events, the_only_one, &open));
	assert_true(id_eq(open.event, l->ids[500]));
	assert_true(id_eq(open.tenant, l->tenants[0]) || id_eq(open.tenant, l->tenants[1]));
}

static enum err newest_of_a_vault(void *ctx, const struct row_version *head)
{
	struct logged *l = ctx;

	for (unsigned i = 0; i < VAULTS; i++)
		if (id_eq(head->id, l->vaults[i])) {
			assert_int_equal(head->rev % VAULTS, i);
			assert_in_range(head->rev, 501 - VAULTS, 500);
			assert_int_equal(head->digest[31], head->rev & 0xff);
			dynbuf_u8(&l->seen, '.');
		}
	return OK;
}

static void it_knows_the_newest_logged_state_of_each_row(void **state)
{
	struct logged *l = *state;

	follow_all(l, 501);
	must(events_heads(l->events, (struct id){ { 0 } }, 500, newest_of_a_vault, l));
	assert_int_equal(l->seen.n, VAULTS);
	must(events_heads(l->events, l->vaults[VAULTS - 1], 0, newest_of_a_vault, l));
	assert_int_equal(l->seen.n, VAULTS);
}

static void a_pruned_segment_leaves_empty_lines(void **state)
{
	struct logged *l = *state;
	const struct event_filter f = { .tenant = l->tenants[0], .limit = 2 };

	follow_all(l, RECORDS);
	assert_int_equal(unlinkat(l->dir, "00000000000000000000.jsonl", 0), 0);
	must(events_search(l->events, &f, see, l));
	dynbuf_u8(&l->seen, 0);
	assert_string_equal((const char *)l->seen.p, "0! 1! ");
}

static void a_projection_begun_anew_skips_what_was_pruned(void **state)
{
	struct logged *l = *state;
	const struct event_filter f = { .tenant = l->tenants[0], .limit = 1 };

	assert_int_equal(unlinkat(l->dir, "00000000000000000000.jsonl", 0), 0);
	follow_all(l, RECORDS);
	must(events_search(l->events, &f, see, l));
	dynbuf_u8(&l->seen, 0);
	assert_string_equal((const char *)l->seen.p, "400 ");
}

static void it_reads_on_where_it_was_closed(void **state)
{
	struct logged *l = *state;
	unsigned taken;

	must(events_follow(l->events, 450, 420, &taken));
	events_close(&l->events);
	must(events_open(l->home->dir, l->dir, true, &l->events));
	assert_int_equal(events_upto(l->events), 420);
	follow_all(l, RECORDS);
	check(l, &(struct event_filter){ .tenant = l->tenants[0], .limit = 500 });
}

static void another_log_in_its_place_is_read_from_its_beginning(void **state)
{
	struct logged *l = *state;

	follow_all(l, 450);
	events_close(&l->events);
	for (int i = 0; i < RECORDS; i++)
		l->ids[i] = id_new();
	write_segment(l, 0, SEGMENT);
	write_segment(l, SEGMENT, RECORDS);
	must(events_open(l->home->dir, l->dir, true, &l->events));
	follow_all(l, RECORDS);
	check(l, &(struct event_filter){ .tenant = l->tenants[0], .limit = 500 });
}

static void a_damaged_file_is_replaced(void **state)
{
	struct logged *l = *state;

	follow_all(l, RECORDS);
	events_close(&l->events);
	const int fd = openat(l->home->dir, "events.db", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "this is no database, and long enough to be read", 47), 47);
	close(fd);
	must(events_open(l->home->dir, l->dir, true, &l->events));
	assert_int_equal(events_upto(l->events), 0);
	follow_all(l, RECORDS);
	check(l, &(struct event_filter){ .tenant = l->tenants[0], .limit = 500 });
}

static void a_line_that_is_not_keepers_stops_it(void **state)
{
	static const char *const lines[] = {
		"{}",
		"{\"seq\":0}",
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\",",
		" ",
		"{\"seq\":0,\"time\":\"2026-11-22T21:45:46.123456Z\",\"event\":"
		"\"evt_01JDABCDEFGHJKMNPQRSTVWXYZ\",\"kind\":\"exchange\",\"outcome\":\"okay\"}",
	};
	struct logged *l = *state;
	unsigned taken;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const int fd = openat(l->dir, "00000000000000000000.jsonl", O_WRONLY | O_TRUNC);
		assert_true(write(fd, lines[i], strlen(lines[i])) > 0);
		assert_int_equal(write(fd, "\n", 1), 1);
		close(fd);
		answers(ERR_FORGED, events_follow(l->events, RECORDS, 10, &taken));
		assert_int_equal(events_upto(l->events), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_search_answers_what_a_slow_one_would, open_log,
						close_log),
		cmocka_unit_test_setup_teardown(it_takes_only_whole_durable_lines, open_log,
						close_log),
		cmocka_unit_test_setup_teardown(it_knows_the_newest_logged_state_of_each_row,
						open_log, close_log),
		cmocka_unit_test_setup_teardown(it_knows_the_ids_of_records_and_the_open_intents,
						open_log, close_log),
		cmocka_unit_test_setup_teardown(a_pruned_segment_leaves_empty_lines, open_log,
						close_log),
		cmocka_unit_test_setup_teardown(a_projection_begun_anew_skips_what_was_pruned,
						open_log, close_log),
		cmocka_unit_test_setup_teardown(it_reads_on_where_it_was_closed, open_log,
						close_log),
		cmocka_unit_test_setup_teardown(another_log_in_its_place_is_read_from_its_beginning,
						open_log, close_log),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_replaced, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_line_that_is_not_keepers_stops_it, open_log,
						close_log),
	};

	return crypto_init() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
