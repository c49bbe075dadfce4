/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

/*
 * loop - one epoll per process. Sources are called in turn; after each batch
 * of events the `after` function runs once: that is where a process commits,
 * syncs and flushes for all of them together.
 */
struct loop;

typedef void (*loop_io_fn)(void *ctx, uint32_t events);
typedef void (*loop_timer_fn)(void *ctx);
typedef void (*loop_after_fn)(void *ctx);

struct loop_source; /* an fd that is watched */
struct loop_timer;  /* fires once at a time on the boot clock; set again to repeat */

must_check enum err loop_new(struct loop **ret);
void loop_free(struct loop **loopp);
/* @events is of EPOLLIN, EPOLLOUT, EPOLLRDHUP …; level triggered. Does not own @fd. */
must_check enum err loop_add(struct loop *loop, int fd, uint32_t events, loop_io_fn fn, void *ctx,
			     struct loop_source **ret);
must_check enum err loop_change(struct loop_source *source, uint32_t events);
/* Safe from inside any callback, also its own. */
void loop_del(struct loop_source **sourcep);

must_check enum err loop_timer_new(struct loop *loop, loop_timer_fn fn, void *ctx,
				   struct loop_timer **ret);
void loop_timer_free(struct loop_timer **timerp);
/* @at 0 disarms. */
void loop_timer_set(struct loop_timer *timer, usec_t at_boot);

void loop_after(struct loop *loop, loop_after_fn fn, void *ctx);
/* Runs until loop_stop(). FAULT_SYSTEM. */
must_check enum err loop_run(struct loop *loop);
/* One turn, waiting at most @timeout_ms (-1: no limit). */
must_check enum err loop_turn(struct loop *loop, int timeout_ms);
void loop_stop(struct loop *loop);
