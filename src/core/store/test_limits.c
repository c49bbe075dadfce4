/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises about limits; it holds for every driver. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/store/test_home.h"

#define S USEC_PER_S

static const usec_t begin = 1782907200 * S;

static enum err spend(struct home *home, const struct store_spend *at, size_t n, usec_t now,
		      struct store_overspent *ret)
{
	const struct store_spends spends = { .tenant = home->tenant, .now = now, .n = n, .at = at };

	*ret = (struct store_overspent){ .which = 99, .again = 99 };
	return store_spend(home->store, &spends, ret);
}

static void a_window_never_holds_more_than_the_limit(void **state)
{
	enum { USES = 4000, MAX = 40 };
	static const usec_t windows[] = { 32 * S, 60 * S, 3600 * S };
	struct home *home = *state;
	usec_t *admitted = calloc(USES, sizeof *admitted);
	struct store_overspent over;

	srandom(7);
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		const usec_t window = windows[w];
		const struct store_spend one = { id_new(), window, MAX, 1 };
		usec_t now = begin;
		size_t n = 0, refused = 0;
		for (size_t i = 0; i < USES; i++) {
			/* Now a crowd, now a pause. */
			const usec_t step = random() % 50 == 0 ? window / 2 : window / MAX;
			now += (usec_t)random() % step;
			if (spend(home, &one, 1, now, &over) == OK)
				admitted[n++] = now;
			else
				refused++;
		}
		assert_true(n > MAX && refused > 0);
		for (size_t i = MAX; i < n; i++)
			assert_true(admitted[i] - admitted[i - MAX] >= window);
	}
	free(admitted);
}

static void it_says_to_the_microsecond_when_it_fits_again(void **state)
{
	struct home *home = *state;
	const struct store_spend three = { id_new(), 320 * S, 10, 3 };
	const struct store_spend four = { three.id, 320 * S, 10, 4 };
	struct store_overspent over;
	uint64_t spent;

	must(spend(home, &three, 1, begin + 5 * S, &over));
	must(spend(home, &three, 1, begin + 25 * S, &over));
	must(spend(home, &three, 1, begin + 29 * S, &over));
	answers(ERR_RATE_LIMITED, spend(home, &three, 1, begin + 30 * S, &over));
	assert_int_equal(over.which, 0);
	assert_true(over.again == begin + 330 * S); /* when the part of the first is past */
	answers(ERR_RATE_LIMITED, spend(home, &four, 1, begin + 30 * S, &over));
	assert_true(over.again == begin + 330 * S);
	answers(ERR_RATE_LIMITED, spend(home, &three, 1, over.again - 1, &over));
	must(store_spent(home->store, home->tenant, three.id, 320 * S, over.again - 1, &spent));
	assert_int_equal(spent, 9);
	must(store_spent(home->store, home->tenant, three.id, 320 * S, over.again, &spent));
	assert_int_equal(spent, 6);
	must(spend(home, &four, 1, over.again, &over));
	answers(ERR_RATE_LIMITED, spend(home, &three, 1, begin + 331 * S, &over));
	assert_true(over.again == begin + 350 * S); /* the second and the third are in one part */
}

static void what_is_more_than_the_limit_never_fits(void **state)
{
	struct home *home = *state;
	struct store_spend at = { id_new(), 60 * S, 10, 11 };
	struct store_overspent over;
	uint64_t spent;

	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin, &over));
	assert_int_equal(over.again, 0);
	at.amount = UINT64_MAX;
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin, &over));
	must(store_spent(home->store, home->tenant, at.id, 60 * S, begin, &spent));
	assert_int_equal(spent, 0);
	at.amount = 10;
	must(spend(home, &at, 1, begin, &over));
	at.amount = 0;
	must(spend(home, &at, 1, begin, &over));
	at.max = 9; /* a stricter policy came */
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin, &over));
	assert_true(over.again > begin);
}

static void a_budget_without_end_is_not_filled_up_again(void **state)
{
	struct home *home = *state;
	const struct store_spend at = { id_new(), 0, 3, 1 };
	struct store_overspent over;

	for (usec_t i = 0; i < 3; i++)
		must(spend(home, &at, 1, begin + i * 1000000 * S, &over));
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin + 900000000 * S, &over));
	assert_int_equal(over.again, 0);
	must(store_spent_sweep(home->store, begin + 2000000000 * S));
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin, &over));
}

static void it_spends_from_all_limits_or_from_none(void **state)
{
	struct home *home = *state;
	const struct store_spend at[] = {
		{ id_new(), 60 * S, 10, 1 },
		{ id_new(), 3600 * S, 2, 1 },
		{ id_new(), 86400 * S, 2, 1 },
	};
	struct store_overspent over;
	uint64_t spent;

	must(spend(home, at, 3, begin, &over));
	must(spend(home, at, 3, begin, &over));
	answers(ERR_RATE_LIMITED, spend(home, at, 3, begin, &over));
	assert_int_equal(over.which, 2); /* the one to wait for longest */
	assert_true(over.again > begin + 86400 * S);
	must(store_spent(home->store, home->tenant, at[0].id, 60 * S, begin, &spent));
	assert_int_equal(spent, 2);
	answers(ERR_RATE_LIMITED, spend(home, at, 2, begin, &over));
	assert_int_equal(over.which, 1);
	must(spend(home, at, 1, begin, &over));
	must(spend(home, at, 0, begin, &over));
}

