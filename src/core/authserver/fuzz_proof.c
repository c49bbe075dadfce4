/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/authserver/assertion.h"
#include "core/authserver/dpop.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Nobody signs here: whatever is accepted was not checked. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	scoped(assertion_done) struct assertion assertion = { 0 };
	scoped(json_free) json_t *jwks = NULL;
	static const uint8_t key[32];
	const struct bytes text = { p, n };
	const struct dpop_request request = {
		.proof = text,
		.method = str("POST"),
		.url = str("https://a.example/oauth/token"),
		.nonce_key = key,
		.now = (usec_t)1562262616 * USEC_PER_S,
	};
	struct dpop_proof proof;
	struct assertion_use use;

	if (dpop_verify(&request, &proof) == OK || dpop_nonce_ok(key, request.now, text))
		abort();
	if (json_parse(text, &json_request_limits, &jwks) == OK && jwks_check(jwks) < 0)
		abort();
	if (assertion_read(text, &assertion) != OK)
		return 0;
	const struct assertion_rules rules = { str("https://a.example/"), jwks, 0, request.now };
	if (assertion_verify(&assertion, &rules, &use) == OK)
		abort();
	return 0;
}
