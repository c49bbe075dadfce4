/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * toolrun - carries out a tool call step by step: asks everything again, makes
 * the request, has keeper write it down and release the token to courier, and
 * goes on with the answer. Each step is an event of its own, intent and outcome.
 */

#include "core/flow/approval.h"
#include "core/flow/permit.h"
#include "core/flow/toolsay.h"
#include "core/policy/policy.h"

struct toolcase;
struct toolrun;

enum {
	TOOLRUN_APPROVED_MAX = 128, /* approved calls under way at a time; the others wait */
	TOOLRUN_ANSWERS_MAX = 3,
};

/* What is to be done now that the context is known: *@ret_goes_on false ends the run without a
 * word.
 */
typedef enum err (*toolrun_decide_fn)(struct flow *flow, struct toolrun *run, struct toolcase *c,
				      bool *ret_goes_on);
typedef void (*toolrun_done_fn)(struct flow *flow, struct toolrun *run, const struct toolsay *said);

struct toolrun {
	struct id tenant, vault, address, approval; /* approval none: nobody had to be asked */
	bool step_up;				    /* the approval was given with a code */
	uint8_t definition[32];			    /* of the tool that was decided upon */
	struct buf *service, *tool, *account, *arguments, *origin, *reason;
	bool asynchronous;
	/* How public what it reaches is: asked before the first step, resource by resource. */
	bool asking, context_known;
	size_t asked;
	enum policy_context context;
	struct call *call; /* NULL: nobody waits for the events */
	size_t step;
	uint64_t rpc; /* id of the request to a remote MCP server */
	struct id intent, attempt;
	struct toolend end; /* of one that was approved: put down with its row */
	struct permit permit;
	uint64_t version; /* of the token that was used */
	bool again;	  /* with another token or session, once */
	bool spent;	  /* from the limits: an approved call costs when it is carried out */
	struct buf *answers[TOOLRUN_ANSWERS_MAX];
	toolrun_decide_fn decide; /* NULL: it was decided upon before the run */
	toolrun_done_fn done;
	void *ctx;
};

struct toolrun_start {
	struct id tenant, vault, address, approval;
	bool step_up;
	const uint8_t *definition;
	struct bytes service, tool, account, arguments, origin, reason;
	bool asynchronous;
	struct call *call;
	toolrun_decide_fn decide;
	toolrun_done_fn done;
	void *ctx;
};

/* FAULT_NOMEM. done is called exactly once after toolrun_begin(), perhaps before that returns, and
 * the run is gone after it. */
must_check enum err toolrun_new(const struct toolrun_start *start, struct toolrun **ret);
/* @c: what was looked at in this batch, with another permit; NULL: the run looks. */
void toolrun_begin(struct flow *flow, struct toolrun *run, struct toolcase *c);
void toolrun_free(struct toolrun **runp);
