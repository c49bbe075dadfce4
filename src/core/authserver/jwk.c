/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/jwk.h"

#include "codec/base64.h"
#include "crypto/crypto.h"

enum { RSA_MIN = 256, RSA_MAX = 512, EXPONENT_MAX = 4, EC_MAX = 48 };

static const char *const algs[JWK_ALG_END] = {
	[JWK_RS256] = "RS256",
	[JWK_PS256] = "PS256",
	[JWK_ES256] = "ES256",
	[JWK_ES384] = "ES384",
};

/* RFC 7518 6.2.2, 6.3.2 and 6.4.1: none of these is for other eyes. */
static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };

enum jwk_alg jwk_alg_find(struct bytes name)
{
	for (int alg = 1; alg < JWK_ALG_END; alg++)
		if (bytes_is(name, algs[alg]))
			return (enum jwk_alg)alg;
	return 0;
}

const char *jwk_alg_name(enum jwk_alg alg)
{
	return algs[alg];
}

void jwk_thumbprint_print(const uint8_t thumbprint[static JWK_THUMBPRINT_LEN],
			  char to[static JWK_THUMBPRINT_TEXT + 1])
{
	struct dynbuf out = { .p = (uint8_t *)to,
			      .room = JWK_THUMBPRINT_TEXT + 1,
			      .max = JWK_THUMBPRINT_TEXT };

	base64url_print((struct bytes){ thumbprint, JWK_THUMBPRINT_LEN }, &out);
	to[out.n] = 0;
}

/* Absent, or for signatures. */
static bool use_ok(const json_t *json)
{
	const json_t *use = json_object_get(json, "use");
	const json_t *ops = json_object_get(json, "key_ops");
	const json_t *op;
	bool verify = ops == NULL;
	size_t i;

	json_array_foreach(ops, i, op) verify |=
		json_is_string(op) && strcmp(json_string_value(op), "verify") == 0;
	return verify && (use == NULL || bytes_is(json_str(json, "use"), "sig"));
}

/* Leaves of @jwk->algs what the key's own `alg` names. */
static enum err narrow(const json_t *json, struct jwk *jwk)
{
	if (json_object_get(json, "alg") == NULL)
		return OK;
	const enum jwk_alg alg = jwk_alg_find(json_str(json, "alg"));
	if (alg == 0 || (jwk->algs & 1u << alg) == 0)
		return ERR_UNSUPPORTED;
	jwk->algs = 1u << alg;
	return OK;
}

/* The canonical base64url text of a member, and how many bytes it stands for. */
static enum err number(const json_t *json, const char *name, uint8_t *to, size_t room, size_t *ret)
{
	const struct bytes text = json_str(json, name);

	if (text.p == NULL || text.n == 0 || base64url_parse(text, to, room, ret) != OK)
		return ERR_MALFORMED;
	return OK;
}

static enum err read_ec(const json_t *json, struct jwk *jwk, struct dynbuf *canonical)
{
	const struct bytes curve = json_str(json, "crv");
	const bool is_384 = bytes_is(curve, "P-384");
	const size_t n = is_384 ? 48 : 32;
	const char *x = json_string_value(json_object_get(json, "x"));
	const char *y = json_string_value(json_object_get(json, "y"));
	uint8_t room[EC_MAX];
	size_t x_n, y_n;

	if (!is_384 && !bytes_is(curve, "P-256"))
		return curve.p == NULL ? ERR_MALFORMED : ERR_UNSUPPORTED;
	TRY(number(json, "x", room, n, &x_n));
	TRY(number(json, "y", room, n, &y_n));
	if (x_n != n || y_n != n)
		return ERR_MALFORMED;
	jwk->algs = is_384 ? 1u << JWK_ES384 : 1u << JWK_ES256;
	jwk->signature_n = 2 * n;
	jwk->key = json_pack("{s:s,s:s,s:s,s:s}", "kty", "EC", "crv", is_384 ? "P-384" : "P-256",
			     "x", x, "y", y);
	dynbuf_printf(canonical, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
		      is_384 ? "P-384" : "P-256", x, y);
	return OK;
}

