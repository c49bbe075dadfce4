/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "keeper/keyring.h"
#include "keeper/log.h"
#include "model/event.h"
#include "sys/file.h"

enum { FORMAT = 1, FILES_MAX = 100 * 1000, MANIFEST_MAX = 32 * 1024 * 1024, CHUNK = 1 << 20 };

static const struct json_limits manifest_limits = {
	.text_max = MANIFEST_MAX,
	.strings_max = FILES_MAX * 8,
	.depth_max = 8,
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

static enum err blame(struct archive_report *report, enum err err, const char *path,
		      const char *what)
{
	snprintf(report->why, sizeof report->why, "%.700s: %.200s", path, what);
	return err;
}

static enum err join(const char *data, const char *path, char to[static PATH_MAX])
{
	return snprintf(to, PATH_MAX, "%s/%s", data, path) < PATH_MAX ? OK : ERR_TOO_LARGE;
}

static bool plain_name(const char *name)
{
	static const char known[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";

	return name[0] != 0 && name[0] != '.' && strspn(name, known) == strlen(name) &&
	       strlen(name) < 128;
}

/* Only what a data directory has: a manifest is input like any other. */
static bool known_path(const char *path)
{
	return strcmp(path, "state/state.db") == 0 || strcmp(path, "run/client.json") == 0 ||
	       strcmp(path, "log.pub") == 0 ||
	       (strncmp(path, "log/", 4) == 0 && plain_name(path + 4)) ||
	       (strncmp(path, "keys/", 5) == 0 && plain_name(path + 5));
}

static enum err hash_file(int fd, uint64_t *ret_bytes, uint8_t ret[static SHA256_LEN])
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return FAULT_SYSTEM;
	const size_t n = (size_t)st.st_size;
	void *p = n == 0 ? NULL : mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return FAULT_SYSTEM;
	sha256_one((struct bytes){ p, n }, ret);
	if (p != NULL)
		munmap(p, n);
	*ret_bytes = n;
	return OK;
}

static enum err copy_bytes(int from, int to)
{
	static uint8_t chunk[CHUNK];

	for (;;) {
		const ssize_t n = read(from, chunk, sizeof chunk);
		if (n < 0)
			return ERR_NOT_FOUND;
		if (n == 0)
			return fsync(to) == 0 ? OK : FAULT_SYNC;
		TRY(file_write(to, (struct bytes){ chunk, (size_t)n }));
	}
}

struct copied {
	uint64_t bytes;
	uint8_t hash[SHA256_LEN];
};

/* Copies one file and hashes what arrived. */
static enum err copy_file(const char *from, int to_dir, const char *path,
			  struct archive_report *report, struct copied *ret)
{
	scoped(close_fd) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return blame(report, ERR_NOT_FOUND, from, strerror(errno));
	scoped(close_fd) int out =
		openat(to_dir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		return blame(report, errno == ENOSPC ? ERR_LOG_FULL : ERR_EXISTS, path,
			     strerror(errno));
	enum err err = copy_bytes(in, out);
	if (err != OK)
		return blame(report, err, from, "could not be copied whole");
	err = hash_file(out, &ret->bytes, ret->hash);
	report->files++;
	report->bytes += ret->bytes;
	return err;
}

static enum err make_room(const char *to, struct archive_report *report, int *ret)
{
	static const char *const folders[] = { "keys", "log", "state", "run" };

	if (mkdir(to, 0700) != 0)
		return blame(report, errno == EEXIST ? ERR_EXISTS : ERR_DENIED, to,
			     strerror(errno));
	const int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return blame(report, ERR_DENIED, to, strerror(errno));
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		if (mkdirat(dir, folders[i], 0700) == 0)
			continue;
		close(dir);
		return blame(report, ERR_DENIED, to, strerror(errno));
	}
	*ret = dir;
	return OK;
}

/* Copying a live data directory. */
struct copying {
	const char *data;
	int to;
	json_t *files; /* of the manifest; NULL: none is wanted */
	struct archive_report *report;
};

static enum err copy_one(struct copying *c, const char *from, const char *path)
{
	struct copied copied;
	uint8_t room[2 * SHA256_LEN];
	struct dynbuf hex = { .p = room, .room = sizeof room, .max = sizeof room };

	if (c->report->files >= FILES_MAX)
		return blame(c->report, ERR_TOO_LARGE, from, "too many files");
	TRY(copy_file(from, c->to, path, c->report, &copied));
	if (c->files == NULL)
		return OK;
	hex_print((struct bytes){ copied.hash, SHA256_LEN }, &hex);
	json_t *entry = json_object();
	json_object_set_new(entry, "path", json_string(path));
	json_object_set_new(entry, "bytes", json_integer((json_int_t)copied.bytes));
	json_object_set_new(entry, "sha256", json_of(dynbuf_view(&hex)));
	return json_array_append_new(c->files, entry) == 0 ? OK : FAULT_NOMEM;
}

static enum err copy_if_there(struct copying *c, const char *path)
{
	char from[PATH_MAX];

	TRY(join(c->data, path, from));
	return access(from, F_OK) == 0 ? copy_one(c, from, path) : OK;
}

static enum err copy_folder(struct copying *c, const char *folder)
{
	char from[PATH_MAX], path[160];
	const struct dirent *entry;

	TRY(join(c->data, folder, from));
	scoped(close_dir) DIR *dir = opendir(from);
	if (dir == NULL)
		return blame(c->report, ERR_NOT_FOUND, from, strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (!plain_name(entry->d_name))
			continue;
		if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path)
			return blame(c->report, ERR_TOO_LARGE, entry->d_name,
				     "the name is too long");
		TRY(join(c->data, path, from));
		TRY(copy_one(c, from, path));
	}
	return OK;
}

