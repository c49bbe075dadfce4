/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/toolrun.h"

#include <stdlib.h>

#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/refresh.h"
#include "core/flow/rejected.h"
#include "core/flow/remote.h"
#include "core/flow/spend.h"
#include "core/flow/toolcase.h"
#include "core/tools/build.h"
#include "core/upstream/params.h"

enum { TIMEOUT_MS = 18000, ANSWER_MAX = 1024 * 1024 };
/* How old a remote server's list of tools may be when one of them is called. What a person has
 * looked at and approved is looked at once more. */
enum { LIST_AGE_S = 60, LIST_AGE_APPROVED_S = 0 };

void toolrun_free(struct toolrun **runp)
{
	struct toolrun *run = *runp;

	if (run == NULL)
		return;
	*runp = NULL;
	buf_free(&run->service);
	buf_free(&run->tool);
	buf_free(&run->account);
	buf_free(&run->arguments);
	buf_free(&run->origin);
	buf_free(&run->reason);
	for (size_t i = 0; i < TOOLRUN_ANSWERS_MAX; i++)
		buf_free(&run->answers[i]);
	free(run);
}

enum err toolrun_new(const struct toolrun_start *start, struct toolrun **ret)
{
	scoped(toolrun_free) struct toolrun *run = calloc(1, sizeof *run);

	if (run == NULL)
		return FAULT_NOMEM;
	run->tenant = start->tenant;
	run->vault = start->vault;
	run->address = start->address;
	run->approval = start->approval;
	run->step_up = start->step_up;
	memcpy(run->definition, start->definition, sizeof run->definition);
	run->call = start->call;
	run->asynchronous = start->asynchronous;
	run->decide = start->decide;
	run->done = start->done;
	run->ctx = start->ctx;
	TRY(buf_dup(start->service, &run->service));
	TRY(buf_dup(start->tool, &run->tool));
	TRY(buf_dup(start->account, &run->account));
	TRY(buf_dup(start->arguments, &run->arguments));
	TRY(buf_dup(start->origin, &run->origin));
	TRY(buf_dup(start->reason, &run->reason));
	*ret = take(run);
	return OK;
}

static void run_end(struct flow *flow, struct toolrun *run, struct toolsay *say)
{
	run->done(flow, run, say);
	toolsay_done(say);
	toolrun_free(&run);
}

static void run_record(const struct flow *flow, const struct toolrun *run, uint8_t outcome,
		       struct ipc_record *ret)
{
	permit_record(flow, NULL, &run->permit, run->asking ? EVENT_context : EVENT_call, outcome,
		      ret);
	ret->tenant = run->tenant;
	ret->vault = run->vault;
	ret->address = run->address;
	ret->object = run->approval;
	ret->service = buf_bytes(run->service);
	ret->tool = buf_bytes(run->tool);
}

static void run_fail(struct flow *flow, struct toolrun *run, enum err err, struct bytes detail)
{
	const bool denied = err == ERR_DENIED || err == ERR_APPROVAL_VOID;
	struct ipc_record record;
	struct toolsay say;

	run->end = (struct toolend){ .outcome = denied ? OUTCOME_DENIED : OUTCOME_FAILED,
				     .reason = err > OK ? (uint16_t)err : ERR_SERVER };
	run_record(flow, run, run->end.outcome, &record);
	record.reason = run->end.reason;
	if (id_none(run->approval) && flow_note(flow, run->call, &record) != OK)
		err = ERR_OVERLOADED;
	toolsay_init(&say);
	toolsay_err(&say, err, detail);
	run_end(flow, run, &say);
}

/* Whether what was decided upon still is what would be done. */
static enum err still_decided(const struct toolrun *run, const struct toolcase *c)
{
	if (memcmp(run->definition, c->definition, sizeof run->definition) != 0)
		return ERR_APPROVAL_VOID;
	switch (c->verdict.effect) {
	case POLICY_ALLOW:
		return OK;
	case POLICY_APPROVE:
		return id_none(run->approval) ? ERR_APPROVAL_REQUIRED : OK;
	case POLICY_STEP_UP:
		return run->step_up ? OK : ERR_APPROVAL_REQUIRED;
	case POLICY_BLOCK:
		break;
	}
	return ERR_DENIED;
}

