/* SPDX-License-Identifier: Apache-2.0 */
#include "model/scopes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void it_is_sorted_and_without_doubles(void **state)
{
	char text[SCOPES_MAX_BYTES + 1];
	struct scopes scopes;

	assert_int_equal(scopes_parse(str(" repo,admin repo,, a:b "), " ,", &scopes), OK);
	assert_int_equal(scopes_print(&scopes, text), OK);
	assert_string_equal(text, "a:b admin repo");
	assert_true(scopes_has(&scopes, str("repo")));
	assert_false(scopes_has(&scopes, str("rep")));
	assert_int_equal(scopes_parse(str(""), " ", &scopes), OK);
	assert_int_equal(scopes.n, 0);
}

static void it_meets_and_subtracts(void **state)
{
	struct scopes a, b, out;
	char text[SCOPES_MAX_BYTES + 1];

	assert_int_equal(scopes_parse(str("d c b a"), " ", &a), OK);
	assert_int_equal(scopes_parse(str("b x d"), " ", &b), OK);
	scopes_meet(&a, &b, &out);
	assert_int_equal(scopes_print(&out, text), OK);
	assert_string_equal(text, "b d");
	scopes_without(&a, &b, &out);
	assert_int_equal(scopes_print(&out, text), OK);
	assert_string_equal(text, "a c");
	scopes_meet(&a, &b, &a);
	assert_int_equal(a.n, 2);
}

static void it_takes_only_the_characters_of_rfc_6749(void **state)
{
	struct scopes scopes;

	assert_int_equal(scopes_parse(str("a\"b"), " ", &scopes), ERR_MALFORMED);
	assert_int_equal(scopes_parse(str("a\\b"), " ", &scopes), ERR_MALFORMED);
	assert_int_equal(scopes_parse(str("a\tb"), " ", &scopes), ERR_MALFORMED);
	assert_int_equal(scopes_parse(str("a\x7f"), " ", &scopes), ERR_MALFORMED);
	assert_int_equal(scopes_parse(str("\xc3\xa4"), " ", &scopes), ERR_MALFORMED);
	assert_int_equal(scopes_parse((struct bytes){ (const uint8_t *)"a\0b", 3 }, " ", &scopes),
			 ERR_MALFORMED);
	assert_int_equal(scopes_parse(str("!#[]~"), " ", &scopes), OK);
}

static void it_ends_at_its_bounds(void **state)
{
	char many[4 * (SCOPES_MAX + 1) + 1] = "", longest[SCOPE_MAX_BYTES + 2];
	char text[SCOPES_MAX_BYTES + 1];
	struct scopes scopes = { 0 };

	for (int i = 0; i <= SCOPES_MAX; i++) {
		const char word[] = { (char)('a' + i / 26), (char)('a' + i % 26), 'x', ' ', 0 };
		strcat(many, word);
	}
	assert_int_equal(scopes_parse(str(many), " ", &scopes), ERR_TOO_LARGE);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	assert_int_equal(scopes_add(&scopes, str(longest)), ERR_MALFORMED);
	longest[SCOPE_MAX_BYTES] = 0;
	for (scopes.n = 0; scopes.n < 5; scopes.n++)
		scopes.at[scopes.n] = str(longest);
	assert_int_equal(scopes_print(&scopes, text), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_sorted_and_without_doubles),
		cmocka_unit_test(it_meets_and_subtracts),
		cmocka_unit_test(it_takes_only_the_characters_of_rfc_6749),
		cmocka_unit_test(it_ends_at_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
