/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/dpop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cjose/cjose.h>
#include <cmocka.h>

#include "core/authserver/assertion.h"

/* The proofs of RFC 9449, figures 2 and 12, and its token (7.1). */
#define RFC_HEADER                                                                                 \
	"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0" \
	"VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10" \
	"NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
#define RFC_PROOF                                                                                  \
	RFC_HEADER                                                                                 \
	".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1" \
	"w"                                                                                        \
	"bGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ"                                               \
	".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
#define RFC_RESOURCE_PROOF                                                                         \
	RFC_HEADER                                                                                 \
	".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGF" \
	"t"                                                                                        \
	"cGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF" \
	"c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"                                                 \
	".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
#define RFC_TOKEN      "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
#define RFC_THUMBPRINT "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

enum { RFC_IAT = 1562262616 };

#define NOW   ((usec_t)1795387546)
#define URL   "https://issuer.example/oauth/token"
#define OWNER "https://issuer.example/"

static cjose_jwk_t *key; /* made for each run */
static const uint8_t nonce_key[32] = { 7 };

static int make_key(void **state)
{
	key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	return key != NULL ? 0 : -1;
}

static int free_key(void **state)
{
	cjose_jwk_release(key);
	return 0;
}

static json_t *key_json(const cjose_jwk_t *of, bool private)
{
	char *text = cjose_jwk_to_json(of, private, NULL);
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	free(text);
	return json;
}

static json_t *public_key(void)
{
	return key_json(key, false);
}

/* Signs @claims, both stolen, into @to. */
static struct bytes signed_with(json_t *header, json_t *claims, struct dynbuf *to)
{
	char *text = json_dumps(claims, JSON_COMPACT);
	const char *compact;

	cjose_jws_t *jws = cjose_jws_sign(key, header, (uint8_t *)text, strlen(text), NULL);
	assert_non_null(jws);
	assert_true(cjose_jws_export(jws, &compact, NULL));
	dynbuf_init(to, 65536);
	dynbuf_str(to, compact);
	assert_int_equal(dynbuf_err(to), OK);
	cjose_jws_release(jws);
	json_decref(header);
	json_decref(claims);
	free(text);
	return dynbuf_view(to);
}

static json_t *dpop_header(void)
{
	return json_pack("{s:s,s:s,s:o}", "typ", "dpop+jwt", "alg", "ES256", "jwk", public_key());
}

static json_t *dpop_claims(void)
{
	return json_pack("{s:s,s:s,s:s,s:I}", "jti", "one", "htm", "POST", "htu", URL, "iat",
			 (json_int_t)NOW);
}

static enum err check(json_t *header, json_t *claims, struct dpop_proof *ret)
{
	scoped(dynbuf_done) struct dynbuf proof = { 0 };
	const struct dpop_request request = {
		.proof = signed_with(header, claims, &proof),
		.method = str("POST"),
		.url = str(URL),
		.nonce_key = nonce_key,
		.now = NOW * USEC_PER_S,
	};

	return dpop_verify(&request, ret);
}

static void the_proofs_of_the_rfc_hold(void **state)
{
	struct dpop_request request = {
		.proof = str(RFC_PROOF),
		.method = str("POST"),
		.url = str("https://server.example.com/token"),
		.now = (usec_t)RFC_IAT * USEC_PER_S,
	};
	char thumbprint[JWK_THUMBPRINT_TEXT + 1];
	struct dpop_proof proof;

	assert_int_equal(dpop_verify(&request, &proof), OK);
	jwk_thumbprint_print(proof.thumbprint, thumbprint);
	assert_string_equal(thumbprint, RFC_THUMBPRINT);
	assert_int_equal(proof.until, (usec_t)(RFC_IAT + DPOP_AGE_MAX_S + 1) * USEC_PER_S);
	request.method = str("GET");
	assert_int_equal(dpop_verify(&request, &proof), ERR_INVALID_DPOP_PROOF);
	request = (struct dpop_request){
		.proof = str(RFC_RESOURCE_PROOF),
		.method = str("GET"),
		.url = str("https://resource.example.org/protectedresource"),
		.token = str(RFC_TOKEN),
		.now = (usec_t)RFC_IAT * USEC_PER_S,
	};
	assert_int_equal(dpop_verify(&request, &proof), OK);
	request.token = str("another");
	assert_int_equal(dpop_verify(&request, &proof), ERR_INVALID_DPOP_PROOF);
}

