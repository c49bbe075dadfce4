/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * kept - finished answers that core has not acknowledged yet: if core dies with
 * one unread, its successor gets it again. Room is reserved before the call is
 * made, so that an answer is never lost for want of it.
 */

#include "ipc/ipc.h"

enum { KEPT_COUNT_MAX = 4096, KEPT_BYTES_MAX = 256 * 1024 * 1024 };

struct kept_answer {
	struct id attempt;
	struct buf *frame;
};

struct kept {
	struct kept_answer answers[KEPT_COUNT_MAX];
	size_t count, bytes, reserved_count, reserved_bytes;
};

/* Room for one answer whose frame has at most @bytes. ERR_OVERLOADED. */
must_check enum err kept_reserve(struct kept *kept, size_t bytes);
void kept_unreserve(struct kept *kept, size_t bytes);
/* Keeps a copy of @frame. FAULT_NOMEM. */
must_check enum err kept_put(struct kept *kept, const struct id *attempt, struct bytes frame);
/* NULL if it is not here. */
const struct buf *kept_find(const struct kept *kept, const struct id *attempt);
void kept_drop(struct kept *kept, const struct id *attempt);
void kept_done(struct kept *kept);
