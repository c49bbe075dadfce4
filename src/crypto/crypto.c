/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

/* The plain SHA-256 calls are marked as old in OpenSSL 3, where only the slower ones are new. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sodium.h>

#include "base/wiped.h"

enum err crypto_init(void)
{
	return sodium_init() < 0 ? FAULT_CRYPTO : OK;
}

static void *openssl_malloc(size_t n, const char *file, int line)
{
	return wiped_malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line)
{
	return wiped_realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
	wiped_free(p);
}

enum err crypto_wipe_freed(void)
{
	return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1
		       ? OK
		       : FAULT_CRYPTO;
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

/* OpenSSL's one-shot forms allocate; these do not, and use the processor's SHA instructions, which
 * libsodium does not. */
static void sha256_over(SHA256_CTX *state, const struct bytes *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].n > 0)
			SHA256_Update(state, parts[i].p, parts[i].n);
}

void sha256(const struct bytes *parts, size_t count, uint8_t out[static SHA256_LEN])
{
	SHA256_CTX state;

	SHA256_Init(&state);
	sha256_over(&state, parts, count);
	SHA256_Final(out, &state);
}

/* RFC 2104 2: begins a hash with the key, padded to a block and mixed with @pad. */
static void mac_begin(SHA256_CTX *state, const uint8_t key[static 32], uint8_t pad)
{
	uint8_t block[SHA256_CBLOCK];

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ pad);
	SHA256_Init(state);
	SHA256_Update(state, block, sizeof block);
	wipe(block, sizeof block);
}

void mac(const uint8_t key[static 32], const struct bytes *parts, size_t count,
	 uint8_t out[static MAC_LEN])
{
	uint8_t inner[SHA256_LEN];
	SHA256_CTX state;

	mac_begin(&state, key, 0x36);
	sha256_over(&state, parts, count);
	SHA256_Final(inner, &state);
	mac_begin(&state, key, 0x5c);
	SHA256_Update(&state, inner, sizeof inner);
	SHA256_Final(out, &state);
	wipe(&state, sizeof state);
	wipe(inner, sizeof inner);
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

enum err mac_sha1(struct bytes key, struct bytes message, uint8_t out[static MAC_SHA1_LEN])
{
	unsigned n = MAC_SHA1_LEN;

	/* Not the configuration file: a sandboxed process cannot open it. */
	if (key.n > INT_MAX || OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	    HMAC(EVP_sha1(), key.p, (int)key.n, message.p, message.n, out, &n) == NULL ||
	    n != MAC_SHA1_LEN)
		return FAULT_CRYPTO;
	return OK;
}
