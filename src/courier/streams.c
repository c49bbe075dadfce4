/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *
 *  1. A stream is in the map while a side of it is there: `opened` by gate, or
 *     `fns` of a call. One that a call has left (`left`) before gate opened it
 *     stays for that, with its head.
 *  2. `room` is what gate takes; it is overdrawn by one piece at most, so that
 *     room that is smaller than a piece is of use.
 *  3. `up` holds at most what was granted to gate.
 */
#include "courier/streams.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/wiped.h"
#include "httpc/httpc.h"
#include "sys/channel.h"

struct streams {
	struct loop *loop;
	struct channel *gate;
	struct map all;
};

struct stream {
	struct streams *of;
	uint64_t number;
	const struct stream_fns *fns; /* NULL: no call */
	void *ctx;
	bool opened, left, whole, wanting;
	int64_t room;
	struct dynbuf head; /* the frame, until gate has opened */
	size_t piece_began;
	struct dynbuf up;
	size_t up_at, up_taken;
	bool uploads, up_over, up_broken, hungry;
};

static void stream_free(struct stream *stream)
{
	(void)map_del(&stream->of->all, stream->number);
	dynbuf_done(&stream->head);
	wiped_done(&stream->up);
	free(stream);
}

static struct dynbuf *to_gate(struct streams *streams)
{
	struct dynbuf *out;

	if (streams->gate == NULL || channel_out(streams->gate, &out) != OK)
		return NULL;
	return out;
}

static void send_end(struct streams *streams, uint64_t number, bool whole)
{
	const struct ipc_stream_end end = { .whole = whole };
	struct dynbuf *out = to_gate(streams);

	if (out != NULL)
		FRAME_PUT(out, number, stream_end, &end);
}

static void send_room(struct stream *stream, size_t bytes)
{
	const struct ipc_stream_room room = { .room = (uint32_t)bytes };
	struct dynbuf *out = to_gate(stream->of);

	if (out != NULL)
		FRAME_PUT(out, stream->number, stream_room, &room);
}

static enum err stream_new(struct streams *streams, uint64_t number, struct stream **ret)
{
	struct stream *stream = calloc(1, sizeof *stream);

	if (stream == NULL)
		return FAULT_NOMEM;
	*stream = (struct stream){ .of = streams, .number = number };
	dynbuf_init(&stream->head, IPC_HEADERS_MAX + 64);
	dynbuf_init(&stream->up, 2 * STREAMS_ROOM);
	const enum err err = map_put(&streams->all, number, stream);
	if (err != OK) {
		free(stream);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	*ret = stream;
	return OK;
}

/* Gate wants no more of it. */
static void lose(struct stream *stream)
{
	const struct stream_fns *fns = stream->fns;
	void *ctx = stream->ctx;

	stream_free(stream);
	if (fns != NULL)
		fns->lost(ctx);
}

static void tell_room(struct stream *stream)
{
	if (stream->fns != NULL && (stream->wanting || stream->hungry)) {
		stream->wanting = stream->hungry = false;
		stream->fns->room(stream->ctx);
	}
}

static enum err take_open(struct streams *streams, uint64_t number, struct bytes payload)
{
	struct stream *stream = map_find(&streams->all, number);
	struct ipc_stream_open open;

	TRY(ipc_stream_open_decode(payload, &open));
	if (stream == NULL)
		TRY(stream_new(streams, number, &stream));
	if (stream->opened)
		return ERR_USED;
	stream->opened = true;
	stream->room = open.room;
	struct dynbuf *out = to_gate(streams);
	if (out != NULL)
		dynbuf_bytes(out, dynbuf_view(&stream->head));
	dynbuf_reset(&stream->head);
	/* Not before: gate takes no notice of a stream that it has not opened. */
	if (stream->uploads)
		send_room(stream, STREAMS_ROOM);
	if (stream->left) {
		send_end(streams, number, stream->whole);
		stream_free(stream);
		return OK;
	}
	tell_room(stream);
	return OK;
}

static enum err take_room(struct streams *streams, uint64_t number, struct bytes payload)
{
	struct stream *stream = map_find(&streams->all, number);
	struct ipc_stream_room room;

	TRY(ipc_stream_room_decode(payload, &room));
	if (stream == NULL)
		return OK; /* it has ended meanwhile */
	stream->room += room.room;
	tell_room(stream);
	return OK;
}

static enum err take_data(struct streams *streams, uint64_t number, struct bytes payload)
{
	struct stream *stream = map_find(&streams->all, number);
	struct ipc_stream_data data;

	TRY(ipc_stream_data_decode(payload, &data));
	if (stream == NULL)
		return OK;
	wiped_put(&stream->up, data.bytes);
	if (dynbuf_err(&stream->up) != OK)
		stream->up_broken = true;
	tell_room(stream);
	return OK;
}

static enum err take_end(struct streams *streams, uint64_t number, struct bytes payload)
{
	struct stream *stream = map_find(&streams->all, number);
	struct ipc_stream_end end;

	TRY(ipc_stream_end_decode(payload, &end));
	if (stream == NULL)
		return OK;
	if (end.whole == 0) {
		lose(stream);
		return OK;
	}
	stream->up_over = true;
	tell_room(stream);
	return OK;
}

static const struct {
	uint8_t type;
	enum err (*fn)(struct streams *streams, uint64_t number, struct bytes payload);
} takes[] = {
	{ IPC_TYPE_stream_open, take_open },
	{ IPC_TYPE_stream_room, take_room },
	{ IPC_TYPE_stream_data, take_data },
	{ IPC_TYPE_stream_end, take_end },
};

static enum err take_frame(struct streams *streams, struct bytes bytes)
{
	struct frame frame;

