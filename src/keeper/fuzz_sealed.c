/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "keeper/sealed.h"
#include "sys/file.h"

/*
 * A keyring file and a sealed value with the input written over part of them. A
 * keyring that was changed at all does not open; neither does a value.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[KEY_LEN] = { 6 };
static const struct ipc_place home = { PLACE_ACCESS_TOKEN, { { 1 } }, { { 2 } }, { { 3 } }, 4 };
static int dir;
static struct keyring *ring;
static struct buf *file;
static struct dynbuf blob;

static void begin(void)
{
	char name[] = "/tmp/valetkey-fuzz-XXXXXX";

	if (crypto_init() != OK || mkdtemp(name) == NULL)
		abort();
	dir = open(name, O_RDONLY | O_DIRECTORY);
	dynbuf_init(&blob, IPC_BLOB_MAX);
	if (keyring_create(dir, UNSEAL_KEY_FILE, (struct bytes){ key, KEY_LEN }, &ring) != OK ||
	    sealed_make(ring, &home, str("https://a.example"), str("secret"), &blob) != OK ||
	    file_read(dir, "keyring", 4096, &file) != OK)
		abort();
	(void)unlinkat(dir, "keyring", 0);
	(void)rmdir(name);
}

/* Answers whether @to is another than before. */
static bool write_over(struct bytes from, uint8_t *to, size_t n)
{
	const size_t at = (size_t)from.p[0] << 1;
	bool changed = false;

	for (size_t i = 1; i < from.n && at + i - 1 < n; i++) {
		to[at + i - 1] ^= from.p[i];
		changed = changed || from.p[i] != 0;
	}
	return changed;
}

static void try_value(struct bytes in)
{
	struct opened opened = { 0 };

	const bool changed = write_over(in, blob.p, blob.n);
	if ((sealed_open(ring, &home, dynbuf_view(&blob), &opened) == OK) == changed)
		abort();
	opened_done(&opened);
	write_over(in, blob.p, blob.n);
	if (sealed_open(ring, &home, in, &opened) == OK)
		abort();
}

static void try_keyring(struct bytes in)
{
	static char path[] = "/tmp/valetkey-fuzz-ring-XXXXXX";
	static int at = -1;
	struct keyring *other = NULL;

	if (at < 0) {
		if (mkdtemp(path) == NULL)
			abort();
		at = open(path, O_RDONLY | O_DIRECTORY);
	}
	const uint8_t kind = file->p[8];
	bool changed = write_over(in, file->p, file->n);
	if (file->p[8] == UNSEAL_PASSPHRASE) { /* Argon2id is slow by design */
		write_over(in, file->p, file->n);
		changed = false;
	}
	const int fd = openat(at, "keyring", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || file_write(fd, buf_bytes(file)) != OK)
		abort();
	close(fd);
	if ((keyring_open(at, (struct bytes){ key, KEY_LEN }, &other) == OK) == changed)
		abort();
	keyring_free(&other);
	if (changed)
		write_over(in, file->p, file->n);
	if (file->p[8] != kind)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (ring == NULL)
		begin();
	if (size < 2)
		return 0;
	const struct bytes in = { data + 1, size - 1 };
	if (data[0] % 8 == 0)
		try_keyring(in);
	else
		try_value(in);
	return 0;
}
