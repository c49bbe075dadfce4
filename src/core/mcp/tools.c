/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "core/mcp/inner.h"
#include "core/mcp/list.h"
#include "crypto/crypto.h"

enum { STATE_LEN = ID_LEN + 16, NAME_ROOM = 256 };

static const char state_label[] = "valetkey mcp requestState 1";

static struct list_view list_view_of(const struct turn *turn)
{
	return (struct list_view){ &turn->permit, turn->only[0] == 0 ? NULL : turn->only,
				   turn->era.modern };
}

void tools_list(struct turn *turn)
{
	const uint32_t node = doc_member(&turn->rpc.doc, turn->rpc.params, str("cursor"));
	const struct bytes cursor = rpc_text(&turn->rpc, "cursor");
	const struct list_view view = list_view_of(turn);
	struct dynbuf out;

	dynbuf_init(&out, MESSAGE_MAX);
	enum err err = node != DOC_NONE && cursor.n == 0
			       ? ERR_NOT_FOUND
			       : list_print(turn->flow, &view, cursor, &out);
	if (err == OK)
		answer_result(turn, dynbuf_view(&out), true);
	else if (err == ERR_NOT_FOUND)
		answer_error(turn, 200, RPC_INVALID_PARAMS, "Unknown cursor",
			     (struct bytes){ NULL, 0 });
	else
		answer_status(turn->flow, turn->call, err);
	dynbuf_done(&out);
}

static void unhang(struct mcp *mcp, struct held *held)
{
	if (!held->hung)
		return;
	if (held->prev != NULL)
		held->prev->next = held->next;
	else
		mcp->held = held->next;
	if (held->next != NULL)
		held->next->prev = held->prev;
	held->hung = false;
	mcp->held_n--;
}

static void hang(struct mcp *mcp, struct held *held)
{
	held->prev = NULL;
	held->next = mcp->held;
	if (mcp->held != NULL)
		mcp->held->prev = held;
	mcp->held = held;
	held->hung = true;
	mcp->held_n++;
}

/* The call's answer is on its way: what we kept of it goes. */
static void held_free(struct flow *flow, struct held *held)
{
	unhang(flow->mcp, held);
	held->call->gone = NULL;
	buf_free(&held->id);
	buf_free(&held->token);
	free(held);
}

/* Whatever is the last message: on the stream, or as the whole answer. */
static void answer_last(struct flow *flow, struct held *held, struct dynbuf *out)
{
	struct call *call = held->call;
	const bool begun = held->begun;

	if (dynbuf_err(out) != OK) {
		dynbuf_reset(out);
		rpc_error(buf_bytes(held->id), RPC_INTERNAL, "The result is too large",
			  (struct bytes){ NULL, 0 }, out);
	}
	held_free(flow, held);
	if (begun) {
		answer_event(flow, call, dynbuf_view(out));
		call_end(flow, call, true);
		return;
	}
	call_reset(call);
	answer_text(flow, call, 200, dynbuf_view(out));
}

static void print_text_block(struct dynbuf *out, struct bytes text)
{
	dynbuf_str(out, "\"content\":[{\"type\":\"text\",\"text\":");
	json_print_string(text, out);
	dynbuf_str(out, "}]");
}

/* structuredContent is an object in all versions before 2026-07-28. */
static void print_structured(struct dynbuf *out, struct bytes value, bool modern)
{
	if (value.n == 0)
		return;
	const bool bare = modern || value.p[0] == '{';
	dynbuf_str(out, bare ? ",\"structuredContent\":" : ",\"structuredContent\":{\"result\":");
	dynbuf_bytes(out, value);
	dynbuf_str(out, bare ? "" : "}");
}

