/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pkce - RFC 7636 with S256, the only method there is here. */

#include "base/bytes.h"

enum { PKCE_TEXT_LEN = 43 };

/* 32 random bytes in base64url (7636 4.1). */
void pkce_verifier(char to[static PKCE_TEXT_LEN + 1]);
/* BASE64URL(SHA256(ASCII(verifier))) (7636 4.2). */
void pkce_challenge(struct bytes verifier, char to[static PKCE_TEXT_LEN + 1]);
/* 43 to 128 unreserved characters (7636 4.1). */
bool pkce_verifier_ok(struct bytes verifier);
