/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/ask.h"

#include <stdlib.h>

#include "crypto/crypto.h"

struct ask {
	ask_done_fn done;
	void *journey;
	struct call *from; /* NULL: the answer comes here */
	uint64_t number;
	struct buf *call; /* encoded, its capsule empty: the last four bytes are that length */
};

struct adopting {
	adopt_done_fn done;
	void *journey;
};

static void ask_free(struct ask **askp)
{
	if (*askp != NULL)
		buf_free(&(*askp)->call);
	free(*askp);
	*askp = NULL;
}

static void ask_end(struct flow *flow, struct ask *ask, const struct ask_answer *answer)
{
	const ask_done_fn done = ask->done;
	void *journey = ask->journey;

	ask_free(&ask);
	done(flow, journey, answer);
}

static void ask_failed(struct flow *flow, struct ask *ask, enum ask_outcome outcome, enum err err)
{
	const struct ask_answer answer = { .outcome = outcome, .err = err };

	ask_end(flow, ask, &answer);
}

enum err ask_read(const struct frame *frame, struct ask_answer *ret)
{
	static const enum ask_outcome outcomes[] = {
		[COURIER_ANSWERED] = ASK_ANSWERED,    [COURIER_REFUSED] = ASK_NOT_SENT,
		[COURIER_UNREACHABLE] = ASK_NOT_SENT, [COURIER_UNKNOWN] = ASK_UNKNOWN,
		[COURIER_UNUSABLE] = ASK_UNUSABLE,    [COURIER_CANCELLED] = ASK_UNKNOWN,
		[COURIER_BUSY] = ASK_NOT_SENT,
	};
	static const enum err errs[] = {
		[COURIER_ANSWERED] = OK,
		[COURIER_REFUSED] = ERR_BLOCKED_HOST,
		[COURIER_UNREACHABLE] = ERR_PROVIDER_UNAVAILABLE,
		[COURIER_UNKNOWN] = ERR_UNCERTAIN,
		[COURIER_UNUSABLE] = ERR_PROVIDER_UNAVAILABLE,
		[COURIER_CANCELLED] = ERR_CLIENT_GONE,
		[COURIER_BUSY] = ERR_OVERLOADED,
	};
	struct ask_answer answer = { .outcome = ASK_UNKNOWN, .err = ERR_UNCERTAIN };

	*ret = answer;
	if (frame == NULL || frame->type != IPC_TYPE_courier_answer ||
	    ipc_courier_answer_decode(frame->payload, &answer.reply) != OK ||
	    answer.reply.outcome >= ARRAY_LEN(outcomes) || outcomes[answer.reply.outcome] == 0)
		return ERR_MALFORMED;
	answer.outcome = outcomes[answer.reply.outcome];
	answer.err = errs[answer.reply.outcome];
	*ret = answer;
	return OK;
}

static void on_answer(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct ask_answer answer;

	err_ignore(ask_read(frame, &answer)); /* then it is unknown */
	ask_end(flow, ctx, &answer);
}

static enum err ask_send(struct flow *flow, struct ask *ask, struct bytes capsule)
{
	struct dynbuf *out = &flow->staged[PEER_COURIER];
	const struct ipc_http_stream stream = { .stream = ask->number };
	uint64_t id;

	if (ask->from != NULL && ask->from->gate_id == 0)
		return ERR_CLIENT_GONE;
	TRY(flow_expect(flow, PEER_COURIER, on_answer, ask, &id));
	if (ask->from != NULL)
		FRAME_PUT(&flow->staged[PEER_GATE], ask->from->gate_id, http_stream, &stream);
	const size_t began = frame_begin(out, IPC_TYPE_courier_call, id);
	dynbuf_put(out, ask->call->p, ask->call->n - 4);
	dynbuf_u32(out, (uint32_t)capsule.n);
	dynbuf_bytes(out, capsule);
	frame_end(out, began);
	return dynbuf_err(out);
}

static enum err refusal(const struct frame *frame)
{
	struct ipc_keeper_refused refused;

	if (frame == NULL || frame->type != IPC_TYPE_keeper_refused ||
	    ipc_keeper_refused_decode(frame->payload, &refused) != OK || refused.err == OK ||
	    refused.err >= ERR_COUNT)
		return ERR_SERVER;
	return (enum err)refused.err;
}

static void on_released(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct ask *ask = ctx;
	struct ipc_released released;

	if (frame == NULL || frame->type != IPC_TYPE_released ||
	    ipc_released_decode(frame->payload, &released) != OK) {
		ask_failed(flow, ask, ASK_NOT_SENT, refusal(frame));
		return;
	}
	const enum err err = ask_send(flow, ask, released.capsule);
	if (err != OK)
		ask_failed(flow, ask, ASK_NOT_SENT, err);
}

static void on_recorded(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct ask *ask = ctx;
	enum err err = frame != NULL && frame->type == IPC_TYPE_appended ? OK : refusal(frame);

	if (err == OK)
		err = ask_send(flow, ask, (struct bytes){ NULL, 0 });
	if (err != OK)
		ask_failed(flow, ask, ASK_NOT_SENT, err);
}

static void place_add(struct dynbuf *out, const struct ask_item *item)
{
	const struct ipc_place place = {
		.field = (uint8_t)item->field,
		.tenant = item->tenant,
		.user = item->user,
		.object = item->object,
		.version = item->version,
	};

	ipc_place_encode(&place, out);
}

static void item_add(struct dynbuf *out, const struct ask_item *item)
{
	struct dynbuf place;

	dynbuf_init(&place, 128);
	place_add(&place, item);
	const struct ipc_item part = { .place = dynbuf_view(&place), .blob = item->blob };
	IPC_LIST_ADD(out, item, &part);
	dynbuf_done(&place);
}

