/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/recognise.h"

#include "core/flow/compiled.h"
#include "core/flow/context.h"
#include "core/flow/resources.h"
#include "core/tools/build.h"
#include "model/scopes.h"

void recognised_done(struct recognised *found)
{
	tools_found_done(&found->found);
	doc_done(&found->args);
	doc_done(&found->variables);
	dynbuf_done(&found->headers);
	dynbuf_done(&found->resources);
}

enum err recognise_service(struct flow *flow, const struct permit *permit, struct bytes service,
			   const struct service **ret)
{
	const char *named;

	for (size_t i = 0; (named = policy_service_at(permit->policy, i)) != NULL; i++) {
		if (!bytes_is(service, named))
			continue;
		const enum err err = compiled_service(flow, permit->vault.tenant, service, ret);
		return err == ERR_NOT_FOUND ? ERR_INVALID_TARGET : err;
	}
	return ERR_INVALID_TARGET;
}

/* All lines but our own credential, as the matcher wants to see them. */
static enum err read_headers(const struct call *call,
			     struct tools_header to[static RECOGNISE_HEADERS_MAX], size_t *ret_n)
{
	struct bytes list = call->request.headers, item;
	struct ipc_header line;
	enum err err;
	size_t n = 0;

	while ((err = ipc_list_next(&list, &item)) == OK) {
		TRY(ipc_header_decode(item, &line));
		if (n == RECOGNISE_HEADERS_MAX)
			return ERR_TOO_LARGE;
		to[n++] = (struct tools_header){ line.name, line.value };
	}
	*ret_n = n;
	return err == ERR_NOT_FOUND ? OK : err;
}

static bool is_sent(const struct dynbuf *headers, struct bytes name)
{
	struct bytes list = dynbuf_view(headers), item;
	struct ipc_header line;
	char text[257];

	while (bytes_str(name, text, sizeof text) == OK && ipc_list_next(&list, &item) == OK)
		if (ipc_header_decode(item, &line) == OK && bytes_caseis(line.name, text))
			return true;
	return false;
}

/* What the agent sent and may send, then what the service wants on every request. */
static enum err write_headers(const struct service *service, const struct doc *variables,
			      const struct tools_header *sent, size_t n, struct recognised *found)
{
	const struct service_pairs *own = &service->api.headers;
	struct dynbuf *out = &found->headers;

	for (size_t i = 0; i < own->n; i++) {
		scoped(dynbuf_done) struct dynbuf value = { .max = IPC_HEADERS_MAX };
		TRY(tools_own_header(service, variables, i, &value));
		const struct ipc_header line = { own->at[i].name, dynbuf_view(&value) };
		IPC_LIST_ADD(out, header, &line);
	}
	for (size_t i = 0; i < n; i++) {
		const struct ipc_header line = { sent[i].name, sent[i].value };
		switch (tools_header(service, found->found.tool, line.name)) {
		case TOOLS_HEADER_REFUSE:
			return ERR_UNSUPPORTED;
		case TOOLS_HEADER_DROP:
			break;
		case TOOLS_HEADER_FORWARD:
		case TOOLS_HEADER_ARGUMENT:
			/* In which coding an answer comes is between courier and the provider. */
			if (!bytes_is(line.name, "accept-encoding") && !is_sent(out, line.name))
				IPC_LIST_ADD(out, header, &line);
			break;
		}
	}
	return dynbuf_err(out);
}

static enum policy_class class_of(enum service_effect effect)
{
	switch (effect) {
	case SERVICE_READ:
		return POLICY_READ;
	case SERVICE_WRITE:
		return POLICY_WRITE;
	case SERVICE_DESTRUCTIVE:
		break;
	}
	return POLICY_DESTRUCTIVE;
}

static enum err describe(const struct service *service, const struct call *call,
			 struct recognised *found)
{
	const struct service_tool *tool = found->found.tool;
	struct policy_use *use = &found->use;

