/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>

#include "cli/offline/line.h"
#include "cli/offline/prove.h"
#include "codec/base64.h"
#include "crypto/merkle.h"
#include "keeper/log.h"
#include "keeper/note.h"
#include "sys/file.h"

enum { RECORDS = 40, FILE_MAX = 1024 * 1024 };

static const char first[] = "00000000000000000000.jsonl";
static const uint8_t seed[SIGN_SEED_LEN] = { 5 };
static char dir_name[32];
static int dir;
static struct verify_options options;
static struct buf *lines, *note, *older; /* as keeper wrote them */

static void forget(const char *name)
{
	(void)unlinkat(dir, name, 0);
}

static void forget_all(void)
{
	DIR *d = opendir(dir_name);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		forget(e->d_name);
	closedir(d);
}

static void write_back(void)
{
	forget_all();
	options.older = (struct bytes){ NULL, 0 };
	assert_int_equal(file_replace(dir, first, buf_bytes(lines)), OK);
	assert_int_equal(file_replace(dir, "checkpoint", buf_bytes(note)), OK);
}

static void grow(struct log *log, unsigned n)
{
	uint64_t seq;
	usec_t time;

	for (unsigned i = 0; i < n; i++) {
		const struct ipc_record record = {
			.kind = i % 2 == 0 ? EVENT_exchange : EVENT_call,
			.outcome = i % 3 == 0 ? OUTCOME_DENIED : OUTCOME_OK,
			.reason = i % 3 == 0 ? ERR_DENIED : OK,
			.event = id_new(),
			.ref = i % 4 == 0 ? id_new() : (struct id){ { 0 } },
			.tenant = id_new(),
			.user = id_new(),
			.connection = id_new(),
			.vault = id_new(),
			.agent = id_new(),
			.actor = id_new(),
			.object = id_new(),
			.address = id_new(),
			.service = str("github"),
			.tool = str("issues.create"),
			.scopes = str("repo https://a.example/scope:read"),
			.version = i,
			.change = i,
			.policy = UINT64_MAX,
			.status = 200,
			.bytes = 10,
			.duration_us = 1,
			.revision = i,
			.digest = { (uint8_t)i },
			.detail = { [31] = (uint8_t)i },
		};
		assert_int_equal(log_append(log, &record, &seq, &time), OK);
	}
	assert_int_equal(log_sync(log), OK);
	assert_int_equal(log_checkpoint(log, true), OK);
}

