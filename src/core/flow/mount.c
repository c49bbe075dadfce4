/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/mount.h"

#include <stdlib.h>

#include "codec/base64.h"
#include "core/catalog/service.h"
#include "core/flow/ask.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/places.h"
#include "core/flow/rejected.h"
#include "core/flow/remote.h"
#include "core/flow/spend.h"
#include "core/flow/toolcase.h"
#include "crypto/crypto.h"

enum {
	STREAM_MS = 3600 * 1000,
	HELD_ANSWER_MAX = 64 * 1024, /* of a 401 that core sees to */
	INITIALIZE_MS = 18000,
	INITIALIZE_MAX = 256 * 1024,
	LIST_AGE_S = 60,
	MARK_LEN = 16,
	MARK_TEXT = 2 * MARK_LEN,
};

/* A request under way; freed when the call is answered. */
struct mount {
	struct permit permit;
	char service[SERVICE_ID_LEN + 1], account[ALIAS_MAX_BYTES + 1];
	char tool[APPROVAL_TOOL_MAX + 1];
	struct id intent;
	uint64_t number;   /* of the stream under way; 0: none */
	uint64_t version;  /* of the token that is used */
	uint64_t rpc;	   /* of `initialize`, as it is sent on */
	struct buf *id;	   /* of `initialize`, as it came; NULL: another request */
	bool spent, again; /* limits; after a 401 */
	struct place place;
};

static void run(struct flow *flow, struct call *call);

/* What is looked at in one batch. */
struct look {
	const struct service *service;
	struct toolcase tool;
	struct policy_use use;
	struct bytes arguments;
	struct doc body;
};

static void look_done(struct look *look)
{
	toolcase_done(&look->tool);
	doc_done(&look->body);
}

static struct bytes origin_of(const struct call *call)
{
	const struct bytes none = { NULL, 0 };

	return call->request.address.n == 16 ? call->request.address : none;
}

static enum err look_at_tool(struct flow *flow, const struct call *call,
			     const struct mount_ask *ask, struct permit *permit, struct look *ret)
{
	const struct toolcase_ask wanted = {
		.tenant = permit->vault.tenant,
		.vault = permit->vault.id,
		.origin = origin_of(call),
		.service = ask->service,
		.tool = ask->tool,
		.account = ask->account,
		.arguments = ask->arguments,
	};

	TRY(toolcase_look(flow, &wanted, permit, &ret->tool));
	ret->service = ret->tool.service;
	ret->use = ret->tool.use;
	return ret->tool.wants_n == 0 && ret->tool.verdict.effect == POLICY_ALLOW
		       ? OK
		       : ERR_APPROVAL_REQUIRED;
}

/* Prompts, resources and what belongs to a conversation: raw requests that read. */
static enum err look_at_rest(struct flow *flow, const struct call *call,
			     const struct mount_ask *ask, struct permit *permit, struct look *ret)
{
	struct policy_verdict verdict = { .effect = POLICY_BLOCK };

	TRY(permit_again(flow, permit->vault.tenant, permit->vault.id, permit));
	TRY(compiled_service(flow, permit->vault.tenant, ask->service, &ret->service));
	ret->use = (struct policy_use){
		.service = ask->service,
		.class = POLICY_READ,
		.address = origin_of(call).p,
		.now = flow->now,
	};
	TRY(policy_decide(permit->policy, &ret->use, &verdict));
	if (verdict.effect != POLICY_ALLOW)
		return ERR_APPROVAL_REQUIRED;
	if (service_open(ret->service))
		return OK;
	return permit_account(flow, permit, ask->service, ask->account);
}

/* The agent is of the grant that the client has shown, which the vault's row does not know. */
static enum err look(struct flow *flow, const struct call *call, const struct mount_ask *ask,
		     struct permit *permit, struct look *ret)
{
	const struct id agent = permit->agent;

	const enum err err = ask->tool.n > 0 ? look_at_tool(flow, call, ask, permit, ret)
					     : look_at_rest(flow, call, ask, permit, ret);
	permit->agent = agent;
	TRY(err);
	return ret->service->mcp.url.n > 0 ? OK : ERR_NOT_FOUND;
}

