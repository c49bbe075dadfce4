/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/intents.h"

enum { CLOSE_AFTER_S = 20, AT_ONCE = 100 };

struct closing {
	struct flow *flow;
	usec_t before;
	unsigned n;
};

static enum err close_one(void *ctx, const struct event_intent *intent)
{
	struct closing *closing = ctx;
	struct ipc_record record;

	if (intent->time >= closing->before || closing->n == AT_ONCE)
		return OK;
	closing->n++;
	flow_record(closing->flow, NULL, intent->kind, OUTCOME_UNKNOWN, &record);
	record.ref = intent->event;
	record.tenant = intent->tenant;
	record.user = intent->user;
	record.connection = intent->connection;
	record.vault = intent->vault;
	record.agent = intent->agent;
	record.service = intent->service;
	return flow_event(closing->flow, NULL, &record);
}

enum err intents_close(struct flow *flow)
{
	const usec_t since = flow->boot - flow->started;
	struct closing closing = { .flow = flow, .before = flow->now - since };

	/* The projection lags by a second: what was closed a moment ago is not closed again. */
	if (flow->intents_closed || since < CLOSE_AFTER_S * USEC_PER_S ||
	    since / USEC_PER_S % 5 != 0 || flow->events == NULL)
		return OK;
	TRY(events_open_intents(flow->events, close_one, &closing));
	flow->intents_closed = closing.n < AT_ONCE;
	return OK;
}