static void answer_news(struct flow *flow, struct held *held, const struct toolcall_news *news,
			bool is_error)
{
	struct dynbuf out;

	dynbuf_init(&out, MESSAGE_MAX);
	rpc_result_begin(buf_bytes(held->id), &out);
	dynbuf_u8(&out, '{');
	if (news->content.n > 0) {
		dynbuf_str(&out, "\"content\":");
		dynbuf_bytes(&out, news->content);
	} else {
		print_text_block(&out, news->text);
	}
	print_structured(&out, news->structured, held->era.modern);
	dynbuf_printf(&out, ",\"isError\":%s", is_error ? "true" : "false");
	if (held->era.modern) {
		dynbuf_u8(&out, ',');
		answer_modern(&out, "complete", false);
	}
	dynbuf_str(&out, "}}");
	answer_last(flow, held, &out);
	dynbuf_done(&out);
}

static void answer_tool(struct flow *flow, struct held *held, struct bytes text)
{
	const struct toolcall_news news = { .text = text };

	answer_news(flow, held, &news, true);
}

static void state_mac(const struct flow *flow, const struct held *held, struct id approval,
		      uint8_t out[static MAC_LEN])
{
	const struct bytes parts[] = {
		{ (const uint8_t *)state_label, sizeof state_label },
		{ held->vault.b, ID_LEN },
		{ approval.b, ID_LEN },
		{ held->digest, sizeof held->digest },
	};

	mac(flow->text_key, parts, ARRAY_LEN(parts), out);
}

/* Bound to vault, name and arguments: it opens nothing for anybody else, or for another call. */
static void print_state(const struct flow *flow, const struct held *held, struct dynbuf *out)
{
	uint8_t state[STATE_LEN], whole[MAC_LEN];

	state_mac(flow, held, held->approval, whole);
	put(put(state, held->approval.b, ID_LEN), whole, STATE_LEN - ID_LEN);
	dynbuf_str(out, "\"requestState\":\"");
	base64url_print((struct bytes){ state, sizeof state }, out);
	dynbuf_u8(out, '"');
}

static bool read_state(const struct flow *flow, const struct held *held, struct bytes text,
		       struct id *ret)
{
	uint8_t state[STATE_LEN], whole[MAC_LEN];
	size_t n = 0;

	if (base64url_parse(text, state, sizeof state, &n) != OK || n != sizeof state)
		return false;
	memcpy(ret->b, state, ID_LEN);
	state_mac(flow, held, *ret, whole);
	return ct_eq((struct bytes){ state + ID_LEN, STATE_LEN - ID_LEN },
		     (struct bytes){ whole, STATE_LEN - ID_LEN });
}

/* The leg of a modern client ends: it comes again by itself, with the state. */
static void end_leg(struct flow *flow, struct held *held)
{
	struct dynbuf out;

	toolcall_leave(flow, &held->wait);
	dynbuf_init(&out, MESSAGE_MAX);
	rpc_result_begin(buf_bytes(held->id), &out);
	dynbuf_u8(&out, '{');
	print_state(flow, held, &out);
	dynbuf_u8(&out, ',');
	answer_modern(&out, "input_required", false);
	dynbuf_str(&out, "}}");
	answer_last(flow, held, &out);
	dynbuf_done(&out);
}

/* Before there were legs: the model is told, and the same call again goes on waiting. */
static void end_waiting(struct flow *flow, struct held *held)
{
	char id[ID_TEXT_MAX + 1], text[512];

	toolcall_leave(flow, &held->wait);
	const int n =
		snprintf(text, sizeof text,
			 "This call still waits for a person's decision (%s). Nothing was done "
			 "yet. Make the same call again to go on waiting.",
			 id_print("approval", held->approval, id));
	answer_tool(flow, held, (struct bytes){ (const uint8_t *)text, (size_t)n });
}

