/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/form.h"

#include "codec/base64.h"

enum err form_decode(uint8_t *p, size_t n, struct bytes *ret)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i] == '+' ? ' ' : p[i];
		if (c == '%') {
			if (i + 2 >= n || hex_digit(p[i + 1]) < 0 || hex_digit(p[i + 2]) < 0)
				return ERR_MALFORMED;
			c = (uint8_t)(hex_digit(p[i + 1]) << 4 | hex_digit(p[i + 2]));
			i += 2;
		}
		if (c == 0)
			return ERR_MALFORMED;
		p[to++] = c;
	}
	*ret = (struct bytes){ p, to };
	return OK;
}

static enum err add_pair(struct form *form, uint8_t *p, size_t n)
{
	struct bytes value = { p, n };

	if (form->n == FORM_PAIRS_MAX)
		return ERR_TOO_LARGE;
	const struct bytes name = bytes_cut(&value, '=');
	struct form_pair *pair = &form->pairs[form->n];
	TRY(form_decode(p, name.n, &pair->name));
	TRY(form_decode(p + (n - value.n), value.n, &pair->value));
	form->n++;
	return OK;
}

enum err form_parse(struct bytes text, struct form *ret)
{
	struct form form = { 0 };
	enum err err = buf_dup(text, &form.text);

	for (size_t i = 0; err == OK && i < text.n;) {
		const uint8_t *end = memchr(text.p + i, '&', text.n - i);
		const size_t n = end == NULL ? text.n - i : (size_t)(end - text.p) - i;
		if (n > 0)
			err = add_pair(&form, form.text->p + i, n);
		i += n + 1;
	}
	if (err != OK) {
		form_done(&form);
		return err;
	}
	*ret = form;
	return OK;
}

void form_done(struct form *form)
{
	if (form->text != NULL)
		wipe(form->text->p, form->text->n);
	buf_free(&form->text);
	form->n = 0;
}

struct bytes form_find(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->n; i++)
		if (bytes_is(form->pairs[i].name, name))
			return form->pairs[i].value;
	return (struct bytes){ NULL, 0 };
}

size_t form_count(const struct form *form, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < form->n; i++)
		n += bytes_is(form->pairs[i].name, name);
	return n;
}

static bool stays(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '*' || c == '-' || c == '.' || c == '_';
}

void form_encode(struct bytes value, struct dynbuf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.n; i++) {
		const uint8_t c = value.p[i];
		if (stays(c) || c == ' ') {
			dynbuf_u8(out, c == ' ' ? '+' : c);
		} else {
			dynbuf_u8(out, '%');
			dynbuf_u8(out, (uint8_t)hex[c >> 4]);
			dynbuf_u8(out, (uint8_t)hex[c & 15]);
		}
	}
}

void form_add(struct dynbuf *out, const char *name, struct bytes value)
{
	if (out->n > 0)
		dynbuf_u8(out, '&');
	form_encode(str(name), out);
	dynbuf_u8(out, '=');
	form_encode(value, out);
}
