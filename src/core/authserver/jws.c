/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/jws.h"

#include <cjose/cjose.h>

#include "codec/base64.h"

enum { HEADER_MAX = 3072, CLAIMS_MAX = 4096, SECONDS_MAX = INT32_MAX };

static const struct json_limits limits = {
	.text_max = CLAIMS_MAX,
	.strings_max = 100,
	.depth_max = 8,
};

static const char *const refused[] = { "crit", "b64", "jku", "x5u", "x5c", "zip" };

static enum err read_object(struct bytes text, size_t max, json_t **ret)
{
	scoped(json_free) json_t *json = NULL;
	uint8_t room[CLAIMS_MAX];
	size_t n;

	if (base64url_parse(text, room, max, &n) != OK)
		return ERR_MALFORMED;
	const enum err err = json_parse((struct bytes){ room, n }, &limits, &json);
	if (err < 0)
		return err;
	if (err != OK || !json_is_object(json))
		return ERR_MALFORMED;
	*ret = take(json);
	return OK;
}

static enum err read_parts(struct bytes text, struct jws *jws)
{
	uint8_t signature[JWS_SIGNATURE_MAX];
	struct bytes rest = text;
	const struct bytes header = bytes_cut(&rest, '.');
	const struct bytes claims = bytes_cut(&rest, '.');

	if (header.n + claims.n + rest.n + 2 != text.n || rest.n == 0)
		return ERR_MALFORMED;
	if (base64url_parse(rest, signature, sizeof signature, &jws->signature_n) != OK)
		return ERR_MALFORMED;
	TRY(read_object(header, HEADER_MAX, &jws->header));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (json_object_get(jws->header, refused[i]) != NULL)
			return ERR_MALFORMED;
	const struct bytes alg = json_str(jws->header, "alg");
	if (alg.p == NULL)
		return ERR_MALFORMED;
	jws->alg = jwk_alg_find(alg);
	if (jws->alg == 0)
		return ERR_UNSUPPORTED;
	return read_object(claims, CLAIMS_MAX, &jws->claims);
}

enum err jws_read(struct bytes text, struct jws *ret)
{
	struct jws jws = { .text = text };

	if (text.n > JWS_TEXT_MAX)
		return ERR_TOO_LARGE;
	const enum err err = read_parts(text, &jws);
	if (err != OK) {
		jws_done(&jws);
		return err;
	}
	*ret = jws;
	return OK;
}

void jws_done(struct jws *jws)
{
	json_free(&jws->header);
	json_free(&jws->claims);
}

static void library_jws_free(cjose_jws_t **jwsp)
{
	cjose_jws_release(*jwsp);
}

static void library_key_free(cjose_jwk_t **keyp)
{
	cjose_jwk_release(*keyp);
}

enum err jws_verify(const struct jws *jws, const struct jwk *jwk)
{
	scoped(dynbuf_done) struct dynbuf key_text = { .max = JWS_TEXT_MAX };
	scoped(library_jws_free) cjose_jws_t *parsed = NULL;
	scoped(library_key_free) cjose_jwk_t *key = NULL;
	cjose_err failed;

	/* The library takes the algorithm from the header: it has to be one that fits the key. */
	if ((jwk->algs & 1u << jws->alg) == 0 || jws->signature_n != jwk->signature_n)
		return ERR_FORGED;
	json_print(jwk->key, &key_text);
	TRY(dynbuf_err(&key_text));
	key = cjose_jwk_import((const char *)key_text.p, key_text.n, &failed);
	parsed = cjose_jws_import((const char *)jws->text.p, jws->text.n, &failed);
	if (key == NULL || parsed == NULL)
		return ERR_FORGED;
	return cjose_jws_verify(parsed, key, &failed) ? OK : ERR_FORGED;
}

bool jws_typ_absent(const struct jws *jws)
{
	return json_object_get(jws->header, "typ") == NULL;
}

bool jws_typ_is(const struct jws *jws, const char *type)
{
	struct bytes typ = json_str(jws->header, "typ");
	const size_t prefix = strlen("application/");

	if (typ.n > prefix && bytes_caseis((struct bytes){ typ.p, prefix }, "application/")) {
		typ.p += prefix;
		typ.n -= prefix;
	}
	return typ.p != NULL && bytes_caseis(typ, type);
}

enum err jws_time(const struct jws *jws, const char *claim, int64_t *ret)
{
	const json_t *value = json_object_get(jws->claims, claim);

	if (value == NULL)
		return ERR_NOT_FOUND;
	if (!json_is_number(value))
		return ERR_MALFORMED;
	const double seconds = json_number_value(value);
	if (!(seconds >= 0) || seconds > (double)SECONDS_MAX)
		return ERR_MALFORMED;
	*ret = (int64_t)seconds;
	return OK;
}
