/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/offline/line.h"
#include "codec/base64.h"
#include "crypto/merkle.h"
#include "keeper/note.h"
#include "sys/file.h"

enum { READ_BYTES = 1024 * 1024, PROGRESS_RECORDS = 1000000, HEADS_MAX = 2 };

/* A checkpoint to be met on the way. */
struct head {
	uint64_t size;
	uint8_t root[SHA256_LEN];
};

struct verify {
	const struct verify_options *options;
	struct verify_result *result;
	struct merkle tree;
	struct head heads[HEADS_MAX];
	size_t heads_n, segments;
	uint64_t segment;
	char time[CLOCK_TEXT_LEN + 1];
	struct buf *room;
};

static void found(struct verify *v, enum verify_flaw flaw, uint64_t seq)
{
	if (v->result->flaw != VERIFY_SOUND)
		return;
	v->result->flaw = flaw;
	v->result->flaw_seq = seq;
	v->result->flaw_segment = v->segment;
}

static void heads_meet(struct verify *v)
{
	uint8_t root[SHA256_LEN];

	for (size_t i = 0; i < v->heads_n; i++) {
		if (v->heads[i].size != v->tree.size)
			continue;
		merkle_root(&v->tree, root);
		if (memcmp(root, v->heads[i].root, sizeof root) != 0)
			found(v, VERIFY_FORK, v->tree.size);
	}
}

static void leaf_add(struct verify *v, const uint8_t leaf[static SHA256_LEN])
{
	if (v->options->leaf != NULL)
		v->options->leaf(v->options->ctx, v->tree.size, leaf);
	merkle_append(&v->tree, leaf);
	heads_meet(v);
	if (v->options->progress != NULL && v->tree.size % PROGRESS_RECORDS == 0)
		v->options->progress(v->tree.size);
}

static void line_add(struct verify *v, struct bytes line)
{
	char time[CLOCK_TEXT_LEN + 1];
	uint8_t leaf[SHA256_LEN];

	const enum err err = line_check(line, v->tree.size, time);
	if (err != OK) {
		found(v, err == ERR_CONFLICT ? VERIFY_ORDER : VERIFY_LINE, v->tree.size);
	} else {
		if (strcmp(time, v->time) < 0)
			found(v, VERIFY_TIME, v->tree.size);
		memcpy(v->time, time, sizeof time);
	}
	merkle_leaf(line, leaf);
	leaf_add(v, leaf);
}

/* Takes whole lines or whole hashes off the front of @rest. */
static void lines_take(struct verify *v, struct bytes *rest)
{
	while (memchr(rest->p, '\n', rest->n) != NULL)
		line_add(v, bytes_cut(rest, '\n'));
}

static void leaves_take(struct verify *v, struct bytes *rest)
{
	for (; rest->n >= SHA256_LEN; rest->p += SHA256_LEN, rest->n -= SHA256_LEN) {
		leaf_add(v, rest->p);
		v->result->pruned++;
	}
}

typedef void (*take_fn)(struct verify *v, struct bytes *rest);

/* *@ret_rest: bytes behind the last whole line. */
static enum err segment_read(struct verify *v, int fd, take_fn take_some, size_t *ret_rest)
{
	size_t have = 0;

	for (;;) {
		const ssize_t n = read(fd, v->room->p + have, v->room->n - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAULT_SYSTEM;
		struct bytes rest = { v->room->p, have + (size_t)n };
		take_some(v, &rest);
		if (n == 0 || rest.n == v->room->n) {
			*ret_rest = rest.n;
			return OK;
		}
		memmove(v->room->p, rest.p, rest.n);
		have = rest.n;
	}
}

static const struct form {
	const char *suffix;
	take_fn take_some;
} forms[] = { { ".jsonl", lines_take }, { ".leaves", leaves_take } };

/* Opens the segment that begins where the tree ends. ERR_NOT_FOUND */
static enum err segment_open(struct verify *v, int *ret_fd, const struct form **ret_form)
{
	char name[40];

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		snprintf(name, sizeof name, "%020llu%s", (unsigned long long)v->tree.size,
			 forms[i].suffix);
		*ret_fd = openat(v->options->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		*ret_form = &forms[i];
		if (*ret_fd >= 0)
			return OK;
		if (errno != ENOENT)
			return FAULT_SYSTEM;
	}
	return ERR_NOT_FOUND;
}

static enum err segments_follow(struct verify *v)
{
	const struct form *form;
	size_t rest = 0;
	int fd;

