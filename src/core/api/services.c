/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/api/reply.h"
#include "core/catalog/catalog.h"
#include "core/flow/compiled.h"
#include "core/flow/objects.h"

static enum err set_client(struct flow *flow, const struct call *call, json_t *o,
			   struct bytes service)
{
	struct client_row row = { 0 };
	json_t *client = json_object();

	const enum err err = store_client_find(flow->store, call->tenant, service, &row);
	if (err != OK && err != ERR_NOT_FOUND) {
		json_decref(client);
		return err;
	}
	set_bytes(client, "id", row.client_id);
	json_object_set_new(client, "secret", json_boolean(row.secret.n > 0));
	json_object_set_new(o, "client", client);
	return OK;
}

static enum err service_json(struct flow *flow, const struct call *call,
			     const struct service *service, const char *source, json_t **ret)
{
	char url[sizeof flow->settings.issuer + 32];
	json_t *o = json_object();

	json_object_set_new(o, "id", json_string(service->id));
	set_bytes(o, "name", service->name);
	json_object_set_new(o, "source", json_string(source));
	if (service->mcp.url.n > 0) {
		set_bytes(o, "mcp_url", service->mcp.url);
		set_bytes(o, "issuer", service->oauth.issuer);
	}
	set_int(o, "tools", service->tools_n);
	json_object_set_new(o, "refresh", json_string(service_class_name(service->oauth.class)));
	snprintf(url, sizeof url, "%slogin/callback", flow->settings.issuer);
	json_object_set_new(o, "callback_url", json_string(url));
	const enum err err = set_client(flow, call, o, str(service->id));
	if (err != OK)
		json_decref(o);
	else
		*ret = o;
	return err;
}

struct services {
	struct flow *flow;
	struct call *call;
	json_t *items;
};

static enum err stored_item(void *ctx, const struct service_row *row)
{
	struct services *services = ctx;
	const struct service *service;
	json_t *o;

	TRY(compiled_service(services->flow, row->tenant, row->service, &service));
	TRY(service_json(services->flow, services->call, service, "file", &o));
	return json_array_append_new(services->items, o) == 0 ? OK : FAULT_NOMEM;
}

/* The tenant's own files, then the built-in ones that they do not replace. */
enum err list_services(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(json_free) json_t *items = json_array();
	struct services services = { flow, call, items };
	const struct service *service;
	struct service_row own;
	struct page page;
	const char *id;
	json_t *o;

	TRY(read_page(in, "svc", &page));
	page.limit = 500;
	TRY(store_service_list(flow->store, call->tenant, page, stored_item, &services));
	for (size_t i = 0; (id = catalog_at(i)) != NULL; i++) {
		if (store_service_find(flow->store, call->tenant, str(id), &own) == OK)
			continue;
		TRY(compiled_service(flow, call->tenant, str(id), &service));
		TRY(service_json(flow, call, service, "built-in", &o));
		if (json_array_append_new(items, o) != 0)
			return FAULT_NOMEM;
	}
	reply_json(flow, call, 200, json_pack("{s:O}", "items", items));
	return OK;
}

static json_t *scopes_json(const struct service *service)
{
	json_t *list = json_array();

	for (size_t i = 0; i < service->oauth.scopes_n; i++) {
		const struct service_scope *scope = &service->oauth.scopes[i];
		json_t *o = json_object();
		set_bytes(o, "name", scope->name);
		set_bytes(o, "says", scope->says);
		json_object_set_new(o, "risk", json_string(service_risk_name(scope->risk)));
		json_array_append_new(list, o);
	}
	return list;
}

/* What has to be given, by whom, and what it looks like. */
static json_t *variables_json(const struct service *service)
{
	static const char *const given[] = {
		[SERVICE_FROM_START] = "start",
		[SERVICE_FROM_OPERATOR] = "operator",
	};
	json_t *list = json_array();

	for (size_t i = 0; i < service->oauth.variables_n; i++) {
		const struct service_variable *variable = &service->oauth.variables[i];
		if (variable->from != SERVICE_FROM_START && variable->from != SERVICE_FROM_OPERATOR)
			continue;
		json_t *o = json_object();
		set_bytes(o, "name", variable->name);
		json_object_set_new(o, "from", json_string(given[variable->from]));
		set_bytes(o, "says", variable->says);
		set_bytes(o, "default", variable->otherwise);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *tools_json(const struct service *service)
{
	static const char *const effects[] = {
		[SERVICE_READ] = "read",
		[SERVICE_WRITE] = "write",
		[SERVICE_DESTRUCTIVE] = "destructive",
	};
	json_t *list = json_array();

	for (size_t i = 0; i < service->tools_n; i++) {
		const struct service_tool *tool = &service->tools[i];
		json_t *o = json_object();
		set_bytes(o, "name", tool->name);
		set_bytes(o, "title", tool->title);
		set_bytes(o, "says", tool->says);
		json_object_set_new(o, "effect", json_string(effects[tool->effect]));
		set_bytes(o, "described", tool->described);
		json_array_append_new(list, o);
	}
	return list;
}

/* Names of the tools that are checked against no public description. */
static json_t *unverified_json(const struct service *service)
{
	json_t *list = json_array();

	for (size_t i = 0; i < service->tools_n; i++)
		if (service->tools[i].described.n == 0)
			json_array_append_new(list, json_of(service->tools[i].name));
	return list;
}

enum err services_json(struct flow *flow, const struct call *call, struct bytes id, json_t **ret)
{
	const struct service *service;
	struct service_row own;
	json_t *o;

	TRY(compiled_service(flow, call->tenant, id, &service));
	const bool file = store_service_find(flow->store, call->tenant, id, &own) == OK;
	TRY(service_json(flow, call, service, file ? "file" : "built-in", &o));
	json_object_set_new(o, "scopes", scopes_json(service));
	json_object_set_new(o, "variables", variables_json(service));
	json_object_set_new(o, "tools", tools_json(service));
	json_object_set_new(o, "unverified", unverified_json(service));
	json_t *hosts = json_array();
	for (size_t i = 0; i < service->api.hosts_n; i++)
		json_array_append_new(hosts, json_of(service->api.hosts[i]));
	json_object_set_new(o, "hosts", hosts);
	*ret = o;
	return OK;
}

static enum err reply_service(struct flow *flow, struct call *call, struct bytes id,
			      unsigned status)
{
	json_t *o;

	TRY(services_json(flow, call, id, &o));
	reply_json(flow, call, status, o);
	return OK;
}

enum err get_service(struct flow *flow, struct call *call, const struct api_in *in)
{
	return reply_service(flow, call, in->vars[0], 200);
}

enum err post_service(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct complaint complaint = { 0 };
	struct service_row row;

	(void)in;
	const enum err err = service_add(flow, call, call->request.body, &complaint, &row);
	if (err != OK)
		return reply_complaint(call, err, &complaint);
	return reply_service(flow, call, row.service, 201);
}

enum err put_client(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "client_id", "variables" };
	scoped(json_free) json_t *body = NULL;

	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	const struct client_new new = { json_str(body, "client_id"),
					json_object_get(body, "variables") };
	TRY(service_client_set(flow, call, in->vars[0], &new));
	return reply_service(flow, call, in->vars[0], 200);
}

static void secret_set(struct flow *flow, struct call *call, enum err err, const void *result)
{
	(void)result;
	if (err != OK)
		reply_problem(flow, call, err, NULL);
	else
		call_answer(flow, call, 204);
}

enum err put_client_secret(struct flow *flow, struct call *call, const struct api_in *in)
{
	call->done = secret_set;
	return service_secret_set(flow, call, in->vars[0]);
}