static enum err read_rsa(const json_t *json, struct jwk *jwk, struct dynbuf *canonical)
{
	const char *n = json_string_value(json_object_get(json, "n"));
	const char *e = json_string_value(json_object_get(json, "e"));
	uint8_t modulus[RSA_MAX], exponent[EXPONENT_MAX];
	size_t modulus_n, exponent_n;

	if (json_str(json, "n").n > 2 * (size_t)RSA_MAX)
		return ERR_UNSUPPORTED;
	TRY(number(json, "n", modulus, sizeof modulus, &modulus_n));
	TRY(number(json, "e", exponent, sizeof exponent, &exponent_n));
	/* RFC 7518 2: the fewest octets that hold the value. An even exponent is none. */
	if (modulus[0] == 0 || exponent[0] == 0 || (exponent[exponent_n - 1] & 1) == 0 ||
	    (exponent_n == 1 && exponent[0] == 1) || (modulus[modulus_n - 1] & 1) == 0)
		return ERR_MALFORMED;
	if (modulus_n < RSA_MIN || (modulus_n == RSA_MIN && modulus[0] < 0x80))
		return ERR_UNSUPPORTED;
	jwk->algs = 1u << JWK_RS256 | 1u << JWK_PS256;
	jwk->signature_n = modulus_n;
	jwk->key = json_pack("{s:s,s:s,s:s}", "kty", "RSA", "n", n, "e", e);
	dynbuf_printf(canonical, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n);
	return OK;
}

static enum err read_key(const json_t *json, struct jwk *jwk)
{
	const struct bytes kty = json_str(json, "kty");
	scoped(dynbuf_done) struct dynbuf canonical = { .max = 2048 };
	enum err err;

	if (bytes_is(kty, "EC"))
		err = read_ec(json, jwk, &canonical);
	else if (bytes_is(kty, "RSA"))
		err = read_rsa(json, jwk, &canonical);
	else
		err = kty.n == 0 ? ERR_MALFORMED : ERR_UNSUPPORTED;
	TRY(err);
	if (jwk->key == NULL || dynbuf_err(&canonical) != OK)
		return FAULT_NOMEM;
	sha256_one(dynbuf_view(&canonical), jwk->thumbprint);
	return narrow(json, jwk);
}

enum err jwk_read(const json_t *json, struct jwk *ret)
{
	struct jwk jwk = { 0 };

	if (!json_is_object(json))
		return ERR_MALFORMED;
	for (size_t i = 0; i < ARRAY_LEN(private_members); i++)
		if (json_object_get(json, private_members[i]) != NULL)
			return ERR_MALFORMED;
	if (!use_ok(json))
		return ERR_UNSUPPORTED;
	const enum err err = read_key(json, &jwk);
	if (err != OK) {
		jwk_done(&jwk);
		return err;
	}
	*ret = jwk;
	return OK;
}

void jwk_done(struct jwk *jwk)
{
	json_free(&jwk->key);
}

enum err jwks_check(const json_t *jwks)
{
	const json_t *keys = json_object_get(jwks, "keys");
	const json_t *key;
	unsigned usable = 0;
	size_t i;

	if (!json_is_array(keys) || json_array_size(keys) > JWKS_KEYS_MAX)
		return ERR_MALFORMED;
	json_array_foreach(keys, i, key)
	{
		scoped(jwk_done) struct jwk jwk = { 0 };
		const enum err err = jwk_read(key, &jwk);
		if (err < 0)
			return err;
		if (err == ERR_MALFORMED)
			return ERR_MALFORMED;
		usable += err == OK;
	}
	return usable > 0 ? OK : ERR_MALFORMED;
}
