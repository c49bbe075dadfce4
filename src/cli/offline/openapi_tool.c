/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/openapi_tool.h"

#include <stdio.h>
#include <strings.h>

#include "cli/offline/openapi_read.h"

enum {
	ARGUMENT_MAX = 65,
	ARGUMENTS_MAX = 60,
	SCHEMA_DEPTH = 3,
	FIELDS_MAX = 24,
	PATH_MAX_BYTES = 400
};

/* A tool in the making: borrowed parts of it, which belong to `made`. */
struct making {
	const struct openapi_operation *of;
	json_t *made, *request, *properties, *required, *query, *headers;
};

static const json_t *member(const json_t *object, const char *name)
{
	return json_object_get(object, name);
}

static bool text_is(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Adds an argument, under a name that no other has. */
static void add_argument(struct making *m, const char *name, const json_t *schema, bool required,
			 char place[static ARGUMENT_MAX])
{
	openapi_read_argument(name, place, ARGUMENT_MAX - 8);
	for (int i = 2; member(m->properties, place) != NULL && i < 100; i++) {
		openapi_read_argument(name, place, ARGUMENT_MAX - 8);
		snprintf(place + strlen(place), 8, "_%d", i);
	}
	json_object_set_new(m->properties, place,
			    openapi_read_schema(m->of->document, schema, SCHEMA_DEPTH));
	if (required)
		json_array_append_new(m->required, json_string(place));
}

static json_t *place_text(const char *place)
{
	return json_sprintf("{%s}", place);
}

static enum err add_to_path(struct making *m, const char *name, const char *place)
{
	const char *path = json_string_value(member(m->request, "path"));
	char mark[300], made[PATH_MAX_BYTES + 1];

	snprintf(mark, sizeof mark, "{%s}", name);
	const char *at = strstr(path, mark);
	if (at == NULL)
		return ERR_UNSUPPORTED;
	const int n = snprintf(made, sizeof made, "%.*s{%s}%s", (int)(at - path), path, place,
			       at + strlen(mark));
	if (n < 0 || (size_t)n >= sizeof made)
		return ERR_UNSUPPORTED;
	json_object_set_new(m->request, "path", json_string(made));
	return OK;
}

/* Headers that Valetkey sets itself or that only say how an answer is written. */
static bool is_own_header(const char *name)
{
	static const char *const own[] = { "accept",
					   "authorization",
					   "content-type",
					   "cookie",
					   "host",
					   "content-length",
					   "connection",
					   "accept-encoding",
					   "user-agent",
					   "te",
					   "transfer-encoding",
					   "expect" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcasecmp(name, own[i]) == 0)
			return true;
	return false;
}

static bool is_token(const char *name)
{
	for (; *name != 0; name++)
		if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		      (*name >= '0' && *name <= '9') || strchr("_.-", *name) != NULL))
			return false;
	return true;
}

static enum err add_parameter(struct making *m, const json_t *parameter)
{
	const json_t *in = member(parameter, "in"), *schema = member(parameter, "schema");
	const char *name = json_string_value(member(parameter, "name"));
	const bool required = json_is_true(member(parameter, "required"));
	char place[ARGUMENT_MAX];

	if (name == NULL || name[0] == 0 || json_object_size(m->properties) == ARGUMENTS_MAX)
		return ERR_UNSUPPORTED;
	if (text_is(in, "header") && (is_own_header(name) || !is_token(name)))
		return required && !is_own_header(name) ? ERR_UNSUPPORTED : OK;
	if (text_is(in, "cookie") || schema == NULL)
		return required ? ERR_UNSUPPORTED : OK;
	add_argument(m, name, schema, required || text_is(in, "path"), place);
	json_t *made = json_object_get(m->properties, place);
	if (member(made, "description") == NULL && json_is_string(member(parameter, "description")))
		json_object_set_new(made, "description",
				    openapi_read_line(member(parameter, "description"), name));
	if (text_is(in, "path"))
		return add_to_path(m, name, place);
	if (text_is(in, "header")) {
		json_object_set_new(m->headers, name, place_text(place));
		return OK;
	}
	const bool list = text_is(member(member(m->properties, place), "type"), "array") &&
			  !json_is_false(member(parameter, "explode"));
	json_object_set_new(m->query, name,
			    list ? json_pack("[o]", place_text(place)) : place_text(place));
	return OK;
}

/* An operation's own parameter takes the place of its path's. */
static bool is_replaced(const struct openapi_operation *of, const json_t *parameter)
{
	const json_t *own;
	size_t n;

	json_array_foreach(member(of->operation, "parameters"), n, own)
	{
		const json_t *other = openapi_read_ref(of->document, own);
		if (json_equal(member(other, "name"), member(parameter, "name")) &&
		    json_equal(member(other, "in"), member(parameter, "in")))
			return true;
	}
	return false;
}

static enum err add_parameters(struct making *m)
{
	const struct openapi_operation *of = m->of;
	const json_t *parameter;
	size_t n;

