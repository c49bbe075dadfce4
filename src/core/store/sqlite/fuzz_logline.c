/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/store/sqlite/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is within bounds, and stands in the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = { data, size };
	struct line line;

	if (line_parse(text, &line) != OK)
		return 0;
	if (line.seq > INT64_MAX || line.kind == 0 || line.outcome == 0 ||
	    (line.service.n > 0 &&
	     (line.service.p < data || line.service.p + line.service.n > data + size)))
		abort();
	return 0;
}
