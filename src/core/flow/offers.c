/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/offers.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/catalog/service.h"
#include "core/flow/compiled.h"

static const struct json_limits file_limits = { OFFERS_FILE_MAX, 50000, JSON_DEPTH_MAX };

void offers_done(struct offers *offers)
{
	for (size_t i = 0; i < offers->n; i++)
		definition_done(&offers->at[i]);
	free(offers->at);
	*offers = (struct offers){ 0 };
}

/* Two tools that clients could not tell apart: the first one is taken. */
static bool is_there(const struct offers *offers, const char *name)
{
	for (size_t i = 0; i < offers->n; i++)
		if (definition_names_meet(offers->at[i].name, name))
			return true;
	return false;
}

static void take_one(struct offers *offers, const struct doc *doc, uint32_t tool)
{
	struct definition *to = &offers->at[offers->n];

	if (definition_read(doc, tool, to) != OK || is_there(offers, to->name)) {
		offers->refused++;
		definition_done(to);
		return;
	}
	offers->bytes += to->text.n;
	if (offers->bytes > OFFERS_BYTES_MAX) {
		offers->cut = true;
		definition_done(to);
		return;
	}
	offers->n++;
}

enum err offers_page(struct offers *offers, const struct doc *doc, uint32_t tools)
{
	if (doc_kind(doc, tools) != DOC_ARRAY)
		return ERR_PROVIDER_REFUSED;
	if (offers->at == NULL)
		offers->at = calloc(OFFERS_MAX, sizeof *offers->at);
	if (offers->at == NULL)
		return FAULT_NOMEM;
	for (uint32_t tool = tools + 1; tool < doc->nodes[tools].next && !offers->cut;
	     tool = doc->nodes[tool].next) {
		offers->cut = offers->n == OFFERS_MAX;
		if (!offers->cut)
			take_one(offers, doc, tool);
	}
	return OK;
}