static int setup(void **state)
{
	struct log_state at;
	struct log *log;

	(void)state;
	strcpy(dir_name, "/tmp/valetkey-verify-XXXXXX");
	if (crypto_init() != OK || mkdtemp(dir_name) == NULL)
		return 1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	if (dir < 0 || log_open(dir, -1, seed, &log) != OK)
		return 1;
	grow(log, RECORDS / 2 + 3);
	assert_int_equal(file_read(dir, "checkpoint", NOTE_MAX, &older), OK);
	grow(log, RECORDS / 2 - 3);
	log_state(log, &at);
	log_close(&log);
	memcpy(options.key, at.key, sizeof at.key);
	options.dir = dir;
	assert_int_equal(file_read(dir, "checkpoint", NOTE_MAX, &note), OK);
	assert_int_equal(file_read(dir, first, FILE_MAX, &lines), OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forget_all();
	(void)rmdir(dir_name);
	close(dir);
	buf_free(&lines);
	buf_free(&note);
	buf_free(&older);
	return 0;
}

static enum verify_flaw look(struct verify_result *ret)
{
	assert_int_equal(verify_log(&options, ret), OK);
	return ret->flaw;
}

static void assert_flaw(enum verify_flaw flaw)
{
	struct verify_result result;

	assert_string_equal(verify_says(look(&result)), verify_says(flaw));
}

/* The offset behind line @n. */
static size_t behind(unsigned n)
{
	struct bytes rest = buf_bytes(lines);

	for (unsigned i = 0; i < n; i++)
		bytes_cut(&rest, '\n');
	return lines->n - rest.n;
}

static struct bytes part(size_t from, size_t to)
{
	return (struct bytes){ lines->p + from, to - from };
}

static void what_keeper_wrote_is_sound(void **state)
{
	struct verify_result result;

	(void)state;
	write_back();
	options.older = buf_bytes(older);
	assert_int_equal(look(&result), VERIFY_SOUND);
	assert_int_equal(result.size, RECORDS);
	assert_int_equal(result.signed_size, RECORDS);
	assert_int_equal(result.older_size, RECORDS / 2 + 3);
	assert_int_equal(result.pruned, 0);
}

static void an_empty_directory_is_an_empty_log(void **state)
{
	struct verify_result result;

	(void)state;
	forget_all();
	options.older = (struct bytes){ NULL, 0 };
	assert_int_equal(look(&result), VERIFY_SOUND);
	assert_int_equal(result.size, 0);
}

static void segments_may_be_split_anywhere_between_lines(void **state)
{
	struct verify_result result;
	char name[40];

	(void)state;
	for (unsigned at = 1; at < RECORDS; at++) {
		write_back();
		snprintf(name, sizeof name, "%020u.jsonl", at);
		assert_int_equal(file_replace(dir, first, part(0, behind(at))), OK);
		assert_int_equal(file_replace(dir, name, part(behind(at), lines->n)), OK);
		assert_int_equal(look(&result), VERIFY_SOUND);
		forget(first);
		assert_flaw(VERIFY_GAP);
	}
}

/* I5, with the checkpoint beside the log: no bit of any line can change. */
static void no_bit_of_the_log_may_change(void **state)
{
	struct verify_result result;

	(void)state;
	write_back();
	const int fd = openat(dir, first, O_RDWR);
	for (size_t i = 0; i < lines->n; i += 29) {
		const uint8_t bad = (uint8_t)(lines->p[i] ^ (1 << (i % 7)));
		assert_int_equal(pwrite(fd, &bad, 1, (off_t)i), 1);
		assert_int_not_equal(look(&result), VERIFY_SOUND);
		assert_int_equal(pwrite(fd, &lines->p[i], 1, (off_t)i), 1);
	}
	assert_int_equal(look(&result), VERIFY_SOUND);
	close(fd);
}

static void a_log_cut_anywhere_is_noticed(void **state)
{
	struct verify_result result;

	(void)state;
	write_back();
	const int fd = openat(dir, first, O_RDWR);
	for (size_t n = lines->n - 1; n > 23; n -= 23) {
		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		assert_int_equal(look(&result), VERIFY_SHORT);
	}
	close(fd);
}

static void an_unfinished_last_line_is_named_and_no_flaw(void **state)
{
	struct verify_result result;

	(void)state;
	write_back();
	const int fd = openat(dir, first, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"seq\":40,\"ti", 13), 13);
	close(fd);
	assert_int_equal(look(&result), VERIFY_SOUND);
	assert_int_equal(result.unfinished_bytes, 13);
	/* Unless something was written behind it. */
	assert_int_equal(file_replace(dir, "00000000000000000040.jsonl", str("")), OK);
	assert_flaw(VERIFY_CUT);
}

static void a_record_taken_out_or_moved_is_noticed(void **state)
{
	scoped(dynbuf_done) struct dynbuf edited;

	(void)state;
	write_back();
	dynbuf_init(&edited, FILE_MAX);
	dynbuf_bytes(&edited, part(0, behind(7)));
	dynbuf_bytes(&edited, part(behind(8), lines->n));
	assert_int_equal(file_replace(dir, first, dynbuf_view(&edited)), OK);
	assert_flaw(VERIFY_ORDER);
	dynbuf_reset(&edited);
	dynbuf_bytes(&edited, part(0, behind(7)));
	dynbuf_bytes(&edited, part(behind(8), behind(9)));
	dynbuf_bytes(&edited, part(behind(7), behind(8)));
	dynbuf_bytes(&edited, part(behind(9), lines->n));
	assert_int_equal(file_replace(dir, first, dynbuf_view(&edited)), OK);
	assert_flaw(VERIFY_ORDER);
}

