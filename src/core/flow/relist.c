/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/relist.h"

#include <stdlib.h>
#include <string.h>

#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/refresh.h"
#include "core/flow/remote.h"

struct relist {
	struct call *call;
	struct id tenant, connection; /* none: the server is open */
	char service[SERVICE_ID_LEN + 1];
	bool refreshed;
};

static void relist_end(struct flow *flow, struct relist *relist, enum err err)
{
	struct call *call = relist->call;

	free(relist);
	call->done(flow, call, err, NULL);
}

static void on_listed(struct flow *flow, void *ctx, enum err err)
{
	relist_end(flow, ctx, err);
}

static enum err relist_step(struct flow *flow, struct relist *relist, bool *ret_waits);

static void on_refreshed(struct flow *flow, void *ctx, enum err err)
{
	struct relist *relist = ctx;
	bool waits = false;

	relist->refreshed = true;
	if (err == OK)
		err = relist_step(flow, relist, &waits);
	if (!waits)
		relist_end(flow, relist, err);
}

static enum err see_to_token(struct flow *flow, struct relist *relist,
			     const struct connection_row *row, bool *ret_waits)
{
	enum refresh_need need;

	TRY(refresh_needed(flow, row, &need));
	if (need != REFRESH_NOW)
		return OK;
	if (relist->refreshed)
		return ERR_PROVIDER_UNAVAILABLE;
	TRY(refresh_join(flow, row, on_refreshed, relist));
	*ret_waits = true;
	return OK;
}

static enum err relist_step(struct flow *flow, struct relist *relist, bool *ret_waits)
{
	struct remote_of of = { .tenant = relist->tenant };
	struct connection_row row;

	*ret_waits = false;
	if (!id_none(relist->connection)) {
		TRY(store_connection_get(flow->store, relist->tenant, relist->connection, &row));
		TRY(see_to_token(flow, relist, &row, ret_waits));
		of.connection = &row;
	}
	if (*ret_waits)
		return OK;
	TRY(compiled_service(flow, relist->tenant, str(relist->service), &of.service));
	return remote_ready(flow, &of, 0, on_listed, relist, ret_waits);
}

static enum err first_connected(void *ctx, const struct connection_row *row)
{
	struct id *found = ctx;

	if (id_none(*found) && row->state == CONNECTION_CONNECTED)
		*found = row->id;
	return OK;
}

static enum err find_account(struct flow *flow, const struct service *service,
			     struct relist *relist)
{
	const struct page page = { .limit = 500 };
	const struct id none = { { 0 } };

	if (service->mcp.url.n == 0)
		return ERR_NOT_FOUND;
	if (service_open(service))
		return OK;
	TRY(store_connection_list(flow->store, relist->tenant, none, str(service->id), page,
				  first_connected, &relist->connection));
	return id_none(relist->connection) ? ERR_NOT_CONNECTED : OK;
}

enum err relist_begin(struct flow *flow, struct call *call, struct bytes id)
{
	const struct service *service;
	bool waits = false;

	TRY(compiled_service(flow, call->tenant, id, &service));
	struct relist *relist = calloc(1, sizeof *relist);
	if (relist == NULL)
		return FAULT_NOMEM;
	relist->call = call;
	relist->tenant = call->tenant;
	memcpy(relist->service, service->id, sizeof relist->service);
	enum err err = find_account(flow, service, relist);
	if (err == OK)
		err = call_keep(call);
	if (err == OK)
		err = relist_step(flow, relist, &waits);
	if (err != OK)
		free(relist);
	else if (!waits)
		relist_end(flow, relist, OK);
	return err;
}

static void on_nobody(struct flow *flow, void *ctx, enum err err)
{
	(void)flow;
	(void)ctx;
	(void)err; /* who calls one of its tools is told */
}

void relist_connected(struct flow *flow, struct id tenant, struct id connection)
{
	struct remote_of of = { .tenant = tenant };
	struct connection_row row;
	bool waits;

	if (store_connection_get(flow->store, tenant, connection, &row) != OK ||
	    compiled_service(flow, tenant, row.service, &of.service) != OK ||
	    of.service->mcp.url.n == 0)
		return;
	of.connection = &row;
	err_ignore(remote_ready(flow, &of, 0, on_nobody, NULL, &waits));
}