	for (;;) {
		enum err err = segment_open(v, &fd, &form);
		if (err == ERR_NOT_FOUND)
			break;
		TRY(err);
		if (rest > 0)
			found(v, VERIFY_CUT, v->tree.size);
		v->segment = v->tree.size;
		v->segments++;
		err = segment_read(v, fd, form->take_some, &rest);
		close(fd);
		TRY(err);
		/* Only the last one can be empty: it would be followed by itself. */
		if (v->tree.size == v->segment)
			break;
	}
	v->result->unfinished_bytes = rest;
	return OK;
}

static bool is_segment(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n == 20 &&
	       (strcmp(name + n, forms[0].suffix) == 0 || strcmp(name + n, forms[1].suffix) == 0);
}

/* Every segment has to have been reached: one that was not stands behind a gap, or twice. */
static enum err segments_count(struct verify *v)
{
	const struct dirent *entry;
	size_t n = 0;

	const int fd = openat(v->options->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return FAULT_SYSTEM;
	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return FAULT_SYSTEM;
	}
	while ((entry = readdir(dir)) != NULL)
		n += is_segment(entry->d_name);
	closedir(dir);
	if (n != v->segments)
		found(v, VERIFY_GAP, v->tree.size);
	return OK;
}

/* A checkpoint that cannot be trusted is a flaw; what the others say is still worth knowing. */
static void head_add(struct verify *v, const struct note_key *key, struct bytes text,
		     uint64_t *ret_size)
{
	struct head *head = &v->heads[v->heads_n];

	if (note_parse(key, text, &head->size, head->root) != OK) {
		found(v, VERIFY_SIGNATURE, 0);
		return;
	}
	*ret_size = head->size;
	v->heads_n++;
}

static enum err heads_load(struct verify *v)
{
	scoped(buf_free) struct buf *file = NULL;
	struct note_key key;

	note_key_init(&key, v->options->key);
	const enum err err = file_read(v->options->dir, "checkpoint", NOTE_MAX, &file);
	if (err == OK || err == ERR_TOO_LARGE)
		head_add(v, &key, buf_bytes(file), &v->result->signed_size);
	else if (err != ERR_NOT_FOUND)
		return err;
	if (v->options->older.n > 0)
		head_add(v, &key, v->options->older, &v->result->older_size);
	return OK;
}

static void heads_finish(struct verify *v)
{
	for (size_t i = 0; i < v->heads_n; i++)
		if (v->heads[i].size > v->tree.size)
			found(v, VERIFY_SHORT, v->heads[i].size);
	if (v->heads_n == 0 && v->tree.size > 0)
		found(v, VERIFY_UNSIGNED, 0);
}

enum err verify_log(const struct verify_options *options, struct verify_result *ret)
{
	scoped(buf_free) struct buf *room = NULL;
	struct verify_result result = { 0 };
	struct verify v = { .options = options, .result = &result };