bool mount_passes(struct flow *flow, const struct call *call, const struct mount_ask *ask)
{
	scoped(look_done) struct look found = { 0 };
	const struct mount_ask rest = { .service = ask->service, .account = ask->account };
	struct permit permit = *ask->permit;

	if (look(flow, call, &rest, &permit, &found) != OK)
		return false;
	return ask->tool.n == 0 || look(flow, call, ask, &permit, &found) == OK;
}

static void call_record(const struct flow *flow, const struct call *call, const struct mount *m,
			uint8_t outcome, struct ipc_record *ret)
{
	permit_record(flow, call, &m->permit, EVENT_call, outcome, ret);
	ret->service = str(m->service);
	ret->tool = str(m->tool);
	ret->ref = m->intent;
}

static void refuse(struct flow *flow, struct call *call, struct mount *m, enum err err)
{
	buf_free(&m->id);
	call->done(flow, call, err, NULL);
}

static void deny(struct flow *flow, struct call *call, struct mount *m, enum err err)
{
	struct ipc_record record;

	m->intent = (struct id){ { 0 } };
	call_record(flow, call, m, OUTCOME_DENIED, &record);
	refuse(flow, call, m, permit_deny(flow, call, &m->permit, &record, err));
}

static void note_outcome(struct flow *flow, const struct call *call, const struct mount *m,
			 const struct ask_answer *answer)
{
	static const uint8_t outcomes[] = {
		[ASK_ANSWERED] = OUTCOME_OK,
		[ASK_NOT_SENT] = OUTCOME_FAILED,
		[ASK_UNKNOWN] = OUTCOME_UNKNOWN,
		[ASK_UNUSABLE] = OUTCOME_FAILED,
	};
	struct ipc_record record;

	call_record(flow, call, m, outcomes[answer->outcome], &record);
	if (answer->outcome != ASK_ANSWERED)
		record.reason = answer->err > OK ? (uint16_t)answer->err : ERR_SERVER;
	record.status = answer->reply.status;
	record.bytes = answer->reply.bytes;
	record.duration_us = answer->reply.duration_us;
	flow->count[answer->outcome == ASK_ANSWERED ? COUNT_CALLS : COUNT_CALL_FAILURES]++;
	err_ignore(flow_note(flow, NULL, &record)); /* one without an end becomes unknown */
}

/* Ours before the server's: the first half of a MAC over whose it is. */
static void print_mark(const struct flow *flow, const struct mount *m, struct bytes session,
		       struct dynbuf *out)
{
	uint8_t whole[MAC_LEN];
	const struct bytes parts[] = {
		str("valetkey mount session 1"),
		{ m->permit.vault.id.b, ID_LEN },
		{ m->permit.agent.b, ID_LEN },
		{ m->permit.connection.id.b, ID_LEN },
		str(m->service),
		str("\n"),
		session,
	};

	mac(flow->text_key, parts, ARRAY_LEN(parts), whole);
	hex_print((struct bytes){ whole, MARK_LEN }, out);
}

/* The server's own session id of the client's header; n = 0: the client has none. ERR_NOT_FOUND: it
 * is not one of this client's. */
static enum err read_session(const struct flow *flow, const struct call *call,
			     const struct mount *m, struct bytes *ret)
{
	const struct bytes sent = ipc_headers_find(call->request.headers, "mcp-session-id");
	uint8_t room[MARK_TEXT];
	struct dynbuf mark = { .p = room, .room = sizeof room, .max = sizeof room };

	*ret = (struct bytes){ NULL, 0 };
	if (sent.p == NULL)
		return OK;
	if (sent.n <= MARK_TEXT || sent.n > MARK_TEXT + WIRE_SESSION_MAX)
		return ERR_NOT_FOUND;
	const struct bytes session = { sent.p + MARK_TEXT, sent.n - MARK_TEXT };
	print_mark(flow, m, session, &mark);
	TRY(dynbuf_err(&mark));
	if (!ct_eq((struct bytes){ sent.p, MARK_TEXT }, dynbuf_view(&mark)))
		return ERR_NOT_FOUND;
	*ret = session;
	return OK;
}

static uint64_t key_of(struct bytes session)
{
	uint8_t hash[SHA256_LEN];

	sha256_one(session, hash);
	return get_u64(hash) | 1;
}