static void no_bit_of_a_proof_may_change(void **state)
{
	char text[] = RFC_PROOF;
	const struct dpop_request request = {
		.proof = str(text),
		.method = str("POST"),
		.url = str("https://server.example.com/token"),
		.now = (usec_t)RFC_IAT * USEC_PER_S,
	};
	struct dpop_proof proof;

	assert_int_equal(dpop_verify(&request, &proof), OK);
	for (size_t i = 0; i < (sizeof text - 1) * 8; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(dpop_verify(&request, &proof), ERR_INVALID_DPOP_PROOF);
		text[i / 8] ^= (char)(1 << i % 8);
	}
}

static json_t *with(json_t *object, const char *name, json_t *value)
{
	if (value == NULL)
		json_object_del(object, name);
	else
		json_object_set_new(object, name, value);
	return object;
}

static void each_member_of_a_proof_is_needed(void **state)
{
	static const char *const headers[] = { "typ", "jwk" };
	static const char *const claims[] = { "jti", "htm", "htu", "iat" };
	struct dpop_proof proof;

	assert_int_equal(check(dpop_header(), dpop_claims(), &proof), OK);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		assert_int_equal(
			check(with(dpop_header(), headers[i], NULL), dpop_claims(), &proof),
			ERR_INVALID_DPOP_PROOF);
	for (size_t i = 0; i < ARRAY_LEN(claims); i++)
		assert_int_equal(check(dpop_header(), with(dpop_claims(), claims[i], NULL), &proof),
				 ERR_INVALID_DPOP_PROOF);
}

