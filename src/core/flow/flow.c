/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/flow.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "core/flow/approval.h"
#include "core/flow/compiled.h"
#include "core/flow/context.h"
#include "core/flow/fetch.h"
#include "core/flow/remote.h"
#include "core/flow/toolcall.h"
#include "core/flow/turns.h"
#include "crypto/crypto.h"

struct op {
	enum flow_peer peer;
	uint64_t batch;
	flow_reply_fn fn;
	void *ctx;
};

/* What waits for one append. */
struct appending {
	struct call *call;
	struct id event;
	bool outbox;
};

static void on_appended(struct flow *flow, void *ctx, const struct frame *frame);

static void appending_undo(struct appending *appending)
{
	if (appending->call != NULL)
		appending->call->events_waiting--;
	free(appending);
}

enum err flow_init(struct flow *flow)
{
	for (size_t i = 0; i < PEER_COUNT; i++)
		dynbuf_init(&flow->staged[i], FLOW_STAGED_MAX);
	map_init(&flow->ops, FLOW_OPS_MAX);
	map_init(&flow->calls, FLOW_OPS_MAX);
	map_init(&flow->refreshing, FLOW_OPS_MAX);
	map_init(&flow->turns, FLOW_OPS_MAX);
	map_init(&flow->resting, FLOW_OPS_MAX);
	map_init(&flow->fetching, FLOW_OPS_MAX);
	map_init(&flow->watchers, FLOW_OPS_MAX);
	map_init(&flow->toolcalls, FLOW_OPS_MAX);
	map_init(&flow->proxying, FLOW_OPS_MAX);
	map_init(&flow->remotes, REMOTE_LINKS_MAX);
	map_init(&flow->mounts_ended, FLOW_OPS_MAX);
	flow->started = clock_boot();
	/* A courier that outlived the last core may still answer its ids: begin elsewhere. */
	rng_fill((uint8_t *)&flow->next_op, sizeof flow->next_op);
	TRY(contexts_new(&flow->contexts));
	return compiled_new(&flow->compiled);
}

void flow_done(struct flow *flow)
{
	for (size_t i = 0; i < PEER_COUNT; i++)
		dynbuf_done(&flow->staged[i]);
	size_t at = 0;
	for (struct op *op; (op = map_next(&flow->ops, &at)) != NULL;) {
		if (op->fn == on_appended)
			free(op->ctx);
		free(op);
	}
	map_done(&flow->ops);
	map_done(&flow->calls);
	map_done(&flow->refreshing);
	turns_done(&flow->turns);
	map_done(&flow->resting);
	fetch_end_all(flow);
	approval_unwatch_all(flow);
	toolcall_end_all(flow);
	map_done(&flow->proxying);
	remote_end_all(flow);
	map_done(&flow->mounts_ended);
	free(flow->rewrap);
	compiled_free(&flow->compiled);
	contexts_free(&flow->contexts);
	wipe(flow->text_key, sizeof flow->text_key);
}

void flow_batch_begin(struct flow *flow)
{
	flow->now = clock_wall();
	flow->boot = clock_boot();
	flow->batch_writes = 0;
	flow->count[COUNT_BATCHES]++;
}

void flow_request_begin(struct flow *flow)
{
	for (size_t i = 0; i < PEER_COUNT; i++)
		flow->marks[i] = flow->staged[i].n;
	flow->request_ops_n = 0;
}

void flow_request_undo(struct flow *flow)
{
	for (size_t i = 0; i < PEER_COUNT; i++) {
		flow->staged[i].n = flow->marks[i];
		flow->staged[i].err = OK;
	}
	for (size_t i = 0; i < flow->request_ops_n; i++) {
		struct op *op = map_del(&flow->ops, flow->request_ops[i]);
		if (op != NULL && op->fn == on_appended)
			appending_undo(op->ctx);
		free(op);
	}
	flow->request_ops_n = 0;
}

