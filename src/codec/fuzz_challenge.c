/* SPDX-License-Identifier: Apache-2.0 */
/* A parameter that is found belongs to a challenge that is there. */
#include <stdlib.h>

#include "codec/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes header = { data, size };
	struct dynbuf out;

	dynbuf_init(&out, 1 << 16);
	if (challenge_find(header, "Bearer", "scope", &out) == OK &&
	    (!challenge_has(header, "Bearer") || out.n > size))
		abort();
	dynbuf_done(&out);
	return 0;
}
