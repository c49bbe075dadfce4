/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bridge/message.h"

#include "codec/base64.h"
#include "codec/json.h"

#define CLAIM "/params/_meta/io.modelcontextprotocol~1protocolVersion"

enum { CODE_INTERNAL = -32603 };

/* The member of params that Mcp-Name repeats (MCP 2026-07-28, Streamable HTTP). */
static const char *named_by(struct bytes method)
{
	static const char *const by[][2] = {
		{ "tools/call", "/params/name" },     { "prompts/get", "/params/name" },
		{ "resources/read", "/params/uri" },  { "tasks/get", "/params/taskId" },
		{ "tasks/update", "/params/taskId" }, { "tasks/cancel", "/params/taskId" },
	};

	for (size_t i = 0; i < ARRAY_LEN(by); i++)
		if (bytes_is(method, by[i][0]))
			return by[i][1];
	return NULL;
}

static bool is_plain(struct bytes text)
{
	if (text.n == 0 || text.p[0] == ' ' || text.p[text.n - 1] == ' ' ||
	    bytes_starts(text, "=?base64?"))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	return true;
}

/* What a header cannot carry as it is goes as base64. */
static void print_name(struct bytes text, struct dynbuf *out)
{
	if (is_plain(text)) {
		dynbuf_bytes(out, text);
		return;
	}
	dynbuf_str(out, "=?base64?");
	base64_print(text, out);
	dynbuf_str(out, "?=");
}

static void take_name(const struct doc *doc, struct message *message)
{
	const char *where = named_by(message->method);
	scoped(dynbuf_done) struct dynbuf text;

	dynbuf_init(&text, MESSAGE_NAME_MAX);
	if (where != NULL && doc_string(doc, doc_pointer(doc, str(where)), &text) == OK &&
	    dynbuf_err(&text) == OK)
		print_name(dynbuf_view(&text), &message->name);
}

enum err message_read(struct bytes text, struct message *ret)
{
	scoped(doc_done) struct doc doc = { 0 };

	*ret = (struct message){ 0 };
	dynbuf_init(&ret->name, 2 * MESSAGE_NAME_MAX);
	const enum err err = doc_read(text, &doc);
	if (err != OK)
		return err < 0 ? err : ERR_MALFORMED;
	const uint32_t id = doc_member(&doc, 0, str("id"));
	if (doc_kind(&doc, id) == DOC_STRING || doc_kind(&doc, id) == DOC_NUMBER)
		ret->id = doc_raw(&doc, id);
	ret->method = doc_plain(&doc, doc_member(&doc, 0, str("method")));
	ret->error = doc_raw(&doc, doc_member(&doc, 0, str("error")));
	ret->request = ret->id.p != NULL && ret->method.p != NULL;
	ret->answer = ret->id.p != NULL && ret->method.p == NULL;
	ret->modern = doc_plain(&doc, doc_pointer(&doc, str(CLAIM)));
	ret->version = doc_plain(&doc, doc_pointer(&doc, str("/result/protocolVersion")));
	if (ret->method.p != NULL && bytes_is(ret->method, "notifications/cancelled"))
		ret->cancelled = doc_raw(&doc, doc_pointer(&doc, str("/params/requestId")));
	if (ret->request)
		take_name(&doc, ret);
	return dynbuf_err(&ret->name);
}

void message_done(struct message *message)
{
	dynbuf_done(&message->name);
}

void message_refuse(struct bytes id, struct bytes error, const char *why, struct dynbuf *out)
{
	dynbuf_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	dynbuf_bytes(out, id);
	dynbuf_str(out, ",\"error\":");
	if (error.n > 0) {
		message_line(error, out);
	} else {
		dynbuf_printf(out, "{\"code\":%d,\"message\":", CODE_INTERNAL);
		json_print_string(str(why), out);
		dynbuf_u8(out, '}');
	}
	dynbuf_u8(out, '}');
}

void message_line(struct bytes text, struct dynbuf *out)
{
	for (size_t i = 0; i < text.n; i++)
		dynbuf_u8(out, text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i]);
}
