/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/graphql.h"
#include "core/catalog/section.h"
#include "core/catalog/template.h"

#define STEP(member) offsetof(struct service_step, member)

enum { DOCUMENT_MAX = 8192 };

static const char *const send_words[] = { "json", "form", "text" };
static const struct reader_words sends = { ARRAY_LEN(send_words), send_words };

static enum err read_node(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'%s' must be a map", key->name);
	*(const struct yaml_node **)to = node;
	return OK;
}

static enum err read_body(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	if (node->kind != YAML_MAP && node->kind != YAML_SCALAR)
		return READER_REFUSE(r, node, "'body' must be a map, or a text");
	*(const struct yaml_node **)to = node;
	return OK;
}

static enum err read_query(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	TRY(read_node(r, node, key, to));
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		const struct yaml_node *text = child->kind == YAML_LIST ? child->first : child;
		if (text == NULL || text->kind != YAML_SCALAR ||
		    (child->kind == YAML_LIST && text->next != NULL))
			return READER_REFUSE(r, child,
					     "a query parameter is a text, or a list of one text");
	}
	return OK;
}

static enum err read_mail(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	static const char *const parts[] = { "to", "cc", "bcc", "subject", "text", "in_reply_to" };

	TRY(read_node(r, node, key, to));
	const struct yaml_node *unknown = yaml_unknown(node, parts, ARRAY_LEN(parts));
	if (unknown != NULL)
		return READER_REFUSE(r, unknown, "a mail has no '%.*s'", (int)unknown->name.n,
				     unknown->name.p);
	if (yaml_find(node, "to") == NULL || yaml_find(node, "text") == NULL)
		return READER_REFUSE(r, node, "a mail has at least 'to' and 'text'");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		if (child->kind != YAML_SCALAR)
			return READER_REFUSE(r, child, "the parts of a mail are texts");
	return OK;
}

static enum err read_graphql(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || text.n == 0 || text.n > DOCUMENT_MAX)
		return READER_REFUSE(r, node, "'graphql' must be a text of at most %d bytes",
				     DOCUMENT_MAX);
	*(struct bytes *)to = text;
	return OK;
}

static enum err read_headers(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	struct service_pairs pairs = { 0 };

	TRY(reader_headers(r, node, key, &pairs));
	*(const struct yaml_node **)to = node;
	return OK;
}

/* What a tool says it does is what its document does. */
static enum err check_document(const struct reader *r, const struct yaml_node *node,
			       const struct service_tool *tool, struct graphql *document)
{
	const struct bytes text = tool->steps[tool->steps_n - 1].graphql;
	const enum err err = graphql_parse(text, document);

	if (err < OK)
		return err;
	if (err != OK || !document->sound || document->operations_n != 1)
		return READER_REFUSE(r, node, "'graphql' is no document with one operation");
	const enum graphql_type type = document->operations[0].type;
	if (type != (tool->effect == SERVICE_READ ? GRAPHQL_QUERY : GRAPHQL_MUTATION))
		return READER_REFUSE(r, node,
				     "a tool that reads sends a query, one that writes a mutation");
	return OK;
}

static enum err check_graphql(const struct reader *r, const struct yaml_node *node,
			      const struct service_tool *tool)
{
	if (tool->steps[tool->steps_n - 1].graphql.n == 0)
		return OK;
	struct graphql *document = malloc(sizeof *document);
	if (document == NULL)
		return FAULT_NOMEM;
	const enum err err = check_document(r, node, tool, document);
	free(document);
	return err;
}

