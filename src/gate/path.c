/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/path.h"

#include "codec/base64.h"

struct bytes path_of(struct bytes target)
{
	return bytes_cut(&target, '?');
}

/* RFC 3986 2.3. */
static bool is_unreserved(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_good_escape(struct bytes rest, bool proxied)
{
	if (rest.n < 3)
		return false;
	const int high = hex_digit(rest.p[1]), low = hex_digit(rest.p[2]);
	if (high < 0 || low < 0)
		return false;
	const int c = high * 16 + low;
	if (c == '/')
		return proxied;
	return c >= ' ' && c != 0x7f && c != '\\' && c != '%' && !is_unreserved(c);
}

static bool is_dots(struct bytes part)
{
	return bytes_is(part, ".") || bytes_is(part, "..");
}

/* In which an encoded slash separates too. */
static bool has_dots(struct bytes segment)
{
	size_t began = 0;

	for (size_t i = 0; i < segment.n; i++) {
		if (segment.p[i] != '%' || segment.n - i < 3 || segment.p[i + 1] != '2' ||
		    (segment.p[i + 2] | 0x20) != 'f')
			continue;
		if (is_dots((struct bytes){ segment.p + began, i - began }))
			return true;
		began = i + 3;
	}
	return is_dots((struct bytes){ segment.p + began, segment.n - began });
}

bool path_proxied(struct bytes path)
{
	return bytes_starts(path, "/proxy/");
}

enum err path_check(struct bytes path)
{
	const bool proxied = path_proxied(path);

	if (path.n == 0 || path.p[0] != '/')
		return ERR_MALFORMED;
	for (size_t i = 0; i < path.n; i++) {
		const struct bytes rest = { path.p + i, path.n - i };

		if (path.p[i] <= ' ' || path.p[i] >= 0x7f || path.p[i] == '\\' ||
		    (path.p[i] == '%' && !is_good_escape(rest, proxied)))
			return ERR_MALFORMED;
	}
	struct bytes rest = { path.p + 1, path.n - 1 };
	while (rest.n > 0) {
		const struct bytes segment = bytes_cut(&rest, '/');

		if (segment.n == 0 || has_dots(segment))
			return ERR_MALFORMED;
	}
	return OK;
}

bool path_is(struct bytes path, const char *pattern)
{
	struct bytes want = str(pattern);

	while (want.n > 0 && path.n > 0) {
		const struct bytes have = bytes_cut(&path, '/'), part = bytes_cut(&want, '/');

		if (bytes_is(part, "*") ? have.n == 0 : !bytes_eq(have, part))
			return false;
	}
	return want.n == 0 && path.n == 0;
}
