/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sealed - a secret at rest. It opens only under the key it names and in the
 * place it was made for, and names the hosts it may travel to.
 *
 *   blob  = version(1) suite(1) key-version(4)
 *           wrap-nonce(24) wrapped data key(32+16) commitment(16) nonce(24)
 *           ciphertext tag(16)
 *   plain = hosts(4 + n) secret
 *
 * Suite 1: XChaCha20-Poly1305 for both, HMAC-SHA256(data key, "valetkey commit")
 * cut to 16 bytes as commitment: no second key opens the same blob. Associated
 * data, fixed width: "valetkey sealed" version suite key-version field(1)
 * tenant(16) user(16) object(16) secret-version(8).
 */

#include "ipc/ipc.h"
#include "keeper/keyring.h"

enum { SEALED_SECRET_MAX = IPC_TOKEN_MAX };

/* An opened one: views into plain. */
struct opened {
	struct secret *plain;
	struct bytes hosts, secret;
};

/* Appends a blob to @out under the tenant's current key. ERR_TOO_LARGE, ERR_LOG_FULL */
must_check enum err sealed_make(struct keyring *ring, const struct ipc_place *place,
				struct bytes hosts, struct bytes secret, struct dynbuf *out);
/* ERR_MALFORMED, ERR_KEY_GONE, ERR_FORGED */
must_check enum err sealed_open(const struct keyring *ring, const struct ipc_place *place,
				struct bytes blob, struct opened *ret);
/* Wipes; safe on a zeroed one. */
void opened_done(struct opened *opened);
