/* SPDX-License-Identifier: Apache-2.0 */

/* The pure parts of gate on any bytes; the first byte chooses. */

#include <stdlib.h>

#include "gate/fields.h"
#include "gate/path.h"
#include "gate/peer.h"
#include "gate/splice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void fuzz_path(struct bytes in)
{
	if (path_check(path_of(in)) != OK)
		return;
	must(memmem(in.p, path_of(in).n, "//", 2) == NULL);
	must(memmem(in.p, path_of(in).n, "/../", 4) == NULL);
	must(memmem(in.p, path_of(in).n, "%2", 2) == NULL ||
	     memmem(in.p, path_of(in).n, "%2f", 3) == NULL);
}

static void fuzz_peer(struct bytes in)
{
	struct bytes forwarded = in, text = bytes_cut(&forwarded, '\n');
	struct peer_trust trust;
	struct peer peer = { 0 };

	if (peer_trust_parse(text, &trust) != OK)
		return;
	const bool trusted = peer_trusted(&trust, peer.address);
	peer_resolve(&trust, forwarded, forwarded, &peer);
	must(trusted || !peer.secure);
}

static void fuzz_splice(struct bytes in)
{
	const struct bytes body = str("{\"access_token\":\"\"}");
	struct buf *out = NULL;

	if (splice_make(body, 17, in, &out) != OK)
		return;
	for (size_t i = 17; i + 2 < out->n; i++)
		must(out->p[i] >= ' ' && (out->p[i] != '"' || out->p[i - 1] == '\\'));
	buf_free(&out);
}

static void fuzz_fields(struct bytes in)
{
	static struct fields fields;

	if (fields_for_answer(in, true, &fields) != OK)
		return;
	for (size_t i = 0; i < fields.n; i++)
		must(strcasecmp(fields.rows[i].name, "content-length") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(struct bytes in) = {
		fuzz_path,
		fuzz_peer,
		fuzz_splice,
		fuzz_fields,
	};

	if (size > 0)
		parts[data[0] % ARRAY_LEN(parts)]((struct bytes){ data + 1, size - 1 });
	return 0;
}
