/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of a transit:
 *
 *   OPENED   courier was told; core may still answer instead
 *   BEGUN    the answer is on its way
 *   DEAF     the client has all it gets; what courier still sends is dropped
 *
 * A head that comes while the request's body is still on its way is kept until
 * that is over, for the library cannot do both; one that refuses (4xx, 5xx) is
 * passed on at once and the rest of the body dropped.
 */
#include "gate/transit.h"

#include <stdlib.h>

#include "base/log.h"

enum { SLICE = 64 * 1024 };

enum transit_state { OPENED, BEGUN, DEAF };

struct transit {
	uint64_t id, number;
	struct httpd_request *request; /* NULL when DEAF */
	enum transit_state state;
	bool secure, uploading;
	int64_t room;	  /* what courier may still send */
	int64_t up_room;  /* what courier still takes */
	size_t up_at;	  /* of the body that came before the request was given to core */
	struct buf *head; /* kept */
};

void transits_init(struct transits *transits, struct loop *loop, size_t max, transit_begun_fn begun,
		   void *ctx)
{
	*transits = (struct transits){ .loop = loop, .begun = begun, .ctx = ctx };
	map_init(&transits->by_number, max);
	map_init(&transits->by_id, max);
}

static struct dynbuf *to_courier(struct transits *transits)
{
	struct dynbuf *out;

	if (transits->courier == NULL || channel_out(transits->courier, &out) != OK)
		return NULL;
	return out;
}

static void forget(struct transits *transits, struct transit *transit)
{
	(void)map_del(&transits->by_number, transit->number);
	if (transit->state != DEAF)
		(void)map_del(&transits->by_id, transit->id);
	buf_free(&transit->head);
	free(transit);
}

/* The client has all it gets. */
static void deafen(struct transits *transits, struct transit *transit)
{
	(void)map_del(&transits->by_id, transit->id);
	transit->state = DEAF;
	transit->request = NULL;
	transit->uploading = false;
}

void transits_done(struct transits *transits)
{
	struct transit *transit;
	size_t at = 0;

	channel_free(&transits->courier);
	while ((transit = map_next(&transits->by_number, &at)) != NULL) {
		buf_free(&transit->head);
		free(transit);
	}
	map_done(&transits->by_number);
	map_done(&transits->by_id);
}

static void tell_end(struct transits *transits, uint64_t number, bool whole)
{
	const struct ipc_stream_end end = { .whole = whole };
	struct dynbuf *out = to_courier(transits);

	if (out != NULL)
		FRAME_PUT(out, number, stream_end, &end);
}

static void tell_room(struct transits *transits, struct transit *transit, int64_t bytes)
{
	const struct ipc_stream_room room = { .room = (uint32_t)bytes };
	struct dynbuf *out = to_courier(transits);

	if (out == NULL || bytes <= 0)
		return;
	transit->room += bytes;
	FRAME_PUT(out, transit->number, stream_room, &room);
}

static void make_room(struct transits *transits, struct transit *transit, size_t waiting)
{
	const int64_t under_way = transit->room + (int64_t)waiting;

	if (transit->state == BEGUN && under_way <= TRANSIT_ROOM / 2)
		tell_room(transits, transit, TRANSIT_ROOM - under_way);
}

static void send_up(struct transits *transits, struct transit *transit, struct bytes piece)
{
	const struct ipc_stream_data data = { .bytes = piece };
	struct dynbuf *out = to_courier(transits);

	transit->up_room -= (int64_t)piece.n;
	if (out != NULL)
		FRAME_PUT(out, transit->number, stream_data, &data);
}

/* What had come with the request first, then what httpd reads. */
static void push_up(struct transits *transits, struct transit *transit)
{
	const struct bytes body = httpd_body(transit->request);

	while (transit->up_at < body.n && transit->up_room > 0) {
		const size_t left = body.n - transit->up_at, n = left < SLICE ? left : SLICE;
		send_up(transits, transit, (struct bytes){ body.p + transit->up_at, n });
		transit->up_at += n;
	}
	httpd_pull(transit->request, transit->up_at == body.n && transit->up_room > 0);
}