static void run_step(struct flow *flow, struct toolrun *run);

static void on_refreshed(struct flow *flow, void *ctx, enum err err)
{
	struct toolrun *run = ctx;

	(void)err; /* whatever came of it, the rows decide */
	run->permit.refreshed = true;
	run_step(flow, run);
}

static enum err see_to_token(struct flow *flow, struct toolrun *run, bool *ret_waits)
{
	enum refresh_need need;

	*ret_waits = false;
	if (id_none(run->permit.connection.id))
		return OK;
	TRY(refresh_needed(flow, &run->permit.connection, &need));
	if (need == REFRESH_NOW && run->permit.refreshed)
		return ERR_PROVIDER_UNAVAILABLE;
	if (need == REFRESH_NOW) {
		TRY(refresh_join(flow, &run->permit.connection, on_refreshed, run));
		*ret_waits = true;
	} else if (need == REFRESH_SOON) {
		err_ignore(refresh_join(flow, &run->permit.connection, NULL, NULL));
	}
	return OK;
}

static struct remote_of remote_of(const struct toolrun *run, const struct service *service)
{
	const bool open = service_open(service);

	return (struct remote_of){ run->tenant, service, open ? NULL : &run->permit.connection };
}

static void on_remote(struct flow *flow, void *ctx, enum err err);

/* What the server lists now is looked at before one of its tools is called. */
static enum err see_to_remote(struct flow *flow, struct toolrun *run, const struct toolcase *c,
			      bool *ret_waits)
{
	const struct remote_of of = remote_of(run, c->service);
	const usec_t age = id_none(run->approval) ? LIST_AGE_S : LIST_AGE_APPROVED_S;

	*ret_waits = false;
	if (c->tool->remote.n == 0)
		return OK;
	return remote_ready(flow, &of, age * USEC_PER_S, on_remote, run, ret_waits);
}

/* The documents that the texts of a step may name. */
struct sources {
	struct tools_values values;
	struct doc answers[TOOLRUN_ANSWERS_MAX], variables;
};

static void sources_done(struct sources *s)
{
	for (size_t i = 0; i < TOOLRUN_ANSWERS_MAX; i++)
		doc_done(&s->answers[i]);
	doc_done(&s->variables);
}

static enum err sources_read(const struct flow *flow, const struct toolrun *run,
			     const struct toolcase *c, struct sources *ret)
{
	const struct bytes variables = run->permit.connection.variables;

	ret->values = (struct tools_values){ .args = &c->args, .now = flow->now };
	for (size_t i = 0; i < run->step; i++) {
		if (run->answers[i] == NULL)
			continue;
		if (doc_read(buf_bytes(run->answers[i]), &ret->answers[i]) != OK)
			return ERR_PROVIDER_REFUSED;
		ret->values.answers[i] = &ret->answers[i];
	}
	if (variables.n == 0)
		return OK;
	TRY(doc_read(variables, &ret->variables));
	ret->values.variables = &ret->variables;
	return OK;
}

/* A request as courier takes it. */
struct packed {
	struct tools_request request;
	struct dynbuf headers, select;
	struct remote_request remote;
	struct errand_api api;
	struct ipc_courier_call call;
};

static void packed_done(struct packed *p)
{
	tools_request_done(&p->request);
	remote_request_done(&p->remote);
	dynbuf_done(&p->headers);
	dynbuf_done(&p->api.placements);
	dynbuf_done(&p->select);
}

static void pack_headers(struct packed *p)
{
	const struct tools_request *request = &p->request;

	dynbuf_init(&p->headers, IPC_HEADERS_MAX);
	for (size_t i = 0; i < request->headers_n; i++) {
		const struct ipc_header header = { request->headers[i].name,
						   request->headers[i].value };
		IPC_LIST_ADD(&p->headers, header, &header);
	}
	if (request->content_type != NULL) {
		const struct ipc_header header = { str("Content-Type"),
						   str(request->content_type) };
		IPC_LIST_ADD(&p->headers, header, &header);
	}
}

