/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * reply - what the answer of a provider's token endpoint means. The tokens were
 * cut out before it came here; `found` says which were there.
 *
 * Only TERMINAL may end a connection: the provider said, by a name that the
 * service file or RFC 6749 knows, that the grant is gone. An answer that cannot
 * be understood never does.
 */

#include "core/oauth/provider.h"

enum reply_class {
	REPLY_UNUSABLE, /* no answer of the kind expected: keep the old pair */
	REPLY_GRANTED,
	REPLY_TERMINAL,	   /* the grant is gone: reauth_required */
	REPLY_CONFIG,	   /* our client is refused: the operator's matter, not the user's */
	REPLY_INTERACTION, /* the provider wants its user: reauth_required */
	REPLY_TRANSIENT,   /* later again, after retry_after_s */
};

struct reply_input {
	const struct service *service;
	bool refresh; /* else the redemption of a code */
	unsigned status;
	struct bytes retry_after; /* header, or empty */
	struct bytes body;
	uint32_t found; /* bit 0: access token, bit 1: refresh token */
	struct bytes
		asked; /* scopes asked for or held: what an answer without scope means (6749 5.1) */
	usec_t now;
};

enum { REPLY_ERROR_MAX = 64, REPLY_RETRY_MAX_S = 3600, REPLY_LIFE_MAX_S = 10 * 365 * 86400 };

struct reply {
	enum reply_class class;
	char error[REPLY_ERROR_MAX +
		   1];	     /* the provider's word: [A-Za-z0-9_.-] only; may be empty */
	bool rotated;	     /* a refresh token came: it replaces the old one */
	usec_t expires;	     /* of the access token; 0: never */
	usec_t refresh_ends; /* when the refresh token does; 0: the provider does not say */
	char scopes[SCOPES_MAX_BYTES + 1];
	uint64_t retry_after_s; /* 0: the provider does not say */
	json_t *variables;	/* captured and checked; the caller's, may be NULL */
};

/* Never fails: what cannot be understood is UNUSABLE. */
void reply_read(const struct reply_input *input, struct reply *ret);
void reply_done(struct reply *reply);
/* What ERR_* a caller sees. REPLY_GRANTED is OK. */
enum err reply_err(enum reply_class class);

/* Retry-After (RFC 9110 10.2.3): seconds or an HTTP-date, at most an hour; 0 for what is absent,
 * past or not understood. */
uint64_t reply_retry_after(struct bytes value, usec_t now);
