/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/section.h"

#define RESOURCE(member) offsetof(struct service_resource, member)

static enum err read_pointer(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || text.n < 2 || text.n > 256 || text.p[0] != '/')
		return READER_REFUSE(r, node, "'%s' must be a JSON pointer such as /private",
				     key->name);
	*(struct bytes *)to = text;
	return OK;
}

/* A pointer to true or false, or {at: pointer, in: [texts that mean private]}. */
static enum err read_private(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "at", read_pointer, RESOURCE(at), true, NULL },
		{ "in", reader_list, RESOURCE(in), true, NULL },
	};
	struct service_resource *resource = to;

	if (node->kind != YAML_MAP)
		return read_pointer(r, node, key, &resource->at);
	return reader_map(r, node, keys, ARRAY_LEN(keys), resource);
}

static enum err read_context(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "request", section_ask, RESOURCE(ask), true, NULL },
		{ "private", read_private, 0, true, NULL },
	};

	return reader_map(r, node, keys, ARRAY_LEN(keys), to);
}

static bool is_kind(struct bytes kind)
{
	if (kind.n == 0 || kind.n > 32)
		return false;
	for (size_t i = 0; i < kind.n; i++)
		if (!(kind.p[i] >= 'a' && kind.p[i] <= 'z') && kind.p[i] != '_')
			return false;
	return true;
}

enum err section_resources(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "says", reader_text, RESOURCE(says), false, NULL },
		{ "context", read_context, 0, false, NULL },
	};
	struct service *service = to;

	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'resources' must map kinds to {says, context}");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		struct service_resource *resource = &service->resources[service->resources_n];
		if (service->resources_n == SERVICE_RESOURCES_MAX)
			return READER_REFUSE(r, child, "more than %d kinds of resources",
					     SERVICE_RESOURCES_MAX);
		if (!is_kind(child->name))
			return READER_REFUSE(r, child, "a kind is 1 to 32 of a-z and _");
		TRY(reader_map(r, child, keys, ARRAY_LEN(keys), resource));
		resource->kind = child->name;
		service->resources_n++;
	}
	return OK;
}

static enum err read_touch(const struct reader *r, const struct yaml_node *node,
			   const struct service *service, struct service_tool *tool)
{
	static const struct reader_key key = { .name = "resource" };
	struct service_touch *touch = &tool->touches[tool->touches_n];

	if (tool->touches_n == SERVICE_TOUCHES_MAX)
		return READER_REFUSE(r, node, "a tool reaches at most %d resources",
				     SERVICE_TOUCHES_MAX);
	touch->resource = service_resource_find(service, node->name);
	if (touch->resource == NULL)
		return READER_REFUSE(r, node, "'resources' has no kind '%.*s'", (int)node->name.n,
				     node->name.p);
	TRY(reader_text(r, node, &key, &touch->id));
	TRY(section_text_check(r, node, service, tool, touch->id));
	tool->touches_n++;
	if (touch->resource->ask.path.n == 0)
		return OK;
	return section_ask_check(r, node, service, tool, &touch->resource->ask);
}

enum err section_touches(const struct reader *r, const struct yaml_node *node,
			 const struct service *service, struct service_tool *tool)
{
	if (node == NULL)
		return OK;
	if (node->kind != YAML_MAP || node->first == NULL)
		return READER_REFUSE(r, node, "'resource' must map a kind to a text");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		TRY(read_touch(r, child, service, tool));
	return OK;
}
