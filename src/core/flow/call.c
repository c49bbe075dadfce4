/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/flow/flow.h"
#include "crypto/crypto.h"

const uint8_t *call_address(const struct call *call)
{
	return call->request.address.n == 16 ? call->request.address.p : NULL;
}

static struct id address_pseudonym(const struct flow *flow, struct bytes address)
{
	const struct bytes parts[] = { str("valetkey address"), address };
	uint8_t out[MAC_LEN];
	struct id id;

	mac(flow->text_key, parts, ARRAY_LEN(parts), out);
	memcpy(id.b, out, ID_LEN);
	return id;
}

/* A call is swept at the end of the batch that brought it or answered it. */
static void call_list(struct flow *flow, struct call *call)
{
	if (call->listed)
		return;
	call->listed = true;
	call->next_in_batch = flow->batch_calls;
	flow->batch_calls = call;
}

enum err call_new(struct flow *flow, uint64_t gate_id, const struct ipc_http_request *request,
		  struct call **ret)
{
	struct call *call = calloc(1, sizeof *call);

	if (call == NULL)
		return FAULT_NOMEM;
	call->gate_id = gate_id;
	call->request = *request;
	call->tenant = flow->tenant_default;
	call->address = address_pseudonym(flow, request->address);
	call->came = flow->boot;
	dynbuf_init(&call->headers, IPC_HEADERS_MAX);
	dynbuf_init(&call->body, IPC_ANSWER_MAX);
	const enum err err = map_put(&flow->calls, gate_id, call);
	if (err != OK) {
		free(call);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	call_list(flow, call);
	flow->count[COUNT_REQUESTS]++;
	*ret = call;
	return OK;
}

enum err call_keep(struct call *call)
{
	struct dynbuf copy;

