/* SPDX-License-Identifier: Apache-2.0 */
/* However an event stream is cut into pieces, the same events come out. */
#include <stdlib.h>

#include "codec/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *ctx, struct bytes event)
{
	dynbuf_u64(ctx, event.n);
	dynbuf_bytes(ctx, event);
}

static enum err read_by(struct bytes text, size_t step, struct dynbuf *out)
{
	struct sse sse;
	enum err err = OK;

	sse_init(&sse, 4096);
	for (size_t i = 0; i < text.n && err == OK; i += step) {
		const struct bytes piece = { text.p + i, text.n - i < step ? text.n - i : step };
		err = sse_feed(&sse, piece, note, out);
	}
	sse_done(&sse);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dynbuf whole, pieces;

	dynbuf_init(&whole, 1 << 20);
	dynbuf_init(&pieces, 1 << 20);
	const enum err a = read_by((struct bytes){ data, size }, size + 1, &whole);
	const enum err b = read_by((struct bytes){ data, size }, 3, &pieces);
	if (a == OK && b == OK && !bytes_eq(dynbuf_view(&whole), dynbuf_view(&pieces)))
		abort();
	dynbuf_done(&whole);
	dynbuf_done(&pieces);
	return 0;
}
