/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/secret.h"
#include "keeper/note.h"
#include "sys/file.h"

static const uint8_t seed[SIGN_SEED_LEN] = { 9 };
static char dir_name[32];
static int dir;
static struct log *log_;

static void wipe_dir(void)
{
	DIR *d = opendir(dir_name);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		(void)unlinkat(dir, e->d_name, 0);
	closedir(d);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir_name, "/tmp/valetkey-log-XXXXXX");
	if (crypto_init() != OK || mkdtemp(dir_name) == NULL)
		return 1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	return dir < 0 || log_open(dir, -1, seed, &log_) != OK;
}

static int teardown(void **state)
{
	(void)state;
	log_close(&log_);
	wipe_dir();
	(void)rmdir(dir_name);
	close(dir);
	return 0;
}

static uint64_t append(void)
{
	const struct ipc_record record = {
		.kind = EVENT_exchange,
		.outcome = OUTCOME_OK,
		.event = id_new(),
		.tenant = { { 1 } },
		.service = str("github"),
		.scopes = str("repo read:user"),
	};
	uint64_t seq;
	usec_t time;

	assert_int_equal(log_append(log_, &record, &seq, &time), OK);
	return seq;
}

static void fill(unsigned batches, unsigned records)
{
	for (unsigned b = 0; b < batches; b++) {
		for (unsigned r = 0; r < records; r++)
			append();
		assert_int_equal(log_sync(log_), OK);
	}
}

static enum err reopen(void)
{
	log_close(&log_);
	return log_open(dir, -1, seed, &log_);
}

static struct log_state now(void)
{
	struct log_state state;

	log_state(log_, &state);
	return state;
}

static void it_goes_on_where_it_ended(void **state)
{
	(void)state;
	fill(3, 7);
	const struct log_state before = now();
	assert_int_equal(before.size, 21);
	assert_int_equal(reopen(), OK); /* without a checkpoint: read from the beginning */
	assert_memory_equal(now().root, before.root, SHA256_LEN);
	assert_int_equal(log_checkpoint(log_, true), OK);
	fill(1, 5);
	const struct log_state after = now();
	assert_int_equal(reopen(), OK); /* from the frontier, and the tail */
	assert_int_equal(now().size, 26);
	assert_memory_equal(now().root, after.root, SHA256_LEN);
	assert_int_equal(append(), 26);
}

static void a_torn_last_line_is_cut_off_at_any_byte(void **state)
{
	scoped(buf_free) struct buf *file = NULL;
	const char name[] = "00000000000000000000.jsonl";

	(void)state;
	fill(1, 3);
	const struct log_state whole = now();
	fill(1, 1);
	assert_int_equal(file_read(dir, name, 100000, &file), OK);
	for (size_t n = whole.segment_bytes; n < file->n; n++) {
		log_close(&log_);
		assert_int_equal(file_replace(dir, name, (struct bytes){ file->p, n }), OK);
		assert_int_equal(log_open(dir, -1, seed, &log_), OK);
		assert_int_equal(now().size, 3);
		assert_memory_equal(now().root, whole.root, SHA256_LEN);
		assert_int_equal(now().segment_bytes, whole.segment_bytes);
	}
	fill(1, 1);
	assert_int_equal(reopen(), OK);
	assert_int_equal(now().size, 4);
}

static void a_log_shorter_than_its_checkpoint_is_a_rollback(void **state)
{
	scoped(buf_free) struct buf *file = NULL;
	const char name[] = "00000000000000000000.jsonl";

	(void)state;
	fill(1, 4);
	const struct log_state four = now();
	fill(1, 1);
	assert_int_equal(log_checkpoint(log_, true), OK);
	assert_int_equal(file_read(dir, name, 100000, &file), OK);
	log_close(&log_);
	assert_int_equal(file_replace(dir, name, (struct bytes){ file->p, four.segment_bytes }),
			 OK);
	assert_int_equal(log_open(dir, -1, seed, &log_), ERR_ROLLBACK);
	assert_int_equal(log_accept(log_), OK);
	assert_int_equal(now().size, 4);
	assert_memory_equal(now().root, four.root, SHA256_LEN);
	assert_int_equal(append(), 4);
}