enum err transit_open(struct transits *transits, const struct transit_new *new)
{
	struct dynbuf *out = to_courier(transits);
	const bool uploading = !httpd_whole(new->request);
	const struct ipc_stream_open open = { .room = uploading ? 0 : TRANSIT_ROOM };

	if (out == NULL)
		return ERR_OVERLOADED;
	if (new->number == 0 || map_find(&transits->by_number, new->number) != NULL ||
	    map_find(&transits->by_id, new->id) != NULL)
		return ERR_USED;
	struct transit *transit = calloc(1, sizeof *transit);
	if (transit == NULL)
		return FAULT_NOMEM;
	*transit = (struct transit){ .id = new->id,
				     .number = new->number,
				     .request = new->request,
				     .secure = new->secure,
				     .uploading = uploading,
				     .room = open.room };
	enum err err = map_put(&transits->by_id, transit->id, transit);
	if (err == OK)
		err = map_put(&transits->by_number, transit->number, transit);
	if (err != OK) {
		forget(transits, transit);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	FRAME_PUT(out, transit->number, stream_open, &open);
	return OK;
}

struct transit *transit_find(const struct transits *transits, uint64_t id)
{
	return map_find(&transits->by_id, id);
}

void transit_drop(struct transits *transits, struct transit *transit)
{
	tell_end(transits, transit->number, false);
	forget(transits, transit);
}

bool transit_gone(struct transits *transits, struct transit *transit)
{
	if (httpd_sent(transit->request)) {
		deafen(transits, transit);
		return false;
	}
	transit_drop(transits, transit);
	return true;
}

void transit_room(struct transits *transits, struct transit *transit)
{
	if (transit->state == BEGUN)
		make_room(transits, transit,
			  httpd_send(transit->request, (struct bytes){ NULL, 0 }));
}

static enum err begin(struct transits *transits, struct transit *transit, struct bytes payload)
{
	struct ipc_stream_head head;

	TRY(ipc_stream_head_decode(payload, &head));
	if (head.status < 200 || head.status > 599)
		return ERR_MALFORMED;
	TRY(fields_for_foreign(head.headers, transit->secure, &transits->fields));
	const bool bodiless = bytes_is(httpd_method(transit->request), "HEAD") ||
			      head.status == 204 || head.status == 304;
	const uint64_t length = head.status == 204 || head.status == 304 ? 0 : head.length;
	transits->begun(transits->ctx, transit->id);
	transit->state = BEGUN;
	transit->uploading = false;
	if (httpd_begin(transit->request, head.status, transits->fields.rows, transits->fields.n,
			length) != OK) {
		transit_drop(transits, transit);
		return OK;
	}
	if (bodiless) {
		httpd_end(transit->request, true);
		deafen(transits, transit);
		return OK;
	}
	make_room(transits, transit, 0);
	return OK;
}

static void upload_over(struct transits *transits, struct transit *transit)
{
	scoped(buf_free) struct buf *head = take(transit->head);

	transit->uploading = false;
	tell_end(transits, transit->number, true);
	if (head != NULL)
		err_ignore(begin(transits, transit, buf_bytes(head))); /* it was read before */
}

void transit_piece(struct transits *transits, struct transit *transit, struct bytes piece)
{
	if (!transit->uploading)
		return;
	if (piece.p == NULL) {
		upload_over(transits, transit);
		return;
	}
	send_up(transits, transit, piece);
	if (transit->up_room <= 0)
		httpd_pull(transit->request, false);
}

static enum err take_head(struct transits *transits, struct transit *transit, struct bytes payload)
{
	struct ipc_stream_head head;