/* A resource is asked for with the arguments of the tool that reaches it. */
static enum err build(const struct toolrun *run, const struct toolcase *c,
		      const struct sources *sources, struct tools_request *ret)
{
	if (!run->asking)
		return tools_build(c->service, c->tool, run->step, &sources->values, ret);
	struct service_tool asking = *c->tool;
	asking.steps[0] = c->wants[run->asked]->ask;
	asking.steps_n = 1;
	return tools_build(c->service, &asking, 0, &sources->values, ret);
}

static enum err add_param(void *ctx, const char *name, struct bytes value)
{
	struct dynbuf *headers = ctx;

	ipc_headers_add(headers, name, value);
	return dynbuf_err(headers);
}

/* What the server wants to see of the arguments without reading the body. */
static enum err add_params(const struct toolcase *c, struct dynbuf *headers)
{
	struct doc definition = { 0 };

	enum err err = doc_read(c->tool->remote, &definition);
	if (err == OK)
		err = params_each(&definition, doc_member(&definition, 0, str("inputSchema")),
				  &c->args, add_param, headers);
	doc_done(&definition);
	return err == ERR_MALFORMED ? ERR_INVALID_ARGUMENTS : err;
}

static enum err pack_remote(struct flow *flow, struct toolrun *run, const struct toolcase *c,
			    struct packed *p)
{
	const struct remote_of of = remote_of(run, c->service);
	scoped(dynbuf_done) struct dynbuf params;

	dynbuf_init(&params, IPC_BODY_MAX);
	dynbuf_printf(&params, "\"name\":\"%.*s\",\"arguments\":", (int)c->tool->name.n,
		      (const char *)c->tool->name.p);
	dynbuf_bytes(&params, doc_raw(&c->args, 0));
	TRY(dynbuf_err(&params));
	const struct wire_message message = { .method = "tools/call",
					      .params = dynbuf_view(&params) };
	TRY(remote_request(flow, &of, &message, c->tool->name, &p->remote));
	if (p->remote.modern)
		TRY(add_params(c, &p->remote.headers));
	dynbuf_init(&p->request.url, IPC_TARGET_MAX);
	dynbuf_bytes(&p->request.url, c->service->mcp.url);
	if (of.connection != NULL)
		TRY(errand_api(flow, c->service, of.connection, &p->request.url, &p->api));
	TRY(dynbuf_err(&p->request.url));
	run->rpc = p->remote.id;
	p->call = (struct ipc_courier_call){
		.attempt = run->attempt,
		.method = HTTP_POST,
		.body_kind = BODY_RAW,
		.timeout_ms = TIMEOUT_MS,
		.answer_max = ANSWER_MAX,
		.rpc = run->rpc,
		.url = dynbuf_view(&p->request.url),
		.headers = dynbuf_view(&p->remote.headers),
		.body = dynbuf_view(&p->remote.body),
		.placements = dynbuf_view(&p->api.placements),
	};
	return OK;
}

static enum err pack(struct flow *flow, const struct toolrun *run, const struct toolcase *c,
		     const struct sources *sources, struct packed *p)
{
	const bool last = !run->asking && run->step + 1 == c->tool->steps_n;
	static const uint8_t methods[] = {
		[SERVICE_GET] = HTTP_GET,	[SERVICE_POST] = HTTP_POST,
		[SERVICE_PUT] = HTTP_PUT,	[SERVICE_PATCH] = HTTP_PATCH,
		[SERVICE_DELETE] = HTTP_DELETE,
	};
	const struct tools_request *request = &p->request;

	TRY(build(run, c, sources, &p->request));
	TRY(errand_api(flow, c->service, &run->permit.connection, &p->request.url, &p->api));
	pack_headers(p);
	dynbuf_init(&p->select, IPC_SELECT_MAX);
	if (last)
		TRY(tools_select(c->tool, &p->select));
	TRY(dynbuf_err(&p->headers));
	p->call = (struct ipc_courier_call){
		.attempt = run->attempt,
		.method = methods[request->method],
		.body_kind = request->content_type == NULL ? BODY_NONE : BODY_RAW,
		.timeout_ms = TIMEOUT_MS,
		.answer_max = ANSWER_MAX,
		.url = dynbuf_view(&request->url),
		.headers = dynbuf_view(&p->headers),
		.body = dynbuf_view(&request->body),
		.placements = dynbuf_view(&p->api.placements),
		.select = dynbuf_view(&p->select),
	};
	return OK;
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer);

