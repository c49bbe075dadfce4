/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/base64.h"
#include "codec/token.h"
#include "codec/uri.h"

/* The parts of an address lie inside it; what is encoded decodes to what it was. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes part, struct bytes whole)
{
	if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

static void address(struct bytes text)
{
	struct uri uri;

	if (uri_parse(text, &uri) != OK)
		return;
	inside(uri.host, text);
	inside(uri.origin, text);
	inside(uri.query, text);
	if (uri.host.n == 0 || uri.path.n == 0 || uri.path.p[0] != '/')
		abort();
	if (!uri_same_origin(&uri, &uri))
		abort();
}

static void path(struct bytes text)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 1024 * 1024);
	if (uri_path_decode(text, &out) == OK &&
	    (out.n > text.n || memmem(out.p, out.n, "/../", 4) != NULL ||
	     (out.n > 0 && memchr(out.p, 0, out.n) != NULL)))
		abort();
}

static void base64(struct bytes bytes)
{
	scoped(dynbuf_done) struct dynbuf text, twin;
	uint8_t room[4096];
	size_t n;

	dynbuf_init(&text, 64 * 1024);
	dynbuf_init(&twin, 64 * 1024);
	if (bytes.n <= sizeof room) {
		base64url_print(bytes, &text);
		if (base64url_parse(dynbuf_view(&text), room, sizeof room, &n) != OK ||
		    !bytes_eq((struct bytes){ room, n }, bytes))
			abort();
	}
	if (base64_parse(bytes, room, sizeof room, &n) == OK) {
		base64_print((struct bytes){ room, n }, &twin);
		if (!bytes_eq(dynbuf_view(&twin), bytes))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = { data, size };
	enum token_kind kind;

	address(text);
	path(text);
	base64(text);
	if (token_parse(text, &kind) == OK && (size > TOKEN_TEXT_MAX || kind < TOKEN_ADMIN))
		abort();
	return 0;
}
