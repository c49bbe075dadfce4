/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "codec/doc.h"

/* What doc takes, jansson takes too where its own bounds allow, and both see the same value. What
 * doc refuses as malformed, jansson refuses as well, but for an exponent of many digits and a NUL
 * behind a number. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_string(const struct doc *doc, uint32_t at, const char *text, size_t n)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, DOC_TEXT_MAX);
	const struct bytes want = { (const uint8_t *)text, n };
	if (doc_string(doc, at, &out) != OK || !bytes_eq(dynbuf_view(&out), want) ||
	    !doc_is(doc, at, want))
		abort();
}

static void same(const struct doc *doc, uint32_t at, const json_t *value);

static void same_object(const struct doc *doc, uint32_t at, const json_t *value)
{
	if (doc->nodes[at].count != json_object_size(value))
		abort();
	for (uint32_t name = at + 1; name < doc->nodes[at].next; name = doc->nodes[name + 1].next) {
		scoped(dynbuf_done) struct dynbuf key;
		dynbuf_init(&key, DOC_TEXT_MAX);
		if (doc_string(doc, name, &key) != OK)
			abort();
		dynbuf_u8(&key, 0);
		same(doc, name + 1, json_object_get(value, (const char *)key.p));
		key.n--;
		if (doc_member(doc, at, dynbuf_view(&key)) != name + 1)
			abort();
	}
}

static void same(const struct doc *doc, uint32_t at, const json_t *value)
{
	static const json_type kinds[] = { 0,	      JSON_NULL,   JSON_TRUE,  JSON_FALSE,
					   JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
	const unsigned kind = doc_kind(doc, at);

	if (value == NULL || kind == 0)
		abort();
	if (kind == DOC_NUMBER ? !json_is_number(value) : json_typeof(value) != kinds[kind])
		abort();
	if (kind == DOC_STRING)
		same_string(doc, at, json_string_value(value), json_string_length(value));
	if (kind == DOC_OBJECT)
		same_object(doc, at, value);
	for (size_t i = 0; kind == DOC_ARRAY && i < json_array_size(value); i++)
		same(doc, doc_element(doc, at, i), json_array_get(value, i));
}

static void compare_numbers(const struct doc *doc)
{
	struct bytes before = { NULL, 0 };

	for (uint32_t i = 0; i < doc->n && i < 100; i++) {
		if (doc_kind(doc, i) != DOC_NUMBER)
			continue;
		const struct bytes number = doc_raw(doc, i);
		if (before.p != NULL && number.n < 60 && before.n < 60) {
			char a[64] = "", b[64] = "";
			memcpy(a, before.p, before.n);
			memcpy(b, number.p, number.n);
			const double x = strtod(a, NULL), y = strtod(b, NULL);
			const int order = doc_number_compare(before, number);
			if ((x < y && order >= 0) || (x > y && order <= 0))
				abort();
		}
		before = number;
	}
}

static bool many_digits(const uint8_t *p, size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < n && run <= DOC_EXPONENT_DIGITS; i++)
		run = p[i] >= '0' && p[i] <= '9' ? run + 1 : 0;
	return run > DOC_EXPONENT_DIGITS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped(doc_done) struct doc doc = { 0 };
	json_error_t error;
	const enum err err = doc_read((struct bytes){ data, size }, &doc);
	json_t *value =
		json_loadb((const char *)data, size,
			   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	if (err == OK) {
		const enum json_error_code code = value == NULL ? json_error_code(&error) : 0;
		if (value != NULL)
			same(&doc, 0, value);
		else if (code != json_error_numeric_overflow && code != json_error_null_byte_in_key)
			abort();
		size_t work = 1000000;
		bool equal = true;
		if (doc_equal(&doc, 0, &doc, 0, &work, &equal) == OK && !equal)
			abort();
		compare_numbers(&doc);
	} else if (err == ERR_MALFORMED && value != NULL && memchr(data, 0, size) == NULL &&
		   !many_digits(data, size)) {
		abort();
	}
	json_decref(value);
	return 0;
}