/* Somebody who holds the key can write a new log; whoever kept an older checkpoint sees it. */
static void a_fork_is_noticed_by_who_kept_an_older_checkpoint(void **state)
{
	struct verify_result result;
	struct log *log;

	(void)state;
	forget_all();
	options.older = (struct bytes){ NULL, 0 };
	assert_int_equal(log_open(dir, -1, seed, &log), OK);
	grow(log, RECORDS);
	log_close(&log);
	assert_int_equal(look(&result), VERIFY_SOUND);
	options.older = buf_bytes(older);
	assert_flaw(VERIFY_FORK);
	forget_all();
	assert_flaw(VERIFY_SHORT);
}

static void time_may_not_go_backwards(void **state)
{
	scoped(dynbuf_done) struct dynbuf edited;
	const struct ipc_record record = { .kind = EVENT_start,
					   .outcome = OUTCOME_OK,
					   .event = { { 1 } } };

	(void)state;
	forget_all();
	options.older = (struct bytes){ NULL, 0 };
	dynbuf_init(&edited, FILE_MAX);
	record_print(&record, 0, 2 * USEC_PER_S, &edited);
	record_print(&record, 1, USEC_PER_S, &edited);
	assert_int_equal(file_replace(dir, first, dynbuf_view(&edited)), OK);
	assert_flaw(VERIFY_TIME);
}

static void a_checkpoint_of_another_key_or_of_none_vouches_for_nothing(void **state)
{
	struct verify_result result;

	(void)state;
	write_back();
	options.key[0] ^= 1;
	assert_flaw(VERIFY_SIGNATURE);
	options.key[0] ^= 1;
	forget("checkpoint");
	assert_flaw(VERIFY_UNSIGNED);
	for (size_t i = 0; i < note->n * 8; i += 5) {
		note->p[i / 8] ^= (uint8_t)(1 << (i % 8));
		assert_int_equal(file_replace(dir, "checkpoint", buf_bytes(note)), OK);
		assert_int_not_equal(look(&result), VERIFY_SOUND);
		note->p[i / 8] ^= (uint8_t)(1 << (i % 8));
	}
}

static void a_pruned_segment_counts_by_its_hashes(void **state)
{
	scoped(dynbuf_done) struct dynbuf leaves;
	struct bytes rest = part(0, behind(11));
	uint8_t leaf[SHA256_LEN];
	struct verify_result result;

	(void)state;
	write_back();
	dynbuf_init(&leaves, FILE_MAX);
	while (rest.n > 0) {
		merkle_leaf(bytes_cut(&rest, '\n'), leaf);
		dynbuf_put(&leaves, leaf, sizeof leaf);
	}
	forget(first);
	assert_int_equal(
		file_replace(dir, "00000000000000000011.jsonl", part(behind(11), lines->n)), OK);
	assert_int_equal(file_replace(dir, "00000000000000000000.leaves", dynbuf_view(&leaves)),
			 OK);
	options.older = buf_bytes(older);
	assert_int_equal(look(&result), VERIFY_SOUND);
	assert_int_equal(result.pruned, 11);
	leaves.p[40] ^= 1;
	assert_int_equal(file_replace(dir, "00000000000000000000.leaves", dynbuf_view(&leaves)),
			 OK);
	assert_flaw(VERIFY_FORK);
}

