/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/rejected.h"

#include <stdlib.h>

#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/refresh.h"

enum { YOUNG_S = 5 };

/* At most so often per connection is a provider asked because of a 401. */
static const struct throttle_rate tries = { .burst = 3, .every = 20 * USEC_PER_S };

struct rejected {
	struct id tenant, connection, event;
	rejected_fn fn;
	void *ctx;
};

static void over(struct flow *flow, struct rejected *rejected, enum err err)
{
	const struct rejected was = *rejected;

	free(rejected);
	was.fn(flow, was.ctx, err);
}

static void on_refreshed(struct flow *flow, void *ctx, enum err err)
{
	over(flow, ctx, err == OK || err == ERR_REAUTH_REQUIRED ? err : ERR_PROVIDER_UNAVAILABLE);
}

static void row_record(const struct flow *flow, const struct connection_row *row, uint8_t kind,
		       uint8_t outcome, struct ipc_record *ret)
{
	flow_record(flow, NULL, kind, outcome, ret);
	ret->tenant = row->tenant;
	ret->user = row->user;
	ret->connection = row->id;
	ret->service = row->service;
}

static enum err write_dead(struct flow *flow, struct connection_row *row)
{
	struct ipc_record record;

	if (row->state != CONNECTION_CONNECTED)
		return OK;
	row->state = CONNECTION_REAUTH_REQUIRED;
	TRY(store_connection_update(flow->store, row));
	row_record(flow, row, EVENT_connection_reauth, OUTCOME_OK, &record);
	return flow_event(flow, NULL, &record);
}

static enum err settle_probe(struct flow *flow, const struct rejected *rejected,
			     const struct ask_answer *answer)
{
	enum provider_life life = PROVIDER_LIFE_UNKNOWN;
	const struct service *service;
	struct connection_row row;
	struct ipc_record record;

	TRY(store_connection_get(flow->store, rejected->tenant, rejected->connection, &row));
	TRY(compiled_service(flow, row.tenant, row.service, &service));
	if (answer->outcome == ASK_ANSWERED)
		life = provider_probe_read(service, answer->reply.status, answer->reply.body);
	row_record(flow, &row, EVENT_provider_probe,
		   life == PROVIDER_LIFE_UNKNOWN ? OUTCOME_UNKNOWN : OUTCOME_OK, &record);
	record.ref = rejected->event;
	record.status = answer->reply.status;
	TRY(flow_note(flow, NULL, &record));
	if (life != PROVIDER_DEAD)
		return ERR_PROVIDER_UNAVAILABLE;
	TRY(write_dead(flow, &row));
	return ERR_REAUTH_REQUIRED;
}

static void on_probed(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct rejected *rejected = journey;
	const enum err err = settle_probe(flow, rejected, answer);

	over(flow, rejected, err);
}

static json_t *variables_of(const struct connection_row *row)
{
	json_t *variables = NULL;

	if (row->variables.n == 0 ||
	    json_parse(row->variables, &json_request_limits, &variables) != OK)
		return json_object();
	return variables;
}

static enum err probe(struct flow *flow, struct rejected *rejected,
		      const struct connection_row *row)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct ipc_record record;

	TRY(compiled_service(flow, row->tenant, row->service, &service));
	scoped(json_free) json_t *variables = variables_of(row);
	TRY(provider_call_probe(service, variables, &errand.call));
	TRY(errand_pack(&errand, &(struct errand_secrets){ .connection = row }));
	row_record(flow, row, EVENT_provider_probe, OUTCOME_INTENT, &record);
	rejected->event = record.event;
	return errand_begin(flow, &errand, (struct id){ { 0 } }, &record, on_probed, rejected);
}

enum err rejected_settle(struct flow *flow, const struct connection_row *row, uint64_t used,
			 rejected_fn fn, void *ctx)
{
	const bool joins = refresh_under_way(flow, row);
	const bool young = row->obtained + YOUNG_S * USEC_PER_S > flow->now;

	if (row->version != used) {
		fn(flow, ctx, OK); /* somebody has a new one already */
		return OK;
	}
	if (!joins && throttle_wait(&flow->throttle, row->id, tries, flow->boot) > 0)
		return ERR_PROVIDER_UNAVAILABLE;
	if (!joins)
		throttle_take(&flow->throttle, row->id, tries, flow->boot);
	struct rejected *rejected = malloc(sizeof *rejected);
	if (rejected == NULL)
		return FAULT_NOMEM;
	*rejected = (struct rejected){
		.tenant = row->tenant, .connection = row->id, .fn = fn, .ctx = ctx
	};
	const enum err err = joins || (row->refresh.n > 0 && !young)
				     ? refresh_join(flow, row, on_refreshed, rejected)
				     : probe(flow, rejected, row);
	if (err != OK)
		free(rejected);
	return err == ERR_UNSUPPORTED || err == ERR_NOT_FOUND ? ERR_PROVIDER_UNAVAILABLE : err;
}
