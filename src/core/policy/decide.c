/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include "core/policy/ruleset.h"

/* False: the agent is not where the whole policy wants it to be. */
static bool network_ok(const struct policy *policy, const uint8_t *address,
		       struct policy_verdict *ret)
{
	if (policy->networks.n == 0 ||
	    condition_networks_test(&policy->networks, address) == TRUTH_YES)
		return true;
	ret->line = policy->networks_line;
	ret->unsure = address == NULL;
	ret->rule = str("networks");
	ret->reason = address == NULL
			      ? "The agent's address is not known, and the policy names networks."
			      : "The agent's address is in none of the policy's networks.";
	return false;
}

static void decide_raw(const struct service_rules *service, enum policy_class class,
		       struct policy_verdict *ret)
{
	ret->line = service->proxy_line;
	ret->rule = str("proxy");
	switch (service->proxy) {
	case PROXY_BLOCK:
		ret->reason = "A request that matches no tool is not permitted.";
		return;
	case PROXY_READ:
		ret->unsure = class == POLICY_CLASS_UNKNOWN;
		ret->effect = class == POLICY_READ ? POLICY_ALLOW : POLICY_BLOCK;
		ret->reason = class == POLICY_READ
				      ? "Requests that match no tool are permitted where they read."
				      : "Of requests that match no tool only those that read are "
					"permitted.";
		return;
	case PROXY_ALLOW:
		ret->effect = POLICY_ALLOW;
		ret->reason = "Requests that match no tool are permitted.";
		return;
	}
}

static void decide_tool(const struct service_rules *service, const struct policy_use *use,
			struct policy_verdict *ret)
{
	const struct rule *rule = ruleset_rule(service, use->tool);

	if (rule == NULL) {
		ret->reason = "No tool has a name of this length.";
		return;
	}
	ret->reason = "The rule of this tool decides.";
	if (rule == &service->otherwise)
		ret->reason = rule->name.n == 0
				      ? "No rule names this tool, and the service has no default."
				      : "No rule names this tool: the service's default decides.";
	else if (rule->pattern.n != use->tool.n)
		ret->reason = "The rule of the longest prefix decides.";
	rule_decide(rule, use, ret);
}

enum err policy_decide(const struct policy *policy, const struct policy_use *use,
		       struct policy_verdict *ret)
{
	const struct service_rules *service = ruleset_service(policy, use->service);

	*ret = (struct policy_verdict){ .effect = POLICY_BLOCK,
					.reason = "The policy does not name this service." };
	if (service != NULL && network_ok(policy, use->address, ret)) {
		if (use->tool.n == 0)
			decide_raw(service, use->class, ret);
		else
			decide_tool(service, use, ret);
	}
	return ret->effect == POLICY_BLOCK ? ERR_DENIED : OK;
}

bool policy_needs_context(const struct policy *policy, struct bytes service, struct bytes tool)
{
	const struct service_rules *rules = ruleset_service(policy, service);
	const struct rule *rule = rules == NULL ? NULL : ruleset_rule(rules, tool);

	return rule != NULL && rule_asks(rule, CONDITION_CONTEXT);
}

bool policy_shows(const struct policy *policy, struct bytes service, struct bytes tool)
{
	const struct service_rules *rules = ruleset_service(policy, service);
	const struct rule *rule = rules == NULL ? NULL : ruleset_rule(rules, tool);

	return rule != NULL && rule_opens(rule);
}

size_t policy_limits(const struct policy *policy, const struct policy_use *use,
		     struct policy_limit ret[static POLICY_LIMITS_MAX])
{
	return limits_find(&policy->limits, use, ret);
}

static enum err say(struct policy_decision *ret, enum err err, unsigned line, const char *reason)
{
	ret->effect = err == OK ? POLICY_ALLOW : POLICY_BLOCK;
	ret->line = line;
	ret->reason = reason;
	return err;
}

/* asked ∩ policy, then ∩ granted. */
static enum err decide_scopes(const struct exchange_rule *rule, const struct policy_facts *facts,
			      struct policy_decision *ret)
{
	const unsigned line = rule->rule.line;
	struct scopes asked, granted, permitted, given, missing;

	if (scopes_parse(facts->asked, " ", &asked) != OK)
		return say(ret, ERR_INVALID_SCOPE, 0, "The scopes asked for are malformed.");
	if (!facts->granted_known)
		granted = (struct scopes){ 0 };
	else if (scopes_parse(facts->granted, " ", &granted) != OK)
		return say(ret, ERR_DENIED, 0, "The scopes on record cannot be read.");
	if (asked.n == 0)
		permitted = rule->restricted ? rule->scopes : granted;
	else if (rule->restricted)
		scopes_meet(&asked, &rule->scopes, &permitted);
	else
		permitted = asked;
	if (asked.n > 0 && permitted.n == 0)
		return say(ret, ERR_INVALID_SCOPE, line,
			   "The policy permits none of the scopes asked for.");
	given = permitted;
	if (facts->granted_known) {
		scopes_meet(&permitted, &granted, &given);
		scopes_without(&permitted, &granted, &missing);
		if (given.n == 0 && missing.n > 0) {
			if (scopes_print(&missing, ret->missing) != OK)
				return say(ret, ERR_INVALID_SCOPE, line, "Too many scopes.");
			return say(ret, ERR_INSUFFICIENT_SCOPE, line,
				   "The account has granted none of the scopes needed.");
		}
	}
	if (scopes_print(&given, ret->scopes) != OK)
		return say(ret, ERR_INVALID_SCOPE, line, "Too many scopes.");
	return say(ret, OK, line, "The policy permits this exchange.");
}

enum err policy_decide_exchange(const struct policy *policy, const struct policy_facts *facts,
				struct policy_decision *ret)
{
	const struct service_rules *service = ruleset_service(policy, facts->service);
	const struct policy_use use = { .address = facts->address, .now = facts->now };
	struct policy_verdict verdict = {
		.reason = "The policy does not permit exchanges for this service."
	};

	*ret = (struct policy_decision){ .effect = POLICY_BLOCK };
	if (service == NULL)
		return say(ret, ERR_INVALID_TARGET, 0, "The policy does not name this service.");
	if (!network_ok(policy, facts->address, &verdict)) {
		ret->unsure = verdict.unsure;
		return say(ret, ERR_DENIED, verdict.line, verdict.reason);
	}
	rule_decide(&service->exchange.rule, &use, &verdict);
	ret->when_line = verdict.when_line;
	ret->unsure = verdict.unsure;
	if (verdict.effect != POLICY_ALLOW)
		return say(ret, ERR_DENIED, verdict.line, verdict.reason);
	return decide_scopes(&service->exchange, facts, ret);
}
