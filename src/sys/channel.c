/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 *  1. `in` holds what has arrived and is not yet given on; at most one frame
 *     and a read's worth of the next.
 *  2. `out` holds what is to leave; `sent` of it is in the socket already.
 *  3. A channel that is freed inside its own callback is noticed by `alive`.
 */
enum { READ_BYTES = 256 * 1024 };

struct channel {
	struct loop *loop;
	struct loop_source *source;
	int fd;
	size_t frame_max;
	channel_frame_fn on_frame;
	channel_gone_fn on_gone;
	void *ctx;
	struct dynbuf in, out;
	size_t sent;
	bool paused, writing;
	bool *alive; /* on the stack of the callback that runs, if one does */
};

static void channel_events(struct channel *c)
{
	const uint32_t events =
		(c->paused ? 0u : (uint32_t)EPOLLIN) | (c->writing ? (uint32_t)EPOLLOUT : 0u);

	/* It can only fail for a descriptor that is gone, which the next read finds out. */
	err_ignore(loop_change(c->source, events));
}

/* Gives whole frames on. False: the channel is gone or dead. */
static bool deliver(struct channel *c)
{
	bool alive = true;
	size_t at = 0;

	c->alive = &alive;
	while (!c->paused && c->in.n - at >= 4) {
		const size_t n = (size_t)get_u32(c->in.p + at) + 4;
		if (n > c->frame_max) {
			c->alive = NULL;
			c->on_gone(c->ctx);
			return false;
		}
		if (c->in.n - at < n)
			break;
		c->on_frame(c->ctx, (struct bytes){ c->in.p + at, n });
		if (!alive)
			return false;
		at += n;
	}
	c->alive = NULL;
	dynbuf_shift(&c->in, at);
	return true;
}

static void channel_read(struct channel *c)
{
	for (int turn = 0; turn < 4; turn++) {
		const size_t before = c->in.n;
		uint8_t *p = dynbuf_grow(&c->in, READ_BYTES);
		const ssize_t n = p == NULL ? -1 : recv(c->fd, p, READ_BYTES, MSG_DONTWAIT);
		const int error = p == NULL ? ENOMEM : errno;
		if (p != NULL)
			c->in.n = before + (n > 0 ? (size_t)n : 0);
		if (n < 0 && (error == EAGAIN || error == EINTR))
			return;
		if (n <= 0) {
			c->on_gone(c->ctx);
			return;
		}
		if (!deliver(c) || n < READ_BYTES || c->paused)
			return;
	}
}

static void on_io(void *ctx, uint32_t events)
{
	struct channel *c = ctx;

	if ((events & EPOLLOUT) != 0)
		channel_flush(c);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		channel_read(c);
}

enum err channel_new(struct loop *loop, int fd, size_t frame_max, size_t queue_max,
		     channel_frame_fn on_frame, channel_gone_fn on_gone, void *ctx,
		     struct channel **ret)
{
	struct channel *c = calloc(1, sizeof *c);

	if (c == NULL) {
		close(fd);
		return FAULT_NOMEM;
	}
	*c = (struct channel){ .loop = loop,
			       .fd = fd,
			       .frame_max = frame_max,
			       .on_frame = on_frame,
			       .on_gone = on_gone,
			       .ctx = ctx };
	dynbuf_init(&c->in, frame_max + 2 * READ_BYTES);
	dynbuf_init(&c->out, queue_max);
	const enum err err = loop_add(loop, fd, EPOLLIN, on_io, c, &c->source);
	if (err != OK) {
		channel_free(&c);
		return err;
	}
	*ret = c;
	return OK;
}

void channel_free(struct channel **channelp)
{
	struct channel *c = *channelp;

	if (c == NULL)
		return;
	*channelp = NULL;
	if (c->alive != NULL)
		*c->alive = false;
	loop_del(&c->source);
	close(c->fd);
	dynbuf_done(&c->in);
	dynbuf_done(&c->out);
	free(c);
}

size_t channel_waiting(const struct channel *c)
{
	return c->out.n - c->sent;
}

enum err channel_out(struct channel *c, struct dynbuf **ret)
{
	/* Half the ceiling stays for the message that is about to be appended. */
	if (c->out.err != OK || channel_waiting(c) > c->out.max / 2)
		return ERR_OVERLOADED;
	*ret = &c->out;
	return OK;
}

void channel_flush(struct channel *c)
{
	while (c->sent < c->out.n) {
		const ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent,
				       MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* full: EPOLLOUT says when; dead: the read side says so */
		c->sent += (size_t)n;
	}
	if (c->sent == c->out.n) {
		dynbuf_reset(&c->out);
		c->sent = 0;
	} else if (c->sent > READ_BYTES * 4 &&
		   (c->sent > c->out.n / 2 || c->out.n > c->out.max / 2)) {
		/* Seldom, or what waits would be moved over and over. */
		dynbuf_shift(&c->out, c->sent);
		c->sent = 0;
	}
	if (c->writing != (c->out.n > 0)) {
		c->writing = !c->writing;
		channel_events(c);
	}
}

void channel_pause(struct channel *c, bool paused)
{
	if (c->paused == paused)
		return;
	c->paused = paused;
	channel_events(c);
	if (!paused && c->alive == NULL)
		(void)deliver(c);
}

enum err channel_pair(int ret[2])
{
	const int room = 1024 * 1024;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return FAULT_SYSTEM;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	ret[0] = pair[0];
	ret[1] = pair[1];
	return OK;
}

enum err handover_send(int sock, struct bytes message, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)message.p, .iov_len = message.n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof control.room;
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
	}
	ssize_t n;
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)message.n ? OK : FAULT_SYSTEM;
}

enum err handover_recv(int sock, uint8_t *to, size_t *room, int *ret_fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = to, .iov_len = *room };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.room,
			      .msg_controllen = sizeof control.room };
	int fd = -1;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return FAULT_SYSTEM;
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
	if (n == 0 || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		if (fd >= 0)
			close(fd);
		return n == 0 ? ERR_NOT_FOUND : ERR_MALFORMED;
	}
	*room = (size_t)n;
	*ret_fd = fd;
	return OK;
}
