/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cjose/cjose.h>
#include <cmocka.h>

#include "core/authserver/clientmeta.h"
#include "core/authserver/dpop.h"

/* Every allocation may fail, ours and those of the libraries: nothing is then accepted that would
 * not have been, nothing is kept by half, and nothing is left behind, which the sanitized build
 * looks at. */

#define RFC_PROOF                                                                                  \
	"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0" \
	"VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10" \
	"NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"                                             \
	".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1" \
	"w"                                                                                        \
	"bGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ"                                               \
	".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"

static size_t countdown; /* 0: none fails */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static int wrap_libraries(void **state)
{
	json_set_alloc_funcs(__wrap_malloc, free);
	return 0;
}

static enum err verify(struct dpop_proof *ret)
{
	const struct dpop_request request = {
		.proof = str(RFC_PROOF),
		.method = str("POST"),
		.url = str("https://server.example.com/token"),
		.now = (usec_t)1562262616 * USEC_PER_S,
	};

	return dpop_verify(&request, ret);
}

/* jansson, left without memory in the middle of a string, may cut it: so `once` is of what was
 * read. Whose key it is stays true in any case. */
static void a_proof_is_verified_whole_or_not_at_all(void **state)
{
	struct dpop_proof whole = { 0 };
	unsigned refused = 0;

	assert_int_equal(verify(&whole), OK);
	for (size_t n = 1;; n++) {
		struct dpop_proof proof = { 0 };
		countdown = n;
		const enum err err = verify(&proof);
		const bool through = countdown > 0;
		countdown = 0;
		if (err == OK)
			assert_memory_equal(proof.thumbprint, whole.thumbprint,
					    sizeof whole.thumbprint);
		else
			assert_true(err < OK || err == ERR_INVALID_DPOP_PROOF);
		refused += err != OK;
		if (through)
			break;
	}
	assert_true(refused > 30);
}

static void metadata_is_kept_whole_or_not_at_all(void **state)
{
	static const char text[] =
		"{\"client_name\":\"a\",\"client_uri\":\"https://a.example/\","
		"\"application_type\":\"web\",\"dpop_bound_access_tokens\":true,"
		"\"redirect_uris\":[\"https://a.example/cb\",\"cursor://a.b/c\"],"
		"\"grant_types\":[\"authorization_code\",\"refresh_token\"],\"scope\":\"proxy\","
		"\"token_endpoint_auth_method\":\"private_key_jwt\","
		"\"token_endpoint_auth_signing_alg\":\"ES256\",\"jwks\":{\"keys\":[{\"kty\":\"EC\","
		"\"crv\":\"P-256\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
		"\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\"}]}}";
	scoped(json_free) json_t *json = NULL;
	scoped(clientmeta_done) struct clientmeta whole = { 0 };
	const char *why;

	assert_int_equal(json_parse(str(text), &json_request_limits, &json), OK);
	assert_int_equal(clientmeta_read(json, CLIENTMETA_REGISTERED, str(""), &whole, &why), OK);
	for (size_t n = 1;; n++) {
		scoped(clientmeta_done) struct clientmeta meta = { 0 };
		countdown = n;
		const enum err err =
			clientmeta_read(json, CLIENTMETA_REGISTERED, str(""), &meta, &why);
		const bool through = countdown > 0;
		countdown = 0;
		assert_true(through == (err == OK));
		if (err == OK) {
			assert_true(json_equal(whole.json, meta.json));
			break;
		}
		assert_null(meta.json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_is_verified_whole_or_not_at_all),
		cmocka_unit_test(metadata_is_kept_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, wrap_libraries, NULL);
}
