/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises of approvals and authenticators. */
#include "core/store/test_home.h"

static struct approval_row approval_of(struct home *home)
{
	struct approval_row row;

	must(store_approval_get(home->store, home->tenant, home->approval, &row));
	return row;
}

static void it_keeps_what_was_asked_sealed_beside_it(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home);
	struct bytes text;

	assert_int_equal(row.state, APPROVAL_PENDING);
	assert_true(bytes_is(row.summary, HOME_SUMMARY));
	assert_true(bytes_is(row.reason, HOME_REASON));
	must(store_approval_text(home->store, &row, APPROVAL_TEXT_PAYLOAD, &text));
	assert_true(bytes_is(text, HOME_PAYLOAD));
	answers(ERR_NOT_FOUND, store_approval_text(home->store, &row, APPROVAL_TEXT_RESULT, &text));
	answers(ERR_NOT_FOUND, store_approval_get(home->store, home->other, home->approval, &row));
}

static void the_first_decision_wins(void **state)
{
	struct home *home = *state;
	struct approval_row first = approval_of(home), second = first;

	must(store_approval_decide(home->store, &first, APPROVAL_APPROVED, 1));
	answers(ERR_USED, store_approval_decide(home->store, &second, APPROVAL_DENIED, 1));
	answers(ERR_USED, store_approval_decide(home->store, &second, APPROVAL_APPROVED, 1));
	answers(ERR_USED, store_approval_decide(home->store, &second, APPROVAL_CANCELLED, 1));
	assert_int_equal(approval_of(home).state, APPROVAL_APPROVED);
}

static void a_denial_is_final_and_drops_the_bytes(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home), again = row;
	struct bytes text;

	must(store_approval_decide(home->store, &row, APPROVAL_DENIED, 1));
	answers(ERR_APPROVAL_DENIED,
		store_approval_decide(home->store, &again, APPROVAL_APPROVED, 1));
	answers(ERR_APPROVAL_DENIED, store_approval_consume(home->store, &again, 1));
	answers(ERR_NOT_FOUND,
		store_approval_text(home->store, &row, APPROVAL_TEXT_PAYLOAD, &text));
}

static void it_is_consumed_once_and_only_when_approved(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home), again;

	answers(ERR_CONFLICT, store_approval_consume(home->store, &row, 1));
	must(store_approval_decide(home->store, &row, APPROVAL_APPROVED, 1));
	again = row;
	must(store_approval_consume(home->store, &row, 1));
	answers(ERR_USED, store_approval_consume(home->store, &again, 1));
	answers(ERR_USED, store_approval_decide(home->store, &again, APPROVAL_EXPIRED, 1));
}

static void what_is_over_is_neither_decided_nor_consumed(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home);

	answers(ERR_EXPIRED, store_approval_decide(home->store, &row, APPROVAL_APPROVED, 100));
	must(store_approval_decide(home->store, &row, APPROVAL_APPROVED, 99));
	answers(ERR_EXPIRED, store_approval_consume(home->store, &row, 100));
	must(store_approval_decide(home->store, &row, APPROVAL_EXPIRED, 100));
	answers(ERR_EXPIRED, store_approval_consume(home->store, &row, 1));
}

static void of_another_generation_it_is_dead(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home);

	must(store_approval_decide(home->store, &row, APPROVAL_APPROVED, 1));
	home_reopen(home, 8);
	answers(ERR_EXPIRED, store_approval_consume(home->store, &row, 1));
}

static void its_outcome_is_said_once_and_the_result_stays_until_it_is_forgotten(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home), again, found;
	const struct id attempt = id_new();
	struct bytes text;

	answers(ERR_CONFLICT,
		store_approval_settle(home->store, &row, APPROVAL_OK, str("done"), 1000));
	must(store_approval_decide(home->store, &row, APPROVAL_APPROVED, 1));
	must(store_approval_consume(home->store, &row, 1));
	must(store_approval_try(home->store, &row, attempt));
	must(store_approval_attempt(home->store, attempt, &found));
	assert_true(id_eq(found.id, home->approval));
	again = row;
	must(store_approval_settle(home->store, &row, APPROVAL_OK, str("done"), 1000));
	answers(ERR_USED,
		store_approval_settle(home->store, &again, APPROVAL_FAILED, str("no"), 1000));
	answers(ERR_CONFLICT, store_approval_try(home->store, &again, id_new()));
	must(store_approval_heard(home->store, &row, 500));
	assert_int_equal(approval_of(home).kept_until, 500);
	must(store_approval_text(home->store, &row, APPROVAL_TEXT_RESULT, &text));
	assert_true(bytes_is(text, "done"));
	answers(ERR_NOT_FOUND,
		store_approval_text(home->store, &row, APPROVAL_TEXT_PAYLOAD, &text));
	must(store_approval_forget(home->store, &row));
	answers(ERR_NOT_FOUND, store_approval_text(home->store, &row, APPROVAL_TEXT_RESULT, &text));
}

