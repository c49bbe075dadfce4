/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * outlet - answers that go to clients in pieces, by the id of their request.
 *
 * An event stream on which nothing was sent for OUTLET_BEAT_S gets a comment
 * line, so that what stands between keeps it open. Bounded by the requests in
 * flight, and by HTTPD_WAITING_END bytes each.
 */

#include "base/map.h"
#include "httpd/httpd.h"

enum { OUTLET_BEAT_S = 15 };

struct outlet {
	uint64_t id;
	struct httpd_request *request;
	struct outlet *prev, *next; /* those that beat, the longest silent first */
	usec_t last;
	bool beat, full;
};

struct outlets {
	struct map all;
	struct outlet *first, *last;
	struct loop_timer *timer;
};

must_check enum err outlets_init(struct outlets *outlets, struct loop *loop, size_t max);
/* Forgets all, ending none. */
void outlets_done(struct outlets *outlets);
/* NULL if there is none. */
struct outlet *outlet_find(const struct outlets *outlets, uint64_t id);
/* Takes over a request whose answer has begun. FAULT_NOMEM, ERR_TOO_LARGE. */
must_check enum err outlet_open(struct outlets *outlets, uint64_t id, struct httpd_request *request,
				bool beat);
/* True: it has become full, and its source should stop. */
must_check bool outlet_send(struct outlets *outlets, struct outlet *outlet, struct bytes piece);
/* Room again: true if it was full. */
must_check bool outlet_room(struct outlet *outlet);
/* Ends the request and forgets it. */
void outlet_end(struct outlets *outlets, struct outlet *outlet, bool whole);
/* For a request that is gone. */
void outlet_forget(struct outlets *outlets, struct outlet *outlet);
/* Breaks off every answer. */
void outlets_break(struct outlets *outlets);
