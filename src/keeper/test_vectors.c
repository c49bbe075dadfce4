/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens tests/vectors/sealed.json, which readers in other languages open as
 * well. With --print it makes a new set of the same cases: one object a line,
 * so that this file needs no JSON parser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "codec/base64.h"
#include "crypto/crypto.h"
#include "keeper/sealed.h"
#include "sys/file.h"

enum { FILE_MAX = 1024 * 1024, LINE_MAX_BYTES = 4096 };

static const uint8_t key_file[KEY_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, [31] = 32 };
static const char *vectors_path;
static char dir_name[32];
static int dir;

/* The text between the quotes behind "name":" in @line. */
static struct bytes field(struct bytes line, const char *name)
{
	char head[32];

	snprintf(head, sizeof head, "\"%s\":\"", name);
	const uint8_t *at = memmem(line.p, line.n, head, strlen(head));
	if (at == NULL)
		return (struct bytes){ NULL, 0 };
	at += strlen(head);
	struct bytes rest = { at, line.n - (size_t)(at - line.p) };
	return bytes_cut(&rest, '"');
}

static void field_hex(struct bytes line, const char *name, uint8_t *to, size_t n)
{
	assert_int_equal(hex_parse(field(line, name), to, n), OK);
}

static struct ipc_place place_of(struct bytes line)
{
	struct ipc_place place = { 0 };
	uint64_t v;

	assert_int_equal(bytes_u64(field(line, "field"), 255, &v), OK);
	place.field = (uint8_t)v;
	assert_int_equal(bytes_u64(field(line, "version"), UINT64_MAX, &place.version), OK);
	field_hex(line, "tenant", place.tenant.b, ID_LEN);
	field_hex(line, "user", place.user.b, ID_LEN);
	field_hex(line, "object", place.object.b, ID_LEN);
	return place;
}

static struct buf *unhex(struct bytes text)
{
	struct buf *buf;

	assert_int_equal(buf_new(text.n / 2, &buf), OK);
	assert_int_equal(hex_parse(text, buf->p, buf->n), OK);
	return buf;
}

static enum err error_named(struct bytes name)
{
	static const struct {
		const char *name;
		enum err err;
	} rows[] = { { "malformed", ERR_MALFORMED },
		     { "key_gone", ERR_KEY_GONE },
		     { "forged", ERR_FORGED } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (bytes_is(name, rows[i].name))
			return rows[i].err;
	return OK;
}

static void try_line(const struct keyring *ring, struct bytes line)
{
	const struct ipc_place place = place_of(line);
	scoped(buf_free) struct buf *blob = unhex(field(line, "blob"));
	const enum err want = error_named(field(line, "error"));
	struct opened opened = { 0 };

	assert_int_equal(sealed_open(ring, &place, buf_bytes(blob), &opened), want);
	if (want == OK) {
		scoped(buf_free) struct buf *secret = unhex(field(line, "secret"));
		scoped(buf_free) struct buf *hosts = unhex(field(line, "hosts"));
		assert_true(bytes_eq(opened.secret, buf_bytes(secret)));
		assert_true(bytes_eq(opened.hosts, buf_bytes(hosts)));
	}
	opened_done(&opened);
}

static struct keyring *ring_of(struct bytes file)
{
	scoped(buf_free) struct buf *bytes = unhex(field(file, "keyring"));
	struct keyring *ring = NULL;
	uint8_t secret[KEY_LEN];

	field_hex(file, "key_file", secret, sizeof secret);
	assert_int_equal(file_replace(dir, "keyring", buf_bytes(bytes)), OK);
	assert_int_equal(keyring_open(dir, (struct bytes){ secret, KEY_LEN }, &ring), OK);
	return ring;
}

static void the_published_vectors_open_and_are_refused_as_they_say(void **state)
{
	scoped(buf_free) struct buf *file = NULL;
	unsigned opened = 0, refused = 0;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, vectors_path, FILE_MAX, &file), OK);
	scoped(keyring_free) struct keyring *ring = ring_of(buf_bytes(file));
	for (struct bytes rest = buf_bytes(file); rest.n > 0;) {
		const struct bytes line = bytes_cut(&rest, '\n');
		if (field(line, "blob").n == 0)
			continue;
		try_line(ring, line);
		*(error_named(field(line, "error")) == OK ? &opened : &refused) += 1;
	}
	assert_int_equal(opened, 5);
	assert_int_equal(refused, 11);
}

static void print_hex(const char *name, struct bytes b)
{
	scoped(dynbuf_done) struct dynbuf hex;

	dynbuf_init(&hex, FILE_MAX);
	hex_print(b, &hex);
	printf(",\"%s\":\"%.*s\"", name, (int)hex.n, (char *)hex.p);
}

