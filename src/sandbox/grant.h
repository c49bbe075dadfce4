/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * grant - what the sandbox has issued: codes, access tokens and refresh tokens,
 * each under the grant (family) it came from, with how often each was used.
 * Everything is kept in the clear: tests read it back to know what must not
 * be found elsewhere. The oldest are forgotten when the room is used up.
 */

#include "base/clock.h"
#include "base/map.h"
#include "sandbox/brand.h"

enum {
	GRANT_TOKENS_MAX = 16384,
	GRANT_MAX = 4096,
	GRANT_TEXT_LEN = 64,
	GRANT_SCOPE_LEN = 1024,
	GRANT_URI_LEN = 512,
};

enum grant_kind { GRANT_CODE, GRANT_ACCESS, GRANT_REFRESH };

struct grant {
	uint64_t number; /* 0: free */
	enum brand brand;
	unsigned person;
	bool revoked;
	bool of_user; /* Slack: a user token, not a bot token */
	char scope[GRANT_SCOPE_LEN + 1];
	char user_scope[GRANT_SCOPE_LEN + 1]; /* Slack: asked for beside scope */
	char redirect_uri[GRANT_URI_LEN + 1];
	char challenge[44]; /* PKCE S256; empty: none */
};

struct grant_token {
	char text[GRANT_TEXT_LEN + 1]; /* empty: free */
	enum grant_kind kind;
	uint64_t grant;
	usec_t issued, expires; /* wall clock; expires 0: never */
	usec_t spent_at;	/* first time a code or refresh token was accepted */
	unsigned presented;	/* at the token endpoint, or at an API */
	bool dead;
};

enum grant_count {
	COUNT_CONSENT_SHOWN,
	COUNT_APPROVED,
	COUNT_DENIED,
	COUNT_TOKEN_REQUESTS,
	COUNT_CODE_OK,
	COUNT_CODE_REFUSED,
	COUNT_CODE_TWICE,
	COUNT_REFRESH_OK,
	COUNT_REFRESH_REFUSED,
	COUNT_REFRESH_TWICE,
	COUNT_CLIENT_REFUSED,
	COUNT_REVOKED,
	COUNT_REVOKE_UNKNOWN,
	COUNT_API_OK,
	COUNT_API_REFUSED,
	COUNT_FAULTS,
	COUNT_COUNT,
};
extern const char *const grant_count_names[COUNT_COUNT];

struct grants {
	struct grant *grants;	    /* GRANT_MAX, a ring */
	struct grant_token *tokens; /* GRANT_TOKENS_MAX, a ring */
	struct map by_text;
	uint64_t next_grant;
	size_t next_token;
	uint64_t counts[BRAND_COUNT][COUNT_COUNT];
};

must_check enum err grants_init(struct grants *grants);
void grants_done(struct grants *grants);
/* A new family; the oldest one is forgotten when there is no room. */
struct grant *grants_new(struct grants *grants, enum brand brand, unsigned person);
/* NULL when it was forgotten. */
struct grant *grants_get(const struct grants *grants, uint64_t number);
/* A fresh token. @lifetime_s 0: does not expire. NULL if there is no memory. */
struct grant_token *grants_issue(struct grants *grants, const struct grant *grant,
				 enum grant_kind kind, unsigned lifetime_s);
/* NULL if unknown. */
struct grant_token *grants_find(const struct grants *grants, struct bytes text);
/* Not revoked, not dead, not expired. */
bool grants_alive(const struct grants *grants, const struct grant_token *token);
/* Ends all access tokens of a family. */
void grants_end_access(struct grants *grants, uint64_t grant);
void grants_count(struct grants *grants, enum brand brand, enum grant_count what);
const char *grants_kind_name(enum grant_kind kind);
