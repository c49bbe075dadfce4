/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/pkce.h"

#include "codec/base64.h"
#include "crypto/crypto.h"

/* 32 bytes are 43 characters; the room is the caller's, so nothing can fail. */
static void print(const uint8_t from[static 32], char to[static PKCE_TEXT_LEN + 1])
{
	struct dynbuf out = { .p = (uint8_t *)to, .room = PKCE_TEXT_LEN + 1, .max = PKCE_TEXT_LEN };

	base64url_print((struct bytes){ from, 32 }, &out);
	to[out.n] = 0;
}

void pkce_verifier(char to[static PKCE_TEXT_LEN + 1])
{
	uint8_t random[32];

	rng_fill(random, sizeof random);
	print(random, to);
	wipe(random, sizeof random);
}

void pkce_challenge(struct bytes verifier, char to[static PKCE_TEXT_LEN + 1])
{
	uint8_t digest[SHA256_LEN];

	sha256_one(verifier, digest);
	print(digest, to);
}

bool pkce_verifier_ok(struct bytes verifier)
{
	if (verifier.n < 43 || verifier.n > 128)
		return false;
	for (size_t i = 0; i < verifier.n; i++) {
		const uint8_t c = verifier.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == 0 || strchr("-._~", c) == NULL))
			return false;
	}
	return true;
}
