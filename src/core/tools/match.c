/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/match.h"

#include <stdlib.h>

#include "codec/schema.h"
#include "core/tools/graph.h"
#include "core/tools/unify.h"

/* The best exact one so far, and whether another is as good. */
struct best {
	const struct service_tool *tool;
	unsigned constants;
	bool tie;
};

void tools_found_done(struct tools_found *found)
{
	dynbuf_done(&found->target);
	dynbuf_done(&found->args);
	if (found->facts != NULL)
		graphql_facts_done(found->facts);
	free(found->facts);
	found->facts = NULL;
	found->tool = NULL;
	found->near_n = 0;
}

static enum err check_headers(const struct service *service, const struct tools_raw *raw)
{
	for (size_t i = 0; i < raw->headers_n; i++)
		if (tools_header(service, NULL, raw->headers[i].name) == TOOLS_HEADER_REFUSE)
			return ERR_UNSUPPORTED;
	return OK;
}

/* A header that the provider may take for an argument leaves the request unaccounted for. */
static bool headers_known(const struct service *service, const struct service_tool *tool,
			  const struct tools_raw *raw)
{
	for (size_t i = 0; i < raw->headers_n; i++)
		if (tools_header(service, tool, raw->headers[i].name) == TOOLS_HEADER_ARGUMENT)
			return false;
	return true;
}

static void add_near(struct tools_found *found, const struct service_tool *tool)
{
	found->near[found->near_n++] = tool;
}

/* The arguments as text; ERR_MALFORMED: they are none that the tool takes. */
static enum err print_args(struct unify *unify, struct dynbuf *args)
{
	scoped(doc_done) struct doc doc = { 0 };

	TRY(unify_print(unify, args));
	TRY(doc_read(dynbuf_view(args), &doc));
	return schema_check(unify->tool->schema, &doc, 0, NULL);
}

/* Keeps the arguments of a tool that fits, over those of one that fitted less well. */
static enum err keep_exact(struct unify *unify, struct best *best, struct tools_found *found)
{
	scoped(dynbuf_done) struct dynbuf args = { .max = TOOLS_BODY_MAX };

	if (best->tool != NULL && unify->constants < best->constants)
		return OK;
	const enum err err = print_args(unify, &args);
	if (err != OK)
		return err == ERR_MALFORMED || err == ERR_TOO_LARGE ? OK : err;
	best->tie = best->tool != NULL && unify->constants == best->constants;
	best->tool = unify->tool;
	best->constants = unify->constants;
	const struct dynbuf before = found->args;
	found->args = args;
	args = before;
	return OK;
}

static enum err try_tool(struct unify *unify, const struct service_tool *tool, struct best *best,
			 struct tools_found *found)
{
	enum unify_fit fit;

	TRY(unify_tool(unify, tool, &fit));
	if (fit == UNIFY_NONE)
		return OK;
	if (found->facts != NULL && tool->steps[tool->steps_n - 1].graphql.n > 0) {
		bool near;
		TRY(graph_is_near(tool, found->facts, &near));
		if (near)
			add_near(found, tool);
		return OK;
	}
	add_near(found, tool);
	if (fit == UNIFY_EXACT && headers_known(unify->service, tool, unify->raw->from))
		TRY(keep_exact(unify, best, found));
	return OK;
}

/* What a request without a tool counts as: what its method says, what the tools near it do. */
static enum service_effect guess_effect(const struct service *service, const struct raw *raw,
					const struct tools_found *found)
{
	enum service_effect effect = SERVICE_WRITE;

	if (found->facts != NULL ? graphql_only_reads(found->facts)
				 : raw->method == SERVICE_GET && !service->api.rpc)
		effect = SERVICE_READ;
	if (raw->method == SERVICE_DELETE)
		effect = SERVICE_DESTRUCTIVE;
	for (size_t i = 0; i < found->near_n; i++)
		if (found->near[i]->effect > effect)
			effect = found->near[i]->effect;
	return effect;
}

/* What ends or divides a path, in disguise, belongs into a tool's place for it, or nobody knows
 * where the request goes. */
static bool has_disguise(const struct raw *raw)
{
	for (size_t i = 0; i < raw->segments_n; i++)
		if (raw->segments[i].slash || raw->segments[i].mark)
			return true;
	return false;
}

static enum err find_tool(struct unify *unify, struct tools_found *ret)
{
	const struct service *service = unify->service;
	struct best best = { 0 };

	for (size_t i = 0; i < service->tools_n; i++)
		if (service->tools[i].steps_n > 0)
			TRY(try_tool(unify, &service->tools[i], &best, ret));
	/* a batch may hold any request of any tool */
	if (best.tool == NULL && unify->raw->method != SERVICE_GET && raw_is_batch(unify->raw)) {
		ret->near_n = 0;
		for (size_t i = 0; i < service->tools_n; i++)
			add_near(ret, &service->tools[i]);
	}
	if (best.tool != NULL && !best.tie) {
		ret->tool = best.tool;
		ret->effect = best.tool->effect;
		ret->near_n = 0;
		return OK;
	}
	if (has_disguise(unify->raw))
		return ERR_MALFORMED;
	dynbuf_reset(&ret->args);
	ret->effect = guess_effect(service, unify->raw, ret);
	return OK;
}

static enum err read_body(const struct tools_raw *raw, struct doc *doc, struct form *form)
{
	enum err err = OK;

	if (raw->partial || raw->body.n == 0 || raw->content_encoding.p != NULL)
		return OK;
	if (raw_type_is_json(raw))
		err = doc_read(raw->body, doc);
	else if (raw_type_is(raw, "application/x-www-form-urlencoded"))
		err = form_parse(raw->body, form);
	/* no tool has a body that cannot be read: the request is near some at most */
	return err == ERR_MALFORMED || err == ERR_TOO_LARGE ? OK : err;
}

static enum err read_graphql(struct unify *unify, struct tools_found *ret)
{
	if (!graph_is_endpoint(unify->service, unify->raw))
		return OK;
	ret->facts = malloc(sizeof *ret->facts);
	if (ret->facts == NULL)
		return FAULT_NOMEM;
	graphql_facts_init(ret->facts);
	return graph_read(unify->raw, ret->facts);
}

static enum err match_read(struct unify *unify, struct tools_found *ret)
{
	scoped(doc_done) struct doc doc = { 0 };
	scoped(form_done) struct form form = { 0 };

	TRY(read_graphql(unify, ret));
	TRY(read_body(unify->raw->from, &doc, &form));
	unify->body = doc.n > 0 ? &doc : NULL;
	unify->form = form.text != NULL ? &form : NULL;
	const enum err err = find_tool(unify, ret);
	unify->body = NULL;
	unify->form = NULL;
	return err;
}

enum err tools_match(const struct service *service, const struct tools_raw *from,
		     struct tools_found *ret)
{
	scoped(raw_done) struct raw raw;

	raw.text = (struct dynbuf){ 0 };
	ret->tool = NULL;
	ret->facts = NULL;
	ret->near_n = 0;
	ret->effect = SERVICE_DESTRUCTIVE;
	dynbuf_init(&ret->target, TOOLS_URL_MAX);
	dynbuf_init(&ret->args, TOOLS_BODY_MAX);
	TRY(check_headers(service, from));
	TRY(raw_read(service, from, &ret->target, &raw));
	struct unify unify = { .service = service, .raw = &raw };
	arena_init(&unify.memory, UNIFY_MEMORY_MAX);
	const enum err err = match_read(&unify, ret);
	arena_done(&unify.memory);
	return err;
}
