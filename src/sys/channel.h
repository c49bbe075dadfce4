/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/dynbuf.h"
#include "sys/loop.h"

/*
 * channel - length-prefixed frames over a local stream socket, never blocking.
 *
 * All that has arrived is read at once and given to the owner frame by frame;
 * what is sent is gathered and leaves in one write when the loop's batch ends
 * (channel_flush). Both directions have a ceiling: a peer that does not read
 * makes channel_out() answer ERR_OVERLOADED, one that sends a bad length is hung
 * up on.
 */
struct channel;

/* One frame, head included (4 bytes length first); borrowed for the call. */
typedef void (*channel_frame_fn)(void *ctx, struct bytes frame);
/* The peer has hung up or broken the rules; the channel is dead and may be freed here. */
typedef void (*channel_gone_fn)(void *ctx);

/* Takes @fd over. @frame_max: longest frame; @queue_max: most bytes waiting to leave. */
must_check enum err channel_new(struct loop *loop, int fd, size_t frame_max, size_t queue_max,
				channel_frame_fn on_frame, channel_gone_fn on_gone, void *ctx,
				struct channel **ret);
void channel_free(struct channel **channelp);

/* The buffer to append whole frames to, or ERR_OVERLOADED when too much waits already. */
must_check enum err channel_out(struct channel *channel, struct dynbuf **ret);
/* Sends what was appended, as far as the socket takes it now; the rest follows by itself. */
void channel_flush(struct channel *channel);
/* Stops and resumes reading: back-pressure for a process that has enough to do. */
void channel_pause(struct channel *channel, bool paused);
size_t channel_waiting(const struct channel *channel);

/* Two connected, non-blocking, close-on-exec stream sockets. FAULT_SYSTEM. */
must_check enum err channel_pair(int ret[2]);

/* A message with at most one descriptor (-1: none) over a SEQPACKET socket. FAULT_SYSTEM. */
must_check enum err handover_send(int sock, struct bytes message, int fd);
/* @room: in capacity, out length. *@ret_fd is -1 if none came.
 * ERR_NOT_FOUND (peer has gone), ERR_MALFORMED, FAULT_SYSTEM. */
must_check enum err handover_recv(int sock, uint8_t *to, size_t *room, int *ret_fd);