/* Before the step that writes leaves, its attempt is in the row. */
static enum err note_attempt(struct flow *flow, struct toolrun *run, bool last)
{
	struct approval_row row;

	if (!last || id_none(run->approval))
		return OK;
	run->attempt = id_new();
	TRY(store_approval_get(flow->store, run->tenant, run->approval, &row));
	flow->batch_writes++;
	return store_approval_try(flow->store, &row, run->attempt);
}

static enum err send_step(struct flow *flow, struct toolrun *run, const struct toolcase *c)
{
	scoped(sources_done) struct sources sources = { 0 };
	scoped(packed_done) struct packed packed = { 0 };
	struct ipc_record record;

	TRY(sources_read(flow, run, c, &sources));
	const bool remote = c->tool->remote.n > 0;
	TRY(note_attempt(flow, run, remote || (!run->asking && run->step + 1 == c->tool->steps_n)));
	const enum err err =
		remote ? pack_remote(flow, run, c, &packed) : pack(flow, run, c, &sources, &packed);
	if (err != OK)
		return err == ERR_MALFORMED || err == ERR_NOT_FOUND || err == ERR_TOO_LARGE
			       ? ERR_INVALID_ARGUMENTS
			       : err;
	run_record(flow, run, OUTCOME_INTENT, &record);
	if (!id_none(run->attempt))
		record.event = run->attempt; /* what is found after a death closes it */
	run->intent = record.event;
	run->version = run->permit.connection.version;
	return ask_begin(flow, &packed.call, &record, packed.api.items, packed.api.items_n,
			 on_answer, run);
}

static enum err look(struct flow *flow, struct toolrun *run, struct toolcase *c)
{
	const struct toolcase_ask ask = {
		.tenant = run->tenant,
		.vault = run->vault,
		.origin = buf_bytes(run->origin),
		.service = buf_bytes(run->service),
		.tool = buf_bytes(run->tool),
		.account = buf_bytes(run->account),
		.arguments = buf_bytes(run->arguments),
		.context_known = run->context_known,
		.context = run->context,
	};

	return toolcase_look(flow, &ask, &run->permit, c);
}

/* What was begun to find out whether it may be done is decided now. */
static enum err decide(struct flow *flow, struct toolrun *run, struct toolcase *c, bool *ret_over)
{
	const toolrun_decide_fn decides = run->decide;
	bool goes_on = true;

	run->decide = NULL;
	memcpy(run->definition, c->definition, sizeof run->definition);
	TRY(decides(flow, run, c, &goes_on));
	*ret_over = !goes_on;
	return OK;
}

static enum err may_do(struct flow *flow, struct toolrun *run, struct toolcase *c, bool *ret_over)
{
	if (run->decide != NULL)
		TRY(decide(flow, run, c, ret_over));
	return *ret_over ? OK : still_decided(run, c);
}

/* The next step, all of it having been looked at in this batch. */
static enum err try_step(struct flow *flow, struct toolrun *run, struct toolcase *c, bool *ret_over)
{
	bool waits;

	run->asking = c->wants_n > 0;
	if (!run->asking)
		TRY(may_do(flow, run, c, ret_over));
	if (*ret_over)
		return OK;
	TRY(see_to_token(flow, run, &waits));
	if (!waits)
		TRY(see_to_remote(flow, run, c, &waits));
	if (waits)
		return OK;
	if (!run->asking && !id_none(run->approval) && !run->spent) {
		TRY(spend_limits(flow, &run->permit, &c->use));
		run->spent = true;
	}
	return send_step(flow, run, c);
}

static void step_done(struct flow *flow, struct toolrun *run, const struct toolcase *c, bool over,
		      enum err err)
{
	/* A person said yes to what does not hold any more. */
	const bool is_void =
		!id_none(run->approval) &&
		(err == ERR_DENIED || err == ERR_NOT_FOUND || err == ERR_APPROVAL_REQUIRED);

