/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keeper/note.h"

/* What is taken was signed by our key: the fuzzer has no other way in than the note itself. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SIGN_SEED_LEN] = { 4 }, root[SHA256_LEN] = { 5 };
	uint8_t public[SIGN_PUBLIC_LEN], secret[SIGN_SECRET_LEN], back[SHA256_LEN];
	struct note_key key;
	struct dynbuf note;
	uint64_t n = 0;

	if (crypto_init() != OK)
		abort();
	sign_keypair(seed, public, secret);
	note_key_init(&key, public);
	if (note_parse(&key, (struct bytes){ data, size }, &n, back) == OK)
		abort();

	/* A good note with the input written over part of it. */
	dynbuf_init(&note, NOTE_MAX);
	note_print(&key, secret, 42, root, &note);
	if (size < 2 || dynbuf_err(&note) != OK) {
		dynbuf_done(&note);
		return 0;
	}
	for (size_t i = 1; i < size && data[0] + i - 1 < note.n; i++)
		note.p[data[0] + i - 1] ^= data[i];
	if (note_parse(&key, dynbuf_view(&note), &n, back) == OK &&
	    (n != 42 || memcmp(back, root, sizeof root) != 0))
		abort();
	dynbuf_done(&note);
	return 0;
}
