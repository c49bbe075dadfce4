/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of store.h. What is in here holds for every driver. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store/test_home.h"
#include "crypto/crypto.h"

static void it_keeps_users_apart_by_tenant(void **state)
{
	struct home *home = *state;
	struct user_row row;

	must(store_user_get(home->store, home->tenant, home->user, &row));
	assert_true(bytes_is(row.subject, HOME_SUBJECT));
	assert_true(bytes_is(row.email, HOME_EMAIL));
	assert_true(bytes_is(row.name, HOME_NAME));
	must(store_user_find(home->store, home->tenant, str("local"), str(HOME_SUBJECT), &row));
	assert_true(id_eq(row.id, home->user));
	answers(ERR_NOT_FOUND, store_user_get(home->store, home->other, home->user, &row));
	answers(ERR_NOT_FOUND,
		store_user_find(home->store, home->other, str("local"), str(HOME_SUBJECT), &row));
	answers(ERR_NOT_FOUND, store_user_find(home->store, home->tenant, str("loca"),
					       str("l" HOME_SUBJECT), &row));
	row = home_user(home);
	row.id = id_new();
	answers(ERR_EXISTS, store_user_put(home->store, &row));
	row.tenant = id_new();
	answers(ERR_NOT_FOUND, store_user_put(home->store, &row));
}

static void another_tenants_object_is_like_none(void **state)
{
	struct home *home = *state;
	struct store *s = home->store;
	const struct id o = home->other;
	struct consent_row mine, consent;
	struct connection_row connection;
	struct binding_row binding;
	struct policy_row policy;
	struct vault_row vault;
	struct agent_row agent;

	must(store_consent_find(s, str(HOME_TICKET), 1, &mine));
	must(store_consent_get(s, home->tenant, mine.id, &consent));
	answers(ERR_NOT_FOUND, store_consent_get(s, o, mine.id, &consent));
	answers(ERR_NOT_FOUND, store_vault_get(s, o, home->vault, &vault));
	answers(ERR_NOT_FOUND, store_agent_get(s, o, home->agent, &agent));
	answers(ERR_NOT_FOUND, store_policy_get(s, o, home->vault, 1, &policy));
	answers(ERR_NOT_FOUND, store_connection_get(s, o, home->connection, &connection));
	answers(ERR_NOT_FOUND, store_connection_find(s, o, home->user, str("github"),
						     str(HOME_ACCOUNT), &connection));
	answers(ERR_NOT_FOUND,
		store_binding_find(s, o, home->vault, str("github"), str("me"), &binding));
	must(store_connection_get(s, home->tenant, home->connection, &connection));
	connection.tenant = o;
	answers(ERR_CONFLICT, store_connection_update(s, &connection));
	must(store_vault_get(s, home->tenant, home->vault, &vault));
	vault.tenant = o;
	answers(ERR_CONFLICT, store_vault_update(s, &vault));
}

static enum err count_tenants(void *ctx, const struct tenant_row *row)
{
	(void)row;
	++*(int *)ctx;
	return OK;
}

static void it_finds_tenants_by_name_and_lists_them_in_pages(void **state)
{
	struct home *home = *state;
	struct tenant_row row;
	int n = 0;

	must(store_tenant_find(home->store, str("default"), &row));
	assert_true(id_eq(row.id, home->tenant));
	must(store_tenant_get(home->store, home->other, &row));
	answers(ERR_NOT_FOUND, store_tenant_find(home->store, str("defaul"), &row));
	must(store_tenant_list(home->store, (struct page){ .limit = 1 }, count_tenants, &n));
	assert_int_equal(n, 1);
	must(store_tenant_list(home->store, (struct page){ .limit = 500 }, count_tenants, &n));
	assert_int_equal(n, 3);
	row.id = id_new();
	answers(ERR_EXISTS, store_tenant_put(home->store, &row));
}

