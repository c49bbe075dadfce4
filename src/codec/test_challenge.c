/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/challenge.h"

/* The value, or NULL for what is refused; @err is then what it must be. */
static void finds(const char *header, const char *name, const char *value, enum err err)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 64);
	assert_int_equal(challenge_find(str(header), "bearer", name, &out), err);
	if (value != NULL)
		assert_true(bytes_is(dynbuf_view(&out), value));
}

static void a_parameter_is_found_quoted_or_not(void **state)
{
	(void)state;
	finds("Bearer scope=\"a b\", realm=x", "scope", "a b", OK);
	finds("Bearer scope=\"a b\", realm=x", "Realm", "x", OK);
	finds("bearer SCOPE = \"a\\\"b\\\\\"", "scope", "a\"b\\", OK);
	finds("Bearer scope=\"\"", "scope", "", OK);
}

static void each_challenge_has_its_own_parameters(void **state)
{
	(void)state;
	finds("Basic realm=\"one\", Bearer realm=\"two\"", "realm", "two", OK);
	finds("Negotiate YWJj==, Bearer realm=\"two\"", "realm", "two", OK);
	finds("Negotiate, Bearer realm=\"two\"", "realm", "two", OK);
	finds("DPoP scope=\"x\", Bearer", "scope", NULL, ERR_NOT_FOUND);
	finds("Bearer realm=\"one\", Bearer scope=\"x\"", "scope", NULL, ERR_NOT_FOUND);
	finds("Bearer a=\"1, scope=2\"", "scope", NULL, ERR_NOT_FOUND);
	finds("Basic realm=\"one\"", "realm", NULL, ERR_NOT_FOUND);
	finds("Bearer scope=", "scope", NULL, ERR_NOT_FOUND); /* a token68 */
	finds("", "realm", NULL, ERR_NOT_FOUND);
}

static void what_cannot_be_read_is_refused(void **state)
{
	(void)state;
	finds("Bearer scope=\"a", "scope", NULL, ERR_MALFORMED);
	finds("Bearer scope=\"a\\", "scope", NULL, ERR_MALFORMED);
	finds("Bearer scope=a, scope=b", "scope", NULL, ERR_MALFORMED);
	finds("Bearer \"scope\"=a", "scope", NULL, ERR_MALFORMED);
	finds("Bearer\x01scope=a", "scope", NULL, ERR_MALFORMED);
	finds("Bearer "
	      "scope=\"0123456789012345678901234567890123456789012345678901234567890123456\"",
	      "scope", NULL, ERR_TOO_LARGE);
}

static void a_scheme_is_there_or_not(void **state)
{
	(void)state;
	assert_true(challenge_has(str("Bearer"), "Bearer"));
	assert_true(challenge_has(str("Basic realm=x, bearer"), "Bearer"));
	assert_false(challenge_has(str("Basic bearer=x"), "Bearer"));
	assert_false(challenge_has(str("Bearer x=\""), "Bearer"));
	assert_false(challenge_has(str(""), "Bearer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parameter_is_found_quoted_or_not),
		cmocka_unit_test(each_challenge_has_its_own_parameters),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(a_scheme_is_there_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
