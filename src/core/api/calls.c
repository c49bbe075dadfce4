/* SPDX-License-Identifier: Apache-2.0 */
/* Tool calls for agents without MCP: the vault's token, one request, one answer or a number to ask
 * for it with. */
#include "core/flow/toolcall.h"

#include <stdlib.h>

#include "codec/doc.h"
#include "core/api/reply.h"
#include "core/flow/bearer.h"

/* call->mine */
struct api_call {
	struct toolcall_wait wait;
	bool stays; /* until it is decided, and not only told that it waits */
};

static void print_string(struct dynbuf *out, const char *name, struct bytes text)
{
	dynbuf_printf(out, ",\"%s\":", name);
	json_print_string(text, out);
}

static void print_approval(struct dynbuf *out, struct id approval)
{
	char text[ID_TEXT_MAX + 1];

	if (!id_none(approval))
		print_string(out, "approval", str(id_print("approval", approval, text)));
}

static void answer_held(struct flow *flow, struct call *call, const struct toolcall_news *news)
{
	char time[CLOCK_TEXT_LEN + 1];
	struct dynbuf *out = &call->body;

	clock_print(news->expires, time);
	dynbuf_str(out, "{\"state\":\"held\"");
	print_approval(out, news->approval);
	print_string(out, "expires", str(time));
	dynbuf_printf(out, ",\"step_up\":%s}", news->step_up ? "true" : "false");
	call_header(call, "retry-after", str("5"));
	reply_text(flow, call, 202, "application/json", dynbuf_view(out));
}

static void answer_refused(struct flow *flow, struct call *call, const struct toolcall_news *news)
{
	char *detail = strndup((const char *)news->text.p, news->text.n);

	free(call->detail);
	call->detail = detail;
	reply_problem(flow, call, news->err, detail);
}

static void answer_done(struct flow *flow, struct call *call, const struct toolcall_news *news)
{
	struct dynbuf *out = &call->body;

	if (news->err != OK) {
		answer_refused(flow, call, news);
		return;
	}
	dynbuf_printf(out, "{\"state\":\"done\",\"is_error\":%s",
		      news->is_error ? "true" : "false");
	print_approval(out, news->approval);
	print_string(out, "text", news->text);
	if (news->structured.n > 0) {
		dynbuf_str(out, ",\"structured\":");
		dynbuf_bytes(out, news->structured);
	}
	dynbuf_u8(out, '}');
	reply_text(flow, call, 200, "application/json", dynbuf_view(out));
}

static void on_told(struct flow *flow, struct toolcall_wait *wait, const struct toolcall_news *news)
{
	struct api_call *mine = container_of(wait, struct api_call, wait);
	struct call *call = wait->call;

	if (news->state == TOOLCALL_HELD && mine->stays)
		return;
	call->gone = NULL;
	if (news->state == TOOLCALL_HELD) {
		toolcall_leave(flow, wait);
		answer_held(flow, call, news);
		return;
	}
	answer_done(flow, call, news);
}

/* The client went away: what was begun goes on, and can be asked for. */
static void on_gone(struct flow *flow, struct call *call)
{
	struct api_call *mine = call->mine;

	toolcall_leave(flow, &mine->wait);
	call_answer(flow, call, 503);
}

static enum err prepare(struct call *call, bool stays, struct toolcall_wait **ret)
{
	struct api_call *mine = calloc(1, sizeof *mine);

	if (mine == NULL)
		return FAULT_NOMEM;
	call->mine = mine;
	call->mine_n = sizeof *mine;
	mine->stays = stays;
	mine->wait.told = on_told;
	mine->wait.call = call;
	call->gone = on_gone;
	*ret = &mine->wait;
	return call_keep(call);
}

static enum err who(struct flow *flow, struct call *call, struct permit *permit)
{
	struct ipc_record record;

	enum err err = bearer_permit(flow, call, GRANTS_SCOPE_MCP, permit);
	if (err == OK)
		return OK;
	if (err != ERR_UNAUTHORIZED) {
		permit_record(flow, call, permit, EVENT_call, OUTCOME_DENIED, &record);
		err = permit_deny(flow, call, permit, &record, err);
	}
	if (err_row(err)->status == 401 || err == ERR_TOKEN_SCOPE) {
		bearer_challenge(flow, call, err, str(""), GRANTS_SCOPE_MCP);
		reply_problem(flow, call, err, NULL);
	}
	return err;
}

/* The arguments as they came: what is approved are these bytes. */
static enum err raw_member(struct bytes body, const char *name, struct bytes *ret)
{
	struct doc doc = { 0 };

	TRY(doc_read(body, &doc));
	const uint32_t node = doc_member(&doc, 0, str(name));
	*ret = doc_raw(&doc, node);
	const enum err err =
		node == DOC_NONE || doc_kind(&doc, node) == DOC_OBJECT ? OK : ERR_INVALID_ARGUMENTS;
	doc_done(&doc);
	return err;
}

enum err post_call(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "service",	  "tool",   "account",
					     "arguments", "reason", "wait" };
	scoped(json_free) json_t *body = NULL;
	struct toolcall_request request = { 0 };
	struct permit permit = { 0 };
	struct toolcall_wait *wait;

	(void)in;
	TRY(who(flow, call, &permit));
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	const bool stays = json_is_true(json_object_get(body, "wait"));
	TRY(prepare(call, stays, &wait));
	TRY(raw_member(call->request.body, "arguments", &request.arguments));
	request.tenant = permit.vault.tenant;
	request.vault = permit.vault.id;
	request.address = call->address;
	request.origin = call->request.address;
	request.service = json_str(body, "service");
	request.tool = json_str(body, "tool");
	request.account = json_str(body, "account");
	request.reason = json_str(body, "reason");
	request.asynchronous = !stays;
	toolcall_begin(flow, &request, wait);
	return OK;
}

static enum err call_id(const struct api_in *in, struct id *ret)
{
	return id_parse("approval", in->vars[0], ret) == OK ? OK : ERR_NOT_FOUND;
}

enum err get_call(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct permit permit = { 0 };
	struct toolcall_wait *wait;
	struct id id;

	TRY(who(flow, call, &permit));
	TRY(call_id(in, &id));
	TRY(prepare(call, bytes_is(form_find(&in->query, "wait"), "true"), &wait));
	toolcall_rejoin(flow, permit.vault.tenant, permit.vault.id, id, wait);
	return OK;
}

enum err delete_call(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct permit permit = { 0 };
	struct id id;

	TRY(who(flow, call, &permit));
	TRY(call_id(in, &id));
	TRY(toolcall_cancel(flow, call, permit.vault.tenant, permit.vault.id, id));
	call_answer(flow, call, 204);
	return OK;
}
