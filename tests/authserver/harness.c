/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "core/authserver/jws.h"

/*
 * authserver_harness - our readers of keys and signatures for jose.test.mjs,
 * which asks the same of other implementations. A line is a word and texts in
 * hexadecimal; the answer is one line:
 *
 *   verify JWS JWK   ok, or an error's name
 *   thumbprint JWK   base64url, or an error's name
 */

static struct buf *text_of(struct bytes hex)
{
	struct buf *text = NULL;

	if (buf_new(hex.n / 2, &text) != OK || hex_parse(hex, text->p, text->n) != OK)
		abort();
	return text;
}

static enum err read_key(struct bytes text, struct jwk *ret)
{
	scoped(json_free) json_t *json = NULL;

	TRY(json_parse(text, &json_request_limits, &json));
	return jwk_read(json, ret);
}

static enum err verify(struct bytes text, struct bytes key)
{
	scoped(jws_done) struct jws jws = { 0 };
	scoped(jwk_done) struct jwk jwk = { 0 };

	TRY(jws_read(text, &jws));
	TRY(read_key(key, &jwk));
	return jws_verify(&jws, &jwk);
}

static enum err thumbprint(struct bytes key, char to[static JWK_THUMBPRINT_TEXT + 1])
{
	scoped(jwk_done) struct jwk jwk = { 0 };

	TRY(read_key(key, &jwk));
	jwk_thumbprint_print(jwk.thumbprint, to);
	return OK;
}

int main(void)
{
	static char line[65536];

	while (fgets(line, sizeof line, stdin) != NULL) {
		struct bytes rest = str(line);
		if (rest.n > 0 && rest.p[rest.n - 1] == '\n')
			rest.n--;
		const struct bytes word = bytes_cut(&rest, ' ');
		scoped(buf_free) struct buf *a = text_of(bytes_cut(&rest, ' '));
		scoped(buf_free) struct buf *b = text_of(rest);
		char print[JWK_THUMBPRINT_TEXT + 1] = "ok";
		const enum err err = bytes_is(word, "verify") ? verify(buf_bytes(a), buf_bytes(b))
							      : thumbprint(buf_bytes(a), print);
		puts(err == OK ? print : err_row(err)->name);
	}
	return 0;
}
