/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody with a hand on the files of the SQLite driver can and cannot do. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store/test_home.h"

#include <sqlite3.h>

#include "core/store/sqlite/row.h"
#include "core/store/sqlite/schema.h"
#include "crypto/crypto.h"
#include "sys/file.h"

static const struct bytes mine = { (const uint8_t *)"browser", 7 };

/* Leaves the store closed and opens the file as anybody can. */
static sqlite3 *raw_open(struct home *home)
{
	char path[96];
	sqlite3 *raw = NULL;

	if (home->store != NULL)
		must(store_commit(home->store));
	store_close(&home->store); /* which leaves no log beside the file */
	snprintf(path, sizeof path, "%s/state.db", home->path);
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	return raw;
}

static void raw_do(sqlite3 *raw, const char *sql)
{
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void open_again(struct home *home)
{
	const struct store_keys keys = home_keys(7);

	must(store_open(home->dir, &keys, &home->store));
	must(store_begin(home->store));
}

static void fill(struct home *home)
{
	struct client_row client = { .id = id_new(),
				     .tenant = home->tenant,
				     .service = str("github"),
				     .client_id = str("Iv1") };
	struct service_row service = { .id = id_new(),
				       .tenant = home->tenant,
				       .service = str("notes"),
				       .yaml = str("id: notes") };
	struct consent_row consent;

	must(store_client_put(home->store, &client));
	must(store_service_put(home->store, &service));
	must(store_meta_put(home->store, "mark", 1));
	must(store_outbox_put(home->store, home->user, str("record")));
	must(store_consent_find(home->store, str(HOME_TICKET), 1, &consent));
	must(store_consent_open(home->store, &consent, mine));
	consent.verifier = str(HOME_VERIFIER);
	must(store_consent_send(home->store, &consent, mine, str("canary-state")));
}

static enum err count_outbox(void *ctx, const struct outbox_row *row)
{
	(void)row;
	++*(int *)ctx;
	return OK;
}

/* Reads one row of each table in every way there is; answers whether any of it was refused. */
static bool any_refused(struct home *home)
{
	struct store *s = home->store;
	const struct id t = home->tenant;
	union {
		struct tenant_row tenant;
		struct user_row user;
		struct agent_row agent;
		struct client_row client;
		struct service_row service;
		struct vault_row vault;
		struct policy_row policy;
		struct binding_row binding;
		struct connection_row connection;
		struct own_token_row token;
		struct consent_row consent;
		struct approval_row approval;
		struct totp_row totp;
		uint64_t number;
		uint8_t hash[32];
	} u;
	struct bytes text;
	int outbox = 0;
	const enum err errs[] = {
		store_tenant_get(s, t, &u.tenant),
		store_tenant_find(s, str("default"), &u.tenant),
		store_user_get(s, t, home->user, &u.user),
		store_user_find(s, t, str("local"), str(HOME_SUBJECT), &u.user),
		store_agent_get(s, t, home->agent, &u.agent),
		store_client_find(s, t, str("github"), &u.client),
		store_service_find(s, t, str("notes"), &u.service),
		store_vault_get(s, t, home->vault, &u.vault),
		store_policy_get(s, t, home->vault, 1, &u.policy),
		store_binding_find(s, t, home->vault, str("github"), str(""), &u.binding),
		store_connection_get(s, t, home->connection, &u.connection),
		store_token_find(s, str(HOME_TOKEN), 1, &u.token),
		store_consent_find(s, str(HOME_TICKET), 1, &u.consent),
		store_approval_get(s, t, home->approval, &u.approval),
		store_approval_text(s, &(struct approval_row){ .id = home->approval, .tenant = t },
				    APPROVAL_TEXT_PAYLOAD, &text),
		store_totp_get(s, t, home->user, &u.totp),
		store_meta_get(s, "mark", &u.number),
		store_outbox_list(s, count_outbox, &outbox),
	};

	for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
		if (errs[i] == ERR_FORGED || errs[i] == ERR_NOT_FOUND)
			return true;
		must(errs[i]);
	}
	return outbox == 0;
}

static void count_bad(void *ctx, const char *table, struct id id, enum err err)
{
	(void)table;
	(void)id;
	assert_true(err != OK);
	++*(int *)ctx;
}

static const struct table *const tables[] = {
	&table_tenant,	      &table_user,  &table_agent,   &table_client,
	&table_service,	      &table_vault, &table_policy,  &table_binding,
	&table_connection,    &table_token, &table_consent, &table_approval,
	&table_approval_text, &table_totp,  &table_outbox,  &table_meta,
};