static enum err check_step(const struct reader *r, const struct yaml_node *node,
			   const struct service_step *step)
{
	const bool text = step->body != NULL && step->body->kind == YAML_SCALAR;

	if (step->graphql.n > 0 && (step->body != NULL || step->method != SERVICE_POST))
		return READER_REFUSE(r, node, "'graphql' is sent by POST and has no other body");
	if (step->variables != NULL && step->graphql.n == 0)
		return READER_REFUSE(r, step->variables, "'variables' go with 'graphql'");
	if (step->method == SERVICE_GET && step->body != NULL)
		return READER_REFUSE(r, step->body, "a GET has no body");
	if (step->body != NULL && (step->send == SERVICE_SEND_TEXT) != text)
		return READER_REFUSE(r, step->body, "'send: text' goes with a body that is a text");
	if (step->mail != NULL && step->body == NULL)
		return READER_REFUSE(r, step->mail, "a mail is sent as {mail} in 'body'");
	return OK;
}

static enum err read_step(const struct reader *r, const struct yaml_node *node,
			  struct service_tool *tool)
{
	static const struct reader_key keys[] = {
		{ "method", reader_enum, STEP(method), true, &section_methods },
		{ "path", reader_text, STEP(path), true, NULL },
		{ "query", read_query, STEP(query), false, NULL },
		{ "headers", read_headers, STEP(headers), false, NULL },
		{ "send", reader_enum, STEP(send), false, &sends },
		{ "body", read_body, STEP(body), false, NULL },
		{ "graphql", read_graphql, STEP(graphql), false, NULL },
		{ "variables", read_node, STEP(variables), false, NULL },
		{ "mail", read_mail, STEP(mail), false, NULL },
	};

	if (tool->steps_n == SERVICE_STEPS_MAX)
		return READER_REFUSE(r, node, "a tool has at most %d requests", SERVICE_STEPS_MAX);
	if (tool->steps_n > 0 && tool->steps[tool->steps_n - 1].method != SERVICE_GET)
		return READER_REFUSE(r, node, "only the last request of a tool may write");
	struct service_step *step = &tool->steps[tool->steps_n];
	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), step));
	if (step->send == 0)
		step->send = SERVICE_SEND_JSON;
	tool->steps_n++;
	return check_step(r, node, step);
}

enum err section_request(const struct reader *r, const struct yaml_node *node,
			 const struct reader_key *key, void *to)
{
	if (node->kind != YAML_LIST)
		return read_step(r, node, to);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		TRY(read_step(r, child, to));
	return OK;
}

/* Where a text stands decides which places it may have. */
struct places {
	const struct reader *r;
	const struct service *service;
	const struct service_tool *tool;
	const struct yaml_node *node; /* to complain about */
	size_t step;		      /* requests before this one */
	bool path, mail;
};

static bool argument_known(const struct places *places, struct bytes name)
{
	const struct yaml_node *properties = yaml_find(places->tool->input, "properties");
	char text[65];

	return bytes_str(name, text, sizeof text) == OK && yaml_find(properties, text) != NULL;
}

static bool place_ok(const struct places *places, const struct template_part *part)
{
	switch (part->kind) {
	case TEMPLATE_LITERAL:
		return true;
	case TEMPLATE_NAME:
		return argument_known(places, part->text) ||
		       section_variable_find(&places->service->oauth, part->text) != NULL ||
		       (places->mail && bytes_is(part->text, "mail"));
	case TEMPLATE_SEGMENTS:
	case TEMPLATE_ENCODED:
		return places->path && argument_known(places, part->text);
	case TEMPLATE_ANSWER:
		return part->step <= places->step;
	case TEMPLATE_NOW:
	case TEMPLATE_TODAY:
	case TEMPLATE_TOMORROW:
		return !places->path;
	case TEMPLATE_NOW_PLUS:
		return !places->path && argument_known(places, part->text);
	}
	return false;
}

static enum err check_text(const struct places *places, struct bytes text)
{
	struct template_part part;

	while (text.n > 0) {
		const struct bytes from = text;
		if (template_next(&text, &part) != OK)
			return READER_REFUSE(places->r, places->node, "a brace here is no {place}");
		if (!place_ok(places, &part))
			return READER_REFUSE(places->r, places->node,
					     "'%.*s' is no argument of this tool",
					     (int)(from.n - text.n), from.p);
	}
	return OK;
}

