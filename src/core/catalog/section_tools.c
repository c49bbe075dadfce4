/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/catalog/section.h"

#define WORDS(name, ...)                                                                           \
	static const char *const name##_words[] = { __VA_ARGS__ };                                 \
	static const struct reader_words name = { ARRAY_LEN(name##_words), name##_words }
#define TOOL(member) offsetof(struct service_tool, member)

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

/* The member that a field becomes: its own name, or the last word of its path. */
static struct bytes field_name(const struct yaml_node *field)
{
	struct bytes name, rest = field->text;

	if (field->kind == YAML_MAP)
		return field->first->name;
	do
		name = bytes_cut(&rest, '.');
	while (rest.n > 0);
	return name;
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
	if (!reader_name_ok(node->first->name))
		return READER_REFUSE(r, node, "a field's name has letters, digits and _ . -");
	return reader_path(r, node->first, &key, &path);
}

static enum err read_fields(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	size_t n = 0;

	if (node->kind != YAML_LIST || node->first == NULL)
		return READER_REFUSE(r, node, "'%s' must list at least one field", key->name);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		TRY(check_field(r, child));
		if (++n > SERVICE_FIELDS_MAX)
			return READER_REFUSE(r, child, "more than %d fields", SERVICE_FIELDS_MAX);
		for (const struct yaml_node *c = node->first; c != child; c = c->next)
			if (bytes_eq(field_name(c), field_name(child)))
				return READER_REFUSE(r, child, "the field '%.*s' is there twice",
						     (int)field_name(child).n, field_name(child).p);
	}
	return OK;
}

static enum err read_select(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "from", reader_path, 0, false, NULL },
		{ "fields", read_fields, 0, true, NULL },
		{ "beside", read_fields, 0, false, NULL },
	};
	const struct yaml_node *beside = yaml_find(node, "beside");
	struct bytes from;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), &from));
	for (const struct yaml_node *c = beside == NULL ? NULL : beside->first; c != NULL;
	     c = c->next)
		if (bytes_is(field_name(c), "items"))
			return READER_REFUSE(r, c, "'items' is what the fields come under");
	*(const struct yaml_node **)to = node;
	return OK;
}

/* Read in a second step, when the arguments are known. */
static enum err read_later(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	return OK;
}

/* An argument must not take the place of what belongs to the connection. */
static enum err check_arguments(const struct reader *r, const struct service *service,
				const struct service_tool *tool)
{
	const struct yaml_node *properties = yaml_find(tool->input, "properties");

	for (const struct yaml_node *node = properties == NULL ? NULL : properties->first;
	     node != NULL; node = node->next)
		if (section_variable_find(&service->oauth, node->name) != NULL)
			return READER_REFUSE(r, node, "'%.*s' is a variable of the connection",
					     (int)node->name.n, node->name.p);
	return OK;
}

static enum err check_tool(const struct reader *r, const struct yaml_node *node,
			   const struct service *service, const struct service_tool *tool)
{
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
	TRY(check_arguments(r, service, tool));
	TRY(section_request_check(r, yaml_find(node, "request"), service, tool));
	return section_text_check(r, yaml_find(node, "summary"), service, tool, tool->summary);
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
		{ "input", section_input, 0, true, NULL },
		{ "request", section_request, 0, true, NULL },
		{ "select", read_select, TOOL(select), false, NULL },
		{ "summary", reader_text, TOOL(summary), true, NULL },
		{ "described", reader_text, TOOL(described), false, NULL },
		{ "resource", read_later, 0, false, NULL },
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
		TRY(section_touches(r, yaml_find(child, "resource"), service, tool));
		service->tools_n++;
	}
	return OK;
}
