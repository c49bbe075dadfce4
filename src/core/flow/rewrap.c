/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/rewrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char mark[] = "rewrap";

/* In this order, tenant by tenant. */
enum stage { STAGE_CONNECTIONS, STAGE_CLIENTS, STAGE_COUNT };

/* Where the sweep stands. It lives in flow, so that one is under way at a time. */
struct rewrap {
	struct id tenant;
	enum stage stage;
	struct id row; /* the last one that was begun */
	uint64_t rev;
	char service[SERVICE_MAX_BYTES + 1]; /* of a client */
	struct buf *access;		     /* sealed again, while the refresh token is */
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

static enum err next_row(struct flow *flow);

static enum err store_pair(struct flow *flow, struct bytes refresh)
{
	struct rewrap *rewrap = flow->rewrap;
	struct connection_row row;

	TRY(store_connection_get(flow->store, rewrap->tenant, rewrap->row, &row));
	/* A refresh or a removal has been faster: what it wrote is under the new key already. */
	if (row.rev == rewrap->rev) {
		row.access = buf_bytes(rewrap->access);
		row.refresh = refresh;
		TRY(store_connection_update(flow->store, &row));
	}
	buf_free(&rewrap->access);
	rewrap->done++;
	return next_row(flow);
}

static enum err store_secret(struct flow *flow, struct bytes secret)
{
	struct rewrap *rewrap = flow->rewrap;
	struct client_row row;

	TRY(store_client_find(flow->store, rewrap->tenant, str(rewrap->service), &row));
	if (row.rev == rewrap->rev) {
		row.secret = secret;
		TRY(store_client_put(flow->store, &row));
	}
	rewrap->done++;
	return next_row(flow);
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

static enum err ask(struct flow *flow, const struct ipc_place *place, struct bytes blob,
		    flow_reply_fn fn)
{
	uint8_t place_room[128];
	struct dynbuf place_out = { .p = place_room,
				    .room = sizeof place_room,
				    .max = sizeof place_room };
	scoped(dynbuf_done) struct dynbuf item_out;
	uint64_t id;

	ipc_place_encode(place, &place_out);
	dynbuf_init(&item_out, IPC_BLOB_MAX + 128);
	const struct ipc_item item = { .place = dynbuf_view(&place_out), .blob = blob };
	ipc_item_encode(&item, &item_out);
	TRY(dynbuf_err(&item_out));
	TRY(flow_expect(flow, PEER_KEEPER, fn, NULL, &id));
	const struct ipc_rewrap rewrap = { .item = dynbuf_view(&item_out) };
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, rewrap, &rewrap);
	return dynbuf_err(&flow->staged[PEER_KEEPER]);
}

static enum err ask_token(struct flow *flow, const struct connection_row *row, bool access,
			  flow_reply_fn fn)
{
	const struct ipc_place place = {
		.field = access ? PLACE_ACCESS_TOKEN : PLACE_REFRESH_TOKEN,
		.tenant = row->tenant,
		.user = row->user,
		.object = row->id,
		.version = access ? row->version : row->refresh_version,
	};

	return ask(flow, &place, access ? row->access : row->refresh, fn);
}

static void on_refresh(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct bytes blob;

	(void)ctx;
	enum err err = take_blob(frame, &blob);
	if (err == OK)
		err = store_pair(flow, blob);
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
		err = store_connection_get(flow->store, rewrap->tenant, rewrap->row, &row);
	if (err == OK)
		err = row.refresh.n > 0 ? ask_token(flow, &row, false, on_refresh)
					: store_pair(flow, row.refresh);
	if (err != OK)
		rewrap_over(flow, err);
}

static void on_secret(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct bytes blob;

	(void)ctx;
	enum err err = take_blob(frame, &blob);
	if (err == OK)
		err = store_secret(flow, blob);
	if (err != OK)
		rewrap_over(flow, err);
}

struct found {
	bool any;
	struct tenant_row tenant;
	struct connection_row connection;
	struct client_row client;
};

static enum err found_connection(void *ctx, const struct connection_row *row)
{
	struct found *found = ctx;

