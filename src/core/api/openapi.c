/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api/openapi.h"

#include "codec/json.h"
#include "core/api/reply.h"

enum permit { OPEN, ADMIN };

struct operation {
	const char *method, *path, *id, *tag, *summary;
	enum permit permit;
};

static const struct operation operations[] = {
#define ROUTE(method, path, permit, handler, tag, summary)                                         \
	{ #method, path, #handler, tag, summary, permit },
#include "core/api/routes.def"
#undef ROUTE
};

/* The variables between braces, as path parameters. */
static json_t *parameters(const char *path)
{
	json_t *list = json_array();
	struct bytes rest = str(path);

	while (rest.n > 0) {
		const struct bytes segment = bytes_cut(&rest, '/');
		if (segment.n < 3 || segment.p[0] != '{')
			continue;
		json_t *name = json_of((struct bytes){ segment.p + 1, segment.n - 2 });
		json_array_append_new(list,
				      json_pack("{s:o,s:s,s:b,s:{s:s}}", "name", name, "in", "path",
						"required", 1, "schema", "type", "string"));
	}
	return list;
}

static json_t *answers(const struct operation *op)
{
	json_t *o = json_object();

	json_object_set_new(o, "default",
			    json_pack("{s:s,s:{s:{s:{s:s}}}}", "description",
				      "What went wrong and what to do about it (RFC 9457)",
				      "content", "application/problem+json", "schema", "$ref",
				      "#/components/schemas/Problem"));
	json_object_set_new(o, "2XX", json_pack("{s:s}", "description", op->summary));
	return o;
}

static json_t *operation_json(const struct operation *op)
{
	json_t *o = json_pack("{s:s,s:s,s:[s]}", "operationId", op->id, "summary", op->summary,
			      "tags", op->tag);
	json_t *list = parameters(op->path);

	if (json_array_size(list) > 0)
		json_object_set(o, "parameters", list);
	json_decref(list);
	json_object_set_new(o, "responses", answers(op));
	json_object_set_new(o, "security",
			    op->permit == ADMIN ? json_pack("[{s:[]}]", "admin") : json_array());
	return o;
}

static void lower_method(const char *from, char to[static 8])
{
	size_t i = 0;

	for (; from[i] != 0 && i < 7; i++)
		to[i] = (char)(from[i] | 0x20);
	to[i] = 0;
}

static json_t *paths(void)
{
	json_t *all = json_object();
	char method[8];

	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		json_t *path = json_object_get(all, operations[i].path);
		if (path == NULL) {
			path = json_object();
			json_object_set_new(all, operations[i].path, path);
		}
		lower_method(operations[i].method, method);
		json_object_set_new(path, method, operation_json(&operations[i]));
	}
	return all;
}

static json_t *components(void)
{
	json_t *problem =
		json_pack("{s:s,s:[s,s,s],s:{s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{s:s}}}", "type",
			  "object", "required", "title", "status", "code", "properties", "title",
			  "type", "string", "status", "type", "integer", "detail", "type", "string",
			  "code", "type", "string", "mend", "type", "string");

	return json_pack("{s:{s:o},s:{s:{s:s,s:s}}}", "schemas", "Problem", problem,
			 "securitySchemes", "admin", "type", "http", "scheme", "bearer");
}

void openapi_print(const char *issuer, struct dynbuf *out)
{
	scoped(json_free) json_t *document =
		json_pack("{s:s,s:{s:s,s:s},s:[{s:s}],s:o,s:o}", "openapi", "3.1.0", "info",
			  "title", "Valetkey", "version", VALETKEY_VERSION, "servers", "url",
			  issuer, "paths", paths(), "components", components());

	json_print(document, out);
}