/* From a full table all go: the servers still know which sessions they have. */
static void note_ended(struct flow *flow, const struct call *call)
{
	const struct bytes sent = ipc_headers_find(call->request.headers, "mcp-session-id");

	if (call->request.method != HTTP_DELETE || sent.p == NULL)
		return;
	if (flow->mounts_ended.n == flow->mounts_ended.max) {
		map_done(&flow->mounts_ended);
		map_init(&flow->mounts_ended, FLOW_OPS_MAX);
	}
	err_ignore(map_put(&flow->mounts_ended, key_of(sent), flow));
}

bool mount_session_ok(struct flow *flow, const struct call *call, const struct mount_ask *ask)
{
	const struct bytes sent = ipc_headers_find(call->request.headers, "mcp-session-id");
	const struct mount_ask rest = { .service = ask->service, .account = ask->account };
	scoped(look_done) struct look found = { 0 };
	struct mount m = { .permit = *ask->permit };
	struct bytes session;

	if (sent.p == NULL)
		return true;
	return bytes_str(ask->service, m.service, sizeof m.service) == OK &&
	       look(flow, call, &rest, &m.permit, &found) == OK &&
	       read_session(flow, call, &m, &session) == OK &&
	       map_find(&flow->mounts_ended, key_of(sent)) == NULL;
}

static bool goes_on(struct bytes name)
{
	static const char *const names[] = { "accept",	   "content-type", "mcp-protocol-version",
					     "mcp-method", "mcp-name",	   "last-event-id" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (bytes_is(name, names[i]))
			return true;
	return bytes_starts(name, "mcp-param-");
}

static enum err print_headers(const struct flow *flow, const struct call *call,
			      const struct mount *m, struct dynbuf *out)
{
	struct bytes list = call->request.headers, item, session;
	struct ipc_header line;

	TRY(read_session(flow, call, m, &session));
	while (ipc_list_next(&list, &item) == OK)
		if (ipc_header_decode(item, &line) == OK && goes_on(line.name))
			IPC_LIST_ADD(out, header, &line);
	if (session.n > 0)
		ipc_headers_add(out, "mcp-session-id", session);
	return dynbuf_err(out);
}

struct packed {
	struct dynbuf url, headers, body;
	struct errand_api api;
};

static void packed_done(struct packed *p)
{
	dynbuf_done(&p->url);
	dynbuf_done(&p->headers);
	dynbuf_done(&p->body);
	dynbuf_done(&p->api.placements);
}

/* The id is ours, so that the answer can be told from what else is on a stream. */
static enum err pack_initialize(struct flow *flow, struct mount *m, const struct look *found,
				struct dynbuf *out)
{
	const uint32_t params = doc_member(&found->body, 0, str("params"));

	m->rpc = ++flow->remote_ids;
	dynbuf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"initialize\",\"params\":",
		      (unsigned long long)m->rpc);
	dynbuf_bytes(out, params == DOC_NONE ? str("{}") : doc_raw(&found->body, params));
	dynbuf_u8(out, '}');
	return dynbuf_err(out);
}

static enum err pack(struct flow *flow, const struct call *call, struct mount *m,
		     const struct look *found, struct packed *p)
{
	dynbuf_init(&p->url, IPC_TARGET_MAX);
	dynbuf_init(&p->headers, IPC_HEADERS_MAX);
	dynbuf_init(&p->body, IPC_BODY_MAX);
	dynbuf_bytes(&p->url, found->service->mcp.url);
	if (!service_open(found->service))
		TRY(errand_api(flow, found->service, &m->permit.connection, &p->url, &p->api));
	TRY(dynbuf_err(&p->url));
	TRY(print_headers(flow, call, m, &p->headers));
	if (m->id != NULL)
		return pack_initialize(flow, m, found, &p->body);
	dynbuf_bytes(&p->body, call->request.body);
	return dynbuf_err(&p->body);
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer);

