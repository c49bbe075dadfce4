/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/proxy.h"
#include "core/flow/context.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/catalog/service.h"
#include "core/flow/ask.h"
#include "core/flow/bearer.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/places.h"
#include "core/flow/recognise.h"
#include "core/flow/rejected.h"
#include "core/flow/spend.h"
#include "core/policy/policy.h"

enum {
	STREAM_MS = 3600 * 1000,
	HELD_ANSWER_MAX = 64 * 1024, /* of a 401 that core sees to */
	REST_MAX_S = 3600,
	INSTEAD_MAX = 64 * 1024,
};

/* A request under way; freed when the call is answered. */
struct proxy {
	struct permit permit;
	struct id intent;
	uint64_t number;  /* of the stream under way; 0: none */
	uint64_t version; /* of the token that is used */
	struct place place;
	bool spent, again; /* limits; after a 401 */
	bool asked;	   /* the provider, whether what is reached is public */
	char tool[POLICY_TOOL_MAX + 1];
	struct buf *instead; /* from the decision until it is told */
};

static void run(struct flow *flow, struct call *call);

enum err proxy_split(struct bytes target, struct proxy_target *ret)
{
	static const char prefix[] = "/proxy/";
	struct bytes rest = target;

	if (!bytes_starts(target, prefix))
		return ERR_NO_ROUTE;
	rest.p += sizeof prefix - 1;
	rest.n -= sizeof prefix - 1;
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (n == 0 || n == rest.n || rest.p[n] != '/')
		return ERR_NO_ROUTE;
	struct bytes name = { rest.p, n };
	ret->service = bytes_cut(&name, '@');
	ret->account = name;
	ret->rest = (struct bytes){ rest.p + n, rest.n - n };
	/* "github@" is no second name of "github". */
	return ret->service.n == 0 || (ret->account.n == 0 && ret->service.n != n) ? ERR_NO_ROUTE
										   : OK;
}

static uint64_t key_of(struct id id)
{
	const uint64_t key = get_u64(id.b + 8);

	return key == 0 ? 1 : key;
}

static void *as_value(uint64_t n)
{
	return (void *)(uintptr_t)n; /* the maps hold numbers, not pointers */
}

/* A provider that said when to come back is not asked before. */
static enum err check_rest(struct flow *flow, struct permit *permit)
{
	const uint64_t key = key_of(permit->connection.id);
	const usec_t until = (usec_t)(uintptr_t)map_find(&flow->resting, key);

	if (until == 0)
		return OK;
	if (until <= flow->boot) {
		(void)map_del(&flow->resting, key);
		return OK;
	}
	permit->mend.retry_after_s = (until - flow->boot + USEC_PER_S - 1) / USEC_PER_S;
	return ERR_RATE_LIMITED;
}

/* 429 and 503 with a Retry-After in seconds (RFC 9110 10.2.3); a date is the client's to read. */
static void note_rest(struct flow *flow, const struct permit *permit,
		      const struct ipc_courier_answer *reply)
{
	const struct bytes text = ipc_headers_find(reply->headers, "retry-after");
	uint64_t seconds;

	if ((reply->status != 429 && reply->status != 503) ||
	    bytes_u64(text, UINT32_MAX, &seconds) != OK || seconds == 0)
		return;
	seconds = seconds > REST_MAX_S ? REST_MAX_S : seconds;
	const usec_t until = flow->boot + seconds * USEC_PER_S;
	/* From a full table, what is over goes with the rest: providers say it again. */
	if (flow->resting.n == flow->resting.max) {
		map_done(&flow->resting);
		map_init(&flow->resting, FLOW_OPS_MAX);
	}
	err_ignore(map_put(&flow->resting, key_of(permit->mend.connection), as_value(until)));
}

static enum err print_instead(const struct proxy_target *target, const struct recognised *found,
			      struct buf **ret)
{
	struct dynbuf text;

	dynbuf_init(&text, INSTEAD_MAX);
	dynbuf_str(&text, "{\"service\":");
	json_print_string(target->service, &text);
	dynbuf_str(&text, ",\"tool\":");
	json_print_string(found->use.tool, &text);
	if (target->account.n > 0) {
		dynbuf_str(&text, ",\"account\":");
		json_print_string(target->account, &text);
	}
	dynbuf_str(&text, ",\"arguments\":");
	dynbuf_bytes(&text, dynbuf_view(&found->found.args));
	dynbuf_str(&text, "}");
	enum err err = dynbuf_err(&text);
	if (err == OK)
		err = buf_dup(dynbuf_view(&text), ret);
	dynbuf_done(&text);
	return err;
}

/* All that an MCP server can do is behind one address, and which of its tools there are for agents
 * is decided elsewhere: as a raw request it takes nothing but a ping. */
