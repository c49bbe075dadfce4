/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/unseal.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"

enum { HEAD = 3 };

struct unseal {
	struct loop *loop;
	int listen_fd, fd; /* fd -1: nobody is connected */
	struct loop_source *listener, *peer;
	struct loop_timer *timer; /* ends a peer that is silent; holds back after a wrong secret */
	unseal_fn fn;
	void *ctx;
	struct secret *request;
	size_t have;
};

static void listen_again(struct unseal *u)
{
	err_ignore(loop_change(u->listener, EPOLLIN));
}

static void hang_up(struct unseal *u)
{
	loop_del(&u->peer);
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
	wipe(secret_fill(u->request), HEAD + UNSEAL_SECRET_MAX);
	u->have = 0;
}

static void on_timer(void *ctx)
{
	struct unseal *u = ctx;

	hang_up(u);
	listen_again(u);
}

static void answer(struct unseal *u)
{
	const uint8_t *p = secret_fill(u->request);
	uint8_t out[UNSEAL_ANSWER_LEN] = { 0 };

	const enum err err = u->fn(u->ctx, (enum unseal_command)p[0],
				   (struct bytes){ p + HEAD, u->have - HEAD }, &out[2]);
	const uint16_t code = (uint16_t)(err < OK ? ERR_SERVER : err);
	out[0] = (uint8_t)(code >> 8);
	out[1] = (uint8_t)code;
	(void)!send(u->fd, out, sizeof out, MSG_NOSIGNAL | MSG_DONTWAIT);
	hang_up(u);
	/* Guessing costs a second a try, whatever the machine. */
	if (err == ERR_FORGED) {
		loop_timer_set(u->timer, clock_boot() + UNSEAL_WAIT_MS * USEC_PER_MS);
		return;
	}
	loop_timer_set(u->timer, 0);
	listen_again(u);
}

static void on_peer(void *ctx, uint32_t events)
{
	struct unseal *u = ctx;
	uint8_t *p = secret_fill(u->request);

	(void)events;
	const ssize_t n =
		recv(u->fd, p + u->have, HEAD + UNSEAL_SECRET_MAX - u->have, MSG_DONTWAIT);
	if (n > 0)
		u->have += (size_t)n;
	const size_t want = u->have < HEAD ? HEAD : HEAD + ((size_t)p[1] << 8 | p[2]);
	if (n <= 0 || want > HEAD + UNSEAL_SECRET_MAX || u->have > want) {
		on_timer(u);
		return;
	}
	if (u->have >= HEAD && u->have == want)
		answer(u);
}

static void on_listen(void *ctx, uint32_t events)
{
	struct unseal *u = ctx;

	(void)events;
	u->fd = accept4(u->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (u->fd < 0)
		return;
	if (loop_add(u->loop, u->fd, EPOLLIN, on_peer, u, &u->peer) != OK) {
		hang_up(u);
		return;
	}
	err_ignore(loop_change(u->listener, 0));
	loop_timer_set(u->timer, clock_boot() + 10 * USEC_PER_S);
}

enum err unseal_new(struct loop *loop, int listen_fd, unseal_fn fn, void *ctx, struct unseal **ret)
{
	struct unseal *u = calloc(1, sizeof *u);

	if (u == NULL)
		return FAULT_NOMEM;
	*u = (struct unseal){
		.loop = loop, .listen_fd = listen_fd, .fd = -1, .fn = fn, .ctx = ctx
	};
	enum err err = secret_new(HEAD + UNSEAL_SECRET_MAX, &u->request);
	if (err == OK)
		err = loop_timer_new(loop, on_timer, u, &u->timer);
	if (err == OK)
		err = loop_add(loop, listen_fd, EPOLLIN, on_listen, u, &u->listener);
	if (err != OK)
		unseal_free(&u);
	else
		*ret = u;
	return err;
}

void unseal_free(struct unseal **unsealp)
{
	struct unseal *u = *unsealp;

	if (u == NULL)
		return;
	*unsealp = NULL;
	if (u->request != NULL)
		hang_up(u);
	secret_free(&u->request);
	loop_timer_free(&u->timer);
	loop_del(&u->listener);
	close(u->listen_fd);
	free(u);
}
