/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jcs.h"
#include "codec/schema.h"
#include "core/catalog/section.h"

static bool is_number(const struct yaml_node *node)
{
	scoped(doc_done) struct doc doc = { 0 };

	return !node->quoted && doc_read(node->text, &doc) == OK && doc_kind(&doc, 0) == DOC_NUMBER;
}

/* The schema as JSON: plain null, true, false and numbers are that, everything else is a string. */
static void print(const struct yaml_node *node, struct dynbuf *out)
{
	const bool map = node->kind == YAML_MAP;
	bool truth;

	if (node->kind == YAML_NULL) {
		dynbuf_str(out, "null");
	} else if (node->kind == YAML_SCALAR && yaml_bool(node, &truth)) {
		dynbuf_str(out, truth ? "true" : "false");
	} else if (node->kind == YAML_SCALAR && is_number(node)) {
		dynbuf_bytes(out, node->text);
	} else if (node->kind == YAML_SCALAR) {
		jcs_string(node->text, out);
	} else {
		dynbuf_u8(out, map ? '{' : '[');
		for (const struct yaml_node *child = node->first; child != NULL;
		     child = child->next) {
			if (child != node->first)
				dynbuf_u8(out, ',');
			if (map) {
				jcs_string(child->name, out);
				dynbuf_u8(out, ':');
			}
			print(child, out);
		}
		dynbuf_u8(out, map ? '}' : ']');
	}
}

/* The node that a JSON pointer names, or the last one on the way. Names of keywords and arguments
 * hold nothing that a pointer escapes; others lead to the node above, whose line is near. */
static const struct yaml_node *follow(const struct yaml_node *node, const char *pointer)
{
	struct bytes rest = str(pointer);

	while (rest.n > 0) {
		rest = (struct bytes){ rest.p + 1, rest.n - 1 };
		size_t n = 0;
		while (n < rest.n && rest.p[n] != '/')
			n++;
		const struct bytes step = { rest.p, n };
		uint64_t count = 0;
		const bool list =
			node->kind == YAML_LIST && bytes_u64(step, YAML_NODES_MAX, &count) == OK;
		const struct yaml_node *child = node->first;
		while (child != NULL && (list ? count-- > 0 : !bytes_eq(child->name, step)))
			child = child->next;
		if (child == NULL)
			return node;
		node = child;
		rest = (struct bytes){ rest.p + n, rest.n - n };
	}
	return node;
}

static enum err compile(const struct reader *r, const struct yaml_node *node, struct schema **ret)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = SCHEMA_TEXT_MAX };
	struct schema_fault fault = { 0 };

	print(node, &text);
	TRY(dynbuf_err(&text));
	const enum err err = schema_compile(dynbuf_view(&text), &fault, ret);
	if (err == ERR_MALFORMED || err == ERR_UNSUPPORTED)
		return READER_REFUSE(r, follow(node, fault.where), "the schema at '%s': %s",
				     fault.where, fault.why);
	return err;
}

static enum err check_required(const struct reader *r, const struct yaml_node *input)
{
	const struct yaml_node *required = yaml_find(input, "required");
	const struct yaml_node *properties = yaml_find(input, "properties");
	char text[65];

	for (const struct yaml_node *node = required == NULL ? NULL : required->first; node != NULL;
	     node = node->next)
		if (bytes_str(node->text, text, sizeof text) != OK ||
		    yaml_find(properties, text) == NULL)
			return READER_REFUSE(r, node, "a required argument is not in 'properties'");
	return OK;
}

enum err section_input(const struct reader *r, const struct yaml_node *node,
		       const struct reader_key *key, void *to)
{
	const struct yaml_node *closed = yaml_find(node, "additionalProperties");
	const struct yaml_node *type = yaml_find(node, "type");
	struct service_tool *tool = to;
	bool open;

	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'input' must be a map");
	TRY(compile(r, node, &tool->schema));
	if (type == NULL || !bytes_is(type->text, "object"))
		return READER_REFUSE(r, node, "the arguments of a tool are an object");
	if (closed == NULL || !yaml_bool(closed, &open) || open)
		return READER_REFUSE(r, node, "'input' must say additionalProperties: false");
	TRY(check_required(r, node));
	tool->input = node;
	return OK;
}
