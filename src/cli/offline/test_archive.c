/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/offline/archive.h"
#include "cli/offline/verify.h"
#include "keeper/keyring.h"
#include "keeper/log.h"
#include "model/event.h"
#include "sys/file.h"

static const uint8_t key[32] = { 7, 1, 2 };
static const struct bytes secret = { key, sizeof key };

/* A data directory with real keys and a real log; only its database is no database. */
struct world {
	char top[64], data[PATH_MAX], db[PATH_MAX], backup[PATH_MAX], fresh[PATH_MAX];
	uint8_t public[SIGN_PUBLIC_LEN];
	uint64_t generation, size;
};

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX + 128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static int open_dir(const char *dir, const char *name)
{
	int fd;
	char path[PATH_MAX + 128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(file_open_dir(AT_FDCWD, path, false, &fd), OK);
	return fd;
}

/* Reads generation, log size and public key of a data directory, after @records more. */
static void look(const char *data, unsigned records, struct world *ret)
{
	const int keys = open_dir(data, "keys"), dir = open_dir(data, "log");
	scoped(keyring_free) struct keyring *ring = NULL;
	scoped(log_close) struct log *log = NULL;
	struct log_state state;
	uint64_t seq;
	usec_t time;

	assert_int_equal(keyring_open(keys, secret, &ring), OK);
	assert_int_equal(log_open(dir, -1, keyring_log_seed(ring), &log), OK);
	for (unsigned i = 0; i < records; i++) {
		const struct ipc_record record = { .kind = EVENT_start,
						   .outcome = OUTCOME_OK,
						   .event = id_new() };
		assert_int_equal(log_append(log, &record, &seq, &time), OK);
	}
	assert_int_equal(log_sync(log), OK);
	assert_int_equal(log_checkpoint(log, true), OK);
	log_state(log, &state);
	ret->generation = keyring_generation(ring);
	ret->size = state.size;
	memcpy(ret->public, state.key, sizeof ret->public);
	close(keys);
	close(dir);
}

static void world_make(struct world *w)
{
	static const char *const folders[] = { "", "/keys", "/log", "/state", "/run" };
	scoped(keyring_free) struct keyring *ring = NULL;
	char path[PATH_MAX + 16];

	*w = (struct world){ .top = "/tmp/archive.XXXXXX" };
	assert_non_null(mkdtemp(w->top));
	snprintf(w->data, sizeof w->data, "%s/data", w->top);
	snprintf(w->backup, sizeof w->backup, "%s/backup", w->top);
	snprintf(w->fresh, sizeof w->fresh, "%s/fresh", w->top);
	snprintf(w->db, sizeof w->db, "%s/data/state/backup-1.db", w->top);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof path, "%s%s", w->data, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	put_file(w->data, "state/state.db", "the live one");
	put_file(w->data, "state/backup-1.db", "the copy");
	put_file(w->data, "run/client.json", "{\"url\":\"http://x/\",\"key_file\":\"/k\"}");
	const int keys = open_dir(w->data, "keys");
	assert_int_equal(keyring_create(keys, UNSEAL_KEY_FILE, secret, &ring), OK);
	close(keys);
	look(w->data, 5, w);
}

static void world_done(struct world *w)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf -- '%s'", w->top);
	assert_int_equal(system(command), 0);
}

