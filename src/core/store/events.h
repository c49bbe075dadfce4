/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * events - the projection of the log for search: a database of its own
 * (events.db), written by one thread from the log's files, read by others. It
 * holds nothing that the log does not say; delete the file and it is built
 * again. Never asked for a decision, never in the way of one.
 */

#include "model/rows.h"

struct events;

/* Opens or makes events.db beneath @state_dir, over the log beneath @log_dir (both borrowed). Each
 * thread opens its own. A damaged file is replaced. */
must_check enum err events_open(int state_dir, int log_dir, bool writer, struct events **ret);
void events_close(struct events **eventsp);
/* Reads the log's lines from projected_upto on, at most @lines of them, in one transaction; answers
 * how many were taken. Only whole lines of records below @size are read: those are durable. A
 * projection that holds what the log does not is built again. ERR_FORGED: a line is not one of
 * ours. */
must_check enum err events_follow(struct events *events, uint64_t size, unsigned lines,
				  unsigned *ret_taken);
uint64_t events_upto(const struct events *events);
/* Whether a record of that event id is in the projection. */
must_check enum err events_has(struct events *events, struct id event, bool *ret);

struct event_filter {
	struct id tenant;
	struct id user, vault, connection, agent; /* none: any */
	struct bytes service;			  /* empty: any */
	uint8_t kind, outcome;			  /* 0: any */
	usec_t from, to;			  /* 0: open */
	uint64_t after;				  /* a seq; 0: from the end given by the order */
	bool descending;
	unsigned limit; /* 1 to 500 */
};

/* Called with each line as it stands in the log; empty if its segment was pruned, or if the line is
 * not what was projected. */
typedef enum err (*events_line_fn)(void *ctx, const struct event_row *row, struct bytes line);
/* ERR_TOO_LARGE: no answer within 50,000 look-ups; narrow the filter. Records of another tenant,
 * and for a tenant those of none, do not match. */
must_check enum err events_search(struct events *events, const struct event_filter *filter,
				  events_line_fn fn, void *ctx);
/* What the log says of the newest state of rows that have a revision, those with ids above @after
 * in order, at most @limit. */
typedef enum err (*events_head_fn)(void *ctx, const struct row_version *head);
must_check enum err events_heads(struct events *events, struct id after, unsigned limit,
				 events_head_fn fn, void *ctx);

/* An intent without an outcome; service borrows. */
struct event_intent {
	struct id event, tenant, user, connection, vault, agent;
	struct bytes service;
	uint8_t kind;
	usec_t time;
};
typedef enum err (*events_intent_fn)(void *ctx, const struct event_intent *intent);
/* In the order of the log; one whose segment was pruned is not among them. */
must_check enum err events_open_intents(struct events *events, events_intent_fn fn, void *ctx);
