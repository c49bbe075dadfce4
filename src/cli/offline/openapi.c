/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/openapi.h"

#include <stdio.h>

#include "cli/offline/openapi_read.h"
#include "cli/offline/openapi_tool.h"
#include "codec/uri.h"
#include "core/catalog/service.h"

enum {
	NAME_MAX_BYTES = 64,
	TEXT_ROOM = YAML_TEXT_MAX - 64 * 1024, /* of all tools */
	NODES_ROOM = YAML_NODES_MAX - 5000,
};

static const char nowhere[] = "https://replace-me.invalid";

static const json_t *member(const json_t *object, const char *name)
{
	return json_object_get(object, name);
}

static enum err refuse(struct complaint *complaint, const char *file, const char *why)
{
	snprintf(complaint->text, sizeof complaint->text, "%s: %s", file, why);
	return ERR_MALFORMED;
}

/* "Acme (v2)" as acme-v2 */
static void id_of(const char *title, char to[static SERVICE_ID_LEN + 1])
{
	size_t n = 0;

	for (size_t i = 0; title[i] != 0 && n < SERVICE_ID_LEN; i++) {
		const char c = title[i] >= 'A' && title[i] <= 'Z' ? title[i] | 0x20 : title[i];
		if ((c >= 'a' && c <= 'z') || (n > 0 && c >= '0' && c <= '9'))
			to[n++] = c;
		else if (n > 0 && to[n - 1] != '-')
			to[n++] = '-';
	}
	while (n > 0 && to[n - 1] == '-')
		n--;
	to[n] = 0;
	if (n == 0)
		snprintf(to, SERVICE_ID_LEN + 1, "imported");
}

static json_t *with_defaults(const json_t *server)
{
	struct bytes rest = str(json_string_value(member(server, "url")));
	char url[SERVICE_URL_MAX], name[128];
	size_t n = 0;

	while (rest.n > 0) {
		const size_t before = rest.n;
		const struct bytes literal = bytes_cut(&rest, '{');
		struct bytes value = { NULL, 0 };
		if (literal.n < before && bytes_str(bytes_cut(&rest, '}'), name, sizeof name) == OK)
			value = json_str(member(member(server, "variables"), name), "default");
		if (n + literal.n + value.n >= sizeof url)
			return NULL;
		memcpy(url + n, literal.p, literal.n);
		if (value.n > 0)
			memcpy(url + n + literal.n, value.p, value.n);
		n += literal.n + value.n;
	}
	while (n > 0 && url[n - 1] == '/')
		n--;
	return json_stringn(url, n);
}

/* The first address that can be called. NULL: there is none. */
static json_t *base_of(const json_t *document)
{
	const json_t *server;
	struct uri uri;
	size_t n;

	json_array_foreach(member(document, "servers"), n, server)
	{
		if (!json_is_string(member(server, "url")))
			continue;
		json_t *base = with_defaults(server);
		if (base != NULL && uri_parse(str(json_string_value(base)), &uri) == OK &&
		    uri.https && uri.query.p == NULL)
			return base;
		json_decref(base);
	}
	return NULL;
}

static const json_t *flow_of(const json_t *document)
{
	json_t *scheme, *all = json_object_get(member(document, "components"), "securitySchemes");
	const char *name;

	json_object_foreach(all, name, scheme)
	{
		const json_t *found = openapi_read_ref(document, scheme);
		const json_t *flow = member(member(found, "flows"), "authorizationCode");
		if (flow != NULL)
			return flow;
	}
	return NULL;
}

static const char *risk_of(const char *scope)
{
	static const char *const high[] = { "write", "admin", "delete", "manage", "full" };

	for (size_t i = 0; i < ARRAY_LEN(high); i++)
		if (strstr(scope, high[i]) != NULL)
			return "high";
	return strstr(scope, "read") != NULL ? "low" : "medium";
}

static bool is_scope(const char *text)
{
	for (const char *c = text; *c != 0; c++)
		if (*c <= 0x20 || *c > 0x7e || *c == '"' || *c == '\\')
			return false;
	return text[0] != 0 && strlen(text) <= 128;
}

static json_t *scopes_of(const json_t *flow)
{
	json_t *scopes = json_object(), *says;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)member(flow, "scopes"), name, says)
	{
		if (!is_scope(name) || json_object_size(scopes) == SERVICE_SCOPES_MAX)
			continue;
		json_object_set_new(scopes, name,
				    json_pack("{s:o,s:s}", "says", openapi_read_line(says, name),
					      "risk", risk_of(name)));
	}
	return scopes;
}

static bool is_url(const json_t *url)
{
	struct uri uri;

	return json_is_string(url) && uri_parse(str(json_string_value(url)), &uri) == OK &&
	       uri.https;
}

