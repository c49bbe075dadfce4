/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include <stdlib.h>

#include "core/policy/ruleset.h"

static bool printable(struct bytes text, size_t max)
{
	if (text.n == 0 || text.n > max)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return true;
}

static enum err read_scopes(const struct reader *r, const struct yaml_node *list,
			    struct scopes *ret)
{
	struct bytes name;

	if (list->kind != YAML_LIST || list->first == NULL)
		return REFUSE(r, list, "'scopes' must be a list with at least one scope");
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next) {
		if (!yaml_str(node, &name) || !scope_ok(name))
			return REFUSE(r, node, "this is not a scope (RFC 6749 section 3.3)");
		if (scopes_has(ret, name))
			return REFUSE(r, node, "the scope '%.*s' is there twice", (int)name.n,
				      name.p);
		if (scopes_add(ret, name) != OK)
			return REFUSE(r, node, "more than %d scopes", SCOPES_MAX);
	}
	return OK;
}

static enum err read_exchange(const struct reader *r, const struct yaml_node *node,
			      struct exchange_rule *ret)
{
	static const struct rule_form form = { .facts = false, .extra = "scopes" };
	const struct yaml_node *scopes = yaml_find(node, "scopes");

	if (node->kind != YAML_MAP)
		return REFUSE(r, node, "'exchange' must be a map such as {effect: allow}");
	TRY(rule_read(r, node, &form, &ret->rule));
	const struct rule *rule = &ret->rule;
	const bool asks = rule->effect == POLICY_APPROVE || rule->effect == POLICY_STEP_UP;
	if (asks || rule->otherwise == POLICY_APPROVE || rule->otherwise == POLICY_STEP_UP)
		return REFUSE(r, yaml_find(node, asks ? "effect" : "else"),
			      "an exchange is allowed or blocked: a person decides over calls, not "
			      "over tokens");
	if (scopes == NULL)
		return OK;
	ret->restricted = true;
	return read_scopes(r, scopes, &ret->scopes);
}

static enum err read_proxy(const struct reader *r, const struct yaml_node *node,
			   struct service_rules *ret)
{
	static const char *const words[] = {
		[PROXY_BLOCK] = "block",
		[PROXY_READ] = "read",
		[PROXY_ALLOW] = "allow",
	};
	struct bytes text;

	ret->proxy_line = node->line;
	if (yaml_str(node, &text))
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (bytes_is(text, words[i])) {
				ret->proxy = (enum proxy_rule)i;
				return OK;
			}
	return REFUSE(r, node, "'proxy' must be block, read or allow");
}

static enum err read_tool(const struct reader *r, const struct yaml_node *node,
			  struct service_rules *ret)
{
	static const struct rule_form form = { .facts = true };
	struct bytes name;
	bool prefix;

	if (!reader_pattern(node->name, &prefix, &name))
		return REFUSE(r, node,
			      "'%.*s' is not the name of a tool, nor a prefix such as "
			      "issues.*",
			      (int)node->name.n, node->name.p);
	TRY(reader_known(r, node, prefix ? POLICY_NAME_TOOLS : POLICY_NAME_TOOL, name));
	struct rules *rules = prefix ? &ret->prefixes : &ret->exact;
	struct rule *rule = &rules->at[rules->n++];
	rule->pattern = name;
	return rule_read(r, node, &form, rule);
}

static enum err read_tools(const struct reader *r, const struct yaml_node *map,
			   struct service_rules *ret)
{
	if (map->kind != YAML_MAP || map->first == NULL)
		return REFUSE(r, map, "'tools' is a map from tool to effect");
	const size_t n = reader_count(map);
	ret->exact.at = calloc(n, sizeof *ret->exact.at);
	ret->prefixes.at = calloc(n, sizeof *ret->prefixes.at);
	if (ret->exact.at == NULL || ret->prefixes.at == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *node = map->first; node != NULL; node = node->next)
		TRY(read_tool(r, node, ret));
	return OK;
}

static bool id_ok(struct bytes id)
{
	if (id.n == 0 || id.n > SERVICE_MAX_BYTES || id.p[0] < 'a' || id.p[0] > 'z')
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!(id.p[i] >= 'a' && id.p[i] <= 'z') && !(id.p[i] >= '0' && id.p[i] <= '9') &&
		    id.p[i] != '-')
			return false;
	return true;
}

static enum err read_service(const struct reader *all, const struct yaml_node *node,
			     struct service_rules *ret)
{
	static const char *const keys[] = { "exchange", "proxy", "default", "tools" };
	static const struct rule_form form = { .facts = true };
	struct reader of = *all;
	const struct reader *r = &of;
	const struct yaml_node *child;