	*use = (struct policy_use){ .service = str(service->id),
				    .class = class_of(found->found.effect),
				    .address = call->request.address.n == 16
						       ? call->request.address.p
						       : NULL };
	if (tool == NULL)
		return OK;
	use->tool = tool->name;
	TRY(doc_read(dynbuf_view(&found->found.args), &found->args));
	use->args = &found->args;
	return resources_find(tool, &found->resources, use);
}

enum err recognise(const struct service *service, const struct call *call,
		   const struct permit *permit, struct bytes rest, struct recognised *ret)
{
	static struct tools_header sent[RECOGNISE_HEADERS_MAX];
	const struct ipc_http_request *request = &call->request;
	struct tools_raw raw = {
		.method = str(http_method_name(request->method)),
		.target = rest,
		.content_type = ipc_headers_find(request->headers, "content-type"),
		.content_encoding = ipc_headers_find(request->headers, "content-encoding"),
		.body = request->body,
		.partial = request->more != 0,
		.headers = sent,
	};

	ret->service = service;
	dynbuf_init(&ret->headers, IPC_HEADERS_MAX);
	dynbuf_init(&ret->resources, RESOURCES_TEXT_MAX);
	TRY(read_headers(call, sent, &raw.headers_n));
	if (permit->connection.variables.n > 0) {
		TRY(doc_read(permit->connection.variables, &ret->variables));
		raw.variables = &ret->variables;
	}
	TRY(tools_match(service, &raw, &ret->found));
	TRY(write_headers(service, raw.variables, sent, raw.headers_n, ret));
	return describe(service, call, ret);
}

/* What the policy says of every tool that the request reaches, though it is none of them. */
static enum policy_effect strictest_near(const struct policy *policy,
					 const struct recognised *found)
{
	enum policy_effect strictest = POLICY_ALLOW;

	for (size_t i = 0; i < found->found.near_n; i++) {
		const struct service_tool *tool = found->found.near[i];
		struct policy_use use = found->use;
		struct policy_verdict verdict = { .effect = POLICY_BLOCK };

		use.tool = tool->name;
		use.class = class_of(tool->effect);
		use.args = NULL;
		use.resources_n = 0;
		if (policy_decide(policy, &use, &verdict) != OK)
			return POLICY_BLOCK;
		strictest = verdict.effect > strictest ? verdict.effect : strictest;
	}
	return strictest;
}

static enum err check_scopes(struct permit *permit, const struct service_tool *tool)
{
	struct scopes have, need = { 0 }, missing;
	char text[SCOPES_MAX_BYTES + 1];

	if (tool == NULL || permit->connection.scopes.n == 0)
		return OK; /* the provider knows better than a row that says nothing */
	TRY(scopes_parse(permit->connection.scopes, " ", &have));
	for (size_t i = 0; i < tool->scopes.n; i++)
		TRY(scopes_add(&need, tool->scopes.at[i]));
	scopes_without(&need, &have, &missing);
	if (missing.n == 0)
		return OK;
	TRY(scopes_print(&missing, text));
	memcpy(permit->mend.missing, text, sizeof text);
	return ERR_INSUFFICIENT_SCOPE;
}

enum err recognise_decide(struct flow *flow, struct permit *permit, struct recognised *found)
{
	struct policy_verdict verdict = { .effect = POLICY_BLOCK };

	found->use.now = flow->now;
	const bool needs =
		policy_needs_context(permit->policy, found->use.service, found->use.tool);
	if (needs)
		found->use.context = context_known(flow, permit, &found->use);
	const enum err err = policy_decide(permit->policy, &found->use, &verdict);
	found->asks = needs && verdict.unsure && found->use.context == POLICY_CONTEXT_UNKNOWN;
	TRY(err);
	const enum policy_effect near = strictest_near(permit->policy, found);
	const enum policy_effect effect = near > verdict.effect ? near : verdict.effect;
	switch (effect) {
	case POLICY_ALLOW:
		return check_scopes(permit, found->found.tool);
	case POLICY_APPROVE:
	case POLICY_STEP_UP:
		return ERR_APPROVAL_REQUIRED;
	case POLICY_BLOCK:
		break;
	}
	return ERR_DENIED;
}
