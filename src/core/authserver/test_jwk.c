/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/jwk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "codec/base64.h"

/* The key of RFC 9449's examples. */
static json_t *public_key(void)
{
	return json_pack("{s:s,s:s,s:s,s:s}", "kty", "EC", "crv", "P-256", "x",
			 "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y",
			 "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA");
}

static json_t *private_key(void)
{
	json_t *json = public_key();

	json_object_set_new(json, "d", json_string("AQ"));
	return json;
}

static void a_key_is_of_a_size_that_is_safe_and_cheap(void **state)
{
	static const struct {
		const char *json;
		enum err err;
	} cases[] = {
		{ "{}", ERR_MALFORMED },
		{ "[]", ERR_MALFORMED },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}", ERR_UNSUPPORTED },
		{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}", ERR_MALFORMED },
		{ "{\"kty\":\"RSA\",\"n\":\"wQ\",\"e\":\"AQAB\"}", ERR_UNSUPPORTED },
		{ "{\"kty\":\"RSA\",\"n\":\"wQ\",\"e\":\"AQ\"}", ERR_MALFORMED },
		{ "{\"kty\":\"RSA\",\"n\":\"wQ\",\"e\":\"AQABAQAB\"}", ERR_MALFORMED },
		{ "{\"kty\":\"RSA\",\"n\":\"AME\",\"e\":\"AQAB\"}", ERR_MALFORMED },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", ERR_MALFORMED },
		{ "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
		  ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(json_free) json_t *json = json_loads(cases[i].json, 0, NULL);
		struct jwk jwk = { 0 };
		if (jwk_read(json, &jwk) != cases[i].err)
			fail_msg("%s", cases[i].json);
	}
}

/* An odd number of @bits, written as a modulus may be. */
static json_t *rsa_key(size_t bits, const char *exponent)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = 4096 };
	uint8_t modulus[1024] = { 0 };
	const size_t n = (bits + 7) / 8;

	modulus[0] = (uint8_t)(1u << (bits - 1) % 8);
	modulus[n - 1] |= 1;
	base64url_print((struct bytes){ modulus, n }, &text);
	assert_int_equal(dynbuf_err(&text), OK);
	return json_pack("{s:s,s:s%,s:s}", "kty", "RSA", "n", text.p, text.n, "e", exponent);
}

static enum err read_taken(json_t *json, struct jwk *ret)
{
	const enum err err = jwk_read(json, ret);

	json_decref(json);
	return err;
}

static void an_rsa_key_has_2048_to_4096_bits(void **state)
{
	static const struct {
		size_t bits;
		enum err err;
	} cases[] = {
		{ 1024, ERR_UNSUPPORTED },
		{ 2040, ERR_UNSUPPORTED },
		{ 2047, ERR_UNSUPPORTED },
		{ 2048, OK },
		{ 2049, OK },
		{ 3072, OK },
		{ 4096, OK },
		{ 4097, ERR_MALFORMED },
		{ 8192, ERR_UNSUPPORTED },
	};
	static const struct {
		const char *exponent;
		enum err err;
	} exponents[] = {
		{ "AQAB", OK },
		{ "Aw", OK },
		{ "_____w", OK },
		{ "AQ", ERR_MALFORMED },
		{ "Ag", ERR_MALFORMED },
		{ "AAAD", ERR_MALFORMED },
		{ "AQAA", ERR_MALFORMED },
		{ "AQAAAAE", ERR_MALFORMED },
		{ "", ERR_MALFORMED },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(jwk_done) struct jwk jwk = { 0 };
		const enum err err = read_taken(rsa_key(cases[i].bits, "AQAB"), &jwk);
		if (err != cases[i].err)
			fail_msg("%zu bits: %d", cases[i].bits, err);
		if (err != OK)
			continue;
		assert_int_equal(jwk.algs, 1u << JWK_RS256 | 1u << JWK_PS256);
		assert_int_equal(jwk.signature_n, (cases[i].bits + 7) / 8);
		assert_int_equal(json_object_size(jwk.key), 3);
	}
	for (size_t i = 0; i < ARRAY_LEN(exponents); i++) {
		scoped(jwk_done) struct jwk jwk = { 0 };
		if (read_taken(rsa_key(2048, exponents[i].exponent), &jwk) != exponents[i].err)
			fail_msg("%s", exponents[i].exponent);
	}
}