	TRY(frame_next(&bytes, &frame));
	for (size_t i = 0; i < ARRAY_LEN(takes); i++)
		if (takes[i].type == frame.type && frame.id != 0)
			return takes[i].fn(streams, frame.id, frame.payload);
	return ERR_UNSUPPORTED;
}

static void lose_all(struct streams *streams)
{
	struct stream *stream;
	size_t at = 0;

	/* Losing one changes the map: begin again each time. */
	while ((stream = map_next(&streams->all, &at)) != NULL) {
		lose(stream);
		at = 0;
	}
}

static void on_gate_gone(void *ctx)
{
	struct streams *streams = ctx;

	channel_free(&streams->gate);
	lose_all(streams);
}

static void on_gate_frame(void *ctx, struct bytes frame)
{
	const enum err err = take_frame(ctx, frame);

	if (err == OK)
		return;
	log_error("gate sent what is no part of a stream: %s", err_row(err)->name);
	on_gate_gone(ctx);
}

enum err streams_new(struct loop *loop, struct streams **ret)
{
	struct streams *streams = calloc(1, sizeof *streams);

	if (streams == NULL)
		return FAULT_NOMEM;
	streams->loop = loop;
	map_init(&streams->all, STREAMS_MAX);
	*ret = streams;
	return OK;
}

void streams_free(struct streams **streamsp)
{
	struct streams *streams = take(*streamsp);
	struct stream *stream;
	size_t at = 0;

	if (streams == NULL)
		return;
	channel_free(&streams->gate);
	while ((stream = map_next(&streams->all, &at)) != NULL) {
		stream_free(stream);
		at = 0;
	}
	map_done(&streams->all);
	free(streams);
}

enum err streams_gate(struct streams *streams, int fd)
{
	on_gate_gone(streams);
	return channel_new(streams->loop, fd, IPC_FRAME_MAX, STREAMS_QUEUE_MAX, on_gate_frame,
			   on_gate_gone, streams, &streams->gate);
}

void streams_flush(struct streams *streams)
{
	if (streams->gate != NULL)
		channel_flush(streams->gate);
}

void streams_drop(struct streams *streams, uint64_t number)
{
	struct stream *stream = map_find(&streams->all, number);

	if (stream != NULL)
		lose(stream);
}

enum err stream_join(struct streams *streams, uint64_t number, bool upload,
		     const struct stream_fns *fns, void *ctx, struct stream **ret)
{
	struct stream *stream = map_find(&streams->all, number);

	if (number == 0 || streams->gate == NULL)
		return ERR_MALFORMED;
	if (stream == NULL)
		TRY(stream_new(streams, number, &stream));
	if (stream->fns != NULL || stream->left)
		return ERR_USED;
	stream->fns = fns;
	stream->ctx = ctx;
	stream->uploads = upload;
	if (upload && stream->opened)
		send_room(stream, STREAMS_ROOM);
	*ret = stream;
	return OK;
}

void stream_head(struct stream *stream, uint16_t status, uint64_t length, struct bytes headers)
{
	const struct ipc_stream_head head = { .status = status,
					      .length = length,
					      .headers = headers };
	struct dynbuf *out = stream->opened ? to_gate(stream->of) : &stream->head;

	if (out != NULL)
		FRAME_PUT(out, stream->number, stream_head, &head);
}

bool stream_takes(struct stream *stream)
{
	if (stream->opened && stream->room > 0)
		return true;
	stream->wanting = true;
	return false;
}

struct dynbuf *stream_piece(struct stream *stream)
{
	struct dynbuf *out = to_gate(stream->of);

	if (out == NULL)
		return NULL;
	stream->piece_began = frame_begin(out, IPC_TYPE_stream_data, stream->number);
	dynbuf_u32(out, 0);
	return out;
}

void stream_sent(struct stream *stream)
{
	struct dynbuf *out = to_gate(stream->of);
	const size_t at = stream->piece_began + IPC_FRAME_HEAD;

	if (out == NULL || dynbuf_err(out) != OK)
		return;
	const size_t n = out->n - at - 4;
	put_u32(out->p + at, (uint32_t)n);
	frame_end(out, stream->piece_began);
	if (n == 0)
		out->n = stream->piece_began;
	stream->room -= (int64_t)n;
}

long stream_upload(struct stream *stream, uint8_t *to, size_t max)
{
	const size_t have = stream->up.n - stream->up_at, n = have < max ? have : max;

	if (stream->up_broken)
		return HTTPC_UPLOAD_BROKEN;
	if (n == 0 && stream->up_over)
		return HTTPC_UPLOAD_OVER;
	if (n == 0) {
		stream->hungry = true;
		return HTTPC_UPLOAD_WAIT;
	}
	put(to, stream->up.p + stream->up_at, n);
	stream->up_at += n;
	stream->up_taken += n;
	if (stream->up_at == stream->up.n) {
		dynbuf_reset(&stream->up);
		stream->up_at = 0;
	}
	if (stream->up_at >= STREAMS_ROOM / 2) {
		dynbuf_shift(&stream->up, stream->up_at);
		stream->up_at = 0;
	}
	if (stream->up_taken >= STREAMS_ROOM / 4) {
		send_room(stream, stream->up_taken);
		stream->up_taken = 0;
	}
	return (long)n;
}

void stream_leave(struct stream **streamp, bool whole)
{
	struct stream *stream = take(*streamp);

	if (stream == NULL)
		return;
	stream->fns = NULL;
	if (stream->opened) {
		send_end(stream->of, stream->number, whole);
		stream_free(stream);
		return;
	}
	stream->left = true;
	stream->whole = whole;
}
