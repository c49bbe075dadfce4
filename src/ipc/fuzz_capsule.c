/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/crypto.h"
#include "ipc/capsule.h"

/* Both what arrives on the wire and, sealed under the right key, what a broken peer could mean by
 * it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct capsule_receiver receiver;
static const uint8_t key[AEAD_KEY_LEN] = { 1 };

static void open_one(struct bytes wire)
{
	struct capsule capsule = { 0 };

	capsule_receiver_init(&receiver, key, CAPSULE_IN);
	if (capsule_open(&receiver, wire, &capsule) == OK) {
		if (capsule.count > CAPSULE_VALUES_MAX)
			abort();
		const struct bytes all = secret_bytes(capsule.plain);
		for (size_t i = 0; i < capsule.count; i++)
			if (capsule.values[i].p < all.p ||
			    capsule.values[i].p + capsule.values[i].n > all.p + all.n)
				abort();
	}
	capsule_done(&capsule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 1 + 1 + 8, AAD = 16 + HEAD };
	static uint8_t wire[HEAD + AEAD_NONCE_LEN + 4096 + AEAD_TAG_LEN];
	uint8_t aad[AAD];

	if (crypto_init() != OK)
		abort();
	open_one((struct bytes){ data, size });
	if (size > 4096)
		return 0;
	wire[0] = 1;
	wire[1] = CAPSULE_IN;
	put_u64(wire + 2, 7);
	put(put(aad, "valetkey capsule", 16), wire, HEAD);
	if (aead_seal(key, wire + HEAD, (struct bytes){ aad, AAD }, (struct bytes){ data, size },
		      wire + HEAD + AEAD_NONCE_LEN) != OK)
		abort();
	open_one((struct bytes){ wire, HEAD + AEAD_NONCE_LEN + size + AEAD_TAG_LEN });
	return 0;
}
