/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <sodium.h>

enum err crypto_init(void)
{
	return sodium_init() < 0 ? FAULT_CRYPTO : OK;
}

void rng_fill(uint8_t *out, size_t n)
{
	randombytes_buf(out, n);
}

enum err aead_seal(const uint8_t key[static AEAD_KEY_LEN],
		   const uint8_t nonce[static AEAD_NONCE_LEN], struct bytes aad, struct bytes plain,
		   uint8_t *out)
{
	return crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain.p, plain.n, aad.p, aad.n,
							  NULL, nonce, key) == 0
		       ? OK
		       : FAULT_CRYPTO;
}

enum err aead_open(const uint8_t key[static AEAD_KEY_LEN],
		   const uint8_t nonce[static AEAD_NONCE_LEN], struct bytes aad, struct bytes body,
		   uint8_t *out)
{
	/* The library checks the tag before it decrypts: a forged body leaves @out alone. */
	if (body.n < AEAD_TAG_LEN ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, body.p, body.n, aad.p,
						       aad.n, nonce, key) != 0)
		return ERR_FORGED;
	return OK;
}

void sha256(const struct bytes *parts, size_t count, uint8_t out[static SHA256_LEN])
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < count; i++)
		crypto_hash_sha256_update(&state, parts[i].p, parts[i].n);
	crypto_hash_sha256_final(&state, out);
}

void mac(const uint8_t key[static 32], const struct bytes *parts, size_t count,
	 uint8_t out[static MAC_LEN])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, 32);
	for (size_t i = 0; i < count; i++)
		crypto_auth_hmacsha256_update(&state, parts[i].p, parts[i].n);
	crypto_auth_hmacsha256_final(&state, out);
	wipe(&state, sizeof state);
}

void kdf_label(const uint8_t key[static 32], const char *label, uint8_t out[static 32])
{
	static const uint8_t one = 1;
	const struct bytes parts[] = { str(label), { &one, 1 } };

	mac(key, parts, ARRAY_LEN(parts), out);
}

enum err kdf_passphrase(struct bytes passphrase, const uint8_t salt[static KDF_SALT_LEN],
			uint32_t passes, uint64_t memory_bytes, uint8_t out[static 32])
{
	return crypto_pwhash(out, 32, (const char *)passphrase.p, passphrase.n, salt, passes,
			     (size_t)memory_bytes, crypto_pwhash_ALG_ARGON2ID13) == 0
		       ? OK
		       : FAULT_NOMEM;
}

void sign_keypair(const uint8_t seed[static SIGN_SEED_LEN],
		  uint8_t ret_public[static SIGN_PUBLIC_LEN],
		  uint8_t ret_secret[static SIGN_SECRET_LEN])
{
	crypto_sign_seed_keypair(ret_public, ret_secret, seed);
}

void sign(const uint8_t secret[static SIGN_SECRET_LEN], struct bytes message,
	  uint8_t out[static SIGN_LEN])
{
	crypto_sign_detached(out, NULL, message.p, message.n, secret);
}

bool sign_verify(const uint8_t public[static SIGN_PUBLIC_LEN], struct bytes message,
		 const uint8_t signature[static SIGN_LEN])
{
	return crypto_sign_verify_detached(signature, message.p, message.n, public) == 0;
}