static void a_proof_is_for_this_request_and_now(void **state)
{
	static const struct {
		const char *name, *json;
		enum err err;
	} cases[] = {
		{ "htm", "\"GET\"", ERR_INVALID_DPOP_PROOF },
		{ "htm", "\"post\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"" URL "?a=b#c\"", OK },
		{ "htu", "\"HTTPS://Issuer.Example:443/oauth/%74oken\"", OK },
		{ "htu", "\"https://issuer.example/%6Fauth/t%6fken\"", OK },
		{ "htu", "\"https://issuer.example/oauth/token%\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example/oauth/token%7\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example/oauth/token%00\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example/oauth/tok%2En\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example/OAUTH/token\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"?\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"" URL "/\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"http://issuer.example/oauth/token\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example:444/oauth/token\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example/oauth/Token\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://issuer.example/oauth%2Ftoken\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"https://evil.example/oauth/token\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "\"\"", ERR_INVALID_DPOP_PROOF },
		{ "htu", "7", ERR_INVALID_DPOP_PROOF },
		{ "iat", "1795387536", OK },
		{ "iat", "1795387556", OK },
		{ "iat", "1795387546.5", OK },
		{ "iat", "1795387486", OK },
		{ "iat", "1795387485", ERR_INVALID_DPOP_PROOF },
		{ "iat", "1795387561", OK },
		{ "iat", "1795387562", ERR_INVALID_DPOP_PROOF },
		{ "iat", "1795383946", ERR_INVALID_DPOP_PROOF },
		{ "iat", "1795391146", ERR_INVALID_DPOP_PROOF },
		{ "iat", "\"1795387546\"", ERR_INVALID_DPOP_PROOF },
		{ "iat", "-1", ERR_INVALID_DPOP_PROOF },
		{ "iat", "1e300", ERR_INVALID_DPOP_PROOF },
		{ "jti", "\"\"", ERR_INVALID_DPOP_PROOF },
		{ "jti", "1", ERR_INVALID_DPOP_PROOF },
		{ "nonce", "\"\"", ERR_USE_DPOP_NONCE },
		{ "nonce", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", ERR_USE_DPOP_NONCE },
		{ "nonce", "1", ERR_USE_DPOP_NONCE },
	};
	struct dpop_proof proof;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
		const enum err err =
			check(dpop_header(), with(dpop_claims(), cases[i].name, value), &proof);
		if (err != cases[i].err)
			fail_msg("%s %s: %d", cases[i].name, cases[i].json, err);
	}
}

static void a_proof_shows_a_public_key_and_wants_nothing_else(void **state)
{
	struct dpop_proof proof;

	static const char *const names[] = { "crit", "b64", "jku", "x5u", "x5c" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(check(with(dpop_header(), names[i], json_string("x")),
				       dpop_claims(), &proof),
				 ERR_INVALID_DPOP_PROOF);
	assert_int_equal(
		check(with(dpop_header(), "jwk", key_json(key, true)), dpop_claims(), &proof),
		ERR_INVALID_DPOP_PROOF);
	assert_int_equal(
		check(with(dpop_header(), "typ", json_string("jwt")), dpop_claims(), &proof),
		ERR_INVALID_DPOP_PROOF);
	cjose_jwk_t *stranger = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	scoped(json_free) json_t *other = key_json(stranger, false);
	cjose_jwk_release(stranger);
	assert_int_equal(
		check(with(dpop_header(), "jwk", json_incref(other)), dpop_claims(), &proof),
		ERR_INVALID_DPOP_PROOF);
}

static void what_stands_for_a_proof_is_its_key_and_jti(void **state)
{
	struct dpop_proof a, b, c;

	assert_int_equal(check(dpop_header(), dpop_claims(), &a), OK);
	assert_int_equal(check(dpop_header(), with(dpop_claims(), "x", json_true()), &b), OK);
	assert_int_equal(check(dpop_header(), with(dpop_claims(), "jti", json_string("two")), &c),
			 OK);
	assert_memory_equal(a.once, b.once, sizeof a.once);
	assert_memory_not_equal(a.once, c.once, sizeof a.once);
	assert_memory_equal(a.thumbprint, c.thumbprint, sizeof a.thumbprint);
}

static void a_nonce_is_ours_and_lives_for_five_minutes(void **state)
{
	static const uint8_t other_key[32] = { 8 };
	char nonce[DPOP_NONCE_TEXT + 1];
	struct dpop_proof proof;

	const usec_t now = NOW * USEC_PER_S;
	dpop_nonce_print(nonce_key, now, nonce);
	assert_int_equal(strlen(nonce), DPOP_NONCE_TEXT);
	assert_true(dpop_nonce_ok(nonce_key, now, str(nonce)));
	assert_true(dpop_nonce_ok(nonce_key, now + DPOP_NONCE_LIFE_S * USEC_PER_S, str(nonce)));
	assert_false(
		dpop_nonce_ok(nonce_key, now + (DPOP_NONCE_LIFE_S + 1) * USEC_PER_S, str(nonce)));
	assert_false(dpop_nonce_ok(nonce_key, now - USEC_PER_S, str(nonce)));
	assert_false(dpop_nonce_ok(other_key, now, str(nonce)));
	assert_int_equal(
		check(dpop_header(), with(dpop_claims(), "nonce", json_string(nonce)), &proof), OK);
	scoped(dynbuf_done) struct dynbuf text = { 0 };
	const struct dpop_request request = {
		.proof = signed_with(dpop_header(), dpop_claims(), &text),
		.method = str("POST"),
		.url = str(URL),
		.nonce_key = nonce_key,
		.nonce_required = true,
		.now = now,
	};
	assert_int_equal(dpop_verify(&request, &proof), ERR_USE_DPOP_NONCE);
}

static void a_text_is_bounded_before_it_is_read(void **state)
{
	struct jws jws = { 0 };
	static char text[JWS_TEXT_MAX + 2];

	memset(text, 'a', JWS_TEXT_MAX + 1);
	assert_int_equal(jws_read(str(text), &jws), ERR_TOO_LARGE);
	static const char *const bad[] = {
		"",
		".",
		"..",
		"...",
		"e30.e30.",
		"e30.e30",
		"e30.e30.AA.AA",
		"e30.e30.A",
		"e30.e30.AB",
		"e30=.e30.AA",
		"bnVsbA.e30.AA",
		"W10.e30.AA",
		"eyJhbGciOiJFUzI1NiJ9.W10.AA",
		/* {"alg":"ES256","alg":"ES256"} */
		"eyJhbGciOiJFUzI1NiIsImFsZyI6IkVTMjU2In0.e30.AA",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(jws_read(str(bad[i]), &jws), ERR_MALFORMED);
	/* {"alg":"none"} and {"alg":"HS256"} */
	assert_int_equal(jws_read(str("eyJhbGciOiJub25lIn0.e30.AA"), &jws), ERR_UNSUPPORTED);
	assert_int_equal(jws_read(str("eyJhbGciOiJIUzI1NiJ9.e30.AA"), &jws), ERR_UNSUPPORTED);
}

static json_t *assertion_claims(void)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:I}", "iss", "agent_1", "sub", "agent_1", "aud", OWNER,
			 "jti", "one", "exp", (json_int_t)NOW + 60);
}

static enum err assert_client(json_t *header, json_t *claims, enum jwk_alg alg,
			      struct assertion_use *ret)
{
	scoped(dynbuf_done) struct dynbuf text = { 0 };
	scoped(assertion_done) struct assertion assertion = { 0 };
	scoped(json_free) json_t *jwks = json_pack("{s:[o]}", "keys", public_key());
	const struct assertion_rules rules = {
		.issuer = str(OWNER), .jwks = jwks, .alg = alg, .now = NOW * USEC_PER_S
	};

	json_object_set_new(json_array_get(json_object_get(jwks, "keys"), 0), "kid",
			    json_string("k1"));
	TRY(assertion_read(signed_with(header, claims, &text), &assertion));
	assert_true(bytes_is(assertion.client_id, "agent_1"));
	return assertion_verify(&assertion, &rules, ret);
}

static json_t *assertion_header(void)
{
	return json_pack("{s:s}", "alg", "ES256");
}

static void an_assertion_is_for_us_and_short_lived(void **state)
{
	static const struct {
		const char *name, *json;
		enum err err;
	} cases[] = {
		{ "iss", "\"agent_2\"", ERR_INVALID_CLIENT },
		{ "iss", NULL, ERR_INVALID_CLIENT },
		{ "sub", NULL, ERR_INVALID_CLIENT },
		{ "aud", "[\"" OWNER "\"]", OK },
		{ "aud", NULL, ERR_INVALID_CLIENT },
		{ "aud", "[]", ERR_INVALID_CLIENT },
		{ "aud", "\"" OWNER "oauth/token\"", ERR_INVALID_CLIENT },
		{ "aud", "\"https://issuer.example\"", ERR_INVALID_CLIENT },
		{ "aud", "[\"" OWNER "\",\"https://b.example/\"]", ERR_INVALID_CLIENT },
		{ "exp", NULL, ERR_INVALID_CLIENT },
		{ "exp", "1795387546", ERR_INVALID_CLIENT },
		{ "exp", "1795387547", OK },
		{ "exp", "1795387846", OK },
		{ "exp", "1795387856", OK },
		{ "exp", "1795387857", ERR_INVALID_CLIENT },
		{ "exp", "1e300", ERR_INVALID_CLIENT },
		{ "exp", "-1", ERR_INVALID_CLIENT },
		{ "exp", "\"1795387600\"", ERR_INVALID_CLIENT },
		{ "nbf", "1795387554", OK },
		{ "nbf", "1795387556", OK },
		{ "nbf", "1795387557", ERR_INVALID_CLIENT },
		{ "nbf", "0", OK },
		{ "nbf", "1795387606", ERR_INVALID_CLIENT },
		{ "nbf", "\"x\"", ERR_INVALID_CLIENT },
		{ "iat", "1795387606", ERR_INVALID_CLIENT },
		{ "jti", NULL, ERR_INVALID_CLIENT },
		{ "jti", "\"\"", ERR_INVALID_CLIENT },
	};
	struct assertion_use use;

	assert_int_equal(assert_client(assertion_header(), assertion_claims(), 0, &use), OK);
	assert_true(use.untyped);
	assert_int_equal(use.until, (NOW + 61) * USEC_PER_S);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *value = cases[i].json == NULL
					? NULL
					: json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
		const enum err err =
			assert_client(assertion_header(),
				      with(assertion_claims(), cases[i].name, value), 0, &use);
		if (err != cases[i].err)
			fail_msg("%s %s: %d", cases[i].name, cases[i].json, err);
	}
}