static enum err count(void *ctx, const struct approval_row *row)
{
	(void)row;
	++*(int *)ctx;
	return OK;
}

static int due(struct home *home, enum store_approval_due what, usec_t now)
{
	int n = 0;

	must(store_approval_due(home->store, what, now, 10, count, &n));
	return n;
}

static void what_has_to_be_done_is_found(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home);
	int n = 0;

	must(store_approval_live(home->store, home->tenant, home->vault, 10, count, &n));
	assert_int_equal(n, 1);
	assert_int_equal(due(home, APPROVAL_DUE_EXPIRED, 99), 0);
	assert_int_equal(due(home, APPROVAL_DUE_EXPIRED, 100), 1);
	assert_int_equal(due(home, APPROVAL_DUE_APPROVED, 1), 0);
	must(store_approval_decide(home->store, &row, APPROVAL_APPROVED, 1));
	assert_int_equal(due(home, APPROVAL_DUE_APPROVED, 1), 1);
	must(store_approval_consume(home->store, &row, 1));
	assert_int_equal(due(home, APPROVAL_DUE_APPROVED, 1), 0);
	assert_int_equal(due(home, APPROVAL_DUE_OPEN, 1), 1);
	must(store_approval_settle(home->store, &row, APPROVAL_OK, str("done"), 1000));
	assert_int_equal(due(home, APPROVAL_DUE_OPEN, 1), 0);
	assert_int_equal(due(home, APPROVAL_DUE_KEPT, 999), 0);
	assert_int_equal(due(home, APPROVAL_DUE_KEPT, 1000), 1);
	n = 0;
	must(store_approval_live(home->store, home->tenant, home->vault, 10, count, &n));
	assert_int_equal(n, 0);
}

static enum err find(struct home *home)
{
	struct approval_row row;

	return store_approval_get(home->store, home->tenant, home->approval, &row);
}

static void only_what_is_over_and_old_is_deleted(void **state)
{
	struct home *home = *state;
	struct approval_row row = approval_of(home);

	must(store_approval_prune(home->store, 50, 10));
	must(find(home)); /* pending */
	must(store_approval_decide(home->store, &row, APPROVAL_APPROVED, 1));
	must(store_approval_consume(home->store, &row, 1));
	must(store_approval_prune(home->store, 50, 10));
	must(find(home)); /* open */
	must(store_approval_settle(home->store, &row, APPROVAL_OK, str("done"), 1000));
	must(store_approval_prune(home->store, 50, 10));
	must(find(home)); /* its result is kept */
	must(store_approval_forget(home->store, &row));
	must(store_approval_prune(home->store, 1, 10));
	must(find(home)); /* not older */
	must(store_approval_prune(home->store, 50, 10));
	answers(ERR_NOT_FOUND, find(home));
}

static void a_step_that_was_used_stays_used(void **state)
{
	struct home *home = *state;
	struct totp_row row, again;

	must(store_totp_get(home->store, home->tenant, home->user, &row));
	assert_true(bytes_is(row.secret, HOME_SEED));
	again = row;
	row.last_step = 5;
	must(store_totp_update(home->store, &row));
	again.last_step = 6;
	answers(ERR_CONFLICT, store_totp_update(home->store, &again));
	must(store_totp_get(home->store, home->tenant, home->user, &row));
	assert_int_equal(row.last_step, 5);
	answers(ERR_NOT_FOUND, store_totp_get(home->store, home->other, home->user, &row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		home_test(it_keeps_what_was_asked_sealed_beside_it),
		home_test(the_first_decision_wins),
		home_test(a_denial_is_final_and_drops_the_bytes),
		home_test(it_is_consumed_once_and_only_when_approved),
		home_test(what_is_over_is_neither_decided_nor_consumed),
		home_test(of_another_generation_it_is_dead),
		home_test(its_outcome_is_said_once_and_the_result_stays_until_it_is_forgotten),
		home_test(what_has_to_be_done_is_found),
		home_test(only_what_is_over_and_old_is_deleted),
		home_test(a_step_that_was_used_stays_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
