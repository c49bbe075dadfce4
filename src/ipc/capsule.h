/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * capsule - secrets on their way between keeper and gate or courier, relayed by
 * core, which cannot read them.
 *
 *   capsule = version(1) direction(1) counter(8) nonce(24) ciphertext tag(16)
 *   plain   = binding(32) hosts(4 + n) count(1) count x value(4 + n)
 *
 * XChaCha20-Poly1305 under the key that parent gave the two ends at start; the
 * associated data is "valetkey capsule", version, direction and counter. Each
 * counter is taken once: a capsule that core keeps cannot be used again.
 */

#include "base/secret.h"
#include "ipc/ipc.h"

enum { CAPSULE_WINDOW = 65536, CAPSULE_VALUES_MAX = IPC_ITEMS_MAX };

enum capsule_direction {
	CAPSULE_OUT = 1, /* keeper → receiver */
	CAPSULE_IN = 2,	 /* gate or courier → keeper */
};

/* The sender's side of one key and direction. */
struct capsule_sender {
	const uint8_t *key; /* 32 bytes, locked memory of the owner */
	enum capsule_direction direction;
	uint64_t counter;
};

/* The receiver's side. */
struct capsule_receiver {
	const uint8_t *key;
	enum capsule_direction direction;
	uint64_t top;
	uint64_t seen[CAPSULE_WINDOW / 64];
};

/* What a capsule holds. Views into plain, wiped by capsule_done(). */
struct capsule {
	struct secret *plain;
	struct bytes binding, hosts;
	struct bytes values[CAPSULE_VALUES_MAX];
	size_t count;
};

/* The counter begins at the boot clock in microseconds, so that a sender that was restarted stays
 * ahead of what it has used. */
void capsule_sender_init(struct capsule_sender *sender, const uint8_t key[static 32],
			 enum capsule_direction direction);
void capsule_receiver_init(struct capsule_receiver *receiver, const uint8_t key[static 32],
			   enum capsule_direction direction);

/* Appends a capsule to @out; a failure is kept there. */
void capsule_seal(struct capsule_sender *sender, const uint8_t binding[static HASH_LEN],
		  struct bytes hosts, const struct bytes *values, size_t count, struct dynbuf *out);
/* ERR_MALFORMED, ERR_FORGED, ERR_USED (opened before, or too old to tell) */
must_check enum err capsule_open(struct capsule_receiver *receiver, struct bytes from,
				 struct capsule *ret);
/* Wipes; safe on a zeroed one. */
void capsule_done(struct capsule *capsule);
