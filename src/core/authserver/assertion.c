/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/assertion.h"

#include "crypto/crypto.h"

enum { CLIENT_ID_MAX = 512 };

/* "JWT" is what libraries write that know nothing better. */
static const char *const types[] = { "client-authentication+jwt", "JWT" };

static bool typ_ok(const struct jws *jws)
{
	bool ok = jws_typ_absent(jws);

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		ok |= jws_typ_is(jws, types[i]);
	return ok;
}

enum err assertion_read(struct bytes text, struct assertion *ret)
{
	struct assertion assertion = { 0 };

	const enum err err = jws_read(text, &assertion.jws);
	if (err < 0)
		return err;
	if (err != OK)
		return ERR_INVALID_CLIENT;
	assertion.client_id = json_str(assertion.jws.claims, "sub");
	if (assertion.client_id.n == 0 || assertion.client_id.n > CLIENT_ID_MAX ||
	    !bytes_eq(assertion.client_id, json_str(assertion.jws.claims, "iss")) ||
	    !typ_ok(&assertion.jws)) {
		assertion_done(&assertion);
		return ERR_INVALID_CLIENT;
	}
	*ret = assertion;
	return OK;
}

void assertion_done(struct assertion *assertion)
{
	jws_done(&assertion->jws);
}

/* The issuer alone, as a string or as the only element: an assertion that is also good elsewhere
 * could have come from there. */
static bool audience_ok(const json_t *claims, struct bytes issuer)
{
	const json_t *aud = json_object_get(claims, "aud");

	if (json_is_array(aud))
		aud = json_array_size(aud) == 1 ? json_array_get(aud, 0) : NULL;
	return json_is_string(aud) && json_string_length(aud) == issuer.n &&
	       memcmp(json_string_value(aud), issuer.p, issuer.n) == 0;
}

static bool times_ok(const struct jws *jws, usec_t now, usec_t *ret_until)
{
	const int64_t now_s = (int64_t)(now / USEC_PER_S);
	int64_t exp, from;

	if (jws_time(jws, "exp", &exp) != OK || exp <= now_s ||
	    exp > now_s + ASSERTION_LIFE_MAX_S + ASSERTION_AHEAD_MAX_S)
		return false;
	static const char *const starts[] = { "nbf", "iat" };
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		const enum err err = jws_time(jws, starts[i], &from);
		if (err != ERR_NOT_FOUND && (err != OK || from > now_s + ASSERTION_AHEAD_MAX_S))
			return false;
	}
	*ret_until = (usec_t)(exp + 1) * USEC_PER_S;
	return true;
}

/* OK: one of the keys has signed it. ERR_NOT_FOUND: none could have. */
static enum err by_one_of(const struct jws *jws, const json_t *jwks)
{
	const struct bytes kid = json_str(jws->header, "kid");
	const json_t *keys = json_object_get(jwks, "keys");
	enum err verdict = ERR_NOT_FOUND;
	const json_t *key;
	size_t i;

	if (json_array_size(keys) > JWKS_KEYS_MAX)
		return ERR_INVALID_CLIENT;
	json_array_foreach(keys, i, key)
	{
		scoped(jwk_done) struct jwk jwk = { 0 };
		if (kid.p != NULL && !bytes_eq(kid, json_str(key, "kid")))
			continue;
		enum err err = jwk_read(key, &jwk);
		if (err < 0)
			return err;
		if (err != OK || (jwk.algs & 1u << jws->alg) == 0)
			continue;
		err = jws_verify(jws, &jwk);
		if (err <= 0)
			return err;
		/* By its name this was the key: no other set says otherwise. */
		if (kid.p != NULL)
			verdict = ERR_INVALID_CLIENT;
	}
	return verdict;
}

enum err assertion_verify(const struct assertion *assertion, const struct assertion_rules *rules,
			  struct assertion_use *ret)
{
	const struct jws *jws = &assertion->jws;
	const struct bytes jti = json_str(jws->claims, "jti");
	struct assertion_use use = { .untyped = jws_typ_absent(jws) };

	if ((rules->alg != 0 && rules->alg != jws->alg) || jti.n == 0 ||
	    jti.n > ASSERTION_JTI_MAX || !audience_ok(jws->claims, rules->issuer) ||
	    !times_ok(jws, rules->now, &use.until))
		return ERR_INVALID_CLIENT;
	TRY(by_one_of(jws, rules->jwks));
	const struct bytes once[] = { assertion->client_id, { (const uint8_t *)"", 1 }, jti };
	sha256(once, ARRAY_LEN(once), use.once);
	*ret = use;
	return OK;
}
