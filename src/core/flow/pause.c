/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/connections.h"

static enum err state_event(struct flow *flow, struct call *call, const struct connection_row *row,
			    uint8_t kind)
{
	struct ipc_record record;

	flow_record(flow, call, kind, OUTCOME_OK, &record);
	record.tenant = row->tenant;
	record.user = row->user;
	record.connection = row->id;
	record.service = row->service;
	return flow_event(flow, call, &record);
}

enum err connection_pause(struct flow *flow, struct call *call, struct id id,
			  struct connection_row *ret)
{
	struct connection_row row;

	TRY(store_connection_get(flow->store, call->tenant, id, &row));
	if (row.state == CONNECTION_REMOVED)
		return ERR_CONFLICT;
	/* One that has to be connected again stays so, and will be paused after. */
	row.was_paused = true;
	if (row.state == CONNECTION_CONNECTED)
		row.state = CONNECTION_PAUSED;
	TRY(store_connection_update(flow->store, &row));
	TRY(state_event(flow, call, &row, EVENT_connection_pause));
	*ret = row;
	return OK;
}

enum err connection_resume(struct flow *flow, struct call *call, struct id id,
			   struct connection_row *ret)
{
	struct connection_row row;

	TRY(store_connection_get(flow->store, call->tenant, id, &row));
	if (row.state == CONNECTION_REMOVED)
		return ERR_CONFLICT;
	row.was_paused = false;
	if (row.state == CONNECTION_PAUSED)
		row.state = CONNECTION_CONNECTED;
	TRY(store_connection_update(flow->store, &row));
	TRY(state_event(flow, call, &row, EVENT_connection_resume));
	*ret = row;
	return OK;
}
