/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/catalog/section.h"

#define WORDS(name, ...)                                                                           \
	static const char *const name##_words[] = { __VA_ARGS__ };                                 \
	static const struct reader_words name = { ARRAY_LEN(name##_words), name##_words }
#define TOOL(member) offsetof(struct service_tool, member)
#define STEP(member) offsetof(struct service_step, member)

WORDS(effects, "read", "write", "destructive");

/* "issues.get": parts of a-z, 0-9 and _, at least two. */
static enum err read_tool_name(const struct reader *r, const struct yaml_node *node,
			       const struct reader_key *key, void *to)
{
	struct bytes name, rest;
	size_t parts = 0;
	bool good =
		yaml_str(node, &name) && name.n > 0 && name.n <= 64 && name.p[name.n - 1] != '.';

	if (good)
		rest = name;
	while (good && rest.n > 0) {
		const struct bytes part = bytes_cut(&rest, '.');
		good = part.n > 0 && part.p[0] >= 'a' && part.p[0] <= 'z';
		for (size_t i = 0; good && i < part.n; i++)
			good = (part.p[i] >= 'a' && part.p[i] <= 'z') ||
			       (part.p[i] >= '0' && part.p[i] <= '9') || part.p[i] == '_';
		parts++;
	}
	if (!good || parts < 2)
		return READER_REFUSE(r, node, "a tool's name is two or more words joined by dots");
	*(struct bytes *)to = name;
	return OK;
}

/* The JSON Schema keywords that a tool's arguments may use. */
static const char *const schema_keywords[] = {
	"type",	     "title",	 "description", "properties", "required", "additionalProperties",
	"items",     "enum",	 "default",	"minimum",    "maximum",  "minLength",
	"maxLength", "minItems", "maxItems",	"pattern",    "format",
};

WORDS(types, "object", "array", "string", "integer", "number", "boolean");

static enum err check_schema(const struct reader *r, const struct yaml_node *node)
{
	const struct reader_key type_key = { .name = "type", .more = &types };
	const struct yaml_node *type = yaml_find(node, "type");
	const struct yaml_node *properties = yaml_find(node, "properties");
	const struct yaml_node *items = yaml_find(node, "items");
	unsigned which;

	if (node->kind != YAML_MAP || type == NULL)
		return READER_REFUSE(r, node, "a schema is a map with 'type'");
	const struct yaml_node *unknown =
		yaml_unknown(node, schema_keywords, ARRAY_LEN(schema_keywords));
	if (unknown != NULL)
		return READER_REFUSE(r, unknown, "the schema keyword '%.*s' is not known here",
				     (int)unknown->name.n, unknown->name.p);
	TRY(reader_enum(r, type, &type_key, &which));
	if (properties != NULL && properties->kind != YAML_MAP)
		return READER_REFUSE(r, properties, "'properties' must be a map");
	for (const struct yaml_node *child = properties == NULL ? NULL : properties->first;
	     child != NULL; child = child->next)
		TRY(check_schema(r, child));
	return items == NULL ? OK : check_schema(r, items);
}

static enum err check_required(const struct reader *r, const struct yaml_node *input)
{
	const struct yaml_node *required = yaml_find(input, "required");
	const struct yaml_node *properties = yaml_find(input, "properties");
	struct bytes name;

	if (required == NULL)
		return OK;
	if (required->kind != YAML_LIST)
		return READER_REFUSE(r, required, "'required' must be a list");
	for (const struct yaml_node *node = required->first; node != NULL; node = node->next) {
		char text[65];
		if (!yaml_str(node, &name) || bytes_str(name, text, sizeof text) != OK ||
		    yaml_find(properties, text) == NULL)
			return READER_REFUSE(r, node, "a required argument is not in 'properties'");
	}
	return OK;
}

static enum err read_input(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	const struct yaml_node *closed = yaml_find(node, "additionalProperties");
	const struct yaml_node *type = yaml_find(node, "type");
	bool open;

	TRY(check_schema(r, node));
	if (!bytes_is(type->text, "object"))
		return READER_REFUSE(r, type, "the arguments of a tool are an object");
	if (!yaml_bool(closed, &open) || open)
		return READER_REFUSE(r, node, "'input' must say additionalProperties: false");
	TRY(check_required(r, node));
	*(const struct yaml_node **)to = node;
	return OK;
}

static enum err read_node(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'%s' must be a map", key->name);
	*(const struct yaml_node **)to = node;
	return OK;
}

static enum err read_tool_headers(const struct reader *r, const struct yaml_node *node,
				  const struct reader_key *key, void *to)
{
	struct service_pairs pairs = { 0 };

	TRY(reader_headers(r, node, key, &pairs));
	*(const struct yaml_node **)to = node;
	return OK;
}

static enum err read_step(const struct reader *r, const struct yaml_node *node,
			  struct service_tool *tool)
{
	static const struct reader_key keys[] = {
		{ "method", reader_enum, STEP(method), true, &section_methods },
		{ "path", reader_text, STEP(path), true, NULL },
		{ "query", read_node, STEP(query), false, NULL },
		{ "headers", read_tool_headers, STEP(headers), false, NULL },
		{ "body", read_node, STEP(body), false, NULL },
	};

	if (tool->steps_n == SERVICE_STEPS_MAX)
		return READER_REFUSE(r, node, "a tool has at most %d requests", SERVICE_STEPS_MAX);
	if (tool->steps_n > 0 && tool->steps[tool->steps_n - 1].method != SERVICE_GET)
		return READER_REFUSE(r, node, "only the last request of a tool may write");
	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), &tool->steps[tool->steps_n]));
	tool->steps_n++;
	return OK;
}