/* Another value of the same type, so that no type check does the MAC's work. */
static void edit(sqlite3 *raw, const char *table, const char *column)
{
	char sql[512];

	snprintf(sql, sizeof sql,
		 "UPDATE %s SET %s = CASE typeof(%s)"
		 " WHEN 'integer' THEN 1 - %s WHEN 'text' THEN %s || 'x'"
		 " WHEN 'null' THEN zeroblob(16)"
		 " ELSE CASE length(%s) WHEN 0 THEN x'00'"
		 " ELSE CAST(substr(%s, 1, length(%s) - 1) ||"
		 " CASE substr(%s, -1) WHEN x'7e' THEN x'7f' ELSE x'7e' END AS BLOB) END END"
		 " WHERE rowid = (SELECT min(rowid) FROM %s)",
		 table, column, column, column, column, column, column, column, column, table);
	if (sqlite3_exec(raw, sql, NULL, NULL, NULL) == SQLITE_OK)
		return;
	/* Without rowid: all rows but those that another one forbids. */
	char *const where = strstr(sql, " WHERE rowid");
	assert_non_null(where);
	*where = 0;
	memmove(sql + strlen("UPDATE OR IGNORE"), sql + strlen("UPDATE"),
		strlen(sql) - strlen("UPDATE") + 1);
	memcpy(sql, "UPDATE OR IGNORE", strlen("UPDATE OR IGNORE"));
	raw_do(raw, sql);
}

static void each_edited_column_is_noticed(void **state)
{
	struct home *home = *state;
	scoped(buf_free) struct buf *whole = NULL;
	unsigned columns = 0;

	fill(home);
	assert_false(any_refused(home));
	sqlite3_close(raw_open(home));
	must(file_read(home->dir, "state.db", 64 * 1024 * 1024, &whole));
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t c = 0; c <= tables[t]->count; c++, columns++) {
			const char *const column =
				c < tables[t]->count ? tables[t]->columns[c].name : "mac";
			sqlite3 *const raw = raw_open(home);
			edit(raw, tables[t]->name, column);
			assert_true(sqlite3_total_changes(raw) > 0);
			sqlite3_close(raw);
			open_again(home);
			int bad = 0;
			uint64_t refused = 0;
			must(store_scrub(home->store, count_bad, &bad, &refused));
			if (refused == 0 || !any_refused(home))
				fail_msg("%s.%s was edited and nobody noticed", tables[t]->name,
					 column);
			sqlite3_close(raw_open(home));
			must(file_replace(home->dir, "state.db", buf_bytes(whole)));
		}
	}
	assert_true(columns > 100);
}

static void texts_do_not_open_in_another_row(void **state)
{
	struct home *home = *state;
	struct user_row second = home_user(home);

	second.id = id_new();
	second.subject = str("somebody else");
	must(store_user_put(home->store, &second));
	sqlite3 *const raw = raw_open(home);
	raw_do(raw, "CREATE TEMP TABLE was AS SELECT id, email FROM users;"
		    "UPDATE users SET email = (SELECT email FROM was WHERE was.id <> users.id)");
	sqlite3_close(raw);
	open_again(home);
	answers(ERR_FORGED, store_user_get(home->store, home->tenant, second.id, &second));
	answers(ERR_FORGED, store_user_get(home->store, home->tenant, home->user, &second));
}

static void a_weak_tokens_hash_does_not_open_a_strong_ones_row(void **state)
{
	struct home *home = *state;
	const struct own_token_row admin = { .id = id_new(), .kind = OWN_ADMIN };
	struct own_token_row row;

	must(store_token_put(home->store, &admin, str("vk_admin_strong")));
	must(store_token_find(home->store, str("vk_admin_strong"), 1, &row));
	assert_int_equal(row.kind, OWN_ADMIN);
	sqlite3 *const raw = raw_open(home);
	raw_do(raw, "CREATE TEMP TABLE weak AS SELECT hash FROM tokens WHERE kind = 2;"
		    "DELETE FROM tokens WHERE kind = 2;"
		    "UPDATE tokens SET hash = (SELECT hash FROM weak)");
	sqlite3_close(raw);
	open_again(home);
	answers(ERR_FORGED, store_token_find(home->store, str(HOME_TOKEN), 1, &row));
}