static void note_kind(uint8_t kind)
{
	const struct ipc_record record = { .kind = kind, .outcome = OUTCOME_OK, .event = id_new() };
	uint64_t seq;
	usec_t time;

	assert_int_equal(log_append(log_, &record, &seq, &time), OK);
	assert_int_equal(log_sync(log_), OK);
}

static void what_was_accepted_is_accepted_until_core_has_started(void **state)
{
	static const uint8_t accepting[] = { EVENT_rollback_accept, EVENT_restore };

	(void)state;
	assert_false(now().accepted);
	for (size_t i = 0; i < ARRAY_LEN(accepting); i++) {
		note_kind(accepting[i]);
		note_kind(EVENT_unseal);
		assert_true(now().accepted);
		assert_int_equal(reopen(), OK); /* from the lines */
		assert_true(now().accepted);
		assert_int_equal(log_checkpoint(log_, true), OK);
		assert_int_equal(reopen(), OK); /* from the frontier */
		assert_true(now().accepted);
		note_kind(EVENT_start);
		assert_false(now().accepted);
		assert_int_equal(reopen(), OK);
		assert_false(now().accepted);
	}
}

/* Without a frontier all of it is read again, and the checkpoint still says what it was. */
static void a_log_cut_or_edited_is_noticed_without_its_frontier(void **state)
{
	scoped(buf_free) struct buf *file = NULL;
	const char name[] = "00000000000000000000.jsonl";

	(void)state;
	fill(1, 4);
	const struct log_state four = now();
	fill(1, 1);
	assert_int_equal(log_checkpoint(log_, true), OK);
	fill(1, 2);
	assert_int_equal(file_read(dir, name, 100000, &file), OK);
	log_close(&log_);
	assert_int_equal(unlinkat(dir, "frontier", 0), 0);
	assert_int_equal(log_open(dir, -1, seed, &log_), OK);
	assert_int_equal(now().size, 7);
	log_close(&log_);
	assert_int_equal(file_replace(dir, name, (struct bytes){ file->p, four.segment_bytes }),
			 OK);
	assert_int_equal(log_open(dir, -1, seed, &log_), ERR_ROLLBACK);
	log_close(&log_);
	uint8_t *status = memmem(file->p, file->n, "github", 6);
	status[1] = 'o';
	assert_int_equal(file_replace(dir, name, buf_bytes(file)), OK);
	assert_int_equal(log_open(dir, -1, seed, &log_), ERR_ROLLBACK);
	assert_int_equal(log_accept(log_), OK);
	assert_int_equal(now().size, 7);
}

/* Log, frontier and checkpoint put back together are noticed by who kept a newer checkpoint. */
static void a_log_put_back_whole_is_noticed_by_its_witness(void **state)
{
	static const char *const names[] = { "00000000000000000000.jsonl", "frontier",
					     "checkpoint" };
	struct buf *old[ARRAY_LEN(names)] = { NULL };
	char witness_name[] = "/tmp/valetkey-witness-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(witness_name));
	const int witness = open(witness_name, O_RDONLY | O_DIRECTORY);
	log_close(&log_);
	assert_int_equal(log_open(dir, witness, seed, &log_), OK);
	fill(1, 3);
	assert_int_equal(log_checkpoint(log_, true), OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(file_read(dir, names[i], 100000, &old[i]), OK);
	fill(1, 2);
	assert_int_equal(log_checkpoint(log_, true), OK);
	log_close(&log_);
	assert_int_equal(log_open(dir, witness, seed, &log_), OK);
	log_close(&log_);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(file_replace(dir, names[i], buf_bytes(old[i])), OK);
		buf_free(&old[i]);
	}
	assert_int_equal(log_open(dir, -1, seed, &log_), OK);
	log_close(&log_);
	assert_int_equal(log_open(dir, witness, seed, &log_), ERR_ROLLBACK);
	(void)unlinkat(witness, "checkpoint", 0);
	close(witness);
	(void)rmdir(witness_name);
}

