/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/head.h"

enum { VERSION_LEN = 8, LENGTH_DIGITS_MAX = 18, NAME_MAX_LEN = 256 };

/* Headers of which a second one is no list but a contradiction. */
static const char *const once[] = {
	"host",
	"content-length",
	"transfer-encoding",
	"expect",
	"authorization",
	"content-type",
	"cookie",
	"origin",
	"referer",
	"user-agent",
	"max-forwards",
	"if-modified-since",
	"if-unmodified-since",
	"range",
	"mcp-session-id",
	"mcp-protocol-version",
	"last-event-id",
	"idempotency-key",
	"valetkey-tenant",
};

enum { ONCE_HOST, ONCE_LENGTH, ONCE_CODING, ONCE_EXPECT };
_Static_assert(ARRAY_LEN(once) <= 32, "struct head keeps one bit for each");

static bool is_token_char(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (!is_token_char(b.p[i]))
			return false;
	return b.n > 0;
}

/* Visible ASCII without '#': a fragment never travels (RFC 9112 3.2). */
static bool is_target(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] <= ' ' || b.p[i] >= 0x7f || b.p[i] == '#')
			return false;
	return b.n > 0;
}

static bool is_value(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if ((b.p[i] < ' ' && b.p[i] != '\t') || b.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_authority(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		const uint8_t c = b.p[i];
		const bool alnum =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!alnum && (c == 0 || strchr("-._:[]", c) == NULL))
			return false;
	}
	return b.n > 0;
}

struct bytes head_trim(struct bytes value)
{
	while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	return value;
}

static size_t scheme_len(struct bytes target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (target.n >= strlen(schemes[i]) &&
		    bytes_caseis((struct bytes){ target.p, strlen(schemes[i]) }, schemes[i]))
			return strlen(schemes[i]);
	return 0;
}

static size_t authority_len(struct bytes rest)
{
	size_t n = 0;

	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	return n;
}

struct bytes head_origin_form(struct bytes target)
{
	const size_t skip = scheme_len(target);

	if (skip == 0)
		return target;
	const struct bytes rest = { target.p + skip, target.n - skip };
	const size_t host = authority_len(rest);
	return (struct bytes){ rest.p + host, rest.n - host };
}

/* RFC 9112 3.2: origin-form, absolute-form with a path, or the asterisk of OPTIONS. */
static bool take_form(struct head *h, struct bytes target)
{
	const size_t skip = scheme_len(target);

	if (target.p[0] == '/')
		return true;
	if (skip == 0)
		return bytes_is(target, "*") && bytes_is(h->method, "OPTIONS");
	const struct bytes rest = { target.p + skip, target.n - skip };
	h->authority = (struct bytes){ rest.p, authority_len(rest) };
	return is_authority(h->authority) && h->authority.n < rest.n &&
	       rest.p[h->authority.n] == '/';
}

unsigned head_begin(struct head *h, struct bytes method, struct bytes target, struct bytes version)
{
	h->begin = method.p;
	h->method = method;
	h->next = version.p + VERSION_LEN + 2;
	if (target.n > h->limits->target_max)
		return 414;
	if (h->adds_up && (h->target_at != method.p + method.n + 1 ||
			   version.p != h->target_at + target.n + 1 || version.n != VERSION_LEN))
		return 400;
	if (!is_token(method) || !is_target(target) || !take_form(h, target))
		return 400;
	h->http11 = bytes_is(version, "HTTP/1.1");
	return h->http11 || bytes_is(version, "HTTP/1.0") ? 0 : 505;
}

/* Where the value begins, or NULL when something else than white space is before it. */
static bool stands_in_line(const struct head *h, struct bytes name, struct bytes value)
{
	const uint8_t *p = name.p + name.n + 1;

	if (name.p != h->next || value.p < p)
		return false;
	while (p < value.p && (*p == ' ' || *p == '\t'))
		p++;
	return p == value.p;
}

static size_t once_index(struct bytes name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(once) && !bytes_caseis(name, once[i]))
		i++;
	return i;
}

static unsigned take_framing(struct head *h, size_t which, struct bytes value)
{
	if (which == ONCE_HOST) {
		h->host = value;
		return is_authority(value) ? 0 : 400;
	}
	if (which == ONCE_LENGTH)
		return value.n <= LENGTH_DIGITS_MAX &&
				       bytes_u64(value, UINT64_MAX, &h->length) == OK
			       ? 0
			       : 400;
	if (which == ONCE_CODING) {
		h->chunked = true;
		return h->http11 && bytes_caseis(value, "chunked") ? 0 : 400;
	}
	if (which == ONCE_EXPECT)
		return bytes_caseis(value, "100-continue") ? 0 : 417;
	return 0;
}

unsigned head_line(struct head *h, struct bytes name, struct bytes value)
{
	if (++h->lines > h->limits->lines_max || name.n > NAME_MAX_LEN ||
	    value.n > h->limits->target_max)
		return 431;
	if (h->adds_up && !stands_in_line(h, name, value))
		return 400;
	h->next = value.p + value.n + 2;
	if (!is_token(name) || !is_value(value))
		return 400;

	const size_t which = once_index(name);
	if (which == ARRAY_LEN(once))
		return 0;
	if ((h->seen & 1u << which) != 0)
		return 400;
	h->seen |= 1u << which;
	return take_framing(h, which, head_trim(value));
}

unsigned head_end(struct head *h, size_t size)
{
	const bool has_length = (h->seen & 1u << ONCE_LENGTH) != 0;
	const bool has_host = (h->seen & 1u << ONCE_HOST) != 0;
	const bool bodiless = bytes_is(h->method, "GET") || bytes_is(h->method, "HEAD");

	/* A line that begins with NUL ends the head for the library, whatever stands behind. */
	if (h->adds_up && (h->next + 2 != h->begin + size || get_u32(h->next - 2) != 0))
		return 400;
	if (size > h->limits->header_max + h->limits->target_max)
		return 431;
	if (h->http11 && !has_host)
		return 400;
	if (h->chunked && has_length)
		return 400;
	if (bodiless && (h->chunked || h->length > 0))
		return 400;
	if (h->authority.n > 0 && has_host && !bytes_eq(h->authority, h->host))
		return 400;
	return 0;
}
