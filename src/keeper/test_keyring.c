/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "crypto/crypto.h"
#include "sys/file.h"

static const uint8_t key[32] = { 7 }, wrong[32] = { 8 };
static const struct bytes secret = { key, 32 };
static char dir_name[] = "/tmp/valetkey-keyring-XXXXXX";
static int dir;

static int setup(void **state)
{
	(void)state;
	if (crypto_init() != OK || mkdtemp(dir_name) == NULL)
		return 1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	return dir < 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlinkat(dir, "keyring", 0);
	(void)rmdir(dir_name);
	close(dir);
	return 0;
}

static void it_opens_again_with_all_it_held(void **state)
{
	const struct id a = { { 1 } }, b = { { 2 } };
	struct keyring *ring = NULL;
	const uint8_t *found;
	uint8_t kept[3][32], text[32];
	uint32_t version;

	(void)state;
	assert_int_equal(keyring_create(dir, UNSEAL_KEY_FILE, secret, &ring), OK);
	assert_int_equal(keyring_tenant(ring, b, &version, &found), OK);
	memcpy(kept[0], found, 32);
	assert_int_equal(keyring_tenant(ring, a, &version, &found), OK);
	memcpy(kept[1], found, 32);
	assert_int_equal(keyring_rotate_tenant(ring, a, &version), OK);
	assert_int_equal(keyring_rotate_root(ring), OK);
	assert_int_equal(keyring_raise_generation(ring), OK);
	assert_int_equal(keyring_find(ring, a, 2, &found), OK);
	memcpy(kept[2], found, 32);
	memcpy(text, keyring_working(ring, WORKING_TEXT), 32);
	keyring_free(&ring);

	assert_int_equal(keyring_open(dir, secret, &ring), OK);
	assert_int_equal(keyring_generation(ring), 2);
	assert_int_equal(keyring_root_version(ring), 2);
	assert_memory_equal(keyring_working(ring, WORKING_TEXT), text, 32);
	assert_int_equal(keyring_find(ring, b, 1, &found), OK);
	assert_memory_equal(found, kept[0], 32);
	assert_int_equal(keyring_find(ring, a, 1, &found), OK);
	assert_memory_equal(found, kept[1], 32);
	assert_int_equal(keyring_tenant(ring, a, &version, &found), OK);
	assert_int_equal(version, 2);
	assert_memory_equal(found, kept[2], 32);
	assert_int_equal(keyring_find(ring, a, 3, &found), ERR_KEY_GONE);
	keyring_free(&ring);
}

static void it_is_made_once(void **state)
{
	struct keyring *ring = NULL;

	(void)state;
	assert_int_equal(keyring_create(dir, UNSEAL_KEY_FILE, secret, &ring), ERR_EXISTS);
	assert_null(ring);
}

static void a_wrong_secret_and_a_changed_file_look_the_same(void **state)
{
	scoped(buf_free) struct buf *file = NULL;
	struct keyring *ring = NULL;

	(void)state;
	assert_int_equal(keyring_open(dir, (struct bytes){ wrong, 32 }, &ring), ERR_FORGED);
	assert_int_equal(keyring_open(dir, str("short"), &ring), ERR_FORGED);
	assert_int_equal(file_read(dir, "keyring", 100000, &file), OK);
	/* the first eight bytes say what kind of file it is */
	for (size_t i = 8; i < file->n; i += i < 120 ? 1 : 7) {
		file->p[i] ^= 0x20;
		assert_int_equal(file_replace(dir, "keyring", buf_bytes(file)), OK);
		assert_int_equal(keyring_open(dir, secret, &ring), ERR_FORGED);
		file->p[i] ^= 0x20;
	}
	assert_int_equal(file_replace(dir, "keyring", (struct bytes){ file->p, file->n - 1 }), OK);
	assert_int_equal(keyring_open(dir, secret, &ring), ERR_FORGED);
	assert_int_equal(file_replace(dir, "keyring", (struct bytes){ file->p, 40 }), OK);
	assert_int_equal(keyring_open(dir, secret, &ring), ERR_MALFORMED);
	assert_int_equal(file_replace(dir, "keyring", buf_bytes(file)), OK);
	assert_int_equal(keyring_open(dir, secret, &ring), OK);
	keyring_free(&ring);
}

static void a_passphrase_opens_it_too(void **state)
{
	struct keyring *ring = NULL;
	enum unseal_kind kind;

	(void)state;
	(void)unlinkat(dir, "keyring", 0);
	assert_int_equal(keyring_create(dir, UNSEAL_PASSPHRASE, str("correct horse"), &ring), OK);
	keyring_free(&ring);
	assert_int_equal(keyring_kind(dir, &kind), OK);
	assert_int_equal(kind, UNSEAL_PASSPHRASE);
	assert_int_equal(keyring_open(dir, str("correct hors"), &ring), ERR_FORGED);
	assert_int_equal(keyring_open(dir, str("correct horse"), &ring), OK);
	keyring_free(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_again_with_all_it_held),
		cmocka_unit_test(it_is_made_once),
		cmocka_unit_test(a_wrong_secret_and_a_changed_file_look_the_same),
		cmocka_unit_test(a_passphrase_opens_it_too),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