static enum err read_request(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	if (node->kind != YAML_LIST)
		return read_step(r, node, to);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		TRY(read_step(r, child, to));
	return OK;
}

/* A path, or {new name: path}. */
static enum err check_field(const struct reader *r, const struct yaml_node *node)
{
	static const struct reader_key key = { .name = "fields" };
	struct bytes path;

	if (node->kind != YAML_MAP)
		return reader_path(r, node, &key, &path);
	if (node->first == NULL || node->first->next != NULL)
		return READER_REFUSE(r, node, "a renamed field is {name: path}");
	return reader_path(r, node->first, &key, &path);
}

static enum err read_fields(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	if (node->kind != YAML_LIST || node->first == NULL)
		return READER_REFUSE(r, node, "'fields' must list at least one field");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		TRY(check_field(r, child));
	return OK;
}

static enum err read_select(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "from", reader_path, 0, false, NULL },
		{ "fields", read_fields, 0, true, NULL },
	};
	struct bytes from;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), &from));
	*(const struct yaml_node **)to = node;
	return OK;
}

/* What a {place} of a tool may name: an argument, a variable of the connection, or {1.sha}, a value
 * from the answer to an earlier request. */
struct places {
	const struct reader *r;
	const struct yaml_node *node;
	const struct service *service;
	const struct service_tool *tool;
	size_t step; /* requests before this one */
};

static enum err check_place(void *ctx, struct bytes name)
{
	const struct places *places = ctx;
	const struct yaml_node *properties = yaml_find(places->tool->input, "properties");
	char text[65];

	if (bytes_str(name, text, sizeof text) == OK) {
		if (yaml_find(properties, text) != NULL ||
		    section_variable_find(&places->service->oauth, name) != NULL)
			return OK;
		const size_t step = (size_t)(text[0] - '0');
		if (text[0] >= '1' && text[0] <= '9' && text[1] == '.' && text[2] != 0 &&
		    step <= places->step)
			return OK;
	}
	return READER_REFUSE(places->r, places->node, "'{%.*s}' is no argument of this tool",
			     (int)name.n, name.p);
}

static enum err check_text(struct places *places, const struct yaml_node *node, struct bytes text)
{
	places->node = node;
	/* Stands unless check_place() has a better reason. */
	err_ignore(READER_REFUSE(places->r, node, "a brace here is no {place}"));
	return reader_places(text, check_place, places);
}

