/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/wiped.h"
#include "codec/doc.h"
#include "codec/sse.h"

struct reply {
	char id[24];
	struct sse sse;
	struct dynbuf found;
	size_t came, most;
	bool is_found, ended;
	struct dynbuf text; /* of the headers */
	struct httpc_header headers[HTTPC_HEADERS_MAX];
	size_t headers_n;
};

enum err reply_new(uint64_t id, size_t max, struct reply **ret)
{
	struct reply *reply = calloc(1, sizeof *reply);

	if (reply == NULL)
		return FAULT_NOMEM;
	snprintf(reply->id, sizeof reply->id, "%llu", (unsigned long long)id);
	sse_init(&reply->sse, max + 64);
	dynbuf_init(&reply->found, max);
	dynbuf_init(&reply->text, HTTPC_HEAD_MAX + 1);
	reply->most = 2 * max;
	*ret = reply;
	return OK;
}

void reply_free(struct reply **replyp)
{
	struct reply *reply = *replyp;

	if (reply == NULL)
		return;
	*replyp = NULL;
	wiped_done(&reply->sse.line);
	wiped_done(&reply->sse.data);
	wiped_done(&reply->found);
	dynbuf_done(&reply->text);
	free(reply);
}

bool reply_streams(const struct httpc_response *head)
{
	struct bytes type = httpc_find(head, "content-type");
	struct bytes media = bytes_cut(&type, ';');

	while (media.n > 0 && media.p[media.n - 1] == ' ')
		media.n--;
	return head->status >= 200 && head->status < 300 &&
	       bytes_caseis(media, "text/event-stream");
}

/* The text first, for it may move while it grows. */
enum err reply_begin(struct reply *reply, const struct httpc_response *head)
{
	size_t at = 0;

	for (size_t i = 0; i < head->header_count; i++) {
		dynbuf_bytes(&reply->text, head->headers[i].name);
		dynbuf_bytes(&reply->text, head->headers[i].value);
	}
	TRY(dynbuf_err(&reply->text));
	for (size_t i = 0; i < head->header_count && i < HTTPC_HEADERS_MAX; i++) {
		const struct httpc_header *from = &head->headers[i];
		struct httpc_header *to = &reply->headers[reply->headers_n++];
		to->name = (struct bytes){ reply->text.p + at, from->name.n };
		to->value = (struct bytes){ reply->text.p + at + from->name.n, from->value.n };
		at += from->name.n + from->value.n;
	}
	return OK;
}

static void on_event(void *ctx, struct bytes data)
{
	struct reply *reply = ctx;
	struct doc doc = { 0 };

	if (reply->is_found || doc_read(data, &doc) != OK)
		return;
	if (bytes_is(doc_raw(&doc, doc_member(&doc, 0, str("id"))), reply->id) &&
	    (doc_member(&doc, 0, str("result")) != DOC_NONE ||
	     doc_member(&doc, 0, str("error")) != DOC_NONE)) {
		wiped_put(&reply->found, data);
		reply->is_found = dynbuf_err(&reply->found) == OK;
	}
	doc_done(&doc);
}

bool reply_feed(struct reply *reply, struct bytes piece)
{
	if (reply->is_found || reply->ended)
		return false;
	reply->came += piece.n;
	reply->ended =
		reply->came > reply->most || sse_feed(&reply->sse, piece, on_event, reply) != OK;
	return !reply->is_found && !reply->ended;
}

bool reply_found(const struct reply *reply, struct bytes *ret)
{
	*ret = dynbuf_view(&reply->found);
	return reply->is_found;
}

const struct httpc_header *reply_headers(const struct reply *reply, size_t *ret_n)
{
	*ret_n = reply->headers_n;
	return reply->headers;
}

bool reply_ended(const struct reply *reply)
{
	return reply->ended;
}