	json_array_foreach(member(of->item, "parameters"), n, parameter)
	{
		const json_t *found = openapi_read_ref(of->document, parameter);
		if (!is_replaced(of, found))
			TRY(add_parameter(m, found));
	}
	json_array_foreach(member(of->operation, "parameters"), n, parameter)
		TRY(add_parameter(m, openapi_read_ref(of->document, parameter)));
	return OK;
}

static bool is_required(const json_t *schema, const char *name)
{
	const json_t *value;
	size_t n;

	json_array_foreach(member(schema, "required"), n,
			   value) if (text_is(value, name)) return true;
	return false;
}

static enum err add_members(struct making *m, const json_t *schema)
{
	json_t *body = json_object(), *value;
	const char *name;
	char place[ARGUMENT_MAX];

	json_object_set_new(m->request, "body", body);
	json_object_foreach((json_t *)(uintptr_t)member(schema, "properties"), name, value)
	{
		const json_t *found = openapi_read_ref(m->of->document, value);
		if (json_is_true(member(found, "readOnly")))
			continue;
		if (json_object_size(m->properties) == ARGUMENTS_MAX || name[0] == 0)
			return is_required(schema, name) ? ERR_UNSUPPORTED : OK;
		add_argument(m, name, value, is_required(schema, name), place);
		json_object_set_new(body, name, place_text(place));
	}
	return json_object_size(body) > 0 ? OK : ERR_UNSUPPORTED;
}

/* A form or a JSON object becomes arguments; other bodies are no tool's. */
static enum err add_body(struct making *m)
{
	static const struct {
		const char *type, *send;
	} types[] = {
		{ "application/json", NULL },
		{ "application/x-www-form-urlencoded", "form" },
	};
	const struct openapi_operation *of = m->of;
	const json_t *body = openapi_read_ref(of->document, member(of->operation, "requestBody"));
	scoped(json_free) json_t *made = NULL;

	if (body == NULL)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const json_t *content = member(member(body, "content"), types[i].type);
		const json_t *schema =
			openapi_read_object(of->document, member(content, "schema"), &made);
		if (member(schema, "properties") == NULL)
			continue;
		if (types[i].send != NULL)
			json_object_set_new(m->request, "send", json_string(types[i].send));
		return strcmp(of->method, "get") == 0 ? ERR_UNSUPPORTED : add_members(m, schema);
	}
	return json_is_true(member(body, "required")) ? ERR_UNSUPPORTED : OK;
}

static bool is_scalar(const json_t *document, const json_t *schema)
{
	scoped(json_free) json_t *plain = openapi_read_schema(document, schema, 0);
	const json_t *type = member(plain, "type");

	return json_is_string(type) && !text_is(type, "object") && !text_is(type, "array");
}

/* Of the answer to a success, what is plain text or numbers at its top, or at that of its elements.
 */
static void add_select(struct making *m)
{
	const struct openapi_operation *of = m->of;
	const json_t *responses = member(of->operation, "responses");
	const json_t *answer = member(responses, "200");
	scoped(json_free) json_t *made = NULL, *made_item = NULL;
	json_t *fields = json_array(), *value;
	const char *name;

	answer = openapi_read_ref(of->document, answer != NULL ? answer : member(responses, "201"));
	const json_t *content = member(member(answer, "content"), "application/json");
	const json_t *schema = openapi_read_object(of->document, member(content, "schema"), &made);
	if (text_is(member(schema, "type"), "array"))
		schema = openapi_read_object(of->document, member(schema, "items"), &made_item);
	json_object_foreach((json_t *)(uintptr_t)member(schema, "properties"), name, value)
	{
		if (json_array_size(fields) == FIELDS_MAX || name[0] == 0 || !is_token(name) ||
		    strchr(name, '.') != NULL || !is_scalar(of->document, value))
			continue;
		json_array_append_new(fields, json_string(name));
	}
	if (json_array_size(fields) > 0)
		json_object_set_new(m->made, "select", json_pack("{s:O}", "fields", fields));
	json_decref(fields);
}

/* The scopes of the first way in that the service file knows. */
static json_t *scopes_of(const struct openapi_operation *of)
{
	const json_t *security = member(of->operation, "security");
	json_t *scopes = json_array(), *way, *list, *scope;
	const char *name;
	size_t n, k;

	if (security == NULL)
		security = member(of->document, "security");
	json_array_foreach(security, n, way)
	{
		json_object_foreach(way, name, list)
		{
			json_array_foreach(
				list, k,
				scope) if (json_is_string(scope) && json_array_size(scopes) < 16 &&
					   member(of->scopes, json_string_value(scope)) != NULL)
				json_array_append(scopes, scope);
		}
		if (json_array_size(scopes) > 0)
			break;
	}
	return scopes;
}

static const char *effect_of(const char *method)
{
	return strcmp(method, "get") == 0      ? "read"
	       : strcmp(method, "delete") == 0 ? "destructive"
					       : "write";
}

static void upper(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; from[n] != 0 && n + 1 < size; n++)
		to[n] = (char)(from[n] & ~0x20);
	to[n] = 0;
}

