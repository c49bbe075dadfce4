/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of a remote MCP server: what it lists, what was accepted of that. */
#include "core/flow/offers.h"
#include "core/api/reply.h"
#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/relist.h"

static void set_definition(json_t *o, const char *name, struct bytes text)
{
	static const struct json_limits limits = { DEFINITION_MAX, 20000, JSON_DEPTH_MAX };
	json_t *value;

	if (text.n > 0 && json_parse(text, &limits, &value) == OK)
		json_object_set_new(o, name, value);
}

static json_t *listed_json(const struct service_listed *listed)
{
	static const char *const states[] = {
		[SERVICE_LISTED_NEW] = "new",
		[SERVICE_LISTED_LIVE] = "live",
		[SERVICE_LISTED_CHANGED] = "changed",
		[SERVICE_LISTED_GONE] = "gone",
	};
	static const char *const effects[] = {
		[SERVICE_READ] = "read",
		[SERVICE_WRITE] = "write",
		[SERVICE_DESTRUCTIVE] = "destructive",
	};
	const bool offered = listed->offered.n > 0;
	json_t *o = json_object();

	set_bytes(o, "name", listed->name);
	json_object_set_new(o, "state", json_string(states[service_listed_state(listed)]));
	json_object_set_new(o, "effect", json_string(effects[service_listed_effect(listed)]));
	set_bytes(o, "pin", offered ? listed->offered_pin : listed->pin);
	if (listed->hidden > 0)
		set_int(o, "hidden_characters", (uint64_t)listed->hidden);
	set_definition(o, "accepted", listed->definition);
	set_definition(o, "offered", listed->offered);
	return o;
}

static enum err reply_listing(struct flow *flow, struct call *call, struct bytes id)
{
	const struct service *service;

	TRY(compiled_service(flow, call->tenant, id, &service));
	if (service->mcp.url.n == 0)
		return ERR_NOT_FOUND;
	json_t *items = json_array();
	for (size_t i = 0; i < service->mcp.listed_n; i++)
		json_array_append_new(items, listed_json(&service->mcp.listed[i]));
	reply_json(flow, call, 200, json_pack("{s:o}", "items", items));
	return OK;
}

enum err get_service_tools(struct flow *flow, struct call *call, const struct api_in *in)
{
	return reply_listing(flow, call, in->vars[0]);
}

/* The service is the segment behind the collection in the request that was kept. */
static void relisted(struct flow *flow, struct call *call, enum err err, const void *result)
{
	struct bytes target = call->request.target;

	(void)result;
	for (size_t i = 0; i < 4; i++)
		(void)bytes_cut(&target, '/');
	if (err == OK)
		err = reply_listing(flow, call, bytes_cut(&target, '/'));
	if (err != OK)
		reply_problem(flow, call, err, call->detail);
}

enum err post_service_tools(struct flow *flow, struct call *call, const struct api_in *in)
{
	call->done = relisted;
	return relist_begin(flow, call, in->vars[0]);
}

enum err post_service_accept(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "tools" };
	scoped(json_free) json_t *body = NULL;
	struct offers_pick picks[OFFERS_MAX];
	json_t *item;
	size_t i;

	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	const json_t *tools = json_object_get(body, "tools");
	if (!json_is_array(tools) || json_array_size(tools) > OFFERS_MAX)
		return ERR_MALFORMED;
	json_array_foreach(tools, i, item)
	{
		picks[i] = (struct offers_pick){ json_str(item, "name"), json_str(item, "pin") };
		if (picks[i].name.p == NULL || picks[i].pin.p == NULL)
			return ERR_MALFORMED;
	}
	TRY(offers_accept(flow, call, in->vars[0], picks, json_array_size(tools)));
	return reply_listing(flow, call, in->vars[0]);
}
