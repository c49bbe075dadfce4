/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises about clients that register themselves, and what may be seen once. */
#include "core/store/test_home.h"

#define S      USEC_PER_S
#define TICKET "vk_ticket_pushed0123456789"

static const usec_t begin = 1782907200 * S;

static struct registration_row registration(const struct home *home)
{
	return (struct registration_row){
		.id = id_new(),
		.tenant = home->tenant,
		.agent = home->agent,
		.origin = REGISTRATION_DYNAMIC,
		.meta = str("{\"client_name\":\"One\"}"),
		.created = begin,
	};
}

static enum err take_one(void *ctx, const struct registration_row *row)
{
	(*(size_t *)ctx)++;
	return OK;
}

static size_t idle(struct home *home, usec_t made, usec_t used)
{
	size_t n = 0;

	must(store_registration_idle(home->store, made, used, take_one, &n));
	return n;
}

static void a_registration_belongs_to_one_agent_of_one_tenant(void **state)
{
	struct home *home = *state;
	struct registration_row row = registration(home), found;
	uint64_t n;

	must(store_registration_put(home->store, &row));
	must(store_registration_find(home->store, home->tenant, home->agent, &found));
	assert_true(bytes_is(found.meta, "{\"client_name\":\"One\"}"));
	assert_int_equal(found.origin, REGISTRATION_DYNAMIC);
	answers(ERR_NOT_FOUND,
		store_registration_find(home->store, home->other, home->agent, &found));
	must(store_registration_count(home->store, &n));
	assert_int_equal(n, 1);
	row.id = id_new();
	answers(ERR_EXISTS, store_registration_put(home->store, &row));
	row.agent = id_new();
	answers(ERR_NOT_FOUND, store_registration_put(home->store, &row));
}

static void a_registration_is_idle_by_its_last_use_or_its_making(void **state)
{
	struct home *home = *state;
	struct registration_row row = registration(home);

	must(store_registration_put(home->store, &row));
	assert_int_equal(idle(home, begin - 1, begin + 100), 0);
	assert_int_equal(idle(home, begin, 0), 1);
	row.used = begin + 50;
	must(store_registration_update(home->store, &row));
	assert_int_equal(idle(home, begin + 100, begin + 49), 0);
	assert_int_equal(idle(home, 0, begin + 50), 1);
	row.origin = REGISTRATION_OPERATOR;
	must(store_registration_update(home->store, &row));
	assert_int_equal(idle(home, begin + 100, begin + 100), 0);
	uint64_t n;
	must(store_registration_count(home->store, &n));
	assert_int_equal(n, 0);
	struct registration_row old = row;
	old.rev = 0;
	answers(ERR_CONFLICT, store_registration_update(home->store, &old));
}

static void a_removed_registration_takes_its_agent_along_if_nothing_names_it(void **state)
{
	struct home *home = *state;
	struct registration_row row = registration(home);
	struct agent_row agent = { .id = id_new(),
				   .tenant = home->tenant,
				   .name = str("n"),
				   .client_id = str("agent_alone"),
				   .state = AGENT_ACTIVE };

	must(store_registration_put(home->store, &row));
	must(store_agent_put(home->store, &agent));
	row.id = id_new();
	row.agent = agent.id;
	must(store_registration_put(home->store, &row));
	must(store_registration_del(home->store, home->tenant, agent.id));
	must(store_registration_del(home->store, home->tenant, home->agent));
	answers(ERR_NOT_FOUND, store_agent_get(home->store, home->tenant, agent.id, &agent));
	/* A vault of the home is its agent's. */
	must(store_agent_get(home->store, home->tenant, home->agent, &agent));
}

static void what_was_seen_stays_seen_until_it_is_too_old_anyway(void **state)
{
	struct home *home = *state;
	const uint8_t one[32] = { 1 }, two[32] = { 2 };

	must(store_seen(home->store, one, begin + 10 * S));
	must(store_seen(home->store, two, begin + 20 * S));
	answers(ERR_USED, store_seen(home->store, one, begin + 10 * S));
	home_reopen(home, 7);
	answers(ERR_USED, store_seen(home->store, one, begin + 10 * S));
	must(store_seen_sweep(home->store, begin + 10 * S));
	must(store_seen(home->store, one, begin + 30 * S));
	answers(ERR_USED, store_seen(home->store, two, begin + 20 * S));
}

static void a_pushed_request_is_used_once_and_before_its_end(void **state)
{
	struct home *home = *state;
	const struct pushed_row row = { .id = id_new(),
					.tenant = home->tenant,
					.agent = home->agent,
					.text = str("state=secret"),
					.expires = begin + 60 * S };
	struct pushed_row found;

	must(store_pushed_put(home->store, &row, str(TICKET)));
	answers(ERR_NOT_FOUND, store_pushed_find(home->store, str("other"), begin, &found));
	answers(ERR_EXPIRED, store_pushed_find(home->store, str(TICKET), begin + 60 * S, &found));
	must(store_pushed_find(home->store, str(TICKET), begin, &found));
	assert_true(bytes_is(found.text, "state=secret"));
	home_reopen(home, 7);
	must(store_pushed_use(home->store, str(TICKET), begin));
	answers(ERR_USED, store_pushed_use(home->store, str(TICKET), begin));
	answers(ERR_USED, store_pushed_find(home->store, str(TICKET), begin, &found));
	must(store_seen_sweep(home->store, begin + 60 * S));
	answers(ERR_NOT_FOUND, store_pushed_find(home->store, str(TICKET), begin, &found));
}

static void a_pushed_request_of_another_generation_has_expired(void **state)
{
	struct home *home = *state;
	const struct pushed_row row = { .id = id_new(),
					.tenant = home->tenant,
					.agent = home->agent,
					.expires = begin + 60 * S };
	struct pushed_row found;

	must(store_pushed_put(home->store, &row, str(TICKET)));
	home_reopen(home, 8);
	answers(ERR_EXPIRED, store_pushed_find(home->store, str(TICKET), begin, &found));
	answers(ERR_EXPIRED, store_pushed_use(home->store, str(TICKET), begin));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		home_test(a_registration_belongs_to_one_agent_of_one_tenant),
		home_test(a_registration_is_idle_by_its_last_use_or_its_making),
		home_test(a_removed_registration_takes_its_agent_along_if_nothing_names_it),
		home_test(what_was_seen_stays_seen_until_it_is_too_old_anyway),
		home_test(a_pushed_request_is_used_once_and_before_its_end),
		home_test(a_pushed_request_of_another_generation_has_expired),
	};

	return cmocka_run_group_tests_name("registrations", tests, NULL, NULL);
}
