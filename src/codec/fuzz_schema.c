/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/schema.h"

/* The input is a schema, a NUL, a value. Checking ends, says why where it says no, and a schema is
 * the same when it is compiled from its own text again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped(schema_free) struct schema *schema = NULL, *again = NULL;
	scoped(doc_done) struct doc doc = { 0 };
	const uint8_t *gap = size == 0 ? NULL : memchr(data, 0, size);
	struct schema_fault fault;

	if (gap == NULL)
		return 0;
	const struct bytes text = { data, (size_t)(gap - data) };
	const struct bytes value = { gap + 1, size - text.n - 1 };
	const enum err err = schema_compile(text, &fault, &schema);
	if (err != OK && err != ERR_TOO_LARGE && fault.why[0] == 0)
		abort();
	if (err != OK || doc_read(value, &doc) != OK)
		return 0;
	const enum err first = schema_check(schema, &doc, 0, &fault);
	if (first == ERR_MALFORMED && fault.why[0] == 0)
		abort();
	if (first < 0 || schema_compile(schema_text(schema), NULL, &again) != OK ||
	    schema_check(again, &doc, 0, NULL) != first)
		abort();
	return 0;
}
