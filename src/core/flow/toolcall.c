/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/toolcall.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "core/flow/compiled.h"
#include "core/flow/spend.h"
#include "core/flow/toolcase.h"
#include "core/flow/toolrun.h"
#include "core/tools/summary.h"

enum {
	LOST_AFTER_S = 22, /* longer than courier may take */
	RECOVER_EVERY_S = 5,
	BEGIN_AT_ONCE = 16,
	HEARD_S = 5 * 60, /* how long a result that was fetched stays, for who lost the answer */
};

static uint64_t key_of(struct id approval)
{
	const uint64_t key = get_u64(approval.b + 8);

	return key == 0 ? 1 : key;
}

static void tell(struct flow *flow, struct toolcall_wait *wait, struct toolcall_news *news)
{
	if (news->state == TOOLCALL_DONE) {
		approval_unwatch(flow, &wait->watcher);
		wait->run = NULL;
	}
	wait->told(flow, wait, news);
}

static void tell_err(struct flow *flow, struct toolcall_wait *wait, enum err err,
		     struct id approval, struct bytes detail, const struct permit_mend *mend)
{
	struct toolsay say;

	toolsay_init(&say);
	toolsay_err(&say, err, detail);
	struct toolcall_news news = { .state = TOOLCALL_DONE,
				      .approval = approval,
				      .err = say.err,
				      .is_error = true,
				      .text = dynbuf_view(&say.text),
				      .mend = mend };
	tell(flow, wait, &news);
	toolsay_done(&say);
}

/* One that is executed and settled. */
static void tell_parked(struct flow *flow, struct toolcall_wait *wait,
			const struct approval_row *found)
{
	struct approval_row row = *found;
	struct toolsay_parked parked;
	struct bytes text;

	enum err err = store_approval_text(flow->store, &row, APPROVAL_TEXT_RESULT, &text);
	if (err == OK)
		err = toolsay_parse(text, &parked);
	if (err != OK) {
		tell_err(flow, wait, err == ERR_NOT_FOUND ? ERR_EXPIRED : err, row.id,
			 str("It was carried out before, and its result is not kept any more."),
			 NULL);
		return;
	}
	flow->batch_writes++;
	err_ignore(store_approval_heard(flow->store, &row, flow->now + HEARD_S * USEC_PER_S));
	struct toolcall_news news = { .state = TOOLCALL_DONE,
				      .approval = row.id,
				      .err = parked.err,
				      .is_error = parked.is_error,
				      .text = parked.text,
				      .structured = parked.structured,
				      .content = parked.content };
	tell(flow, wait, &news);
}

/* What a row says to who waits; false: go on waiting. */
static bool tell_row(struct flow *flow, struct toolcall_wait *wait, const struct approval_row *row)
{
	static const struct bytes none = { NULL, 0 };

	switch (row->state) {
	case APPROVAL_PENDING:
	case APPROVAL_APPROVED:
		return false;
	case APPROVAL_EXECUTED:
		if (row->outcome == APPROVAL_OPEN)
			return false;
		tell_parked(flow, wait, row);
		return true;
	case APPROVAL_DENIED:
		tell_err(flow, wait, ERR_APPROVAL_DENIED, row->id, none, NULL);
		return true;
	case APPROVAL_EXPIRED:
		tell_err(flow, wait, ERR_EXPIRED, row->id, str("Nobody decided in time."), NULL);
		return true;
	case APPROVAL_CANCELLED:
		tell_err(flow, wait, ERR_CONFLICT, row->id, str("The request was withdrawn."),
			 NULL);
		return true;
	}
	return false;
}

static void on_told(struct flow *flow, struct approval_watcher *watcher,
		    const struct approval_row *row)
{
	(void)tell_row(flow, container_of(watcher, struct toolcall_wait, watcher), row);
}