static enum err send(struct flow *flow, struct call *call, struct mount *m,
		     const struct look *found)
{
	scoped(packed_done) struct packed packed = { 0 };
	const bool whole = m->id != NULL;
	struct ipc_record record;

	TRY(pack(flow, call, m, found, &packed));
	note_ended(flow, call);
	m->number = whole ? 0 : ask_number();
	m->version = m->permit.connection.version;
	m->intent = (struct id){ { 0 } };
	call_record(flow, call, m, OUTCOME_INTENT, &record);
	m->intent = record.event;
	const struct ipc_courier_call out = {
		.method = call->request.method,
		.body_kind = packed.body.n > 0 ? BODY_RAW : BODY_NONE,
		.timeout_ms = whole ? INITIALIZE_MS : STREAM_MS,
		.answer_max = whole ? INITIALIZE_MAX : HELD_ANSWER_MAX,
		.stream = m->number,
		.hold = !whole && !m->again,
		.upload_bytes = 0,
		.rpc = whole ? m->rpc : 0,
		.url = dynbuf_view(&packed.url),
		.headers = dynbuf_view(&packed.headers),
		.body = dynbuf_view(&packed.body),
		.placements = dynbuf_view(&packed.api.placements),
	};
	return whole ? ask_begin(flow, &out, &record, packed.api.items, packed.api.items_n,
				 on_answer, call)
		     : ask_stream(flow, call, &out, &record, packed.api.items, packed.api.items_n,
				  on_answer, call);
}

static void on_remote(struct flow *flow, void *ctx, enum err err)
{
	struct call *call = ctx;

	if (err == OK)
		run(flow, call);
	else
		deny(flow, call, call->mine, err);
}

/* A tool is held against what the server lists now. */
static enum err see_to_list(struct flow *flow, struct call *call, struct mount *m,
			    const struct look *found, bool *ret_waits)
{
	const struct remote_of of = { m->permit.vault.tenant, found->service,
				      service_open(found->service) ? NULL : &m->permit.connection };

	*ret_waits = false;
	return m->tool[0] == 0 ? OK
			       : remote_ready(flow, &of, LIST_AGE_S * USEC_PER_S, on_remote, call,
					      ret_waits);
}

static enum err step(struct flow *flow, struct call *call, struct mount *m, bool *ret_waits)
{
	scoped(look_done) struct look found = { 0 };
	struct mount_ask ask = { &m->permit,   str(m->service), str(m->account),
				 str(m->tool), { NULL, 0 },	{ NULL, 0 } };

	if (call->request.body.n > 0)
		TRY(doc_read(call->request.body, &found.body));
	if (m->tool[0] != 0)
		ask.arguments =
			doc_raw(&found.body, doc_pointer(&found.body, str("/params/arguments")));
	TRY(look(flow, call, &ask, &m->permit, &found));
	if (!service_open(found.service))
		TRY(permit_fresh(flow, call, &m->permit, run, ret_waits));
	if (!*ret_waits)
		TRY(see_to_list(flow, call, m, &found, ret_waits));
	if (*ret_waits)
		return OK;
	TRY(place_take(flow, m->permit.vault.id, call->request.body.n, &m->place));
	enum err err = m->spent ? OK : spend_limits(flow, &m->permit, &found.use);
	m->spent = true;
	if (err == OK)
		err = send(flow, call, m, &found);
	if (err != OK)
		place_leave(flow, &m->place);
	return err;
}

static void run(struct flow *flow, struct call *call)
{
	struct mount *m = call->mine;
	bool waits = false;

	if (call->gate_id == 0) {
		buf_free(&m->id);
		call_streamed(flow, call);
		return;
	}
	const enum err err = step(flow, call, m, &waits);
	if (err != OK)
		deny(flow, call, m, err);
}

static void once_more(struct flow *flow, struct call *call, struct mount *m)
{
	m->again = true;
	m->permit.refreshed = false;
	run(flow, call);
}

static void on_settled(struct flow *flow, void *ctx, enum err err)
{
	struct call *call = ctx;

	if (err == OK || err == ERR_PROVIDER_UNAVAILABLE)
		once_more(flow, call, call->mine);
	else
		refuse(flow, call, call->mine, err);
}

/* The server refused the token: the client is not told so, for it would take it for ours. */
static void see_to_token(struct flow *flow, struct call *call, struct mount *m)
{
	struct connection_row row;
	enum err err = m->again ? ERR_REAUTH_REQUIRED
				: store_connection_get(flow->store, m->permit.vault.tenant,
						       m->permit.mend.connection, &row);

	if (err == OK)
		err = rejected_settle(flow, &row, m->version, on_settled, call);
	if (err == ERR_PROVIDER_UNAVAILABLE)
		once_more(flow, call, m);
	else if (err != OK)
		refuse(flow, call, m, err);
}

static bool session_ok(struct bytes session)
{
	for (size_t i = 0; i < session.n; i++)
		if (session.p[i] < 0x21 || session.p[i] > 0x7e)
			return false;
	return session.n > 0 && session.n <= WIRE_SESSION_MAX;
}

