/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/graph.h"

#include "codec/utf8.h"

/* Whether the last segments of the request are those of @path, in any case. */
static bool ends_with(const struct raw *raw, struct bytes path)
{
	size_t at = raw->segments_n;

	while (path.n > 0) {
		size_t n = path.n;
		while (n > 0 && path.p[n - 1] != '/')
			n--;
		const struct bytes segment = { path.p + n, path.n - n };
		path.n = n > 0 ? n - 1 : 0;
		if (segment.n == 0)
			continue;
		if (at == 0)
			return false;
		const struct bytes have = raw->segments[--at].text;
		if (have.n != segment.n ||
		    strncasecmp((const char *)have.p, (const char *)segment.p, have.n) != 0)
			return false;
	}
	return true;
}

bool graph_is_endpoint(const struct service *service, const struct raw *raw)
{
	if (raw->segments_n > 0 && ends_with(raw, str("/graphql")))
		return true;
	for (size_t i = 0; i < service->api.graphql_n; i++)
		if (ends_with(raw, service->api.graphql[i]))
			return true;
	for (size_t i = 0; i < service->tools_n; i++) {
		const struct service_tool *tool = &service->tools[i];
		if (tool->steps_n == 0)
			continue;
		const struct service_step *step = &tool->steps[tool->steps_n - 1];
		struct bytes path = step->path;
		if (step->graphql.n == 0)
			continue;
		(void)raw_host_of(service, step->path, &path);
		if (ends_with(raw, path))
			return true;
	}
	return false;
}

/* A document in the address counts beside the one in the body: servers differ in which they take.
 */
static enum err read_query(const struct raw *raw, struct graphql_facts *facts)
{
	struct bytes query = { NULL, 0 }, operation = { NULL, 0 };

	for (size_t i = 0; i < raw->parameters_n; i++) {
		const struct raw_parameter *have = &raw->parameters[i];
		const bool is_query = bytes_is(have->name, "query");
		struct bytes *to = is_query ? &query : &operation;
		if (bytes_is(have->name, "variables"))
			continue;
		if ((!is_query && !bytes_is(have->name, "operationName")) || to->p != NULL ||
		    have->value.n == 0) {
			facts->understood = false;
			return OK;
		}
		*to = have->value;
	}
	if (query.p != NULL)
		return graphql_request_text(query, operation, facts);
	if (operation.p != NULL)
		facts->understood = false;
	return OK;
}

enum err graph_read(const struct raw *raw, struct graphql_facts *facts)
{
	const struct tools_raw *from = raw->from;

	graphql_facts_init(facts);
	TRY(read_query(raw, facts));
	if (raw->method != SERVICE_GET && raw->method != SERVICE_POST)
		facts->understood = false;
	if (from->partial || from->content_encoding.p != NULL)
		facts->understood = false;
	if (!facts->understood || from->body.n == 0)
		return OK;
	if (raw_type_is_json(from))
		return graphql_request_json(from->body, facts);
	if (raw_type_is(from, "application/graphql") && utf8_ok(from->body))
		return graphql_request_text(from->body, (struct bytes){ NULL, 0 }, facts);
	facts->understood = false;
	return OK;
}

static bool has_field(const struct graphql_facts *facts, struct bytes name)
{
	for (size_t i = 0; i < facts->fields_n; i++)
		if (bytes_eq(facts->fields[i].name, name))
			return true;
	return false;
}

enum err graph_is_near(const struct service_tool *tool, struct graphql_facts *facts, bool *ret)
{
	const struct service_step *step = &tool->steps[tool->steps_n - 1];
	const enum err err = graphql_parse(step->graphql, &facts->document);

	if (err < OK)
		return err;
	*ret = err != OK || !facts->understood;
	for (size_t i = 0; !*ret && i < facts->document.operations_n; i++) {
		const struct graphql_operation *own = &facts->document.operations[i];
		for (size_t k = 0; !*ret && k < own->fields_n; k++)
			*ret = has_field(facts, own->fields[k]);
	}
	return OK;
}