/* Hangs the wait on a row that is not over, or tells it at once. */
static void hang(struct flow *flow, struct toolcall_wait *wait, const struct approval_row *row,
		 bool joined)
{
	if (tell_row(flow, wait, row))
		return;
	wait->watcher.told = on_told;
	const enum err err = approval_watch(flow, row->id, &wait->watcher);
	if (err != OK) {
		tell_err(flow, wait, ERR_OVERLOADED, row->id, (struct bytes){ NULL, 0 }, NULL);
		return;
	}
	struct toolcall_news news = { .state = TOOLCALL_HELD,
				      .approval = row->id,
				      .expires = row->expires,
				      .step_up = row->step_up,
				      .joined = joined };
	tell(flow, wait, &news);
}

static void on_direct_done(struct flow *flow, struct toolrun *run, const struct toolsay *said)
{
	struct toolcall_wait *wait = run->ctx;

	if (wait == NULL)
		return;
	struct toolcall_news news = { .state = TOOLCALL_DONE,
				      .err = said->err,
				      .is_error = said->is_error,
				      .text = dynbuf_view(&said->text),
				      .structured = dynbuf_view(&said->structured),
				      .content = dynbuf_view(&said->content),
				      .mend = &run->permit.mend };
	tell(flow, wait, &news);
}

static enum err join_words(const struct service_words *words, struct dynbuf *out)
{
	for (size_t i = 0; i < words->n; i++) {
		dynbuf_str(out, i > 0 ? " " : "");
		dynbuf_bytes(out, words->at[i]);
	}
	return dynbuf_err(out);
}

/* What is too long for one line is in the arguments, which are shown whole. */
static void summarize(const struct toolcase *c, struct dynbuf *out)
{
	if (tools_summary(c->tool, &c->args, out) == OK && dynbuf_err(out) == OK)
		return;
	dynbuf_reset(out);
	dynbuf_bytes(out, c->tool->title);
}

static enum err begin_held(struct flow *flow, const struct toolcall_request *request,
			   struct toolcase *c, struct toolcall_wait *wait)
{
	uint8_t summary_room[APPROVAL_SUMMARY_MAX], scopes_room[SCOPES_MAX_BYTES];
	struct dynbuf summary = { .p = summary_room,
				  .room = sizeof summary_room,
				  .max = sizeof summary_room };
	struct dynbuf scopes = { .p = scopes_room,
				 .room = sizeof scopes_room,
				 .max = sizeof scopes_room };
	struct approval_row row;
	usec_t again;
	bool joined;

	summarize(c, &summary);
	TRY(join_words(&c->tool->scopes, &scopes));
	const struct approval_ask ask = {
		.vault = &c->permit->vault,
		.connection = c->permit->connection.id,
		.address = request->address,
		.origin = request->origin,
		.service = request->service,
		.tool = request->tool,
		.kind = APPROVAL_TOOL,
		.step_up = c->verdict.effect == POLICY_STEP_UP,
		.summary = dynbuf_view(&summary),
		.reason = request->reason,
		.definition = c->definition,
		.payload = request->arguments.n == 0 ? str("{}") : request->arguments,
		.scopes = dynbuf_view(&scopes),
		.life = (request->asynchronous ? APPROVAL_AWAY_S : APPROVAL_WAITING_S) * USEC_PER_S,
	};
	const enum err err = approval_request(flow, wait->call, &ask, &row, &joined, &again);
	if (again > flow->now)
		c->permit->mend.retry_after_s = (again - flow->now) / USEC_PER_S + 1;
	if (err == ERR_RATE_LIMITED)
		snprintf(c->why, sizeof c->why, "%s",
			 again > flow->now
				 ? "A person has just denied a request of this vault."
				 : "As many requests of this vault as may wait for a person do.");
	TRY(err);
	hang(flow, wait, &row, joined);
	return OK;
}

/* The context is known now: the call goes on, or a person is asked. A caller who has left by then
 * is not asked for. */
