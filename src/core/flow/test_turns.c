/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MAX = 2, KEYS = 3 };

static struct map turns;

static int begin(void **state)
{
	map_init(&turns, KEYS);
	return 0;
}

static int end(void **state)
{
	turns_done(&turns);
	return 0;
}

static bool take_one(uint64_t key, struct turn *turn)
{
	bool now;

	assert_int_equal(turn_take(&turns, key, MAX, turn, &now), OK);
	return now;
}

static void so_many_are_at_it_and_the_others_come_in_order(void **state)
{
	struct turn t[6];

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(take_one(7, &t[i]), i < MAX);
	assert_ptr_equal(turn_leave(&turns, &t[1]), &t[2]);
	assert_ptr_equal(turn_leave(&turns, &t[0]), &t[3]);
	assert_ptr_equal(turn_leave(&turns, &t[3]), &t[4]);
	assert_ptr_equal(turn_leave(&turns, &t[2]), &t[5]);
	assert_null(turn_leave(&turns, &t[4]));
	assert_true(take_one(7, &t[0]));
	assert_false(take_one(7, &t[1]));
	assert_ptr_equal(turn_leave(&turns, &t[5]), &t[1]);
	assert_null(turn_leave(&turns, &t[0]));
	assert_null(turn_leave(&turns, &t[1]));
	assert_int_equal(turns.n, 0);
}

static void one_kind_does_not_wait_for_another(void **state)
{
	struct turn t[2 * MAX];

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_true(take_one(1 + i % 2, &t[i]));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_null(turn_leave(&turns, &t[i]));
	assert_int_equal(turns.n, 0);
}

static void there_is_a_ceiling_of_kinds(void **state)
{
	struct turn t[KEYS + 1];
	bool now;

	for (size_t i = 0; i < KEYS; i++)
		assert_true(take_one(1 + i, &t[i]));
	assert_int_equal(turn_take(&turns, 9, MAX, &t[KEYS], &now), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(so_many_are_at_it_and_the_others_come_in_order,
						begin, end),
		cmocka_unit_test_setup_teardown(one_kind_does_not_wait_for_another, begin, end),
		cmocka_unit_test_setup_teardown(there_is_a_ceiling_of_kinds, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
