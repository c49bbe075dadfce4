/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/openapi_read.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/offline/openapi.h"

enum {
	DEPTH_MAX = 64,
	STRINGS_MAX = 4 * 1000 * 1000,
	REFS_MAX = 16,
	ALL_OF_MAX = 16,
	PROPERTIES_MAX = 40,
	WORDS_MAX = 64,
};

static json_t *of_yaml(const struct yaml_node *node);

static json_t *of_scalar(const struct yaml_node *node)
{
	const struct json_limits limits = { 64, 4, 2 };
	scoped(json_free) json_t *number = NULL;
	json_t *text;
	bool truth;

	if (yaml_bool(node, &truth))
		return json_boolean(truth);
	if (!node->quoted && json_parse(node->text, &limits, &number) == OK &&
	    json_is_number(number))
		return json_incref(number);
	text = json_of(node->text);
	return text;
}

static json_t *of_map(const struct yaml_node *node)
{
	json_t *object = json_object();

	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		json_object_setn_new(object, (const char *)child->name.p, child->name.n,
				     of_yaml(child));
	return object;
}

/* As deep as codec/yaml lets a document be. */
static json_t *of_yaml(const struct yaml_node *node)
{
	json_t *list;

	switch (node->kind) {
	case YAML_NULL:
		return json_null();
	case YAML_SCALAR:
		return of_scalar(node);
	case YAML_MAP:
		return of_map(node);
	case YAML_LIST:
		break;
	}
	list = json_array();
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		json_array_append_new(list, of_yaml(child));
	return list;
}

enum err openapi_read_document(struct bytes text, const char *file, struct complaint *complaint,
			       json_t **ret)
{
	const struct json_limits limits = { OPENAPI_TEXT_MAX, STRINGS_MAX, DEPTH_MAX };
	struct yaml *yaml = NULL;
	size_t n = 0;

	while (n < text.n && strchr(" \t\r\n", text.p[n]) != NULL)
		n++;
	if (n < text.n && text.p[n] == '{') {
		const enum err err = json_parse(text, &limits, ret);
		if (err > OK)
			snprintf(complaint->text, sizeof complaint->text, "%s: %s", file,
				 err == ERR_TOO_LARGE ? "it is too large to be imported"
						      : "it is no JSON");
		return err;
	}
	TRY(yaml_parse(text, file, complaint, &yaml));
	*ret = of_yaml(yaml_root(yaml));
	yaml_free(&yaml);
	return *ret == NULL ? FAULT_NOMEM : OK;
}

/* "#/components/schemas/a~1b" */
static const json_t *pointed(const json_t *document, const char *ref)
{
	const json_t *at = document;
	struct bytes rest = str(ref);
	char name[256];

	if (!bytes_starts(rest, "#/"))
		return NULL;
	rest = (struct bytes){ rest.p + 2, rest.n - 2 };
	while (at != NULL && rest.n > 0) {
		const struct bytes part = bytes_cut(&rest, '/');
		size_t n = 0;
		for (size_t i = 0; i < part.n && n + 1 < sizeof name; i++) {
			const bool escaped = part.p[i] == '~' && i + 1 < part.n;
			i += escaped;
			name[n++] = (char)(!escaped ? part.p[i] : part.p[i] == '1' ? '/' : '~');
		}
		name[n] = 0;
		at = json_object_get(at, name);
	}
	return at;
}

const json_t *openapi_read_ref(const json_t *document, const json_t *value)
{
	for (int i = 0; i < REFS_MAX && value != NULL; i++) {
		const json_t *ref = json_object_get(value, "$ref");
		if (!json_is_string(ref))
			return value;
		value = pointed(document, json_string_value(ref));
	}
	return NULL;
}

/* Length of the character at @p, 0 for one that a line must not have. */
static size_t shown(const uint8_t *p, size_t left)
{
	const size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n > left || p[0] < 0x20 || p[0] == 0x7f || p[0] == '{' || p[0] == '}')
		return 0;
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	/* marks of direction and order, separators of lines, and what has no width */
	if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] < 0x90 || p[2] >= 0xa8))
		return 0;
	return p[0] == 0xef && p[1] >= 0xbb ? 0 : n;
}

json_t *openapi_read_line(const json_t *text, const char *otherwise)
{
	const char *from = json_is_string(text) ? json_string_value(text) : "";
	struct bytes rest = str(from[strspn(from, " \t\r\n")] == 0 ? otherwise : from);
	char line[OPENAPI_LINE_MAX + 1];
	size_t n = 0;

	while (rest.n > 0 && strchr(" \t\r\n", rest.p[0]) != NULL)
		rest = (struct bytes){ rest.p + 1, rest.n - 1 };
	while (rest.n > 0 && rest.p[0] != '\n') {
		const size_t length = shown(rest.p, rest.n);
		const size_t step = length == 0 ? 1 : length;
		if (n + step > OPENAPI_LINE_MAX)
			break;
		if (length > 0 || (rest.p[0] < 0x80 && n > 0))
			n = (size_t)((char *)put((uint8_t *)line + n,
						 length > 0 ? rest.p : (const uint8_t *)" ", step) -
				     line);
		rest = (struct bytes){ rest.p + step, rest.n - step };
	}
	while (n > 0 && line[n - 1] == ' ')
		n--;
	json_t *made = n == 0 ? NULL : json_stringn(line, n);
	return made != NULL ? made : json_string(otherwise);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || is_upper(c);
}

