/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/mail.h"

#include "codec/base64.h"
#include "core/tools/build.h"

enum {
	LINE_BYTES = 57,     /* 76 letters of base64: RFC 2045 6.8 */
	WORD_BYTES = 42,     /* 75 letters of an encoded word: RFC 2047 2 */
	HEADER_MAX = 998,    /* RFC 5322 2.1.1 */
	SUBJECT_MAX = 16384, /* folded, so longer than a line */
};

static bool is_line(struct bytes text, uint8_t top)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f || text.p[i] > top)
			return false;
	return true;
}

/* Continues what would end inside a code point. */
static size_t word_end(struct bytes text, size_t max)
{
	size_t n = text.n < max ? text.n : max;

	while (n > 0 && n < text.n && (text.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* RFC 2047: words of base64 on lines of their own. */
static void put_words(struct bytes text, struct dynbuf *out)
{
	for (bool first = true; text.n > 0; first = false) {
		const size_t n = word_end(text, WORD_BYTES);
		dynbuf_str(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		base64_print((struct bytes){ text.p, n }, out);
		dynbuf_str(out, "?=");
		text = (struct bytes){ text.p + n, text.n - n };
	}
}

static enum err put_header(const char *name, struct bytes value, bool words, struct dynbuf *out)
{
	if (!is_line(value, words ? 0xff : 0x7e) || value.n > (words ? SUBJECT_MAX : HEADER_MAX))
		return ERR_MALFORMED;
	dynbuf_str(out, name);
	dynbuf_str(out, ": ");
	/* what is ASCII and short stands as it is, unless it looks encoded already */
	if (words &&
	    (value.n > 70 || !is_line(value, 0x7e) || memmem(value.p, value.n, "=?", 2) != NULL))
		put_words(value, out);
	else
		dynbuf_bytes(out, value);
	dynbuf_str(out, "\r\n");
	return OK;
}

static void put_text(struct bytes text, struct dynbuf *out)
{
	while (text.n > 0) {
		const size_t n = text.n < LINE_BYTES ? text.n : LINE_BYTES;
		base64_print((struct bytes){ text.p, n }, out);
		dynbuf_str(out, "\r\n");
		text = (struct bytes){ text.p + n, text.n - n };
	}
}

static enum err put_part(const struct value_scope *scope, const struct yaml_node *mail,
			 const char *part, struct dynbuf *out)
{
	const struct yaml_node *node = yaml_find(mail, part);
	scoped(dynbuf_done) struct dynbuf text = { .max = TOOLS_BODY_MAX };
	bool absent = true;

	if (node != NULL)
		TRY(value_render(scope, node->text, ", ", &text, &absent));
	if (absent || text.n == 0)
		return strcmp(part, "to") == 0 ? ERR_MALFORMED : OK;
	const struct bytes value = dynbuf_view(&text);
	if (strcmp(part, "in_reply_to") == 0) {
		TRY(put_header("In-Reply-To", value, false, out));
		return put_header("References", value, false, out);
	}
	const bool subject = strcmp(part, "subject") == 0;
	const char *name = subject		     ? "Subject"
			   : strcmp(part, "to") == 0 ? "To"
			   : strcmp(part, "cc") == 0 ? "Cc"
						     : "Bcc";
	return put_header(name, value, subject, out);
}

enum err mail_print(const struct value_scope *scope, const struct yaml_node *mail,
		    struct dynbuf *out)
{
	static const char *const parts[] = { "to", "cc", "bcc", "subject", "in_reply_to" };
	const struct yaml_node *node = yaml_find(mail, "text");
	scoped(dynbuf_done) struct dynbuf message = { .max = TOOLS_BODY_MAX },
					  text = { .max = TOOLS_BODY_MAX };
	bool absent;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(put_part(scope, mail, parts[i], &message));
	dynbuf_str(&message, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
			     "Content-Transfer-Encoding: base64\r\n\r\n");
	TRY(value_render(scope, node->text, NULL, &text, &absent));
	put_text(dynbuf_view(&text), &message);
	TRY(dynbuf_err(&message));
	base64url_print(dynbuf_view(&message), out);
	return dynbuf_err(out);
}
