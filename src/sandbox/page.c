/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/page.h"

void page_escape(struct dynbuf *to, struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '&':
			dynbuf_str(to, "&amp;");
			break;
		case '<':
			dynbuf_str(to, "&lt;");
			break;
		case '>':
			dynbuf_str(to, "&gt;");
			break;
		case '"':
			dynbuf_str(to, "&quot;");
			break;
		case '\'':
			dynbuf_str(to, "&#39;");
			break;
		default:
			dynbuf_u8(to, text.p[i]);
		}
	}
}

void page_head(struct dynbuf *to, const char *title)
{
	dynbuf_str(to, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
		       "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	page_escape(to, str(title));
	dynbuf_str(
		to,
		"</title><style>body{font:16px/1.5 sans-serif;margin:0;color:#222}"
		"main{max-width:36rem;margin:1.5rem auto;padding:0 1rem}"
		"#sandbox{background:#b45309;color:#fff;padding:.5rem 1rem;text-align:center}"
		"label{display:block}button{font:inherit;padding:.4rem 1.2rem;margin-right:1rem}"
		"fieldset{margin:1rem 0}code{background:#eee;padding:0 .2rem}</style></head><body>"
		"<div id=\"sandbox\" role=\"note\">SANDBOX: a made-up provider on this machine. "
		"No real account is involved.</div><main><h1>");
	page_escape(to, str(title));
	dynbuf_str(to, "</h1>");
}

void page_foot(struct dynbuf *to)
{
	dynbuf_str(to, "</main></body></html>\n");
}

void page_hidden(struct dynbuf *to, const char *name, struct bytes value)
{
	dynbuf_printf(to, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	page_escape(to, value);
	dynbuf_str(to, "\">");
}