static int by_name(const void *a, const void *b)
{
	const struct definition *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Plain scalars that are no text keep their kind. */
static json_t *json_of_node(const struct yaml_node *node)
{
	struct bytes text;
	int64_t number;
	bool flag;
	json_t *made;

	switch (node->kind) {
	case YAML_NULL:
		return json_null();
	case YAML_SCALAR:
		if (yaml_bool(node, &flag))
			return json_boolean(flag);
		if (yaml_int(node, &number))
			return json_integer(number);
		return yaml_str(node, &text) ? json_of(text) : json_null();
	case YAML_LIST:
		made = json_array();
		for (const struct yaml_node *child = node->first; child != NULL;
		     child = child->next)
			json_array_append_new(made, json_of_node(child));
		return made;
	case YAML_MAP:
		break;
	}
	made = json_object();
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		json_object_setn_new(made, (const char *)child->name.p, child->name.n,
				     json_of_node(child));
	return made;
}

/* The file as JSON: what we have printed is that already, what an operator wrote becomes it. */
static enum err file_read(struct bytes text, json_t **ret)
{
	struct complaint complaint = { 0 };
	struct yaml *yaml = NULL;

	if (json_parse(text, &file_limits, ret) == OK)
		return OK;
	TRY(yaml_parse(text, "service file", &complaint, &yaml));
	*ret = json_of_node(yaml_root(yaml));
	yaml_free(&yaml);
	return *ret == NULL ? FAULT_NOMEM : OK;
}

static const struct service_listed *old_of(const struct service_mcp *mcp, const char *name)
{
	for (size_t i = 0; i < mcp->listed_n; i++)
		if (bytes_is(mcp->listed[i].name, name))
			return &mcp->listed[i];
	return NULL;
}

static void set(json_t *o, const char *name, struct bytes text)
{
	if (text.n > 0)
		json_object_set_new(o, name, json_of(text));
}

static json_t *entry_of(const struct service_listed *listed)
{
	json_t *o = json_object();

	set(o, "name", listed->name);
	set(o, "pin", listed->pin);
	set(o, "definition", listed->definition);
	set(o, "offered_pin", listed->offered_pin);
	set(o, "offered", listed->offered);
	if (listed->hidden > 0)
		json_object_set_new(o, "hidden", json_integer(listed->hidden));
	if (listed->gone)
		json_object_set_new(o, "gone", json_true());
	return o;
}

static json_t *offered_entry(const struct service_listed *old, const struct definition *d)
{
	const struct bytes pin = { (const uint8_t *)d->pin, DEFINITION_PIN_LEN };
	struct service_listed now = { .name = str(d->name) };

	if (old != NULL && old->pin.n > 0) {
		now.pin = old->pin;
		now.definition = old->definition;
	}
	if (!bytes_eq(now.pin, pin)) {
		now.offered_pin = pin;
		now.offered = dynbuf_view(&d->text);
		now.hidden = d->hidden;
	}
	return entry_of(&now);
}

static bool is_listed(const struct offers *offers, struct bytes name)
{
	for (size_t i = 0; i < offers->n; i++)
		if (bytes_is(name, offers->at[i].name))
			return true;
	return false;
}

/* @whole: what this list does not have, the server does not have. */
static json_t *merge(const struct service_mcp *mcp, const struct offers *offers, bool whole)
{
	json_t *list = json_array();

	for (size_t i = 0; i < offers->n; i++)
		json_array_append_new(
			list, offered_entry(old_of(mcp, offers->at[i].name), &offers->at[i]));
	for (size_t i = 0; i < mcp->listed_n && json_array_size(list) < OFFERS_MAX; i++) {
		struct service_listed old = mcp->listed[i];
		if (is_listed(offers, old.name) || (whole && old.pin.n == 0))
			continue;
		if (whole) {
			old.gone = true;
			old.offered = old.offered_pin = (struct bytes){ NULL, 0 };
			old.hidden = 0;
		}
		json_array_append_new(list, entry_of(&old));
	}
	return list;
}

static json_t *listing_of(const struct service_mcp *mcp)
{
	json_t *list = json_array();

	for (size_t i = 0; i < mcp->listed_n; i++)
		json_array_append_new(list, entry_of(&mcp->listed[i]));
	return list;
}

static enum err count_live(void *ctx, const struct connection_row *row)
{
	size_t *n = ctx;

	*n += row->state == CONNECTION_CONNECTED;
	return OK;
}

/* Servers may list other tools to other accounts; with one account there is nobody else. */
static enum err speaks_for_all(struct flow *flow, struct id tenant, const struct service *service,
			       bool *ret)
{
	const struct page page = { .limit = 500 };
	const struct id none = { { 0 } };
	size_t n = 0;

	if (!service_open(service))
		TRY(store_connection_list(flow->store, tenant, none, str(service->id), page,
					  count_live, &n));
	*ret = n <= 1;
	return OK;
}

static enum err write_file(struct flow *flow, struct call *call, struct service_row *row,
			   json_t *tools)
{
	scoped(json_free) json_t *file = NULL;
	scoped(dynbuf_done) struct dynbuf text;
	struct complaint complaint = { 0 };
	const struct service *service;
	struct ipc_record record;

	dynbuf_init(&text, OFFERS_FILE_MAX);
	TRY(file_read(row->yaml, &file));
	if (json_object_set(json_object_get(file, "mcp"), "tools", tools) != 0)
		return FAULT_NOMEM;
	json_print(file, &text);
	TRY(dynbuf_err(&text));
	const enum err err = compiled_service_text(flow, dynbuf_view(&text), "service file",
						   &complaint, &service);
	if (err != OK)
		return err == ERR_MALFORMED ? ERR_PROVIDER_REFUSED : err;
	row->yaml = dynbuf_view(&text);
	TRY(store_service_put(flow->store, row));
	flow_record(flow, call, EVENT_service_tools, OUTCOME_OK, &record);
	record.tenant = row->tenant;
	record.service = row->service;
	flow->tools_changed++;
	flow->batch_writes++;
	return flow_event(flow, call, &record);
}

static enum err store(struct flow *flow, struct id tenant, const char *id,
		      const struct offers *offers)
{
	scoped(json_free) json_t *tools = NULL, *before = NULL;
	const struct service *service;
	struct service_row row;
	bool whole;

	TRY(compiled_service(flow, tenant, str(id), &service));
	TRY(speaks_for_all(flow, tenant, service, &whole));
	before = listing_of(&service->mcp);
	tools = merge(&service->mcp, offers, whole || offers->cut);
	if (json_equal(tools, before))
		return OK;
	TRY(store_service_find(flow->store, tenant, str(id), &row));
	return write_file(flow, NULL, &row, tools);
}

enum err offers_store(struct flow *flow, struct id tenant, const char *service,
		      struct offers *offers)
{
	if (offers->n > 1)
		qsort(offers->at, offers->n, sizeof *offers->at, by_name);
	flow_request_begin(flow);
	TRY(store_savepoint(flow->store));
	const enum err err = store(flow, tenant, service, offers);
	if (err != OK)
		flow_request_undo(flow);
	TRY(store_savepoint_end(flow->store, err == OK));
	return err;
}

static enum err accept_one(json_t *tools, const struct offers_pick *pick)
{
	json_t *entry;
	size_t i;

	json_array_foreach(tools, i, entry)
	{
		if (!bytes_eq(json_str(entry, "name"), pick->name))
			continue;
		const struct bytes pin = json_str(entry, "offered_pin");
		if (pin.p == NULL)
			return bytes_eq(json_str(entry, "pin"), pick->pin) ? OK : ERR_CONFLICT;
		if (!bytes_eq(pin, pick->pin))
			return ERR_CONFLICT;
		json_object_set(entry, "pin", json_object_get(entry, "offered_pin"));
		json_object_set(entry, "definition", json_object_get(entry, "offered"));
		json_object_del(entry, "offered_pin");
		json_object_del(entry, "offered");
		json_object_del(entry, "hidden");
		return OK;
	}
	return ERR_NOT_FOUND;
}

enum err offers_accept(struct flow *flow, struct call *call, struct bytes id,
		       const struct offers_pick *picks, size_t n)
{
	scoped(json_free) json_t *tools = NULL;
	const struct service *service;
	struct service_row row;

	TRY(compiled_service(flow, call->tenant, id, &service));
	if (service->mcp.url.n == 0)
		return ERR_NOT_FOUND;
	tools = listing_of(&service->mcp);
	for (size_t i = 0; i < n; i++)
		TRY(accept_one(tools, &picks[i]));
	TRY(store_service_find(flow->store, call->tenant, id, &row));
	return write_file(flow, call, &row, tools);
}

enum err offers_carry(struct bytes old, struct dynbuf *new)
{
	scoped(json_free) json_t *from = NULL, *to = NULL;

	TRY(file_read(old, &from));
	json_t *tools = json_object_get(json_object_get(from, "mcp"), "tools");
	if (tools == NULL)
		return OK;
	TRY(file_read(dynbuf_view(new), &to));
	if (json_object_set(json_object_get(to, "mcp"), "tools", tools) != 0)
		return FAULT_NOMEM;
	dynbuf_reset(new);
	json_print(to, new);
	return dynbuf_err(new);
}
