/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/undone.h"

/* Drops the frames of @staged that @drop tells. */
static void drop_frames(const struct flow *flow, struct dynbuf *staged,
			bool (*drop)(const struct flow *flow, const struct frame *frame))
{
	struct bytes rest = dynbuf_view(staged);
	struct frame frame;
	size_t kept = 0;

	for (const uint8_t *at = rest.p; frame_next(&rest, &frame) == OK; at = rest.p) {
		if (drop(flow, &frame))
			continue;
		memmove(staged->p + kept, at, (size_t)(rest.p - at));
		kept += (size_t)(rest.p - at);
	}
	staged->n = kept;
}

static bool is_ack(const struct flow *flow, const struct frame *frame)
{
	return frame->type == IPC_TYPE_courier_ack;
}

static bool is_of_batch(const struct flow *flow, const struct frame *frame)
{
	const struct call *call = flow->batch_calls;

	while (call != NULL && call->gate_id != frame->id)
		call = call->next_in_batch;
	return call != NULL;
}

static void refuse_call(struct flow *flow, struct call *call)
{
	const struct ipc_http_response response = { .status = 503 };
	const struct ipc_http_end end = { .whole = 0 };

	if (call->gate_id != 0 && call->left)
		FRAME_PUT(&flow->staged[PEER_GATE], call->gate_id, http_end, &end);
	else if (call->gate_id != 0)
		FRAME_PUT(&flow->staged[PEER_GATE], call->gate_id, http_response, &response);
	(void)map_del(&flow->calls, call->gate_id);
	call->gate_id = 0;
}

void undone_refuse(struct flow *flow)
{
	dynbuf_reset(&flow->staged[PEER_KEEPER]);
	drop_frames(flow, &flow->staged[PEER_GATE], is_of_batch);
	for (struct call *c = flow->batch_calls; c != NULL; c = c->next_in_batch)
		refuse_call(flow, c);
}

void undone_calls_alone(struct flow *flow)
{
	dynbuf_reset(&flow->staged[PEER_KEEPER]);
	dynbuf_reset(&flow->staged[PEER_GATE]);
	drop_frames(flow, &flow->staged[PEER_COURIER], is_ack);
}
