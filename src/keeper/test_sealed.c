/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "crypto/crypto.h"

static const struct ipc_place home = {
	.field = PLACE_ACCESS_TOKEN,
	.tenant = { { 1 } },
	.user = { { 2 } },
	.object = { { 3 } },
	.version = 4,
};
static struct keyring *ring;
static struct dynbuf blob;
static char dir_name[] = "/tmp/valetkey-sealed-XXXXXX";

static enum err try_open(const struct ipc_place *place, struct bytes from)
{
	struct opened opened = { 0 };
	const enum err err = sealed_open(ring, place, from, &opened);

	if (err == OK) {
		assert_true(bytes_is(opened.secret, "ya29.test-vector"));
		assert_true(bytes_is(opened.hosts, "https://a.example\nhttps://b.example"));
	} else {
		assert_null(opened.plain);
	}
	opened_done(&opened);
	return err;
}

static int setup(void **state)
{
	static const uint8_t key[32] = { 7 };

	(void)state;
	if (crypto_init() != OK || mkdtemp(dir_name) == NULL)
		return 1;
	const int dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	dynbuf_init(&blob, IPC_BLOB_MAX);
	if (keyring_create(dir, UNSEAL_KEY_FILE, (struct bytes){ key, 32 }, &ring) != OK)
		return 1;
	close(dir);
	return sealed_make(ring, &home, str("https://a.example\nhttps://b.example"),
			   str("ya29.test-vector"), &blob) != OK;
}

static int teardown(void **state)
{
	char name[64];

	(void)state;
	keyring_free(&ring);
	dynbuf_done(&blob);
	snprintf(name, sizeof name, "%s/keyring", dir_name);
	(void)unlink(name);
	(void)rmdir(dir_name);
	return 0;
}

static void it_opens_at_home(void **state)
{
	(void)state;
	assert_int_equal(try_open(&home, dynbuf_view(&blob)), OK);
}

static void and_nowhere_else(void **state)
{
	struct ipc_place away;

	(void)state;
	away = home, away.field = PLACE_REFRESH_TOKEN;
	assert_int_equal(try_open(&away, dynbuf_view(&blob)), ERR_FORGED);
	away = home, away.user.b[15] ^= 1;
	assert_int_equal(try_open(&away, dynbuf_view(&blob)), ERR_FORGED);
	away = home, away.object.b[0] ^= 1;
	assert_int_equal(try_open(&away, dynbuf_view(&blob)), ERR_FORGED);
	away = home, away.version--;
	assert_int_equal(try_open(&away, dynbuf_view(&blob)), ERR_FORGED);
	away = home, away.user = home.object, away.object = home.user;
	assert_int_equal(try_open(&away, dynbuf_view(&blob)), ERR_FORGED);
	away = home, away.tenant.b[0] ^= 1; /* a tenant that has no key */
	assert_int_equal(try_open(&away, dynbuf_view(&blob)), ERR_KEY_GONE);
}

static void no_bit_of_it_may_change_nor_be_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < blob.n * 8; i++) {
		blob.p[i / 8] ^= (uint8_t)(1 << i % 8);
		const enum err err = try_open(&home, dynbuf_view(&blob));
		assert_int_equal(err, i < 16 ? ERR_MALFORMED : i < 48 ? ERR_KEY_GONE : ERR_FORGED);
		blob.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < blob.n; n++)
		assert_int_not_equal(try_open(&home, (struct bytes){ blob.p, n }), OK);
}

static void it_stays_readable_after_rotation_and_looks_new_each_time(void **state)
{
	struct dynbuf again;
	uint32_t version;

	(void)state;
	dynbuf_init(&again, IPC_BLOB_MAX);
	assert_int_equal(keyring_rotate_tenant(ring, home.tenant, &version), OK);
	assert_int_equal(version, 2);
	assert_int_equal(keyring_rotate_root(ring), OK);
	assert_int_equal(try_open(&home, dynbuf_view(&blob)), OK);
	assert_int_equal(sealed_make(ring, &home, str("https://a.example\nhttps://b.example"),
				     str("ya29.test-vector"), &again),
			 OK);
	assert_int_equal(again.n, blob.n);
	assert_int_equal(get_u32(again.p + 2), 2);
	assert_memory_not_equal(again.p + 6, blob.p + 6, again.n - 6);
	assert_int_equal(try_open(&home, dynbuf_view(&again)), OK);
	/* a blob may not name another key of the tenant */
	put_u32(again.p + 2, 1);
	assert_int_equal(try_open(&home, dynbuf_view(&again)), ERR_FORGED);
	dynbuf_done(&again);
}

static void what_is_too_large_is_not_sealed(void **state)
{
	static uint8_t big[SEALED_SECRET_MAX + 1];
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 1024 * 1024);
	assert_int_equal(sealed_make(ring, &home, str(""), (struct bytes){ big, sizeof big }, &out),
			 ERR_TOO_LARGE);
	assert_int_equal(
		sealed_make(ring, &home, (struct bytes){ big, IPC_HOSTS_MAX + 1 }, str(""), &out),
		ERR_TOO_LARGE);
	assert_int_equal(
		sealed_make(ring, &home, str(""), (struct bytes){ big, sizeof big - 1 }, &out), OK);
	dynbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_at_home),
		cmocka_unit_test(and_nowhere_else),
		cmocka_unit_test(no_bit_of_it_may_change_nor_be_cut_off),
		cmocka_unit_test(it_stays_readable_after_rotation_and_looks_new_each_time),
		cmocka_unit_test(what_is_too_large_is_not_sealed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
