/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/inner.h"

#include <stdio.h>

#include "core/flow/bearer.h"

#define SERVER_INFO "{\"name\":\"valetkey\",\"version\":\"" VALETKEY_VERSION "\"}"

void answer_text(struct flow *flow, struct call *call, unsigned status, struct bytes json)
{
	call_header(call, "content-type", str("application/json"));
	call_header(call, "cache-control", str("no-store"));
	if (json.p != call->body.p) {
		dynbuf_reset(&call->body);
		dynbuf_bytes(&call->body, json);
	}
	call_answer(flow, call, status);
}

/* Where the metadata of this vault's endpoint stands (RFC 9728 5.1), as far as it names one. */
static void challenge(const struct flow *flow, struct call *call, enum err err, struct bytes vault)
{
	char path[ID_TEXT_MAX + 8];
	struct id id;
	int n = 0;

	if (id_parse("vault", vault, &id) == OK)
		n = snprintf(path, sizeof path, "mcp/%.*s", (int)vault.n, (const char *)vault.p);
	bearer_challenge(flow, call, err, (struct bytes){ (const uint8_t *)path, (size_t)n },
			 GRANTS_SCOPE_MCP);
}

void answer_stranger(struct flow *flow, struct call *call, enum err err, struct bytes vault)
{
	const struct err_row *row = err_row(err < OK ? ERR_SERVER : err);

	call_reset(call);
	if (row->status == 401 || err == ERR_TOKEN_SCOPE)
		challenge(flow, call, err, vault);
	if (row->status == 429 || row->status == 503)
		call_header(call, "retry-after", str("5"));
	rpc_error((struct bytes){ NULL, 0 }, RPC_SERVER_ERROR, row->says, (struct bytes){ NULL, 0 },
		  &call->body);
	answer_text(flow, call, (unsigned)row->status, dynbuf_view(&call->body));
}

void answer_status(struct flow *flow, struct call *call, enum err err)
{
	answer_stranger(flow, call, err, (struct bytes){ NULL, 0 });
}

void answer_error(struct turn *turn, unsigned status, enum rpc_code code, const char *message,
		  struct bytes data)
{
	call_reset(turn->call);
	rpc_error(turn->rpc.id, code, message, data, &turn->call->body);
	answer_text(turn->flow, turn->call, status, dynbuf_view(&turn->call->body));
}

void answer_modern(struct dynbuf *out, const char *type, bool cached)
{
	dynbuf_printf(out, "\"resultType\":\"%s\"", type);
	if (cached)
		dynbuf_str(out, ",\"ttlMs\":0,\"cacheScope\":\"private\"");
	dynbuf_str(out, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" SERVER_INFO "}");
}

void answer_result(struct turn *turn, struct bytes members, bool cached)
{
	struct dynbuf *out = &turn->call->body;

	call_reset(turn->call);
	rpc_result_begin(turn->rpc.id, out);
	dynbuf_u8(out, '{');
	dynbuf_bytes(out, members);
	if (turn->era.modern) {
		dynbuf_str(out, members.n > 0 ? "," : "");
		answer_modern(out, "complete", cached);
	}
	dynbuf_str(out, "}}");
	if (turn->session != NULL && bytes_is(turn->rpc.method, "initialize"))
		call_header(turn->call, "mcp-session-id", str(turn->session->id));
	answer_text(turn->flow, turn->call, 200, dynbuf_view(out));
}

void answer_accepted(struct turn *turn)
{
	call_reset(turn->call);
	call_answer(turn->flow, turn->call, 202);
}

void answer_stream(struct flow *flow, struct call *call)
{
	call_reset(call);
	call_header(call, "content-type", str("text/event-stream"));
	call_header(call, "cache-control", str("no-cache, no-transform"));
	call_header(call, "x-accel-buffering", str("no"));
	call_begin(flow, call, 200, true);
}

void answer_event(struct flow *flow, struct call *call, struct bytes json)
{
	struct dynbuf event;

	dynbuf_init(&event, MESSAGE_MAX + 64);
	dynbuf_str(&event, "event: message\ndata: ");
	dynbuf_bytes(&event, json);
	dynbuf_str(&event, "\n\n");
	if (dynbuf_err(&event) == OK)
		call_data(flow, call, dynbuf_view(&event));
	dynbuf_done(&event);
}
