/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * streams - bodies between gate and courier, past core, under numbers that core
 * has given to both.
 *
 * A stream has two sides that come in any order: gate opens it and says how many
 * bytes it takes; a call joins it. The answer waits until both are there. Either
 * direction moves only as far as the other end has made room. A side that goes
 * away ends the other.
 */

#include "ipc/ipc.h"
#include "sys/loop.h"

enum {
	STREAMS_MAX = 16384,
	STREAMS_ROOM = 256 * 1024,		/* for a request's body */
	STREAMS_QUEUE_MAX = 1024 * 1024 * 1024, /* never reached: gate makes the room */
};

struct streams;
struct stream;

/* For the call's side. */
struct stream_fns {
	void (*room)(void *ctx); /* there is room again, or more of the request's body */
	void (*lost)(void *ctx); /* gate does not want the rest; the stream is gone */
};

must_check enum err streams_new(struct loop *loop, struct streams **ret);
void streams_free(struct streams **streamsp);
/* Takes over the channel to gate; what the last one had open is lost. FAULT_NOMEM, FAULT_SYSTEM. */
must_check enum err streams_gate(struct streams *streams, int fd);
void streams_flush(struct streams *streams);
/* Drops a stream whose call has ended before gate opened it; else does nothing. */
void streams_drop(struct streams *streams, uint64_t number);

/* The call's side. @upload: gate is told to send the request's body. ERR_USED (joined before),
 * ERR_OVERLOADED, ERR_MALFORMED (number 0, or no gate). */
must_check enum err stream_join(struct streams *streams, uint64_t number, bool upload,
				const struct stream_fns *fns, void *ctx, struct stream **ret);
/* Once, before any piece. */
void stream_head(struct stream *stream, uint16_t status, uint64_t length, struct bytes headers);
/* Whether a piece may be sent now; if not, room() is called later. */
bool stream_takes(struct stream *stream);
/* The frame to append a piece to; then stream_sent(). NULL: no gate. */
struct dynbuf *stream_piece(struct stream *stream);
void stream_sent(struct stream *stream);
/* Bytes of the request's body: as httpc_stream's upload(). */
long stream_upload(struct stream *stream, uint8_t *to, size_t max);
/* The call's side is done; gate is told once it has opened. Sets *@streamp NULL. */
void stream_leave(struct stream **streamp, bool whole);
