/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ipc/ipc.h"

/* Every decoder of fields.h: what one of them takes, its encoder writes back byte for byte. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BACK(name, table)                                                                          \
	static void name##_back(struct bytes in, struct dynbuf *out)                               \
	{                                                                                          \
		struct ipc_##name m;                                                               \
		if (ipc_##name##_decode(in, &m) != OK)                                             \
			return;                                                                    \
		ipc_##name##_encode(&m, out);                                                      \
		if (dynbuf_err(out) != OK || !bytes_eq(dynbuf_view(out), in))                      \
			abort();                                                                   \
	}
#define MESSAGE(type, name, table, from, to) BACK(name, table)
IPC_PARTS(BACK)
IPC_MESSAGES(MESSAGE)
#undef MESSAGE

typedef void (*back_fn)(struct bytes in, struct dynbuf *out);

static const back_fn backs[] = {
#define PART(name, table)		     name##_back,
#define MESSAGE(type, name, table, from, to) name##_back,
	IPC_PARTS(PART) IPC_MESSAGES(MESSAGE)
#undef PART
#undef MESSAGE
};

static void frames(struct bytes in)
{
	struct frame frame;
	const uint8_t *end = in.p + in.n;

	while (frame_next(&in, &frame) == OK)
		if (frame.payload.p + frame.payload.n != in.p || in.p + in.n != end)
			abort();
}

static void lists(struct bytes in)
{
	struct bytes list = in, item;

	while (ipc_list_next(&list, &item) == OK)
		if (item.p < in.p || item.p + item.n > in.p + in.n)
			abort();
	ipc_headers_find(in, "content-type");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dynbuf out;

	if (size < 1)
		return 0;
	const struct bytes in = { data + 1, size - 1 };
	dynbuf_init(&out, IPC_FRAME_MAX);
	backs[data[0] % ARRAY_LEN(backs)](in, &out);
	frames(in);
	lists(in);
	dynbuf_done(&out);
	return 0;
}
