/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/dpop.h"

#include "base/secret.h"
#include "codec/base64.h"
#include "codec/uri.h"
#include "crypto/crypto.h"

enum { NONCE_TIME = 8, NONCE_MAC = 16, URL_MAX = 2048 };

static void nonce_mac(const uint8_t key[static 32], const uint8_t time[static NONCE_TIME],
		      uint8_t out[static MAC_LEN])
{
	const struct bytes parts[] = { str("valetkey dpop nonce"), { time, NONCE_TIME } };

	mac(key, parts, ARRAY_LEN(parts), out);
}

void dpop_nonce_print(const uint8_t key[static 32], usec_t now, char to[static DPOP_NONCE_TEXT + 1])
{
	struct dynbuf out = { .p = (uint8_t *)to,
			      .room = DPOP_NONCE_TEXT + 1,
			      .max = DPOP_NONCE_TEXT };
	uint8_t nonce[NONCE_TIME + MAC_LEN];

	put_u64(nonce, now / USEC_PER_S);
	nonce_mac(key, nonce, nonce + NONCE_TIME);
	base64url_print((struct bytes){ nonce, NONCE_TIME + NONCE_MAC }, &out);
	to[out.n] = 0;
}

bool dpop_nonce_ok(const uint8_t key[static 32], usec_t now, struct bytes text)
{
	const uint64_t now_s = now / USEC_PER_S;
	uint8_t nonce[NONCE_TIME + NONCE_MAC], expected[MAC_LEN];
	size_t n;

	if (base64url_parse(text, nonce, sizeof nonce, &n) != OK || n != sizeof nonce)
		return false;
	nonce_mac(key, nonce, expected);
	if (!ct_eq((struct bytes){ expected, NONCE_MAC },
		   (struct bytes){ nonce + NONCE_TIME, NONCE_MAC }))
		return false;
	const uint64_t made = get_u64(nonce);
	return made <= now_s && now_s - made <= DPOP_NONCE_LIFE_S;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static int digit(uint8_t c)
{
	c = lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 6.2.2.1 and 6.2.2.2: hex digits in upper case, and what needs no encoding without it. */
static void normal_path(struct bytes path, struct dynbuf *out)
{
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		if (c != '%' || i + 2 >= path.n || digit(path.p[i + 1]) < 0 ||
		    digit(path.p[i + 2]) < 0) {
			dynbuf_u8(out, c);
			continue;
		}
		c = (uint8_t)(digit(path.p[i + 1]) << 4 | digit(path.p[i + 2]));
		i += 2;
		if ((lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
		    (c != 0 && strchr("-._~", c) != NULL))
			dynbuf_u8(out, c);
		else
			dynbuf_printf(out, "%%%02X", c);
	}
}

/* Without query and fragment (9449 4.3-9), scheme and host in lower case, no default port. */
static enum err normal_url(struct bytes text, struct dynbuf *out)
{
	struct bytes rest = bytes_cut(&text, '#');
	uint8_t room[URL_MAX];
	struct uri uri;
	size_t n = 0;
	unsigned slashes = 0;

	if (rest.n == 0 || rest.n > sizeof room)
		return ERR_MALFORMED;
	for (; n < rest.n && slashes < 3; n++) {
		room[n] = lower(rest.p[n]);
		slashes += rest.p[n] == '/';
	}
	put(room + n, rest.p + n, rest.n - n);
	TRY(uri_parse((struct bytes){ room, rest.n }, &uri));
	dynbuf_str(out, uri.https ? "https://" : "http://");
	dynbuf_bytes(out, uri.host);
	dynbuf_printf(out, ":%u", uri.port);
	normal_path(uri.path, out);
	return dynbuf_err(out);
}

static bool same_url(struct bytes said, struct bytes ours)
{
	scoped(dynbuf_done) struct dynbuf a = { .max = 3 * URL_MAX };
	scoped(dynbuf_done) struct dynbuf b = { .max = 3 * URL_MAX };

	return normal_url(said, &a) == OK && normal_url(ours, &b) == OK &&
	       bytes_eq(dynbuf_view(&a), dynbuf_view(&b));
}

/* ath (4.3-11): the hash of the very token that came along. */
static bool token_ok(const struct jws *jws, struct bytes token)
{
	char expected[JWK_THUMBPRINT_TEXT + 1];
	uint8_t hash[SHA256_LEN];

	if (token.p == NULL)
		return true;
	sha256_one(token, hash);
	jwk_thumbprint_print(hash, expected);
	return bytes_is(json_str(jws->claims, "ath"), expected);
}

static bool age_ok(const struct jws *jws, usec_t now, usec_t *ret_until)
{
	const int64_t now_s = (int64_t)(now / USEC_PER_S);
	int64_t made;

	if (jws_time(jws, "iat", &made) != OK || made > now_s + DPOP_AHEAD_MAX_S ||
	    made < now_s - DPOP_AGE_MAX_S)
		return false;
	*ret_until = (usec_t)(made + DPOP_AGE_MAX_S + 1) * USEC_PER_S;
	return true;
}

static enum err check_claims(const struct jws *jws, const struct dpop_request *request,
			     usec_t *ret_until)
{
	const struct bytes jti = json_str(jws->claims, "jti");
	const json_t *nonce = json_object_get(jws->claims, "nonce");

	if (jti.n == 0 || jti.n > DPOP_JTI_MAX ||
	    !bytes_eq(json_str(jws->claims, "htm"), request->method) ||
	    !same_url(json_str(jws->claims, "htu"), request->url) ||
	    !age_ok(jws, request->now, ret_until) || !token_ok(jws, request->token))
		return ERR_INVALID_DPOP_PROOF;
	if (request->nonce_required && nonce == NULL)
		return ERR_USE_DPOP_NONCE;
	if (nonce != NULL && request->nonce_key != NULL &&
	    !dpop_nonce_ok(request->nonce_key, request->now, json_str(jws->claims, "nonce")))
		return ERR_USE_DPOP_NONCE;
	return OK;
}

static enum err verify(const struct dpop_request *request, struct jws *jws, struct jwk *jwk,
		       struct dpop_proof *ret)
{
	TRY(jws_read(request->proof, jws));
	if (!jws_typ_is(jws, "dpop+jwt"))
		return ERR_INVALID_DPOP_PROOF;
	TRY(jwk_read(json_object_get(jws->header, "jwk"), jwk));
	TRY(jws_verify(jws, jwk));
	TRY(check_claims(jws, request, &ret->until));
	const struct bytes once[] = { { jwk->thumbprint, JWK_THUMBPRINT_LEN },
				      json_str(jws->claims, "jti") };
	memcpy(ret->thumbprint, jwk->thumbprint, JWK_THUMBPRINT_LEN);
	sha256(once, ARRAY_LEN(once), ret->once);
	return OK;
}

enum err dpop_verify(const struct dpop_request *request, struct dpop_proof *ret)
{
	scoped(jws_done) struct jws jws = { 0 };
	scoped(jwk_done) struct jwk jwk = { 0 };
	struct dpop_proof proof;

	const enum err err = verify(request, &jws, &jwk, &proof);
	if (err < 0 || err == ERR_USE_DPOP_NONCE)
		return err;
	if (err != OK)
		return ERR_INVALID_DPOP_PROOF;
	*ret = proof;
	return OK;
}
