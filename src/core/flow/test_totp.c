/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/flow/totp.h"
#include "crypto/crypto.h"

static const char secret[] = "12345678901234567890";

/* RFC 6238, appendix B, the last six of eight digits. */
static void its_codes_are_those_of_the_rfc(void **state)
{
	static const struct {
		uint64_t time;
		const char *code;
	} vectors[] = {
		{ 59, "287082" },	  { 1111111109, "081804" }, { 1111111111, "050471" },
		{ 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
	};
	char code[7];

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		assert_int_equal(totp_code(str(secret), vectors[i].time / 30, code), OK);
		assert_string_equal(code, vectors[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(its_codes_are_those_of_the_rfc) };

	return crypto_init() != OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
