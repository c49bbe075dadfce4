/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * transit - bodies between clients and courier, past core.
 *
 * Core names a stream for a request; gate opens it and passes on what courier
 * sends, and the request's body if that comes in pieces. Either side moves as far
 * as the other has made room: TRANSIT_ROOM bytes on the way to a client at most.
 * Until the answer has begun core may answer the request itself.
 */

#include "base/map.h"
#include "gate/fields.h"
#include "sys/channel.h"

enum { TRANSIT_ROOM = 256 * 1024, TRANSIT_QUEUE_MAX = 256 * 1024 * 1024 };

struct transit;

/* The answer to request @id has begun: it is the transit's own now. */
typedef void (*transit_begun_fn)(void *ctx, uint64_t id);

struct transits {
	struct loop *loop;
	struct channel *courier;
	struct map by_number, by_id;
	struct fields fields;
	transit_begun_fn begun;
	void *ctx;
};

void transits_init(struct transits *transits, struct loop *loop, size_t max, transit_begun_fn begun,
		   void *ctx);
void transits_done(struct transits *transits);
/* Takes over the channel to courier; what the last one had under way breaks off. */
must_check enum err transits_courier(struct transits *transits, int fd);
void transits_flush(struct transits *transits);

struct transit_new {
	uint64_t id, number; /* of the request; of the stream */
	struct httpd_request *request;
	bool secure;
};
/* ERR_USED, ERR_OVERLOADED (also: no courier), FAULT_NOMEM. */
must_check enum err transit_open(struct transits *transits, const struct transit_new *new);
/* NULL if request @id has none. */
struct transit *transit_find(const struct transits *transits, uint64_t id);
/* Core answers the request itself. */
void transit_drop(struct transits *transits, struct transit *transit);
/* From httpd. gone: false if its answer had left whole, and nobody need be told. */
bool transit_gone(struct transits *transits, struct transit *transit);
void transit_room(struct transits *transits, struct transit *transit);
void transit_piece(struct transits *transits, struct transit *transit, struct bytes piece);
