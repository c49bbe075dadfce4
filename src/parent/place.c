/* SPDX-License-Identifier: Apache-2.0 */
#include "parent/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "codec/json.h"
#include "parent/listen.h"
#include "sys/file.h"

enum { CLIENT_MAX = 16 * 1024, LOCK_TRIES = 40 };

static const char client_name[] = "client.json";

static void copy_path(const json_t *object, const char *name, char to[static PATH_MAX])
{
	if (bytes_str(json_str(object, name), to, PATH_MAX) != OK)
		to[0] = 0;
}

static enum err client_read(struct place *place)
{
	scoped(buf_free) struct buf *text = NULL;
	scoped(json_free) json_t *object = NULL;

	const enum err err = file_read(place->run, client_name, CLIENT_MAX, &text);
	if (err == ERR_NOT_FOUND)
		return OK;
	TRY(err);
	if (json_parse(buf_bytes(text), &json_request_limits, &object) != OK)
		return OK; /* of no use to anybody; it is written anew */
	copy_path(object, "key_file", place->key_file);
	copy_path(object, "token_file", place->token_file);
	return OK;
}

/* The children of a daemon that has just been killed need a moment to end. */
static enum err lock(int dir)
{
	const struct timespec moment = { .tv_nsec = 50 * 1000 * 1000 };
	enum err err = file_lock_dir(dir);

	for (int i = 0; err == ERR_CONFLICT && i < LOCK_TRIES; i++) {
		nanosleep(&moment, NULL);
		err = file_lock_dir(dir);
	}
	return err;
}

static enum err open_all(struct place *place)
{
	TRY(file_open_dir(place->top, "keys", false, &place->keys));
	TRY(file_open_dir(place->top, "log", false, &place->log));
	TRY(file_open_dir(place->top, "log", false, &place->log_read));
	TRY(file_open_dir(place->top, "state", false, &place->state));
	TRY(file_open_dir(place->top, "run", true, &place->run));
	TRY(lock(place->keys));
	TRY(lock(place->log));
	TRY(lock(place->state));
	return client_read(place);
}

enum err place_open(const char *data, struct place *ret)
{
	struct place place = PLACE_NONE;

	enum err err = file_open_dir(AT_FDCWD, data, false, &place.top);
	if (err == OK && realpath(data, place.path) == NULL)
		err = FAULT_SYSTEM;
	if (err == OK)
		err = open_all(&place);
	if (err != OK) {
		place_close(&place);
		return err;
	}
	*ret = place;
	return OK;
}

void place_close(struct place *place)
{
	int *const dirs[] = { &place->top,	&place->keys,  &place->log,
			      &place->log_read, &place->state, &place->run };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (*dirs[i] >= 0)
			close(*dirs[i]);
		*dirs[i] = -1;
	}
}

static void member(struct dynbuf *out, const char *name, const char *value)
{
	if (value[0] == 0)
		return;
	dynbuf_printf(out, ",\"%s\":", name);
	json_print_string(str(value), out);
}

enum err place_tell(const struct place *place, const char *url)
{
	struct dynbuf out;

	dynbuf_init(&out, CLIENT_MAX);
	dynbuf_str(&out, "{\"url\":");
	json_print_string(str(url), &out);
	member(&out, "token_file", place->token_file);
	member(&out, "key_file", place->key_file);
	dynbuf_str(&out, "}\n");
	enum err err = dynbuf_err(&out);
	if (err == OK)
		err = file_replace(place->run, client_name, dynbuf_view(&out));
	dynbuf_done(&out);
	return err;
}

enum err place_listen(const struct place *place, int *ret)
{
	char path[64];

	/* By way of the descriptor: a local address has 107 characters, a path may have more. */
	snprintf(path, sizeof path, "/proc/self/fd/%d/unseal.sock", place->run);
	return listen_open_local(path, ret);
}