void openapi_read_name(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; from[i] != 0 && n + 3 < size; i++) {
		const char c = from[i];
		const bool first = n == 0 || to[n - 1] == '.';
		if (c == '/' || c == '.') {
			while (n > 0 && to[n - 1] == '_')
				n--;
			if (n > 0 && to[n - 1] != '.')
				to[n++] = '.';
		} else if (!is_plain(c)) {
			if (!first && to[n - 1] != '_')
				to[n++] = '_';
		} else {
			if (first && c >= '0' && c <= '9')
				to[n++] = 'n';
			else if (is_upper(c) && !first && to[n - 1] != '_' && i > 0 &&
				 !is_upper(from[i - 1]))
				to[n++] = '_';
			to[n++] = (char)(is_upper(c) ? c | 0x20 : c);
		}
	}
	while (n > 0 && (to[n - 1] == '_' || to[n - 1] == '.'))
		n--;
	to[n] = 0;
}

void openapi_read_argument(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; from[i] != 0 && n + 1 < size; i++) {
		if (is_plain(from[i]) || from[i] == '-' || (from[i] == '_' && n > 0))
			to[n++] = from[i];
		else if (n > 0 && to[n - 1] != '_')
			to[n++] = '_';
	}
	while (n > 0 && to[n - 1] == '_')
		n--;
	to[n] = 0;
	if (n == 0)
		snprintf(to, size, "value");
}

const json_t *openapi_read_object(const json_t *document, const json_t *schema, json_t **ret_made)
{
	const json_t *found = openapi_read_ref(document, schema);
	const json_t *all = json_object_get(found, "allOf");

	if (!json_is_array(all))
		return found;
	json_t *made = json_object(), *properties = json_object(), *required = json_array();
	for (size_t i = 0; i < json_array_size(all) && i < ALL_OF_MAX; i++) {
		const json_t *part = openapi_read_ref(document, json_array_get(all, i));
		json_object_update(properties, json_object_get(part, "properties"));
		json_array_extend(required, json_object_get(part, "required"));
	}
	json_object_update(properties, json_object_get(found, "properties"));
	json_array_extend(required, json_object_get(found, "required"));
	json_object_set_new(made, "type", json_string("object"));
	json_object_set_new(made, "properties", properties);
	json_object_set_new(made, "required", required);
	*ret_made = made;
	return made;
}

/* 3.1 has lists of types, of which one is often "null". */
static const char *type_of(const json_t *schema)
{
	static const char *const types[] = { "string",	"integer", "number",
					     "boolean", "array",   "object" };
	const json_t *type = json_object_get(schema, "type"), *item;
	size_t n;

	json_array_foreach(type, n, item)
	{
		if (!json_is_string(item) || strcmp(json_string_value(item), "null") == 0)
			continue;
		type = item;
		break;
	}
	for (size_t i = 0; i < ARRAY_LEN(types) && json_is_string(type); i++)
		if (strcmp(json_string_value(type), types[i]) == 0)
			return types[i];
	return json_object_get(schema, "properties") != NULL ? "object" : NULL;
}

/* Words and whole numbers of an enum; one that has other values is none. */
static void keep_enum(const json_t *schema, json_t *to)
{
	json_t *kept = json_array(), *value, *all = json_object_get(schema, "enum");
	size_t n;

	json_array_foreach(all, n, value)
	{
		bool twice = json_is_null(value);
		for (size_t i = 0; i < json_array_size(kept); i++)
			twice = twice || json_equal(json_array_get(kept, i), value);
		if (!twice)
			json_array_append(kept, value);
	}
	if (json_array_size(kept) > 0 && json_array_size(kept) <= WORDS_MAX)
		json_object_set(to, "enum", kept);
	json_decref(kept);
}

static void keep_bounds(const json_t *schema, json_t *to)
{
	static const char *const numbers[] = { "minimum", "maximum" };
	static const char *const counts[] = { "minLength", "maxLength", "minItems", "maxItems" };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		json_t *value = json_object_get(schema, numbers[i]);
		if (json_is_integer(value))
			json_object_set(to, numbers[i], value);
	}
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		json_t *value = json_object_get(schema, counts[i]);
		if (json_is_integer(value) && json_integer_value(value) >= 0)
			json_object_set(to, counts[i], value);
	}
}

static void keep_properties(const json_t *document, const json_t *schema, unsigned depth,
			    json_t *to)
{
	json_t *properties = json_object(), *value, *required = json_array();
	const char *name;
	size_t n;

	json_object_foreach(json_object_get(schema, "properties"), name, value)
	{
		if (json_object_size(properties) == PROPERTIES_MAX)
			break;
		json_object_set_new(properties, name,
				    openapi_read_schema(document, value, depth - 1));
	}
	json_array_foreach(json_object_get(schema, "required"), n, value)
	{
		if (json_is_string(value) &&
		    json_object_get(properties, json_string_value(value)) != NULL)
			json_array_append(required, value);
	}
	if (json_object_size(properties) > 0)
		json_object_set(to, "properties", properties);
	if (json_array_size(required) > 0)
		json_object_set(to, "required", required);
	json_decref(properties);
	json_decref(required);
}

json_t *openapi_read_schema(const json_t *document, const json_t *schema, unsigned depth)
{
	scoped(json_free) json_t *made = NULL;
	const json_t *found = openapi_read_object(document, schema, &made);
	const char *type = type_of(found);
	json_t *to = json_object();

	if (type != NULL)
		json_object_set_new(to, "type", json_string(type));
	if (json_is_string(json_object_get(found, "description")))
		json_object_set_new(to, "description",
				    openapi_read_line(json_object_get(found, "description"), "-"));
	keep_enum(found, to);
	keep_bounds(found, to);
	if (depth == 0 || type == NULL)
		return to;
	if (strcmp(type, "array") == 0 && json_object_get(found, "items") != NULL)
		json_object_set_new(
			to, "items",
			openapi_read_schema(document, json_object_get(found, "items"), depth - 1));
	if (strcmp(type, "object") == 0)
		keep_properties(document, found, depth, to);
	return to;
}
