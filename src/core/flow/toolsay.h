/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * toolsay - what came of a tool call, in words that a model can act on, and the
 * form in which it is parked:
 *
 *   2 (1), outcome (1), is_error (1), then four times length (4) and bytes:
 *   name of the error or empty, text, structured, content (form 1: without it)
 */

#include "core/flow/ask.h"

enum {
	TOOLSAY_TEXT_MAX = 256 * 1024,
	TOOLSAY_CONTENT_MAX = 448 * 1024,
	TOOLSAY_PARKED_MAX = 1024 * 1024,
};

struct toolsay {
	enum approval_outcome outcome;
	enum err err;
	bool is_error;
	struct dynbuf text, structured;
	struct dynbuf content; /* blocks of a remote MCP server, a JSON list; empty: the text */
};

/* What the record that ends a call says of the answer. */
struct toolend {
	uint8_t outcome; /* enum event_outcome */
	uint16_t reason, status;
	uint64_t bytes, duration_us;
	struct id ref; /* the intent; none where nothing was about to leave */
};
void toolend_take(const struct ask_answer *answer, enum approval_outcome came, struct id ref,
		  struct toolend *ret);
void toolend_put(const struct toolend *end, struct ipc_record *record);

void toolsay_init(struct toolsay *say);
void toolsay_done(struct toolsay *say);
/* Refused, or failed before anything left. @detail may be empty. */
void toolsay_err(struct toolsay *say, enum err err, struct bytes detail);
/* The answer to the last step. @writes: it may have changed something. */
void toolsay_answer(struct toolsay *say, const struct ask_answer *answer, bool writes);
/* The answer of a remote MCP server to the request @rpc (0: to any). */
void toolsay_remote(struct toolsay *say, const struct ask_answer *answer, uint64_t rpc,
		    bool writes);
/* A death came between: nothing is known of the last step, or it had not been reached. */
void toolsay_lost(struct toolsay *say, bool sent);

void toolsay_print(const struct toolsay *say, struct dynbuf *out);
/* Borrows @parked. ERR_MALFORMED */
struct toolsay_parked {
	enum approval_outcome outcome;
	enum err err;
	bool is_error;
	struct bytes text, structured, content;
};
must_check enum err toolsay_parse(struct bytes parked, struct toolsay_parked *ret);