static enum err check_texts(struct places *places, const struct yaml_node *node)
{
	if (node == NULL)
		return OK;
	if (node->kind == YAML_SCALAR)
		return check_text(places, node, node->text);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		TRY(check_texts(places, child));
	return OK;
}

static bool at_a_host(const struct service_api *api, struct bytes url)
{
	for (size_t i = 0; i < api->hosts_n; i++) {
		const struct bytes host = api->hosts[i];
		if (url.n > host.n && memcmp(url.p, host.p, host.n) == 0 && url.p[host.n] == '/')
			return true;
	}
	return false;
}

static enum err check_steps(struct places *places, const struct yaml_node *node)
{
	const struct service_tool *tool = places->tool;

	for (size_t i = 0; i < tool->steps_n; i++) {
		const struct service_step *step = &tool->steps[i];
		places->step = i;
		if (step->path.p[0] != '/' && !at_a_host(&places->service->api, step->path))
			return READER_REFUSE(places->r, node,
					     "'path' must begin with a slash or one of 'hosts'");
		TRY(check_text(places, node, step->path));
		TRY(check_texts(places, step->query));
		TRY(check_texts(places, step->headers));
		TRY(check_texts(places, step->body));
		if (step->method == SERVICE_GET && step->body != NULL)
			return READER_REFUSE(places->r, step->body, "a GET has no body");
	}
	places->step = 0;
	return OK;
}

static enum err check_tool(const struct reader *r, const struct yaml_node *node,
			   const struct service *service, const struct service_tool *tool)
{
	struct places places = { .r = r, .node = node, .service = service, .tool = tool };

	for (size_t i = 0; i < tool->scopes.n; i++)
		if (service_scope_find(service, tool->scopes.at[i]) == NULL)
			return READER_REFUSE(r, yaml_find(node, "scopes"),
					     "the service has no scope '%.*s'",
					     (int)tool->scopes.at[i].n, tool->scopes.at[i].p);
	if (tool->steps_n == 0)
		return READER_REFUSE(r, node, "a tool needs at least one request");
	const enum service_method method = tool->steps[tool->steps_n - 1].method;
	if (tool->effect == SERVICE_READ && method != SERVICE_GET && method != SERVICE_POST)
		return READER_REFUSE(r, node, "a tool that reads uses GET or POST");
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_eq(service->tools[i].name, tool->name))
			return READER_REFUSE(r, node, "the tool '%.*s' is there twice",
					     (int)tool->name.n, tool->name.p);
	TRY(check_steps(&places, yaml_find(node, "request")));
	return check_text(&places, yaml_find(node, "summary"), tool->summary);
}

enum err section_tools(const struct reader *r, const struct yaml_node *node,
		       struct service *service)
{
	static const struct reader_key keys[] = {
		{ "name", read_tool_name, TOOL(name), true, NULL },
		{ "title", reader_text, TOOL(title), true, NULL },
		{ "says", reader_text, TOOL(says), true, NULL },
		{ "effect", reader_enum, TOOL(effect), true, &effects },
		{ "scopes", reader_list, TOOL(scopes), true, NULL },
		{ "input", read_input, TOOL(input), true, NULL },
		{ "request", read_request, 0, true, NULL },
		{ "select", read_select, TOOL(select), false, NULL },
		{ "summary", reader_text, TOOL(summary), true, NULL },
	};

	if (node->kind != YAML_LIST)
		return READER_REFUSE(r, node, "'tools' must be a list");
	service->tools = calloc(SERVICE_TOOLS_MAX, sizeof *service->tools);
	if (service->tools == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		struct service_tool *tool = &service->tools[service->tools_n];
		if (service->tools_n == SERVICE_TOOLS_MAX)
			return READER_REFUSE(r, child, "more than %d tools", SERVICE_TOOLS_MAX);
		TRY(reader_map(r, child, keys, ARRAY_LEN(keys), tool));
		TRY(check_tool(r, child, service, tool));
		service->tools_n++;
	}
	return OK;
}
