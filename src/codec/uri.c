/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uri.h"

#include "codec/base64.h"

static bool is_unreserved(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static bool host_ok(struct bytes host)
{
	if (host.n == 0 || host.n > 253 || host.p[0] == '.' || host.p[0] == '-')
		return false;
	for (size_t i = 0; i < host.n; i++) {
		const uint8_t c = host.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
		if (c == '.' && i + 1 < host.n && host.p[i + 1] == '.')
			return false;
	}
	return true;
}

static bool ipv6_ok(struct bytes host)
{
	if (host.n < 2 || host.n > 45)
		return false;
	for (size_t i = 0; i < host.n; i++)
		if (hex_digit(host.p[i]) < 0 && host.p[i] != ':' && host.p[i] != '.')
			return false;
	return true;
}

static enum err parse_port(struct bytes text, uint16_t *ret)
{
	uint64_t port;

	TRY(bytes_u64(text, 65535, &port));
	if (port == 0)
		return ERR_MALFORMED;
	*ret = (uint16_t)port;
	return OK;
}

static enum err parse_authority(struct bytes authority, struct uri *uri)
{
	struct bytes rest = authority;

	if (rest.n > 0 && rest.p[0] == '[') {
		rest.p++;
		rest.n--;
		const size_t before = rest.n;
		uri->host = bytes_cut(&rest, ']');
		if (uri->host.n == before || !ipv6_ok(uri->host))
			return ERR_MALFORMED;
		if (rest.n == 0)
			return OK;
		if (rest.p[0] != ':')
			return ERR_MALFORMED;
		return parse_port((struct bytes){ rest.p + 1, rest.n - 1 }, &uri->port);
	}
	const size_t before = rest.n;
	uri->host = bytes_cut(&rest, ':');
	if (!host_ok(uri->host))
		return ERR_MALFORMED;
	return uri->host.n == before ? OK : parse_port(rest, &uri->port);
}

/* Printable ASCII without what never stands in a URI, with whole percent sequences. */
static enum err characters_ok(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}#", c) != NULL)
			return ERR_MALFORMED;
		if (c == '%' && (i + 2 >= text.n || hex_digit(text.p[i + 1]) < 0 ||
				 hex_digit(text.p[i + 2]) < 0))
			return ERR_MALFORMED;
	}
	return OK;
}

static enum err segments_ok(struct bytes path)
{
	while (path.n > 0) {
		const struct bytes segment = bytes_cut(&path, '/');
		if (bytes_is(segment, ".") || bytes_is(segment, ".."))
			return ERR_MALFORMED;
	}
	return OK;
}

enum err uri_parse(struct bytes text, struct uri *ret)
{
	struct uri uri = { 0 };
	struct bytes rest = text;

	TRY(characters_ok(text));
	if (bytes_starts(text, "https://"))
		uri = (struct uri){ .https = true, .port = 443 };
	else if (bytes_starts(text, "http://"))
		uri = (struct uri){ .port = 80 };
	else
		return ERR_MALFORMED;
	const size_t scheme_n = uri.https ? 8 : 7;
	rest.p += scheme_n;
	rest.n -= scheme_n;
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	const struct bytes authority = { rest.p, n };
	if (n > 0 && memchr(authority.p, '@', n) != NULL)
		return ERR_MALFORMED;
	TRY(parse_authority(authority, &uri));
	uri.origin = (struct bytes){ text.p, scheme_n + n };
	rest.p += n;
	rest.n -= n;
	const bool query = rest.n > 0 && memchr(rest.p, '?', rest.n) != NULL;
	uri.path = bytes_cut(&rest, '?');
	if (query)
		uri.query = rest;
	if (uri.path.n == 0)
		uri.path = str("/");
	TRY(segments_ok(uri.path));
	*ret = uri;
	return OK;
}

bool uri_same_origin(const struct uri *a, const struct uri *b)
{
	return a->https == b->https && a->port == b->port && bytes_eq(a->host, b->host);
}

enum err uri_path_decode(struct bytes path, struct dynbuf *out)
{
	dynbuf_reset(out);
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		if (c == '%') {
			if (i + 2 >= path.n || hex_digit(path.p[i + 1]) < 0 ||
			    hex_digit(path.p[i + 2]) < 0)
				goto malformed;
			c = (uint8_t)(hex_digit(path.p[i + 1]) << 4 | hex_digit(path.p[i + 2]));
			i += 2;
			if (c == '/')
				goto malformed;
		}
		if (c == 0 || c == '\\' || (c == '/' && out->n > 0 && out->p[out->n - 1] == '/'))
			goto malformed;
		dynbuf_u8(out, c);
	}
	if (dynbuf_err(out) == OK && out->n > 0 && out->p[0] == '/' &&
	    segments_ok(dynbuf_view(out)) == OK)
		return OK;
malformed:
	dynbuf_reset(out);
	return ERR_MALFORMED;
}

void uri_encode(struct bytes part, struct dynbuf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < part.n; i++) {
		const uint8_t c = part.p[i];
		if (is_unreserved(c)) {
			dynbuf_u8(out, c);
		} else {
			dynbuf_u8(out, '%');
			dynbuf_u8(out, (uint8_t)hex[c >> 4]);
			dynbuf_u8(out, (uint8_t)hex[c & 15]);
		}
	}
}

enum err uri_expand(struct bytes template, uri_variable_fn find, void *ctx, struct dynbuf *out)
{
	while (template.n > 0) {
		const size_t before = template.n;
		const struct bytes literal = bytes_cut(&template, '{');
		dynbuf_bytes(out, literal);
		if (literal.n == before)
			break;
		const size_t open = template.n;
		const struct bytes name = bytes_cut(&template, '}');
		if (name.n == open || name.n == 0)
			return ERR_MALFORMED;
		const struct bytes value = find(ctx, name);
		if (value.p == NULL)
			return ERR_NOT_FOUND;
		uri_encode(value, out);
	}
	return dynbuf_err(out) == OK ? OK : ERR_MALFORMED;
}