	if (call->kept != NULL)
		return OK;
	dynbuf_init(&copy, IPC_FRAME_MAX);
	ipc_http_request_encode(&call->request, &copy);
	enum err err = dynbuf_err(&copy);
	if (err == OK)
		err = buf_dup(dynbuf_view(&copy), &call->kept);
	dynbuf_done(&copy);
	return err != OK ? err : ipc_http_request_decode(buf_bytes(call->kept), &call->request);
}

static void call_free(struct call *call)
{
	dynbuf_done(&call->headers);
	dynbuf_done(&call->body);
	buf_free(&call->kept);
	buf_free(&call->capsule);
	if (call->mine != NULL)
		wipe(call->mine, call->mine_n);
	free(call->mine);
	free(call->detail);
	free(call);
}

void call_header(struct call *call, const char *name, struct bytes value)
{
	ipc_headers_add(&call->headers, name, value);
}

void call_reset(struct call *call)
{
	dynbuf_reset(&call->headers);
	dynbuf_reset(&call->body);
	buf_free(&call->capsule);
	call->capsule_at = 0;
}

static void call_send(struct flow *flow, struct call *call)
{
	struct ipc_http_response response = {
		.status = (uint16_t)call->status,
		.headers = dynbuf_view(&call->headers),
		.body = dynbuf_view(&call->body),
		.capsule = buf_bytes(call->capsule),
		.capsule_at = call->capsule_at,
	};

	call->sent = true;
	if (call->gate_id == 0)
		return;
	if (dynbuf_err(&call->headers) != OK || dynbuf_err(&call->body) != OK)
		response = (struct ipc_http_response){ .status = 500 };
	FRAME_PUT(&flow->staged[PEER_GATE], call->gate_id, http_response, &response);
	(void)map_del(&flow->calls, call->gate_id);
}

void call_answer(struct flow *flow, struct call *call, unsigned status)
{
	call->status = status;
	call->answered = true;
	if (call->events_waiting == 0)
		call_send(flow, call);
	call_list(flow, call);
}

/* Where the next frame of an answer in pieces goes. */
static struct dynbuf *stream_out(struct flow *flow, struct call *call)
{
	return call->events_waiting > 0 ? &call->body : &flow->staged[PEER_GATE];
}

/* No more is sent; the journey learns of it, and ends the call in its own time. */
static void stream_break(struct flow *flow, struct call *call)
{
	(void)map_del(&flow->calls, call->gate_id);
	call->gate_id = 0;
	if (call->stream == CALL_BEGUN && call->gone != NULL)
		call->gone(flow, call);
}

static void stream_fail(struct flow *flow, struct call *call, enum err err)
{
	const struct ipc_http_response response = { .status = (uint16_t)err_row(err)->status };
	const struct ipc_http_end end = { .whole = 0 };

	if (call->left)
		FRAME_PUT(&flow->staged[PEER_GATE], call->gate_id, http_end, &end);
	else
		FRAME_PUT(&flow->staged[PEER_GATE], call->gate_id, http_response, &response);
	stream_break(flow, call);
}

static void stream_finish(struct flow *flow, struct call *call)
{
	if (call->gate_id != 0)
		(void)map_del(&flow->calls, call->gate_id);
	call->sent = true;
	call_list(flow, call);
}

/* The events are durable, or one of them will not be. */
static void stream_release(struct flow *flow, struct call *call)
{
	if (call->failed == OK)
		call->failed = dynbuf_err(&call->body);
	if (call->gate_id != 0 && call->failed != OK) {
		stream_fail(flow, call, call->failed);
	} else if (call->gate_id != 0) {
		dynbuf_bytes(&flow->staged[PEER_GATE], dynbuf_view(&call->body));
		call->left = call->left || call->body.n > 0;
	}
	dynbuf_reset(&call->body);
	if (call->stream == CALL_ENDED)
		stream_finish(flow, call);
}

void call_begin(struct flow *flow, struct call *call, unsigned status, bool beat)
{
	struct ipc_http_begin begin = { .status = (uint16_t)status,
					.beat = beat,
					.headers = dynbuf_view(&call->headers) };

	call->answered = true;
	call->stream = CALL_BEGUN;
	dynbuf_reset(&call->body);
	if (call->gate_id == 0)
		return;
	if (dynbuf_err(&call->headers) != OK)
		begin = (struct ipc_http_begin){ .status = 500 };
	FRAME_PUT(stream_out(flow, call), call->gate_id, http_begin, &begin);
	call->left = call->events_waiting == 0;
}

void call_data(struct flow *flow, struct call *call, struct bytes piece)
{
	while (piece.n > 0 && call->gate_id != 0) {
		const size_t n = piece.n < IPC_PIECE_MAX ? piece.n : IPC_PIECE_MAX;
		const struct ipc_http_data data = { .bytes = { piece.p, n } };
		FRAME_PUT(stream_out(flow, call), call->gate_id, http_data, &data);
		piece = (struct bytes){ piece.p + n, piece.n - n };
	}
}

void call_end(struct flow *flow, struct call *call, bool whole)
{
	const struct ipc_http_end end = { .whole = whole };

	call->stream = CALL_ENDED;
	if (call->gate_id != 0)
		FRAME_PUT(stream_out(flow, call), call->gate_id, http_end, &end);
	if (call->events_waiting == 0)
		stream_finish(flow, call);
}

void call_streamed(struct flow *flow, struct call *call)
{
	call->answered = true;
	stream_finish(flow, call);
}

void call_room(struct flow *flow, uint64_t gate_id, bool room)
{
	struct call *call = gate_id == 0 ? NULL : map_find(&flow->calls, gate_id);

	if (call == NULL)
		return;
	call->full = !room;
	if (room && call->stream == CALL_BEGUN && call->room != NULL)
		call->room(flow, call);
}

void call_event_durable(struct flow *flow, struct call *call, enum err err)
{
	call->events_waiting--;
	if (call->stream != CALL_WHOLE) {
		call->failed = call->failed == OK ? err : call->failed;
		if (call->events_waiting == 0)
			stream_release(flow, call);
		return;
	}
	if (err != OK && call->answered && !call->sent) {
		call_reset(call);
		call_header(call, "retry-after", str("5"));
		call->status = (unsigned)err_row(err)->status;
	}
	if (call->events_waiting > 0 || !call->answered || call->sent)
		return;
	call_send(flow, call);
	call_list(flow, call);
}

void call_gone(struct flow *flow, uint64_t gate_id)
{
	struct call *call = gate_id == 0 ? NULL : map_del(&flow->calls, gate_id);

	if (call == NULL)
		return;
	call->gate_id = 0;
	if (call->gone != NULL && (!call->answered || call->stream == CALL_BEGUN))
		call->gone(flow, call);
}

void calls_gone(struct flow *flow)
{
	struct map calls = flow->calls;
	size_t at = 0;

	map_init(&flow->calls, FLOW_OPS_MAX);
	for (struct call *call; (call = map_next(&calls, &at)) != NULL;) {
		call->gate_id = 0;
		if (call->gone != NULL && (!call->answered || call->stream == CALL_BEGUN))
			call->gone(flow, call);
	}
	map_done(&calls);
}

void call_sweep(struct flow *flow)
{
	struct call *next;

	for (struct call *call = flow->batch_calls; call != NULL; call = next) {
		next = call->next_in_batch;
		call->listed = false;
		if (call->sent && call->events_waiting == 0)
			call_free(call);
	}
	flow->batch_calls = NULL;
}
