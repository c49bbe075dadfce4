/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/toolcase.h"

#include <stdio.h>

#include "codec/schema.h"
#include "core/flow/compiled.h"
#include "core/flow/resources.h"
#include "crypto/crypto.h"

void toolcase_done(struct toolcase *c)
{
	doc_done(&c->args);
	dynbuf_done(&c->ids);
}

static const struct service_tool *tool_find(const struct service *service, struct bytes name)
{
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_eq(service->tools[i].name, name))
			return &service->tools[i];
	return NULL;
}

/* Of a remote tool the pin alone counts: that others of the same server change makes nothing void.
 */
static void pin_definition(struct toolcase *c)
{
	const struct bytes parts[] = { str("valetkey remote tool 1\n"), c->service->mcp.url,
				       str("\n"), c->tool->name, c->tool->pin };

	if (c->tool->remote.n > 0)
		sha256(parts, ARRAY_LEN(parts), c->definition);
}

/* A tool that the policy always blocks is like one that does not exist. */
static enum err find_tool(struct flow *flow, const struct toolcase_ask *ask, struct toolcase *c)
{
	const enum err err = compiled_service(flow, ask->tenant, ask->service, &c->service);

	TRY(err);
	TRY(compiled_service_hash(flow, ask->tenant, ask->service, c->definition));
	c->tool = tool_find(c->service, ask->tool);
	if (c->tool == NULL || !policy_shows(c->permit->policy, ask->service, ask->tool))
		return ERR_NOT_FOUND;
	pin_definition(c);
	return OK;
}

static enum err check_schema(struct toolcase *c)
{
	struct schema_fault fault = { 0 };

	if (c->tool->schema == NULL)
		return OK; /* a remote server checks what it is given itself */
	const enum err err = schema_check(c->tool->schema, &c->args, 0, &fault);
	if (err == OK)
		return OK;
	snprintf(c->why, sizeof c->why, "%s%s%s", fault.where, fault.where[0] != 0 ? ": " : "",
		 fault.why);
	return ERR_INVALID_ARGUMENTS;
}

static enum err check_args(const struct toolcase_ask *ask, struct toolcase *c)
{
	const struct bytes text = ask->arguments.n == 0 ? str("{}") : ask->arguments;

	if (doc_read(text, &c->args) != OK || doc_kind(&c->args, 0) != DOC_OBJECT) {
		snprintf(c->why, sizeof c->why, "The arguments are no JSON object.");
		return ERR_INVALID_ARGUMENTS;
	}
	return check_schema(c);
}

static enum err ask_policy(const struct flow *flow, const struct toolcase_ask *ask,
			   struct toolcase *c)
{
	static const enum policy_class classes[] = {
		[SERVICE_READ] = POLICY_READ,
		[SERVICE_WRITE] = POLICY_WRITE,
		[SERVICE_DESTRUCTIVE] = POLICY_DESTRUCTIVE,
	};

	c->use = (struct policy_use){
		.service = str(c->service->id),
		.tool = c->tool->name,
		.class = classes[c->tool->effect],
		.args = &c->args,
		.context = ask->context,
		.address = ask->origin.n == 16 ? ask->origin.p : NULL,
		.now = flow->now,
	};
	dynbuf_init(&c->ids, RESOURCES_TEXT_MAX);
	TRY(resources_find(c->tool, &c->ids, &c->use));
	const enum err err = policy_decide(c->permit->policy, &c->use, &c->verdict);
	if (err != OK)
		snprintf(c->why, sizeof c->why, "%s",
			 c->verdict.reason == NULL ? "" : c->verdict.reason);
	return err;
}

static bool came_before(const struct service_tool *tool, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tool->touches[i].resource == tool->touches[n].resource)
			return true;
	return false;
}

size_t toolcase_resources(const struct service_tool *tool, size_t n,
			  const struct service_resource **ret)
{
	size_t count = 0;

	*ret = NULL;
	for (size_t i = 0; i < tool->touches_n; i++) {
		if (tool->touches[i].resource->ask.path.n == 0 || came_before(tool, i))
			continue;
		if (count++ == n)
			*ret = tool->touches[i].resource;
	}
	return count;
}

static void find_wants(const struct toolcase_ask *ask, struct toolcase *c)
{
	if (ask->context_known || !policy_needs_context(c->permit->policy, ask->service, ask->tool))
		return;
	for (size_t i = 0; i < SERVICE_TOUCHES_MAX; i++)
		c->wants_n = toolcase_resources(c->tool, i, &c->wants[i]);
}

static bool has_word(struct bytes words, struct bytes word)
{
	while (words.n > 0)
		if (bytes_eq(bytes_cut(&words, ' '), word))
			return true;
	return false;
}

/* The scopes that the tool needs and the account has not granted. A provider that names none has
 * told nothing. */
static enum err check_scopes(struct toolcase *c)
{
	struct permit_mend *mend = &c->permit->mend;
	struct dynbuf missing = { .p = (uint8_t *)mend->missing,
				  .room = sizeof mend->missing - 1,
				  .max = sizeof mend->missing - 1 };
	const struct bytes granted = c->permit->connection.scopes;

	for (size_t i = 0; granted.n > 0 && i < c->tool->scopes.n; i++) {
		if (has_word(granted, c->tool->scopes.at[i]))
			continue;
		dynbuf_str(&missing, missing.n > 0 ? " " : "");
		dynbuf_bytes(&missing, c->tool->scopes.at[i]);
	}
	mend->missing[missing.n] = 0;
	return missing.n == 0 ? OK : ERR_INSUFFICIENT_SCOPE;
}

enum err toolcase_look(struct flow *flow, const struct toolcase_ask *ask, struct permit *permit,
		       struct toolcase *ret)
{
	*ret = (struct toolcase){ .permit = permit };
	TRY(permit_again(flow, ask->tenant, ask->vault, permit));
	TRY(find_tool(flow, ask, ret));
	TRY(check_args(ask, ret));
	find_wants(ask, ret);
	if (ret->wants_n == 0)
		TRY(ask_policy(flow, ask, ret));
	if (service_open(ret->service))
		return OK;
	TRY(permit_account(flow, permit, ask->service, ask->account));
	return check_scopes(ret);
}
