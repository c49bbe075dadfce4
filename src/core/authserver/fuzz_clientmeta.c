/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/authserver/clientmeta.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What was kept is kept again the same. */
static void again(const struct clientmeta *meta, enum clientmeta_from from, struct bytes address)
{
	scoped(clientmeta_done) struct clientmeta second = { 0 };
	const char *why;

	if (clientmeta_read(meta->json, from, address, &second, &why) != OK ||
	    !json_equal(meta->json, second.json))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	scoped(json_free) json_t *json = NULL;
	scoped(clientmeta_done) struct clientmeta meta = { 0 };
	const char *why = NULL;
	uint8_t digest[32];

	if (n < 1)
		return 0;
	const enum clientmeta_from from = p[0] & 1 ? CLIENTMETA_DOCUMENT : CLIENTMETA_REGISTERED;
	const struct bytes text = { p + 1, n - 1 };
	if (redirect_check(text, REDIRECT_BY_CLIENT) == OK &&
	    (redirect_check(text, REDIRECT_BY_OPERATOR) != OK || redirect_shown(text).n == 0))
		abort();
	if (json_parse(text, &json_request_limits, &json) != OK)
		return 0;
	const struct bytes address = str("https://a.example/c");
	const enum err err = clientmeta_read(json, from, address, &meta, &why);
	if (err != OK) {
		if (why == NULL && err > 0)
			abort();
		return 0;
	}
	again(&meta, from, address);
	if (clientmeta_fingerprint(meta.json, digest) != OK)
		abort();
	return 0;
}