/* The checkpoint and the frontier before the segments: they must not be ahead of them. */
static enum err copy_log(struct copying *c)
{
	char from[PATH_MAX], path[160];
	struct dirent **entries = NULL;
	enum err err = OK;

	TRY(join(c->data, "log", from));
	const int n = scandir(from, &entries, NULL, alphasort);
	if (n < 0)
		return blame(c->report, ERR_NOT_FOUND, from, strerror(errno));
	for (int i = n - 1; i >= 0; i--) { /* segments begin with a digit: names come before them */
		snprintf(path, sizeof path, "log/%.127s", entries[i]->d_name);
		if (err == OK)
			err = join(c->data, path, from);
		if (err == OK && plain_name(entries[i]->d_name))
			err = copy_one(c, from, path);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static enum err copy_data(struct copying *c, const char *db)
{
	TRY(copy_one(c, db, "state/state.db"));
	TRY(copy_folder(c, "keys"));
	TRY(copy_log(c));
	TRY(copy_if_there(c, "log.pub"));
	return copy_if_there(c, "run/client.json");
}

static enum err write_manifest(int dir, const json_t *files)
{
	scoped(dynbuf_done) struct dynbuf text;
	char made[CLOCK_TEXT_LEN + 1];

	dynbuf_init(&text, MANIFEST_MAX);
	clock_print(clock_wall(), made);
	dynbuf_printf(&text, "{\"format\":%d,\"made\":\"%s\",\"files\":", FORMAT, made);
	json_print(files, &text);
	dynbuf_str(&text, "}\n");
	TRY(dynbuf_err(&text));
	return file_replace(dir, "manifest.json", dynbuf_view(&text));
}

enum err archive_make(const char *data, const char *db, const char *to,
		      struct archive_report *report)
{
	scoped(json_free) json_t *files = json_array();
	scoped(close_fd) int dir = -1;

	*report = (struct archive_report){ 0 };
	TRY(make_room(to, report, &dir));
	struct copying copying = { .data = data, .to = dir, .files = files, .report = report };
	TRY(copy_data(&copying, db));
	return write_manifest(dir, files);
}

static enum err read_manifest(const char *from, struct archive_report *report, json_t **ret)
{
	scoped(buf_free) struct buf *text = NULL;
	scoped(json_free) json_t *manifest = NULL;
	scoped(close_fd) int dir = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t format = 0;

	if (dir < 0 || file_read(dir, "manifest.json", MANIFEST_MAX, &text) != OK)
		return blame(report, ERR_NOT_FOUND, from, "there is no backup here");
	if (json_parse(buf_bytes(text), &manifest_limits, &manifest) != OK ||
	    !json_int(manifest, "format", &format) || format != FORMAT ||
	    !json_is_array(json_object_get(manifest, "files")))
		return blame(report, ERR_MALFORMED, from, "its manifest.json cannot be understood");
	*ret = take(manifest);
	return OK;
}

static enum err restore_one(const char *from, int to, const json_t *entry,
			    struct archive_report *report)
{
	char path[160], source[PATH_MAX];
	uint8_t hash[SHA256_LEN];
	struct copied copied;
	int64_t bytes;

	if (bytes_str(json_str(entry, "path"), path, sizeof path) != OK || !known_path(path) ||
	    !json_int(entry, "bytes", &bytes) || bytes < 0 ||
	    hex_parse(json_str(entry, "sha256"), hash, sizeof hash) != OK)
		return blame(report, ERR_MALFORMED, from,
			     "its manifest names a file it cannot have");
	TRY(join(from, path, source));
	TRY(copy_file(source, to, path, report, &copied));
	if (copied.bytes != (uint64_t)bytes || memcmp(copied.hash, hash, sizeof hash) != 0)
		return blame(report, ERR_MALFORMED, source, "it is not what the manifest says");
	return OK;
}

static enum err restore_manifest(const char *from, int to, const json_t *manifest,
				 struct archive_report *report)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(manifest, "files"), i, entry)
		TRY(restore_one(from, to, entry, report));
	return OK;
}

