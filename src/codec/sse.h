/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sse - an event stream (HTML 9.2.6) as it comes in, cut into the data of its
 * events. Lines end in LF, CR or CRLF, in whatever pieces they arrive; comments
 * and the other fields are passed over; what is not ended by an empty line is no
 * event.
 */

#include "base/dynbuf.h"

struct sse {
	struct dynbuf line, data;
	bool begun;    /* the first line is behind us: no byte order mark can come */
	bool after_cr; /* an LF that comes now belongs to the line before */
	bool has_data;
};

typedef void (*sse_event_fn)(void *ctx, struct bytes data);

/* @max: of one event, and of one line. */
void sse_init(struct sse *sse, size_t max);
void sse_done(struct sse *sse);
/* Calls @fn for each event that is whole now. ERR_TOO_LARGE, FAULT_NOMEM; it is of no use then. */
must_check enum err sse_feed(struct sse *sse, struct bytes piece, sse_event_fn fn, void *ctx);
