/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/redirect.h"

#include "codec/uri.h"

/* Schemes that a browser or a desktop gives a meaning of its own: code, files, mail, calls. */
static const char *const refused[] = {
	"about",       "blob",
	"chrome",      "content",
	"data",	       "file",
	"filesystem",  "ftp",
	"intent",      "jar",
	"javascript",  "mailto",
	"ms-settings", "resource",
	"search-ms",   "sms",
	"tel",	       "vbscript",
	"view-source", "ws",
	"wss",	       "x-apple-helpbasic",
};

static const char *const loopbacks[] = { "127.0.0.1", "::1", "localhost" };

static bool is_loopback(const struct uri *uri)
{
	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++)
		if (!uri->https && bytes_is(uri->host, loopbacks[i]))
			return true;
	return false;
}

/* Printable ASCII without what no URI may hold (RFC 3986 2), and without '#'. */
static bool is_clean(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f ||
		    strchr("\"<>\\^`{|}#", text.p[i]) != NULL)
			return false;
	return true;
}

static bool is_scheme(struct bytes text)
{
	if (text.n == 0 || text.p[0] < 'a' || text.p[0] > 'z')
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '-' &&
		    c != '.')
			return false;
	}
	return true;
}

static bool has_dot(struct bytes text)
{
	return text.n > 2 && memchr(text.p + 1, '.', text.n - 2) != NULL;
}

/* @rest: what follows the scheme's colon. */
static enum err check_private(struct bytes scheme, struct bytes rest, enum redirect_by by)
{
	struct bytes authority = { NULL, 0 };

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (bytes_is(scheme, refused[i]))
			return ERR_MALFORMED;
	if (bytes_starts(rest, "//")) {
		rest.p += 2;
		rest.n -= 2;
		rest = bytes_cut(&rest, '?');
		authority = bytes_cut(&rest, '/');
	} else if (!bytes_starts(rest, "/")) {
		return ERR_MALFORMED;
	}
	if (authority.n > 0 && memchr(authority.p, '@', authority.n) != NULL)
		return ERR_MALFORMED;
	return by == REDIRECT_BY_OPERATOR || has_dot(scheme) || has_dot(authority) ? OK
										   : ERR_MALFORMED;
}

enum err redirect_check(struct bytes text, enum redirect_by by)
{
	struct bytes rest = text;
	struct uri uri;

	if (text.n == 0 || text.n > REDIRECT_TEXT_MAX || !is_clean(text) ||
	    memchr(text.p, ':', text.n) == NULL)
		return ERR_MALFORMED;
	const struct bytes scheme = bytes_cut(&rest, ':');
	if (!is_scheme(scheme))
		return ERR_MALFORMED;
	if (!bytes_is(scheme, "http") && !bytes_is(scheme, "https"))
		return check_private(scheme, rest, by);
	TRY(uri_parse(text, &uri));
	return uri.https || is_loopback(&uri) ? OK : ERR_MALFORMED;
}

/* What follows the port, as written. */
static struct bytes behind_origin(struct bytes text, const struct uri *uri)
{
	return (struct bytes){ text.p + uri->origin.n, text.n - uri->origin.n };
}

bool redirect_allowed(struct bytes registered, struct bytes asked)
{
	struct uri a, b;

	if (asked.n == 0 || asked.n > REDIRECT_TEXT_MAX || registered.n == 0)
		return false;
	if (bytes_eq(registered, asked))
		return true;
	if (uri_parse(registered, &a) != OK || uri_parse(asked, &b) != OK)
		return false;
	return is_loopback(&a) && is_loopback(&b) && bytes_eq(a.host, b.host) &&
	       bytes_eq(behind_origin(registered, &a), behind_origin(asked, &b));
}

bool redirect_is_loopback(struct bytes text)
{
	struct uri uri;

	return uri_parse(text, &uri) == OK && is_loopback(&uri);
}

struct bytes redirect_shown(struct bytes text)
{
	struct bytes scheme = text;
	struct uri uri;

	scheme = bytes_cut(&scheme, ':');
	if (uri_parse(text, &uri) != OK)
		return scheme;
	struct bytes host = uri.origin;
	host.p += scheme.n + 3;
	host.n -= scheme.n + 3;
	return host;
}
