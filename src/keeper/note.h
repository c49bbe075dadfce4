/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * note - a checkpoint as C2SP signed note and tlog-checkpoint describe it:
 *
 *   valetkey/<key id, 8 hex digits>      the origin; also the name of the key
 *   <size>
 *   <root, base64>
 *
 *   — <name> <base64 of key id(4) and signature(64)>
 */

#include "base/dynbuf.h"
#include "crypto/crypto.h"

enum { NOTE_MAX = 512, NOTE_ORIGIN_MAX = 32 };

struct note_key {
	uint8_t public[SIGN_PUBLIC_LEN];
	uint8_t id[4];
	char name[NOTE_ORIGIN_MAX];
};

void note_key_init(struct note_key *key, const uint8_t public[static SIGN_PUBLIC_LEN]);
void note_print(const struct note_key *key, const uint8_t secret[static SIGN_SECRET_LEN],
		uint64_t size, const uint8_t root[static SHA256_LEN], struct dynbuf *out);
/* Checks form and signature. ERR_MALFORMED, ERR_FORGED */
must_check enum err note_parse(const struct note_key *key, struct bytes text, uint64_t *ret_size,
			       uint8_t ret_root[static SHA256_LEN]);
