/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/inner.h"

#include <stdlib.h>
#include <string.h>

static void stream_free(struct mcp *mcp, struct stream *stream)
{
	if (stream->prev != NULL)
		stream->prev->next = stream->next;
	else
		mcp->streams = stream->next;
	if (stream->next != NULL)
		stream->next->prev = stream->prev;
	mcp->streams_n--;
	buf_free(&stream->id);
	free(stream);
}

static size_t streams_of(const struct mcp *mcp, struct id vault)
{
	size_t n = 0;

	for (const struct stream *stream = mcp->streams; stream != NULL; stream = stream->next)
		n += id_eq(stream->vault, vault);
	return n;
}

/* call->mine is the call's own: what is in our list is told apart by its call. */
static struct stream *stream_of(const struct mcp *mcp, const struct call *call)
{
	struct stream *stream = mcp->streams;

	while (stream != NULL && stream->call != call)
		stream = stream->next;
	return stream;
}

static void on_gone(struct flow *flow, struct call *call)
{
	struct stream *stream = stream_of(flow->mcp, call);

	if (stream != NULL)
		stream_free(flow->mcp, stream);
	call_end(flow, call, false);
}

static enum err stream_new(struct turn *turn, struct stream **ret)
{
	struct mcp *mcp = turn->flow->mcp;

	if (mcp->closing || mcp->streams_n >= STREAMS_MAX ||
	    streams_of(mcp, turn->permit.vault.id) >= STREAMS_OF_VAULT_MAX)
		return ERR_OVERLOADED;
	TRY(call_keep(turn->call));
	struct stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		return FAULT_NOMEM;
	stream->call = turn->call;
	stream->tenant = turn->permit.vault.tenant;
	stream->vault = turn->permit.vault.id;
	stream->policy_version = turn->permit.vault.policy_version;
	stream->next = mcp->streams;
	if (mcp->streams != NULL)
		mcp->streams->prev = stream;
	mcp->streams = stream;
	mcp->streams_n++;
	turn->call->gone = on_gone;
	*ret = stream;
	return OK;
}

static void say(struct flow *flow, const struct stream *stream, const char *method,
		const char *params)
{
	struct dynbuf out;

	dynbuf_init(&out, 8192);
	dynbuf_printf(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\"", method);
	if (stream->id != NULL) {
		dynbuf_printf(&out, ",\"params\":{%s\"_meta\":{", params);
		dynbuf_str(&out, "\"io.modelcontextprotocol/subscriptionId\":");
		dynbuf_bytes(&out, buf_bytes(stream->id));
		dynbuf_str(&out, "}}");
	}
	dynbuf_u8(&out, '}');
	if (dynbuf_err(&out) == OK)
		answer_event(flow, stream->call, dynbuf_view(&out));
	dynbuf_done(&out);
}

void stream_listen(struct turn *turn)
{
	const struct doc *doc = &turn->rpc.doc;
	const uint32_t wanted = doc_member(doc, turn->rpc.params, str("notifications"));
	struct stream *stream;

	if (doc_kind(doc, wanted) != DOC_OBJECT) {
		answer_error(turn, 200, RPC_INVALID_PARAMS, "params.notifications is missing",
			     (struct bytes){ NULL, 0 });
		return;
	}
	const bool tools =
		doc_kind(doc, doc_member(doc, wanted, str("toolsListChanged"))) == DOC_TRUE;
	struct buf *id = NULL;
	enum err err = buf_dup(turn->rpc.id, &id);
	if (err == OK)
		err = stream_new(turn, &stream);
	if (err != OK) {
		buf_free(&id);
		answer_status(turn->flow, turn->call, err);
		return;
	}
	stream->id = id;
	stream->tools = tools;
	answer_stream(turn->flow, turn->call);
	say(turn->flow, stream, "notifications/subscriptions/acknowledged",
	    tools ? "\"notifications\":{\"toolsListChanged\":true}," : "\"notifications\":{},");
}

void stream_get(struct turn *turn)
{
	struct stream *stream;

	streams_end(turn->flow, turn->session->id); /* one a session: the newer one is served */
	const enum err err = stream_new(turn, &stream);
	if (err != OK) {
		answer_status(turn->flow, turn->call, err);
		return;
	}
	stream->tools = true;
	memcpy(stream->session, turn->session->id, sizeof stream->session);
	answer_stream(turn->flow, turn->call);
	call_data(turn->flow, turn->call, str(": open\n\n"));
}

/* The empty result ends a listen request in order; a GET stream just ends. */
static void stream_end(struct flow *flow, struct stream *stream)
{
	struct call *call = stream->call;
	struct dynbuf out;

	call->gone = NULL;
	if (stream->id != NULL) {
		dynbuf_init(&out, 8192);
		rpc_result_begin(buf_bytes(stream->id), &out);
		dynbuf_u8(&out, '{');
		answer_modern(&out, "complete", false);
		dynbuf_str(&out, "}}");
		answer_event(flow, call, dynbuf_view(&out));
		dynbuf_done(&out);
	}
	stream_free(flow->mcp, stream);
	call_end(flow, call, true);
}

void streams_end(struct flow *flow, const char *session)
{
	struct stream *next;

	for (struct stream *stream = flow->mcp->streams; stream != NULL; stream = next) {
		next = stream->next;
		if (strcmp(stream->session, session) == 0)
			stream_end(flow, stream);
	}
}

void streams_close(struct flow *flow)
{
	while (flow->mcp->streams != NULL)
		stream_end(flow, flow->mcp->streams);
}

/* Whose vault may not be used any more hears no more; whose policy is another is told. */
static void stream_look(struct flow *flow, struct stream *stream, bool tools)
{
	struct permit permit = { 0 };

	if (permit_again(flow, stream->tenant, stream->vault, &permit) != OK) {
		stream_end(flow, stream);
		return;
	}
	if (permit.vault.policy_version == stream->policy_version && !tools)
		return;
	stream->policy_version = permit.vault.policy_version;
	if (stream->tools)
		say(flow, stream, "notifications/tools/list_changed", "");
}

void streams_tick(struct flow *flow)
{
	struct mcp *mcp = flow->mcp;
	struct stream *next;

	const bool tools = mcp->tools_changed != flow->tools_changed;
	if (mcp->lists_changed == flow->vaults_changed && !tools)
		return;
	mcp->lists_changed = flow->vaults_changed;
	mcp->tools_changed = flow->tools_changed;
	for (struct stream *stream = mcp->streams; stream != NULL; stream = next) {
		next = stream->next;
		stream_look(flow, stream, tools);
	}
}
