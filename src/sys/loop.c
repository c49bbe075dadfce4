/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 *  1. A source that was deleted is never called again, also when its event had
 *     been fetched already: it is marked dead and freed after the turn.
 *  2. Timers stand in a binary heap by their time; `at` is a timer's place in it
 *     plus one, 0 while it is not armed.
 */
enum { EVENTS_AT_ONCE = 256 };

struct loop_source {
	struct loop *loop;
	struct loop_source *next_dead;
	int fd;
	loop_io_fn fn; /* NULL: dead */
	void *ctx;
};

struct loop_timer {
	struct loop *loop;
	size_t at;
	usec_t time;
	loop_timer_fn fn;
	void *ctx;
};

struct loop {
	int epoll;
	bool stop;
	struct loop_source *dead;
	struct loop_timer **heap;
	size_t heap_n, heap_room, timers;
	loop_after_fn after;
	void *after_ctx;
};

enum err loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (loop == NULL)
		return FAULT_NOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return FAULT_SYSTEM;
	}
	*ret = loop;
	return OK;
}

static void bury(struct loop *loop)
{
	struct loop_source *next;

	for (struct loop_source *source = loop->dead; source != NULL; source = next) {
		next = source->next_dead;
		free(source);
	}
	loop->dead = NULL;
}

void loop_free(struct loop **loopp)
{
	struct loop *loop = *loopp;

	if (loop == NULL)
		return;
	*loopp = NULL;
	bury(loop);
	free(loop->heap);
	close(loop->epoll);
	free(loop);
}

enum err loop_add(struct loop *loop, int fd, uint32_t events, loop_io_fn fn, void *ctx,
		  struct loop_source **ret)
{
	struct loop_source *source = malloc(sizeof *source);

	if (source == NULL)
		return FAULT_NOMEM;
	*source = (struct loop_source){ .loop = loop, .fd = fd, .fn = fn, .ctx = ctx };
	struct epoll_event event = { .events = events, .data.ptr = source };
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		free(source);
		return FAULT_SYSTEM;
	}
	*ret = source;
	return OK;
}

enum err loop_change(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) == 0
		       ? OK
		       : FAULT_SYSTEM;
}

void loop_del(struct loop_source **sourcep)
{
	struct loop_source *source = *sourcep;

	if (source == NULL)
		return;
	*sourcep = NULL;
	(void)epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->fn = NULL;
	source->next_dead = source->loop->dead;
	source->loop->dead = source;
}

enum err loop_timer_new(struct loop *loop, loop_timer_fn fn, void *ctx, struct loop_timer **ret)
{
	struct loop_timer *timer = malloc(sizeof *timer);

	if (timer == NULL)
		return FAULT_NOMEM;
	/* A place for every timer that exists, so that arming one cannot fail. */
	if (loop->heap_room == loop->timers) {
		const size_t room = loop->heap_room == 0 ? 64 : loop->heap_room * 2;
		struct loop_timer **heap =
			reallocarray(loop->heap, room, sizeof(struct loop_timer *));
		if (heap == NULL) {
			free(timer);
			return FAULT_NOMEM;
		}
		loop->heap = heap;
		loop->heap_room = room;
	}
	*timer = (struct loop_timer){ .loop = loop, .fn = fn, .ctx = ctx };
	loop->timers++;
	*ret = timer;
	return OK;
}

static void place(struct loop *loop, size_t at, struct loop_timer *timer)
{
	loop->heap[at] = timer;
	timer->at = at + 1;
}

static void sift_up(struct loop *loop, size_t at)
{
	struct loop_timer *timer = loop->heap[at];

	for (; at > 0 && timer->time < loop->heap[(at - 1) / 2]->time; at = (at - 1) / 2)
		place(loop, at, loop->heap[(at - 1) / 2]);
	place(loop, at, timer);
}

static void sift_down(struct loop *loop, size_t at)
{
	struct loop_timer *timer = loop->heap[at];

	for (size_t child; (child = 2 * at + 1) < loop->heap_n; at = child) {
		if (child + 1 < loop->heap_n &&
		    loop->heap[child + 1]->time < loop->heap[child]->time)
			child++;
		if (loop->heap[child]->time >= timer->time)
			break;
		place(loop, at, loop->heap[child]);
	}
	place(loop, at, timer);
}

static void disarm(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	const size_t at = timer->at - 1;

	timer->at = 0;
	struct loop_timer *last = loop->heap[--loop->heap_n];
	if (last == timer)
		return;
	place(loop, at, last);
	sift_up(loop, at);
	sift_down(loop, last->at - 1);
}

void loop_timer_set(struct loop_timer *timer, usec_t at_boot)
{
	struct loop *loop = timer->loop;

	if (timer->at != 0)
		disarm(timer);
	if (at_boot == 0)
		return;
	timer->time = at_boot;
	place(loop, loop->heap_n++, timer);
	sift_up(loop, loop->heap_n - 1);
}

void loop_timer_free(struct loop_timer **timerp)
{
	if (*timerp == NULL)
		return;
	loop_timer_set(*timerp, 0);
	(*timerp)->loop->timers--;
	free(*timerp);
	*timerp = NULL;
}

void loop_after(struct loop *loop, loop_after_fn fn, void *ctx)
{
	loop->after = fn;
	loop->after_ctx = ctx;
}

static int wait_ms(const struct loop *loop, int timeout_ms)
{
	if (loop->heap_n == 0)
		return timeout_ms;
	const usec_t now = clock_boot(), next = loop->heap[0]->time;
	const usec_t ms = next <= now ? 0 : (next - now + USEC_PER_MS - 1) / USEC_PER_MS;
	const int until = ms > 60000 ? 60000 : (int)ms;
	return timeout_ms >= 0 && timeout_ms < until ? timeout_ms : until;
}

static void run_timers(struct loop *loop)
{
	const usec_t now = clock_boot();

	while (loop->heap_n > 0 && loop->heap[0]->time <= now) {
		struct loop_timer *timer = loop->heap[0];
		disarm(timer);
		timer->fn(timer->ctx);
	}
}

enum err loop_turn(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	const int n = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, wait_ms(loop, timeout_ms));

	if (n < 0 && errno != EINTR)
		return FAULT_SYSTEM;
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;
		if (source->fn != NULL)
			source->fn(source->ctx, events[i].events);
	}
	run_timers(loop);
	if (loop->after != NULL)
		loop->after(loop->after_ctx);
	bury(loop);
	return OK;
}

enum err loop_run(struct loop *loop)
{
	loop->stop = false;
	while (!loop->stop)
		TRY(loop_turn(loop, -1));
	return OK;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}