static void it_updates_only_the_revision_that_was_read(void **state)
{
	struct home *home = *state;
	struct vault_row first, second;
	struct agent_row agent;

	must(store_vault_get(home->store, home->tenant, home->vault, &first));
	second = first;
	first.state = VAULT_PAUSED;
	must(store_vault_update(home->store, &first));
	assert_int_equal(first.rev, second.rev + 1);
	second.state = VAULT_ACTIVE;
	answers(ERR_CONFLICT, store_vault_update(home->store, &second));
	assert_int_equal(second.rev + 1, first.rev);
	must(store_vault_get(home->store, home->tenant, home->vault, &second));
	assert_int_equal(second.state, VAULT_PAUSED);
	must(store_agent_get(home->store, home->tenant, home->agent, &agent));
	agent.tenant = home->other;
	answers(ERR_CONFLICT, store_agent_update(home->store, &agent));
	must(store_agent_find(home->store, str(HOME_CLIENT), &agent));
	assert_true(id_eq(agent.id, home->agent));
	answers(ERR_NOT_FOUND, store_agent_get(home->store, home->other, home->agent, &agent));
}

static void it_replaces_a_client_only_where_the_revision_fits(void **state)
{
	struct home *home = *state;
	struct client_row row = {
		.id = id_new(),
		.tenant = home->tenant,
		.service = str("github"),
		.client_id = str("Iv1.1"),
		.secret = str("sealed blob"),
	};
	struct client_row found;

	must(store_client_put(home->store, &row));
	assert_int_equal(row.rev, 1);
	found = row;
	found.rev = 0;
	answers(ERR_CONFLICT, store_client_put(home->store, &found));
	row.client_id = str("Iv1.2");
	must(store_client_put(home->store, &row));
	must(store_client_find(home->store, home->tenant, str("github"), &found));
	assert_true(bytes_is(found.client_id, "Iv1.2"));
	assert_true(bytes_is(found.secret, "sealed blob"));
	answers(ERR_NOT_FOUND, store_client_find(home->store, home->other, str("github"), &found));
}

static void it_answers_the_hash_of_a_policy_and_of_a_service(void **state)
{
	struct home *home = *state;
	struct policy_row policy;
	struct service_row service = {
		.id = id_new(),
		.tenant = home->tenant,
		.service = str("notes"),
		.yaml = str("id: notes"),
	};
	uint8_t hash[32], expected[32];

	must(store_policy_get(home->store, home->tenant, home->vault, 1, &policy));
	assert_true(bytes_is(policy.yaml, HOME_POLICY));
	sha256_one(policy.yaml, expected);
	must(store_policy_hash(home->store, home->tenant, home->vault, 1, hash));
	assert_memory_equal(hash, expected, 32);
	answers(ERR_NOT_FOUND, store_policy_hash(home->store, home->other, home->vault, 1, hash));
	answers(ERR_NOT_FOUND,
		store_policy_get(home->store, home->tenant, home->vault, 2, &policy));
	must(store_service_put(home->store, &service));
	must(store_service_hash(home->store, home->tenant, str("notes"), hash));
	sha256_one(service.yaml, expected);
	assert_memory_equal(hash, expected, 32);
	must(store_service_find(home->store, home->tenant, str("notes"), &service));
	assert_true(bytes_is(service.yaml, "id: notes"));
}

static void it_has_one_default_binding(void **state)
{
	struct home *home = *state;
	struct binding_row row, second = home_binding(home);

	second.alias = str("work");
	must(store_binding_put(home->store, &second));
	must(store_binding_find(home->store, home->tenant, home->vault, str("github"), str(""),
				&row));
	assert_true(bytes_is(row.alias, "work"));
	must(store_binding_find(home->store, home->tenant, home->vault, str("github"), str("me"),
				&row));
	assert_false(row.is_default);
	answers(ERR_NOT_FOUND, store_binding_find(home->store, home->other, home->vault,
						  str("github"), str(""), &row));
	second.connection = id_new();
	answers(ERR_NOT_FOUND, store_binding_put(home->store, &second));
}

static enum err keep_alias(void *ctx, const struct connection_row *row)
{
	struct dynbuf *out = ctx;

	dynbuf_bytes(out, row->alias);
	dynbuf_u8(out, ' ');
	return OK;
}

