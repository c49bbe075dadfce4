/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypto/crypto.h"

/* FIPS 180-4's "abc", also in parts. */
static void sha256_is_that_of_the_standard(void **state)
{
	static const uint8_t expected[] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	};
	const struct bytes parts[] = { str("a"), { NULL, 0 }, str("bc") };
	uint8_t out[SHA256_LEN];

	(void)state;
	sha256_one(str("abc"), out);
	assert_memory_equal(out, expected, sizeof out);
	sha256(parts, ARRAY_LEN(parts), out);
	assert_memory_equal(out, expected, sizeof out);
}

/* Computed with another implementation: keys of 32 bytes are in no vector of RFC 4231. */
static void mac_is_hmac_sha256(void **state)
{
	static const uint8_t expected[] = {
		0x09, 0x98, 0x05, 0xf4, 0xac, 0x31, 0x07, 0x86, 0x96, 0x85, 0x65,
		0xc0, 0x98, 0xdb, 0x51, 0x5c, 0xc5, 0x08, 0x62, 0xb4, 0x20, 0xae,
		0x31, 0xe2, 0x02, 0x38, 0x31, 0x23, 0x44, 0xbe, 0xd3, 0x6a,
	};
	const struct bytes parts[] = { str("what do ya want "), str("for nothing?") };
	uint8_t key[32], out[MAC_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	mac(key, parts, ARRAY_LEN(parts), out);
	assert_memory_equal(out, expected, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_that_of_the_standard),
		cmocka_unit_test(mac_is_hmac_sha256),
	};

	return crypto_init() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