static void a_token_is_revoked_although_another_was_changed(void **state)
{
	struct home *home = *state;
	const struct own_token_row second = {
		.id = id_new(),
		.tenant = home->tenant,
		.kind = OWN_VAULT,
		.object = home->vault,
	};
	struct own_token_row row;

	must(store_token_put(home->store, &second, str("vk_vault_second")));
	sqlite3 *const raw = raw_open(home);
	raw_do(raw, "UPDATE tokens SET expires = 1 WHERE expires = 100");
	sqlite3_close(raw);
	open_again(home);
	must(store_token_find(home->store, str("vk_vault_second"), 1, &row));
	answers(ERR_FORGED, store_token_find(home->store, str(HOME_TOKEN), 1, &row));
	must(store_token_revoke(home->store, home->tenant, OWN_VAULT, home->vault));
	answers(ERR_NOT_FOUND, store_token_find(home->store, str("vk_vault_second"), 1, &row));
	answers(ERR_NOT_FOUND, store_token_find(home->store, str(HOME_TOKEN), 1, &row));
}

static void a_list_leaves_out_what_was_changed(void **state)
{
	struct home *home = *state;
	int n = 0;

	must(store_outbox_put(home->store, home->user, str("true")));
	must(store_outbox_put(home->store, home->vault, str("forged")));
	sqlite3 *const raw = raw_open(home);
	raw_do(raw, "UPDATE outbox SET record = x'00' WHERE record = CAST('forged' AS BLOB)");
	sqlite3_close(raw);
	open_again(home);
	must(store_outbox_list(home->store, count_outbox, &n));
	assert_int_equal(n, 1);
}

static void a_trigger_that_was_slipped_in_does_not_run(void **state)
{
	struct home *home = *state;
	struct vault_row vault;
	struct own_token_row token;

	sqlite3 *const raw = raw_open(home);
	raw_do(raw, "CREATE TRIGGER slipped AFTER UPDATE ON vaults BEGIN DELETE FROM tokens; END");
	sqlite3_close(raw);
	open_again(home);
	must(store_vault_get(home->store, home->tenant, home->vault, &vault));
	must(store_vault_update(home->store, &vault));
	must(store_token_find(home->store, str(HOME_TOKEN), 1, &token));
}

static void assert_no_canary(const struct home *home, const char *name)
{
	scoped(buf_free) struct buf *whole = NULL;

	must(file_read(home->dir, name, 64 * 1024 * 1024, &whole));
	assert_true(whole->n > 4096);
	assert_null(memmem(whole->p, whole->n, "canary", 6));
	assert_null(memmem(whole->p, whole->n, "Canary", 6));
	assert_null(memmem(whole->p, whole->n, "Lovelace", 8));
}

