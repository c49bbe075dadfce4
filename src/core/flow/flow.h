/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * flow - the journeys, and the batch they travel in.
 *
 *  1. All code of core runs inside the transaction of the current batch. What
 *     it sends (to gate, keeper, courier) is staged and leaves only after the
 *     commit, in the order it was staged.
 *  2. A change and its event are committed together: flow_event() puts the
 *     record into the outbox and stages its append. The answer to the client
 *     waits until keeper has said that every event of its call is durable.
 *  3. What needs the outside world is cut in two: a part that decides and
 *     stages, and a part that settles when the reply comes. The reply finds its
 *     part by the frame's id (flow_expect).
 *  4. A request that fails is taken back alone (savepoint), with what it staged.
 */

#include "base/dynbuf.h"
#include "base/map.h"
#include "base/secret.h"
#include "core/flow/throttle.h"
#include "core/store/events.h"
#include "core/store/store.h"
#include "ipc/ipc.h"
#include "model/event.h"

struct flow;
struct call;
struct rewrap;
struct compiled;
struct mcp;
struct contexts;
struct zones;

enum flow_peer { PEER_GATE, PEER_KEEPER, PEER_COURIER, PEER_COUNT };

enum {
	FLOW_OPS_MAX = 65536,
	FLOW_REQUEST_OPS = 32,
	FLOW_STAGED_MAX = 64 * 1024 * 1024,
	TENANT_NAME_MAX = 64,
	FLOW_REDIRECT_MAX = 600,
};

struct flow_settings {
	char issuer[512]; /* ends with a slash */
	char data[4096];  /* the data directory, to tell an operator where something is */
	bool https;
	bool registration_open;	    /* anybody may register a client */
	bool client_documents;	    /* a client_id may be the address of a document */
	bool dpop_nonce;	    /* a proof without a nonce of ours is asked for again */
	bool seccomp, memfd_secret; /* what the kernel offers our sandboxes */
	uint64_t landlock;	    /* version of its interface, 0: not there */
};

/* A reply to something that was asked; @frame is NULL when the peer died with it. */
typedef void (*flow_reply_fn)(struct flow *flow, void *ctx, const struct frame *frame);

struct flow {
	struct store *store;
	struct events *events; /* this thread's reader of the projection; NULL while it is built */
	struct compiled *compiled;
	struct contexts *contexts; /* what providers have said of resources lately */
	struct zones *zones;	   /* the caller's: time zones that a policy may name */
	struct flow_settings settings;
	struct id tenant_default;
	uint64_t generation;
	uint8_t text_key[32];
	struct ipc_keeper_state keeper; /* as last heard */
	int state_dir, log_dir;

	usec_t now, boot; /* of the batch: wall and boot clock */
	usec_t started;	  /* boot clock */
	struct dynbuf staged[PEER_COUNT];
	size_t marks[PEER_COUNT];
	uint64_t request_ops[FLOW_REQUEST_OPS];
	size_t request_ops_n;

	struct map ops;	       /* frame id → what waits for the reply */
	struct map calls;      /* gate's id → call under way */
	struct map refreshing; /* low half of the connection's id → refresh under way */
	struct map fetching;   /* hash of an address → fetch of a client's document or keys */
	struct map turns;      /* a service → its refreshes at the provider, and who waits
				*/
	struct map resting; /* low half of the connection's id → until when its provider wants to be
			       left alone */
	struct map remotes;	  /* hash of a server and an account there → our conversation */
	struct map mounts_ended;  /* hash of a session's name, as clients have it: ended by them */
	uint64_t remote_ids;	  /* of requests to them */
	uint64_t tools_changed;	  /* grows with every change of what they are let do */
	struct map proxying;	  /* low half of a vault's id → requests of it that courier has */
	size_t proxy_bytes;	  /* of bodies that wait for release, or could be sent again */
	struct map watchers;	  /* low half of an approval's id → who waits for it */
	struct map toolcalls;	  /* the same → the execution under way */
	bool toolcalls_waiting;	  /* approved ones may be begun now */
	uint64_t telling;	  /* rounds of telling watchers */
	struct rewrap *rewrap;	  /* the sweep under way, or NULL */
	struct call *batch_calls; /* calls that came with this batch */
	bool document_came;	  /* one that a client_id is the address of, since the start */
	usec_t documents_from;	  /* boot clock: before that none are advertised */
	uint64_t next_op;
	struct id scrubbed;	  /* the row that was held against the log last */
	struct mcp *mcp;	  /* sessions, streams and held calls; core/mcp's own */
	uint64_t vaults_changed;  /* grows with every change of any vault */
	bool suspected;		  /* rows were put back: core is to start again */
	bool unstored;		  /* an answer of courier's could not be: the same */
	uint64_t scrub_from;	  /* records that the projection must hold before that */
	bool intents_closed;	  /* those of before this start */
	struct throttle throttle; /* bad secrets and refusals */
	usec_t strangers_since;	  /* boot clock: the second that strangers_noted is counted in */
	unsigned strangers_noted;
	uint64_t batch_writes; /* settled steps in this batch whose loss would matter */
	uint64_t count[16];    /* enum flow_counter */
};

enum flow_counter {
	COUNT_REQUESTS,
	COUNT_EXCHANGES,
	COUNT_DENIALS,
	COUNT_REFRESHES,
	COUNT_REFRESH_FAILURES,
	COUNT_CONNECTS,
	COUNT_EVENTS,
	COUNT_BATCHES,
	COUNT_AUTH_FAILED,
	COUNT_CALLS,
	COUNT_CALL_FAILURES,
};

/* Answers and stops waiting: called by the journey when it knows how it went. @result is of the
 * journey's own type, NULL unless @err is OK or the journey says otherwise. */
