/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keyring - the keys, in one file beneath keys/, replaced in one step.
 *
 *   unseal secret → root → (tenant keys, working keys, log signing seed, generation)
 *
 *   file = "vkkeys\0" version(1) unseal-kind(1) salt(16) passes(4) memory(8)
 *          root-version(4) nonce(24) sealed root(32+16)
 *          nonce(24) sealed body
 *   body = generation(8) log-seed(32) working-version(4) tokhash rowmac text state (4 x 32)
 *          keys(4) then per key: tenant(16) version(4) key(32)
 *
 * The root is sealed under the unseal key, the body under the root; each with
 * all bytes before its nonce as associated data. A wrong passphrase and a file
 * that was changed look the same: ERR_FORGED.
 */

#include "base/id.h"
#include "base/secret.h"

enum { KEY_LEN = 32, KEYRING_KEYS_MAX = 20000, KEYRING_VERSIONS_MAX = 10000 };

enum unseal_kind { UNSEAL_KEY_FILE = 1, UNSEAL_PASSPHRASE = 2 };

struct keyring;

/* Makes a new one and writes it. @secret: the 32 bytes of the key file, or the passphrase.
 * ERR_EXISTS, ERR_LOG_FULL */
must_check enum err keyring_create(int dir, enum unseal_kind kind, struct bytes secret,
				   struct keyring **ret);
/* ERR_NOT_FOUND, ERR_FORGED (wrong secret or changed file), ERR_MALFORMED */
must_check enum err keyring_open(int dir, struct bytes secret, struct keyring **ret);
/* How the file beneath @dir is unsealed, without opening it. ERR_NOT_FOUND, ERR_MALFORMED */
must_check enum err keyring_kind(int dir, enum unseal_kind *ret);
void keyring_free(struct keyring **ringp);

/* The tenant's current key, made and saved if there is none. ERR_TOO_LARGE, ERR_LOG_FULL */
must_check enum err keyring_tenant(struct keyring *ring, struct id tenant, uint32_t *ret_version,
				   const uint8_t **ret_key);
/* ERR_KEY_GONE */
must_check enum err keyring_find(const struct keyring *ring, struct id tenant, uint32_t version,
				 const uint8_t **ret_key);
/* The tenant's next key becomes current; old ones stay readable. ERR_TOO_LARGE, ERR_LOG_FULL */
must_check enum err keyring_rotate_tenant(struct keyring *ring, struct id tenant,
					  uint32_t *ret_version);
/* A new root; everything below is sealed again under it in the same step. ERR_LOG_FULL */
must_check enum err keyring_rotate_root(struct keyring *ring);
/* Raises the store generation: what could be used once before cannot be used after. */
must_check enum err keyring_raise_generation(struct keyring *ring);

uint64_t keyring_generation(const struct keyring *ring);
uint32_t keyring_root_version(const struct keyring *ring);
uint32_t keyring_working_version(const struct keyring *ring);
enum working_key { WORKING_TOKHASH, WORKING_ROWMAC, WORKING_TEXT, WORKING_STATE, WORKING_COUNT };
const uint8_t *keyring_working(const struct keyring *ring, enum working_key which);
/* The Ed25519 seed of the log's checkpoints. */
const uint8_t *keyring_log_seed(const struct keyring *ring);
