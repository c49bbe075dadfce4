/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/offline/openapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What is made of a document is a service file, or nothing is made of it, with a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct openapi_wish all = { NULL, 0 };
	struct complaint complaint = { { 0 } };
	struct openapi_result result;
	struct dynbuf out;

	dynbuf_init(&out, 4 * 1024 * 1024);
	const enum err err =
		openapi_import((struct bytes){ p, n }, "fuzz", &all, &complaint, &out, &result);
	if (err > OK && complaint.text[0] == 0)
		abort();
	if (err != OK && bytes_starts(str(complaint.text), "the file made of it"))
		abort();
	dynbuf_done(&out);
	return 0;
}