static void an_assertion_is_by_the_clients_own_key_and_of_its_kind(void **state)
{
	static const struct {
		const char *name, *value;
		enum err err;
	} cases[] = {
		{ "typ", "client-authentication+jwt", OK },
		{ "typ", "application/client-authentication+jwt", OK },
		{ "typ", "JWT", OK },
		{ "typ", "at+jwt", ERR_INVALID_CLIENT },
		{ "typ", "dpop+jwt", ERR_INVALID_CLIENT },
		{ "kid", "k1", OK },
		{ "kid", "k2", ERR_NOT_FOUND },
	};
	struct assertion_use use;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(assert_client(with(assertion_header(), cases[i].name,
						    json_string(cases[i].value)),
					       assertion_claims(), 0, &use),
				 cases[i].err);
	assert_int_equal(assert_client(assertion_header(), assertion_claims(), JWK_ES256, &use),
			 OK);
	assert_int_equal(assert_client(assertion_header(), assertion_claims(), JWK_RS256, &use),
			 ERR_INVALID_CLIENT);
}

/* The keys of a client, of which only the last is the one that signs. */
static void a_key_is_found_among_others(void **state)
{
	static const struct {
		const char *kid; /* in the header; NULL: none */
		enum err err;
	} cases[] = {
		{ NULL, OK },
		{ "mine", OK },
		{ "other", ERR_INVALID_CLIENT },
		{ "small", ERR_NOT_FOUND },
		{ "nobody", ERR_NOT_FOUND },
	};
	cjose_jwk_t *stranger = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	scoped(json_free) json_t *jwks =
		json_pack("{s:[{s:s},{s:s,s:s,s:s},o,o]}", "keys", "kty", "RSA", "kty", "OKP",
			  "crv", "Ed25519", "x", "AA", key_json(stranger, false), public_key());
	static const char *const names[] = { "small", "edwards", "other", "mine" };
	struct assertion_use use, again;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_object_set_new(json_array_get(json_object_get(jwks, "keys"), i), "kid",
				    json_string(names[i]));
	const struct assertion_rules rules = { .issuer = str(OWNER),
					       .jwks = jwks,
					       .now = NOW * USEC_PER_S };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(dynbuf_done) struct dynbuf text = { 0 };
		scoped(assertion_done) struct assertion assertion = { 0 };
		json_t *header = with(assertion_header(), "kid",
				      cases[i].kid == NULL ? NULL : json_string(cases[i].kid));
		assert_int_equal(
			assertion_read(signed_with(header, assertion_claims(), &text), &assertion),
			OK);
		if (assertion_verify(&assertion, &rules, &use) != cases[i].err)
			fail_msg("%s", cases[i].kid);
	}
	cjose_jwk_release(stranger);
	assert_int_equal(assert_client(assertion_header(), assertion_claims(), 0, &use), OK);
	assert_int_equal(assert_client(assertion_header(), assertion_claims(), 0, &again), OK);
	assert_memory_equal(use.once, again.once, sizeof use.once);
	assert_int_equal(assert_client(assertion_header(),
				       with(assertion_claims(), "jti", json_string("two")), 0,
				       &again),
			 OK);
	assert_memory_not_equal(use.once, again.once, sizeof use.once);
}