static enum err on_decide(struct flow *flow, struct toolrun *run, struct toolcase *c,
			  bool *ret_goes_on)
{
	struct toolcall_wait *wait = run->ctx;
	const struct toolcall_request request = {
		.tenant = run->tenant,
		.vault = run->vault,
		.address = run->address,
		.origin = buf_bytes(run->origin),
		.service = buf_bytes(run->service),
		.tool = buf_bytes(run->tool),
		.account = buf_bytes(run->account),
		.arguments = buf_bytes(run->arguments),
		.reason = buf_bytes(run->reason),
		.asynchronous = run->asynchronous,
	};

	*ret_goes_on = c->verdict.effect == POLICY_ALLOW;
	if (*ret_goes_on)
		return spend_limits(flow, c->permit, &c->use);
	if (wait == NULL)
		return OK;
	wait->run = NULL;
	const enum err err = begin_held(flow, &request, c, wait);
	if (err != OK)
		wait->run = run;
	return err;
}

static enum err begin_direct(struct flow *flow, const struct toolcall_request *request,
			     struct toolcase *c, struct toolcall_wait *wait)
{
	const struct toolrun_start start = {
		.tenant = request->tenant,
		.vault = request->vault,
		.address = request->address,
		.definition = c->definition,
		.service = request->service,
		.tool = request->tool,
		.account = request->account,
		.arguments = request->arguments,
		.origin = request->origin,
		.reason = request->reason,
		.asynchronous = request->asynchronous,
		.call = wait->call,
		.decide = c->wants_n > 0 ? on_decide : NULL,
		.done = on_direct_done,
		.ctx = wait,
	};

	TRY(toolrun_new(&start, &wait->run));
	toolrun_begin(flow, wait->run, c);
	return OK;
}

/* A repeat of what was asked for before costs nothing anew. */
static enum err begin_case(struct flow *flow, const struct toolcall_request *request,
			   struct toolcase *c, struct toolcall_wait *wait)
{
	if (c->wants_n == 0 && c->verdict.effect != POLICY_ALLOW)
		return begin_held(flow, request, c, wait);
	if (c->wants_n == 0)
		TRY(spend_limits(flow, c->permit, &c->use));
	return begin_direct(flow, request, c, wait);
}

static void refuse(struct flow *flow, const struct toolcall_request *request, struct toolcase *c,
		   struct toolcall_wait *wait, enum err err)
{
	struct ipc_record record;

	permit_record(flow, wait->call, c->permit, EVENT_call, OUTCOME_DENIED, &record);
	record.tenant = request->tenant;
	record.vault = request->vault;
	record.address = request->address;
	record.service = request->service.n <= SERVICE_MAX_BYTES ? request->service : str("");
	record.tool = request->tool.n <= APPROVAL_TOOL_MAX ? request->tool : str("");
	err = permit_deny(flow, wait->call, c->permit, &record, err);
	tell_err(flow, wait, err, (struct id){ { 0 } }, str(c->why), &c->permit->mend);
}

void toolcall_begin(struct flow *flow, const struct toolcall_request *request,
		    struct toolcall_wait *wait)
{
	const struct toolcase_ask ask = {
		.tenant = request->tenant,
		.vault = request->vault,
		.origin = request->origin,
		.service = request->service,
		.tool = request->tool,
		.account = request->account,
		.arguments = request->arguments,
	};
	struct permit permit = { 0 };
	struct toolcase c = { .permit = &permit };
	enum err err = ERR_TOO_LARGE;

	if (request->arguments.n <= APPROVAL_PAYLOAD_MAX)
		err = toolcase_look(flow, &ask, &permit, &c);
	if (err == OK)
		err = begin_case(flow, request, &c, wait);
	if (err != OK)
		refuse(flow, request, &c, wait, err);
	toolcase_done(&c);
}

void toolcall_rejoin(struct flow *flow, struct id tenant, struct id vault, struct id approval,
		     struct toolcall_wait *wait)
{
	struct approval_row row;

	enum err err = store_approval_get(flow->store, tenant, approval, &row);
	/* Another vault's is like none (I7). */
	if (err == OK && !id_eq(row.vault, vault))
		err = ERR_NOT_FOUND;
	if (err != OK) {
		tell_err(flow, wait, err, (struct id){ { 0 } }, (struct bytes){ NULL, 0 }, NULL);
		return;
	}
	hang(flow, wait, &row, true);
}