static enum err check_remote(const struct service *service, const struct call *call)
{
	struct doc doc = { 0 };

	if (service->mcp.url.n == 0)
		return OK;
	const bool pings = call->request.method == HTTP_POST && call->request.more == 0 &&
			   doc_read(call->request.body, &doc) == OK &&
			   doc_is(&doc, doc_member(&doc, 0, str("method")), str("ping"));
	doc_done(&doc);
	return pings ? OK : ERR_DENIED;
}

static enum err decide(struct flow *flow, struct call *call, struct proxy *p,
		       struct recognised *found)
{
	struct permit *permit = &p->permit;
	const struct service *service;
	struct proxy_target target;

	TRY(proxy_split(call->request.target, &target));
	if (bytes_str(target.service, permit->mend.service, sizeof permit->mend.service) != OK)
		return ERR_INVALID_TARGET;
	const enum err err = bearer_permit(flow, call, GRANTS_SCOPE_PROXY, permit);
	TRY(err == ERR_UNAUTHORIZED ? ERR_INVALID_TOKEN : err);
	TRY(recognise_service(flow, permit, target.service, &service));
	TRY(check_remote(service, call));
	TRY(permit_account(flow, permit, target.service, target.account));
	TRY(recognise(service, call, permit, target.rest, found));
	TRY(bytes_str(found->use.tool, p->tool, sizeof p->tool));
	const enum err verdict = recognise_decide(flow, permit, found);
	buf_free(&p->instead); /* of before it was asked whether what is reached is public */
	if (verdict == ERR_APPROVAL_REQUIRED && found->found.tool != NULL)
		err_ignore(print_instead(&target, found, &p->instead)); /* too long to repeat */
	return verdict;
}

static void outcome_record(const struct flow *flow, const struct call *call, const struct proxy *p,
			   uint8_t outcome, struct ipc_record *ret)
{
	permit_record(flow, call, &p->permit, EVENT_call, outcome, ret);
	ret->tool = str(p->tool);
	ret->ref = p->intent;
}

static void refuse(struct flow *flow, struct call *call, struct proxy *p, enum err err)
{
	const struct proxy_refusal refusal = { &p->permit.mend, buf_bytes(p->instead) };

	call->done(flow, call, err, &refusal);
	buf_free(&p->instead);
}

/* Before anything was released. */
static void deny(struct flow *flow, struct call *call, struct proxy *p, enum err err)
{
	struct ipc_record record;

	outcome_record(flow, call, p, OUTCOME_DENIED, &record);
	refuse(flow, call, p, permit_deny(flow, call, &p->permit, &record, err));
}

static void note_outcome(struct flow *flow, const struct call *call, const struct proxy *p,
			 const struct ask_answer *answer)
{
	static const uint8_t outcomes[] = {
		[ASK_ANSWERED] = OUTCOME_OK,
		[ASK_NOT_SENT] = OUTCOME_FAILED,
		[ASK_UNKNOWN] = OUTCOME_UNKNOWN,
		[ASK_UNUSABLE] = OUTCOME_FAILED,
	};
	struct ipc_record record;

	outcome_record(flow, call, p, outcomes[answer->outcome], &record);
	if (answer->outcome != ASK_ANSWERED)
		record.reason = answer->err > OK ? (uint16_t)answer->err : ERR_SERVER;
	record.status = answer->reply.status;
	record.bytes = answer->reply.bytes;
	record.duration_us = answer->reply.duration_us;
	flow->count[answer->outcome == ASK_ANSWERED ? COUNT_CALLS : COUNT_CALL_FAILURES]++;
	/* The answer is on its way already: an outcome that cannot be written stays an intent
	 * without one, which counts as unknown. */
	err_ignore(flow_note(flow, NULL, &record));
}

/* Whatever it was, the same request is made once more, and then the provider has the word. One
 * whose body has gone by cannot be. */
static void once_more(struct flow *flow, struct call *call, struct proxy *p)
{
	p->again = true;
	p->permit.refreshed = false;
	if (call->request.more == 0)
		run(flow, call);
	else
		refuse(flow, call, p, ERR_PROVIDER_UNAVAILABLE);
}

static void on_settled(struct flow *flow, void *ctx, enum err err)
{
	struct call *call = ctx;

	if (err == OK || err == ERR_PROVIDER_UNAVAILABLE)
		once_more(flow, call, call->mine);
	else
		refuse(flow, call, call->mine, err);
}