/* The server's answer under the client's id, its session under our mark. */
static enum err answer_initialize(struct flow *flow, struct call *call, struct mount *m,
				  const struct ipc_courier_answer *reply)
{
	const struct bytes session = ipc_headers_find(reply->headers, "mcp-session-id");
	struct wire_answer said;
	struct dynbuf name;

	enum err err = wire_read(reply->body, m->rpc, &said);
	const uint32_t error = err == OK ? doc_member(&said.doc, 0, str("error")) : DOC_NONE;
	call_reset(call);
	dynbuf_str(&call->body, "{\"jsonrpc\":\"2.0\",\"id\":");
	dynbuf_bytes(&call->body, buf_bytes(m->id));
	dynbuf_str(&call->body, error == DOC_NONE ? ",\"result\":" : ",\"error\":");
	if (err == OK)
		dynbuf_bytes(&call->body,
			     doc_raw(&said.doc, error == DOC_NONE ? said.result : error));
	dynbuf_u8(&call->body, '}');
	wire_done(&said);
	dynbuf_init(&name, MARK_TEXT + WIRE_SESSION_MAX);
	if (session_ok(session)) {
		print_mark(flow, m, session, &name);
		dynbuf_bytes(&name, session);
		call_header(call, "mcp-session-id", dynbuf_view(&name));
	}
	if (err == OK)
		err = dynbuf_err(&name);
	dynbuf_done(&name);
	call_header(call, "content-type", str("application/json"));
	call_header(call, "cache-control", str("no-store"));
	return err == OK ? dynbuf_err(&call->body) : ERR_PROVIDER_REFUSED;
}

static void take_initialize(struct flow *flow, struct call *call, struct mount *m,
			    const struct ask_answer *answer)
{
	const unsigned status = answer->reply.status;

	if (answer->outcome == ASK_ANSWERED && status == 401) {
		see_to_token(flow, call, m);
		return;
	}
	const enum err err = answer->outcome == ASK_ANSWERED
				     ? answer_initialize(flow, call, m, &answer->reply)
				     : ERR_PROVIDER_UNAVAILABLE;
	if (err != OK) {
		refuse(flow, call, m, err);
		return;
	}
	buf_free(&m->id);
	call_answer(flow, call, status);
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct call *call = journey;
	struct mount *m = call->mine;
	const bool begun = answer->reply.status != 0 && answer->outcome != ASK_UNUSABLE;

	m->number = 0;
	place_leave(flow, &m->place);
	note_outcome(flow, call, m, answer);
	if (m->id != NULL && call->gate_id != 0) {
		take_initialize(flow, call, m, answer);
		return;
	}
	buf_free(&m->id);
	if (call->gate_id == 0 || (begun && (m->again || answer->reply.status != 401)))
		call_streamed(flow, call);
	else if (begun)
		see_to_token(flow, call, m);
	else
		refuse(flow, call, m, answer->outcome == ASK_UNKNOWN ? ERR_UNCERTAIN : answer->err);
}

static void on_gone(struct flow *flow, struct call *call)
{
	const struct mount *m = call->mine;

	if (m->number != 0)
		ask_cancel(flow, m->number);
}

static enum err mount_fill(struct call *call, const struct mount_ask *ask, struct mount *m)
{
	m->permit = *ask->permit;
	m->permit.connection = (struct connection_row){ 0 };
	TRY(bytes_str(ask->service, m->service, sizeof m->service));
	TRY(bytes_str(ask->service, m->permit.mend.service, sizeof m->permit.mend.service));
	TRY(bytes_str(ask->account, m->account, sizeof m->account));
	TRY(bytes_str(ask->tool, m->tool, sizeof m->tool));
	if (ask->id.n > 0)
		TRY(buf_dup(ask->id, &m->id));
	return call_keep(call);
}

void mount_begin(struct flow *flow, struct call *call, const struct mount_ask *ask)
{
	struct mount *m = calloc(1, sizeof *m);

	if (m == NULL) {
		call->done(flow, call, FAULT_NOMEM, NULL);
		return;
	}
	const enum err err = mount_fill(call, ask, m);
	call->mine = m;
	call->mine_n = sizeof *m;
	if (err != OK) {
		refuse(flow, call, m, err);
		return;
	}
	call->gone = on_gone;
	run(flow, call);
}