static enum err check_texts(struct places *places, const struct yaml_node *node)
{
	if (node == NULL)
		return OK;
	places->node = node;
	if (node->kind == YAML_SCALAR)
		return check_text(places, node->text);
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

static enum err check_places(struct places *places, const struct service_step *step)
{
	struct places path = *places;

	if (step->path.p[0] != '/' && !at_a_host(&places->service->api, step->path))
		return READER_REFUSE(places->r, places->node,
				     "'path' must begin with a slash or one of 'hosts'");
	path.path = true;
	TRY(check_text(&path, step->path));
	TRY(check_texts(places, step->query));
	TRY(check_texts(places, step->headers));
	TRY(check_texts(places, step->variables));
	TRY(check_texts(places, step->mail));
	places->mail = step->mail != NULL;
	return check_texts(places, step->body);
}

static bool text_names(struct bytes text, struct bytes argument)
{
	struct template_part part;

	while (text.n > 0 && template_next(&text, &part) == OK)
		if (part.kind != TEMPLATE_LITERAL && part.kind != TEMPLATE_ANSWER &&
		    bytes_eq(part.text, argument))
			return true;
	return false;
}

static bool names(const struct yaml_node *node, struct bytes argument)
{
	if (node == NULL)
		return false;
	if (node->kind == YAML_SCALAR)
		return text_names(node->text, argument);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		if (names(child, argument))
			return true;
	return false;
}

/* An argument that no request has would be checked, approved, and never sent. */
static enum err check_arguments(const struct reader *r, const struct service_tool *tool)
{
	const struct yaml_node *properties = yaml_find(tool->input, "properties");

	for (const struct yaml_node *node = properties == NULL ? NULL : properties->first;
	     node != NULL; node = node->next) {
		bool named = false;
		for (size_t i = 0; i < tool->steps_n && !named; i++) {
			const struct service_step *step = &tool->steps[i];
			named = text_names(step->path, node->name) ||
				names(step->query, node->name) ||
				names(step->headers, node->name) || names(step->body, node->name) ||
				names(step->mail, node->name) || names(step->variables, node->name);
		}
		if (!named)
			return READER_REFUSE(r, node, "no request of this tool sends '%.*s'",
					     (int)node->name.n, node->name.p);
	}
	return OK;
}

enum err section_request_check(const struct reader *r, const struct yaml_node *node,
			       const struct service *service, const struct service_tool *tool)
{
	for (size_t i = 0; i < tool->steps_n; i++) {
		struct places places = {
			.r = r, .service = service, .tool = tool, .node = node, .step = i
		};
		TRY(check_places(&places, &tool->steps[i]));
	}
	TRY(check_arguments(r, tool));
	return check_graphql(r, node, tool);
}

enum err section_text_check(const struct reader *r, const struct yaml_node *node,
			    const struct service *service, const struct service_tool *tool,
			    struct bytes text)
{
	const struct places places = { .r = r, .service = service, .tool = tool, .node = node };

	return check_text(&places, text);
}

enum err section_ask(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "method", reader_enum, STEP(method), true, &section_methods },
		{ "path", reader_text, STEP(path), true, NULL },
		{ "query", read_query, STEP(query), false, NULL },
		{ "headers", read_headers, STEP(headers), false, NULL },
	};
	struct service_step *ask = to;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), ask));
	ask->send = SERVICE_SEND_JSON;
	if (ask->method != SERVICE_GET)
		return READER_REFUSE(r, node, "'%s' only asks: its method is GET", key->name);
	return OK;
}

enum err section_ask_check(const struct reader *r, const struct yaml_node *node,
			   const struct service *service, const struct service_tool *tool,
			   const struct service_step *ask)
{
	struct places places = { .r = r, .service = service, .tool = tool, .node = node };

	return check_places(&places, ask);
}