/* The provider refused the token. Held, so that the client has no answer yet. */
static void see_to_token(struct flow *flow, struct call *call, struct proxy *p)
{
	struct connection_row row;
	enum err err = store_connection_get(flow->store, p->permit.vault.tenant,
					    p->permit.mend.connection, &row);

	if (err == OK)
		err = rejected_settle(flow, &row, p->version, on_settled, call);
	if (err == ERR_PROVIDER_UNAVAILABLE)
		once_more(flow, call, p);
	else if (err != OK)
		refuse(flow, call, p, err);
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct call *call = journey;
	struct proxy *p = call->mine;
	const bool begun = answer->reply.status != 0 && answer->outcome != ASK_UNUSABLE;

	p->number = 0;
	place_leave(flow, &p->place);
	note_outcome(flow, call, p, answer);
	note_rest(flow, &p->permit, &answer->reply);
	if (call->gate_id == 0 || (begun && (p->again || answer->reply.status != 401)))
		call_streamed(flow, call);
	else if (begun)
		see_to_token(flow, call, p);
	else
		refuse(flow, call, p, answer->outcome == ASK_UNKNOWN ? ERR_UNCERTAIN : answer->err);
}

static void on_gone(struct flow *flow, struct call *call)
{
	const struct proxy *p = call->mine;

	if (p->number != 0)
		ask_cancel(flow, p->number);
}

static enum err ask(struct flow *flow, struct call *call, struct proxy *p,
		    const struct recognised *found, const struct errand_api *api)
{
	const struct connection_row *row = &p->permit.connection;
	const struct ipc_http_request *request = &call->request;
	struct ipc_record record;

	p->number = ask_number();
	p->version = row->version;
	p->intent = (struct id){ { 0 } };
	outcome_record(flow, call, p, OUTCOME_INTENT, &record);
	p->intent = record.event;
	const struct ipc_courier_call out = {
		.method = request->method,
		.body_kind = request->body.n > 0 ? BODY_RAW : BODY_NONE,
		.timeout_ms = STREAM_MS,
		.answer_max = HELD_ANSWER_MAX,
		.stream = p->number,
		.hold = !p->again,
		.upload = request->more,
		.upload_bytes = request->length,
		.url = dynbuf_view(&found->found.target),
		.headers = dynbuf_view(&found->headers),
		.body = request->more ? (struct bytes){ NULL, 0 } : request->body,
		.placements = dynbuf_view(&api->placements),
	};
	return ask_stream(flow, call, &out, &record, api->items, api->items_n, on_answer, call);
}

static enum err spend_and_ask(struct flow *flow, struct call *call, struct proxy *p,
			      struct recognised *found)
{
	struct errand_api api;

	if (!p->spent)
		TRY(spend_limits(flow, &p->permit, &found->use));
	p->spent = true;
	TRY(call_keep(call));
	enum err err =
		errand_api(flow, found->service, &p->permit.connection, &found->found.target, &api);
	if (err == OK)
		err = ask(flow, call, p, found, &api);
	dynbuf_done(&api.placements);
	return err;
}

static void on_context(struct flow *flow, void *ctx)
{
	run(flow, ctx);
}

static enum err ask_context(struct flow *flow, struct call *call, struct proxy *p,
			    const struct recognised *found)
{
	const struct context_want want = { found->service, found->found.tool, &found->use,
					   on_context, call };

	TRY(call_keep(call));
	return context_ask(flow, &p->permit, &want, &p->asked);
}

static enum err step(struct flow *flow, struct call *call, struct proxy *p, bool *ret_waits)
{
	scoped(recognised_done) struct recognised found = { 0 };

	enum err err = decide(flow, call, p, &found);
	if (found.asks && !p->asked && ask_context(flow, call, p, &found) == OK) {
		*ret_waits = true;
		return OK;
	}
	TRY(err);
	TRY(permit_fresh(flow, call, &p->permit, run, ret_waits));
	if (*ret_waits)
		return OK;
	TRY(check_rest(flow, &p->permit));
	TRY(place_take(flow, p->permit.vault.id, call->request.body.n, &p->place));
	err = spend_and_ask(flow, call, p, &found);
	if (err != OK)
		place_leave(flow, &p->place);
	return err;
}

static void run(struct flow *flow, struct call *call)
{
	struct proxy *p = call->mine;
	bool waits = false;

	if (call->gate_id == 0) {
		call_streamed(flow, call);
		return;
	}
	const enum err err = step(flow, call, p, &waits);
	if (err != OK)
		deny(flow, call, p, err);
}

void proxy_begin(struct flow *flow, struct call *call)
{
	struct proxy *p = calloc(1, sizeof *p);

	if (p == NULL) {
		call->done(flow, call, FAULT_NOMEM, NULL);
		return;
	}
	call->mine = p;
	call->mine_n = sizeof *p;
	call->gone = on_gone;
	run(flow, call);
}