static void a_frontier_of_another_key_or_changed_is_a_rollback(void **state)
{
	static const uint8_t other[SIGN_SEED_LEN] = { 10 };
	scoped(buf_free) struct buf *file = NULL;

	(void)state;
	fill(1, 4);
	assert_int_equal(log_checkpoint(log_, true), OK);
	log_close(&log_);
	assert_int_equal(log_open(dir, -1, other, &log_), ERR_ROLLBACK);
	assert_int_equal(file_read(dir, "frontier", 100000, &file), OK);
	for (size_t i = 0; i < file->n; i++) {
		/* segment, its bytes and the time are where to read on: the lines there decide */
		if (i >= 16 && i < 49)
			continue;
		log_close(&log_);
		file->p[i] ^= 1;
		assert_int_equal(file_replace(dir, "frontier", buf_bytes(file)), OK);
		const enum err err = log_open(dir, -1, seed, &log_);
		assert_int_equal(err, ERR_ROLLBACK);
		file->p[i] ^= 1;
	}
}

static void a_full_disk_takes_the_batch_back_and_recovers(void **state)
{
	struct rlimit limit, old;

	(void)state;
	fill(1, 10);
	const struct log_state before = now();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = before.segment_bytes + 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	append();
	append();
	assert_int_equal(log_sync(log_), ERR_LOG_FULL);
	assert_memory_equal(now().root, before.root, SHA256_LEN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(append(), 10);
	assert_int_equal(log_sync(log_), OK);
	const struct log_state after = now();
	assert_int_equal(reopen(), OK);
	assert_int_equal(now().size, 11);
	assert_memory_equal(now().root, after.root, SHA256_LEN);
}

static void what_would_need_escaping_is_refused(void **state)
{
	static const char *const bad[] = { "a\"b", "a\nb", "a b", "a\\b", "\xc3\xa4" };
	struct ipc_record record = { .kind = EVENT_exchange,
				     .outcome = OUTCOME_OK,
				     .event = { { 1 } } };

	(void)state;
	assert_int_equal(record_check(&record), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		record.service = str(bad[i]);
		assert_int_equal(record_check(&record), ERR_MALFORMED);
		record.service = str("");
	}
	record.scopes = str("a\"b");
	assert_int_equal(record_check(&record), ERR_MALFORMED);
	record.scopes = str("https://a.example/x:y read");
	assert_int_equal(record_check(&record), OK);
	record.kind = 250;
	assert_int_equal(record_check(&record), ERR_MALFORMED);
	record.kind = EVENT_exchange, record.outcome = 0;
	assert_int_equal(record_check(&record), ERR_MALFORMED);
}

static void a_note_is_taken_from_its_key_alone_and_unchanged(void **state)
{
	uint8_t public[SIGN_PUBLIC_LEN], secret[SIGN_SECRET_LEN], root[SHA256_LEN] = { 5 }, got[32];
	struct note_key key;
	struct dynbuf note;
	uint64_t size;

	(void)state;
	dynbuf_init(&note, NOTE_MAX);
	sign_keypair(seed, public, secret);
	note_key_init(&key, public);
	note_print(&key, secret, 1234, root, &note);
	assert_int_equal(note_parse(&key, dynbuf_view(&note), &size, got), OK);
	assert_int_equal(size, 1234);
	assert_memory_equal(root, got, 32);
	for (size_t i = 0; i < note.n; i++) {
		note.p[i] ^= 4;
		assert_int_not_equal(note_parse(&key, dynbuf_view(&note), &size, got), OK);
		note.p[i] ^= 4;
	}
	dynbuf_done(&note);
}

#define LOG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(it_goes_on_where_it_ended),
		LOG_TEST(a_torn_last_line_is_cut_off_at_any_byte),
		LOG_TEST(a_log_shorter_than_its_checkpoint_is_a_rollback),
		LOG_TEST(what_was_accepted_is_accepted_until_core_has_started),
		LOG_TEST(a_log_cut_or_edited_is_noticed_without_its_frontier),
		LOG_TEST(a_log_put_back_whole_is_noticed_by_its_witness),
		LOG_TEST(a_frontier_of_another_key_or_changed_is_a_rollback),
		LOG_TEST(a_full_disk_takes_the_batch_back_and_recovers),
		LOG_TEST(what_would_need_escaping_is_refused),
		LOG_TEST(a_note_is_taken_from_its_key_alone_and_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