static void progress(struct flow *flow, struct held *held)
{
	struct dynbuf out;

	held->next_at = flow->boot + PROGRESS_EVERY_S * USEC_PER_S;
	if (held->token == NULL)
		return; /* gate keeps the stream alive */
	dynbuf_init(&out, 8192);
	dynbuf_str(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
			 "\"progressToken\":");
	dynbuf_bytes(&out, buf_bytes(held->token));
	dynbuf_printf(&out, ",\"progress\":%llu,\"message\":\"Waiting for a person's decision\"}}",
		      (unsigned long long)++held->progress);
	if (dynbuf_err(&out) == OK)
		answer_event(flow, held->call, dynbuf_view(&out));
	dynbuf_done(&out);
}

/* The client went. In the modern era that is its cancellation. */
static void on_gone(struct flow *flow, struct call *call)
{
	struct held *held = *(struct held **)call->mine;
	const bool begun = held->begun;

	toolcall_leave(flow, &held->wait);
	if (held->era.modern && !id_none(held->approval))
		err_ignore(toolcall_cancel(flow, NULL, held->tenant, held->vault, held->approval));
	held_free(flow, held);
	if (begun)
		call_end(flow, call, false);
	else
		call_answer(flow, call, 503);
}

static void told_held(struct flow *flow, struct held *held, const struct toolcall_news *news)
{
	held->approval = news->approval;
	held->begun = true;
	hang(flow->mcp, held);
	answer_stream(flow, held->call);
	progress(flow, held);
	if (flow->mcp->closing)
		held->came = 0; /* its leg ends with the next tick */
}

static const char *mend_code(enum err err)
{
	if (err == ERR_NOT_CONNECTED)
		return "not_connected";
	return err == ERR_REAUTH_REQUIRED ? "reauth_required" : NULL;
}

/* A page that a person has to open: the client is asked to show it, where it can. */
static void offer_page(struct flow *flow, struct held *held, const struct toolcall_news *news)
{
	const char *code = mend_code(news->err);
	char id[ID_TEXT_MAX + 1];
	struct dynbuf out;

	dynbuf_init(&out, MESSAGE_MAX);
	if (held->era.modern) {
		rpc_result_begin(buf_bytes(held->id), &out);
		dynbuf_str(&out,
			   "{\"inputRequests\":{\"connect\":{\"method\":\"elicitation/create\","
			   "\"params\":{\"mode\":\"url\"");
	} else {
		dynbuf_str(&out, "{\"jsonrpc\":\"2.0\",\"id\":");
		dynbuf_bytes(&out, buf_bytes(held->id));
		dynbuf_printf(&out,
			      ",\"error\":{\"code\":%d,\"message\":\"This request requires more "
			      "information.\",\"data\":{\"elicitations\":[{\"mode\":\"url\","
			      "\"elicitationId\":\"%s\"",
			      RPC_URL_ELICITATION, id_print("mend", id_new(), id));
	}
	dynbuf_printf(&out, ",\"url\":\"%smend/%s/%s\",\"message\":", flow->settings.issuer, code,
		      news->mend->service);
	json_print_string(news->text, &out);
	if (held->era.modern) {
		dynbuf_str(&out, "}}},");
		answer_modern(&out, "input_required", false);
		dynbuf_str(&out, "}}");
	} else {
		dynbuf_str(&out, "}]}}}");
	}
	answer_last(flow, held, &out);
	dynbuf_done(&out);
}

/* What stands in the way, and the page where a person removes it. */
static void answer_mend(struct flow *flow, struct held *held, const struct toolcall_news *news)
{
	struct dynbuf text;

	dynbuf_init(&text, MESSAGE_MAX);
	dynbuf_bytes(&text, news->text);
	dynbuf_printf(&text, " That page is %smend/%s/%s", flow->settings.issuer,
		      mend_code(news->err), news->mend->service);
	answer_tool(flow, held, dynbuf_view(&text));
	dynbuf_done(&text);
}