typedef void (*call_done_fn)(struct flow *flow, struct call *call, enum err err,
			     const void *result);

enum call_stream { CALL_WHOLE, CALL_BEGUN, CALL_ENDED };

/* One HTTP request on its way through core. */
struct call {
	uint64_t gate_id; /* 0: the client has gone */
	struct call *next_in_batch;
	struct ipc_http_request request; /* borrowed from the frame until keep() */
	struct buf *kept;
	struct id tenant, actor;
	struct id address; /* keyed pseudonym of the client's address */
	bool proved;	   /* by its DPoP header, with this key; see proof.h */
	uint8_t jkt[32];
	usec_t came; /* boot clock */
	call_done_fn done;
	void *mine; /* the journey's own; wiped and freed with the call */
	size_t mine_n;
	char *detail; /* what is wrong with a file that came, for the problem document */
	unsigned events_waiting;
	bool answered, sent, listed;
	enum call_stream stream;
	bool left;	 /* a piece of it has */
	enum err failed; /* an event of it will not be durable */
	bool full;	 /* too much waits at gate for the client: send no more until `room` */
	/* NULL: nobody asks. The client left before its answer was complete: the journey is ended
	 * as ever, by call_answer() or call_end(). And: there is room again for more pieces. */
	void (*gone)(struct flow *flow, struct call *call);
	void (*room)(struct flow *flow, struct call *call);
	unsigned status;
	struct dynbuf headers, body; /* body: also the frames of pieces that may not leave yet */
	struct buf *capsule;
	uint32_t capsule_at;
};

must_check enum err flow_init(struct flow *flow);
void flow_done(struct flow *flow);

/* Around each batch and each request in it. */
void flow_batch_begin(struct flow *flow);
void flow_request_begin(struct flow *flow);
/* Takes back what the request staged and expected. */
void flow_request_undo(struct flow *flow);

/* Registers who takes the reply and answers the id to send. FAULT_NOMEM, ERR_OVERLOADED */
must_check enum err flow_expect(struct flow *flow, enum flow_peer peer, flow_reply_fn fn, void *ctx,
				uint64_t *ret_id);
/* Gives a reply to who waits for it; false if nobody does. */
bool flow_reply(struct flow *flow, const struct frame *frame);
/* Everyone who waits for @peer is told that it died. */
void flow_peer_died(struct flow *flow, enum flow_peer peer);
/* What was staged for keeper since @batch (its count[COUNT_BATCHES]) has not left, for the batch
 * was undone: who waits for it is told ERR_LOG_FULL. */
void flow_unsent(struct flow *flow, uint64_t batch);

/* Where providers send browsers back to. */
void flow_redirect_uri(const struct flow *flow, char to[static FLOW_REDIRECT_MAX]);

/* A named number of the store; 0 where it was never set. ERR_FORGED */
must_check enum err flow_meta(struct flow *flow, const char *name, uint64_t *ret);

/* Commits @record with the transaction (outbox) and stages its append; @call's answer waits for it.
 * @call may be NULL. Fills event, tenant (where none) and address. ERR_OVERLOADED */
must_check enum err flow_event(struct flow *flow, struct call *call, struct ipc_record *record);
/* The same without the outbox, for what changed nothing: a denial. */
must_check enum err flow_note(struct flow *flow, struct call *call, struct ipc_record *record);
/* Stages the appends of what a crash or a full disk has left in the outbox. */
must_check enum err flow_outbox_resend(struct flow *flow);
/* Fills what every record of a call shares. */
void flow_record(const struct flow *flow, const struct call *call, uint8_t kind, uint8_t outcome,
		 struct ipc_record *ret);

/* A new call for a frame from gate. */
must_check enum err call_new(struct flow *flow, uint64_t gate_id,
			     const struct ipc_http_request *request, struct call **ret);
/* Copies the request so that it outlives the batch; called by what will answer later. */
must_check enum err call_keep(struct call *call);
void call_header(struct call *call, const char *name, struct bytes value);
/* The answer is complete: it leaves when the events of the call are durable. */
void call_answer(struct flow *flow, struct call *call, unsigned status);
/* An answer in pieces: the headers so far begin it, any number of pieces follow, then exactly one
 * call_end(), also when the client has gone meanwhile (call->gate_id is then 0). They leave in
 * order after the commit, and not before the call's events are durable; an event that does not
 * become so ends the answer with its error, or breaks it off. The call lives until its end. @beat:
 * an event stream, which gate keeps alive. Not for a request that may still be taken back. */
void call_begin(struct flow *flow, struct call *call, unsigned status, bool beat);
void call_data(struct flow *flow, struct call *call, struct bytes piece);
void call_end(struct flow *flow, struct call *call, bool whole);
/* The client has, or had, its answer from courier: there is nothing to send. */
void call_streamed(struct flow *flow, struct call *call);
/* What gate says about a call: its client does not take pieces as fast, or takes them again. */
void call_room(struct flow *flow, uint64_t gate_id, bool room);
/* Forgets an answer in the making. */
void call_reset(struct call *call);
/* The 16 bytes of the client's address, IPv4 as ::ffff:a.b.c.d; NULL where gate named none. */
const uint8_t *call_address(const struct call *call);
/* The client went away. */
void call_gone(struct flow *flow, uint64_t gate_id);
/* Gate died: no answer of before is wanted. */
void calls_gone(struct flow *flow);
/* An event of @call is in the log, or will not be. For flow.c. */
void call_event_durable(struct flow *flow, struct call *call, enum err err);
/* Frees calls of the batch that are answered and sent. Called after the commit. */
void call_sweep(struct flow *flow);
