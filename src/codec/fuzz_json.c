/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/json.h"

/* What is read, printed and read again is the same value; a string of any bytes prints as JSON. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const json_t *value)
{
	scoped(dynbuf_done) struct dynbuf text;
	scoped(json_free) json_t *twin = NULL;

	dynbuf_init(&text, 16 * JSON_TEXT_MAX);
	json_print(value, &text);
	const struct json_limits wide = { 16 * JSON_TEXT_MAX, JSON_STRINGS_MAX, JSON_DEPTH_MAX };
	if (dynbuf_err(&text) != OK || json_parse(dynbuf_view(&text), &wide, &twin) != OK ||
	    json_equal(value, twin) == 0)
		abort();
}

static void as_string(struct bytes bytes)
{
	scoped(dynbuf_done) struct dynbuf text;
	scoped(json_free) json_t *value = NULL;

	dynbuf_init(&text, 16 * JSON_TEXT_MAX);
	json_print_string(bytes, &text);
	const enum err err = json_parse(dynbuf_view(&text), &json_request_limits, &value);
	/* a NUL is printed as an escape, which reading refuses */
	if (err != OK && (bytes.n == 0 || memchr(bytes.p, 0, bytes.n) == NULL) &&
	    dynbuf_view(&text).n <= JSON_TEXT_MAX)
		abort();
	if (err == OK && !json_is_string(value))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = { data, size };
	scoped(json_free) json_t *value = NULL;

	if (json_parse(text, &json_request_limits, &value) == OK)
		again(value);
	as_string(text);
	return 0;
}
