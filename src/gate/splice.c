/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/splice.h"

static size_t escaped_len(uint8_t c)
{
	if (c < ' ')
		return 6;
	return c == '"' || c == '\\' ? 2 : 1;
}

static uint8_t *put_escaped(uint8_t *to, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	if (c < ' ') {
		to = put(to, "\\u00", 4);
		*to++ = (uint8_t)hex[c >> 4];
		*to++ = (uint8_t)hex[c & 15];
		return to;
	}
	if (c == '"' || c == '\\')
		*to++ = '\\';
	*to++ = c;
	return to;
}

enum err splice_make(struct bytes body, size_t at, struct bytes secret, struct buf **ret)
{
	scoped(buf_free) struct buf *out = NULL;
	size_t n = 0;

	if (at > body.n)
		return ERR_MALFORMED;
	for (size_t i = 0; i < secret.n; i++)
		n += escaped_len(secret.p[i]);

	TRY(buf_new(body.n + n, &out));
	uint8_t *p = put(out->p, body.p, at);
	for (size_t i = 0; i < secret.n; i++)
		p = put_escaped(p, secret.p[i]);
	put(p, body.p + at, body.n - at);
	*ret = take(out);
	return OK;
}