static void every_record_is_proved_from_a_sound_log_and_none_from_another(void **state)
{
	scoped(dynbuf_done) struct dynbuf out;
	struct prove_options ask = { .verify = options };
	struct prove_result result;
	uint8_t root[SHA256_LEN];

	(void)state;
	write_back();
	dynbuf_init(&out, 16 * 1024);
	ask.verify.older = (struct bytes){ NULL, 0 };
	for (ask.seq = 0; ask.seq < RECORDS; ask.seq++) {
		ask.size = ask.seq % 2 == 0 ? 0 : ask.seq + 1;
		assert_int_equal(prove_inclusion(&ask, &result), OK);
		assert_int_equal(result.size, ask.size == 0 ? RECORDS : ask.size);
		const struct proof proof = { (const uint8_t(*)[SHA256_LEN])result.hash, result.n };
		assert_int_equal(
			proof_inclusion_root(result.leaf, ask.seq, result.size, proof, root), OK);
		assert_memory_equal(root, result.root, sizeof root);
	}
	prove_print(&result, true, &out);
	assert_int_equal(dynbuf_err(&out), OK);
	ask.size = 0;
	assert_int_equal(prove_inclusion(&ask, &result), ERR_NOT_FOUND);
	ask.size = RECORDS + 1;
	assert_int_equal(prove_inclusion(&ask, &result), ERR_NOT_FOUND);
	ask.seq = ask.size = 0;
	assert_int_equal(file_replace(dir, first, part(0, behind(7))), OK);
	assert_int_equal(prove_inclusion(&ask, &result), ERR_FORGED);
	assert_int_equal(result.log.flaw, VERIFY_SHORT);
}

static void a_key_is_read_in_both_forms(void **state)
{
	scoped(dynbuf_done) struct dynbuf text;
	uint8_t back[SIGN_PUBLIC_LEN], typed[1 + SIGN_PUBLIC_LEN] = { 1 };
	struct note_key key;

	(void)state;
	dynbuf_init(&text, 256);
	hex_print((struct bytes){ options.key, sizeof options.key }, &text);
	dynbuf_str(&text, "\n");
	assert_int_equal(verify_key_parse(dynbuf_view(&text), back), OK);
	assert_memory_equal(back, options.key, sizeof back);
	note_key_init(&key, options.key);
	memcpy(typed + 1, options.key, sizeof options.key);
	dynbuf_reset(&text);
	dynbuf_printf(&text, "%s+%08x+", key.name, get_u32(key.id));
	base64_print((struct bytes){ typed, sizeof typed }, &text);
	memset(back, 0, sizeof back);
	assert_int_equal(verify_key_parse(dynbuf_view(&text), back), OK);
	assert_memory_equal(back, options.key, sizeof back);
	text.p[text.n / 2] ^= 1;
	assert_int_not_equal(verify_key_parse(dynbuf_view(&text), back), OK);
	assert_int_equal(verify_key_parse(str(""), back), ERR_MALFORMED);
}

static void a_line_has_one_form_only(void **state)
{
	static const char good[] =
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\","
		"\"event\":\"evt_01J00000000000000000000000\",\"kind\":\"start\","
		"\"outcome\":\"ok\",\"status\":200}";
	static const char *const bad[] = {
		/* white space */
		"{\"seq\":1, \"time\":\"2026-11-22T21:45:46.123456Z\","
		"\"event\":\"evt_01J00000000000000000000000\",\"kind\":\"start\",\"outcome\":"
		"\"ok\"}",
		/* another order */
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\","
		"\"event\":\"evt_01J00000000000000000000000\",\"outcome\":\"ok\",\"kind\":"
		"\"start\"}",
		/* a zero that should have been left out */
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\",\"event\":"
		"\"evt_01J00000000000000000000000\",\"kind\":\"start\",\"outcome\":\"ok\","
		"\"status\":0}",
		/* a member that nobody knows */
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\",\"event\":"
		"\"evt_01J00000000000000000000000\",\"kind\":\"start\",\"outcome\":\"ok\",\"note\":"
		"1}",
		/* an id in lower case */
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\",\"event\":"
		"\"evt_01j00000000000000000000000\",\"kind\":\"start\",\"outcome\":\"ok\"}",
		/* no event */
		"{\"seq\":1,\"time\":\"2026-11-22T21:45:46.123456Z\",\"kind\":\"start\","
		"\"outcome\":\"ok\"}",
		"{\"seq\":01,\"time\":\"2026-11-22T21:45:46.123456Z\",\"event\":"
		"\"evt_01J00000000000000000000000\",\"kind\":\"start\",\"outcome\":\"ok\"}",
		"",
		"{}",
	};
	char time[CLOCK_TEXT_LEN + 1];

	(void)state;
	assert_int_equal(line_check(str(good), 1, time), OK);
	assert_string_equal(time, "2026-11-22T21:45:46.123456Z");
	assert_int_equal(line_check(str(good), 2, time), ERR_CONFLICT);
	for (size_t n = 0; n < sizeof good - 1; n++)
		assert_int_equal(line_check((struct bytes){ (const uint8_t *)good, n }, 1, time),
				 ERR_MALFORMED);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(line_check(str(bad[i]), 1, time), ERR_MALFORMED);
}