	TRY(ipc_stream_head_decode(payload, &head));
	if (transit->state != OPENED || transit->head != NULL)
		return ERR_MALFORMED;
	if (transit->uploading && head.status < 400)
		return buf_dup(payload, &transit->head);
	return begin(transits, transit, payload);
}

static enum err take_data(struct transits *transits, struct transit *transit, struct bytes payload)
{
	struct ipc_stream_data data;

	TRY(ipc_stream_data_decode(payload, &data));
	if (transit->state == OPENED)
		return ERR_MALFORMED;
	transit->room -= (int64_t)data.bytes.n;
	if (transit->state == BEGUN)
		make_room(transits, transit, httpd_send(transit->request, data.bytes));
	return OK;
}

static enum err take_room(struct transits *transits, struct transit *transit, struct bytes payload)
{
	struct ipc_stream_room room;

	TRY(ipc_stream_room_decode(payload, &room));
	transit->up_room += room.room;
	if (transit->uploading)
		push_up(transits, transit);
	return OK;
}

static enum err take_end(struct transits *transits, struct transit *transit, struct bytes payload)
{
	struct ipc_stream_end end;

	TRY(ipc_stream_end_decode(payload, &end));
	/* Without a head core says what to answer; with one that waits, the body did not matter. */
	if (transit->state == OPENED && transit->head != NULL && end.whole != 0) {
		scoped(buf_free) struct buf *head = take(transit->head);
		TRY(begin(transits, transit, buf_bytes(head)));
	}
	if (transit->state == BEGUN)
		httpd_end(transit->request, end.whole != 0);
	forget(transits, transit);
	return OK;
}

static const struct {
	uint8_t type;
	enum err (*fn)(struct transits *transits, struct transit *transit, struct bytes payload);
} takes[] = {
	{ IPC_TYPE_stream_head, take_head },
	{ IPC_TYPE_stream_data, take_data },
	{ IPC_TYPE_stream_room, take_room },
	{ IPC_TYPE_stream_end, take_end },
};

/* Nothing of what it was is known any more: the client is shown a break, core told. */
static void break_off(struct transits *transits, struct transit *transit)
{
	if (transit->state == BEGUN)
		httpd_end(transit->request, false);
	else if (transit->state == OPENED && transit->uploading)
		httpd_pull(transit->request, false);
	transit_drop(transits, transit);
}

static enum err take_frame(struct transits *transits, struct bytes bytes)
{
	struct transit *transit;
	struct frame frame;

	TRY(frame_next(&bytes, &frame));
	for (size_t i = 0; i < ARRAY_LEN(takes); i++) {
		if (takes[i].type != frame.type)
			continue;
		transit = frame.id == 0 ? NULL : map_find(&transits->by_number, frame.id);
		if (transit == NULL)
			return OK; /* its client has gone */
		const enum err err = takes[i].fn(transits, transit, frame.payload);
		if (err != OK)
			break_off(transits, transit);
		return err;
	}
	return ERR_UNSUPPORTED;
}

static void on_frame(void *ctx, struct bytes frame)
{
	const enum err err = take_frame(ctx, frame);

	if (err != OK)
		log_error("a part of a stream of courier cannot be passed on: %s",
			  err_row(err)->name);
}

/* Requests that have no answer yet wait for what core says of courier's end. */
static void on_gone(void *ctx)
{
	struct transits *transits = ctx;
	struct transit *transit;
	size_t at = 0;

	channel_free(&transits->courier);
	while ((transit = map_next(&transits->by_number, &at)) != NULL) {
		break_off(transits, transit);
		at = 0;
	}
}

enum err transits_courier(struct transits *transits, int fd)
{
	on_gone(transits);
	return channel_new(transits->loop, fd, IPC_FRAME_MAX, TRANSIT_QUEUE_MAX, on_frame, on_gone,
			   transits, &transits->courier);
}

void transits_flush(struct transits *transits)
{
	if (transits->courier != NULL)
		channel_flush(transits->courier);
}