static void on_told(struct flow *flow, struct toolcall_wait *wait, const struct toolcall_news *news)
{
	struct held *held = container_of(wait, struct held, wait);

	if (news->state == TOOLCALL_HELD)
		told_held(flow, held, news);
	else if (mend_code(news->err) == NULL || news->mend == NULL || news->mend->service[0] == 0)
		answer_news(flow, held, news, news->err != OK || news->is_error);
	else if (held->era.asks_by_url)
		offer_page(flow, held, news);
	else
		answer_mend(flow, held, news);
}

static enum err held_new(struct turn *turn, struct held **ret)
{
	const uint32_t token = rpc_meta(&turn->rpc, "progressToken");
	struct held *held = calloc(1, sizeof *held);

	if (held == NULL)
		return FAULT_NOMEM;
	enum err err = buf_dup(turn->rpc.id, &held->id);
	if (err == OK && (doc_kind(&turn->rpc.doc, token) == DOC_STRING ||
			  doc_kind(&turn->rpc.doc, token) == DOC_NUMBER))
		err = buf_dup(doc_raw(&turn->rpc.doc, token), &held->token);
	void *mine = err == OK ? malloc(sizeof held) : NULL;
	if (mine == NULL) {
		buf_free(&held->id);
		buf_free(&held->token);
		free(held);
		return err == OK ? FAULT_NOMEM : err;
	}
	held->call = turn->call;
	held->tenant = turn->permit.vault.tenant;
	held->vault = turn->permit.vault.id;
	held->era = turn->era;
	held->came = turn->flow->boot;
	held->wait.told = on_told;
	held->wait.call = turn->call;
	if (turn->session != NULL)
		memcpy(held->session, turn->session->id, sizeof held->session);
	memcpy(mine, &held, sizeof held);
	turn->call->mine = mine;
	turn->call->mine_n = sizeof held;
	turn->call->gone = on_gone;
	*ret = held;
	return OK;
}

/* The member that the list has added goes; the others stay as they came. */
static enum err without_account(const struct doc *doc, uint32_t arguments, struct dynbuf *rest,
				struct dynbuf *account)
{
	bool first = true;

	dynbuf_u8(rest, '{');
	for (uint32_t name = arguments + 1; name < doc->nodes[arguments].next;
	     name = doc->nodes[name + 1].next) {
		if (doc_is(doc, name, str("account"))) {
			TRY(doc_string(doc, name + 1, account));
			continue;
		}
		dynbuf_str(rest, first ? "" : ",");
		dynbuf_bytes(rest, doc_raw(doc, name));
		dynbuf_u8(rest, ':');
		dynbuf_bytes(rest, doc_raw(doc, name + 1));
		first = false;
	}
	dynbuf_u8(rest, '}');
	TRY(dynbuf_err(account));
	return dynbuf_err(rest);
}

static void call_it(struct turn *turn, struct held *held, const struct listed *tool,
		    struct bytes arguments, struct bytes account)
{
	const struct toolcall_request request = {
		.tenant = held->tenant,
		.vault = held->vault,
		.address = turn->call->address,
		.origin = turn->call->request.address,
		.service = str(tool->service),
		.tool = tool->tool,
		.account = account,
		.arguments = arguments,
	};
	const struct bytes parts[] = { request.service, request.tool, account, arguments };
	const struct bytes state = rpc_text(&turn->rpc, "requestState");
	struct id approval;

	sha256(parts, ARRAY_LEN(parts), held->digest);
	if (!turn->era.modern || state.p == NULL) {
		toolcall_begin(turn->flow, &request, &held->wait);
	} else if (read_state(turn->flow, held, state, &approval)) {
		toolcall_rejoin(turn->flow, held->tenant, held->vault, approval, &held->wait);
	} else {
		held_free(turn->flow, held);
		answer_error(turn, 200, RPC_INVALID_PARAMS, "requestState is not one of this call",
			     (struct bytes){ NULL, 0 });
	}
}