static void a_key_says_what_it_may_be_used_for(void **state)
{
	static const struct {
		const char *name, *json;
		enum err err;
		unsigned algs;
	} cases[] = {
		{ "use", "\"sig\"", OK, 1u << JWK_RS256 | 1u << JWK_PS256 },
		{ "use", "\"enc\"", ERR_UNSUPPORTED, 0 },
		{ "use", "1", ERR_UNSUPPORTED, 0 },
		{ "key_ops", "[\"verify\"]", OK, 1u << JWK_RS256 | 1u << JWK_PS256 },
		{ "key_ops", "[\"encrypt\",\"verify\"]", OK, 1u << JWK_RS256 | 1u << JWK_PS256 },
		{ "key_ops", "[\"encrypt\"]", ERR_UNSUPPORTED, 0 },
		{ "key_ops", "[]", ERR_UNSUPPORTED, 0 },
		{ "key_ops", "[1]", ERR_UNSUPPORTED, 0 },
		{ "key_ops", "\"verify\"", ERR_UNSUPPORTED, 0 },
		{ "alg", "\"RS256\"", OK, 1u << JWK_RS256 },
		{ "alg", "\"PS256\"", OK, 1u << JWK_PS256 },
		{ "alg", "\"ES256\"", ERR_UNSUPPORTED, 0 },
		{ "alg", "\"RSA-OAEP\"", ERR_UNSUPPORTED, 0 },
		{ "alg", "1", ERR_UNSUPPORTED, 0 },
		{ "d", "\"AQAB\"", ERR_MALFORMED, 0 },
		{ "oth", "[]", ERR_MALFORMED, 0 },
		{ "kid", "\"x\"", OK, 1u << JWK_RS256 | 1u << JWK_PS256 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(jwk_done) struct jwk jwk = { 0 };
		json_t *json = rsa_key(2048, "AQAB");
		json_object_set_new(json, cases[i].name,
				    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		if (read_taken(json, &jwk) != cases[i].err)
			fail_msg("%s %s", cases[i].name, cases[i].json);
		assert_int_equal(jwk.algs, cases[i].algs);
	}
}

static void a_set_has_one_usable_key_and_sixteen_at_most(void **state)
{
	for (size_t n = 0; n < 19; n++) {
		scoped(json_free) json_t *list = json_array();
		scoped(json_free) json_t *set = json_pack("{s:O}", "keys", list);
		for (size_t i = 0; i < n; i++)
			json_array_append_new(list, i == 0 ? public_key() : rsa_key(1024, "AQAB"));
		assert_int_equal(jwks_check(set),
				 n >= 1 && n <= JWKS_KEYS_MAX ? OK : ERR_MALFORMED);
	}
	scoped(json_free) json_t *useless = json_pack("{s:[o]}", "keys", rsa_key(1024, "AQAB"));
	assert_int_equal(jwks_check(useless), ERR_MALFORMED);
	scoped(json_free) json_t *private =
		json_pack("{s:[o,o]}", "keys", public_key(), private_key());
	assert_int_equal(jwks_check(private), ERR_MALFORMED);
	scoped(json_free) json_t *none = json_pack("{s:o}", "keys", public_key());
	assert_int_equal(jwks_check(none), ERR_MALFORMED);
	assert_int_equal(jwks_check(NULL), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_of_a_size_that_is_safe_and_cheap),
		cmocka_unit_test(an_rsa_key_has_2048_to_4096_bits),
		cmocka_unit_test(a_key_says_what_it_may_be_used_for),
		cmocka_unit_test(a_set_has_one_usable_key_and_sixteen_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