static void print_case(const char *says, const struct ipc_place *place, struct bytes blob)
{
	static bool again;

	printf("%s{\"says\":\"%s\",\"field\":\"%u\"", again ? ",\n" : "", says, place->field);
	print_hex("tenant", id_bytes(&place->tenant));
	print_hex("user", id_bytes(&place->user));
	print_hex("object", id_bytes(&place->object));
	printf(",\"version\":\"%llu\"", (unsigned long long)place->version);
	print_hex("blob", blob);
	again = true;
}

static struct dynbuf print_good(struct keyring *ring, const char *says, struct ipc_place place,
				struct bytes hosts, struct bytes secret)
{
	struct dynbuf blob;

	dynbuf_init(&blob, IPC_BLOB_MAX);
	if (sealed_make(ring, &place, hosts, secret, &blob) != OK)
		exit(1);
	print_case(says, &place, dynbuf_view(&blob));
	print_hex("hosts", hosts);
	print_hex("secret", secret);
	printf("}");
	return blob;
}

static void print_bad(const char *says, const struct ipc_place *place, struct bytes blob,
		      const char *error)
{
	print_case(says, place, blob);
	printf(",\"error\":\"%s\"}", error);
}

static void print_flip(const char *says, const struct ipc_place *place, struct dynbuf *blob,
		       size_t at, const char *error)
{
	blob->p[at] ^= 1;
	print_bad(says, place, dynbuf_view(blob), error);
	blob->p[at] ^= 1;
}

static int print_vectors(void)
{
	const struct ipc_place home = { PLACE_ACCESS_TOKEN, { { 1 } }, { { 2 } }, { { 3 } }, 4 };
	scoped(keyring_free) struct keyring *ring = NULL;
	scoped(buf_free) struct buf *file = NULL;
	struct ipc_place away = home;
	uint32_t version;

	if (keyring_create(dir, UNSEAL_KEY_FILE, (struct bytes){ key_file, KEY_LEN }, &ring) != OK)
		return 1;
	printf("{\"cases\":[\n");
	const struct bytes hosts = str("https://api.acme.example\nhttps://acme.example");
	struct dynbuf good = print_good(ring, "an access token", home, hosts, str("at-example"));
	struct dynbuf client = print_good(
		ring, "a client secret belongs to no user",
		(struct ipc_place){ PLACE_CLIENT_SECRET, { { 1 } }, { { 0 } }, { { 9 } }, 1 },
		hosts, str("cs-example"));
	dynbuf_done(&client);
	struct dynbuf empty = print_good(
		ring, "nothing, to nowhere",
		(struct ipc_place){ PLACE_TOTP_SEED, { { 1 } }, { { 2 } }, { { 3 } }, UINT64_MAX },
		str(""), str(""));
	dynbuf_done(&empty);
	struct dynbuf other = print_good(
		ring, "another tenant",
		(struct ipc_place){ PLACE_ACCESS_TOKEN, { { 7 } }, { { 2 } }, { { 3 } }, 4 }, hosts,
		str("at-example"));
	if (keyring_rotate_tenant(ring, home.tenant, &version) != OK ||
	    keyring_rotate_root(ring) != OK || file_read(dir, "keyring", FILE_MAX, &file) != OK)
		return 1;
	away.field = PLACE_REFRESH_TOKEN;
	struct dynbuf late = print_good(ring, "a refresh token under the tenant's second key", away,
					hosts, str("rt-example"));
	dynbuf_done(&late);

	const struct bytes b = dynbuf_view(&good);
	print_bad("the place of another field", &away, b, "forged");
	away = home;
	away.user.b[15] = 1;
	print_bad("another user's place", &away, b, "forged");
	away = home;
	away.version = 5;
	print_bad("a later version's place", &away, b, "forged");
	away = home;
	away.tenant.b[0] = 7;
	print_bad("another tenant's place", &away, b, "forged");
	print_bad("another tenant's blob", &home, dynbuf_view(&other), "forged");
	print_bad("cut short by a byte", &home, (struct bytes){ b.p, b.n - 1 }, "forged");
	print_bad("cut within the header", &home, (struct bytes){ b.p, 100 }, "malformed");
	print_flip("an unknown version", &home, &good, 0, "malformed");
	print_flip("an unknown suite", &home, &good, 1, "malformed");
	print_flip("a key that does not exist", &home, &good, 2, "key_gone");
	print_flip("another commitment", &home, &good, 80, "forged");
	printf("\n],\n\"keys\":{\"says\":\"root version 2\"");
	dynbuf_done(&good);
	dynbuf_done(&other);
	print_hex("key_file", (struct bytes){ key_file, KEY_LEN });
	print_hex("keyring", buf_bytes(file));
	printf("}}\n");
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors_open_and_are_refused_as_they_say),
	};

	strcpy(dir_name, "/tmp/valetkey-vectors-XXXXXX");
	if (argc != 2 || crypto_init() != OK || mkdtemp(dir_name) == NULL)
		return 2;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	vectors_path = argv[1];
	const int status = strcmp(argv[1], "--print") == 0
				   ? print_vectors()
				   : cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlinkat(dir, "keyring", 0);
	close(dir);
	(void)rmdir(dir_name);
	return status;
}
