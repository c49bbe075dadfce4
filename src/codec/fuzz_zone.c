/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Whatever is read answers an offset of at most 26 hours for any moment. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const int64_t moments[] = { 0, 1, 1704067200, 1782864000, 4102444800, 32503680000 };
	struct zone zone;

	if (zone_read((struct bytes){ p, n }, 1704067200, &zone) != OK)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		const int32_t offset = zone_offset(&zone, moments[i]);
		if (offset < -27 * 3600 || offset > 27 * 3600)
			abort();
	}
	zone_done(&zone);
	return 0;
}
