/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/address.h"

#include "codec/uri.h"

enum { ADDRESS_MAX = 2048 };

bool address_loopback(struct bytes host)
{
	return bytes_is(host, "localhost") || bytes_is(host, "127.0.0.1") || bytes_is(host, "::1");
}

static struct bytes part(const uint8_t *from, const uint8_t *to)
{
	return (struct bytes){ from, (size_t)(to - from) };
}

/* What stands around the place in a host. */
static enum err split_host(struct bytes host, struct address *ret)
{
	const uint8_t *end = host.p + host.n;
	const uint8_t *open = memchr(host.p, '{', host.n);

	ret->before = host;
	if (open == NULL)
		return OK;
	const uint8_t *close = memchr(open, '}', (size_t)(end - open));
	if (close == NULL || close == open + 1)
		return ERR_MALFORMED;
	ret->before = part(host.p, open);
	ret->name = part(open + 1, close);
	ret->after = part(close + 1, end);
	/* Whole labels only: {x}acme.com could become evilacme.com. */
	if (ret->before.n > 0 && ret->before.p[ret->before.n - 1] != '.')
		return ERR_MALFORMED;
	if (ret->after.n > 0 && (ret->after.p[0] != '.' || ret->after.n < 2 ||
				 memchr(ret->after.p, '{', ret->after.n) != NULL))
		return ERR_MALFORMED;
	return OK;
}

static enum err split(struct bytes text, struct address *ret)
{
	const size_t scheme_n = bytes_starts(text, "https://") ? 8 : 7;
	size_t n = scheme_n;

	if (scheme_n == 7 && !bytes_starts(text, "http://"))
		return ERR_MALFORMED;
	while (n < text.n && text.p[n] != '/' && text.p[n] != '?')
		n++;
	const struct bytes authority = { text.p + scheme_n, n - scheme_n };
	size_t host_n = authority.n;
	if (authority.n == 0 || authority.p[0] != '[') {
		const uint8_t *colon =
			authority.n == 0 ? NULL : memchr(authority.p, ':', authority.n);
		host_n = colon == NULL ? authority.n : (size_t)(colon - authority.p);
	}
	ret->https = scheme_n == 8;
	ret->origin = (struct bytes){ text.p, n };
	ret->port = (struct bytes){ authority.p + host_n, authority.n - host_n };
	ret->rest = (struct bytes){ text.p + n, text.n - n };
	return split_host((struct bytes){ authority.p, host_n }, ret);
}

/* The address with every place filled, so that it can be looked at as one. */
static enum err fill(struct bytes text, struct dynbuf *out)
{
	while (text.n > 0) {
		size_t before = text.n;
		const struct bytes literal = bytes_cut(&text, '{');
		if (literal.n > 0 && memchr(literal.p, '}', literal.n) != NULL)
			return ERR_MALFORMED;
		dynbuf_bytes(out, literal);
		if (literal.n == before)
			break;
		before = text.n;
		const struct bytes name = bytes_cut(&text, '}');
		if (name.n == before || name.n == 0)
			return ERR_MALFORMED;
		dynbuf_u8(out, 'x');
	}
	return dynbuf_err(out);
}

enum err address_parse(struct bytes text, struct address *ret)
{
	uint8_t room[ADDRESS_MAX];
	struct dynbuf sample = { .p = room, .room = sizeof room, .max = sizeof room };
	struct address address = { 0 };
	struct uri uri;

	if (text.n > ADDRESS_MAX)
		return ERR_MALFORMED;
	TRY(split(text, &address));
	if (fill(text, &sample) != OK || uri_parse(dynbuf_view(&sample), &uri) != OK)
		return ERR_MALFORMED;
	if (!uri.https && address.name.n == 0 && !address_loopback(uri.host))
		return ERR_MALFORMED;
	*ret = address;
	return OK;
}
