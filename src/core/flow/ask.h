/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ask - one call to a provider, from release to answer.
 *
 * The record goes to keeper together with the sealed items; keeper makes it
 * durable and hands on a capsule that serves this very call alone; courier
 * makes the call and answers. Core sees neither what is in the capsule nor
 * what courier cuts out of the answer.
 */

#include "core/flow/flow.h"

enum ask_outcome {
	ASK_ANSWERED = 1, /* status, headers and body hold */
	ASK_NOT_SENT = 2, /* nothing reached the provider; err says why */
	ASK_UNKNOWN = 3,  /* it may have reached the provider */
	ASK_UNUSABLE = 4, /* it was answered in a way that cannot be used */
};

struct ask_answer {
	enum ask_outcome outcome;
	enum err
		err; /* of ASK_NOT_SENT: ERR_SEALED, ERR_LOG_FULL, ERR_FORGED, ERR_BLOCKED_HOST … */
	struct ipc_courier_answer reply; /* borrowed for the call; zero unless answered */
};

/* Called exactly once, in a later batch. */
typedef void (*ask_done_fn)(struct flow *flow, void *journey, const struct ask_answer *answer);

struct ask_item {
	enum place_field field;
	struct id tenant, user, object;
	uint64_t version;
	struct bytes blob;
};

/* @call: without its capsule. @items may be none: then no release is needed, the record is appended
 * and the call made without secrets. FAULT_NOMEM, ERR_OVERLOADED, ERR_TOO_LARGE. */
must_check enum err ask_begin(struct flow *flow, const struct ipc_courier_call *call,
			      const struct ipc_record *record, const struct ask_item *items,
			      size_t count, ask_done_fn done, void *journey);

/* The same for a call whose answer goes from courier to the client of @from, past core: a number in
 * @call->stream, see ask_number(). Gate is told when courier is. The reply then has no body; status
 * says that an answer had begun, and with it nobody else can answer the client. If it has gone by
 * the time of the release: ASK_NOT_SENT, ERR_CLIENT_GONE. */
must_check enum err ask_stream(struct flow *flow, struct call *from,
			       const struct ipc_courier_call *call, const struct ipc_record *record,
			       const struct ask_item *items, size_t count, ask_done_fn done,
			       void *journey);
uint64_t ask_number(void);
/* Nobody wants the answer of this stream any more. */
void ask_cancel(struct flow *flow, uint64_t number);

/* What a frame of courier says; NULL: courier died. ERR_MALFORMED: it is no answer, and the outcome
 * is unknown. */
must_check enum err ask_read(const struct frame *frame, struct ask_answer *ret);

/* Tells courier that the outcome of @attempt is durable here; staged, so it leaves after the
 * commit. */
void ask_ack(struct flow *flow, struct id attempt);

/* What adopt gives: one sealed blob per place, in order; count 0 when refused. */
typedef void (*adopt_done_fn)(struct flow *flow, void *journey, enum err err,
			      const struct bytes *blobs, size_t count);
/* Seals what courier or gate has cut for its places. @hosts: origins, separated by newlines. */
must_check enum err ask_adopt(struct flow *flow, enum receiver sender, struct bytes capsule,
			      const struct ask_item *places, size_t count, struct bytes hosts,
			      adopt_done_fn done, void *journey);