static void a_clock_that_goes_back_stands_still(void **state)
{
	struct home *home = *state;
	const struct store_spend at = { id_new(), 60 * S, 2, 1 };
	struct store_overspent over;

	must(spend(home, &at, 1, begin, &over));
	must(spend(home, &at, 1, begin - 1000 * S, &over));
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin - 2000 * S, &over));
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin + 59 * S, &over));
	must(spend(home, &at, 1, begin + 62 * S, &over));
}

static void it_outlives_a_restart_and_is_told_apart_by_tenant(void **state)
{
	struct home *home = *state;
	const struct store_spend at = { id_new(), 60 * S, 1, 1 };
	struct store_overspent over;

	must(spend(home, &at, 1, begin, &over));
	home_reopen(home, 7);
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin, &over));
	const struct store_spends others = { home->other, begin, 1, &at };
	must(store_spend(home->store, &others, &over));
	answers(ERR_RATE_LIMITED, store_spend(home->store, &others, &over));
}

static void what_was_not_committed_was_not_spent(void **state)
{
	struct home *home = *state;
	const struct store_spend at = { id_new(), 60 * S, 1, 1 };
	struct store_overspent over;

	must(store_savepoint(home->store));
	must(spend(home, &at, 1, begin, &over));
	must(store_savepoint_end(home->store, false));
	must(spend(home, &at, 1, begin, &over));
	answers(ERR_RATE_LIMITED, spend(home, &at, 1, begin, &over));
}

static void a_counter_that_nothing_counts_in_is_forgotten(void **state)
{
	struct home *home = *state;
	const struct store_spend at = { id_new(), 32 * S, 5, 1 };
	struct store_overspent over;
	uint64_t spent;

	must(spend(home, &at, 1, begin, &over));
	must(store_spent_sweep(home->store, begin + 33 * S - 1));
	must(store_spent(home->store, home->tenant, at.id, 32 * S, begin, &spent));
	assert_int_equal(spent, 1);
	must(store_spent_sweep(home->store, begin + 33 * S));
	must(store_spent(home->store, home->tenant, at.id, 32 * S, begin, &spent));
	assert_int_equal(spent, 0);
}

static void a_counter_edited_by_hand_is_refused(void **state)
{
	struct home *home = *state;
	const struct store_spend at = { id_new(), 60 * S, 1, 1 };
	struct store_overspent over;
	sqlite3 *raw = NULL;
	char path[128];
	uint64_t spent;

	must(spend(home, &at, 1, begin, &over));
	answers(ERR_FORGED, store_spent(home->store, home->tenant, at.id, 61 * S, begin, &spent));
	must(store_commit(home->store));
	snprintf(path, sizeof path, "%s/state.db", home->path);
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(raw, "UPDATE counters SET counts = zeroblob(264)", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_changes(raw), 1);
	sqlite3_close(raw);
	must(store_begin(home->store));
	answers(ERR_FORGED, spend(home, &at, 1, begin, &over));
}

static void a_vault_has_one_draft(void **state)
{
	struct home *home = *state;
	struct policy_row draft = { .vault = home->vault,
				    .tenant = home->tenant,
				    .version = 1,
				    .yaml = str("name: one\n"),
				    .created = 5 };
	struct policy_row row;

	answers(ERR_NOT_FOUND, store_draft_get(home->store, home->tenant, home->vault, &row));
	must(store_draft_put(home->store, &draft));
	draft.yaml = str("name: two\n");
	draft.version = 2;
	must(store_draft_put(home->store, &draft));
	must(store_draft_get(home->store, home->tenant, home->vault, &row));
	assert_true(bytes_is(row.yaml, "name: two\n"));
	assert_int_equal(row.version, 2);
	answers(ERR_NOT_FOUND, store_draft_get(home->store, home->other, home->vault, &row));
	must(store_draft_del(home->store, home->other, home->vault));
	must(store_draft_get(home->store, home->tenant, home->vault, &row));
	must(store_draft_del(home->store, home->tenant, home->vault));
	answers(ERR_NOT_FOUND, store_draft_get(home->store, home->tenant, home->vault, &row));
	draft.vault = id_new();
	answers(ERR_NOT_FOUND, store_draft_put(home->store, &draft));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		home_test(a_window_never_holds_more_than_the_limit),
		home_test(it_says_to_the_microsecond_when_it_fits_again),
		home_test(what_is_more_than_the_limit_never_fits),
		home_test(a_budget_without_end_is_not_filled_up_again),
		home_test(it_spends_from_all_limits_or_from_none),
		home_test(a_clock_that_goes_back_stands_still),
		home_test(it_outlives_a_restart_and_is_told_apart_by_tenant),
		home_test(what_was_not_committed_was_not_spent),
		home_test(a_counter_that_nothing_counts_in_is_forgotten),
		home_test(a_counter_edited_by_hand_is_refused),
		home_test(a_vault_has_one_draft),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