	found->any = true;
	found->connection = *row;
	return OK;
}

static enum err found_client(void *ctx, const struct client_row *row)
{
	struct found *found = ctx;

	found->any = true;
	found->client = *row;
	return OK;
}

static enum err found_tenant(void *ctx, const struct tenant_row *row)
{
	struct found *found = ctx;

	found->any = true;
	found->tenant = *row;
	return OK;
}

/* Begins with one row: nothing is asked where it has no secret. */
static enum err begin_connection(struct flow *flow, const struct found *found, bool *ret_asked)
{
	const struct connection_row *row = &found->connection;

	flow->rewrap->row = row->id;
	flow->rewrap->rev = row->rev;
	*ret_asked = row->access.n > 0;
	return *ret_asked ? ask_token(flow, row, true, on_access) : OK;
}

static enum err begin_client(struct flow *flow, const struct found *found, bool *ret_asked)
{
	const struct client_row *row = &found->client;
	const struct ipc_place place = {
		.field = PLACE_CLIENT_SECRET,
		.tenant = row->tenant,
		.object = row->id,
		.version = row->secret_version,
	};

	flow->rewrap->row = row->id;
	flow->rewrap->rev = row->rev;
	if (row->service.n > SERVICE_MAX_BYTES)
		return ERR_FORGED;
	memcpy(flow->rewrap->service, row->service.p, row->service.n);
	flow->rewrap->service[row->service.n] = '\0';
	*ret_asked = row->secret.n > 0;
	return *ret_asked ? ask(flow, &place, row->secret, on_secret) : OK;
}

static enum err next_of_stage(struct flow *flow, struct found *found)
{
	const struct rewrap *rewrap = flow->rewrap;
	const struct page page = { .after = rewrap->row, .limit = 1 };

	if (rewrap->stage == STAGE_CLIENTS)
		return store_client_list(flow->store, rewrap->tenant, page, found_client, found);
	return store_connection_list(flow->store, rewrap->tenant, (struct id){ { 0 } }, str(""),
				     page, found_connection, found);
}

/* To the first row of the next stage, or of the next tenant. The mark goes when there is none. */
static enum err next_stage(struct flow *flow, bool *ret_over)
{
	struct rewrap *rewrap = flow->rewrap;
	const struct page tenants = { .after = rewrap->tenant, .limit = 1 };
	struct found found = { 0 };

	rewrap->row = (struct id){ { 0 } };
	if (!id_none(rewrap->tenant) && ++rewrap->stage < STAGE_COUNT)
		return OK;
	rewrap->stage = STAGE_CONNECTIONS;
	TRY(store_tenant_list(flow->store, tenants, found_tenant, &found));
	if (found.any) {
		rewrap->tenant = found.tenant.id;
		return OK;
	}
	*ret_over = true;
	TRY(store_meta_put(flow->store, mark, 0));
	log_info("all secrets are sealed under the current keys");
	rewrap_over(flow, OK);
	return OK;
}

static enum err next_row(struct flow *flow)
{
	bool asked = false, over = false;

	while (!asked && !over) {
		struct found found = { 0 };

		if (!id_none(flow->rewrap->tenant))
			TRY(next_of_stage(flow, &found));
		if (!found.any)
			TRY(next_stage(flow, &over));
		else if (flow->rewrap->stage == STAGE_CLIENTS)
			TRY(begin_client(flow, &found, &asked));
		else
			TRY(begin_connection(flow, &found, &asked));
	}
	return OK;
}

void rewrap_tick(struct flow *flow)
{
	uint64_t left = 0;

	if (flow->rewrap != NULL || flow_meta(flow, mark, &left) != OK || left == 0)
		return;
	flow->rewrap = calloc(1, sizeof *flow->rewrap);
	if (flow->rewrap == NULL)
		return;
	const enum err err = next_row(flow);
	if (err != OK)
		rewrap_over(flow, err);
}
