/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/chores.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "core/flow/ask.h"
#include "core/flow/connections.h"
#include "core/flow/grants.h"
#include "core/flow/intents.h"
#include "core/flow/refresh.h"
#include "core/flow/register.h"
#include "core/flow/rewrap.h"
#include "core/flow/scrub.h"
#include "core/flow/toolcall.h"

enum { OUTBOX_EVERY_S = 5, REVOKE_EVERY_S = 5, KEEP_ALIVE_EVERY_S = 60, COUNTERS_EVERY_S = 60 };

enum err chores_start(struct flow *flow)
{
	struct ipc_record record;
	struct tenant_row tenant;

	TRY(store_tenant_find(flow->store, str("default"), &tenant));
	flow->tenant_default = tenant.id;
	flow_request_begin(flow);
	TRY(flow_outbox_resend(flow));
	flow_record(flow, NULL, EVENT_start, OUTCOME_OK, &record);
	return flow_note(flow, NULL, &record);
}

static enum err revoke_due(void *ctx, const struct connection_row *row)
{
	connection_revoke_again(ctx, row);
	return OK;
}

/* A rotating grant that nobody uses would die of idleness: one that ended a day ago is renewed. */
static enum err keep_alive(void *ctx, const struct connection_row *row)
{
	struct flow *flow = ctx;

	/* One that cannot be begun now is due again in a minute. */
	if (row->refresh.n > 0 && row->refresh_at <= flow->now)
		err_ignore(refresh_join(flow, row, NULL, NULL));
	return OK;
}

static bool every(const struct flow *flow, usec_t seconds)
{
	return (flow->boot - flow->started) / USEC_PER_S % seconds == 0;
}

void chores_tick(struct flow *flow)
{
	enum err err = refresh_recover(flow);

	if (err == OK && every(flow, OUTBOX_EVERY_S) && !flow->keeper.log_full)
		err = flow_outbox_resend(flow);
	if (err == OK && every(flow, REVOKE_EVERY_S))
		err = store_connection_due(flow->store, DUE_REVOKE, flow->now, 16, revoke_due,
					   flow);
	if (err == OK && every(flow, KEEP_ALIVE_EVERY_S))
		err = store_connection_due(flow->store, DUE_REFRESH_SOON,
					   flow->now - 24 * 3600 * USEC_PER_S, 16, keep_alive,
					   flow);
	if (err == OK)
		err = intents_close(flow);
	if (err == OK)
		err = scrub_some(flow);
	if (err == OK && every(flow, COUNTERS_EVERY_S))
		err = store_spent_sweep(flow->store, flow->now);
	if (err == OK)
		err = store_seen_sweep(flow->store, flow->now);
	if (err == OK && every(flow, COUNTERS_EVERY_S))
		err = grants_sweep(flow);
	if (err == OK && every(flow, COUNTERS_EVERY_S))
		err = register_sweep(flow);
	if (err == OK)
		err = approval_sweep(flow);
	if (err == OK)
		err = toolcall_recover(flow);
	rewrap_tick(flow);
	if (err != OK)
		log_warn("a chore failed: %s", err_row(err)->name);
}

/* A rotation that goes on: connections are sealed again one after the other. */
struct rotation {
	struct call *call;
	struct id tenant;
};

static void on_rotated(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct rotation rotation = *(struct rotation *)ctx;
	struct call *call = rotation.call;
	struct ipc_tenant_key_done done;
	struct ipc_record record;

	free(ctx);
	if (frame == NULL || frame->type != IPC_TYPE_tenant_key_done ||
	    ipc_tenant_key_done_decode(frame->payload, &done) != OK) {
		call->done(flow, call, ERR_SERVER, NULL);
		return;
	}
	flow_record(flow, call, EVENT_key_rotate, OUTCOME_OK, &record);
	record.object = rotation.tenant;
	record.version = done.key_version;
	enum err err = flow_event(flow, call, &record);
	if (err == OK)
		err = rewrap_mark(flow);
	call->done(flow, call, err, &done.key_version);
}

enum err keys_rotate(struct flow *flow, struct call *call)
{
	struct rotation *rotation = calloc(1, sizeof *rotation);
	uint64_t id;

	if (rotation == NULL)
		return FAULT_NOMEM;
	*rotation = (struct rotation){ call, call->tenant };
	enum err err = flow_expect(flow, PEER_KEEPER, on_rotated, rotation, &id);
	if (err == OK)
		err = call_keep(call);
	if (err != OK) {
		free(rotation);
		return err;
	}
	const struct ipc_tenant_key key = { .tenant = call->tenant, .rotate = 1 };
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, tenant_key, &key);
	return dynbuf_err(&flow->staged[PEER_KEEPER]);
}

enum err backup_make(struct flow *flow, struct call *call, char name[static 64],
		     uint64_t *ret_bytes)
{
	struct ipc_record record;
	struct stat st;

	snprintf(name, 64, "backup-%llu.db", (unsigned long long)(flow->now / USEC_PER_S));
	TRY(store_backup(flow->store, flow->state_dir, name));
	if (fstatat(flow->state_dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return FAULT_SYSTEM;
	flow_record(flow, call, EVENT_backup, OUTCOME_OK, &record);
	record.bytes = (uint64_t)st.st_size;
	TRY(flow_event(flow, call, &record));
	*ret_bytes = (uint64_t)st.st_size;
	return OK;
}
