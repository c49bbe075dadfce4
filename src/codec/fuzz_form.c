/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/form.h"

/* What is read, written and read again has the same pairs. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct form *form, struct dynbuf *out)
{
	char name[4096];

	for (size_t i = 0; i < form->n; i++) {
		if (form->pairs[i].name.n == 0 ||
		    bytes_str(form->pairs[i].name, name, sizeof name) != OK) {
			dynbuf_reset(out);
			return;
		}
		form_add(out, name, form->pairs[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped(form_done) struct form form = { 0 }, twin = { 0 };
	scoped(dynbuf_done) struct dynbuf text;

	dynbuf_init(&text, 4 * 1024 * 1024);
	if (form_parse((struct bytes){ data, size }, &form) != OK)
		return 0;
	if (form.n > FORM_PAIRS_MAX)
		abort();
	write_again(&form, &text);
	if (text.n == 0)
		return 0;
	if (form_parse(dynbuf_view(&text), &twin) != OK || twin.n != form.n)
		abort();
	for (size_t i = 0; i < form.n; i++)
		if (!bytes_eq(form.pairs[i].name, twin.pairs[i].name) ||
		    !bytes_eq(form.pairs[i].value, twin.pairs[i].value))
			abort();
	return 0;
}
