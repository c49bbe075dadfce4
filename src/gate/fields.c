/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fields.h"

enum { NAME_MAX_LEN = 256 };

/* Of this hop alone, or read by gate itself. */
static const char *const kept_here[] = {
	"connection", "keep-alive",	"proxy-connection",  "proxy-authorization",
	"te",	      "trailer",	"transfer-encoding", "upgrade",
	"expect",     "content-length", "forwarded",	     "via",
	"x-real-ip",  "x-client-ip",	"true-client-ip",    "cf-connecting-ip",
};

/* Written by httpd; from core they would contradict it. */
static const char *const httpd_own[] = {
	"connection",	     "keep-alive", "content-length", "date",
	"transfer-encoding", "trailer",	   "upgrade",	     "proxy-connection",
};

static bool is_among(struct bytes name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_caseis(name, names[i]))
			return true;
	return false;
}

static struct bytes trim(struct bytes b)
{
	while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t')) {
		b.p++;
		b.n--;
	}
	while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
		b.n--;
	return b;
}

static bool same_name(struct bytes a, struct bytes b)
{
	char name[NAME_MAX_LEN + 1];

	return bytes_str(a, name, sizeof name) == OK && bytes_caseis(b, name);
}

static bool is_named_in(struct bytes list, struct bytes name)
{
	while (list.n > 0)
		if (same_name(trim(bytes_cut(&list, ',')), name))
			return true;
	return false;
}

static bool is_proxy_line(struct bytes name)
{
	static const char prefix[] = "x-forwarded-";
	const struct bytes head = { name.p, sizeof prefix - 1 };

	return name.n >= sizeof prefix - 1 && bytes_caseis(head, prefix);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

struct taking {
	struct bytes connection; /* names that the client says are of this hop */
	struct dynbuf *out;
};

static bool take_line(void *ctx, struct bytes name, struct bytes value)
{
	struct taking *taking = ctx;
	uint8_t lowered[NAME_MAX_LEN];

	if (is_among(name, kept_here, ARRAY_LEN(kept_here)) || is_proxy_line(name) ||
	    (taking->connection.n > 0 && is_named_in(taking->connection, name)))
		return true;
	for (size_t i = 0; i < name.n && i < sizeof lowered; i++)
		lowered[i] = lower(name.p[i]);
	/* One byte over, so that the encoder refuses what would not fit. */
	const struct ipc_header line = {
		.name = { name.n <= sizeof lowered ? lowered : name.p, name.n },
		.value = value,
	};
	IPC_LIST_ADD(taking->out, header, &line);
	return true;
}

void fields_from_request(const struct httpd_request *request, struct dynbuf *out)
{
	struct taking taking = { httpd_header(request, "connection"), out };

	httpd_headers(request, take_line, &taking);
}

struct joining {
	const char *name;
	struct dynbuf *out;
};

static bool join_line(void *ctx, struct bytes name, struct bytes value)
{
	const struct joining *joining = ctx;

	if (!bytes_caseis(name, joining->name))
		return true;
	if (joining->out->n > 0)
		dynbuf_u8(joining->out, ',');
	dynbuf_bytes(joining->out, value);
	return true;
}

struct bytes fields_join(const struct httpd_request *request, const char *name, struct dynbuf *out)
{
	struct joining joining = { name, out };

	dynbuf_reset(out);
	httpd_headers(request, join_line, &joining);
	return dynbuf_err(out) == OK ? dynbuf_view(out) : (struct bytes){ NULL, 0 };
}

static enum err fields_add(struct fields *f, const char *name, struct bytes value)
{
	if (f->n == FIELDS_MAX)
		return ERR_TOO_LARGE;
	f->rows[f->n++] = (struct httpd_field){ name, value };
	return OK;
}

static bool has(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcasecmp(f->rows[i].name, name) == 0)
			return true;
	return false;
}

static enum err take_answer_line(struct fields *f, struct bytes text)
{
	struct ipc_header line;
	char *name = f->names + f->names_n;

	TRY(ipc_header_decode(text, &line));
	if (line.name.n == 0 || is_among(line.name, httpd_own, ARRAY_LEN(httpd_own)))
		return ERR_MALFORMED;
	TRY(bytes_str(line.name, name, FIELDS_NAMES_MAX - f->names_n));
	f->names_n += line.name.n + 1;
	return fields_add(f, name, line.value);
}

enum kind { OUR_TEXT, OUR_HTML, FOREIGN };
enum when { ALWAYS, FOR_HTML, NOT_FOR_HTML, FOR_FOREIGN, OVER_TLS };

/* What every answer has unless core has set it (reference: OWASP secure headers). */
static const struct {
	const char *name, *value;
	enum when when;
} standing[] = {
	{ "X-Content-Type-Options", "nosniff", ALWAYS },
	{ "Referrer-Policy", "no-referrer", ALWAYS },
	{ "Cache-Control", "no-store", ALWAYS },
	{ "Content-Security-Policy",
	  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
	  "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	  FOR_HTML },
	{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'", NOT_FOR_HTML },
	{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox",
	  FOR_FOREIGN },
	{ "X-Frame-Options", "DENY", FOR_HTML },
	{ "X-Frame-Options", "DENY", FOR_FOREIGN },
	{ "Cross-Origin-Opener-Policy", "same-origin", FOR_HTML },
	{ "Cross-Origin-Resource-Policy", "same-origin", FOR_HTML },
	{ "Cross-Origin-Resource-Policy", "same-origin", FOR_FOREIGN },
	{ "Strict-Transport-Security", "max-age=31536000", OVER_TLS },
};

static bool is_html(const struct fields *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcasecmp(f->rows[i].name, "content-type") == 0)
			return bytes_starts(f->rows[i].value, "text/html");
	return false;
}

static bool applies(enum when when, enum kind kind, bool secure)
{
	switch (when) {
	case ALWAYS:
		return true;
	case FOR_HTML:
		return kind == OUR_HTML;
	case NOT_FOR_HTML:
		return kind == OUR_TEXT;
	case FOR_FOREIGN:
		return kind == FOREIGN;
	case OVER_TLS:
		return secure;
	}
	return true;
}

static enum err take_lines(struct bytes headers, struct fields *ret)
{
	struct bytes line;
	enum err err;

	ret->n = ret->names_n = 0;
	while ((err = ipc_list_next(&headers, &line)) == OK)
		TRY(take_answer_line(ret, line));
	return err == ERR_NOT_FOUND ? OK : err;
}

static enum err add_standing(enum kind kind, bool secure, struct fields *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(standing); i++)
		if (applies(standing[i].when, kind, secure) && !has(ret, standing[i].name))
			TRY(fields_add(ret, standing[i].name, str(standing[i].value)));
	return OK;
}

enum err fields_for_answer(struct bytes headers, bool secure, struct fields *ret)
{
	TRY(take_lines(headers, ret));
	return add_standing(is_html(ret) ? OUR_HTML : OUR_TEXT, secure, ret);
}

enum err fields_for_foreign(struct bytes headers, bool secure, struct fields *ret)
{
	TRY(take_lines(headers, ret));
	return add_standing(FOREIGN, secure, ret);
}
