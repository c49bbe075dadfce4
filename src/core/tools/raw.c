/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/raw.h"

#include "codec/base64.h"
#include "codec/utf8.h"

enum { TEXT_MAX = 4 * TOOLS_URL_MAX };

static bool is_unreserved(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* One byte of a path or query: as it stands, or one percent sequence. */
static enum err next_byte(struct bytes *rest, uint8_t *ret, bool *ret_encoded)
{
	const uint8_t c = rest->p[0];
	size_t n = 1;

	if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}#", c) != NULL)
		return ERR_MALFORMED;
	*ret = c;
	*ret_encoded = c == '%';
	if (c == '%') {
		if (rest->n < 3 || hex_digit(rest->p[1]) < 0 || hex_digit(rest->p[2]) < 0)
			return ERR_MALFORMED;
		*ret = (uint8_t)(hex_digit(rest->p[1]) << 4 | hex_digit(rest->p[2]));
		n = 3;
	}
	*rest = (struct bytes){ rest->p + n, rest->n - n };
	return OK;
}

static void put_encoded(uint8_t c, struct dynbuf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	dynbuf_u8(out, '%');
	dynbuf_u8(out, (uint8_t)hex[c >> 4]);
	dynbuf_u8(out, (uint8_t)hex[c & 15]);
}

/* Whether the two bytes behind a '%' make another sequence: it was encoded twice. */
static bool decodes_again(struct bytes text)
{
	for (size_t i = 0; i + 2 < text.n; i++)
		if (text.p[i] == '%' && hex_digit(text.p[i + 1]) >= 0 &&
		    hex_digit(text.p[i + 2]) >= 0)
			return true;
	return false;
}