static enum err stage_release(struct flow *flow, struct ask *ask, struct bytes record,
			      const struct ask_item *items, size_t count)
{
	struct dynbuf list;
	uint64_t id;

	if (count == 0) {
		const struct ipc_append append = { .record = record };
		TRY(flow_expect(flow, PEER_KEEPER, on_recorded, ask, &id));
		FRAME_PUT(&flow->staged[PEER_KEEPER], id, append, &append);
		return dynbuf_err(&flow->staged[PEER_KEEPER]);
	}
	TRY(flow_expect(flow, PEER_KEEPER, on_released, ask, &id));
	dynbuf_init(&list, IPC_CAPSULE_MAX);
	for (size_t i = 0; i < count; i++)
		item_add(&list, &items[i]);
	struct ipc_release release = { .receiver = RECEIVER_COURIER,
				       .record = record,
				       .items = dynbuf_view(&list) };
	sha256_one(buf_bytes(ask->call), release.binding);
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, release, &release);
	const enum err err = dynbuf_err(&list);
	dynbuf_done(&list);
	return err != OK ? err : dynbuf_err(&flow->staged[PEER_KEEPER]);
}

static enum err ask_encode(const struct ipc_courier_call *call, struct buf **ret)
{
	struct dynbuf encoded;

	dynbuf_init(&encoded, IPC_FRAME_MAX);
	ipc_courier_call_encode(call, &encoded);
	enum err err = dynbuf_err(&encoded);
	if (err == OK)
		err = buf_dup(dynbuf_view(&encoded), ret);
	dynbuf_done(&encoded);
	return err;
}

enum err ask_begin(struct flow *flow, const struct ipc_courier_call *call,
		   const struct ipc_record *record, const struct ask_item *items, size_t count,
		   ask_done_fn done, void *journey)
{
	return ask_stream(flow, NULL, call, record, items, count, done, journey);
}

enum err ask_stream(struct flow *flow, struct call *from, const struct ipc_courier_call *call,
		    const struct ipc_record *record, const struct ask_item *items, size_t count,
		    ask_done_fn done, void *journey)
{
	scoped(ask_free) struct ask *ask = calloc(1, sizeof *ask);
	struct dynbuf encoded;

	if (ask == NULL)
		return FAULT_NOMEM;
	ask->done = done;
	ask->journey = journey;
	ask->from = from;
	ask->number = call->stream;
	TRY(ask_encode(call, &ask->call));
	dynbuf_init(&encoded, IPC_RECORD_MAX);
	ipc_record_encode(record, &encoded);
	enum err err = dynbuf_err(&encoded);
	if (err == OK)
		err = stage_release(flow, ask, dynbuf_view(&encoded), items, count);
	dynbuf_done(&encoded);
	if (err == OK)
		ask = NULL; /* the reply frees it */
	return err;
}

uint64_t ask_number(void)
{
	uint64_t number = 0;

	while (number == 0)
		rng_fill((uint8_t *)&number, sizeof number);
	return number;
}

void ask_cancel(struct flow *flow, uint64_t number)
{
	const struct ipc_courier_cancel cancel = { .stream = number };

	FRAME_PUT(&flow->staged[PEER_COURIER], 0, courier_cancel, &cancel);
}

void ask_ack(struct flow *flow, struct id attempt)
{
	const struct ipc_courier_ack ack = { .attempt = attempt };

	FRAME_PUT(&flow->staged[PEER_COURIER], 0, courier_ack, &ack);
}

static void on_adopted(struct flow *flow, void *ctx, const struct frame *frame)
{
	const struct adopting adopting = *(struct adopting *)ctx;
	struct bytes blobs[IPC_ITEMS_MAX], list, element;
	struct ipc_adopted adopted;
	struct ipc_item item;
	size_t n = 0;

	free(ctx);
	if (frame == NULL || frame->type != IPC_TYPE_adopted ||
	    ipc_adopted_decode(frame->payload, &adopted) != OK) {
		adopting.done(flow, adopting.journey, refusal(frame), NULL, 0);
		return;
	}
	list = adopted.blobs;
	while (n < IPC_ITEMS_MAX && ipc_list_next(&list, &element) == OK &&
	       ipc_item_decode(element, &item) == OK)
		blobs[n++] = item.blob;
	adopting.done(flow, adopting.journey, list.n == 0 ? OK : ERR_SERVER, blobs, n);
}

enum err ask_adopt(struct flow *flow, enum receiver sender, struct bytes capsule,
		   const struct ask_item *places, size_t count, struct bytes hosts,
		   adopt_done_fn done, void *journey)
{
	struct adopting *adopting = malloc(sizeof *adopting);
	struct dynbuf list;
	uint64_t id;

	if (adopting == NULL)
		return FAULT_NOMEM;
	*adopting = (struct adopting){ done, journey };
	enum err err = flow_expect(flow, PEER_KEEPER, on_adopted, adopting, &id);
	if (err != OK) {
		free(adopting);
		return err;
	}
	dynbuf_init(&list, 256);
	for (size_t i = 0; i < count; i++) {
		const size_t began = ipc_list_begin(&list);
		place_add(&list, &places[i]);
		ipc_list_end(&list, began);
	}
	const struct ipc_adopt adopt = { .sender = (uint8_t)sender,
					 .capsule = capsule,
					 .places = dynbuf_view(&list),
					 .hosts = hosts };
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, adopt, &adopt);
	err = dynbuf_err(&list);
	dynbuf_done(&list);
	return err != OK ? err : dynbuf_err(&flow->staged[PEER_KEEPER]);
}