void toolcall_leave(struct flow *flow, struct toolcall_wait *wait)
{
	approval_unwatch(flow, &wait->watcher);
	if (wait->run != NULL) {
		wait->run->ctx = NULL;
		wait->run->call = NULL;
	}
	wait->run = NULL;
}

enum err toolcall_cancel(struct flow *flow, struct call *call, struct id tenant, struct id vault,
			 struct id approval)
{
	return approval_cancel(flow, call, tenant, vault, approval);
}

/* With the row's new state, in one transaction: so the log names its revision. */
static enum err note_end(struct flow *flow, const struct approval_row *row,
			 const struct toolend *end)
{
	struct ipc_record record;

	flow_record(flow, NULL, EVENT_call, end->outcome, &record);
	record.tenant = row->tenant;
	record.user = row->user;
	record.vault = row->vault;
	record.agent = row->agent;
	record.connection = row->connection;
	record.address = row->address;
	record.object = row->id;
	record.policy = row->policy_version;
	record.service = row->service;
	record.tool = row->tool;
	toolend_put(end, &record);
	return flow_event(flow, NULL, &record);
}

static enum err park(struct flow *flow, struct approval_row *row, const struct toolsay *said,
		     const struct toolend *end)
{
	scoped(dynbuf_done) struct dynbuf parked;

	dynbuf_init(&parked, TOOLSAY_PARKED_MAX);
	toolsay_print(said, &parked);
	TRY(dynbuf_err(&parked));
	TRY(approval_settle(flow, row, said->outcome, dynbuf_view(&parked)));
	return note_end(flow, row, end);
}

/* Parks what came of it and tells who waits. */
static void settle(struct flow *flow, struct approval_row *row, const struct toolsay *said,
		   const struct toolend *end)
{
	const enum err err = park(flow, row, said, end);

	if (err != OK) {
		/* Not acknowledged: courier keeps the answer, and a restart finds it again. */
		log_error("the outcome of an approved call could not be stored: %s",
			  err_row(err)->name);
		return;
	}
	if (!id_none(row->attempt))
		ask_ack(flow, row->attempt);
	approval_tell(flow, row);
}

static void on_approved_done(struct flow *flow, struct toolrun *run, const struct toolsay *said)
{
	struct approval_row row;

	(void)map_del(&flow->toolcalls, key_of(run->approval));
	const enum err err = store_approval_get(flow->store, run->tenant, run->approval, &row);
	if (err == OK)
		settle(flow, &row, said, &run->end);
	else
		log_error("the row of an approved call is gone: %s", err_row(err)->name);
	flow->toolcalls_waiting = true;
}

static enum err run_approved(struct flow *flow, struct approval_row *row)
{
	char account[ID_TEXT_MAX + 1];
	struct toolrun *run;
	struct bytes payload;

	TRY(approval_consume(flow, row, &payload));
	const struct toolrun_start start = {
		.tenant = row->tenant,
		.vault = row->vault,
		.address = row->address,
		.approval = row->id,
		.step_up = row->step_up,
		.definition = row->definition,
		.service = row->service,
		.tool = row->tool,
		.account = str(id_print("conn", row->connection, account)),
		.arguments = payload,
		.origin = row->origin,
		.done = on_approved_done,
	};
	TRY(toolrun_new(&start, &run));
	const enum err err = map_put(&flow->toolcalls, key_of(row->id), run);
	if (err != OK) {
		toolrun_free(&run);
		return err;
	}
	toolrun_begin(flow, run, NULL);
	return OK;
}

/* What is consumed and could not be begun: nothing was sent. */
static void run_failed(struct flow *flow, struct approval_row *row, enum err err)
{
	const struct toolend end = { .outcome = OUTCOME_FAILED,
				     .reason = err > OK ? (uint16_t)err : ERR_SERVER };
	struct toolsay say;

	log_warn("an approved call could not be begun: %s", err_row(err)->name);
	if (row->state != APPROVAL_EXECUTED)
		return;
	toolsay_init(&say);
	toolsay_err(&say, err, (struct bytes){ NULL, 0 });
	settle(flow, row, &say, &end);
	toolsay_done(&say);
}