	TRY(buf_new(READ_BYTES, &room));
	v.room = room;
	memcpy(result.key, options->key, sizeof result.key);
	TRY(heads_load(&v));
	heads_meet(&v);
	TRY(segments_follow(&v));
	TRY(segments_count(&v));
	heads_finish(&v);
	result.size = v.tree.size;
	merkle_root(&v.tree, result.root);
	memcpy(result.time, v.time, sizeof result.time);
	*ret = result;
	return OK;
}

enum err verify_key_parse(struct bytes text, uint8_t ret[static SIGN_PUBLIC_LEN])
{
	uint8_t typed[1 + SIGN_PUBLIC_LEN];
	struct note_key key;
	uint8_t id[4];
	size_t n;

	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	if (text.n == (size_t)2 * SIGN_PUBLIC_LEN)
		return hex_parse(text, ret, SIGN_PUBLIC_LEN);
	const struct bytes name = bytes_cut(&text, '+');
	TRY(hex_parse(bytes_cut(&text, '+'), id, sizeof id));
	if (base64_parse(text, typed, sizeof typed, &n) != OK || n != sizeof typed || typed[0] != 1)
		return ERR_MALFORMED;
	note_key_init(&key, typed + 1);
	if (!bytes_is(name, key.name) || memcmp(id, key.id, sizeof id) != 0)
		return ERR_MALFORMED;
	memcpy(ret, typed + 1, SIGN_PUBLIC_LEN);
	return OK;
}

static const struct {
	const char *name, *says;
} flaws[VERIFY_FLAWS] = {
	[VERIFY_SOUND] = { "sound", "The log is complete and is the one that was signed." },
	[VERIFY_LINE] = { "line", "A line is not one that Valetkey writes." },
	[VERIFY_ORDER] = { "order", "A record stands where another belongs." },
	[VERIFY_TIME] = { "time", "Time goes backwards." },
	[VERIFY_GAP] = { "gap", "A segment is missing or stands twice." },
	[VERIFY_CUT] = { "cut", "A segment ends within a line though others follow." },
	[VERIFY_SHORT] = { "short", "The log ends before a checkpoint does: records are gone." },
	[VERIFY_FORK] = { "fork", "This is not the log that the checkpoint was signed for." },
	[VERIFY_SIGNATURE] = { "signature", "A checkpoint was not signed by this key." },
	[VERIFY_UNSIGNED] = { "unsigned", "There are records, but no checkpoint." },
};

const char *verify_says(enum verify_flaw flaw)
{
	return flaws[flaw].says;
}

static void put_number(struct dynbuf *out, const char *name, uint64_t v)
{
	dynbuf_printf(out, ",\"%s\":%llu", name, (unsigned long long)v);
}

static void print_json(const struct verify_result *r, struct dynbuf *out)
{
	dynbuf_printf(out, "{\"ok\":%s,\"result\":\"%s\"",
		      r->flaw == VERIFY_SOUND ? "true" : "false", flaws[r->flaw].name);
	if (r->flaw != VERIFY_SOUND) {
		put_number(out, "at", r->flaw_seq);
		put_number(out, "segment", r->flaw_segment);
	}
	put_number(out, "size", r->size);
	put_number(out, "pruned", r->pruned);
	put_number(out, "signed", r->signed_size);
	if (r->older_size > 0)
		put_number(out, "continues", r->older_size);
	if (r->unfinished_bytes > 0)
		put_number(out, "unfinished_bytes", r->unfinished_bytes);
	dynbuf_str(out, ",\"root\":\"");
	base64_print((struct bytes){ r->root, sizeof r->root }, out);
	dynbuf_str(out, "\",\"key\":\"");
	hex_print((struct bytes){ r->key, sizeof r->key }, out);
	dynbuf_str(out, "\"");
	if (r->time[0] != 0)
		dynbuf_printf(out, ",\"time\":\"%s\"", r->time);
	dynbuf_str(out, "}\n");
}

static void print_text(const struct verify_result *r, struct dynbuf *out)
{
	dynbuf_printf(out, "%s\n", flaws[r->flaw].says);
	if (r->flaw != VERIFY_SOUND)
		dynbuf_printf(out, "at:         record %llu, segment %020llu\n",
			      (unsigned long long)r->flaw_seq, (unsigned long long)r->flaw_segment);
	dynbuf_printf(out, "records:    %llu", (unsigned long long)r->size);
	if (r->pruned > 0)
		dynbuf_printf(out, ", of which %llu pruned", (unsigned long long)r->pruned);
	if (r->size > r->signed_size)
		dynbuf_printf(out, ", the last %llu not yet signed",
			      (unsigned long long)(r->size - r->signed_size));
	if (r->time[0] != 0)
		dynbuf_printf(out, "\nlast:       %s", r->time);
	dynbuf_str(out, "\nroot:       ");
	base64_print((struct bytes){ r->root, sizeof r->root }, out);
	dynbuf_str(out, "\nkey:        ");
	hex_print((struct bytes){ r->key, sizeof r->key }, out);
	dynbuf_printf(out, "\ncheckpoint: %llu\n", (unsigned long long)r->signed_size);
	if (r->older_size > 0)
		dynbuf_printf(out, "continues:  %llu\n", (unsigned long long)r->older_size);
	if (r->unfinished_bytes > 0)
		dynbuf_printf(out, "unfinished: %llu bytes of a line being written\n",
			      (unsigned long long)r->unfinished_bytes);
}

void verify_print(const struct verify_result *result, bool json, struct dynbuf *out)
{
	if (json)
		print_json(result, out);
	else
		print_text(result, out);
}
