/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/fetch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_is_fetched_is_used_for_a_minute_at_least_and_a_day_at_most(void **state)
{
	static const struct {
		const char *says;
		uint64_t seconds;
	} cases[] = {
		{ "", FETCH_LIFE_S },
		{ "public", FETCH_LIFE_S },
		{ "max-age=600", 600 },
		{ "public, max-age=600", 600 },
		{ "Max-Age=600", 600 },
		{ "max-age=0", FETCH_LIFE_MIN_S },
		{ "max-age=59", FETCH_LIFE_MIN_S },
		{ "max-age=60", 60 },
		{ "max-age=86400", 86400 },
		{ "max-age=86401", FETCH_LIFE_MAX_S },
		{ "max-age=99999999999999999999999", FETCH_LIFE_S },
		{ "max-age=-1", FETCH_LIFE_S },
		{ "max-age=", FETCH_LIFE_S },
		{ "s-maxage=600", FETCH_LIFE_S },
		{ "no-store", FETCH_LIFE_MIN_S },
		{ "no-cache", FETCH_LIFE_MIN_S },
		{ "max-age=600, no-store", FETCH_LIFE_MIN_S },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (fetch_life_s(str(cases[i].says)) != cases[i].seconds)
			fail_msg("%s", cases[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_fetched_is_used_for_a_minute_at_least_and_a_day_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
