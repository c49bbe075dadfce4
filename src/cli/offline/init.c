/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/init.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dynbuf.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/token.h"
#include "core/store/store.h"
#include "crypto/crypto.h"
#include "keeper/keyring.h"
#include "sys/file.h"

enum { PATH_BYTES = 4096 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static enum err path_join(const char *data, const char *name, char to[static PATH_BYTES])
{
	return snprintf(to, PATH_BYTES, "%s/%s", data, name) < PATH_BYTES ? OK : ERR_TOO_LARGE;
}

/* Makes the directory and those above it, for its owner alone. */
static enum err make_directories(const char *path)
{
	char part[PATH_BYTES];

	if (strlen(path) >= sizeof part)
		return ERR_TOO_LARGE;
	for (size_t i = 1; i <= strlen(path); i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return ERR_DENIED;
	}
	return OK;
}

static enum err open_directory(const char *data, const char *name, int *ret)
{
	char path[PATH_BYTES];

	TRY(path_join(data, name, path));
	TRY(make_directories(path));
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_DENIED;
	*ret = fd;
	return OK;
}

/* A file that must not exist yet: a key or token of another installation is never written over. */
static enum err write_fresh(const char *path, struct bytes text)
{
	char above[PATH_BYTES];

	if (strlen(path) >= sizeof above)
		return ERR_TOO_LARGE;
	strcpy(above, path);
	char *slash = strrchr(above, '/');
	if (slash != NULL && slash != above) {
		*slash = 0;
		TRY(make_directories(above));
	}
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_DENIED;
	enum err err = file_write(fd, text);
	if (err == OK)
		err = file_write(fd, str("\n"));
	if (err == OK && fsync(fd) != 0)
		err = FAULT_SYNC;
	close(fd);
	return err;
}

static enum err make_key(const struct init_options *options, int keys_dir, struct keyring **ret)
{
	uint8_t key[KEY_LEN], room[2 * KEY_LEN];
	struct dynbuf hex = { .p = room, .room = sizeof room, .max = sizeof room };

	if (options->passphrase != NULL)
		return keyring_create(keys_dir, UNSEAL_PASSPHRASE, str(options->passphrase), ret);
	rng_fill(key, sizeof key);
	hex_print((struct bytes){ key, sizeof key }, &hex);
	enum err err = write_fresh(options->key_file, dynbuf_view(&hex));
	if (err == OK)
		err = keyring_create(keys_dir, UNSEAL_KEY_FILE, (struct bytes){ key, sizeof key },
				     ret);
	wipe(key, sizeof key);
	wipe(room, sizeof room);
	return err;
}

static enum err first_rows(struct store *store, uint64_t generation, const char *token)
{
	const usec_t now = clock_wall();
	const struct tenant_row tenant = { .id = id_new(), .name = str("default"), .created = now };
	const struct own_token_row row = {
		.id = id_new(),
		.tenant = tenant.id,
		.kind = OWN_ADMIN,
		.generation = generation,
		.created = now,
	};

	TRY(store_begin(store));
	TRY(store_tenant_put(store, &tenant));
	TRY(store_token_put(store, &row, str(token)));
	return store_commit(store);
}

static enum err make_state(const struct init_options *options, int state_dir,
			   const struct keyring *ring)
{
	const struct store_keys keys = {
		.version = keyring_working_version(ring),
		.generation = keyring_generation(ring),
		.tokhash = keyring_working(ring, WORKING_TOKHASH),
		.rowmac = keyring_working(ring, WORKING_ROWMAC),
		.text = keyring_working(ring, WORKING_TEXT),
	};
	scoped(store_close) struct store *store = NULL;
	uint8_t random[TOKEN_RANDOM_LEN];
	char token[TOKEN_TEXT_MAX + 1];

	TRY(store_open(state_dir, &keys, &store));
	rng_fill(random, sizeof random);
	token_print(TOKEN_ADMIN, random, token);
	wipe(random, sizeof random);
	enum err err = first_rows(store, keys.generation, token);
	if (err == OK)
		err = write_fresh(options->token_file, str(token));
	wipe(token, sizeof token);
	return err;
}

static void member(struct dynbuf *out, const char *name, const char *path)
{
	char whole[PATH_MAX];

	if (realpath(path, whole) == NULL) /* it was just made */
		out->err = FAULT_SYSTEM;
	dynbuf_printf(out, "%s\"%s\":", out->n == 0 ? "{" : ",", name);
	json_print_string(str(whole), out);
}

/* Where the operator's two files are, for the parent and the command line. */
static enum err leave_word(const struct init_options *options, int run_dir)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 64 * 1024);
	member(&out, "token_file", options->token_file);
	if (options->passphrase == NULL)
		member(&out, "key_file", options->key_file);
	dynbuf_str(&out, "}\n");
	TRY(dynbuf_err(&out));
	return file_replace(run_dir, "client.json", dynbuf_view(&out));
}

/* The key that checkpoints are signed with: 'audit verify' needs nothing else but the log. */
static enum err publish_key(const struct keyring *ring, int top_dir)
{
	uint8_t public[SIGN_PUBLIC_LEN], private[SIGN_SECRET_LEN], room[2 * SIGN_PUBLIC_LEN + 1];
	struct dynbuf hex = { .p = room, .room = sizeof room, .max = sizeof room };

	sign_keypair(keyring_log_seed(ring), public, private);
	wipe(private, sizeof private);
	hex_print((struct bytes){ public, sizeof public }, &hex);
	dynbuf_u8(&hex, '\n');
	return file_replace(top_dir, "log.pub", dynbuf_view(&hex));
}

enum err init_data(const struct init_options *options)
{
	scoped(close_fd) int top_dir = -1, keys_dir = -1, log_dir = -1, state_dir = -1,
			     run_dir = -1;
	scoped(keyring_free) struct keyring *ring = NULL;

	if (init_done(options->data) || access(options->token_file, F_OK) == 0 ||
	    (options->passphrase == NULL && access(options->key_file, F_OK) == 0))
		return ERR_EXISTS; /* before anything is made */
	TRY(crypto_init());
	TRY(open_directory(options->data, "", &top_dir));
	TRY(open_directory(options->data, "keys", &keys_dir));
	TRY(open_directory(options->data, "log", &log_dir));
	TRY(open_directory(options->data, "state", &state_dir));
	TRY(open_directory(options->data, "run", &run_dir));
	TRY(make_key(options, keys_dir, &ring));
	TRY(make_state(options, state_dir, ring));
	TRY(publish_key(ring, top_dir));
	return leave_word(options, run_dir);
}

bool init_done(const char *data)
{
	char path[PATH_BYTES];

	return path_join(data, "keys/keyring", path) == OK && access(path, F_OK) == 0;
}