static void the_report_says_the_same_in_both_forms(void **state)
{
	scoped(dynbuf_done) struct dynbuf out;
	struct verify_result result;

	(void)state;
	write_back();
	look(&result);
	dynbuf_init(&out, 4096);
	verify_print(&result, true, &out);
	dynbuf_u8(&out, 0);
	assert_int_equal(dynbuf_err(&out), OK);
	assert_non_null(strstr((char *)out.p, "{\"ok\":true,\"result\":\"sound\",\"size\":40,"));
	dynbuf_reset(&out);
	verify_print(&result, false, &out);
	dynbuf_u8(&out, 0);
	assert_non_null(strstr((char *)out.p, verify_says(VERIFY_SOUND)));
	assert_non_null(strstr((char *)out.p, "records:    40\n"));
	forget("checkpoint");
	look(&result);
	dynbuf_reset(&out);
	verify_print(&result, true, &out);
	dynbuf_u8(&out, 0);
	assert_non_null(strstr((char *)out.p, "{\"ok\":false,\"result\":\"unsigned\",\"at\":0,"));
}

/* A log for the reader in another language, and its public key in hex. */
static int make_log(const char *path)
{
	scoped(dynbuf_done) struct dynbuf hex;
	struct log_state at;
	struct log *log;

	dynbuf_init(&hex, 2 * SIGN_PUBLIC_LEN);
	const int to = open(path, O_RDONLY | O_DIRECTORY);
	if (crypto_init() != OK || to < 0 || log_open(to, -1, seed, &log) != OK)
		return 1;
	grow(log, RECORDS);
	log_state(log, &at);
	log_close(&log);
	close(to);
	hex_print((struct bytes){ at.key, sizeof at.key }, &hex);
	printf("%.*s\n", (int)hex.n, (char *)hex.p);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--make") == 0)
		return make_log(argv[2]);

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_keeper_wrote_is_sound),
		cmocka_unit_test(an_empty_directory_is_an_empty_log),
		cmocka_unit_test(segments_may_be_split_anywhere_between_lines),
		cmocka_unit_test(no_bit_of_the_log_may_change),
		cmocka_unit_test(a_log_cut_anywhere_is_noticed),
		cmocka_unit_test(an_unfinished_last_line_is_named_and_no_flaw),
		cmocka_unit_test(a_record_taken_out_or_moved_is_noticed),
		cmocka_unit_test(a_fork_is_noticed_by_who_kept_an_older_checkpoint),
		cmocka_unit_test(time_may_not_go_backwards),
		cmocka_unit_test(a_checkpoint_of_another_key_or_of_none_vouches_for_nothing),
		cmocka_unit_test(a_pruned_segment_counts_by_its_hashes),
		cmocka_unit_test(every_record_is_proved_from_a_sound_log_and_none_from_another),
		cmocka_unit_test(a_key_is_read_in_both_forms),
		cmocka_unit_test(a_line_has_one_form_only),
		cmocka_unit_test(the_report_says_the_same_in_both_forms),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
