/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

const struct json_limits json_request_limits = {
	.text_max = JSON_TEXT_MAX,
	.strings_max = JSON_STRINGS_MAX,
	.depth_max = JSON_DEPTH_MAX,
};

/* Depth and count, without recursion and before anything is allocated. Grammar is jansson's. */
static enum err prescan(struct bytes text, const struct json_limits *limits)
{
	size_t strings = 0;
	unsigned depth = 0;
	bool inside = false;

	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (c == 0)
			return ERR_MALFORMED;
		if (inside && c == '\\')
			i++;
		else if (c == '"') {
			inside = !inside;
			if (inside && ++strings > limits->strings_max)
				return ERR_TOO_LARGE;
		} else if (!inside && (c == '{' || c == '[')) {
			if (++depth > limits->depth_max)
				return ERR_TOO_LARGE;
		} else if (!inside && (c == '}' || c == ']')) {
			if (depth-- == 0)
				return ERR_MALFORMED;
		}
	}
	return OK;
}

enum err json_parse(struct bytes text, const struct json_limits *limits, json_t **ret)
{
	json_error_t error;

	if (text.n > limits->text_max)
		return ERR_TOO_LARGE;
	if (text.n == 0)
		return ERR_MALFORMED;
	TRY(prescan(text, limits));
	json_t *value = json_loadb((const char *)text.p, text.n,
				   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL)
		return json_error_code(&error) == json_error_out_of_memory ? FAULT_NOMEM
									   : ERR_MALFORMED;
	*ret = value;
	return OK;
}

static int append(const char *p, size_t n, void *ctx)
{
	dynbuf_put(ctx, p, n);
	return 0;
}

void json_print(const json_t *value, struct dynbuf *out)
{
	if (value == NULL ||
	    json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		out->err = out->err == OK ? FAULT_BUG : out->err;
}

/* The length of the well-formed UTF-8 sequence at the front (Unicode 15, table 3-7), or 0. */
static size_t sequence(struct bytes text)
{
	const uint8_t *p = text.p;
	const size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || text.n < n)
		return 0;
	const uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	const uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void json_print_string(struct bytes text, struct dynbuf *out)
{
	dynbuf_u8(out, '"');
	while (text.n > 0) {
		const size_t n = sequence(text);
		const uint8_t c = text.p[0];
		if (n == 0)
			dynbuf_str(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			dynbuf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			dynbuf_printf(out, "\\u%04x", c);
		else
			dynbuf_put(out, text.p, n);
		text.p += n == 0 ? 1 : n;
		text.n -= n == 0 ? 1 : n;
	}
	dynbuf_u8(out, '"');
}

struct bytes json_str(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ (const uint8_t *)json_string_value(value),
			       json_string_length(value) };
}

bool json_int(const json_t *object, const char *name, int64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value))
		return false;
	*ret = json_integer_value(value);
	return true;
}

json_t *json_at(const json_t *object, struct bytes path)
{
	json_t *at = NULL;
	char name[256];

	while (path.n > 0) {
		if (bytes_str(bytes_cut(&path, '.'), name, sizeof name) != OK)
			return NULL;
		at = json_object_get(object, name);
		if (at == NULL)
			return NULL;
		object = at;
	}
	return at;
}

json_t *json_of(struct bytes text)
{
	return json_stringn(text.p == NULL ? "" : (const char *)text.p, text.n);
}

const char *json_unknown(const json_t *object, const char *const *names, size_t count)
{
	for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known = known || strcmp(json_object_iter_key(at), names[i]) == 0;
		if (!known)
			return json_object_iter_key(at);
	}
	return NULL;
}