static bool same_letters(struct bytes a, struct bytes b)
{
	return a.n == b.n &&
	       (a.n == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

static bool is_dots(struct bytes text)
{
	return bytes_is(text, ".") || bytes_is(text, "..");
}

static enum err segment_ok(struct bytes text)
{
	if (decodes_again(text) || !utf8_ok(text))
		return ERR_MALFORMED;
	for (struct bytes rest = text; rest.n > 0;) {
		const struct bytes part = bytes_cut(&rest, '/');
		if (part.n == 0 || is_dots(part))
			return ERR_MALFORMED;
	}
	return text.n > 0 && text.p[text.n - 1] == '/' ? ERR_MALFORMED : OK;
}

/* Decodes one segment into the raw's text and writes it normalised to the target. */
static enum err read_segment(struct raw *raw, struct bytes segment)
{
	const size_t from = raw->text.n;
	struct raw_segment *to = &raw->segments[raw->segments_n];
	bool encoded;
	uint8_t c;

	if (raw->segments_n == RAW_SEGMENTS_MAX)
		return ERR_TOO_LARGE;
	to->slash = to->mark = false;
	while (segment.n > 0) {
		TRY(next_byte(&segment, &c, &encoded));
		/* ';' begins parameters of a segment, which some servers cut off */
		if (c < 0x20 || c == 0x7f || c == '\\' || c == ';')
			return ERR_MALFORMED;
		to->slash |= c == '/';
		to->mark |= c == '?' || c == '#';
		dynbuf_u8(&raw->text, c);
		if (encoded && !is_unreserved(c))
			put_encoded(c, raw->target);
		else
			dynbuf_u8(raw->target, c);
	}
	TRY(dynbuf_err(&raw->text));
	to->text = (struct bytes){ raw->text.p + from, raw->text.n - from };
	raw->segments_n++;
	return segment_ok(to->text);
}

static enum err read_path(struct raw *raw, struct bytes path)
{
	while (path.n > 0) {
		/* each begins with a slash */
		path = (struct bytes){ path.p + 1, path.n - 1 };
		size_t n = 0;
		while (n < path.n && path.p[n] != '/')
			n++;
		dynbuf_u8(raw->target, '/');
		if (n == 0 && path.n == 0)
			return OK; /* one slash at the end */
		if (n == 0)
			return ERR_MALFORMED;
		TRY(read_segment(raw, (struct bytes){ path.p, n }));
		path = (struct bytes){ path.p + n, path.n - n };
	}
	return OK;
}

static enum err read_text(struct raw *raw, struct bytes part, struct bytes *ret)
{
	const size_t from = raw->text.n;
	bool encoded;
	uint8_t c;

	while (part.n > 0) {
		TRY(next_byte(&part, &c, &encoded));
		if (c == 0)
			return ERR_MALFORMED;
		dynbuf_u8(&raw->text, c == '+' && !encoded ? ' ' : c);
		/* ';' separates parameters for some servers */
		if ((encoded && !is_unreserved(c)) || c == ';')
			put_encoded(c, raw->target);
		else
			dynbuf_u8(raw->target, c);
	}
	TRY(dynbuf_err(&raw->text));
	*ret = (struct bytes){ raw->text.p + from, raw->text.n - from };
	return utf8_ok(*ret) ? OK : ERR_MALFORMED;
}

/* Names by which frameworks let a parameter stand for the method. */
static bool overrides_method(struct bytes name)
{
	static const char *const names[] = {
		"_method",	     "_httpmethod",	"$httpmethod",
		"httpmethod",	     "http_method",	"http-method",
		"method_override",   "x-http-method",	"x-http-method-override",
		"x-method-override", "_http_method",	"$method",
		"methodoverride",    "_methodoverride",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (bytes_caseis(name, names[i]))
			return true;
	return false;
}

static enum err read_parameter(struct raw *raw, struct bytes pair)
{
	struct raw_parameter *to = &raw->parameters[raw->parameters_n];

	if (raw->parameters_n == RAW_PARAMETERS_MAX)
		return ERR_TOO_LARGE;
	const size_t before = pair.n;
	const struct bytes name = bytes_cut(&pair, '=');
	const bool value = name.n < before;
	*to = (struct raw_parameter){ 0 };
	TRY(read_text(raw, name, &to->name));
	if (value) {
		dynbuf_u8(raw->target, '=');
		TRY(read_text(raw, pair, &to->value));
	}
	raw->parameters_n++;
	if (overrides_method(to->name))
		return ERR_UNSUPPORTED;
	/* where the credential goes stands nothing of the caller's */
	return raw->credential.n > 0 && same_letters(to->name, raw->credential) ? ERR_UNSUPPORTED
										: OK;
}

static enum err read_query(struct raw *raw, struct bytes query)
{
	uint8_t mark = '?';

	while (query.n > 0) {
		const struct bytes pair = bytes_cut(&query, '&');
		if (pair.n == 0)
			continue;
		dynbuf_u8(raw->target, mark);
		mark = '&';
		TRY(read_parameter(raw, pair));
	}
	return OK;
}

/* The host of an origin, without the scheme. */
static struct bytes host_of(struct bytes origin)
{
	const size_t n = bytes_starts(origin, "https://") ? 8 : 7;

	return (struct bytes){ origin.p + n, origin.n - n };
}

size_t raw_host_of(const struct service *service, struct bytes url, struct bytes *ret_rest)
{
	for (size_t i = 0; i < service->api.hosts_n; i++) {
		const struct bytes host = service->api.hosts[i];
		if (url.n < host.n || memcmp(url.p, host.p, host.n) != 0 ||
		    (url.n > host.n && url.p[host.n] != '/'))
			continue;
		*ret_rest = (struct bytes){ url.p + host.n, url.n - host.n };
		return i;
	}
	return service->api.hosts_n;
}

/* Fills the connection's variables in; p = NULL where it lacks one. */
static enum err render(const struct service *service, struct raw *raw, struct bytes template,
		       struct bytes *ret)
{
	const struct service_tool none = { 0 };
	const struct tools_values values = { .variables = raw->from->variables };
	const struct value_scope scope = { .service = service, .tool = &none, .values = &values };
	const size_t from = raw->text.n;
	bool absent;

	const enum err err = value_render(&scope, template, NULL, &raw->text, &absent);
	if (err == ERR_NOT_FOUND)
		raw->text.n = from;
	*ret = (struct bytes){ err == OK ? raw->text.p + from : NULL, raw->text.n - from };
	return err == ERR_NOT_FOUND ? OK : err;
}

static enum err read_hosts(const struct service *service, struct raw *raw)
{
	const struct service_api *api = &service->api;
	struct bytes path;

	for (size_t i = 0; i < api->hosts_n; i++)
		TRY(render(service, raw, api->hosts[i], &raw->origins[i]));
	raw->base_host = raw_host_of(service, api->base, &path);
	if (raw->base_host == api->hosts_n)
		return FAULT_BUG;
	return render(service, raw, path, &raw->base);
}

/* A first segment that is the name of one of the hosts stands for it; anything else that looks like
 * a scheme or has an account before a host is refused. */
static enum err read_host(const struct service *service, struct bytes *path, struct raw *raw,
			  bool *ret_named)
{
	size_t n = 1;

	while (n < path->n && path->p[n] != '/')
		n++;
	const struct bytes first = { path->p + 1, n - 1 };
	for (size_t i = 0; i < service->api.hosts_n; i++)
		if (raw->origins[i].p != NULL && same_letters(first, host_of(raw->origins[i]))) {
			raw->host = i;
			*path = (struct bytes){ path->p + n, path->n - n };
			dynbuf_bytes(raw->target, raw->origins[i]);
			*ret_named = true;
			return OK;
		}
	*ret_named = false;
	if (first.n > 0 && (first.p[first.n - 1] == ':' || memchr(first.p, '@', first.n) != NULL))
		return ERR_MALFORMED;
	return OK;
}

/* The service's base, as the beginning of the request. */
static enum err read_base(struct raw *raw)
{
	raw->host = raw->base_host;
	if (raw->base.p == NULL || raw->origins[raw->host].p == NULL)
		return ERR_NOT_FOUND;
	dynbuf_bytes(raw->target, raw->origins[raw->host]);
	return read_path(raw, raw->base);
}

static enum err read_method(struct raw *raw)
{
	static const struct {
		const char *name;
		enum service_method method;
	} rows[] = {
		{ "GET", SERVICE_GET }, { "HEAD", SERVICE_GET },    { "POST", SERVICE_POST },
		{ "PUT", SERVICE_PUT }, { "PATCH", SERVICE_PATCH }, { "DELETE", SERVICE_DELETE },
		{ "OPTIONS", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (bytes_is(raw->from->method, rows[i].name)) {
			raw->method = rows[i].method;
			raw->head = i == 1;
			return raw->method == SERVICE_GET && raw->from->body.n > 0 ? ERR_UNSUPPORTED
										   : OK;
		}
	return ERR_UNSUPPORTED;
}

enum err raw_read(const struct service *service, const struct tools_raw *from,
		  struct dynbuf *target, struct raw *ret)
{
	struct bytes rest = from->target;
	bool named;

	ret->from = from;
	ret->credential = service->api.query;
	ret->segments_n = ret->parameters_n = 0;
	ret->target = target;
	dynbuf_init(&ret->text, TEXT_MAX);
	/* never moves: segments and parameters point into it */
	if (dynbuf_grow(&ret->text, TEXT_MAX) == NULL)
		return dynbuf_err(&ret->text);
	dynbuf_reset(&ret->text);
	if (from->target.n == 0 || from->target.p[0] != '/')
		return ERR_MALFORMED;
	if (from->target.n > TOOLS_URL_MAX)
		return ERR_TOO_LARGE;
	TRY(read_method(ret));
	TRY(read_hosts(service, ret));
	struct bytes path = bytes_cut(&rest, '?');
	TRY(read_host(service, &path, ret, &named));
	if (!named)
		TRY(read_base(ret));
	TRY(read_path(ret, path));
	TRY(read_query(ret, rest));
	return dynbuf_err(target);
}

void raw_done(struct raw *raw)
{
	dynbuf_done(&raw->text);
}

/* The type itself, without parameters and the space around it. */
static struct bytes essence(const struct tools_raw *raw)
{
	struct bytes rest = raw->content_type;
	struct bytes type = bytes_cut(&rest, ';');

	while (type.n > 0 && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
		type.n--;
	while (type.n > 0 && (type.p[0] == ' ' || type.p[0] == '\t'))
		type = (struct bytes){ type.p + 1, type.n - 1 };
	return type;
}

/* Another character set would make another text of the same bytes. */
static bool charset_ok(const struct tools_raw *raw)
{
	struct bytes rest = raw->content_type;

	(void)bytes_cut(&rest, ';');
	while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t'))
		rest = (struct bytes){ rest.p + 1, rest.n - 1 };
	return rest.n == 0 || bytes_caseis(rest, "charset=utf-8") ||
	       bytes_caseis(rest, "charset=\"utf-8\"");
}

bool raw_type_is(const struct tools_raw *raw, const char *want)
{
	return raw->content_type.p != NULL && charset_ok(raw) && bytes_caseis(essence(raw), want);
}

bool raw_type_is_json(const struct tools_raw *raw)
{
	struct bytes type = essence(raw);

	if (raw_type_is(raw, "application/json"))
		return true;
	if (raw->content_type.p == NULL || !charset_ok(raw) || type.n < 18)
		return false;
	const struct bytes head = { type.p, 12 }, tail = { type.p + type.n - 5, 5 };
	return bytes_caseis(head, "application/") && bytes_caseis(tail, "+json");
}

bool raw_is_batch(const struct raw *raw)
{
	static const char *const names[] = { "batch", "$batch", "_batch", "composite" };

	for (size_t i = 0; i < raw->segments_n; i++)
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			if (bytes_caseis(raw->segments[i].text, names[k]))
				return true;
	return false;
}
