/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct throttle_rate rate = { .burst = 3, .every = 2 * USEC_PER_S };
static struct throttle throttle;

static int clean(void **state)
{
	memset(&throttle, 0, sizeof throttle);
	return 0;
}

static struct id key_of(unsigned n)
{
	struct id key = { { 1 } };

	for (unsigned i = 0; i < 4; i++)
		key.b[12 + i] = (uint8_t)(n >> (24 - 8 * i));
	return key;
}

static void a_burst_is_let_through_and_then_one_at_a_time(void **state)
{
	const struct id key = key_of(7);
	usec_t now = 100 * USEC_PER_S;

	for (unsigned i = 0; i < rate.burst; i++) {
		assert_int_equal(throttle_wait(&throttle, key, rate, now), 0);
		throttle_take(&throttle, key, rate, now);
	}
	assert_int_equal(throttle_wait(&throttle, key, rate, now), rate.every);
	now += rate.every - 1;
	assert_int_equal(throttle_wait(&throttle, key, rate, now), 1);
	now += 1;
	assert_int_equal(throttle_wait(&throttle, key, rate, now), 0);
	throttle_take(&throttle, key, rate, now);
	assert_int_equal(throttle_wait(&throttle, key, rate, now), rate.every);
}

static void a_full_bucket_holds_no_more_than_its_burst(void **state)
{
	const struct id key = key_of(8);
	const usec_t later = 1000000 * USEC_PER_S;

	throttle_take(&throttle, key, rate, USEC_PER_S);
	for (unsigned i = 0; i < rate.burst; i++) {
		assert_int_equal(throttle_wait(&throttle, key, rate, later), 0);
		throttle_take(&throttle, key, rate, later);
	}
	assert_int_not_equal(throttle_wait(&throttle, key, rate, later), 0);
}

static void keys_do_not_share_a_bucket(void **state)
{
	const usec_t now = USEC_PER_S;

	for (unsigned i = 0; i < rate.burst; i++)
		throttle_take(&throttle, key_of(1), rate, now);
	assert_int_not_equal(throttle_wait(&throttle, key_of(1), rate, now), 0);
	assert_int_equal(throttle_wait(&throttle, key_of(2), rate, now), 0);
	/* The same set of the table, another key. */
	assert_int_equal(throttle_wait(&throttle, key_of(1 + 65536), rate, now), 0);
}

static void a_crowd_makes_the_oldest_way_and_nothing_grows(void **state)
{
	usec_t now = USEC_PER_S;

	for (unsigned i = 0; i < rate.burst; i++)
		throttle_take(&throttle, key_of(5), rate, now);
	for (unsigned i = 1; i <= THROTTLE_WAYS; i++)
		throttle_take(&throttle, key_of(5 + 65536 * i), rate, now += 1);
	assert_int_equal(throttle_wait(&throttle, key_of(5), rate, now), 0);
	for (unsigned i = 1; i <= THROTTLE_WAYS; i++) {
		throttle_take(&throttle, key_of(5 + 65536 * i), rate, now);
		throttle_take(&throttle, key_of(5 + 65536 * i), rate, now);
		assert_int_not_equal(throttle_wait(&throttle, key_of(5 + 65536 * i), rate, now), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_burst_is_let_through_and_then_one_at_a_time, clean),
		cmocka_unit_test_setup(a_full_bucket_holds_no_more_than_its_burst, clean),
		cmocka_unit_test_setup(keys_do_not_share_a_bucket, clean),
		cmocka_unit_test_setup(a_crowd_makes_the_oldest_way_and_nothing_grows, clean),
	};

	return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