static void it_lists_connections_by_user_and_service(void **state)
{
	struct home *home = *state;
	struct connection_row row = home_connection(home);
	const struct page page = { .limit = 10 };
	struct dynbuf out;

	row.id.b[0] = 0xff; /* after the other one */
	answers(ERR_EXISTS, store_connection_put(home->store, &row));
	row.account_id = str("4711");
	row.alias = str("second");
	row.service = str("slack");
	must(store_connection_put(home->store, &row));
	dynbuf_init(&out, 1000);
	must(store_connection_list(home->store, home->tenant, home->user, str("slack"), page,
				   keep_alias, &out));
	must(store_connection_list(home->store, home->tenant, (struct id){ { 0 } }, str("github"),
				   page, keep_alias, &out));
	must(store_connection_list(home->store, home->tenant, home->user, str(""), page, keep_alias,
				   &out));
	must(store_connection_list(home->store, home->other, (struct id){ { 0 } }, str(""), page,
				   keep_alias, &out));
	assert_true(bytes_is(dynbuf_view(&out), "second me me second "));
	dynbuf_done(&out);
}

static void it_finds_an_account_until_it_is_removed(void **state)
{
	struct home *home = *state;
	struct connection_row row, again = home_connection(home);

	must(store_connection_find(home->store, home->tenant, home->user, str("github"),
				   str(HOME_ACCOUNT), &row));
	assert_true(bytes_is(row.account_name, HOME_ACCOUNT_NAME));
	assert_true(bytes_is(row.access, HOME_BLOB));
	row.state = CONNECTION_REMOVED;
	row.revoked = FACT_PENDING;
	must(store_connection_update(home->store, &row));
	answers(ERR_NOT_FOUND, store_connection_find(home->store, home->tenant, home->user,
						     str("github"), str(HOME_ACCOUNT), &row));
	again.id = id_new();
	must(store_connection_put(home->store, &again));
}

static enum err count_due(void *ctx, const struct connection_row *row)
{
	(void)row;
	++*(int *)ctx;
	return OK;
}

static int due(struct home *home, enum store_due what, usec_t now)
{
	int n = 0;

	must(store_connection_due(home->store, what, now, 10, count_due, &n));
	return n;
}

static void it_names_what_is_due(void **state)
{
	struct home *home = *state;
	struct connection_row row;

	assert_int_equal(due(home, DUE_REFRESH_SOON, 999), 0);
	assert_int_equal(due(home, DUE_REFRESH_SOON, 1000), 1);
	must(store_connection_get(home->store, home->tenant, home->connection, &row));
	must(store_refresh_begin(home->store, &row, id_new()));
	assert_int_equal(due(home, DUE_REFRESH_SOON, 1000), 0);
	assert_int_equal(due(home, DUE_REFRESH_OPEN, 0), 1);
	row.state = CONNECTION_REMOVED;
	row.revoked = FACT_PENDING;
	row.revoke_at = 5;
	must(store_connection_update(home->store, &row));
	assert_int_equal(due(home, DUE_REFRESH_OPEN, 0), 1);
	assert_int_equal(due(home, DUE_REVOKE, 4), 0);
	assert_int_equal(due(home, DUE_REVOKE, 5), 1);
}

static void a_refresh_begins_once_and_ends_under_its_own_fence(void **state)
{
	struct home *home = *state;
	struct connection_row first, second;

	must(store_connection_get(home->store, home->tenant, home->connection, &first));
	second = first;
	must(store_refresh_begin(home->store, &first, id_new()));
	assert_int_equal(first.fence, 1);
	answers(ERR_CONFLICT, store_refresh_begin(home->store, &second, id_new()));
	answers(ERR_CONFLICT, store_refresh_begin(home->store, &first, id_new()));
	second.fence = 0;
	second.refresh_state = REFRESH_STORED;
	answers(ERR_CONFLICT, store_refresh_end(home->store, &second));
	first.refresh_state = REFRESH_STORED;
	first.access = str("new blob");
	must(store_refresh_end(home->store, &first));
	answers(ERR_CONFLICT, store_refresh_end(home->store, &first));
	must(store_connection_get(home->store, home->tenant, home->connection, &second));
	assert_true(bytes_is(second.access, "new blob"));
	assert_int_equal(second.refresh_state, REFRESH_STORED);
}

