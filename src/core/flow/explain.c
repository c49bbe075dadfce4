/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/explain.h"

#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/resources.h"
#include "core/flow/spend.h"

static const struct service_tool *tool_find(const struct service *service, struct bytes name)
{
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_eq(service->tools[i].name, name))
			return &service->tools[i];
	return NULL;
}

/* The service and the tool have to be there: a typing error must not be explained as a refusal. */
static enum err find_use(struct flow *flow, struct call *call,
			 const struct explain_request *request, struct explain *ret)
{
	static const enum policy_class classes[] = {
		[SERVICE_READ] = POLICY_READ,
		[SERVICE_WRITE] = POLICY_WRITE,
		[SERVICE_DESTRUCTIVE] = POLICY_DESTRUCTIVE,
	};
	const struct service *service;
	struct bytes rest = request->tool;

	ret->use = (struct policy_use){
		.service = bytes_cut(&rest, '.'),
		.tool = rest,
		.class = request->class,
		.args = request->args,
		.context = request->context,
		.address = call_address(call),
		.now = request->now == 0 ? flow->now : request->now,
	};
	TRY(compiled_service(flow, call->tenant, ret->use.service, &service));
	if (rest.n == 0)
		return OK;
	const struct service_tool *tool = tool_find(service, rest);
	if (tool == NULL)
		return ERR_NOT_FOUND;
	ret->use.class = classes[tool->effect];
	return resources_find(tool, &ret->ids, &ret->use);
}

static enum err find_limits(struct flow *flow, const struct policy *policy, struct explain *ret)
{
	struct policy_limit limits[POLICY_LIMITS_MAX];

	ret->limits_n = policy_limits(policy, &ret->use, limits);
	for (size_t i = 0; i < ret->limits_n; i++) {
		ret->limits[i].limit = limits[i];
		TRY(spend_spent(flow, &ret->vault, &ret->use, &limits[i], &ret->limits[i].spent));
	}
	return OK;
}

enum err explain_use(struct flow *flow, struct call *call, const struct explain_request *request,
		     struct explain *ret)
{
	const struct policy *policy;

	*ret = (struct explain){ 0 };
	dynbuf_init(&ret->ids, RESOURCES_TEXT_MAX);
	TRY(store_vault_get(flow->store, call->tenant, request->vault, &ret->vault));
	TRY(find_use(flow, call, request, ret));
	TRY(store_policy_get(flow->store, call->tenant, request->vault, ret->vault.policy_version,
			     &ret->policy));
	TRY(compiled_policy(flow, &ret->vault, &policy));
	const enum err err = policy_decide(policy, &ret->use, &ret->verdict);
	if (err != OK && err != ERR_DENIED)
		return err;
	ret->shows = policy_shows(policy, ret->use.service, ret->use.tool);
	return find_limits(flow, policy, ret);
}

void explain_done(struct explain *explain)
{
	dynbuf_done(&explain->ids);
}