static void call_listed(struct turn *turn, const struct listed *tool)
{
	const struct doc *doc = &turn->rpc.doc;
	const uint32_t node = doc_member(doc, turn->rpc.params, str("arguments"));
	scoped(dynbuf_done) struct dynbuf rest, account;
	struct held *held;

	dynbuf_init(&rest, MESSAGE_MAX);
	dynbuf_init(&account, ALIAS_MAX_BYTES);
	enum err err = call_keep(turn->call);
	if (err == OK && tool->has_account && node != DOC_NONE)
		err = without_account(doc, node, &rest, &account);
	if (err == OK)
		err = turn->flow->mcp->held_n >= HELD_MAX ? ERR_OVERLOADED : held_new(turn, &held);
	if (err != OK) {
		answer_status(turn->flow, turn->call, err);
		return;
	}
	call_it(turn, held, tool,
		rest.n > 0	   ? dynbuf_view(&rest)
		: node == DOC_NONE ? str("{}")
				   : doc_raw(doc, node),
		account.n > 0 ? dynbuf_view(&account) : turn->account);
}

void tools_call(struct turn *turn)
{
	const struct doc *doc = &turn->rpc.doc;
	const uint32_t arguments = doc_member(doc, turn->rpc.params, str("arguments"));
	const struct bytes name = rpc_text(&turn->rpc, "name");
	const struct list_view view = list_view_of(turn);
	char message[NAME_ROOM];
	struct listed tool;

	if (name.p == NULL || (arguments != DOC_NONE && doc_kind(doc, arguments) != DOC_OBJECT)) {
		answer_error(turn, 200, RPC_INVALID_PARAMS,
			     name.p == NULL ? "params.name is missing" : "arguments is no object",
			     (struct bytes){ NULL, 0 });
		return;
	}
	const enum err err = list_find(turn->flow, &view, name, &tool);
	if (err == OK) {
		call_listed(turn, &tool);
	} else if (err == ERR_NOT_FOUND) {
		snprintf(message, sizeof message, "Unknown tool: %.*s",
			 (int)(name.n < LIST_NAME_MAX ? name.n : LIST_NAME_MAX),
			 (const char *)name.p);
		answer_error(turn, 200, RPC_INVALID_PARAMS, message, (struct bytes){ NULL, 0 });
	} else {
		answer_status(turn->flow, turn->call, err);
	}
}

/* Not answered any more, and the question to the person is withdrawn. */
void tools_cancel(struct turn *turn)
{
	struct flow *flow = turn->flow;
	const struct bytes id = doc_raw(
		&turn->rpc.doc, doc_member(&turn->rpc.doc, turn->rpc.params, str("requestId")));

	for (struct held *held = flow->mcp->held; held != NULL; held = held->next) {
		struct call *call = held->call;
		if (turn->session == NULL || strcmp(held->session, turn->session->id) != 0 ||
		    !bytes_eq(buf_bytes(held->id), id))
			continue;
		toolcall_leave(flow, &held->wait);
		err_ignore(toolcall_cancel(flow, NULL, held->tenant, held->vault, held->approval));
		held_free(flow, held);
		call_end(flow, call, true);
		return;
	}
}

static void end_hold(struct flow *flow, struct held *held)
{
	if (held->era.modern)
		end_leg(flow, held);
	else
		end_waiting(flow, held);
}

void tools_close(struct flow *flow)
{
	while (flow->mcp->held != NULL)
		end_hold(flow, flow->mcp->held);
}

void tools_tick(struct flow *flow)
{
	struct held *next;

	for (struct held *held = flow->mcp->held; held != NULL; held = next) {
		next = held->next;
		const usec_t since = (flow->boot - held->came) / USEC_PER_S;
		const usec_t limit = held->era.modern || held->token == NULL ? LEG_S : FOLLOWED_S;

		if (since >= limit)
			end_hold(flow, held);
		else if (flow->boot >= held->next_at)
			progress(flow, held);
	}
}
