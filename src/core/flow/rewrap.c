/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/rewrap.h"

#include <stdlib.h>

#include "base/log.h"

static const char mark[] = "rewrap";

/* Where the sweep stands. It lives in flow, so that one is under way at a time. */
struct rewrap {
	struct id tenant, connection; /* the last one that was done */
	uint64_t rev;
	struct buf *access; /* sealed again, while the refresh token is */
	uint64_t done;
};

enum err rewrap_mark(struct flow *flow)
{
	return store_meta_put(flow->store, mark, 1);
}

void rewrap_progress(struct flow *flow, uint64_t *ret_done, bool *ret_left)
{
	uint64_t left = 0;

	err_ignore(flow_meta(flow, mark, &left)); /* unknown shows as none */
	*ret_left = left != 0;
	*ret_done = flow->rewrap == NULL ? 0 : flow->rewrap->done;
}

static void rewrap_over(struct flow *flow, enum err err)
{
	if (err != OK)
		log_warn("sealing again under a new key stopped: %s; it goes on by itself",
			 err_row(err)->name);
	buf_free(&flow->rewrap->access);
	free(flow->rewrap);
	flow->rewrap = NULL;
}

static enum err next_connection(struct flow *flow);

static enum err rewrap_store(struct flow *flow, struct bytes refresh)
{
	struct rewrap *rewrap = flow->rewrap;
	struct connection_row row;

	TRY(store_connection_get(flow->store, rewrap->tenant, rewrap->connection, &row));
	/* A refresh or a removal has been faster: what it wrote is under the new key already. */
	if (row.rev == rewrap->rev) {
		row.access = buf_bytes(rewrap->access);
		row.refresh = refresh;
		TRY(store_connection_update(flow->store, &row));
	}
	buf_free(&rewrap->access);
	rewrap->done++;
	return next_connection(flow);
}

static enum err take_blob(const struct frame *frame, struct bytes *ret)
{
	struct ipc_rewrapped rewrapped;

	if (frame == NULL || frame->type != IPC_TYPE_rewrapped)
		return ERR_FORGED;
	TRY(ipc_rewrapped_decode(frame->payload, &rewrapped));
	*ret = rewrapped.blob;
	return OK;
}

static enum err ask(struct flow *flow, const struct connection_row *row, bool access,
		    flow_reply_fn fn)
{
	uint8_t place_room[128];
	struct dynbuf place_out = { .p = place_room,
				    .room = sizeof place_room,
				    .max = sizeof place_room };
	const struct ipc_place place = {
		.field = access ? PLACE_ACCESS_TOKEN : PLACE_REFRESH_TOKEN,
		.tenant = row->tenant,
		.user = row->user,
		.object = row->id,
		.version = access ? row->version : row->refresh_version,
	};
	scoped(dynbuf_done) struct dynbuf item_out;
	uint64_t id;

	ipc_place_encode(&place, &place_out);
	dynbuf_init(&item_out, IPC_BLOB_MAX + 128);
	const struct ipc_item item = { .place = dynbuf_view(&place_out),
				       .blob = access ? row->access : row->refresh };
	ipc_item_encode(&item, &item_out);
	TRY(dynbuf_err(&item_out));
	TRY(flow_expect(flow, PEER_KEEPER, fn, NULL, &id));
	const struct ipc_rewrap rewrap = { .item = dynbuf_view(&item_out) };
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, rewrap, &rewrap);
	return dynbuf_err(&flow->staged[PEER_KEEPER]);
}

static void on_refresh(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct bytes blob;

	(void)ctx;
	enum err err = take_blob(frame, &blob);
	if (err == OK)
		err = rewrap_store(flow, blob);
	if (err != OK)
		rewrap_over(flow, err);
}

static void on_access(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct rewrap *rewrap = flow->rewrap;
	struct connection_row row;
	struct bytes blob;

	(void)ctx;
	enum err err = take_blob(frame, &blob);
	if (err == OK)
		err = buf_dup(blob, &rewrap->access);
	if (err == OK)
		err = store_connection_get(flow->store, rewrap->tenant, rewrap->connection, &row);
	if (err == OK)
		err = row.refresh.n > 0 ? ask(flow, &row, false, on_refresh)
					: rewrap_store(flow, row.refresh);
	if (err != OK)
		rewrap_over(flow, err);
}

struct found {
	bool any;
	struct id tenant;
	struct connection_row row;
};

static enum err found_connection(void *ctx, const struct connection_row *row)
{
	struct found *found = ctx;

	found->any = true;
	found->row = *row;
	return OK;
}

static enum err found_tenant(void *ctx, const struct tenant_row *row)
{
	struct found *found = ctx;

	found->any = true;
	found->tenant = row->id;
	return OK;
}

/* The one after the last, in the order of tenants and ids; the mark goes when there is none. */
static enum err next_connection(struct flow *flow)
{
	struct rewrap *rewrap = flow->rewrap;
	struct found found;

	for (;;) {
		const struct page page = { .after = rewrap->connection, .limit = 1 };
		found = (struct found){ 0 };
		if (!id_none(rewrap->tenant))
			TRY(store_connection_list(flow->store, rewrap->tenant, (struct id){ { 0 } },
						  str(""), page, found_connection, &found));
		if (found.any && found.row.access.n == 0) {
			rewrap->connection = found.row.id;
			continue;
		}
		if (found.any)
			break;
		const struct page tenants = { .after = rewrap->tenant, .limit = 1 };
		TRY(store_tenant_list(flow->store, tenants, found_tenant, &found));
		if (!found.any) {
			TRY(store_meta_put(flow->store, mark, 0));
			log_info("all tokens are sealed under the current keys");
			rewrap_over(flow, OK);
			return OK;
		}
		rewrap->tenant = found.tenant;
		rewrap->connection = (struct id){ { 0 } };
	}
	rewrap->connection = found.row.id;
	rewrap->rev = found.row.rev;
	return ask(flow, &found.row, true, on_access);
}

void rewrap_tick(struct flow *flow)
{
	uint64_t left = 0;

	if (flow->rewrap != NULL || flow_meta(flow, mark, &left) != OK || left == 0)
		return;
	flow->rewrap = calloc(1, sizeof *flow->rewrap);
	if (flow->rewrap == NULL)
		return;
	const enum err err = next_connection(flow);
	if (err != OK)
		rewrap_over(flow, err);
}
