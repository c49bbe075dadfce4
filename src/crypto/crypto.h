/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * crypto - one-shot primitives. The only folder that sees libsodium and
 * OpenSSL; no state, no key storage, no choice of algorithm for the caller.
 */

#include "base/bytes.h"

enum {
	AEAD_KEY_LEN = 32,
	AEAD_NONCE_LEN = 24,
	AEAD_TAG_LEN = 16,
	SHA256_LEN = 32,
	MAC_LEN = 32,
	MAC_SHA1_LEN = 20,
	SIGN_PUBLIC_LEN = 32,
	SIGN_SECRET_LEN = 64,
	SIGN_SEED_LEN = 32,
	SIGN_LEN = 64,
	KDF_SALT_LEN = 16,
};

/* Call once per process before anything else. FAULT_CRYPTO. */
must_check enum err crypto_init(void);

/* Makes OpenSSL wipe all memory that it frees: the plaintext of TLS records stands there. Once,
 * before anything uses OpenSSL. FAULT_CRYPTO (too late). */
must_check enum err crypto_wipe_freed(void);

/* Aborts if there is no randomness: nothing may go on without it. */
void rng_fill(uint8_t *out, size_t n);

/* XChaCha20-Poly1305 (libsodium). @out holds plain.n + AEAD_TAG_LEN bytes. */
must_check enum err aead_seal(const uint8_t key[static AEAD_KEY_LEN],
			      const uint8_t nonce[static AEAD_NONCE_LEN], struct bytes aad,
			      struct bytes plain, uint8_t *out);
/* @out holds body.n - AEAD_TAG_LEN bytes and is untouched unless the tag verified.
 * ERR_FORGED (also when shorter than a tag). */
must_check enum err aead_open(const uint8_t key[static AEAD_KEY_LEN],
			      const uint8_t nonce[static AEAD_NONCE_LEN], struct bytes aad,
			      struct bytes body, uint8_t *out);

/* SHA-256 over the parts, one after the other. */
void sha256(const struct bytes *parts, size_t count, uint8_t out[static SHA256_LEN]);
static inline void sha256_one(struct bytes b, uint8_t out[static SHA256_LEN])
{
	sha256(&b, 1, out);
}

/* HMAC-SHA256 over the parts. The caller makes the encoding unambiguous. */
void mac(const uint8_t key[static 32], const struct bytes *parts, size_t count,
	 uint8_t out[static MAC_LEN]);

/* HMAC-SHA1 (RFC 2104), for codes of RFC 6238 alone: authenticators know nothing newer.
 * FAULT_CRYPTO */
must_check enum err mac_sha1(struct bytes key, struct bytes message,
			     uint8_t out[static MAC_SHA1_LEN]);

/* HKDF-SHA256 expand (RFC 5869 2.3) with @label as info; 32 bytes. */
void kdf_label(const uint8_t key[static 32], const char *label, uint8_t out[static 32]);

/* Argon2id (RFC 9106). FAULT_NOMEM. */
must_check enum err kdf_passphrase(struct bytes passphrase, const uint8_t salt[static KDF_SALT_LEN],
				   uint32_t passes, uint64_t memory_bytes, uint8_t out[static 32]);

/* Ed25519 (RFC 8032). */
void sign_keypair(const uint8_t seed[static SIGN_SEED_LEN],
		  uint8_t ret_public[static SIGN_PUBLIC_LEN],
		  uint8_t ret_secret[static SIGN_SECRET_LEN]);
void sign(const uint8_t secret[static SIGN_SECRET_LEN], struct bytes message,
	  uint8_t out[static SIGN_LEN]);
bool sign_verify(const uint8_t public[static SIGN_PUBLIC_LEN], struct bytes message,
		 const uint8_t signature[static SIGN_LEN]);