	if (err != OK)
		run_fail(flow, run, is_void ? ERR_APPROVAL_VOID : err, str(c->why));
	else if (over)
		toolrun_free(&run);
}

static void run_step(struct flow *flow, struct toolrun *run)
{
	struct toolcase c;
	bool over = false;

	enum err err = look(flow, run, &c);
	if (err == OK)
		err = try_step(flow, run, &c, &over);
	step_done(flow, run, &c, over, err);
	toolcase_done(&c);
}

/* Of a call that was approved, the last outcome goes down with its row. */
static void note_outcome(struct flow *flow, struct toolrun *run, const struct ask_answer *answer,
			 enum approval_outcome came, bool last)
{
	struct ipc_record record;

	/* Keeper refused: it wrote no intent that would need an end. */
	const bool begun = answer->outcome != ASK_NOT_SENT || answer->err != ERR_SEALED;
	const struct id none = { { 0 } };
	toolend_take(answer, came, begun ? run->intent : none, &run->end);
	if (!begun || (last && !id_none(run->approval)))
		return;
	run_record(flow, run, run->end.outcome, &record);
	toolend_put(&run->end, &record);
	err_ignore(flow_note(flow, run->call, &record)); /* one without an end becomes unknown */
}

/* An answer to a step before the last goes into the next one. */
static bool goes_on(struct toolrun *run, const struct ask_answer *answer, size_t steps)
{
	return run->step + 1 < steps && answer->outcome == ASK_ANSWERED &&
	       answer->reply.status >= 200 && answer->reply.status < 300 &&
	       buf_dup(answer->reply.body, &run->answers[run->step]) == OK;
}

/* What an answer says of a resource: true, or one of the texts, means private. */
static enum policy_context context_of(const struct service_resource *resource, struct bytes body)
{
	enum policy_context context = POLICY_CONTEXT_UNKNOWN;
	struct doc doc = { 0 };

	if (doc_read(body, &doc) != OK)
		return context;
	const uint32_t node = doc_pointer(&doc, resource->at);
	const unsigned kind = doc_kind(&doc, node);
	if (resource->in.n == 0 && (kind == DOC_TRUE || kind == DOC_FALSE))
		context = kind == DOC_TRUE ? POLICY_PRIVATE : POLICY_PUBLIC;
	if (resource->in.n > 0 && kind == DOC_STRING) {
		context = POLICY_PUBLIC;
		for (size_t i = 0; i < resource->in.n; i++)
			if (doc_is(&doc, node, resource->in.at[i]))
				context = POLICY_PRIVATE;
	}
	doc_done(&doc);
	return context;
}

/* The resource that was asked for: the rows may have changed meanwhile, so it is found again. */
static const struct service_resource *asked_for(struct flow *flow, const struct toolrun *run,
						size_t *ret_count)
{
	const struct service_resource *found = NULL;
	const struct service *service;

	*ret_count = 0;
	if (compiled_service(flow, run->tenant, buf_bytes(run->service), &service) != OK)
		return NULL;
	for (size_t i = 0; i < service->tools_n; i++) {
		const struct service_tool *tool = &service->tools[i];
		if (!bytes_eq(tool->name, buf_bytes(run->tool)))
			continue;
		*ret_count = toolcase_resources(tool, run->asked, &found);
	}
	return found;
}

/* All that a call reaches must be of one kind, else it is neither public nor private. */
static void took_context(struct flow *flow, struct toolrun *run, const struct ask_answer *answer)
{
	size_t count;
	const struct service_resource *resource = asked_for(flow, run, &count);
	enum policy_context context = POLICY_CONTEXT_UNKNOWN;

	if (resource != NULL && answer->outcome == ASK_ANSWERED && answer->reply.status >= 200 &&
	    answer->reply.status < 300)
		context = context_of(resource, answer->reply.body);
	note_outcome(flow, run, answer,
		     context == POLICY_CONTEXT_UNKNOWN ? APPROVAL_FAILED : APPROVAL_OK, false);
	if (run->asked == 0)
		run->context = context;
	else if (run->context != context)
		run->context = POLICY_CONTEXT_UNKNOWN;
	run->asked++;
	run->context_known = run->asked >= count || run->context == POLICY_CONTEXT_UNKNOWN;
	run_step(flow, run);
}

