/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "courier/cut.h"

/* The first byte chooses the content type. Whatever a provider answers, no token that was cut is in
 * what core gets, and what was found agrees with what was kept. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_path(struct dynbuf *cuts, const char *path)
{
	const struct ipc_cut cut = { .path = str(path) };

	IPC_LIST_ADD(cuts, cut, &cut);
}

static void check(const struct cut *cut)
{
	size_t bits = 0;

	for (unsigned i = 0; i < 32; i++)
		bits += cut->found >> i & 1;
	if (bits != cut->count || cut_remains(cut, dynbuf_view(&cut->body)))
		abort();
	for (size_t i = 0; i < cut->count; i++) {
		const struct bytes value = secret_bytes(cut->values[i]);
		if (value.n == 0 || value.n > IPC_TOKEN_MAX ||
		    memmem(cut->body.p, cut->body.n, value.p, value.n) != NULL)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {
		"application/json",
		"application/problem+json; charset=utf-8",
		"application/x-www-form-urlencoded",
	};
	struct dynbuf cuts;
	struct cut cut;

	if (size == 0)
		return 0;
	dynbuf_init(&cuts, 4096);
	add_path(&cuts, "access_token");
	add_path(&cuts, "a.b");
	add_path(&cuts, "r");
	if (cut_check(dynbuf_view(&cuts)) != OK)
		abort();
	if (cut_answer(str(types[data[0] % ARRAY_LEN(types)]), (struct bytes){ data + 1, size - 1 },
		       dynbuf_view(&cuts), &cut) == OK)
		check(&cut);
	cut_done(&cut);
	/* A list of cuts that is hostile itself. */
	err_ignore(cut_check((struct bytes){ data, size }));
	dynbuf_done(&cuts);
	return 0;
}