static void no_personal_text_and_no_token_is_in_the_files(void **state)
{
	struct home *home = *state;
	struct stat st;

	fill(home);
	must(store_commit(home->store));
	assert_no_canary(home, "state.db-wal");
	must(store_begin(home->store));
	sqlite3_close(raw_open(home));
	assert_no_canary(home, "state.db");
	assert_int_equal(fstatat(home->dir, "state.db", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void an_interrupted_migration_goes_on(void **state)
{
	struct home *home = *state;
	sqlite3 *half = NULL;
	int64_t version = 0;

	store_close(&home->store);
	for (size_t upto = 0; upto <= schema_settings.migrations_count; upto++) {
		(void)unlinkat(home->dir, "state.db", 0);
		must(db_connect(home->dir, "state.db", &half));
		must(db_migrate(half, &schema_settings, upto));
		must(db_number(half, "PRAGMA user_version", &version));
		assert_int_equal(version, upto);
		sqlite3_close(half);
		open_again(home);
		must(store_meta_put(home->store, "mark", 1));
		must(store_commit(home->store));
		store_close(&home->store);
	}
}

static void a_kill_while_it_is_made_does_no_harm(void **state)
{
	struct home *home = *state;
	const struct store_keys keys = home_keys(7);

	store_close(&home->store);
	for (int round = 0; round < 40; round++) {
		(void)unlinkat(home->dir, "state.db", 0);
		(void)unlinkat(home->dir, "state.db-wal", 0);
		const pid_t child = fork();
		if (child == 0)
			_exit(store_open(home->dir, &keys, &home->store) == OK ? 0 : 1);
		usleep((useconds_t)(round * 150));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		open_again(home);
		must(store_meta_put(home->store, "mark", 1));
		must(store_commit(home->store));
		store_close(&home->store);
	}
}

static void a_newer_schema_is_refused(void **state)
{
	struct home *home = *state;
	const struct store_keys keys = home_keys(7);
	sqlite3 *raw = raw_open(home);

	raw_do(raw, "PRAGMA user_version = 99");
	sqlite3_close(raw);
	answers(ERR_UNSUPPORTED, store_open(home->dir, &keys, &home->store));
	raw = raw_open(home);
	raw_do(raw, "PRAGMA user_version = 2; PRAGMA application_id = 7");
	sqlite3_close(raw);
	answers(ERR_UNSUPPORTED, store_open(home->dir, &keys, &home->store));
}

static void it_stops_when_its_file_is_gone(void **state)
{
	struct home *home = *state;

	must(store_commit(home->store));
	assert_int_equal(unlinkat(home->dir, "state.db", 0), 0);
	answers(FAULT_STORE, store_begin(home->store));
}

enum { NOT_PERMITTED = 77 };

static enum err grow(struct store *store, struct id id, size_t n)
{
	static const uint8_t record[4000];

	TRY(store_begin(store));
	const enum err err = store_outbox_put(store, id, (struct bytes){ record, n });
	if (err != OK) {
		store_rollback(store);
		return err;
	}
	return store_commit(store);
}

/* In a process of its own: 0 if all was as it should be, else the line that was not. */
static int fill_small_disk(struct home *home)
{
	const struct store_keys keys = home_keys(7);
	char path[96];
	enum err err = OK;
	int n = 0;

	snprintf(path, sizeof path, "%s/small", home->path);
	if (unshare(CLONE_NEWNS) != 0 || mkdir(path, 0700) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", path, "tmpfs", 0, "size=1m") != 0)
		return NOT_PERMITTED;
	const int dir = open(path, O_RDONLY | O_DIRECTORY);
	struct store *store = NULL;
	if (store_open(dir, &keys, &store) != OK)
		return __LINE__ & 0x3f;
	const int filler = openat(dir, "filler", O_WRONLY | O_CREAT, 0600);
	if (posix_fallocate(filler, 0, 300 * 1024) != 0)
		return __LINE__ & 0x3f;
	struct id id = id_new(), last = id;
	for (; err == OK && n < 1000; n++) {
		last = id;
		id = id_new();
		err = grow(store, id, 4000);
	}
	if (err != ERR_LOG_FULL || n < 3)
		return __LINE__ & 0x3f;
	/* What was there is there, what did not fit is not, and room brings it back to life. */
	unlinkat(dir, "filler", 0);
	close(filler);
	if (grow(store, last, 1) != ERR_EXISTS || grow(store, id, 1) != OK)
		return __LINE__ & 0x3f;
	store_close(&store);
	return 0;
}

static void a_full_disk_is_a_known_failure(void **state)
{
	struct home *home = *state;
	int status;

	const pid_t child = fork();
	if (child == 0)
		_exit(fill_small_disk(home));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PERMITTED)
		skip();
	assert_int_equal(status, 0);
}

static int break_commit(struct home *home)
{
	const struct rlimit limit = { 300 * 1024, 300 * 1024 };
	enum err err = OK;

	signal(SIGXFSZ, SIG_IGN);
	if (store_commit(home->store) != OK || setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 1;
	for (int n = 0; err == OK && n < 1000; n++)
		err = grow(home->store, id_new(), 4000);
	if (err != FAULT_SYNC)
		return 2;
	return store_begin(home->store) == FAULT_SYNC ? 0 : 3;
}

static void a_failed_commit_is_an_unknown_outcome(void **state)
{
	struct home *home = *state;
	int status;

	store_close(&home->store);
	const pid_t child = fork();
	if (child == 0) {
		open_again(home);
		_exit(break_commit(home));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	open_again(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		home_test(each_edited_column_is_noticed),
		home_test(texts_do_not_open_in_another_row),
		home_test(a_weak_tokens_hash_does_not_open_a_strong_ones_row),
		home_test(a_token_is_revoked_although_another_was_changed),
		home_test(a_list_leaves_out_what_was_changed),
		home_test(a_trigger_that_was_slipped_in_does_not_run),
		home_test(no_personal_text_and_no_token_is_in_the_files),
		home_test(an_interrupted_migration_goes_on),
		home_test(a_kill_while_it_is_made_does_no_harm),
		home_test(a_newer_schema_is_refused),
		home_test(it_stops_when_its_file_is_gone),
		home_test(a_full_disk_is_a_known_failure),
		home_test(a_failed_commit_is_an_unknown_outcome),
	};

	return crypto_init() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
