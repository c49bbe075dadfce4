/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * clientmeta - what a client says of itself, registered with us (RFC 7591 2) or
 * published as a document whose address is its client_id (CIMD).
 *
 *  1. What is kept is made anew out of the members that this file knows; what
 *     it does not know is left out, and what it knows and cannot take refuses
 *     the whole.
 *  2. Grants and response types that we do not have are left out (7591 2 lets a
 *     server replace them); the answer shows what was kept.
 *  3. Nothing is fetched here; addresses of pages and pictures are kept as text.
 */

#include "codec/json.h"
#include "core/authserver/redirect.h"

enum {
	CLIENTMETA_TEXT_MAX = 5 * 1024, /* of a document; what one registers may be twice that */
	CLIENTMETA_REDIRECTS_MAX = 16,
	CLIENTMETA_NAME_MAX = 128,
	CLIENTMETA_URL_MAX = 512,
};

#define CLIENTMETA_SCOPE "mcp:tools"

enum clientmeta_from { CLIENTMETA_REGISTERED = 1, CLIENTMETA_DOCUMENT };

enum clientmeta_auth {
	CLIENTMETA_NONE = 1,
	CLIENTMETA_BASIC,
	CLIENTMETA_POST,
	CLIENTMETA_KEY, /* private_key_jwt */
};

struct clientmeta {
	json_t *json; /* the caller's, ended by clientmeta_done() */
	enum clientmeta_auth auth;
};

/* What a document's address must look like before anything is fetched from it: https with a path,
 * without query's neighbours that change its meaning (fragment, userinfo, dot segments). */
bool clientmeta_address_ok(struct bytes url);

/* @address: of the document, which must name itself so; else empty. On an answer *@ret_why is one
 * sentence for who wrote it. ERR_INVALID_METADATA, ERR_INVALID_REDIRECT */
must_check enum err clientmeta_read(const json_t *sent, enum clientmeta_from from,
				    struct bytes address, struct clientmeta *ret,
				    const char **ret_why);
void clientmeta_done(struct clientmeta *meta);

/* Of what was kept. */
enum clientmeta_auth clientmeta_auth(const json_t *kept);
bool clientmeta_grants(const json_t *kept, const char *grant_type);
bool clientmeta_flag(const json_t *kept, const char *name);
/* Whether it may be answered there. */
bool clientmeta_redirects(const json_t *kept, struct bytes asked);
/* What consent was given to: redirects, keys and how it proves itself. Another value asks again. */
must_check enum err clientmeta_fingerprint(const json_t *kept, uint8_t ret[static 32]);