/* Title and, where the path has arguments, which. */
static json_t *summary_of(const struct making *m)
{
	const char *path = json_string_value(member(m->request, "path"));
	const char *title = json_string_value(member(m->made, "title"));
	char places[200] = "";
	size_t n = 0;

	for (const char *at = path; (at = strchr(at, '{')) != NULL; at++) {
		const size_t length = strcspn(at, "}") + 1;
		if (n + length + 2 > sizeof places)
			break;
		n += (size_t)snprintf(places + n, sizeof places - n, "%s%.*s", n > 0 ? " " : ": ",
				      (int)length, at);
	}
	return json_sprintf("%s%s", title, places);
}

static void begin(struct making *m)
{
	const struct openapi_operation *of = m->of;
	const json_t *says = member(of->operation, "description");
	char method[16];

	upper(of->method, method, sizeof method);
	m->made = json_object();
	m->request = json_object();
	m->properties = json_object();
	m->required = json_array();
	m->query = json_object();
	m->headers = json_object();
	json_object_set_new(m->made, "title",
			    openapi_read_line(member(of->operation, "summary"), of->path));
	json_object_set_new(m->made, "says",
			    openapi_read_line(says, json_string_value(member(m->made, "title"))));
	json_object_set_new(m->made, "effect", json_string(effect_of(of->method)));
	json_object_set_new(m->made, "scopes", scopes_of(of));
	json_object_set_new(m->request, "method", json_string(method));
	json_object_set_new(m->request, "path", json_string(of->path));
}

/* Puts the parts together; they are the tool's from here on. */
static void end(struct making *m)
{
	json_t *input = json_pack("{s:s,s:O,s:b}", "type", "object", "properties", m->properties,
				  "additionalProperties", 0);

	if (json_array_size(m->required) > 0)
		json_object_set(input, "required", m->required);
	if (json_object_size(m->query) > 0)
		json_object_set(m->request, "query", m->query);
	if (json_object_size(m->headers) > 0)
		json_object_set(m->request, "headers", m->headers);
	json_object_set_new(m->made, "input", input);
	json_object_set(m->made, "request", m->request);
	add_select(m);
	json_object_set_new(m->made, "summary", summary_of(m));
	json_object_set_new(m->made, "described", json_string(m->of->source));
}

/* Places that no parameter declares, and characters that no path of ours has. */
static enum err check_path(const struct making *m)
{
	const char *path = json_string_value(member(m->request, "path"));
	char place[ARGUMENT_MAX];

	if (path[0] != '/' || strpbrk(path, "?#\\ ") != NULL)
		return ERR_UNSUPPORTED;
	for (const char *at = path; *(at += strcspn(at, "{}")) != 0; at++) {
		const size_t n = strcspn(at + 1, "{}");
		if (*at != '{' || n == 0 || n >= sizeof place || at[n + 1] != '}')
			return ERR_UNSUPPORTED;
		memcpy(place, at + 1, n);
		place[n] = 0;
		if (member(m->properties, place) == NULL)
			return ERR_UNSUPPORTED;
		at += n + 1;
	}
	return OK;
}

enum err openapi_tool(const struct openapi_operation *operation, json_t **ret)
{
	struct making m = { .of = operation };

	begin(&m);
	enum err err = strlen(operation->path) > PATH_MAX_BYTES ? ERR_UNSUPPORTED : OK;
	if (err == OK)
		err = add_parameters(&m);
	if (err == OK)
		err = add_body(&m);
	if (err == OK)
		err = check_path(&m);
	if (err == OK) {
		end(&m);
		*ret = json_incref(m.made);
	}
	json_t *const parts[] = { m.made, m.request, m.properties, m.required, m.query, m.headers };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		json_decref(parts[i]);
	return err;
}

void openapi_tool_name(const struct openapi_operation *of, char *to, size_t size)
{
	const char *id = json_string_value(member(of->operation, "operationId"));
	const char *tag = json_string_value(json_array_get(member(of->operation, "tags"), 0));
	char wish[300], made[200];

	if (id != NULL)
		snprintf(wish, sizeof wish, "%s", id);
	else
		snprintf(wish, sizeof wish, "%.200s.%s", of->path + 1, of->method);
	openapi_read_name(wish, made, sizeof made);
	if (strchr(made, '.') == NULL) {
		snprintf(wish, sizeof wish, "%.90s.%s", tag != NULL ? tag : "api", made);
		openapi_read_name(wish, made, sizeof made);
	}
	if (strchr(made, '.') == NULL)
		snprintf(made, sizeof made, "api.%s", id != NULL ? of->method : "call");
	/* The end tells more than the beginning where both do not fit. */
	const size_t n = strlen(made), most = size - 5;
	const char *from = made;
	for (size_t i = 0; n - (size_t)(from - made) > most && i < n; i++)
		if (made[i] == '.' && strchr(made + i + 1, '.') != NULL)
			from = made + i + 1;
	snprintf(to, size - 4, "%s", from);
	for (size_t k = strlen(to); k > 0 && (to[k - 1] == '.' || to[k - 1] == '_'); k--)
		to[k - 1] = 0;
	if (strchr(to, '.') == NULL)
		snprintf(to, size, "api.%s", of->method);
}