enum err flow_expect(struct flow *flow, enum flow_peer peer, flow_reply_fn fn, void *ctx,
		     uint64_t *ret_id)
{
	if (flow->request_ops_n == FLOW_REQUEST_OPS)
		return ERR_OVERLOADED;
	struct op *op = malloc(sizeof *op);
	if (op == NULL)
		return FAULT_NOMEM;
	*op = (struct op){ peer, flow->count[COUNT_BATCHES], fn, ctx };
	if (++flow->next_op == 0)
		flow->next_op = 1;
	const enum err err = map_put(&flow->ops, flow->next_op, op);
	if (err != OK) {
		free(op);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	flow->request_ops[flow->request_ops_n++] = flow->next_op;
	*ret_id = flow->next_op;
	return OK;
}

bool flow_reply(struct flow *flow, const struct frame *frame)
{
	struct op *op = frame->id == 0 ? NULL : map_del(&flow->ops, frame->id);

	if (op == NULL)
		return false;
	const struct op taken = *op;
	free(op);
	taken.fn(flow, taken.ctx, frame);
	return true;
}

/* Gives @frame to all who wait for @peer since @batch. */
static void fail_since(struct flow *flow, enum flow_peer peer, uint64_t batch,
		       const struct frame *frame)
{
	/* Telling one may begin others: collect first, for the map must not change meanwhile. */
	uint64_t *dead = calloc(flow->ops.n + 1, sizeof *dead);
	size_t n = 0;

	for (size_t i = 0; dead != NULL && i < flow->ops.room; i++) {
		const struct op *op = flow->ops.slots[i].value;
		if (flow->ops.slots[i].key != 0 && op->peer == peer && op->batch >= batch)
			dead[n++] = flow->ops.slots[i].key;
	}
	for (size_t i = 0; i < n; i++) {
		struct op *op = map_del(&flow->ops, dead[i]);
		if (op == NULL)
			continue;
		flow_request_begin(flow);
		op->fn(flow, op->ctx, frame);
		free(op);
	}
	free(dead);
}

void flow_peer_died(struct flow *flow, enum flow_peer peer)
{
	fail_since(flow, peer, 0, NULL);
}

void flow_unsent(struct flow *flow, uint64_t batch)
{
	const struct ipc_keeper_refused refused = { .err = ERR_LOG_FULL };
	uint8_t room[64];
	struct dynbuf payload = { .p = room, .room = sizeof room, .max = sizeof room };

	ipc_keeper_refused_encode(&refused, &payload);
	const struct frame frame = { .type = IPC_TYPE_keeper_refused,
				     .payload = dynbuf_view(&payload) };
	fail_since(flow, PEER_KEEPER, batch, &frame);
}

static void on_appended(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct appending *appending = ctx;
	struct ipc_keeper_refused refused = { .err = ERR_OVERLOADED };
	enum err err = OK;

	if (frame == NULL || frame->type != IPC_TYPE_appended) {
		if (frame == NULL || ipc_keeper_refused_decode(frame->payload, &refused) != OK)
			refused.err = ERR_SERVER;
		err = (enum err)refused.err;
	}
	if (err == OK && appending->outbox && store_outbox_del(flow->store, appending->event) != OK)
		log_error("an event stays in the outbox although it is in the log");
	if (appending->call != NULL)
		call_event_durable(flow, appending->call, err);
	free(appending);
}

static enum err stage_append(struct flow *flow, struct call *call, struct id event,
			     struct bytes record, bool outbox)
{
	struct appending *appending = malloc(sizeof *appending);
	uint64_t id;

	if (appending == NULL)
		return FAULT_NOMEM;
	*appending = (struct appending){ call, event, outbox };
	const enum err err = flow_expect(flow, PEER_KEEPER, on_appended, appending, &id);
	if (err != OK) {
		free(appending);
		return err;
	}
	const struct ipc_append append = { .record = record };
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, append, &append);
	if (call != NULL)
		call->events_waiting++;
	flow->count[COUNT_EVENTS]++;
	return dynbuf_err(&flow->staged[PEER_KEEPER]);
}

static enum err event_put(struct flow *flow, struct call *call, struct ipc_record *record,
			  bool outbox)
{
	struct dynbuf encoded;

	if (id_none(record->event))
		record->event = id_new();
	dynbuf_init(&encoded, IPC_RECORD_MAX);
	ipc_record_encode(record, &encoded);
	enum err err = dynbuf_err(&encoded);
	if (err == OK && outbox)
		err = store_outbox_put(flow->store, record->event, dynbuf_view(&encoded));
	if (err == OK)
		err = stage_append(flow, call, record->event, dynbuf_view(&encoded), outbox);
	dynbuf_done(&encoded);
	return err;
}

void flow_redirect_uri(const struct flow *flow, char to[static FLOW_REDIRECT_MAX])
{
	snprintf(to, FLOW_REDIRECT_MAX, "%slogin/callback", flow->settings.issuer);
}

enum err flow_meta(struct flow *flow, const char *name, uint64_t *ret)
{
	const enum err err = store_meta_get(flow->store, name, ret);

	if (err == ERR_NOT_FOUND)
		*ret = 0;
	return err == ERR_NOT_FOUND ? OK : err;
}

/* Which state of which row the record is about, for the scrub: of the row that was written last, if
 * it is the most particular one that the record names. */
static void note_version(struct flow *flow, struct ipc_record *record)
{
	const struct id named[] = { record->object, record->connection, record->vault,
				    record->agent, record->user };
	struct row_version version;
	size_t i = 0;

	if (!store_written(flow->store, &version))
		return;
	while (i + 1 < ARRAY_LEN(named) && id_none(named[i]))
		i++;
	if (id_none(named[i]))
		record->object = version.id;
	else if (!id_eq(named[i], version.id))
		return;
	record->revision = version.rev;
	memcpy(record->digest, version.digest, sizeof record->digest);
}

enum err flow_event(struct flow *flow, struct call *call, struct ipc_record *record)
{
	note_version(flow, record);
	/* Counted in the transaction that it belongs to: a database that was put back has counted
	 * less than the log knows of. */
	TRY(flow_meta(flow, "changes", &record->change));
	TRY(store_meta_put(flow->store, "changes", ++record->change));
	return event_put(flow, call, record, true);
}

enum err flow_note(struct flow *flow, struct call *call, struct ipc_record *record)
{
	return event_put(flow, call, record, false);
}

static enum err resend_one(void *ctx, const struct outbox_row *row)
{
	struct flow *flow = ctx;
	bool there = false;

	if (flow->events != NULL)
		TRY(events_has(flow->events, row->event, &there));
	if (there)
		return store_outbox_del(flow->store, row->event);
	flow->request_ops_n = 0;
	return stage_append(flow, NULL, row->event, row->record, true);
}

enum err flow_outbox_resend(struct flow *flow)
{
	return store_outbox_list(flow->store, resend_one, flow);
}

void flow_record(const struct flow *flow, const struct call *call, uint8_t kind, uint8_t outcome,
		 struct ipc_record *ret)
{
	*ret = (struct ipc_record){ .kind = kind, .outcome = outcome, .event = id_new() };
	ret->tenant = flow->tenant_default;
	if (call == NULL)
		return;
	ret->tenant = call->tenant;
	ret->actor = call->actor;
	ret->address = call->address;
}