static void a_pause_outlives_the_refresh_under_way(void **state)
{
	struct home *home = *state;
	struct connection_row under_way, paused;

	must(store_connection_get(home->store, home->tenant, home->connection, &under_way));
	must(store_refresh_begin(home->store, &under_way, id_new()));
	paused = under_way;
	paused.state = CONNECTION_PAUSED;
	must(store_connection_update(home->store, &paused));
	under_way.refresh_state = REFRESH_STORED;
	under_way.access = str("new blob");
	must(store_refresh_end(home->store, &under_way));
	assert_int_equal(under_way.state, CONNECTION_PAUSED);
	must(store_connection_get(home->store, home->tenant, home->connection, &paused));
	assert_int_equal(paused.state, CONNECTION_PAUSED);
	assert_true(bytes_is(paused.access, "new blob"));
}

/* The connection as it is after a refresh that a removal overtook. */
static struct connection_row removed_under_way(struct home *home, enum revoke_fact revoked)
{
	struct connection_row row, removed;

	must(store_connection_get(home->store, home->tenant, home->connection, &row));
	must(store_refresh_begin(home->store, &row, id_new()));
	removed = row;
	removed.state = CONNECTION_REMOVED;
	removed.revoked = revoked;
	removed.access = removed.refresh = str("");
	must(store_connection_update(home->store, &removed));
	row.refresh_state = REFRESH_STORED;
	row.state = CONNECTION_REAUTH_REQUIRED;
	row.access = str("new blob");
	row.version++;
	must(store_refresh_end(home->store, &row));
	return row;
}

static void tokens_that_come_after_the_removal_are_kept_to_be_revoked(void **state)
{
	const struct connection_row row = removed_under_way(*state, FACT_YES);

	assert_int_equal(row.state, CONNECTION_REMOVED);
	assert_int_equal(row.revoked, FACT_PENDING);
	assert_true(bytes_is(row.access, "new blob"));
	assert_int_equal(due(*state, DUE_REVOKE, 1), 1);
	assert_int_equal(due(*state, DUE_REFRESH_OPEN, 0), 0);
}

static void tokens_that_cannot_be_revoked_are_not_kept_after_the_removal(void **state)
{
	const struct connection_row row = removed_under_way(*state, FACT_UNSUPPORTED);

	assert_int_equal(row.state, CONNECTION_REMOVED);
	assert_int_equal(row.revoked, FACT_UNSUPPORTED);
	assert_int_equal(row.access.n, 0);
	assert_int_equal(due(*state, DUE_REVOKE, 1), 0);
	assert_int_equal(due(*state, DUE_REFRESH_OPEN, 0), 0);
}

static void a_token_is_known_until_revoked_or_expired(void **state)
{
	struct home *home = *state;
	struct own_token_row row;

	must(store_token_find(home->store, str(HOME_TOKEN), 99, &row));
	assert_true(id_eq(row.object, home->vault));
	answers(ERR_EXPIRED, store_token_find(home->store, str(HOME_TOKEN), 100, &row));
	answers(ERR_NOT_FOUND, store_token_find(home->store, str("vk_vault_other"), 1, &row));
	must(store_token_revoke(home->store, home->other, OWN_VAULT, home->vault));
	must(store_token_revoke(home->store, home->tenant, OWN_CLIENT, home->vault));
	must(store_token_find(home->store, str(HOME_TOKEN), 1, &row));
	must(store_token_revoke(home->store, home->tenant, OWN_VAULT, home->vault));
	answers(ERR_NOT_FOUND, store_token_find(home->store, str(HOME_TOKEN), 1, &row));
}

