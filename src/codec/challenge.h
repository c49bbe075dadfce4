/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * challenge - what a WWW-Authenticate header asks for (RFC 9110 11.6.1): any
 * number of challenges, each a scheme with parameters or with a token68, all
 * in one line and all divided by commas.
 */

#include "base/dynbuf.h"

/* Appends the value of @name, unquoted, from the first challenge of @scheme in @header; both names
 * in any case. ERR_NOT_FOUND: no such challenge, or it has no such parameter. ERR_MALFORMED: what
 * stands before it cannot be read, or it stands there twice. The errors of @out. */
must_check enum err challenge_find(struct bytes header, const char *scheme, const char *name,
				   struct dynbuf *out);
/* Whether @header has a challenge of @scheme that can be read. */
bool challenge_has(struct bytes header, const char *scheme);
