/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/grant.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"

const char *const grant_count_names[COUNT_COUNT] = {
	[COUNT_CONSENT_SHOWN] = "consent_shown",
	[COUNT_APPROVED] = "approved",
	[COUNT_DENIED] = "denied",
	[COUNT_TOKEN_REQUESTS] = "token_requests",
	[COUNT_CODE_OK] = "code_ok",
	[COUNT_CODE_REFUSED] = "code_refused",
	[COUNT_CODE_TWICE] = "code_twice",
	[COUNT_REFRESH_OK] = "refresh_ok",
	[COUNT_REFRESH_REFUSED] = "refresh_refused",
	[COUNT_REFRESH_TWICE] = "refresh_twice",
	[COUNT_CLIENT_REFUSED] = "client_refused",
	[COUNT_REVOKED] = "revoked",
	[COUNT_REVOKE_UNKNOWN] = "revoke_unknown",
	[COUNT_API_OK] = "api_ok",
	[COUNT_API_REFUSED] = "api_refused",
	[COUNT_FAULTS] = "faults",
};

enum err grants_init(struct grants *grants)
{
	*grants = (struct grants){ .next_grant = 1 };
	map_init(&grants->by_text, GRANT_TOKENS_MAX);
	grants->grants = calloc(GRANT_MAX, sizeof(*grants->grants));
	grants->tokens = calloc(GRANT_TOKENS_MAX, sizeof(*grants->tokens));
	if (grants->grants == NULL || grants->tokens == NULL) {
		grants_done(grants);
		return FAULT_NOMEM;
	}
	return OK;
}

void grants_done(struct grants *grants)
{
	free(grants->grants);
	free(grants->tokens);
	map_done(&grants->by_text);
	*grants = (struct grants){ 0 };
}

struct grant *grants_new(struct grants *grants, enum brand brand, unsigned person)
{
	const uint64_t number = grants->next_grant++;
	struct grant *grant = &grants->grants[number % GRANT_MAX];

	*grant = (struct grant){ .number = number, .brand = brand, .person = person };
	return grant;
}

struct grant *grants_get(const struct grants *grants, uint64_t number)
{
	struct grant *grant = &grants->grants[number % GRANT_MAX];

	return number != 0 && grant->number == number ? grant : NULL;
}

static uint64_t key_of(struct bytes text)
{
	uint8_t digest[SHA256_LEN];

	sha256_one(text, digest);
	return get_u64(digest) | 1;
}

const char *grants_kind_name(enum grant_kind kind)
{
	switch (kind) {
	case GRANT_CODE:
		return "code";
	case GRANT_ACCESS:
		return "access";
	case GRANT_REFRESH:
		return "refresh";
	}
	return "unknown";
}

struct grant_token *grants_issue(struct grants *grants, const struct grant *grant,
				 enum grant_kind kind, unsigned lifetime_s)
{
	struct grant_token *token = &grants->tokens[grants->next_token++ % GRANT_TOKENS_MAX];
	uint8_t random[16];
	int n;

	if (token->text[0] != '\0')
		map_del(&grants->by_text, key_of(str(token->text)));
	*token = (struct grant_token){ .kind = kind, .grant = grant->number };
	token->issued = clock_wall();
	if (lifetime_s != 0)
		token->expires = token->issued + lifetime_s * USEC_PER_S;
	n = snprintf(token->text, sizeof(token->text), "sandbox-%s-%s-",
		     brand_rows[grant->brand].id, grants_kind_name(kind));
	rng_fill(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++, n += 2)
		snprintf(token->text + n, sizeof(token->text) - (size_t)n, "%02x", random[i]);
	if (map_put(&grants->by_text, key_of(str(token->text)), token) != OK) {
		token->text[0] = '\0';
		return NULL;
	}
	return token;
}

struct grant_token *grants_find(const struct grants *grants, struct bytes text)
{
	struct grant_token *token = map_find(&grants->by_text, key_of(text));

	return token != NULL && bytes_is(text, token->text) ? token : NULL;
}

bool grants_alive(const struct grants *grants, const struct grant_token *token)
{
	const struct grant *grant = grants_get(grants, token->grant);

	return grant != NULL && !grant->revoked && !token->dead &&
	       (token->expires == 0 || token->expires > clock_wall());
}

void grants_end_access(struct grants *grants, uint64_t grant)
{
	for (size_t i = 0; i < GRANT_TOKENS_MAX; i++) {
		struct grant_token *token = &grants->tokens[i];

		if (token->grant == grant && token->kind == GRANT_ACCESS)
			token->dead = true;
	}
}

void grants_count(struct grants *grants, enum brand brand, enum grant_count what)
{
	grants->counts[brand][what]++;
}