void toolcall_approved(struct flow *flow, const struct approval_row *approved)
{
	struct approval_row row = *approved;

	/* Those that wait are found again by their state. */
	if (flow->toolcalls.n >= TOOLRUN_APPROVED_MAX ||
	    map_find(&flow->toolcalls, key_of(row.id)) != NULL) {
		flow->toolcalls_waiting = true;
		return;
	}
	const enum err err = run_approved(flow, &row);
	if (err != OK)
		run_failed(flow, &row, err);
}

void toolcall_end_all(struct flow *flow)
{
	size_t at = 0;

	for (struct toolrun *run; (run = map_next(&flow->toolcalls, &at)) != NULL;)
		toolrun_free(&run);
	map_done(&flow->toolcalls);
}

static enum err approved_one(void *ctx, const struct approval_row *row)
{
	struct flow *flow = ctx;

	if (row->kind != APPROVAL_TOOL || row->expires <= flow->now ||
	    row->generation != flow->generation)
		return OK;
	flow_request_begin(flow);
	toolcall_approved(flow, row);
	return OK;
}

/* Executed by a core that is no more, and no answer will come. */
static enum err lost_one(void *ctx, const struct approval_row *found)
{
	struct flow *flow = ctx;
	struct approval_row row = *found;
	/* Its intent, if one was written, is closed with all others of that time. */
	const struct toolend end = { .outcome = id_none(row.attempt) ? OUTCOME_FAILED
								     : OUTCOME_UNKNOWN,
				     .reason = ERR_UNCERTAIN };
	struct toolsay say;

	if (row.kind != APPROVAL_TOOL || map_find(&flow->toolcalls, key_of(row.id)) != NULL)
		return OK;
	flow_request_begin(flow);
	toolsay_init(&say);
	toolsay_lost(&say, !id_none(row.attempt));
	settle(flow, &row, &say, &end);
	toolsay_done(&say);
	return OK;
}

enum err toolcall_go_on(struct flow *flow)
{
	if (!flow->toolcalls_waiting)
		return OK;
	flow->toolcalls_waiting = false;
	return store_approval_due(flow->store, APPROVAL_DUE_APPROVED, flow->now, BEGIN_AT_ONCE,
				  approved_one, flow);
}

enum err toolcall_recover(struct flow *flow)
{
	const usec_t since = (flow->boot - flow->started) / USEC_PER_S;

	flow->toolcalls_waiting = true;
	TRY(toolcall_go_on(flow));
	if (since < LOST_AFTER_S || since % RECOVER_EVERY_S != 0)
		return OK;
	return store_approval_due(flow->store, APPROVAL_DUE_OPEN, flow->now, 500, lost_one, flow);
}

static bool is_remote(struct flow *flow, const struct approval_row *row)
{
	const struct service *service;

	return compiled_service(flow, row->tenant, row->service, &service) == OK &&
	       service->mcp.url.n > 0;
}

bool toolcall_found(struct flow *flow, const struct frame *frame)
{
	struct ask_answer answer;
	struct approval_row row;
	struct toolend end;
	struct toolsay say;

	if (ask_read(frame, &answer) != OK || id_none(answer.reply.attempt) ||
	    store_approval_attempt(flow->store, answer.reply.attempt, &row) != OK)
		return false;
	if (row.outcome != APPROVAL_OPEN || map_find(&flow->toolcalls, key_of(row.id)) != NULL) {
		ask_ack(flow, answer.reply.attempt);
		return true;
	}
	toolsay_init(&say);
	if (is_remote(flow, &row))
		toolsay_remote(&say, &answer, 0, true);
	else
		toolsay_answer(&say, &answer, true);
	toolend_take(&answer, say.outcome, row.attempt, &end);
	settle(flow, &row, &say, &end);
	toolsay_done(&say);
	return true;
}
