/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/connections.h"
#include "core/flow/errand.h"

#include <stdio.h>

#include "core/api/reply.h"

static const char *const states[] = {
	[CONNECTION_CONNECTED] = "connected",
	[CONNECTION_PAUSED] = "paused",
	[CONNECTION_REAUTH_REQUIRED] = "reauth_required",
	[CONNECTION_REMOVED] = "removed",
};

static const char *const refreshes[] = {
	[REFRESH_IDLE] = "idle",     [REFRESH_INTENT] = "under_way", [REFRESH_STORED] = "stored",
	[REFRESH_FAILED] = "failed", [REFRESH_UNKNOWN] = "unknown",
};

static json_t *scopes_json(struct bytes scopes)
{
	json_t *list = json_array();

	while (scopes.n > 0) {
		const struct bytes scope = bytes_cut(&scopes, ' ');
		if (scope.n > 0)
			json_array_append_new(list, json_of(scope));
	}
	return list;
}

static json_t *refresh_json(const struct connection_row *row)
{
	json_t *o = json_object();
	char code[64];
	size_t i = 0;

	json_object_set_new(o, "state", json_string(refreshes[row->refresh_state]));
	set_time(o, "last", row->obtained);
	if (row->refresh_failures > 0)
		set_int(o, "failures", row->refresh_failures);
	if (row->refresh_err == 0)
		return o;
	const char *name = err_row((enum err)row->refresh_err)->name;
	for (; name[i] != 0 && i + 1 < sizeof code; i++)
		code[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
	code[i] = 0;
	json_object_set_new(o, "error", json_string(code));
	return o;
}

/* The three facts of a removal, each for itself. */
static void set_facts(json_t *o, const struct connection_row *row)
{
	static const char *const revoked[] = {
		[FACT_NONE] = "pending",
		[FACT_PENDING] = "pending",
		[FACT_YES] = "yes",
		[FACT_NO] = "no",
		[FACT_UNSUPPORTED] = "unsupported",
		[FACT_UNKNOWN] = "unknown",
	};
	static const char *const probed[] = {
		[FACT_NONE] = "pending", [FACT_PENDING] = "pending",	 [FACT_YES] = "dead",
		[FACT_NO] = "alive",	 [FACT_UNSUPPORTED] = "unknown", [FACT_UNKNOWN] = "unknown",
	};

	json_object_set_new(o, "deleted", json_boolean(row->access.n == 0 && row->refresh.n == 0));
	json_object_set_new(o, "revoked", json_string(revoked[row->revoked]));
	json_object_set_new(o, "probed", json_string(probed[row->probed]));
}

static json_t *connection_json(struct flow *flow, const struct connection_row *row)
{
	struct user_row user;
	json_t *o = json_object();

	set_id(o, "id", "conn", row->id);
	set_id(o, "user", "user", row->user);
	if (store_user_get(flow->store, row->tenant, row->user, &user) == OK)
		set_bytes(o, "user", user.subject);
	set_bytes(o, "service", row->service);
	set_bytes(o, "alias", row->alias);
	json_object_set_new(o, "state", json_string(states[row->state]));
	json_t *account = json_object();
	set_bytes(account, "id", row->account_id);
	set_bytes(account, "name", row->account_name);
	json_object_set_new(o, "account", account);
	json_object_set_new(o, "scopes", scopes_json(row->scopes));
	set_time(o, "expires", row->expires);
	scoped(json_free) json_t *variables = errand_variables(row);
	set_time(o, "reconnect_by", errand_ends(variables));
	json_object_set_new(o, "refresh", refresh_json(row));
	set_time(o, "created", row->created);
	if (row->state == CONNECTION_REMOVED)
		set_facts(o, row);
	return o;
}

static enum err join_scopes(const json_t *scopes, struct dynbuf *out)
{
	json_t *scope;
	size_t i;

	if (scopes == NULL)
		return OK;
	if (!json_is_array(scopes))
		return ERR_MALFORMED;
	json_array_foreach(scopes, i, scope)
	{
		if (!json_is_string(scope))
			return ERR_MALFORMED;
		if (i > 0)
			dynbuf_u8(out, ' ');
		dynbuf_str(out, json_string_value(scope));
	}
	return dynbuf_err(out);
}

enum err post_connect(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "user",  "service",    "scopes",
					     "alias", "connection", "variables" };
	scoped(json_free) json_t *body = NULL;
	uint8_t room[SCOPES_MAX_BYTES];
	struct dynbuf scopes = { .p = room, .room = sizeof room, .max = sizeof room };
	char url[sizeof flow->settings.issuer + 128];
	struct connect_view link;
	struct token_text ticket;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	TRY(join_scopes(json_object_get(body, "scopes"), &scopes));
	struct connect_new new = {
		.user = json_str(body, "user"),
		.service = json_str(body, "service"),
		.alias = json_str(body, "alias"),
		.scopes = dynbuf_view(&scopes),
		.variables = json_object_get(body, "variables"),
	};
	if (json_str(body, "connection").n > 0 &&
	    id_parse("conn", json_str(body, "connection"), &new.connection) != OK)
		return ERR_NOT_FOUND;
	TRY(connect_start(flow, call, &new, &ticket));
	TRY(connect_view(flow, str(ticket.s), &link));
	snprintf(url, sizeof url, "%sconnect/%s", flow->settings.issuer, ticket.s);
	json_t *o = json_object();
	json_object_set_new(o, "url", json_string(url));
	json_object_set_new(o, "scopes", scopes_json(link.consent.scopes));
	set_time(o, "expires", link.consent.expires);
	wipe(&ticket, sizeof ticket);
	wipe(url, sizeof url);
	reply_json(flow, call, 201, o);
	return OK;
}

