/* SPDX-License-Identifier: Apache-2.0 */
/* However an event stream is cut into pieces, the same response is found in it. */
#include <stdlib.h>

#include "courier/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reply *feed(struct bytes text, size_t step)
{
	struct reply *reply = NULL;

	if (reply_new(1, 4096, &reply) != OK)
		abort();
	for (size_t i = 0; i < text.n; i += step)
		if (!reply_feed(reply, (struct bytes){ text.p + i,
						       text.n - i < step ? text.n - i : step }))
			break;
	return reply;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = { data, size < 8192 ? size : 8192 };
	struct reply *whole = feed(text, text.n + 1), *pieces = feed(text, 3);
	struct bytes a, b;

	const bool found = reply_found(whole, &a), again = reply_found(pieces, &b);
	if (!reply_ended(whole) && !reply_ended(pieces) && (found != again || !bytes_eq(a, b)))
		abort();
	reply_free(&whole);
	reply_free(&pieces);
	return 0;
}