/* DATA/state/x.db -> DATA. ERR_NOT_FOUND: the file does not stand in a data directory. */
static enum err data_of(const char *db, char data[static PATH_MAX])
{
	char path[PATH_MAX], keys[PATH_MAX + 8];

	if (realpath(db, path) == NULL)
		return ERR_NOT_FOUND;
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(path, '/');
		if (slash == NULL || slash == path)
			return ERR_NOT_FOUND;
		*slash = 0;
	}
	snprintf(keys, sizeof keys, "%s/keys", path);
	if (access(keys, F_OK) != 0)
		return ERR_NOT_FOUND;
	memcpy(data, path, sizeof path);
	return OK;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static enum err restore_files(const char *from, int to, struct archive_report *report)
{
	scoped(json_free) json_t *manifest = NULL;
	char data[PATH_MAX];

	if (!is_file(from)) {
		TRY(read_manifest(from, report, &manifest));
		return restore_manifest(from, to, manifest, report);
	}
	if (data_of(from, data) != OK)
		return blame(
			report, ERR_NOT_FOUND, from,
			"a database alone is no backup: it needs the keys and the log beside it");
	struct copying copying = { .data = data, .to = to, .report = report };
	return copy_data(&copying, from);
}

/* Another generation, on record. */
static enum err begin_again(int dir, struct bytes secret, struct archive_report *report)
{
	const struct ipc_record record = { .kind = EVENT_restore,
					   .outcome = OUTCOME_OK,
					   .event = id_new() };
	scoped(keyring_free) struct keyring *ring = NULL;
	scoped(log_close) struct log *log = NULL;
	scoped(close_fd) int keys = openat(dir, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped(close_fd) int log_dir = openat(dir, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t seq;
	usec_t time;

	if (keys < 0 || log_dir < 0)
		return FAULT_SYSTEM;
	enum err err = keyring_open(keys, secret, &ring);
	if (err != OK)
		return blame(report, err == ERR_FORGED ? ERR_FORGED : ERR_MALFORMED, "keys",
			     "they do not open with this secret, or they were changed");
	err = log_open(log_dir, -1, keyring_log_seed(ring), &log);
	if (err != OK)
		return blame(report, err, "log", "it is not what its last checkpoint says");
	TRY(keyring_raise_generation(ring));
	TRY(log_append(log, &record, &seq, &time));
	TRY(log_sync(log));
	return log_checkpoint(log, true);
}

enum err archive_key_file(const char *from, char *to, size_t size)
{
	scoped(buf_free) struct buf *text = NULL;
	scoped(json_free) json_t *client = NULL;
	char path[PATH_MAX], data[PATH_MAX];

	const bool bare = is_file(from) && data_of(from, data) == OK;
	if (join(bare ? data : from, "run/client.json", path) != OK ||
	    file_read_path(path, 64 * 1024, &text) != OK ||
	    json_parse(buf_bytes(text), &json_request_limits, &client) != OK ||
	    json_str(client, "key_file").n == 0)
		return ERR_NOT_FOUND;
	return bytes_str(json_str(client, "key_file"), to, size) == OK ? OK : ERR_NOT_FOUND;
}

static bool is_free(const char *data)
{
	return access(data, F_OK) != 0 || rmdir(data) == 0;
}

enum err archive_restore(const char *from, const char *data, struct bytes secret,
			 struct archive_report *report)
{
	char part[PATH_MAX];
	scoped(close_fd) int dir = -1;

	*report = (struct archive_report){ 0 };
	TRY(crypto_init());
	if (!is_free(data))
		return blame(report, ERR_EXISTS, data, "it is there and not empty");
	if ((size_t)snprintf(part, sizeof part, "%s.restoring", data) >= sizeof part)
		return blame(report, ERR_TOO_LARGE, data, "the path is too long");
	TRY(make_room(part, report, &dir));
	TRY(restore_files(from, dir, report));
	TRY(begin_again(dir, secret, report));
	if (fsync(dir) != 0 || rename(part, data) != 0)
		return blame(report, FAULT_SYSTEM, data, strerror(errno));
	return OK;
}