static void a_name_in_a_proof_has_its_ceiling(void **state)
{
	char text[DPOP_JTI_MAX + 2];
	struct assertion_use use;
	struct dpop_proof proof;

	memset(text, 'a', sizeof text);
	text[DPOP_JTI_MAX + 1] = 0;
	assert_int_equal(
		check(dpop_header(), with(dpop_claims(), "jti", json_string(text)), &proof),
		ERR_INVALID_DPOP_PROOF);
	assert_int_equal(assert_client(assertion_header(),
				       with(assertion_claims(), "jti", json_string(text)), 0, &use),
			 ERR_INVALID_CLIENT);
	text[DPOP_JTI_MAX] = 0;
	assert_int_equal(
		check(dpop_header(), with(dpop_claims(), "jti", json_string(text)), &proof), OK);
	assert_int_equal(assert_client(assertion_header(),
				       with(assertion_claims(), "jti", json_string(text)), 0, &use),
			 OK);
}

static void a_point_that_is_not_on_the_curve_verifies_nothing(void **state)
{
	scoped(json_free) json_t *json =
		json_pack("{s:s,s:s,s:s,s:s}", "kty", "EC", "crv", "P-256", "x",
			  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "y",
			  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	struct dpop_proof proof;

	assert_int_equal(
		check(with(dpop_header(), "jwk", json_incref(json)), dpop_claims(), &proof),
		ERR_INVALID_DPOP_PROOF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_proofs_of_the_rfc_hold),
		cmocka_unit_test(no_bit_of_a_proof_may_change),
		cmocka_unit_test(each_member_of_a_proof_is_needed),
		cmocka_unit_test(a_proof_is_for_this_request_and_now),
		cmocka_unit_test(a_proof_shows_a_public_key_and_wants_nothing_else),
		cmocka_unit_test(what_stands_for_a_proof_is_its_key_and_jti),
		cmocka_unit_test(a_nonce_is_ours_and_lives_for_five_minutes),
		cmocka_unit_test(a_text_is_bounded_before_it_is_read),
		cmocka_unit_test(an_assertion_is_for_us_and_short_lived),
		cmocka_unit_test(an_assertion_is_by_the_clients_own_key_and_of_its_kind),
		cmocka_unit_test(a_key_is_found_among_others),
		cmocka_unit_test(a_name_in_a_proof_has_its_ceiling),
		cmocka_unit_test(a_point_that_is_not_on_the_curve_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