static void a_consent_goes_one_way_and_returns_once(void **state)
{
	struct home *home = *state;
	const struct bytes mine = str("browser 1"), theirs = str("browser 2");
	struct consent_row row, back;

	must(store_consent_find(home->store, str(HOME_TICKET), 1, &row));
	answers(ERR_USED, store_consent_send(home->store, &row, mine, str("s1")));
	must(store_consent_open(home->store, &row, mine));
	must(store_consent_open(home->store, &row, mine));
	answers(ERR_USED, store_consent_open(home->store, &row, theirs));
	answers(ERR_USED, store_consent_send(home->store, &row, theirs, str("s1")));
	row.verifier = str(HOME_VERIFIER);
	must(store_consent_send(home->store, &row, mine, str("s1")));
	must(store_consent_send(home->store, &row, mine, str("s2")));
	answers(ERR_NOT_FOUND, store_consent_return(home->store, str("s1"), mine, 1, &back));
	answers(ERR_NOT_FOUND, store_consent_return(home->store, str("s2"), theirs, 1, &back));
	answers(ERR_EXPIRED, store_consent_return(home->store, str("s2"), mine, 100, &back));
	must(store_consent_return(home->store, str("s2"), mine, 99, &back));
	assert_true(bytes_is(back.verifier, HOME_VERIFIER));
	answers(ERR_USED, store_consent_return(home->store, str("s2"), mine, 99, &back));
	row.state = CONSENT_DONE;
	answers(ERR_CONFLICT, store_consent_end(home->store, &row));
	back.state = CONSENT_DONE;
	back.connection = home->connection;
	must(store_consent_end(home->store, &back));
	answers(ERR_CONFLICT, store_consent_end(home->store, &back));
	must(store_consent_find(home->store, str(HOME_TICKET), 1, &row));
	assert_int_equal(row.state, CONSENT_DONE);
	assert_int_equal(row.verifier.n, 0);
	answers(ERR_EXPIRED, store_consent_find(home->store, str(HOME_TICKET), 100, &row));
}

static void another_generation_ends_consents_and_no_standing_token(void **state)
{
	struct home *home = *state;
	struct own_token_row token;
	struct consent_row row;
	const struct bytes mine = str("browser");

	must(store_consent_find(home->store, str(HOME_TICKET), 1, &row));
	must(store_consent_open(home->store, &row, mine));
	must(store_consent_send(home->store, &row, mine, str("s")));
	home_reopen(home, 8);
	must(store_token_find(home->store, str(HOME_TOKEN), 1, &token));
	answers(ERR_EXPIRED, store_consent_find(home->store, str(HOME_TICKET), 1, &row));
	answers(ERR_EXPIRED, store_consent_return(home->store, str("s"), mine, 1, &row));
}

static void a_savepoint_backs_out_one_request_alone(void **state)
{
	struct home *home = *state;
	uint64_t v;

	must(store_savepoint(home->store));
	must(store_meta_put(home->store, "one", 1));
	must(store_savepoint_end(home->store, true));
	must(store_savepoint(home->store));
	must(store_meta_put(home->store, "two", 2));
	must(store_savepoint_end(home->store, false));
	home_reopen(home, 7);
	must(store_meta_get(home->store, "one", &v));
	assert_int_equal(v, 1);
	answers(ERR_NOT_FOUND, store_meta_get(home->store, "two", &v));
}

static void a_rollback_undoes_the_batch(void **state)
{
	struct home *home = *state;
	uint64_t v;

	must(store_meta_put(home->store, "one", 1));
	store_rollback(home->store);
	assert_int_equal(store_meta_get(home->store, "one", &v), FAULT_BUG);
	must(store_begin(home->store));
	answers(ERR_NOT_FOUND, store_meta_get(home->store, "one", &v));
}

static enum err drop_event(void *ctx, const struct outbox_row *row)
{
	struct home *home = ctx;

	home->seen += (int)row->record.n;
	return store_outbox_del(home->store, row->event);
}

static void the_outbox_holds_records_until_they_are_deleted(void **state)
{
	struct home *home = *state;

	for (int i = 0; i < 1200; i++)
		must(store_outbox_put(home->store, id_new(), str("record")));
	must(store_outbox_list(home->store, drop_event, home));
	assert_int_equal(home->seen, 1200 * 6);
	home->seen = 0;
	must(store_outbox_list(home->store, drop_event, home));
	assert_int_equal(home->seen, 0);
}

