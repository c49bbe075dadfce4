/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * token - the text of our own tokens:
 *
 *   vk_<kind>_<43 base62 digits of 32 random bytes><6 base62 digits of CRC-32>
 *
 * The checksum (CRC-32 of ISO-HDLC over everything before it) lets a secret scanner know one
 * offline. It is no protection: only the keyed hash in the store decides.
 */

#include "base/bytes.h"

enum token_kind {
	TOKEN_ADMIN = 1,
	TOKEN_VAULT = 2,
	TOKEN_CLIENT = 3,
	TOKEN_AT = 4,
	TOKEN_RT = 5,
	TOKEN_CODE = 6,
	TOKEN_TICKET = 7,
};

enum { TOKEN_RANDOM_LEN = 32, TOKEN_TEXT_MAX = 3 + 6 + 1 + 43 + 6 };

/* Prints with an end mark. */
void token_print(enum token_kind kind, const uint8_t random[static TOKEN_RANDOM_LEN],
		 char to[static TOKEN_TEXT_MAX + 1]);
/* Shape and checksum. ERR_MALFORMED. */
must_check enum err token_parse(struct bytes text, enum token_kind *ret_kind);
const char *token_kind_name(enum token_kind kind);