static void same_text(const char *dir, const char *name, const char *text)
{
	scoped(buf_free) struct buf *read = NULL;
	char path[PATH_MAX + 128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(file_read_path(path, 4096, &read), OK);
	assert_true(bytes_is(buf_bytes(read), text));
}

static void is_the_next_generation(const struct world *w)
{
	struct world now;
	struct verify_options options = { .dir = open_dir(w->fresh, "log") };
	struct verify_result result;

	memcpy(options.key, w->public, sizeof options.key);
	assert_int_equal(verify_log(&options, &result), OK);
	assert_int_equal(result.flaw, VERIFY_SOUND);
	assert_int_equal(result.size, w->size + 1);
	close(options.dir);
	look(w->fresh, 0, &now);
	assert_int_equal(now.generation, w->generation + 1);
}

static void a_backup_comes_back_as_another_generation_with_a_record(void **state)
{
	struct archive_report report;
	struct world w;

	world_make(&w);
	assert_int_equal(archive_make(w.data, w.db, w.backup, &report), OK);
	assert_int_equal(archive_restore(w.backup, w.fresh, secret, &report), OK);
	same_text(w.fresh, "state/state.db", "the copy");
	is_the_next_generation(&w);
	world_done(&w);
}

static void so_does_a_copy_that_still_stands_in_its_data_directory(void **state)
{
	struct archive_report report;
	struct world w;

	world_make(&w);
	assert_int_equal(archive_restore(w.db, w.fresh, secret, &report), OK);
	same_text(w.fresh, "state/state.db", "the copy");
	is_the_next_generation(&w);
	world_done(&w);
}

static void a_changed_file_is_refused_and_nothing_appears(void **state)
{
	static const char *const changed[] = { "state/state.db", "run/client.json",
					       "log/00000000000000000000.jsonl", "manifest.json" };

	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		struct archive_report report;
		struct world w;
		world_make(&w);
		assert_int_equal(archive_make(w.data, w.db, w.backup, &report), OK);
		put_file(w.backup, changed[i], "other");
		assert_int_equal(archive_restore(w.backup, w.fresh, secret, &report),
				 ERR_MALFORMED);
		assert_int_not_equal(report.why[0], 0);
		assert_int_not_equal(access(w.fresh, F_OK), 0);
		world_done(&w);
	}
}

static void a_manifest_cannot_name_a_file_elsewhere(void **state)
{
	static const char *const paths[] = {
		"../data/state/state.db", "keys/../x", "/etc/passwd", "log/.hidden",
		"state/other.db",	  "keys/"
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct archive_report report;
		char manifest[512];
		struct world w;
		world_make(&w);
		assert_int_equal(archive_make(w.data, w.db, w.backup, &report), OK);
		snprintf(manifest, sizeof manifest,
			 "{\"format\":1,\"files\":[{\"path\":\"%s\",\"bytes\":12,\"sha256\":"
			 "\"%064d\"}]}",
			 paths[i], 0);
		put_file(w.backup, "manifest.json", manifest);
		assert_int_equal(archive_restore(w.backup, w.fresh, secret, &report),
				 ERR_MALFORMED);
		assert_non_null(strstr(report.why, "cannot have"));
		world_done(&w);
	}
}

static void the_wrong_secret_opens_nothing(void **state)
{
	static const uint8_t wrong[32] = { 8 };
	struct archive_report report;
	struct world w;

	world_make(&w);
	assert_int_equal(archive_make(w.data, w.db, w.backup, &report), OK);
	assert_int_equal(
		archive_restore(w.backup, w.fresh, (struct bytes){ wrong, sizeof wrong }, &report),
		ERR_FORGED);
	assert_int_not_equal(access(w.fresh, F_OK), 0);
	world_done(&w);
}

static void a_directory_in_use_is_left_alone(void **state)
{
	struct archive_report report;
	struct world w;

	world_make(&w);
	assert_int_equal(archive_make(w.data, w.db, w.data, &report), ERR_EXISTS);
	assert_int_equal(archive_make(w.data, w.db, w.backup, &report), OK);
	assert_int_equal(archive_restore(w.backup, w.data, secret, &report), ERR_EXISTS);
	same_text(w.data, "state/state.db", "the live one");
	assert_int_equal(mkdir(w.fresh, 0700), 0);
	assert_int_equal(archive_restore(w.backup, w.fresh, secret, &report), OK);
	world_done(&w);
}

static void the_key_file_is_found_by_the_backups_own_word(void **state)
{
	struct archive_report report;
	char path[64];
	struct world w;

	world_make(&w);
	assert_int_equal(archive_make(w.data, w.db, w.backup, &report), OK);
	assert_int_equal(archive_key_file(w.backup, path, sizeof path), OK);
	assert_string_equal(path, "/k");
	assert_int_equal(archive_key_file(w.db, path, sizeof path), OK);
	assert_int_equal(archive_key_file(w.top, path, sizeof path), ERR_NOT_FOUND);
	world_done(&w);
}

static int start(void **state)
{
	return crypto_init() == OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_comes_back_as_another_generation_with_a_record),
		cmocka_unit_test(so_does_a_copy_that_still_stands_in_its_data_directory),
		cmocka_unit_test(a_changed_file_is_refused_and_nothing_appears),
		cmocka_unit_test(a_manifest_cannot_name_a_file_elsewhere),
		cmocka_unit_test(the_wrong_secret_opens_nothing),
		cmocka_unit_test(a_directory_in_use_is_left_alone),
		cmocka_unit_test(the_key_file_is_found_by_the_backups_own_word),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