static void a_second_store_is_kept_out(void **state)
{
	struct home *home = *state;
	struct store *second = NULL;
	const struct store_keys keys = home_keys(7);
	int status;

	answers(ERR_CONFLICT, store_open(home->dir, &keys, &second));
	const pid_t child = fork();
	if (child == 0)
		_exit(store_open(home->dir, &keys, &second) == ERR_CONFLICT ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void other_keys_read_nothing(void **state)
{
	struct home *home = *state;
	struct tenant_row row;

	must(store_commit(home->store));
	store_close(&home->store);
	struct store_keys keys = home_keys(7);
	keys.rowmac = keys.text;
	must(store_open(home->dir, &keys, &home->store));
	must(store_begin(home->store));
	answers(ERR_FORGED, store_tenant_find(home->store, str("default"), &row));
}

static void a_backup_is_a_whole_database(void **state)
{
	struct home *home = *state;
	struct user_row row;
	uint64_t v;

	home_reopen(home, 7);
	must(store_meta_put(home->store, "uncommitted", 1));
	assert_int_equal(mkdirat(home->dir, "copy", 0700), 0);
	const int copy = openat(home->dir, "copy", O_RDONLY | O_DIRECTORY);
	must(store_backup(home->store, copy, "state.db"));
	answers(ERR_EXISTS, store_backup(home->store, copy, "state.db"));
	must(store_commit(home->store));
	store_close(&home->store);
	const struct store_keys keys = home_keys(7);
	must(store_open(copy, &keys, &home->store));
	must(store_begin(home->store));
	must(store_user_get(home->store, home->tenant, home->user, &row));
	answers(ERR_NOT_FOUND, store_meta_get(home->store, "uncommitted", &v));
	close(copy);
}

static void what_was_committed_outlives_a_kill(void **state)
{
	struct home *home = *state;
	const struct store_keys keys = home_keys(7);

	for (int round = 0; round < 12; round++) {
		uint64_t told = 0, found = 0, got;
		int pipes[2];
		must(store_commit(home->store));
		store_close(&home->store);
		assert_int_equal(pipe(pipes), 0);
		const pid_t child = fork();
		if (child == 0) {
			if (store_open(home->dir, &keys, &home->store) != OK)
				_exit(1);
			for (uint64_t i = 1;; i++) {
				if (store_begin(home->store) != OK ||
				    store_meta_put(home->store, "n", i) != OK ||
				    store_meta_put(home->store, "m", i) != OK ||
				    store_commit(home->store) != OK ||
				    write(pipes[1], &i, sizeof i) != sizeof i)
					_exit(1);
			}
		}
		close(pipes[1]);
		assert_int_equal(read(pipes[0], &got, sizeof got), sizeof got);
		usleep((useconds_t)(rand() % 20000));
		assert_int_equal(kill(child, SIGKILL), 0);
		told = got;
		while (read(pipes[0], &got, sizeof got) == (ssize_t)sizeof got)
			told = got;
		assert_int_equal(waitpid(child, NULL, 0), child);
		close(pipes[0]);
		must(store_open(home->dir, &keys, &home->store));
		must(store_begin(home->store));
		must(store_meta_get(home->store, "n", &found));
		must(store_meta_get(home->store, "m", &got));
		assert_int_equal(found, got);
		assert_true(found == told || found == told + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		home_test(it_keeps_users_apart_by_tenant),
		home_test(another_tenants_object_is_like_none),
		home_test(it_finds_tenants_by_name_and_lists_them_in_pages),
		home_test(it_updates_only_the_revision_that_was_read),
		home_test(it_replaces_a_client_only_where_the_revision_fits),
		home_test(it_answers_the_hash_of_a_policy_and_of_a_service),
		home_test(it_has_one_default_binding),
		home_test(it_lists_connections_by_user_and_service),
		home_test(it_finds_an_account_until_it_is_removed),
		home_test(it_names_what_is_due),
		home_test(a_refresh_begins_once_and_ends_under_its_own_fence),
		home_test(a_pause_outlives_the_refresh_under_way),
		home_test(tokens_that_come_after_the_removal_are_kept_to_be_revoked),
		home_test(tokens_that_cannot_be_revoked_are_not_kept_after_the_removal),
		home_test(a_token_is_known_until_revoked_or_expired),
		home_test(a_consent_goes_one_way_and_returns_once),
		home_test(another_generation_ends_consents_and_no_standing_token),
		home_test(a_savepoint_backs_out_one_request_alone),
		home_test(a_rollback_undoes_the_batch),
		home_test(the_outbox_holds_records_until_they_are_deleted),
		home_test(a_second_store_is_kept_out),
		home_test(other_keys_read_nothing),
		home_test(a_backup_is_a_whole_database),
		home_test(what_was_committed_outlives_a_kill),
	};

	return crypto_init() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
