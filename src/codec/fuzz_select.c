/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/doc.h"
#include "codec/select.h"

/* The input is lines, an empty line, an answer. What is selected is JSON again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct select select;
	scoped(dynbuf_done) struct dynbuf out;
	scoped(doc_done) struct doc doc = { 0 };
	const uint8_t *gap = memmem(data, size, "\n\n", 2);

	dynbuf_init(&out, DOC_TEXT_MAX);
	if (gap == NULL)
		return 0;
	const struct bytes lines = { data, (size_t)(gap - data) + 1 };
	const struct bytes answer = { gap + 2, size - lines.n - 1 };
	if (select_parse(lines, &select) != OK || select_run(&select, answer, &out) != OK)
		return 0;
	if (doc_read(dynbuf_view(&out), &doc) == ERR_MALFORMED)
		abort();
	return 0;
}
