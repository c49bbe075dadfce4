/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * place - puts the secrets of a capsule into a request: header, HTTP Basic, a
 * member of the body, or a place in the URL behind its origin. What holds a secret here is wiped by
 * placed_done().
 */

#include "httpc/httpc.h"
#include "ipc/capsule.h"

enum { PLACE_SECRETS_MAX = 8 };

struct placed {
	struct httpc_header headers[HTTPC_HEADERS_MAX];
	size_t header_count;
	struct bytes url, body;

	char names[PLACE_SECRETS_MAX][129];
	struct dynbuf values[PLACE_SECRETS_MAX], text;
	size_t count;
};

/* Headers borrow from @call. A secret goes into a header only if it is printable ASCII, beside no
 * other header of that name, and into a body only beside no other member of that name.
 * ERR_MALFORMED, ERR_TOO_LARGE; *@ret is to be ended in any case. */
must_check enum err place_secrets(const struct ipc_courier_call *call,
				  const struct capsule *capsule, struct placed *ret);
void placed_done(struct placed *placed);