struct connection_listing {
	struct listing listing;
	struct flow *flow;
};

static enum err connection_item(void *ctx, const struct connection_row *row)
{
	struct connection_listing *l = ctx;

	return listing_add(&l->listing, row->id, connection_json(l->flow, row));
}

enum err list_connections(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct bytes subject = form_find(&in->query, "user");
	struct connection_listing l = { .flow = flow };
	struct user_row user = { 0 };
	struct page page;

	TRY(read_page(in, "conn", &page));
	if (subject.p != NULL)
		TRY(store_user_find(flow->store, call->tenant, str("local"), subject, &user));
	listing_begin(&l.listing, "conn", &page);
	TRY(store_connection_list(flow->store, call->tenant, user.id,
				  form_find(&in->query, "service"), page, connection_item, &l));
	listing_reply(flow, call, &l.listing);
	return OK;
}

static enum err connection_id(const struct api_in *in, struct id *ret)
{
	return id_parse("conn", in->vars[0], ret) == OK ? OK : ERR_NOT_FOUND;
}

enum err get_connection(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct connection_row row;
	struct id id;

	TRY(connection_id(in, &id));
	TRY(store_connection_get(flow->store, call->tenant, id, &row));
	reply_json(flow, call, 200, connection_json(flow, &row));
	return OK;
}

enum err post_connection_pause(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct connection_row row;
	struct id id;

	TRY(connection_id(in, &id));
	TRY(connection_pause(flow, call, id, &row));
	reply_json(flow, call, 200, connection_json(flow, &row));
	return OK;
}

enum err post_connection_resume(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct connection_row row;
	struct id id;

	TRY(connection_id(in, &id));
	TRY(connection_resume(flow, call, id, &row));
	reply_json(flow, call, 200, connection_json(flow, &row));
	return OK;
}

static void removed(struct flow *flow, struct call *call, enum err err, const void *result)
{
	if (err != OK)
		reply_problem(flow, call, err, NULL);
	else
		reply_json(flow, call, 200, connection_json(flow, result));
}

enum err delete_connection(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct id id;

	TRY(connection_id(in, &id));
	call->done = removed;
	return connection_remove(flow, call, id);
}