struct shape {
	size_t steps;
	bool writes, remote;
};

static struct shape shape_of(struct flow *flow, const struct toolrun *run)
{
	const struct service *service;
	struct shape shape = { run->step + 1, true, run->rpc != 0 };

	if (compiled_service(flow, run->tenant, buf_bytes(run->service), &service) != OK)
		return shape;
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_eq(service->tools[i].name, buf_bytes(run->tool)))
			shape = (struct shape){ service->tools[i].steps_n,
						service->tools[i].effect != SERVICE_READ,
						run->rpc != 0 };
	return shape;
}

static void on_settled(struct flow *flow, void *ctx, enum err err)
{
	/* A token that is good, or that nobody can tell of: what the provider says then is told. */
	if (err == OK || err == ERR_PROVIDER_UNAVAILABLE)
		run_step(flow, ctx);
	else
		run_fail(flow, ctx, err, (struct bytes){ NULL, 0 });
}

static bool settle_token(struct flow *flow, struct toolrun *run)
{
	struct connection_row row;

	if (store_connection_get(flow->store, run->tenant, run->permit.mend.connection, &row) !=
		    OK ||
	    rejected_settle(flow, &row, run->version, on_settled, run) != OK)
		return false;
	run->again = true;
	return true;
}

/* A server that does not know our session has done nothing in it. */
static void session_lost(struct flow *flow, struct toolrun *run)
{
	const struct service *service;

	run->again = true;
	if (compiled_service(flow, run->tenant, buf_bytes(run->service), &service) == OK) {
		const struct remote_of of = remote_of(run, service);
		remote_lost(flow, &of);
	}
	run_step(flow, run);
}

/* The provider did not accept the token or session, so it did nothing: once more with another one.
 */
static bool went_again(struct flow *flow, struct toolrun *run, const struct ask_answer *answer)
{
	const bool lost = run->rpc != 0 && answer->reply.status == 404;

	if (run->again || answer->outcome != ASK_ANSWERED ||
	    (answer->reply.status != 401 && !lost) || (!lost && !settle_token(flow, run)))
		return false;
	note_outcome(flow, run, answer, APPROVAL_FAILED, false);
	if (!id_none(run->attempt))
		ask_ack(flow, run->attempt);
	if (lost)
		session_lost(flow, run);
	return true;
}

static void on_remote(struct flow *flow, void *ctx, enum err err)
{
	struct toolrun *run = ctx;

	run->version = run->permit.connection.version;
	if (err == OK)
		run_step(flow, run);
	else if (err != ERR_REAUTH_REQUIRED || run->again || !settle_token(flow, run))
		run_fail(flow, run, err, (struct bytes){ NULL, 0 });
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct toolrun *run = journey;
	const struct shape shape = shape_of(flow, run);
	const bool last = run->step + 1 >= shape.steps;
	struct toolsay say;

	if (run->asking) {
		took_context(flow, run, answer);
		return;
	}
	if (goes_on(run, answer, shape.steps)) {
		note_outcome(flow, run, answer, APPROVAL_OK, false);
		run->step++;
		run_step(flow, run);
		return;
	}
	if (went_again(flow, run, answer))
		return;
	toolsay_init(&say);
	if (shape.remote)
		toolsay_remote(&say, answer, run->rpc, shape.writes);
	else
		toolsay_answer(&say, answer, last && shape.writes);
	note_outcome(flow, run, answer, say.outcome, true);
	run_end(flow, run, &say);
}

void toolrun_begin(struct flow *flow, struct toolrun *run, struct toolcase *c)
{
	bool over = false;

	if (c == NULL) {
		run_step(flow, run);
		return;
	}
	run->permit = *c->permit;
	c->permit = &run->permit;
	const enum err err = try_step(flow, run, c, &over);
	step_done(flow, run, c, over, err);
}