/* A path that by its name tells who one is. */
static const char *account_path(const json_t *document)
{
	static const char *const known[] = { "/me",	 "/user",     "/v1/me",	  "/v2/me",
					     "/v1/user", "/users/me", "/userinfo" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (member(member(member(document, "paths"), known[i]), "get") != NULL)
			return known[i];
	return NULL;
}

static json_t *oauth_of(const json_t *document, const json_t *base, struct openapi_result *ret)
{
	const json_t *flow = flow_of(document);
	json_t *authorize = json_object_get(flow, "authorizationUrl");
	json_t *token = json_object_get(flow, "tokenUrl");
	const char *account = account_path(document);
	json_t *oauth = json_object(), *scopes = scopes_of(flow);

	ret->oauth = is_url(authorize) && is_url(token);
	ret->account = account != NULL;
	json_object_set_new(oauth, "authorize_url",
			    ret->oauth ? json_incref(authorize)
				       : json_sprintf("%s/authorize", nowhere));
	json_object_set_new(oauth, "token_url",
			    ret->oauth ? json_incref(token) : json_sprintf("%s/token", nowhere));
	if (ret->oauth && is_url(member(flow, "refreshUrl")))
		json_object_set(oauth, "refresh_url", json_object_get(flow, "refreshUrl"));
	json_object_set_new(oauth, "client_auth", json_string("post"));
	json_object_set_new(oauth, "pkce", json_string("S256"));
	json_object_set_new(
		oauth, "account",
		json_pack("{s:o,s:s}", "url",
			  account != NULL ? json_sprintf("%s%s", json_string_value(base), account)
					  : json_sprintf("%s/me", nowhere),
			  "id", "id"));
	if (json_object_size(scopes) > 0)
		json_object_set(oauth, "scopes", scopes);
	else
		json_object_set_new(oauth, "scope", json_string("none"));
	json_decref(scopes);
	return oauth;
}

static json_t *api_of(const json_t *base)
{
	struct uri uri;

	if (uri_parse(str(json_string_value(base)), &uri) != OK)
		return NULL;
	return json_pack("{s:O,s:[o],s:s}", "base", base, "hosts", json_of(uri.origin), "auth",
			 "bearer");
}

/* The tools so far, and what is left of a service file's room. */
struct tools {
	const json_t *document, *scopes;
	const struct openapi_wish *wish;
	struct openapi_result *result;
	char source[OPENAPI_LINE_MAX + 1];
	json_t *names, *list;
	size_t text, nodes;
};

static bool is_wanted(const struct openapi_wish *wish, const char *path, const char *id)
{
	for (size_t i = 0; i < wish->matches_n; i++) {
		const size_t n = strlen(wish->matches[i]);
		if (strncmp(path, wish->matches[i], n) == 0 ||
		    (id != NULL && strncmp(id, wish->matches[i], n) == 0))
			return true;
	}
	return wish->matches_n == 0;
}

static size_t count_nodes(const json_t *value)
{
	size_t n = 1, i;
	const char *name;
	json_t *child;

	json_object_foreach((json_t *)(uintptr_t)value, name, child) n += count_nodes(child);
	json_array_foreach(value, i, child) n += count_nodes(child);
	return n;
}

static enum err add_tool(struct tools *tools, json_t *tool, const char *name)
{
	struct dynbuf text;

	dynbuf_init(&text, YAML_TEXT_MAX);
	json_print(tool, &text);
	const size_t n = text.n, nodes = count_nodes(tool);
	const enum err err = dynbuf_err(&text);
	dynbuf_done(&text);
	if (err != OK || json_array_size(tools->list) == OPENAPI_TOOLS_MAX ||
	    tools->text + n > TEXT_ROOM || tools->nodes + nodes > NODES_ROOM)
		return ERR_TOO_LARGE;
	json_object_set_new(tools->names, name, json_true());
	json_array_append(tools->list, tool);
	tools->text += n + 64;
	tools->nodes += nodes;
	return OK;
}

static void name_tool(const struct tools *tools, const struct openapi_operation *of,
		      char name[static NAME_MAX_BYTES + 1])
{
	char made[NAME_MAX_BYTES - 3];

	openapi_tool_name(of, made, sizeof made);
	snprintf(name, NAME_MAX_BYTES + 1, "%s", made);
	for (int i = 2; member(tools->names, name) != NULL && i < 1000; i++)
		snprintf(name, NAME_MAX_BYTES + 1, "%s_%d", made, i);
}

static void add_operation(struct tools *tools, const char *path, const char *method,
			  const json_t *item)
{
	const struct openapi_operation of = {
		tools->document, item,		member(item, method), path,
		method,		 tools->scopes, tools->source
	};
	const char *id = json_string_value(member(of.operation, "operationId"));
	char name[NAME_MAX_BYTES + 1];
	json_t *tool = NULL, *named;

	if (of.operation == NULL || !is_wanted(tools->wish, path, id))
		return;
	if (openapi_tool(&of, &tool) != OK) {
		tools->result->unspeakable++;
		return;
	}
	name_tool(tools, &of, name);
	named = json_pack("{s:s}", "name", name);
	json_object_update(named, tool);
	if (add_tool(tools, named, name) != OK)
		tools->result->no_room++;
	json_decref(named);
	json_decref(tool);
}

static json_t *tools_of(const json_t *document, const json_t *scopes,
			const struct openapi_wish *wish, struct openapi_result *ret)
{
	static const char *const methods[] = { "get", "post", "put", "patch", "delete" };
	const json_t *info = member(document, "info");
	struct tools tools = { .document = document,
			       .scopes = scopes,
			       .wish = wish,
			       .result = ret,
			       .names = json_object(),
			       .list = json_array() };
	json_t *item;
	const char *path;
	const struct bytes title = json_str(info, "title"), version = json_str(info, "version");

	scoped(json_free) json_t *source = json_sprintf(
		"OpenAPI document of %.*s, version %.*s", (int)(title.n > 100 ? 100 : title.n),
		title.p, (int)(version.n > 60 ? 60 : version.n), version.p);
	scoped(json_free) json_t *line = openapi_read_line(source, "an OpenAPI document");
	snprintf(tools.source, sizeof tools.source, "%s", json_string_value(line));
	json_object_foreach(json_object_get(document, "paths"), path, item)
	{
		const json_t *found = openapi_read_ref(document, item);
		for (size_t i = 0; i < ARRAY_LEN(methods); i++)
			add_operation(&tools, path, methods[i], found);
	}
	ret->tools = json_array_size(tools.list);
	json_decref(tools.names);
	return tools.list;
}

static void print_flow(const char *name, const json_t *value, const char *indent,
		       struct dynbuf *out)
{
	dynbuf_printf(out, "%s%s: ", indent, name);
	json_print(value, out);
	dynbuf_u8(out, '\n');
}

static void print_map(const char *name, json_t *map, struct dynbuf *out)
{
	const char *key;
	json_t *value;

	dynbuf_printf(out, "%s:\n", name);
	json_object_foreach(map, key, value) print_flow(key, value, "  ", out);
}

static void print_file(const json_t *head, json_t *oauth, json_t *api, const json_t *tools,
		       struct dynbuf *out)
{
	const char *key;
	json_t *tool, *value;
	size_t n;

	json_object_foreach((json_t *)(uintptr_t)head, key, value) print_flow(key, value, "", out);
	print_map("oauth", oauth, out);
	print_map("api", api, out);
	if (json_array_size(tools) == 0)
		return;
	dynbuf_str(out, "tools:\n");
	json_array_foreach(tools, n, tool)
	{
		json_object_foreach(tool, key, value)
			print_flow(key, value, strcmp(key, "name") == 0 ? "  - " : "    ", out);
	}
}

/* What was printed has to be a service file; anything else is a mistake here. */
static enum err check(struct bytes text, struct complaint *complaint)
{
	scoped(service_free) struct service *service = NULL;

	return service_compile(text, "the file made of it", complaint, &service);
}

static json_t *head_of(const json_t *document)
{
	const json_t *info = member(document, "info");
	const json_t *title = member(info, "title");
	char id[SERVICE_ID_LEN + 1];

	id_of(json_is_string(title) ? json_string_value(title) : "", id);
	return json_pack("{s:s,s:o,s:o}", "id", id, "name", openapi_read_line(title, id), "says",
			 openapi_read_line(member(info, "description"), id));
}

enum err openapi_import(struct bytes text, const char *file, const struct openapi_wish *wish,
			struct complaint *complaint, struct dynbuf *out, struct openapi_result *ret)
{
	scoped(json_free) json_t *document = NULL, *base = NULL, *oauth = NULL, *api = NULL;
	struct openapi_result result = { 0 };
	const size_t from = out->n;

	if (text.n > OPENAPI_TEXT_MAX)
		return ERR_TOO_LARGE;
	TRY(openapi_read_document(text, file, complaint, &document));
	if (!bytes_starts(json_str(document, "openapi"), "3."))
		return refuse(complaint, file, "it is no OpenAPI 3 document");
	if (!json_is_object(member(document, "paths")))
		return refuse(complaint, file, "it has no 'paths'");
	base = base_of(document);
	if (base == NULL)
		return refuse(complaint, file, "'servers' names no https address");
	oauth = oauth_of(document, base, &result);
	api = api_of(base);
	scoped(json_free) json_t *head = head_of(document);
	scoped(json_free) json_t *tools =
		tools_of(document, member(oauth, "scopes"), wish, &result);
	if (result.tools == 0)
		return refuse(complaint, file, "none of its operations can be a tool");
	print_file(head, oauth, api, tools, out);
	TRY(dynbuf_err(out));
	TRY(check((struct bytes){ out->p + from, out->n - from }, complaint));
	*ret = result;
	return OK;
}
