/* SPDX-License-Identifier: Apache-2.0 */
/* A mount of a remote MCP server: what is answered here, and what goes on to it. */
#include "core/flow/mount.h"
#include "core/mcp/inner.h"

static void on_refused(struct flow *flow, struct call *call, enum err err, const void *result)
{
	(void)result;
	answer_status(flow, call, err);
}

static struct mount_ask ask_of(const struct turn *turn)
{
	return (struct mount_ask){ .permit = &turn->permit,
				   .service = str(turn->only),
				   .account = turn->account };
}

static void begin(struct turn *turn, const struct mount_ask *ask)
{
	turn->call->done = on_refused;
	mount_begin(turn->flow, turn->call, ask);
}

/* What waits for a person, is blocked or not there goes the way of all tools. */
static void relay_call(struct turn *turn)
{
	const struct doc *doc = &turn->rpc.doc;
	struct mount_ask ask = ask_of(turn);

	ask.tool = rpc_text(&turn->rpc, "name");
	ask.arguments = doc_raw(doc, doc_member(doc, turn->rpc.params, str("arguments")));
	if (ask.tool.n > 0 && ask.tool.n <= APPROVAL_TOOL_MAX &&
	    mount_passes(turn->flow, turn->call, &ask))
		begin(turn, &ask);
	else
		tools_call(turn);
}

bool relay_message(struct turn *turn)
{
	struct mount_ask ask = ask_of(turn);

	if (turn->only[0] == 0 || !mount_passes(turn->flow, turn->call, &ask))
		return false;
	const bool request = turn->rpc.kind == RPC_REQUEST;
	if (!turn->era.modern && !mount_session_ok(turn->flow, turn->call, &ask)) {
		answer_error(turn, 404, RPC_SERVER_ERROR, "Session not found",
			     (struct bytes){ NULL, 0 });
		return true;
	}
	if (request && bytes_is(turn->rpc.method, "tools/list")) {
		tools_list(turn);
		return true;
	}
	if (request && bytes_is(turn->rpc.method, "tools/call")) {
		relay_call(turn);
		return true;
	}
	if (request && bytes_is(turn->rpc.method, "initialize"))
		ask.id = turn->rpc.id;
	begin(turn, &ask);
	return true;
}

bool relay_other(struct turn *turn)
{
	const struct mount_ask ask = ask_of(turn);

	if (turn->only[0] == 0 || !mount_passes(turn->flow, turn->call, &ask))
		return false;
	begin(turn, &ask);
	return true;
}
