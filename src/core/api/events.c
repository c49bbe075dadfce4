/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/api/reply.h"
#include "core/flow/chores.h"
#include "core/flow/rewrap.h"

enum { CHECKPOINT_MAX = 4096 };

static enum err read_id(const struct api_in *in, const char *name, const char *kind, struct id *ret)
{
	const struct bytes text = form_find(&in->query, name);

	return text.p == NULL ? OK : id_parse(kind, text, ret);
}

static enum err read_user(struct flow *flow, struct call *call, const struct api_in *in,
			  struct id *ret)
{
	const struct bytes text = form_find(&in->query, "user");
	struct user_row row;

	if (text.p == NULL || id_parse("user", text, ret) == OK)
		return OK;
	TRY(store_user_find(flow->store, call->tenant, str("local"), text, &row));
	*ret = row.id;
	return OK;
}

static enum err read_filter(struct flow *flow, struct call *call, const struct api_in *in,
			    struct event_filter *ret)
{
	const struct form *q = &in->query;
	struct event_filter f = { .tenant = call->tenant, .limit = 100 };
	uint64_t limit = 100;

	TRY(read_user(flow, call, in, &f.user));
	TRY(read_id(in, "vault", "vault", &f.vault));
	TRY(read_id(in, "connection", "conn", &f.connection));
	TRY(read_id(in, "agent", "agent", &f.agent));
	f.service = form_find(q, "service");
	if (form_find(q, "kind").p != NULL && event_kind_parse(form_find(q, "kind"), &f.kind) != OK)
		return ERR_MALFORMED;
	if (form_find(q, "outcome").p != NULL &&
	    event_outcome_parse(form_find(q, "outcome"), &f.outcome) != OK)
		return ERR_MALFORMED;
	if (form_find(q, "from").p != NULL)
		TRY(read_time(form_find(q, "from"), &f.from));
	if (form_find(q, "to").p != NULL)
		TRY(read_time(form_find(q, "to"), &f.to));
	if (form_find(q, "after").p != NULL)
		TRY(bytes_u64(form_find(q, "after"), INT64_MAX, &f.after));
	if (form_find(q, "limit").p != NULL)
		TRY(bytes_u64(form_find(q, "limit"), 500, &limit));
	if (form_find(q, "order").p != NULL && !bytes_is(form_find(q, "order"), "asc") &&
	    !bytes_is(form_find(q, "order"), "desc"))
		return ERR_MALFORMED;
	f.descending = bytes_is(form_find(q, "order"), "desc");
	if (limit == 0)
		return ERR_MALFORMED;
	f.limit = (unsigned)limit;
	*ret = f;
	return OK;
}

struct lines {
	struct dynbuf *out;
	unsigned n;
	uint64_t last;
};

/* The log's own line is the item: nothing is printed again. */
static enum err line(void *ctx, const struct event_row *row, struct bytes text)
{
	struct lines *lines = ctx;

	if (lines->n++ > 0)
		dynbuf_u8(lines->out, ',');
	if (text.n > 0)
		dynbuf_bytes(lines->out, text);
	else
		dynbuf_printf(lines->out, "{\"seq\":%llu,\"pruned\":true}",
			      (unsigned long long)row->seq);
	lines->last = row->seq;
	return dynbuf_err(lines->out);
}

enum err list_events(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct lines lines = { .out = &call->body };
	struct event_filter filter;

	TRY(read_filter(flow, call, in, &filter));
	dynbuf_str(&call->body, "{\"items\":[");
	TRY(events_search(flow->events, &filter, line, &lines));
	dynbuf_u8(&call->body, ']');
	if (lines.n == filter.limit)
		dynbuf_printf(&call->body, ",\"next\":\"%llu\"", (unsigned long long)lines.last);
	dynbuf_printf(&call->body, ",\"upto\":%llu}",
		      (unsigned long long)events_upto(flow->events));
	reply_text(flow, call, 200, "application/json", dynbuf_view(&call->body));
	return OK;
}

enum err get_checkpoint(struct flow *flow, struct call *call, const struct api_in *in)
{
	uint8_t text[CHECKPOINT_MAX];

	(void)in;
	const int fd = openat(flow->log_dir, "checkpoint", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_NOT_FOUND;
	const ssize_t n = read(fd, text, sizeof text);
	close(fd);
	if (n <= 0 || n == (ssize_t)sizeof text)
		return FAULT_SYSTEM;
	reply_text(flow, call, 200, "text/plain; charset=utf-8", (struct bytes){ text, (size_t)n });
	return OK;
}

enum err get_keys(struct flow *flow, struct call *call, const struct api_in *in)
{
	json_t *o = json_object();

	(void)in;
	json_object_set_new(
		o, "state",
		json_string(flow->keeper.state == KEEPER_UNSEALED ? "unsealed" : "sealed"));
	set_int(o, "root_version", flow->keeper.root_version);
	set_int(o, "generation", flow->generation);
	json_t *rewrap = json_object();
	bool left;
	uint64_t done;
	rewrap_progress(flow, &done, &left);
	set_int(rewrap, "done", done);
	json_object_set_new(rewrap, "left", json_boolean(left));
	json_object_set_new(o, "rewrap", rewrap);
	reply_json(flow, call, 200, o);
	return OK;
}

static void rotated(struct flow *flow, struct call *call, enum err err, const void *result)
{
	if (err != OK) {
		reply_problem(flow, call, err, NULL);
		return;
	}
	json_t *o = json_object();
	set_int(o, "key_version", *(const uint32_t *)result);
	reply_json(flow, call, 202, o);
}

enum err post_keys_rotate(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	call->done = rotated;
	return keys_rotate(flow, call);
}

enum err post_backup(struct flow *flow, struct call *call, const struct api_in *in)
{
	char name[64], path[sizeof flow->settings.data + sizeof name + 8];
	uint64_t bytes;

	(void)in;
	TRY(backup_make(flow, call, name, &bytes));
	snprintf(path, sizeof path, "%s/state/%s", flow->settings.data, name);
	json_t *o = json_object();
	json_object_set_new(o, "path", json_of(str(path)));
	set_int(o, "bytes", bytes);
	set_int(o, "log_size", flow->keeper.log_size);
	reply_json(flow, call, 201, o);
	return OK;
}
