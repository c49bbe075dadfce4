/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * toolcall - one call of a tool of the catalogue, from decision to projected
 * answer.
 *
 *   begin ─allowed→ run ─→ DONE
 *     ├─ refused → DONE with err
 *     └─ a person decides → HELD (approval.h) ─approved→ run ─→ DONE
 *                                 └─ denied, expired, withdrawn → DONE with err
 *
 *  1. What is executed are the bytes that were decided upon; each step of a run
 *     asks vault, agent, policy, account and tool again before it leaves.
 *  2. A held call lives in its row. Who wants to hear of it hangs a wait on it
 *     and may leave; the call goes on and its result is parked, sealed.
 *  3. Of several steps only the last writes. The attempt of that step is in the
 *     row before it leaves; a death after that is an unknown outcome, settled by
 *     what courier has kept, never by doing it again.
 *  4. No timer per held call: ends are found by an index once a second.
 */

#include "core/flow/approval.h"
#include "core/flow/permit.h"

struct toolcall_request {
	/* The caller has proved itself in this batch: permit_vault(), or a token that names it. */
	struct id tenant, vault, address;
	struct bytes origin; /* the address itself, 16 bytes; empty: not known */
	struct bytes service, tool;
	struct bytes account;	/* alias or id; empty: the default one */
	struct bytes arguments; /* one JSON object, as it came; empty: {} */
	struct bytes reason;	/* the agent's own words for who decides; may be empty */
	bool asynchronous;	/* a day to decide instead of five minutes */
};

enum toolcall_state { TOOLCALL_HELD = 1, TOOLCALL_DONE };

/* Borrowed for the time of told(). */
struct toolcall_news {
	enum toolcall_state state;
	struct id approval; /* none: no person was asked */
	usec_t expires;	    /* HELD: until when it can be decided */
	bool step_up, joined;
	enum err err;			/* DONE: what stood in the way, or OK */
	bool is_error;			/* DONE: also what the provider refused */
	struct bytes text;		/* DONE: for a model, and for people */
	struct bytes structured;	/* DONE: one JSON value; may be empty */
	struct bytes content;		/* DONE: a JSON list of MCP's blocks; empty: the text */
	const struct permit_mend *mend; /* what its page needs to know; NULL: nothing */
};

struct toolrun;

/* In the listener's memory, zeroed, and not moved while it hangs. */
struct toolcall_wait {
	/* Once HELD at most, then DONE exactly once, the first perhaps before toolcall_begin()
	 * returns; after DONE the wait hangs no more. */
	void (*told)(struct flow *flow, struct toolcall_wait *wait,
		     const struct toolcall_news *news);
	struct call *call; /* or NULL; its answer waits for the events of this */
	struct approval_watcher watcher;
	struct toolrun *run;
};

/* Not for a request that may still be taken back: what is begun stays begun. */
void toolcall_begin(struct flow *flow, const struct toolcall_request *request,
		    struct toolcall_wait *wait);
/* Hangs on what was begun before, or tells what came of it. err ERR_NOT_FOUND: no such approval of
 * this vault; ERR_EXPIRED: it is over, and its result is not kept any more. */
void toolcall_rejoin(struct flow *flow, struct id tenant, struct id vault, struct id approval,
		     struct toolcall_wait *wait);
void toolcall_leave(struct flow *flow, struct toolcall_wait *wait);
/* Withdraws one that is not decided. ERR_NOT_FOUND, ERR_CONFLICT */
must_check enum err toolcall_cancel(struct flow *flow, struct call *call, struct id tenant,
				    struct id vault, struct id approval);

/* Carries out what was approved; for approval_tell(). */
void toolcall_approved(struct flow *flow, const struct approval_row *row);
/* At the end of the process. */
void toolcall_end_all(struct flow *flow);
/* An answer of courier that nobody waits for: the last core died before it came. False: it is of no
 * tool call. */
bool toolcall_found(struct flow *flow, const struct frame *frame);
/* At the end of a batch: approved calls that waited for their turn. */
must_check enum err toolcall_go_on(struct flow *flow);
/* Each second: what was approved and not begun, and what a death has left open. */
must_check enum err toolcall_recover(struct flow *flow);