	if (!id_ok(node->name) || bytes_str(node->name, ret->id, sizeof ret->id) != OK)
		return REFUSE(r, node, "'%.*s' is not a service id", (int)node->name.n,
			      node->name.p);
	of.service = node->name;
	if (node->kind != YAML_MAP)
		return REFUSE(r, node, "the rules of a service must be a map");
	TRY(reader_known(r, node, POLICY_NAME_SERVICE, (struct bytes){ NULL, 0 }));
	TRY(reader_keys(r, node, keys, ARRAY_LEN(keys)));
	ret->line = ret->proxy_line = node->line;
	ret->exchange.rule = ret->otherwise =
		(struct rule){ .effect = POLICY_BLOCK, .line = node->line };
	if ((child = yaml_find(node, "exchange")) != NULL)
		TRY(read_exchange(r, child, &ret->exchange));
	if ((child = yaml_find(node, "proxy")) != NULL)
		TRY(read_proxy(r, child, ret));
	if ((child = yaml_find(node, "default")) != NULL)
		TRY(rule_read(r, child, &form, &ret->otherwise));
	child = yaml_find(node, "tools");
	return child == NULL ? OK : read_tools(r, child, ret);
}

static enum err read_services(const struct reader *r, const struct yaml_node *map,
			      struct policy *policy)
{
	if (map == NULL || map->kind != YAML_MAP)
		return REFUSE(r, map, "a policy needs 'services', a map from service id to rules");
	policy->services = calloc(reader_count(map) + 1, sizeof *policy->services);
	if (policy->services == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *node = map->first; node != NULL; node = node->next) {
		if (policy->services_n == POLICY_SERVICES_MAX)
			return REFUSE(r, node, "more than %d services", POLICY_SERVICES_MAX);
		TRY(read_service(r, node, &policy->services[policy->services_n++]));
	}
	return OK;
}

static enum err read_expires(const struct reader *r, const struct yaml_node *node, usec_t *ret)
{
	struct bytes text;

	if (yaml_str(node, &text) && reader_duration(text, ret))
		return OK;
	return REFUSE(r, node, "'expires' must be a length of time such as 30m, 4h or 7d");
}

static enum err read_policy(const struct reader *r, struct policy *policy)
{
	static const char *const keys[] = { "name", "expires", "services", "limits", "networks" };
	const struct yaml_node *root = yaml_root(r->yaml);
	const struct yaml_node *name = yaml_find(root, "name");
	const struct yaml_node *expires = yaml_find(root, "expires");
	const struct yaml_node *limits = yaml_find(root, "limits");
	const struct yaml_node *networks = yaml_find(root, "networks");

	if (root->kind != YAML_MAP)
		return REFUSE(r, root, "a policy is a map with 'name' and 'services'");
	TRY(reader_keys(r, root, keys, ARRAY_LEN(keys)));
	if (!yaml_str(name, &policy->name) || !printable(policy->name, NAME_MAX_BYTES))
		return REFUSE(r, name, "a policy needs 'name', a text of 1 to %d bytes",
			      NAME_MAX_BYTES);
	if (expires != NULL)
		TRY(read_expires(r, expires, &policy->expires));
	TRY(read_services(r, yaml_find(root, "services"), policy));
	if (limits != NULL)
		TRY(limits_read(r, limits, &policy->limits));
	if (networks == NULL)
		return OK;
	policy->networks_line = networks->line;
	return condition_networks_read(r, networks, &policy->networks);
}

enum err policy_compile(struct bytes text, const char *file, const struct policy_terms *terms,
			struct complaint *complaint, struct policy **ret)
{
	static const struct policy_terms none = { 0 };
	scoped(policy_free) struct policy *policy = calloc(1, sizeof *policy);

	if (policy == NULL)
		return FAULT_NOMEM;
	TRY(yaml_parse(text, file, complaint, &policy->yaml));
	const struct reader reader = { .yaml = policy->yaml,
				       .complaint = complaint,
				       .terms = terms == NULL ? &none : terms };
	TRY(read_policy(&reader, policy));
	ruleset_sort(policy);
	*ret = take(policy);
	return OK;
}

static void rules_done(struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		rule_done(&rules->at[i]);
	free(rules->at);
}

void policy_free(struct policy **policyp)
{
	struct policy *policy = *policyp;

	if (policy == NULL)
		return;
	for (size_t i = 0; i < policy->services_n; i++) {
		struct service_rules *service = &policy->services[i];
		rule_done(&service->exchange.rule);
		rule_done(&service->otherwise);
		rules_done(&service->exact);
		rules_done(&service->prefixes);
	}
	yaml_free(&policy->yaml);
	free(policy->networks.at);
	free(policy->services);
	free(policy);
	*policyp = NULL;
}

struct bytes policy_name(const struct policy *policy)
{
	return policy->name;
}

const char *policy_service_at(const struct policy *policy, size_t n)
{
	return n < policy->services_n ? policy->services[n].id : NULL;
}

usec_t policy_expires(const struct policy *policy, usec_t now)
{
	return policy->expires == 0 ? 0 : now + policy->expires;
}

const char *policy_effect_name(enum policy_effect effect)
{
	static const char *const names[] = {
		[POLICY_ALLOW] = "allow",
		[POLICY_APPROVE] = "approve",
		[POLICY_STEP_UP] = "step_up",
		[POLICY_BLOCK] = "block",
	};

	return names[effect];
}
