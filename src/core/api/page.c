/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api/page.h"

static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;"
	"color:#1a1a1a;background:#fff}\nh1{font-size:1.5rem}\ncode,pre{background:#f2f2f2;"
	"padding:.1rem "
	".3rem;border-radius:3px;overflow-x:auto}\npre{padding:.8rem}\nbutton{font:inherit;"
	"padding:.6rem "
	"1.2rem;border:0;border-radius:6px;background:#0b57d0;color:#fff;cursor:pointer}\n"
	"input,select{font:inherit;padding:.4rem;max-width:100%;box-sizing:border-box}\n"
	"button.no{background:#5f6368}\n"
	"table{border-collapse:collapse}\ntd,th{text-align:left;padding:.2rem 1rem .2rem 0;"
	"vertical-align:top}\n.high{color:#b3261e}\n.note{color:#555}\n@media(prefers-color-scheme:"
	"dark)"
	"{body{color:#e6e6e6;background:#141414}code,pre{background:#262626}.note{color:#aaa}"
	".high{color:#f2b8b5}}\n";

struct bytes page_style(void)
{
	return str(style);
}

void page_begin(struct call *call, const char *title)
{
	call_reset(call);
	dynbuf_str(&call->body, head);
	page_text(call, str(title));
	dynbuf_str(&call->body,
		   "</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n");
	dynbuf_str(&call->body, "<h1>");
	page_text(call, str(title));
	dynbuf_str(&call->body, "</h1>\n");
}

struct bytes page_cookie(const struct call *call, const char *name)
{
	struct bytes rest = ipc_headers_find(call->request.headers, "cookie");

	while (rest.n > 0) {
		struct bytes pair = bytes_cut(&rest, ';');
		while (pair.n > 0 && pair.p[0] == ' ') {
			pair.p++;
			pair.n--;
		}
		if (bytes_is(bytes_cut(&pair, '='), name))
			return pair;
	}
	return (struct bytes){ NULL, 0 };
}

void page_raw(struct call *call, const char *html)
{
	dynbuf_str(&call->body, html);
}

/* The next code point, or U+FFFD for a byte that begins none. */
static uint32_t next_rune(struct bytes *text)
{
	const uint8_t first = text->p[0];
	const size_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t rune = n == 1 ? first : first & (0x7fu >> n);

	if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || text->n < n) {
		text->p++;
		text->n--;
		return 0xfffd;
	}
	for (size_t i = 1; i < n; i++)
		rune = rune << 6 | (text->p[i] & 0x3fu);
	text->p += n;
	text->n -= n;
	return rune;
}

static bool invisible(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || (rune >= 0x200b && rune <= 0x200f) ||
	       (rune >= 0x202a && rune <= 0x202e) || (rune >= 0x2060 && rune <= 0x206f) ||
	       rune == 0xfeff || rune == 0xad || rune == 0x61c;
}

void page_text(struct call *call, struct bytes text)
{
	static const struct {
		uint32_t rune;
		const char *entity;
	} entities[] = {
		{ '<', "&lt;" },   { '>', "&gt;" },   { '&', "&amp;" },
		{ '"', "&quot;" }, { '\'', "&#39;" },
	};

	while (text.n > 0) {
		const uint8_t *began = text.p;
		const uint32_t rune = next_rune(&text);
		const char *entity = NULL;
		for (size_t i = 0; i < ARRAY_LEN(entities); i++)
			if (entities[i].rune == rune)
				entity = entities[i].entity;
		if (entity != NULL)
			dynbuf_str(&call->body, entity);
		else if (rune == 0xfffd)
			dynbuf_str(&call->body, "\xef\xbf\xbd");
		else if (invisible(rune))
			dynbuf_printf(&call->body, "[U+%04X]", rune);
		else
			dynbuf_put(&call->body, began, (size_t)(text.p - began));
	}
}

void page_end(struct flow *flow, struct call *call, unsigned status)
{
	page_end_to(flow, call, status, str(""));
}

void page_end_to(struct flow *flow, struct call *call, unsigned status, struct bytes target)
{
	static const char policy[] =
		"default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
		"base-uri 'none'; form-action 'self'";
	uint8_t room[1024];
	struct dynbuf csp = { .p = room, .room = sizeof room, .max = sizeof room };

	dynbuf_str(&csp, policy);
	if (target.n > 0)
		dynbuf_u8(&csp, ' ');
	dynbuf_bytes(&csp, target);
	if (dynbuf_err(&csp) == OK)
		call_header(call, "content-security-policy", dynbuf_view(&csp));
	dynbuf_str(&call->body, "</body>\n</html>\n");
	call_header(call, "content-type", str("text/html; charset=utf-8"));
	call_answer(flow, call, status);
}

void page_message(struct flow *flow, struct call *call, unsigned status, const char *title,
		  const char *what, const char *mend)
{
	page_begin(call, title);
	page_raw(call, "<p>");
	page_text(call, str(what));
	page_raw(call, "</p>\n<p>");
	page_text(call, str(mend));
	page_raw(call, "</p>\n");
	page_end(flow, call, status);
}
